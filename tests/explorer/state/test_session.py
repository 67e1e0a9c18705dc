"""The file of a session: what is saved is loaded back, to the bit, and nothing else gets in."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from states import states

from engine.language.equations import MAX_TEXT
from explorer import model as models
from explorer.model import Model
from explorer.state import PRESETS, State, session
from explorer.state.session import load, save

GOOD = save(State(Model(task="worked")))


def same_numbers(one: Model, other: Model) -> bool:
    """Whether two models are run on the same numbers, to the bit."""
    first, second = models.arrays(one), models.arrays(other)
    return first.keys() == second.keys() and all(first[name].tobytes() == second[name].tobytes() for name in first)


@given(states())
@settings(max_examples=60)
def test_a_file_gives_the_state_back(state) -> None:
    again = load(save(state))
    assert again == state
    assert same_numbers(again.model, state.model)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_the_loss_is_the_same_to_the_bit(preset) -> None:
    assert models.run(load(save(preset.state)).model).loss == models.run(preset.state.model).loss


def changed(path: str, value: object, content: bytes = GOOD) -> bytes:
    """A file with one entry replaced; the path has dots."""
    file = json.loads(content)
    *above, last = path.split(".")
    part = file
    for key in above:
        part = part[int(key) if isinstance(part, list) else key]
    part[int(last) if isinstance(part, list) else last] = value
    return json.dumps(file).encode()


def test_numbers_that_the_state_does_not_give_become_changes_by_hand() -> None:
    model = load(changed("arrays.parameters.W.0.1", 0.125)).model
    assert model.edits == ((("W", (0, 1)), 0.125),)
    assert models.parameters(model)["W"][0, 1] == 0.125
    assert load(changed("arrays.y.2.0", 2)).model.edits == ((("y", (2, 0)), 2),)
    assert load(changed("arrays.weights.0", 3.5)).model.weights[0] == 3.5
    assert load(changed("arrays.initial.h.0.0.4", -1e-300)).model.edits == ((("h", (0, 0, 4)), -1e-300),)


def test_equations_of_another_version_become_a_cell_of_ones_own() -> None:
    text = models.cell(Model(task="worked")).text.replace("tanh", "relu")
    model = load(changed("equations", text)).model
    assert (model.cell, model.text) == ("own", text)


def test_a_session_too_large_for_its_numbers_is_saved_by_its_state() -> None:
    state = State(Model(task="noise", settings=(("steps", 500), ("samples", 60))))
    content = save(state)
    assert len(content) < 1_000
    assert load(content) == state


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no complete JSON"),
        (GOOD[: len(GOOD) // 2], "no complete JSON"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"PK\x03\x04" + b"\0" * 50, "no complete JSON"),
        (b" " * 5_000_001, "at most 5,000,000 are read"),
        (b"[" * 1_000_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[]", "must be an object"),
        (b"{}", "no session of version 1"),
        (b'{"unrolled": 1, "unrolled": 1}', "an entry twice"),
        (b'{"unrolled": true}', "no session of version 1"),
        (b'{"unrolled": ' + b"9" * 5000 + b"}", "5,000 digits"),
        (b'{"unrolled": NaN}', "NaN in it"),
        (changed("unrolled", 2), "no session of version 1"),
        (changed("<b>x</b>", 1), "'<b>x</b>' that means nothing"),
        (changed("state", []), "state must be an object"),
        (changed("state.task", 3), "'task' is no text"),
        (changed("state", {"": None}), "'' is no text"),
        (changed("arrays", {"": None}), "'' that means nothing"),
        (changed("state.task", "\ud800"), "is no text of at most"),
        (changed("state.task", "foo"), "in the file was passed over"),
        (changed("state.<script>", "1"), "The file has entries that mean nothing"),
        (changed("state.eq", "A" * 300), "no packed text"),
        (changed("equations", 1), "equations must be a text"),
        (changed("equations", "h = tanh("), "line 1, column"),
        (changed("equations", "#" * (MAX_TEXT + 1)), "equations must be a text of at most"),
        (changed("arrays", 1), "arrays must be an object"),
        (changed("arrays.z", 1), "'z' that means nothing"),
        (changed("arrays.parameters.Q", []), "'Q' that means nothing"),
        (changed("arrays.parameters.W", [[1.0]]), r"shape \(5, 5\)"),
        (changed("arrays.parameters.W.0", [1.0] * 4), r"shape \(5, 5\)"),
        (changed("arrays.parameters.W.0.0", "1"), "numbers in it and nothing else"),
        (changed("arrays.parameters.W.0.0", None), "numbers in it and nothing else"),
        (changed("arrays.parameters.W.0.0", True), "numbers in it and nothing else"),
        (changed("arrays.parameters.W.0.0", [1.0]), "numbers in it and nothing else"),
        (GOOD.replace(b"0.57", b"1e999"), "not finite"),
        (changed("arrays.y.0.0", 0.5), "whole numbers"),
        (changed("arrays.y.0.0", 3), "from 0 to 2"),
        (changed("arrays.y.0.0", -1), "from 0 to 2"),
        (changed("arrays.y.0.0", 10**19), "from 0 to 2"),
        (changed("arrays.weights", [1.0]), "shape"),
    ],
)
def test_a_bad_file_says_what_is_wrong(content, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        load(content)
    assert len(str(caught.value)) < 600


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), 
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
PATHS = ["unrolled", "state", "equations", "arrays", "state.task", "state.eq", "state.edit", "state.init", "arrays.x", "arrays.y",
         "arrays.weights", "arrays.parameters", "arrays.initial", "arrays.parameters.W", "arrays.parameters.W.0",
         "arrays.x.0.0.0", "arrays.initial.h.0", "<img src=x onerror=alert(1)>"]  # fmt: skip


def refused_or_right(content: bytes) -> None:
    """Loading gives a state that can be run, or a ValueError with a message that can be shown; nothing else."""
    try:
        assert isinstance(load(content), State)
    except ValueError as error:
        said = str(error)
    else:
        said = "right"
    assert 0 < len(said.encode()) < 1_000


@given(st.sampled_from(PATHS), JSON)
@settings(max_examples=300)
def test_any_entry_may_be_anything(path, value) -> None:
    refused_or_right(changed(path, value))


@given(st.integers(0, len(GOOD)), st.binary(max_size=6))
@example(10, b"\xff")
def test_any_bytes_may_come(place, noise) -> None:
    refused_or_right(GOOD[:place])
    refused_or_right(GOOD[:place] + noise + GOOD[place + len(noise) :])


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_kept_to_the_bit(weight, entry) -> None:
    model = models.with_edits(
        Model(task="worked"), {("W", (0, 0)): weight, ("x", (0, 0, 1)): entry, ("h", (0, 0, 2)): 0.1}
    )
    again = load(save(State(model))).model
    assert again == model
    assert same_numbers(again, model)


def test_arrays_turned_as_a_whole_are_kept() -> None:
    model = models.with_turn(models.with_turn(models.with_edits(Model(), {("W", (0, 0)): 0.3}), "W", 1 / 3), "x", -0.7)
    again = load(save(State(model))).model
    assert again == model
    assert same_numbers(again, model)


def test_the_bound_leaves_room_for_the_largest_session() -> None:
    model = Model(task="noise", settings=(("steps", 150), ("inputs", 64), ("samples", 14)))
    values = {("x", tuple(i)): -1.2345678901234567e-300 for i in np.ndindex(150, 14, 9)}
    state = State(models.with_edits(model, values))
    assert len(save(state)) < session.MAX_BYTES
    assert load(save(state)) == state
