"""The computational graph as a networkx graph: rolled, or unrolled in time."""

from __future__ import annotations

from typing import Literal, TypeAlias

import networkx as nx

from engine.execute.run import Run
from engine.language.cell import Cell, sources
from engine.support.arguments import one_of, whole

Parameters: TypeAlias = Literal["hidden", "shared", "copies"]
MAX_NODES = 200_000


def unroll(source: Cell | Run, T: int | None = None, parameters: Parameters = "hidden") -> nx.MultiDiGraph:
    """Make the graph of T steps: a node is (name, t), t = 1 … T, with initial values at t ≤ 0.

    Args:
        source: a cell or a run.
        T: the number of steps; that of the run if missing.
        parameters: "hidden", without them; "shared", one node (name, None) for each, with an edge to every step that uses
            it; "copies", one node (name, t) per step, as in (10.22)–(10.28) of the book.

    Returns:
        A graph whose nodes have the attributes name, t, role (input, parameter, state, inner, output, loss or target), initial
        (bool) and operation, and whose edges have argument (the place among the names that the equation reads) and lag.
        An edge has its argument as its key, so that h * h keeps both of its edges.

    Raises:
        ValueError: for T < 1, an unknown value of `parameters`, or a graph of more than MAX_NODES nodes.

    **Holds:** edges_of_the_graph_are_the_readings_of_the_equations.
    """
    cell = source if isinstance(source, Cell) else source.cell
    steps = source.T if isinstance(source, Run) and T is None else T
    steps = whole("T", steps, 1, None, "a whole number of steps, at least 1")
    one_of("parameters", parameters, ("hidden", "shared", "copies"), "'hidden', 'shared' or 'copies'")
    count = steps * (len(cell.nodes) + 2 + len(cell.parameters) * (parameters == "copies"))
    if count > MAX_NODES:
        raise ValueError(f"T = {steps} gives about {count:,} nodes; at most {MAX_NODES:,} are allowed")
    graph = nx.MultiDiGraph(cell=cell.name, T=steps)

    def add(name: str, t: int | None) -> tuple[str, int | None]:
        key = (name, t)
        if key not in graph:
            initial = t is not None and t < 1
            graph.add_node(key, name=name, t=t, role=cell.role(name), initial=initial, operation=cell.operation(name))
        return key

    for t in range(1, steps + 1):
        for name, read in sources(cell):
            role = cell.role(read.name)
            if role == "parameter":
                if parameters == "hidden":
                    continue
                tail = add(read.name, t if parameters == "copies" else None)
            else:
                tail = add(read.name, t - read.lag)
            graph.add_edge(tail, add(name, t), key=read.argument, argument=read.argument, lag=read.lag)
        for name in cell.nodes:  # a node that reads nothing, or parameters alone, has no edge
            add(name, t)
    return graph


def roll(cell: Cell, parameters: bool = True) -> nx.MultiDiGraph:
    """Make the graph of one step, folded in time: a node is a name, and an edge goes `lag` steps ahead.

    Args:
        cell: the cell.
        parameters: whether they are nodes.

    Returns:
        A graph with the attributes of `unroll`, without steps.
    """
    graph = nx.MultiDiGraph(cell=cell.name)
    for name, read in sources(cell):
        for node in (read.name, name):
            if node not in graph and (parameters or cell.role(node) != "parameter"):
                graph.add_node(node, name=node, role=cell.role(node), operation=cell.operation(node))
        if read.name in graph:
            graph.add_edge(read.name, name, key=read.argument, argument=read.argument, lag=read.lag)
    for name in cell.nodes:
        if name not in graph:
            graph.add_node(name, name=name, role=cell.role(name), operation=cell.operation(name))
    return graph
