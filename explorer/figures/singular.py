"""The singular values of one Jacobian, ∂h(t)/∂h(s), as a plotly figure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

import engine
from engine import Run
from engine.names import symbol
from explorer import theme
from explorer.figures import sheet, text
from explorer.vanishing import Array, alone


@np.errstate(all="ignore")
def singular(run: Run, of: str, wrt: str, t: int, s: int, palette: str = "light", sample: int = 0) -> go.Figure:
    """Its singular values, the largest first, on a logarithmic scale with 1 drawn in: above it a direction has grown.

    sample   counted from 1; 0 is the first
    """
    colours = theme.PALETTES[palette]
    values = singular_values(engine.jacobian_at(alone(run, sample), of, wrt, t, s)[0])
    usable = (values > 0) & np.isfinite(values)
    logs = np.log10(np.where(usable, values, 1))
    low = min(np.floor(logs[usable].min()) if usable.any() else -1.0, -1.0) - 0.5
    high = max(np.ceil(logs[usable].max()) if usable.any() else 0.0, 0.0) + 0.5
    places = np.arange(1, len(values) + 1)
    figure = go.Figure(
        go.Bar(
            x=places[usable], y=logs[usable] - low, base=low, marker={"color": colours.series[0]}, showlegend=False,
            hovertext=[f"σ<sub>{i}</sub> = {text.number(values[i - 1])}" for i in places[usable].tolist()],
            hoverinfo="text",
        )
    )  # fmt: skip
    for chosen, sign, at, words, ink in (
        (values == 0, "circle-open", low, "0, or too small for a float", colours.series[0]),
        (~np.isfinite(values), "x-thin-open", high, "not finite", theme.ALARM),
    ):
        if chosen.any():
            figure.add_scatter(
                x=places[chosen], y=np.full(chosen.sum(), at), mode="markers", hovertext=words, hoverinfo="text",
                showlegend=False, marker={"symbol": sign, "size": 9, "color": ink, "line": {"width": 2}},
            )  # fmt: skip
    figure.add_hline(y=0, line={"color": colours.muted, "width": 1, "dash": "dot"})
    sign = f"∂{text.at(text.symbol(symbol(of)), t)} / ∂{text.at(text.symbol(symbol(wrt)), s)}"
    return sheet.lay_out(
        figure, colours, 260, bargap=0.3,
        xaxis=sheet.axis(colours, f"singular values of {sign}", showgrid=False, dtick=1 if len(values) <= 20 else None),
        yaxis=sheet.powers(colours, low, high),
    )  # fmt: skip


def singular_values(matrix: Array) -> Array:
    """The singular values of a matrix, the largest first; nan where it has numbers that are not finite."""
    if not np.isfinite(matrix).all():
        return np.full(min(matrix.shape), np.nan)
    return np.asarray(np.linalg.svd(matrix, compute_uv=False), np.float64)
