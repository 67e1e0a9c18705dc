"""Caches of results, bounded in bytes: the least recently used results are dropped.

`INPUTS` keeps cells, tasks and weights, and `RESULTS` what is computed from them. All sessions share both, so the arrays in
them are read-only. The only exceptions are results that grow, which their callers fill.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np

P = ParamSpec("P")
_Key: TypeAlias = tuple[str, Hashable]
R = TypeVar("R")
V = TypeVar("V")
_MOST_ENTRIES: Final = 4_096
_MOST_OBJECTS: Final = 100_000  # of one entry that are measured; the size of a larger entry is extrapolated


_STORES: Final[list[Store]] = []


class Store:
    """Results by function and arguments: the most recently used ones, of at most `most` bytes together."""

    def __init__(self, most: int) -> None:
        """Make an empty store of at most `most` bytes."""
        self.most = most
        self.nbytes = 0
        self._lock = threading.RLock()  # an entry that is garbage-collected while the lock is held may need it again
        self._entries: OrderedDict[_Key, tuple[Any, int]] = OrderedDict()
        self._at_work: dict[_Key, tuple[threading.Lock, int]] = {}
        _STORES.append(self)

    def keeps(
        self,
        around: Callable[[], AbstractContextManager[Any]] = nullcontext,
        key: Callable[[list[Any]], Any] = repr,
        grows: bool = False,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate a function so that its results are kept by its arguments.

        Arguments whose name begins with an underscore are no part of the key: they follow from the others. A thread that
        needs a result which another thread is computing waits for it.

        Args:
            around: makes a context for each computation, such as a spinner.
            key: makes the key of the arguments; `tuple` is faster than `repr` for long texts, but 0.0 and -0.0 are equal.
            grows: whether callers fill the result after it is made; its size is then measured at every call.
        """

        def decorate(function: Callable[P, R]) -> Callable[P, R]:
            name = f"{function.__module__}.{function.__qualname__}"
            signature = inspect.signature(function)

            @functools.wraps(function)
            def kept(*args: P.args, **kwargs: P.kwargs) -> R:
                bound = signature.bind(*args, **kwargs)
                bound.apply_defaults()
                place = (name, key([v for k, v in bound.arguments.items() if not k.startswith("_")]))
                present, value = self._get(place)
                if present:
                    if grows:
                        self._put(place, value)
                    return cast(R, value)
                with _AtWork(self._lock, self._at_work, place):
                    present, value = self._get(place)
                    if not present:
                        with around():
                            value = function(*args, **kwargs)
                        if not grows:
                            lock(value)
                        self._put(place, value)
                return cast(R, value)

            return kept

        return decorate

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.nbytes = 0

    def _get(self, key: _Key) -> tuple[bool, Any]:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return False, None
            self._entries.move_to_end(key)
            return True, entry[0]

    def _put(self, key: _Key, value: Any) -> None:
        size = size_of(value) + size_of(key)
        with self._lock:
            self.nbytes += size - self._entries.pop(key, (None, 0))[1]
            self._entries[key] = (value, size)
            while len(self._entries) > 1 and (self.nbytes > self.most or len(self._entries) > _MOST_ENTRIES):
                _, (_, freed) = self._entries.popitem(last=False)
                self.nbytes -= freed


class _AtWork:
    """A lock for a key, which exists while threads compute its result or wait for it."""

    def __init__(self, lock: Any, table: dict[_Key, tuple[threading.Lock, int]], key: _Key) -> None:
        self._lock, self._table, self._key = lock, table, key

    def __enter__(self) -> None:
        with self._lock:
            lock, count = self._table.get(self._key, (threading.Lock(), 0))
            self._table[self._key] = (lock, count + 1)
        lock.acquire()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            lock, count = self._table[self._key]
            if count == 1:
                del self._table[self._key]
            else:
                self._table[self._key] = (lock, count - 1)
        lock.release()


INPUTS: Final = Store(128 << 20)
RESULTS: Final = Store(512 << 20)


def clear() -> None:
    """Forget everything in all stores."""
    for store in _STORES:
        store.clear()


def lock(value: V) -> V:
    """The value itself, after its arrays in tuples, lists, mappings and dataclasses are made read-only; a run locks its own.

    **Holds:** no_session_can_change_what_others_are_shown.
    """
    for thing in _within(value):
        if isinstance(thing, np.ndarray):
            thing.flags.writeable = False
    return value


def _within(value: object) -> Iterator[object]:
    """A value and everything in it, each object once."""
    seen: set[int] = set()
    left: list[object] = [value]
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        yield thing
        if isinstance(thing, Mapping):
            left += thing.values()
        elif isinstance(thing, tuple | list | set | frozenset):
            left += thing
        elif is_dataclass(thing) and not isinstance(thing, type) and not hasattr(thing, "nbytes"):
            left += [getattr(thing, entry.name) for entry in fields(thing)]


def size_of(value: object) -> int:
    """The approximate size in bytes of a value and everything in it; memory that several arrays share counts once."""
    seen: set[int] = set()
    left: list[object] = [value]
    total = measured = 0
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, type | type(sys)) or callable(thing):
            continue
        seen.add(id(thing))
        if measured == _MOST_OBJECTS:
            return total * (1 + len(left) // _MOST_OBJECTS)
        measured += 1
        if isinstance(thing, np.ndarray):
            owner = thing
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            if owner is thing or id(owner) not in seen:
                total += owner.nbytes
            seen.add(id(owner))
            continue
        total += sys.getsizeof(thing, 64)
        if isinstance(thing, str | bytes | int | float | complex | None):
            continue
        nbytes = getattr(thing, "nbytes", None)
        if isinstance(nbytes, int):  # a run with its memory
            total += nbytes
        elif isinstance(thing, Mapping):
            left += [*thing.keys(), *thing.values()]
        elif isinstance(thing, tuple | list | set | frozenset):
            left += thing
        else:
            left += vars(thing).values() if hasattr(thing, "__dict__") else ()
            left += [getattr(thing, slot) for slot in getattr(type(thing), "__slots__", ()) if hasattr(thing, slot)]
    return total
