"""The local derivatives φ'(a) along time, and the share of the units that are saturated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine import Run
from engine.language import FUNCTIONS
from explorer.facts.norms import Array
from explorer.model import samples

SATURATED: Final = 0.1  # a unit is saturated where its slope is below this share of the largest that its function has
QUANTILES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)


def functions(run: Run) -> tuple[str, ...]:
    """The nodes φ(a) that have a local derivative."""
    return tuple(name for name in run.cell.nodes if run.cell.operation(name) in FUNCTIONS)


def threshold(run: Run, name: str) -> float:
    """The slope below which a unit of a node φ(a) is saturated; of a function with unbounded slope, as if that were 1."""
    return SATURATED * (FUNCTIONS[str(run.cell.operation(name))].bound or 1.0)


@dataclass(frozen=True)
class Slopes:
    """φ'(a(t)) along time: its `QUANTILES` (5, T), nan where a unit's is, and the share of saturated units (T,)."""

    quantiles: Array
    saturated: Array


def _saturated_units(run: Run, name: str, steps: slice = slice(None)) -> NDArray[np.bool_]:
    """Which units of a node φ(a) are saturated, (steps, B, n)."""
    return np.asarray(np.abs(run.slope(name, steps)) < threshold(run, name))


def slopes(run: Run, name: str, sample: int = 0) -> Slopes:
    """The local derivatives of a node φ(a) along time. Raises ValueError for any other node."""
    chosen = samples.span(run, sample)
    slope = run.slope(name)[:, chosen].reshape(run.T, -1).astype(np.float64)
    with np.errstate(all="ignore"):
        share = _saturated_units(run, name)[:, chosen].reshape(run.T, -1).mean(axis=1)
        return Slopes(np.quantile(slope, QUANTILES, axis=1), share)


def saturated(run: Run, *names: str, steps: slice = slice(None)) -> float:
    """The share of the units and steps of some nodes φ(a) that are saturated, over all samples; nan without a node."""
    with np.errstate(all="ignore"):
        units = [_saturated_units(run, name, steps).ravel() for name in names]
    return float(np.concatenate(units).mean()) if units else float("nan")
