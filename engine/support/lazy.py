"""A property that is computed at its first read and then kept, without a lock.

`functools.cached_property` of Python up to 3.11 holds one lock for all objects while it computes: threads would wait for objects
of other threads, and the child of a fork could find the lock held for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy_property(Generic[T]):
    """A method as a property whose value is kept. Threads that read it at the same time all get the same object.

    **Holds:** a_fork_finds_nothing_locked.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        """Decorate a method, which may run more than once if threads race."""
        self.compute, self.name, self.__doc__ = compute, compute.__name__, compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> lazy_property[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> lazy_property[T] | T:
        """The kept value of an instance, computed if it has none."""
        if instance is None:
            return self
        value: T = vars(instance).setdefault(self.name, self.compute(instance))
        return value
