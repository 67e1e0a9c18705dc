"""The claim of a text in a form that can be tested on a run: a formula of the language, or a trial."""

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

    asked                the question that both formulas answer
    stated, right        the formula of the text and the right one, in LaTeX
    given, held, true    the numbers of the two, and the true ones; `route` names the way to the last
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

    kind, name, of   the question that the formulas answer, as in `verdict.Asked`; {loss} stands for the node that calls a loss
    stated, right    formulas; {phi} stands for the function of the node `function`, {g} for ∂L/∂L(t)· where that is not 1
    back             steps from the last one back to the one that is tested; a run has more steps than that
    tried            in place of `stated`, where that is no formula: its LaTeX and its verdict; None where a run has neither
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
    quote           the statement, shortened
    why             the reason against it, and the right statement
    forms           the claim for one kind of cell or more; the first that fits is tested
    layers          whether the small network is one of layers
    remark          a remark on the stated numbers, or ""
    trial           in place of forms: the claim tried on one sample of a run; None where the run has no such numbers
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
