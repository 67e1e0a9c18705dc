"""The statements of README.md and of the documentation site are true."""

import importlib
import re

import numpy as np
import pytest
from root import ROOT

import engine
from engine.language.operations import CALLS, FUNCTIONS, LOSSES, SOFTMAX
from engine.support import lazy_property
from engine.working.derivation.sections import SECTIONS

DOCS = ROOT / "docs"
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_as_it_stands(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    found: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), found)
    run = found["run"]
    assert isinstance(run, engine.Run)
    np.testing.assert_allclose(run.step_grad("W").sum(axis=0), run.param_grad["W"])
    assert "False" not in capsys.readouterr().out


def test_every_package_is_in_the_map_of_how_it_is_built():
    (built,) = re.findall(r"\[start:map\] -->\n(.*?)<!--", TEXT, re.DOTALL)
    packages = {path.parent.name for top in ("engine", "explorer") for path in (ROOT / top).glob("*/__init__.py")}
    assert {name for name in packages if not re.search(rf"^ +[\w, ]*\b{name}\b", built, re.MULTILINE)} == set()


def test_the_language_has_the_functions_that_are_listed():
    listed = (DOCS / "language.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)\(", listed, re.MULTILINE)
    assert [name for name in rows if name != "f"] == [*FUNCTIONS, SOFTMAX.name, *LOSSES]
    assert {name for name in CALLS if name not in listed} == set()


def test_every_statement_that_a_derivation_follows_is_explained():
    explained = re.findall(r"^\| (A\d+) \|", (DOCS / "derivation.md").read_text(encoding="utf-8"), re.MULTILINE)
    followed = {name for row in SECTIONS.values() for name in re.findall(r"A\d+", row.sources)}
    assert set(explained) == followed
    assert explained == [f"A{i}" for i in range(1, len(explained) + 1)]


@pytest.mark.parametrize("file", ["README.md", "docs/index.md"])
def test_every_picture_is_there_and_made_by_the_script(file):
    pictures = re.findall(r"!\[[^\]]*\]\((?:docs/)?([^)]+)\)", (ROOT / file).read_text(encoding="utf-8"))
    script = (DOCS / "pictures.py").read_text(encoding="utf-8")
    assert pictures
    for name in pictures:
        assert (DOCS / name).stat().st_size > 10_000
        assert f'"{name}"' in script


# --- paths and links ---

TOP = {path.name for path in ROOT.iterdir()} - {".venv", "site"}


def places(text: str) -> set[str]:
    """The files and directories of the project that a text names in code or in a command."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (.*)$", text, re.MULTILINE)
    words = {word for span in code for word in re.split(r"""[\s"'=|()]+""", span)}
    return {word for word in words if word.split("/")[0] in TOP and ("/" in word or "." in word)}


@pytest.mark.parametrize(
    "file", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted(DOCS.glob("*.md")))]
)
def test_every_place_that_is_named_exists(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert {place for place in places(text) if not (ROOT / place).exists()} == set()
    if file == "CONTRIBUTING.md":
        assert len(places(text)) > 20


def test_every_link_within_the_repository_leads_somewhere():
    """The links of the site itself are checked by `make docs`."""
    for file in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / file).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), (file, target)


# --- the site ---


def test_every_package_with_a_face_has_a_page_of_its_api():
    """The faces are `engine`, its packages, and the figures of the explorer."""
    faces = {
        "engine",
        "explorer.figures",
        *(f"engine.{path.parent.name}" for path in ROOT.glob("engine/*/__init__.py")),
    }
    assert {path.stem for path in (DOCS / "api").glob("e*.md")} == faces
    for face in faces:
        assert f"[names of {face}]" in (DOCS / "api" / f"{face}.md").read_text(encoding="utf-8")


def test_the_site_shows_lazy_properties_as_properties():
    assert f'".{lazy_property.__name__}"' in (DOCS / "comments.py").read_text(encoding="utf-8")


def test_every_name_that_a_page_refers_to_is_listed_by_its_face():
    names = re.findall(
        r"\]\[([\w.]+)\.(\w+)\]", "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    )
    assert names
    assert [(face, name) for face, name in names if name not in importlib.import_module(face).__all__] == []
