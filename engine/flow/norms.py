"""Norms of gradients and Jacobians, taken as a sweep passes, from rows that are scaled so that no square underflows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from engine.execute.run import Run
from engine.flow.sweep import each_row, started
from engine.language.operations import Array, locked


def norms_of_rows(
    run: Run, start: Mapping[str, Array], name: str, spectral: bool, progress: Callable[[int], None] | None = None
) -> Array:
    """Norms of each step's row at `name`, (T, T, B), by the step of the row and the step of the node.

    The node's step comes first in memory, as the sweep writes it.
    """
    norms = np.zeros((run.T, run.T, run.B))
    exponents = np.zeros((run.T, run.B), np.intc)

    def visit(t: int, rows: Array) -> None:
        if progress is not None:
            progress(t)
        norms[t, t + 1 :].reshape(-1)[...] = spectral_norm(rows).reshape(-1) if spectral else _squares(rows)

    def finish_block(start: int, stop: int) -> None:
        part = norms[start:stop, start:]
        if not spectral:
            np.sqrt(part, part)
        if exponents[start:].any():
            np.ldexp(part, exponents[start:], part)

    own = each_row(run, start, name, visit, exponents, finish_block)
    size = np.abs(own).max(axis=(2, 3))  # these have not been brought near 1
    unit = np.where((size > 0) & np.isfinite(size), size, 1)
    steps = np.arange(run.T)
    if spectral:
        norms[steps, steps] = spectral_norm(own)
    else:
        norms[steps, steps] = unit * np.sqrt(_squares(own / unit[:, :, None, None])).reshape(unit.shape)
    norms[:, ~np.logical_or.reduce(list(started(start).values()))] = 0
    return locked(np.swapaxes(locked(norms.astype(run.dtype, copy=False)), 0, 1))


def spectral_norm(blocks: Array) -> Array:
    """The largest singular value of each matrix (…, m, n); 0 for a zero matrix, nan for one that is not finite.

    It comes from the eigenvalues of P Pᵀ, after P has been divided by its largest entry; this is quicker than a
    decomposition.
    """
    largest = np.abs(blocks).max(axis=(-2, -1), keepdims=True)
    good = (largest > 0) & np.isfinite(largest)
    P = np.where(good, blocks / np.where(good, largest, 1), 0)
    across = np.swapaxes(P, -1, -2)
    gram = P @ across if P.shape[-2] <= P.shape[-1] else across @ P
    values = np.linalg.eigvalsh(gram)[..., -1] if gram.shape[-1] > 1 else gram[..., 0, 0]
    norms = largest[..., 0, 0] * np.sqrt(np.maximum(values, 0))
    return np.asarray(np.where(good[..., 0, 0], norms, largest[..., 0, 0] * 0))


def _squares(rows: Array) -> Array:
    """Sums of squares, (R · B,), of the rows (R, B, m, n)."""
    flat = rows.reshape(rows.shape[0] * rows.shape[1], -1)
    return np.asarray(np.einsum("ij,ij->i", flat, flat))
