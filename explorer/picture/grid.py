"""Where the nodes of a cell stand within one step, and how its edges run between them: derived from the equations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine import Cell
from engine.execute import Parameters

_BENDS = (
    0.0,
    *(sign * size for size in (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.6) for sign in (1, -1)),
)
_TURNS = (1.0, 0.7, 1.3, 0.5, 1.6, 0.3, 2.0)  # columns before a target at which an edge may turn off to it
CORNER = 0.4  # where the polygon of such a curve has its corner, as a share of these columns
_CLEARANCE = 0.32  # columns or rows between the line of an edge and the centre of a node that it passes


@dataclass(frozen=True)
class Wire:
    """An edge of the rolled graph: `target` reads `source`, `lag` steps back, as its `argument`-th name.

    bend   how far the middle of the curve's polygon stands off the straight line, to its left, in columns
    turn   for an edge that first runs along the row of its source: how many columns before the target it leaves it; else 0
    """

    source: str
    target: str
    lag: int
    argument: int
    bend: float
    turn: float = 0.0


@dataclass(frozen=True)
class Grid:
    """The places of one step: a row for each stage of the flow (0 at the bottom), columns for nodes of one stage.

    row, column   name -> its place; columns are centred on 0, where x stands
    pitch         columns from one step to the next
    wires         every edge of the rolled graph
    shared        names that stand once for all steps: their columns count from the left end of the picture, and their edges
                  run along rows that they have for themselves, like rails, and turn off at each step

    **Holds:** no_two_names_share_a_place, no_edge_runs_through_a_node.
    """

    row: dict[str, float]
    column: dict[str, float]
    pitch: float
    wires: tuple[Wire, ...]
    shared: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is drawn, from the bottom up."""
        return tuple(self.row)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(max(self.row.values())) + 1

    @property
    def columns(self) -> float:
        """From the first to the last column of a step, counted as one more than their distance."""
        own = [column for name, column in self.column.items() if name not in self.shared]
        return max(own) - min(own) + 1


@lru_cache(maxsize=64)
def grid(cell: Cell, parameters: Parameters = "hidden") -> Grid:
    """The grid of a cell: x at the bottom, the nodes in the order of the flow, losses and then y at the top.

    A node's row is one above the highest that it reads in its own step. A state that reads itself has its row to itself,
    so that its line through time is straight and free.

    parameters   "copies": each stands below the node that first reads it, in rows put in there: side by side below a node
                 that is alone in its row, else in a stack half a column beside it; "shared": once, left of all steps,
                 again in rows put in below that node, two a row
    """
    level = _levels(cell)
    used = sorted(set(level.values()))
    row = {name: float(used.index(at)) for name, at in sorted(level.items(), key=lambda item: item[1])}
    column: dict[str, float] = {}
    for at in range(len(used)):
        members = [name for name in row if row[name] == at]
        column |= {name: i - (len(members) - 1) / 2 for i, name in enumerate(members)}
    shared: tuple[str, ...] = ()
    if parameters == "copies":
        row, column = _with_copies(cell, row, column)
    own = list(column.values())
    width = max(own) - min(own)
    pitch = 1.0 if width == 0 else width + (1.3 if parameters == "copies" else 1.6)
    if parameters == "shared":
        shared = cell.parameters
        row, column = _with_shared(cell, row, column, max(1.0, pitch / 2))
    row = dict(sorted(row.items(), key=lambda item: item[1]))
    return Grid(row, column, pitch, _wires(cell, row, column, pitch, shared), shared)


_Places: TypeAlias = tuple[dict[str, float], dict[str, float]]
_BESIDE = 4  # parameters side by side below one node


def _with_copies(cell: Cell, row: dict[str, float], column: dict[str, float]) -> _Places:
    below: dict[str, list[tuple[float, float]]] = {}  # reader -> the places of its parameters: column, rows below
    readers = _readers(cell)
    for reader, names in readers.items():
        if list(row.values()).count(row[reader]) > 1:
            side = 0.5 if column[reader] > 0 else -0.5  # outwards, since the lines from x come from the middle
            below[reader] = [(column[reader] + side, 1 + k) for k in range(len(names))]
            continue
        across = min(len(names), _BESIDE)
        first = column[reader] - (across // 2 + across % 2) + 0.5  # never straight below, where x comes up
        below[reader] = [(first + k % across, 1 + k // across) for k in range(len(names))]
    # below stacks a row stays empty, in which the lines from x spread
    rows = {reader: max(down for _, down in places) + (places[-1][1] > 2) for reader, places in below.items()}
    higher = _raised(row, rows)
    made, columns = dict(higher), dict(column)
    for reader, names in readers.items():
        for name, (at, down) in zip(names, below[reader], strict=True):
            made[name], columns[name] = higher[reader] - down, at
    return made, columns


def _with_shared(cell: Cell, row: dict[str, float], column: dict[str, float], apart: float) -> _Places:
    rails: dict[float, list[str]] = {}  # row -> the parameters that its nodes are the first to read
    for reader, names in _readers(cell).items():
        rails.setdefault(row[reader], []).extend(names)
    first = {row[reader]: reader for reader in _readers(cell)}
    higher = _raised(row, {first[at]: (len(names) + 1) // 2 for at, names in rails.items()})
    made, columns = dict(higher), dict(column)
    for at, names in rails.items():
        for k, name in enumerate(names):
            made[name], columns[name] = higher[first[at]] - 0.75 - k / 2, -apart * (1 + k % 2)
    return made, columns


def _readers(cell: Cell) -> dict[str, list[str]]:
    """Node -> the parameters that it is the first to read."""
    found: dict[str, list[str]] = {}
    for name in cell.parameters:
        reader = next(node for node in cell.nodes if any(read.name == name for read in cell.reads[node]))
        found.setdefault(reader, []).append(name)
    return found


def _raised(row: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    """Every row as much higher as rows are put in below it and others; `more` has how many, by a node above them."""
    put_in: dict[float, float] = {}
    for name, rows in more.items():
        put_in[row[name]] = max(rows, put_in.get(row[name], 0))
    return {name: at + sum(rows for below, rows in put_in.items() if below <= at) for name, at in row.items()}


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


def _wires(
    cell: Cell, row: dict[str, float], column: dict[str, float], pitch: float, shared: tuple[str, ...]
) -> tuple[Wire, ...]:
    places = np.array([(column[name], row[name]) for name in row if name not in shared])
    wires: list[Wire] = []
    for target, reads in cell.reads.items():
        for read in reads:
            if read.name not in row:
                continue
            of_shared = read.name in shared
            start = np.array([column[target] if of_shared else column[read.name], row[read.name]])
            end = np.array([column[target] + read.lag * pitch, row[target]])
            passed = np.concatenate([places + np.array([step * pitch, 0]) for step in range(-1, read.lag + 2)])
            passed = passed[(passed != start).any(1) & (passed != end).any(1)]
            alike = [w for w in wires if (w.source, w.target, w.lag) == (read.name, target, read.lag)]
            taken = [w.turn or w.bend for w in alike]
            side = -1 if start[0] == 0 < end[0] and not read.lag else 1  # from the middle, outwards first
            ways = [way for way in (_TURNS if of_shared else [side * bend for bend in _BENDS]) if way not in taken]
            ways = ways or [0.4 * len(taken)]
            room: dict[float, float] = {}
            for way in ways:
                line = railed(end, start[1], way) if of_shared else curve(start, end, way)
                room[way] = _room(line, passed)
                if room[way] >= _CLEARANCE:
                    break
            best = max(room, key=room.__getitem__)
            bend, turn = (0.0, best) if of_shared else (best, 0.0)
            wires.append(Wire(read.name, target, read.lag, read.argument, bend, turn))
    return tuple(wires)


def _room(points: NDArray[np.float64], passed: NDArray[np.float64]) -> float:
    """The least distance from the points of a curve to any of the nodes that it passes, 1 at most."""
    (low, bottom), (high, top) = points.min(axis=0) - 1, points.max(axis=0) + 1
    x, y = passed[(passed > (low, bottom)).all(axis=1) & (passed < (high, top)).all(axis=1)].T
    squares = (points[:, :1] - x) ** 2 + (points[:, 1:] - y) ** 2  # those further off are at least 1 away
    return float(np.sqrt(squares.min(initial=1.0)))


def railed(end: NDArray[np.floating], rail: NDArray[np.floating] | float, turn: NDArray[np.floating] | float,
           points: int = 25) -> NDArray[np.float64]:  # fmt: skip
    """Points of the curve by which an edge leaves a row `rail`, `turn` columns before its end: end (…, 2), the others (…)."""
    end, rail, turn = np.asarray(end, np.float64), np.asarray(rail, np.float64), np.asarray(turn, np.float64)
    start = np.stack([end[..., 0] - turn, np.broadcast_to(rail, turn.shape)], axis=-1)
    middle = np.stack([end[..., 0] - CORNER * turn, np.broadcast_to(rail, turn.shape)], axis=-1)
    return _bezier(start, middle, end, points)


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
    return _bezier(start, middle, end, points)


def _bezier(
    start: NDArray[np.floating], middle: NDArray[np.floating], end: NDArray[np.floating], points: int
) -> NDArray[np.float64]:
    s = np.linspace(0, 1, points)[:, None]
    return np.asarray(
        (1 - s) ** 2 * start[..., None, :] + 2 * s * (1 - s) * middle[..., None, :] + s**2 * end[..., None, :]
    )
