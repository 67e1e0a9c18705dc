"""The parts that follow from the fields of a model: the cell, the task, the sizes, the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

import engine
from engine import CATALOGUE, Cell
from engine.inputs import REST, TASKS, Entry, Form, Plan, Task, plans
from engine.language import ACTIVATIONS, with_squared_error
from explorer.cache import INPUTS
from explorer.fields import one_of
from explorer.model.bounds import (
    HIDDEN,
    LAYERS,
    MAX_EQUATIONS,
    OWN,
    OWN_TITLE,
    Value,
    bounded,
    chosen_settings,
)
from explorer.model.fields import Array, Edits, Fields, Place, Scaled


def without_edits(model: Fields) -> Fields:
    """The fields without the numbers changed by hand."""
    return Fields(**{entry.name: getattr(model, entry.name) for entry in fields(model)} | {"edits": ()})


def untouched(model: Fields) -> Fields:
    """The fields without the numbers changed by hand and without the arrays turned as a whole."""
    return replace(without_edits(model), scaled=())


def structure(model: Fields) -> Cell:
    """The cell whatever the task: its nodes up to the output, its parameters, its hidden sizes."""
    return made_cell(model.cell, model.activation, model.layers, "nll", model.text)


def cell(model: Fields) -> Cell:
    """The cell with the loss that suits the task's targets: classes and shares, or real numbers."""
    loss = "mse" if form(model).kind == "real" else "nll"
    return made_cell(model.cell, model.activation, model.layers, loss, model.text)


@INPUTS.keeps(key=tuple)
def made_cell(name: str, activation: str, layers: int, loss: str, text: str) -> Cell:
    """A cell from its name, its choices and its loss, or from the text of the user. Raises ValueError for any other."""
    if (name == OWN) != bool(text):
        raise ValueError("a cell of your own has a text, and no other has")
    if name == OWN:
        about = "Computed as it is written, with the loss that it names."
        cell = engine.parse(text, OWN, title=OWN_TITLE, about=about)
        if (count := len(cell.nodes)) > MAX_EQUATIONS:
            raise ValueError(
                f"the cell has {count} nodes, calls inside a line among them; at most {MAX_EQUATIONS} are drawn here"
            )
        return cell
    one_of(CATALOGUE, "cell")(name)
    one_of(ACTIVATIONS, "activation")(activation)
    LAYERS.checked(layers)
    if name == "feedforward":
        return engine.feedforward(layers, activation, loss)
    ready = engine.rnn(activation) if name == "rnn" else CATALOGUE[name]
    return ready if loss == "nll" else with_squared_error(ready)


def entry(model: Fields) -> Entry:
    """The row of the task, its settings bounded for a public page."""
    row = TASKS[model.task]
    return replace(row, settings=tuple(bounded(setting, model.task) for setting in row.settings))


def settings(model: Fields) -> dict[str, Value]:
    """Every setting of the task and its value."""
    return {setting.name: setting.default for setting in TASKS[model.task].settings} | dict(model.settings)


def task(model: Fields) -> Task:
    """The inputs, the targets and the weights of the losses, changes by hand included."""
    changes = tuple(edit for edit in model.edits if edit[0][0] in ("x", "y"))
    chosen = _suited(model)
    data = _edited_task(model.task, chosen, changes) if changes else made_task(model.task, chosen)
    if chosen != model.settings:
        data = replace(data, notes=(f"{data.notes[0]} The loss of your cell asks for them.", *data.notes[1:]))
    return replace(data, x=_turned(data.x, model.scaled, "x")) if model.scaled else data


def _suited(model: Fields) -> tuple[tuple[str, Value], ...]:
    """The settings of the task; where the kind of the targets is "auto", the kind that the loss of the user's cell needs.

    So 0 and 1 are numbers for mse and bce, and 3, 5, 7 are classes for nll. Where neither fits, the model is refused.
    """
    if model.cell != OWN or model.task not in TASKS or settings(model).get("targets") != "auto":
        return model.settings
    shape, guess = structure(model), made_task(model.task, model.settings)
    needed = "classes" if shape.takes_classes else "real"
    if guess.kind == needed or (guess.kind != "classes" and targets_fit_losses(shape, guess)):
        return model.settings
    chosen = chosen_settings(model.task, settings(model) | {"targets": needed})
    try:
        return chosen if made_task(model.task, chosen).kind == needed else model.settings
    except ValueError:
        return model.settings


def needs_shares(shape: Cell) -> bool:
    """Whether a loss of the cell compares with shares from 0 to 1."""
    return bool({row.name for node in shape.nodes if (row := shape.loss(node))} & {"nll", "bce"})


def targets_fit_losses(shape: Cell, task: Task) -> bool:
    """Whether targets that are numbers fit the losses of a cell: any number, or shares from 0 to 1."""
    return not needs_shares(shape) or bool(((task.y >= 0) & (task.y <= 1)).all())


@INPUTS.keeps(key=tuple)
def _edited_task(name: str, chosen: tuple[tuple[str, Value], ...], edits: Edits) -> Task:
    """A task with changes by hand; the label of a step whose input is changed gets a star, unless it is its number."""
    data = made_task(name, chosen)
    x, y = (_edited(array, edits, of) for array, of in ((data.x, "x"), (data.y, "y")))
    touched = {index[0] for (of, index), _ in edits if of == "x" and index[1] == 0}
    numbered = data.labels == tuple(map(str, range(1, len(x) + 1)))
    labels = [f"{label}*" if t in touched and not numbered else label for t, label in enumerate(data.labels)]
    return replace(data, x=x, y=y, labels=tuple(labels))


def _edited(array: Array, edits: Edits, name: str) -> Array:
    """The array with its changes; itself if there are none."""
    changes = [(index, value) for (of, index), value in edits if of == name]
    if not changes:
        return array
    result = np.array(array)
    for index, value in changes:
        result[index] = value
    result.setflags(write=False)
    return result


def _turned(array: Array, scaled: Scaled, name: str) -> Array:
    """The array as factor · array + added; the array itself if it is not turned."""
    for of, factor, added in scaled:
        if of == name:
            with np.errstate(all="ignore"):  # a model with numbers that are not finite is refused
                array = factor * array + added
            array.setflags(write=False)
    return array


@INPUTS.keeps(key=tuple)
def made_task(name: str, chosen: tuple[tuple[str, Value], ...]) -> Task:
    """A task from its name and its settings."""
    return _row(name, chosen).function(**dict(chosen))


def task_form(name: str, chosen: tuple[tuple[str, Value], ...]) -> Form:
    """The sizes of a task; it is not made, unless only its data say how large they are."""
    row = _row(name, chosen)
    return made_task(name, chosen).form if row.form is None else row.form(**dict(chosen))


def _row(name: str, chosen: tuple[tuple[str, Value], ...]) -> Entry:
    """The row of a task whose settings are allowed on a public page."""
    one_of(TASKS, "task")(name)
    row = TASKS[name]
    allowed = {setting.name: bounded(setting, name) for setting in row.settings}
    for key, value in chosen:
        if key not in allowed:
            raise ValueError(f"{row.title} has no setting {key!r}; it has {', '.join(allowed)}")
        allowed[key].checked(value)
    return row


def form(model: Fields) -> Form:
    """The sizes of the task, without its numbers."""
    return task_form(model.task, _suited(model))


def brings_weights(model: Fields) -> bool:
    """Whether the task brings weights that fit the cell."""
    shape, task = structure(model), form(model)
    if (
        not task.params
        or set(task.params) != set(shape.parameters)
        or not all(set(members) & set(task.hidden) for members in shape.hidden)
    ):
        return False
    fit = shape.shapes({"x": task.inputs, "y": task.outputs, **_brought_sizes(shape, task)})
    return all(task.params[name] == dimensions for name, dimensions in fit.items())


def _brought_sizes(shape: Cell, task: Form) -> dict[str, int]:
    """The hidden sizes that the task's weights fix, by the first name of each class."""
    return {members[0]: next(task.hidden[m] for m in members if m in task.hidden) for members in shape.hidden}


def uses_own(model: Fields) -> bool:
    """Whether the weights are those that the task brings."""
    return model.own and brings_weights(model)


def sizes(model: Fields) -> dict[str, int]:
    """Units of x, y and of each hidden class, by its first name."""
    shape, task, chosen = structure(model), form(model), dict(model.sizes)
    if uses_own(model):
        hidden = _brought_sizes(shape, task)
    else:
        hidden = {members[0]: chosen.get(members[0], HIDDEN.default) for members in shape.hidden}
    return {"x": task.inputs, "y": task.outputs, **hidden}


def shapes(model: Fields) -> dict[str, tuple[int, ...]]:
    """The shape of every array that can be changed by hand: x, y, the initial values of each state, the parameters."""
    shape, task, units = structure(model), form(model), sizes(model)
    x = {"x": (task.steps, task.samples, task.inputs)} if shape.reads_x else {}
    y = (task.steps, task.samples, *[task.outputs] * (task.kind != "classes"))
    early = shape.sizes(units) if shape.states else {}
    initial = {name: (shape.lags[name], task.samples, early[name]) for name in shape.states}
    return {**x, "y": y, **initial, **shape.shapes(units)}


def numbers_per_step(model: Fields) -> int:
    """Values and gradients of all nodes at one step of one sample: what a run computes and keeps."""
    return 2 * sum(structure(model).sizes(sizes(model)).values())


def factors(model: Fields) -> Array:
    """The factor of each loss: (T,)."""
    if model.count == "hand":
        return np.array(model.weights)
    if model.count == "task":
        return task(model).weights
    steps = form(model).steps
    return np.ones(steps) if model.count == "every" else np.asarray(np.arange(1, steps + 1) == steps, dtype=float)


def parameters(model: Fields) -> Mapping[str, Array]:
    """The weights: those drawn or brought by the task, changes by hand included."""
    drawn = _drawn(untouched(model))
    return {name: _turned(_edited(array, model.edits, name), model.scaled, name) for name, array in drawn.items()}


@INPUTS.keeps(key=tuple)
def _drawn(model: Fields) -> Mapping[str, Array]:
    if uses_own(model):
        return task(model).params
    return {name: plan.drawn(model.seed) for name, plan in weight_plans(model).items()}


def weight_plans(model: Fields) -> dict[str, Plan]:
    """How each parameter is drawn. Raises ValueError for a scheme that a parameter cannot have."""
    schemes = dict(model.overrides) | {REST: model.scheme}
    return plans(structure(model), sizes(model), schemes)


def initial(model: Fields) -> dict[str, Array]:
    """The initial values of each state (K, B, n), the last row being t = 0: zero, except where changed by hand."""
    dimensions = shapes(model)
    return {name: _edited(np.zeros(dimensions[name]), model.edits, name) for name in structure(model).states}


def arrays(model: Fields) -> dict[str, Array]:
    """All numbers that can be changed by hand: x, y, the initial values of each state, the parameters."""
    data = task(model)
    x = {"x": data.x} if structure(model).reads_x else {}
    return {**x, "y": data.y, **initial(model), **parameters(model)}


def has_place(shapes: Mapping[str, tuple[int, ...]], place: Place) -> bool:
    """Whether arrays of these shapes have an entry at a place."""
    name, index = place
    shape = shapes.get(name)
    return shape is not None and len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))


def classes(model: Fields) -> int:
    """The number of classes of the targets; 0 if they are real numbers or shares."""
    return form(model).outputs if form(model).kind == "classes" else 0
