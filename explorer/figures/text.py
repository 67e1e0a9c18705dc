"""Text for plotly, which reads a few tags of HTML: names in mathematical notation, powers of ten, escaped text."""

from __future__ import annotations

import html
import math

from engine.names import Symbol, written
from explorer import theme

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def symbol(parts: Symbol) -> str:
    """A name with its accent and index: ŷ, W<sub>f</sub>; a letter in italics, a function upright."""
    letter = theme.FUNCTIONS.get(parts.letter)
    if letter is None:
        letter = f"<i>{escaped(written(f'{parts.letter}_{parts.accent}' if parts.accent else parts.letter))}</i>"
    if parts.index is None:
        return letter
    words = [theme.FUNCTIONS.get(word) or written(word) for word in parts.index.split(",")]
    return f"{letter}<sub>{escaped(','.join(words))}</sub>"


def width(parts: Symbol) -> float:
    """About how wide a symbol is, in units of its font's size."""
    letter = theme.FUNCTIONS.get(parts.letter) or written(parts.letter)
    return 0.56 * len(letter) + 0.4 * len(parts.index or "")


def at(text: str, t: int) -> str:
    """A symbol with its step, h<sup>(3)</sup>."""
    return f"{text}<sup>({t})</sup>".replace("-", "−")


def power(exponent: int) -> str:
    """10 to a whole number: 10⁻⁶; 1 is 1."""
    return "1" if exponent == 0 else "10" if exponent == 1 else f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def number(value: float) -> str:
    """A number to four digits: 0.05126, 3.2·10⁻⁹."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 1e-4 and "e" not in (plain := f"{value:.4g}"):
        return plain.replace("-", "−")
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits}·{power(int(exponent))}".replace("-", "−")


def from_exponent(exponent: float) -> str:
    """10 to any number to four digits, also where that is no float: 3.2·10⁻⁹, 10⁻⁵¹²."""
    if not math.isfinite(exponent) or abs(exponent) < 300:
        return "0" if exponent == -math.inf else number(10**exponent)
    return power(round(exponent))


def escaped(text: str) -> str:
    """Text that plotly shows as it stands."""
    return html.escape(text, quote=False)
