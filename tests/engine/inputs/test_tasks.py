"""Tasks keep what their docstrings promise: each law has its test, by the same name."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inputs import tasks
from engine.inputs.tasks import MAX_NUMBERS, MAX_STEPS, MAX_TABLE_BYTES, TASKS, Task, visible

GOLDEN_NOISE = [-0.4981492811755316, -1.2894429976533186]
GOLDEN_PARITY = "010010101011"
GOLDEN_ORDER = "EadYdbbddbYaddbadadB"
RANDOM = ("noise", "parity", "sine", "adding", "order", "copy")


def made(name: str, **settings) -> Task:
    return TASKS[name].function(**settings)


# --- all tasks ------------------------------------------------------------------------------------------------------


def variants() -> list[tuple[str, dict]]:
    """Every task with its defaults, each of its choices, and three samples."""
    found: list[tuple[str, dict]] = []
    shares = {"text": "x,y1,y2\n1,0.5,0.5\n2,0,1"}
    for name, entry in TASKS.items():
        found.append((name, {}))
        found += [(name, {s.name: choice}) for s in entry.settings if s.kind == "choice" for choice, _ in s.choices]
        found = [
            (name, settings | shares if settings == {"targets": "shares"} else settings) for name, settings in found
        ]
        if any(s.name == "samples" for s in entry.settings):
            found += [(name, {**settings, "samples": 3}) for other, settings in found if other == name]
    return found


@pytest.mark.parametrize(("name", "settings"), variants(), ids=str)
def test_every_task_is_well_formed(name, settings) -> None:
    task = made(name, **settings)
    steps, samples, n_x = task.x.shape
    assert task.x.dtype == task.weights.dtype == np.float64
    assert samples == settings.get("samples", 1)
    assert task.weights.shape == (steps,)
    assert len(task.labels) == steps
    assert all(isinstance(label, str) and label for label in task.labels)
    assert len(task.inputs) == task.sizes["x"] == n_x
    if task.kind == "classes":
        assert task.y.shape == (steps, samples)
        assert task.y.dtype == np.int64
        assert 0 <= task.y.min() <= task.y.max() < task.sizes["y"] == len(task.classes)
    else:
        assert task.y.shape == (steps, samples, task.sizes["y"])
        assert task.y.dtype == np.float64
        assert task.classes == ()
        assert len(task.outputs) in (0, task.sizes["y"])
    if task.kind == "shares":
        assert task.y.min() >= 0
        np.testing.assert_allclose(task.y.sum(axis=2), 1, atol=0.02)
    assert np.isfinite(task.x).all()
    assert np.isfinite(task.y).all()
    assert task.sentence.endswith(".")
    assert task.source
    for array in (task.x, task.y, task.weights, *task.params.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        assert array.base is None or not array.base.flags.writeable, "writable through its base"


@pytest.mark.parametrize(("name", "settings"), variants(), ids=str)
def test_a_task_has_the_form_of_its_row(name, settings) -> None:
    form = TASKS[name].form
    assert (form is None) == (name == "table")  # its sizes are read with its numbers
    if form is not None:
        assert form(**settings) == made(name, **settings).form


@pytest.mark.parametrize("entry", TASKS.values(), ids=TASKS)
def test_defaults_are_allowed(entry) -> None:
    assert entry.title
    assert entry.summary.endswith(".")
    for setting in entry.settings:
        assert setting.checked(setting.default) == setting.default
        assert setting.label
        assert setting.kind == "choice" or math.isfinite(setting.lower + setting.upper)


@pytest.mark.parametrize(
    ("name", "setting"), [(n, s) for n, e in TASKS.items() for s in e.settings], ids=lambda v: getattr(v, "name", v)
)
def test_a_setting_says_what_is_allowed(name, setting) -> None:
    bad = {
        "int": [setting.lower - 1, setting.upper + 1, 1.5, True, "3", None],
        "float": [setting.lower - 1, setting.upper + 1, math.nan, math.inf, True, "3", None],
        "choice": ["", "other", 0, None, ["2016"]],
        "text": [0, None, b"hello", "x" * (int(min(setting.upper, 2e6)) + 1)],
    }[setting.kind]
    for value in bad:
        with pytest.raises(ValueError, match=rf"^{setting.name} = .* is not allowed: give "):
            made(name, **{setting.name: value})


@pytest.mark.parametrize("name", RANDOM)
def test_the_same_from_the_same_seed(name) -> None:
    noisy = {"noise": 0.5} if name == "sine" else {}
    first, again, other = (made(name, seed=seed, samples=4, **noisy) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.x, again.x)
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.array_equal(first.x, other.x)


@pytest.mark.parametrize("name", ["worked", "noise", "parity", "sine"])
def test_longer_begins_with_shorter(name) -> None:
    short, long = made(name, steps=7), made(name, steps=40)
    np.testing.assert_array_equal(long.x[:7], short.x)
    np.testing.assert_array_equal(long.y[:7], short.y)


def test_seeds_are_locked() -> None:
    """Kept, so that a shared link shows the same picture tomorrow."""
    assert made("noise", seed=1).x[0, 0, :2].tolist() == GOLDEN_NOISE
    assert "".join(made("parity", seed=1).labels) == GOLDEN_PARITY
    assert "".join(made("order", seed=1).labels) == GOLDEN_ORDER


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("noise", {"steps": 5000, "samples": 1000, "inputs": 2}),
        ("noise", {"steps": 5000, "inputs": 1, "outputs": 1000, "samples": 2}),
        ("adding", {"steps": 5000, "samples": 1000}),
        ("order", {"steps": 5000, "samples": 1000}),
        ("copy", {"delay": 2500, "samples": 1000}),
        ("text", {"text": "".join(map(chr, range(100, 1100))) * 5 + "x"}),
    ],
)
def test_size_is_bounded_before_memory_is_taken(name, settings) -> None:
    if name == "text":
        assert made(name, **settings).x.size == MAX_NUMBERS
        settings = {"text": "".join(map(chr, range(100, 1101))) * 4}
        with pytest.raises(ValueError, match="1,001 different characters, at most 1,000 are allowed"):
            made(name, **settings)
    else:
        with pytest.raises(
            ValueError, match=r"[\d,]+ bytes for T = .* at most 40,000,000 are taken: T up to [\d,]+ would fit"
        ):
            made(name, **settings)


# --- the worked network ---------------------------------------------------------------------------------------------


def test_worked_is_row_a9() -> None:
    task = made("worked")
    assert task.sizes == {"x": 4, "h": 5, "y": 3}
    shapes = {name: value.shape for name, value in task.params.items()}
    assert shapes == {"b": (5,), "W": (5, 5), "U": (5, 4), "c": (3,), "V": (3, 5)}
    for array in (task.x, *task.params.values()):
        np.testing.assert_array_equal(array, array.round(2))
        assert (np.abs(array) > 0).all()


def test_worked_neither_vanishes_nor_saturates() -> None:
    task, eye = made("worked", steps=12), np.eye(3)
    p, h, hs = task.params, np.zeros(5), []
    for x in task.x[:, 0]:
        h = np.tanh(p["b"] + p["W"] @ h + p["U"] @ x)
        hs.append(h)
    e = np.exp(p["c"] + np.array(hs) @ p["V"].T)
    pull = (e / e.sum(axis=1, keepdims=True) - eye[task.y[:, 0]]) @ p["V"]
    assert np.abs(hs).max() < 0.85

    alone = [pull[-1]]  # what the last loss alone sends back
    for h in hs[:0:-1]:
        alone.append(p["W"].T @ ((1 - h**2) * alone[-1]))
    norms = np.linalg.norm(alone, axis=1)
    assert 0.01 < norms[-1] / norms[0] < 0.1
    assert np.bincount(task.y[:6, 0]).tolist() == np.bincount(task.y[6:, 0]).tolist() == [2, 2, 2]


def test_worked_fits_the_cell_of_the_book() -> None:
    from engine.language.catalogue import CATALOGUE

    task = made("worked")
    assert CATALOGUE["rnn"].shapes(task.sizes) == {name: value.shape for name, value in task.params.items()}


# --- text -----------------------------------------------------------------------------------------------------------


def test_hello_as_in_min_char_rnn() -> None:
    task = made("text")
    assert task.classes == task.inputs == ("h", "e", "l", "o")
    assert task.labels == ("h", "e", "l", "l")
    assert [task.classes[y] for y in task.y[:, 0]] == ["e", "l", "l", "o"]
    np.testing.assert_array_equal(task.x[:, 0], np.eye(4)[[0, 1, 2, 2]])
    at_zero_logits = task.weights.sum() * math.log(task.sizes["y"])
    assert at_zero_logits == pytest.approx(5.545, abs=1e-3)


@pytest.mark.parametrize("text", ["", "a"])
def test_too_short_a_text_is_told(text) -> None:
    with pytest.raises(ValueError, match=f"text = '{text}' is not allowed: give a text of 2 to 5,001 characters"):
        made("text", text=text)


@pytest.mark.parametrize(
    ("character", "sign"),
    [
        *zip("aZß漢🦜é", "aZß漢🦜é", strict=True),
        (" ", "␣"),
        ("\n", "↵"),
        ("\t", "⇥"),
        ("\r", "U+000D"),
        ("\0", "U+0000"),
        ("\xa0", "U+00A0"),
        ("\u0301", "U+0301"),
        ("\u200d", "U+200D"),
        ("\ufe0f", "U+FE0F"),
        ("\ud800", "U+D800"),
        ("\u3164", "U+3164"),
        ("␣", "U+2423"),
        ("\U0001f3fb", "\U0001f3fb"),
    ],
)
def test_characters_can_be_read(character, sign) -> None:
    assert visible(character) == sign


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
def test_different_characters_look_different(text) -> None:
    if len(text) < 2:
        with pytest.raises(ValueError, match="text = "):
            made("text", text=text)
        return
    task = made("text", text=text)
    assert len(set(task.classes)) == len(task.classes) == len(set(text))
    first_seen = list(dict.fromkeys(text))
    assert [first_seen[y] for y in task.y[:, 0]] == list(text[1:])
    assert [first_seen[code] for code in task.x[:, 0].argmax(axis=1)] == list(text[:-1])
    assert (task.x.sum(axis=2) == 1).all()
    "".join(task.labels).encode()  # no lone surrogate comes through


# --- series ---------------------------------------------------------------------------------------------------------


def test_noise_is_standard_normal_and_its_classes_uniform() -> None:
    task = made("noise", steps=2000, inputs=10, outputs=4, samples=10)
    assert task.x.mean() == pytest.approx(0, abs=0.01)
    assert task.x.std() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(np.bincount(task.y.ravel()) / task.y.size, 0.25, atol=0.015)
    real = made("noise", targets="real", outputs=2, steps=2000, samples=5)
    assert real.kind == "real"
    assert real.y.std() == pytest.approx(1, abs=0.02)


def test_noise_inputs_and_targets_are_apart() -> None:
    """More inputs leave the targets alone, and the reverse."""
    few, many = made("noise", inputs=2), made("noise", inputs=9)
    np.testing.assert_array_equal(few.y, many.y)
    np.testing.assert_array_equal(few.x, made("noise", inputs=2, outputs=7, targets="real").x)


@given(st.integers(1, 60), st.integers(1, 4), st.integers(0, 99))
def test_parity_counts_the_ones(steps, samples, seed) -> None:
    task = made("parity", steps=steps, samples=samples, seed=seed)
    assert set(np.unique(task.x)) <= {0.0, 1.0}
    for b in range(samples):
        for t in range(steps):
            assert task.classes[task.y[t, b]] == ("odd" if task.x[: t + 1, b, 0].sum() % 2 else "even")


def test_sine_targets_are_the_next_inputs() -> None:
    task = made("sine", steps=30, period=7.5, samples=3)
    np.testing.assert_allclose(task.x[1:], task.y[:-1], atol=1e-15)
    np.testing.assert_allclose(task.x[:, 0, 0], np.sin(2 * np.pi * np.arange(30) / 7.5), atol=1e-12)
    np.testing.assert_allclose(task.x[:, 1, 0], np.sin(2 * np.pi * (np.arange(30) / 7.5 + 1 / 3)), atol=1e-12)
    noisy = made("sine", steps=3000, period=7.5, noise=0.3)
    np.testing.assert_array_equal(noisy.y[:30], made("sine", steps=30, period=7.5).y)
    assert np.std(noisy.x[1:] - noisy.y[:-1]) == pytest.approx(0.3, rel=0.05)
    assert "-0.00" not in made("sine", steps=100).labels


# --- tests of memory ------------------------------------------------------------------------------------------------

LAST_ONLY = ("adding", "order")


@pytest.mark.parametrize("name", LAST_ONLY)
def test_only_the_last_loss_counts(name) -> None:
    task = made(name, steps=25, samples=2)
    assert task.weights.tolist() == [0.0] * 24 + [1.0]
    assert (task.y == task.y[-1]).all()


@given(st.integers(6, 140), st.sampled_from(["1997", "2016"]), st.integers(0, 999))
def test_adding_targets_follow_from_x(steps, form, seed) -> None:
    task = made("adding", steps=steps, form=form, seed=seed, samples=3)
    value, mark = task.x[..., 0], task.x[..., 1]
    for b in range(3):
        total = sum(v for v, m in zip(value[:, b], mark[:, b], strict=True) if m == 1)
        expected = total if form == "2016" else 0.5 + total / 4
        assert task.y[-1, b, 0] == pytest.approx(expected, abs=1e-15)


@given(st.integers(6, 140), st.integers(0, 999))
def test_adding_marks_lie_where_the_form_says(steps, seed) -> None:
    new = made("adding", steps=steps, form="2016", seed=seed)
    places = np.flatnonzero(new.x[:, 0, 1])
    assert set(new.x[:, 0, 1]) == {0.0, 1.0}
    assert len(places) == 2
    assert places[0] < steps // 2 <= places[1]
    assert 0 <= new.x[..., 0].min() <= new.x[..., 0].max() < 1
    assert [label.endswith("*") for label in new.labels] == (new.x[:, 0, 1] == 1).tolist()

    old = made("adding", steps=steps, form="1997", seed=seed)
    value, mark = old.x[:, 0].T
    assert mark[0] == mark[-1] == -1
    places = np.flatnonzero(mark == 1)
    assert set(mark) <= {-1.0, 0.0, 1.0}
    assert np.count_nonzero(mark[1:-1] == -1) == 0
    assert places.max() < steps // 2 - 1
    assert len(places) == 2 or (len(places) == 1 and value[0] == 0)
    assert steps < 22 or places.min() < 10 or len(places) == 1
    assert -1 <= value.min() <= value.max() < 1
    assert 0 <= old.y.min() <= old.y.max() <= 1


def test_adding_marks_reach_every_place_of_the_form() -> None:
    new = made("adding", steps=11, form="2016", samples=500).x[..., 1].T
    assert set(new.argmax(axis=1)) == set(range(5))
    assert set(10 - new[:, ::-1].argmax(axis=1)) == set(range(5, 11))
    old = made("adding", steps=40, form="1997", samples=1000).x[..., 1].T == 1
    assert set(old.argmax(axis=1)) >= set(range(1, 10))
    assert set(np.nonzero(old)[1]) == set(range(1, 19))


def test_adding_answered_by_one_has_error_one_sixth() -> None:
    task = made("adding", samples=1000, steps=50)
    assert np.mean((task.y[-1] - 1) ** 2) == pytest.approx(1 / 6, abs=0.02)


@given(st.integers(10, 140), st.sampled_from(["1997", "2013"]), st.integers(0, 999))
def test_order_classes_follow_from_x(steps, form, seed) -> None:
    task = made("order", steps=steps, form=form, seed=seed, samples=3)
    for b in range(3):
        symbols = "".join(task.inputs[code] for code in task.x[:, b].argmax(axis=1))
        signals = "".join(symbol for symbol in symbols if symbol in "XY")
        assert task.classes[task.y[-1, b]] == signals
        assert set(symbols) <= set("XYabcdEB" if form == "1997" else "XYabcd")
        if form == "1997":
            assert (symbols[0], symbols[-1]) == ("E", "B")
            assert set(symbols[1:-1]) <= set("XYabcd")
    assert (task.x.sum(axis=2) == 1).all()


@pytest.mark.parametrize(
    ("form", "steps", "first", "second"),
    [
        ("1997", 100, (10, 20), (50, 60)),  # counted from 1, both ends included
        ("1997", 108, (10, 20), (50, 60)),
        ("1997", 30, (3, 6), (15, 18)),
        ("1997", 10, (2, 2), (5, 6)),
        ("2013", 100, (11, 20), (51, 60)),
        ("2013", 30, (4, 6), (16, 18)),
        ("2013", 10, (2, 2), (6, 6)),
    ],
)
def test_order_signals_lie_where_the_form_says(form, steps, first, second) -> None:
    task = made("order", form=form, steps=steps, samples=500)
    t, _ = np.nonzero(task.x[..., 0].T + task.x[..., 1].T)[::-1]
    t = np.sort((t + 1).reshape(500, 2), axis=1)
    assert (t[:, 0].min(), t[:, 0].max()) == first
    assert (t[:, 1].min(), t[:, 1].max()) == second


def test_order_has_all_classes() -> None:
    assert np.bincount(made("order", samples=1000).y[0], minlength=4).min() > 200


@given(st.integers(1, 40), st.integers(1, 12), st.sampled_from(["2016", "2018"]), st.integers(0, 99))
def test_copy_gives_back_what_it_took(delay, length, form, seed) -> None:
    task = made("copy", delay=delay, length=length, form=form, samples=2, seed=seed)
    steps = delay + 2 * length
    x = task.x.argmax(axis=2)
    assert x.shape == task.y.shape == (steps, 2)
    assert (task.x.sum(axis=2) == 1).all()
    np.testing.assert_array_equal(task.y[-length:], x[:length])
    assert (task.y[:-length] == 0).all()
    assert x[:length].min() >= 1
    assert x[:length].max() <= 8
    delimiters = length + 1 if form == "2018" else 1
    rest = [0] * (delay - 1) + [9] * delimiters + [0] * (length + 1 - delimiters)
    assert x[length:, 0].tolist() == rest
    assert task.classes[0] == "blank"
    assert task.inputs[9] == "delimiter"


def test_copy_baseline() -> None:
    """Blank while nothing is asked, then each of the eight symbols alike: the best without memory."""
    task = made("copy", delay=100, length=10)
    p = np.zeros((120, 9))
    p[:110, 0], p[110:, 1:] = 1, 1 / 8
    loss = task.weights @ -np.log(p[np.arange(120), task.y[:, 0]])
    assert loss == pytest.approx(10 * math.log(8) / 120)
    assert loss == pytest.approx(0.1733, abs=5e-5)
    assert "0.1733" in task.sentence


# --- tables ---------------------------------------------------------------------------------------------------------


def table(text: str, targets: str = "auto") -> Task:
    return made("table", text=text, targets=targets)


@pytest.mark.parametrize("count", [1, 2, 3, 11, 12, 13, 29])
def test_how_many_classes_and_faulty_entries_there_are_is_told_with_some_of_them(count) -> None:
    classes = [f"word{i}" for i in range(count + 1)]
    note = table("x,y\n" + "\n".join(f"0.{i},{word}" for i, word in enumerate(classes))).notes[0]
    named = re.findall(r"'(word\d+)'", note)
    more = re.search(r"and (\d+) more", note)
    assert f"{count + 1} classes" in note
    assert set(named) < set(classes) if more else sorted(named) == sorted(classes)
    assert len(named) + (int(more[1]) if more else 0) == count + 1
    with pytest.raises(ValueError, match="column x") as caught:
        table("x,y\n" + "0.5,1\n" + "bad,1\n" * count)
    others = {1: "", 2: " (1 other entry too)"}.get(count, f" ({count - 1} other entries too)")
    assert str(caught.value).count("other entr") == (count > 1)
    assert others in str(caught.value)


def test_tables_read_back() -> None:
    task = table("x2,y,x1\n1,0,2\n3,2,4\n")
    np.testing.assert_array_equal(task.x[:, 0], [[2, 1], [4, 3]])
    assert task.y.tolist() == [[0], [1]]
    assert (task.kind, task.sizes, task.classes) == ("classes", {"x": 2, "y": 2}, ("0", "2"))
    assert task.weights.tolist() == [1, 1]
    assert task.labels == ("1", "2")
    many = table(",".join(f"x{i}" for i in range(11, 0, -1)) + ",y\n" + ",".join(map(str, range(11, 0, -1))) + ",0")
    assert many.x.ravel().tolist() == list(range(1, 12))  # x10 after x9, not after x1


@pytest.mark.parametrize(
    "text",
    [
        "x1,x2,y1,weight\n.5,-1e-3,2,0\n+3,4.,5.25,1\n",
        "\ufeffx1;x2;y1;weight\r\n0,5;-1e-3;2;0\r\n+3;4,0;5,25;1\r\n",
        "x1\tx2\ty1\tweight\r.5\t-1e-3\t2\t0\r+3\t4.\t5.25\t1",
        ' x1 , x2 ,"y1",weight\n\n0.5, -0.001 ,"2",0\n,,,\n3,4,5.25,1\n\n',
        "weight,y1,x2,x1\n0,2,-1e-3,.5\n1,5.25,4,3",
    ],
    ids=["comma", "semicolon with decimal comma and BOM", "tab", "spaces, quotes, empty lines", "other order"],
)
def test_tables_read_back_in_all_their_dialects(text) -> None:
    task = table(text)
    assert task.x[:, 0].tolist() == [[0.5, -0.001], [3, 4]]
    assert task.y[:, 0].tolist() == [[2.0], [5.25]]
    assert task.weights.tolist() == [0, 1]
    assert task.kind == "real"


@pytest.mark.parametrize(
    ("y", "kind", "classes"),
    [
        ("0 0", "classes", ("0", "1")),  # one class alone would have nothing to decide
        ("1 2", "classes", ("1", "2")),
        ("2 1 3", "classes", ("1", "2", "3")),
        ("-1 1 1", "classes", ("-1", "1")),
        ("−1 1", "classes", ("-1", "1")),
        ("0 2 4 2", "classes", ("0", "2", "4")),
        ("0 1 2 3 0", "classes", ("0", "1", "2", "3")),
        ("sun rain sun", "classes", ("sun", "rain")),
        ("b\u200b a b\u200b", "classes", ("bU+200B", "a")),
        ("0 7", "real", ()),
        ("118 132 129 121", "real", ()),
        ("118 118 132", "real", ()),
        ("1 2 3 4 5 6", "real", ()),
        ("5 5 5", "real", ()),
        ("0 1.0", "real", ()),
        ("-1.5 3", "real", ()),
        ("1/2 50%", "real", ()),
    ],
)
def test_targets_are_what_they_look_like(y, kind, classes) -> None:
    entries = y.split()
    task = table("x,y\n" + "\n".join(f"{t},{entry}" for t, entry in enumerate(entries)))
    assert (task.kind, task.classes) == (kind, classes)
    taken = f"{len(classes)} classes" if classes else "real numbers"
    assert task.notes[0].startswith(f"The column y was taken for {taken}, since")
    if classes:
        signs = [entry.replace("−", "-").replace("\u200b", "U+200B") for entry in entries]
        assert [classes[code] for code in task.y[:, 0]] == signs


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ("1,0,0 0,1,0 0,0,1", "shares"),
        ("0.2,0.3,0.5 0.1,0.1,0.8", "shares"),
        ("0.33,0.33,0.33 0.5,0.25,0.25", "shares"),  # rounded
        ("50%,1/4,1/4 1,0,0", "shares"),
        ("0.2,0.3,0.4 0.1,0.1,0.8", "real"),
        ("1.2,-0.2,0 0,0,1", "real"),
        ("1,2,3 4,5,6", "real"),
    ],
)
def test_several_columns_are_shares_or_real(rows, kind) -> None:
    text = "x,y1,y2,y3\n" + "\n".join(f"1,{row}" for row in rows.split())
    task = table(text)
    assert (task.kind, task.outputs, task.classes) == (kind, ("y1", "y2", "y3"), ())
    assert f"taken for {'shares' if kind == 'shares' else 'real numbers'}, since" in task.notes[0]
    assert task.y.tolist() == table(text, "real").y.tolist()
    if kind == "real":
        with pytest.raises(ValueError, match=r"line [23], columns y1 to y3: .*share"):
            table(text, "shares")


NUMBERS_OR_WORDS = st.one_of(
    st.lists(st.sampled_from([0, 1, -1, 0.5, 118, 132, 1e-3, -2.5, 3]), min_size=1, max_size=9),
    st.lists(st.sampled_from(["sun", "rain", "new york", "10 km", "a", "B", "café"]), min_size=1, max_size=9),
)


@given(NUMBERS_OR_WORDS)
def test_classes_can_be_made_of_any_numbers_or_words(entries) -> None:
    text = "x,y1\n" + "\n".join(f"1,{entry}" for entry in entries)
    task = table(text, "classes")
    assert [task.classes[code] for code in task.y[:, 0]] == [f"{e:g}" if not isinstance(e, str) else e for e in entries]
    assert set(task.y[:, 0]) == set(range(len(task.classes))) or task.classes == ("0", "1")  # no class is never wanted
    assert f"taken for {len(task.classes)} class" in task.notes[0]


def test_the_words_on_a_table_are_true_of_one_row_one_value_and_two_columns() -> None:
    one = table("x,y\n1,1")
    assert one.sentence == "From 1 number a step, name one of 2 classes at the one step, as the table has it."
    assert one.notes == ("The column y was taken for 2 classes, since it has no numbers but 0 and 1: '0', '1'.",)
    assert "no numbers but -1 and 1" in table("x,y\n1,1\n2,-1").notes[0]
    two = table("x,y1,y2\n1,0.2,0.7")
    assert two.notes[0].startswith(
        "The columns y1 and y2 were taken for real numbers, since some row has a negative entry or"
    )
    assert "the name of the column has a number" in table("x,y1\n1,3\n2,4").notes[0]


def test_one_column_of_several_is_a_class() -> None:
    task = table("x,y1,y2,y3\n1,0,1,0\n1,1,0,0\n", "classes")
    assert (task.y.tolist(), task.classes) == ([[1], [0]], ("y1", "y2", "y3"))


@pytest.mark.parametrize(
    ("text", "targets", "message"),
    [
        (
            "x,y\n1,sun\n2,0.5",
            "auto",
            "line 2, column y: 'sun' is no number: write it such as -0.5, 1e-3, 1/2 or 50%; words are",
        ),
        ("x,y\n1,sun\n2,rain", "real", "line 2, column y: 'sun' is no number"),
        ("x,y\n1,sun\n2,", "classes", "line 3, column y: the entry is empty: name a class"),
        ("x,y\n1,sun\n2," + "a" * 61, "classes", "line 3, column y: the name of a class has 61 characters; at most 60"),
        ("x,y\n1,0.5\n2,1", "shares", "column y: shares need two columns or more"),
        ("x,y1,y2\n1,0.5,0.4", "shares", "line 2, columns y1 and y2: the sum is 0.9, and shares sum to 1; divide"),
        ("x,y1,y2\n1,1,0\n1,1.5,-0.5", "shares", "line 3, columns y1 and y2: -0.5 is no share"),
        (
            "x,y1,y2\n1,1,0\n1,1,1",
            "classes",
            "line 3, columns y1 and y2: several columns are classes where one of them is 1",
        ),
        (
            "x,y\n" + "\n".join(f"1,{i}" for i in range(1001)),
            "classes",
            "column y: 1,001 different classes, at most 1,000",
        ),
    ],
)
def test_targets_that_cannot_be_what_is_asked_are_told(text, targets, message) -> None:
    with pytest.raises(ValueError, match=r"^table, ") as error:
        table(text, targets)
    assert message in str(error.value)


def test_how_a_doubtful_number_was_read_is_said() -> None:
    task = table("x;y1\n1.234;0,5\n")
    assert (task.x.item(), task.y.item()) == (1234, 0.5)
    assert "Read '1.234' as 1234" in task.notes[1]
    for text, x in (
        ('x,y1\n"1,234",0.5', 1234),
        ('x,y1\n"1,234",7', 1234),
        ("x;y1\n1,234;7", 1.234),
        ("x\ty1\n1,234\t2,345", 1.234),
    ):
        assert table(text).x.item() == x
        assert "Read '1,234' as" in table(text).notes[1]
    assert table("x;y1\n1.234;7").x.item() == 1.234


def wide(n: int, name: str = "x") -> str:
    return ",".join(f"{name}{i}" for i in range(1, n + 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "table: it is empty; give a first line that names the columns"),
        (" \n\n,,\n", "table: it is empty"),
        ("x1,y", "table: no row follows the names of the columns"),
        ("1,2\n3,4", "line 1: numbers where the names of the columns belong"),
        ("0,5;2\n3;4", "line 1: numbers where the names of the columns belong"),
        ("x1,x2\n1,2", "line 1: no target column; add y or y1, y2"),
        ("y\n1", "line 1: no input column; add x or x1, x2"),
        ("x1,x3,y\n1,2,3", "line 1: column x2 is missing before x3; number the columns without a gap from x1"),
        ("x2,y\n1,2", "line 1: column x1 is missing before x2"),
        ("x1,y1,y4\n1,2,3", "line 1: column y2 is missing before y4"),
        ("x1,z,y\n1,2,3", "line 1: unknown column 'z'; columns are x1, x2, …, y or y1, y2, …, and weight"),
        ("x0,y\n1,2", "line 1: unknown column 'x0'"),
        ("x01,y\n1,2", "line 1: unknown column 'x01'"),
        ("x1,<b>y,y\n1,2,3", "line 1: unknown column '<b>y'"),
        ("x1,,y\n1,2,3", "line 1: column 2 has no name"),
        ("x1,x1,y\n1,2,3", "line 1: column x1 stands there twice"),
        ("x,x1,y\n1,2,3", "line 1: both x and x1; give x alone or x1, x2"),
        ("x1,y,y1\n1,2,3", "line 1: both y and y1; give y alone or y1, y2"),
        ("x1,y\n1,2\n3", "line 3: 1 cell, but 2 columns are named"),
        ("x1,y\n1,2,3", "line 2: 3 cells, but 2 columns are named"),
        ("x1,y\n1,", "line 2, column y: the entry is empty: give a number"),
        ("x1,y\n\n\n1,2\nabc,2", "line 5, column x1: 'abc' is no number"),
        ("x1,y\nnan,2", "line 2, column x1: 'nan' is no finite number"),
        ("x1,y\n1,-inf", "line 2, column y: '-inf' is no finite number"),
        ("x1,y\n1e999,2", "line 2, column x1: '1e999' is too large"),
        ("x1,y\n١,2", "line 2, column x1: '١' is no number"),
        ('x1,y\n"1,2', "line 2: not a row of a CSV table"),
        ('x1,y\n"1"2,2', "line 2: not a row of a CSV table"),
        ("x1,y,weight\n1,1,x", "line 2, column weight: 'x' is no number"),
        ("x1,y\n" + "1,2\n" * (MAX_STEPS + 1), "line 5002: more than 5,000 rows; at most 5,000 are allowed"),
        (f"{wide(1001)},y\n1", "line 1: 1,001 input columns, at most 1,000 are allowed"),
        (f"{wide(1001, 'y')},x\n1", "line 1: 1,001 target columns, at most 1,000 are allowed"),
        (f"{wide(2002)}\n1", "line 1: 2,002 columns, at most 2,001 are allowed"),
        ("x1,y\n" + "é" * (MAX_TABLE_BYTES - 100), "bytes, at most 1,000,000 are allowed"),
        ("x1,y\n" + "9" * 200_000 + ",1", "line 2: not a row of a CSV table (field larger than"),
    ],
)
def test_each_bad_table_is_told(text, message) -> None:
    with pytest.raises(ValueError, match=r"^table") as error:
        table(text)
    assert message in str(error.value)
    assert len(str(error.value)) < 300


CELL = st.one_of(
    st.sampled_from(
        ["x", "x1", "x2", "x3", "y", "y1", "y2", "weight", "", '"', "1", "-2", "0.5", "nan", "1e999", "\ufeff"]
    ),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=6),
)
LINE = st.tuples(st.sampled_from(",;\t"), st.lists(CELL, max_size=5)).map(lambda line: line[0].join(line[1]))
HOSTILE = st.one_of(
    st.lists(LINE, max_size=6).map("\n".join),
    st.lists(LINE, max_size=6).map(lambda lines: "\r\n".join(["x1,x2,y", *lines])),
    st.text(st.characters(codec=None, exclude_categories=()), max_size=80),
)


@given(HOSTILE)
def test_any_text_is_read_or_a_value_error(text) -> None:
    told = ""
    try:
        task = table(text)
    except ValueError as error:
        told = str(error)
    assert told.startswith("table") if told else np.isfinite(task.x).all() and np.isfinite(task.y).all()
    assert len(told.encode()) < 400  # and it encodes: no lone surrogate in it


@given(
    st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1, max_size=8
    ),
    st.sampled_from(",;\t"),
)
def test_what_is_written_is_read(rows, separator) -> None:
    text = "\n".join(separator.join(map(str, row)) for row in [["x1", "x2", "y1"], *rows])
    task = table(text)
    np.testing.assert_array_equal(task.x[:, 0], [row[:2] for row in rows])
    np.testing.assert_array_equal(task.y[:, 0, 0], [row[2] for row in rows])


def test_the_page_can_offer_every_task() -> None:
    """The table is all that a page needs: names fit for a URL, a label a setting, functions that take them."""
    for name, entry in TASKS.items():
        assert name == entry.name == entry.function.__name__
        assert name.isidentifier()
        assert getattr(tasks, name) is entry.function
        assert entry.function(**{setting.name: setting.default for setting in entry.settings}).x.size
