"""Slips of the texts, tested on numbers; and the page, where a formula of one's own is tested the same way."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from browser import settle
from pages import opened, words

from engine import CATALOGUE
from engine.formula import MAX_FORMULA, parse
from engine.inputs import Scheme
from engine.verify.asked import Asked
from engine.verify.verdict import judge
from explorer import model as models
from explorer.experiments import slips
from explorer.experiments.slips import SLIPS, case
from explorer.model import Model
from explorer.state import State, View, from_query, packed, to_query

BIASED = (("b", Scheme("normal")), ("c", Scheme("normal")))
LAYERS = (("b_3", Scheme("normal")),)
MODELS = {
    "hello": Model(overrides=BIASED),
    "worked": Model(task="worked"),
    "worked, other weights": Model(task="worked", own=False, seed=3, overrides=BIASED),
    "sigmoid": Model(activation="sigmoid", overrides=BIASED),
    "the last loss": models.changed(Model(), task="noise", count="last", settings=(("steps", 4),), overrides=BIASED),
    "samples": models.changed(Model(), task="noise", settings=(("steps", 4), ("samples", 3)), overrides=BIASED),
    "layers": models.changed(Model(), cell="feedforward", overrides=LAYERS),
    "lstm": models.changed(Model(), cell="lstm"),
    "adding": models.changed(Model(), task="adding"),
    "half the loss": models.with_text(
        Model(overrides=BIASED), CATALOGUE["rnn"].text.replace("L = nll", "J = nll") + "L = 0.5 * J"
    ),
}
SHAPES = ("E5", "E10", "E12")


@pytest.fixture(scope="module")
def runs():
    return {name: models.run(model) for name, model in MODELS.items()}


# --- the claims -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", list(SLIPS))
def test_every_slip_is_judged_wrong_and_its_right_form_right(key, runs) -> None:
    for name, run in runs.items():
        found = case(key, run, run.B - 1)
        assert found.right_verdict.kind == "right", name
        assert len(found.right_verdict.others) == (0 if key == "E16" else 3)
        if (key, name) == ("E14", "the last loss"):  # the loss whose term escapes does not count
            assert found.stated_verdict.kind == "here only"
            assert "does not count" in found.remark
        elif name == "adding":  # where one number comes out, and only the last loss counts, some slips do no harm
            assert found.stated_verdict.kind != "right"
        else:
            assert found.stated_verdict.kind == ("misfit" if key in SHAPES else "wrong"), name
        measured = found.right_verdict.measured
        assert (measured is None) == (found.asked.kind == "value")
        if measured is not None:
            np.testing.assert_allclose(found.right_verdict.value, measured, rtol=1e-8, atol=1e-13)


def test_each_slip_is_tested_on_the_users_own_network_where_it_can_be(runs) -> None:
    own = {key for key in SLIPS if case(key, runs["worked"]).own}
    assert own == set(SLIPS)
    assert {key for key in SLIPS if case(key, runs["layers"]).own} == {"E2", "E7", "E8", "E9", "E15"}
    assert {"E1", "E2", "E3", "E5", "E13"} <= {key for key in SLIPS if case(key, runs["lstm"]).own}
    assert not case("E6", runs["lstm"]).own
    for key in SLIPS:
        assert case(key, runs["the last loss"]).own
        assert case(key, runs["half the loss"]).own


def test_without_its_biases_a_network_does_not_feel_that_they_are_missing() -> None:
    found = case("E9", models.run(Model()))
    assert found.stated_verdict.kind == "here only"
    assert "bias is 0" in found.remark


def test_the_impossible_probabilities_are_told(runs) -> None:
    found = case("E1", runs["worked"])
    assert (found.stated_verdict.value < 0).any()
    assert "negative" in found.remark
    assert found.right_verdict.value.sum() == pytest.approx(1)
    assert (found.right_verdict.value > 0).all()
    shared = Model(overrides=(("V", Scheme("constant", value=0.0)), ("c", Scheme("constant", value=0.0))))
    found = case("E1", models.run(shared))
    assert found.stated_verdict.kind == "not finite"
    assert "no number" in found.remark


def test_the_second_minus_turns_the_gradient_around(runs) -> None:
    found = case("E13", runs["worked"])
    np.testing.assert_allclose(found.stated_verdict.value, -found.right_verdict.value)


def remade(text=None, sizes=(), overrides=BIASED, **fields):
    """A run on noise, of the rnn or of a cell of one's own."""
    own = {"text": text} if text else {}
    return models.run(models.changed(Model(), task="noise", **own, sizes=sizes, overrides=overrides, **fields))


SMALL = (
    # settings of the network, slip, what its remark says or None for none, whether it is shown on this network
    ({"settings": (("steps", 4), ("outputs", 1))}, "E1", "one output", True),
    ({"settings": (("steps", 4), ("outputs", 1))}, "E3", "one output, whose probability is 1", True),
    ({"overrides": (("V", Scheme("zeros")), ("c", Scheme("zeros")))}, "E3", "1/3 in the limit", True),
    ({"sizes": (("h", 3),)}, "E12", "n_h = n_y = 3", True),
    ({"sizes": (("h", 4),)}, "E12", None, True),
    ({"settings": (("steps", 4), ("outputs", 1))}, "E12", None, False),
    ({"sizes": (("h", 1),)}, "E10", None, True),
    ({"sizes": (("h", 1),)}, "E16", None, False),
    ({"overrides": (("W", Scheme("identity")),)}, "E16", None, False),
)


@pytest.mark.parametrize(("fields", "key", "remark", "own"), SMALL)
def test_what_is_said_of_a_network_in_which_a_slip_does_little_harm_is_true(fields, key, remark, own) -> None:
    run = remade(**{"settings": (("steps", 4),), **fields})
    found = case(key, run)
    assert found.right_verdict.kind == "right"
    assert found.own == own
    if remark is not None:
        assert remark in found.remark
    elif own:
        assert "chance" not in found.remark
    y_hat, stated = run.value["y_hat"][-1, 0], found.stated_verdict.value
    if remark and "one output" in remark:  # both give 1
        np.testing.assert_array_equal([y_hat, stated], 1)
    if remark == "1/3 in the limit":
        np.testing.assert_allclose([y_hat, stated], 1 / 3)
    if key == "E12" and run.sizes["h"] == run.sizes["y"]:
        assert found.stated_verdict.kind == "wrong"
    elif key == "E12":
        assert found.stated_verdict.kind == "misfit"


@pytest.mark.parametrize("scale", [1.0, 1e-6, 30.0, 100.0])
def test_what_the_largest_entry_lacks_is_never_zero(scale) -> None:
    run = remade(overrides=(("V", Scheme("normal", gain=scale)),), settings=(("steps", 4),))
    remark = case("E3", run).remark
    gaps = re.findall(r"\$([^$]+)\$ for", remark)
    assert len(gaps) == 4
    assert "0" not in gaps
    o = run.value["o"][-1, 0]
    for gap, factor in zip(gaps, (1, 3, 10, 30), strict=True):
        exact = -np.expm1(-np.log(np.sum(np.exp(factor * (o - o.max())))))
        if exact > 1e-12:
            mantissa, _, power = gap.partition(r" \cdot 10^{")
            assert float(mantissa) * 10.0 ** int(power.rstrip("}") or 0) == pytest.approx(exact, rel=6e-3)


def test_the_term_that_escapes_is_what_the_missing_bracket_costs(runs) -> None:
    found = case("E14", runs["worked"])
    run, t = found.run, found.asked.t
    assert t == run.T - 3
    term = run.parameters["V"].T @ run.grad["o"][t, 0]  # V⊤ ∇o of τ−2
    through = run.parameters["W"].T @ ((1 - run.value["h"][t, 0] ** 2) * term)
    np.testing.assert_allclose(found.stated_verdict.value - found.right_verdict.value, term - through)


def test_the_class_is_the_index_of_the_probability(runs) -> None:
    for name, run in runs.items():
        found = case("E15", run, run.B - 1)
        k = int(found.run.y[-1, found.sample])
        assert found.stated_verdict.value == pytest.approx(-np.log(k + 1)), name
        assert found.right_verdict.value == pytest.approx(-np.log(found.run.value["y_hat"][-1, found.sample, k]))
        assert f"is {k + 1}, counted from 1" in found.remark


def test_the_eigenvectors_stand_the_other_way_round(runs) -> None:
    for run in (runs["worked"], runs["hello"], runs["lstm"]):
        found = case("E16", run)
        assert found.own
        S, h = (run.parameters["W"] + run.parameters["W"].T) / 2, run.value["h"][-1, 0]
        np.testing.assert_allclose(found.right_verdict.value, np.linalg.matrix_power(S, 3).T @ h, atol=1e-14)
        assert found.stated_verdict.difference > 1e-3
    diagonal = remade(settings=(("steps", 4),), overrides=(("W", Scheme("identity", gain=0.5)),))
    assert "does no harm" in case("E16", diagonal).why_not


def test_a_claim_that_is_right_for_every_network_of_a_cell_is_shown_on_another() -> None:
    text = "o = V @ x\ny_hat = softmax(o)\nL = nll(y_hat, y)"
    for key in SLIPS:
        found = case(key, remade(text, settings=(("steps", 4),), overrides=()))
        assert found.stated_verdict.kind != "right", key


def test_a_single_number_too_few_is_no_product(runs) -> None:
    found = case("E10", runs["worked"])
    assert "V is 3 × 5, the vector has 4 entries" in found.stated_verdict.message


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_what_is_asked_is_settled_for_every_cell(name) -> None:
    run = models.run(models.changed(Model(), cell=name))
    kinds, nodes = ("gradient", "value", "jacobian"), ("zz", "h", "W", "x", "L")
    wanted = [None, *(Asked(kind, node, t, of) for kind in kinds for node in nodes
                      for t in (None, -50, 2, 999) for of in ("", "y_hat"))]  # fmt: skip
    for asked in wanted:
        found = slips.answerable(run, asked)
        assert slips.answerable(run, found) == found
        assert slips.left_side(run, found)
    for asked in {slips.answerable(run, asked) for asked in wanted if asked is None or asked.t == 2}:
        assert judge(parse("1", run.cell), run, asked).truth.size


# --- the link -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"slip": "E99"}, "not known"),
        ({"formula": "!"}, "no packed text"),
        ({"formula": packed("h" * (MAX_FORMULA + 1))}, "at most"),
        ({"ask": "gradient"}, "not known"),
        ({"ask": "slope,h,1"}, "not known"),
        ({"ask": "gradient,<b>,1"}, "no name"),
        ({"ask": "gradient,h,x"}, "whole number"),
        ({"ask": "gradient,h,99999"}, "at most"),
        ({"ask": "jacobian,h,1"}, "no name"),
    ],
)
def test_a_bad_link_is_told(query, message) -> None:
    state, problems = from_query(query)
    assert state == State()
    assert len(problems) == 1
    assert message in problems[0]


def test_a_formula_goes_into_the_link() -> None:
    view = View(slip="E8", formula="W.T @\n g_a  # mine", asked=Asked("gradient", "W", None))
    assert from_query(to_query(State(view=view))) == (State(view=view), [])


# --- the page -------------------------------------------------------------------------------------------------------


shown = partial(opened, "slips")
text = partial(words, kinds=("markdown", "error", "caption"))


def badges(app) -> list[str]:
    return [row.value for row in app.markdown if "badge" in row.value]


@pytest.mark.parametrize("key", list(SLIPS))
def test_every_slip_is_shown(key) -> None:
    app = shown(slip=key, task="worked")
    assert SLIPS[key].title in text(app)
    assert "your network" in text(app)
    assert "right" in badges(app)[1]
    assert not app.error


@pytest.mark.parametrize("cell", ["lstm", "feedforward", "one_unit"])
def test_the_page_stands_for_other_cells(cell) -> None:
    app = shown(cell=cell, slip="E6")
    assert "a small network" in text(app)
    app.text_area(key="formula.text").set_value("2 * L").run()
    assert not app.exception
    assert badges(app)[2:]


def test_a_formula_of_ones_own_is_judged() -> None:
    app = shown(ask="gradient,h,2")
    right = "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])"
    for formula, word in (
        (right, "right]"),
        (right.replace("W.T", "W"), "wrong]"),
        ("h[t-1]", "wrong]"),
        ("log(-exp(h))", "not a finite"),
    ):
        app.text_area(key="formula.text").set_value(formula).run()
        assert not app.exception
        assert word in badges(app)[2]
        assert not app.error
        if word == "wrong]":
            assert re.search(
                r"off by up to \$[\d.]+\$, at entry \d: \$-?[\d.]+\$ where it should be \$-?[\d.]+\$\.", text(app)
            )
    assert app.query_params["formula"]
    app.text_area(key="formula.text").set_value("V.T @\n g_oo").run()
    assert len(badges(app)) == 2
    assert "Line 2, column 2" in app.error[0].value
    assert app.code[-1].value.endswith("\n ^")
    app.text_area(key="formula.text").set_value("V @ g_o").run()
    assert "shapes do not fit" in app.error[0].value


def test_what_the_numbers_cannot_tell_is_said_with_the_rounding() -> None:
    app = shown(ask="gradient,h,2", formula=packed("1e16 * h - 1e16 * h"))
    assert "cannot be told" in badges(app)[2]
    assert re.search(r"may amount to \$[\d.]+\$, at entry \d, where \$-?[\d.]+\$ is right", text(app))
    saturated = packed("(1 - h * h) * g_h")
    model = Model(overrides=(("b", Scheme("constant", value=60.0)),))
    app = shown(**to_query(State(model)) | {"ask": "gradient,a,2", "formula": saturated})
    assert "cannot be told" in badges(app)[2]
    assert "On 3 random networks" in text(app)


def test_a_formula_for_one_sample_says_what_several_would_add() -> None:
    said = "over $B$ samples the loss is a mean"
    for formula, one in (("y_hat - y", True), ("g_L * (y_hat - y)", False)):
        app = shown(ask="gradient,o,2", formula=packed(formula), slip="E3")
        assert "right]" in badges(app)[2]
        assert (said in text(app)) == one


def test_what_holds_here_only_says_where_it_does_not() -> None:
    app = shown(ask="value,a,2", formula=packed("W @ h[t-1] + U @ x"))
    assert "right at these numbers only" in badges(app)[2]
    assert re.search(
        r"on 3 of 3 random networks .* sizes x \d+, y \d+, h \d+ over \d+ steps, it is off by \$[\d.]+\$", text(app)
    )


def test_the_question_changes_with_its_kind() -> None:
    app = shown()
    for kind, formula in (
        ("parameter", "sum_t(outer(g_a, h[t-1]))"), ("copy", "outer(g_a, h[t-1])"), ("value", "b + W @ h[t-1] + U @ x"),
        ("jacobian", "diag(one(a))"), ("node", "g_h * slope(tanh, a)"),
    ):  # fmt: skip
        app.selectbox(key="formula.kind").set_value(kind).run()
        name = "W" if kind in ("parameter", "copy") else "a"
        app.selectbox(key="formula.name").set_value(name).run()
        if kind == "jacobian":
            app.selectbox(key="formula.of").set_value("a").run()
        app.text_area(key="formula.text").set_value(formula).run()
        assert not app.exception
        assert "right]" in badges(app)[2], kind
    app.number_input(key="formula.t").set_value(1).run()
    assert app.query_params["ask"] == "gradient,a,1"


def test_where_there_is_no_numerical_derivative_it_is_said_why() -> None:
    assert "derivative: the page does not disturb" in text(
        shown(ask="gradient,W,2", formula=packed("outer(g_a, h[t-1])"))
    )
    assert "No numerical derivative: it would take too long" in text(
        shown(task="noise", steps="1000", ask="gradient,h,1", formula=packed("V.T @ g_o"), **{"n.h": "64"})
    )
    assert "No numerical" not in text(shown(ask="value,a,2", formula=packed("2"), slip="E1"))


def test_a_slip_becomes_a_formula_of_ones_own() -> None:
    app = shown(slip="E11")
    app.button(key="slip.stated").click().run()
    assert "wrong]" in badges(app)[2]
    app.button(key="slip.right").click().run()
    assert "right]" in badges(app)[2]
    assert app.query_params["ask"] == "jacobian,h,4,y_hat"


def test_formulas_and_slips_in_the_browser(new_page) -> None:
    page = new_page("slips?ask=gradient,h,2")
    page.get_by_text("E5 Row or column").click()
    page.get_by_role("heading", name="Row or column").wait_for()
    page.locator(".stMarkdownBadge", has_text="the shapes do not fit").wait_for()
    settle(page)
    assert "slip=E5" in page.url
    field = page.get_by_role("textbox", name="Formula")
    for formula, word in (("V.T @ g_o + W.T @ g_a[t+1]", "right"), ("V.T @ g_o + W @ g_a[t+1]", "wrong")):
        field.fill(formula)
        page.get_by_role("button", name="Test", exact=True).click()
        page.locator(".st-key-formula-own .stMarkdownBadge", has_text=re.compile(f"{word}$")).wait_for()
        settle(page)
