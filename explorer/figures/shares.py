"""The gradient at a node as the sum of what each loss gives to it, as a plotly figure: the bars add up to the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

import engine
from engine import Run
from engine.flow import Expansion
from engine.language import symbol
from explorer import theme
from explorer.facts import alone
from explorer.figures import sheet, text
from explorer.words.numbers import number


@np.errstate(all="ignore")
def shares(
    run: Run, name: str, t: int, palette: str = "light", sample: int = 0, expansion: Expansion | None = None
) -> go.Figure:
    """Above, the part of each loss along the direction of the sum, each on top of those before, and the sum; below, its norm.

    sample      counted from 1; 0 is the first
    expansion   as `engine.expand` gives it, if it is known already

    Of many losses the first `sheet.MANY` − 1 stand by themselves, and the rest as one bar, so that the bars still add up.
    """
    colours = theme.PALETTES[palette]
    found = expansion or engine.expand(alone(run, sample), name, t)
    total = float(np.linalg.norm(found.gradient))
    sign = text.at(text.symbol(symbol(name)), t)
    kept = found.terms if len(found.terms) <= sheet.MANY else found.terms[: sheet.MANY - 1]
    rest = found.terms[len(kept) :]
    parts = [term.share * total for term in kept]
    labels = [str(term.s) for term in kept]
    said = [
        f"loss of step {term.s}: norm {number(term.norm)}, along the sum {number(part)}, {number(100 * term.share)} %"
        for term, part in zip(kept, parts, strict=True)
    ]
    norms = [term.norm for term in kept]
    if rest:
        parts.append(sum(term.share for term in rest) * total)
        labels.append(f"{rest[0].s} … {rest[-1].s}")
        said.append(f"losses of the steps {rest[0].s} to {rest[-1].s}: along the sum {number(parts[-1])}")
        norms.append(float(np.linalg.norm(np.sum([term.vector for term in rest], axis=0))))
    figure = make_subplots(rows=2, cols=1, shared_xaxes=False, vertical_spacing=0.2, row_heights=[0.58, 0.42])
    line = {"color": colours.line, "width": 1}
    figure.add_trace(
        go.Waterfall(
            x=[*labels, "sum"], y=[*parts, 0.0], measure=[*["relative"] * len(parts), "total"],
            hovertext=[*said, f"‖∇{sign}‖ = {number(total)}"], hoverinfo="text", connector={"line": line},
            increasing={"marker": {"color": colours.plus}}, decreasing={"marker": {"color": colours.minus}},
            totals={"marker": {"color": colours.muted}}, showlegend=False, name="along the sum",
        ),
        1, 1,
    )  # fmt: skip
    sizes = np.array(norms)
    usable = (sizes > 0) & np.isfinite(sizes)
    logs = np.log10(np.where(usable, sizes, 1))
    low = np.floor(logs[usable].min() - 0.3) if usable.any() else -1.0
    high = np.ceil(logs[usable].max() + 0.1) if usable.any() else 0.0
    figure.add_trace(
        go.Bar(
            x=[label for label, ok in zip(labels, usable, strict=True) if ok], y=logs[usable] - low, base=low,
            marker={"color": colours.series[0]}, hovertext=[text_ for text_, ok in zip(said, usable, strict=True) if ok],
            hoverinfo="text", showlegend=False, name="norm",
        ),
        2, 1,
    )  # fmt: skip
    if not usable.all():
        figure.add_trace(
            go.Scatter(
                x=[label for label, ok in zip(labels, usable, strict=True) if not ok], y=np.full((~usable).sum(), low),
                mode="markers", hoverinfo="text", showlegend=False, name="exactly 0",
                hovertext=["0" if size == 0 else "not finite" for size in sizes[~usable].tolist()],
                marker={"symbol": "circle-open", "size": 7, "line": {"width": 1.5},
                        "color": [colours.muted if size == 0 else theme.ALARM for size in sizes[~usable].tolist()]},
            ),
            2, 1,
        )  # fmt: skip
    category: dict[str, Any] = {"type": "category", "showgrid": False, "tickangle": 0, "nticks": 24}
    titles = (f"along ∇{sign}, added up", "norm of each")
    sheet.lay_out(figure, colours, 440, bargap=0.25, margin={"l": 12, "r": 12, "t": 28, "b": 44})
    figure.update_layout(
        xaxis=sheet.axis(colours, "", categoryarray=[*labels, "sum"], **category),
        xaxis2=sheet.axis(colours, "step of the loss <i>s</i>", categoryarray=labels, **category),
        yaxis=sheet.axis(colours, titles[0], exponentformat="power"),
        yaxis2=sheet.powers(colours, low, high, title=titles[1]),
    )
    return figure
