"""Memory of a run, and numpy calls bound to it.

A `Buffer` holds some values of all steps side by side, (steps, B, width); a `Slot` is one value's columns of it. A `Call` is
a numpy function on slots, written down once and bound either to a range of steps at once or to each step by itself. Calls that
do the same to neighbouring columns become one call (`fused`): the four gates of an LSTM cost no more calls than one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeAlias

import numpy as np

from engine.language.operations import Array

_SLAB = 1 << 16  # bytes of a slab, at least
_LINE = 64  # bytes of a line of the processor's cache: each array begins at one
_BY_KEYWORD = (np.maximum, np.minimum)  # numpy wants the output of these two by its name, and of no other
Bound: TypeAlias = Callable[[], Any]  # a numpy call with its arguments
#: Calls that go through the steps, and its arguments: lists with an entry for each step, and what is the same in all.
Loop: TypeAlias = tuple[Callable[[list[Any], tuple[Any, ...]], None], list[Any], tuple[Any, ...]]


@dataclass(eq=False)
class Buffer:
    """Values side by side: rows are steps, `lead` of them before the first step (t ≤ 0).

    kind "steps": a row for each step; "chunk": rows for the steps of a chunk only; "step": one row, scratch of a step.
    """

    kind: str = "steps"
    lead: int = 0
    tail: int = 0
    width: int = 0
    _array: Array | None = None
    _rows: dict[tuple[int, int], list[Array]] = field(default_factory=dict)

    def take(self, n: int) -> Slot:
        """The next n columns."""
        if self._array is not None:
            raise RuntimeError("a buffer that is in use cannot grow")
        slot = Slot(self, self.width, self.width + n)
        self.width += n
        return slot

    def allocate(self, space: Space) -> Array:
        if self._array is None:
            rows = {"steps": self.lead + space.T + self.tail, "chunk": space.chunk, "step": 1}[self.kind]
            self._array = space.zeros((rows, space.B, self.width))
        return self._array

    def rows(self, space: Space, lo: int, hi: int) -> list[Array]:
        """One view a row: vectors (n,) where the space is flat, else (B, n)."""
        if (lo, hi) not in self._rows:
            array = self.allocate(space)
            self._rows[lo, hi] = list(array[:, 0, lo:hi] if space.flat else array[:, :, lo:hi])
        return self._rows[lo, hi]


@dataclass(frozen=True, eq=False)
class Slot:
    """Columns lo to hi of a buffer, read or written `lag` steps earlier than the step at hand."""

    buffer: Buffer
    lo: int
    hi: int
    lag: int = 0

    def back(self, lag: int) -> Slot:
        """The same columns `lag` steps earlier."""
        return Slot(self.buffer, self.lo, self.hi, self.lag + lag) if lag else self

    def follows(self, other: Slot) -> bool:
        """Whether these columns come right after the other's."""
        return self.buffer is other.buffer and self.lag == other.lag and self.lo == other.hi

    def joined(self, other: Slot) -> Slot:
        """These columns and those that follow."""
        return Slot(self.buffer, self.lo, other.hi, self.lag)

    def overlaps(self, other: Slot) -> bool:
        """Whether the two may be the same memory, in any step."""
        return self.buffer is other.buffer and self.lo < other.hi and other.lo < self.hi


@dataclass(frozen=True, eq=False)
class Steps:
    """An array whose first axis is the step, read at the step at hand."""

    array: Array


Operand: TypeAlias = Slot | Steps | Array


@dataclass(frozen=True, eq=False)
class Call:
    """function(*inputs, out) with slots, or arrays that are the same in every step."""

    function: Callable[..., Any]
    inputs: tuple[Operand, ...]
    out: Slot


@dataclass(eq=False)
class Space:
    """Steps, samples and number type of a run, and how its inner loops are laid out.

    chunk  how many steps the backward sweep prepares at a time
    flat   B = 1: a step's values are vectors, not matrices of one row
    """

    T: int
    B: int
    dtype: np.dtype[Any]
    chunk: int
    flat: bool
    slabs: list[Array] = field(default_factory=list)
    _used: int = 0  # bytes of the last slab

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Memory for an array, in one slab with others where it is small: a result costs less the fewer slabs there are."""
        needed = math.prod(shape) * self.dtype.itemsize
        if not self.slabs or self._used + needed > self.slabs[-1].nbytes:
            self.slabs.append(np.zeros(max(needed + _LINE, _SLAB), np.uint8))
            self._used = -self.slabs[-1].ctypes.data % _LINE
        array = self.slabs[-1][self._used : self._used + needed].view(self.dtype).reshape(shape)
        self._used += -(-needed // _LINE) * _LINE
        return array

    def over(self, slot: Slot) -> Array:
        """The slot's values of all steps, (T, B, n); of a buffer that has all steps."""
        return self.rows(slot, 0, self.T)

    def rows(self, slot: Slot, start: int, stop: int) -> Array:
        """The slot's values of the steps start to stop, by index: 0 is t = 1, −1 is t = 0; (stop − start, B, n)."""
        first = slot.buffer.lead - slot.lag
        return slot.buffer.allocate(self)[first + start : first + stop, :, slot.lo : slot.hi]

    def table(self, slot: Slot, start: int = 0, stop: int | None = None) -> Array:
        """The slot's values of steps start to stop (all of them), with steps and samples in one axis, (steps · B, n); a view."""
        array = slot.buffer.allocate(self)
        first = slot.buffer.lead - slot.lag + start if slot.buffer.kind == "steps" else 0
        last = first + (self.T if stop is None else stop) - start
        return array[first:last].reshape(-1, slot.buffer.width)[:, slot.lo : slot.hi]

    def at_once(self, calls: Sequence[Call], start: int = 0, stop: int | None = None) -> list[Bound]:
        """The calls, each for the steps start to stop at once."""
        bound: list[Bound] = []
        for call in calls:
            inputs = [
                self.table(operand, start, stop) if isinstance(operand, Slot) else operand for operand in call.inputs
            ]
            out = self.table(call.out, start, stop)
            bound.append(
                partial(call.function, *inputs, out=out)
                if call.function in _BY_KEYWORD
                else partial(call.function, *inputs, out)
            )
        return bound

    def each_step(self, calls: Sequence[Call], steps: range, start: int = 0) -> list[Bound]:
        """The calls, one step after the other, as one function that goes through the steps."""
        if not len(steps) or not calls:
            return []
        function, lists, constants = self.loop(calls, steps, start)
        return [partial(function, lists, constants)]

    def loop(self, calls: Sequence[Call], steps: range, start: int = 0) -> Loop:
        """The same, not bound yet: the lists can be cut to fewer steps."""
        lists: dict[Any, Iterable[Array]] = {}  # what changes from step to step
        constants: dict[Any, Any] = {}  # what does not: functions, matrices, scratch

        def written(operand: Operand) -> str:
            if isinstance(operand, np.ndarray):
                return _known(constants, id(operand), operand, "k")
            key = (
                (id(operand.array),)
                if isinstance(operand, Steps)
                else (operand.buffer, operand.lo, operand.hi, operand.lag)
            )
            if isinstance(operand, Slot) and operand.buffer.kind == "step":
                return _known(constants, key, operand.buffer.rows(self, operand.lo, operand.hi)[0], "k")
            return _known(lists, key, self.steps(operand, steps, start), "v")

        lines = []
        for call in calls:
            inputs, out = [written(operand) for operand in call.inputs], written(call.out)
            if isinstance(call, Product):
                if self.flat:
                    # the bound method of an array costs a third of what numpy.dot does on small vectors
                    method = _known(constants, (id(call.matrix), "dot"), call.matrix.dot, "k")
                    lines.append(f"{method}({inputs[0]}, {out})")
                else:
                    transposed = _known(constants, (id(call.matrix), "T"), call.matrix.T, "k")
                    lines.append(f"{inputs[0]}.dot({transposed}, {out})")
            else:
                function = _known(constants, id(call.function), call.function, "k")
                keyword = "out=" if call.function in _BY_KEYWORD else ""
                lines.append(f"{function}({', '.join(inputs)}, {keyword}{out})")
        return _loop(len(lists), len(constants), tuple(lines)), list(lists.values()), tuple(constants.values())

    def steps(self, operand: Slot | Steps, steps: range, start: int) -> list[Array]:
        """The operand's values at each of the steps; `start` is the first step of the chunk."""
        if isinstance(operand, Steps):
            return [operand.array[t] for t in steps]
        rows = operand.buffer.rows(self, operand.lo, operand.hi)
        shift = operand.buffer.lead - operand.lag if operand.buffer.kind == "steps" else -start
        first, last = steps[0] + shift, steps[-1] + shift
        return rows[first : last + 1] if steps.step > 0 else rows[first : last - 1 if last else None : -1]


def _known(table: dict[Any, Any], key: Any, entry: Any, letter: str) -> str:
    """The variable of an entry of a table, in which it is put if it is new."""
    if key not in table:
        table[key] = entry
    return f"{letter}{list(table).index(key)}"


@lru_cache(maxsize=512)
def _loop(lists: int, constants: int, lines: tuple[str, ...]) -> Callable[[list[Any], tuple[Any, ...]], None]:
    """A function that goes through lists of arrays in step and does the calls, written out so that nothing else costs time.

    The source is made of this module's own variables (v0, v1, … and k0, k1, …) and of nothing that a user gave.
    """
    source = "def loop(lists, constants):\n"
    source += f"    {', '.join(f'k{i}' for i in range(constants))}, = constants\n"
    source += f"    for {', '.join(f'v{i}' for i in range(lists))}, in zip(*lists):\n"
    source += "".join(f"        {line}\n" for line in lines)
    namespace: dict[str, Any] = {}
    exec(compile(source, "<steps of a recurrence>", "exec"), namespace)
    made: Callable[[list[Any], tuple[Any, ...]], None] = namespace["loop"]
    return made


@dataclass(frozen=True, eq=False)
class Product(Call):
    """out = matrix @ input, (N, n) times each sample's (n,)."""

    matrix: Array = field(default_factory=lambda: np.zeros((0, 0)))


def fused(calls: Sequence[Call]) -> list[Call]:
    """The calls with those joined that do the same to neighbouring columns and can move together."""
    result: list[Call] = []
    for call in calls:
        for k in range(len(result) - 1, -1, -1):
            joined = _joined(result[k], call) or _joined(call, result[k])
            if joined is not None:
                result[k] = joined
                break
            if _conflict(result[k], call):
                result.append(call)
                break
        else:
            result.append(call)
    return result


def _joined(first: Call, second: Call) -> Call | None:
    if first.function is not second.function or not isinstance(first.function, np.ufunc) or isinstance(first, Product):
        return None
    if not second.out.follows(first.out) or len(first.inputs) != len(second.inputs):
        return None
    inputs: list[Operand] = []
    for a, b in zip(first.inputs, second.inputs, strict=True):
        if isinstance(a, Slot) and isinstance(b, Slot):
            if not b.follows(a) or b.overlaps(first.out) or a.overlaps(second.out):
                return None
            inputs.append(a.joined(b))
        elif a is b and isinstance(a, np.ndarray) and a.ndim == 0:
            inputs.append(a)
        else:
            return None
    return Call(first.function, tuple(inputs), first.out.joined(second.out))


def _conflict(earlier: Call, later: Call) -> bool:
    """Whether the later call must stay behind the earlier one."""

    def touches(slot: Slot, call: Call) -> bool:
        return any(isinstance(operand, Slot) and slot.overlaps(operand) for operand in (*call.inputs, call.out))

    return touches(earlier.out, later) or touches(later.out, earlier)
