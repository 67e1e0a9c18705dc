"""The live picture alone on a page, for its tests: `streamlit run tests/live_app.py`, then /?cell=lstm&steps=20&knob=1 …

cell, steps, size     a cell of the catalogue, its steps, its hidden units
scale                 factor of all weights: small ones make gradients vanish, large ones explode
parameters            how they are drawn
last                  1: only the last step has a loss
low, high             ends of the scale
knob, strength        1: with a knob; with norms at the edges
names                 1: a cell with odd names
label                 a text at every step, as it stands
tab                   1: in a tab that is not open at first
hold                  1: no answer to a pick while there is the file $HOLD
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st

sys.path.insert(0, str(Path(__file__).parents[1]))

import engine
from explorer.live import Captions, Knob, live
from explorer.picture.readings import magnitudes
from explorer.picture.scene import Scene, scene
from explorer.state import View

ODD = "ħ_è = W @ ħ_è[t-1] + U @ x\nφ1 = tanh(ħ_è)\nconstructor = V @ φ1\ntoString_b = constructor * 2\nL = mse(toString_b, y)"

HOLD = Path(os.environ.get("HOLD", "hold"))

GAINS = np.round(np.geomspace(0.25, 4, 41), 3)


def asked(name: str, usual: str) -> str:
    return st.query_params.get(name, usual)


def made(gain: float, more: int) -> engine.Run:
    cell = engine.parse(ODD, "odd") if asked("names", "") else engine.CATALOGUE[asked("cell", "rnn")]
    steps, units = int(asked("steps", "4")) + more, int(asked("size", "5"))
    sizes = {"x": 3, "y": 3, **{members[0]: units for members in cell.hidden}}
    random = np.random.default_rng(1)
    factor = float(asked("scale", "1")) * gain
    params = {name: factor * random.normal(size=shape) / units**0.5 for name, shape in cell.shapes(sizes).items()}
    x = random.normal(size=(steps, 1, 3))
    y = random.integers(3, size=(steps, 1)) if not asked("names", "") else random.normal(size=(steps, 1, 3))
    weights = np.eye(steps)[-1] if asked("last", "") else None
    with np.errstate(all="ignore"):
        return engine.run(cell, params, x if cell.reads_x else None, y, weights=weights)


def pictured(run: engine.Run, selected: tuple[str, int] | None) -> Scene:
    ranges = (("gradient", int(asked("low", "-5")), int(asked("high", "1"))),)
    view = View(ranges=ranges, selected=selected, parameters=asked("parameters", "hidden"))
    said = asked("label", "")
    texts = [said] * run.T if said else [chr(97 + t % 26) for t in range(run.T)]
    drawn = scene(run, view, texts, texts[1:] + texts[:1])
    if not asked("strength", ""):
        return drawn
    return replace(drawn, strength=drawn.gradient[drawn.target])


def knob_of(at: int, more: int, selected: tuple[str, int] | None) -> Knob:
    runs = [made(value, more) for value in GAINS]
    scenes = [pictured(run, selected) for run in runs]
    state = runs[0].cell.states[0]
    with np.errstate(divide="ignore"):
        curve = np.log10([magnitudes(run.grad[state])[0] for run in runs])
    return Knob(
        "Gain of all weights", tuple(f"{v:.3g}" for v in GAINS), at, np.stack([s.magnitude for s in scenes]), curve,
        "log₁₀ ‖∇h⁽¹⁾‖",
    )  # fmt: skip


def picture() -> None:
    held = st.session_state
    while held.get("picks") and asked("hold", "") and HOLD.exists():
        time.sleep(0.02)
    if "picked" not in held and asked("picked", ""):
        held.picked = (asked("picked", "")[0], int(asked("picked", "")[1:]))
    gain = st.slider("gain", 1, 20, 10) / 10
    more = st.number_input("more steps", 0, 40, 0)
    at, selected = held.get("at", 20), held.get("picked")
    knob = knob_of(at, more, selected) if asked("knob", "") else None
    run = made(GAINS[at] if knob else gain, more)
    drawn = pictured(run, selected)
    said = asked("label", "")
    words = dict.fromkeys(drawn.names, f"{said} {{t}}")
    event = live(
        drawn, key="picture", knob=knob, strength=said or "‖message‖", label="The graph of the test",
        texts=Captions(words, {name: (text, ()) for name, text in words.items()}) if said else None,
        on_pick=lambda node: held.update(picked=node, picks=held.get("picks", 0) + 1),
        on_turn=lambda at: held.update(at=at),
    )  # fmt: skip
    st.text(f"event {event}")
    st.text(f"picked {held.get('picked')} picks {held.get('picks', 0)} at {at}")


if __name__ == "__main__":
    st.set_page_config(layout="wide")
    if asked("tab", ""):
        one, two = st.tabs(["one", "two"])
        one.text("first")
        with two:
            picture()
    else:
        picture()
