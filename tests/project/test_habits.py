"""The habits of the project: version, targets of make, types, hooks, and one script for everybody."""

import re
import tomllib

from root import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_newest_version_of_the_changelog_is_that_of_the_project():
    versions = re.findall(r"^## \[([\d.]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions[0] == PYPROJECT["project"]["version"]
    assert versions == sorted(versions, key=lambda version: [*map(int, version.split("."))], reverse=True)


def test_make_lists_every_target():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE) == phony.split()


def test_an_installed_copy_is_typed():
    package_data = PYPROJECT["tool"]["setuptools"]["package-data"]
    for package in ("engine", "explorer"):
        assert (ROOT / package / "py.typed").is_file()
        assert "py.typed" in package_data[package]


def test_the_hooks_check_what_make_lint_checks():
    make = re.findall(
        r"^\t\$\(PY\) -m (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2], re.MULTILINE
    )
    hooks = re.findall(
        r"entry: \.venv/bin/python -m (.*)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    )
    tools = {" ".join(word for word in hook.split() if not word.startswith("-")) for hook in hooks}
    assert tools == {line.removesuffix(" --check") for line in make[: len(hooks)]}


def test_the_forge_runs_the_same_script():
    assert "run: .ci/run\n" in (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert {"make lint", "make docs", "make test", "make test-lowest"} <= set(
        re.findall(r"^make [a-z-]+", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    )
