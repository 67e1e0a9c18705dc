"""The worked network: numbers that are short enough to follow by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from engine.inputs.tasks.task import Form, Steps, Task, every_step, numbered, step_numbers, task

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


_FORM: Final = Form(
    steps=len(_WORKED_X),
    samples=1,
    inputs=len(_WORKED_X[0]),
    outputs=3,
    kind="classes",
    params={name: np.shape(values) for name, values in _WORKED.items()},
    hidden={"h": 5},
)


@task("The worked network", form=lambda steps: replace(_FORM, steps=steps))
def worked(steps: Steps = 6) -> Task:
    """The network that can be followed by hand: four inputs, five hidden units, three classes, fixed numbers.

    x (T, 1, 4), y (T, 1) of 3 classes; params b W U c V of the cell `rnn`, with h in R⁵. Twelve steps are kept; a
    longer sequence repeats them. Source: Goodfellow et al. (2016), (10.8)–(10.11).
    **Holds:** worked_neither_vanishes_nor_saturates, longer_begins_with_shorter.
    """
    step = np.arange(steps) % len(_WORKED_X)
    return Task(
        x=np.array(_WORKED_X)[step, None],
        y=np.array(_WORKED_Y, dtype=np.int64)[step, None],
        weights=every_step(steps),
        labels=step_numbers(steps),
        sentence=f"Name one of three classes at each of {steps} steps, from four numbers a step;"
        " weights, inputs and targets are fixed and short enough to follow by hand.",
        source="The worked example with x in R⁴, h in R⁵ and y in R³; Goodfellow et al. (2016), (10.8)–(10.11)",
        inputs=numbered("x", 4),
        classes=("0", "1", "2"),
        params={name: np.array(values) for name, values in _WORKED.items()},
        hidden={"h": 5},
    )
