"""To which runs the equations of the book apply as they are printed there."""

from __future__ import annotations

from engine.execute.run import Run
from engine.language.catalogue import CATALOGUE
from engine.working.derivation.softmax_loss import softmax_losses
from engine.working.derivation.step import StepContext
from engine.working.derivation.structure import same_equations


def never(_: Run) -> bool:
    return False


def is_the_rnn(run: Run) -> bool:
    """Whether the network is that of (10.8)–(10.11), tanh and softmax, with a class for a target: (10.17)–(10.28) hold."""
    return same_equations(run.cell, CATALOGUE["rnn"]) and has_likelihood(run)


def is_the_lstm(run: Run) -> bool:
    """Whether the network is that of (10.40)–(10.44), with σ at the candidate."""
    return same_equations(run.cell, CATALOGUE["lstm"])


def has_likelihood(run: Run) -> bool:
    """Whether the only loss is minus the logarithm of the softmax's entry of a class, as in (10.14) and (10.18)."""
    return len(run.cell.losses) == 1 and [out.classes for out in softmax_losses(StepContext(run, 1, 0))] == [True]
