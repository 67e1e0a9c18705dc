"""A figure drawn larger: text, marks, lines and room, as a lens would show it."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

#: Entries that are in pixels, wherever they stand, and those that are so below others of some name only.
_PIXELS: Final = frozenset(
    {"height", "standoff", "xpad", "ypad", "ticklen", "xshift", "yshift", "ax", "ay", "arrowwidth", "startstandoff"}
)
_BELOW: Final = {
    "size": ("font", "tickfont", "textfont", "insidetextfont", "outsidetextfont", "title_font", "marker"),
    "width": ("line", "meta"),
    "thickness": ("colorbar", "error_x", "error_y"),
    **dict.fromkeys(("l", "r", "t", "b"), ("margin",)),
}


def enlarged(figure: go.Figure, by: float) -> go.Figure:
    """The figure with all its pixels `by` times as large; the numbers in it stay.

    A figure that was made for a page of width w / by then fits one of width w. **Holds:** only_sizes_change.
    """
    return figure if by == 1 else go.Figure(_times(figure.to_plotly_json(), by))


def _times(part: Any, by: float, above: str = "") -> Any:
    part = _read(part)
    if isinstance(part, dict):
        return {
            key: _scaled(value, by) if key in _PIXELS or above in _BELOW.get(key, ()) else _times(value, by, key)
            for key, value in part.items()
        }
    if isinstance(part, list | tuple) and any(isinstance(entry, dict) for entry in part):
        return [_times(entry, by, above) for entry in part]
    return part


def _read(part: Any) -> Any:
    """An array, which plotly writes as text, as an array again."""
    if not isinstance(part, dict) or "bdata" not in part:
        return part
    array = np.frombuffer(b64decode(part["bdata"]), part["dtype"])
    return array.reshape(tuple(map(int, str(part["shape"]).split(",")))) if "shape" in part else array


def _scaled(value: Any, by: float) -> Any:
    value = _read(value)
    if isinstance(value, list | tuple):
        return [_scaled(entry, by) for entry in value]
    if isinstance(value, str) or value is None:
        return value
    return value * by
