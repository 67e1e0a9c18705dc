"""The table of operations: one row for each, and no other module repeats a formula of one.

Four kinds of row stand in the table, each kind in a module of its own:

- `arithmetic`: the sums and products + − * @ and the change of sign, which are written between their arguments;
- `functions`: the functions of each unit by itself, such as tanh;
- `losses`: softmax, which couples the units of one vector, and the losses, each of which turns a vector and the target y into
  one number.

A module that works on any expression reads three things of a row: `definition(*arguments)` is the value, `vjp(i, grad,
*arguments)` the gradient at argument i from the gradient at the value, and `sizes` the number of units of the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from engine.language.arithmetic import ARITHMETIC, ATOM, PRODUCT, SIGN, SUM, Arithmetic
from engine.language.arrays import Array, locked, no_zero
from engine.language.functions import FUNCTIONS, LEAK, Function, Recipe, constant, is_constant, slope, value
from engine.language.losses import LOSSES, SOFTMAX, Loss, Softmax, one_hot

#: The operations that are called by their name: functions, softmax, losses.
CALLS: Mapping[str, Function | Softmax | Loss] = MappingProxyType({**FUNCTIONS, SOFTMAX.name: SOFTMAX, **LOSSES})

Operation: TypeAlias = Arithmetic | Function | Softmax | Loss
OPERATIONS: Mapping[str, Operation] = MappingProxyType({**ARITHMETIC, **CALLS})

__all__ = [
    "ARITHMETIC",
    "ATOM",
    "CALLS",
    "FUNCTIONS",
    "LEAK",
    "LOSSES",
    "OPERATIONS",
    "PRODUCT",
    "SIGN",
    "SOFTMAX",
    "SUM",
    "Arithmetic",
    "Array",
    "Function",
    "Loss",
    "Operation",
    "Recipe",
    "Softmax",
    "constant",
    "is_constant",
    "locked",
    "no_zero",
    "one_hot",
    "slope",
    "value",
]
