"""The gradient against time as a plotly figure: the curve of what the picture shows by colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine import Run
from engine.language import symbol_of
from explorer import theme
from explorer.figures import sheet, text
from explorer.model import samples
from explorer.picture.marks import SIGNS, Mark
from explorer.picture.readings import magnitudes
from explorer.words.numbers import number


def gradients(run: Run, palette: str = "light", sample: int = 0) -> go.Figure:
    """Draw log₁₀ ‖∇h(t)‖ against t, a line for each state; without memory, against the nodes in their order.

    A gradient of exactly 0 stands as a ring at the lower edge, one that is not finite in red at the upper.

    Args:
        run: whose gradients they are
        palette: "light" or "dark", the page on which the figure stands
        sample: counted from 1; 0 is all of them together

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    chosen = samples.span(run, sample)
    lines = list(_over_time(run, chosen) if run.cell.states else _over_nodes(run, chosen))
    with np.errstate(divide="ignore"):
        logs = np.log10(np.concatenate([norm for *_, norm in lines]))
    low, high = sheet.limits(logs if np.isfinite(logs).any() else np.array([-1.0, 0.0]))
    figure = go.Figure()
    for i, (label, places, norm) in enumerate(lines):
        _draw(figure, label, places, norm, colours.series[i % len(colours.series)], low, high)
    sheet.floors(figure, colours, low, high)
    places = lines[0][1]
    figure.update_layout(
        height=300,
        margin={"l": 12, "r": 12, "t": 34, "b": 44},
        **sheet.paper(colours),
        hovermode="x unified" if run.cell.states else "closest",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        showlegend=len(lines) > 1,
        xaxis=sheet.time(colours, len(places))
        if run.cell.states
        else sheet.axis(
            colours, showgrid=False, tickvals=list(places), ticktext=[text.symbol(symbol_of(n)) for n in _flow(run)]
        ),
        yaxis=sheet.powers(colours, low, high, beyond=0.25),
    )  # fmt: skip
    return figure


def _over_time(run: Run, sample: slice) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Each state with its initial values: label, steps, norms."""
    for name in run.cell.states:
        joined = np.concatenate([run.initial_grad[name][:, sample], run.grad[name][:, sample]])
        yield text.symbol(symbol_of(name)), np.arange(1 - run.cell.lags[name], run.T + 1), magnitudes(joined)


def _over_nodes(run: Run, sample: slice) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    norms = [magnitudes(run.grad[name][:, sample])[-1] for name in _flow(run)]
    yield "", np.arange(len(norms)), np.array(norms)


def _flow(run: Run) -> list[str]:
    return [*(["x"] if run.cell.reads_x else []), *run.cell.nodes]


def _draw(
    figure: go.Figure, label: str, places: NDArray[Any], norm: NDArray[Any], colour: str, low: float, high: float
) -> None:
    with np.errstate(divide="ignore"):
        exponent = np.log10(norm)
    few = len(places) <= 60
    figure.add_scatter(
        x=places, y=np.where(np.isfinite(exponent), exponent, np.nan), name=label, mode="lines+markers" if few else "lines",
        line={"color": colour, "width": 2}, marker={"size": 6},
        hovertext=[f"‖∇{label}‖ = {number(value)}" for value in norm.tolist()], hoverinfo="text+x",
    )  # fmt: skip
    for chosen, mark, ink in sheet.off_scale(exponent, colour):
        if chosen.any():
            sign, (at, size) = SIGNS[mark], (low, 8) if mark is Mark.ZERO else (high, 10)
            figure.add_scatter(
                x=places[chosen], y=np.full(chosen.sum(), at), mode="markers", showlegend=False, hoverinfo="text+x",
                hovertext=sign.words, marker={"symbol": sign.symbol, "size": size, "color": ink, "line": {"width": 2}},
            )  # fmt: skip
