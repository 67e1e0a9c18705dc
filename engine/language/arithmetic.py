"""The arithmetic of the table of operations: + − * @ and the change of sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from engine.language.arrays import Array, ResultSize

#: How tightly the parts of a written expression bind. SIGN is −u in Python; in a formula −u binds like a sum.
SUM, PRODUCT, SIGN, ATOM = 1, 2, 3, 4


@dataclass(frozen=True)
class Arithmetic:
    """A signed sum, Σ ± argument, or a product, whose derivative by one argument is the other.

    Attributes:
        name: "+", "-", "neg", "*" (elementwise) or "@" (a matrix times a vector).
        definition: the value of the arguments: (..., n) for a vector, (n, m) or (B, n, m) for a matrix; real or complex.
        vjps: for each argument its gradient, as a function of the gradient at the value and of all arguments; a signed sum
            reads no argument. That of a matrix, which is (n, m), is (T, n, m), the samples summed.
        signs: for each argument the sign with which it enters.
        is_product: whether it is a product of two arguments.
        latex: the form in LaTeX, with braces for the arguments.
        text: the form in plain text.
        latex_by_number: the form in LaTeX where one argument is a constant, if it differs.
        text_by_number: the same in plain text.
        latex_vjp: for each argument the transposed Jacobian without its sign, in terms of {other}, the other factor.
        strength: how tightly the written form binds.
        strengths: for each argument, how tightly it must bind to stand without parentheses.
        sizes: the number of units of the value.
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
    sizes: ResultSize = "alike"
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


def _at_each_step(vector: Array, grad: Array) -> Array:
    """A vector for each step and sample of the gradient, without a copy."""
    return np.broadcast_to(vector, (*grad.shape[:-1], vector.shape[-1]))


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
            lambda grad, _, vector: np.matmul(np.swapaxes(grad, -1, -2), _at_each_step(vector, grad)),
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

ARITHMETIC: Mapping[str, Arithmetic] = MappingProxyType({row.name: row for row in _ARITHMETIC})
