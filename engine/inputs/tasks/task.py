"""Tasks, inputs and targets with their descriptions; and the decorator that makes a row of `TASKS` from a function.

A function is one task. Its signature says all that a user can set: names and defaults are those of its parameters; label,
bounds and help are written on their types. The page's controls and the checks of arguments come from the same lines. Random
numbers come from streams keyed by the seed and a name (`setting.stream`), so a longer sequence of one sample begins with the
shorter one where the form of the task allows it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeAlias, get_type_hints

import numpy as np
from numpy.typing import NDArray

from engine.inputs.setting import MAX_SEED, Setting, stream
from engine.language.operations import locked
from engine.support.budget import fits

Array: TypeAlias = NDArray[np.float64]
Classes: TypeAlias = NDArray[np.int64]
P = ParamSpec("P")

MAX_STEPS: Final = 5_000
MAX_SAMPLES: Final = 1_000
MAX_UNITS: Final = 1_000  # inputs, outputs or classes
MAX_NUMBERS: Final = 5_000_000  # in x or in y: 40 MB
MAX_TABLE_BYTES: Final = 1_000_000


Kind: TypeAlias = Literal["classes", "shares", "real"]


@dataclass(frozen=True)
class Form:
    """The sizes of a task, without its numbers.

    Attributes:
        steps: T.
        samples: B.
        inputs: n_x.
        outputs: n_y, or the number of classes.
        kind: the kind of the targets, as `Task.kind`.
        params: the shapes of the parameters that the task brings, if any.
        hidden: the hidden sizes that these parameters fix.

    **Holds:** a_task_has_the_form_of_its_row.
    """

    steps: int
    samples: int
    inputs: int
    outputs: int
    kind: Kind
    params: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    hidden: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Task:
    """A sequence of inputs and targets, with its description. All arrays are read-only.

    Attributes:
        x: (T, B, n_x) float64.
        y: (T, B) int64, the classes counted from 0; or (T, B, n_y) float64.
        weights: (T,) float64, the factor of each L(t).
        labels: a text for each step of the first sample, which the picture writes under the step.
        sentence: the task in plain words.
        source: where the task comes from.
        inputs: a name for each unit of x.
        classes: a name for each class; () if the targets are no classes.
        outputs: a name for each unit of y; () if it has no names or the targets are classes.
        shares: whether y (T, B, n_y) is a distribution over its units.
        notes: sentences on how ambiguous data were read.
        params: the parameters that the task brings, by name, if any.
        hidden: the hidden sizes that these parameters fix.

    **Holds:** every_task_is_well_formed.
    """

    x: Array
    y: Classes | Array
    weights: Array
    labels: tuple[str, ...]
    sentence: str
    source: str
    inputs: tuple[str, ...]
    classes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    shares: bool = False
    notes: tuple[str, ...] = ()
    params: Mapping[str, Array] = field(default_factory=dict)
    hidden: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the arrays and mappings read-only."""
        for name in ("x", "y", "weights"):
            object.__setattr__(self, name, _kept(getattr(self, name)))
        params = {name: _kept(value) for name, value in self.params.items()}
        object.__setattr__(self, "params", MappingProxyType(params))
        object.__setattr__(self, "hidden", MappingProxyType(dict(self.hidden)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields."""
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return _task_of, ({**given, "params": dict(self.params), "hidden": dict(self.hidden)},)

    @property
    def kind(self) -> Kind:
        """The kind of the targets, which decides the loss: "classes" or "shares" (softmax and nll), or "real" (mse)."""
        return "classes" if self.y.ndim == 2 else "shares" if self.shares else "real"

    @property
    def form(self) -> Form:
        """The sizes of the task."""
        steps, samples = self.x.shape[:2]
        shapes = {name: array.shape for name, array in self.params.items()}
        return Form(steps, samples, self.sizes["x"], self.sizes["y"], self.kind, shapes, dict(self.hidden))

    @property
    def sizes(self) -> dict[str, int]:
        """{"x": n_x, "y": n_y}, and the hidden sizes that the parameters of the task fix."""
        return {
            "x": self.x.shape[2],
            "y": len(self.classes) if self.kind == "classes" else self.y.shape[2],
            **self.hidden,
        }


def _kept(array: NDArray[Any]) -> NDArray[Any]:
    """Make a read-only copy; a view would still change with its array."""
    return locked(np.array(array, order="C"))


def _task_of(given: dict[str, Any]) -> Task:
    """Make a task from its fields; a function of the module, as a pickle needs it."""
    return Task(**given)


@dataclass(frozen=True)
class Entry:
    """A row of `TASKS`.

    Attributes:
        name: of the task.
        title: for a heading or a menu.
        summary: the task in a sentence.
        function: makes the task from its settings.
        settings: in the order of the function's parameters.
        form: makes the sizes from the settings, without the numbers; None if only the data have sizes, as for a table.
    """

    name: str
    title: str
    summary: str
    function: Callable[..., Task]
    settings: tuple[Setting, ...]
    form: Callable[..., Form] | None = None


_ENTRIES: dict[str, Entry] = {}


def entries(*functions: Callable[..., Task]) -> Mapping[str, Entry]:
    """List the rows of some tasks by name, in this order."""
    return MappingProxyType({function.__name__: _ENTRIES[function.__name__] for function in functions})


def task(title: str, form: Callable[..., Form] | None = None) -> Callable[[Callable[P, Task]], Callable[P, Task]]:
    """Make a row for `TASKS` from a function, and check what it is called with against its settings.

    form   the sizes from all settings by name; a task whose sizes are too large is then refused before it is made
    """

    def enter(function: Callable[P, Task]) -> Callable[P, Task]:
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
        settings = {
            name: replace(hints[name].__metadata__[0], name=name, default=parameter.default)
            for name, parameter in signature.parameters.items()
        }

        name = function.__name__

        def values(*args: Any, **kwargs: Any) -> dict[str, Any]:
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            return {name: settings[name].checked(value) for name, value in call.arguments.items()}

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Task:
            chosen = values(*args, **kwargs)
            if form is not None:
                form(**chosen)
            return function(**chosen)  # type: ignore[call-arg]  # the same names, each value checked

        summary = (function.__doc__ or "").partition("\n")[0]
        sizes = None if form is None else lambda **chosen: form(**values(**chosen))
        _ENTRIES[name] = Entry(name, title, summary, checked, tuple(settings.values()), sizes)
        return checked

    return enter


def steps_from(lower: int = 1) -> Setting:
    """The setting of a number of steps."""
    return Setting("Steps", "int", lower=lower, upper=MAX_STEPS, help="Length T of the sequence.")


_SAMPLES = Setting("Samples", "int", lower=1, upper=MAX_SAMPLES, help="Sequences B that are computed side by side.")
_SEED = Setting("Seed of the data", "int", lower=0, upper=MAX_SEED, help="The same seed gives the same numbers.")

Steps: TypeAlias = Annotated[int, steps_from()]
Samples: TypeAlias = Annotated[int, _SAMPLES]
Seed: TypeAlias = Annotated[int, _SEED]


def bounded(form: Form, units: int, name: str) -> Form:
    """Make the form of a task with `units` numbers per step and sample; raises ValueError for more than `MAX_NUMBERS`."""
    fits(f"the task {name!r}", lambda T: 8 * T * form.samples * units, form.steps, form.samples, most=8 * MAX_NUMBERS)
    return form


def random(seed: int, task: str, what: str) -> np.random.Generator:
    """The random numbers of a task: those of the seed, the task and the name of its part."""
    return stream(seed, f"task {task} {what}")  # with its spaces no parameter's name, so no weight's stream


def every_step(steps: int) -> Array:
    """Weights that count every step."""
    return np.ones(steps)


def last_step(steps: int) -> Array:
    """Weights that count the last step alone."""
    return np.asarray(np.arange(1, steps + 1) == steps, dtype=np.float64)


def same_target(target: NDArray[Any], steps: int) -> NDArray[Any]:
    """Repeat the target of a sequence at each of its steps, so that the loss of any step can be computed."""
    return np.repeat(target[None], steps, axis=0)


def numbered(name: str, n: int) -> tuple[str, ...]:
    """Names for n units: x1, x2, …; for one unit x alone."""
    return (name,) if n == 1 else tuple(f"{name}{i}" for i in range(1, n + 1))


def decimals(value: float) -> str:
    """Write a value with two decimals."""
    return f"{round(value, 2) + 0.0:.2f}"  # + 0.0: no label −0.00


def step_numbers(steps: int) -> tuple[str, ...]:
    """Labels: the numbers of the steps."""
    return tuple(str(t) for t in range(1, steps + 1))
