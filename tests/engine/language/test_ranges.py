"""The ranges of nodes: exact where the parts of an expression have nothing to do with one another, and for mixtures."""

from __future__ import annotations

from math import inf, tanh

import numpy as np
import pytest

from engine.language.equations import equations
from engine.language.ranges import Ranges

HEAD = "L = mse(p, y)"


def range_of(text: str, probabilities: tuple[str, ...] = ()) -> tuple[float, float]:
    """The range of the node p of a cell."""
    found = {equation.name: equation for equation in equations(f"{text}\n{HEAD}")}
    return Ranges(found, probabilities).of(found["p"].expression)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("p = x", -inf, inf),
        ("p = b * x", -inf, inf),
        ("p = W @ sigmoid(x)", -inf, inf),
        ("p = softmax(x)", 0, 1),
        ("p = sigmoid(x)", 0, 1),
        ("p = tanh(x)", -1, 1),
        ("p = relu(x)", 0, inf),
        ("p = leaky_relu(tanh(x))", -0.01, 1),
        ("p = softplus(x)", 0, inf),
        ("p = tanh(sigmoid(x))", 0, tanh(1)),
        ("p = identity(sigmoid(x))", 0, 1),
        ("p = 0.25 + 0.5 * sigmoid(x)", 0.25, 0.75),
        ("p = 3 - 2 * sigmoid(x)", 1, 3),
        ("p = -sigmoid(x)", -1, 0),
        ("p = sigmoid(x) - tanh(x)", -1, 2),
        ("p = tanh(x) - sigmoid(x)", -2, 1),
        ("p = 2 * tanh(x) * tanh(x)", -2, 2),
        ("p = sigmoid(x) * tanh(x)", -1, 1),
        ("p = relu(x) * sigmoid(x)", 0, inf),
        ("p = (1 - sigmoid(x)) * 0.5", 0, 0.5),
        ("z = sigmoid(x)\np = z * sigmoid(b) + (1 - z) * tanh(x)", -1, 1),
        ("z = sigmoid(x)\np = (1 - z) * 3 + z * 2", 2, 3),
        ("z = sigmoid(x)\np = 0.5 * (z * tanh(x) + (1 - z) * sigmoid(x)) + 0.5", 0, 1),
        ("z = tanh(x)\np = z * sigmoid(b) + (1 - z) * sigmoid(x)", -1, 3),  # z is no share
        ("z = sigmoid(x)\np = z * sigmoid(b) + (2 - z) * sigmoid(x)", 0, 3),  # nor is 2 − z the rest
    ],
)
def test_a_range_is_exact(text, low, high) -> None:
    assert range_of(text) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("p = 0.5 * p[t-1] + 0.5 * sigmoid(x)", 0, 1),
        ("z = sigmoid(x)\np = z * p[t-1] + (1 - z) * tanh(x)", -1, 1),
        ("p = 0.5 * p[t-1] + 0.5", 0.5, 1),
        ("p = 0.5 * p[t-1] - 0.5", -1, -0.5),
        ("p = p[t-1] + 1", 1, inf),
        ("p = p[t-1] - 1", -inf, -1),
        ("p = sigmoid(p[t-1])", 0.5, 1 / (1 + np.exp(-1))),
        ("p = -p[t-1] + tanh(x)", -inf, inf),
        ("k = sigmoid(x)\np = k[t-1]", 0, 1),
        ("k = 2 + sigmoid(x)\np = k[t-1]", 0, 3),  # 0 is the initial value
    ],
)
def test_the_range_of_a_state_is_found_by_iteration(text, low, high) -> None:
    assert range_of(text) == pytest.approx((low, high), abs=1e-12)


def test_a_probability_is_one_whatever_its_equation() -> None:
    assert range_of("q = x\np = 0.5 * q", ("q",)) == (0, 0.5)
