"""Remarks on the numbers that a slip gives on a run, in words; "" where there is no remark."""

from __future__ import annotations

import numpy as np

from engine import Run
from engine.language import notation
from engine.verify import Asked, Verdict


def _entries(n: int, of: str) -> str:
    return f"{n} of the {of} entries {'is' if n == 1 else 'are'}"


def no_probabilities(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Remark on shares without exponentials: entries that are no probabilities."""
    assert asked.t is not None and verdict.value is not None  # noqa: PT018
    value = verdict.value
    if not np.isfinite(value).all():
        return "As probabilities these are impossible: the sum of the $o$ is 0, so there is no number at all."
    negative, above, size = int(np.sum(value < 0)), int(np.sum(value > 1)), f"{value.size}"
    impossible = [f"{_entries(negative, size)} negative"] * bool(negative) + [
        f"{_entries(above, size)} above 1"
    ] * bool(above)
    if impossible:
        return f"As probabilities these are impossible: {' and '.join(impossible)}."
    softmax = run.value["y_hat"][asked.t - 1, sample]
    if value.size == 1:
        return "There is one output, whose share is 1 in either way."
    if np.allclose(value, softmax, rtol=1e-9, atol=0):
        return "Here the shares happen to be those of the softmax."
    return "Here all entries happen to lie between 0 and 1; they are not those of the softmax all the same."


def never_one(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Remark on a softmax that would be certain: how far it is from 1 for larger outputs."""
    assert asked.t is not None
    o = run.value["o"][asked.t - 1, sample].astype(np.float64)
    if o.size == 1:
        return "There is one output, whose probability is 1 whatever $o$ is."
    largest = int(np.sum(o == o.max()))
    if largest > 1:
        all_equal = "All entries of $o$ are equal" if largest == o.size else f"{largest} entries share the largest $o$"
        return (
            f"{all_equal} here: each of these has the probability 1/{largest} in the limit, and no entry comes near 1."
        )
    below = np.sort(o)[:-1] - o.max()  # what is left beside the largest, relative to it
    gaps = []
    for factor in (1, 3, 10, 30):
        log = factor * below.max() + np.log(np.sum(np.exp(factor * (below - below.max()))))
        gaps.append(f"${_of_log(float(log - np.logaddexp(0, log)))}$ for ${factor}\\,o$")
    return f"What the largest entry lacks to 1: {', '.join(gaps)}. It becomes small, and never 0."


def _of_log(log: float) -> str:
    """A number by its natural logarithm, in LaTeX, however small it is."""
    power = log / np.log(10)
    return notation.number(float(np.exp(log))) if power > -300 else rf"10^{{{power:.0f}}}"


def by_chance(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Of shapes that do not fit in the text: why they do here."""
    if verdict.kind == "misfit":
        return ""
    n = f"n_h = n_y = {run.sizes['h']}" if run.sizes["h"] == run.sizes["y"] else f"n_y = {run.sizes['y']}"
    return f"In this network ${n}$, so the shapes fit by chance; in general they do not."


def escaped(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Remark on a bracket that is not closed: the term that escapes may be 0."""
    assert asked.t is not None
    if run.grad["o"][asked.t, sample].any():
        return ""
    return f"The loss of step {asked.t + 1} does not count here, so the term that escapes is 0, and nothing is wrong by it."


def of_the_class(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Remark on a class in the place of its probability: both numbers."""
    assert asked.t is not None
    k = int(run.y[asked.t - 1, sample])
    p = notation.number(float(run.value["y_hat"][asked.t - 1, sample, k]))
    return rf"Here $y^{{(t)}}$ is {k + 1}, counted from 1, and the entry with this index is $\hat y_{{{k + 1}}} = {p}$."


def of_symmetry(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Remark on a decomposition for symmetric matrices: how far W is from one."""
    W = run.parameters["W"].astype(np.float64)
    apart = float(np.linalg.norm(W - W.T) / np.linalg.norm(W))
    if apart < 1e-12:
        return "$W$ is symmetric here, so this is $W$ itself."
    return (
        rf"$W$ itself is not symmetric here: $\Vert W - W^\top \Vert$ is ${notation.number(apart)}$ of $\Vert W \Vert$."
    )


def bias(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Remark on a missing bias: it may be 0."""
    name = "b" if "b" in run.parameters else "b_3"
    zero = not run.parameters[name].any()
    return "The bias is 0 in this network, so nothing is missing here; with any other bias it is." if zero else ""
