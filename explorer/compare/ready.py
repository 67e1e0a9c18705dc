"""Ready comparisons: columns to start from, and the network of the side bar that goes with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from engine.inputs import TASKS, Scheme
from explorer import model as models
from explorer.cache import INPUTS
from explorer.compare.aspects import has, recurrent
from explorer.compare.columns import Column, column, text
from explorer.model import Model


@dataclass(frozen=True)
class Ready:
    """A comparison to start from.

    make   of the present network, the network of the side bar and the columns
    """

    title: str
    help: str
    make: Callable[[Model], tuple[Model, tuple[str, ...]]]


_LONG_ENOUGH: Final = 12  # steps from which on a comparison shows something
_STEPS: Final = 30  # else


def _noise(model: Model, steps: int) -> Model:
    """The network on random numbers of the same sizes and kind, with the loss at the end."""
    task = models.task(model)
    values = {"steps": steps, "inputs": task.sizes["x"], "outputs": task.sizes["y"], "targets": task.kind}
    bounds = {setting.name: setting.upper for setting in TASKS["noise"].settings if setting.kind == "int"}
    fitting = {name: min(value, bounds[name]) if isinstance(value, int) else value for name, value in values.items()}
    return models.changed(model, task="noise", settings=models.chosen_settings("noise", fitting), count="last")


def with_length(model: Model, steps: int) -> Model:
    """The network on its task with this number of steps; on random numbers if the task has no such length."""
    try:
        return models.with_setting(model, "steps", steps) if "steps" in models.settings(model) else _noise(model, steps)
    except ValueError:
        return _noise(model, steps)


def _prepared(model: Model, cell: str, fits: Callable[[Model], object]) -> Model:
    """The model; with another cell if its own does not fit, and with more steps if they are few."""
    if models.task(model).params:  # weights that only some cells can have
        model = models.changed(model, own=False)
    if not fits(model):
        model = models.changed(model, cell=cell)
    return with_length(model, _STEPS) if len(models.factors(model)) < _LONG_ENOUGH else model


def _cells(model: Model) -> tuple[Model, tuple[str, ...]]:
    return models.changed(_prepared(model, "rnn", lambda _: True), cell="rnn"), ("", "cell=lstm", "cell=gru")


def _activations(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "rnn", lambda model: "activation" in models.choices(model.cell))
    return models.changed(model, activation="tanh"), ("", "activation=relu")


def _gains(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "rnn", recurrent)
    names = recurrent(model)
    for name in names:
        model = models.with_turn(model, name, 0.5)
    return model, ("", *(text({f"turn.{name}": factor for name in names}) for factor in ("1", "2")))


def _forgets(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "lstm", lambda model: has(Column("", model), "b_f", 1))
    model = models.with_override(model, "b_f", Scheme("constant", value=0.0))
    return model, ("", *(text({"init.b_f": f"constant,value:{bias}"}) for bias in (1, 3)))


def _lengths(model: Model) -> tuple[Model, tuple[str, ...]]:
    columns = ("", "steps=50", "steps=200")
    short = with_length(model, 10)
    valid = all(column(short, text).model for text in columns)
    return short if valid else _noise(model, 10), columns


def _schemes(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "rnn", recurrent)
    return models.changed(model, scheme=Scheme("orthogonal")), ("", "init=normal", "init=identity")


def _cuts(model: Model) -> tuple[Model, tuple[str, ...]]:
    return _prepared(model, "rnn", lambda model: models.structure(model).states), ("", "cut=10")


READY: Final[Mapping[str, Ready]] = {
    "cells": Ready("RNN | LSTM | GRU", "What gates are for.", _cells),
    "activations": Ready("tanh | ReLU", "A slope that saturates, and one that is 0 or 1.", _activations),
    "gains": Ready("gain ½ | 1 | 2", "The recurrent matrices at half, one and two times their size.", _gains),
    "forgets": Ready("forget bias 0 | 1 | 3", "How far the forget gate is open at first.", _forgets),
    "lengths": Ready("T 10 | 50 | 200", "The same network, on longer and longer sequences.", _lengths),
    "schemes": Ready("orthogonal | normal | identity", "Where the weights begin.", _schemes),
    "cuts": Ready("whole | cut every 10", "What truncated back-propagation leaves out.", _cuts),
}


@INPUTS.keeps(key=tuple)
def prepare(name: str, model: Model) -> tuple[Model, tuple[str, ...]]:
    """Make a ready comparison from the present network, of which all stays that can stay.

    A cell of the user's own in which the aspect does not exist is replaced by the network of the book.

    Args:
        name: key of `READY`
        model: the present network

    Returns:
        The network of the side bar, and the columns.
    """
    try:
        return READY[name].make(model)
    except ValueError:
        return READY[name].make(models.changed(model, cell="rnn"))
