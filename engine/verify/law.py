"""A law that a run keeps: its identifier and its sentence, its tolerance, and the row that a measurement of it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from engine.execute.run import Run
from engine.language.operations import Array
from engine.verify.tolerance import OF_A_LAW, OF_A_LAW_BY_QUOTIENT, rounding_floor

#: A node and its step, counted from 1 (0 and below: its initial values); a parameter and None.
Where: TypeAlias = tuple[str, int | None]

VALUES: Final = "values_satisfy_the_equations"
COMPLEX: Final = "gradients_match_the_complex_step"
QUOTIENTS: Final = "gradients_match_difference_quotients"
MESSAGES: Final = "messages_sum_to_the_gradient"
COPIES: Final = "copies_sum_to_the_parameters_gradient"
LATER: Final = "no_loss_reaches_a_later_node"

#: The laws, in the order in which they are shown, each as a sentence.
STATEMENTS: Mapping[str, str] = MappingProxyType({
    VALUES: "Each value is what its equation gives for the values that it reads.",
    COMPLEX: "An imaginary step at a node, input, initial value or parameter changes the loss by its gradient.",
    QUOTIENTS: "Where a function with a kink follows, steps to either side that do not cross the kink change the loss "
    "by its gradient.",
    MESSAGES: "What flows back along the edges that leave a node sums to the gradient there.",
    COPIES: "The gradients at the copies of a parameter, one per step, sum to its gradient.",
    LATER: "The loss of a step has no gradient at any later node.",
})  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A law, measured on a run.

    Attributes:
        law: The identifier of the law, which never changes; a test has the same name.
        statement: The law as a sentence, followed by the number of entries measured.
        error: The largest error found (see `check`); inf for a run with a number that is not finite.
        tolerance: The largest error allowed.
        passed: Whether the error is within the tolerance.
        where: The name and step of the largest error; None if every error is 0.
    """

    law: str
    statement: str
    error: float
    tolerance: float
    passed: bool
    where: Where | None


def tolerance_of(run: Run, law: str) -> float:
    """The largest error that a law allows in a run."""
    if law == LATER:
        return 0.0
    return max(OF_A_LAW[run.dtype.name], OF_A_LAW_BY_QUOTIENT if law == QUOTIENTS else 0.0)


def check_of(run: Run, law: str, errors: Iterable[tuple[float, Where]], remark: str = "") -> Check:
    """The check of a law from the errors found and their places."""
    error, where = max(errors, key=lambda error_and_place: error_and_place[0], default=(0.0, None))
    tolerance = tolerance_of(run, law)
    return Check(law, STATEMENTS[law] + remark, error, tolerance, error <= tolerance, where if error else None)


def worst(name: str, first: int | None, difference: Array, scale: Array | float) -> tuple[float, Where]:
    """The largest |difference| / scale over the rows (steps from `first` on), and its place."""
    rows = np.abs(difference).reshape(len(difference), -1).max(axis=1)
    relative = np.divide(rows, scale, out=np.zeros(len(rows)), where=rows != 0)
    relative[np.isnan(relative)] = np.inf
    row = int(np.argmax(relative))
    return float(relative[row]), (name, None if first is None else first + row)


def rounding_floors(run: Run, tolerance: float) -> Array:
    """The size to which a gradient's error at each step is relative at least, (T,).

    A gradient that cancels, such as Vᵀ(ŷ − y) for a V of equal rows, consists of larger gradients of the same or a later
    step, and nothing but their rounding remains of it.
    """
    largest = np.max([np.abs(grad).max(axis=(1, 2)) for grad in run.grad.values()], axis=0).astype(np.float64)
    later: Array = np.maximum.accumulate(largest[::-1])[::-1]
    return later * rounding_floor(run, 1.0, tolerance)


def largest_entry(array: Array) -> float:
    """The largest absolute value of an array."""
    return float(np.abs(array).max())
