"""A line and a section of the derivation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line of a derivation.

    Attributes:
        row: The rows of the sources that it belongs to: "A4", or "A1, A9".
        explanation: What is done, in words, with mathematics between dollar signs.
        symbols: The line in LaTeX, at the step t.
        numbers: The same with this run's numbers, in LaTeX.
        elements: The same entry by entry, in LaTeX; of many entries some are left out.
        error: The largest difference of the two sides, relative to their largest entry; inf if a number is not finite.
        tolerance: The largest error allowed.
        checked_by: The other route by which the result was computed.
    """

    row: str
    explanation: str
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
    """A section of the derivation, for one run.

    Attributes:
        key: Its key in the table `SECTIONS`.
        title: Its title.
        source: The equations of the book and the rows of the sources that it follows.
        obstacle: Why it does not apply to this run, in a sentence; empty if it applies.
        lines: Its lines; none if it does not apply.
    """

    key: str
    title: str
    source: str
    obstacle: str
    lines: tuple[Line, ...]
