"""The network taken apart into single neurons, as flat arrays that say what the picture looks like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run
from engine.language import Symbol
from engine.language import written as name_written
from engine.working import MAX_NEURONS, count, forms, neuron_of
from explorer.model import samples
from explorer.picture.grid import curve, grid
from explorer.picture.marks import marks
from explorer.picture.scene import Scene, written
from explorer.state import View

Array = NDArray[Any]

MOST_STEPS: Final = 8  # that are drawn unless asked otherwise
_READABLE: Final = 11  # pixels for each neuron, from which a picture is readable
_GAP, _PITCH = 1.0, 2.2  # columns between two names of a row, and between two steps
_ROW: Final = 4.2  # columns from the highest neuron of a row to the lowest of the next
_RISE: Final = (0.7, 6.0)  # columns from a neuron up to the next of its name, and at most over all of them
_LAYER: Final = 5.0  # columns from layer to layer, where the flow runs to the right
_BENDS: Final = (0.8, -0.8, 1.4, -1.4, 2.2, -2.2, 3.2, -3.2)
_CLEARANCE: Final = 0.34  # columns between an edge and the centre of a neuron that it passes
_PAIRS: Final = 150_000  # of edges and neurons, up to which it is looked whether an edge passes a neuron
_LED: Final = 300  # edges, at most, that are led around neurons


@dataclass(frozen=True)
class Neurons(Scene):
    """What the picture of the neurons looks like: a `Scene` whose nodes are neurons, with

    unit (N,)       counted from 0
    a, z, slope, delta (N,)   argument, value, φ'(a) (nan where there is no single number) and ∂L/∂a, for one sample
    function (N,)   index into functions: the φ of each
    weight, message (E,)      w_kl and w_kl δ_k;  direct (E,)  whether the weight is ∂L/∂a, straight from the loss
    chosen          which neurons are selected: (N,) bool
    blocks          step -> its middle, across the flow
    levels          for each row of names (or layer), its middle along the flow;  rows  its names, as indices into names
    sizes           of each name, its units

    A neuron's columns and rows are as far apart as each other. **Holds:** each_neuron_once, no_two_neurons_share_a_place.
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
    """The first and the last step that are drawn: those of the view as far as there is room for so many neurons, else as
    many of the last as can be read in so many pixels, or as many from the selected one on if it is not among them."""
    first, last = view.window or (1, run.T)
    last = min(max(last, 1), run.T)
    if view.window is None:
        first = max(1, last - MOST_STEPS + 1) if run.cell.states else last
    first = min(max(first, 1), last)

    def fits(first: int) -> bool:
        if count(run, first, last, merged=True) > MAX_NEURONS:
            return False
        return view.window is not None or not run.cell.states or _READABLE * _layout(run, first, last).columns <= width

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
    """The neurons of a window of steps; `labels` and `targets` have a text for each step of the run, or are empty.

    Raises ValueError where a single step has more neurons than can be drawn.
    """
    view = view or View()
    first, last = window(run, view, width)
    sample = samples.one(run, view.sample)
    graph = engine.neurons(run, first, last, sample, merged=True)
    place = _layout(run, first, last)
    names = place.names
    number = {name: i for i, name in enumerate(names)}
    keys = list(graph.nodes)
    index = {key: i for i, key in enumerate(keys)}
    data = [graph.nodes[key] for key in keys]
    column = {what: np.array([node[what] for node in data], float) for what in ("a", "value", "delta")}
    slope = np.array([np.nan if node["slope"] is None or node["function"] is None else node["slope"] for node in data])
    functions = tuple(dict.fromkeys(node["function"] or "" for node in data))
    points = np.array([place.at(*key) for key in keys])

    edges = list(graph.edges(data=True))
    source = np.array([index[begin] for begin, _, _ in edges], np.int32)
    target = np.array([index[end] for _, end, _ in edges], np.int32)
    weight, message, lag, argument = (
        np.array([edge[what] for _, _, edge in edges], float) for what in ("weight", "message", "lag", "argument")
    )
    direct = np.array([edge["direct"] for _, _, edge in edges], bool)
    shown = {"gradient": column["delta"], "value": column["value"], "slope": np.where(np.isnan(slope), np.inf, slope)}
    magnitude = np.abs(shown[view.lens])
    if view.lens == "slope":
        magnitude = np.where([node["function"] in (None, "softmax") for node in data], -1.0, magnitude)
    selected = view.selected and (neuron_of(run.cell, view.selected[0]), view.selected[1])
    chosen = np.array([key[:2] == selected and view.unit in (0, key[2] + 1) for key in keys], bool)
    if selected and not chosen.any():  # a unit that there is not: all of them
        chosen = np.array([key[:2] == selected for key in keys], bool)
    none = np.full((len(keys), 1), np.nan)
    return Neurons(
        cell=run.cell,
        names=names,
        roles=tuple(run.cell.role(name) for name in names),
        symbols=tuple(written(run.cell, name) for name in names),
        name=np.array([number[name] for name, _, _ in keys], np.int32),
        t=np.array([t for _, t, _ in keys], np.int32),
        x=points[:, 0],
        y=points[:, 1],
        units=np.ones(len(keys), np.int32),
        magnitude=magnitude,
        mark=marks(magnitude, view.low, view.high),
        value=np.abs(column["value"]),
        gradient=np.abs(column["delta"]),
        value_head=none,
        gradient_head=none,
        source=source,
        target=target,
        lag=lag.astype(np.int32),
        argument=argument.astype(np.int32),
        bend=_bends(points, source, target, weight != 0),
        turn=np.zeros(len(source)),
        strength=None,
        low=view.low,
        high=view.high,
        first=first,
        last=last,
        T=run.T,
        labels=tuple(labels[first - 1 : last]),
        targets=tuple(targets[first - 1 : last]),
        selected=int(np.argmax(chosen)) if chosen.sum() == 1 else None,
        path=np.zeros(0, int),
        walked=None,
        upwards=bool(run.cell.states),
        grid=grid(run.cell),
        view=view,
        unit=np.array([i for _, _, i in keys], np.int32),
        a=column["a"],
        z=column["value"],
        slope=slope,
        delta=column["delta"],
        function=np.array([functions.index(node["function"] or "") for node in data], np.int32),
        functions=functions,
        weight=weight,
        message=message,
        direct=direct,
        chosen=chosen,
        blocks=place.blocks,
        levels=place.levels,
        rows=tuple(tuple(number[name] for name in row) for row in place.rows),
        sizes=tuple(run.sizes[name] for name in names),
    )


def near(picture: Neurons) -> tuple[Array, Array]:
    """What stands out: (N,) the selected neurons and those that they feed, (E,) the edges between; all if none is selected."""
    if not picture.chosen.any():
        return np.ones(len(picture.name), bool), np.ones(len(picture.source), bool)
    edges = picture.chosen[picture.source]
    nodes = picture.chosen.copy()
    nodes[picture.target[edges]] = True
    return nodes, edges


# --- places ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """Where neurons stand: names in rows, steps side by side, the units of a name side by side and each a little higher than
    the one before, so that a line from one step to the next passes none of its row. Without memory: layers side by side,
    units downwards.

    names, rows   from the bottom up;  columns  how wide all of it is
    blocks, levels   the middle of each step and of each row
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: float
    blocks: dict[int, float]
    levels: tuple[float, ...]
    start: dict[tuple[str, int], float]
    level: dict[str, int]
    base: tuple[float, ...]
    rise: dict[str, float]
    upwards: bool

    def at(self, name: str, t: int, unit: int) -> tuple[float, float]:
        """The place of a neuron."""
        along = self.start[name, t] + unit
        if self.upwards:
            return along, self.base[self.level[name]] + unit * self.rise[name]
        return self.base[self.level[name]], -along


def _layout(run: Run, first: int, last: int) -> _Layout:
    cell, place, sizes = run.cell, grid(run.cell), run.sizes
    upwards = bool(cell.states)
    kept = [name for name in place.names if name in forms(cell)]
    used = sorted({place.row[name] for name in kept})
    level = {name: used.index(place.row[name]) for name in kept}
    members = [sorted((n for n in kept if level[n] == row), key=place.column.__getitem__) for row in range(len(used))]
    most = max(cell.lags.values(), default=0)
    start: dict[tuple[str, int], float] = {}
    blocks: dict[int, float] = {}
    edge = 0.0
    for t in range(min(first, first - most), last + 1):
        here = [[n for n in row if t >= first - cell.lags.get(n, 0) and t > -cell.lags.get(n, 0)] for row in members]
        widths = [sum(sizes[n] for n in row) + _GAP * (len(row) - 1) for row in here if row]
        if not widths:
            continue
        block = max(widths)
        for row in here:
            at = edge + (block - sum(sizes[n] for n in row) - _GAP * (len(row) - 1)) / 2
            for name in row:
                start[name, t] = at
                at += sizes[name] + _GAP
        blocks[t] = edge + (block - 1) / 2
        edge += block + _PITCH
    rise = {name: min(_RISE[0], _RISE[1] / max(sizes[name] - 1, 1)) for name in kept}
    heights = [max(rise[name] * (sizes[name] - 1) for name in row) for row in members]
    base = [0.0]
    for height in heights[:-1]:
        base.append(base[-1] + height + _ROW)
    if not upwards:
        base = [_LAYER * row for row in range(len(used))]
        heights = [0.0] * len(used)
    middles = tuple(low + height / 2 for low, height in zip(base, heights, strict=True))
    return _Layout(
        tuple(kept),
        tuple(map(tuple, members)),
        edge - _PITCH,
        blocks,
        middles,
        start,
        level,
        tuple(base),
        rise,
        upwards,
    )


def _bends(points: Array, source: Array, target: Array, drawn: Array) -> Array:
    """How each edge bends so that it passes no neuron, as far as that can be had and is worth the time."""
    bend = np.zeros(len(source))
    if len(source) * len(points) > _PAIRS:
        return bend
    begin, end = points[source], points[target]
    ends = (np.arange(len(points)) == source[:, None]) | (np.arange(len(points)) == target[:, None])
    along = end - begin
    share = (
        np.einsum("end,ed->en", points[None] - begin[:, None], along) / np.maximum((along**2).sum(-1), 1e-9)[:, None]
    )
    foot = begin[:, None] + np.clip(share, 0, 1)[..., None] * along[:, None]
    room = np.where(ends, np.inf, np.linalg.norm(points[None] - foot, axis=-1)).min(axis=1)
    for e in np.flatnonzero(drawn & (room < _CLEARANCE))[:_LED].tolist():
        others = points[~ends[e]]
        for candidate in _BENDS:
            line = curve(begin[e], end[e], candidate, 17)
            free = np.linalg.norm(line[:, None] - others[None], axis=-1).min()
            if free > room[e]:
                room[e], bend[e] = free, candidate
            if free >= _CLEARANCE:
                break
    return bend


def table(picture: Neurons) -> dict[str, list[Any]]:
    """The neurons as columns of a table, by step and flow; None where a neuron has no single such number."""
    order = np.lexsort((picture.unit, picture.name, picture.t)).tolist()

    def numbers(array: Array) -> list[float | None]:
        return [None if np.isnan(value) else value for value in array[order].tolist()]

    return {
        "neuron": [name_written(picture.names[k]) for k in picture.name[order].tolist()],
        "step": picture.t[order].tolist(),
        "unit": (picture.unit[order] + 1).tolist(),
        "a": numbers(picture.a),
        "z": numbers(picture.z),
        "φ′(a)": numbers(picture.slope),
        "δ": numbers(picture.delta),
    }
