"""What the browser keeps of a session: the text of it, and the journeys on which it comes back."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest
import streamlit as st
from browser import enter, serve, settle, until
from hypothesis import given, settings
from hypothesis import strategies as some
from pages import fine, opened
from states import states
from streamlit.testing.v1 import AppTest

from engine import CATALOGUE
from explorer import model as models
from explorer.model import Model
from explorer.page import memory_text
from explorer.page.memory_text import MAX_KEPT, Kept, read, written
from explorer.state import State, left_out, session, to_query
from explorer.teach.lesson import UserAnswer

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=40)
GIVEN = some.builds(UserAnswer, some.none() | some.integers(0, 9), TEXTS, some.booleans())
KEPT = some.builds(
    Kept,
    states(),
    some.none() | states(),
    some.sets(TEXTS, max_size=4).map(lambda names: tuple(sorted(names))),
    some.dictionaries(TEXTS, GIVEN, max_size=4).map(
        lambda found: tuple(sorted(found.items(), key=lambda item: item[0]))
    ),
    some.none() | TEXTS,
    some.lists(some.tuples(some.sampled_from(memory_text.FIELDS), TEXTS, TEXTS), max_size=2).map(tuple),
)


# --- the text ----------------------------------------------------------------------------------------------------


@given(KEPT)
@settings(max_examples=40)
def test_a_text_gives_it_back(found) -> None:
    assert read(written(found)) == found


@given(states())
@settings(max_examples=20)
def test_entries_give_the_state_back(state) -> None:
    assert session.restored(session.brief(state)) == state


GOOD = json.loads(written(Kept(State(), draft="h = x")))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{}", "[" * 100_000, '{"session":' * 50_000, "\ud800", "x" * (MAX_KEPT + 1),
        *(json.dumps(GOOD | change) for change in (
            {"else": 1}, {"session": None}, {"session": []}, {"session": {"unrolled": 2}}, {"session": {"unrolled": True}},
            {"session": {"unrolled": 1, "state": {"cell": 3}}}, {"session": {"unrolled": 1, "state": {"cell": "no"}}},
            {"before": 7}, {"before": {"unrolled": 1, "state": {"task": "text", "text": "x"}}},
            {"done": "all"}, {"done": [1]}, {"done": ["a"] * 501}, {"done": ["a" * 61]}, {"done": ["\ud800"]},
            {"answers": []}, {"answers": {"a.1": 1}}, {"answers": {"a.1": [-1, "", False]}},
            {"answers": {"a.1": [0, "", 1]}}, {"answers": {"a.1": [0, "x" * 61, False]}},
            {"refused": "task.text"}, {"refused": [["state", "", ""]]}, {"refused": [["task.text", 1, ""]]},
            {"refused": [["task.text", "", ""]] * 3}, {"draft": 1}, {"draft": "\ud800"}, {"draft": "x" * 50_001},
        )),
        written(Kept(State()))[:-1], written(Kept(State())).replace("1", "NaN"), written(Kept(State())).replace("1", "9" * 30),
    ],
    ids=lambda text: ascii(text[:60]),
)  # fmt: skip
def test_any_other_text_is_refused_with_a_message(text) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text)


def test_an_address_is_one_text_whatever_its_order() -> None:
    assert (
        memory_text.query({"cell": "lstm", "n.s": "3"})
        == memory_text.query({"n.s": "3", "cell": "lstm"})
        != memory_text.query({"cell": "lstm"})
    )
    assert memory_text.query({}) == memory_text.address(State()) == ""
    assert memory_text.query({"text": "\ud800&=+ "})  # nothing in an address can make it fail


def test_what_only_the_browser_keeps_is_named() -> None:
    assert Kept(State(Model(cell="lstm"))).only_here() == []
    every = Kept(large(), State(), ("gates",), (("gates.1", UserAnswer(1)),), "h =", (("weights", "one", "no number"),))
    assert every.only_here() == ["eq", "text", "edit", "before", "done", "answers", "draft", "refused"]


# --- the page ----------------------------------------------------------------------------------------------------


def told(app: AppTest, key: str = "browser") -> dict:
    """What the component is told."""
    (proto,) = [part.proto for part in app.get("bidi_component") if f"-{key}" in part.proto.id]
    return json.loads(proto.bytes)


@pytest.fixture
def app() -> AppTest:
    st.cache_resource.clear()
    return opened(picture="live")


def test_nothing_is_kept_before_the_first_change_and_all_from_then_on(app) -> None:
    first = told(app)
    assert not first["changed"]
    assert first["order"]["what"] == "ask"
    assert first["order"]["query"] == ""
    fine(app.text_area(key="task.text").set_value("hello world").run())
    second = told(app)
    assert second["changed"]
    assert second["lasting"]
    assert second["serial"] > first["serial"]
    assert second["query"] == memory_text.query({"text": "hello world"})
    assert read(json.dumps(second["keep"])) == Kept(app.session_state.state)
    assert told(fine(app.run())) == second  # the same bytes: the browser is not called again
    fine(app.text_area(key="task.text").set_value("hello").run())
    assert told(app)["serial"] > second["serial"]  # back where it began, which the browser must know, too
    assert told(app)["changed"]
    assert not told(app)["lasting"]


def test_a_draft_is_kept_without_a_run_of_the_whole_page(app) -> None:
    app.session_state["cell.open"] = True
    fine(app.run())
    fine(app.text_area(key="cell.text").set_value("h = tanh(W @").run())
    assert told(app, "cell.keep")["keep"]["draft"] == "h = tanh(W @"
    assert told(app, "cell.keep")["changed"]


def test_what_is_too_large_to_keep_is_said_before_it_is_lost(app, monkeypatch) -> None:
    monkeypatch.setattr(memory_text, "MAX_KEPT", 10_000)
    app.session_state["state"] = large()
    fine(app.run())
    assert told(app)["keep"] is None
    (said,) = [warning.value for warning in app.warning]
    assert all(words in said for words in ("at a reload", "table or text", "equations", "by hand", "as a file"))
    fine(app.pills(key="preset").set_value("hello").run())
    assert not app.warning


def test_a_text_that_was_refused_is_kept_with_what_is_wrong_with_it(app) -> None:
    fine(app.selectbox(key="task").set_value("table").run())
    fine(app.text_area(key="task.text").set_value("x1,y\n0.5,0\nx,1\n").run())
    ((field, text, fault),) = read(json.dumps(told(app)["keep"])).refused
    assert (field, text) == ("task.text", "x1,y\n0.5,0\nx,1\n")
    assert fault == app.session_state.faults["task.text"]
    fine(app.text_area(key="task.text").set_value("x1,y\n0.5,0\n1,1\n").run())
    assert read(json.dumps(told(app)["keep"])).refused == ()


# --- journeys ----------------------------------------------------------------------------------------------------


def large() -> State:
    """A state of which the link carries little: a table of 200 rows, an own cell of 3 kB, 256 numbers changed by hand."""
    rows = np.random.default_rng(0).normal(size=(200, 3)).round(6)
    table = "x1,x2,x3,y\n" + "".join(f"{','.join(map(str, row))},{i % 3}\n" for i, row in enumerate(rows.tolist()))
    words = " ".join(
        np.random.default_rng(1).integers(0, 10**9, 300).astype(str)
    )  # of which a packed link is long, too
    text = f"# {words[:1500]}\n# {words[1500:]}\n{CATALOGUE['rnn'].text}"
    model = models.changed(Model(), task="table", settings=(("text", table),))
    model = models.with_size(models.with_text(model, text), "h", 16)
    weights = np.random.default_rng(2).normal(size=(16, 16)).tolist()
    edits = {("W", (i, j)): weights[i][j] for i in range(16) for j in range(16)}
    state = State(models.with_edits(model, edits))
    assert left_out(state) == ["eq", "text", "edit"]
    assert len(state.model.edits) == 256
    return state


LOSS = "document.querySelector('[data-testid=stMetricValue]')?.innerText"
LOADER = "document.querySelector('.st-key-session-file') !== null"
BACK = "document.querySelector('.st-key-kept-back') !== null"


def loss(page) -> str:
    """The loss, which tells the numbers of two sessions apart."""
    page.wait_for_function(f"{LOSS} && sessionStorage['unrolled.1.done']")  # the browser has looked for what it kept
    settle(page)
    return page.evaluate(LOSS)


def shows(page, number: str) -> None:
    """Waits until the page shows this loss, and has come to rest."""
    page.wait_for_function(f"{LOSS} === {json.dumps(number)}")
    settle(page)


def stored(page, words: str) -> None:
    """Waits until the record of the tab has these words."""
    page.wait_for_function("(words) => (sessionStorage['unrolled.1.tab'] ?? '').includes(words)", arg=words)


def load(page, state: State) -> str:
    """Loads the file of a session; the loss that it has."""
    before = loss(page)
    until(page, page.get_by_text("Take it home", exact=True).click, LOADER)
    settle(page)
    file = {"name": "unrolled.json", "mimeType": "application/json", "buffer": session.save(state)}
    page.locator(".st-key-session-file input[type=file]").set_input_files(file)
    page.wait_for_function(f"{LOSS} !== {json.dumps(before)}")
    stored(page, json.dumps(memory_text.query(to_query(state))))
    return loss(page)


def another(page, address: str = ""):
    """A tab beside this one."""
    tab = page.context.new_page()
    tab.goto(address or "{0.scheme}://{0.netloc}".format(urlsplit(page.url)))
    settle(tab)
    return tab


@pytest.mark.slow
def test_a_reload_of_every_page_and_a_closed_tab_bring_back_what_no_link_carries(page) -> None:
    first = loss(page)
    mine = load(page, large())
    query = urlsplit(page.url).query
    for name in ("vanish", "derive", "compare", "cliff", "slips", "lessons", ""):
        page.goto(f"{page.url.partition('/')[0]}//{urlsplit(page.url).netloc}/{name}?{query}")
        shows(page, mine)
    assert not page.evaluate(BACK)  # in a tab that is still open it is no news
    assert page.get_by_label("Table (CSV)", exact=True).input_value().count("\n") == 201
    tab = another(page)
    page.close()
    shows(tab, mine)
    assert tab.evaluate(BACK)
    until(tab, lambda: tab.get_by_role("button", name="Forget it").first.click(), f"{LOSS} === {json.dumps(first)}")
    tab.wait_for_function("!Object.keys(localStorage).some((key) => key.startsWith('unrolled.'))")
    new = another(tab)
    assert loss(new) == first
    assert not new.evaluate(BACK)
    assert new.locator(".st-key-welcome").count() == 1  # a first visit is a first visit


def test_tabs_side_by_side_and_links(page) -> None:
    one = load(page, replace_text("the first of two tabs"))
    other = another(page, f"{page.url.partition('?')[0]}?task=noise&steps=7")
    seven = loss(other)
    assert seven != one
    assert not other.evaluate(BACK)
    two = load(other, replace_text("the second tab is larger"))
    third = another(page)
    shows(third, two)  # the last one
    until(third, lambda: third.get_by_role("button", name="The one before").click(), f"{LOSS} === {json.dumps(one)}")
    until(third, lambda: third.get_by_role("button", name="Start anew").click(), f"!({BACK})")
    fourth = another(page)
    shows(fourth, one)  # to begin anew in one tab is not to forget
    for tab, number in ((page, one), (other, two)):
        tab.reload()
        shows(tab, number)


def replace_text(text: str) -> State:
    """A state with this text, in a cell with a comment that no link carries."""
    state = large()
    return State(replace(Model(), cell="own", text=state.model.text, settings=(("text", text),)))


def test_a_restart_of_the_server_brings_the_session_back(browser, tmp_path) -> None:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()  # errors are no fault here
    with ExitStack() as first:
        server = first.enter_context(serve(sys.executable, "-m", "explorer", "--server.headless=true", home=tmp_path))
        page.goto(server.url)
        mine = load(page, large())
        page.evaluate("window.same = true")
    page.wait_for_selector("[data-testid=stApp]:not([data-test-connection-state=CONNECTED])")
    again = serve(
        sys.executable, "-m", "explorer", "--server.headless=true", home=tmp_path, port=urlsplit(server.url).port
    )
    with again:
        page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]", timeout=60_000)
        shows(page, mine)
        page.wait_for_function(f"document.querySelectorAll('textarea').length && {LOSS} === {json.dumps(mine)}")
        assert page.evaluate("window.same")  # without a reload
        assert page.get_by_label("Table (CSV)", exact=True).input_value().count("\n") == 201
        page.reload()
        shows(page, mine)


def test_no_element_of_the_page_is_taken_for_what_the_script_remembers(new_page) -> None:
    """A browser's window has each element under its id: the heading "Unrolled" must not become the script's memory."""
    page = new_page("vanish")
    page.context.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
          document.body.append(Object.assign(document.createElement("p"), { id: "unrolled", className: "mine" }));
        })"""
    )
    page.reload()
    loss(page)
    enter(page, "Text", "hello world")
    stored(page, "hello world")
    assert page.locator("p.mine").get_attribute("id") == "unrolled"


EDITOR = "document.querySelector('.st-key-cell-text textarea')?.value"


def test_a_draft_that_does_not_parse_and_a_text_that_was_refused_come_back(page) -> None:
    page.get_by_text("Write a cell of your own").click()
    field = page.locator(".st-key-cell-text textarea")
    field.wait_for()
    settle(page)
    enter(page, "Text", "x")
    refused = page.get_by_role("alert").filter(has_text="a text of 2 to")
    refused.wait_for()
    settle(page)
    field.fill("h = tan(W @")  # and never sent: the field keeps the focus
    stored(page, "h = tan(W @")
    page.reload()
    page.wait_for_function(f"{EDITOR} === 'h = tan(W @'")
    refused.wait_for()
    assert page.get_by_label("Text", exact=True).input_value() == "x"
    tab = another(page)
    page.close()
    tab.wait_for_function(f"{EDITOR} === 'h = tan(W @'")
    assert tab.evaluate(BACK)


def test_a_lesson_gives_back_the_users_own_network_after_a_reload(page) -> None:
    mine = load(page, large())
    page.get_by_role("link", name="Lessons").click()
    page.locator(".st-key-begin-gates button, [class*=st-key-begin] button").first.click()
    page.get_by_role("button", name="Give me back my network").wait_for()
    page.wait_for_function("location.search.includes('lesson=')")
    settle(page)
    stored(page, '"before"')
    page.reload()
    back = page.get_by_role("button", name="Give me back my network")
    back.wait_for()
    until(page, lambda: back.click(timeout=9_000), f"{LOSS} === {json.dumps(mine)}")


#: Makes the browser refuse to store: in its storages of which the expression `full` is true.
REFUSES = """() => {
  const put = (window.put ??= Storage.prototype.setItem);
  Storage.prototype.setItem = function (...item) {
    if (FULL) throw new DOMException("full", "QuotaExceededError");
    return put.apply(this, item);
  };
}"""


def test_a_browser_that_refuses_is_told_of_before_anything_is_lost(page) -> None:
    page.evaluate(REFUSES.replace("FULL", "this === localStorage"))
    enter(page, "Text", "the link has it all")
    stored(page, "it all")
    settle(page)
    assert page.get_by_role("alert").filter(has_text="Lost").count() == 0  # nothing would be
    mine = load(page, replace_text("but not of this"))
    said = page.get_by_role("alert").filter(has_text="refuses")
    said.filter(has_text="Lost when this tab is closed: equations of your cell").wait_for()
    assert "save the session as a file" in said.inner_text()
    page.evaluate(REFUSES.replace("FULL", "true"))
    enter(page, "Text", "nor of this")
    page.wait_for_function(f"{LOSS} !== {json.dumps(mine)}")
    said.filter(has_text="Lost at a reload of this page: equations of your cell").wait_for()


def test_a_record_that_cannot_be_read_is_told(page) -> None:
    enter(page, "Text", "hello world")
    stored(page, "hello world")
    settle(page)
    page.evaluate(
        """() => { const record = JSON.parse(sessionStorage["unrolled.1.tab"]);
        record.kept = { session: { unrolled: 1, state: { cell: "<img src=x onerror=window.hit=1>" } } };
        sessionStorage["unrolled.1.tab"] = JSON.stringify(record); }"""
    )
    page.reload()
    page.get_by_role("alert").filter(has_text="cannot be read").wait_for()
    assert page.evaluate("window.hit") is None
    assert page.get_by_label("Text", exact=True).input_value() == "hello world"  # of the link
