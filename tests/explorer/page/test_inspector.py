"""The selected node: what is found along the graph, its numbers on the page, and how it is picked and kept."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pages
import pytest
from browser import click_point, place, settle, until
from networks import CELLS, run_of
from pages import fine, words
from streamlit.testing.v1 import AppTest

import engine
from engine.language import notation
from engine.language.names import written
from engine.verify.measured import measured, measured_together
from engine.working import messages as explain
from explorer import figures, theme
from explorer import model as models
from explorer.model import Model
from explorer.page import inspector, selection, vectors
from explorer.picture.marks import Mark
from explorer.picture.scene import reach, scene
from explorer.picture.table import table
from explorer.state import PARTS, View, from_query
from explorer.words.numbers import number

each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


def index(picture, name, t):
    return next(i for i in range(len(picture.name)) if (picture.names[picture.name[i]], int(picture.t[i])) == (name, t))


# --- along the graph ------------------------------------------------------------------------------------------------


def test_what_a_node_reaches() -> None:
    picture = scene(run_of(engine.CATALOGUE["rnn"]))
    near = reach(picture, index(picture, "o", 2))
    found = {(picture.names[k], int(t)) for k, t, yes in zip(picture.name, picture.t, near, strict=True) if yes}
    before = {("h", 0), *((name, t) for name in "xah" for t in (1, 2))}
    assert found == before | {("o", 2), ("y_hat", 2), ("L", 2)}
    assert reach(picture, index(picture, "h", 0)).sum() == 4 * 5 + 1  # all but x and y


@each_cell
def test_reach_is_mutual(cell) -> None:
    picture = scene(run_of(cell))
    near = np.array([reach(picture, i) for i in range(len(picture.name))])
    assert (near == near.T).all()
    assert near.diagonal().all()


@each_cell
def test_messages_along_the_edges_sum_to_the_gradient(cell) -> None:
    run = run_of(cell)
    picture = scene(run, View(edges="backward"))
    for e in range(0, len(picture.source), 3):
        a, b = picture.source[e], picture.target[e]
        source, target = picture.names[picture.name[a]], picture.names[picture.name[b]]
        if source == "y":
            assert picture.strength[e] == -1
            continue
        lag, argument = int(picture.lag[e]), int(picture.argument[e])
        message = next(
            m for read, m in run.messages(target) if (read.name, read.lag, read.argument) == (source, lag, argument)
        )
        assert picture.strength[e] == pytest.approx(np.linalg.norm(message[picture.t[b] - 1]), rel=1e-12)


def test_edges_can_show_the_signal_or_nothing() -> None:
    run = run_of(engine.CATALOGUE["lstm"])
    assert scene(run).strength is None
    picture = scene(run, View(edges="forward"))
    np.testing.assert_array_equal(picture.strength, picture.value[picture.source])


@each_cell
def test_walking_reaches_every_node_and_ends(cell) -> None:
    run = run_of(cell)
    for name in selection.names(run):
        within = selection.steps(run, name)
        node, count = (name, within[0]), 1
        while (following := selection.in_time(run, node, 1)) is not None:
            assert selection.in_time(run, following, -1) == node
            node, count = following, count + 1
        assert (node, count) == ((name, run.T), len(within))
    order = [n for n in selection.names(run) if n not in cell.parameters]
    node = (order[0], 1)
    walked = [node]
    while (node := selection.in_flow(run, node, 1)) is not None:
        walked.append(node)
    assert walked == [(name, 1) for name in order]


@each_cell
def test_the_measured_gradient_is_the_runs(cell) -> None:
    run = run_of(cell)
    for name, grad in run.grad.items():
        for t in {selection.steps(run, name)[0], run.T}:
            found = measured(run, name, t)
            assert found.error <= (1e-12 if found.exact else 1e-6) * max(1, np.abs(grad).max())
    for name, grad in run.param_grad.items():
        found = measured(run, name, None)
        assert found.gradient.shape == grad.shape
        np.testing.assert_allclose(
            found.gradient, grad, rtol=0, atol=(1e-12 if found.exact else 1e-6) * max(1, np.abs(grad).max())
        )


def test_each_sample_is_measured_by_itself() -> None:
    run = models.run(Model(task="noise", settings=(("samples", 3), ("steps", 4))))
    for name, t in (("a", 2), ("h", 0), ("x", 1), ("y_hat", 4)):
        grad = run.grad[name] if t > 0 else run.initial_grad[name]
        for sample in range(3):
            found = measured(run, name, t, sample)
            np.testing.assert_allclose(found.gradient, grad[t - 1, sample], rtol=1e-10, atol=1e-15)
            assert found.error < 1e-12


@pytest.mark.slow
def test_what_cannot_be_measured_is_refused() -> None:
    run = run_of(engine.CATALOGUE["rnn"])
    for name, t in (("h", -1), ("h", 5), ("W", 1), ("zz", 1), ("a", 0), ("h", None)):
        with pytest.raises(ValueError, match=r"no gradient|has steps"):
            measured(run, name, t)
    relu = models.run(models.changed(Model(), activation="relu"))
    assert not measured(relu, "a", 2).exact
    assert measured(relu, "o", 2).exact
    large = models.changed(Model(), task="noise", sizes=(("h", 64),), settings=(("steps", 1000), ("inputs", 20)))
    assert measured(models.run(large), "h", 1) is None


def test_the_work_is_bounded_and_shared() -> None:
    """Of several names each has its share of the entries, and what is measured is the run's gradient."""
    run = models.run(models.changed(Model(), activation="relu", task="noise", settings=(("steps", 20),)))
    for t in (None, 0, 7):
        names = list(run.parameters if t is None else run.initial if t < 1 else run.grad)
        whole = measured_together(run, names, t, work=1e12)
        some = measured_together(run, names, t, work=1e6)
        nothing = measured_together(run, names, t, work=1.0)
        assert list(whole) == list(some) == list(nothing) == names
        assert set(nothing.values()) == {None}
        for name in names:
            grad = run.param_grad[name] if t is None else (run.grad if t > 0 else run.initial_grad)[name][t - 1, 0]
            assert whole[name].entries == grad.size
            alone = measured(run, name, t)
            np.testing.assert_allclose(
                whole[name].gradient, alone.gradient, rtol=0, atol=1e-6 * max(1, np.abs(grad).max())
            )
            for found in (whole[name], *[some[name]] * (some[name] is not None)):
                seen = ~np.isnan(found.gradient)
                np.testing.assert_allclose(
                    found.gradient[seen], grad[seen], rtol=0, atol=1e-6 * max(1, np.abs(grad).max())
                )
        if t is None:
            assert (
                0
                < sum(found.entries for found in some.values() if found)
                < sum(g.size for g in run.param_grad.values())
            )


# --- pictures -------------------------------------------------------------------------------------------------------


def test_the_rest_fades() -> None:
    run = run_of(engine.CATALOGUE["rnn"])
    picture = scene(run, View(selected=("o", 2)))
    near = reach(picture, picture.selected)
    bright = 0
    for trace in figures.graph(picture).data:
        if trace.name == "nodes":
            for (name, t), opacity in zip(trace.customdata, trace.marker.opacity, strict=True):
                assert (opacity == 1) == near[index(picture, name, t)]
                bright += opacity == 1
    assert bright == near.sum()
    edges = [trace for trace in figures.graph(picture).data if trace.name == "edges"]
    assert sorted(trace.opacity < 1 for trace in edges) == [False, True]


def test_edges_have_the_colours_of_the_scale() -> None:
    run = run_of(engine.CATALOGUE["lstm"])
    for scale in theme.SCALES:
        figure = figures.graph(scene(run, View(edges="backward", scale=scale)))
        colours = {trace.line.color for trace in figure.data if trace.name == "edges"}
        assert colours <= {*theme.SCALES[scale], theme.PALETTES["light"].line}
        (read,) = [trace for trace in figure.data if trace.name == "messages"]
        assert len(read.hovertext) == len(scene(run).source)
        assert any("‖message‖ = " in said for said in read.hovertext)


def test_strips_hold_every_number() -> None:
    html = vectors.strip(np.array([0.0, 1e-9, -1.0, np.inf, np.nan]), -3, 1, theme.USUAL)
    assert html.count("<span") == 5
    assert html.count(theme.ALARM) == 2
    assert "transparent" in html
    assert theme.SCALES[theme.USUAL][0] in html


def test_a_vector_in_a_line() -> None:
    assert vectors.lying(np.array([0.5])) == "$0.5$"
    assert vectors.lying(np.array([0.5, -2.0])) == "$(0.5, -2)$"
    assert vectors.lying(np.array([5e-9, -2.5e-9])) == "$10^{-9}(5, -2.5)$"
    assert vectors.lying(np.arange(1.0, 7.0)) == "$(1, 2, 3, 4, 5, 6)$"
    assert vectors.lying(np.arange(1.0, 8.0)) == r"$(1, 2, 3, 4, 5, \dots)$"
    assert vectors.lying(np.array([np.nan, np.inf])) == r"$(\mathrm{nan}, \infty)$"


def test_the_table_has_what_the_picture_shows() -> None:
    run = run_of(engine.CATALOGUE["rnn"], weights=[0, 0, 0, 1])
    picture = scene(run)
    columns = table(picture)
    assert {len(column) for column in columns.values()} == {len(picture.name)}
    for row, (name, t) in enumerate(zip(columns["node"], columns["step"], strict=True)):
        i = index(picture, {written(name): name for name in picture.names}[name], t)
        assert columns["colour shows"][row] == (None if picture.magnitude[i] < 0 else picture.magnitude[i])
        assert (columns["mark"][row] == "exactly 0") == (picture.mark[i] == Mark.ZERO)
    assert columns["step"] == sorted(columns["step"])


def test_the_copies_of_a_parameter() -> None:
    run = run_of(engine.CATALOGUE["rnn"])
    (bars,) = figures.copies(run, "W", step=2).data
    np.testing.assert_allclose(bars.y, np.linalg.norm(run.step_grad("W").reshape(run.T, -1), axis=1))
    with pytest.raises(ValueError, match="parameters: b, W, U, c, V"):
        figures.copies(run, "zz")


# --- the page -------------------------------------------------------------------------------------------------------


opened = partial(pages.opened, picture="live")
said = partial(words, kinds=("markdown", "latex", "caption"))


def selected(app: AppTest):
    return app.session_state["state"].view.selected


def test_nothing_is_computed_until_a_node_is_selected(monkeypatch) -> None:
    def early(*_):
        raise AssertionError("too early")

    for name in ("forward", "backward"):
        monkeypatch.setattr(explain, name, early)
    monkeypatch.setattr(inspector, "measured", early)
    app = opened()
    assert "Click a node" in said(app)


@pytest.mark.parametrize(("query", "name", "t"), [({}, "h", 2), ({"cell": "lstm"}, "s", 3), ({"cell": "gru"}, "h", 0)])
def test_the_numbers_shown_are_the_engines(query, name, t) -> None:
    app = opened(**query, node=f"{name},{t}")
    run = models.run(from_query(query)[0].model)
    back = explain.backward(run, name, t)
    text = said(app)
    for message in back.messages:
        assert vectors.lying(message.vector) in text
        assert f"{100 * message.share:.1f} %".replace("-", "−") in text
    assert text.count(vectors.lying(back.gradient)) >= 3  # the sum, the gradient, and measured
    assert "largest difference" in text
    if t > 0:
        forth = explain.forward(run, name, t)
        assert forth.symbols in text
        assert forth.numbers in text


@pytest.mark.slow
@pytest.mark.parametrize("cell", engine.CATALOGUE)
def test_every_node_of_every_cell_can_be_looked_at(cell) -> None:
    app = opened(cell=cell, task="noise", steps="3")
    run = models.run(app.session_state["state"].model)
    elsewhere = tuple(part for part in PARTS if part not in ("inspector", "table"))  # parts that no node changes
    state = app.session_state["state"]
    app.session_state["state"] = replace(state, view=replace(state.view, hidden=elsewhere))
    for node in [(name, t) for name in selection.names(run) for t in (0, 2) if t in selection.steps(run, name)]:
        app.session_state["state"] = selection.select(node)(app.session_state["state"], None)
        fine(app.run())
        assert "**Forward**" in said(app) or node[0] == "y"


def test_messages_are_links() -> None:
    app = opened(node="h,2")
    fine(app.button(key="from.1").click().run())
    assert selected(app) == ("o", 2)
    fine(app.button(key="before").click().run())
    fine(app.button(key="from.0").click().run())
    assert selected(app) == ("a", 3)
    fine(app.button(key="from.0").click().run())
    assert selected(app) == ("h", 3)
    assert app.query_params["node"] in ("h,3", ["h,3"])


def test_walking_by_buttons_and_boxes() -> None:
    app = opened(node="h,2")
    fine(app.button(key="earlier").click().run())
    fine(app.button(key="earlier").click().run())
    assert selected(app) == ("h", 0)
    assert app.button(key="earlier").disabled
    fine(app.button(key="later").click().run())
    fine(app.button(key="after").click().run())
    assert selected(app) == ("o", 1)
    fine(app.button(key="before").click().run())
    fine(app.number_input(key="node.step").set_value(4).run())
    assert selected(app) == ("h", 4)
    fine(app.selectbox(key="node").set_value("y_hat").run())
    assert selected(app) == ("y_hat", 4)
    assert "J = " in said(app)
    fine(app.selectbox(key="node").set_value("W").run())
    assert "the gradient of the whole is the sum" in said(app)
    fine(app.button(key="clear").click().run())
    assert selected(app) is None
    assert app.selectbox(key="node").value is None


def test_the_path_of_the_gradient_is_walked_edge_by_edge() -> None:
    app = opened(node="h,1", task="noise", steps="5")
    fine(app.selectbox(key="path.loss").set_value(4).run())
    edges = explain.strongest_path(models.run(app.session_state["state"].model), "h", 1, 0, 4)
    assert app.button(key="path.back").disabled
    for k, edge in enumerate(edges, 1):
        assert f"Edge **{k}** of {len(edges)}" in said(app)
        assert f"{edge.symbols} = {notation.matrix(edge.vector)}" in said(app)
        assert app.query_params["path"] in (f"4,{k}", [f"4,{k}"])
        if k < len(edges):
            fine(app.button(key="path.on").click().run())
    assert app.button(key="path.on").disabled
    fine(app.button(key="path.back").click().run())
    assert f"Edge **{len(edges) - 1}** of" in said(app)
    fine(app.selectbox(key="path.loss").set_value(None).run())
    assert "path" not in app.query_params


def test_a_path_that_there_is_not_is_told() -> None:
    app = opened(node="h,4", path="2,1")
    assert app.selectbox(key="path.loss").value == 0  # there is no way from step 2 to step 4
    app = opened(node="h,2", path="4,99", loss="hand", w="1,1,1,0")
    assert "No gradient of that loss arrives here" in said(app)
    app = opened(node="h,2", path="4,99")
    assert app.button(key="path.on").disabled


def test_the_selection_survives_other_changes() -> None:
    app = opened(node="h,9", task="noise")
    fine(app.selectbox(key="cell").set_value("lstm").run())
    fine(app.number_input(key="n.h").set_value(3).run())
    fine(app.button_group(key="lens").set_value("value").run())
    fine(app.selectbox(key="edges").set_value("backward").run())
    fine(app.selectbox(key="picture").set_value("plotly").run())
    fine(app.selectbox(key="scale").set_value("cividis").run())
    assert selected(app) == ("h", 9)
    assert "h^{(9)}" in said(app)
    fine(app.number_input(key="task.steps").set_value(5).run())
    assert "Click a node" in said(app)
    fine(app.number_input(key="task.steps").set_value(12).run())
    assert "h^{(9)}" in said(app)


def test_a_loss_says_what_it_adds_and_samples_are_told_apart() -> None:
    app = opened(node="L,2", task="noise", samples="3")
    assert "those of sample 1" in said(app)
    assert "/ 3 samples" in said(app)
    fine(app.selectbox(key="sample").set_value(2).run())
    assert "those of sample 1" not in said(app)
    run = models.run(app.session_state["state"].model)
    assert number(float(run.value["L"][1, 1, 0])) in said(app)


def test_the_table_is_made_when_it_is_opened() -> None:
    app = opened()
    assert not app.dataframe
    app.session_state["table"] = True
    fine(app.run())
    assert list(app.dataframe[0].value.columns)[:3] == ["node", "step", "role"]
    assert len(app.dataframe[0].value) == 29


# --- in a browser ---------------------------------------------------------------------------------------------------


def test_a_click_on_a_node_of_the_figure_shows_its_numbers(new_page) -> None:
    page = new_page("?picture=plotly")
    page.wait_for_function("document.querySelector('.js-plotly-plot .textpoint')?.closest('.js-plotly-plot')._fullData")
    until(page, lambda: click_point(page, "h", 2), "document.querySelector('.st-key-inspector')")
    its_numbers_are_there(page)


def test_a_click_in_the_live_picture_shows_its_numbers(page) -> None:
    live = page.locator(".live")
    live.wait_for()
    picture = scene(models.run(Model()))
    i = index(picture, "h", 2)
    page.mouse.click(*place(page, picture.x[i], picture.y[i]))
    its_numbers_are_there(page)
    assert live.get_attribute("data-selected") == "h 2"


def its_numbers_are_there(page) -> None:
    """The numbers of h(2) in the first screen's network, and the link to it."""
    page.wait_for_selector(".st-key-inspector")
    settle(page)
    page.wait_for_function("location.search.includes('node=h')")
    back = explain.backward(models.run(Model()), "h", 2)
    drawn = page.locator(".st-key-messages").inner_text().replace("−", "-")
    for message in back.messages:
        assert number(message.norm) in drawn
        for value in message.vector[:5]:
            assert re.search(re.escape(notation.number(value)), drawn)
