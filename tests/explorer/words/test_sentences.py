"""What happens to the gradient, in words: each kind of case, those that were told wrongly once, and words against claims."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, is_dataclass, replace
from unittest.mock import patch

import numpy as np
import pytest
from cells import FEATURES, Case, cases
from claims import checked
from hypothesis import given, settings

import engine
from engine import CATALOGUE
from engine.execute.run import Run
from engine.inputs import Scheme
from engine.language import names
from explorer import model as models
from explorer.facts import KEEPS, about, measure, way_back
from explorer.facts import claims as say
from explorer.facts.claims import Facts
from explorer.model import OWN, Model
from explorer.state import PRESETS
from explorer.words import phrases
from explorer.words.sentences import sentences, written

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
    found, expected = about(run), by_hand(run)
    own = found.left
    assert (found.verdict, found.name, own.first, own.last, found.scope.loss) == ("vanishes", "h", 1, 50, 50)
    np.testing.assert_allclose([own.log_first, own.log_last], np.log10(expected[[0, -1], 0]), rtol=1e-9)
    assert found.left.rate == pytest.approx((expected[0, 0] / expected[-1, 0]) ** (1 / 49))
    (part,) = found.one(say.Shares).parts
    lost = expected[1:, 1] / expected[1:, 0]
    assert (part.function, part.factor) == ("tanh", pytest.approx(np.exp(np.log(lost).mean())))
    kept = expected[:-1, 0] / expected[1:, 1]
    assert found.one(say.Shares).weights == pytest.approx(np.exp(np.log(kept).mean()))
    assert part.flat == ((1 - run.value["h"][1:] ** 2) < 0.1).mean() > 0
    W = run.parameters["W"]
    (stretch,) = found.one(say.Theory).stretches
    assert (stretch.name, stretch.largest) == ("W", pytest.approx(np.linalg.svd(W)[1][0]))
    assert stretch.radius == pytest.approx(np.abs(np.linalg.eigvals(W)).max())
    assert found.one(say.Theory).rate == pytest.approx(stretch.largest)
    for outlook, kind in zip(found.all(say.Outlook), ("float32", "float64"), strict=True):
        steps = (np.log(np.finfo(kind).tiny) - np.log(expected[-1, 0])) / np.log(own.rate)
        assert (outlook.float_kind, outlook.steps) == (kind, pytest.approx(steps))


def test_the_samples_are_measured_together_and_one_by_one() -> None:
    run = made(20, samples=3)
    found = about(run)
    hand = np.array([by_hand(run, b)[:, 0] for b in range(3)])
    together = np.linalg.norm(hand, axis=0)
    assert found.left.log_ratio == pytest.approx(np.log10(together[0] / together[-1]))
    each = np.log10(hand[:, 0] / hand[:, -1])
    assert (found.one(say.Spread).low, found.one(say.Spread).high) == pytest.approx((each.min(), each.max()))
    assert "From one sample to another what is left is between" in said(run)
    for b in range(3):
        one = about(run, b + 1)
        assert (one.scope.sample, one.scope.samples, one.one(say.Spread)) == (b + 1, 1, None)
        assert one.left.log_ratio == pytest.approx(each[b])
        assert one.left.log_last == pytest.approx(np.log10(hand[b, -1]))
        assert said(run, b + 1).startswith(f"For sample {b + 1}: the gradient at h(1) is")


def test_the_losses_that_are_felt_at_the_first_step() -> None:
    run = made(30, count="every")
    norms = np.linalg.norm(engine.by_loss(run, "h")[:, 0, 0], axis=-1)
    found = about(run)
    assert found.scope.losses == 30
    assert found.one(say.Felt).strongest == np.argmax(norms) + 1
    assert found.one(say.Felt).last == np.flatnonzero(norms >= 0.01 * norms.max())[-1] + 1
    assert f"the last that gives at least a hundredth of that is the one of step {found.one(say.Felt).last}." in said(
        run
    )
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
    found = about(run)
    assert found.one(say.Shares) is not None
    assert found.one(say.Shares).weights * np.prod(
        [part.factor for part in found.one(say.Shares).parts]
    ) == pytest.approx(found.left.rate, rel=1e-9)
    for part in found.one(say.Shares).parts:
        assert 0 <= part.factor <= 1 + 1e-12  # slopes of these are at most 1
    assert found.one(say.Theory) is not None
    assert found.left.rate <= found.one(say.Theory).rate * (1 + 1e-9)
    if scale in (0.01, 40.0):
        assert found.left.log_first < -400  # far beyond the floats
        assert len(found.all(say.Held)) == 2


GATED = ["lstm", "lstm_tanh", "lstm_peephole", "gru", "rnn_leaky", "rnn_skip"]


@pytest.mark.parametrize("cell", GATED)
def test_the_ways_sum_to_the_rate(cell) -> None:
    run = made(40, samples=2, cell=cell)
    found = about(run)
    assert found.one(say.Shares) is None
    assert sum(way.passes for way in found.one(say.Ways).ways) == pytest.approx(found.left.rate, rel=1e-6)
    assert [way.passes for way in found.one(say.Ways).ways] == sorted(
        (way.passes for way in found.one(say.Ways).ways), key=abs, reverse=True
    )


def test_the_direct_way_of_an_lstm_is_its_forget_gate() -> None:
    run = made(40, cell="lstm_tanh", overrides=(("b_f", Scheme("constant", value=3.0)),))
    found = about(run)
    direct = next(way for way in found.one(say.Ways).ways if way.direct)
    assert (found.name, direct.target, direct.gates) == ("s", "s", ("f",))
    assert direct.quartiles == pytest.approx(np.quantile(run.value["f"][1:], (0.25, 0.5, 0.75)))
    f, g = run.value["f"][1:, 0], run.grad["s"][:, 0]
    along = [(f[t] * g[t + 1]) @ g[t] / (g[t] @ g[t]) for t in range(39)]
    assert direct.passes == pytest.approx(found.left.rate * np.mean(along))
    text = said(run)
    assert "comes through s directly, whose factor f has the quartiles" in text
    assert "the tanh in s" in text
    (other,) = found.all(say.OtherState)
    assert other.name == "h"
    logs = np.log10(np.linalg.norm(run.grad["h"][:, 0], axis=1))
    assert other.log_ratio == pytest.approx(logs[0] - logs[-1])


def test_a_gate_written_the_other_way_round_has_quartiles_as_well() -> None:
    run = own(f"z = sigmoid(W_z @ h[t-1] + U_z @ x)\nh = (1 - z) * h[t-1] + z * tanh(W @ h[t-1] + U @ x)\n{HEAD}")
    direct = next(way for way in about(run).one(say.Ways).ways if way.direct)
    assert direct.gates == ()
    assert direct.quartiles == pytest.approx(np.quantile(1 - run.value["z"][1:], (0.25, 0.5, 0.75)))
    assert "directly, whose factor has the quartiles" in said(run)


def test_a_layer_below_gets_its_gradient_by_two_ways() -> None:
    run = made(30, cell="rnn_deep")
    found = about(run, name="h_2")
    assert len(found.one(say.Shares).parts) == 1  # above all, so there is one way only
    (other,) = found.all(say.OtherState)
    below = about(run, name="h_1")
    assert (below.one(say.Shares), {way.target for way in below.one(say.Ways).ways}) == (None, {"a_1", "a_2"})
    assert sum(way.passes for way in below.one(say.Ways).ways) == pytest.approx(below.left.rate, rel=1e-9)
    assert other.log_ratio == pytest.approx(below.left.log_ratio)
    with pytest.raises(ValueError, match="'a_1' is no state of rnn_deep; states: h_1, h_2"):
        about(run, name="a_1")


# --- those that were told wrongly once ----------------------------------------------------------------------------------------

LINEAR = engine.parse("h = W @ h[t-1] + U @ x\nL = mse(V @ h, y)")


def linear(W: np.ndarray, steps: int = 20) -> Run:
    rng = np.random.default_rng(0)
    parameters = {"W": W, "U": rng.normal(size=(len(W), 2)), "V": rng.normal(size=(2, len(W)))}
    weights = np.zeros(steps)
    weights[-1] = 1
    return engine.run(
        LINEAR, parameters, rng.normal(size=(steps, 1, 2)), rng.normal(size=(steps, 1, 2)), weights=weights
    )


def told(run: Run, sample: int = 0) -> tuple[say.Facts, str]:
    found = checked(run, sample)
    return found, " ".join(written(found))


def test_a_relu_net_that_is_dead_after_one_step() -> None:
    found, text = told(made(30, activation="relu", seed=148, scheme=Scheme("normal", gain=1)))
    zeros = found.one(say.Zeros)
    assert (found.verdict, zeros.place, zeros.first, zeros.last) == ("ends", "before", 1, 28)
    assert [(cause.why, cause.name) for cause in zeros.causes] == [("shut", "relu")]
    assert text.startswith("The gradient is exactly zero at h(1) to h(28): the relu of h(29) is shut in every unit")
    assert "keeps" not in text
    assert not found.all(say.Outlook)


def test_a_nilpotent_matrix() -> None:
    found, text = told(linear(np.diag([1.0, 1.0], k=1)))
    assert found.verdict == "ends"
    assert text.startswith("The gradient is exactly zero at h(1) to h(17): W is nilpotent, its 3rd power is zero")
    assert not found.all(say.Outlook)
    _, text = told(linear(np.array([[1.0, -1.0], [1.0, -1.0]])))  # by its numbers, not by the places of its zeros
    assert "exactly zero at h(1) to h(18): W is nilpotent, its 2nd power is zero" in text
    assert "spectral radius of W is 0." in text


def test_a_shift_register() -> None:
    found, text = told(linear(np.eye(8, k=-1)))
    assert found.one(say.Zeros).last == 12  # there is something after 7 steps, and nothing after 8
    assert found.left.steps == 7
    assert "its 8th power is zero" in text
    assert "float" not in text


def returning() -> Run:
    """A unit times 3 with a tanh: it leaves 0 slowly, where the slope is 1, and then saturates."""
    cell = engine.parse("h = tanh(W @ h[t-1] + U @ x)\nL = mse(h, y)")
    x = np.zeros((37, 1, 1))
    x[0] = 1
    parameters = {"W": np.array([[3.0]]), "U": np.array([[1e-13]])}
    weights = np.zeros(37)
    weights[-1] = 1
    return engine.run(cell, parameters, x, np.zeros((37, 1, 1)), weights=weights)


def test_identity_times_three_that_falls_in_the_middle_and_returns() -> None:
    found, text = told(returning())
    assert found.verdict == "falls and returns"
    assert abs(found.left.log_ratio) < 1
    (turn,) = found.all(say.Turn)
    assert turn.log < -10
    assert (
        f"On the way it falls to {10**turn.log:.1e}"[:30] in text.replace("·10⁻", "e-")
        or "On the way it falls to" in text
    )
    assert "it falls and returns" in text
    assert "is no straight line" not in text  # nothing is said of longer sequences at all
    assert not found.all(say.Outlook)


def test_a_bit_that_is_held_says_nothing_of_longer_sequences() -> None:
    found, text = told(models.run(PRESETS["latch"].state.model))
    assert found.verdict == "vanishes"
    assert not found.all(say.Outlook)
    assert "log₁₀ ‖∇‖ is no straight line along time (R² = 0.568, at most 1.95 powers of ten off)" in text
    assert "On the way it falls to 4.1·10⁻⁶ of the one at h(50), at h(21)." in text


def test_the_loss_of_step_one_alone() -> None:
    weights = (1.0, *[0.0] * 19)
    found, text = told(made(20, count="hand", weights=weights))
    assert found.verdict == "one step"
    assert "before h(1) there is no step to go back to" in text
    assert "At h(2) to h(20) the gradient is exactly zero, because the loss of step 1 comes before them." in text


def test_a_loss_in_the_middle() -> None:
    weights = tuple(1.0 if t == 7 else 0.0 for t in range(20))
    found, text = told(made(20, count="hand", weights=weights))
    assert (found.left.first, found.left.last) == (1, 8)
    assert "At h(9) to h(20) the gradient is exactly zero, because the loss of step 8 comes before them." in text


def test_an_lstm_without_forget_gate_loses_all_within_the_last_step() -> None:
    gates = ("g", "q")
    lines = [f"{gate} = sigmoid(b_{gate} + U_{gate} @ x + W_{gate} @ h[t-1])" for gate in gates]
    lines.insert(1, "s = s[t-1] + g * sigmoid(b + U @ x + W @ h[t-1])")
    text = "\n".join([*lines, "h = tanh(s) * q", HEAD])
    found, said = told(made(120, cell=OWN, text=text))
    assert (found.name, found.verdict) == ("s", "keeps")
    (own,) = found.all(say.Entry)
    assert (own.head, own.function, own.within, own.flat) == ("o", "tanh", "h", 1)
    assert own.log_head > -1
    assert own.log_name < -15
    assert said.startswith(
        "Before it goes back through time, within the last step, the gradient falls from 0.871 at o(120) to"
    )
    assert "the tanh in h multiplies it by 3.8·10⁻¹⁹ (all of its units are saturated)" in said


def test_weights_that_take_the_gradient_before_the_last_state_are_named() -> None:
    (own,) = told(models.run(PRESETS["irnn"].state.model))[0].all(say.Entry)
    assert (own.matrix, own.below, own.node) == ("V", "h", "o")


def test_a_rate_of_0_63_over_five_steps_vanishes() -> None:
    found, text = told(linear(0.63 * np.eye(1), 6))
    assert found.left.rate == pytest.approx(0.63)
    assert found.left.log_ratio > -1.01
    assert found.verdict == "vanishes"
    assert "Each of the 5 steps multiplies it by 0.63 on average" in text
    assert "it vanishes, at less than 0.95 a step." in told(linear(0.63 * np.eye(1), 5))[1]


def test_gates_half_open_and_half_shut_are_told_by_their_quartiles() -> None:
    found, text = told(made(30, cell="lstm_tanh", scheme=Scheme("normal", gain=6)))
    (direct,) = [way for way in found.one(say.Ways).ways if way.direct]
    low, middle, high = direct.quartiles
    assert low < 0.1 < 0.4 < middle < 0.6 < 0.9 < high
    assert f"whose factor f has the quartiles {low:.3g}, {middle:.3g} and {high:.3g}: above ¾ in" in text


@pytest.mark.parametrize(("passes", "words"), [(-4e-4, "next to nothing, and against the rest"), (4e-4, "next to nothing"),
                                               (-0.3, "it works against the rest")])  # fmt: skip
def test_a_share_that_is_tiny_or_negative_is_explained(passes, words) -> None:
    found = about(made(30, cell="lstm_tanh"))
    (own,) = found.all(say.Ways)
    ways_ = [replace(way, passes=0.5 if way.direct else passes / (len(own.ways) - 1)) for way in own.ways]
    claims = tuple(say.Ways(tuple(ways_)) if claim is own else claim for claim in found.claims)
    text = " ".join(written(replace(found, claims=claims)))
    assert f"({words})" in text
    swapped = [replace(way, passes=passes if way.direct else 0.5) for way in own.ways]
    claims = tuple(say.Ways(tuple(swapped)) if claim is own else claim for claim in found.claims)
    text += " ".join(written(replace(found, claims=claims)))
    assert f"({words}), and " in text  # the comma stands behind the bracket
    assert ", (" not in text


def test_a_relu_that_is_shut_everywhere_is_named() -> None:
    found, text = told(made(20, activation="relu", overrides=(("b", Scheme("constant", value=-50.0)),)))
    (zeros,) = found.all(say.Zeros)
    assert [(cause.why, cause.name, cause.always) for cause in zeros.causes] == [("shut", "relu", True)]
    assert "the relu of h is shut in all units at every step" in text
    deep = made(
        4, cell="feedforward", layers=5, activation="relu", overrides=(("b_4", Scheme("constant", value=-50.0)),)
    )
    assert (
        "exactly zero at φ₄, and at 2 more below: the relu of φ₅ is shut" in told(deep)[1] or "is shut" in told(deep)[1]
    )


@pytest.mark.parametrize(("name", "words"), [("V", "V is zero"), ("W", "W is zero")])
def test_a_matrix_of_zeros_is_named(name, words) -> None:
    assert words in told(made(12, overrides=((name, Scheme("zeros")),)))[1]


def test_samples_that_have_nothing_left_are_counted() -> None:
    found, text = told(made(30, samples=5, activation="relu", seed=148, scheme=Scheme("normal", gain=1)))
    assert found.one(say.Gone).count == 3
    assert "In 3 of 5 samples it is exactly zero at h(1). In the others what is left is between" in text


def test_an_outlook_is_good_to_a_quarter() -> None:
    """What is said of longer sequences from 30 steps of a straight curve, against such sequences."""
    for cell, seed in (("rnn", 1), ("lstm_tanh", 0), ("gru", 0), ("lstm", 3)):
        short = about(made(30, cell=cell, seed=seed))
        for own in short.all(say.Outlook)[:1]:
            longer = about(made(min(1000, int(2 * own.steps)), cell=cell, seed=seed)).one(say.Held)
            assert longer.float_kind == "float32"
            assert 0.75 < longer.steps / own.steps < 1.34


def test_a_cut_is_the_reason_for_what_is_zero_before_it() -> None:
    run = made(60, count="every")
    found = about(run, cut=5)
    whole = about(run)
    (zeros,) = found.all(say.Zeros)
    assert (found.verdict, zeros.first, zeros.last) == ("ends", 1, 55)
    assert [(cause.why, cause.step, cause.power) for cause in zeros.causes] == [("cut", 55, 5)]
    assert not found.all(say.Felt)
    last = np.zeros(60)
    last[-1] = 1
    alone = engine.run(run.cell, run.parameters, run.x, run.y, weights=last)
    norms = np.linalg.norm(engine.cut(alone, 5).grad["h"][:, 0], axis=-1)
    assert (found.left.first, found.left.last) == (56, 60)
    assert found.left.log_ratio == pytest.approx(np.log10(norms[55] / norms[59]))
    assert not norms[:55].any()
    assert "exactly zero at h(1) to h(55): the recurrence is cut after step 55, as after each 5 steps." in " ".join(
        written(found)
    )
    assert about(run, cut=60) == about(run, cut=100) == whole


# --- a case for each kind --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "verdict", "words"),
    [
        (
            dict(steps=50),
            "vanishes",
            "it vanishes. Each of the 49 steps multiplies it by 0.522 on average, single ones by",
        ),
        (dict(steps=2), "vanishes", "it vanishes, at less than 0.95 a step."),
        (
            dict(activation="identity", scheme=Scheme("orthogonal")),
            "keeps",
            "The gradient at h(1) is as large as at h(30): it keeps its size. Each of the 29 steps multiplies it by 1 on"
            " average, which is all due to W. σ_max(W) · max |φ′| is 1: the gradient cannot grow.",
        ),
        (dict(activation="identity", scheme=Scheme("identity")), "keeps", "as large as at h(30)"),
        (
            dict(activation="identity", scheme=Scheme("normal", radius=1.5)),
            "grows",
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
        (dict(cell="lstm_tanh"), "vanishes", "whose factor f has the quartiles"),
        (dict(cell="gru"), "vanishes", "comes through h directly, whose factor z has the quartiles"),
        (dict(cell="rnn_leaky"), "vanishes", "comes through h directly, whose factor α is 0.9,"),
        (dict(cell="rnn_skip"), "vanishes", "comes through a 2 steps later"),
        (dict(cell="rnn_output"), "vanishes", "σ_max(W) · σ_max(V) · max |φ′| is"),
        (dict(cell="rnn_deep"), "vanishes", "At h₂(1) it is"),
        (dict(cell="feedforward", layers=10, samples=5), "vanishes", "Each of the 8 layers multiplies it by"),
        (dict(cell="feedforward", layers=5, activation="identity"), "vanishes", "which is all due to the weights."),
        (dict(cell="feedforward", layers=2), "flat", "no way back through time"),
        (dict(steps=1), "one step", "There is one step only"),
        (dict(scheme=Scheme("zeros")), "zero", "At all 30 steps the gradient at h is exactly zero: V is zero."),
        (
            dict(overrides=(("W", Scheme("zeros")),)),
            "ends",
            "The gradient is exactly zero at h(1) to h(29): W is zero. At h(30) alone there is a gradient, of",
        ),
        (dict(count="hand", weights=(0.0,) * 30), "no loss", "No loss counts"),
        (
            dict(cell=OWN, text=f"h = tanh(U @ x)\nk = tanh(W @ k[t-1])\n{HEAD}"),
            "no path",
            "The loss does not depend on k in any way",
        ),
        (dict(cell=OWN, text=f"h = tanh(U @ x)\n{HEAD}"), "flat", "No step reads another"),
        (
            dict(cell=OWN, text="h = tanh(U @ x)\nL = nll(softmax(V @ h[t-1]), y)"),
            "ends",
            "The gradient is exactly zero at h(1) to h(28): no edge leads from h(28) to that loss. At h(30) the gradient is",
        ),
        (
            dict(cell=OWN, text=f"h = tanh(W @ h[t-3] + U @ x)\n{HEAD}"),
            "vanishes",
            "all of it comes through h 3 steps later",
        ),
        (dict(cell=OWN, text=f"h = softmax(W @ h[t-1] + U @ x)\n{HEAD}"), "vanishes", "all of it comes through h."),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 12 else None,
)
def test_each_kind_is_told(options, verdict, words) -> None:
    run = made(**options)
    found = about(run)
    assert found.verdict == verdict
    assert words in " ".join(written(found))
    the_numbers_are_facts(run, found)


def test_ten_to_the_minus_2000_is_told_as_it_is() -> None:
    run = made(1000, scheme=Scheme("normal", gain=0.01))
    found = about(run)
    exact = 999 * np.log10(found.left.rate)
    assert found.left.log_ratio == pytest.approx(exact)
    assert found.left.log_ratio < -2000
    assert re.search(r"is \d(\.\d)?·10⁻²\d*[⁰¹²³⁴⁵⁶⁷⁸⁹]{3} of the one", said(run))
    assert "it is too small to keep its digits in float32." in said(run)


def test_a_run_that_is_not_a_number_is_told() -> None:
    cell = CATALOGUE["rnn"]
    params = {name: np.full(shape, 1e300) for name, shape in cell.shapes({"x": 1, "h": 2, "y": 2}).items()}
    params["W"] = np.array([[1e300, -1e300], [-1e300, 1e300]])
    relu = engine.rnn("relu")
    run = engine.run(relu, params, np.full((9, 1), 1e9), np.zeros(9, int))
    assert about(run).verdict == "undefined"
    assert "leave the range of floating point" in said(run)


def test_a_loss_that_is_exactly_right_is_passed_over() -> None:
    cell = engine.parse("h = tanh(W @ h[t-1] + x)\nL = mse(h, y)")
    x = np.random.default_rng(0).normal(size=(20, 1, 2))
    W = np.array([[0.5, 0.2], [0.1, 0.4]])
    free = engine.run(cell, {"W": W}, x, np.zeros_like(x))
    y = np.array(free.value["h"])
    y[:17] = 0
    found = about(engine.run(cell, {"W": W}, x, y))
    assert (found.scope.loss, found.left.last, found.scope.losses) == (17, 17, 20)
    y[:4] = 1
    y[4:] = free.value["h"][4:]
    found = about(engine.run(cell, {"W": W}, x, y))
    assert (found.scope.loss, found.left.last) == (None, 4)  # too far back: all of them together
    assert said(engine.run(cell, {"W": W}, x, y)).startswith(
        "For all losses together: at h(5) to h(20) the gradient is exactly zero"
    )


def test_large_runs_are_looked_at_in_part() -> None:
    run = made(100, samples=100, count="every")
    with patch.object(way_back, "_NUMBERS", 20_000), patch.object(measure, "_WORK", 100):
        found = about(run)
        text = said(run)
    assert found.scope.of == 100
    assert 1 <= found.scope.samples < 100
    assert found.one(say.Felt) is None
    assert text.startswith(f"For the first {found.scope.samples} of 100 samples and the loss of step 100 alone: ")
    one = about(run, 1)
    assert found.scope.samples == 20_000 // (100 * sum(run.sizes.values()))
    assert about(replaced(run), 0).left.log_ratio == pytest.approx(one.left.log_ratio)


def replaced(run: Run) -> Run:
    """The first sample by itself."""
    return engine.run(run.cell, run.parameters, run.x[:, :1], run.y[:, :1], weights=run.weights[:, :1])


# --- the words are the facts -----------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"−?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]*)?(?: %)?")


def logs_of(found: object) -> set[float]:
    """log10 of the size of every number in the claims, and of those that they stand for as logarithms."""
    if isinstance(found, Facts):
        return {log for claim in found.claims for log in logs_of(claim)}
    if is_dataclass(found):
        logs = {log for field in fields(found) for log in logs_of(getattr(found, field.name))}
        logs |= {getattr(found, field.name) for field in fields(found) if field.type == "float"}
        if isinstance(found, say.Left):
            logs |= {found.log_ratio, found.log_rate} | logs_of(found.steps)
        if isinstance(found, say.Zeros):
            logs |= logs_of((found.last - found.first + 1, found.count - 1))
        if isinstance(found, say.Ways):
            rest = [way.passes for way in found.ways if not way.direct]
            logs |= logs_of((sum(rest), *range(1, max(2, len(rest) - 3))))  # equal names are listed once
        return logs
    if isinstance(found, tuple):
        return {log for part in found for log in logs_of(part)}
    if isinstance(found, int | float) and not isinstance(found, bool):
        with np.errstate(divide="ignore"):
            return {float(np.log10(abs(found)))}
    return set()


def the_numbers_are_facts(run: Run, found: Facts) -> None:
    text = " ".join(written(found))
    assert text
    assert "nan" not in text
    known = logs_of(found)
    for name in sorted(map(names.written, (*run.cell.nodes, *run.cell.parameters)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", text) if re.search(r"\d", name) else text
    for constant in ("float32", "float64", "above 1", "below 1", *(f"than {end:g} a" for end in KEEPS), "log₁₀"):
        text = text.replace(constant, "")
    text = re.sub(r"(\d+)(st|nd|rd|th) power", r"\1", text)
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
    assert phrases.size(log).removeprefix("1·") == words


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
@pytest.mark.parametrize("weights", ["ones", "last", "samples"])
def test_every_number_is_a_fact(text, weights) -> None:
    run = Case(text, 6, 2, seed=3, initial="KBn", weights=weights).run()
    for sample in (0, 2):
        found = about(run, sample)
        the_numbers_are_facts(run, found)
        for state in run.cell.states:
            the_numbers_are_facts(run, about(run, sample, state))


def test_of_the_last_loss_it_is_not_said_that_none_comes_after_it() -> None:
    found = about(made(4, count="every"))
    felt = found.one(say.Felt)
    for strongest, said in (
        (4, "gives most to the gradient at h(1)."),
        (2, "; none after it gives a hundredth of that."),
    ):
        own = replace(felt, strongest=strongest, last=strongest)
        text = " ".join(written(replace(found, claims=tuple(own if c is felt else c for c in found.claims))))
        assert f"the one of step {strongest} gives most" in text
        assert said in text


def test_a_bound_is_told_only_of_a_recurrence_that_nothing_else_joins() -> None:
    """a leads to h and to a memory s of its own that grows: the bound on h's recurrence says nothing of the gradient at h."""
    text = "a = W @ h[t-1] + U @ x\nh = tanh(a)\n{}o = V @ h\nL = mse({}, y)"
    sizes, steps = {"x": 2, "h": 3, "y": 3}, 20
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(steps, 1, 2)), rng.normal(size=(steps, 1, 3))
    last = (np.arange(steps) == steps - 1).astype(float)
    said = []
    for memory, output in (("s = 1.5 * s[t-1] + a\n", "o + s"), ("", "o")):
        cell = engine.parse(text.format(memory, output))
        weights = dict(engine.initialise(cell, sizes, seed=0), W=0.3 * np.eye(3))
        said.append(" ".join(sentences(engine.run(cell, weights, x, y, weights=last), 0, "h")))
    assert "it grows" in said[0]
    assert "σ_max" not in said[0]
    assert "σ_max(W) · max |φ′| is 0.3, which is below 1: the gradient must vanish" in said[1]


@pytest.mark.slow
@settings(max_examples=150)
@given(cases())
def test_no_cell_is_left_without_a_sentence(case) -> None:
    run = case.run()
    for sample in range(run.B + 1):
        the_numbers_are_facts(run, checked(run, sample))


@settings(max_examples=60)
@given(cases())
def test_shares_need_a_single_way(case) -> None:
    """Where weights and functions share the rate, what is sent along the single way is the whole gradient."""
    found = about(replace(case, weights="last").run())
    own, bound = found.one(say.Shares), found.one(say.Theory)
    assert own is None or found.one(say.Ways) is None
    if own is not None and not found.left.upper:
        slack = 1e-4 if case.dtype == "float32" else 1e-9
        assert found.left.rate <= bound.rate * (1 + slack) + 1e-12


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("L1 = nll(softmax(b_y), y)\np2 = softmax(p2[t-1] - p2[t-1])\nL2 = nll(p2, y)", "cancels"),
        ("h = tanh(W @ h[t-1])\np = softmax(V @ h)\nL = nll(p, y)", "zero"),
        ("h = tanh(W @ h[t-1])\nL = nll(softmax(V @ h), y)", "zero"),
        ("h = tanh(W @ h[t-1])\nL = mse(V @ h, y)", "zero"),
        ("h = tanh(W @ h[t-1])\nL = mse(h - h + b_y, y)", "cancels"),
    ],
)
def test_an_output_is_called_right_only_if_its_argument_has_no_gradient(text, why) -> None:
    cell = engine.parse(text)
    shapes = cell.shapes({"x": 1, "y": 2, **{members[0]: 2 for members in cell.hidden}})
    parameters = {name: np.zeros(shape) if name == "V" else np.full(shape, 0.3) for name, shape in shapes.items()}
    y = np.array([[0], [1]]) if "nll" in text else np.array([[[0.5, 0.1]], [[0.2, 0.4]]])
    run = engine.run(cell, parameters, None, y)
    (zeros, *_) = about(run, name=cell.states[-1]).all(say.Zeros)
    assert [cause.why for cause in zeros.causes] == [why]
