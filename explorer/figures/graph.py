"""The unrolled graph as a plotly figure, for the page and for a notebook: `graph(run)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Run
from explorer import theme
from explorer.figures import sheet, text
from explorer.figures.drawing import FADED, Drawing, Frame
from explorer.picture.marks import (
    ALARMING,
    COLOURED,
    FILLED,
    HEIGHTS,
    INITIAL,
    MARGIN,
    MARGIN_COLUMNS,
    MARGIN_ROWS,
    ROW,
    SIZES,
    SYMBOL,
    UNEVEN,
    WORDS,
    Mark,
    marks,
)
from explorer.picture.scene import Scene, reach, scene
from explorer.state import EDGES, LENSES
from explorer.words.numbers import number

Array = NDArray[Any]

_POINTS: Final = 13  # of a bent edge
_NUMBERS: Final = 1_000  # with more nodes than this a node shows its norms only
_THIN: Final = 0.6  # width of a parameter's edge beside that of others: they are many, and say little
_LEVELS: Final = 8  # of an edge's strength; a line of plotly has one colour and one width


def graph(source: Run | Scene, palette: str = "light", width: int = 1000) -> go.Figure:
    """Draw the unrolled graph, every node coloured by its magnitude.

    Args:
        source: a run, or a scene for any other view of it
        palette: "light" or "dark", the page on which the figure will stand
        width: pixels across the figure; sizes and texts depend on it

    Returns:
        The figure.
    """
    picture = source if isinstance(source, Scene) else scene(source)
    return Unrolled(picture, theme.PALETTES[palette], width).figure()


class Unrolled(Drawing):
    """The drawing of the unrolled graph."""

    fonts = SYMBOL
    most_heads = 1_200

    # Places and sizes --------------------------------------------------------------------------------------------

    def courses(self) -> tuple[Array, Array]:
        """Parabolas and rails, as the scene has them."""
        picture = self.picture
        return picture.curves(_POINTS), (picture.bend == 0) & (picture.turn == 0)

    def columns(self) -> tuple[float, float]:
        """The first and the last column that is drawn in."""
        return float(self.picture.x.min()), float(self.picture.x.max())

    def beside(self, pixels: int, columns: float) -> float:
        """Columns beside the outermost nodes, where `columns` get `pixels`."""
        return max(MARGIN_COLUMNS, MARGIN * columns / (pixels - 2 * MARGIN))

    def fitted(self) -> Frame:
        """Columns over the whole width; rows as high as is usual, and all of them in bounds."""
        margin, columns, y = self.margin(), self.columns(), self.picture.y
        inner = self.width - margin["l"] - margin["r"]
        across, upwards = columns[1] - columns[0], float(np.ptp(y)) + 2 * MARGIN_ROWS
        beside = self.beside(inner, across)
        height = int(np.clip(upwards * ROW, *HEIGHTS))
        pixels = (inner / (across + 2 * beside), height / upwards)
        return Frame(margin, height, columns, (float(y.min()), float(y.max())), beside, MARGIN_ROWS, pixels)

    def sizes(self) -> Array:
        """Pixels across each node: larger where fewer stand in a row of a step, but not by far."""
        place, picture = self.picture.grid, self.picture
        crowd = np.array([sum(row == other for other in place.row.values()) for row in place.row.values()])
        along, between = self.frame.pixels if picture.upwards else self.frame.pixels[::-1]
        size = np.clip(FILLED * np.minimum(np.where(crowd > 1, along, along * place.pitch), between), *SIZES)
        shared = np.isin(picture.names, place.shared)
        size = np.where(shared, size, np.minimum(size, UNEVEN * size[~shared].min()))[picture.name]
        smaller = np.array([theme.SMALLER.get(role, 1.0) for role in picture.roles])[picture.name]
        return np.asarray(size * np.where(picture.initial, INITIAL, 1) * smaller)

    def related(self) -> Array:
        """The kin of the selected node; without one, all nodes."""
        i = self.picture.selected
        return np.ones(len(self.picture.name), bool) if i is None else reach(self.picture, i)

    # Axes --------------------------------------------------------------------------------------------------------

    def steps(self) -> tuple[Sequence[float], Sequence[str]]:
        """Time: a number at every step, or at every second, fifth … where they would not fit."""
        picture = self.picture
        if not picture.upwards:
            return (), ()
        every = sheet.every(self.frame.pixels[0] * picture.grid.pitch, 26)
        begin = int(picture.t[~picture.shared].min())
        steps = [t for t in range(begin, picture.last + 1) if t % every == 0 or (t == 1 and every >= 5)]
        return [(t - 1) * picture.grid.pitch for t in steps], [str(t).replace("-", "−") for t in steps]

    def rows(self) -> tuple[Sequence[float], Sequence[str]]:
        """The names of each row."""
        picture, place = self.picture, self.picture.grid
        if not picture.upwards:
            return (), ()
        every = [(place.row[n], self.symbols[i]) for i, n in enumerate(picture.names) if n not in place.shared]
        members = [[symbol for row, symbol in every if row == r] for r in range(place.rows)]
        return range(place.rows), ["  ".join(symbols) for symbols in members]

    # Edges -------------------------------------------------------------------------------------------------------

    def edges(self) -> Iterator[go.Scatter]:
        """The edges, one trace for all that look alike: by strength, bright or faded; above them the path."""
        picture, ink = self.picture, self.colours.ink
        bright = self.near[picture.source] & self.near[picture.target]
        of_parameter = self.role[picture.source] == "parameter"
        level = self.levels()
        for kind in np.unique(level).tolist():
            colour, width = self.edge_style(kind)
            for opacity, seen in ((1.0, bright), (FADED, ~bright)):
                for thinner, alike in ((1.0, ~of_parameter), (_THIN if kind < 0 else 1.0, of_parameter)):
                    if (chosen := np.flatnonzero((level == kind) & seen & alike)).size:
                        yield self.edge_trace(chosen, colour, width * thinner, opacity)
        if picture.path.size:
            yield self.edge_trace(picture.path, ink, 2.2, 1.0)
        if picture.walked is not None:
            yield self.edge_trace(picture.path[[picture.walked]], ink, 5.0, 1.0)

    def levels(self) -> Array:
        """The strength of each edge, from 0 to _LEVELS − 1; _LEVELS if it is not finite, −1 if it is nothing."""
        picture = self.picture
        if picture.strength is None:
            return np.full(len(picture.source), -1)
        mark = marks(picture.strength, picture.low, picture.high)
        usable = np.isin(mark, COLOURED)
        exponent = np.log10(np.where(usable, picture.strength, 1))
        share = (exponent - picture.low) / (picture.high - picture.low)
        level = np.clip(np.floor(share * _LEVELS), 0, _LEVELS - 1)
        return np.where(usable, level, np.where(np.isin(mark, ALARMING), _LEVELS, -1)).astype(int)

    def edge_style(self, level: int) -> tuple[str, float]:
        """Colour and width of the edges of a level."""
        many = len(self.picture.source)
        thin = 1.2 if many < 600 else 0.8 if many <= self.most_heads else 0.4
        if level < 0:
            return self.colours.line, thin
        if level == _LEVELS:
            return theme.ALARM, 3.0
        share = (level + 0.5) / _LEVELS
        return theme.colour_at(share, self.picture.view.scale), thin + 3 * share

    def readings(self) -> Iterator[go.Scatter]:
        """The strength of each edge, to be read in its middle."""
        picture = self.picture
        if picture.strength is None:
            return
        middle = self.lines[:, self.lines.shape[1] // 2]
        forth = picture.view.edges == "forward"
        begins, ends = (picture.source, picture.target) if forth else (picture.target, picture.source)
        names = [self.named(i) for i in range(len(picture.name))]
        texts = [
            f"{names[begin]} → {names[end]}<br>{EDGES[picture.view.edges][1]} = "
            + (WORDS[Mark.NONE] if norm < 0 else number(norm))
            for begin, end, norm in zip(begins, ends, picture.strength.tolist(), strict=True)
        ]
        yield go.Scatter(
            x=middle[:, 0], y=middle[:, 1], mode="markers", hovertext=texts, hoverinfo="text", showlegend=False,
            name="messages", marker={"size": 12, "opacity": 0},
        )  # fmt: skip

    # Texts -------------------------------------------------------------------------------------------------------

    def title(self) -> str:
        """The title of the colour bar: what the colour shows."""
        return f"{LENSES[self.picture.view.lens].title}, {self.picture.view.quantity}"

    def captions(self) -> Iterator[go.Scatter]:
        """The input below each x, the target above each y."""
        picture = self.picture
        for texts, name, side in ((picture.labels, "x", -1), (picture.targets, "y", 1)):
            if not texts or name not in picture.names or not picture.upwards:
                continue
            nodes = np.flatnonzero(picture.name == picture.names.index(name))
            every = sheet.every(self.frame.pixels[0] * picture.grid.pitch, 6 + 8 * max(map(len, texts)))
            shown = [k for k in range(len(texts)) if (picture.first + k) % every == 0]
            offset = (self.size[nodes].max() / 2 + 2) / self.frame.pixels[1]
            yield sheet.caption(
                picture.x[nodes][shown],
                picture.y[nodes][shown] + side * offset,
                [texts[k] for k in shown],
                side,
                self.colours,
            )

    def named(self, i: int) -> str:
        """A node with its step."""
        symbol = self.symbols[self.picture.name[i]]
        return symbol if self.picture.shared[i] else text.at(symbol, int(self.picture.t[i]))

    def reading(self, i: int) -> str:
        """The text of a node under the pointer: its role, its norms and first numbers."""
        picture = self.picture
        k, units = int(picture.name[i]), int(picture.units[i])
        symbol, role = self.symbols[k], "initial value" if picture.initial[i] else picture.roles[k]
        what = "number" if role == "parameter" else "unit"
        lines = [f"<b>{self.named(i)}</b>   {role}, {units} {what}{'s' * (units != 1)}"]
        readings = (
            (symbol, picture.value[i], picture.value_head[i]),
            (f"∇{symbol}", picture.gradient[i], picture.gradient_head[i]),
        )
        for name, norm, head in readings:
            if not norm < 0:
                lines.append(f"‖{name}‖ = {number(float(norm))}")
                if len(picture.name) <= _NUMBERS:
                    lines.append(f"{name} = {_vector(head, units)}")
        if role == "target" and picture.value[i] < 0:
            lines.append(f"class {picture.value_head[i][0]:.0f}, counted from 0")
        return "<br>".join(lines)


def _vector(head: Array, units: int) -> str:
    numbers = [number(value) for value in head[:units].tolist()]
    return f"({', '.join(numbers)}{', …' if units > len(head) else ''})"
