"""The unrolled graph taken apart into scalar neurons, for networks small enough to draw (row A14 of the sources)."""

from __future__ import annotations

import networkx as nx
import numpy as np

from engine import interpreter
from engine.cell import Cell, Read
from engine.equations import Apply, Expression, Name
from engine.operations import FUNCTIONS, Array
from engine.run import Run

MAX_NEURONS = 400


def neurons(run: Run, first: int = 1, last: int | None = None, sample: int = 0) -> nx.MultiDiGraph:
    """The graph of the units of the steps first to last (from 1), for one sample: a node is (name, t, i), i from 0.

    Node attributes: name, t, unit, role, value, delta = ∂L/∂(the unit), initial. What the window's first step reads from
    before it stands there too, at its own step. y and parameters are left out.
    Edge attributes, keyed by argument as in `unroll`: argument, lag, weight = ∂(target unit)/∂(source unit) along this edge
    alone (w_kl where the target is a sum; φ'(a) where it is a function), message = weight · delta of the target.
    **Holds:** delta_is_the_weighted_sum_of_the_deltas_that_it_feeds: δ_l = Σ_k w_kl δ_k over the edges of l, for every
    unit all of whose edges lie in the window.
    Raises ValueError for steps or a sample that there are not, and for more than MAX_NEURONS units.
    """
    cell, end = run.cell, run.T if last is None else last
    if not 1 <= first <= end <= run.T:
        raise ValueError(f"first is {first} and last is {end}; steps are 1 to {run.T}, in this order")
    if not 0 <= sample < run.B:
        raise ValueError(f"sample is {sample}; samples are counted from 0 to {run.B - 1}")
    places = [(name, t) for name in run.grad for t in range(first - cell.lags.get(name, 0), end + 1)]
    places = [(name, t) for name, t in places if t > -cell.lags.get(name, 0)]
    count = sum(run.sizes[name] for name, _ in places)
    if count > MAX_NEURONS:
        raise ValueError(
            f"steps {first} to {end} have {count:,} units; at most {MAX_NEURONS} can be drawn apart: take fewer steps"
        )
    graph = nx.MultiDiGraph(cell=cell.name, first=first, last=end)
    for name, t in places:
        value = run.value[name][t - 1] if t > 0 else run.initial[name][t - 1]
        delta = run.grad[name][t - 1] if t > 0 else run.initial_grad[name][t - 1]
        for i in range(run.sizes[name]):
            graph.add_node(
                (name, t, i), name=name, t=t, unit=i, role=cell.role(name), initial=t < 1,
                value=float(value[sample, i]), delta=float(delta[sample, i]),
            )  # fmt: skip
    for target in cell.nodes:
        for read, jacobian in local_jacobians(run, target, sample):
            shape = jacobian.shape[1:]
            joined = np.ones(shape, bool) if _mixes(cell, target, read) else np.eye(*shape).astype(bool)
            for t in range(first, end + 1):
                for k, i in zip(*np.nonzero(joined), strict=True):
                    source, weight = (read.name, t - read.lag, int(i)), float(jacobian[t - 1, k, i])
                    head = (target, t, int(k))
                    message = weight * graph.nodes[head]["delta"]
                    graph.add_edge(
                        source,
                        head,
                        key=read.argument,
                        argument=read.argument,
                        lag=read.lag,
                        weight=weight,
                        message=message,
                    )
    return graph


def local_jacobians(run: Run, target: str, sample: int = 0) -> list[tuple[Read, Array]]:
    """∂target(t)/∂(what it reads), along each reading alone: (T, n_target, n_source), for one sample, y and parameters
    left out."""
    n = run.sizes[target]
    ones = np.broadcast_to(np.eye(n), (run.T, n, n))  # one unit vector of the target for each pseudo-sample

    def look(name: str, lag: int) -> Array:
        array = run.at(name, lag)
        if name in run.parameters:
            return array
        return np.repeat(array[:, sample : sample + 1], n, axis=1)

    with np.errstate(all="ignore"):
        pulled = interpreter.pull(run.cell, target, ones, look)
    return [(read, jacobian) for read, jacobian in pulled if read.name not in run.parameters]


def _mixes(cell: Cell, target: str, read: Read) -> bool:
    """Whether a reading's units reach other units of the target: through a matrix, a softmax or a loss."""
    expression: Expression = cell.equations[target].expression
    place = read.argument
    while isinstance(expression, Apply):
        if expression.operation not in ("+", "-", "neg", "*") and expression.operation not in FUNCTIONS:
            return True
        for argument in expression.arguments:
            count = _count(argument)
            if place < count:
                expression = argument
                break
            place -= count
    return False


def _count(expression: Expression) -> int:
    if isinstance(expression, Name):
        return 1
    return sum(map(_count, expression.arguments)) if isinstance(expression, Apply) else 0
