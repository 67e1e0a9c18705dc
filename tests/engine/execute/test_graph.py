"""The graph is the equations: unrolled, a node for each name and step; rolled, one for each name."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import pytest
from cells import FEATURES, Case, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, parse, roll, unroll
from engine.execute.graph import MAX_NODES
from engine.language.cell import Cell, sources

RNN = CATALOGUE["rnn"]
steps = st.integers(1, 6)


def expected_edges(cell: Cell, T: int, parameters: str) -> Counter:
    """(tail, head, argument, lag) of each reading of each step."""
    found: Counter = Counter()
    for t in range(1, T + 1):
        for name, read in sources(cell):
            tail = (read.name, t - read.lag)
            if read.name in cell.parameters:
                tail = (read.name, {"shared": None, "copies": t}.get(parameters, "left out"))
            if tail[1] != "left out":
                found[tail, (name, t), read.argument, read.lag] += 1
    return found


@settings(max_examples=40)
@given(texts(), steps, st.sampled_from(["hidden", "shared", "copies"]))
def test_edges_of_the_graph_are_the_readings_of_the_equations(text, T, parameters) -> None:
    cell = parse(text)
    graph = unroll(cell, T, parameters)
    found = Counter(
        (tail, head, data["argument"], data["lag"]) for tail, head, key, data in graph.edges(keys=True, data=True)
    )
    assert found == expected_edges(cell, T, parameters)
    assert all(key == data["argument"] for _, _, key, data in graph.edges(keys=True, data=True))
    assert nx.is_directed_acyclic_graph(graph)


@settings(max_examples=40)
@given(texts(), steps)
def test_nodes_of_the_graph_are_the_names_of_each_step(text, T) -> None:
    cell = parse(text)
    graph = unroll(cell, T)
    inside = {(name, t) for name in cell.nodes for t in range(1, T + 1)}
    data = {
        (name, t) for name in ("x", "y") for t in range(1, T + 1) if any(read.name == name for _, read in sources(cell))
    }
    early = {(read.name, t - read.lag) for _, read in sources(cell) for t in range(1, T + 1) if t <= read.lag}
    assert set(graph) == inside | data | early
    for (name, t), attributes in graph.nodes(data=True):
        assert attributes == {
            "name": name,
            "t": t,
            "role": cell.role(name),
            "initial": t < 1,
            "operation": cell.operation(name),
        }
    assert graph.graph == {"cell": "cell", "T": T}


def test_the_worked_network_unrolled() -> None:
    graph = unroll(RNN, 3)
    assert len(graph) == 3 * 7 + 1  # x a h o ŷ L y, and h(0)
    assert set(graph.predecessors(("a", 1))) == {("h", 0), ("x", 1)}
    assert set(graph.successors(("h", 2))) == {("a", 3), ("o", 2)}
    assert graph.nodes["h", 0] == {"name": "h", "t": 0, "role": "state", "initial": True, "operation": "tanh"}
    assert Counter(role for _, role in graph.nodes(data="role")) == Counter(
        input=3, inner=3, state=4, output=6, loss=3, target=3
    )


@pytest.mark.parametrize(("parameters", "more"), [("hidden", 0), ("shared", 5), ("copies", 5 * 4)])
def test_parameters_are_left_out_or_shared_or_copied(parameters, more) -> None:
    graph, plain = unroll(RNN, 4, parameters), unroll(RNN, 4)
    assert len(graph) == len(plain) + more
    nodes = [node for node, role in graph.nodes(data="role") if role == "parameter"]
    assert len(nodes) == more
    for name, t in nodes:
        heads = sorted(graph.successors((name, t)), key=str)
        reader = {"b": "a", "W": "a", "U": "a", "c": "o", "V": "o"}[name]
        assert heads == ([(reader, t)] if parameters == "copies" else [(reader, i) for i in range(1, 5)])
        assert graph.in_degree((name, t)) == 0


def test_a_name_that_is_read_twice_has_two_edges() -> None:
    graph = unroll(parse("h = h[t-1] * h[t-1] + W @ (W @ x)\nL = mse(h, y)"), 2, "shared")
    assert graph.number_of_edges(("h", 1), ("h", 2)) == 2
    assert graph.number_of_edges(("W", None), ("h", 2)) == 2
    assert sorted(graph["h", 1]["h", 2]) == [0, 1]


def test_initial_values_stand_at_the_steps_before_the_first() -> None:
    graph = unroll(parse(FEATURES["lags of one, two and three"]), 2)
    assert sorted(t for (name, t) in graph if name == "h") == [-2, -1, 0, 1, 2]
    assert {node for node, initial in graph.nodes(data="initial") if initial} == {("h", 0), ("h", -1), ("h", -2)}


def test_a_run_unrolls_to_its_own_steps() -> None:
    made = Case(RNN.text, T=3, B=2).run()
    assert nx.utils.graphs_equal(unroll(made), unroll(made.cell, 3))
    assert nx.utils.graphs_equal(unroll(made, 2), unroll(made.cell, 2))


@pytest.mark.parametrize("T", [0, -1, None, 2.0, True, "3"])
def test_a_graph_has_at_least_one_step(T) -> None:
    with pytest.raises(ValueError, match=r"T is .*; a whole number of steps, at least 1"):
        unroll(RNN, T)


def test_a_node_without_an_edge_is_in_the_graph() -> None:
    cell = parse("k = 2\nj = b\nL = mse(x, y)")
    assert {("k", 1), ("j", 1), ("k", 2), ("j", 2)} <= set(unroll(cell, 2))
    assert {"k", "j"} <= set(roll(cell, parameters=False))


@pytest.mark.parametrize("name", ["rnn", "lstm", "rnn_skip"])
@pytest.mark.parametrize("parameters", ["hidden", "shared", "copies"])
def test_the_number_of_nodes_that_is_told_is_about_that_of_the_graph(name, parameters, monkeypatch) -> None:
    cell = CATALOGUE[name]
    nodes = len(unroll(cell, 50, parameters=parameters))
    monkeypatch.setattr("engine.execute.graph.MAX_NODES", 0)
    with pytest.raises(ValueError, match="gives about") as caught:
        unroll(cell, 50, parameters=parameters)
    told = int(str(caught.value).partition("about ")[2].partition(" ")[0].replace(",", ""))
    assert nodes / 1.15 < told < 1.15 * nodes


def test_a_graph_too_large_is_refused_before_it_is_made() -> None:
    with pytest.raises(ValueError, match=rf"T = {10**9} gives about [\d,]+ nodes; at most {MAX_NODES:,} are allowed"):
        unroll(RNN, 10**9)
    with pytest.raises(ValueError, match="parameters is 'all'; 'hidden', 'shared' or 'copies'"):
        unroll(RNN, 2, "all")  # type: ignore[arg-type]


# --- folded ---------------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(texts(), st.booleans())
def test_a_rolled_graph_has_each_reading_once(text, parameters) -> None:
    cell = parse(text)
    graph = roll(cell, parameters)
    expected = Counter(
        (read.name, name, read.argument, read.lag)
        for name, read in sources(cell)
        if parameters or read.name not in cell.parameters
    )
    assert Counter((u, v, data["argument"], data["lag"]) for u, v, data in graph.edges(data=True)) == expected
    assert set(graph) >= set(cell.nodes)
    for name, attributes in graph.nodes(data=True):
        assert attributes == {"name": name, "role": cell.role(name), "operation": cell.operation(name)}
    assert ("x" in graph) == cell.reads_x
    now = graph.edge_subgraph([(u, v, key) for u, v, key, lag in graph.edges(keys=True, data="lag") if not lag])
    assert nx.is_directed_acyclic_graph(now)


def test_the_worked_network_rolled() -> None:
    assert set(roll(RNN)) == {"x", "y", *RNN.nodes, *RNN.parameters}
    assert set(roll(RNN, parameters=False)) == {"x", "y", *RNN.nodes}
    assert {(u, v) for u, v, lag in roll(RNN).edges(data="lag") if lag} == {("h", "a")}
