"""The share of each loss in the gradient at each step: the triangle of all pairs of steps, and the cells of its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

import engine
from engine import Run
from explorer.facts.norms import Array, alone
from explorer.model import samples

MAX_CELLS: Final = 2**24  # numbers of a triangle with all samples, at most: 134 MB
MOST: Final = 60  # cells along a side of a triangle that is drawn


def loss_norms(run: Run, name: str, sample: int = 0) -> Array:
    """‖∂L(s)/∂name(t)‖ with its weight, (T, T), [s, t]; nan for t > s, where no loss reaches.

    Of all samples together where these are not too many (`MAX_CELLS`), else of the first.
    """
    whole = not samples.shown(run, sample) and run.T**2 * run.B <= MAX_CELLS
    norms = engine.by_loss_norm(run if whole else alone(run, sample), name).astype(np.float64)
    with np.errstate(all="ignore"):
        largest = norms.max(axis=2)
        unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
        norms_of_all = unit * np.sqrt(np.square(norms / unit[:, :, None]).sum(axis=2))
    return triangular(norms_of_all)


def triangular(norms: Array) -> Array:
    """A (T, T) array with nan above its diagonal."""
    return np.where(np.tri(len(norms), dtype=bool), norms, np.nan)


@dataclass(frozen=True)
class Blocks:
    """A triangle in cells of `size` × `size` steps, n of them along a side.

    edges (n + 1,)     steps at which they begin, and the one after the last
    value (n, n)       the largest number of each cell, nan above the diagonal; infinite for a cell with a nan
    bad (n, n)         whether the cell has a nan
    loss, step (n, n)  the steps of the largest number, from 1
    """

    size: int
    edges: Array
    value: Array
    bad: Array
    loss: Array
    step: Array


def blocks(norms: Array, most: int = MOST) -> Blocks:
    """A triangle (T, T) with nan above its diagonal, as at most `most` cells along a side: the picture of it."""
    T = len(norms)
    size = -(-T // most)
    n = -(-T // size)
    bad = np.isnan(norms) & np.tri(T, dtype=bool)
    padded = np.full((n * size, n * size), -1.0)
    padded[:T, :T] = np.where(bad, np.inf, np.where(np.isnan(norms), -1.0, norms))
    tiled = padded.reshape(n, size, n, size).swapaxes(1, 2).reshape(n, n, size * size)
    place = tiled.argmax(axis=2)
    value = np.take_along_axis(tiled, place[:, :, None], axis=2)[:, :, 0]
    loss = np.arange(n)[:, None] * size + place // size + 1
    step = np.arange(n)[None, :] * size + place % size + 1
    inside = np.tri(n, dtype=bool)
    worst = np.zeros((n, n), bool)
    worst[inside] = bad[np.minimum(loss, T)[inside] - 1, np.minimum(step, T)[inside] - 1]
    edges = np.minimum(np.arange(n + 1) * size, T) + 1
    return Blocks(size, edges, np.where(inside, value, np.nan), worst, loss, step)
