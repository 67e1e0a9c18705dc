"""The live picture: the scene on a canvas that stays mounted while its data change. `live(scene)` puts it on the page.

`strip(scene, magnitude)` puts the strip on it: all steps of a long run at once, and the window of those that are drawn.

Sweep, knob, hover, zoom and keyboard run in the browser. What is picked there comes back as an event; the page keeps it
in its own state and hands it in again with the scene, which is the only truth.
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
    """A node was picked: its name and step; or an empty place, and then None."""

    node: tuple[str, int] | None


@dataclass(frozen=True)
class Turned:
    """The knob was let go at one of its positions."""

    at: int


def live(
    scene: Scene,
    *,
    key: str = "live",
    said: Captions | None = None,
    knob: Knob | None = None,
    strength: str = "norm",
    label: str = "",
    pace: float | None = None,
    large: float = 1.0,
    on_pick: Callable[[tuple[str, int] | None], None] | None = None,
    on_turn: Callable[[int], None] | None = None,
) -> Picked | Turned | None:
    """The picture of the scene; what was done in it since the last run of the script, or None.

    `on_pick` and `on_turn` are called before the script runs, as callbacks of widgets are, so that the whole page sees the
    change. All else is as `encode` has it.
    """
    seen, heard = f"{key}.event", f"{key}.turned"

    def picked() -> None:
        pick = _picked(_sent(key, "selected"), scene)
        if pick is not None:
            st.session_state[seen] = pick[1]
            if on_pick is not None:
                on_pick(pick[0].node)

    def turned() -> None:
        turn = _turned(_sent(key, "knob"), knob)
        if turn is not None:
            st.session_state[heard] = turn[1]
            if on_turn is not None:
                on_turn(turn[0].at)

    event, turns = st.session_state.get(seen, 0), st.session_state.get(heard, 0)
    data = encode(
        scene, said=said, knob=knob, strength=strength, label=label, pace=pace, large=large, event=event, turned=turns
    )
    result = _component(key=key, data=data, on_selected_change=picked, on_knob_change=turned)
    done = _picked(result.get("selected"), scene) or _turned(result.get("knob"), knob)
    return done and done[0]


def strip(
    scene: Scene, magnitude: Array, *, key: str = "strip", on_window: Callable[[tuple[int, int]], None] | None = None
) -> None:
    """The strip of all steps, with the window that the scene shows; `magnitude` (names, T) as `scene.overview` has it.

    `on_window` is called before the script runs, with the first and the last step of the window that was let go.
    """
    seen = f"{key}.event"

    def moved() -> None:
        move = _moved(_sent(key, "window"), scene)
        if move is not None:
            st.session_state[seen] = move[1]
            if on_window is not None:
                on_window(move[0])

    data = encode_strip(scene, magnitude, st.session_state.get(seen, 0))
    _strip(key=key, data=data, on_window_change=moved)


# What comes from a browser may be anything.

_LATEST: Final = (
    2**53
)  # of events, whose numbers are milliseconds: the last whole number that JavaScript tells from the next


def _sent(key: str, name: str) -> object:
    """What the component with a key has sent under a name; None if it has not, or is no longer there."""
    match st.session_state.get(key):
        case Mapping() as found:
            return found.get(name)
    return None


def _picked(value: object, scene: Scene) -> tuple[Picked, int] | None:
    """A selection and its number, if it is one: {"node": [name, t] or None, "event": number}."""
    match value:
        case {"node": None, "event": int(event)} if 0 <= event <= _LATEST:
            return Picked(None), event
        case {"node": [str(name), int(t)], "event": int(event)} if name in scene.names and 0 <= event <= _LATEST:
            return Picked((name, int(t))), event
    return None


def _moved(value: object, scene: Scene) -> tuple[tuple[int, int], int] | None:
    """A window and its number, if it is one: {"first": step, "last": step, "event": number}."""
    match value:
        case {"first": int(first), "last": int(last), "event": int(event)} if (
            1 <= first <= last <= scene.T and 0 <= event <= _LATEST
        ):
            return (int(first), int(last)), event
    return None


def _turned(value: object, knob: Knob | None) -> tuple[Turned, int] | None:
    """A turn of the knob and its number, if it is one: {"at": place, "event": number}."""
    match value:
        case {"at": int(at), "event": int(event)} if (
            knob is not None and 0 <= at < len(knob.labels) and 0 <= event <= _LATEST
        ):
            return Turned(int(at)), event
    return None
