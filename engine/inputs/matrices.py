"""Matrices with given properties, the same on every machine: orthonormal rows, a spectral radius, a largest singular value."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def orthonormal_rows(matrix: Array) -> Array:
    """Orthonormalise the rows of a matrix of full row rank, by Gram–Schmidt from the first row on.

    The triangular factor has a positive diagonal, so that the result is uniform over all such matrices if the matrix is normal.
    numpy's QR is not used, since the last digits of LAPACK differ between processors.

    Args:
        matrix: (m, n), m ≤ n.

    Returns:
        Q (m, n) with Q Qᵀ = I.

    Source: Mezzadri (2007), How to generate random matrices from the classical compact groups.
    **Holds:** orthogonal_has_orthonormal_rows_or_columns, the_same_under_other_processor_features.
    """
    rows = np.empty_like(matrix)
    for i, row in enumerate(matrix):
        for _ in range(2):  # twice is enough: after the second pass the rounding of the first is gone (Kahan)
            along = (rows[:i] * row).sum(axis=1)
            row = row - (rows[:i] * along[:, None]).sum(axis=0)
        rows[i] = row / math.sqrt((row * row).sum())
    return rows


def spectral_radius(matrix: Array) -> float:
    """Compute the spectral radius max |λ| of a square matrix; exactly 0 if the matrix is nilpotent up to rounding.

    The eigenvalues of a nilpotent matrix are all 0, but LAPACK computes them with an error of ε^(1/n): 7e-4 for n = 5. The powers
    2, 4, 8, … up to n are therefore computed first. If one of them is rounding noise compared with the square of the power
    before it, |λ| is below 1e-5 of the largest entry and none of its digits can be computed.

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
    """Rescale a matrix to a spectral radius, or to a largest singular value.

    Args:
        matrix: the matrix.
        radius: the spectral radius, if any.
        norm: the largest singular value, if there is no radius.
        name: the name of the matrix, for the message.

    Returns:
        A multiple of the matrix; the matrix itself without radius and norm.

    Raises:
        ValueError: for a radius if the matrix is not square, for a norm if it is not a matrix, and if the measure is 0, since
            every multiple of a zero or nilpotent matrix has 0.

    **Holds:** radius_is_reached, norm_is_reached.
    """
    check_rescaled(matrix.shape, radius, norm, name)
    if radius is not None:
        return _scaled(matrix, radius, spectral_radius(matrix), f"{name}: spectral radius", "zero or nilpotent")
    if norm is not None:
        largest = float(np.linalg.norm(matrix, 2))
        return _scaled(matrix, norm, largest, f"{name}: largest singular value", "zero")
    return matrix


def check_rescaled(shape: tuple[int, ...], radius: float | None, norm: float | None, name: str) -> None:
    """Raise ValueError for an array whose shape has no spectral radius, or no singular values, to be given."""
    if radius is not None and (len(shape) != 2 or shape[0] != shape[1]):
        raise ValueError(
            f"{name} of shape {shape} can not be given the spectral radius {radius:g}: only a square matrix"
            " has eigenvalues; leave radius out, or give norm, the largest singular value"
        )
    if norm is not None and len(shape) != 2:
        raise ValueError(
            f"{name} of shape {shape} can not be given the largest singular value {norm:g}: only a matrix"
            " has singular values; leave norm out"
        )


def _scaled(matrix: Array, wanted: float, measured: float, what: str, why: str) -> Array:
    if measured == 0:
        raise ValueError(
            f"{what} {wanted:g} can not be reached: the matrix is {why}, so every multiple of it has 0 there;"
            " choose another scheme or gain"
        )
    return matrix * (wanted / float(f"{measured:.11e}"))
