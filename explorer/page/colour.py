"""The colour of a picture: the choice of its lens, and the ends of its scale with a button that fits them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from explorer.model import Array
from explorer.page.change import of_view, put, viewed
from explorer.page.widgets import entered, segmented
from explorer.state import EXPONENT, LENSES, State, View


def ends(view: View, lens: str = "") -> tuple[int, int]:
    """The powers of ten at the ends of a lens's scale, or of the view's own lens."""
    view = replace(view, lens=lens or view.lens)
    return view.low, view.high


def with_ends(state: State, low: int, high: int, lens: str = "") -> State:
    """The state with another scale for a lens, or for the view's own."""
    return of_view(state, ranges=replace(state.view, lens=lens or state.view.lens).with_range(low, high).ranges)


def usable(magnitude: Array) -> Array:
    """The magnitudes that have a place on a logarithmic scale: those that are finite and positive."""
    return np.asarray(magnitude[np.isfinite(magnitude) & (magnitude > 0)])


def fitted(state: State, magnitude: Array, lens: str = "") -> State:
    """The state with the scale of a lens fitted to magnitudes; the same state if none of them is finite and positive."""
    sizes = usable(magnitude)
    if not sizes.size:
        return state
    lowest, highest = int(EXPONENT.lower), int(EXPONENT.upper)
    low = min(max(math.floor(np.log10(sizes.min())), lowest), highest - 1)
    high = min(max(math.ceil(np.log10(sizes.max())), low + 1), highest)
    return with_ends(state, low, high, lens)


def choose_lens(state: State, hint: str | None = None) -> None:
    """The widget: which magnitude the colour shows."""
    titles = {name: lens.title for name, lens in LENSES.items()}
    segmented("Colour shows", titles, "lens", state.view.lens, viewed("lens"), help=hint)


def choose_ends(
    place: Any, state: State, magnitude: Callable[[State], Array] | None, hint: str, prefix: str = "", lens: str = "",
    width: int = 105,
) -> None:  # fmt: skip
    """The widgets: both ends, and Fit, which fits them to the magnitudes of the state; without `magnitude` no Fit."""
    low, high = ends(state.view, lens)
    with place.container(width=width):
        entered(
            EXPONENT, f"{prefix}low", low,
            lambda state, low: with_ends(state, low, ends(state.view, lens)[1], lens), "Lowest, 10ⁿ",
        )  # fmt: skip
    with place.container(width=width):
        entered(
            EXPONENT, f"{prefix}high", high,
            lambda state, high: with_ends(state, ends(state.view, lens)[0], high, lens), "Highest, 10ⁿ",
        )  # fmt: skip
    if (measure := magnitude) is not None:
        place.button(
            "Fit", key=f"{prefix}fit", on_click=put, help=hint,
            args=(f"{prefix}fit", lambda state, _: fitted(state, measure(state), lens)),
        )  # fmt: skip
