"""The scene: the picture of a graph as flat arrays, unrolled or folded, which any renderer can draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from engine import Cell, Run
from engine.language import Symbol, symbol_of
from engine.working import Message
from engine.working import messages as explain
from explorer.model import samples
from explorer.picture import readings
from explorer.picture.grid import Grid, Wire, curve, grid, railed
from explorer.picture.marks import marks
from explorer.picture.window import drawn, initial
from explorer.state import View

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The picture of the unrolled graph, or (`folded`) of the rolled one; N nodes, E edges.

    cell, grid, view   what is drawn, where the nodes of a step stand, and how the run is looked at
    names           every name once, from the bottom up
    name (N,)       index into names       t (N,)   step; 1 is the first, initial values stand at t ≤ 0, and at 0 the
                    parameters that all steps share: they exist before the first step
    x, y (N,)       the place: one unit is one column, one row; time runs to the right, the flow upwards
                    (or, for a cell without memory, the flow to the right and samples of time downwards)
    units (N,)      numbers that the node holds; those of a parameter are of all samples together
    magnitude (N,)  what the colour shows, not its logarithm
    value, gradient (N,)           L2 norms, for reading
    value_head, gradient_head (N, 4)   the first numbers, nan where none exist
    source, target (E,)   indices of nodes;  lag, argument (E,);  bend, turn (E,)  see `grid.Wire`
    strength (E,)   L2 norm of what goes along each edge, as `view.edges` has it, negative where none exists; or None
    first, last     the steps that are drawn;  T the steps of the run
    labels, targets the texts at the input and at the target of each drawn step
    selected        index of the selected node, or None
    path (P,)       indices of the edges of the path that is walked, from the loss on;  walked  the one that is looked at, or None

    **Holds:** no_two_nodes_share_a_place, every_edge_of_the_graph_once, time_runs_to_the_right.
    """

    cell: Cell
    grid: Grid
    view: View
    names: tuple[str, ...]
    name: Array
    t: Array
    x: Array
    y: Array
    units: Array
    magnitude: Array
    value: Array
    gradient: Array
    value_head: Array
    gradient_head: Array
    source: Array
    target: Array
    lag: Array
    argument: Array
    bend: Array
    turn: Array
    strength: Array | None = None
    first: int
    last: int
    T: int
    labels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    selected: int | None = None
    path: Array = field(default_factory=lambda: np.zeros(0, int))
    walked: int | None = None

    @cached_property
    def roles(self) -> tuple[str, ...]:
        """The role of each name."""
        return tuple(self.cell.role(name) for name in self.names)

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """How each name is written; a call inside a larger expression is written as its function."""
        return tuple(node_symbol(self.cell, name) for name in self.names)

    @property
    def low(self) -> int:
        """The exponent of ten at the lower end of the scale."""
        return self.view.low

    @property
    def high(self) -> int:
        """The exponent of ten at the upper end of the scale."""
        return self.view.high

    @cached_property
    def mark(self) -> Array:
        """The `Mark` of each node's magnitude, (N,)."""
        return marks(self.magnitude, self.low, self.high)

    @property
    def upwards(self) -> bool:
        """Whether the flow runs upwards, and time to the right; else the flow runs to the right."""
        return bool(self.cell.states)

    @cached_property
    def shared(self) -> Array:
        """Which nodes stand once for all steps, (N,) bool."""
        return np.isin(self.name, [self.names.index(name) for name in self.grid.shared])

    @cached_property
    def initial(self) -> Array:
        """Which nodes are initial values, (N,) bool."""
        return (self.t < 1) & ~self.shared

    def curves(self, points: int = 13) -> Array:
        """The edges as lines, (E, points, 2)."""
        ends = np.stack([self.x, self.y], axis=-1)
        lines = curve(ends[self.source], ends[self.target], self.bend, points)
        if (rails := self.turn > 0).any():
            places = np.stack([self.x, self.y] if self.upwards else [-self.y, self.x], axis=-1)
            begins = places[self.source[rails]]
            turns = railed(places[self.target[rails]], begins[:, 1], self.turn[rails], points - 1)
            flat = np.concatenate([begins[:, None], turns], axis=1)
            lines[rails] = flat if self.upwards else np.stack([flat[..., 1], -flat[..., 0]], axis=-1)
        return lines


class Edges(NamedTuple):
    """The edges of a picture, each array (E,): see `Scene`, and `wire`, their index into the wires of the grid."""

    source: Array
    target: Array
    lag: Array
    argument: Array
    bend: Array
    turn: Array
    wire: Array


def scene(run: Run, view: View | None = None, labels: Sequence[str] = (), targets: Sequence[str] = ()) -> Scene:
    """Make the scene of the unrolled graph.

    Args:
        run: what is drawn
        view: how it is looked at
        labels: a text for each step of the run, at its input; or none
        targets: a text for each step of the run, at its target; or none

    Returns:
        The scene of the steps that the view shows.
    """
    view = view or View()
    place = grid(run.cell, view.parameters)
    first, last = drawn(run.T, len(place.names) - len(place.shared), view.window)
    name, t = _nodes(run.cell, place, first, last)
    index = {node: k for k, node in enumerate(zip(name.tolist(), t.tolist(), strict=True))}
    edges = _edges(place, index, first, last)
    read = readings.of_nodes(run, view, first, last)
    step = t[edges.target]
    selected = None
    if view.selected is not None and view.selected[0] in place.names:
        chosen, at = view.selected
        selected = index.get((place.names.index(chosen), 0 if chosen in place.shared else at))
    path, walked = _walked(run, view, place, name, t, edges)
    return Scene(
        **_placed(run.cell, place, view, name, t),
        **read._asdict(),
        **_drawn_edges(edges),
        units=np.array([_units(run, n) for n in place.names], np.int32)[name],
        strength=readings.strengths(run, view, place, edges.wire, edges.source, step, read.value),
        first=first,
        last=last,
        T=run.T,
        labels=tuple(labels[first - 1 : last]),
        targets=tuple(targets[first - 1 : last]),
        selected=selected,
        path=path,
        walked=walked,
    )


def folded(source: Run | Cell, view: View | None = None) -> Scene:
    """Make the scene of the rolled graph: every name once, edges with a lag among the others.

    The readings of a node are of all steps together: the norm of all that stands in its row of the unrolled graph; of a
    parameter, the gradient of the whole. t is the step that a click means: the selected one, else the last. A cell without
    a run has no numbers, and no magnitude.

    Args:
        source: a run, or a cell alone
        view: how it is looked at

    Returns:
        The scene of one step.
    """
    view = view or View()
    run = source if isinstance(source, Run) else None
    cell = run.cell if run else source
    assert isinstance(cell, Cell)
    place = grid(cell, "hidden" if view.parameters == "hidden" else "copies")
    names, T = place.names, run.T if run else 1
    number = {name: i for i, name in enumerate(names)}
    now = min(max(view.selected[1], 1), T) if view.selected else T
    edges = _wired(place.wires, number)
    read = readings.nothing(len(names))
    if run:
        each = [readings.of_name(run, view, name) for name in names]
        read = readings.Readings(*(np.concatenate(parts) for parts in zip(*each, strict=True)))
    return Scene(
        **_placed(cell, place, view, np.arange(len(names)), np.full(len(names), now), steps_apart=False),
        **read._asdict(),
        **_drawn_edges(edges),
        units=np.array([_units(run, name) if run else 0 for name in names], np.int32),
        strength=readings.rolled_strengths(run, view, place, edges.source, read.value) if run else None,
        first=1,
        last=T,
        T=T,
        selected=number.get(view.selected[0]) if view.selected else None,
    )


def path(run: Run, view: View) -> tuple[Message, ...]:
    """The path of the gradient that is walked, from the loss to the selected node; empty without one."""
    if view.path is None or view.selected is None:
        return ()
    (name, t), loss = view.selected, view.path[0]
    first = 1 - (len(run.initial[name]) if name in run.initial else 0)
    if name not in run.grad or not first <= t <= run.T:
        return ()
    return explain.strongest_path(
        run, name, t, samples.one(run, view.sample), loss if max(t, 1) <= loss <= run.T else None
    )


def reach(picture: Scene, index: int) -> Array:
    """Which nodes the one at `index` depends on or influences, itself among them: (N,) bool."""
    graph = nx.DiGraph(zip(picture.source.tolist(), picture.target.tolist(), strict=True))
    graph.add_node(index)
    near = np.zeros(len(picture.name), bool)
    near[[index, *nx.ancestors(graph, index), *nx.descendants(graph, index)]] = True
    return near


def node_symbol(cell: Cell, name: str) -> Symbol:
    """How a node is written: a call inside a larger expression as its function."""
    lifted = name in cell.equations and cell.equations[name].within is not None
    return Symbol(cell.operation(name) or name) if lifted else symbol_of(name)


# --- nodes and edges ---------------------------------------------------------------------------------------------


def _nodes(cell: Cell, place: Grid, first: int, last: int) -> tuple[Array, Array]:
    """Name and step of each node: every name over all steps, then initial values, then shared parameters."""
    number = {name: i for i, name in enumerate(place.names)}
    each = [number[name] for name in place.names if name not in place.shared]
    single = initial(cell, first)
    steps = np.arange(first, last + 1)
    name = np.repeat(each, len(steps)).tolist() + [number[n] for n, _ in single] + [number[n] for n in place.shared]
    t = np.tile(steps, len(each)).tolist() + [t for _, t in single] + [0] * len(place.shared)
    return np.array(name, np.int32), np.array(t, np.int32)


def _placed(cell: Cell, place: Grid, view: View, name: Array, t: Array, steps_apart: bool = True) -> dict[str, Any]:
    """What a scene has, and where its nodes stand; with `steps_apart` each at the columns of its step."""
    column = np.array([place.column[n] for n in place.names], float)[name]
    if steps_apart:
        column = column + (t - 1) * place.pitch
        if place.shared:
            shared = len(place.shared)
            column[-shared:] += place.pitch + column[:-shared].min()
    row = np.array([place.row[n] for n in place.names], float)[name]
    x, y = (column, row) if cell.states else (row, -column)
    return {"cell": cell, "grid": place, "view": view, "names": place.names, "name": name, "t": t, "x": x, "y": y}


def _edges(place: Grid, index: dict[tuple[int, int], int], first: int, last: int) -> Edges:
    """The edges between drawn nodes; `index` has the place of each node by its name's number and its step."""
    number = {name: i for i, name in enumerate(place.names)}
    edges = [
        (index[begin], index[number[w.target], s], w.lag, w.argument, w.bend, w.turn, i)
        for i, w in enumerate(place.wires)
        for s in range(first, last + 1)
        if (begin := (number[w.source], 0 if w.source in place.shared else s - w.lag)) in index
    ]
    return Edges(*(np.array(part) for part in zip(*edges, strict=True)))


def _wired(wires: Sequence[Wire], number: dict[str, int]) -> Edges:
    """The wires of a grid as the edges of a folded scene, in which no edge bends that leads to a later step."""
    return Edges(
        source=np.array([number[w.source] for w in wires], int),
        target=np.array([number[w.target] for w in wires], int),
        lag=np.array([w.lag for w in wires], int),
        argument=np.array([w.argument for w in wires], int),
        bend=np.array([0.0 if w.lag else w.bend for w in wires]),
        turn=np.zeros(len(wires)),
        wire=np.arange(len(wires)),
    )


def _drawn_edges(edges: Edges) -> dict[str, Any]:
    return {key: array for key, array in edges._asdict().items() if key != "wire"}


def _walked(run: Run, view: View, place: Grid, name: Array, t: Array, edges: Edges) -> tuple[Array, int | None]:
    """The indices of those edges of the path that are drawn, and which of these is looked at."""
    if view.path is None:
        return np.zeros(0, int), None
    nodes = [(place.names[k], step) for k, step in zip(name.tolist(), t.tolist(), strict=True)]
    ends = zip(edges.source.tolist(), edges.target.tolist(), edges.argument.tolist(), strict=True)
    places = {(nodes[a], nodes[b], argument): e for e, (a, b, argument) in enumerate(ends)}
    messages = path(run, view)
    indices = [places.get((message.source, message.target, message.read.argument)) for message in messages]
    now = indices[min(view.path[1], len(messages)) - 1] if messages else None
    kept = [e for e in indices if e is not None]
    return np.array(kept, int), None if now is None else kept.index(now)


def _units(run: Run, name: str) -> int:
    return int(run.parameters[name].size) if name in run.parameters else run.sizes[name]
