"""Sizes inferred from equations: names that elementwise operations join share a class, and the user gives each a number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from engine.language.equations import Equation
from engine.language.expressions import Apply, Expression, Name, Number, Place
from engine.language.operations import OPERATIONS
from engine.language.totals import calls, readings
from engine.support.arguments import mapping, whole

#: ("unit", name) is the size of a vector, ("row", W) and ("column", W) are those of a matrix, ("one", "") is 1.
Key: TypeAlias = tuple[str, str]
ONE: Key = ("one", "")

#: Name of a member of a class -> units: {"x": 4, "h": 5, "y": 3}.
Sizes: TypeAlias = Mapping[str, int]
#: The members of each class whose size neither x nor y fixes.
Hidden: TypeAlias = tuple[tuple[str, ...], ...]

MAX_SIZE = 4096  # units of one vector
_CONTRADICTED = "sizes that contradict each other"


class Classes:
    """Classes of equal sizes, by union-find."""

    def __init__(self) -> None:
        """Start without classes."""
        self._parent: dict[Key, Key] = {}
        self._place: dict[Key, Place] = {}

    def __contains__(self, key: Key) -> bool:
        """Whether a size is in one of the classes."""
        return key in self._parent

    def add(self, key: Key) -> Key:
        """Put a size into a class of its own, unless it is in one."""
        self._parent.setdefault(key, key)
        return key

    def root(self, key: Key) -> Key:
        """The size that stands for the class of another."""
        while self._parent[key] != key:
            key = self._parent[key]
        return key

    def join(self, a: Key, b: Key, place: Place) -> None:
        """Make one class of two, because of the equation at a place."""
        first, second = self.root(self.add(a)), self.root(self.add(b))
        if first != second:
            self._parent[second] = first
            self._place[first] = place

    def same(self, a: Key, b: Key) -> bool:
        """Whether two sizes are of one class."""
        return a in self and b in self and self.root(a) == self.root(b)

    def place(self, key: Key) -> Place | None:
        """The place of the equation that made the class from two last."""
        return self._place.get(self.root(key))

    def groups(self) -> list[list[Key]]:
        """The members of each class."""
        members: dict[Key, list[Key]] = {}
        for key in self._parent:
            members.setdefault(self.root(key), []).append(key)
        return list(members.values())


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


def size_key(classes: Classes, hidden: Hidden, name: str) -> Key:
    """The class that a user's name for a size stands for: that of the vector, or of the unnamed right side of a matrix."""
    unnamed = ("unit", name) not in classes and any(name in members for members in hidden)
    return ("column" if unnamed else "unit", name)


def solve(classes: Classes, hidden: Hidden, sizes: Sizes, reads_x: bool, cell: str) -> dict[Key, int]:
    """The size of every class, by its root.

    Args:
        classes: of the cell.
        hidden: the members of each class whose size the user gives.
        sizes: the user's numbers, by the name of any member.
        reads_x: whether the cell has an input.
        cell: its name, for the message.

    Raises:
        ValueError: for a size that is missing, unknown, contradicted or not a whole number from 1 to MAX_SIZE.
    """
    mapping("sizes", sizes, "{name: number of units}")
    solved: dict[Key, int] = {}
    entered: dict[Key, tuple[str, int]] = {}
    for name, size in sizes.items():
        size = whole(f"sizes[{name!r}]", size, 1, MAX_SIZE, f"a size is a whole number from 1 to {MAX_SIZE}")
        if name == "x" and not reads_x:
            continue
        key = size_key(classes, hidden, name)
        if key not in classes:
            known = ", ".join(["x", "y", *(members[0] for members in hidden)])
            raise ValueError(f"sizes has {name!r}, which is no node of {cell}; give sizes for {known}")
        root = classes.root(key)
        if root in entered and entered[root][1] != size:
            earlier, before = entered[root]
            place = classes.place(root)
            message = f"{_CONTRADICTED}: {earlier!r} has {before}, {name!r} has {size}, and they share a size"
            raise place.error(message) if place else ValueError(message)
        entered[root] = (name, size)
        solved[root] = size
    one = classes.root(ONE)
    if solved.get(one, 1) != 1:
        place = classes.place(one) or Place(1, 1)
        raise place.error(f"{_CONTRADICTED}: {entered[one][0]!r} shares a size with a loss, which has 1 unit")
    solved[one] = 1
    missing = [members[0] for members in hidden if classes.root(size_key(classes, hidden, members[0])) not in solved]
    missing += [name for name in ("x", "y") if (name != "x" or reads_x) and classes.root(("unit", name)) not in solved]
    if missing:
        raise ValueError(f"sizes has no number for {', '.join(map(repr, missing))}; given: {dict(sizes)}")
    return solved


def axes(classes: Classes, hidden: Hidden, named: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Name -> the label of the class of each of its axes, two for a matrix.

    Args:
        classes: of the cell.
        hidden: the members of each class whose size the user gives; the first one is its label.
        named: names of the cell, those without a size among them.
    """
    label = {classes.root(ONE): "1"}
    label |= {classes.root(("unit", name)): name for name in ("x", "y") if ("unit", name) in classes}
    for members in hidden:
        label[classes.root(size_key(classes, hidden, members[0]))] = members[0]
    labels: dict[str, tuple[str, ...]] = {}
    for name in named:
        if ("row", name) in classes:
            labels[name] = (label[classes.root(("row", name))], label[classes.root(("column", name))])
        elif ("unit", name) in classes:
            labels[name] = (label[classes.root(("unit", name))],)
    return labels
