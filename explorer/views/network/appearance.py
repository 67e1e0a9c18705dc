"""The row above the picture: choices of graph, colours, edges, parameters and sample."""

from __future__ import annotations

import numpy as np
from streamlit.delta_generator import DeltaGenerator

from engine import Run
from explorer import theme
from explorer.model import Array, samples
from explorer.page.change import of_view, put, viewed
from explorer.page.colour import choose_ends, choose_lens
from explorer.page.results import computed
from explorer.page.widgets import choice, segmented, side_by_side
from explorer.picture import neurons
from explorer.picture.scene import folded, scene
from explorer.state import EDGES, GRAPHS, LENSES, MEASURES, PARAMETERS, PICTURES, State


def choose(state: State, run: Run) -> None:
    """Choose graph, lens, scale, edges, sample and look, side by side."""
    view, row = state.view, side_by_side()
    with row:
        segmented(
            "Graph", GRAPHS, "graph", view.graph, viewed("graph"),
            help="**Unrolled**: every step side by side. **Rolled**: one step, with the loops through time. "
            "**Neurons**: every unit by itself, with the weights on the edges.",
        )  # fmt: skip
        choose_lens(state, "\n\n".join(f"**{lens.title}**: {lens.words}" for lens in LENSES.values()))
    if view.graph != "neurons":  # each of which is a single number
        with row.container(width=150):
            titles = {measure: title for measure, (title, _) in MEASURES.items()}
            choice("of a vector, its", list(titles), titles.__getitem__, "measure", view.measure, viewed("measure"))
    choose_ends(row, state, magnitude, "Fit the scale to the picture; after that it stays fixed.")
    if (usual := view.with_usual_range()) != view:
        row.button(
            "Reset", key="usual", on_click=put, help="The original scale.",
            args=("usual", lambda state, _: of_view(state, ranges=usual.ranges)),
        )  # fmt: skip
    if view.graph != "neurons":  # whose edges show the weights
        _edges_and_parameters(row, state)
    if run.B > 1:
        with row.container(width=105):
            sample = samples.shown(run, view.sample)
            choice("Sample", range(run.B + 1), lambda n: str(n or "all"), "sample", sample, viewed("sample"))
    with row.popover("Look"):
        choice("Picture", list(PICTURES), PICTURES.__getitem__, "picture", view.picture, viewed("picture"))
        choice(
            "Colours", list(theme.SCALES), str.capitalize, "scale", view.scale, viewed("scale"),
            help="All three suit colour-blind readers.",
        )  # fmt: skip


def _edges_and_parameters(row: DeltaGenerator, state: State) -> None:
    """Choose what the edges show, and how the parameters stand in the graph."""
    with row.container(width=165):
        titles = {edges: title for edges, (title, _) in EDGES.items()}
        choice(
            "Edges show", list(titles), titles.__getitem__, "edges", state.view.edges, viewed("edges"),
            help="Width and colour show the norm, on the scale of the nodes.",
        )  # fmt: skip
    with row.container(width=165):
        choice(
            "Parameters", list(PARAMETERS), PARAMETERS.__getitem__, "parameters", state.view.parameters,
            viewed("parameters"),
            help="**One copy per step**: each with its own gradient; the gradients of the copies sum to that of the parameter. "
            "**Shared**: one node per parameter, with an edge to every step and the whole gradient.",
        )  # fmt: skip


def magnitude(state: State) -> Array:
    """The magnitudes that the colours of the picture show."""
    run = computed(state.model)
    match state.view.graph:
        case "neurons":
            try:
                return np.asarray(neurons.neurons(run, state.view).magnitude)
            except ValueError:  # too many of them to be drawn
                return np.zeros(0)
        case "rolled":
            return folded(run, state.view).magnitude
    return scene(run, state.view).magnitude
