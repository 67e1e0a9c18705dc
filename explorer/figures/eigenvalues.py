"""The eigenvalues of the matrices of the recurrence in the complex plane, as a plotly figure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

import engine
from engine import Run
from engine.language import symbol_of
from explorer import theme
from explorer.figures import sheet, text
from explorer.words.numbers import number

_SYMBOLS = ("circle", "diamond", "square", "cross")


def eigenvalues(run: Run, palette: str = "light") -> go.Figure:
    """Draw the eigenvalues of each square matrix of the recurrence, and the unit circle.

    A direction inside the circle shrinks at every step, one outside grows, as far as the matrix alone decides.

    Args:
        run: whose matrices they are
        palette: "light" or "dark", the page on which the figure stands

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    figure = go.Figure()
    angle = np.linspace(0, 2 * np.pi, 181)
    figure.add_scatter(
        x=np.cos(angle), y=np.sin(angle), mode="lines", name="unit circle", hoverinfo="skip",
        line={"color": colours.muted, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    for i, matrix in enumerate(engine.recurrent_matrices(run)):
        if not len(matrix.eigenvalues):
            continue
        sign = text.symbol(symbol_of(matrix.name))
        figure.add_scatter(
            x=matrix.eigenvalues.real, y=matrix.eigenvalues.imag, mode="markers", name=sign, hoverinfo="text",
            hovertext=[
                f"{sign}: λ = {number(v.real)} {'−' if v.imag < 0 else '+'} {number(abs(v.imag))} i<br>"
                f"|λ| = {number(abs(v))}"
                for v in matrix.eigenvalues.tolist()
            ],
            marker={"symbol": _SYMBOLS[i // len(colours.series) % len(_SYMBOLS)], "size": 9, "opacity": 0.85,
                    "color": colours.series[i % len(colours.series)], "line": {"color": colours.paper, "width": 1}},
        )  # fmt: skip
    return sheet.lay_out(
        figure, colours, 420, margin={"l": 12, "r": 12, "t": 44, "b": 44},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        xaxis=sheet.axis(colours, "Re λ"), yaxis=sheet.axis(colours, "Im λ", scaleanchor="x"),
    )  # fmt: skip
