"""What a run is given, checked: every error names the argument, what came and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.cell import Cell
from engine.equations import likely
from engine.operations import Array

MAX_BYTES = 4 << 30  # of the values and gradients of one run
_COPIES = 3  # value, gradient and what the sweep keeps, for each unit of each node


@dataclass(frozen=True)
class Data:
    """The checked arguments of a run: sizes are solved, one sample has its axis, missing things have their defaults.

    seed (T, B) is ∂(total loss)/∂L(t): the weight, divided by B for the mean.
    """

    cell: Cell
    parameters: Mapping[str, Array]
    x: Array | None
    y: Array
    initial: Mapping[str, Array]
    weights: Array
    seed: Array
    reduction: Literal["mean", "sum"]
    dtype: np.dtype[Any]
    sizes: Mapping[str, int]
    T: int
    B: int


def checked(
    cell: Cell,
    params: Mapping[str, Any],
    x: Any,
    y: Any,
    initial: Mapping[str, Any] | None,
    weights: Any,
    reduction: str,
    dtype: Any,
) -> Data:
    """The arguments of `run`, checked and completed; raises ValueError."""
    if not isinstance(cell, Cell):
        raise ValueError(f"cell is a {type(cell).__name__}; a Cell is needed, from engine.parse or engine.CATALOGUE")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction is {reduction!r}; 'mean' or 'sum' over the samples")
    kind = _dtype(dtype)
    x = _input(cell, x)
    y = _target(cell, y, x)
    T, B = y.shape[:2]
    parameters, found = _parameters(cell, params, x, y, kind)
    start = _initial(cell, initial, found, B, kind)
    sizes = {name: found[axes[0]] for name, axes in cell.dimensions.items() if name not in parameters}
    _bounded(cell, sizes, T, B, kind)
    if y.dtype.kind in "iu":
        top = int(y.max())
        if top >= sizes["y"] or int(y.min()) < 0:
            raise ValueError(f"y has classes from {int(y.min())} to {top}; they are counted from 0 to {sizes['y'] - 1}")
    else:
        y = y.astype(kind, copy=False)
    factors = _weights(weights, T, B, kind)
    seed = factors / kind.type(B) if reduction == "mean" and B > 1 else factors
    if x is not None:
        x = x.astype(kind, copy=False)
    return Data(cell, parameters, x, y, start, factors, seed, reduction, kind, sizes, T, B)  # type: ignore[arg-type]


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in (np.float64, np.float32):
        raise ValueError(f"dtype is {dtype!r}; float64 or float32")
    return kind


def _floats(what: str, array: Any, expected: str) -> Array:
    """An array of finite floats; `expected` says in the message what belongs there."""
    try:
        result = np.asarray(array)
    except ValueError:  # a ragged list
        raise ValueError(f"{what} is no rectangular array; {expected}") from None
    if result.dtype.kind != "f":
        given = "objects" if result.dtype.kind == "O" else f"{result.dtype}"
        remedy = "; convert with numpy.asarray(…, float)" if result.dtype.kind in "iub" else ""
        raise ValueError(f"{what} has {given} where floats belong; {expected}{remedy}")
    with np.errstate(all="ignore"):
        total = np.add.reduce(result, None)  # one pass; a finite sum has no nan and no inf in it
    if total - total != 0:
        wrong = ~np.isfinite(result)
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(f"{what} has {result[where]} at index {list(where)}; every number must be finite")
    return result


def _input(cell: Cell, x: Any) -> Array | None:
    if not cell.reads_x:
        return None
    expected = "x is floats (T, B, n_x), or (T, n_x) for one sample"
    if x is None:
        raise ValueError(f"x is missing; the cell {cell.name!r} reads it; {expected}")
    result = _floats("x", x, expected)
    if result.ndim == 2:
        result = result[:, None]
    if result.ndim != 3 or 0 in result.shape:
        raise ValueError(f"x has shape {np.shape(x)}; {expected}, none of them 0")
    return result


def _target(cell: Cell, y: Any, x: Array | None) -> Array:
    if y is None:
        raise ValueError("y is missing; integers (T, B), the classes counted from 0, or floats (T, B, n_y)")
    try:
        result = np.asarray(y)
    except ValueError:
        raise ValueError("y is no rectangular array; integers (T, B) or floats (T, B, n_y)") from None
    if result.dtype.kind in "iu":
        if not cell.takes_classes:
            names = ", ".join(row.name for row in map(cell.loss, cell.nodes) if row is not None and not row.classes)
            raise ValueError(f"y has integers where floats belong: {names} compares with floats (T, B, n_y)")
        if result.ndim == 1:
            result = result[:, None]
        if result.ndim != 2 or 0 in result.shape:
            raise ValueError(f"y has shape {np.shape(y)}; classes are integers (T, B), or (T,) for one sample")
    else:
        expected = "y is integers (T, B), the classes counted from 0, or floats (T, B, n_y)"
        result = _floats("y", result, expected)
        if result.ndim == 2:
            result = result[:, None]
        if result.ndim != 3 or 0 in result.shape:
            raise ValueError(f"y has shape {np.shape(y)}; {expected}, or (T, n_y) for one sample")
    if x is not None and result.shape[:2] != x.shape[:2]:
        raise ValueError(
            f"y has {result.shape[0]} steps and {result.shape[1]} samples, x has {x.shape[0]} and {x.shape[1]}; they must be equal"
        )
    return result


def _parameters(
    cell: Cell, params: Mapping[str, Any], x: Array | None, y: Array, kind: np.dtype[Any]
) -> tuple[dict[str, Array], dict[str, int]]:
    """The parameters, and the size of each class of `cell.dimensions`."""
    if not isinstance(params, Mapping):
        raise ValueError(f"params is a {type(params).__name__}; a mapping {{name: array}} is needed")
    if params.keys() != set(cell.parameters):
        missing = [name for name in cell.parameters if name not in params]
        if missing:
            raise ValueError(f"params lacks {', '.join(missing)}; {cell.name} has {', '.join(cell.parameters)}")
        unknown = next(name for name in params if name not in cell.parameters)
        known = ", ".join(cell.parameters)
        raise ValueError(f"params has {unknown!r}; {cell.name} has {known}{likely(str(unknown), list(cell.parameters))}")
    dimensions = cell.dimensions
    found = {"1": 1}

    def settle(what: str, axes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        if len(shape) != len(axes) or any(found.setdefault(a, n) != n for a, n in zip(axes, shape, strict=True)):
            allowed = ", ".join(f"n_{axis}" + (f" = {found[axis]}" if axis in found else "") for axis in axes)
            raise ValueError(f"{what} has shape {shape}; it must be ({allowed})")

    if x is not None:
        settle("one step of x", dimensions["x"], x.shape[2:])
    if y.ndim == 3:
        settle("one step of y", dimensions["y"], y.shape[2:])
    result = {}
    for name in cell.parameters:
        array = _floats(f"params[{name!r}]", params[name], f"{name} is a parameter of floats")
        settle(f"params[{name!r}]", dimensions[name], array.shape)
        if 0 in array.shape:
            raise ValueError(f"params[{name!r}] has shape {array.shape}; no axis may be empty")
        result[name] = array.astype(kind, copy=False)
    if "y" not in found and dimensions["y"][0] not in found:
        found["y"] = int(y.max()) + 1
    return result, found


def _initial(
    cell: Cell, initial: Mapping[str, Any] | None, found: dict[str, int], B: int, kind: np.dtype[Any]
) -> dict[str, Array]:
    given = {} if initial is None else initial
    if not isinstance(given, Mapping):
        raise ValueError(f"initial is a {type(given).__name__}; a mapping {{state: array}} is needed")
    for name in given:
        if name not in cell.states:
            states = ", ".join(cell.states) or "none"
            raise ValueError(f"initial has {name!r}; the states of {cell.name} are {states}{likely(str(name), list(cell.states))}")
    result = {}
    for name, array in given.items():
        K, (axis,) = cell.lags[name], cell.dimensions[name]
        start = _floats(f"initial[{name!r}]", array, "it is floats (n,), (B, n) or (K, B, n), the last row being t = 0")
        n = found.setdefault(axis, start.shape[-1] if start.ndim else 1)
        allowed = [(n,), (B, n), (K, B, n)]
        if start.shape not in allowed:
            shapes = ", ".join(map(str, allowed[:-1])) + f" or {allowed[-1]}"
            raise ValueError(f"initial[{name!r}] has shape {start.shape}; it must be {shapes}")
        if start.ndim < 3 and K > 1:
            early = np.zeros((K, B, n), kind)
            early[-1] = start  # what is given is t = 0; the steps before it are zero
            start = early
        result[name] = np.broadcast_to(start, (K, B, n)).astype(kind)
    unsettled = [members[0] for members in cell.hidden if members[0] not in found]
    if unsettled:
        raise ValueError(f"nothing fixes the size of {', '.join(unsettled)}; give initial[{unsettled[0]!r}] with that many entries")
    for name in cell.states:
        if name not in result:
            result[name] = np.zeros((cell.lags[name], B, found[cell.dimensions[name][0]]), kind)
    return result


def _weights(weights: Any, T: int, B: int, kind: np.dtype[Any]) -> Array:
    if weights is None:
        return np.ones((T, B), kind)
    expected = f"weights is (T,) = ({T},) or (T, B) = ({T}, {B}), the factor of each L(t)"
    try:
        result = np.asarray(weights)
    except ValueError:
        raise ValueError(f"weights is no rectangular array; {expected}") from None
    if result.dtype.kind in "iu":
        result = result.astype(kind)
    result = _floats("weights", result, expected)
    if result.shape not in ((T,), (T, B)):
        raise ValueError(f"weights has shape {result.shape}; {expected}")
    return np.broadcast_to(result[:, None] if result.ndim == 1 else result, (T, B)).astype(kind)


def _bounded(cell: Cell, sizes: Mapping[str, int], T: int, B: int, kind: np.dtype[Any]) -> None:
    units = sum(sizes.values())
    needed = T * B * units * kind.itemsize * _COPIES
    if needed > MAX_BYTES:
        raise ValueError(
            f"T = {T}, B = {B} and {units} units a step need about {needed:,} bytes; at most {MAX_BYTES:,} are allowed "
            f"(T · B up to {MAX_BYTES // (units * kind.itemsize * _COPIES):,} with these sizes)"
        )
