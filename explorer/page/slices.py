"""Long work beside the short work of others: it gives way, it can be stopped, and each session has a bound of it.

Script runs are threads of one process and share its interpreter. A run that is short should not wait for one that is long:
long work goes in slices, at whose ends `Machine.give_way` waits until no younger run is at its first second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

#: Seconds for which a thread may hold the interpreter while others wait. A short run sends a hundred messages and waits for the
#: interpreter at each: at Python's usual 5 ms it takes ten times as long beside one thread that computes.
SWITCH: Final = 0.0005
QUICK: Final = 1.0  # seconds from its beginning for which a run is given way
_PATIENCE: Final = 0.5  # seconds, at most, that a slice waits for others
SLICE: Final = 0.01  # seconds of work between two looks at what others do

ALLOWANCE: Final = 60.0  # seconds of long work that a session has at first, and at most
_REFILL: Final = 0.25  # seconds of it that it gets back a second
_ENOUGH: Final = 5.0  # seconds that it must have got back, once it had none


class Stopped(Exception):
    """Long work was ended before it was done; nothing of it is kept."""


class Spent(Stopped):
    """A session has no work left."""


class Machine:
    """The runs that are at work, by their threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: dict[int, float] = {}

    @contextmanager
    def run(self) -> Iterator[None]:
        """Within it this thread is at work."""
        me = threading.get_ident()
        with self._lock:
            self._begun[me] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._begun.pop(me, None)

    def is_quick_beside(self) -> bool:
        """Whether a run that began after this one is at its first second. So no two runs wait for each other."""
        me, now = threading.get_ident(), time.monotonic()
        with self._lock:
            mine = self._begun.get(me, 0.0)
            return any(other != me and begun > mine and now - begun < QUICK for other, begun in self._begun.items())

    def give_way(self) -> None:
        """Let others in; wait for those that are quick. **Holds:** long_work_waits_for_quick_runs."""
        time.sleep(0.001)
        end = time.monotonic() + _PATIENCE
        while self.is_quick_beside() and time.monotonic() < end:
            time.sleep(0.004)


#: That of this process.
MACHINE: Final = Machine()


@dataclass
class Budget:
    """The long work that a session may still do, in seconds: it is used up by work and comes back with time.

    **Holds:** a_session_has_a_bound_and_gets_work_back.
    """

    left: float = ALLOWANCE
    at: float = 0.0
    waiting: bool = False

    def spend(self, seconds: float, now: float) -> None:
        """Take work off, at a time; raises `Spent` where nothing is left, until enough has come back."""
        self._refill(now)
        self.left = max(self.left - seconds, 0.0)
        if self.left == 0:
            self.waiting = True
        self.check(now)

    def check(self, now: float) -> None:
        """Raise `Spent` where nothing is left."""
        self._refill(now)
        self.waiting = self.waiting and self.left < _ENOUGH
        if self.waiting:
            wait = (_ENOUGH - self.left) / _REFILL
            raise Spent(
                f"This session has used up its long computations: {ALLOWANCE:.0f} s, and {60 * _REFILL:.0f} s more a minute, so"
                f" that others can work too. It can go on in {max(wait, 1):.0f} s. Fewer steps, samples, units or open sections"
                " need less, and what is short is not counted."
            )

    def _refill(self, now: float) -> None:
        self.left = min(self.left + max(now - self.at, 0.0) * _REFILL, ALLOWANCE)
        self.at = max(now, self.at)
