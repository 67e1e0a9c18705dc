"""How gradients flow through time: by loss, by path, by Jacobian, in logarithms, cut off, and over two parameters."""

from engine.flow.expansion import Expansion, Route
from engine.flow.spectra import Matrix, Stretches, stretches
from engine.flow.truncation import Truncated

__all__ = [
    "Expansion",
    "Matrix",
    "Route",
    "Stretches",
    "Truncated",
    "stretches",
]
