"""Remedies for notation of code and mathematics that the language of cells writes otherwise or does not have.

`remedy_of_function` is for an unknown function, `remedy_of_line` for a line that cannot be parsed.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Collection
from typing import Final

TRANSPOSED: Final = "the language cannot transpose; another matrix, such as R @ h, has the shape but entries of its own"
_SHOWN: Final = 60  # characters of a line that are quoted

_NONE: Final = "the language does not have it"
_SUM: Final = "the language has no sum over the units of a vector; a matrix of one row, R @ h, weighs and sums them"
_TABLE: Final = {
    "write sigmoid(a)": "sigma σ logistic sig sigm expit logit_inverse",
    "write leaky_relu(a)": "lrelu leakyrelu",
    "write identity(a)": "id linear_activation",
    "write nll(softmax(o), y)": "cross_entropy crossentropy crossentropyloss cross_entropy_loss categorical_crossentropy"
    " sparse_categorical_crossentropy ce nllloss nll_loss softmax_cross_entropy log_softmax logsoftmax log_likelihood",
    "write bce(sigmoid(o), y)": "binary_cross_entropy binary_crossentropy bceloss bcewithlogitsloss bce_with_logits",
    "write mse(o, y)": "mse_loss mseloss mean_squared_error squared_error l2_loss",
    "a matrix times a vector is written W @ h": "matmul dot mm mv einsum",
    "write b + W @ h": "linear dense fc affine",
    "an elementwise product is written u * v": "multiply mul hadamard times",
    "write u + v": "add",
    "write u - v": "subtract sub",
    "write h * h": "square sqr",
    "write a * sigmoid(a)": "silu swish",
    "a * sigmoid(1.702 * a) is near it": "gelu",
    "write -softplus(-a)": "logsigmoid log_sigmoid",
    "write relu(a) for max(0, a)": "max maximum",
    "write relu(a) + relu(-a)": "abs absolute fabs",
    "for 1 / (1 + exp(-a)) write sigmoid(a), for log(1 + exp(a)) softplus(a), else " + _NONE: "exp expm1",
    "nll and bce take the logarithm themselves, for log(1 + exp(a)) write softplus(a), else " + _NONE: "log ln log1p log2 log10",
    "a matrix times joined vectors is a sum: for W @ concat(u, v) write W @ u + R @ v, with a matrix for each": "concat"
    " concatenate cat hstack vstack stack join",
    "the language cannot stop a gradient within a cell": "stop detach stop_gradient stopgradient no_grad",
    TRANSPOSED: "transpose t_",
    _SUM: "sum mean average avg reduce_sum reduce_mean norm inner",
    "the language cannot divide by a computed value, and so cannot normalise": "var std layer_norm layernorm normalize"
    " normalise batch_norm batchnorm",
    _NONE: "sqrt pow power sin cos tan arctan atan sinh cosh sign clip min minimum where step heaviside erf elu selu"
    " celu mish hardtanh hard_tanh hardsigmoid hard_sigmoid softsign argmax dropout outer conv relu6 div divide floor round",
}  # fmt: skip
_REMEDIES: Final = {name: remedy for remedy, match in _TABLE.items() for name in match.split()}


def remedy_of_function(name: str, known: Collection[str]) -> str:
    """The remedy for a function that is none of the known ones; "" if this module has none."""
    lower = name.lower()
    if lower in known and lower != name:
        return f"functions are written small: {lower}(…)"
    return _REMEDIES.get(lower, "")


def plain_number(value: float) -> str:
    """A number to 15 digits: 0.5, not 0.5000000000000001."""
    return f"{value:.15g}"


# Lines that cannot be read ----------------------------------------------------------------------------------------------

_WORDS: Final = "|".join(sorted(set(keyword.kwlist) - {"and", "or", "not", "if", "else", "True", "False", "None"}))
_ALL: Final = "|".join(keyword.kwlist)
_STEP: Final = r"\s*\(?\s*t\s*"
_BACK: Final = r"\s*[-−–₋]\s*"
_LATEX: Final = {
    **dict.fromkeys(("odot", "circ", "cdot", "times", "otimes"), "write * for it (elementwise)"),
    **dict.fromkeys(("top", "intercal", "transpose"), TRANSPOSED),
    "sigma": "write sigmoid(a)",
    "frac": "the language cannot divide; a division by a constant is a product: 0.5 * h",
}
_SIGNS: Final = {
    **dict.fromkeys("·⋅•⊙∘×∗⨀○⊗", "write * (elementwise); a matrix times a vector is W @ h"),
    **dict.fromkeys("−–—‑", "write the minus sign of the keyboard, -"),
    **dict.fromkeys("÷∕⁄", "the language cannot divide; a division by a constant is a product: 0.5 * h"),
    **dict.fromkeys("⊤⊺", TRANSPOSED),
    **dict.fromkeys("²³⁴ⁿ", "write a power as a product, such as h * h"),
    **dict.fromkeys("√", "the language has no root"),
    **dict.fromkeys("∑∏", _SUM),
    **dict.fromkeys("≤≥≠<>", "a comparison is not part of the language; relu(a) is a where a > 0, and else 0"),
    **dict.fromkeys("←≔→", "write = for it"),
    **dict.fromkeys("'’′`‘", "a name has letters, digits and _; a transposed matrix cannot be written"),
    **dict.fromkeys("$&|!?;:{}\\", "it is not part of the language; a line is: name = expression"),
}

#: Patterns of a line, the most specific first, each with the remedy for its match.
_LINES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (
        re.compile(rf"([^\W\d]\w*?)\s*[_^]?\s*\{{{_STEP}{_BACK}(\d+)\s*\)?\s*\}}"),
        lambda match: f"an earlier step is written {match[1]}[t-{match[2]}]",
    ),
    (re.compile(r"([^\W\d]\w*?)\s*[_^]\s*\{\s*\(?\s*t\s*\)?\s*\}"),
     lambda match: f"the value of this step is written {match[1]}"),
    (
        re.compile(r"([^\W\d]\w*?)(?:ₜ|_?t)₋([₀-₉])"),
        lambda match: f"an earlier step is written {match[1]}[t-{unicodedata.normalize('NFKC', match[2])}]",
    ),
    (re.compile(r"(?:\w+|\))\s*\^\s*\{?\s*(?:T\b|⊤|\\top)\s*\}?"), lambda _: TRANSPOSED),
    (
        re.compile(r"([^\W\d]\w*?)_\{\s*(\w+)\s*\}"),
        lambda match: f"an index is part of the name, without braces: {match[1]}_{match[2]}",
    ),
    (
        re.compile(r"^([^\W\d]\w*)\s*\(.*?\)\s*=(?!=)"),
        lambda match: f"the left of = is a name alone, without its step: {match[1]} = …",
    ),
    (
        re.compile(r"\\([A-Za-z]+)"),
        lambda match: "LaTeX is not read; " + _LATEX.get(match[1], f"write {match[1]} without the backslash"),
    ),
    (
        re.compile(rf"\b({_WORDS})\b(?=\s*(?:=|\[|[-+*/@)]|$))"),
        lambda match: f"{match[1]!r} is a word that no name can be; write {match[1]}_",
    ),
    (re.compile(r"^(?:for|while|if|def|class|return|with)\b"), lambda _: "each line is computed at every step, without loops"),
    (
        re.compile(r"(?<![\w.])(\d+(?:\.\d*)?|\.\d+)\s*(?=([^\W\d]\w*)|\()"),
        lambda match: f"a product is written with its sign: {match[1]} * {match[2] or '(…)'}",
    ),
    (
        re.compile(rf"(?<![\w.])(?!(?:{_ALL})\b)([^\W\d]\w*)\s+(?!(?:{_ALL})\b)([^\W\d]\w*)"),
        lambda match: f"a product is written with its sign: {match[1]} @ {match[2]} of a matrix and a vector, else"
        f" {match[1]} * {match[2]}",
    ),
    (re.compile(r"=\s*$"), lambda _: "the expression right of = is missing"),
)  # fmt: skip


_SPECIFIC: Final = 9  # of them are tried before single signs


def remedy_of_line(code: str) -> tuple[int, str] | None:
    """The probable reason why a line cannot be read: its place in the line, from 0, and the remedy; None if none is known."""
    for pattern, remedy in _LINES[:_SPECIFIC]:
        if match := pattern.search(code):
            return match.start(), remedy(match)
    for i, sign in enumerate(code):
        remedy_of_sign = _SIGNS.get(sign)
        usual = unicodedata.normalize("NFKC", sign)
        if (
            remedy_of_sign is None
            and ord(sign) > 127
            and usual.isascii()
            and usual.isprintable()
            and not usual.isalnum()
        ):
            remedy_of_sign = f"write {usual.strip()} for it" if usual.strip() else "write a plain space for it"
        if remedy_of_sign is not None:
            return i, f"{sign!r} is not read; {remedy_of_sign}"
    for pattern, remedy in _LINES[_SPECIFIC:]:
        if match := pattern.search(code):
            return match.start(), remedy(match)
    return None


def quoted(code: str) -> str:
    """The beginning of a line, quoted for a message."""
    return repr(code if len(code) <= _SHOWN else code[:_SHOWN] + "…")


__all__ = ["TRANSPOSED", "plain_number", "quoted", "remedy_of_function", "remedy_of_line"]
