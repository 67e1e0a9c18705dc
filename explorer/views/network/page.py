"""The page of the network: the unrolled graph, the loss, the gradient over time, the equations, the checks."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import streamlit as st

from engine import Run
from engine.inputs import Task
from engine.language import latex, written
from explorer import model as models
from explorer import theme
from explorer.figures import gradients, graph
from explorer.live import live, strip
from explorer.model import Array, Model, samples
from explorer.page.chart import chart, large
from explorer.page.controls import apply, choice, entered, put, write_link
from explorer.page.delivery import show
from explorer.page.frame import FIGURE, begin, checked, computed, overflow
from explorer.page.inspector import clicked, inspector, pick, walker
from explorer.picture.readings import overview
from explorer.picture.scene import Scene, folded, scene
from explorer.picture.table import table
from explorer.picture.window import LONG
from explorer.state import EDGES, EXPONENT, GRAPHS, LENSES, MEASURES, PARAMETERS, PICTURES, State
from explorer.views.network import cell, edit, files, first, knob, neurons, rolled
from explorer.words.markdown import plain
from explorer.words.numbers import number

_CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}
_TWO_COLUMNS: Final = 720  # pixels from which two columns have room side by side
_CHARACTER: Final = 9  # pixels, about, that a character of an equation's text takes when it is set
_OF_PARAMETERS: Final = {
    "hidden": "",
    "shared": " Every step uses the same parameters: the gradient at each is the sum over the steps.",
    "copies": " A parameter stands once a step: the gradient there is that step's share, and the shares sum to the whole.",
}
_SHOWN: Final = "colour shows"  # column of the table
_LABEL: Final = 10  # characters of the name of a class for which a step in the picture has room
_CHECKED: Final = 20_000  # values of a run up to which the checks are made on the page


def page() -> None:
    """The page."""
    state, run, palette, pixels = begin("Unrolled", first.WORDS)
    first.doors()
    shows = state.view.shows
    if shows("lenses"):
        lenses(state, run)
    overflow(run)
    picture = figure(state, run, palette, pixels)
    if shows("inspector"):
        walker(state, run)
        if state.view.graph == "neurons":
            neurons.neuron(state, run, pixels)
        inspector(state, run, palette, pixels)
    if shows("table"):
        twin(state, run, picture, pixels)
    if shows("equations"):
        below(state, run, palette, pixels)
    if shows("edit"):
        edit.editing(state)
    if shows("cell"):
        cell.editor(state, palette, pixels)
    if shows("files"):
        files.home(state, run, picture, palette)
    write_link(state)


# --- what the colour shows ---------------------------------------------------------------------------------------


def lenses(state: State, run: Run) -> None:
    """Lens, measure, scale and sample, in a row above the picture."""
    view = state.view
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row:
        show("graph", view.graph)
        st.segmented_control(
            "Graph",
            list(GRAPHS),
            format_func=GRAPHS.__getitem__,
            key="graph",
            default=view.graph,
            required=True,
            on_change=apply,
            args=("graph", lambda state, graph: of_view(state, graph=graph)),
            help="**Unrolled**: every step side by side. **Rolled**: one step, with the loops through time. "
            "**Neurons**: every unit by itself, with the weights on the edges.",
        )
        show("lens", view.lens)
        st.segmented_control(
            "Colour shows",
            list(LENSES),
            format_func=lambda lens: LENSES[lens].title,
            key="lens",
            default=view.lens,
            required=True,
            on_change=apply,
            args=("lens", lambda state, lens: of_view(state, lens=lens)),
            help="\n\n".join(f"**{lens.title}**: {lens.words}" for lens in LENSES.values()),
        )
    if view.graph != "neurons":  # each of which is a single number
        with row.container(width=150):
            choice(
                "of a vector, its",
                list(MEASURES),
                lambda measure: MEASURES[measure][0],
                "measure",
                view.measure,
                lambda state, measure: of_view(state, measure=measure),
            )
    with row.container(width=105):
        entered(EXPONENT, "low", view.low, lambda state, low: of_range(state, low, state.view.high), "Lowest, 10ⁿ")
    with row.container(width=105):
        entered(EXPONENT, "high", view.high, lambda state, high: of_range(state, state.view.low, high), "Highest, 10ⁿ")
    row.button(
        "Fit", key="fit", on_click=put, args=("fit", fitted), help="Fit the scale to the picture; it then stays."
    )
    if (usual := view.usual_range()) != view:
        change = lambda state, _: replace(state, view=usual)  # noqa: E731
        row.button("Reset", key="usual", on_click=put, args=("usual", change), help="The scale as it was at first.")
    if view.graph != "neurons":  # whose edges show the weights
        with row.container(width=165):
            choice(
                "Edges show",
                list(EDGES),
                lambda edges: EDGES[edges][0],
                "edges",
                view.edges,
                lambda state, edges: of_view(state, edges=edges),
                help="Width and colour by norm, on the scale of the nodes.",
            )
        with row.container(width=165):
            choice(
                "Parameters",
                list(PARAMETERS),
                PARAMETERS.__getitem__,
                "parameters",
                view.parameters,
                lambda state, parameters: of_view(state, parameters=parameters),
                help="**A copy a step**: each with its own gradient; the copies' gradients sum to the parameter's. "
                "**Shared**: one node each, with an edge to every step, and the gradient of the whole.",
            )
    if run.B > 1:
        with row.container(width=105):
            choice(
                "Sample",
                range(run.B + 1),
                lambda number: str(number or "all"),
                "sample",
                samples.shown(run, view.sample),
                lambda state, number: of_view(state, sample=number),
            )
    with row.popover("Look"):
        choice(
            "Picture",
            list(PICTURES),
            PICTURES.__getitem__,
            "picture",
            view.picture,
            lambda state, picture: of_view(state, picture=picture),
        )
        choice(
            "Colours",
            list(theme.SCALES),
            str.capitalize,
            "scale",
            view.scale,
            lambda state, scale: of_view(state, scale=scale),
            help="All three are safe for the colour-blind.",
        )


def of_view(state: State, /, **fields: object) -> State:
    """The state with some fields of its view changed."""
    return replace(state, view=replace(state.view, **fields))  # type: ignore[arg-type]


def of_range(state: State, low: int, high: int) -> State:
    """The state with another scale for its lens."""
    return replace(state, view=state.view.with_range(low, high))


def fitted(state: State, _: None) -> State:
    """The state with the scale fitted to what is drawn."""
    run = computed(state.model)
    match state.view.graph:
        case "neurons":
            magnitude = neurons.magnitude(state, run)
        case "rolled":
            magnitude = folded(run, state.view).magnitude
        case _:
            magnitude = scene(run, state.view).magnitude
    usable = np.log10(magnitude[np.isfinite(magnitude) & (magnitude > 0)])
    if not len(usable):
        return state
    low, high = math.floor(usable.min()), math.ceil(usable.max())
    return of_range(state, low, max(high, low + 1))


# --- the picture -------------------------------------------------------------------------------------------------


def figure(state: State, run: Run, palette: str, pixels: int) -> Scene:
    """The graph as the view has it, unrolled, rolled or its neurons; the scene of the unrolled one."""
    picture = drawn(state, run)
    match state.view.graph:
        case "unrolled":
            if (picture.first, picture.last) != (1, run.T) or run.T > LONG:
                window(run, picture)
            show_picture(state, picture, run, palette, pixels)
            legend(picture)
        case "rolled":
            rolled.picture(state, run, palette, pixels)
        case "neurons":
            neurons.picture(state, run, palette, pixels, *said(state, run))
    return picture


def drawn(state: State, run: Run) -> Scene:
    """The scene, with what the task has to say at each step."""
    return scene(run, state.view, *said(state, run))


def said(state: State, run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the task has to say at each step: what comes in, and what is asked for."""
    task, shown = models.task(state.model), 1 if run.B == 1 else samples.shown(run, state.view.sample)
    labels: tuple[str, ...] = ()
    targets: list[str] = []
    if run.cell.states and shown:
        y = task.y[:, shown - 1]
        targets = [_target(task, row) for row in y]
        if shown == 1 and task.labels != tuple(map(str, range(1, run.T + 1))):  # those the axis has anyway
            labels = task.labels
    return labels, tuple(targets)


def _target(task: Task, y: Array) -> str:
    """What stands at the target of a step: its class, the largest of its shares, or the first of its numbers."""
    if task.classes:
        name = task.classes[int(y)]
        return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
    if not task.shares:
        return f"{y[0] + 0.0:.2f}"
    largest = int(y.argmax())
    return task.outputs[largest] if y[largest] == 1 else f"{task.outputs[largest]} {y[largest]:.2f}"


def show_picture(state: State, picture: Scene, run: Run, palette: str, pixels: int) -> None:
    """The picture, as the view has it; what is clicked in it is the selected node from then on. Below it its knob."""
    turned, fault = None, ""
    if picture.view.picture == "live":
        try:
            turned = knob.turning(state, picture)
        except ValueError as error:
            fault = str(error)
        live(
            picture, label=spoken(picture), strength=EDGES[picture.view.edges][1], knob=turned, large=large(),
            on_pick=lambda node: put("live", pick(run, node)), on_turn=lambda at: put("knob", knob.let_go, at),
        )  # fmt: skip
        if picture.view.shows("knob"):
            knob.chooser(state, fault)
    else:
        if picture.view.knob is not None:
            st.caption("The knob turns in the live picture only: choose it under Look.")
        chart(
            graph(picture, palette, pixels), theme=None, key="figure", config=FIGURE, alt=spoken(picture),
            on_select=partial(clicked, "figure", run), selection_mode="points",
        )  # fmt: skip


def window(run: Run, picture: Scene) -> None:
    """All steps of a long run as a strip, and on it the window of those that are drawn."""
    strip(picture, overview(run, picture.view), on_window=lambda steps: put("strip", windowed, steps))


def windowed(state: State, steps: tuple[int, int]) -> State:
    """The state with another window of steps."""
    return of_view(state, window=steps)


def legend(picture: Scene) -> None:
    """Below the picture: what the letters are."""
    words: dict[str, list[str]] = {}
    for name, role, parts in zip(picture.names, picture.roles, picture.symbols, strict=True):
        words.setdefault(role, []).append(plain(theme.FUNCTIONS.get(parts.letter) or written(name)))
    said = " · ".join(f"{role} {', '.join(names)}" for role, names in words.items())
    st.caption(
        f"{'Time runs to the right, the flow upwards' if picture.upwards else 'The flow runs to the right'}: {said}."
        f"{_OF_PARAMETERS[picture.view.parameters]}"
    )


def spoken(picture: Scene) -> str:
    """The picture in a sentence, for those who do not see it."""
    return (
        f"The unrolled graph: {len(picture.name)} nodes and {len(picture.source)} edges over steps {picture.first} to "
        f"{picture.last}; colour shows the {LENSES[picture.view.lens].words}."
    )


def twin(state: State, run: Run, picture: Scene, pixels: int) -> None:
    """The same as a table; made when it is opened."""
    place = st.expander("The picture as a table", key="table", on_change="rerun")
    if not place.open:
        return
    match state.view.graph:
        case "neurons":
            rows = neurons.rows(state, run, pixels)
        case "rolled":
            rows = table(folded(run, state.view))
        case _:
            rows = table(picture)
    numbers = {
        name: st.column_config.NumberColumn(name, format="%.4g")
        for name, column in rows.items()
        if name not in ("step", "units", "unit") and not any(isinstance(entry, str) for entry in column)
    }
    place.dataframe(rows, hide_index=True, column_config=numbers)
    place.caption(f"{_SHOWN.capitalize()} {picture.view.quantity}. A click on a heading sorts." * (_SHOWN in rows))


# --- below the picture -------------------------------------------------------------------------------------------


def below(state: State, run: Run, palette: str, pixels: int) -> None:
    """The gradient over time and the equations; the cell; the checks."""
    longest = max(len(line.partition("#")[0]) for line in run.cell.text.splitlines())
    beside = pixels >= max(_TWO_COLUMNS, 2 * _CHARACTER * longest)
    left, right = st.columns(2, gap="large") if beside else (st.container(), st.container())
    with left:
        norms = ", ".join(rf"\Vert \nabla {latex(name)}^{{(t)}} \Vert" for name in run.cell.states)
        st.markdown(rf"##### Gradient over time, $\log_{{10}} {norms}$" if norms else "##### Gradient along the flow")
        figure = gradients(run, palette, state.view.sample)
        said = "The norm of the gradient at each state against time, on a logarithmic scale."
        chart(figure, theme=None, key="gradients", config=_CONFIG, alt=said)
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
    """The laws with their measured errors."""
    numbers = run.T * run.B * sum(run.sizes.values())
    if numbers > _CHECKED:
        st.info(
            f"This run has {numbers:,} values; the page checks up to {_CHECKED:,}. Take fewer steps, samples or units."
        )
        return
    rows = [
        f"| {'✓' if row.passed else '✗'} | {plain(row.statement)} | {number(row.error)} | {number(row.tolerance)} |"
        for row in checked(model)
    ]
    st.markdown("\n".join(["| | Law | Largest error | Allowed |", "|---|---|---|---|", *rows]))
