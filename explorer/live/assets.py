"""Markup, style and scripts of the components, with the table of `picture.marks` filled in.

The scripts have no build step: those that a component lists are joined, one after the other, behind the constants.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from explorer.live.encode import BLANK, SHADES
from explorer.picture import grid, marks
from explorer.picture.marks import ALARMING, SIGNS, WORDS, Mark

_FOLDER: Final = Path(__file__).parent
_SHARED: Final = ("mount", "bytes", "text")
#: Component -> its scripts, in the order in which they are read best.
_SCRIPTS: Final = {
    "live": (*_SHARED, "live", "graph", "input", "geometry", "looks", "sheet", "draw", "tooltip", "sweep", "knob", "controls"),
    "strip": (*_SHARED, "strip"),
}  # fmt: skip
#: Constants of `picture.marks` that the scripts read, under their names there.
_MARK_CONSTANTS: Final = (
    "ROW", "HEIGHTS", "GUTTER", "SIDE", "MARGIN", "MARGIN_COLUMNS", "MARGIN_ROWS", "SIZES", "FILLED", "UNEVEN", "INITIAL",
    "POINTED", "SYMBOL", "READABLE", "OUTLINED",
)  # fmt: skip


@cache
def script(component: str) -> str:
    """The script of a component."""
    return constants() + "".join(shortened(_FOLDER / f"js/{name}.js") for name in _SCRIPTS[component])


@cache
def style(component: str) -> str:
    """The style sheet of a component."""
    return shortened(_FOLDER / f"{component}.css")


@cache
def markup(component: str) -> str:
    """The markup of a component; an entry of the legend for each mark stands in place of {legend}."""
    return shortened(_FOLDER / f"{component}.html").replace("{legend}", "".join(map(_entry, SIGNS)))


def constants() -> str:
    """The constants of the scripts as JavaScript: looks, marks, sizes, and the corner of a node."""
    looks = {mark.name: look(mark) for mark in SIGNS} | {"NONE": look(Mark.NONE), "BLANK": BLANK}
    tables: dict[str, Any] = {
        "WORDS": {look(mark): words for mark, words in WORDS.items() if mark is not Mark.WITHIN},
        "GLYPHS": {look(mark): {"arms": s.arms, "up": s.up} for mark, s in SIGNS.items() if mark is not Mark.ZERO},
        "CORNER": grid.CORNER,
        **{name: getattr(marks, name) for name in _MARK_CONSTANTS},
    }
    lines = [f"const SHADES = {SHADES}, [{', '.join(looks)}] = {json.dumps(list(looks.values()))};"]
    lines += [f"const {name} = {json.dumps(value, ensure_ascii=False)};" for name, value in tables.items()]
    return "".join(f"{line}\n" for line in lines)


def look(mark: Mark) -> int:
    """The byte that stands for a mark in the data, see `encode.looks`."""
    return SHADES - 1 + mark


def _entry(mark: Mark) -> str:
    sign = SIGNS[mark]
    words = sign.legend.format(low='<b class="low"></b>', high='<b class="high"></b>')
    style = "open" * (mark is Mark.ZERO) + "open alarm" * (mark in ALARMING)
    return f'<span data-look="{look(mark)}" hidden><svg class="{style}"><path d="{sign.drawing}" /></svg>{words}</span>'


def shortened(path: Path) -> str:
    """A file without its indentation and its comments of one line, since Streamlit sends it again at every change."""
    return re.sub(r"^\s*(//.*|/\*.*\*/)?\s*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
