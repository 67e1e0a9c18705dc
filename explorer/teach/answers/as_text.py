"""Functions that give text: a power of ten, a number as a word. They are for a lesson's sentences only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine import Run
from explorer.teach.answers.table import AnswerError, array, row, whole
from explorer.words.numbers import from_exponent

#: Numbers that are written as words.
WORDS: Final[Mapping[int, str]] = {
    **dict(enumerate((
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
        "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ))),
    **{10 * (i + 2): word for i, word in enumerate((
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "a hundred",
    ))},
}  # fmt: skip


@row("power(x)", "10 to the power x as text, also beyond the range of floats; for the text only.")
def _power(run: Run, x: Any) -> str:
    return from_exponent(float(array(x)))


@row("in_words(n)", "A whole number from 0 to 20, or a multiple of 10 up to 100, as a word; for the text only.")
def _in_words(run: Run, n: Any) -> str:
    value = whole(n, "the number", 0, 100)
    if value not in WORDS:
        raise AnswerError(f"{value} has no word here")
    return WORDS[value]
