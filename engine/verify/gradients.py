"""The laws on gradients: a disturbance at any node, input, initial value or parameter changes the loss by its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine.execute.run import Run
from engine.language.operations import Array
from engine.verify.disturbance import (
    TRIES,
    Batch,
    Quantity,
    complex_slopes,
    quantities,
    quotient_slopes,
    rows_affordable,
    upstream_of_kinks,
)
from engine.verify.law import COMPLEX, QUOTIENTS, Check, Where, check_of, largest_entry, rounding_floors, tolerance_of

LIMIT: Final = 5_000  # rows of all batches of a law


@np.errstate(all="ignore")
def gradients_match_disturbances(run: Run, limit: int = LIMIT) -> tuple[Check, ...]:
    """Compare the gradients at nodes, x, initial values and parameters with the change of the loss when they are disturbed.

    The disturbance is an imaginary step, whose result has no error of its own; where a function with a kink follows, it is a
    difference quotient. Returns a check for each of the two that occurs.
    """
    kinks = upstream_of_kinks(run.cell)
    smooth = [quantity for quantity in quantities(run) if quantity.name not in kinks]
    kinked = [quantity for quantity in quantities(run) if quantity.name in kinks]
    pairs = ((COMPLEX, smooth), (QUOTIENTS, kinked))
    return tuple(_check(run, law, disturbed, limit) for law, disturbed in pairs if disturbed)


def _check(run: Run, law: str, disturbed: Sequence[Quantity], limit: int) -> Check:
    slopes_of, tries = (complex_slopes, 1) if law == COMPLEX else (quotient_slopes, TRIES)
    comparison = _Comparison(run, tolerance_of(run, law))
    at_once, affordable = rows_affordable(run, tries, run.T)
    limit = min(limit // tries, affordable)
    for joint in (True, False):  # ŷ moves a loss of its logits only where that loss is computed from ŷ
        chosen = [
            quantity for quantity in disturbed if joint != (quantity.kind == "node" and quantity.name in run.cell.joint)
        ]
        batch = _choice(chosen, run.B, limit * len(chosen) // len(disturbed))
        if len(batch.starts):
            slopes, doubts = (np.add.reduceat(rows, batch.starts) for rows in slopes_of(run, batch, at_once, joint))
            comparison.add(batch, slopes, doubts)
        else:
            comparison.missing += [quantity.name for quantity in chosen]
    return check_of(run, law, comparison.errors, comparison.remark(sum(quantity.value.size for quantity in disturbed)))


class _Comparison:
    """Gradients compared with slopes: the errors, and which entries could not be measured."""

    def __init__(self, run: Run, tolerance: float) -> None:
        self.tolerance, self.floors = tolerance, rounding_floors(run, tolerance)
        self.errors: list[tuple[float, Where]] = []
        self.missing: list[str] = []
        self.measured = self.unsure = 0

    def add(self, batch: Batch, slopes: Array, doubts: Array) -> None:
        """Compare the derivatives of a batch, each with its possible error."""
        grads, which, entries = batch.grads(), batch.quantity[batch.starts], batch.entry[batch.starts]
        for i, quantity in enumerate(batch.quantities):
            rows = which == i
            if rows.any():
                self._compare(quantity, grads[rows], slopes[rows], doubts[rows], entries[rows])
            else:
                self.missing.append(quantity.name)

    def _compare(self, quantity: Quantity, grad: Array, slope: Array, doubt: Array, entry: Array) -> None:
        row = entry // quantity.value[0].size
        scale = np.maximum(largest_entry(quantity.grad), np.abs(slope).max(where=doubt < np.inf, initial=0))
        scale = np.maximum(scale, self.floors[row if quantity.kind in ("node", "input") else 0])
        sure = doubt <= self.tolerance * scale / 2
        self.measured += int(np.count_nonzero(sure))
        self.unsure += int(np.count_nonzero(~sure))
        error = np.divide(np.abs(slope - grad), scale, out=np.zeros(len(slope)), where=sure & (slope != grad))
        worst = int(np.argmax(error))
        self.errors.append((float(error[worst]), (quantity.name, quantity.step(int(row[worst])))))

    def remark(self, total: int) -> str:
        """How many of `total` entries were measured, and why others were not."""
        text = f" Measured: {self.measured:,} of {total:,}."
        if self.missing:
            text += f" None at {', '.join(self.missing)}: there it would take too long."
        if self.unsure:
            text += f" Left out: {self.unsure:,} at a kink, or where the loss changes by little more than its rounding."
        return text


def _choice(disturbed: Sequence[Quantity], B: int, limit: int) -> Batch:
    """A batch for all entries of all quantities; or, of each, for its share of the limit, drawn with a fixed seed."""
    rows_of = {i: B if quantity.kind == "parameter" else 1 for i, quantity in enumerate(disturbed)}
    chosen: dict[int, Array] = {}
    for done, i in enumerate(sorted(rows_of, key=lambda i: disturbed[i].value.size * rows_of[i])):
        size = disturbed[i].value.size
        count = min(size, limit // (len(disturbed) - done) // rows_of[i])
        entries = np.arange(size)
        if count < size:
            entries = np.sort(np.random.default_rng(0).choice(size, count, replace=False))
        chosen[i] = entries
        limit -= count * rows_of[i]
    rows = []
    for i, quantity in enumerate(disturbed):
        entry = np.repeat(chosen[i], rows_of[i])
        parameter = quantity.kind == "parameter"
        sample = np.arange(len(entry)) % B if parameter else entry // quantity.value[0, 0].size % B
        rows.append((np.full(len(entry), i), entry, sample, np.arange(len(entry)) % rows_of[i] == 0))
    nothing = np.zeros((4, 0), int)
    columns = [np.concatenate(parts) for parts in zip(nothing, *rows, strict=True)]
    return Batch(disturbed, columns[0], columns[1], columns[2], np.flatnonzero(columns[3]))
