"""Phrases of the sentences as plain text: numbers, places, comparisons and lists."""

from __future__ import annotations

import numpy as np

from engine.language import names
from explorer.words.numbers import from_log, power


def at(name: str, step: int) -> str:
    """A name at a step: h(3)."""
    return f"{names.written(name)}({step})"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd."""
    tail = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"


def compared_to(log_ratio: float, place: str) -> str:
    """A size in units of the size at a place, from the log10 of their ratio."""
    text = size(log_ratio)
    if text == "1":
        return f"as large as at {place}"
    return f"{text} {'of' if log_ratio < 0 else 'times'} the one at {place}"


def listed(parts: list[str], most: int = 9) -> str:
    """A list in words: a, b and c; of a long one the first entries and the number of the others."""
    if len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def short(value: float) -> str:
    """A number to three digits."""
    if value == 0:
        return "0"
    return ("−" if value < 0 else "") + size(float(np.log10(abs(value))), 3)


def size(log: float, digits: int = 2) -> str:
    """A size from its log10: 0.031, 3.1·10⁻⁹, 1.2·10⁵⁰⁰⁰."""
    if -3 <= log < 4:
        text = f"{10**log:.{max(digits, 3)}g}"
        return f"{float(text):,.0f}" if "e" in text else text
    mantissa, exponent = from_log(log, digits)
    return f"{mantissa:.{digits}g}·{power(exponent)}"


def percent(share: float) -> str:
    """A share in percent; 0 is none, 1 is all."""
    whole = 100 * share
    return "none" if share == 0 else "all" if share == 1 else f"{whole:.2g} %" if whole < 99.5 else f"{whole:.4g} %"


def r_squared(value: float) -> str:
    """R² with enough digits to differ from 1."""
    return next((text for digits in (3, 4, 5) if (text := f"{value:.{digits}f}") != f"{1:.{digits}f}"), "1.00000")


def rounded(steps: float) -> str:
    """A number of steps to two digits, the accuracy of an outlook."""
    return f"{int(float(f'{steps:.2g}')):,}"
