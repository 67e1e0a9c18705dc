"""Numbers as people write and copy them: decimal commas, thousands, typographic minus, fractions, percents, printed arrays.

`read` takes a whole paste, `read_cells` entries that are separated already. The numbers beside it decide whether `1,234` is 1234
or 1.234; if they leave it open, a remark names the choice. A complaint names each entry that was not read, with the reason.
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
    """An entry that was not read.

    Attributes:
        row: its row, from 0.
        column: its place in the row, from 0.
        entry: its text.
        reason: why it is no number, to follow the text in a sentence.
    """

    row: int
    column: int
    entry: str
    reason: str

    def __str__(self) -> str:
        """Write the entry and the reason as a sentence without a full stop."""
        return f"{shown(self.entry) if self.entry.strip() else 'the entry'} {self.reason}"


@dataclass(frozen=True)
class Numbers:
    """The numbers of a text.

    Attributes:
        rows: the numbers, row by row, None for an entry that was not read; rows may differ in length.
        complaints: one for each entry that was not read.
        remarks: for each ambiguous notation a sentence on how it was read.
    """

    rows: tuple[tuple[float | None, ...], ...]
    complaints: tuple[Complaint, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def flat(self) -> tuple[float | None, ...]:
        """All entries in order."""
        return tuple(number for row in self.rows for number in row)


def read(text: str, usual: Point | None = None) -> Numbers:
    """Read a paste: cells of a spreadsheet, a printed array of numpy, a list of Python, or a line of text.

    Args:
        text: lines, or brackets, are rows; within them tabs, semicolons, commas or spaces separate the numbers.
        usual: the decimal sign of numbers that could have either.

    Returns:
        The numbers, complaints and remarks.

    Raises:
        ValueError: for a text of more than `MAX_CHARACTERS`.

    **Holds:** every_notation_is_read, what_is_printed_is_read, nothing_is_read_as_another_number.
    """
    cells, commas = _cut(text)
    numbers = read_cells(cells, usual)
    remark = f"The comma in {shown(commas)} was read as a decimal sign; a space after it separates two numbers."
    return Numbers(numbers.rows, numbers.complaints, (*([remark] if commas else ()), *numbers.remarks))


def entries(text: str) -> list[list[str]]:
    """Separate the entries of a paste, row by row, each as it is written; raises ValueError as `read` does."""
    return _cut(text)[0]


def read_cells(cells: Sequence[Sequence[str]], usual: Point | None = None) -> Numbers:
    """Read entries that are separated already, such as those of a table.

    Args:
        cells: the entries, row by row.
        usual: the decimal sign of numbers that could have either.

    Returns:
        The numbers, complaints and remarks.
    """
    readings = [[_readings(entry) for entry in row] for row in cells]
    certain = {next(iter(r)) for row in readings for r in row if isinstance(r, dict) and len(r) == 1}
    unclear = [
        (cells[i][j], r)
        for i, row in enumerate(readings)
        for j, r in enumerate(row)
        if isinstance(r, dict) and len(r) == 2 and r["."] != r[","]
    ]
    point = next(iter(certain)) if len(certain) == 1 else None if certain else usual or _likely(unclear, readings)
    complaints: list[Complaint] = []

    def number(i: int, j: int) -> float | None:
        reading = readings[i][j]
        if isinstance(reading, dict):
            values = set(reading.values())
            if len(values) == 1:
                return values.pop()
            if point is not None:
                return reading[point]
            reading = (
                f"may be {reading['.']:.15g} or {reading[',']:.15g}, and the numbers beside it do not tell: write it without a"
                " separator of thousands"
            )
        complaints.append(Complaint(i, j, cells[i][j], reading))
        return None

    rows = tuple(tuple(number(i, j) for j in range(len(row))) for i, row in enumerate(readings))
    return Numbers(rows, tuple(complaints), _remarks(unclear, point, bool(certain)))


def number(entry: str, usual: Point | None = None) -> float:
    """Read one number.

    Args:
        entry: its text.
        usual: the decimal sign of a number that could have either.

    Returns:
        The number.

    Raises:
        ValueError: if the entry is no number, or ambiguous; the message has the reason.
    """
    numbers = read_cells([[entry]], usual)
    if numbers.complaints:
        raise ValueError(str(numbers.complaints[0]))
    value = numbers.rows[0][0]
    assert value is not None
    return value


def is_number(entry: str) -> bool:
    """Whether an entry is a number in any notation."""
    return isinstance(_readings(entry), dict)


def is_word(entry: str) -> bool:
    """Whether an entry is no number in any notation, and no sign of a missing or infinite one."""
    return _readings(entry) == _NO_NUMBER


def _likely(
    unclear: Sequence[tuple[str, dict[Point, float]]], readings: Sequence[Sequence[dict[Point, float] | str]]
) -> Point | None:
    """Guess the decimal sign of numbers that could have either: a point in 1.234; in 1,234 the other numbers decide."""
    signs = {"." if "." in entry else "," for entry, _ in unclear}
    if len(signs) != 1:
        return None
    if signs == {"."}:
        return "."
    # Numbers with three decimals each have a comma in every number; thousands have one only in large numbers.
    count = sum(isinstance(r, dict) for row in readings for r in row)
    return "," if len(unclear) == count else "."


def _remarks(unclear: Sequence[tuple[str, dict[Point, float]]], point: Point | None, certain: bool) -> tuple[str, ...]:
    """A sentence on how ambiguous entries were read; none if the point is the decimal sign throughout."""
    odd = list(dict.fromkeys((entry, r[point], r["," if point == "." else "."]) for entry, r in unclear if point))
    odd = [row for row in odd if "." not in row[0] or point == ","]
    if certain and point == ",":
        odd = [row for row in odd if "." in row[0]]  # commas are decimal signs throughout
    if not odd:
        return ()
    named = ", ".join(f"{shown(entry)} as {value:.15g}" for entry, value, _ in odd[:_MOST_NAMED])
    more = f" and {len(odd) - _MOST_NAMED} more so" if len(odd) > _MOST_NAMED else ""
    sign = {".": "point", ",": "comma"}[point or "."]
    why = f"the {sign} is the decimal sign of the others" if certain else f"the {sign} was taken for the decimal sign"
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
    """The number that an entry is with each decimal sign, where it is one; or the reason why it is none."""
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
    values: dict[Point, float] = {}
    for point in _MANTISSA:
        try:
            value = _fraction(rest, point)
        except ZeroDivisionError:
            return "divides by zero"
        if value is not None:
            values[point] = sign * value
    if not values:
        return _NO_NUMBER
    if not all(map(math.isfinite, values.values())):
        return "is too large: give a number below 1.8e308"
    return values


def _unfolded(character: str) -> str:
    """Write ½ as 1/2 with a space before it, so that 1½ becomes 1 1/2; other characters stay."""
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    return f" {''.join(chr(int(code, 16)) for code in codes)}" if kind == "<fraction>" else character


def _fraction(text: str, point: Point) -> float | None:
    """Read a number without its sign, or a fraction, which may follow a whole number: 1 1/2."""
    whole = _FRACTION.fullmatch(text)
    if whole is None:
        return _decimal(text, point)
    above, below = _decimal(whole[2], point), _decimal(whole[3], point)
    if above is None or below is None or "%" in text:
        return None
    return float(whole[1] or 0) + above / below


def _decimal(text: str, point: Point) -> float | None:
    """Read a number without its sign; all its digits go to Python, which rounds once."""
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

#: Text that Python, numpy and PyTorch write around their numbers.
_SCALAR: Final = re.compile(r"\b(?:np\.|numpy\.)?(?:float|int|uint)\d{0,3}\(([^()]{0,60})\)")
_CALLED: Final = re.compile(r"\b(?:(?:np|numpy|torch|jnp)\.)?(?:array|tensor|matrix)(?=\()", re.IGNORECASE)
_OPTION: Final = re.compile(
    r"\b(?:dtype|device|requires_grad|grad_fn|shape|size) ?= ?(?:'[^']{0,60}'|<[^>]{0,60}>|\([^)]{0,60}\)|[\w.:]{1,60})"
)
#: The text between brackets; a function of one number, such as sqrt(2), is one entry.
_ROW: Final = re.compile(r"(?:[^\[\](){}]|(?<=[^\W\d])\([^\[\](){},;\s]{0,60}\))+")
_THOUSANDS: Final = re.compile(rf"(?<=\d)[{_SPACES}](?=\d{{3}}(?!\d))", re.ASCII)


def _cut(text: str) -> tuple[list[list[str]], str]:
    """The entries of a paste, row by row, and an entry whose comma might separate two numbers, or ""."""
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
    """Separate the entries of a row at spaces and, if asked, at commas."""
    if not commas:
        return line.split()
    parts = [part.strip() for part in line.strip().strip(",").split(",")]
    return [word for part in parts for word in (part.split() or [""])]
