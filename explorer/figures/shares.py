"""The gradient at a node as the sum of the parts of all losses, as a plotly figure: the bars add up to the whole."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

import engine
from engine import Run
from engine.flow import Expansion
from engine.language import symbol_of
from explorer import theme
from explorer.facts import alone
from explorer.figures import sheet, text
from explorer.words.numbers import number


class _Bar(NamedTuple):
    """A loss, or several: its label, its part along the sum, its norm, and what can be read of it."""

    label: str
    part: float
    norm: float
    text: str


@np.errstate(all="ignore")
def shares(
    run: Run, name: str, t: int, palette: str = "light", sample: int = 0, expansion: Expansion | None = None
) -> go.Figure:
    """Draw the part of each loss along the direction of the sum, each on top of those before; and below the norms.

    Of many losses the first `sheet.MANY` − 1 stand by themselves, and the others as one bar, so that the bars still add up.

    Args:
        run: whose gradient it is
        name: of the node
        t: its step
        palette: "light" or "dark"
        sample: counted from 1; 0 is the first
        expansion: of the gradient, if it is known already

    Returns:
        The figure.
    """
    colours = theme.PALETTES[palette]
    terms = expansion or engine.expand(alone(run, sample), name, t)
    total = float(np.linalg.norm(terms.gradient))
    sign = text.at(text.symbol(symbol_of(name)), t)
    bars = _bars(terms, total)
    labels = [bar.label for bar in bars]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=False, vertical_spacing=0.2, row_heights=[0.58, 0.42])
    figure.add_trace(_waterfall(bars, f"‖∇{sign}‖ = {number(total)}", colours), 1, 1)
    low, high, traces = _norms(bars, colours)
    for trace in traces:
        figure.add_trace(trace, 2, 1)
    category: dict[str, Any] = {"type": "category", "showgrid": False, "tickangle": 0, "nticks": 24}
    sheet.lay_out(figure, colours, 440, bargap=0.25, margin={"l": 12, "r": 12, "t": 28, "b": 44})
    figure.update_layout(
        xaxis=sheet.axis(colours, "", categoryarray=[*labels, "sum"], **category),
        xaxis2=sheet.axis(colours, "step of the loss <i>s</i>", categoryarray=labels, **category),
        yaxis=sheet.axis(colours, f"along ∇{sign}, added up", exponentformat="power"),
        yaxis2=sheet.powers(colours, low, high, title="norm of each"),
    )
    return figure


def _bars(expansion: Expansion, total: float) -> list[_Bar]:
    terms = expansion.terms if len(expansion.terms) <= sheet.MANY else expansion.terms[: sheet.MANY - 1]
    bars: list[_Bar] = []
    for term in terms:
        part = term.share * total
        words = f"norm {number(term.norm)}, along the sum {number(part)}, {number(100 * term.share)} %"
        bars.append(_Bar(str(term.s), part, term.norm, f"loss of step {term.s}: {words}"))
    if others := expansion.terms[len(terms) :]:
        first, last, part = others[0].s, others[-1].s, sum(term.share for term in others) * total
        norm = float(np.linalg.norm(np.sum([term.vector for term in others], axis=0)))
        words = f"losses of the steps {first} to {last}: along the sum {number(part)}"
        bars.append(_Bar(f"{first} … {last}", part, norm, words))
    return bars


def _waterfall(bars: list[_Bar], total: str, colours: theme.Palette) -> go.Waterfall:
    """The parts, each on top of those before, and their sum."""
    return go.Waterfall(
        x=[*(bar.label for bar in bars), "sum"], y=[*(bar.part for bar in bars), 0.0],
        measure=[*["relative"] * len(bars), "total"],
        hovertext=[*(bar.text for bar in bars), total], hoverinfo="text", connector={"line": {"color": colours.line, "width": 1}},
        increasing={"marker": {"color": colours.plus}}, decreasing={"marker": {"color": colours.minus}},
        totals={"marker": {"color": colours.muted}}, showlegend=False, name="along the sum",
    )  # fmt: skip


def _norms(bars: list[_Bar], colours: theme.Palette) -> tuple[float, float, list[go.Bar | go.Scatter]]:
    """The ends of the logarithmic axis, the norms as bars, and rings for those that have no place on the axis."""
    labels, _, norms, texts = map(np.array, zip(*bars, strict=True))
    usable = (norms > 0) & np.isfinite(norms)
    logs = np.log10(np.where(usable, norms, 1))
    low = np.floor(logs[usable].min() - 0.3) if usable.any() else -1.0
    high = np.ceil(logs[usable].max() + 0.1) if usable.any() else 0.0
    traces: list[go.Bar | go.Scatter] = [
        go.Bar(
            x=labels[usable].tolist(), y=logs[usable] - low, base=low, marker={"color": colours.series[0]},
            hovertext=texts[usable].tolist(), hoverinfo="text", showlegend=False, name="norm",
        )
    ]  # fmt: skip
    if not usable.all():
        zero = (norms[~usable] == 0).tolist()
        ink = [colours.muted if no else theme.ALARM for no in zero]
        traces.append(
            go.Scatter(
                x=labels[~usable].tolist(), y=np.full((~usable).sum(), low), mode="markers", hoverinfo="text",
                showlegend=False, name="exactly 0", hovertext=["0" if no else "not finite" for no in zero],
                marker={"symbol": "circle-open", "size": 7, "line": {"width": 1.5}, "color": ink},
            )
        )  # fmt: skip
    return low, high, traces
