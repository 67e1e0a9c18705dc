"""The scene: a run and a view as flat arrays that say what the picture looks like; two renderers can draw the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine import Cell, Run
from engine.language import FUNCTIONS, Symbol, symbol
from engine.language import written as name_written
from engine.working import Message
from engine.working import messages as explain
from explorer.facts import earliest
from explorer.model import samples
from explorer.picture.grid import Grid, curve, grid, railed
from explorer.picture.marks import WORDS, Mark, marks
from explorer.state import View

Array = NDArray[Any]

MAX_NODES: Final = 2_500
LONG: Final = 60  # steps beyond which not all of them are drawn, unless that is asked for
USUAL: Final = 50  # steps that are then drawn, so that they can be read
_HEAD: Final = 4  # numbers of a vector that are kept for reading


_Readings: TypeAlias = tuple[Array, Array, Array, Array, Array]
_NOTHING: Final[_Readings] = (*[np.full(1, -1.0)] * 3, *[np.full((1, _HEAD), np.nan)] * 2)  # type: ignore[assignment]


@dataclass(frozen=True)
class Scene:
    """What the picture of the unrolled graph looks like, or (`folded`) of the rolled one; N nodes, E edges.

    cell            whose graph it is
    names, roles    every name once, from the bottom up, and its role
    symbols         how each is written; a call inside a larger expression is written as its function
    name (N,)       index into names       t (N,)   step; 1 is the first, initial values stand at t ≤ 0, and at 0 the
                    parameters that all steps share: they are there before the first
    x, y (N,)       the place: one unit is one column, one row; time runs to the right, the flow upwards
                    (or, for a cell without memory, the flow to the right and samples of time downwards)
    units (N,)      numbers that the node holds; those of a parameter are of all samples together
    magnitude (N,)  what the colour shows, not its logarithm;  mark (N,)  a `Mark`
    value, gradient (N,)           L2 norms, for reading
    value_head, gradient_head (N, 4)   the first numbers, nan where there are none
    source, target (E,)   indices of nodes;  lag, argument (E,);  bend, turn (E,)  see `grid.Wire`
    strength (E,)   L2 norm of what goes along each edge, as `view.edges` has it, negative where there is none; or None
    low, high       the powers of ten at the ends of the scale
    first, last     the steps that are drawn;  T how many there are
    labels, targets what is written at the input and at the target of each drawn step
    selected        index of the selected node, or None
    path (P,)       indices of the edges of the path that is walked, from the loss on;  walked  which of them, or None

    **Holds:** no_two_nodes_share_a_place, every_edge_of_the_graph_once, time_runs_to_the_right.
    """

    cell: Cell
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
    turn: Array
    strength: Array | None
    low: int
    high: int
    first: int
    last: int
    T: int
    labels: tuple[str, ...]
    targets: tuple[str, ...]
    selected: int | None
    path: Array
    walked: int | None
    upwards: bool
    grid: Grid
    view: View

    @property
    def shared(self) -> Array:
        """Which nodes stand once for all steps, (N,) bool."""
        return np.isin(self.name, [self.names.index(name) for name in self.grid.shared])

    @property
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
    (magnitude,) = _each(run, view, first, last, partial(_magnitude, view.measure))
    return magnitude


def overview(run: Run, view: View) -> Array:
    """What the colour shows of each name but the parameters at every step, names from the bottom up: (names, T)."""
    nodes = len(grid(run.cell).names)
    return measured(run, replace(view, parameters="hidden"), 1, run.T)[: nodes * run.T].reshape(nodes, run.T)


def turned(runs: Iterable[Run], view: View, first: int, last: int) -> tuple[Array, Array]:
    """Of each run what the colour shows, (K, N) as `measured` has it, and log₁₀ of the norm at `earliest`, (K,).

    Each run is let go before the next is asked for. A gradient of exactly 0 is −∞ in the curve.
    """
    magnitude, norm = [], []
    for run in runs:
        magnitude.append(measured(run, view, first, last))
        norm.append(magnitudes(run.grad[earliest(run.cell)][:1, samples.span(run, view.sample)])[0])
    with np.errstate(divide="ignore"):
        return np.stack(magnitude), np.log10(norm)


def scene(run: Run, view: View | None = None, labels: Sequence[str] = (), targets: Sequence[str] = ()) -> Scene:
    """The scene of a run; `labels` and `targets` have a text for each step of the run, or are empty."""
    view = view or View()
    cell, place = run.cell, grid(run.cell, view.parameters)
    names, once = place.names, place.shared
    every = [name for name in names if name not in once]
    first, last = drawn(run.T, len(every), view.window)
    steps = np.arange(first, last + 1)
    single = _initial(cell, first)
    number = {name: i for i, name in enumerate(names)}

    name = np.concatenate(
        [np.repeat([number[n] for n in every], len(steps)), [number[n] for n, _ in single], [number[n] for n in once]]
    ).astype(np.int32)
    t = np.concatenate([np.tile(steps, len(every)), [t for _, t in single], [0] * len(once)]).astype(np.int32)
    column = np.array([place.column[n] for n in names])[name] + (t - 1) * place.pitch
    if once:
        column[-len(once) :] += place.pitch + column[: -len(once)].min()
    row = np.array([place.row[n] for n in names], float)[name]
    upwards = bool(cell.states)

    magnitude, value, gradient, value_head, gradient_head = _each(run, view, first, last, partial(_read, view.measure))

    index = {(n, s): k for k, (n, s) in enumerate(zip(name.tolist(), t.tolist(), strict=True))}
    edges = [
        (index[begin], index[number[w.target], s], w.lag, w.argument, w.bend, w.turn, i)
        for i, w in enumerate(place.wires)
        for s in steps.tolist()
        if (begin := (number[w.source], 0 if w.source in once else s - w.lag)) in index
    ]
    source, target, lag, argument, bend, turn, wire = (np.array(part) for part in zip(*edges, strict=True))
    chosen = view.selected and (number.get(view.selected[0], -1), 0 if view.selected[0] in once else view.selected[1])
    places = {
        ((names[name[a]], int(t[a])), (names[name[b]], int(t[b])), k): e
        for e, (a, b, k) in enumerate(zip(source.tolist(), target.tolist(), argument.tolist(), strict=True))
    }
    path, walked = _walked(run, view, places)
    return Scene(
        cell=cell,
        names=names,
        roles=tuple(cell.role(n) for n in names),
        symbols=tuple(written(cell, n) for n in names),
        name=name,
        t=t,
        x=column if upwards else row,
        y=row if upwards else -column,
        units=np.array([_units(run, n) for n in names], np.int32)[name],
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
        turn=turn,
        strength=_strength(run, view, place, wire, source, t[target], value),
        low=view.low,
        high=view.high,
        first=first,
        last=last,
        T=run.T,
        labels=tuple(labels[first - 1 : last]),
        targets=tuple(targets[first - 1 : last]),
        selected=index.get(chosen) if chosen else None,
        path=path,
        walked=walked,
        upwards=upwards,
        grid=place,
        view=view,
    )


def path(run: Run, view: View) -> tuple[Message, ...]:
    """The path of the gradient that is walked, from the loss to the selected node; empty if none is, or there is none."""
    if view.path is None or view.selected is None:
        return ()
    (name, t), loss = view.selected, view.path[0]
    first = 1 - (len(run.initial[name]) if name in run.initial else 0)
    if name not in run.grad or not first <= t <= run.T:
        return ()
    return explain.strongest_path(
        run, name, t, samples.one(run, view.sample), loss if max(t, 1) <= loss <= run.T else None
    )


def _walked(run: Run, view: View, places: dict[tuple[Any, Any, int], int]) -> tuple[Array, int | None]:
    """The indices of those edges of the path that are drawn, and which of these is looked at."""
    if view.path is None:
        return np.zeros(0, int), None
    edges = path(run, view)
    drawn = [places.get((edge.source, edge.target, edge.read.argument)) for edge in edges]
    now = drawn[min(view.path[1], len(edges)) - 1] if edges else None
    kept = [e for e in drawn if e is not None]
    return np.array(kept, int), None if now is None else kept.index(now)


def folded(source: Run | Cell, view: View | None = None) -> Scene:
    """The scene of the rolled graph: every name once, edges with a lag among the others.

    What it says of a node is of all steps together: the norm of everything that stands in its row of the unrolled graph;
    of a parameter, the gradient of the whole. t is the step that a click means: the selected one, else the last. Of a cell
    alone there are no numbers, and no magnitude.
    """
    view = view or View()
    run = source if isinstance(source, Run) else None
    cell = run.cell if run else source
    assert isinstance(cell, Cell)
    place = grid(cell, "hidden" if view.parameters == "hidden" else "copies")
    names, steps = place.names, run.T if run else 1
    number = {name: i for i, name in enumerate(names)}
    column, row = (np.array([of[name] for name in names], float) for of in (place.column, place.row))
    upwards = bool(cell.states)
    parts = [_folded_readings(run, view, name) for name in names] if run else [_NOTHING] * len(names)
    magnitude, value, gradient, value_head, gradient_head = (np.concatenate(part) for part in zip(*parts, strict=True))
    wires = place.wires
    begins = np.array([number[w.source] for w in wires], int)
    strength = None
    if run and view.edges == "forward":
        strength = value[begins]
    elif run and view.edges == "backward":
        norms = _messages(run, view, place, 1, run.T)
        strength = np.where(norms[:, 0] < 0, -1, magnitudes(norms))
    now = min(max(view.selected[1], 1), steps) if view.selected else steps
    return Scene(
        cell=cell,
        names=names,
        roles=tuple(cell.role(name) for name in names),
        symbols=tuple(written(cell, name) for name in names),
        name=np.arange(len(names)),
        t=np.full(len(names), now),
        x=column if upwards else row,
        y=row if upwards else -column,
        units=np.array([_units(run, name) if run else 0 for name in names], np.int32),
        magnitude=magnitude,
        mark=marks(magnitude, view.low, view.high),
        value=value,
        gradient=gradient,
        value_head=value_head,
        gradient_head=gradient_head,
        source=begins,
        target=np.array([number[w.target] for w in wires], int),
        lag=np.array([w.lag for w in wires], int),
        argument=np.array([w.argument for w in wires], int),
        bend=np.array([0.0 if w.lag else w.bend for w in wires]),
        turn=np.zeros(len(wires)),
        strength=strength,
        low=view.low,
        high=view.high,
        first=1,
        last=steps,
        T=steps,
        labels=(),
        targets=(),
        selected=number.get(view.selected[0]) if view.selected else None,
        path=np.zeros(0, int),
        walked=None,
        upwards=upwards,
        grid=place,
        view=view,
    )


def _folded_readings(run: Run, view: View, name: str) -> _Readings:
    """What `_read` gives, of all steps as of one; without first numbers."""
    if name in run.parameters:
        return _read(view.measure, *_parameter_arrays(run, view, name, run.param_grad[name][None]))
    parts = _read(view.measure, *_arrays(run, view, name, 1, run.T))
    unknown = np.full((1, _HEAD), np.nan)
    together = [magnitudes(parts[0][None], view.measure), *(magnitudes(norms[None]) for norms in parts[1:3])]
    none = [norms[0] < 0 for norms in parts[:3]]
    magnitude, value, gradient = (np.where(no, -1.0, norm) for no, norm in zip(none, together, strict=True))
    return magnitude, value, gradient, unknown, unknown


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


def table(picture: Scene) -> dict[str, list[Any]]:
    """The picture as columns of a table, a row for each node by step and flow; None where there is no such number."""
    order = np.lexsort((picture.name, picture.t)).tolist()

    def numbers(array: Array) -> list[float | None]:
        return [None if array[i] < 0 else float(array[i]) for i in order]

    names = picture.name[order].tolist()
    shared, initial = picture.shared[order].tolist(), picture.initial[order].tolist()
    return {
        "node": [name_written(picture.names[k]) for k in names],
        "step": [None if once else t for t, once in zip(picture.t[order].tolist(), shared, strict=True)],
        "role": [("initial value" if early else picture.roles[k]) for k, early in zip(names, initial, strict=True)],
        "units": picture.units[order].tolist(),
        "‖value‖": numbers(picture.value),
        "‖gradient‖": numbers(picture.gradient),
        "colour shows": numbers(picture.magnitude),
        "mark": [WORDS[Mark(mark)] for mark in picture.mark[order].tolist()],
    }


def _strength(run: Run, view: View, place: Grid, wire: Array, source: Array, step: Array, value: Array) -> Array | None:
    """Of each edge, the L2 norm of what goes along it; `step` is that of its target."""
    if view.edges == "nothing":
        return None
    if view.edges == "forward":
        return np.asarray(value[source])
    norms = _messages(run, view, place, int(step.min()), int(step.max()))
    return np.asarray(norms[wire, step - step.min()])


def _messages(run: Run, view: View, place: Grid, first: int, last: int) -> Array:
    """Of each wire, the L2 norm of its message at the steps from first to last: (wires, steps); −1 where there is none."""
    norms = np.full((len(place.wires), last + 1 - first), -1.0)
    row = {(w.source, w.target, w.lag, w.argument): i for i, w in enumerate(place.wires)}
    for steps in run.portions(first, last):
        here = slice(steps.start + 1 - first, steps.stop + 1 - first)
        for target in run.cell.nodes:
            wanted = {w.source for w in place.wires if w.target == target}
            for read, message in run.messages(target, steps, wanted):
                if (i := row.get((read.name, target, read.lag, read.argument))) is not None:
                    parameter = read.name in run.parameters
                    norms[i, here] = magnitudes(message if parameter else message[:, samples.span(run, view.sample)])
    return norms


def _units(run: Run, name: str) -> int:
    return int(run.parameters[name].size) if name in run.parameters else run.sizes[name]


def written(cell: Cell, name: str) -> Symbol:
    """How a node is written: a call inside a larger expression as its function."""
    lifted = name in cell.equations and cell.equations[name].within is not None
    return Symbol(cell.operation(name) or name) if lifted else symbol(name)


def copies(run: Run, name: str) -> Array:
    """The L2 norm of the gradient at the copy of a parameter that each step uses, (T,)."""
    return np.concatenate([magnitudes(run.step_grad(name, steps)) for steps in run.portions(1, run.T)])


def _each(run: Run, view: View, first: int, last: int, read: Callable[..., tuple[Array, ...]]) -> tuple[Array, ...]:
    """What `read` makes of the `_Arrays` of every node, nodes in the order of the scene."""
    place = grid(run.cell, view.parameters)
    own = _copies(run, view, first, last, read) if view.parameters == "copies" else {}
    parts = [
        own[name] if name in own else read(*_arrays(run, view, name, first, last))
        for name in place.names
        if name not in place.shared
    ]
    parts += [read(*_initial_arrays(run, view, name, t)) for name, t in _initial(run.cell, first)]
    parts += [read(*_parameter_arrays(run, view, name, run.param_grad[name][None])) for name in place.shared]
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _copies(
    run: Run, view: View, first: int, last: int, read: Callable[..., tuple[Array, ...]]
) -> dict[str, tuple[Array, ...]]:
    """What `read` makes of the copy of every parameter that each drawn step uses."""
    parts: dict[str, list[tuple[Array, ...]]] = {name: [] for name in run.parameters}
    for steps in run.portions(first, last):
        for name, gradient in run.step_grads(run.parameters, steps).items():
            parts[name].append(read(*_parameter_arrays(run, view, name, gradient)))
    return {name: tuple(map(np.concatenate, zip(*part, strict=True))) for name, part in parts.items()}


#: Of a name at some steps: value, gradient, and what the colour shows; None where there is none.
_Arrays: TypeAlias = tuple[Array, Array | None, Array | None]


def _arrays(run: Run, view: View, name: str, first: int, last: int) -> _Arrays:
    span, sample = slice(first - 1, last), samples.span(run, view.sample)
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
    sample = samples.span(run, view.sample)
    place = slice(t - 1, t or None)  # the last row is t = 0
    value, gradient = run.initial[name][place, sample], run.initial_grad[name][place, sample]
    return value, gradient, {"gradient": gradient, "value": value}.get(view.lens)


def _parameter_arrays(run: Run, view: View, name: str, gradient: Array) -> _Arrays:
    """Of a parameter's copies with their gradients (steps, *shape); the value is the same for all, and there is no slope."""
    gradient = gradient.reshape(len(gradient), 1, -1)
    value = np.broadcast_to(run.parameters[name].reshape(1, 1, -1), gradient.shape)
    return value, gradient, {"gradient": gradient, "value": value}.get(view.lens)


def _magnitude(measure: str, value: Array, gradient: Array | None, shown: Array | None) -> tuple[Array]:
    """What the colour shows; -1 where there is nothing."""
    return (np.full(len(value), -1.0) if shown is None else magnitudes(shown, measure),)


def _read(measure: str, value: Array, gradient: Array | None, shown: Array | None) -> _Readings:
    """What the colour shows, norms of value and gradient, first numbers of both; -1 and nan where there is none."""
    none = np.full(len(value), -1.0)
    return (
        *_magnitude(measure, value, gradient, shown),
        none if value.dtype.kind in "iu" else magnitudes(value),
        none if gradient is None else magnitudes(gradient),
        _head(value),
        np.full((len(value), _HEAD), np.nan) if gradient is None else _head(gradient),
    )


def _head(array: Array) -> Array:
    head = array[:, 0, :_HEAD].astype(float)
    return np.pad(head, ((0, 0), (0, _HEAD - head.shape[1])), constant_values=np.nan)
