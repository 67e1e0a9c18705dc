"""The graph taken apart into single units: row A14 of the sources."""

import numpy as np
import pytest

import engine
from engine.neurons import local_jacobians, neurons


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
        moved = run.at(read.name, read.lag).copy()
        moved[..., 0] += step
        values = {r.argument: run.at(r.name, r.lag) for r in run.cell.reads["h"]} | {read.argument: moved}
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
