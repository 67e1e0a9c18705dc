"""The laws that a run keeps, measured on the run itself: what the tests assert and the page shows.

The oracle is `interpreter.evaluate`, which reads the equations step by step and knows nothing of the schedule by which
a run computes. Disturbances are stacked along its axis of samples: each row of its batch is one sample of the run with
one entry disturbed, so that many derivatives come out of one evaluation. At an imaginary step the real parts are those
of the run, at every node: a chaotic network does not lead the oracle away from the point in question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.language.cell import Cell
from engine.language.expressions import Expression, names
from engine.language.operations import FUNCTIONS, Array
from engine.support.arguments import sample_of, step_of, whole
from engine.support.pause import pause

#: A node and its step, counted from 1 (0 and below: its initial values); a parameter and None.
Where: TypeAlias = tuple[str, int | None]

LIMIT = 5_000  # rows of the oracle's batch, all evaluations together
_WORK = 4e8  # multiplications that these rows may cost; a large network has fewer rows
_CALL = 4_000  # multiplications that take as long as one call of numpy
_BYTES = 24 << 20  # of the oracle's memory
_STEPS = 64  # that the oracle computes at a time
_TOLERANCES = {"float64": 1e-10, "float32": 1e-4}
_QUOTIENT_TOLERANCE = 1e-6
_ROUNDINGS = 64  # of the largest gradient, which a sum of gradients may be off by
_SIDE_STEPS = 10.0 ** -np.arange(3, 9)  # of the difference quotients, relative to the entry


@dataclass(frozen=True)
class Check:
    """A law, measured on a run.

    law        its identifier, which stays: also the name of a test
    statement  the law in a sentence, and how much of the run was measured
    error      the largest error found (see `check`); inf for a run whose numbers are not all finite
    tolerance  what the error may be
    passed     whether it is no more
    where      the name and step of the largest error; None where there is no error at all
    """

    law: str
    statement: str
    error: float
    tolerance: float
    passed: bool
    where: Where | None


def check(run: Run, limit: int = LIMIT) -> tuple[Check, ...]:
    """The laws of a run, measured on it.

    limit  how many rows the batch of the oracle has at most: one for each derivative at a node, one for each sample at
           a parameter. Of more a choice is made, always the same; fewer are taken where the run is large

    An error is relative to the largest entry of the same name, and no less than to what rounding leaves of the largest
    gradient of the same and all later steps. Allowed are 1e-10 in float64, 1e-4 in float32, 1e-6 for difference
    quotients, and 0 for the loss that must not be felt. A run whose numbers are not all finite passes no law; the rows
    say where the first such number is.
    Raises ValueError for a limit that is no whole number from 1.

    **Holds:** a_wrong_number_anywhere_breaks_a_law.
    """
    limit = whole("limit", limit, 1, None, "a whole number, at least 1")
    found = _not_finite(run)
    if found is not None:
        what, (name, t) = found
        said = f" Not measured: the {what} of {name}" + ("" if t is None else f" at t = {t}") + " is not finite."
        return tuple(
            Check(law, statement + said, np.inf, _tolerance(run, law), False, (name, t))
            for law, statement in _STATEMENTS.items()
            if law != _QUOTIENTS or upstream_of_kinks(run.cell)
        )
    return (
        values_satisfy_the_equations(run),
        *gradients_match_disturbances(run, limit),
        *messages_sum(run),
        no_loss_reaches_a_later_node(run),
    )


_VALUES = "values_satisfy_the_equations"
_COMPLEX = "gradients_match_the_complex_step"
_QUOTIENTS = "gradients_match_difference_quotients"
_MESSAGES = "messages_sum_to_the_gradient"
_COPIES = "copies_sum_to_the_parameters_gradient"
_LATER = "no_loss_reaches_a_later_node"
_STATEMENTS = {
    _VALUES: "Each value is what its equation gives for the values that it reads.",
    _COMPLEX: "An imaginary step at a node, input, initial value or parameter changes the loss by its gradient.",
    _QUOTIENTS: "Where a function with a kink follows, steps to either side that do not cross the kink change the loss "
    "by its gradient.",
    _MESSAGES: "What flows back along the edges that leave a node sums to the gradient there.",
    _COPIES: "The gradients at the copies of a parameter, one a step, sum to its gradient.",
    _LATER: "The loss of a step has no gradient at any later node.",
}


def _tolerance(run: Run, law: str) -> float:
    if law == _LATER:
        return 0.0
    return max(_TOLERANCES[run.dtype.name], _QUOTIENT_TOLERANCE if law == _QUOTIENTS else 0.0)


def _not_finite(run: Run) -> tuple[Literal["value", "gradient"], Where] | None:
    """The first value that is not finite, else such a gradient, else nothing."""
    if run.overflow is not None:
        return "value", (run.overflow.name, run.overflow.t)
    for name, grad in run.grad.items():
        finite = np.isfinite(grad).all(axis=(1, 2))
        if not finite.all():
            return "gradient", (name, int(np.argmin(finite)) + 1)
    for name, grad in run.initial_grad.items():
        finite = np.isfinite(grad).all(axis=(1, 2))
        if not finite.all():
            return "gradient", (name, int(np.argmin(finite)) + 1 - len(grad))
    for name, grad in run.param_grad.items():
        if not np.isfinite(grad).all():
            return "gradient", (name, None)
    return None


def _row(run: Run, law: str, errors: Iterable[tuple[float, Where]], measured: str = "") -> Check:
    """The check of a law from the errors that were found."""
    error, where = max(errors, key=lambda found: found[0], default=(0.0, None))
    tolerance = _tolerance(run, law)
    return Check(law, _STATEMENTS[law] + measured, error, tolerance, error <= tolerance, where if error else None)


def _worst(name: str, first: int | None, difference: Array, scale: Array | float) -> tuple[float, Where]:
    """The largest |difference| / scale over the rows (steps from `first`), and its place."""
    rows = np.abs(difference).reshape(len(difference), -1).max(axis=1)
    relative = np.divide(rows, scale, out=np.zeros(len(rows)), where=rows != 0)
    relative[np.isnan(relative)] = np.inf
    row = int(np.argmax(relative))
    return float(relative[row]), (name, None if first is None else first + row)


def _noise(run: Run, tolerance: float) -> Array:
    """What a gradient's error at each step is relative to at least, (T,).

    A gradient that cancels, such as Vᵀ(ŷ − y) for a V of equal rows, is made of larger ones of the same or a later
    step, and nothing but their rounding remains of it.
    """
    largest = np.max([np.abs(grad).max(axis=(1, 2)) for grad in run.grad.values()], axis=0).astype(np.float64)
    later: Array = np.maximum.accumulate(largest[::-1])[::-1]
    return later * (_ROUNDINGS * float(np.finfo(run.dtype).eps) / tolerance)


def _largest(array: Array) -> float:
    return float(np.abs(array).max())


def _seed(run: Run) -> Array:
    """∂(total loss)/∂L(t), (T, B)."""
    return run.weights.astype(np.float64) / (run.B if run.reduction == "mean" else 1)


# The laws -----------------------------------------------------------------------------------------------------------


@np.errstate(all="ignore")
def values_satisfy_the_equations(run: Run) -> Check:
    """Each value against its equation at the run's own values; errors are relative to the largest number read, too."""

    def look(name: str, lag: int) -> Array:
        array = run.read(name, lag)
        return array if array.dtype.kind in "iu" else array.astype(np.float64)

    def errors() -> Iterator[tuple[float, Where]]:
        for name, equation in run.cell.equations.items():
            logits = run.cell.logits(name)
            expression: Expression = equation.expression if logits is None else logits
            expected = interpreter.value(run.cell, expression, look)
            if logits is not None:
                row = run.cell.loss(name)
                assert row is not None
                assert row.definition_joint is not None
                expected = row.definition_joint(expected, run.y)
            reads = [look(read.name, read.lag) for read in names(expression)]
            scale = max(_largest(run.value[name]), *map(_largest, reads), 1e-300)
            yield _worst(name, 1, run.value[name] - expected, scale)

    return _row(run, _VALUES, errors())


@np.errstate(all="ignore")
def messages_sum(run: Run) -> tuple[Check, Check]:
    """The messages into each node, and those into the copies of each parameter, against the gradients there.

    At a loss ∂(total loss)/∂L(t) belongs to the sum; what goes to t ≤ 0 is the gradient at the initial values.
    """
    sums = {name: np.zeros(grad.shape) for name, grad in run.grad.items()}
    early = {name: np.zeros(grad.shape) for name, grad in run.initial_grad.items()}
    copies = {name: np.zeros(grad.shape) for name, grad in run.param_grad.items()}
    largest_copy = dict.fromkeys(copies, 0.0)
    for name in run.cell.losses:
        sums[name][..., 0] += _seed(run)
    for target, steps in product(run.cell.nodes, run.portions()):
        for read, message in run.messages(target, steps):
            name, first = read.name, steps.start - read.lag  # the step at which the first row of the message arrives
            if name in copies:
                copies[name] += message.sum(axis=0, dtype=np.float64)
                largest_copy[name] = max(largest_copy[name], _largest(message))
                continue
            before = min(max(-first, 0), len(message))  # rows that arrive at t ≤ 0
            sums[name][first + before : first + len(message)] += message[before:]
            if before:
                row = len(early[name]) + first
                early[name][row : row + before] += message[:before]
    noise = _noise(run, _tolerance(run, _MESSAGES))
    errors = []
    for name, grad in run.grad.items():
        errors.append(_worst(name, 1, sums[name] - grad, np.maximum(_largest(grad), noise)))
    for name, grad in run.initial_grad.items():
        errors.append(_worst(name, 1 - len(grad), early[name] - grad, max(_largest(grad), noise[0])))
    of_parameters = []
    for name, grad in run.param_grad.items():
        scale = max(_largest(grad), largest_copy[name], noise[0])
        of_parameters.append(_worst(name, None, (copies[name] - grad)[None], scale))
    return _row(run, _MESSAGES, errors), _row(run, _COPIES, of_parameters)


def no_loss_reaches_a_later_node(run: Run) -> Check:
    """The gradient of the losses up to a step (the first, the middle and the last but one) is 0 at every later step."""
    errors = []
    for last in sorted({1, run.T // 2, run.T - 1} & set(range(1, run.T))):
        weights = (np.arange(run.T) < last).astype(run.dtype)
        early = run_cell(run.cell, run.parameters, run.x, run.y, run.initial, weights, run.reduction, run.dtype)
        errors += [_worst(name, last + 1, grad[last:], 1.0) for name, grad in early.grad.items()]
    return _row(run, _LATER, errors, "" if errors else " There is but one step.")


# Disturbances -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Thing:
    """What can be disturbed, and the run's gradient there: both (T, B, n), (K, B, n) or as the parameter is."""

    name: str
    kind: Literal["node", "input", "initial", "parameter"]
    value: Array
    grad: Array

    def step(self, row: int) -> int | None:
        """The step of a row of the arrays, counted from 1."""
        first = {"parameter": None, "initial": 1 - len(self.value)}.get(self.kind, 1)
        return None if first is None else first + row


@dataclass(frozen=True)
class _Rows:
    """Rows of the oracle's batch, (P,) each: a sample of the run in which one entry of one thing is disturbed.

    All rows of one derivative (one for each sample, at a parameter) stand side by side, from `starts` on.
    """

    things: Sequence[_Thing]
    thing: Array
    entry: Array
    sample: Array
    starts: Array

    def values(self) -> Array:
        """The undisturbed entry of each row."""
        return self._entries([thing.value for thing in self.things])

    def grads(self) -> Array:
        """The run's gradient at the entry of each derivative."""
        return self._entries([thing.grad for thing in self.things])[self.starts]

    def _entries(self, arrays: Sequence[Array]) -> Array:
        result = np.empty(len(self.thing))
        for i, array in enumerate(arrays):
            own = self.thing == i
            result[own] = array.reshape(-1)[self.entry[own]]
        return result


def _things(run: Run) -> list[_Thing]:
    return [
        *(_Thing(name, "input" if name == "x" else "node", run.value[name], grad) for name, grad in run.grad.items()),
        *(_Thing(name, "initial", run.initial[name], grad) for name, grad in run.initial_grad.items()),
        *(_Thing(name, "parameter", run.parameters[name], grad) for name, grad in run.param_grad.items()),
    ]


def _kinked(cell: Cell) -> set[str]:
    """The nodes whose function has a kink."""
    rows = {name: FUNCTIONS.get(cell.operation(name) or "") for name in cell.nodes}
    return {name for name, row in rows.items() if row is not None and row.kink is not None}


def upstream_of_kinks(cell: Cell) -> frozenset[str]:
    """The names a change of which can reach the argument of a function with a kink, such as relu."""
    found: set[str] = set()
    reached = _kinked(cell)
    while reached:
        before = {read.name for name in reached for read in cell.reads[name] if read.name != "y"}
        reached = (before - found) & set(cell.nodes)
        found |= before
    return frozenset(found)


@np.errstate(all="ignore")
def gradients_match_disturbances(run: Run, limit: int = LIMIT) -> tuple[Check, ...]:
    """The gradient at nodes, x, initial values and parameters against the change of the loss when they are disturbed.

    By an imaginary step, i·1e-20, whose result has no error of its own; but where a function with a kink follows, by
    difference quotients, steps of 1e-3 to 1e-8 of the value tried and the one taken with which the next agrees best.
    """
    kinks = upstream_of_kinks(run.cell)
    smooth = [thing for thing in _things(run) if thing.name not in kinks]
    kinked = [thing for thing in _things(run) if thing.name in kinks]
    result = []
    if smooth:
        result.append(_disturbed(run, _COMPLEX, smooth, limit))
    if kinked:
        result.append(_disturbed(run, _QUOTIENTS, kinked, limit))
    return tuple(result)


@dataclass(frozen=True)
class Measured:
    """A gradient found by disturbing the node, without any backward pass.

    gradient  (n,), or as the parameter is; nan where every step crosses a kink, and where nothing was disturbed
    exact     whether by an imaginary step, which has no error of its own; else by difference quotients
    error     the largest |gradient − the run's|; nan if nothing could be measured
    entries   how many of the entries were disturbed
    """

    gradient: Array
    exact: bool
    error: float
    entries: int


def measured(run: Run, name: str, t: int | None, sample: int = 0) -> Measured | None:
    """The gradient at a node, at x or at an initial value (t ≤ 0) by disturbing it; None if that would take too long.

    t is None for a parameter, which all steps and samples share: `gradient` has its shape then.

    **Holds:** the_measured_gradient_is_the_runs.
    Raises ValueError for what there is not.
    """
    found = measured_together(run, (name,), t, sample)[name]
    return None if found is None or found.entries < found.gradient.size else found


@np.errstate(all="ignore")
def measured_together(
    run: Run, names: Collection[str], t: int | None, sample: int = 0, work: float = _WORK
) -> dict[str, Measured | None]:
    """`measured` for several names at once, at no more than `work` multiplications in all.

    Where that is too little for all entries, some of each are disturbed, evenly spread; the others are nan. None stands for a
    name of which not even one can be. **Holds:** the_work_is_bounded_and_shared. Raises as `measured`.
    """
    sample = sample_of(sample, run.B)
    if t is not None:
        for name in names:
            step_of(t, run.T, 1 - len(run.initial[name]) if name in run.initial else 1, name)
        t = int(t)
    kinds = ("parameter",) if t is None else ("node", "input") if t > 0 else ("initial",)
    things = {thing.name: thing for thing in _things(run) if thing.name in names and thing.kind in kinds}
    for name in names:
        if name not in things:
            raise ValueError(f"there is no gradient of {name!r}" + ("" if t is None else f" at t = {t}"))
    found: dict[str, Measured | None] = dict.fromkeys(names)
    kinked, behind = upstream_of_kinks(run.cell), _behind(run.cell)
    for exact in (True, False):
        for joint in (True, False):
            group = [
                thing
                for name, thing in things.items()
                if ((name not in kinked), (name not in behind)) == (exact, joint)
            ]
            if group:
                found |= _measured(run, group, t, sample, exact, joint, work * len(group) / len(things))
    return found


def _measured(
    run: Run, things: list[_Thing], t: int | None, sample: int, exact: bool, joint: bool, work: float
) -> dict[str, Measured | None]:
    """Some things of one kind measured by one batch of the oracle."""
    at_once, limit = _batch(run, 1 if exact else 2 * len(_SIDE_STEPS), run.T + 1 - max(t or 1, 1), work)
    samples = np.arange(run.B) if t is None else np.array([sample])
    limit //= len(samples)
    chosen: dict[int, Array] = {}
    for done, i in enumerate(sorted(range(len(things)), key=lambda i: things[i].value.size)):
        size = things[i].value.size if t is None else things[i].value.shape[-1]
        count = min(size, limit // (len(things) - done))
        chosen[i] = np.unique(np.linspace(0, size - 1, count).astype(int))
        limit -= len(chosen[i])
    rows = []
    for i, thing in enumerate(things):
        row = 0 if t is None else t - 1 if t > 0 else t + len(thing.value) - 1
        entries = chosen[i] + (0 if t is None else (row * run.B + sample) * thing.value.shape[-1])
        rows.append((np.full(len(entries) * len(samples), i), np.repeat(entries, len(samples))))
    thing_of, entry = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    starts = np.arange(0, len(entry), len(samples))
    found: dict[str, Measured | None] = {}
    if not len(entry):
        return found
    batch = _Rows(things, thing_of, entry, np.tile(samples, len(starts)), starts)
    each = (complex_slopes if exact else quotient_slopes)(run, batch, at_once, joint)
    slopes, doubts = (np.add.reduceat(part, starts) for part in each)
    slopes = np.where(np.isfinite(doubts), slopes, np.nan)
    differences = np.abs(slopes - batch.grads())
    for i, thing in enumerate(things):
        own = thing_of[starts] == i
        if own.any():
            gradient = np.full(thing.value.shape if t is None else thing.value.shape[-1:], np.nan)
            gradient.reshape(-1)[chosen[i]] = slopes[own]
            error = float(np.nanmax(differences[own])) if not np.isnan(differences[own]).all() else float("nan")
            found[thing.name] = Measured(gradient, exact, error, int(own.sum()))
    return found


def _behind(cell: Cell) -> set[str]:
    """ŷ of each loss that is computed from the logits: it moves the loss only where that is computed from ŷ."""
    return {cell.reads[name][0].name for name in cell.nodes if cell.logits(name) is not None}


def _disturbed(run: Run, law: str, things: Sequence[_Thing], limit: int) -> Check:
    slope = complex_slopes if law == _COMPLEX else quotient_slopes
    tries = 1 if law == _COMPLEX else 2 * len(_SIDE_STEPS)
    behind = _behind(run.cell)
    tolerance = _tolerance(run, law)
    noise = _noise(run, tolerance)
    at_once, affordable = _batch(run, tries, run.T)
    limit = min(limit // tries, affordable)
    errors: list[tuple[float, Where]] = []
    missing: list[str] = []
    measured = unsure = 0
    for joint in (True, False):
        chosen = [thing for thing in things if joint != (thing.kind == "node" and thing.name in behind)]
        rows = _choice(chosen, run.B, limit * len(chosen) // len(things))
        if not len(rows.starts):
            missing += [thing.name for thing in chosen]
            continue
        slopes, doubts = (np.add.reduceat(each, rows.starts) for each in slope(run, rows, at_once, joint))
        grads, thing_of, entries = rows.grads(), rows.thing[rows.starts], rows.entry[rows.starts]
        for i, thing in enumerate(chosen):
            own = thing_of == i
            if not own.any():
                missing.append(thing.name)
                continue
            found, grad, doubt = slopes[own], grads[own], doubts[own]
            row = entries[own] // thing.value[0].size
            scale = np.maximum(_largest(thing.grad), np.abs(found).max(where=doubt < np.inf, initial=0))
            scale = np.maximum(scale, noise[row if thing.kind in ("node", "input") else 0])
            sure = doubt <= tolerance * scale / 2
            measured += int(np.count_nonzero(sure))
            unsure += int(np.count_nonzero(~sure))
            relative = np.divide(np.abs(found - grad), scale, out=np.zeros(len(found)), where=sure & (found != grad))
            worst = int(np.argmax(relative))
            errors.append((float(relative[worst]), (thing.name, thing.step(int(row[worst])))))
    total = sum(thing.value.size for thing in things)
    said = f" Measured: {measured:,} of {total:,}."
    if missing:
        said += f" None at {', '.join(missing)}: there it would take too long."
    if unsure:
        said += f" Left out: {unsure:,} at a kink, or where the loss changes by little more than its rounding."
    return _row(run, law, errors, said)


def _batch(run: Run, tries: int, steps: int, limit: float = _WORK) -> tuple[int, int]:
    """How many rows the oracle takes at once, and how many in all before so many steps of them take too long."""
    units = sum(run.sizes[name] for name in run.cell.nodes)
    weights = sum(array.size for array in run.parameters.values())
    at_once = int(np.clip(_BYTES // (16 * (min(run.T, _STEPS) * units + weights)), 1, 1024))
    work = steps * (2 * weights + 10 * units + _CALL * 4 * len(run.cell.nodes) / at_once)
    return at_once, int(limit / (work * tries))


def _choice(things: Sequence[_Thing], B: int, limit: int) -> _Rows:
    """All entries of all things; or of each thing its share of the limit, drawn by a seed that is always the same."""
    rows_of = {i: B if thing.kind == "parameter" else 1 for i, thing in enumerate(things)}
    chosen: dict[int, Array] = {}
    for done, i in enumerate(sorted(rows_of, key=lambda i: things[i].value.size * rows_of[i])):
        size = things[i].value.size
        count = min(size, limit // (len(things) - done) // rows_of[i])
        entries = np.arange(size)
        if count < size:
            entries = np.sort(np.random.default_rng(0).choice(size, count, replace=False))
        chosen[i] = entries
        limit -= count * rows_of[i]
    rows = []
    for i, thing in enumerate(things):
        entry = np.repeat(chosen[i], rows_of[i])
        sample = entry // thing.value[0, 0].size % B if thing.kind != "parameter" else np.arange(len(entry)) % B
        rows.append((np.full(len(entry), i), entry, sample, np.arange(len(entry)) % rows_of[i] == 0))
    nothing = np.zeros((4, 0), int)
    columns = [np.concatenate(parts) for parts in zip(nothing, *rows, strict=True)]
    return _Rows(things, columns[0], columns[1], columns[2], np.flatnonzero(columns[3]))


def complex_slopes(run: Run, rows: _Rows, at_once: int, joint: bool) -> tuple[Array, Array]:
    """∂(total loss)/∂(entry) for each row, (P,): Im L(v + ih) / h; and how far it may be off, (P,), which is nothing.

    h is so small that its square is lost; relative to the entry, since log(ŷ) has no other scale than ŷ.
    """
    value = rows.values()
    step = np.where(value == 0, 1e-30, np.maximum(1e-20 * np.abs(value), 1e-300))
    losses, _ = _losses(run, rows, 1j * step, at_once, joint, follow=True)
    return losses.imag / step, np.zeros(len(step))


def quotient_slopes(run: Run, rows: _Rows, at_once: int, joint: bool) -> tuple[Array, Array]:
    """∂(total loss)/∂(entry) for each row, (P,): (L(v + h) − L(v − h)) / 2h; and how far it may be off, (P,).

    It may be off by what the next smaller step changes and by the rounding of the loss; by inf if every step crosses a
    kink.
    """
    size = np.maximum(np.abs(rows.values()), 1e-2)
    rounding = np.finfo(np.float64).eps * np.sum(np.abs(_seed(run) * run.losses), axis=0)[rows.sample]
    slopes, clear = [], []
    for relative in _SIDE_STEPS:
        step = relative * size
        above, clear_above = _losses(run, rows, step, at_once, joint, follow=False)
        below, clear_below = _losses(run, rows, -step, at_once, joint, follow=False)
        slopes.append((above - below).real / (2 * step))
        clear.append(clear_above & clear_below)
    doubts = [
        np.where(
            clear[i] & clear[i + 1], np.abs(slopes[i] - slopes[i + 1]) + rounding / (_SIDE_STEPS[i] * size), np.inf
        )
        for i in range(len(_SIDE_STEPS) - 1)
    ]
    best = np.argmin(doubts, axis=0)[None]
    return np.take_along_axis(np.array(slopes), best, 0)[0], np.take_along_axis(np.array(doubts), best, 0)[0]


def _losses(run: Run, rows: _Rows, amount: Array, at_once: int, joint: bool, *, follow: bool) -> tuple[Array, Array]:
    """The total loss of each row with `amount` added to its entry, (P,) complex; and whether no kink was crossed, (P,).

    The losses of the steps before the first that any row of its batch disturbs are left out: they do not change.
    joint as in `interpreter.evaluate`; with `follow`, all real parts are those of the run.
    """
    parts = [slice(first, first + at_once) for first in range(0, len(amount), at_once)]
    found = [_part(run, rows, part, amount[part].astype(complex), joint, follow) for part in parts]
    return np.concatenate([losses for losses, _ in found]), np.concatenate([clear for _, clear in found])


def _first(thing: _Thing, entries: Array) -> int:
    """The index of the first step that a disturbance of some entries of a thing reaches."""
    if thing.kind in ("parameter", "initial"):
        return 0
    return int(entries.min() // thing.value[0].size)


def _early(run: Run, name: str, begin: int) -> Array:
    """The values of a state before the step of an index, as many as it has initial ones."""
    initial = run.initial[name]
    return np.concatenate([initial, run.value[name][max(begin - len(initial), 0) : begin]])[-len(initial) :]


def _part(run: Run, rows: _Rows, part: slice, amount: Array, joint: bool, follow: bool) -> tuple[Array, Array]:
    thing_of, entry, sample = rows.thing[part], rows.entry[part], rows.sample[part]
    parameters = {name: array.astype(np.float64) for name, array in run.parameters.items()}
    begin = min((_first(rows.things[i], entry[thing_of == i]) for i in np.unique(thing_of)), default=0)
    initial = {name: _early(run, name, begin)[:, sample].astype(complex) for name in run.initial}
    x = None if run.x is None else run.x[:, sample].astype(complex)
    nodes: dict[tuple[str, int], tuple[Array, Array]] = {}
    for i in np.unique(thing_of):
        thing, own = rows.things[i], np.flatnonzero(thing_of == i)
        index = np.unravel_index(entry[own], thing.value.shape)
        if thing.kind == "parameter":
            parameters[thing.name] = np.repeat(thing.value[None].astype(complex), len(amount), axis=0)
            parameters[thing.name][(own, *index)] += amount[own]
        elif thing.kind == "node":
            for t in np.unique(index[0]):
                here = index[0] == t
                nodes[thing.name, int(t)] = own[here], index[2][here]
        else:
            array = x if thing.kind == "input" else initial[thing.name]
            assert array is not None
            array[index[0], own, index[2]] += amount[own]
    kinked, clear = _kinked(run.cell), np.ones(len(amount), bool)
    seed, total = _seed(run)[:, sample], np.zeros(len(amount), complex)
    for first in range(begin, run.T, _STEPS):
        pause()
        steps = slice(first, min(first + _STEPS, run.T))

        def disturb(name: str, t: int, value: Array, first: int = first) -> Array:
            undisturbed = run.value[name][first + t, sample]
            if name in kinked:  # the value is above 0 where the argument is
                clear[((value.real > 0) != (undisturbed > 0)).any(axis=-1)] = False
            value = undisturbed + 1j * value.imag if follow else value
            if (name, first + t) in nodes:
                own, unit = nodes[name, first + t]
                value[own, unit] += amount[own]
            return value

        values = interpreter.evaluate(
            run.cell,
            run.sizes,
            parameters,
            None if x is None else x[steps],
            run.y[steps, sample],
            initial,
            disturb,
            joint,
        )
        losses = np.sum([values[name][..., 0] for name in run.cell.losses], axis=0)
        total += np.sum(np.where(seed[steps] == 0, 0, seed[steps] * losses), axis=0)
        initial = {
            name: np.concatenate([early, values[name][-len(early) :]])[-len(early) :] for name, early in initial.items()
        }
    return total, clear
