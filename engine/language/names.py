"""The names of cells in mathematical writing: y_hat is ŷ, phi_2 is φ₂, W_f is W with index f.

Two names can be written alike, as h1 and h_1 are both h₁. So that a reader can tell all names apart, no cell has two such names
(`alike`).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from engine.language.operations import FUNCTIONS

_GREEK = [
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
]
_CAPITALS = ["Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"]
_SPELLED = {"lambda": "LAMDA", "Lambda": "LAMDA"}  # Unicode's spelling
_LETTERS = {
    name: unicodedata.lookup(f"GREEK {size} LETTER {_SPELLED.get(name, name.upper())}")
    for size, names in (("SMALL", _GREEK), ("CAPITAL", _CAPITALS))
    for name in names
}
_ACCENTS = {"hat": "\N{COMBINING CIRCUMFLEX ACCENT}", "tilde": "\N{COMBINING TILDE}", "bar": "\N{COMBINING MACRON}"}
_FUNCTION_NAMES = {name: FUNCTIONS[name].latex for name in ("tanh", "sigmoid", "softplus")}
_FUNCTION_LETTERS = {name: row.text for name, row in FUNCTIONS.items() if row.text != name}
_SUBSCRIPT_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Symbol:
    """A name taken apart.

    Attributes:
        letter: or word.
        accent: over the letter: "hat", "tilde", "bar" or None.
        index: its parts are joined by underscores, as in the name; a comma sets off an addition to the name, such as the
            number of a unit: "f", "in_1", "f,3".
    """

    letter: str
    accent: str | None = None
    index: str | None = None


def symbol_of(name: str) -> Symbol:
    """Take a name apart.

    Args:
        name: of the language of cells, such as y_hat, W_f, h1, phi_2.

    Returns:
        Its letters, its accent and its index.
    """
    head, *tail = name.strip("_").split("_") if name.strip("_") else [name]
    accent = next((part for part in tail if part in _ACCENTS), None)
    if accent:
        tail.remove(accent)
    digits = re.fullmatch(r"(\D+?)(\d+)", head)
    if digits and not tail and (len(digits[1]) == 1 or digits[1] in _LETTERS):
        head, tail = digits[1], [digits[2]]
    return Symbol(head, accent, "_".join(tail) or None)


def index_text(index: str, write: Callable[[str], str]) -> str:
    """An index with each of its parts rewritten; underscores and commas stay.

    Args:
        index: of a `Symbol`.
        write: from a part to its text.
    """
    return "".join(part if part in ("_", ",") else write(part) for part in re.split("([_,])", index))


def _latex_word(word: str) -> str:
    if word in _LETTERS:
        return rf"\{word}"
    if word in _FUNCTION_NAMES:
        return _FUNCTION_NAMES[word]
    return word if len(word) <= 1 or word.isdigit() else rf"\mathit{{{word}}}"


def latex(name: str) -> str:
    r"""A name in LaTeX: y_hat gives \hat{y}, phi_2 gives \phi_{2}, W_f gives W_{f}, h1 gives h_{1}.

    Args:
        name: of the language of cells. Any name gives only letters, digits, commas and the commands of this module.
    """
    parts = symbol_of(name)
    text = _latex_word(parts.letter.replace("_", r"\_"))
    if parts.accent:
        text = rf"\{parts.accent}{{{text}}}"
    if parts.index:
        text = f"{text}_{{{index_text(parts.index, _latex_word).replace('_', ',')}}}"
    return text


def written(name: str) -> str:
    """A name in plain text: ŷ, φ₂, W_f, gate_in_1.

    Args:
        name: of the language of cells.
    """
    parts = symbol_of(name)
    text = _LETTERS.get(parts.letter, parts.letter)
    if parts.accent:
        text = unicodedata.normalize("NFC", text + _ACCENTS[parts.accent])
    if parts.index:
        index = index_text(parts.index, lambda word: (_LETTERS | _FUNCTION_LETTERS).get(word, word))
        text += index.translate(_SUBSCRIPT_DIGITS) if index.isdigit() else f"_{index}"
    return text


def alike(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of different names that are written alike, the earlier name first."""
    first: dict[str, str] = {}
    for name in names:
        for text in (written(name), latex(name)):
            if first.setdefault(text, name) != name:
                yield first[text], name
                break


def free(taken: Iterable[str], *wanted: str) -> str:
    """The first of the wanted names that is written like no taken one; if there is none, the last of them with a number."""
    known = {written(name) for name in taken}
    numbered = (f"{wanted[-1]}_{i}" for i in itertools.count(2))
    return next(name for name in itertools.chain(wanted, numbered) if written(name) not in known)
