"""Functions of numbers and arrays: norms, entries, sums, elementwise functions, comparison."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from engine import Run
from explorer import facts
from explorer.teach.answers.table import AnswerError, Array, array, matrix, row, whole

_ALIKE: Final = 1e-9  # relative difference up to which two things are the same


@row("norm(v)", "The L2 norm of all entries.")
def _norm(run: Run, v: Any) -> float:
    return facts.norm(array(v))


@row("entry(v, i[, j])", "An entry, counted from 1.")
def _entry(run: Run, v: Any, *index: Any) -> float:
    entries = array(v)
    if len(index) != entries.ndim:
        raise AnswerError(f"an entry of an array with {entries.ndim} axes needs as many numbers, not {len(index)}")
    return float(entries[tuple(whole(i, "the entry", 1, n) - 1 for i, n in zip(index, entries.shape, strict=True))])


@row("row(W, i)", "A row of a matrix, counted from 1.")
def _one_row(run: Run, W: Any, i: Any) -> Array:
    rows = matrix(run, W)
    return np.asarray(rows[whole(i, "the row", 1, len(rows)) - 1], np.float64)


@row("total(v)", "The sum of all entries.")
def _total(run: Run, v: Any) -> float:
    return float(array(v).sum())


@row("mean(v)", "The mean of all entries.")
def _mean(run: Run, v: Any) -> float:
    return float(array(v).mean())


@row("largest(v)", "The largest entry.")
def _largest(run: Run, v: Any) -> float:
    return float(array(v).max())


@row("smallest(v)", "The smallest entry.")
def _smallest(run: Run, v: Any) -> float:
    return float(array(v).min())


@row("where_largest(v)", "Which entry of a vector is the largest, counted from 1.")
def _where_largest(run: Run, v: Any) -> float:
    return float(array(v).argmax()) + 1


@row("abs(v)", "Without signs.")
def _abs(run: Run, v: Any) -> Array:
    return np.asarray(np.abs(array(v)))


@row("exp(v)", "e to the power of each entry.")
def _exp(run: Run, v: Any) -> Array:
    return np.asarray(np.exp(array(v)))


@row("log(v)", "The natural logarithm of each entry.")
def _log(run: Run, v: Any) -> Array:
    return np.asarray(np.log(array(v)))


@row("log10(v)", "The logarithm to base 10 of each entry.")
def _log10(run: Run, v: Any) -> Array:
    return np.asarray(np.log10(array(v)))


@row("sqrt(v)", "The square root of each entry.")
def _sqrt(run: Run, v: Any) -> Array:
    return np.asarray(np.sqrt(array(v)))


@row("transposed(W)", "The transpose of a parameter, by its name, or of any matrix.")
def _transposed(run: Run, W: Any) -> Array:
    return matrix(run, W).T


@row("cosine(v, w)", "The cosine of the angle between two arrays.")
def _cosine(run: Run, v: Any, w: Any) -> float:
    a, b = array(v).ravel(), array(w).ravel()
    if len(a) != len(b):
        raise AnswerError(f"{len(a)} and {len(b)} numbers have no angle between them")
    return float(a @ b / np.float64(facts.norm(a) * facts.norm(b)))


@row("same(v, w)", "Whether two numbers or arrays are the same, up to rounding.")
def _same(run: Run, v: Any, w: Any) -> bool:
    a, b = array(v), array(w)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=_ALIKE, atol=_ALIKE * max(1e-3, float(np.abs(b).max()))))
