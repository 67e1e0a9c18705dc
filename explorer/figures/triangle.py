"""Which step reaches which: a triangle of norms, later step × earlier step, as a plotly figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

import engine
from engine import Run
from engine.language import symbol_of
from explorer import theme
from explorer.facts import Blocks, alone, blocks, loss_norms, triangular
from explorer.figures import sheet, text
from explorer.picture.marks import ALARMING, COLOURED, SIGNS, Mark, marks, tint
from explorer.words.numbers import number

Array = NDArray[Any]

_TITLES = ("step of the loss <i>s</i>", "step of the node <i>t</i>")
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
    """Draw ‖∂L(s)/∂h(t)‖, loss step × node step, as a heat map; or with `of` the largest singular value of ∂of(s)/∂h(t).

    Of many steps a cell stands for a block of them and shows its largest number. Only steps up to the loss are drawn: the
    other half is empty.

    Args:
        run: whose gradients they are
        name: of the node
        of: a later name, or "" for the losses
        norms: (T, T), nan above the diagonal: the numbers, if they are known already
        palette: "light" or "dark", the page on which the figure stands
        sample: counted from 1; 0 is all of them together (of a Jacobian, the first)
        span: the powers of ten at the ends of the scale
        scale: key of `theme.SCALES`
        chosen: the cell that stands out, (later step, earlier step), or None
        width: pixels across the figure

    Returns:
        The figure.
    """
    if norms is None:
        norms = loss_norms(run, name, sample) if not of else jacobian_norms(run, name, of, sample)
    colours, cells, (low, high) = theme.PALETTES[palette], blocks(norms), span
    height = int(np.clip(0.55 * width, 300, 560))
    pitch = min((width - 110) / len(cells.value), (height - 110) / len(cells.value))
    kind = marks(np.where(np.isnan(cells.value), -1, np.where(cells.bad, np.nan, cells.value)), low, high)
    centres = (cells.edges[:-1] + cells.edges[1:] - 1) / 2
    figure = go.Figure(_maps(cells, kind, pitch, colours, span, scale))
    _signs(figure, kind, centres, pitch, colours, span, scale)
    _points(figure, cells, kind, centres, pitch, (text.symbol(symbol_of(name)), of and text.symbol(symbol_of(of))))
    later, earlier = ("later step <i>t</i>", "earlier step <i>s</i>") if of else _TITLES
    ends = [0.5, run.T + 0.5]
    marked = bool(np.isin(kind, list(SIGNS)).any())
    sheet.lay_out(
        figure, colours, height, shapes=_outline(cells, chosen, run.T, colours),
        margin={"l": 12, "r": 12, "t": 40 if marked else 12, "b": 44},
        legend=sheet.legend(colours, y=1, yanchor="bottom"),
        xaxis=sheet.time(colours, run.T, earlier, range=ends), dragmode=False,
        yaxis=sheet.axis(colours, later, showgrid=False, range=ends, dtick=1 if run.T <= 12 else None),
    )  # fmt: skip
    return sheet.clickable(figure)


def jacobian_norms(
    run: Run, name: str, of: str, sample: int = 0, progress: Callable[[int], None] | None = None
) -> Array:
    """The largest singular value of ∂of(t)/∂name(s) of one sample, (T, T), [t, s], nan for s > t.

    Args:
        run: whose Jacobians they are
        name: the earlier name
        of: the later name
        sample: counted from 1; 0 is the first
        progress: called with the number of steps that are done
    """
    return triangular(engine.jacobian_norm(alone(run, sample), of, name, progress=progress)[:, :, 0].astype(np.float64))


def _maps(
    cells: Blocks, kind: Array, pitch: float, colours: theme.Palette, span: tuple[int, int], scale: str
) -> list[go.Heatmap]:
    """The norms by colour, and in red the cells that are not finite."""
    usable = np.isin(kind, COLOURED)
    exponent = np.log10(np.where(usable, cells.value, 1)).astype(np.float32)
    edges = cells.edges - 0.5
    both: dict[str, Any] = {"x": edges, "y": edges, "hoverinfo": "skip"}
    norms = go.Heatmap(
        **both, z=np.where(usable, exponent, np.nan), zmin=span[0], zmax=span[1], name="norms",
        colorscale=theme.colorscale(scale), xgap=pitch > 12, ygap=pitch > 12,
        colorbar={**sheet.colour_bar(colours, *span), "xpad": 6},
    )  # fmt: skip
    if not (alarm := np.isin(kind, ALARMING)).any():
        return [norms]
    red = [[0, theme.ALARM], [1, theme.ALARM]]
    return [
        norms,
        go.Heatmap(**both, z=np.where(alarm, 1.0, np.nan), colorscale=red, showscale=False, name="not finite"),
    ]


def _outline(cells: Blocks, chosen: tuple[int, int] | None, T: int, colours: theme.Palette) -> list[dict[str, Any]]:
    """A frame around the chosen cell, which can be seen on any colour of the scale."""
    if chosen is None or not 1 <= chosen[1] <= chosen[0] <= T:
        return []
    y, x = ((step - 1) // cells.size for step in chosen)
    edges = cells.edges - 0.5
    corners = {"x0": edges[x], "x1": edges[x + 1], "y0": edges[y], "y1": edges[y + 1]}
    return [
        {"type": "rect", **corners, "line": {"color": colour, "width": width}}
        for colour, width in ((colours.paper, 5), (colours.ink, 2))
    ]


def _signs(
    figure: go.Figure,
    kind: Array,
    centres: Array,
    pitch: float,
    colours: theme.Palette,
    span: tuple[int, int],
    scale: str,
) -> None:
    """Add for each mark that occurs its sign in the cells, and an entry of the legend."""
    for mark, sign in SIGNS.items():
        rows, columns = np.nonzero(kind == mark)
        if not len(rows):
            continue
        look = tint(mark, colours, scale)
        entry = sheet.legend_entry(mark, colours, *span, words=_ZERO if mark == Mark.ZERO else "")
        figure.add_scatter(
            x=centres[columns], y=centres[rows], mode="markers", hoverinfo="skip", showlegend=False, name=entry.name,
            marker={"symbol": sign.symbol, "size": max(_SMALLEST, min(0.4 * pitch, 10)),
                    "color": look.outline if mark == Mark.ZERO else look.text, "line": {"width": 1 if pitch > 8 else 0.6}},
        )  # fmt: skip
        figure.add_trace(entry)


def _points(
    figure: go.Figure, cells: Blocks, kind: Array, centres: Array, pitch: float, signs: tuple[str, str]
) -> None:
    """Add an invisible point to each cell, which can be read and clicked; a heat map cannot."""
    rows, columns = np.nonzero(kind != Mark.NONE)
    pairs = np.stack([cells.loss[rows, columns], cells.step[rows, columns]], axis=-1).tolist()
    many = "<br>the largest of its block" * (cells.size > 1)
    texts = [
        f"‖∂{text.at(signs[1] or '<i>L</i>', later)} / ∂{text.at(signs[0], earlier)}‖ = "
        f"{'not a number' if bad else number(value)}{many}"
        for (later, earlier), value, bad in zip(
            pairs, cells.value[rows, columns].tolist(), cells.bad[rows, columns].tolist(), strict=True
        )
    ]
    figure.add_scatter(
        x=centres[columns], y=centres[rows], mode="markers", hovertext=texts, hoverinfo="text", customdata=pairs,
        showlegend=False, name="cells", marker={"symbol": "square", "size": max(pitch, 4), "opacity": 0},
    )  # fmt: skip
