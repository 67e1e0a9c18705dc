"""The value of a formula for a run, with a bound of the rounding error of each entry."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from engine.execute.run import Run
from engine.formula.shapes import MAX_ENTRIES, Shape, Shapes, shape
from engine.formula.syntax import Formula, Gradient, derived
from engine.language import operations
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import ARITHMETIC, FUNCTIONS, SOFTMAX, Array, one_hot
from engine.support.pause import pause

#: An array and a bound of the error of each entry.
_Pair: TypeAlias = tuple[Array, Array]

_OF_VALUE, _OF_GRADIENT = 8, 64  # roundings in the numbers of a node


def evaluate(formula: Formula, run: Run, t: int | None, sample: int = 0) -> Array:
    """The value of a formula at a step, for one sample.

    Args:
        formula: in the names of the run's cell.
        run: whose numbers it reads.
        t: the step, from 1; at 0 and below initial values are read, and beyond either end everything else is zero. None for
            a formula without a step, such as sum_t(outer(g_a, x)).
        sample: counted from 0.

    Returns:
        () for a number, (n,) for a column, else (m, n).

    Raises:
        Misfit: where shapes do not fit.
    """
    value, _ = evaluated(formula, run, t, sample)
    return as_vector(value, shape(formula, run, t))


def as_vector(value: Array, of: Shape) -> Array:
    """An array as the engine has it: (), (n,) for a column, else (m, n).

    Args:
        value: with as many entries as the shape.
        of: the shape of a formula.
    """
    return value.reshape(of[:1] if of[1:] == (1,) else of)


def evaluated(formula: Formula, run: Run, t: int | None, sample: int = 0) -> tuple[Array, Array]:
    """The value of a formula, (m, n), and a bound of the rounding error of each entry.

    The bound follows the rules of running error analysis.

    Args:
        formula: in the names of the run's cell.
        run: whose numbers it reads.
        t: the step, as for `evaluate`.
        sample: counted from 0.

    Raises:
        Misfit: where shapes do not fit.
    """
    wide = shape(formula, run, t) or (1, 1)
    with np.errstate(all="ignore"):
        steps = np.array([1 if t is None else t])
        value, error = _Numbers(run, steps, sample).of(formula.expression)
    return np.broadcast_to(value, (1, *wide))[0], np.broadcast_to(error, (1, *wide))[0]


class _Numbers:
    """Values from the inside out, (steps, m, n), with a bound of their rounding errors."""

    def __init__(self, run: Run, steps: Array, sample: int) -> None:
        self.run, self.steps, self.sample = run, steps, sample
        self.eps = float(np.finfo(run.dtype).eps)

    def of(self, part: Expression) -> _Pair:
        if isinstance(part, Number):
            return np.full((1, 1, 1), part.value), np.zeros((1, 1, 1))
        if isinstance(part, Name):
            value = self.read(part)
            return value, (_OF_GRADIENT if isinstance(part, Gradient) else _OF_VALUE) * self.eps * np.abs(value)
        if part.operation == "sum_t":
            return self.summed(part.arguments[0])
        return self.call(part, [self.of(argument) for argument in part.arguments])

    def read(self, part: Name) -> Array:
        """The value of a name, or the gradient at it, at the steps; a class as the vector with one 1."""
        run, name = self.run, part.name
        if name in run.parameters:
            array = np.asarray(run.parameters[name], np.float64)
            return (array if array.ndim == 2 else array[:, None])[None]
        if name == "y":
            return self.gathered(one_hot(run.y[:, self.sample], run.sizes["y"]), None, part.lag)
        values, early = (run.grad, run.initial_grad) if isinstance(part, Gradient) else (run.value, run.initial)
        return self.gathered(values[name][:, self.sample], early.get(name), part.lag)

    def gathered(self, values: Array, early: Array | None, lag: int) -> Array:
        """Columns of `values`, (T, n), `lag` steps back, and of `early`, (K, B, n), before step 1; zeros beyond either end."""
        steps = self.steps - lag
        columns = np.zeros((len(steps), values.shape[-1]))
        inside = (steps >= 1) & (steps <= self.run.T)
        columns[inside] = values[steps[inside] - 1]
        if early is not None:
            before = (steps <= 0) & (steps > -len(early))
            columns[before] = early[steps[before] - 1, self.sample]
        return columns[..., None]

    def summed(self, part: Expression) -> _Pair:
        """The sum over all steps, some at a time."""
        run = self.run
        wide = Shapes(run, stepped=True).of(part) or (1, 1)
        size = wide[0] * wide[1]
        total, bound, count = np.zeros((1, *wide)), np.zeros((1, *wide)), max(1, MAX_ENTRIES // (8 * size))
        for start in range(1, run.T + 1, count):
            pause()
            steps = np.arange(start, min(start + count, run.T + 1))
            value, error = _Numbers(run, steps, self.sample).of(part)
            value, error = (np.broadcast_to(array, (len(steps), *wide)) for array in (value, error))
            total = total + value.sum(axis=0, keepdims=True)
            bound = bound + (error + run.T * self.eps * np.abs(value)).sum(axis=0, keepdims=True)
        return total, bound

    def call(self, part: Apply, arguments: list[_Pair]) -> _Pair:
        operation, eps = part.operation, self.eps
        a, da = arguments[0]
        row = ARITHMETIC.get(operation)
        if row is not None and not row.is_product:
            value = row.definition(*(argument for argument, _ in arguments))
            if row.arity == 1:
                return value, da  # a change of sign is exact
            return value, da + arguments[1][1] + eps * np.abs(value)
        if operation in ("*", "/", "@", "outer"):
            return self.product(operation, a, da, *arguments[1])
        if operation == "one":
            return np.ones(a.shape), np.zeros(a.shape)
        if operation in ("T", "diag"):
            return _moved(operation, a), _moved(operation, da)
        if operation == "sum":
            value = a.sum(axis=(-1, -2), keepdims=True)
            return value, (da + a[0].size * eps * np.abs(a)).sum(axis=(-1, -2), keepdims=True)
        return self.function(part, a, da)

    def product(self, operation: str, a: Array, da: Array, b: Array, db: Array) -> _Pair:
        """A product or a quotient of two arrays, entry by entry or of matrices."""
        eps = self.eps
        if operation == "*":
            return a * b, np.abs(a) * db + da * (np.abs(b) + db) + eps * np.abs(a * b)
        if operation == "/":
            value = a / b
            least = np.maximum(np.abs(b) - db, 0)  # where the divisor may be 0, there is no bound
            error = np.where(da + db > 0, (da + np.abs(value) * db) / least, 0) + eps * np.abs(value)
            return value, np.where(np.isinf(b), np.abs(a) / np.finfo(np.float64).max, error)
        if operation == "outer":
            b, db = np.swapaxes(b, -1, -2), np.swapaxes(db, -1, -2)
        size = np.abs(a) @ np.abs(b)
        return a @ b, np.abs(a) @ db + da @ (np.abs(b) + db) + (a.shape[-1] + 1) * eps * size

    def function(self, part: Apply, a: Array, da: Array) -> _Pair:
        operation, eps = part.operation, self.eps
        if operation == "exp":
            value = np.exp(a)
            return value, value * (da + 4 * eps)
        if operation == "log":
            value = np.log(a)
            return value, da / np.abs(a) + 4 * eps * np.abs(value)
        if operation == SOFTMAX.name:
            value = np.exp(a - a.max(axis=-2, keepdims=True))
            value = value / value.sum(axis=-2, keepdims=True)
            return value, value * (da + da.max(axis=-2, keepdims=True) + 8 * eps)
        derivative_of = derived(operation)
        if derivative_of is not None:  # |φ''| is at most 2 |φ'| for every function of the table
            value = operations.slope(derivative_of, a)
            return value, np.abs(value) * (2 * da + 8 * eps)
        function = FUNCTIONS[operation]
        value = operations.value(function, a)
        return value, np.abs(operations.slope(function, a)) * da + 8 * eps * np.abs(value)


def _moved(operation: str, a: Array) -> Array:
    """An array transposed ("T"), or a column on a diagonal ("diag")."""
    return np.asarray(np.swapaxes(a, -1, -2) if operation == "T" else np.where(np.eye(a.shape[-2], dtype=bool), a, 0))
