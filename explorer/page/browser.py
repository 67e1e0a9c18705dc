"""What the page asks of the browser: how wide it is, and to keep the session for a reload, a restart and a closed tab.

A session asks once, at its beginning, for what was kept at its address (browser.js chooses); from its first change on it
hands over what is to be kept. Nothing of it is kept on the server.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import streamlit as st

from explorer.page import kept
from explorer.page.controls import current, put
from explorer.page.kept import Kept
from explorer.state import State, from_query, words
from explorer.words.markdown import plain

USUAL: Final = 1000  # pixels, of a window of 1400, with the side bar open

_REFUSED: Final = ("", "closing", "reload")  # by the browser: nothing; to keep it beyond the tab; to keep it at all
_ELSEWHERE: Final = {
    "before": "your network from before the lesson",
    "done": "which lessons are finished",
    "answers": "your answers in the lessons",
    "draft": "your draft of a cell",
    "refused": "the text that was refused",
}

_script: Final = Path(__file__).with_name("browser.js").read_text(encoding="utf-8")
_component: Final = st.components.v2.component(
    "unrolled_browser",
    html="<div></div>",
    js=re.sub(r"^\s*(//.*|/\*.*\*/)?\s*", "", _script, flags=re.MULTILINE),  # Streamlit sends it again at every change
    isolate_styles=False,
)


# --- the width ---------------------------------------------------------------------------------------------------


def known() -> int:
    """Pixels across the main column, rounded down; `USUAL` until the browser has answered."""
    match st.session_state.get("browser"):
        case {"pixels": int(pixels) | float(pixels)} if 0 < pixels <= 10**6:
            return int(min(max(pixels, 320), 4000))
    return USUAL


def meet() -> int:
    """Put the component on the page, with what the browser is to keep; the width, as `known` has it."""
    pixels = known()
    _component(
        key="browser",
        data=_message(pixels),
        default={"pixels": pixels, "refused": ""},
        on_pixels_change=lambda: None,
        on_refused_change=lambda: _told("browser"),
        on_found_change=_found,
    )
    return known()


def meet_draft(key: str, editor: str) -> None:
    """The same in the fragment of an editor, the widget `editor`: its text is kept as it is typed, before it is sent."""
    _component(
        key=key,
        data=_message(0, f".st-key-{editor.replace('.', '-')} textarea"),
        default={"refused": ""},
        on_refused_change=lambda: _told(key),
        on_found_change=lambda: None,
    )


# --- what is kept ------------------------------------------------------------------------------------------------


@dataclass
class _Keeping:
    """How a session stands with the browser.

    name     of the session
    query    of the address at which it began, and its entries
    orders   how many the browser was given, and the last of them: to look for what it has kept, to forget, to part
    first    what there was before the user changed anything, which is not kept
    changed  whether he has, or something has come back: from then on all is kept
    last     what the browser has been given, its text, and its number
    back     the state that came back, and whether there are others from before
    skipped  how many of the kept sessions the user has passed over
    fault    what was wrong with what came back
    refused  what the browser refuses: one of `_REFUSED`
    warned   whether the user has been told
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


def _keeping() -> _Keeping:
    session = st.session_state
    if "keeping" not in session:
        first, entries = _present(), session.arrived_at
        session.keeping = _Keeping(secrets.token_hex(8), kept.query(entries), entries, first=first)
    found: _Keeping = session.keeping
    return found


def _present() -> Kept:
    """What the session holds now."""
    session = st.session_state
    return Kept(
        current(),
        session.get("lesson.kept"),
        tuple(sorted(session.get("lesson.done", ()))),
        tuple(sorted(session.get("lesson.answers", {}).items(), key=lambda item: item[0])),
        session.get("draft"),
        tuple(
            (key, session[key], session.faults[key][:1_000])
            for key in kept.FIELDS
            if key in session.faults and isinstance(session.get(key), str)
        ),
    )


def _message(pixels: int, editor: str = "") -> bytes:
    """What the component is told: the width as it is known, the order, what is to be kept, and whether it is new.

    editor  the selector of a field whose text is the draft
    """
    keeping, present = _keeping(), _present()
    if present != keeping.last:
        keeping.last, keeping.text, keeping.serial = present, kept.written(present), keeping.serial + 1
        keeping.changed |= keeping.last != keeping.first
    told = {
        "pixels": pixels,
        "refused": keeping.refused,
        "session": keeping.name,
        "serial": keeping.serial,
        "query": kept.address(present.state),
        "changed": keeping.changed,
        "lasting": present != Kept(State()),
        "editor": editor,
        "order": {"name": keeping.ordered, "query": keeping.query, **keeping.order} if pixels else None,
    }
    text = keeping.text if len(keeping.text) <= kept.MAX_KEPT else "null"
    return f'{json.dumps(told)[:-1]},"keep":{text}}}'.encode()


def _order(what: str, skip: int = 0) -> None:
    keeping = _keeping()
    keeping.orders += 1
    keeping.order = {"what": what, "skip": skip}


def _told(key: str) -> None:
    """The browser refuses to keep what it was given, or no longer does."""
    match st.session_state.get(key):
        case {"refused": str(refused)} if refused in _REFUSED:
            _keeping().refused = refused


def _found() -> None:
    """The browser has found what it kept: it takes the place of what the address alone says."""
    keeping = _keeping()
    match st.session_state.get("browser"):
        case {"found": {"name": keeping.ordered, "text": str(text), "reload": bool(reload), "more": bool(more)}}:
            try:
                found = kept.read(text)
            except ValueError as error:
                keeping.fault = str(error)
                return
            keeping.back = found.state if found != Kept(current()) and not reload else None
            keeping.changed, keeping.fault, keeping.more = True, "", more
            _restore(found)


def _restore(found: Kept) -> None:
    session = st.session_state
    if session.past:  # the user was quicker, or has asked for another session: that can be undone
        put("browser", lambda _state, new: new, found.state)
    session.state = found.state
    session["lesson.kept"], session["lesson.done"] = found.before, set(found.done)
    session["lesson.answers"], session["draft"] = dict(found.answers), found.draft
    for key, text, fault in found.refused:
        session[key], session.faults[key] = text, fault
    session.welcome = False
    if found.draft is not None:
        session["cell.open"] = True


# --- what is said of it ------------------------------------------------------------------------------------------


def tell() -> None:
    """That a session is back, or could not be read; and what the browser refuses to keep, before it is lost."""
    keeping, state = _keeping(), current()
    if keeping.fault:
        st.warning(f"This browser has kept a session that cannot be read, so it was left out: {plain(keeping.fault)}.")
        st.button("Forget it", key="kept.forget", on_click=forget)
    elif keeping.back is not None and keeping.back == state and not state.view.present:
        row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="kept.back")
        row.markdown("**Your last session is back.**", width="content")
        row.button(
            "Start anew", key="kept.anew", on_click=_anew, type="tertiary",
            help="This page as its address alone has it. The browser still has the session for another tab.",
        )  # fmt: skip
        if keeping.more:
            row.button("The one before", key="kept.before", on_click=_before, type="tertiary",
                       help="The session before this one, of the last that this browser has kept.")  # fmt: skip
        row.button("Forget it", key="kept.forget", on_click=forget, type="tertiary", help=FORGETS)
    if refusal(_present().only_here()):
        if not keeping.warned:  # who works further down would not see it
            st.toast("This browser does not keep your session: the top of the page says what would be lost.", icon="⚠️")
        keeping.warned = True


FORGETS: Final = "This browser forgets all sessions that it has kept of this page, and the page begins anew."


def refusal(only_here: Sequence[str]) -> bool:
    """Where there is something that only the browser could keep, and it does not: what will be lost, when, and the remedy.

    Whether there is.
    """
    keeping = _keeping()
    large = len(keeping.text) > kept.MAX_KEPT
    if not only_here or not (large or keeping.refused):
        return False
    lost = ", ".join(_ELSEWHERE.get(name) or words(name) for name in only_here)
    why = (
        f"This session has {len(keeping.text):,} characters, and a browser is given at most {kept.MAX_KEPT:,} to keep"
        if large
        else "This browser refuses to keep the session: its storage is full or switched off"
    )
    when = "when this tab is closed" if keeping.refused == "closing" and not large else "at a reload of this page"
    st.warning(
        f"{why}. **Lost {when}: {plain(lost)}.** To keep it, save the session as a file (Take it home).", icon="⚠️"
    )
    return True


def _begin(state: State) -> None:
    """Put a state in the place of all that there is."""
    put("browser", lambda _state, new: new, state)
    st.session_state["lesson.kept"] = st.session_state["draft"] = None
    keeping = _keeping()
    keeping.back, keeping.fault, keeping.more, keeping.skipped = None, "", False, 0
    keeping.first, keeping.changed = _present(), False


def _anew() -> None:
    """The page as its address alone has it; what was kept stays for other tabs."""
    _order("part")
    _begin(from_query(_keeping().entries)[0])


def forget() -> None:
    """The browser forgets all that it keeps, and the page begins anew."""
    _order("forget")
    st.session_state["lesson.done"], st.session_state["lesson.answers"] = set(), {}
    _begin(State())


def _before() -> None:
    """Ask for the session before the one that is back."""
    keeping = _keeping()
    keeping.skipped += 1
    _order("ask", keeping.skipped)
