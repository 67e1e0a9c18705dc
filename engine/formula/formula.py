"""The language of formulas: what a reader says that a gradient is, as text, with errors that point.

It is the language of cells, (`equations`), extended by the gradients of nodes and by what a chain rule written in vectors
needs: `V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])`. Python's own `ast` parses it and this module walks the tree
against a white list; nothing of it is ever evaluated by Python.

- `h`, `h[t-1]`, `h[t+1]` are values of nodes, `x` and `y` the input and the target (a class as the vector with one 1),
  `g_h`, `g_h[t+1]` the gradients there; what lies beyond either end of the sequence is zero.
- A vector is a column. `.T` transposes, `@` is the product of matrices, `u @ v.T` or `outer(u, v)` a matrix; `+`, `-`, `*`
  and `/` go entry by entry, and one side may be a number, such as `u.T @ v`, `sum(v)` or a loss.
- `diag(v)`, `one(v)` (as many ones as v has entries), `exp`, `log`, the functions of the table, and their derivatives,
  `slope(tanh, a)`.
- `sum_t(…)` adds up what its inside gives at all steps: that is how the gradient of a parameter is written.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from engine.execute.run import Run
from engine.language import notation, operations
from engine.language.cell import Cell
from engine.language.equations import MAX_DEPTH, MAX_LAG, check_name, constant, likely
from engine.language.expressions import EquationError, Name, Number, Place
from engine.language.operations import FUNCTIONS, LOSSES, SOFTMAX, Array
from engine.support.pause import pause

MAX_FORMULA = 2_000  # characters
_MAX_ENTRIES = 4_000_000  # of one array
_MAX_WORK = 2e8  # entries computed in one evaluation, which takes some seconds
_PRODUCTS = 16  # multiplications of a product of matrices that take as long as one entry

#: () a number, (n, 1) a column, (1, n) a row, (m, n) a matrix.
Shape: TypeAlias = tuple[int, ...]


class Misfit(EquationError):
    """Shapes that do not fit, or that are too large, and where in the formula."""


@dataclass(frozen=True)
class Gradient:
    """The gradient of the total loss at a node or at x, `lag` steps earlier (below 0: later)."""

    name: str
    lag: int
    place: Place


@dataclass(frozen=True)
class Call:
    """An operation on parts: + - neg * / @ T, or a function by its name; `of` is the function that `slope` is of."""

    operation: str
    arguments: tuple[Part, ...]
    place: Place
    of: str = ""


Part: TypeAlias = Number | Name | Gradient | Call


@dataclass(frozen=True)
class Formula:
    """A formula that was read: its text, the cell whose names it uses, and what it says."""

    text: str
    cell: Cell
    part: Part

    def latex(self) -> str:
        """The formula in LaTeX, at step t."""
        return _write(self.part, self.cell, 0)


def walk(part: Part) -> Iterator[Part]:
    """The part and all that is in it, from left to right."""
    yield part
    if isinstance(part, Call):
        for argument in part.arguments:
            yield from walk(argument)


# --- text to formula ---------------------------------------------------------------------------------------------

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@",
}  # fmt: skip
_UNARY = ("sum", "diag", "one", "exp", "log", "sum_t", SOFTMAX.name, *FUNCTIONS)
_KNOWN = ("outer", "slope", *_UNARY)


def parse(text: str, cell: Cell) -> Formula:
    """The formula of a text, in the names of a cell.

    Raises EquationError, with line and column, for anything that the language does not have.
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as "invalid decimal literal"; errors come below
            body = ast.parse("(\n" + "\n".join(code) + "\n)", mode="eval").body  # over several lines, too
    except SyntaxError as error:
        line = min(max(first, (error.lineno or 2) - 1), len(code))
        column = max(1, min(error.offset or 1, len(code[line - 1]) + 1))
        raise EquationError(f"this cannot be read ({error.msg})", line, column) from None
    except (ValueError, RecursionError, MemoryError):
        raise EquationError("this cannot be read", first) from None
    return Formula(text, cell, _Reader(cell, code).part(body, 0))


def _check_brackets(code: list[str]) -> None:
    """No bracket closes what was not opened, and there is no assignment: both would be read as something else."""
    depth = 0
    for i, line in enumerate(code, 1):
        for j, character in enumerate(line, 1):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth < 0:
                raise EquationError("')' closes what was not opened", i, j)
            if character == "=":
                raise EquationError(
                    "only what stands right of = is written here; what it is the formula of is chosen beside it", i, j
                )


class _Reader:
    """The walk along the tree of one formula."""

    def __init__(self, cell: Cell, code: list[str]) -> None:
        self.cell, self.code = cell, code
        self.nodes = [*(["x"] if cell.reads_x else []), *cell.nodes]
        self.names = [*self.nodes, "y", *cell.parameters, *(f"g_{name}" for name in self.nodes)]

    def place(self, node: ast.AST) -> Place:
        line = min(max(getattr(node, "lineno", 2) - 1, 1), len(self.code))
        offset = getattr(node, "col_offset", 0)  # in bytes of UTF-8
        return Place(line, 1 + len(self.code[line - 1].encode()[:offset].decode(errors="ignore")))

    def part(self, node: ast.expr, depth: int) -> Part:
        here = self.place(node)
        if depth > MAX_DEPTH:
            raise here.error(f"more than {MAX_DEPTH} operations inside one another")
        if isinstance(node, ast.Constant):
            return constant(node, here)
        if isinstance(node, ast.Name):
            return self.named(node.id, 0, here)
        if isinstance(node, ast.Subscript):
            return self.shifted(node, here)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            argument = self.part(node.operand, depth + 1)
            return Call("neg", (argument,), here) if isinstance(node.op, ast.USub) else argument
        if isinstance(node, ast.BinOp):
            operation = _BINARY.get(type(node.op))
            if operation is None:
                power = "; write a product such as h * h" if isinstance(node.op, ast.Pow) else ""
                raise here.error(f"{type(node.op).__name__} is not an operation of the language{power}")
            return Call(operation, (self.part(node.left, depth + 1), self.part(node.right, depth + 1)), here)
        if isinstance(node, ast.Attribute):
            if node.attr != "T":
                raise here.error(f".{node.attr[:40]} is not part of the language; .T transposes")
            return Call("T", (self.part(node.value, depth + 1),), here)
        if isinstance(node, ast.Call):
            return self.called(node, here, depth)
        raise here.error(f"{type(node).__name__} is not part of the language of formulas")

    def named(self, name: str, lag: int, here: Place) -> Part:
        check_name(name, here)
        cell = self.cell
        if name in cell.parameters:
            if lag:
                raise here.error(f"{name!r} is a parameter, the same at each step; write {name}")
            return Name(name, 0, here)
        if name in self.nodes or name == "y":
            return Name(name, lag, here)
        gradient = name.removeprefix("g_")
        if gradient != name and gradient in self.nodes:
            return Gradient(gradient, lag, here)
        if gradient != name and gradient in cell.parameters:
            raise here.error(
                f"{name!r} would be the gradient of a parameter; a formula reads the gradients of nodes, such as "
                f"g_{cell.nodes[0]}"
            )
        if name == "t":
            raise here.error("'t' is the step; it stands only in h[t-1] or h[t+1]")
        if name in _KNOWN:
            raise here.error(f"{name!r} is a function; write {name}(…)")
        names = ", ".join(self.names[:30]) + ", …" * (len(self.names) > 30)
        raise here.error(f"{name!r} is not known here; known: {names}{likely(name, self.names)}")

    def shifted(self, node: ast.Subscript, here: Place) -> Part:
        if not isinstance(node.value, ast.Name):
            raise here.error("only a name can be read at another step, as in h[t-1]")
        name, index = node.value.id, node.slice
        if isinstance(index, ast.Name) and index.id == "t":
            return self.named(name, 0, here)
        if (
            isinstance(index, ast.BinOp)
            and isinstance(index.left, ast.Name)
            and index.left.id == "t"
            and isinstance(index.right, ast.Constant)
            and type(index.right.value) is int
            and isinstance(index.op, ast.Sub | ast.Add)
        ):
            if index.right.value > MAX_LAG:
                raise here.error(f"this reaches too far; at most {MAX_LAG} steps")
            return self.named(name, index.right.value * (1 if isinstance(index.op, ast.Sub) else -1), here)
        raise here.error("an index is t plus or minus a whole number, as in h[t-1] or g_h[t+1]")

    def called(self, node: ast.Call, here: Place, depth: int) -> Call:
        if not isinstance(node.func, ast.Name):
            raise here.error("only a function of the language can be called, by its name")
        name, given = node.func.id, node.args
        if name in LOSSES:
            raise here.error(f"{name!r} is a loss; a formula reads its node, such as {self.cell.losses[0]}")
        if name not in _KNOWN:
            raise here.error(
                f"{name[:60]!r} is not a function; known: {', '.join(_KNOWN)}{likely(name[:60], list(_KNOWN))}"
            )
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in given):
            raise here.error(f"{name} takes plain arguments, separated by commas")
        wanted = 1 if name in _UNARY else 2
        if len(given) != wanted:
            example = {"outer": "outer(u, v)", "slope": "slope(tanh, a)"}.get(name, f"{name}(v)")
            raise here.error(f"{name} is written {example}; it got {len(given)} arguments")
        if name == "slope":
            function = given[0]
            if not isinstance(function, ast.Name) or function.id not in FUNCTIONS:
                raise self.place(function).error(
                    f"slope takes a function first, one of {', '.join(FUNCTIONS)}, as in slope(tanh, a)"
                )
            return Call(name, (self.part(given[1], depth + 1),), here, function.id)
        arguments = tuple(self.part(argument, depth + 1) for argument in given)
        if name == "sum_t" and any(isinstance(p, Call) and p.operation == "sum_t" for p in walk(arguments[0])):
            raise here.error("sum_t inside sum_t is not part of the language")
        return Call(name, arguments, here)


# --- shapes ------------------------------------------------------------------------------------------------------


def shape(formula: Formula, run: Run, t: int | None = 1, samples: int = 1) -> Shape:
    """The shape of what the formula gives for a run's sizes; t is None where it belongs to no step.

    samples   for how many samples it will be evaluated

    Raises Misfit, which points at the operation and says what stands left and right of it.
    """
    return _Shapes(run, t is not None, samples).of(formula.part)


def said(found: Shape) -> str:
    """A shape in words: "a number", "5 × 1 (a vector)", "3 × 5"."""
    if not found:
        return "a number"
    return f"{found[0]} × {found[1]}" + {1: " (a vector)"}.get(found[1], " (a row)" if found[0] == 1 else "")


class _Shapes:
    """Shapes from the inside out, and the work and memory that they cost, bounded before any of it is taken."""

    def __init__(self, run: Run, stepped: bool, many: int = 1) -> None:
        self.run, self.stepped, self.many, self.work = run, stepped, many, 0.0

    def of(self, part: Part) -> Shape:
        if isinstance(part, Number):
            return ()
        if isinstance(part, Name | Gradient):
            if part.name in self.run.parameters:
                array = self.run.parameters[part.name]
                return (array.shape[0], array.shape[1]) if array.ndim == 2 else (len(array), 1)
            if not self.stepped:
                raise Misfit(
                    f"{part.name!r} has a step, but the whole gradient of a parameter has none; put what has a step inside"
                    " sum_t(…)", part.place.line, part.place.column,
                )  # fmt: skip
            return () if self.run.cell.is_number(part.name) else (self.run.sizes[part.name], 1)
        found = self.call(part)
        size = found[0] * found[1] if found else 1
        self.work += size * self.many
        if size > _MAX_ENTRIES or self.work > _MAX_WORK:
            raise Misfit(f"{said(found)} is more than can be computed here", part.place.line, part.place.column)
        return found

    def call(self, part: Call) -> Shape:
        operation = part.operation
        if operation == "sum_t":
            before = self.stepped, self.many
            self.stepped, self.many = True, self.many * self.run.T
            found = self.of(part.arguments[0])
            self.stepped, self.many = before
            return found
        shapes = [self.of(argument) for argument in part.arguments]
        first = shapes[0]
        if operation in ("+", "-", "*", "/"):
            other = shapes[1]
            if _one(first) or _one(other):
                return other if _one(first) and other else first
            if first != other:
                mixed = operation == "*" and min(other) > 1
                hint = "; '*' and '@' bind alike, from the left: write u * (W @ v)" if mixed else ""
                raise self.misfit(part, shapes, f"both sides need one shape, or one side is a number{hint}")
            return first
        if operation == "@":
            other = shapes[1]
            if not first or not other:
                raise self.misfit(
                    part, shapes, "'@' stands between matrices and vectors; a number is multiplied by '*'"
                )
            if first[1] != other[0]:
                raise self.misfit(
                    part, shapes, f"as many columns on the left as rows on the right are needed, {first[1]} ≠ {other[0]}"
                )  # fmt: skip
            self.work += first[0] * first[1] * other[1] * self.many / _PRODUCTS
            return (first[0], other[1])
        if operation == "T":
            return first[::-1]
        if operation == "sum":
            return ()
        if operation == "outer":
            if not all(found and found[1] == 1 for found in shapes):
                raise self.misfit(part, shapes, "outer takes two vectors")
            return (first[0], shapes[1][0])
        if operation in ("diag", "one", SOFTMAX.name) and not (first and first[1] == 1):
            raise self.misfit(part, shapes, f"{operation} takes a vector")
        return (first[0], first[0]) if operation == "diag" else first

    def misfit(self, part: Call, shapes: list[Shape], why: str) -> Misfit:
        given = " and ".join(
            f"{written(argument)} is {said(found)}" for argument, found in zip(part.arguments, shapes, strict=True)
        )
        return Misfit(f"the shapes do not fit: {given}; {why}", part.place.line, part.place.column)


def _one(found: Shape) -> bool:
    """Whether a shape has a single entry, which goes with any other shape."""
    return found in ((), (1, 1))


# --- numbers -----------------------------------------------------------------------------------------------------


def evaluate(formula: Formula, run: Run, t: int | None, sample: int = 0) -> Array:
    """What the formula gives at step t for one sample: (), (n,) for a column, else (m, n).

    t is None for a formula without a step, such as sum_t(outer(g_a, x)). Steps are counted from 1; at 0 and below there are
    the initial values, and all else that lies beyond the ends is zero. Raises Misfit where shapes do not fit.
    """
    found, _ = evaluated(formula, run, t, sample)
    return plain(found, shape(formula, run, t))


def plain(found: Array, of: Shape) -> Array:
    """An array of a formula's shape as the engine has it: (), (n,) for a column, else (m, n)."""
    return found.reshape(of[:1] if of[1:] == (1,) else of)


def evaluated(formula: Formula, run: Run, t: int | None, sample: int = 0) -> tuple[Array, Array]:
    """What the formula gives, (m, n), and how far each entry may be off by rounding alone, by the rules of running error
    analysis. Raises as `evaluate` does."""
    found = shape(formula, run, t)
    with np.errstate(all="ignore"):
        steps = np.array([1 if t is None else t])
        value, error = _Numbers(run, steps, sample).of(formula.part)
    wide = found or (1, 1)
    return np.broadcast_to(value, (1, *wide))[0], np.broadcast_to(error, (1, *wide))[0]


#: An array and how far each of its entries may be off.
_Pair: TypeAlias = tuple[Array, Array]

_OF_VALUE, _OF_GRADIENT = 8, 64  # roundings that a node's own numbers may be off by


class _Numbers:
    """Values from the inside out, (steps, m, n), with a bound of what rounding has done to them."""

    def __init__(self, run: Run, steps: Array, sample: int) -> None:
        self.run, self.steps, self.sample = run, steps, sample
        self.eps = float(np.finfo(run.dtype).eps)

    def of(self, part: Part) -> _Pair:
        if isinstance(part, Number):
            return np.full((1, 1, 1), part.value), np.zeros((1, 1, 1))
        if isinstance(part, Name):
            value = self.read(part)
            return value, _OF_VALUE * self.eps * np.abs(value)
        if isinstance(part, Gradient):
            initial = self.run.initial_grad.get(part.name)
            value = self.gathered(self.run.grad[part.name], initial, self.steps - part.lag)[..., None]
            return value, _OF_GRADIENT * self.eps * np.abs(value)
        if part.operation == "sum_t":
            return self.summed(part.arguments[0])
        return self.call(part, [self.of(argument) for argument in part.arguments])

    def read(self, part: Name) -> Array:
        run, steps = self.run, self.steps - part.lag
        if part.name in run.parameters:
            array = np.asarray(run.parameters[part.name], np.float64)
            return (array if array.ndim == 2 else array[:, None])[None]
        if part.name == "y" and run.y.ndim == 2:  # a class as the vector with one 1
            classes = self.gathered(run.y[..., None], None, steps)[:, 0].astype(int)
            inside = (steps >= 1) & (steps <= run.T)
            one_hot = (np.arange(run.sizes["y"]) == classes[:, None]) & inside[:, None]
            return np.asarray(one_hot[..., None], np.float64)
        values = run.y if part.name == "y" else run.value[part.name]
        return self.gathered(values, run.initial.get(part.name), steps)[..., None]

    def gathered(self, values: Array, initial: Array | None, steps: Array) -> Array:
        """(steps, n): zeros where there is nothing."""
        found = np.zeros((len(steps), values.shape[-1]))
        inside = (steps >= 1) & (steps <= self.run.T)
        found[inside] = values[steps[inside] - 1, self.sample]
        if initial is not None:
            early = (steps <= 0) & (steps > -len(initial))
            found[early] = initial[steps[early] - 1, self.sample]
        return found

    def summed(self, part: Part) -> _Pair:
        """The sum over all steps, some at a time."""
        run = self.run
        found = _Shapes(run, True).of(part)
        size = found[0] * found[1] if found else 1
        wide = found or (1, 1)
        total, off, count = np.zeros((1, *wide)), np.zeros((1, *wide)), max(1, _MAX_ENTRIES // (8 * size))
        for start in range(1, run.T + 1, count):
            pause()
            steps = np.arange(start, min(start + count, run.T + 1))
            value, error = _Numbers(run, steps, self.sample).of(part)
            value, error = (np.broadcast_to(array, (len(steps), *wide)) for array in (value, error))
            total = total + value.sum(axis=0, keepdims=True)
            off = off + (error + run.T * self.eps * np.abs(value)).sum(axis=0, keepdims=True)
        return total, off

    def call(self, part: Call, given: list[_Pair]) -> _Pair:
        operation, eps = part.operation, self.eps
        a, da = given[0]
        if operation == "one":
            return np.ones(a.shape), np.zeros(a.shape)
        if operation in ("T", "diag"):
            return _moved(operation, a), _moved(operation, da)
        if operation == "neg":
            return -a, da
        if operation in ("+", "-"):
            b, db = given[1]
            value = a + b if operation == "+" else a - b
            return value, da + db + eps * np.abs(value)
        if operation == "*":
            b, db = given[1]
            return a * b, np.abs(a) * db + da * (np.abs(b) + db) + eps * np.abs(a * b)
        if operation == "/":
            b, db = given[1]
            value = a / b
            least = np.maximum(np.abs(b) - db, 0)  # where the divisor may be 0, there is no bound
            error = np.where(da + db > 0, (da + np.abs(value) * db) / least, 0) + eps * np.abs(value)
            return value, np.where(np.isinf(b), np.abs(a) / np.finfo(np.float64).max, error)
        if operation in ("@", "outer"):
            b, db = given[1]
            if operation == "outer":
                b, db = np.swapaxes(b, -1, -2), np.swapaxes(db, -1, -2)
            size = np.abs(a) @ np.abs(b)
            return a @ b, np.abs(a) @ db + da @ (np.abs(b) + db) + (a.shape[-1] + 1) * eps * size
        if operation == "sum":
            value = a.sum(axis=(-1, -2), keepdims=True)
            return value, (da + a[0].size * eps * np.abs(a)).sum(axis=(-1, -2), keepdims=True)
        return self.function(part, a, da)

    def function(self, part: Call, a: Array, da: Array) -> _Pair:
        operation, eps = part.operation, self.eps
        if operation == "exp":
            value = np.exp(a)
            return value, value * (da + 4 * eps)
        if operation == "log":
            value = np.log(a)
            return value, da / np.abs(a) + 4 * eps * np.abs(value)
        if operation == SOFTMAX.name:
            value = np.exp(a - a.max(axis=-2, keepdims=True))
            value = value / value.sum(axis=-2, keepdims=True)
            return value, value * (da + da.max(axis=-2, keepdims=True) + 8 * eps)
        if operation == "slope":  # |φ''| is at most 2 |φ'| for every function of the table
            value = operations.slope(FUNCTIONS[part.of], a)
            return value, np.abs(value) * (2 * da + 8 * eps)
        function = FUNCTIONS[operation]
        value = operations.value(function, a)
        return value, np.abs(operations.slope(function, a)) * da + 8 * eps * np.abs(value)


def _moved(operation: str, a: Array) -> Array:
    """An array with its entries at other places: transposed, or a column on a diagonal."""
    return np.asarray(np.swapaxes(a, -1, -2) if operation == "T" else np.where(np.eye(a.shape[-2], dtype=bool), a, 0))


# --- how it is written -------------------------------------------------------------------------------------------

_SUM, _PRODUCT, _ATOM = 1, 2, 3


def written(part: Part) -> str:
    """A part as text, in short, for messages."""
    text = _text(part, 0)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _text(part: Part, strength: int) -> str:
    if isinstance(part, Number):
        return f"{part.value:g}"
    if isinstance(part, Name | Gradient):
        step = f"[t{-part.lag:+d}]" if part.lag else ""
        return f"{'g_' if isinstance(part, Gradient) else ''}{part.name}{step}"
    operation, arguments = part.operation, part.arguments
    if operation in ("+", "-", "*", "/", "@"):
        own = _SUM if operation in "+-" else _PRODUCT
        text = f"{_text(arguments[0], own)} {operation} {_text(arguments[1], own + 1)}"
        return f"({text})" if own < strength else text
    if operation == "neg":
        return f"-{_text(arguments[0], _ATOM)}"
    if operation == "T":
        return f"{_text(arguments[0], _ATOM)}.T"
    inside = [part.of] * bool(part.of) + [_text(argument, 0) for argument in arguments]
    return f"{operation}({', '.join(inside)})"


def _write(part: Part, cell: Cell, strength: int) -> str:
    """A part in LaTeX; `strength` says how tightly the surroundings bind."""
    if isinstance(part, Number):
        return notation.number(part.value, 6)
    if isinstance(part, Name):
        return notation.at_step(part.name, cell.parameters, notation.step(-part.lag))
    if isinstance(part, Gradient):
        text = notation.nabla(part.name, notation.step(-part.lag))
        return rf"\left({text}\right)" if strength >= _PRODUCT else text
    text, own = _called(part, cell)
    return rf"\left({text}\right)" if own < strength else text


def _called(part: Call, cell: Cell) -> tuple[str, int]:
    operation, arguments = part.operation, part.arguments

    def of(argument: Part, strength: int = 0) -> str:
        return _write(argument, cell, strength)

    def factor(argument: Part) -> str:  # what stands side by side binds tighter than ⊙ and ⊘
        return of(argument, _ATOM if isinstance(argument, Call) and argument.operation in ("*", "/") else _PRODUCT)

    if operation in ("+", "-"):
        right = of(arguments[1], _SUM if operation == "+" else _PRODUCT)
        return f"{of(arguments[0], _SUM)} {operation} {right}", _SUM
    if operation in ("*", "/", "@") and isinstance(arguments[0], Call) and arguments[0].operation == "neg":
        inner = Call(operation, (arguments[0].arguments[0], arguments[1]), part.place)  # (−u) v is written −u v
        return f"-{_write(inner, cell, _PRODUCT)}", _SUM
    if operation == "neg":
        return f"-{of(arguments[0], _PRODUCT)}", _SUM
    if operation == "*":
        sign = r"\," if any(_numeric(argument, cell) for argument in arguments) else r" \odot "
        return f"{of(arguments[0], _PRODUCT)}{sign}{of(arguments[1], _PRODUCT)}", _PRODUCT
    if operation == "/":
        if _numeric(arguments[1], cell):
            return rf"\frac{{{of(arguments[0])}}}{{{of(arguments[1])}}}", _PRODUCT
        return rf"{of(arguments[0], _PRODUCT)} \oslash {of(arguments[1], _ATOM)}", _PRODUCT
    if operation == "@":
        return rf"{factor(arguments[0])}\,{factor(arguments[1])}", _PRODUCT
    if operation == "outer":
        return rf"{factor(arguments[0])}\,{_transposed(arguments[1], cell)}", _PRODUCT
    if operation == "T":
        return _transposed(arguments[0], cell), _ATOM
    if operation == "sum":
        return rf"\textstyle\sum_i \left({of(arguments[0])}\right)_i", _PRODUCT
    if operation == "sum_t":
        return rf"\textstyle\sum_t {of(arguments[0], _PRODUCT)}", _SUM  # it reaches over every factor that follows
    if operation == "one":
        return r"\mathbf{1}", _ATOM
    if operation == "slope":
        return rf"{FUNCTIONS[part.of].latex}'\left({of(arguments[0])}\right)", _ATOM
    latex = {"diag": r"\operatorname{diag}", "exp": r"\exp", "log": r"\log", SOFTMAX.name: SOFTMAX.latex}
    function = latex.get(operation) or FUNCTIONS[operation].latex
    return rf"{function}\left({of(arguments[0])}\right)", _ATOM


def _transposed(part: Part, cell: Cell) -> str:
    text = _write(part, cell, _ATOM)
    stepped = isinstance(part, Name) and part.name not in cell.parameters  # it has an index at the top already
    return rf"{{{text}}}^\top" if not stepped else rf"\left({text}\right)^\top"


def _numeric(part: Part, cell: Cell) -> bool:
    """Whether a part is a number, as far as can be seen without sizes."""
    if isinstance(part, Number):
        return True
    if isinstance(part, Name | Gradient):
        return cell.is_number(part.name)
    if part.operation in ("sum",):
        return True
    return part.operation in ("+", "-", "*", "/", "neg", "exp", "log") and all(
        _numeric(argument, cell) for argument in part.arguments
    )


__all__ = [
    "MAX_FORMULA",
    "Formula",
    "Gradient",
    "Misfit",
    "Shape",
    "evaluate",
    "evaluated",
    "parse",
    "plain",
    "said",
    "shape",
]
