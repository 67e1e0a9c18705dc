"""The notes on a cell, on the pages: in the editor as one types, at the head of each page, and of a column's own cell."""

from __future__ import annotations

import re

import pytest
from pages import fine, opened, with_open
from streamlit.testing.v1 import AppTest

from explorer.state import packed
from explorer.words.pages import PAGES

END = "o = c + V @ h\ny_hat = softmax(o)\nL = nll(y_hat, y)"
SLIP = f"h = tanh(b + W @ h_prev + U @ x)\n{END}"


def warnings(app: AppTest) -> list[str]:
    return [warning.value for warning in app.warning]


def test_a_note_stands_in_the_editor_as_one_types_and_at_the_head_once_it_runs() -> None:
    app = with_open(opened(), "cell.open")
    assert warnings(app) == []
    fine(app.text_area(key="cell.text").set_value(SLIP).run())
    (said,) = warnings(app)
    assert "Line 1, column 18: `h_prev` has no equation" in said
    assert "`h[t-1]`" in said
    assert any(code.value.endswith("\n" + " " * 17 + "^") for code in app.code)
    fine(app.button(key="cell.apply").click().run())
    assert len(warnings(app)) == 2  # at the head, and still in the editor


@pytest.mark.parametrize("name", PAGES)
def test_a_note_stands_at_the_head_of_every_page(name) -> None:
    assert "`h_prev` has no equation" in warnings(opened(name, eq=packed(SLIP)))[0]


def test_the_page_says_that_a_logarithm_is_that_of_a_negative_number() -> None:
    app = opened(eq=packed("h = tanh(W @ h[t-1] + U @ x)\np = tanh(V @ h) - 1\nL = nll(p, y)"))
    noted, said = warnings(app)
    assert "`y_hat = softmax(p)`" in noted
    assert re.match(r"L at step \d takes the logarithm of a negative number, so it is not a number", said)
    assert "range of floating point" not in said


def test_a_column_of_the_comparison_has_the_notes_of_its_own_cell() -> None:
    (said,) = warnings(opened("compare", compare=f"|eq={packed(SLIP)}"))
    assert "`h_prev` has no equation" in said


def test_names_of_a_note_are_shown_as_code() -> None:
    text = f"h = tanh(W @ www_example_com + U @ x_prev)\nhttp__a = b__bold__b * x\n{END}"
    (said,) = warnings(opened(eq=packed(text)))
    rest = re.sub(r"`[^`]*`", "", said)
    assert "`www_example_com`" in said
    assert "`http__a`" in said
    assert not re.search("www|http|_", rest)
