"""The page of the network: the unrolled graph, the loss, the gradient over time, the equations, the checks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import streamlit as st

from engine import Run
from engine.checks import Check, check
from engine.initial import Setting
from engine.names import latex, written
from explorer import model as models
from explorer.controls import apply, choice, controls, current, entered, plain, put, show, tell_problems, write_link
from explorer.figures import gradients, graph
from explorer.figures.text import number
from explorer.model import Model
from explorer.scene import Scene, scene
from explorer.state import EXPONENT, LENSES, MEASURES, State
from explorer.views.width import width

_CONFIG = {"displaylogo": False, "scrollZoom": False, "displayModeBar": False, "doubleClick": "reset"}
_CHECKED = 20_000  # units · steps · samples up to which the checks are made on the page


def page() -> None:
    """The page."""
    with st.sidebar:
        controls()
    state = current()
    pixels = width()
    heading = st.container(horizontal=True, vertical_alignment="center")
    with heading.container():
        st.markdown("### Unrolled")
        st.caption("A recurrent network, unrolled in time. The colour of a node says how strongly the loss depends on it.")
    tell_problems()
    try:
        run = computed(state.model)
    except (ValueError, MemoryError, FloatingPointError) as error:
        st.error(f"This network cannot be run: {plain(str(error))}")
        return
    heading.metric("Loss $L$", number(run.loss), width=130, help="The sum over the steps that count.")
    lenses(state, run)
    picture = drawn(state, run)
    palette = st.context.theme.type or "light"
    st.plotly_chart(graph(picture, palette, pixels), theme=None, key="graph", config=_CONFIG, alt=spoken(picture))
    captions(state, run, picture)
    below(state, run, palette)
    write_link(state)


@st.cache_resource(max_entries=12, show_spinner=False, hash_funcs={Model: repr})
def computed(model: Model) -> Run:
    """The run of a model; nothing but the model decides on it."""
    return models.run(model)


@st.cache_resource(max_entries=12, show_spinner="Measuring …", hash_funcs={Model: repr})
def checked(model: Model) -> tuple[Check, ...]:
    """The laws, measured on the run of a model."""
    return check(computed(model))


# --- what the colour shows ---------------------------------------------------------------------------------------


def lenses(state: State, run: Run) -> None:
    """Lens, measure, scale and sample, in a row above the picture."""
    view = state.view
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        show("lens", view.lens)
        st.segmented_control(
            "Colour shows", list(LENSES), format_func=lambda lens: LENSES[lens].title, key="lens", required=True,
            on_change=apply, args=("lens", lambda state, lens: of_view(state, lens=lens)),
            help="\n\n".join(f"**{lens.title}**: {lens.words}" for lens in LENSES.values()),
        )  # fmt: skip
        with st.container(width=150):
            choice("of a vector, its", list(MEASURES), lambda m: MEASURES[m][0], "measure", view.measure,
                   lambda state, measure: of_view(state, measure=measure))  # fmt: skip
        with st.container(width=105):
            entered(EXPONENT, "low", view.low, lambda state, low: of_range(state, low, state.view.high), "Lowest, 10ⁿ")
        with st.container(width=105):
            entered(EXPONENT, "high", view.high, lambda state, high: of_range(state, state.view.low, high), "Highest, 10ⁿ")
        st.button("Fit", key="fit", on_click=put, args=("fit", fitted), help="Fit the scale to the picture; it then stays.")
        usual = view.usual_range()
        if usual != view:
            st.button("Reset", key="usual", on_click=put, args=("usual", lambda state, _: replace(state, view=usual)),
                      help="The scale as it was at first.")  # fmt: skip
        if run.B > 1:
            with st.container(width=105):
                entered(Setting("Sample", "int", "sample", 0, 0, run.B, help="0 is all of them together."), "sample",
                        min(view.sample, run.B), lambda state, sample: of_view(state, sample=sample))  # fmt: skip


def of_view(state: State, **fields: object) -> State:
    """The state with some fields of its view changed."""
    return replace(state, view=replace(state.view, **fields))  # type: ignore[arg-type]


def of_range(state: State, low: int, high: int) -> State:
    """The state with another scale for its lens."""
    return replace(state, view=state.view.with_range(low, high))


def fitted(state: State, _: None) -> State:
    """The state with the scale fitted to what is drawn."""
    magnitude = scene(computed(state.model), state.view).magnitude
    usable = np.log10(magnitude[np.isfinite(magnitude) & (magnitude > 0)])
    if not len(usable):
        raise ValueError("there is no finite magnitude above 0 to fit the scale to")
    low, high = math.floor(usable.min()), math.ceil(usable.max())
    return of_range(state, low, max(high, low + 1))


# --- the picture -------------------------------------------------------------------------------------------------


def drawn(state: State, run: Run) -> Scene:
    """The scene with what the task writes at each step, and the words for what is not drawn."""
    task = models.task(state.model)
    if not run.cell.states:
        return scene(run, state.view)
    sample = min(state.view.sample, run.B) or 1
    targets = [task.classes[c] for c in task.y[:, sample - 1]] if task.classes else [number(v) for v in task.y[:, sample - 1, 0]]
    said = sample == 1 and task.labels != tuple(map(str, range(1, run.T + 1)))  # the axis has the numbers of the steps
    picture = scene(run, state.view, task.labels if said else (), targets)
    if (picture.first, picture.last) != (1, run.T):
        window(state, run, picture)
    return picture


def window(state: State, run: Run, picture: Scene) -> None:
    """Which steps are drawn, where there is no room for all."""
    show("last", picture.last)
    st.slider(
        f"Steps {picture.first:,} to {picture.last:,} of {run.T:,} are drawn, as many as there is room for; up to step",
        1, run.T, key="last", on_change=apply,
        args=("last", lambda state, last: of_view(state, window=None if last == run.T else (1, last))),
    )  # fmt: skip


def captions(state: State, run: Run, picture: Scene) -> None:
    """Below the picture: what the letters and the shapes are, and what went wrong in the numbers."""
    if run.overflow is not None:
        name, t, value = run.overflow.name, run.overflow.t, run.overflow.value
        what = "not a number" if math.isnan(value) else "infinite"
        st.warning(
            f"The values leave the range of floating point: {plain(written(name))} at step {t} is the first that is {what}. "
            "What follows from it is marked in red.", icon="⚠️",
        )  # fmt: skip
    words: dict[str, list[str]] = {}
    for name, role in zip(picture.names, picture.roles, strict=True):
        words.setdefault(role, []).append(written(name))
    legend = " · ".join(f"{role} {', '.join(plain(n) for n in names)}" for role, names in words.items())
    st.caption(f"Time runs to the right, the flow upwards: {legend}." if picture.upwards else f"The flow runs to the right: {legend}.")


def spoken(picture: Scene) -> str:
    """The picture in a sentence, for those who do not see it."""
    return (
        f"The unrolled graph: {len(picture.name)} nodes and {len(picture.source)} edges over steps {picture.first} to "
        f"{picture.last}; colour shows the {LENSES[picture.view.lens].words}."
    )


# --- below the picture -------------------------------------------------------------------------------------------


def below(state: State, run: Run, palette: str) -> None:
    """The gradient against time, the loss and the equations, the checks."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        name = ", ".join(f"\\nabla {latex(name)}^{{(t)}}" for name in run.cell.states)
        st.markdown(f"##### Gradient over time: $\\log_{{10}} \\Vert {name} \\Vert$" if name else "##### Gradient along the flow")
        st.plotly_chart(gradients(run, palette, state.view.sample), theme=None, key="gradients", config=_CONFIG,
                        alt="The norm of the gradient at each state against time, on a logarithmic scale.")  # fmt: skip
    with right:
        st.markdown("##### Equations of a step")
        st.latex(run.cell.latex())
    with st.expander("About this cell"):
        st.markdown(f"**{plain(run.cell.title)}**. {plain(run.cell.about)}")
        st.caption(plain(run.cell.source))
        st.code(run.cell.text, language=None)
    opened = st.expander("Checks: is this gradient right?", key="checks", on_change="rerun")
    with opened:
        if opened.open:
            checks(state, run)


def checks(state: State, run: Run) -> None:
    """The laws with their measured errors."""
    numbers = run.T * run.B * sum(run.sizes.values())
    if numbers > _CHECKED:
        st.info(f"This run has {numbers:,} values; the checks are made on the page up to {_CHECKED:,}. Take fewer steps or units.")
        return
    rows = checked(state.model)
    st.markdown(
        "\n".join(
            ["| | law | error | allowed |", "|---|---|---|---|"]
            + [f"| {'✓' if row.passed else '✗'} | {plain(row.statement)} | {number(row.error)} | {number(row.tolerance)} |" for row in rows]
        )
    )
