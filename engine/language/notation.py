"""Numbers, matrices, and names at a step in LaTeX."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from engine.language import names
from engine.language.operations import Array

MATRIX = r"\begin{pmatrix}"  # what the LaTeX of a vector or matrix of numbers begins with
WIDE = 6  # columns and rows that are written in full


def step(shift: int) -> str:
    """A step relative to t: "t-1", "t", "t+2"."""
    return f"t{shift:+d}" if shift else "t"


def at_step(name: str, parameters: Collection[str], at: str | None = None) -> str:
    """A name at a step: h^{(t-1)}.

    Args:
        name: of the language of cells.
        parameters: the names that have no step.
        at: the step, as text; None for the name alone.
    """
    text = names.latex(name)
    return text if name in parameters or at is None else f"{text}^{{({at})}}"


def indexed(name: str, *indices: str) -> str:
    """An entry of a vector or matrix: W_{i,j}, or W_{f,i,j} of a name that has an index already. Empty indices are left out."""
    text, index = names.latex(name), ",".join(filter(None, indices))
    if not index:
        return text
    return f"{text[:-1]},{index}}}" if names.symbol_of(name).index else f"{text}_{{{index}}}"


def nabla(name: str, at: str | None = None) -> str:
    r"""The gradient of the loss at a node: \nabla_{h^{(t)}} L."""
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


def signed(value: float) -> str:
    """Write a number in LaTeX, in parentheses if it is negative."""
    text = number(value)
    return rf"\left({text}\right)" if text.startswith("-") else text


def matrix(array: Array, digits: int = 3) -> str:
    """A number, a vector (as a column) or a matrix in LaTeX; of more than WIDE rows or columns some give way to dots."""
    if array.ndim == 0 or array.size == 1:
        return number(float(array.reshape(-1)[0]), digits)
    table = array[:, None] if array.ndim == 1 else array
    rows, columns = (abridged(n) for n in table.shape)
    lines = []
    for i in rows:
        cells = [_dots(i, j) or number(float(table[i or 0, j or 0]), digits) for j in columns]
        lines.append(" & ".join(cells))
    return f"{MATRIX} " + r" \\ ".join(lines) + " \\end{pmatrix}"


def abridged(n: int, wide: int = WIDE) -> list[int | None]:
    """The places of n entries that are written, counted from 0; None stands where others are left out."""
    return list(range(n)) if n <= wide else [*range(wide - 2), None, n - 1]


def _dots(i: int | None, j: int | None) -> str:
    return {(True, True): r"\ddots", (True, False): r"\vdots", (False, True): r"\cdots"}.get((i is None, j is None), "")
