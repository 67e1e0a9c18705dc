"""The network taken apart into single neurons: their picture as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import networkx as nx
import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run
from engine.language import Symbol
from engine.working import MAX_NEURONS, count, neuron_of
from explorer.model import samples
from explorer.picture.grid import grid
from explorer.picture.layout import Layout, bends, layout
from explorer.picture.scene import Scene
from explorer.state import View

Array = NDArray[Any]

MOST_STEPS: Final = 8  # that are drawn unless asked otherwise
_READABLE: Final = 11  # pixels for each neuron, from which a picture is readable


@dataclass(frozen=True, kw_only=True)
class Neurons(Scene):
    """The picture of neurons: a `Scene` whose nodes are neurons.

    unit (N,)       counted from 0
    a, z, slope, delta (N,)   argument, value, φ'(a) (nan if it is not a single number) and ∂L/∂a, for one sample
    function (N,)   index into functions: the φ of each
    weight, message (E,)      w_kl and w_kl δ_k;  direct (E,)  whether the weight is ∂L/∂a, straight from the loss
    chosen (N,)     which neurons are selected, bool
    blocks          step -> its middle, across the flow
    levels          the middle of each row of names (or layer), along the flow;  rows  its names, as indices into names
    sizes           the units of each name

    Columns and rows of neurons are equally far apart.

    **Holds:** each_neuron_once, no_two_neurons_share_a_place.
    """

    unit: Array
    a: Array
    z: Array
    slope: Array
    delta: Array
    function: Array
    functions: tuple[str, ...]
    weight: Array
    message: Array
    direct: Array
    chosen: Array
    blocks: dict[int, float]
    levels: tuple[float, ...]
    rows: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]

    def symbol(self, i: int) -> Symbol:
        """A neuron's name with its unit, counted from 1."""
        k = int(self.name[i])
        parts: Symbol = self.symbols[k]
        if self.sizes[k] == 1:
            return parts
        return replace(parts, index=",".join(filter(None, [parts.index, str(int(self.unit[i]) + 1)])))


def window(run: Run, view: View, width: int = 1000) -> tuple[int, int]:
    """The first and the last step that are drawn.

    Those of the view as far as their neurons have room; without a window, as many of the last steps as can be read, or as
    many from the selected step on if it is not among them.

    Args:
        run: what is drawn
        view: how it is looked at
        width: pixels across the picture
    """
    first, last = view.window or (1, run.T)
    last = min(max(last, 1), run.T)
    if view.window is None:
        first = max(1, last - MOST_STEPS + 1) if run.cell.states else last
    first = min(max(first, 1), last)

    def fits(first: int) -> bool:
        if count(run, first, last, merged=True) > MAX_NEURONS:
            return False
        return view.window is not None or not run.cell.states or _READABLE * layout(run, first, last).columns <= width

    first = next((start for start in range(first, last) if fits(start)), last)
    if view.window is None and view.selected and view.selected[1] < first:
        start = max(view.selected[1], 1)
        return start, start + last - first
    return first, last


def neurons(
    run: Run,
    view: View | None = None,
    width: int = 1000,
    labels: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> Neurons:
    """Make the picture of the neurons of a window of steps.

    Args:
        run: what is drawn
        view: how it is looked at
        width: pixels across the picture
        labels: a text for each step of the run, at its input; or none
        targets: a text for each step of the run, at its target; or none

    Returns:
        The picture.

    Raises:
        ValueError: if a single step has more neurons than can be drawn
    """
    view = view or View()
    first, last = window(run, view, width)
    graph = engine.neurons(run, first, last, samples.one(run, view.sample), merged=True)
    place = layout(run, first, last)
    keys = list(graph.nodes)
    placed, values, edges = _placed(run, place, keys), _values(graph), _edges(graph)
    chosen = _chosen(run, view, keys)
    none = np.full((len(keys), 1), np.nan)
    points = np.stack([placed["x"], placed["y"]], axis=-1)
    return Neurons(
        cell=run.cell,
        grid=grid(run.cell),
        view=view,
        **placed,
        magnitude=_magnitude(view, values),
        value=np.abs(values["z"]),
        gradient=np.abs(values["delta"]),
        value_head=none,
        gradient_head=none,
        **values,
        **edges,
        bend=bends(points, edges["source"], edges["target"], edges["weight"] != 0),
        turn=np.zeros(len(edges["source"])),
        first=first,
        last=last,
        T=run.T,
        labels=tuple(labels[first - 1 : last]),
        targets=tuple(targets[first - 1 : last]),
        selected=int(np.argmax(chosen)) if chosen.sum() == 1 else None,
        chosen=chosen,
    )


def _placed(run: Run, place: Layout, keys: list[tuple[str, int, int]]) -> dict[str, Any]:
    """Names, steps, units and places of the neurons, as fields of `Neurons`."""
    names = tuple(name for name in grid(run.cell).names if any(name in row for row in place.rows))
    number = {name: i for i, name in enumerate(names)}
    points = np.array([place.at(*key) for key in keys])
    return {
        "names": names,
        "name": np.array([number[name] for name, _, _ in keys], np.int32),
        "t": np.array([t for _, t, _ in keys], np.int32),
        "unit": np.array([unit for _, _, unit in keys], np.int32),
        "units": np.ones(len(keys), np.int32),
        "x": points[:, 0],
        "y": points[:, 1],
        "blocks": place.blocks,
        "levels": place.levels,
        "rows": tuple(tuple(number[name] for name in row) for row in place.rows),
        "sizes": tuple(run.sizes[name] for name in names),
    }


def _values(graph: nx.MultiDiGraph) -> dict[str, Any]:
    """The numbers of each neuron and its function, as fields of `Neurons`."""
    nodes = [node for _, node in graph.nodes(data=True)]
    applied = [node["function"] or "" for node in nodes]
    functions = tuple(dict.fromkeys(applied))
    without = [node["slope"] is None or node["function"] is None for node in nodes]
    return {
        "a": np.array([node["a"] for node in nodes], float),
        "z": np.array([node["value"] for node in nodes], float),
        "delta": np.array([node["delta"] for node in nodes], float),
        "slope": np.array([np.nan if no else node["slope"] for no, node in zip(without, nodes, strict=True)]),
        "function": np.array([functions.index(name) for name in applied], np.int32),
        "functions": functions,
    }


def _edges(graph: nx.MultiDiGraph) -> dict[str, Any]:
    """The ends and the numbers of each edge, as fields of `Neurons`."""
    index = {key: i for i, key in enumerate(graph.nodes)}
    edges = list(graph.edges(data=True))

    def numbers(what: str, kind: type) -> Array:
        return np.array([edge[what] for _, _, edge in edges], kind)

    return {
        "source": np.array([index[begin] for begin, _, _ in edges], np.int32),
        "target": np.array([index[end] for _, end, _ in edges], np.int32),
        "weight": numbers("weight", float),
        "message": numbers("message", float),
        "lag": numbers("lag", np.int32),
        "argument": numbers("argument", np.int32),
        "direct": numbers("direct", bool),
    }


def _magnitude(view: View, values: dict[str, Any]) -> Array:
    """What the colour shows of each neuron; −1 where it has no function whose slope is one number."""
    if view.lens != "slope":
        return np.asarray(np.abs({"gradient": values["delta"], "value": values["z"]}[view.lens]))
    slope = np.where(np.isnan(values["slope"]), np.inf, np.abs(values["slope"]))
    sloped = [name not in ("", "softmax") for name in values["functions"]]
    return np.where(np.array(sloped)[values["function"]], slope, -1.0)


def _chosen(run: Run, view: View, keys: list[tuple[str, int, int]]) -> Array:
    """Which neurons are selected, (N,) bool; all of a node if it has no such unit."""
    if view.selected is None:
        return np.zeros(len(keys), bool)
    node = (neuron_of(run.cell, view.selected[0]), view.selected[1])
    of_node = np.array([key[:2] == node for key in keys], bool)
    unit = np.array([view.unit in (0, key[2] + 1) for key in keys], bool)
    return of_node & unit if (of_node & unit).any() else of_node


def near(picture: Neurons) -> tuple[Array, Array]:
    """The selected neurons and those that they feed, (N,) bool, and the edges between, (E,) bool; all if none is selected."""
    if not picture.chosen.any():
        return np.ones(len(picture.name), bool), np.ones(len(picture.source), bool)
    edges = picture.chosen[picture.source]
    nodes = picture.chosen.copy()
    nodes[picture.target[edges]] = True
    return nodes, edges
