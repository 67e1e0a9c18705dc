"""The ready cells are what they say: against plain loops in numpy, published numbers, and row A14 of the sources."""

from __future__ import annotations

import math

import networkx as nx
import numpy as np
import pytest
from cells import Case
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, feedforward, neuron_network, parse, rnn, run
from engine.language.catalogue import ACTIVATIONS, with_squared_error
from engine.language.operations import FUNCTIONS, slope, value

HEAD = ["c", "V"]
GATES = ["U_f", "W_f", "b_f", "U_g", "W_g", "b_g", "U_q", "W_q", "b_q", "U", "W", "b"]
NODES = {
    "rnn": ("a h o y_hat L", ["b", "W", "U"]),
    "lstm": ("f g s q h o y_hat L", GATES),
    "lstm_tanh": ("f g s q h o y_hat L", GATES),
    "lstm_peephole": ("f g s q h o y_hat L", [*GATES, "p_f", "p_g", "p_q"]),
    "gru": ("z r m k h o y_hat L", ["U_z", "W_z", "b_z", "U_r", "W_r", "b_r", "d", "W", "b", "U"]),
    "rnn_output": ("a h o y_hat L", ["b", "W", "U"]),
    "rnn_leaky": ("a k h o y_hat L", ["b", "W", "U", "alpha"]),
    "rnn_skip": ("a h o y_hat L", ["b", "W", "R", "U"]),
    "rnn_deep": ("a_1 h_1 a_2 h_2 o y_hat L", ["b_1", "W_1", "U_1", "b_2", "W_2", "U_2"]),
    "one_unit": ("h o y_hat L", ["W", "b"]),
}


# --- every cell -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_cell_says_what_it_is(name) -> None:
    cell = CATALOGUE[name]
    assert cell == parse(cell.text, name)
    assert cell.name == name
    assert cell.title != name
    assert len(cell.about) > 100
    assert cell.about.endswith(".")
    assert any(mark in cell.source for mark in ("(10.", "section", "figure", "(19", "(20"))
    assert cell.losses == ("L",)
    assert cell.takes_classes


def test_the_catalogue_has_what_is_promised() -> None:
    assert set(CATALOGUE) == {*NODES, "feedforward"}
    assert len({cell.title for cell in CATALOGUE.values()}) == len(CATALOGUE)
    with pytest.raises(TypeError):
        CATALOGUE["rnn"] = None  # type: ignore[index]


@pytest.mark.parametrize("name", NODES)
def test_every_cell_has_the_nodes_and_parameters_of_its_source(name) -> None:
    nodes, parameters = NODES[name]
    cell = CATALOGUE[name]
    assert [node for node in cell.nodes if cell.equations[node].within is None] == nodes.split()
    assert set(cell.parameters) == {*parameters, *(HEAD if cell.reads_x else ())}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step(P, x, h, s, squash, peephole=False):
    see = {gate: P[f"p_{gate}"] * s if peephole else 0 for gate in "fg"}
    f = sigmoid(P["b_f"] + P["U_f"] @ x + P["W_f"] @ h + see["f"])
    g = sigmoid(P["b_g"] + P["U_g"] @ x + P["W_g"] @ h + see["g"])
    s = f * s + g * squash(P["b"] + P["U"] @ x + P["W"] @ h)
    q = sigmoid(P["b_q"] + P["U_q"] @ x + P["W_q"] @ h + (P["p_q"] * s if peephole else 0))
    return {"h": np.tanh(s) * q, "s": s, "f": f, "g": g, "q": q}


def gru_step(P, x, before):
    """PyTorch's nn.GRU: r, z, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h = (1 − z) n + z h."""
    h = before["h"]
    z = sigmoid(P["b_z"] + P["U_z"] @ x + P["W_z"] @ h)
    r = sigmoid(P["b_r"] + P["U_r"] @ x + P["W_r"] @ h)
    n = np.tanh(P["U"] @ x + P["b"] + r * (P["W"] @ h + P["d"]))
    return {"h": (1 - z) * n + z * h, "z": z, "r": r, "k": n}


def deep_step(P, x, before):
    h_1 = np.tanh(P["b_1"] + P["W_1"] @ before["h_1"] + P["U_1"] @ x)
    return {"h_1": h_1, "h_2": np.tanh(P["b_2"] + P["W_2"] @ before["h_2"] + P["U_2"] @ h_1)}


def output_step(P, x, before):
    h = np.tanh(P["b"] + P["W"] @ before["o"] + P["U"] @ x)
    return {"h": h, "o": P["c"] + P["V"] @ h}


def simple(P, x, h):
    return P["b"] + P["W"] @ h + P["U"] @ x


#: One step of each cell in plain numpy: parameters, x(t), what the last step and the one before it gave -> values.
STEPS = {
    "rnn": lambda P, x, one, two: {"h": np.tanh(simple(P, x, one["h"]))},
    "lstm": lambda P, x, one, two: lstm_step(P, x, one["h"], one["s"], sigmoid),
    "lstm_tanh": lambda P, x, one, two: lstm_step(P, x, one["h"], one["s"], np.tanh),
    "lstm_peephole": lambda P, x, one, two: lstm_step(P, x, one["h"], one["s"], np.tanh, peephole=True),
    "gru": lambda P, x, one, two: gru_step(P, x, one),
    "rnn_output": lambda P, x, one, two: output_step(P, x, one),
    "rnn_leaky": lambda P, x, one, two: {
        "h": P["alpha"] * one["h"] + (1 - P["alpha"]) * np.tanh(simple(P, x, one["h"]))
    },
    "rnn_skip": lambda P, x, one, two: {"h": np.tanh(simple(P, x, one["h"]) + P["R"] @ two["h"])},
    "rnn_deep": lambda P, x, one, two: deep_step(P, x, one),
}


@pytest.mark.parametrize("name", STEPS)
def test_every_cell_computes_what_its_source_says(name) -> None:
    made = Case(CATALOGUE[name].text, T=5, B=2, initial="KBn", seed=3).run()
    P, initial = made.parameters, made.initial
    for b in range(2):
        early = [
            {state: array[row, b] for state, array in initial.items()}
            for row in (-1, -len(initial[made.cell.states[0]]))
        ]
        one, two = early
        for t in range(5):
            one, two = STEPS[name](P, made.x[t, b], one, two), one
            for node, expected in one.items():
                np.testing.assert_allclose(made.value[node][t, b], expected, rtol=1e-12, err_msg=node)
            top = one.get("h", one.get("h_2"))
            o = P["c"] + P["V"] @ top
            np.testing.assert_allclose(made.value["o"][t, b], o, rtol=1e-12)
            y_hat = np.exp(o) / np.exp(o).sum()
            np.testing.assert_allclose(made.value["y_hat"][t, b], y_hat, rtol=1e-12)
            np.testing.assert_allclose(made.losses[t, b], -np.log(y_hat[made.y[t, b]]), rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_activation_of_the_network_is_a_choice(activation) -> None:
    cell = rnn(activation)
    made = Case(cell.text, T=4).run()
    np.testing.assert_allclose(made.value["h"], FUNCTIONS[activation].definition(made.value["a"]), rtol=1e-14)
    assert cell.nodes == CATALOGUE["rnn"].nodes
    assert activation == "tanh" or activation in cell.title
    with pytest.raises(ValueError, match=f"activation is '{activation[:2]}'; known: tanh, sigmoid, relu, leaky_relu"):
        rnn(activation[:2])


def test_leaky_units_start_slow() -> None:
    assert dict(CATALOGUE["rnn_leaky"].start) == {"alpha": 0.9}
    assert all(not cell.start for name, cell in CATALOGUE.items() if name != "rnn_leaky")


# --- numbers that others published ----------------------------------------------------------------------------------
# Collected, with sources, in the project's facts on the ecosystem, section 2.


def last_state(name: str, x: np.ndarray, hidden: int, parameters: dict, **changes) -> np.ndarray:
    """h(T) (B, n) of a cell of the catalogue whose output does not matter; x is (B, T, n_x), as Keras has it."""
    return states(name, x, hidden, parameters, **changes)[:, -1]


def states(name: str, x: np.ndarray, hidden: int, parameters: dict, state: str = "h", initial=None) -> np.ndarray:
    x = np.swapaxes(x, 0, 1)
    made = run(
        CATALOGUE[name],
        {"c": np.zeros(2), "V": np.zeros((2, hidden))} | parameters,
        x,
        np.zeros(x.shape[:2], int),
        initial,
    )
    return np.swapaxes(made.value[state], 0, 1)


def keras(n_x: int, hidden: int, gates: str, biases: dict[str, float]) -> dict[str, np.ndarray]:
    """Kernel .01, recurrent kernel .02, biases as given: the constants of the Keras test suite."""
    result = {}
    for gate in ["", *(f"_{letter}" for letter in gates)]:
        result |= {f"U{gate}": np.full((hidden, n_x), 0.01), f"W{gate}": np.full((hidden, hidden), 0.02)}
    return result | {name: np.full(hidden, bias) for name, bias in biases.items()}


def test_numbers_of_the_keras_suite() -> None:
    """keras/src/layers/rnn/*_test.py (Apache-2.0)."""
    x = np.arange(24.0).reshape(2, 3, 4)
    found = last_state("rnn", x, 4, keras(4, 4, "", {"b": 0.03}))
    np.testing.assert_allclose(found, np.repeat([[0.405432], [0.73605347]], 4, axis=1), rtol=2e-7)
    x = np.arange(72.0).reshape(3, 6, 4)
    for forget, expected in ((1.0, [0.6288687, 0.86899155, 0.9460773]), (0.03, [0.57019705, 0.8661914, 0.9459622])):
        biases = {"b_f": forget, "b_g": 0.03, "b_q": 0.03, "b": 0.03}
        found = last_state("lstm_tanh", x, 3, keras(4, 3, "fgq", biases))
        np.testing.assert_allclose(found, np.repeat(np.array([expected]).T, 3, axis=1), rtol=3e-7)
    # reset_after=True has a bias before and one after the recurrent product; at z and r they add up
    biases = {"b_z": 0.06, "b_r": 0.06, "b": 0.03, "d": 0.03}
    found = last_state("gru", x, 3, keras(4, 3, "zr", biases))
    expected = [0.5217289, 0.6371659, 0.39384964]
    np.testing.assert_allclose(found, np.repeat(np.array([expected]).T, 3, axis=1), rtol=3e-7)


def line(first: float, last: float, *shape: int) -> np.ndarray:
    return np.linspace(first, last, math.prod(shape)).reshape(shape)


def test_numbers_of_cs231n() -> None:
    """Assignment 3, RNN_Captioning and LSTM_Captioning; the gates lie side by side as i f o g, of which g is tanh."""
    x, h0 = line(-0.1, 0.3, 2, 3, 4), line(-0.3, 0.1, 2, 5)
    parameters = {"U": line(-0.2, 0.4, 4, 5).T, "W": line(-0.4, 0.1, 5, 5).T, "b": line(-0.7, 0.1, 5)}
    found = states("rnn", x, 5, parameters, initial={"h": h0})[0, 0]
    np.testing.assert_allclose(found, [-0.42070749, -0.27279261, -0.11074945, 0.05740409, 0.22236251], rtol=1e-7)

    x, h0 = line(-0.4, 0.6, 2, 3, 5), line(-0.4, 0.8, 2, 4)
    packed = {"U": line(-0.2, 0.9, 5, 16).T, "W": line(-0.3, 0.6, 4, 16).T, "b": line(0.2, 0.7, 16)}
    rows = {"_g": slice(0, 4), "_f": slice(4, 8), "_q": slice(8, 12), "": slice(12, 16)}
    parameters = {f"{name}{gate}": array[part] for name, array in packed.items() for gate, part in rows.items()}
    found = states("lstm_tanh", x, 4, parameters, initial={"h": h0})[1, 2]
    np.testing.assert_allclose(found, [0.81733511, 0.83677871, 0.85403753, 0.86935314], rtol=1e-7)


def test_gradients_of_deeplearning_ai() -> None:
    """ "Building your RNN step by step": the gradients through all of time, ∇h(t) = da(t) coming in from above."""
    random = np.random.RandomState(1)
    x, a0 = random.randn(3, 10, 4), random.randn(5, 10)
    Wax, Waa, _, ba, _ = (random.randn(*shape) for shape in ((5, 3), (5, 5), (2, 5), (5, 1), (2, 1)))
    da = np.transpose(random.randn(5, 10, 4), (2, 1, 0))
    cell = parse("a = b + W @ h[t-1] + U @ x\nh = tanh(a)\nL = mse(h, y)")
    arguments = {
        "params": {"b": ba[:, 0], "W": Waa, "U": Wax},
        "x": np.transpose(x, (2, 1, 0)),
        "initial": {"h": a0.T},
        "reduction": "sum",
    }
    h = run(cell, y=np.zeros_like(da), **arguments).value["h"]
    made = run(cell, y=h - da * 5 / 2, **arguments)  # ∂L/∂h = 2/5 (h − y)
    np.testing.assert_allclose(made.grad["x"][:, 2, 1], [-2.07101689, -0.59255627, 0.02466855, 0.01483317], rtol=1e-6)
    np.testing.assert_allclose(made.initial_grad["h"][0, 3, 2], -0.3149423751, rtol=1e-9)
    np.testing.assert_allclose(made.param_grad["U"][3, 1], 11.2641044965, rtol=1e-11)
    np.testing.assert_allclose(made.param_grad["W"][1, 2], 2.3033331266, rtol=1e-10)
    np.testing.assert_allclose(made.param_grad["b"][4], -0.74747722, rtol=1e-7)


def scalars(gates: dict[str, tuple[tuple[float, ...], float, float]]) -> dict[str, np.ndarray]:
    """Parameters of an LSTM of one unit: gate -> its weights of x, that of h, its bias."""
    return {
        f"{name}{gate}": np.reshape(number, shape)
        for gate, (u, w, b) in gates.items()
        for name, number, shape in (("U", u, (1, len(u))), ("W", w, (1, 1)), ("b", b, (1,)))
    }


def test_numbers_of_the_scalar_lstm() -> None:
    """menna-ibrahimm/LSTM-Notebook, a public notebook."""
    parameters = scalars(
        {"_f": ((0.5,), 0.1, 0.0), "_g": ((0.6,), 0.2, 0.0), "": ((0.7,), 0.3, 0.0), "_q": ((0.8,), 0.4, 0.0)}
    )
    x = np.array([[[1.0], [2.0], [3.0]]])
    np.testing.assert_allclose(states("lstm_tanh", x, 1, parameters, "s").ravel(), [0.3902, 0.9877, 1.6721], atol=6e-5)
    np.testing.assert_allclose(states("lstm_tanh", x, 1, parameters).ravel(), [0.2564, 0.6398, 0.8707], atol=6e-5)


def test_numbers_of_backpropagating_an_lstm() -> None:
    """A. Gomez, "Backpropogating an LSTM: A Numerical Example" (2016): ½ (h − y)², and one step of size 0.1."""
    gates = {
        "": ((0.45, 0.25), 0.15, 0.2),
        "_g": ((0.95, 0.8), 0.8, 0.65),
        "_f": ((0.7, 0.45), 0.1, 0.15),
        "_q": ((0.6, 0.4), 0.25, 0.1),
    }
    text = CATALOGUE["lstm_tanh"].text.partition("o = ")[0] + "L = 0.5 * mse(h, y)"
    made = run(parse(text), scalars(gates), np.array([[1.0, 2.0], [0.5, 3.0]]), np.array([[0.5], [1.25]]))
    np.testing.assert_allclose(made.value["h"].ravel(), [0.53631, 0.77198], atol=6e-6)
    np.testing.assert_allclose(made.value["s"].ravel(), [0.78573, 1.51763], atol=6e-6)
    for name, expected in (("U", [0.45267, 0.25922]), ("U_q", [0.60259, 0.41626])):
        moved = made.parameters[name] - 0.1 * made.param_grad[name]
        np.testing.assert_allclose(moved[0], expected, atol=6e-6)


# --- layers (rows A15, A16) -----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    chosen=st.lists(st.sampled_from(ACTIVATIONS), max_size=4),
    loss=st.sampled_from(["nll", "mse", "bce"]),
    seed=st.integers(0, 99),
)
def test_layers_are_the_textbooks(chosen, loss, seed) -> None:
    """a_{i+1} = b + W φ_i, Δ_i = σ'(a_i) ∘ W_{i+1}ᵀ Δ_{i+1}, ∂L/∂W_i = mean of Δ_i φ_{i−1}ᵀ."""
    layers, N = len(chosen) + 1, 6
    cell = feedforward(layers, chosen, loss)
    made = Case(cell.text, T=1, B=N, n_x=3, n_y=2, seed=seed, soft=True).run()
    P, phi = made.parameters, made.x[0].T
    inputs, slopes = [phi], []
    for i in range(2, layers + 2):
        a = P[f"b_{i}"][:, None] + P[f"W_{i}"] @ phi
        np.testing.assert_allclose(made.value[f"a_{i}"][0].T, a, rtol=1e-10, atol=1e-12)
        if i <= layers:
            phi = value(FUNCTIONS[chosen[i - 2]], a)
            slopes.append(slope(FUNCTIONS[chosen[i - 2]], a))
            inputs.append(phi)
    y = made.y[0].T
    delta = {
        "mse": lambda: a - y,  # 2/n of it, n = 2
        "nll": lambda: np.exp(a) / np.exp(a).sum(axis=0) * y.sum(axis=0) - y,
        "bce": lambda: (sigmoid(a) - y) / 2,
    }[loss]()
    for i in range(layers + 1, 1, -1):
        np.testing.assert_allclose(made.grad[f"a_{i}"][0].T * N, delta, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(made.param_grad[f"W_{i}"], delta @ inputs[i - 2].T / N, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(made.param_grad[f"b_{i}"], delta.mean(axis=1), rtol=1e-9, atol=1e-12)
        if i > 2:
            delta = slopes[i - 3] * (P[f"W_{i}"].T @ delta)


def test_layers_are_counted_and_named() -> None:
    cell = feedforward(2, ["relu"], "bce")
    assert cell.text.splitlines()[1:] == [
        "a_2 = b_2 + W_2 @ x",
        "phi_2 = relu(a_2)",
        "a_3 = b_3 + W_3 @ phi_2",
        "y_hat = sigmoid(a_3)",
        "L = bce(y_hat, y)",
    ]
    assert feedforward(1).nodes == ("a_2", "y_hat", "L")
    assert feedforward(3, "relu") == feedforward(3, ["relu", "relu"])
    assert not feedforward(50).states


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "layers is 0; a whole number from 1 to 50"),
        ((51,), "layers is 51; a whole number from 1 to 50"),
        ((2.0,), "layers is 2.0; a whole number"),
        ((True,), "layers is True; a whole number"),
        ((3, ["tanh"]), "activations has 1 entries; 3 layers have 2 hidden ones"),
        ((3, "tan"), "activation is 'tan'; known: tanh, sigmoid"),
        ((3, "softmax"), "activation is 'softmax'; known: tanh, sigmoid"),
        ((3, "tanh", "nlll"), "loss is 'nlll'; known: nll, mse, bce"),
    ],
)
def test_layers_that_cannot_be_are_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        feedforward(*arguments)


# --- single neurons (row A14) ---------------------------------------------------------------------------------------


@st.composite
def neuron_graphs(draw) -> nx.DiGraph:
    """A weighted acyclic graph of neurons in any order, with skips, biases and activations, each with an edge."""
    n = draw(st.integers(2, 9))
    names = draw(st.permutations([f"n{i}" for i in range(n)]))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    graph = nx.DiGraph()
    for name in names:  # the order of the nodes has nothing to do with that of the flow
        graph.add_node(name)
    share = draw(st.sampled_from([0.3, 0.6, 1.0]))
    for k in range(1, n):
        for j in range(k):
            if rng.uniform() < share or j == k - 1:
                graph.add_edge(f"n{j}", f"n{k}", weight=float(rng.normal()))
    for name in names:
        if rng.uniform() < 0.5:
            graph.nodes[name]["bias"] = float(rng.normal())
        graph.nodes[name]["activation"] = draw(st.sampled_from(["tanh", "sigmoid", "softplus", "identity", "relu"]))
    return graph


@settings(max_examples=40)
@given(neuron_graphs(), st.integers(0, 99))
def test_neurons_are_those_of_row_a14(graph, seed) -> None:
    """φ_l = σ(Σ_j w_lj φ_j), δ_l = σ'(a_l) Σ_k δ_k w_kl, ∂L/∂w_lj = δ_l φ_j; for outputs δ straight from the loss."""
    cell, parameters = neuron_network(graph)
    order = {name: i for i, name in enumerate(graph.nodes, 1)}
    inputs = [name for name in graph if not graph.in_degree(name)]
    outputs = [name for name in graph if not graph.out_degree(name)]
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(1, len(inputs))), rng.normal(size=(1, len(outputs)))
    made = run(cell, parameters, x, y)
    phi, a = dict(zip(inputs, x[0], strict=True)), {}
    for name in nx.topological_sort(graph):
        if name not in phi:
            a[name] = np.array(sum(graph.edges[j, name]["weight"] * phi[j] for j in graph.predecessors(name)))
            a[name] = a[name] + graph.nodes[name].get("bias", 0.0)
            phi[name] = FUNCTIONS[graph.nodes[name]["activation"]].definition(a[name])
            np.testing.assert_allclose(made.value[f"a_{order[name]}"][0, 0, 0], a[name], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(made.value[f"phi_{order[name]}"][0, 0, 0], phi[name], rtol=1e-10, atol=1e-12)
    delta = {}
    for name in reversed(list(nx.topological_sort(graph))):
        if name in inputs:
            continue
        row = FUNCTIONS[graph.nodes[name]["activation"]]
        if name in outputs:
            back = 2 / len(outputs) * (phi[name] - y[0, outputs.index(name)])
        else:
            back = sum(delta[k] * graph.edges[name, k]["weight"] for k in graph.successors(name))
        delta[name] = slope(row, np.array([a[name]]))[0] * back
        np.testing.assert_allclose(made.grad[f"a_{order[name]}"][0, 0, 0], delta[name], rtol=1e-9, atol=1e-12)
        for j in graph.predecessors(name):
            found = made.param_grad[f"w_{order[name]}_{order[j]}"]
            np.testing.assert_allclose(found, [[delta[name] * phi[j]]], rtol=1e-9, atol=1e-12)
        if "bias" in graph.nodes[name]:
            np.testing.assert_allclose(made.param_grad[f"b_{order[name]}"], [delta[name]], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", ["mse", "nll", "bce"])
def test_neurons_take_any_loss(loss) -> None:
    graph = nx.DiGraph()
    graph.add_nodes_from("abcd")
    graph.add_edges_from([("a", "c"), ("b", "c"), ("b", "d")])
    nx.set_node_attributes(graph, "sigmoid", "activation")
    cell, parameters = neuron_network(graph, loss)
    assert cell.loss("L").name == loss
    assert np.isfinite(run(cell, parameters, np.ones((1, 2)), np.array([[0.25, 0.75]])).loss)
    assert parameters["w_3_1"] == [[1.0]]  # an edge without a weight


@pytest.mark.parametrize(("fan_in", "fan_out"), [(59, 1), (1, 59), (30, 30)])
def test_neurons_may_be_many_around_one(fan_in, fan_out) -> None:
    graph = nx.DiGraph([(f"i{i}", "o0" if fan_out == 1 else f"o{k}") for i in range(fan_in) for k in range(fan_out)])
    cell, parameters = neuron_network(graph)
    made = run(cell, parameters, np.full((1, fan_in), 0.01), np.zeros((1, fan_out)))
    np.testing.assert_allclose(made.value["o"], np.tanh(0.01 * fan_in), rtol=1e-12)


def test_neurons_may_all_be_connected() -> None:
    """60 neurons, each fed by all before it: 1,770 weights."""
    graph = nx.DiGraph([(j, k) for k in range(60) for j in range(k)])
    nx.set_node_attributes(graph, "identity", "activation")
    cell, parameters = neuron_network(graph)
    made = run(
        cell,
        {name: 0.1 * np.array(weight) if name[0] == "w" else weight for name, weight in parameters.items()},
        np.ones((1, 1)),
        np.zeros((1, 1)),
    )
    np.testing.assert_allclose(made.value["o"], 0.1 * 1.1**58, rtol=1e-12)


def weighted(weight) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_edge("a", "b", weight=weight)
    return graph


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ([("a", "b")], "graph is a list; a networkx.DiGraph is needed"),
        (nx.Graph([("a", "b")]), "graph is a Graph; a networkx.DiGraph is needed"),
        (nx.MultiDiGraph([("a", "b")]), "graph is a MultiDiGraph; a networkx.DiGraph is needed"),
        (nx.DiGraph(), "graph has 0 neurons; 2 to 60 are allowed"),
        (nx.path_graph(61, create_using=nx.DiGraph), "graph has 61 neurons; 2 to 60 are allowed"),
        (nx.empty_graph(3, create_using=nx.DiGraph), "graph has no edge"),
        (
            nx.DiGraph([("a", "b"), ("b", "c"), ("c", "a")]),
            r"graph has a cycle \(a → b → c\); a network of neurons is acyclic",
        ),
        (nx.DiGraph([("a", "a"), ("a", "b")]), r"graph has a cycle \(a\)"),
        (
            nx.disjoint_union(nx.DiGraph([("a", "b")]), nx.empty_graph(1, create_using=nx.DiGraph)),
            "neuron 2 has no edge",
        ),
        (weighted(float("nan")), "the weight of 'a' → 'b' is nan; a finite number is needed"),
        (weighted("1"), "the weight of 'a' → 'b' is '1'; a finite number is needed"),
        (weighted(True), "the weight of 'a' → 'b' is True; a finite number is needed"),
    ],
)
def test_graphs_that_are_no_networks_are_refused(graph, message) -> None:
    with pytest.raises(ValueError, match=message):
        neuron_network(graph)


def test_neurons_know_their_functions() -> None:
    for attributes, message in (
        ({"activation": "softmax"}, "activation is 'softmax'; known: tanh"),
        ({"bias": math.inf}, "the bias of 'b' is inf; a finite number is needed"),
    ):
        graph = weighted(1.0)
        graph.nodes["b"].update(attributes)
        with pytest.raises(ValueError, match=message):
            neuron_network(graph)
    with pytest.raises(ValueError, match="loss is 'max'; known: mse, nll, bce"):
        neuron_network(weighted(1.0), "max")


@pytest.mark.parametrize("cell", [cell for cell in CATALOGUE.values() if cell.name != "feedforward"], ids=str)
def test_the_squared_error_takes_the_place_of_the_softmax_and_its_loss(cell) -> None:
    with_numbers = with_squared_error(cell)
    assert with_numbers.nodes[-1] == "L"
    assert with_numbers.operation("L") == "mse"
    assert with_numbers.nodes == tuple(name for name in cell.nodes if name != "y_hat")
    assert with_numbers.start == cell.start
    with pytest.raises(ValueError, match="does not end with the softmax"):
        with_squared_error(with_numbers)
