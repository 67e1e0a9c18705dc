"""Section: the softmax and its loss, A4, A5 and A10."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.names import latex
from engine.language.operations import SOFTMAX, Array
from engine.working.derivation.line import Line
from engine.working.derivation.softmax_loss import SoftmaxLoss, joint_gradient_tex, softmax_losses
from engine.working.derivation.step import BY_DEFINITION, BY_SIDES, StepContext, jacobian_by_steps, only_vector
from engine.working.derivation.writing import matrix_tex, number_tex, per_unit, plus, shown_units, signed_tex, sum_tex


def needs_softmax(run: Run) -> str:
    return "" if any(softmax_losses(StepContext(run, 1, 0))) else "It needs a loss that is the nll of a softmax."


def softmax_lines(at: StepContext, _: int) -> Iterator[Line]:
    for out in softmax_losses(at):
        yield from _of_softmax(at, out)


def _of_softmax(at: StepContext, out: SoftmaxLoss) -> Iterator[Line]:
    t, n, y, p, o = str(at.t), out.n, out.y, at.value(out.p), out.logits
    own, total = latex(out.loss), float(y.sum())
    e = np.exp(o - o.max())
    log_sum = float(o.max() + np.log(e.sum()))
    loss = float(at.value(out.loss)[0])
    if out.o is None:
        yield at.line(
            "A4", f"The argument of the softmax has no name here; it is called ${out.o_()}$ below.",
            f"{out.o_()} = {at.cell.latex_of(out.expression)}", f"{out.o_(at=t)} = {matrix_tex(o)}", o,
            only_vector(interpreter.value(at.cell, out.expression, at.look), n), BY_DEFINITION,
        )  # fmt: skip

    # question 2: the loss as a function of o
    if out.classes:
        left = rf"\log p(y^{{(t)}}) = \log {out.p_('y')}"
        symbols = (
            rf"{left} = \log \frac{{e^{{{out.o_('y')}}}}}{{\sum_j e^{{{out.o_('j')}}}}}"
            rf" = {out.o_('y')} - \log \sum_j e^{{{out.o_('j')}}}"
        )
        numbers = rf"\log p(y^{{({t})}}) = {number_tex(float(o @ y))} - {signed_tex(log_sum)} = {number_tex(-loss)}"
    else:
        symbols = (
            rf"-{own}^{{(t)}} = \sum_i {out.y_('i')} \log {out.p_('i')} = "
            rf"\sum_i {out.y_('i')} \left({out.o_('i')} - \log \sum_j e^{{{out.o_('j')}}}\right)"
        )
        numbers = rf"-{own}^{{({t})}} = {sum_tex(y * (o - log_sum))} = {number_tex(-loss)}"
    elements = per_unit(n, lambda i: (
        rf"{out.y_(str(i + 1), t)} \left({out.o_(str(i + 1), t)} - \log \sum_j e^{{{out.o_('j', t)}}}\right) ="
        rf" {number_tex(y[i])} \cdot \left({number_tex(o[i])} - {signed_tex(log_sum)}\right)"
        f" = {number_tex(y[i] * (o[i] - log_sum))}"
    ))  # fmt: skip
    yield at.line(
        "A4", "Question 2, which comes first: the log-probability as a function of $o$. With the softmax put in, the logarithm"
        " of the quotient is a difference, and the logarithm undoes the exponential.",
        symbols, numbers, float(y @ (o - log_sum)), -loss, BY_SIDES, elements,
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
        right = jacobian_by_steps(lambda o: o[:, k : k + 1], o)[0]
    else:
        symbols = rf"\sum_k {out.y_('k')} \frac{{\partial {out.o_('k')}}}{{\partial {out.o_('i')}}} = {out.y_('i')}"
        said = "Question 3, what stands in place of the indicator where the target is a distribution: its entry."
        right = jacobian_by_steps(lambda o: (o @ y)[:, None], o)[0]
    yield at.line("A4", said, symbols, rf"{out.y_(at=t)} = {matrix_tex(y)}", y, right, floor=0.0)

    # question 1, directly
    head = rf"\frac{{\partial {own}^{{(t)}}}}{{\partial {out.o_('i')}}}"
    own_y = r"\mathbf{1}_{i, y^{(t)}}" if out.classes else out.y_("i")
    share = rf"\frac{{e^{{{out.o_('i')}}}}}{{\sum_j e^{{{out.o_('j')}}}}}"
    factor = "" if out.classes else r"\left(\textstyle\sum_k " + out.y_("k") + r"\right) "
    elements = per_unit(n, lambda i: (
        rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {out.o_(str(i + 1), t)}}} = "
        + (rf"{number_tex(p[i])} - {number_tex(y[i])}"
           if out.classes else rf"{number_tex(p[i])} \cdot {number_tex(total)} - {number_tex(y[i])}")
        + f" = {number_tex(out.exact[i])}"
    ))  # fmt: skip
    yield at.line(
        "A4", "Question 1, the derivative, the short way: the first term of the difference gives the indicator, the"
        " logarithm of the sum gives the softmax" + (", (10.18)." if out.classes else "; it is (10.18) with the target's entry in"
        " place of the indicator."),
        rf"{head} = -{own_y} + {factor}{share} = {factor}{out.p_('i')} - {own_y}",
        matrix_tex(p) + ("" if out.classes else rf" \cdot {number_tex(total)}") + f" - {matrix_tex(y)} = {matrix_tex(out.exact)}",
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
            rf" \left({joint_gradient_tex(out)}\right)",
            rf"{notation.nabla(out.o, t)} = {matrix_tex(at.grad(out.loss))} \cdot {matrix_tex(out.exact)}"
            f" = {matrix_tex(at.grad(out.o))}",
            at.grad(out.loss)[0] * (p * total - y), gradient, by, tolerance=near,
        )  # fmt: skip


def _through_y_hat(at: StepContext, out: SoftmaxLoss, p: Array, y: Array) -> Iterator[Line]:
    """The same by way of ŷ, with the Jacobian of the softmax."""
    t, n, own = str(at.t), out.n, latex(out.loss)
    jacobian = np.diag(p) - np.outer(p, p)
    exact = jacobian_by_steps(SOFTMAX.definition, out.logits)
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
        rf"\frac{{\partial {out.p_(at=t)}}}{{\partial {out.o_(at=t)}}} = {matrix_tex(jacobian)}", jacobian, exact, floor=0.0,
    )  # fmt: skip

    def row(i: int) -> list[str]:
        return list(per_unit(n, lambda j: (
            rf"\frac{{\partial {out.p_(str(i + 1), t)}}}{{\partial {out.o_(str(j + 1), t)}}} ="
            rf" {number_tex(p[i])} \left({int(i == j)} - {number_tex(p[j])}\right) = {number_tex(jacobian[i, j])}"
        )))  # fmt: skip

    yield at.line(
        "A5", r"Both cases in one, with $\delta_{ij}$ for 1 where $i = j$ and 0 elsewhere; as a matrix,"
        rf" ${SOFTMAX.latex_jacobian.format(h=out.p_())}$.",
        rf"{head} = {out.p_('i')} \left(\delta_{{ij}} - {out.p_('j')}\right)",
        rf"\operatorname{{diag}} {matrix_tex(p)} - {matrix_tex(p)} {matrix_tex(p[None])} = {matrix_tex(jacobian)}",
        exact, jacobian,
        elements=per_unit(n, row), floor=0.0,
    )  # fmt: skip
    pull = np.asarray(-np.divide(y, p, out=np.zeros(n), where=y != 0))
    by_step = jacobian_by_steps(lambda q: out.row.definition(q, out.raw), p)[0]
    yield at.line(
        "A4", "Then the loss by the probabilities: the derivative of the logarithm.",
        rf"\frac{{\partial {own}^{{(t)}}}}{{\partial {out.p_('i')}}} = -\frac{{{out.y_('i')}}}{{{out.p_('i')}}}",
        rf"\nabla_{{{out.p_(at=t)}}} {own}^{{({t})}} = {matrix_tex(pull)}", pull, by_step, floor=0.0,
        elements=per_unit(n, lambda i: rf"-\frac{{{number_tex(y[i])}}}{{{number_tex(p[i])}}} = {number_tex(pull[i])}"),
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
        rf"{matrix_tex(jacobian)} {matrix_tex(pull)} = {matrix_tex(together)}", together, out.exact, floor=float(np.abs(p).max()),
        elements=per_unit(n, lambda j: (
            rf"\frac{{\partial {own}^{{({t})}}}}{{\partial {out.o_(str(j + 1), t)}}} = -\left["
            + plus([rf"{number_tex(y[i])} \left({int(i == j)} - {number_tex(p[j])}\right)" for i in shown_units(n)])
            + (r" + \cdots" if n > notation.WIDE else "") + rf"\right] = {number_tex(together[j])}"
        )),
    )  # fmt: skip


def _matrix_form(at: StepContext, out: SoftmaxLoss, p: Array, y: Array) -> Iterator[Line]:
    matrix = np.outer(p, np.ones(out.n)) - np.eye(out.n)
    yield at.line(
        "A10", r"The same for all $i$ at once: each column of the matrix is $\hat{y}$ less a unit vector. Where the targets"
        r" sum to 1 it is $\hat{y} - y$, the book's form.".replace(r"\hat{y}", latex(out.p)),
        rf"\nabla_{{{out.o_()}}} {latex(out.loss)}^{{(t)}} = \left({out.p_()} \mathbf{{1}}^\top - I\right) {out.y_()}"
        rf" = {joint_gradient_tex(out)}",
        rf"{matrix_tex(matrix)} {matrix_tex(y)} = {matrix_tex(matrix @ y)}", matrix @ y, out.exact, floor=float(np.abs(p).max()),
        elements=per_unit(out.n, lambda i: plus(
            [rf"\left({number_tex(matrix[i, k])}\right) \cdot {number_tex(y[k])}" for k in shown_units(out.n)]
        ) + (r" + \cdots" if out.n > notation.WIDE else "") + f" = {number_tex(float(matrix[i] @ y))}"),
    )  # fmt: skip
