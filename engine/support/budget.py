"""Bounds of memory, checked before anything is allocated whose size the arguments decide."""

from __future__ import annotations

from collections.abc import Callable

MAX_BYTES = 1 << 30  # of a result together with what its computation keeps
MAX_RUN_BYTES = 4 << 30  # of the values and gradients of one run


def fits(
    what: str, needed: Callable[[int], int], T: int, B: int = 1, remedy: str = "", most: int | None = None
) -> None:
    """Check that a result of T steps stays within the memory that is allowed.

    Args:
        what: the result, for the message, which gives the largest T that would fit.
        needed: T -> bytes, growing with T.
        T: the steps that were requested.
        B: the samples that were requested.
        remedy: what else the caller can do.
        most: bytes, `MAX_BYTES` if missing.

    Raises:
        ValueError: if more bytes are needed.
    """
    most = MAX_BYTES if most is None else most
    if needed(T) <= most:
        return
    low, high = 0, T
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= most else (low, middle)
    fit = f"T up to {low:,} would fit with these sizes" if low else "no T would fit with these sizes"
    raise ValueError(
        f"{what} needs about {needed(T):,} bytes for T = {T}, B = {B}; at most {most:,} are taken: {fit}"
        + (f"; {remedy}" if remedy else "")
    )
