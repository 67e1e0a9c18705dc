"""The decay of the gradient on its way back through time, as a plotly figure that reaches far beyond the range of floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

import engine
from engine import Run
from engine.language import symbol
from explorer import theme
from explorer.facts import Course, log_bound, log_norm
from explorer.figures import sheet, text
from explorer.words.numbers import from_exponent

Array = NDArray[Any]

_ROOM = 0.3  # of the height, by which a bound may lie above what is bounded, and still be seen
_LINES = 40  # samples that have a line each, at most


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
    """log₁₀ ‖∇h(t)‖ of all losses against t, a line for each state, with the bound where it holds and the floors of the floats.

    sample    counted from 1; 0 is all of them together
    spread    "lines": every sample by itself, of the first 40; "band": from the smallest to the largest of them, and the
              median; "none": the chosen one, or all together
    selected  a node; its step is marked
    state     the state whose bound is drawn; "" is the first
    alone     the course of a gradient that is drawn as well, dotted, where more losses count than that one

    A gradient of exactly 0 stands as a ring at the lower edge, one that is not finite in red at the upper.
    """
    colours = theme.PALETTES[palette]
    names = run.cell.states
    logs = {name: log_norm(run, name, sample) for name in names}
    each = {name: engine.log_grad_norm(run, name) for name in names} if spread != "none" and run.B > 1 else {}
    one = alone if alone is not None and alone.loss is not None and len(alone.counting) > 1 else None
    others = [*each.values(), *([one.logs] if one else [])]
    usable = sheet.finite(np.concatenate([array.ravel() for array in [*logs.values(), *others]] or [np.zeros(1)]))
    low, high = (usable.min(), usable.max()) if len(usable) else (-1.0, 0.0)
    bounded = (state if state in names else names[0]) if names else ""
    bound = log_bound(run, bounded, sample) if bounded else None
    if bound is not None and len(found := sheet.finite(bound)):
        high = max(high, min(found.max(), high + max(_ROOM * (high - low), 1)))
    low, high = np.floor(low - 0.3), np.ceil(high + 0.3)
    margin = 0.04 * (high - low)
    figure = go.Figure()
    steps = np.arange(1, run.T + 1)
    for i, name in enumerate(names):
        colour, sign = colours.series[i % len(colours.series)], text.symbol(symbol(name))
        if name in each and spread == "lines":
            _lines(figure, each[name][:, :_LINES], colour)
        elif name in each:
            _band(figure, each[name], colour)
        _curve(figure, name, sign, steps, logs[name], colour, low, high, ", all losses" * (one is not None))
        if one and one.name == name:
            figure.add_scatter(
                x=np.arange(1, len(one.logs) + 1), y=np.where(np.isfinite(one.logs), one.logs, np.nan), mode="lines",
                name=f"‖∇{sign}‖, loss of step {one.loss} alone", line={"color": colour, "width": 2, "dash": "dot"},
                hoverinfo="text",
                hovertext=[f"loss of step {one.loss} alone: {from_exponent(log)}" for log in one.logs.tolist()],
            )  # fmt: skip
    if bound is not None:
        rate = engine.bound(run, bounded)
        assert rate is not None
        figure.add_scatter(
            x=steps, y=np.where(np.isfinite(bound), bound, np.nan), mode="lines", name="bound",
            line={"color": colours.muted, "width": 1.5, "dash": "dash"}, hoverinfo="text",
            hovertext=[f"at most {from_exponent(value)}" for value in bound.tolist()],
        )  # fmt: skip
    sheet.floors(figure, colours, low, high, annotation_position="top left")
    if selected is not None and 1 <= selected[1] <= run.T:
        figure.add_vline(x=selected[1], line={"color": colours.ink, "width": 1, "dash": "dot"})
        if selected[0] in logs and np.isfinite(at := logs[selected[0]][selected[1] - 1]):
            ring = {"symbol": "circle-open", "size": 14, "color": colours.ink, "line": {"width": 2}}
            figure.add_scatter(
                x=[selected[1]],
                y=[at],
                mode="markers",
                marker=ring,
                hoverinfo="skip",
                showlegend=False,
                name="selected",
            )
    sheet.lay_out(
        figure, colours, 340, showlegend=len(names) > 1 or bound is not None or one is not None,
        xaxis=sheet.time(colours, run.T, range=[0.5, run.T + 0.5] if run.T <= 20 else [1 - 0.02 * run.T, 1.02 * run.T]),
        yaxis=sheet.powers(colours, low - margin, high + margin),
    )  # fmt: skip
    return sheet.clickable(figure)


def _curve(
    figure: go.Figure, name: str, sign: str, steps: Array, log: Array, colour: str, low: float, high: float, of: str
) -> None:
    """A line; its points, or of many some, to be read and clicked; the signs of what it cannot show."""
    finite = np.isfinite(log)
    figure.add_scatter(
        x=steps, y=np.where(finite, log, np.nan), mode="lines", name=f"‖∇{sign}‖{of}", hoverinfo="skip",
        line={"color": colour, "width": 2},
    )  # fmt: skip
    every = -(-len(steps) // sheet.MANY)
    for chosen, at, symbol_, words, ink in (
        (finite, log, "circle", "", colour),
        (np.isneginf(log), np.full(len(log), low), "circle-open", "exactly 0", colour),
        (np.isposinf(log), np.full(len(log), high), "asterisk-open", "infinite", theme.ALARM),
        (np.isnan(log), np.full(len(log), high), "x-thin-open", "not a number", theme.ALARM),
    ):
        places = np.flatnonzero(chosen)
        places = places[::every] if every > 1 else places
        if len(places):
            figure.add_scatter(
                x=steps[places], y=at[places], mode="markers", showlegend=False, name="points", hoverinfo="text",
                hovertext=[f"‖∇{text.at(sign, t)}‖ = {words or from_exponent(log[t - 1])}" for t in steps[places].tolist()],
                customdata=_keys(name, steps[places].tolist()),
                marker={"symbol": symbol_, "size": 7 if len(steps) <= 60 else 5, "color": ink,
                        "line": {"width": 0 if symbol_ == "circle" else 2}},
            )  # fmt: skip


def _keys(name: str, steps: Sequence[int]) -> list[list[Any]]:
    return [[name, t] for t in steps]


def _lines(figure: go.Figure, logs: Array, colour: str) -> None:
    """A thin line for each sample, all of them one trace."""
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
    here = np.flatnonzero(~np.isnan(usable).all(axis=1))
    if not len(here):
        return
    low, middle, high = np.nanquantile(usable[here], (0, 0.5, 1), axis=1)
    figure.add_scatter(
        x=np.concatenate([here, here[::-1]]) + 1, y=np.concatenate([low, high[::-1]]), mode="lines", fill="toself",
        fillcolor=colour, opacity=0.22, line={"width": 0}, name="band", showlegend=False, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=here + 1, y=middle, mode="lines", line={"color": colour, "width": 1, "dash": "dot"}, name="median",
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
