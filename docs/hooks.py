"""The pages of the API list the names that the packages list, and no page loads anything from another server."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: An element that loads a file from another server; a link that a reader may follow is none.
LOADED = re.compile(
    r"""<(?:script|img|iframe|link(?![^>]*rel="?canonical))\b[^>]*(?:src|href)="?(?:https?:)?//[^>]*>"""
)


def source(module: str) -> Path | None:
    """The file of a module or package, or None if it does not exist."""
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def parsed(module: str) -> ast.Module:
    """The syntax tree of a module or package."""
    file = source(module)
    if file is None:
        raise FileNotFoundError(f"no module {module}")
    return ast.parse(file.read_text(encoding="utf-8"))


def summary(package: str) -> str:
    """The first line of a package's docstring."""
    return (ast.get_docstring(parsed(package)) or "").partition("\n")[0]


def face(package: str) -> list[str]:
    """The names that a package lists in `__all__`, in their order."""
    for node in parsed(package).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def definition(module: str, name: str) -> str:
    """The full name under which a name of a module is defined: `engine`, `run` -> `engine.execute.run.run`."""
    for node in parsed(module).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    if node.module == module:  # a face that lists one of its modules
                        return f"{module}.{alias.name}"
                    return definition(node.module, alias.name)
    return f"{module}.{name}"


def entry(heading: str, path: str, level: int) -> str:
    """The directive that documents one name."""
    return f"::: {path}\n    options:\n      heading: {heading}\n      heading_level: {level}\n"


def entries(package: str, packages: list[str]) -> str:
    """The Markdown of a face. The names of `engine` are grouped by the packages that define them, in the order of `packages`."""
    listed = {name: definition(package, name) for name in face(package)}
    if package == "engine":
        parts = []
        for origin in packages:
            names = [name for name, path in listed.items() if path.startswith(f"engine.{origin}.")]
            if names:
                parts.append(
                    f"## {origin.capitalize()}\n\n{summary(f'engine.{origin}')} [More names](engine.{origin}.md)\n"
                )
                parts += [entry(f"engine.{name}", listed[name], 3) for name in names]
        return "\n".join(parts)
    faces = {definition("engine", name): f"engine.{name}" for name in face("engine")}
    elsewhere = [f"[`{faces[path]}`][{path}]" for path in listed.values() if path in faces]
    here = [entry(f"{package}.{name}", path, 2) for name, path in listed.items() if path not in faces]
    return "\n".join([*([f"This package also has {', '.join(elsewhere)}.\n"] if elsewhere else []), *here])


def on_page_markdown(markdown: str, config: dict[str, object], **_: object) -> str:
    """Replace a line `[names of PACKAGE]` by the entries of its face, and the name in `[text][engine.run]` by its full name."""
    packages = re.findall(r"api/engine\.(\w+)\.md", str(config["nav"]))
    markdown = re.sub(
        r"\]\[(engine|explorer\.figures)\.(\w+)\]",
        lambda match: f"][{definition(match[1], match[2])}]",
        markdown,
    )
    return re.sub(r"^\[names of ([\w.]+)\]$", lambda match: entries(match[1], packages), markdown, flags=re.MULTILINE)


def on_post_page(output: str, page: object, **_: object) -> str:
    """Refuse a page that loads anything from another server."""
    if match := LOADED.search(output):
        raise SystemExit(f"{page} loads from another server: {match[0]}")
    return output
