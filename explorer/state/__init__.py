"""The whole screen as one frozen value, read from a link or a file and written to it."""

from explorer.fields import packed, unpacked
from explorer.state.checks import LESSON_NAME, MAX_COLUMN
from explorer.state.link import LONGEST_VALUE, from_query, left_out, to_query, words
from explorer.state.options import (
    CLIP,
    CUT,
    DETAILS,
    EDGES,
    EXPONENT,
    GRAPHS,
    LENSES,
    LEVELS,
    MEASURES,
    PARAMETERS,
    PARTS,
    PICTURES,
    SPREADS,
    TABS,
)
from explorer.state.presets import PRESETS
from explorer.state.state import State
from explorer.state.view import View

__all__ = [
    "CLIP",
    "CUT",
    "DETAILS",
    "EDGES",
    "EXPONENT",
    "GRAPHS",
    "LENSES",
    "LESSON_NAME",
    "LEVELS",
    "LONGEST_VALUE",
    "MAX_COLUMN",
    "MEASURES",
    "PARAMETERS",
    "PARTS",
    "PICTURES",
    "PRESETS",
    "SPREADS",
    "TABS",
    "State",
    "View",
    "from_query",
    "left_out",
    "packed",
    "to_query",
    "unpacked",
    "words",
]
