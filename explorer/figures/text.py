"""Text for plotly, which reads a few tags of HTML: names in mathematical notation, escaped text."""

from __future__ import annotations

import html

from engine.language import Symbol, index_text, written
from explorer import theme


def symbol(parts: Symbol) -> str:
    """A name with its accent and index: ŷ, W<sub>f</sub>; a letter in italics, a function upright."""
    letter = theme.FUNCTIONS.get(parts.letter)
    if letter is None:
        letter = f"<i>{escaped(written(f'{parts.letter}_{parts.accent}' if parts.accent else parts.letter))}</i>"
    if parts.index is None:
        return letter
    index = index_text(parts.index, lambda word: theme.FUNCTIONS.get(word) or written(word))
    return f"{letter}<sub>{escaped(index)}</sub>"


def width(parts: Symbol) -> float:
    """The width of a symbol, about, in units of its font's size."""
    letter = theme.FUNCTIONS.get(parts.letter) or written(parts.letter)
    return 0.56 * len(letter) + 0.4 * len(parts.index or "")


def at(text: str, t: int) -> str:
    """A symbol with its step, h<sup>(3)</sup>."""
    return f"{text}<sup>({t})</sup>".replace("-", "−")


def escaped(text: str) -> str:
    """Text that plotly shows as it stands."""
    return html.escape(text, quote=False)
