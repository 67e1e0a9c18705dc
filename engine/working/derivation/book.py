"""The networks of the book: the runs to which its equations apply as they are printed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.execute.run import Run
from engine.language.catalogue import CATALOGUE
from engine.working.derivation.softmax_loss import softmax_losses
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import same_equations

#: The equations of the book for the parameters of the network of chapter 10.
OF_PARAMETERS: Mapping[str, str] = MappingProxyType(
    {"c": "(10.22)", "b": "(10.23)", "V": "(10.24)", "W": "(10.25), (10.26)", "U": "(10.27), (10.28)"}
)


def never(_: Run) -> bool:
    """No run: the book has no such equations."""
    return False


def is_the_rnn(run: Run) -> bool:
    """Whether (10.17)–(10.28) apply: the network is that of (10.8)–(10.11), with tanh, softmax and a class as the target."""
    return same_equations(run.cell, CATALOGUE["rnn"]) and has_likelihood(run)


def is_the_lstm(run: Run) -> bool:
    """Whether the network is that of (10.40)–(10.44), with σ at the candidate."""
    return same_equations(run.cell, CATALOGUE["lstm"])


def has_likelihood(run: Run) -> bool:
    """Whether the only loss is minus the logarithm of a class's entry of the softmax, as in (10.14) and (10.18)."""
    return len(run.cell.losses) == 1 and [out.classes for out in softmax_losses(StepContext(run, 1, 0))] == [True]
