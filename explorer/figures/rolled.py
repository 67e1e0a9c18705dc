"""The rolled graph as a plotly figure: one step, and loops that lead into later ones; `rolled(run)`, or `rolled(cell)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Cell, Run
from explorer import theme
from explorer.figures.graph import Unrolled
from explorer.picture.marks import SIDE
from explorer.picture.scene import Scene, folded
from explorer.state import LENSES, View
from explorer.words.numbers import number

Array = NDArray[Any]

_COLUMN: Final = 92  # pixels from column to column, at most: a step alone need not fill the page
_PORTS: Final = (
    0.0,
    0.34,
    -0.34,
    0.5,
    -0.5,
)  # rows off a node's centre at which a loop leaves or enters it, to its right
_ASIDE: Final = 0.32  # columns from a node to where a loop that does not lie at its height turns towards it
_LANES: Final = (0.85, 0.6)  # columns from the last node to the first loop, and from loop to loop
_ROUND: Final = 0.16  # of a corner
_POINTS: Final = 64  # of a line: any loop has fewer


def rolled(source: Run | Cell, view: View | None = None, palette: str = "light", width: int = 1000) -> go.Figure:
    """Draw the rolled graph: every name once; an edge with a black square leads to a later step, without a number to the next.

    Args:
        source: a run: every node has the colour of all its steps together; or a cell alone: its equations as a graph
        view: how it is looked at; parameters are drawn unless they are hidden
        palette: "light" or "dark", the page on which the figure stands
        width: pixels across the figure

    Returns:
        The figure.
    """
    return _Drawing(folded(source, view), theme.PALETTES[palette], width, isinstance(source, Run)).figure()


@dataclass(frozen=True)
class Loop:
    """The edges that leave a node with one lag: up or down a lane to the right of all nodes, and from there to each target.

    out     the row in which it leads to the lane;  lane  the column of the lane
    into    index of an edge -> the row in which it comes back
    """

    out: float
    lane: float
    into: dict[int, float]

    @property
    def square(self) -> tuple[float, float]:
        """The place of its sign of delay: on the lane where all edges run up, or all down; else just before the lane."""
        ways = np.array(list(self.into.values())) - self.out
        if (ways > 0.1).all() or (ways < -0.1).all():
            return self.lane, self.out + float(ways[np.argmin(np.abs(ways))]) / 2
        return self.lane - _LANES[1] / 2, self.out


def loops(picture: Scene) -> dict[tuple[int, int], Loop]:
    """(index of the source, lag) -> loop; shorter loops lie nearer. No two leave or enter a node at the same height."""
    x, y = picture.x, picture.y
    edges_of: dict[tuple[int, int], list[int]] = {}
    for edge in np.flatnonzero(picture.lag).tolist():
        edges_of.setdefault((int(picture.source[edge]), int(picture.lag[edge])), []).append(edge)
    span = {key: np.ptp(np.append(y[picture.target[edges]], y[key[0]])) for key, edges in edges_of.items()}
    taken: dict[float, set[float]] = {}  # row -> heights that are taken beside its nodes

    def port(node: int, apart: set[float], side: int) -> float:
        """A free height beside a node, on one side; the middle only if no node stands to the right."""
        row = taken.setdefault(float(y[node]), set())
        behind = bool(((y == y[node]) & (x > x[node])).any())
        ports = [side * by for by in _PORTS if not (behind and by == 0)]
        free = [by for by in ports if by not in row | apart]
        return (free or ports)[0]

    result: dict[tuple[int, int], Loop] = {}
    last = float(x.max())
    for lane, (key, edges) in enumerate(sorted(edges_of.items(), key=lambda item: (span[item[0]], item[0][1]))):
        source = key[0]
        into: dict[int, float] = {}
        used: set[tuple[float, float]] = set()
        up = 1 if y[picture.target[edges]].mean() > y[source] else -1  # loops of one source then lie in each other
        for edge in sorted(edges, key=lambda edge: -x[picture.target[edge]]):
            target = int(picture.target[edge])
            by = port(target, {into[e] - y[target] for e in into if picture.target[e] == target}, up)
            into[edge] = float(y[target]) + by
            used.add((float(y[target]), by))
        by = port(source, {at for row, at in used if row == y[source]}, -up)
        used.add((float(y[source]), by))
        for row, at in used:
            taken[row].add(at)
        result[key] = Loop(float(y[source]) + by, last + _LANES[0] + lane * _LANES[1], into)
    return result


def _rounded(corners: Sequence[tuple[float, float]]) -> Array:
    """A line through rounded corners, (_POINTS, 2); spare points repeat the first."""
    way = [np.array(corner) for k, corner in enumerate(corners) if not k or corner != corners[k - 1]]
    points = [way[0][None]]
    for before, corner, after in zip(way, way[1:], way[2:], strict=False):
        back, forth = (np.linalg.norm(other - corner) for other in (before, after))
        begin = corner + (before - corner) * min(_ROUND / back, 0.5)
        end = corner + (after - corner) * min(_ROUND / forth, 0.5)
        s = np.linspace(0, 1, 6)[:, None]
        points.append((1 - s) ** 2 * begin + 2 * s * (1 - s) * corner + s**2 * end)
    line = np.concatenate([*points, way[-1][None]])
    return np.concatenate([np.repeat(line[:1], _POINTS - len(line), axis=0), line])


class _Drawing(Unrolled):
    """The drawing of a folded scene: as of the unrolled one, with loops, and without steps."""

    def __init__(self, picture: Scene, colours: theme.Palette, width: int, numbers: bool) -> None:
        self.loops, self.numbers = loops(picture), numbers
        super().__init__(picture, colours, width)

    def courses(self) -> tuple[Array, Array]:
        """The edges within the step as parabolas, the others along their lanes."""
        picture = self.picture
        lines, straight = picture.curves(_POINTS), (picture.bend == 0) & (picture.lag == 0)
        for loop in self.loops.values():
            for edge, row in loop.into.items():
                (ax, ay), (bx, by) = ((float(picture.x[i]), float(picture.y[i])) for i in self.ends(edge))
                leaving = [(ax, ay)] if loop.out == ay else [(ax, ay), (ax + _ASIDE, loop.out)]
                entering = [(bx, by)] if row == by else [(bx + _ASIDE, row), (bx, by)]
                lines[edge] = _rounded([*leaving, (loop.lane, loop.out), (loop.lane, row), *entering])
        return lines, straight

    def ends(self, edge: int) -> tuple[int, int]:
        """The nodes that an edge joins."""
        return int(self.picture.source[edge]), int(self.picture.target[edge])

    def margin(self, top: int = 56, bottom: int = 36) -> dict[str, int]:
        """Pixels around the graph: for the colour bar and the legend, if there are numbers."""
        return {"l": SIDE, "r": SIDE, "t": top if self.numbers else 8, "b": bottom if self.numbers else 8}

    def columns(self) -> tuple[float, float]:
        """From the first node to the last lane."""
        first, last = super().columns()
        return first, max([last, *(loop.lane for loop in self.loops.values())])

    def beside(self, pixels: int, columns: float) -> float:
        """Columns beside the graph; enough of them that no column is wider than necessary."""
        return max(super().beside(pixels, columns), (pixels / _COLUMN - columns) / 2)

    def steps(self) -> tuple[Sequence[float], Sequence[str]]:
        """None."""
        return (), ()

    def rows(self) -> tuple[Sequence[float], Sequence[str]]:
        """None: each name stands at its node."""
        return (), ()

    def edges(self) -> Iterator[go.Scatter]:
        """The edges, and on each loop the square that is the sign of its delay."""
        yield from super().edges()
        places = [loop.square for loop in self.loops.values()]
        if not places:
            return
        texts = [
            f"{self.symbols[source]} of {'one step' if lag == 1 else f'{lag} steps'} before"
            for source, lag in self.loops
        ]
        yield go.Scatter(
            x=[x for x, _ in places], y=[y for _, y in places], mode="markers", name="delays", showlegend=False,
            hovertext=texts, hoverinfo="text",
            marker={"symbol": "square", "size": 10, "color": self.colours.ink, "line": {"width": 0}},
        )  # fmt: skip

    def notes(self) -> list[dict[str, Any]]:
        """Beside the square of a loop that skips steps, the step to which it leads."""
        return [
            {
                "text": f"<i>t</i> − {lag}", "x": loop.square[0], "y": loop.square[1], "xanchor": "left", "xshift": 9,
                "showarrow": False, "font": {"color": self.colours.ink, "size": 14},
            }
            for (_, lag), loop in self.loops.items()
            if lag > 1
        ]  # fmt: skip

    def title(self) -> str:
        """The title of the colour bar: what the colour shows, of all steps together."""
        return f"{LENSES[self.picture.view.lens].title} of all steps, {self.picture.view.quantity}"

    def bar(self) -> dict[str, Any]:
        """The colour bar; a cell alone has no colours."""
        return super().bar() if self.numbers else {}

    def named(self, i: int) -> str:
        """A node by its name alone."""
        return self.symbols[int(self.picture.name[i])]

    def reading(self, i: int) -> str:
        """The text of a node under the pointer: its norms over all steps."""
        picture = self.picture
        k, units, symbol = int(picture.name[i]), int(picture.units[i]), self.named(i)
        of_parameter = picture.roles[k] == "parameter"
        what = "number" if of_parameter else "unit"
        lines = [f"<b>{symbol}</b>   {picture.roles[k]}" + f", {units} {what}{'s' * (units != 1)}" * self.numbers]
        span = "" if of_parameter else f" over {picture.T} step{'s' * (picture.T != 1)}"
        for name, norm in ((symbol, picture.value[i]), (f"∇{symbol}", picture.gradient[i])):
            if not norm < 0:
                lines.append(f"‖{name}‖{span} = {number(float(norm))}")
        return "<br>".join(lines)
