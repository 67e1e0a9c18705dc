"""How sessions share the server's time: long work gives way to short work, can be stopped, and has a budget per session.

Script runs are threads of one process and share its interpreter. A short run should not wait for a long one. So long work goes
in slices, and between two of them `Machine.give_way` waits until no run that began later is in its first second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

#: Seconds for which a thread may hold the interpreter while others wait. A short run sends a hundred messages, and may wait for
#: the interpreter at each: with Python's default of 5 ms it takes ten times as long beside one thread that computes.
SWITCH: Final = 0.0005
QUICK: Final = 1.0  # seconds from its beginning during which other runs give way to a run
_PATIENCE: Final = 0.5  # seconds, at most, that a slice waits for others
SLICE: Final = 0.01  # seconds of work in a slice

ALLOWANCE: Final = 60.0  # seconds of long work in a new budget; no budget has more
_REFILL: Final = 0.25  # seconds of work that come back per second
_ENOUGH: Final = 5.0  # seconds of work that must have come back before an empty budget can be used


class Stopped(Exception):
    """Long work was stopped before its end; its result is lost."""


class Spent(Stopped):
    """The budget of a session is empty."""


class Machine:
    """The script runs that are at work, by their threads."""

    def __init__(self) -> None:
        """Begin with no run at work."""
        self._lock = threading.Lock()
        self._begun: dict[int, float] = {}

    @contextmanager
    def run(self) -> Iterator[None]:
        """A context in which this thread counts as at work."""
        me = threading.get_ident()
        with self._lock:
            self._begun[me] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._begun.pop(me, None)

    def is_quick_beside(self) -> bool:
        """Whether a run that began later than this one is in its first second. So no two runs wait for each other."""
        me, now = threading.get_ident(), time.monotonic()
        with self._lock:
            mine = self._begun.get(me, 0.0)
            return any(thread != me and begun > mine and now - begun < QUICK for thread, begun in self._begun.items())

    def give_way(self) -> None:
        """Let other threads work, and wait for quick runs. **Holds:** long_work_waits_for_quick_runs."""
        time.sleep(0.001)
        end = time.monotonic() + _PATIENCE
        while self.is_quick_beside() and time.monotonic() < end:
            time.sleep(0.004)


#: The machine of this process.
MACHINE: Final = Machine()


@dataclass
class Budget:
    """The seconds of long work that a session may still do: work uses them up, and with time they come back.

    **Holds:** a_session_has_a_bound_and_gets_work_back.
    """

    left: float = ALLOWANCE
    at: float = 0.0
    waiting: bool = False

    def spend(self, seconds: float, now: float) -> None:
        """Take off work at the time `now`; raise `Spent` if nothing is left, until enough has come back."""
        self._refill(now)
        self.left = max(self.left - seconds, 0.0)
        if self.left == 0:
            self.waiting = True
        self.check(now)

    def check(self, now: float) -> None:
        """Raise `Spent` if nothing is left."""
        self._refill(now)
        self.waiting = self.waiting and self.left < _ENOUGH
        if self.waiting:
            wait = (_ENOUGH - self.left) / _REFILL
            raise Spent(
                f"This session has used up its time for long computations, {ALLOWANCE:.0f} s and {60 * _REFILL:.0f} s more per"
                f" minute, so that others can work too. It can go on in {max(wait, 1):.0f} s. Fewer steps, samples, units or"
                " open sections take less time, and short computations do not count."
            )

    def _refill(self, now: float) -> None:
        self.left = min(self.left + max(now - self.at, 0.0) * _REFILL, ALLOWANCE)
        self.at = max(now, self.at)
