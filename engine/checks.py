"""The laws that a run keeps, measured on the run itself: what the tests assert and the page shows.

The oracle is `interpreter.evaluate`, which reads the equations step by step and knows nothing of the schedule by which a
run computes. Disturbances are stacked along its axis of samples: a row of the batch is one sample of the run with one entry
of one thing disturbed, so that many derivatives come out of one evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from engine import interpreter
from engine.cell import Cell
from engine.operations import FUNCTIONS, Array
from engine.run import Run
from engine.run import run as run_cell

#: A node and its step, counted from 1 (an initial value: 0 and below); a parameter and None.
Where: TypeAlias = tuple[str, int | None]

LIMIT = 4_000  # rows of the oracle's batch that one law takes, unless asked otherwise
_WORK = 2e8  # multiplications of complex numbers that one law takes at most, if that is a row for each name
_BYTES = 32 << 20  # of the oracle's memory
_TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
_QUOTIENT = 1e-6  # tolerance of difference quotients, unless that of the dtype is larger
_NOISE = 64  # roundings of the largest gradient that a sum may be off by
_DIFFERENCES = 10.0 ** -np.arange(3, 10)  # steps of the difference quotients


@dataclass(frozen=True)
class Check:
    """A law, measured on a run.

    law        what the law is called: a stable identifier, and the name of a test
    statement  the law in a sentence, with how much of the run was measured
    error      the largest error found, relative to the largest entry of what was compared; inf where there was nothing finite
    tolerance  what the error may be
    passed     whether it is
    where      the node (or parameter) and the step of the largest error, or None where there is none
    """

    law: str
    statement: str
    error: float
    tolerance: float
    passed: bool
    where: Where | None = None


def check(run: Run, limit: int = LIMIT) -> tuple[Check, ...]:
    """Every law of a run, measured: law, measured error, tolerance, passed.

    limit  how many derivatives are measured by disturbing at most (each sample counts at a parameter); a choice that is
           always the same is made among more, or among fewer where the run is so large that they would take long

    Errors are relative to the largest entry of the same name, but no less than to what rounding leaves of the largest
    gradient of the same or a later step: 1e-10 is allowed in float64 and 1e-4 in float32, 1e-6 for difference quotients, and
    0 for a loss that must not be felt. A run with a number that is not finite passes no law; each row says where it is.
    Raises ValueError for a limit that is not a whole number from 1.

    **Holds:** a_broken_run_breaks_a_law.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit is {limit!r}; a whole number of derivatives, at least 1")
    found = _not_finite(run)
    if found is not None:
        what, name, t = found
        here = name if t is None else f"{name} at t = {t}"
        reason = f"Not measured, since the {what} of {here} is not finite."
        return tuple(
            Check(law, f"{sentence} {reason}", np.inf, tolerance, False, (name, t)) for law, sentence, tolerance in _laws(run)
        )
    with np.errstate(all="ignore"):
        return (
            values_satisfy_the_equations(run),
            *gradients_match_disturbances(run, limit),
            messages_sum_to_the_gradient(run),
            copies_sum_to_the_parameters_gradient(run),
            no_loss_reaches_a_later_node(run),
        )


def _laws(run: Run) -> Iterator[tuple[str, str, float]]:
    """Identifier, sentence and tolerance of each law that concerns the run."""
    tolerance = _TOLERANCE[run.dtype.name]
    yield "values_satisfy_the_equations", _VALUES, tolerance
    yield "gradients_match_the_complex_step", _COMPLEX, tolerance
    if upstream_of_kinks(run.cell):
        yield "gradients_match_difference_quotients", _REAL, max(tolerance, _QUOTIENT)
    yield "messages_sum_to_the_gradient", _MESSAGES, tolerance
    yield "copies_sum_to_the_parameters_gradient", _COPIES, tolerance
    yield "no_loss_reaches_a_later_node", _LATER, 0.0


_VALUES = "Every value is what its equation gives for the values that it reads."
_COMPLEX = "An imaginary step at a node, an input, an initial value or a parameter changes the loss by the gradient there."
_REAL = "Where a function with a kink follows, small steps to either side that do not cross the kink change the loss by the gradient."
_MESSAGES = "What flows back along the edges that leave a node sums to the gradient there."
_COPIES = "The gradients at the copies of a parameter, one a step, sum to the gradient of the parameter."
_LATER = "A loss has no gradient at a node of a later step."


def _not_finite(run: Run) -> tuple[str, str, int | None] | None:
    """What ("value" or "gradient"), at which name and step; the first value, else the first gradient, that is not finite."""
    if run.overflow is not None:
        return "value", run.overflow.name, run.overflow.t
    for name, grad in run.grad.items():
        wrong = ~np.isfinite(grad).all(axis=(1, 2))
        if wrong.any():
            return "gradient", name, int(np.argmax(wrong)) + 1
    for name, grad in (*run.param_grad.items(), *run.initial_grad.items()):
        if not np.isfinite(grad).all():
            return "gradient", name, None
    return None


# The worst of many errors ----------------------------------------------------------------------------------------------


class _Worst:
    """The largest relative error so far, and where it was found."""

    def __init__(self, run: Run, law: str, sentence: str, tolerance: float) -> None:
        self.law, self.sentence, self.tolerance = law, sentence, tolerance
        self.error, self.where = 0.0, None if False else _NOWHERE
        largest = np.max([np.abs(grad).max(axis=(1, 2)) for grad in run.grad.values()], axis=0)
        self._level = np.maximum.accumulate(largest[::-1])[::-1].astype(np.float64)
        self._noise = _NOISE * float(np.finfo(run.dtype).eps) / (tolerance or 1.0)

    def floor(self, t: Array) -> Array:
        """What errors at index t (of a parameter or an initial value: 0) are relative to at least."""
        return self._noise * self._level[t]
