"""The live picture: a scene on a canvas that stays mounted while its data change; and the strip of all steps of a long run.

Sweep, knob, hover, zoom and keyboard run in the browser. A selection comes back as an event; the page keeps it in its own
state and passes it in again with the scene: that state is the only truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import streamlit as st

from explorer.live.assets import markup, script, style
from explorer.live.captions import Captions, captions
from explorer.live.encode import Array, Knob, encode, encode_strip, orders
from explorer.picture.scene import Scene

__all__ = [
    "Captions",
    "Knob",
    "Picked",
    "Turned",
    "captions",
    "encode",
    "encode_strip",
    "live",
    "orders",
    "strip",
]


_component, _strip = (
    st.components.v2.component(f"unrolled_{name}", html=markup(name), css=style(name), js=script(name))
    for name in ("live", "strip")
)


@dataclass(frozen=True)
class Picked:
    """The selection of a node, by its name and step; None is an empty place."""

    node: tuple[str, int] | None


@dataclass(frozen=True)
class Turned:
    """A turn of the knob to one of its positions."""

    at: int


def live(
    scene: Scene,
    *,
    key: str = "live",
    texts: Captions | None = None,
    knob: Knob | None = None,
    strength: str = "norm",
    label: str = "",
    pace: float | None = None,
    large: float = 1.0,
    on_pick: Callable[[tuple[str, int] | None], None] | None = None,
    on_turn: Callable[[int], None] | None = None,
) -> Picked | Turned | None:
    """Put the picture of a scene on the page.

    Args:
        scene: the picture
        key: of the component
        texts: the captions of the sweep; see `encode`, also for `knob`, `strength`, `label`, `pace` and `large`
        knob: the number that can be turned
        strength: the name of `scene.strength`
        label: the picture in a sentence
        pace: milliseconds from frame to frame
        large: the enlargement
        on_pick: called with the node of a selection, before the script runs, so that the whole page shows the change
        on_turn: called with the position of the knob, before the script runs

    Returns:
        The event since the last run of the script, or None.
    """
    pick_key, turn_key = f"{key}.event", f"{key}.turned"

    def picked() -> None:
        pick = _picked(_sent(key, "selected"), scene)
        if pick is not None:
            st.session_state[pick_key] = pick[1]
            if on_pick is not None:
                on_pick(pick[0].node)

    def turned() -> None:
        turn = _turned(_sent(key, "knob"), knob)
        if turn is not None:
            st.session_state[turn_key] = turn[1]
            if on_turn is not None:
                on_turn(turn[0].at)

    data = encode(
        scene, texts=texts, knob=knob, strength=strength, label=label, pace=pace, large=large,
        event=st.session_state.get(pick_key, 0), turned=st.session_state.get(turn_key, 0),
    )  # fmt: skip
    result = _component(key=key, data=data, on_selected_change=picked, on_knob_change=turned)
    event = _picked(result.get("selected"), scene) or _turned(result.get("knob"), knob)
    return event and event[0]


def strip(
    scene: Scene, magnitude: Array, *, key: str = "strip", on_window: Callable[[tuple[int, int]], None] | None = None
) -> None:
    """Put the strip of all steps on the page, with the window that the scene shows.

    Args:
        scene: the picture of the window
        magnitude: what the colour shows of each name at every step, (names, T), as `picture.readings.overview` has it
        key: of the component
        on_window: called with the first and the last step of the window when it is released, before the script runs
    """
    window_key = f"{key}.event"

    def moved() -> None:
        move = _moved(_sent(key, "window"), scene)
        if move is not None:
            st.session_state[window_key] = move[1]
            if on_window is not None:
                on_window(move[0])

    data = encode_strip(scene, magnitude, st.session_state.get(window_key, 0))
    _strip(key=key, data=data, on_window_change=moved)


# A browser may send anything.

#: The largest number of an event, which is a time in milliseconds: the last whole number that JavaScript has exactly.
_LATEST: Final = 2**53


def _sent(key: str, name: str) -> object:
    """The value that the component with a key has sent under a name; None if none was sent, or it is gone."""
    match st.session_state.get(key):
        case Mapping() as values:
            return values.get(name)
    return None


def _picked(value: object, scene: Scene) -> tuple[Picked, int] | None:
    """A selection and its number, from {"node": [name, t] or None, "event": number}; None for anything else."""
    match value:
        case {"node": None, "event": int(event)} if 0 <= event <= _LATEST:
            return Picked(None), event
        case {"node": [str(name), int(t)], "event": int(event)} if name in scene.names and 0 <= event <= _LATEST:
            return Picked((name, int(t))), event
    return None


def _moved(value: object, scene: Scene) -> tuple[tuple[int, int], int] | None:
    """A window and its number, from {"first": step, "last": step, "event": number}; None for anything else."""
    match value:
        case {"first": int(first), "last": int(last), "event": int(event)} if (
            1 <= first <= last <= scene.T and 0 <= event <= _LATEST
        ):
            return (int(first), int(last)), event
    return None


def _turned(value: object, knob: Knob | None) -> tuple[Turned, int] | None:
    """A turn of the knob and its number, from {"at": place, "event": number}; None for anything else."""
    match value:
        case {"at": int(at), "event": int(event)} if (
            knob is not None and 0 <= at < len(knob.labels) and 0 <= event <= _LATEST
        ):
            return Turned(int(at)), event
    return None
