"""Tables of the user: the text of a CSV file, its columns and numbers."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Final, TypeAlias

import numpy as np

from engine.inputs.numbers import Point, is_number, is_word, read_cells
from engine.inputs.setting import Setting
from engine.inputs.tasks.targets import are_words, count, targets_of
from engine.inputs.tasks.task import MAX_STEPS, MAX_TABLE_BYTES, MAX_UNITS, Array, Task, every_step, step_numbers, task
from engine.support.arguments import shown

_COLUMN: Final = re.compile(r"([xy])([1-9]\d{0,5})?|weight", re.ASCII)
_SEPARATORS: Final = (";", "\t", ",")  # a tie goes to the first: in 0,5;1,5 the comma is the decimal one
_EXAMPLE: Final = "x1,x2,y\n0.5,-1.0,0\n-0.2,0.3,1\n0.9,0.1,1\n-0.7,0.8,0\n"

Text: TypeAlias = Annotated[
    str,
    Setting("Table (CSV)", "text", lower=0, upper=MAX_TABLE_BYTES, help="Columns x1, x2, … and y or y1, y2, …"),
]
Targets: TypeAlias = Annotated[
    str,
    Setting(
        "Targets",
        "choice",
        choices=(
            ("auto", "Taken by their look"),
            ("classes", "Classes"),
            ("real", "Real numbers"),
            ("shares", "Shares that sum to 1"),
        ),
        help="Classes and shares are compared with a softmax by its log-likelihood, real numbers by their squared error.",
    ),
]


@task("A table of your own")
def table(
    text: Text = _EXAMPLE,
    targets: Targets = "auto",
) -> Task:
    """Inputs and targets from a table: columns x1, x2, … and y or y1, y2, …, one row per step, one sample.

    x is (T, 1, n_x). `targets` decides the kind of y, and a note of the task names it.

    "classes"  y (T, 1): the different numbers of one column in ascending order, or its different words in the order of their
               first appearance; of several columns of 0 and 1 the one with the 1.
    "shares"   y (T, 1, n_y): several columns without negative entries whose sum is 1 in each row, up to rounding.
    "real"     y (T, 1, n_y).
    "auto"     Shares if the columns allow it. A single column `y` is classes if it has words; if its whole numbers are 0 and 1,
               or −1 and 1; or if they begin at 0 or 1, skip fewer numbers than they have, and some occur in several rows (or
               there are at most three). All other columns are real.

    A column `weight` gives the weights; they are all 1 without it. Columns may stand in any order; `x` alone is x1. The separator
    is the most frequent of comma, tab and semicolon in the first line. `engine.inputs.numbers.read_cells` reads the numbers. A
    byte order mark and empty lines are skipped.

    Raises:
        ValueError: for any other text; the message has the line and the column, if there is one.

    **Holds:** tables_read_back, each_bad_table_is_told, any_text_is_read_or_a_value_error, targets_are_what_they_look_like.
    """
    columns, lines, cells = _cells(text)
    steps = len(cells)
    xs, ys = (sorted((name for name in columns if name[0] == letter), key=_index) for letter in "xy")
    places = [columns.index(name) for name in ys]
    wanted = [[row[place] for place in places] for row in cells]
    words = targets in ("auto", "classes") and len(ys) == 1 and are_words(wanted, targets == "classes")
    read = [i for i in range(len(columns)) if not (words and i in places)]
    numbers, remarks = _numbers(cells, lines, columns, read, _usual(text))
    values = dict(zip((columns[i] for i in read), numbers.T, strict=True))
    y, more = targets_of(
        ys, wanted, lines, None if words else np.stack([values[name] for name in ys], axis=-1), targets
    )
    names, n = more.get("classes", ()), len(ys)
    more["notes"] += remarks
    asked = {
        2: f"name one of {count(len(names), 'class')}",
        3: f"give the shares of {n} classes" if more.get("shares") else f"predict {count(n, 'real number')}",
    }[y.ndim]
    where = f"each of {steps} steps" if steps > 1 else "the one step"
    return Task(
        x=np.stack([values[name] for name in xs], axis=-1)[:, None],
        y=y,
        weights=values["weight"] if "weight" in columns else every_step(steps),
        labels=step_numbers(steps),
        sentence=f"From {count(len(xs), 'number')} a step, {asked} at {where}, as the table has it.",
        source="The user's own table",
        inputs=tuple(xs),
        outputs=() if names else tuple(ys),
        **more,
    )


def _usual(text: str) -> Point | None:
    """The decimal sign that the separator suggests for ambiguous numbers: a comma if semicolons separate the cells."""
    usual: dict[str, Point | None] = {";": "," if "," in text else ".", ",": "."}
    return usual.get(_separator(text))


def _numbers(
    cells: Sequence[Sequence[str]],
    lines: Sequence[int],
    columns: Sequence[str],
    read: Sequence[int],
    usual: Point | None,
) -> tuple[Array, tuple[str, ...]]:
    """The numbers of some columns, (T, columns), and remarks on ambiguous ones; raises ValueError for the first that is none."""
    cells_read = read_cells([[row[i] for i in read] for row in cells], usual)
    if cells_read.complaints:
        first = cells_read.complaints[0]
        name = columns[read[first.column]]
        word = "; words are read where targets are classes" * (name[0] == "y" and is_word(first.entry))
        more = f" ({count(len(cells_read.complaints) - 1, 'other entry')} too)" * (len(cells_read.complaints) > 1)
        raise ValueError(f"table, line {lines[first.row]}, column {name}: {first}{word}{more}")
    return np.array(cells_read.rows, dtype=np.float64), cells_read.remarks


def _cells(text: str) -> tuple[list[str], list[int], list[list[str]]]:
    """The names of the columns, and the line number and the cells of each row below them."""
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_TABLE_BYTES:
        raise ValueError(f"table: {size:,} bytes, at most {MAX_TABLE_BYTES:,} are allowed: give fewer rows")
    rows = _rows(text.removeprefix("\ufeff"))
    line, header = next(rows, (0, []))
    if not header:
        raise ValueError(
            "table: it is empty; give a first line that names the columns, such as x1,x2,y, and a row a step"
        )
    columns = _columns(header, line)
    lines: list[int] = []
    cells: list[list[str]] = []
    for line, row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"table, line {line}: {count(len(row), 'cell')}, but {len(columns)} columns are named; give as many"
            )
        if len(cells) == MAX_STEPS:
            raise ValueError(f"table, line {line}: more than {MAX_STEPS:,} rows; at most {MAX_STEPS:,} are allowed")
        lines.append(line)
        cells.append([cell.strip() for cell in row])
    if not cells:
        raise ValueError("table: no row follows the names of the columns; give one row a step")
    return columns, lines, cells


def _separator(text: str) -> str:
    """The most frequent separator of the first line that is not empty."""
    first = next((line for line in re.split(r"[\r\n]", text) if line.strip()), "")
    return max(_SEPARATORS, key=first.count)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) for each row that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"table, line {reader.line_num}: not a row of a CSV table ({error})") from None
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _columns(header: Sequence[str], line: int) -> list[str]:
    """Check the names of the columns: x1 to xn without a gap, y or y1 to yn, at most one weight."""
    names = [name.strip() for name in header]
    if len(names) > 2 * MAX_UNITS + 1:
        raise ValueError(f"table, line {line}: {len(names):,} columns, at most {2 * MAX_UNITS + 1:,} are allowed")
    if all(map(is_number, names)):
        raise ValueError(
            f"table, line {line}: numbers where the names of the columns belong; add a line such as x1,x2,y"
        )
    allowed = "columns are x1, x2, …, y or y1, y2, …, and weight"
    for place, name in enumerate(names, 1):
        if not name:
            raise ValueError(f"table, line {line}: column {place} has no name; {allowed}")
        if not _COLUMN.fullmatch(name):
            raise ValueError(f"table, line {line}: unknown column {shown(name)}; {allowed}")
        if name in names[: place - 1]:
            raise ValueError(f"table, line {line}: column {name} stands there twice; give each name once")
    for letter, what in (("x", "input"), ("y", "target")):
        numbered = {name for name in names if name[0] == letter}
        if not numbered:
            raise ValueError(f"table, line {line}: no {what} column; add {letter} or {letter}1, {letter}2, …")
        if letter in numbered and len(numbered) > 1:
            other = min(numbered - {letter}, key=_index)
            raise ValueError(
                f"table, line {line}: both {letter} and {other}; give {letter} alone or {letter}1, {letter}2, …"
            )
        if len(numbered) > MAX_UNITS:
            raise ValueError(f"table, line {line}: {len(numbered):,} {what} columns, at most {MAX_UNITS:,} are allowed")
        missing = next((i for i in range(1, len(numbered) + 1) if f"{letter}{i}" not in numbered), None)
        if missing and letter not in numbered:
            raise ValueError(
                f"table, line {line}: column {letter}{missing} is missing before {max(numbered, key=_index)};"
                f" number the columns without a gap from {letter}1"
            )
    return names


def _index(name: str) -> int:
    return int(name[1:] or 1)
