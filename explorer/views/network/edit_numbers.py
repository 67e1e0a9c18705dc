"""The numbers of a run as tables to edit in place, with undo, redo and reset."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import streamlit as st

from engine.inputs import numbers
from engine.language import written
from explorer import model as models
from explorer.model import Array, Model, Place, entries
from explorer.model.entries import Cell
from explorer.page.change import put, tell_faults, undo, whole_page_if_changed
from explorer.page.session import session
from explorer.page.widgets import side_by_side
from explorer.state import State
from explorer.words.markdown import code, plain

MAX_PASTE: Final = 500_000  # characters of all numbers of an array as a text
_KEY: Final = "edit.table"
_WIDTH: Final = 96  # pixels of a column, in which the first digits of a number can be read
_WIDEST: Final = 240
_MOST_TOLD: Final = 10  # entries that were not read, or classes, that are named


@st.fragment
def editing(state: State) -> None:
    """Edit inputs, targets, initial states and parameters; the tables are made when the part is opened."""
    whole_page_if_changed(state)
    place = st.expander("Edit the numbers", key="edit.open", on_change="rerun")  # another label would close it
    if place.open:
        with place:
            _numbers(state.model)


def _numbers(model: Model) -> None:
    values, arrays = st.session_state, models.arrays(model)
    row = side_by_side()
    if values.get("edit.array") not in arrays:
        matrices = (name for name, array in models.parameters(model).items() if array.ndim == 2)
        values["edit.array"] = next(matrices, "y")
    with row.container(width=260):
        name = st.selectbox("Numbers", list(arrays), format_func=lambda name: _title(model, name), key="edit.array")
    samples = {"x": 1, "y": 1, **dict.fromkeys(models.initial(model), 1)}
    sample = 0
    if name in samples and arrays[name].shape[samples[name]] > 1:
        with row.container(width=110):
            sample = int(st.number_input("of sample", 1, arrays[name].shape[1], key="edit.sample")) - 1
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
            f"{plain(written(name))} is turned as a whole, by the factor {factor:g}{plus}. If you change a number here, all of"
            " its numbers count as changed by hand."
        )
    _table(model, name, sample, arrays[name])
    tell_faults("edit.reset", _KEY)
    with side_by_side("top"):
        _pasted(model, name, sample, arrays[name])
        _one(model, name, arrays[name])


def _title(model: Model, name: str) -> str:
    """The title of an array."""
    if name in models.structure(model).states:
        return f"initial {written(name)}"
    kind = {"x": "input", "y": "target"}.get(name, "parameter")
    return f"{kind} {written(name)}{' ✎' * (name in _touched(model))}"


def _touched(model: Model) -> set[str]:
    """Names of the arrays with numbers that do not come from the controls."""
    return {name for (name, _), _ in model.edits} | {name for name, _, _ in model.scaled}


def rows(name: str, array: Array, sample: int, state: bool) -> tuple[Array, list[Place]]:
    """The table of an array, (rows, columns), and the place of each of its entries, row by row."""
    places = [(name, tuple(map(int, index))) for index in np.ndindex(array.shape)]
    if name in ("x", "y") or state:
        places = [place for place in places if place[1][1] == sample]
        array = array[:, sample]
    return array.reshape(len(array), -1), places


def _table(model: Model, name: str, sample: int, array: Array) -> None:
    """Draw the table, which stays mounted during typing, and is made anew when its numbers change elsewhere.

    Its cells are texts: as numbers, a browser would silently read 0,5 as 5 and −0.5 as nothing.
    """
    now, places = rows(name, array, sample, name in models.structure(model).states)
    mounted: Mounted | None = session.mounted
    if mounted is None or not mounted.still_shows(name, sample, now) or not _fits(mounted, now.shape):
        mounted = session.mounted = Mounted(name, sample, now, mounted.count + 1 if mounted else 0)
    base, key = mounted.base, f"{_KEY}.{mounted.count}"
    classes = models.task(model).classes if name == "y" else ()
    heads, titles = _rows(model, name, len(base)), _columns(model, name, base.shape[1])
    table = {"row": heads, **{str(j): [_text(value, classes) for value in base[:, j]] for j in range(base.shape[1])}}
    columns = {
        str(j): st.column_config.TextColumn(head, width=column_width(table[str(j)]), alignment="left")
        for j, head in enumerate(titles)
    }
    st.data_editor(
        table, key=key, on_change=_typed, args=(key, mounted, places, classes), hide_index=True, disabled=["row"],
        column_config={"row": st.column_config.TextColumn("", pinned=True), **columns},
        height=min(38 + 35 * len(base), 400), width="content",
    )  # fmt: skip
    st.caption(
        "Numbers pasted beyond the edge of the table are left out. Paste, below, takes a whole table and checks its count."
    )
    _messages(model, mounted, heads)


def column_width(texts: Sequence[str]) -> int:
    """The width in pixels of a column of left-aligned numbers: it may cut off last digits, but no exponent."""
    longest = max((len(text) for text in texts if "e" in text), default=0)
    return min(max(_WIDTH, 8 * longest + 20), _WIDEST)


@dataclass
class Mounted:
    """A table on the page, and what the user has typed into it.

    Attributes:
        name: of the array.
        sample: of the array, counted from 0.
        base: the numbers with which the table was made.
        count: of the tables before it, which makes its key new.
        texts: the present text of each cell that was typed in.
        read: the number in each of these cells that could be read.
        messages: the reasons why entries of a cell could not be read.
        remarks: how doubtful entries were read.
        whole: whether each cell shows the one number that was read from it.
        after: the model after the last entry.
    """

    name: str
    sample: int
    base: Array
    count: int
    texts: dict[Cell, str | None] = field(default_factory=dict)
    read: dict[Cell, float | None] = field(default_factory=dict)
    messages: dict[Cell, list[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    whole: bool = True
    after: Model | None = None

    def still_shows(self, name: str, sample: int, numbers: Array) -> bool:
        """Whether the table shows these numbers, except for entries that could not be read."""
        if (name, sample) != (self.name, self.sample) or self.base.shape != numbers.shape or not self.whole:
            return False
        result = np.array(self.base)
        for cell in self.texts:
            value = self.read.get(cell, numbers[cell].item())
            if value is None:  # the entry was deleted: the cell stays empty until the table is made anew
                return False
            result[cell] = value
        return np.array_equal(result, numbers)


def _fits(mounted: Mounted, shape: tuple[int, ...]) -> bool:
    """Whether the browser's message about a table fits its shape; Streamlit would refuse another itself."""
    typed = st.session_state.get(f"{_KEY}.{mounted.count}")
    try:
        return len(typed_cells(typed, shape)) == _counted(typed)
    except ValueError:
        return False


def _counted(typed: Any) -> int:
    """The number of cells in a browser's message, whether the table has them or not."""
    return sum(column != "row" for cells in (typed or {}).get("edited_rows", {}).values() for column in cells)


def _text(value: float, classes: Sequence[str]) -> str:
    return classes[int(value)] if classes else repr(float(value)).removesuffix(".0")


def _messages(model: Model, mounted: Mounted, heads: Sequence[str]) -> None:
    """Say which of the last entries could not be read, and how doubtful ones were read, until the network changes."""
    edit: Mounted = session.last_edit or mounted
    if (edit.name, edit.sample, edit.after) != (mounted.name, mounted.sample, model):
        return
    unread = [
        f"{heads[i] if ' ' in heads[i] else f'row {heads[i]}'}, column {j + 1}: {message}"
        for (i, j), messages in sorted(edit.messages.items())
        for message in messages
    ]
    if unread:
        count = f"{len(unread):,} {'entry was' if len(unread) == 1 else 'entries were'} not read:"
        more = [f"and {len(unread) - _MOST_TOLD:,} more"] * (len(unread) > _MOST_TOLD)
        st.error("\n".join([count, "", *(f"- {plain(line)}" for line in [*unread[:_MOST_TOLD], *more])]))
    if edit.remarks:
        st.info(plain(" ".join(edit.remarks)))


def _rows(model: Model, name: str, count: int) -> list[str]:
    if name in ("x", "y"):
        labels = models.task(model).labels
        return [f"t = {t}" + f" · {label}" * (label.strip("*") != str(t)) for t, label in enumerate(labels, 1)]
    if name in models.structure(model).states:
        return [f"t = {t}" for t in range(1 - count, 1)]
    return [str(i) for i in range(1, count + 1)]


def _columns(model: Model, name: str, count: int) -> Sequence[str]:
    """The headings of the columns."""
    task = models.task(model)
    if name == "y" and task.classes:
        return ["class"]
    return {"x": task.inputs, "y": task.outputs}.get(name) or [str(j) for j in range(1, count + 1)]


def _typed(key: str, mounted: Mounted, places: list[Place], classes: Sequence[str]) -> None:
    """Callback of a table: read each new entry, or note why it cannot be read."""
    across = mounted.base.shape[1]
    try:
        now = typed_cells(st.session_state.get(key), mounted.base.shape)
    except ValueError as error:
        session.faults[_KEY] = str(error)
        return
    gone = {cell: _text(mounted.base[cell], classes) for cell in mounted.texts if cell not in now}
    new = {cell: text for cell, text in now.items() if mounted.texts.get(cell, ...) != text} | gone
    entries_read = entries.read(new, mounted.base.shape, classes)
    mounted.texts = now
    mounted.whole = mounted.whole and not entries_read.spread
    kept = {cell: value for cell, value in mounted.read.items() if cell in now and cell not in new}
    mounted.read = kept | {cell: value for cell, value in entries_read.values.items() if cell in now}
    mounted.messages = {cell: m for cell, m in mounted.messages.items() if cell not in new} | entries_read.messages
    mounted.remarks = list(entries_read.remarks)
    put(_KEY, edited, {places[i * across + j]: value for (i, j), value in entries_read.values.items()})
    mounted.after = session.state.model
    session.last_edit = mounted


def typed_cells(typed: object, shape: tuple[int, ...]) -> dict[Cell, str | None]:
    """Read a browser's message about the cells of a table: their texts, None for an emptied cell.

    Cells outside of `shape` are ignored.

    Raises:
        ValueError: if the message is none that a table sends.
    """
    texts: dict[Cell, str | None] = {}
    match typed:
        case None:
            return texts
        case {"edited_rows": dict(edited)} if all(isinstance(cells, dict) for cells in edited.values()):
            for row, cells in edited.items():
                for column, text in cells.items():
                    if (cell := _cell(row, column, shape)) is not None:
                        texts[cell] = _entry(text)
            return texts
    raise ValueError("the browser sent something other than cells of this table")


def _cell(row: object, column: object, shape: tuple[int, ...]) -> Cell | None:
    match row, column:
        case int(i), str(digits) if re.fullmatch(r"\d{1,6}", digits, re.ASCII):
            return (i, int(digits)) if 0 <= i < shape[0] and int(digits) < shape[1] else None
    return None


def _entry(text: object) -> str | None:
    match text:
        case None | str():
            return text
        case int() | float() if abs(text) <= sys.float_info.max:
            return str(text)
    raise ValueError("the browser sent something other than a text for a cell of this table")


def _pasted(model: Model, name: str, sample: int, array: Array) -> None:
    """Set all numbers of the array at once, from a text."""
    classes = models.task(model).classes if name == "y" else ()
    now, places = rows(name, array, sample, name in models.structure(model).states)
    with st.popover("Paste"):
        st.text_area(
            f"All {entries.sized(now.shape)}", key="edit.paste", height=160, max_chars=MAX_PASTE, placeholder="0.1  0.2 …",
            help="From a spreadsheet, from numpy's print, or as a list: one row per line, or in brackets; with decimal comma or"
            " point; also 1/2 or 50%.",
        )  # fmt: skip
        st.button("Set", key="edit.paste.set", on_click=_paste, args=(name, sample, now, places, classes))
        tell_faults("edit.paste")


def _paste(name: str, sample: int, base: Array, places: list[Place], classes: Sequence[str]) -> None:
    text = st.session_state.get("edit.paste") or ""

    def change(state: State, text: str) -> State:
        texts = [line.split("\t") for line in text.splitlines()] if classes else numbers.entries(text)
        entries_read = entries.read(entries.fitted(texts, base.shape), base.shape, classes)
        edit.messages, edit.remarks = entries_read.messages, list(entries_read.remarks)
        return edited(state, {places[i * base.shape[1] + j]: value for (i, j), value in entries_read.values.items()})

    edit = Mounted(name, sample, base, 0)
    put("edit.paste", change, text)
    if "edit.paste" not in session.faults:
        edit.after = session.state.model
        session.last_edit = edit
        if not edit.messages:
            st.session_state["edit.paste"] = ""


def edited(state: State, values: Mapping[Place, float | None]) -> State:
    """The state with numbers changed."""
    return replace(state, model=models.with_edits(state.model, values))


def reset(state: State, name: str = "") -> State:
    """The state without the numbers changed by hand, in one array or in all."""
    kept = tuple(edit for edit in state.model.edits if name and edit[0][0] != name)
    turned = tuple(row for row in state.model.scaled if name and row[0] != name)
    return replace(state, model=models.changed(state.model, edits=kept, scaled=turned))


def _one(model: Model, name: str, array: Array) -> None:
    """Edit a single entry without the table, for keyboards and screen readers."""
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
        classes = models.task(model).classes if name == "y" else ()
        st.caption(f"It is now {code(_text(now, classes))}.")
        if classes:
            st.selectbox("New class", range(len(classes)), None, classes.__getitem__, key="edit.one.class")
        else:
            st.text_input("New value", key="edit.one.value", placeholder="such as 0.5 or 1/2")
        st.button("Set", key="edit.one.set", on_click=_set_one, args=(place, bool(classes)))


def _set_one(place: Place, of_classes: bool) -> None:
    values = st.session_state
    if of_classes:
        if (value := values["edit.one.class"]) is not None:
            put(_KEY, lambda state, value: edited(state, {place: value}), value)
    elif text := values["edit.one.value"]:
        put(_KEY, lambda state, text: edited(state, {place: numbers.number(text)}), text)
