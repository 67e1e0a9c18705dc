"""The layout of neurons: names in rows, steps side by side, units side by side; and how edges bend past neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine import Cell, Run
from engine.working import forms
from explorer.picture.grid import curve, grid

Array = NDArray[Any]

_GAP, _PITCH = 1.0, 2.2  # columns between two names of a row, and between two steps
_ROW: Final = 4.2  # columns from the highest neuron of a row to the lowest of the next
_RISE: Final = (0.7, 6.0)  # columns from a neuron up to the next of its name, and at most over all of them
_LAYER: Final = 5.0  # columns from layer to layer, where the flow runs to the right
_BENDS: Final = (0.8, -0.8, 1.4, -1.4, 2.2, -2.2, 3.2, -3.2)
_CLEARANCE: Final = 0.34  # columns between an edge and the centre of a neuron that it passes
_PAIRS: Final = 150_000  # of edges and neurons; in a larger picture no edge is led around neurons
_LED: Final = 300  # edges, at most, that are led around neurons


@dataclass(frozen=True)
class Layout:
    """The places of neurons.

    Each unit of a name stands a little higher than the one before, so that a line from one step to the next passes none of
    its row. Without memory: layers side by side, units downwards.

    rows      names, from the bottom up
    columns   the width of the picture
    blocks    step -> its middle;  levels  the middle of each row
    start     (name, step) -> the column of its first unit
    base      the height of each row's first unit;  rise  name -> the height from unit to unit
    upwards   whether the flow runs upwards
    """

    rows: tuple[tuple[str, ...], ...]
    columns: float
    blocks: dict[int, float]
    levels: tuple[float, ...]
    start: dict[tuple[str, int], float]
    base: tuple[float, ...]
    rise: dict[str, float]
    upwards: bool

    def at(self, name: str, t: int, unit: int) -> tuple[float, float]:
        """The place of a neuron."""
        level = next(k for k, row in enumerate(self.rows) if name in row)
        along = self.start[name, t] + unit
        if self.upwards:
            return along, self.base[level] + unit * self.rise[name]
        return self.base[level], -along


def layout(run: Run, first: int, last: int) -> Layout:
    """The layout of the neurons from step `first` to `last`, and of the initial values that these read."""
    cell, sizes = run.cell, run.sizes
    rows = _rows(cell)
    start, blocks, columns = _columns(rows, cell, sizes, first, last)
    rise = {name: min(_RISE[0], _RISE[1] / max(sizes[name] - 1, 1)) for row in rows for name in row}
    if cell.states:
        heights = [max(rise[name] * (sizes[name] - 1) for name in row) for row in rows]
        base = [0.0]
        for height in heights[:-1]:
            base.append(base[-1] + height + _ROW)
    else:
        base, heights = [_LAYER * k for k in range(len(rows))], [0.0] * len(rows)
    middles = tuple(low + height / 2 for low, height in zip(base, heights, strict=True))
    return Layout(rows, columns, blocks, middles, start, tuple(base), rise, bool(cell.states))


def _rows(cell: Cell) -> tuple[tuple[str, ...], ...]:
    """The names that have neurons, in the rows and the order of the grid."""
    place = grid(cell)
    kept = [name for name in place.names if name in forms(cell)]
    used = sorted({place.row[name] for name in kept})
    return tuple(
        tuple(sorted((name for name in kept if place.row[name] == row), key=place.column.__getitem__)) for row in used
    )


def _columns(
    rows: tuple[tuple[str, ...], ...], cell: Cell, sizes: Mapping[str, int], first: int, last: int
) -> tuple[dict[tuple[str, int], float], dict[int, float], float]:
    """The first column of each name at each step, the middle of each step, and the width of all."""
    most = max(cell.lags.values(), default=0)
    start: dict[tuple[str, int], float] = {}
    blocks: dict[int, float] = {}
    edge = 0.0

    def width(row: list[str]) -> float:
        return sum(sizes[name] for name in row) + _GAP * (len(row) - 1)

    for t in range(min(first, first - most), last + 1):
        present = [
            [name for name in row if t >= first - cell.lags.get(name, 0) and t > -cell.lags.get(name, 0)]
            for row in rows
        ]
        block = max((width(row) for row in present if row), default=0.0)
        if not block:
            continue
        for row in present:
            at = edge + (block - width(row)) / 2
            for name in row:
                start[name, t] = at
                at += sizes[name] + _GAP
        blocks[t] = edge + (block - 1) / 2
        edge += block + _PITCH
    return start, blocks, edge - _PITCH


def bends(points: Array, source: Array, target: Array, drawn: Array) -> Array:
    """How each edge bends so that it passes no neuron, as far as that is possible and the picture is not too large."""
    bend = np.zeros(len(source))
    if len(source) * len(points) > _PAIRS:
        return bend
    begin, end = points[source], points[target]
    ends = (np.arange(len(points)) == source[:, None]) | (np.arange(len(points)) == target[:, None])
    along = end - begin
    share = (
        np.einsum("end,ed->en", points[None] - begin[:, None], along) / np.maximum((along**2).sum(-1), 1e-9)[:, None]
    )
    foot = begin[:, None] + np.clip(share, 0, 1)[..., None] * along[:, None]
    room = np.where(ends, np.inf, np.linalg.norm(points[None] - foot, axis=-1)).min(axis=1)
    for e in np.flatnonzero(drawn & (room < _CLEARANCE))[:_LED].tolist():
        others = points[~ends[e]]
        for candidate in _BENDS:
            line = curve(begin[e], end[e], candidate, 17)
            free = np.linalg.norm(line[:, None] - others[None], axis=-1).min()
            if free > room[e]:
                room[e], bend[e] = free, candidate
            if free >= _CLEARANCE:
                break
    return bend
