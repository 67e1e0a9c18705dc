"""Bad input to a run is refused: the error names the argument, what came, and what is allowed."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
from cells import FEATURES, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, parse, run
from engine.support.budget import MAX_RUN_BYTES

RNN = CATALOGUE["rnn"]
CASE = Case(RNN.text, T=4, B=2, n_x=3, n_h=5, n_y=3)
MSE = parse("h = tanh(W @ h[t-1] + U @ x)\nL = mse(V @ h, y)")
SKIP = parse(FEATURES["lags of one, two and three"])


def arguments(**changes) -> dict:
    return CASE.arguments | {"cell": RNN} | changes


def params(**changes) -> dict:
    return {
        "params": {name: array for name, array in (CASE.arguments["params"] | changes).items() if array is not None}
    }


def with_entry(array, value, index=0) -> np.ndarray:
    result = np.array(array)
    result.flat[index] = value
    return result


X, Y, W = CASE.arguments["x"], CASE.arguments["y"], CASE.arguments["params"]["W"]
SOFT = np.full((4, 2, 3), 0.25)
RAGGED = [[1.0, 2.0], [3.0]]
WRONG = {
    # x
    "x missing": (
        {"x": None},
        "x is missing; the cell 'rnn' reads it; x is floats (T, B, n_x), or (T, n_x) for one sample",
    ),
    "x flat": ({"x": X[:, 0, 0]}, "x has shape (4,); x is floats (T, B, n_x)"),
    "x deep": ({"x": X[None]}, "x has shape (1, 4, 2, 3); x is floats (T, B, n_x)"),
    "x a number": ({"x": 1.0}, "x has shape (); x is floats"),
    "x empty": (
        {"x": X[:, :0]},
        "x has shape (4, 0, 3); x is floats (T, B, n_x), or (T, n_x) for one sample, none of them 0",
    ),
    "no step": ({"x": X[:0], "y": Y[:0]}, "x has shape (0, 2, 3); x is floats"),
    "x wide": ({"x": X[..., :2]}, "params['U'] has shape (5, 3); it must be (n_h = 5, n_x = 2)"),
    "x long": ({"x": np.concatenate([X, X])}, "y has 4 steps and 2 samples, x has 8 and 2; make them equal"),
    "x of one sample": ({"x": X[:, :1]}, "y has 4 steps and 2 samples, x has 4 and 1; make them equal"),
    "x integers": ({"x": np.ones((4, 2, 3), int)}, "x has int64 where floats belong; x is floats (T, B, n_x), or"),
    "x bools": ({"x": X > 0}, "x has bool where floats belong; x is floats (T, B, n_x)"),
    "x complex": ({"x": X + 0j}, "x has complex128 where floats belong"),
    "x objects": ({"x": X.astype(object)}, "x has objects where floats belong"),
    "x text": ({"x": "abc"}, "x has <U3 where floats belong"),
    "x ragged": ({"x": RAGGED}, "x is no rectangular array; x is floats (T, B, n_x)"),
    "x a mapping": ({"x": {}}, "x has objects where floats belong"),
    "x dates": ({"x": np.zeros((4, 2, 3), "M8[s]")}, "x has datetime64[s] where floats belong"),
    "x nan": ({"x": with_entry(X, np.nan, 7)}, "x has nan at index [1, 0, 1]; every number must be finite"),
    "x inf": ({"x": with_entry(X, -np.inf)}, "x has -inf at index [0, 0, 0]; every number must be finite"),
    "x too large for float32": (
        {"x": with_entry(X, 1e39), "dtype": np.float32},
        "x has 1e+39 at index [0, 0, 0]; every number must be finite in float32",
    ),
    # y
    "y missing": ({"y": None}, "y is missing; integers (T, B), the classes counted from 0, or floats (T, B, n_y)"),
    "y deep": ({"y": Y[..., None]}, "y has shape (4, 2, 1); classes are integers (T, B), or (T,) for one sample"),
    "y a class": ({"y": 1}, "y has shape (); classes are integers (T, B)"),
    "y empty": ({"y": Y[:0]}, "y has shape (0, 2); classes are integers"),
    "y short": ({"y": Y[:3]}, "y has 3 steps and 2 samples, x has 4 and 2; make them equal"),
    "y of one sample": ({"y": Y[:, 0]}, "y has 4 steps and 1 samples, x has 4 and 2; make them equal"),
    "y too high": ({"y": with_entry(Y, 3)}, "y has classes from 0 to 3; they are counted from 0 to 2"),
    "y from one": ({"y": Y + 1}, "to 3; they are counted from 0 to 2"),
    "y negative": ({"y": with_entry(Y, -1)}, "y has classes from -1 to 2; they are counted from 0"),
    "y huge": ({"y": with_entry(Y.astype(np.uint64), 2**64 - 1)}, "they are counted from 0"),
    "y bools": (
        {"y": Y > 0},
        "y has bool where floats belong; y is integers (T, B), the classes counted from 0, or floats",
    ),
    "y text": ({"y": "abc"}, "y has <U3 where floats belong"),
    "y objects": ({"y": Y.astype(object)}, "y has objects where floats belong; y is integers (T, B)"),
    "y ragged": ({"y": RAGGED}, "y is no rectangular array; integers (T, B) or floats (T, B, n_y)"),
    "y complex": ({"y": SOFT + 0j}, "y has complex128 where floats belong"),
    "soft y flat": (
        {"y": SOFT[:, 0, 0]},
        "y has shape (4,); y is integers (T, B), the classes counted from 0, or floats",
    ),
    "soft y wide": ({"y": SOFT[..., :2]}, "params['c'] has shape (3,); it must be (n_y = 2)"),
    "soft y nan": ({"y": with_entry(SOFT, np.nan)}, "y has nan at index [0, 0, 0]; every number must be finite"),
    "soft y inf": ({"y": with_entry(SOFT, np.inf)}, "y has inf at index [0, 0, 0]; every number must be finite"),
    "classes where floats belong": (
        {"cell": MSE, "y": Y},
        "y has integers where floats belong: mse compares with floats (T, B, n_y)",
    ),
    # parameters
    "params missing": ({"params": None}, "params is a NoneType; a mapping {name: array} is needed"),
    "params a list": ({"params": [W]}, "params is a list; a mapping {name: array} is needed"),
    "W missing": (params(W=None, c=None), "params lacks W, c; rnn has b, W, U, c, V"),
    "a parameter too many": (params(WW=W), "params has 'WW'; rnn has b, W, U, c, V; did you mean 'W'?"),
    "a parameter of another kind": (params(**{"1": W}), "params has '1'; rnn has b, W, U, c, V"),
    "W flat": (params(W=W[0]), "params['W'] has shape (5,); it must be (n_h = 5, n_h = 5)"),
    "W not square": (params(W=W[:, :4]), "params['W'] has shape (5, 4); it must be (n_h = 5, n_h = 5)"),
    "W small": (params(W=W[:4, :4]), "params['W'] has shape (4, 4); it must be (n_h = 5, n_h = 5)"),
    "V across": (params(V=np.ones((5, 3))), "params['V'] has shape (5, 3); it must be (n_y = 3, n_h = 5)"),
    "b a column": (params(b=np.ones((5, 1))), "params['b'] has shape (5, 1); it must be (n_h)"),
    "b a number": (params(b=1.0), "params['b'] has shape (); it must be (n_h)"),
    "b empty": (params(b=np.ones(0)), "params['b'] has shape (0,); it must be (n_h), no axis empty"),
    "W integers": (
        params(W=np.eye(5, dtype=int)),
        "params['W'] has int64 where floats belong; a parameter is an array of floats",
    ),
    "W objects": (params(W=W.astype(object)), "params['W'] has objects where floats belong"),
    "W nan": (params(W=with_entry(W, np.nan, 6)), "params['W'] has nan at index [1, 1]; every number must be finite"),
    "W None": ({"params": CASE.arguments["params"] | {"W": None}}, "params['W'] has objects where floats belong"),
    # initial states
    "initial a list": ({"initial": [1.0]}, "initial is a list; a mapping {state: array} is needed"),
    "initial of no state": ({"initial": {"a": np.ones(5)}}, "initial has 'a'; the states of rnn are h"),
    "initial of no name": ({"initial": {1: np.ones(5)}}, "initial has 1; the states of rnn are h"),
    "initial short": (
        {"initial": {"h": np.ones(4)}},
        "initial['h'] has shape (4,); it must be (5,), (2, 5) or (1, 2, 5)",
    ),
    "initial of three samples": (
        {"initial": {"h": np.ones((3, 5))}},
        "has shape (3, 5); it must be (5,), (2, 5) or (1, 2, 5)",
    ),
    "initial of two steps": (
        {"initial": {"h": np.ones((2, 2, 5))}},
        "has shape (2, 2, 5); it must be (5,), (2, 5) or (1, 2, 5)",
    ),
    "initial a number": ({"initial": {"h": 1.0}}, "initial['h'] has shape (); it must be"),
    "initial integers": (
        {"initial": {"h": np.ones(5, int)}},
        "initial['h'] has int64 where floats belong; it is floats (n,)",
    ),
    "initial nan": (
        {"initial": {"h": np.full(5, np.nan)}},
        "initial['h'] has nan at index [0]; every number must be finite",
    ),
    # weights
    "weights short": (
        {"weights": np.ones(3)},
        "weights has shape (3,); weights is (T,) or (T, B), the factor of each L(t), or True where it counts,"
        " here (4,) or (4, 2)",
    ),
    "weights by sample alone": ({"weights": np.ones(2)}, "weights has shape (2,)"),
    "weights deep": ({"weights": np.ones((4, 2, 1))}, "weights has shape (4, 2, 1)"),
    "weights a number": ({"weights": 1.0}, "weights has shape ()"),
    "weights nan": ({"weights": [1, 1, np.nan, 1]}, "weights has nan at index [2]; every number must be finite"),
    "weights ragged": ({"weights": RAGGED}, "weights is no rectangular array; weights is (T,) or (T, B)"),
    "weights text": ({"weights": "last"}, "weights has <U4 where floats belong"),
    "weights huge": ({"weights": [10**400] * 4}, "weights has objects where floats belong"),
    # the rest
    "no cell": ({"cell": "rnn"}, "cell is a str; a Cell is needed, from engine.parse or engine.CATALOGUE"),
    "reduction": ({"reduction": "max"}, "reduction is 'max'; 'mean' or 'sum' over the samples"),
    "reduction None": ({"reduction": None}, "reduction is None; 'mean' or 'sum' over the samples"),
    "dtype": ({"dtype": np.float16}, "dtype is <class 'numpy.float16'>; float64 or float32"),
    "dtype int": ({"dtype": int}, "dtype is <class 'int'>; float64 or float32"),
    "dtype unknown": ({"dtype": "double precision"}, "dtype is 'double precision'; float64 or float32"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_bad_input_is_refused_with_its_name(changes, message) -> None:
    given_arguments = arguments(**changes)
    with pytest.raises(ValueError, match=re.escape(message)):
        run(given_arguments.pop("cell"), **given_arguments)


def test_the_arguments_are_right_but_for_what_is_changed() -> None:
    assert np.isfinite(run(**arguments()).loss)
    assert np.isfinite(run(**arguments(cell=MSE, y=SOFT) | params(b=None, c=None)).loss)


def test_a_size_that_nothing_fixes_is_asked_for() -> None:
    cell = parse("h = 0.5 * h[t-1]\nL = mse(x + M @ L[t-1], y)")
    with pytest.raises(ValueError, match=r"nothing fixes the size of h; give initial\['h'\] with that many entries"):
        run(cell, {"M": np.ones((2, 1))}, np.ones((3, 2)), np.ones((3, 2)))
    made = run(cell, {"M": np.ones((2, 1))}, np.ones((3, 2)), np.ones((3, 2)), {"h": np.ones(7)})
    assert made.value["h"].shape == (3, 1, 7)


def test_initial_values_of_a_longer_past_say_their_shape() -> None:
    case = Case(SKIP.text, T=2, B=2)
    with pytest.raises(
        ValueError, match=re.escape("initial['h'] has shape (2, 2, 4); it must be (4,), (2, 4) or (3, 2, 4)")
    ):
        run(case.cell, **(case.arguments | {"initial": {"h": np.ones((2, 2, 4))}}))


# --- what is let in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint64", "int64"])
def test_classes_may_be_any_integers(kind) -> None:
    made, expected = run(**arguments(y=Y.astype(kind))), run(**arguments())
    assert made.loss == expected.loss
    assert np.array_equal(made.grad["x"], expected.grad["x"])


@pytest.mark.parametrize("kind", ["int8", "uint8", ">i2", "int64", "uint64"])
def test_classes_may_be_as_large_as_their_type_allows(kind) -> None:
    cell = parse("o = W @ h[t-1] + b\nh = tanh(R @ o)\nL = nll(softmax(o), y)")
    n = min(np.iinfo(kind).max, 299) + 1
    params = {name: np.zeros(shape) for name, shape in cell.shapes({"o": n, "h": 2}).items()}
    for top in (n - 1, n // 2, 1):  # the largest of one byte among them, and the first whose leading bit is 1
        y = np.array([[0, top], [top, 0]])
        made, expected = (run(cell, params, None, given) for given in (y.astype(kind), y))
        assert np.array_equal(made.grad["o"], expected.grad["o"])
        assert made.loss == pytest.approx(2 * np.log(n))


@pytest.mark.parametrize("top", [1, 2, 3, 4, 7])
def test_the_largest_class_says_how_many_there_are_where_nothing_else_does(top) -> None:
    cell = parse("h = tanh(alpha * h[t-1])\ny_hat = softmax(h)\nL = nll(y_hat, y)")
    free = parse("y_hat = softmax(y_hat[t-1])\nL = nll(y_hat, y)")
    assert (cell.only_classes_fix_y, free.only_classes_fix_y) == (False, True)
    made = run(free, {}, None, np.array([0, top, 1]))
    assert made.value["y_hat"].shape == (3, 1, top + 1)
    assert made.loss == pytest.approx(3 * np.log(top + 1))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "longdouble", ">f8"])
def test_floats_may_be_of_any_precision(kind) -> None:
    x = X.astype("float16")
    made, expected = run(**arguments(x=x.astype(kind))), run(**arguments(x=x.astype(float)))
    assert made.dtype == np.float64
    assert made.loss == expected.loss


def test_lists_of_numbers_are_arrays() -> None:
    given_arguments = arguments(x=X.tolist(), y=Y.tolist(), weights=[1, 0, 0, 1]) | params(
        **{n: a.tolist() for n, a in CASE.arguments["params"].items()}
    )
    assert run(**given_arguments).loss == run(**arguments(weights=[1.0, 0.0, 0.0, 1.0])).loss


def test_arrays_need_not_be_contiguous() -> None:
    x = np.asfortranarray(X)
    wide = np.repeat(X, 2, axis=2)[..., ::2]
    backwards = X[::-1].copy()[::-1]
    turned = params(W=W.T.copy().T, V=np.asfortranarray(CASE.arguments["params"]["V"]))
    expected = run(**arguments())
    for array in (x, wide, backwards, np.broadcast_to(X, X.shape)):
        made = run(**arguments(x=array) | turned)
        np.testing.assert_allclose(made.grad["x"], expected.grad["x"], rtol=1e-13)
        np.testing.assert_allclose(made.param_grad["W"], expected.param_grad["W"], rtol=1e-13)


def test_a_cell_that_reads_no_x_ignores_it() -> None:
    case = Case(FEATURES["no input"])
    made = run(case.cell, **(case.arguments | {"x": "anything"}))
    assert made.x is None
    assert "x" not in made.grad
    assert made.loss == case.run().loss


def test_integers_are_weights() -> None:
    assert run(**arguments(weights=[0, 0, 0, 1])).loss == run(**arguments(weights=[0.0, 0.0, 0.0, 1.0])).loss


# --- memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_run_too_large_is_refused_before_its_memory_is_taken(dtype) -> None:
    n = 1500
    cell = parse("a = x * b\nh = tanh(W @ a + R @ h[t-1])\nL = nll(softmax(V @ h), y)")
    small = np.broadcast_to(0.0, (n, n))
    parameters = {"b": np.ones(1), "W": np.ones((n, 1)), "R": small, "V": small[:2]}
    T = 400_000
    tracemalloc.start()
    try:
        with pytest.raises(
            ValueError, match=r"a run with [\d,]+ units a step needs about [\d,]+ bytes for T = 400000, B = 1"
        ) as caught:
            run(cell, parameters, np.ones((T, 1)), np.zeros(T, int), dtype=dtype)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    needed, most, allowed = (
        int(number.replace(",", ""))
        for number in re.findall(r"about ([\d,]+) bytes .*; at most ([\d,]+) .*up to ([\d,]+)", str(caught.value))[0]
    )
    units = sum(cell.sizes({"x": 1, "h": n, "y": 2}).values())
    assert needed >= 2 * T * units * np.dtype(dtype).itemsize  # values and gradients, at least
    assert most == MAX_RUN_BYTES < needed
    assert allowed == T * MAX_RUN_BYTES // needed
    assert peak < 100e6


# --- anything at all ------------------------------------------------------------------------------------------------

things = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.floats(width=16), max_size=4),
    st.lists(st.integers(-2, 4), max_size=4),
    st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=3), max_size=4),
    st.dictionaries(st.sampled_from(["h", "W", "b"]), st.floats(), max_size=2),
    st.sampled_from(
        [X, Y, W, SOFT, X[0], X[:, 0], Y[:, 0], X[:0], Y.astype(str), [X, Y], np.array(None), object(), len]
    ),
)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["params", "x", "y", "initial", "weights", "reduction", "dtype", "cell", "W", "h"]),
        things,
        min_size=1,
        max_size=2,
    )
)
def test_anything_is_run_or_refused(changes) -> None:
    """A run or a ValueError, and no other error, whatever stands in the place of one argument or two."""
    given_arguments = arguments(**{name: thing for name, thing in changes.items() if name not in "Wh"})
    if "W" in changes:
        given_arguments |= {"params": CASE.arguments["params"] | {"W": changes["W"]}}
    if "h" in changes:
        given_arguments |= {"initial": {"h": changes["h"]}}
    try:
        made = run(given_arguments.pop("cell"), **given_arguments)
    except ValueError as error:
        text = str(error)
    else:
        text = repr(made)
    assert text


@pytest.mark.parametrize(
    ("y", "remedy"),
    [
        ([0.0, 2, 1, 0], "; y has the floats 0, 2, 1, 0: if they are classes, give y.astype(int)"),
        ([0.0, 2, 1, 0, 1], "; y has the floats 0, 2, 1, 0, …: if they are classes, give y.astype(int)"),
        ([[0.0], [2], [1], [0]], "; y has the floats 0, 2, 1, 0: if they are classes, give y.astype(int)"),
        (Y.astype(float), f"; y has the floats {', '.join(f'{n:g}' for n in Y.ravel()[:4])}, …: if they are classes"),
        ([float(1 << 30), 0, 0, 0], "; y has the floats 1.07374e+09, 0, 0, 0: if they are classes"),
        ([float(1 << 30) + 1, 0, 0, 0], ""),
        ([0.0, 2, 1, 0.5], ""),
        ([0.0, 2, 1, -1], ""),
        (Y[:, :1].repeat(3, axis=1).astype(float), ""),
    ],
)
def test_floats_that_may_be_classes_are_told_how_to_become_classes(y, remedy) -> None:
    """One float for each step, or for each step and sample, may be meant as a class, if all are whole and none is negative."""
    with pytest.raises(ValueError, match=r"^y has ") as caught:
        run(**arguments(y=np.array(y)))
    assert ("if they are classes" in str(caught.value)) == bool(remedy)
    assert remedy in str(caught.value)
