"""The page in a real Chromium. The fixtures fail on console errors, requests to other hosts and tracebacks."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from browser import enter, settle

from explorer import model as models
from explorer.state import PRESETS, from_query

pytestmark = pytest.mark.slow

NODES = """() => {
  const figure = document.querySelector(".js-plotly-plot");
  if (!figure || !figure.data) return -1;
  return figure.data.filter((trace) => trace.name === "nodes").reduce((sum, trace) => sum + trace.hovertext.length, 0);
}"""


#: Whether the picture was made for the width that it has.
FITTED = """() => {
  const figure = document.querySelector(".js-plotly-plot"), made = figure?.layout?.meta?.width;
  return made <= figure?.clientWidth && figure.clientWidth < made + 40;
}"""

#: The sheet, the labels of the axes, and the nodes: left, top, right, bottom of each.
BOXES = """() => {
  const figure = document.querySelector(".js-plotly-plot");
  const box = (element) => (({ left, top, right, bottom }) => [left, top, right, bottom])(element.getBoundingClientRect());
  const all = (selector) => [...figure.querySelectorAll(selector)].map(box);
  const traces = [...figure.querySelectorAll(".trace.scatter")].filter((_, i) => i > 0);
  const points = traces.flatMap((trace) => [...trace.querySelectorAll(".points .point")].map(box));
  return [box(figure), all(".xtick text, .ytick text"), points.filter(([left, , right]) => right - left > 6)];
}"""


@pytest.fixture
def page(new_page):
    """The first page with the plotly figure, which can be read here; the live picture has tests of its own."""
    return new_page("?picture=plotly")


def nodes(page, count):
    """Waits until the picture has `count` nodes, and every one of them is on the screen."""
    page.wait_for_function(f"({NODES})() === {count}")
    settle(page)
    drawn = page.locator(".js-plotly-plot").first.locator(".trace.scatter .points .point")
    assert drawn.count() >= count


def choose(page, label, option):
    page.get_by_role("combobox", name=re.compile(f"{label}$|{label}\\.")).click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def picture(page):
    """What the picture is made of."""
    return page.evaluate(
        """() => [...document.querySelectorAll(".js-plotly-plot")].map((figure) => JSON.stringify(figure.data, (key, value) =>
            key.startsWith("_") ? undefined : ArrayBuffer.isView(value) ? Array.from(value) : value))"""
    )


def test_from_the_first_screen_to_a_shared_link(page, new_page):
    nodes(page, 4 * 7 + 1)
    enter(page, "Text", "hello world")
    nodes(page, 10 * 7 + 1)
    choose(page, "Cell", "LSTM of the book")
    nodes(page, 10 * 12 + 2)
    choose(page, "Which losses count", "the last step only")
    choose(page, "of a vector, its", "largest entry")
    page.wait_for_function("location.search.includes('as=largest')")
    other = new_page(page.url.removeprefix(re.match("https?://[^/]+/", page.url)[0]))
    nodes(other, 10 * 12 + 2)
    assert other.get_by_label("Text", exact=True).input_value() == "hello world"
    assert picture(other) == picture(page)
    assert other.url == page.url


def test_quick_changes_one_after_the_other_are_all_kept(page):
    page.get_by_label("Gain", exact=True).fill("2")
    page.get_by_label("Gain", exact=True).press("Enter")
    page.get_by_label("Seed", exact=True).fill("5")
    page.get_by_label("Seed", exact=True).press("Enter")
    enter(page, "Text", "abc")
    nodes(page, 2 * 7 + 1)
    page.wait_for_function("location.search.includes('abc')")
    settle(page)
    assert page.get_by_label("Gain", exact=True).input_value() == "2"
    assert page.get_by_label("Seed", exact=True).input_value() == "5"
    assert "init_seed=5" in page.url


#: A line on which every message of the server takes 400 ms longer.
SLOW = """(() => {
  const late = (heard) => (event) => setTimeout(() => heard.call(event.target, event), 400);
  const { get, set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
  Object.defineProperty(WebSocket.prototype, "onmessage", { get, set(heard) { set.call(this, late(heard)); } });
  const add = WebSocket.prototype.addEventListener;
  WebSocket.prototype.addEventListener = function (kind, heard, options) {
    add.call(this, kind, kind === "message" ? late(heard) : heard, options);
  };
})()"""


def slowed(page, query):
    """The page at another address, from now on by a slow line."""
    page.context.add_init_script(SLOW)
    page.goto(f"{re.match('https?://[^/]+/', page.url)[0]}{query}")
    settle(page)


def test_a_late_browser_undoes_nothing(page):
    slowed(page, "?text=hello&picture=plotly")
    for label, value, key in (("Gain", "2", "Enter"), ("Seed", "5", "Enter"), ("Text", "abc", "Control+Enter")):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press(key)
    for part in ("text=abc", "gain%3A2", "init_seed=5"):
        page.wait_for_function(f"location.search.includes('{part}')")
    page.wait_for_timeout(1_000)  # whatever is still on its way
    settle(page)
    labels = ("Gain", "Seed", "Text")
    assert [page.get_by_label(label, exact=True).input_value() for label in labels] == ["2", "5", "abc"]
    assert all(part in page.url for part in ("text=abc", "gain%3A2", "init_seed=5"))


def test_a_late_browser_keeps_what_a_ready_screen_has_set(page):
    slowed(page, "?text=hello&init=normal,gain:2&picture=plotly")
    page.locator(".st-key-preset").get_by_text("LSTM", exact=True).click()
    page.get_by_label("Seed", exact=True).fill("5")
    page.get_by_label("Seed", exact=True).press("Enter")
    page.wait_for_function("location.search.includes('init_seed=5')")
    page.wait_for_timeout(1_000)
    settle(page)
    state = from_query(dict(parse_qsl(urlsplit(page.url).query)))[0]
    assert state.model == models.changed(PRESETS["lstm"].state.model, seed=5)


def test_the_pointer_reads_a_node(page):
    nodes(page, 4 * 7 + 1)
    points = page.locator(".js-plotly-plot").first.locator(".trace.scatter .points .point")
    boxes = [points.nth(i).bounding_box() for i in range(points.count())]
    said = set()
    for box in sorted(boxes, key=lambda box: -box["width"])[:6]:
        page.mouse.move(box["x"] + box["width"] / 2 - 1, box["y"] + box["height"] / 2 - 1)
        page.wait_for_selector(".hoverlayer .hovertext")
        said.add(page.locator(".hoverlayer .hovertext").first.text_content())
    assert any("‖∇" in text for text in said)


def test_refused_input_is_told_and_the_picture_stays(page):
    nodes(page, 4 * 7 + 1)
    enter(page, "Text", "x")
    assert "a text of 2 to" in page.get_by_role("alert").inner_text()
    nodes(page, 4 * 7 + 1)
    enter(page, "Text", "xy")
    nodes(page, 1 * 7 + 1)
    assert page.get_by_role("alert").count() == 0


def test_a_table_of_the_users_own(page):
    choose(page, "Inputs and targets", "A table of your own")
    nodes(page, 4 * 7 + 1)
    file = {"name": "mine.csv", "mimeType": "text/csv", "buffer": b"x1,y\n0.5,0\n1,1\n2,0\n"}
    page.locator("input[type=file]").set_input_files(file)
    nodes(page, 3 * 7 + 1)
    assert "x1,y" in page.get_by_label("Table (CSV)", exact=True).input_value()


def test_a_bad_link_is_told_and_runs_nothing(new_page):
    page = new_page("?cell=%3Cimg%20src=x%20onerror=window.hit=1%3E&text=%3Cb%3Ehi%3C/b%3E&picture=plotly")
    assert "<img src=x" in page.get_by_role("alert").inner_text()
    nodes(page, 8 * 7 + 1)
    assert page.evaluate("window.hit") is None
    assert page.locator("[data-testid=stAlert] img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800, 400])
def test_nothing_is_cut_or_overlaps(new_page, width, scheme):
    page = new_page("?cell=lstm&picture=plotly", viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.wait_for_function(FITTED)
    nodes(page, 4 * 12 + 2)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    ink = page.evaluate("getComputedStyle(document.querySelector('.js-plotly-plot .ytick text')).fill")
    light = sum(map(int, re.findall(r"\d+", ink)[:3])) > 380
    assert light == (scheme == "dark")
    sheet, labels, points = page.evaluate(BOXES)
    for left, top, right, bottom in labels + points:
        assert sheet[0] - 1 <= left < right <= sheet[2] + 1
        assert sheet[1] - 1 <= top < bottom <= sheet[3] + 1
    for boxes in (labels, points):
        for i, a in enumerate(boxes):
            assert all(a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 2 or b[3] <= a[1] + 2 for b in boxes[:i])


def test_the_editor_answers_as_one_types(new_page):
    """Equations, notes and errors follow without a key to send them; no letter is lost and the field keeps the focus."""
    page = new_page()
    page.get_by_text("Write a cell of your own").click()
    field = page.locator(".st-key-cell-text textarea")
    field.wait_for()
    settle(page)
    field.fill("")
    text = "h = tanh(W @ h_prev + U @ x)\no = V @ h\nL = nll(softmax(o), y)"
    for place, letter in enumerate(text):
        page.keyboard.press("Enter") if letter == "\n" else page.keyboard.type(letter)
        page.wait_for_timeout(540 if place % 9 == 0 else 15)  # some answers come while the next letters are typed
    page.get_by_role("alert").filter(has_text="for h one step earlier write h[t-1]").wait_for()
    assert field.input_value() == text
    assert field.evaluate("field => field === document.activeElement && field.selectionStart") == len(text)
    page.keyboard.type(" +")
    page.get_by_role("alert").filter(has_text="Line 3, column").wait_for()
    assert field.input_value() == f"{text} +"
