"""Slips of the texts that the project was made from: what each states, as a claim that can be tested, and what holds.

A slip is tested on the user's own network if its right form holds there, else on a small network of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from engine import EquationError, Run
from engine.formula import Formula, parse
from engine.notation import number, symbol
from engine.operations import Array
from engine.verdict import Asked, Verdict, by_disturbance, judge, truth
from explorer import model as models
from explorer.model import Model

SOURCES: Final[Mapping[str, str]] = {
    "000": "A question about (10.18), and its answer",
    "001": "Notes on the recurrent network and the LSTM of the book, 2019",
    "002": "Notes on back-propagation through time",
    "003": "Giulio Galvan, On Gradient, 2015",
    "004": "A worked example on Cross Validated, 2016, and its answer",
}


@dataclass(frozen=True)
class Form:
    """A slip for one kind of cell.

    kind, name, of   what the formulas are for, as `verdict.Asked` has them
    stated, right    formulas; {phi} stands for the function of the node `function`, {g} for ∂L/∂L(t)· where that is not 1;
                     an empty `stated` is a shape that cannot be, see `_cut_short`
    where            the last step, or one that has steps before and after it
    """

    kind: Literal["gradient", "value", "jacobian"]
    name: str
    stated: str
    right: str
    of: str = ""
    where: Literal["last", "inner"] = "last"
    function: str = "h"


@dataclass(frozen=True)
class Slip:
    """One place where a text is wrong or easy to misread.

    source, place   the text, a key of `SOURCES`, and where in it
    quote           what it states, in short
    why             why that cannot be, and what is right
    forms           the claim for one kind of cell or more; the first that fits is tested
    layers          whether the small network is one of layers
    remark          what the stated numbers are, in words, or ""
    """

    title: str
    source: str
    place: str
    quote: str
    why: str
    forms: tuple[Form, ...]
    layers: bool = False
    remark: Callable[[Run, Asked, int, Array], str] = lambda run, asked, sample, value: ""


@dataclass(frozen=True)
class Case:
    """A slip, tested: the run and whether it is the user's, what is asked, both formulas in LaTeX and what came of
    them.

    text, right_text   the formulas as they are typed; text is "" where the claim is no formula
    """

    run: Run
    own: bool
    asked: Asked
    sample: int
    text: str
    right_text: str
    stated: str
    right: str
    stated_verdict: Verdict
    right_verdict: Verdict
    remark: str


_J: Final = "(diag(y_hat) - y_hat @ y_hat.T)"


def _no_probabilities(run: Run, asked: Asked, sample: int, value: Array) -> str:
    found = [f"{np.sum(value < 0)} of its {value.size} entries are negative"] * bool((value < 0).any())
    found += ["some are above 1"] * bool((value > 1).any())
    if not np.isfinite(value).all():
        found.append("the sum of the o is 0, so there is no number at all")
    if not found:
        return "Here all entries happen to lie between 0 and 1; they are not those of the softmax all the same."
    return f"As probabilities these are impossible: {' and '.join(found)}."


def _never_one(run: Run, asked: Asked, sample: int, value: Array) -> str:
    assert asked.t is not None
    o = run.value["o"][asked.t - 1, sample]
    gaps = []
    for factor in (1, 3, 10, 30):
        shifted = np.exp(factor * (o - o.max()))
        gaps.append(f"${number(float((shifted.sum() - 1) / shifted.sum()))}$ for ${factor}\\,o$")
    return f"What the largest entry lacks to 1: {', '.join(gaps)}. It becomes small, and never 0."


def _bias(run: Run, asked: Asked, sample: int, value: Array) -> str:
    name = "b" if "b" in run.parameters else "b_3"
    zero = not run.parameters[name].any()
    return "The bias is 0 in this network, so nothing is missing here; with any other bias it is." if zero else ""


SLIPS: Final[Mapping[str, Slip]] = MappingProxyType({
    "E1": Slip(
        "Softmax without exp", "000", "answer, 2",
        r"Apply the softmax: $\hat{y}_i = o_i / \sum_{i'} o_{i'}$",
        r"The exponential is missing: $\hat y_i = e^{o_i} / \sum_j e^{o_j}$. Outputs $o$ have any sign, so their"
        r" shares can be negative,"
        r" above 1, or not exist, where the sum is 0. $e^{o}$ is positive whatever $o$ is.",
        (Form("value", "y_hat", "o / sum(o)", "exp(o) / sum(exp(o))"),),
        remark=_no_probabilities,
    ),
    "E2": Slip(
        "The gradient, of what?", "000", "answer, 3",
        r"(of $\hat y - y$) This is the gradient of the loss wrt the input $\hat{y}$ to the loss.",
        r"$\hat y - y$ is the gradient with respect to $o$, (10.18): the way through the softmax is in it already."
        r" With respect to"
        r" $\hat y$ itself it is $-y_i/\hat y_i$, since $L = -\sum_i y_i \log \hat y_i$; times the softmax's"
        r" Jacobian that gives"
        r" $\hat y - y$.",
        (Form("gradient", "y_hat", "{g}(y_hat - y)", "{g}(-y / y_hat)"),),
    ),
    "E3": Slip(
        "A certain softmax", "000", "answer, 3",
        r"$\hat{y}^{T}$ is $[0,1,0]$",
        r"A softmax of finite $o$ never reaches 0 or 1: each $e^{o_i}$ is above 0. The one-hot vector is the limit of"
        r" $\operatorname{softmax}(k\,o)$ for $k \to \infty$; the formula takes $k = 1000$, where floating point"
        r" rounds to it. There"
        r" the loss of a wrong class would be infinite.",
        (Form("value", "y_hat", "softmax(1000 * o)", "softmax(o)"),),
        remark=_never_one,
    ),
    "E4": Slip(
        "Two indices in one chain", "001", "the chain for the gradient at o",
        r"$(\nabla_{o^{(t)}} L)_i = \ldots = \frac{\partial L}{\partial L^{(t)}}\frac{\partial L^{(t)}}{\partial"
        r" o_j^{(t)}} = \ldots$",
        r"The left side has a number for each $i$, the second line one for each $j$, and nothing says which $j$. It"
        r" is $i$ throughout."
        r" With any fixed $j$, here the class $y^{(t)}$, every entry of the gradient would be the same number, $\hat"
        r" y_y - 1$.",
        (Form("gradient", "o", "{g}one(o) * sum(y * (y_hat - y))", "{g}(sum(y) * y_hat - y)"),),
    ),
    "E5": Slip(
        "Row or column", "002", "(13)–(14)",
        r"$\nabla_{h^{(\tau)}} C = (\nabla_{o^{(\tau)}} C)\, V$",
        r"With gradients as columns, as the text has them otherwise, the shapes do not fit. Written with rows,"
        r" $(\nabla_o C)^\top V$, the numbers are right but the result is a row. With columns it is $V^\top \nabla_o"
        r" C$, as the text's"
        r" own (15) has it, and (10.19) of the book.",
        (Form("gradient", "h", "g_o @ V", "V.T @ g_o"),),
    ),
    "E6": Slip(
        "Preceding, or following?", "002", "below (15)",
        r"… as well as all the preceding hidden state gradients. Remember that the preceding hidden state of"
        r" $h^{(t)}$ is $h^{(t+1)}$",
        r"$h^{(t+1)}$ follows $h^{(t)}$: it is computed from it, a descendant in the graph. The gradient flows from"
        r" $t+1$ to $t$, against"
        r" the order of time, (10.20). Read literally, with the state that precedes, the formula takes the gradient"
        r" from the past,"
        r" which $h^{(t)}$ has no influence on.",
        (
            Form("gradient", "h", "V.T @ g_o + W.T @ (slope({phi}, a[t-1]) * g_h[t-1])",
                 "V.T @ g_o + W.T @ (slope({phi}, a[t+1]) * g_h[t+1])", where="inner"),
        ),
    ),
    "E7": Slip(
        "Parents, or children?", "003", "(6)",
        r"$P(l) = \{k : \exists$ a link between $l$ and $k$ with weight $w_{lk}\}$, the parents of neuron $l$",
        r"$w_{lk}$ leads from $k$ to $l$, so these are the neurons that feed $l$. The sum of (7), $\delta_l ="
        r" \sigma'(a_l) \sum_k"
        r" \delta_k w_{kl}$, runs over those with a weight $w_{kl}$: the neurons that $l$ feeds, through which alone"
        r" it reaches the"
        r" loss. In matrices, $W^\top \delta$ of what comes after, not $W \delta$ of what came before.",
        (
            Form("gradient", "a_3", "slope({phi}, a_3) * (W_3 @ g_a_2)", "slope({phi}, a_3) * (W_4.T @ g_a_4)", function="phi_3"),
            Form("gradient", "a", "slope({phi}, a) * (W @ g_a[t-1])", "slope({phi}, a) * (V.T @ g_o + W.T @ g_a[t+1])",
                 where="inner"),
        ),
        layers=True,
    ),
    "E8": Slip(
        "Which derivative?", "003", "(13)",
        r"$\Delta_i = W_{i+1}^T \cdot \Delta_{i+1} \circ \sigma(\Delta_i)$",
        r"The last factor is the derivative of the activation at its argument, $\sigma'(a_i)$, as in the text's own"
        r" (7). As it stands,"
        r" $\Delta_i$ would be needed to compute $\Delta_i$, and the activation itself stands where its slope belongs.",
        (
            Form("gradient", "a_3", "(W_4.T @ g_a_4) * {phi}(g_a_3)", "(W_4.T @ g_a_4) * slope({phi}, a_3)", function="phi_3"),
            Form("gradient", "a", "(V.T @ g_o + W.T @ g_a[t+1]) * {phi}(g_a)",
                 "(V.T @ g_o + W.T @ g_a[t+1]) * slope({phi}, a)", where="inner"),
        ),
        layers=True,
    ),
    "E9": Slip(
        "No bias", "003", "(3) and (9)",
        r"$a_l \triangleq \sum_j w_{lj} \phi_j$, $\;a_{i+1} \triangleq W_{i+1} \cdot \phi_i$",
        r"There is no bias. That is no error if one neuron is always 1, whose weights are then the biases; and all"
        r" gradients keep their"
        r" form. For a network that has biases of their own, as the book's has, the sum lacks $b$.",
        (
            Form("value", "a_3", "W_3 @ phi_2", "b_3 + W_3 @ phi_2"),
            Form("value", "a", "W @ h[t-1] + U @ x", "b + W @ h[t-1] + U @ x"),
        ),
        remark=_bias,
    ),
    "E10": Slip(
        "Four entries for five units", "004", "the output written out",
        r"$o = c + V \begin{pmatrix} \tanh(a_1) & \tanh(a_2) & \tanh(a_3) & \tanh(a_4) \end{pmatrix}^\top$ with $V"
        r" \in \mathbb{R}^{3"
        r" \times 5}$",
        r"$V$ has a column for each unit of $h$, so the vector beside it has as many entries as $h$: five in the"
        r" text, whose $a$ has five."
        r" The product of a matrix with a vector that is one entry short is not defined.",
        (Form("value", "o", "", "c + V @ {phi}(a)"),),
    ),
    "E11": Slip(
        "One row of V in every exponential", "004", "the derivative of the first output",
        r"$v_{11} \exp(c_1 + \sum_i v_{1i} h_i) + v_{21} \exp(c_2 + \sum_i v_{1i} h_i) + v_{31} \exp(c_3 + \sum_i"
        r" v_{1i} h_i)$",
        r"The exponent of the $k$-th term is $o_k = c_k + \sum_i v_{ki} h_i$, with the row $k$ of $V$, as in the"
        r" text's own $S$. With"
        r" $v_{1i}$ in each, all of them belong to the first output. The stated formula is that for each row of the"
        r" Jacobian"
        r" $\partial \hat y / \partial h$; the text's next line is right again.",
        (
            Form("jacobian", "h", "diag(y_hat) @ V - diag(y_hat) @ (exp((o - c) @ one(c).T + one(o) @ c.T) / sum(exp(o))) @ V",
                 f"{_J} @ V", of="y_hat"),
        ),
    ),
    "E12": Slip(
        "Shapes that do not fit", "004", "the last display of the question",
        r"$-\operatorname{diag}(\hat y)\, V^\top \left(\hat y\,\mathbf{1}^\top - I\right)$, that is $(3 \times 3)(5"
        r" \times 3)(3 \times 3)$",
        r"A product needs as many columns on the left as rows on the right, and here 3 meets 5. The factors $\hat"
        r" y_i$ belong to the rows"
        r" of the Jacobian: $\partial \hat y / \partial h = (\operatorname{diag}(\hat y) - \hat y \hat y^\top)\, V$,"
        r" which is $3 \times 5$;"
        r" transposed, $V^\top (\operatorname{diag}(\hat y) - \hat y \hat y^\top)$ is $5 \times 3$.",
        (Form("jacobian", "h", "-diag(y_hat) @ V.T @ (y_hat @ one(y).T - diag(one(y)))", f"{_J} @ V", of="y_hat"),),
    ),
    "E13": Slip(
        "A minus too many", "004", "answer",
        r"$\nabla_{h} L = -\sum_i \nabla_{\hat{y}_i} L \, \nabla_{h} \hat{y}_i = -\sum_i y_i \frac{1}{\hat{y}_i}"
        r" \nabla_{h} \hat{y}_i$",
        r"The chain rule has no minus: $\nabla_h L = \sum_i \frac{\partial L}{\partial \hat y_i} \nabla_h \hat y_i$."
        r" The minus comes from"
        r" $\partial L / \partial \hat y_i = -y_i / \hat y_i$, once; the answer's second expression is right. As its"
        r" first one stands,"
        r" the gradient points the other way, and a step of descent climbs.",
        (Form("gradient", "h", f"-({_J} @ V).T @ g_y_hat", f"({_J} @ V).T @ g_y_hat"),),
    ),
})  # fmt: skip


@lru_cache(maxsize=2)
def small(layers: bool) -> Run:
    """The network that a slip is tested on where the user's is of another kind."""
    return models.run(models.changed(Model(task="worked"), cell="feedforward") if layers else Model(task="worked"))


def case(key: str, run: Run, sample: int = 0) -> Case:
    """A slip tested on the user's run, or on a small network if its right form does not hold there.

    **Holds:** every_slip_is_judged_wrong_and_its_right_form_right.
    """
    slip = SLIPS[key]
    for form in slip.forms:
        found = _tested(slip, form, run, sample, True)
        if found is not None:
            return found
    other = small(slip.layers)
    return next(filter(None, (_tested(slip, form, other, 0, False) for form in slip.forms)))


def _tested(slip: Slip, form: Form, run: Run, sample: int, own: bool) -> Case | None:
    """The slip in one of its forms, or None where its right form cannot be read or does not hold."""
    cell, t = run.cell, run.T
    if form.where == "inner":
        t = max(1, run.T - 1)
        if run.T < 2:
            return None
    known = {form.name, form.of or form.name} <= set(cell.nodes)
    if not known or ("{phi}" in form.stated + form.right and cell.operation(form.function) is None):
        return None
    asked = Asked(form.kind, form.name, t, form.of)
    right = _parsed(form.right, form, run, t, sample)
    stated = _parsed(form.stated, form, run, t, sample) if form.stated else None
    if right is None or (form.stated and stated is None):
        return None
    right_verdict = judge(right, run, asked, sample, numeric=False)
    if right_verdict.kind != "right":
        return None
    if stated is None:
        latex, verdict = _cut_short(run, asked, sample)
    else:
        latex, verdict = stated.latex(), judge(stated, run, asked, sample)
    right_verdict = replace(right_verdict, measured=verdict.measured)  # the same, and it may take a while
    remark = "" if verdict.value is None else slip.remark(run, asked, sample, verdict.value)
    text = "" if stated is None else stated.text
    return Case(run, own, asked, sample, text, right.text, latex, right.latex(), verdict, right_verdict, remark)


def settled(run: Run, asked: Asked | None) -> Asked:
    """What is asked, as far as the network has it: its first state at the last step if nothing is, the nearest step
    there is."""
    cell = run.cell
    first = (*cell.states, *cell.nodes)[0]
    if asked is None:
        return Asked("gradient", first, run.T)
    known = names(run, asked.kind)
    name = asked.name if asked.name in known else first
    if asked.kind == "gradient" and name in run.parameters:
        return Asked("gradient", name, None if asked.t is None else min(max(asked.t, 1), run.T))
    early = 0 if asked.kind == "jacobian" else cell.lags.get(name, 0)
    t = min(max(run.T if asked.t is None else asked.t, 1 - early), run.T)
    if asked.kind != "jacobian":
        return Asked(asked.kind, name, t)
    return Asked("jacobian", name, t, asked.of if asked.of in cell.nodes else cell.nodes[-1])


def names(run: Run, kind: str) -> list[str]:
    """What there is a formula of: for a gradient nodes, the input and parameters; else nodes, and values of the
    input."""
    nodes = list(run.cell.nodes)
    if kind == "jacobian":
        return nodes
    x = ["x"] if run.cell.reads_x else []
    return [*nodes, *x, *(run.parameters if kind == "gradient" else [])]


def left_side(run: Run, asked: Asked) -> str:
    """What is asked, in LaTeX, at step t."""
    name = symbol(asked.name, run.parameters, "t")
    if asked.kind == "value":
        return name
    if asked.kind == "jacobian":
        return rf"\frac{{\partial {symbol(asked.of, (), 't')}}}{{\partial {name}}}"
    if asked.name in run.parameters and asked.t is not None:  # the copy that step t uses
        name = f"{symbol(asked.name, (), 't')}"
    return rf"\nabla_{{{name}}} L"


def _parsed(template: str, form: Form, run: Run, t: int, sample: int) -> Formula | None:
    loss = next(name for name in run.cell.nodes if run.cell.loss(name) is not None)
    plain = bool((run.weights == 1).all()) and run.grad[loss][t - 1, sample, 0] == 1
    factor = "" if plain else f"g_{loss} * "
    text = template.replace("{phi}", run.cell.operation(form.function) or "").replace("{g}", factor)
    try:
        return parse(text, run.cell)
    except EquationError:
        return None


def _cut_short(run: Run, asked: Asked, sample: int) -> tuple[str, Verdict]:
    """The output from a vector that is one entry short of h: tried as it stands."""
    assert asked.t is not None
    V, h = run.parameters["V"], run.value["h"][asked.t - 1, sample]
    a, phi = symbol("a", (), "t"), r"\varphi"
    latex = rf"c + V \begin{{pmatrix}} {phi}({a}_1) & \cdots & {phi}({a}_{{{len(h) - 1}}}) \end{{pmatrix}}^\top"
    try:
        value: Array | None = np.asarray(V @ h[:-1])
        message = ""
    except ValueError:
        value, message = (
            None,
            f"the shapes do not fit: V is {V.shape[0]} × {V.shape[1]}, the vector has {len(h) - 1} entries",
        )
    exact = truth(run, asked, sample)
    return latex, Verdict("misfit", value, exact, by_disturbance(run, asked, sample), message=message)


__all__ = ["SLIPS", "SOURCES", "Case", "Form", "Slip", "case", "left_side", "names", "settled", "small"]
