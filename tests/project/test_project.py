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

import networkx
import pytest
from browser import CONSOLE, STREAMLIT, serve
from root import ROOT
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

# The packages, the lowest first; one row for each layer. A package knows packages of lower rows only, not its neighbours
# in the row, and its own modules know one another in one direction. A new package gets its place here. The last row of each
# is the face or the entry.
LAYERS = {
    "engine": """
        support
        language
        execute
        inputs flow formula
        verify
        working
        __init__
    """,
    "explorer": """
        __init__ cache theme fields
        model
        facts
        words
        experiments
        state
        picture
        compare figures live
        teach
        page
        views
        app
        server
        __main__
    """,
}
PACKAGES = {"engine": {"numpy", "networkx"}, "explorer": {"numpy", "networkx", "plotly", "engine"}}
KNOW_STREAMLIT = {"explorer": {"app", "live", "page", "views", "server", "__main__"}}


def imported(source: str, package: tuple[str, ...]):
    """Every dotted name that `source`, which lies in `package`, may get by an import, and the line of the import."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def places(root: Path, package: str) -> dict[str, Path]:
    """Module -> file of all modules of a package, by their full names."""
    files = sorted((root / package).rglob("*.py"))
    return {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def faults_of_imports(root: Path):
    """What breaks the rules above in `root/engine` and `root/explorer`, a line for each."""
    for package, text in LAYERS.items():
        rank = {name: row for row, names in enumerate(text.split("\n")) for name in names.split()}
        modules, edges = places(root, package), networkx.DiGraph()
        for module, path in modules.items():
            where = path.relative_to(root)
            layer = where.with_suffix("").parts[1]
            if layer not in rank:
                yield f"{where}: {layer} has no row in LAYERS of tests/project/test_project.py"
                continue
            allowed = PACKAGES[package] | sys.stdlib_module_names
            if layer in KNOW_STREAMLIT.get(package, ()):
                allowed = allowed | {"streamlit", "starlette"}  # Streamlit is built on it
            for name, line in imported(path.read_text(encoding="utf-8"), where.parent.parts):
                top, *rest = name.split(".")
                if top == package:
                    target = rest[0] if rest and rest[0] in rank else "__init__"
                    fault = rank[target] >= rank[layer] and target != layer
                    known = name if name in modules else name.rpartition(".")[0]
                    if target == layer and path.stem != "__init__" and known in modules:
                        edges.add_edge(module, known)
                else:
                    fault = top not in allowed or (package == "explorer" and is_past_the_face(root, name))
                if fault:
                    yield f"{where}:{line}: {module} must not import {name}"
        for circle in networkx.simple_cycles(edges):
            yield f"modules import one another: {', '.join(circle)}"


def is_past_the_face(root: Path, name: str) -> bool:
    """Whether a name is of the engine, and neither a package nor what the face of `engine` or of a package lists."""
    top, *within = name.split(".")
    if top != "engine" or not within or (len(within) == 1 and (root / "engine" / within[0]).is_dir()):
        return False
    face = root.joinpath("engine", *within[:-1], "__init__.py")
    text = face.read_text(encoding="utf-8") if face.is_file() else ""
    listed = re.search(r"^__all__ = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)
    return f'"{within[-1]}"' not in (listed[1] if listed else "")


def test_imports_point_one_way():
    assert list(faults_of_imports(ROOT)) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("engine/language/operations.py", "from ..execute.run import Run"),
        ("engine/language/operations.py", "from .. import execute"),
        ("engine/language/operations.py", "from engine import parse"),
        ("engine/inputs/tasks/series.py", "import engine.flow.wide"),
        ("engine/execute/run.py", "def late():\n    import explorer.theme"),
        ("engine/execute/run.py", "import plotly.graph_objects as go"),
        ("engine/execute/run.py", "import scipy"),
        ("engine/execute/run.py", "from engine.execute.run import Run"),
        ("engine/novelty.py", ""),
        ("engine/novelty/one.py", ""),
        ("explorer/picture/scene.py", "import streamlit as st"),
        ("explorer/figures/deep/graph.py", "import streamlit as st"),
        ("explorer/figures/graph.py", "from ..views import one"),
        ("explorer/state/state.py", "from explorer import app"),
        ("explorer/state/state.py", "import pandas"),
        ("explorer/state/state.py", "from engine.language.cell import Cell"),
        ("explorer/state/state.py", "from engine.language import infer_shapes"),
        ("explorer/state/state.py", "import engine.language.cell"),
    ],
)
def test_a_wrong_import_is_found(tmp_path, path, source):
    for face, name in {"engine": "parse", "engine/language": "Cell"}.items():
        (tmp_path / face).mkdir(parents=True)
        (tmp_path / face / "__init__.py").write_text(f'__all__ = ["{name}"]')
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    assert len(list(faults_of_imports(tmp_path))) == 1


def test_modules_that_import_one_another_are_found(tmp_path):
    (tmp_path / "engine/flow").mkdir(parents=True)
    for one, other in ("ab", "bc", "ca"):
        (tmp_path / f"engine/flow/{one}.py").write_text(f"from .{other} import x")
    assert [fault.partition(":")[0] for fault in faults_of_imports(tmp_path)] == ["modules import one another"]


def test_right_imports_are_left_alone(tmp_path):
    for path, source in {
        "engine/language/cell.py": "import numpy as np\nfrom .equations import E\nfrom engine.support import budget",
        "engine/language/__init__.py": '__all__ = ["Cell"]',
        "engine/__init__.py": 'from .language import Cell\nfrom . import flow\n__all__ = ["parse"]',
        "explorer/figures/graph.py": "import plotly, engine\nfrom .axes import a\nfrom explorer.picture.scene import S",
        "explorer/views/one.py": "import streamlit\nfrom engine import parse\nfrom engine.language import Cell",
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


@pytest.mark.slow
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
