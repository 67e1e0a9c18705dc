"""Networks side by side: what is varied, what differs, what is measured."""

from explorer.compare.aspects import ASPECTS, Aspect, recurrent, varied
from explorer.compare.columns import (
    MOST,
    Column,
    Comparison,
    added,
    changes,
    column,
    comparison,
    edited,
    kept,
    moved,
    present,
    removed,
    text,
    with_columns,
)
from explorer.compare.differences import Shared, distinctions, shared
from explorer.compare.measured import Measured, measure, truncated
from explorer.compare.ready import READY, prepare

__all__ = [
    "ASPECTS",
    "MOST",
    "READY",
    "Aspect",
    "Column",
    "Comparison",
    "Measured",
    "Shared",
    "added",
    "changes",
    "column",
    "comparison",
    "distinctions",
    "edited",
    "kept",
    "measure",
    "moved",
    "prepare",
    "present",
    "recurrent",
    "removed",
    "shared",
    "text",
    "truncated",
    "varied",
    "with_columns",
]
