"""Nodes that no counted loss depends on: every function gives them a gradient of 0, even where their slopes are infinite."""

from __future__ import annotations

import numpy as np
import pytest
from cells import FEATURES, Case

import engine
from engine import CATALOGUE
from engine.working import messages as explain
from engine.working.entries import explained
from explorer import model as models
from explorer.figures import graph
from explorer.model import Model


def cut(text, scale, K, B):
    """A run of 12 steps whose losses count up to step K, and the run of these K steps alone."""
    case = Case(text, T=12, B=B, seed=3, soft=B > 1)
    given = case.arguments
    given["params"] = {name: array * scale for name, array in given["params"].items()}
    given["weights"] = np.repeat((np.arange(12) < K)[:, None].astype(float), B, axis=1)
    short = {name: given[name] if given[name] is None else given[name][:K] for name in ("x", "y", "weights")}
    return engine.run(case.cell, **given), engine.run(case.cell, **given | short)


@pytest.mark.parametrize(("scale", "K", "B"), [(60.0, 3, 1), (1e100, 1, 3)])
@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_what_no_counted_loss_depends_on_has_no_gradient(text, scale, K, B) -> None:
    """An overflow after the last counted step changes nothing before it."""
    whole, short = cut(text, scale, K, B)
    if short.overflow is not None or not all(np.isfinite(array).all() for array in short.grad.values()):
        return

    def alike(found, expected):
        finite = np.isfinite(expected)
        rounding = 1e-15 * np.abs(expected[finite]).max(initial=0)  # what cancels is told to these digits
        np.testing.assert_allclose(found[:K][finite], expected[finite], rtol=1e-9, atol=rounding)
        assert (found[K:] == 0).all()

    for name, expected in short.grad.items():
        alike(whole.grad[name], expected)
        with np.errstate(over="ignore"):
            alike(10 ** engine.log_grad_norm(whole, name), 10 ** engine.log_grad_norm(short, name))
        by_loss, norms = engine.by_loss(whole, name), engine.by_loss_norm(whole, name)
        alike(by_loss[:K].swapaxes(0, 1), engine.by_loss(short, name).swapaxes(0, 1))
        alike(norms[:K].swapaxes(0, 1), engine.by_loss_norm(short, name).swapaxes(0, 1))
        assert not by_loss[K:].any()
        assert not norms[K:].any()
    for name, expected in short.param_grad.items():
        np.testing.assert_allclose(whole.param_grad[name], expected, rtol=1e-9)
        alike(whole.step_grad(name), short.step_grad(name))
    for target in whole.cell.nodes:
        for (_, found), (_, expected) in zip(whole.messages(target), short.messages(target), strict=True):
            alike(found, expected)


#: A probability of exactly 0 where the class is, at steps whose loss does not count: ∇ŷ would be 0 · ∞.
SURE = {
    "nll, classes": ("o = c + U @ x\ny_hat = softmax(o)\nL = nll(y_hat, y)", [1000.0, 0.0], np.array([1, 1, 1])),
    "nll, shares": ("o = c + U @ x\ny_hat = softmax(o)\nL = nll(y_hat, y)", [1000.0, 0.0], np.tile([0.5, 0.5], (3, 1))),
    "nll, not joint": ("y_hat = softmax(c + U @ x)\np = y_hat\nL = nll(p, y)", [1000.0, 0.0], np.array([1, 1, 1])),
    "bce": ("o = c + U @ x\ny_hat = sigmoid(o)\nL = bce(y_hat, y)", [-1000.0, 0.0], np.ones((3, 2))),
    "bce, not joint": ("o = c + U @ x\np = sigmoid(o)\ny_hat = p\nL = bce(y_hat, y)", [-1000.0, 0.0], np.ones((3, 2))),
    "mse": ("o = c * c + U @ x\ny_hat = o\nL = mse(y_hat, y)", [1e200, 0.0], np.ones((3, 2))),
    "in a recurrence": (
        "o = c + U @ x + W @ y_hat[t-1]\ny_hat = softmax(o)\nL = nll(y_hat, y)", [1000.0, 0.0], np.array([1, 1, 1])
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("B", [1, 2])
@pytest.mark.parametrize("what", list(SURE))
def test_a_node_at_a_step_of_weight_zero_has_the_gradient_zero(what, B, dtype) -> None:
    text, c, y = SURE[what]
    cell = engine.parse(text)
    params = engine.initialise(cell, {"x": 2, "y": 2}, seed=0) | {"c": np.array(c)}
    params = {name: np.minimum(array, 1e30) if dtype is np.float32 else array for name, array in params.items()}
    x, y = np.random.default_rng(0).normal(size=(3, B, 2)), np.repeat(y[:, None], B, axis=1)
    for weights in ([0.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
        run = engine.run(cell, params, x, y, weights=weights, dtype=dtype)
        for name, grad in run.grad.items():
            quiet = ~run.counted.get(name, np.ones((3, B), bool))
            assert np.isfinite(grad[:2]).all()
            assert name == "x" or (grad[quiet] == 0).all(), name
            assert name == "x" or (engine.log_grad_norm(run, name)[quiet] == -np.inf).all(), name
            silent = np.array(weights) == 0
            assert not engine.by_loss(run, name)[silent].any()
            assert not engine.by_loss_norm(run, name)[silent].any()
        for target in cell.nodes:
            for read, message in run.messages(target):
                if read.name not in run.parameters:
                    assert (message[~run.counted[target]] == 0).all(), (target, read)
        if not any(weights):
            assert all((grad == 0).all() for grad in run.param_grad.values())
            graph_of = engine.neurons(run)
            assert all(edge["message"] == 0 for *_, edge in graph_of.edges(data=True))
            for name in cell.nodes:
                if name in {node[0] for node in engine.neurons(run, merged=True)}:
                    found = explained(run, (name, 1, 0))
                    assert found.total == found.delta == 0
                back = explain.backward(run, name, 1)
                assert not back.gradient.any()
                assert back.error == 0


def test_a_loss_that_reads_nothing_of_its_last_step_does_not_spoil_it() -> None:
    """No loss reads the last h, which is infinite."""
    cell = engine.parse("h = W @ h[t-1] + U @ x\nL = mse(V @ h[t-1], y)")
    params = {"W": np.array([[1e80]]), "U": np.array([[1.0]]), "V": np.array([[1e-300]])}
    run = engine.run(cell, params, np.ones((5, 1)), np.ones((5, 1)))
    assert np.isinf(run.value["h"][4, 0, 0])
    assert run.grad["h"][4, 0, 0] == 0
    assert all(np.isfinite(grad).all() for grad in (*run.grad.values(), *run.param_grad.values()))


def test_the_picture_marks_no_number_as_missing_where_the_loss_does_not_count() -> None:
    run = models.run(models.changed(Model(), count="last"))
    params = dict(run.parameters) | {"c": np.where(np.arange(4) == run.y[-1, 0], 800.0, -800.0)}
    sure = engine.run(CATALOGUE["rnn"], params, run.x, run.y, weights=run.weights)
    assert (sure.value["y_hat"] == 0).any()
    assert all(np.isfinite(grad).all() for grad in sure.grad.values())
    assert "not a number" not in graph(sure).to_json()
