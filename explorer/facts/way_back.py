"""The way of one loss's gradient back through time: the share that a step leaves, and how far floats hold it.

The sentences, the table of Compare, the answers of lessons and the diagrams all take these numbers from here. One loss
alone is followed, the last that counts and has a gradient: in a sum over many losses a later loss hides the fading of an
earlier one. If the last losses that count have none, all losses together are followed.
Magnitudes are logarithms to base ten, right far outside the range of floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run
from engine.support import lazy_property
from explorer.cache import lock
from explorer.facts.norms import LIMITS, together
from explorer.model import samples

Array: TypeAlias = NDArray[np.float64]
Verdict: TypeAlias = Literal[
    "vanishes", "grows", "keeps", "falls and returns", "rises and returns", "ends", "undefined"
]

KEEPS: Final = (0.95, 1.05)  # average factor of a step for a gradient that keeps its size
WHOLE: Final = 1.0  # powers of ten between which the whole curve must stay to keep its size
STRAIGHT: Final = 0.99  # R² of the line through log‖∇‖ from which on it counts as straight
OFF: Final = 0.1  # share of the span of the line by which a straight curve may leave it, at most
LONG_ENOUGH: Final = 10  # steps back that a line is laid through, at least
_NUMBERS: Final = 400_000  # values of a run; of a run with more, fewer samples are measured
_TRIES: Final = 8  # losses that are tried, from the last: one whose output is exactly right has no gradient


@dataclass(frozen=True)
class FloatLimit:
    """The steps back from the last gradient up to which floats of a kind hold it.

    steps   up to that many steps back its norm is between the smallest normal number and the largest, and not zero; −1 if
            not even the last gradient is
    end     the gradient one step further: exactly "zero", "below" the smallest normal number, "above" the largest; "all" if
            there is no further step
    """

    kind: str
    steps: int
    end: Literal["zero", "below", "above", "all"]


@dataclass(frozen=True)
class Line:
    """The straight line through log10 ‖∇‖ against the steps back, by least squares.

    slope, r2   of the line, and the share of the variance that it explains
    off         the most by which the curve leaves it, in powers of ten
    covers      powers of ten from one end of the line to the other
    """

    slope: float
    r2: float
    off: float
    covers: float

    @property
    def is_straight(self) -> bool:
        """Whether the curve is straight enough for an outlook beyond its end."""
        return self.r2 >= STRAIGHT and self.off <= OFF * self.covers


@dataclass(frozen=True, eq=False)
class Course:
    """The gradient at a name, of one loss alone, or of all together where `loss` is None.

    run       the samples that are measured, up to the step of the loss, with that loss alone; or the whole run
    loss      its step, from 1; None: all of them together, since the last ones are exactly right
    counting  the steps whose losses count
    chosen    the samples that are measured, from 0
    each      log10 ‖∇name(t)‖ of each sample, (steps, samples); −∞ for zero
    is_cut    whether the gradient would have to cross a cut of the recurrence
    """

    run: Run
    name: str
    loss: int | None
    counting: tuple[int, ...]
    chosen: tuple[int, ...]
    each: Array
    is_cut: bool = False

    @lazy_property
    def logs(self) -> Array:
        """log10 of the norm over all samples, (steps,)."""
        return lock(together(self.each))

    @lazy_property
    def finite(self) -> bool:
        """Whether no gradient is infinite or not a number."""
        return bool((self.each < np.inf).all())

    @lazy_property
    def there(self) -> NDArray[np.intp]:
        """The steps, from 0, at which the gradient is not zero."""
        return lock(np.flatnonzero(self.logs > -np.inf))

    @property
    def first(self) -> int:
        """The first step, from 1, at which the gradient is not zero; 0 if there is none."""
        return int(self.there[0]) + 1 if len(self.there) else 0

    @property
    def last(self) -> int:
        """The last step, from 1, at which the gradient is not zero; 0 if there is none."""
        return int(self.there[-1]) + 1 if len(self.there) else 0

    @property
    def steps(self) -> int:
        """The number of steps from the first to the last."""
        return self.last - self.first

    @lazy_property
    def back(self) -> Array:
        """log10 of the norm in units of that at `last`, from there back to `first`; −∞ where it is zero in between."""
        logs = self.logs[self.first - 1 : self.last][::-1]
        return lock(np.asarray(logs - logs[0]))

    @property
    def log_ratio(self) -> float:
        """log10 of the gradient at `first` in units of that at `last`."""
        return float(self.back[-1])

    @property
    def log_rate(self) -> float:
        """log10 of the share that a step leaves on average; nan with a gradient at fewer than two steps, or one not finite."""
        return self.log_ratio / self.steps if self.finite and self.steps > 0 else float("nan")

    @property
    def rate(self) -> float:
        """The share that a step leaves on average: the geometric mean from the last gradient that is not zero to the first."""
        return float(np.float64(10) ** self.log_rate)

    @lazy_property
    def factors(self) -> Array:
        """log10 of the share that each step leaves, the last first; over steps of zero gradients their mean."""
        places = np.flatnonzero(self.back > -np.inf)
        return lock(np.asarray(np.diff(self.back[places]) / np.diff(places)))

    @property
    def ends(self) -> bool:
        """Whether the gradient is exactly zero before `first`, and not only between readings that lie some steps apart."""
        return self.first - 1 > int(np.diff(self.there).max(initial=1)) - 1

    @property
    def verdict(self) -> Verdict:
        """The verdict on the gradient: "undefined" if it is not finite, "ends" if it is zero from some step on back.

        A gradient at one step only ends, too. Any other has the verdict of the function `verdict`.
        """
        if not self.finite:
            return "undefined"
        if self.ends or not self.steps:
            return "ends"
        return verdict(self.back, self.steps)

    @property
    def line(self) -> Line | None:
        """The line through the curve; None for a curve that is too short, and for a gradient that ends."""
        if not self.finite or self.ends or self.steps < LONG_ENOUGH:
            return None
        places = np.flatnonzero(self.back > -np.inf)
        return line(places, self.back[places])

    def reach(self, kind: str) -> FloatLimit:
        """The steps up to which floats of a kind hold the gradient."""
        low, high = LIMITS[kind]
        logs = self.logs[: self.last][::-1]
        logs = logs[: self.steps + 1 + self.ends]
        logs = logs[(logs > -np.inf) | (np.arange(len(logs)) > self.steps)]
        held = (logs >= low) & (logs <= high)
        if held.all():
            return FloatLimit(kind, self.steps, "all")
        places = np.flatnonzero(self.back > -np.inf)
        beyond = int(np.argmin(held))
        end: Any = "zero" if logs[beyond] == -np.inf else "below" if logs[beyond] < low else "above"
        return FloatLimit(kind, int(places[beyond - 1]) if beyond else -1, end)


def verdict(back: Array, steps: int) -> Verdict:
    """The verdict on a gradient, from log10 of its norm in units of the last, the last first; −∞ is left out."""
    total, logs = float(back[-1]), back[back > -np.inf]
    low, high = np.log10(KEEPS)
    if total < -WHOLE or total / steps < low:
        return "vanishes"
    if total > WHOLE or total / steps > high:
        return "grows"
    if logs.min() < -WHOLE:
        return "falls and returns"
    return "rises and returns" if logs.max() > WHOLE else "keeps"


def line(steps: NDArray[Any], logs: Array) -> Line:
    """The line through points, by least squares."""
    slope, height = np.polyfit(steps, logs, 1)
    residuals = logs - (slope * steps + height)
    spread = float(np.square(logs - logs.mean()).sum())
    r2 = 1 - float(np.square(residuals).sum()) / spread if spread > 0 else 1.0
    return Line(float(slope), r2, float(np.abs(residuals).max()), abs(float(slope)) * float(steps[-1] - steps[0]))


def course(run: Run, name: str, sample: int = 0, cut: int = 0) -> Course | None:
    """Follow the gradient at a name back through time.

    Args:
        run: the run.
        name: a node, or x.
        sample: counted from 1; 0 is all of them together, or as many of the first as do not take too long.
        cut: the steps after which the recurrence is cut, again and again: no gradient is left before the last cut; 0 is never.

    Returns:
        The gradient of the last loss that counts and has one, among the last eight; else that of all losses together. None
        if no loss counts.

    Raises:
        ValueError: for a name that has no gradient.
    """
    if name not in run.grad:
        raise ValueError(f"{name!r} is no node of {run.cell.name}; nodes: {', '.join(run.grad)}")
    chosen = samples_of(run, sample)
    counting = tuple(int(t) + 1 for t in np.flatnonzero((run.weights[:, chosen] != 0).any(axis=1)))
    if not counting:
        return None
    with np.errstate(all="ignore"):
        for loss in counting[: -_TRIES - 1 : -1]:
            alone = part(run, chosen, loss)
            each = np.where(np.arange(loss)[:, None] < _last_cut(loss, cut), -np.inf, engine.log_grad_norm(alone, name))
            if not (each == -np.inf).all():
                return Course(alone, name, loss, counting, tuple(chosen), each, _last_cut(loss, cut) > 0)
        alone = part(run, chosen)  # each of these losses may be exactly right, so all are taken together
        each = (
            np.log10(np.linalg.norm(engine.cut(alone, cut).grad[name], axis=-1))
            if cut
            else engine.log_grad_norm(alone, name)
        )
        return Course(alone, name, None, counting, tuple(chosen), each, 0 < cut < run.T)


def _last_cut(loss: int, cut: int) -> int:
    """The number of steps before the cut nearest to a loss; the gradient of the loss does not reach them."""
    return (loss - 1) // cut * cut if cut else 0


def samples_of(run: Run, sample: int) -> list[int]:
    """The samples that are measured, from 0: one, or as many of the first as do not take too long."""
    if samples.shown(run, sample):
        return [sample - 1]
    most = max(1, _NUMBERS // (run.T * sum(run.sizes.values())))
    return list(range(min(run.B, most)))


def part(run: Run, chosen: Sequence[int], loss: int | None = None, factor: float = 1.0) -> Run:
    """The run of some of its samples, with the loss of one step alone, which is then the last; its seed times a factor."""
    if len(chosen) == run.B and loss is None and factor == 1:
        return run
    last = run.T if loss is None else loss
    seed = run.seed[:last, list(chosen)] * factor
    if loss is not None:
        seed[:-1] = 0
    return run.part(chosen, steps=last, seed=seed)
