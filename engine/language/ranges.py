"""The ranges of a cell's nodes, from its equations: the smallest and the largest value that an entry can have."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Final, TypeAlias

import numpy as np

from engine.language.equations import Equation
from engine.language.expressions import Apply, Expression, Name, Number, names
from engine.language.operations import ARITHMETIC, OPERATIONS
from engine.language.printer import code

#: The smallest and the largest value of an entry.
_Range: TypeAlias = tuple[float, float]
_ANY: Final[_Range] = (-math.inf, math.inf)
_THRESHOLDS: Final = (-math.inf, -1.0, 0.0, 1.0, math.inf)
_ROUNDS: Final = 8  # of the iteration; a state whose range still moves then may have any value
_MAX_PARTS: Final = 100  # of an expression that is searched for mixtures
_MAX_TERMS: Final = 20  # of a sum that is searched for mixtures


class Ranges:
    """The range of every node: parameters and x can have any value, initial values are 0.

    The ranges of states are found by iteration from 0; bounds that keep moving are widened to the next threshold.
    """

    def __init__(self, equations: Mapping[str, Equation], probabilities: Collection[str]) -> None:
        """Find the ranges.

        Args:
            equations: of a cell, by name.
            probabilities: nodes whose entries lie from 0 to 1 for a reason that no equation shows.
        """
        self.equations = equations
        self.ranges: dict[str, _Range] = {}
        self.parameters = {
            read.name for equation in equations.values() for read in names(equation.expression)
        } - equations.keys()
        states = {read.name for equation in equations.values() for read in names(equation.expression) if read.lag}
        for rounds in range(_ROUNDS):
            before = dict(self.ranges)
            for name, equation in equations.items():
                new = (0.0, 1.0) if name in probabilities else self.of(equation.expression)
                self.ranges[name] = _hull(new, before.get(name, new)) if name in states else new
            if self.ranges == before:
                return
            if rounds:
                for name in states & before.keys():
                    self.ranges[name] = _widened(before[name], self.ranges[name])
        for name, equation in equations.items():
            self.ranges[name] = _ANY if name in states else self.of(equation.expression)

    def of(self, expression: Expression) -> _Range:
        """The range of an expression."""
        low, high = self._of(expression)
        return (low, high) if low >= 0 and high <= 1 else self._mixed(self._inlined(expression))

    def _mixed(self, expression: Expression) -> _Range:
        """The range of an expression in which mixtures are recognised."""
        (least, most), terms = self._of(expression), list(_terms(expression))
        low, high = self._sum(terms) if len(terms) <= _MAX_TERMS else (least, most)
        return max(low, least), min(high, most)

    def _sum(self, terms: list[list[Expression]]) -> _Range:
        """The range of a sum of products. A mixture a ∘ u + (1 − a) ∘ v, with a from 0 to 1, ranges over that of u and of v."""
        if not terms:
            return 0.0, 0.0
        keys = [[code(factor) for factor in factors] for factors in terms]
        rests = {code(rest): share for factors in terms for factor in factors if (share := _rest_of(factor)) is not None
                 for rest in [factor]}  # fmt: skip
        for rest, share in rests.items():
            low, high = self._of(share)
            key_of_share = code(share)
            with_share, with_rest = (
                {i for i, factors in enumerate(keys) if key in factors} for key in (key_of_share, rest)
            )
            some = sorted(with_share - with_rest or with_share)
            others = sorted(with_rest.difference(some))
            if some and others and low >= 0 and high <= 1:
                u, v = (
                    self._sum([_without(terms[i], keys[i].index(key)) for i in mine])
                    for mine, key in ((some, key_of_share), (others, rest))
                )
                left = self._sum([terms[i] for i in range(len(terms)) if i not in some and i not in others])
                both = _hull(u, v)
                return _ordered(both[0] + left[0], both[1] + left[1])
        ranges = [self._product(factors) for factors in terms]
        return _ordered(sum(low for low, _ in ranges), sum(high for _, high in ranges))

    def _product(self, factors: list[Expression]) -> _Range:
        product = 1.0, 1.0
        for factor in factors:
            product = _times(product, self._mixed(factor) if _signs(factor) else self._of(factor))
        return product

    def _read(self, name: str, lag: int) -> _Range:
        if name not in self.equations:
            return _ANY
        return _hull(self.ranges.get(name, (0.0, 0.0)), (0.0, 0.0)) if lag else self.ranges[name]

    def _inlined(self, expression: Expression) -> Expression:
        """The expression with sums and products in place of their names, up to a certain length."""
        room = _MAX_PARTS

        def write(part: Expression) -> Expression:
            nonlocal room
            room -= 1
            if isinstance(part, Name) and not part.lag and part.name in self.equations and room > 0:
                defined = self.equations[part.name].expression
                if not isinstance(defined, Apply) or defined.operation == "*" or _signs(defined):
                    return write(defined)
            if isinstance(part, Apply):
                return Apply(part.operation, tuple(map(write, part.arguments)), part.place)
            return part

        return write(expression)

    def _of(self, expression: Expression) -> _Range:
        """The range of an expression, as if its parts varied independently."""
        if isinstance(expression, Number):
            return expression.value, expression.value
        if isinstance(expression, Name):
            return self._read(expression.name, expression.lag)
        row = OPERATIONS[expression.operation]
        if row.kind == "softmax":
            return 0.0, 1.0
        if row.kind == "loss" or row.sizes == "rows":
            return _ANY
        parts = [self._of(argument) for argument in expression.arguments]
        if row.kind == "function":  # every function of the table increases
            with np.errstate(all="ignore"):
                low, high = row.definition(np.array(parts[0]))
            return _ordered(float(low), float(high))
        if row.is_product:
            return _times(*parts)
        lows, highs = zip(
            *(part if sign > 0 else part[::-1] for part, sign in zip(parts, row.signs, strict=True)), strict=True
        )
        return _ordered(row.definition(*lows), row.definition(*highs))


def _ordered(low: float, high: float) -> _Range:
    return _ANY if math.isnan(low) or math.isnan(high) else (low, high)


def _hull(a: _Range, b: _Range) -> _Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _widened(before: _Range, after: _Range) -> _Range:
    """The range after a round, with bounds that have moved widened to the next threshold."""
    low = after[0] if after[0] == before[0] else max(bound for bound in _THRESHOLDS if bound <= after[0])
    high = after[1] if after[1] == before[1] else min(bound for bound in _THRESHOLDS if bound >= after[1])
    return low, high


def _times(a: _Range, b: _Range) -> _Range:
    ends = [p * q if p and q else 0.0 for p in a for q in b]
    return _ordered(min(ends), max(ends))


def _terms(expression: Expression, sign: float = 1.0) -> Iterator[list[Expression]]:
    """Yield the terms of a sum, each as the factors of a product; products of sums are not multiplied out."""
    signs = _signs(expression)
    if isinstance(expression, Apply) and signs:
        for argument, its_sign in zip(expression.arguments, signs, strict=True):
            yield from _terms(argument, sign * its_sign)
    else:
        yield [Number(sign, expression.place)] * (sign < 0) + _factors(expression)


def _signs(expression: Expression) -> tuple[int, ...]:
    """The signs of a sum's arguments; () for an expression that is no sum."""
    if not isinstance(expression, Apply):
        return ()
    row = ARITHMETIC.get(expression.operation)
    if row is None:
        return (1,) if expression.operation == "identity" else ()
    return () if row.is_product else row.signs


def _factors(expression: Expression) -> list[Expression]:
    """The factors of a product."""
    if isinstance(expression, Apply) and expression.operation == "*":
        return [factor for part in expression.arguments for factor in _factors(part)]
    return [expression]


def _rest_of(expression: Expression) -> Expression | None:
    """The a of 1 − a; None of any other expression."""
    if isinstance(expression, Apply) and expression.operation == "-":
        first, second = expression.arguments
        if isinstance(first, Number) and first.value == 1:
            return second
    return None


def _without(factors: list[Expression], place: int) -> list[Expression]:
    return factors[:place] + factors[place + 1 :]
