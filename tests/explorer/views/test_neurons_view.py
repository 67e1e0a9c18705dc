"""The picture of single neurons, by its data; the selected neuron on the page, and in a browser."""

from __future__ import annotations

import json
import re
from functools import partial

import numpy as np
import pages
import pytest
from browser import click_point, settle, until
from cells import FEATURES, Case
from networks import skipping
from pages import fine, with_open, words
from streamlit.testing.v1 import AppTest

import engine
from engine import CATALOGUE
from engine.inputs import Scheme
from engine.working.entries import explained
from engine.working.neurons import neuron_of
from explorer import figures, theme
from explorer import model as models
from explorer.figures.neurons import WIDTHS
from explorer.model import Model
from explorer.picture.marks import Mark
from explorer.picture.neurons import near, neurons, window
from explorer.picture.table import neuron_table as table
from explorer.state import PARTS, View, from_query
from explorer.words.numbers import number


def run_of(cell="rnn", task="noise", steps=3, units=3, **fields):
    model = models.changed(Model(), cell=cell, task=task, settings=(("steps", steps),), **fields)
    for members in models.structure(model).hidden:
        model = models.with_size(model, members[0], units)
    return models.run(model)


def drawn(figure):
    """(name, t, unit from 1) -> its place, of every neuron that is drawn."""
    found = []
    for trace in figure.data:
        if trace.name == "nodes" and trace.customdata is not None:
            points = zip(trace.x, trace.y, strict=True)
            found += [(tuple(key), point) for key, point in zip(trace.customdata, points, strict=False)]
    return found


def lines(figure):
    """(colour, width) of each edge that is drawn."""
    found = []
    for trace in figure.data:
        if trace.name == "edges":
            found += [(trace.line.color, trace.line.width)] * int(np.isnan(trace.x).sum())
    return found


# --- the figure -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CATALOGUE)
@pytest.mark.parametrize("palette", ["light", "dark"])
def test_each_neuron_once(cell, palette) -> None:
    run = run_of(cell)
    picture = neurons(run)
    graph = engine.neurons(run, picture.first, picture.last, merged=True)
    found = drawn(figures.neurons(picture, palette))
    assert sorted(key for key, _ in found) == sorted((name, t, i + 1) for name, t, i in graph)
    json.loads(figures.neurons(picture, palette).to_json())


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_no_two_neurons_share_a_place(text) -> None:
    picture = neurons(Case(text, n_h=3).run())
    places = np.stack([picture.x, picture.y], axis=-1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(len(places))
    assert apart.min() >= 0.99


def test_no_two_neurons_share_a_place_where_there_are_many() -> None:
    picture = neurons(run_of(units=60, steps=9), View(window=(4, 9)))
    assert 300 < len(picture.name) <= 400
    assert picture.last == 9
    assert len({*zip(picture.x, picture.y, strict=True)}) == len(picture.name)
    assert len(figures.neurons(picture).data) < 25


@pytest.mark.parametrize("cell", ["rnn", "lstm", "feedforward"])
def test_signs_and_widths_of_the_edges_are_those_of_the_weights(cell) -> None:
    run = run_of(cell)
    picture, colours = neurons(run), theme.PALETTES["light"]
    weights = picture.weight[picture.weight != 0]
    expected = [
        (colours.plus if weight > 0 else colours.minus, next(width for most, width in WIDTHS if abs(weight) <= most))
        for weight in weights.tolist()
    ]
    assert sorted(lines(figures.neurons(picture))) == sorted(expected)
    assert len({*expected}) > 3
    named = [trace.name for trace in figures.neurons(picture).data if trace.showlegend is None]
    assert named[:2] == ["<i>w</i> > 0", "<i>w</i> &lt; 0"]


def test_weights_of_zero_are_not_drawn_and_those_that_are_not_finite_are_red() -> None:
    run = models.run(
        models.with_edits(models.changed(Model(), task="noise"), {("W", (0, 0)): 0.0, ("U", (0, 0)): 1e308})
    )
    picture = neurons(run, View(window=(1, 2)))
    assert len(lines(figures.neurons(picture))) == len(picture.weight) - 2
    run = run_of(steps=300, activation="identity", scheme=Scheme("normal", gain=50.0))
    picture = neurons(run, View(window=(299, 300)))
    assert {Mark.INFINITE, Mark.NAN} & set(picture.mark.tolist())
    json.loads(figures.neurons(picture).to_json())


def test_colours_are_those_of_the_other_pictures() -> None:
    run = run_of()
    picture = neurons(run)
    trace = next(trace for trace in figures.neurons(picture).data if trace.name == "nodes")
    np.testing.assert_allclose(trace.marker.color, np.log10(np.abs(picture.delta)), rtol=1e-5)
    assert (trace.marker.cmin, trace.marker.cmax) == (-5, 1)
    for lens, values in (("value", picture.z), ("slope", picture.slope)):
        other = neurons(run, View(lens=lens))
        has = np.isfinite(values)
        np.testing.assert_array_equal(other.magnitude[has], np.abs(values[has]))
        assert (other.mark[~has] == Mark.NONE).all()


def test_the_selected_neuron_stands_out_with_what_it_feeds() -> None:
    run = run_of()
    for selected in (("h", 2), ("a", 2)):  # a is inside of h's neurons
        picture = neurons(run, View(selected=selected, unit=3))
        nodes, edges = near(picture)
        keys = {
            (picture.names[picture.name[i]], int(picture.t[i]), int(picture.unit[i])) for i in np.flatnonzero(nodes)
        }
        told = explained(run, ("h", 2, 2))
        assert keys == {("h", 2, 2), *(term.neuron for term in told.terms)}
        assert edges.sum() == len(told.terms)
        figure = figures.neurons(picture)
        bright = [trace for trace in figure.data if trace.name == "edges" and trace.opacity == 1]
        assert sum(int(np.isnan(trace.x).sum()) for trace in bright) == len(told.terms)
        (read,) = [trace for trace in figure.data if trace.name == "messages"]
        assert sorted(re.findall(r"sent back: .* = (.*)", "\n".join(read.hovertext))) == sorted(
            number(term.product) for term in told.terms
        )
    assert near(neurons(run, View(selected=("h", 2))))[0].sum() > near(picture)[0].sum()  # all units of the node
    assert near(neurons(run, View(selected=("zz", 2), unit=1)))[0].all()


def test_under_the_pointer_stand_a_z_slope_and_delta() -> None:
    run = run_of()
    told = explained(run, ("h", 2, 1))
    said = [line for trace in figures.neurons(run).data if trace.name == "nodes" for line in trace.hovertext]
    (h,) = [line for line in said if "<i>h</i><sub>2</sub><sup>(2)</sup>" in line]
    for value in (told.a, told.value, told.slope, told.delta):
        assert number(value) in h


def test_as_many_of_the_last_steps_as_can_be_read() -> None:
    assert window(run_of(steps=20), View()) == (13, 20)
    first, last = window(run_of("lstm", steps=20, units=10), View())
    assert last == 20
    assert last - first < 4
    assert window(run_of(steps=20), View(selected=("h", 5))) == (5, 12)  # the picture follows the selection
    assert window(run_of(steps=20), View(selected=("h", 0))) == (1, 8)
    assert window(run_of(steps=20), View(selected=("h", 14))) == (13, 20)
    assert window(run_of(steps=20), View(window=(3, 5), selected=("h", 9))) == (3, 5)
    assert window(run_of("feedforward"), View()) == (1, 1)
    assert window(run_of(steps=20, units=60), View(window=(1, 20)))[0] > 14  # 400 neurons


def test_names_say_nothing_to_the_page() -> None:
    run = models.run(Model())
    figure = figures.neurons(neurons(run, labels=["<b>", "&", "x", "y"], targets=["<i>"] * 4))
    (inputs,) = [trace for trace in figure.data if trace.name == "inputs"]
    assert list(inputs.text) == ["&lt;b&gt;", "&amp;", "x", "y"]


def test_layers_stand_side_by_side_where_there_is_no_time() -> None:
    picture = neurons(run_of("feedforward"))
    for k in range(len(picture.names)):
        assert len({*picture.x[picture.name == k].tolist()}) == 1
    assert (picture.x[picture.source] < picture.x[picture.target]).all()
    assert list(figures.neurons(picture).layout.xaxis.ticktext)[-1] == "<i>L</i>"


def test_a_network_of_single_neurons_is_drawn_with_its_skips() -> None:
    given, run = skipping()
    picture = neurons(run)
    names = {node: f"phi_{i}" for i, node in enumerate(given, 1)}
    edges = {
        (picture.names[picture.name[a]], picture.names[picture.name[b]]): w
        for a, b, w in zip(picture.source, picture.target, picture.weight, strict=True)
    }
    for source, target, weight in given.edges(data="weight"):
        assert edges[names[source], names[target]] == weight
    ends = np.stack([picture.x, picture.y], axis=-1)
    for line, a, b, w in zip(picture.curves(41), picture.source, picture.target, picture.weight, strict=True):
        others = np.delete(ends, [a, b], axis=0)
        assert w == 0 or np.linalg.norm(line[:, None] - others[None], axis=-1).min() > 0.3
    json.loads(figures.neurons(run).to_json())


# --- the page -------------------------------------------------------------------------------------------------------


opened = partial(pages.opened, picture="live", graph="neurons")
said = partial(words, kinds=("markdown", "latex", "caption"))


def chosen(app: AppTest):
    view = app.session_state["state"].view
    return (*view.selected, view.unit)


@pytest.mark.slow
@pytest.mark.parametrize("cell", CATALOGUE)
def test_every_cell_has_a_picture_and_every_node_its_numbers(cell, monkeypatch) -> None:
    sizes = {f"n__{members[0]}": "2" for members in CATALOGUE[cell].hidden}
    app = opened(cell=cell, task="noise", steps="3", **sizes)
    assert not app.warning
    run = models.run(app.session_state["state"].model)
    picture, hide = figures.neurons(neurons(run)), ",".join({*PARTS} - {"inspector"})  # the picture is drawn once
    monkeypatch.setattr(figures, "neurons", lambda *_: picture)
    for name in run.grad:
        for t in {1 - run.cell.lags.get(name, 0), run.T}:
            view = from_query({"graph": "neurons", "node": f"{name},{t}", "unit": "1", "hide": hide})[0].view
            app.session_state["state"] = type(app.session_state["state"])(app.session_state["state"].model, view)
            fine(app.run())
            told = explained(run, (neuron_of(run.cell, name), t, 0))
            assert told.backward[1] in said(app)
            assert rf"$\delta_l$ = **{number(told.total)}**" in said(app)


def test_the_numbers_on_the_page_are_the_engines() -> None:
    app = opened(node="h,2", unit="3")
    told = explained(models.run(Model()), ("h", 2, 2))
    text = said(app)
    for part in (*told.forward, told.output, *told.backward):
        assert part in text
    for term in told.terms:
        assert number(term.product) in text
    assert told.error < 1e-15
    assert {told.forward[1], told.backward[1]} <= {code.value for code in app.code}


def test_walking_from_neuron_to_neuron() -> None:
    app = opened(node="h,2", unit="3")
    told = explained(models.run(Model()), ("h", 2, 2))
    first = max(told.terms, key=lambda term: abs(term.product)).neuron
    fine(app.button(key="feeds.0").click().run())
    assert chosen(app) == (first[0], first[1], first[2] + 1)
    fine(app.number_input(key="unit").set_value(1).run())
    assert chosen(app)[2] == 1
    fine(app.button(key="earlier").click().run())
    assert chosen(app) == (first[0], first[1] - 1, 1)
    assert app.query_params["unit"] in ("1", ["1"])
    fine(app.number_input(key="unit").set_value(None).run())
    assert chosen(app)[2] == 0
    assert not [button for button in app.button if (button.key or "").startswith("feeds.")]


def test_a_unit_that_there_is_not_is_none() -> None:
    app = opened(node="h,2", unit="999")
    assert app.number_input(key="unit").value is None
    for node in ("y,2", "W,2", "zz,1", "h,99"):
        opened(node=node, unit="1")


def test_the_window_of_steps() -> None:
    app = opened(task="noise", steps="30")
    assert app.slider(key="neurons.steps").value == (23, 30)
    fine(app.slider(key="neurons.steps").set_value((2, 4)).run())
    assert app.session_state["state"].view.window == (2, 4)
    assert app.slider(key="neurons.steps").value == (2, 4)


def test_too_many_neurons_are_refused_with_their_number() -> None:
    app = opened(cell="lstm", task="noise", n__h="64")
    assert any("at most 400" in info.value for info in app.info)
    assert not any("Not drawn" in info.value for info in app.info)
    fine(app.button(key="fit").click().run())


def test_the_scale_is_fitted_to_the_neurons() -> None:
    app = opened()
    fine(app.button(key="fit").click().run())
    view = app.session_state["state"].view
    shown = neurons(models.run(Model()), view).magnitude
    assert 10.0**view.low <= shown[shown > 0].min()
    assert shown.max() <= 10.0**view.high


# --- in a browser ---------------------------------------------------------------------------------------------------


def test_a_click_on_a_neuron_shows_its_numbers(new_page) -> None:
    page = new_page("?graph=neurons&n.h=3")
    page.wait_for_function("document.querySelector('.st-key-neurons .js-plotly-plot .scatterlayer .point')")
    settle(page)
    until(page, lambda: click_point(page, "h", 2, 2), "document.querySelector('.st-key-neuron')")
    page.wait_for_function("location.search.includes('unit=2')")
    settle(page)
    told = explained(models.run(from_query({"n.h": "3"})[0].model), ("h", 2, 1))
    written = page.locator(".st-key-neuron").inner_text()
    for value in (told.slope, told.total, *(term.product for term in told.terms)):
        assert number(value) in written


def test_the_table_of_neurons_has_their_numbers():
    run = models.run(Model())
    rows = table(neurons(run))
    at = [i for i, key in enumerate(zip(rows["neuron"], rows["step"], strict=True)) if key == ("h", 2)]
    np.testing.assert_allclose([rows["z"][i] for i in at], run.value["h"][1, 0])
    np.testing.assert_allclose([rows["δ"][i] for i in at], run.grad["a"][1, 0])
    assert [rows["unit"][i] for i in at] == [*range(1, run.sizes["h"] + 1)]


@pytest.mark.parametrize("graph", ["rolled", "neurons", "unrolled"])
def test_the_table_is_that_of_the_picture(graph):
    app = with_open(opened(graph=graph), "table")
    columns = set(app.dataframe[0].value.columns)
    assert ("δ" in columns) == (graph == "neurons")
    assert len(app.dataframe[0].value) == {"rolled": 7, "unrolled": 29, "neurons": 4 * 17 + 8}[graph]
