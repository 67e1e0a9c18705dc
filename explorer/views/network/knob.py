"""The knob, a number of the network that is turned in the live picture: its choice, and the picture at each value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import streamlit as st

from engine.language import written
from explorer import model as models
from explorer.cache import RESULTS
from explorer.experiments import knob
from explorer.experiments.knob import KINDS, Turn
from explorer.facts import earliest
from explorer.live import Knob
from explorer.model import Array, Model
from explorer.page.change import apply, of_view, put, tell_faults
from explorer.page.widget_delivery import position, show
from explorer.page.widgets import indexed, side_by_side
from explorer.picture.readings import turned
from explorer.picture.scene import Scene
from explorer.state import State, View
from explorer.words.markdown import plain

_SUPERSCRIPT: Final = "⁽¹⁾"


@RESULTS.keeps(partial(st.spinner, "Turning the knob …"))
def pictures(model: Model, turn: Turn, view: View, first: int, last: int) -> tuple[Array, Array]:
    """The magnitudes that the colours show at each value of the knob, and the curve; the runs themselves are not kept."""
    return turned(knob.runs(model, turn), view, first, last)


def turning(state: State, picture: Scene) -> Knob | None:
    """The knob of the live picture, or None if none is chosen. Raises ValueError with the reason if it cannot be turned."""
    if state.view.knob is None:
        return None
    model, view = state.model, state.view
    turn, at = knob.placed(model, state.view.knob)
    same = knob.at(
        model, turn, knob.values(model, turn)[0]
    )  # wherever it stands, so that letting go computes nothing anew
    colours = View(lens=view.lens, measure=view.measure, sample=view.sample, parameters=view.parameters)
    magnitude, curve = pictures(same, turn, colours, picture.first, picture.last)
    step = _SUPERSCRIPT if models.structure(model).states else ""
    name = written(earliest(models.structure(model)))
    return Knob(
        knob.title(model, turn), knob.labels(model, turn), at, magnitude, curve, f"log₁₀ ‖∇{name}{step}‖"
    )  # fmt: skip


def let_go(state: State, at: int) -> State:
    """The state with the value at which the knob was let go; its range stays."""
    if state.view.knob is None:
        return state
    turn, _ = knob.placed(state.model, state.view.knob)
    values = knob.values(state.model, turn)
    return _with(state, knob.at(state.model, turn, values[min(at, len(values) - 1)]), turn)


def chooser(state: State, fault: str) -> None:
    """Choose the number that is turned, in a row of widgets; `fault` is the reason why it cannot be turned."""
    model, turn, known = state.model, state.view.knob, knob.arrays(state.model)
    row = side_by_side()
    there = turn is not None and turn.of in known
    show("knob.of", turn.of if turn is not None and there else None, has_default=False)
    row.selectbox(
        "Knob", known, format_func=_titled, key="knob.of", on_change=apply, args=("knob.of", _of), index=None,
        placeholder="none; choose what to turn", width=260,
        help="A number of the network to be turned in the picture. The colours follow at once, and the whole page when you "
        "let go.",
    )  # fmt: skip
    if turn is not None and there:
        kinds = knob.kinds(model, turn.of)
        if len(kinds) > 1:
            show("knob.kind", turn.kind if turn.kind in kinds else None)
            row.selectbox(
                "turns its", kinds, format_func=KINDS.__getitem__, key="knob.kind", on_change=apply,
                index=position("knob.kind", kinds), placeholder="choose",
                args=("knob.kind", lambda state, kind: _kind(state, turn.of, kind)), width=200,
            )  # fmt: skip
        if turn.kind in kinds and turn.index:
            for axis, size in enumerate(models.parameters(model)[turn.of].shape[: len(turn.index)]):
                indexed(row, "knob", axis, size, turn.index, _moved_to(turn), width=110)
        if not fault and _moved(model, turn):
            row.button(
                "Centre", key="knob.centre", on_click=put, args=("knob.centre", _centred),
                help="Put the present value in the middle of the range.",
            )  # fmt: skip
    if fault:
        st.info(plain(f"The knob does not turn: {fault}."))
    tell_faults("knob", "knob.of", "knob.kind", "knob.row", "knob.column", "knob.centre")


def _titled(of: str) -> str:
    return {"": "step of the loss", "x": "scale of the input x"}.get(of, written(of))


def _moved_to(turn: Turn) -> Callable[[State, tuple[int, ...]], State]:
    """The change to another entry of the same array."""
    return lambda state, index: _with(state, *knob.chosen(state.model, "entry", turn.of, index))


def _of(state: State, of: str | None) -> State:
    """The knob of another array: the first of its kinds, or none."""
    if of is None:
        return of_view(state, knob=None)
    return _kind(state, of, knob.kinds(state.model, of)[0])


def _kind(state: State, of: str, kind: str | None) -> State:
    if kind is None:
        return _of(state, None)
    index = (0,) * models.parameters(state.model)[of].ndim if kind == "entry" else ()
    return _with(state, *knob.chosen(state.model, kind, of, index))


def _centred(state: State, _: None) -> State:
    turn = state.view.knob
    return state if turn is None else _with(state, *knob.chosen(state.model, turn.kind, turn.of, turn.index))


def _moved(model: Model, turn: Turn) -> bool:
    return turn.kind != "step" and knob.present(model, turn) != knob.placed(model, turn)[0].centre


def _with(state: State, model: Model, turn: Turn) -> State:
    return replace(state, model=model, view=replace(state.view, knob=turn))
