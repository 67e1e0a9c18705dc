"""The network taken apart into single neurons, as a plotly figure, for the page and for a notebook: `neurons(run)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Run
from explorer import theme
from explorer.figures import sheet, text
from explorer.figures.drawing import Drawing, Frame
from explorer.picture import neurons as layout
from explorer.picture.marks import SIZES
from explorer.picture.neurons import Neurons
from explorer.state import LENSES
from explorer.words.numbers import number

Array = NDArray[Any]

#: |w| up to which a line has each width, in pixels; the last is for all larger weights.
WIDTHS: tuple[tuple[float, float], ...] = ((0.1, 0.6), (0.3, 1.2), (1.0, 2.2), (np.inf, 3.8))
_HEIGHTS = (170, 640)
_BEYOND = 26  # pixels beyond the outermost neurons, for inputs and targets
_POINTS = 13  # of a bent edge
_READ = 1_500  # edges, up to which each can be read
_FADED = 0.1  # opacity of edges that are not those of the selected neuron
_TOWARDS = 0.42  # share of an edge at which it can be read: off the middle, where edges of two layers cross
_SYMBOLS = {"gradient": "|δ|", "value": "|z|", "slope": "|φ′(a)|"}


def neurons(source: Run | Neurons, palette: str = "light", width: int = 1000) -> go.Figure:
    """Draw the neurons: δ by colour, the sign of a weight by the colour of its edge and its size by the width.

    Args:
        source: a run, or the picture of its neurons for any other view of it
        palette: "light" or "dark", the page on which the figure stands
        width: pixels across the figure

    Returns:
        The figure.

    Raises:
        ValueError: if a single step has more neurons than can be drawn
    """
    picture = source if isinstance(source, Neurons) else layout.neurons(source, width=width)
    return _Drawing(picture, theme.PALETTES[palette], width).figure()


class _Drawing(Drawing):
    """The drawing of the neurons."""

    picture: Neurons

    fonts = (0.46, 0.8)
    most_heads = 120
    ring_opacity = 0.7  # rings of neighbours overlap

    def __init__(self, picture: Neurons, colours: theme.Palette, width: int) -> None:
        parts = [picture.symbol(i) for i in range(len(picture.name))]
        self.labels = [text.symbol(each) for each in parts]
        self.label_widths = np.array([text.width(each) for each in parts])
        self.drawn = picture.weight != 0
        self.bright = layout.near(picture)[1]
        super().__init__(picture, colours, width)

    # Places and sizes --------------------------------------------------------------------------------------------

    def courses(self) -> tuple[Array, Array]:
        """Parabolas, as the picture has them."""
        return self.picture.curves(_POINTS), self.picture.bend == 0

    def fitted(self) -> Frame:
        """Columns over the whole width; rows as far apart as columns, as far as that fits."""
        picture = self.picture
        margin = self.margin(bottom=76 if picture.upwards else 92)
        if not picture.upwards:
            margin["l"] = 24
        across, along = np.ptp(picture.x) + 2, float(np.ptp(picture.y))
        column = (self.width - margin["l"] - margin["r"]) / across
        row = float(np.clip(column if picture.upwards else 34.0, 20, 40))
        between = column if picture.upwards else min(row, (_HEIGHTS[1] - 2 * _BEYOND) / max(along, 1))
        self.pixels_across = float(np.clip(0.78 * between, *SIZES))
        height = int(np.clip(along * row + self.pixels_across + 2 * _BEYOND, *_HEIGHTS))
        rows = (height - self.pixels_across - 2 * _BEYOND) / max(along, 1.0)
        columns, levels = ((float(values.min()), float(values.max())) for values in (picture.x, picture.y))
        return Frame(margin, height, columns, levels, 1.0, (self.pixels_across / 2 + _BEYOND) / rows, (column, rows))

    def sizes(self) -> Array:
        """The same for all, and less for initial values."""
        return np.full(len(self.picture.name), self.pixels_across) * np.where(self.picture.t < 1, 0.8, 1)

    def related(self) -> Array:
        """The selected neurons and those that they feed."""
        return layout.near(self.picture)[0]

    def widths(self) -> Array:
        """How wide each neuron's label is."""
        return self.label_widths

    def edge_count(self) -> int:
        """How many edges have a weight that is not zero."""
        return int(np.count_nonzero(self.drawn))

    # Axes --------------------------------------------------------------------------------------------------------

    def steps(self) -> tuple[Sequence[float], Sequence[str]]:
        """The steps, or the names of the layers."""
        picture = self.picture
        if not picture.upwards:
            return picture.levels, self._names()
        return list(picture.blocks.values()), [str(t).replace("-", "−") for t in picture.blocks]

    def rows(self) -> tuple[Sequence[float], Sequence[str]]:
        """The names of each row."""
        return (self.picture.levels, self._names()) if self.picture.upwards else ((), ())

    def _names(self) -> list[str]:
        return ["  ".join(self.symbols[k] for k in row) for row in self.picture.rows]

    # Traces ------------------------------------------------------------------------------------------------------

    def edges(self) -> Iterator[go.Scatter]:
        """The edges, a trace for all of one sign, one class of widths, bright or faded; a weight of zero has none."""
        weight = self.picture.weight
        finite = np.isfinite(weight)
        class_ = np.searchsorted([most for most, _ in WIDTHS[:-1]], np.abs(weight), side="left")
        crowd = 1.0 if len(weight) < 800 else 0.7 if len(weight) < 3_000 else 0.5
        for bright in (False, True):
            opacity = 1.0 if bright and not self.bright.all() else 0.75 if bright else _FADED
            for sign, colour in ((-1, self.colours.minus), (1, self.colours.plus)):
                for kind, (_, width) in enumerate(WIDTHS):
                    alike = finite & (self.bright == bright) & (np.sign(weight) == sign) & (class_ == kind)
                    if len(chosen := np.flatnonzero(self.drawn & alike)):
                        yield self.edge_trace(chosen, colour, width * crowd, opacity)
            if len(chosen := np.flatnonzero(~finite & (self.bright == bright))):
                yield self.edge_trace(chosen, theme.ALARM, 3.0, opacity)
        for words, colour in (("<i>w</i> > 0", self.colours.plus), ("<i>w</i> < 0", self.colours.minus)):
            yield go.Scatter(
                x=[None], y=[None], mode="lines", name=words.replace("<i>w</i> <", "<i>w</i> &lt;"),
                line={"color": colour, "width": 3},
            )  # fmt: skip

    def readings(self) -> Iterator[go.Scatter]:
        """The weight and the message of each edge, to be read near its middle; with a selected neuron, of its edges."""
        picture = self.picture
        chosen = np.flatnonzero(self.drawn & self.bright)
        if len(chosen) > _READ:
            return
        lines = picture.curves(51)[chosen]
        middle = lines[:, round(50 * _TOWARDS)]
        texts = [self.edge_reading(e) for e in chosen.tolist()]
        yield go.Scatter(
            x=middle[:, 0], y=middle[:, 1], mode="markers", hovertext=texts, hoverinfo="text", showlegend=False,
            name="messages", marker={"size": 9, "opacity": 0},
        )  # fmt: skip

    def edge_reading(self, e: int) -> str:
        """The text of an edge under the pointer."""
        picture = self.picture
        begin, end = int(picture.source[e]), int(picture.target[e])
        weight = "∂<i>L</i>/∂<i>a</i>" if picture.direct[e] else "<i>w</i>"
        lines = [
            f"{self.at(begin)} → {self.at(end)}",
            f"{weight} = {number(float(picture.weight[e]))}",
            f"δ of {self.at(end)} = {number(float(picture.delta[end]))}",
            f"sent back: {weight} δ = {number(float(picture.message[e]))}",
        ]
        return "<br>".join(lines)

    def at(self, i: int) -> str:
        """A neuron with its step."""
        return text.at(self.labels[i], int(self.picture.t[i]))

    def label(self, i: int) -> str:
        return self.labels[i]

    def key(self, i: int) -> list[Any]:
        return [*super().key(i), int(self.picture.unit[i]) + 1]

    def title(self) -> str:
        return f"{LENSES[self.picture.view.lens].title}, {_SYMBOLS[self.picture.view.lens]}"

    def selected(self) -> Array:
        """The indices of the selected neurons."""
        return np.flatnonzero(self.picture.chosen)

    def captions(self) -> Iterator[go.Scatter]:
        """The input below each step, the target above it."""
        picture = self.picture
        for texts, side in ((picture.labels, -1), (picture.targets, 1)):
            if not texts or not picture.upwards:
                continue
            x = np.array([picture.blocks[t] for t in range(picture.first, picture.last + 1)])
            edge = picture.y.max() if side > 0 else picture.y.min()
            y = edge + side * (self.size.max() / 2 + 3) / self.frame.pixels[1]
            yield sheet.caption(x, np.full(len(x), y), texts, side, self.colours)

    def reading(self, i: int) -> str:
        """The text of a neuron under the pointer."""
        picture = self.picture
        function = picture.functions[picture.function[i]]
        role = picture.roles[picture.name[i]] if picture.t[i] > 0 else "initial value"
        lines = [f"<b>{self.at(i)}</b>   {role}, unit {picture.unit[i] + 1}"]
        if function:
            lines.append(f"<i>a</i> = {number(float(picture.a[i]))}")
        of_a = f" = {theme.FUNCTIONS[function]}(<i>a</i>)" if function else ""
        lines.append(f"<i>z</i>{of_a} = {number(float(picture.z[i]))}")
        if np.isfinite(picture.slope[i]):
            lines.append(f"φ′(<i>a</i>) = {number(float(picture.slope[i]))}")
        lines.append(f"δ = ∂<i>L</i>/∂<i>a</i> = {number(float(picture.delta[i]))}")
        return "<br>".join(lines)
