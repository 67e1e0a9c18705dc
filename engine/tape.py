"""The tape: the schedule of a cell bound to memory, as two flat lists of numpy calls, one for each direction.

Forward, what does not depend on an earlier step is computed for all steps in one call; only the recurrence runs step by step:
the products with one right-hand vector as one product of stacked matrices, and what is the same for neighbours (the gates)
as one call.

Backward is the mirror image. Within a recurrence the gradients form a linear system with diagonal coefficients, all known
after the forward pass: ∇p(t) = Σ c(t) ∘ ∇u(t + lag) + Σ Wᵀ ∇a(t + lag). Where calls are dearer than arithmetic (few units),
values in between are eliminated: the coefficients are multiplied out for many steps at once, only the gradients that the
recurrence needs run step by step, and those in between follow for all steps at once afterwards.

A tape belongs to one shape (sizes, T, B, dtype). Its memory is used again as soon as nobody holds a result of it.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from itertools import chain
from typing import Any, NoReturn

import numpy as np

from engine.data import Data, Shape
from engine.operations import Array
from engine.recurrence import Recurrence
from engine.schedule import schedule
from engine.writer import Writer

_KEEP_BYTES = 1 << 30  # memory of kept tapes
_KEEP_PER_SHAPE = 4
_KEEP_SHAPES = 64


class Arrays(dict[str, Array]):
    """Name -> array, for reading only; a dict and no proxy of one, since that is read in a third of the time."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the results of a run are read-only; dict(…) makes a copy that is not")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _refuse


class Tape:
    """Memory and calls of one shape of run, and after `play` its results, read-only.

    value, grad, param_grad, initial_grad   as `Run` has them
    sent    node that a loss is computed jointly with -> the part of its gradient that it sends on, where there is one
    """

    def __init__(self, data: Data) -> None:
        writer = _written(data)
        self._fill, self._load = writer.fills, writer.load
        self._forward, self._backward = writer.forward, writer.backward
        made = writer.values(), writer.grads(), writer.param_grads(), writer.initial_grads(), writer.sent
        groups = [Arrays(group) for group in made]
        self.value, self.grad, self.param_grad, self.initial_grad, self.sent = groups
        views = [array for group in groups for array in group.values()]
        for array in chain(*(group.values() for group in groups[:4])):
            array.flags.writeable = False
        owners = {id(array): array for array in map(_owner, views)}
        self.nbytes = sum(array.nbytes for array in writer.arrays())
        # A run holds the mappings, a reader their arrays, and a slice of an array holds the owner of its memory.
        self._held: list[object] = [*groups, *views, *owners.values()]
        del made, groups, views, owners, writer, array
        self._at_rest = [sys.getrefcount(held) for held in self._held]

    def play(self, data: Data) -> None:
        """Computes the run of `data`, which has the shape that the tape was made for."""
        copy, parameters = np.copyto, data.parameters
        for place, name in self._fill:
            copy(place, parameters[name])
        for place, give in self._load:
            copy(place, give(data))
        for call in self._forward:
            call()
        for call in self._backward:
            call()

    def is_idle(self) -> bool:
        """Whether nobody holds a result, or a view of one."""
        return [sys.getrefcount(held) for held in self._held] == self._at_rest


def _written(data: Data) -> Writer:
    """Everything about the shape of `data`: where it lies, and the calls of both directions."""
    plan = schedule(data.shape.cell)
    writer = Writer(plan, data)
    recurrences = {i: Recurrence(writer, stage) for i, stage in enumerate(plan.stages) if stage.recurrent}
    for recurrence in recurrences.values():
        recurrence.lay_out()
    writer.lay_out()
    for i, stage in enumerate(plan.stages):
        if i in recurrences:
            recurrences[i].write_forward()
        else:
            writer.write_forward(stage.instructions[0])
    writer.write_seeds()
    for i, stage in reversed(list(enumerate(plan.stages))):
        if i in recurrences:
            recurrences[i].write_backward()
        else:
            writer.write_backward(stage.instructions[0])
    writer.write_parameters()
    return writer


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class _Pool:
    """Tapes by shape, the least recently used dropped when their memory is too much."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.tapes: OrderedDict[Shape, list[Tape]] = OrderedDict()
        self.nbytes = 0

    def take(self, shape: Shape) -> Tape | None:
        """A tape of the shape whose memory nobody looks at, or None; it is the caller's until he puts it back."""
        with self.lock:
            for i, candidate in enumerate(known := self.tapes.get(shape, [])):
                if candidate.is_idle():
                    self.nbytes -= candidate.nbytes
                    return known.pop(i)
        return None

    def put(self, shape: Shape, tape: Tape) -> None:
        with self.lock:
            known = self.tapes.setdefault(shape, [])
            self.tapes.move_to_end(shape)
            known.append(tape)
            self.nbytes += tape.nbytes
            while len(known) > _KEEP_PER_SHAPE:
                self.nbytes -= known.pop(0).nbytes
            while self.nbytes > _KEEP_BYTES or len(self.tapes) > _KEEP_SHAPES:
                _, dropped = self.tapes.popitem(last=False)
                self.nbytes -= sum(other.nbytes for other in dropped)


_pool = _Pool()


def tape(data: Data) -> Tape:
    """A tape on which the run of `data` has been played: one whose memory is free, or a new one."""
    found = _pool.take(data.shape) or Tape(data)
    found.play(data)
    _pool.put(data.shape, found)
    return found
