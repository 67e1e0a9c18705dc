"""Reasons and remedies for expressions that the language of cells does not have.

Each function takes a part of Python's syntax tree that the reader refuses, and returns a text for the error's message.
"""

from __future__ import annotations

import ast

from engine.language.expressions import Apply, Expression, Name
from engine.language.operations import CALLS
from engine.language.printer import code
from engine.language.reader import MAX_NAME, likely
from engine.language.spelling import TRANSPOSED, plain_number, remedy_of_function

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


def reason(node: ast.expr) -> str:
    """The reason why an expression is not part of the language, and the remedy."""
    if isinstance(node, ast.BinOp):
        return f"{_OPERATORS[type(node.op)]!r} is not an operation; {_instead(node)}"
    if isinstance(node, ast.Attribute):
        why = "an attribute ('.') is not part of the language"
        return f"{why}; {TRANSPOSED if node.attr in ('T', 'H', 'mT') else 'a name has letters, digits and _'}"
    return _REFUSED.get(type(node), f"{type(node).__name__} is not part of the language")


def _instead(node: ast.BinOp) -> str:
    """The remedy for an operator that the language does not have."""
    left, right = operands(node)
    name = left.id if isinstance(left, ast.Name) else "h"
    value = right.value if isinstance(right, ast.Constant) else None
    number = float(value) if isinstance(value, int | float) and abs(value) < 2**64 else None
    if isinstance(node.op, ast.Div):
        remedy = "multiply by a constant or a vector parameter"
        if number == 0:
            return "nothing can be divided by 0"
        if number:
            return f"{remedy}: {plain_number(1 / number)} * {name}"
        exponential = any(isinstance(part, ast.Name) and part.id == "exp" for part in ast.walk(right))
        return f"{remedy}; nothing divides by a computed value" + "; 1 / (1 + exp(-a)) is sigmoid(a)" * exponential
    if isinstance(node.op, ast.Pow | ast.BitXor):
        step = right.elts[0] if isinstance(right, ast.Set) else right
        if isinstance(step, ast.Name) and step.id in ("T", "t"):
            return TRANSPOSED if step.id == "T" else f"the value of this step is written {name}"
        if isinstance(step, ast.BinOp) and _is_step(step):
            return f"an earlier step is written {name}[t-{_whole(step.right)}]"
        if number is not None and number not in (2, 3, 4):
            return "the language has no powers but products such as h * h"
        product = " * ".join([name] * int(number or 2))
        return f"write a product such as {product if name == 'h' else f'h * h, here {product}'}"
    return "there are +, -, * (elementwise) and @ (matrix times vector)"


def operands(node: ast.BinOp) -> tuple[ast.expr, ast.expr]:
    """The operands that the author meant: of '^' only the nearest factors, though Python has it bind weakly."""
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


def as_equation(statement: ast.stmt) -> str:
    """The remedy for a statement that is not an equation."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        name = statement.target.id
        return f"; to carry {name} on from the step before write {name} = {name}[t-1] + …"
    if isinstance(statement, ast.Assign):
        return "; write one line for each name"
    if isinstance(statement, ast.Expr):
        equal = isinstance(statement.value, ast.Compare) and isinstance(statement.value.ops[0], ast.Eq)
        return "; write = once" if equal else "; give it a name, such as h = …"
    return ""


def instead_of_product(left: Expression, right: Expression) -> str:
    """The remedy for a matrix product whose left side is not a parameter."""
    if isinstance(left, Name) and isinstance(right, Name) and not right.lag and right.name not in ("x", "y"):
        return f"; the matrix stands on the left: {right.name} @ {code(left)}"
    operation = left.operation if isinstance(left, Apply) else ""
    return {
        "*": "; '*' and '@' bind alike, from the left: write a * (W @ h)",
        "@": "; write W @ (U @ h), from the right",
        "neg": "; '-' binds tighter than '@': write -(W @ h)",
    }.get(operation, "")


def instead_of_index(name: str, index: ast.expr) -> str:
    """The remedy for an index that is not a step."""
    if isinstance(index, ast.Tuple | ast.Slice):
        return "; it is the whole vector of that step"
    if isinstance(index, ast.BinOp) and isinstance(index.left, ast.Name) and index.left.id != "t":
        return f"; the step is called t, not {index.left.id[:MAX_NAME]}"
    if isinstance(index, ast.Constant | ast.UnaryOp):
        return "; an entry of a vector cannot be read"
    return ""


def instead_of_called(called: ast.expr) -> str:
    """The remedy for a call of anything but a name: np.tanh(a), W.dot(h), 2(h + b)."""
    if isinstance(called, ast.Attribute):
        if called.attr in CALLS:
            return f"; write {called.attr}(…)"
        remedy = remedy_of_function(called.attr, CALLS)
        return f"; {remedy}" if remedy else ""
    return "; a product is written with its sign: 2 * h" if isinstance(called, ast.Constant | ast.BinOp) else ""


def unknown_function(name: str, arguments: list[ast.expr]) -> str:
    """The error of an unknown function: a node with its step in round brackets, a function of another name, or a slip."""
    if len(arguments) == 1:
        (step,) = arguments
        if isinstance(step, ast.Name) and step.id == "t":
            return f"{name!r} is not a function; the value of this step is written {name}"
        if isinstance(step, ast.BinOp) and _is_step(step):
            back = _whole(step.right)
            return f"{name!r} is not a function; an earlier step is written in square brackets: {name}[t-{back}]"
    known = sorted(CALLS)
    remedy = remedy_of_function(name, CALLS)
    if remedy:
        return f"{name!r} is not a function; {remedy}; known: {listed(known)}"
    near = likely(name, known)
    product = "" if near or len(name) > 3 else f"; a product is written {name} @ h or {name} * h"
    return f"{name!r} is not a function; known: {listed(known)}{near}{product}"


def listed(items: list[str]) -> str:
    """Names as a message lists them."""
    return ", ".join(items) if items else "nothing yet"
