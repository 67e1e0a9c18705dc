"""Colours and shapes: the scales of the magnitudes, the palettes of a light and a dark page, a shape for each role.

The scales run in even steps to the eye, are safe for the colour-blind, and leave out the ends that could not be seen on a
white or a dark page. Red is in none of them and has one meaning only: not finite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.language import CALLS

FONT: Final = "Source Sans, Source Sans Pro, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

#: From vanished to strong, in even steps: viridis (Smith & van der Walt 2015) from 0.06 to 0.96, cividis (Nuñez,
#: Anderton & Renslow 2018) from 0.05 to 0.96, and greys.
SCALES: Final[Mapping[str, tuple[str, ...]]] = {
    "viridis": (
        "#481467", "#482878", "#443983", "#3d4e8a", "#355f8d", "#2d708e", "#27808e", "#21918c",
        "#1fa187", "#2db27d", "#4ac16d", "#6ece58", "#95d840", "#bddf26", "#e7e419",
    ),
    "cividis": (
        "#082b5d", "#133670", "#2b416e", "#414d6c", "#51596d", "#60646f", "#6f7073", "#7e7c76",
        "#8e8977", "#9d9675", "#aea371", "#c0b06a", "#d1bf60", "#e3ce53", "#f4de42",
    ),
    "grey": (
        "#383838", "#434343", "#4d4d4d", "#585858", "#626262", "#6d6d6d", "#777777", "#828282",
        "#8d8d8d", "#979797", "#a2a2a2", "#acacac", "#b7b7b7", "#c1c1c1", "#cccccc",
    ),
}  # fmt: skip
#: The scale unless another is chosen.
USUAL: Final = "viridis"
#: The colour of a node that is not finite, and of the text on it.
ALARM: Final = "#d62839"
ON_ALARM: Final = "#ffffff"

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

#: Role of a node -> its size beside the others, if that is not 1.
SMALLER: Final[Mapping[str, float]] = {"loss": 0.9, "parameter": 0.9}

#: Function -> its symbol in place of a name for the node that it makes.
FUNCTIONS: Final[Mapping[str, str]] = {name: row.text for name, row in CALLS.items()}


@dataclass(frozen=True)
class Palette:
    """The colours around the scale, for a light or a dark page.

    paper    the page; an exact zero is filled with it
    ink      text and outlines
    muted    text of less weight
    line     edges
    grid     lines to read against
    neutral  nodes without a magnitude
    plus, minus   edges of positive and of negative weight: a blue and an orange, which all eyes distinguish
    series   lines of a diagram, one for each state
    """

    paper: str
    ink: str
    muted: str
    line: str
    grid: str
    neutral: str
    plus: str
    minus: str
    series: tuple[str, ...]


PALETTES: Final[Mapping[str, Palette]] = {
    "light": Palette(
        paper="#ffffff",
        ink="#1c2733",
        muted="#5d6b7a",
        line="#98a5b3",
        grid="#e3e8ed",
        neutral="#dfe4e9",
        plus="#2f7ec0",
        minus="#d9741a",
        series=("#1f5f99", "#c2571a", "#5b8c1f", "#8b4fa8"),
    ),
    "dark": Palette(
        paper="#11161c",
        ink="#e6ebf0",
        muted="#9aa7b4",
        line="#667380",
        grid="#262f39",
        neutral="#3a4551",
        plus="#5aa9e6",
        minus="#f0904a",
        series=("#6cb2f0", "#f0975a", "#a3cf62", "#cf9be6"),
    ),
}


def enlargement(pixels: int) -> float:
    """The factor by which a presentation is enlarged on a page of this width in pixels."""
    return round(min(max(pixels / 1000, 1.15), 1.8), 2)


def colorscale(scale: str) -> list[list[object]]:
    """A scale in the form of plotly."""
    colours = SCALES[scale]
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def colour_at(share: float, scale: str) -> str:
    """The colour of a scale nearest to `share`, 0 to 1; beyond, that of the end."""
    colours = SCALES[scale]
    return colours[round(min(max(share, 0.0), 1.0) * (len(colours) - 1))]


def on(share: float, scale: str) -> str:
    """Black or white, whichever can be read better on the colour of the scale at `share` (0 to 1)."""
    colour = colour_at(share, scale)
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return "#000000" if luminance > 0.18 else "#ffffff"
