"""What a formula is tested against: the quantity of a run that it should give, from the run and by a disturbance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from engine.execute import interpreter
from engine.execute.run import Run
from engine.flow.jacobians import jacobian_at
from engine.language.operations import Array
from engine.support.arguments import sample_of, step_of
from engine.verify.measured import measured
from engine.verify.tolerance import IMAGINARY_STEP

_MAX_WORK: Final = 2e8  # multiplications of a numerical derivative


@dataclass(frozen=True)
class Asked:
    """The quantity that a formula should give.

    Attributes:
        kind: "gradient" of the total loss at a node, at x or at an initial value, or at a parameter, summed over all samples;
            "value" of a node; or "jacobian" ∂of(t)/∂name(t).
        name: The node, x, state or parameter.
        t: The step, from 1; 0 and below for an initial value. For a parameter the step whose copy is meant, or None for the
            whole parameter.
        of: The node that is differentiated, for a Jacobian.
    """

    kind: Literal["gradient", "value", "jacobian"]
    name: str
    t: int | None
    of: str = ""


def checked(run: Run, asked: Asked, sample: int) -> tuple[Asked, int]:
    """The quantity and the sample with plain integers; raises ValueError if the run does not have them."""
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


def sums_samples(run: Run, asked: Asked) -> bool:
    """Whether the quantity is the gradient of a parameter, which all samples share."""
    return asked.kind == "gradient" and asked.name in run.parameters


def truth(run: Run, asked: Asked, sample: int = 0) -> Array:
    """Take a quantity from a run.

    Args:
        run: The run.
        asked: The quantity.
        sample: The sample, from 0; without effect for a parameter.

    Returns:
        (n,) for a vector, () for a loss, or the shape of the parameter or of the Jacobian.

    Raises:
        ValueError: If the run has no such quantity or sample.
    """
    asked, sample = checked(run, asked, sample)
    name, t = asked.name, asked.t
    if asked.kind == "jacobian":
        assert t is not None
        return np.asarray(jacobian_at(run, asked.of, name, t, t)[sample])
    if sums_samples(run, asked):
        return run.param_grad[name] if t is None else run.step_grad(name, slice(t - 1, t))[0]
    assert t is not None
    vector: Array = (run.grad_at if asked.kind == "gradient" else run.at)(name, t)[sample]
    return vector.reshape(()) if run.cell.is_number(name) else vector


def by_disturbance(run: Run, asked: Asked, sample: int = 0) -> Array | None:
    """Measure a quantity by an imaginary step (difference quotients if a kink follows), without any backward pass.

    Arguments and errors as in `truth`. None for a value, for one copy of a parameter, and if it would take too long.
    """
    asked, sample = checked(run, asked, sample)
    name, t = asked.name, asked.t
    if asked.kind == "value" or (sums_samples(run, asked) and t is not None):
        return None
    if asked.kind == "jacobian":
        assert t is not None
        return _jacobian(run, asked.of, name, t, sample)
    result = measured(run, name, t, sample)
    if result is None:
        return None
    return result.gradient.reshape(()) if run.cell.is_number(name) else result.gradient


def _jacobian(run: Run, of: str, wrt: str, t: int, sample: int) -> Array | None:
    """∂of(t)/∂wrt(t), (n_of, n_wrt), by imaginary steps; None if it would take too long."""
    n = run.sizes[wrt]
    work = sum(array.size for array in run.parameters.values()) + sum(run.sizes[node] for node in run.cell.nodes)
    if n * t * work > _MAX_WORK:
        return None

    def disturb(node: str, k: int, value: Array) -> Array:
        if node == wrt and k == t - 1:
            value += 1j * IMAGINARY_STEP * np.eye(n)
        return value

    rows = [sample] * n
    with np.errstate(all="ignore"):
        values = interpreter.evaluate(
            run.cell, run.sizes, {name: np.asarray(array, float) for name, array in run.parameters.items()},
            None if run.x is None else run.x[:t, rows].astype(float), run.y[:t, rows],
            {name: array[:, rows].astype(float) for name, array in run.initial.items()}, disturb,
        )  # fmt: skip
    return np.asarray(values[of][t - 1].imag.T / IMAGINARY_STEP)
