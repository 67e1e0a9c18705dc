"""The language of cells: text to equations, with errors that point.

One `name = expression` a line; `#` starts a comment. `reader` reads the expressions.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from engine.language import remedies
from engine.language.expressions import Apply, EquationError, Expression, Name, Place, names, walk
from engine.language.names import alike, written
from engine.language.operations import CALLS, LOSSES
from engine.language.reader import MAX_LAG, Reader, check_name, likely, step_of_index, syntax_tree
from engine.language.spelling import quoted, remedy_of_line

MAX_TEXT = 50_000  # characters of a cell
MAX_LINE = 2_000  # characters of a line
MAX_LINES = 200  # equations of a cell
RESERVED = ("x", "y", "t")


@dataclass(frozen=True)
class Equation:
    """One line of a cell, name = expression, or a call that was lifted from a line.

    Attributes:
        name: of the node.
        expression: its value.
        place: of the name, or of the lifted call.
        within: the line that a lifted call stands in, else None.
    """

    name: str
    expression: Expression
    place: Place
    within: str | None = None


def lifted(of: Mapping[str, Equation], read: Name) -> Expression | None:
    """The call that was lifted from a line and replaced by a name; None for a name of the text.

    Args:
        of: the equations of the cell by name.
        read: a name of one of its expressions.
    """
    equation = of.get(read.name)
    return None if equation is None or equation.within is None or read.lag else equation.expression


def equations(text: str) -> tuple[Equation, ...]:
    """Read the equations of a cell's text; calls inside larger expressions become equations of their own.

    Args:
        text: equations, one per line.

    Raises:
        EquationError: with line and column, for anything that the language does not have.
    """
    if not isinstance(text, str):
        raise TypeError(f"the text of a cell is a str, not {type(text).__name__}")
    if len(text) > MAX_TEXT:
        raise EquationError(f"a cell has at most {MAX_TEXT:,} characters, this one has {len(text):,}", 1)
    read = (_line(line, i) for i, line in enumerate(text.splitlines(), 1))
    lines = [equation for equation in read if equation is not None]
    if not lines:
        raise EquationError("there is no equation; write one a line, such as h = tanh(b + W @ h[t-1] + U @ x)", 1)
    if len(lines) > MAX_LINES:
        raise lines[MAX_LINES].place.error(f"a cell has at most {MAX_LINES} equations, this one has {len(lines)}")
    defined: dict[str, Equation] = {}
    for equation in lines:
        if equation.name in defined:
            first = defined[equation.name].place.line
            raise equation.place.error(
                f"{equation.name!r} is defined twice, first on line {first}; a name has one equation"
            )
        defined[equation.name] = equation
    _check_names(lines)
    places = _check_writing(lines)
    taken = {written(name) for name in places}
    return tuple(lifted for equation in lines for lifted in _lift(equation, taken))


def _line(text: str, number: int) -> Equation | None:
    """The equation of a line; None of an empty one."""
    if len(text) > MAX_LINE:
        raise EquationError(f"a line has at most {MAX_LINE:,} characters, this one has {len(text):,}", number)
    line = text.partition("#")[0].rstrip()
    if not line.strip():
        return None
    indent = len(line) - len(line.lstrip())
    line = line.strip()
    statements = _statements(line, number, indent)
    reader = _CellReader([line], number, indent)
    if len(statements) != 1:
        raise reader.place(statements[1]).error("one equation a line")
    statement = statements[0]
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise reader.place(statement).error(
            f"{quoted(line)} is not an equation; a line is: name = expression{remedies.as_equation(statement)}"
        )
    (target,) = statement.targets
    place = reader.place(target)
    return Equation(_defined(target, place), reader.expression(statement.value), place)


def _statements(line: str, number: int, indent: int) -> list[ast.stmt]:
    """Parse a line by Python."""
    try:
        tree = syntax_tree(line, "exec")
    except SyntaxError as error:
        remedy = remedy_of_line(line)
        if remedy is not None:
            where, what = remedy
            raise EquationError(f"{quoted(line)} cannot be read: {what}", number, indent + 1 + where) from None
        column = indent + max(1, min(error.offset or 1, len(line) + 1))
        raise EquationError(
            f"{line!r} cannot be read ({error.msg}); a line is: name = expression", number, column
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise EquationError("this line cannot be read; a line is: name = expression", number, indent + 1) from None
    assert isinstance(tree, ast.Module)
    return tree.body


def _defined(target: ast.expr, place: Place) -> str:
    """The name that a line defines."""
    if isinstance(target, ast.Subscript):
        raise place.error("an equation defines a node at step t; write the name alone on the left, such as h = …")
    if not isinstance(target, ast.Name):
        raise place.error("the left of = is one name, such as h")
    check_name(target.id, place)
    if target.id in RESERVED:
        meaning = {"x": "the input", "y": "the target", "t": "the step"}[target.id]
        raise place.error(f"{target.id!r} is {meaning} and cannot be defined; choose another name")
    if target.id in CALLS:
        raise place.error(f"{target.id!r} is a function and cannot be defined; choose another name")
    return target.id


class _CellReader(Reader):
    """Reads expressions of cells: any name, earlier steps only, a parameter matrix left of @, the calls of the table."""

    too_deep = f"{Reader.too_deep}; take the line apart"
    another_step = "an earlier step"
    called = "the table"

    def depth_error(self, place: Place) -> Exception:
        return EquationError(self.too_deep, place.line, self.indent + 1)

    def name(self, name: str, place: Place) -> Name:
        check_name(name, place)
        if name == "t":
            raise place.error("'t' is the step; it stands only in h[t-1]")
        if name in CALLS:
            raise place.error(f"{name!r} is a function; write {name}(…)")
        return Name(name, 0, place)

    def name_at(self, name: str, index: ast.expr, place: Place) -> Name:
        check_name(name, place)
        if isinstance(index, ast.Name) and index.id == "t":
            raise place.error(f"{name}[t] is written {name}")
        step = step_of_index(index)
        if step is None:
            remedy = remedies.instead_of_index(name, index)
            raise place.error(f"an index is t minus a whole number, as in {name}[t-1]{remedy}")
        sign, steps = step
        if sign == "+":
            raise place.error(
                f"{name}[t+{steps}] lies in the future; a step reads this step or earlier ones: {name}[t-1]. A state that"
                " runs backwards through the sequence cannot be written"
            )
        if steps == 0:
            raise place.error(f"{name}[t-0] is written {name}")
        if steps > MAX_LAG:
            raise place.error(f"{name}[t-{steps}] reaches too far back; at most t-{MAX_LAG}")
        return Name(name, steps, place)

    def binary(self, operation: str, node: ast.BinOp, place: Place, depth: int) -> Apply:
        result = super().binary(operation, node, place, depth)
        left, right = result.arguments
        if operation == "@" and not (isinstance(left, Name) and left.lag == 0):
            raise left.place.error(
                f"the left of '@' is a parameter matrix, by its name{remedies.instead_of_product(left, right)}"
            )
        return result

    def arity(self, name: str, node: ast.Call, place: Place) -> int:
        if name not in CALLS:
            raise place.error(remedies.unknown_function(name, node.args))
        return CALLS[name].arity

    def arity_error(self, name: str, arity: int, given: int) -> str:
        expected = {1: "one argument", 2: "two arguments, as in nll(y_hat, y)"}[arity]
        return f"{name} takes {expected}, got {given}"

    def applied(self, name: str, arguments: list[ast.expr], place: Place, depth: int) -> Apply:
        if name not in LOSSES:
            return super().applied(name, arguments, place, depth)
        p, target = arguments
        if not (isinstance(target, ast.Name) and target.id == "y"):
            raise place.error(f"the second argument of {name} is the target y")
        return Apply(name, (self.expression(p, depth + 1), Name("y", 0, self.place(target))), place)

    def instead_of_called(self, function: ast.expr) -> str:
        return remedies.instead_of_called(function)

    def further(self, node: ast.expr, place: Place, depth: int) -> Expression:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor):  # it binds weakly in Python
            place = self.place(remedies.operands(node)[0])
        raise place.error(remedies.reason(node))


def _check_names(lines: list[Equation]) -> None:
    """Check that each name is defined where it is read, and that y stands only as the target of a loss."""
    defined_on = {equation.name: equation.place.line for equation in lines}
    known: list[str] = []
    for equation in lines:
        targets = {
            part.arguments[1].place
            for part in walk(equation.expression)
            if isinstance(part, Apply) and part.operation in LOSSES
        }
        for read in names(equation.expression):
            if read.name == "y" and read.place not in targets:
                earlier = "; that of an earlier step is read only if it is among the inputs x" if read.lag else ""
                raise read.place.error(f"y is the target; it stands only as the second argument of a loss{earlier}")
            if read.name == "x" and read.lag:
                raise read.place.error(f"x is the input of its own step; define u = x and read u[t-{read.lag}]")
            if read.lag and read.name not in defined_on:
                nodes = list(defined_on)
                raise read.place.error(
                    f"{read.name!r} is read at an earlier step but has no equation; known: {remedies.listed(nodes)}"
                    f"{likely(read.name, nodes)}"
                )
            if not read.lag and read.name in defined_on and read.name not in known:
                where = "its own equation" if read.name == equation.name else f"line {defined_on[read.name]}, below"
                raise read.place.error(
                    f"{read.name!r} is used before it is computed in this step ({where}); known here: {remedies.listed(known)}; "
                    f"for the step before write {read.name}[t-1]"
                )
        known.append(equation.name)
    if not any(
        isinstance(part, Apply) and part.operation in LOSSES for line in lines for part in walk(line.expression)
    ):
        last = lines[-1].place
        raise last.error(f"a cell needs a loss, such as L = nll(y_hat, y); known: {remedies.listed(list(LOSSES))}")


def _check_writing(lines: list[Equation]) -> dict[str, Place]:
    """The names of a text in their order, each with its first place; checks that no two of them are written alike."""
    places = {name: Place(1, 1) for name in ("x", "y")}
    for equation in lines:
        for name, place in [(equation.name, equation.place), *((r.name, r.place) for r in names(equation.expression))]:
            places.setdefault(name, place)
    for earlier, name in alike(places):
        raise places[name].error(
            f"{name!r} and {earlier!r} are both written {written(name)}, so nobody could tell them apart; if they are the same, "
            "spell them alike, else give one of them another name"
        )
    return places


def _lift(equation: Equation, taken: set[str]) -> list[Equation]:
    """Make each call inside a larger expression an equation of its own, named after its line and the function.

    Args:
        equation: a line of the text.
        taken: all names of the cell, as they are written; the new ones are added.
    """
    lifted: list[Equation] = []

    def lift(expression: Expression, outermost: bool) -> Expression:
        if not isinstance(expression, Apply):
            return expression
        arguments = tuple(lift(argument, False) for argument in expression.arguments)
        result = Apply(expression.operation, arguments, expression.place)
        if outermost or expression.operation not in CALLS:
            return result
        name = base = f"{equation.name}_{expression.operation}"
        count = 1
        while written(name) in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(written(name))
        lifted.append(Equation(name, result, expression.place, within=equation.name))
        return Name(name, 0, expression.place)

    expression = lift(equation.expression, True)
    return [*lifted, Equation(equation.name, expression, equation.place)]
