"""Numbers as people write and copy them: decimal commas, thousands, typographic minus, fractions, percents, printed arrays.

`read` takes a whole paste, `read_cells` entries that are apart already. Whether `1,234` is 1234 or 1.234 is decided by the
other numbers beside it; where these do not tell, what was chosen is said. What is not read is named, with the reason.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from engine.support.arguments import shown

#: The decimal sign.
Point: TypeAlias = Literal[".", ","]

MAX_CHARACTERS: Final = 1_000_000  # of a paste
MAX_ENTRY: Final = 400  # characters of one number
_MOST_NAMED: Final = 3  # entries that a remark names

_MINUS: Final = "−–—‐‑‒﹣－"
_SPACES: Final = "\u00a0\u2007\u2009\u202f"  # as they stand between thousands
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SIGNS: Final = str.maketrans(
    dict.fromkeys(_MINUS, "-")
    | dict.fromkeys(_SPACES, " ")
    | {"’": "'", "⁄": "/", "∕": "/", "×": "*", "·": "*", "⋅": "*"}
)
_NO_NUMBER: Final = "is no number: write it such as -0.5, 1e-3, 1/2 or 50%"


@dataclass(frozen=True)
class Complaint:
    """An entry that was not read: its row and its place in it, counted from 0, what it is, and why it is no number."""

    row: int
    column: int
    entry: str
    reason: str

    def __str__(self) -> str:
        return f"{shown(self.entry) if self.entry.strip() else 'the entry'} {self.reason}"


@dataclass(frozen=True)
class Numbers:
    """What was read.

    rows        the numbers, row by row, None where an entry was not read; rows need not be equally long
    complaints  a row for each entry that was not read
    remarks     in words, how a notation was read that can be read in more than one way
    """

    rows: tuple[tuple[float | None, ...], ...]
    complaints: tuple[Complaint, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def flat(self) -> tuple[float | None, ...]:
        """All entries in order."""
        return tuple(number for row in self.rows for number in row)


def read(text: str, usual: Point | None = None) -> Numbers:
    """The numbers of a paste: of a spreadsheet, of numpy's print, of a list in Python, of a line of text.

    Args:
        text: lines, or brackets, are rows; within them tabs, semicolons, commas or spaces stand between the numbers.
        usual: the decimal sign where the numbers do not tell.

    Raises ValueError for a text of more than `MAX_CHARACTERS`.
    **Holds:** every_notation_is_read, what_is_printed_is_read, nothing_is_read_as_another_number.
    """
    cells, commas = _cut(text)
    found = read_cells(cells, usual)
    remark = f"The comma in {shown(commas)} was read as a decimal sign; a space after it separates two numbers."
    return Numbers(found.rows, found.complaints, (*([remark] if commas else ()), *found.remarks))


def entries(text: str) -> list[list[str]]:
    """The entries of a paste, row by row, each as it was written. Raises ValueError as `read` does."""
    return _cut(text)[0]


def read_cells(cells: Sequence[Sequence[str]], usual: Point | None = None) -> Numbers:
    """The numbers of entries that are apart already, such as those of a table; arguments and result as for `read`."""
    readings = [[_readings(entry) for entry in row] for row in cells]
    told = {next(iter(r)) for row in readings for r in row if isinstance(r, dict) and len(r) == 1}
    unclear = [
        (cells[i][j], r)
        for i, row in enumerate(readings)
        for j, r in enumerate(row)
        if isinstance(r, dict) and len(r) == 2 and r["."] != r[","]
    ]
    point = next(iter(told)) if len(told) == 1 else None if told else usual or _likely(unclear, readings)
    complaints: list[Complaint] = []

    def number(i: int, j: int) -> float | None:
        found = readings[i][j]
        if isinstance(found, dict):
            values = set(found.values())
            if len(values) == 1:
                return values.pop()
            if point is not None:
                return found[point]
            found = (
                f"may be {found['.']:.15g} or {found[',']:.15g}, and the numbers beside it do not tell: write it without a"
                " separator of thousands"
            )
        complaints.append(Complaint(i, j, cells[i][j], found))
        return None

    rows = tuple(tuple(number(i, j) for j in range(len(row))) for i, row in enumerate(readings))
    return Numbers(rows, tuple(complaints), _remarks(unclear, point, bool(told)))


def number(entry: str, usual: Point | None = None) -> float:
    """One number. Raises ValueError with the reason if it is none, or cannot be told."""
    found = read_cells([[entry]], usual)
    if found.complaints:
        raise ValueError(str(found.complaints[0]))
    value = found.rows[0][0]
    assert value is not None
    return value


def is_number(entry: str) -> bool:
    """Whether an entry is a number in some notation."""
    return isinstance(_readings(entry), dict)


def is_word(entry: str) -> bool:
    """Whether an entry is no number in any notation, nor stands for one that is missing or not finite."""
    return _readings(entry) == _NO_NUMBER


def _likely(
    unclear: Sequence[tuple[str, dict[Point, float]]], readings: Sequence[Sequence[dict[Point, float] | str]]
) -> Point | None:
    """The decimal sign of numbers of which each could have either: 1.234 has a point; of 1,234 the company tells."""
    signs = {"." if "." in entry else "," for entry, _ in unclear}
    if len(signs) != 1:
        return None
    if signs == {"."}:
        return "."
    # Decimals of three digits each have a comma in every number; thousands only in those that are large enough.
    count = sum(isinstance(r, dict) for row in readings for r in row)
    return "," if len(unclear) == count else "."


def _remarks(unclear: Sequence[tuple[str, dict[Point, float]]], point: Point | None, told: bool) -> tuple[str, ...]:
    """How those entries were read that could be read in two ways; none where the point is the decimal sign of all."""
    odd = list(dict.fromkeys((entry, r[point], r["," if point == "." else "."]) for entry, r in unclear if point))
    odd = [row for row in odd if "." not in row[0] or point == ","]
    if told and point == ",":
        odd = [row for row in odd if "." in row[0]]  # commas are decimal signs throughout
    if not odd:
        return ()
    named = ", ".join(f"{shown(entry)} as {value:.15g}" for entry, value, _ in odd[:_MOST_NAMED])
    more = f" and {len(odd) - _MOST_NAMED} more so" if len(odd) > _MOST_NAMED else ""
    sign = {".": "point", ",": "comma"}[point or "."]
    why = f"the {sign} is the decimal sign of the others" if told else f"the {sign} was taken for the decimal sign"
    entry, _, other = odd[0]
    return (
        f"Read {named}{more}: {why}. If {shown(entry)} is {other:.15g}, write {f'{other:.15g}'.replace('.', point or '.')}.",
    )


# --- one entry ---------------------------------------------------------------------------------------------------


def _mantissa(point: str) -> re.Pattern[str]:
    other = "," if point == "." else "."
    grouped = rf"[1-9]\d{{0,2}}([{other}' _])\d{{3}}(?:\1\d{{3}})*"
    return re.compile(rf"(?=[.,]?\d)(?:{grouped}|\d*)(?:\{point}\d*)?", re.ASCII)


_MANTISSA: Final[dict[Point, re.Pattern[str]]] = {".": _mantissa("."), ",": _mantissa(",")}
_EXPONENT: Final = re.compile(
    r"(.*?)(?:[eE]([+-]?\d{1,9})| ?\* ?10(?:\^|\*\*)\(?([+-]?\d{1,9})\)?)?", re.ASCII | re.DOTALL
)
_POWER: Final = re.compile(r"10(?:\^|\*\*)\(?([+-]?\d{1,9})\)?", re.ASCII)
_FRACTION: Final = re.compile(r"(?:(\d{1,300}) )?([^/]+?) ?/ ?([^/]+)", re.ASCII)


def _readings(entry: str) -> dict[Point, float] | str:
    """What an entry is with a decimal point and with a decimal comma, as far as it is a number so; or why it is none."""
    text = entry.strip()
    if not text:
        return "is empty: give a number"
    if len(text) > MAX_ENTRY:
        return f"is too long: a number has at most {MAX_ENTRY} characters"
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda run: f"^{run[0].translate(_SUPERSCRIPTS)}", text)
    text = "".join(map(_unfolded, text)).strip().translate(_SIGNS)
    if re.fullmatch(r"\.{3,}|…", text):
        return (
            "stands for numbers that were left out when they were printed: print all of them, in numpy after"
            " numpy.set_printoptions(threshold=10**6)"
        )
    if re.fullmatch(r"[+-]?(nan|inf(inity)?|∞|n/?a|null|none)", text, re.IGNORECASE):
        return "is no finite number: every number must be finite"
    sign, rest = (-1.0 if text[0] == "-" else 1.0), (text[1:] if text[0] in "+-" else text).strip()
    found: dict[Point, float] = {}
    for point in _MANTISSA:
        try:
            value = _fraction(rest, point)
        except ZeroDivisionError:
            return "divides by zero"
        if value is not None:
            found[point] = sign * value
    if not found:
        return _NO_NUMBER
    if not all(map(math.isfinite, found.values())):
        return "is too large: give a number below 1.8e308"
    return found


def _unfolded(character: str) -> str:
    """½ as 1/2, with a space before it, so that 1½ is 1 1/2; any other character as it is."""
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    return f" {''.join(chr(int(code, 16)) for code in codes)}" if kind == "<fraction>" else character


def _fraction(text: str, point: Point) -> float | None:
    """A number without its sign, or two with a stroke between, and perhaps a whole number before them: 1 1/2."""
    whole = _FRACTION.fullmatch(text)
    if whole is None:
        return _decimal(text, point)
    above, below = _decimal(whole[2], point), _decimal(whole[3], point)
    if above is None or below is None or "%" in text:
        return None
    return float(whole[1] or 0) + above / below


def _decimal(text: str, point: Point) -> float | None:
    """A number without its sign; Python rounds it, from all its digits, once."""
    shift = 0
    if text[-1:] in ("%", "‰"):
        text, shift = text[:-1].rstrip(), -2 if text[-1] == "%" else -3
    if power := _POWER.fullmatch(text):
        return float(f"1e{int(power[1]) + shift}")
    parts = _EXPONENT.fullmatch(text)
    if parts is None or not _MANTISSA[point].fullmatch(parts[1]):
        return None
    other = "," if point == "." else "."
    digits = re.sub(f"[{other}' _]", "", parts[1]).replace(point, ".")
    return float(f"{digits}e{int(parts[2] or parts[3] or 0) + shift}")


# --- a paste into entries ----------------------------------------------------------------------------------------

#: What Python, numpy and PyTorch write around their numbers.
_SCALAR: Final = re.compile(r"\b(?:np\.|numpy\.)?(?:float|int|uint)\d{0,3}\(([^()]{0,60})\)")
_CALLED: Final = re.compile(r"\b(?:(?:np|numpy|torch|jnp)\.)?(?:array|tensor|matrix)(?=\()", re.IGNORECASE)
_OPTION: Final = re.compile(
    r"\b(?:dtype|device|requires_grad|grad_fn|shape|size) ?= ?(?:'[^']{0,60}'|<[^>]{0,60}>|\([^)]{0,60}\)|[\w.:]{1,60})"
)
#: What stands between brackets; those of a function of one number, such as sqrt(2), part nothing: it is one entry.
_ROW: Final = re.compile(r"(?:[^\[\](){}]|(?<=[^\W\d])\([^\[\](){},;\s]{0,60}\))+")
_THOUSANDS: Final = re.compile(rf"(?<=\d)[{_SPACES}](?=\d{{3}}(?!\d))", re.ASCII)


def _cut(text: str) -> tuple[list[list[str]], str]:
    """The entries of a paste, row by row; and an entry whose comma could have stood between two numbers, or ""."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(
            f"{len(text):,} characters of numbers; at most {MAX_CHARACTERS:,} are read: give a part of them"
        )
    text = _CALLED.sub("", _SCALAR.sub(r"\1", text.removeprefix("\ufeff")))
    text = _OPTION.sub("", text)
    text = _THOUSANDS.sub("_", text).translate(dict.fromkeys(map(ord, _SPACES), " "))
    if re.search(r"[\[\](){}]", text):
        rows = [row for part in _ROW.findall(text) for row in part.split(";")]
        rows = [" ".join(row.split()).strip(", ") for row in rows]
        tight = any(" " in row for row in rows) and not any(", " in row or " ," in row for row in rows)
        return [_apart(row, not tight) for row in rows if row], ""
    lines = [line for line in re.split(r"\r\n|[\r\n]", text) if line.strip()]
    if any("\t" in line for line in lines):
        return [[entry.strip() for entry in line.split("\t")] for line in lines], ""
    if any(";" in line for line in lines):
        parts = [[part for part in line.rstrip("; ").split(";")] for line in lines]
        if all(is_number(part) or not part.strip() for row in parts for part in row):
            return [[part.strip() for part in row] for row in parts], ""
        lines = [part for row in parts for part in row if part.strip()]
    words = [line.split() for line in lines]
    separate = re.search(r",\s|\s,|,$", "\n".join(line.strip() for line in lines), re.MULTILINE) is not None
    separate = separate or any("," in word and not is_number(word) for row in words for word in row)
    alone = not separate and all(len(row) == 1 for row in words)
    comma = next((row[0] for row in words if alone and "," in row[0] and len(_readings(row[0])) == 1), "")
    return [_apart(line, separate) for line in lines], comma


def _apart(line: str, commas: bool) -> list[str]:
    """The entries of a row, with spaces between them and, if so, commas."""
    if not commas:
        return line.split()
    parts = [part.strip() for part in line.strip().strip(",").split(",")]
    return [word for part in parts for word in (part.split() or [""])]
