"""The grid: where the nodes of a cell stand within one step and how its edges run, derived from the equations."""

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
_TURNS = (1.0, 0.7, 1.3, 0.5, 1.6, 0.3, 2.0)  # columns before a target at which an edge may leave its rail
CORNER = 0.4  # share of these columns at which the polygon of the curve has its corner
_CLEARANCE = 0.32  # columns or rows between the line of an edge and the centre of a node that it passes


@dataclass(frozen=True)
class Wire:
    """An edge of the rolled graph: `target` reads `source`, `lag` steps back, as its `argument`-th name.

    bend   columns from the straight line to the middle of the curve's polygon, to the left
    turn   of an edge that first runs along the row of its source: columns before the target at which it leaves the row; else 0
    """

    source: str
    target: str
    lag: int
    argument: int
    bend: float
    turn: float = 0.0


@dataclass(frozen=True)
class Grid:
    """The places of one step: one row per stage of the flow (0 at the bottom), columns for the nodes of a stage.

    row, column   name -> its place; columns are centred on 0, where x stands
    pitch         columns from one step to the next
    wires         every edge of the rolled graph
    shared        names that stand once for all steps: their columns count from the left end of the picture, and their edges
                  run along rows of their own, like rails, and turn off at each step

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
        """The number of rows."""
        return int(max(self.row.values())) + 1

    @property
    def columns(self) -> float:
        """The width of a step: one more than the distance from its first to its last column."""
        columns = [column for name, column in self.column.items() if name not in self.shared]
        return max(columns) - min(columns) + 1


@lru_cache(maxsize=64)
def grid(cell: Cell, parameters: Parameters = "hidden") -> Grid:
    """Make the grid of a cell: x at the bottom, the nodes in the order of the flow, losses and then y at the top.

    A node's row is one above the highest row that it reads in its own step. A state that reads itself is alone in its row,
    so that its line through time is straight and free.

    Args:
        cell: whose graph it is
        parameters: "hidden"; "copies": each stands below the node that first reads it, in rows inserted there, side by side
            below a node that is alone in its row, else in a stack half a column beside the node; "shared": each stands once,
            left of all steps, in rows inserted below that node, two per row

    Returns:
        The places of all names and the ways of all edges.
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
    width = max(column.values()) - min(column.values())
    pitch = 1.0 if width == 0 else width + (1.3 if parameters == "copies" else 1.6)
    if parameters == "shared":
        shared = cell.parameters
        row, column = _with_shared(cell, row, column, max(1.0, pitch / 2))
    row = dict(sorted(row.items(), key=lambda item: item[1]))
    return Grid(row, column, pitch, _wires(cell, row, column, pitch, shared), shared)


_Places: TypeAlias = tuple[dict[str, float], dict[str, float]]
_BESIDE = 4  # parameters side by side below one node


def _with_copies(cell: Cell, row: dict[str, float], column: dict[str, float]) -> _Places:
    """Rows and columns with the parameters of each step below the nodes that first read them."""
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
    # Below stacks a row stays empty, in which the lines from x spread.
    rows = {reader: max(down for _, down in places) + (places[-1][1] > 2) for reader, places in below.items()}
    higher = _raised(row, rows)
    rows_of, columns = dict(higher), dict(column)
    for reader, names in readers.items():
        for name, (at, down) in zip(names, below[reader], strict=True):
            rows_of[name], columns[name] = higher[reader] - down, at
    return rows_of, columns


def _with_shared(cell: Cell, row: dict[str, float], column: dict[str, float], apart: float) -> _Places:
    """Rows and columns with each parameter once, left of all steps, on a rail of its own; `apart` columns from each other."""
    rails: dict[float, list[str]] = {}  # row -> the parameters that its nodes are the first to read
    for reader, names in _readers(cell).items():
        rails.setdefault(row[reader], []).extend(names)
    first = {row[reader]: reader for reader in _readers(cell)}
    higher = _raised(row, {first[at]: (len(names) + 1) // 2 for at, names in rails.items()})
    rows_of, columns = dict(higher), dict(column)
    for at, names in rails.items():
        for k, name in enumerate(names):
            rows_of[name], columns[name] = higher[first[at]] - 0.75 - k / 2, -apart * (1 + k % 2)
    return rows_of, columns


def _readers(cell: Cell) -> dict[str, list[str]]:
    """Node -> the parameters that it is the first to read."""
    readers: dict[str, list[str]] = {}
    for name in cell.parameters:
        reader = next(node for node in cell.nodes if any(read.name == name for read in cell.reads[node]))
        readers.setdefault(reader, []).append(name)
    return readers


def _raised(row: dict[str, float], inserted: dict[str, float]) -> dict[str, float]:
    """The rows after others are inserted; `inserted` has the number of rows right below a node."""
    below: dict[float, float] = {}
    for name, rows in inserted.items():
        below[row[name]] = max(rows, below.get(row[name], 0))
    return {name: at + sum(rows for start, rows in below.items() if start <= at) for name, at in row.items()}


def _levels(cell: Cell) -> dict[str, int]:
    """The stage of the flow at which each name but the parameters stands."""
    now = {
        name: [read.name for read in reads if not read.lag and cell.role(read.name) not in ("parameter", "target")]
        for name, reads in cell.reads.items()
    }
    level = {"x": 0} if cell.reads_x else {}
    for name in cell.nodes:
        level[name] = 1 + max((level[read] for read in now[name]), default=0)
    for name in reversed(cell.nodes):  # a node that reads earlier steps only stands right below its reader
        readers = [level[other] for other in cell.nodes if name in now[other]]
        if not now[name] and readers:
            level[name] = min(readers) - 1
    for state in cell.states:
        if any(read.name == state for read in cell.reads[state]) and list(level.values()).count(level[state]) > 1:
            old = level[state]
            level = {name: at + (at > old or name == state) for name, at in level.items()}
    top = max(level.values())
    level |= dict.fromkeys(cell.losses, top)
    return level | {"y": top + 1}


def _wires(
    cell: Cell, row: dict[str, float], column: dict[str, float], pitch: float, shared: tuple[str, ...]
) -> tuple[Wire, ...]:
    """The way of each edge: the first that keeps clear of all nodes, else the one that keeps farthest from them."""
    places = np.array([(column[name], row[name]) for name in row if name not in shared])
    wires: list[Wire] = []
    for target, reads in cell.reads.items():
        for read in reads:
            if read.name not in row:
                continue
            on_rail = read.name in shared
            start = np.array([column[target] if on_rail else column[read.name], row[read.name]])
            end = np.array([column[target] + read.lag * pitch, row[target]])
            passed = np.concatenate([places + np.array([step * pitch, 0]) for step in range(-1, read.lag + 2)])
            passed = passed[(passed != start).any(1) & (passed != end).any(1)]
            alike = [w for w in wires if (w.source, w.target, w.lag) == (read.name, target, read.lag)]
            taken = [w.turn or w.bend for w in alike]
            side = -1 if start[0] == 0 < end[0] and not read.lag else 1  # from the middle, outwards first
            ways = [way for way in (_TURNS if on_rail else [side * bend for bend in _BENDS]) if way not in taken]
            best = _clearest(start, end, ways or [0.4 * len(taken)], passed, on_rail)
            bend, turn = (0.0, best) if on_rail else (best, 0.0)
            wires.append(Wire(read.name, target, read.lag, read.argument, bend, turn))
    return tuple(wires)


def _clearest(
    start: NDArray[np.float64], end: NDArray[np.float64], ways: list[float], passed: NDArray[np.float64], on_rail: bool
) -> float:
    """Of several bends, or with `on_rail` turns, the first that clears the passed nodes, else the one with most room."""
    room: dict[float, float] = {}
    for way in ways:
        room[way] = _room(railed(end, start[1], way) if on_rail else curve(start, end, way), passed)
        if room[way] >= _CLEARANCE:
            break
    return max(room, key=room.__getitem__)


def _room(points: NDArray[np.float64], passed: NDArray[np.float64]) -> float:
    """The least distance from the points of a curve to any of the nodes that it passes, 1 at most."""
    (low, bottom), (high, top) = points.min(axis=0) - 1, points.max(axis=0) + 1
    x, y = passed[(passed > (low, bottom)).all(axis=1) & (passed < (high, top)).all(axis=1)].T
    squares = (points[:, :1] - x) ** 2 + (points[:, 1:] - y) ** 2  # all other nodes are at least 1 away
    return float(np.sqrt(squares.min(initial=1.0)))


def railed(end: NDArray[np.floating], rail: NDArray[np.floating] | float, turn: NDArray[np.floating] | float,
           points: int = 25) -> NDArray[np.float64]:  # fmt: skip
    """Points of the curve by which an edge leaves a row, its rail.

    Args:
        end: the place of the target, (…, 2)
        rail: the row, (…)
        turn: columns before the target at which the edge leaves the row, (…)
        points: of the curve

    Returns:
        The points, (…, points, 2).
    """
    end, rail, turn = np.asarray(end, np.float64), np.asarray(rail, np.float64), np.asarray(turn, np.float64)
    start = np.stack([end[..., 0] - turn, np.broadcast_to(rail, turn.shape)], axis=-1)
    middle = np.stack([end[..., 0] - CORNER * turn, np.broadcast_to(rail, turn.shape)], axis=-1)
    return _bezier(start, middle, end, points)


def curve(
    start: NDArray[np.floating], end: NDArray[np.floating], bend: NDArray[np.floating] | float, points: int = 25
) -> NDArray[np.float64]:
    """Points of the parabola between two places.

    A Bézier curve of degree 2, so that stretching either axis gives the curve of the stretched points.

    Args:
        start: where it begins, (…, 2)
        end: where it ends, (…, 2)
        bend: columns from the straight line to the middle of the curve's polygon, to the left, (…)
        points: of the curve

    Returns:
        The points, (…, points, 2).
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
