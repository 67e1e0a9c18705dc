"""Why gradients vanish: factors, matrices, growth, the bound; the recursion expanded; truncation and clipping."""

from __future__ import annotations

import re
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from cells import FEATURES, HARD, Case, agree, cases, hard, largest
from hypothesis import given, settings

import engine
from engine import CATALOGUE
from engine.execute import interpreter
from engine.execute.run import Run
from engine.flow import spectra, truncation
from engine.flow.expansion import _WRITTEN
from engine.flow.graded import graded_logs
from engine.flow.links import system
from engine.flow.spectra import _WORK, stretches, transitions


def made(name: str, T: int = 7, B: int = 2, n: int = 3, scale: float = 1.0, **options) -> Run:
    cell = CATALOGUE[name]
    sizes = {"x": 2, "y": 3} | {members[0]: n for members in cell.hidden}
    random = np.random.default_rng(1)
    params = {key: scale * random.standard_normal(shape) for key, shape in cell.shapes(sizes).items()}
    return engine.run(cell, params, random.standard_normal((T, B, 2)), random.integers(0, 3, (T, B)), **options)


def linear(W: np.ndarray, T: int) -> Run:
    cell = engine.parse("s = W @ s[t-1] + x\nL = mse(s, y)")
    zeros = np.zeros((T, 1, len(W)))
    return engine.run(cell, {"W": W}, zeros, zeros)


RECURRENT = ["rnn", "lstm", "gru", "rnn_skip", "rnn_output", "rnn_leaky"]

# --- spectra ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECURRENT)
def test_factors_are_those_of_the_jacobian(name) -> None:
    run = made(name)
    for state in run.cell.states:
        found, jacobian = engine.factors(run, state), engine.jacobian(run, state, state)
        expected = np.array([jacobian[t + 1, t] for t in range(run.T - 1)])
        np.testing.assert_allclose(found.jacobian, expected, atol=1e-14)
        singular = np.linalg.svd(expected, compute_uv=False)
        np.testing.assert_allclose(found.largest, singular[..., 0], rtol=1e-12)
        np.testing.assert_allclose(found.smallest, singular[..., -1], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", RECURRENT)
def test_the_largest_factor_is_weights_times_activation(name) -> None:
    run = made(name)
    found = engine.factors(run, run.cell.states[0])
    np.testing.assert_allclose(found.weights * found.activation, found.largest, rtol=1e-14)


def test_the_parts_of_an_elman_network_are_its_matrix_and_its_slopes() -> None:
    run = made("rnn")
    found, slope = engine.factors(run, "h"), run.slope("h")[1:]
    np.testing.assert_allclose(found.weights, np.linalg.norm(run.parameters["W"], 2), rtol=1e-12)
    assert (found.activation <= slope.max(axis=-1) * (1 + 1e-12)).all()
    assert (found.activation >= slope.min(axis=-1) * (1 - 1e-12)).all()
    np.testing.assert_allclose(found.jacobian, slope[..., None] * run.parameters["W"], rtol=1e-12)


def test_the_matrices_of_the_recurrence_and_no_other() -> None:
    run = made("lstm")
    found = {matrix.name: matrix for matrix in engine.recurrent_matrices(run)}
    assert set(found) == {"W", "W_f", "W_g", "W_q"}
    for name, matrix in found.items():
        W = run.parameters[name]
        np.testing.assert_allclose(matrix.singular, np.linalg.svd(W)[1])
        assert matrix.largest == matrix.singular[0]
        np.testing.assert_allclose(np.prod(matrix.eigenvalues).real, np.linalg.det(W))
        assert matrix.radius == np.abs(np.linalg.eigvals(W)).max()
    through_output = {matrix.name: matrix for matrix in engine.recurrent_matrices(made("rnn_output", n=4))}
    assert set(through_output) == {"W", "V"}
    assert through_output["V"].radius is None  # it is not square
    assert engine.recurrent_matrices(made("feedforward", T=2)) == ()


def test_exponents_of_a_linear_system_are_the_logarithms_of_its_eigenvalues() -> None:
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.standard_normal((4, 4)))[0]
    values = np.array([1.2, 0.9, 0.4, 1e-3])
    run = linear(basis @ np.diag(values) @ basis.T, 600)  # 10⁻¹⁸⁰⁰ for the smallest
    found = engine.growth(run, "s")
    assert found is not None
    np.testing.assert_allclose(found.spectrum[0], np.log(values), atol=0.02)
    np.testing.assert_allclose(found.log_norm[:, 0], np.arange(1, 601) * np.log(1.2), rtol=1e-10)
    assert found.largest[0] == pytest.approx(np.log(1.2), rel=1e-10)
    diagonal = engine.growth(linear(np.diag([0.1, 3.0]), 2000), "s")
    assert diagonal is not None
    np.testing.assert_allclose(diagonal.spectrum[0], np.log([3.0, 0.1]))


@pytest.mark.parametrize("name", RECURRENT)
def test_the_exponents_sum_to_the_determinant_s(name) -> None:
    run = made(name)
    state = run.cell.states[0]
    found = engine.growth(run, state)
    assert found is not None
    N = sum(run.sizes[other] for other, _ in found.state)
    jacobians = np.concatenate(list(transitions(run, system(run, [state], state), N)))
    assert found.spectrum.shape == (run.B, N)
    assert (np.diff(found.spectrum, axis=1) <= 0).all()
    logs = np.log(np.abs(np.linalg.det(jacobians))).sum(axis=0)
    np.testing.assert_allclose(found.spectrum.sum(axis=1) * run.T, logs, rtol=1e-8)
    for b in range(run.B):
        product = np.linalg.multi_dot(jacobians[::-1, b])
        assert found.log_norm[-1, b] == pytest.approx(np.log(np.linalg.norm(product, 2)), abs=1e-11)
    # a state that is one name of the step before moves by that name's Jacobian
    if len(found.state) == 1:
        np.testing.assert_allclose(jacobians[1:], engine.factors(run, state).jacobian, atol=1e-14)


def test_growth_is_that_of_the_product_of_jacobians() -> None:
    run = made("rnn", T=9)
    found = engine.growth(run, "h")
    assert found is not None
    slopes, product = run.slope("h"), np.eye(3)
    log_det = 0.0
    for t in range(9):
        J = slopes[t, 1][:, None] * run.parameters["W"]
        product, log_det = J @ product, log_det + np.log(abs(np.linalg.det(J)))
        assert found.log_norm[t, 1] == pytest.approx(np.log(np.linalg.norm(product, 2)), abs=1e-12)
    assert found.spectrum[1].sum() * 9 == pytest.approx(log_det, rel=1e-10)
    assert engine.growth(made("feedforward", T=2), "phi_2") is None


def test_a_growth_that_would_take_too_long_says_what_would_not(monkeypatch) -> None:
    monkeypatch.setattr(spectra, "_WORK", 100)
    with pytest.raises(
        ValueError, match=r"T = 7 steps of a state of 3 units .* takes too long; T · B up to 3 would do"
    ):
        engine.growth(made("rnn"), "h")
    assert _WORK > 1000 * 64**3


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "softplus"])
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_no_jacobian_is_larger_than_the_bound(activation, scale) -> None:
    cell = engine.rnn(activation)
    random = np.random.default_rng(int(scale * 10))
    shapes = cell.shapes({"x": 2, "h": 4, "y": 3})
    params = {name: scale * random.standard_normal(shape) / 2 for name, shape in shapes.items()}
    run = engine.run(cell, params, random.standard_normal((12, 2, 2)), random.integers(0, 3, (12, 2)))
    for name in ("h", "a"):
        found = engine.bound(run, name)
        assert found is not None
        assert found.weights == pytest.approx(np.linalg.norm(params["W"], 2))
        assert found.slope == (0.25 if activation == "sigmoid" else 1.0)
        assert found.seen <= found.slope
        norms = engine.jacobian_norm(run, name, name)
        for t in range(12):
            for s in range(t + 1):
                assert (norms[t, s] <= 10 ** found.log10(t - s) * (1 + 1e-12)).all()
                assert (norms[t, s] <= (found.weights * found.seen) ** (t - s) * (1 + 1e-12)).all()


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_bound_is_reached_where_every_direction_is_scaled_alike(scale) -> None:
    cell = engine.parse("h = W @ h[t-1] + U @ x\nL = mse(h, y)")
    W = scale * np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    run = engine.run(cell, {"W": W, "U": np.ones((4, 1))}, np.ones((6, 1)), np.ones((6, 1, 4)))
    found = engine.bound(run, "h")
    assert found is not None
    assert found.rate == pytest.approx(scale)
    for steps in range(6):
        assert 10 ** found.log10(steps) == pytest.approx(engine.jacobian_norm(run, "h", "h")[5, 5 - steps, 0])


def test_the_bound_is_not_stated_where_it_does_not_hold() -> None:
    for name, state in (("lstm", "s"), ("gru", "h"), ("rnn_skip", "h"), ("rnn_leaky", "h"), ("rnn", "o")):
        assert engine.bound(made(name), state) is None
    through_output = engine.bound(made("rnn_output"), "o")
    assert through_output is not None
    assert (engine.jacobian_norm(made("rnn_output"), "o", "o")[3, 1] <= through_output.rate**2).all()


# --- the recursion, expanded ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECURRENT)
def test_the_terms_sum_to_the_gradient(name) -> None:
    run = made(name)
    for node in (run.cell.states[0], "x", "o"):
        parts = engine.by_loss(run, node)
        for t in (1, 3, 7):
            found = engine.expand(run, node, t, sample=1)
            assert [term.s for term in found.terms] == list(range(t, 8))
            assert found.error < 1e-12
            assert sum(term.share for term in found.terms) == pytest.approx(1)
            for term in found.terms:
                np.testing.assert_allclose(term.vector, parts[term.s - 1, t - 1, 1], atol=1e-15)
                assert len(term.chain) == term.s - t + 1
                chain = np.linalg.norm(parts[term.s - 1, t - 1 : term.s, 1], axis=-1)[::-1]
                np.testing.assert_allclose(term.chain, chain, rtol=1e-10, atol=1e-15)
                assert term.chain[-1] == pytest.approx(term.norm)


def test_the_symbols_are_the_recursion_of_the_text() -> None:
    run = made("rnn")
    found = engine.expand(run, "h", 5)
    factor = r"\left(\frac{\partial h^{(t+1)}}{\partial h^{(t)}}\right)^\top"
    assert found.terms[0].symbols == r"\nabla_{h^{(t)}} L^{(t)}"
    assert found.terms[1].symbols == rf"{factor}\,\nabla_{{h^{{(t+1)}}}} L^{{(t+1)}}"
    assert found.symbols.startswith(r"\nabla_{h^{(t)}} L = \nabla_{h^{(t)}} L^{(t)} + " + factor + r"\left[")
    assert found.symbols.count(r"\left[") == 2
    assert r"\cdots" in engine.expand(run, "h", 1).symbols
    for arguments, message in (((0,), "steps are 1 to 7"), ((1, 5), "samples are counted")):
        with pytest.raises(ValueError, match=message):
            engine.expand(run, "h", *arguments)


@pytest.mark.parametrize("t", range(1, 8))
def test_the_symbols_have_every_step_once_and_in_order(t) -> None:
    found = engine.expand(made("rnn"), "h", t)

    def steps(symbols: str, what: str) -> list[int]:
        return [int(k or 0) for k in re.findall(what + r"h\^\{\(t(?:\+(\d+))?\)\}", symbols)]

    for k, term in enumerate(found.terms):  # a Jacobian for each step between, of many the first two and the last
        between = list(range(1, k + 1)) if k <= _WRITTEN else [1, 2, k]
        assert steps(term.symbols, r"frac\{\\partial ") == between
        assert steps(term.symbols, r"\}\{\\partial ") == [above - 1 for above in between]
        assert steps(term.symbols, r"nabla_\{") == [k]
        assert (r"\cdots" in term.symbols) == (k > _WRITTEN)
    later = 7 - t
    depth = min(later, _WRITTEN - 1)
    assert steps(found.symbols, r"nabla_\{") == [0, *range(depth + 1)]  # the whole, and each step's own part
    assert steps(found.symbols, r"frac\{\\partial ") == list(range(1, depth + 1 + (later > depth)))
    assert found.symbols.count(r"\left[") == found.symbols.count(r"\right]")


@pytest.mark.parametrize("name", RECURRENT)
def test_the_routes_sum_to_the_gradient(name) -> None:
    run = made(name)
    for node in (*run.cell.states, "o"):
        found = engine.routes(run, node)
        np.testing.assert_allclose(sum(route.vector for route in found), run.grad[node], atol=1e-13)
        np.testing.assert_allclose(sum(route.share for route in found), 1, rtol=1e-10)


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_routes_of_any_cell_sum_to_the_gradient(text) -> None:
    run = Case(text, 5, 2, seed=1, initial="KBn", weights="samples").run()
    for name in run.cell.states:
        total = sum((route.vector for route in engine.routes(run, name)), np.zeros(run.grad[name].shape))
        np.testing.assert_allclose(total, run.grad[name], atol=1e-10 * max(1, np.abs(run.grad[name]).max()))


def test_an_lstm_s_cell_is_reached_directly_and_through_each_gate() -> None:
    run = made("lstm")
    found = {route.target: route for route in engine.routes(run, "s") if route.read is not None}
    assert len(found) == 5  # s itself, the three gates, the candidate
    direct = run.value["f"][1:] * run.grad["s"][1:]
    np.testing.assert_allclose(found["s"].vector[:-1], direct, rtol=1e-12)


# --- truncation and clipping ------------------------------------------------------------------------------------------------


def exact_singular_values(factors: np.ndarray) -> list[float]:
    """log10 of those of factors[m − 1] … factors[0], in 400 digits."""
    with mpmath.workdps(400):
        product = mpmath.eye(factors.shape[1])
        for A in factors:
            product = mpmath.matrix(A.tolist()) * product
        return [float(mpmath.log10(value)) for value in sorted(mpmath.svd_r(product, compute_uv=False), reverse=True)]


NOISE = np.random.default_rng(5)
PRODUCTS = {
    "random": NOISE.normal(size=(60, 5, 5)) / 2,
    "shrinking": 1e-4 * NOISE.normal(size=(30, 4, 4)),
    "growing": 1e6 * NOISE.normal(size=(40, 4, 4)),
    "rows of all sizes": 10.0 ** NOISE.uniform(-30, 0, (12, 5, 1)) * NOISE.normal(size=(12, 5, 5)),
    "orthogonal": np.linalg.qr(NOISE.normal(size=(30, 5, 5)))[0],
    "of equal values in pairs": np.linalg.qr(NOISE.normal(size=(9, 4, 4)))[0] @ np.diag([3.0, 3.0, 0.1, 0.1]),
    "one factor": NOISE.normal(size=(1, 4, 4)),
    "one unit": NOISE.normal(size=(30, 1, 1)),
    "the smallest first": np.tile(np.diag([1e-3, 1.0, 10.0]), (20, 1, 1)),
}


@pytest.mark.parametrize("factors", PRODUCTS.values(), ids=PRODUCTS)
def test_singular_values_of_a_long_product_are_right(factors) -> None:
    np.testing.assert_allclose(graded_logs(factors), exact_singular_values(factors), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["rnn", "gru", "rnn_leaky"])
def test_singular_values_of_a_long_jacobian_are_those_of_its_factors(name) -> None:
    run = made(name, T=40, n=4)
    found = stretches(run, "h", "h", 40, 1)
    assert found.known.all()
    for sample in range(run.B):
        expected = exact_singular_values(engine.factors(run, "h").jacobian[:, sample])
        np.testing.assert_allclose(found.log10[sample], expected, rtol=0, atol=1e-9)
    assert found.log10.min() < found.log10.max() - 18  # a plain decomposition would show rounding
    near = stretches(run, "h", "h", 3, 2)
    plain = np.linalg.svd(engine.jacobian_at(run, "h", "h", 3, 2), compute_uv=False)
    np.testing.assert_allclose(10**near.log10, plain, rtol=1e-9)


def test_singular_values_that_rounding_hides_are_not_told() -> None:
    lstm = made("lstm", T=60, n=6)  # two states: no product of factors of h alone
    equal = np.random.default_rng(0).normal(size=(4, 4))
    equal[1] = 0.1 * equal[0] + 0.7 * equal[2]  # singular, but for rounding
    singular = engine.run(CATALOGUE["rnn"], dict(made("rnn", n=4).parameters) | {"W": equal}, *_data(30))
    for run in (lstm, singular):
        found = stretches(run, "h", "h", run.T, 1)
        plain = np.linalg.svd(engine.jacobian_at(run, "h", "h", run.T, 1), compute_uv=False)
        assert not found.known.all()
        assert found.known[:, 0].all()
        hidden = plain < plain[:, :1] * plain.shape[1] * np.finfo(float).eps
        np.testing.assert_array_equal(found.known, ~hidden)
        np.testing.assert_allclose(10 ** found.log10[found.known], plain[found.known], rtol=1e-9)


def test_units_that_are_shut_have_the_singular_value_zero() -> None:
    cell = engine.parse("h = relu(b + W @ h[t-1] + U @ x)\nL = mse(V @ h, y)")
    params = engine.initialise(cell, {"x": 2, "h": 4, "y": 2}, seed=1)
    params["b"] = np.array([5.0, 5.0, -50.0, 5.0])
    x = np.random.default_rng(0).normal(size=(12, 1, 2))
    found = stretches(engine.run(cell, params, x, x), "h", "h", 12, 1)
    assert found.known.all()
    assert np.isneginf(found.log10[0, -1])


def _data(T: int):
    random = np.random.default_rng(2)
    return random.normal(size=(T, 1, 2)), random.integers(0, 3, (T, 1))


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("every", [1, 3, 7, 50])
def test_cut_gradients_are_those_of_cut_networks(name, every) -> None:
    run = made(name, reduction="mean")
    found = engine.cut(run, every)
    params = {key: np.zeros(value.shape) for key, value in run.parameters.items()}
    for start in range(0, run.T, every):
        stop = min(run.T, start + every)
        steps = slice(start, stop)
        early = {
            state: np.concatenate([run.initial[state], run.value[state]])[start : start + run.cell.lags[state]]
            for state in run.cell.states
        }
        seed = np.full((stop - start, run.B), 1 / run.B)
        _, grads, param_grads, early_grads = interpreter.backpropagate(
            run.cell, run.sizes, run.parameters, run.x[steps], run.y[steps], early, seed
        )
        for node in ("h", "x", "o"):
            np.testing.assert_allclose(found.grad[node][steps], grads[node], atol=1e-13)
        if not start:
            for state, grad in found.initial_grad.items():
                np.testing.assert_allclose(grad, early_grads[state], atol=1e-13)
        for key, grad in param_grads.items():
            params[key] += grad
    for key, grad in params.items():
        np.testing.assert_allclose(found.param_grad[key], grad, atol=1e-12)
        whole = run.param_grad[key]
        assert found.error[key] == pytest.approx(np.linalg.norm(grad - whole) / np.linalg.norm(whole), abs=1e-12)
    if every >= run.T:
        assert max(found.error.values()) < 1e-13
        assert min(found.cosine.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("steps", [1, 2, 5, 7, 9])
def test_windowed_gradients_are_partial_sums_of_by_loss(name, steps, monkeypatch) -> None:
    monkeypatch.setattr(truncation, "_BATCH", 200)  # so that the pieces need several runs
    weights = np.random.default_rng(0).standard_normal((7, 2))
    run = made(name, weights=weights)
    found = engine.window(run, steps)
    for node in ("x", *run.cell.nodes):
        parts = engine.by_loss(run, node)
        expected = np.array([parts[t : t + steps, t].sum(axis=0) for t in range(run.T)])
        np.testing.assert_allclose(found.grad[node], expected, atol=1e-12)
    if steps >= run.T:
        assert max(found.error.values()) < 1e-12
    elif steps == 1:
        assert found.error["V"] < 1e-12 or name == "rnn_output"  # the output's weights need no later step


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_the_error_and_the_cosine_compare_the_cut_gradient_with_the_whole(name) -> None:
    run = made(name)
    found = engine.cut(run, 2)
    compared = [key for key in run.cell.parameters if found.error[key]]
    assert compared
    for key in compared:
        cut, whole = found.param_grad[key].ravel(), run.param_grad[key].ravel()
        assert found.error[key] == pytest.approx(np.linalg.norm(cut - whole) / np.linalg.norm(whole))
        assert found.cosine[key] == pytest.approx(cut @ whole / np.linalg.norm(cut) / np.linalg.norm(whole))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_difference_that_is_rounding_is_no_error_of_truncation(dtype) -> None:
    """V and c feed no later step: their gradient is the same sum in another order."""
    for T, name in ((60, "rnn"), (300, "lstm")):
        base = made(name, T=T, B=3)
        run = engine.run(base.cell, base.parameters, base.x, base.y, dtype=dtype)
        for found in (engine.cut(run, 7), engine.window(run, 7)):
            assert (found.error["V"], found.error["c"], found.cosine["V"]) == (0, 0, 1)
            assert found.error["W"] > 1e-3
        assert set(engine.cut(run, T).error.values()) == {0}
    assert 1e2 < truncation.ROUNDINGS < 1e5  # a difference of 1e-11 is told


def pieces_by_hand(run: Run, every: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Gradients of nodes and of parameters, from a run of its own for each piece."""
    grads = {name: np.zeros_like(grad) for name, grad in run.grad.items()}
    params = {name: np.zeros_like(grad) for name, grad in run.param_grad.items()}
    for start in range(0, run.T, every):
        steps = slice(start, start + every)
        early = {
            state: np.concatenate([run.initial[state], run.value[state]])[start : start + run.cell.lags[state]]
            for state in run.cell.states
        }
        x = None if run.x is None else run.x[steps]
        piece = engine.run(run.cell, run.parameters, x, run.y[steps], early, run.weights[steps], run.reduction)
        for name, grad in grads.items():
            grad[steps] = piece.grad[name]
        for name, grad in params.items():
            grad += piece.param_grad[name]
    return grads, params


@hard
@given(cases())
@settings(max_examples=20)
def test_what_is_said_of_any_cell_agrees(case) -> None:
    run = replace(case, dtype="float64").run()
    margin = 1e-10 * largest(run.grad.values())
    if run.overflow is not None or largest((*run.grad.values(), *run.value.values(), *run.param_grad.values())) > 1e4:
        return
    with np.errstate(all="ignore"):
        cut, (grads, params), window = engine.cut(run, 2), pieces_by_hand(run, 2), engine.window(run, 2)
        for name, grad in params.items():
            assert agree(cut.param_grad[name], grad, 1e-10 * largest([*run.param_grad.values()])), name
        for name, grad in run.grad.items():
            assert agree(cut.grad[name], grads[name], margin), name
            parts = engine.by_loss(run, name)
            assert agree(window.grad[name], np.array([parts[t : t + 2, t].sum(0) for t in range(run.T)]), margin), name
            total = sum((route.vector for route in engine.routes(run, name)), np.zeros(grad.shape))
            assert agree(total, grad, margin), name
            for t in {1, run.T}:
                terms = engine.expand(run, name, t, run.B - 1).terms
                assert agree(np.array([term.vector for term in terms]), parts[t - 1 :, t - 1, -1], margin), name
        for name in run.grad:
            jacobian = engine.jacobian(run, name, name)
            each = np.array([jacobian[t + 1, t] for t in range(run.T - 1)]).reshape(-1, *jacobian.shape[2:])
            assert agree(engine.factors(run, name).jacobian, each, 1e-10 * largest([each], 1e-3)), name
            for kind, order in (("spectral", 2), ("fro", "fro")):
                norms = engine.jacobian_norm(run, name, name, kind=kind)  # type: ignore[arg-type]
                finite = np.where(np.isfinite(jacobian), jacobian, 0)
                assert agree(norms, np.linalg.norm(finite, order, axis=(-2, -1)), 1e-10 * largest([jacobian], 1e-3))


@pytest.mark.parametrize("case", HARD[:2], ids=["weight 0", "several samples"])
def test_a_gradient_that_is_no_finite_number_is_none_in_any_account(case) -> None:
    run = case.run()
    assert run.overflow is None
    assert not all(np.isfinite(grad).all() for grad in run.grad.values())
    with np.errstate(all="ignore"):
        whole = engine.cut(run, run.T), engine.window(run, run.T)
        for name, grad in run.grad.items():
            margin, parts = 1e-10 * largest(run.grad.values()), engine.by_loss(run, name)
            weights = run.weights[:, None, :, None]
            by_hand = np.where(weights == 0, 0, engine.jacobian(run, "L", name)[..., 0, :] * weights / run.B)
            total = sum((route.vector for route in engine.routes(run, name)), np.zeros(grad.shape))
            for found in (parts.sum(axis=0), by_hand.sum(axis=0), total, *(other.grad[name] for other in whole)):
                assert agree(found, grad, margin), name
            norms = np.linalg.norm(parts, axis=-1)
            assert agree(engine.by_loss_norm(run, name), norms, margin), name


@hard
@given(cases(kinks=False))
@settings(max_examples=20)
def test_growth_of_any_cell_is_that_of_the_last_state_by_the_first(case) -> None:
    run = replace(case, dtype="float64").run()
    if run.overflow is None and largest((*run.grad.values(), *run.value.values())) < 1e4:
        for name in run.grad:
            assert_growth_is_that_of_the_last_state_by_the_first(run, name)


def assert_growth_is_that_of_the_last_state_by_the_first(run: Run, name: str) -> None:
    """The product of the Jacobians is the derivative of the last state by the initial one, by an imaginary step."""
    found = engine.growth(run, name)
    if found is None:
        return
    columns = []
    for state, k in found.state:
        for unit in range(run.sizes[state]):
            early = {other: values.astype(complex) for other, values in run.initial.items()}
            early[state][len(early[state]) - 1 - k, :, unit] += 1e-30j
            values = interpreter.evaluate(run.cell, run.sizes, run.parameters, run.x, run.y, early, joint=False)
            whole = {other: np.concatenate([early[other], values[other]]) for other in run.cell.states}
            columns.append(np.concatenate([whole[other][-1 - j].imag / 1e-30 for other, j in found.state], axis=-1))
    size = largest(columns, 1e-3)
    norms = np.linalg.norm(np.stack(columns, axis=-1), 2, axis=(-2, -1))
    assert agree(np.exp(found.log_norm[-1]), norms, 1e-9 * size), name


def test_steps_and_limits_must_make_sense() -> None:
    run = made("rnn")
    for call in (lambda: engine.cut(run, 0), lambda: engine.window(run, 0), lambda: engine.cut(run, 1.5)):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="a whole number of steps, at least 1"):
            call()
    for clip in (engine.clip_by_norm, engine.clip_by_value):
        for limit in (0, -1, np.nan):
            with pytest.raises(ValueError, match="a positive number"):
                clip(run.param_grad, limit)
    with pytest.raises(ValueError, match="gradient of W has numbers that are not finite"):
        engine.clip_by_norm({"V": np.ones(2), "W": np.array([np.inf])}, 1.0)


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1.0, 1e200])
def test_clipping_by_norm_keeps_the_direction(scale) -> None:
    grads = {name: scale * grad for name, grad in made("rnn").param_grad.items()}
    unit = np.sqrt(sum(np.sum((grad / scale) ** 2) for grad in grads.values()))
    for limit in (0.01, 1.0, 1e90):
        clipped, factor = engine.clip_by_norm(grads, limit)
        assert factor == pytest.approx(min(1.0, limit / (unit * scale)))
        for name, grad in grads.items():
            np.testing.assert_allclose(clipped[name], grad * factor, rtol=1e-14)
        if factor < 1:
            size = np.sqrt(sum(np.sum((grad / limit) ** 2) for grad in clipped.values()))
            assert size == pytest.approx(1)
        again, second = engine.clip_by_norm(clipped, limit)
        assert second == pytest.approx(1)
        assert set(again) == set(grads)
    assert engine.clip_by_norm({"W": np.zeros(3)}, 1.0)[1] == 1.0


def test_clipping_by_value_bounds_every_entry() -> None:
    grads = dict(made("rnn").param_grad)
    grads["b"] = np.array([np.inf, -np.inf, 0.0])
    clipped, beyond = engine.clip_by_value(grads, 0.05)
    assert beyond == sum((np.abs(grad) > 0.05).sum() for grad in grads.values())
    for name, grad in grads.items():
        assert np.abs(clipped[name]).max() <= 0.05
        inside = np.abs(grad) <= 0.05
        np.testing.assert_array_equal(clipped[name][inside], grad[inside])
        assert (np.sign(clipped[name]) == np.sign(grad)).all()
