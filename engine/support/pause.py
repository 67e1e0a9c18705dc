"""Places where long work can be interrupted.

The engine's long loops call `pause` between their parts. Usually it does nothing. Inside `pausing` it calls a function of the
caller, which may wait, report progress, or raise: the work then ends, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_hook: ContextVar[Callable[[], None] | None] = ContextVar("pause", default=None)


def pause() -> None:
    """Call the function of the surrounding `pausing`, if there is one.

    **Holds:** work_ends_where_the_function_raises.
    """
    hook = _hook.get()
    if hook is not None:
        hook()


@contextmanager
def pausing(function: Callable[[], None]) -> Iterator[None]:
    """Have every `pause` of this thread call a function, within a `with` block.

    Args:
        function: called without arguments; an error that it raises ends the work.

    Yields:
        Nothing; the function is called until the block ends.
    """
    token = _hook.set(function)
    try:
        yield
    finally:
        _hook.reset(token)
