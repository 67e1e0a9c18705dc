"""The causes of a gradient of exactly zero: the nodes that still have one, and the edges that do not pass it on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine import Run
from engine.execute import Affine, Cost, Elementwise, Normalise, Operand, schedule
from engine.language import SOFTMAX
from explorer.facts.claims import Cause
from explorer.facts.dependence import to_loss
from explorer.facts.way_back import Course, part

_MOST: Final = 3  # causes of one zero
_SCALE: Final = 200.0  # powers of ten from which on a gradient is scaled first
_NEAR: Final = 1e-6  # a ratio of entries whose products do not underflow
_FARTHEST: Final = 280.0  # and up to which it can be


def causes(course: Course, name: str, step: int, log: float) -> tuple[Cause, ...]:
    """The causes why ∇name(step) is exactly zero; none where they cannot be found.

    log   log10 of the size of gradients near there, by which they are brought back into the range of floats
    """
    run = course.run
    if log < -_SCALE:
        if log < -_FARTHEST or run.dtype != np.float64:
            return ()
        run = part(run, range(run.B), None, 2.0 ** np.floor(-log / np.log10(2)))
    return tuple(dict.fromkeys(_climb(run, name, step)))[:_MOST]


def _climb(run: Run, name: str, step: int) -> Iterator[Cause]:
    """The causes between a place without gradient and the places with one."""
    cell, seen, left = run.cell, {(name, step)}, [(name, step)]
    above, any_block = to_loss(run.cell), False
    while left:
        node, t = left.pop(0)
        blocked = []
        for reader, lag in ((r, read.lag) for r in cell.nodes for read in cell.reads[r] if read.name == node):
            place = (reader, t + lag)
            if t + lag > run.T or reader not in above or place in seen:
                continue
            if run.grad[reader][t + lag - 1].any():
                blocked.append((reader, lag))
            else:
                seen.add(place)
                left.append(place)
        messages = [run.message(node, reader, lag)[t - 1] for reader, lag in blocked]
        any_block |= bool(blocked)
        if not all(np.isfinite(message).all() for message in messages):
            continue
        if any(message.any() for message in messages):
            yield Cause("cancels", node=node, step=t)
            continue
        for reader, lag in blocked:
            yield from _blocks(run, node, reader, lag, t + lag)
    if not any_block:
        yield Cause("unread", node=name, step=step)


def _blocks(run: Run, node: str, reader: str, lag: int, t: int) -> Iterator[Cause]:
    """The causes why an edge to a reader passes nothing on."""
    step, steps = instruction(run, reader), slice(t - 1, t)
    grad = run.grad[reader][t - 1]
    if isinstance(step, Cost):
        grad = _at_argument(run, step, steps)
        if step.argument.name in run.value or not grad.any():
            yield Cause("right", node=reader, step=t)
            return
        step = instruction(run, step.argument.name)
    elif isinstance(step, Elementwise | Normalise):
        grad = run.argument_grad(reader, steps)[0]
        if not grad.any():
            yield _of_function(run, str(run.cell.operation(reader)), reader, t)
            return
        step = instruction(run, step.argument.name)
    read = Operand(node, lag)
    terms = [term for term in step.terms if read in term.factors] if isinstance(step, Affine) else []
    causes = [_of_term(run, term.matrix, [f for f in term.factors if f != read], reader, t, grad) for term in terms]
    known = next((cause for cause in causes if cause.why != "product"), None)
    if known is None and len(terms) > 1:
        known = Cause("cancels", node=node, step=t - lag)
    yield known or Cause("product", node=reader, step=t)


def _at_argument(run: Run, cost: Cost, steps: slice) -> NDArray[Any]:
    """The gradient that a loss sends to its argument at one step, (B, n)."""
    grad = run.grad[cost.out][steps]
    if cost.logits is not None:
        sent: NDArray[Any] = run.joint_slope(cost.out, steps) * grad
    else:
        sent = cost.loss.vjp(0, grad, run.argument(cost.out, steps), run.y[steps])
    return np.asarray(sent[0])


def _of_function(run: Run, operation: str, reader: str, t: int) -> Cause:
    """The cause why a function passes nothing on to its argument."""
    if reader in run.cell.joint:
        return Cause("right", node=reader, step=t)
    if operation == SOFTMAX.name:
        return Cause("softmax", node=reader, step=t)
    return Cause("shut", operation, reader, t, always=not run.slope(reader).any())


def _of_term(
    run: Run, matrix: str | None, factors: Sequence[Operand], reader: str, t: int, grad: NDArray[Any]
) -> Cause:
    """The cause why a term of a sum passes nothing on."""
    if matrix is not None:
        W = np.asarray(run.parameters[matrix], np.float64)
        if not W.any():
            return Cause("zero", matrix, reader, t)
        power = nilpotent(W)
        if power:
            return Cause("nilpotent", matrix, reader, t, power)
        return Cause("kernel", matrix, reader, t)
    for factor in factors:
        if factor.name in run.value or factor.is_parameter:
            value = run.read(factor.name, factor.lag)
            if not (grad * (value if factor.is_parameter else value[t - 1])).any():
                return Cause("factor", factor.name, reader, t)
    return Cause("product", node=reader, step=t)


def nilpotent(W: NDArray[Any]) -> int:
    """The exponent of the smallest power of a matrix that is exactly zero; 0 if no power is."""
    if W.shape[0] != W.shape[1] or not np.isfinite(W).all():
        return 0
    entries = np.abs(W[W != 0])
    near = W / entries.max() if len(entries) and entries.min() > _NEAR * entries.max() else None
    edges = power = W != 0
    exact = near
    for k in range(1, len(W) + 1):
        if not power.any() or (exact is not None and not exact.any()):
            return k
        power = (power.astype(float) @ edges.astype(float)) > 0
        exact = exact @ near if exact is not None else None
    return 0


def instruction(run: Run, name: str) -> object:
    """The instruction that computes a name."""
    return next((i for stage in schedule(run.cell).stages for i in stage.instructions if i.out == name), None)
