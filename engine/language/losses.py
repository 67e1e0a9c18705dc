"""Softmax and the losses of the table of operations, single and computed jointly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from engine.language.arrays import Array, ResultSize, locked, no_zero, spread
from engine.language.functions import sigmoid, softplus


@dataclass(frozen=True)
class Softmax:
    """The function softmax: S_i = e^{a_i} / Σ_j e^{a_j}; its Jacobian is S_i (δ_ij − S_j).

    Arrays are (..., n); the last axis is normalised.
    """

    name: str = "softmax"
    latex: str = r"\operatorname{softmax}"
    text: str = "softmax"
    latex_jacobian: str = r"\left(\operatorname{{diag}}({h}) - {h}\,{{{h}}}^\top\right)"
    kind: Literal["softmax"] = "softmax"
    arity: int = 1
    sizes: ResultSize = "alike"

    def value(self, a: Array, out: Array) -> Array:
        """Write softmax(a) to `out`; the largest entry of a is subtracted first, so that nothing overflows."""
        np.subtract(a, np.maximum.reduce(a, -1, keepdims=True), out)
        np.exp(out, out)
        return np.divide(out, np.add.reduce(out, -1, keepdims=True), out)

    def pull(self, grad: Array, out: Array) -> Array:
        """∇a = S ∘ (∇S − Σ_j S_j ∇S_j) for the value out = S."""
        return np.asarray(out * (grad - np.add.reduce(out * grad, -1, keepdims=True)))

    def vjp(self, i: int, grad: Array, a: Array) -> Array:
        """The gradient at the argument a."""
        return self.pull(grad, self.definition(spread(a, grad)))

    def jacobian(self, out: Array) -> Array:
        """The Jacobian S_i (δ_ij − S_j), (n, n), for a value out = S, (n,)."""
        return np.asarray(np.diag(out) - np.outer(out, out))

    def definition(self, a: Array) -> Array:
        """S(a) of a real or complex array."""
        e = np.exp(a - np.max(a.real, axis=-1, keepdims=True))
        return np.asarray(e / np.sum(e, axis=-1, keepdims=True))


@dataclass(frozen=True)
class Loss:
    """A loss: one number from a vector p (..., n) and its target y; the result keeps an axis of length 1.

    y is (...,) integers, the classes counted from 0 (if `classes`), or (..., n) floats.

    Attributes:
        name: in the language of cells.
        latex: L, in terms of {p} and {y}.
        latex_pull: ∂L/∂p, in terms of {p} and {y}.
        classes: whether y may be classes.
        value: L(p, y).
        pull: ∇p = ∂L/∂p · ∇L, as pull(p, y, ∇L) with ∇L (..., 1); 0 where ∇L is 0, even if ∂L/∂p is infinite.
        definition: L(p, y) in plain numpy, for real and complex arrays.
        after: the function of which the loss is computed jointly, or None: nll(softmax(a)) and bce(sigmoid(a)) are computed
            from a, where nothing overflows and the factor −y/ŷ cancels.
        joint: the joint computation, as joint(a, y, p, L, pull) on tables (rows, n) with L (rows,): it writes the value to L
            and ∂L/∂a to pull, and may write after(a) to p; p and pull are contiguous.
        definition_joint: L as a function of a and y, in plain numpy.
        latex_joint: ∂L/∂a, in terms of {p} = after(a) and {y}.
        logs: the numbers whose logarithm L takes, as logs(p, y); None if it takes none.
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
    sizes: ResultSize = "one"

    @property
    def text(self) -> str:
        """The loss in plain text."""
        return self.name

    def vjp(self, i: int, grad: Array, p: Array, y: Array) -> Array:
        """The gradient at the vector p, argument 0; the target has none."""
        return self.pull(spread(p, grad), y, grad)


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


def one_hot(y: Array, n: int, dtype: Any = np.float64) -> Array:
    """Classes as vectors with a single 1.

    Args:
        y: (...,) integers, the classes counted from 0; floats are returned as they are.
        n: the number of classes.
        dtype: of the result.

    Returns:
        (..., n).
    """
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
        # e^{a_y} is kept apart from the others: where ŷ_y is nearly 1, L = log1p(others) and ŷ_y − 1 = −others keep all
        # their digits, while ŷ_y − 1 as a difference would have none.
        at = _rows(p) + y
        flat = p.reshape(-1)
        right = flat.take(at)
        flat.put(at, 0)
        others = p.dot(_ones(p.shape[1], p.dtype))
        flat.put(at, right)
        total = others + right
        np.divide(p, total[:, None], p)
        pull[...] = p
        pull.reshape(-1).put(at, (0 - others) / total)
        np.add(np.log1p(others + (right - 1)), top - a.reshape(-1).take(at), L)
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
    return np.asarray(np.mean(y * softplus(-a) + (1 - y) * softplus(a), axis=-1, keepdims=True))


def _sigmoid_bce(a: Array, y: Array, p: Array, L: Array, pull: Array) -> None:
    L[...] = _bce_of_logits(a, y)[:, 0]
    pull[...] = ((1 - y) * sigmoid(a) - y * sigmoid(-a)) / a.shape[-1]


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

SOFTMAX = Softmax()
LOSSES: Mapping[str, Loss] = MappingProxyType({row.name: row for row in _LOSSES})
