"""Initial weights: a scheme for each parameter, drawn from a seed, the same on every machine.

Each parameter has a PCG64 stream of its own, keyed by the seed and the bytes of its name. Its numbers then go through single
multiplications, divisions and square roots, which IEEE 754 rounds in one way only, and through sums in an order that numpy
fixes; not through BLAS or LAPACK, whose last digits differ between processors. Two exceptions remain. A normal number beyond
±3.65 (one in 4,000) uses the logarithm of the C library, whose last bit may differ between systems. The size by which `radius`
and `norm` scale needs LAPACK; it is rounded to 12 digits, which removes the difference unless the value lies next to a rounding
edge, about once in 1,000 cases: then the twelfth digit of the scaled matrix differs. The tests compare the first numbers of each
scheme with recorded ones, and so notice a numpy with other streams.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from engine.inputs.matrices import Array, check_rescaled, rescaled
from engine.inputs.schemes import SCHEMES, Scheme, Shape
from engine.inputs.setting import stream
from engine.language.cell import Cell
from engine.support.arguments import shown

MAX_WEIGHTS: Final = 2**24  # of all parameters together: 134 MB
MAX_ORDER: Final = 1024  # of a matrix that is orthogonalised or rescaled: about 3 s
#: The key of a mapping of schemes that stands for every parameter without one of its own; no parameter has that name.
REST: Final = "*"

Schemes: TypeAlias = str | Scheme | Mapping[str, str | Scheme]
_LITTLE: Final = 1e-100  # a number of a scheme below it may give a matrix of zeros, which nothing rescales


@dataclass(frozen=True)
class Plan:
    """How a parameter will be drawn.

    Attributes:
        name: of the parameter.
        shape: (n,) or (rows, columns).
        scheme: its scheme, or None for zeros.
        n: the n of PyTorch's ±1/√n.
    """

    name: str
    shape: Shape
    scheme: Scheme | None
    n: int

    def drawn(self, seed: int) -> Array:
        """The numbers of the parameter.

        Args:
            seed: as for `initialise`.

        Raises:
            ValueError: if no multiple of the drawn numbers has the radius or the norm of the scheme.
        """
        if self.scheme is None:
            return np.zeros(self.shape)
        numbers = SCHEMES[self.scheme.name].draw(stream(seed, self.name), self.shape, self.scheme.number, self.n)
        return rescaled(numbers, self.scheme.radius, self.scheme.norm, self.name)

    @property
    def can_fail(self) -> bool:
        """Whether only the numbers themselves say if they can be drawn: to rescale a matrix of zeros is impossible."""
        return self.scheme is not None and _is_rescaled(self.scheme) and abs(self.scheme.number) < _LITTLE


def initialise(cell: Cell, sizes: Mapping[str, int], scheme: Schemes = "normal", seed: int = 0) -> dict[str, Array]:
    """Draw initial values for every parameter of a cell.

    A scheme for all parameters, or for the rest, leaves vectors (biases) 0 unless it is zeros, constant or pytorch, and applies
    radius and norm only to matrices that are square whatever the sizes: the recurrent ones. A scheme for a named parameter
    is applied as it is, or raises. A vector with a start of its own in the cell (`Cell.start`, such as α of leaky units) keeps
    that start unless it has a scheme by name.

    Args:
        cell: the cell.
        sizes: the sizes, as for `cell.shapes`, such as {"x": 4, "h": 5, "y": 3}.
        scheme: one scheme, or its name, for all parameters; or {name of a parameter: scheme}, where the key "*" stands for the
            rest, which is normal if missing. {"b_f": Scheme("constant", value=1)} gives a forget gate a bias of 1.
        seed: 0 to 2³² − 1; the random numbers of each parameter depend on the seed and its name.

    Returns:
        {name: float64 array}, in the order of the text.

    Raises:
        ValueError: for sizes that do not fit the cell, a name that is no parameter, a scheme that a parameter cannot have (an
            orthogonal vector; a radius if no matrix is square or all are 0), a seed out of range, and for more than
            `MAX_WEIGHTS` weights.

    **Holds:** the_same_from_the_same_seed, streams_are_locked, changing_one_parameter_leaves_the_others,
    the_same_under_other_processor_features, biases_are_zero_unless_the_scheme_draws_them.
    """
    return {name: plan.drawn(seed) for name, plan in plans(cell, sizes, scheme).items()}


def plans(cell: Cell, sizes: Mapping[str, int], scheme: Schemes = "normal") -> dict[str, Plan]:
    """Plan how `initialise` will draw each parameter; nothing is drawn.

    Args:
        cell: the cell.
        sizes: as for `initialise`.
        scheme: as for `initialise`.

    Returns:
        {name: plan}, in the order of the text.

    Raises:
        ValueError: for an argument that `initialise` refuses before it draws a number.

    **Holds:** what_is_planned_can_be_drawn.
    """
    shapes = cell.shapes(sizes)
    total = sum(math.prod(shape) for shape in shapes.values())
    if total > MAX_WEIGHTS:
        raise ValueError(
            f"sizes = {dict(sizes)} give {cell.name} {total:,} weights, {8 * total:,} bytes;"
            f" at most {MAX_WEIGHTS:,} are allowed: take smaller sizes"
        )
    rest, named = _chosen(cell, scheme)
    tied = _tied(cell)
    square = [name for name in cell.parameters if name not in named and _is_square(tied[name])]
    if _is_rescaled(rest) and not square and len(named) < len(cell.parameters):
        raise ValueError(
            f"scheme: {cell.name} has no matrix that is square whatever the sizes, so none to rescale; give radius or"
            " norm to a parameter by its name"
        )
    plain = replace(rest, radius=None, norm=None)
    return {
        name: _plan(
            name,
            shape,
            named.get(name, rest if name in square else plain),
            name in named,
            _pytorch_n(name, shapes, tied),
        )
        for name, shape in shapes.items()
    }


def _is_rescaled(scheme: Scheme) -> bool:
    return scheme.radius is not None or scheme.norm is not None


def _chosen(cell: Cell, scheme: Schemes) -> tuple[Scheme, dict[str, Scheme]]:
    """The scheme for the rest, and the schemes by name, from the caller or else from the cell (`Cell.start`)."""
    wanted = scheme if isinstance(scheme, Mapping) else {REST: scheme}
    schemes = {name: Scheme("constant", value=value) for name, value in cell.start.items()}
    for name, named in wanted.items():
        if name != REST and name not in cell.parameters:
            raise ValueError(
                f"scheme has the key {shown(name)}, but {cell.name} has the parameters {', '.join(cell.parameters)};"
                f" give one of these, or {REST!r} for the rest"
            )
        if not isinstance(named, str | Scheme):
            raise ValueError(f"scheme of {name} is {shown(named)}: give a Scheme or one of {', '.join(SCHEMES)}")
        schemes[name] = Scheme(named) if isinstance(named, str) else named
    return schemes.pop(REST, Scheme()), schemes


def _plan(name: str, shape: Shape, scheme: Scheme, by_name: bool, n: int) -> Plan:
    kind = SCHEMES[scheme.name]
    if len(shape) == 1:
        if not by_name and not kind.vectors:
            return Plan(name, shape, None, n)
        if not kind.for_vectors:
            raise ValueError(
                f"scheme of {name} is {scheme.name}, but {name} is a vector of {shape[0]}, and only a matrix can be"
                f" {scheme.name}; give one of {', '.join(other.name for other in SCHEMES.values() if other.for_vectors)}"
            )
    if (scheme.name == "orthogonal" or _is_rescaled(scheme)) and min(shape) > MAX_ORDER:
        raise ValueError(
            f"scheme of {name}: a matrix of shape {shape} is too large to be made orthogonal or rescaled, which takes"
            f" n³ operations; allowed up to {MAX_ORDER:,} rows or columns"
        )
    check_rescaled(shape, scheme.radius, scheme.norm, name)
    return Plan(name, shape, scheme, n)


def _tied(cell: Cell) -> dict[str, Shape]:
    """The shapes of the parameters at sizes that all differ: dimensions are equal here only if they always are."""
    hidden = {members[0]: size for size, members in enumerate(cell.hidden, 4)}
    try:
        return cell.shapes({"x": 2, "y": 3, **hidden})
    except ValueError:  # x and y share a size, or y has the one unit of a loss
        return cell.shapes({"x": 1, "y": 1, **hidden})


def _is_square(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] == shape[1]


def _pytorch_n(name: str, shapes: Mapping[str, Shape], tied: Mapping[str, Shape]) -> int:
    """The n of PyTorch's ±1/√n for a parameter.

    Parameters with the same number of rows are a layer. If it has a square matrix, it is recurrent and n is its number of units,
    as in nn.RNN; else n is the fan in, as in nn.Linear: the columns of a matrix, for a bias those of all matrices of the layer.
    """
    layer = [other for other in tied if tied[other][0] == tied[name][0]]
    if any(_is_square(tied[other]) for other in layer):
        return shapes[name][0]
    if len(shapes[name]) == 2:
        return shapes[name][1]
    return sum(shapes[other][1] for other in layer if len(shapes[other]) == 2) or shapes[name][0]
