"""Where the nodes of a cell stand within one step, and how its edges run between them: derived from the equations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine import Cell

_BENDS = (0.0, *(sign * size for size in (0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0, 2.6) for sign in (1, -1)))
_CLEARANCE = 0.33  # columns or rows between the line of an edge and the centre of a node that it passes


@dataclass(frozen=True)
class Wire:
    """An edge of the rolled graph: `target` reads `source`, `lag` steps back, as its `argument`-th name.

    bend   how far the middle of the curve's polygon stands off the straight line, to its left, in columns
    """

    source: str
    target: str
    lag: int
    argument: int
    bend: float


@dataclass(frozen=True)
class Grid:
    """The places of one step: a row for each stage of the flow (0 at the bottom), columns for nodes of one stage.

    row, column   name -> its place; columns are centred on 0
    pitch         columns from one step to the next
    wires         every edge of the rolled graph

    **Holds:** no_two_names_share_a_place, no_edge_runs_through_a_node.
    """

    row: dict[str, int]
    column: dict[str, float]
    pitch: float
    wires: tuple[Wire, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is drawn, from the bottom up."""
        return tuple(self.row)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return max(self.row.values()) + 1

    @property
    def columns(self) -> float:
        """From the first to the last column, counted as one more than their distance."""
        return max(self.column.values()) - min(self.column.values()) + 1


@lru_cache(maxsize=64)
def grid(cell: Cell) -> Grid:
    """The grid of a cell: x at the bottom, the nodes in the order of the flow, losses and then y at the top.

    A node's row is one above the highest that it reads in its own step. A state that reads itself has its row to itself,
    so that its line through time is straight and free.
    """
    level = _levels(cell)
    used = sorted(set(level.values()))
    row = {name: used.index(at) for name, at in sorted(level.items(), key=lambda item: item[1])}
    column: dict[str, float] = {}
    for at in range(len(used)):
        members = [name for name in row if row[name] == at]
        column |= {name: i - (len(members) - 1) / 2 for i, name in enumerate(members)}
    width = max(column.values()) - min(column.values())
    pitch = 1.0 if width == 0 else width + 1.6
    return Grid(row, column, pitch, _wires(cell, row, column, pitch))


def _levels(cell: Cell) -> dict[str, int]:
    now = {
        name: [read.name for read in reads if not read.lag and cell.role(read.name) not in ("parameter", "target")]
        for name, reads in cell.reads.items()
    }
    level = {"x": 0} if cell.reads_x else {}
    for name in cell.nodes:
        level[name] = 1 + max((level[read] for read in now[name]), default=0)
    for name in reversed(cell.nodes):  # what reads earlier steps only stands right below what reads it
        readers = [level[other] for other in cell.nodes if name in now[other]]
        if not now[name] and readers:
            level[name] = min(readers) - 1
    for state in cell.states:
        if any(read.name == state for read in cell.reads[state]) and list(level.values()).count(level[state]) > 1:
            own = level[state]
            level = {name: at + (at > own or name == state) for name, at in level.items()}
    top = max(level.values())
    level |= dict.fromkeys(cell.losses, top)
    return level | {"y": top + 1}


def _wires(cell: Cell, row: dict[str, int], column: dict[str, float], pitch: float) -> tuple[Wire, ...]:
    places = np.array([(column[name], row[name]) for name in row])
    wires: list[Wire] = []
    for target, reads in cell.reads.items():
        for read in reads:
            if read.name not in row:
                continue
            start = np.array([column[read.name], row[read.name]])
            end = np.array([column[target] + read.lag * pitch, row[target]])
            passed = np.concatenate([places + np.array([step * pitch, 0]) for step in range(-1, read.lag + 2)])
            passed = passed[(passed != start).any(1) & (passed != end).any(1)]
            taken = [w.bend for w in wires if (w.source, w.target, w.lag) == (read.name, target, read.lag)]
            bends = [bend for bend in _BENDS if bend not in taken]
            room: dict[float, float] = {}
            for bend in bends:
                room[bend] = _room(curve(start, end, bend), passed)
                if room[bend] >= _CLEARANCE:
                    break
            wires.append(Wire(read.name, target, read.lag, read.argument, max(room, key=room.__getitem__)))
    return tuple(wires)


def _room(points: NDArray[np.float64], passed: NDArray[np.float64]) -> float:
    """The least distance from the points of a curve to any of the nodes that it passes."""
    return float(np.min(np.linalg.norm(points[:, None] - passed[None], axis=-1))) if len(passed) else np.inf


def curve(
    start: NDArray[np.floating], end: NDArray[np.floating], bend: NDArray[np.floating] | float, points: int = 25
) -> NDArray[np.float64]:
    """Points of the parabola from start to end: start, end (…, 2), bend (…); result (…, points, 2).

    A Bézier curve of degree 2, so that stretching either axis gives the curve of the stretched points.
    """
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = end - start
    length = np.linalg.norm(along, axis=-1, keepdims=True)
    left = np.stack([-along[..., 1], along[..., 0]], axis=-1) / np.where(length == 0, 1, length)
    middle = (start + end) / 2 + np.asarray(bend)[..., None] * left
    s = np.linspace(0, 1, points)[:, None]
    return np.asarray(
        (1 - s) ** 2 * start[..., None, :] + 2 * s * (1 - s) * middle[..., None, :] + s**2 * end[..., None, :]
    )
