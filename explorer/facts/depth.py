"""The claims about a cell without recurrence: the gradient from layer to layer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import engine
from engine import Run
from engine.language import FUNCTIONS
from explorer.facts import claims
from explorer.facts.cause import causes
from explorer.facts.claims import Claim, Facts, Part, Scope
from explorer.facts.dependence import readers, to_loss
from explorer.facts.norms import Array, together
from explorer.facts.saturation import saturated
from explorer.facts.way_back import Course, verdict


def in_depth(run: Run, scope: Scope) -> Facts:
    """Measure the gradient along the layers: the nodes on a way to the loss that are functions of a sum."""
    above = to_loss(run.cell) - run.cell.joint.keys()  # what a loss is computed jointly with is no layer
    layers = [name for name in run.cell.nodes if run.cell.operation(name) in FUNCTIONS and name in above]
    logs = np.array([_whole(engine.log_grad_norm(run, name)) for name in layers])
    if len(layers) < 2:
        norms = tuple(
            claims.Norm(name, 0, float(log)) for name, log in zip(layers, logs, strict=True) if np.isfinite(log)
        )
        return Facts("flat", "", (scope, claims.Dependent(run.T, len(layers)), *norms))
    if not (logs < np.inf).all():
        return Facts("undefined", layers[0], (scope, _beyond(run, layers, logs)))
    finite = np.flatnonzero(logs > -np.inf)
    if len(finite) < len(layers):
        return _stopped(run, scope, layers, logs)
    word = verdict((logs - logs[-1])[::-1], len(layers) - 1)
    left = claims.Left(layers[0], 1, len(layers), float(logs[0]), float(logs[-1]), word, layers[-1])
    along_layers = (scope, left, *filter(None, [_shares(run, layers, logs)]))
    return Facts(word, layers[0], along_layers)


def _whole(logs: Array) -> float:
    """log10 of the norm over all steps and samples."""
    return float(together(logs.reshape(1, -1))[0])


def _stopped(run: Run, scope: Scope, layers: list[str], logs: Array) -> Facts:
    """The claims where the gradient at some layers is exactly zero: the last of them, and the causes."""
    last = int(np.flatnonzero(logs == -np.inf)[-1])
    counting = np.flatnonzero((run.weights != 0).any(axis=1))
    step = int(counting[-1]) + 1
    near = float(logs[last + 1]) if last + 1 < len(layers) else 0.0
    course = Course(run, layers[last], step, (), tuple(range(run.B)), np.zeros((run.T, run.B)))
    count = int((logs == -np.inf).sum())
    zeros = claims.Zeros(layers[last], "layers", 1, last + 1, count, causes(course, layers[last], step, near))
    norms = [claims.Norm(layers[last + 1], 0, near)] if last + 1 < len(layers) else []
    return Facts("zero", layers[last], (scope, zeros, *norms))


def _beyond(run: Run, layers: list[str], logs: Array) -> claims.Beyond:
    bad, over = int(np.flatnonzero(~(logs < np.inf))[-1]), run.overflow
    node, t, nan = (over.name, over.t, bool(np.isnan(over.value))) if over is not None else ("", 0, False)
    return claims.Beyond(layers[bad], bad + 1, len(layers), node, t, nan)


def _shares(run: Run, layers: list[str], logs: Array) -> Claim | None:
    """The factors of weights and functions from layer to layer, where each layer is read by the next alone."""
    read_by, steps = readers(run.cell), len(layers) - 1
    if any(not _leads(read_by, below, above) for below, above in pairwise(layers)):
        return None
    lost: dict[str, float] = {}
    shut: dict[str, list[float]] = {}
    for name, own in zip(layers[1:], logs[1:], strict=True):
        function = str(run.cell.operation(name))
        if function != "identity":
            argument = _whole(engine.log_argument_grad_norm(run, name))
            lost[function] = lost.get(function, 0.0) + (argument - own) / steps
            shut.setdefault(function, []).append(saturated(run, name))
    if not all(np.isfinite(own) for own in lost.values()):
        return None
    parts = tuple(Part(function, float(10**own), float(np.mean(shut[function]))) for function, own in lost.items())
    return claims.Shares(float(10 ** ((logs[0] - logs[-1]) / steps - sum(lost.values()))), parts, ())


def _leads(read_by: dict[str, set[str]], below: str, above: str) -> bool:
    """Whether a node is read on the way to another only, each node on the way by one."""
    while below != above:
        if len(read_by[below]) != 1:
            return False
        (below,) = read_by[below]
    return True
