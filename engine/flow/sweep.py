"""One sweep back over the linear system of a run (`links`), for the gradients of all steps at once.

Cotangents of all losses, or of all units of all steps, are carried as rows, each joining at its own step: a step costs a few
products of matrices, and no loss needs a sweep of its own. A caller reads the rows as the sweep passes; only those of the
step at hand are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.execute.run import Run
from engine.flow import wide
from engine.flow.carrier import Carrier
from engine.flow.links import WANTED, Link, System, system
from engine.flow.wide import Wide
from engine.language.operations import SOFTMAX, Array
from engine.support.arguments import one_of
from engine.support.pause import pause

_COMFORT = 300.0  # powers of two by which rows may grow or shrink within a block
_LONGEST = 32  # steps between two rescalings


def check_name(run: Run, name: str, what: str = "name") -> None:
    """Raise ValueError unless the name, which is the caller's argument `what`, has a gradient."""
    one_of(what, name, run.grad, f"nodes: {', '.join(run.grad)}")


def carried_units(run: Run, name: str) -> int:
    """Estimate the numbers that a sweep keeps for each row and sample."""
    states = sum((run.cell.lags[state] + 1) * run.sizes[state] for state in run.cell.states)
    return states + 2 * sum(run.sizes[other] for other in run.cell.nodes) + run.sizes[name]


def of_losses(run: Run) -> dict[str, Array]:
    """The gradients that start at the losses: (T, B, 1, 1), one row per step, the seed."""
    seed = run.seed.astype(np.float64)[:, :, None, None]
    return dict.fromkeys(run.cell.losses, seed)


def started(start: Mapping[str, Array]) -> dict[str, Array]:
    """The steps and samples, (T, B), at which the starting gradients (T, B, m, n) are not all 0."""
    return {name: (rows != 0).any(axis=(2, 3)) for name, rows in start.items()}


def scaled(g: Any, link: Link, steps: Any = slice(None)) -> Any:
    """Send the gradients g (…, B, m, n), floats or Wide, of some steps along a link from its head."""
    if not isinstance(link.scale, float):
        g = g * link.scale[steps][..., None, :]
    elif link.scale != 1.0:
        g = g * link.scale
    if link.softmax is not None:
        S = link.softmax[steps][..., None, :]
        if isinstance(g, Wide):
            return S * (g * wide.others(S) + wide.others(S * g) * -1.0)  # S_i Σ_j S_j (g_i − g_j), with 1 − S_i in full
        return SOFTMAX.pull(g, S)
    return g if link.matrix is None else g @ link.matrix


def within_step(
    links: System, start: Mapping[str, Any], steps: Any = slice(None)
) -> tuple[dict[tuple[str, int], Any], Any]:
    """Send gradients back within their step.

    Args:
        links: the system.
        start: name -> the gradient (…, B, m, n) that starts there.
        steps: the steps of the gradients.

    Returns:
        The gradients that leave the step, by (name, lag), and the gradient that arrives at WANTED, None if none does.
    """
    grads: dict[str, Any] = dict(start)
    left: dict[tuple[str, int], Any] = {}
    for head, own_links in links.links.items():
        if head not in grads:
            continue
        for link in own_links:
            sent = scaled(grads[head], link, steps)
            if link.lag:
                key = (link.tail, link.lag)
                left[key] = left[key] + sent if key in left else sent
            else:
                grads[link.tail] = grads[link.tail] + sent if link.tail in grads else sent
    return left, grads.get(WANTED)


def each_row(
    run: Run,
    start: Mapping[str, Array],
    name: str,
    visit: Callable[[int, Array], None],
    exponents: Array | None = None,
    finish_block: Callable[[int, int], None] | None = None,
    until: int = 0,
) -> Array:
    """Sweep back with the rows of all steps; the row of step s joins at step s.

    Args:
        run: the run.
        start: name -> (T, B, m, n), the gradients that start at each step.
        name: the node at which the rows are looked at.
        visit: called for t = T − 2 … until with the rows of later steps at `name`, (T − 1 − t, B, m, n); a view.
        exponents: (T, B) integers if rows may be rescaled; a row is 2^exponent times the numbers that `visit` gets.
        finish_block: called, before exponents change, with the range of steps that were visited since the last change.
        until: the index of the last step.

    Returns:
        (T, B, m, n), the gradient at `name` of each step's own row.
    """
    links = system(run, start, name, start=started(start))
    m = next(iter(start.values())).shape[2]
    left, own = within_step(links, start)
    carrier = Carrier(links, run.T, run.B, m, run.T)
    block_starts = set(blocks(links, run.T, _LONGEST, _COMFORT)) if exponents is not None else set()
    stop = run.T
    for t in range(run.T - 1, until - 1, -1):
        pause()
        if t + 1 < run.T:
            rows = carrier.wanted(t, t + 1)
            if rows is not None:
                visit(t, rows)
            carrier.turn()
        for (tail, lag), joining in left.items():
            carrier.waiting[tail][lag - 1].whole[t] = joining[t]
        if t in block_starts and exponents is not None and finish_block is not None:
            finish_block(t, stop)
            _rescale(carrier, t, exponents)
            stop = t
    return np.zeros((run.T, run.B, m, run.sizes[name])) if own is None else np.asarray(own)


def blocks(links: System, T: int, longest: int, room: float) -> list[int]:
    """Cut the steps into blocks within which no row grows or shrinks by more than 2^room.

    Sums that cancel and units that are shut are left out of account: no scaling keeps their digits.

    Args:
        links: the system.
        T: the number of steps.
        longest: the largest number of steps in a block.
        room: powers of two.

    Returns:
        The first steps of the blocks, the last block first.
    """
    worst = np.zeros(T)
    for link in links.carried:
        bits = np.zeros(T)
        if not isinstance(link.scale, float):
            size = np.abs(link.scale).reshape(T, -1)
            smallest = size.min(axis=1)
            if not smallest.all():
                smallest = np.where(size == 0, np.inf, size).min(axis=1)
            for extreme in (size.max(axis=1), smallest):
                usable = (extreme > 0) & np.isfinite(extreme)
                bits = np.maximum(bits, np.abs(np.log2(extreme, where=usable, out=np.zeros(T))))
        if link.matrix is not None:
            entries = np.abs(link.matrix)
            grows, shrinks = entries.sum(axis=0).max(), entries.max(axis=1)
            least = shrinks.min(where=shrinks > 0, initial=np.inf)
            usable = (0 < grows < np.inf) and np.isfinite(least)
            bits += max(0.0, float(np.log2(grows)), -float(np.log2(least))) if usable else 0.0
        worst = np.maximum(worst, bits)
    depth: dict[str, int] = {}  # links one after the other within a step, at most
    for link in links.carried:
        if not link.lag and link.tail != WANTED:
            depth[link.tail] = max(depth.get(link.tail, 0), depth.get(link.head, 0) + 1)
    worst = np.minimum(worst * (1 + max(depth.values(), default=0)), room)
    total = np.cumsum(worst[::-1])  # from the last step back
    starts, done = [], 0
    while done < T:
        fits = int(np.searchsorted(total, (total[done - 1] if done else 0) + room, "right")) - done
        done += min(max(fits, 1), longest, T - done)
        starts.append(T - done)
    return starts


def _rescale(carrier: Carrier, lo: int, exponents: Array) -> None:
    """Bring the rows from lo on near 1 by powers of two, which is exact."""
    buffers = [rows.whole[lo:] for own in carrier.waiting.values() for rows in own]
    if not buffers:
        return
    largest = np.max([np.abs(rows).max(axis=(2, 3)) for rows in buffers], axis=0)
    _, shift = np.frexp(largest)
    shift = np.where(np.abs(shift) > 100, shift, 0)
    if shift.any():
        factor = np.ldexp(1.0, -shift)[:, :, None, None]
        for rows in buffers:
            rows *= factor
        exponents[lo:] += shift
