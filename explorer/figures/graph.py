"""The unrolled graph as a plotly figure, for the page and for a notebook: `graph(run)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Run
from explorer import theme
from explorer.figures import text
from explorer.picture.scene import Mark, Scene, marks, reach, scene
from explorer.state import EDGES, LENSES

Array = NDArray[Any]

_ROW = 64  # pixels from row to row, at most
_HEIGHTS = (150, 600)
_SIZES = (5.0, 34.0)  # pixels across a node
_READABLE = 8.5  # pixels of a font; where a symbol would be smaller, it is left out
_OUTLINED = 7.0  # pixels across a node; a smaller one would be all outline, and no colour
_BORDER = 20  # pixels, at least, from the centre of an outermost node to the edge
_POINTS = 13  # of a bent edge
_ARROWS = 1_200  # more edges than this are drawn without heads, which nobody could tell apart
_NUMBERS = 1_000  # more nodes than this say their norms only
_FADED = 0.16  # opacity of what has nothing to do with the selected node
_THIN = 0.6  # width of a parameter's edge beside that of others: there are many of them, and they say little
_LEVELS = 8  # of an edge's strength; a line of plotly has one colour and one width

#: Mark -> its glyph in the node, and what it says in the legend.
GLYPHS = {
    Mark.ZERO: ("circle", "exactly 0"),
    Mark.BELOW: ("triangle-down", "below {low}"),
    Mark.ABOVE: ("triangle-up", "above {high}"),
    Mark.INFINITE: ("asterisk-open", "infinite"),
    Mark.NAN: ("x-thin-open", "not a number"),
}


def graph(source: Run | Scene, palette: str = "light", width: int = 1000) -> go.Figure:
    """The unrolled graph, every node coloured by the magnitude that the scene has.

    source    a run, or a scene for any other view of it
    palette   "light" or "dark", the page that it will stand on
    width     pixels that the figure is expected to have: what is written, and how large, depends on it
    """
    picture = source if isinstance(source, Scene) else scene(source)
    return Drawing(picture, theme.PALETTES[palette], width).figure()


class Drawing:
    """A scene on a sheet of known size; other pictures of the same nodes and edges change what differs."""

    def __init__(self, picture: Scene, colours: theme.Palette, width: int) -> None:
        self.picture, self.colours, self.width = picture, colours, width
        self.heads = len(picture.source) <= _ARROWS
        self.ways, self.straight = self.courses()
        self.margin = self.margins()
        inner = width - self.margin["l"] - self.margin["r"]
        self.extent = self.bounds()
        self.above = 0.75  # rows beyond the outermost nodes
        across, upwards = np.ptp(self.extent[0]), np.ptp(self.extent[1]) + 2 * self.above
        self.border = self.beside(inner, across)
        self.height = int(np.clip(upwards * _ROW, *_HEIGHTS))
        self.pixels = (inner / (across + 2 * self.border), self.height / upwards)  # of a column, of a row
        self.role = np.array(picture.roles)[picture.name]
        self.shape = np.array([theme.SHAPES[role] for role in picture.roles])[picture.name]
        self.size = self._sizes()
        self.symbols: list[str] = [text.symbol(parts) for parts in picture.symbols]
        everything = np.ones(len(picture.name), bool)
        self.near = everything if picture.selected is None else reach(picture, picture.selected)
        widths = np.array([text.width(parts) for parts in picture.symbols])
        self.font = self.size * np.minimum(0.48, 0.78 / widths)[picture.name]

    def courses(self) -> tuple[Array, Array]:
        """The edges as lines, (E, points, 2), and which of them are straight."""
        picture = self.picture
        return picture.curves(_POINTS), (picture.bend == 0) & (picture.turn == 0)

    def margins(self) -> dict[str, int]:
        """Pixels around the graph: for the names of the rows, the colour bar, and steps and legend."""
        return {"l": 64 if self.picture.upwards else 16, "r": 16, "t": 56, "b": 64}

    def bounds(self) -> tuple[Array, Array]:
        """The first and last column and row that are drawn in."""
        x, y = self.picture.x, self.picture.y
        return np.array([x.min(), x.max()]), np.array([y.min(), y.max()])

    def beside(self, pixels: int, columns: float) -> float:
        """Columns beside the outermost nodes, where so many columns are given so many pixels."""
        return max(0.6, _BORDER * columns / (pixels - 2 * _BORDER))

    def _sizes(self) -> Array:
        """Pixels across each node: larger where fewer stand in a row of a step, but not by far."""
        place, picture = self.picture.grid, self.picture
        crowd = np.array([sum(row == other for other in place.row.values()) for row in place.row.values()])
        along, between = self.pixels if picture.upwards else self.pixels[::-1]
        size = np.clip(0.8 * np.minimum(np.where(crowd > 1, along, along * place.pitch), between), *_SIZES)
        once = np.isin(picture.names, place.shared)
        size = np.where(once, size, np.minimum(size, 2.4 * size[~once].min()))[picture.name]
        smaller = np.array([theme.SMALLER.get(role, 1.0) for role in picture.roles])[picture.name]
        return np.asarray(size * np.where(picture.initial, 0.75, 1) * smaller)

    def figure(self) -> go.Figure:
        """The drawing."""
        figure = go.Figure(
            [*self.edges(), *self.readings(), *self.nodes(), *self.glyphs(), *self.ring(), *self.captions()]
        )
        ink, muted, line = self.colours.ink, self.colours.muted, self.colours.line
        figure.update_layout(
            height=self.height + self.margin["t"] + self.margin["b"],
            margin=self.margin,
            meta={"width": self.width},
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"family": theme.FONT, "color": ink, "size": 14},
            hoverlabel={
                "bgcolor": self.colours.paper,
                "bordercolor": line,
                "align": "left",
                "font": {"color": ink, "size": 13, "family": theme.FONT},
            },
            hovermode="closest",
            dragmode="pan",
            legend={
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": -34 / self.height,
                "yanchor": "top",
                "font": {"color": muted, "size": 13},
                "itemclick": False,
                "itemdoubleclick": False,
            },
            annotations=self.notes(),
            xaxis=self._axis(self.extent[0], self.border, *self.steps()),
            yaxis=self._axis(self.extent[1], self.above, *self.rows()),
        )
        # The page keeps the selection itself; without this a click would fade all other points for a moment.
        for trace in figure.select_traces(selector=lambda trace: "markers" in (trace.mode or "")):
            opacity = 0 if trace.name == "messages" else 1
            trace.update(selected={"marker": {"opacity": opacity}}, unselected={"marker": {"opacity": opacity}})
        return figure

    # Axes --------------------------------------------------------------------------------------------------------

    def steps(self) -> tuple[Sequence[float], Sequence[str]]:
        """Time: a number for every step, or for every second, fifth … where they would not fit."""
        picture = self.picture
        if not picture.upwards:
            return (), ()
        every = _every(self.pixels[0] * picture.grid.pitch, 26)
        begin = int(picture.t[~picture.shared].min())
        steps = [t for t in range(begin, picture.last + 1) if t % every == 0 or (t == 1 and every >= 5)]
        return [(t - 1) * picture.grid.pitch for t in steps], [str(t).replace("-", "−") for t in steps]

    def rows(self) -> tuple[Sequence[float], Sequence[str]]:
        """The names of each row."""
        picture, place = self.picture, self.picture.grid
        if not picture.upwards:
            return (), ()
        every = [(place.row[n], self.symbols[i]) for i, n in enumerate(picture.names) if n not in place.shared]
        here = [[symbol for row, symbol in every if row == r] for r in range(place.rows)]
        return range(place.rows), ["  ".join(symbols) for symbols in here]

    def notes(self) -> list[dict[str, Any]]:
        """What stands beside the nodes: what the numbers below are."""
        if not self.picture.upwards:
            return []
        time = {
            "text": "step <i>t</i>",
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": 0,
            "xanchor": "right",
            "yanchor": "top",
            "xshift": -8,
            "yshift": -3,
            "showarrow": False,
            "font": {"color": self.colours.muted, "size": 13},
        }
        return [time]

    def _axis(self, values: Array, border: float, places: Sequence[float], texts: Sequence[str]) -> dict[str, Any]:
        return {
            "range": [float(values.min()) - border, float(values.max()) + border],
            "tickvals": list(places),
            "ticktext": list(texts),
            "tickfont": {"color": self.colours.muted},
            "showgrid": False,
            "zeroline": False,
            "showline": False,
            "ticks": "",
        }

    # Traces ------------------------------------------------------------------------------------------------------

    def edges(self) -> Iterator[go.Scatter]:
        """The edges, a trace for all that look alike: by what goes along them, bright or faded."""
        picture, colours = self.picture, self.colours
        thin = 1.2 if len(picture.source) < 600 else 0.8 if len(picture.source) <= _ARROWS else 0.4
        bright = self.near[picture.source] & self.near[picture.target]
        of_parameter = self.role[picture.source] == "parameter"
        level = self.levels()
        for kind in np.unique(level).tolist():
            share = (kind + 0.5) / _LEVELS
            colour, width = (
                (colours.line, thin)
                if kind < 0
                else (theme.ALARM, 3.0)
                if kind == _LEVELS
                else (theme.colour_at(share, picture.view.scale), thin + 3 * share)
            )
            for opacity, own in ((1.0, bright), (_FADED, ~bright)):
                for share, alike in ((1.0, ~of_parameter), (_THIN if kind < 0 else 1.0, of_parameter)):
                    if (chosen := np.flatnonzero((level == kind) & own & alike)).size:
                        yield self.lines(chosen, colour, width * share, opacity)
        if picture.path.size:
            yield self.lines(picture.path, colours.ink, 2.2, 1.0)
        if picture.walked is not None:
            yield self.lines(picture.path[[picture.walked]], colours.ink, 5.0, 1.0)

    def levels(self) -> Array:
        """How strong what goes along each edge is, from 0 to _LEVELS − 1; _LEVELS if not finite, −1 if it is nothing."""
        picture = self.picture
        if picture.strength is None:
            return np.full(len(picture.source), -1)
        mark = marks(picture.strength, picture.low, picture.high)
        usable = ~np.isin(mark, (Mark.ZERO, Mark.INFINITE, Mark.NAN, Mark.NONE))
        exponent = np.log10(np.where(usable, picture.strength, 1))
        share = (exponent - picture.low) / (picture.high - picture.low)
        level = np.clip(np.floor(share * _LEVELS), 0, _LEVELS - 1)
        return np.where(usable, level, np.where(np.isin(mark, (Mark.INFINITE, Mark.NAN)), _LEVELS, -1)).astype(int)

    def lines(self, chosen: Array, colour: str, width: float, opacity: float) -> go.Scatter:
        """Edges as one line with gaps; a head where each ends, turned and set off by plotly in pixels."""
        picture = self.picture
        lines, target = self.ways[chosen], picture.target[chosen]
        kept = np.ones((len(lines), lines.shape[1] + 1), bool)
        kept[self.straight[chosen], 1:-2] = False  # a straight one needs its ends and the gap only
        points = np.concatenate([lines, np.full((len(lines), 1, 2), np.nan)], axis=1)[kept]
        trace = go.Scatter(
            x=points[:, 0], y=points[:, 1], mode="lines", line={"color": colour, "width": width}, opacity=opacity,
            hoverinfo="skip", showlegend=False, name="edges",
        )  # fmt: skip
        if self.heads:
            head = np.zeros(kept.shape)
            head[:, -2] = np.clip(0.42 * self.size[target], 4, 10)
            distance = self.size / 2 * np.where(self.shape == "diamond", 1.3, 1) + 1
            trace.mode = "lines+markers"
            trace.marker = {
                "symbol": "arrow",
                "angleref": "previous",
                "size": head[kept],
                "standoff": np.where(head > 0, distance[target][:, None], 0)[kept],
                "color": colour,
                "opacity": 1,
                "line": {"width": 0},
            }
        return trace

    def readings(self) -> Iterator[go.Scatter]:
        """What goes along each edge, to be read in its middle."""
        picture = self.picture
        if picture.strength is None:
            return
        middle = self.ways[:, self.ways.shape[1] // 2]
        forth = picture.view.edges == "forward"
        begins, ends = (picture.source, picture.target) if forth else (picture.target, picture.source)
        names = [self.named(i) for i in range(len(picture.name))]
        said = [
            f"{names[begin]} → {names[end]}<br>{EDGES[picture.view.edges][1]} = "
            + ("none" if norm < 0 else text.number(norm))
            for begin, end, norm in zip(begins, ends, picture.strength.tolist(), strict=True)
        ]
        yield go.Scatter(
            x=middle[:, 0], y=middle[:, 1], mode="markers", hovertext=said, hoverinfo="text", showlegend=False,
            name="messages", marker={"size": 12, "opacity": 0},
        )  # fmt: skip

    def nodes(self) -> Iterator[go.Scatter]:
        """The nodes, a trace each: with a colour of the scale; exactly zero; not finite; without a magnitude."""
        picture, colours = self.picture, self.colours
        usable = np.where((picture.magnitude > 0) & np.isfinite(picture.magnitude), picture.magnitude, 1)
        exponent = np.log10(usable).astype(np.float32)
        share = (exponent - picture.low) / (picture.high - picture.low)
        kinds = (
            ((Mark.WITHIN, Mark.BELOW, Mark.ABOVE), None, colours.ink),
            ((Mark.ZERO,), colours.paper, colours.muted),
            ((Mark.INFINITE, Mark.NAN), theme.ALARM, colours.ink),
            ((Mark.NONE,), colours.neutral, colours.ink),
        )
        for own, fill, outline in kinds:
            chosen = np.flatnonzero(np.isin(picture.mark, own))
            if fill is None:
                inks = [theme.on(s, picture.view.scale) for s in share[chosen]]
                colour: dict[str, Any] = {
                    "color": exponent[chosen] if len(chosen) else [picture.low],
                    "cmin": picture.low,
                    "cmax": picture.high,
                    "colorscale": theme.colorscale(picture.view.scale),
                    **self.bar(),
                }
            else:
                inks = ["#ffffff" if fill == theme.ALARM else colours.ink] * len(chosen)
                colour = {"color": fill}
            if len(chosen) or fill is None:  # the first has the colour bar, and so is there in any case
                outlined = (self.size[chosen] >= _OUTLINED) | (fill == colours.paper)
                width = np.where(self.role[chosen] == "state", 1.8, 0.8) * outlined
                yield self._markers(chosen, inks, {**colour, "line": {"color": outline, "width": width}})

    def _markers(self, chosen: Array, inks: Sequence[str], marker: dict[str, Any]) -> go.Scatter:
        picture = self.picture
        where = chosen if len(chosen) else None
        labels = [self.label(int(i)) if self.font[i] >= _READABLE else "" for i in chosen]
        inks = [ink if near else self.colours.line for ink, near in zip(inks, self.near[chosen], strict=True)]
        written = any(labels)
        return go.Scatter(
            x=[None] if where is None else picture.x[chosen],
            y=[None] if where is None else picture.y[chosen],
            mode="markers+text" if written else "markers",
            text=labels if written else None,
            textfont={"size": np.maximum(self.font[chosen], 1), "color": inks} if written else None,
            hovertext=[self.reading(int(i)) for i in chosen],
            hoverinfo="text",
            customdata=[self.key(int(i)) for i in chosen],
            cliponaxis=False,
            showlegend=False,
            name="nodes",
            marker={
                "symbol": self.shape[chosen],
                "size": self.size[chosen],
                "opacity": np.where(self.near[chosen], 1, _FADED),
                **marker,
            },
        )

    def label(self, i: int) -> str:
        """What is written in a node."""
        return str(self.symbols[self.picture.name[i]])

    def key(self, i: int) -> list[Any]:
        """What a click on a node gives."""
        return [self.picture.names[self.picture.name[i]], int(self.picture.t[i])]

    def title(self) -> str:
        """What the colour shows."""
        return f"{LENSES[self.picture.view.lens].title}, {self.picture.view.quantity}"

    def bar(self) -> dict[str, Any]:
        """The colour bar, in powers of ten."""
        low, high = self.picture.low, self.picture.high
        powers = list(range(low, high + 1, _every(8, high - low)))
        bar = {
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1,
            "yanchor": "bottom",
            "ypad": 4,
            "xpad": 0,
            "lenmode": "fraction",
            "len": 1 if self.width < 600 else 0.5,
            "thickness": 9,
            "outlinewidth": 0,
            "title": {"text": self.title(), "side": "top", "font": {"size": 13}},
            "tickvals": powers,
            "ticktext": [text.power(exponent) for exponent in powers],
            "tickfont": {"size": 12, "color": self.colours.muted},
            "ticks": "",
        }
        return {"colorbar": bar}

    def glyphs(self) -> Iterator[go.Scatter]:
        """What the colour cannot say, as a sign in the node and a word in the legend."""
        picture = self.picture
        for mark, (symbol, words) in GLYPHS.items():
            chosen = np.flatnonzero(picture.mark == mark)
            if not len(chosen):
                continue
            beyond = mark in (Mark.BELOW, Mark.ABOVE)
            said = words.format(low=text.power(picture.low), high=text.power(picture.high))
            yield self._said(symbol, said, self.colours.muted if beyond else theme.ALARM, mark == Mark.ZERO)
            if not beyond:
                chosen = chosen[self.size[chosen] >= _OUTLINED]
            if mark == Mark.ZERO or not len(chosen):
                continue
            labelled = self.font[chosen] >= _READABLE
            size = np.maximum(self.size[chosen] * np.where(labelled, 0.22, 0.38), 2)
            aside = np.where(labelled, 0.34 * self.size[chosen], 0) / self.pixels[1]  # leaves the symbol free
            colour = theme.on(float(mark == Mark.ABOVE), picture.view.scale) if beyond else "#ffffff"
            yield go.Scatter(
                x=picture.x[chosen],
                y=picture.y[chosen] + (aside if mark == Mark.ABOVE else -aside),
                mode="markers",
                hoverinfo="skip",
                showlegend=False,
                cliponaxis=False,
                name=said,
                marker={
                    "symbol": symbol,
                    "size": size,
                    "color": colour,
                    "opacity": np.where(self.near[chosen], 1, _FADED),
                    "line": {"color": colour, "width": 0 if beyond else 1.6},
                },
            )

    def _said(self, symbol: str, words: str, colour: str, hollow: bool) -> go.Scatter:
        """An entry of the legend."""
        line = {"color": self.colours.muted if hollow else colour, "width": 1 if hollow else 2}
        marker = {"symbol": symbol, "size": 10, "color": self.colours.paper if hollow else colour, "line": line}
        return go.Scatter(x=[None], y=[None], mode="markers", name=words, marker=marker)

    def ring(self) -> Iterator[go.Scatter]:
        """A ring around the selected node."""
        i = self.picture.selected
        if i is not None:
            yield go.Scatter(
                x=[self.picture.x[i]],
                y=[self.picture.y[i]],
                mode="markers",
                hoverinfo="skip",
                showlegend=False,
                name="selected",
                marker={
                    "symbol": f"{self.shape[i]}-open",
                    "size": self.size[i] + 8,
                    "color": self.colours.ink,
                    "line": {"width": 2.5},
                },
            )

    def captions(self) -> Iterator[go.Scatter]:
        """What comes in, below each x; what is asked for, above each y."""
        picture = self.picture
        for texts, name, side in ((picture.labels, "x", -1), (picture.targets, "y", 1)):
            if not texts or name not in picture.names or not picture.upwards:
                continue
            here = np.flatnonzero(picture.name == picture.names.index(name))
            every = _every(self.pixels[0] * picture.grid.pitch, 6 + 8 * max(map(len, texts)))
            shown = [i for i in range(len(texts)) if (picture.first + i) % every == 0]
            offset = (self.size[here].max() / 2 + 2) / self.pixels[1]
            yield go.Scatter(
                x=picture.x[here][shown],
                y=picture.y[here][shown] + side * offset,
                mode="text",
                text=[text.escaped(texts[i]) for i in shown],
                textposition="bottom center" if side < 0 else "top center",
                textfont={"size": 15, "color": self.colours.ink},
                hoverinfo="skip",
                showlegend=False,
                cliponaxis=False,
                name="inputs" if side < 0 else "targets",
            )

    def named(self, i: int) -> str:
        """A node with its step."""
        own = self.symbols[self.picture.name[i]]
        return own if self.picture.shared[i] else text.at(own, int(self.picture.t[i]))

    def reading(self, i: int) -> str:
        """What is said of a node under the pointer."""
        picture = self.picture
        k, units = int(picture.name[i]), int(picture.units[i])
        own, role = self.symbols[k], "initial value" if picture.initial[i] else picture.roles[k]
        what = "number" if role == "parameter" else "unit"
        lines = [f"<b>{self.named(i)}</b>   {role}, {units} {what}{'s' * (units != 1)}"]
        readings = (
            (own, picture.value[i], picture.value_head[i]),
            (f"∇{own}", picture.gradient[i], picture.gradient_head[i]),
        )
        for sign, norm, head in readings:
            if not norm < 0:
                lines.append(f"‖{sign}‖ = {text.number(float(norm))}")
                if len(picture.name) <= _NUMBERS:
                    lines.append(f"{sign} = {_vector(head, units)}")
        if role == "target" and picture.value[i] < 0:
            lines.append(f"class {picture.value_head[i][0]:.0f}, counted from 0")
        return "<br>".join(lines)


def _vector(head: Array, units: int) -> str:
    numbers = [text.number(value) for value in head[:units].tolist()]
    return f"({', '.join(numbers)}{', …' if units > len(head) else ''})"


def _every(pixels: float, needed: float) -> int:
    """One in how many steps can have a text that needs so many pixels."""
    return next((every for every in (1, 2, 5, 10, 20, 50, 100, 200) if every * pixels >= needed), 500)
