"""Where gradient descent leads from the present place on the surface: one plain step, one clipped step."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.experiments import cliff, knob
from explorer.experiments.cliff import Cliff, Descent, Pair, Step
from explorer.model import Model
from explorer.page.change import Change, put, tell_faults
from explorer.state import State
from explorer.views.cliff.sides import with_cliff
from explorer.words.markdown import plain
from explorer.words.numbers import number


def outcome(model: Model, chosen: Cliff, steps: Descent) -> None:
    """The loss at the present place and after either step, and buttons that take a step."""
    names = [knob.title(model, turn) for turn in cliff.sides(chosen)]
    now, after, clipped = st.columns(3)
    now.metric("Loss here", number(steps.loss), border=True)
    now.caption(
        f"{_placed(names, steps.place)}  \ngradient {_placed(names, steps.gradient)}, norm {number(steps.norm)}"
    )
    for place, key, word, step in (
        (after, "plain", "After the step −η∇", steps.plain),
        (clipped, "clipped", "After the clipped step", steps.clipped),
    ):
        place.metric(
            word, number(step.loss), number(step.loss - steps.loss).replace("−", "-"), delta_color="inverse", border=True,
        )  # fmt: skip
        beyond = "" if cliff.inside(chosen, step.to) else ", beyond the picture"
        factor = f"; the gradient is scaled by {number(steps.factor)}" if key == "clipped" and steps.factor < 1 else ""
        place.caption(f"{_placed(names, step.to)}{beyond}  \nlength {number(step.length)}{factor}")
        button = f"cliff.go.{key}"
        place.button("Go there", key=button, on_click=put, args=(button, _moved(chosen, step)))
        with place:
            tell_faults(button)


def _placed(names: list[str], place: Pair) -> str:
    return ", ".join(f"{plain(name)} = {number(value)}" for name, value in zip(names, place, strict=True))


def _moved(chosen: Cliff, step: Step) -> Change:
    """The change to the place where a step leads; the picture stays, unless the step leaves it."""

    def change(state: State, _: None) -> State:
        across_range, up_range = cliff.ranges(chosen) if cliff.inside(chosen, step.to) else (None, None)
        kept = replace(chosen, across_range=across_range, up_range=up_range)
        return with_cliff(replace(state, model=cliff.at(state.model, chosen, step.to)), kept)

    return change
