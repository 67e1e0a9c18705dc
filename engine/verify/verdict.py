"""Whether a formula is right: against the run's own numbers, a numerical derivative, and other networks of the same cell.

A formula may agree with one set of numbers by accident: the bias is zero, a matrix is symmetric, two sizes are equal, a factor
is one over the number of samples. So a formula that agrees is tried on networks with other weights, inputs and initial values,
and with other sizes, numbers of steps and numbers of samples.

The rounding of a formula's own operations is allowed for, as long as it is small beside the true numbers. If it is not, as in
1e14 * h - 1e14 * h, the numbers cannot tell whether the formula is right, and the verdict says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from engine import formula as formulas
from engine.execute.run import Run
from engine.formula import Formula, Gradient, Misfit, Shape
from engine.language.expressions import Name, walk
from engine.language.operations import Array
from engine.verify.asked import Asked, by_disturbance, checked, sums_samples, truth
from engine.verify.other_networks import named_sizes, other_network
from engine.verify.tolerance import FORMULA_ROUGHNESS, FORMULA_ROUNDINGS, OF_A_FORMULA

#: right; right with these numbers only; wrong; undecidable because of rounding; shapes that do not fit; a result that is not
#: finite; a truth that is not finite
Kind: TypeAlias = Literal["right", "here only", "wrong", "cannot be told", "misfit", "not finite", "unknown"]

_OTHERS: Final = 3  # networks that decide
_SEEDS: Final = range(1, 9)  # seeds of the networks tried for it


@dataclass(frozen=True)
class Other:
    """Another network on which a formula was tried.

    Attributes:
        seed: Its seed.
        sizes: Its sizes, by the names by which a user gives them.
        T: Its number of steps.
        B: Its number of samples.
        difference: The largest difference from the truth there; inf if the shapes do not fit.
        agrees: Whether the formula is right there.
    """

    seed: int
    sizes: dict[str, int]
    T: int
    B: int
    difference: float
    agrees: bool


@dataclass(frozen=True)
class Verdict:
    """The result of testing a formula.

    Attributes:
        kind: See `Kind`.
        value: The result of the formula; None if it has none.
        truth: The quantity in the run: (n,), () for a loss, or the shape of the parameter or of the Jacobian.
        measured: The same by a disturbance, without any backward pass; None if that was not done.
        difference: |value − truth| at `where`, its largest entry or the one that decides.
        where: The place of that entry, counted from 0.
        allowed: The largest difference allowed there.
        message: Why shapes do not fit, or why nothing can be compared.
        others: The other networks that decided.
        one_sample: Whether the formula is right for one sample but not for the mean over several.
        circular: Whether the formula reads the very quantity that it should give.
        place: Line and column of the operation whose shapes do not fit.
    """

    kind: Kind
    value: Array | None
    truth: Array
    measured: Array | None
    difference: float = float("nan")
    where: tuple[int, ...] = ()
    allowed: float = 0.0
    message: str = ""
    others: tuple[Other, ...] = ()
    one_sample: bool = False
    circular: bool = False
    place: tuple[int, int] | None = None


def judge(formula: Formula, run: Run, asked: Asked, sample: int = 0, numeric: bool = True) -> Verdict:
    """Test a formula on a run and, unless the run refutes it, on other random networks of the same cell.

    Two numbers agree if they differ by at most 1e-9 of the largest entry (1e-4 in float32), or by the rounding of the
    formula's own operations. If that rounding exceeds 1e-6 (1e-2) of the largest true entry, agreement proves nothing. A
    formula that is right for one sample only, as most of the book's are, counts as right for a run of one sample.

    Args:
        formula: The formula.
        run: The run.
        asked: The quantity that the formula should give.
        sample: The sample, from 0; without effect for a parameter.
        numeric: Whether the numerical derivative is computed too.

    Returns:
        The verdict.

    Raises:
        ValueError: If the run has no such quantity or sample.

    **Holds:** right_formulas_are_right_for_every_cell, a_wrong_formula_is_wrong_on_every_network,
    cancelling_numbers_cannot_be_told, an_accident_of_the_run_holds_here_only.
    """
    asked, sample = checked(run, asked, sample)
    exact = truth(run, asked, sample)
    result = _compare(formula, run, asked, sample, exact)
    kind, others, one_sample = result.kind, tuple[Other, ...](), False
    if kind in ("right", "cannot be told"):
        others = _try_elsewhere(formula, run, asked)
        if run.B == 1 and not all(other.agrees for other in others):
            others = _try_elsewhere(formula, run, asked, B=1)
            one_sample = bool(others) and all(other.agrees for other in others)
        if not others:
            kind = "cannot be told"
        elif kind == "right" and not all(other.agrees for other in others):
            kind = "here only"
    measured = by_disturbance(run, asked, sample) if numeric else None
    return Verdict(
        kind, result.value, exact, measured, result.difference, result.where, result.allowed, result.message, others,
        one_sample, _is_circular(formula, asked), result.place,
    )  # fmt: skip


def _is_circular(formula: Formula, asked: Asked) -> bool:
    """Whether a formula reads the quantity that it should give."""
    reads = [part for part in walk(formula.expression) if isinstance(part, Name)]
    quantity = (asked.name, 0, asked.kind == "gradient")
    return asked.kind != "jacobian" and any(
        (part.name, part.lag, isinstance(part, Gradient)) == quantity for part in reads
    )


def _try_elsewhere(formula: Formula, run: Run, asked: Asked, B: int | None = None) -> tuple[Other, ...]:
    """Try a formula on other networks: the first few whose numbers decide."""
    others: list[Other] = []
    for seed in _SEEDS:
        network, quantity = other_network(run, asked, seed, B)
        result = _compare(formula, network, quantity, 0, truth(network, quantity, 0))
        if result.kind not in ("unknown", "cannot be told"):
            difference = result.difference if result.kind != "misfit" else np.inf
            agrees = result.kind == "right"
            others.append(Other(seed, named_sizes(network), network.T, network.B, difference, agrees))
        if len(others) == _OTHERS:
            break
    return tuple(others)


# --- on one network -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Comparison:
    """A formula compared with the truth on one network; attributes as in `Verdict`."""

    kind: Kind
    value: Array | None
    difference: float = float("nan")
    where: tuple[int, ...] = ()
    allowed: float = 0.0
    message: str = ""
    place: tuple[int, int] | None = None


def _compare(formula: Formula, run: Run, asked: Asked, sample: int, exact: Array) -> _Comparison:
    try:
        shape = formulas.shape(formula, run, asked.t, run.B if sums_samples(run, asked) else 1)
        value, error = _evaluate(formula, run, asked, sample)
    except Misfit as misfit:
        return _Comparison("misfit", None, message=misfit.message, place=(misfit.line, misfit.column))
    needed, vector = _shape(run, asked, exact), formulas.as_vector(value, shape)
    if shape != needed and not (value.size == exact.size == 1):
        message = f"it gives {formulas.in_words(shape)}, but {formulas.in_words(needed)} is needed"
        transposed = value.T if value.T.shape == needed else None
        if transposed is not None and np.allclose(transposed.reshape(exact.shape), exact, rtol=1e-6, atol=0):
            message += "; its transpose has the right numbers"
        return _Comparison("misfit", vector, message=message)
    value, error = value.reshape(exact.shape), error.reshape(exact.shape)
    if not np.isfinite(exact).all():
        return _Comparison("unknown", vector, message="the network's own number is not finite here")
    if not np.isfinite(value).all():
        place = np.unravel_index(int(np.argmin(np.isfinite(value))), value.shape)
        return _Comparison("not finite", vector, where=tuple(map(int, place)))
    return _compare_numbers(vector, value, error, exact, run.dtype.name)


def _compare_numbers(vector: Array, value: Array, error: Array, exact: Array, dtype: str) -> _Comparison:
    """Finite numbers of the right shape, `error` being the bound on their rounding."""
    with np.errstate(all="ignore"):
        differences = np.abs(value - exact)
        largest = float(np.max(np.abs(exact), initial=0.0))
        rounding = FORMULA_ROUNDINGS * np.where(np.isnan(error), np.inf, error)
        allowed = OF_A_FORMULA[dtype] * largest + rounding
    kind: Kind
    if (differences > allowed).any():
        kind, rank = "wrong", np.where(differences > allowed, differences, -1)
    elif (rounding > FORMULA_ROUGHNESS[dtype] * largest).any():
        kind, rank = "cannot be told", rounding
    else:
        kind, rank = "right", differences
    place = np.unravel_index(int(np.argmax(rank)), rank.shape)
    return _Comparison(kind, vector, float(differences[place]), tuple(map(int, place)), float(allowed[place]))


def _evaluate(formula: Formula, run: Run, asked: Asked, sample: int) -> tuple[Array, Array]:
    """The value of a formula, and the bound on its rounding; summed over the samples for a parameter."""
    if not sums_samples(run, asked):
        return formulas.evaluated(formula, run, asked.t, sample)
    pairs = [formulas.evaluated(formula, run, asked.t, b) for b in range(run.B)]
    with np.errstate(all="ignore"):
        value = np.sum([value for value, _ in pairs], axis=0)
        error = np.sum([error + run.B * 2.3e-16 * np.abs(value) for value, error in pairs], axis=0)
    return value, error


def _shape(run: Run, asked: Asked, exact: Array) -> Shape:
    """The shape that a formula for the quantity must have; a vector is a column."""
    if asked.kind != "jacobian" and run.cell.is_number(asked.name):
        return ()
    return (exact.shape[0], 1) if exact.ndim == 1 else exact.shape
