"""The loss over a plane in the space of weights and inputs, at many points in one run, with its derivatives along the plane.

The samples of a batch share their parameters, so a parameter that differs between samples has to enter as data. The equations
of the cell are rewritten for that: the coordinates of a point become extra inputs, a vector b becomes b + D @ x, and a product
W @ v becomes W @ v + (G @ x) * (D @ v), where G picks the coordinate and D is the direction. Each point is then a sample, and the
gradient at its extra inputs is the derivative of its loss along the plane.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.language.cell import Cell, parse
from engine.language.equations import lifted
from engine.language.expressions import Apply, EquationError, Expression, Name, Number, walk
from engine.language.operations import LOSSES, Array
from engine.language.printer import code
from engine.support.arguments import mapping, one_of, unmasked

#: Name of a parameter, or "x" -> its change with the coordinate, in its shape; an array without an entry does not change.
Direction: TypeAlias = Mapping[str, Array]

_MOST = 3  # directions


@dataclass(frozen=True)
class Plane:
    """The loss at N points of a plane, and its derivatives along the k directions that span it.

    Where values leave the range of floating point, both are inf or nan.

    Attributes:
        loss: (N,).
        slope: (N, k).
    """

    loss: Array
    slope: Array


def plane(run: Run, directions: Sequence[Direction], points: Any, origin: Mapping[str, Array] | None = None) -> Plane:
    """Compute the loss of a run with its parameters and inputs at origin + Σ u_i direction_i, for each point u.

    All points are samples of one run with N · B samples; take them in portions if that is too much.

    Args:
        run: the run.
        directions: one to three directions.
        points: (N, k) floats, the coordinates u.
        origin: the arrays at u = 0 that differ from those of the run, by the name of the parameter, or "x".

    Returns:
        The losses, and their derivatives along the directions.

    Raises:
        ValueError: for an array that the run does not have, a wrong shape, or equations that are too long to be rewritten.

    **Holds:** the_plane_is_that_of_single_runs, the_slopes_are_those_of_the_parameters.
    """
    unmasked("points", points)
    points = np.asarray(points, run.dtype)
    k = len(directions)
    if points.ndim != 2 or points.shape[1] != k or not 1 <= k <= _MOST:
        raise ValueError(
            f"points has shape {points.shape} for {k} directions; it must be (N, k), with k from 1 to {_MOST}"
        )
    start = _start(run, directions, {} if origin is None else origin)
    touched = tuple(
        (name, which)
        for name in run.parameters
        if (which := tuple(i for i, direction in enumerate(directions) if name in direction))
    )
    rewritten = _rewritten(run.cell, touched)
    N, T, B = len(points), run.T, run.B
    n_x = 0 if run.x is None else start["x"].shape[2]
    each = np.repeat(points, B, axis=0)
    x = np.empty((T, N * B, n_x + k), run.dtype)
    if n_x:
        x[..., :n_x] = np.tile(start["x"], (1, N, 1))
        for i, direction in enumerate(directions):
            if "x" in direction:
                x[..., :n_x] += each[:, i, None] * np.tile(direction["x"], (1, N, 1))
    x[..., n_x:] = each
    result = run_cell(
        rewritten.cell,
        {**{name: start[name] for name in run.parameters}, **_bound(rewritten, start, directions, n_x, run.dtype)},
        x,
        np.tile(run.y, (1, N, *[1] * (run.y.ndim - 2))),
        {name: np.tile(array, (1, N, 1)) for name, array in run.initial.items()},
        np.tile(run.seed, (1, N)),
        "sum",
        run.dtype,
    )
    with np.errstate(all="ignore"):
        slope = result.grad["x"][..., n_x:].reshape(T, N, B, k).sum(axis=(0, 2))
        for i, direction in enumerate(directions):
            if "x" in direction:
                through = result.grad["x"][..., :n_x].reshape(T, N, B, n_x)
                slope[:, i] += np.einsum("tnbi,tbi->n", through, direction["x"])
        return Plane(result.weighted_losses.reshape(T, N, B).sum(axis=(0, 2)), slope)


def _start(run: Run, directions: Sequence[Direction], origin: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays at u = 0; raises ValueError for a direction or an origin that does not fit the run."""
    for named in (*directions, origin):
        mapping("a direction or the origin", named, "{name: array}")
    if not all(directions):
        raise ValueError("a direction names no array, so nothing would change along it")
    arrays = {**run.parameters, **({"x": run.x} if run.x is not None else {})}
    for name, array in [pair for named in (origin, *directions) for pair in named.items()]:
        if name not in arrays:
            raise ValueError(f"there is no array {name!r}; there are {', '.join(arrays)}")
        unmasked(f"the array for {name}", array)
        if np.shape(array) != arrays[name].shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, its direction or origin {np.shape(array)}")
    return arrays | dict(origin)


def along(run: Run, directions: Iterable[Direction]) -> Array:
    """Compute the derivative of the loss of a run along each direction, ⟨∂L/∂W, D⟩ summed over the arrays of the direction.

    Args:
        run: the run.
        directions: the directions.

    Returns:
        (k,).

    Raises:
        ValueError: for an array that the run does not have.

    **Holds:** the_slopes_are_those_of_the_parameters.
    """
    grads = {**run.param_grad, "x": run.grad.get("x")}
    directions = list(directions)
    for direction in directions:
        mapping("one of the directions", direction, "{name: array}")
        for name in direction:
            one_of("directions: the name of an array", name, grads)
    with np.errstate(all="ignore"):
        return np.array(
            [sum(float(np.sum(grads[name] * array)) for name, array in direction.items()) for direction in directions]
        )


# --- the equations, rewritten --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rewritten:
    """A cell that reads the coordinates of a point after its own inputs, and the names of its added parameters.

    Attributes:
        cell: the cell.
        x: the matrix that picks the original inputs from all of them, or "".
        vectors: (name of a vector, the matrix that adds to it, its directions).
        matrices: (name of a matrix, its direction, the matrix of that direction, the matrix that picks the coordinate).
    """

    cell: Cell
    x: str
    vectors: tuple[tuple[str, str, tuple[int, ...]], ...]
    matrices: tuple[tuple[str, int, str, str], ...]


@lru_cache(maxsize=64)
def _rewritten(cell: Cell, touched: tuple[tuple[str, tuple[int, ...]], ...]) -> _Rewritten:
    """Rewrite a cell so that some of its parameters move, each along some of the directions."""
    fresh = partial(_fresh, {"x", "y", "t", *cell.nodes, *cell.parameters})
    lines: list[str] = []
    inputs = fresh("own") if cell.reads_x else ""
    moved_names = {"x": fresh("input")} if inputs else {}
    if inputs:
        lines.append(f"{moved_names['x']} = {inputs} @ x")
    vectors, matrices = [], {}
    for name, which in touched:
        if len(cell.dimensions[name]) == 1:
            adds, moved_names[name] = fresh("adds"), fresh("moved")
            lines.append(f"{moved_names[name]} = {name} + {adds} @ x")
            vectors.append((name, adds, which))
        else:
            matrices[name] = [(i, fresh("towards"), fresh("pick")) for i in which]

    def moved(expression: Expression) -> Expression:
        """Put the coordinates of the point into an expression, and the calls that were lifted from it back in their place."""
        if isinstance(expression, Number):
            return expression
        if isinstance(expression, Name):
            call = lifted(cell.equations, expression)
            return (
                moved(call)
                if call is not None
                else replace(expression, name=moved_names.get(expression.name, expression.name))
            )
        place, arguments = expression.place, tuple(map(moved, expression.arguments))
        matrix = arguments[0].name if expression.operation == "@" and isinstance(arguments[0], Name) else ""
        if matrix not in matrices:
            return replace(expression, arguments=arguments)
        if _has_loss(cell, expression.arguments[1]):
            raise ValueError(f"{matrix} multiplies a loss; it cannot be varied")
        vector = Name(fresh("vector"), 0, place)  # named, since it is read more than once
        lines.append(f"{vector.name} = {code(arguments[1])}")

        def product(left: str, right: Name) -> Apply:
            return Apply("@", (Name(left, 0, place), right), place)

        total = product(matrix, vector)
        for _, towards, pick in matrices[matrix]:
            step = Apply("*", (product(pick, Name("x", 0, place)), product(towards, vector)), place)
            total = Apply("+", (total, step), place)
        return total

    for equation in cell.equations.values():
        if equation.within is None:
            line = code(moved(equation.expression))
            lines.append(f"{equation.name} = {line}")
    try:
        moved_cell = parse("\n".join(lines) + "\n", cell.name)
    except EquationError as error:
        raise ValueError(f"the equations of {cell.name} are too long to be varied: {error.message}") from None
    rows = tuple((name, *row) for name, own_rows in matrices.items() for row in own_rows)
    return _Rewritten(moved_cell, inputs, tuple(vectors), rows)


def _fresh(taken: set[str], name: str) -> str:
    """The name with the first number that is not taken; from now on it is."""
    free = next(f"{name}_{i}" for i in count(1) if f"{name}_{i}" not in taken)
    taken.add(free)
    return free


def _has_loss(cell: Cell, expression: Expression) -> bool:
    """Whether an expression calls a loss, also in a call that was lifted from it."""
    for part in walk(expression):
        if isinstance(part, Apply):
            if part.operation in LOSSES:
                return True
        elif isinstance(part, Name):
            call = lifted(cell.equations, part)
            if call is not None and _has_loss(cell, call):
                return True
    return False


def _bound(
    rewritten: _Rewritten, start: Mapping[str, Array], directions: Sequence[Direction], n_x: int, dtype: Any
) -> dict[str, Array]:
    """The values of the added parameters of the rewritten cell."""
    width = n_x + len(directions)
    result: dict[str, Array] = {}
    if rewritten.x:
        result[rewritten.x] = np.eye(n_x, width, dtype=dtype)
    for name, adds, which in rewritten.vectors:
        result[adds] = np.zeros((len(start[name]), width), dtype)
        for i in which:
            result[adds][:, n_x + i] = directions[i][name]
    for name, i, towards, pick in rewritten.matrices:
        result[towards] = np.asarray(directions[i][name], dtype)
        result[pick] = np.zeros((len(start[name]), width), dtype)
        result[pick][:, n_x + i] = 1
    return result
