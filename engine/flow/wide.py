"""Numbers with an exponent of their own, for products of thousands of slopes beyond the range of floats.

A `Wide` is m · 2^e with a float mantissa ½ ≤ |m| < 1 and an integer exponent for each entry. Sums are aligned at the
largest exponent of their own terms, so that nothing is lost that a float with enough exponent bits would keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from engine.language.operations import Array, Function
from engine.language.operations import slope as plain_slope
from engine.language.operations import value as plain_value

_LN2 = (
    0.693147180369123816490,
    1.90821492927058770002e-10,
)  # ln 2 in two parts: the first times a whole number is exact
_END = 1e16  # arguments of e^z, beyond which a float has no digit left for its remainder
LOG10_2 = 0.301029995663981195213738894724493
_ZERO = np.int64(-(1 << 60))  # the exponent of 0


class Wide:
    """m · 2^e, entry by entry; shapes broadcast as numpy's do. Made by `wide`."""

    __array_ufunc__ = None  # numpy leaves array * Wide to Wide

    def __init__(self, m: Array, e: Array) -> None:
        """Take mantissas and exponents that are normal: ½ ≤ |m| < 1."""
        self.m, self.e = m, e

    def __getitem__(self, key: Any) -> Wide:
        """Index mantissas and exponents alike."""
        return Wide(self.m[key], self.e[key])

    def __mul__(self, other: Any) -> Wide:
        """Multiply entry by entry."""
        other = wide(other)
        return _normal(self.m * other.m, self.e + other.e)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Wide:
        """Add entry by entry, aligned at the larger exponent."""
        other = wide(other)
        e = np.maximum(self.e, other.e)
        return _normal(np.ldexp(self.m, _shift(self.e - e)) + np.ldexp(other.m, _shift(other.e - e)), e)

    __radd__ = __add__

    def sum(self, axis: int) -> Wide:
        """Sum along an axis, which keeps the length 1."""
        e = self.e.max(axis=axis, keepdims=True)
        return _normal(np.ldexp(self.m, _shift(self.e - e)).sum(axis=axis, keepdims=True), e)

    def __matmul__(self, matrix: Array) -> Wide:
        """Multiply (…, n) by floats (n, m)."""
        return (self[..., None] * matrix).sum(axis=-2)[..., 0, :]

    def floats(self) -> Array:
        """Convert to floats; 0 or ±∞ beyond their range."""
        return np.asarray(np.ldexp(self.m, np.clip(self.e, -5000, 5000)))

    def log10_norm(self) -> Array:
        """Log10 of the L2 norm along the last axis; −∞ for zeros."""
        e = self.e.max(axis=-1, keepdims=True)
        with np.errstate(divide="ignore"):
            mantissa = np.log10(np.linalg.norm(np.ldexp(self.m, _shift(self.e - e)), axis=-1))
        return np.asarray(mantissa + np.where(e[..., 0] == _ZERO, 0, e[..., 0]) * LOG10_2)


def wide(value: Any) -> Wide:
    """Convert floats to Wide; a Wide stays itself."""
    if isinstance(value, Wide):
        return value
    m, e = np.frexp(np.asarray(value, np.float64))
    return _normal(m, e.astype(np.int64))


def _normal(m: Array, e: Array) -> Wide:
    m, shift = np.frexp(m)
    return Wide(m, np.where(m == 0, _ZERO, e + shift))


def _shift(e: Array) -> Array:
    return np.maximum(e, -4000).astype(np.intc)


def exp(z: Array) -> Wide:
    """Compute e^z for z ≤ 1e16, to a few units in the last place of the mantissa; 0 for z < −1e16, where exponents end."""
    k = np.round(np.clip(z, -_END, _END) / _LN2[0])
    m = np.exp((z - k * _LN2[0]) - k * _LN2[1])
    return _normal(np.where(z < -_END, 0, m), k.astype(np.int64))


def _sigmoid(a: Array) -> Wide:
    return exp(np.minimum(a, 0)) * (1 / (1 + np.exp(-np.abs(a))))


def _tanh_slope(a: Array) -> Wide:
    factor: Array = 4 / (1 + np.exp(-2 * np.abs(a))) ** 2
    return exp(-2 * np.abs(a)) * factor


def _sigmoid_slope(a: Array) -> Wide:
    return exp(-np.abs(a)) * (1 / (1 + np.exp(-np.abs(a))) ** 2)


def _softplus(a: Array) -> Wide:
    e = np.exp(-np.abs(a))
    ratio = np.where(e == 0, 1, np.log1p(e) / np.where(e == 0, 1, e))  # log(1 + e) / e, which goes to 1
    small: Wide = exp(-np.abs(a)) * ratio
    return small + np.maximum(a, 0)


def complement(function: Function, a: Array) -> Wide:
    """Compute 1 − φ(a); for the sigmoid as σ(−a), right however small."""
    return _sigmoid(-a) if function.name == "sigmoid" else wide(1 - plain_value(function, np.ascontiguousarray(a)))


def over(numerator: Array, value: Wide) -> Wide:
    """Divide floats by a Wide; 0 where the numerator is 0."""
    inverse = Wide(1 / np.where(value.m == 0, 1, value.m), -value.e)
    return inverse * np.where(numerator == 0, 0, np.where(value.m == 0, np.inf, 1) * numerator)


#: Functions whose slope or value falls below every float; those of all others are right in floats.
SLOPES: Mapping[str, Callable[[Array], Wide]] = MappingProxyType(
    {"tanh": _tanh_slope, "sigmoid": _sigmoid_slope, "softplus": _sigmoid}
)
VALUES: Mapping[str, Callable[[Array], Wide]] = MappingProxyType({"sigmoid": _sigmoid, "softplus": _softplus})


def slope(function: Function, a: Array) -> Wide:
    """Compute φ'(a), right however small.

    **Holds:** slopes_are_right_however_small (against mpmath).
    """
    a = np.asarray(a, np.float64)
    return SLOPES[function.name](a) if function.name in SLOPES else wide(plain_slope(function, a))


def others(value: Wide) -> Wide:
    """Sum, for each entry, all others along the last axis without a subtraction, such as 1 − S_i of a softmax."""
    n = value.m.shape[-1]
    zero = wide(np.zeros((*value.m.shape[:-1], 1)))
    before, after = [zero], [zero]
    for i in range(n - 1):
        before.append(before[-1] + value[..., i : i + 1])
        after.append(after[-1] + value[..., n - 1 - i : n - i])
    left, right = (
        Wide(*(np.concatenate([part[k] for part in parts], axis=-1) for k in (0, 1)))
        for parts in ([(one.m, one.e) for one in before], [(one.m, one.e) for one in reversed(after)])
    )
    return left + right


def softmax(a: Array) -> Wide:
    """Compute the softmax along the last axis, right however small its entries."""
    e = exp(a - a.max(axis=-1, keepdims=True))
    total: Array = e.floats().sum(axis=-1, keepdims=True)
    return e * (1 / total)
