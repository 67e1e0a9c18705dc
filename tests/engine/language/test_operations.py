"""The table of operations: values and slopes right in every digit, pulls against the complex step, sizes and LaTeX."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.operations import (
    ARITHMETIC,
    CALLS,
    FUNCTIONS,
    LEAK,
    LOSSES,
    OPERATIONS,
    SOFTMAX,
    one_hot,
    slope,
    value,
)

MAGNITUDES = (0.0, 1e-300, 1e-8, 0.5, 1, 5, 12, 20, 40, 300, 700, 1000)
ARGUMENTS = [sign * size for size in MAGNITUDES for sign in (1, -1)]
BY_MPMATH = {
    "tanh": (mpmath.tanh, lambda a: mpmath.sech(a) ** 2),
    "sigmoid": (lambda a: 1 / (1 + mpmath.exp(-a)), lambda a: mpmath.exp(-a) / (1 + mpmath.exp(-a)) ** 2),
    "softplus": (lambda a: mpmath.log1p(mpmath.exp(a)), lambda a: 1 / (1 + mpmath.exp(-a))),
    "identity": (lambda a: a, lambda a: mpmath.mpf(1)),
    "relu": (lambda a: a if a > 0 else mpmath.mpf(0), lambda a: mpmath.mpf(a > 0)),
    "leaky_relu": (
        lambda a: a if a > 0 else mpmath.mpf(LEAK) * a,
        lambda a: mpmath.mpf(1) if a > 0 else mpmath.mpf(LEAK),
    ),
}
SMALLEST = {"float64": 5e-324, "float32": 1.5e-45}  # half of it is what rounding leaves of nothing


def ulps(found: np.ndarray, expected: mpmath.mpf, dtype: str) -> float:
    """How far off, in units of the last digit of what is right."""
    unit = max(abs(expected) * float(np.finfo(dtype).eps), mpmath.mpf(SMALLEST[dtype]))
    return float(abs(mpmath.mpf(float(found)) - expected) / unit)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_are_right_in_every_digit(name, dtype) -> None:
    """Values too. 1 − h² from h is wrong by 3e-7 at a = 12 and 0 at 20."""
    exact_value, exact_slope = BY_MPMATH[name]
    a = np.array(ARGUMENTS, dtype)
    with np.errstate(all="ignore"):
        values, slopes = value(FUNCTIONS[name], a), slope(FUNCTIONS[name], a)
    assert values.dtype == slopes.dtype == dtype
    with mpmath.workdps(900):
        for i, argument in enumerate(a):
            v = mpmath.mpf(float(argument))
            # LEAK itself is rounded to the dtype
            assert ulps(values[i], exact_value(v), dtype) <= 4, argument
            assert ulps(slopes[i], exact_slope(v), dtype) <= 4, argument


def test_the_table_of_mpmath_is_whole() -> None:
    assert LEAK == 0.01  # as PyTorch has it
    assert BY_MPMATH.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_definitions_agree_with_the_recipes(name) -> None:
    a = np.concatenate([ARGUMENTS, np.random.default_rng(0).normal(size=200, scale=5)])
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(function.definition(a), value(function, a), rtol=1e-15, atol=1e-300)
        if function.kink is None:
            a = a[np.abs(a) < 300]
            found = function.definition(a + 1e-30j).imag / 1e-30
            np.testing.assert_allclose(found, slope(function, a), rtol=1e-13, atol=1e-30)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bounds_and_kinks_of_slopes_are_as_the_table_says(name) -> None:
    function, a = FUNCTIONS[name], np.linspace(-40, 40, 100_001)
    with np.errstate(all="ignore"):
        slopes = slope(function, a)
    assert function.bound is not None
    assert 0.999 * function.bound <= slopes.max() <= function.bound
    assert slopes.min() >= 0
    jumps = np.abs(np.diff(slopes)).max() > 0.5
    assert jumps == (function.kink is not None)
    if function.kink is not None:  # at the kink itself: the slope from the left
        assert slope(function, np.array([function.kink])) == slope(function, np.array([function.kink - 1.0]))


def pull_by_complex_step(function, p: np.ndarray) -> np.ndarray:
    """∂f/∂p of a function of a vector (n,) that gives a number."""
    step = 1e-30
    return np.array([function(p + 1j * step * row).imag / step for row in np.eye(len(p))]).reshape(len(p))


vectors = st.lists(st.floats(-30, 30), min_size=1, max_size=5).map(np.array)


@settings(max_examples=60)
@given(vectors, st.integers(0, 2**32))
def test_the_pull_of_softmax_matches_the_complex_step(a, seed) -> None:
    g = np.random.default_rng(seed).normal(size=a.shape)
    out = SOFTMAX.value(a, np.empty_like(a))
    np.testing.assert_allclose(out, SOFTMAX.definition(a), rtol=1e-14)
    assert np.isclose(out.sum(), 1)
    expected = pull_by_complex_step(lambda a: g @ SOFTMAX.definition(a), a)
    np.testing.assert_allclose(SOFTMAX.pull(g, out), expected, rtol=1e-9, atol=1e-13 * np.abs(g).max())


def targets(rng: np.random.Generator, n: int, classes: bool) -> list[np.ndarray]:
    """Soft ones, exact zeros and ones, vectors that do not sum to one, and a class."""
    return [rng.uniform(size=n), np.eye(n)[rng.integers(n)], np.zeros(n), np.ones(n)] + [
        np.array(rng.integers(n))
    ] * classes


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@settings(max_examples=40)
@given(n=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_pulls_of_losses_match_the_complex_step(loss, n, seed) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.01, 0.99, size=n)
    for y in targets(rng, n, loss.classes):
        expected = pull_by_complex_step(lambda p, y=y: loss.definition(p, y)[0], p)
        np.testing.assert_allclose(loss.pull(p, y, np.array([2.5])), 2.5 * expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(loss.value(p, y), loss.definition(p, y), rtol=1e-14)
        assert loss.value(p, y).shape == (1,)


@pytest.mark.parametrize("row", OPERATIONS.values(), ids=OPERATIONS)
@settings(max_examples=20)
@given(n=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_pulls_match_the_complex_step(row, n, seed) -> None:
    """Each row's vjp, argument by argument, for a step of one sample: grad · ∂value/∂argument."""
    rng = np.random.default_rng(seed)
    arguments = [rng.uniform(0.1, 0.9, n) for _ in range(row.arity)]
    if row.sizes == "rows":
        arguments[0] = rng.normal(size=(3, n))
    grad = rng.normal(size={"alike": n, "rows": 3, "one": 1}[row.sizes])
    for i in range(1 if row.sizes == "one" else row.arity):

        def value_of(argument, i=i):
            moved = [*arguments]
            moved[i] = argument.reshape(arguments[i].shape)
            return np.sum(grad * row.definition(*moved))

        expected = pull_by_complex_step(value_of, arguments[i].reshape(-1)).reshape(arguments[i].shape)
        found = row.vjp(i, grad[None], *arguments)
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("row", ARITHMETIC.values(), ids=ARITHMETIC)
def test_signs_are_those_of_the_values(row) -> None:
    """A signed sum reads no argument for its gradients; a product's derivative by one argument is the other."""
    u, v = np.array([[2.0]]), np.array([3.0])
    arguments = [u, v][: row.arity] if row.sizes == "rows" else [u[0], v][: row.arity]
    for i, sign in enumerate(row.signs):
        factor = arguments[1 - i].item() if row.is_product else 1
        assert row.vjp(i, np.array([[5.0]]), *(arguments if row.is_product else ())).item() == 5 * sign * factor
        assert row.latex_vjp[i].count("{other}") == (row.is_product and not (row.sizes == "rows" and i == 0))


@pytest.mark.parametrize("loss", [loss for loss in LOSSES.values() if loss.joint], ids=lambda loss: loss.name)
@settings(max_examples=40)
@given(n=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_a_joint_loss_is_the_loss_of_the_function(loss, n, seed) -> None:
    """L(after(a), y) and its derivative, computed from a: value, after(a) and ∂L/∂a."""
    rng = np.random.default_rng(seed)
    a = rng.normal(scale=4, size=(3, n))
    after = OPERATIONS[loss.after]
    assert loss.definition_joint is not None
    for y in targets(rng, n, loss.classes):
        y = np.broadcast_to(y, (3, *y.shape))
        p, L, pull = np.full_like(a, np.nan), np.empty(3), np.empty_like(a)
        loss.joint(a.copy(), y, p, L, pull)
        np.testing.assert_allclose(L, loss.definition(after.definition(a), y)[:, 0], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(L, loss.definition_joint(a, y)[:, 0], rtol=1e-9, atol=1e-14)
        for row in range(3):
            expected = pull_by_complex_step(lambda a, y=y[row]: loss.definition_joint(a, y)[0], a[row])
            np.testing.assert_allclose(pull[row], expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_losses_are_none_where_the_answer_is_right(loss) -> None:
    for n in (1, 3):
        y = np.eye(n)[0] if n > 1 else np.ones(1)
        assert np.all(loss.value(y, y) == 0)
        assert np.all(np.isfinite(loss.pull(y, y, np.ones(1))))


def test_losses_are_the_textbooks() -> None:
    p, y = np.array([0.2, 0.3, 0.5]), np.array([0.0, 0.25, 0.75])
    assert np.isclose(LOSSES["nll"].value(p, np.array(1))[0], -np.log(0.3))
    assert np.isclose(LOSSES["nll"].value(p, y)[0], -0.25 * np.log(0.3) - 0.75 * np.log(0.5))
    assert np.isclose(LOSSES["mse"].value(p, y)[0], (0.04 + 0.0025 + 0.0625) / 3)
    expected = -(np.log(0.8) + 0.25 * np.log(0.3) + 0.75 * np.log(0.7) + 0.75 * np.log(0.5) + 0.25 * np.log(0.5)) / 3
    assert np.isclose(LOSSES["bce"].value(p, y)[0], expected)


def test_one_hot_vectors_are_those_of_the_classes() -> None:
    y = np.array([[0, 2], [1, 1]])
    assert np.array_equal(one_hot(y, 3), np.eye(3)[y])
    assert one_hot(y, 3, np.float32).dtype == np.float32
    soft = np.full((2, 2, 3), 0.3)
    assert one_hot(soft, 3) is soft


def test_rows_of_the_table_are_whole() -> None:
    assert list(CALLS) == [*FUNCTIONS, "softmax", *LOSSES]
    assert list(OPERATIONS) == [*ARITHMETIC, *CALLS]
    for name, arithmetic in ARITHMETIC.items():
        assert arithmetic.name == name
        assert arithmetic.kind == "arithmetic"
        assert arithmetic.arity == len(arithmetic.vjps) == len(arithmetic.latex_vjp) == len(arithmetic.strengths)
        for form in (arithmetic.latex, arithmetic.text, arithmetic.latex_by_number, arithmetic.text_by_number):
            assert form == "" or form.count("{}") == arithmetic.arity
    for name, row in CALLS.items():
        assert row.name == name
        assert row.arity == (2 if name in LOSSES else 1)
        assert row.kind == ("loss" if name in LOSSES else "softmax" if name == "softmax" else "function")
    for loss in LOSSES.values():
        written = [loss.latex, loss.latex_pull, *([loss.latex_joint] if loss.latex_joint else [])]
        for text in (form.format(p="P", y="Y") for form in written):
            assert "{{" not in text
            assert text.count("{") == text.count("}")
            assert "Y" in text
            assert "P" in text
    for function in FUNCTIONS.values():
        assert function.latex_slope.count("{") == function.latex_slope.count("}")
        assert function.latex_slope.replace("{a}", "A").count("A") in (0, 1, 2)


UFUNCS = sorted(
    {step[0] for row in FUNCTIONS.values() for step in (*row.value, *row.slope)}
    | {np.add, np.subtract, np.multiply, np.positive},
    key=lambda ufunc: ufunc.__name__,
)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda ufunc: ufunc.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numpy_is_right_on_single_columns(ufunc, dtype):
    """numpy 2.4's negative is not: it reads other rows where they are 64 bytes (float32: 16) apart. No recipe uses it."""
    for width in range(1, 34):
        table = np.random.default_rng(width).uniform(0.5, 1.5, (9, width)).astype(dtype)
        column, out = table[:, :1], np.full((9, width + 1), 7, dtype)[:, 1:2]
        inputs = [column] * ufunc.nin
        ufunc(*inputs, out=out)
        np.testing.assert_array_equal(out, ufunc(*(array.copy() for array in inputs)).astype(dtype))
