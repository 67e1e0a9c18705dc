"""The run of each column of the comparison, and the numbers measured on it."""

from __future__ import annotations

import engine
from engine import Run
from engine.flow import Truncated
from explorer import compare
from explorer.cache import RESULTS
from explorer.compare import Column, Measured
from explorer.model import Model
from explorer.page.results import computed


@RESULTS.keeps()
def cut(model: Model, every: int) -> Truncated:
    """The gradients that are left of a run when its recurrence is cut."""
    return engine.cut(computed(model), every)


@RESULTS.keeps()
def measured(model: Model, every: int, sample: int) -> Measured:
    """The numbers of a column, for the table and the curves."""
    return compare.measure(computed(model), sample, cut(model, every) if every else None, every)


def computed_column(column: Column) -> Run | None:
    """The run of a column, with the gradients that its cut leaves; None if it cannot be run."""
    if column.model is None:
        return None
    run = computed(column.model)
    return compare.truncated(run, cut(column.model, cut_every(column))) if cut_every(column) else run


def cut_every(column: Column) -> int:
    """The number of steps after which the recurrence of a column is cut; 0 is never, as where no gradient is finite."""
    return column.cut if column.model is not None and computed(column.model).overflow is None else 0
