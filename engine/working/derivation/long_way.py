"""Section: the long way round, through the probabilities, A11."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell
from engine.language.names import latex
from engine.language.operations import SOFTMAX
from engine.working.derivation.line import Line
from engine.working.derivation.softmax_loss import SoftmaxLoss, joint_gradient_tex, softmax_losses
from engine.working.derivation.step import StepContext, jacobian_by_steps
from engine.working.derivation.structure import matrix_products
from engine.working.derivation.writing import (
    entry_tex,
    matrix_tex,
    number_tex,
    per_unit,
    plus,
    shown_units,
    signed_tex,
    sum_tex,
)


def _matrix_into(cell: Cell, out: SoftmaxLoss) -> tuple[str, str] | None:
    """The V and the h of o = … + V h + …, where h is a node of the step that o reads in no other place."""
    expression = cell.equations[out.o].expression if out.o is not None else out.expression
    found = [pair for pair in matrix_products(expression) if pair[1] in cell.equations]
    reads = [read.name for read in cell.reads[out.o or out.p] if not read.lag]
    return next((pair for pair in reversed(found) if reads.count(pair[1]) == 1), None)


def needs_matrix_into_softmax(run: Run) -> str:
    at = StepContext(run, 1, 0)
    if any(_matrix_into(run.cell, out) for out in softmax_losses(at)):
        return ""
    return "It needs the nll of a softmax of o = … + V h, a matrix times a node of the step."


def long_way_lines(at: StepContext, _: int) -> Iterator[Line]:
    for out in softmax_losses(at):
        pair = _matrix_into(at.cell, out)
        if pair is not None:
            yield from _by_probabilities(at, out, *pair)


def _by_probabilities(at: StepContext, out: SoftmaxLoss, V: str, h: str) -> Iterator[Line]:
    """∂L(t)/∂h by way of ∂ŷ/∂h, with the cancellation."""
    t = str(at.t)
    matrix, value, p, y = np.asarray(at.run.parameters[V], np.float64), at.value(h), at.value(out.p), out.y
    n, m, own, total = out.n, len(value), latex(out.loss), float(out.y.sum())
    rest = out.logits - matrix @ value

    def v(i: str, j: str) -> str:
        return notation.indexed(V, i, j)

    def h_(j: str, at: str = "t") -> str:
        return entry_tex(h, j, at)

    exact = jacobian_by_steps(lambda h: SOFTMAX.definition(rest + h @ matrix.T), value)
    jacobian = p[:, None] * (matrix - p @ matrix)
    head = rf"\frac{{\partial {out.p_('i')}}}{{\partial {h_('j')}}}"
    e = rf"e^{{{out.o_('i')}}}"
    both = rf"\sum_k {v('k', 'j')}\, e^{{{out.o_('k')}}}"

    def slopes(i: int) -> list[str]:
        return list(per_unit(m, lambda j: (
            rf"\frac{{\partial {out.p_(str(i + 1), t)}}}{{\partial {h_(str(j + 1), t)}}} = -{number_tex(p[i])} \left["
            + plus([
                rf"{signed_tex(matrix[k, j])} "
                + (rf"\left({number_tex(p[k])} - 1\right)" if k == i else rf"\cdot {number_tex(p[k])}")
                for k in shown_units(n)
            ]) + (r" + \cdots" if n > notation.WIDE else "") + rf"\right] = {number_tex(jacobian[i, j])}"
        )))  # fmt: skip

    yield at.line(
        "A11", rf"How a probability changes with ${latex(h)}$, by the quotient rule, with $\Sigma = \sum_k e^{{{out.o_('k')}}}$."
        " The index of $v$ is that of the summand, $k$.",
        rf"\begin{{aligned}} {head} &= \frac{{{v('i', 'j')}\, {e}\, \Sigma - {e} {both}}}{{\Sigma^2}} \\"
        rf" &= {out.p_('i')} \left({v('i', 'j')} - \sum_k {v('k', 'j')}\, {out.p_('k')}\right) \end{{aligned}}",
        rf"\frac{{\partial {out.p_(at=t)}}}{{\partial {h_('', t)}}} = {matrix_tex(jacobian)}", jacobian, exact, floor=0.0,
        elements=per_unit(n, slopes),
    )  # fmt: skip
    product = (np.diag(p) - np.outer(p, p)) @ matrix
    yield at.line(
        "A11", f"As a matrix, {n} by {m}: the Jacobian of the softmax times ${latex(V)}$.",
        rf"\frac{{\partial {out.p_()}}}{{\partial {h_('')}}} = {SOFTMAX.latex_jacobian.format(h=out.p_())}\, {latex(V)}",
        rf"{matrix_tex(np.diag(p) - np.outer(p, p))} {matrix_tex(matrix)} = {matrix_tex(product)}", product, exact, floor=0.0,
    )  # fmt: skip
    pull = -np.divide(y, p, out=np.zeros(n), where=y != 0)
    joint = out.row.definition_joint
    assert joint is not None
    by_step = jacobian_by_steps(lambda h: joint(rest + h @ matrix.T, np.repeat(out.raw[:1], m, 0)), value)[0]
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
        rf"{matrix_tex(jacobian.T)} {matrix_tex(pull)} = {matrix_tex(jacobian.T @ pull)}", jacobian.T @ pull, by_step,
        floor=largest,
        elements=per_unit(m, lambda j: (
            rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {h_(str(j + 1), t)}}} = -\left["
            + plus([
                rf"\frac{{{number_tex(y[i])}}}{{\cancel{{{number_tex(p[i])}}}}} \cdot \cancel{{{number_tex(p[i])}}}"
                rf" \left({number_tex(matrix[i, j])} - {signed_tex(float(p @ matrix[:, j]))}\right)" for i in shown_units(n)
            ]) + (r" + \cdots" if n > notation.WIDE else "") + rf"\right] = {number_tex(float(by_step[j]))}"
        )),
    )  # fmt: skip
    at_o = p * total - y
    yield at.line(
        "A11", "What is left is the short way's: the transposed matrix times the gradient at $o$.",
        rf"\nabla_{{{h_('')}}} {own}^{{(t)}} = {latex(V)}^\top \left({joint_gradient_tex(out)}\right)",
        rf"{matrix_tex(matrix.T)} {matrix_tex(at_o)} = {matrix_tex(matrix.T @ at_o)}", matrix.T @ at_o, by_step, floor=largest,
        elements=per_unit(m, lambda j: (
            rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {h_(str(j + 1), t)}}} = "
            + sum_tex([float(matrix[i, j] * at_o[i]) for i in range(n)]) + f" = {number_tex(float(by_step[j]))}"
        )),
    )  # fmt: skip
