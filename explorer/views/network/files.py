"""What can be taken home, and brought back: the session as a file, the numbers, the graph, the picture, a snippet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import streamlit as st

from engine import Run
from explorer.figures import graph
from explorer.page.browser import FORGETS, forget
from explorer.page.controls import apply, content_of, whole_page_if_changed
from explorer.page.link import address
from explorer.picture.scene import Scene
from explorer.state import State, session
from explorer.teach import export, handout
from explorer.words.markdown import plain

Made: TypeAlias = Callable[[], bytes | str]
_KEY: Final = "session.file"


@st.fragment
def home(state: State, run: Run, picture: Scene, palette: str) -> None:
    """Files to save and to load; each is made when it is asked for."""
    whole_page_if_changed(state)
    place = st.expander("Take it home", key="home", on_change="rerun")
    if place.open:
        with place:
            _session(state)
            _exports(state, run, picture, palette)


def _session(state: State) -> None:
    st.markdown("##### This session")
    st.caption(
        "One file with equations, sizes, parameters, data and the view; loading it gives the same numbers, to the bit."
    )
    _offered("Save", "unrolled.json", "application/json", lambda: session.save(state))
    st.file_uploader(
        "Load a session", type=["json"], key=_KEY, on_change=apply, args=(_KEY, loaded),
        max_upload_size=session.MAX_BYTES // 1_000_000,
    )  # fmt: skip
    if _KEY in st.session_state.faults:
        st.error(plain(st.session_state.faults[_KEY]))
    row = st.container(horizontal=True, vertical_alignment="center")
    row.caption("This browser keeps the session, too: a reload, a restart of the server or a closed tab bring it back.")
    row.button("Forget it", key="forget", on_click=forget, help=FORGETS, width="content")


def loaded(state: State, file: Any) -> State:
    """The state of an uploaded file."""
    return state if (content := content_of(file)) is None else session.load(content)


def _exports(state: State, run: Run, picture: Scene, palette: str) -> None:
    st.markdown("##### Numbers, graph, picture")
    table, network = (lambda: export.check_table(run)), (lambda: export.check_network(run))
    with st.container(horizontal=True):
        _offered("All numbers (NPZ)", "unrolled.npz", "application/octet-stream", lambda: export.npz(run))
        _offered("Table (CSV)", "unrolled.csv", "text/csv", lambda: export.table(run), check=table)
        _offered("Graph (GraphML)", "unrolled.graphml", "application/xml", lambda: export.graphml(run), check=network)
        _offered(
            "Graph (JSON)", "unrolled-graph.json", "application/json", lambda: export.node_link(run), check=network
        )
        _offered(
            "Picture (HTML)", "unrolled.html", "text/html", lambda: export.page(graph(picture, palette, 1200)),
            help="It works without a network, with its hover; its camera saves SVG.",
        )  # fmt: skip
        _offered("Equations (LaTeX)", "unrolled.tex", "text/plain", lambda: export.latex(run))
    st.markdown("##### For a class")
    place = address(state, st.context.url or "")
    _offered(
        "Handout (HTML)", "unrolled-handout.html", "text/html",
        lambda: handout.handout(handout.screen(state, run, picture, place)),
        help="This screen on paper: network, picture, equations, gradient and what it says. It works without a network.",
    )  # fmt: skip
    st.markdown("##### The same run in a notebook")
    text = export.snippet(state)
    if len(text) <= 4_000:
        st.code(text, language="python", wrap_lines=True)
    else:
        _offered("Snippet (Python)", "unrolled.py", "text/plain", lambda: text)


def _offered(
    label: str, name: str, kind: str, made: Made, help: str | None = None, check: Callable[[], object] = bool
) -> None:
    """A button to download a file that is made when it is pressed."""
    try:
        check()
    except ValueError as error:
        help, made = plain(f"Not here: {error}."), str
    st.download_button(
        label, made, name, kind, key=f"save.{name}", on_click="ignore", help=help, disabled=made is str
    )  # fmt: skip
