"""The verdict on a formula: in a word, in a sentence with its numbers, and in arrays beside the right ones."""

from __future__ import annotations

from typing import Final

import numpy as np
import streamlit as st

from engine import Run
from engine.language import Array, notation, written
from engine.verify import Asked, Kind, Verdict
from explorer.words.markdown import plain

_LONG: Final = 230  # characters of LaTeX from which it is written smaller
_WIDE: Final = 3  # columns up to which three arrays have room side by side

#: The kind of a verdict -> its words, colour and sign.
_WORDS: Final[dict[Kind, tuple[str, str, str]]] = {
    "right": ("right", "green", ":material/check:"),
    "here only": ("right at these numbers only", "orange", ":material/rule:"),
    "wrong": ("wrong", "red", ":material/close:"),
    "cannot be told": ("cannot be told", "grey", ":material/question_mark:"),
    "misfit": ("the shapes do not fit", "red", ":material/close:"),
    "not finite": ("not a finite number", "red", ":material/close:"),
    "unknown": ("cannot be tested here", "grey", ":material/question_mark:"),
}


def equation(left: str, right: str, wide: bool) -> None:
    """An equation; a long one in smaller letters."""
    length = len(right) * (1 if wide else 2)
    size = r"\scriptsize " if length > 2 * _LONG else r"\footnotesize " if length > _LONG else ""
    st.latex(f"{size}{left} = {right}", width="stretch")


def badge(kind: Kind) -> None:
    """The verdict in a word."""
    word, colour, icon = _WORDS[kind]
    st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]


def arrays(columns: dict[str, Array | None]) -> None:
    """The arrays that are known, under their titles, side by side where they are narrow."""
    known = {title: array for title, array in columns.items() if array is not None}
    narrow = all(array.ndim < 2 or array.shape[1] <= _WIDE for array in known.values())
    places = st.columns(len(known)) if narrow else [st.container() for _ in known]
    for place, (title, array) in zip(places, known.items(), strict=True):
        with place:
            st.caption(title)
            st.latex(notation.matrix(array), width="stretch")


def unmeasured(run: Run, asked: Asked, verdict: Verdict) -> None:
    """Say why there is no numerical derivative, if there is none."""
    if verdict.measured is None and asked.kind != "value":
        copy = kind_of(run, asked) == "copy"
        why = "the page does not disturb a single copy of a parameter" if copy else "it would take too long"
        st.caption(f"No numerical derivative: {why}.")


def outcome(verdict: Verdict) -> None:
    """The verdict in a sentence with its numbers."""
    st.markdown(_outcome(verdict))


def _outcome(verdict: Verdict) -> str:
    kind = verdict.kind
    if kind in ("misfit", "unknown"):
        text = plain(verdict.message)
        return f"{text[:1].upper()}{text[1:]}."
    entry = f", at entry {', '.join(str(i + 1) for i in verdict.where)}" if verdict.where else ""
    if kind == "not finite":
        return f"It does not give a finite number{entry}."
    difference = notation.number(verdict.difference)
    if kind == "wrong":
        yours = np.asarray(verdict.value).reshape(verdict.truth.shape)[verdict.where]
        right = verdict.truth[verdict.where]
        numbers = f"${notation.number(float(yours), 4)}$ where it should be ${notation.number(float(right), 4)}$"
        return f"It is off by up to ${difference}${entry}: {numbers}."
    tried = len(verdict.others)
    numbers_of = "weights and numbers of steps" if verdict.one_sample else "weights, numbers of steps and of samples"
    same = f"of the same cell, with other sizes, {numbers_of}"
    if kind == "cannot be told":
        rounding = notation.number(verdict.allowed) if np.isfinite(verdict.allowed) else r"\infty"
        right = notation.number(float(verdict.truth[verdict.where]), 4)
        text = (
            f"The numbers cannot tell: rounding within the formula may amount to ${rounding}${entry}, where ${right}$ is"
            " right."
        )
        if not tried:
            return f"{text} Nor can random networks {same}."
        if all(row.agrees for row in verdict.others):
            return f"{text} On {tried} random networks {same}, where it is small, the formula agrees{_alone(verdict)}."
        return f"{text} Elsewhere they can: {_failures(verdict)}"
    if kind == "right":
        return (
            f"It agrees on the network, and on {tried} random ones {same}; the largest difference here is ${difference}$"
            f"{_alone(verdict)}."
        )
    return f"It agrees at these numbers by accident: {_failures(verdict)}"


def _alone(verdict: Verdict) -> str:
    """The end of a sentence: what a formula for one sample lacks for several."""
    if not verdict.one_sample:
        return ""
    return (
        ". It is right for one sample: over $B$ samples the loss is a mean, and the factor"
        r" $\partial L / \partial L^{(t)} = 1/B$ is missing"
    )


def _failures(verdict: Verdict) -> str:
    """The number of random networks on which a formula fails, and the worst of them."""
    failed = [row for row in verdict.others if not row.agrees]
    worst = max(failed, key=lambda row: np.nan_to_num(row.difference, nan=np.inf))
    sizes = ", ".join(f"{plain(written(name))} {size}" for name, size in worst.sizes.items())
    off = {np.inf: "the shapes do not fit"}.get(worst.difference, f"it is off by ${notation.number(worst.difference)}$")
    if np.isnan(worst.difference):
        off = "it does not give a finite number"
    samples = f"{worst.B} samples and " if worst.B > 1 else ""
    return (
        f"on {len(failed)} of {len(verdict.others)} random networks of the same cell it does not agree. With {samples}sizes"
        f" {sizes} over {worst.T} steps, {off}."
    )


def kind_of(run: Run, asked: Asked) -> str:
    """The kind of quantity that a formula gives: node, parameter, copy, value or jacobian."""
    if asked.kind != "gradient":
        return asked.kind
    return "node" if asked.name not in run.parameters else "parameter" if asked.t is None else "copy"
