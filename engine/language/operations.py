"""The table of operations: one row for each, and no other module repeats a formula of one.

Four kinds of row stand in the table:

- `Arithmetic`: the sums and products + − * @ and the change of sign, written between their arguments;
- a `Function` acts on each unit by itself (tanh, sigmoid, ...). Its value and its slope are short recipes of numpy
  calls over named registers, so that the same recipe serves a whole array at once and, bound to one step's memory,
  the inner loop of a run;
- `softmax`, which couples the units of one vector;
- a `Loss`, which turns a vector and the target y into one number.

Whoever has an expression of any operation reads three things of its row: `definition(*arguments)` is the value,
`vjp(i, grad, *arguments)` the gradient at argument i from the gradient at the value, and `sizes` how many units it has.

Slopes are computed from the argument a, never from the value: 1 − h² has lost half its digits at a = 10 and all of
them at a = 20, while 1/cosh²(a) is right everywhere (cosh a = (e^|a| + e^−|a|)/2, hence 1/cosh² = 4e/(1+e)², e = e^−2|a|).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

#: One numpy call of a recipe: the ufunc, its operands (a register or a constant) and the register it writes.
#: Registers: `a` the argument, `out` the value, `slope` the derivative, anything else is memory of the recipe's own;
#: of that, what the value's recipe wrote may be read by the slope's. The constant MAX is the dtype's largest number.
Step: TypeAlias = tuple[np.ufunc, tuple[str | float, ...], str]
#: 0 − a stands for −a: np.negative of numpy 2.4 gives wrong numbers for columns whose rows are 64 bytes (8 float64, 4 float32
#: of 16 bytes) apart; a test of numpy itself watches for other functions of the kind.
Recipe: TypeAlias = tuple[Step, ...]
MAX = "max"

#: How many units a result has: as many as each argument ("alike"), as the rows of the matrix that comes first ("rows"), or one.
Sizes: TypeAlias = Literal["alike", "rows", "one"]

SUM, PRODUCT, SIGN, ATOM = 1, 2, 3, 4  # how tightly what is written holds together

LEAK = 0.01  # the slope of leaky_relu below zero, as PyTorch and Keras' legacy layers have it


@dataclass(frozen=True)
class Arithmetic:
    """A signed sum, Σ ± argument, or a product, whose derivative by one argument is the other.

    Attributes:
        name: "+", "-", "neg", "*" (elementwise) or "@" (a matrix times a vector).
        definition: the value of the arguments: (..., n) for a vector, (n, m) or (B, n, m) for a matrix; real or complex.
        vjps: for each argument its gradient, as a function of the gradient at the value and of all arguments; a signed sum
            reads no argument. That of a matrix is (T, n, m), the samples summed.
        signs: for each argument the sign with which it enters.
        is_product: whether it is a product of two arguments.
        latex, text: how it is written, in LaTeX and in plain text, the arguments in braces.
        latex_by_number, text_by_number: the same where one argument is a constant.
        latex_vjp: for each argument the transposed Jacobian, but for the sign, in terms of {other}, the other factor.
        strength: how tightly what is written holds together.
        strengths: for each argument how tightly it must hold together to stand without parentheses.
        sizes: how many units the value has.
    """

    name: str
    definition: Callable[..., Any]
    vjps: tuple[Callable[..., Array], ...]
    signs: tuple[int, ...]
    is_product: bool
    latex: str
    text: str
    latex_vjp: tuple[str, ...]
    strength: int
    strengths: tuple[int, ...]
    latex_by_number: str = ""
    text_by_number: str = ""
    sizes: Sizes = "alike"
    kind: Literal["arithmetic"] = "arithmetic"

    @property
    def arity(self) -> int:
        """The number of arguments."""
        return len(self.signs)

    def vjp(self, i: int, grad: Array, *arguments: Any) -> Array:
        """The gradient at argument i, from the gradient at the value; a signed sum needs no arguments.

        **Holds:** pulls_match_the_complex_step.
        """
        return self.vjps[i](grad, *arguments)


def _matrix_times_vector(matrix: Array, vector: Array) -> Array:
    return np.matmul(matrix, vector[..., None])[..., 0] if matrix.ndim > 2 else vector @ matrix.T


def _spread(array: Any, like: Array) -> Array:
    """A copy of an array for each step and sample of another, (..., n)."""
    return np.array(np.broadcast_to(array, (*like.shape[:-1], array.shape[-1])))


_ARITHMETIC = (
    Arithmetic(
        "+",
        definition=lambda u, v: u + v,
        vjps=(lambda grad, *_: grad, lambda grad, *_: grad),
        signs=(1, 1),
        is_product=False,
        latex="{} + {}",
        text="{} + {}",
        latex_vjp=("", ""),
        strength=SUM,
        strengths=(SUM, SUM),
    ),
    Arithmetic(
        "-",
        definition=lambda u, v: u - v,
        vjps=(lambda grad, *_: grad, lambda grad, *_: -grad),
        signs=(1, -1),
        is_product=False,
        latex="{} - {}",
        text="{} − {}",
        latex_vjp=("", ""),
        strength=SUM,
        strengths=(SUM, PRODUCT),
    ),
    Arithmetic(
        "neg",
        definition=lambda u: -u,
        vjps=(lambda grad, *_: -grad,),
        signs=(-1,),
        is_product=False,
        latex="-{}",
        text="−{}",
        latex_vjp=("",),
        strength=SUM,
        strengths=(PRODUCT,),
    ),
    Arithmetic(
        "*",
        definition=lambda u, v: u * v,
        vjps=(lambda grad, u, v: grad * v, lambda grad, u, v: grad * u),
        signs=(1, 1),
        is_product=True,
        latex=r"{} \odot {}",
        latex_by_number=r"{}\,{}",
        text="{} ⊙ {}",
        text_by_number="{} {}",
        latex_vjp=(r"\operatorname{{diag}}\left({other}\right)", r"\operatorname{{diag}}\left({other}\right)"),
        strength=PRODUCT,
        strengths=(PRODUCT, PRODUCT),
    ),
    Arithmetic(
        "@",
        definition=_matrix_times_vector,
        vjps=(
            lambda grad, _, vector: np.matmul(np.swapaxes(grad, -1, -2), _spread(vector, grad)),
            lambda grad, matrix, _: np.matmul(grad, matrix),
        ),
        signs=(1, 1),
        is_product=True,
        latex="{} {}",
        text="{} {}",
        latex_vjp=("", r"{other}^\top"),
        strength=PRODUCT,
        strengths=(ATOM, ATOM),
        sizes="rows",
    ),
)


@dataclass(frozen=True)
class Function:
    """An elementwise function φ: h = φ(a), ∇a = φ'(a) ∘ ∇h.

    latex, text   φ in LaTeX and in plain text
    latex_slope   φ'(a) in LaTeX, in terms of {a} and {h} = φ(a)
    value, slope  recipes for φ(a) and φ'(a)
    definition    φ in plain numpy, for real and complex arrays: the oracle of the checks (complex step)
    kink          the argument where φ' jumps, or None
    bound         the largest |φ'| (None: unbounded)
    """

    name: str
    latex: str
    text: str
    latex_slope: str
    value: Recipe
    slope: Recipe
    definition: Callable[[Array], Array]
    kink: float | None = None
    bound: float | None = 1.0
    kind: Literal["function"] = "function"
    arity: int = 1
    sizes: Sizes = "alike"

    def vjp(self, i: int, grad: Array, a: Array) -> Array:
        """The gradient at the argument a: φ'(a) ∘ ∇h."""
        return grad * slope(self, _spread(a, grad))


def apply(recipe: Recipe, result: str, **registers: Array) -> Array:
    """The register `result` after the recipe has run on fresh memory; `registers` are what it may read.

    Shapes: all registers share one shape, which is the shape of the result.
    """
    held: dict[str, Any] = dict(registers)
    like = next(iter(registers.values()))
    for ufunc, operands, out in recipe:
        arguments = [
            constant(operand, like.dtype) if is_constant(operand) else held[str(operand)] for operand in operands
        ]
        held[out] = ufunc(*arguments).astype(like.dtype, copy=False)
    return np.asarray(held[result])


def is_constant(operand: str | float) -> bool:
    """Whether an operand of a recipe is a number, not a register."""
    return isinstance(operand, float) or operand == MAX


def constant(operand: str | float, dtype: Any) -> Array:
    """The number that an operand of a recipe stands for, as an array of no axes."""
    return np.asarray(np.finfo(dtype).max if operand == MAX else operand, dtype)


def value(function: Function, a: Array) -> Array:
    """φ(a), elementwise; shape and dtype of a."""
    return apply(function.value, "out", a=a)


def slope(function: Function, a: Array) -> Array:
    """φ'(a), elementwise; shape and dtype of a.

    **Holds:** slopes_are_right_in_every_digit (against mpmath, saturated units included).
    """
    read = {operand for _, operands, _ in function.slope for operand in operands if not is_constant(operand)}
    needs_the_value = not read <= {"a", "slope"}
    return apply(function.value + function.slope if needs_the_value else function.slope, "slope", a=a)


def _softplus(a: Array) -> Array:
    positive = np.where(a.real > 0, a, 0)
    return np.asarray(positive + np.log1p(np.exp(np.where(a.real > 0, -a, a))))


def _sigmoid(a: Array) -> Array:
    e = np.exp(np.where(a.real > 0, -a, a))
    return np.asarray(np.where(a.real > 0, 1 / (1 + e), e / (1 + e)))


_FUNCTIONS = (
    Function(
        "tanh",
        latex=r"\tanh",
        text="tanh",
        latex_slope=r"1 - {h} \odot {h}",
        value=((np.tanh, ("a",), "out"),),
        slope=(
            (np.cosh, ("a",), "slope"),
            (np.reciprocal, ("slope",), "slope"),
            (np.multiply, ("slope", "slope"), "slope"),
        ),
        definition=np.tanh,
    ),
    Function(
        "sigmoid",
        latex=r"\sigma",
        text="σ",
        latex_slope=r"{h} \odot \left(1 - {h}\right)",
        # 1/(1 + e^−a), not (1 + tanh(a/2))/2, which has no digit left for a << 0; and σ' = e^−a σ², from the same e^−a.
        value=(
            (np.subtract, (0.0, "a"), "e"),
            (np.exp, ("e",), "e"),
            (np.add, ("e", 1.0), "out"),
            (np.reciprocal, ("out",), "out"),
        ),
        slope=(
            (np.minimum, ("e", MAX), "slope"),
            (np.multiply, ("slope", "out"), "slope"),
            (np.multiply, ("slope", "out"), "slope"),
        ),
        definition=_sigmoid,
        bound=0.25,
    ),
    Function(
        "relu",
        latex=r"\operatorname{relu}",
        text="relu",
        latex_slope=r"\mathbf{{1}}\left[{a} > 0\right]",
        value=((np.maximum, ("a", 0.0), "out"),),
        slope=((np.greater, ("a", 0.0), "slope"),),
        definition=lambda a: np.where(a.real > 0, a, 0),
        kink=0.0,
    ),
    Function(
        "leaky_relu",
        latex=r"\operatorname{leaky\,relu}",
        text="leaky_relu",
        latex_slope=rf"\mathbf{{{{1}}}}\left[{{a}} > 0\right] + {LEAK}\,\mathbf{{{{1}}}}\left[{{a}} \le 0\right]",
        value=((np.multiply, ("a", LEAK), "out"), (np.maximum, ("a", "out"), "out")),
        slope=(
            (np.greater, ("a", 0.0), "slope"),
            (np.maximum, ("slope", LEAK), "slope"),
        ),
        definition=lambda a: np.where(a.real > 0, a, LEAK * a),
        kink=0.0,
    ),
    Function(
        "softplus",
        latex=r"\zeta",
        text="ζ",
        latex_slope=r"\sigma\left({a}\right)",
        # max(a, 0) + log(1 + e^−|a|)
        value=(
            (np.absolute, ("a",), "e"),
            (np.subtract, (0.0, "e"), "e"),
            (np.exp, ("e",), "e"),
            (np.log1p, ("e",), "e"),
            (np.maximum, ("a", 0.0), "out"),
            (np.add, ("out", "e"), "out"),
        ),
        slope=(
            (np.subtract, (0.0, "a"), "slope"),
            (np.exp, ("slope",), "slope"),
            (np.add, ("slope", 1.0), "slope"),
            (np.reciprocal, ("slope",), "slope"),
        ),
        definition=_softplus,
    ),
    Function(
        "identity",
        latex=r"\operatorname{id}",
        text="identity",
        latex_slope="1",
        value=((np.positive, ("a",), "out"),),
        slope=((np.equal, ("a", "a"), "slope"),),
        definition=lambda a: +a,
    ),
)


@dataclass(frozen=True)
class Softmax:
    """softmax: S_i = e^{a_i} / Σ_j e^{a_j}; its Jacobian is S_i (δ_ij − S_j).

    Arrays are (..., n), the last axis being the one that is normalised.
    """

    name: str = "softmax"
    latex: str = r"\operatorname{softmax}"
    text: str = "softmax"
    latex_jacobian: str = r"\left(\operatorname{{diag}}({h}) - {h}\,{{{h}}}^\top\right)"
    kind: Literal["softmax"] = "softmax"
    arity: int = 1
    sizes: Sizes = "alike"

    def value(self, a: Array, out: Array) -> Array:
        """Writes softmax(a) to out: shifted by the largest entry, so that nothing overflows."""
        np.subtract(a, np.maximum.reduce(a, -1, keepdims=True), out)
        np.exp(out, out)
        return np.divide(out, np.add.reduce(out, -1, keepdims=True), out)

    def pull(self, grad: Array, out: Array) -> Array:
        """∇a = S ∘ (∇S − Σ_j S_j ∇S_j) for the value out = S."""
        return np.asarray(out * (grad - np.add.reduce(out * grad, -1, keepdims=True)))

    def vjp(self, i: int, grad: Array, a: Array) -> Array:
        """The gradient at the argument a."""
        return self.pull(grad, self.definition(_spread(a, grad)))

    def jacobian(self, out: Array) -> Array:
        """The Jacobian S_i (δ_ij − S_j), (n, n), for a value out = S, (n,)."""
        return np.asarray(np.diag(out) - np.outer(out, out))

    def definition(self, a: Array) -> Array:
        """softmax of a real or complex array."""
        e = np.exp(a - np.max(a.real, axis=-1, keepdims=True))
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))


@dataclass(frozen=True)
class Loss:
    """A loss: one number from a vector p (..., n) and its target y; the result keeps an axis of length 1.

    y is (...,) integers, the classes counted from 0 (if `classes`), or (..., n) floats.

    value, pull   L(p, y), and ∇p = ∂L/∂p · ∇L, as pull(p, y, ∇L) with ∇L (..., 1); 0 where ∇L is 0, whatever ∂L/∂p
    after, joint  the operation whose result is best not looked at: nll(softmax(a)) and bce(sigmoid(a)) are computed
                  from a, where nothing overflows and the factor −y/ŷ has cancelled. joint(a, y, p, L, pull), on
                  tables (rows, n) with L (rows,), writes the value to L, ∂L/∂a to pull, and may write after(a) to p; p and
                  pull are contiguous
    definition    L(p, y) in plain numpy, for real and complex arrays; definition_joint the same as a function of a and y
    logs          what L takes logarithms of, as logs(p, y); None if of nothing
    latex, latex_pull, latex_joint   L, ∂L/∂p in terms of {p} and {y}, and ∂L/∂a in terms of {p} = after(a) and {y}
    """

    name: str
    latex: str
    latex_pull: str
    classes: bool
    value: Callable[[Array, Array], Array]
    pull: Callable[[Array, Array, Array], Array]
    definition: Callable[[Array, Array], Array]
    after: str | None = None
    joint: Callable[[Array, Array, Array, Array, Array], None] | None = None
    definition_joint: Callable[[Array, Array], Array] | None = None
    latex_joint: str | None = None
    logs: Callable[[Array, Array], Array] | None = None
    kind: Literal["loss"] = "loss"
    arity: int = 2
    sizes: Sizes = "one"

    @property
    def text(self) -> str:
        """The loss in plain text."""
        return self.name

    def vjp(self, i: int, grad: Array, p: Array, y: Array) -> Array:
        """The gradient at the vector p, argument 0; the target has none."""
        return self.pull(_spread(p, grad), y, grad)


def _are_classes(y: Array) -> bool:
    return y.dtype.kind in "iu"


def _rows(p: Array) -> Array:
    """Positions of the first entry of each vector of p in p's own memory order, shape p.shape[:-1]."""
    return _positions(p.shape)


@lru_cache(maxsize=64)
def _positions(shape: tuple[int, ...]) -> Array:
    size = math.prod(shape)
    return locked(np.arange(0, size, shape[-1]).reshape(shape[:-1]))


@lru_cache(maxsize=64)
def _ones(n: int, dtype: Any) -> Array:
    return locked(np.ones(n, dtype))


def locked(array: Array) -> Array:
    """The array, from now on read-only."""
    array.setflags(write=False)
    return array


def no_zero(array: Array) -> bool:
    """Whether no entry is 0; of a small array known in a fifth of the time that `all` takes."""
    return bool(np.count_nonzero(array) == array.size)


def one_hot(y: Array, n: int, dtype: Any = np.float64) -> Array:
    """Classes (...,) as vectors (..., n) with a single 1; floats are passed through."""
    if not _are_classes(y):
        return y
    result = np.zeros((*y.shape, n), dtype)
    result.reshape(-1)[_rows(result) + y] = 1
    return result


def _picked(p: Array, y: Array) -> Array:
    """p_y, the entry of the class: (..., n) and (...,) to (..., 1)."""
    return np.take_along_axis(p, y[..., None], -1)


def _nll(p: Array, y: Array) -> Array:
    if _are_classes(y):
        return np.asarray(-np.log(_picked(p, y)))
    terms = np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))  # 0 log 0 = 0
    return np.asarray(-np.sum(terms, axis=-1, keepdims=True))


def _nll_pull(p: Array, y: Array, grad: Array) -> Array:
    if _are_classes(y):
        result = np.zeros(p.shape, p.dtype)
        at = _rows(p) + y
        g = grad[..., 0]
        pulled = np.divide(g, np.negative(p.reshape(-1).take(at)))
        result.reshape(-1).put(at, pulled if no_zero(g) else np.where(g == 0, 0, pulled))
        return result
    unseen = (y == 0) | (grad == 0)
    return np.where(unseen, 0, grad * -y / np.where(unseen, 1, p)).astype(p.dtype, copy=False)


def _softmax_nll(a: Array, y: Array, p: Array, L: Array, pull: Array) -> None:
    top = np.maximum.reduce(a, 1)
    np.subtract(a, top[:, None], p)
    np.exp(p, p)
    if _are_classes(y):
        # e^{a_y} is kept apart from the rest: where the answer is sure and right, L = log1p(rest) and ŷ_y − 1 = −rest
        # keep all their digits, and ŷ_y − 1 as a difference would have none.
        at = _rows(p) + y
        flat = p.reshape(-1)
        own = flat.take(at)
        flat.put(at, 0)
        rest = p.dot(_ones(p.shape[1], p.dtype))
        flat.put(at, own)
        total = rest + own
        np.divide(p, total[:, None], p)
        pull[...] = p
        pull.reshape(-1).put(at, (0 - rest) / total)
        np.add(np.log1p(rest + (own - 1)), top - a.reshape(-1).take(at), L)
    else:
        total = np.add.reduce(p, 1, keepdims=True)
        np.divide(p, total, p)
        np.add.reduce(y * (np.log(total) + (top[:, None] - a)), 1, out=L)
        np.subtract(p * np.add.reduce(y, 1, keepdims=True), y, pull)


def _nll_of_logits(a: Array, y: Array) -> Array:
    shifted = a - np.max(a.real, axis=-1, keepdims=True)
    logarithm = shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
    return np.asarray(-np.sum(one_hot(y, a.shape[-1]) * logarithm, axis=-1, keepdims=True))


def _mse(p: Array, y: Array) -> Array:
    return np.asarray(np.mean((p - y) ** 2, axis=-1, keepdims=True))


def _bce(p: Array, y: Array) -> Array:
    hit = np.where(y == 0, 0, y * np.log(np.where(y == 0, 1, p)))
    miss = np.where(y == 1, 0, (1 - y) * np.log(np.where(y == 1, 1, 1 - p)))
    return np.asarray(-np.mean(hit + miss, axis=-1, keepdims=True))


def _bce_pull(p: Array, y: Array, grad: Array) -> Array:
    hit = np.where(y == 0, 0, y / np.where(y == 0, 1, p))
    miss = np.where(y == 1, 0, (1 - y) / np.where(y == 1, 1, 1 - p))
    return np.asarray(np.where(grad == 0, 0, grad * (miss - hit) / p.shape[-1]))


def _bce_of_logits(a: Array, y: Array) -> Array:
    # −y log σ(a) − (1 − y) log(1 − σ(a)) = y ζ(−a) + (1 − y) ζ(a)
    return np.asarray(np.mean(y * _softplus(-a) + (1 - y) * _softplus(a), axis=-1, keepdims=True))


def _sigmoid_bce(a: Array, y: Array, p: Array, L: Array, pull: Array) -> None:
    L[...] = _bce_of_logits(a, y)[:, 0]
    pull[...] = ((1 - y) * _sigmoid(a) - y * _sigmoid(-a)) / a.shape[-1]


_LOSSES = (
    Loss(
        "nll",
        latex=r"-\textstyle\sum_i {{{y}}}_i \log {{{p}}}_i",
        latex_pull=r"-{y} \oslash {p}",
        classes=True,
        value=_nll,
        pull=_nll_pull,
        definition=_nll,
        after="softmax",
        joint=_softmax_nll,
        definition_joint=_nll_of_logits,
        latex_joint=r"{p}\,\textstyle\sum_i {{{y}}}_i - {y}",
        logs=lambda p, y: _picked(p, y) if _are_classes(y) else p[y != 0],
    ),
    Loss(
        "mse",
        latex=r"\tfrac{{1}}{{n}}\left\lVert {p} - {y} \right\rVert^2",
        latex_pull=r"\tfrac{{2}}{{n}}\left({p} - {y}\right)",
        classes=False,
        value=_mse,
        pull=lambda p, y, grad: np.asarray(np.where(grad == 0, 0, grad * (p - y) * (2 / p.shape[-1]))),
        definition=_mse,
    ),
    Loss(
        "bce",
        latex=r"-\tfrac{{1}}{{n}}\textstyle\sum_i \left[{{{y}}}_i \log {{{p}}}_i + (1 - {{{y}}}_i) \log (1 - {{{p}}}_i)\right]",
        latex_pull=r"\tfrac{{1}}{{n}}\left((1 - {y}) \oslash (1 - {p}) - {y} \oslash {p}\right)",
        classes=False,
        value=_bce,
        pull=_bce_pull,
        definition=_bce,
        after="sigmoid",
        joint=_sigmoid_bce,
        definition_joint=_bce_of_logits,
        latex_joint=r"\tfrac{{1}}{{n}}\left({p} - {y}\right)",
        logs=lambda p, y: np.concatenate([p[y != 0], 1 - p[y != 1]]),
    ),
)

ARITHMETIC: Mapping[str, Arithmetic] = MappingProxyType({row.name: row for row in _ARITHMETIC})
FUNCTIONS: Mapping[str, Function] = MappingProxyType({row.name: row for row in _FUNCTIONS})
LOSSES: Mapping[str, Loss] = MappingProxyType({row.name: row for row in _LOSSES})
SOFTMAX = Softmax()

#: The operations that are called by their name: functions, softmax, losses.
CALLS: Mapping[str, Function | Softmax | Loss] = MappingProxyType({**FUNCTIONS, SOFTMAX.name: SOFTMAX, **LOSSES})

Operation: TypeAlias = Arithmetic | Function | Softmax | Loss
OPERATIONS: Mapping[str, Operation] = MappingProxyType({**ARITHMETIC, **CALLS})
