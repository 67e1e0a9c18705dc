"""Checks of values that several fields share; each is a function that raises ValueError for a value that is not allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from engine.support import shown

#: Characters of the name of a node: a name of a text has at most 40, and a call inside its line adds that of its function.
LONGEST_NAME: Final = 60


def is_name(value: str) -> bool:
    """Whether a text can be the name of a node or of a parameter; whether a network has it is not known here."""
    return value.isidentifier() and len(value) <= LONGEST_NAME


def encodable(text: str) -> bool:
    """Whether a text has no lone surrogates, which cannot be encoded and so cannot be sent."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def one_of(known: Collection[str], what: str = "") -> Callable[[str], None]:
    """The check that a value is one of those that are known; `what` says in the message which field it is of."""

    def check(value: str) -> None:
        if value not in known:
            raise ValueError(f"{what} {shown(value)} is not known; one of {', '.join(known)}".lstrip())

    return check


def all_of(known: Collection[str]) -> Callable[[Collection[str]], None]:
    """The check that each of several values is one of those that are known."""
    check_each = one_of(known)

    def check(values: Collection[str]) -> None:
        for value in values:
            check_each(value)

    return check


def name_or_empty(value: str) -> None:
    """Check a name that may be left out."""
    if value and not is_name(value):
        raise ValueError(f"{shown(value)} is no name")
