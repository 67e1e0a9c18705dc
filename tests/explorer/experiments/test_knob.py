"""The knob: what is seen while it is turned is what is there after it is let go; and the arrays turned as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from explorer import model as models
from explorer.experiments import knob
from explorer.experiments.knob import Turn
from explorer.facts import earliest
from explorer.model import Model
from explorer.picture.readings import turned
from explorer.picture.scene import scene
from explorer.state import State, View, from_query, to_query
from explorer.views.network.knob import let_go, turning

OWN = "h = tanh(p + U @ x + W @ h[t-1])\nL = nll(softmax(V @ h), y)"


def model_of(cell: str = "rnn", steps: int = 7, **fields) -> Model:
    return models.changed(Model(), cell=cell, task="noise", settings=(("steps", steps),), **fields)


def knobs(model: Model):
    """Every number of a model that a knob can turn, one entry of each array."""
    for of in knob.arrays(model):
        for kind in knob.kinds(model, of):
            index = tuple(n - 1 for n in models.parameters(model)[of].shape) if kind == "entry" else ()
            yield knob.chosen(model, kind, of, index)


def arguments(model: Model) -> dict:
    """What the engine is given, so that the test can change it by itself."""
    made = models.run(model)
    return {
        "cell": made.cell, "params": dict(made.parameters), "x": made.x, "y": made.y, "weights": made.weights,
        "reduction": made.reduction,
    }  # fmt: skip


def by_hand(model: Model, turn: Turn, value: float) -> engine.Run:
    """The run at a value of the knob by another way: the arrays of the engine's call, changed here."""
    given = arguments(model)
    if turn.kind == "step":
        given["weights"] = np.broadcast_to(np.arange(1, len(given["y"]) + 1)[:, None] == value, given["y"].shape[:2])
    elif turn.of == "x":
        given["x"] = given["x"] * value
    else:
        array = np.array(given["params"][turn.of])
        if turn.kind == "entry":
            array[turn.index] = value
        else:
            array = array + value if turn.kind == "added" else array * value
        given["params"][turn.of] = array
    return engine.run(**given | {"weights": np.asarray(given["weights"], float)})


# --- the laws ---


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "lstm_peephole", "gru", "feedforward"])
def test_the_pictures_are_those_of_fresh_runs_and_the_present_is_among_them(cell) -> None:
    for model, turn in knobs(model_of(cell)):
        _, at = knob.placed(model, turn)
        picture, values = scene(models.run(model)), knob.values(model, turn)
        magnitude, curve = turned(knob.runs(model, turn), View(), picture.first, picture.last)
        assert magnitude.shape == (len(values), len(picture.name))
        np.testing.assert_array_equal(magnitude[at], picture.magnitude)
        for k in {0, len(values) // 3, len(values) - 1}:
            run = by_hand(model, turn, values[k])
            np.testing.assert_allclose(magnitude[k], scene(run).magnitude, rtol=1e-9, atol=1e-300)
            first = np.linalg.norm(run.grad[earliest(run.cell)][0])
            assert curve[k] == pytest.approx(np.log10(first), abs=1e-9) if first else curve[k] == -np.inf


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["rnn", "lstm_peephole", "gru", "feedforward"])
def test_letting_go_shows_the_picture_that_was_seen_and_the_range_stays(cell) -> None:
    for model, turn in knobs(model_of(cell)):
        state = State(model, View(knob=turn))
        shown = turning(state, scene(models.run(model)))
        for at in (3, len(shown.labels) - 1, shown.at):  # one after the other, and back
            state = let_go(state, at)
            picture = scene(models.run(state.model))
            after = turning(state, picture)
            assert (after.at, after.labels, after.title) == (at, shown.labels, shown.title)
            np.testing.assert_array_equal(picture.magnitude, shown.magnitude[at])
            np.testing.assert_array_equal(after.magnitude, shown.magnitude)
            assert from_query(to_query(state)) == (state, [])
        assert models.run(state.model).loss == models.run(model).loss
        if turn.kind != "step":
            assert state.model == model


def test_radius_and_singular_value_are_those_of_the_matrix() -> None:
    model = model_of()
    for kind, size in (
        ("radius", lambda w: np.abs(np.linalg.eigvals(w)).max()),
        ("norm", lambda w: np.linalg.norm(w, 2)),
    ):
        _, turn = knob.chosen(model, kind, "W")
        labels = knob.labels(model, turn)
        assert "1" in labels  # where gradients neither vanish nor explode, as far as W decides
        for k in (0, 20, 40, labels.index("1")):
            w = models.parameters(knob.at(model, turn, knob.values(model, turn)[k]))["W"]
            assert f"{size(w):.4g}" == labels[k]
        assert np.all(np.diff(knob.values(model, turn)) > 0)


def test_a_range_goes_from_a_quarter_to_four_times_and_has_the_present_in_its_middle() -> None:
    model, turn = knob.chosen(models.with_turn(model_of(), "W", 0.3), "gain", "W")
    values = knob.values(model, turn)
    assert len(values) == 41
    assert values[20] == 0.3
    assert (values[0], values[40]) == pytest.approx((0.075, 1.2))
    assert knob.placed(models.with_turn(model, "W", 7.0), turn)[0].centre == 7  # set elsewhere: the range follows


def test_the_loss_moves_over_all_steps_or_over_41_of_them() -> None:
    model, turn = knob.chosen(model_of(steps=5, count="last"), "step")
    assert knob.labels(model, turn) == ("1", "2", "3", "4", "5")
    assert knob.placed(model, turn)[1] == 4
    assert models.factors(knob.at(model, turn, 2)).tolist() == [0, 1, 0, 0, 0]
    long = model_of(steps=1000, count="last")
    for step in (1, 2, 13, 999, 1000):
        model, turn = knob.chosen(knob.at(long, Turn("step"), step), "step")
        values = knob.values(model, turn)
        assert len(set(values)) == 41
        assert {1, step, 1000} <= set(values)
        assert list(values) == sorted(values)
    model, turn = knob.chosen(model_of(count="every"), "step")  # several count: it goes to the last
    assert model.count == "last"
    with pytest.raises(ValueError, match="the losses of several steps count"):
        knob.placed(model_of(count="every"), turn)


def test_the_bias_of_a_forget_gate_is_turned_by_its_value() -> None:
    model, turn = knob.chosen(model_of("lstm"), "added", "b_f")
    start = models.parameters(model)["b_f"][0]
    assert knob.title(model, turn) == "Value of b_f"
    labels = knob.labels(model, turn)
    after = knob.at(model, turn, knob.values(model, turn)[35])
    assert models.parameters(after)["b_f"] == pytest.approx(start + 3)
    assert knob.labels(after, turn)[35] == labels[35] == f"{start + 3:.4g}"
    mixed = models.with_edits(model, {("b_f", (0,)): 9.0})
    assert knob.title(mixed, turn) == "Added to b_f"
    assert knob.labels(mixed, turn)[20:22] == ("+0", "+0.2")


def test_too_much_is_refused_before_it_is_run(monkeypatch) -> None:
    model = models.changed(model_of("lstm"), settings=(("steps", 1000), ("samples", 20)))
    monkeypatch.setattr(engine, "run", lambda *_: pytest.fail("it was run"))
    with pytest.raises(ValueError, match=r"41 runs, of 2,\d{3},000 numbers each .* steps times samples would fit"):
        knob.runs(model, knob.chosen(model, "gain", "U")[1])


def test_what_is_infinitely_small_or_not_finite_has_a_gap_and_no_warning() -> None:
    model = model_of("rnn", 9, activation="relu", count="last")
    model, turn = knob.chosen(models.with_edits(model, {("b", (i,)): -50.0 for i in range(8)}), "added", "b")
    _, curve = turned(knob.runs(model, turn), View(), 1, 9)
    assert curve[0] == -np.inf


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (Turn("gain", "Q"), "there is no"),
        (Turn("radius", "U"), "U has no spectral radius"),
        (Turn("added", "W"), "W has no value"),
        (Turn("entry", "W", 1.0, (8, 0)), "W has no entry"),
        (Turn("entry", "W", 1.0, (0,)), "W has no entry"),
        (Turn("entry", "x", 1.0, (0,)), "x has no one entry"),
    ],
)
def test_a_number_that_is_not_there_is_told(turn, message) -> None:
    with pytest.raises(ValueError, match=message):
        turning(State(model_of(), View(knob=turn)), scene(models.run(model_of())))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("gain", "a number is needed"),
        ("gain,W", "a number is needed"),
        ("gain,W,x", "a number is needed"),
        ("gain,W,0", "too small"),
        ("gain,W,1e300", "too large"),
        ("gain,W,nan", "a number is needed"),
        ("gain,<b>,1", "no name of an array"),
        ("gain,,1", "no name of an array"),
        ("hue,W,1", "cannot be turned by a knob"),
        ("step,W,1", "of no array"),
        ("entry,W,1", "one index or two"),
        ("entry,W,1,-1,0", "one index or two"),
        ("entry,W,1" + ",0" * 900, "one index or two"),
        ("gain,W,1,0", "one index or two"),
    ],
)
def test_a_hostile_link_is_told(written, message) -> None:
    state, (problem,) = from_query({"knob": written})
    assert state == State()
    assert message in problem


# --- arrays turned as a whole ---


def test_a_turned_array_is_its_factor_times_what_it_was() -> None:
    model = models.with_edits(model_of(), {("W", (0, 0)): 2.0, ("x", (1, 0, 0)): 3.0})
    both = models.with_turn(models.with_turn(model, "W", 1.5), "x", -2)
    both = models.with_turn(both, "b", 1, 0.25)
    np.testing.assert_array_equal(models.parameters(both)["W"], 1.5 * models.parameters(model)["W"])
    np.testing.assert_array_equal(models.task(both).x, -2 * models.task(model).x)
    np.testing.assert_array_equal(models.parameters(both)["b"], models.parameters(model)["b"] + 0.25)
    assert [name for name, _, _ in both.scaled] == ["W", "b", "x"]
    assert models.with_turn(models.with_turn(models.with_turn(both, "W", 1), "x", 1), "b", 1) == model
    assert to_query(State(both))["turn.W"] == "1.5"
    assert to_query(State(both))["turn.b"] == "1,0.25"
    assert from_query(to_query(State(both))) == (State(both), [])


def test_a_number_changed_by_hand_in_a_turned_array_stays_as_it_is() -> None:
    model = models.with_turn(model_of(), "W", 1.5)
    before = models.parameters(model)["W"]
    after = models.with_edits(model, {("W", (1, 2)): 0.125})
    assert after.scaled == ()
    wanted = np.array(before)
    wanted[1, 2] = 0.125
    np.testing.assert_array_equal(models.parameters(after)["W"], wanted)
    other = models.with_edits(model, {("U", (0, 0)): 0.125})
    assert other.scaled == model.scaled
    large = models.changed(Model(), task="noise", settings=(("steps", 400), ("inputs", 64)))
    with pytest.raises(ValueError, match="turn it back first"):
        models.with_edits(models.with_turn(large, "x", 2), {("x", (0, 0, 0)): 1.0})


def test_a_factor_stays_where_its_array_stays() -> None:
    model = models.with_turn(models.with_turn(model_of(), "W", 1.5), "x", 2)
    assert models.changed(model, seed=3).scaled == model.scaled
    assert models.with_size(model, "h", 3).scaled == model.scaled
    assert models.changed(model, task="text").scaled == (("W", 1.5, 0.0),)
    assert models.changed(model, cell="feedforward").scaled == (("x", 2.0, 0.0),)
    plus = models.with_turn(models.with_text(model_of(), OWN), "p", 2, 0.5)
    assert models.changed(plus, text=OWN.replace("p + U @ x", "p @ x")).scaled == ()


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("W", (0.0, 0.0), "its size must be"),
        ("W", (float("nan"), 0.0), "its size must be"),
        ("W", (float("inf"), 0.0), "its size must be"),
        ("W", (1.0, 1.0), "only to a vector"),
        ("x", (1.0, 1.0), "only to a vector"),
        ("b", (1.0, float("nan")), "can be added"),
        ("y", (2.0, 0.0), "there is no array"),
        ("h", (2.0, 0.0), "there is no array"),
        ("<b>", (2.0, 0.0), "there is no array"),
    ],
)
def test_a_turn_that_cannot_be_is_refused(name, row, message) -> None:
    with pytest.raises(ValueError, match=message):
        models.with_turn(model_of(), name, *row)
    with pytest.raises(ValueError, match="beyond the range"):
        models.with_turn(models.with_edits(model_of(), {("W", (0, 0)): 1e300}), "W", 1e50)
    for scaled in ((("b", 2.0, 0.0), ("W", 2.0, 0.0)), (("W", 2.0, 0.0),) * 2, (("W", 1.0, 0.0),)):
        with pytest.raises(ValueError, match=r"in order|factor 1"):
            replace(model_of(), scaled=scaled)
