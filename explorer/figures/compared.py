"""Runs side by side as plotly figures: what is left of the gradient in each, and all steps of a long run as a strip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Run
from engine.language import symbol
from explorer import theme
from explorer.figures import sheet, text
from explorer.picture.grid import grid
from explorer.picture.readings import overview
from explorer.picture.scene import node_symbol
from explorer.state import View
from explorer.words.numbers import from_exponent, number

Array = NDArray[Any]

_DASHES = ("solid", "dot", "dash", "dashdot")  # of the states of one run
_ROW = 13  # pixels of a row of the strip


def curves(runs: Sequence[tuple[str, Mapping[str, Array]]], palette: str = "light") -> go.Figure:
    """log₁₀ ‖∇‖ along time, a colour for each run and a dash for each of its states, all on one pair of axes.

    runs   of each run its title and, for each state, log₁₀ of the gradient's norm at every step, (T,)
    Where the runs have different lengths, the steps are counted back from the last. A gradient of exactly 0 stands as a ring
    at the lower edge, one that is not finite in red at the upper.
    """
    colours = theme.PALETTES[palette]
    lengths = {len(values) for _, lines in runs for values in lines.values()}
    from_end = len(lengths) > 1
    usable = np.concatenate([values[np.isfinite(values)] for _, lines in runs for values in lines.values()])
    low, high = (np.floor(usable.min() - 0.3), np.ceil(usable.max() + 0.3)) if len(usable) else (-1.0, 0.0)
    figure = go.Figure()
    for i, (title, lines) in enumerate(runs):
        for k, (name, values) in enumerate(lines.items()):
            places = np.arange(1, len(values) + 1) - (len(values) if from_end else 0)
            look = {"color": colours.series[i % len(colours.series)], "dash": _DASHES[k % len(_DASHES)], "width": 2}
            for trace in _line(title, name, len(runs) > 1, places, values, look, low, high):
                figure.add_trace(trace)
    sheet.floors(figure, colours, low, high)
    named = any(name for _, lines in runs for name in lines)
    steps = "steps after the last" if from_end else "step <i>t</i>"
    figure.update_layout(
        height=340,
        margin={"l": 12, "r": 12, "t": 12, "b": 44},
        **sheet.paper(colours),
        hovermode="x unified",
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
        xaxis=sheet.time(colours, max(lengths, default=0), steps if named else "place in the flow, the input first"),
        yaxis=sheet.powers(colours, low, high, beyond=0.25),
    )  # fmt: skip
    return figure


def _line(
    title: str, name: str, several: bool, places: Array, values: Array, look: dict[str, Any], low: float, high: float
) -> Iterator[go.Scatter]:
    """The line of a state, and signs for what has no place on it."""
    sign = f"∇{text.symbol(symbol(name))}" if name else "∇"
    label = ": ".join([*[text.escaped(title)] * several, sign])
    few = len(places) <= 60
    yield go.Scatter(
        x=places, y=np.where(np.isfinite(values), values, np.nan), name=label, mode="lines+markers" if few else "lines",
        line=look, marker={"size": 5}, hoverinfo="text",
        hovertext=[f"{label}: ‖{sign}‖ = {from_exponent(e)}" for e in values.tolist()],
    )  # fmt: skip
    for chosen, mark, at, words, ink in (
        (np.isneginf(values), "circle-open", low, "exactly 0", look["color"]),
        (np.isposinf(values), "asterisk-open", high, "infinite", theme.ALARM),
        (np.isnan(values), "x-thin-open", high, "not a number", theme.ALARM),
    ):
        if chosen.any():
            yield go.Scatter(
                x=places[chosen], y=np.full(chosen.sum(), at), mode="markers", showlegend=False, hoverinfo="text",
                hovertext=f"{label}: {words}", name=words,
                marker={"symbol": mark, "size": 7, "color": ink, "line": {"width": 2}},
            )  # fmt: skip


def strip(run: Run, view: View, palette: str = "light") -> go.Figure:
    """What the colour shows of each name at every step, on the scale of the picture; red is what is not finite."""
    colours = theme.PALETTES[palette]
    found = overview(run, view)
    names = grid(run.cell).names[: len(found)]
    with np.errstate(all="ignore"):
        exponent = np.where((found > 0) & np.isfinite(found), np.log10(found), np.nan)
    wrong = np.where(np.isfinite(found), np.nan, 0.0)
    x, y = np.arange(1, run.T + 1), [text.symbol(node_symbol(run.cell, name)) for name in names]
    rows = np.arange(len(names))
    common = {"x": x, "y": rows, "showscale": False}
    said = [[number(value) if value >= 0 else "none" for value in row] for row in found.tolist()]
    figure = go.Figure(
        [
            go.Heatmap(
                z=exponent, zmin=view.low, zmax=view.high, colorscale=theme.colorscale(view.scale), text=said,
                hovertemplate="step %{x}: %{text}<extra></extra>", hoverongaps=False, **common,
            ),
            go.Heatmap(z=wrong, colorscale=[[0, theme.ALARM], [1, theme.ALARM]], hoverinfo="skip", **common),
        ]
    )  # fmt: skip
    figure.update_layout(
        height=_ROW * len(names) + 46,
        margin={"l": 8, "r": 8, "t": 4, "b": 38},
        **sheet.paper(colours, 13),
        xaxis={"showgrid": False, "zeroline": False, "tickfont": {"color": colours.muted},
               "title": {"text": "step <i>t</i>", "font": {"color": colours.muted, "size": 13}, "standoff": 2}},
        yaxis={"showgrid": False, "zeroline": False, "tickvals": list(rows), "ticktext": y, "automargin": True,
               "tickfont": {"size": 11, "color": colours.muted}},
    )  # fmt: skip
    return figure
