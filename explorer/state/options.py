"""The choices of a view: each table has the values of one field and their titles. The words of the colour bar are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.execute import Parameters
from engine.inputs import Setting
from engine.working import MAX_LEVELS
from explorer import model as models


@dataclass(frozen=True)
class Lens:
    """A quantity that the colour shows: its title, its meaning in words, its symbol, and the ends of its scale at first."""

    title: str
    words: str
    symbol: str
    low: int
    high: int


LENSES: Final[Mapping[str, Lens]] = {
    "gradient": Lens("Gradient", "gradient of the loss at the node", "∇L", -5, 1),
    "value": Lens("Value", "value of the node", "v", -3, 1),
    "slope": Lens("Slope φ′", "local derivative φ′(a) of the node's function", "φ′", -3, 0),
}

#: Measure that makes one magnitude of a vector -> its title, and how it is written around the symbol.
MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    "norm": ("L2 norm", "‖{}‖"),
    "largest": ("largest entry", "max |{}|"),
    "mean": ("mean of entries", "mean |{}|"),
}

#: Quantity that the edges show -> its title, and how its magnitude is written.
EDGES: Final[Mapping[str, tuple[str, str]]] = {
    "nothing": ("nothing", ""),
    "forward": ("forward signal", "‖signal‖"),
    "backward": ("backward message", "‖message‖"),
}

#: Graph that is drawn -> its title.
GRAPHS: Final[Mapping[str, str]] = {"unrolled": "Unrolled", "rolled": "Rolled", "neurons": "Neurons"}

#: Place of the parameters in the graph, as in `engine.unroll` -> its title.
PARAMETERS: Final[Mapping[Parameters, str]] = {
    "hidden": "hidden",
    "shared": "shared",
    "copies": "one copy per step",
}

#: Drawing of the samples in the curve of the decay -> its title.
SPREADS: Final[Mapping[str, str]] = {"none": "as one line", "lines": "a line each", "band": "a band"}

#: Part of the page on vanishing gradients -> its title.
TABS: Final[Mapping[str, str]] = {
    "losses": "Which loss reaches which step",
    "jacobians": "Jacobians",
    "shares": "Shares",
    "matrices": "Matrices and derivatives",
    "remedies": "Truncation and clipping",
}

#: Detail of the derivation -> its title.
DETAILS: Final[Mapping[str, str]] = {"symbols": "Symbols", "numbers": "and numbers", "elements": "and each entry"}

#: Renderer of the unrolled graph -> its title.
PICTURES: Final[Mapping[str, str]] = {"live": "Live", "plotly": "Plotly"}

#: Part of a page that a link can leave out -> its title.
PARTS: Final[Mapping[str, str]] = {
    "sidebar": "Side bar",
    "lenses": "Colour and scale",
    "knob": "Choice of a knob",
    "inspector": "Selected node",
    "table": "Picture as a table",
    "equations": "Gradient, equations, checks",
    "edit": "Edit the numbers",
    "cell": "Own cell",
    "files": "Take it home",
}
#: The parts that a presentation leaves out.
TOOLS: Final = ("sidebar", "lenses", "knob", "table", "edit", "cell", "files")

EXPONENT: Final = Setting("Power of ten", "int", "exponent", 0, -320, 308)
CUT: Final = Setting("Steps k", "int", "cut", 5, 1, models.MAX_STEPS)
LEVELS: Final = Setting("Levels", "int", "levels", 3, 1, MAX_LEVELS, help="How often the recursion is put into itself.")
CLIP: Final = Setting("Limit", "float", "clip", 1.0, 1e-12, 1e12)
