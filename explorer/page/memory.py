"""The browser's memory of a session: how it survives a reload, a restart of the server and a closed tab.

At its beginning a session requests what the browser has kept for its address; browser.js chooses it. After the user's first
change every run sends the browser the text of `memory_text` to keep. The server keeps nothing.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import streamlit as st

from explorer.page import memory_text
from explorer.page.change import current, put
from explorer.page.memory_text import Kept
from explorer.page.session import session
from explorer.page.widgets import side_by_side
from explorer.state import State, from_query, words
from explorer.words.markdown import plain

_REFUSED: Final = ("", "closing", "reload")  # by the browser: nothing; to keep it beyond the tab; to keep it at all
_ELSEWHERE: Final = {
    "before": "your network from before the lesson",
    "done": "which lessons are finished",
    "answers": "your answers in the lessons",
    "draft": "your draft of a cell",
    "refused": "the text that was refused",
}


@dataclass
class Keeping:
    """The exchange between a session and the browser.

    Attributes:
        name: of the session, random.
        query: of the address at which the session began.
        entries: the same query by its keys.
        orders: the number of orders to the browser so far.
        order: the last of them: to look for a kept session ("ask"), to forget all, to leave the kept ones ("part").
        first: the content of the session before the user's first change, which is not kept.
        changed: whether the user has changed anything, or a session has come back: from then on all is kept.
        last: the content that the browser was given last.
        text: the same as a text.
        serial: its number.
        back: the state that came back.
        more: whether the browser has kept older sessions.
        skipped: the number of kept sessions that the user has passed over.
        fault: the reason why a kept session could not be read.
        refused: what the browser refuses: one of `_REFUSED`.
        warned: whether the user has been warned.
    """

    name: str
    query: str
    entries: dict[str, str]
    orders: int = 1
    order: dict[str, Any] = field(default_factory=lambda: {"what": "ask", "skip": 0})
    first: Kept | None = None
    changed: bool = False
    last: Kept | None = None
    text: str = ""
    serial: int = 0
    back: State | None = None
    more: bool = False
    skipped: int = 0
    fault: str = ""
    refused: str = ""
    warned: bool = False

    @property
    def ordered(self) -> str:
        """The name of the last order, which no other session has."""
        return f"{self.name}.{self.orders}"


def _keeping() -> Keeping:
    if session.keeping is None:
        first, entries = _present(), session.arrived_at
        session.keeping = Keeping(secrets.token_hex(8), memory_text.query(entries), entries, first=first)
    keeping: Keeping = session.keeping
    return keeping


def _present() -> Kept:
    """The content of the session now."""
    values = st.session_state
    return Kept(
        current(),
        session.before_lesson,
        tuple(sorted(session.lessons_done)),
        tuple(sorted(session.lesson_answers.items(), key=lambda item: item[0])),
        session.draft,
        tuple(
            (key, values[key], session.faults[key][:1_000])
            for key in memory_text.FIELDS
            if key in session.faults and isinstance(values.get(key), str)
        ),
    )


def message(pixels: int, editor: str = "") -> bytes:
    """The message for the component: the known width, the order, the content to keep, and its number.

    Args:
        pixels: the width that the page was made for; 0 for a component that only keeps a draft.
        editor: the selector of a field whose text is the draft.
    """
    keeping, present = _keeping(), _present()
    if present != keeping.last:
        keeping.last, keeping.text, keeping.serial = present, memory_text.written(present), keeping.serial + 1
        keeping.changed |= keeping.last != keeping.first
    entries = {
        "pixels": pixels,
        "refused": keeping.refused,
        "session": keeping.name,
        "serial": keeping.serial,
        "query": memory_text.address(present.state),
        "changed": keeping.changed,
        "lasting": present != Kept(State()),
        "editor": editor,
        "order": {"name": keeping.ordered, "query": keeping.query, **keeping.order} if pixels else None,
    }
    text = keeping.text if len(keeping.text) <= memory_text.MAX_KEPT else "null"
    return f'{json.dumps(entries)[:-1]},"keep":{text}}}'.encode()


def _order(what: str, skip: int = 0) -> None:
    keeping = _keeping()
    keeping.orders += 1
    keeping.order = {"what": what, "skip": skip}


def on_refused(key: str) -> None:
    """Callback: the browser refuses to keep the session, or no longer does."""
    match st.session_state.get(key):
        case {"refused": str(refused)} if refused in _REFUSED:
            _keeping().refused = refused


def on_found() -> None:
    """Callback: the browser has found a kept session, which replaces the state from the address alone."""
    keeping = _keeping()
    match st.session_state.get("browser"):
        case {"found": {"name": keeping.ordered, "text": str(text), "reload": bool(reload), "more": bool(more)}}:
            try:
                kept = memory_text.read(text)
            except ValueError as error:
                keeping.fault = str(error)
                return
            keeping.back = kept.state if kept != Kept(current()) and not reload else None
            keeping.changed, keeping.fault, keeping.more = True, "", more
            _restore(kept)


def _restore(kept: Kept) -> None:
    if session.past:  # the user was quicker, or chose another session: this can be undone
        put("browser", lambda _state, new: new, kept.state)
    session.state = kept.state
    session.before_lesson, session.lessons_done = kept.before, set(kept.done)
    session.lesson_answers, session.draft = dict(kept.answers), kept.draft
    for key, text, fault in kept.refused:
        st.session_state[key], session.faults[key] = text, fault
    session.welcome = False
    if kept.draft is not None:
        st.session_state["cell.open"] = True


# --- the notices of a page ------------------------------------------------------------------------------------------


def tell() -> None:
    """Say that a session is back, or that it could not be read; warn of losses if the browser does not keep it."""
    keeping, state = _keeping(), current()
    if keeping.fault:
        st.warning(f"This browser has kept a session that cannot be read, so it was left out: {plain(keeping.fault)}.")
        st.button("Forget it", key="kept.forget", on_click=forget)
    elif keeping.back is not None and keeping.back == state and not state.view.present:
        row = side_by_side("center", key="kept.back")
        row.markdown("**Your last session is back.**", width="content")
        row.button(
            "Start anew", key="kept.anew", on_click=_anew, type="tertiary",
            help="The page as its address alone gives it. The browser still keeps the session for another tab.",
        )  # fmt: skip
        if keeping.more:
            row.button("The one before", key="kept.before", on_click=_before, type="tertiary",
                       help="The previous one of the sessions that this browser keeps.")  # fmt: skip
        row.button("Forget it", key="kept.forget", on_click=forget, type="tertiary", help=FORGETS)
    if refusal(_present().only_here()):
        if not keeping.warned:  # further down the page the warning is out of sight
            st.toast("This browser does not keep your session: the top of the page says what would be lost.", icon="⚠️")
        keeping.warned = True


FORGETS: Final = "This browser deletes all sessions of this page that it has kept, and the page begins anew."


def refusal(only_here: Sequence[str]) -> bool:
    """Warn of parts of the session that only the browser could keep, if it does not: of the loss, its time and the remedy.

    Args:
        only_here: the names of these parts.

    Returns:
        Whether something will be lost.
    """
    keeping = _keeping()
    large = len(keeping.text) > memory_text.MAX_KEPT
    if not only_here or not (large or keeping.refused):
        return False
    lost = ", ".join(_ELSEWHERE.get(name) or words(name) for name in only_here)
    why = (
        f"This session has {len(keeping.text):,} characters, and a browser is given at most {memory_text.MAX_KEPT:,} to keep"
        if large
        else "This browser refuses to keep the session: its storage is full or switched off"
    )
    when = "when this tab is closed" if keeping.refused == "closing" and not large else "at a reload of this page"
    st.warning(
        f"{why}. **Lost {when}: {plain(lost)}.** To keep it, save the session as a file (Take it home).", icon="⚠️"
    )
    return True


def _begin(state: State) -> None:
    """Begin again with a state; nothing of the session so far stays."""
    put("browser", lambda _state, new: new, state)
    session.before_lesson = session.draft = None
    keeping = _keeping()
    keeping.back, keeping.fault, keeping.more, keeping.skipped = None, "", False, 0
    keeping.first, keeping.changed = _present(), False


def _anew() -> None:
    """Begin with the address alone; the kept sessions stay for other tabs."""
    _order("part")
    _begin(from_query(_keeping().entries)[0])


def forget() -> None:
    """Let the browser forget all kept sessions, and begin anew."""
    _order("forget")
    session.lessons_done, session.lesson_answers = set(), {}
    _begin(State())


def _before() -> None:
    """Request the session before the one that is back."""
    keeping = _keeping()
    keeping.skipped += 1
    _order("ask", keeping.skipped)
