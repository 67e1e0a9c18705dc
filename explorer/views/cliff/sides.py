"""The controls above the surface: its two sides with their ranges, the descent, and how the surface is drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from engine.language import written
from explorer.experiments import cliff, knob
from explorer.experiments.cliff import CUTS, NORMS, PICTURES, Cliff
from explorer.experiments.knob import KINDS, Turn
from explorer.model import Model
from explorer.page.change import Change, apply, of_view, put, tell_faults
from explorer.page.widget_delivery import show
from explorer.page.widgets import choice, entered, indexed, segmented, side_by_side
from explorer.state import State


def with_cliff(state: State, chosen: Cliff) -> State:
    """The state with another surface, or another descent on it."""
    return of_view(state, cliff=chosen)


def _entered(name: str) -> Change:
    """The change of one field of the cliff to the widget's value."""
    return lambda state, value: with_cliff(state, replace(state.view.cliff, **{name: value}))


def choose_sides(state: State, chosen: Cliff) -> None:
    """Choose the two numbers, and the range of each."""
    model, keys = state.model, list[str]()
    row = side_by_side()
    for name, label, turn, ends in zip(
        ("across", "up"), ("Across", "Upwards"), cliff.sides(chosen), cliff.ranges(chosen), strict=True
    ):
        first = replace(turn, index=(0,) * len(turn.index))
        with row.container(width=190):
            choice(
                label, cliff.numbers(model), partial(_titled, model), f"cliff.{name}", first, partial(_turned, name),
                help="The number, of the weights or of the inputs, that varies along this side of the picture.",
            )  # fmt: skip
        for axis, size in enumerate(knob.base(model, turn.of).shape[: len(turn.index)]):
            if size > 1:
                key = indexed(row, f"cliff.{name}", axis, size, turn.index, _moved_to(name, turn), 95, ("0", "1"))
                keys.append(key)
        for end, word in enumerate(("from", "to")):
            keys.append(key := f"cliff.{name}.{word}")
            show(key, ends[end])
            row.number_input(
                word,
                value=st.session_state[key],
                step=None,
                format="%g",
                key=key,
                on_change=apply,
                args=(key, _moved_end(name, end)),
                width=95,
            )
    tell_faults(*keys)


def _titled(model: Model, turn: Turn) -> str:
    """The title of a number among the choices."""
    words = knob.title(model, turn)
    if turn.kind == "entry":
        return words if knob.base(model, turn.of).size == 1 else f"{KINDS[turn.kind]} of {written(turn.of)}"
    return words[0].lower() + words[1:]


def _turned(name: str, state: State, turn: Turn) -> State:
    """The state with another number along one side; the other side changes if it was not chosen by hand."""
    fields: dict[str, Any] = {name: turn, f"{name}_range": None}
    return with_cliff(state, replace(state.view.cliff, **fields))


def _moved_to(name: str, turn: Turn) -> Change:
    """The change to another entry of the array of one side."""
    return lambda state, index: _turned(name, state, replace(turn, index=index))


def _moved_end(name: str, end: int) -> Change:
    """The change of one end of a range."""

    def change(state: State, value: float | None) -> State:
        chosen = cliff.completed(state.model, state.view.cliff)
        ends = list(cliff.ranges(chosen)[("across", "up").index(name)])
        if value is None:
            raise ValueError("a side goes from a number to a number")
        ends[end] = value
        side = getattr(chosen, name)
        return with_cliff(state, replace(state.view.cliff, **{name: side, f"{name}_range": tuple(ends)}))

    return change


def choose_descent(state: State, chosen: Cliff) -> None:
    """Choose rate and threshold of descent, and how the surface is drawn."""
    row = side_by_side()
    with row.container(width=130):
        entered(cliff.RATE, "cliff.rate", chosen.rate, _entered("rate"))
    with row.container(width=130):
        entered(cliff.LIMIT, "cliff.limit", chosen.limit, _entered("limit"))
    with row.container(width=170):
        choice("the norm over", list(NORMS), NORMS.__getitem__, "cliff.norm", chosen.norm, _entered("norm"),
               help="Clip the gradient of the two numbers alone, or that of all weights, as in training.")  # fmt: skip
    with row:
        segmented("Surface", PICTURES, "cliff.picture", chosen.picture, _entered("picture"))
        segmented("Cut", CUTS, "cliff.cut", chosen.cut, _entered("cut"))
    if state.view.cliff.across_range or state.view.cliff.up_range:
        about = replace(state.view.cliff, across_range=None, up_range=None)
        row.button(
            "About here", key="cliff.about", on_click=put, args=("cliff.about", lambda state, _: with_cliff(state, about)),
            help="Centre both ranges on the place where the network stands.",
        )  # fmt: skip
