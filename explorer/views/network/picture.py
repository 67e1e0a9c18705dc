"""The picture of the network: unrolled in time, rolled, or its single neurons; and below the unrolled one its legend."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from engine import Run
from engine.inputs import Task
from engine.language import written
from explorer import model as models
from explorer import theme
from explorer.figures import graph
from explorer.live import live, strip
from explorer.model import Array, samples
from explorer.page.change import of_view, put
from explorer.page.chart import chart, large
from explorer.page.selection import clicked, pick
from explorer.picture.readings import overview
from explorer.picture.scene import Scene, scene
from explorer.picture.window import LONG
from explorer.state import EDGES, LENSES, State
from explorer.views.network import knob, neurons, rolled
from explorer.words.markdown import plain

_OF_PARAMETERS: Final = {
    "hidden": "",
    "shared": " Every step uses the same parameters: the gradient at each is the sum over the steps.",
    "copies": " Each step has a copy of each parameter, with the gradient that is its share; the shares sum to the whole.",
}
_LABEL: Final = 10  # characters of the name of a class for which a step in the picture has room


def figure(state: State, run: Run, palette: str, pixels: int) -> Scene | None:
    """Draw the graph that the view names; the scene of the unrolled graph or of the neurons, None for the rolled graph."""
    match state.view.graph:
        case "rolled":
            rolled.picture(state, run, palette, pixels)
            return None
        case "neurons":
            return neurons.picture(state, run, palette, pixels, *task_captions(state, run))
    drawn = unrolled(state, run)
    if (drawn.first, drawn.last) != (1, run.T) or run.T > LONG:
        strip(drawn, overview(run, drawn.view), on_window=lambda steps: put("strip", with_window, steps))
    _draw(state, drawn, run, palette, pixels)
    legend(drawn)
    return drawn


def unrolled(state: State, run: Run) -> Scene:
    """The scene of the unrolled graph, with the captions of the task at each step."""
    return scene(run, state.view, *task_captions(state, run))


def task_captions(state: State, run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The captions of a sample at each step: the label of the input, and the target."""
    task, sample = models.task(state.model), 1 if run.B == 1 else samples.shown(run, state.view.sample)
    labels: tuple[str, ...] = ()
    targets: list[str] = []
    if run.cell.states and sample:
        targets = [_target(task, row) for row in task.y[:, sample - 1]]
        if sample == 1 and task.labels != tuple(map(str, range(1, run.T + 1))):  # the axis has the numbers anyway
            labels = task.labels
    return labels, tuple(targets)


def _target(task: Task, y: Array) -> str:
    """The caption of a step's target: its class, the largest of its shares, or the first of its numbers."""
    if task.classes:
        name = task.classes[int(y)]
        return name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…"
    if not task.shares:
        return f"{y[0] + 0.0:.2f}"
    largest = int(y.argmax())
    return task.outputs[largest] if y[largest] == 1 else f"{task.outputs[largest]} {y[largest]:.2f}"


def _draw(state: State, drawn: Scene, run: Run, palette: str, pixels: int) -> None:
    """Draw the unrolled graph, live with its knob below, or by plotly; a click in it selects a node."""
    if drawn.view.picture != "live":
        if drawn.view.knob is not None:
            st.caption("The knob works in the live picture only: choose that under Look.")
        chart(
            graph(drawn, palette, pixels), "figure", alt_text(drawn), can_be_saved=True,
            on_click=partial(clicked, "figure", run),
        )  # fmt: skip
        return
    turned, fault = None, ""
    try:
        turned = knob.turning(state, drawn)
    except ValueError as error:
        fault = str(error)
    live(
        drawn, label=alt_text(drawn), strength=EDGES[drawn.view.edges][1], knob=turned, large=large(),
        on_pick=lambda node: put("live", pick(run, node)), on_turn=lambda at: put("knob", knob.let_go, at),
    )  # fmt: skip
    if drawn.view.shows("knob"):
        knob.chooser(state, fault)


def with_window(state: State, steps: tuple[int, int]) -> State:
    """The state with another window of steps."""
    return of_view(state, window=steps)


def legend(drawn: Scene) -> None:
    """Say below the picture which letter has which role."""
    letters: dict[str, list[str]] = {}
    for name, role, parts in zip(drawn.names, drawn.roles, drawn.symbols, strict=True):
        letters.setdefault(role, []).append(plain(theme.FUNCTIONS.get(parts.letter) or written(name)))
    roles = " · ".join(f"{role} {', '.join(names)}" for role, names in letters.items())
    st.caption(
        f"{'Time runs to the right, the flow upwards' if drawn.upwards else 'The flow runs to the right'}: {roles}."
        f"{_OF_PARAMETERS[drawn.view.parameters]}"
    )


def alt_text(drawn: Scene) -> str:
    """The picture in a sentence, for those who do not see it."""
    return (
        f"The unrolled graph: {len(drawn.name)} nodes and {len(drawn.source)} edges over steps {drawn.first} to "
        f"{drawn.last}; colour shows the {LENSES[drawn.view.lens].words}."
    )
