"""Dependence between the nodes of a cell: walks in the graph of its reads, whatever the step."""

from __future__ import annotations

import networkx as nx

from engine import Cell
from engine.language import FUNCTIONS


def reads(cell: Cell, within: bool = False) -> nx.DiGraph:
    """The graph of all names, an edge from each to every node that reads it; `within` a step: without lags alone."""
    graph = nx.DiGraph()
    graph.add_nodes_from(cell.nodes)
    graph.add_edges_from(
        (read.name, node) for node, own in cell.reads.items() for read in own if not (within and read.lag)
    )
    return graph


def to_loss(cell: Cell) -> set[str]:
    """The names on which a loss depends, and the losses."""
    graph = reads(cell)
    return set(cell.losses).union(*(nx.ancestors(graph, loss) for loss in cell.losses))


def within_step(cell: Cell, name: str) -> set[str]:
    """The names on which the node of a step depends in that step, itself among them."""
    return {name}.union(nx.ancestors(reads(cell, within=True), name))


def readers(cell: Cell) -> dict[str, set[str]]:
    """Node -> the nodes that read it."""
    graph = reads(cell)
    return {name: set(graph.successors(name)) for name in cell.nodes}


def earliest(cell: Cell) -> str:
    """The name at which gradients are followed to the first step: the first state on a way to the loss.

    Without memory it is the first function, which is the lowest layer.
    """
    if cell.states:
        return next((state for state in cell.states if state in to_loss(cell)), cell.states[0])
    return next((name for name in cell.nodes if cell.operation(name) in FUNCTIONS), cell.nodes[0])
