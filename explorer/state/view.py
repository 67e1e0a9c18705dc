"""How a run is looked at: the lens, the steps, the selection, and what each page has of its own."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

from engine.execute import Parameters
from engine.formula import MAX_FORMULA
from engine.language import MAX_SIZE
from engine.support import shown
from engine.verify import Asked
from engine.working import MAX_PATH, SECTIONS
from explorer import model as models
from explorer import theme
from explorer.experiments.cliff import Cliff
from explorer.experiments.knob import Turn
from explorer.experiments.slips import SLIPS
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
    TOOLS,
)

MAX_COLUMN: Final = 200_000  # characters of a column of the comparison


@dataclass(frozen=True)
class View:
    """How a run is looked at; nothing in it changes a number.

    lens, measure   keys of `LENSES` and `MEASURES`
    ranges          of each lens whose scale was changed: (lens, low, high), powers of ten
    sample          which sample is shown, counted from 1; 0 is all of them together
    window          the first and last step that are drawn, or None: all of them, or of many the last ones
    selected        the node that stands out: (name, t), or None; one that is not there is kept until it is there again
    path            the gradient's path to the selected node that is walked: the step of the loss that it begins at, 0 for
                    wherever it is strongest, and which of its edges is looked at, counted from 1; or None
    unit            which neuron of the selected node stands out, counted from 1; 0 is none of them by itself
    graph           key of `GRAPHS`
    parameters      key of `PARAMETERS`
    knob            the number that is turned in the live picture, or None
    edges, picture  keys of `EDGES` and `PICTURES`
    scale           key of `theme.SCALES`
    columns         of a comparison: two or three texts, as `comparison.column` reads them; else empty
    cliff           the surface of the loss over two numbers, and the descent on it
    hidden          the parts of the page that are left out: keys of `PARTS`
    present         a presentation: large type, no tools

    Of the page on vanishing gradients:
    state, parameter  the name of the state and of the parameter that are looked at; "" or one that is not there: the first
    spread, tab     keys of `SPREADS` and `TABS`
    pair            the later and the earlier step of the Jacobian that is taken apart, or None: the last and the first
    cut             k of the truncations, steps
    clip            the limit of the clippings

    Of the page on slips:
    slip            key of `SLIPS`
    formula         what was typed as a formula of the reader's own, right or wrong, and what it is for; None: the first

    Of the derivation:
    sections        keys of `SECTIONS`: those that are open
    detail          key of `DETAILS`
    step            the step that is looked at; 0, or one that is not there, is the one in the middle
    levels          how often the recursion is put into itself

    Of the page of lessons:
    lesson          the lesson that is taken and its step, counted from 1; or None
    """

    lens: str = "gradient"
    measure: str = "norm"
    ranges: tuple[tuple[str, int, int], ...] = ()
    sample: int = 0
    window: tuple[int, int] | None = None
    selected: tuple[str, int] | None = None
    path: tuple[int, int] | None = None
    unit: int = 0
    graph: str = "unrolled"
    parameters: Parameters = "hidden"
    knob: Turn | None = None
    edges: str = "nothing"
    picture: str = "live"
    scale: str = theme.USUAL
    state: str = ""
    parameter: str = ""
    spread: str = "none"
    tab: str = "losses"
    pair: tuple[int, int] | None = None
    cut: int = 5
    clip: float = 1.0
    columns: tuple[str, ...] = ()
    cliff: Cliff = field(default_factory=Cliff)
    slip: str = "E1"
    formula: str = ""
    asked: Asked | None = None
    sections: tuple[str, ...] = ("softmax",)
    detail: str = "numbers"
    step: int = 0
    levels: int = LEVELS.default
    lesson: tuple[str, int] | None = None
    hidden: tuple[str, ...] = ()
    present: bool = False

    def __post_init__(self) -> None:
        keys: tuple[tuple[str, Collection[str]], ...] = (
            (self.lens, LENSES),
            (self.measure, MEASURES),
            (self.graph, GRAPHS),
            (self.parameters, PARAMETERS),
            (self.edges, EDGES),
            (self.picture, PICTURES),
            (self.scale, theme.SCALES),
            (self.spread, SPREADS),
            (self.tab, TABS),
            (self.slip, SLIPS),
            (self.detail, DETAILS),
            *((section, SECTIONS) for section in self.sections),
            *((part, PARTS) for part in self.hidden),
        )
        for value, known in keys:
            if value not in known:
                raise ValueError(f"{shown(value)} is not known; one of {', '.join(known)}")
        for lens, low, high in self.ranges:
            if lens not in LENSES or EXPONENT.checked(low) >= EXPONENT.checked(high):
                raise ValueError(f"a scale from 10^{low} to 10^{high}; the first must be the smaller")
        if not 0 <= self.sample <= 100_000:
            raise ValueError(f"sample {self.sample}; counted from 1")
        if not 0 <= self.unit <= MAX_SIZE:
            raise ValueError(f"unit {self.unit}; counted from 1")
        if self.window is not None and not 1 <= self.window[0] <= self.window[1] <= models.MAX_STEPS:
            raise ValueError(
                f"steps {self.window[0]} to {self.window[1]}; the first is at least 1 and not after the last"
            )
        if self.selected is not None and not (self.selected[0].isidentifier() and len(self.selected[0]) <= 60):
            raise ValueError(f"{shown(self.selected[0])} is no name of a node")
        if self.selected is not None and abs(self.selected[1]) > models.MAX_STEPS:
            raise ValueError(f"there is no step {self.selected[1]:,}; at most {models.MAX_STEPS:,} are computed here")
        if self.path is not None and not (0 <= self.path[0] <= models.MAX_STEPS and 1 <= self.path[1] <= MAX_PATH):
            raise ValueError(f"edge {self.path[1]} of the path from the loss at step {self.path[0]}; both count from 1")
        if len(set(self.hidden)) < len(self.hidden):
            raise ValueError("a part is named twice")
        if len(self.columns) not in (0, 2, 3):
            raise ValueError("two or three columns are compared")
        for column in self.columns:
            if len(column) > MAX_COLUMN:
                raise ValueError(f"a column of {len(column):,} characters; at most {MAX_COLUMN:,} are kept")
            if not re.fullmatch(r"[\w.%=&+~*-]*", column, re.ASCII):
                raise ValueError(f"{shown(column)} is no query, such as cell=lstm&steps=50")

        for name in (self.state, self.parameter):
            if name and not (name.isidentifier() and len(name) <= 60):
                raise ValueError(f"{shown(name)} is no name")
        if self.pair is not None and not 1 <= self.pair[1] <= self.pair[0] <= models.MAX_STEPS:
            raise ValueError(f"steps {self.pair[0]} and {self.pair[1]}; the later comes first, and both count from 1")
        if not 0 <= self.step <= models.MAX_STEPS:
            raise ValueError(f"step {self.step}; counted from 1 to {models.MAX_STEPS}")
        LEVELS.checked(self.levels)
        if self.lesson is not None and not (
            re.fullmatch(r"[a-z0-9-]{1,40}", self.lesson[0]) and 1 <= self.lesson[1] <= 99
        ):
            raise ValueError(
                f"{shown(self.lesson[0])} is no lesson's name, or {self.lesson[1]} no step, counted from 1"
            )
        CUT.checked(self.cut)
        CLIP.checked(self.clip)
        if len(self.formula) > MAX_FORMULA or any(0xD800 <= ord(character) <= 0xDFFF for character in self.formula):
            raise ValueError(f"a formula is a text of at most {MAX_FORMULA:,} characters")
        if self.asked is not None:
            _check_asked(self.asked)

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
        """What the colour shows, as it is written: ‖∇L‖."""
        return MEASURES[self.measure][1].format(LENSES[self.lens].symbol)

    def shows(self, part: str) -> bool:
        """Whether a part of the page is there."""
        return part not in self.hidden and not (self.present and part in TOOLS)

    def usual_range(self) -> View:
        """The view with the scale of its lens as it was at first."""
        return self.with_range(*_usual(self.lens))

    def with_range(self, low: int, high: int) -> View:
        """The view with another scale for its lens; that of other lenses is kept."""
        others = {lens: (low, high) for lens, low, high in self.ranges} | {self.lens: (low, high)}
        return replace(
            self,
            ranges=tuple((lens, *others[lens]) for lens in LENSES if others.get(lens, _usual(lens)) != _usual(lens)),
        )


def _check_asked(asked: Asked) -> None:
    """Raises ValueError for what no formula is for; whether the network has it is seen there."""
    if asked.kind not in ("gradient", "value", "jacobian"):
        raise ValueError(f"{shown(asked.kind)} is not known; one of gradient, value, jacobian")
    for name in (asked.name, *([asked.of] if asked.of or asked.kind == "jacobian" else [])):
        if not (name.isidentifier() and len(name) <= 60):
            raise ValueError(f"{shown(name)} is no name")
    if asked.t is not None and abs(asked.t) > models.MAX_STEPS:
        raise ValueError(f"step {asked.t}; there are at most {models.MAX_STEPS:,}")


def _usual(lens: str) -> tuple[int, int]:
    return LENSES[lens].low, LENSES[lens].high
