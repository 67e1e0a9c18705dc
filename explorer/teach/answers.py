"""The small language in which a lesson asks about a run: `norm(grad("h", 4)) / norm(grad("h", 5))`, `rate("h") < 0.9`.

An expression is parsed with Python's own `ast` and walked against a white list; nothing of it is ever evaluated by Python.
It has numbers, texts in quotes, + − * / ** and @, comparisons (also chained), and, or, not, and the functions of the table
`FUNCTIONS`, which know the run. A name is that of a node, of x, of y or of a parameter; t counts from 1, and initial values
stand at 0 and below. Of several samples the first is meant. Calculations are those of floats: nothing overflows but to ∞.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run
from engine.support import shown
from engine.working import messages as explain
from explorer import facts
from explorer.facts import Course, course
from explorer.words.glossary import DEFINITIONS
from explorer.words.numbers import from_exponent, number

Array: TypeAlias = NDArray[np.float64]
#: What an expression may be: a number, a truth, a text or numbers.
Answer: TypeAlias = float | bool | str | Array

#: Numbers that are written as words.
WORDS: Final[Mapping[int, str]] = {
    **dict(enumerate((
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
        "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ))),
    **{10 * (i + 2): word for i, word in enumerate((
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "a hundred",
    ))},
}  # fmt: skip
LONGEST: Final = 1_000  # characters of an expression
_ENTRIES: Final = 8  # entries of a vector that are written out
_ALIKE: Final = 1e-9  # relative difference up to which two things are the same


class AnswerError(ValueError):
    """An expression that cannot be read, or that means nothing for the run; the message says which part."""


@dataclass(frozen=True)
class Function:
    """A row of `FUNCTIONS`: how it is called, what it is in a sentence, and the function itself, of the run first."""

    call: str
    sentence: str
    function: Callable[..., Any]


_TABLE: dict[str, Function] = {}
#: The functions of the language by name.
FUNCTIONS: Final[Mapping[str, Function]] = _TABLE


def _row(call: str, sentence: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table under the name that its call begins with."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        _TABLE[call.partition("(")[0]] = Function(call, sentence, function)
        return function

    return enter


# --- arguments ---------------------------------------------------------------------------------------------------


def _whole(value: Any, what: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, float) or not value.is_integer() or not low <= value <= high:
        raise AnswerError(f"{what} is {shown(value)}; a whole number from {low} to {high}")
    return int(value)


def _step(run: Run, t: Any, low: int = 1) -> int:
    return _whole(t, "the step", low, run.T)


def _parameter(run: Run, name: Any) -> str:
    if name not in run.parameters:
        raise AnswerError(f"{shown(name)} is no parameter; there are {', '.join(run.parameters)}")
    return str(name)


def _node(run: Run, name: Any) -> str:
    if name not in run.grad:
        raise AnswerError(f"{shown(name)} is no node; there are {', '.join(run.grad)}")
    return str(name)


def _array(value: Any) -> Array:
    if isinstance(value, (str, bool)):
        raise AnswerError(f"numbers are needed, not {shown(value)}")
    return np.asarray(value, np.float64)


def _matrix(run: Run, value: Any) -> Array:
    found = np.asarray(run.parameters[_parameter(run, value)] if isinstance(value, str) else _array(value), np.float64)
    if found.ndim != 2 or not np.isfinite(found).all():
        raise AnswerError("a matrix of finite numbers is needed")
    return found


# --- numbers of the run ------------------------------------------------------------------------------------------


@_row("value(name, t)", "The value of a node, of x or of the target y at step t; a class as a vector with a single 1.")
def _value(run: Run, name: Any, t: Any) -> Array:
    if name == "y":
        row = run.y[_step(run, t) - 1, 0]
        return np.eye(run.sizes["y"])[int(row)] if run.y.ndim == 2 else _array(row)
    return _at(run, run.value, run.initial, _node(run, name), t)


@_row("grad(name, t)", "The gradient of the total loss at a node, or at x, of step t.")
def _grad(run: Run, name: Any, t: Any) -> Array:
    return _at(run, run.grad, run.initial_grad, _node(run, name), t)


def _at(run: Run, arrays: Mapping[str, Any], initial: Mapping[str, Any], name: str, t: Any) -> Array:
    early = initial.get(name, ())
    step = _step(run, t, 1 - len(early))
    return np.asarray(arrays[name][step - 1, 0] if step > 0 else early[step - 1, 0], np.float64)


@_row("param(name)", "A parameter.")
def _param(run: Run, name: Any) -> Array:
    return np.asarray(run.parameters[_parameter(run, name)], np.float64)


@_row("param_grad(name)", "The gradient of the total loss at a parameter, the sum over all steps.")
def _param_grad(run: Run, name: Any) -> Array:
    return np.asarray(run.param_grad[_parameter(run, name)], np.float64)


@_row("grad_norm()", "The norm of the gradient of the total loss at all parameters, taken as one vector.")
def _grad_norm(run: Run) -> float:
    return facts.norm(np.concatenate([np.ravel(grad).astype(np.float64) for grad in run.param_grad.values()]))


@_row("step_grad(name, t)", "The gradient at the copy of a parameter that step t uses.")
def _step_grad(run: Run, name: Any, t: Any) -> Array:
    step = _step(run, t)
    return np.asarray(run.step_grad(_parameter(run, name), slice(step - 1, step))[0], np.float64)


@_row(
    "message(source, target, t)",
    "What source(t) receives along its edges to the node `target`, of that or a later step.",
)
def _message(run: Run, source: Any, target: Any, t: Any) -> Array:
    return np.asarray(run.message(_node(run, source), _node(run, target))[_step(run, t) - 1, 0], np.float64)


@_row("jacobian(of, t, wrt, s)", "The Jacobian ∂of(t)/∂wrt(s) by all paths.")
def _jacobian(run: Run, of: Any, t: Any, wrt: Any, s: Any) -> Array:
    found = engine.jacobian_at(run, _node(run, of), _node(run, wrt), _step(run, t), _step(run, s))
    return np.asarray(found[0], np.float64)


@_row("softmax_jacobian(name, t)", "S_i (δ_ij − S_j) of a node that is a softmax.")
def _softmax_jacobian(run: Run, name: Any, t: Any) -> Array:
    return np.asarray(explain.jacobian_of_softmax(run, _node(run, name), _step(run, t)), np.float64)


@_row("slopes(name, t)", "φ′(a) of each unit of a node φ(a).")
def _slopes(run: Run, name: Any, t: Any) -> Array:
    return np.asarray(run.slope(_node(run, name))[_step(run, t) - 1, 0], np.float64)


@_row("slope(name, t)", "The mean over the units of |φ′(a)| of a node φ(a).")
def _slope(run: Run, name: Any, t: Any) -> float:
    return float(np.abs(_slopes(run, name, t)).mean())


@_row("saturated(name)", "The share of a node's units and steps whose φ′ is below a tenth of the largest that φ has.")
def _saturated(run: Run, name: Any) -> float:
    return float(facts.slopes(run, _node(run, name), 1).saturated.mean())


@_row("loss()", "The total loss.")
def _loss(run: Run) -> float:
    return run.loss


@_row("loss_at(t)", "The loss of step t, before its weight.")
def _loss_at(run: Run, t: Any) -> float:
    return float(run.losses[_step(run, t) - 1, 0])


@_row("weight(t)", "The factor of the loss of step t in the total.")
def _weight(run: Run, t: Any) -> float:
    return float(run.weights[_step(run, t) - 1, 0])


@_row("target(t)", "The class that is asked for at step t, counted from 1.")
def _target(run: Run, t: Any) -> float:
    if run.y.ndim != 2:
        raise AnswerError("the targets of this run are no classes")
    return float(run.y[_step(run, t) - 1, 0]) + 1


@_row("by_loss(name, s, t)", "The norm of the gradient at name(t) of the loss of step s alone.")
def _by_loss(run: Run, name: Any, s: Any, t: Any) -> float:
    return float(engine.by_loss_norm(run, _node(run, name))[_step(run, s) - 1, _step(run, t) - 1, 0])


@_row("by_loss_grad(name, s, t)", "The gradient at name(t) of the loss of step s alone.")
def _by_loss_grad(run: Run, name: Any, s: Any, t: Any) -> Array:
    return np.asarray(engine.by_loss(run, _node(run, name))[_step(run, s) - 1, _step(run, t) - 1, 0], np.float64)


@_row("log_norm(name, t)", "log10 of the norm of the gradient at name(t), exact far beyond floats; −∞ where it is 0.")
def _log_norm(run: Run, name: Any, t: Any) -> float:
    return float(engine.log_grad_norm(run, _node(run, name))[_step(run, t) - 1, 0])


def _followed(run: Run, name: Any) -> Course:
    """How the gradient of the last loss that counts goes back."""
    found = course(run, _node(run, name), 1)
    if found is None or not found.finite or not found.steps:
        raise AnswerError(f"{name} has a gradient at fewer than two steps, or an infinite one, so there is no rate")
    return found


@_row(
    "rate(name)",
    "What a step back leaves of the gradient on average (geometric mean), for the last loss that counts alone.",
)
def _rate(run: Run, name: Any) -> float:
    return _followed(run, name).rate


@_row("vanishes(name)", f"Whether {DEFINITIONS['vanishes']}.")
def _vanishes(run: Run, name: Any) -> bool:
    return _followed(run, name).verdict == "vanishes"


@_row("grows(name)", f"Whether {DEFINITIONS['grows']}.")
def _grows(run: Run, name: Any) -> bool:
    return _followed(run, name).verdict == "grows"


@_row("keeps(name)", f"Whether the gradient keeps its size: {DEFINITIONS['keeps its size']}.")
def _keeps(run: Run, name: Any) -> bool:
    return _followed(run, name).verdict == "keeps"


@_row("power(x)", "10 to the power x, written as it is where that is no float any more; for the text only.")
def _power(run: Run, x: Any) -> str:
    return from_exponent(float(_array(x)))


@_row("in_words(n)", "A whole number from 0 to 20, or a multiple of 10 up to 100, as a word; for the text only.")
def _in_words(run: Run, n: Any) -> str:
    whole = _whole(n, "the number", 0, 100)
    if whole not in WORDS:
        raise AnswerError(f"{whole} has no word here")
    return WORDS[whole]


# --- the network -------------------------------------------------------------------------------------------------


@_row("steps()", "How many steps the run has.")
def _steps(run: Run) -> float:
    return float(run.T)


@_row("units(name)", "How many units a node, x or y has.")
def _units(run: Run, name: Any) -> float:
    if name not in run.sizes:
        raise AnswerError(f"{shown(name)} is no node; there are {', '.join(run.sizes)}")
    return float(run.sizes[name])


@_row("count(v)", 'How many numbers there are in an array: count(param("W")).')
def _count(run: Run, v: Any) -> float:
    return float(_array(v).size)


@_row("sigma_max(W)", "The largest singular value of a parameter, by its name, or of any matrix.")
def _sigma_max(run: Run, W: Any) -> float:
    return float(np.linalg.svd(_matrix(run, W), compute_uv=False)[0])


@_row("sigma_min(W)", "The smallest singular value of a parameter, by its name, or of any matrix.")
def _sigma_min(run: Run, W: Any) -> float:
    return float(np.linalg.svd(_matrix(run, W), compute_uv=False)[-1])


@_row(
    "radius(W)", "The spectral radius, the largest |eigenvalue|, of a parameter, by its name, or of any square matrix."
)
def _radius(run: Run, W: Any) -> float:
    matrix = _matrix(run, W)
    if len(matrix) != matrix.shape[1]:
        raise AnswerError("only a square matrix has eigenvalues")
    return float(np.abs(np.linalg.eigvals(matrix)).max())


@_row("bound(name)", "σ_max(W) · max |φ′|: no step back along the recurrence of this name multiplies by more.")
def _bound(run: Run, name: Any) -> float:
    found = engine.bound(run, _node(run, name))
    if found is None:
        raise AnswerError(f"there is no bound for {name}: its recurrence is no single matrix and function")
    return found.rate


@_row("count_paths(source, s, target, t)", "How many paths lead from source(s) to target(t) in the unrolled graph.")
def _count_paths(run: Run, source: Any, s: Any, target: Any, t: Any) -> float:
    start = (_node(run, source), _step(run, s, 1 - len(run.initial.get(str(source), ()))))
    end = (_node(run, target), _step(run, t))
    ways = {start: 1.0}
    for step in range(start[1], end[1] + 1):
        for name in run.cell.nodes if step > 0 else ():
            if (name, step) != start:
                reads = run.cell.reads[name]
                ways[name, step] = sum(ways.get((read.name, step - read.lag), 0.0) for read in reads)
    return float(ways.get(end, 0.0))


# --- other runs of the same network ------------------------------------------------------------------------------


def _elsewhere(run: Run, parameters: Mapping[str, Any], expression: Any) -> Any:
    """An expression, given as a text, for the run with other parameters."""
    if not isinstance(expression, str):
        raise AnswerError(f"an expression in quotes is needed, not {said(expression)}")
    other = engine.run(run.cell, parameters, run.x, run.y, run.initial, run.weights, run.reduction, run.dtype)
    return _walk(_parsed(expression), other)


@_row(
    "after(eta, expression)",
    "An expression, in quotes, after one step of gradient descent: −eta · gradient in all parameters.",
)
def _after(run: Run, eta: Any, expression: Any) -> Any:
    rate = float(_array(eta))
    there = {name: value - rate * run.param_grad[name] for name, value in run.parameters.items()}
    return _elsewhere(run, there, expression)


@_row(
    "with_param(name, v, expression)",
    "An expression, in quotes, for the run in which a parameter is v: an array of its shape, or the number of all entries.",
)
def _with_param(run: Run, name: Any, v: Any, expression: Any) -> Any:
    present, given = run.parameters[_parameter(run, name)], _array(v)
    if given.shape not in ((), present.shape):
        raise AnswerError(f"{shown(name)} has the shape {present.shape}, and not {given.shape}")
    return _elsewhere(run, {**run.parameters, name: np.broadcast_to(given, present.shape)}, expression)


# --- of arrays ---------------------------------------------------------------------------------------------------


@_row("norm(v)", "The L2 norm of all entries.")
def _norm(run: Run, v: Any) -> float:
    return facts.norm(_array(v))


@_row("entry(v, i[, j])", "An entry, counted from 1.")
def _entry(run: Run, v: Any, *index: Any) -> float:
    array = _array(v)
    if len(index) != array.ndim:
        raise AnswerError(f"an entry of an array with {array.ndim} axes needs as many numbers, not {len(index)}")
    return float(array[tuple(_whole(i, "the entry", 1, n) - 1 for i, n in zip(index, array.shape, strict=True))])


@_row("row(W, i)", "A row of a matrix, counted from 1.")
def _one_row(run: Run, W: Any, i: Any) -> Array:
    matrix = _matrix(run, W)
    return np.asarray(matrix[_whole(i, "the row", 1, len(matrix)) - 1], np.float64)


@_row("total(v)", "The sum of all entries.")
def _total(run: Run, v: Any) -> float:
    return float(_array(v).sum())


@_row("mean(v)", "The mean of all entries.")
def _mean(run: Run, v: Any) -> float:
    return float(_array(v).mean())


@_row("largest(v)", "The largest entry.")
def _largest(run: Run, v: Any) -> float:
    return float(_array(v).max())


@_row("smallest(v)", "The smallest entry.")
def _smallest(run: Run, v: Any) -> float:
    return float(_array(v).min())


@_row("where_largest(v)", "Which entry of a vector is the largest, counted from 1.")
def _where_largest(run: Run, v: Any) -> float:
    return float(_array(v).argmax()) + 1


@_row("abs(v)", "Without signs.")
def _abs(run: Run, v: Any) -> Array:
    return np.asarray(np.abs(_array(v)))


@_row("exp(v)", "e to the power of each entry.")
def _exp(run: Run, v: Any) -> Array:
    return np.asarray(np.exp(_array(v)))


@_row("log(v)", "The natural logarithm of each entry.")
def _log(run: Run, v: Any) -> Array:
    return np.asarray(np.log(_array(v)))


@_row("log10(v)", "The logarithm to base 10 of each entry.")
def _log10(run: Run, v: Any) -> Array:
    return np.asarray(np.log10(_array(v)))


@_row("sqrt(v)", "The square root of each entry.")
def _sqrt(run: Run, v: Any) -> Array:
    return np.asarray(np.sqrt(_array(v)))


@_row("transposed(W)", "The transpose of a parameter, by its name, or of any matrix.")
def _transposed(run: Run, W: Any) -> Array:
    return _matrix(run, W).T


@_row("cosine(v, w)", "The cosine of the angle between two arrays.")
def _cosine(run: Run, v: Any, w: Any) -> float:
    a, b = _array(v).ravel(), _array(w).ravel()
    if len(a) != len(b):
        raise AnswerError(f"{len(a)} and {len(b)} numbers have no angle between them")
    return float(a @ b / np.float64(facts.norm(a) * facts.norm(b)))


@_row("same(v, w)", "Whether two numbers or arrays are the same, up to rounding.")
def _same(run: Run, v: Any, w: Any) -> bool:
    a, b = _array(v), _array(w)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=_ALIKE, atol=_ALIKE * max(1e-3, float(np.abs(b).max()))))


# --- expressions -------------------------------------------------------------------------------------------------

_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
    ast.MatMult: np.matmul,
}  # fmt: skip
_COMPARE: Final[Mapping[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b, ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b, ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b,
}  # fmt: skip


@np.errstate(all="ignore")
def answer(text: str, run: Run) -> Answer:
    """What an expression is for a run. Raises AnswerError, naming the part that is wrong."""
    try:
        found: Answer = _walk(_parsed(text), run)
        return found
    except AnswerError:
        raise
    except RecursionError:
        raise AnswerError(f"{shown(text)} is nested too deeply") from None
    except (ValueError, OverflowError) as error:  # of the engine, of shapes that do not fit
        raise AnswerError(f"{shown(text)}: {error}") from error


def amount(text: str, run: Run) -> float:
    """The finite number that an expression is. Raises AnswerError if it is none."""
    found = answer(text, run)
    if isinstance(found, (bool, str)) or np.size(found) != 1 or not np.isfinite(found).all():
        raise AnswerError(f"{shown(text)} is {said(found)}, and no finite number")
    return float(np.asarray(found).item())


def truth(text: str, run: Run) -> bool:
    """Whether a condition holds. Raises AnswerError if it is none."""
    found = answer(text, run)
    if not isinstance(found, bool):
        raise AnswerError(f"{shown(text)} is {said(found)}, and no condition")
    return found


def said(found: Answer) -> str:
    """An answer as the page writes it: a number to four digits, a short vector entry by entry."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str):
        return found
    array = np.asarray(found, np.float64)
    if array.ndim == 0:
        return number(float(array))
    if array.ndim == 1 and len(array) <= _ENTRIES:
        return f"({', '.join(number(float(entry)) for entry in array)})"
    return f"{' × '.join(map(str, array.shape))} numbers"


@lru_cache(maxsize=2_000)
def _parsed(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise AnswerError(f"an expression of {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise AnswerError(f"{shown(text)} is no expression") from None


def _walk(node: ast.expr, run: Run) -> Any:
    match node:
        case ast.Constant(value=bool(value)) | ast.Constant(value=str(value)):
            return value
        case ast.Constant(value=int(value)) | ast.Constant(value=float(value)):
            if abs(value) > 1e300:
                raise AnswerError("a number of more than 300 digits")
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _float(-_array(_walk(inner, run)))
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return not _condition(inner, run)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            return _float(_BINARY[type(op)](_array(_walk(left, run)), _array(_walk(right, run))))
        case ast.BoolOp(op=op, values=values):
            return (all if isinstance(op, ast.And) else any)(_condition(value, run) for value in values)
        case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARE for op in ops):
            sides = [_single(side, run) for side in (left, *rest)]
            return all(_COMPARE[type(op)](*pair) for op, pair in zip(ops, pairwise(sides), strict=True))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            given = [_walk(argument, run) for argument in arguments]
            try:
                return _float(FUNCTIONS[name].function(run, *given))
            except TypeError:
                raise AnswerError(f"{name} is called with {len(given)} things; it is {FUNCTIONS[name].call}") from None
        case ast.Call(func=ast.Name(id=name)):
            raise AnswerError(f"{shown(name)} is no function here; there are {', '.join(FUNCTIONS)}")
        case ast.Name(id=name):
            raise AnswerError(f"{shown(name)} by itself means nothing here; the name of a node stands in quotes")
    raise AnswerError(f"{shown(ast.unparse(node))} has no meaning here")


def _float(value: Any) -> Any:
    """Numbers without axes as plain floats."""
    return float(value) if isinstance(value, np.ndarray | np.floating) and np.ndim(value) == 0 else value


def _condition(node: ast.expr, run: Run) -> bool:
    found = _walk(node, run)
    if not isinstance(found, bool):
        raise AnswerError(f"{shown(ast.unparse(node))} is {said(found)}, and no condition")
    return found


def _single(node: ast.expr, run: Run) -> float:
    found = _walk(node, run)
    if not isinstance(found, float) or math.isnan(found):
        raise AnswerError(f"{shown(ast.unparse(node))} is {said(found)}; only numbers are compared")
    return found


# --- what a user types -------------------------------------------------------------------------------------------

_SUPERSCRIPTS: Final = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")


def typed(text: str) -> float:
    """The number that a user has typed: 0.001, 0,001, 1e-3, 1.5·10⁻³, 1/3, 5 %. Raises ValueError for anything else."""
    plain = re.sub(r"\s", "", text[:60]).replace("−", "-")
    plain = re.sub(r"(?:[·*×x])?10(?:\^|\*\*)([-+]?\d+)$", r"e\1", plain)
    plain = re.sub(r"(?:[·*×x])?10([⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹]+)$", lambda m: f"e{m[1].translate(_SUPERSCRIPTS)}", plain)
    plain = re.sub(r"^([-+]?)e", r"\g<1>1e", plain)
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    one = r"[-+]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:[eE][-+]?\d{1,3})?"
    found = re.fullmatch(rf"({one})(?:/({one}))?(%?)", plain, re.ASCII)
    if found is None:
        raise ValueError("a number is needed, such as 0.25, 1e-3 or 1/3")
    below = float(found[2]) if found[2] else 1.0
    value = float(found[1]) / below / (100 if found[3] else 1) if below else math.inf
    if not math.isfinite(value):
        raise ValueError("a finite number is needed")
    return value
