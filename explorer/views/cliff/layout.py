"""The page of the loss as a surface over two numbers of the network: its cliffs, and the steps that descent takes there."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import streamlit as st

from engine import Run
from explorer.experiments import cliff
from explorer.page.change import put
from explorer.page.heading import begin
from explorer.page.notices import tell_overflow, write_link
from explorer.page.sidebar import with_preset
from explorer.page.widgets import WIDE, side_by_side_if
from explorer.state import PRESETS, State
from explorer.views.cliff import cut, descent, sides, surface
from explorer.words.markdown import plain

_PRESET: Final = "cliff"


def page() -> None:
    """Draw the page of the cliff."""
    state, run, palette, pixels = begin(
        "The cliff",
        "The loss over two numbers of the network, where you stand on it, and where gradient descent would go.",
    )
    tell_overflow(run)
    ready(state)
    figure(state, run, palette, pixels)


def figure(state: State, run: Run, palette: str, pixels: int) -> None:
    """For this page and a lesson: the surface, where the network stands on it, and descent from there."""
    model, steps = state.model, None
    try:
        chosen = cliff.completed(model, state.view.cliff)
    except ValueError as error:
        st.info(_sentence(error))
        write_link(state)
        return
    sides.choose_sides(state, chosen)
    sides.choose_descent(state, chosen)
    try:
        steps = cliff.descent(model, chosen, run)
    except ValueError as error:
        st.info(_sentence(error))
    left, right = side_by_side_if(pixels >= WIDE, [3, 2])
    with left:
        places = surface.Places(st.empty(), st.empty(), st.empty())
    if steps is not None:
        descent.outcome(model, chosen, steps)
    with right:
        cut.through_here(state, chosen, run, palette)
    write_link(state)
    # Last, since it may take a while: the controls above work meanwhile, and any change there ends it.
    surface.fill(state, chosen, run, steps, palette, places)


def _sentence(error: ValueError) -> str:
    text = str(error)
    return plain(f"{text[0].upper()}{text[1:]}.")


def ready(state: State) -> None:
    """The ready cliff by one click, and a caption about it."""
    preset = PRESETS[_PRESET]
    if replace(state.model, edits=()) == replace(preset.state.model, edits=()):
        st.caption(
            "One unit, $x^{(t)} = w\\,\\sigma(x^{(t-1)}) + b$ from $x^{(0)} = 0.5$, and the loss $(x^{(50)} - 0.7)^2$: the "
            "smallest network with a cliff (Pascanu, Mikolov & Bengio 2013; their $x$ is $h$ here). At $w = 5$ the wall stands "
            "near $b = -2.61$: on its two sides the state ends at two different attractors."
        )
    if state.model != preset.state.model:
        st.button(
            "The cliff of Pascanu et al. (2013)", key="cliff.ready", on_click=put,
            args=("cliff.ready", lambda state, _: with_preset(state, _PRESET)), help=preset.help,
        )  # fmt: skip
