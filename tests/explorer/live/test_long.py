"""Long runs and the knob on the page: the strip of all steps, its window, and turning without a word to the server."""

from __future__ import annotations

import json
import re
import struct

import numpy as np
import pytest
from browser import settle
from live_picture import PIXELS, Picture

from explorer import model as models
from explorer.live import _moved, encode_strip
from explorer.live.encode import SHADES, looks
from explorer.model import Model
from explorer.picture.marks import Mark, marks
from explorer.picture.readings import measured, overview
from explorer.picture.scene import scene
from explorer.state import View, from_query

LONG = "task=noise&steps=1000&loss=last"
STRIP = '.strip[data-token]:not([data-token=""])'


def long_run(cell: str = "rnn", steps: int = 300):
    return models.run(models.changed(Model(), cell=cell, task="noise", count="last", settings=(("steps", steps),)))


# --- the bytes ---


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize("lens", ["gradient", "value", "slope"])
def test_the_strip_has_every_node_at_every_step_as_the_picture_shows_it(cell, lens) -> None:
    run, view = long_run(cell), View(lens=lens, window=(40, 90), selected=("h", 7))
    picture, all_steps = scene(run, view), overview(run, view)
    assert all_steps.shape == (len(picture.names), 300)
    np.testing.assert_array_equal(all_steps[picture.name, picture.t - 1], picture.magnitude)
    np.testing.assert_array_equal(measured(run, view, 40, 90), picture.magnitude)
    data = encode_strip(picture, all_steps, 5)
    length = struct.unpack_from("<I", data)[0]
    header = json.loads(data[4 : 4 + length])
    assert (header["first"], header["last"], header["steps"], header["event"]) == (40, 90, 300, 5)
    assert header["selected"] == [picture.names.index("h"), 7]
    assert header["arrays"][0] == ["look", "u1", all_steps.size]
    look = np.frombuffer(data, "u1", all_steps.size, 4 + length).reshape(all_steps.shape)
    np.testing.assert_array_equal(look, looks(all_steps, marks(all_steps, view.low, view.high), view.low, view.high))
    assert (look[picture.names.index("y")] == SHADES - 1 + Mark.NONE).all()


@pytest.mark.parametrize(
    "value",
    [None, 3, [], {}, {"first": 1, "last": 5}, {"first": 0, "last": 5, "event": 1}, {"first": 6, "last": 5, "event": 1},
     {"first": 1, "last": 301, "event": 1}, {"first": 1.5, "last": 5, "event": 1}, {"first": "1", "last": 5, "event": 1}],
)  # fmt: skip
def test_what_is_no_window_is_passed_over(value) -> None:
    picture = scene(long_run())
    assert _moved(value, picture) is None
    assert _moved({"first": 1, "last": 300, "event": 2}, picture) == ((1, 300), 2)


# --- the strip on the page ---


class Strip(Picture):
    """The strip on an opened page, beside the live picture."""

    def __init__(self, page):
        super().__init__(page)
        page.wait_for_selector(STRIP, state="attached")
        self.picture, self.live = self.live, page.locator(".strip")

    def x(self, step: float) -> tuple[float, float]:
        """The middle of a step on the page."""
        box = self.live.locator("canvas").bounding_box()
        return box["x"] + 64 + (step - 0.5) * (box["width"] - 80) / int(self.steps), box["y"] + 40

    def drag(self, *steps: float):
        """From step to step with the pointer, which is not let go."""
        self.page.mouse.move(*self.x(steps[0]))
        self.page.mouse.down()
        for step in steps[1:]:
            self.page.mouse.move(*self.x(step))

    def window(self, first: int, last: int):
        self.until(f"data.first === '{first}' && data.last === '{last}'")

    def detail(self, first: int, last: int):
        """Waits until the link, and with it the page, is of this window."""
        self.page.wait_for_function(f"location.search.includes('window={first}%2C{last}')")
        settle(self.page)


@pytest.fixture
def open_strip(new_page):
    return lambda query=LONG, **options: Strip(new_page(f"?{query}", **options))


def test_a_window_that_is_dragged_is_drawn_when_it_is_let_go(open_strip):
    strip = open_strip()
    strip.window(951, 1000)
    assert "steps 951 to 1,000 of 1,000" in strip.live.locator(".described").inner_text()
    token, said = strip.picture.get_attribute("data-token"), strip.said
    strip.drag(975, 900, 500)
    strip.window(476, 525)
    assert strip.said == said  # nothing has gone to the server yet
    assert strip.picture.get_attribute("data-token") == token
    strip.page.mouse.up()
    strip.detail(476, 525)
    strip.page.wait_for_function(
        "([live, token]) => live.dataset.token !== token", arg=[strip.picture.element_handle(), token]
    )
    assert strip.picture.get_attribute("data-nodes") == str(50 * 7)
    assert strip.picture.evaluate(PIXELS)[1] > 1000
    strip.window(476, 525)


def test_its_ends_are_dragged_as_far_as_there_is_room(open_strip):
    strip = open_strip(LONG + "&window=401,500")
    edge = strip.live.locator("[data-part=first]").bounding_box()
    strip.page.mouse.move(edge["x"] + 6, edge["y"] + 40)
    strip.page.mouse.down()
    strip.page.mouse.move(edge["x"] + 6 - (strip.x(401)[0] - strip.x(351)[0]), edge["y"] + 40)
    strip.window(351, 500)
    strip.page.mouse.move(*strip.x(1))
    strip.window(144, 500)
    assert "as many as have room" in strip.live.locator(".described").inner_text()
    strip.page.mouse.up()
    strip.detail(144, 500)


def test_a_click_beside_the_window_brings_it(open_strip):
    strip = open_strip()
    strip.page.mouse.click(*strip.x(300))
    strip.detail(276, 325)
    strip.page.mouse.click(*strip.x(3))
    strip.detail(1, 50)
    assert strip.picture.get_attribute("data-nodes") == str(50 * 7 + 1)


def test_the_keyboard_moves_the_window_and_its_ends(open_strip):
    strip = open_strip()
    frame = strip.page.get_by_role("slider", name="Steps drawn in detail")
    frame.press("PageDown")
    strip.window(901, 950)
    frame.press("ArrowLeft")
    strip.window(900, 949)
    frame.press("Home")
    strip.window(1, 50)
    strip.detail(1, 50)
    assert frame.get_attribute("aria-valuetext") == "steps 1 to 50 of 1,000"
    last = strip.page.get_by_role("slider", name="Last step drawn in detail")
    last.press("PageUp")
    strip.window(1, 60)
    last.press("End")
    strip.window(1, 357)
    strip.detail(1, 357)
    assert last.get_attribute("aria-valuenow") == "357"


def test_a_finger_drags_the_window(open_strip):
    strip = open_strip(has_touch=True, is_mobile=True, viewport={"width": 800, "height": 1000})
    session = strip.page.context.new_cdp_session(strip.page)
    strip.live.locator("canvas").scroll_into_view_if_needed()
    for kind, step in (("touchStart", 975), ("touchMove", 800), ("touchMove", 700), ("touchEnd", None)):
        places = [] if step is None else [{"x": strip.x(step)[0], "y": strip.x(step)[1], "id": 1}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    strip.page.wait_for_function("location.search.includes('window=')")
    assert abs(int(strip.first) - 676) <= 3


def test_the_pointer_reads_a_node_anywhere(open_strip):
    strip = open_strip()
    run = long_run(steps=1000)
    row = strip.live.locator("canvas").bounding_box()
    x, _ = strip.x(985)
    strip.page.mouse.move(x, row["y"] + 4.5 * 13)  # from the top: y L ŷ o h
    tip = strip.live.locator(".tip")
    tip.wait_for()
    said = tip.inner_text()
    step = int(re.match(r"h\((\d+)\)", said)[1])
    assert abs(step - 985) <= 1
    assert f"‖∇L‖: {np.linalg.norm(run.grad['h'][step - 1, 0]):.4g}" in said
    strip.page.mouse.move(x, row["y"] + 1.5 * 13)
    strip.page.wait_for_function("tip => tip.innerText.includes('exactly 0')", arg=tip.element_handle())


def test_the_strip_stands_with_either_picture_and_only_where_it_is_needed(open_strip, new_page):
    page = new_page(f"?{LONG}&picture=plotly")
    page.wait_for_selector(STRIP, state="attached")
    assert page.locator(".strip").count() == 1
    assert new_page("?task=noise&steps=60").locator(".strip").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 800])
def test_the_strip_is_painted_at_every_width(open_strip, width, scheme):
    strip = open_strip(LONG + "&cell=lstm", viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert strip.live.evaluate(PIXELS)[1] > 10_000
    assert strip.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    frame, canvas = (strip.live.locator(css).bounding_box() for css in (".frame", "canvas"))
    assert frame["x"] + frame["width"] <= canvas["x"] + canvas["width"]


# --- the knob on the page ---


def test_the_knob_turns_without_the_server_and_what_is_let_go_is_the_pages(new_page):
    page = new_page("?task=noise&steps=50&loss=last&knob=gain,W,1")
    picture = Picture(page)
    loss, curve = page.locator("[data-testid=stMetricValue]"), page.locator(".knob .curve circle")
    before, place, shown = loss.inner_text(), curve.get_attribute("transform"), picture.pixels()
    slider, said = page.get_by_role("slider", name="Gain of W"), picture.said
    for k in (30, 38):
        slider.evaluate("(slider, k) => { slider.value = k; slider.dispatchEvent(new Event('input')); }", k)
        picture.until(f"data.knob === '{k}'")
    turned = picture.pixels()
    assert turned != shown
    assert curve.get_attribute("transform") != place
    assert (picture.said, loss.inner_text()) == (said, before)
    slider.evaluate("slider => slider.dispatchEvent(new Event('change'))")
    page.wait_for_function("location.search.includes('turn.W=')")
    settle(page)
    state, _ = from_query(dict(part.split("=") for part in page.url.replace("%2C", ",").split("?")[1].split("&")))
    run = models.run(state.model)
    assert f"{run.loss:.4g}" == loss.inner_text() != before
    assert (picture.knob, picture.pixels()) == ("38", turned)  # it has not jumped, and what was seen is what there is
    with np.errstate(divide="ignore"):
        reads = float(page.locator(".knob .reads b").inner_text().replace("−", "-"))
    assert reads == pytest.approx(np.log10(np.linalg.norm(run.grad["h"][0])), rel=1e-3)


def test_letting_go_is_undone(new_page):
    page = new_page("?task=noise&loss=last&knob=gain,W,1")
    picture = Picture(page)
    loss = page.locator("[data-testid=stMetricValue]")
    before = loss.inner_text()
    page.get_by_role("slider", name="Gain of W").press("End")
    page.wait_for_function("location.search.includes('turn.W=4')")
    settle(page)
    assert loss.inner_text() != before
    page.get_by_text("Edit the numbers").click()
    page.get_by_role("button", name="Undo").wait_for()
    settle(page)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("!location.search.includes('turn.W')")
    settle(page)
    assert loss.inner_text() == before
    picture.until("data.knob === '20'")


def test_a_thousand_nodes_are_recoloured_at_each_place_of_the_knob(new_page):
    page = new_page("?task=noise&steps=140&window=1,140&loss=last&knob=gain,W,1")
    picture = Picture(page)
    picture.until("+data.nodes === 140 * 7 + 1")
    costs = page.locator(".knob .at").evaluate(
        """async (slider) => {
          const live = slider.getRootNode().querySelector(".live"), costs = [];
          for (let k = 0; k <= 40; k++) {
            slider.value = k;
            slider.dispatchEvent(new Event("input"));
            const drawn = live.dataset.drawn;
            while (live.dataset.drawn === drawn) await new Promise(requestAnimationFrame);
            costs.push(+live.dataset.cost);
          }
          return costs;
        }"""
    )
    assert len(costs) == 41  # each place of the knob is a picture of its own
    assert min(costs) > 0
