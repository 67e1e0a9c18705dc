"""The figures, by their data; and what they say of numbers and names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from engine import CATALOGUE
from engine.names import symbol
from explorer import figures, theme
from explorer import model as models
from explorer.figures import text
from explorer.model import Model
from explorer.scene import Mark, scene
from explorer.state import View


def run_of(cell="rnn", task="noise", steps=5, **fields):
    return models.run(models.changed(Model(), cell=cell, task=task, settings=(("steps", steps),), **fields))


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def points(figure, name):
    return [(x, y) for trace in traces(figure, name) for x, y in zip(trace.x, trace.y, strict=True) if x is not None]


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
    run = run_of(count="last", steps=40, scheme=models.Scheme("normal", gain=0.3))
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
    run = run_of(steps=300, activation="identity", scheme=models.Scheme("normal", gain=50.0))
    figure = figures.graph(scene(run, View(lens="value")))
    red = [
        trace
        for trace in traces(figure, "nodes")
        if isinstance(trace.marker.color, str) and trace.marker.color == theme.ALARM
    ]
    assert len(red) == 1
    assert {"infinite", "not a number"} & {trace.name for trace in figure.data}
    assert theme.ALARM not in theme.SCALE


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
    assert text.number(float(np.linalg.norm(run.value["h"][2]))) in h
    assert text.number(float(np.linalg.norm(run.grad["h"][2]))) in h
    assert text.number(float(run.grad["h"][2, 0, 3])) in h
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
    run = run_of(count="last", steps=3, scheme=models.Scheme("zeros"))
    figure = figures.gradients(run)
    assert [trace.hovertext for trace in figure.data if isinstance(trace.hovertext, str)] == ["exactly 0"]
    assert np.isnan(figure.data[0].y).all()


def test_without_memory_the_curve_runs_along_the_flow() -> None:
    figure = figures.gradients(run_of("feedforward"))
    assert next(iter(figure.layout.xaxis.ticktext)) == "<i>x</i>"
    assert len(figure.data[0].x) == len(figure.layout.xaxis.ticktext)


def test_the_floor_of_floats_stands_there_when_it_is_near() -> None:
    assert not figures.gradients(run_of()).layout.shapes
    run = run_of(steps=200, count="last", scheme=models.Scheme("normal", gain=0.02))
    assert figures.gradients(run).layout.shapes


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (1, "1"), (-0.5, "−0.5"), (0.051264, "0.05126"), (3.2e-9, "3.20·10⁻⁹"), (-1e200, "−1.00·10²⁰⁰"),
     (5e-324, "4.94·10⁻³²⁴"), (float("inf"), "∞"), (float("-inf"), "−∞"), (float("nan"), "nan")],
)  # fmt: skip
def test_numbers_are_written_for_reading(value, written) -> None:
    assert text.number(value) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [("h", "<i>h</i>"), ("y_hat", "<i>ŷ</i>"), ("W_f", "<i>W</i><sub>f</sub>"), ("phi_2", "<i>φ</i><sub>2</sub>"),
     ("s_sigmoid", "<i>s</i><sub>σ</sub>"), ("h1", "<i>h</i><sub>1</sub>"), ("tanh", "tanh")],
)  # fmt: skip
def test_names_are_written_as_mathematics(name, written) -> None:
    assert text.symbol(symbol(name)) == written


def test_text_on_a_colour_can_be_read() -> None:
    assert theme.on(0) == "#ffffff"
    assert theme.on(1) == "#000000"


def test_the_scale_is_even_to_the_eye() -> None:
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    steps = np.diff([lightness(colour) ** (1 / 3) for colour in theme.SCALE])
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()
