"""Shared by every package of the engine: checks of arguments, bounds of memory, places to interrupt, lazy properties."""

from engine.support.arguments import shown
from engine.support.lazy import lazy_property
from engine.support.pause import pausing

__all__ = [
    "lazy_property",
    "pausing",
    "shown",
]
