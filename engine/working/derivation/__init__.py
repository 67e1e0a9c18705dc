"""The derivation of every gradient, section by section."""

from engine.working.derivation.line import Line, Section
from engine.working.derivation.sections import MAX_LEVELS, SECTIONS, Row, derive

__all__ = ["MAX_LEVELS", "SECTIONS", "Line", "Row", "Section", "derive"]
