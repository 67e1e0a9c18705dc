"""A text whose next character is predicted."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Final

import numpy as np

from engine.inputs.setting import Setting
from engine.inputs.tasks.task import MAX_STEPS, MAX_UNITS, Form, Task, bounded, every_step, task
from engine.language.operations import one_hot

_SIGNS: Final = {" ": "␣", "\n": "↵", "\t": "⇥"}
_BLANK: Final = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols by category that show nothing


def visible(character: str) -> str:
    """Write a character so that a picture can show it.

    Args:
        character: one code point.

    Returns:
        ␣ ↵ ⇥ for space, line feed and tab; the number, as U+0301, for characters that show nothing or not by themselves
        (control, format, combining, lone surrogates, other spaces) and for the signs ␣ ↵ ⇥; else the character itself.

    **Holds:** different_characters_look_different.
    """
    if character in _SIGNS:
        return _SIGNS[character]
    hidden = not character.isprintable() or unicodedata.category(character).startswith("M")
    return f"U+{ord(character):04X}" if hidden or character in _BLANK or character in _SIGNS.values() else character


def _form(text: str) -> Form:
    count = len(set(text))
    if count > MAX_UNITS:
        raise ValueError(
            f"text has {count:,} different characters, at most {MAX_UNITS:,} are allowed: give a shorter text"
        )
    return bounded(Form(len(text) - 1, 1, count, count, "classes"), count, "text")


@task("Next character of a text", form=_form)
def text(
    text: Annotated[
        str,
        Setting("Text", "text", lower=2, upper=MAX_STEPS + 1, help="Each character is the target of the one before."),
    ] = "hello",
) -> Task:
    """Predict the next character of a text: from h, e, l, l the characters e, l, l, o.

    x is (T, 1, n) one-hot and y (T, 1); T is one less than the length of the text, n the number of its different characters. A
    character is a Unicode code point (a visible sign may consist of several); the classes are in the order of first appearance.

    Raises:
        ValueError: for a text with fewer than two characters or with too many.

    Source: Karpathy, min-char-rnn (2015). **Holds:** hello_as_in_min_char_rnn, different_characters_look_different.
    """
    alphabet = {character: code for code, character in enumerate(dict.fromkeys(text))}
    codes = np.array([alphabet[character] for character in text], dtype=np.int64)
    signs = tuple(map(visible, alphabet))
    return Task(
        x=one_hot(codes[:-1, None], len(alphabet)),
        y=codes[1:, None],
        weights=every_step(len(text) - 1),
        labels=tuple(signs[code] for code in codes[:-1]),
        sentence=f"Predict the next character at each of {len(text) - 1} steps, out of {len(alphabet)}.",
        source="Karpathy (2015), min-char-rnn; The Unreasonable Effectiveness of Recurrent Neural Networks",
        inputs=signs,
        classes=signs,
    )
