"""What helps a class: the first visit, the glossary, a link that leaves parts out, a presentation, handouts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from browser import place, settle, until
from pages import fine, opened, query
from streamlit.testing.v1 import AppTest

from engine import CATALOGUE, parse
from explorer import figures
from explorer import model as models
from explorer.figures import enlarged
from explorer.model import Model
from explorer.page.share_link import address
from explorer.state import PARTS, State, View, from_query
from explorer.teach import handout
from explorer.words import glossary

SIZES = {"x": 4, "y": 3}


def new() -> AppTest:
    """Somebody who comes without a link."""
    return opened(picture="live")


def keys(app: AppTest) -> set[str]:
    return {widget.key for widget in app.button}


# --- the first visit -------------------------------------------------------------------------------------------------


def test_doors_are_open_once_a_session_and_only_without_a_link() -> None:
    assert "welcome.look" not in keys(opened())
    app = new()
    assert {"welcome.look", "welcome.vanish", "welcome.close"} <= keys(app)
    assert "welcome.look" in keys(fine(app.number_input(key="n.h").set_value(3).run()))
    fine(app.button(key="welcome.close").click().run())
    assert not any(key.startswith("welcome") for key in keys(app) if key)


def test_to_look_at_a_network_is_to_look_at_a_node() -> None:
    app = new()
    fine(app.button(key="welcome.look").click().run())
    assert query(app) == {"node": "h,2"}
    assert "welcome.look" not in keys(app)


def test_a_door_leads_to_its_page() -> None:
    app = new()
    fine(app.button(key="welcome.vanish").click().run())
    assert "### Why gradients vanish" in [words.value for words in app.markdown]
    assert app.session_state.welcome is False


# --- the glossary ----------------------------------------------------------------------------------------------------


def sized(cell):
    return SIZES | {members[0]: 5 for members in cell.hidden}


@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_every_name_of_the_cell_once(cell) -> None:
    sizes = sized(cell) if cell.name != "one_unit" else {"x": 4, "y": 5}
    rows = glossary.of_cell(cell, sizes)
    named = [name for name in cell.nodes if cell.equations[name].within is None]
    assert sorted(row.name for row in rows) == sorted([*["x"] * cell.reads_x, *named, *cell.parameters, "y"])
    assert [row.name for row in rows if row.equation] == named
    shapes = cell.shapes(sizes)
    assert all(row.size == " × ".join(map(str, shapes[row.name])) for row in rows if row.role == "parameter")


@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_the_table_has_every_letter_of_the_ready_cells(cell) -> None:
    said = " ".join(letter.latex for group in glossary.LETTERS.values() for letter in group)
    said = said.replace(r"\varphi", r"\phi")
    for row in glossary.of_cell(cell, sized(cell) if cell.name != "one_unit" else {"x": 4, "y": 5}):
        letter = row.latex.partition("^{(")[0].partition("_")[0]
        assert letter in said, row.name


def test_an_own_cell_has_its_letters() -> None:
    cell = parse("m = tanh(Q @ m[t-1] + K @ x)\no = V @ m\nL = nll(softmax(o), y)")
    rows = {row.name: row for row in glossary.of_cell(cell, {"x": 4, "m": 7, "y": 3})}
    assert (rows["Q"].role, rows["Q"].size) == ("parameter", "7 × 7")
    assert (rows["m"].role, rows["m"].size) == ("state", "7")
    assert rows["m"].equation == r"m^{(t)} = \tanh\left(Q m^{(t-1)} + K x^{(t)}\right)"


def test_the_glossary_opens() -> None:
    app = opened(cell="gru")
    fine(app.button(key="letters").click().run())
    said = " ".join(words.value for words in app.markdown)
    assert "r^{(t)} = \\sigma" in said
    assert "(10.22)–(10.28)" in said


def test_an_equation_of_the_glossary_is_told_from_a_section() -> None:
    letters = [letter for group in glossary.LETTERS.values() for letter in group]
    for letter in letters:
        rest = re.sub(r"\((\d+\.\d+|\d|(19|20)\d\d)\)|\b(section|chapter) \d+(\.\d+)*|\$.*?\$", "", letter.source)
        assert not re.search(r"\d", rest), (letter.latex, letter.source)
    places = {letter.latex: letter.source for letter in letters}
    assert (places["a^{(t)}"], places[r"\rho"]) == ("(10.8)", "section 10.8")
    assert places["B"].startswith("section 5.9")


# --- links and presentations -----------------------------------------------------------------------------------------


def test_a_link_leaves_parts_out_and_they_come_back() -> None:
    app = opened(hide=",".join(PARTS))
    assert not app.selectbox
    assert not app.expander
    assert not app.sidebar.markdown
    fine(app.button(key="show.all").click().run())
    assert query(app) == {}
    assert app.selectbox(key="cell").value == "rnn"
    assert "show.all" not in keys(app)


@pytest.mark.parametrize(
    ("part", "there"),
    [("lenses", "measure"), ("knob", "knob.kind"), ("inspector", "node"), ("sidebar", "cell")],
)
def test_each_part_is_left_out_alone(part, there) -> None:
    found = {widget.key for widget in opened(picture="live", hide=part).selectbox}
    assert there not in found
    assert found


def test_what_is_left_out_is_chosen_in_the_link() -> None:
    app = opened()
    app.session_state.link = True
    fine(app.run())
    fine(app.button_group(key="hide").set_value(["files", "lenses"]).run())
    assert query(app)["hide"] == "lenses,files"
    assert "lens" not in {group.key for group in app.button_group}


@pytest.mark.parametrize("wrong", ["nonsense", "lenses,lenses", "", "<b>"])
def test_a_part_that_is_none_is_told(wrong) -> None:
    state, problems = from_query({"hide": wrong})
    assert state == State()
    assert len(problems) == 1


def test_the_address_is_whole() -> None:
    state = State(Model(task="noise"), View(hidden=("sidebar",), selected=("h", 2)))
    text = address(state, "http://localhost:8501")
    assert text == "http://localhost:8501/?task=noise&node=h,2&hide=sidebar"
    assert address(State(), "http://host/vanish") == "http://host/vanish"


def test_a_presentation_has_no_tools_and_ends() -> None:
    app = opened(present="1")
    assert not app.sidebar.markdown
    assert {"letters", "link"}.isdisjoint(keys(app))
    fine(app.button(key="exit").click().run())
    assert query(app) == {}
    assert app.selectbox(key="cell").value == "rnn"


# --- figures, larger -------------------------------------------------------------------------------------------------


def test_only_sizes_change() -> None:
    run = models.run(Model())
    small = figures.graph(run, "light", 1000)
    large = enlarged(small, 1.5)
    assert enlarged(small, 1) is small
    assert large.layout.height == small.layout.height * 1.5
    assert large.layout.font.size == small.layout.font.size * 1.5
    assert large.layout.margin.l == small.layout.margin.l * 1.5
    for one, other in zip(small.data, large.data, strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        if one.name == "nodes":
            np.testing.assert_allclose(np.multiply(one.marker.size, 1.5), other.marker.size)
            np.testing.assert_array_equal(one.marker.color, other.marker.color)
            assert tuple(one.hovertext) == tuple(other.hovertext)


# --- in the browser --------------------------------------------------------------------------------------------------


def canvas(page, there):
    """Where the live picture is, once it is there."""
    place = page.locator(".live[data-drawn] canvas")
    place.wait_for(timeout=60_000)
    for _ in range(300):
        if there(box := place.bounding_box()):
            return box
        page.wait_for_timeout(200)
    raise AssertionError(box)


def test_a_first_visit_in_the_browser(new_page) -> None:
    page = new_page()
    doors = page.get_by_text("New here?")
    doors.wait_for(timeout=60_000)
    canvas(page, lambda box: box["y"] < 480)
    page.get_by_role("button", name="Ask why gradients vanish").click()
    page.get_by_role("heading", name="Why gradients vanish").wait_for(timeout=60_000)
    for title in ("Compare", "The cliff", "Why gradients vanish", "Network"):
        page.get_by_test_id("stTopNavLink").filter(has_text=title).first.click()
        page.get_by_role("heading", name="Unrolled" if title == "Network" else title, exact=True).wait_for(
            timeout=60_000
        )
        opens = "document.querySelector('[role=dialog]')?.textContent.includes('Equation of a step')"
        until(page, lambda: page.get_by_role("button", name="Letters").click(timeout=60_000), opens)
        until(page, lambda: page.keyboard.press("Escape"), "!document.querySelector('[role=dialog]')")
    assert doors.count() == 0


@pytest.mark.parametrize(("across", "scheme"), [(1400, "light"), (800, "dark")])
def test_a_presentation_in_the_browser(new_page, across, scheme) -> None:
    page = new_page(
        "?present=1&task=noise&steps=6&hide=equations",
        viewport={"width": across, "height": 900},
        color_scheme=scheme,
    )
    fits = lambda box: box["height"] > 400 and box["y"] + box["height"] < 900  # noqa: E731
    canvas(page, fits)
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 18
    assert page.locator("[data-testid=stHeader]:visible, [data-testid=stSidebar]:visible").count() == 0
    assert page.get_by_text("Equations of a step").count() == 0
    # A node is where it is seen, however much all is enlarged: which the width decides, that the browser tells by and by.
    assert page.locator(".live").evaluate("host => host.style.getPropertyValue('--large') > 1")

    def click() -> None:
        canvas(page, fits)
        page.mouse.click(*place(page, 2, 2))  # h(3): x, a, h from below

    until(page, click, "location.search.includes('node=h,3') || location.search.includes('node=h%2C3')")
    page.locator('.live[data-selected="h 3"]').wait_for(timeout=60_000)
    page.get_by_role("button", name="Exit").click()
    page.get_by_role("button", name="Letters").wait_for(timeout=60_000)
    page.get_by_role("button", name="Show all", exact=True).click()
    page.get_by_text("Equations of a step").first.wait_for(timeout=60_000)
    settle(page)


def test_a_handout_in_the_browser(page) -> None:
    state = State()
    page.set_content(handout.handout(handout.screen(state, models.run(state.model))))
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2", timeout=60_000)
    assert page.evaluate("document.querySelector('math').getBoundingClientRect().height") > 5


def test_what_a_link_hides_leaves_the_numbers_alone_in_the_browser(new_page) -> None:
    page = new_page("?hide=sidebar,files")
    canvas(page, lambda box: box["width"] > 1200)  # the page has been told how wide it is
    settle(page)
    assert page.get_by_label("Lowest, 10ⁿ").input_value() == "-5"
    assert page.url.endswith("hide=sidebar,files")
