"""The laws that the page shows, each with a test of its name; a wrong number anywhere in a run breaks one."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
from cells import FEATURES, Case, cases, exact
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, parse, rnn, run
from engine.execute.run import Run
from engine.verify.checks import check
from engine.verify.disturbance import upstream_of_kinks
from engine.verify.gradients import gradients_match_disturbances
from engine.verify.law import Check
from engine.verify.laws import messages_sum, no_loss_reaches_a_later_node, values_satisfy_the_equations

LAWS = (
    "values_satisfy_the_equations",
    "gradients_match_the_complex_step",
    "gradients_match_difference_quotients",
    "messages_sum_to_the_gradient",
    "copies_sum_to_the_parameters_gradient",
    "no_loss_reaches_a_later_node",
)
RELU = FEATURES["relu and leaky relu"]
SMOOTH = {name: text for name, text in FEATURES.items() if text != RELU}


def moderate(case: Case) -> Run:
    made = case.run_again()
    assume(all(np.abs(array).max() < 1e6 for group in exact(made) for array in group.values()))
    return made


def failed(rows: tuple[Check, ...]) -> list[Check]:
    return [row for row in rows if not row.passed]


# --- the laws -------------------------------------------------------------------------------------------------------


@settings(max_examples=35)
@given(cases())
def test_values_satisfy_the_equations(case) -> None:
    row = values_satisfy_the_equations(moderate(case))
    assert row.law == LAWS[0]
    assert row.passed, row


@settings(max_examples=35)
@given(cases(kinks=False))
def test_gradients_match_the_complex_step(case) -> None:
    """At every node, input, initial value and parameter."""
    made = moderate(case)
    (row,) = gradients_match_disturbances(made, limit=100_000)
    assert row.law == LAWS[1]
    assert row.passed, row
    groups = (made.grad, made.initial_grad, made.param_grad)
    entries = sum(array.size for group in groups for array in group.values())
    assert f"Measured: {entries:,} of {entries:,}." in row.statement


@settings(max_examples=20)
@given(cases())
def test_gradients_match_difference_quotients(case) -> None:
    """Difference quotients where a function with a kink follows, the complex step elsewhere."""
    rows = gradients_match_disturbances(moderate(case))
    assert not failed(rows)
    assert {row.law for row in rows} <= set(LAWS[1:3])
    assert (LAWS[2] in {row.law for row in rows}) == bool(upstream_of_kinks(case.cell))


@settings(max_examples=35)
@given(cases())
def test_messages_sum_to_the_gradient(case) -> None:
    row, _ = messages_sum(moderate(case))
    assert row.law == LAWS[3]
    assert row.passed, row


@settings(max_examples=35)
@given(cases())
def test_copies_sum_to_the_parameters_gradient(case) -> None:
    _, row = messages_sum(moderate(case))
    assert row.law == LAWS[4]
    assert row.passed, row


@settings(max_examples=35)
@given(cases())
def test_no_loss_reaches_a_later_node(case) -> None:
    row = no_loss_reaches_a_later_node(moderate(case))
    assert row.law == LAWS[5]
    assert row.error == 0
    assert row.passed, row


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_cell_of_the_catalogue_keeps_every_law(name, dtype) -> None:
    for B in (1, 3):
        rows = check(
            Case(CATALOGUE[name].text, T=6, B=B, initial="KBn", weights="samples", dtype=dtype).run(), limit=1_000
        )
        assert not failed(rows)
        assert [row.law for row in rows] == [law for law in LAWS if law != LAWS[2]]


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_every_feature_of_the_language_keeps_every_law(text) -> None:
    for T, B in ((4, 1), (3, 2)):
        rows = check(Case(text, T=T, B=B, seed=1, initial="KBn", weights="samples").run_again(), limit=1_000)
        assert not failed(rows)


# --- laws that can be broken ----------------------------------------------------------------------------------------


def broken(made: Run, group: str, name: str, entry: int, amount: float) -> Run:
    """The same run with one number changed."""
    array = np.array(getattr(made, group)[name])
    array.flat[entry % array.size] += amount
    wrong = copy.copy(made)
    setattr(wrong, group, dict(getattr(made, group)) | {name: array})
    wrong.__dict__.pop("losses", None)
    return wrong


@pytest.mark.parametrize("group", ["value", "grad", "param_grad", "initial_grad"])
@settings(max_examples=25)
@given(case=cases(kinks=False), name=st.integers(0, 99), entry=st.integers(0, 999))
def test_a_wrong_number_anywhere_breaks_a_law(group, case, name, entry) -> None:
    """The broken law names the place."""
    made = moderate(case)
    arrays = getattr(made, group)
    names = [n for n in arrays if n != "x" or group == "grad"]
    assume(names)
    chosen = names[name % len(names)]
    amount = 1e-2 * max([1.0, *(np.abs(array).max() for array in (*made.grad.values(), *made.value.values()))])
    wrong = failed(check(broken(made, group, chosen, entry, amount), limit=100_000))
    assert wrong
    assert all(row.error > row.tolerance for row in wrong)
    assert all(row.where is not None for row in wrong)
    if group != "value":
        assert chosen in {row.where[0] for row in wrong}


@pytest.mark.parametrize("text", SMOOTH.values(), ids=SMOOTH)
def test_a_gradient_left_out_breaks_a_law(text) -> None:
    """A gradient that is zero throughout breaks a law too, since the measured one is not zero."""
    made = Case(text, T=3, B=2, soft=True).run()
    for group in ("grad", "param_grad", "initial_grad"):
        for name, array in getattr(made, group).items():
            if np.abs(array).max() > 1e-3:
                zero = copy.copy(made)
                setattr(zero, group, dict(getattr(made, group)) | {name: np.zeros_like(array)})
                assert LAWS[1] in {row.law for row in failed(check(zero))}, name


def test_a_loss_that_reaches_a_later_node_breaks_a_law(monkeypatch) -> None:
    made = Case(FEATURES["an LSTM"], T=6).run()
    assert no_loss_reaches_a_later_node(made).passed
    monkeypatch.setattr("engine.verify.laws.run_cell", lambda *arguments: made)  # whatever the weights
    row = no_loss_reaches_a_later_node(made)
    assert not row.passed
    assert row.error > 0
    assert row.where[1] > 1


def test_the_place_of_the_largest_error_is_named() -> None:
    made = Case(FEATURES["lags of one, two and three"], T=5, B=2).run()
    n = made.sizes["h"]
    rows = {row.law: row for row in check(broken(made, "grad", "h", (2 * 2 + 1) * n + 1, 0.5))}
    assert rows[LAWS[1]].where == ("h", 3)
    assert rows[LAWS[3]].where[1] == 3
    rows = {row.law: row for row in check(broken(made, "initial_grad", "h", 0, 0.5))}
    assert rows[LAWS[1]].where == rows[LAWS[3]].where == ("h", -2)
    rows = {row.law: row for row in check(broken(made, "param_grad", "W", 0, 0.5))}
    assert rows[LAWS[1]].where == rows[LAWS[4]].where == ("W", None)
    rows = {row.law: row for row in check(broken(made, "value", "o", 1, 0.5))}
    assert rows[LAWS[0]].where is not None
    assert rows[LAWS[0]].where[1] == 1


def test_y_hat_is_measured_although_the_loss_is_computed_from_the_logits() -> None:
    made = Case(FEATURES["the book's network"]).run()
    assert not failed(check(made))
    wrong = broken(made, "grad", "y_hat", 0, 0.1)
    assert [row.where[0] for row in failed(check(wrong)) if row.law == LAWS[1]] == ["y_hat"]


# --- runs that are right but hard -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "T"),
    [
        ("constant", 8),
        ("chaotic", 60),
        ("exploding", 60),
        ("vanishing", 60),
        ("large logits", 8),
        ("zeros", 4),
        ("one unit", 8),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_run_keeps_every_law_however_hard(what, T, dtype) -> None:
    arguments = Case(CATALOGUE["rnn"].text, T=T, B=1, n_h=6, n_y=1 if what == "one unit" else 3, dtype=dtype).arguments
    parameters, cell = arguments["params"], CATALOGUE["rnn"]
    if what == "constant":  # Vᵀ(ŷ − y) is nothing, but for rounding
        arguments["params"] = {name: np.full_like(array, 0.5) for name, array in parameters.items()}
    elif what == "chaotic":
        parameters["W"] = parameters["W"] * 5
    elif what == "exploding":
        cell = rnn("identity")
        parameters["W"] = 1.3 * np.linalg.qr(parameters["W"])[0]
        parameters["V"] = parameters["V"] * 1e-6
    elif what == "vanishing":
        parameters["W"] = parameters["W"] * 0.01
    elif what == "large logits":
        parameters["V"] = parameters["V"] * 20
    elif what == "zeros":
        arguments["params"] = {name: np.zeros_like(array) for name, array in parameters.items()}
    assert not failed(check(run(cell, **arguments)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_rounding_leaves_of_a_later_gradient_is_no_error(dtype) -> None:
    """∇k(t) is Wᵀ ∇a(t+1), whose entries sum to 0, and W's rows are equal: zero up to rounding, at every step."""
    text = "a = W @ k[t-1] + U @ x\nh = softmax(a)\nk = h * h\nL = mse(V @ h, y)"
    arguments = Case(text, T=6, B=2, n_h=5, soft=True, weights="last", dtype=dtype).arguments
    arguments["params"]["W"] = np.full((5, 5), 0.7)
    made = run(parse(text), **arguments)
    assert np.abs(made.grad["k"]).max() < 1e-6 * np.abs(made.grad["h"]).max()
    assert not failed(check(made))


def test_a_unit_at_its_kink_is_left_out_and_said_to_be() -> None:
    """The relu at 0 has no derivative to measure; entries that do not move it are measured."""
    cell = parse("a = W @ x\nh = relu(a)\nL = mse(h + x, y)")
    x = np.array([[0.5, -0.5], [1.0, 3.0]])
    made = run(cell, {"W": np.array([[1.0, 1.0], [2.0, -1.0]])}, x, np.ones((2, 2)))
    assert made.value["a"][0, 0, 0] == 0
    rows = check(made)
    assert not failed(rows)
    (row,) = (row for row in rows if row.law == LAWS[2])
    # a at the kink, both x and both entries of the row of W that make it
    assert "Measured: 7 of 12. Left out: 5 at a kink" in row.statement
    assert row.tolerance == 1e-6


def test_names_upstream_of_a_kink_follow_the_readings() -> None:
    assert upstream_of_kinks(CATALOGUE["rnn"]) == set()
    assert upstream_of_kinks(rnn("relu")) == {"b", "W", "h", "U", "x", "a"}
    assert upstream_of_kinks(parse("h = x\nk = relu(b)\nL = mse(h, y) + mse(k, y)")) == {"b"}
    assert upstream_of_kinks(parse("h = relu(M @ L[t-1])\nL = mse(V @ h, y)")) == {"M", "L", "V", "h"}


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_networks_with_kinks_keep_every_law(activation, dtype) -> None:
    made = Case(rnn(activation).text, T=12, B=2, initial="n", dtype=dtype).run()
    rows = check(made)
    assert [row.law for row in rows] == list(LAWS)
    assert not failed(rows)
    measured, total = re.findall(r"Measured: ([\d,]+) of ([\d,]+)", rows[2].statement)[0]
    assert int(measured) > 0.9 * int(total) > 100
    wrong = broken(made, "grad", "a", 3, 0.1)
    assert LAWS[2] in {row.law for row in failed(check(wrong))}
    zero = copy.copy(made)
    zero.grad = dict(made.grad) | {"a": np.zeros_like(made.grad["a"])}
    assert LAWS[2] in {row.law for row in failed(check(zero))}


# --- runs that cannot be measured -----------------------------------------------------------------------------------


def test_a_run_that_is_not_finite_passes_no_law_and_says_why() -> None:
    x = np.ones((400, 1))
    linear = parse("h = W @ h[t-1] + U @ x\nL = mse(h, y)")
    made = run(linear, {"W": np.array([[10.0]]), "U": np.ones((1, 1))}, x, np.zeros((400, 1)))
    rows = check(made)
    assert [row.law for row in rows] == [law for law in LAWS if law != LAWS[2]]
    for row in rows:
        assert not row.passed
        assert row.error == np.inf
        assert row.where == ("L", made.overflow.t)
        assert row.statement.endswith(f" Not measured: the value of L at t = {made.overflow.t} is not finite.")


def test_a_gradient_that_is_not_finite_is_named() -> None:
    made = run(parse("o = x\ny_hat = softmax(o)\nL = nll(y_hat, y)"), {}, np.array([[0.0, 1e4], [0.0, 1e4]]), [1, 0])
    assert made.overflow is None
    assert {row.where for row in check(made)} == {("y_hat", 2)}
    assert all(
        "the gradient of y_hat at t = 2 is not finite" in row.statement and not row.passed for row in check(made)
    )


# --- what a row says ------------------------------------------------------------------------------------------------


def test_rows_are_for_a_reader() -> None:
    rows = check(Case(RELU).run())
    assert [row.law for row in rows] == list(LAWS)
    for row in rows:
        assert row.statement[0].isupper()
        assert row.statement.endswith(".")
        assert "  " not in row.statement
        assert row.passed == (row.error <= row.tolerance)
        assert (row.where is None) == (row.error == 0)
        assert f"test_{row.law}" in globals()
    tolerances = {"float64": [1e-10, 1e-10, 1e-6, 1e-10, 1e-10, 0], "float32": [1e-4] * 5 + [0]}
    for dtype, expected in tolerances.items():
        assert [row.tolerance for row in check(Case(RELU, dtype=dtype).run())] == expected
    assert "There is only one step." in check(Case(RELU, T=1).run())[-1].statement


def test_a_limit_bounds_what_is_measured_and_is_said() -> None:
    made = Case(FEATURES["an LSTM"], T=10, B=2).run()
    everything = sum(a.size for group in (made.grad, made.initial_grad, made.param_grad) for a in group.values())
    before = 0
    for limit in (60, 300, 100_000):
        row = check(made, limit)[1]
        measured, total = (
            int(n.replace(",", "")) for n in re.findall(r"Measured: ([\d,]+) of ([\d,]+)\.", row.statement)[0]
        )
        assert total == everything
        assert before < measured <= limit
        assert row.passed
        assert check(made, limit) == check(made, limit)
        before = measured
    assert before == everything
    assert "None at" in check(made, 5)[1].statement
    for bad in (0, -1, 1.0, True, None, "10"):
        with pytest.raises(ValueError, match=r"limit is .*; a whole number, at least 1"):
            check(made, bad)


def test_a_large_run_is_measured_in_part() -> None:
    made = Case(CATALOGUE["rnn"].text, T=60, B=8, n_x=32, n_h=48, n_y=32).run()
    rows = check(made)
    assert not failed(rows)
    measured, total = (int(n.replace(",", "")) for n in re.findall(r"([\d,]+) of ([\d,]+)", rows[1].statement)[0])
    assert 50 < measured < 1_000
    assert total > 50_000


#: Nodes that depend on parameters or constants alone, before a function with a kink and after it.
ALONE = {
    "a gate": "g = sigmoid(alpha)\nh = g * h[t-1] + relu(b + W @ h[t-1] + U @ x)\nL = mse(V @ h, y)",
    "a parameter": "g = alpha\nh = g * h[t-1] + relu(W @ h[t-1] + U @ x)\nL = mse(V @ h, y)",
    "a constant": "g = 0.5\nh = relu(g * h[t-1] + U @ x)\nL = mse(V @ h, y)",
    "a kink of a parameter": "g = relu(alpha)\nh = tanh(g * h[t-1] + U @ x)\nL = mse(V @ h, y)",
    "a product": "g = W @ sigmoid(alpha)\nh = leaky_relu(g + h[t-1] + U @ x)\nL = mse(V @ h, y)",
    "a softmax": "g = softmax(alpha)\nh = relu(g * (W @ h[t-1]) + U @ x)\nL = mse(V @ h, y)",
    "the output": "h = relu(U @ x)\no = V @ relu(alpha)\nL = mse(o + b, y) + bce(sigmoid(Q @ h), y)",
}


@pytest.mark.parametrize("limit", [3, 40, 5000])
@pytest.mark.parametrize("text", ALONE.values(), ids=ALONE)
def test_what_depends_on_parameters_alone_is_measured_like_the_rest(text, limit) -> None:
    for B in (1, 50):
        rows = check(Case(text, 4, B, seed=2, soft=True, initial="KBn").run(), limit)
        assert not failed(rows), failed(rows)
