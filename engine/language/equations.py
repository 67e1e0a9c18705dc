"""The language of cells: text to equations, with errors that point.

One `name = expression` a line; `#` starts a comment. Python's own `ast` parses the expression and this module walks
the tree against a white list; nothing of it is ever evaluated by Python.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from dataclasses import dataclass

from engine.language.expressions import Apply, EquationError, Expression, Name, Number, Place, names, walk
from engine.language.names import alike, written
from engine.language.operations import CALLS, LOSSES
from engine.language.printer import code
from engine.language.spelling import TRANSPOSED, plain_number, quoted, remedy_of_function, remedy_of_line

MAX_TEXT = 50_000  # characters of a cell
MAX_LINE = 2_000  # characters of a line
MAX_LINES = 200  # equations of a cell
MAX_LAG = 64  # h[t-k]
MAX_DEPTH = 100  # operations inside one another
MAX_NAME = 40
RESERVED = ("x", "y", "t")


@dataclass(frozen=True)
class Equation:
    """One line of a cell: name = expression. `within` is the line that a lifted call stands in, else None."""

    name: str
    expression: Expression
    place: Place
    within: str | None = None


def _depth(expression: Expression) -> int:
    return 1 + max(map(_depth, expression.arguments)) if isinstance(expression, Apply) else 0


def likely(name: str, known: list[str]) -> str:
    """A hint "; did you mean ...?" for a name that is nearly one of the known ones, else nothing."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _listed(items: list[str]) -> str:
    return ", ".join(items) if items else "nothing yet"


def equations(text: str) -> tuple[Equation, ...]:
    """The equations of a cell's text, calls inside larger expressions lifted to equations of their own.

    Raises EquationError, with line and column, for anything that the language does not have.
    """
    if not isinstance(text, str):
        raise TypeError(f"the text of a cell is a str, not {type(text).__name__}")
    if len(text) > MAX_TEXT:
        raise EquationError(f"a cell has at most {MAX_TEXT:,} characters, this one has {len(text):,}", 1)
    found = [_line(line, i) for i, line in enumerate(text.splitlines(), 1)]
    lines = [equation for equation in found if equation is not None]
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
    if len(text) > MAX_LINE:
        raise EquationError(f"a line has at most {MAX_LINE:,} characters, this one has {len(text):,}", number)
    code = text.partition("#")[0].rstrip()
    if not code.strip():
        return None
    indent = len(code) - len(code.lstrip())
    code = code.strip()

    def place(node: ast.AST) -> Place:
        offset = getattr(node, "col_offset", 0)  # in bytes of UTF-8
        return Place(number, indent + 1 + len(code.encode()[:offset].decode(errors="ignore")))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "invalid decimal literal"; errors come below
            statements = ast.parse(code).body
    except SyntaxError as error:
        found = remedy_of_line(code)
        if found is not None:
            raise EquationError(f"{quoted(code)} cannot be read: {found[1]}", number, indent + 1 + found[0]) from None
        column = indent + max(1, min(error.offset or 1, len(code) + 1))
        raise EquationError(
            f"{code!r} cannot be read ({error.msg}); a line is: name = expression", number, column
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise EquationError("this line cannot be read; a line is: name = expression", number, indent + 1) from None
    if len(statements) != 1:
        raise place(statements[1]).error("one equation a line")
    statement = statements[0]
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise place(statement).error(
            f"{quoted(code)} is not an equation; a line is: name = expression{_as_equation(statement)}"
        )
    target = statement.targets[0]
    if isinstance(target, ast.Subscript):
        raise place(target).error(
            "an equation defines a node at step t; write the name alone on the left, such as h = …"
        )
    if not isinstance(target, ast.Name):
        raise place(target).error("the left of = is one name, such as h")
    check_name(target.id, place(target))
    if target.id in RESERVED:
        meaning = {"x": "the input", "y": "the target", "t": "the step"}[target.id]
        raise place(target).error(f"{target.id!r} is {meaning} and cannot be defined; choose another name")
    if target.id in CALLS:
        raise place(target).error(f"{target.id!r} is a function and cannot be defined; choose another name")
    try:
        expression = _expression(statement.value, place)
        deep = _depth(expression) > MAX_DEPTH
    except RecursionError:
        deep = True
    if deep:
        raise EquationError(
            f"more than {MAX_DEPTH} operations inside one another; take the line apart", number, indent + 1
        )
    return Equation(target.id, expression, place(target))


def _as_equation(statement: ast.stmt) -> str:
    """What to write for a line that is none."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        name = statement.target.id
        return f"; to carry {name} on from the step before write {name} = {name}[t-1] + …"
    if isinstance(statement, ast.Assign):
        return "; write one line for each name"
    if isinstance(statement, ast.Expr):
        equal = isinstance(statement.value, ast.Compare) and isinstance(statement.value.ops[0], ast.Eq)
        return "; write = once" if equal else "; give it a name, such as h = …"
    return ""


def check_name(name: str, place: Place) -> None:
    """Raises EquationError for what is no name of this language."""
    if len(name) > MAX_NAME:
        raise place.error(f"a name has at most {MAX_NAME} characters, this one has {len(name)}")
    if not name.replace("_", "a").isalnum() or name.startswith("_"):
        remedy = "; the elementwise product is written *" if "·" in name else ""
        raise place.error(f"{name!r} is not a name of this language; use letters, digits and _, a letter first{remedy}")


_BINARY: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.MatMult: "@"}
_RELU = "; relu(a) is a where a > 0, and else 0"
_REFUSED: dict[type[ast.AST], str] = {
    ast.Lambda: "a lambda is not part of the language",
    ast.IfExp: "'if' is not part of the language" + _RELU,
    ast.Compare: "a comparison is not part of the language" + _RELU,
    ast.Tuple: "a comma stands only between the arguments of a call",
    ast.List: "a list is not part of the language; a vector of constants is a parameter, by a name that has no equation",
    ast.Set: "braces are not part of the language; an earlier step is written h[t-1]",
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Div: "/", ast.Pow: "**", ast.BitXor: "^", ast.FloorDiv: "//", ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip


def _refused(node: ast.expr) -> str:
    """Why an expression is none of the language, and what to write instead."""
    if isinstance(node, ast.BinOp):
        return f"{_OPERATORS[type(node.op)]!r} is not an operation; {_instead(node)}"
    if isinstance(node, ast.Attribute):
        why = "an attribute ('.') is not part of the language"
        return f"{why}; {TRANSPOSED if node.attr in ('T', 'H', 'mT') else 'a name has letters, digits and _'}"
    return _REFUSED.get(type(node), f"{type(node).__name__} is not part of the language")


def _instead(node: ast.BinOp) -> str:
    """What to write for an operator that the language does not have."""
    left, right = _sides(node)
    name = left.id if isinstance(left, ast.Name) else "h"
    value = right.value if isinstance(right, ast.Constant) else None
    number = float(value) if isinstance(value, int | float) and abs(value) < 2**64 else None
    if isinstance(node.op, ast.Div):
        said = "multiply by a constant or a vector parameter"
        if number == 0:
            return "nothing can be divided by 0"
        if number:
            return f"{said}: {plain_number(1 / number)} * {name}"
        exponential = any(isinstance(part, ast.Name) and part.id == "exp" for part in ast.walk(right))
        return f"{said}; nothing divides by what is computed" + "; 1 / (1 + exp(-a)) is sigmoid(a)" * exponential
    if isinstance(node.op, ast.Pow | ast.BitXor):
        step = right.elts[0] if isinstance(right, ast.Set) else right
        if isinstance(step, ast.Name) and step.id in ("T", "t"):
            return TRANSPOSED if step.id == "T" else f"what is of this step is written {name}"
        if isinstance(step, ast.BinOp) and _is_step(step):
            return f"an earlier step is written {name}[t-{_whole(step.right)}]"
        if number is not None and number not in (2, 3, 4):
            return "the language has no powers but products such as h * h"
        own = " * ".join([name] * int(number or 2))
        return f"write a product such as {own if name == 'h' else f'h * h, here {own}'}"
    return "there are +, -, * (elementwise) and @ (matrix times vector)"


def _sides(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    """What stands next to an operator; to '^' more than one means it to, since Python has it bind weakly."""
    left, right = node.left, node.right
    while isinstance(node.op, ast.BitXor) and isinstance(left, ast.BinOp):
        left = left.right
    while isinstance(node.op, ast.BitXor) and isinstance(right, ast.BinOp) and not _is_step(right):
        right = right.left
    return left, right


def _is_step(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.left, ast.Name) and node.left.id == "t"


def _whole(node: ast.expr) -> int:
    """A whole number, or 1 for anything else."""
    return node.value if isinstance(node, ast.Constant) and type(node.value) is int else 1


def constant(node: ast.Constant, here: Place) -> Number:
    """A number as it stands in a text; raises EquationError for any other constant, and for what no float holds."""
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise here.error(f"{node.value!r} is not a number".replace("\n", " ")[:200])
    try:
        value = float(node.value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise here.error("this number is too large for a float")
    return Number(value, here)


def _expression(node: ast.expr, place: object) -> Expression:
    assert callable(place)
    here: Place = place(node)
    if isinstance(node, ast.Constant):
        return constant(node, here)
    if isinstance(node, ast.Name):
        check_name(node.id, here)
        if node.id == "t":
            raise here.error("'t' is the step; it stands only in h[t-1]")
        if node.id in CALLS:
            raise here.error(f"{node.id!r} is a function; write {node.id}(…)")
        return Name(node.id, 0, here)
    if isinstance(node, ast.Subscript):
        return _lagged(node, here)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        argument = _expression(node.operand, place)
        return Apply("neg", (argument,), here) if isinstance(node.op, ast.USub) else argument
    if isinstance(node, ast.BinOp):
        if type(node.op) not in _BINARY:
            raise place(_sides(node)[0] if isinstance(node.op, ast.BitXor) else node).error(_refused(node))
        return _binary(_BINARY[type(node.op)], node, here, place)
    if isinstance(node, ast.Call):
        return _call(node, here, place)
    raise here.error(_refused(node))


def _binary(operation: str, node: ast.BinOp, here: Place, place: object) -> Apply:
    left, right = _expression(node.left, place), _expression(node.right, place)
    if operation == "@" and not (isinstance(left, Name) and left.lag == 0):
        remedy = ""
        if isinstance(left, Name) and isinstance(right, Name) and not right.lag and right.name not in ("x", "y"):
            remedy = f"; the matrix stands on the left: {right.name} @ {code(left)}"
        elif isinstance(left, Apply) and left.operation == "*":
            remedy = "; '*' and '@' bind alike, from the left: write a * (W @ h)"
        elif isinstance(left, Apply) and left.operation == "@":
            remedy = "; write W @ (U @ h), from the right"
        elif isinstance(left, Apply) and left.operation == "neg":
            remedy = "; '-' binds tighter than '@': write -(W @ h)"
        raise left.place.error(f"the left of '@' is a parameter matrix, by its name{remedy}")
    return Apply(operation, (left, right), here)


def _lagged(node: ast.Subscript, here: Place) -> Name:
    if not isinstance(node.value, ast.Name):
        raise here.error("only a name can be read at an earlier step, as in h[t-1]")
    name, index = node.value.id, node.slice
    check_name(name, here)
    if isinstance(index, ast.Name) and index.id == "t":
        raise here.error(f"{name}[t] is written {name}")
    if (
        isinstance(index, ast.BinOp)
        and isinstance(index.left, ast.Name)
        and index.left.id == "t"
        and isinstance(index.right, ast.Constant)
        and type(index.right.value) is int
        and isinstance(index.op, ast.Sub | ast.Add)
    ):
        lag = index.right.value if isinstance(index.op, ast.Sub) else -index.right.value
        if lag < 0 or (lag == 0 and isinstance(index.op, ast.Add)):
            raise here.error(
                f"{name}[t+{-lag}] lies in the future; a step reads this step or earlier ones: {name}[t-1]. A state that"
                " runs backwards through the sequence cannot be written"
            )
        if lag == 0:
            raise here.error(f"{name}[t-0] is written {name}")
        if lag > MAX_LAG:
            raise here.error(f"{name}[t-{lag}] reaches too far back; at most t-{MAX_LAG}")
        return Name(name, lag, here)
    raise here.error(f"an index is t minus a whole number, as in {name}[t-1]{_of_index(name, index)}")


def _of_index(name: str, index: ast.expr) -> str:
    """What to write for an index that is no step."""
    if isinstance(index, ast.Tuple | ast.Slice):
        return "; it is the whole vector of that step"
    if isinstance(index, ast.BinOp) and isinstance(index.left, ast.Name) and index.left.id != "t":
        return f"; the step is called t, not {index.left.id[:MAX_NAME]}"
    if isinstance(index, ast.Constant | ast.UnaryOp):
        return "; an entry of a vector cannot be read"
    return ""


def _call(node: ast.Call, here: Place, place: object) -> Apply:
    if not isinstance(node.func, ast.Name):
        raise here.error(f"only a function of the table can be called, by its name{_of_call(node.func)}")
    name = node.func.id
    operation = CALLS.get(name)
    if operation is None:
        raise here.error(_unknown(name, node.args))
    if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        raise here.error(f"{name} takes plain arguments, separated by commas")
    if len(node.args) != operation.arity:
        expected = {1: "one argument", 2: "two arguments, as in nll(y_hat, y)"}[operation.arity]
        raise here.error(f"{name} takes {expected}, got {len(node.args)}")
    if name in LOSSES:
        target = node.args[1]
        if not (isinstance(target, ast.Name) and target.id == "y"):
            raise here.error(f"the second argument of {name} is the target y")
        y = Name("y", 0, place(target)) if callable(place) else Name("y", 0, here)
        return Apply(name, (_expression(node.args[0], place), y), here)
    return Apply(name, tuple(_expression(argument, place) for argument in node.args), here)


def _of_call(called: ast.expr) -> str:
    """What to write for a call of what is no name: np.tanh(a), W.dot(h), 2(h + b)."""
    if isinstance(called, ast.Attribute):
        if called.attr in CALLS:
            return f"; write {called.attr}(…)"
        remedy = remedy_of_function(called.attr, CALLS)
        return f"; {remedy}" if remedy else ""
    return "; a product is written with its sign: 2 * h" if isinstance(called, ast.Constant | ast.BinOp) else ""


def _unknown(name: str, arguments: list[ast.expr]) -> str:
    """What is called is no function: a node with its step in round brackets, a function of another name, or a slip."""
    if len(arguments) == 1:
        (step,) = arguments
        if isinstance(step, ast.Name) and step.id == "t":
            return f"{name!r} is not a function; what is of this step is written {name}"
        if isinstance(step, ast.BinOp) and _is_step(step):
            back = _whole(step.right)
            return f"{name!r} is not a function; an earlier step is written in square brackets: {name}[t-{back}]"
    known = sorted(CALLS)
    remedy = remedy_of_function(name, CALLS)
    if remedy:
        return f"{name!r} is not a function; {remedy}; known: {_listed(known)}"
    near = likely(name, known)
    product = "" if near or len(name) > 3 else f"; a product is written {name} @ h or {name} * h"
    return f"{name!r} is not a function; known: {_listed(known)}{near}{product}"


def _check_names(lines: list[Equation]) -> None:
    """Each name read is defined where it is read, and y stands only where a loss has it."""
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
                    f"{read.name!r} is read at an earlier step but has no equation; known: {_listed(nodes)}"
                    f"{likely(read.name, nodes)}"
                )
            if not read.lag and read.name in defined_on and read.name not in known:
                own = "its own equation" if read.name == equation.name else f"line {defined_on[read.name]}, below"
                raise read.place.error(
                    f"{read.name!r} is used before it is computed in this step ({own}); known here: {_listed(known)}; "
                    f"for the step before write {read.name}[t-1]"
                )
        known.append(equation.name)
    if not any(
        isinstance(part, Apply) and part.operation in LOSSES for line in lines for part in walk(line.expression)
    ):
        last = lines[-1].place
        raise last.error(f"a cell needs a loss, such as L = nll(y_hat, y); known: {_listed(list(LOSSES))}")


def _check_writing(lines: list[Equation]) -> dict[str, Place]:
    """The names of a text in their order, each with its first place; no two of them may be written alike."""
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
    """A call inside a larger expression becomes an equation of its own, named after its line and the function.

    taken   the names that there are, as they are written; the new ones are added
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
