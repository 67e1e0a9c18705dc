"""Changing what is computed by hand, on the page: a cell of one's own, single numbers, files."""

from __future__ import annotations

import json
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from browser import settle, until
from hypothesis import given
from hypothesis import strategies as st
from pages import errors, fine, opened, query, with_open
from streamlit.testing.v1 import AppTest

from engine.inputs import numbers
from explorer import model as models
from explorer.model import Model, entries
from explorer.picture.scene import scene
from explorer.state import State, from_query
from explorer.state.session import load, save
from explorer.views.network import edit_numbers as edit
from explorer.views.network import take_home as files
from explorer.views.network.edit_cell import pointed
from explorer.views.network.picture import alt_text
from explorer.words.markdown import plain
from explorer.words.numbers import number

TEXT = "h = tanh(W @ h[t-1] + U @ x)\ny_hat = softmax(V @ h)\nL = nll(y_hat, y)"


def state(app: AppTest) -> State:
    return app.session_state["state"]


def loss(app: AppTest) -> float:
    return models.run(state(app).model).loss


# --- a cell of one's own --------------------------------------------------------------------------------------------


def test_a_cell_is_written_with_an_error_mended_and_drawn() -> None:
    app = with_open(opened(), "cell.open")
    assert app.text_area(key="cell.text").value == models.cell(Model()).text
    before = state(app)
    bad = TEXT.replace("softmax", "sofmax")
    fine(app.text_area(key="cell.text").set_value(bad).run())
    assert errors(app)[0].startswith("Line 2, column")
    assert "softmax" in errors(app)[0]
    assert "y_hat = sofmax(V @ h)\n        ^" in [code.value for code in app.code]
    fine(app.button(key="cell.apply").click().run())
    assert state(app) == before  # the last good picture
    assert app.text_area(key="cell.text").value == bad  # nor is lost what was typed
    before = len(app.get("plotly_chart"))
    fine(app.text_area(key="cell.text").set_value(TEXT).run())
    assert not app.error
    assert len(app.get("plotly_chart")) == before + 1  # the rolled graph of what is typed
    fine(app.button(key="cell.apply").click().run())
    assert not app.error
    assert state(app).model.text == TEXT
    assert app.selectbox(key="cell").value == "own"
    assert from_query(query(app))[0].model == state(app).model
    fine(app.number_input(key="n.h").set_value(3).run())
    assert models.sizes(state(app).model)["h"] == 3
    fine(app.selectbox(key="task").set_value("sine").run())
    assert "needs classes or shares" in errors(app)[0].replace("\\", "") or "compares" in errors(app)[0]
    assert state(app).model.task == "text"


def test_what_is_typed_survives_other_changes_and_a_closed_editor() -> None:
    app = with_open(opened(), "cell.open")
    fine(app.text_area(key="cell.text").set_value("h = tanh(").run())
    fine(app.selectbox(key="cell").set_value("lstm").run())
    app.session_state["cell.open"] = False
    fine(app.run())
    with_open(app, "cell.open")
    assert app.text_area(key="cell.text").value == "h = tanh("
    fine(app.button(key="cell.copy").click().run())
    assert app.text_area(key="cell.text").value == models.cell(Model(cell="lstm")).text
    assert not app.error


def test_a_caret_points_at_the_column() -> None:
    assert pointed("a = b\nh = tanh(", 2, 9) == "h = tanh(\n        ^"
    line, caret = pointed("x" * 500 + "!" + "x" * 500, 1, 501).split("\n")
    assert line[caret.index("^")] == "!"
    assert pointed("", 1, 1) == "\n^"


# --- numbers --------------------------------------------------------------------------------------------------------


def set_entry(app: AppTest, value: str | int, **index: int) -> AppTest:
    """Set one entry: a number as a text, a class by its number counted from 0."""
    for axis, i in index.items():
        next(n for n in app.number_input if n.key.startswith(f"edit.one.{axis}.")).set_value(i)
    widget = app.text_input(key="edit.one.value") if isinstance(value, str) else app.selectbox(key="edit.one.class")
    widget.set_value(value)
    fine(app.run())
    return fine(app.button(key="edit.one.set").click().run())


def test_a_weight_is_edited_undone_and_redone() -> None:
    app = with_open(opened(task="worked"), "edit.open")
    before, shown = state(app), app.metric[0].value
    fine(app.selectbox(key="edit.array").set_value("W").run())
    set_entry(app, "2,5", row=1, column=2)
    after = state(app)
    assert models.parameters(after.model)["W"][0, 1] == 2.5
    assert app.metric[0].value != shown
    assert query(app)["edit"] == "W[0,1]=2.5"
    fine(app.button(key="undo").click().run())
    assert (state(app), app.metric[0].value) == (before, shown)
    assert app.button(key="undo").disabled
    fine(app.button(key="redo").click().run())
    assert state(app) == after
    fine(app.button(key="edit.reset").click().run())
    assert state(app) == before


ENTRIES = st.sampled_from(
    [
        "0,5",
        "1.234,5",
        "−0.5",
        "1/2",
        "50%",
        "NaN",
        "abc",
        "",
        "1",
        "-2",
        "[[ 0.1 0.2]",
        "0.3 0.4 0.5",
        "1,234",
        "...",
        "<b>",
    ]
)


@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 2)), ENTRIES, max_size=6),
    st.sampled_from([(4, 3), (12, 1)]),
)
def test_every_entry_is_read_or_told(cells, shape) -> None:
    cells = {(i, j if shape[1] > 1 else 0): text for (i, j), text in cells.items()}
    found = entries.read(cells, shape)
    assert all(0 <= i < shape[0] and 0 <= j < shape[1] for i, j in found.values)
    for cell, text in cells.items():
        if len(numbers.entries(text)) != 1 or len(numbers.entries(text)[0]) != 1:
            continue
        if not text:
            assert found.values.get(cell, 0) is None or found.spread
        elif numbers.is_number(text):
            assert cell in found.values or text == "1,234"
        else:
            assert repr(text) in found.messages[cell][0]
    for cell, text in cells.items():
        if text in ("NaN", "abc", "...", "<b>"):
            assert found.messages[cell]


def test_what_is_pasted_into_a_cell_spreads_to_those_beside_it() -> None:
    found = entries.read({(0, 0): "[[ 0.1 -0.2]", (1, 0): " [ 0.3  0.4]]"}, (2, 2))
    assert found.values == {(0, 0): 0.1, (0, 1): -0.2, (1, 0): 0.3, (1, 1): 0.4}
    assert not found.messages
    assert entries.read({(0, 0): "[1. 2. 3.]"}, (3, 1)).values == {(0, 0): 1, (1, 0): 2, (2, 0): 3}
    beyond = entries.read({(1, 1): "0,5 0,25"}, (2, 2))
    assert beyond.values == {(1, 1): 0.5}
    assert beyond.messages == {(1, 1): ["'0,25' has no place: the table has 2 rows and 2 columns"]}
    long = entries.read({(0, 0): "1 " * 20_000}, (2, 2))
    assert long.messages == {
        (0, 0): ["a text of 40,000 characters is too long: a cell takes at most 20,000 characters"]
    }
    twice = entries.read({(0, 0): "[0.1 0.2", (0, 1): "50%"}, (2, 2))
    assert twice.values == {(0, 0): 0.1, (0, 1): 0.5}
    assert twice.messages == {(0, 0): ["'0.2' has no place: the cell where it belongs has an entry of its own"]}
    assert entries.read({(0, 0): "1.234,5", (0, 1): "1.234"}, (1, 2)).values == {(0, 0): 1234.5, (0, 1): 1234}


def test_classes_are_read_by_their_names() -> None:
    classes = ("h", "␣", "↵", "10")
    cells = {(0, 0): "h", (1, 0): "␣", (2, 0): "\n", (3, 0): "10", (4, 0): "2"}
    found = entries.read(cells, (5, 1), classes)
    assert found.values == {(0, 0): 0, (1, 0): 1, (3, 0): 3, (2, 0): None}
    assert found.messages == {(4, 0): ["'2' is no class: give one of 'h', '␣', '↵', '10'"]}


@pytest.mark.parametrize(
    ("given", "shape", "message"),
    [
        ([], (2, 2), "there is no number in it; give 2 rows of 2"),
        ([["1", "2"]], (2, 2), "these are 2 numbers, and 2 rows of 2 are needed"),
        (
            [["1", "2"], ["3", "4"], ["5", "6"]],
            (2, 3),
            "these are 3 rows of 2, and 2 rows of 3 are needed; give the transposed",
        ),
    ],
)
def test_a_paste_of_another_shape_is_told(given, shape, message) -> None:
    with pytest.raises(ValueError, match=message):
        entries.fitted(given, shape)


def test_a_paste_fits_in_its_shape_or_as_one_row() -> None:
    assert entries.fitted([["1", "2"], ["3", "4"]], (2, 2)) == {(0, 0): "1", (0, 1): "2", (1, 0): "3", (1, 1): "4"}
    assert entries.fitted([["1", "2", "3", "4"]], (2, 2)) == entries.fitted([["1", "2"], ["3", "4"]], (2, 2))
    assert entries.fitted([["1", "2"]], (2, 1)) == {(0, 0): "1", (1, 0): "2"}


def pasted(app: AppTest, text: str) -> AppTest:
    app.text_area(key="edit.paste").set_value(text)
    return fine(app.button(key="edit.paste.set").click().run())


def test_all_numbers_of_an_array_are_pasted_and_what_is_not_read_is_named() -> None:
    app = with_open(opened(task="worked"), "edit.open")
    fine(app.selectbox(key="edit.array").set_value("V").run())
    V = np.round(np.linspace(-1, 1, 15).reshape(3, 5), 3)
    pasted(app, repr(V))
    np.testing.assert_array_equal(models.parameters(state(app).model)["V"], V)
    assert not app.error
    assert app.text_area(key="edit.paste").value == ""
    lines = ["\t".join(f"{v:.3f}".replace(".", ",") for v in row) for row in -V]
    pasted(app, "\n".join(lines).replace("0,143", "abc"))
    now = models.parameters(state(app).model)["V"]
    assert (now == V).sum() == 3  # two that were not read, and 0
    assert errors(app)[0].startswith("2 entries were not read:")
    assert "row 2, column 2\\: `abc` is no number" in errors(app)[0]
    assert app.text_area(key="edit.paste").value  # it is there to be mended
    before = state(app)
    pasted(app, "1 2 3")
    assert "these are 3 numbers, and 3 rows of 5 are needed" in errors(app)[-1]
    assert state(app) == before
    pasted(app, "1,234\t" + "\t".join(["987"] * 14))
    assert "Read `1,234` as 1234" in app.info[0].value
    fine(app.button(key="undo").click().run())
    assert not app.info
    set_entry(app, "abc", row=1, column=1)
    assert "`abc` is no number" in errors(app)[0]


def test_classes_are_pasted() -> None:
    app = with_open(opened(), "edit.open")
    fine(app.selectbox(key="edit.array").set_value("y").run())
    pasted(app, "l\nl\nx\nh")
    assert [value for _, value in state(app).model.edits] == [2, 0]
    assert "`x` is no class\\: give one of `h`, `e`, `l`, `o`" in errors(app)[0]


def test_a_class_and_an_initial_state_are_edited() -> None:
    app = with_open(opened(), "edit.open")
    fine(app.selectbox(key="edit.array").set_value("y").run())
    set_entry(app, 3, t=2)
    fine(app.selectbox(key="edit.array").set_value("h").run())
    set_entry(app, "−1/2", unit=4)
    assert state(app).model.edits == ((("h", (0, 0, 3)), -0.5), (("y", (1, 0)), 3))
    fine(app.button(key="edit.reset_all").click().run())
    assert state(app).model == Model()


def test_what_a_change_of_size_drops_is_said() -> None:
    app = opened(edit="W[7,7]=1.0;b[0]=2.0")
    fine(app.number_input(key="n.h").set_value(2).run())
    assert "dropped: in W" in app.info[0].value.replace("\\", "")
    assert state(app).model.edits == ((("b", (0,)), 2.0),)
    fine(app.button_group(key="preset").set_value("worked").run())


def test_what_is_typed_into_a_table_has_its_place() -> None:
    x = models.task(Model(task="noise", settings=(("samples", 2),))).x
    table, places = edit.rows("x", x, 1, False)
    assert table.shape == (10, 4)
    typed = {"edited_rows": {3: {"2": "0.5", "row": "no", "9": "1"}, 99: {"0": "1"}, -1: {"0": "1"}}}
    assert edit.typed_cells(typed, table.shape) == {(3, 2): "0.5"}
    assert all(table.ravel()[i] == x[index] for i, (_, index) in enumerate(places))
    assert edit.rows("b", np.arange(3.0), 0, False)[0].shape == (3, 1)


@pytest.mark.parametrize("cell", ["rnn", "feedforward", "lstm"])
def test_every_array_has_a_table(cell) -> None:
    app = with_open(opened(cell=cell, task="noise", samples="2"), "edit.open")
    for name in models.arrays(state(app).model):
        fine(app.selectbox(key="edit.array").set_value(name).run())
        assert not app.error


# --- files ----------------------------------------------------------------------------------------------------------


def upload(app: AppTest, content: bytes) -> AppTest:
    app.file_uploader(key=files._KEY).upload("unrolled.json", content, "application/json")
    return fine(app.run())


def test_a_session_is_saved_and_loaded_with_the_same_numbers() -> None:
    first = opened(task="worked", edit="W[0,1]=0.1", node="h,2")
    content = save(state(first))
    app = with_open(opened(), "home")
    upload(app, content)
    assert state(app) == state(first)
    assert loss(app) == loss(first)
    assert app.metric[0].value == first.metric[0].value


def test_a_bad_file_leaves_the_session_as_it_was() -> None:
    app = with_open(opened(task="worked"), "home")
    before = state(app)
    bad = json.loads(save(before))
    bad["arrays"]["x"][0][0][0] = "<script>alert(1)</script>"
    upload(app, json.dumps(bad).encode())
    assert state(app) == before
    assert errors(app) == [plain("arrays: x must have numbers in it and nothing else")]


def test_no_file_changes_nothing() -> None:
    assert files.loaded(State(), None) == State()
    assert files.loaded(State(), SimpleNamespace(getvalue=lambda: save(State()))) == State()
    assert load(save(State())) == State()


def test_what_is_too_large_to_take_home_is_said_at_its_button() -> None:
    app = with_open(opened(task="noise", steps="1000", samples="30"), "home")
    disabled = {b.proto.label: b.proto.help for b in app.get("download_button") if b.proto.disabled}
    assert set(disabled) == {"Table (CSV)"}
    assert "500,000" in disabled["Table (CSV)"].replace("\\", "")


# --- in the browser -------------------------------------------------------------------------------------------------


def typed_into_the_table(page, text):
    """Type into the first number of the table that is open; the grid loses keys that come as fast as a machine types."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.keyboard.press("Escape")
    page.mouse.click(box["x"] + 85, box["y"] + 52)
    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type(text, delay=60)
    page.keyboard.press("Enter")


def loss_on(page):
    return page.get_by_test_id("stMetricValue").inner_text()


def test_a_weight_is_typed_into_the_table_and_taken_back(new_page):
    page = new_page("?task=worked")
    before = loss_on(page)
    page.get_by_text("Edit the numbers", exact=True).click()
    page.get_by_test_id("stDataFrame").scroll_into_view_if_needed()
    until(page, lambda: typed_into_the_table(page, "0.25"), "location.search.endsWith('0.25')")
    settle(page)
    state, _ = from_query(dict(parse_qsl(urlsplit(page.url).query)))
    assert loss_on(page) == number(models.run(state.model).loss) != before
    assert [value for _, value in state.model.edits] == [0.25]
    back = page.get_by_role("button", name="Undo", exact=True)
    until(page, lambda: back.is_enabled() and back.click(), "!location.search.includes('edit=')")  # mistyped ones too
    settle(page)
    assert loss_on(page) == before
    until(page, lambda: typed_into_the_table(page, "0,125"), "location.search.endsWith('0.125')")
    spread = "decodeURIComponent(location.search).endsWith('W[0,0]=-0.5;W[0,1]=0.25')"
    until(page, lambda: typed_into_the_table(page, "[[−1/2 25%"), spread)
    until(page, lambda: typed_into_the_table(page, "abc"), "document.body.innerText.includes('1 entry was not read')")
    page.get_by_text("row 1, column 1: abc is no number").wait_for()
    assert [value for _, value in from_query(dict(parse_qsl(urlsplit(page.url).query)))[0].model.edits] == [-0.5, 0.25]


def test_a_cell_is_typed_with_an_error_mended_and_drawn_in_the_browser(new_page):
    page = new_page()
    page.get_by_text("Write a cell of your own", exact=True).click()
    text = page.get_by_role("textbox", name="Equations of a step")
    text.fill(TEXT.replace("softmax", "sofmax"))
    text.press("Control+Enter")
    page.get_by_text("Line 2, column").wait_for()
    text.fill(TEXT)
    text.press("Control+Enter")
    page.get_by_text("Line 2, column").wait_for(state="detached")
    page.get_by_role("button", name="Apply", exact=True).click()
    page.wait_for_url("**eq=*")
    settle(page)
    run = models.run(from_query(dict(parse_qsl(urlsplit(page.url).query)))[0].model)
    assert run.cell.text == TEXT
    assert loss_on(page) == number(run.loss)
    page.wait_for_function("!document.querySelector('.live .caption b')")
    drawn = page.locator(".live canvas").first.get_attribute("aria-label")
    assert drawn == alt_text(scene(run))


def test_files_go_out_and_come_back(new_page, tmp_path):
    page = new_page("?task=worked&picture=plotly&edit=W%5B0%2C0%5D%3D0.1")
    page.get_by_text("Take it home", exact=True).click()
    for name in ("Save", "All numbers (NPZ)", "Table (CSV)", "Graph (GraphML)", "Graph (JSON)", "Picture (HTML)"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        assert download.value.failure() is None
        download.value.save_as(tmp_path / download.value.suggested_filename)
    other = new_page("?picture=plotly")
    other.get_by_text("Take it home", exact=True).click()
    other.locator('input[type="file"]').last.set_input_files(tmp_path / "unrolled.json")
    other.wait_for_url("**task=worked&edit=W*")
    settle(other)
    page.context.set_offline(True)
    alone = page.context.new_page()
    alone.goto(f"file://{tmp_path / 'unrolled.html'}")
    alone.locator(".main-svg").first.wait_for()
    alone.close()
    page.context.set_offline(False)
