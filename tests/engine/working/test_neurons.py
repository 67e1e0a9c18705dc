"""The graph taken apart into single units: row A14 of the sources."""

import re
from dataclasses import replace

import numpy as np
import pytest
from cells import FEATURES, Case, cases
from hypothesis import given, settings
from networks import skipping

import engine
from engine import CATALOGUE
from engine.language.names import latex
from engine.working.entries import explained
from engine.working.neurons import count, forms, local_jacobians, neuron_of, neurons


def made(name, T=4, n=2):
    cell = engine.CATALOGUE[name]
    sizes = {"x": 2, "y": 3} | {members[0]: n for members in cell.hidden}
    random = np.random.default_rng(1)
    params = {key: random.standard_normal(shape) for key, shape in cell.shapes(sizes).items()}
    return engine.run(cell, params, random.standard_normal((T, 2, 2)), random.integers(0, 3, (T, 2)), reduction="sum")


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn_skip", "rnn_leaky", "rnn_output"])
@pytest.mark.parametrize("sample", [0, 1])
def test_delta_is_the_weighted_sum_of_the_deltas_that_it_feeds(name, sample):
    run = made(name)
    graph = neurons(run, sample=sample)
    assert graph.number_of_nodes() == 4 * sum(run.sizes[n] for n in run.grad) + sum(
        run.cell.lags[n] * run.sizes[n] for n in run.cell.states
    )
    for node, data in graph.nodes(data=True):
        if data["role"] == "loss" or data["name"] == "o":  # ŷ's Jacobian and −y/ŷ, of which o has the cancelled form
            continue
        total = sum(
            weight["weight"] * graph.nodes[head]["delta"] for _, head, weight in graph.out_edges(node, data=True)
        )
        assert total == pytest.approx(data["delta"], rel=1e-10, abs=1e-12)


def test_weights_are_those_of_the_matrix_and_slopes_those_of_the_function():
    run = made("rnn")
    graph = neurons(run, 2, 3)
    for i in range(2):
        assert graph.edges[("a", 2, i), ("h", 2, i), 0]["weight"] == pytest.approx(run.slope("h")[1, 0, i])
        for k in range(2):
            assert graph.edges[("h", 1, i), ("a", 2, k), 2]["weight"] == run.parameters["W"][k, i]
    assert {t for _, t, _ in graph} == {1, 2, 3}  # what the first step reads is there too
    assert not graph.has_edge(("a", 2, 0), ("h", 2, 1))


def test_local_jacobians_match_differences():
    run = made("gru", T=3)
    step = 1e-6
    for read, jacobian in local_jacobians(run, "h"):
        moved = run.read(read.name, read.lag).copy()
        moved[..., 0] += step
        values = {r.argument: run.read(r.name, r.lag) for r in run.cell.reads["h"]} | {read.argument: moved}
        z0, k, z1, before = (values[i] for i in range(4))
        h = (1 - z0) * k + z1 * before
        np.testing.assert_allclose((h - run.value["h"])[:, 0] / step, jacobian[:, :, 0], atol=1e-8)


def test_too_many_units_are_refused_with_their_number():
    run = made("lstm", n=20)
    with pytest.raises(ValueError, match=r"units; at most 400.*fewer steps"):
        neurons(run)
    with pytest.raises(ValueError, match="steps are 1 to 4"):
        neurons(run, 0, 2)
    with pytest.raises(ValueError, match="samples are counted"):
        neurons(run, 1, 1, sample=2)


# --- a neuron with its a and its φ(a), as row A14 has it ------------------------------------------------------------


def close(total, terms, delta):
    """Whether a sum has its expected value, up to the rounding of its summands."""
    if not np.isfinite([total, delta]).all():
        return not np.isfinite(delta) or not np.isfinite(terms).all()
    return abs(total - delta) <= 1e-9 * max([abs(delta), *map(abs, terms)], default=0.0) + 1e-300


def laws(run, sample=0):
    """δ_l = φ'(a_l) Σ_k w_kl δ_k at every neuron: by the explanation, and by the edges of the graph."""
    graph = neurons(run, sample=sample, merged=True)
    for node, data in graph.nodes(data=True):
        found = explained(run, node, sample)
        products = [term.product for term in found.terms]
        assert close(found.total, products, data["delta"]), node
        assert (found.value, found.delta) == pytest.approx((data["value"], data["delta"]), nan_ok=True)
        if data["slope"] is None:
            continue
        edges = [edge for _, _, edge in graph.out_edges(node, data=True)]
        with np.errstate(all="ignore"):
            inner = [edge["message"] for edge in edges if not edge["direct"]] + [found.seed] * (found.seed is not None)
            total = (data["slope"] * sum(inner) if inner else 0.0) + sum(e["message"] for e in edges if e["direct"])
        assert close(total, products, data["delta"]), node


@pytest.mark.parametrize("name", engine.CATALOGUE)
@pytest.mark.parametrize("sample", [0, 1])
def test_delta_is_the_slope_times_the_weighted_sum_of_deltas(name, sample):
    laws(made(name), sample)


@pytest.mark.parametrize("name", FEATURES)
def test_delta_is_the_slope_times_the_weighted_sum_of_deltas_whatever_the_cell_does(name):
    laws(Case(FEATURES[name], n_h=2, n_k=2).run())


BRACES = str.maketrans("{}", "()")


@settings(max_examples=40)
@given(cases())
def test_delta_is_the_slope_times_the_weighted_sum_of_deltas_in_made_cells(case):
    run = replace(case, dtype="float64").run()
    last = next((t for t in range(run.T, 0, -1) if count(run, 1, t, True) <= 400), 0)
    if last == run.T:
        laws(run)
    for name in run.cell.nodes:  # whatever can be written can be read
        told = explained(run, (name, 1, 0))
        for text in (*told.forward, told.output, *told.backward):
            assert text.count("{") == text.count("}")
            assert text.count(r"\left(") == text.count(r"\right)")


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_the_numbers_of_an_equation_have_the_value_that_stands_beside_them(text):
    run = Case(text, T=3, B=2, n_h=2, n_k=2, seed=3, initial="KBn").run()
    for name in run.cell.nodes:
        for written in explained(run, (name, 2, 0)).forward[1:]:  # the first is in symbols
            plain = re.sub(r"\\(begin|end)\{aligned\}|\\quad|\\left|\\right|&|\\\\", "", written)
            plain = plain.replace(r"\cdot 10^{", "* 10**{").replace(r"\cdot", "*").translate(BRACES)
            *numbers, value = plain.split("=")[1:]
            for part in numbers:
                assert re.fullmatch(r"[-+*()\d.e ]+", part), written  # no letter is left
                size = sum(abs(float(number)) for number in re.findall(r"[\d.]+", part))
                assert eval(part) == pytest.approx(eval(value), abs=0.02 * (1 + size)), written


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_every_node_is_a_neuron_or_inside_of_one(text):
    cell = engine.parse(text)
    kinds = forms(cell)
    inside = [form.argument for form in kinds.values() if form.argument]
    assert sorted([*kinds, *inside]) == sorted([*cell.nodes, *["x"] * cell.reads_x])
    for form in kinds.values():
        assert neuron_of(cell, form.name) == form.name
        if form.argument:
            assert neuron_of(cell, form.argument) == form.name


def test_the_books_network_in_neurons():
    run = made("rnn")
    graph = neurons(run, merged=True)
    assert {name for name, _, _ in graph} == {"x", "h", "y_hat", "L"}
    for i in range(2):
        assert graph.nodes["h", 2, i]["delta"] == run.grad["a"][1, 0, i]
        for k in range(2):
            assert graph.edges[("h", 1, i), ("h", 2, k), 2]["weight"] == run.parameters["W"][k, i]
    onehot = np.eye(3)[run.y[1, 0]]
    for i in range(3):  # output neurons have δ directly from the loss
        assert graph.edges[("y_hat", 2, i), ("L", 2, 0), 0]["weight"] == pytest.approx(
            run.value["y_hat"][1, 0, i] - onehot[i]
        )
        assert graph.nodes["y_hat", 2, i]["delta"] == run.grad["o"][1, 0, i]


def test_a_neuron_is_written_as_in_the_sources():
    run = made("rnn")
    told = explained(run, ("h", 2, 0))
    assert told == explained(run, ("a", 2, 0))  # a is inside of it
    assert told.forward[0] == r"a_{1}^{(2)} = b_{1} + \sum_{j} W_{1,j}\,h_{j}^{(1)} + \sum_{j} U_{1,j}\,x_{j}^{(2)}"
    assert told.output.startswith(r"h_{1}^{(2)} = \tanh\left(a_{1}^{(2)}\right) = \tanh\left(")
    assert told.backward[0] == (
        r"\delta_{a,1}^{(2)} = \left(1 - h_{1}^{(2)}\,h_{1}^{(2)}\right)\,\Bigl("
        r"\sum_{k} W_{k,1}\,\delta_{a,k}^{(3)} + \sum_{k} V_{k,1}\,\delta_{o,k}^{(2)}\Bigr)"
    )
    assert [term.neuron for term in told.terms] == [("h", 3, 0), ("h", 3, 1), *(("y_hat", 2, k) for k in range(3))]
    assert [term.weight for term in told.terms[:2]] == run.parameters["W"][:, 0].tolist()
    assert told.error < 1e-15
    assert explained(run, ("L", 2, 0)).seed == 1


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_a_delta_bears_the_name_of_what_it_is_the_gradient_at(name):
    run = made(name)
    nodes = {latex(node): node for node in run.cell.nodes}
    for node in run.cell.nodes:
        told = explained(run, (node, 2, 0))
        at = re.search(r"\\delta_\{(.*?)(,1)?\}\^\{\(2\)\} &?=", told.backward[0])[1]
        if at in nodes:
            assert told.delta == run.grad[nodes[at]][1, 0, 0]
        else:  # the argument of a function, which has no name of its own
            assert at == f"a_{{{latex(told.neuron[0])}}}"
            assert told.delta == run.argument_grad(told.neuron[0])[1, 0, 0]


def test_what_a_function_passes_on_is_the_gradient_of_its_argument():
    for name, nodes in {"rnn": {"h": "a", "y_hat": "o"}, "rnn_deep": {"h_1": "a_1", "y_hat": "o"}}.items():
        run = made(name)
        for node, argument in nodes.items():
            np.testing.assert_allclose(run.argument_grad(node), run.grad[argument], rtol=1e-12)
    with pytest.raises(ValueError, match="no function"):
        run.argument_grad("L")
    with pytest.raises(ValueError, match="is not computed from"):
        run.joint_slope("o")


def test_a_network_of_single_neurons_with_skips():
    given, run = skipping()
    laws(run)
    graph = neurons(run, merged=True)
    number = {node: i for i, node in enumerate(given, 1)}
    for source, target, weight in given.edges(data="weight"):
        (edge,) = graph[f"phi_{number[source]}", 1, 0][f"phi_{number[target]}", 1, 0].values()
        assert edge["weight"] == weight
    told = explained(run, (f"phi_{number['p']}", 1, 0))
    assert [term.weight for term in told.terms] == [-0.6, 0.3]


@pytest.mark.parametrize("node", [("h", 5, 0), ("h", -1, 0), ("h", 1, 2), ("h", 1, -1), ("zz", 1, 0), ("W", 1, 0)])
def test_neurons_that_there_are_not_are_refused(node):
    with pytest.raises(ValueError, match=r"no node|steps|units?"):
        explained(made("rnn"), node)
    with pytest.raises(ValueError, match="samples"):
        explained(made("rnn"), ("h", 1, 0), sample=2)
