"""A scene on a sheet of known size: what the figures of the unrolled graph, the rolled one and the neurons have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer import theme
from explorer.figures import sheet, text
from explorer.picture.marks import (
    COLOURED,
    GUTTER,
    OUTLINED,
    POINTED,
    READABLE,
    SIDE,
    SIGNS,
    Mark,
    Tint,
    tint,
)
from explorer.picture.scene import Scene

Array = NDArray[Any]

FADED: Final = 0.16  # opacity of what has no relation to the selected node

_Ticks = tuple[Sequence[float], Sequence[str]]  # places, texts


@dataclass(frozen=True)
class Frame:
    """How a graph fits a figure.

    margin            pixels around the graph: l, r, t, b
    height            pixels of the graph
    columns, rows     the coordinates that bound the graph
    beside, above     columns and rows between these and the edge of the plot
    pixels            of a column, of a row
    """

    margin: dict[str, int]
    height: int
    columns: tuple[float, float]
    rows: tuple[float, float]
    beside: float
    above: float
    pixels: tuple[float, float]


class Drawing:
    """The traces and the layout of a scene's figure. Subclasses have their own frame, edges and texts."""

    fonts: tuple[float, float]  # of a symbol, as shares of its node's size: at most, and over the symbol's width
    ring_opacity = 1.0  # of the ring around a selected node
    most_heads: int  # more edges than this are drawn without heads, which would merge

    def __init__(self, picture: Scene, colours: theme.Palette, width: int) -> None:
        """Fit the scene to a figure `width` pixels across."""
        self.picture, self.colours, self.width = picture, colours, width
        self.role = np.array(picture.roles)[picture.name]
        self.shape = np.array([theme.SHAPES[role] for role in picture.roles])[picture.name]
        self.symbols = [text.symbol(parts) for parts in picture.symbols]
        self.lines, self.straight = self.courses()
        self.frame = self.fitted()
        self.size = self.sizes()
        self.near = self.related()
        most, across = self.fonts
        self.font = self.size * np.minimum(most, across / self.widths())
        self.heads = self.edge_count() <= self.most_heads

    # Places and sizes --------------------------------------------------------------------------------------------

    def courses(self) -> tuple[Array, Array]:
        """The edges as lines, (E, points, 2), and which of them are straight, (E,)."""
        raise NotImplementedError

    def fitted(self) -> Frame:
        """The frame of the graph."""
        raise NotImplementedError

    def sizes(self) -> Array:
        """Pixels across each node, (N,)."""
        raise NotImplementedError

    def related(self) -> Array:
        """Which nodes are not faded, (N,) bool."""
        raise NotImplementedError

    def widths(self) -> Array:
        """How wide the text in each node is, in units of its font, (N,)."""
        return np.array([text.width(parts) for parts in self.picture.symbols])[self.picture.name]

    def edge_count(self) -> int:
        """How many edges are drawn."""
        return len(self.picture.source)

    def margin(self, top: int = 56, bottom: int = 64) -> dict[str, int]:
        """Pixels around the graph: for the names of the rows, the colour bar, and steps and legend."""
        return {"l": GUTTER if self.picture.upwards else SIDE, "r": SIDE, "t": top, "b": bottom}

    # Texts -------------------------------------------------------------------------------------------------------

    def label(self, i: int) -> str:
        """The text in a node."""
        return self.symbols[int(self.picture.name[i])]

    def key(self, i: int) -> list[Any]:
        """The custom data of a node, which a click on it sends."""
        return [self.picture.names[self.picture.name[i]], int(self.picture.t[i])]

    def reading(self, i: int) -> str:
        """The text of a node under the pointer."""
        raise NotImplementedError

    def title(self) -> str:
        """The title of the colour bar."""
        raise NotImplementedError

    def steps(self) -> _Ticks:
        """The ticks of the horizontal axis."""
        raise NotImplementedError

    def rows(self) -> _Ticks:
        """The ticks of the vertical axis."""
        raise NotImplementedError

    def notes(self) -> list[dict[str, Any]]:
        """Annotations beside the graph: the title of the time axis."""
        if not self.picture.upwards:
            return []
        time = {
            "text": "step <i>t</i>", "xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "right",
            "yanchor": "top", "xshift": -8, "yshift": -3, "showarrow": False,
            "font": {"color": self.colours.muted, "size": 13},
        }  # fmt: skip
        return [time]

    # Traces ------------------------------------------------------------------------------------------------------

    def edges(self) -> Iterator[go.Scatter]:
        """The edges, one trace for all that look alike."""
        raise NotImplementedError

    def readings(self) -> Iterator[go.Scatter]:
        """Invisible points by which edges can be read."""
        raise NotImplementedError

    def captions(self) -> Iterator[go.Scatter]:
        """The inputs below the graph, the targets above it."""
        raise NotImplementedError

    def edge_trace(self, chosen: Array, colour: str, width: float, opacity: float) -> go.Scatter:
        """Edges as one line with gaps; a head where each ends, turned and set off by plotly in pixels."""
        lines, target = self.lines[chosen], self.picture.target[chosen]
        kept = np.ones((len(lines), lines.shape[1] + 1), bool)
        kept[self.straight[chosen], 1:-2] = False  # a straight edge needs its ends and the gap only
        points = np.concatenate([lines, np.full((len(lines), 1, 2), np.nan)], axis=1)[kept]
        trace = go.Scatter(
            x=points[:, 0], y=points[:, 1], mode="lines", line={"color": colour, "width": width}, opacity=opacity,
            hoverinfo="skip", showlegend=False, name="edges",
        )  # fmt: skip
        if self.heads:
            head = np.zeros(kept.shape)
            head[:, -2] = np.clip(0.42 * self.size[target], 4, 10)
            distance = self.size / 2 * np.where(self.shape == "diamond", POINTED, 1) + 1
            standoff = np.where(head > 0, distance[target][:, None], 0)[kept]
            trace.mode = "lines+markers"
            trace.marker = {
                "symbol": "arrow", "angleref": "previous", "size": head[kept], "standoff": standoff, "color": colour,
                "opacity": 1, "line": {"width": 0},
            }  # fmt: skip
        return trace

    def nodes(self) -> Iterator[go.Scatter]:
        """The nodes, one trace for each group of marks: of the scale, exactly zero, not finite, without a magnitude."""
        picture, scale = self.picture, self.picture.view.scale
        usable = np.where((picture.magnitude > 0) & np.isfinite(picture.magnitude), picture.magnitude, 1)
        exponent = np.log10(usable).astype(np.float32)
        share = (exponent - picture.low) / (picture.high - picture.low)
        chosen = np.flatnonzero(np.isin(picture.mark, COLOURED))
        colour = {
            "color": exponent[chosen] if len(chosen) else [picture.low],
            "cmin": picture.low, "cmax": picture.high, "colorscale": theme.colorscale(scale), **self.bar(),
        }  # fmt: skip
        inks = [theme.on(s, scale) for s in share[chosen]]
        yield self.node_trace(chosen, inks, colour, self.colours.ink)  # also without nodes: it has the colour bar
        alike: dict[Tint, list[Mark]] = {}
        for mark in (Mark.ZERO, Mark.INFINITE, Mark.NAN, Mark.NONE):
            alike.setdefault(tint(mark, self.colours, scale), []).append(mark)
        for look, group in alike.items():
            if len(chosen := np.flatnonzero(np.isin(picture.mark, group))):
                always = Mark.ZERO in group  # whose fill alone could not be seen
                yield self.node_trace(chosen, [look.text] * len(chosen), {"color": look.fill}, look.outline, always)

    def node_trace(
        self, chosen: Array, inks: Sequence[str], marker: dict[str, Any], outline: str, always: bool = False
    ) -> go.Scatter:
        """Nodes as one trace; outlined where they are large enough, or `always`."""
        picture = self.picture
        places = ([None], [None]) if not len(chosen) else (picture.x[chosen], picture.y[chosen])
        labels = [self.label(int(i)) if self.font[i] >= READABLE else "" for i in chosen]
        inks = [ink if near else self.colours.line for ink, near in zip(inks, self.near[chosen], strict=True)]
        width = np.where(self.role[chosen] == "state", 1.8, 0.8) * ((self.size[chosen] >= OUTLINED) | always)
        labelled = any(labels)
        return go.Scatter(
            x=places[0], y=places[1], mode="markers+text" if labelled else "markers", text=labels if labelled else None,
            textfont={"size": np.maximum(self.font[chosen], 1), "color": inks} if labelled else None,
            hovertext=[self.reading(int(i)) for i in chosen], hoverinfo="text", customdata=[self.key(int(i)) for i in chosen],
            cliponaxis=False, showlegend=False, name="nodes",
            marker={
                "symbol": self.shape[chosen], "size": self.size[chosen], "opacity": np.where(self.near[chosen], 1, FADED),
                **marker, "line": {"color": outline, "width": width},
            },
        )  # fmt: skip

    def bar(self) -> dict[str, Any]:
        """The colour bar, in powers of ten."""
        bar = sheet.colour_bar(self.colours, self.picture.low, self.picture.high)
        bar |= {
            "orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "ypad": 4, "xpad": 0,
            "lenmode": "fraction", "len": 1 if self.width < 600 else 0.5,
            "title": {"text": self.title(), "side": "top", "font": {"size": 13}},
        }  # fmt: skip
        return {"colorbar": bar}

    def glyphs(self) -> Iterator[go.Scatter]:
        """For each mark that occurs an entry of the legend, and its sign in the nodes that have room for it."""
        picture, scale = self.picture, self.picture.view.scale
        for mark, sign in SIGNS.items():
            chosen = np.flatnonzero(picture.mark == mark)
            if not len(chosen):
                continue
            entry = sheet.legend_entry(mark, self.colours, picture.low, picture.high)
            yield entry
            if mark not in COLOURED:
                chosen = chosen[self.size[chosen] >= OUTLINED]
            if mark == Mark.ZERO or not len(chosen):
                continue
            labelled = self.font[chosen] >= READABLE
            aside = np.where(labelled, 0.34 * self.size[chosen], 0) / self.frame.pixels[1]  # leaves the symbol free
            colour = tint(mark, self.colours, scale).text
            yield go.Scatter(
                x=picture.x[chosen], y=picture.y[chosen] + sign.up * aside, mode="markers", hoverinfo="skip",
                showlegend=False, cliponaxis=False, name=entry.name,
                marker={
                    "symbol": sign.symbol, "size": np.maximum(self.size[chosen] * np.where(labelled, 0.22, 0.38), 2),
                    "color": colour, "opacity": np.where(self.near[chosen], 1, FADED),
                    "line": {"color": colour, "width": 1.6 if sign.arms else 0},
                },
            )  # fmt: skip

    def selected(self) -> Array:
        """The indices of the selected nodes."""
        i = self.picture.selected
        return np.array([] if i is None else [i], int)

    def ring(self) -> Iterator[go.Scatter]:
        """A ring around each selected node."""
        chosen = self.selected()
        if len(chosen):
            first = chosen[0]  # whose shape and size are those of all
            yield go.Scatter(
                x=self.picture.x[chosen], y=self.picture.y[chosen], mode="markers", hoverinfo="skip", showlegend=False,
                name="selected",
                marker={"symbol": f"{self.shape[first]}-open", "size": self.size[first] + 8, "color": self.colours.ink,
                        "opacity": self.ring_opacity, "line": {"width": 2.5}},
            )  # fmt: skip

    # The figure --------------------------------------------------------------------------------------------------

    def figure(self) -> go.Figure:
        """All traces in their layout."""
        frame = self.frame
        traces = (self.edges(), self.readings(), self.nodes(), self.glyphs(), self.ring(), self.captions())
        figure = go.Figure([trace for group in traces for trace in group])
        paper = sheet.paper(self.colours)
        paper["hoverlabel"] |= {"align": "left"}
        paper["hoverlabel"]["font"] |= {"family": theme.FONT}
        figure.update_layout(
            **paper,
            height=frame.height + frame.margin["t"] + frame.margin["b"],
            margin=frame.margin,
            meta={"width": self.width},
            hovermode="closest",
            dragmode="pan",
            legend=sheet.legend(self.colours, y=-34 / frame.height, yanchor="top"),
            annotations=self.notes(),
            xaxis=self._axis(frame.columns, frame.beside, *self.steps()),
            yaxis=self._axis(frame.rows, frame.above, *self.rows()),
        )
        return sheet.clickable(figure)

    def _axis(
        self, ends: tuple[float, float], beyond: float, places: Sequence[float], texts: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "range": [ends[0] - beyond, ends[1] + beyond], "tickvals": list(places), "ticktext": list(texts),
            "tickfont": {"color": self.colours.muted}, "showgrid": False, "zeroline": False, "showline": False, "ticks": "",
        }  # fmt: skip
