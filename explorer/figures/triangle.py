"""Which step reaches which: a triangle of norms, later step × earlier step, as a plotly figure on the absolute scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

import engine
from engine import Run
from engine.language import symbol
from explorer import theme
from explorer.figures import sheet, text
from explorer.figures.graph import GLYPHS
from explorer.picture.scene import Mark, marks
from explorer.words.vanishing import Blocks, alone, blocks, loss_norms, triangular

Array = NDArray[Any]

_ZERO = "0, or too small for a float"
_SMALLEST = 2.0  # pixels of a sign in a cell


def triangle(
    run: Run,
    name: str,
    of: str = "",
    norms: Array | None = None,
    palette: str = "light",
    sample: int = 0,
    span: tuple[int, int] = (-5, 1),
    scale: str = theme.USUAL,
    chosen: tuple[int, int] | None = None,
    width: int = 1000,
) -> go.Figure:
    """‖∂L(s)/∂h(t)‖, loss step × node step, as a heat map; or with `of` ‖∂of(s)/∂h(t)‖, the largest singular value.

    norms   (T, T), nan above the diagonal: what is drawn, if it is known already
    sample  counted from 1; 0 is all of them together (of a Jacobian, the first)
    span    the powers of ten at the ends of the scale
    chosen  (later step, earlier step), or None

    Of many steps a cell stands for a block of them and shows the largest number in it. What comes before its loss only is
    drawn: the other half is empty.
    """
    if norms is None:
        norms = loss_norms(run, name, sample) if not of else jacobian_norms(run, name, of, sample)
    colours, cells = theme.PALETTES[palette], blocks(norms)
    n = len(cells.value)
    height = int(np.clip(0.55 * width, 300, 560))
    pitch = min((width - 110) / n, (height - 110) / n)
    low, high = span
    kind = marks(np.where(np.isnan(cells.value), -1, np.where(cells.bad, np.nan, cells.value)), low, high)
    usable = np.isin(kind, (Mark.WITHIN, Mark.BELOW, Mark.ABOVE))
    exponent = np.log10(np.where(usable, cells.value, 1)).astype(np.float32)
    edges = cells.edges - 0.5
    both: dict[str, Any] = {"x": edges, "y": edges, "hoverinfo": "skip"}
    powers = list(range(low, high + 1, next(e for e in (1, 2, 5, 10, 20, 50, 100, 200) if (high - low) / e <= 8)))
    figure = go.Figure(
        go.Heatmap(
            **both, z=np.where(usable, exponent, np.nan), zmin=low, zmax=high, name="norms",
            colorscale=theme.colorscale(scale), xgap=pitch > 12, ygap=pitch > 12,
            colorbar={"thickness": 9, "outlinewidth": 0, "tickvals": powers, "ticktext": [text.power(e) for e in powers],
                      "tickfont": {"size": 12, "color": colours.muted}, "ticks": "", "xpad": 6},
        )
    )  # fmt: skip
    if (alarm := np.isin(kind, (Mark.INFINITE, Mark.NAN))).any():
        red = [[0, theme.ALARM], [1, theme.ALARM]]
        figure.add_heatmap(**both, z=np.where(alarm, 1.0, np.nan), colorscale=red, showscale=False, name="not finite")
    centres = (cells.edges[:-1] + cells.edges[1:] - 1) / 2
    marked = bool(np.isin(kind, list(GLYPHS)).any())
    _signs(figure, kind, centres, pitch, colours, span, scale)
    _points(figure, cells, kind, centres, pitch, (text.symbol(symbol(name)), of and text.symbol(symbol(of))))
    shapes = []
    if chosen is not None and 1 <= chosen[1] <= chosen[0] <= run.T:
        y, x = ((step - 1) // cells.size for step in chosen)
        corners = {"x0": edges[x], "x1": edges[x + 1], "y0": edges[y], "y1": edges[y + 1]}
        for colour, thick in ((colours.paper, 5), (colours.ink, 2)):  # seen on any colour of the scale
            shapes.append({"type": "rect", **corners, "line": {"color": colour, "width": thick}})
    later = "step of the loss <i>s</i>" if not of else "later step <i>t</i>"
    earlier = "step of the node <i>t</i>" if not of else "earlier step <i>s</i>"
    ends = [0.5, run.T + 0.5]
    sheet.lay_out(
        figure, colours, height, shapes=shapes, margin={"l": 12, "r": 12, "t": 40 if marked else 12, "b": 44},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemclick": False,
                "itemdoubleclick": False, "font": {"color": colours.muted, "size": 13}},
        xaxis=sheet.time(colours, run.T, earlier, range=ends), dragmode=False,
        yaxis=sheet.axis(colours, later, showgrid=False, range=ends, dtick=1 if run.T <= 12 else None),
    )  # fmt: skip
    return sheet.clickable(figure)


def jacobian_norms(run: Run, name: str, of: str, sample: int = 0, told: Callable[[int], None] | None = None) -> Array:
    """The largest singular value of ∂of(t)/∂name(s) of one sample, (T, T), [t, s], nan for s > t; `told` as the engine has it."""
    return triangular(engine.jacobian_norm(alone(run, sample), of, name, told=told)[:, :, 0].astype(np.float64))


def _signs(
    figure: go.Figure,
    kind: Array,
    centres: Array,
    pitch: float,
    colours: theme.Palette,
    span: tuple[int, int],
    scale: str,
) -> None:
    """What the colour cannot say, as a sign in the cell and a word in the legend."""
    for mark, (sign, words) in GLYPHS.items():
        rows, columns = np.nonzero(kind == mark)
        if not len(rows):
            continue
        said = _ZERO if mark == Mark.ZERO else words.format(low=text.power(span[0]), high=text.power(span[1]))
        beyond = mark in (Mark.BELOW, Mark.ABOVE)
        hollow = mark == Mark.ZERO
        colour = theme.on(float(mark == Mark.ABOVE), scale) if beyond else colours.muted if hollow else "#ffffff"
        figure.add_scatter(
            x=centres[columns], y=centres[rows], mode="markers", hoverinfo="skip", showlegend=False, name=said,
            marker={"symbol": "circle-open" if hollow else sign, "size": max(_SMALLEST, min(0.4 * pitch, 10)),
                    "color": colour, "line": {"width": 1 if pitch > 8 else 0.6}},
        )  # fmt: skip
        shown = colours.muted if beyond or hollow else theme.ALARM
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=said,
            marker={"symbol": "circle-open" if hollow else sign, "size": 10, "color": shown,
                    "line": {"width": 1.5, "color": shown}},
        )  # fmt: skip


def _points(
    figure: go.Figure, cells: Blocks, kind: Array, centres: Array, pitch: float, signs: tuple[str, str]
) -> None:
    """A point in each cell that nobody sees: it is read and clicked, which a heat map cannot be."""
    rows, columns = np.nonzero(kind != Mark.NONE)
    pairs = np.stack([cells.loss[rows, columns], cells.step[rows, columns]], axis=-1).tolist()
    many = "<br>the largest of its block" * (cells.size > 1)
    said = [
        f"‖∂{text.at(signs[1] or '<i>L</i>', later)} / ∂{text.at(signs[0], earlier)}‖ = "
        f"{'not a number' if bad else text.number(value)}{many}"
        for (later, earlier), value, bad in zip(
            pairs, cells.value[rows, columns].tolist(), cells.bad[rows, columns].tolist(), strict=True
        )
    ]
    figure.add_scatter(
        x=centres[columns], y=centres[rows], mode="markers", hovertext=said, hoverinfo="text", customdata=pairs,
        showlegend=False, name="cells", marker={"symbol": "square", "size": max(pitch, 4), "opacity": 0},
    )  # fmt: skip
