"""docs/how-it-works.md is right: every block of code runs, and prints what stands below it."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
from root import ROOT

PAGE = ROOT / "docs" / "how-it-works.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def printed() -> list[tuple[str, str]]:
    """What each block of code prints, and what the page says that it prints."""
    names: dict[str, object] = {}
    found = []
    for (_, code), (_, output) in zip(BLOCKS[::2], BLOCKS[1::2], strict=True):
        with contextlib.redirect_stdout(io.StringIO()) as text:
            exec(compile(code, PAGE.name, "exec"), names)
        found.append((text.getvalue(), output))
    return found


def test_every_block_of_code_has_its_output_below_it():
    assert [language for language, _ in BLOCKS] == ["python", "text"] * (len(BLOCKS) // 2)
    assert len(BLOCKS) >= 14


def test_every_block_of_code_prints_what_stands_below_it():
    for text, output in printed():
        assert text == output


@pytest.mark.parametrize("claim", ["the two ways agree: True", "all gradients agree: True"])
def test_the_page_shows_that_both_ways_agree(claim):
    assert any(claim in output for _, output in BLOCKS)


def test_no_check_fails_on_the_page():
    assert "FAILS" not in "".join(output for _, output in BLOCKS[1::2])


def test_every_module_of_execution_is_named_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "engine" / "execute").glob("*.py")} - {"__init__", "graph"}
    assert {name for name in modules if f"`{name}`" not in text} == set()
