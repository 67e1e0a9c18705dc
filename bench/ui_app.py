"""The live picture and a slider, to time a change from the key press to the painted picture.

    LIVE_NODES=300 streamlit run bench/ui_app.py --server.port 8601

The slider "k" goes through 31 scenes of one unrolled network, whose gradients differ; they are made once for a server, so
that what is timed is encoding, sending, reading and drawing. LIVE_NODES is about how many nodes there are, 50 to 10,000.
Its measure is a page of text: any app with a slider "k" that changes an attribute. Both in one run, server and browser
pinned to the same core, since only ratios tell anything on a shared machine:

    taskset -c 1 env LIVE_NODES=300 streamlit run bench/ui_app.py --server.port 8601 --server.headless true &
    taskset -c 1 env FLOOR_MODE=none streamlit run ui_floor_app.py --server.port 8602 --server.headless true &
    python ui_latency.py http://localhost:8601 --slider k --watch "attr:.live@data-token" --core 1
    python ui_latency.py http://localhost:8602 --slider k --watch "attr:#token@data-token" --core 1

Both are started from the root, whose .streamlit/config.toml leaves out the garbage collection after each run.
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
from explorer.picture import scene as scenes
from explorer.picture.scene import Scene, scene

NODES = int(os.environ.get("LIVE_NODES", "300"))
SIZES = {"x": 4, "h": 8, "y": 4}

scenes.MAX_NODES = 100_000  # type: ignore[misc]  # the page draws fewer; here it is the question what more would cost


@st.cache_resource(show_spinner=False)
def pictures() -> list[Scene]:
    """31 scenes of about so many nodes; the weights grow from one to the next, and with them the gradients."""
    cell, random = engine.CATALOGUE["rnn"], np.random.default_rng(0)
    steps = max(1, round((NODES - 1) / 7))
    x, y = random.normal(size=(steps, 1, 4)), random.integers(4, size=(steps, 1))
    params = {name: random.normal(size=shape) for name, shape in cell.shapes(SIZES).items()}
    gains = np.linspace(0.1, 0.5, 31)
    return [scene(engine.run(cell, {name: gain * array for name, array in params.items()}, x, y)) for gain in gains]


st.set_page_config(layout="wide")
live(pictures()[st.slider("k", 0, 30, 1)], key="picture")
