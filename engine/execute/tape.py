"""Tapes: programs with their memory, played for a run, and kept for the next run of the same shape.

A tape belongs to one shape (sizes, T, B, dtype) and to one owner at a time: from the moment when it leaves the pool, to the
`Lease` of one run. Every array of the run holds the lease as the owner of its memory, so the lease ends, and the tape goes
back to the pool, exactly when the run and all its arrays, and slices of them, are gone.
"""

from __future__ import annotations

import math
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from engine.execute.data import Data, Shape
from engine.execute.program import program
from engine.execute.schedule import counted, schedule
from engine.language.operations import Array, locked, no_zero
from engine.support.lazy import lazy_property

_KEEP_BYTES = 1 << 30  # memory of kept tapes
_KEEP_PER_SHAPE = 4
_KEEP_SHAPES = 64


class _View(NamedTuple):
    """The place of an array: its block of memory, its offset there, its shape and strides."""

    block: int
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]


class Tape:
    """The memory and the calls of one shape of run.

    Attributes:
        shape: the shape of its runs.
        groups: group of `Results` -> name -> the place of the array.
        blocks: the blocks of memory in which the results lie.
        nbytes: the size of all its memory.
    """

    def __init__(self, data: Data) -> None:
        """Write the program for the shape of `data`."""
        plan = schedule(data.shape.cell)
        made = program(plan, data)
        self._parameters, self._loads = made.loads.parameters, made.loads.others
        self._forward, self._backward = made.forward, made.backward
        self._read_back = made.layout.read_back()
        within = counted(plan, dict.fromkeys(plan.cell.losses, np.ones((1, 1), bool)))
        self._all_count = all(map(np.all, within.values()))  # whether a loss of its own step depends on each value
        self.shape = data.shape
        self.nbytes = sum(slab.nbytes for slab in made.layout.space.slabs)
        self.blocks: list[Array] = []
        self.groups = {group: self._places(arrays) for group, arrays in made.results.items()}
        self.interfaces = [_interface(block) for block in self.blocks]

    def _places(self, group: Mapping[str, Array]) -> dict[str, _View]:
        views = {}
        for name, array in group.items():
            owner = _owner(array)
            block = next((i for i, known in enumerate(self.blocks) if known is owner), len(self.blocks))
            if block == len(self.blocks):
                self.blocks.append(owner)
            offset = array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
            views[name] = _View(block, array.shape, offset, array.strides)
        return views

    def play(self, data: Data) -> None:
        """Compute the run of `data`, which has the shape of the tape."""
        parameters = data.parameters
        for place, name in self._parameters:
            place[...] = parameters[name]
        for place, give in self._loads:
            place[...] = give(data)
        for call in self._forward:
            call()
        aside = () if self._all_count and no_zero(data.seed) else self._put_aside(data)
        for call in self._backward:
            call()
        for place, array in aside:
            place[...] = array

    def _put_aside(self, data: Data) -> list[tuple[Array, Array]]:
        """Set values on which no counted loss depends to 0 for the way back, if any is not finite; gives them with their place.

        Their gradients are 0, and so are the messages that they send back; but 0 times infinity would be no number.
        """
        if all(math.isfinite(np.add.reduce(array, None)) for array, _ in self._read_back):
            return []
        plan = schedule(data.shape.cell)
        reached = counted(plan, dict.fromkeys(plan.cell.losses, data.seed != 0))
        kept = []
        for array, names in self._read_back:
            idle = ~np.logical_or.reduce([reached[name] for name in names])
            if idle.any():
                kept.append((array, array.copy()))
                array[idle] = 0
        return kept


def _owner(array: Array) -> Array:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _interface(block: Array) -> dict[str, Any]:
    """The array interface of a block for another owner than its array, for reading only."""
    interface = dict(block.__array_interface__)
    interface["data"] = (interface["data"][0], True)
    return interface


class Lease:
    """The ownership of a tape by one run. It ends with the last reference to it, and then returns the tape to the pool."""

    __slots__ = ("tape",)

    def __init__(self, tape: Tape) -> None:
        """Take a tape that no other run owns."""
        self.tape = tape

    def __del__(self) -> None:
        """Return the tape to the pool."""
        if _pool is not None:  # at the end of Python it may be None
            _pool.put(self.tape)


class _Block:
    """A block of a leased tape: the base of every array in it, through which each array holds the lease."""

    __slots__ = ("__array_interface__", "lease")

    def __init__(self, lease: Lease, interface: dict[str, Any]) -> None:
        self.lease, self.__array_interface__ = lease, interface


class Arrays(dict[str, Array]):
    """Name -> array, for reading only: a dict, which is read in a third of the time of a proxy."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle copies of the arrays."""
        return Arrays.kept, ({name: np.array(array) for name, array in self.items()},)

    @classmethod
    def kept(cls, arrays: dict[str, Array]) -> Arrays:
        """Make a mapping with these arrays, which it locks; used to read a pickle."""
        return cls({name: locked(array) for name, array in arrays.items()})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the results of a run are read-only; dict(…) makes a copy that is not")

    __setitem__ = __delitem__ = update = setdefault = pop = popitem = clear = __ior__ = _refuse


class Results:
    """The results of a run, on a tape that belongs to it alone; each read of a group makes its mapping.

    The groups are value, grad, param_grad and initial_grad, as `Run` has them, and sent: node that a loss is computed jointly
    with -> the part of its gradient that goes on along its own equation, if there is one.

    Attributes:
        nbytes: the size of their memory.
    """

    def __init__(self, tape: Tape) -> None:
        """Lease a tape that has been played."""
        self._lease = Lease(tape)
        self.nbytes = tape.nbytes

    def __getitem__(self, group: str) -> Arrays:
        """Make the mapping of a group: name -> array, read-only."""
        tape, blocks, array = self._lease.tape, self._blocks, np.ndarray
        dtype = tape.shape.dtype
        return Arrays(
            {
                name: array(shape, dtype, blocks[block], offset, strides)
                for name, (block, shape, offset, strides) in tape.groups[group].items()
            }
        )

    @lazy_property
    def _blocks(self) -> list[memoryview]:
        """The memory of the tape, read-only; each part of it holds the lease."""
        return [np.asarray(_Block(self._lease, interface)).data for interface in self._lease.tape.interfaces]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle copies of all groups."""
        return Kept, ({group: self[group] for group in self._lease.tape.groups}, self.nbytes)


class Kept:
    """`Results` from a pickle."""

    def __init__(self, groups: dict[str, Arrays], nbytes: int) -> None:
        """Take the groups of a pickle."""
        self._groups, self.nbytes = groups, nbytes

    def __getitem__(self, group: str) -> Arrays:
        """The mapping of a group."""
        return self._groups[group]


class _Pool:
    """Tapes that belong to no run, by shape; the least recently used are dropped when together they are too large.

    A lease can end at any point, even while this thread is inside the pool: `put` never waits for the lock. It leaves the tape
    in `returned`, and the holder of the lock, or the next call, sorts it in.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.returned: deque[Tape] = deque()
        self.tapes: OrderedDict[Shape, list[Tape]] = OrderedDict()
        self.nbytes = 0

    def take(self, shape: Shape) -> Tape | None:
        """Take a tape of the shape out of the pool; None if there is none. It belongs to the caller alone."""
        with self.lock:
            self._sort_in()
            known = self.tapes.get(shape)
            if not known:
                return None
            tape = known.pop()
            self.nbytes -= tape.nbytes
            return tape

    def put(self, tape: Tape) -> None:
        """Take in a tape to which no run and no array refers any more."""
        self.returned.append(tape)
        while self.returned and self.lock.acquire(blocking=False):
            try:
                self._sort_in()
            finally:
                self.lock.release()

    def _sort_in(self) -> None:
        while self.returned:
            tape = self.returned.popleft()
            known = self.tapes.setdefault(tape.shape, [])
            self.tapes.move_to_end(tape.shape)
            known.append(tape)
            self.nbytes += tape.nbytes
            while len(known) > _KEEP_PER_SHAPE:
                self.nbytes -= known.pop(0).nbytes
            while self.nbytes > _KEEP_BYTES or len(self.tapes) > _KEEP_SHAPES:
                _, dropped = self.tapes.popitem(last=False)
                self.nbytes -= sum(other.nbytes for other in dropped)


_pool = _Pool()


def _after_fork() -> None:
    """Give a child a pool of its own: a thread that the child does not have may hold the lock of the parent."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def played(data: Data) -> Results:
    """Run `data` on a tape that belongs to the results alone, one from the pool or a new one; gives the results."""
    tape = _pool.take(data.shape) or Tape(data)
    tape.play(data)
    return Results(tape)
