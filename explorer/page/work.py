"""What a page shows while it works long: how long already, a button to stop it, and why it has ended."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from engine.support import pausing
from explorer.page.slices import MACHINE, SLICE, Budget, Spent, Stopped

_SHORT: Final = 0.5  # seconds of work that are not counted, and of which nothing is shown
_TOLD: Final = 0.25  # seconds between two words to the browser
_BIG: Final = 1.0  # seconds of work after which there may be much to collect

STYLE: Final = """.st-key-work { position: fixed; bottom: 1rem; right: 1.5rem; z-index: 100; width: auto;
  background: var(--st-background-color, Canvas); border-radius: 0.5rem; box-shadow: 0 0 0.5rem #8886; padding: 0.4rem 0.9rem; }
.st-key-work:empty, .st-key-work:not(:has(button)) { display: none; }"""


@contextmanager
def sliced() -> Iterator[None]:
    """Within it, the engine's long loops give way to other sessions, and end where the user has left or changed his mind.

    What takes longer is told, with a button to stop it; what has used up the session's work ends with a message. The page
    ends there, and the session works on.
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
        if time.thread_time() - slices.begun > _BIG:  # postScriptGC is off, for the sake of the many short runs
            MACHINE.give_way()
            gc.collect()
    place.empty()


class _Slices:
    """What happens at each pause of a run."""

    def __init__(self, place: st.delta_generator.DeltaGenerator) -> None:
        self.place = place
        self.begun = self.counted = time.thread_time()
        self.looked = self.told = self.since = time.monotonic()
        self.shown: st.delta_generator.DeltaGenerator | None = None

    def __call__(self) -> None:
        if time.monotonic() - self.looked < SLICE:
            return
        session = st.session_state
        state = session.get("state")  # Streamlit ends the run here, if it is to be ended
        MACHINE.give_way()
        if time.thread_time() - self.begun > _SHORT:
            self._count()
            if state is not None and session.get("work.stopped") == state:
                raise Stopped("Stopped: what is below was not computed.")
            if time.monotonic() - self.told > _TOLD:
                self._tell()
        self.looked = time.monotonic()

    def settle(self) -> None:
        """Count the work since the last pause; the page is there, so it is not ended."""
        try:
            if time.thread_time() - self.begun > _SHORT:
                self._count()
        except Spent:
            pass

    def _count(self) -> None:
        budget: Budget = st.session_state.setdefault("work.budget", Budget(at=time.monotonic()))
        now = time.thread_time()
        spent, self.counted = now - max(self.counted, self.begun + _SHORT), now
        budget.spend(max(spent, 0.0), time.monotonic())

    def _tell(self) -> None:
        seconds = time.monotonic() - self.since
        if self.shown is None:
            with self.place.container(horizontal=True, vertical_alignment="center", gap="small"):
                self.shown = st.empty()
                number = st.session_state["work.number"] = st.session_state.get("work.number", 0) + 1
                st.button("Stop", key=f"work.stop.{number}", on_click=_stop)
        self.shown.markdown(f"Computing … {seconds:.0f} s", width="content")
        self.told = time.monotonic()


def _stop() -> None:
    st.session_state["work.stopped"] = st.session_state.get("state")


def _go_on() -> None:
    st.session_state["work.stopped"] = None


def _tell(stopped: Stopped) -> None:
    """Why the work has ended, and how it goes on."""
    (st.warning if isinstance(stopped, Spent) else st.info)(str(stopped))
    st.button("Go on" if not isinstance(stopped, Spent) else "Try again", key="work.go", on_click=_go_on)
