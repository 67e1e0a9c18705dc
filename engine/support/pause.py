"""The places at which long work can be interrupted; whoever starts the work says what happens there.

The engine's long loops call `pause` between their parts. Usually it does nothing. Inside `pausing` it calls the function given,
which may wait, tell how far the work is, or raise: the work then ends, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_hook: ContextVar[Callable[[], None] | None] = ContextVar("pause", default=None)


def pause() -> None:
    """A place at which the work may be interrupted. **Holds:** work_ends_where_the_function_raises."""
    hook = _hook.get()
    if hook is not None:
        hook()


@contextmanager
def pausing(function: Callable[[], None]) -> Iterator[None]:
    """Within it, every `pause` of this thread calls the function."""
    token = _hook.set(function)
    try:
        yield
    finally:
        _hook.reset(token)
