"""A state as the query of a link, and a link read back: `?cell=lstm&task=adding&steps=50&n.h=16&loss=last`.

In the link stands what differs from the default, under the keys that the fields of `Model`, `View` and `Cliff` declare. Each
value is checked; one that is not allowed gives way to the default, with a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

import engine
from engine.support import shown
from explorer import fields
from explorer import model as models
from explorer.experiments.cliff import Cliff
from explorer.fields import Grouped, Linked, encodable, formats, unpacked
from explorer.model import OWN, Model, Value
from explorer.state.state import State
from explorer.state.view import View

LONGEST_VALUE: Final = 2_000  # characters of one value in a link; longer texts and tables stay out of it
_MOST_KEYS: Final = 100
_DEFAULT: Final = State()


# --- written -----------------------------------------------------------------------------------------------------


def to_query(state: State, longest: int = LONGEST_VALUE) -> dict[str, str]:
    """The query of a link: all that differs from the default, without the entries that `left_out` lists."""
    return {key: value for key, value in _entries(state) if len(value) <= longest}


def left_out(state: State) -> list[str]:
    """The keys of the entries that are too long for a link."""
    return [key for key, value in _entries(state) if len(value) > LONGEST_VALUE]


def _entries(state: State) -> Iterator[tuple[str, str]]:
    yield from fields.written(state.model)
    yield from fields.written(state.view)


def words(key: str) -> str:
    """What a page calls the entry of a link that has this key: "scale" for "range.value"."""
    family = key.partition(".")[0]
    return _words().get(family, family)


@cache
def _words() -> dict[str, str]:
    """Key, or the prefix of several, -> what a page calls it."""
    names = {"text": "table or text"}  # a setting of tasks; no field has that key
    for kind in (Model, View, Cliff):
        for row in fields.rows(kind).values():
            names[row.key if isinstance(row, Linked) else row.prefix.rstrip(".")] = row.words
    return names


# --- read --------------------------------------------------------------------------------------------------------


def from_query(
    query: Mapping[str, str],
    longest: int = LONGEST_VALUE,
    origin: str = "the link",
    start: State = _DEFAULT,
) -> tuple[State, list[str]]:
    """The state that a link describes, and a message for each entry that was passed over; it never raises.

    Args:
        query: keys and values of the link.
        longest: characters of a value that is still read.
        origin: what the messages call the link.
        start: the state that the link changes; as a change by a widget does, each change keeps what still fits.
    """
    reading = _Reading(query, longest, origin, start)
    return reading.state, reading.problems


#: Field of several items -> the change of one item, made from its name and its text.
_ITEMS: Final[Mapping[str, Callable[[State, str, str], State]]] = {
    "sizes": lambda state, name, text: _with_model(
        state, models.with_size(state.model, name, formats.WHOLE.read(text))
    ),
    "overrides": lambda state, name, text: _with_model(
        state, models.with_override(state.model, name, models.SCHEME.read(text))
    ),
    "scaled": lambda state, name, text: _with_model(state, models.with_turn(state.model, name, *_turn(text))),
    "ranges": lambda state, lens, text: _with_range(state, lens, *formats.PAIR.read(text)),
}


class _Reading:
    """A link on its way to a state: applies each entry, and collects a message for each invalid one."""

    def __init__(self, query: Mapping[str, str], longest: int, origin: str, start: State) -> None:
        self.state, self.problems, self.origin = start, list[str](), origin
        self.left = dict(query)
        too_long = [key for key, value in query.items() if not (_carried(key, longest) and _carried(value, longest))]
        for key in too_long[:_MOST_KEYS]:
            self.refuse(key, self.left.pop(key), f"it is no text of at most {longest:,} characters")
        packed = self.left.pop("eq", None)
        for name, row in fields.rows(Model).items():
            if packed is not None and name in ("cell", "sizes"):
                continue  # they are read with the text of the cell
            if name == "settings":
                self.settings()
                if packed is not None:
                    self.own_cell(packed)
            else:
                self.field(name, row, self.with_model)
        for name, row in fields.rows(View).items():
            self.field(name, row, self.with_view)
        for name, row in fields.rows(Cliff).items():
            self.field(name, row, self.with_cliff)
        if self.left:
            keys = ", ".join(shown(key) for key in list(self.left)[:5])
            self.problems.append(f"{self.origin.capitalize()} has entries that mean nothing here: {keys}.")

    def with_model(self, **change: Any) -> State:
        return _with_model(self.state, models.changed(self.state.model, **change))

    def with_view(self, **change: Any) -> State:
        return replace(self.state, view=replace(self.state.view, **change))

    def with_cliff(self, **change: Any) -> State:
        return self.with_view(cliff=replace(self.state.view.cliff, **change))

    def field(self, name: str, row: Linked | Grouped, change: Callable[..., State]) -> None:
        """Read one field: its entry, or one entry for each of its items."""
        if isinstance(row, Linked):
            if row.key in self.left:
                self.attempt(row.key, lambda text: change(**{name: row.format.read(text)}))
            return
        for key in [key for key in self.left if key.startswith(row.prefix)][:_MOST_KEYS]:
            item = key.removeprefix(row.prefix)
            self.attempt(key, lambda text, item=item: _ITEMS[name](self.state, item, text))  # type: ignore[misc]

    def own_cell(self, packed: str) -> None:
        """Read a cell of the user's own with its sizes: it may be allowed only beside its task, and in its size."""
        self.left.pop("cell", None)
        sizes = {key: self.left.pop(key) for key in [key for key in self.left if key.startswith("n.")][:_MOST_KEYS]}
        try:
            cell = engine.parse(unpacked(packed), OWN)
            units = {models.sized(cell, key.removeprefix("n.")): formats.WHOLE.read(n) for key, n in sizes.items()}
            self.state = self.with_model(text=cell.text, sizes=models.chosen_sizes(cell, units))
        except ValueError as error:
            self.refuse("eq", packed, error)

    def settings(self) -> None:
        """Read the settings of the task, all together, since one may be allowed only beside another."""
        values: dict[str, Value] = {}
        for setting in models.entry(self.state.model).settings:
            if setting.name in self.left:
                text = self.left.pop(setting.name)
                try:
                    values[setting.name] = setting.checked(formats.OF_KIND[setting.kind].read(text))
                except ValueError as error:
                    self.refuse(setting.name, text, error)
        try:
            chosen = models.chosen_settings(self.state.model.task, dict(self.state.model.settings) | values)
            self.state = self.with_model(settings=chosen)
        except ValueError as error:
            pairs = ", ".join(f"{name} = {shown(value)}" for name, value in values.items())
            verb = "was" if len(values) == 1 else "were"
            self.problems.append(f"{pairs} in {self.origin} {verb} passed over: {error}")

    def attempt(self, key: str, change: Callable[[str], State]) -> None:
        text = self.left.pop(key)
        try:
            self.state = change(text)
        except ValueError as error:
            self.refuse(key, text, error)

    def refuse(self, key: str, text: str, error: object) -> None:
        self.problems.append(f"{shown(key)} = {shown(text)} in {self.origin} was passed over: {error}")


def _with_model(state: State, model: Model) -> State:
    return replace(state, model=model)


def _with_range(state: State, lens: str, low: int, high: int) -> State:
    view = replace(state.view, lens=lens).with_range(low, high)
    return replace(state, view=replace(view, lens=state.view.lens))


def _turn(text: str) -> tuple[float, float]:
    factor, comma, added = text.partition(",")
    return formats.NUMBER.read(factor), formats.NUMBER.read(added) if comma else 0.0


def _carried(text: str, longest: int) -> bool:
    """Whether a link carries a text: one that is not too long, and can be encoded."""
    return len(text) <= longest and encodable(text)
