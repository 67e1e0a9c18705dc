"""Texts that would do harm, and whether anything of a text becomes live."""

from __future__ import annotations

import re

#: Links, pictures, markup and formulas as they would come from outside.
HOSTILE = (
    "http://evil.example",
    "[a](http://evil.example)",
    "![x](http://evil.example/y)",
    "<img src=x>",
    "<a href=http://evil.example>evil</a>",
    ":red[evil]",
    r"$\href{http://evil.example}{evil}$",
    "`` `[a](http://evil.example)` ``",
    "'`' [a](http://evil.example)",
    "www.evil.example",
    "evil@evil.example",
    "a|b :material/home: :smile: <- evil",
    "\\[evil](http://evil.example)\\",
)
#: What is read as something else wherever it stands in text, although each of its signs is escaped.
ANYWHERE = re.compile(r"://|www\.|\w@\w|mailto:|:[\w+/-]+:|->|<-", re.IGNORECASE)

#: What begins something that a parser of a lesson's text looks for the end of.
OPENING = (
    "[", "]", "(", "{", "}", "$", "$$", "*", "**", "`", "\\", "#", "- ", "\n ", "_", "^", "&", "<", "[a](select:", "[a](set:b",
    "[a](", "{a", "$a\n", "$$a", "$$\n", "**a", "*a\n", "`a\n", "\\hat", "\\frac", "\\left(", "\\right", "\\begin{matrix}",
    "\\text{", "\\end", "a'", "a^b", "a_{b}", "\\\\[",
)  # fmt: skip


def long_of(opening: str, length: int = 100_000) -> str:
    """A long run of it: what takes time squared for it keeps the tests from coming to their end."""
    return opening * (length // len(opening))


def in_text(markdown: str) -> str:
    """What is left of markdown without its spans of code, read as CommonMark does: it is all that could become live."""
    left, at = "", 0
    while at < len(markdown):
        if markdown[at] == "\\":
            left, at = left + markdown[at : at + 2], at + 2
        elif fence := re.match("`+", markdown[at:]):
            end = re.search(rf"(?<!`){fence[0]}(?!`)", markdown[at + len(fence[0]) :])
            left, at = left + ("" if end else fence[0]), at + len(fence[0]) + (end.end() if end else 0)
        else:
            left, at = left + markdown[at], at + 1
    return left


def is_inert(markdown: str) -> bool:
    """Whether nothing in markdown is markup or becomes live."""
    text = in_text(markdown)
    bare = re.sub(r"\\(.)", "", text)
    return not set("`*_[]<>$|:!#~{}") & set(bare) and not ANYWHERE.search(re.sub(r"\\(.)", r"\1", text))
