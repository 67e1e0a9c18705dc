"""Truncated back-propagation through time, compared with the whole gradient; and clipping.

A network that is cut in time is the same network on shorter sequences, which start from the states of the whole run. The
pieces therefore become samples of one run, and need no backward pass of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.language.operations import Array, locked
from engine.support.arguments import mapping, unmasked, whole

ROUNDINGS = 4096  # units in the last place, up to which two sums of the same numbers differ
_BATCH = 1 << 24  # numbers in a run of pieces, at most


@dataclass(frozen=True)
class Truncated:
    """The gradients of a run whose recurrence is cut, and their distance from the whole gradients.

    Attributes:
        grad: name -> (T, B, n), as in a run.
        param_grad: parameter -> its gradient, as in a run.
        initial_grad: state -> (K, B, n), as in a run.
        error: parameter -> ‖truncated − whole‖ / ‖whole‖; 0 where both are 0, or differ by rounding alone (`ROUNDINGS` units in
            the last place).
        cosine: parameter -> the cosine of the angle between the two gradients; nan where one is 0.
    """

    grad: Mapping[str, Array]
    param_grad: Mapping[str, Array]
    initial_grad: Mapping[str, Array]
    error: Mapping[str, float]
    cosine: Mapping[str, float]


def cut(run: Run, every: int) -> Truncated:
    """Compute the gradients with the recurrence cut at regular places.

    Args:
        run: the run.
        every: the number of steps between two cuts: no gradient flows from step every + 1 to step every, and so on. From T
            on the gradient is the whole one.

    Returns:
        The gradients, and their distance from the whole ones.

    Raises:
        ValueError: if `every` is not a whole number from 1, or a state of the run is not finite.

    **Holds:** cut_gradients_are_those_of_cut_networks.
    """
    every = _steps("every", every)
    starts = range(0, run.T, every)
    pieces = [(start, min(every, run.T - start), run.seed) for start in starts]
    return _of_pieces(run, pieces)


def window(run: Run, steps: int) -> Truncated:
    """Compute the gradients with each loss sent back a limited number of steps.

    Args:
        run: the run.
        steps: the largest number of steps, that of the loss included. From T on the gradient is the whole one.

    Returns:
        The gradients, and their distance from the whole ones.

    Raises:
        ValueError: if `steps` is not a whole number from 1, or a state of the run is not finite.

    **Holds:** windowed_gradients_are_partial_sums_of_by_loss.
    """
    steps = min(_steps("steps", steps), run.T)
    pieces = [(0, steps, run.seed)]
    for last in range(steps, run.T):
        only = np.zeros_like(run.seed)
        only[last] = run.seed[last]
        pieces.append((last + 1 - steps, steps, only))
    return _of_pieces(run, pieces)


def clip_by_norm(grads: Mapping[str, Array], limit: float) -> tuple[dict[str, Array], float]:
    """Scale gradients so that their common L2 norm is at most a limit; the norm is right even where its square is no float.

    Args:
        grads: {name: array}.
        limit: the largest norm.

    Returns:
        The scaled gradients, and the factor; 1 if the norm was within the limit.

    Raises:
        ValueError: if the limit is not positive, or a gradient is not finite.

    **Holds:** clipping_by_norm_keeps_the_direction.
    """
    mapping("grads", grads, "{name: array}")
    _positive(limit)
    largest = 0.0
    for name, grad in grads.items():
        unmasked(f"the gradient of {name}", grad)
        if not np.isfinite(grad).all():
            raise ValueError(f"the gradient of {name} has numbers that are not finite; there is no direction to keep")
        largest = max(largest, float(np.abs(grad).max(initial=0)))
    if not largest:
        return {name: np.array(grad) for name, grad in grads.items()}, 1.0
    near = {name: np.asarray(grad, np.float64) / largest for name, grad in grads.items()}
    norm = float(np.sqrt(sum(float(np.sum(grad**2)) for grad in near.values())))
    if limit / norm >= largest:
        return {name: np.array(grad) for name, grad in grads.items()}, 1.0
    clipped = {name: (grad * (limit / norm)).astype(grads[name].dtype) for name, grad in near.items()}
    return clipped, limit / norm / largest


def clip_by_value(grads: Mapping[str, Array], limit: float) -> tuple[dict[str, Array], int]:
    """Clip each entry of some gradients to the range from −limit to limit.

    Args:
        grads: {name: array}.
        limit: the largest absolute value.

    Returns:
        The clipped gradients, and the number of entries that were beyond the limit.

    Raises:
        ValueError: if the limit is not positive.

    **Holds:** clipping_by_value_bounds_every_entry.
    """
    mapping("grads", grads, "{name: array}")
    _positive(limit)
    for name, grad in grads.items():
        unmasked(f"the gradient of {name}", grad)
    beyond = sum(int((np.abs(grad) > limit).sum()) for grad in grads.values())
    return {name: np.clip(grad, -limit, limit) for name, grad in grads.items()}, beyond


def _of_pieces(run: Run, pieces: list[tuple[int, int, Array]]) -> Truncated:
    """Sum the gradients of some pieces, each a triple (index of the first step, number of steps, seed of all steps)."""
    if any(not np.isfinite(run.value[name]).all() for name in run.cell.states):
        assert run.overflow is not None
        raise ValueError(
            f"the values leave the range of floating point, {run.overflow.name!r} at step {run.overflow.t} first, so there are no"
            " gradients to truncate; take smaller weights or fewer steps"
        )
    grad = {name: np.zeros(array.shape, run.dtype) for name, array in run.grad.items()}
    param_grad = {name: np.zeros(array.shape, run.dtype) for name, array in run.param_grad.items()}
    initial_grad = {name: np.zeros(array.shape, run.dtype) for name, array in run.initial_grad.items()}
    with np.errstate(all="ignore"):
        for group, length in _batches(run, pieces):
            together = _together(run, group, length)
            for name, total in param_grad.items():
                total += together.param_grad[name]
            for name, array in grad.items():
                parts = together.grad[name].reshape(length, len(group), run.B, -1)
                for i, (start, _, _) in enumerate(group):
                    array[start : start + length] += parts[:, i]
            for name, array in initial_grad.items():
                parts = together.initial_grad[name].reshape(len(array), len(group), run.B, -1)
                for i, (start, _, _) in enumerate(group):
                    if start == 0:  # the initial values of all other pieces are cut off
                        array += parts[:, i]
    for array in (*grad.values(), *param_grad.values(), *initial_grad.values()):
        locked(array)
    error, cosine = {}, {}
    for name, truncated in param_grad.items():
        whole = run.param_grad[name]
        size, truncated_size = float(np.linalg.norm(whole)), float(np.linalg.norm(truncated))
        difference = float(np.linalg.norm(truncated - whole))
        same = difference <= ROUNDINGS * np.finfo(run.dtype).eps * size
        error[name] = 0.0 if same else difference / size if size else np.inf
        cosine[name] = float(np.sum(truncated * whole) / (size * truncated_size)) if size and truncated_size else np.nan
        if same and size:
            cosine[name] = 1.0
    return Truncated(grad, param_grad, initial_grad, error, cosine)


def _batches(run: Run, pieces: list[tuple[int, int, Array]]) -> Iterator[tuple[list[tuple[int, int, Array]], int]]:
    """Yield pieces of one length, as many as one run may hold, with that length."""
    for length in sorted({piece[1] for piece in pieces}):
        alike = [piece for piece in pieces if piece[1] == length]
        most = max(1, _BATCH // (length * run.B * sum(run.sizes.values())))
        for i in range(0, len(alike), most):
            yield alike[i : i + most], length


def _together(run: Run, group: list[tuple[int, int, Array]], length: int) -> Run:
    """Run the pieces as samples of one run, which start from the states of the whole run."""
    samples = np.tile(np.arange(run.B), len(group))
    first = np.repeat([start + 1 for start, _, _ in group], run.B)
    seed = np.concatenate([own[start : start + length] for start, _, own in group], axis=1)
    return run.part(samples, first, length, seed)


def _steps(what: str, number: int) -> int:
    return whole(what, number, 1, None, "a whole number of steps, at least 1")


def _positive(limit: float) -> None:
    if not limit > 0:
        raise ValueError(f"limit is {limit!r}; a positive number")
