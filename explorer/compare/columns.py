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

    text    what it is made from
    model   what is run; None if it cannot be
    cut     after how many steps the recurrence is cut for the gradient; 0 is never
    whole   whether the text is all of a network, which does not follow the side bar
    fault   why there is no model
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
        """Of each column what it has that not all have; of one that cannot be run, what was asked for."""
        runnable = [column for column in self.columns if column.model is not None]
        found = dict(
            zip(map(id, runnable), distinctions([c.model for c in runnable if c.model is not None]), strict=True)
        )
        cut = len({column.cut for column in self.columns}) > 1
        headings: list[str] = []
        for column in self.columns:
            parts = found.get(id(column)) or (() if column.model else _asked(column.text))
            said = f"cut every {counted(column.cut, 'step')}" if column.cut else "whole gradient"
            headings.append(", ".join([*parts, *[said] * cut]))
        return tuple(headings)


def changes(text: str) -> dict[str, str]:
    """The entries of a column's text. Raises ValueError for what is no query, or has too many entries."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict",
                          max_num_fields=_MOST_CHANGES)  # fmt: skip
    except ValueError:
        raise ValueError(
            f"{shown(text)} is no query of at most {_MOST_CHANGES} entries, such as cell=lstm&steps=50"
        ) from None
    if len(dict(pairs)) < len(pairs):
        raise ValueError("an entry stands there twice")
    return dict(pairs)


def text(entries: Mapping[str, str]) -> str:
    """The text of a column with these entries."""
    return urlencode(entries)


@INPUTS.keeps(key=tuple)
def column(model: Model, text: str) -> Column:
    """The column of a text beside the network of the side bar; it never raises."""
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
    """The comparison that the screen shows."""
    return Comparison(tuple(column(state.model, text) for text in state.view.columns or ("",)))


def kept(model: Model) -> str:
    """The text of a column that is all of a network."""
    return text({WHOLE: "1"} | to_query(State(model), MAX_COLUMN))


def _asked(text: str) -> tuple[str, ...]:
    try:
        return tuple(f"{key} = {value}" for key, value in list(changes(text).items())[:4] if key != WHOLE)
    except ValueError:
        return ("a column that cannot be read",)


# --- from one comparison to the next -----------------------------------------------------------------------------


def present(columns: Sequence[str]) -> int:
    """Which column is the network of the side bar itself, counted from 0; −1 if none is."""
    return columns.index("") if "" in columns else -1


def with_columns(state: State, columns: Iterable[str]) -> State:
    """The state with other columns; the network of the side bar alone is no comparison. Raises ValueError for too many."""
    chosen = tuple(columns)
    if len(chosen) == 1:
        chosen = ("", *chosen) if chosen[0] else ()
    if len(chosen) > MOST:
        raise ValueError(f"at most {MOST} columns are compared; take one away first")
    return replace(state, view=replace(state.view, columns=chosen))


def added(state: State, text: str) -> State:
    """The state with one more column."""
    return with_columns(state, [*(state.view.columns or ("",)), text])


def removed(state: State, place: int) -> State:
    """The state without a column."""
    return with_columns(state, [text for i, text in enumerate(state.view.columns) if i != place])


def moved(state: State, place: int) -> State:
    """The state with a column one place further to the left."""
    columns = list(state.view.columns)
    columns[place - 1 : place + 1] = columns[place - 1 : place + 1][::-1]
    return with_columns(state, columns)


def edited(state: State, place: int, entries: Mapping[str, str], without: Iterable[str] = ()) -> State:
    """The state with entries of a column set, and others taken away; other changes that do not fit to these are dropped.

    Raises ValueError, saying why, if there is no such network.
    """
    old = changes(state.view.columns[place])
    rest = {key: value for key, value in old.items() if key not in {*entries, *without}}
    new = rest | dict(entries)
    if column(state.model, text(new)).model is None:
        base = {key: rest.pop(key) for key in (WHOLE, CUT) if key in rest} | dict(entries)
        fitting = (key for key in rest if column(state.model, text(base | {key: rest[key]})).model is not None)
        new = base | {key: rest[key] for key in fitting}
    made = column(state.model, text(new))
    if made.model is None:
        raise ValueError(made.fault)
    columns = list(state.view.columns)
    columns[place] = text(new)
    return with_columns(state, columns)
