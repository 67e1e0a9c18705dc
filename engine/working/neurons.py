"""The unrolled graph taken apart into scalar neurons, for networks small enough to draw.

A neuron l has an argument a_l = Σ_j w_lj z_j + b_l, a value z_l = φ(a_l) and a delta δ_l = ∂L/∂a_l. So h = φ(a) and an a that
only h reads are one neuron; a sum without a function around it is a neuron with the identity; and a factor of a product has
the other factor as its weight. Nothing in this module is particular to a cell or an operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

import networkx as nx
import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name, path
from engine.language.operations import LOSSES, OPERATIONS, SOFTMAX, Array
from engine.support.arguments import step_of

MAX_NEURONS: Final = 400

#: A neuron: the name of its node, its step, and its unit from 0.
Neuron: TypeAlias = tuple[str, int, int]


@dataclass(frozen=True)
class Form:
    """The form z = φ(a) of a node's units.

    Attributes:
        name: The node.
        function: φ, by its name in the table of operations; None for the identity.
        argument: The node that is a, if a has a name of its own and only this node reads it.
        expression: a, written out; None for the input.
        source: The node whose equation holds the expression; None for the input.
    """

    name: str
    function: str | None
    argument: str | None
    expression: Expression | None
    source: str | None


@lru_cache(maxsize=64)
def forms(cell: Cell, merged: bool = True) -> Mapping[str, Form]:
    """List the nodes of a cell as neurons.

    Args:
        cell: The cell.
        merged: Whether φ(a) and an a that only it reads are one neuron; else each node stands for its whole equation.

    Returns:
        Name of the node -> its form, in the order of the flow; x is the first, if the cell has an input.

    **Holds:** every_node_is_a_neuron_or_inside_of_one.
    """
    readers: dict[str, list[Read]] = {}
    for reads in cell.reads.values():
        for read in reads:
            readers.setdefault(read.name, []).append(read)
    kinds = {"x": Form("x", None, None, None, None)} if cell.reads_x else {}
    for name, equation in cell.equations.items():
        expression, operation = equation.expression, cell.operation(name)
        if not merged or operation is None or operation in LOSSES:
            kinds[name] = Form(name, None, None, expression, name)
            continue
        assert isinstance(expression, Apply)
        inner = expression.arguments[0]
        a = inner.name if isinstance(inner, Name) and not inner.lag else ""
        if a in cell.equations and cell.operation(a) is None and len(readers[a]) == 1 and a not in cell.losses:
            del kinds[a]
            kinds[name] = Form(name, operation, a, cell.equations[a].expression, a)
        else:
            kinds[name] = Form(name, operation, None, inner, name)
    return MappingProxyType(kinds)


def neuron_of(cell: Cell, name: str) -> str:
    """The node whose neurons contain the units of a node: h for the a of h = φ(a), and h for h itself.

    Args:
        cell: The cell.
        name: Of the node.
    """
    return next((form.name for form in forms(cell).values() if form.argument == name), name)


def neurons(
    run: Run, first: int = 1, last: int | None = None, sample: int = 0, merged: bool = False
) -> nx.MultiDiGraph:
    """Make the graph of the units of some steps, for one sample; a node is (name, t, i), with i from 0.

    Each node has name, t, unit, role, value, delta = ∂L/∂(the unit), and initial. Values that the first step reads from
    before it are nodes at their own steps. The target and the parameters are left out. Each edge is keyed by the place of
    the reading among the names that the equation reads, as in `unroll`, and has argument (this place), lag,
    weight = ∂(target unit)/∂(source unit) along this edge alone, and message = weight · delta of the target.

    With `merged` a node is a neuron, with its a and its φ(a) in one (see `Form`). It then has function = φ, argument (the name
    of a), a, and slope = φ'(a), which is 1 for the identity and None for softmax; its delta is ∂L/∂a, and weight is
    ∂a(target)/∂z(source). An edge to a loss that is computed from a has direct = True and the weight ∂L/∂a.

    Args:
        run: The run.
        first: The first step, from 1.
        last: The last step; the last of the run if missing.
        sample: The sample, from 0.
        merged: Whether φ(a) and an a that only it reads are one node.

    Returns:
        The graph.

    Raises:
        ValueError: If the run has no such steps or sample, or if the graph would have more than MAX_NEURONS units.

    **Holds:** delta_is_the_weighted_sum_of_the_deltas_that_it_feeds: δ_l = Σ_k w_kl δ_k over the edges of l, for every unit
    whose edges all lie in the window; with `merged`, delta_is_the_slope_times_the_weighted_sum_of_deltas:
    δ_l = φ'(a_l) Σ_k w_kl δ_k + Σ of the direct messages. At a loss its factor in the total is a summand of the first sum.
    """
    first, (sample, _) = step_of(first, run.T, what="first"), run.check_place(sample)
    last = run.T if last is None else step_of(last, run.T, first, "a window that begins there", "last")
    if (units := count(run, first, last, merged)) > MAX_NEURONS:
        raise ValueError(
            f"steps {first} to {last} have {units:,} units; at most {MAX_NEURONS} can be drawn apart: take fewer steps"
        )
    graph = nx.MultiDiGraph(cell=run.cell.name, first=first, last=last)
    kinds = forms(run.cell, merged)
    for name, steps in _places(run, kinds, first, last).items():
        _add_units(graph, run, kinds[name], steps, sample, merged)
    for form in kinds.values():
        _add_edges(graph, run, form, range(first, last + 1), sample, merged)
    return graph


def _add_units(graph: nx.MultiDiGraph, run: Run, form: Form, steps: range, sample: int, merged: bool) -> None:
    name, delta, a, slope = form.name, delta_of(run, form), argument_of(run, form), slope_of(run, form)
    for t in steps:
        initial = t < 1
        for i, value in enumerate(run.at(name, t)[sample].tolist()):
            gradient = run.initial_grad[name][t - 1, sample, i] if initial else delta[t - 1, sample, i]
            attributes: dict[str, object] = {}
            if merged:
                attributes = {
                    "function": None if initial else form.function,
                    "argument": None if initial else form.argument,
                    "a": value if initial else float(a[t - 1, sample, i]),
                    "slope": 1.0 if initial else None if slope is None else float(slope[t - 1, sample, i]),
                }
            graph.add_node(
                (name, t, i), name=name, t=t, unit=i, role=run.cell.role(name), initial=initial, value=value,
                delta=float(gradient), **attributes,
            )  # fmt: skip


def _add_edges(graph: nx.MultiDiGraph, run: Run, form: Form, steps: range, sample: int, merged: bool) -> None:
    for edges in edges_into(run, form, steps, sample, merged):
        read, attributes = edges.read, {"direct": edges.direct} if merged else {}
        for t, weights in zip(steps, edges.weights, strict=True):
            for k, i in np.argwhere(edges.joined).tolist():
                head, weight = (form.name, t, k), float(weights[k, i])
                delta = graph.nodes[head]["delta"]
                graph.add_edge(
                    (read.name, t - read.lag, i), head, key=read.argument, argument=read.argument, lag=read.lag,
                    weight=weight, message=weight * delta if delta else 0.0, **attributes,
                )  # fmt: skip


def count(run: Run, first: int, last: int, merged: bool = False) -> int:
    """Count the units in the graph of some steps.

    Args:
        run: The run.
        first: The first step, from 1.
        last: The last step.
        merged: As for `neurons`.

    Returns:
        The number of units, with those of earlier steps that the first steps read.
    """
    places = _places(run, forms(run.cell, merged), first, last)
    return sum(run.sizes[name] * len(steps) for name, steps in places.items())


def _places(run: Run, kinds: Mapping[str, Form], first: int, last: int) -> dict[str, range]:
    """Node -> its steps in a window: those of the window, and those before it that its first steps read."""
    lags = {name: run.cell.lags.get(name, 0) for name in kinds}
    return {name: range(max(first - lag, 1 - lag), last + 1) for name, lag in lags.items()}


# --- the numbers of a neuron --------------------------------------------------------------------------------------


def delta_of(run: Run, form: Form, steps: slice = slice(None)) -> Array:
    """∂L/∂a, (T, B, n)."""
    if form.argument:
        return run.grad[form.argument][steps]
    return run.argument_grad(form.name, steps) if form.function else run.grad[form.name][steps]


def argument_of(run: Run, form: Form, steps: slice = slice(None)) -> Array:
    """The argument a, (T, B, n)."""
    if form.argument:
        return run.value[form.argument][steps]
    return run.argument(form.name, steps) if form.function else run.value[form.name][steps]


def slope_of(run: Run, form: Form, steps: slice = slice(None)) -> Array | None:
    """The slope φ'(a), (T, B, n); None for a softmax, which has a matrix instead."""
    if form.function == SOFTMAX.name:
        return None
    return run.slope(form.name, steps) if form.function else np.ones_like(run.value[form.name][steps])


# --- the edges into the neurons of a node -------------------------------------------------------------------------


@dataclass(frozen=True)
class Edges:
    """All edges along one reading.

    Attributes:
        read: The reading.
        weights: The weights at some steps, (S, n_target, n_source).
        joined: Which units an edge joins, (n_target, n_source).
        direct: Whether the edges lead to a loss that is computed from a.
    """

    read: Read
    weights: Array
    joined: Array
    direct: bool


def edges_into(run: Run, form: Form, steps: range, sample: int, merged: bool) -> Iterator[Edges]:
    """The edges into the units of a node, by reading; those to a loss that is computed from a among them."""
    if form.source is None or form.expression is None:
        return
    if merged and form.name in run.cell.equations and run.cell.logits(form.name) is not None:
        weights = run.joint_slope(form.name, slice(steps[0] - 1, steps[-1]))[:, sample][:, None]
        yield Edges(run.cell.reads[form.name][0], weights, np.ones(weights.shape[1:], bool), True)
        return
    inside = form.function is not None and form.argument is None
    for read, weights in local_jacobians(run, form.source, sample, steps, inside=inside):
        shape = weights.shape[1:]
        joined = np.ones(shape, bool) if _mixes(form.expression, read) else np.eye(*shape).astype(bool)
        yield Edges(read, weights, joined, False)


def local_jacobians(
    run: Run, target: str, sample: int = 0, steps: range | None = None, *, inside: bool = False
) -> list[tuple[Read, Array]]:
    """∂target(t)/∂(the value read), along each reading alone, (T, n_target, n_source); y and parameters are left out.

    Of the given steps (from 1) only; with `inside`, of the argument of the target's function instead of the target.
    """
    n = run.sizes[target]
    span = slice(0, run.T) if steps is None else slice(steps[0] - 1, steps[-1])
    ones = np.broadcast_to(np.eye(n), (span.stop - span.start, n, n))  # a unit vector for each pseudo-sample

    def look(name: str, lag: int) -> Array:
        array = run.read(name, lag, span)
        return array if name in run.parameters else np.repeat(array[:, sample : sample + 1], n, axis=1)

    names = {read.name for read in run.cell.reads[target]} - set(run.parameters)
    with np.errstate(all="ignore"):
        return interpreter.pull(run.cell, target, ones, look, inside=inside, names=names)


def _mixes(expression: Expression, read: Read) -> bool:
    """Whether the units of a reading reach other units of the expression: through a matrix, a softmax or a loss."""
    operations = [part.operation for part, _ in path(expression, read.argument)]
    return any(OPERATIONS[name].sizes != "alike" or name == SOFTMAX.name for name in operations)
