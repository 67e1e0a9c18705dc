"""The printer: each style with no more parentheses than the meaning needs."""

from __future__ import annotations

import pytest

from engine.language import printer
from engine.language.equations import equations
from engine.language.expressions import Apply, Expression, Name, Number, walk


def read(text: str) -> Expression:
    """An expression, from the text of one line."""
    return next(e.expression for e in equations(f"p = {text}\nL = mse(p, y)") if e.name == "p")


@pytest.mark.parametrize(
    ("text", "code", "plain", "latex"),
    [
        ("a + b - c", "a + b - c", "a + b − c", "a + b - c"),
        ("a - (b - c)", "a - (b - c)", "a − (b − c)", r"a - \left(b - c\right)"),
        ("a + (b + c)", "a + (b + c)", "a + b + c", "a + b + c"),
        ("a * b * c", "a * b * c", "a ⊙ b ⊙ c", r"a \odot b \odot c"),
        ("a * (b * c)", "a * (b * c)", "a ⊙ b ⊙ c", r"a \odot b \odot c"),
        ("2 * a", "2 * a", "2 a", r"2\,a"),
        ("(a + b) * c", "(a + b) * c", "(a + b) ⊙ c", r"\left(a + b\right) \odot c"),
        ("-a * b", "-a * b", "(−a) ⊙ b", r"\left(-a\right) \odot b"),
        ("-(a * b)", "-(a * b)", "−a ⊙ b", r"-a \odot b"),
        ("a - -b", "a - -b", "a − (−b)", r"a - \left(-b\right)"),
        ("W @ (U @ x)", "W @ (U @ x)", "W (U x)", r"W \left(U x\right)"),
        ("W @ x * a", "W @ x * a", "W x ⊙ a", r"W x \odot a"),
        ("a * (W @ x)", "a * (W @ x)", "a ⊙ W x", r"a \odot W x"),
        ("W @ (a + x)", "W @ (a + x)", "W (a + x)", r"W \left(a + x\right)"),
        ("sigmoid(a + b)", "sigmoid(a + b)", "σ(a + b)", r"\sigma\left(a + b\right)"),
    ],
)
def test_each_style_sets_the_parentheses_that_it_needs(text, code, plain, latex) -> None:
    expression = read(text)
    assert printer.code(expression) == code
    assert printer.write(expression, printer.PLAIN, lambda name: name.name) == plain
    assert printer.write(expression, printer.LATEX, lambda name: name.name) == latex


def test_what_stands_for_a_name_gets_the_parentheses_of_its_own_strength() -> None:
    product, total = read("a * b"), read("c + 1")
    inline = {"a": total}.get
    assert printer.code(product, lambda name: inline(name.name)) == "(c + 1) * b"
    assert (
        printer.write(product, printer.PLAIN, lambda name: ("∇L", 1) if name.name == "a" else name.name) == "(∇L) ⊙ b"
    )


def test_numbers_are_written_as_each_style_has_them() -> None:
    place = read("a").place
    for value, code, plain, latex in [
        (2.0, "2", "2", "2"),
        (-0.5, "-0.5", "−0.5", "-0.5"),
        (1e-9, "1e-09", "1e−09", r"1 \cdot 10^{-9}"),
    ]:
        number = Number(value, place)
        assert printer.code(number) == code
        assert [printer.write(number, style, str) for style in (printer.PLAIN, printer.LATEX)] == [plain, latex]


def test_an_earlier_step_is_written_in_code_as_it_is_read() -> None:
    assert printer.code(read("p[t-1] + x")) == "p[t-1] + x"
    assert sum(isinstance(part, Apply | Name) for part in walk(read("p[t-1] + x"))) == 3
