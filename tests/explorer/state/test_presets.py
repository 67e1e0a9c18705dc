"""The known results: each preset's run shows, by the engine's numbers, what its source claims; and the page offers it."""

from __future__ import annotations

import numpy as np
import pytest
from pages import fine, opened, query

import engine
from engine.execute.run import Run
from explorer import model as models
from explorer.state import PRESETS, from_query


def made(name: str) -> Run:
    return models.run(PRESETS[name].state.model)


def log_ratio(run: Run, state: str) -> float:
    """log10 of the gradient at the first step in units of that at the last."""
    logs = engine.log_grad_norm(run, state)[:, 0]
    return float(logs[0] - logs[-1])


def test_a_held_bit_costs_the_gradient() -> None:
    """Bengio, Simard & Frasconi (1994); Hochreiter (1991)."""
    run = made("latch")
    np.testing.assert_array_equal(run.parameters["W"], 1.25 * np.eye(8))  # above 1: two stable states a unit
    h = run.value["h"][:, 0]
    held = h[25:]
    assert (np.sign(held) == np.sign(held[-1])).all()
    assert (np.abs(held) > 0.5).all()
    assert (1.25 * run.slope("h")[25:] < 1).all()  # what makes them stable …
    assert (engine.factors(run, "h").largest[25:] < 1).all()  # … is what makes the gradient fall at each step
    assert log_ratio(run, "h") < -3


def test_a_bound_below_1_is_sufficient() -> None:
    """Pascanu, Mikolov & Bengio (2013)."""
    run = made("must_vanish")
    found = engine.bound(run, "h")
    assert found is not None
    assert found.rate == pytest.approx(0.9)
    steps = np.arange(run.T)
    logs = engine.log_grad_norm(run, "h")[::-1, 0]
    assert (logs - logs[0] <= found.log10(steps) + 1e-9).all()
    assert log_ratio(run, "h") < 49 * np.log10(0.9)


def test_a_bound_below_1_is_not_necessary() -> None:
    """PyTorch's initial weights: σ_max above 1, and the gradient vanishes."""
    run = made("not_necessary")
    found = engine.bound(run, "h")
    assert found is not None
    assert found.rate > 1.05
    (matrix,) = engine.recurrent_matrices(run)
    assert matrix.radius == pytest.approx(1 / np.sqrt(3), abs=0.05)
    assert log_ratio(run, "h") < -8


def test_a_linear_network_with_a_radius_above_1_explodes() -> None:
    """Pascanu, Mikolov & Bengio (2013)."""
    run = made("explodes")
    (matrix,) = engine.recurrent_matrices(run)
    assert matrix.radius == pytest.approx(1.3)
    assert 10 ** (log_ratio(run, "h") / (run.T - 1)) == pytest.approx(1.3, abs=0.05)
    assert log_ratio(run, "h") > 3


def test_orthogonal_weights_keep_the_norm() -> None:
    """Saxe, McClelland & Ganguli (2013)."""
    run = made("orthogonal")
    W = run.parameters["W"]
    np.testing.assert_allclose(W @ W.T, np.eye(8), atol=1e-14)
    norms = np.linalg.norm(run.grad["h"][:, 0], axis=1)
    np.testing.assert_allclose(norms, norms[-1], rtol=1e-12)
    found = engine.factors(run, "h")
    np.testing.assert_allclose([found.largest, found.smallest], 1, rtol=1e-12)


def test_identity_with_relu_passes_the_gradient_on_as_it_is() -> None:
    """Le, Jaitly & Hinton (2015)."""
    run = made("irnn")
    on = (run.value["h"][1:, 0] > 0).all(axis=0)  # units that pass at every step from the last back to the first
    assert 2 <= on.sum() < len(on)
    gradient = run.grad["h"][:, 0]
    np.testing.assert_array_equal(gradient[:, on], np.broadcast_to(gradient[-1, on], (run.T, on.sum())))
    assert not gradient[0, ~on].any()
    assert log_ratio(run, "h") > -0.5


def test_a_forget_bias_of_1_keeps_what_0_halves() -> None:
    """Jozefowicz, Zaremba & Sutskever (2015)."""
    zero, one = made("forget_0"), made("forget_1")
    for run, bias in ((zero, 0.0), (one, 1.0)):
        expected = 1 / (1 + np.exp(-bias))
        assert np.median(run.value["f"]) == pytest.approx(expected, abs=0.01)
        assert 10 ** (log_ratio(run, "s") / (run.T - 1)) == pytest.approx(expected, abs=0.02)
    assert log_ratio(one, "s") - log_ratio(zero, "s") == pytest.approx(8, abs=0.5)


def test_the_cliff_stands_at_the_upper_edge_of_its_wall() -> None:
    """Pascanu, Mikolov & Bengio (2013)."""
    run = made("cliff")
    b = run.parameters["b"]

    def loss(more: float) -> float:
        parameters = {**run.parameters, "b": b + more}
        return engine.run(run.cell, parameters, run.x, run.y, run.initial, run.weights).loss

    assert loss(0.0005) < 0.1 * run.loss  # "a little more b, and the loss falls to less than a tenth"
    assert run.loss < loss(-0.01) < 1.1 * run.loss  # behind the edge the ground is flat, and not lower
    assert run.param_grad["b"][0] < -100  # so the wall goes down towards a larger b
    assert run.T == 50


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.source])
def test_a_known_result_is_one_click_away_and_names_its_source(name) -> None:
    app = opened("vanish")
    fine(app.button_group(key="result").set_value(name).run())
    found, problems = from_query(query(app))
    assert (found.model, problems) == (PRESETS[name].state.model, [])
    assert app.button_group(key="preset").value in (None, [])
    said = " ".join(caption.value for caption in app.sidebar.caption).replace("\\", "")
    assert PRESETS[name].source in said
    app.button_group(key="preset").set_value("hello").run()
    assert app.button_group(key="result").value in (None, [])
    assert PRESETS[name].source not in " ".join(caption.value for caption in app.sidebar.caption).replace("\\", "")
