"""Why gradients vanish: the figures by their data, the numbers behind them, and the page."""

from __future__ import annotations

import json
import re

import numpy as np
import pages
import pytest
from browser import settle, until
from pages import charts, query, words
from plots import points, traces
from plots import task_run as run_of
from streamlit.testing.v1 import AppTest

import engine
from engine import CATALOGUE
from engine.flow.spectra import stretches
from engine.inputs import Scheme
from engine.language.names import latex
from explorer import facts, figures, theme
from explorer import model as models
from explorer.model import Model
from explorer.picture.marks import Mark, marks
from explorer.state import TABS, State, View, packed
from explorer.views.vanish import losses
from explorer.words import sentences

RECURRENT = [name for name, cell in CATALOGUE.items() if cell.states]
OWN = "k = tanh(W @ k[t-2] + U @ x)\no = V @ k\nL = nll(softmax(o), y)"


def batch(cell="rnn", steps=6, samples=3, **fields):
    settings = (("steps", steps), ("samples", samples))
    return models.run(models.changed(Model(), cell=cell, task="noise", settings=settings, **fields))


def overflown():
    return run_of(steps=300, activation="identity", scheme=Scheme("normal", gain=50.0))


# --- the numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("cell", RECURRENT)
def test_a_sample_alone_has_the_gradients_that_it_has_in_the_whole(cell, reduction) -> None:
    run = batch(cell, reduction=reduction)
    for sample in (1, 2, 3):
        one = facts.alone(run, sample)
        for name, grad in run.grad.items():
            np.testing.assert_allclose(one.grad[name][:, 0], grad[:, sample - 1], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("sample", [0, 2])
@pytest.mark.parametrize("cell", RECURRENT)
def test_no_gradient_is_larger_than_the_bound(cell, sample) -> None:
    for gain in (0.3, 1.0, 2.0):
        run = batch(cell, 20, scheme=Scheme("normal", gain=gain))
        for name in run.cell.states:
            bound = facts.log_bound(run, name, sample)
            assert (bound is None) == (engine.bound(run, name) is None)
            if bound is not None:
                assert (facts.log_norm(run, name, sample) <= bound + 1e-9).all()


def test_the_bound_is_met_by_a_linear_chain() -> None:
    cell = engine.parse("h = 0.5 * h[t-1] + x\nL = mse(h, y)")
    weights = np.array([0.0] * 9 + [1.0])
    run = engine.run(cell, {}, np.ones((10, 1, 1)), np.zeros((10, 1, 1)), weights=weights)
    np.testing.assert_allclose(facts.log_bound(run, "h"), facts.log_norm(run, "h"), rtol=1e-12)


def test_all_samples_together_have_the_norm_over_all_of_them() -> None:
    run = batch("lstm")
    whole = np.linalg.norm(run.grad["s"].reshape(run.T, -1), axis=1)
    np.testing.assert_allclose(facts.log_norm(run, "s"), np.log10(whole), rtol=1e-12)
    parts = np.linalg.norm(engine.by_loss(run, "s"), axis=(2, 3))
    lower = np.tri(run.T, dtype=bool)
    np.testing.assert_allclose(facts.loss_norms(run, "s")[lower], parts[lower], rtol=1e-10)
    assert np.isnan(facts.loss_norms(run, "s")[~lower]).all()


@pytest.mark.parametrize("T", [1, 5, 59, 60, 61, 119, 120, 121, 1000])
def test_blocks_show_the_largest_number_and_where_it_is(T) -> None:
    norms = facts.triangular(np.random.default_rng(T).random((T, T)))
    found = facts.blocks(norms)
    n = len(found.value)
    assert n <= facts.MOST
    assert (found.edges[0], found.edges[-1]) == (1, T + 1)
    assert np.nanmax(found.value) == np.nanmax(norms)
    inside = np.tri(n, dtype=bool)
    assert np.isnan(found.value[~inside]).all()
    np.testing.assert_array_equal(found.value[inside], norms[found.loss[inside] - 1, found.step[inside] - 1])
    for i, j in ((0, 0), (n - 1, 0), (n - 1, n - 1), (n // 2, n // 3)):
        a, b, c, d = found.edges[i] - 1, found.edges[i + 1] - 1, found.edges[j] - 1, found.edges[j + 1] - 1
        assert found.value[i, j] == np.nanmax(norms[a:b, c:d])


def test_blocks_hide_nothing_that_is_not_finite() -> None:
    norms = facts.triangular(np.ones((200, 200)))
    norms[150, 20], norms[90, 3] = np.nan, np.inf
    found = facts.blocks(norms)
    assert found.bad[150 // found.size, 20 // found.size]
    assert found.bad.sum() == 1
    assert np.isinf(found.value[90 // found.size, 3 // found.size])


def test_saturated_is_a_small_slope() -> None:
    run = run_of("lstm", steps=7)
    found = facts.slopes(run, "f")
    assert (found.quantiles[0] <= found.quantiles[2]).all()
    np.testing.assert_allclose(found.quantiles[4], run.slope("f").max(axis=(1, 2)))
    np.testing.assert_allclose(found.saturated, (run.slope("f") < 0.1 * 0.25).mean(axis=(1, 2)))
    assert facts.functions(run) == ("f", "g", "s_sigmoid", "q", "h_tanh")


def test_the_angle_between_gradients() -> None:
    run = run_of()
    assert facts.angle(run.param_grad, run.param_grad) == 0
    turned = {name: -grad for name, grad in run.param_grad.items()}
    assert facts.angle(run.param_grad, turned) == pytest.approx(180)
    assert facts.norm(np.array([3e-200, 4e-200])) == pytest.approx(5e-200)


# --- the figures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", RECURRENT)
def test_the_curve_is_the_logarithm_of_the_gradient_and_every_point_can_be_clicked(cell) -> None:
    run = run_of(cell, steps=9)
    figure = figures.decay(run)
    found = {
        tuple(key): y for trace in traces(figure, "points") for key, y in zip(trace.customdata, trace.y, strict=True)
    }
    assert len(found) == 9 * len(run.cell.states)
    for (name, t), log in found.items():
        assert log == pytest.approx(np.log10(np.linalg.norm(run.grad[name][t - 1])))


def test_the_curve_goes_on_where_floats_end() -> None:
    figure = figures.decay(run_of(steps=900, count="last", scheme=Scheme("normal", gain=0.2)))
    assert min(y for _, y in points(figure, "points")) < -500
    said = {note.text for note in figure.layout.annotations}
    assert said == {"float32 loses digits below", "float64 loses digits below"}
    assert len(points(figure, "points")) <= 200
    (bound,) = traces(figure, "bound")
    line = traces(figure, "‖∇<i>h</i>‖")[0]
    assert (line.y <= bound.y + 1e-9).all()


def test_the_curve_marks_exact_zero_what_is_not_finite_and_the_selected_step() -> None:
    zero = figures.decay(models.run(models.changed(Model(), count="hand", weights=(1.0, 0.0, 0.0, 0.0))))
    assert sum(len(trace.x) for trace in traces(zero, "points") if trace.marker.symbol == "circle-open") == 3
    assert any(trace.marker.color == theme.ALARM for trace in traces(figures.decay(overflown()), "points"))
    chosen = figures.decay(run_of(), selected=("h", 2))
    assert points(chosen, "selected")[0][0] == 2
    assert not traces(figures.decay(run_of(), selected=("h", 99)), "selected")


def test_samples_have_a_line_each_or_a_band() -> None:
    run = batch(samples=4)
    logs = engine.log_grad_norm(run, "h")
    (lines,) = traces(figures.decay(run, spread="lines"), "samples")
    np.testing.assert_allclose(lines.y[~np.isnan(lines.y)], logs.T.ravel())
    (band,) = traces(figures.decay(run, spread="band"), "band")
    np.testing.assert_allclose(band.y[:6], logs.min(axis=1))
    np.testing.assert_allclose(band.y[:5:-1], logs.max(axis=1))


@pytest.mark.parametrize("what", ["loss", "jacobian"])
@pytest.mark.parametrize("cell", RECURRENT)
def test_the_triangle_has_the_engines_numbers_and_the_other_half_is_empty(cell, what) -> None:
    run = run_of(cell, steps=7)
    for name in run.cell.states:
        norms = (engine.by_loss_norm(run, name) if what == "loss" else engine.jacobian_norm(run, name, name))[:, :, 0]
        figure = figures.triangle(run, name, "" if what == "loss" else name)
        (heat,) = traces(figure, "norms")
        lower = np.tri(7, dtype=bool)
        assert np.isnan(heat.z[~lower]).all()
        seen = lower & (norms > 0)
        np.testing.assert_allclose(heat.z[seen], np.log10(norms[seen]), rtol=1e-5, atol=1e-6)
        (cells,) = traces(figure, "cells")
        assert sorted(map(tuple, cells.customdata)) == [(s, t) for s in range(1, 8) for t in range(1, s + 1)]


def test_the_triangle_is_on_the_absolute_scale_and_marks_what_that_cannot_show() -> None:
    run = run_of(steps=40, count="last", scheme=Scheme("normal", gain=0.3))
    figure = figures.triangle(run, "h")
    (heat,) = traces(figure, "norms")
    assert (heat.zmin, heat.zmax) == (-5, 1)
    norms = facts.loss_norms(run, "h")
    kind = marks(norms[np.tri(40, dtype=bool)], -5, 1)
    assert (kind == Mark.BELOW).sum() == len(points(figure, "below 10⁻⁵"))
    assert (kind == Mark.ZERO).sum() == len(points(figure, "0, or too small for a float")) == 39 * 40 // 2
    red = figures.triangle(overflown(), "h")
    assert traces(red, "not finite")
    assert {"infinite", "not a number"} & {trace.name for trace in red.data if trace.showlegend is not False}


def test_the_chosen_cell_is_outlined() -> None:
    (_, shape) = figures.triangle(run_of(steps=5), "h", chosen=(4, 2)).layout.shapes
    assert (shape.x0, shape.x1, shape.y0, shape.y1) == (1.5, 2.5, 3.5, 4.5)
    assert not figures.triangle(run_of(steps=5), "h", chosen=(9, 2)).layout.shapes


@pytest.mark.parametrize("cell", RECURRENT)
def test_the_bars_add_up_to_the_gradient_of_the_run(cell) -> None:
    run = batch(cell, 5)
    for name in run.cell.states:
        for t in (1, 4, 5):
            (bars,) = traces(figures.shares(run, name, t, sample=2), "along the sum")
            assert list(bars.measure) == ["relative"] * (6 - t) + ["total"]
            assert sum(bars.y) == pytest.approx(np.linalg.norm(run.grad[name][t - 1, 1]), rel=1e-9)


def test_many_bars_add_up_as_well() -> None:
    run = run_of(steps=500)
    (bars,) = traces(figures.shares(run, "h", 1), "along the sum")
    assert len(bars.x) == 201
    assert bars.x[199] == "200 … 500"
    assert sum(bars.y) == pytest.approx(np.linalg.norm(run.grad["h"][0]), rel=1e-9)


@pytest.mark.parametrize("cell", RECURRENT)
def test_the_routes_of_each_step_add_up_to_one(cell) -> None:
    run = run_of(cell, steps=8)
    for name in run.cell.states:
        total = np.sum([bar.y for bar in figures.routes(run, name).data], axis=0)
        np.testing.assert_allclose(total, 1, rtol=1e-9)
    long = figures.routes(run_of("gru", steps=500), "h", step=300).data[0].x
    assert len(long) == 200
    assert 300 in long


def test_singular_values_are_those_of_the_jacobian() -> None:
    run = batch("lstm", 5)
    (bars, *_) = figures.singular(run, "h", "h", 5, 2, sample=3).data
    expected = np.linalg.svd(engine.jacobian(run, "h", "h")[4, 1, 2], compute_uv=False)
    np.testing.assert_allclose(10 ** (np.asarray(bars.y) + bars.base), expected, rtol=1e-8)


def test_of_a_long_product_the_page_shows_no_rounding() -> None:
    app = opened(task="noise", steps="60", tab="jacobians", **{"n.h": "16"})
    assert "= **3.56·10⁻¹⁰⁵**" in "\n".join(row.value for row in app.markdown)
    app = opened(task="noise", steps="60", tab="jacobians", cell="lstm", **{"n.h": "16"})
    said = "\n".join(row.value for row in app.markdown)
    assert re.search(r"The \d+ smallest values cannot be told: of values below", said)
    run = run_of("lstm", steps=60)
    shown = figures.singular(run, "h", "h", 60, 1)
    told = stretches(run, "h", "h", 60, 1).known[0]
    assert len(shown.data[0].x) == told.sum()
    if not told.all():
        assert "cannot be told" in shown.data[1].hovertext


@pytest.mark.parametrize("cell", CATALOGUE)
def test_eigenvalues_are_those_of_the_recurrent_matrices(cell) -> None:
    run = run_of(cell)
    circle, *shown = figures.eigenvalues(run).data
    np.testing.assert_allclose(np.hypot(circle.x, circle.y), 1)
    matrices = [matrix for matrix in engine.recurrent_matrices(run) if len(matrix.eigenvalues)]
    assert len(shown) == len(matrices)
    for trace, matrix in zip(shown, matrices, strict=True):
        np.testing.assert_allclose(trace.x + 1j * np.asarray(trace.y), matrix.eigenvalues)


@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("make", [lambda: run_of("lstm", steps=1), lambda: run_of("rnn_skip", steps=3), overflown])
def test_every_figure_can_be_sent(make, palette) -> None:
    run = make()
    name = run.cell.states[0]
    for figure in (
        figures.decay(run, palette), figures.triangle(run, name, palette=palette), figures.eigenvalues(run, palette),
        figures.triangle(run, name, name, palette=palette), figures.singular(run, name, name, run.T, 1, palette),
        figures.shares(run, name, 1, palette), figures.routes(run, name, palette),
        *(figures.slopes(run, function, palette) for function in facts.functions(run)),
    ):  # fmt: skip
        json.loads(figure.to_json())


# --- the page -------------------------------------------------------------------------------------------------------


def opened(**query: str) -> AppTest:
    """The page at a link, without an error."""
    return fine(pages.app_at("vanish", **query).run())


def fine(app: AppTest) -> AppTest:
    assert not app.error
    return pages.fine(app)


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize(
    "query",
    [{"cell": "rnn"}, {"cell": "lstm", "task": "noise", "samples": "3"}, {"cell": "feedforward"},
     {"eq": packed(OWN), "task": "noise"}, {"eq": packed("o = b\nL = nll(softmax(o), y)"), "task": "noise"},
     {"task": "noise", "steps": "1"}, {"task": "noise", "steps": "1", "samples": "2", "cell": "gru"}],
)  # fmt: skip
def test_every_tab_opens_for(query, tab) -> None:
    app = opened(tab=tab, **query)
    assert all(warning.value.startswith("The cell runs") for warning in app.warning)  # a note on the cell
    assert charts(app)
    memoryless = query.get("cell") == "feedforward" or "o = b" in words(app)
    assert not memoryless or app.info


@pytest.mark.parametrize("tab", TABS)
def test_an_overflow_is_said_and_every_tab_opens(tab) -> None:
    app = opened(
        tab=tab, activation="identity", task="noise", steps="300", init="normal,gain:50", node="h,3", path="9,1"
    )
    assert "range of floating point" in app.warning[0].value


def test_a_long_run_is_drawn_in_blocks_and_says_so() -> None:
    app = opened(task="noise", steps="1000")
    assert "block of 17 × 17 steps" in words(app)
    assert len(app.get("plotly_chart")) == 2


def test_a_pair_is_chosen_by_its_steps_and_its_path_is_drawn() -> None:
    app = opened(task="noise")
    assert len(charts(app)) == 2
    fine(app.number_input(key="vanish.loss").set_value(7).run())
    fine(app.number_input(key="vanish.node").set_value(4).run())
    assert (query(app)["node"], query(app)["path"]) == ("h,4", "7,1")
    graph = charts(app)[2]
    assert [trace["name"] for trace in graph["data"]].count("selected") == 1
    norm = facts.loss_norms(models.run(models.changed(Model(), task="noise")), "h")[6, 3]
    assert f"{norm:.4g}" in words(app)
    fine(app.number_input(key="vanish.node").set_value(9).run())
    assert (query(app)["node"], query(app)["path"]) == ("h,9", "9,1")


def test_the_scale_is_fitted_and_is_that_of_all_pictures() -> None:
    app = opened(task="noise", show="value")
    fine(app.button(key="vanish.fit").click().run())
    assert "range.gradient" in app.query_params
    assert query(app)["show"] == "value"


def test_jacobians_of_a_large_run_are_computed_when_asked_for() -> None:
    app = opened(task="noise", steps="600", tab="jacobians")
    assert len(charts(app)) == 2
    fine(app.button(key="vanish.compute").click().run())
    assert len(charts(app)) == 3
    fine(app.number_input(key="vanish.later").set_value(5).run())
    assert query(app)["pair"] == "5,1"
    assert len(charts(app)) == 3


def test_truncation_and_clipping_have_numbers() -> None:
    app = opened(task="noise", tab="remedies")
    run = models.run(models.changed(Model(), task="noise"))
    assert f"{100 * engine.cut(run, 5).error['W']:.4g} %" in words(app)
    fine(app.number_input(key="vanish.cut").set_value(3).run())
    assert query(app)["every"] == "3"
    assert f"{100 * engine.window(run, 3).error['W']:.4g} %" in words(app)
    fine(app.number_input(key="vanish.clip").set_value(0.5).run())
    assert f"multiplied by {engine.clip_by_norm(run.param_grad, 0.5)[1]:.4g}" in words(app)
    fine(app.number_input(key="vanish.clip").set_value(1e6).run())
    assert words(app).count("nothing changes") == 2


def test_only_the_open_tab_is_computed(monkeypatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("hidden, but computed")

    for name in ("by_loss_norm", "jacobian_norm", "expand", "cut", "window"):
        monkeypatch.setattr(engine, name, never)
    monkeypatch.setattr(sentences, "sentences", lambda *_: ())  # which measures for itself
    opened(tab="matrices", task="noise")


def test_the_state_is_chosen_and_kept_in_the_link() -> None:
    app = opened(cell="lstm")
    fine(app.selectbox(key="vanish.state").set_value("h").run())
    assert query(app)["state"] == "h"
    assert opened(cell="rnn", state="nothing").selectbox(key="vanish.state").value == "h"


def test_a_chosen_pair_of_a_long_run_is_in_the_window_of_the_graph() -> None:
    run = run_of(steps=300)
    view = losses.select_pair(run, "h", 250, 20)(State(), None).view
    assert (view.selected, view.path, view.window) == (("h", 20), (250, 1), (20, 69))
    assert losses.select_pair(run_of(), "h", 3, 2)(State(view=View(window=(1, 2))), None).view.window is None


def test_a_click_on_a_cell_shows_its_path_here_and_in_the_network(new_page) -> None:
    page = new_page("?task=noise&steps=6", viewport={"width": 1400, "height": 1600})
    page.get_by_role("link", name="Why gradients vanish").click()
    place = page.locator(".st-key-vanish-triangle .js-plotly-plot")
    place.wait_for()

    def click() -> None:
        plot = place.locator(".heatmaplayer").bounding_box()
        page.mouse.click(plot["x"] + plot["width"] * 1.5 / 6, plot["y"] + plot["height"] * 1.5 / 6)  # t = 2, s = 5

    until(page, click, "() => location.search.includes('path=5')")
    settle(page)
    assert "node=h%2C2" in page.url
    page.wait_for_selector(".st-key-vanish-path .js-plotly-plot")
    drawn = page.evaluate(
        "() => document.querySelector('.st-key-vanish-path .js-plotly-plot').data.filter((d) => d.name === 'selected').length"
    )
    assert drawn == 1
    page.get_by_role("link", name="Show it in the network").last.click()
    page.wait_for_selector(".st-key-inspector")
    settle(page)
    assert "path=5" in page.url


@pytest.mark.parametrize("name", ["W_f", "U"])
def test_the_heading_of_the_copies_names_the_chosen_parameter(name) -> None:
    app = opened(cell="lstm", tab="shares", of=name)
    assert rf"\Vert \nabla {latex(name)}^{{(t)}} \Vert" in words(app)


def test_the_curve_says_of_which_losses_it_is() -> None:
    lines = [trace["name"] for trace in charts(opened(task="noise", steps="30"))[0]["data"] if "loss" in trace["name"]]
    assert lines == ["‖∇<i>h</i>‖, all losses", "‖∇<i>h</i>‖, loss of step 30 alone"]
    assert not any(
        "loss" in trace["name"] for trace in charts(opened(task="noise", steps="30", loss="last"))[0]["data"]
    )
