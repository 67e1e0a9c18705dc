"""The routes by which the gradient comes back to a state, through each gate and past the gates, as a plotly figure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

import engine
from engine import Run
from engine.flow import Route
from engine.language import symbol_of
from explorer import theme
from explorer.facts import alone
from explorer.figures import sheet, text
from explorer.words.numbers import number

_PATTERNS = ("", "/", ".", "x")  # of routes that have the same colour


@np.errstate(all="ignore")
def routes(run: Run, name: str, palette: str = "light", sample: int = 0, step: int | None = None) -> go.Figure:
    """Draw the share of each route in ∇name(t), a stack for each step.

    The shares of a step sum to 1; some may be negative. Of many steps those around `step` are drawn, or the first.

    Args:
        run: whose gradient it is
        name: of the state
        palette: "light" or "dark", the page on which the figure stands
        sample: counted from 1; 0 is the first
        step: the step that stands out, or None

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    first, last = drawn(run.T, step)
    rows = slice(first - 1, last)
    steps = np.arange(first, last + 1)
    figure = go.Figure()
    for i, route in enumerate(engine.routes(alone(run, sample), name)):
        share = np.where(np.isfinite(route.share[rows, 0]), route.share[rows, 0], 0)
        figure.add_bar(
            x=steps, y=share, name=titled(name, route), hoverinfo="text",
            marker={"color": colours.series[i % len(colours.series)], "line": {"width": 0},
                    "pattern": {"shape": _PATTERNS[i // len(colours.series) % len(_PATTERNS)], "size": 6}},
            hovertext=[
                f"step {t}, {titled(name, route)}: {number(100 * part)} %, norm {number(norm)}"
                for t, part, norm in zip(steps.tolist(), share.tolist(), route.norm[rows, 0].tolist(), strict=True)
            ],
        )  # fmt: skip
    if step is not None and first <= step <= last:
        figure.add_vline(x=step, line={"color": colours.ink, "width": 1, "dash": "dot"})
    return sheet.lay_out(
        figure, colours, 320, barmode="relative", bargap=0.15 if len(steps) <= 60 else 0, showlegend=True,
        margin={"l": 12, "r": 12, "t": 60, "b": 44},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        xaxis=sheet.time(colours, len(steps)), yaxis=sheet.axis(colours, "share of the gradient", tickformat=".0%"),
    )  # fmt: skip


def drawn(T: int, step: int | None) -> tuple[int, int]:
    """The first and the last step that are drawn."""
    first = int(np.clip((step or 1) - sheet.MANY // 2, 1, max(1, T - sheet.MANY + 1)))
    return first, min(T, first + sheet.MANY - 1)


def titled(name: str, route: Route) -> str:
    """The title of a route by its origin: the losses of the step itself, or a later node and the name that it reads."""
    if route.target is None or route.read is None:
        return "loss of the step"
    target, read, state = (text.symbol(symbol_of(n)) for n in (route.target, route.read.name, name))
    later = f"<sup>(t+{route.read.lag})</sup>"
    return f"{target}{later} → {state}" if route.read.name == name else f"{target}{later} → {read} → {state}"
