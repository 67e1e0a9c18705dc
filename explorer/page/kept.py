"""What the browser keeps of a session, as a JSON text: for a reload, a restart of the server, and a closed tab.

The address of the page carries most of a state; this carries all of it, and what is no part of it: the draft of a cell, the
network from before a lesson, the progress in the lessons. The text comes back from the browser and may be anything: it is
bounded before it is parsed, and everything in it is checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from engine.language import MAX_TEXT
from engine.support import shown
from explorer.state import State, left_out, session, to_query
from explorer.teach.lesson import Given

MAX_KEPT: Final = 2_000_000  # characters; a browser grants about five million to all that a server stores in it
_MOST: Final = 500  # lessons that are finished, or questions that are answered
_MAX_ANSWER: Final = 60  # characters of an answer, and of the name of a question
_ENTRIES: Final = ("session", "before", "done", "answers", "draft", "refused")
_MAX_FAULT: Final = 1_000  # characters of what was wrong with a text
#: The fields whose text is kept although it was refused, by the keys of their widgets.
FIELDS: Final = ("task.text", "weights")


@dataclass(frozen=True)
class Kept:
    """What a session holds. **Holds:** a_text_gives_it_back.

    state    the screen
    before   the screen from before the lesson that is taken, or None
    done     names of the lessons that are finished, sorted
    answers  (question, what was said to it), sorted; a question is "lesson.step"
    draft    the text in the editor of a cell that is not applied, or None
    refused  (field, its text, what is wrong with it): what was typed there and not taken, of `FIELDS`
    """

    state: State
    before: State | None = None
    done: tuple[str, ...] = ()
    answers: tuple[tuple[str, Given], ...] = ()
    draft: str | None = None
    refused: tuple[tuple[str, str, str], ...] = ()

    def only_here(self) -> list[str]:
        """What the address does not carry: keys of the link, and names of the other fields."""
        return [
            *left_out(self.state),
            *(name for name in _ENTRIES[1:] if getattr(self, name) not in (None, ())),
        ]


def query(entries: Mapping[str, str]) -> str:
    """The query of an address as one text, whatever the order of its entries: two are equal if the addresses are."""
    return urlencode(sorted(entries.items()), errors="replace")


def address(state: State) -> str:
    """The query that stands in the address of the page while it shows `state`."""
    return query(to_query(state))


# --- to a text and back ------------------------------------------------------------------------------------------


def written(kept: Kept) -> str:
    """The text for the browser; it may be longer than `MAX_KEPT`, and then it is not to be sent."""
    entries: dict[str, Any] = {"session": session.brief(kept.state)}
    if kept.before is not None:
        entries["before"] = session.brief(kept.before)
    if kept.done:
        entries["done"] = kept.done
    if kept.answers:
        entries["answers"] = {name: [given.choice, given.text, given.told] for name, given in kept.answers}
    if kept.draft is not None:
        entries["draft"] = kept.draft
    if kept.refused:
        entries["refused"] = kept.refused
    return json.dumps(entries, separators=(",", ":"))


def read(text: str) -> Kept:
    """What a text from the browser holds. Raises ValueError, saying what is wrong, for any that `written` has not made."""
    if len(text) > MAX_KEPT:
        raise ValueError(f"it has {len(text):,} characters; at most {MAX_KEPT:,} are kept")
    entries = session.parsed(text.encode(errors="replace"), 4 * MAX_KEPT)
    if unknown := [name for name in entries if name not in _ENTRIES]:
        raise ValueError(f"it has an entry {shown(unknown[0])} that means nothing here")
    before, done, answers = entries.get("before"), entries.get("done", []), entries.get("answers", {})
    if not (isinstance(done, list) and isinstance(answers, dict) and max(len(done), len(answers)) <= _MOST):
        raise ValueError(f"the progress in the lessons is no list of at most {_MOST}")
    return Kept(
        session.restored(_object(entries.get("session"))),
        None if before is None else session.restored(_object(before)),
        tuple(sorted({_text(name, _MAX_ANSWER) for name in done})),
        tuple(sorted(_answers(answers))),
        None if entries.get("draft") is None else _text(entries["draft"], MAX_TEXT),
        tuple(_refused(entries.get("refused", []))),
    )


def _answers(found: Mapping[str, Any]) -> Iterator[tuple[str, Given]]:
    for name, said in found.items():
        match said:
            case [None | int() as choice, str() as text, bool() as told] if choice in (None, *range(_MOST)):
                yield _text(name, _MAX_ANSWER), Given(choice, _text(text, _MAX_ANSWER), told)
            case _:
                raise ValueError(f"what was said to {shown(name)} is no answer")


def _refused(found: object) -> Iterator[tuple[str, str, str]]:
    if not isinstance(found, list) or len(found) > len(FIELDS):
        raise ValueError(f"the texts that were refused are no list of at most {len(FIELDS)}")
    for row in found:
        match row:
            case [str() as name, text, fault] if name in FIELDS:
                yield name, _text(text, MAX_KEPT), _text(fault, _MAX_FAULT)
            case _:
                raise ValueError(f"{shown(row)} is no field with its text and what is wrong with it")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a session in it is no object with named entries")
    return value


def _text(value: object, most: int) -> str:
    if (
        not isinstance(value, str)
        or len(value) > most
        or any(0xD800 <= ord(character) <= 0xDFFF for character in value)
    ):
        raise ValueError(f"{shown(value)} is no text of at most {most:,} characters")
    return value
