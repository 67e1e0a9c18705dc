"""The loss over two numbers of a model: which they are, the loss around them, and the steps that descent takes from there.

The numbers are those that a knob turns, written as its labels have them: a gain as the factor, a spectral radius as itself.
The surface depends on the two numbers' places and ranges, not on where they stand, so it stays while a step is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final, TypeAlias

import numpy as np

import engine
from engine import Run
from engine.inputs import Setting
from explorer import model as models
from explorer.cache import lock
from explorer.experiments import knob
from explorer.experiments.knob import SIDE, Turn
from explorer.fields import check, formats, linked, one_of
from explorer.fields.formats import optional
from explorer.model import MAX_FACTOR, Array, Model

Pair: TypeAlias = tuple[float, float]

#: How the surface is drawn, which way it is cut, and whose norm the threshold bounds -> title.
PICTURES: Final = {"map": "Map", "relief": "Relief"}
CUTS: Final = {"up": "upwards", "across": "across"}
NORMS: Final = {"two": "these two numbers", "all": "all weights"}

FINE: Final = 41  # points along each side
COARSE: Final = 11  # every fourth of them
_PORTION: Final = 1_000_000  # numbers of one run of points: some ten milliseconds
MAX_NUMBERS: Final = 300_000_000  # of all runs of a fine surface: some ten seconds
_LINE: Final = 161  # points of a cut, before the steepest places get more
_MORE, _ROUNDS = 40, 4
_MAX_LINE: Final = 20_000_000  # numbers of all runs of a cut

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

    Whether a model has such numbers is not known here: they are kept until the model has them again.

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


def clash(one: Turn, other: Turn) -> bool:
    """Whether two numbers are the same, or one of them is an entry of what the other turns as a whole."""
    if one.of != other.of:
        return False
    if "entry" in (one.kind, other.kind):
        return one.kind != other.kind or one.index == other.index
    return one.kind == other.kind or "added" not in (one.kind, other.kind)


# --- the two numbers ---------------------------------------------------------------------------------------------


def numbers(model: Model) -> tuple[Turn, ...]:
    """What a side can be: of each array every kind, for an entry the first. What can change nothing is left out."""
    found = []
    for of in filter(None, knob.arrays(model)):
        array = knob.base(model, of)
        for kind in knob.kinds(model, of):
            turn = Turn(kind, of, 1.0, (0,) * array.ndim if kind == "entry" else ())
            if kind in ("entry", "added") or (array.any() and knob.size(model, turn)):
                found.append(turn)
    return tuple(found)


def there(model: Model, turn: Turn) -> bool:
    """Whether the model has the number."""
    try:
        knob.present(model, turn)
    except ValueError:
        return False
    return replace(turn, index=(0,) * len(turn.index)) in numbers(model)


def settled(model: Model, cliff: Cliff) -> Cliff:
    """The surface with its numbers and ranges filled in: those that are not chosen, or not there.

    Raises ValueError if the model has not two numbers.
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
    """Whether both numbers turn the same: of a vector whose entries are all the same, its factor and its value are one."""
    return across.of == up.of and {across.kind, up.kind} == {"added", "gain"} and knob.common(model, up.of) is not None


def _pair(model: Model, across: Turn | None, up: Turn | None) -> tuple[Turn, Turn]:
    """Two numbers, those that are given among them unless nothing goes with them."""
    firsts = [across] if across is not None else _likely(model, matrices=True)
    seconds = [up] if up is not None else _likely(model, matrices=False)
    for one, other in product(firsts, seconds):
        if not clash(one, other) and not _parallel(model, one, other):
            return one, other
    if across is None and up is None:
        raise ValueError("there are not two numbers here over which the loss could be drawn")
    return _pair(model, None, None)


def _likely(model: Model, matrices: bool) -> list[Turn]:
    """What a side may be, the likeliest first: of a square matrix the spectral radius, of a vector what is added."""
    made = models.structure(model)

    def rank(turn: Turn) -> tuple[bool, ...]:
        array, axes = knob.base(model, turn.of), made.dimensions[turn.of] if turn.of != "x" else ()
        square = len(axes) == 2 and axes[0] == axes[1]
        kind = "entry" if array.size == 1 else "radius" if square else "added" if len(axes) == 1 else "gain"
        return (any(turn.index), not (square if matrices else len(axes) == 1), turn.kind != kind, turn.of == "x")

    known = numbers(model)
    last = [replace(t, index=tuple(n - 1 for n in knob.base(model, t.of).shape)) for t in known if t.kind == "entry"]
    return sorted([*known, *last], key=rank)


def sides(cliff: Cliff) -> tuple[Turn, Turn]:
    """The two numbers of a surface that is settled."""
    assert cliff.across is not None
    assert cliff.up is not None
    return cliff.across, cliff.up


def ranges(cliff: Cliff) -> tuple[Pair, Pair]:
    """The two ranges of a surface that is settled."""
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
    """Where the model stands on a surface that is settled."""
    across, up = (knob.written_value(model, turn, knob.present(model, turn)) for turn in sides(cliff))
    return across, up


def inside(cliff: Cliff, place: Pair) -> bool:
    """Whether a place lies on the picture of a surface that is settled."""
    return all(low <= value <= high for value, (low, high) in zip(place, ranges(cliff), strict=True))


def at(model: Model, cliff: Cliff, place: Pair) -> Model:
    """The model at another place. Raises ValueError for numbers that are not allowed."""
    for turn, value in zip(sides(cliff), place, strict=True):
        if not np.isfinite(value):
            raise ValueError(f"{knob.title(model, turn)} would be {value}; it must be finite")
        model = knob.at(model, turn, knob.from_written(model, turn, value))
    return model


def same(model: Model, cliff: Cliff) -> tuple[Model, Cliff]:
    """All that the surface depends on: model and surface, the same wherever on it the model stands."""
    for turn in sides(cliff):
        model = knob.at(model, turn, 1.0)
    (across, up), (across_range, up_range) = sides(cliff), ranges(cliff)
    return model, Cliff(across, up, across_range, up_range)


# --- the loss around them ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Span:
    """The plane of the two numbers, as `engine.flow.plane` takes it: the arrays where both are 0, and how each goes on."""

    origin: dict[str, Array]
    directions: tuple[dict[str, Array], dict[str, Array]]

    def look(self, run: Run, places: Array) -> engine.Plane:
        """Loss (N,) and gradient (N, 2) at places (N, 2), all in one run."""
        return engine.plane(run, self.directions, places, self.origin)


def span(model: Model, cliff: Cliff) -> Span:
    """The plane of a surface that is settled."""
    chosen, origin, directions = sides(cliff), {}, []
    for of in {turn.of for turn in chosen}:
        kinds = {turn.kind for turn in chosen if turn.of == of}
        factor, added = models.turned(model, of)
        if "entry" in kinds:
            origin[of] = np.array(models.parameters(model)[of])
            for turn in chosen:
                if turn.of == of:
                    origin[of][turn.index] = 0
        else:
            origin[of] = factor * bool(not kinds & {"gain", "radius", "norm"}) * knob.base(model, of)
            origin[of] = origin[of] + added * ("added" not in kinds)
            origin[of] = origin[of] - sum(knob.units(model, turn)[1] for turn in chosen if turn.of == of)
    for turn in chosen:
        array = knob.base(model, turn.of)
        if turn.kind == "entry":
            way = np.zeros(array.shape)
            way[turn.index] = 1
        else:
            way = np.ones(array.shape) if turn.kind == "added" else array / knob.size(model, turn)
        directions.append({turn.of: way})
    if not models.structure(model).states:  # its steps are the samples of one
        for arrays in (origin, *directions):
            arrays |= {name: array.reshape(1, -1, array.shape[2]) for name, array in arrays.items() if name == "x"}
    return Span(origin, (directions[0], directions[1]))


def cost(model: Model) -> int:
    """Numbers of the run of one point."""
    steps, samples = models.task(model).x.shape[:2]
    return int(2 * steps * samples * sum(models.structure(model).sizes(models.sizes(model)).values()))


def fits(model: Model) -> bool:
    """Whether a fine surface is computed, and not the coarse one alone."""
    return cost(model) * FINE**2 <= MAX_NUMBERS


@dataclass(eq=False)
class Surface:
    """The loss over a grid, as far as it is computed; the rest is nan.

    across, up  (n,) the values along the sides
    loss        (n, n), a row for each value of `up`
    steep       (n, n), the L2 norm of the gradient along the two numbers
    done        (n, n), what is computed
    """

    across: Array
    up: Array
    loss: Array = field(init=False)
    steep: Array = field(init=False)
    done: Array = field(init=False)

    def __post_init__(self) -> None:
        shape = (len(self.up), len(self.across))
        self.loss, self.steep, self.done = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, bool)

    def grow(self, run: Run, plane: Span, many: int) -> bool:
        """Compute some more points, from the top down; whether any are left. To do the same twice does no harm."""
        left = np.flatnonzero(~self.done)[:many]
        if len(left):
            rows, columns = np.unravel_index(left, self.done.shape)
            found = plane.look(run, np.stack([self.across[columns], self.up[rows]], axis=1))
            self.loss.flat[left] = found.loss
            with np.errstate(all="ignore"):
                self.steep.flat[left] = np.hypot(found.slope[:, 0], found.slope[:, 1])
            self.done.flat[left] = True
        return not self.done.all()


def surface(cliff: Cliff, many: int = FINE) -> Surface:
    """A surface of which nothing is computed yet."""
    across, up = (np.linspace(*ends, many) for ends in ranges(cliff))
    return Surface(lock(across), lock(up))


def portion(model: Model) -> int:
    """How many points are computed at a time."""
    return max(1, _PORTION // cost(model))


@dataclass(frozen=True, eq=False)
class Cut:
    """The loss along one side, through where the model stands: the values (n,), rising, the loss and |∂L/∂side| there."""

    value: Array
    loss: Array
    slope: Array


def cut(model: Model, cliff: Cliff, run: Run) -> Cut:
    """The cut that a settled surface asks for; where the loss jumps most, the points lie closer and closer.

    Without them the wall would be but a step between two points: it may be narrower than a millionth of the picture.
    """
    axis = list(CUTS)[::-1].index(cliff.cut)
    plane, ends, middle = span(model, cliff), ranges(cliff)[axis], here(model, cliff)
    room = _MAX_LINE // cost(model)
    first = min(_LINE, max(room // 2, COARSE))
    value = np.unique([*np.linspace(*ends, first), *([middle[axis]] if ends[0] <= middle[axis] <= ends[1] else [])])

    def look(values: Array) -> tuple[Array, Array, Array]:
        places = np.tile(np.array(middle), (len(values), 1))
        places[:, axis] = values
        parts = [plane.look(run, places[i : i + portion(model)]) for i in range(0, len(places), portion(model))]
        return (
            values,
            np.concatenate([part.loss for part in parts]),
            np.abs(np.concatenate([part.slope[:, axis] for part in parts])),
        )

    found = look(value)
    for _ in range(_ROUNDS if room >= first + _ROUNDS * _MORE else 0):
        value, loss, _ = found
        with np.errstate(all="ignore"):
            jump = np.abs(np.diff(loss))
        jump = np.where(np.isfinite(jump) & (np.diff(value) > 1e-9 * (ends[1] - ends[0])), jump, 0)
        k = int(np.argmax(jump))
        if not jump[k]:
            break
        more = look(np.linspace(value[k], value[k + 1], _MORE + 2)[1:-1])
        joined = tuple(np.insert(old, k + 1, new) for old, new in zip(found, more, strict=True))
        found = joined[0], joined[1], joined[2]
    return Cut(*found)


# --- descent -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A step of descent: where it leads, how long it is, and the loss there."""

    to: Pair
    length: float
    loss: float


@dataclass(frozen=True)
class Descent:
    """The gradient at a place, and the steps from there; the losses are those of true runs.

    place, loss   where the model stands
    gradient      of the loss along the two numbers
    factor        by which the gradient is clipped; 1 if its norm is within the threshold
    plain, clipped   the step with the gradient as it is, and with the clipped one
    """

    place: Pair
    loss: float
    gradient: Pair
    factor: float
    plain: Step
    clipped: Step

    @property
    def norm(self) -> float:
        """The L2 norm of the gradient."""
        return float(np.hypot(*self.gradient))


def descent(model: Model, cliff: Cliff, run: Run) -> Descent:
    """The steps of gradient descent on a surface that is settled. Raises ValueError for a gradient that is not finite."""
    plane, place = span(model, cliff), here(model, cliff)
    gradient = engine.along(run, plane.directions)
    if not np.isfinite(gradient).all() or not np.isfinite(run.loss):
        raise ValueError("the loss or its gradient is not finite here, so there is no step")
    bounded = {"the two numbers": gradient} if cliff.norm == "two" else dict(run.param_grad)
    _, factor = engine.clip_by_norm(bounded, cliff.limit)
    moves = [-cliff.rate * gradient, -cliff.rate * factor * gradient]
    ends = [np.array(place) + move for move in moves]
    if not np.isfinite(ends).all():
        raise ValueError("the step leads beyond the range of floating point; take a smaller learning rate")
    losses = plane.look(run, np.stack(ends)).loss
    plain, clipped = (
        Step((float(end[0]), float(end[1])), float(np.hypot(*move)), float(loss))
        for end, move, loss in zip(ends, moves, losses, strict=True)
    )
    return Descent(place, run.loss, (float(gradient[0]), float(gradient[1])), factor, plain, clipped)
