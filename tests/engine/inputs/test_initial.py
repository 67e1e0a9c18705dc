"""Initial weights keep what their docstrings promise: each law has its test, by the same name."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from digest import digest
from hypothesis import given
from hypothesis import strategies as st
from root import ROOT

from engine.inputs.draw import REST, initialise, plans
from engine.inputs.matrices import orthonormal_rows, rescaled, spectral_radius
from engine.inputs.schemes import SCHEMES, Scheme, fans
from engine.inputs.setting import MAX_SEED, stream
from engine.language.catalogue import CATALOGUE
from engine.language.cell import parse

RNN = CATALOGUE["rnn"]
LSTM = CATALOGUE["lstm"]
SIZES = {"x": 4, "h": 5, "y": 3}


def singular_values(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.svd(matrix, compute_uv=False)


# --- a scheme is a value -------------------------------------------------------------------------------------------


def test_a_scheme_is_a_value() -> None:
    assert Scheme("normal") == Scheme("normal", gain=1) == Scheme(gain=np.float64(1.0))
    assert len({Scheme("normal"), Scheme("normal", gain=1.0), Scheme("zeros")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        Scheme("normal").gain = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_defaults_are_allowed(kind) -> None:
    scheme = Scheme(kind.name)
    for setting in kind.settings:
        assert getattr(scheme, setting.name) == setting.default
        assert setting.default is None or setting.checked(setting.default) == setting.default
        assert setting.lower < setting.upper
    assert kind.title
    assert kind.sentence.endswith(".")
    assert kind.source


@pytest.mark.parametrize("kind", SCHEMES.values(), ids=SCHEMES)
def test_a_setting_says_what_is_allowed(kind) -> None:
    for setting in kind.settings:
        for bad in (setting.lower - 1, setting.upper + 1, math.nan, math.inf, 10**400, True, "1", [1]):
            with pytest.raises(ValueError, match=f"^{setting.name} = .*not allowed: give a number from .* to 100"):
                Scheme(kind.name, **{setting.name: bad})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "kaiming"}, "'kaiming' is no scheme: give one of normal, uniform"),
        ({"name": None}, "None is no scheme"),
        ({"name": "zeros", "gain": 2.0}, "gain = 2.0 is no number of the scheme zeros, which has no number"),
        (
            {"name": "normal", "value": 2.0},
            "value = 2.0 is no number of the scheme normal, which has gain, radius, norm",
        ),
        ({"name": "normal", "radius": 1.0, "norm": 1.0}, "radius = 1 and norm = 1 are both given"),
    ],
)
def test_bad_schemes_are_told(fields, message) -> None:
    with pytest.raises(ValueError, match=message):
        Scheme(**fields)


# --- what each scheme draws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_every_scheme_fills_every_cell(name, cell) -> None:
    sizes = {"x": 4, "y": 3, **{members[0]: 5 for members in cell.hidden}}
    params = initialise(cell, sizes, name, seed=3)
    assert list(params) == list(cell.parameters)
    assert {key: value.shape for key, value in params.items()} == cell.shapes(sizes)
    assert all(value.dtype == np.float64 and np.isfinite(value).all() for value in params.values())
    assert all(value.flags.c_contiguous and value.flags.writeable for value in params.values())


def test_normal_has_the_stated_deviation() -> None:
    big = initialise(RNN, {"x": 400, "h": 500, "y": 3}, Scheme("normal", gain=1.7))
    assert np.std(big["W"]) == pytest.approx(1.7 / math.sqrt(500), rel=0.01)
    assert np.std(big["U"]) == pytest.approx(1.7 / math.sqrt(400), rel=0.01)
    assert np.mean(big["W"]) == pytest.approx(0, abs=1e-3)
    assert spectral_radius(big["W"]) == pytest.approx(1.7, rel=0.06)


@pytest.mark.parametrize(
    ("scheme", "limit"),
    [
        (Scheme("uniform", limit=0.3), 0.3),
        (Scheme("glorot", gain=2), 2 * math.sqrt(6 / (50 + 70))),
        (Scheme("pytorch"), 1 / math.sqrt(70)),
    ],
)
def test_uniform_schemes_fill_their_interval(scheme, limit) -> None:
    u = initialise(RNN, {"x": 50, "h": 70, "y": 3}, scheme)["U"]
    assert np.abs(u).max() <= limit
    assert np.abs(u).max() > 0.99 * limit
    assert np.std(u) == pytest.approx(limit / math.sqrt(3), rel=0.02)


def test_biases_are_zero_unless_the_scheme_draws_them() -> None:
    for name, kind in SCHEMES.items():
        b = initialise(RNN, SIZES, name)["b"]
        assert b.any() == (kind.vectors and name != "zeros"), name


def test_a_vector_chosen_by_name_is_drawn() -> None:
    b = initialise(RNN, {**SIZES, "h": 4000}, {"b": Scheme("normal", gain=0.5)})["b"]
    assert np.std(b) == pytest.approx(0.5, rel=0.05)
    assert fans((7,)) == (1, 1)
    assert fans((7, 3)) == (3, 7)


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 8), (8, 3), (64, 64), (1, 9)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape) -> None:
    y, h = shape
    q = initialise(RNN, {"x": 2, "h": h, "y": y}, {"V": Scheme("orthogonal", gain=1.5)})["V"] / 1.5
    short = min(shape)
    gram = q @ q.T if y <= h else q.T @ q
    np.testing.assert_allclose(gram, np.eye(short), atol=1e-14)
    np.testing.assert_allclose(singular_values(q), np.ones(short), atol=1e-14)


def test_orthonormal_rows_are_gram_schmidt() -> None:
    """The factor of the QR decomposition whose R has a positive diagonal; so it is Haar for normal matrices."""
    matrix = stream(0, "m").standard_normal((6, 9))
    q, r = np.linalg.qr(matrix.T)
    np.testing.assert_allclose(orthonormal_rows(matrix), (q * np.sign(np.diag(r))).T, atol=1e-13)


def test_orthonormal_rows_hold_for_nearly_dependent_rows() -> None:
    matrix = np.ones((6, 9)) + 1e-9 * stream(0, "m").standard_normal((6, 9))
    q = orthonormal_rows(matrix)
    np.testing.assert_allclose(q @ q.T, np.eye(6), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations_and_reflections() -> None:
    """Moments of the Haar measure on O(2): E q₁₁ = 0, E q₁₁² = 1/2, and both determinants as often."""
    qs = np.array([initialise(RNN, {"x": 1, "h": 2, "y": 1}, "orthogonal", seed)["W"] for seed in range(400)])
    assert np.mean(qs[:, 0, 0]) == pytest.approx(0, abs=0.12)
    assert np.mean(qs[:, 0, 0] ** 2) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.linalg.det(qs) > 0) == pytest.approx(0.5, abs=0.1)


def test_identity_zeros_constant() -> None:
    params = initialise(
        RNN,
        SIZES,
        {"W": Scheme("identity", gain=-0.5), "V": "identity", "U": "zeros", "b": Scheme("constant", value=2)},
    )
    np.testing.assert_array_equal(params["W"], -0.5 * np.eye(5))
    np.testing.assert_array_equal(params["V"], np.eye(3, 5))
    np.testing.assert_array_equal(params["U"], np.zeros((5, 4)))
    np.testing.assert_array_equal(params["b"], np.full(5, 2.0))


def test_forget_gate_bias_of_any_value() -> None:
    params = initialise(LSTM, SIZES, {"b_f": Scheme("constant", value=1.0)})
    np.testing.assert_array_equal(params["b_f"], np.ones(5))
    np.testing.assert_array_equal(params["b_g"], np.zeros(5))


def limit(array: np.ndarray) -> float:
    return float(np.abs(array).max())


def test_pytorch_n_is_the_hidden_size_or_the_fan_in() -> None:
    """nn.RNN: hidden size for all; nn.Linear: fan in; layers without recurrence are nn.Linear."""
    n = 400
    params = initialise(RNN, {"x": 100, "h": n, "y": 300}, "pytorch")
    for name, value in params.items():
        assert limit(value) == pytest.approx(1 / math.sqrt(n), rel=0.02), name

    # The same sizes everywhere must not change what a layer is.
    layers = parse("h_1 = tanh(b_1 + U_1 @ x)\nh_2 = tanh(b_2 + U_2 @ h_1)\no = c + V @ h_2\nL = mse(o, y)")
    params = initialise(layers, {"x": 100, "h_1": 400, "h_2": 300, "y": 400}, "pytorch")
    fan_in = {"U_1": 100, "b_1": 100, "U_2": 400, "b_2": 400, "V": 300, "c": 300}
    for name, value in params.items():
        assert limit(value) == pytest.approx(1 / math.sqrt(fan_in[name]), rel=0.03), name


def test_pytorch_n_does_not_take_a_square_by_chance_for_recurrence() -> None:
    cell = parse("h = tanh(U @ x)\no = c + V @ h + R @ x\nL = mse(o, y)")
    params = initialise(cell, {"x": 50, "h": 400, "y": 50}, "pytorch")
    for name, n in {"U": 50, "V": 400, "R": 50, "c": 450}.items():
        assert limit(params[name]) == pytest.approx(1 / math.sqrt(n), rel=0.05), name


# --- rescaling ------------------------------------------------------------------------------------------------------

RANDOM = ("normal", "uniform", "glorot", "orthogonal", "pytorch")


@pytest.mark.parametrize("name", [*RANDOM, "identity", "constant"])
@pytest.mark.parametrize("n", [1, 2, 5, 33])
@pytest.mark.parametrize("radius", [1e-3, 0.9, 1.0, 4.0])
def test_radius_is_reached(name, n, radius) -> None:
    w = initialise(RNN, {"x": n, "h": n, "y": 2}, {"W": Scheme(name, radius=radius)}, seed=n)["W"]
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(radius, rel=2e-11)


@pytest.mark.parametrize("name", [*RANDOM, "identity", "constant"])
@pytest.mark.parametrize("norm", [1e-3, 1.0, 4.0])
def test_norm_is_reached(name, norm) -> None:
    params = initialise(RNN, SIZES, {"W": Scheme(name, norm=norm), "U": Scheme(name, norm=norm)})
    for matrix in (params["W"], params["U"]):
        assert singular_values(matrix)[0] == pytest.approx(norm, rel=2e-11)


def test_rescaling_for_all_touches_recurrent_matrices_only() -> None:
    """Square by the structure of the cell, not by chance: with n_x = n_h = n_y only W is."""
    sizes = {"x": 5, "h": 5, "y": 5}
    plain, scaled = initialise(RNN, sizes), initialise(RNN, sizes, Scheme(radius=0.5))
    assert spectral_radius(scaled["W"]) == pytest.approx(0.5)
    for name in ("U", "V", "b", "c"):
        np.testing.assert_array_equal(plain[name], scaled[name])
    scaled = initialise(LSTM, sizes, Scheme("uniform", norm=0.5))
    for name in ("W", "W_f", "W_g", "W_q"):
        assert singular_values(scaled[name])[0] == pytest.approx(0.5)
    assert not initialise(RNN, sizes, Scheme(radius=0))["W"].any()


def test_zero_or_nilpotent_can_not_be_rescaled() -> None:
    for scheme in (
        Scheme(gain=0, radius=1),
        Scheme("uniform", limit=0, radius=1),
        Scheme("constant", value=0, radius=1),
    ):
        with pytest.raises(
            ValueError, match="W: spectral radius 1 can not be reached: the matrix is zero or nilpotent"
        ):
            initialise(RNN, SIZES, scheme)
    with pytest.raises(ValueError, match="W: largest singular value 2 can not be reached: the matrix is zero"):
        initialise(RNN, SIZES, {"W": Scheme("identity", gain=0, norm=2)})
    with pytest.raises(ValueError, match="nilpotent"):
        rescaled(np.triu(np.ones((4, 4)), 1), radius=1)
    np.testing.assert_allclose(singular_values(rescaled(np.triu(np.ones((4, 4)), 1), norm=3))[0], 3)


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("seed", range(5))
def test_nilpotent_has_radius_zero(n, seed) -> None:
    s = stream(seed, "basis").standard_normal((n, n)) + 3 * np.eye(n)
    shift = np.eye(n, k=1) * stream(seed, "chain").uniform(0.5, 2, n)
    assert spectral_radius(s @ shift @ np.linalg.inv(s)) == 0


@given(st.integers(1, 12), st.integers(0, 1000), st.sampled_from(RANDOM))
def test_spectral_radius_is_the_largest_eigenvalue(n, seed, name) -> None:
    w = initialise(RNN, {"x": 1, "h": n, "y": 1}, name, seed)["W"]
    assert spectral_radius(w) == np.abs(np.linalg.eigvals(w)).max()


def test_spectral_radius_far_below_the_norm_is_seen() -> None:
    assert spectral_radius(np.array([[1e-5, 1.0], [0.0, 1e-5]])) == 1e-5


# --- seeds and machines -----------------------------------------------------------------------------------------------


def test_streams_are_locked() -> None:
    """First numbers of a seed, kept: a change here changes every picture that somebody has shared."""
    assert [stream(0, "W").standard_normal(3).tolist(), stream(7, "b_f").random(2).tolist()] == GOLDEN_STREAMS
    for name, first in GOLDEN.items():
        w = initialise(RNN, SIZES, name, seed=1)["W"]
        assert w[0, :2].tolist() == first, name


GOLDEN_STREAMS = [[-0.6863377817157528, 1.842572193986439, -1.269477138770675], [0.8456675515295009, 0.654794988906869]]
GOLDEN = {
    "normal": [0.2670912007553191, 0.5940313891139307],
    "uniform": [-0.06797048581494672, -0.00010875486143913093],
    "glorot": [-0.5264971191898322, -0.0008424115343456986],
    "orthogonal": [0.27835627905656574, 0.6190857903553145],
    "pytorch": [-0.3039732534918121, -0.0004863665261229347],
}


def test_the_same_from_the_same_seed() -> None:
    for name in SCHEMES:
        first, again, other = (initialise(LSTM, SIZES, name, seed) for seed in (5, 5, 6))
        assert all(np.array_equal(first[key], again[key]) for key in first)
        assert (name in RANDOM) != np.array_equal(first["W"], other["W"])


def test_parameters_are_independent() -> None:
    params = initialise(LSTM, SIZES, "pytorch")
    assert len({value.flat[0] for value in params.values()}) == len(params)


def test_changing_one_parameter_leaves_the_others() -> None:
    before = initialise(LSTM, SIZES, "pytorch", 4)
    after = initialise(LSTM, SIZES, {"*": "pytorch", "W_f": "orthogonal", "b_f": "zeros"}, 4)
    for name in before.keys() - {"W_f", "b_f"}:
        np.testing.assert_array_equal(before[name], after[name])
    wider = initialise(LSTM, {**SIZES, "x": 9}, "pytorch", 4)
    for name in before:
        assert np.array_equal(before[name], wider[name]) == (not name.startswith("U"))


@pytest.mark.parametrize("core", ["Prescott", "Haswell"])
def test_the_same_under_other_processor_features(core) -> None:
    """No fused or wider instructions of numpy, another kernel of OpenBLAS, several threads: the same bits."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    features = " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))
    other = subprocess.run(
        [sys.executable, "tests/digest.py"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.getcwd(),
            "NPY_DISABLE_CPU_FEATURES": features,
            "OPENBLAS_CORETYPE": core,
            "OPENBLAS_NUM_THREADS": "2",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == digest()


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        ("kaiming", "'kaiming' is no scheme"),
        (3, r"scheme of \* is 3: give a Scheme or one of normal"),
        ({"W": None}, "scheme of W is None"),
        ({"W_f": "zeros"}, "key 'W_f', but rnn has the parameters b, W, U, c, V; give one of these, or '\\*'"),
        ({3: "zeros"}, "key 3, but rnn has"),
        ({"b": "orthogonal"}, "b is a vector of 5, and only a matrix can be orthogonal"),
        ({"c": "identity"}, "c is a vector of 3, and only a matrix can be identity"),
        ({"U": Scheme(radius=1)}, r"U of shape \(5, 4\) can not be given the spectral radius 1: only a square"),
        ({"b": Scheme(radius=1)}, r"b of shape \(5,\) can not be given the spectral radius 1"),
        ({"b": Scheme(norm=1)}, r"b of shape \(5,\) can not be given the largest singular value 1"),
    ],
)
def test_bad_choices_are_told(scheme, message) -> None:
    with pytest.raises(ValueError, match=message):
        initialise(RNN, SIZES, scheme)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.0, "1", None, True])
def test_bad_seeds_are_told(seed) -> None:
    with pytest.raises(ValueError, match=r"seed = .* is not allowed: give an integer from 0 to 4,294,967,295"):
        initialise(RNN, SIZES, seed=seed)


def test_bad_sizes_are_told() -> None:
    with pytest.raises(ValueError, match="sizes"):
        initialise(RNN, {"x": 4, "y": 3})
    with pytest.raises(ValueError, match="at most 16,777,216 are allowed"):
        initialise(LSTM, {"x": 4, "h": 4000, "y": 3})
    with pytest.raises(ValueError, match="too large to be made orthogonal"):
        initialise(RNN, {"x": 4, "h": 1500, "y": 3}, "orthogonal")


def test_rescaling_needs_a_recurrent_matrix() -> None:
    cell = parse("o = c + V @ x\nL = mse(o, y)")
    with pytest.raises(ValueError, match="has no matrix that is square whatever the sizes"):
        initialise(cell, {"x": 3, "y": 3}, Scheme(radius=1))
    assert spectral_radius(initialise(cell, {"x": 3, "y": 3}, {"V": Scheme(radius=2)})["V"]) == pytest.approx(2)


def test_cells_whose_input_and_target_share_a_size() -> None:
    cell = parse("o = x + W @ o[t-1]\nL = mse(o, y)")
    assert initialise(cell, {"x": 3, "y": 3}, "pytorch")["W"].shape == (3, 3)


def test_a_cells_own_start_holds_unless_chosen_by_name():
    leaky, sizes = CATALOGUE["rnn_leaky"], {"x": 2, "h": 3, "y": 2}
    assert np.all(initialise(leaky, sizes)["alpha"] == 0.9)
    assert np.all(initialise(leaky, sizes, {"alpha": Scheme("constant", value=0.5)})["alpha"] == 0.5)


@given(st.sampled_from(list(CATALOGUE)), st.sampled_from(list(SCHEMES)), st.data())
def test_what_is_planned_can_be_drawn(cell, name, data) -> None:
    """The plan refuses what drawing refuses, with the same words, unless the plan says that only the numbers decide."""
    cell, kind = CATALOGUE[cell], SCHEMES[name]
    value = st.sampled_from([0.0, 1e-320, 1e-3, 1.0, 100.0])
    numbers = {s.name: data.draw(value) for s in kind.settings if s.default is not None}
    numbers |= data.draw(st.sampled_from([{}, {"radius": 0.9}, {"norm": 0.9}])) if len(kind.settings) > 1 else {}
    key = data.draw(st.sampled_from([REST, *cell.parameters]))
    sizes = {"x": 3, "y": 2, **{members[0]: 4 for members in cell.hidden}}
    schemes = {key: Scheme(name, **numbers)}

    def message(function) -> str:
        try:
            function(cell, sizes, schemes)
        except ValueError as error:
            return str(error)
        return ""

    refused = message(plans)
    assert not refused or refused == message(initialise)
    if not refused and not any(plan.can_fail for plan in plans(cell, sizes, schemes).values()):
        assert not message(initialise)
