"""Formulas that a reader writes: the language, its errors, and its values."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest
from formulas import run_of, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import CATALOGUE, EquationError
from engine.formula import Misfit, code, evaluate, latex, parse
from engine.language.operations import FUNCTIONS

RNN = CATALOGUE["rnn"]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "no formula"),
        ("V.T @ g_oo", 1, 7, "did you mean 'g_o'"),
        ("V.T @\n  g_oo", 2, 3, "did you mean 'g_o'"),
        ("é * 2", 1, 1, "not known"),
        ("g_h = W.T @ g_a", 1, 5, "right side of ="),
        ("h) + (h", 1, 2, "closes no bracket"),
        ("h @", 1, 1, "cannot be read"),
        ("tan(h)", 1, 1, "did you mean 'tanh'"),
        ("h ** 2", 1, 1, "product"),
        ("h[t-1000]", 1, 1, "too far"),
        ("h[3]", 1, 1, "index"),
        ("(h + a)[t-1]", 1, 1, "only a name can be read at another step"),
        ("tanh(*h)", 1, 1, "plain arguments"),
        ("tanh(**h)", 1, 1, "plain arguments"),
        ("slope(tanh)", 1, 1, "is written slope(tanh, a)"),
        ("W[t-1]", 1, 1, "the same at each step"),
        ("g_W", 1, 1, "gradient of a parameter"),
        ("h.shape", 1, 1, "transposes"),
        ("slope(h, a)", 1, 7, "a function first"),
        ("sum(h, h)", 1, 1, "sum(v)"),
        ("sum_t(sum_t(h))", 1, 1, "inside"),
        ("nll(y_hat, y)", 1, 1, "its node"),
        ("tanh", 1, 1, "tanh(…)"),
        ("(lambda: h)()", 1, 1, "by its name"),
        ("[h for h in h]", 1, 1, "not part"),
        ("'h'", 1, 1, "not a number"),
        ("1e999", 1, 1, "too large"),
        ("(" * 500 + "h" + ")" * 500, 1, 1, "cannot be read"),
        ("-" * 500 + "h", 1, 102, "more than 100"),
        ("h" * 3000, 1, 1, "2,000"),
    ],
)
def test_what_the_language_does_not_have_is_pointed_at(text, line, column, says) -> None:
    with pytest.raises(EquationError, match=says.replace("(", r"\(").replace(")", r"\)")) as caught:
        parse(text, RNN)
    assert caught.value.line == line
    if column != 1:
        assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("g_o @ V", 1, "g_o is 3 × 1 (a vector) and V is 3 × 5"),
        ("h + g_o", 1, "h is 5 × 1 (a vector) and g_o is 3 × 1 (a vector)"),
        ("h * W.T @ a", 1, "bind alike"),
        ("2 @ h", 1, "a number is multiplied by '*'"),
        ("h + diag(W)", 5, "diag takes a vector"),
        ("outer(W, h)", 1, "two vectors"),
        ("softmax(W)", 1, "takes a vector"),
    ],
)
def test_shapes_that_do_not_fit_are_said(text, column, says) -> None:
    run = run_of()
    with pytest.raises(Misfit) as caught:
        evaluate(parse(text, RNN), run, 2)
    assert says in str(caught.value)
    assert caught.value.column == column


def test_what_has_a_step_stands_inside_the_sum_over_the_steps() -> None:
    run = run_of()
    with pytest.raises(Misfit, match="sum_t"):
        evaluate(parse("outer(g_a, x)", RNN), run, None)


def test_a_formula_that_would_take_too_much_is_refused_before_it_does() -> None:
    run = run_of(h=700, T=60)
    for text in ("sum_t(" + "@".join(["W"] * 40) + ")", "diag(one(h @ h.T @ h) + 0) @ " + "W @ " * 60 + "h"):
        with pytest.raises(Misfit, match="more than can be computed"):
            evaluate(parse(text, RNN), run, 1)


NAMES = (
    "W",
    "V",
    "U",
    "b",
    "x",
    "y",
    "h",
    "a",
    "o",
    "y_hat",
    "L",
    "g_h",
    "g_o",
    "g_L",
    "h[t-1]",
    "g_h[t+1]",
    "t",
    "2",
    "1e9",
)


SIGNS = (*"()+-*/@,[]#=é\0\n", ".T")


CALLS = ("outer(", "diag(", "sum(", "sum_t(", "one(", "slope(tanh,", "exp(", "log(", "softmax(", "sigmoid(")


PIECES = st.sampled_from([*NAMES, *SIGNS, *CALLS])


@settings(max_examples=150)
@given(
    st.one_of(
        st.text(max_size=60), st.lists(PIECES, max_size=14).map(" ".join), st.lists(PIECES, max_size=8).map("".join)
    )
)
def test_any_text_is_a_formula_or_an_error_that_points(text) -> None:
    run, problem = run_of(T=3), None
    try:
        value = evaluate(found := parse(text, RNN), run, 2)
    except EquationError as error:
        problem = error
    if problem is None:
        assert value.dtype == np.float64
        assert latex(found)
    else:
        assert 1 <= problem.line <= max(1, len(text.splitlines()))
        assert problem.column >= 1


def test_latex_has_the_names_of_the_book() -> None:
    text = latex(parse("V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])", RNN))
    assert text == (
        r"{V}^\top\,\left(\nabla_{o^{(t)}} L\right) + {W}^\top\,\left(\tanh'\left(a^{(t+1)}\right) \odot"
        r" \left(\nabla_{h^{(t+1)}} L\right)\right)"
    )


def nested(vector, matrix):
    """One step deeper: vectors of 5 units, and matrices of 5 × 5 entries, each as text with its brackets."""
    two = st.tuples(vector, st.sampled_from("+-*/"), vector).map(lambda part: f"({part[0]} {part[1]} {part[2]})")
    numbers = st.tuples(st.sampled_from(["2", "0.5"]), vector).map(lambda part: f"({part[0]} * {part[1]})")
    product = st.tuples(matrix, vector).map(lambda part: f"({part[0]} @ {part[1]})")
    calls = st.tuples(st.sampled_from(["-(", "tanh(", "slope(tanh, ", "exp(", "softmax("]), vector).map(
        lambda part: f"({part[0]}{part[1]}))"
    )
    pairs = st.tuples(matrix, st.sampled_from("+-@"), matrix).map(lambda part: f"({part[0]} {part[1]} {part[2]})")
    outer = st.tuples(vector, vector).map(lambda part: f"outer({part[0]}, {part[1]})")
    turned = st.tuples(st.sampled_from(["({}).T", "(-({}))"]), matrix).map(lambda part: part[0].format(part[1]))
    return two | numbers | product | calls, pairs | outer | turned | vector.map("diag({})".format)


NODES, WEIGHTS = st.sampled_from(["h", "a", "h[t-1]", "g_h", "g_a[t+1]"]), st.sampled_from(["W", "W.T"])


VECTORS = st.deferred(lambda: NODES | nested(VECTORS, MATRICES)[0])


MATRICES = st.deferred(lambda: WEIGHTS | nested(VECTORS, MATRICES)[1])


def typed(latex):
    """LaTeX of a formula without fractions, as the formula that a reader would type for it."""
    for pattern, text in (
        (r"\\nabla_\{(\w)\^\{\(t([+-]\d)?\)\}\} L", r"g_\1[t\2]"),
        (r"\b([ha])\^\{\(t([+-]\d)?\)\}", r"\1[t\2]"),
        (r"\[t\]", ""),
        (r"\\(?:left|right)|\\operatorname", ""),
        (r"\\tanh'\(", "slope(tanh, "),
        (r"\\odot", "*"),
        (r"\\oslash", "/"),
        (r"(?<=\d)\\,", " * "),
        (r"\\,", " ** "),  # what stands side by side binds tighter than ⊙
        (r"\^\\top", ".T"),
        (r"\\(?=[a-z])", ""),
    ):
        latex = re.sub(pattern, text, latex)
    text = latex.replace("{diag}", "diag").replace("{softmax}", "softmax").translate(str.maketrans("{}", "()"))
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            node.op = ast.MatMult()
    return ast.unparse(tree)


@settings(max_examples=150)
@given(VECTORS | MATRICES)
def test_what_is_drawn_is_what_was_typed(text) -> None:
    run = run_of(T=3)
    formula = parse(text, RNN)
    with np.errstate(all="ignore"):
        expected = evaluate(formula, run, 2)
        for again in (code(formula.expression), typed(latex(formula))):
            if not again.endswith("…"):
                found = evaluate(parse(again, RNN), run, 2)
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=again)


def test_a_sum_over_the_steps_has_brackets_where_it_would_reach_further() -> None:
    total = r"\textstyle\sum_t h^{(t)}"
    assert latex(parse("sum_t(h) + a", RNN)) == rf"{total} + a^{{(t)}}"
    assert latex(parse("sum_t(h) * a", RNN)) == rf"\left({total}\right) \odot a^{{(t)}}"
    assert latex(parse("a - sum_t(h)", RNN)) == rf"a^{{(t)}} - \left({total}\right)"
    assert latex(parse("sum_t(h + a)", RNN)) == r"\textstyle\sum_t \left(h^{(t)} + a^{(t)}\right)"


def test_a_minus_stands_in_front_of_its_product() -> None:
    assert latex(parse("-y / y_hat", RNN)) == r"-y^{(t)} \oslash \hat{y}^{(t)}"
    assert latex(parse("W.T @ (-a)", RNN)) == r"{W}^\top\,\left(-a^{(t)}\right)"


def test_an_index_of_t_is_the_step_itself_and_a_text_is_needed() -> None:
    run = run_of(T=3)
    np.testing.assert_array_equal(
        evaluate(parse("h[t] + g_h[t]", RNN), run, 2), evaluate(parse("h + g_h", RNN), run, 2)
    )
    with pytest.raises(TypeError, match="is a str, not int"):
        parse(3, RNN)


def test_names_of_a_cell_come_before_names_of_the_language() -> None:
    cell = engine.parse("sum = tanh(diag @ sum[t-1] + U @ x)\ng_sum = V @ sum\nL = mse(g_sum, y)")
    run = engine.run(
        cell, engine.initialise(cell, {"x": 2, "sum": 3, "y": 2}, seed=0), np.ones((3, 2)), np.ones((3, 2))
    )
    found = verdict("V.T @ g_g_sum + diag.T @ (slope(tanh, diag @ sum + U @ x[t+1]) * g_sum)", run, "sum", 2)
    assert found.kind == "misfit"  # g_sum is the node here
    halved = "sum((g_sum - y) * (g_sum - y)) / 2"
    assert verdict(halved, run, "L", 2, "value").kind == "here only"  # n is 2 here, and the loss the mean
    assert verdict(halved.replace("2", "sum(one(y))"), run, "L", 2, "value").kind == "right"


@pytest.mark.parametrize("size", [1.0, 30.0, 3000.0])
def test_each_function_of_the_language_has_the_values_of_the_cell_s_own(size) -> None:
    for name in ("softmax", *(row for row in FUNCTIONS if row != "identity")):
        cell = engine.parse(f"a = W @ h[t-1] + U @ x\nh = {name}(a)\nL = mse(h, y)")
        random = np.random.default_rng(1)
        params = {key: size * random.standard_normal(shape) for key, shape in cell.shapes({"x": 2, "y": 3}).items()}
        run = engine.run(cell, params, random.standard_normal((3, 2)), np.ones((3, 1, 3)))
        for t in (1, 2, 3):
            found = evaluate(parse(f"{name}(a)", cell), run, t)
            np.testing.assert_allclose(found, run.value["h"][t - 1, 0], rtol=1e-12, atol=1e-300)
