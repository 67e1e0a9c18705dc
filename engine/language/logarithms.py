"""Notes on losses that take the logarithm of other values than probabilities: nll and bce of values outside 0 to 1."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Final

from engine.language.equations import Equation, lifted
from engine.language.expressions import Apply, Expression, Name, Note, Place
from engine.language.names import free
from engine.language.operations import LOSSES, SOFTMAX
from engine.language.printer import code
from engine.language.ranges import Ranges

_ROUNDING: Final = 1e-9


def logarithms(equations: Mapping[str, Equation], probabilities: Collection[str]) -> Iterator[Note]:
    """Notes on losses that take logarithms of values that are no probabilities by construction."""
    calls = [
        (name, equation)
        for name, equation in equations.items()
        if isinstance(equation.expression, Apply)
        and equation.expression.operation in LOSSES
        and LOSSES[equation.expression.operation].after is not None
        and not _squashed(equations, equation.expression.arguments[0])
    ]
    if not calls:
        return
    known = Ranges(equations, probabilities)
    for name, equation in calls:
        call = equation.expression
        assert isinstance(call, Apply)
        p, row = call.arguments[0], LOSSES[call.operation]
        low, high = known.of(p)
        if low >= -_ROUNDING and high <= 1 + _ROUNDING:
            continue
        argument, added = code(p, partial(lifted, equations)), ""
        p_name = _made_of(equations, str(row.after), p, equation.place)
        if not p_name:  # no line computes it yet
            p_name = free([*equations, *known.parameters, "x", "y"], "y_hat", "p")
            added = f"'{p_name} = {row.after}({_short(argument)})' and "
        remedy = f"{row.name}({p_name}, y)" if equation.within else f"{name} = {row.name}({p_name}, y)"
        yield call.place.note(
            f"{row.name} takes the logarithm of probabilities, and {_short(argument)!r} need not lie from 0 to 1; if these"
            f" are the logits, write {added}'{remedy}'"
        )


def _squashed(equations: Mapping[str, Equation], p: Expression) -> bool:
    """Whether an expression names a softmax or a sigmoid."""
    node = equations[p.name].expression if isinstance(p, Name) and p.name in equations else None
    return isinstance(node, Apply) and node.operation in (SOFTMAX.name, "sigmoid")


def _made_of(equations: Mapping[str, Equation], function: str, argument: Expression, before: Place) -> str:
    """The node that a line above a place defines as a function of a node or x; "" if none is."""
    if not isinstance(argument, Name) or argument.lag:
        return ""
    for name, equation in equations.items():
        match equation.expression:
            case Apply(operation, (Name(read, 0),)) if (operation, read) == (function, argument.name):
                if equation.within is None and equation.place.line < before.line:
                    return name
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else "…"
