"""The writing of numbers, on every page and in every picture; explorer/live/js/text.js writes them the same way."""

from __future__ import annotations

import math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(exponent: int) -> str:
    """10 to a whole number: 10⁻⁶; 1 is 1."""
    return "1" if exponent == 0 else "10" if exponent == 1 else f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def number(value: float) -> str:
    """A number to four digits: 0.05126, 3.2·10⁻⁹."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if abs(value) >= 1e-4 and "e" not in (decimal := f"{value:.4g}"):
        return decimal.replace("-", "−")
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits}·{power(int(exponent))}".replace("-", "−")


def from_exponent(exponent: float) -> str:
    """10 to any number as `number` writes it, also beyond the range of floats: 3.20·10⁻⁹, 3.16·10⁻⁵¹²."""
    if not math.isfinite(exponent):
        return "0" if exponent == -math.inf else number(exponent)
    if abs(exponent) < 300:
        return number(10.0**exponent)
    mantissa, whole = from_log(exponent, 3)
    return f"{mantissa:.2f}·{power(whole)}"


def from_log(log: float, digits: int) -> tuple[float, int]:
    """Mantissa, rounded to this number of digits, and exponent of 10 to any number."""
    exponent = math.floor(log)
    mantissa = float(f"{10 ** (log - exponent):.{digits}g}")
    return (mantissa, exponent) if mantissa < 10 else (1.0, exponent + 1)
