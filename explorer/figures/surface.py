"""The loss over two numbers as a plotly figure, map or relief, with the steps of descent; and the cut along one of them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from explorer import theme
from explorer.experiments.cliff import Cut, Descent, Pair, Surface
from explorer.figures import sheet, text
from explorer.words.numbers import number, power

Array = NDArray[Any]

_DECADES: Final = 1.5  # powers of ten that a linear scale still shows
_ARROW: Final = 0.13  # length of the gradient's arrow, as a share of the picture
_STEPS: Final = (("plain", "step", "diamond", 1), ("clipped", "clipped", "square", 0))


def surface(
    found: Surface,
    titles: tuple[str, str],
    here: Pair,
    descent: Descent | None = None,
    palette: str = "light",
    scale: str = theme.USUAL,
    picture: str = "map",
) -> go.Figure:
    """The loss over two numbers, called `titles`, with the place where the network stands.

    picture  "map" or "relief", which is the same in three dimensions
    With a descent also the direction of the gradient and the two steps; a step that leaves the picture ends at its edge. A
    loss that is not finite is red; what is not yet computed is left out.
    """
    colours = theme.PALETTES[palette]
    height, logarithmic = _height(found.loss)
    known = found.done & np.isfinite(found.loss)
    ticks = _ticks(height[known], logarithmic)
    bar = {
        "title": {"text": "loss <i>L</i>", "side": "top"}, "thickness": 12, "outlinewidth": 0, "len": 0.9,
        "tickfont": {"color": colours.muted}, **ticks,
    }  # fmt: skip
    names = tuple(text.escaped(title) for title in titles)
    said = _said(found, names)
    points = _points(here, descent)
    figure = go.Figure()
    layout = _relief if picture == "relief" else _map
    layout(
        figure, found, height, said, points, descent, names, colours, theme.colorscale(scale), bar, logarithmic, ticks
    )
    figure.update_layout(
        height=470,
        margin={"l": 12, "r": 12, "t": 44, "b": 44},
        **sheet.paper(colours),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 1, "yanchor": "top"},
    )
    return figure


def cut(found: Cut, title: str, here: float, palette: str = "light") -> go.Figure:
    """The loss along one number, called `title`, and below it the size of its derivative there, on a logarithmic scale."""
    colours, name = theme.PALETTES[palette], text.escaped(title)
    by = f"∂{name}" if len(title) <= 4 else f"∂({name})"
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    height, logarithmic = _height(found.loss)
    steep, _ = _height(found.slope, always=True)
    for row, (values, exact, sign, colour, high) in enumerate(
        (
            (height, found.loss, "<i>L</i>", colours.series[0], logarithmic),
            (steep, found.slope, f"|∂<i>L</i>/{by}|", colours.series[1], True),
        ),
        1,
    ):
        usable = np.isfinite(exact) & ~np.isnan(values)
        figure.add_scatter(
            x=found.value, y=np.where(usable, values, np.nan), mode="lines", row=row, col=1, showlegend=False,
            line={"color": colour, "width": 2}, hoverinfo="text",
            hovertext=[f"{name} = {v:.7g}<br>{sign} = {number(e)}"
                       for v, e in zip(found.value.tolist(), exact.tolist(), strict=True)],
        )  # fmt: skip
        if not np.isfinite(exact).all():
            top = float(values[usable].max(initial=0.0))
            wrong = ~np.isfinite(exact)
            figure.add_scatter(
                x=found.value[wrong], y=np.full(wrong.sum(), top), mode="markers", row=row, col=1, showlegend=False,
                hovertext=[number(e) for e in exact[wrong].tolist()], hoverinfo="text+x",
                marker={"symbol": "x-thin-open", "size": 6, "color": theme.ALARM, "line": {"width": 2}},
            )  # fmt: skip
        figure.update_yaxes(
            row=row, col=1, title={"text": sign, "font": {"color": colour}}, automargin=True, zeroline=False,
            gridcolor=colours.grid, tickfont={"color": colours.muted}, **_ticks(values[usable], high),
        )  # fmt: skip
    figure.update_xaxes(
        showgrid=False, zeroline=False, linecolor=colours.line, tickfont={"color": colours.muted},
        range=[found.value[0], found.value[-1]],
    )  # fmt: skip
    figure.update_xaxes(title={"text": name}, row=2, col=1, automargin=True)
    if found.value[0] <= here <= found.value[-1]:
        for row in (1, 2):
            figure.add_vline(x=here, row=row, col=1, line={"color": colours.muted, "width": 1, "dash": "dot"})
    figure.update_layout(
        height=380,
        margin={"l": 12, "r": 12, "t": 16, "b": 44},
        **sheet.paper(colours),
    )
    return figure


# --- the scale of the loss -----------------------------------------------------------------------------------------


def _height(values: Array, always: bool = False) -> tuple[Array, bool]:
    """How high each value stands, and whether that is its logarithm: it is where the values span decades.

    Of exact zeros it is the lowest there is beside them; of what is not finite, and negative, it is nan.
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if not len(positive) or not (always or np.log10(positive.max()) - np.log10(positive.min()) > _DECADES):
        return np.where(np.isfinite(values), values, np.nan), False
    low = positive.min()
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(values), np.log10(np.maximum(values, low)), np.nan), True


def _ticks(heights: Array, logarithmic: bool) -> dict[str, Any]:
    if not logarithmic or not len(heights):
        return {}
    low, high = float(heights.min()), float(heights.max())
    every = next((step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 7), 100)
    ticks = np.arange(np.ceil(low / every) * every, high + 1e-9, every)
    return {"tickvals": ticks, "ticktext": [power(int(e)) for e in ticks]}


def _said(found: Surface, names: tuple[str, ...]) -> list[list[str]]:
    """What is read at each point of the grid."""
    return [
        [
            f"{names[0]} = {number(a)}<br>{names[1]} = {number(u)}<br>"
            f"<i>L</i> = {number(loss)}<br>‖∇‖ = {number(steep)}"
            for a, loss, steep in zip(found.across.tolist(), losses, steeps, strict=True)
        ]
        for u, losses, steeps in zip(found.up.tolist(), found.loss.tolist(), found.steep.tolist(), strict=True)
    ]


# --- the places ----------------------------------------------------------------------------------------------------


def _points(here: Pair, descent: Descent | None) -> list[tuple[str, str, int | None, Pair, float | None]]:
    """What is marked: its name, its symbol, which colour of the series (None: ink), its place, its loss."""
    if descent is None:
        return [("here", "circle", None, here, None)]
    steps = [
        (title, sign, colour, step.to, step.loss)
        for key, title, sign, colour in _STEPS
        for step in [descent.plain if key == "plain" else descent.clipped]
    ]
    return [*steps, ("here", "circle", None, here, descent.loss)]


def _ends(found: Surface) -> tuple[Pair, Pair]:
    return (float(found.across[0]), float(found.across[-1])), (float(found.up[0]), float(found.up[-1]))


def _within(place: Pair, ends: tuple[Pair, Pair]) -> bool:
    return all(low <= value <= high for value, (low, high) in zip(place, ends, strict=True))


def _edge(start: Pair, to: Pair, ends: tuple[Pair, Pair]) -> Pair:
    """Where the way from a place inside to one beyond crosses the edge of the picture."""
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


# --- the two pictures ----------------------------------------------------------------------------------------------


def _map(
    figure: go.Figure, found: Surface, height: Array, said: list[list[str]], points: Any, descent: Descent | None,
    names: tuple[str, ...], colours: theme.Palette, scale: Any, bar: Any, logarithmic: bool, ticks: Any,
) -> None:  # fmt: skip
    ends = _ends(found)
    figure.add_heatmap(
        x=found.across, y=found.up, z=np.where(found.done, height, np.nan), text=said, hoverinfo="text", colorscale=scale,
        colorbar=bar, hoverongaps=False, name="loss",
    )  # fmt: skip
    wrong = found.done & ~np.isfinite(found.loss)
    if wrong.any():
        figure.add_heatmap(
            x=found.across, y=found.up, z=np.where(wrong, 1.0, np.nan), text=said, hoverinfo="text", showscale=False,
            colorscale=[[0, theme.ALARM], [1, theme.ALARM]], hoverongaps=False, name="not finite",
        )  # fmt: skip
    here = points[-1][3]
    if descent is not None and _within(here, ends):
        for title, _, colour, to, _ in points[:-1]:
            stop = to if _within(to, ends) else _edge(here, to, ends)
            for line in ({"color": colours.paper, "width": 5.5}, {"color": colours.series[colour], "width": 2.5}):
                figure.add_scatter(x=[here[0], stop[0]], y=[here[1], stop[1]], mode="lines", line=line,
                                   hoverinfo="skip", showlegend=False, name=title)  # fmt: skip
        _arrow(figure, here, descent, ends, colours)
    for title, sign, colour, place, loss in points:
        if _within(place, ends):
            shown, mark, size = place, sign, 13
        elif _within(here, ends) and np.isfinite(place).all():
            shown, mark, size = _edge(here, place, ends), f"{sign}-open", 15
            title = f"{title} (beyond)"
        else:
            continue
        ink = colours.ink if colour is None else colours.series[colour]
        figure.add_scatter(
            x=[shown[0]], y=[shown[1]], mode="markers", name=title, hovertext=[_words(title, place, loss)], hoverinfo="text",
            cliponaxis=False,
            marker={"symbol": mark, "size": size, "color": colours.paper if colour is None else ink,
                    "line": {"width": 2.5 if colour is None else 1.5,
                             "color": ink if colour is None or mark != sign else colours.paper}},
        )  # fmt: skip
    axis = {"showgrid": False, "zeroline": False, "linecolor": colours.line, "tickfont": {"color": colours.muted},
            "automargin": True, "constrain": "domain"}  # fmt: skip
    half = [(high - low) / (2 * (n - 1)) for (low, high), n in zip(ends, found.loss.shape[::-1], strict=True)]
    figure.update_xaxes(**axis, title={"text": names[0]}, range=[ends[0][0] - half[0], ends[0][1] + half[0]])
    figure.update_yaxes(**axis, title={"text": names[1]}, range=[ends[1][0] - half[1], ends[1][1] + half[1]])


def _arrow(figure: go.Figure, here: Pair, descent: Descent, ends: tuple[Pair, Pair], colours: theme.Palette) -> None:
    """The gradient, uphill, of one length whatever its norm, which stands beside it."""
    if not descent.norm:
        return
    share = [abs(g) / (high - low) for g, (low, high) in zip(descent.gradient, ends, strict=True)]
    length = _ARROW / max(share)
    tip = tuple(p + length * g for p, g in zip(here, descent.gradient, strict=True))
    figure.add_annotation(
        x=tip[0], y=tip[1], ax=here[0], ay=here[1], xref="x", yref="y", axref="x", ayref="y", text="", showarrow=True,
        arrowhead=2, arrowwidth=2.5, arrowcolor="#ffffff", arrowsize=1.1, standoff=0,
    )  # fmt: skip
    figure.add_annotation(
        x=tip[0], y=tip[1], text=f"∇, ‖∇‖ = {number(descent.norm)}", showarrow=False, bgcolor=colours.paper,
        opacity=0.85, font={"size": 13, "color": colours.ink}, xanchor="left" if descent.gradient[0] >= 0 else "right",
        yanchor="bottom" if descent.gradient[1] >= 0 else "top", borderpad=2,
    )  # fmt: skip


def _relief(
    figure: go.Figure, found: Surface, height: Array, said: list[list[str]], points: Any, descent: Descent | None,
    names: tuple[str, ...], colours: theme.Palette, scale: Any, bar: Any, logarithmic: bool, ticks: Any,
) -> None:  # fmt: skip
    ends, here = _ends(found), points[-1][3]
    figure.add_surface(
        x=found.across, y=found.up, z=np.where(found.done, height, np.nan), text=said, hoverinfo="text", colorscale=scale,
        colorbar=bar, name="loss", showlegend=False,
        lighting={"ambient": 0.75, "diffuse": 0.5, "specular": 0.05, "roughness": 0.9},
    )  # fmt: skip
    usable = height[np.isfinite(height)]
    low, high = (float(usable.min()), float(usable.max())) if len(usable) else (0.0, 1.0)
    wrong = found.done & ~np.isfinite(found.loss)
    if wrong.any():
        rows, columns = np.nonzero(wrong)
        figure.add_scatter3d(
            x=found.across[columns], y=found.up[rows], z=np.full(len(rows), high), mode="markers", name="not finite",
            hovertext=[said[i][j] for i, j in zip(rows.tolist(), columns.tolist(), strict=True)], hoverinfo="text",
            marker={"symbol": "square", "size": 3.5, "color": theme.ALARM},
        )  # fmt: skip

    def raised(loss: float | None) -> float:
        if loss is None or not np.isfinite(loss):
            return high
        return float(np.log10(loss)) if logarithmic and loss > 0 else low if logarithmic else loss

    start = raised(points[-1][4])
    for title, sign, colour, place, loss in points:
        if not _within(place, ends):
            continue
        ink = colours.ink if colour is None else colours.series[colour]
        if colour is not None and _within(here, ends):
            figure.add_scatter3d(
                x=[here[0], place[0]], y=[here[1], place[1]], z=[start, raised(loss)], mode="lines", showlegend=False,
                line={"color": ink, "width": 6}, hoverinfo="skip", name=title,
            )  # fmt: skip
        figure.add_scatter3d(
            x=[place[0]], y=[place[1]], z=[raised(loss)], mode="markers", name=title, hoverinfo="text",
            hovertext=[_words(title, place, loss)],
            marker={"symbol": sign, "size": 6, "color": ink, "line": {"width": 2, "color": colours.paper}},
        )  # fmt: skip
    axis = {"gridcolor": colours.grid, "zeroline": False, "color": colours.muted, "showbackground": False}
    figure.update_layout(
        scene={
            "xaxis": {**axis, "title": {"text": names[0]}},
            "yaxis": {**axis, "title": {"text": names[1]}},
            "zaxis": {**axis, "title": {"text": "loss"}, **ticks},
            "camera": {"eye": {"x": -1.8, "y": -1.8, "z": 1.1}, "center": {"x": 0, "y": 0, "z": -0.12}},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.25, "y": 1.25, "z": 0.8},
        }
    )
