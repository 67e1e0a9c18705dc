"""Functions of the network itself: its sizes, its matrices, its bound, its paths."""

from __future__ import annotations

from typing import Any

import numpy as np

import engine
from engine import Run
from engine.support import shown
from explorer.teach.answers.table import AnswerError, array, matrix, node, row, step


@row("steps()", "How many steps the run has.")
def _steps(run: Run) -> float:
    return float(run.T)


@row("units(name)", "How many units a node, x or y has.")
def _units(run: Run, name: Any) -> float:
    if name not in run.sizes:
        raise AnswerError(f"{shown(name)} is no node; there are {', '.join(run.sizes)}")
    return float(run.sizes[name])


@row("count(v)", 'How many numbers there are in an array: count(param("W")).')
def _count(run: Run, v: Any) -> float:
    return float(array(v).size)


@row("sigma_max(W)", "The largest singular value of a parameter, by its name, or of any matrix.")
def _sigma_max(run: Run, W: Any) -> float:
    return float(np.linalg.svd(matrix(run, W), compute_uv=False)[0])


@row("sigma_min(W)", "The smallest singular value of a parameter, by its name, or of any matrix.")
def _sigma_min(run: Run, W: Any) -> float:
    return float(np.linalg.svd(matrix(run, W), compute_uv=False)[-1])


@row(
    "radius(W)", "The spectral radius, the largest |eigenvalue|, of a parameter, by its name, or of any square matrix."
)
def _radius(run: Run, W: Any) -> float:
    square = matrix(run, W)
    if len(square) != square.shape[1]:
        raise AnswerError("only a square matrix has eigenvalues")
    return float(np.abs(np.linalg.eigvals(square)).max())


@row("bound(name)", "σ_max(W) · max |φ′|: no step back along the recurrence of this name multiplies by more.")
def _bound(run: Run, name: Any) -> float:
    bound = engine.bound(run, node(run, name))
    if bound is None:
        raise AnswerError(f"there is no bound for {name}: its recurrence is no single matrix and function")
    return bound.rate


@row("count_paths(source, s, target, t)", "How many paths lead from source(s) to target(t) in the unrolled graph.")
def _count_paths(run: Run, source: Any, s: Any, target: Any, t: Any) -> float:
    start = (node(run, source), step(run, s, 1 - len(run.initial.get(str(source), ()))))
    end = (node(run, target), step(run, t))
    ways = {start: 1.0}
    for at in range(start[1], end[1] + 1):
        for name in run.cell.nodes if at > 0 else ():
            if (name, at) != start:
                reads = run.cell.reads[name]
                ways[name, at] = sum(ways.get((read.name, at - read.lag), 0.0) for read in reads)
    return float(ways.get(end, 0.0))
