"""Random networks of a run's cell, on which a formula is tried that agrees with the run."""

from __future__ import annotations

from itertools import count
from typing import Final

import numpy as np

from engine.execute.run import Run
from engine.execute.run import run as run_cell
from engine.inputs.setting import MAX_SEED
from engine.language.operations import Array
from engine.support.arguments import whole
from engine.verify.asked import Asked, checked

_SAMPLES: Final = (3, 1, 2, 4)  # numbers of samples; that of the run is left out


def other_network(run: Run, asked: Asked, seed: int, B: int | None = None) -> tuple[Run, Asked]:
    """Make a random network of a run's cell, and find the asked quantity there, as near to the last step as in the run.

    Everything that the cell does not fix differs from the run: weights, inputs, targets, initial values, sizes, the number of
    steps, the number of samples, and the factors of the losses if the run has any.

    Args:
        run: The run.
        asked: The quantity.
        seed: The seed of the network.
        B: The number of samples; another than the run's if missing.

    Returns:
        The run of the network, and the quantity.

    Raises:
        ValueError: If the run has no such quantity, or if the seed is out of its range.

    **Holds:** other_networks_differ_in_everything.
    """
    asked, _ = checked(run, asked, 0)
    seed = whole("seed", seed, 0, MAX_SEED, f"a whole number from 0 to {MAX_SEED}")
    random, cell = np.random.default_rng(seed), run.cell
    t, T = _other_steps(run, asked.t, seed)
    B = [number for number in _SAMPLES if number != run.B][seed % (len(_SAMPLES) - 1)] if B is None else B
    sizes = _other_sizes(run, seed)
    shapes, units = cell.shapes(sizes), cell.sizes(sizes)
    params = {name: random.normal(0.0, 1.0 if len(s) == 1 else s[1] ** -0.5, s) for name, s in shapes.items()}
    x = random.normal(size=(T, B, units["x"])) if cell.reads_x else None
    factors = None if (run.weights == 1).all() else random.uniform(0.5, 1.5, (T, B))
    initial = {name: random.normal(0.0, 0.5, (cell.lags[name], B, units[name])) for name in cell.states}
    network = run_cell(cell, params, x, _targets(run, random, T, B, units["y"]), initial, factors, run.reduction)
    return network, Asked(asked.kind, asked.name, t, asked.of)


def _other_steps(run: Run, t: int | None, seed: int) -> tuple[int | None, int]:
    """Another step and another number of steps; near an end where the run's step is near it."""
    reach = 1 + max([*run.cell.lags.values(), 0])
    many = reach + seed  # steps before or after a step that is not near that end
    if t is not None and t > 0:
        after = run.T - t if run.T - t <= reach else many
        step = next(k for k in count(many) if k != t and k + after != run.T)
        return step, step + after
    return t, many + (many == run.T)  # an initial value has its own place, whatever follows


def _targets(run: Run, random: np.random.Generator, T: int, B: int, n: int) -> Array:
    """Targets of the same kind as the run's: classes, distributions, numbers between 0 and 1, or any numbers."""
    if run.y.ndim == 2:
        return random.integers(0, n, (T, B))
    losses = {row.name for row in map(run.cell.loss, run.cell.nodes) if row is not None}
    if losses == {"mse"}:
        return random.normal(size=(T, B, n))
    y = random.uniform(0.05, 1.0, (T, B, n))
    sums_to_one = np.allclose(run.y.sum(axis=-1), 1)
    return y / y.sum(axis=-1, keepdims=True) if sums_to_one else y


def _other_sizes(run: Run, seed: int) -> dict[str, int]:
    """Sizes that differ from one another and from the run's, so that nothing fits by accident."""
    sizes, axes = named_sizes(run), run.cell.dimensions
    size_of = {"1": 1}  # the class of names that share their size with a loss
    for name, size in sorted(sizes.items(), reverse=bool(seed % 2)):
        axis = axes[name][-1]
        if axis not in size_of:
            size_of[axis] = next(n for n in count(1 + seed) if n != size and n not in size_of.values())
    return {name: size_of[axes[name][-1]] for name in sizes}


def named_sizes(run: Run) -> dict[str, int]:
    """The sizes of a run, by the names by which a user gives them."""
    sizes = {name: run.sizes[name] for name in ("x", "y") if name in run.sizes and (name != "x" or run.cell.reads_x)}
    for name, *_ in run.cell.hidden:  # a class that only parameters have is a vector's length, or a matrix's columns
        sizes[name] = run.sizes[name] if name in run.sizes else int(run.parameters[name].shape[-1])
    return sizes
