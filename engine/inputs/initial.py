"""Initial weights: a scheme for each parameter, drawn from a seed, the same on every machine.

A `Scheme` is a small value (a name and a few numbers); `SCHEMES` says of each name what it is, where it comes from and
which numbers it has, and the page makes its controls from that; `initialise` draws every parameter of a cell.

How "the same on every machine" is kept: each parameter has a PCG64 stream of its own, keyed by the seed and the bytes
of its name. What is done to its numbers afterwards are single multiplications, divisions, square roots (IEEE 754
rounds each in one way only) and sums in an order that numpy fixes; no BLAS, no LAPACK, whose last digits differ from
processor to processor. What remains, to be honest: a normal number beyond ±3.65 (one in 4,000) goes through the C
library's logarithm, whose last bit may differ between systems; and the size that `radius` and `norm` scale by needs
LAPACK. It is rounded to 12 digits, which wipes its noise out unless the value lies within that noise of a rounding
edge, once in some 1,000 cases; then the twelfth digit of the scaled matrix differs. The tests keep first numbers of
each scheme, so that another numpy with other streams would be noticed.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.support.arguments import index, shown

if TYPE_CHECKING:
    from engine.language.cell import Cell

Array: TypeAlias = NDArray[np.float64]
Shape: TypeAlias = tuple[int, ...]

MAX_SEED: Final = 2**32 - 1
MAX_WEIGHTS: Final = 2**24  # of all parameters together: 134 MB
MAX_ORDER: Final = 1024  # of a matrix that is orthogonalised or rescaled: about 3 s
#: The key of a mapping of schemes that stands for every parameter without one of its own; no parameter has that name.
REST: Final = "*"


@dataclass(frozen=True)
class Setting:
    """One thing that a user sets: what it is called, its kind, its default and what is allowed.

    lower, upper  bounds of a number, themselves allowed; of a text, those of its length
    choices       of a choice: pairs (value, label)
    **Holds:** defaults_are_allowed, a_setting_says_what_is_allowed.
    """

    label: str
    kind: Literal["int", "float", "bool", "choice", "text"]
    name: str = ""
    default: Any = None
    lower: float = -math.inf
    upper: float = math.inf
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""

    def checked(self, value: object) -> Any:
        """`value` as a plain int, float, bool or str; ValueError if it is not allowed here."""
        kind = self.kind
        if kind == "bool" and isinstance(value, bool | np.bool_):
            return bool(value)
        if kind == "choice" and isinstance(value, str) and value in dict(self.choices):
            return value
        if kind == "text" and isinstance(value, str) and self._within(len(value)):
            return value
        if kind == "int" and (whole := index(value)) is not None and self._within(whole):
            return whole
        if kind == "float" and isinstance(value, numbers.Real) and not isinstance(value, bool) and self._within(value):
            return float(value)
        raise ValueError(f"{self.name} = {shown(value)} is not allowed: {self.allowed}")

    def _within(self, size: Any) -> bool:
        return bool(self.lower <= size <= self.upper)  # False for nan

    @property
    def allowed(self) -> str:
        """What may stand here, in words."""
        if self.kind == "bool":
            return "give True or False"
        if self.kind == "choice":
            return "give one of " + ", ".join(repr(choice) for choice, _ in self.choices)
        span = f"{self.lower:,.12g} to {self.upper:,.12g}"
        if self.kind == "text":
            return f"give a text of {span} characters"
        return f"give {'an integer' if self.kind == 'int' else 'a number'} from {span}"


# --- schemes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """What one name of a scheme means: title, a sentence, source, its numbers, and how it draws.

    draw(stream, shape, number, n) gives the array; `number` is the scheme's own number, `n` PyTorch's.
    vectors      whether it also fills vectors (biases) when chosen for all parameters; if not, these are zero
    for_vectors  whether a vector can be drawn so at all
    """

    name: str
    title: str
    sentence: str
    source: str
    settings: tuple[Setting, ...]
    draw: Callable[[np.random.Generator, Shape, float, int], Array]
    vectors: bool = False
    for_vectors: bool = True


@dataclass(frozen=True)
class Scheme:
    """How one parameter is drawn: the name of a scheme and its numbers; hashable, equal if it draws the same.

    gain, limit, value  the scheme's own number, for the schemes that have it (`SCHEMES[name].settings`);
                        left out, it is the default of the table
    radius              if given, the square matrix is rescaled to this spectral radius, max |λ|
    norm                if given, the matrix is rescaled to this largest singular value

    Raises ValueError for an unknown name, a number the scheme does not have, one out of its bounds, radius with norm.
    **Holds:** a_scheme_is_a_value.
    """

    name: str = "normal"
    gain: float | None = None
    limit: float | None = None
    value: float | None = None
    radius: float | None = None
    norm: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in SCHEMES:
            raise ValueError(f"name = {shown(self.name)} is no scheme: give one of {', '.join(SCHEMES)}")
        settings = {setting.name: setting for setting in SCHEMES[self.name].settings}
        for name in ("gain", "limit", "value", "radius", "norm"):
            given = getattr(self, name)
            if name not in settings:
                if given is not None:
                    has = ", ".join(settings) or "no number"
                    raise ValueError(f"{name} = {shown(given)} is no number of the scheme {self.name}, which has {has}")
            elif given is not None:
                object.__setattr__(self, name, settings[name].checked(given))
            else:
                object.__setattr__(self, name, settings[name].default)
        if self.radius is not None and self.norm is not None:
            raise ValueError(
                f"radius = {self.radius:g} and norm = {self.norm:g} are both given: a matrix is scaled to one of them"
            )

    @property
    def number(self) -> float:
        """The scheme's own number: gain, limit or value; 1 for a scheme that has none."""
        return next((own for own in (self.gain, self.limit, self.value) if own is not None), 1.0)


def fans(shape: Shape) -> tuple[int, int]:
    """(fan in, fan out) of a parameter: columns and rows of a matrix; 1 and 1 of a vector.

    A vector acts on each unit by itself: a bias is a weight from a neuron that is always 1, a peephole from one cell.
    """
    return (shape[1], shape[0]) if len(shape) == 2 else (1, 1)


def _normal(stream: np.random.Generator, shape: Shape, gain: float, n: int) -> Array:
    return stream.standard_normal(shape) * (gain / math.sqrt(fans(shape)[0]))


def _uniform(stream: np.random.Generator, shape: Shape, limit: float, n: int) -> Array:
    return (2 * stream.random(shape) - 1) * limit


def _glorot(stream: np.random.Generator, shape: Shape, gain: float, n: int) -> Array:
    return _uniform(stream, shape, gain * math.sqrt(6 / sum(fans(shape))), n)


def _orthogonal(stream: np.random.Generator, shape: Shape, gain: float, n: int) -> Array:
    short, long = sorted(shape)
    rows = orthonormal_rows(stream.standard_normal((short, long)))
    return np.ascontiguousarray(rows if shape == (short, long) else rows.T) * gain


def _identity(stream: np.random.Generator, shape: Shape, gain: float, n: int) -> Array:
    rows, columns = shape
    return np.eye(rows, columns) * gain


def _constant(stream: np.random.Generator, shape: Shape, value: float, n: int) -> Array:
    return np.full(shape, value)


def _zeros(stream: np.random.Generator, shape: Shape, number: float, n: int) -> Array:
    return np.zeros(shape)


def _pytorch(stream: np.random.Generator, shape: Shape, number: float, n: int) -> Array:
    return _uniform(stream, shape, 1 / math.sqrt(n), n)


def orthonormal_rows(matrix: Array) -> Array:
    """Q with orthonormal rows that span those of a matrix of full row rank, by Gram–Schmidt from the first row on.

    matrix (m, n), m ≤ n; result (m, n) with Q Qᵀ = I. The triangular factor has a positive diagonal by construction,
    so from a normal matrix Q is uniform over all such Q (Mezzadri 2007, "How to generate random matrices from the
    classical compact groups"). Not numpy's QR, because LAPACK's last digits differ between processors.
    **Holds:** orthogonal_has_orthonormal_rows_or_columns, the_same_under_other_processor_features.
    """
    rows = np.empty_like(matrix)
    for i, row in enumerate(matrix):
        for _ in range(2):  # twice is enough: after the second pass the rounding of the first is gone (Kahan)
            along = (rows[:i] * row).sum(axis=1)
            row = row - (rows[:i] * along[:, None]).sum(axis=0)
        rows[i] = row / math.sqrt((row * row).sum())
    return rows


_GAIN = Setting("Gain", "float", "gain", 1.0, -100, 100, help="Factor of every weight.")
_RESCALED = (
    Setting(
        "Spectral radius",
        "float",
        "radius",
        None,
        0,
        100,
        help="Rescale the square matrix to this max |λ|: the growth of a linear recurrence a step, in the long run.",
    ),
    Setting(
        "Largest singular value",
        "float",
        "norm",
        None,
        0,
        100,
        help="Rescale the matrix to this σ₁: the most that one product can stretch a vector.",
    ),
)

_KINDS = (
    Kind(
        "normal",
        "Normal",
        "Independent normal weights with mean 0 and standard deviation gain/√(fan in), so that a square matrix has"
        " spectral radius ≈ gain; biases 0.",
        "LeCun et al. (1998), Efficient BackProp, (16); Sompolinsky et al. (1988) for the gain",
        (_GAIN, *_RESCALED),
        _normal,
    ),
    Kind(
        "uniform",
        "Uniform",
        "Independent weights, uniform between −limit and +limit; biases 0.",
        "Goodfellow et al. (2016), 8.4",
        (Setting("Limit", "float", "limit", 0.1, 0, 100, help="Largest absolute weight."), *_RESCALED),
        _uniform,
    ),
    Kind(
        "glorot",
        "Glorot",
        "Uniform between ±gain·√(6/(fan in + fan out)), a compromise between forward and backward variance; biases 0.",
        "Glorot & Bengio (2010), (16); Goodfellow et al. (2016), (8.23)",
        (_GAIN, *_RESCALED),
        _glorot,
    ),
    Kind(
        "orthogonal",
        "Orthogonal",
        "A matrix drawn uniformly among those with orthonormal rows or columns, times gain: all singular values are"
        " equal to gain; biases 0.",
        "Saxe et al. (2013), Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
        (_GAIN, *_RESCALED),
        _orthogonal,
        for_vectors=False,
    ),
    Kind(
        "identity",
        "Identity",
        "gain on the diagonal and 0 elsewhere, of a matrix of any shape; with relu, W so and the rest small it is the"
        " IRNN; biases 0.",
        "Le, Jaitly & Hinton (2015), A simple way to initialize recurrent networks of rectified linear units",
        (_GAIN, *_RESCALED),
        _identity,
        for_vectors=False,
    ),
    Kind(
        "zeros",
        "Zeros",
        "Every weight 0: all units stay alike and no gradient passes a matrix.",
        "Goodfellow et al. (2016), 8.4, on breaking symmetry",
        (),
        _zeros,
        vectors=True,
    ),
    Kind(
        "constant",
        "Constant",
        "Every entry the same value, biases too; for the bias of a forget gate, 1 is usual.",
        "Gers et al. (2000); Jozefowicz et al. (2015) for the forget gate",
        (Setting("Value", "float", "value", 1.0, -100, 100, help="The value of every entry."), *_RESCALED),
        _constant,
        vectors=True,
    ),
    Kind(
        "pytorch",
        "PyTorch",
        "Uniform between ±1/√n, biases too: n is the hidden size for the parameters of a recurrent layer, and the fan"
        " in for those of an output or a layer without recurrence.",
        "PyTorch, torch.nn.RNN, LSTM, GRU and torch.nn.Linear, default initialisation",
        _RESCALED,
        _pytorch,
        vectors=True,
    ),
)

#: The schemes by name: what they are and which numbers they have.
SCHEMES: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _KINDS})


# --- rescaling ---------------------------------------------------------------------------------------------------


def spectral_radius(matrix: Array) -> float:
    """The spectral radius max |λ| of a square matrix, and exactly 0 if the matrix is nilpotent up to rounding.

    The eigenvalues of a nilpotent matrix are all 0, but those that LAPACK computes are off by ε^(1/n): 7e-4 for n = 5.
    So its powers 2, 4, 8, … up to n are looked at first: where one is rounding noise beside the square of the one
    before, λ is below 1e-5 of the largest entry and no digit of it can be computed.
    **Holds:** nilpotent_has_radius_zero, spectral_radius_is_the_largest_eigenvalue.
    """
    n = len(matrix)
    square = matrix
    for _ in range(n.bit_length()):
        if (largest := np.abs(square).max()) <= (0 if square is matrix else n * 1e-13):
            return 0.0
        power = square / largest  # so that no power overflows
        square = power @ power
    return 0.0 if np.abs(square).max() <= n * 1e-13 else float(np.abs(np.linalg.eigvals(matrix)).max())


def rescaled(matrix: Array, radius: float | None = None, norm: float | None = None, name: str = "matrix") -> Array:
    """A multiple of a matrix that has the given spectral radius, or the given largest singular value.

    Raises ValueError if a radius is asked of what is not a square matrix, a norm of what is not a matrix, and if the
    measure is 0 (zero or nilpotent matrices) and so no multiple has the one asked for; `name` is what the message says.
    **Holds:** radius_is_reached, norm_is_reached.
    """
    if radius is not None:
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(
                f"{name} of shape {matrix.shape} can not be given the spectral radius {radius:g}: only a square matrix"
                " has eigenvalues; leave radius out, or give norm, the largest singular value"
            )
        return _scaled(matrix, radius, spectral_radius(matrix), f"{name}: spectral radius", "zero or nilpotent")
    if norm is not None:
        if matrix.ndim != 2:
            raise ValueError(
                f"{name} of shape {matrix.shape} can not be given the largest singular value {norm:g}: only a matrix"
                " has singular values; leave norm out"
            )
        measured = float(np.linalg.norm(matrix, 2))
        return _scaled(matrix, norm, measured, f"{name}: largest singular value", "zero")
    return matrix


def _scaled(matrix: Array, wanted: float, measured: float, what: str, why: str) -> Array:
    if measured == 0:
        raise ValueError(
            f"{what} {wanted:g} can not be reached: the matrix is {why}, so every multiple of it has 0 there;"
            " choose another scheme or gain"
        )
    return matrix * (wanted / float(f"{measured:.11e}"))


# --- a whole cell ------------------------------------------------------------------------------------------------

Schemes: TypeAlias = str | Scheme | Mapping[str, str | Scheme]


def stream(seed: int, name: str) -> np.random.Generator:
    """The random numbers that belong to a seed and a name: independent of those of any other name.

    Raises ValueError for a seed that is no integer from 0 to `MAX_SEED`. **Holds:** streams_are_locked.
    """
    key = tuple(name.encode("utf-8", "surrogatepass"))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(_SEED.checked(seed), spawn_key=key)))


_SEED = Setting("Seed", "int", "seed", 0, 0, MAX_SEED, help="The same seed gives the same weights.")


def initialise(cell: Cell, sizes: Mapping[str, int], scheme: Schemes = "normal", seed: int = 0) -> dict[str, Array]:
    """Initial values of every parameter of a cell: {name: float64 array}, in the order of the text.

    sizes   as for `cell.shapes`, e.g. {"x": 4, "h": 5, "y": 3}
    scheme  one scheme (or its name) for all parameters, or {name of a parameter: scheme}; there the key "*" stands for
            the rest, normal if left out. A forget gate's bias of 1: {"b_f": Scheme("constant", value=1)}
    seed    0 to 2³² − 1; each parameter has random numbers of its own, from the seed and its name

    A scheme for all, or for the rest, leaves vectors (biases) zero unless it is zeros, constant or pytorch, and applies
    radius and norm to those matrices only that are square whatever the sizes: the recurrent ones. A scheme chosen by
    name does what it says, or raises. A vector that the cell gives a start of its own (`Cell.start`: α of leaky units) has
    it unless it is chosen by name.

    Raises ValueError for sizes that the cell does not take, a name that is no parameter, a scheme that a parameter can
    not have (an orthogonal vector; a radius where nothing is square or everything is zero), a seed out of range, and
    for more than `MAX_WEIGHTS` weights.
    **Holds:** the_same_from_the_same_seed, streams_are_locked, changing_one_parameter_leaves_the_others,
    the_same_under_other_processor_features, biases_are_zero_unless_the_scheme_draws_them.
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
    if (rest.radius is not None or rest.norm is not None) and not square and len(named) < len(cell.parameters):
        raise ValueError(
            f"scheme: {cell.name} has no matrix that is square whatever the sizes, so none to rescale; give radius or"
            " norm to a parameter by its name"
        )
    plain = replace(rest, radius=None, norm=None)
    return {
        name: _drawn(
            name,
            shape,
            named.get(name, rest if name in square else plain),
            name in named,
            _pytorch_n(name, shapes, tied),
            seed,
        )
        for name, shape in shapes.items()
    }


def _chosen(cell: Cell, scheme: Schemes) -> tuple[Scheme, dict[str, Scheme]]:
    """The scheme for the rest, and those chosen by name, by the caller or else by the cell (`Cell.start`)."""
    given = scheme if isinstance(scheme, Mapping) else {REST: scheme}
    schemes = {name: Scheme("constant", value=value) for name, value in cell.start.items()}
    for name, one in given.items():
        if name != REST and name not in cell.parameters:
            raise ValueError(
                f"scheme has the key {shown(name)}, but {cell.name} has the parameters {', '.join(cell.parameters)};"
                f" give one of these, or {REST!r} for the rest"
            )
        if not isinstance(one, str | Scheme):
            raise ValueError(f"scheme of {name} is {shown(one)}: give a Scheme or one of {', '.join(SCHEMES)}")
        schemes[name] = Scheme(one) if isinstance(one, str) else one
    return schemes.pop(REST, Scheme()), schemes


def _drawn(name: str, shape: Shape, scheme: Scheme, by_name: bool, n: int, seed: int) -> Array:
    kind = SCHEMES[scheme.name]
    if len(shape) == 1:
        if not by_name and not kind.vectors:
            return np.zeros(shape)
        if not kind.for_vectors:
            raise ValueError(
                f"scheme of {name} is {scheme.name}, but {name} is a vector of {shape[0]}, and only a matrix can be"
                f" {scheme.name}; give one of {', '.join(other.name for other in _KINDS if other.for_vectors)}"
            )
    costly = scheme.name == "orthogonal" or scheme.radius is not None or scheme.norm is not None
    if costly and min(shape) > MAX_ORDER:
        raise ValueError(
            f"scheme of {name}: a matrix of shape {shape} is too large to be made orthogonal or rescaled, which takes"
            f" n³ operations; allowed up to {MAX_ORDER:,} rows or columns"
        )
    return rescaled(kind.draw(stream(seed, name), shape, scheme.number, n), scheme.radius, scheme.norm, name)


def _tied(cell: Cell) -> dict[str, Shape]:
    """Shapes at sizes that all differ: dimensions are equal here only if they are so whatever the sizes."""
    hidden = {members[0]: size for size, members in enumerate(cell.hidden, 4)}
    try:
        return cell.shapes({"x": 2, "y": 3, **hidden})
    except ValueError:  # x and y share a size, or y has the one unit of a loss
        return cell.shapes({"x": 1, "y": 1, **hidden})


def _is_square(shape: Shape) -> bool:
    return len(shape) == 2 and shape[0] == shape[1]


def _pytorch_n(name: str, shapes: Mapping[str, Shape], tied: Mapping[str, Shape]) -> int:
    """The n of PyTorch's ±1/√n for a parameter.

    A layer is what shares a size of rows. It is recurrent if it has a square matrix, and n is its number of units, as
    in nn.RNN; else n is the fan in, as in nn.Linear: the columns of a matrix, and for a bias those of all its layer.
    """
    layer = [other for other in tied if tied[other][0] == tied[name][0]]
    if any(_is_square(tied[other]) for other in layer):
        return shapes[name][0]
    if len(shapes[name]) == 2:
        return shapes[name][1]
    return sum(shapes[other][1] for other in layer if len(shapes[other]) == 2) or shapes[name][0]
