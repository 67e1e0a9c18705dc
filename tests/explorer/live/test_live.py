"""The live picture: its bytes, and what it does in a real Chromium, on the page of live_app.py."""

from __future__ import annotations

import json
import re
import struct
from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote

import numpy as np
import pytest
from browser import STREAMLIT, place, serve, settle
from live_picture import PIXELS, Picture

import engine
from engine import CATALOGUE
from explorer import theme
from explorer.live import Knob, Picked, Turned, _picked, _turned, captions, encode, orders
from explorer.live.assets import markup, script, style
from explorer.live.encode import BLANK, NUMBERS, SHADES, looks, tints
from explorer.picture.grid import grid
from explorer.picture.marks import Mark, marks
from explorer.picture.scene import scene
from explorer.state import PARAMETERS, View

JS = script("live")


def run_of(cell, steps=4, **options):
    random = np.random.default_rng(0)
    sizes = {"x": 3, "y": 3, **{members[0]: 3 for members in cell.hidden}}
    params = {name: random.normal(size=shape) for name, shape in cell.shapes(sizes).items()}
    x = random.normal(size=(steps, 1, 3)) if cell.reads_x else None
    return engine.run(cell, params, x, random.random((steps, 1, 3)), **options)


def decoded(data: bytes):
    """Header and arrays, as live.js reads them."""
    length = struct.unpack_from("<I", data)[0]
    header, at, arrays = json.loads(data[4 : 4 + length]), 4 + length, {}
    for name, kind, size in header["arrays"]:
        assert at % 8 == 0
        arrays[name] = np.frombuffer(data, f"<{kind}", size, at)
        at += -(-arrays[name].nbytes // 8) * 8
    assert at == len(data)
    return header, arrays


each_cell = pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
each_way = pytest.mark.parametrize("parameters", PARAMETERS)


# --- the bytes ---


@each_way
@each_cell
def test_the_bytes_give_the_scene_back(cell, parameters):
    picture = scene(run_of(cell), View(parameters=parameters), labels="abcd", targets="bcda")
    picture = replace(picture, strength=picture.gradient[picture.target])
    header, arrays = decoded(encode(picture, texts=captions(picture)))
    assert header["names"] == list(picture.names)
    assert header["roles"] == list(picture.roles)
    assert (header["low"], header["high"], header["selected"]) == (picture.low, picture.high, None)
    assert (header["labels"], header["targets"]) == (list("abcd"), list("bcda"))
    for name in ("name", "t", "units", "source", "target"):
        np.testing.assert_array_equal(arrays[name], getattr(picture, name))
    for name in ("x", "y", "value", "gradient", "value_head", "gradient_head", "strength"):
        np.testing.assert_allclose(arrays[name], getattr(picture, name).reshape(-1), rtol=1e-6)
    np.testing.assert_array_equal(np.array(header["bends"])[arrays["bend"]], picture.bend)
    np.testing.assert_array_equal(np.array(header["turns"])[arrays["turn"]], picture.turn)
    np.testing.assert_array_equal(np.array(header["shared"])[arrays["name"]], picture.shared)


def test_numbers_that_are_read_stay_as_they_are():
    picture = scene(run_of(CATALOGUE["rnn"]))
    for tiny in (1e-200, 1, 1e200):
        _, arrays = decoded(encode(replace(picture, gradient=picture.gradient * tiny)))
        np.testing.assert_array_equal(arrays["gradient"], picture.gradient * tiny)
        np.testing.assert_array_equal(arrays["value"], picture.value)


def test_a_look_is_a_shade_or_a_mark():
    magnitude = np.array([1e-5, 1e-2, 10.0, 0.0, 1e-6, 100.0, np.inf, np.nan, -1.0])
    seen = looks(magnitude, marks(magnitude, -5, 1), -5, 1)
    beyond = [SHADES - 1 + mark for mark in (Mark.ZERO, Mark.BELOW, Mark.ABOVE, Mark.INFINITE, Mark.NAN, Mark.NONE)]
    assert seen.tolist() == [0, (SHADES - 1) // 2, SHADES - 1, *beyond]


@pytest.mark.parametrize("scale", theme.SCALES)
@pytest.mark.parametrize("palette", theme.PALETTES)
def test_every_look_has_its_tint(palette, scale):
    made, colours = tints(palette, scale), theme.PALETTES[palette]
    assert len(made) == 2 * (BLANK + 1)
    assert [made[2 * k][0] for k in range(0, SHADES, 4)] == list(theme.SCALES[scale])
    assert made[2 * (SHADES - 1 + Mark.ZERO)] == (colours.paper, colours.muted, colours.ink)
    assert made[2 * (SHADES - 1 + Mark.NAN)][0] == theme.ALARM
    assert made[2 * (SHADES - 1 + Mark.NONE)][0] == colours.neutral
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for tint in made for colour in tint)


def test_the_script_counts_the_looks_as_the_bytes_do():
    shades, order = re.search(r"const SHADES = (\d+), \[([A-Z, ]+)\] = \[", JS).groups()
    assert int(shades) == SHADES
    assert [*order.split(", ")] == [*(mark.name for mark in list(Mark)[1:]), "BLANK"]
    places = re.search(r"BLANK\] = \[([\d, ]+)\]", JS)[1]
    assert [int(place) for place in places.split(", ")] == [*range(SHADES, BLANK + 1)]
    signs = re.findall(r'data-look="(\d+)"', markup("live"))
    assert [int(sign) for sign in signs] == [*range(SHADES, SHADES + 5)]


@each_way
@each_cell
def test_no_node_before_what_it_reads_and_no_gradient_before_those_it_sums(cell, parameters):
    picture = scene(run_of(cell), View(parameters=parameters))
    forward, backward = orders(picture)
    assert (forward[picture.source] < forward[picture.target]).all()
    summed = np.array(picture.roles)[picture.name][picture.source] != "target"
    assert (backward[picture.target] < backward[picture.source])[summed].all()
    for ranks in (forward, backward):
        assert np.unique(ranks).tolist() == [*range(ranks.max() + 1)]


def test_captions_are_the_equations():
    said = captions(scene(run_of(CATALOGUE["rnn"])))
    assert said.forward["a"] == "a⁽{t}⁾ = b + W h⁽{t-1}⁾ + U x⁽{t}⁾"
    assert said.forward["h"] == "h⁽{t}⁾ = tanh(a⁽{t}⁾)"
    assert said.forward["x"] == "x⁽{t}⁾ is given"
    begin, terms = said.backward["h"]
    assert begin == "∇h⁽{t}⁾ = "
    assert terms == ((1, "(∂a⁽{t+1}⁾/∂h⁽{t}⁾)ᵀ ∇a⁽{t+1}⁾"), (0, "(∂o⁽{t}⁾/∂h⁽{t}⁾)ᵀ ∇o⁽{t}⁾"))
    assert said.backward["L"] == ("∇L⁽{t}⁾ is the weight of this loss", ())
    copies = captions(scene(run_of(CATALOGUE["rnn"]), View(parameters="copies")))
    assert copies.forward["o"] == "o⁽{t}⁾ = c⁽{t}⁾ + V⁽{t}⁾ h⁽{t}⁾"
    assert copies.forward["V"] == "V⁽{t}⁾ is given"
    shared = captions(scene(run_of(CATALOGUE["rnn"]), View(parameters="shared")))
    assert shared.forward["o"] == "o⁽{t}⁾ = c + V h⁽{t}⁾"
    assert shared.backward["V"] == ("∇V = Σₜ (∂o⁽ᵗ⁾/∂V)ᵀ ∇o⁽ᵗ⁾", ())


def test_captions_put_brackets_where_they_are_needed():
    cell = engine.parse("h = tanh(-(U @ x - (h[t-1] - 0.5 * h[t-2])) * sigmoid(h[t-1]))\nL = mse(V @ h, y)")
    said = captions(scene(run_of(cell)))
    lifted = "U x⁽{t}⁾ − (h⁽{t-1}⁾ − 0.5 h⁽{t-2}⁾)"
    assert said.forward["h"] == f"h⁽{{t}}⁾ = tanh((−({lifted})) ⊙ σ(h⁽{{t-1}}⁾))"
    (inner,) = set(cell.nodes) - {"h", "L"}
    assert said.forward[inner] == "σ(h⁽{t-1}⁾)"


def test_equal_scenes_have_equal_bytes_and_others_another_token():
    run = run_of(CATALOGUE["lstm"])
    one, other = scene(run), scene(run_of(CATALOGUE["lstm"], weights=np.array([1, 1, 1, 2.0])))
    assert encode(one) == encode(scene(run))
    tokens = {decoded(encode(*key))[0]["token"] for key in ((one,), (other,), (replace(one, selected=3),))}
    assert len(tokens) == 3


def test_a_knob_is_a_byte_for_each_node_and_value():
    picture = scene(run_of(CATALOGUE["rnn"]))
    magnitude = picture.magnitude * np.array([[0.0], [1.0], [np.inf]])
    knob = Knob(
        "gain",
        ("0", "1", "∞"),
        1,
        np.where(picture.magnitude < 0, -1, magnitude),
        np.array([-np.inf, 0, np.nan]),
        "curve",
    )
    header, arrays = decoded(encode(picture, knob=knob))
    assert header["knob"] == {"title": "gain", "labels": ["0", "1", "∞"], "at": 1, "curve_title": "curve"}
    turned = arrays["knob_look"].reshape(3, -1)
    assert (turned[1] == arrays["look"]).all()
    none = picture.mark == Mark.NONE
    assert set(turned[0][~none]) == {SHADES - 1 + Mark.ZERO}
    assert set(turned[2][~none]) == {SHADES - 1 + Mark.INFINITE}
    np.testing.assert_array_equal(arrays["knob_curve"], knob.curve)


@pytest.mark.parametrize(
    "fault", [{"at": 3}, {"curve": np.zeros(2)}, {"magnitude": np.zeros((2, 29))}, {"magnitude": np.zeros(3)}]
)
def test_a_knob_that_does_not_fit_is_refused(fault):
    good = {
        "title": "",
        "labels": ("1", "2", "3"),
        "at": 0,
        "magnitude": np.zeros((3, 29)),
        "curve": np.zeros(3),
        "curve_title": "",
    }
    encode(scene(run_of(CATALOGUE["rnn"])), knob=Knob(**good))
    with pytest.raises(ValueError, match="3 values of the knob"):
        Knob(**good | fault)
    with pytest.raises(ValueError, match="has 30 nodes"):
        encode(scene(run_of(CATALOGUE["rnn"])), knob=Knob(**good | {"magnitude": np.zeros((3, 30))}))


def test_a_large_picture_leaves_the_first_numbers_out(monkeypatch):
    monkeypatch.setattr("explorer.picture.window.MAX_NODES", 10_000)
    _, arrays = decoded(encode(scene(run_of(CATALOGUE["rnn"], 400), View(window=(1, 400)))))
    assert len(arrays["x"]) > NUMBERS
    assert "value" in arrays
    assert "value_head" not in arrays


@pytest.mark.parametrize(
    "value",
    [None, 3, "h", [], {}, {"node": None}, {"node": ["h"], "event": 1}, {"node": ["h", "1"], "event": 1},
     {"node": ["nobody", 1], "event": 1}, {"node": ["h", 1.5], "event": 1}, {"node": ["h", 1], "event": "x"}],
)  # fmt: skip
def test_what_is_no_pick_is_passed_over(value):
    picture = scene(run_of(CATALOGUE["rnn"]))
    assert _picked(value, picture) is None
    assert _picked({"node": ["h", 2], "event": 7}, picture) == (Picked(("h", 2)), 7)
    assert _turned(value, None) is None


def test_only_a_place_of_the_knob_is_a_turn():
    knob = Knob("", ("a", "b"), 0, np.zeros((2, 3)), np.zeros(2), "")
    found = [_turned({"at": at, "event": 7}, knob) for at in (0, 1, 2, -1, "0", 0.5, None)]
    assert found == [(Turned(0), 7), (Turned(1), 7), *[None] * 5]
    assert [_turned(value, knob) for value in (1, {"at": 1}, {"at": 1, "event": "7"}, [], None)] == [None] * 5


# --- the page ---


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The page of live_app.py."""
    home = tmp_path_factory.mktemp("live")
    command = (STREAMLIT, "run", "tests/live_app.py", "--server.headless=true")
    with serve(*command, home=home, environment={"HOLD": str(home / "hold")}) as app:
        yield app
    assert "Traceback" not in app.log()


@pytest.fixture
def open_picture(new_page, app):
    return lambda query="", **options: Picture(new_page(f"?{query}", url=app.url, **options))


def test_it_stays_mounted_and_keeps_its_view_when_the_data_change(open_picture):
    picture = open_picture("steps=12")
    picture.live.evaluate("live => { live.mine = true; }")
    picture.note("data-token")
    for _ in range(4):
        picture.page.get_by_role("button", name="Zoom in").click()
    picture.until("data.zoom > 3")
    view, token = picture.view, picture.token
    for _ in range(3):
        picture.change()
    assert picture.token != token
    assert picture.view == view
    assert picture.live.evaluate("live => live.mine")
    assert len(picture.noted) == 3
    assert min(picture.noted) > 1000  # pixels


def test_more_steps_keep_the_scale(open_picture):
    picture = open_picture("steps=12")
    width = picture.view.split()[0]
    picture.page.get_by_label("more steps").fill("8")
    picture.page.get_by_label("more steps").press("Enter")
    picture.until("data.nodes === '141'")
    assert float(picture.view.split()[0]) < float(width)  # all of it was shown, and still is
    for _ in range(4):
        picture.page.get_by_role("button", name="Zoom in").click()
    picture.until("data.zoom > 3")
    width = float(picture.view.split()[0])
    picture.page.get_by_label("more steps").fill("20")
    picture.page.get_by_label("more steps").press("Enter")
    picture.until("data.nodes === '225'")
    assert float(picture.view.split()[0]) == pytest.approx(width, rel=1e-3)


def test_a_click_selects_here_and_in_python(open_picture):
    picture = open_picture("steps=6")
    bright = picture.pixels()
    picture.click("h", 3)
    picture.until("data.selected === 'h 3'")
    picture.answer("picked ('h', 3) picks 1")
    picture.page.mouse.move(5, 5)
    assert picture.pixels() != bright
    picture.change()
    assert picture.selected == "h 3"
    picture.click("h", 3)
    picture.answer("picked ('h', 3) picks 2")
    picture.page.mouse.click(*np.add(picture.place("h", 3), (60, -32)))
    picture.until("data.selected === ''")
    picture.answer("picked None picks 3")


def test_the_selection_is_there_before_python_answers(open_picture, app):
    hold = app.log_file.with_name("hold")
    hold.touch()
    picture = open_picture("hold=1")
    picture.click("h", 2)
    picture.until("data.selected === 'h 2'")
    picture.click("o", 3)
    picture.until("data.selected === 'o 3'")
    assert picture.page.get_by_text("picked None picks 0").is_visible()
    picture.note("data-selected")
    hold.unlink()
    picture.answer("picked ('o', 3) picks 2")
    settle(picture.page)
    assert picture.selected == "o 3"
    assert "h 2" not in picture.noted


def test_python_can_select(open_picture):
    picture = open_picture("picked=h2")
    picture.until("data.selected === 'h 2'")


def test_the_keyboard_walks_selects_and_clears(open_picture):
    picture = open_picture("steps=6")
    picture.live.locator("canvas").focus()
    picture.page.keyboard.press("ArrowLeft")
    picture.until("data.cursor === 'h 6'")
    for key, node in (
        ("ArrowLeft", "h 5"),
        ("ArrowUp", "o 5"),
        ("ArrowDown", "h 5"),
        ("ArrowDown", "a 5"),
        ("ArrowRight", "a 6"),
        ("ArrowRight", "a 6"),
    ):
        picture.page.keyboard.press(key)
        picture.until(f"data.cursor === '{node}'")
    assert re.fullmatch(r"a at step 6: inner, 5 units\. ‖a‖ = [\d.]+; .*", picture.live.locator(".spoken").inner_text())
    assert picture.live.locator(".tip").is_visible()
    picture.page.keyboard.press("Enter")
    picture.until("data.selected === 'a 6'")
    picture.answer("picked ('a', 6)")
    picture.page.keyboard.press("Escape")
    picture.until("data.selected === ''")
    picture.answer("picked None")
    picture.page.keyboard.press("+")
    picture.until("data.zoom > 1.3")
    picture.page.keyboard.press("0")
    picture.until("data.zoom === '1.0000'")
    picture.page.keyboard.press(" ")
    picture.until("+data.frame > 0 && data.frame !== data.frames")


def test_a_shared_parameter_can_be_picked_and_walked_to(open_picture):
    picture = open_picture("steps=6&parameters=shared&strength=1")
    where, before = grid(CATALOGUE["rnn"], "shared"), picture.pixels()
    left = where.column["W"] - where.pitch  # of h at t = 0
    picture.page.mouse.click(*place(picture.page, left, where.row["W"]))
    picture.until("data.selected === 'W 0'")
    picture.answer("picked ('W', 0) picks 1")
    assert picture.pixels() != before
    assert re.match(r"W of every step, selected: parameter, 25 numbers\.", picture.live.locator(".spoken").inner_text())
    picture.page.keyboard.press("Escape")
    picture.until("data.selected === ''")
    for key, node in (("ArrowLeft", "h 6"), ("ArrowLeft", "h 5"), ("ArrowUp", "V 0"), ("ArrowUp", "c 0"), ("ArrowUp", "o 5"),
                      ("ArrowDown", "c 0"), ("ArrowRight", "c 0")):  # fmt: skip
        picture.page.keyboard.press(key)
        picture.until(f"data.cursor === '{node}'")
    picture.page.keyboard.press(" ")
    picture.until("+data.frame > 0 && data.frame !== data.frames")


def test_copies_of_parameters_are_drawn_zoomed_and_swept(open_picture):
    picture = open_picture("cell=lstm&steps=6&parameters=copies&picked=f3")
    assert picture.nodes == str(6 * (12 + 14) + 2)
    assert picture.selected == "f 3"
    for _ in range(3):
        picture.page.get_by_role("button", name="Zoom in").click()
    picture.until("data.zoom > 2")
    picture.live.locator("canvas").focus()
    picture.page.keyboard.press("ArrowDown")
    picture.until("data.cursor.endsWith(' 3') && data.cursor.startsWith('b')")


def test_where_the_flow_runs_to_the_right_so_do_the_keys(open_picture):
    picture = open_picture("cell=feedforward&steps=3")
    picture.live.locator("canvas").focus()
    for key, node in (("ArrowUp", "x 3"), ("ArrowUp", "x 2"), ("ArrowRight", "a_2 2"), ("ArrowDown", "a_2 3")):
        picture.page.keyboard.press(key)
        picture.until(f"data.cursor === '{node}'")


def test_one_tap_selects_on_touch(open_picture):
    picture = open_picture("steps=6", has_touch=True, is_mobile=True, viewport={"width": 800, "height": 1000})
    picture.page.touchscreen.tap(*picture.place("a", 3))
    picture.until("data.selected === 'a 3'")
    picture.answer("picked ('a', 3) picks 1")


def test_two_fingers_zoom(open_picture):
    picture = open_picture("steps=30", has_touch=True, viewport={"width": 800, "height": 1000})
    x, y = picture.place("h", 15)
    session = picture.page.context.new_cdp_session(picture.page)

    def touch(kind, *places):
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": px, "y": y, "id": i} for i, px in enumerate(places)]},
        )

    touch("touchStart", x - 40)
    touch("touchStart", x - 40, x + 40)
    for apart in range(50, 130, 10):
        touch("touchMove", x - apart, x + apart)
    touch("touchEnd")
    picture.until("data.zoom > 2.5 && data.zoom < 3.5")
    assert picture.place("h", 15)[0] == pytest.approx(x, abs=3)
    assert picture.selected == ""


def test_the_wheel_zooms_with_ctrl_only_and_under_the_pointer(open_picture):
    picture = open_picture("steps=30")
    x, y = picture.place("h", 10)
    picture.page.mouse.move(x, y)
    picture.page.mouse.wheel(0, 150)
    picture.page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 50")
    assert picture.zoom == "1.0000"
    x, y = picture.place("h", 10)
    picture.page.mouse.move(x, y)
    picture.page.keyboard.down("Control")
    for _ in range(4):
        picture.page.mouse.wheel(0, -100)
    picture.page.keyboard.up("Control")
    picture.until("data.zoom > 3")
    assert picture.place("h", 10)[0] == pytest.approx(x, abs=2)
    picture.page.mouse.dblclick(*np.add(picture.place("h", 10), (20, -32)))
    picture.until("data.zoom === '1.0000'")


def test_dragging_moves_the_graph_and_picks_nothing(open_picture):
    picture = open_picture("steps=30")
    for _ in range(2):
        picture.page.get_by_role("button", name="Zoom in").click()
    picture.until("data.zoom > 1.9")
    (x, y), before = picture.place("h", 15), float(picture.view.split()[2])
    picture.page.mouse.move(x, y)
    picture.page.mouse.down()
    picture.page.mouse.move(x - 60, y, steps=5)
    picture.page.mouse.up()
    picture.until(f"Math.abs(+data.view.split(' ')[2] - {before - 60}) < 2")
    assert picture.selected == ""


def test_the_numbers_under_the_pointer_are_those_of_the_run(open_picture):
    picture = open_picture("steps=4&strength=1")
    picture.page.mouse.move(*picture.place("h", 2))
    tip = picture.live.locator(".tip")
    tip.wait_for()
    said = tip.inner_text()
    assert said.startswith("h(2)")
    assert "state, 5 units" in said
    import live_app

    run = live_app.made(1.0, 0)
    for array in (run.value["h"][1, 0], run.grad["h"][1, 0]):
        assert f"= {np.linalg.norm(array):.4g}".rstrip("0") in said
        assert f"{array[0]:.4g}".rstrip("0").replace("-", "−") in said
    (x0, y0), (x1, y1) = picture.place("a", 2), picture.place("h", 2)
    picture.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    picture.page.wait_for_function("tip => tip.innerText.includes('→')", arg=tip.element_handle())
    assert f"‖message‖ = {np.linalg.norm(run.grad['h'][1, 0]):.4g}".rstrip("0") in tip.inner_text()


def test_the_sweep_plays_every_frame_to_its_end_without_a_word_to_the_server(open_picture):
    picture = open_picture("steps=3")
    forward, backward = orders(scene(run_of(CATALOGUE["rnn"], 3)))
    frames = int(forward.max() + backward.max()) + 3
    assert picture.frames == picture.frame == str(frames)
    whole = picture.pixels()
    picture.note("data-frame")
    picture.page.get_by_label("Speed of the sweep").select_option("4×")
    said = picture.said
    picture.page.get_by_role("button", name="Play the sweep").click()
    picture.until(f"data.frame === '{frames}'")
    assert picture.said == said
    assert list(dict.fromkeys(picture.noted)) == [str(frame) for frame in range(frames + 1)]
    picture.page.mouse.move(5, 5)
    picture.page.get_by_role("button", name="Play the sweep").wait_for()
    assert picture.pixels() == whole


def test_the_sweep_goes_by_steps_and_by_its_slider(open_picture):
    picture = open_picture("steps=3")
    frames = int(picture.frames)
    picture.page.get_by_role("button", name="One step back").click()
    picture.until(f"+data.frame === {frames - 1}")
    assert "∇h⁽⁰⁾ = (∂a⁽¹⁾/∂h⁽⁰⁾)ᵀ ∇a⁽¹⁾" in picture.live.locator(".caption").inner_text()
    slider = picture.page.get_by_role("slider", name="Place in the sweep")
    slider.press("Home")
    picture.until("data.frame === '0'")
    picture.page.get_by_role("button", name="One step forward").click()
    picture.until("data.frame === '1'")
    assert "Forward 1/19" in picture.live.locator(".caption").inner_text()
    picture.change()
    assert picture.frame == "1"


def test_nothing_moves_by_itself_where_that_is_not_wanted(open_picture):
    picture = open_picture("steps=3", reduced_motion="reduce")
    picture.page.get_by_role("button", name="Play the sweep").click()
    picture.until("data.frame === '1'")
    picture.page.wait_for_timeout(500)
    assert picture.frame == "1"


def test_the_knob_recolours_without_a_word_to_the_server(open_picture):
    picture = open_picture("steps=8&knob=1")
    slider = picture.page.get_by_role("slider", name="Gain of all weights")
    before, said = picture.pixels(), picture.said
    seen = {before}
    for k in (3, 12, 33):
        slider.evaluate("(slider, k) => { slider.value = k; slider.dispatchEvent(new Event('input')); }", k)
        picture.until(f"data.knob === '{k}'")
        seen.add(picture.pixels())
    assert len(seen) == 4
    assert picture.said == said
    slider.evaluate("slider => slider.dispatchEvent(new Event('change'))")
    picture.answer("at 33")
    settle(picture.page)
    assert picture.knob == "33"
    assert picture.pixels() in seen  # what Python then computes is what was shown


def test_it_fits_every_width_and_density(open_picture):
    picture = open_picture("steps=6", device_scale_factor=2)
    for width in (1400, 800, 1100):
        picture.page.set_viewport_size({"width": width, "height": 900})
        picture.page.wait_for_function(
            "canvas => canvas.width === 2 * canvas.clientWidth && canvas.clientWidth < innerWidth",
            arg=picture.live.locator("canvas").element_handle(),
        )
        assert picture.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert picture.live.evaluate(PIXELS)[1] > 1000
        right = picture.live.locator("canvas").bounding_box()
        assert picture.place("L", 6)[0] < right["x"] + right["width"] - 15


def test_it_draws_when_a_hidden_tab_opens(open_picture):
    picture = open_picture("tab=1")
    picture.page.get_by_role("tab", name="two").click()
    picture.until("+data.nodes === 29")
    assert picture.live.evaluate(PIXELS)[1] > 1000


def test_light_and_dark_come_from_the_same_source(open_picture):
    picture = open_picture(color_scheme="dark")
    paper = "live => getComputedStyle(live).getPropertyValue('--paper')"
    assert picture.live.evaluate(paper) == theme.PALETTES["dark"].paper
    picture.page.get_by_role("button", name="Zoom in").click()
    picture.until("data.zoom > 1.3")
    picture.page.emulate_media(color_scheme="light")
    picture.page.wait_for_function(
        f"live => ({paper})(live) === '{theme.PALETTES['light'].paper}'", arg=picture.live.element_handle()
    )
    assert float(picture.zoom) > 1.3
    assert picture.live.evaluate(PIXELS)[1] > 1000


def test_names_and_labels_are_text(open_picture):
    said = "<script>fail()</script><img src=x onerror=fail()>"
    picture = open_picture(f"names=1&steps=5&strength=1&label={quote(said)}")
    picture.click("constructor", 2, cell="odd")
    picture.until("data.selected === 'constructor 2'")
    picture.answer("picked ('constructor', 2)")
    picture.page.mouse.move(*picture.place("ħ_è", 2, cell="odd"))
    tip = picture.live.locator(".tip")
    tip.wait_for()
    assert tip.inner_text().startswith("ħè(2)")
    ends = np.array([picture.place("φ1", 3, cell="odd"), picture.place("constructor", 3, cell="odd")])
    picture.page.mouse.move(*ends.mean(0))
    picture.page.wait_for_function("tip => tip.innerText.includes('→')", arg=tip.element_handle())
    assert said in tip.inner_text()
    picture.page.get_by_role("button", name="One step back").click()
    assert f"{said} 0" in picture.live.locator(".caption").inner_text()
    assert picture.live.locator("script, img").count() == 0


def test_what_is_not_finite_is_marked(open_picture):
    picture = open_picture("cell=rnn_leaky&steps=6&scale=1e60&low=-3&high=0")
    shown = picture.live.locator(".legend span:visible").all_inner_texts()
    assert shown == ["exactly 0", "above 1", "infinite", "not a number"]


@pytest.mark.parametrize("width", [1400, 800])
def test_every_control_has_a_name_and_room_for_a_finger(open_picture, width):
    picture = open_picture("knob=1", viewport={"width": width, "height": 900})
    controls = picture.live.locator("button, input, select, canvas").all()
    assert len(controls) == 10
    for control in controls:
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 32
        assert control.get_attribute("aria-label")


def test_the_page_reads_the_picture_in_a_sentence(open_picture):
    picture = open_picture()
    assert picture.page.get_by_role("application", name="The graph of the test").is_visible()


# --- the script alone, with bytes as they may come ---

#: Calls the script as Streamlit does; what it sends is in `window.sent`.
CALL = """async ([script, bytes]) => {
  window.sent ??= [];
  window.module ??= await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  const data = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
  const setTriggerValue = (name, value) => sent.push([name, value]);
  window.cleanup = module.default({ data, parentElement: document.body, setTriggerValue });
}"""


@pytest.fixture
def alone(browser):
    """A page with nothing but the picture: a function that gives it the bytes of a scene."""
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    faults = []
    page.on("weberror", lambda error: faults.append(str(error.error)))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.set_content(f"<style>{style('live')}</style>{markup('live')}")

    def call(picture, **options):
        page.evaluate(CALL, [JS, b64encode(encode(picture, **options)).decode()])
        return Picture(page)

    yield call
    page.close()
    assert not faults


def test_an_answer_to_an_earlier_pick_does_not_undo_a_later_one(alone):
    one, other = (scene(run_of(CATALOGUE["rnn"], weights=np.full(4, weight))) for weight in (1, 2))
    picture = alone(one)
    picture.click("h", 2)
    picture.until("data.selected === 'h 2'")
    ((name, value),) = picture.page.evaluate("sent")
    assert (name, value["node"]) == ("selected", ["h", 2])
    assert alone(other).selected == "h 2"  # it was on its way when the pick was made
    h = other.names.index("h")
    h3 = int(np.flatnonzero((other.name == h) & (other.t == 3))[0])
    assert alone(replace(one, selected=h3), event=value["event"] - 1).selected == "h 2"
    assert (
        alone(replace(other, selected=h3), event=value["event"]).selected == "h 3"
    )  # Python has heard, and says otherwise
    assert alone(one, event=value["event"]).selected == ""


def test_the_cleanup_of_an_overtaken_call_leaves_the_picture_alive(alone):
    one, other = (scene(run_of(CATALOGUE["rnn"], weights=np.full(4, weight))) for weight in (1, 2))
    alone(one)
    picture = alone(other)
    picture.page.evaluate("() => { window.last = cleanup; }")
    alone(one).page.evaluate("last()")
    picture.click("h", 2)
    picture.until("data.selected === 'h 2'")
    picture.page.evaluate("cleanup()")
    picture.click("h", 3)
    assert len(picture.page.evaluate("sent")) == 1
    picture = alone(other)  # mounted again in the same place
    picture.click("h", 3)
    picture.until("data.selected === 'h 3'")
    assert len(picture.page.evaluate("sent")) == 2


def test_what_is_pressed_is_picked_whatever_comes_before_it_is_let_go(alone):
    """The picture grows, moves on the page and has other data between the press and the release, as on a slow page."""
    one, other = (scene(run_of(CATALOGUE["rnn"], steps)) for steps in (4, 6))
    picture = alone(one)
    mouse, sent = picture.page.mouse, lambda: [value["node"] for _, value in picture.page.evaluate("sent")]
    for turn, (node, then) in enumerate(((("h", 2), other), (("o", 4), one)), 1):
        x, y = picture.place(*node)
        mouse.move(x, y)
        mouse.down()
        picture.page.evaluate("turn => { document.body.style.paddingTop = `${40 * turn}px`; }", turn)
        alone(then, large=1 + 0.3 * turn)
        assert np.hypot(*np.subtract(picture.place(*node), (x, y))) > 40
        mouse.move(x + 1, y)  # a hand is never still
        mouse.up()
        picture.until(f"data.selected === '{node[0]} {node[1]}'")
        assert sent()[-1] == [*node]
    mouse.move(*picture.place("h", 3))
    mouse.down()
    alone(scene(run_of(CATALOGUE["rnn"], 2)))  # in which there is no such node
    mouse.up()
    mouse.click(*picture.place("y", 2))
    picture.until("data.selected === 'y 2'")
    assert sent() == [["h", 2], ["o", 4], ["y", 2]]


def test_every_cell_is_drawn(alone):
    for cell in CATALOGUE.values():
        picture = alone(scene(run_of(cell), labels="abcd", targets="bcda"))
        assert picture.live.evaluate(PIXELS)[1] > 1000
