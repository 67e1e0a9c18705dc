"""Markdown that shows a text unchanged: the explorer's own words escaped, text from outside as code.

A backslash is not enough: an address such as http://a.example becomes a link, and `:name:` an emoji, even where each of its
signs is escaped. Within code Markdown reads only the end of the code.
"""

from __future__ import annotations

import re
from typing import Final

#: A quotation in a message, as repr writes it; an apostrophe within a word is none.
_QUOTED: Final = re.compile(r"""(?<![\w'"])(['"])((?:[^\\]|\\.){1,80}?)\1(?![\w'"])""", re.DOTALL)
#: A word that Markdown changes although its signs are escaped: addresses, emoji and icons, arrows and the like.
_LIVE: Final = re.compile(r"://|www\.|\w@\w|mailto:|:[\w+/-]+:|->|<-|--|[<>~]=", re.IGNORECASE)
_SIGNS: Final = re.compile(r"([\\`*_{}\[\]()#+.!|<>~$:^=&-])")


def code(text: str) -> str:
    """Markdown that shows any text, on one line, as code; also in a cell of a table, where it is cut at each `|`.

    **Holds:** nothing_in_code_is_live.
    """
    parts = " ".join(text.split()).split("|")
    return r"\|".join(_span(part) for part in parts)


def _span(text: str) -> str:
    """One span of code without a `|`: its fence is longer than any run of backticks within."""
    if not text.strip():
        return text
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    inside = f" {text} " if text[0] in "` " or text[-1] in "` " else text
    return f"{fence}{inside}{fence}"


def plain(text: str) -> str:
    """Markdown that shows a text, on one line, unchanged: quotations and words that would be live as code, the others escaped.

    **Holds:** no_hostile_text_is_live.
    """
    text, markdown, at = " ".join(text.split()), "", 0
    for quotation in _QUOTED.finditer(text):
        markdown = _beside(_beside(markdown, _words(text[at : quotation.start()])), code(quotation[2]))
        at = quotation.end()
    return _beside(markdown, _words(text[at:]))


def _beside(left: str, right: str) -> str:
    """Two pieces of markdown, apart where the fence of one code would run into that of the other."""
    return f"{left} {right}" if left.endswith("`") and right.startswith("`") else left + right


def _words(text: str) -> str:
    """Text without quotes: each word that would be live as code, all others escaped."""
    return " ".join(code(word) if _LIVE.search(word) else _SIGNS.sub(r"\\\1", word) for word in text.split(" "))
