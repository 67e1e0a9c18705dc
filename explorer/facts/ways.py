"""The ways by which the gradient comes back, and the factors of weights, functions and gates on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import networkx as nx
import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run
from engine.execute import Affine, Elementwise, Instruction, Operand, schedule
from engine.flow import Matrix
from explorer.facts.cause import instruction, nilpotent
from explorer.facts.claims import BackEdge, MatrixNorms, Part, Shares, Theory, Ways
from explorer.facts.dependence import readers, reads, to_loss
from explorer.facts.norms import together
from explorer.facts.saturation import saturated
from explorer.facts.way_back import Course

Array = NDArray[np.float64]
OPEN: Final = 0.75  # a gate above it counts as open
SHUT: Final = 0.25  # below it, as shut


# --- theory ------------------------------------------------------------------------------------------------------


def theory(run: Run, name: str) -> Theory | None:
    """The bound on the factor of a step, and its matrices, if the recurrence is one cycle without gates."""
    bound = engine.bound(run, name)
    if bound is None or not np.isfinite(bound.rate):
        return None
    matrices = {term.matrix for i in _stage(run, name) if isinstance(i, Affine) for term in i.terms}
    stretches = tuple(
        MatrixNorms(m.name, m.largest, _radius(run, m)) for m in engine.recurrent_matrices(run) if m.name in matrices
    )
    return Theory(bound.rate, bound.slope, stretches, len(_edges_back(run, name)) == 1 and _closed(run, name))


def _radius(run: Run, matrix: Matrix) -> float | None:
    """The spectral radius; exactly 0 for a nilpotent matrix, whose computed eigenvalues are not."""
    return 0.0 if matrix.radius is not None and nilpotent(run.parameters[matrix.name]) else matrix.radius


def _stage(run: Run, name: str) -> Sequence[Instruction]:
    """The instructions of the recurrence to which a name belongs."""
    stages = (stage for stage in schedule(run.cell).stages if stage.recurrent)
    return next((s.instructions for s in stages if name in {i.out for i in s.instructions}), ())


def _closed(run: Run, name: str) -> bool:
    """Whether the recurrence of a name leads to the loss through the name alone, so that nothing else joins on the way back."""
    cycle = {i.out for i in _stage(run, name)}
    above, read_by = to_loss(run.cell), readers(run.cell)
    return all(read_by.get(node, set()) & above <= cycle for node in cycle - {name})


def _edges_back(run: Run, name: str) -> list[tuple[str, str, int]]:
    """The edges (reader, state, lag) from a step to a later one by which the gradient of a state can come back."""
    above = to_loss(run.cell)
    from_name = {name} | nx.descendants(reads(run.cell, within=True), name)
    edges = [(node, r) for node, own in run.cell.reads.items() for r in own if r.lag and node in above]
    back = [(node, r.name, r.lag) for node, r in edges if r.name in from_name]
    return back if name in {state for _, state, _ in back} else []


# --- shares ------------------------------------------------------------------------------------------------------


def shares(course: Course) -> Shares | None:
    """The factors of weights and functions, where the gradient comes back by a single cycle; else None."""
    run, name = course.run, course.name
    bound = theory(run, name)
    if bound is None or not bound.single:
        return None
    cycle, read_by = _stage(run, name), readers(run.cell)
    inside = {node for node in run.value if node in {i.out for i in cycle if isinstance(i, Affine | Elementwise)}}
    if any(len(read_by[node]) != 1 for node in inside - {name}):
        return None
    steps, total, parts = slice(course.first, course.last), course.log_rate, []
    for i in cycle:
        if isinstance(i, Elementwise):
            out = course.logs if i.out == name else together(engine.log_grad_norm(run, i.out))
            lost = (together(engine.log_argument_grad_norm(run, i.out)) - out)[steps]
            if not np.isfinite(lost).all():
                return None
            parts.append(Part(i.function.name, float(10 ** lost.mean()), saturated(run, i.out, steps=steps), i.out))
            total -= lost.mean()
    return Shares(float(10**total), tuple(parts), tuple(stretch.name for stretch in bound.stretches))


# --- ways --------------------------------------------------------------------------------------------------------


def is_direct(run: Run, target: str, read: Operand) -> bool:
    """Whether a node reads a value by a product entry by entry."""
    step = instruction(run, target)
    return isinstance(step, Affine) and any(term.matrix is None and read in term.factors for term in step.terms)


def ways(course: Course) -> Ways | None:
    """The edges by which the gradient of a state comes back, the strongest first."""
    run, name, steps = course.run, course.name, slice(course.first - 1, course.last - 1)
    grad = np.asarray(run.grad[name], np.float64)[steps]
    unit = np.abs(grad).max(axis=(1, 2), keepdims=True)
    usable = ((unit > 0) & np.isfinite(unit))[:, 0, 0]
    if not usable.any():
        return None
    grad = grad[usable] / unit[usable]
    square = (grad**2).sum(axis=(1, 2))
    edges = []
    for route in engine.routes(run, name):
        if route.target is None or route.read is None:
            continue
        vector = np.asarray(route.vector, np.float64)[steps][usable] / unit[usable]
        if not vector.any():
            continue
        share = float(((vector * grad).sum(axis=(1, 2)) / square).mean())
        read = Operand(name, route.read.lag)
        direct = route.target == name == route.read.name and is_direct(run, name, read)
        factor = _factor(run, name, read.lag, vector, unit[usable], usable, steps) if direct else None
        edges.append(_way(run, route.target, read, direct, factor, course.rate * share))
    return Ways(tuple(sorted(edges, key=lambda way: -abs(way.passes)))) if edges else None


def _way(run: Run, target: str, read: Operand, direct: bool, factor: Array | None, passes: float) -> BackEdge:
    within = run.cell.equations[target].within or ""
    call = (run.cell.operation(target) or "") if within else ""
    if factor is None or not len(factor):
        return BackEdge(target, read.lag, call, within, direct, (), None, 0.0, 0.0, passes)
    low, middle, high = (float(q) for q in np.quantile(factor, (0.25, 0.5, 0.75)))
    is_open, is_shut = float((factor > OPEN).mean()), float((factor < SHUT).mean())
    return BackEdge(target, read.lag, call, within, direct, _gates(run, target, read), (low, middle, high), is_open, is_shut,
               passes)  # fmt: skip


def _gates(run: Run, target: str, read: Operand) -> tuple[str, ...]:
    """The names by which a state is multiplied on its direct way; none where a factor has no name of its own."""
    step = instruction(run, target)
    terms = [t for t in step.terms if t.matrix is None and read in t.factors] if isinstance(step, Affine) else []
    gates = tuple(factor.name for term in terms for factor in term.factors if factor != read)
    return gates if all(":" not in gate for gate in gates) else ()


def _factor(run: Run, name: str, lag: int, sent: Array, unit: Array, usable: NDArray[np.bool_], steps: slice) -> Array:
    """The factor of a state on its direct way: the message in units of the gradient from which it was made."""
    later = np.zeros(run.grad[name].shape)
    later[: run.T - lag] = run.grad[name][lag:]
    later = later[steps][usable] / unit
    known = (later != 0) & np.isfinite(later)
    return np.asarray((sent / np.where(known, later, 1))[known])
