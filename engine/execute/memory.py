"""The memory of a run, and numpy calls that are bound to it.

A `Buffer` holds some values of all steps side by side, (steps, B, width); a `Slot` is the columns of one value in it. A `Call`
is a numpy function on slots, written once and bound either to a range of steps at once or to each step by itself. Calls of one
function on neighbouring columns become one call (`fused`): the gates of an LSTM need no more calls than one gate.

The steps of a recurrence run in a function whose source is written for them (`_loop`). Measured against a loop over pairs
(function, arguments), as the time of a whole run, the pairs took 1.00 to 1.03 times as long for `rnn`, 1.01 to 1.04 for `gru` and
1.01 to 1.11 for `lstm` (10 to 500 steps, 5 to 64 units, B = 1; one bound call per step and function took 0.97 to 1.54 times
as long). The pairs would also be objects for each call of each step, where the function needs one list for each operand.
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
Bound: TypeAlias = Callable[[], Any]  # a numpy call with its arguments, or the loop of a recurrence through its steps
#: A function that goes through the steps, the lists with an entry for each step, and the operands that all steps share.
Loop: TypeAlias = tuple[Callable[[list[Any], tuple[Any, ...]], None], list[Any], tuple[Any, ...]]


@dataclass(eq=False)
class Buffer:
    """Values side by side; each row is a step.

    Attributes:
        kind: "steps", a row for each step; "chunk", rows for the steps of a chunk; "step", one row, the scratch of a step.
        lead: rows before the first step (t ≤ 0).
        tail: rows after the last step.
        width: columns that have been taken.
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
        """The memory of the buffer, (rows, B, width); from the first call on, the buffer cannot grow."""
        if self._array is None:
            rows = {"steps": self.lead + space.T + self.tail, "chunk": space.chunk, "step": 1}[self.kind]
            self._array = space.zeros((rows, space.B, self.width))
        return self._array

    def rows(self, space: Space, lo: int, hi: int) -> list[Array]:
        """One view per row: vectors (n,) where the space is flat, else (B, n)."""
        if (lo, hi) not in self._rows:
            array = self.allocate(space)
            self._rows[lo, hi] = list(array[:, 0, lo:hi] if space.flat else array[:, :, lo:hi])
        return self._rows[lo, hi]


@dataclass(frozen=True, eq=False)
class Slot:
    """The columns lo to hi of a buffer, `lag` steps before the step at hand."""

    buffer: Buffer
    lo: int
    hi: int
    lag: int = 0

    def back(self, lag: int) -> Slot:
        """The same columns `lag` steps earlier."""
        return Slot(self.buffer, self.lo, self.hi, self.lag + lag) if lag else self

    def follows(self, other: Slot) -> bool:
        """Whether these columns come right after those of the other slot."""
        return self.buffer is other.buffer and self.lag == other.lag and self.lo == other.hi

    def joined(self, other: Slot) -> Slot:
        """The columns from the first of this slot to the last of the other, in the same buffer."""
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
    """function(*inputs, out); an input is a slot, or an array that all steps share."""

    function: Callable[..., Any]
    inputs: tuple[Operand, ...]
    out: Slot


@dataclass(eq=False)
class Space:
    """The steps, samples and number type of a run, and the memory of its buffers.

    Attributes:
        T: the number of steps.
        B: the number of samples.
        dtype: float64 or float32.
        chunk: the number of steps that the backward sweep prepares at a time.
        flat: whether the values of a step are vectors, not matrices of one row; for B = 1 only.
        slabs: the blocks of memory.
    """

    T: int
    B: int
    dtype: np.dtype[Any]
    chunk: int
    flat: bool
    slabs: list[Array] = field(default_factory=list)
    _used: int = 0  # bytes of the last slab

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Take memory for an array; small arrays share a slab, since each slab costs time when results are read."""
        needed = math.prod(shape) * self.dtype.itemsize
        if not self.slabs or self._used + needed > self.slabs[-1].nbytes:
            self.slabs.append(np.zeros(max(needed + _LINE, _SLAB), np.uint8))
            self._used = -self.slabs[-1].ctypes.data % _LINE
        array = self.slabs[-1][self._used : self._used + needed].view(self.dtype).reshape(shape)
        self._used += -(-needed // _LINE) * _LINE
        return array

    def over(self, slot: Slot) -> Array:
        """The values of a slot at all steps, (T, B, n); its buffer has a row for each step."""
        return self.rows(slot, 0, self.T)

    def rows(self, slot: Slot, start: int, stop: int) -> Array:
        """The values of a slot from the step of index start to that of index stop, (stop − start, B, n); index −1 is t = 0."""
        first = slot.buffer.lead - slot.lag
        return slot.buffer.allocate(self)[first + start : first + stop, :, slot.lo : slot.hi]

    def table(self, slot: Slot, start: int = 0, stop: int | None = None) -> Array:
        """The values of a slot from step start to step stop, steps and samples in one axis, (steps · B, n); a view."""
        array = slot.buffer.allocate(self)
        first = slot.buffer.lead - slot.lag + start if slot.buffer.kind == "steps" else 0
        last = first + (self.T if stop is None else stop) - start
        return array[first:last].reshape(-1, slot.buffer.width)[:, slot.lo : slot.hi]

    def at_once(self, calls: Sequence[Call], start: int = 0, stop: int | None = None) -> list[Bound]:
        """Bind each call to the steps start to stop at once."""
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
        """Bind the calls to one step after the other, as one function that goes through the steps."""
        if not len(steps) or not calls:
            return []
        function, lists, constants = self.loop(calls, steps, start)
        return [partial(function, lists, constants)]

    def loop(self, calls: Sequence[Call], steps: range, start: int = 0) -> Loop:
        """The function of `each_step` and its arguments; the lists can be cut to fewer steps."""
        lists: dict[Any, Iterable[Array]] = {}  # operands that differ from step to step
        constants: dict[Any, Any] = {}  # functions, matrices, scratch

        def variable(operand: Operand) -> str:
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
            inputs, out = [variable(operand) for operand in call.inputs], variable(call.out)
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
        """The values of an operand at each of the steps; `start` is the first step of the chunk."""
        if isinstance(operand, Steps):
            return [operand.array[t] for t in steps]
        rows = operand.buffer.rows(self, operand.lo, operand.hi)
        shift = operand.buffer.lead - operand.lag if operand.buffer.kind == "steps" else -start
        first, last = steps[0] + shift, steps[-1] + shift
        return rows[first : last + 1] if steps.step > 0 else rows[first : last - 1 if last else None : -1]


def _known(table: dict[Any, Any], key: Any, entry: Any, letter: str) -> str:
    """The name of the variable for an entry of a table; a new entry is added."""
    if key not in table:
        table[key] = entry
    return f"{letter}{list(table).index(key)}"


@lru_cache(maxsize=512)
def _loop(lists: int, constants: int, lines: tuple[str, ...]) -> Callable[[list[Any], tuple[Any, ...]], None]:
    """Compile a function that goes through lists of arrays in parallel and makes the calls of each step.

    The source consists of the variables v0, v1, … and k0, k1, … of this module; no text of a user is part of it.
    """
    source = "def loop(lists, constants):\n"
    source += f"    {', '.join(f'k{i}' for i in range(constants))}, = constants\n"
    source += f"    for {', '.join(f'v{i}' for i in range(lists))}, in zip(*lists):\n"
    source += "".join(f"        {line}\n" for line in lines)
    namespace: dict[str, Any] = {}
    exec(compile(source, "<steps of a recurrence>", "exec"), namespace)
    loop: Callable[[list[Any], tuple[Any, ...]], None] = namespace["loop"]
    return loop


@dataclass(frozen=True, eq=False)
class Product(Call):
    """out = matrix @ input, (N, n) times the (n,) of each sample."""

    matrix: Array = field(default_factory=lambda: np.zeros((0, 0)))


def fused(calls: Sequence[Call]) -> list[Call]:
    """The calls, with those joined into one that apply a function to neighbouring columns and may change places."""
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
