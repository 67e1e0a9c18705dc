"""An app with the live picture and a slider, to time a change from the key press to the painted picture.

    LIVE_NODES=300 streamlit run bench/ui_app.py --server.port 8601

The slider "k" selects one of 31 scenes of one unrolled network, which differ in their gradients. The server makes the scenes
once, so that a change consists of encoding, sending, reading and drawing. LIVE_NODES is the approximate number of nodes, 50 to
10,000. A change is painted when the attribute data-token of the element .live changes. On a shared machine only ratios are
meaningful: compare with an app whose slider changes nothing but a text, with server and browser pinned to the same core.

Start the app from the root, whose .streamlit/config.toml turns off the garbage collection after each run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import streamlit as st

import engine
from explorer.live import live
from explorer.picture import window
from explorer.picture.scene import Scene, scene

NODES = int(os.environ.get("LIVE_NODES", "300"))
SIZES = {"x": 4, "h": 8, "y": 4}

window.MAX_NODES = 100_000  # type: ignore[misc]  # the limit of the page, raised to measure the cost beyond it


@st.cache_resource(show_spinner=False)
def pictures() -> list[Scene]:
    """31 scenes of about NODES nodes; the weights grow from scene to scene, and the gradients with them."""
    cell, random = engine.CATALOGUE["rnn"], np.random.default_rng(0)
    steps = max(1, round((NODES - 1) / 7))
    x, y = random.normal(size=(steps, 1, 4)), random.integers(4, size=(steps, 1))
    params = {name: random.normal(size=shape) for name, shape in cell.shapes(SIZES).items()}
    gains = np.linspace(0.1, 0.5, 31)
    return [scene(engine.run(cell, {name: gain * array for name, array in params.items()}, x, y)) for gain in gains]


st.set_page_config(layout="wide")
live(pictures()[st.slider("k", 0, 30, 1)], key="picture")
