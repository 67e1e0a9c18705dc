"""The values of a link as text: how each kind is read, with a message for what it cannot be, and how it is written."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from engine.inputs import SCHEMES, Scheme
from engine.language import MAX_TEXT
from engine.verify import Asked
from explorer.experiments.knob import Turn
from explorer.model import Edits, Value


def whole(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text, re.ASCII):
        raise ValueError("a whole number is needed")
    return int(text)


def number(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", text, re.ASCII):
        raise ValueError("a number is needed")
    return float(text)


def truth(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 or 1 is needed")
    return text == "1"


def pair(text: str) -> tuple[int, int]:
    if text.count(",") != 1:
        raise ValueError("two whole numbers with a comma are needed")
    first, last = text.split(",")
    return whole(first), whole(last)


def factor(text: str) -> tuple[float, float]:
    factor, comma, added = text.partition(",")
    return number(factor), number(added) if comma else 0.0


def node(text: str) -> tuple[str, int]:
    name, comma, step = text.rpartition(",")
    if not comma:
        raise ValueError("a name and a step with a comma are needed")
    return name, whole(step)


def knob(text: str) -> Turn:
    kind, of, centre, *index = [*text.split(","), "", ""][: max(text.count(",") + 1, 3)]
    return Turn(kind, of, number(centre), tuple(map(whole, index)))


def knob_written(turn: Turn | None) -> str:
    return ",".join([turn.kind, turn.of, short(turn.centre), *map(str, turn.index)]) if turn else ""


def side(text: str) -> Turn:
    kind, of, *index = [*text.split(","), ""][: max(text.count(",") + 1, 2)]
    return Turn(kind, of, 1.0, tuple(map(whole, index)))


def side_written(turn: Turn | None) -> str:
    return ",".join([turn.kind, turn.of, *map(str, turn.index)]) if turn else ""


def ends(text: str) -> tuple[float, float]:
    if text.count(",") != 1:
        raise ValueError("two numbers with a comma are needed")
    low, high = map(number, text.split(","))
    return low, high


def asked(text: str) -> Asked:
    kind, name, step, of = [*text.split(","), "", ""][:4] if 2 <= text.count(",") <= 3 else ["", "", "", ""]
    return Asked(kind, name, whole(step) if step else None, of)  # type: ignore[arg-type]  # checked by the view


def asked_written(asked: Asked | None) -> str:
    if asked is None:
        return ""
    parts = [asked.kind, asked.name, "" if asked.t is None else str(asked.t), *([asked.of] if asked.of else [])]
    return ",".join(parts)


def packed(text: str) -> str:
    """A text, compressed, in characters that a link carries as they are."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpacked(code: str) -> str:
    """What `packed` was given. Raises ValueError for anything else, and never makes more than a cell may have."""
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


def edits_written(edits: Edits) -> str:
    return ";".join(f"{name}{list(index)}={value!r}".replace(" ", "") for (name, index), value in edits)


def edits(text: str) -> Edits:
    found = []
    for part in text.split(";"):
        entry = re.fullmatch(r"(\w{1,60})\[(\d{1,7}(?:,\d{1,7}){0,2})\]=(.{1,40})", part, re.ASCII)
        if entry is None:
            raise ValueError("entries such as W[0,1]=0.5 with semicolons between are needed")
        name, index, value = entry.groups()
        entered = int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else number(value)
        found.append(((name, tuple(map(int, index.split(",")))), entered))
    return tuple(found)


def scheme(text: str) -> Scheme:
    name, *parts = text.split(",")
    numbers = {key: number(value) for key, _, value in (part.partition(":") for part in parts)}
    known = {setting.name for setting in SCHEMES[name].settings} if name in SCHEMES else set()
    if name in SCHEMES and not numbers.keys() <= known:
        raise ValueError(f"{SCHEMES[name].title} has {', '.join(sorted(known)) or 'no number'}")
    return Scheme(name, **numbers) if name in SCHEMES else Scheme(name)


def scheme_written(scheme: Scheme) -> str:
    numbers = [
        (setting.name, getattr(scheme, setting.name), setting.default) for setting in SCHEMES[scheme.name].settings
    ]
    return ",".join([scheme.name, *(f"{name}:{short(value)}" for name, value, usual in numbers if value != usual)])


def short(value: object) -> str:
    return repr(value).removesuffix(".0")


def listed(values: Iterable[object]) -> str:
    return ",".join(map(short, values))


READ: Final[Mapping[str, Callable[[str], Value]]] = {
    "int": whole, "float": number, "bool": truth, "choice": str, "text": str,
}  # fmt: skip
