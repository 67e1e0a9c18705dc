"""Singular values of a long product of matrices, right however far apart they are."""

from __future__ import annotations

import numpy as np

from engine.language.operations import Array

_SURE = (
    1e-10  # smallest ratio of a factor's singular values, its rows scaled to length 1, at which it is surely regular
)
_SWEEPS = 30  # of the rotations that make rows orthogonal; few are needed


def graded_logs(factors: Array) -> Array:
    """Compute log10 of the singular values of the product factors[m − 1] … factors[0], the largest first.

    A sweep of QR from the last factor to the first finds the directions in the order in which they are stretched. A sweep the
    other way, which starts from them, leaves a triangle whose rows decrease as the singular values do. Rotations of Jacobi
    make its rows, each with an exponent of its own, orthogonal; their lengths are the singular values.

    Args:
        factors: (m, n, n).

    Returns:
        (n,).

    Source: Demmel & Veselić (1992), Jacobi's method is more accurate than QR.
    """
    n = factors.shape[1]
    Q = np.eye(n)
    for A in factors[::-1]:
        Q, _, _ = _triangular(A.T @ Q)
    rows, exponents = np.eye(n), np.zeros(n, np.int64)
    for A in factors:
        Q, R, scale = _triangular(A @ Q)
        gaps = np.clip(exponents[None] - exponents[:, None], -2000, 1000)  # row j seen from row i
        rows = (np.triu(R) * np.ldexp(1.0, gaps)) @ rows
        shift = np.frexp(np.abs(rows).max(axis=1))[1]
        rows = np.ldexp(rows, -shift[:, None])
        exponents = exponents + shift + scale
    rows, exponents = _orthogonal(rows, exponents)
    logs = np.log10(np.linalg.norm(rows, axis=1)) + exponents * np.log10(2.0)
    return np.sort(logs)[::-1]


def is_sure(factors: Array) -> bool:
    """Whether no factor is a singular one that rounding has made regular: the directions of its rows differ enough."""
    length = np.linalg.norm(factors, axis=-1, keepdims=True)
    values = np.linalg.svd(factors / np.where(length == 0, 1, length), compute_uv=False)
    count = np.asarray((length[..., 0] > 0).sum(axis=-1, keepdims=True))  # rows of shut units are exactly 0
    least = np.take_along_axis(values, np.maximum(count - 1, 0), axis=-1)
    return bool(((least > _SURE * values[..., :1]) | (count == 0)).all())


def _triangular(M: Array) -> tuple[Array, Array, int]:
    """(Q, R, e) with M = 2^e Q R; the rows are sorted by length first, so that no short row is lost."""
    exponent = int(np.frexp(np.abs(M).max(initial=0))[1])
    M = np.ldexp(M, -exponent)
    order = np.argsort(-np.linalg.norm(M, axis=1))
    Q = np.empty_like(M)
    Q[order], R = np.linalg.qr(M[order])
    return Q, R, exponent


def _orthogonal(rows: Array, exponents: Array) -> tuple[Array, Array]:
    """Rotate the rows times 2^exponents in pairs, disjoint pairs at once, until they are orthogonal."""
    n = len(rows)
    players = np.arange(n + n % 2)
    for _ in range(_SWEEPS):
        worst = 0.0
        for _ in range(len(players) - 1):
            half = len(players) // 2
            i, j = players[:half], players[half:][::-1]
            real = (i < n) & (j < n)
            i, j = i[real], j[real]
            swap = exponents[i] < exponents[j]
            i, j = np.where(swap, j, i), np.where(swap, i, j)  # row i has the larger exponent
            g, h = rows[i], rows[j]
            a, b, c = (g * g).sum(1), (h * h).sum(1), (g * h).sum(1)
            cosine = np.abs(c) / np.sqrt(np.where(a * b == 0, 1, a * b))
            worst = max(worst, float(cosine.max(initial=0)))
            gap = np.ldexp(1.0, np.maximum(exponents[j] - exponents[i], -400))
            # tan θ over the gap, θ the angle that makes the two orthogonal
            difference = a - b * gap * gap
            root = np.abs(difference) + np.sqrt(difference**2 + 4 * (c * gap) ** 2)
            tangent = np.where(c == 0, 0, 2 * c / np.where(root == 0, 1, root)) * np.where(difference < 0, -1, 1)
            cos = 1 / np.sqrt(1 + (tangent * gap) ** 2)
            rows[i] = (g + h * (tangent * gap * gap)[:, None]) * cos[:, None]
            rows[j] = (h - g * tangent[:, None]) * cos[:, None]
            for k in (i, j):
                shift = np.frexp(np.abs(rows[k]).max(axis=1))[1]
                rows[k] = np.ldexp(rows[k], -shift[:, None])
                exponents[k] += shift
            players = np.concatenate([players[:1], players[-1:], players[1:-1]])
        if worst < 1e-14:
            break
    return rows, exponents
