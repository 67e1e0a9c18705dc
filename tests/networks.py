"""Networks whose pictures are tested, and runs of them: cells of the catalogue and of one's own, single neurons."""

from __future__ import annotations

import networkx as nx
import numpy as np

import engine
from engine import CATALOGUE

#: Single neurons: two inputs, two hidden ones, an output, and a connection that skips a layer.
DIAMOND = nx.DiGraph()
DIAMOND.add_weighted_edges_from(
    [(1, 3, 0.5), (2, 3, -1.0), (1, 4, 0.3), (2, 4, 1.0), (3, 5, 0.7), (4, 5, 1.0), (1, 5, 2.0)]
)

#: Equations with what no cell of the catalogue has.
OWN = {
    "two losses": "a = W @ h[t-1] + U @ x\nh = tanh(a)\no = V @ h\nL1 = mse(o, y)\np = softmax(o)\nL2 = nll(p, y)",
    "no input": "h = tanh(b + W @ h[t-1])\no = V @ h\nL = mse(o, y)",
    "far back": "h = tanh(U @ x + 0.5 * h[t-1] * h[t-3] + h[t-3])\no = V @ h\nL = mse(o, y)",
    "squares": "a = U @ x\nh = a * a * a + h[t-1]\nL = mse(V @ h, y)",
    "state beside others": "g = sigmoid(U @ x)\ns = r * s[t-1] + U @ x\nk = tanh(W @ x)\nL = mse(V @ (s * g * k), y)",
}


def cells():
    """Name and cell of each network."""
    yield from CATALOGUE.items()
    yield "neurons", engine.neuron_network(DIAMOND)[0]
    yield from ((name, engine.parse(text)) for name, text in OWN.items())


#: All of them, by name.
CELLS = dict(cells())


def run_of(cell: engine.Cell, T: int = 4, **options) -> engine.Run:
    """A run of T steps with random parameters, inputs and targets, always the same ones."""
    sizes = {"x": 3, "y": 1 if cell.name == "neurons" else 3, **{members[0]: 3 for members in cell.hidden}}
    random = np.random.default_rng(0)
    if cell.name == "neurons":
        params = {name: np.array(value) for name, value in engine.neuron_network(DIAMOND)[1].items()}
        sizes["x"] = 2
    else:
        params = {name: random.normal(size=shape) * 0.5 for name, shape in cell.shapes(sizes).items()}
    y = random.random((T, 1, sizes["y"]))
    return engine.run(cell, params, random.normal(size=(T, 1, sizes["x"])) if cell.reads_x else None, y, **options)


def skipping():
    """A network of single neurons with connections that skip, and its run."""
    graph = nx.DiGraph()
    edges = [("x1", "p", 0.5), ("x2", "p", -1.5), ("x2", "q", 0.8), ("p", "q", -0.6), ("x1", "o", 1.1), ("p", "o", 0.3),
             ("q", "o", -2.0)]  # fmt: skip
    graph.add_weighted_edges_from(edges)
    graph.nodes["q"]["bias"] = 0.2
    cell, parameters = engine.neuron_network(graph)
    run = engine.run(cell, parameters, np.array([[[0.7, -0.4]]]), np.array([[[0.5]]]))
    return graph, run
