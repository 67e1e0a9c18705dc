"""What is computed: a cell, a task, which losses count and how the weights begin, as one frozen value; and its run.

Whatever a `Model` holds can be run: what cannot be is refused when it is made, with the message for the control at fault.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import engine
from engine import CATALOGUE, Cell, Run
from engine.catalogue import ACTIVATIONS
from engine.initial import REST, Scheme, Setting, initialise, shown
from engine.tasks import TASKS, Entry, Task

Value: TypeAlias = int | float | bool | str
Array: TypeAlias = NDArray[Any]

#: Bounds of a public page, so that memory and time are bounded; those of the engine are wider.
MAX_STEPS: Final = 1_000
MAX_UNITS: Final = 64
MAX_NUMBERS: Final = 4_000_000  # values of all nodes, steps and samples together: about 100 MB with gradients
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

#: Cells that are made from choices of the user; the choices are the parameters of these functions.
_MAKERS: Final[Mapping[str, Callable[..., Cell]]] = {"rnn": engine.rnn, "feedforward": engine.feedforward}


@dataclass(frozen=True)
class Model:
    """All that a run depends on.

    cell, activation, layers   a name of the catalogue, and its choices where it has them
    sizes       hidden sizes, those that are not `HIDDEN.default`: pairs of a class's first name and its number
    task, settings   a name of `TASKS`, and pairs of those settings that are not its defaults
    count       which losses count: a key of `COUNTS`
    weights     for "hand": one factor a step, else empty
    reduction   "mean" or "sum" over the samples
    own         whether the task's own weights are used, where it brings some that fit
    scheme, overrides, seed    initial weights, of all parameters and of single ones

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

    def __post_init__(self) -> None:
        _among(self.count, COUNTS, "the losses that count")
        _among(self.reduction, REDUCTIONS, "reduction")
        SEED.checked(self.seed)
        shape = structure(self)
        for name, units in self.sizes:
            if name not in [members[0] for members in shape.hidden]:
                raise ValueError(f"{name!r} has no size of its own in {shape.title}")
            HIDDEN.checked(units)
        made = task(self)
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


def _among(value: str, known: Iterable[str], what: str) -> None:
    if value not in known:
        raise ValueError(f"{what} {shown(value)} is not known; there are {', '.join(known)}")


# --- parts, each from the model ----------------------------------------------------------------------------------


def choices(cell: str) -> tuple[str, ...]:
    """Which of "activation" and "layers" can be chosen for a cell of the catalogue."""
    taken = inspect.signature(_MAKERS[cell]).parameters if cell in _MAKERS else ()
    return tuple(name for name in ("activation", "layers") if name in taken or f"{name}s" in taken)


def structure(model: Model) -> Cell:
    """The cell without regard to the task: its nodes up to the output, its parameters, its hidden sizes."""
    return _made(model.cell, model.activation, model.layers, "nll")


def cell(model: Model) -> Cell:
    """The cell with the loss that suits the task's targets: classes or real numbers."""
    return _made(model.cell, model.activation, model.layers, "nll" if task(model).kind == "classes" else "mse")


@lru_cache(maxsize=256)
def _made(name: str, activation: str, layers: int, loss: str) -> Cell:
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
    """Inputs, targets and weights."""
    return _task(model.task, model.settings)


@lru_cache(maxsize=32)
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
    if set(given.params) != set(made.parameters) or not all(
        set(members) & set(given.hidden) for members in made.hidden
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


@lru_cache(maxsize=8)
def parameters(model: Model) -> Mapping[str, Array]:
    """The initial weights."""
    given = brought(model)
    if given is not None and model.own:
        return given
    made = structure(model)
    start = {name: Scheme("constant", value=value) for name, value in made.start.items()}
    return initialise(made, sizes(model), start | dict(model.overrides) | {REST: model.scheme}, model.seed)


def run(model: Model) -> Run:
    """The run. A cell without memory takes the steps as samples: T = 1, and the loss is their mean."""
    made, given = cell(model), task(model)
    if made.states:
        return engine.run(made, parameters(model), given.x, given.y, weights=factors(model), reduction=model.reduction)
    steps, samples = given.y.shape[:2]
    x, y = (array.reshape(1, steps * samples, *array.shape[2:]) for array in (given.x, given.y))
    weights = np.repeat(factors(model), samples)[None]
    return engine.run(made, parameters(model), x, y, weights=weights, reduction=model.reduction)


# --- from one model to the next ----------------------------------------------------------------------------------


def changed(model: Model, **fields: Any) -> Model:
    """A model with some fields changed and, of the others, what still fits. Raises ValueError as `Model` does."""
    wanted = {name: getattr(model, name) for name in Model.__dataclass_fields__} | fields
    if wanted["task"] != model.task and "settings" not in fields:
        wanted["settings"] = _kept_settings(model, wanted["task"])
    before, after = structure(model), _made(wanted["cell"], wanted["activation"], wanted["layers"], "nll")
    if after.hidden != before.hidden and "sizes" not in fields:
        wanted["sizes"] = _kept_sizes(model, after)
    if "overrides" not in fields:
        wanted["overrides"] = tuple((name, scheme) for name, scheme in model.overrides if name in after.parameters)
    if "weights" not in fields:
        wanted["weights"] = ()
    if wanted["count"] == "hand" and "weights" not in fields:
        steps = len(_task(wanted["task"], wanted["settings"]).x)
        wanted["weights"] = (*map(float, factors(model)), *[1.0] * steps)[:steps]
    return Model(**wanted)


def with_setting(model: Model, name: str, value: Value) -> Model:
    """A model with one setting of its task changed."""
    return changed(model, settings=chosen_settings(model.task, settings(model) | {name: value}))


def with_size(model: Model, name: str, units: int) -> Model:
    """A model with one hidden size changed, that of the class whose first name it is."""
    if name not in (members[0] for members in structure(model).hidden):
        raise ValueError(f"{shown(name)} has no size of its own; there are {', '.join(sizes(model))}")
    return changed(model, sizes=chosen_sizes(structure(model), dict(model.sizes) | {name: units}))


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
