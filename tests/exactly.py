"""A cell's gradients in as many digits as it takes: its equations on scalars of mpmath, each of which knows its parts."""

from __future__ import annotations

import mpmath
import numpy as np

from engine.execute.run import Run
from engine.language.expressions import Name, Number

DIGITS = 1500  # 1 − p keeps its digits where p is within 10^−1400 of 1


class Scalar:
    """A number, and what it was made of: pairs (part, derivative)."""

    def __init__(self, value, parts=()) -> None:
        self.value, self.parts = mpmath.mpf(value), parts

    def __add__(self, other):
        return Scalar(self.value + other.value, ((self, 1), (other, 1)))

    def __sub__(self, other):
        return Scalar(self.value - other.value, ((self, 1), (other, -1)))

    def __mul__(self, other):
        return Scalar(self.value * other.value, ((self, other.value), (other, self.value)))

    def through(self, function, slope):
        """φ of the number."""
        return Scalar(function(self.value), ((self, slope(self.value)),))


def _sigmoid(a):
    return 1 / (1 + mpmath.exp(-a))


FUNCTIONS = {
    "tanh": (mpmath.tanh, lambda a: mpmath.sech(a) ** 2),
    "sigmoid": (_sigmoid, lambda a: _sigmoid(a) * _sigmoid(-a)),
    "relu": (lambda a: max(a, mpmath.mpf(0)), lambda a: mpmath.mpf(a > 0)),
    "softplus": (lambda a: mpmath.log1p(mpmath.exp(a)), _sigmoid),
    "identity": (lambda a: a, lambda a: mpmath.mpf(1)),
    "exp": (mpmath.exp, mpmath.exp),
    "log": (mpmath.log, lambda a: 1 / a),
    "inverse": (lambda a: 1 / a, lambda a: -1 / a**2),
}


def total(parts):
    result = Scalar(0)
    for part in parts:
        result = result + part
    return result


def value(expression, look, y):
    """An expression as a list of scalars; a parameter that is a matrix as a list of rows."""
    if isinstance(expression, Number):
        return [Scalar(expression.value)]
    if isinstance(expression, Name):
        return look(expression.name, expression.lag)
    operation = expression.operation
    if operation == "@":
        matrix, vector = (value(part, look, y) for part in expression.arguments)
        vector = vector * len(matrix[0]) if len(vector) == 1 else vector
        return [total(w * v for w, v in zip(row, vector, strict=True)) for row in matrix]
    parts = [value(part, look, y) for part in expression.arguments[: 1 if operation in ("nll", "mse", "bce") else 2]]
    n = max(map(len, parts))
    a, *rest = ([one[0]] * n if len(one) == 1 else one for one in parts)
    if operation in ("+", "-", "*"):
        do = {"+": Scalar.__add__, "-": Scalar.__sub__, "*": Scalar.__mul__}[operation]
        return [do(left, right) for left, right in zip(a, rest[0], strict=True)]
    if operation == "neg":
        return [Scalar(0) - one for one in a]
    if operation == "softmax":
        powers = [one.through(*FUNCTIONS["exp"]) for one in a]
        inverse = total(powers).through(*FUNCTIONS["inverse"])
        return [power * inverse for power in powers]
    target = None if y is None else [Scalar(float(number)) for number in y]
    if operation == "nll":
        return [total(Scalar(0) - t * p.through(*FUNCTIONS["log"]) for p, t in zip(a, target, strict=True) if t.value)]
    one, share = Scalar(1), Scalar(1 / mpmath.mpf(n))
    if operation == "mse":
        return [share * total((p - t) * (p - t) for p, t in zip(a, target, strict=True))]
    if operation == "bce":
        hits = [t * p.through(*FUNCTIONS["log"]) for p, t in zip(a, target, strict=True) if t.value]
        misses = [
            (one - t) * (one - p).through(*FUNCTIONS["log"]) for p, t in zip(a, target, strict=True) if t.value != 1
        ]
        return [Scalar(0) - share * total(hits + misses)]
    return [one.through(*FUNCTIONS[operation]) for one in a]


def log10_norms(run: Run, sample: int = 0) -> dict[str, np.ndarray]:
    """log10 of the norm of the gradient at every node and x, (T,), of one sample."""
    with mpmath.workdps(DIGITS):
        made: dict[tuple[str, int], list[Scalar]] = {}
        for name, early in run.initial.items():
            for k in range(len(early)):
                made[name, k - len(early)] = [Scalar(float(v)) for v in early[k, sample]]
        if run.x is not None:
            made |= {("x", t): [Scalar(float(v)) for v in run.x[t, sample]] for t in range(run.T)}
        weights: dict[str, list] = {
            name: [[Scalar(float(v)) for v in row] for row in array]
            if array.ndim == 2
            else [Scalar(float(v)) for v in array]
            for name, array in run.parameters.items()
        }
        root = Scalar(0)
        scale = run.weights[:, sample] / (run.B if run.reduction == "mean" else 1)
        y = np.eye(run.sizes["y"])[run.y] if run.y.ndim == 2 else run.y
        for t in range(run.T):
            for name, equation in run.cell.equations.items():

                def look(name, lag, t=t):
                    return weights[name] if name in weights else made[name, t - lag]

                found = value(equation.expression, look, y[t, sample])
                n = run.sizes[name]
                made[name, t] = [Scalar(one.value, ((one, 1),)) for one in (found * n if len(found) == 1 else found)]
            for name in run.cell.losses:
                root = root + Scalar(float(scale[t])) * made[name, t][0]
        grads = _backward(root)
        found = {}
        for name in run.grad:
            norms = [
                mpmath.sqrt(sum(grads.get(id(one), mpmath.mpf(0)) ** 2 for one in made[name, t])) for t in range(run.T)
            ]
            found[name] = np.array([float(mpmath.log10(norm)) if norm else -np.inf for norm in norms])
        return found


def _backward(root: Scalar) -> dict[int, mpmath.mpf]:
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        one, done = stack.pop()
        if done:
            order.append(one)
        elif id(one) not in seen:
            seen.add(id(one))
            stack.append((one, True))
            stack += [(part, False) for part, _ in one.parts]
    grads = {id(root): mpmath.mpf(1)}
    for one in reversed(order):
        for part, derivative in one.parts:
            grads[id(part)] = grads.get(id(part), mpmath.mpf(0)) + grads[id(one)] * derivative
    return grads
