"""The numbers behind the page on vanishing gradients, for one sample or for all of them together.

sample   counted from 1; 0 is all of them together, and then a norm is taken over all samples
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import engine
from engine import Cell, Run
from engine.language import FUNCTIONS
from explorer.model import samples

Array = NDArray[Any]

SATURATED: Final = 0.1  # a unit is saturated where its slope is below this share of the largest that its function has
#: log10 of where floats of a kind end: the smallest that holds all its digits (a normal number), and the largest.
LIMITS: Final = {
    kind: (float(np.log10(np.finfo(kind).tiny)), float(np.log10(np.finfo(kind).max))) for kind in ("float32", "float64")
}
QUANTILES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_CELLS: Final = 2**24  # numbers of a triangle with all samples, at most: 134 MB
MOST: Final = 60  # cells along a side of a triangle that is drawn


def alone(run: Run, sample: int) -> Run:
    """One sample of a run (counted from 1; 0 is the first) as a run, with the very gradients that it has in the whole."""
    if run.B == 1:
        return run
    own = slice(samples.one(run, sample), samples.one(run, sample) + 1)
    return engine.run(
        run.cell,
        run.parameters,
        None if run.x is None else run.x[:, own],
        run.y[:, own],
        {name: initial[:, own] for name, initial in run.initial.items()},
        run.weights[:, own] / (run.B if run.reduction == "mean" else 1),
        "sum",
        run.dtype,
    )


def together(log: Array) -> Array:
    """log10 of the root of the sum of squares over the last axis, from log10; −∞ where all are."""
    largest = log.max(axis=-1, keepdims=True)
    with np.errstate(all="ignore"):
        scale = np.where(np.isfinite(largest), largest, 0)
        return np.asarray(scale[..., 0] + np.log10(np.square(10 ** (log - scale)).sum(axis=-1)) / 2)


def log_norm(run: Run, name: str, sample: int = 0) -> Array:
    """log10 ‖∇name(t)‖, (T,), right far outside the range of floats."""
    return together(engine.log_grad_norm(run, name)[:, samples.span(run, sample)])


def log_bound(run: Run, name: str, sample: int = 0) -> Array | None:
    """log10 of what ‖∇name(t)‖ can be at most, (T,), by the bound on the Jacobians; None where that does not hold.

    b(t) = (what does not come along the recurrence of `name`) + rate · b(t + 1).
    **Holds:** no_gradient_is_larger_than_the_bound.
    """
    bound = engine.bound(run, name)
    if bound is None:
        return None
    inner = _behind(run, name)
    direct = np.zeros(run.T)
    chosen = samples.span(run, sample)
    for route in engine.routes(run, name):
        if route.target is None or route.read is None or route.read.name != name or route.target not in inner:
            direct += np.sqrt(np.square(route.norm[:, chosen]).sum(axis=1))
    with np.errstate(all="ignore"):
        joins, rate = np.log(direct), float(np.log(bound.rate))
        result = joins.copy()
        for t in range(run.T - 2, -1, -1):
            result[t] = np.logaddexp(joins[t], rate + result[t + 1])
    return np.asarray(result / np.log(10))


def _behind(run: Run, name: str) -> set[str]:
    """The nodes of a step that the node of that step depends on, itself among them."""
    found, left = {name}, [name]
    while left:
        new = {read.name for read in run.cell.reads.get(left.pop(), ()) if not read.lag} - found
        found |= new
        left += new
    return found


def loss_norms(run: Run, name: str, sample: int = 0) -> Array:
    """‖∂L(s)/∂name(t)‖ with its weight, (T, T), [s, t]; nan for t > s, where no loss reaches.

    Of all samples together where these are not too many (`MAX_CELLS`), else of the first.
    """
    whole = not samples.shown(run, sample) and run.T**2 * run.B <= MAX_CELLS
    norms = engine.by_loss_norm(run if whole else alone(run, sample), name).astype(np.float64)
    with np.errstate(all="ignore"):
        largest = norms.max(axis=2)
        unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
        found = unit * np.sqrt(np.square(norms / unit[:, :, None]).sum(axis=2))
    return triangular(found)


def triangular(norms: Array) -> Array:
    """A (T, T) array without what lies above its diagonal: nan there."""
    return np.where(np.tri(len(norms), dtype=bool), norms, np.nan)


@dataclass(frozen=True)
class Blocks:
    """A triangle in cells of `size` × `size` steps, n of them along a side.

    edges (n + 1,)     steps at which they begin, and the one after the last
    value (n, n)       the largest number in each, nan above the diagonal; infinite or nan where one in it is (`bad`)
    bad (n, n)         where one is not a number
    loss, step (n, n)  where in time the largest one is, from 1
    """

    size: int
    edges: Array
    value: Array
    bad: Array
    loss: Array
    step: Array


def blocks(norms: Array, most: int = MOST) -> Blocks:
    """A triangle (T, T) with nan above its diagonal, in so many cells along a side at most: what is drawn of it."""
    T = len(norms)
    size = -(-T // most)
    n = -(-T // size)
    bad = np.isnan(norms) & np.tri(T, dtype=bool)
    padded = np.full((n * size, n * size), -1.0)
    padded[:T, :T] = np.where(bad, np.inf, np.where(np.isnan(norms), -1.0, norms))
    tiled = padded.reshape(n, size, n, size).swapaxes(1, 2).reshape(n, n, size * size)
    place = tiled.argmax(axis=2)
    value = np.take_along_axis(tiled, place[:, :, None], axis=2)[:, :, 0]
    loss = np.arange(n)[:, None] * size + place // size + 1
    step = np.arange(n)[None, :] * size + place % size + 1
    inside = np.tri(n, dtype=bool)
    worst = np.zeros((n, n), bool)
    worst[inside] = bad[np.minimum(loss, T)[inside] - 1, np.minimum(step, T)[inside] - 1]
    edges = np.minimum(np.arange(n + 1) * size, T) + 1
    return Blocks(size, edges, np.where(inside, value, np.nan), worst, loss, step)


def functions(run: Run) -> tuple[str, ...]:
    """The nodes φ(a) that have a local derivative."""
    return tuple(name for name in run.cell.nodes if run.cell.operation(name) in FUNCTIONS)


def threshold(run: Run, name: str) -> float:
    """The slope below which a unit of a node φ(a) is saturated; of a function with unbounded slope, as if that were 1."""
    return SATURATED * (FUNCTIONS[str(run.cell.operation(name))].bound or 1.0)


@dataclass(frozen=True)
class Slopes:
    """φ'(a(t)) of all units, and of one sample or all: `QUANTILES` of it (5, T), nan where one is not a number; and the share
    of the units that are saturated, (T,)."""

    quantiles: Array
    saturated: Array


def slopes(run: Run, name: str, sample: int = 0) -> Slopes:
    """The local derivatives of a node φ(a) along time. Raises ValueError for any other node."""
    slope = run.slope(name)[:, samples.span(run, sample)].reshape(run.T, -1).astype(np.float64)
    with np.errstate(all="ignore"):
        return Slopes(np.quantile(slope, QUANTILES, axis=1), (np.abs(slope) < threshold(run, name)).mean(axis=1))


def norm(numbers: Array) -> float:
    """The L2 norm of all numbers, right also where their squares would be no floats."""
    largest = float(np.abs(numbers).max(initial=0))
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.linalg.norm(np.ravel(numbers / largest)))


def angle(grads: Mapping[str, Array], others: Mapping[str, Array]) -> float:
    """The angle in degrees between gradients and others of the same parameters; 0 where one of them is 0."""
    a, b = (np.concatenate([np.ravel(part[name]) for name in grads]).astype(np.float64) for part in (grads, others))
    if not norm(a) * norm(b):
        return 0.0
    a, b = a / norm(a), b / norm(b)
    return float(np.degrees(2 * np.arctan2(norm(a - b), norm(a + b))))


@dataclass(frozen=True)
class Clipped:
    """The norm of a parameter's gradient, before and after clipping; `name` is "" for all parameters together.

    beyond, size   how many of its entries are beyond the limit, and how many there are
    """

    name: str
    whole: float
    by_norm: float
    by_value: float
    beyond: int
    size: int


def clipped(run: Run, limit: float) -> tuple[Clipped, ...]:
    """What clipping does to each parameter's gradient, and to all together. Raises ValueError as `clip_by_norm` does."""
    grads = run.param_grad
    ways = (grads, engine.clip_by_norm(grads, limit)[0], engine.clip_by_value(grads, limit)[0])

    def row(name: str, *names: str) -> Clipped:
        whole, by_norm, by_value = (
            norm(np.concatenate([np.asarray(way[one], np.float64).ravel() for one in names])) for way in ways
        )
        beyond = sum(int((np.abs(grads[one]) > limit).sum()) for one in names)
        return Clipped(name, whole, by_norm, by_value, beyond, sum(grads[one].size for one in names))

    return (*(row(name, name) for name in grads), row("", *grads))


def earliest(cell: Cell) -> str:
    """The name whose gradient at the first step says how far the loss reaches back: the first state on a way to the loss.

    Without memory that of the first layer: the first function of the flow.
    """
    if cell.states:
        return next((state for state in cell.states if state in _above(cell)), cell.states[0])
    return next((name for name in cell.nodes if cell.operation(name) in FUNCTIONS), cell.nodes[0])


def _above(cell: Cell) -> set[str]:
    """The names that a loss depends on, at any step."""
    found, left = set(cell.losses), list(cell.losses)
    while left:
        new = {read.name for read in cell.reads.get(left.pop(), ())} - found
        found |= new
        left += new
    return found
