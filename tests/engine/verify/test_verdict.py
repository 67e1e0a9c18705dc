"""The verdict on a formula: right formulas are right on every network, wrong ones are found, and accidents are named."""

from __future__ import annotations

import numpy as np
import pytest
from formulas import run_of, verdict

import engine
from engine import CATALOGUE
from engine.formula import parse
from engine.verify.asked import Asked, by_disturbance, truth
from engine.verify.other_networks import other_network
from engine.verify.tolerance import OF_A_FORMULA
from engine.verify.verdict import judge
from explorer import model as models
from explorer.model import Model

RNN = CATALOGUE["rnn"]


def test_a_network_whose_own_numbers_are_not_finite_judges_nothing() -> None:
    run = run_of()
    params = {name: np.full_like(array, 1e200) for name, array in run.parameters.items()}
    cell = engine.parse("h = W @ h[t-1] + U @ x\no = V @ h\nL = mse(o, y)")
    over = engine.run(cell, {name: params[name] for name in cell.parameters}, run.x, np.ones((5, 1, 3)))
    found = verdict("V.T @ g_o", over, "h", 5)
    assert (found.kind, found.message) == ("unknown", "the network's own number is not finite here")


# --- right formulas -------------------------------------------------------------------------------------------------

#: Rows of the sources: cell, what is asked, and its formula.
RIGHT = {
    "A1": ("rnn", "value", "a", "", 2, "b + W @ h[t-1] + U @ x"),
    "A1, softmax": ("rnn", "value", "y_hat", "", 2, "exp(o) / sum(exp(o))"),
    "A2": ("rnn", "value", "L", "", 2, "-sum(y * log(y_hat))"),
    "A3": ("rnn", "gradient", "L", "", 2, "1"),
    "A4": ("rnn", "gradient", "o", "", 2, "y_hat - y"),
    "A4, log p of o": ("rnn", "value", "L", "", 2, "log(sum(exp(o))) - sum(y * o)"),
    "A5": ("rnn", "jacobian", "o", "y_hat", 2, "diag(y_hat) @ (diag(one(y_hat)) - one(y_hat) @ y_hat.T)"),
    "A6": ("rnn", "gradient", "h", "", 5, "V.T @ g_o"),
    "A7": ("rnn", "gradient", "h", "", 2, "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])"),
    "A7, at the end": ("rnn", "gradient", "h", "", 5, "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])"),
    "A7, by values": ("rnn", "gradient", "h", "", 1, "V.T @ g_o + W.T @ ((1 - h[t+1] * h[t+1]) * g_h[t+1])"),
    "A7, at 0": ("rnn", "gradient", "h", "", 0, "W.T @ (slope(tanh, a[t+1]) * g_h[t+1])"),
    "A8": ("rnn", "gradient", "h", "", 4, "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * (V.T @ g_o[t+1]))"),
    "A10": ("rnn", "gradient", "o", "", 2, "(y_hat @ one(y).T - diag(one(y))) @ y"),
    "A11": ("rnn", "gradient", "h", "", 5, "-((diag(y_hat) - y_hat @ y_hat.T) @ V).T @ (y / y_hat)"),
    "A11, Jacobian": ("rnn", "jacobian", "h", "y_hat", 3, "(diag(y_hat) - y_hat @ y_hat.T) @ V"),
    "A12, copy": ("rnn", "gradient", "W", "", 3, "outer(slope(tanh, a) * g_h, h[t-1])"),
    "A12": ("rnn", "gradient", "W", "", None, "sum_t((slope(tanh, a) * g_h) @ h[t-1].T)"),
    "A12, bias": ("rnn", "gradient", "c", "", None, "sum_t(g_o)"),
    "A13": ("lstm", "gradient", "s", "", 2, "q * slope(tanh, s) * g_h + f[t+1] * g_s[t+1]"),
    "A13, gate": ("lstm", "gradient", "f", "", 2, "s[t-1] * g_s"),
    "A13, weights": ("lstm", "gradient", "W_f", "", None, "sum_t(outer(f * (1 - f) * g_f, h[t-1]))"),
    "A14": ("feedforward", "gradient", "a_3", "", 1, "slope(tanh, a_3) * (W_4.T @ g_a_4)"),
    "A15": ("feedforward", "gradient", "W_3", "", None, "sum_t(g_a_3 @ phi_2.T)"),
    "GRU": ("gru", "gradient", "z", "", 2, "(h[t-1] - k) * g_h"),
    "skip": ("rnn_skip", "gradient", "h", "", 2, "V.T @ g_o + W.T @ g_a[t+1] + R.T @ g_a[t+2]"),
    "one unit": ("one_unit", "gradient", "W", "", None, "sum_t(outer(g_h, sigmoid(h[t-1])))"),
}  # fmt: skip


@pytest.mark.parametrize("row", list(RIGHT))
def test_right_formulas_are_right_for_every_cell(row) -> None:
    cell, kind, name, of, t, text = RIGHT[row]
    for seed in (0, 1):
        run = run_of(cell, T=1 if cell == "feedforward" else 5, seed=seed)
        found = verdict(text, run, name, t, kind, of)
        assert found.kind == "right", found
        assert len(found.others) == 3
        assert not found.circular
        if found.measured is not None:
            np.testing.assert_allclose(found.measured, found.truth, rtol=1e-9, atol=1e-14)
            np.testing.assert_allclose(found.value, found.measured, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("B", [1, 3])
def test_factors_and_means_are_part_of_the_gradient_of_the_loss_node(B) -> None:
    run = run_of(B=B, weights=[0, 0, 2, 0, 1])
    for t in range(1, 6):
        assert verdict("g_L * (y_hat - y)", run, "o", t, sample=B - 1).kind == "right"
    assert verdict("y_hat - y", run, "o", 3).kind == "wrong"
    assert verdict("y_hat - y", run, "o", 5).kind == ("here only" if B == 1 else "wrong")
    assert verdict("sum_t(outer(g_a, h[t-1]))", run, "W", None).kind == "right"


def test_numbers_far_below_one_and_saturated_units_are_judged_as_others_are() -> None:
    run = run_of(weights=[0, 0, 0, 0, 1e-40])
    assert verdict("W.T @ g_a[t+1] + V.T @ g_o", run, "h", 2).kind == "right"
    assert verdict("W @ g_a[t+1] + V.T @ g_o", run, "h", 2).kind == "wrong"
    assert verdict("0 * h", run, "h", 2).kind == "wrong"
    params = {name: 30 * array for name, array in run_of().parameters.items()}
    saturated = engine.run(RNN, params, run_of().x, run_of().y)
    assert verdict("(1 - h * h) * g_h", saturated, "a", 2).kind == "right"


def test_the_input_has_a_value_and_a_gradient_and_jacobians_are_those_of_nodes() -> None:
    run = run_of()
    assert verdict("x", run, "x", 2, "value").kind == "right"
    assert verdict("U.T @ g_a", run, "x", 2).kind == "right"
    assert verdict("diag(slope(tanh, a))", run, "a", 2, "jacobian", "h").kind == "right"
    for name, of in (("x", "h"), ("h", "x"), ("zz", "h"), ("h", "zz")):
        with pytest.raises(ValueError, match=r"there is no jacobian of '(x|zz)' in rnn; there are a, h, o, y_hat, L$"):
            verdict("h", run, name, 2, "jacobian", of)
    with pytest.raises(ValueError, match=r"there is no gradient of 'zz' in rnn; there are a, h, o, y_hat, L, x$"):
        verdict("h", run, "zz", 2)


# --- wrong formulas -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "t", "kind"),
    [
        ("V.T @ g_o + W @ (slope(tanh, a[t+1]) * g_h[t+1])", "h", 2, "wrong"),
        ("V @ g_o", "h", 5, "misfit"),
        ("g_o.T @ V", "h", 5, "misfit"),
        ("V.T @ g_o", "h", 4, "wrong"),
        ("y - y_hat", "o", 2, "wrong"),
        ("y_hat - y", "y_hat", 2, "wrong"),
        ("(1 - h) * g_h", "a", 2, "wrong"),
        ("log(0 - exp(h))", "h", 2, "not finite"),
        ("h / (h - h)", "h", 2, "not finite"),
    ],
)
def test_a_wrong_formula_is_wrong_on_every_network(text, name, t, kind) -> None:
    for seed in (0, 1):
        run = run_of(seed=seed)
        found = verdict(text, run, name, t)
        assert found.kind == kind
        if kind == "wrong":
            assert found.difference == np.max(np.abs(found.value - found.truth))
            assert found.difference == abs(found.value - found.truth)[found.where] > found.allowed


@pytest.mark.parametrize("entry", range(4))
def test_the_one_entry_that_is_wrong_is_named(entry) -> None:
    cell = engine.parse("h = tanh(W @ h[t-1] + x)\no = V @ h\ny_hat = softmax(o)\nL = nll(y_hat, y)")
    params = engine.initialise(cell, {"x": 4, "y": 3}, seed=1)
    run = engine.run(cell, params, np.eye(4)[[0, entry, 2]], np.array([0, 1, 2]))
    found = verdict("g_h + 0.0001 * x", run, "h", 2)  # x is 1 at the entry and 0 at all others
    assert (found.kind, found.where) == ("wrong", (entry,))
    assert found.difference == pytest.approx(1e-4)


def test_a_row_with_the_right_numbers_is_told_from_any_other_wrong_shape() -> None:
    run = run_of()
    assert "transpose has the right numbers" in verdict("g_o.T @ V", run, "h", 5).message
    assert "transpose" not in verdict("y.T @ V", run, "h", 5).message


def test_what_holds_for_a_symmetric_matrix_holds_at_these_numbers_only() -> None:
    run = run_of()
    W = run.parameters["W"] + run.parameters["W"].T
    same = engine.run(RNN, dict(run.parameters) | {"W": W}, run.x, run.y)
    found = verdict("V.T @ g_o + W @ g_a[t+1]", same, "h", 2)
    assert found.kind == "here only"
    assert any(not row.agrees and row.difference > 1e-3 for row in found.others)


def test_what_fits_because_two_sizes_are_equal_holds_at_these_numbers_only() -> None:
    run = run_of(h=3, y=3)
    symmetric = np.eye(3) * 0.5
    same = engine.run(RNN, dict(run.parameters) | {"V": symmetric}, run.x, run.y)
    found = verdict("V @ g_o", same, "h", 5)
    assert found.kind == "here only"
    assert any(np.isinf(row.difference) for row in found.others)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_agree_to_nine_digits_and_no_fewer(dtype) -> None:
    base = run_of()
    run = engine.run(RNN, base.parameters, base.x, base.y, dtype=dtype)
    right, tolerance = "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])", OF_A_FORMULA[np.dtype(dtype).name]
    assert tolerance == (1e-9 if dtype is np.float64 else 1e-4)
    for off, kind in ((0.0, "right"), (0.3, "right"), (3.0, "wrong"), (1e3, "wrong")):
        if dtype is np.float64 or off not in (0.0, 0.3):  # the other networks are of float64
            assert verdict(f"(1 + {off * tolerance:.12f}) * ({right})", run, "h", 2).kind == kind, off
            assert verdict(f"{right} - {off * tolerance:.12f} * g_h", run, "h", 2).kind == kind, off


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "text",
    ["{k} * h - {k} * h", "{k} * g_h - {k} * g_h + g_h", "({k} + g_h) - {k}", "{k} * (h + g_h / {k}) - {k} * h",
     "V.T @ g_o + W.T @ g_a[t+1] + {k} * a - {k} * a", "diag({k} * h) @ one(h) - {k} * h"],
)  # fmt: skip
def test_cancelling_numbers_cannot_be_told(text, dtype) -> None:
    """Agreement is no proof where the rounding of a formula may be as large as its result."""
    base = run_of()
    run = engine.run(RNN, base.parameters, base.x, base.y, dtype=dtype)
    for k in ("1e14", "1e11", "1e30") if dtype is np.float64 else ("1e7", "1e14"):
        found = verdict(text.format(k=k), run, "h", 2)
        assert found.kind != "right", k
        if found.kind == "cannot be told":
            assert found.allowed > 1e-6 * np.abs(found.truth).max()
            assert found.allowed >= np.max(np.abs(found.value - found.truth))
    assert verdict("1e14 * h - 1e14 * h", base, "h", 2).kind == "cannot be told"


def test_what_rounding_hides_here_is_told_by_other_networks() -> None:
    base = run_of()
    saturated = engine.run(RNN, dict(base.parameters) | {"b": np.array([60.0, -60, 70, -70, 60])}, base.x, base.y)
    for text, agrees in (("(1 - h * h) * g_h", True), ("(1 - h * h) * (1 - h * h) * g_h", False)):
        found = verdict(text, saturated, "a", 2)
        assert found.kind == "cannot be told"
        assert [row.agrees for row in found.others] == 3 * [agrees]
    assert verdict("slope(tanh, a) * g_h", saturated, "a", 2).kind == "right"
    assert verdict("1 / exp(2000 * one(h))", base, "h", 2).kind == "wrong"  # 0, whatever the rounding


def test_a_true_zero_is_told_from_what_rounding_makes_zero() -> None:
    run = run_of(weights=[0, 1, 1, 0, 0])
    assert verdict("V.T @ g_o + W.T @ g_a[t+1]", run, "h", 4).kind == "right"
    assert verdict("1e-30 * h", run, "h", 4).kind == "wrong"
    assert verdict("a - b - W @ h[t-1] - U @ x", run, "h", 4).kind == "cannot be told"


#: Formulas that are right for what a run happens to be -> the run, what is asked, and the text.
ACCIDENTS = {
    "two samples": (dict(B=2), "gradient", "o", 2, "0.5 * (y_hat - y)"),
    "three samples": (dict(B=3), "gradient", "o", 2, "(y_hat - y) / 3"),
    "two samples, a parameter": (dict(B=2), "gradient", "c", None, "sum_t((y_hat - y) / 2)"),
    "one step": (dict(T=1), "gradient", "h", 1, "V.T @ sum_t(g_o)"),
    "one step, at 0": (dict(T=1), "gradient", "h", 0, "W.T @ sum_t(g_a)"),
    "one step, a parameter": (dict(T=1), "gradient", "W", None, "sum_t(g_a) @ sum_t(h[t-1]).T"),
    "a zero initial state": (dict(), "value", "h", 0, "0 * b"),
    "five units": (dict(h=5), "value", "L", 2, "5 * L / sum(one(h))"),
    "three classes": (dict(y=3), "value", "L", 2, "3 * L / sum(one(y))"),
    "four inputs": (dict(x=4), "value", "L", 2, "4 * L / sum(one(x))"),
    "x and y alike": (dict(x=3, y=3), "value", "L", 2, "sum(one(x)) * L / sum(one(y))"),
}  # fmt: skip


@pytest.mark.parametrize("what", list(ACCIDENTS))
def test_an_accident_of_the_run_holds_here_only(what) -> None:
    sizes, kind, name, t, text = ACCIDENTS[what]
    found = verdict(text, run_of(**sizes), name, t, kind)
    assert found.kind == "here only"
    assert not found.one_sample


def test_a_formula_for_one_sample_is_right_for_one_and_said_to_be() -> None:
    for text, one_sample in (("y_hat - y", True), ("g_L * (y_hat - y)", False)):
        found = verdict(text, run_of(), "o", 2)
        assert (found.kind, found.one_sample) == ("right", one_sample)
        assert {row.B for row in found.others} == {1} if one_sample else 1 not in {row.B for row in found.others}
    base = run_of(B=2)
    summed = engine.run(RNN, base.parameters, base.x, base.y, reduction="sum")
    assert verdict("y_hat - y", summed, "o", 2).kind == "right"  # without the mean there is no such factor


def test_shares_stay_shares_on_other_networks() -> None:
    base = run_of()
    y = np.random.default_rng(1).uniform(0.1, 1, (5, 1, 3))
    for target, kind in ((y / y.sum(axis=-1, keepdims=True), "right"), (y, "wrong")):
        run = engine.run(RNN, base.parameters, base.x, target)
        assert verdict("g_L * (y_hat - y)", run, "o", 2).kind == kind
        assert verdict("g_L * (sum(y) * y_hat - y)", run, "o", 2).kind == "right"
        other, _ = other_network(run, Asked("gradient", "o", 2), 1)
        assert np.allclose(other.y.sum(axis=-1), 1) == (kind == "right")


@pytest.mark.parametrize("T", [1, 2, 3, 7])
@pytest.mark.parametrize("B", [1, 2, 4])
def test_other_networks_differ_in_everything(T, B) -> None:
    run = run_of(T=T, B=B, weights=np.linspace(1, 2, T) + 1, x=3, y=4, h=5)
    places = [None, *range(T + 1)]
    for t in places:
        made = [other_network(run, Asked("gradient", "W" if t is None else "h", t), seed) for seed in range(1, 9)]
        for other, asked in made:
            assert other.T != run.T
            assert other.B != run.B
            assert all(other.sizes[name] != run.sizes[name] for name in ("x", "y", "h"))
            assert len({other.sizes[name] for name in ("x", "y", "h")}) == 3
            assert (other.initial["h"] != 0).all()
            assert not np.isin(other.weights, run.weights).any()
            assert not any(np.isin(array, run.parameters[name]).any() for name, array in other.parameters.items())
            if t is not None and t > 0:
                assert min(other.T - asked.t, 3) == min(T - t, 3)  # as near to the end, where it is near
                assert asked.t != t
        assert len({other.B for other, _ in made[:3]}) == 3
        assert len({other.T for other, _ in made[:3]}) > 1
        assert len({other.sizes["h"] for other, _ in made[:3]}) > 1


def test_a_formula_that_reads_what_it_is_to_give_is_said_to_be_circular() -> None:
    found = verdict("g_h", run_of(), "h", 2)
    assert (found.kind, found.circular) == ("right", True)


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_node_and_parameter_of_every_cell_can_be_asked(name) -> None:
    run = models.run(models.changed(Model(), cell=name))
    for node in (*run.cell.nodes, *run.cell.parameters):
        steps = (None, 1) if node in run.parameters else (1, run.T, 1 - run.cell.lags[node])
        for t in steps:
            found = verdict("2", run, node, t)
            assert found.truth.size
            other, there = other_network(run, Asked("gradient", node, t), 1)
            assert truth(other, there).ndim == found.truth.ndim


def test_a_jacobian_by_disturbance_is_that_of_the_run() -> None:
    run = run_of(B=2)
    asked = Asked("jacobian", "a", 3, "y_hat")
    np.testing.assert_allclose(by_disturbance(run, asked, 1), truth(run, asked, 1), rtol=1e-10)


@pytest.mark.parametrize(
    "asked",
    [Asked("gradient", "q", 1), Asked("gradient", "h", 9), Asked("gradient", "W", 0), Asked("value", "W", 1),
     Asked("jacobian", "h", 1, "z"), Asked("gradient", "h", None)],
)  # fmt: skip
def test_what_there_is_not_is_refused(asked) -> None:
    with pytest.raises(ValueError, match=r"there is no|t is"):
        judge(parse("1", RNN), run_of(), asked)
