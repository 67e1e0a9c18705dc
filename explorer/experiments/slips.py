"""Slips of the texts that the project was made from: what each states, as a claim that can be tested, and what holds.

A slip is tested on the user's own network if its right form holds there and what is stated does not hold for every network
of the same cell; else on a small network of its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from engine import EquationError, Run
from engine import formula as formulas
from engine.formula import Formula, parse
from engine.language import Array, at_step, number
from engine.verify import OF_A_FORMULA, Asked, Verdict, judge, truth
from explorer import model as models
from explorer.model import Model

SOURCES: Final[Mapping[str, str]] = {
    "book": "Goodfellow, Bengio & Courville, Deep Learning, 2016",
    "000": "A question about (10.18), and its answer",
    "001": "Notes on the recurrent network and the LSTM of the book, 2019",
    "002": "Notes on back-propagation through time",
    "003": "Giulio Galvan, On Gradient, 2015",
    "004": "A worked example on Cross Validated, 2016, and its answer",
}


@dataclass(frozen=True)
class Trial:
    """A claim that is no formula of the language, tried on a run.

    asked                what is asked
    stated, right        both sides' formulas, in LaTeX
    given, held, true    what they give, and what is so; `route` says how the last was found
    """

    asked: Asked
    stated: str
    right: str
    given: Array
    held: Array
    true: Array
    route: str


@dataclass(frozen=True)
class Form:
    """A slip for one kind of cell.

    kind, name, of   what the formulas are for, as `verdict.Asked` has them; {loss} stands for the node that calls a loss
    stated, right    formulas; {phi} stands for the function of the node `function`, {g} for ∂L/∂L(t)· where that is not 1
    back             how many steps before the last one it is tested; there are more steps than that
    tried            in place of `stated`, where that is no formula: its LaTeX and what came of it, or None where it has none
    """

    kind: Literal["gradient", "value", "jacobian"]
    name: str
    stated: str
    right: str
    of: str = ""
    back: int = 0
    function: str = "h"
    tried: Callable[[Run, Asked, int], tuple[str, Verdict] | None] | None = None


@dataclass(frozen=True)
class Slip:
    """One place where a text is wrong or easy to misread.

    source, place   the text, a key of `SOURCES`, and where in it
    quote           what it states, in short
    why             why that cannot be, and what is right
    forms           the claim for one kind of cell or more; the first that fits is tested
    layers          whether the small network is one of layers
    remark          what the stated numbers are, in words, or ""
    trial           in place of forms: the claim tried on a run, of one sample; None where it means nothing there
    """

    title: str
    source: str
    place: str
    quote: str
    why: str
    forms: tuple[Form, ...] = ()
    layers: bool = False
    remark: Callable[[Run, Asked, int, Verdict], str] = lambda run, asked, sample, verdict: ""
    trial: Callable[[Run, int], Trial | None] | None = None


@dataclass(frozen=True)
class Case:
    """A slip, tested: the run and whether it is the user's, what is asked, both formulas in LaTeX and what came of them.

    why_not            where the run is not the user's: why
    text, right_text   the formulas as they are typed; "" where the claim is no formula
    left               what is asked, in LaTeX
    route              how the numbers were found that both are held against
    """

    run: Run
    why_not: str
    asked: Asked
    sample: int
    text: str
    right_text: str
    left: str
    stated: str
    right: str
    stated_verdict: Verdict
    right_verdict: Verdict
    remark: str
    route: str

    @property
    def own(self) -> bool:
        """Whether the run is the user's."""
        return not self.why_not


_J: Final = "(diag(y_hat) - y_hat @ y_hat.T)"


def _entries(n: int, of: str) -> str:
    return f"{n} of the {of} entries {'is' if n == 1 else 'are'}"


def _no_probabilities(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    assert asked.t is not None and verdict.value is not None  # noqa: PT018
    value = verdict.value
    if not np.isfinite(value).all():
        return "As probabilities these are impossible: the sum of the $o$ is 0, so there is no number at all."
    negative, above, size = int(np.sum(value < 0)), int(np.sum(value > 1)), f"{value.size}"
    found = [f"{_entries(negative, size)} negative"] * bool(negative) + [f"{_entries(above, size)} above 1"] * bool(
        above
    )
    if found:
        return f"As probabilities these are impossible: {' and '.join(found)}."
    softmax = run.value["y_hat"][asked.t - 1, sample]
    if value.size == 1:
        return "There is one output, whose share is 1 in either way."
    if np.allclose(value, softmax, rtol=1e-9, atol=0):
        return "Here the shares happen to be those of the softmax."
    return "Here all entries happen to lie between 0 and 1; they are not those of the softmax all the same."


def _never_one(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    assert asked.t is not None
    o = run.value["o"][asked.t - 1, sample].astype(np.float64)
    if o.size == 1:
        return "There is one output, whose probability is 1 whatever $o$ is."
    largest = int(np.sum(o == o.max()))
    if largest > 1:
        all_equal = "All entries of $o$ are equal" if largest == o.size else f"{largest} entries share the largest $o$"
        return (
            f"{all_equal} here: each of these has the probability 1/{largest} in the limit, and no entry comes near 1."
        )
    below = np.sort(o)[:-1] - o.max()  # what is left beside the largest, relative to it
    gaps = []
    for factor in (1, 3, 10, 30):
        log = factor * below.max() + np.log(np.sum(np.exp(factor * (below - below.max()))))
        gaps.append(f"${_of_log(float(log - np.logaddexp(0, log)))}$ for ${factor}\\,o$")
    return f"What the largest entry lacks to 1: {', '.join(gaps)}. It becomes small, and never 0."


def _of_log(log: float) -> str:
    """A number by its natural logarithm, in LaTeX, however small it is."""
    power = log / np.log(10)
    return number(float(np.exp(log))) if power > -300 else rf"10^{{{power:.0f}}}"


def _by_chance(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    """Of shapes that do not fit in the text: why they do here."""
    if verdict.kind == "misfit":
        return ""
    n = f"n_h = n_y = {run.sizes['h']}" if run.sizes["h"] == run.sizes["y"] else f"n_y = {run.sizes['y']}"
    return f"In this network ${n}$, so the shapes fit by chance; in general they do not."


def _escaped(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    assert asked.t is not None
    if run.grad["o"][asked.t, sample].any():
        return ""
    return f"The loss of step {asked.t + 1} does not count here, so the term that escapes is 0, and nothing is wrong by it."


def _of_the_class(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    assert asked.t is not None
    k = int(run.y[asked.t - 1, sample])
    p = number(float(run.value["y_hat"][asked.t - 1, sample, k]))
    return rf"Here $y^{{(t)}}$ is {k + 1}, counted from 1, and the entry with this index is $\hat y_{{{k + 1}}} = {p}$."


def _of_symmetry(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    W = run.parameters["W"].astype(np.float64)
    apart = float(np.linalg.norm(W - W.T) / np.linalg.norm(W))
    if apart < 1e-12:
        return "$W$ is symmetric here, so this is $W$ itself."
    return rf"$W$ itself is not symmetric here: $\Vert W - W^\top \Vert$ is ${number(apart)}$ of $\Vert W \Vert$."


def _bias(run: Run, asked: Asked, sample: int, verdict: Verdict) -> str:
    name = "b" if "b" in run.parameters else "b_3"
    zero = not run.parameters[name].any()
    return "The bias is 0 in this network, so nothing is missing here; with any other bias it is." if zero else ""


def _back(k: int, inner: str) -> str:
    """(∂h(t+k)/∂h(t+k−1))ᵀ times what stands inside."""
    return f"W.T @ (slope({{phi}}, a[t+{k}]) * ({inner}))"


_INNER: Final = _back(2, "g_h[t+2]")


def _cut_short(run: Run, asked: Asked, sample: int) -> tuple[str, Verdict]:
    """The output from a vector that is one entry short of h: tried as it stands."""
    assert asked.t is not None
    V, h = run.parameters["V"], run.value["h"][asked.t - 1, sample]
    a, phi, n = at_step("a", (), "t"), r"\varphi", len(h) - 1
    entries = [rf"{phi}({a}_{{{i + 1}}})" for i in range(n)] if n < 3 else [
        rf"{phi}({a}_1)", r"\cdots", rf"{phi}({a}_{{{n}}})"]  # fmt: skip
    latex = rf"c + V \begin{{pmatrix}} {' & '.join(entries)} \end{{pmatrix}}^\top"
    message = (
        f"the shapes do not fit: V is {V.shape[0]} × {V.shape[1]}, the vector has {n} entr{'y' if n == 1 else 'ies'}"
    )
    return latex, Verdict("misfit", None, truth(run, asked, sample), None, message=message)


def _class_for_probability(run: Run, asked: Asked, sample: int) -> tuple[str, Verdict] | None:
    """The loss with the class, counted from 1, in the place of its probability."""
    assert asked.t is not None
    if run.y.dtype.kind not in "iu":
        return None
    exact = truth(run, asked, sample)
    return r"-\log y^{(t)}", _refuted(np.full(exact.shape, np.log(1 / (int(run.y[asked.t - 1, sample]) + 1))), exact)


def _refuted(value: Array, exact: Array) -> Verdict:
    """The verdict on numbers that are not the true ones."""
    apart = np.abs(value - exact)
    where = tuple(int(i) for i in np.unravel_index(int(apart.argmax()), apart.shape)) if apart.ndim else ()
    return Verdict("wrong", value, exact, None, float(apart.max()), where)


_POWER: Final = 3  # steps of h(t) = Wᵀ h(t−1)
_MOST_UNITS: Final = 256  # of a matrix that is decomposed


def _decomposed(run: Run, sample: int) -> Trial | None:
    """h(t) from the eigenvectors of the symmetric part of W, in the book's order and in the right one."""
    W, h = run.parameters.get("W"), run.value["h"][-1, sample] if "h" in run.cell.nodes else np.zeros(0)
    if (
        W is None
        or W.shape != (len(h), len(h))
        or len(h) > _MOST_UNITS
        or not (np.isfinite(W).all() and np.isfinite(h).all())
    ):
        return None
    S, h = (W + W.T).astype(np.float64) / 2, h.astype(np.float64)
    eigenvalues, Q = np.linalg.eigh(S)
    powers, true = eigenvalues**_POWER, np.asarray(h)
    for _ in range(_POWER):
        true = S.T @ true
    return Trial(
        Asked("value", "h", _POWER), r"Q^\top \Lambda^t Q\, h^{(0)}", r"Q\, \Lambda^t Q^\top h^{(0)}", Q.T @ (powers * (Q @ h)),
        Q @ (powers * (Q.T @ h)), true, "step by step",
    )  # fmt: skip


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
        r"A softmax of two or more finite $o$ never reaches 0 or 1: each $e^{o_i}$ is above 0. Where one $o_i$ is"
        r" the largest, the one-hot vector is the limit of $\operatorname{softmax}(k\,o)$ for $k \to \infty$; the"
        r" formula takes $k = 1000$, where floating point rounds to it. There the loss of a wrong class would be"
        r" infinite.",
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
        remark=_by_chance,
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
                 "V.T @ g_o + W.T @ (slope({phi}, a[t+1]) * g_h[t+1])", back=1),
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
                 back=1),
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
                 "(V.T @ g_o + W.T @ g_a[t+1]) * slope({phi}, a)", back=1),
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
        (Form("value", "o", "", "c + V @ {phi}(a)", tried=_cut_short),),
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
        r"A product needs as many columns on the left as rows on the right, and in the text 3 meets 5. The"
        r" factors $\hat y_i$ belong to the rows of the Jacobian: $\partial \hat y / \partial h ="
        r" (\operatorname{diag}(\hat y) - \hat y \hat y^\top)\, V$, which is $3 \times 5$; transposed, $V^\top"
        r" (\operatorname{diag}(\hat y) - \hat y \hat y^\top)$ is $5 \times 3$.",
        (Form("jacobian", "h", "-diag(y_hat) @ V.T @ (y_hat @ one(y).T - diag(one(y)))", f"{_J} @ V", of="y_hat"),),
        remark=_by_chance,
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
    "E14": Slip(
        "A bracket that is not closed", "002", "(20)",
        r"$\ldots + \Bigl(\nabla_{o^{(\tau-2)}} C \frac{\partial o^{(\tau-2)}}{\partial h^{(\tau-2)}} +"
        r" \Bigl(\nabla_{o^{(\tau-1)}} C \frac{\partial o^{(\tau-1)}}{\partial h^{(\tau-1)}} +"
        r" \nabla_{h^{(\tau)}} C \frac{\partial h^{(\tau)}}{\partial h^{(\tau-1)}} \Bigr) \frac{\partial"
        r" h^{(\tau-1)}}{\partial h^{(\tau-2)}} \frac{\partial h^{(\tau-2)}}{\partial h^{(\tau-3)}}$",
        r"Two brackets are opened and one is closed. The text's own (19) shows where the other belongs: before"
        r" $\partial h^{(\tau-2)} / \partial h^{(\tau-3)}$, so that all that arrives at $h^{(\tau-2)}$ goes"
        r" through this Jacobian. As the line stands, only the inner bracket is multiplied by it, and the output"
        r" term of $\tau - 2$ reaches $h^{(\tau-3)}$ without a Jacobian. The inner bracket is"
        r" $\nabla_{h^{(\tau-1)}} C$, and stands as that in the formulas above.",
        (
            Form("gradient", "h", f"V.T @ g_o + V.T @ g_o[t+1] + {_back(1, _INNER)}",
                 f"V.T @ g_o + {_back(1, f'V.T @ g_o[t+1] + {_INNER}')}", back=3),
        ),
        remark=_escaped,
    ),
    "E15": Slip(
        "An entry, or its index?", "002", "below (11)",
        r"Note: $y^{(t)}$ is an entry in the output vector $\hat{y}^{(t)}$",
        r"$y^{(t)}$ is the class that is right, and so the index of an entry. The entry is $\hat y_{y^{(t)}}$,"
        r" the probability that the network gives to this class, and the loss of a step is $-\log \hat"
        r" y_{y^{(t)}}$, (10.14). With $y^{(t)}$ itself in its place, counted from 1, the loss would be $-\log"
        r" y^{(t)}$: 0 or negative, and the same whatever the network computes.",
        (Form("value", "{loss}", "", "-log(sum(y * y_hat))", tried=_class_for_probability),),
        remark=_of_the_class,
    ),
    "E16": Slip(
        "Which Q is transposed?", "book", "section 10.7, (10.36)–(10.39)",
        r"$h^{(t)} = W^\top h^{(t-1)}$ and $W = Q \Lambda Q^\top$ with orthogonal $Q$, so $h^{(t)} = Q^\top"
        r" \Lambda^t Q\, h^{(0)}$",
        r"In $W^t = Q \Lambda Q^\top Q \Lambda Q^\top \cdots$ each $Q^\top Q$ is $I$, so $(W^t)^\top = Q"
        r" \Lambda^t Q^\top$: the two $Q$ are the other way round. A matrix $Q \Lambda Q^\top$ with orthogonal"
        r" $Q$ is symmetric, so this is for a symmetric $W$ alone. In general $W = P \Lambda P^{-1}$, (8.11), and"
        r" $h^{(t)} = P^{-\top} \Lambda^t P^\top h^{(0)}$. That every eigenvalue stands to the power $t$ is right"
        r" in all of them. It is tested with the symmetric part $\tfrac12 (W + W^\top)$ of the network's $W$ in"
        r" place of $W$, and its last state for $h^{(0)}$.",
        remark=_of_symmetry,
        trial=_decomposed,
    ),
})  # fmt: skip


@lru_cache(maxsize=2)
def small(layers: bool) -> Run:
    """The network that a slip is tested on where the user's is of another kind."""
    return models.run(models.changed(Model(task="worked"), cell="feedforward") if layers else Model(task="worked"))


_OTHER_RIGHT: Final = "since its right form does not hold for yours"
_NO_HARM: Final = "since what is stated does no harm in yours"


def case(key: str, run: Run, sample: int = 0) -> Case:
    """A slip tested on the user's run, or on a small network if its right form does not hold there or its stated form does.

    **Holds:** every_slip_is_judged_wrong_and_its_right_form_right.
    """
    slip, why_not = SLIPS[key], _OTHER_RIGHT
    for found in filter(None, _tested_all(slip, run, sample, "")):
        if found.stated_verdict.kind != "right":
            return found
        why_not = _NO_HARM
    return next(filter(None, _tested_all(slip, small(slip.layers), 0, why_not)))


def _tested_all(slip: Slip, run: Run, sample: int, why_not: str) -> Iterator[Case | None]:
    """The slip in each of its forms."""
    if slip.trial is not None:
        yield _tried(slip, run, sample, why_not)
    for form in slip.forms:
        yield _tested(slip, form, run, sample, why_not)


def _tried(slip: Slip, run: Run, sample: int, why_not: str) -> Case | None:
    """The slip that is no formula, or None where it means nothing for the run or there is nothing to see."""
    assert slip.trial is not None
    found = slip.trial(run, sample)
    if found is None:
        return None
    room = OF_A_FORMULA[run.dtype.name] * float(np.abs(found.true).max(initial=0.0))
    right = replace(_refuted(found.held, found.true), kind="right", allowed=room)
    stated = replace(_refuted(found.given, found.true), allowed=room)
    if stated.difference <= room:
        stated = replace(stated, kind="right")
    remark = slip.remark(run, found.asked, sample, stated)
    left = left_side(run, found.asked)
    return Case(
        run, why_not, found.asked, sample, "", "", left, found.stated, found.right, stated, right, remark, found.route
    )


def _tested(slip: Slip, form: Form, run: Run, sample: int, why_not: str) -> Case | None:
    """The slip in one of its forms, or None where its right form cannot be read or does not hold."""
    cell, t = run.cell, run.T - form.back
    name = form.name.replace("{loss}", _loss(run))
    known = {name, form.of or name} <= set(cell.nodes)
    if t < 1 or not known or ("{phi}" in form.stated + form.right and cell.operation(form.function) is None):
        return None
    asked = Asked(form.kind, name, t, form.of)
    right = _parsed(form.right, form, run, t, sample)
    stated = _parsed(form.stated, form, run, t, sample) if form.tried is None else None
    if right is None or (form.tried is None and stated is None):
        return None
    right_verdict = judge(right, run, asked, sample, numeric=False)
    if right_verdict.kind != "right":
        return None
    if stated is not None:
        latex, verdict = formulas.latex(stated), judge(stated, run, asked, sample)
    else:
        assert form.tried is not None
        found = form.tried(run, asked, sample)
        if found is None:
            return None
        latex, verdict = found
    right_verdict = replace(right_verdict, measured=verdict.measured)  # the same, and it may take a while
    remark = "" if verdict.value is None else slip.remark(run, asked, sample, verdict)
    text, left = "" if stated is None else stated.text, left_side(run, asked)
    route = "the network's value" if asked.kind == "value" else "numerical derivative"
    return Case(
        run,
        why_not,
        asked,
        sample,
        text,
        right.text,
        left,
        latex,
        formulas.latex(right),
        verdict,
        right_verdict,
        remark,
        route,
    )


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
    name = at_step(asked.name, run.parameters, "t")
    if asked.kind == "value":
        return name
    if asked.kind == "jacobian":
        return rf"\frac{{\partial {at_step(asked.of, (), 't')}}}{{\partial {name}}}"
    if asked.name in run.parameters and asked.t is not None:  # the copy that step t uses
        name = f"{at_step(asked.name, (), 't')}"
    return rf"\nabla_{{{name}}} L"


def _loss(run: Run) -> str:
    """The first node that calls a loss."""
    return next(name for name in run.cell.nodes if run.cell.loss(name) is not None)


def _parsed(template: str, form: Form, run: Run, t: int, sample: int) -> Formula | None:
    loss = _loss(run)
    plain = bool((run.weights == 1).all()) and run.grad[loss][t - 1, sample, 0] == 1
    factor = "" if plain else f"g_{loss} * "
    text = template.replace("{phi}", run.cell.operation(form.function) or "").replace("{g}", factor)
    try:
        return parse(text, run.cell)
    except EquationError:
        return None


__all__ = ["SLIPS", "SOURCES", "Case", "Form", "Slip", "case", "left_side", "names", "settled", "small"]
