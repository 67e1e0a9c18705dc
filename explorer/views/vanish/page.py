"""The page that asks why the gradient vanishes: measured, compared with theory, and said in a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import streamlit as st

import engine
from engine import Run
from engine.flow import Expansion, Stretches, Truncated, stretches
from engine.language import latex, notation, written
from explorer import facts, figures
from explorer.cache import RESULTS, lock
from explorer.facts import earliest
from explorer.figures.routes import drawn
from explorer.figures.triangle import jacobian_norms
from explorer.model import Model, samples
from explorer.page.chart import chart, clicked_data
from explorer.page.controls import Change, apply, choice, entered, put, write_link
from explorer.page.delivery import show
from explorer.page.frame import begin, computed, followed, meanings, overflow, sentences
from explorer.page.inspector import clicked, columns, select
from explorer.picture.scene import Array, scene
from explorer.picture.window import LONG, USUAL
from explorer.state import CLIP, CUT, EXPONENT, SPREADS, TABS, State, View
from explorer.views.network import page as network
from explorer.views.network.page import of_view
from explorer.words.markdown import plain
from explorer.words.numbers import from_exponent, number

_CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}
_TWO_COLUMNS: Final = 720  # pixels from which two columns have room side by side
_PATIENCE: Final = 0.7  # seconds of work that nobody needs to be asked about
_MOST_PATIENCE: Final = 3.0  # seconds of work that cannot be stopped
_FUNCTIONS: Final = 8  # diagrams of local derivatives, at most


@np.errstate(all="ignore")  # what is not finite is said and marked
def page() -> None:
    """The page."""
    state, run, palette, pixels = begin(
        "Why gradients vanish",
        "What is left of the gradient on its way back through time, and what takes the rest.",
        results=True,
    )
    overflow(run)
    name = looked_at(state, run)
    for i, said in enumerate(sentences(state.model, samples.shown(run, state.view.sample), name)):
        st.markdown(plain(said), help=None if i else meanings())
    _choices(state, run, name)
    _curve(state, run, palette, name)
    write_link(state)  # before what may take long
    key = "vanish.tab"
    show(key, TABS[state.view.tab])
    titles = {title: tab for tab, title in TABS.items()}
    places = st.tabs(
        list(titles),
        key=key,
        default=TABS[state.view.tab],
        on_change=apply,
        args=(key, lambda state, title: of_view(state, tab=titles.get(title, title))),
    )
    for place, part in zip(places, _parts().values(), strict=True):
        if place.open:
            with place:
                part(state, run, palette, name, pixels)


@np.errstate(all="ignore")
def figure(state: State, run: Run, palette: str, pixels: int, part_first: bool) -> None:
    """For another page: the curve, and the part of this page that the view names, in that order or the other way round."""
    name = looked_at(state, run)
    pictures: list[Callable[[], None]] = [
        lambda: _curve(state, run, palette, name),
        lambda: _parts()[state.view.tab](state, run, palette, name, pixels),
    ]
    for draw in reversed(pictures) if part_first else pictures:
        draw()


def _parts() -> dict[str, Callable[[State, Run, str, str, int], None]]:
    """The parts of the page by the keys of `TABS`, in their order."""
    return {
        "losses": _losses,
        "jacobians": _jacobians,
        "shares": _shares,
        "matrices": _matrices,
        "remedies": _remedies,
    }


def looked_at(state: State, run: Run) -> str:
    """The state that is looked at: the chosen one, or the first on a way to the loss; "" if the network has none."""
    states = run.cell.states
    return state.view.state if state.view.state in states else earliest(run.cell) if states else ""


# --- the curve ---------------------------------------------------------------------------------------------------


def _choices(state: State, run: Run, name: str) -> None:
    """State, sample, and how the samples stand in the curve."""
    if not name and run.B == 1:
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    if name:
        with row.container(width=120):
            choice(
                "State", run.cell.states, written, "vanish.state", name, lambda state, name: of_view(state, state=name)
            )
    if run.B > 1:
        with row.container(width=120):
            choice(
                "Sample", range(run.B + 1), lambda sample: str(sample or "all"), "vanish.sample",
                samples.shown(run, state.view.sample),
                lambda state, sample: of_view(state, sample=sample),
            )  # fmt: skip
    if run.B > 1 and name:
        with row:
            show("vanish.spread", state.view.spread)
            st.segmented_control(
                "Samples in the curve", list(SPREADS), format_func=SPREADS.__getitem__, key="vanish.spread",
                default=state.view.spread, required=True, on_change=apply,
                args=("vanish.spread", lambda state, spread: of_view(state, spread=spread)),
                help="**A line each**: thin, up to 40 of them. **A band**: from the smallest to the largest, and the median.",
            )  # fmt: skip


def _curve(state: State, run: Run, palette: str, name: str) -> None:
    """The decay along time; of a network without memory, along its layers."""
    sample = samples.shown(run, state.view.sample)
    if not name:
        st.markdown("##### Gradient along the flow")
        chart(
            figures.gradients(run, palette, sample), theme=None, key="vanish.curve", config=_CONFIG,
            alt="The norm of the gradient at each node against its place in the flow, on a logarithmic scale.",
        )  # fmt: skip
        st.caption(
            "This network has no memory, so nothing is carried back through time here: what can shrink the gradient is the "
            "layers, one after the other. For decay along time choose a recurrent cell at the side."
        )
        return
    norms = ", ".join(rf"\Vert \nabla {latex(other)}^{{(t)}} \Vert" for other in run.cell.states)
    alone = followed(state.model, sample, name)
    st.markdown(rf"##### What is left of the gradient, $\log_{{10}} {norms}$")
    chart(
        figures.decay(run, palette, sample, state.view.spread, state.view.selected, name, alone), theme=None,
        key="vanish.curve", config=_CONFIG, on_select=partial(clicked, "vanish.curve", run), selection_mode="points",
        alt="The norm of the gradient at each state against time, on a logarithmic scale, with its bound.",
    )  # fmt: skip
    bound = engine.bound(run, name)
    at = latex(name)
    if alone is not None and alone.loss is not None and len(alone.counting) > 1:
        st.caption(
            f"Solid: the gradient of all {len(alone.counting):,} losses that count. Dotted: that of the loss of step "
            f"{alone.loss:,} alone, of which the sentences above speak; losses of earlier steps do not add to it."
        )
    if bound is None:
        st.caption(
            rf"Exact far outside the range of floats. There is no bound for ${at}$: it holds for a recurrence that goes "
            "through a single matrix and function, without gates or paths past them."
        )
    else:
        st.caption(
            rf"Exact far outside the range of floats. Dashed: no gradient at ${at}$ can be larger, since every step back "
            rf"multiplies by at most $\sigma_{{\max}} \cdot \max|\varphi'|$ = {number(bound.weights)} · "
            f"{number(bound.slope)} = **{number(bound.rate)}** (Pascanu, Mikolov & Bengio 2013)."
        )
    node = state.view.selected
    if node is not None and node[0] in run.cell.states and 1 <= node[1] <= run.T:
        row = st.container(horizontal=True, vertical_alignment="center", gap="small")
        log = float(facts.log_norm(run, node[0], sample)[node[1] - 1])
        row.markdown(
            rf"Selected: $\log_{{10}} \Vert \nabla {notation.at_step(node[0], (), str(node[1]))} \Vert$ = {_log(log)}",
            width="content",
        )
        _to_network(row)
    else:
        st.caption("Click a point to select it: the Network page then shows that node with its numbers.")


def _log(value: float) -> str:
    return (
        f"**{value:.2f}**".replace("-", "−")
        if math.isfinite(value)
        else "−∞, it is exactly 0"
        if value < 0
        else "not finite"
    )


def _to_network(place: Any) -> None:
    """A link to the other page."""
    place.page_link(
        st.Page(network.page, title="Network", url_path="network", default=True), label="Look at it in the network"
    )


# --- which loss reaches which step -------------------------------------------------------------------------------


@RESULTS.keeps()
def _alone(model: Model, sample: int) -> Run:
    return facts.alone(computed(model), sample)


@RESULTS.keeps()
def _loss_norms(model: Model, name: str, sample: int) -> Array:
    return facts.loss_norms(computed(model), name, sample)


def _without_memory(name: str, words: str) -> bool:
    """Says what does not apply to a network without memory; whether it has none."""
    if not name:
        st.info(f"This network has no memory: {words}")
    return not name


def _losses(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """The triangle of the losses, and the path of the chosen cell."""
    if _without_memory(
        name, "each step has a loss of its own, which reaches no other step. There is no triangle to draw."
    ):
        return
    sample = samples.shown(run, state.view.sample)
    try:
        norms = _loss_norms(state.model, name, sample)
    except ValueError as error:
        st.info(plain(str(error)))
        return
    chosen = _chosen(state.view, run, name)
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    loss, t = chosen or (run.T, 1)
    _step(row, "Loss at step", "vanish.loss", loss, run.T, lambda s: to_pair(run, name, s, min(t, s)))
    _step(row, "Node at step", "vanish.node", t, run.T, lambda s: to_pair(run, name, max(loss, s), s))
    _scale(state, row, norms)
    span = _span(state.view)
    at = latex(name)
    st.markdown(
        rf"$\Vert \partial L^{{(s)}} / \partial {at}^{{(t)}} \Vert$, the loss of step $s$ at the state of step $t$"
    )
    chart(
        figures.triangle(run, name, "", norms, palette, sample, span, state.view.scale, chosen, pixels), theme=None,
        key="vanish.triangle", config=_CONFIG, selection_mode="points",
        on_select=partial(_cell, "vanish.triangle", lambda s, t: to_pair(run, name, s, t)),
        alt=f"How strongly the loss of each step reaches {written(name)} of each earlier step, as a heat map.",
    )  # fmt: skip
    _grain(
        run, sample, f"A column read upwards: which losses reach ${at}^{{(t)}}$. A row: how far back a loss reaches."
    )
    if chosen is None:
        st.caption("Click a cell: the path that the gradient takes from that loss to that step is drawn below.")
        return
    _path(state, run, palette, name, norms, chosen, pixels)


def _path(state: State, run: Run, palette: str, name: str, norms: Array, chosen: tuple[int, int], pixels: int) -> None:
    """The path of a cell as a graph."""
    loss, t = chosen
    last = min(loss, t + USUAL - 1)
    view = replace(
        state.view, selected=(name, t), path=(loss, 1), window=(t, last), lens="gradient", measure="norm",
        parameters="hidden", edges="nothing", graph="unrolled", knob=None,
    )  # fmt: skip
    picture = scene(run, view)
    node = notation.at_step(name, (), str(t))
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.markdown(
        rf"From the loss of step **{loss}** to ${node}$: all paths together bring $\Vert \partial L^{{({loss})}} / "
        rf"\partial {node} \Vert$ = **{number(float(norms[loss - 1, t - 1]))}**",
        width="content",
    )
    _to_network(row)
    chart(
        figures.graph(picture, palette, pixels), theme=None, key="vanish.path", config=_CONFIG,
        alt=f"The graph from step {t} to {last}, with the strongest path from the loss of step {loss} to {written(name)}.",
    )  # fmt: skip
    if not picture.path.size:
        st.caption("Nothing of that loss arrives there, so there is no path to draw.")
    else:
        more = f" Only the {USUAL} steps next to the node are drawn." * (last < loss)
        st.caption(
            f"The thick line is the strongest of the paths; colours are the gradient of all losses together.{more}"
        )


def _chosen(view: View, run: Run, name: str) -> tuple[int, int] | None:
    """The chosen cell of the triangle, (loss, node): that of the selected node and the path that leads to it."""
    if view.selected is None or view.path is None or view.selected[0] != name:
        return None
    loss, t = view.path[0], view.selected[1]
    return (loss, t) if 1 <= t <= loss <= run.T else None


def to_pair(run: Run, name: str, loss: int, t: int) -> Change:
    """The change that selects a node and the path to it from the loss of a step, in the graph that shows them."""
    window = None if run.T <= LONG else (t, min(loss, t + USUAL - 1))
    return lambda state, _: of_view(state, selected=(name, t), path=(loss, 1), graph="unrolled", window=window)


def _cell(key: str, change: Callable[[int, int], Change]) -> None:
    """What a click in a triangle does."""
    match clicked_data(key):
        case [int(later), int(earlier)]:
            put(key, change(int(later), int(earlier)))


def _step(row: Any, label: str, key: str, value: int, most: int, change: Callable[[int], Change]) -> None:
    """A number that is a step."""
    show(key, value)
    row.number_input(
        label, 1, most, st.session_state[key], step=1, key=key, width=120, on_change=apply,
        args=(key, lambda state, step: change(step)(state, None)),
    )  # fmt: skip


def _span(view: View) -> tuple[int, int]:
    """The scale of gradients, which all pictures have in common."""
    view = replace(view, lens="gradient")
    return view.low, view.high


def _ranged(state: State, low: int, high: int) -> State:
    view = replace(state.view, lens="gradient").with_range(low, high)
    return replace(state, view=replace(view, lens=state.view.lens))


def _scale(state: State, row: Any, norms: Array) -> None:
    """The ends of the scale."""
    low, high = _span(state.view)
    with row.container(width=120):
        entered(
            EXPONENT, "vanish.low", low, lambda state, low: _ranged(state, low, _span(state.view)[1]), "Lowest, 10ⁿ"
        )
    with row.container(width=120):
        entered(
            EXPONENT,
            "vanish.high",
            high,
            lambda state, high: _ranged(state, _span(state.view)[0], high),
            "Highest, 10ⁿ",
        )
    usable = norms[np.isfinite(norms) & (norms > 0)]
    if len(usable):
        lowest, highest = (math.floor(np.log10(usable.min())), math.ceil(np.log10(usable.max())))
        fitted = (max(lowest, int(EXPONENT.lower)), min(max(highest, lowest + 1), int(EXPONENT.upper)))
        row.button(
            "Fit", key="vanish.fit", on_click=put, help="Fit the scale to the triangle. All pictures have this scale.",
            args=("vanish.fit", lambda state, _: _ranged(state, *fitted)),
        )  # fmt: skip


def _grain(run: Run, sample: int, words: str, single: bool = False) -> None:
    """What a cell of a triangle stands for."""
    size = -(-run.T // facts.MOST)
    block = f" A cell is a block of {size} × {size} steps and shows the largest number in it." if size > 1 else ""
    few = run.T**2 * run.B > facts.MAX_CELLS
    one = f" Of {run.B} samples the first." if run.B > 1 and not sample and (single or few) else ""
    st.caption(f"{words}{block}{one}")


# --- Jacobians ---------------------------------------------------------------------------------------------------


@RESULTS.keeps(grows=True)
def _kept_jacobians(model: Model, name: str, sample: int) -> dict[str, Array]:
    """A place for the norms, once they are there: their computation draws its progress, and so cannot be cached itself."""
    return {}


def _jacobians(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """The triangle of the Jacobians, and one of them taken apart."""
    if _without_memory(name, "no step depends on an earlier one, so every Jacobian between two steps is 0."):
        return
    t, s = state.view.pair or (run.T, 1)
    t, s = min(t, run.T), min(s, run.T)
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    _step(row, "Later step t", "vanish.later", t, run.T, lambda step: apart(step, min(s, step)))
    _step(row, "Earlier step s", "vanish.earlier", s, run.T, lambda step: apart(max(t, step), step))
    sample, at = samples.shown(run, state.view.sample), latex(name)
    here = st.container()
    one = _alone(state.model, sample)
    matrix = engine.jacobian_at(one, name, name, t, s)[0]
    found = stretches(one, name, name, t, s)
    st.markdown(
        rf"$\partial {at}^{{({t})}} / \partial {at}^{{({s})}}$ stretches no direction by more than {_ends(found)}"
    )
    chart(
        figures.singular(one, name, name, t, s, palette), theme=None, key="vanish.singular", config=_CONFIG,
        alt="The singular values of the Jacobian, the largest first, on a logarithmic scale.",
    )  # fmt: skip
    if max(matrix.shape) <= notation.WIDE:
        st.latex(rf"\frac{{\partial {at}^{{({t})}}}}{{\partial {at}^{{({s})}}}} = {notation.matrix(matrix)}")
    else:
        st.dataframe(matrix, height=260, column_config=columns(matrix))
    with here:
        _jacobian_triangle(state, one, palette, name, (t, s), pixels, run.B)


def _ends(found: Stretches) -> str:
    """The largest and the smallest singular value of a Jacobian, or what is known of the smallest."""
    logs, told = found.log10[0], found.told[0]

    largest = rf"$\sigma_{{\max}}$ = **{from_exponent(float(logs[0]))}**"
    if told[-1]:
        least = " (0 may also be a number too small for a float)" * bool(logs[-1] == -np.inf)
        return rf"{largest} and none by less than $\sigma_{{\min}}$ = **{from_exponent(float(logs[-1]))}**{least}"
    hidden = int((~told).sum())
    count = "The smallest value" if hidden == 1 else f"The {hidden} smallest values"
    return (
        rf"{largest}. {count} cannot be told: nothing but rounding may be left of what is below "
        rf"$n\,\varepsilon\,\sigma_{{\max}}$ = {from_exponent(float(found.floor[0]))}"
    )


def apart(t: int, s: int) -> Change:
    """The change that takes another Jacobian apart."""
    return lambda state, _: of_view(state, pair=(t, s))


def _jacobian_triangle(
    state: State, run: Run, palette: str, name: str, pair: tuple[int, int], pixels: int, B: int
) -> None:
    kept = _kept_jacobians(state.model, name, samples.shown(run, state.view.sample))
    if "norms" not in kept and not _measure_jacobians(run, name, kept):
        return
    at = latex(name)
    st.markdown(rf"$\Vert \partial {at}^{{(t)}} / \partial {at}^{{(s)}} \Vert$, the largest singular value")
    chart(
        figures.triangle(run, name, name, kept["norms"], palette, 0, _span(state.view), state.view.scale, pair, pixels),
        theme=None, key="vanish.jacobians", config=_CONFIG, selection_mode="points",
        on_select=partial(_cell, "vanish.jacobians", apart),
        alt=f"The largest singular value of the Jacobian between {written(name)} of any two steps, as a heat map.",
    )  # fmt: skip
    words = "On the scale of the gradients. Click a cell to take its Jacobian apart below."
    few = f" Of {B} samples the first." * (B > 1 and not samples.shown(computed(state.model), state.view.sample))
    _grain(run, 0, words + few)


def _measure_jacobians(run: Run, name: str, kept: dict[str, Array]) -> bool:
    """Computes the norms, with a progress bar where that takes time, and after a question where it takes long."""
    n = run.sizes[name]
    seconds = run.T**2 / 2 * (4e-6 + 1.5e-9 * n**3)
    if seconds > _PATIENCE and not st.button(
        f"Compute the Jacobians of all pairs of steps (about {max(1, round(seconds)):,} s)", key="vanish.compute"
    ):
        st.caption(f"There are {run.T * (run.T + 1) // 2:,} pairs of steps, each with a matrix of {n} × {n}. "
                   "It can be stopped; the pair below is there in any case.")  # fmt: skip
        return False
    told = None
    if seconds > _PATIENCE:
        place = st.container(horizontal=True, vertical_alignment="center")
        bar = place.progress(0.0, "Jacobians …")
        place.button("Stop", key="vanish.stop")  # any click ends this run of the script at its next word to the bar
        every = max(1, run.T // 100)

        def told(t: int) -> None:
            if t % every == 0:  # the later half of the way back is the longer one
                bar.progress((run.T**2 - t**2) / run.T**2 if t else 1.0, f"Jacobians … from step {t + 1}")

    try:
        kept["norms"] = lock(jacobian_norms(run, name, name, told=told))
    except ValueError as error:
        st.info(plain(str(error)))
        return False
    if told is not None:
        st.rerun()
    return True


# --- shares ------------------------------------------------------------------------------------------------------


@RESULTS.keeps()
def _expansion(model: Model, name: str, t: int, sample: int) -> Expansion:
    return engine.expand(_alone(model, sample), name, t)


def _shares(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """The gradient at a step by loss and by route, and the gradient of a parameter by step."""
    if name:
        _by_loss(state, run, palette, name, pixels)
    else:
        _without_memory(name, "the gradient at a step comes from the loss of that step alone.")
    known = run.cell.parameters
    if not known:
        st.markdown("##### Gradient of a parameter by step")
        st.caption("This network has no parameters.")
        return
    recurrent = [matrix.name for matrix in engine.recurrent_matrices(run)]
    name = state.view.parameter if state.view.parameter in known else (recurrent or known)[0]
    st.markdown(
        rf"##### Gradient of a parameter by step, $\Vert \nabla {notation.at_step(name, (), 't')} \Vert$, of all losses"
    )
    with st.container(width=160):
        choice(
            "Parameter", known, written, "vanish.parameter", name, lambda state, name: of_view(state, parameter=name)
        )
    step = state.view.selected[1] if state.view.selected else None
    chart(
        figures.copies(run, name, palette, step), theme=None, key="vanish.copies", config=_CONFIG,
        alt="The norm of the gradient at the copy of the parameter that each step uses.",
    )  # fmt: skip
    st.caption(
        f"Every step uses a copy of ${latex(name)}$; the gradients of the copies add up to that of ${latex(name)}$."
    )


def _by_loss(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    selected, sample = state.view.selected, samples.shown(run, state.view.sample)
    t = selected[1] if selected is not None and 1 <= selected[1] <= run.T else 1
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    _step(row, "At step t", "vanish.at", t, run.T, lambda step: select((name, step)))
    if words := samples.told(run, sample, "The curve"):
        row.caption(words, width="content")
    one = _alone(state.model, sample)
    node = notation.at_step(name, (), str(t))
    st.markdown(rf"##### The gradient at ${node}$ by the loss that it comes from")
    found = _expansion(state.model, name, t, sample)
    chart(
        figures.shares(one, name, t, palette, expansion=found), theme=None, key="vanish.shares", config=_CONFIG,
        alt="What each later loss gives to the gradient: bars that add up to the whole, and their norms.",
    )  # fmt: skip
    st.caption(
        rf"Each bar stands on the one before: blue adds to the gradient, orange takes from it, and they end at its norm, "
        rf"$\Vert \nabla {node} \Vert$ = {number(float(np.linalg.norm(found.gradient)))}. The sum of all vectors and the "
        f"gradient of the run differ by at most {number(found.error)}."
    )
    st.markdown(rf"##### The gradient at ${latex(name)}$ by the route that it takes")
    chart(
        figures.routes(one, name, palette, step=t), theme=None, key="vanish.routes", config=_CONFIG,
        alt="The share of each route in the gradient at each step: from the loss of the step, and along each edge.",
    )  # fmt: skip
    st.caption(
        "What comes back along each edge from a later step, as a share of the gradient; a share below 0 works against it, "
        "and the shares of a step add up to 100 %."
        f"{_window(run, t)}"
    )  # fmt: skip


def _window(run: Run, t: int) -> str:
    """Which steps are drawn, where not all are."""
    first, last = drawn(run.T, t)
    return "" if last - first + 1 == run.T else f" Steps {first} to {last} are drawn."


# --- matrices and derivatives ------------------------------------------------------------------------------------


def _matrices(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """What a step multiplies by: the weights, and the slopes of the functions."""
    matrices = engine.recurrent_matrices(run)
    st.markdown("##### The weights: eigenvalues of the recurrent matrices")
    if not matrices:
        words = "its recurrence multiplies by no matrix." if name else "no matrix is multiplied by over and over."
        st.info(f"This network has {'' if name else 'no '}memory{', but ' if name else ': '}{words}")
    else:
        left, right = st.columns([3, 2], gap="large") if pixels >= _TWO_COLUMNS else (st.container(), st.container())
        chart(
            figures.eigenvalues(run, palette), left, theme=None, key="vanish.eigenvalues", config=_CONFIG,
            alt="The eigenvalues of the recurrent matrices in the complex plane, with the unit circle.",
        )  # fmt: skip
        rows = [
            f"| ${latex(matrix.name)}$ | {number(matrix.largest)} | "
            f"{'not square' if matrix.radius is None else number(matrix.radius)} |"
            for matrix in matrices
        ]
        right.markdown("\n".join([r"| | $\sigma_{\max}$ | spectral radius |", "|---|---|---|", *rows]))
        right.caption(
            r"A step stretches no direction by more than $\sigma_{\max}$. The spectral radius, the largest $|\lambda|$, is "
            "what the matrix does in the long run: below 1, inside the circle, it shrinks everything."
        )
    st.markdown(r"##### The functions: local derivatives $\varphi'(a^{(t)})$")
    names = facts.functions(run)
    if not names:
        st.info("This network has no elementwise function: nothing is saturated.")
        return
    sample = samples.shown(run, state.view.sample)
    picked = state.view.selected[0] if state.view.selected else ""
    shown = [*[n for n in names if n == picked], *[n for n in names if n != picked]][:_FUNCTIONS]
    columns = st.columns(2, gap="large") if pixels >= _TWO_COLUMNS and len(shown) > 1 else [st.container()]
    for i, function in enumerate(shown):
        found = facts.slopes(run, function, sample)
        with columns[i % len(columns)]:
            share = 100 * float(found.saturated.mean())
            st.markdown(f"$\\varphi'$ of ${latex(function)}$: **{share:.0f} %** saturated")
            chart(
                figures.slopes(run, function, palette, sample), theme=None, key=f"vanish.slopes.{i}", config=_CONFIG,
                alt=f"The local derivatives of {written(function)} along time: smallest, quartiles, largest.",
            )  # fmt: skip
    rest = f" {len(shown)} of {len(names)} functions are drawn, that of the selected node among them."
    rest *= len(names) > len(shown)
    st.caption(
        f"Over all units{' and samples' * (run.B > 1 and not sample)}: the median, the middle half (darker) and all (lighter). "
        f"A unit counts as **saturated** below the dotted line, where $|\\varphi'|$ is less than {facts.SATURATED:g} of the "
        f"largest that its function has.{rest}"
    )


# --- truncation and clipping -------------------------------------------------------------------------------------


@RESULTS.keeps()
def _truncated(model: Model, kind: str, steps: int) -> Truncated:
    return {"cut": engine.cut, "window": engine.window}[kind](computed(model), steps)


def _remedies(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """What truncation leaves out, and what clipping changes."""
    st.markdown("##### Truncated back-propagation")
    if not _without_memory(name, "no gradient goes back in time, and there is nothing to truncate."):
        _truncation(state, run)
    st.markdown("##### Clipping")
    _clipping(state, run)


def _truncation(state: State, run: Run) -> None:
    with st.container(width=140):
        entered(CUT, "vanish.cut", state.view.cut, lambda state, cut: of_view(state, cut=cut))
    k = min(state.view.cut, run.T)
    numbers = sum(parameter.size for parameter in run.parameters.values())
    seconds = (run.T - k + 1) * k * run.B * numbers * 4e-9
    if run.overflow is not None:
        st.info("The values leave the range of floating point, so there is no gradient to compare with.")
        return
    found = {"cut": _truncated(state.model, "cut", k)}
    if seconds <= _MOST_PATIENCE:
        found["window"] = _truncated(state.model, "window", k)
    heads = {"cut": f"cut every {k} steps", "window": f"each loss back {k} steps"}
    lines = [
        f"| | ‖∇‖ of the whole | {' | '.join(f'{heads[kind]}: error | cosine' for kind in found)} |",
        f"|---|---|{'---|---|' * len(found)}",
    ]
    for parameter in run.cell.parameters:
        cells = [f"{_percent(part.error[parameter])} | {number(part.cosine[parameter])}" for part in found.values()]
        whole = float(np.linalg.norm(run.param_grad[parameter]))
        lines.append(f"| ${latex(parameter)}$ | {number(whole)} | {' | '.join(cells)} |")
    st.markdown("\n".join(lines))
    st.caption(
        "The error is ‖truncated − whole‖ / ‖whole‖, the cosine that of the angle between the two. **Cut**: the sequence is "
        "cut into pieces, and no gradient crosses a cut. **Back k steps**: the gradient of each loss stops after k steps, its "
        "own included. The values are those of the whole run in both. An error of 0: no difference, or none but rounding."
    )
    if "window" not in found:
        st.info(f"Going back {k} steps from each loss takes too long here, about {seconds:.0f} s; take fewer steps k.")


def _percent(share: float) -> str:
    return "0" if share == 0 else f"{number(100 * share)} %"


def _clipping(state: State, run: Run) -> None:
    with st.container(width=140):
        entered(CLIP, "vanish.clip", state.view.clip, lambda state, clip: of_view(state, clip=clip))
    grads, limit = run.param_grad, state.view.clip
    if not grads:
        st.caption("This network has no parameters.")
        return
    try:
        factor = engine.clip_by_norm(grads, limit)[1]
    except ValueError as error:
        st.info(plain(f"Clipping by norm cannot help here: {error}."))
        return
    bounded, beyond = engine.clip_by_value(grads, limit)

    lines = ["| | ‖∇‖ | clipped by norm | clipped by value | entries beyond |", "|---|---|---|---|---|"]
    for row in facts.clipped(run, limit):
        norms = [number(size) for size in (row.whole, row.by_norm, row.by_value)]
        cells = [f"${latex(row.name)}$", *norms] if row.name else ["**all**", *(f"**{size}**" for size in norms)]
        lines.append(f"| {' | '.join(cells)} | {row.beyond:,} of {row.size:,} |")
    st.markdown("\n".join(lines))
    if factor == 1.0:
        by_norm = f"their common norm is within {number(limit)}: nothing is changed"
    else:
        by_norm = f"all gradients are multiplied by {number(factor)}, and keep their direction"
    if beyond:
        angle = facts.angle(grads, bounded)
        by_value = f"{beyond:,} entries are set to ±{number(limit)}, which turns the gradient by {number(angle)}°"
    else:
        by_value = f"no entry is beyond ±{number(limit)}: nothing is changed"
    st.caption(f"**By norm**: {by_norm}. **By value**: {by_value}.")
