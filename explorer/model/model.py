"""A model: the fields on which a run depends, checked, and the run.

An invalid model raises ValueError on construction; the page shows the message below the control that was changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import engine
from engine import Run
from engine.execute import checked
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
    cell,
    classes,
    factors,
    form,
    has_place,
    initial,
    needs_shares,
    numbers_per_step,
    parameters,
    shapes,
    structure,
    targets_fit_losses,
    task,
    untouched,
    uses_own,
    weight_plans,
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
        unchanged = untouched(self)
        sizes_of_task = form(unchanged)
        if self.cell == OWN:
            _check_targets(unchanged)
        _check_extent(unchanged, sizes_of_task.steps, sizes_of_task.samples)
        _check_weights(self, sizes_of_task.steps)
        _check_drawn(unchanged)
        if self.edits:
            _check_edits(self)
        if self.scaled:
            _check_scaled(self)
        if self.cell == OWN:  # the sizes of a text can contradict its data in ways that only the engine finds
            checked(*(*_stand_ins(unchanged), np.float64))


def _check_sizes(model: Model) -> None:
    """Refuse sizes of classes that the cell does not have, and sizes beyond the bounds."""
    shape = structure(model)
    for name, units in model.sizes:
        if name not in [members[0] for members in shape.hidden]:
            raise ValueError(f"{name!r} has no size of its own in {shape.title}")
        HIDDEN.checked(units)


def _check_extent(unchanged: Fields, steps: int, samples: int) -> None:
    """Refuse more steps, or more numbers in all nodes, than a public page computes."""
    if steps > MAX_STEPS:
        raise ValueError(f"{steps:,} steps; at most {MAX_STEPS:,} are computed here")
    numbers = steps * samples * numbers_per_step(unchanged)
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


def _check_drawn(unchanged: Fields) -> None:
    """Refuse schemes that a parameter cannot have; the weights are drawn only where nothing else says if they can be."""
    if not uses_own(unchanged) and any(plan.can_fail for plan in weight_plans(unchanged).values()):
        parameters(unchanged)


def _check_targets(unchanged: Fields) -> None:
    """Refuse targets of a kind that the losses of the user's cell do not compare with."""
    shape, kind = structure(unchanged), form(unchanged).kind
    names = {name for node in shape.nodes if (name := shape.operation(node)) and shape.loss(node)}
    if kind == "classes" and not shape.takes_classes:
        raise ValueError(
            f"the targets of this task are classes, and the loss of your cell, {', '.join(sorted(names))}, compares with"
            " real numbers: take nll(softmax(…), y), or a task with real targets"
        )
    if kind == "real" and needs_shares(shape) and not targets_fit_losses(shape, task(unchanged)):
        raise ValueError(
            f"the targets of this task are any real numbers, and the loss of your cell, {', '.join(sorted(names))}, needs"
            " classes or shares from 0 to 1: take mse(…, y), or a task with classes"
        )


def _check_edits(model: Model) -> None:
    """Refuse numbers changed by hand that have no place, are not allowed there, or are not in order."""
    if len(model.edits) > MAX_EDITS:
        raise ValueError(f"{len(model.edits):,} numbers are changed by hand; at most {MAX_EDITS:,} are kept")
    places = [place for place, _ in model.edits]
    if places != sorted(set(places)):
        raise ValueError("the numbers changed by hand must be in order, each place once")
    unchanged = without_edits(model)
    dimensions, count, shares = shapes(unchanged), classes(unchanged), form(unchanged).kind == "shares"
    for (name, index), value in model.edits:
        if name not in dimensions:
            raise ValueError(f"there is no array {shown(name)}; there are {', '.join(dimensions)}")
        if not has_place(dimensions, (name, index)):
            raise ValueError(f"{name} has no entry {list(index)}: its shape is {dimensions[name]}")
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
    """Refuse to turn arrays that do not exist, and factors that could not be turned back."""
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
    numbers = {"x": task(model).x, **parameters(model)}
    for name in names:
        if not np.isfinite(numbers[name]).all():
            raise ValueError(f"{name} with its factor is beyond the range of floating point")


def _scalable(model: Fields, name: str) -> tuple[int, ...]:
    """The shape of an array that can be turned as a whole."""
    cell, dimensions = structure(model), shapes(model)
    if name not in cell.parameters and not (name == "x" and cell.reads_x):
        raise ValueError(f"there is no array {shown(name)} to be turned; there are {', '.join(cell.parameters)}")
    return dimensions[name]


def _stand_ins(unchanged: Fields) -> tuple[Any, ...]:
    """Arguments of a run for the engine to check: arrays of zeros in the shapes of those that will run."""
    cell, dimensions = structure(unchanged), shapes(unchanged)
    zeros = {name: np.zeros(shape) for name, shape in dimensions.items()}
    task = form(unchanged)
    y = np.full(dimensions["y"], task.outputs - 1) if task.kind == "classes" else zeros["y"]
    x = zeros["x"] if cell.reads_x else np.zeros((task.steps, task.samples, task.inputs))
    parameters, initial = ({name: zeros[name] for name in names} for names in (cell.parameters, cell.states))
    return _arguments(unchanged, parameters, x, y, initial, np.ones(task.steps))


def _arguments(
    model: Fields, parameters: Mapping[str, Array], x: Array, y: Array, initial: Mapping[str, Array], weights: Array
) -> tuple[Any, ...]:
    """The arguments of a run. A cell without memory takes the steps as samples: T = 1, and the loss is their mean."""
    shape = cell(model)
    if not shape.states:
        steps, samples = y.shape[:2]
        x, y = (array.reshape(1, steps * samples, *array.shape[2:]) for array in (x, y))
        weights = np.repeat(weights, samples)[None]
    return shape, parameters, x, y, initial, weights, model.reduction


def run(model: Model) -> Run:
    """The run of a model."""
    data = task(model)
    return engine.run(*_arguments(model, parameters(model), data.x, data.y, initial(model), factors(model)))
