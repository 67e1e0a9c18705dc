"""How wide the page is in the browser, which reports it (see `browser`)."""

from __future__ import annotations

from typing import Final

import streamlit as st

USUAL: Final = 1000  # pixels, of a window of 1400, with the side bar open


def known() -> int:
    """Pixels across the main column, rounded down; `USUAL` until the browser has answered."""
    match st.session_state.get("browser"):
        case {"pixels": int(pixels) | float(pixels)} if 0 < pixels <= 10**6:
            return int(min(max(pixels, 320), 4000))
    return USUAL
