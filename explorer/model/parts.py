"""The parts that follow from the fields of a model: the cell, the task, the sizes, the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

import engine
from engine import CATALOGUE, Cell
from engine.inputs import REST, TASKS, Entry, Scheme, Task, initialise
from engine.language import ACTIVATIONS
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
    """The cell without regard to the task: its nodes up to the output, its parameters, its hidden sizes."""
    return made_cell(model.cell, model.activation, model.layers, "nll", model.text)


def cell(model: Fields) -> Cell:
    """The cell with the loss that suits the task's targets: classes and shares, or real numbers."""
    loss = "mse" if task(model).kind == "real" else "nll"
    return made_cell(model.cell, model.activation, model.layers, loss, model.text)


@INPUTS.keeps(key=tuple)
def made_cell(name: str, activation: str, layers: int, loss: str, text: str) -> Cell:
    if (name == OWN) != bool(text):
        raise ValueError("a cell of your own has a text, and no other has")
    if name == OWN:
        made = engine.parse(text, OWN, title=OWN_TITLE, about="Computed as it is written, with the loss that it names.")
        if (count := len(made.nodes)) > MAX_EQUATIONS:
            raise ValueError(
                f"the cell has {count} nodes, calls inside a line among them; at most {MAX_EQUATIONS} are drawn here"
            )
        return made
    one_of(CATALOGUE, "cell")(name)
    one_of(ACTIVATIONS, "activation")(activation)
    LAYERS.checked(layers)
    if name == "feedforward":
        return engine.feedforward(layers, activation, loss)
    made = engine.rnn(activation) if name == "rnn" else CATALOGUE[name]
    return made if loss == "nll" else with_squared_error(made)


def with_squared_error(cell: Cell) -> Cell:
    """A cell of the catalogue with the squared error of o in place of the softmax and its log-likelihood."""
    text = cell.text.replace("y_hat = softmax(o)\nL = nll(y_hat, y)", "L = mse(o, y)")
    return engine.parse(text, cell.name, title=cell.title, source=cell.source, about=cell.about, start=cell.start)


def entry(model: Fields) -> Entry:
    """The task's row of the table, with its settings bounded as a public page needs it."""
    row = TASKS[model.task]
    return replace(row, settings=tuple(bounded(setting, model.task) for setting in row.settings))


def settings(model: Fields) -> dict[str, Value]:
    """Every setting of the task and its value."""
    return {setting.name: setting.default for setting in TASKS[model.task].settings} | dict(model.settings)


def task(model: Fields) -> Task:
    """Inputs, targets and weights, with what was changed in them by hand."""
    changes = tuple(edit for edit in model.edits if edit[0][0] in ("x", "y"))
    chosen = _suited(model)
    made = _edited_task(model.task, chosen, changes) if changes else made_task(model.task, chosen)
    if chosen != model.settings:
        made = replace(made, notes=(f"{made.notes[0]} The loss of your cell asks for them.", *made.notes[1:]))
    return replace(made, x=_turned(made.x, model.scaled, "x")) if model.scaled else made


def _suited(model: Fields) -> tuple[tuple[str, Value], ...]:
    """The settings of the task; targets that are to be what they look like are such as the loss of a cell of one's own needs.

    So 0 and 1 are numbers for mse and bce, and 3, 5, 7 are classes for nll. Where neither fits, `_check_targets` says so.
    """
    if model.cell != OWN or model.task not in TASKS or settings(model).get("targets") != "auto":
        return model.settings
    shape, made = structure(model), made_task(model.task, model.settings)
    other = "classes" if shape.takes_classes else "real"
    if made.kind == other or (made.kind != "classes" and targets_fit_losses(shape, made)):
        return model.settings
    chosen = chosen_settings(model.task, settings(model) | {"targets": other})
    try:
        return chosen if made_task(model.task, chosen).kind == other else model.settings
    except ValueError:
        return model.settings


def targets_fit_losses(shape: Cell, made: Task) -> bool:
    """Whether targets that are numbers are such as the losses of a cell compare with."""
    names = {row.name for node in shape.nodes if (row := shape.loss(node))}
    return not names & {"nll", "bce"} or bool(((made.y >= 0) & (made.y <= 1)).all())


@INPUTS.keeps(key=tuple)
def _edited_task(name: str, chosen: tuple[tuple[str, Value], ...], edits: Edits) -> Task:
    made = made_task(name, chosen)
    x, y = (_edited(array, edits, of) for array, of in ((made.x, "x"), (made.y, "y")))
    touched = {index[0] for (of, index), _ in edits if of == "x" and index[1] == 0}
    numbered = made.labels == tuple(map(str, range(1, len(x) + 1)))
    labels = [f"{label}*" if t in touched and not numbered else label for t, label in enumerate(made.labels)]
    return replace(made, x=x, y=y, labels=tuple(labels))


def _edited(array: Array, edits: Edits, name: str) -> Array:
    """The array with its changes; itself if there are none."""
    mine = [(index, value) for (of, index), value in edits if of == name]
    if not mine:
        return array
    result = np.array(array)
    for index, value in mine:
        result[index] = value
    result.setflags(write=False)
    return result


def _turned(array: Array, scaled: Scaled, name: str) -> Array:
    """The array with its factor and what is added; itself if it is not turned."""
    for of, factor, added in scaled:
        if of == name:
            with np.errstate(all="ignore"):  # what is not finite is refused when the model is made
                array = factor * array + added
            array.setflags(write=False)
    return array


@INPUTS.keeps(key=tuple)
def made_task(name: str, chosen: tuple[tuple[str, Value], ...]) -> Task:
    one_of(TASKS, "task")(name)
    row = TASKS[name]
    allowed = {setting.name: bounded(setting, name) for setting in row.settings}
    for key, value in chosen:
        if key not in allowed:
            raise ValueError(f"{row.title} has no setting {key!r}; it has {', '.join(allowed)}")
        allowed[key].checked(value)
    return row.function(**dict(chosen))


def brought(model: Fields) -> Mapping[str, Array] | None:
    """The weights that the task brings, if it does and they fit the cell."""
    made, given = structure(model), task(model)
    if (
        not given.params
        or set(given.params) != set(made.parameters)
        or not all(set(members) & set(given.hidden) for members in made.hidden)
    ):
        return None
    fit = made.shapes({"x": given.sizes["x"], "y": given.sizes["y"], **_brought_sizes(made, given)})
    return given.params if all(given.params[name].shape == shape for name, shape in fit.items()) else None


def _brought_sizes(made: Cell, given: Task) -> dict[str, int]:
    """The hidden sizes that the task's weights fix, by the first name of each class."""
    return {members[0]: next(given.hidden[m] for m in members if m in given.hidden) for members in made.hidden}


def uses_own(model: Fields) -> bool:
    """Whether the weights are those that the task brings."""
    return model.own and brought(model) is not None


def sizes(model: Fields) -> dict[str, int]:
    """Units of x, y and of each hidden class, by its first name."""
    given, chosen = task(model).sizes, dict(model.sizes)
    if uses_own(model):
        hidden = _brought_sizes(structure(model), task(model))
    else:
        hidden = {members[0]: chosen.get(members[0], HIDDEN.default) for members in structure(model).hidden}
    return {"x": given["x"], "y": given["y"], **hidden}


def numbers_per_step(model: Fields) -> int:
    """Values and gradients of all nodes at one step of one sample: what a run computes and keeps."""
    return 2 * sum(structure(model).sizes(sizes(model)).values())


def factors(model: Fields) -> Array:
    """The factor of each loss: (T,)."""
    given = task(model)
    steps = len(given.x)
    if model.count == "hand":
        return np.array(model.weights)
    if model.count == "task":
        return given.weights
    return np.ones(steps) if model.count == "every" else np.asarray(np.arange(1, steps + 1) == steps, dtype=float)


def parameters(model: Fields) -> Mapping[str, Array]:
    """The weights: the initial ones, with what was changed by hand."""
    drawn = _drawn(untouched(model))
    return {name: _turned(_edited(array, model.edits, name), model.scaled, name) for name, array in drawn.items()}


@INPUTS.keeps(key=tuple)
def _drawn(model: Fields) -> Mapping[str, Array]:
    given = brought(model)
    if given is not None and model.own:
        return given
    made = structure(model)
    start = {name: Scheme("constant", value=value) for name, value in made.start.items()}
    return initialise(made, sizes(model), start | dict(model.overrides) | {REST: model.scheme}, model.seed)


def initial(model: Fields) -> dict[str, Array]:
    """The initial values of each state (K, B, n), the last row being t = 0: zero, but for what was changed by hand."""
    made, samples = structure(model), task(model).x.shape[1]
    if not made.states:
        return {}
    units = made.sizes(sizes(model))
    return {name: _edited(np.zeros((made.lags[name], samples, units[name])), model.edits, name) for name in made.states}


def arrays(model: Fields) -> dict[str, Array]:
    """All numbers that can be changed by hand, as they are: x, y, the initial values of each state, the parameters."""
    given = task(model)
    x = {"x": given.x} if structure(model).reads_x else {}
    return {**x, "y": given.y, **initial(model), **parameters(model)}


def has_place(given: Mapping[str, Array], place: Place) -> bool:
    name, index = place
    shape = given[name].shape if name in given else None
    return shape is not None and len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))


def classes(model: Fields) -> int:
    """How many classes the targets have; 0 if they are real numbers."""
    return len(task(without_edits(model)).classes)
