"""A forged message ends in a message of the page: over the real websocket, as anybody can send it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browser import settle
from forged import User, forgeries, state
from streamlit.testing.v1 import AppTest

from explorer import model as models
from explorer.live import _moved, _picked, _turned
from explorer.picture.scene import scene
from explorer.state import State, View
from explorer.views.network import edit_numbers as edit

QUERY = "task=noise&steps=5&samples=2&targets=real&node=h,2&path=0,1&knob=gain,W,1"
PAGES = ["", "vanish", "derive", "compare", "cliff", "slips", "lessons"]
OPENED = ("table", "edit.open", "cell.open", "home")


def test_a_value_of_another_type_is_told_and_the_session_works_on(server) -> None:
    before = len(server.log())
    with User(server.url, QUERY) as user:
        steps, seed = user.named("task.steps"), user.named("seed")
        loss = user.metrics[-1]
        for kind, value in (("string_value", "many"), ("string_array_value", ["5"]), ("double_value", float("nan"))):
            user.run(state(steps, kind, value))
            assert user.metrics[-1] == loss
        user.run(state(steps, "string_value", "many"))
        assert any("`task.steps`" in alert and "ignored" in alert for alert in user.alerts)
        user.run(state(steps, "double_value", 6.0))
        assert user.alerts == []
        assert "steps=6" in user.query
        user.run(state(steps, "int_value", 7), state(seed, "int_value", 3))  # as a browser sends whole numbers
        assert user.alerts == []
        assert "steps=7" in user.query
        assert "init_seed=3" in user.query
        assert user.metrics[-1] != loss
        assert user.exceptions == []
    assert "Traceback" not in server.log()[before:]


def test_options_that_are_no_more_are_passed_over_in_silence(server) -> None:
    """As a browser sends the text that an option had, until it is told another."""
    with User(server.url, "cell=lstm&init.b_f=constant,value:3") as user:
        loss = user.metrics[-1]
        for key, text in (("parameter", "b_f"), ("task", "no such task")):
            user.run(state(user.named(key), "string_value", text))
            assert user.alerts == []
            assert user.metrics[-1] == loss
    with User(server.url, "task=noise&steps=5", "derive") as user:
        chosen = ["no such section", "The loss"]
        user.run(state(user.named("derive.sections"), "string_array_value", chosen))
        assert user.alerts == []
        assert "sections=loss" in user.query


def test_what_a_browser_sends_is_no_forgery(new_page) -> None:
    page = new_page("?task=noise&samples=2&node=h,2&knob=gain,W,1")
    steps = page.get_by_label("Steps", exact=True)
    steps.fill("6")
    steps.press("Enter")
    page.wait_for_url("**steps=6*")
    settle(page)
    assert page.get_by_text("ignored").count() == 0


@pytest.mark.parametrize("page", PAGES)
def test_no_forged_value_ends_the_session(server, page) -> None:
    """On the page of the network every second forgery, on each other page every seventh."""
    before = len(server.log())
    with User(server.url, QUERY + "&lesson=softmax,2" * (page == "lessons"), page) as user:
        if not page:
            user.run(*(state(user.named(key), "bool_value", True) for key in OPENED))
        many = [list(forgeries(widget)) for widget in user.ids]
        for values in [*zip(*many, strict=True)][PAGES.index(page) :: 7 if page else 2]:
            user.run(*values)
            assert user.exceptions == [], values[0]
            assert "Traceback" not in server.log()[before:], values[0]
        user.run()
        assert user.metrics
        assert user.exceptions == []


def test_a_session_that_begins_with_forged_values_works(server) -> None:
    """The ids are those of any session, so a message may come before there is a widget."""
    before = len(server.log())
    with User(server.url, QUERY) as one:
        widgets = list(one.ids)
    for kind, value in (("string_value", "x"), ("string_array_value", ["x"]), ("json_value", "5")):
        with User(server.url, QUERY, sent=[state(widget, kind, value) for widget in widgets]) as other:
            other.run()
            assert other.metrics
            assert other.exceptions == []
    assert "Traceback" not in server.log()[before:]


@pytest.mark.parametrize(
    "typed",
    [5, [], {"edited_rows": 5}, {"edited_rows": {0: 5}}, {"edited_rows": {0: {"0": []}}}, {"edited_rows": {0: {"0": 10**400}}}],
)  # fmt: skip
def test_only_cells_of_the_table_are_typed(typed) -> None:
    with pytest.raises(ValueError, match="the browser sent"):
        edit.typed_cells(typed, (4, 4))


def test_cells_of_the_table_are_typed() -> None:
    others = {99: {"0": 1}, -1: {"0": 1}, 1: {"9": 1, "x": 1, "٣": 1}}
    typed = {"edited_rows": {0: {"1": 0.5, "row": "t"}, 3: {"0": None}} | others, "added_rows": [], "deleted_rows": []}
    assert edit.typed_cells(typed, (4, 4)) == {(0, 1): "0.5", (3, 0): None}
    assert edit.typed_cells(None, (4, 4)) == {}


def test_a_column_of_the_table_shows_first_digits_and_exponents() -> None:
    assert edit.column_width(["-0.12345678901234567", "1"]) == edit.column_width(["1"])
    exponent = "-1.2345678901234567e-10"
    assert edit.column_width(["1", exponent]) >= 8 * len(exponent)


def test_an_event_of_the_picture_is_a_node_and_a_number_of_its_time() -> None:
    drawn = scene(models.run(State().model), View())
    assert _picked({"node": ["h", 2], "event": 3}, drawn) is not None
    for node, event in ((["h", 2], 10**30), (["h", 2], -1), (["h", 2.0], 1), (["h"], 1), ("h", 1), (["zz", 2], 1)):
        assert _picked({"node": node, "event": event}, drawn) is None
    assert _moved({"first": 1, "last": 2, "event": 2**60}, drawn) is None
    assert _turned({"at": 0, "event": 1}, None) is None


def test_a_step_far_beyond_all_is_no_selection() -> None:
    with pytest.raises(ValueError, match="no step"):
        View(selected=("h", 10**20))


@pytest.mark.parametrize(
    "sent", [5, "wide", {"pixels": "wide"}, {"pixels": [1]}, {"pixels": -1}, {"pixels": np.inf}, {}]
)
def test_a_width_that_is_none_is_passed_over(sent) -> None:
    def page() -> None:
        import streamlit as st

        from explorer.page.width import known

        st.write(known())

    app = AppTest.from_function(page)
    app.session_state["browser"] = sent
    app.run()
    assert not app.exception
    assert re.search("1000", app.markdown[0].value)
