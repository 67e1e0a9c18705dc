"""The elementwise functions of the table of operations, each as a recipe of numpy calls.

A recipe works on named registers, so the same recipe serves a whole array at once and, bound to one step's memory, the inner
loop of a run.

Slopes are computed from the argument a, never from the value: 1 − h² has lost half its digits at a = 10 and all of
them at a = 20, while 1/cosh²(a) is right everywhere (cosh a = (e^|a| + e^−|a|)/2, hence 1/cosh² = 4e/(1+e)², e = e^−2|a|).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np

from engine.language.arrays import Array, ResultSize, spread

#: One numpy call of a recipe: the ufunc, its operands (registers or constants) and the register that it writes.
#: Registers: `a` is the argument, `out` the value, `slope` the derivative; any other is scratch memory, and the slope's recipe
#: may read the scratch that the value's recipe wrote. The constant MAX is the dtype's largest number.
Step: TypeAlias = tuple[np.ufunc, tuple[str | float, ...], str]
#: A recipe computes −a as 0 − a: np.negative of numpy 2.4 gives wrong numbers for columns whose rows are 64 bytes (float32: 16
#: bytes) apart. A test of numpy itself checks the other functions for this error.
Recipe: TypeAlias = tuple[Step, ...]
MAX = "max"

LEAK = 0.01  # the slope of leaky_relu below zero, as PyTorch and Keras' legacy layers have it


@dataclass(frozen=True)
class Function:
    """An elementwise function φ: h = φ(a), ∇a = φ'(a) ∘ ∇h.

    Attributes:
        name: in the language of cells.
        latex: φ in LaTeX.
        text: φ in plain text.
        latex_slope: φ'(a) in LaTeX, in terms of {a} and {h} = φ(a).
        value: the recipe of φ(a).
        slope: the recipe of φ'(a).
        definition: φ in plain numpy, for real and complex arrays: the oracle of the checks (complex step).
        kink: the argument where φ' jumps, or None.
        bound: the largest |φ'|, None if it is unbounded.
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
    sizes: ResultSize = "alike"

    def vjp(self, i: int, grad: Array, a: Array) -> Array:
        """The gradient at the argument a: φ'(a) ∘ ∇h."""
        return grad * slope(self, spread(a, grad))


def apply(recipe: Recipe, result: str, **registers: Array) -> Array:
    """Run a recipe on fresh memory.

    Args:
        recipe: of a value or a slope.
        result: the register that is returned.
        registers: arrays that the recipe may read, all of one shape and dtype.

    Returns:
        The array of the register, in the same shape and dtype.
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
    """The number that an operand of a recipe stands for, as an array without axes."""
    return np.asarray(np.finfo(dtype).max if operand == MAX else operand, dtype)


def value(function: Function, a: Array) -> Array:
    """φ(a), elementwise; shape and dtype of a."""
    return apply(function.value, "out", a=a)


def slope(function: Function, a: Array) -> Array:
    """φ'(a), elementwise; shape and dtype of a.

    **Holds:** slopes_are_right_in_every_digit (against mpmath, saturated units included).
    """
    registers = {operand for _, operands, _ in function.slope for operand in operands if not is_constant(operand)}
    needs_the_value = not registers <= {"a", "slope"}
    return apply(function.value + function.slope if needs_the_value else function.slope, "slope", a=a)


def softplus(a: Array) -> Array:
    """ζ(a) = log(1 + e^a) of a real or complex array, without overflow."""
    positive = np.where(a.real > 0, a, 0)
    return np.asarray(positive + np.log1p(np.exp(np.where(a.real > 0, -a, a))))


def sigmoid(a: Array) -> Array:
    """σ(a) = 1 / (1 + e^−a) of a real or complex array, without overflow."""
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
        definition=sigmoid,
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
        definition=softplus,
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

FUNCTIONS: Mapping[str, Function] = MappingProxyType({row.name: row for row in _FUNCTIONS})
