"""The bounds of a model on a public page, which keep memory and time finite, and its choices with their titles."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import engine
from engine import CATALOGUE, Cell
from engine.inputs import TASKS, Setting

Value: TypeAlias = int | float | bool | str

#: Those of the engine are wider.
MAX_STEPS: Final = 1_000
MAX_UNITS: Final = 64
MAX_NUMBERS: Final = 4_000_000  # values of all nodes, steps and samples together: about 100 MB with gradients
MAX_EQUATIONS: Final = 120  # nodes of a step in a cell of the user's own; a picture of more is illegible
MAX_EDITS: Final = 20_000  # numbers changed by hand
MAX_FACTOR: Final = 1e100  # of an array as a whole, and its inverse; also of the number added to each entry
_UPPER: Final[Mapping[str, float]] = {
    "steps": MAX_STEPS, "delay": MAX_STEPS // 2, "length": MAX_STEPS // 4, "period": MAX_STEPS,
    "inputs": MAX_UNITS, "outputs": MAX_UNITS, "samples": 100,
}  # fmt: skip
_LONGEST: Final[Mapping[str, int]] = {"text": MAX_STEPS + 1, "table": 200_000}

HIDDEN: Final = Setting("Units", "int", "units", 8, 1, MAX_UNITS)
_LAYERS_AT_FIRST: Final[int] = inspect.signature(engine.feedforward).parameters["layers"].default
LAYERS: Final = Setting(
    "Layers", "int", "layers", _LAYERS_AT_FIRST, 1, 20, help="Layers of weights, the last of which gives the output."
)

#: The losses that count -> their title.
COUNTS: Final[Mapping[str, str]] = {
    "task": "as the task asks",
    "every": "every step",
    "last": "the last step only",
    "hand": "weights by hand",
}
REDUCTIONS: Final[Mapping[str, str]] = {"mean": "mean", "sum": "sum"}

#: The name and the title of a cell that the user has written.
OWN: Final = "own"
OWN_TITLE: Final = "A cell of your own"

#: Cells that are made from choices of the user; the choices are the parameters of these functions.
_MAKERS: Final[Mapping[str, Callable[..., Cell]]] = {"rnn": engine.rnn, "feedforward": engine.feedforward}


def choices(cell: str) -> tuple[str, ...]:
    """The choices of a cell of the catalogue: which of "activation" and "layers"."""
    taken = inspect.signature(_MAKERS[cell]).parameters if cell in _MAKERS else ()
    return tuple(name for name in ("activation", "layers") if name in taken or f"{name}s" in taken)


def title(cell: str) -> str:
    """The title of a cell in a list."""
    return OWN_TITLE if cell == OWN else CATALOGUE[cell].title


def bounded(setting: Setting, task: str) -> Setting:
    """A setting of a task, its upper bound lowered to that of a public page."""
    longest = _LONGEST.get(task, MAX_STEPS) if setting.kind == "text" else setting.upper
    return replace(setting, upper=min(longest, _UPPER.get(setting.name, setting.upper)))


def chosen_settings(task: str, values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """The settings that differ from the defaults of the task, in its order; each is checked."""
    row = TASKS[task].settings if task in TASKS else ()
    chosen = {
        setting: bounded(setting, task).checked(values[setting.name]) for setting in row if setting.name in values
    }
    return tuple((setting.name, value) for setting, value in chosen.items() if value != setting.default)
