"""Section: the long way round from the loss to h, through the probabilities ŷ = softmax(o) with o = … + V h, A11."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.names import latex
from engine.language.operations import SOFTMAX, Array
from engine.support.lazy import lazy_property
from engine.working.derivation.line import Line
from engine.working.derivation.softmax_loss import SoftmaxLoss, softmax_losses
from engine.working.derivation.step import StepContext, jacobian_by_steps
from engine.working.derivation.structure import matrix_products
from engine.working.derivation.writing import (
    entry_tex,
    matrix_tex,
    number_tex,
    partial_tex,
    per_entry,
    per_unit,
    signed_tex,
    sum_over_units,
    sum_tex,
)


def _matrix_into(cell: Cell, out: SoftmaxLoss) -> tuple[str, str] | None:
    """The V and the h of o = … + V h + …, where h is a node of the step that o reads in no other place."""
    expression = cell.equations[out.o].expression if out.o is not None else out.expression
    pairs = [pair for pair in matrix_products(expression) if pair[1] in cell.equations]
    reads = [read.name for read in cell.reads[out.o or out.p] if not read.lag]
    return next((pair for pair in reversed(pairs) if reads.count(pair[1]) == 1), None)


def needs_matrix_into_softmax(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    if any(_matrix_into(run.cell, out) for out in softmax_losses(StepContext(run, 1, 0))):
        return ""
    return "It needs the nll of a softmax of o = … + V h, a matrix times a node of the step."


def long_way_lines(at: StepContext, _: int) -> Iterator[Line]:
    """∂L(t)/∂h by way of ∂ŷ/∂h, and the terms that cancel."""
    for out in softmax_losses(at):
        pair = _matrix_into(at.cell, out)
        if pair is not None:
            way = _Way(at, out, *pair)
            yield _probability_by_h(way)
            yield _as_matrix(way)
            yield _loss_by_h(way)
            yield _short_form(way)


@dataclass(frozen=True)
class _Way:
    """The way from a loss over its softmax to h."""

    at: StepContext
    out: SoftmaxLoss
    V: str
    h: str

    @lazy_property
    def matrix(self) -> Array:
        """The value of V, (n, m)."""
        return np.asarray(self.at.run.parameters[self.V], np.float64)

    @lazy_property
    def value(self) -> Array:
        """The value of h, (m,)."""
        return self.at.value(self.h)

    def logits(self, rows: Array) -> Array:
        """The value of o for several values of h."""
        return np.asarray(self.out.logits - self.matrix @ self.value + rows @ self.matrix.T)

    @lazy_property
    def exact_jacobian(self) -> Array:
        """∂ŷ/∂h, (n, m), by imaginary steps."""
        return jacobian_by_steps(lambda rows: SOFTMAX.definition(self.logits(rows)), self.value)

    @lazy_property
    def exact(self) -> Array:
        """∂L(t)/∂h, (m,), by imaginary steps."""
        return self.out.slope(self.logits, self.value)

    @lazy_property
    def jacobian(self) -> Array:
        """∂ŷ_i/∂h_j = ŷ_i (v_ij − Σ_k v_kj ŷ_k), (n, m)."""
        p = self.out.probabilities
        return np.asarray(p[:, None] * (self.matrix - p @ self.matrix))

    def v_(self, i: str, j: str) -> str:
        """The symbol of an entry of V."""
        return notation.indexed(self.V, i, j)

    def h_(self, j: str = "", step: str = "t") -> str:
        """The symbol of h, or of an entry of it."""
        return entry_tex(self.h, j, step)

    def loss_by_h_(self, j: int) -> str:
        """The symbol of ∂L/∂h_j at the step."""
        t = str(self.at.t)
        return partial_tex(self.out.l_(t), self.h_(str(j + 1), t))


def _probability_by_h(way: _Way) -> Line:
    at, out, V, p, t = way.at, way.out, way.matrix, way.out.probabilities, str(way.at.t)
    (n, m), e, v_ij, v_kj = V.shape, rf"e^{{{out.o_('i')}}}", way.v_("i", "j"), way.v_("k", "j")

    def element(i: int, j: int) -> str:
        def term(k: int) -> str:
            factor = rf"\left({number_tex(p[k])} - 1\right)" if k == i else rf"\cdot {number_tex(p[k])}"
            return f"{signed_tex(V[k, j])} {factor}"

        return (
            rf"{partial_tex(out.p_(str(i + 1), t), way.h_(str(j + 1), t))} = -{number_tex(p[i])} \left["
            + sum_over_units(n, term) + rf"\right] = {number_tex(way.jacobian[i, j])}"
        )  # fmt: skip

    return at.line(
        "A11", rf"How a probability changes with ${latex(way.h)}$, by the quotient rule, with"
        rf" $\Sigma = \sum_k e^{{{out.o_('k')}}}$. The index of $v$ is that of the summand, $k$.",
        rf"\begin{{aligned}} {partial_tex(out.p_('i'), way.h_('j'))}"
        rf" &= \frac{{{v_ij}\, {e}\, \Sigma - {e} \sum_k {v_kj}\, e^{{{out.o_('k')}}}}}{{\Sigma^2}} \\"
        rf" &= {out.p_('i')} \left({v_ij} - \sum_k {v_kj}\, {out.p_('k')}\right) \end{{aligned}}",
        f"{partial_tex(out.p_(step=t), way.h_(step=t))} = {matrix_tex(way.jacobian)}",
        way.jacobian, way.exact_jacobian, floor=0.0, elements=per_entry(n, m, element),
    )  # fmt: skip


def _as_matrix(way: _Way) -> Line:
    out, V = way.out, latex(way.V)
    softmax = SOFTMAX.jacobian(out.probabilities)
    n, m = way.matrix.shape
    product = softmax @ way.matrix
    return way.at.line(
        "A11", f"As a matrix, {n} by {m}: the Jacobian of the softmax times ${V}$.",
        rf"{partial_tex(out.p_(), way.h_())} = {SOFTMAX.latex_jacobian.format(h=out.p_())}\, {V}",
        f"{matrix_tex(softmax)} {matrix_tex(way.matrix)} = {matrix_tex(product)}",
        product, way.exact_jacobian, floor=0.0,
    )  # fmt: skip


def _loss_by_h(way: _Way) -> Line:
    out, V, y, p, slope = way.out, way.matrix, way.out.y, way.out.probabilities, way.out.slope_at_probabilities
    n, m = V.shape
    y_i, p_i, v_ij, v_kj = out.y_("i"), out.p_("i"), way.v_("i", "j"), way.v_("k", "j")
    result = way.jacobian.T @ slope

    def element(j: int) -> str:
        mean = signed_tex(float(p @ V[:, j]))
        terms = sum_over_units(n, lambda i: (
            rf"\frac{{{number_tex(y[i])}}}{{\cancel{{{number_tex(p[i])}}}}} \cdot \cancel{{{number_tex(p[i])}}}"
            rf" \left({number_tex(V[i, j])} - {mean}\right)"
        ))  # fmt: skip
        return rf"{way.loss_by_h_(j)} = -\left[{terms}\right] = {number_tex(float(way.exact[j]))}"

    return way.at.line(
        "A11", rf"Then the loss, by the chain rule over all the probabilities, with one minus sign: each ${p_i}$"
        " that seemed to be left over cancels.",
        rf"\begin{{aligned}} {partial_tex(out.l_(), way.h_('j'))}"
        rf" &= \sum_i {partial_tex(out.l_(), p_i)} {partial_tex(p_i, way.h_('j'))}"
        rf" = -\sum_i \frac{{{y_i}}}{{\cancel{{{p_i}}}}}\, \cancel{{{p_i}}}"
        rf" \left({v_ij} - \sum_k {v_kj}\, {out.p_('k')}\right) \\"
        rf" &= -\sum_i {y_i}\, {v_ij} + \left(\sum_i {y_i}\right) \sum_k {v_kj}\, {out.p_('k')} \end{{aligned}}",
        f"{matrix_tex(way.jacobian.T)} {matrix_tex(slope)} = {matrix_tex(result)}", result, way.exact,
        floor=float(np.abs(V).max()), elements=per_unit(m, element),
    )  # fmt: skip


def _short_form(way: _Way) -> Line:
    out, V, at_o = way.out, way.matrix, way.out.slope_at_o
    return way.at.line(
        "A11", "The result is that of the short way: the transposed matrix times the gradient at $o$.",
        rf"\nabla_{{{way.h_()}}} {out.l_()} = {latex(way.V)}^\top \left({out.slope_tex()}\right)",
        f"{matrix_tex(V.T)} {matrix_tex(at_o)} = {matrix_tex(V.T @ at_o)}", V.T @ at_o, way.exact,
        floor=float(np.abs(V).max()), elements=per_unit(V.shape[1], lambda j: (
            f"{way.loss_by_h_(j)} = {sum_tex(V[:, j] * at_o)} = {number_tex(float(way.exact[j]))}"
        )),
    )  # fmt: skip
