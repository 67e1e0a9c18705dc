"""What things look like: colours for the magnitudes, marks for what the scale cannot show, a shape for each role.

The scale is viridis without its darkest and lightest ends: even steps to the eye, safe for the colour-blind, and told
from a white page as well as from a dark one. Red is no colour of the scale and says one thing only: not finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.operations import OPERATIONS

FONT: Final = "Source Sans, Source Sans Pro, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

#: From vanished to strong. Viridis (Smith & van der Walt 2015) from 0.06 to 0.96, in even steps.
SCALE: Final = (
    "#481467", "#482878", "#443983", "#3d4e8a", "#355f8d", "#2d708e", "#27808e", "#21918c",
    "#1fa187", "#2db27d", "#4ac16d", "#6ece58", "#95d840", "#bddf26", "#e7e419",
)  # fmt: skip
ALARM: Final = "#d62839"

#: Role of a node -> its shape in the picture.
SHAPES: Final[Mapping[str, str]] = {
    "input": "square",
    "target": "square",
    "inner": "circle",
    "state": "circle",
    "output": "circle",
    "loss": "diamond",
    "parameter": "hexagon",
}

#: How a function is written where it stands for the node that it makes.
FUNCTIONS: Final[Mapping[str, str]] = {name: {"sigmoid": "σ", "softplus": "ζ"}.get(name, name) for name in OPERATIONS}


@dataclass(frozen=True)
class Palette:
    """The colours around the scale, for a light or a dark page.

    paper    the page; an exact zero is filled with it
    ink      text and outlines
    muted    text of less weight
    line     edges
    grid     lines to read against
    neutral  nodes without a magnitude
    series   lines of a diagram, one for each state
    """

    paper: str
    ink: str
    muted: str
    line: str
    grid: str
    neutral: str
    series: tuple[str, ...]


PALETTES: Final[Mapping[str, Palette]] = {
    "light": Palette(
        paper="#ffffff",
        ink="#1c2733",
        muted="#5d6b7a",
        line="#98a5b3",
        grid="#e3e8ed",
        neutral="#dfe4e9",
        series=("#1f5f99", "#c2571a", "#5b8c1f", "#8b4fa8"),
    ),
    "dark": Palette(
        paper="#11161c",
        ink="#e6ebf0",
        muted="#9aa7b4",
        line="#667380",
        grid="#262f39",
        neutral="#3a4551",
        series=("#6cb2f0", "#f0975a", "#a3cf62", "#cf9be6"),
    ),
}


def colorscale() -> list[list[object]]:
    """The scale as plotly takes it."""
    return [[i / (len(SCALE) - 1), colour] for i, colour in enumerate(SCALE)]


def on(share: float) -> str:
    """Black or white, whichever is read better on the colour of the scale at `share` (0 to 1)."""
    colour = SCALE[round(min(max(share, 0.0), 1.0) * (len(SCALE) - 1))]
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return "#000000" if luminance > 0.18 else "#ffffff"
