"""The loss over two numbers of a model: a grid of points that grows, and a cut through the place of the model.

The surface depends only on which the numbers are and on their ranges, not on their values: it stays while a step is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

import engine
from engine import Run
from explorer import model as models
from explorer.cache import lock
from explorer.experiments import knob
from explorer.experiments.cliff.choice import CUTS, Cliff, here, ranges, sides
from explorer.model import Array, Model

FINE: Final = 41  # points along each side
COARSE: Final = 11  # every fourth of them
_PORTION: Final = 1_000_000  # numbers of one run of points: some ten milliseconds
MAX_NUMBERS: Final = 300_000_000  # of all runs of a fine surface: some ten seconds
_LINE: Final = 161  # points of a cut, before the steepest places get more
_MORE, _ROUNDS = 40, 4
_MAX_LINE: Final = 20_000_000  # numbers of all runs of a cut


@dataclass(frozen=True, eq=False)
class Span:
    """The plane of the two numbers, as `engine.plane` takes it: the arrays where both numbers are 0, and both directions."""

    origin: dict[str, Array]
    directions: tuple[dict[str, Array], dict[str, Array]]

    def look(self, run: Run, places: Array) -> engine.Plane:
        """Loss (N,) and gradient (N, 2) at places (N, 2), all in one run."""
        return engine.plane(run, self.directions, places, self.origin)


def span(model: Model, cliff: Cliff) -> Span:
    """The plane of a completed surface."""
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
    """The numbers of the run of one point."""
    steps, samples = models.task(model).x.shape[:2]
    return int(steps * samples * models.numbers_per_step(model))


def fits(model: Model) -> bool:
    """Whether a fine surface is computed, and not the coarse one alone."""
    return cost(model) * FINE**2 <= MAX_NUMBERS


@dataclass(eq=False)
class Surface:
    """The loss over a grid; nan at points that are not computed yet.

    across, up  (n,) the values along the sides
    loss        (n, n), a row for each value of `up`
    steep       (n, n), the L2 norm of the gradient along the two numbers
    done        (n, n), whether the point is computed
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
        """Compute some more points, from the top down, and return whether any are left. Points may be computed twice."""
        left = np.flatnonzero(~self.done)[:many]
        if len(left):
            rows, columns = np.unravel_index(left, self.done.shape)
            points = plane.look(run, np.stack([self.across[columns], self.up[rows]], axis=1))
            self.loss.flat[left] = points.loss
            with np.errstate(all="ignore"):
                self.steep.flat[left] = np.hypot(points.slope[:, 0], points.slope[:, 1])
            self.done.flat[left] = True
        return not self.done.all()


def surface(cliff: Cliff, many: int = FINE) -> Surface:
    """A surface without a computed point."""
    across, up = (np.linspace(*ends, many) for ends in ranges(cliff))
    return Surface(lock(across), lock(up))


def portion(model: Model) -> int:
    """The number of points that are computed at a time."""
    return max(1, _PORTION // cost(model))


@dataclass(frozen=True, eq=False)
class Cut:
    """The loss along one side, through the place of the model: the values (n,), rising, the loss and |∂L/∂side| there."""

    value: Array
    loss: Array
    slope: Array


def cut(model: Model, cliff: Cliff, run: Run) -> Cut:
    """The cut along the side that a completed surface has chosen; points are added where the loss jumps most.

    A wall may be narrower than a millionth of the picture: without more points it would be a step between two of them.
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

    curve = look(value)
    for _ in range(_ROUNDS if room >= first + _ROUNDS * _MORE else 0):
        value, loss, _ = curve
        with np.errstate(all="ignore"):
            jump = np.abs(np.diff(loss))
        jump = np.where(np.isfinite(jump) & (np.diff(value) > 1e-9 * (ends[1] - ends[0])), jump, 0)
        k = int(np.argmax(jump))
        if not jump[k]:
            break
        between = look(np.linspace(value[k], value[k + 1], _MORE + 2)[1:-1])
        joined = tuple(np.insert(old, k + 1, new) for old, new in zip(curve, between, strict=True))
        curve = joined[0], joined[1], joined[2]
    return Cut(*curve)
