"""The kind of the targets of a table: classes by number, by word or by column, shares, or real numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from engine.inputs.numbers import is_word
from engine.inputs.tasks.characters import visible
from engine.inputs.tasks.task import MAX_UNITS, Array, Classes

_WHOLE: Final = re.compile(r"[+−-]?\d{1,15}", re.ASCII)
_MOST_NAMED: Final = 12  # classes that a note names
_MAX_CLASS: Final = 60  # characters of the name of a class
_FEW: Final = 3  # classes that may each stand in one row only
_SUM_ERROR: Final = 0.02  # of shares that were rounded


def are_words(wanted: Sequence[Sequence[str]], asked: bool) -> bool:
    """Whether to read a column of targets as words: if no entry is a number, or if classes are wanted and one entry is none."""
    words = [is_word(row[0]) for row in wanted]
    return any(words) if asked else all(words)


def targets_of(
    names: Sequence[str], wanted: Sequence[Sequence[str]], lines: Sequence[int], values: Array | None, targets: str
) -> tuple[Classes | Array, dict[str, Any]]:
    """The targets, (T, 1) or (T, 1, n_y), and the fields of the task that follow from them: classes, shares, notes.

    values   the targets as numbers (T, n), None where they are words
    """
    which = (
        f"column {names[0]}"
        if len(names) == 1
        else f"columns {names[0]} {'to' if len(names) > 2 else 'and'} {names[-1]}"
    )
    if values is None:
        return _of_words(which, [row[0] for row in wanted], lines)
    if targets == "auto":
        targets, why = _likely(names, wanted, values)
    else:
        why = "as asked"
    match targets:
        case "classes" if len(names) == 1:
            return _of_numbers(which, values[:, 0], why)
        case "classes":
            return _of_one_hot(which, names, values, lines)
        case "shares":
            _check_shares(which, names, values, lines)
            taken = f"shares, {why}: softmax gives shares too, and the loss is their log-likelihood"
            return values[:, None], {"shares": True, "notes": (f"The {which} were taken for {taken}.",)}
    were = "was" if len(names) == 1 else "were"
    return values[:, None], {"notes": (f"The {which} {were} taken for real numbers, {why}.",)}


def _likely(names: Sequence[str], wanted: Sequence[Sequence[str]], values: Array) -> tuple[str, str]:
    """The likely kind of targets, and the reason."""
    if len(names) > 1:
        if _share_error(values) <= _SUM_ERROR:
            return "shares", "since each row sums to 1"
        return "real", "since some row has a negative entry or does not sum to 1"
    if names[0] != "y":
        return "real", "since the name of the column has a number"
    if not all(_WHOLE.fullmatch(row[0]) for row in wanted):
        return "real", "since not all are whole"
    different = np.unique(values)
    low, high, many = int(different[0]), int(different[-1]), len(different)
    if set(different) <= {0, 1} or set(different) == {-1, 1}:
        return "classes", f"since it has no numbers but {'-1' if low < 0 else '0'} and 1"
    if many == 1:
        return "real", "since all are the same"
    if low not in (0, 1):
        return "real", f"since its whole numbers run from {low} to {high}, and those of classes begin at 0 or 1"
    if high - low >= 2 * many:
        return "real", f"since its whole numbers run from {low} to {high} and most of these are left out"
    if many > _FEW and many == len(values):
        return "real", "since no two are the same"
    return "classes", f"since its whole numbers run from {low} to {high}"


def _of_numbers(which: str, values: Array, why: str) -> tuple[Classes, dict[str, Any]]:
    """Targets from the different numbers of a column, in ascending order; a column of 0 or 1 alone has two classes."""
    different = np.unique(values)
    if set(different) <= {0, 1}:
        different = np.array([0.0, 1.0])
    _check_count(which, len(different))
    classes = tuple(
        short if float(short := f"{value + 0.0:.15g}") == value else repr(float(value)) for value in different
    )
    return np.searchsorted(different, values)[:, None], _as_classes(which, classes, why)


def _of_words(which: str, words: Sequence[str], lines: Sequence[int]) -> tuple[Classes, dict[str, Any]]:
    """Targets from the different words of a column, in the order of their first appearance."""
    for word, line in zip(words, lines, strict=True):
        if not word:
            raise ValueError(f"table, line {line}, {which}: the entry is empty: name a class")
        if len(word) > _MAX_CLASS:
            raise ValueError(
                f"table, line {line}, {which}: the name of a class has {len(word):,} characters; at most {_MAX_CLASS} are allowed"
            )
    codes = {word: code for code, word in enumerate(dict.fromkeys(words))}
    _check_count(which, len(codes))
    classes = tuple("".join(c if c.isprintable() else visible(c) for c in word) for word in codes)
    y = np.array([codes[word] for word in words], dtype=np.int64)
    return y[:, None], _as_classes(which, classes, "since it has words, in the order in which they appear")


def _of_one_hot(
    which: str, names: Sequence[str], values: Array, lines: Sequence[int]
) -> tuple[Classes, dict[str, Any]]:
    """Targets from several columns: in each row the one with the 1."""
    wrong = ~(((values == 0) | (values == 1)).all(axis=1) & (values.sum(axis=1) == 1))
    if wrong.any():
        raise ValueError(
            f"table, line {lines[int(wrong.argmax())]}, {which}: several columns are classes where one of them is 1 and the"
            " others are 0; take shares or real numbers"
        )
    y = values.argmax(axis=1)
    return y[:, None], _as_classes(which, tuple(names), "in each row the one whose column has the 1")


def _as_classes(which: str, classes: tuple[str, ...], how: str) -> dict[str, Any]:
    named = ", ".join(map(repr, classes[:_MOST_NAMED])) + f" and {len(classes) - _MOST_NAMED} more" * (
        len(classes) > _MOST_NAMED
    )
    verb = "was" if which.startswith("column ") else "were"
    note = f"The {which} {verb} taken for {count(len(classes), 'class')}, {how}: {named}."
    return {"classes": classes, "notes": (note,)}


def _check_count(which: str, count: int) -> None:
    if count > MAX_UNITS:
        raise ValueError(
            f"table, {which}: {count:,} different classes, at most {MAX_UNITS:,} are allowed; take real numbers, or fewer classes"
        )


def _share_error(values: Array) -> float:
    """The largest distance of the sum of a row from 1; infinite if an entry is negative."""
    return math.inf if (values < 0).any() else float(np.abs(values.sum(axis=1) - 1).max())


def _check_shares(which: str, names: Sequence[str], values: Array, lines: Sequence[int]) -> None:
    if len(names) == 1:
        raise ValueError(
            f"table, {which}: shares need two columns or more, y1, y2, …, that sum to 1 in each row; take classes or real numbers"
        )
    for row, line in zip(values, lines, strict=True):
        if (row < 0).any():
            raise ValueError(f"table, line {line}, {which}: {row.min():g} is no share; shares are from 0 to 1")
        if abs(row.sum() - 1) > _SUM_ERROR:
            raise ValueError(
                f"table, line {line}, {which}: the sum is {row.sum():g}, and shares sum to 1; divide them by it, or take"
                " real numbers"
            )


def count(n: int, what: str) -> str:
    """Write a number of things, with their plural."""
    plural = what[:-1] + "ies" if what.endswith("y") else what + ("es" if what.endswith("s") else "s")
    return f"{n} {what if n == 1 else plural}"
