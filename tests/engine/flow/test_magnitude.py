"""log_grad_norm where losses, softmaxes and gates leave the floats, against the same in 1,500 digits."""

from __future__ import annotations

import numpy as np
import pytest
from exactly import log10_norms

import engine
from engine import CATALOGUE
from engine.flow import magnitude

_HEAD = "o = c + V @ h\ny_hat = softmax(o)\nL = nll(y_hat, y)"
_TANH = "h = tanh(b + W @ h[t-1] + U @ x)"
#: Cells in which something far below every float is a factor of the gradient.
CELLS = {
    "nll of a softmax": f"{_TANH}\n{_HEAD}",
    "bce of a sigmoid": f"{_TANH}\no = c + V @ h\np = sigmoid(o)\nL = bce(p, y)",
    "nll of a softmax that is one step old": f"{_TANH}\np = softmax(c + V @ h)\nL = nll(p[t-1], y)",
    "nll of a sigmoid": f"{_TANH}\np = sigmoid(c + V @ h)\nL = nll(p, y)",
    "bce of a softmax": f"{_TANH}\np = softmax(c + V @ h)\nL = bce(p, y)",
    "bce of a sigmoid that is one step old": f"{_TANH}\np = sigmoid(c + V @ h)\nL = bce(p[t-1], y)",
    "mse of a softmax": f"{_TANH}\np = softmax(c + V @ h)\nL = mse(p, y)",
    "mse of a sigmoid": f"{_TANH}\np = sigmoid(c + V @ h)\nL = mse(p, y)",
    "a softmax as a factor": f"g = softmax(c + P @ x)\nk = V @ (h[t-1] + U @ x)\nh = Q @ (g * k)\n{_HEAD}",
    "a gate": f"g = sigmoid(d + P @ x)\nh = g * h[t-1] + U @ x\n{_HEAD}",
    "no recurrence": f"h = tanh(b + U @ x)\n{_HEAD}",
    "two losses": f"{_TANH}\n{_HEAD}\nM = bce(sigmoid(o), y)",
    "the output comes back": f"h = tanh(b + W @ y_hat[t-1] + U @ x)\n{_HEAD}",
}


def run_of(cell, far, sure, T=3, B=1, seed=0, weights=None):
    """A run whose outputs, or gates, are `far` apart; `sure` of the right class, or of a wrong one."""
    random = np.random.default_rng(seed)
    sizes = {"x": 2, "y": 3} | {members[0]: 2 for members in cell.hidden}
    params = {name: random.normal(0, 0.7, shape) for name, shape in cell.shapes(sizes).items()}
    for name in ("c", "d"):
        if name in params:
            params[name] = params[name] + far * np.linspace(1, -1, len(params[name]))
    classes = np.full((T, B), 0 if sure else 2)
    units = cell.sizes(sizes)
    early = {name: random.uniform(0.2, 0.4, (cell.lags[name], B, units[name])) for name in cell.states}
    if not cell.takes_classes:
        classes = np.eye(3)[classes]
    return engine.run(cell, params, random.normal(size=(T, B, 2)), classes, early, weights)


def assert_right(run, tolerance=1e-9) -> None:
    for sample in range(run.B):
        expected = log10_norms(run, sample)
        for name, norms in expected.items():
            found = engine.log_grad_norm(run, name)[:, sample]
            np.testing.assert_allclose(found, norms, rtol=1e-12, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("far", [60.0, 1200.0])
@pytest.mark.parametrize("what", list(CELLS))
def test_log_grad_norm_is_right_where_losses_and_gates_leave_the_floats(what, far) -> None:
    cell = engine.parse(CELLS[what])
    for sure in (True, False):
        # where p is within 1e-17 of 1, p − y and S_i − Σ S_i S_j have lost their digits, and the run's gradient with them
        if not (far == 60.0 and what in ("mse of a softmax", "mse of a sigmoid", "bce of a softmax")):
            assert_right(run_of(cell, far, sure))


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_log_grad_norm_is_right_for_every_cell_of_the_catalogue(name) -> None:
    cell = CATALOGUE[name]
    for far, sure in ((800.0, True), (800.0, False)):
        random = np.random.default_rng(1)
        sizes = {"x": 2, "y": 2} | {members[0]: 3 for members in cell.hidden}
        params = {key: random.normal(0, 0.7, shape) for key, shape in cell.shapes(sizes).items()}
        for key in [key for key in params if key in ("c", "b_4", "b_f", "b_z")] or [cell.parameters[0]]:
            params[key] = params[key] + far * np.where(np.arange(len(params[key])) % 2, -1, 1)[: len(params[key])]
        x = random.normal(size=(3, 1, 2)) if cell.reads_x else None
        assert_right(engine.run(cell, params, x, np.full((3, 1), 0 if sure else 1)))


def test_the_gradient_of_a_sure_answer_is_far_below_every_float() -> None:
    cell = CATALOGUE["rnn"]
    params = engine.initialise(cell, {"x": 2, "h": 3, "y": 2}) | {"c": np.array([1000.0, 0.0])}
    run = engine.run(cell, params, np.ones((4, 2)), np.zeros(4, int))
    assert not run.grad["o"].any()
    assert_right(run)
    assert abs(engine.log_grad_norm(run, "o")[0, 0] + 434) < 2


def test_samples_and_weights_are_told_apart_beyond_the_floats() -> None:
    cell = CATALOGUE["rnn"]
    run = run_of(cell, 900.0, True, T=4, B=2, weights=np.array([[1.0, 0], [0, 2], [0.5, 1], [0, 0]]))
    assert_right(run)


def test_shares_between_0_and_1_are_right_too() -> None:
    for text, total in (
        (CELLS["nll of a softmax"], 1.0),
        (CELLS["nll of a softmax"], 0.3),
        (CELLS["bce of a sigmoid"], 1),
    ):
        cell = engine.parse(text)
        base = run_of(cell, 700.0, True)
        for share in ([1.0, 0.0, 0.0], [0.2, 0.3, 0.5]):
            y = np.tile(np.array(share) * total, (3, 1, 1))
            assert_right(engine.run(cell, base.parameters, base.x, y))


LATE = (
    "s = tanh(b + W @ h[t-1] + R @ h[t-3] + U @ x)\nk = sigmoid(d + M @ s)\nh = s + Q @ k[t-2]\n"
    "o = c + V @ h + P @ x\ny_hat = softmax(o)\nL = nll(y_hat, y)"
)


def run_with_far_steps(text, T, far, seed=0, B=1):
    """A run whose outputs in sample 0 leave the floats at some steps, sure of the right class: tiny gradients beside usual."""
    cell, random = engine.parse(text), np.random.default_rng(seed)
    sizes = {"x": 2, "y": 3} | {members[0]: 2 for members in cell.hidden}
    params = {name: random.normal(0, 0.7, shape) for name, shape in cell.shapes(sizes).items()}
    x, y = random.normal(size=(T, B, 2)), np.zeros((T, B), int)
    x[far, 0] *= 5000
    y[far, 0] = engine.run(cell, params, x, y).value["o"][far, 0].argmax(axis=-1)
    return engine.run(cell, params, x, y)


def test_log_grad_norm_is_right_before_a_far_step_where_states_of_several_steps_back_are_read() -> None:
    assert_right(run_with_far_steps(LATE, 26, [23]))


@pytest.mark.parametrize("text", [LATE, CELLS["nll of a softmax"].replace("c +", "c + P @ x +")], ids=["late", "rnn"])
@pytest.mark.parametrize("longest", [1, 3, 256])
@pytest.mark.parametrize("far_steps", [1, 2])
def test_how_the_sweep_is_cut_into_blocks_changes_nothing(text, longest, far_steps, monkeypatch) -> None:
    for far in ([23], [3, 8, 11, 12, 20], [0, 25], []):
        run = run_with_far_steps(text, 26, far, seed=1, B=2)
        expected = {name: engine.log_grad_norm(run, name) for name in run.grad}
        with monkeypatch.context() as patch:
            patch.setattr(magnitude, "_LONGEST", longest)
            patch.setattr(magnitude, "_FAR_STEPS", far_steps)
            patch.setattr(magnitude, "_in_range", lambda grad: False)  # the sweep is made, also where floats would do
            for name, norms in expected.items():
                np.testing.assert_allclose(engine.log_grad_norm(run, name), norms, rtol=1e-12, atol=1e-10, err_msg=name)


@pytest.mark.parametrize(("text", "seed"), [("h[t-2]", 15), ("h[t-2]", 26), ("h[t-3] + R @ h[t-1]", 115)])
def test_a_loss_joins_once_where_the_sweep_goes_to_floats_and_back_within_a_lag(text, seed) -> None:
    """Saturated steps lie thinly, and the losses are up to 400 decades apart: a step that waits is read twice."""
    cell = engine.parse(f"h = tanh(W @ {text} + U @ x)\nL = mse(V @ h, y)")
    random = np.random.default_rng(seed)
    T, n = int(random.integers(8, 40)), int(random.integers(1, 4))
    shapes = cell.shapes({"x": 1, "y": n, "h": n})
    params = {name: random.normal(size=shape) * random.choice([0.1, 1, 1e3]) for name, shape in shapes.items()}
    params["U"] = random.normal(size=shapes["U"])
    saturated = random.random((T, 1, 1)) < random.choice([0.1, 0.3, 0.6])
    x = np.where(saturated, random.choice([100.0, 300, 400, 1e3], (T, 1, 1)), random.normal(size=(T, 1, 1)))
    weights = np.where(random.random(T) < 0.7, 10.0 ** random.integers(-200, 200, T), 0)
    assert_right(engine.run(cell, params, x, random.normal(size=(T, 1, n)), weights=weights))
