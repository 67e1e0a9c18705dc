"""What is computed: a cell, a task, which losses count and how the weights begin, as one frozen value; and its run.

Whatever a `Model` holds can be run: what cannot be is refused when it is made, with the message for the control at fault.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import engine
from engine import CATALOGUE, Cell, Run
from engine.execute import checked
from engine.inputs import REST, TASKS, Entry, Scheme, Setting, Task, initialise
from engine.language import ACTIVATIONS
from engine.support import shown
from explorer.cache import INPUTS

Value: TypeAlias = int | float | bool | str
Array: TypeAlias = NDArray[Any]
#: A place in an array of `arrays`: its name, and an index of it.
Place: TypeAlias = tuple[str, tuple[int, ...]]
Edits: TypeAlias = tuple[tuple[Place, float], ...]
#: Of an array as a whole: its name, the factor of all its entries, and what is then added to each.
Scaled: TypeAlias = tuple[tuple[str, float, float], ...]

#: Bounds of a public page, so that memory and time are bounded; those of the engine are wider.
MAX_STEPS: Final = 1_000
MAX_UNITS: Final = 64
MAX_NUMBERS: Final = 4_000_000  # values of all nodes, steps and samples together: about 100 MB with gradients
MAX_EQUATIONS: Final = 120  # nodes of a step in a cell of the user's own; more cannot be read in a picture
MAX_EDITS: Final = 20_000  # numbers changed by hand
MAX_FACTOR: Final = 1e100  # of an array as a whole, and its inverse; also of what is added to it
_UPPER: Final[Mapping[str, float]] = {
    "steps": MAX_STEPS, "delay": MAX_STEPS // 2, "length": MAX_STEPS // 4, "period": MAX_STEPS,
    "inputs": MAX_UNITS, "outputs": MAX_UNITS, "samples": 100,
}  # fmt: skip
_LONGEST: Final[Mapping[str, int]] = {"text": MAX_STEPS + 1, "table": 200_000}

HIDDEN: Final = Setting("Units", "int", "units", 8, 1, MAX_UNITS)
LAYERS: Final = Setting(
    "Layers", "int", "layers", 3, 1, 20, help="Layers of weights, the last of which gives the output."
)
SEED: Final = Setting(
    "Seed", "int", "seed", 0, 0, 2**32 - 1, help="The same seed gives the same weights on every machine."
)

#: Which losses count, and how that is said.
COUNTS: Final[Mapping[str, str]] = {
    "task": "as the task asks",
    "every": "every step",
    "last": "the last step only",
    "hand": "weights by hand",
}
REDUCTIONS: Final[Mapping[str, str]] = {"mean": "mean", "sum": "sum"}

#: The name of a cell that the user has written, and its title.
OWN: Final = "own"
_OWN_TITLE: Final = "A cell of your own"

#: Cells that are made from choices of the user; the choices are the parameters of these functions.
_MAKERS: Final[Mapping[str, Callable[..., Cell]]] = {"rnn": engine.rnn, "feedforward": engine.feedforward}


@dataclass(frozen=True)
class Model:
    """All that a run depends on.

    cell, activation, layers   a name of the catalogue, and its choices where it has them; or `OWN`
    text        the equations of a cell of the user's own, else empty
    sizes       hidden sizes, those that are not `HIDDEN.default`: pairs of a class's first name and its number
    task, settings   a name of `TASKS`, and pairs of those settings that are not its defaults
    count       which losses count: a key of `COUNTS`
    weights     for "hand": one factor a step, else empty
    reduction   "mean" or "sum" over the samples
    own         whether the task's own weights are used, where it brings some that fit
    scheme, overrides, seed    initial weights, of all parameters and of single ones
    edits       numbers changed by hand, in order: ((name, index), value) of a parameter, of "x", "y" or, under the name of
                a state, of its initial values (K, B, n), whose last row is t = 0; a class of y is an int
    scaled      arrays turned as a whole, after the edits, in order of their names: (name, factor, added) of a parameter
                or of "x"; only to a vector of parameters something is added

    Raises ValueError for what cannot be run. Equal models give equal runs.
    """

    cell: str = "rnn"
    activation: str = "tanh"
    layers: int = 3
    sizes: tuple[tuple[str, int], ...] = ()
    task: str = "text"
    settings: tuple[tuple[str, Value], ...] = ()
    count: str = "task"
    weights: tuple[float, ...] = ()
    reduction: Literal["mean", "sum"] = "mean"
    own: bool = True
    scheme: Scheme = field(default_factory=Scheme)
    overrides: tuple[tuple[str, Scheme], ...] = ()
    seed: int = 0
    text: str = ""
    edits: Edits = ()
    scaled: Scaled = ()

    def __post_init__(self) -> None:
        _among(self.count, COUNTS, "the losses that count")
        _among(self.reduction, REDUCTIONS, "reduction")
        SEED.checked(self.seed)
        shape = structure(self)
        if self.edits:
            _check_edits(self)
        if self.scaled:
            _check_scaled(self)
        for name, units in self.sizes:
            if name not in [members[0] for members in shape.hidden]:
                raise ValueError(f"{name!r} has no size of its own in {shape.title}")
            HIDDEN.checked(units)
        made = task(self)
        if self.cell == OWN:
            _check_targets(shape, made)
        steps, samples = made.x.shape[:2]
        if steps > MAX_STEPS:
            raise ValueError(f"{steps:,} steps; at most {MAX_STEPS:,} are computed here")
        numbers = 2 * steps * samples * sum(shape.sizes(sizes(self)).values())
        if numbers > MAX_NUMBERS:
            raise ValueError(
                f"{steps:,} steps with {samples:,} samples are about {numbers:,} numbers; at most {MAX_NUMBERS:,} are"
                " computed here: take fewer of either, or smaller sizes"
            )
        if self.count == "hand":
            if len(self.weights) != steps:
                raise ValueError(f"{len(self.weights)} weights for {steps} steps; give one for each step")
            if not np.isfinite(self.weights).all():
                raise ValueError("a weight is not finite")
        elif self.weights:
            raise ValueError("weights are given, but not counted by hand")
        parameters(self)
        if self.cell == OWN:  # the sizes of a text can contradict its data in ways that only the engine knows
            with np.errstate(all="ignore"):
                checked(*(*_arguments(self), np.float64))


def _check_targets(shape: Cell, made: Task) -> None:
    """Refuse targets that the losses of a text cannot be compared with."""
    names = {name for node in shape.nodes if (name := shape.operation(node)) and shape.loss(node)}
    if made.kind == "classes" and not shape.takes_classes:
        raise ValueError(
            f"the targets of this task are classes, and the loss of your cell, {', '.join(sorted(names))}, compares with"
            " real numbers: take nll(softmax(…), y), or a task with real targets"
        )
    if made.kind == "real" and not _within_loss(shape, made):
        raise ValueError(
            f"the targets of this task are any real numbers, and the loss of your cell, {', '.join(sorted(names))}, needs"
            " classes or shares from 0 to 1: take mse(…, y), or a task with classes"
        )


def _within_loss(shape: Cell, made: Task) -> bool:
    """Whether targets that are numbers are such as the losses of a cell compare with."""
    names = {row.name for node in shape.nodes if (row := shape.loss(node))}
    return not names & {"nll", "bce"} or bool(((made.y >= 0) & (made.y <= 1)).all())


def _check_edits(model: Model) -> None:
    """Refuse numbers changed by hand that have no place, are not finite, or are not in order."""
    if len(model.edits) > MAX_EDITS:
        raise ValueError(f"{len(model.edits):,} numbers are changed by hand; at most {MAX_EDITS:,} are kept")
    places = [place for place, _ in model.edits]
    if places != sorted(set(places)):
        raise ValueError("the numbers changed by hand must be in order, each place once")
    given, classes = arrays(replace(model, edits=())), _classes(model)
    shares = task(replace(model, edits=())).shares
    for (name, index), value in model.edits:
        if name not in given:
            raise ValueError(f"there is no array {shown(name)}; there are {', '.join(given)}")
        if not _fits(given, (name, index)):
            raise ValueError(f"{name} has no entry {list(index)}: its shape is {given[name].shape}")
        if name == "y" and classes:
            if not isinstance(value, int) or not 0 <= value < classes:
                raise ValueError(
                    f"y at {list(index)} is {shown(value)}: a class is a whole number from 0 to {classes - 1}"
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
        shape = _scalable(replace(model, edits=(), scaled=()), name)
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


def _scalable(model: Model, name: str) -> tuple[int, ...]:
    """The shape of an array that can be turned as a whole."""
    given = parameters(model)
    if name == "x" and structure(model).reads_x:
        return task(model).x.shape
    if name not in given:
        raise ValueError(f"there is no array {shown(name)} to be turned; there are {', '.join(given)}")
    return given[name].shape


def _among(value: str, known: Iterable[str], what: str) -> None:
    if value not in known:
        raise ValueError(f"{what} {shown(value)} is not known; there are {', '.join(known)}")


# --- parts, each from the model ----------------------------------------------------------------------------------


def choices(cell: str) -> tuple[str, ...]:
    """Which of "activation" and "layers" can be chosen for a cell of the catalogue."""
    taken = inspect.signature(_MAKERS[cell]).parameters if cell in _MAKERS else ()
    return tuple(name for name in ("activation", "layers") if name in taken or f"{name}s" in taken)


def title(cell: str) -> str:
    """What a cell is called in a list."""
    return _OWN_TITLE if cell == OWN else CATALOGUE[cell].title


def structure(model: Model) -> Cell:
    """The cell without regard to the task: its nodes up to the output, its parameters, its hidden sizes."""
    return _made(model.cell, model.activation, model.layers, "nll", model.text)


def cell(model: Model) -> Cell:
    """The cell with the loss that suits the task's targets: classes and shares, or real numbers."""
    loss = "mse" if task(model).kind == "real" else "nll"
    return _made(model.cell, model.activation, model.layers, loss, model.text)


@INPUTS.keeps(key=tuple)
def _made(name: str, activation: str, layers: int, loss: str, text: str) -> Cell:
    if (name == OWN) != bool(text):
        raise ValueError("a cell of your own has a text, and no other has")
    if name == OWN:
        made = engine.parse(
            text, OWN, title=_OWN_TITLE, about="Computed as it is written, with the loss that it names."
        )
        if (count := len(made.nodes)) > MAX_EQUATIONS:
            raise ValueError(
                f"the cell has {count} nodes, calls inside a line among them; at most {MAX_EQUATIONS} are drawn here"
            )
        return made
    _among(name, CATALOGUE, "cell")
    _among(activation, ACTIVATIONS, "activation")
    LAYERS.checked(layers)
    if name == "feedforward":
        return engine.feedforward(layers, activation, loss)
    made = engine.rnn(activation) if name == "rnn" else CATALOGUE[name]
    return made if loss == "nll" else with_squared_error(made)


def with_squared_error(cell: Cell) -> Cell:
    """A cell of the catalogue with the squared error of o in place of the softmax and its log-likelihood."""
    text = cell.text.replace("y_hat = softmax(o)\nL = nll(y_hat, y)", "L = mse(o, y)")
    return engine.parse(text, cell.name, title=cell.title, source=cell.source, about=cell.about, start=cell.start)


def entry(model: Model) -> Entry:
    """The task's row of the table, with its settings bounded as a public page needs it."""
    row = TASKS[model.task]
    return replace(row, settings=tuple(_bounded(setting, model.task) for setting in row.settings))


def _bounded(setting: Setting, task: str) -> Setting:
    longest = _LONGEST.get(task, MAX_STEPS) if setting.kind == "text" else setting.upper
    return replace(setting, upper=min(longest, _UPPER.get(setting.name, setting.upper)))


def settings(model: Model) -> dict[str, Value]:
    """Every setting of the task and its value."""
    return {setting.name: setting.default for setting in TASKS[model.task].settings} | dict(model.settings)


def task(model: Model) -> Task:
    """Inputs, targets and weights, with what was changed in them by hand."""
    changes = tuple(edit for edit in model.edits if edit[0][0] in ("x", "y"))
    chosen = _suited(model)
    made = _edited_task(model.task, chosen, changes) if changes else _task(model.task, chosen)
    if chosen != model.settings:
        made = replace(made, notes=(f"{made.notes[0]} The loss of your cell asks for them.", *made.notes[1:]))
    return replace(made, x=_turned(made.x, model.scaled, "x")) if model.scaled else made


def _suited(model: Model) -> tuple[tuple[str, Value], ...]:
    """The settings of the task; targets that are to be what they look like are such as the loss of a cell of one's own needs.

    So 0 and 1 are numbers for mse and bce, and 3, 5, 7 are classes for nll. Where neither fits, `_check_targets` says so.
    """
    if model.cell != OWN or model.task not in TASKS or settings(model).get("targets") != "auto":
        return model.settings
    shape, made = structure(model), _task(model.task, model.settings)
    other = "classes" if shape.takes_classes else "real"
    if made.kind == other or (made.kind != "classes" and _within_loss(shape, made)):
        return model.settings
    chosen = chosen_settings(model.task, settings(model) | {"targets": other})
    try:
        return chosen if _task(model.task, chosen).kind == other else model.settings
    except ValueError:
        return model.settings


@INPUTS.keeps(key=tuple)
def _edited_task(name: str, chosen: tuple[tuple[str, Value], ...], edits: Edits) -> Task:
    made = _task(name, chosen)
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
def _task(name: str, chosen: tuple[tuple[str, Value], ...]) -> Task:
    _among(name, TASKS, "task")
    row = TASKS[name]
    allowed = {setting.name: _bounded(setting, name) for setting in row.settings}
    for key, value in chosen:
        if key not in allowed:
            raise ValueError(f"{row.title} has no setting {key!r}; it has {', '.join(allowed)}")
        allowed[key].checked(value)
    return row.function(**dict(chosen))


def brought(model: Model) -> Mapping[str, Array] | None:
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


def uses_own(model: Model) -> bool:
    """Whether the weights are those that the task brings."""
    return model.own and brought(model) is not None


def sizes(model: Model) -> dict[str, int]:
    """Units of x, y and of each hidden class, by its first name."""
    given, chosen = task(model).sizes, dict(model.sizes)
    if uses_own(model):
        hidden = _brought_sizes(structure(model), task(model))
    else:
        hidden = {members[0]: chosen.get(members[0], HIDDEN.default) for members in structure(model).hidden}
    return {"x": given["x"], "y": given["y"], **hidden}


def factors(model: Model) -> Array:
    """The factor of each loss: (T,)."""
    given = task(model)
    steps = len(given.x)
    if model.count == "hand":
        return np.array(model.weights)
    if model.count == "task":
        return given.weights
    return np.ones(steps) if model.count == "every" else np.asarray(np.arange(1, steps + 1) == steps, dtype=float)


def parameters(model: Model) -> Mapping[str, Array]:
    """The weights: the initial ones, with what was changed by hand."""
    drawn = _drawn(replace(model, edits=(), scaled=()) if model.edits or model.scaled else model)
    return {name: _turned(_edited(array, model.edits, name), model.scaled, name) for name, array in drawn.items()}


@INPUTS.keeps(key=tuple)
def _drawn(model: Model) -> Mapping[str, Array]:
    given = brought(model)
    if given is not None and model.own:
        return given
    made = structure(model)
    start = {name: Scheme("constant", value=value) for name, value in made.start.items()}
    return initialise(made, sizes(model), start | dict(model.overrides) | {REST: model.scheme}, model.seed)


def initial(model: Model) -> dict[str, Array]:
    """The initial values of each state (K, B, n), the last row being t = 0: zero, but for what was changed by hand."""
    made, samples = structure(model), task(model).x.shape[1]
    if not made.states:
        return {}
    units = made.sizes(sizes(model))
    return {name: _edited(np.zeros((made.lags[name], samples, units[name])), model.edits, name) for name in made.states}


def arrays(model: Model) -> dict[str, Array]:
    """All numbers that can be changed by hand, as they are: x, y, the initial values of each state, the parameters."""
    given = task(model)
    x = {"x": given.x} if structure(model).reads_x else {}
    return {**x, "y": given.y, **initial(model), **parameters(model)}


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


# --- from one model to the next ----------------------------------------------------------------------------------


def changed(model: Model, **fields: Any) -> Model:
    """A model with some fields changed and, of the others, what still fits. Raises ValueError as `Model` does."""
    wanted = {name: getattr(model, name) for name in Model.__dataclass_fields__} | fields
    if wanted["task"] != model.task and "settings" not in fields:
        wanted["settings"] = _kept_settings(model, wanted["task"])
    if "text" in fields and "cell" not in fields:
        wanted["cell"] = OWN
    if wanted["cell"] != OWN:
        wanted["text"] = ""
    before = structure(model)
    after = _made(wanted["cell"], wanted["activation"], wanted["layers"], "nll", wanted["text"])
    if after.hidden != before.hidden and "sizes" not in fields:
        wanted["sizes"] = _kept_sizes(model, after)
    if "overrides" not in fields:
        wanted["overrides"] = tuple((name, scheme) for name, scheme in model.overrides if name in after.parameters)
    if "weights" not in fields:
        wanted["weights"] = ()
    if wanted["count"] == "hand" and "weights" not in fields:
        steps = len(_task(wanted["task"], wanted["settings"]).x)
        wanted["weights"] = (*map(float, factors(model)), *[1.0] * steps)[:steps]
    if "scaled" not in fields:
        same = wanted["task"] == model.task
        wanted["scaled"] = tuple(row for row in model.scaled if _still_scaled(after, same, *row))
    if "edits" not in fields and model.edits:
        plain = Model(**wanted | {"edits": ()})
        return replace(plain, edits=kept) if (kept := _kept_edits(model, plain)) else plain
    return Model(**wanted)


def _still_scaled(after: Cell, same_task: bool, name: str, _: float, added: float) -> bool:
    """Whether an array that was turned as a whole can be so in another cell."""
    if name == "x":
        return after.reads_x and same_task
    return name in after.parameters and (not added or len(after.dimensions[name]) == 1)


def _kept_edits(before: Model, after: Model) -> Edits:
    """Those edits of the one model that have a place in the other."""
    given, classes, same = arrays(after), _classes(after), before.task == after.task
    shares = task(replace(after, edits=())).shares
    return tuple(
        (place, value)
        for place, value in before.edits
        if _fits(given, place)
        and (place[0] not in ("x", "y") or same)
        and (place[0] != "y" or not classes or (isinstance(value, int) and value < classes))
        and (place[0] != "y" or not shares or 0 <= value <= 1)
    )


def _fits(given: Mapping[str, Array], place: Place) -> bool:
    name, index = place
    shape = given[name].shape if name in given else None
    return shape is not None and len(index) == len(shape) and all(0 <= i < n for i, n in zip(index, shape, strict=True))


def _classes(model: Model) -> int:
    """How many classes the targets have; 0 if they are real numbers."""
    return len(task(replace(model, edits=()) if model.edits else model).classes)


def with_edits(model: Model, values: Mapping[Place, float | None]) -> Model:
    """A model with more numbers changed by hand; None, or the number that stood there, takes a change back.

    An array that was turned as a whole is from then on changed by hand in all its entries.
    Raises ValueError for a place that there is not, or a number that is not allowed there.
    """
    rest = tuple(row for row in model.scaled if row[0] not in {name for name, _ in values})
    if rest != model.scaled:
        values = _written_out(model, [row[0] for row in model.scaled if row not in rest]) | dict(values)
    plain = replace(model, edits=(), scaled=rest)
    given, edits = arrays(plain), dict(model.edits)
    for place, value in values.items():
        if not _fits(given, place):
            raise ValueError(f"there is no entry {list(place[1])} of {shown(place[0])}")
        if value is None or given[place[0]][place[1]] == value:
            edits.pop(place, None)
        else:
            edits[place] = value + 0 if isinstance(value, int) and place[0] == "y" else float(value) + 0.0  # no −0
    return replace(plain, edits=tuple(sorted(edits.items())))


def _written_out(model: Model, names: list[str]) -> dict[Place, float | None]:
    """Every entry of some arrays, as it now is."""
    given = arrays(model)
    if (count := sum(given[name].size for name in names)) > MAX_EDITS:
        raise ValueError(
            f"{', '.join(names)} is turned as a whole, so each of its {count:,} numbers would be one changed by hand; at most"
            f" {MAX_EDITS:,} are kept: turn it back first"
        )
    return {(name, index): float(given[name][index]) for name in names for index in np.ndindex(given[name].shape)}


def turned(model: Model, name: str) -> tuple[float, float]:
    """The factor of an array as a whole, and what is added to each of its entries."""
    return next(((factor, added) for of, factor, added in model.scaled if of == name), (1.0, 0.0))


def with_turn(model: Model, name: str, factor: float, added: float = 0.0) -> Model:
    """A model with one array turned as a whole, after the edits: factor · array + added. Raises ValueError as `Model` does."""
    rows = {of: (f, a) for of, f, a in model.scaled} | {name: (float(factor), float(added))}
    return replace(model, scaled=tuple((of, *row) for of, row in sorted(rows.items()) if row != (1, 0)))


def dropped(before: Model, after: Model) -> list[str]:
    """The arrays of which a change of sizes, cell or task has dropped numbers that were changed by hand."""
    if not before.edits:
        return []
    kept = dict(_kept_edits(before, after))
    return sorted({place[0] for place, _ in before.edits if place not in kept})


def with_text(model: Model, text: str) -> Model:
    """A model with a cell of the user's own; values that the cell before starts from become schemes of single parameters."""
    made = engine.parse(text, OWN)
    starts = {name: Scheme("constant", value=value) for name, value in structure(model).start.items()}
    schemes = starts | dict(model.overrides)
    kept = tuple((name, schemes[name]) for name in made.parameters if name in schemes)
    return changed(model, text=text, cell=OWN, overrides=kept)


def with_setting(model: Model, name: str, value: Value) -> Model:
    """A model with one setting of its task changed."""
    return changed(model, settings=chosen_settings(model.task, settings(model) | {name: value}))


def with_size(model: Model, name: str, units: int) -> Model:
    """A model with one hidden size changed, that of the class of which the name is a member."""
    return changed(
        model, sizes=chosen_sizes(structure(model), dict(model.sizes) | {sized(structure(model), name): units})
    )


def sized(cell: Cell, name: str) -> str:
    """The name under which a hidden size is kept: the first of its class. Raises ValueError for what has no such size."""
    for members in cell.hidden:
        if name in members:
            return members[0]
    known = ", ".join(members[0] for members in cell.hidden) or "none"
    raise ValueError(f"{shown(name)} has no size of its own; sizes that can be chosen: {known}")


def with_override(model: Model, name: str, scheme: Scheme | None) -> Model:
    """A model with one parameter's own scheme changed, or taken away."""
    if name not in structure(model).parameters:
        raise ValueError(f"there is no parameter {shown(name)}; there are {', '.join(structure(model).parameters)}")
    schemes = dict(model.overrides) | ({} if scheme is None else {name: scheme})
    return changed(
        model,
        overrides=tuple(
            (p, schemes[p]) for p in structure(model).parameters if p in schemes and (p, scheme) != (name, None)
        ),
    )


def chosen_settings(task: str, values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """Those settings that are not the defaults of the task, in its order; each is checked."""
    row = TASKS[task].settings if task in TASKS else ()
    given = {
        setting: _bounded(setting, task).checked(values[setting.name]) for setting in row if setting.name in values
    }
    return tuple((setting.name, value) for setting, value in given.items() if value != setting.default)


def chosen_sizes(cell: Cell, values: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Those hidden sizes that are not the default, in the order of the cell."""
    return tuple(
        (members[0], units)
        for members in cell.hidden
        if (units := values.get(members[0], HIDDEN.default)) != HIDDEN.default
    )


def _kept_sizes(model: Model, after: Cell) -> tuple[tuple[str, int], ...]:
    """Hidden sizes by any name that both cells have; for a class with no such name, the one size that all had before."""
    before = {member: sizes(model)[members[0]] for members in structure(model).hidden for member in members}
    only = next(iter(before.values())) if len(set(before.values())) == 1 else HIDDEN.default
    return chosen_sizes(
        after, {members[0]: next((before[m] for m in members if m in before), only) for members in after.hidden}
    )


def _kept_settings(model: Model, task: str) -> tuple[tuple[str, Value], ...]:
    """The settings that mean the same in both tasks and are allowed in the new one."""
    own = {setting.name: setting for setting in TASKS[model.task].settings}
    kept: dict[str, Value] = {}
    for setting in TASKS[task].settings if task in TASKS else ():
        if setting.name in dict(model.settings) and setting.kind == own[setting.name].kind in ("int", "float"):
            try:
                kept[setting.name] = _bounded(setting, task).checked(dict(model.settings)[setting.name])
            except ValueError:
                continue
    return chosen_settings(task, kept)
