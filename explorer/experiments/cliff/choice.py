"""The two numbers that span the surface of the loss: which are chosen, and which are taken without a choice.

A number is one that a knob turns, written as on the labels of the knob: a gain as the factor, a spectral radius as itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Final, TypeAlias

import numpy as np

from engine.inputs import Setting
from explorer import model as models
from explorer.experiments import knob
from explorer.experiments.knob import SIDE, Turn
from explorer.fields import check, formats, linked, one_of
from explorer.fields.formats import optional
from explorer.model import MAX_FACTOR, Model

Pair: TypeAlias = tuple[float, float]

#: Drawing of the surface, direction of its cut, and numbers whose norm the threshold bounds -> title.
PICTURES: Final = {"map": "Map", "relief": "Relief"}
CUTS: Final = {"up": "upwards", "across": "across"}
NORMS: Final = {"two": "these two numbers", "all": "all weights"}

RATE: Final = Setting("Learning rate η", "float", "rate", 0.1, 1e-12, 1e12, help="The step is −η times the gradient.")
LIMIT: Final = Setting(
    "Clipped at", "float", "limit", 1.0, 1e-12, 1e12,
    help="A gradient whose norm is above this is scaled down to it; its direction stays (Pascanu et al. 2013; Goodfellow et al. "
    "2016, section 10.11.1).",
)  # fmt: skip


def _check_side(turn: Turn | None) -> None:
    if turn is not None and (turn.kind == "step" or turn.centre != 1):
        raise ValueError("a side of the surface is a number of the weights or the inputs")


def _check_ends(ends: Pair | None) -> None:
    if ends is not None and not -MAX_FACTOR <= ends[0] < ends[1] <= MAX_FACTOR:
        raise ValueError(
            f"a side from {ends[0]:g} to {ends[1]:g}; the first must be the smaller, and neither beyond {MAX_FACTOR:g}"
        )


@dataclass(frozen=True)
class Cliff:
    """Which two numbers span the surface, and the descent on it.

    No model is looked at: numbers that a model lacks are kept until a model has them again.

    Raises:
        ValueError: for a value that a field cannot have, and for two sides that turn the same number.
    """

    #: The two numbers, each a `Turn` about 1, or None: what suits the model.
    across: Turn | None = linked("across", None, optional(SIDE), check=_check_side, words="surface")
    up: Turn | None = linked("up", None, optional(SIDE), check=_check_side, words="surface")
    #: Their lowest and highest values, or None: about the present one.
    across_range: Pair | None = linked("across_range", None, optional(formats.ENDS), check=_check_ends, words="surface")
    up_range: Pair | None = linked("up_range", None, optional(formats.ENDS), check=_check_ends, words="surface")
    #: The rate η of gradient descent, and the norm at which the gradient is clipped.
    rate: float = linked("rate", RATE.default, formats.NUMBER, check=RATE.checked, words="descent")
    limit: float = linked("limit", LIMIT.default, formats.NUMBER, check=LIMIT.checked, words="descent")
    #: The numbers whose gradient has that norm.
    norm: str = linked("norm", "two", check=one_of(NORMS))
    picture: str = linked("surface", "map", check=one_of(PICTURES))
    cut: str = linked("cut", "up", check=one_of(CUTS))

    def __post_init__(self) -> None:
        check(self)
        if self.across is not None and self.up is not None and clash(self.across, self.up):
            raise ValueError(
                f"both sides of the surface turn the same of {self.across.of}; take another number for one"
            )


def clash(first: Turn, second: Turn) -> bool:
    """Whether two numbers are the same, or one of them is an entry of the array that the other turns as a whole."""
    if first.of != second.of:
        return False
    if "entry" in (first.kind, second.kind):
        return first.kind != second.kind or first.index == second.index
    return first.kind == second.kind or "added" not in (first.kind, second.kind)


def numbers(model: Model) -> tuple[Turn, ...]:
    """The numbers that can be a side: of each array every kind, for an entry the first. Without effect they are left out."""
    candidates = []
    for of in filter(None, knob.arrays(model)):
        array = knob.base(model, of)
        for kind in knob.kinds(model, of):
            turn = Turn(kind, of, 1.0, (0,) * array.ndim if kind == "entry" else ())
            if kind in ("entry", "added") or (array.any() and knob.size(model, turn)):
                candidates.append(turn)
    return tuple(candidates)


def there(model: Model, turn: Turn) -> bool:
    """Whether the model has the number."""
    try:
        knob.present(model, turn)
    except ValueError:
        return False
    return replace(turn, index=(0,) * len(turn.index)) in numbers(model)


def completed(model: Model, cliff: Cliff) -> Cliff:
    """The surface with numbers and ranges for those that are not chosen, or that the model lacks.

    Raises:
        ValueError: if the model does not have two numbers.
    """
    across, up = (turn if turn is not None and there(model, turn) else None for turn in (cliff.across, cliff.up))
    if across is not None and up is not None and _parallel(model, across, up):
        up = None
    across_range = cliff.across_range if across is not None else None
    up_range = cliff.up_range if up is not None else None
    across, up = _pair(model, across, up)
    return replace(
        cliff,
        across=across,
        up=up,
        across_range=across_range or usual(model, across),
        up_range=up_range or usual(model, up),
    )


def _parallel(model: Model, across: Turn, up: Turn) -> bool:
    """Whether two numbers have the same effect: the factor and the value of a vector whose entries are all the same."""
    return across.of == up.of and {across.kind, up.kind} == {"added", "gain"} and knob.common(model, up.of) is not None


def _pair(model: Model, across: Turn | None, up: Turn | None) -> tuple[Turn, Turn]:
    """Two numbers: the chosen ones among them, unless no other number goes with them."""
    firsts = [across] if across is not None else _likely(model, matrices=True)
    seconds = [up] if up is not None else _likely(model, matrices=False)
    for first, second in product(firsts, seconds):
        if not clash(first, second) and not _parallel(model, first, second):
            return first, second
    if across is None and up is None:
        raise ValueError("there are not two numbers here over which the loss could be drawn")
    return _pair(model, None, None)


def _likely(model: Model, matrices: bool) -> list[Turn]:
    """The candidates for a side, the likeliest first: the spectral radius of a square matrix, the number added to a vector."""
    cell = models.structure(model)

    def rank(turn: Turn) -> tuple[bool, ...]:
        array, axes = knob.base(model, turn.of), cell.dimensions[turn.of] if turn.of != "x" else ()
        square = len(axes) == 2 and axes[0] == axes[1]
        kind = "entry" if array.size == 1 else "radius" if square else "added" if len(axes) == 1 else "gain"
        return (any(turn.index), not (square if matrices else len(axes) == 1), turn.kind != kind, turn.of == "x")

    known = numbers(model)
    last = [replace(t, index=tuple(n - 1 for n in knob.base(model, t.of).shape)) for t in known if t.kind == "entry"]
    return sorted([*known, *last], key=rank)


def sides(cliff: Cliff) -> tuple[Turn, Turn]:
    """The two numbers of a completed surface."""
    assert cliff.across is not None
    assert cliff.up is not None
    return cliff.across, cliff.up


def ranges(cliff: Cliff) -> tuple[Pair, Pair]:
    """The two ranges of a completed surface."""
    assert cliff.across_range is not None
    assert cliff.up_range is not None
    return cliff.across_range, cliff.up_range


def usual(model: Model, turn: Turn) -> Pair:
    """The range of a number about the present value; that of a factor begins at 0."""
    now = knob.written_value(model, turn, knob.present(model, turn))
    if turn.kind in ("gain", "radius", "norm"):
        end = float(f"{3 * now:.2g}")
        return (min(0.0, end), max(0.0, end))
    reach = 2.0 * max(1.0, 10.0 ** np.floor(np.log10(abs(now) or 1)))
    return (float(f"{now - reach:.4g}"), float(f"{now + reach:.4g}"))


def here(model: Model, cliff: Cliff) -> Pair:
    """The place of the model on a completed surface."""
    across, up = (knob.written_value(model, turn, knob.present(model, turn)) for turn in sides(cliff))
    return across, up


def inside(cliff: Cliff, place: Pair) -> bool:
    """Whether a place lies on the picture of a completed surface."""
    return all(low <= value <= high for value, (low, high) in zip(place, ranges(cliff), strict=True))


def at(model: Model, cliff: Cliff, place: Pair) -> Model:
    """The model at another place. Raises ValueError for numbers that are not allowed."""
    for turn, value in zip(sides(cliff), place, strict=True):
        if not np.isfinite(value):
            raise ValueError(f"{knob.title(model, turn)} would be {value}; it must be finite")
        model = knob.at(model, turn, knob.from_written(model, turn, value))
    return model


def same(model: Model, cliff: Cliff) -> tuple[Model, Cliff]:
    """The model and the surface without the model's place on it: equal for every place, as the loss around it is."""
    for turn in sides(cliff):
        model = knob.at(model, turn, 1.0)
    (across, up), (across_range, up_range) = sides(cliff), ranges(cliff)
    return model, Cliff(across, up, across_range, up_range)
