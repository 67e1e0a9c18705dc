"""LaTeX of numbers, sums and single entries, abridged where they are long."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from engine.language import notation
from engine.language.operations import Array

SUMMANDS: Final = 8  # summands up to which a sum of numbers is complete
_ROOM: Final = 400  # characters of LaTeX that leave room for a result beside them

matrix_tex = notation.matrix
number_tex = notation.number
signed_tex = notation.signed


def entry_tex(name: str, index: str, step: str = "t") -> str:
    """An entry of a vector at a step."""
    return f"{notation.indexed(name, index)}^{{({step})}}"


def partial_tex(of: str, wrt: str) -> str:
    """A partial derivative."""
    return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"


def sum_tex(values: Sequence[float] | Array) -> str:
    """A sum of numbers; of many the first and the last."""
    terms = [signed_tex(float(value)) if i else number_tex(float(value)) for i, value in enumerate(values)]
    return " + ".join(first_and_last(terms)) or "0"


def first_and_last(terms: list[str]) -> list[str]:
    """All terms, or dots between the first and the last if there are more than SUMMANDS."""
    return [r"\cdots" if i is None else terms[i] for i in notation.abridged(len(terms), SUMMANDS)]


def plus(terms: list[str]) -> str:
    """A sum of terms that may begin with a minus sign."""
    return " + ".join(terms).replace("+ -", "- ") or "0"


def shown_units(n: int) -> list[int]:
    """The units, from 0, whose entries are written."""
    return [unit for unit in notation.abridged(n) if unit is not None]


def per_unit(n: int, write: Callable[[int], list[str] | str]) -> tuple[str, ...]:
    """The lines of each unit, with dots for units left out."""
    lines: list[str] = []
    for unit in notation.abridged(n):
        text = r"\vdots" if unit is None else write(unit)
        lines += [text] if isinstance(text, str) else text
    return tuple(lines)


def per_entry(rows: int, columns: int, write: Callable[[int, int], str]) -> tuple[str, ...]:
    """A line for each entry of a matrix, with dots for entries left out."""
    return per_unit(rows, lambda i: list(per_unit(columns, lambda j: write(i, j))))


def sum_over_units(n: int, term: Callable[[int], str]) -> str:
    """The sum of a term for each unit, with dots at the end if units are left out."""
    return plus([term(unit) for unit in shown_units(n)]) + (r" + \cdots" if n > notation.WIDE else "")


def shifted(text: str, steps: int) -> str:
    """LaTeX of step t, at step t + steps."""
    return re.sub(r"\(t([+-]\d+)?\)", lambda match: f"({notation.step(int(match[1] or 0) + steps)})", text)


def with_step_number(text: str, t: int) -> str:
    """LaTeX of step t, with the number of the step."""
    return re.sub(r"\(t([+-]\d+)?\)", lambda match: f"({t + int(match[1] or 0)})", text)


def aligned(rows: list[str]) -> str:
    """Rows below one another, aligned at their &."""
    return rows[0].replace("&", "") if len(rows) == 1 else r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"


def with_result(left: str, numbers: str, result: Array) -> str:
    """The equation left = numbers = result; the result stands below if there is no room beside the numbers."""
    if len(numbers) > _ROOM:
        return aligned([f"{left} &= {numbers}", f"&= {matrix_tex(result)}"])
    return f"{left} = {numbers} = {matrix_tex(result)}"


def words(operation: str) -> str:
    """The name of an operation in words."""
    return operation.replace("_", " ")
