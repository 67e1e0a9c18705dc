"""The common parts of all figures: paper, font, axes, colour bar, legend, and what has no place on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer import theme
from explorer.facts import LIMITS
from explorer.figures import text
from explorer.picture.marks import ALARMING, SIGNS, Mark
from explorer.theme import Palette
from explorer.words.numbers import power

Array = NDArray[Any]

MANY = 200  # points or bars along time; more would be slow to draw, and too small to click


def axis(colours: Palette, title: str = "", **more: Any) -> dict[str, Any]:
    """An axis."""
    base = {"zeroline": False, "linecolor": colours.line, "gridcolor": colours.grid, "automargin": True}
    return {**base, "tickfont": {"color": colours.muted}, "title": {"text": title}, **more}


def time(colours: Palette, T: int, title: str = "step <i>t</i>", **more: Any) -> dict[str, Any]:
    """The axis of time."""
    return axis(colours, title, showgrid=False, dtick=1 if T <= 20 else None, **more)


def powers(colours: Palette, low: float, high: float, beyond: float = 0.0, **more: Any) -> dict[str, Any]:
    """A vertical axis of log₁₀ from `low` to `high` and a little beyond, with powers of ten as texts."""
    every = next(step for n in range(9) for step in (10**n, 2 * 10**n, 5 * 10**n) if (high - low) / step <= 8)
    ticks = np.arange(np.ceil(low / every) * every, high + 1e-9, every)
    texts = [power(int(exponent)) for exponent in ticks]
    return axis(colours, range=[low - beyond, high + beyond], tickvals=ticks, ticktext=texts, **more)


def floors(figure: go.Figure, colours: Palette, low: float, high: float, **more: Any) -> None:
    """Draw a line at the floor of each kind of floats that lies between two powers of ten."""
    for kind, (floor, _) in LIMITS.items():
        if low < floor < high:
            figure.add_hline(
                y=floor, line={"color": colours.muted, "width": 1, "dash": "dot"}, **more,
                annotation={"text": f"{kind} loses digits below", "font": {"size": 12, "color": colours.muted}},
            )  # fmt: skip


def paper(colours: Palette, size: int = 14) -> dict[str, Any]:
    """Paper and font of a figure; the page shows through."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": theme.FONT, "color": colours.ink, "size": size},
        "hoverlabel": {
            "bgcolor": colours.paper,
            "bordercolor": colours.line,
            "font": {"color": colours.ink, "size": 13},
        },
    }


def lay_out(figure: go.Figure, colours: Palette, height: int, **more: Any) -> go.Figure:
    """Give a figure its paper, font and margins."""
    figure.update_layout(
        height=height,
        margin={"l": 12, "r": 12, "t": 34, "b": 44},
        **paper(colours),
        hovermode="closest",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        dragmode="pan",
    )
    return figure.update_layout(**more)


def every(pixels: float, needed: float) -> int:
    """The smallest n of 1, 2, 5, 10 … such that n places of `pixels` each have room for a text of `needed` pixels."""
    return next((n for n in (1, 2, 5, 10, 20, 50, 100, 200) if n * pixels >= needed), 500)


def limits(logs: Array) -> tuple[float, float]:
    """Exponents, whole numbers, a little below and above the finite ones of `logs`; −1 and 0 without any."""
    usable = finite(logs)
    return (np.floor(usable.min() - 0.3), np.ceil(usable.max() + 0.3)) if len(usable) else (-1.0, 0.0)


def off_scale(logs: Array, colour: str) -> Iterator[tuple[Array, Mark, str]]:
    """The values that have no place on a logarithmic axis: where they are, their mark, and its colour.

    Args:
        logs: log₁₀ of the values, −∞ for an exact 0
        colour: of the line that they belong to; a value that is not finite is red
    """
    yield np.isneginf(logs), Mark.ZERO, colour
    yield np.isposinf(logs), Mark.INFINITE, theme.ALARM
    yield np.isnan(logs), Mark.NAN, theme.ALARM


def colour_bar(colours: Palette, low: int, high: int) -> dict[str, Any]:
    """A colour bar with powers of ten from 10^low to 10^high."""
    exponents = list(range(low, high + 1, every(8, high - low)))
    return {
        "thickness": 9, "outlinewidth": 0, "tickvals": exponents, "ticktext": [power(e) for e in exponents],
        "tickfont": {"size": 12, "color": colours.muted}, "ticks": "",
    }  # fmt: skip


def legend(colours: Palette, **more: Any) -> dict[str, Any]:
    """A legend from the left in small letters, in which nothing can be clicked."""
    return {
        "orientation": "h", "x": 0, "xanchor": "left", "itemclick": False, "itemdoubleclick": False,
        "font": {"color": colours.muted, "size": 13}, **more,
    }  # fmt: skip


def legend_entry(mark: Mark, colours: Palette, low: int, high: int, words: str = "") -> go.Scatter:
    """An entry of the legend for a mark; `words` in place of the usual ones."""
    sign = SIGNS[mark]
    colour = theme.ALARM if mark in ALARMING else colours.muted
    return go.Scatter(
        x=[None], y=[None], mode="markers", name=words or sign.legend.format(low=power(low), high=power(high)),
        marker={"symbol": sign.symbol, "size": 10, "color": colour,
                "line": {"color": colour, "width": 1 if mark == Mark.ZERO else 2}},
    )  # fmt: skip


def caption(x: Array, y: Array, texts: Sequence[str], side: int, colours: Palette) -> go.Scatter:
    """Texts of the task at places: with `side` −1 inputs, below; with 1 targets, above."""
    return go.Scatter(
        x=x, y=y, mode="text", text=[text.escaped(each) for each in texts], hoverinfo="skip", showlegend=False,
        textposition="bottom center" if side < 0 else "top center", textfont={"size": 15, "color": colours.ink},
        cliponaxis=False, name="inputs" if side < 0 else "targets",
    )  # fmt: skip


def clickable(figure: go.Figure) -> go.Figure:
    """Keep the points as they are when one of them is clicked: the page keeps the selection itself."""
    for trace in figure.select_traces(selector=lambda trace: "markers" in (getattr(trace, "mode", None) or "")):
        opacity = trace.marker.opacity if isinstance(trace.marker.opacity, int | float) else 1
        trace.update(selected={"marker": {"opacity": opacity}}, unselected={"marker": {"opacity": opacity}})
    return figure


def finite(values: NDArray[Any]) -> NDArray[Any]:
    """The finite ones of the numbers."""
    flat = np.asarray(values, float).ravel()
    return np.asarray(flat[np.isfinite(flat)])
