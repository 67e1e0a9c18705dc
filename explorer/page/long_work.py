"""The display of long work on a page: the time so far, a button that stops it, and the reason if it ended early."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from engine.support import pausing
from explorer.page.session import session
from explorer.page.time_sharing import MACHINE, SLICE, Spent, Stopped

_SHORT: Final = 0.5  # seconds of work that do not count, and before which nothing is shown
_PACE: Final = 0.25  # seconds between two updates in the browser
_BIG: Final = 1.0  # seconds of work after which there may be much garbage

STYLE: Final = """.st-key-work { position: fixed; bottom: 1rem; right: 1.5rem; z-index: 100; width: auto;
  background: var(--st-background-color, Canvas); border-radius: 0.5rem; box-shadow: 0 0 0.5rem #8886; padding: 0.4rem 0.9rem; }
.st-key-work:empty, .st-key-work:not(:has(button)) { display: none; }"""


@contextmanager
def sliced() -> Iterator[None]:
    """A context in which the engine's long loops give way to other sessions, and stop if the user leaves or stops them.

    Longer work is shown with a button that stops it. Work beyond the session's budget ends with a message: the page ends
    there, and the session stays usable.
    """
    place = st.container(key="work").empty()
    slices = _Slices(place)
    try:
        with MACHINE.run(), pausing(slices):
            yield
            slices.settle()
    except Stopped as stopped:
        _tell(stopped)
    finally:
        if time.thread_time() - slices.begun > _BIG:  # postScriptGC is off, since it would slow the many short runs
            MACHINE.give_way()
            gc.collect()
    place.empty()


class _Slices:
    """The function that a run calls at each pause of a loop."""

    def __init__(self, place: st.delta_generator.DeltaGenerator) -> None:
        self.place = place
        self.begun = self.counted = time.thread_time()
        self.checked = self.updated = self.since = time.monotonic()
        self.shown: st.delta_generator.DeltaGenerator | None = None

    def __call__(self) -> None:
        if time.monotonic() - self.checked < SLICE:
            return
        state = session.state  # a place where Streamlit can end the run
        MACHINE.give_way()
        if time.thread_time() - self.begun > _SHORT:
            self._count()
            if state is not None and session.stopped == state:
                raise Stopped("Stopped: the page below was not computed.")
            if time.monotonic() - self.updated > _PACE:
                self._tell()
        self.checked = time.monotonic()

    def settle(self) -> None:
        """Count the work since the last pause; the page is complete, so an empty budget does not end it."""
        try:
            if time.thread_time() - self.begun > _SHORT:
                self._count()
        except Spent:
            pass

    def _count(self) -> None:
        now = time.thread_time()
        spent, self.counted = now - max(self.counted, self.begun + _SHORT), now
        session.budget.spend(max(spent, 0.0), time.monotonic())

    def _tell(self) -> None:
        seconds = time.monotonic() - self.since
        if self.shown is None:
            with self.place.container(horizontal=True, vertical_alignment="center", gap="small"):
                self.shown = st.empty()
                session.stop_buttons += 1
                st.button("Stop", key=f"work.stop.{session.stop_buttons}", on_click=_stop)
        self.shown.markdown(f"Computing … {seconds:.0f} s", width="content")
        self.updated = time.monotonic()


def _stop() -> None:
    session.stopped = session.state


def _go_on() -> None:
    session.stopped = None


def _tell(stopped: Stopped) -> None:
    """Say why the work has ended, with a button that goes on."""
    (st.warning if isinstance(stopped, Spent) else st.info)(str(stopped))
    st.button("Go on" if not isinstance(stopped, Spent) else "Try again", key="work.go", on_click=_go_on)
