"""The forward pass outside recurrences: one instruction after the other, each for all steps at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from engine.execute.layout import Layout
from engine.execute.memory import Bound, Buffer, Call, Slot
from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Term
from engine.execute.writer import Writer, neighbours, product
from engine.language.operations import SOFTMAX, Array, Loss


def forward(writer: Writer, instruction: Instruction) -> list[Bound]:
    """Write the calls of an instruction outside all recurrences."""
    layout = writer.layout
    if isinstance(instruction, Affine):
        return affine(writer, [instruction], {instruction.out: instruction.terms})
    if isinstance(instruction, Elementwise):
        return layout.space.at_once(writer.value_calls(instruction, wide))
    if isinstance(instruction, Cost):
        return [] if layout.together.get(instruction.p.name) is instruction else [_cost(layout, instruction)]
    if instruction.out in layout.together:
        return [_joint(layout, layout.together[instruction.out], layout.value[instruction.out])]
    a, out = layout.value_at(instruction.argument), layout.value[instruction.out]
    return [partial(SOFTMAX.value, layout.space.over(a), layout.space.over(out))]


def wide(n: int) -> Slot:
    """Take scratch of n units for all steps."""
    return Buffer().take(n)


def affine(writer: Writer, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]]) -> list[Bound]:
    """Write the calls that add up some terms of some sums.

    Args:
        writer: the writer.
        members: the sums; their memory lies side by side.
        terms: sum -> the terms to add up.
    """
    layout, space, bound = writer.layout, writer.layout.space, list[Bound]()
    written: set[str] = set()
    for stack in neighbours(members, terms):
        out = layout.value[stack.names[0]].joined(layout.value[stack.names[-1]])
        fresh = written.isdisjoint(stack.names)
        if not fresh:  # memory to which a product is added must be initialised
            bound += [partial(space.over(layout.value[n]).fill, 0) for n in stack.names if n not in written]
        target = out if fresh else wide(out.hi - out.lo)
        right = space.table(layout.value_at(stack.operand))
        bound.append(product(right, writer.stacked(stack.members).T, space.table(target)))
        if not fresh:
            bound += space.at_once([Call(np.add, (out, target), out)])
        written.update(stack.names)
    shared = _shared_bias(writer, members, terms, written)
    bound += shared
    for name, summands in terms.items():
        for term in longest_first(term for term in summands if term.matrix is None):
            if not (shared and term.is_bias):
                factors = [writer.place(factor) for factor in term.factors]
                calls = writer.accumulate(layout.value[name], term.coefficient, factors, name not in written, wide)
                bound += space.at_once(calls)
                written.add(name)
    return bound


def longest_first(terms: Iterable[Term]) -> list[Term]:
    """Sort terms for a sum: a product comes first, since it can be written to the memory of the sum."""
    return sorted(terms, key=lambda term: -len(term.factors))


def _shared_bias(
    writer: Writer, members: Sequence[Affine], terms: Mapping[str, Sequence[Term]], written: set[str]
) -> list[Bound]:
    """Add the biases of several members in one call, if each has one bias and has been written."""
    biases = {name: [term for term in summands if term.is_bias] for name, summands in terms.items()}
    if len(members) == 1 or len(written) < len(members) or any(len(own) != 1 for own in biases.values()):
        return []
    value = writer.layout.value
    whole = value[members[0].out].joined(value[members[-1].out])
    vector = np.zeros(whole.hi - whole.lo, writer.layout.shape.dtype)
    for name, (bias,) in biases.items():
        part = vector[value[name].lo - whole.lo : value[name].hi - whole.lo]
        writer.fill(part, bias.factors[0].name, bias.coefficient)
    return writer.layout.space.at_once([Call(np.add, (whole, vector), whole)])


# Losses --------------------------------------------------------------------------------------------------------------


def _cost(layout: Layout, cost: Cost) -> Bound:
    """Bind a loss and its derivative."""
    if cost.logits is not None:
        return _joint(layout, cost, wide(layout.units(cost.p.name)))
    over = layout.space.over
    p, out, pull = over(layout.value_at(cost.p)), over(layout.value[cost.out]), over(layout.pull[cost.out])
    return partial(plain_cost, cost.loss, p, layout.y, out, pull)


def _joint(layout: Layout, cost: Cost, p: Slot) -> Bound:
    """Bind a loss that is computed from the logits, its derivative with respect to them, and p."""
    assert cost.logits is not None
    assert cost.loss.joint is not None
    table = layout.space.table
    y = layout.y.reshape(layout.shape.T * layout.shape.B, *layout.y.shape[2:])
    L = table(layout.value[cost.out])[:, 0]
    return partial(cost.loss.joint, table(layout.value_at(cost.logits)), y, table(p), L, table(layout.pull[cost.out]))


def plain_cost(loss: Loss, p: Array, y: Array, out: Array, pull: Array) -> None:
    """Compute the loss of p, and its derivative with respect to p."""
    out[...] = loss.value(p, y)
    pull[...] = loss.pull(p, y, np.ones_like(out))
