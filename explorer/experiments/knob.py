"""The number of a model that is turned: which it is, the values that it takes, and the model and its run at each.

A picture of a value is the run of the model that has it, so what is seen while turning is what is there after letting go.
The values depend on the number's place and the middle of the range alone, not on where it stands: the range stays put.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from engine import Run
from engine.language import written
from engine.support import shown
from explorer import model as models
from explorer.fields import Format, formats, is_name
from explorer.model import Array, Model
from explorer.words.numbers import number

VALUES: Final = 41
_MIDDLE: Final = VALUES // 2
_WIDEST: Final = 4.0  # the largest factor of the range; its inverse is the smallest
MAX_NUMBERS: Final = 1_000_000  # of one run; all runs of a knob then take about a second

#: Kind -> what of an array is turned.
KINDS: Final = {
    "gain": "gain",
    "radius": "spectral radius",
    "norm": "largest singular value",
    "added": "value of all entries",
    "entry": "one entry",
    "step": "step",
}


@dataclass(frozen=True)
class Turn:
    """Which number is turned, and the middle of its range.

    kind     key of `KINDS`
    of       the array: a parameter, or x; empty for the step that carries the loss
    centre   of gain, radius and norm the factor of the array; else what is added, the entry, or the step
    index    of the entry, counted from 0, else empty

    Whether a model has such a number is not known here: a knob is kept until its number is there again.
    """

    kind: str
    of: str = ""
    centre: float = 1.0
    index: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{shown(self.kind)} is nothing that a knob turns; one of {', '.join(KINDS)}")
        if self.kind != "step" and not is_name(self.of):
            raise ValueError(f"{shown(self.of)} is no name of an array")
        if self.kind == "step" and self.of:
            raise ValueError("the step of the loss is that of no array")
        if (self.kind == "entry") != bool(self.index) or len(self.index) > 2 or min(self.index, default=0) < 0:
            raise ValueError("an entry, and nothing else, has one index or two, counted from 0")
        if not abs(self.centre) <= models.MAX_FACTOR:
            raise ValueError(f"{self.centre:g} is too large to be turned; at most {models.MAX_FACTOR:g}")
        if self.kind in ("gain", "radius", "norm") and abs(self.centre) < 1 / models.MAX_FACTOR:
            raise ValueError(f"a factor of {self.centre:g} is too small to be turned")


def _read_knob(text: str) -> Turn:
    kind, of, centre, *index = [*text.split(","), "", ""][: max(text.count(",") + 1, 3)]
    return Turn(kind, of, formats.NUMBER.read(centre), tuple(map(formats.WHOLE.read, index)))


def _read_side(text: str) -> Turn:
    kind, of, *index = [*text.split(","), ""][: max(text.count(",") + 1, 2)]
    return Turn(kind, of, 1.0, tuple(map(formats.WHOLE.read, index)))


#: A number with the middle of its range, and one whose middle is 1.
KNOB: Final = Format(
    _read_knob, lambda turn: ",".join([turn.kind, turn.of, formats.NUMBER.write(turn.centre), *map(str, turn.index)])
)
SIDE: Final = Format(_read_side, lambda turn: ",".join([turn.kind, turn.of, *map(str, turn.index)]))


def arrays(model: Model) -> tuple[str, ...]:
    """What can be turned: every parameter, x; and, as an empty name, the step of the loss."""
    made = models.structure(model)
    return (*made.parameters, *["x"] * made.reads_x, *[""] * bool(made.states))


def kinds(model: Model, of: str) -> tuple[str, ...]:
    """What of an array can be turned. Raises ValueError if there is no such array."""
    if of not in arrays(model):
        raise ValueError(f"there is no {shown(of) or 'step'} to be turned here")
    if not of:
        return ("step",)
    shape = base(model, of).shape
    if of == "x":
        return ("gain",)
    if len(shape) == 1:
        return ("added", *["gain"] * bool(base(model, of).any()), "entry")
    return ("gain", *["radius"] * (shape[0] == shape[1]), "norm", "entry")


def present(model: Model, turn: Turn) -> float:
    """The number as it is. Raises ValueError if the model has no such number."""
    if turn.kind not in kinds(model, turn.of):
        raise ValueError(f"{turn.of or 'the loss'} has no {KINDS[turn.kind]}")
    if turn.kind == "step":
        weights = models.factors(model)
        if np.count_nonzero(weights) != 1 or weights.max() != 1:
            raise ValueError("the losses of several steps count, or one with a weight; the knob moves that of one step")
        return float(np.argmax(weights) + 1)
    if turn.kind == "entry":
        array = models.parameters(model)[turn.of]
        if len(turn.index) != array.ndim or any(i >= n for i, n in zip(turn.index, array.shape, strict=True)):
            raise ValueError(f"{turn.of} has no entry {list(turn.index)}: its shape is {array.shape}")
        return float(array[turn.index])
    factor, added = models.turned(model, turn.of)
    return added if turn.kind == "added" else factor


def placed(model: Model, turn: Turn) -> tuple[Turn, int]:
    """The knob about a range that has the present value, and which of its values that is.

    The range is that of `turn`, unless the number was set to something else meanwhile. Raises ValueError as `present` does.
    """
    now = present(model, turn)
    if now not in values(model, turn):
        turn = replace(turn, centre=now)
    return turn, values(model, turn).index(now)


def values(model: Model, turn: Turn) -> tuple[float, ...]:
    """The values of the knob, rising, its centre among them; for radius and norm, so that 1 is among them if it is near."""
    away = (np.arange(VALUES) - _MIDDLE) / _MIDDLE
    if turn.kind == "step":
        return _steps(len(models.factors(model)), turn.centre)
    if turn.kind == "added":
        return tuple((turn.centre + 4 * away).tolist())
    if turn.kind == "entry":
        reach = 2.0 * max(1.0, 10.0 ** np.floor(np.log10(abs(turn.centre) or 1)))
        return tuple((turn.centre + reach * away).tolist())
    found = turn.centre * _WIDEST**away
    one = size(model, turn)
    if turn.kind != "gain" and _WIDEST**-1 < abs(turn.centre) * one < _WIDEST:
        nearest = int(np.argmin(np.abs(np.log(np.abs(found) * one))))
        if nearest != _MIDDLE:
            found[nearest] = np.sign(turn.centre) / one
    return tuple(found.tolist())


def _steps(many: int, centre: float) -> tuple[float, ...]:
    """All steps, or as many as the knob has values, evenly: the first, the last and that of the centre among them."""
    steps = np.unique(np.rint(np.linspace(1, many, min(many, VALUES))))
    middle = min(max(round(centre), 1), many)
    inner = range(1, len(steps) - 1)
    if middle not in steps:
        steps[min(inner, key=lambda k: abs(steps[k] - middle))] = middle
    return tuple(steps.tolist())


def title(model: Model, turn: Turn) -> str:
    """What is turned, in words: the name of what `written_value` gives. The only entry of an array is called as the array is."""
    name = written(turn.of)
    if turn.kind == "step":
        return "Step that carries the loss"
    if turn.kind == "entry":
        only = models.parameters(model)[turn.of].size == 1
        return name if only else f"Entry {', '.join(str(i + 1) for i in turn.index)} of {name}"
    if turn.kind == "added":
        return f"Added to {name}" if common(model, turn.of) is None else f"Value of {name}"
    return "Scale of the input x" if turn.of == "x" else f"{KINDS[turn.kind].capitalize()} of {name}"


def units(model: Model, turn: Turn) -> tuple[float, float]:
    """How the number is written, wherever it is: factor · number + origin.

    A spectral radius and a norm are written as such, not as the factor of the array; of a vector whose entries are all the
    same not what is added to them is written, but their value.
    """
    if turn.kind == "added":
        return 1.0, (common(model, turn.of) or 0.0) * models.turned(model, turn.of)[0]
    return size(model, turn), 0.0


def written_value(model: Model, turn: Turn, value: float) -> float:
    """The number as it is written, from the one that is turned."""
    factor, origin = units(model, turn)
    return factor * value + origin


def from_written(model: Model, turn: Turn, value: float) -> float:
    """The number that is turned, from the one that is written."""
    factor, origin = units(model, turn)
    return (value - origin) / factor


def labels(model: Model, turn: Turn) -> tuple[str, ...]:
    """The values as they are written; what is added to a vector with its sign."""
    found = [written_value(model, turn, value) for value in values(model, turn)]
    if turn.kind in ("radius", "norm"):
        found = [abs(value) for value in found]
    signed = turn.kind == "added" and common(model, turn.of) is None
    return tuple("+" * (signed and value >= 0) + number(value) for value in found)


def at(model: Model, turn: Turn, value: float) -> Model:
    """The model with another value of the number. Raises ValueError for one that is not allowed."""
    if turn.kind == "step":
        steps = len(models.factors(model))
        if value == steps:
            return models.changed(model, count="last")
        weights = np.arange(1, steps + 1) == value
        return models.changed(model, count="hand", weights=tuple(weights.astype(float).tolist()))
    if turn.kind == "entry":
        return models.with_edits(model, {(turn.of, turn.index): value})
    factor, added = models.turned(model, turn.of)
    if turn.kind == "added":
        return models.with_turn(model, turn.of, factor, value)
    return models.with_turn(model, turn.of, value, added)


def chosen(model: Model, kind: str, of: str = "", index: tuple[int, ...] = ()) -> tuple[Model, Turn]:
    """A knob about the present value; the loss first goes to the last step if it does not stand at one."""
    turn = Turn(kind, of, 1.0, index)
    try:
        return model, replace(turn, centre=present(model, turn))
    except ValueError:
        if kind != "step" or of not in arrays(model):
            raise
    model = models.changed(model, count="last")
    return model, replace(turn, centre=present(model, turn))


def runs(model: Model, turn: Turn) -> Iterator[Run]:
    """The run at each value. Raises ValueError, before the first, if all together are too much."""
    check_size(model)
    return (models.run(at(model, turn, value)) for value in values(model, turn))


def check_size(model: Model) -> None:
    """Raise ValueError for a model whose runs at all values would take too long."""
    steps, samples = models.task(model).x.shape[:2]
    each = models.numbers_per_step(model)
    if (numbers := each * steps * samples) > MAX_NUMBERS:
        raise ValueError(
            f"a knob has {VALUES} runs, of {numbers:,} numbers each with {steps:,} steps and {samples:,}"
            f" {'sample' if samples == 1 else 'samples'}; at most {MAX_NUMBERS:,} each are computed for it:"
            f" {MAX_NUMBERS // each:,} steps times samples would fit, or take smaller sizes"
        )


def base(model: Model, of: str) -> Array:
    """The array as it is before it is turned as a whole."""
    plain = _without(model, of)
    return models.task(plain).x if of == "x" else models.parameters(plain)[of]


def size(model: Model, turn: Turn) -> float:
    """What a value of 1 stands for: the spectral radius or the largest singular value of the array, and 1 for the rest."""
    return _size(_without(model, turn.of), turn.of, turn.kind) if turn.kind in ("radius", "norm") else 1.0


def _without(model: Model, of: str) -> Model:
    """The model with the array as it is before it is turned as a whole."""
    return models.with_turn(model, of, 1.0) if models.turned(model, of) != (1, 0) else model


@lru_cache(maxsize=64)
def _size(plain: Model, of: str, kind: str) -> float:
    array = base(plain, of)
    return float(np.abs(np.linalg.eigvals(array)).max() if kind == "radius" else np.linalg.norm(array, 2))


def common(model: Model, of: str) -> float | None:
    """The one number that all entries of a vector are, before it is turned."""
    array = base(model, of)
    return float(array[0]) if (array == array[0]).all() else None
