"""The engine of Unrolled: cells as equations, runs with exact gradients at every node, and their graph.

cell = engine.parse(text)               # or a ready-made cell: engine.CATALOGUE["rnn"]
params = engine.initialise(cell, {"x": 4, "h": 5, "y": 3}, seed=0)
run = engine.run(cell, params, x, y)    # run.value, run.grad, run.param_grad, run.loss
engine.unroll(run)                      # the graph, for networkx
engine.by_loss(run, "h")                # the gradient by loss; see also engine.jacobian and engine.factors
engine.check(run)                       # the laws that the run satisfies, measured
"""

from engine.execute.graph import roll, unroll
from engine.execute.record import Overflow
from engine.execute.run import Run, run
from engine.flow.expansion import expand, routes
from engine.flow.jacobians import jacobian, jacobian_at, jacobian_norm
from engine.flow.losses import by_loss, by_loss_norm
from engine.flow.magnitude import log_argument_grad_norm, log_grad_norm
from engine.flow.plane import Plane, along, plane
from engine.flow.spectra import bound, factors, growth, recurrent_matrices
from engine.flow.truncation import clip_by_norm, clip_by_value, cut, window
from engine.inputs.draw import initialise
from engine.inputs.schemes import SCHEMES, Scheme
from engine.inputs.tasks import TASKS, Task
from engine.language.catalogue import ACTIVATIONS, CATALOGUE, feedforward, neuron_network, rnn
from engine.language.cell import Cell, parse
from engine.language.expressions import EquationError, Note
from engine.verify.checks import check
from engine.verify.law import Check
from engine.working.neurons import neurons

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
