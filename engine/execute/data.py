"""The arguments of a run, checked: each error names the argument, its value and the values that are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from engine.language.cell import Cell
from engine.language.operations import Array, locked
from engine.language.reader import likely
from engine.support.arguments import mapping, one_of, unmasked
from engine.support.budget import MAX_RUN_BYTES, fits

_MAX_CLASSES = 1 << 30
_FLOAT64 = np.dtype(np.float64)
_COPIES = 3  # value, gradient and what the sweep keeps, for each unit of each node


@dataclass(frozen=True, eq=False)
class Shape:
    """The shape of a run. Equal shapes are one object while they are in use, so that a shape serves as a key.

    Attributes:
        cell: the cell.
        T, B: the numbers of steps and samples.
        dtype: the type of all floats.
        sizes: the units of x, y and of every node.
        target: the type of y.
    """

    cell: Cell
    T: int
    B: int
    dtype: np.dtype[Any]
    sizes: Mapping[str, int]
    target: np.dtype[Any]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields."""
        return _shape_of, (self.cell, self.T, self.B, self.dtype, dict(self.sizes), self.target)


def _shape_of(cell: Cell, T: int, B: int, dtype: np.dtype[Any], sizes: dict[str, int], target: np.dtype[Any]) -> Shape:
    """Make a shape with read-only sizes; a function of the module, as a pickle needs it."""
    return Shape(cell, T, B, dtype, MappingProxyType(sizes), target)


@dataclass(eq=False)
class Data:
    """The checked arguments of a run: read-only copies, with an axis of samples and with defaults in place of missing ones.

    Attributes:
        shape: the shape of the run.
        parameters, x, y, initial, weights, reduction: as for `run`.
        seed: ∂(total loss)/∂L(t), (T, B): the weight, divided by B for the mean.
    """

    shape: Shape
    parameters: Mapping[str, Array]
    x: Array | None
    y: Array
    initial: Mapping[str, Array]
    weights: Array
    seed: Array
    reduction: Literal["mean", "sum"]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the fields."""
        return _data_of, tuple(getattr(self, entry.name) for entry in fields(self))


def _data_of(*entries: Any) -> Data:
    """Read data from a pickle; its arrays are read-only again."""
    data = Data(*entries)
    for array in (data.y, data.weights, data.seed, *data.parameters.values(), *data.initial.values()):
        locked(array)
    if data.x is not None:
        locked(data.x)
    return data


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
    """Check and complete the arguments of `engine.run`, which describes them in full.

    Args:
        cell: the cell.
        params: {name: array}.
        x: the inputs, or None.
        y: the targets.
        initial: {state: array}, or None for zeros.
        weights: the factor of each L(t), or None for ones.
        reduction: "mean" or "sum".
        dtype: float64 or float32.

    Returns:
        Read-only copies.

    Raises:
        ValueError: for an argument that does not fit.
    """
    _check_cell(cell)
    one_of("reduction", reduction, ("mean", "sum"), "'mean' or 'sum' over the samples")
    kind, x = _dtype(dtype), _input(cell, x)
    original_y, y = y, _target(cell, y, x)
    (T, B), classes = y.shape[:2], y.dtype.kind in "iu"
    parameters, early = _parameters(cell, params), _given_initial(cell, initial)
    low, top = _class_range(y) if classes else (0, 0)
    # The memory that the run needs is bounded here, before anything large is copied.
    try:
        shape = _shape(
            cell, T, B, kind,
            None if x is None else x.shape[2], None if classes else y.shape[2], np.dtype(np.intp) if classes else kind,
            tuple([array.shape for array in parameters.values()]),
            tuple([(name, array.shape) for name, array in early.items()]),
            top + 1 if cell.only_classes_fix_y else 0,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{error}{_classes_as_floats(cell, original_y, x)}") from None
    if classes and top >= shape.sizes["y"]:
        raise ValueError(f"y has classes from {low} to {top}; they are counted from 0 to {shape.sizes['y'] - 1}")
    factors = _weights(weights, T, B, kind)
    seed = locked(factors / kind.type(B)) if reduction == "mean" and B > 1 else factors
    return Data(
        shape,
        _copies("params", parameters, kind),
        None if x is None else _copy("x", x, kind),
        locked(np.array(y, np.intp)) if classes else _copy("y", y, kind),
        _initial(shape, {name: _copy("initial", array, kind, name) for name, array in early.items()}),
        factors,
        seed,
        reduction,  # type: ignore[arg-type]
    )


def _check_cell(cell: Any) -> None:
    if not isinstance(cell, Cell):
        raise ValueError(f"cell is a {type(cell).__name__}; a Cell is needed, from engine.parse or engine.CATALOGUE")


def _dtype(dtype: Any) -> np.dtype[Any]:
    if dtype is np.float64:
        return _FLOAT64
    kind: np.dtype[Any]
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind != np.float64 and kind != np.float32:
        raise ValueError(f"dtype is {dtype!r}; float64 or float32")
    return kind


def _floats(what: str, array: Any, expected: str, entry: str = "") -> Array:
    """Check that an argument is an array of floats; not copied. The message has its name, `what` and `entry`, and `expected`."""
    if (
        type(array) is not np.ndarray
    ):  # an ndarray has no mask; making its name for a message takes longer than this check
        unmasked(_called(what, entry), array)
    try:
        result = np.asarray(array)
    except ValueError:  # a ragged list
        raise ValueError(f"{_called(what, entry)} is no rectangular array; {expected}") from None
    given = result.dtype
    if given.kind != "f":
        kinds = "objects" if given.kind == "O" else f"{given}"
        remedy = "; convert with numpy.asarray(…, float)" if given.kind in "iub" else ""
        raise ValueError(f"{_called(what, entry)} has {kinds} where floats belong; {expected}{remedy}")
    return result


def _copy(what: str, array: Array, kind: np.dtype[Any], entry: str = "") -> Array:
    """Make a read-only copy of an array of floats in this type; raises ValueError if a number is not finite."""
    copied = np.array(array, kind)
    flat = copied.ravel("K")
    if not isfinite(flat.dot(flat)):  # one pass: nan and inf do not leave a sum of squares finite
        wrong = ~np.isfinite(copied)
        if wrong.any():
            where = tuple(int(i) for i in np.argwhere(wrong)[0])
            number = f"{array[where]} at index {list(where)}"
            raise ValueError(f"{_called(what, entry)} has {number}; every number must be finite in {kind}")
    return locked(copied)


def _copies(what: str, arrays: Mapping[str, Array], kind: np.dtype[Any]) -> dict[str, Array]:
    """Make the copies of several arrays in one block, which takes two thirds of the time if they are small."""
    if not arrays:
        return {}
    block = np.concatenate([array.reshape(-1) for array in arrays.values()], dtype=kind)
    if not isfinite(block.dot(block)):  # some number is not finite, or only its square
        return {name: _copy(what, array, kind, name) for name, array in arrays.items()}
    locked(block)
    copied, start = {}, 0
    for name, array in arrays.items():
        copied[name] = block[start : start + array.size].reshape(array.shape)
        start += array.size
    return copied


def _called(what: str, entry: str) -> str:
    return f"{what}[{entry!r}]" if entry else what


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
    unmasked("y", y)
    try:
        result = np.asarray(y)
    except ValueError:
        raise ValueError("y is no rectangular array; integers (T, B) or floats (T, B, n_y)") from None
    if result.dtype.kind in "iu":
        if not cell.takes_classes:
            names = ", ".join(row.name for row in map(cell.loss, cell.nodes) if row is not None and not row.classes)
            raise ValueError(
                f"y has integers where floats belong: {names} compares with floats (T, B, n_y); convert with"
                " numpy.asarray(y, float)"
            )
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
            remedy = _classes_as_floats(cell, y, x)
            raise ValueError(f"y has shape {np.shape(y)}; {expected}, or (T, n_y) for one sample{remedy}")
    if x is not None and result.shape[:2] != x.shape[:2]:
        raise ValueError(
            f"y has {result.shape[0]} steps and {result.shape[1]} samples, x has {x.shape[0]} and {x.shape[1]}; make them"
            f" equal{_classes_as_floats(cell, y, x)}"
        )
    return result


def _class_range(y: Array) -> tuple[int, int]:
    """The smallest and the largest class, without a copy of y; raises ValueError if they are no classes."""
    if y.flags.c_contiguous:  # the quicker way would copy any other array
        low, top = int(y.item(y.argmin())), int(y.item(y.argmax()))
    else:
        low, top = int(y.min()), int(y.max())
    if low < 0 or top > _MAX_CLASSES:
        raise ValueError(f"y has classes from {low} to {top}; they are counted from 0")
    return low, top


def _classes_as_floats(cell: Cell, y: Any, x: Array | None) -> str:
    """The end of a message about a y of floats that may be meant as classes; empty for any other y."""
    floats = np.asarray(y)
    if not cell.takes_classes or floats.dtype.kind != "f" or not floats.size:
        return ""
    if floats.ndim != 1 and floats.shape[1:] != (1,) and (x is None or floats.shape != x.shape[:2]):
        return ""
    if not ((floats >= 0) & (floats <= _MAX_CLASSES) & (floats == np.floor(floats))).all():
        return ""
    first = ", ".join(f"{number:g}" for number in floats.reshape(-1)[:4])
    return f"; y has the floats {first}{', …' if floats.size > 4 else ''}: if they are classes, give y.astype(int)"


def _parameters(cell: Cell, params: Mapping[str, Any]) -> dict[str, Array]:
    mapping("params", params, "{name: array}")
    result = {}
    for name in cell.parameters:
        if name not in params:
            missing = ", ".join(name for name in cell.parameters if name not in params)
            raise ValueError(f"params lacks {missing}; {cell.name} has {', '.join(cell.parameters)}")
        result[name] = _floats("params", params[name], "a parameter is an array of floats", name)
    if len(params) > len(result):
        unknown = next(name for name in params if name not in result)
        known = ", ".join(cell.parameters)
        raise ValueError(
            f"params has {unknown!r}; {cell.name} has {known}{likely(str(unknown), list(cell.parameters))}"
        )
    return result


def _given_initial(cell: Cell, initial: Mapping[str, Any] | None) -> dict[str, Array]:
    if initial is None:
        return {}
    mapping("initial", initial, "{state: array}")
    expected = "it is floats (n,), (B, n) or (K, B, n), the last row being t = 0"
    for name in initial:
        if name not in cell.states:
            states = ", ".join(cell.states) or "none"
            raise ValueError(
                f"initial has {name!r}; the states of {cell.name} are {states}{likely(str(name), list(cell.states))}"
            )
    return {name: _floats("initial", array, expected, name) for name, array in initial.items()}


@lru_cache(maxsize=1024)
def _shape(
    cell: Cell,
    T: int,
    B: int,
    kind: np.dtype[Any],
    n_x: int | None,
    n_y: int | None,
    target: np.dtype[Any],
    parameters: tuple[tuple[int, ...], ...],
    initial: tuple[tuple[str, tuple[int, ...]], ...],
    classes: int,
) -> Shape:
    """Solve the sizes from the shapes of the arguments; each shape must fit the sizes that those before it have fixed."""
    dimensions = cell.dimensions
    solved = {"1": 1}

    def settle(what: str, axes: tuple[str, ...], shape: tuple[int, ...]) -> None:
        if (
            len(shape) != len(axes)
            or 0 in shape
            or any(solved.setdefault(a, n) != n for a, n in zip(axes, shape, strict=True))
        ):
            allowed = ", ".join(f"n_{axis}" + (f" = {solved[axis]}" if axis in solved else "") for axis in axes)
            raise ValueError(f"{what} has shape {shape}; it must be ({allowed}), no axis empty")

    if n_x is not None:
        settle("one step of x", dimensions["x"], (n_x,))
    if n_y is not None:
        settle("one step of y", dimensions["y"], (n_y,))
    for name, shape in zip(cell.parameters, parameters, strict=True):
        settle(f"params[{name!r}]", dimensions[name], shape)
    for name, shape in initial:
        K, (axis,) = cell.lags[name], dimensions[name]
        n = solved.setdefault(axis, shape[-1] if shape else 1)
        if shape not in ((n,), (B, n), (K, B, n)):
            raise ValueError(f"initial[{name!r}] has shape {shape}; it must be {(n,)}, {(B, n)} or {(K, B, n)}")
    if classes:
        solved.setdefault("y", classes)
    unsettled = [members[0] for members in cell.hidden if members[0] not in solved]
    if unsettled:
        raise ValueError(
            f"nothing fixes the size of {', '.join(unsettled)}; give initial[{unsettled[0]!r}] with that many entries"
        )
    sizes = {name: solved[axes[0]] for name, axes in dimensions.items() if name not in cell.parameters}
    units = sum(sizes.values())
    what = f"a run with {units:,} units a step"
    fits(what, lambda T: T * B * units * kind.itemsize * _COPIES, T, B, most=MAX_RUN_BYTES)
    return _shape_of(cell, T, B, kind, sizes, target)


def _initial(shape: Shape, early: Mapping[str, Array]) -> dict[str, Array]:
    """The initial values of every state, (K, B, n): those of the caller at t = 0 or at all K steps, 0 elsewhere."""
    cell, result = shape.cell, {}
    for name in cell.states:
        result[name] = np.zeros((cell.lags[name], shape.B, shape.sizes[name]), shape.dtype)
        if name in early:
            result[name][-1 if early[name].ndim < 3 else slice(None)] = early[name]
        locked(result[name])
    return result


def _weights(weights: Any, T: int, B: int, kind: np.dtype[Any]) -> Array:
    if weights is None:
        return locked(np.ones((T, B), kind))
    expected = "weights is (T,) or (T, B), the factor of each L(t), or True where it counts"
    unmasked("weights", weights)
    try:
        result = np.asarray(weights)
    except ValueError:
        raise ValueError(f"weights is no rectangular array; {expected}") from None
    if result.dtype.kind not in "iub":
        result = _floats("weights", result, expected)
    if result.shape not in ((T,), (T, B)):
        raise ValueError(f"weights has shape {result.shape}; {expected}, here ({T},) or ({T}, {B})")
    result = _copy("weights", result, kind)
    return locked(np.repeat(result[:, None], B, axis=1)) if result.ndim == 1 and B > 1 else result.reshape(T, B)
