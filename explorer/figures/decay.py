"""The decay of the gradient on its way back through time, as a plotly figure that reaches far beyond the range of floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

import engine
from engine import Run
from engine.language import symbol_of
from explorer import theme
from explorer.facts import Course, log_bound, log_norm
from explorer.figures import sheet, text
from explorer.picture.marks import SIGNS, Mark
from explorer.words.numbers import from_exponent

Array = NDArray[Any]

_ROOM = 0.3  # share of the height up to which a bound above the curve extends the axis
_LINES = 40  # samples, at most, that have a line each


@np.errstate(all="ignore")
def decay(
    run: Run,
    palette: str = "light",
    sample: int = 0,
    spread: str = "none",
    selected: tuple[str, int] | None = None,
    state: str = "",
    alone: Course | None = None,
) -> go.Figure:
    """Draw log₁₀ ‖∇h(t)‖ of all losses against t, a line for each state, with the bound and the floors of the floats.

    A gradient of exactly 0 stands as a ring at the lower edge, one that is not finite in red at the upper.

    Args:
        run: whose gradients they are
        palette: "light" or "dark"
        sample: counted from 1; 0 is all of them together
        spread: "lines": every sample by itself, of the first 40; "band": from the smallest to the largest of them, and the
            median; "none": the chosen one, or all together
        selected: a node, whose step is marked
        state: the state whose bound is drawn; "" is the first
        alone: the course of one loss's gradient, drawn dotted if other losses count as well

    Returns:
        The figure.
    """
    colours, names = theme.PALETTES[palette], run.cell.states
    logs = {name: log_norm(run, name, sample) for name in names}
    each = {name: engine.log_grad_norm(run, name) for name in names} if spread != "none" and run.B > 1 else {}
    one = alone if alone is not None and alone.loss is not None and len(alone.counting) > 1 else None
    bounded = (state if state in names else names[0]) if names else ""
    bound = log_bound(run, bounded, sample) if bounded else None
    low, high = _limits([*logs.values(), *each.values(), *([one.logs] if one else [])], bound)
    figure = go.Figure()
    for i, name in enumerate(names):
        colour, sign = colours.series[i % len(colours.series)], text.symbol(symbol_of(name))
        if name in each:
            (_lines if spread == "lines" else _band)(figure, each[name], colour)
        _curve(figure, f"‖∇{sign}‖" + ", all losses" * (one is not None), logs[name], colour)
        _points(figure, name, sign, logs[name], colour, (low, high))
        if one and one.name == name:
            _course(figure, one, sign, colour)
    if bound is not None:
        _bound(figure, bound, colours.muted)
    sheet.floors(figure, colours, low, high, annotation_position="top left")
    _selected(figure, selected, logs, run.T, colours.ink)
    margin = 0.04 * (high - low)
    sheet.lay_out(
        figure, colours, 340, showlegend=len(names) > 1 or bound is not None or one is not None,
        xaxis=sheet.time(colours, run.T, range=[0.5, run.T + 0.5] if run.T <= 20 else [1 - 0.02 * run.T, 1.02 * run.T]),
        yaxis=sheet.powers(colours, low - margin, high + margin),
    )  # fmt: skip
    return sheet.clickable(figure)


def _limits(logs: list[Array], bound: Array | None) -> tuple[float, float]:
    """Exponents at the ends of the axis: all finite values are within, and of a bound as much as leaves them visible."""
    usable = sheet.finite(np.concatenate([array.ravel() for array in logs] or [np.zeros(1)]))
    low, high = (usable.min(), usable.max()) if len(usable) else (-1.0, 0.0)
    if bound is not None and len(held := sheet.finite(bound)):
        high = max(high, min(held.max(), high + max(_ROOM * (high - low), 1)))
    return np.floor(low - 0.3), np.ceil(high + 0.3)


def _curve(figure: go.Figure, title: str, log: Array, colour: str) -> None:
    figure.add_scatter(
        x=np.arange(1, len(log) + 1), y=np.where(np.isfinite(log), log, np.nan), mode="lines", name=title,
        hoverinfo="skip", line={"color": colour, "width": 2},
    )  # fmt: skip


def _points(figure: go.Figure, name: str, sign: str, log: Array, colour: str, ends: tuple[float, float]) -> None:
    """The points of a line, at most `sheet.MANY`, to be read and clicked; and signs for values off the axis."""
    every = -(-len(log) // sheet.MANY)
    size = 7 if len(log) <= 60 else 5

    def add(chosen: Array, at: Array, symbol: str, words: str, colour: str, width: int) -> None:
        steps = (np.flatnonzero(chosen)[::every] + 1).tolist()
        if steps:
            figure.add_scatter(
                x=steps, y=at[np.array(steps) - 1], mode="markers", showlegend=False, name="points", hoverinfo="text",
                hovertext=[f"‖∇{text.at(sign, t)}‖ = {words or from_exponent(log[t - 1])}" for t in steps],
                customdata=[[name, t] for t in steps],
                marker={"symbol": symbol, "size": size, "color": colour, "line": {"width": width}},
            )  # fmt: skip

    add(np.isfinite(log), log, "circle", "", colour, 0)
    for chosen, mark, ink in sheet.off_scale(log, colour):
        at = np.full(len(log), ends[mark is not Mark.ZERO])
        add(chosen, at, SIGNS[mark].symbol, SIGNS[mark].words, ink, 2)


def _course(figure: go.Figure, one: Course, sign: str, colour: str) -> None:
    """The gradient of one loss by itself, as a dotted line."""
    figure.add_scatter(
        x=np.arange(1, len(one.logs) + 1), y=np.where(np.isfinite(one.logs), one.logs, np.nan), mode="lines",
        name=f"‖∇{sign}‖, loss of step {one.loss} alone", line={"color": colour, "width": 2, "dash": "dot"},
        hoverinfo="text", hovertext=[f"loss of step {one.loss} alone: {from_exponent(log)}" for log in one.logs.tolist()],
    )  # fmt: skip


def _bound(figure: go.Figure, bound: Array, colour: str) -> None:
    figure.add_scatter(
        x=np.arange(1, len(bound) + 1), y=np.where(np.isfinite(bound), bound, np.nan), mode="lines", name="bound",
        line={"color": colour, "width": 1.5, "dash": "dash"}, hoverinfo="text",
        hovertext=[f"at most {from_exponent(value)}" for value in bound.tolist()],
    )  # fmt: skip


def _selected(figure: go.Figure, node: tuple[str, int] | None, logs: dict[str, Array], T: int, colour: str) -> None:
    """A line at the step of the selected node, and a ring around its point."""
    if node is None or not 1 <= node[1] <= T:
        return
    figure.add_vline(x=node[1], line={"color": colour, "width": 1, "dash": "dot"})
    if node[0] in logs and np.isfinite(at := logs[node[0]][node[1] - 1]):
        figure.add_scatter(
            x=[node[1]], y=[at], mode="markers", hoverinfo="skip", showlegend=False, name="selected",
            marker={"symbol": "circle-open", "size": 14, "color": colour, "line": {"width": 2}},
        )  # fmt: skip


def _lines(figure: go.Figure, logs: Array, colour: str) -> None:
    """A thin line for each of the first samples, all of them one trace."""
    logs = logs[:, :_LINES]
    T, B = logs.shape
    x = np.tile(np.append(np.arange(1.0, T + 1), np.nan), B)
    y = np.concatenate([np.where(np.isfinite(logs), logs, np.nan), np.full((1, B), np.nan)]).T.ravel()
    figure.add_scatter(
        x=x, y=y, mode="lines", name="samples", showlegend=False, hoverinfo="skip", opacity=0.35,
        line={"color": colour, "width": 1},
    )  # fmt: skip


def _band(figure: go.Figure, logs: Array, colour: str) -> None:
    """From the smallest to the largest of the samples, and their median; a sample of exactly 0 is left out."""
    usable = np.where(np.isfinite(logs), logs, np.nan)
    known = np.flatnonzero(~np.isnan(usable).all(axis=1))
    if not len(known):
        return
    low, middle, high = np.nanquantile(usable[known], (0, 0.5, 1), axis=1)
    figure.add_scatter(
        x=np.concatenate([known, known[::-1]]) + 1, y=np.concatenate([low, high[::-1]]), mode="lines", fill="toself",
        fillcolor=colour, opacity=0.22, line={"width": 0}, name="band", showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=known + 1, y=middle, mode="lines", line={"color": colour, "width": 1, "dash": "dot"}, name="median",
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
