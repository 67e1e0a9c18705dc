"""A formula as text: in LaTeX, and as code for messages."""

from __future__ import annotations

from engine.formula.syntax import Formula, Gradient, derived
from engine.language import notation
from engine.language.cell import Cell
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import ATOM, PRODUCT, SUM
from engine.language.printer import Code, Form, LaTeX, literal, write

_LONGEST = 60  # characters of a part in a message


def latex(formula: Formula) -> str:
    r"""Write a formula in LaTeX, at step t: {V}^\top\,\left(\nabla_{o^{(t)}} L\right).

    Args:
        formula: that was read.

    Returns:
        The text, without dollar signs.

    **Holds:** what_is_drawn_is_what_was_typed.
    """

    def show(read: Name) -> str | tuple[str, int]:
        step = notation.step(-read.lag)
        if isinstance(read, Gradient):
            return notation.nabla(read.name, step), SUM
        return notation.at_step(read.name, formula.cell.parameters, step)

    return write(formula.expression, _FormulaLaTeX(formula.cell), show)


def code(expression: Expression) -> str:
    """Write a part of a formula as text of the language.

    Args:
        expression: the whole formula or a part of it.

    Returns:
        The text, which `parse` reads as the same expression.

    **Holds:** what_is_drawn_is_what_was_typed.
    """

    def show(read: Name) -> str:
        step = f"[t{-read.lag:+d}]" if read.lag else ""
        return f"{'g_' if isinstance(read, Gradient) else ''}{read.name}{step}"

    return write(expression, _FORMULA_CODE, show)


def abridged(expression: Expression) -> str:
    """A part as text for a message, cut off after 60 characters."""
    text = code(expression)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}…"


class _FormulaCode(Code):
    """The language of formulas."""

    def number(self, value: float) -> str:
        return f"{value:g}"

    def form(self, expression: Apply) -> Form:
        operation = expression.operation
        function = derived(operation)
        if function is not None:
            return Form(f"slope({function.name}, {{}})", ATOM, (0,))
        if operation == "T":
            return Form("{}.T", ATOM, (ATOM,))
        if operation == "/":
            return Form("{} / {}", PRODUCT, (PRODUCT, PRODUCT + 1))
        return super().form(expression)


_FORMULA_CODE = _FormulaCode()

#: The forms of operations that the language of cells does not have.
_FORMS = {
    "sum": Form(r"\textstyle\sum_i \left({}\right)_i", PRODUCT, (0,)),
    "sum_t": Form(r"\textstyle\sum_t {}", SUM, (PRODUCT,)),  # it reaches over every factor that follows
    "diag": Form(r"\operatorname{{diag}}\left({}\right)", ATOM, (0,)),
    "exp": Form(r"\exp\left({}\right)", ATOM, (0,)),
    "log": Form(r"\log\left({}\right)", ATOM, (0,)),
}


class _FormulaLaTeX(LaTeX):
    """LaTeX with quotients, transposed matrices and products of matrices, in the names of a cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell

    def turned(self, expression: Apply) -> Apply:
        first = expression.arguments[0]
        if expression.operation in ("*", "/", "@") and isinstance(first, Apply) and first.operation == "neg":
            product = Apply(expression.operation, (first.arguments[0], expression.arguments[1]), expression.place)
            return Apply("neg", (product,), expression.place)  # (−u) v is written −u v
        return expression

    def form(self, expression: Apply) -> Form:
        operation, arguments = expression.operation, expression.arguments
        function = derived(operation)
        if function is not None:
            return Form(literal(function.latex) + r"'\left({}\right)", ATOM, (0,))
        if operation in _FORMS:
            return _FORMS[operation]
        if operation == "one":
            return Form(r"\mathbf{{1}}", ATOM, (0,))
        if operation == "T":
            return Form(self.transposed(arguments[0]), ATOM, (ATOM,))
        if operation == "outer":
            return Form(r"{}\," + self.transposed(arguments[1]), PRODUCT, (_beside(arguments[0]), ATOM))
        if operation == "@":
            return Form(r"{}\,{}", PRODUCT, (_beside(arguments[0]), _beside(arguments[1])))
        if operation == "/":
            if self.is_number(arguments[1]):
                return Form(r"\frac{{{}}}{{{}}}", PRODUCT, (0, 0))
            return Form(r"{} \oslash {}", PRODUCT, (PRODUCT, ATOM))
        if operation == "*" and any(map(self.is_number, arguments)):
            return Form(r"{}\,{}", PRODUCT, (PRODUCT, PRODUCT))
        return super().form(expression)

    def transposed(self, part: Expression) -> str:
        """The form of a transposed part."""
        has_step = isinstance(part, Name) and not isinstance(part, Gradient) and part.name not in self.cell.parameters
        return r"\left({}\right)^\top" if has_step else r"{{{}}}^\top"  # a step is an index at the top already

    def is_number(self, part: Expression) -> bool:
        """Whether a part is a number, as far as that follows without sizes."""
        if isinstance(part, Number) or (isinstance(part, Name) and self.cell.is_number(part.name)):
            return True
        if isinstance(part, Name):
            return False
        entrywise = part.operation in ("+", "-", "*", "/", "neg", "exp", "log")
        return part.operation == "sum" or (entrywise and all(map(self.is_number, part.arguments)))


def _beside(part: Expression) -> int:
    """How tightly a factor of a product of matrices must bind: side by side binds tighter than ⊙ and ⊘."""
    return ATOM if isinstance(part, Apply) and part.operation in ("*", "/") else PRODUCT
