"""The page's own script in the browser (browser.js): it reports the width, and keeps the session (see `memory`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from explorer.live.assets import shortened
from explorer.page import memory
from explorer.page.width import known

_component: Final = st.components.v2.component(
    "unrolled_browser",
    html="<div></div>",
    js=shortened(Path(__file__).with_name("browser.js")),
    isolate_styles=False,
)


def mount() -> int:
    """Put the component on the page, with the session for the browser to keep; the known width."""
    pixels = known()
    _component(
        key="browser",
        data=memory.message(pixels),
        default={"pixels": pixels, "refused": ""},
        on_pixels_change=lambda: None,
        on_refused_change=lambda: memory.on_refused("browser"),
        on_found_change=memory.on_found,
    )
    return known()


def mount_for_draft(key: str, editor: str) -> None:
    """Put the component beside the widget `editor`: the browser keeps its text during typing, before it is sent."""
    _component(
        key=key,
        data=memory.message(0, f".st-key-{editor.replace('.', '-')} textarea"),
        default={"refused": ""},
        on_refused_change=lambda: memory.on_refused(key),
        on_found_change=lambda: None,
    )
