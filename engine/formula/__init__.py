"""Formulas that a user writes about a run: reading, shapes, numbers, text."""

from engine.formula.numbers import as_vector, evaluate, evaluated
from engine.formula.shapes import Misfit, Shape, in_words, shape
from engine.formula.syntax import MAX_FORMULA, Formula, Gradient, parse
from engine.formula.text import code, latex

__all__ = [
    "MAX_FORMULA",
    "Formula",
    "Gradient",
    "Misfit",
    "Shape",
    "as_vector",
    "code",
    "evaluate",
    "evaluated",
    "in_words",
    "latex",
    "parse",
    "shape",
]
