"""The loss over a plane of weights: each point is a run of its own, and the slopes are the derivatives there."""

from __future__ import annotations

import numpy as np
import pytest
from cells import FEATURES, Case

import engine
from engine import CATALOGUE, along, parse, plane, run

CELLS = {
    **{name: cell.text for name, cell in CATALOGUE.items()},
    **{name: text for name, text in FEATURES.items() if parse(text).parameters},
    "a matrix over a matrix": "h = tanh(W @ (W @ h[t-1]) + U @ x + b * h[t-2])\nL = 0.5 * nll(softmax(V @ tanh(R @ h)), y)",
    "names that are taken": "input_1 = own_1 @ x\nh = tanh(input_1 + vector_1 @ h[t-1] + moved_1)\n"
    "L = nll(softmax(pick_1 @ h), y)",
}


def made(text: str, **options) -> engine.Run:
    return Case(text, **{"T": 4, "B": 2, "initial": "KBn", "seed": 1} | options).run()


def moved(whole: engine.Run, directions, point, origin=None) -> engine.Run:
    """The run at a point, by itself."""
    arrays = {**whole.parameters, "x": whole.x} | dict(origin or {})
    for u, direction in zip(point, directions, strict=True):
        arrays |= {name: arrays[name] + u * way for name, way in direction.items()}
    x = arrays.pop("x")
    return run(whole.cell, arrays, x, whole.y, whole.initial, whole.weights, whole.reduction, whole.dtype)


def somewhere(whole: engine.Run, seed: int = 0):
    """Three directions: one of all arrays together, one of a single array, one of a single entry; and some points."""
    random = np.random.default_rng(seed)
    arrays = {**whole.parameters, **({"x": whole.x} if whole.x is not None else {})}
    first = {name: random.standard_normal(array.shape) for name, array in arrays.items()}
    one = next(iter(whole.parameters))
    entry = np.zeros(arrays[one].shape)
    entry.flat[-1] = 1
    return [first, {one: arrays[one]}, {one: entry}], 0.3 * random.standard_normal((5, 3))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_plane_is_that_of_single_runs(name, reduction) -> None:
    whole = made(CELLS[name], weights="samples", reduction=reduction)
    directions, points = somewhere(whole)
    found = plane(whole, directions, points)
    for point, loss, slope in zip(points, found.loss, found.slope, strict=True):
        single = moved(whole, directions, point)
        assert loss == pytest.approx(single.loss, rel=1e-11)
        np.testing.assert_allclose(slope, along(single, directions), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "a matrix over a matrix", "feedforward"])
def test_the_slopes_are_those_of_the_parameters(name) -> None:
    whole = made(CELLS[name], T=1 if name == "feedforward" else 4)
    directions, _ = somewhere(whole)
    for i, slope in enumerate(along(whole, directions)):
        step = 1e-6 * np.eye(3)[i]
        ahead, behind = (moved(whole, directions, sign * step).loss for sign in (1, -1))
        assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-5, abs=1e-8)
    np.testing.assert_allclose(plane(whole, directions, np.zeros((1, 3))).slope[0], along(whole, directions), rtol=1e-9)


def test_the_origin_may_be_elsewhere() -> None:
    whole = made(CELLS["rnn"])
    origin = {"W": np.zeros_like(whole.parameters["W"])}
    found = plane(whole, [{"W": whole.parameters["W"]}], [[1.0], [0.0], [-2.0]], origin)
    assert found.loss[0] == pytest.approx(whole.loss, rel=1e-12)
    for u, loss in zip((1.0, 0.0, -2.0), found.loss, strict=True):
        assert loss == pytest.approx(moved(whole, [{"W": whole.parameters["W"]}], [u], origin).loss, rel=1e-12)


def test_what_overflows_at_one_point_leaves_the_others_alone() -> None:
    cell = parse("h = W @ h[t-1] + U @ x\nL = mse(h, y)")
    whole = run(cell, {"W": [[0.5]], "U": [[1.0]]}, np.ones((200, 1)), np.zeros((200, 1)))
    found = plane(whole, [{"W": np.ones((1, 1))}], [[0.0], [99.5], [0.1]])
    assert not np.isfinite(found.loss[1])
    assert found.loss[0] == pytest.approx(whole.loss)
    assert np.isfinite(found.slope[[0, 2]]).all()


def test_the_wall_of_one_unit_stands_where_pascanu_mikolov_and_bengio_have_it() -> None:
    """x(t) = w σ(x(t−1)) + b, x(0) = 0.5, 50 steps, target 0.7: at w = 5 the gradient peaks near b = −2.61."""
    target = engine.TASKS["reach"].function()
    cell = parse(CATALOGUE["one_unit"].text.replace("y_hat = softmax(o)\nL = nll(y_hat, y)", "L = mse(o, y)"))
    whole = run(cell, {"W": [[5.0]], "b": [0.0]}, None, target.y, {"h": np.array([0.5])}, target.weights)
    low, high = -4.0, -1.0
    for _ in range(4):  # the wall is narrower than any one grid over the whole range
        places = np.linspace(low, high, 401)
        slope = np.abs(plane(whole, [{"b": np.ones(1)}], places[:, None]).slope[:, 0])
        peak = places[slope.argmax()]
        low, high = peak - (high - low) / 100, peak + (high - low) / 100
    assert peak == pytest.approx(-2.61, abs=0.02)
    assert slope.max() > 1e5
    x = 0.5
    for _ in range(50):
        x = 5 / (1 + np.exp(-x)) - 2.5
    assert plane(whole, [{"b": np.ones(1)}], [[-2.5]]).loss[0] == pytest.approx((x - 0.7) ** 2, rel=1e-12)


def test_bad_arguments_are_told() -> None:
    whole = made(CELLS["rnn"])
    way = {"W": np.ones_like(whole.parameters["W"])}
    with pytest.raises(ValueError, match=r"must be \(N, k\)"):
        plane(whole, [way], np.zeros(3))
    with pytest.raises(ValueError, match=r"there is no array 'Q'"):
        plane(whole, [{"Q": np.ones(2)}], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="W has shape"):
        plane(whole, [{"W": np.ones(2)}], np.zeros((1, 1)))
    with pytest.raises(ValueError, match="a direction names no array"):
        plane(whole, [{}], np.zeros((1, 1)))
    over = made("h = tanh(U @ x + W @ h[t-1])\nL = Q @ nll(softmax(V @ h), y)")
    with pytest.raises(ValueError, match="Q multiplies a loss"):
        plane(over, [{"Q": over.parameters["Q"]}], np.zeros((1, 1)))
    long = made("h = tanh(W @ h[t-1] + " + " + ".join(["U @ x"] * 90) + ")\nL = nll(softmax(V @ h), y)")
    with pytest.raises(ValueError, match="too long to be varied"):
        plane(long, [{"U": long.parameters["U"]}], np.zeros((1, 1)))
