"""The entries of the session: each is declared once, and code elsewhere reads and writes it by that name."""

from __future__ import annotations

import ast

import pytest
from root import ROOT
from streamlit.testing.v1 import AppTest

from explorer.page.session import Entry, Session

KEYS = {entry.key: name for name, entry in vars(Session).items() if isinstance(entry, Entry)}


def test_each_entry_has_a_key_of_its_own() -> None:
    assert len(KEYS) == sum(isinstance(entry, Entry) for entry in vars(Session).values())


@pytest.mark.parametrize("path", sorted((ROOT / "explorer").rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_but_session_uses_an_entry_by_its_key(path) -> None:
    """Widgets have their values under their own keys; everything else goes through `session`."""
    if path.match("page/session.py"):
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "st.session_state":
            assert node.attr in ("get", "setdefault", "pop"), f"line {node.lineno}: st.session_state.{node.attr}"
        place = (
            node.slice
            if isinstance(node, ast.Subscript)
            else node.args[0]
            if isinstance(node, ast.Call) and node.args
            else None
        )
        if place is not None and ast.unparse(node).startswith("st.session_state") and isinstance(place, ast.Constant):
            assert place.value not in KEYS, f"line {node.lineno}: use session.{KEYS.get(place.value)}"


def _script() -> None:
    import streamlit as st

    from explorer.page.session import Session, session

    assert not Session.past.is_set
    assert session.notice == ""
    assert not Session.notice.is_set
    session.past.append("a model")  # a list is the session's own from the first look on
    session.notice = "something was dropped"
    assert st.session_state["past"] == ["a model"]
    assert Session.past.is_set
    assert session.notice == st.session_state["notice"]


def test_an_entry_is_read_and_written_as_an_attribute() -> None:
    app = AppTest.from_function(_script).run()
    assert not app.exception, [error.value for error in app.exception]
