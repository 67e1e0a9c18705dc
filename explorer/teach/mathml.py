"""MathML from the LaTeX of this project: browsers show it without a script and offline."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from engine.language import written

_TOKEN: Final = re.compile(r"\\[a-zA-Z]+|\\.|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
_DEEPEST: Final = 60
_LETTERS: Final = {"varphi": "φ", "varepsilon": "ε", "ell": "ℓ"}  # beside those that names may have
_OPERATORS: Final = {
    "nabla": "∇", "partial": "∂", "odot": "⊙", "oslash": "⊘", "circ": "∘", "cdot": "⋅", "times": "×", "sum": "∑",
    "prod": "∏", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "ll": "≪",
    "gg": "≫", "to": "→", "mapsto": "↦", "rightarrow": "→", "longrightarrow": "⟶", "leftarrow": "←",
    "Rightarrow": "⇒", "Leftrightarrow": "⇔", "in": "∈", "infty": "∞", "top": "⊤", "ldots": "…", "dots": "…",
    "cdots": "⋯", "vdots": "⋮", "ddots": "⋱", "pm": "±", "mp": "∓", "Vert": "‖", "lVert": "‖", "rVert": "‖",
    "vert": "|", "lvert": "|", "rvert": "|", "langle": "⟨", "rangle": "⟩", "mid": "|", "equiv": "≡", "propto": "∝",
    "sim": "∼", "forall": "∀", "exists": "∃", "prime": "′", "colon": ":", "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊",
    "rfloor": "⌋", "{": "{", "}": "}", "|": "‖", "%": "%", "#": "#", "&": "&", "_": "_", "$": "$",
}  # fmt: skip
_FUNCTIONS: Final = frozenset({
    "tanh", "log", "exp", "max", "min", "sin", "cos", "tan", "cosh", "sinh", "ln", "det", "arg", "lim", "sup",
    "inf", "dim", "ker", "Pr", "diag",
})  # fmt: skip
_SPACES: Final = {",": 0.17, ":": 0.22, ";": 0.28, "!": 0.0, " ": 0.25, "quad": 1.0, "qquad": 2.0, "\n": 0.25}
_NOTHING: Final = frozenset({
    "textstyle", "displaystyle", "scriptstyle", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr",
    "limits",
})  # fmt: skip
_ACCENTS: Final = {"hat": "^", "widehat": "^", "tilde": "~", "widetilde": "~", "bar": "¯", "overline": "¯", "vec": "→"}
_VARIANTS: Final = {"mathit": "italic", "mathrm": "normal", "mathbf": "bold", "boldsymbol": "bold", "mathbb": "double"}
_FENCES: Final = {"pmatrix": "()", "bmatrix": "[]", "vmatrix": "||", "Vmatrix": "‖‖", "cases": "{ ", "matrix": "  "}
_ALIGNED: Final = ("aligned", "align", "align*", "split", "gathered")
_DOUBLE: Final = {"R": "ℝ", "N": "ℕ", "Z": "ℤ", "E": "𝔼", "1": "𝟙", "P": "ℙ"}
_UNDER: Final = ("<mo>∑</mo>", "<mo>∏</mo>")


def mathml(text: str, display: bool = False) -> str:
    """A formula as a `<math>` element. Raises ValueError if the LaTeX is not of the kind that this project writes.

    **Holds:** every_equation_of_the_ready_cells_is_written, nothing_of_the_text_is_markup.
    """
    reader = _Reader(text)
    body = reader.row()
    if reader.ahead:
        raise ValueError(f"{reader.ahead!r} closes nothing")
    return f'<math display="{"block" if display else "inline"}">{body}</math>'


def shown(text: str, display: bool = False) -> str:
    """A formula as a `<math>` element, or the LaTeX itself as code if `mathml` cannot write it."""
    try:
        return mathml(text, display)
    except ValueError:
        return f"<code>{html.escape(text)}</code>"


class _Reader:
    """A recursive-descent reader of a formula, with one token ahead."""

    def __init__(self, text: str) -> None:
        self.tokens: Iterator[str] = (token[0] for token in _TOKEN.finditer(text))
        self.ahead, self.depth = "", 0
        self.next()

    def next(self) -> str:
        token, self.ahead = self.ahead, next(self.tokens, "")
        return token

    def space(self) -> None:
        while self.ahead.isspace():
            self.next()

    def row(self) -> str:
        """Everything up to the closing token, or to the end."""
        parts = []
        while self.ahead and self.ahead not in ("}", "\\right", "\\end", "&", "\\\\"):
            parts.append(self.scripted())
        return f"<mrow>{''.join(parts)}</mrow>"

    def scripted(self) -> str:
        """One atom with its superscripts and subscripts."""
        base, scripts = self.atom(), {"_": list[str](), "^": list[str]()}
        while True:
            self.space()
            if self.ahead in ("^", "_"):
                scripts[self.next()].append(self.argument())
            elif self.ahead == "'":
                self.next()
                scripts["^"].append("<mo>′</mo>")
            else:
                break
        low, high = (f"<mrow>{''.join(parts)}</mrow>" if parts else "" for parts in scripts.values())
        below, above = ("under", "over") if base in _UNDER else ("sub", "sup")
        name = below * bool(low) + above * bool(high)
        return f"<m{name}>{base}{low}{high}</m{name}>" if name else base

    def argument(self) -> str:
        """One group in braces, or one token."""
        self.space()
        if self.ahead == "{":
            return self.atom()
        if not self.ahead or self.ahead in ("}", "&"):
            raise ValueError("something is missing")
        if self.ahead.isdigit() and len(self.ahead) > 1:  # x^12 raises the 1 only; nobody here writes that
            raise ValueError("braces are missing")
        return self.atom()

    def words(self) -> str:
        """A group in braces as plain text."""
        self.space()
        if self.next() != "{":
            raise ValueError("a brace is missing")
        parts = []
        while self.ahead and self.ahead != "}":
            token = self.next()
            parts.append(_OPERATORS.get(token[1:], " ") if token.startswith("\\") else token)
        if self.next() != "}":
            raise ValueError("a brace is missing")
        return "".join(parts)

    def atom(self) -> str:
        """One atom with everything within it."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        element = self._atom()
        self.depth -= 1
        return element

    def _atom(self) -> str:
        token = self.next()
        if token == "{":
            inside = self.row()
            if self.next() != "}":
                raise ValueError("a brace is missing")
            return inside
        if token.startswith("\\"):
            return self.command(token[1:])
        if token.isspace():
            return ""
        if token == "~":
            return '<mspace width="0.25em"/>'
        if token in ("^", "_"):
            raise ValueError(f"{token} stands at nothing")
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{html.escape(token)}</mi>"
        return f"<mo{_flat(token)}>{html.escape(token.replace('-', '−').replace('*', '∗'))}</mo>"

    def command(self, name: str) -> str:
        if name.isalpha() and (letter := _LETTERS.get(name, written(name))) != name:
            return f"<mi>{letter}</mi>"
        if name in _OPERATORS:
            sign = _OPERATORS[name]
            return f"<mo{_flat(sign)}>{html.escape(sign)}</mo>"
        if name in _FUNCTIONS:
            return f"<mi>{name}</mi>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}em"/>'
        if name in _NOTHING:
            return ""
        if name in _ACCENTS:
            return f'<mover accent="true">{self.argument()}<mo>{_ACCENTS[name]}</mo></mover>'
        if name in ("frac", "tfrac", "dfrac"):
            return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.argument()}</msqrt>"
        if name in ("underbrace", "overbrace"):
            kind, sign = ("under", "⏟") if name == "underbrace" else ("over", "⏞")
            return f"<m{kind}>{self.argument()}<mo>{sign}</mo></m{kind}>"
        if name in ("text", "textrm", "mbox"):
            return f"<mtext>{html.escape(self.words())}</mtext>"
        if name in ("operatorname", *_VARIANTS):
            words = html.escape(self.words())
            variant = _VARIANTS.get(name, "normal")
            if variant == "double":
                return f"<mi>{_DOUBLE.get(words, words)}</mi>"
            bold = ' style="font-weight:bold"' if variant == "bold" else ""
            upright = ' mathvariant="normal"' if variant != "italic" else ""
            return f"<mi{upright}{bold}>{words}</mi>"
        if name == "left":
            return self.fenced()
        if name == "begin":
            return self.environment()
        raise ValueError(f"\\{name} is not known")

    def fence(self) -> str:
        self.space()
        token = self.next()
        if not token:
            raise ValueError("a parenthesis is missing")
        sign = _OPERATORS.get(token[1:], "") if token.startswith("\\") else token
        return "" if sign == "." else f'<mo stretchy="true">{html.escape(sign)}</mo>'

    def fenced(self) -> str:
        first, inside = self.fence(), self.row()
        if self.next() != "\\right":
            raise ValueError("\\left has no \\right")
        return f"<mrow>{first}{inside}{self.fence()}</mrow>"

    def environment(self) -> str:
        name = self.words()
        if name not in _FENCES and name not in _ALIGNED:
            raise ValueError(f"{name} is not known")
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(f"<mtd>{self.row()}</mtd>")
            token = self.next()
            if token == "\\\\":
                if self.ahead == "[":  # how far apart
                    while self.next() not in ("]", ""):
                        pass
                rows.append([])
            elif token == "\\end":
                break
            elif token != "&":
                raise ValueError(f"\\begin{{{name}}} has no end")
        if self.words() != name:
            raise ValueError(f"\\begin{{{name}}} has another end")
        body = "".join(f"<mtr>{''.join(cells)}</mtr>" for cells in rows)
        kind = ' class="aligned"' if name in _ALIGNED else ""
        left, right = (f'<mo stretchy="true">{sign}</mo>' if sign.strip() else "" for sign in _FENCES.get(name, "  "))
        return f"<mrow>{left}<mtable{kind}>{body}</mtable>{right}</mrow>"


def _flat(sign: str) -> str:
    r"""The attribute that keeps a sign at its size: parentheses and bars grow only where \\left says so."""
    return ' stretchy="false"' if sign in "()[]{}|‖⟨⟩⌈⌉⌊⌋" else ""
