"""The local derivatives φ'(a(t)) along time, as a plotly figure: how much a function lets through."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from engine import Run
from engine.language import FUNCTIONS, symbol_of
from explorer import facts, theme
from explorer.figures import sheet, text
from explorer.words.numbers import number


def slopes(run: Run, name: str, palette: str = "light", sample: int = 0) -> go.Figure:
    """Draw φ' over units and samples: from the smallest to the largest, the middle half, the median; and where it saturates.

    Args:
        run: whose slopes they are
        name: of a node with a function
        palette: "light" or "dark", the page on which the figure stands
        sample: counted from 1; 0 is all of them

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    spread = facts.slopes(run, name, sample)
    colour = colours.series[0]
    figure = go.Figure()
    least, quarter, middle, most_of, largest = spread.quantiles
    known = np.flatnonzero(np.isfinite(spread.quantiles).all(axis=0))
    wide = 0.5 if run.T == 1 else 0.0  # the band of a single step would be a line that cannot be seen
    for low, high, opacity, words in ((least, largest, 0.16, "all"), (quarter, most_of, 0.32, "middle half")):
        x = np.array([1 - wide, 1 + wide]) if wide and len(known) else known + 1
        below, above = (np.repeat(array[known], 2) if wide else array[known] for array in (low, high))
        figure.add_scatter(
            x=np.concatenate([x, x[::-1]]), y=np.concatenate([below, above[::-1]]), mode="lines", fill="toself",
            fillcolor=colour, opacity=opacity, line={"width": 0}, name=words, hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=known + 1, y=middle[known], mode="lines+markers" if run.T <= 60 else "lines", name="median",
        line={"color": colour, "width": 2}, marker={"size": 5}, hoverinfo="text",
        hovertext=[
            f"step {t}: {number(a)} … {number(b)} … <b>{number(c)}</b> … {number(d)} … {number(e)}"
            f"<br>saturated {100 * spread.saturated[t - 1]:.0f} %"
            for t, (a, b, c, d, e) in zip((known + 1).tolist(), spread.quantiles[:, known].T.tolist(), strict=True)
        ],
    )  # fmt: skip
    figure.add_hline(y=facts.threshold(run, name), line={"color": colours.muted, "width": 1, "dash": "dot"})
    bound = FUNCTIONS[run.cell.operation(name) or ""].bound
    top = bound or max(1.0, *sheet.finite(largest).tolist())
    bottom = min(0.0, *sheet.finite(least).tolist()) if len(known) else 0.0
    return sheet.lay_out(
        figure, colours, 220, showlegend=False, margin={"l": 12, "r": 12, "t": 12, "b": 44},
        xaxis=sheet.time(colours, run.T, range=[0.5, run.T + 0.5]),
        yaxis=sheet.axis(colours, f"φ′ of {text.symbol(symbol_of(name))}", range=[bottom - 0.04 * top, 1.04 * top]),
    )  # fmt: skip
