"""The copies of a parameter, one per step, as a plotly figure: how much each adds to the gradient of the whole."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from engine import Run
from engine.language import symbol_of
from explorer import theme
from explorer.figures import sheet, text
from explorer.picture.readings import copies as copy_norms
from explorer.picture.readings import magnitudes
from explorer.words.numbers import number


def copies(run: Run, name: str, palette: str = "light", step: int | None = None) -> go.Figure:
    """Draw ‖∇W(t)‖ as a bar for each step, and the norm of their sum as a line.

    Args:
        run: whose gradients they are
        name: of the parameter
        palette: "light" or "dark", the page on which the figure stands
        step: the step that stands out, or None

    Returns:
        The figure.

    Raises:
        ValueError: if the parameter does not exist
    """
    colours = theme.PALETTES[palette]
    norms = copy_norms(run, name)
    whole = float(magnitudes(run.param_grad[name][None])[0])
    steps = np.arange(1, run.T + 1)
    sign = text.symbol(symbol_of(name))
    figure = go.Figure(
        go.Bar(
            x=steps, y=norms, marker={"color": np.where(steps == step, colours.series[1], colours.series[0])},
            hovertext=[f"‖∇{text.at(sign, t)}‖ = {number(norm)}" for t, norm in enumerate(norms.tolist(), 1)],
            hoverinfo="text", showlegend=False,
        )
    )  # fmt: skip
    if np.isfinite(whole):
        figure.add_hline(
            y=whole, line={"color": colours.muted, "width": 1, "dash": "dot"},
            annotation={"text": f"their sum: ‖∇{sign}‖ = {number(whole)}", "font": {"color": colours.muted}},
        )  # fmt: skip
    figure.update_layout(
        height=240,
        margin={"l": 12, "r": 12, "t": 24, "b": 40},
        **sheet.paper(colours),
        bargap=0.25,
        xaxis=sheet.axis(colours, "step <i>t</i>", showgrid=False, dtick=1 if run.T <= 30 else None),
        yaxis=sheet.axis(colours, rangemode="tozero"),
    )
    return figure
