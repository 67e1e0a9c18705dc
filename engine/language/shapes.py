"""Sizes inferred from equations: names that elementwise operations join share a class of sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from engine.language.equations import Equation
from engine.language.expressions import Apply, Expression, Name, Number, Place
from engine.language.operations import OPERATIONS
from engine.language.totals import calls, readings

#: ("unit", name) is the size of a vector, ("row", W) and ("column", W) are those of a matrix, ("one", "") is 1.
Key: TypeAlias = tuple[str, str]
ONE: Key = ("one", "")


class Classes:
    """Union-find over sizes: ("unit", name) of a vector, ("row", W) and ("column", W) of a matrix, ("one", "")."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}
        self._place: dict[Key, Place] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._parent

    def add(self, key: Key) -> Key:
        self._parent.setdefault(key, key)
        return key

    def root(self, key: Key) -> Key:
        while self._parent[key] != key:
            key = self._parent[key]
        return key

    def join(self, a: Key, b: Key, place: Place) -> None:
        first, second = self.root(self.add(a)), self.root(self.add(b))
        if first != second:
            self._parent[second] = first
            self._place[first] = place

    def same(self, a: Key, b: Key) -> bool:
        return a in self and b in self and self.root(a) == self.root(b)

    def place(self, key: Key) -> Place | None:
        """Where the class was last joined from two."""
        return self._place.get(self.root(key))

    def groups(self) -> list[list[Key]]:
        found: dict[Key, list[Key]] = {}
        for key in self._parent:
            found.setdefault(self.root(key), []).append(key)
        return list(found.values())


def infer(equations: Mapping[str, Equation], parameters: Collection[str]) -> Classes:
    """The classes of sizes of the equations.

    Raises:
        EquationError: for a number where a vector is needed, a matrix that is no parameter, or a name used as both.
    """
    inference = _Inference(parameters)
    classes = inference.classes
    for name, equation in equations.items():
        left, right = classes.add(("unit", name)), inference.size(equation.expression)
        if right is not None:
            classes.join(left, right, equation.place)
    lines, _ = readings(equations)
    for name in calls(equations):
        if not lines.out_degree(name):  # it counts, so it is a number
            classes.join(ONE, ("unit", name), equations[name].place)
    inference.check_matrices()
    return classes


class _Inference:
    """The walk over the expressions, which joins classes and collects where vectors and matrices are read."""

    def __init__(self, parameters: Collection[str]) -> None:
        self.parameters = parameters
        self.classes = Classes()
        self.classes.add(ONE)
        self.vectors: dict[str, Place] = {}
        self.matrices: dict[str, Place] = {}

    def size(self, expression: Expression) -> Key | None:
        """The class of an expression's size; None of a number, which goes with any size."""
        if isinstance(expression, Number):
            return None
        if isinstance(expression, Name):
            if expression.name in self.parameters:
                self.vectors.setdefault(expression.name, expression.place)
            return self.classes.add(("unit", expression.name))
        operation = OPERATIONS[expression.operation]
        if operation.sizes == "rows":
            return self.rows(expression)
        sizes = [key for key in map(self.size, expression.arguments) if key is not None]
        if operation.kind in ("function", "softmax") and not sizes:
            raise expression.place.error(f"{operation.name} takes a vector, not a number")
        for size in sizes[1:]:
            self.classes.join(sizes[0], size, expression.place)
        if operation.kind == "loss" and len(sizes) < 2:
            raise expression.place.error(f"{operation.name} takes a vector and the target y, not a number")
        return ONE if operation.sizes == "one" else sizes[0] if sizes else None

    def rows(self, product: Apply) -> Key:
        """The class of a matrix times a vector."""
        matrix, vector = product.arguments
        assert isinstance(matrix, Name)
        if matrix.name not in self.parameters:
            right = vector.name if isinstance(vector, Name) and vector.name in self.parameters else "W"
            raise matrix.place.error(
                f"{matrix.name!r} stands left of '@' but is no parameter; it is a vector, and the matrix stands on the left:"
                f" {right} @ {matrix.name}"
            )
        self.matrices.setdefault(matrix.name, matrix.place)
        inner = self.size(vector)
        if inner is None:
            raise vector.place.error("the right of '@' is a vector, not a number")
        self.classes.join(self.classes.add(("column", matrix.name)), inner, product.place)
        return self.classes.add(("row", matrix.name))

    def check_matrices(self) -> None:
        """No parameter is both a matrix and a vector."""
        for name in self.matrices.keys() & self.vectors.keys():
            place = max(self.matrices[name], self.vectors[name], key=lambda place: (place.line, place.column))
            raise place.error(
                f"{name!r} is a matrix where it stands left of '@' and cannot be a vector as well; a matrix times a vector is"
                f" {name} @ h, and what is multiplied elementwise or added is a vector with a name of its own"
            )
