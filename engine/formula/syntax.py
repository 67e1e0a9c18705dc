"""The language of formulas: a gradient as a user writes it, in text, with errors that point.

It is the language of cells (`engine.language`) with the gradients of nodes, and with the operations of a chain rule in vectors:
`V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])`.

- `h`, `h[t-1]`, `h[t+1]` are values of nodes, `x` and `y` the input and the target (a class as the vector with one 1),
  `g_h`, `g_h[t+1]` the gradients there; beyond either end of the sequence everything is zero.
- A vector is a column. `.T` transposes, `@` is the product of matrices, `u @ v.T` or `outer(u, v)` a matrix; `+`, `-`, `*`
  and `/` go entry by entry, and one side may be a number, such as `u.T @ v`, `sum(v)` or a loss.
- `diag(v)`, `one(v)` (a 1 for each entry of v), `exp`, `log`, the functions of the table, and their derivatives,
  `slope(tanh, a)`.
- `sum_t(…)` sums its inside over all steps, as the gradient of a parameter does.

A formula that was read is an `Expression`. Beside the operations of the table it has "/", "T", the calls by their names, and
the derivative of a function by the function's name with a prime, "tanh'".
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from engine.language.cell import Cell
from engine.language.expressions import Apply, EquationError, Expression, Name, Place, walk
from engine.language.operations import FUNCTIONS, LOSSES, SOFTMAX, Function
from engine.language.reader import MAX_LAG, Reader, check_name, likely, step_of_index, syntax_tree

MAX_FORMULA = 2_000  # characters

_UNARY = ("sum", "diag", "one", "exp", "log", "sum_t", SOFTMAX.name, *FUNCTIONS)
_KNOWN = ("outer", "slope", *_UNARY)


@dataclass(frozen=True)
class Gradient(Name):
    """The gradient of the total loss at a node or at x, `lag` steps earlier (below 0: later)."""


@dataclass(frozen=True)
class Formula:
    """A formula that was read.

    Attributes:
        text: as it was typed.
        cell: whose names it uses.
        expression: the tree of its operations.
    """

    text: str
    cell: Cell
    expression: Expression


def derived(operation: str) -> Function | None:
    """The function that an operation such as "tanh'" is the derivative of; None of any other operation."""
    return FUNCTIONS.get(operation.removesuffix("'")) if operation.endswith("'") else None


def parse(text: str, cell: Cell) -> Formula:
    """Read the formula of a text, in the names of a cell.

    Args:
        text: up to MAX_FORMULA characters, on one line or several; `#` starts a comment.
        cell: the one whose nodes and parameters it may read.

    Returns:
        The formula, whose shapes and numbers are not checked yet.

    Raises:
        EquationError: with line and column, for anything that the language does not have.
        TypeError: if the text is no str.

    **Holds:** any_text_is_a_formula_or_an_error_that_points.
    """
    if not isinstance(text, str):
        raise TypeError(f"the text of a formula is a str, not {type(text).__name__}")
    if len(text) > MAX_FORMULA:
        raise EquationError(f"a formula has at most {MAX_FORMULA:,} characters, this one has {len(text):,}", 1)
    lines = text.splitlines() or [""]
    code = [line.partition("#")[0] for line in lines]
    if not "".join(code).strip():
        raise EquationError("there is no formula; write one such as W.T @ g_a", 1)
    _check_brackets(code)
    first = next(i for i, line in enumerate(code, 1) if line.strip())
    try:
        tree = syntax_tree("(\n" + "\n".join(code) + "\n)", "eval")  # over several lines, too
    except SyntaxError as error:
        line = min(max(first, (error.lineno or 2) - 1), len(code))
        column = max(1, min(error.offset or 1, len(code[line - 1]) + 1))
        raise EquationError(f"this cannot be read ({error.msg})", line, column) from None
    except (ValueError, RecursionError, MemoryError):
        raise EquationError("this cannot be read", first) from None
    assert isinstance(tree, ast.Expression)
    return Formula(text, cell, _FormulaReader(cell, code).expression(tree.body))


def _check_brackets(code: list[str]) -> None:
    """Refuse a bracket that closes none, and an assignment: Python would read them as something else."""
    depth = 0
    for i, line in enumerate(code, 1):
        for j, character in enumerate(line, 1):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0:
                raise EquationError("this ')' closes no bracket", i, j)
            if character == "=":
                raise EquationError("only the right side of = is written here; the left side is chosen beside it", i, j)


class _FormulaReader(Reader):
    """Reads expressions of formulas: the names of a cell and their gradients, at any step, with `/`, `.T` and more calls."""

    operators = Reader.operators | {ast.Div: "/"}  # type: ignore[operator]

    def __init__(self, cell: Cell, code: list[str]) -> None:
        super().__init__(code, above=1)
        self.cell = cell
        self.nodes = [*(["x"] if cell.reads_x else []), *cell.nodes]
        self.names = [*self.nodes, "y", *cell.parameters, *(f"g_{name}" for name in self.nodes)]

    def name(self, name: str, place: Place) -> Name:
        return self.name_back(name, 0, place)

    def name_at(self, name: str, index: ast.expr, place: Place) -> Name:
        if isinstance(index, ast.Name) and index.id == "t":
            return self.name_back(name, 0, place)
        step = step_of_index(index)
        if step is None:
            raise place.error("an index is t plus or minus a whole number, as in h[t-1] or g_h[t+1]")
        sign, steps = step
        if steps > MAX_LAG:
            raise place.error(f"this reaches too far; at most {MAX_LAG} steps")
        return self.name_back(name, steps if sign == "-" else -steps, place)

    def name_back(self, name: str, lag: int, place: Place) -> Name:
        """A node, the target, a parameter or a gradient, `lag` steps earlier."""
        check_name(name, place)
        cell = self.cell
        if name in cell.parameters:
            if lag:
                raise place.error(f"{name!r} is a parameter, the same at each step; write {name}")
            return Name(name, 0, place)
        if name in self.nodes or name == "y":
            return Name(name, lag, place)
        gradient = name.removeprefix("g_")
        if gradient != name and gradient in self.nodes:
            return Gradient(gradient, lag, place)
        if gradient != name and gradient in cell.parameters:
            raise place.error(
                f"{name!r} would be the gradient of a parameter; a formula reads the gradients of nodes, such as "
                f"g_{cell.nodes[0]}"
            )
        if name == "t":
            raise place.error("'t' is the step; it stands only in h[t-1] or h[t+1]")
        if name in _KNOWN:
            raise place.error(f"{name!r} is a function; write {name}(…)")
        names = ", ".join(self.names[:30]) + ", …" * (len(self.names) > 30)
        raise place.error(f"{name!r} is not known here; known: {names}{likely(name, self.names)}")

    def arity(self, name: str, node: ast.Call, place: Place) -> int:
        if name in LOSSES:
            raise place.error(f"{name!r} is a loss; a formula reads its node, such as {self.cell.losses[0]}")
        if name not in _KNOWN:
            raise place.error(f"{name[:60]!r} is not a function; known: {', '.join(_KNOWN)}{likely(name[:60], _KNOWN)}")
        return 1 if name in _UNARY else 2

    def arity_error(self, name: str, arity: int, given: int) -> str:
        example = {"outer": "outer(u, v)", "slope": "slope(tanh, a)"}.get(name, f"{name}(v)")
        return f"{name} is written {example}; it got {given} arguments"

    def applied(self, name: str, arguments: list[ast.expr], place: Place, depth: int) -> Apply:
        if name == "slope":
            function, *arguments = arguments
            if not isinstance(function, ast.Name) or function.id not in FUNCTIONS:
                raise self.place(function).error(
                    f"slope takes a function first, one of {', '.join(FUNCTIONS)}, as in slope(tanh, a)"
                )
            name = f"{function.id}'"
        result = super().applied(name, arguments, place, depth)
        if name == "sum_t" and any(isinstance(p, Apply) and p.operation == "sum_t" for p in walk(result.arguments[0])):
            raise place.error("sum_t inside sum_t is not part of the language")
        return result

    def further(self, node: ast.expr, place: Place, depth: int) -> Expression:
        if isinstance(node, ast.BinOp):
            power = "; write a product such as h * h" if isinstance(node.op, ast.Pow) else ""
            raise place.error(f"{type(node.op).__name__} is not an operation of the language{power}")
        if isinstance(node, ast.Attribute):
            if node.attr != "T":
                raise place.error(f".{node.attr[:40]} is not part of the language; .T transposes")
            return Apply("T", (self.expression(node.value, depth + 1),), place)
        raise place.error(f"{type(node).__name__} is not part of the language of formulas")
