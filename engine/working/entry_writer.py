"""LaTeX of single entries of a cell's equations at a step: in symbols, with products of matrices as sums, and in numbers."""

from __future__ import annotations

from typing import Final

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.language import notation
from engine.language.expressions import Apply, Expression, Name, Number, path
from engine.language.names import latex
from engine.language.operations import ARITHMETIC, CALLS, LOSSES, PRODUCT, SUM, Array
from engine.working.neurons import Edges, Form, forms

_INNER, _OUTER = "jpqr", "kmnv"  # letters of sums, by depth; the two kinds may stand inside each other
_LINE: Final = 150  # characters of LaTeX that fit on a line


def _letter(letters: str, depth: int) -> str:
    return letters[depth] if depth < len(letters) else f"{letters[0]}_{{{depth}}}"


def product_tex(weight: float, factor: float) -> str:
    """A product of two numbers."""
    return rf"{notation.signed(weight)} \cdot {notation.signed(factor)}"


def broken(left: str, parts: list[str], result: str) -> str:
    """Write left = the sum of the parts, result; on several lines if it is long."""
    if len(parts) == 1 or sum(map(len, parts)) < _LINE:
        return " ".join(filter(None, [left, "=", " + ".join(parts), result]))
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) < _LINE:
            lines[-1] += f" + {part}"
        else:
            lines.append(part)
    text = r" \\ &\quad + ".join(lines) + (rf" \\ &{result}" if result else "")
    return rf"\begin{{aligned}} {left} &= {text} \end{{aligned}}"


class EntryWriter:
    """Writes single entries of the equations at one step, for one sample."""

    def __init__(self, run: Run, t: int, sample: int) -> None:
        """Start a writer for step t, from 1, and one sample, from 0."""
        self.run, self.t, self.sample = run, t, sample
        self._known: dict[Expression, list[float]] = {}

    # In symbols

    def entry(self, name: str, index: str, t: int) -> str:
        """An entry of a vector at a step; a vector of one unit has no index."""
        return f"{notation.indexed(name, index if self.run.sizes[name] > 1 else '')}^{{({t})}}"

    def delta(self, name: str, index: str, t: int) -> str:
        """The δ of a neuron, with the name of its argument: δ_{a,1} for h = φ(a), δ_{o,1} for ŷ = softmax(o)."""
        form = forms(self.run.cell).get(name) if t > 0 else None
        argument = latex(name)
        if form is not None and form.function is not None:
            argument = latex(form.argument) if form.argument else f"a_{{{argument}}}"
        index = index if self.run.sizes[name] > 1 else ""
        return rf"\delta_{{{','.join(filter(None, [argument, index]))}}}^{{({t})}}"

    def _matrix_entry(self, matrix: str, row: str, column: str) -> str:
        """An entry of a matrix, without the index of an axis of length one."""
        rows, columns = self.run.parameters[matrix].shape
        return notation.indexed(matrix, row if rows > 1 else "", column if columns > 1 else "")

    def symbols(self, expression: Expression, index: str, depth: int = 0, strength: int = 0) -> str:
        """One entry of an expression, its products of a matrix and a vector written as sums.

        The index changes at each matrix, so this is not a style of `printer.write`; precedence comes from the same table.

        Args:
            expression: The expression.
            index: The index of the entry.
            depth: The number of sums around it.
            strength: How tightly it must hold together to stand without parentheses.
        """
        if isinstance(expression, Number):
            return f"{expression.value:g}"
        if isinstance(expression, Name):
            if expression.name in self.run.parameters:
                return notation.indexed(expression.name, index if self.run.parameters[expression.name].size > 1 else "")
            return self.entry(expression.name, index, self.t - expression.lag)
        operation, arguments = expression.operation, expression.arguments
        if operation in CALLS:
            return self.run.cell.latex_of(expression).replace("(t)", f"({self.t})")
        row = ARITHMETIC[operation]
        if operation == "@":
            text, tightness = self._matrix_product(arguments[0], arguments[1], index, depth, strength)
        else:
            needs = zip(arguments, row.strengths, strict=True)
            parts = [self.symbols(argument, index, depth, need) for argument, need in needs]
            text, tightness = (r"{}\,{}" if row.is_product else row.latex).format(*parts), row.strength
        return rf"\left({text}\right)" if tightness < strength else text

    def _matrix_product(
        self, matrix: Expression, vector: Expression, index: str, depth: int, strength: int
    ) -> tuple[str, int]:
        """An entry of a matrix times a vector, Σ_j W_ij v_j, and how tightly it holds together."""
        assert isinstance(matrix, Name)
        letter = _letter(_INNER, depth) if self.run.parameters[matrix.name].shape[1] > 1 else ""
        text = (
            rf"{self._matrix_entry(matrix.name, index, letter)}\,{self.symbols(vector, letter, depth + 1, PRODUCT + 1)}"
        )
        if not letter:
            return text, PRODUCT
        return rf"\sum_{{{letter}}} {text}", SUM if strength > SUM else PRODUCT

    # In numbers

    def summands(self, expression: Expression, i: int) -> list[str]:
        """The summands of entry i of an expression, in numbers."""
        if isinstance(expression, Apply) and expression.operation == "+":
            left, right = expression.arguments
            return self.summands(left, i) + self.summands(right, i)
        return [self.numbers(expression, i)]

    def numbers(self, expression: Expression, i: int) -> str:
        """Entry i of an expression, in numbers."""
        if isinstance(expression, Number):
            return f"{expression.value:g}"
        if isinstance(expression, Name) or expression.operation in CALLS:
            return notation.signed(self.values(expression, i + 1)[i])
        operation, arguments = expression.operation, expression.arguments
        if operation == "@":
            matrix = arguments[0]
            assert isinstance(matrix, Name)
            row = self.run.parameters[matrix.name][i].tolist()
            return self.sum(list(zip(row, self.values(arguments[1], len(row)), strict=True)))
        if operation == "neg":
            return rf"\left(-{self._factor(arguments[0], i)}\right)"
        if operation == "*":
            return r" \cdot ".join(self._factor(argument, i) for argument in arguments)
        left, right = arguments
        second = self.numbers(right, i) if operation == "+" else self._factor(right, i)
        return rf"\left({self.numbers(left, i)} {operation} {second}\right)"

    def _factor(self, expression: Expression, i: int) -> str:
        """Entry i as a factor or a subtrahend: a product with a matrix is a sum, which gets parentheses."""
        text = self.numbers(expression, i)
        is_sum = isinstance(expression, Apply) and expression.operation == "@" and " + " in text
        return rf"\left({text}\right)" if is_sum else text

    def sum(self, products: list[tuple[float, float]]) -> str:
        """A sum of products; of many the first and the last."""
        places = notation.abridged(len(products))
        return " + ".join(r"\dots" if k is None else product_tex(*products[k]) for k in places) or "0"

    def values(self, expression: Expression, n: int) -> list[float]:
        """The entries of an expression at the step, from the run; of a single number n copies."""
        if expression not in self._known:
            steps, samples = slice(self.t - 1, self.t), slice(self.sample, self.sample + 1)

            def look(name: str, lag: int) -> Array:
                array = self.run.read(name, lag, steps)
                return array if name in self.run.parameters else array[0, samples]

            value = interpreter.value(self.run.cell, expression, look)
            self._known[expression] = np.asarray(value, float).reshape(-1).tolist()
        known = self._known[expression]
        return known if len(known) > 1 else known * n

    # Back along edges

    def flow(self, target: Form, edges: Edges, step: int, index: str) -> str:
        """The sum of what arrives at an entry along one reading, in symbols: Σ_k W_{k,3} δ_{h,k}.

        Args:
            target: The form of the neurons that the edges lead to.
            edges: The edges.
            step: The step of these neurons.
            index: The index of the entry.
        """
        if edges.direct:
            row = self.run.cell.loss(target.name)
            assert row is not None
            at = str(step)
            p, y = notation.at_step(edges.read.name, (), at), notation.at_step("y", (), at)
            slope = (row.latex_joint or "").format(p=p, y=y)
            return rf"\left[{slope}\right]_{{{index}}} {self.delta(target.name, '', step)}"
        assert target.expression is not None
        operations = list(path(target.expression, edges.read.argument))
        letters = self._letters([part for part, _ in operations if part.operation == "@"], index)
        sums = "".join(rf"\sum_{{{letter}}} " for letter in letters[:-1] if letter)
        sign, factors = self._factors(operations, letters, step)
        is_loss = isinstance(target.expression, Apply) and target.expression.operation in LOSSES
        head = self.delta(target.name, "" if is_loss else letters[0], step)
        return f"{'-' if sign < 0 else ''}{sums}" + r"\,".join([*factors, head])

    def _letters(self, products: list[Apply], index: str) -> list[str]:
        """The index of the rows of each matrix on a path, from the outermost, and the index of the entry."""
        rows = [self.run.parameters[_matrix(part)].shape[0] for part in products]
        return [*(_letter(_OUTER, n) if count > 1 else "" for n, count in enumerate(rows)), index]

    def _factors(self, operations: list[tuple[Apply, int]], letters: list[str], step: int) -> tuple[int, list[str]]:
        """The sign and the factors that the operations on a path contribute."""
        writer, sign, factors, matrices = EntryWriter(self.run, step, self.sample), 1, list[str](), 0
        for part, branch in operations:
            operation, arguments = part.operation, part.arguments
            if operation == "@":
                factors.append(self._matrix_entry(_matrix(part), letters[matrices], letters[matrices + 1]))
                matrices += 1
            elif operation == "*":
                factors.append(writer.symbols(arguments[1 - branch], letters[matrices], 0, PRODUCT))
            elif operation in ARITHMETIC:
                sign *= ARITHMETIC[operation].signs[branch]
            elif operation in LOSSES:
                p, y = (self.run.cell.latex_of(argument).replace("(t)", f"({step})") for argument in arguments)
                slope = LOSSES[operation].latex_pull.format(p=rf"\left({p}\right)" if " " in p else p, y=y)
                factors.append(rf"\left[{slope}\right]_{{{letters[matrices]}}}")
        return sign, factors


def _matrix(product: Apply) -> str:
    """The name of the matrix of a product."""
    matrix = product.arguments[0]
    assert isinstance(matrix, Name)
    return matrix.name
