"""The scene: a run and a view as flat arrays that say what the picture looks like; two renderers can draw the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine import Cell, Run
from engine.names import Symbol, symbol
from engine.operations import FUNCTIONS
from explorer.grid import Grid, curve, grid
from explorer.state import View

Array = NDArray[Any]

MAX_NODES: Final = 2_500
LONG: Final = 60  # steps beyond which not all of them are drawn, unless that is asked for
USUAL: Final = 50  # steps that are then drawn, so that they can be read
_HEAD: Final = 4  # numbers of a vector that are kept for reading


class Mark(IntEnum):
    """How the magnitude of a node stands to the scale."""

    WITHIN = 0
    ZERO = 1  # exactly
    BELOW = 2
    ABOVE = 3
    INFINITE = 4
    NAN = 5
    NONE = 6  # there is no such magnitude: a target's gradient, φ' of a sum


@dataclass(frozen=True)
class Scene:
    """What the picture of the unrolled graph looks like; N nodes, E edges, all arrays read-only.

    names, roles    every name once, from the bottom up, and its role
    symbols         how each is written; a call inside a larger expression is written as its function
    name (N,)       index into names       t (N,)   step; 1 is the first, initial values stand at t ≤ 0
    x, y (N,)       the place: one unit is one column, one row; time runs to the right, the flow upwards
                    (or, for a cell without memory, the flow to the right and samples of time downwards)
    units (N,)      numbers that the node holds
    magnitude (N,)  what the colour shows, not its logarithm;  mark (N,)  a `Mark`
    value, gradient (N,)           L2 norms, for reading
    value_head, gradient_head (N, 4)   the first numbers, nan where there are none
    source, target (E,)   indices of nodes;  lag, argument (E,);  bend (E,)  see `grid.Wire`
    strength (E,)   L2 norm of what goes along each edge, as `view.edges` has it, negative where there is none; or None
    low, high       the powers of ten at the ends of the scale
    first, last     the steps that are drawn;  T how many there are
    labels, targets what is written at the input and at the target of each drawn step
    selected        index of the selected node, or None

    **Holds:** no_two_nodes_share_a_place, every_edge_of_the_graph_once, time_runs_to_the_right.
    """

    names: tuple[str, ...]
    roles: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    name: Array
    t: Array
    x: Array
    y: Array
    units: Array
    magnitude: Array
    mark: Array
    value: Array
    gradient: Array
    value_head: Array
    gradient_head: Array
    source: Array
    target: Array
    lag: Array
    argument: Array
    bend: Array
    strength: Array | None
    low: int
    high: int
    first: int
    last: int
    T: int
    labels: tuple[str, ...]
    targets: tuple[str, ...]
    selected: int | None
    upwards: bool
    grid: Grid
    view: View

    def curves(self, points: int = 13) -> Array:
        """The edges as lines, (E, points, 2)."""
        ends = np.stack([self.x, self.y], axis=-1)
        return curve(ends[self.source], ends[self.target], self.bend, points)


def magnitudes(array: Array, measure: str = "norm") -> Array:
    """One number a step: the L2 norm, the largest or the mean absolute entry; (T, …) to (T,).

    The norm is scaled by the largest entry, so that it is right where squares would under- or overflow. An entry that is
    nan makes it nan, else one that is infinite makes it inf.
    """
    flat = np.abs(array.reshape(len(array), -1).astype(float))
    largest: Array = flat.max(axis=1)
    if measure == "largest":
        return largest
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    with np.errstate(all="ignore"):
        share = flat / scale[:, None]
        relative = share.mean(axis=1) if measure == "mean" else np.sqrt(np.square(share).sum(axis=1))
        return np.asarray(scale * relative)


def marks(magnitude: Array, low: float, high: float) -> Array:
    """The mark of each magnitude, for a scale from 10^low to 10^high; `NONE` where it is negative."""
    with np.errstate(invalid="ignore"):
        return np.select(
            [np.isnan(magnitude), np.isinf(magnitude), magnitude < 0, magnitude == 0,
             magnitude < 10.0**low, magnitude > 10.0**high],
            [Mark.NAN, Mark.INFINITE, Mark.NONE, Mark.ZERO, Mark.BELOW, Mark.ABOVE],
            Mark.WITHIN,
        ).astype(np.int8)  # fmt: skip


def room(nodes: int) -> int:
    """How many steps there is room for, with so many nodes each."""
    return max(1, MAX_NODES // nodes)


def drawn(steps: int, nodes: int, window: tuple[int, int] | None) -> tuple[int, int]:
    """The first and the last step that are drawn.

    Those of the window; one that reaches beyond the last step is moved back to it. Without a window all of them, but of
    more than `LONG` the last `USUAL`; and never more than there is room for.
    """
    first, last = window or (1 if steps <= LONG else steps - USUAL + 1, steps)
    beyond = max(last - steps, 0)
    first, last = max(first - beyond, 1), last - beyond
    return max(first, last - room(nodes) + 1), last


def measured(run: Run, view: View, first: int, last: int) -> Array:
    """What the colour shows of each node from step `first` to `last`, in the order of the scene: (N,), -1 where none."""
    parts = [_arrays(run, view, name, first, last) for name in grid(run.cell).names]
    parts += [_initial_arrays(run, view, name, t) for name, t in _initial(run.cell, first)]
    return np.concatenate(
        [np.full(len(value), -1.0) if shown is None else magnitudes(shown, view.measure) for value, _, shown in parts]
    )


def overview(run: Run, view: View) -> Array:
    """What the colour shows of each name at every step of the run, names from the bottom up: (names, T)."""
    nodes = len(grid(run.cell).names)
    return measured(run, view, 1, run.T)[: nodes * run.T].reshape(nodes, run.T)


def turned(runs: Iterable[Run], view: View, first: int, last: int) -> tuple[Array, Array]:
    """Of each run what the colour shows, (K, N) as `measured` has it, and log₁₀ of the gradient's norm at `earliest`, (K,).

    Each run is let go before the next is asked for. A gradient of exactly 0 is −∞ in the curve.
    """
    magnitude, norm = [], []
    for run in runs:
        magnitude.append(measured(run, view, first, last))
        norm.append(magnitudes(run.grad[earliest(run.cell)][:1, _sample(run, view)])[0])
    with np.errstate(divide="ignore"):
        return np.stack(magnitude), np.log10(norm)


def earliest(cell: Cell) -> str:
    """The name whose gradient at the first step says how far the loss reaches back: the first state.

    Without memory that of the first layer: the first function of the flow.
    """
    layers = (name for name in cell.nodes if cell.operation(name) in FUNCTIONS)
    return cell.states[0] if cell.states else next(layers, cell.nodes[0])


def scene(run: Run, view: View | None = None, labels: Sequence[str] = (), targets: Sequence[str] = ()) -> Scene:
    """The scene of a run; `labels` and `targets` have a text for each step of the run, or are empty."""
    view = view or View()
    cell, place = run.cell, grid(run.cell)
    names = place.names
    first, last = drawn(run.T, len(names), view.window)
    steps = np.arange(first, last + 1)
    initial = _initial(cell, first)
    number = {name: i for i, name in enumerate(names)}

    name = np.concatenate([np.repeat(np.arange(len(names)), len(steps)), [number[n] for n, _ in initial]]).astype(
        np.int32
    )
    t = np.concatenate([np.tile(steps, len(names)), [t for _, t in initial]]).astype(np.int32)
    column = np.array([place.column[n] for n in names])[name] + (t - 1) * place.pitch
    row = np.array([place.row[n] for n in names], float)[name]
    upwards = bool(cell.states)

    parts = [_read(*_arrays(run, view, n, first, last)) for n in names]
    parts += [_read(*_initial_arrays(run, view, n, t)) for n, t in initial]
    value, gradient, value_head, gradient_head = (np.concatenate(part) for part in zip(*parts, strict=True))

    index = {(n, s): k for k, (n, s) in enumerate(zip(name.tolist(), t.tolist(), strict=True))}
    edges = [
        (index[number[w.source], s - w.lag], index[number[w.target], s], w.lag, w.argument, w.bend, i)
        for i, w in enumerate(place.wires)
        for s in steps.tolist()
        if (number[w.source], s - w.lag) in index
    ]
    source, target, lag, argument, bend, wire = (np.array(part) for part in zip(*edges, strict=True))
    magnitude = measured(run, view, first, last)
    chosen = view.selected and (number.get(view.selected[0], -1), view.selected[1])
    return Scene(
        names=names,
        roles=tuple(cell.role(n) for n in names),
        symbols=tuple(_symbol(cell, n) for n in names),
        name=name,
        t=t,
        x=column if upwards else row,
        y=row if upwards else -column,
        units=np.array([run.sizes[n] for n in names], np.int32)[name],
        magnitude=magnitude,
        mark=marks(magnitude, view.low, view.high),
        value=value,
        gradient=gradient,
        value_head=value_head,
        gradient_head=gradient_head,
        source=source,
        target=target,
        lag=lag,
        argument=argument,
        bend=bend,
        strength=_strength(run, view, place, wire, source, t[target], value),
        low=view.low,
        high=view.high,
        first=first,
        last=last,
        T=run.T,
        labels=tuple(labels[first - 1 : last]),
        targets=tuple(targets[first - 1 : last]),
        selected=index.get(chosen) if chosen else None,
        upwards=upwards,
        grid=place,
        view=view,
    )


def reach(picture: Scene, index: int) -> Array:
    """Which nodes the one at `index` depends on or has an influence on, itself among them: (N,) bool."""
    near = np.zeros(len(picture.name), bool)
    near[index] = True
    for starts, ends in ((picture.source, picture.target), (picture.target, picture.source)):
        neighbours: dict[int, list[int]] = {}
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            neighbours.setdefault(start, []).append(end)
        found, left = {index}, [index]
        while left:
            new = set(neighbours.get(left.pop(), ())) - found
            found |= new
            left += new
        near[list(found)] = True
    return near


#: Mark -> what it says of a magnitude, in words.
_WORDS: Final = {
    Mark.WITHIN: "",
    Mark.ZERO: "exactly 0",
    Mark.BELOW: "below the scale",
    Mark.ABOVE: "above the scale",
    Mark.INFINITE: "infinite",
    Mark.NAN: "not a number",
    Mark.NONE: "has none",
}


def table(picture: Scene) -> dict[str, list[Any]]:
    """The picture as columns of a table, a row for each node by step and flow; None where there is no such number."""
    order = np.lexsort((picture.name, picture.t)).tolist()

    def numbers(array: Array) -> list[float | None]:
        return [None if array[i] < 0 else float(array[i]) for i in order]

    names = picture.name[order].tolist()
    steps = picture.t[order].tolist()
    return {
        "node": [picture.names[k] for k in names],
        "step": steps,
        "role": [picture.roles[k] if t > 0 else "initial value" for k, t in zip(names, steps, strict=True)],
        "units": picture.units[order].tolist(),
        "‖value‖": numbers(picture.value),
        "‖gradient‖": numbers(picture.gradient),
        "colour shows": numbers(picture.magnitude),
        "mark": [_WORDS[Mark(mark)] for mark in picture.mark[order].tolist()],
    }


def _strength(run: Run, view: View, place: Grid, wire: Array, source: Array, step: Array, value: Array) -> Array | None:
    """Of each edge, the L2 norm of what goes along it; `step` is that of its target."""
    if view.edges == "nothing":
        return None
    if view.edges == "forward":
        return np.asarray(value[source])
    norms = np.full((len(place.wires), run.T), -1.0)
    row = {(w.source, w.target, w.lag, w.argument): i for i, w in enumerate(place.wires)}
    for target in run.cell.nodes:
        for read, message in run.messages(target):
            if (i := row.get((read.name, target, read.lag, read.argument))) is not None:
                norms[i] = magnitudes(message[:, _sample(run, view)])
    return np.asarray(norms[wire, step - 1])


def _symbol(cell: Cell, name: str) -> Symbol:
    lifted = name in cell.equations and cell.equations[name].within is not None
    return Symbol(cell.operation(name) or name) if lifted else symbol(name)


#: Of a name at some steps: value, gradient, and what the colour shows; None where there is none.
_Arrays: TypeAlias = tuple[Array, Array | None, Array | None]


def _arrays(run: Run, view: View, name: str, first: int, last: int) -> _Arrays:
    span, sample = slice(first - 1, last), _sample(run, view)
    if name == "y":
        value = run.y[span, sample]
        if value.ndim == 2:  # a class is no magnitude
            return value[..., None], None, None
        return value, None, value if view.lens == "value" else None
    value, gradient = run.value[name][span, sample], run.grad[name][span, sample]
    if view.lens == "slope":
        slope = run.slope(name)[span, sample] if run.cell.operation(name) in FUNCTIONS else None
        return value, gradient, slope
    return value, gradient, value if view.lens == "value" else gradient


def _initial(cell: Cell, first: int) -> list[tuple[str, int]]:
    """The initial values that are drawn: those before the first step."""
    return [(name, t) for name in cell.states for t in range(1 - cell.lags[name], 1)] if first == 1 else []


def _initial_arrays(run: Run, view: View, name: str, t: int) -> _Arrays:
    sample = _sample(run, view)
    place = slice(t - 1, t or None)  # the last row is t = 0
    value, gradient = run.initial[name][place, sample], run.initial_grad[name][place, sample]
    return value, gradient, {"gradient": gradient, "value": value}.get(view.lens)


def _sample(run: Run, view: View) -> slice:
    return slice(view.sample - 1, view.sample) if 1 <= view.sample <= run.B else slice(None)


def _read(value: Array, gradient: Array | None, _: Array | None) -> tuple[Array, Array, Array, Array]:
    """Norms of value and gradient, first numbers of both; -1 and nan where there is none."""
    none = np.full(len(value), -1.0)
    return (
        none if value.dtype.kind in "iu" else magnitudes(value),
        none if gradient is None else magnitudes(gradient),
        _head(value),
        np.full((len(value), _HEAD), np.nan) if gradient is None else _head(gradient),
    )


def _head(array: Array) -> Array:
    head = array[:, 0, :_HEAD].astype(float)
    return np.pad(head, ((0, 0), (0, _HEAD - head.shape[1])), constant_values=np.nan)
