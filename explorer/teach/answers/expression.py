"""Expressions: how one is read, and its value for a run, as anything, as a number, as a condition, as text."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from engine import Run
from engine.support import shown
from explorer.teach.answers.table import FUNCTIONS, AnswerError, Array, array
from explorer.words.numbers import number

#: The value of an expression: a number, a truth, a text or an array.
Answer: TypeAlias = float | bool | str | Array

LONGEST: Final = 1_000  # characters of an expression
_ENTRIES: Final = 8  # entries of a vector that are written out

_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
    ast.MatMult: np.matmul,
}  # fmt: skip
_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b, ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b,
}  # fmt: skip


@np.errstate(all="ignore")
def answer(text: str, run: Run) -> Answer:
    """The value of an expression for a run. Raises AnswerError, which names the faulty part."""
    try:
        return evaluated(text, run)
    except AnswerError:
        raise
    except RecursionError:
        raise AnswerError(f"{shown(text)} is nested too deeply") from None
    except (ValueError, OverflowError) as error:  # of the engine, of shapes that do not fit
        raise AnswerError(f"{shown(text)}: {error}") from error


def amount(text: str, run: Run) -> float:
    """The finite number that an expression is. Raises AnswerError if it is none."""
    value = answer(text, run)
    if isinstance(value, (bool, str)) or np.size(value) != 1 or not np.isfinite(value).all():
        raise AnswerError(f"{shown(text)} is {said(value)}, and no finite number")
    return float(np.asarray(value).item())


def truth(text: str, run: Run) -> bool:
    """Whether a condition holds. Raises AnswerError if it is none."""
    value = answer(text, run)
    if not isinstance(value, bool):
        raise AnswerError(f"{shown(text)} is {said(value)}, and no condition")
    return value


def said(value: Answer) -> str:
    """An answer as the page writes it: a number to four digits, a short vector entry by entry."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    numbers = np.asarray(value, np.float64)
    if numbers.ndim == 0:
        return number(float(numbers))
    if numbers.ndim == 1 and len(numbers) <= _ENTRIES:
        return f"({', '.join(number(float(entry)) for entry in numbers)})"
    return f"{' × '.join(map(str, numbers.shape))} numbers"


def evaluated(text: str, run: Run) -> Answer:
    """The value of an expression. Raises AnswerError, or the error of a function of the engine."""
    value: Answer = _walk(_parsed(text), run)
    return value


@lru_cache(maxsize=2_000)
def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise AnswerError(f"an expression of {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise AnswerError(f"{shown(text)} is no expression") from None


def _walk(node: ast.expr, run: Run) -> Any:
    match node:
        case ast.Constant(value=bool(value)) | ast.Constant(value=str(value)):
            return value
        case ast.Constant(value=int(value)) | ast.Constant(value=float(value)):
            if abs(value) > 1e300:
                raise AnswerError("a number of more than 300 digits")
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _float(-array(_walk(inner, run)))
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _condition(inner, run)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            return _float(_BINARY[type(op)](array(_walk(left, run)), array(_walk(right, run))))
        case ast.BoolOp(op=op, values=values):
            return (all if isinstance(op, ast.And) else any)(_condition(value, run) for value in values)
        case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARE for op in ops):
            sides = [_single(side, run) for side in (left, *rest)]
            return all(_COMPARE[type(op)](*pair) for op, pair in zip(ops, pairwise(sides), strict=True))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            received = [_walk(argument, run) for argument in arguments]
            try:
                return _float(FUNCTIONS[name].function(run, *received))
            except TypeError:
                raise AnswerError(
                    f"{name} is called with {len(received)} things; it is {FUNCTIONS[name].call}"
                ) from None
        case ast.Call(func=ast.Name(id=name)):
            raise AnswerError(f"{shown(name)} is no function here; there are {', '.join(FUNCTIONS)}")
        case ast.Name(id=name):
            raise AnswerError(f"{shown(name)} by itself means nothing here; the name of a node stands in quotes")
    raise AnswerError(f"{shown(ast.unparse(node))} has no meaning here")


def _float(value: Any) -> Any:
    """Numbers without axes as plain floats."""
    return float(value) if isinstance(value, np.ndarray | np.floating) and np.ndim(value) == 0 else value


def _condition(node: ast.expr, run: Run) -> bool:
    value = _walk(node, run)
    if not isinstance(value, bool):
        raise AnswerError(f"{shown(ast.unparse(node))} is {said(value)}, and no condition")
    return value


def _single(node: ast.expr, run: Run) -> float:
    value = _walk(node, run)
    if not isinstance(value, float) or math.isnan(value):
        raise AnswerError(f"{shown(ast.unparse(node))} is {said(value)}; only numbers are compared")
    return value
