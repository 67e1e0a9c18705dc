"""Claims that are no formula of the language, tried on a run by hand."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine import Run
from engine.language import Array, notation
from engine.verify import Asked, Verdict, truth
from explorer.experiments.slips.claim import Trial

_POWER: Final = 3  # steps of h(t) = Wᵀ h(t−1)
_MOST_UNITS: Final = 256  # of a matrix that is decomposed


def cut_short(run: Run, asked: Asked, sample: int) -> tuple[str, Verdict]:
    """The output from a vector that is one entry short of h: its LaTeX, and the verdict that the shapes do not fit."""
    assert asked.t is not None
    V, h = run.parameters["V"], run.value["h"][asked.t - 1, sample]
    a, phi, n = notation.at_step("a", (), "t"), r"\varphi", len(h) - 1
    entries = [rf"{phi}({a}_{{{i + 1}}})" for i in range(n)] if n < 3 else [
        rf"{phi}({a}_1)", r"\cdots", rf"{phi}({a}_{{{n}}})"]  # fmt: skip
    latex = rf"c + V \begin{{pmatrix}} {' & '.join(entries)} \end{{pmatrix}}^\top"
    message = (
        f"the shapes do not fit: V is {V.shape[0]} × {V.shape[1]}, the vector has {n} entr{'y' if n == 1 else 'ies'}"
    )
    return latex, Verdict("misfit", None, truth(run, asked, sample), None, message=message)


def class_for_probability(run: Run, asked: Asked, sample: int) -> tuple[str, Verdict] | None:
    """The loss with the class, counted from 1, in place of its probability; None where the targets are no classes."""
    assert asked.t is not None
    if run.y.dtype.kind not in "iu":
        return None
    exact = truth(run, asked, sample)
    return r"-\log y^{(t)}", refuted(np.full(exact.shape, np.log(1 / (int(run.y[asked.t - 1, sample]) + 1))), exact)


def refuted(value: Array, exact: Array) -> Verdict:
    """The verdict on numbers that are not the true ones."""
    apart = np.abs(value - exact)
    where = tuple(int(i) for i in np.unravel_index(int(apart.argmax()), apart.shape)) if apart.ndim else ()
    return Verdict("wrong", value, exact, None, float(apart.max()), where)


def decomposed(run: Run, sample: int) -> Trial | None:
    """h(t) from the eigenvectors of the symmetric part of W, in the book's order and in the right one."""
    W, h = run.parameters.get("W"), run.value["h"][-1, sample] if "h" in run.cell.nodes else np.zeros(0)
    if (
        W is None
        or W.shape != (len(h), len(h))
        or len(h) > _MOST_UNITS
        or not (np.isfinite(W).all() and np.isfinite(h).all())
    ):
        return None
    S, h = (W + W.T).astype(np.float64) / 2, h.astype(np.float64)
    eigenvalues, Q = np.linalg.eigh(S)
    powers, true = eigenvalues**_POWER, np.asarray(h)
    for _ in range(_POWER):
        true = S.T @ true
    return Trial(
        Asked("value", "h", _POWER), r"Q^\top \Lambda^t Q\, h^{(0)}", r"Q\, \Lambda^t Q^\top h^{(0)}", Q.T @ (powers * (Q @ h)),
        Q @ (powers * (Q.T @ h)), true, "step by step",
    )  # fmt: skip
