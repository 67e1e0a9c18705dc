"""The glossary: the meaning and the source of each letter; those of a cell come from the cell itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine import Cell
from engine.language import TERMS, Name, Sizes, notation
from explorer.facts import KEEPS

#: The words for a gradient's way back, as the page explains them. Each is a row of the glossary as well.
DEFINITIONS: Final[dict[str, str]] = {
    "vanishes": f"a step back leaves less than {KEEPS[0]:g} of the gradient on average (the geometric mean), or less than a "
    "tenth is left in all",
    "grows": f"a step back multiplies the gradient by more than {KEEPS[1]:g} on average, or by more than ten in all",
    "keeps its size": f"a step back multiplies it by {KEEPS[0]:g} to {KEEPS[1]:g} on average, and at every step it is between a "
    "tenth and ten times its size at the last",
    "falls and returns": "neither, since it is below a tenth on the way only; *rises and returns*: above ten times",
    "ends": "it is exactly zero from some step on back",
}


@dataclass(frozen=True)
class Letter:
    """A letter in LaTeX, its meaning in words (Markdown), and its source; "" is this explorer's own."""

    latex: str
    words: str
    source: str = ""


def _of(*rows: tuple[str, str, str]) -> tuple[Letter, ...]:
    return tuple(Letter(*row) for row in rows)


def _terms(family: str) -> tuple[tuple[str, str, str], ...]:
    """The rows of the nodes that have a name of their own in the literature."""
    return tuple(
        (f"{node}^{{(t)}}", f"{term.name}: {term.meaning}", term.source) for node, term in TERMS[family].items()
    )


#: The text of an equation (10.8) or a section 10.8, where a source names neither author nor text.
BOOK: Final = "Goodfellow, Bengio & Courville, *Deep Learning* (2016)"

#: Group -> its letters, in the order in which a reader meets them.
LETTERS: Final[Mapping[str, tuple[Letter, ...]]] = {
    "Time, samples, sizes": _of(
        ("t", "time step, counted from 1", "chapter 10, before section 10.1"),
        (r"\tau", "last time step", "chapter 10, before section 10.1"),
        ("T", "number of steps, the same as $\\tau$; raised, $W^\\top$, the transpose", "section 2.1"),
        ("s", "another time step, mostly that of a loss; in an LSTM the cell's state", ""),
        ("B", "number of samples that run at once, each with its own inputs", "section 5.9, there $m'$"),
        ("n", "number of units of a vector: $n_x$, $n_h$, $n_y$", ""),
        ("i,\\ j,\\ k,\\ l", "numbers of single units, or of single neurons", ""),
        ("N", "number of samples in a data set; the book's $m$", "Galvan (2015), (2)"),
    ),
    "Forward": _of(
        ("x^{(t)}", "input at step $t$", "(10.8)"),
        ("y^{(t)}", "target at step $t$: a class, or a vector", "section 10.2.2"),
        ("a^{(t)}", "argument of the activation: a weighted sum", "(10.8)"),
        ("h^{(t)}", "hidden units, the state that the next step reads; $h^{(0)}$ is given", "(10.9)"),
        ("o^{(t)}", "output before the softmax: unnormalised log probabilities", "(10.10)"),
        (r"\hat{y}^{(t)}", "output: a probability for each class", "(10.11)"),
        ("L^{(t)}", "loss at step $t$: minus the logarithm of the probability of the target", "(10.12)–(10.14)"),
        ("L", "the whole loss: the sum over the steps that count", "(10.12), (10.13)"),
        ("p", "probability; in an LSTM with peepholes, the vectors by which the gates see the state", "(10.14)"),
        (
            "z",
            "argument of a function, where it has no other name; in a gated recurrent unit the update gate",
            "section 6.2.2",
        ),
    ),
    "Parameters": _of(
        ("U", "weights from the input to the hidden units", "(10.8)"),
        ("W", "weights from the hidden units to those of the next step", "(10.8)"),
        ("V", "weights from the hidden units to the output", "(10.10)"),
        ("b", "bias of the hidden units", "(10.8)"),
        ("c", "bias of the output", "(10.10)"),
        (
            "W^{(t)}",
            "the copy of $W$ that step $t$ uses; the gradients of the copies sum to that of $W$",
            "(10.22)–(10.28)",
        ),
        ("R", "weights of a connection over two steps", "section 10.9.1"),
        (r"\alpha", "share of its own past that a leaky unit keeps", "section 10.9.2"),
    ),
    "Functions": _of(
        (
            r"\varphi",
            "activation: any function of single units, such as $\\tanh$; also the value of a neuron",
            "section 6.3",
        ),
        (r"\varphi'", "its derivative, the slope", "section 6.5.2"),
        (r"\tanh", "hyperbolic tangent, from −1 to 1; its slope is $1 - \\tanh^2$", "section 6.3.2"),
        (r"\sigma", "logistic sigmoid, from 0 to 1; its slope is $\\sigma (1 - \\sigma)$, at most ¼", "(3.30)"),
        (r"\zeta", "softplus, $\\log(1 + e^a)$; its slope is $\\sigma$", "(3.31)"),
        (r"\operatorname{relu}", "$\\max(0, a)$: slope 1 above zero, 0 below", "section 6.3.1"),
        (
            "S",
            "softmax, $S_i = e^{a_i} / \\sum_j e^{a_j}$; $\\partial S_i / \\partial a_j = S_i (\\delta_{ij} - S_j)$",
            "(6.29)",
        ),
        (r"\log", "natural logarithm; $\\log_{10}$ counts powers of ten", "notation of the book"),
    ),
    "Backward": _of(
        (
            r"\nabla_{h^{(t)}} L",
            "gradient of the loss at a node: how fast $L$ grows with each of its units",
            "(10.18)–(10.21)",
        ),
        (r"\nabla_W L", "gradient of the loss with respect to a parameter", "(10.22)–(10.28)"),
        (r"\partial", "partial derivative", "section 4.3"),
        (r"\mathbf{1}_{i = y}", "1 where $i$ is the target's class, else 0", "(10.18)"),
        (
            r"\delta_l",
            "error of a neuron, $\\partial L / \\partial a_l = \\varphi'(a_l) \\sum_k \\delta_k w_{kl}$",
            "Rumelhart, Hinton & Williams (1986)",
        ),
        (r"\delta_{ij}", "1 where $i = j$, else 0 (Kronecker)", ""),
        (r"\Delta_i", "the errors $\\delta$ of a whole layer", ""),
        ("w_{lj}", "weight from neuron $j$ to neuron $l$", "section 6.5.4"),
        (
            r"J,\ \partial h^{(t)} / \partial h^{(s)}",
            "Jacobian: all derivatives of one vector by another",
            "section 4.3.1",
        ),
        (
            "k",
            "steps after which a truncated gradient is cut; also the number of steps that a gradient has come",
            "Williams & Peng (1990)",
        ),
    ),
    "Matrices and their sizes": _of(
        (r"\odot", "product unit by unit", "section 2.2"),
        (r"\operatorname{diag}(v)", "matrix with $v$ on its diagonal and zeros elsewhere", "section 2.6"),
        ("I", "identity matrix", "section 2.3"),
        (r"\top", "transpose: rows become columns", "section 2.1"),
        (r"\Vert v \Vert", "length of a vector, $\\sqrt{\\sum_i v_i^2}$ (the L² norm)", "section 2.5"),
        (r"\sigma_{\max}", "largest singular value: the most by which a matrix lengthens a vector", "section 2.8"),
        (
            r"\gamma",
            "the largest slope of the activation: 1 for $\\tanh$, ¼ for $\\sigma$",
            "Pascanu, Mikolov & Bengio (2013), section 2.1",
        ),
        (
            r"\gamma\,\sigma_{\max}",
            "largest factor of a gradient per step back; below 1 the gradient must vanish",
            "Pascanu, Mikolov & Bengio (2013), section 2.1",
        ),
        (r"\lambda", "eigenvalue: $W v = \\lambda v$", "section 2.7; (10.36)–(10.39)"),
        (r"\rho", "spectral radius, the largest $\\lvert \\lambda \\rvert$", "section 10.8"),
        (r"\Sigma,\ \Pi", "sum and product over the indices below", "notation of the book"),
        (r"\mathbb{R}^n", "vectors of $n$ numbers", "notation of the book"),
    ),
    "LSTM": _of(
        *_terms("lstm"),
        ("U_f,\\ W_f,\\ b_f", "weights and bias of a gate; the book writes the gate above, $U^f$", "(10.40)–(10.44)"),
        ("p_f", "weights by which a gate sees the state (peephole)", "Gers & Schmidhuber (2000)"),
    ),
    "Gated recurrent unit": _of(
        *_terms("gru"),
        ("m^{(t)}", "product of $W$ with the past, before the reset gate", "PyTorch nn.GRU"),
        ("d", "bias of $m$", "PyTorch nn.GRU"),
    ),
    "What becomes of a gradient": _of(
        *((rf"\text{{{word}}}", f"{words[0].lower()}{words[1:]}", "") for word, words in DEFINITIONS.items()),
        (
            r"\text{a step leaves}",
            "the geometric mean of the shares that steps leave of the gradient of the last loss that counts",
            "",
        ),
    ),
    "Descent": _of(
        (r"\eta", "learning rate: the step is $-\\eta \\nabla L$; the book's $\\epsilon$", "(4.5)"),
        (r"\theta", "all parameters together", "section 5.4"),
        ("v", "limit of the clipping: a longer gradient is scaled down to it", "(10.48), (10.49)"),
    ),
}


@dataclass(frozen=True)
class Row:
    """A letter of a cell: its name, LaTeX, role, size in writing, and its equation in LaTeX; "" without one."""

    name: str
    latex: str
    role: str
    size: str
    equation: str


def of_cell(cell: Cell, sizes: Sizes) -> tuple[Row, ...]:
    """The letters of a cell, all from its own equations: input, nodes, parameters, target.

    Args:
        cell: the cell.
        sizes: units of each class, {"x": 4, "h": 5, "y": 3}.

    Raises:
        ValueError: for sizes that the cell does not take.

    **Holds:** every_name_of_the_cell_once.
    """
    units, shapes = cell.sizes(sizes), cell.shapes(sizes)
    lines = [name for name in cell.nodes if cell.equations[name].within is None]
    names = [*["x"] * cell.reads_x, *lines, *cell.parameters, "y"]
    rows = []
    for name in names:
        shape = shapes.get(name) or (units.get(name, 1),)
        equation = ""
        if name in cell.equations:
            whole = cell.equations[name]
            equation = f"{cell.latex_of(Name(name, 0, whole.place))} = {cell.latex_of(whole.expression, inline=True)}"
        rows.append(
            Row(
                name,
                notation.at_step(name, cell.parameters, "t"),
                cell.role(name),
                " × ".join(map(str, shape)),
                equation,
            )
        )
    return tuple(rows)
