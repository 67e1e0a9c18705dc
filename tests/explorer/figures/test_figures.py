"""The figures, by their data; and what they say of numbers and names."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from plots import points, traces
from plots import task_run as run_of

from engine import CATALOGUE
from engine.inputs import Scheme
from engine.language.names import symbol_of
from explorer import figures, theme
from explorer.figures import text
from explorer.figures.rolled import _Drawing as Rolled
from explorer.figures.rolled import loops
from explorer.picture.marks import Mark
from explorer.picture.scene import folded, scene
from explorer.state import View
from explorer.words.numbers import number


@pytest.mark.parametrize("cell", CATALOGUE)
def test_every_node_is_drawn_once(cell) -> None:
    run = run_of(cell)
    picture = scene(run)
    drawn = points(figures.graph(run), "nodes")
    assert sorted(drawn) == sorted(zip(picture.x.tolist(), picture.y.tolist(), strict=True))


def test_colours_are_the_magnitudes_on_a_fixed_scale() -> None:
    picture = scene(run_of())
    trace = traces(figures.graph(picture), "nodes")[0]
    ok = np.isin(picture.mark, (Mark.WITHIN, Mark.BELOW, Mark.ABOVE))
    np.testing.assert_allclose(trace.marker.color, np.log10(picture.magnitude[ok]), rtol=1e-6)
    assert (trace.marker.cmin, trace.marker.cmax) == (-5, 1)
    assert list(trace.marker.colorbar.ticktext) == ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "1", "10"]


def test_all_edges_are_one_line_with_a_head_each() -> None:
    picture = scene(run_of("lstm"))
    trace = traces(figures.graph(picture), "edges")[0]
    gaps = np.isnan(trace.x)
    assert gaps.sum() == len(picture.source)
    assert (np.asarray(trace.marker.size) > 0).sum() == len(picture.source)
    assert len(figures.graph(picture).data) < 12


def test_many_edges_have_no_heads() -> None:
    trace = traces(figures.graph(scene(run_of(steps=300), View(window=(1, 300)))), "edges")[0]
    assert trace.mode == "lines"


def test_each_mark_is_seen_and_said() -> None:
    run = run_of(count="last", steps=40, scheme=Scheme("normal", gain=0.3))
    figure = figures.graph(scene(run))
    legend = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert legend == ["exactly 0", "below 10⁻⁵"]
    assert len(points(figure, "below 10⁻⁵")) > 0
    hollow = [
        trace
        for trace in traces(figure, "nodes")
        if isinstance(trace.marker.color, str) and trace.marker.color == theme.PALETTES["light"].paper
    ]
    assert len(hollow[0].x) == 39 * 3  # ŷ, o and L of the steps that do not count


def test_what_is_not_finite_is_red_and_nothing_else_is() -> None:
    run = run_of(steps=300, activation="identity", scheme=Scheme("normal", gain=50.0))
    figure = figures.graph(scene(run, View(lens="value")))
    red = [
        trace
        for trace in traces(figure, "nodes")
        if isinstance(trace.marker.color, str) and trace.marker.color == theme.ALARM
    ]
    assert len(red) == 1
    assert {"infinite", "not a number"} & {trace.name for trace in figure.data}
    assert theme.ALARM not in sum(theme.SCALES.values(), ())


@pytest.mark.parametrize("lens", ["gradient", "value", "slope"])
@pytest.mark.parametrize("palette", ["light", "dark"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "feedforward"])
@pytest.mark.parametrize("width", [320, 1600])
def test_every_view_of_it_can_be_sent(lens, palette, cell, width) -> None:
    figure = figures.graph(scene(run_of(cell), View(lens=lens)), palette, width)
    json.loads(figure.to_json())


def test_labels_thin_out() -> None:
    def written(steps):
        return any(trace.text is not None for trace in traces(figures.graph(run_of(steps=steps)), "nodes"))

    assert written(10)
    assert not written(100)
    ticks = figures.graph(scene(run_of(steps=100), View(window=(1, 100)))).layout.xaxis.ticktext
    assert len(ticks) <= 40
    assert ticks[-1] == "100"


def test_what_the_task_says_stands_at_its_step() -> None:
    figure = figures.graph(scene(run_of(steps=3), View(), ["h", "<b>", "&"], ["x", "y", "z"]))
    assert list(traces(figure, "inputs")[0].text) == ["h", "&lt;b&gt;", "&amp;"]
    assert list(traces(figure, "targets")[0].text) == ["x", "y", "z"]


def test_under_the_pointer_stand_name_step_role_units_and_norms() -> None:
    run = run_of(steps=3)
    picture = scene(run)
    said = [line for trace in traces(figures.graph(picture), "nodes") for line in trace.hovertext]
    (h,) = [line for line in said if "<i>h</i><sup>(3)</sup>" in line]
    assert "state, 8 units" in h
    assert number(float(np.linalg.norm(run.value["h"][2]))) in h
    assert number(float(np.linalg.norm(run.grad["h"][2]))) in h
    assert number(float(run.grad["h"][2, 0, 3])) in h
    assert any("<i>h</i><sup>(0)</sup>" in line and "initial value" in line for line in said)
    assert any("class" in line for line in said)


def test_the_curve_is_the_gradient_at_the_states() -> None:
    run = run_of("lstm", steps=6)
    figure = figures.gradients(run)
    names = [trace.name for trace in figure.data]
    for state in ("s", "h"):
        trace = figure.data[names.index(f"<i>{state}</i>")]
        assert list(trace.x) == list(range(0, 7))
        np.testing.assert_allclose(trace.y[1:], np.log10(np.linalg.norm(run.grad[state][:, 0], axis=1)))


def test_the_curve_marks_zeros() -> None:
    run = run_of(count="last", steps=3, scheme=Scheme("zeros"))
    figure = figures.gradients(run)
    assert [trace.hovertext for trace in figure.data if isinstance(trace.hovertext, str)] == ["exactly 0"]
    assert np.isnan(figure.data[0].y).all()


def test_without_memory_the_curve_runs_along_the_flow() -> None:
    figure = figures.gradients(run_of("feedforward"))
    assert next(iter(figure.layout.xaxis.ticktext)) == "<i>x</i>"
    assert len(figure.data[0].x) == len(figure.layout.xaxis.ticktext)


def test_the_floor_of_floats_stands_there_when_it_is_near() -> None:
    assert not figures.gradients(run_of()).layout.shapes
    run = run_of(steps=200, count="last", scheme=Scheme("normal", gain=0.02))
    assert figures.gradients(run).layout.shapes


@pytest.mark.parametrize("parameters", ["shared", "copies"])
def test_parameters_are_drawn_and_said(parameters) -> None:
    run = run_of(steps=3)
    picture = scene(run, View(parameters=parameters, edges="backward"))
    figure = figures.graph(picture)
    assert sorted(points(figure, "nodes")) == sorted(zip(picture.x.tolist(), picture.y.tolist(), strict=True))
    said = [line for trace in traces(figure, "nodes") for line in trace.hovertext if "<b><i>W</i>" in line]
    assert len(said) == (1 if parameters == "shared" else 3)
    assert all("parameter, 64 numbers" in line for line in said)
    grad = run.param_grad["W"] if parameters == "shared" else run.step_grad("W")[2]
    assert number(float(np.linalg.norm(grad))) in "".join(said)
    edges = [
        line for line in traces(figure, "messages")[0].hovertext if line.startswith("<i>a</i><sup>(3)</sup> → <i>W")
    ]
    assert [line.split("<br>")[0].count("sup") for line in edges] == [2 if parameters == "shared" else 4]
    assert [int(t) for t in figure.layout.xaxis.ticktext] == [0, 1, 2, 3]


# --- the rolled graph -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", ["hidden", "shared"])
@pytest.mark.parametrize("cell", CATALOGUE)
def test_every_name_and_every_edge_of_the_rolled_graph_is_drawn(cell, parameters) -> None:
    run, view = run_of(cell), View(parameters=parameters)
    picture = folded(run, view)
    for source in (run, run.cell):
        figure = figures.rolled(source, view)
        assert sorted(points(figure, "nodes")) == sorted(zip(picture.x.tolist(), picture.y.tolist(), strict=True))
        assert sum(int(np.isnan(trace.x).sum()) for trace in traces(figure, "edges")) == len(picture.source)
        delays = {(s, lag) for s, lag in zip(picture.source.tolist(), picture.lag.tolist(), strict=True) if lag}
        assert len(points(figure, "delays")) == len(delays)


@pytest.mark.parametrize("parameters", ["hidden", "shared"])
@pytest.mark.parametrize("cell", CATALOGUE)
def test_no_loop_runs_through_a_node(cell, parameters) -> None:
    picture = folded(run_of(cell), View(parameters=parameters))
    nodes = np.stack([picture.x, picture.y], axis=1)
    lines, _ = Rolled(picture, theme.PALETTES["light"], 1000, True).courses()
    for line, source, target in zip(lines, picture.source, picture.target, strict=True):
        assert line[0].tolist() == nodes[source].tolist()
        assert line[-1].tolist() == nodes[target].tolist()
        dense = np.concatenate([a + np.linspace(0, 1, 9)[:, None] * (b - a) for a, b in pairwise(line)])
        others = np.delete(nodes, [source, target], axis=0)
        assert np.linalg.norm(dense[:, None] - others[None], axis=-1).min() > 0.28


@pytest.mark.parametrize("cell", [name for name in CATALOGUE if CATALOGUE[name].states])
def test_loops_of_different_nodes_or_lags_share_no_line(cell) -> None:
    made = loops(folded(CATALOGUE[cell]))
    assert len({loop.lane for loop in made.values()}) == len(made)
    ends = [(row, loop) for loop in made.values() for row in {loop.out, *loop.into.values()}]
    assert len({row for row, _ in ends}) == len(ends)


def test_a_loop_that_skips_steps_says_so() -> None:
    assert [note.text for note in figures.rolled(run_of("rnn_skip")).layout.annotations] == ["<i>t</i> − 2"]
    assert not figures.rolled(run_of("rnn")).layout.annotations


def test_the_rolled_graph_says_what_its_colour_is_and_a_cell_alone_has_none() -> None:
    run = run_of()
    bar = traces(figures.rolled(run), "nodes")[0].marker.colorbar
    assert bar.title.text == "Gradient of all steps, ‖∇L‖"
    said = [line for trace in traces(figures.rolled(run), "nodes") for line in trace.hovertext if "<b><i>h</i>" in line]
    assert number(float(np.linalg.norm(run.grad["h"]))) in said[0]
    assert "over 5 steps" in said[0]
    alone = figures.rolled(run.cell)
    assert all(trace.marker.colorbar.title.text is None for trace in traces(alone, "nodes"))
    assert "over" not in "".join(line for trace in traces(alone, "nodes") for line in trace.hovertext)


def test_a_click_in_the_rolled_graph_means_the_selected_step_or_the_last() -> None:
    for selected, step in ((None, 5), (("h", 2), 2), (("W", 99), 5)):
        nodes = traces(figures.rolled(run_of(), View(selected=selected)), "nodes")
        assert {node[1] for trace in nodes for node in trace.customdata} == {step}


@pytest.mark.parametrize("lens", ["gradient", "value", "slope"])
@pytest.mark.parametrize("edges", ["nothing", "forward", "backward"])
@pytest.mark.parametrize("cell", ["lstm", "feedforward"])
def test_every_view_of_the_rolled_graph_can_be_sent(lens, edges, cell) -> None:
    view = View(lens=lens, edges=edges, parameters="copies", selected=("x", 1))
    json.loads(figures.rolled(run_of(cell), view, "dark", 320).to_json())


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1, "1"), (-0.5, "−0.5"), (0.051264, "0.05126"), (3.2e-9, "3.20·10⁻⁹"), (-1e200, "−1.00·10²⁰⁰"),
     (5e-324, "4.94·10⁻³²⁴"), (float("inf"), "∞"), (float("-inf"), "−∞"), (float("nan"), "nan")],
)  # fmt: skip
def test_numbers_are_written_for_reading(value, written) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [("h", "<i>h</i>"), ("y_hat", "<i>ŷ</i>"), ("W_f", "<i>W</i><sub>f</sub>"), ("phi_2", "<i>φ</i><sub>2</sub>"),
     ("s_sigmoid", "<i>s</i><sub>σ</sub>"), ("h1", "<i>h</i><sub>1</sub>"), ("tanh", "tanh")],
)  # fmt: skip
def test_names_are_written_as_mathematics(name, written) -> None:
    assert text.symbol(symbol_of(name)) == written


def test_text_on_a_colour_can_be_read() -> None:
    assert theme.on(0, theme.USUAL) == "#ffffff"
    assert theme.on(1, theme.USUAL) == "#000000"


def test_the_scale_is_even_to_the_eye() -> None:
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    steps = np.diff([lightness(colour) ** (1 / 3) for colour in theme.SCALES[theme.USUAL]])
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()
