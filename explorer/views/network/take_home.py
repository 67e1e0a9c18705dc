"""Files to take home and to bring back: the session, the numbers, the graph, the picture, a handout, a snippet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import streamlit as st

from engine import Run
from explorer.figures import graph
from explorer.page.change import apply, tell_faults, whole_page_if_changed
from explorer.page.memory import FORGETS, forget
from explorer.page.share_link import address
from explorer.page.sidebar import content_of
from explorer.page.widgets import side_by_side
from explorer.state import State, session
from explorer.teach import export, handout
from explorer.views.network.picture import unrolled
from explorer.words.markdown import plain

Made: TypeAlias = Callable[[], bytes | str]
_KEY: Final = "session.file"


@st.fragment
def files(state: State, run: Run, palette: str) -> None:
    """Offer files to save and to load; each is made when its button is pressed."""
    whole_page_if_changed(state)
    place = st.expander("Take it home", key="home", on_change="rerun")
    if place.open:
        with place:
            _session(state)
            _exports(state, run, palette)


def _session(state: State) -> None:
    st.markdown("##### This session")
    st.caption(
        "One file with equations, sizes, parameters, data and view. Loading it gives the same numbers, to the bit."
    )
    _download_button("Save", "unrolled.json", "application/json", lambda: session.save(state))
    st.file_uploader(
        "Load a session", type=["json"], key=_KEY, on_change=apply, args=(_KEY, loaded),
        max_upload_size=session.MAX_BYTES // 1_000_000,
    )  # fmt: skip
    tell_faults(_KEY)
    row = side_by_side("center")
    row.caption(
        "This browser keeps the session too: it comes back after a reload, a restart of the server or a closed tab."
    )
    row.button("Forget it", key="forget", on_click=forget, help=FORGETS, width="content")


def loaded(state: State, file: Any) -> State:
    """The state of an uploaded file."""
    return state if (content := content_of(file)) is None else session.load(content)


def _exports(state: State, run: Run, palette: str) -> None:
    st.markdown("##### Numbers, graph, picture")
    table, network = (lambda: export.check_table(run)), (lambda: export.check_network(run))
    with side_by_side("top"):
        _download_button("All numbers (NPZ)", "unrolled.npz", "application/octet-stream", lambda: export.npz(run))
        _download_button("Table (CSV)", "unrolled.csv", "text/csv", lambda: export.table(run), check=table)
        _download_button(
            "Graph (GraphML)", "unrolled.graphml", "application/xml", lambda: export.graphml(run), check=network
        )
        _download_button(
            "Graph (JSON)", "unrolled-graph.json", "application/json", lambda: export.node_link(run), check=network
        )
        _download_button(
            "Picture (HTML)", "unrolled.html", "text/html", lambda: export.page(graph(unrolled(state, run), palette, 1200)),
            help="One page that works offline, with the numbers on hover; its camera button saves SVG.",
        )  # fmt: skip
        _download_button("Equations (LaTeX)", "unrolled.tex", "text/plain", lambda: export.latex(run))
    st.markdown("##### For a class")
    place = address(state, st.context.url or "")
    _download_button(
        "Handout (HTML)", "unrolled-handout.html", "text/html",
        lambda: handout.handout(handout.screen(state, run, unrolled(state, run), place)),
        help="This screen as a page to print: network, picture, equations, gradient and sentences. It works offline.",
    )  # fmt: skip
    st.markdown("##### The same run in a notebook")
    text = export.snippet(state)
    if len(text) <= 4_000:
        st.code(text, language="python", wrap_lines=True)
    else:
        _download_button("Snippet (Python)", "unrolled.py", "text/plain", lambda: text)


def _download_button(
    label: str, name: str, kind: str, content: Made, help: str | None = None, check: Callable[[], object] = bool
) -> None:
    """A button to download a file that is made when it is pressed."""
    try:
        check()
    except ValueError as error:
        help, content = plain(f"Not here: {error}."), str
    st.download_button(
        label, content, name, kind, key=f"save.{name}", on_click="ignore", help=help, disabled=content is str
    )  # fmt: skip
