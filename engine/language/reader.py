"""The reader of expressions: Python's own syntax tree, walked against a white list. Nothing of it is ever evaluated.

`Reader` has the common part of the languages of cells and of formulas. Each language is a subclass with the operators, names,
steps and calls that it allows, and with the remedies of its errors.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Literal

from engine.language.expressions import Apply, Expression, Number, Place

MAX_LAG = 64  # h[t-k]
MAX_DEPTH = 100  # operations inside one another
MAX_NAME = 40


class Reader:
    """A reader of expressions of a text that Python has parsed."""

    operators: ClassVar[Mapping[type[ast.operator], str]] = {
        ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.MatMult: "@",
    }  # fmt: skip
    too_deep: ClassVar = f"more than {MAX_DEPTH} operations inside one another"
    another_step: ClassVar = "another step"  # at which a name can be read
    called: ClassVar = "the language"  # whose functions can be called

    def __init__(self, lines: Sequence[str], first: int = 1, indent: int = 0, above: int = 0) -> None:
        """Set what is needed to find the place of a part of the tree.

        Args:
            lines: the text that Python parsed.
            first: the number of its first line.
            indent: characters that were cut off at the start of each line.
            above: lines that were put above the text before Python parsed it.
        """
        self.lines, self.first, self.indent, self.above = lines, first, indent, above

    def place(self, node: ast.AST) -> Place:
        """The place of the text where a part of the tree begins."""
        i = min(max(getattr(node, "lineno", 1) - self.above, 1), len(self.lines)) - 1
        offset = getattr(node, "col_offset", 0)  # in bytes of UTF-8
        before = self.lines[i].encode()[:offset].decode(errors="ignore")
        return Place(self.first + i, self.indent + 1 + len(before))

    def expression(self, node: ast.expr, depth: int = 0) -> Expression:
        """Read an expression.

        Args:
            node: a part of the tree.
            depth: the number of operations around it.

        Raises:
            EquationError: for anything that the language does not have.
        """
        place = self.place(node)
        if depth > MAX_DEPTH:
            raise self.depth_error(place)
        match node:
            case ast.Constant():
                return constant(node, place)
            case ast.Name(id=name):
                return self.name(name, place)
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return self.name_at(name, index, place)
            case ast.Subscript():
                raise place.error(f"only a name can be read at {self.another_step}, as in h[t-1]")
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Apply("neg", (self.expression(operand, depth + 1),), place)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.expression(operand, depth + 1)
            case ast.BinOp(op=operator) if type(operator) in self.operators:
                return self.binary(self.operators[type(operator)], node, place, depth)
            case ast.Call(func=ast.Name(id=name)):
                return self.call(name, node, place, depth)
            case ast.Call(func=function):
                remedy = self.instead_of_called(function)
                raise place.error(f"only a function of {self.called} can be called, by its name{remedy}")
            case _:
                return self.further(node, place, depth)

    def binary(self, operation: str, node: ast.BinOp, place: Place, depth: int) -> Apply:
        """Read an operation with its sign between two expressions."""
        return Apply(operation, (self.expression(node.left, depth + 1), self.expression(node.right, depth + 1)), place)

    def call(self, name: str, node: ast.Call, place: Place, depth: int) -> Expression:
        """Read a call of a function by its name."""
        arity = self.arity(name, node, place)
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise place.error(f"{name} takes plain arguments, separated by commas")
        if len(node.args) != arity:
            raise place.error(self.arity_error(name, arity, len(node.args)))
        return self.applied(name, node.args, place, depth)

    def applied(self, name: str, arguments: list[ast.expr], place: Place, depth: int) -> Apply:
        """Read the arguments of a function, whose number is right."""
        return Apply(name, tuple(self.expression(argument, depth + 1) for argument in arguments), place)

    # What a language defines ------------------------------------------------------------------------------------------------

    def depth_error(self, place: Place) -> Exception:
        """The error of an expression with too many operations inside one another."""
        return place.error(self.too_deep)

    def name(self, name: str, place: Place) -> Expression:
        """Read a name without an index."""
        raise NotImplementedError

    def name_at(self, name: str, index: ast.expr, place: Place) -> Expression:
        """Read a name with an index."""
        raise NotImplementedError

    def arity(self, name: str, node: ast.Call, place: Place) -> int:
        """The number of arguments of a function; raises EquationError if it does not exist."""
        raise NotImplementedError

    def arity_error(self, name: str, arity: int, given: int) -> str:
        """The message about a wrong number of arguments."""
        raise NotImplementedError

    def instead_of_called(self, function: ast.expr) -> str:
        """The remedy for a call of anything but a name."""
        return ""

    def further(self, node: ast.expr, place: Place, depth: int) -> Expression:
        """Read an expression of another kind; raises EquationError unless the language has it."""
        raise NotImplementedError


def syntax_tree(code: str, mode: Literal["exec", "eval"]) -> ast.AST:
    """Parse a text by Python, without warnings such as "invalid decimal literal": the walk finds the errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code, mode=mode)


def step_of_index(index: ast.expr) -> tuple[Literal["-", "+"], int] | None:
    """The sign and the number of an index such as t-1 or t+2; None of any other index."""
    match index:
        case ast.BinOp(
            left=ast.Name(id="t"), op=ast.Sub() | ast.Add() as operator, right=ast.Constant(value=int(steps))
        ):
            return (("-" if isinstance(operator, ast.Sub) else "+"), steps) if type(steps) is int else None
    return None


def constant(node: ast.Constant, place: Place) -> Number:
    """Read a number; raises EquationError for any other constant, and for a number that is too large for a float."""
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise place.error(f"{node.value!r} is not a number".replace("\n", " ")[:200])
    try:
        value = float(node.value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise place.error("this number is too large for a float")
    return Number(value, place)


def check_name(name: str, place: Place) -> None:
    """Raise EquationError for a name that the language does not allow."""
    if len(name) > MAX_NAME:
        raise place.error(f"a name has at most {MAX_NAME} characters, this one has {len(name)}")
    if not name.replace("_", "a").isalnum() or name.startswith("_"):
        remedy = "; the elementwise product is written *" if "·" in name else ""
        raise place.error(f"{name!r} is not a name of this language; use letters, digits and _, a letter first{remedy}")


def likely(name: str, known: Collection[str]) -> str:
    """The hint "; did you mean ...?" for a name that is nearly one of the known ones, else nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
