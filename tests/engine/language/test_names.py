"""Names print as a reader of mathematics expects, and no name can say anything else to LaTeX."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, EquationError, parse
from engine.language.names import latex, symbol_of, written

NAMES = {
    "h": ("h", "h"),
    "y_hat": (r"\hat{y}", "ŷ"),
    "x_bar": (r"\bar{x}", "x̄"),
    "s_tilde": (r"\tilde{s}", "s̃"),
    "phi_2": (r"\phi_{2}", "φ₂"),
    "phi_12": (r"\phi_{12}", "φ₁₂"),
    "W_f": ("W_{f}", "W_f"),
    "b_y_hat": (r"\hat{b}_{y}", "b̂_y"),
    "y_hat_2": (r"\hat{y}_{2}", "ŷ₂"),
    "w_3_1": ("w_{3,1}", "w_3_1"),
    "h1": ("h_{1}", "h₁"),
    "W12": ("W_{12}", "W₁₂"),
    "phi2": (r"\phi_{2}", "φ₂"),
    "sigma": (r"\sigma", "σ"),
    "lambda_": (r"\lambda", "λ"),
    "Lambda": (r"\Lambda", "Λ"),
    "W_sigma": (r"W_{\sigma}", "W_σ"),
    "alpha_beta": (r"\alpha_{\beta}", "α_β"),
    "gate": (r"\mathit{gate}", "gate"),
    "gate1": (r"\mathit{gate1}", "gate1"),
    "gate_in": (r"\mathit{gate}_{\mathit{in}}", "gate_in"),
    "h_tanh": (r"h_{\tanh}", "h_tanh"),
    "s_sigmoid_2": (r"s_{\sigma,2}", "s_σ_2"),
    "hat": (r"\mathit{hat}", "hat"),
    "é": ("é", "é"),
    "ж_2": ("ж_{2}", "ж₂"),
    "gate_in_1": (r"\mathit{gate}_{\mathit{in},1}", "gate_in_1"),
    "hidden_state_new": (r"\mathit{hidden}_{\mathit{state},\mathit{new}}", "hidden_state_new"),
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=NAMES)
def test_names_print_as_a_reader_expects(name, shown) -> None:
    assert (latex(name), written(name)) == shown


def test_a_symbol_is_letter_accent_and_index() -> None:
    made = symbol_of("y_hat_2")
    assert (made.letter, made.accent, made.index) == ("y", "hat", "2")
    made = symbol_of("W")
    assert (made.letter, made.accent, made.index) == ("W", None, None)


letters = st.characters(categories=["L", "Nd", "Nl", "Mn", "Pc", "Sm", "Po", "So"])
identifiers = st.one_of(
    st.from_regex(r"[^\W\d_]\w{0,12}", fullmatch=True),
    st.text(letters, min_size=1, max_size=6),
    st.lists(
        st.sampled_from(["y", "hat", "tanh", "W", "2", "", "phi", "bar", "h1", "ﬁ", "x"]), min_size=1, max_size=5
    ).map("_".join),
)


@settings(max_examples=300)
@given(identifiers)
def test_latex_of_a_name_is_safe_whatever_the_name(name) -> None:
    """Letters, digits, commas, braces that match, and known commands: of each name that the language accepts."""
    try:
        cell = parse(f"{name} = x + {name}[t-1]\nL = mse({name}, y)")
    except EquationError:
        return
    for node in cell.nodes:
        text = latex(node)
        commands = set(re.findall(r"\\([a-zA-Z]+)", text))
        assert commands <= {"hat", "bar", "tilde", "mathit", "tanh"} | GREEK, text
        rest = re.sub(r"\\[a-zA-Z]+", "", text)
        assert all(letter.isalnum() or letter in "{},_" for letter in rest), text
        assert "{}" not in text
        depth = 0
        for letter in text:
            depth += (letter == "{") - (letter == "}")
            assert depth >= 0
        assert depth == 0
        assert len(re.findall(r"_", text)) <= 1, text  # two indices in a row are an error of LaTeX
        assert written(node)
        assert not set(written(node)) & set("<>&\"'`$\\{}")


GREEK = set(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)


def test_names_of_the_catalogue_have_different_symbols() -> None:
    for cell in CATALOGUE.values():
        names = [*cell.nodes, *cell.parameters, "x", "y"]
        assert len({latex(name) for name in names}) == len(names)
        assert len({written(name) for name in names}) == len(names)
