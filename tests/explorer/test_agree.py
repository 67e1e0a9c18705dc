"""A fact that stands in several places is the same in all of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pages
import pytest
from pages import words
from root import ROOT
from streamlit.testing.v1 import AppTest

from engine import CATALOGUE
from engine.inputs import Scheme
from explorer import model as models
from explorer import theme
from explorer.experiments import cliff, knob
from explorer.experiments.cliff import Cliff
from explorer.experiments.knob import Turn
from explorer.live import encode, encode_strip
from explorer.live.encode import palette
from explorer.model import Model, samples
from explorer.picture.readings import overview
from explorer.picture.scene import scene
from explorer.state import State, View, to_query
from explorer.words.numbers import from_exponent, number
from explorer.words.pages import PAGES

# --- numbers ---------------------------------------------------------------------------------------------------------


def ties_and_others(many: int = 4_000) -> list[float]:
    """Numbers of all sizes, with those that lie half way between two that are written."""
    random = np.random.default_rng(8)
    sizes = [10 ** random.uniform(low, high, many) for low, high in ((-324, 308), (-6, 7))]
    halves = [random.integers(10**7, size=many) / 2.0 ** random.integers(0, 6, many)]
    typed = [random.integers(10**6, size=many) / 10.0 ** random.integers(0, 9, many)]
    ends = np.array(
        [0.0, 5e-324, 1e-4, 9.9995e-5, 9.99949e-5, 9999.4999, 9999.5, 1e4, 99995.0, 1e5, 1e21, 1e22, np.inf, np.nan]
    )
    found = np.concatenate([*sizes, *halves, *typed, ends])
    return np.concatenate([found, -found]).tolist()


def test_a_number_is_written_in_the_live_picture_as_on_the_page(browser) -> None:
    script, values = (ROOT / "explorer/live/js/text.js").read_text(), ties_and_others()
    page = browser.new_page()
    bits = np.array(values, "<f8").view("<u4").tolist()  # JSON has neither nan nor −0
    found = page.evaluate(
        """([script, bits]) => {
            const number = new Function(`${script}; return number;`)();
            return Array.from(new Float64Array(Uint32Array.from(bits).buffer), number);
        }""",
        [script, bits],
    )
    page.close()
    assert [(v, seen) for v, seen in zip(values, found, strict=True) if seen != number(v)] == []


@pytest.mark.parametrize(
    ("value", "seen"),
    [(12345.678, "1.23·10⁴"), (1234.5, "1234"), (1235.5, "1236"), (0.05126, "0.05126"), (-3.2e-9, "−3.20·10⁻⁹"),
     (9999.5, "1.00·10⁴")],
)  # fmt: skip
def test_a_rounded_number_does_not_look_exact(value, seen) -> None:
    assert number(value) == seen


def test_a_number_from_its_logarithm_is_written_as_the_number() -> None:
    for value in (1e-9, 0.05126, 1.0, 31.6, 2.5e17):
        assert from_exponent(float(np.log10(value))) == number(value)
    said = [from_exponent(e) for e in (-512.5, 999.0, -1e4 - 1e-9, -np.inf, np.inf, np.nan)]
    assert said == ["3.16·10⁻⁵¹³", "1.00·10⁹⁹⁹", "1.00·10⁻¹⁰⁰⁰⁰", "0", "∞", "nan"]
    writers = "def (number|power|from_exponent)\\("  # no other module has its own
    assert [path.name for path in ROOT.glob("explorer/**/*.py") if re.search(writers, path.read_text())] == [
        "numbers.py"
    ]


def test_what_is_read_in_the_live_picture_is_the_number_of_the_run_to_the_bit() -> None:
    run = models.run(Model(cell="lstm"))
    picture = scene(run, View(edges="backward"))
    size = int.from_bytes((data := encode(picture))[:4], "little")
    kinds = {name: kind for name, kind, _ in json.loads(data[4 : 4 + size])["arrays"]}
    read = ("value", "gradient", "value_head", "gradient_head", "strength")
    assert {kinds[name] for name in read} == {"f8"}


# --- which sample ----------------------------------------------------------------------------------------------------


def test_a_sample_that_there_is_not_stands_for_all_and_for_the_first() -> None:
    run = models.run(Model(task="noise", settings=(("samples", 3), ("steps", 4))))
    assert [samples.shown(run, sample) for sample in (0, 1, 3, 4, 9)] == [0, 1, 3, 0, 0]
    assert [samples.one(run, sample) for sample in (0, 1, 3, 4, 9)] == [0, 0, 2, 0, 0]
    for sample in (0, 1, 3, 4, 9):
        places = np.arange(3)[samples.span(run, sample)].tolist()
        assert places == ([sample - 1] if samples.shown(run, sample) else [0, 1, 2])
        assert samples.one(run, sample) in places
        assert bool(samples.caption(run, sample)) == (len(places) > 1)
    assert (
        samples.missing(run, 9) == "There is no sample 9 here: the network has 3, and all of them are shown together."
    )
    assert samples.missing(run, 3) == ""


opened = partial(pages.opened, picture="live")


def said(app: AppTest) -> str:
    """The texts of the page, without backslashes before signs of markdown."""
    return re.sub(r"\\(.)", r"\1", words(app))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("sample", ["0", "9", "2"])
def test_every_page_means_the_same_sample(name, sample) -> None:
    """The slips took the last of three, the derivation the first, and the caption of the selected node was missing."""
    query = dict(task="noise", steps="4", samples="3", sample=sample, node="h,2", tab="shares", graph="unrolled")
    app = opened(name, **query)
    words = said(app)
    assert ("There is no sample 9 here" in words) == (sample == "9")
    one = "2" if sample == "2" else "1"
    if name in ("derive", "slips"):
        assert f"sample {one}" in words
        assert not re.search(rf"sample [^{one}9]", words)
    if name == "slips":
        assert app.number_input(key="formula.sample").value == int(one)
    if name == "derive":
        assert app.selectbox(key="derive.sample").value == int(one)
    if name in ("network", "vanish"):
        assert ("the numbers here are those of sample 1" in words) == (sample != "2")
        chosen = app.selectbox(key="sample" if name == "network" else "vanish.sample")
        assert chosen.value == (2 if sample == "2" else 0)


# --- a number that is turned -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_knob_and_the_cliff_call_a_number_alike_and_give_it_the_same_value(name) -> None:
    """b_f of the LSTM was "Value of b_f" 1 at the knob, and "Added to b_f" 0.0 at the cliff."""
    model = models.changed(Model(), cell=name)
    vectors = [name for name, array in models.parameters(model).items() if array.ndim == 1]
    for vector in vectors[:2]:
        model = models.with_override(model, vector, Scheme("constant", value=-0.5))
    model = models.with_turn(model, models.structure(model).parameters[0], 2.0)
    for turn in cliff.numbers(model):
        other = next((t for t in cliff.numbers(model) if not cliff.clash(turn, t) and t.of != turn.of), None)
        if other is None:
            continue
        chosen = cliff.completed(model, Cliff(turn, other))
        assert cliff.sides(chosen)[0] == turn
        settled, at = knob.placed(model, turn)
        shown = number(cliff.here(model, chosen)[0])
        assert knob.labels(model, settled)[at].removeprefix("+") == shown
        low, high = cliff.ranges(chosen)[0]
        assert low <= cliff.here(model, chosen)[0] <= high


def test_the_value_of_a_forget_bias_is_its_value_on_the_cliff_too() -> None:
    model = models.with_override(models.changed(Model(), cell="lstm"), "b_f", Scheme("constant", value=1.0))
    chosen = cliff.completed(model, Cliff(Turn("added", "b_f"), Turn("gain", "W_f")))
    assert knob.title(model, cliff.sides(chosen)[0]) == "Value of b_f"
    assert cliff.here(model, chosen)[0] == 1
    there = cliff.at(model, chosen, (3.0, 1.0))
    assert (models.parameters(there)["b_f"] == 3).all()
    assert cliff.here(there, chosen)[0] == 3
    found = cliff.span(model, chosen).look(models.run(model), np.array([[1.0, 1.0], [3.0, 1.0]]))
    np.testing.assert_allclose(found.loss, [models.run(model).loss, models.run(there).loss], rtol=1e-12)


def test_the_factor_and_the_value_of_equal_entries_are_one_number() -> None:
    model = models.changed(Model(), cell="lstm")
    across, up = cliff.sides(cliff.completed(model, Cliff(Turn("added", "b_f"), Turn("gain", "b_f"))))
    assert across == Turn("added", "b_f")
    assert up.of != "b_f"


# --- colours, sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", theme.SCALES)
def test_the_strip_has_the_colours_of_the_graph(scale) -> None:
    """It stayed viridis whatever was chosen."""
    run = models.run(Model(task="noise", settings=(("steps", 70),)))
    picture = scene(run, View(scale=scale))
    headers = []
    for data in (encode(picture), encode_strip(picture, overview(run, picture.view))):
        size = int.from_bytes(data[:4], "little")
        headers.append(json.loads(data[4 : 4 + size]))
    assert headers[0]["palettes"] == headers[1]["palettes"]
    assert headers[1]["palettes"] == json.loads(json.dumps({name: palette(name, scale) for name in theme.PALETTES}))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn_deep", "rnn_output"])
def test_any_name_of_a_class_names_its_size(cell) -> None:
    """As in the engine; `n.s=16` of an LSTM, whose size is kept under h, was passed over."""
    model = models.changed(Model(), cell=cell)
    for members in models.structure(model).hidden:
        for name in members:
            changed = models.with_size(model, name, 5)
            assert models.sizes(changed)[members[0]] == 5
            assert f"n.{members[0]}" in to_query(State(changed))
    with pytest.raises(ValueError, match="no size of its own"):
        models.with_size(model, "x", 5)


def test_a_view_says_all_samples_of_one_as_it_says_that_one() -> None:
    run = models.run(Model())
    assert samples.caption(run, 0) == samples.caption(run, 1) == samples.missing(run, 7) == ""
    for view in (View(sample=1), View(sample=7)):
        np.testing.assert_array_equal(scene(run, view).magnitude, scene(run, replace(view, sample=0)).magnitude)
