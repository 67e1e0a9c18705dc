"""The view of a run: the lens, the steps, the selection, and the choices of each page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from engine.execute import Parameters
from engine.verify import Asked
from engine.working import SECTIONS
from explorer import theme
from explorer.experiments.cliff import Cliff
from explorer.experiments.knob import KNOB, Turn
from explorer.experiments.slips import SLIPS
from explorer.fields import all_of, check, formats, grouped, linked, name_or_empty, one_of
from explorer.fields.formats import optional
from explorer.state import checks
from explorer.state.options import (
    CLIP,
    CUT,
    DETAILS,
    EDGES,
    GRAPHS,
    LENSES,
    LEVELS,
    MEASURES,
    PARAMETERS,
    PICTURES,
    SPREADS,
    TABS,
    TOOLS,
)


def _read_asked(text: str) -> Asked:
    kind, name, step, of = [*text.split(","), "", ""][:4] if 2 <= text.count(",") <= 3 else ["", "", "", ""]
    return Asked(kind, name, formats.WHOLE.read(step) if step else None, of)  # type: ignore[arg-type]  # checked below


def _write_asked(asked: Asked) -> str:
    step = "" if asked.t is None else str(asked.t)
    return ",".join([asked.kind, asked.name, step, *([asked.of] if asked.of else [])])


ASKED: Final = formats.Format(_read_asked, _write_asked)


@dataclass(frozen=True)
class View:
    """The view of a run; no field changes a number of the run.

    Each field but `cliff`, which has its own, is written once: its default, its key and its format in a link, its check, and
    its name on a page.

    Raises:
        ValueError: for a value that a field cannot have.
    """

    #: The quantity that the colour shows, and the measure that makes one magnitude of a vector.
    lens: str = linked("show", "gradient", check=one_of(LENSES), words="what the colour shows")
    measure: str = linked("as", "norm", check=one_of(MEASURES), words="measure")
    #: The sample that is shown, counted from 1; 0 is all of them together.
    sample: int = linked("sample", 0, formats.WHOLE, check=checks.sample)
    #: The first and last step that are drawn, or None: all of them, or of many the last ones.
    window: tuple[int, int] | None = linked(
        "window", None, optional(formats.PAIR), check=checks.window, words="steps that are drawn"
    )
    #: The selected node, (name, t), or None; a node that does not exist is kept until it exists again.
    selected: tuple[str, int] | None = linked(
        "node", None, optional(formats.PLACE), check=checks.selected, words="selected node"
    )
    #: A path of the gradient to the selected node: the step of the loss where it begins, or 0 for the loss with the strongest
    #: gradient; and the edge that is walked, counted from 1. None: no path is shown.
    path: tuple[int, int] | None = linked("path", None, optional(formats.PAIR), check=checks.path)
    #: The neuron of the selected node that stands out, counted from 1; 0 is none of them by itself.
    unit: int = linked("unit", 0, formats.WHOLE, check=checks.unit)
    graph: str = linked("graph", "unrolled", check=one_of(GRAPHS))
    parameters: Parameters = linked("parameters", "hidden", check=one_of(PARAMETERS))
    #: The number that is turned in the live picture, or None.
    knob: Turn | None = linked("knob", None, optional(KNOB))
    edges: str = linked("edges", "nothing", check=one_of(EDGES), words="what the edges show")
    picture: str = linked("picture", "live", check=one_of(PICTURES))
    scale: str = linked("scale", theme.USUAL, check=one_of(theme.SCALES))

    # Of the page on vanishing gradients.

    #: The state and the parameter that the page is about; "", or a name that does not exist, is the first.
    state: str = linked("state", "", check=name_or_empty)
    parameter: str = linked("of", "", check=name_or_empty, words="parameter")
    spread: str = linked("spread", "none", check=one_of(SPREADS))
    tab: str = linked("tab", "losses", check=one_of(TABS), words="part of the page")
    #: The later and the earlier step of the Jacobian that is taken apart, or None: the last and the first.
    pair: tuple[int, int] | None = linked(
        "pair", None, optional(formats.PAIR), check=checks.pair, words="pair of steps"
    )
    #: The steps k of the truncations, and the limit of the clippings.
    cut: int = linked("every", CUT.default, formats.WHOLE, check=CUT.checked, words="truncation")
    clip: float = linked("clip", CLIP.default, formats.NUMBER, check=CLIP.checked, words="clipping")

    # Of the derivation.

    #: The sections that are open.
    sections: tuple[str, ...] = linked("sections", ("softmax",), formats.NAMES, check=all_of(SECTIONS))
    detail: str = linked("detail", "numbers", check=one_of(DETAILS))
    #: The step that is derived; 0, or a step that does not exist, is the one in the middle.
    step: int = linked("step", 0, formats.WHOLE, check=checks.step)
    #: The number of times that the recursion is put into itself.
    levels: int = linked("levels", LEVELS.default, formats.WHOLE, check=LEVELS.checked)

    # Of the comparison: two or three texts, as `compare.column` reads them; else empty.

    columns: tuple[str, ...] = linked(
        "compare", (), formats.COLUMNS, check=checks.columns, words="columns of the comparison"
    )

    # Of the page on slips.

    slip: str = linked("slip", "E1", check=one_of(SLIPS))
    #: The formula that the reader has typed, right or wrong, and the question that it answers; None: the first.
    formula: str = linked("formula", "", formats.PACKED, check=checks.formula, words="your formula")
    asked: Asked | None = linked("ask", None, optional(ASKED), check=checks.asked)

    # Of the lessons: the name of the lesson that is taken and its step, counted from 1; or None.

    lesson: tuple[str, int] | None = linked("lesson", None, optional(formats.PLACE), check=checks.lesson)

    # Of every page: the parts that are left out; and whether it is a presentation, with large type and no tools.

    hidden: tuple[str, ...] = linked("hide", (), formats.LISTED, check=checks.parts)
    present: bool = linked("present", False, formats.TRUTH)

    # The surface of the loss over two numbers, and the descent on it.

    cliff: Cliff = field(default_factory=Cliff)

    #: Of each lens whose scale was changed: (lens, low, high), powers of ten.
    ranges: tuple[tuple[str, int, int], ...] = grouped(
        "range.", lambda ends: (ends[0], formats.joined(ends[1:])), check=checks.ranges, words="scale"
    )

    def __post_init__(self) -> None:
        check(self)

    @property
    def low(self) -> int:
        """The power of ten at the lower end of the scale."""
        return self._range[0]

    @property
    def high(self) -> int:
        """The power of ten at the upper end of the scale."""
        return self._range[1]

    @property
    def _range(self) -> tuple[int, int]:
        return next(((low, high) for lens, low, high in self.ranges if lens == self.lens), _usual(self.lens))

    @property
    def quantity(self) -> str:
        """The symbol of the quantity that the colour shows: ‖∇L‖."""
        return MEASURES[self.measure][1].format(LENSES[self.lens].symbol)

    def shows(self, part: str) -> bool:
        """Whether the page has a part."""
        return part not in self.hidden and not (self.present and part in TOOLS)

    def with_usual_range(self) -> View:
        """The view with the default scale of its lens."""
        return self.with_range(*_usual(self.lens))

    def with_range(self, low: int, high: int) -> View:
        """The view with another scale for its lens; other lenses keep theirs."""
        ends = {lens: (low, high) for lens, low, high in self.ranges} | {self.lens: (low, high)}
        changed = [lens for lens in LENSES if ends.get(lens, _usual(lens)) != _usual(lens)]
        return replace(self, ranges=tuple((lens, *ends[lens]) for lens in changed))


def _usual(lens: str) -> tuple[int, int]:
    return LENSES[lens].low, LENSES[lens].high
