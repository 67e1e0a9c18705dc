"""Formulas that a user writes about a run: reading, shapes, numbers, text."""

from engine.formula import formula
from engine.formula.formula import MAX_FORMULA, Formula, parse

__all__ = [
    "MAX_FORMULA",
    "Formula",
    "formula",
    "parse",
]
