"""What every package of the engine uses: checks of arguments, bounds of memory, places to interrupt, properties made once."""

from engine.support.arguments import shown
from engine.support.lazy import once
from engine.support.pause import pausing

__all__ = [
    "once",
    "pausing",
    "shown",
]
