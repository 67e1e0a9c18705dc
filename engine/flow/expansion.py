"""The recursion of the gradient, substituted into itself: one term per loss, one factor per step, one share per route.

∇h(t) = Vᵀ∇o(t) + (∂h(t+1)/∂h(t))ᵀ ∇h(t+1), written out down to the last step, is a sum over the losses s ≥ t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.flow.links import system
from engine.flow.sweep import check_name, each_row, of_losses, started, within_step
from engine.language import notation
from engine.language.cell import Read
from engine.language.operations import Array

_WRITTEN = 4  # factors of a product that are written out


@dataclass(frozen=True)
class Term:
    """The contribution of the loss of one step to a gradient.

    Attributes:
        s: the step of the loss, from 1.
        symbols: the term in LaTeX.
        vector: (n,), its numbers.
        norm: its L2 norm.
        share: its component along the gradient, as a fraction of the gradient's norm; the shares of all terms sum to 1.
        chain: the norms of the contribution at the steps s, s − 1, …, t; their ratios are the effects of the factors.
    """

    s: int
    symbols: str
    vector: Array
    norm: float
    share: float
    chain: tuple[float, ...]


@dataclass(frozen=True)
class Expansion:
    """A gradient as a sum over the losses.

    Attributes:
        symbols: the recursion substituted into itself, in LaTeX.
        terms: one for each loss, s = t … T.
        gradient: (n,), from the run.
        error: the largest |Σ terms − gradient|.
    """

    symbols: str
    terms: tuple[Term, ...]
    gradient: Array
    error: float


@dataclass(frozen=True)
class Route:
    """The part of a gradient that arrives along one edge from a later step, or from the loss of its own step.

    Attributes:
        target: the node of the later step; None for the loss of the own step.
        read: its reading of a state of this step; None for the loss of the own step.
        vector: (T, B, n), the part at each step.
        norm: (T, B), its L2 norm.
        share: (T, B), its component along the gradient, as a fraction of the gradient's norm; nan where that is 0.
    """

    target: str | None
    read: Read | None
    vector: Array
    norm: Array
    share: Array


def expand(run: Run, name: str, t: int, sample: int = 0) -> Expansion:
    """Expand the gradient of one step into a sum over the losses s ≥ t.

    Args:
        run: the run.
        name: a node, or "x".
        t: the step, from 1.
        sample: the sample, from 0.

    Returns:
        The terms, in symbols and numbers.

    Raises:
        ValueError: for an unknown name, step or sample.

    **Holds:** the_terms_sum_to_the_gradient.
    """
    check_name(run, name)
    sample, t = run.check_place(sample, t)
    n, later = run.sizes[name], run.T - t
    norms = np.zeros((run.T, later + 1))  # [loss, step − t]
    vectors = np.zeros((run.T, n))

    def visit(step: int, rows: Array) -> None:
        norms[step + 1 :, step - t + 1] = np.linalg.norm(rows[:, sample, 0], axis=-1)
        if step == t - 1:
            vectors[t:] = rows[:, sample, 0]

    with np.errstate(all="ignore"):
        own = each_row(run, of_losses(run), name, visit, until=t - 1)[:, sample, 0]
    vectors[t - 1] = own[t - 1]
    steps = np.arange(t - 1, run.T)
    norms[steps, steps - t + 1] = np.linalg.norm(own[t - 1 :], axis=-1)
    gradient = run.grad[name][t - 1, sample]
    total = float(np.linalg.norm(gradient))
    direction = gradient / total if total else gradient
    terms = tuple(
        Term(
            s,
            _term(name, s - t),
            vectors[s - 1],
            float(np.linalg.norm(vectors[s - 1])),
            float(direction @ vectors[s - 1] / total) if total else 0.0,
            tuple(float(norm) for norm in norms[s - 1, : s - t + 1][::-1]),
        )
        for s in range(t, run.T + 1)
    )
    error = float(np.abs(vectors.sum(axis=0) - gradient).max())
    return Expansion(_nested(run, name, later), terms, gradient, error)


def routes(run: Run, name: str) -> tuple[Route, ...]:
    """Decompose the gradient of a node by the edges that carry it from later steps, such as those through each gate.

    Args:
        run: the run.
        name: a node, or "x".

    Returns:
        The routes that carry anything, that from the loss of the own step first.

    Raises:
        ValueError: for an unknown name.

    **Holds:** the_routes_sum_to_the_gradient.
    """
    check_name(run, name)
    grad = np.asarray(run.grad[name], np.float64)
    parts: list[Route] = []

    def add(target: str | None, read: Read | None, vector: Array | None) -> None:
        if vector is not None:
            total = np.linalg.norm(grad, axis=-1)
            with np.errstate(all="ignore"):
                share = (vector * grad).sum(axis=-1) / total**2
            parts.append(Route(target, read, vector, np.linalg.norm(vector, axis=-1), share))

    with np.errstate(all="ignore"):
        _, own = within_step(system(run, run.cell.losses, name, start=started(of_losses(run))), of_losses(run))
        add(None, None, None if own is None else own[:, :, 0])
        for target in run.cell.nodes:
            for read in run.cell.reads[target]:
                if read.lag and read.name in run.cell.states:
                    message = np.asarray(run.message(read.name, target, read.lag, read.argument), np.float64)
                    given = {read.name: message[:, :, None]}
                    _, here = within_step(system(run, [read.name], name, start=started(given)), given)
                    add(target, read, None if here is None else here[:, :, 0])
    return tuple(parts)


def _factor(name: str, shift: int) -> str:
    """(∂h(t+k)/∂h(t+k−1))ᵀ."""
    above, below = (notation.at_step(name, (), notation.step(k)) for k in (shift, shift - 1))
    return rf"\left(\frac{{\partial {above}}}{{\partial {below}}}\right)^\top"


def _gradient(name: str, shift: int) -> str:
    """∇h(t+k) L(t+k), the contribution of the loss of the same step."""
    at = notation.step(shift)
    return rf"\nabla_{{{notation.at_step(name, (), at)}}} L^{{({at})}}"


def _term(name: str, steps: int) -> str:
    """(∂h(t+k)/∂h(t))ᵀ ∇h(t+k) L(t+k), with the Jacobian as a product of one factor per step."""
    if steps <= _WRITTEN:
        factors = [_factor(name, k) for k in range(1, steps + 1)]
    else:
        factors = [_factor(name, 1), _factor(name, 2), r"\cdots", _factor(name, steps)]
    return r"\,".join([*factors, _gradient(name, steps)])


def _nested(run: Run, name: str, steps: int) -> str:
    """The recursion substituted into itself, down to the last step or as far as there is room."""
    depth = min(steps, _WRITTEN - 1)
    inside = _gradient(name, depth)
    if steps > depth:
        inside += rf" + {_factor(name, depth + 1)}\left[\cdots\right]"
    for k in range(depth - 1, -1, -1):
        inside = rf"{_gradient(name, k)} + {_factor(name, k + 1)}\left[{inside}\right]"
    return f"{notation.nabla(name, 't')} = {inside}"
