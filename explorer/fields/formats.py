"""The formats of values in a link: how each kind is read, with a message about a text of another kind, and written."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from engine.language import MAX_TEXT

T = TypeVar("T")


@dataclass(frozen=True)
class Format(Generic[T]):
    """How values of a kind stand in a link.

    read    the value of a text; raises ValueError for a text that is none
    write   the text of a value
    """

    read: Callable[[str], T]
    write: Callable[[T], str]


def joined(values: Iterable[object]) -> str:
    """Values with commas between them."""
    return ",".join(map(_short, values))


def _short(value: object) -> str:
    """A number as Python writes it, a whole one without its fraction."""
    return repr(value).removesuffix(".0")


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text, re.ASCII):
        raise ValueError("a whole number is needed")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", text, re.ASCII):
        raise ValueError("a number is needed")
    return float(text)


def _truth(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 or 1 is needed")
    return text == "1"


def _pair(text: str) -> tuple[int, int]:
    if text.count(",") != 1:
        raise ValueError("two whole numbers with a comma are needed")
    first, last = text.split(",")
    return _whole(first), _whole(last)


def _ends(text: str) -> tuple[float, float]:
    if text.count(",") != 1:
        raise ValueError("two numbers with a comma are needed")
    low, high = map(_number, text.split(","))
    return low, high


def _place(text: str) -> tuple[str, int]:
    name, comma, step = text.rpartition(",")
    if not comma:
        raise ValueError("a name and a step with a comma are needed")
    return name, _whole(step)


def packed(text: str) -> str:
    """A text, compressed, in characters that a link carries unchanged."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpacked(code: str) -> str:
    """The text from which `packed` made a code.

    Raises ValueError for any other code, and never makes more characters than the text of a cell may have.
    """
    if len(code) > 2 * MAX_TEXT or not re.fullmatch(r"[\w-]+", code, re.ASCII):
        raise ValueError("it is no packed text")
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)), 4 * MAX_TEXT)
        text = raw.decode()
    except (zlib.error, binascii.Error, UnicodeDecodeError):
        raise ValueError("it is no packed text") from None
    if not reader.eof or reader.unused_data or len(text) > MAX_TEXT:
        raise ValueError(f"it is cut off, or more than a text of at most {MAX_TEXT:,} characters")
    return text


def optional(form: Format[T]) -> Format[T | None]:
    """The format of a value that may be missing, which is written as an empty text and read by leaving the key out."""
    return Format(form.read, lambda value: "" if value is None else form.write(value))


TEXT: Final = Format[str](str, str)
WHOLE: Final = Format[int](_whole, str)
NUMBER: Final = Format[float](_number, _short)
TRUTH: Final = Format[bool](_truth, lambda value: str(int(value)))
PACKED: Final = Format[str](unpacked, packed)
#: Two whole numbers, two numbers, a name with a step.
PAIR: Final = Format[tuple[int, int]](_pair, joined)
ENDS: Final = Format[tuple[float, float]](_ends, joined)
PLACE: Final = Format[tuple[str, int]](_place, lambda place: f"{place[0]},{place[1]}")
NUMBERS: Final = Format[tuple[float, ...]](lambda text: tuple(map(_number, text.split(","))), joined)
NAMES: Final = Format[tuple[str, ...]](lambda text: tuple(filter(None, dict.fromkeys(text.split(",")))), ",".join)
LISTED: Final = Format[tuple[str, ...]](lambda text: tuple(text.split(",")), ",".join)
COLUMNS: Final = Format[tuple[str, ...]](lambda text: tuple(text.split("|")), "|".join)

#: Kind of a setting -> the format of its values.
OF_KIND: Final[dict[str, Format[Any]]] = {
    "int": WHOLE, "float": NUMBER, "bool": TRUTH, "choice": TEXT, "text": TEXT,
}  # fmt: skip
