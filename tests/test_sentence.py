"""What happens to the gradient, in facts and in words: facts against plain numpy, words against the facts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, is_dataclass, replace
from unittest.mock import patch

import numpy as np
import pytest
from cells import FEATURES, Case, cases
from hypothesis import given, settings

import engine
from engine import CATALOGUE, names
from engine.initial import Scheme
from engine.run import Run
from explorer import model as models
from explorer import sentence
from explorer.model import OWN, Model
from explorer.sentence import Facts, facts, sentences, written

LAST = {"task": "noise", "count": "last"}


def made(steps: int = 30, samples: int = 1, **options) -> Run:
    options = LAST | options
    return models.run(Model(settings=(("samples", samples), ("steps", steps)), **options))


def own(text: str, steps: int = 30, **options) -> Run:
    return made(steps, cell=OWN, text=text, **options)


def said(run: Run, sample: int = 0) -> str:
    return " ".join(sentences(run, sample))


HEAD = "o = c + V @ h\ny_hat = softmax(o)\nL = nll(y_hat, y)"

# --- the facts are those of plain numpy -----------------------------------------------------------------------------------


def by_hand(run: Run, b: int = 0) -> np.ndarray:
    """∇h(t) of an Elman network for the loss of the last step alone, and ∇a(t), by the book's recursion."""
    p, h = run.parameters, run.value["h"][:, b]
    o = h[-1] @ p["V"].T + p["c"]
    y_hat = np.exp(o - o.max()) / np.exp(o - o.max()).sum()
    y_hat[run.y[-1, b]] -= 1
    g = p["V"].T @ y_hat / run.B
    rows = []
    for t in range(run.T - 1, -1, -1):
        a = (1 - h[t] ** 2) * g
        rows.append((np.linalg.norm(g), np.linalg.norm(a)))
        g = p["W"].T @ a
    return np.array(rows[::-1])


@pytest.mark.parametrize("count", ["last", "every"])
def test_the_facts_are_those_of_plain_numpy(count) -> None:
    run = made(50, count=count)
    found, expected = facts(run), by_hand(run)
    assert (found.verdict, found.name, found.first, found.last, found.loss) == ("vanishes", "h", 1, 50, 50)
    np.testing.assert_allclose([found.log_first, found.log_last], np.log10(expected[[0, -1], 0]), rtol=1e-9)
    assert found.rate == pytest.approx((expected[0, 0] / expected[-1, 0]) ** (1 / 49))
    (part,) = found.parts
    lost = expected[1:, 1] / expected[1:, 0]
    assert (part.function, part.factor) == ("tanh", pytest.approx(np.exp(np.log(lost).mean())))
    kept = expected[:-1, 0] / expected[1:, 1]
    assert found.weights == pytest.approx(np.exp(np.log(kept).mean()))
    assert part.flat == ((1 - run.value["h"][1:] ** 2) < 0.1).mean() > 0
    W = run.parameters["W"]
    (stretch,) = found.stretches
    assert (stretch.name, stretch.largest) == ("W", pytest.approx(np.linalg.svd(W)[1][0]))
    assert stretch.radius == pytest.approx(np.abs(np.linalg.eigvals(W)).max())
    assert found.bound == pytest.approx(stretch.largest)
    for reach, smallest in zip(found.reach, (2.0**-150, 5e-324 / 2), strict=True):
        steps = np.log(smallest or 2.0**-1074) / np.log(found.rate) - np.log(expected[-1, 0]) / np.log(found.rate)
        assert not reach.seen
        assert reach.steps == pytest.approx(steps, abs=2)


def test_the_samples_are_measured_together_and_one_by_one() -> None:
    run = made(20, samples=3)
    found = facts(run)
    hand = np.array([by_hand(run, b)[:, 0] for b in range(3)])
    together = np.linalg.norm(hand, axis=0)
    assert found.log_ratio == pytest.approx(np.log10(together[0] / together[-1]))
    each = np.log10(hand[:, 0] / hand[:, -1])
    assert found.spread == pytest.approx((each.min(), each.max()))
    assert "From sample to sample it is between" in said(run)
    for b in range(3):
        one = facts(run, b + 1)
        assert (one.sample, one.samples, one.spread) == (b + 1, 1, None)
        assert one.log_ratio == pytest.approx(each[b])
        assert one.log_last == pytest.approx(np.log10(hand[b, -1]))
        assert said(run, b + 1).startswith(f"For sample {b + 1}: the gradient at h(1) is")


def test_the_losses_that_are_felt_at_the_first_step() -> None:
    run = made(30, count="every")
    norms = np.linalg.norm(engine.by_loss(run, "h")[:, 0, 0], axis=-1)
    found = facts(run)
    assert found.losses == 30
    assert found.strongest == np.argmax(norms) + 1
    assert found.felt == np.flatnonzero(norms >= 0.01 * norms.max())[-1] + 1
    assert f"the last that gives at least a hundredth of that is the one of step {found.felt}." in said(run)
    assert said(run).startswith("For the loss of step 30 alone: the gradient at h(1)")


@pytest.mark.parametrize("scale", [0.01, 0.5, 2.0, 40.0])
@pytest.mark.parametrize(
    "text",
    [
        f"a = b + W @ h[t-1] + U @ x\nh = tanh(a)\n{HEAD}",
        f"h = tanh(b + W @ h[t-1] + U @ x)\n{HEAD}",
        f"h = relu(tanh(b + W @ h[t-1] + U @ x) + 1)\n{HEAD}",
        f"k = sigmoid(R @ h[t-1])\nh = tanh(W @ k + U @ x)\n{HEAD}",
        f"a = alpha * (W @ o[t-1]) + U @ x\nh = tanh(a)\n{HEAD}",
    ],
)
def test_the_parts_multiply_to_the_rate(text, scale) -> None:
    alpha = (("alpha", Scheme("constant", value=0.8)),) if "alpha" in text else ()
    run = own(text, 400, scheme=Scheme("normal", gain=scale), overrides=alpha)
    found = facts(run)
    assert found.weights is not None
    assert found.weights * np.prod([part.factor for part in found.parts]) == pytest.approx(found.rate, rel=1e-9)
    for part in found.parts:
        assert 0 <= part.factor <= 1 + 1e-12  # slopes of these are at most 1
    assert found.bound is not None
    assert found.rate <= found.bound * (1 + 1e-9)
    if scale in (0.01, 40.0):
        assert found.log_first < -400  # far beyond the floats
        assert all(reach.seen for reach in found.reach)


GATED = ["lstm", "lstm_tanh", "lstm_peephole", "gru", "rnn_leaky", "rnn_skip"]


@pytest.mark.parametrize("cell", GATED)
def test_the_ways_sum_to_the_rate(cell) -> None:
    run = made(40, samples=2, cell=cell)
    found = facts(run)
    assert found.weights is None
    assert sum(way.passes for way in found.ways) == pytest.approx(found.rate, rel=1e-6)
    assert [way.passes for way in found.ways] == sorted((way.passes for way in found.ways), key=abs, reverse=True)


def test_the_direct_way_of_an_lstm_is_its_forget_gate() -> None:
    run = made(40, cell="lstm_tanh", overrides=(("b_f", Scheme("constant", value=3.0)),))
    found = facts(run)
    direct = next(way for way in found.ways if way.direct)
    assert (found.name, direct.target, direct.gates) == ("s", "s", ("f",))
    assert direct.median == pytest.approx(np.median(run.value["f"][1:]))
    f, g = run.value["f"][1:, 0], run.grad["s"][:, 0]
    along = [(f[t] * g[t + 1]) @ g[t] / (g[t] @ g[t]) for t in range(39)]
    assert direct.passes == pytest.approx(found.rate * np.mean(along))
    text = said(run)
    assert f"comes through s directly, whose factor f has a median of {direct.median:.3g}, and" in text
    assert "the tanh in s" in text
    (other,) = found.others
    assert other.name == "h"
    logs = np.log10(np.linalg.norm(run.grad["h"][:, 0], axis=1))
    assert other.log_ratio == pytest.approx(logs[0] - logs[-1])


def test_a_gate_written_the_other_way_round_has_a_median_as_well() -> None:
    run = own(f"z = sigmoid(W_z @ h[t-1] + U_z @ x)\nh = (1 - z) * h[t-1] + z * tanh(W @ h[t-1] + U @ x)\n{HEAD}")
    direct = next(way for way in facts(run).ways if way.direct)
    assert direct.gates == ()
    assert direct.median == pytest.approx(np.median(1 - run.value["z"][1:]))
    assert "directly, whose factor has a median of" in said(run)


def test_a_layer_below_gets_its_gradient_by_two_ways() -> None:
    run = made(30, cell="rnn_deep")
    found = facts(run)
    assert (found.name, len(found.parts)) == ("h_2", 1)  # above all, so there is one way only
    below = facts(run, name="h_1")
    assert (below.weights, {way.target for way in below.ways}) == (None, {"a_1", "a_2"})
    assert sum(way.passes for way in below.ways) == pytest.approx(below.rate, rel=1e-9)
    assert found.others[0].log_ratio == pytest.approx(below.log_ratio)
    with pytest.raises(ValueError, match="'a_1' is no state of rnn_deep; states: h_1, h_2"):
        facts(run, name="a_1")


# --- a case for each kind --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "verdict", "words"),
    [
        (dict(steps=50), "vanishes", "it vanishes. Each of the 49 steps multiplies it by 0.522 on average: W by"),
        (dict(steps=8), "shrinks", "it shrinks."),
        (
            dict(activation="identity", scheme=Scheme("orthogonal")),
            "lasts",
            "The gradient at h(1) is as large as at h(30): it keeps about its size. Each of the 29 steps multiplies it by 1 on"
            " average, which is all due to W. σ_max(W) · max |φ′| is 1: the gradient cannot grow.",
        ),
        (dict(activation="identity", scheme=Scheme("identity")), "lasts", "as large as at h(30)"),
        (
            dict(activation="identity", scheme=Scheme("normal", radius=1.5)),
            "explodes",
            "which is above 1: the gradient may grow, and here it does. The spectral radius of W is 1.5.",
        ),
        (
            dict(scheme=Scheme("normal", norm=0.5)),
            "vanishes",
            "which is below 1: the gradient must vanish in the long run",
        ),
        (dict(scheme=Scheme("pytorch"), sizes=(("h", 64),)), "vanishes", "sufficient for vanishing, not necessary"),
        (dict(activation="relu"), "vanishes", "of its units are shut)"),
        (dict(activation="sigmoid"), "vanishes", "sigmoid by"),
        (
            dict(steps=700, activation="relu", scheme=Scheme("normal", gain=6)),
            "undefined",
            "that is infinite, and the gradient with them: before that each step multiplies the largest entry of h by",
        ),
        (dict(cell="lstm_tanh"), "vanishes", "whose factor f has a median of"),
        (dict(cell="gru"), "vanishes", "comes through h directly, whose factor z has a median of"),
        (dict(cell="rnn_leaky"), "lasts", "comes through h directly, whose factor α has a median of 0.9"),
        (dict(cell="rnn_skip"), "shrinks", "comes through a 2 steps later"),
        (dict(cell="rnn_output"), "vanishes", "σ_max(W) · σ_max(V) · max |φ′| is"),
        (dict(cell="rnn_deep"), "vanishes", "At h₁(1) it is"),
        (dict(cell="feedforward", layers=10, samples=5), "lasts", "Each of the 8 layers multiplies it by"),
        (dict(cell="feedforward", layers=5, activation="identity"), "lasts", "which is all due to the weights."),
        (dict(cell="feedforward", layers=2), "flat", "no way back through time"),
        (dict(steps=1), "one step", "There is one step only"),
        (dict(scheme=Scheme("zeros")), "zero", "exactly zero: what leads from there to the loss is zero, or shut"),
        (dict(overrides=(("W", Scheme("zeros")),)), "stops", "from a step to the one before: W is zero."),
        (dict(count="hand", weights=(0.0,) * 30), "no loss", "No loss counts"),
        (
            dict(cell=OWN, text=f"h = tanh(U @ x)\nk = tanh(W @ k[t-1])\n{HEAD}"),
            "no path",
            "The loss does not depend on k in any way",
        ),
        (dict(cell=OWN, text=f"h = tanh(U @ x)\n{HEAD}"), "flat", "No step reads another"),
        (
            dict(cell=OWN, text="h = tanh(U @ x)\nL = nll(softmax(V @ h[t-1]), y)"),
            "stops",
            "The gradient at h(29) is the only",
        ),
        (
            dict(cell=OWN, text=f"h = tanh(W @ h[t-3] + U @ x)\n{HEAD}"),
            "shrinks",
            "all of it comes through h 3 steps later",
        ),
        (dict(cell=OWN, text=f"h = softmax(W @ h[t-1] + U @ x)\n{HEAD}"), "vanishes", "all of it comes through h."),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 12 else None,
)
def test_each_kind_is_told(options, verdict, words) -> None:
    run = made(**options)
    found = facts(run)
    assert found.verdict == verdict
    assert words in " ".join(written(found))
    the_numbers_are_facts(run, found)


def test_ten_to_the_minus_2000_is_told_as_it_is() -> None:
    run = made(1000, scheme=Scheme("normal", gain=0.01))
    found = facts(run)
    exact = 999 * np.log10(found.rate)
    assert found.log_ratio == pytest.approx(exact)
    assert found.log_ratio < -2000
    assert re.search(r"is \d(\.\d)?·10⁻²\d*[⁰¹²³⁴⁵⁶⁷⁸⁹]{3} of the one", said(run))
    assert "Nothing arrives after more than" in said(run)


def test_a_run_that_is_not_a_number_is_told() -> None:
    cell = CATALOGUE["rnn"]
    params = {name: np.full(shape, 1e300) for name, shape in cell.shapes({"x": 1, "h": 2, "y": 2}).items()}
    params["W"] = np.array([[1e300, -1e300], [-1e300, 1e300]])
    relu = engine.rnn("relu")
    run = engine.run(relu, params, np.full((9, 1), 1e9), np.zeros(9, int))
    assert facts(run).verdict == "undefined"
    assert "leave the range of floating point" in said(run)


def test_a_loss_that_is_exactly_right_is_passed_over() -> None:
    cell = engine.parse("h = tanh(W @ h[t-1] + x)\nL = mse(h, y)")
    x = np.random.default_rng(0).normal(size=(20, 1, 2))
    W = np.array([[0.5, 0.2], [0.1, 0.4]])
    free = engine.run(cell, {"W": W}, x, np.zeros_like(x))
    y = np.array(free.value["h"])
    y[:17] = 0
    found = facts(engine.run(cell, {"W": W}, x, y))
    assert (found.loss, found.last, found.losses) == (17, 17, 20)
    y[:4] = 1
    y[4:] = free.value["h"][4:]
    found = facts(engine.run(cell, {"W": W}, x, y))
    assert (found.loss, found.last) == (None, 4)  # too far back: all of them together
    assert said(engine.run(cell, {"W": W}, x, y)).startswith("For all losses together: the gradient at h(1)")


def test_large_runs_are_looked_at_in_part() -> None:
    run = made(100, samples=100, count="every")
    with patch.object(sentence, "_NUMBERS", 20_000), patch.object(sentence, "_WORK", 100):
        found = facts(run)
        text = said(run)
    assert found.of == 100
    assert 1 <= found.samples < 100
    assert found.strongest is None
    assert text.startswith(f"For the first {found.samples} of 100 samples and the loss of step 100 alone: ")
    one = facts(run, 1)
    assert found.samples == 20_000 // (100 * sum(run.sizes.values()))
    assert facts(replaced(run), 0).log_ratio == pytest.approx(one.log_ratio)


def replaced(run: Run) -> Run:
    """The first sample by itself."""
    return engine.run(run.cell, run.parameters, run.x[:, :1], run.y[:, :1], weights=run.weights[:, :1])


# --- the words are the facts -----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"−?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)?(?: %)?")


def logs_of(found: object) -> set[float]:
    """log10 of the size of every number in the facts."""
    if isinstance(found, Facts):
        rest = [way.passes for way in found.ways if not way.direct]
        derived = [found.rate, found.steps, sum(rest), max(1, len(rest) - 4), len(found.stretches)]
        logs = {found.log_ratio, *(found.spread or ()), *(other.log_ratio for other in found.others)}
        return logs | {log for number in derived for log in logs_of(number)} | logs_in(found)
    if is_dataclass(found):
        return logs_in(found)
    if isinstance(found, tuple):
        return {log for part in found for log in logs_of(part)}
    if isinstance(found, int | float) and not isinstance(found, bool):
        with np.errstate(divide="ignore"):
            return {float(np.log10(abs(found)))}
    return set()


def logs_in(found: object) -> set[float]:
    return {log for field in fields(found) for log in logs_of(getattr(found, field.name))}


def the_numbers_are_facts(run: Run, found: Facts) -> None:
    text = " ".join(written(found))
    assert text
    assert "nan" not in text
    known = logs_of(found)
    for name in sorted(map(names.written, (*run.cell.nodes, *run.cell.parameters)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", text) if re.search(r"\d", name) else text
    for constant in ("float32", "float64", "above 1", "below 1"):
        text = text.replace(constant, "")
    for number in _NUMBER.findall(text):
        plain = number.lstrip("−").replace(",", "").removesuffix(" %")
        mantissa, _, power = plain.partition("·10")
        exponent = int(unicodedata.normalize("NFKC", power).replace("−", "-")) if power else 1 if "·10" in plain else 0
        log = (np.log10(float(mantissa)) if float(mantissa) else -np.inf) + exponent - 2 * number.endswith("%")
        assert any(log == other or abs(log - other) < 0.025 for other in known), (number, text, known)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (-5000.3, "5·10⁻⁵⁰⁰¹"), (-3.001, "10⁻³"), (-3, "0.001"), (-1.5, "0.0316"), (0, "1"), (2.5, "316"), (3.7796, "6,020"),
        (3.9999, "10,000"), (4, "10⁴"), (9.3, "2·10⁹"), (46613.5, "3.2·10⁴⁶⁶¹³"),
    ],
)  # fmt: skip
def test_a_size_is_written_from_its_logarithm(log, words) -> None:
    assert sentence._size(log).removeprefix("1·") == words


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
@pytest.mark.parametrize("weights", ["ones", "last", "samples"])
def test_every_number_is_a_fact(text, weights) -> None:
    run = Case(text, 6, 2, seed=3, initial="KBn", weights=weights).run()
    for sample in (0, 2):
        found = facts(run, sample)
        the_numbers_are_facts(run, found)
        for state in run.cell.states:
            the_numbers_are_facts(run, facts(run, sample, state))


@settings(max_examples=150)
@given(cases())
def test_no_cell_is_left_without_a_sentence(case) -> None:
    run = case.run()
    for sample in range(run.B + 1):
        found = facts(run, sample)
        the_numbers_are_facts(run, found)
        if found.weights is not None and np.isfinite(found.rate) and found.parts:
            product = found.weights * np.prod([part.factor for part in found.parts])
            assert product == pytest.approx(found.rate, rel=1e-6)


@settings(max_examples=60)
@given(cases())
def test_shares_need_a_single_way(case) -> None:
    """Where weights and functions share the rate, what is sent along the single way is the whole gradient."""
    found = facts(replace(case, weights="last").run())
    assert not (found.ways and found.weights is not None)
    if found.weights is not None and not found.layers:
        assert found.bound is not None
        slack = 1e-4 if case.dtype == "float32" else 1e-9
        assert found.rate <= found.bound * (1 + slack) + 1e-12
