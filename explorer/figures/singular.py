"""The singular values of one Jacobian, ∂h(t)/∂h(s), as a plotly figure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from engine import Run
from engine.flow import stretches
from engine.language import symbol_of
from explorer import theme
from explorer.facts import alone
from explorer.figures import sheet, text
from explorer.picture.marks import SIGNS, Mark
from explorer.words.numbers import from_exponent


@np.errstate(all="ignore")
def singular(run: Run, of: str, wrt: str, t: int, s: int, palette: str = "light", sample: int = 0) -> go.Figure:
    """Draw the singular values, the largest first, on a logarithmic scale; above 1 a direction has grown.

    A value that rounding hides stands as a stroke at the foot.

    Args:
        run: whose Jacobian it is
        of: the later name
        wrt: the earlier name
        t: the later step
        s: the earlier step
        palette: "light" or "dark", the page on which the figure stands
        sample: counted from 1; 0 is the first

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    values = stretches(alone(run, sample), of, wrt, t, s)
    logs, known, floor = values.log10[0], values.known[0], float(values.floor[0])
    usable = known & np.isfinite(logs)
    low = min(np.floor(logs[usable].min()) if usable.any() else -1.0, -1.0) - 0.5
    high = max(np.ceil(logs[usable].max()) if usable.any() else 0.0, 0.0) + 0.5
    places = np.arange(1, len(logs) + 1)
    figure = go.Figure(
        go.Bar(
            x=places[usable], y=logs[usable] - low, base=low, marker={"color": colours.series[0]}, showlegend=False,
            hovertext=[f"σ<sub>{i}</sub> = {from_exponent(float(logs[i - 1]))}" for i in places[usable].tolist()],
            hoverinfo="text",
        )
    )  # fmt: skip
    below = (
        f"cannot be told: rounding hides all values below n ε σ<sub>max</sub> = {from_exponent(floor)}"
        if not known.all()
        else ""
    )
    for chosen, sign, at, words, ink in (
        (~known, "line-ew-open", low, below, colours.muted),
        (known & (logs == -np.inf), SIGNS[Mark.ZERO].symbol, low, "0, or too small for a float", colours.series[0]),
        (np.isnan(logs) | (logs == np.inf), SIGNS[Mark.NAN].symbol, high, "not finite", theme.ALARM),
    ):
        if chosen.any():
            figure.add_scatter(
                x=places[chosen], y=np.full(chosen.sum(), at), mode="markers", hovertext=words, hoverinfo="text",
                showlegend=False, marker={"symbol": sign, "size": 9, "color": ink, "line": {"width": 2}},
            )  # fmt: skip
    figure.add_hline(y=0, line={"color": colours.muted, "width": 1, "dash": "dot"})
    sign = f"∂{text.at(text.symbol(symbol_of(of)), t)} / ∂{text.at(text.symbol(symbol_of(wrt)), s)}"
    return sheet.lay_out(
        figure, colours, 260, bargap=0.3,
        xaxis=sheet.axis(colours, f"singular values of {sign}", showgrid=False, dtick=1 if len(logs) <= 20 else None),
        yaxis=sheet.powers(colours, low, high),
    )  # fmt: skip
