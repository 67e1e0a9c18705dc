"""Checks of single fields of a view: each raises ValueError for a value that the field cannot have.

No check looks at a network: a step, a node or a sample that the network lacks is kept until the network has it again.
"""

from __future__ import annotations

import re
from typing import Final

from engine.formula import MAX_FORMULA
from engine.language import MAX_SIZE
from engine.support import shown
from engine.verify import Asked
from engine.working import MAX_PATH
from explorer.fields import all_of, encodable, is_name
from explorer.model import MAX_STEPS
from explorer.state.options import EXPONENT, LENSES, PARTS

LESSON_NAME: Final = r"[a-z0-9-]{1,40}"
MAX_SAMPLE: Final = 100_000
MAX_COLUMN: Final = 200_000  # characters of a column of the comparison


def sample(number: int) -> None:
    """Check: a sample, counted from 1; 0 is all of them."""
    if not 0 <= number <= MAX_SAMPLE:
        raise ValueError(f"sample {number}; counted from 1")


def unit(number: int) -> None:
    """Check: a unit of a node, counted from 1; 0 is none."""
    if not 0 <= number <= MAX_SIZE:
        raise ValueError(f"unit {number}; counted from 1")


def step(t: int) -> None:
    """Check: a step, counted from 1; 0 is the one in the middle."""
    if not 0 <= t <= MAX_STEPS:
        raise ValueError(f"step {t}; counted from 1 to {MAX_STEPS}")


def window(steps: tuple[int, int] | None) -> None:
    """Check: the first and the last step that are drawn."""
    if steps is not None and not 1 <= steps[0] <= steps[1] <= MAX_STEPS:
        raise ValueError(f"steps {steps[0]} to {steps[1]}; the first is at least 1 and not after the last")


def pair(steps: tuple[int, int] | None) -> None:
    """Check: the later and the earlier step of a Jacobian."""
    if steps is not None and not 1 <= steps[1] <= steps[0] <= MAX_STEPS:
        raise ValueError(f"steps {steps[0]} and {steps[1]}; the later comes first, and both count from 1")


def selected(node: tuple[str, int] | None) -> None:
    """Check: a node and its step."""
    if node is None:
        return
    name, t = node
    if not is_name(name):
        raise ValueError(f"{shown(name)} is no name of a node")
    if abs(t) > MAX_STEPS:
        raise ValueError(f"there is no step {t:,}; at most {MAX_STEPS:,} are computed here")


def path(place: tuple[int, int] | None) -> None:
    """Check: the step of a loss, and an edge of the path from there."""
    if place is not None and not (0 <= place[0] <= MAX_STEPS and 1 <= place[1] <= MAX_PATH):
        raise ValueError(f"edge {place[1]} of the path from the loss at step {place[0]}; both count from 1")


def ranges(chosen: tuple[tuple[str, int, int], ...]) -> None:
    """Check: the ends of the scales, as powers of ten."""
    for lens, low, high in chosen:
        if lens not in LENSES or EXPONENT.checked(low) >= EXPONENT.checked(high):
            raise ValueError(f"a scale from 10^{low} to 10^{high}; the first must be the smaller")


def parts(names: tuple[str, ...]) -> None:
    """Check: the parts of a page that are left out."""
    all_of(PARTS)(names)
    if len(set(names)) < len(names):
        raise ValueError("a part is named twice")


def columns(texts: tuple[str, ...]) -> None:
    """Check: the columns of a comparison."""
    if len(texts) not in (0, 2, 3):
        raise ValueError("two or three columns are compared")
    for text in texts:
        if len(text) > MAX_COLUMN:
            raise ValueError(f"a column of {len(text):,} characters; at most {MAX_COLUMN:,} are kept")
        if not re.fullmatch(r"[\w.%=&+~*-]*", text, re.ASCII):
            raise ValueError(f"{shown(text)} is no query, such as cell=lstm&steps=50")


def lesson(place: tuple[str, int] | None) -> None:
    """Check: a lesson and its step."""
    if place is not None and not (re.fullmatch(LESSON_NAME, place[0]) and 1 <= place[1] <= 99):
        raise ValueError(f"{shown(place[0])} is no lesson's name, or {place[1]} no step, counted from 1")


def formula(text: str) -> None:
    """Check: a formula as typed."""
    if len(text) > MAX_FORMULA or not encodable(text):
        raise ValueError(f"a formula is a text of at most {MAX_FORMULA:,} characters")


def asked(question: Asked | None) -> None:
    """Check: the question that a formula answers."""
    if question is None:
        return
    if question.kind not in ("gradient", "value", "jacobian"):
        raise ValueError(f"{shown(question.kind)} is not known; one of gradient, value, jacobian")
    for name in (question.name, *([question.of] if question.of or question.kind == "jacobian" else [])):
        if not is_name(name):
            raise ValueError(f"{shown(name)} is no name")
    if question.t is not None and abs(question.t) > MAX_STEPS:
        raise ValueError(f"step {question.t}; there are at most {MAX_STEPS:,}")
