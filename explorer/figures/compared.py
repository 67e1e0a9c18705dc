"""Runs side by side as plotly figures: what is left of the gradient in each, and all steps of a long run as a strip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Run
from engine.language import symbol_of
from explorer import theme
from explorer.figures import sheet, text
from explorer.picture.grid import grid
from explorer.picture.marks import SIGNS, WORDS, Mark
from explorer.picture.readings import overview
from explorer.picture.scene import node_symbol
from explorer.state import View
from explorer.words.numbers import from_exponent, number

Array = NDArray[Any]

_DASHES = ("solid", "dot", "dash", "dashdot")  # of the states of one run
_ROW = 13  # pixels of a row of the strip


def curves(runs: Sequence[tuple[str, Mapping[str, Array]]], palette: str = "light") -> go.Figure:
    """Draw log₁₀ ‖∇‖ along time, a colour for each run and a dash for each of its states, all on one pair of axes.

    If the runs have different lengths, the steps are counted back from the last. A gradient of exactly 0 stands as a ring at
    the lower edge, one that is not finite in red at the upper.

    Args:
        runs: of each run its title and, for each state, log₁₀ of the gradient's norm at every step, (T,)
        palette: "light" or "dark", the page on which the figure stands

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    lengths = {len(values) for _, lines in runs for values in lines.values()}
    from_end = len(lengths) > 1
    low, high = sheet.limits(np.concatenate([values for _, lines in runs for values in lines.values()]))
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
    """The line of a state, and signs for values off the axis."""
    gradient = f"∇{text.symbol(symbol_of(name))}" if name else "∇"
    label = ": ".join([*[text.escaped(title)] * several, gradient])
    few = len(places) <= 60
    yield go.Scatter(
        x=places, y=np.where(np.isfinite(values), values, np.nan), name=label, mode="lines+markers" if few else "lines",
        line=look, marker={"size": 5}, hoverinfo="text",
        hovertext=[f"{label}: ‖{gradient}‖ = {from_exponent(e)}" for e in values.tolist()],
    )  # fmt: skip
    for chosen, mark, colour in sheet.off_scale(values, look["color"]):
        if chosen.any():
            sign, at = SIGNS[mark], low if mark is Mark.ZERO else high
            yield go.Scatter(
                x=places[chosen], y=np.full(chosen.sum(), at), mode="markers", showlegend=False, hoverinfo="text",
                hovertext=f"{label}: {sign.words}", name=sign.words,
                marker={"symbol": sign.symbol, "size": 7, "color": colour, "line": {"width": 2}},
            )  # fmt: skip


def strip(run: Run, view: View, palette: str = "light") -> go.Figure:
    """Draw what the colour shows of each name at every step, on the scale of the picture; red is not finite.

    Args:
        run: what is drawn
        view: how it is looked at
        palette: "light" or "dark", the page on which the figure stands

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    magnitude = overview(run, view)
    names = grid(run.cell).names[: len(magnitude)]
    with np.errstate(all="ignore"):
        exponent = np.where((magnitude > 0) & np.isfinite(magnitude), np.log10(magnitude), np.nan)
    wrong = np.where(np.isfinite(magnitude), np.nan, 0.0)
    x, y = np.arange(1, run.T + 1), [text.symbol(node_symbol(run.cell, name)) for name in names]
    rows = np.arange(len(names))
    common = {"x": x, "y": rows, "showscale": False}
    texts = [[number(value) if value >= 0 else WORDS[Mark.NONE] for value in row] for row in magnitude.tolist()]
    figure = go.Figure(
        [
            go.Heatmap(
                z=exponent, zmin=view.low, zmax=view.high, colorscale=theme.colorscale(view.scale), text=texts,
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
