"""Why gradients vanish: the factor of each step, its singular values, the matrices in it, and the rate of growth.

∇h(t) is a product of one Jacobian a step, so its size is decided by their singular values. All of it is computed from the
links of the run: no cell has a formula here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.execute.schedule import Affine, Elementwise, Instruction, Stage, Term, operands, schedule
from engine.flow.jacobians import jacobian_at
from engine.flow.links import WANTED, System, system
from engine.flow.norms import spectral_norm
from engine.flow.sweep import known, within_step
from engine.language.operations import Array
from engine.support.budget import fits
from engine.support.pause import pause

_WORK = 1 << 32  # multiplications that a product of Jacobians may cost, about
_WORK_OF_ONE = 1 << 26  # the same for the product of one Jacobian
_SURE = 1e-10  # the least singular value of a factor's directions, beside the largest, from which they are told apart
_SWEEPS = 30  # of the rotations that make rows orthogonal; few are needed
_CHUNK = 1 << 20  # numbers of the Jacobians that are made at a time


@dataclass(frozen=True)
class Factors:
    """The Jacobian of each step, row t − 1 being ∂name(t+1)/∂name(t) by all paths within the step (t = 1 … T − 1).

    jacobian    (T − 1, B, n, n)
    largest     (T − 1, B), its largest singular value: no gradient grows by more
    smallest    (T − 1, B), its smallest: no gradient shrinks by more
    weights     (T − 1, B), the largest singular value with every slope φ' taken as 1: the part of the weights
    activation  (T − 1, B), largest / weights: the part of the activations (nan where the weights' part is 0)
    """

    jacobian: Array
    largest: Array
    smallest: Array
    weights: Array
    activation: Array


@dataclass(frozen=True)
class Stretches:
    """The singular values of one Jacobian ∂of(t)/∂wrt(s), the largest first.

    log10  (B, k), their logarithms; −∞ for 0, nan where the Jacobian is not finite
    told   (B, k), whether a value is known: below `floor` nothing but rounding may be left of it
    floor  (B,), log10 of k ε σ_max; −∞ where the values come from the factors of the steps, each right however small
    """

    log10: Array
    told: Array
    floor: Array


@dataclass(frozen=True)
class Matrix:
    """A matrix that the recurrence multiplies by.

    singular     its singular values, the largest first
    eigenvalues  complex, the largest in magnitude first; none unless the matrix is square
    radius       the largest magnitude of an eigenvalue; None unless the matrix is square
    """

    name: str
    singular: Array
    eigenvalues: Array
    radius: float | None

    @property
    def largest(self) -> float:
        """σ_max."""
        return float(self.singular[0])


@dataclass(frozen=True)
class Growth:
    """How the product J(t) … J(1) of the Jacobians of the whole state grows along the run; natural logarithms.

    state     the names of the state and how many steps back each is read, (name, 0), (name, 1), …
    log_norm  (T, B), ln of the largest singular value of the product of the first t
    largest   (B,), the last one by step: the largest Lyapunov exponent of the run
    spectrum  (B, N), all exponents of the run, the largest first, by QR
    """

    state: tuple[tuple[str, int], ...]
    log_norm: Array
    largest: Array
    spectrum: Array


@dataclass(frozen=True)
class Bound:
    """‖∂h(t)/∂h(s)‖ ≤ rate^(t − s), Pascanu, Mikolov & Bengio (2013).

    weights  the product of the largest singular values on the cycle, σ_max(W)
    slope    the largest |φ'| that the activations can have
    seen     the largest |φ'| in this run: weights · seen is a bound of this run as well
    rate     weights · slope: below 1 the gradient must vanish, and it can explode only above 1
    """

    weights: float
    slope: float
    seen: float

    @property
    def rate(self) -> float:
        """σ_max(W) · max |φ'|."""
        return self.weights * self.slope

    def log10(self, steps: Array | int) -> Array:
        """log10 of the bound after so many steps."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.asarray(steps) * np.log10(self.rate))


def factors(run: Run, name: str) -> Factors:
    """The Jacobian of each step and what is in it.

    **Holds:** factors_are_those_of_the_jacobian, the_largest_factor_is_weights_times_activation.
    Raises ValueError for an unknown name, or for too much memory, with the T that would fit.
    """
    known(run, name)
    n = run.sizes[name]
    fits(f"the factors of {name!r}", lambda T: 8 * T * run.B * n * n * (4 + 2 * len(run.cell.states)), run.T, run.B)
    with np.errstate(all="ignore"):
        jacobian = step_jacobian(run, name, name)
        flat = spectral_norm(step_jacobian(run, name, name, flat=True))
        largest = spectral_norm(jacobian)
        finite = np.isfinite(jacobian).all(axis=(2, 3), keepdims=True)
        smallest = np.linalg.svd(np.where(finite, jacobian, 0), compute_uv=False)[..., -1]
        smallest = np.where(np.asarray(finite)[..., 0, 0], smallest, np.nan)
        return Factors(jacobian, largest, smallest, flat, largest / np.where(flat == 0, np.nan, flat))


def stretches(run: Run, of: str, wrt: str, t: int, s: int) -> Stretches:
    """The singular values of ∂of(t)/∂wrt(s), from the largest to the smallest.

    The smallest values of a long product are lost when it is multiplied out. Where the Jacobian is a product of one factor
    a step (a cell of one state that is read one step later, and `of` = `wrt` is that state), they are computed from the
    factors, right however small; elsewhere, and for more work than is done, `told` says which are known.
    **Holds:** singular_values_of_a_long_product_are_right (against mpmath).
    Raises ValueError for an unknown name or step.
    """
    whole = jacobian_at(run, of, wrt, t, s)
    t, s = int(t), int(s)
    k, n = min(whole.shape[1:]), run.sizes[wrt]
    with np.errstate(all="ignore"):
        if of == wrt and t > s and (t - s) * run.B * n**3 <= _WORK_OF_ONE:
            links = system(run, [of], of)
            if links.lags == {of: 1} and all(link.is_identity for link in links.links[of] if link.tail == WANTED):
                jacobians = np.concatenate(list(transitions(run, links, n)))[s:t]
                if np.isfinite(jacobians).all() and _is_sure(jacobians):
                    found = np.array([graded_logs(jacobians[:, b]) for b in range(run.B)])
                    return Stretches(found, np.ones(found.shape, bool), np.full(run.B, -np.inf))
        finite = np.asarray(np.isfinite(whole).all(axis=(1, 2)))
        values = np.linalg.svd(np.where(finite[:, None, None], whole, 0), compute_uv=False)
        logs = np.where(finite[:, None], np.log10(values), np.nan)
        floor = np.log10(k * np.finfo(np.float64).eps) + logs[:, 0]
        told = ~(logs < floor[:, None]) | (values[:, :1] == 0) | ((of == wrt) & (t == s))
        return Stretches(logs, told, np.where(finite, floor, -np.inf))


def _is_sure(factors: Array) -> bool:
    """Whether rounding cannot have made a singular factor regular: its rows, whatever their lengths, differ in direction."""
    length = np.linalg.norm(factors, axis=-1, keepdims=True)
    values = np.linalg.svd(factors / np.where(length == 0, 1, length), compute_uv=False)
    count = np.asarray((length[..., 0] > 0).sum(axis=-1, keepdims=True))  # rows of shut units are exactly 0
    least = np.take_along_axis(values, np.maximum(count - 1, 0), axis=-1)
    return bool(((least > _SURE * values[..., :1]) | (count == 0)).all())


def graded_logs(factors: Array) -> Array:
    """log10 of the singular values of the product factors[m − 1] … factors[0], (m, n, n), right however far apart they are.

    A sweep of QR from the last factor to the first finds the directions that are stretched, in their order. From them, a
    sweep the other way leaves a triangle whose rows fall off as the singular values do; its rows, each with an exponent of
    its own, are made orthogonal by the rotations of Jacobi, whose lengths are the values (Demmel & Veselić, 1992).
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


def _triangular(M: Array) -> tuple[Array, Array, int]:
    """M = 2^e Q R, as (Q, R, e); rows are taken from the longest to the shortest, so that no short one is lost."""
    exponent = int(np.frexp(np.abs(M).max(initial=0))[1])
    M = np.ldexp(M, -exponent)
    order = np.argsort(-np.linalg.norm(M, axis=1))
    Q = np.empty_like(M)
    Q[order], R = np.linalg.qr(M[order])
    return Q, R, exponent


def _orthogonal(rows: Array, exponents: Array) -> tuple[Array, Array]:
    """Rows times 2^exponents, turned by rotations of pairs until they are orthogonal; disjoint pairs are turned at once."""
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


def step_jacobian(run: Run, of: str, wrt: str, flat: bool = False) -> Array:
    """∂of(t+1)/∂wrt(t) by all paths, (T − 1, B, n_of, n_wrt); with `flat` every slope is taken as 1."""
    links = system(run, [of], wrt, flat=flat)
    m = run.sizes[of]
    left, _ = within_step(links, {of: np.broadcast_to(np.eye(m), (run.T, run.B, m, m))})
    before = {tail: g[1:] for (tail, lag), g in left.items() if lag == 1}
    _, found = within_step(links, before, slice(0, run.T - 1))
    return np.zeros((run.T - 1, run.B, m, run.sizes[wrt])) if found is None else np.asarray(found)


def recurrent_matrices(run: Run) -> tuple[Matrix, ...]:
    """The matrices by which a recurrence multiplies its own values, in the order of the cell's parameters."""
    names = {term.matrix for stage, i in _recurrent(run) for term in _inner(i, stage)}
    return tuple(_matrix(name, run.parameters[name]) for name in run.cell.parameters if name in names)


def growth(run: Run, name: str) -> Growth | None:
    """The growth of the product of Jacobians of the state that `name` belongs to; None if it is in no recurrence.

    **Holds:** exponents_of_a_linear_system_are_the_logarithms_of_its_eigenvalues, the_exponents_sum_to_the_determinant's.
    Raises ValueError for an unknown name, or for more work than is done, with the T that would fit.
    """
    known(run, name)
    with np.errstate(all="ignore"):
        links = system(run, [name], name)
        if not links.lags:
            return None
        N = sum(lag * links.units[state] for state, lag in links.lags.items())
        if run.T * run.B * N**3 > _WORK:
            raise ValueError(
                f"the growth along T = {run.T} steps of a state of {N} units in B = {run.B} samples takes too long; "
                f"T · B up to {_WORK // N**3:,} would do"
            )
        return _growth(run, links, N)


def bound(run: Run, name: str) -> Bound | None:
    """The bound of Pascanu et al. for a name in a recurrence of one cycle without gates; else None, for it does not hold.

    **Holds:** no_jacobian_is_larger_than_the_bound.
    Raises ValueError for an unknown name.
    """
    known(run, name)
    stage = next(
        (s for s in schedule(run.cell).stages if s.recurrent and name in {i.out for i in s.instructions}), None
    )
    if stage is None:
        return None
    inside = {i.out for i in stage.instructions}
    weights, slope, seen, lags = 1.0, 1.0, 1.0, 0
    for i in stage.instructions:
        own = [operand for operand in operands(i) if operand.name in inside and not operand.is_parameter]
        if len(own) != 1:
            return None
        lags += own[0].lag
        if isinstance(i, Elementwise) and i.function.bound is not None:
            slope *= i.function.bound
            seen *= float(np.abs(run.slope(i.out)).max()) if i.argument.name in run.value else i.function.bound
        elif isinstance(i, Affine):
            (term,) = (term for term in i.terms if own[0] in term.factors)
            if term.matrix is None and any(f != own[0] and not f.is_parameter for f in term.factors):
                return None
            weights *= abs(term.coefficient)
            if term.matrix is not None:
                weights *= _matrix(term.matrix, run.parameters[term.matrix]).largest
            for factor in term.factors:
                if factor.is_parameter:
                    weights *= float(np.abs(run.parameters[factor.name]).max())
        else:
            return None
    return Bound(weights, slope, seen) if lags == 1 else None


def _recurrent(run: Run) -> Iterator[tuple[Stage, Instruction]]:
    """Every instruction of a recurrence."""
    return ((stage, i) for stage in schedule(run.cell).stages if stage.recurrent for i in stage.instructions)


def _inner(i: Instruction, stage: Stage) -> list[Term]:
    """The products of an instruction whose vector is of its own recurrence."""
    inside = {other.out for other in stage.instructions}
    terms = i.terms if isinstance(i, Affine) else ()
    return [term for term in terms if term.matrix is not None and term.factors[0].name in inside]


def _matrix(name: str, value: Array) -> Matrix:
    W = np.asarray(value, np.float64)
    singular = np.linalg.svd(W, compute_uv=False)
    if W.shape[0] != W.shape[1]:
        return Matrix(name, singular, np.zeros(0, complex), None)
    eigenvalues = np.linalg.eigvals(W).astype(complex)
    eigenvalues = eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]
    return Matrix(name, singular, eigenvalues, float(np.abs(eigenvalues[0])))


def transitions(run: Run, links: System, N: int) -> Iterator[Array]:
    """∂z(t)/∂z(t−1), (steps, B, N, N), a chunk of steps at a time, z(t) being the values that links.lags says are kept."""
    places, at = {}, 0
    for name, lag in links.lags.items():
        for k in range(lag):
            places[name, k] = slice(at, at + links.units[name])
            at += links.units[name]
    chunk = max(1, _CHUNK // (run.B * N * N))
    for start in range(0, run.T, chunk):
        pause()
        steps = slice(start, min(run.T, start + chunk))
        count = steps.stop - start
        found = np.zeros((count, run.B, N, N))
        for (name, k), rows in places.items():
            n = links.units[name]
            if k:
                found[:, :, rows, places[name, k - 1]] = np.eye(n)
                continue
            left, _ = within_step(links, {name: np.broadcast_to(np.eye(n), (count, run.B, n, n))}, steps)
            for (tail, lag), g in left.items():
                found[:, :, rows, places[tail, lag - 1]] += g
        yield found


def _growth(run: Run, links: System, N: int) -> Growth:
    B = run.B
    product, shift = np.broadcast_to(np.eye(N), (B, N, N)), np.zeros(B)
    Q = product
    total, log_norm = np.zeros((B, N)), []
    for jacobians in transitions(run, links, N):
        products, shifts = np.empty_like(jacobians), np.empty(jacobians.shape[:2])
        for t, J in enumerate(jacobians):
            good = np.isfinite(J).all(axis=(1, 2), keepdims=True)
            J = np.where(good, J, 0)
            Q, R = np.linalg.qr(J @ Q)
            total += np.where(good[:, :, 0], np.log(np.abs(np.diagonal(R, axis1=1, axis2=2))), np.nan)
            product = J @ product
            _, e = np.frexp(np.abs(product).max(axis=(1, 2)))
            product = np.ldexp(product, -e[:, None, None])
            shift = shift + np.where(good[:, 0, 0], e * np.log(2), np.nan)
            products[t], shifts[t] = product, shift
        log_norm.append(np.log(spectral_norm(products)) + shifts)
    norms = np.concatenate(log_norm)
    spectrum = np.sort(total / run.T, axis=1)[:, ::-1]
    state = tuple((name, k) for name, lag in links.lags.items() for k in range(lag))
    return Growth(state, norms, norms[-1] / run.T, spectrum)
