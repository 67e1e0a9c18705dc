"""The JSON text in which the browser keeps a session.

The address of the page carries most of a state. The text carries all of it, and the parts of a session beside the state: the
draft of a cell, the network from before a lesson, the progress in the lessons. The text comes back from a browser and may be
anything, so its length is checked before it is parsed, and every entry after that.
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
from explorer.teach.lesson import UserAnswer

MAX_KEPT: Final = 2_000_000  # characters; a browser grants about five million to all that a server stores in it
_MOST: Final = 500  # lessons that are finished, or questions that are answered
_MAX_ANSWER: Final = 60  # characters of an answer, and of the name of a question
_ENTRIES: Final = ("session", "before", "done", "answers", "draft", "refused")
_MAX_FAULT: Final = 1_000  # characters of the reason why a text was refused
#: The fields whose text is kept although it was refused, by the keys of their widgets.
FIELDS: Final = ("task.text", "weights")


@dataclass(frozen=True)
class Kept:
    """The content of a session. **Holds:** a_text_gives_it_back.

    Attributes:
        state: the screen.
        before: the screen from before the present lesson, or None.
        done: the names of the finished lessons, sorted.
        answers: pairs of a question, "lesson.step", and the user's answer, sorted.
        draft: the text in the editor of a cell that is not applied, or None.
        refused: triples of a field of `FIELDS`, its refused text, and the reason.
    """

    state: State
    before: State | None = None
    done: tuple[str, ...] = ()
    answers: tuple[tuple[str, UserAnswer], ...] = ()
    draft: str | None = None
    refused: tuple[tuple[str, str, str], ...] = ()

    def only_here(self) -> list[str]:
        """The parts that the address does not carry: keys of the link, and names of the other fields."""
        return [
            *left_out(self.state),
            *(name for name in _ENTRIES[1:] if getattr(self, name) not in (None, ())),
        ]


def query(entries: Mapping[str, str]) -> str:
    """The query of an address as one text, equal for equal addresses whatever the order of their entries."""
    return urlencode(sorted(entries.items()), errors="replace")


def address(state: State) -> str:
    """The query in the address of the page while it shows `state`."""
    return query(to_query(state))


# --- to a text and back ------------------------------------------------------------------------------------------


def written(kept: Kept) -> str:
    """The text for the browser; one longer than `MAX_KEPT` must not be sent."""
    entries: dict[str, Any] = {"session": session.brief(kept.state)}
    if kept.before is not None:
        entries["before"] = session.brief(kept.before)
    if kept.done:
        entries["done"] = kept.done
    if kept.answers:
        entries["answers"] = {name: [answer.choice, answer.text, answer.was_shown] for name, answer in kept.answers}
    if kept.draft is not None:
        entries["draft"] = kept.draft
    if kept.refused:
        entries["refused"] = kept.refused
    return json.dumps(entries, separators=(",", ":"))


def read(text: str) -> Kept:
    """Read a text from the browser.

    Raises:
        ValueError: if `written` cannot have made the text; the message names the fault.
    """
    if len(text) > MAX_KEPT:
        raise ValueError(f"it has {len(text):,} characters; at most {MAX_KEPT:,} are kept")
    entries = session.parsed(text.encode(errors="replace"), 4 * MAX_KEPT)
    if unknown := [name for name in entries if name not in _ENTRIES]:
        raise ValueError(f"it has an unknown entry {shown(unknown[0])}")
    before, done, answers = entries.get("before"), entries.get("done", []), entries.get("answers", {})
    if not (isinstance(done, list) and isinstance(answers, dict) and max(len(done), len(answers)) <= _MOST):
        raise ValueError(f"the progress in the lessons must be lists of at most {_MOST} entries")
    return Kept(
        session.restored(_object(entries.get("session"))),
        None if before is None else session.restored(_object(before)),
        tuple(sorted({_text(name, _MAX_ANSWER) for name in done})),
        tuple(sorted(_answers(answers))),
        None if entries.get("draft") is None else _text(entries["draft"], MAX_TEXT),
        tuple(_refused(entries.get("refused", []))),
    )


def _answers(answers: Mapping[str, Any]) -> Iterator[tuple[str, UserAnswer]]:
    for name, answer in answers.items():
        match answer:
            case [None | int() as choice, str() as text, bool() as was_shown] if choice in (None, *range(_MOST)):
                yield _text(name, _MAX_ANSWER), UserAnswer(choice, _text(text, _MAX_ANSWER), was_shown)
            case _:
                raise ValueError(f"the entry for the question {shown(name)} is no answer")


def _refused(rows: object) -> Iterator[tuple[str, str, str]]:
    if not isinstance(rows, list) or len(rows) > len(FIELDS):
        raise ValueError(f"the refused texts must be a list of at most {len(FIELDS)}")
    for row in rows:
        match row:
            case [str() as name, text, fault] if name in FIELDS:
                yield name, _text(text, MAX_KEPT), _text(fault, _MAX_FAULT)
            case _:
                raise ValueError(f"{shown(row)} is no field with its text and the reason why it was refused")


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("a session in it must be an object with named entries")
    return value


def _text(value: object, most: int) -> str:
    if (
        not isinstance(value, str)
        or len(value) > most
        or any(0xD800 <= ord(character) <= 0xDFFF for character in value)
    ):
        raise ValueError(f"{shown(value)} must be a text of at most {most:,} characters")
    return value
