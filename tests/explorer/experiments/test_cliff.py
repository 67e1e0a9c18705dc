"""The cliff: the surface is that of single runs, the steps are those of descent, and the page shows them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pages
import pytest
from browser import settle
from pages import charts, fine
from streamlit.testing.v1 import AppTest

from explorer import cache, figures
from explorer import model as models
from explorer.experiments import cliff, knob
from explorer.experiments.cliff import Cliff, clash
from explorer.experiments.knob import Turn
from explorer.model import Model
from explorer.state import PRESETS, State, from_query, to_query

PRESET = PRESETS["cliff"].state
W, B = Turn("entry", "W", 1.0, (0, 0)), Turn("entry", "b", 1.0, (0,))


LINEAR = models.changed(
    Model(), cell="own", task="reach", settings=(("steps", 700),), text="h = W @ h[t-1] + b\nL = mse(h, y)"
)
EXPLODING = models.with_edits(LINEAR, {("W", (0, 0)): 9.0, ("b", (0,)): 1.0})


def model_of(cell: str = "rnn", steps: int = 7, samples: int = 2, **fields) -> Model:
    settings = models.chosen_settings("noise", {"steps": steps, "samples": samples})
    return models.changed(Model(), cell=cell, task="noise", settings=settings, **fields)


def filled(model: Model, chosen: Cliff, many: int = 11) -> cliff.Surface:
    found, run, plane = cliff.surface(chosen, many), models.run(model), cliff.span(model, chosen)
    while found.grow(run, plane, 50):
        pass
    return found


def pairs(model: Model):
    """Two numbers of every two kinds that go together."""
    known = cliff.numbers(model)
    for i, one in enumerate(known):
        for other in known[i + 1 : i + 6]:
            if not clash(one, other):
                yield cliff.completed(model, Cliff(one, other))


# --- the surface ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "lstm_peephole", "feedforward", "one_unit"])
def test_the_surface_is_that_of_single_runs(cell) -> None:
    model = models.with_turn(model_of(cell), "W_2" if cell == "feedforward" else "W", 0.7)
    model = models.with_turn(model, "b_2" if cell == "feedforward" else "b_f" if "lstm" in cell else "b", 2.0, 0.3)
    random = np.random.default_rng(0)
    for chosen in pairs(model):
        found = filled(model, chosen, 5)
        for _ in range(2):
            i, j = random.integers(1, 5, size=2)  # a factor of 0 is the surface's alone
            single = models.run(cliff.at(model, chosen, (float(found.across[j]), float(found.up[i]))))
            assert found.loss[i, j] == pytest.approx(single.loss, rel=1e-9)
            slope = np.array([run_slope(single, chosen, axis, model) for axis in (0, 1)])
            assert found.steep[i, j] == pytest.approx(np.linalg.norm(slope), rel=1e-6, abs=1e-12)


def run_slope(run, chosen: Cliff, axis: int, model: Model) -> float:
    """The derivative along a side by the run's own gradient, by another way: the array's change times its gradient."""
    turn = cliff.sides(chosen)[axis]
    grad = run.grad["x"] if turn.of == "x" else run.param_grad[turn.of]
    if turn.kind == "entry":
        return float(grad[turn.index])
    if turn.kind == "added":
        return float(grad.sum())
    whole = knob.base(model, turn.of)
    return float((grad * whole.reshape(grad.shape)).sum()) / knob.size(model, turn)


def test_the_surface_does_not_depend_on_where_one_stands() -> None:
    for chosen in pairs(model_of("rnn")):
        model = model_of("rnn")
        away = cliff.at(model, chosen, (0.5, -0.25))
        assert cliff.same(away, chosen) == cliff.same(model, chosen)
        assert cliff.here(away, chosen) == pytest.approx((0.5, -0.25))
        np.testing.assert_allclose(filled(away, chosen, 3).loss, filled(model, chosen, 3).loss, rtol=1e-9)


def test_a_surface_grows_in_portions_and_goes_on_where_it_was_ended() -> None:
    chosen, run = cliff.completed(PRESET.model, PRESET.view.cliff), models.run(PRESET.model)
    found, plane = cliff.surface(chosen, 11), cliff.span(PRESET.model, chosen)
    assert found.grow(run, plane, 50)
    assert found.done.sum() == 50
    assert np.isnan(found.loss[~found.done]).all()
    part = found.loss.copy()
    assert found.grow(run, plane, 50)
    np.testing.assert_array_equal(found.loss[:4], part[:4])
    assert not found.grow(run, plane, 50)
    assert np.isfinite(found.loss).all()
    assert not found.grow(run, plane, 50)


def test_the_cut_finds_the_wall() -> None:
    model = PRESET.model
    chosen = cliff.completed(model, PRESET.view.cliff)
    found = cliff.cut(model, chosen, models.run(model))
    assert np.all(np.diff(found.value) > 0)
    assert found.value[found.slope.argmax()] == pytest.approx(-2.61, abs=0.02)
    assert found.slope.max() > 1e5
    k = int(np.flatnonzero(found.value == -2.6125)[0])  # where one stands is among the points
    assert found.loss[k] == pytest.approx(models.run(model).loss)
    other = cliff.cut(model, replace(chosen, cut="across"), models.run(model))
    assert (other.value[0], other.value[-1]) == (4.0, 6.5)


def test_a_large_network_has_a_coarse_surface() -> None:
    assert cliff.fits(model_of("lstm", 50))
    large = model_of("lstm", 1000, 5)
    assert not cliff.fits(large)
    assert cliff.portion(large) >= 1
    assert cliff.cost(large) * cliff.COARSE**2 < 4 * cliff.MAX_NUMBERS


# --- descent -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "one_unit"])
def test_the_gradient_is_that_of_differences_and_the_steps_are_descent(cell) -> None:
    model = model_of(cell)
    for chosen in pairs(model):
        chosen = replace(chosen, rate=0.01, limit=1e-3)
        place = cliff.here(model, chosen)
        found = cliff.descent(model, chosen, models.run(model))
        for axis in (0, 1):
            step = 1e-5 * np.eye(2)[axis]
            ahead, behind = (
                models.run(cliff.at(model, chosen, tuple(np.array(place) + sign * step))).loss for sign in (1, -1)
            )
            assert found.gradient[axis] == pytest.approx((ahead - behind) / 2e-5, rel=1e-4, abs=1e-8)
        assert found.plain.to == pytest.approx(np.array(place) - 0.01 * np.array(found.gradient))
        for step in (found.plain, found.clipped):
            assert step.loss == pytest.approx(models.run(cliff.at(model, chosen, step.to)).loss, rel=1e-9)
            assert step.length == pytest.approx(np.hypot(*(np.array(step.to) - place)), rel=1e-6, abs=1e-12)
        assert found.clipped.length == pytest.approx(0.01 * min(1e-3, found.norm))


def test_the_threshold_may_bound_the_gradient_of_all_weights() -> None:
    model = model_of()
    run = models.run(model)
    whole = np.sqrt(sum((grad**2).sum() for grad in run.param_grad.values()))
    chosen = cliff.completed(model, Cliff(norm="all", limit=whole / 4))
    assert cliff.descent(model, chosen, run).factor == pytest.approx(0.25)
    assert cliff.descent(model, replace(chosen, limit=2 * whole), run).factor == 1


def test_on_the_wall_the_step_goes_astray_and_the_clipped_one_does_not() -> None:
    chosen = cliff.completed(PRESET.model, PRESET.view.cliff)
    found = cliff.descent(PRESET.model, chosen, models.run(PRESET.model))
    assert found.norm > 1_000
    assert found.plain.loss > found.loss > found.clipped.loss
    assert found.clipped.length == pytest.approx(chosen.rate * chosen.limit)
    assert cliff.inside(chosen, found.plain.to)


def test_steps_without_end_are_refused() -> None:
    model = EXPLODING
    with pytest.raises(ValueError, match="not finite"):
        cliff.descent(model, cliff.completed(model, Cliff()), models.run(model))
    chosen = replace(cliff.completed(PRESET.model, PRESET.view.cliff), rate=1e12)
    far = replace(chosen, across=Turn("gain", "W"), across_range=(0.0, 1.0))
    assert cliff.descent(PRESET.model, far, models.run(PRESET.model)).plain.length > 1e12
    huge = models.with_edits(PRESET.model, {("W", (0, 0)): 1e200})
    with pytest.raises(ValueError, match="neither beyond"):
        cliff.completed(huge, Cliff())


# --- which numbers -------------------------------------------------------------------------------------------------


def test_numbers_that_are_one_do_not_go_together() -> None:
    gain, radius, added = (Turn(kind, "W") for kind in ("gain", "radius", "added"))
    entry, other = W, Turn("entry", "W", 1.0, (0, 1))
    assert all(clash(*pair) for pair in ((gain, gain), (gain, radius), (entry, entry), (entry, gain), (added, entry)))
    assert not any(clash(*pair) for pair in ((gain, added), (entry, other), (gain, Turn("gain", "U")), (entry, B)))
    with pytest.raises(ValueError, match="both sides"):
        Cliff(gain, entry)
    for wrong in ({"across": Turn("step")}, {"across_range": (1.0, 1.0)}, {"rate": 0.0}, {"limit": float("nan")},
                  {"norm": "<b>"}, {"picture": "x"}, {"cut": ""}):  # fmt: skip
        with pytest.raises(ValueError, match=r"side|smaller|number from|not known"):
            Cliff(**wrong)


def test_a_surface_has_numbers_at_first_and_where_its_own_are_gone() -> None:
    assert cliff.sides(cliff.completed(PRESET.model, Cliff())) == (W, B)
    chosen = cliff.completed(model_of("lstm"), Cliff())
    assert [knob.title(model_of("lstm"), turn) for turn in cliff.sides(chosen)] == [
        "Spectral radius of W_f",
        "Value of b_f",
    ]
    gone = Cliff(Turn("gain", "zz"), Turn("entry", "W", 1.0, (50, 0)), (0.0, 1.0), (0.0, 1.0))
    assert cliff.completed(model_of(), gone) == cliff.completed(model_of(), Cliff())
    one = models.with_text(model_of(), "h = tanh(W @ h[t-1])\ny_hat = softmax(h)\nL = nll(y_hat, y)")
    across, up = cliff.sides(cliff.completed(one, Cliff()))
    assert not clash(across, up)
    none = models.with_text(model_of(), "h = tanh(h[t-1] + alpha)\nL = nll(softmax(h), y)")
    assert cliff.completed(none, Cliff(up=Turn("added", "alpha"))).across is not None


# --- the figures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", cliff.PICTURES)
@pytest.mark.parametrize("palette", ["light", "dark"])
def test_the_figure_has_the_surface_and_the_places(picture, palette) -> None:
    chosen = cliff.completed(PRESET.model, PRESET.view.cliff)
    steps = cliff.descent(PRESET.model, chosen, models.run(PRESET.model))
    found = filled(PRESET.model, chosen)
    drawn = figures.surface(found, ("W<b>", "b"), steps.place, steps, palette, "viridis", picture)
    names = [trace.name for trace in drawn.data]
    assert {"loss", "step", "clipped", "here"} <= set(names)
    heights = np.array(drawn.data[0].z, float)
    np.testing.assert_allclose(heights, np.log10(found.loss), rtol=1e-6)  # it spans decades
    text = drawn.to_json()
    assert "W&lt;b&gt;" in text.replace("\\u003c", "<").replace("\\u0026", "&")
    assert "W<b>" not in text


def test_what_is_not_finite_is_red_and_what_is_not_there_is_left_out() -> None:
    model = LINEAR
    chosen = cliff.completed(model, Cliff(W, B, (-9.0, 9.0)))
    found = cliff.surface(chosen, 11)
    found.grow(models.run(model), cliff.span(model, chosen), 100)
    assert not np.isfinite(found.loss[found.done]).all()
    for picture in cliff.PICTURES:
        drawn = figures.surface(found, ("W", "b"), (0.0, 0.0), picture=picture)
        assert "not finite" in [trace.name for trace in drawn.data]
        assert np.isnan(np.array(drawn.data[0].z, float)[~found.done]).all()
    figures.cut(cliff.cut(model, replace(chosen, cut="across"), models.run(model)), "W", 0.0)


# --- the page ------------------------------------------------------------------------------------------------------


def opened(state: State | None = None, **query: str) -> AppTest:
    """The page at a state, or at a link."""
    return pages.opened("cliff", **(to_query(state or State()) | query))


def said(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def test_the_page_shows_the_cliff_on_one_click() -> None:
    app = opened()
    assert len(charts(app)) == 2
    fine(app.button("cliff.ready").click().run())
    assert app.session_state.state.model == PRESET.model
    assert app.session_state.state.view.cliff == PRESET.view.cliff
    assert [metric.value for metric in app.metric][1:] == ["7.419", "12.02", "1.258"]
    spec = next(spec for spec in charts(app) if spec["data"][0]["type"] == "heatmap")
    assert spec["layout"]["xaxis"]["title"]["text"] == "W"
    link = {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
    assert from_query(link)[0].view.cliff == PRESET.view.cliff


def test_a_step_is_taken_and_the_picture_stays() -> None:
    app = opened(PRESET)
    fine(app.button("cliff.go.clipped").click().run())
    state = app.session_state.state
    assert models.run(state.model).loss == pytest.approx(1.258, abs=1e-3)
    assert state.view.cliff == PRESET.view.cliff
    app.number_input("cliff.rate").set_value(10.0)
    fine(app.run())
    fine(app.button("cliff.go.plain").click().run())  # beyond the picture, which follows
    assert app.session_state.state.view.cliff.across_range is None


def test_the_controls_change_what_they_say() -> None:
    app = opened(PRESET)
    fine(app.number_input("cliff.up.from").set_value(-3.0).run())
    assert app.session_state.state.view.cliff.up_range == (-3.0, -1.0)
    fine(app.number_input("cliff.up.from").set_value(5.0).run())
    assert any("the first must be the smaller" in error.value for error in app.error)
    assert app.session_state.state.view.cliff.up_range == (-3.0, -1.0)
    fine(app.button("cliff.about").click().run())
    assert app.session_state.state.view.cliff.up_range is None
    fine(app.selectbox("cliff.norm").set_value("all").run())
    fine(app.selectbox("task").set_value("noise").run())
    fine(app.selectbox("cell").set_value("lstm").run())
    fine(app.selectbox("cliff.across").set_value(Turn("gain", "U_f")).run())
    fine(app.selectbox("cliff.up").set_value(Turn("entry", "W", 1.0, (0, 0))).run())
    fine(app.number_input("cliff.up.1").set_value(3).run())
    assert app.session_state.state.view.cliff.up.index == (0, 2)
    fine(app.selectbox("cliff.across").set_value(Turn("gain", "W")).run())
    assert any("both sides of the surface" in error.value for error in app.error)


@pytest.mark.parametrize("cell", ["rnn", "feedforward", "rnn_leaky", "one_unit"])
@pytest.mark.parametrize("task", ["text", "adding", "reach", "worked"])
def test_every_network_has_its_surface(cell, task) -> None:
    app = opened(State(models.changed(Model(), cell=cell, task=task)))
    assert len(charts(app)) == 2


@pytest.mark.slow
def test_a_surface_that_was_stopped_is_coarse_and_goes_on_when_asked() -> None:
    model = model_of("lstm", 120, 1)
    app = opened(State(model))
    assert "41 × 41" in said(app)
    cache.clear()
    app = pages.app_at("cliff", **to_query(State(model)))
    app.session_state["cliff.stopped"] = cliff.same(model, cliff.completed(model, Cliff()))
    fine(app.run())
    assert "11 × 11" in said(app)
    fine(app.button("cliff.finer").click().run())
    assert "41 × 41" in said(app)


@pytest.mark.parametrize(
    "query",
    [
        {"across": "step,", "up": "<b>,W", "rate": "nan", "limit": "-1", "surface": "<script>", "cut": "x"},
        {"across": "entry,W,999,999", "up": "entry,W,0", "across_range": "5,1", "up_range": "1"},
        {"across": "gain,W", "up": "radius,W"},
        {"across": "gain,x", "up": "added,c", "across_range": "-1e99,1e99", "rate": "1e12"},
        {"across": "entry,W,0,0", "up": "entry,b,0", "across_range": "-1e100,1e100", "up_range": "-1e100,1e100"},
    ],
)
def test_hostile_links_are_told_and_leave_no_traceback(query) -> None:
    opened(None, **query)


def test_a_network_whose_loss_is_not_finite_has_a_page() -> None:
    app = opened(State(EXPLODING))
    assert any("not finite" in info.value for info in app.info)
    assert len(charts(app)) == 2


# --- in a browser --------------------------------------------------------------------------------------------------

DRAWN = """() => [...document.querySelectorAll(".js-plotly-plot")].some(
  (figure) => (figure.data || []).some((trace) => trace.type === "heatmap" && trace.name === "loss"))"""


def go(page) -> None:
    page.get_by_role("link", name="The cliff").click()
    page.get_by_role("heading", name="The cliff").wait_for()
    settle(page)


def test_the_cliff_is_one_click_away(page) -> None:
    go(page)
    page.get_by_role("button", name="The cliff of Pascanu et al. (2013)").click()
    page.get_by_text("the wall stands near").wait_for()
    page.wait_for_function(DRAWN)
    settle(page)
    page.wait_for_function("""() => [...document.querySelectorAll(".js-plotly-plot")].some(
        (figure) => (figure.data || []).some((trace) => trace.name === "clipped"))""")
    assert "across=entry" in page.url


def test_the_side_bar_says_the_same_on_every_page(new_page) -> None:
    page = new_page("?cell=lstm&task=noise&steps=3&n.s=5")
    for name in ("The cliff", "Network", "The cliff"):
        page.get_by_role("link", name=name).click()
        page.get_by_role("heading", name="Unrolled" if name == "Network" else name, exact=True).wait_for()
        settle(page)
        assert page.get_by_label("Steps", exact=True).input_value() == "3"
        assert "n.h=5" in page.url  # the size of h and s, under either name
        cell = page.get_by_role("combobox", name=re.compile(r"Cell$|Cell\."))
        assert "LSTM of the book" in (cell.get_attribute("aria-label") or "") + cell.input_value()


def test_a_long_surface_is_stopped(new_page) -> None:
    page = new_page("?cell=lstm&task=noise&steps=400")
    page.get_by_role("link", name="The cliff").click()
    page.get_by_role("button", name="Coarse is enough").click()
    page.get_by_role("button", name="Go on, finer").wait_for()
    settle(page)
    assert page.get_by_text(re.compile("11 × 11 points")).count() == 1
    page.wait_for_function(DRAWN)
