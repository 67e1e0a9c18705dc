"""Expressions in LaTeX: with the names of things, or with their numbers in place of the names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeAlias

import numpy as np

from engine.language import names
from engine.language.equations import Apply, Expression, Name, Number
from engine.language.operations import CALLS, LOSSES, Array

#: What stands for a name: its LaTeX, or an expression that is to be written out in its place.
Show: TypeAlias = Callable[[Name], str | Expression]

_SUM, _PRODUCT, _ATOM = 1, 2, 3
_MATRIX = r"\begin{pmatrix}"
_INDEXED = re.compile(
    r"_\{(?:[^{}]|\{[^{}]*\})*\}(?:\^\{[^{}]*\})?$"
)  # a name with an index at the end, such as p_{1}^{(t)}
WIDE = 6  # columns and rows that are written in full


def write(expression: Expression, show: Show, strength: int = 0) -> str:
    """An expression in LaTeX; `show` says what stands for each name, `strength` how tightly the surroundings bind."""
    if isinstance(expression, Number):
        return number(expression.value, 6)
    if isinstance(expression, Name):
        shown = show(expression)
        return shown if isinstance(shown, str) else write(shown, show, strength)
    text, own = _applied(expression, show)
    return rf"\left({text}\right)" if own < strength else text


def _applied(expression: Apply, show: Show) -> tuple[str, int]:
    operation, arguments = expression.operation, expression.arguments
    if operation in ("+", "-"):
        left, right = write(arguments[0], show, _SUM), write(arguments[1], show, _SUM if operation == "+" else _PRODUCT)
        return f"{left} {operation} {right}", _SUM
    if operation == "neg":
        return f"-{write(arguments[0], show, _PRODUCT)}", _SUM
    if operation == "*":
        left, right = (write(argument, show, _PRODUCT) for argument in arguments)
        sign = r"\," if any(isinstance(argument, Number) for argument in arguments) else r" \odot "
        return f"{left}{sign}{right}", _PRODUCT
    if operation == "@":
        return f"{write(arguments[0], show, _ATOM)} {write(arguments[1], show, _ATOM)}", _PRODUCT
    if operation in LOSSES:
        p, y = (write(argument, show, _ATOM) for argument in arguments)
        if _INDEXED.search(p):  # the index i of its entries would join its own
            p = rf"\left({p}\right)"
        return LOSSES[operation].latex.format(p=p, y=y), _SUM
    inside = write(arguments[0], show)
    if isinstance(arguments[0], Name) and inside.startswith(_MATRIX):  # it brings its own parentheses
        return f"{CALLS[operation].latex}{inside}", _ATOM
    return rf"{CALLS[operation].latex}\left({inside}\right)", _ATOM


def step(shift: int) -> str:
    """A step relative to t: "t-1", "t", "t+2"."""
    return f"t{shift:+d}" if shift else "t"


def at_step(name: str, parameters: Collection[str], at: str | None = None) -> str:
    """A name at a step: h^{(t-1)}; a parameter without one."""
    text = names.latex(name)
    return text if name in parameters or at is None else f"{text}^{{({at})}}"


def indexed(name: str, *indices: str) -> str:
    """An entry of a name: W_{i,j}; of one that has an index already W_{f,i,j}."""
    text, index = names.latex(name), ",".join(filter(None, indices))
    if not index:
        return text
    return f"{text[:-1]},{index}}}" if names.symbol(name).index else f"{text}_{{{index}}}"


def nabla(name: str, at: str | None = None) -> str:
    r"""The gradient of the loss there: \nabla_{h^{(t)}} L."""
    return rf"\nabla_{{{at_step(name, (), at)}}} L"


def number(value: float, digits: int = 3) -> str:
    r"""A number in LaTeX: 0.123, 1.5 \cdot 10^{-9}, \infty."""
    if np.isnan(value):
        return r"\mathrm{nan}"
    if np.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    text = f"{value + 0.0:.{digits}g}"
    mantissa, exponent, power = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(power)}}}" if exponent else mantissa


def matrix(array: Array, digits: int = 3) -> str:
    """A number, a vector (as a column) or a matrix in LaTeX; what is wider than WIDE is abridged with dots."""
    if array.ndim == 0 or array.size == 1:
        return number(float(array.reshape(-1)[0]), digits)
    table = array[:, None] if array.ndim == 1 else array
    rows, columns = (_kept(n) for n in table.shape)
    lines = []
    for i in rows:
        cells = [_dots(i, j) or number(float(table[i or 0, j or 0]), digits) for j in columns]
        lines.append(" & ".join(cells))
    return f"{_MATRIX} " + r" \\ ".join(lines) + " \\end{pmatrix}"


def _kept(n: int) -> list[int | None]:
    """The rows or columns that are written; None is where others are left out."""
    return list(range(n)) if n <= WIDE else [*range(WIDE - 2), None, n - 1]


def _dots(i: int | None, j: int | None) -> str:
    return {(True, True): r"\ddots", (True, False): r"\vdots", (False, True): r"\cdots"}.get((i is None, j is None), "")
