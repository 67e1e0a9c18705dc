"""The numbers of a run for its picture: magnitudes, norms and first numbers of nodes, strengths of edges.

Arrays of nodes have the order of the scene: every name of a step over all steps, then initial values, then shared parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine import Run
from engine.language import FUNCTIONS
from explorer.facts import earliest
from explorer.model import samples
from explorer.picture.grid import Grid, grid
from explorer.picture.window import initial
from explorer.state import View

Array = NDArray[Any]

_HEAD: Final = 4  # numbers of a vector that are kept for reading


class Readings(NamedTuple):
    """The numbers of N nodes; −1 and nan where a number does not exist.

    magnitude (N,)           what the colour shows
    value, gradient (N,)     L2 norms
    value_head, gradient_head (N, 4)   the first numbers
    """

    magnitude: Array
    value: Array
    gradient: Array
    value_head: Array
    gradient_head: Array


#: Of a name at T steps and B samples: value, gradient, and what the colour shows, (T, B, …) each; None if it does not exist.
_Arrays: TypeAlias = tuple[Array, Array | None, Array | None]
_Reader: TypeAlias = Callable[..., tuple[Array, ...]]


def magnitudes(array: Array, measure: str = "norm") -> Array:
    """The magnitude of each step: L2 norm, largest or mean absolute entry; (T, …) to (T,).

    The norm is scaled by the largest entry, so that it is right where squares would under- or overflow. An entry that is
    nan makes the magnitude nan, else an infinite one makes it inf.
    """
    flat = np.abs(array.reshape(len(array), -1).astype(float))
    largest: Array = flat.max(axis=1)
    if measure == "largest":
        return largest
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    with np.errstate(all="ignore"):
        share = flat / scale[:, None]
        relative = share.mean(axis=1) if measure == "mean" else np.sqrt(np.square(share).sum(axis=1))
        return np.asarray(scale * relative)


# --- of nodes ----------------------------------------------------------------------------------------------------


def of_nodes(run: Run, view: View, first: int, last: int) -> Readings:
    """The readings of the nodes of a scene from step `first` to `last`."""
    return Readings(*_each(run, view, first, last, partial(_read, view.measure)))


def of_name(run: Run, view: View, name: str) -> Readings:
    """The readings of a name over all steps together, (1,); without first numbers, unless it is a parameter."""
    if name in run.parameters:
        return _read(view.measure, *_of_parameter(run, view, name, run.param_grad[name][None]))
    each = _read(view.measure, *_of_steps(run, view, name, 1, run.T))
    together = [magnitudes(each.magnitude[None], view.measure), *(magnitudes(norms[None]) for norms in each[1:3])]
    none = [norms[0] < 0 for norms in each[:3]]
    unknown = np.full((1, _HEAD), np.nan)
    magnitude, value, gradient = (np.where(missing, -1.0, norm) for missing, norm in zip(none, together, strict=True))
    return Readings(magnitude, value, gradient, unknown, unknown)


def nothing(nodes: int) -> Readings:
    """The readings of the nodes of a cell without a run."""
    return Readings(*[np.full(nodes, -1.0)] * 3, *[np.full((nodes, _HEAD), np.nan)] * 2)


def measured(run: Run, view: View, first: int, last: int) -> Array:
    """What the colour shows of each node from step `first` to `last`: (N,), −1 where it shows nothing."""
    (magnitude,) = _each(run, view, first, last, partial(_magnitude, view.measure))
    return magnitude


def overview(run: Run, view: View) -> Array:
    """What the colour shows of each name but the parameters at every step, names from the bottom up: (names, T)."""
    nodes = len(grid(run.cell).names)
    return measured(run, replace(view, parameters="hidden"), 1, run.T)[: nodes * run.T].reshape(nodes, run.T)


def turned(runs: Iterable[Run], view: View, first: int, last: int) -> tuple[Array, Array]:
    """What the colour shows of each run, (K, N) as `measured` has it, and log₁₀ of the norm at `earliest`, (K,).

    Each run is released before the next is taken. A gradient of exactly 0 is −∞ in the curve.
    """
    magnitude, norm = [], []
    for run in runs:
        magnitude.append(measured(run, view, first, last))
        norm.append(magnitudes(run.grad[earliest(run.cell)][:1, samples.span(run, view.sample)])[0])
    with np.errstate(divide="ignore"):
        return np.stack(magnitude), np.log10(norm)


def copies(run: Run, name: str) -> Array:
    """The L2 norm of the gradient at the copy of a parameter that each step uses, (T,)."""
    return np.concatenate([magnitudes(run.step_grad(name, steps)) for steps in run.portions(1, run.T)])


def _magnitude(measure: str, value: Array, gradient: Array | None, shown: Array | None) -> tuple[Array]:
    return (np.full(len(value), -1.0) if shown is None else magnitudes(shown, measure),)


def _read(measure: str, value: Array, gradient: Array | None, shown: Array | None) -> Readings:
    none = np.full(len(value), -1.0)
    return Readings(
        *_magnitude(measure, value, gradient, shown),
        none if value.dtype.kind in "iu" else magnitudes(value),
        none if gradient is None else magnitudes(gradient),
        _head(value),
        np.full((len(value), _HEAD), np.nan) if gradient is None else _head(gradient),
    )


def _head(array: Array) -> Array:
    head = array[:, 0, :_HEAD].astype(float)
    return np.pad(head, ((0, 0), (0, _HEAD - head.shape[1])), constant_values=np.nan)


def _each(run: Run, view: View, first: int, last: int, read: _Reader) -> tuple[Array, ...]:
    """What `read` makes of the arrays of every node, nodes in the order of the scene."""
    place = grid(run.cell, view.parameters)
    of_copies = _copies(run, view, first, last, read) if view.parameters == "copies" else {}
    parts = [
        of_copies[name] if name in of_copies else read(*_of_steps(run, view, name, first, last))
        for name in place.names
        if name not in place.shared
    ]
    parts += [read(*_of_initial(run, view, name, t)) for name, t in initial(run.cell, first)]
    parts += [read(*_of_parameter(run, view, name, run.param_grad[name][None])) for name in place.shared]
    return tuple(map(np.concatenate, zip(*parts, strict=True)))


def _copies(run: Run, view: View, first: int, last: int, read: _Reader) -> dict[str, tuple[Array, ...]]:
    """What `read` makes of the copy of every parameter that each drawn step uses."""
    parts: dict[str, list[tuple[Array, ...]]] = {name: [] for name in run.parameters}
    for steps in run.portions(first, last):
        for name, gradient in run.step_grads(run.parameters, steps).items():
            parts[name].append(read(*_of_parameter(run, view, name, gradient)))
    return {name: tuple(map(np.concatenate, zip(*part, strict=True))) for name, part in parts.items()}


def _of_steps(run: Run, view: View, name: str, first: int, last: int) -> _Arrays:
    span, sample = slice(first - 1, last), samples.span(run, view.sample)
    if name == "y":
        value = run.y[span, sample]
        if value.ndim == 2:  # a class is no magnitude
            return value[..., None], None, None
        return value, None, value if view.lens == "value" else None
    value, gradient = run.value[name][span, sample], run.grad[name][span, sample]
    if view.lens == "slope":
        slope = run.slope(name)[span, sample] if run.cell.operation(name) in FUNCTIONS else None
        return value, gradient, slope
    return value, gradient, value if view.lens == "value" else gradient


def _of_initial(run: Run, view: View, name: str, t: int) -> _Arrays:
    sample = samples.span(run, view.sample)
    place = slice(t - 1, t or None)  # the last row is t = 0
    value, gradient = run.initial[name][place, sample], run.initial_grad[name][place, sample]
    return value, gradient, {"gradient": gradient, "value": value}.get(view.lens)


def _of_parameter(run: Run, view: View, name: str, gradient: Array) -> _Arrays:
    """Of a parameter's copies with their gradients (steps, *shape); all copies have one value, and none has a slope."""
    gradient = gradient.reshape(len(gradient), 1, -1)
    value = np.broadcast_to(run.parameters[name].reshape(1, 1, -1), gradient.shape)
    return value, gradient, {"gradient": gradient, "value": value}.get(view.lens)


# --- of edges ----------------------------------------------------------------------------------------------------


def strengths(run: Run, view: View, place: Grid, wire: Array, source: Array, step: Array, value: Array) -> Array | None:
    """The L2 norm of the value or the message along each edge, as `view.edges` selects: (E,), −1 where none exists; or None.

    Args:
        run: whose messages they are
        view: how it is looked at
        place: of the cell
        wire: of each edge, its index into `place.wires`
        source: of each edge, the index of its source
        step: of each edge, the step of its target
        value: of each node, the norm of its value
    """
    if view.edges == "nothing":
        return None
    if view.edges == "forward":
        return np.asarray(value[source])
    norms = _messages(run, view, place, int(step.min()), int(step.max()))
    return np.asarray(norms[wire, step - step.min()])


def rolled_strengths(run: Run, view: View, place: Grid, source: Array, value: Array) -> Array | None:
    """As `strengths`, of each wire over all steps together."""
    if view.edges == "nothing":
        return None
    if view.edges == "forward":
        return np.asarray(value[source])
    norms = _messages(run, view, place, 1, run.T)
    return np.where(norms[:, 0] < 0, -1, magnitudes(norms))


def _messages(run: Run, view: View, place: Grid, first: int, last: int) -> Array:
    """The L2 norm of each wire's message at the steps from first to last: (wires, steps), −1 where none exists."""
    norms = np.full((len(place.wires), last + 1 - first), -1.0)
    row = {(w.source, w.target, w.lag, w.argument): i for i, w in enumerate(place.wires)}
    for steps in run.portions(first, last):
        columns = slice(steps.start + 1 - first, steps.stop + 1 - first)
        for target in run.cell.nodes:
            wanted = {w.source for w in place.wires if w.target == target}
            for read, message in run.messages(target, steps, wanted):
                if (i := row.get((read.name, target, read.lag, read.argument))) is not None:
                    parameter = read.name in run.parameters
                    part = message if parameter else message[:, samples.span(run, view.sample)]
                    norms[i, columns] = magnitudes(part)
    return norms
