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
from explorer.scene import Mark, Scene, scene
from explorer.state import LENSES

Array = NDArray[Any]

_ROW = 64  # pixels from row to row, at most
_HEIGHTS = (150, 600)
_SIZES = (5.0, 34.0)  # pixels across a node
_READABLE = 8.5  # pixels of a font; where a symbol would be smaller, it is left out
_BORDER = 20  # pixels, at least, from the centre of an outermost node to the edge
_POINTS = 13  # of a bent edge
_ARROWS = 1_200  # more edges than this are drawn without heads, which nobody could tell apart
_NUMBERS = 1_000  # more nodes than this say their norms only

#: Mark -> its glyph over the node, and what it says in the legend.
_GLYPHS = {
    Mark.ZERO: ("circle-open", "exactly 0"),
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
    return _Drawing(picture, theme.PALETTES[palette], width).figure()


class _Drawing:
    """A scene on a sheet of known size."""

    def __init__(self, picture: Scene, colours: theme.Palette, width: int) -> None:
        self.picture, self.colours, self.width = picture, colours, width
        self.margin = {"l": 64 if picture.upwards else 16, "r": 16, "t": 56, "b": 64}
        inner, across, upwards = width - self.margin["l"] - self.margin["r"], np.ptp(picture.x), np.ptp(picture.y) + 1.5
        self.border = max(0.6, _BORDER * across / (inner - 2 * _BORDER))  # columns left and right of the outermost nodes
        self.height = int(np.clip(upwards * _ROW, *_HEIGHTS))
        self.pixels = (inner / (across + 2 * self.border), self.height / upwards)
        self.role = np.array(picture.roles)[picture.name]
        self.shape = np.array([theme.SHAPES[role] for role in picture.roles])[picture.name]
        self.size = self._sizes()
        self.symbols = [text.symbol(parts) for parts in picture.symbols]
        widths = np.array([text.width(parts) for parts in picture.symbols])
        self.font = self.size * np.minimum(0.48, 0.78 / widths)[picture.name]

    def _sizes(self) -> Array:
        """Pixels across each node: the fewer of its row stand in a step, the larger, but not by far."""
        place, picture = self.picture.grid, self.picture
        crowd = [sum(row == other for other in place.row.values()) for row in place.row.values()]
        along, between = self.pixels if picture.upwards else self.pixels[::-1]
        room = np.where(np.array(crowd) > 1, along, along * place.pitch)
        size = np.clip(0.8 * np.minimum(room, between), *_SIZES)
        size = np.minimum(size, 2.4 * size.min())[picture.name]
        return size * np.where(picture.t < 1, 0.75, 1) * np.where(self.role == "loss", 0.9, 1)

    def figure(self) -> go.Figure:
        figure = go.Figure([self.edges(), *self.nodes(), *self.glyphs(), *self.ring(), *self.captions()])
        figure.update_layout(
            height=self.height + self.margin["t"] + self.margin["b"],
            margin=self.margin,
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={"family": theme.FONT, "color": self.colours.ink, "size": 14},
            hoverlabel={"bgcolor": self.colours.paper, "bordercolor": self.colours.line, "align": "left",
                        "font": {"color": self.colours.ink, "size": 13, "family": theme.FONT}},
            hovermode="closest",
            dragmode="pan",
            legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -34 / self.height, "yanchor": "top",
                    "font": {"color": self.colours.muted, "size": 13}, "itemclick": False, "itemdoubleclick": False},
            annotations=[{"text": "step <i>t</i>", "xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "right",
                          "yanchor": "top", "xshift": -8, "yshift": -3, "showarrow": False,
                          "font": {"color": self.colours.muted, "size": 13}}] if self.picture.upwards else [],
            xaxis=self.steps() if self.picture.upwards else self.stages(),
            yaxis=self.rows(),
        )  # fmt: skip
        return figure

    # Axes --------------------------------------------------------------------------------------------------------

    def steps(self) -> dict[str, Any]:
        """Time: a number for every step, or for every fifth, tenth … where they would not fit."""
        picture = self.picture
        every = _every(self.pixels[0] * picture.grid.pitch, 26)
        steps = [t for t in range(int(picture.t.min()), picture.last + 1) if t % every == 0 or t == 1 and every >= 5]
        return self._axis((np.array(steps) - 1) * picture.grid.pitch, [text.step(t) for t in steps], picture.x, self.border)

    def stages(self) -> dict[str, Any]:
        return self._axis([], [], self.picture.x, self.border)

    def rows(self) -> dict[str, Any]:
        picture, place = self.picture, self.picture.grid
        if not picture.upwards:
            return self._axis([], [], picture.y, 0.75)
        names = [[self.symbols[i] for i, n in enumerate(picture.names) if place.row[n] == row] for row in range(place.rows)]
        return self._axis(range(place.rows), ["  ".join(row) for row in names], picture.y, 0.75)

    def _axis(self, places: Sequence[float], texts: Sequence[str], values: Array, border: float) -> dict[str, Any]:
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

    def edges(self) -> go.Scatter:
        """All edges as one line with gaps; a head where each ends, turned and set off by plotly in pixels."""
        picture = self.picture
        straight = picture.bend == 0
        lines = picture.curves(_POINTS)
        kept = np.ones((len(lines), _POINTS + 1), bool)
        kept[straight, 1:-2] = False
        points = np.concatenate([lines, np.full((len(lines), 1, 2), np.nan)], axis=1)[kept]
        line = {"color": self.colours.line, "width": 1.2 if len(lines) < 600 else 0.8}
        trace = go.Scatter(x=points[:, 0], y=points[:, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False)
        if len(lines) <= _ARROWS:
            head = np.zeros((len(lines), _POINTS + 1))
            head[:, -2] = np.clip(0.42 * self.size[picture.target], 4, 10)
            reach = self.size / 2 * np.where(self.shape == "diamond", 1.3, 1) + 1
            off = np.where(head > 0, reach[picture.target][:, None], 0)
            trace.update(mode="lines+markers")
            trace.marker = {
                "symbol": "arrow", "angleref": "previous", "size": head[kept], "standoff": off[kept],
                "color": self.colours.line, "opacity": 1, "line": {"width": 0},
            }  # fmt: skip
        return trace

    def nodes(self) -> Iterator[go.Scatter]:
        """The nodes: those that have a colour of the scale, the zeros, those that are not finite, those without a magnitude."""
        picture, colours = self.picture, self.colours
        with np.errstate(divide="ignore", invalid="ignore"):
            exponent = np.where(picture.mark == Mark.NONE, np.nan, np.log10(picture.magnitude))
        share = (exponent - picture.low) / (picture.high - picture.low)
        scale = {
            "cmin": picture.low,
            "cmax": picture.high,
            "colorscale": theme.colorscale(),
            "colorbar": self.bar(),
        }
        kinds = (
            ((Mark.WITHIN, Mark.BELOW, Mark.ABOVE), None),
            ((Mark.ZERO,), colours.paper),
            ((Mark.INFINITE, Mark.NAN), theme.ALARM),
            ((Mark.NONE,), colours.neutral),
        )
        for marks, fill in kinds:
            chosen = np.isin(picture.mark, marks)
            if not chosen.any():
                if fill is None:  # so that there is always a colour bar
                    yield go.Scatter(x=[None], y=[None], mode="markers", marker={"color": [0], **scale}, showlegend=False)
                continue
            ink = colours.ink if fill != theme.ALARM else "#ffffff"
            inks = [theme.on(s) for s in share[chosen]] if fill is None else ink
            font = self.font[chosen]
            label = [self.symbols[i] if size >= _READABLE else "" for i, size in zip(picture.name[chosen], font, strict=True)]
            yield go.Scatter(
                x=picture.x[chosen],
                y=picture.y[chosen],
                mode="markers+text" if any(label) else "markers",
                text=label if any(label) else None,
                textfont={"size": np.maximum(font, 1), "color": inks},
                hovertext=[self.reading(i) for i in np.flatnonzero(chosen)],
                hoverinfo="text",
                cliponaxis=False,
                showlegend=False,
                marker={
                    "symbol": self.shape[chosen],
                    "size": self.size[chosen],
                    "opacity": 1,
                    "line": {
                        "color": colours.muted if fill == colours.paper else colours.ink,
                        "width": np.where(self.role[chosen] == "state", 1.8, 0.8),
                    },
                    **(scale | {"color": exponent[chosen].astype(np.float32)} if fill is None else {"color": fill}),
                },
            )

    def bar(self) -> dict[str, Any]:
        picture, width = self.picture, self.width
        every = 1 if picture.high - picture.low <= 10 else 2 if picture.high - picture.low <= 20 else 5
        powers = range(picture.low, picture.high + 1, every)
        return {
            "orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom", "ypad": 4, "xpad": 0,
            "lenmode": "fraction", "len": 1 if width < 600 else 0.5, "thickness": 9, "outlinewidth": 0,
            "title": {"text": f"{LENSES[picture.view.lens].title} {picture.view.quantity}", "side": "top", "font": {"size": 13}},
            "tickvals": list(powers), "ticktext": [text.power(e) for e in powers],
            "tickfont": {"size": 12, "color": self.colours.muted}, "ticks": "", "ticklabelposition": "outside bottom",
        }  # fmt: skip

    def glyphs(self) -> Iterator[go.Scatter]:
        """What the colour cannot say, as a sign at the node and a word in the legend."""
        picture = self.picture
        for mark, (symbol, words) in _GLYPHS.items():
            chosen = np.flatnonzero(picture.mark == mark)
            if not len(chosen):
                continue
            beyond = mark in (Mark.BELOW, Mark.ABOVE)
            labelled = self.font[chosen] >= _READABLE
            size = np.maximum(self.size[chosen] * np.where(labelled, 0.22, 0.38), 3)
            colour = theme.on(float(mark == Mark.ABOVE)) if beyond else "#ffffff"
            if mark == Mark.ZERO:
                legend = {"symbol": "circle", "color": self.colours.paper, "line": {"color": self.colours.muted, "width": 1}}
            elif beyond:
                legend = {"symbol": symbol, "color": self.colours.muted}
            else:
                legend = {"symbol": symbol, "color": theme.ALARM, "line": {"color": theme.ALARM, "width": 2}}
            yield go.Scatter(
                x=[None], y=[None], mode="markers", marker={"size": 10, **legend},
                name=words.format(low=text.power(picture.low), high=text.power(picture.high)),
            )  # fmt: skip
            if mark == Mark.ZERO:
                continue
            aside = np.where(labelled, 0.34 * self.size[chosen], 0) / self.pixels[1]  # so that it leaves the symbol free
            yield go.Scatter(
                x=picture.x[chosen], y=picture.y[chosen] + (aside if mark == Mark.ABOVE else -aside), mode="markers", hoverinfo="skip",
                showlegend=False, cliponaxis=False,
                marker={"symbol": symbol, "size": size, "color": colour, "opacity": 1, "line": {"color": colour, "width": 1.6}},
            )  # fmt: skip

    def ring(self) -> Iterator[go.Scatter]:
        """A ring around the selected node."""
        i = self.picture.selected
        if i is not None:
            yield go.Scatter(
                x=[self.picture.x[i]], y=[self.picture.y[i]], mode="markers", hoverinfo="skip", showlegend=False,
                marker={"symbol": f"{self.shape[i]}-open", "size": self.size[i] + 8, "color": self.colours.ink,
                        "line": {"width": 2.5}},
            )  # fmt: skip

    def captions(self) -> Iterator[go.Scatter]:
        """What comes in, below each x; what is asked for, above each y."""
        picture = self.picture
        if not picture.upwards:
            return
        for texts, name, side in ((picture.labels, "x", -1), (picture.targets, "y", 1)):
            if not texts or name not in picture.names:
                continue
            here = np.flatnonzero(picture.name == picture.names.index(name))
            widest = max(map(len, texts))
            every = _every(self.pixels[0] * picture.grid.pitch, 9 + 8 * widest)
            shown = [i for i in range(len(texts)) if i == 0 and every == 1 or (picture.first + i) % every == 0]
            offset = (self.size[here].max() / 2 + 2) / self.pixels[1]
            yield go.Scatter(
                x=picture.x[here][shown], y=picture.y[here][shown] + side * offset, mode="text",
                text=[text.escaped(texts[i]) for i in shown], textposition="bottom center" if side < 0 else "top center", textfont={"size": 15, "color": self.colours.ink},
                hoverinfo="skip", showlegend=False, cliponaxis=False,
            )  # fmt: skip

    def reading(self, i: int) -> str:
        """What is said of a node under the pointer."""
        picture = self.picture
        k, t = int(picture.name[i]), int(picture.t[i])
        role, units = picture.roles[k] if t > 0 else "initial value", int(picture.units[i])
        lines = [f"<b>{text.at(self.symbols[k], t)}</b>   {role}, {units} {'unit' if units == 1 else 'units'}"]
        for sign, norm, head in (
            ("", picture.value[i], picture.value_head[i]),
            ("∇", picture.gradient[i], picture.gradient_head[i]),
        ):
            if norm >= 0 or np.isnan(norm):
                lines.append(f"‖{sign}{self.symbols[k]}‖ = {text.number(norm)}")
                if len(picture.name) <= _NUMBERS:
                    lines.append(f"{sign}{self.symbols[k]} = {_vector(head, units)}")
        if picture.roles[k] == "target" and picture.value[i] < 0:
            lines.append(f"class {picture.value_head[i][0]:.0f}")
        return "<br>".join(lines)


def _vector(head: Array, units: int) -> str:
    numbers = [text.number(value) for value in head[:units].tolist()]
    return f"({', '.join(numbers)}{', …' if units > len(head) else ''})"


def _every(pixels: float, needed: float) -> int:
    """One in how many steps can have a text that needs so many pixels."""
    return next((every for every in (1, 2, 5, 10, 20, 50, 100, 200) if every * pixels >= needed), 500)
