"""A model: the fields on which a run depends, checked, and the run.

What can not be run is refused on construction, with the message for the control at fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from engine import Cell, Run
from engine.execute import checked
from engine.inputs import Task
from engine.support import shown
from explorer.fields import check
from explorer.model.bounds import (
    HIDDEN,
    MAX_EDITS,
    MAX_FACTOR,
    MAX_NUMBERS,
    MAX_STEPS,
    OWN,
)
from explorer.model.fields import Array, Fields
from explorer.model.parts import (
    arrays,
    cell,
    classes,
    factors,
    has_place,
    initial,
    numbers_per_step,
    parameters,
    structure,
    targets_fit_losses,
    task,
    untouched,
    without_edits,
)


@dataclass(frozen=True)
class Model(Fields):
    """The fields on which a run depends, checked: every model can be run, and equal models give equal runs.

    Raises:
        ValueError: if the fields do not fit together, or are beyond the bounds of a public page.
    """

    def __post_init__(self) -> None:
        check(self)
        _check_sizes(self)
        plain = untouched(self)
        made = task(plain)
        if self.cell == OWN:
            _check_targets(structure(self), made)
        _check_extent(plain, *made.x.shape[:2])
        _check_weights(self, len(made.x))
        if self.edits:
            _check_edits(self)
        if self.scaled:
            _check_scaled(self)
        parameters(self)
        if self.cell == OWN:  # the sizes of a text can contradict its data in ways that only the engine knows
            with np.errstate(all="ignore"):
                checked(*(*_arguments(self), np.float64))


def _check_sizes(model: Model) -> None:
    """Refuse sizes of classes that the cell does not have, and sizes beyond the bounds."""
    shape = structure(model)
    for name, units in model.sizes:
        if name not in [members[0] for members in shape.hidden]:
            raise ValueError(f"{name!r} has no size of its own in {shape.title}")
        HIDDEN.checked(units)


def _check_extent(plain: Fields, steps: int, samples: int) -> None:
    """Refuse more steps, or more numbers in all nodes, than a public page computes."""
    if steps > MAX_STEPS:
        raise ValueError(f"{steps:,} steps; at most {MAX_STEPS:,} are computed here")
    numbers = steps * samples * numbers_per_step(plain)
    if numbers > MAX_NUMBERS:
        raise ValueError(
            f"{steps:,} steps with {samples:,} samples are about {numbers:,} numbers; at most {MAX_NUMBERS:,} are"
            " computed here: take fewer of either, or smaller sizes"
        )


def _check_weights(model: Model, steps: int) -> None:
    """Refuse weights by hand that are not one finite number per step, and weights where they are not counted by hand."""
    if model.count != "hand":
        if model.weights:
            raise ValueError("weights are given, but not counted by hand")
        return
    if len(model.weights) != steps:
        raise ValueError(f"{len(model.weights)} weights for {steps} steps; give one for each step")
    if not np.isfinite(model.weights).all():
        raise ValueError("a weight is not finite")


def _check_targets(shape: Cell, made: Task) -> None:
    """Refuse targets that the losses of a text cannot be compared with."""
    names = {name for node in shape.nodes if (name := shape.operation(node)) and shape.loss(node)}
    if made.kind == "classes" and not shape.takes_classes:
        raise ValueError(
            f"the targets of this task are classes, and the loss of your cell, {', '.join(sorted(names))}, compares with"
            " real numbers: take nll(softmax(…), y), or a task with real targets"
        )
    if made.kind == "real" and not targets_fit_losses(shape, made):
        raise ValueError(
            f"the targets of this task are any real numbers, and the loss of your cell, {', '.join(sorted(names))}, needs"
            " classes or shares from 0 to 1: take mse(…, y), or a task with classes"
        )


def _check_edits(model: Model) -> None:
    """Refuse numbers changed by hand that have no place, are not finite, or are not in order."""
    if len(model.edits) > MAX_EDITS:
        raise ValueError(f"{len(model.edits):,} numbers are changed by hand; at most {MAX_EDITS:,} are kept")
    places = [place for place, _ in model.edits]
    if places != sorted(set(places)):
        raise ValueError("the numbers changed by hand must be in order, each place once")
    plain = without_edits(model)
    given, count, shares = arrays(plain), classes(plain), task(plain).shares
    for (name, index), value in model.edits:
        if name not in given:
            raise ValueError(f"there is no array {shown(name)}; there are {', '.join(given)}")
        if not has_place(given, (name, index)):
            raise ValueError(f"{name} has no entry {list(index)}: its shape is {given[name].shape}")
        if name == "y" and count:
            if not isinstance(value, int) or not 0 <= value < count:
                raise ValueError(
                    f"y at {list(index)} is {shown(value)}: a class is a whole number from 0 to {count - 1}"
                )
        elif name == "y" and shares and not 0 <= value <= 1:
            raise ValueError(f"y at {list(index)} is {value:g}: a share is a number from 0 to 1")
        elif not np.isfinite(value):
            raise ValueError(f"{name} at {list(index)} is {value}; every number must be finite")


def _check_scaled(model: Model) -> None:
    """Refuse arrays turned as a whole that there are not, and numbers that could not be turned back."""
    names = [name for name, _, _ in model.scaled]
    if names != sorted(set(names)):
        raise ValueError("the arrays turned as a whole must be in order, each once")
    for name, factor, added in model.scaled:
        shape = _scalable(untouched(model), name)
        if not 1 / MAX_FACTOR <= abs(factor) <= MAX_FACTOR:
            raise ValueError(
                f"the factor of {name} is {factor:g}; its size must be from {1 / MAX_FACTOR:g} to {MAX_FACTOR:g}"
            )
        if not abs(added) <= MAX_FACTOR or (added and (name == "x" or len(shape) != 1)):
            raise ValueError(
                f"{added:g} is added to {name}; a number up to {MAX_FACTOR:g} can be added, and only to a vector of parameters"
            )
        if (factor, added) == (1, 0):
            raise ValueError(f"{name} has the factor 1, so it is not turned")
    given = {"x": task(model).x, **parameters(model)}
    for name in names:
        if not np.isfinite(given[name]).all():
            raise ValueError(f"{name} with its factor is beyond the range of floating point")


def _scalable(model: Fields, name: str) -> tuple[int, ...]:
    """The shape of an array that can be turned as a whole."""
    given = parameters(model)
    if name == "x" and structure(model).reads_x:
        return task(model).x.shape
    if name not in given:
        raise ValueError(f"there is no array {shown(name)} to be turned; there are {', '.join(given)}")
    return given[name].shape


def _arguments(model: Model) -> tuple[Any, ...]:
    """What the engine runs. A cell without memory takes the steps as samples: T = 1, and the loss is their mean."""
    made, given = cell(model), task(model)
    x: Array = given.x
    y: Array = given.y
    weights = factors(model)
    if not made.states:
        steps, samples = y.shape[:2]
        x, y = (array.reshape(1, steps * samples, *array.shape[2:]) for array in (x, y))
        weights = np.repeat(weights, samples)[None]
    return made, parameters(model), x, y, initial(model), weights, model.reduction


def run(model: Model) -> Run:
    """The run."""
    return engine.run(*_arguments(model))
