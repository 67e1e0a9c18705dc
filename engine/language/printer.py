"""The printer of expressions: LaTeX, plain text, or code that the language reads again.

`write` walks an expression once, and sets parentheses around a part that binds less tightly than its surroundings need. A
`Style` has the form of each operation, of numbers and of parentheses. Mathematical forms stand in the table of operations; code
has Python's precedence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.language import notation
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import ARITHMETIC, ATOM, CALLS, LOSSES, SIGN, SUM

#: From a name to its text, to an expression that is written in its place, or to a text and its strength.
Show: TypeAlias = Callable[[Name], "str | Expression | tuple[str, int]"]


@dataclass(frozen=True)
class Form:
    """The written form of an operation.

    Attributes:
        template: with braces for the arguments.
        strength: how tightly the whole binds: SUM, PRODUCT, SIGN or ATOM.
        strengths: for each argument, how tightly it must bind to stand without parentheses.
    """

    template: str
    strength: int
    strengths: tuple[int, ...]


class Style:
    """A way of writing. This one is plain text, f ⊙ s + tanh(b − W x); the others derive from it."""

    parentheses = "({})"

    def number(self, value: float) -> str:
        """A constant."""
        return f"{value:g}".replace("-", "−")

    def turned(self, expression: Apply) -> Apply:
        """The expression that is written in place of this one, such as −(u v) for (−u) v."""
        return expression

    def form(self, expression: Apply) -> Form:
        """The form of the outermost operation."""
        row = ARITHMETIC.get(expression.operation)
        if row is not None:
            by_number = row.text_by_number if any(isinstance(part, Number) for part in expression.arguments) else ""
            return Form(by_number or row.text, row.strength, row.strengths)
        called = CALLS[expression.operation]
        return Form(f"{called.text}({', '.join(['{}'] * called.arity)})", ATOM, (0,) * called.arity)

    def joined(self, expression: Apply, form: Form, parts: list[str]) -> str:
        """The text of an operation from those of its arguments."""
        return form.template.format(*parts)


class LaTeX(Style):
    """LaTeX, in the book's notation."""

    parentheses = r"\left({}\right)"

    #: A name with an index at its end, such as p_{1}^{(t)}.
    _INDEXED: Final = re.compile(r"_\{(?:[^{}]|\{[^{}]*\})*\}(?:\^\{[^{}]*\})?$")

    def number(self, value: float) -> str:
        """A constant, to six digits."""
        return notation.number(value, 6)

    def form(self, expression: Apply) -> Form:
        """The form of the outermost operation, from its row of the table."""
        row = ARITHMETIC.get(expression.operation)
        if row is not None:
            by_number = row.latex_by_number if any(isinstance(part, Number) for part in expression.arguments) else ""
            return Form(by_number or row.latex, row.strength, row.strengths)
        called = CALLS[expression.operation]
        if called.kind == "loss":
            return Form(called.latex, SUM, (ATOM, ATOM))
        return Form(literal(called.latex) + self.parentheses, ATOM, (0,))

    def joined(self, expression: Apply, form: Form, parts: list[str]) -> str:
        """The text of an operation from those of its arguments; a matrix of numbers brings its own parentheses."""
        if expression.operation in LOSSES:
            p, y = parts
            if self._INDEXED.search(p):  # the index i of its entries would join its own
                p = self.parentheses.format(p)
            return form.template.format(p=p, y=y)
        own_parentheses = isinstance(expression.arguments[0], Name) and parts[0].startswith(notation.MATRIX)
        if own_parentheses and expression.operation in CALLS:
            return f"{CALLS[expression.operation].latex}{parts[0]}"
        return super().joined(expression, form, parts)


class Code(Style):
    """The language of cells, with as few parentheses as Python's precedence needs."""

    def number(self, value: float) -> str:
        """A constant, in full."""
        return repr(value).removesuffix(".0")

    def form(self, expression: Apply) -> Form:
        """The form of the outermost operation in Python."""
        operation = expression.operation
        row = ARITHMETIC.get(operation)
        if row is None:
            return Form(
                f"{operation}({', '.join(['{}'] * len(expression.arguments))})", ATOM, (0,) * len(expression.arguments)
            )
        if row.arity == 1:
            return Form("-{}", SIGN, (ATOM,))
        return Form(f"{{}} {operation} {{}}", row.strength, (row.strength, row.strength + 1))


def literal(text: str) -> str:
    """A text with its braces escaped, as a template without arguments."""
    return text.replace("{", "{{").replace("}", "}}")


PLAIN: Final = Style()
LATEX: Final = LaTeX()
CODE: Final = Code()


def write(expression: Expression, style: Style, show: Show, strength: int = 0) -> str:
    """Write an expression in a style.

    Args:
        expression: of the language of cells or of formulas.
        style: PLAIN, LATEX, CODE or another.
        show: from each name to its text, or to the expression that is written in its place.
        strength: how tightly the surroundings bind; 0 for an expression by itself.

    Returns:
        The text, in parentheses if the expression binds less tightly than its surroundings.

    **Holds:** what_is_written_is_read_again.
    """
    if isinstance(expression, Number):
        return style.number(expression.value)
    if isinstance(expression, Name):
        replacement = show(expression)
        if not isinstance(replacement, str | tuple):
            return write(replacement, style, show, strength)
        text, binding = (replacement, ATOM) if isinstance(replacement, str) else replacement
    else:
        expression = style.turned(expression)
        form = style.form(expression)
        parts = [
            write(part, style, show, need) for part, need in zip(expression.arguments, form.strengths, strict=True)
        ]
        text, binding = style.joined(expression, form, parts), form.strength
    return style.parentheses.format(text) if binding < strength else text


def code(expression: Expression, inline: Callable[[Name], Expression | None] = lambda _: None) -> str:
    """Write an expression as text of the language.

    Args:
        expression: of the language of cells.
        inline: from a name to the expression that is written in its place, or to None.

    **Holds:** what_is_written_is_read_again.
    """

    def show(read: Name) -> str | Expression:
        step = f"[t-{read.lag}]" if read.lag else ""
        return inline(read) or f"{read.name}{step}"

    return write(expression, CODE, show)
