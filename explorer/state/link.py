"""A state as the query of a link, and a link read back: `?cell=lstm&task=adding&steps=50&n.h=16&loss=last`.

In the link stands what differs from the default, under short names. Each value is checked; one that is not allowed gives way
to the default, with a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import engine
from engine.support import shown
from explorer import model as models
from explorer.model import OWN, Model, Value
from explorer.state import values
from explorer.state.state import State
from explorer.state.view import View

LONGEST_VALUE: Final = 2_000  # characters of one value in a link; longer texts and tables stay out of it
_MOST_KEYS: Final = 100
_DEFAULT: Final = State()


def to_query(state: State, longest: int = LONGEST_VALUE) -> dict[str, str]:
    """The state as the query of a link: what differs from the default, but for what `left_out` tells."""
    return {key: value for key, value in _written(state) if len(value) <= longest}


def left_out(state: State) -> list[str]:
    """The entries that are too long for a link."""
    return [key for key, value in _written(state) if len(value) > LONGEST_VALUE]


def from_query(
    query: Mapping[str, str],
    longest: int = LONGEST_VALUE,
    origin: str = "the link",
    start: State = _DEFAULT,
) -> tuple[State, list[str]]:
    """The state that a link describes, and what is wrong with the link, in words; it never raises.

    start   the state that the link changes; as the widgets do, a change of it keeps what still fits
    """
    reading = _Reading(query, longest, origin, start)
    return reading.state, reading.problems


@dataclass(frozen=True)
class _Field:
    """A field of the model or the view under its key in the link."""

    name: str
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str


_NETWORK: Final = {
    "cell": _Field("cell"),
    "activation": _Field("activation"),
    "layers": _Field("layers", values.whole),
}
_TASK: Final = {"task": _Field("task")}
_RUN: Final = {
    "loss": _Field("count"),
    "w": _Field("weights", lambda text: tuple(map(values.number, text.split(","))), values.listed),
    "reduction": _Field("reduction"),
    "own": _Field("own", values.truth, lambda own: str(int(own))),
    "init": _Field("scheme", values.scheme, values.scheme_written),
    "init_seed": _Field("seed", values.whole),
}
_OWN: Final = {"eq": _Field("text", values.unpacked, values.packed)}
_EDITS: Final = {"edit": _Field("edits", values.edits, values.edits_written)}
_VIEW: Final = {
    "show": _Field("lens"),
    "as": _Field("measure"),
    "sample": _Field("sample", values.whole),
    "window": _Field("window", values.pair, lambda window: values.listed(window or ())),
    "node": _Field("selected", values.node, lambda node: "{},{}".format(*node) if node else ""),
    "path": _Field("path", values.pair, lambda path: values.listed(path or ())),
    "unit": _Field("unit", values.whole),
    "graph": _Field("graph"),
    "parameters": _Field("parameters"),
    "knob": _Field("knob", values.knob, values.knob_written),
    "edges": _Field("edges"),
    "picture": _Field("picture"),
    "scale": _Field("scale"),
    "state": _Field("state"),
    "of": _Field("parameter"),
    "spread": _Field("spread"),
    "tab": _Field("tab"),
    "pair": _Field("pair", values.pair, lambda pair: values.listed(pair or ())),
    "every": _Field("cut", values.whole),
    "clip": _Field("clip", values.number, values.short),
    "sections": _Field("sections", lambda text: tuple(filter(None, dict.fromkeys(text.split(",")))), ",".join),
    "detail": _Field("detail"),
    "step": _Field("step", values.whole),
    "levels": _Field("levels", values.whole),
    "compare": _Field("columns", lambda text: tuple(text.split("|")), "|".join),
    "slip": _Field("slip"),
    "formula": _Field("formula", values.unpacked, values.packed),
    "ask": _Field("asked", values.asked, values.asked_written),
    "lesson": _Field("lesson", values.node, lambda lesson: "{},{}".format(*lesson) if lesson else ""),
    "hide": _Field("hidden", lambda text: tuple(text.split(",")), ",".join),
    "present": _Field("present", values.truth, lambda present: str(int(present))),
}
_CLIFF: Final = {
    "across": _Field("across", values.side, values.side_written),
    "up": _Field("up", values.side, values.side_written),
    "across_range": _Field("across_range", values.ends, lambda ends: values.listed(ends or ())),
    "up_range": _Field("up_range", values.ends, lambda ends: values.listed(ends or ())),
    "rate": _Field("rate", values.number, values.short),
    "limit": _Field("limit", values.number, values.short),
    "norm": _Field("norm"),
    "surface": _Field("picture"),
    "cut": _Field("cut"),
}


def _written(state: State) -> Iterator[tuple[str, str]]:
    model, view, usual = state.model, state.view, _DEFAULT

    def fields(table: Mapping[str, _Field], value: object, default: object) -> Iterator[tuple[str, str]]:
        for key, row in table.items():
            if getattr(value, row.name) != getattr(default, row.name):
                yield key, row.write(getattr(value, row.name))

    yield from fields(_NETWORK, model, usual.model)
    yield from fields(_OWN, model, usual.model)
    yield from ((f"n.{name}", str(units)) for name, units in model.sizes)
    yield from fields(_TASK, model, usual.model)
    for name, value in model.settings:
        yield (
            name,
            str(int(value)) if isinstance(value, bool) else value if isinstance(value, str) else values.short(value),
        )
    yield from fields(_RUN, model, usual.model)
    yield from ((f"init.{name}", values.scheme_written(scheme)) for name, scheme in model.overrides)
    yield from fields(_EDITS, model, usual.model)
    yield from ((f"turn.{name}", values.listed(row if row[1] else row[:1])) for name, *row in model.scaled)
    yield from fields(_VIEW, view, usual.view)
    yield from fields(_CLIFF, view.cliff, usual.view.cliff)
    yield from ((f"range.{lens}", f"{low},{high}") for lens, low, high in view.ranges)


class _Reading:
    """A link on its way to a state: each change is made where it is allowed, and told where it is not."""

    def __init__(self, query: Mapping[str, str], longest: int, origin: str, start: State) -> None:
        self.state, self.problems, self.origin = start, list[str](), origin
        self.left = dict(query)
        for key in [k for k, value in query.items() if not _carried(k, longest) or not _carried(value, longest)][
            :_MOST_KEYS
        ]:
            self.tell(key, self.left.pop(key), f"it is no text of at most {longest:,} characters")
        own = self.left.pop("eq", None)
        self.fields({key: row for key, row in _NETWORK.items() if own is None or key != "cell"}, self.model)
        if own is None:
            self.group("n.", lambda name, text: models.with_size(self.state.model, name, values.whole(text)))
        self.fields(_TASK, self.model)
        self.settings()
        if own is not None:
            self.own(own)
        self.fields(_RUN, self.model)
        self.group("init.", lambda name, text: models.with_override(self.state.model, name, values.scheme(text)))
        self.fields(_EDITS, self.model)
        self.group("turn.", lambda name, text: models.with_turn(self.state.model, name, *values.factor(text)))
        self.fields(_VIEW, lambda **change: replace(self.state, view=replace(self.state.view, **change)))
        self.fields(_CLIFF, self.cliff)
        self.group("range.", lambda lens, text: _with_range_of(self.state.view, lens, *values.pair(text)))
        if self.left:
            names = ", ".join(shown(key) for key in list(self.left)[:5])
            self.problems.append(f"{self.origin.capitalize()} has entries that mean nothing here: {names}.")

    def model(self, **change: Any) -> State:
        return replace(self.state, model=models.changed(self.state.model, **change))

    def cliff(self, **change: Any) -> State:
        view = self.state.view
        return replace(self.state, view=replace(view, cliff=replace(view.cliff, **change)))

    def fields(self, table: Mapping[str, _Field], change: Callable[..., State]) -> None:
        for key, row in table.items():
            if key in self.left:
                self.attempt(key, lambda text, row=row: change(**{row.name: row.read(text)}))  # type: ignore[misc]

    def group(self, prefix: str, change: Callable[[str, str], Model | View]) -> None:
        for key in [key for key in self.left if key.startswith(prefix)][:_MOST_KEYS]:
            name = key.removeprefix(prefix)
            self.attempt(key, lambda text, name=name: self.with_part(change(name, text)))  # type: ignore[misc]

    def own(self, packed_text: str) -> None:
        """A cell of the user's own with its sizes: it may be allowed only beside its task, and in its size."""
        self.left.pop("cell", None)
        sizes = {key: self.left.pop(key) for key in [key for key in self.left if key.startswith("n.")][:_MOST_KEYS]}
        try:
            made = engine.parse(values.unpacked(packed_text), OWN)
            numbers = {models.sized(made, key.removeprefix("n.")): values.whole(text) for key, text in sizes.items()}
            self.state = self.model(text=made.text, sizes=models.chosen_sizes(made, numbers))
        except ValueError as error:
            self.tell("eq", packed_text, error)

    def settings(self) -> None:
        """The settings of the task: all together, since one may be allowed only beside another."""
        read: dict[str, Value] = {}
        for setting in models.entry(self.state.model).settings:
            if setting.name in self.left:
                text = self.left.pop(setting.name)
                try:
                    read[setting.name] = setting.checked(values.READ[setting.kind](text))
                except ValueError as error:
                    self.tell(setting.name, text, error)
        try:
            chosen = models.chosen_settings(self.state.model.task, dict(self.state.model.settings) | read)
            self.state = self.model(settings=chosen)
        except ValueError as error:
            given = ", ".join(f"{name} = {shown(value)}" for name, value in read.items())
            self.problems.append(f"{given} in {self.origin} {'was' if len(read) == 1 else 'were'} passed over: {error}")

    def attempt(self, key: str, change: Callable[[str], State]) -> None:
        text = self.left.pop(key)
        try:
            self.state = change(text)
        except ValueError as error:
            self.tell(key, text, error)

    def with_part(self, part: Model | View) -> State:
        return replace(self.state, model=part) if isinstance(part, Model) else replace(self.state, view=part)

    def tell(self, key: str, text: str, error: object) -> None:
        self.problems.append(f"{shown(key)} = {shown(text)} in {self.origin} was passed over: {error}")


def _with_range_of(view: View, lens: str, low: int, high: int) -> View:
    return replace(replace(view, lens=lens).with_range(low, high), lens=view.lens)


def _carried(text: str, longest: int) -> bool:
    """Whether a link carries a text: not too long, and no lone surrogates, which cannot be encoded."""
    return len(text) <= longest and not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
