"""The knob: a number of a model, the values that it takes, and the model and its run at each value.

Each value has a run of its own, so the picture while turning is the picture after letting go. The values depend only on the
number's place and on the middle of the range, not on the present value: the range stays put.
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

#: Kind of a number -> its title.
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
    """A number that a knob turns, and the middle of its range.

    kind     key of `KINDS`
    of       the array: a parameter, or x; empty for the step that carries the loss
    centre   of gain, radius and norm the factor of the array; else the number added, the entry, or the step
    index    of the entry, counted from 0, else empty

    No model is looked at: a knob whose number a model lacks is kept until a model has it again.
    """

    kind: str
    of: str = ""
    centre: float = 1.0
    index: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{shown(self.kind)} cannot be turned by a knob; one of {', '.join(KINDS)}")
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
    """The arrays that can be turned: every parameter, x; and, as an empty name, the step of the loss."""
    cell = models.structure(model)
    return (*cell.parameters, *["x"] * cell.reads_x, *[""] * bool(cell.states))


def kinds(model: Model, of: str) -> tuple[str, ...]:
    """The kinds of numbers that an array has. Raises ValueError if the array does not exist."""
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
    """The present number. Raises ValueError if the model has no such number."""
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
    """The knob with a range that has the present value, and the place of that value among its values.

    The range is that of `turn`, unless the number has been set to another value meanwhile. Raises ValueError as `present` does.
    """
    now = present(model, turn)
    if now not in values(model, turn):
        turn = replace(turn, centre=now)
    return turn, values(model, turn).index(now)


def values(model: Model, turn: Turn) -> tuple[float, ...]:
    """The values of the knob, rising, its centre among them; of a radius or a norm one value makes it 1, if 1 is near."""
    away = (np.arange(VALUES) - _MIDDLE) / _MIDDLE
    if turn.kind == "step":
        return _steps(len(models.factors(model)), turn.centre)
    if turn.kind == "added":
        return tuple((turn.centre + 4 * away).tolist())
    if turn.kind == "entry":
        reach = 2.0 * max(1.0, 10.0 ** np.floor(np.log10(abs(turn.centre) or 1)))
        return tuple((turn.centre + reach * away).tolist())
    factors = turn.centre * _WIDEST**away
    unit = size(model, turn)
    if turn.kind != "gain" and _WIDEST**-1 < abs(turn.centre) * unit < _WIDEST:
        nearest = int(np.argmin(np.abs(np.log(np.abs(factors) * unit))))
        if nearest != _MIDDLE:
            factors[nearest] = np.sign(turn.centre) / unit
    return tuple(factors.tolist())


def _steps(many: int, centre: float) -> tuple[float, ...]:
    """All steps, or `VALUES` of them, evenly spread: the first, the last and that of the centre among them."""
    steps = np.unique(np.rint(np.linspace(1, many, min(many, VALUES))))
    middle = min(max(round(centre), 1), many)
    inner = range(1, len(steps) - 1)
    if middle not in steps:
        steps[min(inner, key=lambda k: abs(steps[k] - middle))] = middle
    return tuple(steps.tolist())


def title(model: Model, turn: Turn) -> str:
    """The name of the number that `written_value` gives. The only entry of an array has the name of the array."""
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
    """The factor and the origin with which a number is written on every page: factor · number + origin.

    A spectral radius and a norm are written as such, not as the factor of the array; of a vector whose entries are all the
    same the value of the entries is written, not the number added to them.
    """
    if turn.kind == "added":
        return 1.0, (common(model, turn.of) or 0.0) * models.turned(model, turn.of)[0]
    return size(model, turn), 0.0


def written_value(model: Model, turn: Turn, value: float) -> float:
    """The number that is written, from the number that is turned."""
    factor, origin = units(model, turn)
    return factor * value + origin


def from_written(model: Model, turn: Turn, value: float) -> float:
    """The number that is turned, from the number that is written."""
    factor, origin = units(model, turn)
    return (value - origin) / factor


def labels(model: Model, turn: Turn) -> tuple[str, ...]:
    """The values in writing; a number added to a vector has its sign."""
    numbers = [written_value(model, turn, value) for value in values(model, turn)]
    if turn.kind in ("radius", "norm"):
        numbers = [abs(value) for value in numbers]
    signed = turn.kind == "added" and common(model, turn.of) is None
    return tuple("+" * (signed and value >= 0) + number(value) for value in numbers)


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
    """A knob about the present value; of a loss that is not at a single step the model is first given one at the last."""
    turn = Turn(kind, of, 1.0, index)
    try:
        return model, replace(turn, centre=present(model, turn))
    except ValueError:
        if kind != "step" or of not in arrays(model):
            raise
    model = models.changed(model, count="last")
    return model, replace(turn, centre=present(model, turn))


def runs(model: Model, turn: Turn) -> Iterator[Run]:
    """The run at each value. Raises ValueError before the first run if all together would take too long."""
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
    """The array before it is turned as a whole."""
    unturned = _without(model, of)
    return models.task(unturned).x if of == "x" else models.parameters(unturned)[of]


def size(model: Model, turn: Turn) -> float:
    """The number that a factor of 1 stands for: the spectral radius or the largest singular value; 1 for other kinds."""
    return _size(_without(model, turn.of), turn.of, turn.kind) if turn.kind in ("radius", "norm") else 1.0


def _without(model: Model, of: str) -> Model:
    """The model with the array before it is turned as a whole."""
    return models.with_turn(model, of, 1.0) if models.turned(model, of) != (1, 0) else model


@lru_cache(maxsize=64)
def _size(unturned: Model, of: str, kind: str) -> float:
    array = base(unturned, of)
    return float(np.abs(np.linalg.eigvals(array)).max() if kind == "radius" else np.linalg.norm(array, 2))


def common(model: Model, of: str) -> float | None:
    """The value that all entries of a vector share before it is turned; None if they differ."""
    array = base(model, of)
    return float(array[0]) if (array == array[0]).all() else None
