"""Whether a formula is right: against the run's own numbers, a numerical derivative, and other networks of the same cell.

A formula that agrees at one set of numbers may do so by accident: the bias is zero, a matrix is symmetric, a size is
another's, a factor is one over the number of samples. So what agrees is tried on networks with other weights, inputs and
initial values, and of other sizes, numbers of steps and numbers of samples.

What rounding may have done to a formula's own operations is allowed for, as long as that is small beside the true numbers.
Where it is not, as in 1e14 * h - 1e14 * h, the numbers cannot tell whether the formula is right, and the verdict says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Final, Literal, TypeAlias

import numpy as np

from engine import formula as formulas
from engine.execute import interpreter
from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.flow.jacobians import jacobian_at
from engine.formula import Formula, Gradient, Misfit, Shape
from engine.inputs.setting import MAX_SEED
from engine.language.cell import Cell
from engine.language.expressions import Name, walk
from engine.language.operations import Array
from engine.support.arguments import sample_of, step_of, whole
from engine.verify.measured import measured
from engine.verify.tolerance import FORMULA_ROUGHNESS, FORMULA_ROUNDINGS, IMAGINARY_STEP, OF_A_FORMULA

#: right; right at these numbers only; wrong; rounding hides which; shapes that do not fit; not a number, or infinite;
#: nothing to compare with
Kind: TypeAlias = Literal["right", "here only", "wrong", "cannot be told", "misfit", "not finite", "unknown"]

_OTHERS: Final = 3  # networks that can tell
_SEEDS: Final = range(1, 9)  # of the networks that are tried for it
_SAMPLES: Final = (3, 1, 2, 4)  # of the other networks: the run's own number is left out
_MAX_WORK: Final = 2e8  # multiplications of a numerical derivative


@dataclass(frozen=True)
class Asked:
    """What a formula is the formula of, at step t (from 1; at 0 and below an initial value).

    gradient   of the total loss at a node, at x or at an initial value; of a parameter: at the copy that step t uses, or,
               t being None, the whole; all samples together
    value      of a node
    jacobian   ∂of(t)/∂name(t)
    """

    kind: Literal["gradient", "value", "jacobian"]
    name: str
    t: int | None
    of: str = ""


@dataclass(frozen=True)
class Other:
    """Another network on which a formula was tried: how far it is off there, inf where it has no such shape."""

    seed: int
    sizes: dict[str, int]
    T: int
    B: int
    difference: float
    agrees: bool


@dataclass(frozen=True)
class Verdict:
    """What came of testing a formula.

    kind        see `Kind`
    value       what the formula gives, None where it gives nothing
    truth       what the run has: (n,), or as the parameter or the Jacobian is; () for a loss
    measured    the same by disturbing the network, without any backward pass; None where that is not done
    difference  the largest |value − truth|, and `where` it is, counted from 0
    allowed     what that may be there
    message     where shapes do not fit, or what cannot be compared: why
    others      the other networks, of those that can tell
    one_sample  whether the formula is right for one sample and not for several, over which the loss is a mean
    circular    whether the formula reads the very thing that it is to give
    place       line and column of the operation whose shapes do not fit
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
    """Whether a formula is right. It is tried at the run's numbers and, if these do not refute it, on other random networks
    of the same cell: see `other_network`. A formula that is right for one sample alone, as most of the book's are, counts
    as right for a run of one sample.

    Two numbers agree if they differ by at most 1e-9 of the largest entry (1e-4 in float32), or by what rounding can have
    done to the formula's own operations. Where that is above 1e-6 (1e-2) of the largest true entry, agreement cannot be
    told. Without `numeric` the numerical derivative is left out.
    Raises ValueError for what there is not.
    **Holds:** right_formulas_are_right_for_every_cell, a_wrong_formula_is_wrong_on_every_network,
    cancelling_numbers_cannot_be_told, an_accident_of_the_run_holds_here_only.
    """
    asked, sample = _settled(run, asked, sample)
    exact = truth(run, asked, sample)
    disturbed = by_disturbance(run, asked, sample) if numeric else None
    reads = [part for part in walk(formula.expression) if isinstance(part, Name)]
    circular = asked.kind != "jacobian" and any(
        (part.name, part.lag, isinstance(part, Gradient)) == (asked.name, 0, asked.kind == "gradient") for part in reads
    )
    found = _compared(formula, run, asked, sample, exact)
    others: tuple[Other, ...] = ()
    kind, one_sample = found.kind, False
    if kind in ("right", "cannot be told"):
        others = _elsewhere(formula, run, asked)
        if run.B == 1 and not all(row.agrees for row in others):
            alone = _elsewhere(formula, run, asked, B=1)
            one_sample = bool(alone) and all(row.agrees for row in alone)
            others = alone
        if kind == "right" and others:
            kind = "right" if all(row.agrees for row in others) else "here only"
        elif not others:
            kind = "cannot be told"
    return Verdict(
        kind, found.value, exact, disturbed, found.difference, found.where, found.allowed, found.message, others,
        one_sample, circular, found.place,
    )  # fmt: skip


def _elsewhere(formula: Formula, run: Run, asked: Asked, B: int | None = None) -> tuple[Other, ...]:
    """What a formula gives on other networks, the first few whose numbers can tell."""
    found: list[Other] = []
    for seed in _SEEDS:
        other, there = other_network(run, asked, seed, B)
        tried = _compared(formula, other, there, 0, truth(other, there, 0))
        if tried.kind not in ("unknown", "cannot be told"):
            difference = tried.difference if tried.kind != "misfit" else np.inf
            found.append(Other(seed, _named_sizes(other), other.T, other.B, difference, tried.kind == "right"))
        if len(found) == _OTHERS:
            break
    return tuple(found)


@dataclass(frozen=True)
class _Compared:
    kind: Kind
    value: Array | None
    difference: float = float("nan")
    where: tuple[int, ...] = ()
    allowed: float = 0.0
    message: str = ""
    place: tuple[int, int] | None = None


def _compared(formula: Formula, run: Run, asked: Asked, sample: int, exact: Array) -> _Compared:
    """A formula at the numbers of one run."""
    t = asked.t
    try:
        shape = formulas.shape(formula, run, t, run.B if _shared(run, asked) else 1)
        value, error = _found(formula, run, asked, sample)
    except Misfit as misfit:
        return _Compared("misfit", None, message=misfit.message, place=(misfit.line, misfit.column))
    wanted = _shape(run, asked, exact)
    plain = formulas.as_vector(value, shape)
    if shape != wanted and not (value.size == exact.size == 1):
        message = f"it gives {formulas.in_words(shape)}, but {formulas.in_words(wanted)} is needed"
        back = value.T if value.T.shape == wanted else None
        if back is not None and np.allclose(back.reshape(exact.shape), exact, rtol=1e-6, atol=0):
            message += "; its transpose has the right numbers"
        return _Compared("misfit", plain, message=message)
    value, error = value.reshape(exact.shape), error.reshape(exact.shape)
    if not np.isfinite(exact).all():
        return _Compared("unknown", plain, message="the network's own number is not finite here")
    if not np.isfinite(value).all():
        bad = np.unravel_index(int(np.argmin(np.isfinite(value))), value.shape)
        return _Compared("not finite", plain, where=tuple(map(int, bad)))
    with np.errstate(all="ignore"):
        differences = np.abs(value - exact)
        largest = float(np.max(np.abs(exact), initial=0.0))
        rounding = FORMULA_ROUNDINGS * np.where(np.isnan(error), np.inf, error)
        allowed = OF_A_FORMULA[run.dtype.name] * largest + rounding
    kind: Kind
    if (differences > allowed).any():
        kind, rank = "wrong", np.where(differences > allowed, differences, -1)
    elif (rounding > FORMULA_ROUGHNESS[run.dtype.name] * largest).any():
        kind, rank = "cannot be told", rounding
    else:
        kind, rank = "right", differences
    worst = np.unravel_index(int(np.argmax(rank)), rank.shape)
    return _Compared(kind, plain, float(differences[worst]), tuple(map(int, worst)), float(allowed[worst]))


def _found(formula: Formula, run: Run, asked: Asked, sample: int) -> tuple[Array, Array]:
    """What the formula gives, and its rounding; for a parameter, which all samples share, their sum."""
    if not _shared(run, asked):
        return formulas.evaluated(formula, run, asked.t, sample)
    pairs = [formulas.evaluated(formula, run, asked.t, b) for b in range(run.B)]
    with np.errstate(all="ignore"):
        value = np.sum([value for value, _ in pairs], axis=0)
        error = np.sum([error + run.B * 2.3e-16 * np.abs(value) for value, error in pairs], axis=0)
    return value, error


def _shared(run: Run, asked: Asked) -> bool:
    """Whether what is asked is the gradient of a parameter, which all samples share."""
    return asked.kind == "gradient" and asked.name in run.parameters


def _shape(run: Run, asked: Asked, exact: Array) -> Shape:
    if asked.kind != "jacobian" and run.cell.is_number(asked.name):
        return ()
    return (exact.shape[0], 1) if exact.ndim == 1 else exact.shape


def truth(run: Run, asked: Asked, sample: int = 0) -> Array:
    """What is asked, from the run: (n,), or as the parameter or the Jacobian is; () for a loss."""
    asked, sample = _settled(run, asked, sample)
    name, t = asked.name, asked.t
    if asked.kind == "jacobian":
        assert t is not None
        return np.asarray(jacobian_at(run, asked.of, name, t, t)[sample])
    if asked.kind == "gradient" and name in run.parameters:
        return run.param_grad[name] if t is None else run.step_grad(name, slice(t - 1, t))[0]
    assert t is not None
    vector: Array = (run.grad_at if asked.kind == "gradient" else run.at)(name, t)[sample]
    return vector.reshape(()) if run.cell.is_number(name) else vector


def by_disturbance(run: Run, asked: Asked, sample: int = 0) -> Array | None:
    """What is asked by an imaginary step (difference quotients where a kink follows), without any backward pass.

    None for a value, for the copy of a parameter, and where it would take too long. Raises ValueError as `truth` does.
    """
    asked, sample = _settled(run, asked, sample)
    name, t = asked.name, asked.t
    if asked.kind == "gradient":
        if name in run.parameters and t is not None:
            return None
        found = measured(run, name, t, sample)
        if found is None:
            return None
        return found.gradient.reshape(()) if run.cell.is_number(name) else found.gradient
    if asked.kind == "value":
        return None
    assert t is not None
    n = run.sizes[name]
    work = sum(array.size for array in run.parameters.values()) + sum(run.sizes[node] for node in run.cell.nodes)
    if n * t * work > _MAX_WORK:
        return None
    rows = [sample] * n

    def disturb(node: str, k: int, value: Array) -> Array:
        if node == name and k == t - 1:
            value += 1j * IMAGINARY_STEP * np.eye(n)
        return value

    with np.errstate(all="ignore"):
        values = interpreter.evaluate(
            run.cell, run.sizes, {key: np.asarray(array, float) for key, array in run.parameters.items()},
            None if run.x is None else run.x[:t, rows].astype(float), run.y[:t, rows],
            {key: array[:, rows].astype(float) for key, array in run.initial.items()}, disturb,
        )  # fmt: skip
    return np.asarray(values[asked.of][t - 1].imag.T / IMAGINARY_STEP)


def other_network(run: Run, asked: Asked, seed: int, B: int | None = None) -> tuple[Run, Asked]:
    """A random network of the run's cell, and what is asked there: as near to the last step as in the run.

    Nothing is the run's that the cell does not fix: weights, inputs, targets, initial values, sizes, the number of steps,
    the number of samples (unless B gives it) and, where the run's losses have factors, the factors.
    **Holds:** other_networks_differ_in_everything.
    """
    asked, _ = _settled(run, asked, 0)
    seed = whole("seed", seed, 0, MAX_SEED, f"a whole number from 0 to {MAX_SEED}")
    random = np.random.default_rng(seed)
    cell, reach = run.cell, 1 + max([*run.cell.lags.values(), 0])
    many = reach + seed  # steps before or after what is asked, where it is not near an end
    t, T = asked.t, many
    if t is not None and t > 0:
        after = run.T - t if run.T - t <= reach else many
        t = next(k for k in count(many) if k != asked.t and k + after != run.T)
        T = t + after
    elif run.T == T:  # an initial value has its own place, whatever follows
        T += 1
    B = [number for number in _SAMPLES if number != run.B][seed % (len(_SAMPLES) - 1)] if B is None else B
    sizes = _other_sizes(run, seed)
    shapes, units = cell.shapes(sizes), cell.sizes(sizes)
    params = {name: random.normal(0.0, 1.0 if len(s) == 1 else s[1] ** -0.5, s) for name, s in shapes.items()}
    x = random.normal(size=(T, B, units["x"])) if cell.reads_x else None
    factors = None if (run.weights == 1).all() else random.uniform(0.5, 1.5, (T, B))
    initial = {name: random.normal(0.0, 0.5, (cell.lags[name], B, units[name])) for name in cell.states}
    other = run_cell(cell, params, x, _targets(run, random, T, B, units["y"]), initial, factors, run.reduction)
    return other, Asked(asked.kind, asked.name, t, asked.of)


def _targets(run: Run, random: np.random.Generator, T: int, B: int, n: int) -> Array:
    """Targets of the run's kind: classes, distributions, shares between 0 and 1, or any numbers."""
    if run.y.ndim == 2:
        return random.integers(0, n, (T, B))
    losses = {row.name for row in map(run.cell.loss, run.cell.nodes) if row is not None}
    if losses == {"mse"}:
        return random.normal(size=(T, B, n))
    y = random.uniform(0.05, 1.0, (T, B, n))
    sums_to_one = np.allclose(run.y.sum(axis=-1), 1)
    return y / y.sum(axis=-1, keepdims=True) if sums_to_one else y


def _other_sizes(run: Run, seed: int) -> dict[str, int]:
    """Sizes that differ from one another and from the run's, so that what fits by accident does so no more."""
    own, axes = _named_sizes(run), run.cell.dimensions
    found = {"1": 1}  # what shares its size with a loss has one unit
    for name, size in sorted(own.items(), reverse=bool(seed % 2)):
        axis = axes[name][-1]
        if axis not in found:
            found[axis] = next(n for n in count(1 + seed) if n != size and n not in found.values())
    return {name: found[axes[name][-1]] for name in own}


def _named_sizes(run: Run) -> dict[str, int]:
    """The sizes that make a run's cell, by the names that a user gives."""
    cell: Cell = run.cell
    found = {name: run.sizes[name] for name in ("x", "y") if name in run.sizes and (name != "x" or cell.reads_x)}
    for name, *_ in cell.hidden:
        found[name] = run.sizes[name] if name in run.sizes else _columns(run, name)
    return found


def _columns(run: Run, name: str) -> int:
    """The size of a class that only parameters have: a vector's length, or the columns of a matrix."""
    return int(run.parameters[name].shape[-1])


def _settled(run: Run, asked: Asked, sample: int) -> tuple[Asked, int]:
    """What is asked and the sample, in plain numbers; raises ValueError for what there is not."""
    cell, name, t = run.cell, asked.name, asked.t
    sample = sample_of(sample, run.B)
    if asked.kind == "gradient" and name in run.parameters:
        return (asked if t is None else replace(asked, t=step_of(t, run.T, of=f"a copy of {name}"))), sample
    known = cell.nodes if asked.kind == "jacobian" else (*cell.nodes, *(["x"] if cell.reads_x else []))
    for node in (name, *([asked.of] if asked.kind == "jacobian" else [])):
        if node not in known:
            raise ValueError(f"there is no {asked.kind} of {node[:60]!r} in {cell.name}; there are {', '.join(known)}")
    first = 1 if asked.kind == "jacobian" else 1 - cell.lags.get(name, 0)
    return replace(asked, t=step_of(t, run.T, first, name)), sample


__all__ = ["Asked", "Kind", "Other", "Verdict", "by_disturbance", "judge", "other_network", "truth"]
