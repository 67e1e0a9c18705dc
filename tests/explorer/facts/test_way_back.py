"""How the gradient of one loss goes back: against the gradients by loss, and the same wherever it is told."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from explorer import compare, facts
from explorer import model as models
from explorer.facts import KEEPS, about, course, earliest, line, verdict
from explorer.model import Model
from explorer.state import PRESETS
from explorer.teach import answers
from explorer.words import glossary
from explorer.words.glossary import DEFINITIONS


def made(steps: int = 30, samples: int = 1, **options):
    options = {"task": "noise", "count": "every"} | options
    return models.run(Model(settings=(("samples", samples), ("steps", steps)), **options))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "rnn_skip", "rnn_output", "rnn_deep"])
@pytest.mark.parametrize("sample", [0, 2])
def test_the_course_is_that_of_the_last_loss_alone(cell, sample) -> None:
    run = made(12, 3, cell=cell)
    for name in run.cell.states:
        found = course(run, name, sample)
        norms = engine.by_loss_norm(run, name)[-1]
        norms = norms[:, 1] if sample else np.linalg.norm(norms, axis=1)
        np.testing.assert_allclose(10**found.logs, norms, rtol=1e-9)
        there = norms[norms > 0]
        assert found.rate == pytest.approx((there[0] / there[-1]) ** (1 / (found.last - found.first)))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "rnn_deep"])
@pytest.mark.parametrize("count", ["last", "every", "first"])
def test_the_table_says_what_the_sentence_says(cell, count) -> None:
    run = made(
        60, cell=cell, **(dict(count="hand", weights=(1.0, *[0.0] * 59)) if count == "first" else dict(count=count))
    )
    name = earliest(run.cell)
    found, table = about(run, name=name), compare.measure(run)
    if count == "first":
        assert table.alone.steps == 0
        return
    assert table.state == name
    assert table.alone.rate == found.left.rate == answers.amount(f'rate("{name}")', run)


def test_a_cut_column_has_nothing_of_the_loss_before_the_cut() -> None:
    run = made(60)
    for every, held in ((5, 4), (7, 3), (60, 59), (100, 59)):
        cut = engine.cut(run, every)
        found = compare.measure(run, 0, cut, every)
        assert np.isfinite(found.first)  # losses of the first piece refill it
        assert (found.reach.steps, found.reach.end) == (held, "zero" if held < 59 else "all")
        norms = np.linalg.norm(engine.cut(facts.alone(run, 1), every).grad["h"][:, 0], axis=-1)
        last = np.zeros(60)
        last[-1] = 1
        only = engine.run(run.cell, run.parameters, run.x, run.y, weights=last)
        norms = np.linalg.norm(engine.cut(only, every).grad["h"][:, 0], axis=-1)
        np.testing.assert_allclose(10**found.alone.logs, norms, rtol=1e-9)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_floats_end_where_they_lose_digits(kind) -> None:
    run = made(400, count="last", scheme=engine.Scheme("normal", gain=0.1))
    found = course(run, "h")
    reach = found.reach(kind)
    tiny = np.log10(np.finfo(kind).tiny)
    assert reach.end == "below"
    assert found.back[reach.steps] + found.logs[-1] >= tiny > found.back[reach.steps + 1] + found.logs[-1]


@pytest.mark.parametrize(
    ("back", "word"),
    [
        ([0, -0.2, -0.4], "vanishes"),  # 0.63 a step
        (np.linspace(0, 5 * np.log10(0.63), 6), "vanishes"),
        (np.linspace(0, -1.1, 401), "vanishes"),  # 0.994 a step, less than a tenth in all
        (np.linspace(0, 0.9, 401), "keeps"),
        (np.linspace(0, 1.1, 401), "grows"),
        (np.zeros(9), "keeps"),
        ([0, -13, 0], "falls and returns"),
        ([0, 2, 0], "rises and returns"),
        (np.log10(KEEPS[0]) * np.arange(3) * 0.99, "keeps"),
        (np.log10(KEEPS[1]) * np.arange(3) * 1.01, "grows"),
    ],
)
def test_a_word_is_said_by_the_rate_and_the_whole_curve(back, word) -> None:
    assert verdict(np.asarray(back, float), len(back) - 1) == word


def test_the_words_are_explained_where_they_stand() -> None:
    explained = {letter.latex for letter in glossary.LETTERS["What becomes of a gradient"]}
    assert {f"\\text{{{word}}}" for word in DEFINITIONS} <= explained
    for word, numbers in (
        ("vanishes", ("0.95", "tenth")),
        ("grows", ("1.05", "ten")),
        ("keeps its size", ("0.95", "1.05")),
    ):
        assert all(number in DEFINITIONS[word] for number in numbers)


def test_how_straight_a_curve_is() -> None:
    k = np.arange(40)
    found = line(k, -0.3 * k)
    assert (found.slope, found.r2, found.off) == (pytest.approx(-0.3), pytest.approx(1), pytest.approx(0, abs=1e-9))
    noise = np.random.default_rng(0).normal(size=40)
    found, expected = line(k, -0.3 * k + noise), np.corrcoef(k, -0.3 * k + noise)[0, 1] ** 2
    assert found.r2 == pytest.approx(expected)
    latch = course(models.run(PRESETS["latch"].state.model), "h")
    assert latch.line.r2 < 0.9
