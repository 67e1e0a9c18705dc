"""Fields of a frozen dataclass that stand in a link, each written once: default, key, format, check and words.

    @dataclass(frozen=True)
    class Lamp:
        colour: str = linked("colour", "red", check=one_of(COLOURS), words="colour of the lamp")
        watts: float = linked("w", 40.0, formats.NUMBER)

        def __post_init__(self) -> None:
            check(self)

`written(Lamp(watts=60.0))` gives the key and the text of every field that differs from its default: ("w", "60").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from explorer.fields.formats import TEXT, Format

#: Raises ValueError for a value that the field cannot have.
Check: TypeAlias = Callable[[Any], object]
_ROW: Final = "link"


@dataclass(frozen=True)
class Linked:
    """A field under one key of a link.

    words   what a page calls the field
    """

    key: str
    format: Format[Any]
    check: Check | None
    words: str


@dataclass(frozen=True)
class Grouped:
    """A tuple of items, each under a key of its own in a link: the prefix and the item's name.

    write   the name and the text of an item
    """

    prefix: str
    write: Callable[[Any], tuple[str, str]]
    check: Check | None
    words: str


def linked(key: str, default: Any, form: Format[Any] = TEXT, *, check: Check | None = None, words: str = "") -> Any:
    """A field of a dataclass under `key` in a link; without words a page calls the field by its key."""
    return field(default=default, metadata={_ROW: Linked(key, form, check, words or key)})


def grouped(
    prefix: str, write: Callable[[Any], tuple[str, str]], *, check: Check | None = None, words: str = ""
) -> Any:
    """A field of a dataclass that holds a tuple of items, each under a key of its own in a link."""
    return field(default=(), metadata={_ROW: Grouped(prefix, write, check, words or prefix.rstrip("."))})


@cache
def rows(kind: Any) -> Mapping[str, Linked | Grouped]:
    """Name of the field -> how the field stands in a link, in the order of the class; fields of its fields are left out."""
    return MappingProxyType({entry.name: entry.metadata[_ROW] for entry in fields(kind) if _ROW in entry.metadata})


def check(value: Any) -> None:
    """Check every field of a dataclass. Raises ValueError for the first that is not allowed."""
    for name, row in rows(value.__class__).items():
        if row.check is not None:
            row.check(getattr(value, name))


def written(value: Any) -> Iterator[tuple[str, str]]:
    """The key and the text of each field that differs from its default, in the order of the class, nested classes included."""
    for entry in fields(value):
        content, row = getattr(value, entry.name), entry.metadata.get(_ROW)
        if isinstance(row, Grouped):
            for item in content:
                name, text = row.write(item)
                yield f"{row.prefix}{name}", text
        elif row is None:
            yield from written(content)
        elif content != entry.default:
            yield row.key, row.format.write(content)
