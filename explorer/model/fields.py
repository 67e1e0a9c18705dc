"""The fields on which a run depends, each with its default, its key in a link, its format there and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from numpy.typing import NDArray

from engine.inputs import SCHEMES, SEED, Scheme
from explorer.fields import LONGEST_NAME, Format, formats, grouped, linked, one_of
from explorer.model.bounds import COUNTS, LAYERS, REDUCTIONS, Value

Array: TypeAlias = NDArray[Any]
#: A place in an array of `arrays`: its name, and an index of it.
Place: TypeAlias = tuple[str, tuple[int, ...]]
Edits: TypeAlias = tuple[tuple[Place, float], ...]
#: Arrays turned as a whole: name, factor of all entries, and the number that is then added to each.
Scaled: TypeAlias = tuple[tuple[str, float, float], ...]


def _read_edits(text: str) -> Edits:
    edits = []
    for part in text.split(";"):
        entry = re.fullmatch(
            rf"(\w{{1,{LONGEST_NAME}}})\[(\d{{1,7}}(?:,\d{{1,7}}){{0,2}})\]=(.{{1,40}})", part, re.ASCII
        )
        if entry is None:
            raise ValueError("entries such as W[0,1]=0.5 with semicolons between are needed")
        name, index, value = entry.groups()
        number = int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else formats.NUMBER.read(value)
        edits.append(((name, tuple(map(int, index.split(",")))), number))
    return tuple(edits)


def _write_edits(edits: Edits) -> str:
    return ";".join(f"{name}{list(index)}={value!r}".replace(" ", "") for (name, index), value in edits)


def _read_scheme(text: str) -> Scheme:
    name, *parts = text.split(",")
    numbers = {key: formats.NUMBER.read(value) for key, _, value in (part.partition(":") for part in parts)}
    if name not in SCHEMES:
        return Scheme(name)
    known = {setting.name for setting in SCHEMES[name].settings}
    if not numbers.keys() <= known:
        raise ValueError(f"{SCHEMES[name].title} has {', '.join(sorted(known)) or 'no number'}")
    return Scheme(name, **numbers)


def _write_scheme(scheme: Scheme) -> str:
    numbers = [(setting, getattr(scheme, setting.name)) for setting in SCHEMES[scheme.name].settings]
    changed = [(setting.name, value) for setting, value in numbers if value != setting.default]
    return ",".join([scheme.name, *(f"{name}:{formats.NUMBER.write(value)}" for name, value in changed)])


EDITS: Final = Format(_read_edits, _write_edits)
SCHEME: Final = Format(_read_scheme, _write_scheme)


def _write_setting(value: Value) -> str:
    form = formats.TRUTH if isinstance(value, bool) else formats.TEXT if isinstance(value, str) else formats.NUMBER
    return form.write(value)  # type: ignore[arg-type]  # the format of its kind


@dataclass(frozen=True)
class Fields:
    """The fields on which a run depends, unchecked; `Model` checks them, and `parts` has what follows from them."""

    #: A name of the catalogue, and its choices where it has them; or `OWN`.
    cell: str = linked("cell", "rnn")
    activation: str = linked("activation", "tanh")
    layers: int = linked("layers", LAYERS.default, formats.WHOLE)
    #: The equations of a cell of the user's own, else empty.
    text: str = linked("eq", "", formats.PACKED, words="equations of your cell")
    #: Hidden sizes that are not `HIDDEN.default`: pairs of a class's first name and its number of units.
    sizes: tuple[tuple[str, int], ...] = grouped("n.", lambda size: (size[0], str(size[1])), words="sizes")
    #: A name of `TASKS`, and pairs of those settings that are not its defaults.
    task: str = linked("task", "text")
    settings: tuple[tuple[str, Value], ...] = grouped("", lambda row: (row[0], _write_setting(row[1])))
    #: Which losses count; for "hand" one factor for each step, else none.
    count: str = linked("loss", "task", check=one_of(COUNTS, "the losses that count"), words="which losses count")
    weights: tuple[float, ...] = linked("w", (), formats.NUMBERS, words="weights of the losses")
    #: Over the samples.
    reduction: Literal["mean", "sum"] = linked("reduction", "mean", check=one_of(REDUCTIONS, "reduction"))
    #: Whether the task's own weights are used, where it brings weights that fit.
    own: bool = linked("own", True, formats.TRUTH, words="weights")
    #: The initial weights of all parameters, their seed, and the schemes of single parameters.
    scheme: Scheme = linked("init", Scheme(), SCHEME, words="initial weights")
    seed: int = linked("init_seed", SEED.default, formats.WHOLE, check=SEED.checked, words="seed")
    overrides: tuple[tuple[str, Scheme], ...] = grouped(
        "init.", lambda row: (row[0], _write_scheme(row[1])), words="initial weights"
    )
    #: Numbers changed by hand, in order: ((name, index), value) of a parameter, of "x", "y" or, under the name of a state, of
    #: its initial values (K, B, n), whose last row is t = 0; a class of y is an int.
    edits: Edits = linked("edit", (), EDITS, words="numbers changed by hand")
    #: Arrays turned as a whole, after the edits, in order of their names: (name, factor, added) of a parameter or of "x"; only
    #: to a vector of parameters something is added.
    scaled: Scaled = grouped(
        "turn.",
        lambda row: (row[0], formats.joined(row[1:] if row[2] else row[1:2])),
        words="parameters turned as a whole",
    )
