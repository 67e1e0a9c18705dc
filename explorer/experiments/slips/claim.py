"""What a text states, as a claim that can be tested on a run: as a formula, or as a trial where it is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine import Run
from engine.language import Array
from engine.verify import Asked, Verdict


@dataclass(frozen=True)
class Trial:
    """A claim that is no formula of the language, tried on a run.

    asked                what is asked
    stated, right        both sides' formulas, in LaTeX
    given, held, true    what they give, and what is so; `route` says how the last was found
    """

    asked: Asked
    stated: str
    right: str
    given: Array
    held: Array
    true: Array
    route: str


@dataclass(frozen=True)
class Form:
    """A slip for one kind of cell.

    kind, name, of   what the formulas are for, as `verdict.Asked` has them; {loss} stands for the node that calls a loss
    stated, right    formulas; {phi} stands for the function of the node `function`, {g} for ∂L/∂L(t)· where that is not 1
    back             how many steps before the last one it is tested; there are more steps than that
    tried            in place of `stated`, where that is no formula: its LaTeX and what came of it, or None where it has none
    """

    kind: Literal["gradient", "value", "jacobian"]
    name: str
    stated: str
    right: str
    of: str = ""
    back: int = 0
    function: str = "h"
    tried: Callable[[Run, Asked, int], tuple[str, Verdict] | None] | None = None


@dataclass(frozen=True)
class Slip:
    """One place where a text is wrong or easy to misread.

    source, place   the text, a key of `SOURCES`, and where in it
    quote           what it states, in short
    why             why that cannot be, and what is right
    forms           the claim for one kind of cell or more; the first that fits is tested
    layers          whether the small network is one of layers
    remark          what the stated numbers are, in words, or ""
    trial           in place of forms: the claim tried on a run, of one sample; None where it means nothing there
    """

    title: str
    source: str
    place: str
    quote: str
    why: str
    forms: tuple[Form, ...] = ()
    layers: bool = False
    remark: Callable[[Run, Asked, int, Verdict], str] = lambda run, asked, sample, verdict: ""
    trial: Callable[[Run, int], Trial | None] | None = None
