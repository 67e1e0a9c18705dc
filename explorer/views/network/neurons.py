"""The network as single neurons: weights on the edges, δ on the nodes, and below the δ of a neuron in numbers."""

from __future__ import annotations

from typing import Final

import numpy as np
import streamlit as st

from engine import Run
from engine.language import latex, notation, written
from engine.working import Explanation, Neuron, Term, explained, forms, neuron_of
from explorer import figures
from explorer.figures.neurons import WIDTHS
from explorer.model import samples
from explorer.page.change import Change, apply, of_view, put, viewed
from explorer.page.chart import chart, clicked_data
from explorer.page.widget_delivery import show
from explorer.page.widgets import cells
from explorer.picture import neurons as layout
from explorer.state import State
from explorer.words.markdown import plain
from explorer.words.numbers import number

_TERMS: Final = 12  # rows of a sum, each with its button; one more row has all smaller summands
_WIDE: Final = 700  # pixels from which the numbers of a row stand under their heads
_ROW: Final = (1.2, 1.3, 1.3, 1.3, 2.2)


# --- the picture -------------------------------------------------------------------------------------------------


def picture(
    state: State, run: Run, palette: str, pixels: int, labels: tuple[str, ...] = (), targets: tuple[str, ...] = ()
) -> layout.Neurons | None:
    """Draw the neurons of a window of steps; a click selects one. None if there are too many to be drawn."""
    steps(state, run, pixels)
    try:
        drawn = layout.neurons(run, state.view, pixels, labels, targets)
    except ValueError as error:
        st.info(f"{plain(str(error).partition(': ')[0])}. Choose fewer units, or the unrolled graph.")
        return None
    alt = (
        f"{len(drawn.name)} neurons of the steps {drawn.first} to {drawn.last}, and {np.count_nonzero(drawn.weight)} "
        "connections between them; the numbers of the selected one stand below."
    )
    chart(figures.neurons(drawn, palette, pixels), "neurons", alt, can_be_saved=True, on_click=clicked)
    caption(drawn, run, state)
    return drawn


def clicked() -> None:
    """Callback of the picture: select the clicked neuron; a click beside the neurons does nothing."""
    match clicked_data("neurons"):
        case [str(name), int(t), int(unit)]:
            put("neurons", select((name, int(t), int(unit) - 1)))


def select(neuron: Neuron) -> Change:
    """The change that selects a neuron."""
    name, t, unit = neuron
    return lambda state, _: of_view(state, selected=(name, t), unit=unit + 1)


def steps(state: State, run: Run, pixels: int) -> None:
    """Choose which steps are drawn."""
    if run.T == 1:
        return
    window = layout.window(run, state.view, pixels)

    show("neurons.steps", window)
    st.slider(
        f"Steps, of {run.T:,}", 1, run.T, window, key="neurons.steps", on_change=apply, args=("neurons.steps", viewed("window")),
        help="At most 400 neurons are drawn: of a longer window the last steps.",
    )  # fmt: skip


def caption(drawn: layout.Neurons, run: Run, state: State) -> None:
    """Explain below the picture what is drawn."""
    inside = [
        rf"${latex(form.argument)}$ and ${latex(form.name)}$" for form in forms(run.cell).values() if form.argument
    ]
    below, *between = (f"{most:g}" for most, _ in WIDTHS[:-1])
    sentences = [
        r"Each node is a neuron $l$: its argument $a_l = \sum_j w_{lj} z_j + b_l$ and its value $z_l = \varphi(a_l)$ in one, "
        r"with $\delta_l = \partial L / \partial a_l$"
        + (f" (so {', '.join(inside)} are one each)" if inside else "")
        + ".",
        r"Without a function, $z_l = a_l$; in a product the weight is the other factor; where the loss is computed from "
        r"$a_l$ itself, it is $\partial L / \partial a_l$.",
        rf"Width: $|w|$ up to {below}, to {', to '.join(between)}, and above. A weight of 0 is not drawn.",
    ]
    if run.B > 1:
        sentences.append(f"The numbers are those of sample {samples.one(run, state.view.sample) + 1} of {run.B}.")
    st.caption(" ".join(sentences))


# --- the selected neuron -----------------------------------------------------------------------------------------


def neuron(state: State, run: Run, pixels: int) -> None:
    """Choose a unit of the selected node, and show the numbers of that neuron in both directions."""
    node = state.view.selected
    if node is None or neuron_of(run.cell, node[0]) not in forms(run.cell):
        return
    name, t = neuron_of(run.cell, node[0]), node[1]
    if not 1 - run.cell.lags.get(name, 0) <= t <= run.T:
        return
    units = run.sizes[name]
    unit = state.view.unit if state.view.unit <= units else 0

    def changed(state: State, unit: int | None) -> State:
        return of_view(state, unit=unit or 0)

    show("unit", unit or None, has_default=False)
    st.number_input(
        f"Neuron of {plain(written(name))}, 1 to {units}", 1, units, value=None, step=1, key="unit",
        on_change=apply, args=("unit", changed), placeholder="all", width=200,
    )  # fmt: skip
    if unit:
        with st.container(border=True, key="neuron"):
            numbers(explained(run, (name, t, unit - 1), samples.one(run, state.view.sample)), run, pixels)


def numbers(explanation: Explanation, run: Run, pixels: int) -> None:
    """Show how a neuron is computed, and its δ as a sum over the neurons that it feeds."""
    name, t, i = explanation.neuron
    role = run.cell.role(name) if t > 0 else "initial value"
    symbol = indexed(run, explanation.neuron)
    st.markdown(f"##### ${symbol}$ · {role}, neuron {i + 1} of {run.sizes[name]}")
    st.markdown(r"**Forward**: $a_l = \sum_j w_{lj}\, z_j + b_l$ and $z_l = \varphi(a_l)$")
    written_out = [text for text in (*explanation.forward, explanation.output) if text]
    if not explanation.forward:
        written_out = [f"{symbol} = {notation.number(explanation.value)}"]
        st.caption("It is given, not computed.")
    for text in written_out:
        st.latex(text)
    direct = explanation.terms and all(term.direct for term in explanation.terms)
    st.markdown(
        r"**Backward**: an output neuron has its $\delta_l$ directly from the loss"
        if direct
        else r"**Backward**: $\delta_l = \varphi'(a_l) \sum_k w_{kl}\, \delta_k$ over the neurons $k$ that it feeds"
    )
    for text in explanation.backward:
        st.latex(text)
    terms(explanation, run, pixels)
    with st.expander("LaTeX to copy"):
        for text in (*written_out, *explanation.backward):
            st.code(text, language="latex", wrap_lines=True)


def indexed(run: Run, neuron: Neuron) -> str:
    """A neuron in LaTeX."""
    name, t, i = neuron
    index = f"_{{{i + 1}}}" if run.sizes[name] > 1 else ""
    return f"{{{latex(name)}}}{index}^{{({t})}}"


def terms(explanation: Explanation, run: Run, pixels: int) -> None:
    """A row for each summand, the larger ones first, and their sum."""
    order = sorted(explanation.terms, key=lambda term: -abs(np.nan_to_num(term.product, nan=np.inf)))
    larger, smaller = (order, []) if len(order) <= _TERMS + 1 else (order[:_TERMS], order[_TERMS:])
    with st.container(key="terms", gap="small"):
        if pixels >= _WIDE and (larger or explanation.seed is not None):
            heads = ("to", r"$w_{kl}$", r"$\delta_k$", r"$w_{kl}\, \delta_k$", "")
            for place, head in zip(st.columns(_ROW), heads, strict=True):
                place.caption(head)
        for i, term in enumerate(larger):
            _term(i, term, run, pixels)
        if smaller:
            total = sum(term.product for term in smaller)
            st.markdown(f"and {len(smaller)} smaller ones, together **{number(total)}**")
        if explanation.seed is not None:
            st.markdown(f"the loss itself: its weight in the total loss, **{number(explanation.seed)}**")
    if not explanation.terms and explanation.seed is None:
        st.caption(r"The loss depends on no neuron that this one feeds, so its $\delta$ is 0.")
    inner = sum(term.product for term in explanation.terms if not term.direct) + (explanation.seed or 0.0)
    straight = [term.product for term in explanation.terms if term.direct]
    parts = []
    if explanation.slope is not None and explanation.form.function:
        parts.append(rf"$\varphi'(a_l)$ = {number(explanation.slope)}")
    if not straight:
        parts.append(f"sum of the rows {number(inner)}")
    elif len(straight) < len(explanation.terms):
        parts.append(
            f"sum of the rows through $\\varphi$ {number(inner)}, straight from the loss {number(sum(straight))}"
        )
    parts.append(rf"$\delta_l$ = **{number(explanation.total)}**")
    parts.append(rf"$\delta_l$ of the run {number(explanation.delta)}, difference {number(explanation.error)}")
    st.markdown("; ".join(parts) + ".")


def _term(i: int, term: Term, run: Run, pixels: int) -> None:
    places = cells(_ROW, pixels >= _WIDE)
    name, t, k = term.neuron
    places[0].button(
        f"${indexed(run, term.neuron)}$", key=f"feeds.{i}", on_click=put, args=(f"feeds.{i}", select(term.neuron)),
        help=f"Select neuron {k + 1} of {plain(written(name))} at step {t}",
    )  # fmt: skip
    for place, head, value in zip(
        places[1:4], ("w", "δ", "product"), (term.weight, term.delta, term.product), strict=True
    ):
        place.markdown(number(value) if pixels >= _WIDE else f"{head} {number(value)}")
    if term.direct:
        places[4].caption("straight from the loss")
