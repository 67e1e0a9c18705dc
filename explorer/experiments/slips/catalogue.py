"""The slips of the texts from which the project was made: the quotation, why it cannot be, and the claim that is tested."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from explorer.experiments.slips import remarks, trials
from explorer.experiments.slips.claim import Form, Slip

SOURCES: Final[Mapping[str, str]] = {
    "book": "Goodfellow, Bengio & Courville, Deep Learning, 2016",
    "000": "A question about (10.18), and its answer",
    "001": "Notes on the recurrent network and the LSTM of the book, 2019",
    "002": "Notes on back-propagation through time",
    "003": "Giulio Galvan, On Gradient, 2015",
    "004": "A worked example on Cross Validated, 2016, and its answer",
}

_J: Final = "(diag(y_hat) - y_hat @ y_hat.T)"


def _back(k: int, inner: str) -> str:
    """(∂h(t+k)/∂h(t+k−1))ᵀ times what stands inside."""
    return f"W.T @ (slope({{phi}}, a[t+{k}]) * ({inner}))"


_INNER: Final = _back(2, "g_h[t+2]")

SLIPS: Final[Mapping[str, Slip]] = MappingProxyType({
    "E1": Slip(
        "Softmax without exp", "000", "answer, 2",
        r"Apply the softmax: $\hat{y}_i = o_i / \sum_{i'} o_{i'}$",
        r"The exponential is missing: $\hat y_i = e^{o_i} / \sum_j e^{o_j}$. Outputs $o$ have any sign, so their shares can"
        r" be negative, above 1, or not exist, where the sum is 0. $e^{o}$ is positive whatever $o$ is.",
        (Form("value", "y_hat", "o / sum(o)", "exp(o) / sum(exp(o))"),),
        remark=remarks.no_probabilities,
    ),
    "E2": Slip(
        "The gradient, of what?", "000", "answer, 3",
        r"(of $\hat y - y$) This is the gradient of the loss wrt the input $\hat{y}$ to the loss.",
        r"$\hat y - y$ is the gradient with respect to $o$, (10.18): the way through the softmax is in it already. With"
        r" respect to $\hat y$ itself it is $-y_i/\hat y_i$, since $L = -\sum_i y_i \log \hat y_i$; times the softmax's"
        r" Jacobian that gives $\hat y - y$.",
        (Form("gradient", "y_hat", "{g}(y_hat - y)", "{g}(-y / y_hat)"),),
    ),
    "E3": Slip(
        "A certain softmax", "000", "answer, 3",
        r"$\hat{y}^{T}$ is $[0,1,0]$",
        r"A softmax of two or more finite $o$ never reaches 0 or 1: each $e^{o_i}$ is above 0. Where one $o_i$ is the"
        r" largest, the one-hot vector is the limit of $\operatorname{softmax}(k\,o)$ for $k \to \infty$; the formula takes"
        r" $k = 1000$, where floating point rounds to it. There the loss of a wrong class would be infinite.",
        (Form("value", "y_hat", "softmax(1000 * o)", "softmax(o)"),),
        remark=remarks.never_one,
    ),
    "E4": Slip(
        "Two indices in one chain", "001", "the chain for the gradient at o",
        r"$(\nabla_{o^{(t)}} L)_i = \ldots = \frac{\partial L}{\partial L^{(t)}}\frac{\partial L^{(t)}}{\partial o_j^{(t)}}"
        r" = \ldots$",
        r"The left side has a number for each $i$, the second line one for each $j$, and nothing says which $j$. It is $i$"
        r" throughout. With any fixed $j$, here the class $y^{(t)}$, every entry of the gradient would be the same number,"
        r" $\hat y_y - 1$.",
        (Form("gradient", "o", "{g}one(o) * sum(y * (y_hat - y))", "{g}(sum(y) * y_hat - y)"),),
    ),
    "E5": Slip(
        "Row or column", "002", "(13)–(14)",
        r"$\nabla_{h^{(\tau)}} C = (\nabla_{o^{(\tau)}} C)\, V$",
        r"With gradients as columns, as the text has them otherwise, the shapes do not fit. Written with rows, $(\nabla_o"
        r" C)^\top V$, the numbers are right but the result is a row. With columns it is $V^\top \nabla_o C$, as the text's"
        r" own (15) has it, and (10.19) of the book.",
        (Form("gradient", "h", "g_o @ V", "V.T @ g_o"),),
        remark=remarks.by_chance,
    ),
    "E6": Slip(
        "Preceding, or following?", "002", "below (15)",
        r"… as well as all the preceding hidden state gradients. Remember that the preceding hidden state of $h^{(t)}$ is"
        r" $h^{(t+1)}$",
        r"$h^{(t+1)}$ follows $h^{(t)}$: it is computed from it, a descendant in the graph. The gradient flows from $t+1$ to"
        r" $t$, against the order of time, (10.20). Read literally, with the state that precedes, the formula takes the"
        r" gradient from the past, which $h^{(t)}$ has no influence on.",
        (
            Form("gradient", "h", "V.T @ g_o + W.T @ (slope({phi}, a[t-1]) * g_h[t-1])",
                 "V.T @ g_o + W.T @ (slope({phi}, a[t+1]) * g_h[t+1])", back=1),
        ),
    ),
    "E7": Slip(
        "Parents, or children?", "003", "(6)",
        r"$P(l) = \{k : \exists$ a link between $l$ and $k$ with weight $w_{lk}\}$, the parents of neuron $l$",
        r"$w_{lk}$ leads from $k$ to $l$, so these are the neurons that feed $l$. The sum of (7), $\delta_l = \sigma'(a_l)"
        r" \sum_k \delta_k w_{kl}$, runs over those with a weight $w_{kl}$: the neurons that $l$ feeds, through which alone"
        r" it reaches the loss. In matrices, $W^\top \delta$ of what comes after, not $W \delta$ of what came before.",
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
        r"The last factor is the derivative of the activation at its argument, $\sigma'(a_i)$, as in the text's own (7). As"
        r" it stands, $\Delta_i$ would be needed to compute $\Delta_i$, and the activation itself stands where its slope"
        r" belongs.",
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
        r"There is no bias. That is no error if one neuron is always 1, whose weights are then the biases; and all gradients"
        r" keep their form. For a network that has biases of their own, as the book's has, the sum lacks $b$.",
        (
            Form("value", "a_3", "W_3 @ phi_2", "b_3 + W_3 @ phi_2"),
            Form("value", "a", "W @ h[t-1] + U @ x", "b + W @ h[t-1] + U @ x"),
        ),
        remark=remarks.bias,
    ),
    "E10": Slip(
        "Four entries for five units", "004", "the output written out",
        r"$o = c + V \begin{pmatrix} \tanh(a_1) & \tanh(a_2) & \tanh(a_3) & \tanh(a_4) \end{pmatrix}^\top$ with $V \in"
        r" \mathbb{R}^{3 \times 5}$",
        r"$V$ has a column for each unit of $h$, so the vector beside it has as many entries as $h$: five in the text, whose"
        r" $a$ has five. The product of a matrix with a vector that is one entry short is not defined.",
        (Form("value", "o", "", "c + V @ {phi}(a)", tried=trials.cut_short),),
    ),
    "E11": Slip(
        "One row of V in every exponential", "004", "the derivative of the first output",
        r"$v_{11} \exp(c_1 + \sum_i v_{1i} h_i) + v_{21} \exp(c_2 + \sum_i v_{1i} h_i) + v_{31} \exp(c_3 + \sum_i v_{1i}"
        r" h_i)$",
        r"The exponent of the $k$-th term is $o_k = c_k + \sum_i v_{ki} h_i$, with the row $k$ of $V$, as in the text's own"
        r" $S$. With $v_{1i}$ in each, all of them belong to the first output. The stated formula is that for each row of"
        r" the Jacobian $\partial \hat y / \partial h$; the text's next line is right again.",
        (
            Form("jacobian", "h", "diag(y_hat) @ V - diag(y_hat) @ (exp((o - c) @ one(c).T + one(o) @ c.T) / sum(exp(o))) @ V",
                 f"{_J} @ V", of="y_hat"),
        ),
    ),
    "E12": Slip(
        "Shapes that do not fit", "004", "the last display of the question",
        r"$-\operatorname{diag}(\hat y)\, V^\top \left(\hat y\,\mathbf{1}^\top - I\right)$, that is $(3 \times 3)(5 \times"
        r" 3)(3 \times 3)$",
        r"A product needs as many columns on the left as rows on the right, and in the text 3 meets 5. The factors $\hat"
        r" y_i$ belong to the rows of the Jacobian: $\partial \hat y / \partial h = (\operatorname{diag}(\hat y) - \hat y"
        r" \hat y^\top)\, V$, which is $3 \times 5$; transposed, $V^\top (\operatorname{diag}(\hat y) - \hat y \hat y^\top)$"
        r" is $5 \times 3$.",
        (Form("jacobian", "h", "-diag(y_hat) @ V.T @ (y_hat @ one(y).T - diag(one(y)))", f"{_J} @ V", of="y_hat"),),
        remark=remarks.by_chance,
    ),
    "E13": Slip(
        "A minus too many", "004", "answer",
        r"$\nabla_{h} L = -\sum_i \nabla_{\hat{y}_i} L \, \nabla_{h} \hat{y}_i = -\sum_i y_i \frac{1}{\hat{y}_i} \nabla_{h}"
        r" \hat{y}_i$",
        r"The chain rule has no minus: $\nabla_h L = \sum_i \frac{\partial L}{\partial \hat y_i} \nabla_h \hat y_i$. The"
        r" minus comes from $\partial L / \partial \hat y_i = -y_i / \hat y_i$, once; the answer's second expression is"
        r" right. As its first one stands, the gradient points the other way, and a step of descent climbs.",
        (Form("gradient", "h", f"-({_J} @ V).T @ g_y_hat", f"({_J} @ V).T @ g_y_hat"),),
    ),
    "E14": Slip(
        "A bracket that is not closed", "002", "(20)",
        r"$\ldots + \Bigl(\nabla_{o^{(\tau-2)}} C \frac{\partial o^{(\tau-2)}}{\partial h^{(\tau-2)}} +"
        r" \Bigl(\nabla_{o^{(\tau-1)}} C \frac{\partial o^{(\tau-1)}}{\partial h^{(\tau-1)}} + \nabla_{h^{(\tau)}} C"
        r" \frac{\partial h^{(\tau)}}{\partial h^{(\tau-1)}} \Bigr) \frac{\partial h^{(\tau-1)}}{\partial h^{(\tau-2)}}"
        r" \frac{\partial h^{(\tau-2)}}{\partial h^{(\tau-3)}}$",
        r"Two brackets are opened and one is closed. The text's own (19) shows where the other belongs: before $\partial"
        r" h^{(\tau-2)} / \partial h^{(\tau-3)}$, so that all that arrives at $h^{(\tau-2)}$ goes through this Jacobian. As"
        r" the line stands, only the inner bracket is multiplied by it, and the output term of $\tau - 2$ reaches"
        r" $h^{(\tau-3)}$ without a Jacobian. The inner bracket is $\nabla_{h^{(\tau-1)}} C$, and stands as that in the"
        r" formulas above.",
        (
            Form("gradient", "h", f"V.T @ g_o + V.T @ g_o[t+1] + {_back(1, _INNER)}",
                 f"V.T @ g_o + {_back(1, f'V.T @ g_o[t+1] + {_INNER}')}", back=3),
        ),
        remark=remarks.escaped,
    ),
    "E15": Slip(
        "An entry, or its index?", "002", "below (11)",
        r"Note: $y^{(t)}$ is an entry in the output vector $\hat{y}^{(t)}$",
        r"$y^{(t)}$ is the class that is right, and so the index of an entry. The entry is $\hat y_{y^{(t)}}$, the"
        r" probability that the network gives to this class, and the loss of a step is $-\log \hat y_{y^{(t)}}$, (10.14)."
        r" With $y^{(t)}$ itself in its place, counted from 1, the loss would be $-\log y^{(t)}$: 0 or negative, and the"
        r" same whatever the network computes.",
        (Form("value", "{loss}", "", "-log(sum(y * y_hat))", tried=trials.class_for_probability),),
        remark=remarks.of_the_class,
    ),
    "E16": Slip(
        "Which Q is transposed?", "book", "section 10.7, (10.36)–(10.39)",
        r"$h^{(t)} = W^\top h^{(t-1)}$ and $W = Q \Lambda Q^\top$ with orthogonal $Q$, so $h^{(t)} = Q^\top \Lambda^t Q\,"
        r" h^{(0)}$",
        r"In $W^t = Q \Lambda Q^\top Q \Lambda Q^\top \cdots$ each $Q^\top Q$ is $I$, so $(W^t)^\top = Q \Lambda^t Q^\top$:"
        r" the two $Q$ are the other way round. A matrix $Q \Lambda Q^\top$ with orthogonal $Q$ is symmetric, so this is for"
        r" a symmetric $W$ alone. In general $W = P \Lambda P^{-1}$, (8.11), and $h^{(t)} = P^{-\top} \Lambda^t P^\top"
        r" h^{(0)}$. That every eigenvalue stands to the power $t$ is right in all of them. It is tested with the symmetric"
        r" part $\tfrac12 (W + W^\top)$ of the network's $W$ in place of $W$, and its last state for $h^{(0)}$.",
        remark=remarks.of_symmetry,
        trial=trials.decomposed,
    ),
})  # fmt: skip
