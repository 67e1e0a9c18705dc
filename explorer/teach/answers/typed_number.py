"""The number that a user types as an answer, in any of the usual ways of writing."""

from __future__ import annotations

import math
import re
from typing import Final

_SUPERSCRIPTS: Final = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")


def typed(text: str) -> float:
    """The number that a user has typed: 0.001, 0,001, 1e-3, 1.5·10⁻³, 1/3, 5 %. Raises ValueError for anything else."""
    compact = re.sub(r"\s", "", text[:60]).replace("−", "-")
    compact = re.sub(r"(?:[·*×x])?10(?:\^|\*\*)([-+]?\d+)$", r"e\1", compact)
    compact = re.sub(r"(?:[·*×x])?10([⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+)$", lambda m: f"e{m[1].translate(_SUPERSCRIPTS)}", compact)
    compact = re.sub(r"^([-+]?)e", r"\g<1>1e", compact)
    if compact.count(",") == 1 and "." not in compact:
        compact = compact.replace(",", ".")
    number = r"[-+]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:[eE][-+]?\d{1,3})?"
    match = re.fullmatch(rf"({number})(?:/({number}))?(%?)", compact, re.ASCII)
    if match is None:
        raise ValueError("a number is needed, such as 0.25, 1e-3 or 1/3")
    divisor = float(match[2]) if match[2] else 1.0
    value = float(match[1]) / divisor / (100 if match[3] else 1) if divisor else math.inf
    if not math.isfinite(value):
        raise ValueError("a finite number is needed")
    return value
