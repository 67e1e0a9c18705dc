"""Single gradients measured by a disturbance, without any backward pass."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.language.operations import Array
from engine.verify.disturbance import (
    TRIES,
    WORK,
    Batch,
    Quantity,
    complex_slopes,
    quantities,
    quotient_slopes,
    rows_affordable,
    upstream_of_kinks,
)


@dataclass(frozen=True)
class Measured:
    """A gradient found by disturbing the node, without any backward pass.

    Attributes:
        gradient: (n,), or the parameter's shape; nan where every step crosses a kink, and at entries not disturbed.
        exact: Whether it comes from an imaginary step, which has no error of its own; else from difference quotients.
        error: The largest difference from the run's gradient; nan if nothing could be measured.
        entries: The number of entries that were disturbed.
    """

    gradient: Array
    exact: bool
    error: float
    entries: int


def measured(run: Run, name: str, t: int | None, sample: int = 0) -> Measured | None:
    """Measure a gradient by disturbing a node, x, an initial value or a parameter.

    Args:
        run: The run.
        name: The name of the node, input, state or parameter.
        t: The step, from 1; 0 and below for an initial value. None for a parameter, which all steps and samples share.
        sample: The sample, from 0; without effect for a parameter.

    Returns:
        The gradient, (n,) or the parameter's shape; None if the measurement would take too long.

    Raises:
        ValueError: If the run has no such name, step or sample.

    **Holds:** the_measured_gradient_is_the_runs.
    """
    result = measured_together(run, (name,), t, sample)[name]
    return None if result is None or result.entries < result.gradient.size else result


@np.errstate(all="ignore")
def measured_together(
    run: Run, names: Collection[str], t: int | None, sample: int = 0, work: float = WORK
) -> dict[str, Measured | None]:
    """Measure the gradients at several names together, within `work` multiplications in all.

    If the work does not suffice for all entries, an evenly spread part of each gradient is measured, and its other entries
    are nan. None stands for a name that no entry could be afforded for. Raises as `measured`.

    **Holds:** the_work_is_bounded_and_shared.
    """
    sample, _ = run.check_place(sample)
    if t is not None:
        for name in names:
            _, t = run.check_place(sample, t, name)
    kinds = ("parameter",) if t is None else ("node", "input") if t > 0 else ("initial",)
    disturbed = {quantity.name: quantity for quantity in quantities(run) if quantity.kind in kinds}
    for name in names:
        if name not in disturbed:
            raise ValueError(f"there is no gradient of {name!r}" + ("" if t is None else f" at t = {t}"))
    gradients: dict[str, Measured | None] = dict.fromkeys(names)
    kinked = upstream_of_kinks(run.cell)
    for exact in (True, False):
        for joint in (True, False):
            group = [
                quantity
                for name, quantity in disturbed.items()
                if name in gradients and ((name not in kinked), (name not in run.cell.joint)) == (exact, joint)
            ]
            if group:
                gradients |= _measured(run, group, t, sample, exact, joint, work * len(group) / len(gradients))
    return gradients


def _measured(
    run: Run, disturbed: list[Quantity], t: int | None, sample: int, exact: bool, joint: bool, work: float
) -> dict[str, Measured]:
    """Measure some quantities of one kind by one batch."""
    at_once, limit = rows_affordable(run, 1 if exact else TRIES, run.T + 1 - max(t or 1, 1), work)
    samples = np.arange(run.B) if t is None else np.array([sample])
    shapes = [quantity.value.shape if t is None else quantity.value.shape[-1:] for quantity in disturbed]
    chosen = _spread([int(np.prod(shape)) for shape in shapes], limit // len(samples))
    rows = []
    for i, quantity in enumerate(disturbed):
        row = 0 if t is None else t - 1 if t > 0 else t + len(quantity.value) - 1
        entries = chosen[i] + (0 if t is None else (row * run.B + sample) * quantity.value.shape[-1])
        rows.append((np.full(len(entries) * len(samples), i), np.repeat(entries, len(samples))))
    which, entry = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    starts = np.arange(0, len(entry), len(samples))
    gradients: dict[str, Measured] = {}
    if not len(entry):
        return gradients
    batch = Batch(disturbed, which, entry, np.tile(samples, len(starts)), starts)
    slopes_and_doubts = (complex_slopes if exact else quotient_slopes)(run, batch, at_once, joint)
    slopes, doubts = (np.add.reduceat(array, starts) for array in slopes_and_doubts)
    slopes = np.where(np.isfinite(doubts), slopes, np.nan)
    differences = np.abs(slopes - batch.grads())
    for i, quantity in enumerate(disturbed):
        derivatives = which[starts] == i
        if derivatives.any():
            gradient = np.full(shapes[i], np.nan)
            gradient.reshape(-1)[chosen[i]] = slopes[derivatives]
            error = (
                float(np.nanmax(differences[derivatives]))
                if not np.isnan(differences[derivatives]).all()
                else float("nan")
            )
            gradients[quantity.name] = Measured(gradient, exact, error, int(derivatives.sum()))
    return gradients


def _spread(sizes: list[int], limit: int) -> list[Array]:
    """Of arrays of these sizes the entries to disturb: all, or evenly spread ones, within the limit for all arrays."""
    chosen = [np.zeros(0, int)] * len(sizes)
    for done, i in enumerate(sorted(range(len(sizes)), key=lambda i: sizes[i])):
        count = min(sizes[i], limit // (len(sizes) - done))
        chosen[i] = np.unique(np.linspace(0, sizes[i] - 1, count).astype(int))
        limit -= len(chosen[i])
    return chosen
