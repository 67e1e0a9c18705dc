"""Entries that are typed or pasted into a table of numbers: each is read, or a message says why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.inputs import numbers, visible
from engine.support import shown

#: A cell of a table: its row and column, counted from 0.
Cell: TypeAlias = tuple[int, int]

MAX_CELL: Final = 20_000  # characters that are read of one cell
_MOST_NAMED: Final = 10  # classes that a message names


@dataclass(frozen=True)
class Entries:
    """The cells of a table as they were read.

    values    cell -> its new number, None where the cell was emptied; cells over which a paste spreads included
    messages  cell -> a message for each of its entries that was not read
    remarks   how doubtful entries were read
    spread    whether a cell had several entries
    """

    values: dict[Cell, float | None]
    messages: dict[Cell, list[str]]
    remarks: tuple[str, ...]
    spread: bool


def read(cells: Mapping[Cell, str | None], shape: tuple[int, int], classes: Sequence[str] = ()) -> Entries:
    """Read the texts of cells as numbers, or as classes counted from 0.

    A cell with several entries, such as an array printed by numpy, fills the cells to the right and below too; in a table of
    one column all go below. **Holds:** every_entry_is_read_or_told.
    """
    values: dict[Cell, float | None] = {}
    messages: dict[Cell, list[str]] = {}
    entries: list[tuple[Cell, Cell, str]] = []
    for cell, text in cells.items():
        if text is None or not text.strip():
            values[cell] = None
            continue
        if len(text) > MAX_CELL:
            messages[cell] = [f"{shown(text)} is too long: a cell takes at most {MAX_CELL:,} characters"]
            continue
        block = [[text]] if classes or numbers.is_number(text) else numbers.entries(text) or [[text]]
        if shape[1] == 1:
            block = [[entry] for row in block for entry in row]
        for i, row in enumerate(block):
            entries += [(cell, (cell[0] + i, cell[1] + j), entry) for j, entry in enumerate(row)]
    inside: list[tuple[Cell, Cell, str]] = []
    for cell, place, entry in entries:
        if place[0] >= shape[0] or place[1] >= shape[1]:
            why = f"the table has {shape[0]:,} rows and {shape[1]:,} columns"
        elif place != cell and (cells.get(place) or "").strip():
            why = "the cell where it belongs has an entry of its own"
        else:
            inside.append((cell, place, entry))
            continue
        messages.setdefault(cell, []).append(f"{shown(entry)} has no place: {why}")
    remarks: tuple[str, ...] = ()
    if classes:
        for cell, place, entry in inside:
            try:
                values[place] = _class(entry, classes)
            except ValueError as error:
                messages.setdefault(cell, []).append(str(error))
    elif inside:
        got = numbers.read_cells([[entry for _, _, entry in inside]])
        for (_, place, _), number in zip(inside, got.rows[0], strict=True):
            if number is not None:
                values[place] = number
        for complaint in got.complaints:
            messages.setdefault(inside[complaint.column][0], []).append(str(complaint))
        remarks = got.remarks
    return Entries(values, messages, remarks, len(entries) > len({cell for cell, _, _ in entries}))


def _class(entry: str, classes: Sequence[str]) -> int:
    """The class of a name, or of a character that a sign stands for. Raises ValueError for any other entry."""
    for name in (entry, entry.strip(), visible(entry) if len(entry) == 1 else entry):
        if name in classes:
            return classes.index(name)
    some = ", ".join(map(repr, classes[:_MOST_NAMED])) + " …" * (len(classes) > _MOST_NAMED)
    raise ValueError(f"{shown(entry)} is no class: give one of {some}")


def fitted(entries: Sequence[Sequence[str]], shape: tuple[int, int]) -> dict[Cell, str | None]:
    """The entries of a paste, by the cells of a whole table. Raises ValueError for a paste of another shape."""
    flat = [entry for row in entries for entry in row]
    lengths = {len(row) for row in entries}
    pasted = (len(entries), lengths.pop()) if len(lengths) == 1 else (len(entries), 0)
    if not flat:
        raise ValueError(f"there is no number in it; give {sized(shape)}")
    if len(flat) != shape[0] * shape[1]:
        raise ValueError(
            f"these are {len(flat):,} numbers, and {sized(shape)} are needed; a part is pasted into the table, at its first cell"
        )
    if pasted == shape[::-1] and 1 not in shape and pasted != shape:
        raise ValueError(f"these are {sized(pasted)}, and {sized(shape)} are needed; give the transposed matrix")
    return {(k // shape[1], k % shape[1]): entry for k, entry in enumerate(flat)}


def sized(shape: tuple[int, ...]) -> str:
    """The shape of a matrix in words: 3 rows of 4."""
    return f"{shape[0]:,} {'row' if shape[0] == 1 else 'rows'} of {shape[1]:,}"
