"""Expressions written out: in LaTeX, in plain text, or as code, which the language reads again.

`write` walks an expression once, and sets parentheses where a part holds together less tightly than what stands around it.
A `Style` has the rest: the form of each operation, numbers, parentheses. The forms of mathematics stand in the table of
operations; code has Python's precedence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.language import notation
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import ARITHMETIC, ATOM, CALLS, LOSSES, SIGN, SUM

#: What stands for a name: its text, an expression that is written out in its place, or a text and how tightly it holds together.
Show: TypeAlias = Callable[[Name], "str | Expression | tuple[str, int]"]


@dataclass(frozen=True)
class Form:
    """How an operation is written: its arguments in braces, and how tightly it, and each of its arguments, holds together."""

    template: str
    strength: int
    strengths: tuple[int, ...]


class Style:
    """A way of writing; the plain one is the base of the others: f ⊙ s + tanh(b − W x)."""

    parentheses = "({})"

    def number(self, value: float) -> str:
        """A constant."""
        return f"{value:g}".replace("-", "−")

    def turned(self, expression: Apply) -> Apply:
        """The operation as it is written, if that is another than the one meant, such as −u v for (−u) v."""
        return expression

    def form(self, expression: Apply) -> Form:
        """How the outermost operation is written."""
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
    """LaTeX, as the book has it."""

    parentheses = r"\left({}\right)"
    #: A name with an index at its end, such as p_{1}^{(t)}.
    _INDEXED: Final = re.compile(r"_\{(?:[^{}]|\{[^{}]*\})*\}(?:\^\{[^{}]*\})?$")

    def number(self, value: float) -> str:
        return notation.number(value, 6)

    def form(self, expression: Apply) -> Form:
        row = ARITHMETIC.get(expression.operation)
        if row is not None:
            by_number = row.latex_by_number if any(isinstance(part, Number) for part in expression.arguments) else ""
            return Form(by_number or row.latex, row.strength, row.strengths)
        called = CALLS[expression.operation]
        if called.kind == "loss":
            return Form(called.latex, SUM, (ATOM, ATOM))
        return Form(literal(called.latex) + self.parentheses, ATOM, (0,))

    def joined(self, expression: Apply, form: Form, parts: list[str]) -> str:
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
        return repr(value).removesuffix(".0")

    def form(self, expression: Apply) -> Form:
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
    """A text as a template without arguments."""
    return text.replace("{", "{{").replace("}", "}}")


PLAIN: Final = Style()
LATEX: Final = LaTeX()
CODE: Final = Code()


def write(expression: Expression, style: Style, show: Show, strength: int = 0) -> str:
    """An expression in a style.

    Args:
        expression: what is written.
        style: PLAIN, LATEX, CODE, or one of your own.
        show: gives for each name its text, or the expression that is written out in its place.
        strength: how tightly it must hold together to stand without parentheses; 0 for an expression by itself.

    **Holds:** what_is_written_is_read_again.
    """
    if isinstance(expression, Number):
        return style.number(expression.value)
    if isinstance(expression, Name):
        shown = show(expression)
        if not isinstance(shown, str | tuple):
            return write(shown, style, show, strength)
        text, own = (shown, ATOM) if isinstance(shown, str) else shown
    else:
        expression = style.turned(expression)
        form = style.form(expression)
        parts = [
            write(part, style, show, need) for part, need in zip(expression.arguments, form.strengths, strict=True)
        ]
        text, own = style.joined(expression, form, parts), form.strength
    return style.parentheses.format(text) if own < strength else text


def code(expression: Expression, inline: Callable[[Name], Expression | None] = lambda _: None) -> str:
    """An expression as text of the language; `inline` may give what is written out in place of a name, else None."""

    def show(read: Name) -> str | Expression:
        step = f"[t-{read.lag}]" if read.lag else ""
        return inline(read) or f"{read.name}{step}"

    return write(expression, CODE, show)
