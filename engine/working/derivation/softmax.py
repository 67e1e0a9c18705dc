"""Section: the softmax and its loss, A4, A5 and A10."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.names import latex
from engine.language.operations import SOFTMAX
from engine.working.derivation.line import Line
from engine.working.derivation.softmax_loss import SoftmaxLoss, softmax_losses
from engine.working.derivation.step import BY_DEFINITION, BY_SIDES, StepContext, jacobian_by_steps, only_vector
from engine.working.derivation.writing import (
    matrix_tex,
    number_tex,
    partial_tex,
    per_entry,
    per_unit,
    signed_tex,
    sum_over_units,
    sum_tex,
)


def needs_softmax(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    return "" if any(softmax_losses(StepContext(run, 1, 0))) else "It needs a loss that is the nll of a softmax."


def softmax_lines(at: StepContext, _: int) -> Iterator[Line]:
    """The loss and its derivative by o, directly, by way of ŷ and in matrix form."""
    for out in softmax_losses(at):
        if out.o is None:
            yield _argument(at, out)
        yield _log_probability(at, out)
        yield _indicator(at, out)
        yield _short_way(at, out)
        yield _quotient_rule(at, out)
        yield _jacobian(at, out)
        yield _slope_at_probabilities(at, out)
        yield _cancellation(at, out)
        yield _matrix_form(at, out)
        if out.o is not None and out.alone:
            yield _at_o(at, out, out.o)


def _argument(at: StepContext, out: SoftmaxLoss) -> Line:
    value = only_vector(interpreter.value(at.cell, out.expression, at.look), out.n)
    return at.line(
        "A4", f"The argument of the softmax has no name here; it is called ${out.o_()}$ below.",
        f"{out.o_()} = {at.cell.latex_of(out.expression)}", f"{out.o_(step=str(at.t))} = {matrix_tex(out.logits)}",
        out.logits, value, BY_DEFINITION,
    )  # fmt: skip


def _log_probability(at: StepContext, out: SoftmaxLoss) -> Line:
    t, y, o = str(at.t), out.y, out.logits
    log_sum = float(o.max() + np.log(np.exp(o - o.max()).sum()))
    loss = float(at.value(out.loss)[0])
    if out.classes:
        symbols = (
            rf"\log p(y^{{(t)}}) = \log {out.p_('y')}"
            rf" = \log \frac{{e^{{{out.o_('y')}}}}}{{\sum_j e^{{{out.o_('j')}}}}}"
            rf" = {out.o_('y')} - \log \sum_j e^{{{out.o_('j')}}}"
        )
        numbers = rf"\log p(y^{{({t})}}) = {number_tex(float(o @ y))} - {signed_tex(log_sum)} = {number_tex(-loss)}"
    else:
        symbols = (
            rf"-{out.l_()} = \sum_i {out.y_('i')} \log {out.p_('i')} = "
            rf"\sum_i {out.y_('i')} \left({out.o_('i')} - \log \sum_j e^{{{out.o_('j')}}}\right)"
        )
        numbers = rf"-{out.l_(t)} = {sum_tex(y * (o - log_sum))} = {number_tex(-loss)}"

    def element(i: int) -> str:
        unit = str(i + 1)
        return (
            rf"{out.y_(unit, t)} \left({out.o_(unit, t)} - \log \sum_j e^{{{out.o_('j', t)}}}\right) ="
            rf" {number_tex(y[i])} \cdot \left({number_tex(o[i])} - {signed_tex(log_sum)}\right)"
            f" = {number_tex(y[i] * (o[i] - log_sum))}"
        )

    return at.line(
        "A4", "Question 2, which comes first: the log-probability as a function of $o$. With the softmax put in, the logarithm"
        " of the quotient is a difference, and the logarithm undoes the exponential.",
        symbols, numbers, float(y @ (o - log_sum)), -loss, BY_SIDES, per_unit(out.n, element),
        floor=float(np.abs(o).max()) + abs(log_sum),
    )  # fmt: skip


def _indicator(at: StepContext, out: SoftmaxLoss) -> Line:
    if out.classes:
        k = int(at.run.y[at.t - 1, at.sample])
        explanation = (
            "Question 3, what the indicator means: 1 where $i$ is the class that is right, else 0; as a vector, the target"
            rf" with its single 1. Here the class is {k}, counted from 0, which is entry {k + 1}."
        )
        symbols = (
            rf"\mathbf{{1}}_{{i, y^{{(t)}}}} = \mathbf{{1}}\left[i = y^{{(t)}}\right]"
            rf" = {partial_tex(out.o_('y'), out.o_('i'))}"
        )
        slope = jacobian_by_steps(lambda o: o[:, k : k + 1], out.logits)[0]
    else:
        explanation = "Question 3, what stands in place of the indicator where the target is a distribution: its entry."
        symbols = rf"\sum_k {out.y_('k')} {partial_tex(out.o_('k'), out.o_('i'))} = {out.y_('i')}"
        slope = jacobian_by_steps(lambda o: (o @ out.y)[:, None], out.logits)[0]
    numbers = rf"{out.y_(step=str(at.t))} = {matrix_tex(out.y)}"
    return at.line("A4", explanation, symbols, numbers, out.y, slope, floor=0.0)


def _short_way(at: StepContext, out: SoftmaxLoss) -> Line:
    t, y, p = str(at.t), out.y, out.probabilities
    target = r"\mathbf{1}_{i, y^{(t)}}" if out.classes else out.y_("i")
    share = rf"\frac{{e^{{{out.o_('i')}}}}}{{\sum_j e^{{{out.o_('j')}}}}}"
    factor = "" if out.classes else r"\left(\textstyle\sum_k " + out.y_("k") + r"\right) "
    times_total = "" if out.classes else rf" \cdot {number_tex(float(y.sum()))}"
    return at.line(
        "A4", "Question 1, the derivative, the short way: the first term of the difference gives the indicator, the"
        " logarithm of the sum gives the softmax" + (", (10.18)." if out.classes else "; it is (10.18) with the target's entry in"
        " place of the indicator."),
        rf"{partial_tex(out.l_(), out.o_('i'))} = -{target} + {factor}{share} = {factor}{out.p_('i')} - {target}",
        f"{matrix_tex(p)}{times_total} - {matrix_tex(y)} = {matrix_tex(out.exact)}",
        out.slope_at_o, out.exact, floor=float(np.abs(p).max()), elements=per_unit(out.n, lambda i: (
            f"{partial_tex(out.l_(t), out.o_(str(i + 1), t))} = "
            f"{number_tex(p[i])}{times_total} - {number_tex(y[i])} = {number_tex(out.exact[i])}"
        )),
    )  # fmt: skip


# --- by way of ŷ, with the Jacobian of the softmax ---------------------------------------------------------------


def _quotient_rule(at: StepContext, out: SoftmaxLoss) -> Line:
    t, p_i, p_j = str(at.t), out.p_("i"), out.p_("j")
    e_i, e_j, S = rf"e^{{{out.o_('i')}}}", rf"e^{{{out.o_('j')}}}", r"\Sigma"
    same = rf"i = j: \quad \frac{{{e_i} {S} - {e_i} {e_i}}}{{{S}^2}} &= {p_i} \left(1 - {p_i}\right)"
    different = rf"i \ne j: \quad \frac{{0 \cdot {S} - {e_i} {e_j}}}{{{S}^2}} &= -{p_i}\, {p_j}"
    jacobian = SOFTMAX.jacobian(out.probabilities)
    return at.line(
        "A5", "The long way, through the probabilities. First the softmax by the quotient rule, in its two cases.",
        rf"\begin{{aligned}} {S} = \sum_k e^{{{out.o_('k')}}}: \quad {same} \\ {different} \end{{aligned}}",
        f"{partial_tex(out.p_(step=t), out.o_(step=t))} = {matrix_tex(jacobian)}",
        jacobian, out.exact_jacobian, floor=0.0,
    )  # fmt: skip


def _jacobian(at: StepContext, out: SoftmaxLoss) -> Line:
    t, p = str(at.t), out.probabilities
    jacobian = SOFTMAX.jacobian(p)
    return at.line(
        "A5", r"Both cases in one, with $\delta_{ij}$ for 1 where $i = j$ and 0 elsewhere; as a matrix,"
        rf" ${SOFTMAX.latex_jacobian.format(h=out.p_())}$.",
        rf"{partial_tex(out.p_('i'), out.o_('j'))} = {out.p_('i')} \left(\delta_{{ij}} - {out.p_('j')}\right)",
        rf"\operatorname{{diag}} {matrix_tex(p)} - {matrix_tex(p)} {matrix_tex(p[None])} = {matrix_tex(jacobian)}",
        out.exact_jacobian, jacobian, floor=0.0, elements=per_entry(out.n, out.n, lambda i, j: (
            rf"{partial_tex(out.p_(str(i + 1), t), out.o_(str(j + 1), t))} ="
            rf" {number_tex(p[i])} \left({int(i == j)} - {number_tex(p[j])}\right) = {number_tex(jacobian[i, j])}"
        )),
    )  # fmt: skip


def _slope_at_probabilities(at: StepContext, out: SoftmaxLoss) -> Line:
    t, y, p, slope = str(at.t), out.y, out.probabilities, out.slope_at_probabilities
    by_steps = jacobian_by_steps(lambda q: out.row.definition(q, out.targets(out.n)), p)[0]
    return at.line(
        "A4", "Then the loss by the probabilities: the derivative of the logarithm.",
        rf"{partial_tex(out.l_(), out.p_('i'))} = -\frac{{{out.y_('i')}}}{{{out.p_('i')}}}",
        rf"\nabla_{{{out.p_(step=t)}}} {out.l_(t)} = {matrix_tex(slope)}", slope, by_steps, floor=0.0,
        elements=per_unit(out.n, lambda i: rf"-\frac{{{number_tex(y[i])}}}{{{number_tex(p[i])}}} = {number_tex(slope[i])}"),
    )  # fmt: skip


def _cancellation(at: StepContext, out: SoftmaxLoss) -> Line:
    t, y, p, y_i, y_j, p_i, p_j = (
        str(at.t),
        out.y,
        out.probabilities,
        out.y_("i"),
        out.y_("j"),
        out.p_("i"),
        out.p_("j"),
    )
    total = -(y[:, None] * (np.eye(out.n) - p[None])).sum(axis=0)
    return at.line(
        "A4", rf"The two multiplied and summed over $i$: each ${p_i}$ cancels, and the result is that of the short way.",
        rf"\begin{{aligned}} {partial_tex(out.l_(), out.o_('j'))}"
        rf" &= \sum_i \left(-\frac{{{y_i}}}{{\cancel{{{p_i}}}}}\right) \cancel{{{p_i}}} \left(\delta_{{ij}} - {p_j}\right)"
        rf" = -\sum_i {y_i} \left(\delta_{{ij}} - {p_j}\right) \\ &= -{y_j} + {p_j} \sum_i {y_i} = {p_j}"
        + (r" - \mathbf{1}_{j, y^{(t)}}" if out.classes else rf" \sum_i {y_i} - {y_j}") + r" \end{aligned}",
        f"{matrix_tex(SOFTMAX.jacobian(p))} {matrix_tex(out.slope_at_probabilities)} = {matrix_tex(total)}",
        total, out.exact, floor=float(np.abs(p).max()), elements=per_unit(out.n, lambda j: (
            rf"{partial_tex(out.l_(t), out.o_(str(j + 1), t))} = -\left["
            + sum_over_units(out.n, lambda i: rf"{number_tex(y[i])} \left({int(i == j)} - {number_tex(p[j])}\right)")
            + rf"\right] = {number_tex(total[j])}"
        )),
    )  # fmt: skip


# --- in matrix form, and with the factor of the loss --------------------------------------------------------------


def _matrix_form(at: StepContext, out: SoftmaxLoss) -> Line:
    y, p, y_hat = out.y, out.probabilities, latex(out.p)
    matrix = np.outer(p, np.ones(out.n)) - np.eye(out.n)
    return at.line(
        "A10", f"The same for all $i$ at once: each column of the matrix is ${y_hat}$ less a unit vector. Where the targets"
        f" sum to 1 it is ${y_hat} - y$, the book's form.",
        rf"\nabla_{{{out.o_()}}} {out.l_()} = \left({out.p_()} \mathbf{{1}}^\top - I\right) {out.y_()} = {out.slope_tex()}",
        f"{matrix_tex(matrix)} {matrix_tex(y)} = {matrix_tex(matrix @ y)}", matrix @ y, out.exact,
        floor=float(np.abs(p).max()), elements=per_unit(out.n, lambda i: (
            sum_over_units(out.n, lambda k: rf"\left({number_tex(matrix[i, k])}\right) \cdot {number_tex(y[k])}")
            + f" = {number_tex(float(matrix[i] @ y))}"
        )),
    )  # fmt: skip


def _at_o(at: StepContext, out: SoftmaxLoss, o: str) -> Line:
    factor = at.grad(out.loss)
    return at.line_by_disturbance(
        "A4",
        "With the factor of this loss in the total, the gradient of the total loss" + (", (10.18)." if out.classes else "."),
        rf"{notation.nabla(o, 't')} = {partial_tex('L', out.l_())} \left({out.slope_tex()}\right)",
        rf"{notation.nabla(o, str(at.t))} = {matrix_tex(factor)} \cdot {matrix_tex(out.exact)} = {matrix_tex(at.grad(o))}",
        factor[0] * out.slope_at_o, o, at.t,
    )  # fmt: skip
