"""A figure drawn larger, as through a lens: text, marks, lines and margins."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

#: Entries in pixels, wherever they stand; and entries that are in pixels only below entries of some names.
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
    """Enlarge a figure: all lengths in pixels grow, all numbers stay.

    A figure that was made for a page of width w / by then fits a page of width w.

    Args:
        figure: the figure
        by: the factor of all pixels

    Returns:
        The enlarged figure, or the same one if `by` is 1.

    **Holds:** only_sizes_change.
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
    """An array from the text as which plotly writes it; anything else as it is."""
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
