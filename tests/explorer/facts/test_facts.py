"""Five hundred networks of all kinds: every claim about their gradients is measured again by another route."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from functools import lru_cache

import numpy as np
import pytest
from cells import FEATURES, Case
from claims import CHECKS, checked

import engine
from engine import CATALOGUE, Run
from explorer.facts import about
from explorer.facts import claims as say
from explorer.words.sentences import written


def test_every_kind_of_claim_has_a_check() -> None:
    assert set(CHECKS) == set(say.Claim.__subclasses__())
    for kind in CHECKS:
        assert kind.tolerance > 0
        assert kind(*[0] * len(fields(kind))).kind == kind.__name__.lower()


# --- five hundred networks -------------------------------------------------------------------------------------------------


def matrix(rng: np.random.Generator, kind: str, n: int, gain: float) -> np.ndarray:
    match kind:
        case "zero":
            return np.zeros((n, n))
        case "nilpotent":
            p = rng.permutation(n)
            return np.triu(rng.normal(size=(n, n)), 1)[np.ix_(p, p)] * gain
        case "orthogonal":
            return np.linalg.qr(rng.normal(size=(n, n)))[0]
        case "identity":
            return gain * np.eye(n)
        case "shift":
            return np.eye(n, k=-1)
    return gain * rng.normal(size=(n, n)) / np.sqrt(n)


def network(number: int) -> tuple[Run, int]:
    """A network of a kind, all of it decided by a number; and the sample that is looked at."""
    rng = np.random.default_rng(number)
    T = int(
        rng.choice([1, 2, 3, 5, 8, 15, 30, 60, 120, 200], p=[0.04, 0.04, 0.06, 0.1, 0.16, 0.2, 0.2, 0.1, 0.06, 0.04])
    )
    B = int(rng.choice([1, 1, 2, 4]))
    kind = rng.choice(["catalogue", "elman", "feature"], p=[0.4, 0.35, 0.25])
    gain = float(rng.choice([0.01, 0.3, 0.8, 1.0, 1.3, 3.0, 8.0]))
    if kind == "feature":
        text = list(FEATURES.values())[rng.integers(len(FEATURES))]
        case = Case(text, min(T, 30), B, seed=number, scale=gain, weights=str(rng.choice(["ones", "last", "steps", "samples"])),
                    initial=str(rng.choice(["zero", "KBn"])))  # fmt: skip
        return case.run(), int(rng.integers(B + 1))
    activation = str(rng.choice(["tanh", "relu", "sigmoid", "identity", "leaky_relu", "softplus"]))
    if kind == "elman":
        cell = engine.rnn(activation)
    else:
        cell = CATALOGUE[str(rng.choice([name for name in CATALOGUE if name != "one_unit"]))]
    n = int(rng.integers(1, 6))
    sizes = {"x": 2, "y": 3} | {members[0]: n for members in cell.hidden}
    parameters = {
        name: gain * rng.normal(size=shape) / np.sqrt(shape[-1]) for name, shape in cell.shapes(sizes).items()
    }
    way = str(rng.choice(["normal", "zero", "nilpotent", "orthogonal", "identity", "shift"]))
    for name, value in parameters.items():
        if value.ndim == 2 and value.shape[0] == value.shape[1] and name.startswith("W"):
            parameters[name] = matrix(rng, way, len(value), gain)
    if rng.random() < 0.2 and "b" in parameters:
        parameters["b"] = np.full_like(parameters["b"], rng.choice([-50.0, 5.0]))
    if "alpha" in parameters:
        parameters["alpha"] = np.full_like(parameters["alpha"], rng.choice([0.9, 0.1, 1.0]))
    weights = np.zeros(T)
    match str(rng.choice(["last", "first", "every", "one", "none"], p=[0.3, 0.1, 0.35, 0.22, 0.03])):
        case "last":
            weights[-1] = 1
        case "first":
            weights[0] = 1
        case "every":
            weights[:] = 1
        case "one":
            weights[rng.integers(T)] = rng.normal()
    x = rng.normal(size=(T, B, 2)) if cell.reads_x else None
    run = engine.run(cell, parameters, x, rng.integers(3, size=(T, B)), weights=weights)
    return run, int(rng.integers(B + 1))


NETWORKS = 500


@lru_cache(maxsize=NETWORKS)
def checked_network(number: int) -> say.Facts:
    run, sample = network(number)
    try:
        return checked(run, sample)
    except AssertionError as error:
        raise AssertionError(f"network {number}: {' '.join(written(about(run, sample)))}") from error


@pytest.mark.parametrize("block", range(10))
def test_every_claim_is_that_of_another_route(block) -> None:
    for number in range(block, NETWORKS, 10):
        checked_network(number)


def test_the_networks_are_of_all_kinds() -> None:
    kinds, verdicts = Counter(), Counter()
    for number in range(NETWORKS):
        found = checked_network(number)
        verdicts[found.verdict] += 1
        kinds.update({type(claim) for claim in found.claims})
        kinds.update(cause.why for zero in found.all(say.Zeros) for cause in zero.causes)
    assert set(CHECKS) <= set(kinds)
    assert {"vanishes", "grows", "keeps", "ends", "undefined", "zero", "one step", "no loss", "flat"} <= set(verdicts)
    assert {"shut", "zero", "nilpotent", "unread"} <= set(kinds)
