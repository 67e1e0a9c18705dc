"""The state and its link: what is written is read back, and no link does harm."""

from __future__ import annotations

import base64
import contextlib
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from states import KEYS, WORDS, states

from engine import CATALOGUE
from engine.inputs import Scheme
from engine.inputs.tasks import TASKS
from engine.language.equations import MAX_TEXT
from explorer import model as models
from explorer.experiments.cliff import Cliff
from explorer.fields import Linked, rows
from explorer.model import OWN, Model
from explorer.state import (
    LONGEST_VALUE,
    PRESETS,
    State,
    View,
    from_query,
    left_out,
    packed,
    to_query,
    unpacked,
    words,
)

ROWS = [row for kind in (Model, View, Cliff) for row in rows(kind).values()]


@given(states())
def test_a_link_gives_the_state_back(state) -> None:
    if not left_out(state):
        assert from_query(to_query(state)) == (state, [])


def test_the_default_needs_no_link() -> None:
    assert to_query(State()) == {}
    assert from_query({}) == (State(), [])


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_presets_fit_into_a_link(preset) -> None:
    assert from_query(to_query(preset.state)) == (preset.state, [])
    models.run(preset.state.model)


@given(
    st.dictionaries(
        st.sampled_from(KEYS) | st.text(max_size=5), st.sampled_from(WORDS) | st.text(max_size=20), max_size=8
    )
)
def test_no_link_raises(query) -> None:
    state, problems = from_query(query)
    assert all(problem.encode() for problem in problems)  # can be sent: no lone surrogates
    if not left_out(state):
        assert from_query(to_query(state)) == (state, [])


def test_many_entries_are_told_briefly() -> None:
    _, problems = from_query({f"k{i}": "v" for i in range(10_000)})
    assert len("".join(problems)) < 1_000


@pytest.mark.parametrize(
    ("query", "key", "message"),
    [
        ({"cell": "foo"}, "cell", "one of rnn, lstm"),
        ({"layers": "x"}, "layers", "a whole number is needed"),
        ({"layers": "99"}, "layers", "from 1 to 20"),
        ({"n.q": "4"}, "n.q", "no size of its own"),
        ({"n.h": "65"}, "n.h", "from 1 to 64"),
        ({"task": "noise", "steps": "1001"}, "steps", "from 1 to 1,000"),
        ({"task": "table", "text": "a,b\n1,2"}, "text", "unknown column 'a'"),
        ({"text": ""}, "text", "a text of 2 to"),
        ({"loss": "hand", "w": "1,2"}, "w", "2 weights for 4 steps"),
        ({"loss": "hand", "w": "1,2,3,nan"}, "w", "a number is needed"),
        ({"w": "1,2,3,4"}, "w", "not counted by hand"),
        ({"init": "normal,foo:1"}, "init", "Normal has"),
        ({"init": "kaiming"}, "init", "is no scheme"),
        ({"cell": "feedforward", "init": "normal,radius:1"}, "init", "no matrix that is square"),
        ({"init.b": "orthogonal"}, "init.b", "only a matrix can be orthogonal"),
        ({"init.zz": "zeros"}, "init.zz", "there is no parameter"),
        ({"init_seed": "-1"}, "init_seed", "from 0 to"),
        ({"unit": "-1"}, "unit", "counted from 1"),
        ({"show": "hue"}, "show", "gradient, value, slope"),
        ({"range.gradient": "3,1"}, "range.gradient", "the first must be the smaller"),
        ({"range.hue": "1,3"}, "range.hue", ""),
        ({"node": "<b>,3"}, "node", "is no name of a node"),
        ({"text": "x" * (LONGEST_VALUE + 1)}, "text", "at most 2,000 characters"),
        ({"eq": "AAAA"}, "eq", "no packed text"),
        ({"eq": packed("h = tanh(")}, "eq", "line 1, column 9"),
        ({"eq": packed("L = mse(V @ x, y)")}, "eq", "the targets of this task are classes"),
        ({"cell": "own"}, "cell", "has a text"),
        ({"edit": "W"}, "edit", "entries such as"),
        ({"edit": "W[9,9]=1.0"}, "edit", "has no entry [9, 9]"),
        ({"edit": "Q[0]=1.0"}, "edit", "there is no array 'Q'"),
        ({"edit": "y[0,0]=4"}, "edit", "from 0 to 3"),
        ({"edit": "y[0,0]=0.5"}, "edit", "a class is a whole number"),
        ({"edit": "W[0,0]=1e999"}, "edit", "must be finite"),
        ({"edit": "W[0,0]=1.0;W[0,0]=2.0"}, "edit", "each place once"),
        ({"compare": "cell=lstm"}, "compare", "two or three columns"),
        ({"compare": "|a|b|c"}, "compare", "two or three columns"),
        ({"compare": "|<script>"}, "compare", "is no query"),
        ({"nonsense": "1"}, "nonsense", "mean nothing here"),
    ],
)
def test_a_bad_value_falls_back_and_is_told(query, key, message) -> None:
    state, problems = from_query(query)
    assert len(problems) == 1
    assert key in problems[0]
    assert message in problems[0]
    assert state == from_query({k: v for k, v in query.items() if k != key})[0]


def test_a_long_text_is_left_out_of_the_link() -> None:
    state = State(models.with_setting(Model(), "text", "ab" * 400))
    assert not left_out(state)
    state = State(models.with_setting(Model(task="table"), "text", "x1,y\n" + "1,0\n" * 900))
    assert left_out(state) == ["text"]
    assert to_query(state) == {"task": "table"}


# --- from one model to the next -------------------------------------------------------------------------------------


def test_a_new_cell_keeps_what_fits() -> None:
    model = models.with_override(
        models.with_size(models.changed(Model(), cell="lstm"), "h", 12), "W_f", Scheme("zeros")
    )
    assert models.changed(model, cell="lstm_peephole") == replace(model, cell="lstm_peephole")
    other = models.changed(model, cell="gru")
    assert models.sizes(other)["h"] == 12
    assert other.overrides == ()
    assert models.sizes(models.changed(other, cell="rnn_deep")) == {"x": 4, "y": 4, "h_1": 12, "h_2": 12}


def test_a_new_task_keeps_what_fits() -> None:
    model = models.with_setting(Model(task="noise"), "steps", 33)
    assert models.settings(models.changed(model, task="parity"))["steps"] == 33
    assert models.changed(models.with_setting(Model(), "text", "abc"), task="table").settings == ()
    assert models.settings(models.changed(models.with_setting(model, "steps", 3), task="order"))["steps"] == 20


def test_weights_by_hand_begin_with_those_that_count_and_follow_the_steps() -> None:
    model = models.changed(Model(task="noise", count="last", settings=(("steps", 3),)), count="hand")
    assert model.weights == (0, 0, 1)
    assert models.with_setting(model, "steps", 5).weights == (0, 0, 1, 1, 1)
    assert models.with_setting(model, "steps", 2).weights == (0, 0)
    assert models.changed(model, count="every").weights == ()


def test_the_loss_suits_the_targets() -> None:
    for name in CATALOGUE:
        for task in ("sine", "parity"):
            model = models.changed(Model(), cell=name, task=task)
            losses = {models.cell(model).operation(loss) for loss in models.cell(model).losses}
            assert losses == {"mse" if task == "sine" else "nll"}


def test_a_cell_without_memory_takes_steps_as_samples() -> None:
    run = models.run(models.changed(Model(), cell="feedforward", task="noise", settings=(("samples", 3), ("steps", 5))))
    assert (run.T, run.B) == (1, 15)


def test_the_worked_network_has_its_own_weights() -> None:
    model = Model(task="worked")
    assert models.uses_own(model)
    assert models.sizes(model) == {"x": 4, "y": 3, "h": 5}
    assert not models.uses_own(models.changed(model, cell="lstm"))
    assert not models.uses_own(models.changed(model, own=False))


def test_leaky_units_start_from_the_value_of_the_cell() -> None:
    parameters = models.parameters(models.changed(Model(), cell="rnn_leaky"))
    assert set(parameters["alpha"]) == {0.9}


def test_a_run_too_large_is_refused_before_it_is_made() -> None:
    with pytest.raises(ValueError, match=r"steps with 100 samples are about .* numbers"):
        Model(task="noise", sizes=(("h", 64),), settings=(("steps", 1000), ("samples", 100)))


def test_settings_do_not_collide_with_other_keys_of_the_link() -> None:
    names = {setting.name for entry in TASKS.values() for setting in entry.settings}
    own = {"cell", "activation", "layers", "task", "loss", "w", "reduction", "own", "init", "init_seed", "show", "as",
           "across", "up", "across_range", "up_range", "rate", "limit", "norm", "surface", "cut", "every",
           "slip", "formula", "ask", "sections", "detail", "step", "levels", "lesson", "hide", "present",
           "sample", "window", "node", "path", "unit", "graph", "parameters", "edges", "picture", "scale", "knob", "eq",
           "edit", "state", "of", "spread", "tab", "pair", "clip", "compare"}  # fmt: skip
    assert not names & own
    assert not any("." in name for name in names)
    assert own == {row.key for row in ROWS if isinstance(row, Linked)}


def test_no_key_of_the_link_stands_for_two_fields() -> None:
    keys = [row.key if isinstance(row, Linked) else row.prefix for row in ROWS]
    assert len(set(keys)) == len(keys)


def test_every_entry_of_a_link_has_words() -> None:
    assert words("range.value") == "scale"
    assert words("eq") == "equations of your cell"
    assert words("steps") == "steps"  # a setting of a task is called by its key
    assert all(words(key) for key in KEYS if key.partition(".")[0])


# --- a cell of one's own, and numbers changed by hand ---------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_a_packed_text_is_unpacked(text) -> None:
    assert unpacked(packed(text)) == text


@given(st.text(max_size=30) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_code_but_a_packed_text_is_unpacked(code) -> None:
    with contextlib.suppress(ValueError):
        assert len(unpacked(code)) <= MAX_TEXT


def test_a_bomb_is_not_unpacked() -> None:
    bomb = packed("#" * 20_000_000)
    assert len(bomb) < 2 * MAX_TEXT
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than a text"):
        unpacked(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 * MAX_TEXT
    with pytest.raises(ValueError, match="cut off"):
        unpacked(packed("h = tanh(x)" * 9)[:-8])


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("task", ["text", "sine"])
def test_a_copy_of_a_cell_is_the_same_network(name, task) -> None:
    model = models.changed(models.changed(Model(), cell=name), task=task)
    copy = models.with_text(model, models.cell(model).text)
    assert copy.cell == OWN
    assert models.run(copy).loss == models.run(model).loss
    assert from_query(to_query(State(copy))) == (State(copy), [])
    assert models.changed(copy, cell="lstm").text == ""


def test_a_cell_of_ones_own_is_read_beside_its_task() -> None:
    text = "h = tanh(W @ h[t-1] + U @ x)\nL = mse(V @ h, y)"
    model = models.with_size(models.with_text(Model(task="noise", settings=(("targets", "real"),)), text), "h", 3)
    assert from_query(to_query(State(model))) == (State(model), [])
    with pytest.raises(ValueError, match="targets of this task are classes"):
        models.changed(model, task="text")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no equation"),
        ("h = tanh(", "line 1, column 9"),
        (
            "\n".join([*(f"a_{i} = tanh(x)" for i in range(150)), "L = nll(softmax(V @ a_1), y)"]),
            "at most 120 are drawn",
        ),
        ("L = bce(sigmoid(V @ x), y)", "compares with real numbers"),
        ("y_hat = softmax(V @ x)\nh = W @ h[t-1]", "loss"),
    ],
)
def test_a_text_that_cannot_be_run_is_refused(text, message) -> None:
    with pytest.raises(ValueError, match=message):
        models.with_text(Model(), text)


def test_a_change_of_size_keeps_the_edits_that_fit() -> None:
    model = models.with_edits(Model(), {("W", (0, 1)): 0.5, ("b", (0,)): 2, ("x", (3, 0, 1)): 1.5, ("y", (0, 0)): 3})
    small = models.with_size(model, "h", 1)
    assert [place for place, _ in small.edits] == [("b", (0,)), ("x", (3, 0, 1)), ("y", (0, 0))]
    assert models.dropped(model, small) == ["W"]
    short = models.with_setting(model, "text", "aba")
    assert [place for place, _ in short.edits] == [("W", (0, 1)), ("b", (0,))]
    assert models.dropped(model, short) == ["x", "y"]
    assert models.dropped(model, models.changed(model, task="parity")) == ["x", "y"]
    assert models.dropped(model, models.changed(model, seed=7)) == []


def test_the_run_is_that_of_the_edited_numbers() -> None:
    model = Model(task="worked")
    edits = {("W", (1, 2)): 0.1, ("x", (0, 0, 3)): -2.0, ("y", (5, 0)): 0, ("h", (0, 0, 4)): 1.5}
    run = models.run(models.with_edits(model, edits))
    assert (run.parameters["W"][1, 2], run.x[0, 0, 3], run.y[5, 0], run.initial["h"][0, 0, 4]) == (0.1, -2, 0, 1.5)
    back = models.with_edits(models.with_edits(model, edits), dict.fromkeys(edits))
    assert back == model
    assert models.with_edits(model, {("W", (0, 0)): float(models.parameters(model)["W"][0, 0])}) == model


def test_an_edited_input_is_no_letter_any_more() -> None:
    model = models.with_edits(Model(), {("x", (1, 0, 0)): 0.5})
    assert models.task(model).labels == ("h", "e*", "l", "l")


def test_edits_too_many_for_a_link_are_told() -> None:
    model = Model(task="noise", settings=(("steps", 100),))
    state = State(models.with_edits(model, {("x", (t, 0, i)): 1 / 3 + t for t in range(100) for i in range(2)}))
    assert left_out(state) == ["edit"]
    wide = Model(task="noise", settings=(("steps", 500), ("inputs", 64)))
    with pytest.raises(ValueError, match="at most 20,000 are kept"):
        models.with_edits(wide, {("x", (t, 0, i)): 0.5 for t in range(500) for i in range(64)})
