"""LaTeX of numbers, sums and single entries, abridged where they are long."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.language import notation
from engine.language.operations import Array

SUMMANDS = 8  # of a sum of numbers that is written in full
_WIDE = 400  # characters of LaTeX beside which a result has no room
matrix_tex = notation.matrix
number_tex = notation.number


def entry_tex(name: str, index: str, at: str = "t") -> str:
    return f"{notation.indexed(name, index)}^{{({at})}}"


def signed_tex(value: float) -> str:
    text = number_tex(value)
    return rf"\left({text}\right)" if text.startswith("-") else text


def sum_tex(values: list[float] | Array) -> str:
    """Numbers added up, of many the first and the last."""
    shown = [signed_tex(float(value)) if i else number_tex(float(value)) for i, value in enumerate(values)]
    if len(shown) > SUMMANDS:
        shown = [*shown[: SUMMANDS - 2], r"\cdots", shown[-1]]
    return " + ".join(shown) or "0"


def shown_units(n: int) -> list[int]:
    """The units, from 0, whose elements are written."""
    return list(range(n)) if n <= notation.WIDE else [*range(notation.WIDE - 2), n - 1]


def per_unit(n: int, written: Callable[[int], list[str] | str]) -> tuple[str, ...]:
    """Elements for the units, with dots where some are left out."""
    found: list[str] = []
    shown = shown_units(n)
    for place, i in enumerate(shown):
        if place and i > shown[place - 1] + 1:
            found.append(r"\vdots")
        text = written(i)
        found += [text] if isinstance(text, str) else text
    return tuple(found)


def shifted(text: str, steps: int) -> str:
    """LaTeX of step t, at step t + steps."""
    return re.sub(r"\(t([+-]\d+)?\)", lambda found: f"({notation.step(int(found[1] or 0) + steps)})", text)


def with_step_number(text: str, t: int) -> str:
    """LaTeX of step t with the step's number."""
    return re.sub(r"\(t([+-]\d+)?\)", lambda found: f"({t + int(found[1] or 0)})", text)


def aligned(rows: list[str]) -> str:
    return rows[0].replace("&", "") if len(rows) == 1 else r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"


def with_result(left: str, numbers: str, result: Array) -> str:
    """left = numbers = result; the result below where there is no room beside."""
    if len(numbers) > _WIDE:
        return aligned([f"{left} &= {numbers}", f"&= {matrix_tex(result)}"])
    return f"{left} = {numbers} = {matrix_tex(result)}"


def plus(terms: list[str]) -> str:
    return " + ".join(terms).replace("+ -", "- ") or "0"


def words(operation: str) -> str:
    return operation.replace("_", " ")
