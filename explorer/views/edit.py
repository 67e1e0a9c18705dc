"""The numbers of a run as tables to edit in place, with undo, redo and reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from engine.names import written
from explorer import model as models
from explorer.controls import put, undo, whole_page_if_changed
from explorer.markdown import plain
from explorer.model import Array, Model, Place
from explorer.state import State

_KEY = "edit.table"


@st.fragment
def numbers(state: State) -> None:
    """Edit inputs, targets, initial states and parameters; made when it is opened."""
    whole_page_if_changed(state)
    place = st.expander("Edit the numbers", key="edit.open", on_change="rerun")  # another label would close it
    if place.open:
        with place:
            _numbers(state.model)


def _numbers(model: Model) -> None:
    session, given = st.session_state, models.arrays(model)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    if session.get("edit.array") not in given:
        matrices = (name for name, array in models.parameters(model).items() if array.ndim == 2)
        session["edit.array"] = next(matrices, "y")
    with row.container(width=260):
        name = st.selectbox("Numbers", list(given), format_func=lambda name: _title(model, name), key="edit.array")
    samples = {"x": 1, "y": 1, **dict.fromkeys(models.initial(model), 1)}
    sample = 0
    if name in samples and given[name].shape[samples[name]] > 1:
        with row.container(width=110):
            sample = int(st.number_input("of sample", 1, given[name].shape[1], key="edit.sample")) - 1
    row.button(
        "Undo", key="undo", on_click=undo, disabled=not session.past, help="Take back the last change of the network."
    )
    row.button("Redo", key="redo", on_click=undo, args=(False,), disabled=not session.future)
    row.button(
        f"Reset {written(name)}", key="edit.reset", on_click=put, args=("edit.reset", lambda state, _: reset(state, name)),
        disabled=name not in _touched(model), help="Take back all changes of these numbers.",
    )  # fmt: skip
    row.button(
        "Reset all", key="edit.reset_all", on_click=put, args=("edit.reset", lambda state, _: reset(state)),
        disabled=not _touched(model),
    )  # fmt: skip
    if count := len(model.edits):
        st.caption(
            f"{count:,} {'number is' if count == 1 else 'numbers are'} changed by hand; the others follow the controls."
        )
    factor, added = models.turned(model, name)
    if (factor, added) != (1, 0):
        plus = f" and {added:g} added" if added else ""
        st.caption(
            f"{plain(written(name))} is turned as a whole, by the factor {factor:g}{plus}. A number changed here changes it by"
            " hand throughout."
        )
    _table(model, name, sample, given[name])
    for key in ("edit.reset", _KEY):
        if key in session.faults:
            st.error(plain(session.faults[key]))
    _one(model, name, given[name])


def _title(model: Model, name: str) -> str:
    """What an array is, in words."""
    if name in models.structure(model).states:
        return f"initial {written(name)}"
    kind = {"x": "input", "y": "target"}.get(name, "parameter")
    return f"{kind} {written(name)}{' ✎' * (name in _touched(model))}"


def _touched(model: Model) -> set[str]:
    """The arrays that are not as the controls give them."""
    return {name for (name, _), _ in model.edits} | {name for name, _, _ in model.scaled}


def rows(name: str, array: Array, sample: int, state: bool) -> tuple[Array, list[Place]]:
    """The table of an array, (rows, columns), and the place of each of its entries, from left to right and down."""
    places = [(name, tuple(map(int, index))) for index in np.ndindex(array.shape)]
    if name in ("x", "y") or state:
        places = [place for place in places if place[1][1] == sample]
        array = array[:, sample]
    return array.reshape(len(array), -1), places


def _table(model: Model, name: str, sample: int, array: Array) -> None:
    """The table. It stays mounted while it is typed in, and is made anew when its numbers change elsewhere."""
    session = st.session_state
    shown, places = rows(name, array, sample, name in models.structure(model).states)
    mounted = session.get("edit.mounted", ("", 0, np.zeros(0), 0))
    fresh = mounted[:2] != (name, sample) or mounted[2].shape != shown.shape
    if fresh or not np.array_equal(_overlaid(mounted[2], session.get(f"{_KEY}.{mounted[3]}")), shown):
        mounted = session["edit.mounted"] = (name, sample, shown, mounted[3] + 1)
    base, key = mounted[2], f"{_KEY}.{mounted[3]}"
    table = {"row": _rows(model, name, len(base)), **{str(j): base[:, j].tolist() for j in range(base.shape[1])}}
    st.data_editor(
        table, key=key, on_change=_typed, args=(key, places, base.shape[1]), hide_index=True, disabled=["row"],
        column_config={"row": st.column_config.TextColumn("", pinned=True), **_columns(model, name, base.shape[1])},
        height=min(38 + 35 * len(base), 400), width="content",
    )  # fmt: skip


def _rows(model: Model, name: str, count: int) -> list[str]:
    if name in ("x", "y"):
        labels = models.task(model).labels
        return [f"t = {t}" + f" · {label}" * (label.strip("*") != str(t)) for t, label in enumerate(labels, 1)]
    if name in models.structure(model).states:
        return [f"t = {t}" for t in range(1 - count, 1)]
    return [str(i) for i in range(1, count + 1)]


def _columns(model: Model, name: str, count: int) -> dict[str, Any]:
    task = models.task(model)
    if name == "y" and task.classes:
        title = lambda code: task.classes[int(code)]  # noqa: E731
        return {
            "0": st.column_config.SelectboxColumn("class", options=list(range(len(task.classes))), format_func=title)
        }
    labels = task.inputs if name == "x" else [str(j) for j in range(1, count + 1)]
    return {str(j): st.column_config.NumberColumn(label) for j, label in enumerate(labels)}


def _overlaid(base: Array, typed: Any) -> Array:
    """What a table shows that was given `base` and then typed in."""
    result = np.array(base)
    for row, cells in (typed or {}).get("edited_rows", {}).items():
        for column, value in cells.items():
            result[int(row), int(column)] = np.nan if value is None and result.dtype.kind == "f" else value or 0
    return result


def typed_places(typed: Mapping[str, Any], places: list[Place], across: int) -> dict[Place, float | None]:
    """What was typed into a table, by place; an emptied cell is None."""
    return {
        places[int(row) * across + int(column)]: value
        for row, cells in typed.get("edited_rows", {}).items()
        for column, value in cells.items()
        if column.isdigit()
    }


def _typed(key: str, places: list[Place], across: int) -> None:
    put(_KEY, lambda state, values: edited(state, values), typed_places(st.session_state[key], places, across))


def edited(state: State, values: Mapping[Place, float | None]) -> State:
    """The state with numbers changed."""
    return replace(state, model=models.with_edits(state.model, values))


def reset(state: State, name: str = "") -> State:
    """The state without the numbers changed by hand, in one array or in all."""
    kept = tuple(edit for edit in state.model.edits if name and edit[0][0] != name)
    turned = tuple(row for row in state.model.scaled if name and row[0] != name)
    return replace(state, model=models.changed(state.model, edits=kept, scaled=turned))


def _one(model: Model, name: str, array: Array) -> None:
    """The same for a single entry, without the table: for keyboards and readers of screens."""
    axes = {"x": ("t", "sample", "unit"), "y": ("t", "sample", "unit")}.get(name, ("row", "column", ""))
    if name in models.structure(model).states:
        axes = ("row", "sample", "unit")
    with st.popover("One entry"):
        index = [
            int(st.number_input(f"Entry: {axis}", 1, size, key=f"edit.one.{axis}.{size}"))
            for axis, size in zip(axes, array.shape, strict=False)
        ]
        place: Place = (name, tuple(i - 1 for i in index))
        now = array[place[1]]
        st.caption(f"It is {now:.17g}." if array.dtype.kind == "f" else f"It is class {now}, counted from 0.")
        if array.dtype.kind == "f":
            st.number_input("New value", value=None, format="%g", key="edit.one.value")
        else:
            st.number_input("New class", 0, len(models.task(model).classes) - 1, value=None, key="edit.one.value")
        st.button("Set", key="edit.one.set", on_click=_set_one, args=(place,))


def _set_one(place: Place) -> None:
    value = st.session_state["edit.one.value"]
    if value is not None:
        put(_KEY, lambda state, value: edited(state, {place: value}), value)
