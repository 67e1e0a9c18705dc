"""What README.md says is so."""

import re

import numpy as np
from root import ROOT

import engine
from engine.language.operations import OPERATIONS

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
    built = TEXT[TEXT.index("## How it is built") : TEXT.index("## How fast it is")]
    packages = {path.parent.name for top in ("engine", "explorer") for path in (ROOT / top).glob("*/__init__.py")}
    assert {name for name in packages if not re.search(rf"^ +[\w, ]*\b{name}\b", built, re.MULTILINE)} == set()


def test_the_language_has_the_functions_that_are_listed():
    listed = TEXT[TEXT.index("The language:") : TEXT.index("## How it is built")]
    assert {name for name in OPERATIONS if name not in listed} == set()


def test_every_picture_is_there_and_made_by_the_script():
    pictures = re.findall(r"!\[[^\]]*\]\(docs/([^)]+)\)", TEXT)
    script = (ROOT / "docs" / "pictures.py").read_text(encoding="utf-8")
    assert pictures
    for name in pictures:
        assert (ROOT / "docs" / name).stat().st_size > 10_000
        assert f'"{name}"' in script
