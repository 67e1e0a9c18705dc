"""What the site derives from the code: an entry for each name of a package's face. And nothing loads from elsewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What loads a file into a page: a link to another site is no such thing.
LOADED = re.compile(
    r"""<(?:script|img|iframe|link(?![^>]*rel="?canonical))\b[^>]*(?:src|href)="?(?:https?:)?//[^>]*>"""
)


def source(module: str) -> Path | None:
    """The file of a module or package, or None where there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def face(package: str) -> list[str]:
    """The names that a package lists in `__all__`, in their order."""
    file = source(package)
    assert file, package
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def definition(module: str, name: str) -> str:
    """The full name under which a name of a module is defined: `engine`, `run` -> `engine.execute.run.run`."""
    file = source(module)
    assert file, module
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    if node.module == module:  # a face that lists one of its modules
                        return f"{module}.{alias.name}"
                    return definition(node.module, alias.name)
    return f"{module}.{name}"


def entries(package: str) -> str:
    """The Markdown of a package's names: those of `engine` itself by the package that defines them, others in a row."""
    listed = {name: definition(package, name) for name in face(package)}
    if package == "engine":
        origins = sorted({path.split(".")[1] for path in listed.values()})
        return "\n".join(
            f"## {origin.capitalize()}\n\n"
            + "\n".join(
                entry(f"engine.{name}", path, 3) for name, path in listed.items() if path.split(".")[1] == origin
            )
            for origin in origins
        )
    faces = {definition("engine", name): f"engine.{name}" for name in face("engine")}
    above = [f"[`{faces[path]}`][{path}]" for path in listed.values() if path in faces]
    own = [entry(f"{package}.{name}", path, 2) for name, path in listed.items() if path not in faces]
    return "\n".join([*([f"Also here: {', '.join(above)}.\n"] if above else []), *own])


def entry(heading: str, path: str, level: int) -> str:
    """The directive that documents one name."""
    return f"::: {path}\n    options:\n      heading: {heading}\n      heading_level: {level}\n"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace a line `[names of PACKAGE]` by the entries of its face."""
    return re.sub(r"^\[names of ([\w.]+)\]$", lambda match: entries(match[1]), markdown, flags=re.MULTILINE)


def on_post_page(output: str, page: object, **_: object) -> str:
    """Refuse a page that loads anything from another server."""
    if found := LOADED.search(output):
        raise SystemExit(f"{page}: loads from another server: {found[0]}")
    return output
