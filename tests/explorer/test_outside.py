"""What comes from outside is shown as it stands: links, files, tables, cells, formulas; no text of them becomes live."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from hostile import ANYWHERE, HOSTILE, in_text, is_inert
from hypothesis import given
from hypothesis import strategies as st
from pages import fine, opened, with_open
from streamlit.testing.v1 import AppTest

from explorer.model import Model
from explorer.state import LONGEST_VALUE, State, from_query, packed, session
from explorer.teach.handout import Lesson, Step, handout
from explorer.words.markdown import code, plain


def read(markdown: str) -> str:
    """The text that a reader sees of inert markdown, without the quotes that code stands for."""
    return re.sub(r"\\(.)|`+ ?| ?`+", lambda found: found[1] or "", markdown)


TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.text("`'\"\\|:/w.@<>- a[]()$*_!#h", max_size=40))


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_no_hostile_text_is_live(texts) -> None:
    for joined in (" ".join(texts), "".join(texts), ": ".join(map(repr, texts)), "".join(map(repr, texts))):
        assert is_inert(plain(joined)), joined
        assert plain(joined).count("\n") == 0


@given(TEXTS)
def test_nothing_in_code_is_live(text) -> None:
    assert is_inert(code(text))
    assert in_text(code(text)).replace(r"\|", "").strip() == ""


def test_own_words_are_read_as_they_stand() -> None:
    for words in ("the user's own", "h_prev is W @ h[t-1], at 1,000 steps", "a*b*c = 3 (~ 50 %)", "one of x, y"):
        assert read(plain(words)) == words
        assert "`" not in plain(words)
    assert plain("cell 'foo' is not known") == "cell `foo` is not known"


# --- the places -----------------------------------------------------------------------------------------------------

KEYS = ("cell", "activation", "layers", "n.h", "task", "steps", "text", "loss", "w", "reduction", "own", "init", "init_seed",
        "init.W", "eq", "edit", "turn.W", "show", "as", "sample", "window", "node", "path", "unit", "graph", "parameters",
        "knob", "edges", "scale", "state", "of", "spread", "tab", "pair", "every", "clip", "sections", "detail", "step",
        "levels", "compare", "slip", "formula", "ask", "lesson", "hide", "present", "across", "up", "across_range", "rate",
        "limit", "norm", "surface", "cut", "range.gradient")  # fmt: skip


def texts(app: AppTest) -> Iterator[str]:
    """All that the page reads as markdown: bodies, labels, hints, options."""

    def walk(block) -> Iterator[str]:
        for child in getattr(block, "children", {}).values():
            yield from walk(child)
            proto = getattr(child, "proto", None)
            if child.type in ("code", "arrow_data_frame", "plotly_chart", "html", "text"):
                continue
            for field in ("body", "label", "help"):
                if isinstance(value := getattr(proto, field, ""), str):
                    yield value
            if child.type == "button_group":
                yield from (option.content for option in proto.options)

    for block in (app.main, app.sidebar):
        yield from walk(block)


def live(app: AppTest) -> list[str]:
    """The texts of the page in which something from outside is live."""
    found = []
    for text in texts(fine(app)):
        rest = re.sub(r"\\(.)", r"\1" if "evil" not in text else "", in_text(text))
        if re.search(r"evil|src=x|\]\(http", in_text(text)) and (
            ANYWHERE.search(re.sub(r"\\(.)", r"\1", in_text(text))) or set("[]<$") & set(rest)
        ):
            found.append(text)
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_said_about_a_link_is_live(text) -> None:
    """Each hostile text at each key, and as a key."""
    for key in (*KEYS, text):
        for start in (State(), State(Model(task="noise", cell="feedforward"))):
            for problem in from_query({key: text}, start=start)[1]:
                assert is_inert(plain(problem)), problem


@pytest.mark.parametrize("shift", [0, 5, 9])
def test_nothing_in_a_link_is_live(shift) -> None:
    app = opened(**{key: HOSTILE[(i + shift) % len(HOSTILE)] for i, key in enumerate(KEYS)}, **{HOSTILE[shift]: "1"})
    assert "evil" in app.warning[0].value
    assert live(app) == []


TYPED = (
    ("task.text", "{}"),
    ("task.text", "x1,{},y\n1,2,3"),
    ("task.text", "x1,y1\n1,{}"),
    ("task.text", "x1;y\n1;{}\n2;evil"),
    ("cell.text", "{}"),
    ("cell.text", "h = tanh(W @ h[t-1] + U @ x)\n{} = 3"),
    ("cell.text", "h = {}"),
)


def test_nothing_typed_or_brought_is_live() -> None:
    app = with_open(opened(task="table", node="y,1"), "cell.open", "edit.open", "home")
    for i, text in enumerate(HOSTILE):
        for key, typed in TYPED[i % 3 :: 3]:
            fine(app.text_area(key=key).set_value(typed.replace("{}", text)).run())
            assert live(app) == []
            assert not re.search(r"<(a|img)\b", json.dumps([chart.proto.spec for chart in app.get("plotly_chart")]))
        files = (text, {text: 1}, {"unrolled": 1, "state": {"cell": text, text: text}}, {"unrolled": 1, "equations": text},
                 {"unrolled": 1, "arrays": {text: []}})  # fmt: skip
        app.session_state["faults"] = {"session.file": " ".join(map(fault, files))}
        fine(app.run())
        assert live(app) == []


def fault(file: object) -> str:
    """What loading a file says."""
    content = file if isinstance(file, str) else json.dumps(file)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        session.load(content.encode())
    return str(error.value)


def test_nothing_in_a_handout_is_live() -> None:
    for text in HOSTILE:
        page = handout(Lesson(text, "", (Step(text, plain(f"{text} and {text!r}")),), text))
        assert not re.search(r"<(a|img)\b", page)
        assert html.escape(text.split()[0]) in page


# --- in the browser -------------------------------------------------------------------------------------------------


def test_a_hostile_link_makes_no_link_and_no_picture(new_page) -> None:
    given = {key: HOSTILE[i % len(HOSTILE)] for i, key in enumerate(KEYS)} | {text: "1" for text in HOSTILE}
    given |= {"task": "table", "eq": packed(f"h = {HOSTILE[1]}"), "compare": "text=http%3A%2F%2Fevil.example|cell=lstm"}
    assert all(len(value) <= LONGEST_VALUE for value in given.values())
    for address in ("", "compare", "slips", "lessons"):
        page = new_page(f"{address}?{urlencode(given)}")
        page.get_by_text("Some of the link could not be read").wait_for()
        assert page.locator("a[href*=evil]:not([href^='#']), img[src*=evil], img[src=x], [href*=mailto]").count() == 0
        assert "http://evil.example" in page.get_by_test_id("stAlert").first.inner_text()
        page.context.close()
