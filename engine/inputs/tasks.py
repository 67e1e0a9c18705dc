"""Inputs and targets: the worked network, texts, the classic tests of memory, a table of the user's own.

One function a task; its signature says all that a user can set: the names and defaults are those of its parameters,
label, bounds and help are written on their types. `TASKS` is read off the functions, so the page's controls and the
checks of what is given come from the same lines. Random numbers come from streams keyed by the seed and a name, as in
`engine.inputs.initial`, so a longer sequence of one sample begins with the shorter one where the task's form allows it.
"""

from __future__ import annotations

import csv
import functools
import inspect
import io
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeAlias, get_type_hints

import numpy as np
from numpy.typing import NDArray

from engine.inputs.initial import MAX_SEED, Setting, stream
from engine.inputs.numbers import Point, is_number, is_word, read_cells
from engine.support.arguments import shown
from engine.support.budget import fits

Array: TypeAlias = NDArray[np.float64]
Classes: TypeAlias = NDArray[np.int64]
P = ParamSpec("P")

MAX_STEPS: Final = 5_000
MAX_SAMPLES: Final = 1_000
MAX_UNITS: Final = 1_000  # inputs, outputs or classes
MAX_NUMBERS: Final = 5_000_000  # in x or in y: 40 MB
MAX_TABLE_BYTES: Final = 1_000_000


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array = np.array(array, order="C")  # a copy: a view would still change with what it views
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Task:
    """A sequence of inputs and targets, and what there is to say about them.

    x         (T, B, n_x) float64
    y         (T, B) int64, classes counted from 0; or (T, B, n_y) float64
    weights   (T,) float64, the factor of each L(t)
    labels    a text for each step, for the first sample: what the picture writes under the step
    sentence  what the task asks, in plain words
    source    where it comes from
    inputs    a name for each unit of x
    classes   a name for each class, () where the targets are no classes
    outputs   a name for each unit of y, () where it has none or the targets are classes
    shares    whether y (T, B, n_y) is a distribution over its units
    notes     in words, what was made of data that could mean several things
    params    parameters and their values, for a task that brings its own; else empty
    hidden    sizes that these parameters fix, else empty

    All arrays are read-only. **Holds:** every_task_is_well_formed.
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
        for name in ("x", "y", "weights"):
            object.__setattr__(self, name, _read_only(getattr(self, name)))
        params = {name: _read_only(value) for name, value in self.params.items()}
        object.__setattr__(self, "params", MappingProxyType(params))
        object.__setattr__(self, "hidden", MappingProxyType(dict(self.hidden)))

    def __reduce__(self) -> tuple[Any, ...]:
        given = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return _task_of, ({**given, "params": dict(self.params), "hidden": dict(self.hidden)},)

    @property
    def kind(self) -> Literal["classes", "shares", "real"]:
        """What the targets are, and so which loss fits: "classes" or "shares" (softmax and nll), or "real" (mse)."""
        return "classes" if self.y.ndim == 2 else "shares" if self.shares else "real"

    @property
    def sizes(self) -> dict[str, int]:
        """{"x": n_x, "y": n_y}, and the hidden sizes that the task's own parameters fix."""
        return {
            "x": self.x.shape[2],
            "y": len(self.classes) if self.kind == "classes" else self.y.shape[2],
            **self.hidden,
        }


def _task_of(given: dict[str, Any]) -> Task:
    """A task from its fields; by name, so that a task can be pickled."""
    return Task(**given)


@dataclass(frozen=True)
class Entry:
    """A row of `TASKS`: the name of a task, its title, what it is in a sentence, its function and its settings."""

    name: str
    title: str
    summary: str
    function: Callable[..., Task]
    settings: tuple[Setting, ...]


_ENTRIES: dict[str, Entry] = {}
#: The tasks by name, in the order in which a page offers them.
TASKS: Final[Mapping[str, Entry]] = MappingProxyType(_ENTRIES)


def _task(title: str) -> Callable[[Callable[P, Task]], Callable[P, Task]]:
    """Enter a function into `TASKS` and check what it is called with against its settings."""

    def enter(function: Callable[P, Task]) -> Callable[P, Task]:
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
        settings = {
            name: replace(hints[name].__metadata__[0], name=name, default=parameter.default)
            for name, parameter in signature.parameters.items()
        }

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Task:
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            given = {name: settings[name].checked(value) for name, value in call.arguments.items()}
            return function(**given)  # type: ignore[call-arg]  # the same names, each value checked

        name = function.__name__
        summary = (function.__doc__ or "").partition("\n")[0]
        _ENTRIES[name] = Entry(name, title, summary, checked, tuple(settings.values()))
        return checked

    return enter


def _steps(lower: int = 1) -> Setting:
    return Setting("Steps", "int", lower=lower, upper=MAX_STEPS, help="Length T of the sequence.")


_SAMPLES = Setting("Samples", "int", lower=1, upper=MAX_SAMPLES, help="Sequences B that are computed side by side.")
_SEED = Setting("Seed of the data", "int", lower=0, upper=MAX_SEED, help="The same seed gives the same numbers.")

Steps: TypeAlias = Annotated[int, _steps()]
Samples: TypeAlias = Annotated[int, _SAMPLES]
Seed: TypeAlias = Annotated[int, _SEED]


def _check_room(steps: int, samples: int, units: int, what: str) -> None:
    """Raise ValueError before an array is made that is larger than the bound."""
    fits(f"the task {what!r}", lambda T: 8 * T * samples * units, steps, samples, most=8 * MAX_NUMBERS)


def _random(seed: int, task: str, what: str) -> np.random.Generator:
    return stream(seed, f"task {task} {what}")  # with its spaces no parameter's name, so no weight's stream


def _one_hot(codes: NDArray[np.integer], n: int) -> Array:
    """(…) integers to (…, n) floats with a single 1 each."""
    return np.asarray(codes[..., None] == np.arange(n), dtype=np.float64)


def _every_step(steps: int) -> Array:
    return np.ones(steps)


def _last_step(steps: int) -> Array:
    return np.asarray(np.arange(1, steps + 1) == steps, dtype=np.float64)


def _same_target(target: NDArray[Any], steps: int) -> NDArray[Any]:
    """The target of the whole sequence at each of its steps, so that any step's loss may be asked for."""
    return np.repeat(target[None], steps, axis=0)


def _numbered(name: str, n: int) -> tuple[str, ...]:
    return (name,) if n == 1 else tuple(f"{name}{i}" for i in range(1, n + 1))


def _decimals(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # + 0.0: no label −0.00


def _step_numbers(steps: int) -> tuple[str, ...]:
    return tuple(str(t) for t in range(1, steps + 1))


# --- the worked network ------------------------------------------------------------------------------------------

# Chosen once: the recurrence neither saturates (|h| < 0.84) nor kills the gradient (over eleven steps it falls by a
# factor of 20); each class is the target equally often in every six steps.
_WORKED: Final[Mapping[str, list[Any]]] = {
    "b": [0.18, 0.10, 0.06, 0.05, 0.07],
    "W": [
        [-0.19, 0.57, 0.05, -0.34, 0.34],
        [0.53, 0.35, 0.05, 0.41, 0.50],
        [-0.11, -0.49, -0.13, -1.12, 0.98],
        [-0.93, 0.58, 0.23, 0.05, 0.07],
        [0.08, 0.09, 0.78, -0.77, 0.30],
    ],
    "U": [
        [0.42, -0.29, 0.61, -0.10],
        [0.70, -0.11, 0.05, -0.17],
        [0.05, 0.18, -0.15, 0.36],
        [-0.10, -0.22, 0.16, -0.13],
        [-0.49, 0.18, 0.30, -0.47],
    ],
    "c": [-0.12, -0.15, 0.43],
    "V": [
        [0.95, -0.14, 0.64, -0.43, 1.04],
        [0.05, 1.03, 0.48, 0.67, -0.14],
        [-0.75, 0.05, -0.90, 0.31, 0.22],
    ],
}
_WORKED_X: Final = [
    [0.51, -0.74, -0.61, -0.43],
    [-0.85, 0.69, -0.89, -0.24],
    [0.46, -0.34, -0.79, -0.07],
    [-0.94, -0.54, -0.56, -0.06],
    [-0.46, -0.33, 0.71, -0.97],
    [-0.50, -0.52, 0.28, -0.29],
    [0.64, -0.43, -0.69, -0.50],
    [0.89, -0.02, -0.36, -0.47],
    [-0.93, -0.51, 0.77, 0.63],
    [-0.08, -0.09, 0.73, -0.21],
    [0.91, 0.59, -0.54, 0.95],
    [-0.23, -0.89, 0.09, -0.64],
]
_WORKED_Y: Final = [2, 2, 1, 0, 1, 0, 0, 2, 0, 1, 1, 2]


@_task("The worked network")
def worked(steps: Steps = 6) -> Task:
    """The network that can be followed by hand: four inputs, five hidden units, three classes, fixed numbers.

    x (T, 1, 4), y (T, 1) of 3 classes; params b W U c V of the cell `rnn`, with h in R⁵. Twelve steps are kept; a
    longer sequence repeats them. Source: row A9; Goodfellow et al. (2016), (10.8)–(10.11).
    **Holds:** worked_neither_vanishes_nor_saturates, longer_begins_with_shorter.
    """
    step = np.arange(steps) % len(_WORKED_X)
    return Task(
        x=np.array(_WORKED_X)[step, None],
        y=np.array(_WORKED_Y, dtype=np.int64)[step, None],
        weights=_every_step(steps),
        labels=_step_numbers(steps),
        sentence=f"Name one of three classes at each of {steps} steps, from four numbers a step;"
        " weights, inputs and targets are fixed and short enough to follow by hand.",
        source="The worked example with x in R⁴, h in R⁵ and y in R³; Goodfellow et al. (2016), (10.8)–(10.11)",
        inputs=_numbered("x", 4),
        classes=("0", "1", "2"),
        params={name: np.array(values) for name, values in _WORKED.items()},
        hidden={"h": 5},
    )


# --- text --------------------------------------------------------------------------------------------------------

_SIGNS: Final = {" ": "␣", "\n": "↵", "\t": "⇥"}
_BLANK: Final = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols by category, yet nothing is seen of them


def visible(character: str) -> str:
    """A character as it can be read in a picture: itself, ␣ ↵ ⇥ for space, line feed, tab, or its number as U+0301.

    By number go those that show nothing or not by themselves (control, format, combining, lone surrogates, other
    spaces), and the signs ␣ ↵ ⇥ themselves. **Holds:** different_characters_look_different.
    """
    if character in _SIGNS:
        return _SIGNS[character]
    hidden = not character.isprintable() or unicodedata.category(character).startswith("M")
    return f"U+{ord(character):04X}" if hidden or character in _BLANK or character in _SIGNS.values() else character


@_task("Next character of a text")
def text(
    text: Annotated[
        str,
        Setting("Text", "text", lower=2, upper=MAX_STEPS + 1, help="Each character is the target of the one before."),
    ] = "hello",
) -> Task:
    """Predict the next character of a text: from h, e, l, l the characters e, l, l, o.

    x (T, 1, n) one-hot, y (T, 1), T one less than the length of the text, n its different characters. A character is a
    Unicode code point (what is seen as one sign may be several), a class for each in the order of first appearance.
    Raises ValueError for a text of fewer than two characters or of too many.
    Source: Karpathy, min-char-rnn (2015). **Holds:** hello_as_in_min_char_rnn, different_characters_look_different.
    """
    alphabet = {character: code for code, character in enumerate(dict.fromkeys(text))}
    if len(alphabet) > MAX_UNITS:
        raise ValueError(
            f"text has {len(alphabet):,} different characters, at most {MAX_UNITS:,} are allowed: give a shorter text"
        )
    _check_room(len(text) - 1, 1, len(alphabet), "text")
    codes = np.array([alphabet[character] for character in text], dtype=np.int64)
    signs = tuple(map(visible, alphabet))
    return Task(
        x=_one_hot(codes[:-1, None], len(alphabet)),
        y=codes[1:, None],
        weights=_every_step(len(text) - 1),
        labels=tuple(signs[code] for code in codes[:-1]),
        sentence=f"Predict the next character at each of {len(text) - 1} steps, out of {len(alphabet)}.",
        source="Karpathy (2015), min-char-rnn; The Unreasonable Effectiveness of Recurrent Neural Networks",
        inputs=signs,
        classes=signs,
    )


# --- random numbers and small series -----------------------------------------------------------------------------


@_task("Random numbers")
def noise(
    steps: Steps = 10,
    inputs: Annotated[int, Setting("Inputs", "int", lower=1, upper=MAX_UNITS, help="Size of x.")] = 4,
    outputs: Annotated[int, Setting("Outputs", "int", lower=1, upper=MAX_UNITS, help="Classes, or size of y.")] = 3,
    targets: Annotated[
        str, Setting("Targets", "choice", choices=(("classes", "Classes"), ("real", "Real numbers")))
    ] = "classes",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Random inputs and random targets: nothing can be learned, so what is seen is the network alone.

    x (T, B, inputs) standard normal; y (T, B), each class as likely, or (T, B, outputs) standard normal.
    Raises ValueError if x or y would have more than `MAX_NUMBERS` numbers. **Holds:** longer_begins_with_shorter.
    """
    _check_room(steps, samples, max(inputs, outputs), "noise")
    classes = targets == "classes"
    y = _random(seed, "noise", "y")
    return Task(
        x=_random(seed, "noise", "x").standard_normal((steps, samples, inputs)),
        y=y.integers(outputs, size=(steps, samples)) if classes else y.standard_normal((steps, samples, outputs)),
        weights=_every_step(steps),
        labels=_step_numbers(steps),
        sentence=(
            f"Guess one of {outputs} random classes at each of {steps} steps from random inputs."
            if classes
            else f"Guess {outputs} random real numbers at each of {steps} steps from random inputs."
        ),
        source="Independent standard normal inputs; targets drawn apart from them",
        inputs=_numbered("x", inputs),
        classes=tuple(map(str, range(outputs))) if classes else (),
    )


@_task("Running parity")
def parity(steps: Steps = 12, samples: Samples = 1, seed: Seed = 0) -> Task:
    """Tell at each step whether the ones so far are odd in number: one wrong bit spoils all that follow.

    x (T, B, 1) of 0 and 1, y (T, B): 0 even, 1 odd, the running exclusive or of x. **Holds:** parity_counts_the_ones,
    longer_begins_with_shorter. Source: Hochreiter & Schmidhuber (1996), on parity and latch problems.
    """
    bits = _random(seed, "parity", "bits").integers(2, size=(steps, samples))
    return Task(
        x=bits[..., None].astype(np.float64),
        y=np.cumsum(bits, axis=0) % 2,
        weights=_every_step(steps),
        labels=tuple(map(str, bits[:, 0])),
        sentence=f"Say at each of {steps} steps whether the number of ones so far is even or odd.",
        source="Running exclusive or; Hochreiter & Schmidhuber (1996), Bridging long time lags by weight guessing",
        inputs=("bit",),
        classes=("even", "odd"),
    )


@_task("Next value of a sine")
def sine(
    steps: Steps = 20,
    period: Annotated[float, Setting("Period", "float", lower=2, upper=MAX_STEPS, help="Steps a period.")] = 10.0,
    noise: Annotated[
        float, Setting("Noise", "float", lower=0, upper=10, help="Standard deviation added to the inputs.")
    ] = 0.0,
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Predict the next value of a sine from its values so far, which may be noisy.

    x (T, B, 1), y (T, B, 1): x(t) = sin(2π (t − 1)/period + φ) + noise·ε(t), y(t) the sine at t + 1, without noise.
    The samples' phases φ = 0, 2π/B, … are spread evenly; ε is standard normal.
    **Holds:** sine_targets_are_the_next_inputs.
    """
    phase = 2 * np.pi * np.arange(samples) / samples
    wave = np.sin(2 * np.pi / period * np.arange(steps + 1)[:, None] + phase)[..., None]
    x = wave[:-1] + noise * _random(seed, "sine", "noise").standard_normal((steps, samples, 1))
    return Task(
        x=x,
        y=wave[1:],
        weights=_every_step(steps),
        labels=tuple(map(_decimals, x[:, 0, 0])),
        sentence=f"Predict the next value of a sine with a period of {period:g} steps, at each of {steps} steps"
        + (f", from values with noise of standard deviation {noise:g}." if noise else "."),
        source="One step ahead prediction of a sine",
        inputs=("value",),
    )


@_task("A number to be reached")
def reach(
    steps: Steps = 50,
    target: Annotated[
        float, Setting("Target", "float", lower=-1e6, upper=1e6, help="The number that is wanted at the end.")
    ] = 0.7,
) -> Task:
    """Be at a given number after the last step, with nothing coming in: all is up to the weights and the first state.

    x (T, 1, 1) of zeros, y (T, 1, 1) the same target at each step; weights 0, …, 0, 1.
    Source: Pascanu, Mikolov & Bengio (2013), 50 steps and 0.7. **Holds:** longer_begins_with_shorter.
    """
    return Task(
        x=np.zeros((steps, 1, 1)),
        y=np.full((steps, 1, 1), float(target)),
        weights=_last_step(steps),
        labels=_step_numbers(steps),
        sentence=f"Be at {target:g} after step {steps}, with nothing coming in.",
        source="Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks",
        inputs=("nothing",),
    )


# --- tests of memory ---------------------------------------------------------------------------------------------


@_task("Adding problem")
def adding(
    steps: Annotated[int, _steps(6)] = 20,
    form: Annotated[
        str,
        Setting(
            "Form",
            "choice",
            choices=(("2016", "Arjovsky et al. (2016)"), ("1997", "Hochreiter & Schmidhuber (1997)")),
        ),
    ] = "2016",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Add the two marked numbers of a long sequence; only the answer after the last step counts.

    x (T, B, 2): a number and its mark; y (T, B, 1) the same target at each step; weights 0, …, 0, 1.

    form "2016"  numbers uniform in [0, 1]; one mark 1 in each half, else 0; target the sum. To answer 1 always gives a
                 mean squared error of 1/6. Arjovsky, Shah & Bengio (2016), 5.2.
    form "1997"  numbers uniform in [−1, 1]; one mark 1 in the first 10 pairs and another in the first T/2 − 1 (both
                 there if T/2 − 1 < 10), the first and the last mark −1, else 0; target 0.5 + (X₁ + X₂)/4; if the first
                 pair is a chosen one, its mark stays −1 and its number is 0. Correct if the error is below 0.04. All
                 samples have T steps, where the paper draws lengths from T to 1.1 T.
                 Hochreiter & Schmidhuber (1997), 5.4.

    **Holds:** adding_targets_follow_from_x, adding_marks_lie_where_the_form_says.
    """
    _check_room(steps, samples, 2, "adding")
    values, places = _random(seed, "adding", "values"), _random(seed, "adding", "places")
    sample = np.arange(samples)
    mark = np.zeros((steps, samples))
    half = steps // 2
    if form == "2016":
        value = values.random((steps, samples))
        mark[places.integers(half, size=samples), sample] = 1
        mark[places.integers(half, steps, size=samples), sample] = 1
        target = (value * mark).sum(axis=0)
    else:
        value = 2 * values.random((steps, samples)) - 1
        first = places.integers(min(10, half - 1), size=samples)
        second = places.integers(half - 2, size=samples)
        second += second >= first  # one of the first T/2 − 1 that is not marked yet
        mark[first, sample] = mark[second, sample] = 1
        value[0, (first == 0) | (second == 0)] = 0
        mark[[0, -1]] = -1
        target = 0.5 + (value * (mark == 1)).sum(axis=0) / 4
    return Task(
        x=np.stack([value, mark], axis=-1),
        y=_same_target(target[:, None], steps),
        weights=_last_step(steps),
        labels=tuple(_decimals(v) + ("*" if m == 1 else "") for v, m in zip(value[:, 0], mark[:, 0], strict=True)),
        sentence=f"Add the two marked numbers (*) out of {steps} and give "
        + (
            "their sum after the last step; to answer 1 always has a mean squared error of 1/6."
            if form == "2016"
            else "0.5 + (X₁ + X₂)/4 after the last step; an error below 0.04 is right."
        ),
        source="Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, 5.2"
        if form == "2016"
        else "Hochreiter & Schmidhuber (1997), Long short-term memory, 5.4",
        inputs=("value", "mark"),
    )


@_task("Temporal order")
def order(
    steps: Annotated[int, _steps(10)] = 20,
    form: Annotated[
        str,
        Setting(
            "Form",
            "choice",
            choices=(("1997", "Hochreiter & Schmidhuber (1997), 6a"), ("2013", "Pascanu et al. (2013)")),
        ),
    ] = "1997",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Tell in which order two signals, each X or Y, came in a long sequence of distracting symbols.

    x (T, B, n) one-hot, y (T, B) the same class at each step: XX, XY, YX, YY; weights 0, …, 0, 1.

    form "1997"  8 symbols: E first, B last, else distractors a–d; the signals at t₁ in [10, 20], t₂ in [50, 60], as in
                 the paper's sequences of 100 to 110 steps; in proportion in shorter ones, [T/10, T/5], [T/2, 3T/5].
                 Hochreiter & Schmidhuber (1997), 5.6, task 6a.
    form "2013"  6 symbols X Y a b c d; counted from 0, the signals in [0.1 T, 0.2 T) and [0.5 T, 0.6 T). Code of
                 Pascanu, Mikolov & Bengio (2013), with the classes in the order of 1997.

    **Holds:** order_classes_follow_from_x, order_signals_lie_where_the_form_says.
    """
    symbols = "XYabcdEB" if form == "1997" else "XYabcd"
    _check_room(steps, samples, len(symbols), "order")
    signals, places = _random(seed, "order", "signals"), _random(seed, "order", "places")
    code = _random(seed, "order", "distractors").integers(2, 6, size=(steps, samples))
    if form == "1997":
        # Counted from 1, as the paper does, both ends included; step 1 is E's.
        span = min(steps, 100)
        t1 = places.integers(max(2, span // 10), span // 5, size=samples, endpoint=True) - 1
        t2 = places.integers(span // 2, 3 * span // 5, size=samples, endpoint=True) - 1
        code[0], code[-1] = symbols.index("E"), symbols.index("B")
    else:
        t1 = places.integers(steps // 10, size=samples) + steps // 10
        t2 = places.integers(steps // 10, size=samples) + steps // 2
    first, second = signals.integers(2, size=(2, samples))
    code[t1, np.arange(samples)] = first
    code[t2, np.arange(samples)] = second
    return Task(
        x=_one_hot(code, len(symbols)),
        y=_same_target(2 * first + second, steps),
        weights=_last_step(steps),
        labels=tuple(symbols[c] for c in code[:, 0]),
        sentence=f"Two of {steps} symbols are X or Y, all others distract:"
        " say after the last step which two they were, and in which order.",
        source="Hochreiter & Schmidhuber (1997), Long short-term memory, 5.6, task 6a"
        if form == "1997"
        else "Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, code",
        inputs=tuple(symbols),
        classes=("XX", "XY", "YX", "YY"),
    )


@_task("Copy")
def copy(
    delay: Annotated[
        int, Setting("Delay", "int", lower=1, upper=MAX_STEPS // 2, help="T: steps between symbols and their recall.")
    ] = 10,
    length: Annotated[
        int, Setting("Symbols", "int", lower=1, upper=MAX_STEPS // 4, help="How many symbols are to be kept.")
    ] = 10,
    form: Annotated[
        str,
        Setting(
            "Form",
            "choice",
            choices=(
                ("2018", "Bai et al. (2018), delimiters to the end"),
                ("2016", "Arjovsky et al. (2016), one delimiter"),
            ),
        ),
    ] = "2018",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Keep a few symbols over a long blank, then give them back in order.

    With n symbols (`length`) and the delay D there are T = D + 2n steps. x (T, B, 10) is one-hot of blank, 1–8,
    delimiter: n symbols out of 1–8, D − 1 blanks, then n + 1 delimiters (form "2018") or one and n blanks ("2016").
    y (T, B), of the classes blank, 1–8: D + n blanks, then the symbols. Each step counts 1/T, so that the total is the
    mean over the steps as in the papers; without memory it is n·ln 8/T at best, 0.1733 for n = 10 and D = 100.
    Source: Arjovsky, Shah & Bengio (2016), 5.1; Bai, Kolter & Koltun (2018), code of the TCN.
    **Holds:** copy_gives_back_what_it_took, copy_baseline.
    """
    steps = delay + 2 * length
    _check_room(steps, samples, 10, "copy")
    kept = _random(seed, "copy", "symbols").integers(1, 9, size=(length, samples))
    x, y = np.zeros((2, steps, samples), dtype=np.int64)
    x[:length] = kept
    x[steps - length - 1 : (steps - length if form == "2016" else steps)] = 9
    y[steps - length :] = kept
    names = ("blank", *"12345678", "delimiter")
    signs = "_12345678|"
    return Task(
        x=_one_hot(x, 10),
        y=y,
        weights=np.full(steps, 1 / steps),
        labels=tuple(signs[code] for code in x[:, 0]),
        sentence=f"Keep {length} symbols over {delay} steps and give them back in order; without memory the mean loss"
        f" is {length * math.log(8) / steps:.4f} at best.",
        source="Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, 5.1"
        + ("" if form == "2016" else ", in the form of Bai, Kolter & Koltun (2018), code of the TCN"),
        inputs=names,
        classes=names[:9],
    )


# --- a table of the user's own -----------------------------------------------------------------------------------

_WHOLE: Final = re.compile(r"[+−-]?\d{1,15}", re.ASCII)
_COLUMN: Final = re.compile(r"([xy])([1-9]\d{0,5})?|weight", re.ASCII)
_SEPARATORS: Final = (";", "\t", ",")  # a tie goes to the first: in 0,5;1,5 the comma is the decimal one
_EXAMPLE: Final = "x1,x2,y\n0.5,-1.0,0\n-0.2,0.3,1\n0.9,0.1,1\n-0.7,0.8,0\n"
_MOST_NAMED: Final = 12  # classes that a note names
_MAX_CLASS: Final = 60  # characters of the name of a class
_FEW: Final = 3  # so many classes may each stand in one row only
_SUM_ERROR: Final = 0.02  # of shares that were rounded


@_task("A table of your own")
def table(
    text: Annotated[
        str,
        Setting("Table (CSV)", "text", lower=0, upper=MAX_TABLE_BYTES, help="Columns x1, x2, … and y or y1, y2, …"),
    ] = _EXAMPLE,
    targets: Annotated[
        str,
        Setting(
            "Targets",
            "choice",
            choices=(
                ("auto", "Taken by their look"),
                ("classes", "Classes"),
                ("real", "Real numbers"),
                ("shares", "Shares that sum to 1"),
            ),
            help="Classes and shares are compared with a softmax by its log-likelihood, real numbers by their squared error.",
        ),
    ] = "auto",
) -> Task:
    """Inputs and targets from a table: columns x1, x2, … and y or y1, y2, …, one row a step, one sample.

    x (T, 1, n_x); what y is, `targets` says, or "auto" finds out; `notes` say what it was taken for.

    "classes"  y (T, 1): the different numbers of a column in their order, or the different words in that of their first
               appearance; of several columns of 0 and 1 the one with the 1
    "shares"   y (T, 1, n_y): of several columns, nowhere negative and with the sum 1 in each row, but for rounding
    "real"     y (T, 1, n_y)
    "auto"     shares where they can be; a column `y` is classes if it has words, if its whole numbers are 0 and 1 or −1
               and 1, or if they begin at 0 or 1, leave out fewer than they have, and some stand in several rows (or they
               are at most three); all else is real

    A column `weight` gives the weights, else they are all 1. Columns may stand in any order; `x` alone is x1. The separator
    is that of the first line: comma, tab, or semicolon. Numbers are read as `engine.inputs.numbers.read_cells` does. A byte order
    mark and empty lines are passed over. Raises ValueError, with line and column where there is one, for anything else.
    **Holds:** tables_read_back, each_bad_table_is_told, any_text_is_read_or_a_value_error, targets_are_what_they_look_like.
    """
    columns, lines, cells = _cells(text)
    steps = len(cells)
    xs, ys = (sorted((name for name in columns if name[0] == letter), key=_index) for letter in "xy")
    places = [columns.index(name) for name in ys]
    wanted = [[row[place] for place in places] for row in cells]
    words = targets in ("auto", "classes") and len(ys) == 1 and _are_words(wanted, targets == "classes")
    read = [i for i in range(len(columns)) if not (words and i in places)]
    numbers, remarks = _numbers(cells, lines, columns, read, _usual(text))
    values = dict(zip((columns[i] for i in read), numbers.T, strict=True))
    y, more = _targets(ys, wanted, lines, None if words else np.stack([values[name] for name in ys], axis=-1), targets)
    names, n = more.get("classes", ()), len(ys)
    more["notes"] += remarks
    asked = {
        2: f"name one of {_count(len(names), 'class')}",
        3: f"give the shares of {n} classes" if more.get("shares") else f"predict {_count(n, 'real number')}",
    }[y.ndim]
    where = f"each of {steps} steps" if steps > 1 else "the one step"
    return Task(
        x=np.stack([values[name] for name in xs], axis=-1)[:, None],
        y=y,
        weights=values["weight"] if "weight" in columns else _every_step(steps),
        labels=_step_numbers(steps),
        sentence=f"From {_count(len(xs), 'number')} a step, {asked} at {where}, as the table has it.",
        source="The user's own table",
        inputs=tuple(xs),
        outputs=() if names else tuple(ys),
        **more,
    )


def _are_words(wanted: Sequence[Sequence[str]], asked: bool) -> bool:
    """Whether a column of targets is to be read as words: no entry is a number, or classes are asked for and some is none."""
    found = [is_word(row[0]) for row in wanted]
    return any(found) if asked else all(found)


def _usual(text: str) -> Point | None:
    """The decimal sign that goes with the separator, for numbers that do not tell: a comma within cells apart by semicolons."""
    usual: dict[str, Point | None] = {";": "," if "," in text else ".", ",": "."}
    return usual.get(_separator(text))


def _numbers(
    cells: Sequence[Sequence[str]],
    lines: Sequence[int],
    columns: Sequence[str],
    read: Sequence[int],
    usual: Point | None,
) -> tuple[Array, tuple[str, ...]]:
    """The numbers of those columns that are read as such, (T, columns), and how doubtful ones were read.

    Raises ValueError for the first that is none.
    """
    found = read_cells([[row[i] for i in read] for row in cells], usual)
    if found.complaints:
        first = found.complaints[0]
        name = columns[read[first.column]]
        word = "; words are read where targets are classes" * (name[0] == "y" and is_word(first.entry))
        more = f" ({_count(len(found.complaints) - 1, 'other entry')} too)" * (len(found.complaints) > 1)
        raise ValueError(f"table, line {lines[first.row]}, column {name}: {first}{word}{more}")
    return np.array(found.rows, dtype=np.float64), found.remarks


def _targets(
    names: Sequence[str], wanted: Sequence[Sequence[str]], lines: Sequence[int], values: Array | None, targets: str
) -> tuple[Classes | Array, dict[str, Any]]:
    """The targets (T, 1) or (T, 1, n_y), and what else of the task follows from them: classes, shares, notes.

    values   the targets as numbers (T, n), None where they are words
    """
    which = (
        f"column {names[0]}"
        if len(names) == 1
        else f"columns {names[0]} {'to' if len(names) > 2 else 'and'} {names[-1]}"
    )
    if values is None:
        return _of_words(which, [row[0] for row in wanted], lines)
    if targets == "auto":
        targets, why = _likely(names, wanted, values)
    else:
        why = "as asked"
    match targets:
        case "classes" if len(names) == 1:
            return _of_numbers(which, values[:, 0], why)
        case "classes":
            return _of_one_hot(which, names, values, lines)
        case "shares":
            _check_shares(which, names, values, lines)
            taken = f"shares, {why}: softmax gives shares too, and the loss is their log-likelihood"
            return values[:, None], {"shares": True, "notes": (f"The {which} were taken for {taken}.",)}
    were = "was" if len(names) == 1 else "were"
    return values[:, None], {"notes": (f"The {which} {were} taken for real numbers, {why}.",)}


def _likely(names: Sequence[str], wanted: Sequence[Sequence[str]], values: Array) -> tuple[str, str]:
    """What targets look like, and why."""
    if len(names) > 1:
        if _share_error(values) <= _SUM_ERROR:
            return "shares", "since each row sums to 1"
        return "real", "since some row has a negative entry or does not sum to 1"
    if names[0] != "y":
        return "real", "since the name of the column has a number"
    if not all(_WHOLE.fullmatch(row[0]) for row in wanted):
        return "real", "since not all are whole"
    found = np.unique(values)
    low, high, many = int(found[0]), int(found[-1]), len(found)
    if set(found) <= {0, 1} or set(found) == {-1, 1}:
        return "classes", f"since it has no numbers but {'-1' if low < 0 else '0'} and 1"
    if many == 1:
        return "real", "since all are the same"
    if low not in (0, 1):
        return "real", f"since its whole numbers run from {low} to {high}, and those of classes begin at 0 or 1"
    if high - low >= 2 * many:
        return "real", f"since its whole numbers run from {low} to {high} and most of these are left out"
    if many > _FEW and many == len(values):
        return "real", "since no two are the same"
    return "classes", f"since its whole numbers run from {low} to {high}"


def _of_numbers(which: str, values: Array, why: str) -> tuple[Classes, dict[str, Any]]:
    """Targets from the different numbers of a column, in their order; 0 or 1 alone are one of two."""
    found = np.unique(values)
    if set(found) <= {0, 1}:
        found = np.array([0.0, 1.0])
    _check_count(which, len(found))
    classes = tuple(short if float(short := f"{value + 0.0:.15g}") == value else repr(float(value)) for value in found)
    return np.searchsorted(found, values)[:, None], _as_classes(which, classes, why)


def _of_words(which: str, words: Sequence[str], lines: Sequence[int]) -> tuple[Classes, dict[str, Any]]:
    """Targets from the different words of a column, in the order of their first appearance."""
    for word, line in zip(words, lines, strict=True):
        if not word:
            raise ValueError(f"table, line {line}, {which}: the entry is empty: name a class")
        if len(word) > _MAX_CLASS:
            raise ValueError(
                f"table, line {line}, {which}: the name of a class has {len(word):,} characters; at most {_MAX_CLASS} are allowed"
            )
    codes = {word: code for code, word in enumerate(dict.fromkeys(words))}
    _check_count(which, len(codes))
    classes = tuple("".join(c if c.isprintable() else visible(c) for c in word) for word in codes)
    y = np.array([codes[word] for word in words], dtype=np.int64)
    return y[:, None], _as_classes(which, classes, "since it has words, in the order in which they appear")


def _of_one_hot(
    which: str, names: Sequence[str], values: Array, lines: Sequence[int]
) -> tuple[Classes, dict[str, Any]]:
    """Targets from several columns: in each row the one with the 1."""
    wrong = ~(((values == 0) | (values == 1)).all(axis=1) & (values.sum(axis=1) == 1))
    if wrong.any():
        raise ValueError(
            f"table, line {lines[int(wrong.argmax())]}, {which}: several columns are classes where one of them is 1 and the"
            " others are 0; take shares or real numbers"
        )
    y = values.argmax(axis=1)
    return y[:, None], _as_classes(which, tuple(names), "in each row the one whose column has the 1")


def _as_classes(which: str, classes: tuple[str, ...], how: str) -> dict[str, Any]:
    named = ", ".join(map(repr, classes[:_MOST_NAMED])) + f" and {len(classes) - _MOST_NAMED} more" * (
        len(classes) > _MOST_NAMED
    )
    verb = "was" if which.startswith("column ") else "were"
    note = f"The {which} {verb} taken for {_count(len(classes), 'class')}, {how}: {named}."
    return {"classes": classes, "notes": (note,)}


def _check_count(which: str, count: int) -> None:
    if count > MAX_UNITS:
        raise ValueError(
            f"table, {which}: {count:,} different classes, at most {MAX_UNITS:,} are allowed; take real numbers, or fewer classes"
        )


def _share_error(values: Array) -> float:
    """How far rows are from being shares: the largest distance of a sum from 1, infinite where an entry is negative."""
    return math.inf if (values < 0).any() else float(np.abs(values.sum(axis=1) - 1).max())


def _check_shares(which: str, names: Sequence[str], values: Array, lines: Sequence[int]) -> None:
    if len(names) == 1:
        raise ValueError(
            f"table, {which}: shares need two columns or more, y1, y2, …, that sum to 1 in each row; take classes or real numbers"
        )
    for row, line in zip(values, lines, strict=True):
        if (row < 0).any():
            raise ValueError(f"table, line {line}, {which}: {row.min():g} is no share; shares are from 0 to 1")
        if abs(row.sum() - 1) > _SUM_ERROR:
            raise ValueError(
                f"table, line {line}, {which}: the sum is {row.sum():g}, and shares sum to 1; divide them by it, or take"
                " real numbers"
            )


def _count(n: int, what: str) -> str:
    plural = what[:-1] + "ies" if what.endswith("y") else what + ("es" if what.endswith("s") else "s")
    return f"{n} {what if n == 1 else plural}"


def _cells(text: str) -> tuple[list[str], list[int], list[list[str]]]:
    """The names of the columns, and the line number and the cells of each row below them."""
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MAX_TABLE_BYTES:
        raise ValueError(f"table: {size:,} bytes, at most {MAX_TABLE_BYTES:,} are allowed: give fewer rows")
    rows = _rows(text.removeprefix("\ufeff"))
    line, header = next(rows, (0, []))
    if not header:
        raise ValueError(
            "table: it is empty; give a first line that names the columns, such as x1,x2,y, and a row a step"
        )
    columns = _columns(header, line)
    lines: list[int] = []
    cells: list[list[str]] = []
    for line, row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"table, line {line}: {_count(len(row), 'cell')}, but {len(columns)} columns are named; give as many"
            )
        if len(cells) == MAX_STEPS:
            raise ValueError(f"table, line {line}: more than {MAX_STEPS:,} rows; at most {MAX_STEPS:,} are allowed")
        lines.append(line)
        cells.append([cell.strip() for cell in row])
    if not cells:
        raise ValueError("table: no row follows the names of the columns; give one row a step")
    return columns, lines, cells


def _separator(text: str) -> str:
    """The separator that the first line which is not empty has most of."""
    first = next((line for line in re.split(r"[\r\n]", text) if line.strip()), "")
    return max(_SEPARATORS, key=first.count)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each row that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"table, line {reader.line_num}: not a row of a CSV table ({error})") from None
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _columns(header: Sequence[str], line: int) -> list[str]:
    """The names of the columns, checked: x1 to xn without a gap, y or y1 to yn, at most one weight."""
    names = [name.strip() for name in header]
    if len(names) > 2 * MAX_UNITS + 1:
        raise ValueError(f"table, line {line}: {len(names):,} columns, at most {2 * MAX_UNITS + 1:,} are allowed")
    if all(map(is_number, names)):
        raise ValueError(
            f"table, line {line}: numbers where the names of the columns belong; add a line such as x1,x2,y"
        )
    allowed = "columns are x1, x2, …, y or y1, y2, …, and weight"
    for place, name in enumerate(names, 1):
        if not name:
            raise ValueError(f"table, line {line}: column {place} has no name; {allowed}")
        if not _COLUMN.fullmatch(name):
            raise ValueError(f"table, line {line}: unknown column {shown(name)}; {allowed}")
        if name in names[: place - 1]:
            raise ValueError(f"table, line {line}: column {name} stands there twice; give each name once")
    for letter, what in (("x", "input"), ("y", "target")):
        numbered = {name for name in names if name[0] == letter}
        if not numbered:
            raise ValueError(f"table, line {line}: no {what} column; add {letter} or {letter}1, {letter}2, …")
        if letter in numbered and len(numbered) > 1:
            other = min(numbered - {letter}, key=_index)
            raise ValueError(
                f"table, line {line}: both {letter} and {other}; give {letter} alone or {letter}1, {letter}2, …"
            )
        if len(numbered) > MAX_UNITS:
            raise ValueError(f"table, line {line}: {len(numbered):,} {what} columns, at most {MAX_UNITS:,} are allowed")
        missing = next((i for i in range(1, len(numbered) + 1) if f"{letter}{i}" not in numbered), None)
        if missing and letter not in numbered:
            raise ValueError(
                f"table, line {line}: column {letter}{missing} is missing before {max(numbered, key=_index)};"
                f" number the columns without a gap from {letter}1"
            )
    return names


def _index(name: str) -> int:
    return int(name[1:] or 1)
