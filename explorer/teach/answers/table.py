"""The table of the functions that a question may call, and the checks of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine import Run
from engine.support import shown

Array: TypeAlias = NDArray[np.float64]


class AnswerError(ValueError):
    """An expression that cannot be read, or that means nothing for the run; the message names the part."""


@dataclass(frozen=True)
class Function:
    """A row of `FUNCTIONS`.

    Attributes:
        call: how it is called.
        sentence: about its result.
        function: the function itself; its first argument is the run.
    """

    call: str
    sentence: str
    function: Callable[..., Any]


_TABLE: dict[str, Function] = {}
#: The functions of the language by name.
FUNCTIONS: Final[Mapping[str, Function]] = _TABLE


def row(call: str, sentence: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table under the name with which its call begins."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        _TABLE[call.partition("(")[0]] = Function(call, sentence, function)
        return function

    return enter


# --- arguments ---------------------------------------------------------------------------------------------------


def whole(value: Any, what: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`; `what` names it in the message."""
    if isinstance(value, bool) or not isinstance(value, float) or not value.is_integer() or not low <= value <= high:
        raise AnswerError(f"{what} is {shown(value)}; a whole number from {low} to {high}")
    return int(value)


def step(run: Run, t: Any, low: int = 1) -> int:
    """A step of the run."""
    return whole(t, "the step", low, run.T)


def parameter(run: Run, name: Any) -> str:
    """The name of a parameter."""
    if name not in run.parameters:
        raise AnswerError(f"{shown(name)} is no parameter; there are {', '.join(run.parameters)}")
    return str(name)


def node(run: Run, name: Any) -> str:
    """The name of a node with a gradient."""
    if name not in run.grad:
        raise AnswerError(f"{shown(name)} is no node; there are {', '.join(run.grad)}")
    return str(name)


def array(value: Any) -> Array:
    """Numbers as an array; a single one has no axis."""
    if isinstance(value, (str, bool)):
        raise AnswerError(f"numbers are needed, not {shown(value)}")
    return np.asarray(value, np.float64)


def matrix(run: Run, value: Any) -> Array:
    """A matrix of finite numbers, or the parameter of that name."""
    numbers = np.asarray(run.parameters[parameter(run, value)] if isinstance(value, str) else array(value), np.float64)
    if numbers.ndim != 2 or not np.isfinite(numbers).all():
        raise AnswerError("a matrix of finite numbers is needed")
    return numbers
