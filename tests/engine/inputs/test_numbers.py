"""Numbers in the notations that people write, print and copy: read as what they are, or named."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.inputs.numbers import MAX_CHARACTERS, is_number, number, read, read_cells

NOTATIONS = {
    "0,5": 0.5, "0.5": 0.5, ".5": 0.5, ",5": 0.5, "5.": 5, "+3": 3, "−0.5": -0.5, "–0,5": -0.5, "- 2": -2,
    "1.234,5": 1234.5, "1,234.5": 1234.5, "1,234,567": 1234567, "1.234.567": 1234567, "1 234,5": 1234.5,
    "1\u00a0234,5": 1234.5, "1\u202f234.5": 1234.5, "1'234.5": 1234.5, "1’234’567": 1234567, "12345,678": 12345.678,
    "0,123": 0.123, "0.123": 0.123, "1/2": 0.5, "-3/4": -0.75, "½": 0.5, "1½": 1.5, "−1 1/2": -1.5, "0,5/2": 0.25, "3⁄8": 0.375,
    "50%": 0.5, "12,5 %": 0.125, "-0.1%": -0.001, "5‰": 0.005, "1e-3": 1e-3, "1E+3": 1e3, "1,5e−3": 1.5e-3, "1.5·10⁻³": 1.5e-3,
    "1.5×10^-3": 1.5e-3, "2 * 10**4": 2e4, "10⁻⁶": 1e-6, "-10^3": -1e3, "1.234": 1.234, " 7 ": 7,
}  # fmt: skip


@pytest.mark.parametrize("entry", NOTATIONS)
def test_every_notation_is_read(entry) -> None:
    assert number(entry) == NOTATIONS[entry]
    assert is_number(entry)


UNREAD = {
    "": "is empty", "NaN": "is no finite number", "-inf": "is no finite number", "N/A": "is no finite number",
    "1e999": "is too large", "1/0": "divides by zero", "...": "were left out when they were", "9" * 401: "is too long",
} | dict.fromkeys(
    ["abc", "1..2", "--1", "-", "5e", "1/2/3", "0x1F", "€ 5", "٣", "5-", "12,34,56", "1.23,4.5", "⁻", "1,2,3"],
    "is no number: write it such as",
)  # fmt: skip


@pytest.mark.parametrize(("entry", "reason"), UNREAD.items())
def test_what_is_no_number_is_named(entry, reason) -> None:
    with pytest.raises(ValueError, match="^.{0,40}" + reason.replace(".", r"\.")):
        number(entry)
    assert not is_number(entry)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[[ 0.1 -0.2]\n [ 0.3  0.4]]", [[0.1, -0.2], [0.3, 0.4]]),
        ("[[0.1, -0.2], [0.3, 0.4]]", [[0.1, -0.2], [0.3, 0.4]]),
        ("[0,5 1,5]", [[0.5, 1.5]]),
        ("[0,5]", [[0, 5]]),
        ("array([[1., 2.],\n       [3., 4.]], dtype=float32)", [[1, 2], [3, 4]]),
        ("tensor([[0.5, 1.0]], device='cuda:0', grad_fn=<AddBackward0>)", [[0.5, 1]]),
        ("[np.float64(0.5), np.float64(1.0)]", [[0.5, 1]]),
        ("0,5\t1,5\r\n2,5\t3", [[0.5, 1.5], [2.5, 3]]),
        ("0,5;1,5\n2;3", [[0.5, 1.5], [2, 3]]),
        ("1 2; 3 4", [[1, 2], [3, 4]]),
        ("[1 2; 3 4]", [[1, 2], [3, 4]]),
        ("0.1,0.2\n0.3,0.4", [[0.1, 0.2], [0.3, 0.4]]),
        ("1, 2, 3", [[1, 2, 3]]),
        ("1 2\n\n3 4\n", [[1, 2], [3, 4]]),
        ("1\u00a0234,5 2,5", [[1234.5, 2.5]]),
        ("0,5 −1,5", [[0.5, -1.5]]),
        ("[[0.1 0.2", [[0.1, 0.2]]),  # a part of a print
        ("\ufeff1\n", [[1]]),
        ("", []),
    ],
)
def test_a_paste_is_read_row_by_row(text, rows) -> None:
    found = read(text)
    assert [list(row) for row in found.rows] == rows
    assert not found.complaints


def test_every_entry_that_is_not_read_is_named() -> None:
    found = read("0,5\tabc\t\nNaN\t1/2\t7")
    assert found.rows == ((0.5, None, None), (None, 0.5, 7))
    assert [(c.row, c.column, c.entry) for c in found.complaints] == [(0, 1, "abc"), (0, 2, ""), (1, 0, "NaN")]
    assert str(found.complaints[0]).startswith("'abc' is no number")
    one = read("sqrt(2)\t[log(3)]")
    assert [c.entry for c in one.complaints] == ["sqrt(2)", "log(3)"]
    assert not any(value is not None for value in one.flat)  # the number within is no entry


@pytest.mark.parametrize(
    ("text", "values", "remark"),
    [
        ("1,234\t0,5", (1.234, 0.5), ""),
        ("1,234\t0.5", (1234, 0.5), "Read '1,234' as 1234: the point is the decimal sign of the others."),
        ("1.234\t0.5", (1.234, 0.5), ""),
        ("1.234\t0,5", (1234, 0.5), "Read '1.234' as 1234: the comma is the decimal sign of the others."),
        ("1,234\t2,345", (1.234, 2.345), "as 1.234, '2,345' as 2.345: the comma was taken"),
        ("1,234\t987", (1234, 987), "Read '1,234' as 1234: the point was taken"),
        ("1,234\t1,234,567", (1234, 1234567), "Read '1,234' as 1234: the point is"),
        ("1.234\t7", (1.234, 7), ""),
        ("0,123\t7", (0.123, 7), ""),
        ("1.234\t2,345", (None, None), ""),
        ("0.5\t0,5\t1,234", (0.5, 0.5, None), ""),
        ("1,2\n3,4", (1.2, 3.4), "The comma in '1,2' was read as a decimal sign"),
    ],
)
def test_what_is_ambiguous_is_decided_by_the_whole_paste_or_said(text, values, remark) -> None:
    found = read(text)
    assert found.flat == values
    assert remark in " ".join(found.remarks)
    assert bool(remark) == bool(found.remarks)
    for complaint in found.complaints:
        assert (
            "may be 1.234 or 1234" in str(complaint)
            or "may be 1234 or 1.234" in str(complaint)
            or "2345" in str(complaint)
        )


def test_the_usual_decimal_sign_decides_where_nothing_else_does() -> None:
    assert read_cells([["1,234"]], ".").flat == (1234,)
    assert read_cells([["1.234"]], ",").flat == (1234,)
    assert read_cells([["1.234", "0.5"]], ",").flat == (1.234, 0.5)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.lists(FLOATS, min_size=2, max_size=2), min_size=1, max_size=5), st.sampled_from(["\t", " ", ", ", ";"])
)
def test_nothing_is_read_as_another_number(rows, separator) -> None:
    found = read("\n".join(separator.join(map(repr, row)) for row in rows))
    assert [list(row) for row in found.rows] == rows
    assert not found.complaints
    commas = read("\n".join("\t".join(repr(n).replace(".", ",") for n in row) for row in rows))
    for row, numbers in zip(rows, commas.rows, strict=True):
        assert list(numbers) == row or commas.remarks  # 1,234 alone may be a thousand, and then that is said


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=40),
    st.sampled_from([np.float64, np.float32]),
    st.sampled_from([repr, str, lambda array: repr(array.tolist())]),
)
def test_what_is_printed_is_read(rows, kind, printed) -> None:
    array = np.array(rows, kind)
    with np.printoptions(threshold=10**6, floatmode="unique"):
        found = read(printed(array))
    assert not found.complaints
    assert not found.remarks
    np.testing.assert_array_equal(np.array(found.rows, kind), array)


@given(st.integers(-999, 999), st.integers(1, 999))
def test_fractions_are_read(above, below) -> None:
    assert math.isclose(number(f"{above}/{below}"), Fraction(above, below), rel_tol=1e-15)


@given(
    st.none() | st.decimals(0, 10_000, allow_nan=False, allow_infinity=False, places=3),
    st.integers(-30, 30),
    st.sampled_from(["e{}", "E{}", "·10^{}", " * 10**({})", "×10^({})"]),
    st.sampled_from([("", 0), ("%", -2), (" %", -2), ("‰", -3), (" ‰", -3)]),
    st.sampled_from(["", "-", "+"]),
)
def test_a_power_of_ten_and_a_percent_sign_multiply_what_stands_before_them(digits, power, form, mark, sign) -> None:
    written, shift = mark
    if digits is None:  # the power alone: 10^3 %
        entry, mantissa = f"{sign}10^{power}{written}", Fraction(1)
    else:
        entry, mantissa = f"{sign}{digits}{form.format(power)}{written}", Fraction(digits)
    expected = float(mantissa * Fraction(10) ** (power + shift))
    assert number(entry, ".") == (-expected if sign == "-" else expected)


@given(st.text(max_size=60) | st.text("0123456789.,;-+eE%/[]() \t\n'_−½⁻²·*^", max_size=60))
def test_any_text_is_read_or_named(text) -> None:
    found = read(text)
    named = {(c.row, c.column) for c in found.complaints}
    for i, row in enumerate(found.rows):
        for j, value in enumerate(row):
            assert (value is None) == ((i, j) in named)
            assert value is None or math.isfinite(value)
    assert all(len(str(c)) < 300 for c in found.complaints)


def test_a_paste_is_bounded_and_read_in_linear_time() -> None:
    with pytest.raises(ValueError, match="at most 1,000,000 are read"):
        read("1" * (MAX_CHARACTERS + 1))
    for hostile in (" ", "[", "grad_fn=<", "dtype='", "1,", "\t", "e", "size=(", "1 ", "float64(", ".", "-", "½"):
        read((hostile * MAX_CHARACTERS)[: MAX_CHARACTERS // 8])
