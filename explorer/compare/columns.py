"""Columns of a comparison: read from texts, run as networks, added, moved and changed.

A column is a text, a query as that of the link: `cell=lstm&steps=50` is the network of the side bar with these changes; in
all else it follows the side bar. With `whole=1` it is a whole network, and follows nothing. `cut=10` cuts the recurrence
after every 10 steps: that is no property of a network, but of the column. The empty text is the network of the side bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlencode

from engine.support import shown
from explorer import model as models
from explorer.cache import INPUTS
from explorer.compare.differences import counted, distinctions
from explorer.model import Model
from explorer.state import MAX_COLUMN, State, View, from_query, to_query

MOST: Final = 3  # columns
_MOST_CHANGES: Final = 60  # of a column
WHOLE, CUT = "whole", "cut"


@dataclass(frozen=True)
class Column:
    """One network of a comparison.

    text    the query of the column
    model   the network; None if the text is not valid
    cut     the number of steps after which the recurrence is cut for the gradient; 0 is never
    whole   whether the text is a whole network, which does not follow the side bar
    fault   why the text is not valid
    """

    text: str
    model: Model | None
    cut: int = 0
    whole: bool = False
    fault: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two or three columns, or the network of the side bar alone."""

    columns: tuple[Column, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """What each column has that not all have; of a column that is not valid, the entries of its text."""
        valid = [column for column in self.columns if column.model is not None]
        distinct = dict(zip(map(id, valid), distinctions([c.model for c in valid if c.model is not None]), strict=True))
        cut = len({column.cut for column in self.columns}) > 1
        headings: list[str] = []
        for column in self.columns:
            parts = distinct.get(id(column)) or (() if column.model else _entries(column.text))
            gradient = f"cut every {counted(column.cut, 'step')}" if column.cut else "whole gradient"
            headings.append(", ".join([*parts, *[gradient] * cut]))
        return tuple(headings)


def changes(text: str) -> dict[str, str]:
    """Read the entries of a column's text.

    Args:
        text: a query

    Returns:
        Key -> value.

    Raises:
        ValueError: if the text is no query, has too many entries, or one key twice
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict",
                          max_num_fields=_MOST_CHANGES)  # fmt: skip
    except ValueError:
        raise ValueError(
            f"{shown(text)} is no query of at most {_MOST_CHANGES} entries, such as cell=lstm&steps=50"
        ) from None
    if len(dict(pairs)) < len(pairs):
        raise ValueError("an entry occurs twice")
    return dict(pairs)


def text(entries: Mapping[str, str]) -> str:
    """Write the text of a column.

    Args:
        entries: key -> value

    Returns:
        The query.
    """
    return urlencode(entries)


@INPUTS.keeps(key=tuple)
def column(model: Model, text: str) -> Column:
    """Read a column; a text that is not valid gives a column with a fault.

    Args:
        model: the network of the side bar
        text: of the column

    Returns:
        The column.
    """
    try:
        entries = changes(text)
        whole, cut = entries.pop(WHOLE, "0"), entries.pop(CUT, "0")
        if whole not in ("0", "1"):
            raise ValueError("whole is 0 or 1")
        if not re.fullmatch(r"\d{1,4}", cut, re.ASCII) or int(cut) > models.MAX_STEPS:
            raise ValueError(f"cut is a whole number of steps up to {models.MAX_STEPS:,}")
        start = State() if whole == "1" else State(model)
        state, problems = from_query(entries, MAX_COLUMN, "this column", start)
        if problems:
            raise ValueError(" ".join(problems))
        if state.view != View():
            raise ValueError("how a run is looked at is the same in all columns")
    except ValueError as error:
        return Column(text, None, fault=str(error))
    return Column(text, state.model, int(cut), whole == "1")


def comparison(state: State) -> Comparison:
    """The comparison on the screen.

    Args:
        state: of the screen

    Returns:
        Its columns; without any, the network of the side bar alone.
    """
    return Comparison(tuple(column(state.model, text) for text in state.view.columns or ("",)))


def kept(model: Model) -> str:
    """The text of a column that keeps a whole network.

    Args:
        model: the network

    Returns:
        The text, with `whole=1`.
    """
    return text({WHOLE: "1"} | to_query(State(model), MAX_COLUMN))


def _entries(text: str) -> tuple[str, ...]:
    try:
        return tuple(f"{key} = {value}" for key, value in list(changes(text).items())[:4] if key != WHOLE)
    except ValueError:
        return ("a column that cannot be read",)


# --- from one comparison to the next -----------------------------------------------------------------------------


def present(columns: Sequence[str]) -> int:
    """Find the column that is the network of the side bar itself.

    Args:
        columns: their texts

    Returns:
        Its index, or −1 if no column is.
    """
    return columns.index("") if "" in columns else -1


def with_columns(state: State, columns: Iterable[str]) -> State:
    """Replace the columns; the network of the side bar alone is no comparison.

    Args:
        state: of the screen
        columns: their texts

    Returns:
        The state with these columns.

    Raises:
        ValueError: if they are more than `MOST`
    """
    chosen = tuple(columns)
    if len(chosen) == 1:
        chosen = ("", *chosen) if chosen[0] else ()
    if len(chosen) > MOST:
        raise ValueError(f"at most {MOST} columns are compared; take one away first")
    return replace(state, view=replace(state.view, columns=chosen))


def added(state: State, text: str) -> State:
    """Add a column at the right.

    Args:
        state: of the screen
        text: of the column

    Returns:
        The state with this column.

    Raises:
        ValueError: if the comparison is full
    """
    return with_columns(state, [*(state.view.columns or ("",)), text])


def removed(state: State, place: int) -> State:
    """Remove a column.

    Args:
        state: of the screen
        place: index of the column

    Returns:
        The state without this column.
    """
    return with_columns(state, [text for i, text in enumerate(state.view.columns) if i != place])


def moved(state: State, place: int) -> State:
    """Move a column one place to the left.

    Args:
        state: of the screen
        place: index of the column

    Returns:
        The state with this order.
    """
    columns = list(state.view.columns)
    columns[place - 1 : place + 1] = columns[place - 1 : place + 1][::-1]
    return with_columns(state, columns)


def edited(state: State, place: int, entries: Mapping[str, str], without: Iterable[str] = ()) -> State:
    """Set and remove entries of a column; other entries that do not fit the new ones are dropped.

    Args:
        state: of the screen
        place: index of the column
        entries: key -> value, to be set
        without: keys to be removed

    Returns:
        The state with the column changed.

    Raises:
        ValueError: if no such network exists; the message says why
    """
    old = changes(state.view.columns[place])
    remaining = {key: value for key, value in old.items() if key not in {*entries, *without}}
    new = remaining | dict(entries)
    if column(state.model, text(new)).model is None:
        base = {key: remaining.pop(key) for key in (WHOLE, CUT) if key in remaining} | dict(entries)
        fitting = (
            key for key in remaining if column(state.model, text(base | {key: remaining[key]})).model is not None
        )
        new = base | {key: remaining[key] for key in fitting}
    changed = column(state.model, text(new))
    if changed.model is None:
        raise ValueError(changed.fault)
    columns = list(state.view.columns)
    columns[place] = text(new)
    return with_columns(state, columns)
