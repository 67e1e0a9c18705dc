"""A property that is computed when it is first read, without a lock.

Python's own up to 3.11 holds one lock for all objects while it computes: others would wait for what is none of theirs, and the
child of a fork might find it locked for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):
    """A method as a property whose value is kept. Threads that read it at the same time all get the same object.

    **Holds:** a_fork_finds_nothing_locked.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name, self.__doc__ = compute, compute.__name__, compute.__doc__

    @overload
    def __get__(self, thing: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, thing: object, owner: type) -> T: ...
    def __get__(self, thing: object | None, owner: type) -> once[T] | T:
        if thing is None:
            return self
        found: T = vars(thing).setdefault(self.name, self.compute(thing))
        return found
