"""How wide the page is, as the browser reports it: what a picture writes, and how large, depends on it."""

from __future__ import annotations

from typing import Final

import streamlit as st

USUAL: Final = 1000  # of a window of 1400 pixels, with the side bar open
_STEP: Final = 40  # so that a window that is dragged does not start a run at each pixel

_SCRIPT = f"""
export default function ({{ data, parentElement, setStateValue }}) {{
  let known = Number(new TextDecoder().decode(data));
  const tell = () => {{
    const width = Math.floor(parentElement.getBoundingClientRect().width / {_STEP}) * {_STEP};
    if (width > 0 && width !== known) setStateValue("pixels", (known = width));
  }};
  const observer = new ResizeObserver(tell);
  observer.observe(parentElement);
  return () => observer.disconnect();
}}
"""

_component = st.components.v2.component("unrolled.width", html="<div></div>", js=_SCRIPT, isolate_styles=False)


def width() -> int:
    """Pixels across the main column, rounded down; `USUAL` until the browser has answered."""
    pixels = (st.session_state.get("width") or {}).get("pixels") or USUAL
    _component(key="width", data=str(pixels).encode(), default={"pixels": pixels}, on_pixels_change=lambda: None)
    return known()


def known() -> int:
    """The same, without asking again."""
    pixels = (st.session_state.get("width") or {}).get("pixels") or USUAL
    return int(min(max(pixels, 320), 4000))
