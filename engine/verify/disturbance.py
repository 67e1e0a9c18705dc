"""Disturbances of a run: how the total loss changes when single entries of its nodes, inputs and parameters change.

The losses come from `interpreter.evaluate`, which reads the equations step by step and is independent of the schedule by which
a run computes. Disturbances are stacked along its axis of samples: each row of its batch is one sample of the run with one
entry disturbed, so that one evaluation gives many derivatives. At an imaginary step the real parts at every node are those of
the run: a chaotic network does not lead the evaluation away from the point in question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import networkx as nx
import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language.cell import Cell
from engine.language.operations import FUNCTIONS, Array
from engine.support.pause import pause
from engine.verify.tolerance import (
    IMAGINARY_STEP,
    QUOTIENT_STEPS,
    RELATIVE_IMAGINARY_STEP,
    SMALLEST_ENTRY,
    SMALLEST_IMAGINARY_STEP,
)

WORK: Final = 4e8  # multiplications that a batch may cost
TRIES: Final = 2 * len(QUOTIENT_STEPS)  # evaluations for one difference quotient
_CALL: Final = 4_000  # multiplications that take as long as one call of numpy
_BYTES: Final = 24 << 20  # memory of an evaluation
_STEPS: Final = 64  # steps that are evaluated at a time


@dataclass(frozen=True)
class Quantity:
    """A node, input, initial value or parameter of a run that can be disturbed.

    Attributes:
        name: Its name.
        kind: Which of the four it is.
        value: Its value: (T, B, n); (K, B, n) of an initial value; of a parameter its own shape.
        grad: The run's gradient there, in the same shape.
    """

    name: str
    kind: Literal["node", "input", "initial", "parameter"]
    value: Array
    grad: Array

    def step(self, row: int) -> int | None:
        """The step of a row of the arrays, counted from 1; None for a parameter."""
        first = {"parameter": None, "initial": 1 - len(self.value)}.get(self.kind, 1)
        return None if first is None else first + row

    def first_step_reached(self, entries: Array) -> int:
        """The index of the first step that a disturbance of these entries can change."""
        if self.kind in ("parameter", "initial"):
            return 0
        return int(entries.min() // self.value[0].size)


@dataclass(frozen=True)
class Batch:
    """Disturbances, one in each row: a sample of the run in which one entry of one quantity is disturbed.

    Attributes:
        quantities: What is disturbed.
        quantity: The index of the row's quantity, (P,).
        entry: The flat index of the disturbed entry, (P,).
        sample: The sample of the run, (P,).
        starts: The first row of each derivative. Its rows, one for each sample at a parameter, stand side by side.
    """

    quantities: Sequence[Quantity]
    quantity: Array
    entry: Array
    sample: Array
    starts: Array

    def values(self) -> Array:
        """The undisturbed entry of each row, (P,)."""
        return self._entries([quantity.value for quantity in self.quantities])

    def grads(self) -> Array:
        """The run's gradient at the entry of each derivative."""
        return self._entries([quantity.grad for quantity in self.quantities])[self.starts]

    def _entries(self, arrays: Sequence[Array]) -> Array:
        result = np.empty(len(self.quantity))
        for i, array in enumerate(arrays):
            rows = self.quantity == i
            result[rows] = array.reshape(-1)[self.entry[rows]]
        return result


def quantities(run: Run) -> list[Quantity]:
    """All that can be disturbed in a run."""
    return [
        *(Quantity(name, "input" if name == "x" else "node", run.value[name], grad) for name, grad in run.grad.items()),
        *(Quantity(name, "initial", run.initial[name], grad) for name, grad in run.initial_grad.items()),
        *(Quantity(name, "parameter", run.parameters[name], grad) for name, grad in run.param_grad.items()),
    ]


@lru_cache(maxsize=64)
def upstream_of_kinks(cell: Cell) -> frozenset[str]:
    """The names whose change can reach the argument of a function with a kink, such as relu."""
    reads = [(read.name, node) for node in cell.nodes for read in cell.reads[node] if read.name != "y"]
    graph, kinked = nx.DiGraph(reads), _kinked(cell)
    read_there = {name for name, node in reads if node in kinked}
    return frozenset(read_there.union(*(nx.ancestors(graph, name) for name in read_there)))


def _kinked(cell: Cell) -> set[str]:
    """The nodes whose function has a kink."""
    rows = {name: FUNCTIONS.get(cell.operation(name) or "") for name in cell.nodes}
    return {name for name, row in rows.items() if row is not None and row.kink is not None}


def rows_affordable(run: Run, tries: int, steps: int, work: float = WORK) -> tuple[int, int]:
    """The number of rows evaluated at a time, and the number whose `tries` evaluations of `steps` steps cost `work`."""
    units = sum(run.sizes[name] for name in run.cell.nodes)
    weights = sum(array.size for array in run.parameters.values())
    at_once = int(np.clip(_BYTES // (16 * (min(run.T, _STEPS) * units + weights)), 1, 1024))
    cost = steps * (2 * weights + 10 * units + _CALL * 4 * len(run.cell.nodes) / at_once)
    return at_once, int(work / (cost * tries))


def complex_slopes(run: Run, batch: Batch, at_once: int, joint: bool) -> tuple[Array, Array]:
    """∂(total loss)/∂(entry) for each row, (P,): Im L(v + ih) / h; and its possible error, (P,), which is 0.

    h is so small that its square is lost; it is relative to the entry, since log(ŷ) has no other scale than ŷ.
    """
    value = batch.values()
    relative = np.maximum(RELATIVE_IMAGINARY_STEP * np.abs(value), SMALLEST_IMAGINARY_STEP)
    step = np.where(value == 0, IMAGINARY_STEP, relative)
    losses, _ = _losses(run, batch, 1j * step, at_once, joint, follow=True)
    return losses.imag / step, np.zeros(len(step))


def quotient_slopes(run: Run, batch: Batch, at_once: int, joint: bool) -> tuple[Array, Array]:
    """∂(total loss)/∂(entry) for each row, (P,): (L(v + h) − L(v − h)) / 2h; and its possible error, (P,).

    The possible error is the change with the next smaller step plus the rounding of the loss; inf if every step crosses a
    kink. Of all steps the one with the smallest possible error is taken.
    """
    size = np.maximum(np.abs(batch.values()), SMALLEST_ENTRY)
    rounding = np.finfo(np.float64).eps * np.sum(np.abs(run.seed * run.losses), axis=0)[batch.sample]
    slopes, clear = [], []
    for relative in QUOTIENT_STEPS:
        step = relative * size
        above, clear_above = _losses(run, batch, step, at_once, joint, follow=False)
        below, clear_below = _losses(run, batch, -step, at_once, joint, follow=False)
        slopes.append((above - below).real / (2 * step))
        clear.append(clear_above & clear_below)
    doubts = [
        np.where(
            clear[i] & clear[i + 1], np.abs(slopes[i] - slopes[i + 1]) + rounding / (QUOTIENT_STEPS[i] * size), np.inf
        )
        for i in range(len(QUOTIENT_STEPS) - 1)
    ]
    best = np.argmin(doubts, axis=0)[None]
    return np.take_along_axis(np.array(slopes), best, 0)[0], np.take_along_axis(np.array(doubts), best, 0)[0]


def _losses(run: Run, batch: Batch, amount: Array, at_once: int, joint: bool, *, follow: bool) -> tuple[Array, Array]:
    """The total loss of each row with `amount` added to its entry, (P,) complex; and whether no kink was crossed, (P,).

    The losses of the steps before the first that any row of its part of the batch disturbs are left out: they do not change.
    `joint` as in `interpreter.evaluate`; with `follow`, all real parts are those of the run.
    """
    parts = [slice(first, first + at_once) for first in range(0, len(amount), at_once)]
    results = [_Disturbed(run, batch, part, amount[part].astype(complex)).losses(joint, follow) for part in parts]
    return np.concatenate([losses for losses, _ in results]), np.concatenate([clear for _, clear in results])


class _Disturbed:
    """A part of a batch as the arguments of the interpreter, from the first step that is disturbed."""

    def __init__(self, run: Run, batch: Batch, part: slice, amount: Array) -> None:
        self.run, self.amount, self.sample = run, amount, batch.sample[part]
        which, entry = batch.quantity[part], batch.entry[part]
        disturbed = {i: np.flatnonzero(which == i) for i in np.unique(which)}
        self.begin = min(
            (batch.quantities[i].first_step_reached(entry[rows]) for i, rows in disturbed.items()), default=0
        )
        self.parameters = {name: array.astype(np.float64) for name, array in run.parameters.items()}
        self.initial = {name: run.before(name, self.begin + 1)[:, self.sample].astype(complex) for name in run.initial}
        self.x = None if run.x is None else run.x[:, self.sample].astype(complex)
        self.nodes: dict[tuple[str, int], tuple[Array, Array]] = {}  # (name, index of the step) -> rows, units
        for i, rows in disturbed.items():
            quantity = batch.quantities[i]
            self._add(quantity, rows, np.unravel_index(entry[rows], quantity.value.shape))

    def _add(self, quantity: Quantity, rows: Array, index: tuple[Array, ...]) -> None:
        """Add the amounts of some rows to their entries of a quantity; at nodes this happens as they are computed."""
        if quantity.kind == "parameter":
            copies = np.repeat(quantity.value[None].astype(complex), len(self.amount), axis=0)
            copies[(rows, *index)] += self.amount[rows]
            self.parameters[quantity.name] = copies
        elif quantity.kind == "node":
            for t in np.unique(index[0]):
                at_t = index[0] == t
                self.nodes[quantity.name, int(t)] = rows[at_t], index[2][at_t]
        else:
            array = self.x if quantity.kind == "input" else self.initial[quantity.name]
            assert array is not None
            array[index[0], rows, index[2]] += self.amount[rows]

    def losses(self, joint: bool, follow: bool) -> tuple[Array, Array]:
        """As `_losses`, for the rows of this part."""
        run, initial = self.run, self.initial
        kinked, clear = _kinked(run.cell), np.ones(len(self.amount), bool)
        seed, total = run.seed[:, self.sample], np.zeros(len(self.amount), complex)
        for first in range(self.begin, run.T, _STEPS):
            pause()
            steps = slice(first, min(first + _STEPS, run.T))

            def disturb(name: str, t: int, value: Array, first: int = first) -> Array:
                undisturbed = run.value[name][first + t, self.sample]
                if name in kinked:  # the value is above 0 where the argument is
                    clear[((value.real > 0) != (undisturbed > 0)).any(axis=-1)] = False
                value = undisturbed + 1j * value.imag if follow else value
                if (name, first + t) in self.nodes:
                    rows, unit = self.nodes[name, first + t]
                    value[rows, unit] += self.amount[rows]
                return value

            x, y = None if self.x is None else self.x[steps], run.y[steps, self.sample]
            values = interpreter.evaluate(run.cell, run.sizes, self.parameters, x, y, initial, disturb, joint)
            losses = np.sum([values[name][..., 0] for name in run.cell.losses], axis=0)
            total += np.sum(np.where(seed[steps] == 0, 0, seed[steps] * losses), axis=0)
            initial = {
                name: np.concatenate([early, values[name][-len(early) :]])[-len(early) :]
                for name, early in initial.items()
            }
        return total, clear
