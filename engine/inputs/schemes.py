"""Schemes for initial weights: a scheme is a name with a few numbers, and a row of `SCHEMES` defines the name.

A row has the description, the source and the settings of a scheme, from which the page makes its controls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from engine.inputs.matrices import Array, orthonormal_rows
from engine.inputs.setting import Setting
from engine.support.arguments import shown

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Kind:
    """A row of `SCHEMES`: the meaning of one name.

    Attributes:
        name: the name.
        title: its title on the page.
        sentence: its description.
        source: where it comes from.
        settings: its numbers.
        draw: (stream, shape, number, n) -> the array; `number` is the first number of the scheme, `n` that of PyTorch.
        vectors: whether the scheme also fills vectors (biases) when it is chosen for all parameters; otherwise they are 0.
        for_vectors: whether the scheme can draw a vector at all.
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
    """How one parameter is drawn: the name of a scheme and its numbers. Schemes that draw the same are equal and hash alike.

    Attributes:
        name: a key of `SCHEMES`.
        gain: the factor of every weight, for schemes that have one (`SCHEMES[name].settings`); the default if missing.
        limit: the largest absolute weight, for the uniform scheme.
        value: the value of every entry, for the constant scheme.
        radius: the spectral radius, max |λ|, to which a square matrix is rescaled, if any.
        norm: the largest singular value to which a matrix is rescaled, if any.

    Raises:
        ValueError: for an unknown name, a number that the scheme does not have or that is out of its bounds, and for a radius
            together with a norm.

    **Holds:** a_scheme_is_a_value.
    """

    name: str = "normal"
    gain: float | None = None
    limit: float | None = None
    value: float | None = None
    radius: float | None = None
    norm: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers, and take defaults for missing ones."""
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
        """The gain, limit or value of the scheme; 1 for a scheme that has none."""
        return next((number for number in (self.gain, self.limit, self.value) if number is not None), 1.0)


def fans(shape: Shape) -> tuple[int, int]:
    """(fan in, fan out) of a parameter: the columns and rows of a matrix; 1 and 1 for a vector.

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


_GAIN = Setting("Gain", "float", "gain", 1.0, -100, 100, help="Factor of every weight.")
_RESCALED = (
    Setting(
        "Spectral radius",
        "float",
        "radius",
        None,
        0,
        100,
        help="Rescale the square matrix to this max |λ|: the growth of a linear recurrence per step, in the long run.",
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

#: The schemes by name, with their descriptions and numbers.
SCHEMES: Final[Mapping[str, Kind]] = MappingProxyType({kind.name: kind for kind in _KINDS})
