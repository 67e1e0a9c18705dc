"""One widget for each kind of setting: it shows a part of the state, and its change puts a new state in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine.inputs import Setting
from explorer.page.change import Change, apply, tell_faults
from explorer.page.widget_delivery import position, show
from explorer.state import State

WIDE: Final = 720  # pixels from which two pictures or texts have room side by side
_TEXT_HEIGHT: Final = 82  # pixels: two lines


def side_by_side(align: Literal["top", "center", "bottom"] = "bottom", **options: Any) -> DeltaGenerator:
    """A container whose widgets stand side by side, aligned at their tops, centres or bottoms."""
    return st.container(horizontal=True, vertical_alignment=align, **options)


def places(across: int, count: int) -> list[DeltaGenerator]:
    """Places for `count` widgets, `across` of them in a row."""
    rows = [st.columns(across, vertical_alignment="bottom") for _ in range(0, count, across)]
    return [place for columns in rows for place in columns][:count]


def side_by_side_if(wide: bool, widths: int | Sequence[int] = 2, **options: Any) -> list[DeltaGenerator]:
    """Two places: columns of these widths on a wide page, else one below the other."""
    return st.columns(widths, **options) if wide else [st.container(), st.container()]


def cells(widths: Sequence[float], wide: bool) -> list[DeltaGenerator]:
    """A place for each cell of a row of a table: columns of these widths; on a narrow page one line for all of them."""
    if wide:
        return st.columns(widths, vertical_alignment="center")
    return [side_by_side("center")] * len(widths)


def choice(
    label: str, options: Sequence[Any], title: Callable[[Any], str], key: str, value: Any, change: Change, **more: Any
) -> None:
    """A select box."""
    show(key, value)
    more.setdefault("index", position(key, options))
    st.selectbox(label, options, format_func=title, key=key, on_change=apply, args=(key, change), **more)
    tell_faults(key)


def segmented(label: str, titles: Mapping[Any, str], key: str, value: Any, change: Change, **more: Any) -> None:
    """A segmented control, of which one segment is always chosen; `titles` are the segments' by their values."""
    show(key, value)
    st.segmented_control(
        label, list(titles), format_func=titles.__getitem__, key=key, default=value, required=True, on_change=apply,
        args=(key, change), **more,
    )  # fmt: skip


def counted(
    place: Any, label: str, first: int, last: int, key: str, value: int, change: Change, **more: Any
) -> None:  # fmt: skip
    """A whole number from `first` to `last`, such as a step."""
    show(key, value)
    place.number_input(
        label, first, last, st.session_state[key], step=1, key=key, on_change=apply, args=(key, change), **more
    )


def indexed(
    place: Any, prefix: str, axis: int, size: int, index: tuple[int, ...], change: Change, width: int,
    names: tuple[str, str] = ("row", "column"),
) -> str:  # fmt: skip
    """One index of an entry of an array, counted from 1; `change` gets the whole new index. Gives the widget's key."""
    key = f"{prefix}.{names[axis]}"

    def moved(state: State, number: int) -> State:
        return change(state, tuple(number - 1 if k == axis else i for k, i in enumerate(index)))

    counted(place, ("row", "column")[axis], 1, size, key, min(index[axis], size - 1) + 1, moved, width=width)
    return key


def entered(setting: Setting, key: str, value: Any, change: Change, label: str = "", **more: Any) -> None:
    """The widget that suits a setting: its kind, its bounds, its help."""
    show(key, value, has_default=setting.default is not None)
    label = label or setting.label
    common: dict[str, Any] = {
        "key": key,
        "on_change": apply,
        "args": (key, change),
        "help": setting.help or None,
        **more,
    }
    if setting.kind == "choice":
        titles = dict(setting.choices)
        st.selectbox(label, list(titles), format_func=titles.__getitem__, index=position(key, list(titles)), **common)
    elif setting.kind == "bool":
        st.checkbox(label, value=st.session_state[key], **common)
    elif setting.kind == "text":
        # A text may have several lines, which a line of input cannot hold.
        st.text_area(label, value=st.session_state[key], height=_TEXT_HEIGHT, **common)
    else:
        # Streamlit shows the button that clears a number only if the default is None.
        common["value"] = None if setting.default is None else st.session_state[key]
        if setting.default is None:
            common["placeholder"] = "not set"
        if setting.kind == "int":
            st.number_input(label, int(setting.lower), int(setting.upper), step=1, **common)
        else:
            st.number_input(label, float(setting.lower), float(setting.upper), step=0.1, format="%g", **common)
    tell_faults(key)


def fixed(label: str, value: int, key: str, hint: str) -> None:
    """A number that follows from another setting."""
    st.session_state[key] = value
    st.number_input(label, min_value=0, step=1, key=key, disabled=True, help=hint)
