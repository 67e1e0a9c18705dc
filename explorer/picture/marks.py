"""The look of the picture of a graph: the marks of magnitudes that no colour can show, their colours, and sizes in pixels.

One table for all renderers: the plotly figures import it, and `explorer.live.assets` writes it into the scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from explorer import theme

Array = NDArray[Any]


class Mark(IntEnum):
    """How a magnitude stands to the scale."""

    WITHIN = 0
    ZERO = 1  # exactly
    BELOW = 2
    ABOVE = 3
    INFINITE = 4
    NAN = 5
    NONE = 6  # no such magnitude exists: a target's gradient, φ' of a sum


#: Marks whose magnitude has a colour of the scale, and those whose magnitude is not finite.
COLOURED: Final = (Mark.WITHIN, Mark.BELOW, Mark.ABOVE)
ALARMING: Final = (Mark.INFINITE, Mark.NAN)


@dataclass(frozen=True)
class Sign:
    """How a mark is written and drawn.

    words     beside a magnitude
    legend    in a legend; {low} and {high} are the ends of the scale
    symbol    of plotly
    drawing   a path of SVG in a square of 12 pixels
    arms      lines through the centre; 0 is a filled shape
    up        1 above the symbol of a node, −1 below it
    """

    words: str
    legend: str
    symbol: str
    drawing: str
    arms: int = 0
    up: int = -1


SIGNS: Final[Mapping[Mark, Sign]] = {
    Mark.ZERO: Sign("exactly 0", "exactly 0", "circle-open", "M1.5 6a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z"),
    Mark.BELOW: Sign("below the scale", "below {low}", "triangle-down", "M1 2.5h10L6 10z"),
    Mark.ABOVE: Sign("above the scale", "above {high}", "triangle-up", "M1 9.5h10L6 2z", up=1),
    Mark.INFINITE: Sign("infinite", "infinite", "asterisk-open", "M6 1v10M1 6h10M2.5 2.5l7 7M9.5 2.5l-7 7", arms=4),
    Mark.NAN: Sign("not a number", "not a number", "x-thin-open", "M2 2l8 8M10 2l-8 8", arms=2),
}

#: Mark -> the words beside a magnitude.
WORDS: Final[Mapping[Mark, str]] = {
    Mark.WITHIN: "",
    **{mark: sign.words for mark, sign in SIGNS.items()},
    Mark.NONE: "none",
}


def marks(magnitude: Array, low: float, high: float) -> Array:
    """The mark of each magnitude, for a scale from 10^low to 10^high; `NONE` where it is negative."""
    with np.errstate(invalid="ignore"):
        return np.select(
            [np.isnan(magnitude), np.isinf(magnitude), magnitude < 0, magnitude == 0,
             magnitude < 10.0**low, magnitude > 10.0**high],
            [Mark.NAN, Mark.INFINITE, Mark.NONE, Mark.ZERO, Mark.BELOW, Mark.ABOVE],
            Mark.WITHIN,
        ).astype(np.int8)  # fmt: skip


# --- colours -----------------------------------------------------------------------------------------------------


class Tint(NamedTuple):
    """The colours of a node: its area, its outline, and the text and signs in it."""

    fill: str
    outline: str
    text: str


def tint(mark: Mark, colours: theme.Palette, scale: str) -> Tint:
    """The colours of a mark, on a page of these colours; not of `Mark.WITHIN`, whose colours depend on the magnitude."""
    ends = {Mark.BELOW: 0.0, Mark.ABOVE: 1.0}
    if mark in ends:
        return Tint(theme.colour_at(ends[mark], scale), colours.ink, theme.on(ends[mark], scale))
    return {
        Mark.ZERO: Tint(colours.paper, colours.muted, colours.ink),
        Mark.INFINITE: Tint(theme.ALARM, colours.ink, theme.ON_ALARM),
        Mark.NAN: Tint(theme.ALARM, colours.ink, theme.ON_ALARM),
        Mark.NONE: Tint(colours.neutral, colours.ink, colours.ink),
    }[mark]


# --- sizes -------------------------------------------------------------------------------------------------------

ROW: Final = 64  # pixels from row to row, at most
HEIGHTS: Final = (150, 600)  # pixels, the least and the most of a picture
GUTTER: Final = 64  # pixels at the left, for the names of the rows
SIDE: Final = 16  # pixels at a side without names
MARGIN: Final = 20  # pixels, at least, from the centre of an outermost node to the edge
MARGIN_COLUMNS, MARGIN_ROWS = 0.6, 0.75  # the same in columns, at least, and in rows
SIZES: Final = (5.0, 34.0)  # pixels across a node
FILLED: Final = 0.8  # size of a node, as a share of its room
UNEVEN: Final = 2.4  # largest size, in units of the smallest, at most
INITIAL: Final = 0.75  # size of an initial value beside the other nodes of its name
POINTED: Final = 1.3  # half the width of a diamond, in halves of its size
SYMBOL: Final = (0.48, 0.78)  # font of a symbol in its node, of the node's size: at most, and over the symbol's width
READABLE: Final = 8.5  # pixels of a font; smaller symbols are left out
OUTLINED: Final = 7.0  # pixels across a node; the outline of a smaller one would hide its colour
