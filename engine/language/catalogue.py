"""The ready cells, as text, and cells made from a number of layers or a graph of neurons. A new cell is a new text here."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import networkx as nx
import numpy as np

from engine.language.cell import Cell, parse
from engine.language.operations import FUNCTIONS
from engine.support.arguments import one_of, shown, whole

BOOK = "Goodfellow, Bengio & Courville, Deep Learning (2016)"
ACTIVATIONS = tuple(FUNCTIONS)


@dataclass(frozen=True)
class Term:
    """The literature's word for a node of a cell.

    Attributes:
        name: such as "forget gate".
        meaning: of the node's value, as Markdown.
        source: the equation of the book, or the authors.
    """

    name: str
    meaning: str
    source: str


#: Start of a cell's name -> the nodes of that family that have a word of their own, in the order of their equations.
TERMS: Mapping[str, Mapping[str, Term]] = MappingProxyType(
    {
        "lstm": MappingProxyType(
            {
                "f": Term("forget gate", "the share of the old state that stays", "(10.40)"),
                "s": Term("internal state", "carried on by a product and a sum", "(10.41)"),
                "g": Term("external input gate", "the share of the candidate that is let in", "(10.42)"),
                "h": Term("output of the cell", r"$\tanh(s) \odot q$", "(10.43)"),
                "q": Term("output gate", "the share of the state that is shown", "(10.44)"),
            }
        ),
        "gru": MappingProxyType(
            {
                "z": Term(
                    "update gate",
                    "the share of the old state that is copied; the book's $u$",
                    "(10.46); Cho et al. (2014)",
                ),
                "r": Term("reset gate", "the share of the past that the candidate sees", "(10.47)"),
                "k": Term("candidate", "the new state where the update gate is 0", "(10.45)"),
            }
        ),
    }
)


def terms(cell: Cell) -> Mapping[str, Term]:
    """The nodes of a cell for which the literature has a word; none of a cell of another family."""
    return next((nodes for family, nodes in TERMS.items() if cell.name.startswith(family)), MappingProxyType({}))


#: The last lines of every cell without layers: its loss compares classes; and in their place for targets that are numbers.
_CLASSES = """y_hat = softmax(o)
L = nll(y_hat, y)
"""
_NUMBERS = """L = mse(o, y)
"""
_HEAD = f"""o = c + V @ h
{_CLASSES}"""


def rnn(activation: str = "tanh") -> Cell:
    """The recurrent network of the book, (10.8)–(10.11), with any activation.

    Args:
        activation: a name of ACTIVATIONS.

    Raises:
        ValueError: for any other name.
    """
    one_of("activation", activation, ACTIVATIONS)
    return parse(
        f"""# Elman network, Goodfellow et al. (2016), (10.8)–(10.11)
a = b + W @ h[t-1] + U @ x
h = {activation}(a)
{_HEAD}""",
        "rnn",
        title="Recurrent network" if activation == "tanh" else f"Recurrent network, {activation}",
        source=f"{BOOK}, (10.8)–(10.11); Elman (1990)",
        about="The network of the book's chapter 10. The gradient at h(t) is what comes down from its own output and what "
        "comes back from h(t+1), through W and the slope of the activation: a product with one more factor for every step "
        "that it travels, which is why it vanishes or explodes.",
    )


def _lstm(name: str, candidate: str, title: str, source: str, about: str, *, peephole: bool = False) -> Cell:
    before = {gate: f" + p_{gate} * s[t-1]" if peephole else "" for gate in "fg"}
    now = " + p_q * s" if peephole else ""
    gates = {gate: f"{gate} = sigmoid(b_{gate} + U_{gate} @ x + W_{gate} @ h[t-1]{before[gate]})" for gate in "fg"}
    return parse(
        f"""# {title}, {source}
{gates["f"]}
{gates["g"]}
s = f * s[t-1] + g * {candidate}(b + U @ x + W @ h[t-1])
q = sigmoid(b_q + U_q @ x + W_q @ h[t-1]{now})
h = tanh(s) * q
{_HEAD}""",
        name,
        title=title,
        source=source,
        about=about,
    )


_LSTM = "The state s is carried on by a product with the forget gate f and a sum, with no matrix and no squashing in between. "

_CELLS = (
    rnn(),
    _lstm(
        "lstm",
        "sigmoid",
        "LSTM of the book",
        f"{BOOK}, (10.40)–(10.44)",
        _LSTM
        + "While f is near 1 the gradient at s(t−1) is nearly the one at s(t), so it lasts. Gates: "
        + ", ".join(f"{TERMS['lstm'][node].name} {node}" for node in "fgq")
        + "; the candidate is squashed by σ, as the book has it.",
    ),
    _lstm(
        "lstm_tanh",
        "tanh",
        "LSTM as libraries have it",
        "Hochreiter & Schmidhuber (1997); Gers et al. (2000); PyTorch nn.LSTM, Keras LSTM",
        _LSTM
        + "The same as the book's but for the candidate, which tanh squashes: the state can go down as well as up.",
    ),
    _lstm(
        "lstm_peephole",
        "tanh",
        "LSTM with peepholes",
        "Gers & Schmidhuber (2000)",
        _LSTM
        + "The gates see the state as well, through the vectors p: f and g the one of the step before, q the new one. "
        "The gradient has one more route into s.",
        peephole=True,
    ),
    parse(
        f"""# Gated recurrent unit, reset after the product
z = sigmoid(b_z + U_z @ x + W_z @ h[t-1])
r = sigmoid(b_r + U_r @ x + W_r @ h[t-1])
m = d + W @ h[t-1]
k = tanh(b + U @ x + r * m)
h = (1 - z) * k + z * h[t-1]
{_HEAD}""",
        "gru",
        title="Gated recurrent unit",
        source=f"Cho et al. (2014); {BOOK}, (10.45)–(10.47), in the form of PyTorch nn.GRU and Keras GRU(reset_after=True)",
        about="One state in place of the LSTM's two. Where the update gate z is near 1 the state is copied, and the gradient "
        "with it; the reset gate r decides how much of the past the candidate k sees. The product with W comes before the "
        "reset, as PyTorch and Keras compute it; the book has it after.",
    ),
    parse(
        f"""# Recurrence from the output to the hidden units only, Goodfellow et al. (2016), figure 10.4
a = b + W @ o[t-1] + U @ x
h = tanh(a)
{_HEAD}""",
        "rnn_output",
        title="Recurrence from the output only",
        source=f"{BOOK}, figure 10.4; Jordan (1986)",
        about="The only way from a step to the next leads through the output, which was trained to look like the target. "
        "Less powerful than recurrence among the hidden units, and each ∇h(t) passes the narrow o on its way.",
    ),
    parse(
        f"""# Leaky units, Goodfellow et al. (2016), section 10.9.2
a = b + W @ h[t-1] + U @ x
k = tanh(a)
h = alpha * h[t-1] + (1 - alpha) * k
{_HEAD}""",
        "rnn_leaky",
        title="Leaky units",
        source=f"{BOOK}, section 10.9.2; Mozer (1992); Jaeger et al. (2007)",
        about="Each unit keeps the share α of its own past, a linear connection from h(t−1) to h(t) of weight near 1: "
        "a running average with a time scale of its own for each unit, through which the gradient lasts longer. "
        "α is a parameter, 0.9 at the start; values between 0 and 1 make sense.",
        start={"alpha": 0.9},
    ),
    parse(
        f"""# Skip connections through time, Goodfellow et al. (2016), section 10.9.1
a = b + W @ h[t-1] + R @ h[t-2] + U @ x
h = tanh(a)
{_HEAD}""",
        "rnn_skip",
        title="A connection two steps back",
        source=f"{BOOK}, section 10.9.1; Lin et al. (1996)",
        about="A second connection with a delay of two steps: the gradient reaches the same past in half the number of factors, "
        "so it falls with the number of steps over two, and along many more paths.",
    ),
    parse(
        f"""# Two recurrent layers, Goodfellow et al. (2016), section 10.5
a_1 = b_1 + W_1 @ h_1[t-1] + U_1 @ x
h_1 = tanh(a_1)
a_2 = b_2 + W_2 @ h_2[t-1] + U_2 @ h_1
h_2 = tanh(a_2)
o = c + V @ h_2
{_CLASSES}""",
        "rnn_deep",
        title="Two recurrent layers",
        source=f"{BOOK}, section 10.5, figure 10.13a; Graves et al. (2013)",
        about="A recurrent layer on top of another. The gradient has a grid of paths: along either layer in time, and down from "
        "the second to the first at any step.",
    ),
    parse(
        f"""# One unit without input, Pascanu, Mikolov & Bengio (2013)
h = W @ sigmoid(h[t-1]) + b
o = h
{_CLASSES}""",
        "one_unit",
        title="One unit without input",
        source="Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, 2.3 and 3.2",
        about="x(t) = w σ(x(t−1)) + b, the smallest network whose loss has a cliff: where a small change of b carries the state "
        "over to another attractor, the loss rises like a wall and the gradient explodes. The state is h here, since x is the "
        "input; with a target of one number there is one unit, with more there are as many, joined by W.",
    ),
)


def feedforward(layers: int = 3, activations: str | Sequence[str] = "tanh", loss: str = "nll") -> Cell:
    """Layers without recurrence: a_i = b_i + W_i φ_{i−1}, φ_i = σ_i(a_i), x = φ_1.

    Use it with T = 1 and the samples in the batch; the loss is then their mean.

    Args:
        layers: the number of layers of weights, 1 to 50; the last one gives the output.
        activations: one name for all hidden layers, or one for each of the layers − 1.
        loss: "nll" (after a softmax), "mse" or "bce" (after a sigmoid).

    Returns:
        A cell with the nodes a_2, phi_2, …, the last a, y_hat (except for mse) and L.

    Raises:
        ValueError: for any other number, name or loss.
    """
    layers = whole("layers", layers, 1, 50, "a whole number from 1 to 50")
    if not isinstance(activations, Sequence | np.ndarray):
        raise ValueError(f"activations is {shown(activations)}; one name, or a list of {layers - 1}")
    chosen = [activations] * (layers - 1) if isinstance(activations, str) else list(activations)
    if len(chosen) != layers - 1:
        raise ValueError(f"activations has {len(chosen)} entries; {layers} layers have {layers - 1} hidden ones")
    for activation in chosen:
        one_of("activation", activation, ACTIVATIONS)
    ends = {
        "nll": ("y_hat = softmax(a)", "nll(y_hat, y)"),
        "mse": ("", "mse(a, y)"),
        "bce": ("y_hat = sigmoid(a)", "bce(y_hat, y)"),
    }
    one_of("loss", loss, ends)
    lines, below = [], "x"
    for i in range(2, layers + 2):
        lines.append(f"a_{i} = b_{i} + W_{i} @ {below}")
        if i < layers + 1:
            below = f"phi_{i}"
            lines.append(f"{below} = {chosen[i - 2]}(a_{i})")
    end, call = (part.replace("(a", f"(a_{layers + 1}") for part in ends[loss])
    lines += [end] * bool(end) + [f"L = {call}"]
    return parse(
        "\n".join(["# Layers without recurrence", *lines]) + "\n",
        "feedforward",
        title="Feed-forward layers",
        source=f"{BOOK}, section 6.5",
        about="No step reads another: unrolled in depth where the others are unrolled in time. T = 1, the samples are the batch, "
        "and the loss is their mean. The gradient falls from layer to layer for the same reason as it does from step to step.",
    )


def neuron_network(graph: nx.DiGraph, loss: str = "mse") -> tuple[Cell, dict[str, list[Any]]]:
    """A network of single neurons from a weighted directed acyclic graph.

    a_l = Σ_j w_lj φ_j and φ_l = σ(a_l), over the neurons j that feed l, skips included. The neurons, by the order of the
    graph's nodes, are called phi_1, phi_2, …; each is a vector of one unit, and an edge j → l is the 1×1 parameter w_l_j.
    Input and output are collected by constant matrices S_i (x to phi_i) and T_i.

    Args:
        graph: 2 to 60 neurons. Edges have a `weight` (a number, 1 if missing), nodes an `activation` of the table (tanh if
            missing) and may have a `bias`. Neurons that nothing feeds are the input, in the order of the graph's nodes;
            neurons that feed nothing are the output (n_y of them).
        loss: "mse", "nll" or "bce". "nll" takes the softmax of the outputs; "bce" takes them as they are, so they need the
            activation sigmoid (the cell's `notes` say so where they have another).

    Returns:
        The cell, and its parameters by name as nested lists.

    Raises:
        ValueError: for a cycle, no edge, a self-loop, an unknown activation, or a weight that is no finite number.
    """
    _check_graph(graph)
    one_of("loss", loss, ("mse", "nll", "bce"))
    number = {node: i for i, node in enumerate(graph.nodes, 1)}
    inputs = [node for node in graph if graph.in_degree(node) == 0]
    outputs = [node for node in graph if graph.out_degree(node) == 0]
    lines, parameters = ["# A network of single neurons without recurrence"], dict[str, list[Any]]()
    for node in nx.lexicographical_topological_sort(graph, key=number.__getitem__):
        if node in inputs:
            lines.append(f"phi_{number[node]} = S_{number[node]} @ x")
            parameters[f"S_{number[node]}"] = [[float(neuron == node) for neuron in inputs]]
        else:
            neuron_lines, neuron_parameters = _neuron(graph, node, number)
            lines += neuron_lines
            parameters |= neuron_parameters
    for column, node in enumerate(outputs):
        parameters[f"T_{number[node]}"] = [[float(row == column)] for row in range(len(outputs))]
    lines.append("o = " + " + ".join(f"T_{number[node]} @ phi_{number[node]}" for node in outputs))
    lines += {"mse": ["L = mse(o, y)"], "nll": ["y_hat = softmax(o)", "L = nll(y_hat, y)"], "bce": ["L = bce(o, y)"]}[
        loss
    ]
    cell = parse(
        "\n".join(lines) + "\n",
        "neurons",
        title="Network of neurons",
        source="a_l = Σ_j w_lj φ_j, δ_l = σ'(a_l) Σ_k δ_k w_kl",
        about="Any acyclic graph of neurons, each a node of its own, with connections that skip as they like. The gradient at a "
        "neuron is the sum over the neurons that it feeds.",
        probabilities=["o"] if all(graph.nodes[node].get("activation") == "sigmoid" for node in outputs) else [],
    )
    return cell, parameters


def _check_graph(graph: nx.DiGraph) -> None:
    """Raise ValueError for a graph that is not a network of neurons."""
    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        raise ValueError(f"graph is a {type(graph).__name__}; a networkx.DiGraph is needed")
    if not 2 <= graph.number_of_nodes() <= 60:
        raise ValueError(f"graph has {graph.number_of_nodes()} neurons; 2 to 60 are allowed")
    if not graph.number_of_edges():
        raise ValueError("graph has no edge")
    if not nx.is_directed_acyclic_graph(graph):
        cycle = " → ".join(str(edge[0]) for edge in nx.find_cycle(graph))
        raise ValueError(f"graph has a cycle ({cycle}); a network of neurons is acyclic")
    alone = next(nx.isolates(graph), None)
    if alone is not None:
        raise ValueError(f"neuron {alone!r} has no edge")


def _neuron(
    graph: nx.DiGraph, node: Hashable, number: Mapping[Hashable, int]
) -> tuple[list[str], dict[str, list[Any]]]:
    """The two lines of a neuron that others feed, and its parameters."""
    i = number[node]
    names, parameters = list[str](), dict[str, list[Any]]()
    for source, _, weight in graph.in_edges(node, data="weight", default=1.0):
        name = f"w_{i}_{number[source]}"
        names.append(f"{name} @ phi_{number[source]}")
        parameters[name] = [[_finite(weight, f"the weight of {source!r} → {node!r}")]]
    bias = graph.nodes[node].get("bias")
    if bias is not None:
        names.append(f"b_{i}")
        parameters[f"b_{i}"] = [_finite(bias, f"the bias of {node!r}")]
    activation = graph.nodes[node].get("activation", "tanh")
    one_of("activation", activation, ACTIVATIONS)
    return [f"a_{i} = {' + '.join(names)}", f"phi_{i} = {activation}(a_{i})"], parameters


def _finite(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{what} is {value!r}; a finite number is needed")
    return float(value)


def with_squared_error(cell: Cell) -> Cell:
    """A cell of the catalogue for targets that are numbers: the squared error of o in place of the loss of its softmax.

    Args:
        cell: a cell of the catalogue for classes.

    Raises:
        ValueError: for a cell whose last lines are not those of the catalogue.
    """
    if not cell.text.endswith(_CLASSES):
        raise ValueError(f"{cell.name} does not end with the softmax of o and its loss")
    text = cell.text.removesuffix(_CLASSES) + _NUMBERS
    return parse(text, cell.name, title=cell.title, source=cell.source, about=cell.about, start=cell.start)


CATALOGUE: Mapping[str, Cell] = MappingProxyType({cell.name: cell for cell in (*_CELLS, feedforward())})
