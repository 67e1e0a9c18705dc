"""The unrolled graph taken apart into scalar neurons, for networks small enough to draw (row A14 of the sources).

A neuron l has an argument a_l = Σ_j w_lj z_j + b_l and a value z_l = φ(a_l), and δ_l = ∂L/∂a_l. So h = φ(a) and the a that
only it reads are one neuron; a sum that nothing squashes is one with the identity; and what stands in a product has the
other factor for its weight. Nothing here knows a cell or an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import networkx as nx
import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.names import latex
from engine.language.operations import CALLS, FUNCTIONS, LOSSES, SOFTMAX, Array
from engine.support.arguments import sample_of, step_of, whole

MAX_NEURONS = 400

#: A neuron: the name of its node, its step, and its unit from 0.
Neuron: TypeAlias = tuple[str, int, int]


@dataclass(frozen=True)
class Form:
    """What the units of a node are: z = φ(a).

    name, function   the node, and its φ: a name of the table, or None for the identity
    argument         the node that is a, where it has a name of its own and is read by this one alone
    expression       a, written out; None for the input
    source           the node in whose equation it stands
    """

    name: str
    function: str | None
    argument: str | None
    expression: Expression | None
    source: str | None


def forms(cell: Cell, merged: bool = True) -> dict[str, Form]:
    """The nodes of a cell as neurons, in the order of the flow; unless `merged`, each node by itself, with its whole equation.

    **Holds:** every_node_is_a_neuron_or_inside_of_one.
    """
    readers: dict[str, list[Read]] = {}
    for reads in cell.reads.values():
        for read in reads:
            readers.setdefault(read.name, []).append(read)
    found = {"x": Form("x", None, None, None, None)} if cell.reads_x else {}
    for name, equation in cell.equations.items():
        whole, operation = equation.expression, cell.operation(name)
        if not merged or operation is None or operation in LOSSES:
            found[name] = Form(name, None, None, whole, name)
            continue
        assert isinstance(whole, Apply)
        inner = whole.arguments[0]
        a = inner.name if isinstance(inner, Name) and not inner.lag else ""
        own = a in cell.equations and cell.operation(a) is None and len(readers[a]) == 1 and a not in cell.losses
        if own:
            del found[a]
            found[name] = Form(name, operation, a, cell.equations[a].expression, a)
        else:
            found[name] = Form(name, operation, None, inner, name)
    return found


def neurons(
    run: Run, first: int = 1, last: int | None = None, sample: int = 0, merged: bool = False
) -> nx.MultiDiGraph:
    """The graph of the units of the steps first to last (from 1), for one sample: a node is (name, t, i), i from 0.

    Node attributes: name, t, unit, role, value, delta = ∂L/∂(the unit), initial. What the window's first step reads from
    before it stands there too, at its own step. y and parameters are left out.
    Edge attributes, keyed by argument as in `unroll`: argument, lag, weight = ∂(target unit)/∂(source unit) along this edge
    alone (w_kl where the target is a sum; φ'(a) where it is a function), message = weight · delta of the target.

    With `merged`, a node is a neuron as row A14 has it: a and φ(a) are one (see `Form`). Nodes have then also function = φ,
    argument (the name that a had), a, and slope = φ'(a), which is 1 for the identity and None for softmax; delta is ∂L/∂a,
    and weight ∂a(target)/∂z(source). An edge to a loss that is computed from a directly has direct = True, and ∂L/∂a for its
    weight.
    **Holds:** delta_is_the_weighted_sum_of_the_deltas_that_it_feeds: δ_l = Σ_k w_kl δ_k over the edges of l, for every
    unit all of whose edges lie in the window; with `merged`, delta_is_the_slope_times_the_weighted_sum_of_deltas:
    δ_l = φ'(a_l) Σ_k w_kl δ_k + Σ of the direct messages; for a loss its factor in the total is a summand of the first sum.
    Raises ValueError for steps or a sample that there are not, and for more than MAX_NEURONS units.
    """
    cell, first, sample = run.cell, step_of(first, run.T, what="first"), sample_of(sample, run.B)
    end = run.T if last is None else step_of(last, run.T, first, "a window that begins there", "last")
    if (units := count(run, first, end, merged)) > MAX_NEURONS:
        raise ValueError(
            f"steps {first} to {end} have {units:,} units; at most {MAX_NEURONS} can be drawn apart: take fewer steps"
        )
    graph = nx.MultiDiGraph(cell=cell.name, first=first, last=end)
    kinds = forms(cell, merged)
    for name, steps in _places(run, kinds, first, end).items():
        form = kinds[name]
        delta, a, slope = _delta(run, form), _argument(run, form), _slope(run, form)
        for t in steps:
            value, initial = _value(run, name, t, sample), t < 1
            for i, number in enumerate(value.tolist()):
                gradient = run.initial_grad[name][t - 1, sample, i] if initial else delta[t - 1, sample, i]
                more: dict[str, object] = {}
                if merged:
                    more = {
                        "function": None if initial else form.function,
                        "argument": None if initial else form.argument,
                        "a": number if initial else float(a[t - 1, sample, i]),
                        "slope": 1.0 if initial else None if slope is None else float(slope[t - 1, sample, i]),
                    }
                graph.add_node(
                    (name, t, i), name=name, t=t, unit=i, role=cell.role(name), initial=initial, value=number,
                    delta=float(gradient), **more,
                )  # fmt: skip
    for form in kinds.values():
        for link in _links(run, form, range(first, end + 1), sample, merged):
            read, direct = link.read, {"direct": link.direct} if merged else {}
            for t, weights in zip(range(first, end + 1), link.weights, strict=True):
                for k, i in np.argwhere(link.joined).tolist():
                    head, weight = (form.name, t, k), float(weights[k, i])
                    graph.add_edge(
                        (read.name, t - read.lag, i), head, key=read.argument, argument=read.argument, lag=read.lag,
                        weight=weight, message=_sent(weight, graph.nodes[head]["delta"]), **direct,
                    )  # fmt: skip
    return graph


def _sent(weight: float, delta: float) -> float:
    """What goes back along an edge: nothing from a unit without a gradient, whatever the weight."""
    return weight * delta if delta else 0.0


def count(run: Run, first: int, last: int, merged: bool = False) -> int:
    """How many units the graph of these steps has."""
    places = _places(run, forms(run.cell, merged), first, last)
    return sum(run.sizes[name] * len(steps) for name, steps in places.items())


def _places(run: Run, kinds: dict[str, Form], first: int, last: int) -> dict[str, range]:
    """Of each node, its steps in a window: those of the window, and those before it that its first steps read."""
    lags = {name: run.cell.lags.get(name, 0) for name in kinds}
    return {name: range(max(first - lag, 1 - lag), last + 1) for name, lag in lags.items()}


# --- what a neuron has -------------------------------------------------------------------------------------------


def _delta(run: Run, form: Form, steps: slice = slice(None)) -> Array:
    """∂L/∂a, (T, B, n)."""
    if form.argument:
        return run.grad[form.argument][steps]
    return run.argument_grad(form.name, steps) if form.function else run.grad[form.name][steps]


def _argument(run: Run, form: Form, steps: slice = slice(None)) -> Array:
    """a, (T, B, n)."""
    if form.argument:
        return run.value[form.argument][steps]
    return run.argument(form.name, steps) if form.function else run.value[form.name][steps]


def _slope(run: Run, form: Form, steps: slice = slice(None)) -> Array | None:
    """φ'(a), (T, B, n); none for a softmax, which has a matrix."""
    if form.function == SOFTMAX.name:
        return None
    return run.slope(form.name, steps) if form.function else np.ones_like(run.value[form.name][steps])


def _value(run: Run, name: str, t: int, sample: int) -> Array:
    return np.asarray(run.value[name][t - 1, sample] if t > 0 else run.initial[name][t - 1, sample])


@dataclass(frozen=True)
class _Link:
    """All edges along one reading: weights (S, n_target, n_source) at the steps asked for, and which edges there are."""

    read: Read
    weights: Array
    joined: Array
    direct: bool


def _links(run: Run, form: Form, steps: range, sample: int, merged: bool) -> Iterator[_Link]:
    """The edges into the units of a node, by reading; those along which the loss is computed directly among them."""
    if form.source is None or form.expression is None:
        return
    if merged and form.name in run.cell.equations and run.cell.logits(form.name) is not None:
        weights = run.joint_slope(form.name, slice(steps[0] - 1, steps[-1]))[:, sample][:, None]
        yield _Link(run.cell.reads[form.name][0], weights, np.ones(weights.shape[1:], bool), True)
        return
    inside = form.function is not None and form.argument is None
    for read, weights in local_jacobians(run, form.source, sample, steps, inside=inside):
        shape = weights.shape[1:]
        joined = np.ones(shape, bool) if _mixes(form.expression, read) else np.eye(*shape).astype(bool)
        yield _Link(read, weights, joined, False)


def local_jacobians(
    run: Run, target: str, sample: int = 0, steps: range | None = None, *, inside: bool = False
) -> list[tuple[Read, Array]]:
    """∂target(t)/∂(what it reads), along each reading alone: (T, n_target, n_source), for one sample, y and parameters
    left out; of the steps asked for alone (from 1), and with `inside` of the argument of the target's function."""
    n = run.sizes[target]
    span = slice(0, run.T) if steps is None else slice(steps[0] - 1, steps[-1])
    ones = np.broadcast_to(np.eye(n), (span.stop - span.start, n, n))  # a unit vector for each pseudo-sample

    def look(name: str, lag: int) -> Array:
        array = run.read(name, lag, span)
        return array if name in run.parameters else np.repeat(array[:, sample : sample + 1], n, axis=1)

    read = {read.name for read in run.cell.reads[target]} - set(run.parameters)
    with np.errstate(all="ignore"):
        return interpreter.pull(run.cell, target, ones, look, inside=inside, names=read)


def _mixes(expression: Expression, read: Read) -> bool:
    """Whether a reading's units reach other units of the expression: through a matrix, a softmax or a loss."""
    alone = (*FUNCTIONS, "+", "-", "neg", "*")
    return any(isinstance(part, Apply) and part.operation not in alone for part, _ in _path(expression, read.argument))


def _path(expression: Expression, place: int) -> Iterator[tuple[Expression, int]]:
    """From an expression down to one of the names in it: each part on the way, and which of its arguments comes next."""
    while isinstance(expression, Apply):
        for index, argument in enumerate(expression.arguments):
            names = _count(argument)
            if place < names:
                yield expression, index
                expression = argument
                break
            place -= names


def _count(expression: Expression) -> int:
    if isinstance(expression, Name):
        return 1
    return sum(map(_count, expression.arguments)) if isinstance(expression, Apply) else 0


# --- one neuron explained ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """One summand of δ_l: what the neuron k that l feeds sends back.

    weight    w_kl; behind a softmax Σ_j w_kj ∂z_j/∂a_l; of a direct one ∂L/∂a_l
    product   weight · delta
    direct    whether it comes from a loss that is computed from a, so that φ'(a) is in it already
    """

    neuron: Neuron
    weight: float
    delta: float
    product: float
    direct: bool


@dataclass(frozen=True)
class Explanation:
    """A neuron's numbers for one sample, and its equations in LaTeX.

    forward    a_l = Σ_j w_lj z_j + b_l in symbols, and in numbers; empty where it is given, not computed
    output     z_l = φ(a_l) in symbols and numbers; empty for the identity
    backward   δ_l = φ'(a_l) Σ_k w_kl δ_k in symbols, and in numbers
    slope      φ'(a_l); None for a softmax
    terms      the summands, in the order of the symbols
    seed       for a loss: the factor of L(t) in the total loss, a summand as well; else None
    total      what they make up: slope · (Σ products + seed) + Σ direct products
    delta      the run's ∂L/∂a_l;  error = |total − delta|

    **Holds:** delta_is_the_slope_times_the_weighted_sum_of_deltas.
    """

    neuron: Neuron
    form: Form
    forward: tuple[str, ...]
    output: str
    backward: tuple[str, str]
    a: float
    value: float
    slope: float | None
    terms: tuple[Term, ...]
    seed: float | None
    total: float
    delta: float
    error: float


def explained(run: Run, neuron: Neuron, sample: int = 0) -> Explanation:
    """A neuron (name, t, unit from 0) explained; a name that is inside of another's neuron stands for that one.

    Raises ValueError for one that there is not.
    """
    name, t, i = neuron
    return explainer(run, name, t, sample)(i)


def explainer(run: Run, name: str, t: int, sample: int = 0) -> Callable[[int], Explanation]:
    """A function that explains the neurons of a node at a step, each by its unit; what they share is computed once.

    Raises ValueError as `explained` does.
    """
    kinds = forms(run.cell)
    name = neuron_of(run.cell, name)
    if name not in kinds:
        raise ValueError(f"{name!r} is no node of {run.cell.name}; neurons: {', '.join(kinds)}")
    t, sample = step_of(t, run.T, 1 - run.cell.lags.get(name, 0), name), sample_of(sample, run.B)
    with np.errstate(all="ignore"):
        around = _around(run, kinds, name, t, sample)

    def explain(i: int) -> Explanation:
        n = run.sizes[name]
        i = whole("unit", i, 0, n - 1, f"those of {name} are counted from 0 to {n - 1}")
        with np.errstate(all="ignore"):
            return _explained(run, around, (name, t, i), sample)

    return explain


def neuron_of(cell: Cell, name: str) -> str:
    """The node whose neurons have a node inside of them: h for the a of h = φ(a), and for h itself."""
    return next((form.name for form in forms(cell).values() if form.argument == name), name)


@dataclass(frozen=True)
class _Around:
    """The neurons of a node at a step: their form, numbers (n,), and every edge that leaves them, with what its heads have.

    slopes   φ'(a); None for a softmax, whose matrix is `softmax` (n, n)
    out      of each reading: the form of the heads, the edges, their step, the weights (m, n), and ∂L/∂a of the heads (m,)
    """

    form: Form
    value: Array
    a: Array
    slopes: Array | None
    softmax: Array | None
    delta: Array
    out: list[tuple[Form, _Link, int, Array, Array]]
    write: _Writer


def _around(run: Run, kinds: dict[str, Form], name: str, t: int, sample: int) -> _Around:
    form = kinds[name] if t > 0 else Form(name, None, None, None, None)
    value = _value(run, name, t, sample)
    slopes: Array | None
    if t < 1:
        a, slopes, delta = value, np.ones_like(value), np.asarray(run.initial_grad[name][t - 1, sample])
    else:
        here = slice(t - 1, t)
        a, delta = _argument(run, form, here)[0, sample], _delta(run, form, here)[0, sample]
        slope = _slope(run, form, here)
        slopes = None if slope is None else slope[0, sample]
    softmax = np.diag(value) - np.outer(value, value) if slopes is None else None
    out = []
    for other in kinds.values():
        for link, step in _out(run, other, name, t, sample):
            weights = link.weights[0] if softmax is None or link.direct else link.weights[0] @ softmax
            out.append((other, link, step, weights, _delta(run, other, slice(step - 1, step))[0, sample]))
    return _Around(form, value, a, slopes, softmax, delta, out, _Writer(run, t, sample))


def _explained(run: Run, around: _Around, neuron: Neuron, sample: int) -> Explanation:
    name, t, i = neuron
    cell, write, form, value, a, softmax = run.cell, around.write, around.form, around.value, around.a, around.softmax
    index = str(i + 1) if run.sizes[name] > 1 else ""
    slope = None if around.slopes is None else float(around.slopes[i])

    inner, direct = list[str](), list[str]()
    numbers, terms = list[str](), list[Term]()
    for other, link, step, weights, deltas in around.out:
        joined = link.joined.any(axis=1) if softmax is not None else link.joined[:, i]
        column = weights[:, i]
        sent = np.where(deltas == 0, 0.0, column * deltas)  # as `_sent`
        found = [
            Term((other.name, step, k), weight, delta, product, link.direct)
            for k, weight, delta, product in zip(
                np.flatnonzero(joined).tolist(), *(part[joined].tolist() for part in (column, deltas, sent)),
                strict=True,
            )
        ]  # fmt: skip
        terms += found
        (direct if link.direct else inner).append(
            write.flow(other, link, step, "i" if softmax is not None and not link.direct else index)
        )
        numbers += [] if link.direct else [write.sum([(term.weight, term.delta) for term in found])]

    seed = None
    products = [term.product for term in terms if not term.direct]
    if name in cell.losses and t > 0:
        seed = float(run.weights[t - 1, sample]) / (run.B if run.reduction == "mean" else 1)
        products.append(seed if softmax is None else seed * float(softmax[:, i].sum()))
        inner.append((r"\tfrac{w^{(%d)}}{B}" if run.reduction == "mean" else "w^{(%d)}") % t)
        numbers.append(notation.number(seed))
    total = (1.0 if slope is None else slope) * sum(products) if products else 0.0
    total += sum(term.product for term in terms if term.direct)
    delta = float(around.delta[i])

    own = write.entry(name, index, t)
    argument = _argument_symbol(form, index, t, own, write)
    row = None if form.function in (None, "identity") else FUNCTIONS.get(form.function or "")
    factor = "" if row is None else row.latex_slope.format(a=argument, h=own).replace(r" \odot ", r"\,")
    if softmax is not None:
        factor = rf"\sum_i {write.entry(name, 'i', t)} \left(\mathbf{{1}}[i = {i + 1}] - {own}\right)"
    elif factor:
        factor = rf"\left({factor}\right)"
    left = write.delta(name, index, t)
    scaled = notation.number(slope, 4) if factor and slope is not None else ""
    extra = [_product(term.weight, term.delta) for term in terms if term.direct]
    backward = (_lines(left, factor, inner, direct, ""), _lines(left, scaled, numbers, extra, notation.number(total)))

    forward: tuple[str, ...] = ()
    output = ""
    if form.expression is not None and form.source is not None:
        result = rf"= {notation.number(float(a[i]))}"
        filled = "" if form.name in cell.losses else _broken(argument, write.summands(form.expression, i), result)
        forward = (
            f"{argument} = {write.symbols(form.expression, index)}",
            filled or f"{argument} {result}",
        )
    if form.function is not None:
        latex_of = CALLS[form.function].latex
        if slope is None:
            whole = _argument_symbol(form, "", t, own, write)
            output = rf"{own} = {latex_of}\left({whole}\right)_{{{i + 1}}} = {notation.number(float(value[i]))}"
        else:
            shown = notation.number(float(a[i]))
            output = rf"{own} = {latex_of}\left({argument}\right) = {latex_of}\left({shown}\right)"
            output += f" = {notation.number(float(value[i]))}"
    return Explanation(
        neuron, form, forward, output, backward, float(a[i]), float(value[i]), slope, tuple(terms), seed, float(total),
        delta, abs(float(total) - delta) if np.isfinite(delta) else float("nan"),
    )  # fmt: skip


def _out(run: Run, target: Form, name: str, t: int, sample: int) -> Iterator[tuple[_Link, int]]:
    """The edges from the units of a node at step t into those of another, and their step."""
    if target.source is None:
        return
    for lag in sorted({read.lag for read in run.cell.reads[target.source] if read.name == name}):
        if 1 <= t + lag <= run.T:
            for link in _links(run, target, range(t + lag, t + lag + 1), sample, True):
                if (link.read.name, link.read.lag) == (name, lag):
                    yield link, t + lag


def _argument_symbol(form: Form, index: str, t: int, own: str, write: _Writer) -> str:
    """How the a of a neuron is written: under its name, else as a with the neuron's name."""
    if form.argument:
        return write.entry(form.argument, index, t)
    return rf"a_{{{','.join(filter(None, [latex(form.name), index]))}}}^{{({t})}}" if form.function else own


# --- LaTeX of single entries -------------------------------------------------------------------------------------

_INNER, _OUTER = "jpqr", "kmnv"  # letters of sums, by depth; the two kinds may stand inside each other


def _letter(letters: str, depth: int) -> str:
    return letters[depth] if depth < len(letters) else f"{letters[0]}_{{{depth}}}"


_LINE = 150  # characters of LaTeX that fit on a line


def _product(weight: float, other: float) -> str:
    return rf"{_signed(weight)} \cdot {_signed(other)}"


def _signed(value: float) -> str:
    text = notation.number(value)
    return rf"\left({text}\right)" if text.startswith("-") else text


def _lines(left: str, factor: str, inner: list[str], direct: list[str], result: str) -> str:
    """left = factor · (inner) + direct = result, a line for each summand where there are several."""
    opened, closed = (rf"{factor}\,\Bigl(", r"\Bigr)") if factor and inner else ("", "")
    parts = [*inner[:-1], *[f"{part}{closed}" for part in inner[-1:]], *direct]
    return _broken(left, [f"{opened}{parts[0]}", *parts[1:]] if parts else ["0"], f"= {result}" if result else "")


def _broken(left: str, parts: list[str], result: str) -> str:
    if len(parts) == 1 or sum(map(len, parts)) < _LINE:
        return " ".join(filter(None, [left, "=", " + ".join(parts), result]))
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < _LINE:
            lines[-1] += f" + {part}"
        else:
            lines.append(part)
    text = r" \\ &\quad + ".join(lines) + (rf" \\ &{result}" if result else "")
    return rf"\begin{{aligned}} {left} &= {text} \end{{aligned}}"


class _Writer:
    """Single entries of the equations at a step, in symbols and in numbers."""

    def __init__(self, run: Run, t: int, sample: int) -> None:
        self.run, self.t, self.sample = run, t, sample
        self._known: dict[Expression, list[float]] = {}

    def entry(self, name: str, index: str, t: int) -> str:
        """An entry of a vector at a step; a vector of one unit has no index."""
        return f"{notation.indexed(name, index if self.run.sizes[name] > 1 else '')}^{{({t})}}"

    def delta(self, name: str, index: str, t: int) -> str:
        """δ of a neuron, under the name of what it is the gradient at: δ_{a,1} for h = φ(a), δ_{o,1} for ŷ = softmax(o)."""
        form = forms(self.run.cell).get(name) if t > 0 else None
        at = latex(name)
        if form is not None and form.function is not None:
            at = latex(form.argument) if form.argument else f"a_{{{at}}}"
        index = index if self.run.sizes[name] > 1 else ""
        return rf"\delta_{{{','.join(filter(None, [at, index]))}}}^{{({t})}}"

    def row_and_column(self, matrix: str, row: str, column: str) -> str:
        """An entry of a matrix, without the index of an axis of one."""
        rows, columns = self.run.parameters[matrix].shape
        return notation.indexed(matrix, row if rows > 1 else "", column if columns > 1 else "")

    def symbols(self, expression: Expression, index: str, depth: int = 0, strength: int = 0) -> str:
        """One entry of an expression, its matrix products written as sums."""
        if isinstance(expression, Number):
            return f"{expression.value:g}"
        if isinstance(expression, Name):
            if expression.name in self.run.parameters:
                return notation.indexed(expression.name, index if self.run.parameters[expression.name].size > 1 else "")
            return self.entry(expression.name, index, self.t - expression.lag)
        operation, arguments = expression.operation, expression.arguments
        if operation in LOSSES or operation in CALLS:
            return self.run.cell.latex_of(expression).replace("(t)", f"({self.t})")
        if operation == "@":
            matrix = arguments[0]
            assert isinstance(matrix, Name)
            letter = _letter(_INNER, depth) if self.run.parameters[matrix.name].shape[1] > 1 else ""
            vector = self.symbols(arguments[1], letter, depth + 1, 3)
            text, own = rf"{self.row_and_column(matrix.name, index, letter)}\,{vector}", 2
            if letter:
                text, own = rf"\sum_{{{letter}}} {text}", 1 if strength > 1 else 2
        elif operation == "neg":
            text, own = f"-{self.symbols(arguments[0], index, depth, 2)}", 1
        elif operation == "*":
            text, own = r"\,".join(self.symbols(argument, index, depth, 2) for argument in arguments), 2
        else:
            first = self.symbols(arguments[0], index, depth, 1)
            second = self.symbols(arguments[1], index, depth, 1 if operation == "+" else 2)
            text, own = f"{first} {operation} {second}", 1
        return rf"\left({text}\right)" if own < strength else text

    def summands(self, expression: Expression, i: int) -> list[str]:
        """The summands of entry i of an expression, with the numbers in."""
        if isinstance(expression, Apply) and expression.operation == "+":
            left, right = expression.arguments
            return self.summands(left, i) + self.summands(right, i)
        return [self.numbers(expression, i)]

    def numbers(self, expression: Expression, i: int) -> str:
        """Entry i of an expression with the numbers in."""
        if isinstance(expression, Number):
            return f"{expression.value:g}"
        if isinstance(expression, Name):
            return _signed(self.at(expression, i))
        operation, arguments = expression.operation, expression.arguments
        if operation in LOSSES or operation in CALLS:
            return _signed(self.at(expression, i))
        if operation == "@":
            matrix = arguments[0]
            assert isinstance(matrix, Name)
            row = self.run.parameters[matrix.name][i].tolist()
            return self.sum(list(zip(row, self.values(arguments[1], len(row)), strict=True)))
        if operation == "neg":
            return rf"\left(-{self.factor(arguments[0], i)}\right)"
        if operation == "*":
            return r" \cdot ".join(self.factor(argument, i) for argument in arguments)
        left, right = arguments
        second = self.numbers(right, i) if operation == "+" else self.factor(right, i)
        return rf"\left({self.numbers(left, i)} {operation} {second}\right)"

    def factor(self, expression: Expression, i: int) -> str:
        """The same where it is multiplied or taken away: a product with a matrix is a sum, and has brackets."""
        text = self.numbers(expression, i)
        is_sum = isinstance(expression, Apply) and expression.operation == "@" and " + " in text
        return rf"\left({text}\right)" if is_sum else text

    def sum(self, products: list[tuple[float, float]]) -> str:
        """A sum of products, abridged where it is long."""
        long = len(products) > notation.WIDE
        shown = [*products[: notation.WIDE - 2], products[-1]] if long else products
        written = [_product(weight, other) for weight, other in shown]
        if long:
            written.insert(-1, r"\dots")
        return " + ".join(written) or "0"

    def at(self, expression: Expression, i: int) -> float:
        """Entry i of an expression at the step, from the run."""
        return self.values(expression, i + 1)[i]

    def values(self, expression: Expression, n: int) -> list[float]:
        """The entries of an expression at the step, from the run; of a single number n times the same."""
        if expression not in self._known:
            steps, place = slice(self.t - 1, self.t), slice(self.sample, self.sample + 1)

            def look(name: str, lag: int) -> Array:
                array = self.run.read(name, lag, steps)
                return array if name in self.run.parameters else array[0, place]

            value = interpreter.value(self.run.cell, expression, look)
            self._known[expression] = np.asarray(value, float).reshape(-1).tolist()
        known = self._known[expression]
        return known if len(known) > 1 else known * n

    def flow(self, target: Form, link: _Link, step: int, index: str) -> str:
        """What arrives at an entry along one reading, in symbols: Σ_k W_{k,3} δ_{h,k}."""
        there, run = _Writer(self.run, step, self.sample), self.run
        if link.direct:
            row = run.cell.loss(target.name)
            assert row is not None
            pulled = (row.latex_joint or "").format(
                p=notation.at_step(link.read.name, (), str(step)), y=notation.at_step("y", (), str(step))
            )
            return rf"\left[{pulled}\right]_{{{index}}} {self.delta(target.name, '', step)}"
        assert target.expression is not None
        path = list(_path(target.expression, link.read.argument))
        matrices = [part.arguments[0].name for part, _ in path if isinstance(part, Apply) and part.operation == "@"
                    and isinstance(part.arguments[0], Name)]  # fmt: skip
        letters = [
            *(_letter(_OUTER, n) if run.parameters[name].shape[0] > 1 else "" for n, name in enumerate(matrices)),
            index,
        ]
        here, sign, factors = 0, "", list[str]()
        loss = isinstance(target.expression, Apply) and target.expression.operation in LOSSES
        for part, branch in path:
            assert isinstance(part, Apply)
            operation, arguments = part.operation, part.arguments
            if operation == "@":
                factors.append(self.row_and_column(matrices[here], letters[here], letters[here + 1]))
                here += 1
            elif operation == "*":
                factors.append(there.symbols(arguments[1 - branch], letters[here], 0, 2))
            elif operation == "neg" or (operation == "-" and branch == 1):
                sign = "" if sign else "-"
            elif operation in LOSSES:
                p, y = (run.cell.latex_of(argument).replace("(t)", f"({step})") for argument in arguments)
                pulled = LOSSES[operation].latex_pull.format(p=rf"\left({p}\right)" if " " in p else p, y=y)
                factors.append(rf"\left[{pulled}\right]_{{{letters[here]}}}")
        sums = "".join(rf"\sum_{{{letter}}} " for letter in letters[:-1] if letter)
        head = self.delta(target.name, "" if loss else letters[0], step)
        return f"{sign}{sums}" + r"\,".join([*factors, head])
