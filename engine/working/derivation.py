r"""From the loss to every gradient, line by line: in symbols, in a run's numbers, entry by entry, and checked.

A section is a function of a run, a step, a sample and a number of levels. Its symbols come from the cell's equations and the
operations' own rows, so that a cell of anyone's own is derived like those of the catalogue; its checks are routes of their
own, imaginary steps through the equations or the same thing by another formula, and are computed with the line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.flow.expansion import expand
from engine.language import notation
from engine.language.catalogue import CATALOGUE
from engine.language.cell import Cell, Read
from engine.language.equations import Apply, Expression, Name
from engine.language.names import latex
from engine.language.operations import FUNCTIONS, SOFTMAX, Array, Loss, one_hot
from engine.support.arguments import sample_of, step_of, whole
from engine.support.lazy import once
from engine.support.pause import pause
from engine.verify.checks import Measured, measured_together
from engine.working import messages as explain
from engine.working.neurons import explainer, forms, neuron_of

MAX_LEVELS = 50  # of the recursion that are written out: a formula with more is too long for a page
MAX_UNITS = 256  # of what is carried from step to step, to be taken apart
_TOLERANCES = {"float64": 1e-9, "float32": 1e-3}
_QUOTIENT_TOLERANCE = 1e-5
_ROUNDINGS = 64
_STEP = 1e-30  # of a complex step
_ENTRIES = 64  # of a parameter that are disturbed
_WEIGHTS = 2_000_000  # numbers of disturbed parameters at a time
_WORK = 2.5e8  # multiplications for the disturbances of one kind in a section
_WIDE = 400  # characters of LaTeX beside which a result has no room
_SUMMANDS = 8  # of a sum of numbers that is written in full

_BY_STEP = "imaginary steps through the equations"
_BY_QUOTIENT = "difference quotients of the loss, a function with a kink being on the way"
_BY_DEFINITION = "the equation read literally"
_BY_SIDES = "both sides computed apart"
_BY_RUN = "the gradient of the run, this network being too large to be disturbed"


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    row         the rows of the sources that it belongs to: "A4", "A1, A9"
    said        what is done, in words; mathematics stands between dollar signs
    symbols     LaTeX, at the step t
    numbers     the same with this run's numbers, LaTeX
    elements    the same entry by entry, LaTeX; of many entries some are left out
    error       the largest difference of the two sides, relative to their largest entry; inf where a number is not finite
    tolerance   what it may be
    checked_by  the other route by which it was computed
    """

    row: str
    said: str
    symbols: str
    numbers: str
    elements: tuple[str, ...]
    error: float
    tolerance: float
    checked_by: str

    @property
    def passed(self) -> bool:
        """Whether the line is right for this run."""
        return self.error <= self.tolerance


@dataclass(frozen=True)
class Section:
    """A part of the derivation.

    key, title, source   of the table `SECTIONS`
    applies              "", or why it does not apply to this run; then there are no lines
    """

    key: str
    title: str
    source: str
    applies: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Row:
    """A row of the table of sections: title, where the book or the texts have it, to which runs it applies, its lines.

    book      equations of the book, and `of`: whether they are those of a cell
    rows      rows of the sources, or what else it follows from
    applies   gives "", or the reason why not
    """

    title: str
    book: str
    of: Callable[[Run], bool]
    rows: str
    applies: Callable[[Run], str]
    lines: Callable[[_At, int], Iterator[Line]]


def derive(run: Run, key: str, t: int, sample: int = 0, levels: int = 3) -> Section:
    """A section for a run, at step t (from 1) of one sample; `levels` is how often the recursion is put into itself.

    **Holds:** every_line_is_right_for_every_cell, a_wrong_gradient_is_seen.
    Raises ValueError for a section, step, sample or number of levels that there is not.
    """
    if key not in SECTIONS:
        raise ValueError(f"{key!r} is no section; there are {', '.join(SECTIONS)}")
    t, sample = step_of(t, run.T), sample_of(sample, run.B)
    levels = whole("levels", levels, 1, MAX_LEVELS, f"1 to {MAX_LEVELS} can be written out")
    row = SECTIONS[key]
    reason = row.applies(run)
    lines = list[Line]()
    with np.errstate(all="ignore"):
        for line in () if reason else row.lines(_At(run, t, sample), levels):
            lines.append(line)
            pause()
    source = "; ".join(filter(None, [row.book if row.of(run) else "", row.rows]))
    return Section(key, row.title, source, reason, tuple(lines))


# A step and a sample of a run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _At:
    """A run at one step, for one sample: its numbers, how they are written, and other routes to them."""

    run: Run
    t: int
    sample: int
    known: dict[tuple[str, int | None], Measured | None] = field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """The cell of the run."""
        return self.run.cell

    def moved(self, steps: int) -> _At:
        return _At(self.run, self.t + steps, self.sample, self.known)

    def value(self, name: str) -> Array:
        return np.asarray(self.run.value[name][self.t - 1, self.sample], np.float64)

    def grad(self, name: str, t: int | None = None) -> Array:
        t = self.t if t is None else t
        grads = self.run.grad if t > 0 else self.run.initial_grad
        return np.asarray(grads[name][t - 1, self.sample], np.float64)

    def now(self, name: str) -> str:
        """A name at this step: h^{(3)}."""
        return notation.at_step(name, self.cell.parameters, str(self.t))

    @property
    def seed(self) -> float:
        """∂(total loss)/∂L(t) as far as the total loss itself goes."""
        return float(self.run.weights[self.t - 1, self.sample]) / (self.run.B if self.run.reduction == "mean" else 1)

    @once
    def tolerance(self) -> float:
        return _TOLERANCES[self.run.dtype.name]

    @once
    def floor(self) -> float:
        """What rounding may leave of the largest gradient of this and all later steps, over the tolerance."""
        largest = max(float(np.abs(grad[max(self.t - 1, 0) :]).max()) for grad in self.run.grad.values())
        return largest * _ROUNDINGS * float(np.finfo(self.run.dtype).eps) / self.tolerance

    def line(
        self, row: str, said: str, symbols: str, numbers: str, left: Any, right: Any, by: str = _BY_STEP,
        elements: tuple[str, ...] = (), floor: float | None = None, tolerance: float | None = None,
    ) -> Line:  # fmt: skip
        """A line whose two sides are compared."""
        error = _difference(left, right, self.floor if floor is None else floor)
        return Line(row, said, symbols, numbers, elements, error, tolerance or self.tolerance, by)

    def look(self, name: str, lag: int) -> Array:
        """What an equation of this step reads, (1, 1, n); parameters as they are."""
        array = self.run.at(name, lag, slice(self.t - 1, self.t))
        if name in self.run.parameters:
            return array.astype(np.float64)
        array = array[:, self.sample : self.sample + 1]
        return array if array.dtype.kind in "iu" else array.astype(np.float64)

    def computed(self, name: str) -> Array:
        """A node's value, from its equation read literally."""
        logits, row = self.cell.logits(name), self.cell.loss(name)
        if logits is not None and row is not None and row.definition_joint is not None:
            found = row.definition_joint(interpreter.value(self.cell, logits, self.look), self.look("y", 0))
        else:
            found = interpreter.value(self.cell, self.cell.equations[name].expression, self.look)
        return _only(found, self.run.sizes[name])

    def target(self, row: Loss, n: int) -> Array:
        """y as a vector: a class has one 1."""
        y = self.run.y[self.t - 1, self.sample]
        return np.asarray(one_hot(np.asarray(y), n) if row.classes else y, np.float64)

    def disturbed(
        self, rows: int, nodes: Mapping[str, Array] = {}, before: Mapping[str, Array] = {},
        parameters: Mapping[str, Array] = {},
    ) -> dict[str, Array]:  # fmt: skip
        """How the nodes of this step change, (rows, n), when something is disturbed by an imaginary step.

        nodes (rows, n), before: state -> (K, rows, n), parameters (rows, *shape): the directions. Real parts are the run's.
        """
        run, index = self.run, [self.sample] * rows

        def early(name: str) -> Array:
            whole = np.concatenate([run.initial[name], run.value[name]])
            return whole[self.t - 1 : self.t - 1 + len(run.initial[name])][:, index].astype(complex)

        initial = {name: early(name) for name in run.initial}
        for name, direction in before.items():
            initial[name] = initial[name] + 1j * _STEP * direction
        weights: dict[str, Array] = {name: array.astype(np.float64) for name, array in run.parameters.items()}
        for name, direction in parameters.items():
            weights[name] = weights[name] + 1j * _STEP * direction

        def follow(name: str, _: int, value: Array) -> Array:
            found = run.value[name][self.t - 1, index] + 1j * value.imag
            return found + 1j * _STEP * nodes[name] if name in nodes else found

        x = None if run.x is None else run.x[self.t - 1 : self.t, index].astype(complex)
        y = run.y[self.t - 1 : self.t, index]
        # A loss that is computed from the logits knows nothing of ŷ: if that is disturbed, the loss is computed from it.
        cell = self.cell
        joint = not any(cell.reads[loss][0].name in nodes for loss in cell.nodes if cell.logits(loss) is not None)
        values = interpreter.evaluate(self.cell, run.sizes, weights, x, y, initial, follow, joint)
        return {name: value[0].imag / _STEP for name, value in values.items()}

    def losses(self, changes: Mapping[str, Array]) -> Array:
        """How much the losses of this step change the total loss, (rows,)."""
        return np.asarray(self.seed * np.sum([changes[name][:, 0] for name in self.cell.losses], axis=0))

    def own(self, name: str) -> Array:
        """∇_name L(t), times the loss's weight: what the loss of this step alone gives to a node."""
        return self.losses(self.disturbed(n := self.run.sizes[name], {name: np.eye(n)}))

    def step_jacobian(self, of: str, wrt: str, lag: int = 1) -> Array:
        """∂of(t)/∂wrt(t − lag), through the equations of this step alone; (n_of, n_wrt)."""
        n = self.run.sizes[wrt]
        direction = np.zeros((len(self.run.initial[wrt]), n, n))
        direction[len(direction) - lag] = np.eye(n)
        return self.disturbed(n, before={wrt: direction})[of].T

    def carried(self) -> dict[str, Array]:
        """What steps after this one send back to what is carried out of it: state -> (K, n), the last row to state(t)."""
        run = self.run
        found = {name: np.zeros((lag, run.sizes[name])) for name, lag in self.cell.lags.items() if lag}
        after = slice(self.t, self.t + max(self.cell.lags.values(), default=0))
        for target in self.cell.nodes:
            if any(read.lag for read in self.cell.reads[target]):
                for read, message in run.messages(target, after, found):
                    for j in range(read.lag):  # state(t − j) is read by target(t − j + lag)
                        if self.t - j + read.lag <= run.T:
                            found[read.name][-1 - j] += message[read.lag - 1 - j, self.sample]
        return found

    def disturb(self, names: Iterable[str], t: int | None) -> None:
        """Disturb several nodes, or parameters, together, for `by_disturbance`: what a section asks for has one bound."""
        wanted = [name for name in names if (name, t) not in self.known]
        for name, found in measured_together(self.run, wanted, t, self.sample, _WORK).items():
            self.known[name, t] = found

    def by_disturbance(self, name: str, t: int | None) -> tuple[Array, str, float]:
        """A gradient by disturbing the node or parameter and looking at the total loss; how; and how near that is."""
        self.disturb((name,), t)
        found = self.known[name, t]
        own = self.run.param_grad[name] if t is None else self.grad(name, t)
        if found is None or np.isnan(found.gradient).all():
            return own, _BY_RUN, self.tolerance
        many = found.gradient.size
        some = "" if found.entries == many else f", at {found.entries} of its {many:,} entries"
        if found.exact:
            return (
                np.where(np.isnan(found.gradient) & (some != ""), own, found.gradient),
                _BY_STEP + some,
                self.tolerance,
            )
        near = max(self.tolerance, _QUOTIENT_TOLERANCE)
        return np.where(np.isnan(found.gradient), own, found.gradient), _BY_QUOTIENT + some, near


def _difference(left: Any, right: Any, floor: float) -> float:
    """The largest |left − right| relative to the largest entry, and no less than to the floor."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    worst = float(np.abs(left - right).max(initial=0.0))
    if not np.isfinite(worst):
        return np.inf
    scale = max(float(np.abs(left).max(initial=0.0)), float(np.abs(right).max(initial=0.0)), floor)
    return worst / scale if worst else 0.0


def _only(found: Any, n: int) -> Array:
    """The vector (n,) of what was computed for one step and one sample; what is the same for all has fewer axes."""
    return np.asarray(np.broadcast_to(found, (1, 1, n))[0, 0])


def _slopes(function: Callable[[Array], Array], x: Array) -> Array:
    """The Jacobian (m, n) of a function of rows (n,) -> (m,), by imaginary steps."""
    return np.asarray(function(x + 1j * _STEP * np.eye(len(x))).imag / _STEP).T


# How things are written ------------------------------------------------------------------------------------------

_M = notation.matrix
_N = notation.number


def _entry(name: str, index: str, at: str = "t") -> str:
    return f"{notation.indexed(name, index)}^{{({at})}}"


def _signed(value: float) -> str:
    text = _N(value)
    return rf"\left({text}\right)" if text.startswith("-") else text


def _sum(values: list[float] | Array) -> str:
    """Numbers added up, of many the first and the last."""
    shown = [_signed(float(value)) if i else _N(float(value)) for i, value in enumerate(values)]
    if len(shown) > _SUMMANDS:
        shown = [*shown[: _SUMMANDS - 2], r"\cdots", shown[-1]]
    return " + ".join(shown) or "0"


def _units(n: int) -> list[int]:
    """The units, from 0, whose elements are written."""
    return list(range(n)) if n <= notation.WIDE else [*range(notation.WIDE - 2), n - 1]


def _each(n: int, written: Callable[[int], list[str] | str]) -> tuple[str, ...]:
    """Elements for the units, with dots where some are left out."""
    found: list[str] = []
    shown = _units(n)
    for place, i in enumerate(shown):
        if place and i > shown[place - 1] + 1:
            found.append(r"\vdots")
        text = written(i)
        found += [text] if isinstance(text, str) else text
    return tuple(found)


def _later(text: str, steps: int) -> str:
    """LaTeX of step t, at step t + steps."""
    return re.sub(r"\(t([+-]\d+)?\)", lambda found: f"({notation.step(int(found[1] or 0) + steps)})", text)


def _aligned(rows: list[str]) -> str:
    return rows[0].replace("&", "") if len(rows) == 1 else r"\begin{aligned} " + r" \\ ".join(rows) + r" \end{aligned}"


def _filled(left: str, numbers: str, result: Array) -> str:
    """left = numbers = result; the result below where there is no room beside."""
    if len(numbers) > _WIDE:
        return _aligned([f"{left} &= {numbers}", f"&= {_M(result)}"])
    return f"{left} = {numbers} = {_M(result)}"


def _plus(terms: list[str]) -> str:
    return " + ".join(terms).replace("+ -", "- ") or "0"


# What the book's equations are those of ---------------------------------------------------------------------------


def _same(cell: Cell, other: Cell) -> bool:
    """Whether two cells have the same equations under the same names."""
    return list(cell.nodes) == list(other.nodes) and all(
        cell.latex_of(cell.equations[name].expression) == other.latex_of(other.equations[name].expression)
        for name in cell.nodes
    )


def _never(_: Run) -> bool:
    return False


def _is_books(run: Run) -> bool:
    """Whether the network is that of (10.8)–(10.11), tanh and softmax, with a class for a target: (10.17)–(10.28) hold."""
    return _same(run.cell, CATALOGUE["rnn"]) and _has_likelihood(run)


def _is_books_lstm(run: Run) -> bool:
    """Whether the network is that of (10.40)–(10.44), with σ at the candidate."""
    return _same(run.cell, CATALOGUE["lstm"])


def _has_likelihood(run: Run) -> bool:
    """Whether the only loss is minus the logarithm of the softmax's entry of a class, as in (10.14) and (10.18)."""
    return len(run.cell.losses) == 1 and [out.classes for out in _outputs(_At(run, 1, 0))] == [True]


# The equations, A1 and A9 ----------------------------------------------------------------------------------------


def _always(_: Run) -> str:
    return ""


def _equations(at: _At, _: int) -> Iterator[Line]:
    for name in at.cell.nodes:
        yield _forward(at, name, "A2" if at.cell.loss(name) is not None else "A1, A9")


def _forward(at: _At, name: str, row: str) -> Line:
    found = explain.forward(at.run, name, at.t, at.sample)
    value = at.value(name)
    largest = max([float(np.abs(read).max(initial=0.0)) for read in found.reads.values()], default=0.0)
    operation = at.cell.operation(name)
    said = f"The equation of ${latex(name)}$" + ("." if operation is None else f", a call of {_words(operation)}.")
    symbols = found.symbols
    loss = at.cell.loss(name)
    if at.cell.name.startswith("lstm") and name in _GATES:
        said = f"The {_GATES[name]} ${latex(name)}$."
    if loss is not None and loss.classes and at.cell.logits(name) is not None:
        said = (
            f"The loss of a step, ${latex(name)}$: minus the log-probability that the network gives to what is right."
        )
        given = r" \mid x^{(1)}, \ldots, x^{(t)}" if at.cell.reads_x else ""
        symbols = symbols.replace(" = ", rf" = -\log p\left(y^{{(t)}}{given}\right) = ", 1)
    numbers = _filled(at.now(name), found.numbers, value)
    return at.line(
        row, said, symbols, numbers, at.computed(name), value, _BY_DEFINITION, _unit_equations(at, name), floor=largest
    )  # fmt: skip


#: What the book calls the nodes of the LSTM, 10.10.1.
_GATES: Mapping[str, str] = MappingProxyType(
    {
        "f": "forget gate",
        "g": "external input gate",
        "s": "internal state",
        "q": "output gate",
        "h": "output of the cell",
    }
)


def _words(operation: str) -> str:
    return operation.replace("_", " ")


def _unit_equations(at: _At, name: str) -> tuple[str, ...]:
    """A node's equation for its units, in symbols and numbers."""
    kinds, whole = forms(at.cell), neuron_of(at.cell, name)
    if whole not in kinds:
        return ()
    explain_unit = explainer(at.run, whole, at.t, at.sample)

    def written(i: int) -> list[str]:
        told = explain_unit(i)
        if name != whole:
            return list(told.forward)
        return [*(() if told.form.argument else told.forward), *filter(None, [told.output])]

    return _each(at.run.sizes[name], written)


# The loss, A2, A3, A17 -------------------------------------------------------------------------------------------


def _loss(at: _At, _: int) -> Iterator[Line]:
    run, cell = at.run, at.cell
    for name in cell.nodes:
        if cell.loss(name) is not None:
            yield _forward(at, name, "A2")
    by_equations = np.zeros((run.T, run.B))
    for name in cell.losses:
        logits, row = cell.logits(name), cell.loss(name)
        if logits is not None and row is not None and row.definition_joint is not None:
            found = row.definition_joint(interpreter.value(cell, logits, run.at), run.y)
        else:
            found = interpreter.value(cell, cell.equations[name].expression, run.at)
        by_equations += np.broadcast_to(found, (run.T, run.B, 1))[..., 0]
    parts = (run.weights * run.losses).sum(axis=1) / (run.B if run.reduction == "mean" else 1)
    counted = np.where(run.weights == 0, 0, run.weights * by_equations).sum()
    weight = "" if np.all(run.weights == 1) else r"w^{(t)}\,"
    each = _plus([f"{latex(name)}^{{(t)}}" for name in cell.losses])
    each = rf"\left({each}\right)" if len(cell.losses) > 1 else each
    yield at.line(
        "A2", "The total loss is the sum over the steps" + ("." if not weight and not _has_likelihood(run) else
        ", (10.12)–(10.14) of the book." if not weight else r"; a step counts with its weight $w^{(t)}$."),
        rf"L = {_over_samples(run)}\sum_{{t=1}}^{{\tau}} {weight}{each}",
        f"L = {_sum(np.nan_to_num(parts))} = {_N(run.loss)}", run.loss,
        counted / (run.B if run.reduction == "mean" else 1), _BY_DEFINITION,
        tuple(rf"L^{{({t + 1})}} = {_N(float(run.losses[t, at.sample]))}" for t in _units(run.T)), floor=0.0,
    )  # fmt: skip
    at.disturb(cell.losses, at.t)
    for name in cell.losses:
        back = explain.backward(run, name, at.t, at.sample)
        gradient, by, near = at.by_disturbance(name, at.t)
        own = rf"\frac{{\partial L}}{{\partial {latex(name)}^{{(t)}}}}"
        factor = "1" if at.seed == 1 and not back.messages else back.symbols.partition(" = ")[2]
        yield at.line(
            "A3", "All other terms of the sum are constants here, so the way back begins with"
            + (" 1." if factor == "1" else " the factor of this loss in the total, and what later nodes that read it add."
               if back.messages else " the factor of this loss in the total."),
            f"{own} = {factor}", f"{_later_number(own, at.t)} = {_M(back.gradient)}", back.gradient, gradient, by,
            tolerance=near,
        )  # fmt: skip
    yield from _why_the_logarithm(at)


def _over_samples(run: Run) -> str:
    if run.B == 1:
        return ""
    return (rf"\frac{{1}}{{{run.B}}}" if run.reduction == "mean" else "") + rf"\sum_{{n=1}}^{{{run.B}}} "


def _later_number(text: str, t: int) -> str:
    """LaTeX of step t with the step's number."""
    return re.sub(r"\(t([+-]\d+)?\)", lambda found: f"({t + int(found[1] or 0)})", text)


def _why_the_logarithm(at: _At) -> Iterator[Line]:
    run = at.run
    for out in _outputs(at):
        if not out.classes:
            continue
        counts = np.flatnonzero(run.weights[:, at.sample])
        y = run.y[counts, at.sample]
        p = run.value[out.p][counts, at.sample, y].astype(np.float64)
        total = float(run.value[out.loss][counts, at.sample, 0].sum(dtype=np.float64))
        inside = rf"{_entry(out.p, 'y')}"
        yield at.line(
            "A17",
            "Why the logarithm: it makes a sum of the product of the steps' probabilities, whose terms can be"
            " differentiated one by one. The product itself leaves the range of floating point after some hundred steps; and"
            " the logarithm undoes the exponential of the softmax, as the next section has it.",
            rf"\prod_t {inside} = e^{{-\sum_t {latex(out.loss)}^{{(t)}}}}",
            rf"\prod_t {inside} = {_N(float(np.prod(p)))}, \quad e^{{-{_N(total)}}} = {_N(float(np.exp(-total)))}",
            np.prod(p), np.exp(-total), _BY_SIDES, floor=1e-290,
        )  # fmt: skip


# The softmax, A4, A5, A10 ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Output:
    """A loss −Σ y log softmax(o): the loss, its softmax, the node o (None where it has no name), and the expression o."""

    at: _At
    loss: str
    p: str
    o: str | None
    expression: Expression
    row: Loss

    @property
    def classes(self) -> bool:
        return self.at.run.y.dtype.kind in "iu"

    @property
    def n(self) -> int:
        return self.at.run.sizes[self.p]

    @once
    def y(self) -> Array:
        return self.at.target(self.row, self.n)

    @property
    def raw(self) -> Array:
        """y as the loss takes it, for n rows."""
        return np.repeat(self.at.run.y[self.at.t - 1, self.at.sample][None], self.n, axis=0)

    @once
    def logits(self) -> Array:
        return np.asarray(self.at.run.argument(self.p, slice(self.at.t - 1, self.at.t))[0, self.at.sample], np.float64)

    @once
    def exact(self) -> Array:
        """∂L(t)/∂o(t) by imaginary steps from the logits."""
        assert self.row.definition_joint is not None
        joint = self.row.definition_joint
        return np.asarray(_slopes(lambda o: joint(o, self.raw), self.logits)[0])

    def o_(self, index: str = "", at: str = "t") -> str:
        if self.o is not None:
            return _entry(self.o, index, at)
        return f"a_{{{','.join(filter(None, [latex(self.p), index]))}}}^{{({at})}}"

    def p_(self, index: str = "", at: str = "t") -> str:
        return _entry(self.p, index, at)

    def y_(self, index: str = "", at: str = "t") -> str:
        return _entry("y", index, at)

    @property
    def alone(self) -> bool:
        """Whether nothing but this softmax reads o, and nothing but this loss the softmax."""
        reads = [(node, read.name) for node, found in self.at.cell.reads.items() for read in found]
        return (
            self.o is not None
            and [node for node, name in reads if name == self.o] == [self.p]
            and [node for node, name in reads if name == self.p] == [self.loss]
        )


def _outputs(at: _At) -> Iterator[_Output]:
    """The losses that are nll(softmax(o), y)."""
    cell = at.cell
    for loss in cell.nodes:
        logits, row = cell.logits(loss), cell.loss(loss)
        if logits is not None and row is not None and row.after == SOFTMAX.name:
            named = isinstance(logits, Name) and not logits.lag and logits.name in cell.equations
            o = logits.name if named and isinstance(logits, Name) else None
            yield _Output(at, loss, cell.reads[loss][0].name, o, logits, row)


def _has_softmax(run: Run) -> str:
    return "" if any(_outputs(_At(run, 1, 0))) else "It needs a loss that is the nll of a softmax."


def _softmax(at: _At, _: int) -> Iterator[Line]:
    for out in _outputs(at):
        yield from _of_softmax(at, out)


def _of_softmax(at: _At, out: _Output) -> Iterator[Line]:
    t, n, y, p, o = str(at.t), out.n, out.y, at.value(out.p), out.logits
    own, total = latex(out.loss), float(y.sum())
    e = np.exp(o - o.max())
    log_sum = float(o.max() + np.log(e.sum()))
    loss = float(at.value(out.loss)[0])
    if out.o is None:
        yield at.line(
            "A4", f"The argument of the softmax has no name here; it is called ${out.o_()}$ below.",
            f"{out.o_()} = {at.cell.latex_of(out.expression)}", f"{out.o_(at=t)} = {_M(o)}", o,
            _only(interpreter.value(at.cell, out.expression, at.look), n), _BY_DEFINITION,
        )  # fmt: skip

    # question 2: the loss as a function of o
    if out.classes:
        left = rf"\log p(y^{{(t)}}) = \log {out.p_('y')}"
        symbols = (
            rf"{left} = \log \frac{{e^{{{out.o_('y')}}}}}{{\sum_j e^{{{out.o_('j')}}}}}"
            rf" = {out.o_('y')} - \log \sum_j e^{{{out.o_('j')}}}"
        )
        numbers = rf"\log p(y^{{({t})}}) = {_N(float(o @ y))} - {_signed(log_sum)} = {_N(-loss)}"
    else:
        symbols = (
            rf"-{own}^{{(t)}} = \sum_i {out.y_('i')} \log {out.p_('i')} = "
            rf"\sum_i {out.y_('i')} \left({out.o_('i')} - \log \sum_j e^{{{out.o_('j')}}}\right)"
        )
        numbers = rf"-{own}^{{({t})}} = {_sum(y * (o - log_sum))} = {_N(-loss)}"
    elements = _each(n, lambda i: (
        rf"{out.y_(str(i + 1), t)} \left({out.o_(str(i + 1), t)} - \log \sum_j e^{{{out.o_('j', t)}}}\right) ="
        rf" {_N(y[i])} \cdot \left({_N(o[i])} - {_signed(log_sum)}\right) = {_N(y[i] * (o[i] - log_sum))}"
    ))  # fmt: skip
    yield at.line(
        "A4", "Question 2, which comes first: the log-probability as a function of $o$. With the softmax put in, the logarithm"
        " of the quotient is a difference, and the logarithm undoes the exponential.",
        symbols, numbers, float(y @ (o - log_sum)), -loss, _BY_SIDES, elements,
        floor=float(np.abs(o).max()) + abs(log_sum),
    )  # fmt: skip

    # question 3: the indicator
    if out.classes:
        k = int(at.run.y[at.t - 1, at.sample])
        symbols = (
            r"\mathbf{1}_{i, y^{(t)}} = \mathbf{1}\left[i = y^{(t)}\right]"
            rf" = \frac{{\partial {out.o_('y')}}}{{\partial {out.o_('i')}}}"
        )
        said = (
            "Question 3, what the indicator means: 1 where $i$ is the class that is right, else 0; as a vector, the target"
            rf" with its single 1. Here the class is {k}, counted from 0, which is entry {k + 1}."
        )
        right = _slopes(lambda o: o[:, k : k + 1], o)[0]
    else:
        symbols = rf"\sum_k {out.y_('k')} \frac{{\partial {out.o_('k')}}}{{\partial {out.o_('i')}}} = {out.y_('i')}"
        said = "Question 3, what stands in place of the indicator where the target is a distribution: its entry."
        right = _slopes(lambda o: (o @ y)[:, None], o)[0]
    yield at.line("A4", said, symbols, rf"{out.y_(at=t)} = {_M(y)}", y, right, floor=0.0)

    # question 1, directly
    head = rf"\frac{{\partial {own}^{{(t)}}}}{{\partial {out.o_('i')}}}"
    own_y = r"\mathbf{1}_{i, y^{(t)}}" if out.classes else out.y_("i")
    share = rf"\frac{{e^{{{out.o_('i')}}}}}{{\sum_j e^{{{out.o_('j')}}}}}"
    factor = "" if out.classes else r"\left(\textstyle\sum_k " + out.y_("k") + r"\right) "
    elements = _each(n, lambda i: (
        rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {out.o_(str(i + 1), t)}}} = "
        + (rf"{_N(p[i])} - {_N(y[i])}" if out.classes else rf"{_N(p[i])} \cdot {_N(total)} - {_N(y[i])}")
        + f" = {_N(out.exact[i])}"
    ))  # fmt: skip
    yield at.line(
        "A4", "Question 1, the derivative, the short way: the first term of the difference gives the indicator, the"
        " logarithm of the sum gives the softmax" + (", (10.18)." if out.classes else "; it is (10.18) with the target's entry in"
        " place of the indicator."),
        rf"{head} = -{own_y} + {factor}{share} = {factor}{out.p_('i')} - {own_y}",
        _M(p) + ("" if out.classes else rf" \cdot {_N(total)}") + f" - {_M(y)} = {_M(out.exact)}",
        p * total - y, out.exact, elements=elements, floor=float(np.abs(p).max()),
    )  # fmt: skip

    yield from _through_y_hat(at, out, p, y)
    yield from _matrix_form(at, out, p, y)
    if out.o is not None and out.alone:
        gradient, by, near = at.by_disturbance(out.o, at.t)
        yield at.line(
            "A4", "With the factor of this loss in the total, the gradient of the total loss"
            + (", (10.18)." if out.classes else "."),
            rf"{notation.nabla(out.o, 't')} = \frac{{\partial L}}{{\partial {own}^{{(t)}}}}"
            rf" \left({_joint(out)}\right)",
            rf"{notation.nabla(out.o, t)} = {_M(at.grad(out.loss))} \cdot {_M(out.exact)} = {_M(at.grad(out.o))}",
            at.grad(out.loss)[0] * (p * total - y), gradient, by, tolerance=near,
        )  # fmt: skip


def _joint(out: _Output) -> str:
    return (out.row.latex_joint or "").format(p=out.p_(), y=out.y_()) if not out.classes else f"{out.p_()} - {out.y_()}"


def _through_y_hat(at: _At, out: _Output, p: Array, y: Array) -> Iterator[Line]:
    """The same by way of ŷ, with the Jacobian of the softmax."""
    t, n, own = str(at.t), out.n, latex(out.loss)
    jacobian = np.diag(p) - np.outer(p, p)
    exact = _slopes(SOFTMAX.definition, out.logits)
    e_i, e_j, S = rf"e^{{{out.o_('i')}}}", rf"e^{{{out.o_('j')}}}", r"\Sigma"
    head = rf"\frac{{\partial {out.p_('i')}}}{{\partial {out.o_('j')}}}"
    quotient = rf"\Sigma = \sum_k e^{{{out.o_('k')}}}"
    same, other = (
        rf"i = j: \quad \frac{{{e_i} {S} - {e_i} {e_i}}}{{{S}^2}} &= {out.p_('i')} \left(1 - {out.p_('i')}\right)",
        rf"i \ne j: \quad \frac{{0 \cdot {S} - {e_i} {e_j}}}{{{S}^2}} &= -{out.p_('i')}\, {out.p_('j')}",
    )
    yield at.line(
        "A5", "The long way, through the probabilities. First the softmax by the quotient rule, in its two cases.",
        rf"\begin{{aligned}} {quotient}: \quad {same} \\ {other} \end{{aligned}}",
        rf"\frac{{\partial {out.p_(at=t)}}}{{\partial {out.o_(at=t)}}} = {_M(jacobian)}", jacobian, exact, floor=0.0,
    )  # fmt: skip

    def row(i: int) -> list[str]:
        return list(_each(n, lambda j: (
            rf"\frac{{\partial {out.p_(str(i + 1), t)}}}{{\partial {out.o_(str(j + 1), t)}}} ="
            rf" {_N(p[i])} \left({int(i == j)} - {_N(p[j])}\right) = {_N(jacobian[i, j])}"
        )))  # fmt: skip

    yield at.line(
        "A5", r"Both cases in one, with $\delta_{ij}$ for 1 where $i = j$ and 0 elsewhere; as a matrix,"
        rf" ${SOFTMAX.latex_jacobian.format(h=out.p_())}$.",
        rf"{head} = {out.p_('i')} \left(\delta_{{ij}} - {out.p_('j')}\right)",
        rf"\operatorname{{diag}} {_M(p)} - {_M(p)} {_M(p[None])} = {_M(jacobian)}", exact, jacobian,
        elements=_each(n, row), floor=0.0,
    )  # fmt: skip
    pull = np.asarray(-np.divide(y, p, out=np.zeros(n), where=y != 0))
    by_step = _slopes(lambda q: out.row.definition(q, out.raw), p)[0]
    yield at.line(
        "A4", "Then the loss by the probabilities: the derivative of the logarithm.",
        rf"\frac{{\partial {own}^{{(t)}}}}{{\partial {out.p_('i')}}} = -\frac{{{out.y_('i')}}}{{{out.p_('i')}}}",
        rf"\nabla_{{{out.p_(at=t)}}} {own}^{{({t})}} = {_M(pull)}", pull, by_step, floor=0.0,
        elements=_each(n, lambda i: rf"-\frac{{{_N(y[i])}}}{{{_N(p[i])}}} = {_N(pull[i])}"),
    )  # fmt: skip
    together = -(y[:, None] * (np.eye(n) - p[None])).sum(axis=0)
    yield at.line(
        "A4", rf"The two multiplied and summed over $i$: each ${out.p_('i')}$ cancels, and what is left is the short way's.",
        rf"\begin{{aligned}} \frac{{\partial {own}^{{(t)}}}}{{\partial {out.o_('j')}}}"
        rf" &= \sum_i \left(-\frac{{{out.y_('i')}}}{{\cancel{{{out.p_('i')}}}}}\right)"
        rf" \cancel{{{out.p_('i')}}} \left(\delta_{{ij}} - {out.p_('j')}\right)"
        rf" = -\sum_i {out.y_('i')} \left(\delta_{{ij}} - {out.p_('j')}\right) \\"
        rf" &= -{out.y_('j')} + {out.p_('j')} \sum_i {out.y_('i')} = {out.p_('j')}"
        + (r" - \mathbf{1}_{j, y^{(t)}}" if out.classes else rf" \sum_i {out.y_('i')} - {out.y_('j')}")
        + r" \end{aligned}",
        rf"{_M(jacobian)} {_M(pull)} = {_M(together)}", together, out.exact, floor=float(np.abs(p).max()),
        elements=_each(n, lambda j: (
            rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {out.o_(str(j + 1), t)}}} = -\left["
            + _plus([rf"{_N(y[i])} \left({int(i == j)} - {_N(p[j])}\right)" for i in _units(n)])
            + (r" + \cdots" if n > notation.WIDE else "") + rf"\right] = {_N(together[j])}"
        )),
    )  # fmt: skip


def _matrix_form(at: _At, out: _Output, p: Array, y: Array) -> Iterator[Line]:
    matrix = np.outer(p, np.ones(out.n)) - np.eye(out.n)
    yield at.line(
        "A10", r"The same for all $i$ at once: each column of the matrix is $\hat{y}$ less a unit vector. Where the targets"
        r" sum to 1 it is $\hat{y} - y$, the book's form.".replace(r"\hat{y}", latex(out.p)),
        rf"\nabla_{{{out.o_()}}} {latex(out.loss)}^{{(t)}} = \left({out.p_()} \mathbf{{1}}^\top - I\right) {out.y_()}"
        rf" = {_joint(out)}",
        rf"{_M(matrix)} {_M(y)} = {_M(matrix @ y)}", matrix @ y, out.exact, floor=float(np.abs(p).max()),
        elements=_each(out.n, lambda i: _plus(
            [rf"\left({_N(matrix[i, k])}\right) \cdot {_N(y[k])}" for k in _units(out.n)]
        ) + (r" + \cdots" if out.n > notation.WIDE else "") + f" = {_N(float(matrix[i] @ y))}"),
    )  # fmt: skip


# The long way round, A11 -----------------------------------------------------------------------------------------


def _matrix_into(cell: Cell, out: _Output) -> tuple[str, str] | None:
    """The V and the h of o = … + V h + …, where h is a node of the step that o reads in no other place."""
    expression = cell.equations[out.o].expression if out.o is not None else out.expression
    found = [pair for pair in _times(expression) if pair[1] in cell.equations]
    reads = [read.name for read in cell.reads[out.o or out.p] if not read.lag]
    return next((pair for pair in reversed(found) if reads.count(pair[1]) == 1), None)


def _has_long_way(run: Run) -> str:
    at = _At(run, 1, 0)
    if any(_matrix_into(run.cell, out) for out in _outputs(at)):
        return ""
    return "It needs the nll of a softmax of o = … + V h, a matrix times a node of the step."


def _long_way(at: _At, _: int) -> Iterator[Line]:
    for out in _outputs(at):
        pair = _matrix_into(at.cell, out)
        if pair is not None:
            yield from _by_probabilities(at, out, *pair)


def _by_probabilities(at: _At, out: _Output, V: str, h: str) -> Iterator[Line]:
    """∂L(t)/∂h by way of ∂ŷ/∂h, with the cancellation."""
    t = str(at.t)
    matrix, value, p, y = np.asarray(at.run.parameters[V], np.float64), at.value(h), at.value(out.p), out.y
    n, m, own, total = out.n, len(value), latex(out.loss), float(out.y.sum())
    rest = out.logits - matrix @ value

    def v(i: str, j: str) -> str:
        return notation.indexed(V, i, j)

    def h_(j: str, at: str = "t") -> str:
        return _entry(h, j, at)

    exact = _slopes(lambda h: SOFTMAX.definition(rest + h @ matrix.T), value)
    jacobian = p[:, None] * (matrix - p @ matrix)
    head = rf"\frac{{\partial {out.p_('i')}}}{{\partial {h_('j')}}}"
    e = rf"e^{{{out.o_('i')}}}"
    both = rf"\sum_k {v('k', 'j')}\, e^{{{out.o_('k')}}}"

    def slopes(i: int) -> list[str]:
        return list(_each(m, lambda j: (
            rf"\frac{{\partial {out.p_(str(i + 1), t)}}}{{\partial {h_(str(j + 1), t)}}} = -{_N(p[i])} \left["
            + _plus([
                rf"{_signed(matrix[k, j])} " + (rf"\left({_N(p[k])} - 1\right)" if k == i else rf"\cdot {_N(p[k])}")
                for k in _units(n)
            ]) + (r" + \cdots" if n > notation.WIDE else "") + rf"\right] = {_N(jacobian[i, j])}"
        )))  # fmt: skip

    yield at.line(
        "A11", rf"How a probability changes with ${latex(h)}$, by the quotient rule, with $\Sigma = \sum_k e^{{{out.o_('k')}}}$."
        " The index of $v$ is that of the summand, $k$.",
        rf"\begin{{aligned}} {head} &= \frac{{{v('i', 'j')}\, {e}\, \Sigma - {e} {both}}}{{\Sigma^2}} \\"
        rf" &= {out.p_('i')} \left({v('i', 'j')} - \sum_k {v('k', 'j')}\, {out.p_('k')}\right) \end{{aligned}}",
        rf"\frac{{\partial {out.p_(at=t)}}}{{\partial {h_('', t)}}} = {_M(jacobian)}", jacobian, exact, floor=0.0,
        elements=_each(n, slopes),
    )  # fmt: skip
    product = (np.diag(p) - np.outer(p, p)) @ matrix
    yield at.line(
        "A11", f"As a matrix, {n} by {m}: the Jacobian of the softmax times ${latex(V)}$.",
        rf"\frac{{\partial {out.p_()}}}{{\partial {h_('')}}} = {SOFTMAX.latex_jacobian.format(h=out.p_())}\, {latex(V)}",
        rf"{_M(np.diag(p) - np.outer(p, p))} {_M(matrix)} = {_M(product)}", product, exact, floor=0.0,
    )  # fmt: skip
    pull = -np.divide(y, p, out=np.zeros(n), where=y != 0)
    by_step = _slopes(lambda h: out.row.definition_joint(rest + h @ matrix.T, np.repeat(out.raw[:1], m, 0)), value)[0]  # type: ignore[misc]
    left = rf"\frac{{\partial {own}^{{(t)}}}}{{\partial {h_('j')}}}"
    largest = float(np.abs(matrix).max())
    yield at.line(
        "A11", rf"Then the loss, by the chain rule over all the probabilities, with one minus sign: each ${out.p_('i')}$"
        " that seemed to be left over cancels.",
        rf"\begin{{aligned}} {left} &= \sum_i \frac{{\partial {own}^{{(t)}}}}{{\partial {out.p_('i')}}} {head}"
        rf" = -\sum_i \frac{{{out.y_('i')}}}{{\cancel{{{out.p_('i')}}}}}\, \cancel{{{out.p_('i')}}}"
        rf" \left({v('i', 'j')} - \sum_k {v('k', 'j')}\, {out.p_('k')}\right) \\"
        rf" &= -\sum_i {out.y_('i')}\, {v('i', 'j')} + \left(\sum_i {out.y_('i')}\right) \sum_k {v('k', 'j')}\, {out.p_('k')}"
        r" \end{aligned}",
        rf"{_M(jacobian.T)} {_M(pull)} = {_M(jacobian.T @ pull)}", jacobian.T @ pull, by_step, floor=largest,
        elements=_each(m, lambda j: (
            rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {h_(str(j + 1), t)}}} = -\left["
            + _plus([
                rf"\frac{{{_N(y[i])}}}{{\cancel{{{_N(p[i])}}}}} \cdot \cancel{{{_N(p[i])}}}"
                rf" \left({_N(matrix[i, j])} - {_signed(float(p @ matrix[:, j]))}\right)" for i in _units(n)
            ]) + (r" + \cdots" if n > notation.WIDE else "") + rf"\right] = {_N(float(by_step[j]))}"
        )),
    )  # fmt: skip
    at_o = p * total - y
    yield at.line(
        "A11", "What is left is the short way's: the transposed matrix times the gradient at $o$.",
        rf"\nabla_{{{h_('')}}} {own}^{{(t)}} = {latex(V)}^\top \left({_joint(out)}\right)",
        rf"{_M(matrix.T)} {_M(at_o)} = {_M(matrix.T @ at_o)}", matrix.T @ at_o, by_step, floor=largest,
        elements=_each(m, lambda j: (
            rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {h_(str(j + 1), t)}}} = "
            + _sum([float(matrix[i, j] * at_o[i]) for i in range(n)]) + f" = {_N(float(by_step[j]))}"
        )),
    )  # fmt: skip


# Back to a node, A6 and A7 ---------------------------------------------------------------------------------------


def _backward(at: _At, name: str, row: str, said: str, t: int | None = None) -> Line:
    """The gradient at a node as the sum over its outgoing edges, against a disturbance of the node."""
    t = at.t if t is None else t
    back = explain.backward(at.run, name, t, at.sample)
    gradient, by, near = at.by_disturbance(name, t)
    terms = [_N(back.seed)] if back.seed is not None else []
    terms += [_M(message.vector) for message in back.messages]
    left = notation.nabla(name, str(t))
    numbers = _filled(left, _plus(terms), back.gradient) if len(terms) > 1 else f"{left} = {_plus(terms)}"
    total = np.sum([message.vector for message in back.messages], axis=0) if back.messages else 0.0
    return at.line(
        row, said, back.symbols, numbers, np.broadcast_to(total + (back.seed or 0.0), gradient.shape), gradient, by,
        _unit_gradients(at, name, t), tolerance=near,
    )  # fmt: skip


def _unit_gradients(at: _At, name: str, t: int) -> tuple[str, ...]:
    """The sums of the messages, unit by unit: the products that a message is the sum of, where its edge is a plain one."""
    back = explain.backward(at.run, name, t, at.sample)
    if not back.messages:
        return ()
    n, cancelled = len(back.gradient), {at.cell.reads[loss][0].name for loss in at.cell.nodes if at.cell.logits(loss)}
    parts = []
    for message in back.messages:
        target, step = message.target
        if target in cancelled or message.read.name in [r.name for r in at.cell.reads[target] if r != message.read]:
            parts.append([_signed(float(value)) for value in message.vector])
        else:
            slopes = _direct(_At(at.run, step, at.sample), target, message.read)
            parts.append([_products(slopes[:, i], at.grad(target, step)) for i in range(n)])
    seed = [] if back.seed is None else [_N(back.seed)]
    return _each(n, lambda i: (
        rf"\frac{{\partial L}}{{\partial {_entry(name, str(i + 1) if n > 1 else '', str(t))}}} = "
        + _plus([*seed, *(part[i] for part in parts)]) + f" = {_N(float(back.gradient[i]))}"
    ))  # fmt: skip


def _products(slopes: Array, gradients: Array) -> str:
    """Σ_k slope_k · gradient_k, without the units that the edge does not join."""
    joined = [k for k in range(len(slopes)) if slopes[k]]
    shown = [rf"{_signed(slopes[k])} \cdot {_signed(gradients[k])}" for k in joined]
    return _plus(shown if len(shown) <= _SUMMANDS else [*shown[: _SUMMANDS - 2], r"\cdots", shown[-1]])


def _node_by_node(at: _At, _: int) -> Iterator[Line]:
    names = [*reversed(at.cell.nodes), *(["x"] if at.cell.reads_x else [])]
    at.disturb(names, at.t)
    for name in names:
        targets = dict.fromkeys(read for node in at.cell.nodes for read in at.cell.reads[node] if read.name == name)
        here, later = any(not read.lag for read in targets), any(read.lag for read in targets)
        if name in at.cell.losses:
            said = f"The loss ${latex(name)}$: its factor in the total" + (", and what reads it." if targets else ".")
        elif not targets:
            said = f"Nothing reads ${latex(name)}$."
        else:
            said = f"The node ${latex(name)}$: a term for each edge that leaves it" + (
                ", within the step and to later ones." if here and later else ", to later steps." if later else "."
            )
        yield _backward(at, name, "A3" if name in at.cell.losses else "A7", said)


def _has_states(run: Run) -> str:
    return "" if run.cell.states else "It needs a node that a later step reads: this network has no memory."


def _readers(cell: Cell, name: str, now: bool) -> str:
    """The nodes that read a node in its own step, or in later ones, in words."""
    found = [
        f"${latex(target)}$" for target in cell.nodes
        if any(read.name == name and (not read.lag) == now for read in cell.reads[target])
    ]  # fmt: skip
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found) or "none"


def _recursion(at: _At, _: int) -> Iterator[Line]:
    run, of_the_book = at.run, _is_books(at.run)
    for t in {run.T, at.t}:
        at.disturb(at.cell.states, t)
    at.disturb([name for name in at.cell.states if at.t <= at.cell.lags[name]], 0)
    for name in at.cell.states:
        h = latex(name)
        yield _backward(
            at, name, "A6", rf"At the last step, $t = \tau = {run.T}$, nothing comes after: what reads ${h}$ in the same step"
            f" sends back all there is, {_readers(at.cell, name, now=True)}" + (", (10.19)." if of_the_book else "."), run.T,
        )  # fmt: skip
        if at.t < run.T:
            yield _backward(
                at, name, "A7", f"At step {at.t} a term for each node that reads ${h}$: of the same step"
                f" {_readers(at.cell, name, now=True)}, of later ones {_readers(at.cell, name, now=False)}"
                + (", (10.21)." if of_the_book else "."),
            )  # fmt: skip
    name = _book_like(at.cell)
    if name and at.t < run.T:
        yield from _one_step_back(at, name)
    for name in at.cell.states:
        if at.t <= at.cell.lags[name]:
            yield _backward(
                at, name, "A7", rf"At $t = 0$ there is no output: the gradient at the initial ${latex(name)}$ comes from later"
                " steps alone.", 0
            )  # fmt: skip


def _book_like(cell: Cell) -> str:
    """The state of a cell that carries nothing but it, one step on, and whose losses see the past through it; else ""."""
    if len(cell.states) != 1 or cell.lags[cell.states[0]] != 1:
        return ""
    state = cell.states[0]
    past = {node for node in cell.nodes if any(read.lag for read in cell.reads[node])}
    for node in cell.nodes:  # what reads the past, though not by way of the state of this step
        if node != state and any(
            read.name in past and read.name != state and not read.lag for read in cell.reads[node]
        ):
            past.add(node)
    past -= {state}
    return "" if past & set(cell.losses) else state


def _one_step_symbols(cell: Cell, name: str) -> str:
    """(∂h(t+1)/∂h(t))ᵀ as products of what stands on the edges of each path; "" if there are many."""
    found: list[str] = []

    def walk(node: str, factors: list[str]) -> None:
        if node == name:
            sign = "-" * (sum(factor.startswith("-") for factor in factors) % 2)  # in front of the whole product
            found.append(sign + (r"\,".join(factor.removeprefix("-") for factor in factors if factor) or "I"))
            return
        for target in cell.nodes:
            for read in cell.reads[target]:
                if read.name == node and not read.lag and len(found) <= 6:
                    walk(target, [*factors, explain.chain(cell, target, read, 1)])

    for target in cell.nodes:
        for read in cell.reads[target]:
            if read.name == name and read.lag and len(found) <= 6:
                walk(target, [explain.chain(cell, target, read, 1)])
    return _plus(found) if len(found) <= 6 else ""


def _factor(name: str, k: int) -> str:
    """(∂h(t+k)/∂h(t+k−1))ᵀ."""
    above, below = (notation.at_step(name, (), notation.step(j)) for j in (k, k - 1))
    return rf"\left(\frac{{\partial {above}}}{{\partial {below}}}\right)^\top"


def _own_symbols(cell: Cell, name: str) -> str:
    reads = [
        (target, read) for target in cell.nodes for read in cell.reads[target] if read.name == name and not read.lag
    ]
    return _plus([explain.flow(cell, target, read) for target, read in reads])


def _one_step_back(at: _At, name: str) -> Iterator[Line]:
    after = at.moved(1)
    jacobian, own, later = after.step_jacobian(name, name), at.own(name), at.grad(name, at.t + 1)
    paths = _one_step_symbols(at.cell, name)
    n = len(own)
    by_paths = _by_paths(after, name)
    head = _factor(name, 1)
    yield at.line(
        "A7", rf"What ${latex(name)}$ does to itself one step later: on each path the factors of its edges, transposed.",
        f"{head} = {paths}" if paths else head, f"{_later_number(head, at.t)} = {_M(jacobian.T)}", by_paths, jacobian, floor=0.0,
    )  # fmt: skip
    gradient, by, near = at.by_disturbance(name, at.t)
    total = own + jacobian.T @ later
    yield at.line(
        "A7", "So the gradient is that of the step's own loss and the next step's, sent back through this Jacobian"
        + (", (10.20)." if _is_books(at.run) else "."),
        f"{notation.nabla(name, 't')} = {_own_symbols(at.cell, name)} + {head} {notation.nabla(name, 't+1')}",
        _filled(notation.nabla(name, str(at.t)), f"{_M(own)} + {_M(jacobian.T)} {_M(later)}", total), total, gradient, by,
        tolerance=near, elements=_each(n, lambda i: (
            rf"\frac{{\partial L}}{{\partial {_entry(name, str(i + 1) if n > 1 else '', str(at.t))}}} = {_N(own[i])} + "
            + _plus([rf"{_signed(jacobian[k, i])} \cdot {_signed(later[k])}" for k in _units(n)])
            + (r" + \cdots" if n > notation.WIDE else "") + f" = {_N(float(total[i]))}"
        )),
    )  # fmt: skip


def _by_paths(at: _At, name: str) -> Array:
    """∂h(t)/∂h(t−1) by the backward rules of the nodes, a row for each unit of h(t)."""
    n = at.run.sizes[name]
    grads: dict[str, Array] = {name: np.eye(n)[None]}
    result = np.zeros((n, n))
    for node in reversed(at.cell.nodes):
        if node in grads:
            for read, message in interpreter.pull(at.cell, node, grads[node], lambda *of: _repeated(at, n, *of)):
                if read.name == name and read.lag:
                    result += message[0]
                elif not read.lag and read.name in at.cell.equations and read.name != name:
                    grads[read.name] = grads.get(read.name, 0) + message
    return result


def _repeated(at: _At, rows: int, name: str, lag: int) -> Array:
    array = at.look(name, lag)
    return array if name in at.run.parameters else np.repeat(array, rows, axis=1)


# The recursion put into itself, A8 -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recursion:
    """own[k] + factors[k]ᵀ (own[k+1] + factors[k+1]ᵀ (… last)); left, owns, heads, end are the same in LaTeX.

    names   what the sum is called after each bracket, from the outermost; the last is `end`
    """

    own: list[Array]
    factors: list[Array]
    last: Array | None
    owns: list[str]
    heads: list[str]
    names: list[str]

    @property
    def nested(self) -> list[Array]:
        """The value of each bracket, from the outermost to the innermost."""
        inner = self.last
        found = [] if inner is None else [inner]
        for k in range(len(self.own) - 1, -1, -1):
            inner = self.own[k] if inner is None else self.own[k] + self.factors[k].T @ inner
            found.append(inner)
        return found[::-1]

    @property
    def terms(self) -> list[tuple[str, Array]]:
        """Multiplied out: a term for each own, and one for the last."""
        found, product, heads = list[tuple[str, Array]](), np.eye(len(self.own[0])), list[str]()
        ends = [
            *zip(self.own, self.owns, strict=True),
            *([(self.last, self.names[-1])] if self.last is not None else []),
        ]
        for k, (vector, text) in enumerate(ends):
            found.append((r"\,".join([*heads, text]), product @ vector))
            if k < len(self.factors):
                product, heads = product @ self.factors[k].T, [*heads, self.heads[k]]
        return found


def _can_expand(run: Run) -> str:
    if reason := _has_states(run):
        return reason
    units = sum(lag * run.sizes[name] for name, lag in run.cell.lags.items())
    return f"{units} units are carried from step to step; up to {MAX_UNITS} are taken apart." * (units > MAX_UNITS)


def _expanded(at: _At, levels: int) -> Iterator[Line]:
    run, name = at.run, _book_like(at.cell)
    if at.t == run.T:
        state = name or at.cell.states[0]
        yield _backward(at, state, "A8", "At the last step there is nothing to put in: choose an earlier one.")
        return
    m = min(levels, run.T - at.t)
    if name:
        yield from _book_expansion(at, name, m)
    else:
        yield from _joint_expansion(at, m)


def _book_expansion(at: _At, name: str, m: int) -> Iterator[Line]:
    ends = at.t + m == at.run.T
    own = [at.moved(k).own(name) for k in range(m + ends)]
    symbols = _own_symbols(at.cell, name)
    recursion = _Recursion(
        own, [at.moved(k).step_jacobian(name, name) for k in range(1, m + 1)],
        None if ends else at.grad(name, at.t + m), [_later(symbols, k) for k in range(m + ends)],
        [_factor(name, k) for k in range(1, m + 1)], [notation.nabla(name, notation.step(k)) for k in range(m + 1)],
    )  # fmt: skip
    gradient, by, near = at.by_disturbance(name, at.t)
    yield from _both_forms(at, recursion, gradient, by, near, "the outputs")
    parts = expand(at.run, name, at.t, at.sample).terms
    own_terms = [vector for _, vector in recursion.terms[: len(own)]]
    yield at.line(
        "A8", "Each term is what the loss of one step gives, by way of the states between: the same as the gradient of that"
        " loss alone.",
        rf"{notation.nabla(name, 't')} = \sum_{{s=t}}^{{\tau}} \nabla_{{{notation.at_step(name, (), 't')}}} L^{{(s)}}",
        _aligned([
            rf"\nabla_{{{at.now(name)}}} L^{{({part.s})}} &= {_M(part.vector)}"
            for part in parts[: len(own)]
        ]),
        np.array(own_terms), np.array([part.vector for part in parts[: len(own)]]),
        "the gradient of each step's loss, carried back by itself",
    )  # fmt: skip


def _both_forms(
    at: _At, recursion: _Recursion, gradient: Array, by: str, near: float, said: str, left: str = ""
) -> Iterator[Line]:
    nested, terms = recursion.nested, recursion.terms
    left = left or recursion.names[0]
    depth = len(recursion.heads)
    rows, open_ = list[str](), ""
    for k, own in enumerate(recursion.owns):
        text = f"{left} &= {own}" if not k else r"&\quad" + r"\quad" * (k - 1) + f" {open_} {own}"
        rows.append(text)
        open_ = rf"+ {recursion.heads[k]} \Bigl[" if k < depth else ""
    if recursion.last is not None:
        rows.append(r"&\quad" + r"\quad" * (depth - 1) + f" {open_} {recursion.names[-1]}")
    rows[-1] += r"\Bigr]" * depth
    values = list(zip(recursion.names, nested, strict=False))
    steps = [
        f"{_later_number(text, at.t)} &= {_M(value)}" if k == len(values) - 1 else
        f"{_later_number(text, at.t)} &= {_M(recursion.own[k])} + {_M(recursion.factors[k].T)} {_M(nested[k + 1])} = {_M(value)}"
        for k, (text, value) in enumerate(values)
    ]  # fmt: skip
    yield at.line(
        "A8", f"The recursion put into itself {depth} time{'s' * (depth > 1)}, as the text nests it. In numbers, from the"
        " innermost bracket out.", _aligned(rows), _aligned(steps[::-1]), nested[0], gradient, by, tolerance=near,
    )  # fmt: skip
    total = np.sum([vector for _, vector in terms], axis=0)
    yield at.line(
        "A8", f"Multiplied out: a sum over {said}, with a factor more for each step further on.",
        _aligned([f"{left} &= {terms[0][0]}", *(rf"&\quad + {text}" for text, _ in terms[1:])]),
        _filled(_later_number(left, at.t), _plus([_M(vector) for _, vector in terms]), total),
        total, nested[0], _BY_SIDES, tuple(f"{_later_number(text, at.t)} = {_M(vector)}" for text, vector in terms),
    )  # fmt: skip


def _joint_expansion(at: _At, m: int) -> Iterator[Line]:
    """For cells that carry several states, or one for several steps: z holds all that is carried, c what comes back to it."""
    cell, run = at.cell, at.run
    states = [(name, j) for name in cell.states for j in range(cell.lags[name])]
    first = cell.states[0]

    def stacked(carried: Mapping[str, Array]) -> Array:
        return np.concatenate([carried[name][-1 - j] for name, j in states])

    def z(k: int) -> str:
        return rf"z^{{({notation.step(k)})}}"

    def c(k: int) -> str:
        return rf"c^{{({notation.step(k)})}}"

    parts = [notation.at_step(name, (), notation.step(-j)) for name, j in states]
    n, size = run.sizes[first], sum(run.sizes[name] for name, _ in states)
    into = _transposed(at.disturbed(n, {first: np.eye(n)}), cell, at, n, first)
    carried = stacked(at.carried())
    gradient, by, near = at.by_disturbance(first, at.t)
    own = at.own(first)
    z_by = rf"\left(\frac{{d {z(0)}}}{{d {notation.at_step(first, (), 't')}}}\right)^\top"
    yield at.line(
        "A8", "This cell carries more than one vector on. Take them as one, $z$, and call what comes back to it from all later"
        " steps $c$.",
        rf"\begin{{aligned}} {z(0)} &= \left({', '.join(parts)}\right) \\ {notation.nabla(first, 't')} &="
        rf" \nabla_{{{notation.at_step(first, (), 't')}}} L^{{(t)}} + {z_by} {c(0)} \end{{aligned}}",
        _filled(notation.nabla(first, str(at.t)), f"{_M(own)} + {_M(into)} {_M(carried)}", own + into @ carried),
        own + into @ carried, gradient, by, tolerance=near,
    )  # fmt: skip
    ends = at.t + m == run.T
    owns, factors = [], []
    for k in range(1, m + 1):
        after = at.moved(k)
        directions, row = {}, 0
        for name in cell.states:
            direction = np.zeros((cell.lags[name], size, run.sizes[name]))
            for j in range(cell.lags[name]):
                direction[-1 - j, row : row + run.sizes[name]] = np.eye(run.sizes[name])
                row += run.sizes[name]
            directions[name] = direction
        changes = after.disturbed(size, before=directions)
        owns.append(after.losses(changes))
        factors.append(
            np.concatenate([changes[name] if not j else directions[name][-j] for name, j in states], axis=1).T
        )
    recursion = _Recursion(
        owns, factors[: m - ends], None if ends else stacked(at.moved(m).carried()),
        [rf"\nabla_{{{z(k - 1)}}} L^{{({notation.step(k)})}}" for k in range(1, m + 1)],
        [rf"\left(\frac{{\partial {z(k)}}}{{\partial {z(k - 1)}}}\right)^\top" for k in range(1, m + 1 - ends)],
        [c(k) for k in range(m + 1 - ends)],
    )  # fmt: skip
    yield from _both_forms(
        at, recursion, carried, "what the run's edges carry back", at.tolerance, "the losses of later steps"
    )


def _transposed(changes: Mapping[str, Array], cell: Cell, at: _At, n: int, first: str) -> Array:
    """(dz(t)/dh(t))ᵀ from the changes of a step's nodes: what was carried longer does not change."""
    return np.concatenate([
        changes[name] if not j else np.zeros((n, at.run.sizes[name])) for name in cell.states for j in range(cell.lags[name])
    ], axis=1)  # fmt: skip


# Copies of the parameters, A12 -----------------------------------------------------------------------------------

#: Where the book has a parameter of the network of chapter 10.
_BOOK: Mapping[str, str] = MappingProxyType(
    {"c": "(10.22)", "b": "(10.23)", "V": "(10.24)", "W": "(10.25), (10.26)", "U": "(10.27), (10.28)"}
)


def _has_parameters(run: Run) -> str:
    return "" if run.parameters else "This network has no parameter."


def _copies(at: _At, _: int) -> Iterator[Line]:
    at.disturb(at.cell.parameters, None)
    for name in at.cell.parameters:
        yield _copy(at, name, "A12")
        yield _shared(at, name)


def _copy(at: _At, name: str, row: str, said: str = "") -> Line:
    """The gradient at the copy of a parameter that this step uses, for this sample, against a disturbance of the copy."""
    cell, run = at.cell, at.run
    terms, vectors = list[str](), list[Array]()
    for target in cell.nodes:
        for read in cell.reads[target]:
            if read.name == name:
                terms.append(explain.flow_to_parameter(cell, target, read))
                vectors.append(_to_parameter(at, target, read))
    total = np.sum(vectors, axis=0)
    entries = np.unique(
        np.linspace(0, total.size - 1, min(_ENTRIES, total.size, max(_WEIGHTS // total.size, 1))).astype(int)
    )
    directions = np.zeros((len(entries), total.size))
    directions[np.arange(len(entries)), entries] = 1
    changes = at.disturbed(len(entries), parameters={name: directions.reshape(-1, *total.shape)})
    found = at.losses(changes)
    for state, rows in at.carried().items():
        found = found + changes[state] @ rows[-1]
    own = rf"\nabla_{{{latex(name)}^{{(t)}}}} L"
    where = f", {_BOOK[name]} of the book" if _is_books(run) and name in _BOOK else ""
    said = said or (
        f"The copy of ${latex(name)}$ that step $t$ uses{where}: " + ("a gradient times a vector." if total.ndim == 2 else
        "a gradient as it is." if _is_plain(cell, name) else "a gradient and its factor.")
    )  # fmt: skip
    sample = "" if run.B == 1 else rf"\quad (n = {at.sample + 1})"
    return at.line(
        row, said, f"{own} = {_plus(terms)}", f"{_later_number(own, at.t)} = {_outer(at, name, total)}{sample}",
        total.reshape(-1)[entries], found, _BY_STEP + ", the copy alone being disturbed", _parameter_entries(at, name, total),
    )  # fmt: skip


def _is_plain(cell: Cell, name: str) -> bool:
    return all(
        not explain.chain(cell, target, read, 0)
        for target in cell.nodes for read in cell.reads[target] if read.name == name
    )  # fmt: skip


def _single(at: _At, name: str) -> tuple[str, Expression] | None:
    """The node and the vector of a matrix that is read in one place, where its equation's gradient is the factor as it is."""
    reads = [(target, read) for target in at.cell.nodes for read in at.cell.reads[target] if read.name == name]
    if len(reads) != 1 or explain.chain(at.cell, *reads[0], 0):
        return None
    target = reads[0][0]
    stack = [at.cell.equations[target].expression]
    while stack:
        part = stack.pop()
        if isinstance(part, Apply):
            if part.operation == "@" and isinstance(part.arguments[0], Name) and part.arguments[0].name == name:
                return target, part.arguments[1]
            stack += part.arguments
    return None


def _outer(at: _At, name: str, total: Array) -> str:
    single = _single(at, name)
    if single is None or total.ndim != 2:
        return _M(total)
    target, vector = single
    value = _only(interpreter.value(at.cell, vector, at.look), total.shape[1])
    return f"{_M(at.grad(target))} {_M(value[None])} = {_M(total)}"


def _parameter_entries(at: _At, name: str, total: Array) -> tuple[str, ...]:
    def entry(*index: int) -> str:
        one = notation.indexed(name, *(str(i + 1) for i in index))
        return rf"\frac{{\partial L}}{{\partial {one}^{{({at.t})}}}} = "

    if total.ndim == 1:
        return _each(len(total), lambda i: f"{entry(i)}{_N(total[i])}")
    single = _single(at, name)
    if single is None:
        return _each(len(total), lambda i: list(_each(total.shape[1], lambda j: f"{entry(i, j)}{_N(total[i, j])}")))
    value = _only(interpreter.value(at.cell, single[1], at.look), total.shape[1])
    delta = at.grad(single[0])
    return _each(len(total), lambda i: list(_each(
        total.shape[1],
        lambda j: rf"{entry(i, j)}{_N(delta[i])} \cdot {_signed(float(value[j]))} = {_N(total[i, j])}",
    )))  # fmt: skip


def _to_parameter(at: _At, target: str, read: Read) -> Array:
    """What a reading of a parameter gets at this step, for this sample alone, by the backward rule of its equation."""
    called = at.cell.operation(target)
    inside = called in FUNCTIONS or called == SOFTMAX.name
    step = slice(at.t - 1, at.t)
    grad = at.run.argument_grad(target, step) if inside else at.run.grad[target][step]
    here = grad[:, at.sample : at.sample + 1].astype(np.float64)
    found = interpreter.pull(at.cell, target, here, at.look, inside=inside, names=(read.name,))
    return next(message[0] for other, message in found if other == read)


def _shared(at: _At, name: str) -> Line:
    run = at.run
    norms, total, largest = list[str](), np.zeros(run.parameters[name].shape), 0.0
    for steps in run.portions():
        copies = run.step_grad(name, steps).astype(np.float64)
        norms += [_N(float(np.linalg.norm(copy))) for copy in copies]
        total += copies.sum(axis=0)
        largest = max(largest, float(np.abs(copies).max()))
    gradient, by, near = at.by_disturbance(name, None)
    own = rf"\nabla_{{{latex(name)}}} L"
    shown = norms if len(norms) <= _SUMMANDS else [*norms[: _SUMMANDS - 2], r"\cdots", norms[-1]]
    over = "" if run.B == 1 else f" of all {run.B} samples"
    scale = max(largest * _ROUNDINGS * float(np.finfo(run.dtype).eps) / at.tolerance, at.floor)
    return at.line(
        "A12", f"All steps use the same ${latex(name)}$, so its gradient is the sum over the copies{over}. The copies'"
        rf" norms are, from step 1, ${', '.join(shown)}$.",
        rf"{own} = \sum_{{t=1}}^{{\tau}} \nabla_{{{latex(name)}^{{(t)}}}} L", f"{own} = {_M(total)}", total, gradient, by,
        floor=scale, tolerance=near,
    )  # fmt: skip


# The LSTM, A13 ---------------------------------------------------------------------------------------------------


def _carousel(cell: Cell) -> tuple[str, str] | None:
    """The state s and the gate f of s = f ∘ s(t−1) + …, where f is a sigmoid that reads another state; else None."""
    for s in cell.states:
        summands = [cell.equations[s].expression]
        while summands:
            part = summands.pop()
            if not isinstance(part, Apply):
                continue
            if part.operation == "+":
                summands += part.arguments
            elif part.operation == "*":
                for gate, kept in (part.arguments, part.arguments[::-1]):
                    if (
                        isinstance(gate, Name) and isinstance(kept, Name) and (kept.name, kept.lag) == (s, 1)
                        and not gate.lag and cell.operation(gate.name) == "sigmoid"
                        and any(read.lag and read.name != s for read in cell.reads[gate.name])
                    ):  # fmt: skip
                        return s, gate.name
    return None


def _is_lstm(run: Run) -> str:
    return (
        ""
        if _carousel(run.cell)
        else "It needs a state $s = f \\odot s^{(t-1)} + \\ldots$ with a gate $f$, as the LSTM has."
    )


def _lstm(at: _At, _: int) -> Iterator[Line]:
    found = _carousel(at.cell)
    assert found is not None
    (s, f), cell, run = found, at.cell, at.run
    steps = [name for name in cell.nodes if cell.loss(name) is None and cell.role(name) != "output"]
    for name in steps:
        yield _forward(at, name, "A13")
    own, gate = latex(s), at.value(f)
    direct = np.diag(gate)
    kept = next(read for read in cell.reads[s] if read.name == s and read.lag == 1)
    by_step = _direct(at, s, kept)
    before = rf"{own}^{{(t-1)}}"
    yield at.line(
        "A13", f"The straight route from ${own}^{{(t-1)}}$ to ${own}^{{(t)}}$: no matrix and no squashing, the gate alone."
        " While it is near 1 the gradient lasts.",
        rf"\left.\frac{{\partial {own}^{{(t)}}}}{{\partial {before}}}\right|_{{\text{{straight}}}} ="
        rf" \operatorname{{diag}}\left({notation.at_step(f, (), 't')}\right)",
        rf"\operatorname{{diag}} {_M(gate)} = {_M(direct)}", direct, by_step, floor=0.0,
    )  # fmt: skip
    yield _both_routes(at, s, f)
    at.disturb(steps, at.t)
    for name in reversed(steps):
        if name == s and at.t < run.T:
            said = (
                f"Into ${own}$ from the same step by way of {_readers(cell, s, now=True)}, from the next by way of"
                f" {_readers(cell, s, now=False)}: the term of ${own}$ itself is the straight one."
            )
        elif name == s:
            said = f"At the last step into ${own}$ from the same step alone, by way of {_readers(cell, s, now=True)}."
        elif cell.operation(name) == "sigmoid":
            said = f"Back to the gate ${latex(name)}$."
        else:
            said = f"The gradient at ${latex(name)}$."
        yield _backward(at, name, "A13", said)
    for name in cell.parameters:
        if any(read.name == name for node in steps for read in cell.reads[node]):
            yield _copy(at, name, "A13", f"The gradient at the copy of ${latex(name)}$ that step $t$ uses.")


def _direct(at: _At, name: str, read: Read) -> Array:
    """∂name(t)/∂read along this equation alone, by imaginary steps."""
    n = at.run.sizes[read.name]

    def look(other: str, lag: int) -> Array:
        array = _repeated(at, n, other, lag)
        return array + 1j * _STEP * np.eye(n) if (other, lag) == (read.name, read.lag) else array

    found = interpreter.value(at.cell, at.cell.equations[name].expression, look)
    return np.asarray(found[0].imag / _STEP).T


def _both_routes(at: _At, s: str, f: str) -> Line:
    """What reaches s(t−1): straight, and by way of everything else that step t reads of it and of the step before."""
    run, before = at.run, at.t - 1
    straight = at.value(f) * at.grad(s)
    whole = at.grad(s, before)
    back = explain.backward(run, s, before, at.sample)
    others = [message for message in back.messages if not (message.target == (s, at.t) and message.read.lag == 1)]
    rest = np.sum([message.vector for message in others], axis=0) if others else np.zeros_like(whole)
    gradient, by, near = at.by_disturbance(s, before)
    direct = next(message for message in back.messages if message.target == (s, at.t) and message.read.lag == 1)
    symbols = [direct.symbols, *(message.symbols for message in others)]
    return at.line(
        "A13", rf"The routes into ${latex(s)}^{{(t-1)}}$: the first goes straight on, the other by way of what the step before"
        " puts out and this step's gates read."
        + ("" if before else " At $t = 0$ there is no output" + ("." if others else ", so the first alone.")),
        f"{notation.nabla(s, 't-1')} = {_later(_plus(symbols), -1)}",
        f"{notation.nabla(s, str(before))} = {_M(straight)} + {_M(rest)} = {_M(whole)}", straight + rest, gradient, by,
        tolerance=near,
    )  # fmt: skip


# Neurons and layers, A14 and A15 ---------------------------------------------------------------------------------


def _by_neuron(at: _At, _: int) -> Iterator[Line]:
    cell, kinds = at.cell, forms(at.cell)
    yield at.line(
        "A14", r"For any neuron $l$: its argument, its value, and $\delta_l = \partial L / \partial a_l$. It is the slope times"
        " the weighted sum of the deltas of the neurons $k$ that it feeds; an output neuron has it from the loss.",
        r"a_l = \sum_j w_{lj}\, \varphi_j, \quad \varphi_l = \sigma(a_l), \quad"
        r" \delta_l = \sigma'(a_l) \sum_k \delta_k\, w_{kl}, \quad \frac{\partial L}{\partial w_{lj}} = \delta_l\, \varphi_j",
        rf"L = {_N(at.run.loss)}", at.run.loss, float(np.sum(np.where(at.run.weights == 0, 0, at.run.weights * at.run.losses)))
        / (at.run.B if at.run.reduction == "mean" else 1), _BY_SIDES,
    )  # fmt: skip
    at.disturb([form.argument or name for name, form in kinds.items() if form.argument or form.function is None], at.t)
    for name, form in reversed(kinds.items()):
        n = at.run.sizes[name]
        told = list(map(explainer(at.run, name, at.t, at.sample), range(n)))
        if all(not one.terms for one in told) and name not in cell.losses:
            continue
        made = np.array([one.total for one in told])
        if form.argument:
            exact, by, near = at.by_disturbance(form.argument, at.t)
        elif form.function is None:
            exact, by, near = at.by_disturbance(name, at.t)
        else:
            exact, by, near = np.array([one.delta for one in told]), _BY_SIDES, at.tolerance
        kind = "input" if form.source is None else form.function or "sum"
        yield at.line(
            "A14", f"The neurons of ${latex(name)}$ ({_words(kind)}); the first one of {n} in full." if n > 1 else
            f"The neuron ${latex(name)}$ ({_words(kind)}).",
            told[0].backward[0], told[0].backward[1], made, exact, by,
            _each(n, [one.backward[1] for one in told].__getitem__), tolerance=near,
        )  # fmt: skip
    for name in cell.parameters:
        if at.run.parameters[name].ndim == 2:
            yield _copy(at, name, "A14", rf"Weights: $\delta_l\, \varphi_j$ for each entry of ${latex(name)}$.")


def _is_layered(run: Run) -> str:
    if run.cell.states:
        return "It is for layers without memory; for networks with memory see the recursion."
    return "" if _layers(run.cell) else "It needs a matrix times a vector."


def _layers(cell: Cell) -> list[tuple[str, str, str]]:
    """(node a, matrix W, vector φ) of each a = … + W φ + …, in the order of the flow."""
    equations = cell.equations.items()
    return [(name, *pair) for name, equation in equations for pair in _times(equation.expression)]


def _times(expression: Expression) -> list[tuple[str, str]]:
    """(matrix W, vector v) of each W v among the summands, from the last; v is of the same step."""
    found, summands = [], [expression]
    while summands:
        part = summands.pop()
        if isinstance(part, Apply) and part.operation == "+":
            summands += part.arguments
        elif isinstance(part, Apply) and part.operation == "@":
            matrix, vector = part.arguments
            if isinstance(matrix, Name) and isinstance(vector, Name) and not vector.lag:
                found.append((matrix.name, vector.name))
    return found


def _by_layer(at: _At, _: int) -> Iterator[Line]:
    cell = at.cell
    at.disturb({a for a, _, _ in _layers(cell)}, at.t)
    for a, W, phi in reversed(_layers(cell)):
        yield _forward(at, a, "A15")
        back = explain.backward(at.run, a, at.t, at.sample)
        delta = rf"\Delta_{{{latex(a)}}}"
        through = [m.target[0] for m in back.messages]
        gradient, by, near = at.by_disturbance(a, at.t)
        if len(through) == 1 and cell.operation(through[0]) in FUNCTIONS and not at.run._joint(through[0]):
            h = through[0]
            above = explain.backward(at.run, h, at.t, at.sample)
            inner = re.sub(r"\\nabla_\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\} L", lambda m: rf"\Delta_{{{m[1]}}}",
                           _plus([message.symbols for message in above.messages]))  # fmt: skip
            slope = at.run.slope(h, slice(at.t - 1, at.t))[0, at.sample].astype(np.float64)
            text = FUNCTIONS[cell.operation(h) or ""].latex_slope.format(a=_entry(a, ""), h=_entry(h, ""))
            yield at.line(
                "A15", rf"The layer of ${latex(a)}$: the deltas of the layer above, through the transposed matrix, times the"
                r" slope at $a$, entry by entry.",
                rf"{delta} = \nabla_{{{latex(a)}}} L = \left({inner}\right) \odot \left({text}\right)",
                rf"{delta} = {_M(at.grad(h))} \odot {_M(slope)} = {_M(at.grad(h) * slope)}", at.grad(h) * slope, gradient, by,
                tolerance=near,
            )  # fmt: skip
        else:
            total = np.sum([m.vector for m in back.messages], axis=0) if back.messages else np.zeros_like(gradient)
            yield at.line(
                "A15", f"The layer of ${latex(a)}$, which the loss is computed from.",
                rf"{delta} = {back.symbols}", f"{delta} = {_M(total)}", total, gradient, by, tolerance=near,
            )  # fmt: skip
        yield _copy(at, W, "A15", rf"Its matrix: $\Delta\, {latex(phi)}^\top$.")


# Samples, A16 ----------------------------------------------------------------------------------------------------


def _has_samples(run: Run) -> str:
    if run.B == 1:
        return "There is one sample; with more the loss is their mean."
    return "" if run.B <= 100 else f"{run.B} samples; up to 100 are run one by one."


def _over_all_samples(at: _At, _: int) -> Iterator[Line]:
    run, N = at.run, at.run.B
    alone = [
        run_cell(
            run.cell, run.parameters, None if run.x is None else run.x[:, n : n + 1], run.y[:, n : n + 1],
            {name: array[:, n : n + 1] for name, array in run.initial.items()}, run.weights[:, n : n + 1], "sum", run.dtype,
        )
        for n in range(N)
    ]  # fmt: skip
    mean = N if run.reduction == "mean" else 1
    what = "mean" if run.reduction == "mean" else "sum"
    front = r"\frac{1}{N} " if run.reduction == "mean" else ""
    losses = [one.loss for one in alone]
    yield at.line(
        "A16", f"The loss of a data set is the {what} over its {N} samples.",
        rf"L(W) = {front}\sum_{{i=1}}^{{N}} L_i(W)",
        (rf"L = \frac{{1}}{{{N}}} \left({_sum(losses)}\right)" if mean > 1 else f"L = {_sum(losses)}") + f" = {_N(run.loss)}",
        run.loss, sum(losses) / mean, "each sample run by itself",
        tuple(f"L_{{{n + 1}}} = {_N(losses[n])}" for n in _units(N)),
    )  # fmt: skip
    for name in run.parameters:
        found = np.sum([one.param_grad[name] for one in alone], axis=0, dtype=np.float64) / mean
        own = latex(name)
        yield at.line(
            "A16", f"So is each gradient: that of ${own}$.",
            rf"\nabla_{{{own}}} L = {front}\sum_{{i=1}}^{{N}} \nabla_{{{own}}} L_i",
            rf"\nabla_{{{own}}} L = {_M(run.param_grad[name])}",
            run.param_grad[name], found, "each sample run by itself",
            tuple(rf"\nabla_{{{own}}} L_{{{n + 1}}} = {_M(alone[n].param_grad[name])}" for n in _units(N)),
        )  # fmt: skip


#: The sections, in the order of the derivation.
SECTIONS: Mapping[str, Row] = MappingProxyType({
    "equations": Row("The equations", "(10.8)–(10.11)", _is_books, "A1, A9", _always, _equations),
    "loss": Row("The loss", "(10.12)–(10.14), (10.17)", _has_likelihood, "A2, A3, A17", _always, _loss),
    "softmax": Row("Softmax and loss: three questions", "(10.18)", _has_likelihood, "A4, A5, A10", _has_softmax, _softmax),
    "long": Row("The long way round, through the probabilities", "", _never, "A11", _has_long_way, _long_way),
    "recursion": Row("Back through time", "(10.19)–(10.21)", _is_books, "A6, A7", _has_states, _recursion),
    "expanded": Row("The recursion put into itself", "", _never, "A8", _can_expand, _expanded),
    "copies": Row("The parameters and their copies", "(10.22)–(10.28)", _is_books, "A12", _has_parameters, _copies),
    "lstm": Row("The LSTM, gate by gate", "(10.40)–(10.44)", _is_books_lstm, "A13", _is_lstm, _lstm),
    "nodes": Row("Every node, from the loss back", "", _never, "the rule of each operation", _always, _node_by_node),
    "neurons": Row("Neuron by neuron", "", _never, "A14", _always, _by_neuron),
    "layers": Row("Layer by layer", "", _never, "A15", _is_layered, _by_layer),
    "samples": Row("The mean over the samples", "", _never, "A16", _has_samples, _over_all_samples),
})  # fmt: skip


__all__ = ["MAX_LEVELS", "SECTIONS", "Line", "Row", "Section", "derive"]
