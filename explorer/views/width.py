"""How wide the page is, as the browser reports it: what a picture writes, and how large, depends on it."""

from __future__ import annotations

from typing import Final

import streamlit as st

USUAL: Final = 1000  # of a window of 1400 pixels, with the side bar open
_STEP: Final = 40  # so that a window that is dragged does not start a run at each pixel

#: It waits until the script of the page has ended and its widgets are loaded, but at most ten seconds: Streamlit tells a widget
#: its value once only, and one that another run overtakes before it is loaded would answer with the least that it allows.
_SCRIPT = f"""
export default function ({{ data, parentElement, setStateValue }}) {{
  let known = Number(new TextDecoder().decode(data)), waiting, tries = 0;
  const running = () => {{
    const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
    return (state !== undefined && state !== "notRunning") || document.querySelector("[data-testid=stSkeleton]");
  }};
  const tell = () => {{
    clearTimeout(waiting);
    waiting = setTimeout(() => {{
      if (running() && ++tries < 150) return tell();
      const width = Math.floor(parentElement.getBoundingClientRect().width / {_STEP}) * {_STEP};
      if (width > 0 && width !== known) setStateValue("pixels", (known = width));
    }}, 60);
  }};
  const observer = new ResizeObserver(tell);
  observer.observe(parentElement);
  return () => (clearTimeout(waiting), observer.disconnect());
}}
"""

_component = st.components.v2.component("unrolled.width", html="<div></div>", js=_SCRIPT, isolate_styles=False)


def width() -> int:
    """Pixels across the main column, rounded down; `USUAL` until the browser has answered."""
    pixels = _told()
    _component(key="width", data=str(pixels).encode(), default={"pixels": pixels}, on_pixels_change=lambda: None)
    return known()


def known() -> int:
    """The same, without asking again."""
    return int(min(max(_told(), 320), 4000))


def _told() -> float:
    """What the browser has said, if it is a number of pixels."""
    match st.session_state.get("width"):
        case {"pixels": int(pixels) | float(pixels)} if 0 < pixels <= 10**6:
            return pixels
    return USUAL
