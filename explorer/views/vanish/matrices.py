"""The tab "Matrices and derivatives": the factors of a step back, the weights and the slopes."""

from __future__ import annotations

from typing import Final

import streamlit as st

import engine
from engine import Run
from engine.language import latex, written
from explorer import facts, figures
from explorer.model import samples
from explorer.page.chart import chart
from explorer.page.widgets import WIDE, side_by_side_if
from explorer.state import State
from explorer.words.numbers import number

_FUNCTIONS: Final = 8  # diagrams of local derivatives, at most


def tab(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """Draw the factors of a step back: the weights, and the slopes of the functions."""
    _weights(run, palette, name, pixels)
    _functions(state, run, palette, pixels)


def _weights(run: Run, palette: str, name: str, pixels: int) -> None:
    """The eigenvalues of the recurrent matrices, their largest singular values and spectral radii."""
    matrices = engine.recurrent_matrices(run)
    st.markdown("##### The weights: eigenvalues of the recurrent matrices")
    if not matrices:
        words = "its recurrence multiplies by no matrix." if name else "it multiplies by no matrix over and over."
        st.info(f"This network has {'' if name else 'no '}memory{', but ' if name else ': '}{words}")
    else:
        left, right = side_by_side_if(pixels >= WIDE, [3, 2], gap="large")
        chart(
            figures.eigenvalues(run, palette), "vanish.eigenvalues",
            "The eigenvalues of the recurrent matrices in the complex plane, with the unit circle.", left,
        )  # fmt: skip
        rows = [
            f"| ${latex(matrix.name)}$ | {number(matrix.largest)} | "
            f"{'not square' if matrix.radius is None else number(matrix.radius)} |"
            for matrix in matrices
        ]
        right.markdown("\n".join([r"| | $\sigma_{\max}$ | spectral radius |", "|---|---|---|", *rows]))
        right.caption(
            r"A step stretches no direction by more than $\sigma_{\max}$. The spectral radius, the largest $|\lambda|$, "
            "describes the long run: below 1, inside the circle, the powers of the matrix shrink every vector."
        )


def _functions(state: State, run: Run, palette: str, pixels: int) -> None:
    """The local derivatives of the elementwise functions along time, and which units are saturated."""
    st.markdown(r"##### The functions: local derivatives $\varphi'(a^{(t)})$")
    names = facts.functions(run)
    if not names:
        st.info("This network has no elementwise function: nothing is saturated.")
        return
    sample = samples.shown(run, state.view.sample)
    selected = state.view.selected[0] if state.view.selected else ""
    drawn = [*[n for n in names if n == selected], *[n for n in names if n != selected]][:_FUNCTIONS]
    columns = st.columns(2, gap="large") if pixels >= WIDE and len(drawn) > 1 else [st.container()]
    for i, function in enumerate(drawn):
        with columns[i % len(columns)]:
            share = 100 * float(facts.slopes(run, function, sample).saturated.mean())
            st.markdown(f"$\\varphi'$ of ${latex(function)}$: **{share:.0f} %** saturated")
            chart(
                figures.slopes(run, function, palette, sample), f"vanish.slopes.{i}",
                f"The local derivatives of {written(function)} along time: smallest, quartiles, largest.",
            )  # fmt: skip
    limit = f" {len(drawn)} of {len(names)} functions are drawn, that of the selected node among them."
    limit *= len(names) > len(drawn)
    st.caption(
        f"Over all units{' and samples' * (run.B > 1 and not sample)}: the median, the middle half (darker) and all (lighter). "
        f"A unit counts as **saturated** below the dotted line, where $|\\varphi'|$ is less than {facts.SATURATED:g} of the "
        f"largest that its function has.{limit}"
    )
