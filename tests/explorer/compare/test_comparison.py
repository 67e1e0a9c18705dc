"""Comparisons without the page: what differs, columns as texts, ready ones, what is measured."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from states import KEYS, WORDS, states

import engine
from engine import CATALOGUE
from engine.inputs import Scheme
from engine.inputs.tasks import TASKS
from explorer import compare
from explorer import model as models
from explorer.compare import ASPECTS, READY
from explorer.figures import curves, strip
from explorer.model import Model
from explorer.picture.scene import scene
from explorer.state import PRESETS, State, View, from_query, to_query

NOISE = Model(task="noise", count="last", settings=(("steps", 30),))


def column(text: str, model: Model = NOISE) -> compare.Column:
    return compare.column(model, text)


def made(text: str, model: Model = NOISE) -> Model:
    found = column(text, model)
    assert found.model is not None, found.fault
    return found.model


# --- what differs ---


@pytest.mark.parametrize(
    ("fields", "one", "other"),
    [
        ({"cell": "lstm"}, "Recurrent network", "LSTM of the book"),
        ({"activation": "relu"}, "tanh", "relu"),
        ({"sizes": (("h", 16),)}, "8 units", "16 units"),
        ({"settings": (("steps", 50),)}, "30 steps", "50 steps"),
        ({"settings": (("steps", 30), ("seed", 3))}, "seed of the data 0", "seed of the data 3"),
        ({"settings": (("steps", 30), ("outputs", 7))}, "3 outputs", "7 outputs"),
        ({"count": "every"}, "loss: the last step only", "loss: every step"),
        ({"scheme": Scheme("orthogonal")}, "normal", "orthogonal"),
        ({"scheme": Scheme("normal", gain=2)}, "normal", "normal, gain 2"),
        ({"scheme": Scheme("normal", radius=1.5)}, "normal", "normal, spectral radius 1.5"),
        ({"seed": 4}, "seed 0", "seed 4"),
        ({"overrides": (("b", Scheme("constant", value=3.0)),)}, "b = 0", "b = 3"),
        ({"scaled": (("W", 2.0, 0.0),)}, "W × 1", "W × 2"),
        ({"edits": ((("W", (0, 1)), 0.5),)}, "0 numbers changed by hand", "W[1,2] = 0.5"),
    ],
)
def test_what_differs_is_said_and_nothing_else(fields, one, other) -> None:
    assert compare.distinctions([NOISE, replace(NOISE, **fields)]) == ((one,), (other,))


def test_tasks_and_their_settings_differ() -> None:
    first, second = compare.distinctions([NOISE, models.changed(NOISE, task="adding")])
    assert ("Random numbers" in first, "Adding problem" in second) == (True, True)
    texts = [models.with_setting(Model(), "text", text) for text in ("hello", "jello")]
    assert compare.distinctions(texts) == (("“hello”",), ("“jello”",))


def test_two_cells_of_ones_own_are_told_apart_by_their_lines() -> None:
    text = models.cell(NOISE).text
    own = [models.with_text(NOISE, text), models.with_text(NOISE, text.replace("tanh(a)", "relu(a)"))]
    first, second = compare.distinctions(own)
    assert ("h = tanh(a)" in first[0], "h = relu(a)" in second[0]) == (True, True)


@given(states(), states())
@settings(max_examples=40)
def test_models_that_run_differently_differ(one, other) -> None:
    assert compare.distinctions([one.model, one.model]) == ((), ())
    if one.model != other.model:
        first, second = models.run(one.model), models.run(other.model)
        if repr(first.loss) != repr(second.loss):
            assert any(compare.distinctions([one.model, other.model]))


# --- columns as texts ---


def test_a_column_follows_the_side_bar_in_all_else() -> None:
    assert made("cell=lstm") == models.changed(NOISE, cell="lstm")
    assert made("cell=lstm", models.changed(NOISE, task="sine")).task == "sine"
    assert made("steps=50&init.W=orthogonal").seed == NOISE.seed
    assert made("seed=3").settings == (("steps", 30), ("seed", 3))
    assert made("") == NOISE


@given(states())
@settings(max_examples=40)
def test_a_kept_network_follows_nothing(state) -> None:
    kept = compare.column(Model(), compare.kept(state.model))
    assert (kept.model, kept.whole) == (state.model, True)
    assert compare.column(state.model, "").model == state.model


@given(
    states(),
    st.lists(
        st.dictionaries(
            st.sampled_from([*KEYS, "cut", "whole"]), st.sampled_from([w for w in WORDS if w.isprintable()])
        ),
        min_size=1,
        max_size=2,
    ),
)
@settings(max_examples=60)
def test_no_column_raises_and_a_link_gives_each_back(state, changes) -> None:
    changes = [{k: v[:80] for k, v in entries.items() if v.isascii()} for entries in changes]
    state = compare.with_columns(state, ["", *map(urlencode, changes)])
    found = compare.comparison(state)
    assert all((column.model is None) == bool(column.fault) for column in found.columns)
    assert len(found.headings) == len(found.columns)
    if all(len(value) < 2000 for _, value in to_query(state, 10**6).items()):
        assert from_query(to_query(state)) == (state, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zz=1", "mean nothing here"),
        ("cell=lstm&cell=gru", "twice"),
        ("cell", "no query"),
        ("%ff=1", "no query"),
        ("&".join(f"n{i}=1" for i in range(99)), "at most 60 entries"),
        ("cut=-1", "cut is a whole number"),
        ("cut=5000", "cut is a whole number"),
        ("whole=2", "whole is 0 or 1"),
        ("show=value", "the same in all columns"),
        ("compare=%7Ca%7Cb", "the same in all columns"),
        ("init.b_f=zeros", "there is no parameter"),
        ("steps=100000", "from 1 to 1,000"),
        ("n.h=64&steps=1000&samples=100", "at most 4,000,000"),
        ("eq=AAAA", "no packed text"),
    ],
)
def test_what_cannot_be_run_says_why(text, message) -> None:
    found = column(text)
    assert found.model is None
    assert message in found.fault


# --- from one comparison to the next ---


def test_columns_are_added_moved_edited_and_removed() -> None:
    state = compare.added(State(NOISE), "cell=lstm")
    assert state.view.columns == ("", "cell=lstm")
    state = compare.added(state, "cell=gru")
    with pytest.raises(ValueError, match="at most 3"):
        compare.added(state, "cell=gru")
    state = compare.moved(state, 1)
    assert (state.view.columns, compare.present(state.view.columns)) == (("cell=lstm", "", "cell=gru"), 1)
    assert compare.comparison(state).headings == ("LSTM of the book", "Recurrent network", "Gated recurrent unit")
    state = compare.edited(state, 2, {"steps": "50"})
    assert state.view.columns[2] == "cell=gru&steps=50"
    assert compare.edited(state, 2, {}, ["cell"]).view.columns[2] == "steps=50"
    with pytest.raises(ValueError, match="from 1 to 1,000"):
        compare.edited(state, 2, {"steps": "9999"})
    assert compare.removed(compare.removed(state, 2), 0).view.columns == ()


def test_an_edit_drops_what_does_not_fit_to_it_any_more() -> None:
    state = compare.added(State(NOISE), "cell=lstm&init.b_f=constant%2Cvalue%3A1&steps=50")
    assert compare.edited(state, 1, {"cell": "rnn"}).view.columns[1] == "cell=rnn&steps=50"


@pytest.mark.parametrize("cell", CATALOGUE)
@pytest.mark.parametrize("name", ASPECTS)
def test_an_aspect_begins_with_something_else_and_says_it(cell, name) -> None:
    aspect, base = ASPECTS[name], column("", models.changed(NOISE, cell=cell))
    if aspect.setting(base) is None:
        return
    text = compare.text(aspect.entries(base, aspect.other(base)))
    assert aspect.of(text)
    other = compare.column(base.model, text)
    assert aspect.value(other) == aspect.other(base) != aspect.value(base)
    assert aspect.setting(other).checked(aspect.value(other)) == aspect.other(base)
    first, second = compare.comparison(compare.added(State(base.model), text)).headings
    assert first != second


# --- ready ones ---


@pytest.mark.parametrize("name", READY)
def test_ready_comparisons_run_from_any_network(name) -> None:
    from_tasks = [models.changed(Model(), task=task, cell=cell) for task in TASKS for cell in CATALOGUE]
    for model in [*(preset.state.model for preset in PRESETS.values()), *from_tasks]:
        base, columns = compare.prepare(name, model)
        assert compare.prepare(name, base) == (base, columns)
        state = compare.with_columns(State(base), columns)
        found = compare.comparison(state)
        assert [column.fault for column in found.columns] == [""] * len(columns)
        assert len(set(found.headings)) == len(columns)
        assert from_query(to_query(state)) == (state, [])


def test_a_ready_comparison_keeps_what_can_stay() -> None:
    model = models.with_size(models.changed(Model(), task="adding", seed=7, count="every"), "h", 5)
    base, _ = compare.prepare("activations", model)
    assert base == model


# --- what is the same, and what is measured ---


def test_what_is_the_same_is_the_same_to_the_bit() -> None:
    found = compare.shared((NOISE, made("cell=lstm"), made("cell=gru")))
    assert (found.data, set(found.parameters)) == (True, {"W", "U", "V", "b", "c"})
    assert {"W_f", "W_z"} <= set(found.others)
    longer = compare.shared((NOISE, made("steps=50")))
    assert (longer.data, longer.steps, longer.others) == (False, 30, ())
    assert compare.shared((NOISE, made("init_seed=1"))).parameters == ("b", "c")
    assert compare.shared((NOISE, models.changed(NOISE, task="adding"))).steps == 0


@pytest.mark.parametrize("cell", CATALOGUE)
def test_the_numbers_are_those_of_the_run(cell) -> None:
    run = models.run(made(f"cell={cell}&samples=2&loss=every"))
    found = compare.measure(run)
    name = found.state
    np.testing.assert_allclose(10**found.first, np.linalg.norm(run.grad[name][0]), rtol=1e-9)
    if run.cell.states:
        assert set(found.curves) == set(run.cell.states)
        norms = np.linalg.norm(engine.by_loss(run, name)[-1], axis=(1, 2))
        if norms[-1]:
            assert found.alone.rate == pytest.approx((norms[0] / norms[-1]) ** (1 / (run.T - 1)))
        assert found.reach.end == "all"
    one = compare.measure(run, sample=2)
    np.testing.assert_allclose(10**one.first, np.linalg.norm(run.grad[name][0, 1]), rtol=1e-9)


def test_far_below_the_floats_there_are_still_numbers() -> None:
    found = compare.measure(models.run(made("steps=1000&turn.W=0.1")))
    assert found.first < -1000
    assert 0 < found.reach.steps < 100
    assert found.reach.end == "below"


def test_a_cut_run_has_the_cut_gradients_and_the_same_values() -> None:
    run = models.run(NOISE)
    cut = engine.cut(run, 10)
    run_cut = compare.truncated(run, cut)
    assert run_cut.loss == run.loss
    assert run.grad["h"][0].any()
    assert not run_cut.grad["h"][:20].any()
    assert not run_cut.initial_grad["h"].any()
    found = compare.measure(run, cut=cut)
    assert found.first == -np.inf
    assert found.error == cut.error


def test_saturated_slopes_are_counted() -> None:
    small = compare.measure(models.run(made("init=normal,gain:0.01")))
    large = compare.measure(models.run(made("init=normal,gain:50")))
    assert small.saturated == 0
    assert large.saturated > 0.8


# --- figures on one scale ---


def test_curves_stand_on_one_pair_of_axes() -> None:
    found = [compare.measure(models.run(made(text))).curves for text in ("", "cell=lstm", "turn.W=0.2")]
    figure = curves(list(zip(("a <b>", "b", "c"), found, strict=True)))
    lines = [trace for trace in figure.data if trace.showlegend is not False]
    assert lines[0].name.startswith("a &lt;b&gt;: ∇")
    assert [trace.line.dash for trace in lines] == ["solid", "solid", "dot", "solid"]
    low, high = figure.layout.yaxis.range
    values = np.concatenate([np.asarray(trace.y, float) for trace in lines])
    assert low < values.min() < values.max() < high
    assert figure.layout.xaxis.title.text == "step <i>t</i>"


def test_curves_of_different_lengths_end_together() -> None:
    found = [compare.measure(models.run(made(text))).curves for text in ("steps=5", "steps=9")]
    figure = curves([("a", found[0]), ("b", found[1])])
    assert [trace.x[-1] for trace in figure.data] == [0, 0]
    assert [trace.x[0] for trace in figure.data] == [-4, -8]


def test_what_has_no_place_on_a_curve_is_marked() -> None:
    values = np.array([-np.inf, np.nan, np.inf, -2.0])
    for figure in (curves([("a", {"h": values})]), curves([("a", {"h": values[:3]})])):
        assert {trace.name for trace in figure.data} >= {"exactly 0", "not a number", "infinite"}


def test_the_strip_is_on_the_scale_of_the_picture() -> None:
    run, view = models.run(NOISE), View().with_range(-7, 2)
    figure = strip(run, view, "dark")
    picture = scene(run, view)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (picture.low, picture.high) == (-7, 2)
    assert np.asarray(figure.data[0].z).shape[1] == run.T
