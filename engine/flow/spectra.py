"""Why gradients vanish: the factor of each step, its singular values, the matrices in it, and the rate of growth.

∇h(t) contains a product of one Jacobian per step, and the singular values of these factors decide its size. Everything is
computed from the links of the run; there is no formula for any particular cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.execute.schedule import Affine, Elementwise, Instruction, Stage, Term, operands, schedule
from engine.flow.graded import graded_logs, is_sure
from engine.flow.jacobians import jacobian_at
from engine.flow.links import WANTED, System, system
from engine.flow.norms import spectral_norm
from engine.flow.sweep import check_name, within_step
from engine.language.operations import Array
from engine.support.budget import fits
from engine.support.pause import pause

_WORK = 1 << 32  # multiplications of a product of Jacobians, at most, about
_WORK_OF_ONE = 1 << 26  # the same for the product of one Jacobian
_CHUNK = 1 << 20  # numbers of the Jacobians that are made at a time


@dataclass(frozen=True)
class Factors:
    """The Jacobian of each step; row t − 1 is ∂name(t+1)/∂name(t) along all paths within the step, t = 1 … T − 1.

    Attributes:
        jacobian: (T − 1, B, n, n).
        largest: (T − 1, B), its largest singular value: no gradient grows by more.
        smallest: (T − 1, B), its smallest singular value: no gradient shrinks by more.
        weights: (T − 1, B), the largest singular value with every slope φ' taken as 1: the part of the weights.
        activation: (T − 1, B), largest / weights: the part of the activations; nan where the part of the weights is 0.
    """

    jacobian: Array
    largest: Array
    smallest: Array
    weights: Array
    activation: Array


@dataclass(frozen=True)
class Stretches:
    """The singular values of one Jacobian ∂of(t)/∂wrt(s), the largest first.

    Attributes:
        log10: (B, k), their logarithms; −∞ for 0, nan where the Jacobian is not finite.
        known: (B, k), whether a value is known; a value below `floor` may be rounding alone.
        floor: (B,), log10 of k ε σ_max; −∞ where the values come from the factors of the steps, each right however small.
    """

    log10: Array
    known: Array
    floor: Array


@dataclass(frozen=True)
class Matrix:
    """A matrix of a recurrence.

    Attributes:
        name: its parameter.
        singular: its singular values, the largest first.
        eigenvalues: complex, the largest in magnitude first; none if the matrix is not square.
        radius: the largest magnitude of an eigenvalue; None if the matrix is not square.
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
    """The growth of the product J(t) … J(1) of the Jacobians of the whole state along the run, in natural logarithms.

    Attributes:
        state: the values that make up the state: (name, 0), (name, 1), …, each with its steps back.
        log_norm: (T, B), ln of the largest singular value of the product of the first t.
        largest: (B,), the last of these per step: the largest Lyapunov exponent of the run.
        spectrum: (B, N), all Lyapunov exponents of the run, the largest first, by QR.
    """

    state: tuple[tuple[str, int], ...]
    log_norm: Array
    largest: Array
    spectrum: Array


@dataclass(frozen=True)
class Bound:
    """The bound ‖∂h(t)/∂h(s)‖ ≤ rate^(t − s).

    Attributes:
        weights: the product of the largest singular values on the cycle, such as σ_max(W).
        slope: the largest |φ'| of the activations.
        seen: the largest |φ'| in this run; weights · seen is a bound of this run as well.

    Source: Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks.
    """

    weights: float
    slope: float
    seen: float

    @property
    def rate(self) -> float:
        """σ_max(W) · max |φ'|: below 1 the gradient must vanish; only above 1 can it explode."""
        return self.weights * self.slope

    def log10(self, steps: Array | int) -> Array:
        """Log10 of the bound after a number of steps."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.asarray(steps) * np.log10(self.rate))


def factors(run: Run, name: str) -> Factors:
    """Compute the Jacobian of a node from each step to the next, and its parts from weights and activations.

    Args:
        run: the run.
        name: a node.

    Returns:
        The factors, one per step but the last.

    Raises:
        ValueError: for an unknown name, or for too much memory, with the T that would fit.

    **Holds:** factors_are_those_of_the_jacobian, the_largest_factor_is_weights_times_activation.
    """
    check_name(run, name)
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
    """Compute the singular values of ∂of(t)/∂wrt(s).

    A long product loses its smallest values when it is multiplied out. If the Jacobian is a product of one factor per step (a
    cell with one state that is read one step later, and both names are that state), the values are computed from the factors,
    each right however small. Otherwise, or if that would take too long, `known` marks the values that are known.

    Args:
        run: the run.
        of: a node; a loss is taken before its weight.
        wrt: a node, or "x".
        t: the step of `of`, from 1.
        s: the step of `wrt`, from 1.

    Returns:
        The singular values, the largest first.

    Raises:
        ValueError: for an unknown name or step.

    **Holds:** singular_values_of_a_long_product_are_right (against mpmath).
    """
    whole = jacobian_at(run, of, wrt, t, s)
    t, s = int(t), int(s)
    k, n = min(whole.shape[1:]), run.sizes[wrt]
    with np.errstate(all="ignore"):
        if of == wrt and t > s and (t - s) * run.B * n**3 <= _WORK_OF_ONE:
            links = system(run, [of], of)
            if links.lags == {of: 1} and all(link.is_identity for link in links.links[of] if link.tail == WANTED):
                jacobians = np.concatenate(list(transitions(run, links, n)))[s:t]
                if np.isfinite(jacobians).all() and is_sure(jacobians):
                    magnitudes = np.array([graded_logs(jacobians[:, b]) for b in range(run.B)])
                    return Stretches(magnitudes, np.ones(magnitudes.shape, bool), np.full(run.B, -np.inf))
        finite = np.asarray(np.isfinite(whole).all(axis=(1, 2)))
        values = np.linalg.svd(np.where(finite[:, None, None], whole, 0), compute_uv=False)
        logs = np.where(finite[:, None], np.log10(values), np.nan)
        floor = np.log10(k * np.finfo(np.float64).eps) + logs[:, 0]
        known = ~(logs < floor[:, None]) | (values[:, :1] == 0) | ((of == wrt) & (t == s))
        return Stretches(logs, known, np.where(finite, floor, -np.inf))


def step_jacobian(run: Run, of: str, wrt: str, flat: bool = False) -> Array:
    """Compute ∂of(t+1)/∂wrt(t) along all paths, (T − 1, B, n_of, n_wrt); with `flat` every slope is taken as 1."""
    links = system(run, [of], wrt, flat=flat)
    m = run.sizes[of]
    left, _ = within_step(links, {of: np.broadcast_to(np.eye(m), (run.T, run.B, m, m))})
    before = {tail: g[1:] for (tail, lag), g in left.items() if lag == 1}
    _, jacobian = within_step(links, before, slice(0, run.T - 1))
    return np.zeros((run.T - 1, run.B, m, run.sizes[wrt])) if jacobian is None else np.asarray(jacobian)


def recurrent_matrices(run: Run) -> tuple[Matrix, ...]:
    """List the matrices by which a recurrence multiplies its own values.

    Args:
        run: the run.

    Returns:
        Their singular values and eigenvalues, in the order of the cell's parameters.
    """
    names = {term.matrix for stage, i in _recurrent(run) for term in _inner(i, stage)}
    return tuple(_matrix(name, run.parameters[name]) for name in run.cell.parameters if name in names)


def growth(run: Run, name: str) -> Growth | None:
    """Compute the growth of the product of Jacobians of a state.

    Args:
        run: the run.
        name: a node of the recurrence whose state is meant.

    Returns:
        The growth, or None if the node is in no recurrence.

    Raises:
        ValueError: for an unknown name, or if it would take too long, with the T · B that would do.

    **Holds:** exponents_of_a_linear_system_are_the_logarithms_of_its_eigenvalues, the_exponents_sum_to_the_determinant's.
    """
    check_name(run, name)
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
    """Compute the bound of Pascanu et al. on the Jacobians of a node.

    Args:
        run: the run.
        name: a node.

    Returns:
        The bound, or None unless the node is in a recurrence of one cycle without gates: elsewhere it does not hold.

    Raises:
        ValueError: for an unknown name.

    **Holds:** no_jacobian_is_larger_than_the_bound.
    """
    check_name(run, name)
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
    """Each instruction of a recurrence with its stage."""
    return ((stage, i) for stage in schedule(run.cell).stages if stage.recurrent for i in stage.instructions)


def _inner(i: Instruction, stage: Stage) -> list[Term]:
    """The products of an instruction with a vector of the same recurrence."""
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
    """Yield ∂z(t)/∂z(t−1), (steps, B, N, N), for one chunk of steps after the other; z(t) are the values of `links.lags`."""
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
        jacobians = np.zeros((count, run.B, N, N))
        for (name, k), rows in places.items():
            n = links.units[name]
            if k:
                jacobians[:, :, rows, places[name, k - 1]] = np.eye(n)
                continue
            left, _ = within_step(links, {name: np.broadcast_to(np.eye(n), (count, run.B, n, n))}, steps)
            for (tail, lag), g in left.items():
                jacobians[:, :, rows, places[tail, lag - 1]] += g
        yield jacobians


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
