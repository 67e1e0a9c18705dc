"""The page that compares networks: without a browser, and once from the first click to a shared link in a browser."""

from __future__ import annotations

import json
import re
from functools import partial
from unittest.mock import patch

import pages
import pytest
from browser import settle
from hostile import in_text
from pages import charts, fine, query
from streamlit.testing.v1 import AppTest

from explorer.compare import READY

NOISE = {"task": "noise", "steps": "30", "loss": "last"}
CELLS = NOISE | {"compare": "|cell=lstm|cell=gru"}


opened = partial(pages.opened, "compare")


def figures(app: AppTest, name: str = "graph") -> list[dict]:
    """The figures of a kind: of the columns the graphs, or the strips of all steps; or the curves."""
    return charts(app, name)


def headings(app: AppTest) -> list[str]:
    found = [m.value.removeprefix("##### ") for m in app.markdown if re.match(r"##### (\d · |The present)", m.value)]
    return [re.sub(r"\\(.)", r"\1", text) for text in found]


def table(app: AppTest) -> list[list[str]]:
    (found,) = [m.value for m in app.markdown if m.value.startswith("| |")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found.splitlines()]


def test_before_a_comparison_there_is_the_present_network() -> None:
    app = opened()
    assert headings(app) == ["The present network"]
    assert len(figures(app)) == 1
    assert query(app) == {}


@pytest.mark.parametrize("name", READY)
def test_a_ready_comparison_is_one_click(name) -> None:
    app = opened()
    fine(app.button_group(key="compare.ready").set_value(name).run())
    count = len(headings(app))
    assert count == len(set(headings(app))) == len(READY[name].title.split("|"))
    assert len(figures(app)) == count
    assert not app.error
    assert app.button_group(key="compare.ready").value == name
    again = opened(**query(app))
    assert (headings(again), figures(again), figures(again, "curves"), table(again)) == (
        headings(app), figures(app), figures(app, "curves"), table(app))  # fmt: skip
    fine(app.button_group(key="compare.ready").set_value(None).run())
    assert "compare" not in query(app)


def test_all_columns_have_one_scale() -> None:
    app = opened(**CELLS, **{"range.gradient": "-9,2"})
    scales = {
        (trace["marker"]["cmin"], trace["marker"]["cmax"], json.dumps(trace["marker"]["colorscale"]))
        for figure in figures(app)
        for trace in figure["data"]
        if trace.get("name") == "nodes" and "cmin" in trace["marker"]
    }
    assert {scale[:2] for scale in scales} == {(-9, 2)}
    assert len(scales) == 1
    assert {(f["data"][0]["zmin"], f["data"][0]["zmax"]) for f in figures(app, "all")} == {(-9, 2)}
    assert len(figures(app, "curves")) == 1
    fine(app.button(key="fit").click().run())
    assert query(app)["range.gradient"] != "-9,2"


def test_a_column_is_added_edited_and_removed() -> None:
    app = opened(**NOISE)
    fine(app.selectbox(key="compare.add").set_value("cell").run())
    assert headings(app) == ["1 · Recurrent network", "2 · LSTM of the book"]
    assert app.selectbox(key="compare.add").value is None
    fine(app.selectbox(key="compare.1.cell").set_value("gru").run())
    assert headings(app)[1] == "2 · Gated recurrent unit"
    fine(app.multiselect(key="compare.1.differs").set_value(["cell", "length", "cut"]).run())
    fine(app.number_input(key="compare.1.length").set_value(12).run())
    fine(app.number_input(key="compare.1.cut").set_value(4).run())
    assert headings(app)[1] == "2 · Gated recurrent unit, 12 steps, cut every 4 steps"
    assert query(app)["compare"] == "|cell=gru&steps=12&cut=4"
    assert any("cut after every 4 steps, 2 times" in m.value.replace("\\", "") for m in app.markdown)
    fine(app.multiselect(key="compare.1.differs").set_value(["length"]).run())
    assert query(app)["compare"] == "|steps=12"
    fine(app.button(key="compare.1.move").click().run())
    assert query(app)["compare"] == "steps=12|"
    assert headings(app) == ["1 · 12 steps", "2 · 30 steps"]
    fine(app.button(key="compare.0.remove").click().run())
    assert headings(app) == ["The present network"]


def test_the_others_follow_the_side_bar_and_a_kept_network_does_not() -> None:
    app = opened(**CELLS)
    fine(app.button(key="compare.2.remove").click().run())
    fine(app.button(key="compare.keep").click().run())
    assert app.button(key="compare.keep").disabled
    fine(app.number_input(key="task.steps").set_value(14).run())
    assert table(app)[-1][1:] == ["all 13", "all 13", "all 29"]
    assert "compare.2.differs" not in [box.key for box in app.multiselect]
    assert app.number_input(key="compare.2.length").value == 30
    fine(app.number_input(key="compare.2.length").set_value(20).run())
    assert headings(app)[2] == "3 · Recurrent network, 20 steps"


def test_what_cannot_be_run_says_why_and_the_others_stay() -> None:
    app = opened(**NOISE, compare="|init.b_f=constant%2Cvalue%3A1|cell=lstm")
    (error,) = app.error
    assert "no parameter" in error.value
    assert len(figures(app)) == 2
    assert headings(app)[2] == "3 · LSTM of the book"
    fine(app.selectbox(key="cell").set_value("lstm").run())
    assert not app.error
    assert len(figures(app)) == 3


def test_an_edit_that_is_refused_is_told_and_changes_nothing() -> None:
    app = opened(**NOISE, compare="|turn.W=2")
    fine(app.number_input(key="compare.1.gain").set_value(0.0).run())
    assert "its size must be from" in app.error[0].value
    assert query(app)["compare"] == "|turn.W=2"


@pytest.mark.parametrize(
    "compare",
    ["", "|", "|||", "|<script>alert(1)</script>", "|%ff=1", "|cell", "|eq=AAAA", "|whole=1&n.h=99999"],
)
def test_a_hostile_link_falls_back_with_a_message(compare) -> None:
    app = opened(**NOISE, compare=compare)
    assert figures(app)
    if compare != "|":  # the same network twice
        assert app.warning or app.error
    for said in (*app.warning, *app.error, *app.markdown):
        assert "<script" not in in_text(said.value).replace("\\<", "")


def test_names_from_a_link_are_shown_as_they_stand() -> None:
    app = opened(**NOISE, compare="|%3Cimg+src%3Dx%3E=%2A%2Ab%2A%2A%24x%24")
    assert not any(re.search(r"(?<!\\)[<$*]", m.value) for m in app.markdown if m.value.startswith("##### 2"))


def test_only_what_has_changed_is_computed() -> None:
    app = opened(**CELLS)
    with patch("explorer.model.model.engine.run", side_effect=AssertionError("again")):
        fine(app.button_group(key="lens").set_value("value").run())
        fine(app.button(key="compare.1.move").click().run())
    assert headings(app)[0] == "1 · LSTM of the book"


def test_cells_without_memory_are_compared_along_the_flow() -> None:
    app = opened(cell="feedforward", task="noise", layers="8", compare="|activation=relu")
    assert len(figures(app)) == 2
    assert "place in the flow" in figures(app, "curves")[0]["layout"]["xaxis"]["title"]["text"]
    mixed = opened(**NOISE, compare="|cell=feedforward")
    assert any("Without memory" in caption.value for caption in mixed.caption)


def test_undo_and_other_pages_keep_the_comparison() -> None:
    app = pages.opened(picture="live", **CELLS)
    assert query(app) == CELLS
    fine(app.number_input(key="seed").set_value(3).run())
    assert query(app) == CELLS | {"init_seed": "3"}


def test_live_pictures_show_the_same_and_select_in_all_columns() -> None:
    app = opened(**CELLS, picture="live", node="h,30")
    assert figures(app) == []
    assert len(figures(app, "curves")) == 1
    assert table(app) == table(opened(**CELLS))
    assert query(app)["node"] == "h,30"


def test_from_one_click_to_a_shared_link(page, new_page):
    drawn = "document.querySelectorAll('.js-plotly-plot .scatterlayer .trace').length >= 4"

    def ready(page):
        page.wait_for_function(f"location.pathname.endsWith('/compare') && {drawn}")
        settle(page)
        page.locator("canvas[role=application]").nth(2).wait_for()

    def said(page):
        return page.evaluate("[...document.querySelectorAll('h5, table')].map((part) => part.innerText)")

    page.get_by_role("link", name="Compare").click()
    page.wait_for_function("location.pathname.endsWith('/compare')")
    settle(page)
    page.get_by_text("RNN | LSTM | GRU", exact=True).click()
    page.wait_for_function("location.search.includes('compare=')")
    ready(page)
    other = new_page(re.sub("https?://[^/]+/", "", page.url))
    ready(other)
    assert other.url == page.url
    assert said(other) == said(page)
    assert any("Gated recurrent unit" in text for text in said(page))
    page.get_by_role("link", name="Network").click()
    page.wait_for_function("!location.pathname.endsWith('/compare')")
    settle(page)
    page.get_by_role("link", name="Compare").click()
    ready(page)
    assert said(page) == said(other)


@pytest.mark.parametrize("width", [1400, 800, 400])
def test_nothing_is_wider_than_its_column(new_page, width):
    page = new_page("compare?task=noise&steps=30&compare=%7Ccell%3Dlstm%7Cinit%3Dorthogonal",
                    viewport={"width": width, "height": 900})  # fmt: skip
    page.locator("canvas[role=application]").nth(2).wait_for(state="attached")
    settle(page)
    page.wait_for_function(
        """() => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")].every((host) =>
             [...host.shadowRoot.querySelectorAll(".bar, canvas, .controls, .caption")].every((part) =>
               part.getBoundingClientRect().right <= host.getBoundingClientRect().right + 1))"""
    )
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
