"""From the loss to every gradient, line by line: in symbols, in a run's numbers, entry by entry, and checked.

A section is a function of a run, a step, a sample and a number of levels, and has a module of its own. Its symbols come from
the cell's equations and the table of operations, so that a user's own cell is derived like those of the catalogue. Each line
is checked as it is computed, by imaginary steps through the equations or by another formula for the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from engine.execute.run import Run
from engine.support.arguments import whole
from engine.support.pause import pause
from engine.working.derivation.book import has_likelihood, is_the_lstm, is_the_rnn, never
from engine.working.derivation.copies import copies_lines, needs_parameters
from engine.working.derivation.equations import equation_lines
from engine.working.derivation.expansion import expansion_lines, needs_few_units
from engine.working.derivation.layers import layer_lines, needs_layers
from engine.working.derivation.line import Line, Section
from engine.working.derivation.long_way import long_way_lines, needs_matrix_into_softmax
from engine.working.derivation.loss import loss_lines
from engine.working.derivation.lstm import lstm_lines, needs_carousel
from engine.working.derivation.neurons import neuron_lines
from engine.working.derivation.nodes import node_lines
from engine.working.derivation.recursion import needs_states, recursion_lines
from engine.working.derivation.samples import needs_samples, sample_lines
from engine.working.derivation.softmax import needs_softmax, softmax_lines
from engine.working.derivation.step import StepContext

MAX_LEVELS: Final = 50  # levels of the recursion that are written out; a formula with more is too long for a page


@dataclass(frozen=True)
class Row:
    """A row of the table of sections.

    Attributes:
        title: The title of the section.
        book: Its equations in the book.
        fits_the_book: Whether a run's network is the one that these equations describe.
        sources: The statements A1 to A17 of the source texts that it follows.
        obstacle: Why the section does not apply to a run, in a sentence; "" if it applies.
        lines: Its lines at a step, with a number of levels.
    """

    title: str
    book: str
    fits_the_book: Callable[[Run], bool]
    sources: str
    obstacle: Callable[[Run], str]
    lines: Callable[[StepContext, int], Iterator[Line]]


def nothing(_: Run) -> str:
    """No obstacle: the section applies to every run."""
    return ""


#: The sections, in the order of the derivation.
SECTIONS: Mapping[str, Row] = MappingProxyType({
    "equations": Row("The equations", "(10.8)–(10.11)", is_the_rnn, "A1, A9", nothing, equation_lines),
    "loss": Row("The loss", "(10.12)–(10.14), (10.17)", has_likelihood, "A2, A3, A17", nothing, loss_lines),
    "softmax": Row("Softmax and loss: three questions", "(10.18)", has_likelihood, "A4, A5, A10", needs_softmax, softmax_lines),
    "long": Row("The long way round, through the probabilities", "", never, "A11", needs_matrix_into_softmax, long_way_lines),
    "recursion": Row("Back through time", "(10.19)–(10.21)", is_the_rnn, "A6, A7", needs_states, recursion_lines),
    "expanded": Row("The recursion put into itself", "", never, "A8", needs_few_units, expansion_lines),
    "copies": Row("The parameters and their copies", "(10.22)–(10.28)", is_the_rnn, "A12", needs_parameters, copies_lines),
    "lstm": Row("The LSTM, gate by gate", "(10.40)–(10.44)", is_the_lstm, "A13", needs_carousel, lstm_lines),
    "nodes": Row("Every node, from the loss back", "", never, "the rule of each operation", nothing, node_lines),
    "neurons": Row("Neuron by neuron", "", never, "A14", nothing, neuron_lines),
    "layers": Row("Layer by layer", "", never, "A15", needs_layers, layer_lines),
    "samples": Row("The mean over the samples", "", never, "A16", needs_samples, sample_lines),
})  # fmt: skip


def derive(run: Run, key: str, t: int, sample: int = 0, levels: int = 3) -> Section:
    """Derive a section for a run, with its numbers.

    Args:
        run: The run.
        key: The section, a key of `SECTIONS`.
        t: The step, from 1.
        sample: The sample, from 0.
        levels: How often the recursion is put into itself, from 1 to MAX_LEVELS.

    Returns:
        The section; without lines if it does not apply to the run.

    Raises:
        ValueError: If there is no such section, step or sample, or if the number of levels is out of its range.

    **Holds:** every_line_is_right_for_every_cell, a_wrong_gradient_is_seen.
    """
    if key not in SECTIONS:
        raise ValueError(f"{key!r} is no section; there are {', '.join(SECTIONS)}")
    sample, t = run.check_place(sample, t)
    levels = whole("levels", levels, 1, MAX_LEVELS, f"1 to {MAX_LEVELS} can be written out")
    row = SECTIONS[key]
    obstacle = row.obstacle(run)
    lines = list[Line]()
    with np.errstate(all="ignore"):
        for line in () if obstacle else row.lines(StepContext(run, t, sample), levels):
            lines.append(line)
            pause()
    source = "; ".join(filter(None, [row.book if row.fits_the_book(run) else "", row.sources]))
    return Section(key, row.title, source, obstacle, tuple(lines))
