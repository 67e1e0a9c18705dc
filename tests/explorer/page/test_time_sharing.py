"""Long work beside the short work of others: it gives way, can be stopped, and is bounded for each session."""

from __future__ import annotations

import threading
import time

import pytest
import streamlit as st
from pages import app_at
from streamlit.testing.v1 import AppTest

from explorer.page import time_sharing as work
from explorer.page.time_sharing import Budget, Machine, Spent


def test_long_work_waits_for_quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_PATIENCE", 60)
    machine, order, begun, end = Machine(), list[str](), threading.Event(), threading.Event()

    def quick() -> None:
        with machine.run():
            begun.set()
            assert end.wait(30)
            order.append("quick")

    other = threading.Thread(target=quick)
    with machine.run():
        machine.give_way()  # nobody else is there
        other.start()
        assert begun.wait(30)
        assert machine.is_quick_beside()
        threading.Timer(0.05, end.set).start()
        machine.give_way()
        order.append("long")
        other.join()
        assert not machine.is_quick_beside()
    assert order == ["quick", "long"]


def test_no_two_runs_wait_for_each_other() -> None:
    """The older waits for the younger, not the other way round."""
    machine, seen, begun, end = Machine(), list[bool](), threading.Event(), threading.Event()

    def younger() -> None:
        with machine.run():
            seen.append(machine.is_quick_beside())
            begun.set()
            end.wait(30)

    thread = threading.Thread(target=younger)
    with machine.run():
        time.sleep(0.01)
        thread.start()
        assert begun.wait(30)
        seen.append(machine.is_quick_beside())
        end.set()
        thread.join()
    assert seen == [False, True]


def test_a_run_that_is_long_itself_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, begun, end = Machine(), threading.Event(), threading.Event()

    def other() -> None:
        with machine.run():
            begun.set()
            end.wait(30)

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(30)
    monkeypatch.setattr(work, "QUICK", 0.0)
    assert not machine.is_quick_beside()
    end.set()
    thread.join()


def test_a_session_has_a_bound_and_gets_work_back() -> None:
    budget = Budget(at=100.0)
    budget.spend(work.ALLOWANCE - 1, 100.0)
    with pytest.raises(Spent, match="Fewer steps"):
        budget.spend(2, 100.0)
    with pytest.raises(Spent):
        budget.check(101.0)
    budget.check(100.0 + work._ENOUGH / work._REFILL + 1)
    later = Budget(left=3.0, at=0.0)
    later.check(1e9)
    assert later.left == work.ALLOWANCE


# --- a page ----------------------------------------------------------------------------------------------------------


def _page() -> None:
    import time

    import streamlit as st

    from engine.support.pause import pause
    from explorer.page import long_work as work

    st.session_state.setdefault("state", "as it is")
    work.SLICE, work._SHORT, work._PACE = 0.0, 0.0, 0.0
    with work.sliced():
        st.write("before")
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pause()
        st.write("after")


def _said(app: AppTest) -> list[str]:
    return [*(e.value for e in app.markdown), *(e.value for e in app.info), *(e.value for e in app.warning)]


@pytest.fixture(autouse=True)
def _usual(monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.page import long_work as view

    for name in ("SLICE", "_SHORT", "_PACE"):
        monkeypatch.setattr(view, name, getattr(view, name))  # so that it is as it was after the test


def test_nothing_stays_over_after_the_work_is_done() -> None:
    app = AppTest.from_function(_page, default_timeout=60).run()
    assert not app.exception
    assert _said(app) == ["before", "after"]
    assert [button.label for button in app.button] == []


def test_what_is_stopped_ends_with_a_word_and_goes_on() -> None:
    app = AppTest.from_function(_page, default_timeout=60)
    app.session_state["work.stopped"] = "as it is"
    app.session_state["state"] = "as it is"
    app.run()
    assert not app.exception
    assert _said(app) == ["before", "Stopped: the page below was not computed."]
    (go_on,) = [button for button in app.button if button.label == "Go on"]
    go_on.click().run()
    assert _said(app) == ["before", "after"]
    app.session_state["work.stopped"] = "as it was"  # another network is computed
    assert _said(app.run()) == ["before", "after"]


def test_a_session_that_has_used_up_its_work_is_told_and_works_on() -> None:
    app = AppTest.from_function(_page, default_timeout=60)
    app.session_state["work.budget"] = Budget(left=0.0, at=time.monotonic(), waiting=True)
    app.run()
    assert not app.exception
    assert "used up" in app.warning[0].value
    assert "after" not in _said(app)
    app.session_state["work.budget"] = Budget(at=time.monotonic())
    assert _said(app.run()) == ["before", "after"]


def test_the_pages_are_in_slices() -> None:
    """The page of the explorer is computed inside of `sliced`: a session without work is told, and the side bar is there."""
    st.cache_resource.clear()
    app = app_at(picture="live", task="noise", steps="40")
    app.session_state["work.budget"] = Budget(left=0.0, at=time.monotonic(), waiting=True)
    app.run()
    assert not app.exception
    assert any(widget.label == "Seed" for widget in app.number_input)
