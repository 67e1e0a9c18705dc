"""Pictures as tables: one row for each node, by step and flow; None where a number does not exist."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.language import written
from explorer.picture.marks import WORDS, Mark
from explorer.picture.neurons import Neurons
from explorer.picture.scene import Scene

Array = NDArray[Any]


def table(picture: Scene) -> dict[str, list[Any]]:
    """The nodes of a scene as columns."""
    order = np.lexsort((picture.name, picture.t)).tolist()

    def numbers(array: Array) -> list[float | None]:
        return [None if array[i] < 0 else float(array[i]) for i in order]

    names = picture.name[order].tolist()
    shared, initial = picture.shared[order].tolist(), picture.initial[order].tolist()
    return {
        "node": [written(picture.names[k]) for k in names],
        "step": [None if once else t for t, once in zip(picture.t[order].tolist(), shared, strict=True)],
        "role": [("initial value" if early else picture.roles[k]) for k, early in zip(names, initial, strict=True)],
        "units": picture.units[order].tolist(),
        "‖value‖": numbers(picture.value),
        "‖gradient‖": numbers(picture.gradient),
        "colour shows": numbers(picture.magnitude),
        "mark": [WORDS[Mark(mark)] for mark in picture.mark[order].tolist()],
    }


def neuron_table(picture: Neurons) -> dict[str, list[Any]]:
    """The neurons of a picture as columns."""
    order = np.lexsort((picture.unit, picture.name, picture.t)).tolist()

    def numbers(array: Array) -> list[float | None]:
        return [None if np.isnan(value) else value for value in array[order].tolist()]

    return {
        "neuron": [written(picture.names[k]) for k in picture.name[order].tolist()],
        "step": picture.t[order].tolist(),
        "unit": (picture.unit[order] + 1).tolist(),
        "a": numbers(picture.a),
        "z": numbers(picture.z),
        "φ′(a)": numbers(picture.slope),
        "δ": numbers(picture.delta),
    }
