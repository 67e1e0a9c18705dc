"""The loss over two numbers as a plotly figure, map or relief, with the steps of descent; and the cut along one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from explorer import theme
from explorer.experiments.cliff import Cut, Descent, Pair, Surface
from explorer.figures import sheet, text
from explorer.picture.marks import SIGNS, Mark
from explorer.words.numbers import number, power

Array = NDArray[Any]

_RED: Final = [[0, theme.ALARM], [1, theme.ALARM]]
_DECADES: Final = 1.5  # powers of ten that a linear scale still shows
_ARROW: Final = 0.13  # length of the gradient's arrow, as a share of the picture
_STEPS: Final = (("plain", "step", "diamond", 1), ("clipped", "clipped", "square", 0))


class _Point(NamedTuple):
    """A marked place: its title, its symbol, its colour in the series (None is ink), where it is, and its loss."""

    title: str
    symbol: str
    colour: int | None
    place: Pair
    loss: float | None


@dataclass(frozen=True)
class _Landscape:
    """What a map or a relief of the loss shows.

    height   the height of each point of the grid;  logarithmic  whether it is the logarithm of the loss
    ticks    of the loss;  texts  what can be read at each point
    points   the marked places, the present one last
    """

    surface: Surface
    height: Array
    logarithmic: bool
    ticks: dict[str, Any]
    names: tuple[str, str]
    texts: list[list[str]]
    points: list[_Point]
    descent: Descent | None
    colours: theme.Palette
    scale: str

    @property
    def ends(self) -> tuple[Pair, Pair]:
        """The first and the last value of each of the two numbers."""
        across, up = self.surface.across, self.surface.up
        return (float(across[0]), float(across[-1])), (float(up[0]), float(up[-1]))

    @property
    def place(self) -> Pair:
        """Where the network stands."""
        return self.points[-1].place

    @property
    def heights(self) -> dict[str, Any]:
        """The grid and its heights, as a trace has them."""
        colours = self.colours
        bar = {
            "title": {"text": "loss <i>L</i>", "side": "top"}, "thickness": 12, "outlinewidth": 0, "len": 0.9,
            "tickfont": {"color": colours.muted}, **self.ticks,
        }  # fmt: skip
        return {
            "x": self.surface.across, "y": self.surface.up, "z": np.where(self.surface.done, self.height, np.nan),
            "text": self.texts, "hoverinfo": "text", "colorscale": theme.colorscale(self.scale), "colorbar": bar,
            "name": "loss",
        }  # fmt: skip

    @property
    def wrong(self) -> Array:
        """Where the loss is not finite."""
        return self.surface.done & ~np.isfinite(self.surface.loss)

    def ink(self, point: _Point) -> str:
        """The colour of a marked place."""
        return self.colours.ink if point.colour is None else self.colours.series[point.colour]


def surface(
    losses: Surface,
    titles: tuple[str, str],
    place: Pair,
    descent: Descent | None = None,
    palette: str = "light",
    scale: str = theme.USUAL,
    picture: str = "map",
) -> go.Figure:
    """Draw the loss over two numbers, with the place where the network stands.

    With a descent also the direction of the gradient and the two steps; a step that leaves the picture ends at its edge. A
    loss that is not finite is red; a loss that is not yet computed is left out.

    Args:
        losses: on a grid
        titles: the names of the two numbers
        place: of the network
        descent: the gradient at this place, and the steps from there
        palette: "light" or "dark"
        scale: key of `theme.SCALES`
        picture: "map", or "relief": the same in three dimensions

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    height, logarithmic = _height(losses.loss)
    names = (text.escaped(titles[0]), text.escaped(titles[1]))
    landscape = _Landscape(
        surface=losses,
        height=height,
        logarithmic=logarithmic,
        ticks=_ticks(height[losses.done & np.isfinite(losses.loss)], logarithmic),
        names=names,
        texts=_texts(losses, names),
        points=_points(place, descent),
        descent=descent,
        colours=colours,
        scale=scale,
    )
    figure = go.Figure()
    (_relief if picture == "relief" else _map)(figure, landscape)
    figure.update_layout(
        height=470,
        margin={"l": 12, "r": 12, "t": 44, "b": 44},
        **sheet.paper(colours),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 1, "yanchor": "top"},
    )
    return figure


def cut(curve: Cut, title: str, place: float, palette: str = "light") -> go.Figure:
    """Draw the loss along one number, and below it the size of its derivative, on a logarithmic scale.

    Args:
        curve: the loss and its derivative
        title: the name of the number
        place: its present value
        palette: "light" or "dark"

    Returns:
        The figure.
    """
    colours, name = theme.PALETTES[palette], text.escaped(title)
    by = f"∂{name}" if len(title) <= 4 else f"∂({name})"
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    _profile(figure, 1, curve.value, curve.loss, (name, "<i>L</i>"), colours)
    _profile(figure, 2, curve.value, curve.slope, (name, f"|∂<i>L</i>/{by}|"), colours, logarithmic=True)
    figure.update_xaxes(
        showgrid=False, zeroline=False, linecolor=colours.line, tickfont={"color": colours.muted},
        range=[curve.value[0], curve.value[-1]],
    )  # fmt: skip
    figure.update_xaxes(title={"text": name}, row=2, col=1, automargin=True)
    if curve.value[0] <= place <= curve.value[-1]:
        for row in (1, 2):
            figure.add_vline(x=place, row=row, col=1, line={"color": colours.muted, "width": 1, "dash": "dot"})
    return figure.update_layout(height=380, margin={"l": 12, "r": 12, "t": 16, "b": 44}, **sheet.paper(colours))


def _profile(
    figure: go.Figure, row: int, x: Array, exact: Array, names: tuple[str, str], colours: theme.Palette,
    logarithmic: bool = False,
) -> None:  # fmt: skip
    """One of the two curves: a line, and crosses where it is not finite; names of the number and of the curve."""
    values, is_log = _height(exact, always=logarithmic)
    colour = colours.series[row - 1]
    usable = np.isfinite(exact) & ~np.isnan(values)
    figure.add_scatter(
        x=x, y=np.where(usable, values, np.nan), mode="lines", row=row, col=1, showlegend=False,
        line={"color": colour, "width": 2}, hoverinfo="text",
        hovertext=[f"{names[0]} = {v:.7g}<br>{names[1]} = {number(e)}"
                   for v, e in zip(x.tolist(), exact.tolist(), strict=True)],
    )  # fmt: skip
    if not np.isfinite(exact).all():
        top = float(values[usable].max(initial=0.0))
        wrong = ~np.isfinite(exact)
        figure.add_scatter(
            x=x[wrong], y=np.full(wrong.sum(), top), mode="markers", row=row, col=1, showlegend=False,
            hovertext=[number(e) for e in exact[wrong].tolist()], hoverinfo="text+x",
            marker={"symbol": SIGNS[Mark.NAN].symbol, "size": 6, "color": theme.ALARM, "line": {"width": 2}},
        )  # fmt: skip
    figure.update_yaxes(
        row=row, col=1, title={"text": names[1], "font": {"color": colour}}, automargin=True, zeroline=False,
        gridcolor=colours.grid, tickfont={"color": colours.muted}, **_ticks(values[usable], logarithmic or is_log),
    )  # fmt: skip


# --- the scale of the loss -----------------------------------------------------------------------------------------


def _height(values: Array, always: bool = False) -> tuple[Array, bool]:
    """The height of each value, and whether it is the logarithm: if the values span decades, or `always`.

    The logarithm of an exact 0 is the lowest of the others; the height of a value that is not finite is nan.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive) or not (always or np.log10(positive.max()) - np.log10(positive.min()) > _DECADES):
        return np.where(np.isfinite(values), values, np.nan), False
    low = positive.min()
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(values), np.log10(np.maximum(values, low)), np.nan), True


def _ticks(heights: Array, logarithmic: bool) -> dict[str, Any]:
    """Powers of ten for a logarithmic axis; none for a linear one."""
    if not logarithmic or not len(heights):
        return {}
    low, high = float(heights.min()), float(heights.max())
    every = next((step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 7), 100)
    ticks = np.arange(np.ceil(low / every) * every, high + 1e-9, every)
    return {"tickvals": ticks, "ticktext": [power(int(e)) for e in ticks]}


# --- texts and places ----------------------------------------------------------------------------------------------


def _texts(losses: Surface, names: tuple[str, str]) -> list[list[str]]:
    """What can be read at each point of the grid."""
    return [
        [
            f"{names[0]} = {number(a)}<br>{names[1]} = {number(u)}<br>"
            f"<i>L</i> = {number(loss)}<br>‖∇‖ = {number(steep)}"
            for a, loss, steep in zip(losses.across.tolist(), row, steeps, strict=True)
        ]
        for u, row, steeps in zip(losses.up.tolist(), losses.loss.tolist(), losses.steep.tolist(), strict=True)
    ]


def _points(place: Pair, descent: Descent | None) -> list[_Point]:
    """The ends of the steps, and the place of the network."""
    if descent is None:
        return [_Point("here", "circle", None, place, None)]
    steps = [
        _Point(title, symbol, colour, step.to, step.loss)
        for key, title, symbol, colour in _STEPS
        for step in [descent.plain if key == "plain" else descent.clipped]
    ]
    return [*steps, _Point("here", "circle", None, place, descent.loss)]


def _within(place: Pair, ends: tuple[Pair, Pair]) -> bool:
    return all(low <= value <= high for value, (low, high) in zip(place, ends, strict=True))


def _edge(start: Pair, to: Pair, ends: tuple[Pair, Pair]) -> Pair:
    """Where the line from a place inside to one outside crosses the edge of the picture."""
    share = 1.0
    for a, b, (low, high) in zip(start, to, ends, strict=True):
        if b > high:
            share = min(share, (high - a) / (b - a))
        elif b < low:
            share = min(share, (low - a) / (b - a))
    return start[0] + share * (to[0] - start[0]), start[1] + share * (to[1] - start[1])


def _words(title: str, place: Pair, loss: float | None) -> str:
    return f"{title}<br>({place[0]:.5g}, {place[1]:.5g})" + (
        f"<br><i>L</i> = {number(loss)}" if loss is not None else ""
    )


# --- the map -------------------------------------------------------------------------------------------------------


def _map(figure: go.Figure, landscape: _Landscape) -> None:
    ends, colours = landscape.ends, landscape.colours
    figure.add_heatmap(**landscape.heights, hoverongaps=False)
    if landscape.wrong.any():
        figure.add_heatmap(
            x=landscape.surface.across, y=landscape.surface.up, z=np.where(landscape.wrong, 1.0, np.nan),
            text=landscape.texts, hoverinfo="text", showscale=False, colorscale=_RED, hoverongaps=False, name="not finite",
        )  # fmt: skip
    if landscape.descent is not None and _within(landscape.place, ends):
        _steps(figure, landscape)
        _arrow(figure, landscape.place, landscape.descent, ends, colours)
    for point in landscape.points:
        _mark(figure, landscape, point)
    axis = {"showgrid": False, "zeroline": False, "linecolor": colours.line, "tickfont": {"color": colours.muted},
            "automargin": True, "constrain": "domain"}  # fmt: skip
    counts = landscape.surface.loss.shape[::-1]
    half = [(high - low) / (2 * (n - 1)) for (low, high), n in zip(ends, counts, strict=True)]
    for k, update in enumerate((figure.update_xaxes, figure.update_yaxes)):
        update(**axis, title={"text": landscape.names[k]}, range=[ends[k][0] - half[k], ends[k][1] + half[k]])


def _steps(figure: go.Figure, landscape: _Landscape) -> None:
    """The steps as lines from the place of the network, each on a wider line of the paper's colour."""
    start, ends = landscape.place, landscape.ends
    for point in landscape.points[:-1]:
        stop = point.place if _within(point.place, ends) else _edge(start, point.place, ends)
        for line in ({"color": landscape.colours.paper, "width": 5.5}, {"color": landscape.ink(point), "width": 2.5}):
            figure.add_scatter(x=[start[0], stop[0]], y=[start[1], stop[1]], mode="lines", line=line,
                               hoverinfo="skip", showlegend=False, name=point.title)  # fmt: skip


def _mark(figure: go.Figure, landscape: _Landscape, point: _Point) -> None:
    """A marked place; one that is beyond the picture is marked at the edge."""
    ends, paper, ink = landscape.ends, landscape.colours.paper, landscape.ink(point)
    place, symbol, size, title = point.place, point.symbol, 13, point.title
    if not _within(place, ends):
        if not _within(landscape.place, ends) or not np.isfinite(place).all():
            return
        place, symbol, size, title = _edge(landscape.place, place, ends), f"{symbol}-open", 15, f"{title} (beyond)"
    present = point.colour is None
    figure.add_scatter(
        x=[place[0]], y=[place[1]], mode="markers", name=title, hovertext=[_words(title, point.place, point.loss)],
        hoverinfo="text", cliponaxis=False,
        marker={"symbol": symbol, "size": size, "color": paper if present else ink,
                "line": {"width": 2.5 if present else 1.5,
                         "color": ink if present or symbol != point.symbol else paper}},
    )  # fmt: skip


def _arrow(figure: go.Figure, place: Pair, descent: Descent, ends: tuple[Pair, Pair], colours: theme.Palette) -> None:
    """The gradient, uphill: an arrow whose length does not depend on the norm, with the norm beside it."""
    if not descent.norm:
        return
    share = [abs(g) / (high - low) for g, (low, high) in zip(descent.gradient, ends, strict=True)]
    length = _ARROW / max(share)
    tip = tuple(p + length * g for p, g in zip(place, descent.gradient, strict=True))
    figure.add_annotation(
        x=tip[0], y=tip[1], ax=place[0], ay=place[1], xref="x", yref="y", axref="x", ayref="y", text="", showarrow=True,
        arrowhead=2, arrowwidth=2.5, arrowcolor="#ffffff", arrowsize=1.1, standoff=0,
    )  # fmt: skip
    figure.add_annotation(
        x=tip[0], y=tip[1], text=f"∇, ‖∇‖ = {number(descent.norm)}", showarrow=False, bgcolor=colours.paper,
        opacity=0.85, font={"size": 13, "color": colours.ink}, xanchor="left" if descent.gradient[0] >= 0 else "right",
        yanchor="bottom" if descent.gradient[1] >= 0 else "top", borderpad=2,
    )  # fmt: skip


# --- the relief ----------------------------------------------------------------------------------------------------


def _relief(figure: go.Figure, landscape: _Landscape) -> None:
    usable = landscape.height[np.isfinite(landscape.height)]
    low, high = (float(usable.min()), float(usable.max())) if len(usable) else (0.0, 1.0)
    figure.add_surface(
        **landscape.heights, showlegend=False,
        lighting={"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9},
    )  # fmt: skip
    if landscape.wrong.any():
        rows, columns = np.nonzero(landscape.wrong)
        figure.add_scatter3d(
            x=landscape.surface.across[columns], y=landscape.surface.up[rows], z=np.full(len(rows), high), mode="markers",
            name="not finite", hoverinfo="text", marker={"symbol": "square", "size": 3.5, "color": theme.ALARM},
            hovertext=[landscape.texts[i][j] for i, j in zip(rows.tolist(), columns.tolist(), strict=True)],
        )  # fmt: skip
    _raise(figure, landscape, low, high)
    colours, names = landscape.colours, landscape.names
    axis = {"gridcolor": colours.grid, "zeroline": False, "color": colours.muted, "showbackground": False}
    figure.update_layout(
        scene={
            "xaxis": {**axis, "title": {"text": names[0]}},
            "yaxis": {**axis, "title": {"text": names[1]}},
            "zaxis": {**axis, "title": {"text": "loss"}, **landscape.ticks},
            "camera": {"eye": {"x": -1.8, "y": -1.8, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.12}},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.25, "y": 1.25, "z": 0.8},
        }
    )


def _raise(figure: go.Figure, landscape: _Landscape, low: float, high: float) -> None:
    """The marked places at the height of their loss, with lines from the present one."""

    def height(loss: float | None) -> float:
        if loss is None or not np.isfinite(loss):
            return high
        return float(np.log10(loss)) if landscape.logarithmic and loss > 0 else low if landscape.logarithmic else loss

    start, ends = landscape.points[-1], landscape.ends
    for point in landscape.points:
        if not _within(point.place, ends):
            continue
        (x, y), z, ink = point.place, height(point.loss), landscape.ink(point)
        if point.colour is not None and _within(start.place, ends):
            figure.add_scatter3d(
                x=[start.place[0], x], y=[start.place[1], y], z=[height(start.loss), z], mode="lines",
                showlegend=False, line={"color": ink, "width": 6}, hoverinfo="skip", name=point.title,
            )  # fmt: skip
        figure.add_scatter3d(
            x=[x], y=[y], z=[z], mode="markers", name=point.title, hoverinfo="text",
            hovertext=[_words(point.title, point.place, point.loss)],
            marker={"symbol": point.symbol, "size": 6, "color": ink,
                    "line": {"width": 2, "color": landscape.colours.paper}},
        )  # fmt: skip
