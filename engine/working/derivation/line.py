"""A line and a section of the derivation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    row         the rows of the sources that it belongs to: "A4", "A1, A9"
    said        what is done, in words; mathematics stands between dollar signs
    symbols     LaTeX, at the step t
    numbers     the same with this run's numbers, LaTeX
    elements    the same entry by entry, LaTeX; of many entries some are left out
    error       the largest difference of the two sides, relative to their largest entry; inf where a number is not finite
    tolerance   what it may be
    checked_by  the other route by which it was computed
    """

    row: str
    said: str
    symbols: str
    numbers: str
    elements: tuple[str, ...]
    error: float
    tolerance: float
    checked_by: str

    @property
    def passed(self) -> bool:
        """Whether the line is right for this run."""
        return self.error <= self.tolerance


@dataclass(frozen=True)
class Section:
    """A part of the derivation.

    key, title, source   of the table `SECTIONS`
    applies              "", or why it does not apply to this run; then there are no lines
    """

    key: str
    title: str
    source: str
    applies: str
    lines: tuple[Line, ...]
