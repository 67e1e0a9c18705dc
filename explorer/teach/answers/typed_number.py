"""The number that a user types as an answer, in any of the usual ways of writing."""

from __future__ import annotations

import math
import re
from typing import Final

_SUPERSCRIPTS: Final = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")


def typed(text: str) -> float:
    """The number that a user has typed: 0.001, 0,001, 1e-3, 1.5·10⁻³, 1/3, 5 %. Raises ValueError for anything else."""
    plain = re.sub(r"\s", "", text[:60]).replace("−", "-")
    plain = re.sub(r"(?:[·*×x])?10(?:\^|\*\*)([-+]?\d+)$", r"e\1", plain)
    plain = re.sub(r"(?:[·*×x])?10([⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+)$", lambda m: f"e{m[1].translate(_SUPERSCRIPTS)}", plain)
    plain = re.sub(r"^([-+]?)e", r"\g<1>1e", plain)
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    one = r"[-+]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:[eE][-+]?\d{1,3})?"
    found = re.fullmatch(rf"({one})(?:/({one}))?(%?)", plain, re.ASCII)
    if found is None:
        raise ValueError("a number is needed, such as 0.25, 1e-3 or 1/3")
    below = float(found[2]) if found[2] else 1.0
    value = float(found[1]) / below / (100 if found[3] else 1) if below else math.inf
    if not math.isfinite(value):
        raise ValueError("a finite number is needed")
    return value
