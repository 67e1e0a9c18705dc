"""The engine of Unrolled: cells as equations, runs with exact gradients at every node, and their graph.

cell = engine.parse(text)                 engine.CATALOGUE["rnn"] is one ready made
params = engine.initialise(cell, {"x": 4, "h": 5, "y": 3}, seed=0)
run = engine.run(cell, params, x, y)      run.value, run.grad, run.param_grad, run.loss
engine.unroll(run)                        the graph, for networkx
engine.by_loss(run, "h")                  which loss reaches which step; engine.jacobian, engine.factors: why it vanishes
engine.check(run)                         the laws that the run keeps, measured
"""

from engine.catalogue import ACTIVATIONS, CATALOGUE, feedforward, neuron_network, rnn
from engine.cell import Cell, parse
from engine.checks import Check, check
from engine.equations import EquationError
from engine.expansion import expand, routes
from engine.flow import by_loss, by_loss_norm, jacobian, jacobian_at, jacobian_norm
from engine.graph import roll, unroll
from engine.initial import SCHEMES, Scheme, initialise
from engine.magnitude import log_argument_grad_norm, log_grad_norm
from engine.neurons import neurons
from engine.notes import Note
from engine.plane import Plane, along, plane
from engine.run import Overflow, Run, run
from engine.spectra import bound, factors, growth, recurrent_matrices
from engine.tasks import TASKS, Task
from engine.truncation import clip_by_norm, clip_by_value, cut, window

__all__ = [
    "ACTIVATIONS",
    "CATALOGUE",
    "SCHEMES",
    "TASKS",
    "Cell",
    "Check",
    "EquationError",
    "Note",
    "Overflow",
    "Plane",
    "Run",
    "Scheme",
    "Task",
    "along",
    "bound",
    "by_loss",
    "by_loss_norm",
    "check",
    "clip_by_norm",
    "clip_by_value",
    "cut",
    "expand",
    "factors",
    "feedforward",
    "growth",
    "initialise",
    "jacobian",
    "jacobian_at",
    "jacobian_norm",
    "log_argument_grad_norm",
    "log_grad_norm",
    "neuron_network",
    "neurons",
    "parse",
    "plane",
    "recurrent_matrices",
    "rnn",
    "roll",
    "routes",
    "run",
    "unroll",
    "window",
]
