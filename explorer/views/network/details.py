"""Below the picture: the same as a table, the gradient over time, the equations of the cell, and the checks."""

from __future__ import annotations

from typing import Final

import streamlit as st

from engine import Run
from engine.language import latex
from explorer.figures import gradients
from explorer.model import Model
from explorer.page.chart import chart
from explorer.page.results import checked
from explorer.page.widgets import WIDE, side_by_side_if
from explorer.picture.neurons import Neurons
from explorer.picture.scene import Scene, folded
from explorer.picture.table import neuron_table, table
from explorer.state import State
from explorer.words.markdown import plain
from explorer.words.numbers import number

_CHARACTER: Final = 9  # pixels, about, that a character of an equation's text takes when it is set
_SHOWN: Final = "colour shows"  # column of the table
_CHECKED: Final = 20_000  # values of a run up to which the checks are made on the page


def as_table(state: State, run: Run, drawn: Scene | None) -> None:
    """The picture as a table, made when it is opened; `drawn` is the result of `picture.figure`."""
    place = st.expander("The picture as a table", key="table", on_change="rerun")
    if not place.open:
        return
    match state.view.graph, drawn:
        case "rolled", _:
            rows = table(folded(run, state.view))
        case _, Neurons():
            rows = neuron_table(drawn)
        case _, Scene():
            rows = table(drawn)
        case _:
            rows = {}
    numbers = {
        name: st.column_config.NumberColumn(name, format="%.4g")
        for name, column in rows.items()
        if name not in ("step", "units", "unit") and not any(isinstance(entry, str) for entry in column)
    }
    place.dataframe(rows, hide_index=True, column_config=numbers)
    place.caption(f"{_SHOWN.capitalize()} {state.view.quantity}. Click a heading to sort by it." * (_SHOWN in rows))


def equations(state: State, run: Run, palette: str, pixels: int) -> None:
    """The gradient over time and the equations of a step; the cell; the checks."""
    longest = max(len(line.partition("#")[0]) for line in run.cell.text.splitlines())
    beside = pixels >= max(WIDE, 2 * _CHARACTER * longest)
    left, right = side_by_side_if(beside, gap="large")
    with left:
        norms = ", ".join(rf"\Vert \nabla {latex(name)}^{{(t)}} \Vert" for name in run.cell.states)
        st.markdown(rf"##### Gradient over time, $\log_{{10}} {norms}$" if norms else "##### Gradient along the flow")
        alt = "The norm of the gradient at each state against time, on a logarithmic scale."
        chart(gradients(run, palette, state.view.sample), "gradients", alt)
    with right:
        st.markdown("##### Equations of a step")
        st.latex(run.cell.latex())
    with st.expander("About this cell"):
        st.markdown(f"**{plain(run.cell.title)}**. {plain(run.cell.about)}")
        st.caption(plain(run.cell.source))
        st.code(run.cell.text, language=None)
    laws = st.expander("Checks: is this gradient right?", key="checks", on_change="rerun")
    if laws.open:
        with laws:
            checks(state.model, run)


def checks(model: Model, run: Run) -> None:
    """The laws that the run keeps, with their measured errors."""
    values = run.T * run.B * sum(run.sizes.values())
    if values > _CHECKED:
        st.info(
            f"This run has {values:,} values; the page checks at most {_CHECKED:,}. Choose fewer steps, samples or units."
        )
        return
    rows = [
        f"| {'✓' if row.passed else '✗'} | {plain(row.statement)} | {number(row.error)} | {number(row.tolerance)} |"
        for row in checked(model)
    ]
    st.markdown("\n".join(["| | Law | Largest error | Allowed |", "|---|---|---|---|", *rows]))
