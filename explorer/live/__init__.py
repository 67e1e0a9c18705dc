"""The live picture: the scene on a canvas that stays mounted while its data change. `live(scene)` puts it on the page.

Sweep, knob, hover, zoom and keyboard run in the browser. What is picked there comes back as an event; the page keeps it
in its own state and hands it in again with the scene, which is the only truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

from explorer.live.encode import Captions, Knob, captions, encode, orders
from explorer.scene import Scene

__all__ = ["Captions", "Knob", "Picked", "Turned", "captions", "encode", "live", "orders"]


def _file(name: str) -> str:
    """A file without its indentation and whole lines of comment, since Streamlit sends it again at every change."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return re.sub(r"^\s*(//.*|/\*.*\*/)?\s*", "", text, flags=re.MULTILINE)


_component: Final = st.components.v2.component(
    "unrolled_live", html=_file("live.html"), css=_file("live.css"), js=_file("live.js")
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
    on_pick: Callable[[tuple[str, int] | None], None] | None = None,
    on_turn: Callable[[int], None] | None = None,
) -> Picked | Turned | None:
    """The picture of the scene; what was done in it since the last run of the script, or None.

    `on_pick` and `on_turn` are called before the script runs, as callbacks of widgets are, so that the whole page sees the
    change. All else is as `encode` has it.
    """
    seen, heard = f"{key}.event", f"{key}.turned"

    def picked() -> None:
        pick = _picked(st.session_state[key].get("selected"), scene)
        if pick is not None:
            st.session_state[seen] = pick[1]
            if on_pick is not None:
                on_pick(pick[0].node)

    def turned() -> None:
        turn = _turned(st.session_state[key].get("knob"), knob)
        if turn is not None:
            st.session_state[heard] = turn[1]
            if on_turn is not None:
                on_turn(turn[0].at)

    event, turns = st.session_state.get(seen, 0), st.session_state.get(heard, 0)
    data = encode(scene, said=said, knob=knob, strength=strength, label=label, pace=pace, event=event, turned=turns)
    result = _component(key=key, data=data, on_selected_change=picked, on_knob_change=turned)
    done = _picked(result.get("selected"), scene) or _turned(result.get("knob"), knob)
    return done and done[0]


# What comes from a browser may be anything.


def _picked(value: object, scene: Scene) -> tuple[Picked, int] | None:
    """A selection and its number, if it is one: {"node": [name, t] or None, "event": number}."""
    match value:
        case {"node": None, "event": int(event)}:
            return Picked(None), event
        case {"node": [str(name), int(t)], "event": int(event)} if name in scene.names:
            return Picked((name, t)), event
    return None


def _turned(value: object, knob: Knob | None) -> tuple[Turned, int] | None:
    """A turn of the knob and its number, if it is one: {"at": place, "event": number}."""
    match value:
        case {"at": int(at), "event": int(event)} if knob is not None and 0 <= at < len(knob.labels):
            return Turned(at), event
    return None
