"""One neuron explained: its argument, its value, and its delta as a sum over the neurons that it feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.names import latex
from engine.language.operations import CALLS, FUNCTIONS, SOFTMAX, Array
from engine.support.arguments import whole
from engine.working.entry_writer import EntryWriter, broken, product_tex
from engine.working.messages import seed_symbol
from engine.working.neurons import (
    Edges,
    Form,
    Neuron,
    argument_of,
    delta_of,
    edges_into,
    forms,
    neuron_of,
    slope_of,
)


@dataclass(frozen=True)
class Term:
    """One summand of δ_l: what comes back from a neuron k that l feeds.

    Attributes:
        neuron: The neuron k.
        weight: w_kl; from within a softmax Σ_j w_kj ∂z_j/∂a_l; of a direct term ∂L/∂a_l.
        delta: δ_k.
        product: weight · delta.
        direct: Whether it comes from a loss that is computed from a, so that it contains φ'(a).
    """

    neuron: Neuron
    weight: float
    delta: float
    product: float
    direct: bool


@dataclass(frozen=True)
class Explanation:
    """The numbers of a neuron for one sample, and its equations in LaTeX.

    Attributes:
        neuron: The neuron.
        form: Its form.
        forward: a_l = Σ_j w_lj z_j + b_l in symbols, and in numbers; empty for an input or an initial value.
        output: z_l = φ(a_l) in symbols and numbers; empty for the identity.
        backward: δ_l = φ'(a_l) Σ_k w_kl δ_k in symbols, and in numbers.
        a: a_l.
        value: z_l.
        slope: φ'(a_l); None for a softmax.
        terms: The summands, in the order of the symbols.
        seed: For a loss the factor of L(t) in the total loss, which is a summand too; else None.
        total: slope · (Σ products + seed) + Σ direct products.
        delta: The run's ∂L/∂a_l.
        error: |total − delta|.

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
    """Explain a neuron.

    Args:
        run: The run.
        neuron: Name, step and unit, from 0. A node whose units are inside of other neurons (see `neuron_of`) stands for these.
        sample: The sample, from 0.

    Returns:
        The explanation.

    Raises:
        ValueError: If the run has no such neuron or sample.
    """
    name, t, unit = neuron
    return explainer(run, name, t, sample)(unit)


def explainer(run: Run, name: str, t: int, sample: int = 0) -> Callable[[int], Explanation]:
    """Make the function from a unit of a node at a step to its explanation; what the units share is computed once.

    Raises ValueError as `explained` does.
    """
    kinds = forms(run.cell)
    name = neuron_of(run.cell, name)
    if name not in kinds:
        raise ValueError(f"{name!r} is no node of {run.cell.name}; neurons: {', '.join(kinds)}")
    sample, t = run.check_place(sample, t, name)
    with np.errstate(all="ignore"):
        layer = _layer(run, kinds, name, t, sample)

    def explain(unit: int) -> Explanation:
        n = run.sizes[name]
        unit = whole("unit", unit, 0, n - 1, f"those of {name} are counted from 0 to {n - 1}")
        with np.errstate(all="ignore"):
            return _Unit(layer, unit).explanation()

    return explain


# --- the neurons of a node at a step ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fed:
    """The edges from a layer along one reading.

    form: that of the neurons fed; step: theirs; weights: (m, n); deltas: ∂L/∂a of the neurons fed, (m,).
    """

    form: Form
    edges: Edges
    step: int
    weights: Array
    deltas: Array


@dataclass(frozen=True)
class _Layer:
    """All neurons of a node at a step: their form, their numbers (n,), and the edges that leave them.

    slopes: φ'(a); None for a softmax, which has the matrix `softmax` (n, n) instead
    """

    run: Run
    t: int
    sample: int
    form: Form
    value: Array
    a: Array
    slopes: Array | None
    softmax: Array | None
    delta: Array
    fed: list[_Fed]
    write: EntryWriter


def _layer(run: Run, kinds: Mapping[str, Form], name: str, t: int, sample: int) -> _Layer:
    form = kinds[name] if t > 0 else Form(name, None, None, None, None)
    value = np.asarray(run.at(name, t)[sample])
    slopes: Array | None
    if t < 1:
        a, slopes, delta = value, np.ones_like(value), np.asarray(run.grad_at(name, t)[sample])
    else:
        step = slice(t - 1, t)
        a, delta = argument_of(run, form, step)[0, sample], delta_of(run, form, step)[0, sample]
        all_slopes = slope_of(run, form, step)
        slopes = None if all_slopes is None else all_slopes[0, sample]
    softmax = SOFTMAX.jacobian(value) if slopes is None else None
    fed = []
    for form_fed in kinds.values():
        for edges, step_fed in _edges_between(run, form_fed, name, t, sample):
            weights = edges.weights[0] if softmax is None or edges.direct else edges.weights[0] @ softmax
            deltas = delta_of(run, form_fed, slice(step_fed - 1, step_fed))[0, sample]
            fed.append(_Fed(form_fed, edges, step_fed, weights, deltas))
    return _Layer(run, t, sample, form, value, a, slopes, softmax, delta, fed, EntryWriter(run, t, sample))


def _edges_between(run: Run, target: Form, name: str, t: int, sample: int) -> Iterator[tuple[Edges, int]]:
    """The edges from the units of a node at step t into those of another, and the step of the latter."""
    if target.source is None:
        return
    for lag in sorted({read.lag for read in run.cell.reads[target.source] if read.name == name}):
        if 1 <= t + lag <= run.T:
            for edges in edges_into(run, target, range(t + lag, t + lag + 1), sample, True):
                if (edges.read.name, edges.read.lag) == (name, lag):
                    yield edges, t + lag


# --- one of them --------------------------------------------------------------------------------------------------


class _Unit:
    """One neuron of a layer, while it is explained."""

    def __init__(self, layer: _Layer, unit: int) -> None:
        self.layer, self.run, self.t, self.unit = layer, layer.run, layer.t, unit
        self.form, self.name, self.write = layer.form, layer.form.name, layer.write
        self.index = str(unit + 1) if self.run.sizes[self.name] > 1 else ""
        self.a, self.value = float(layer.a[unit]), float(layer.value[unit])
        self.slope = None if layer.slopes is None else float(layer.slopes[unit])
        is_loss = self.name in self.run.cell.losses and self.t > 0
        self.seed = float(self.run.seed[self.t - 1, layer.sample]) if is_loss else None

    def explanation(self) -> Explanation:
        terms = [self._terms(fed) for fed in self.layer.fed]
        total, delta = self._total([term for group in terms for term in group]), float(self.layer.delta[self.unit])
        return Explanation(
            (self.name, self.t, self.unit), self.form, self._forward(), self._output(), self._backward(terms, total),
            self.a, self.value, self.slope, tuple(term for group in terms for term in group), self.seed, total, delta,
            abs(total - delta) if np.isfinite(delta) else float("nan"),
        )  # fmt: skip

    def _terms(self, fed: _Fed) -> list[Term]:
        """The summands that come back along the edges of one reading."""
        within_softmax = self.layer.softmax is not None
        joined = fed.edges.joined.any(axis=1) if within_softmax else fed.edges.joined[:, self.unit]
        weights = fed.weights[:, self.unit]
        products = np.where(
            fed.deltas == 0, 0.0, weights * fed.deltas
        )  # a delta of 0 sends back 0, whatever the weight
        numbers = (array[joined].tolist() for array in (weights, fed.deltas, products))
        return [
            Term((fed.form.name, fed.step, k), weight, delta, product, fed.edges.direct)
            for k, weight, delta, product in zip(np.flatnonzero(joined).tolist(), *numbers, strict=True)
        ]

    def _total(self, terms: list[Term]) -> float:
        """δ_l from the summands."""
        products = [term.product for term in terms if not term.direct]
        if self.seed is not None:
            softmax = self.layer.softmax
            products.append(self.seed if softmax is None else self.seed * float(softmax[:, self.unit].sum()))
        inner = (1.0 if self.slope is None else self.slope) * sum(products) if products else 0.0
        return float(inner + sum(term.product for term in terms if term.direct))

    def _backward(self, terms: list[list[Term]], total: float) -> tuple[str, str]:
        """δ_l = φ'(a_l) (…) + direct terms, in symbols and in numbers."""
        within_softmax = self.layer.softmax is not None
        inner, direct, inner_numbers = list[str](), list[str](), list[str]()
        for fed, group in zip(self.layer.fed, terms, strict=True):
            index = "i" if within_softmax and not fed.edges.direct else self.index
            (direct if fed.edges.direct else inner).append(self.write.flow(fed.form, fed.edges, fed.step, index))
            if not fed.edges.direct:
                inner_numbers.append(self.write.sum([(term.weight, term.delta) for term in group]))
        direct_numbers = [product_tex(term.weight, term.delta) for group in terms for term in group if term.direct]
        if self.seed is not None:
            inner.append(seed_symbol(self.run, str(self.t)))
            inner_numbers.append(notation.number(self.seed))
        left, factor = self.write.delta(self.name, self.index, self.t), self._factor()
        slope = notation.number(self.slope, 4) if factor and self.slope is not None else ""
        return (
            _sum_with_factor(left, factor, inner, direct, ""),
            _sum_with_factor(left, slope, inner_numbers, direct_numbers, notation.number(total)),
        )

    def _factor(self) -> str:
        """φ'(a_l) in symbols, in parentheses; empty for the identity."""
        entry = self.write.entry(self.name, self.index, self.t)
        if self.layer.softmax is not None:
            z_i = self.write.entry(self.name, "i", self.t)
            return rf"\sum_i {z_i} \left(\mathbf{{1}}[i = {self.unit + 1}] - {entry}\right)"
        row = None if self.form.function in (None, "identity") else FUNCTIONS.get(self.form.function or "")
        if row is None:
            return ""
        slope = row.latex_slope.format(a=self._argument(self.index), h=entry).replace(r" \odot ", r"\,")
        return rf"\left({slope}\right)"

    def _argument(self, index: str) -> str:
        """The symbol of a: its name, else an a with the name of the neuron."""
        if self.form.argument:
            return self.write.entry(self.form.argument, index, self.t)
        if not self.form.function:
            return self.write.entry(self.name, self.index, self.t)
        return rf"a_{{{','.join(filter(None, [latex(self.name), index]))}}}^{{({self.t})}}"

    def _forward(self) -> tuple[str, ...]:
        """a_l = Σ_j w_lj z_j + b_l in symbols, and in numbers."""
        if self.form.expression is None or self.form.source is None:
            return ()
        left, result = self._argument(self.index), rf"= {notation.number(self.a)}"
        symbols = f"{left} = {self.write.symbols(self.form.expression, self.index)}"
        if self.form.name in self.run.cell.losses:
            return symbols, f"{left} {result}"
        return symbols, broken(left, self.write.summands(self.form.expression, self.unit), result)

    def _output(self) -> str:
        """z_l = φ(a_l) in symbols and numbers."""
        if self.form.function is None:
            return ""
        function, entry = CALLS[self.form.function].latex, self.write.entry(self.name, self.index, self.t)
        value = notation.number(self.value)
        if self.slope is None:
            return rf"{entry} = {function}\left({self._argument('')}\right)_{{{self.unit + 1}}} = {value}"
        a = notation.number(self.a)
        return rf"{entry} = {function}\left({self._argument(self.index)}\right) = {function}\left({a}\right) = {value}"


def _sum_with_factor(left: str, factor: str, inner: list[str], direct: list[str], result: str) -> str:
    """Write left = factor · (inner) + direct = result, a line for each summand where there are several."""
    opened, closed = (rf"{factor}\,\Bigl(", r"\Bigr)") if factor and inner else ("", "")
    parts = [*inner[:-1], *[f"{part}{closed}" for part in inner[-1:]], *direct]
    return broken(left, [f"{opened}{parts[0]}", *parts[1:]] if parts else ["0"], f"= {result}" if result else "")
