"""The project around the code: what it needs, how it starts, and which module may know which."""

import ast
import os
import re
import socket
import sys
import time
import tomllib
import urllib.request
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import CONSOLE, ROOT, STREAMLIT, serve
from streamlit import config

# --- dependencies ---

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = (ROOT / "requirements.txt").read_text().splitlines()
REQUIREMENTS = [line for line in LINES if line and not line.startswith("#")]


def test_requirements_agree_with_pyproject():
    assert PROJECT["dependencies"] == REQUIREMENTS


def test_only_the_runtime_is_required():
    assert [re.split("[<>=]", line)[0] for line in REQUIREMENTS] == ["streamlit", "numpy", "plotly", "networkx"]


@pytest.mark.parametrize("line", [*chain(REQUIREMENTS, *PROJECT["optional-dependencies"].values())])
def test_every_requirement_has_both_bounds(line):
    assert re.fullmatch(r"[a-z-]+>=[\d.]+,<[\d.]+", line)


# --- imports ---

# One row for each layer, the lowest first. A module knows modules of lower rows only, not its neighbours in the row;
# the modules of a subfolder count as one. A new module gets its place here. `__init__` offers what is below it.
LAYERS = {
    "engine": """
        names operations given budget spelling pause once
        equations memory wide
        notation notes
        cell
        catalogue initial data schedule interpreter
        numbers writer
        tasks recurrence
        tape
        run
        graph links formula
        flow truncation plane
        magnitude spectra expansion
        checks explain neurons
        derivation verdict
        __init__
    """,
    "explorer": """
        __init__ cache work
        numbers samples
        vanishing
        course
        model theme grid glossary mathml markdown entries
        knob
        cliff slips
        state
        scene session
        neurons comparison
        facts
        figures live export
        wording
        sentence answers
        lesson
        handout kept
        received delivery
        controls
        views
        app
        server
        __main__
    """,
}
PACKAGES = {"engine": {"numpy", "networkx"}, "explorer": {"numpy", "networkx", "plotly", "engine"}}
KNOW_STREAMLIT = {"explorer": {"app", "controls", "delivery", "live", "received", "views", "server", "__main__"}}


def imported(source: str, package: tuple[str, ...]):
    """Every dotted name that `source`, which lies in `package`, may get by an import, and the line of the import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def faults_of_imports(root: Path):
    """What breaks the rules above in `root/engine` and `root/explorer`, a line for each."""
    for package, text in LAYERS.items():
        rank = {name: row for row, names in enumerate(text.split("\n")) for name in names.split()}
        for path in sorted((root / package).rglob("*.py")):
            where = path.relative_to(root)
            module = where.with_suffix("").parts[1]
            if module not in rank:
                yield f"{where}: {module} has no row in LAYERS of tests/test_project.py"
                continue
            allowed = PACKAGES[package] | sys.stdlib_module_names
            if module in KNOW_STREAMLIT.get(package, ()):
                allowed = allowed | {"streamlit", "starlette"}  # Streamlit is built on it
            for name, line in imported(path.read_text(encoding="utf-8"), where.parent.parts):
                top, *rest = name.split(".")
                if top == package:
                    target = rest[0] if rest and rest[0] in rank else "__init__"
                    fault = rank[target] >= rank[module] and target != module
                else:
                    fault = top not in allowed
                if fault:
                    yield f"{where}:{line}: {package}.{module} must not import {name}"


def test_imports_point_one_way():
    assert list(faults_of_imports(ROOT)) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("engine/operations.py", "from .cell import Cell"),
        ("engine/operations.py", "from . import cell"),
        ("engine/operations.py", "from engine import parse"),
        ("engine/catalogue.py", "import engine.run"),
        ("engine/run.py", "def late():\n    import explorer.theme"),
        ("engine/run.py", "import plotly.graph_objects as go"),
        ("engine/run.py", "import scipy"),
        ("engine/novelty.py", ""),
        ("explorer/scene.py", "import streamlit as st"),
        ("explorer/figures/deep/graph.py", "import streamlit as st"),
        ("explorer/figures/graph.py", "from ..views import one"),
        ("explorer/state.py", "from explorer import app"),
        ("explorer/state.py", "import pandas"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, path, source):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source)
    assert len(list(faults_of_imports(tmp_path))) == 1


def test_right_imports_are_left_alone(tmp_path):
    for path, source in {
        "engine/cell.py": "import numpy as np\nfrom .equations import E\nfrom engine import operations",
        "engine/__init__.py": "from .cell import Cell\nfrom . import checks",
        "explorer/figures/graph.py": "import plotly, engine\nfrom .axes import a\nfrom explorer.scene import S",
        "explorer/views/one.py": "import streamlit\nfrom engine import parse\nfrom explorer.figures.graph import g",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    assert list(faults_of_imports(tmp_path)) == []


# --- settings ---


def names(table, prefix=""):
    """The full names of the settings in nested TOML tables: `theme.dark.textColor`."""
    for key, value in table.items():
        yield from names(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]


def test_streamlit_knows_every_setting():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert set(names(settings)) <= set(config.get_config_options())


# --- the ways to start ---


def complaints(server):
    """Lines of the server's log that warn, fail, ask for an address outside, or speak of statistics."""
    return re.findall(r"(?i).*(?:warn|error|traceback|not a valid|external ip|statistics|e-?mail).*", server.log())


@pytest.mark.parametrize(
    "command",
    [CONSOLE, (STREAMLIT, "run", "streamlit_app.py"), (sys.executable, "-m", "explorer")],
    ids=["console", "Community Cloud", "module"],
)
def test_every_entry_starts_without_a_complaint(command, new_page, tmp_path):
    with serve(*command, "--server.headless=true", home=tmp_path) as server:
        page = new_page(url=server.url)
        assert page.title() == "Unrolled"
        page.context.close()  # before its server goes, or it would complain
        assert complaints(server) == []


def test_the_first_start_asks_nothing_and_opens_the_browser(tmp_path):
    # A desktop: a display, a command that opens addresses (xdg-open, on macOS open), and nobody at the keyboard.
    for name in ("xdg-open", "open"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
        (tmp_path / name).chmod(0o755)
    desktop = {"DISPLAY": ":0", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    # From elsewhere, where Streamlit does not find the settings by itself.
    with serve(sys.executable, "-m", "explorer", home=tmp_path, environment=desktop, cwd=tmp_path) as server:
        for _ in range(100):
            if (tmp_path / "opened").exists() and (tmp_path / "opened").read_text():
                break
            time.sleep(0.1)
        assert (tmp_path / "opened").read_text().strip() == server.url
        assert complaints(server) == []


def answers(host, url):
    """Whether the server of the url answers at another address of this machine."""
    with socket.socket() as asked:
        asked.settimeout(5)
        return asked.connect_ex((host, urlsplit(url).port)) == 0


@pytest.mark.parametrize("address", [None, "0.0.0.0"], ids=["this machine", "a class"])
def test_the_launcher_listens_to_this_machine_alone_unless_told_otherwise(address, tmp_path):
    with serve(sys.executable, "-m", "explorer", "--server.headless=true", home=tmp_path, address=address) as server:
        assert answers("127.0.0.2", server.url) == bool(address)  # where only a server that listens everywhere answers
        assert complaints(server) == []


def test_no_other_site_may_show_the_launched_page_in_a_frame(tmp_path):
    with serve(sys.executable, "-m", "explorer", "--server.headless=true", home=tmp_path) as server:
        for path in ("/", "/_stcore/health", "/nothing"):
            request = urllib.request.Request(server.url + path)
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
                assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_docstring_has_the_end_of_a_string_within_it():
    """A mechanical wrap once left quotation marks at the ends of lines, which help() shows."""
    for path in (*ROOT.glob("engine/**/*.py"), *ROOT.glob("explorer/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = ast.get_docstring(node, clean=False) or ""
                assert not re.search(r'\S"\n\s*" ', text), (path, text)
