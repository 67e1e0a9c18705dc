"""Docstrings of the names that faces list describe arguments, results and errors, in the sections of the Google style."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass

import pytest
from root import ROOT

FACES = [
    "engine",
    *sorted(f"engine.{path.parent.name}" for path in ROOT.glob("engine/*/__init__.py")),
    "explorer.figures",
]


def listed() -> dict[str, object]:
    """Full name -> each function and class that a face lists."""
    faces = [importlib.import_module(face) for face in FACES]
    things = [getattr(face, name) for face in faces for name in face.__all__]
    return {f"{t.__module__}.{t.__qualname__}": t for t in things if inspect.isfunction(t) or inspect.isclass(t)}


def methods(cls: type) -> Iterator[tuple[str, object]]:
    """The public methods that a class defines itself, without properties, which have no arguments."""
    for name, value in vars(cls).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            yield name, value


LISTED = listed()
FUNCTIONS = {name: thing for name, thing in LISTED.items() if inspect.isfunction(thing)} | {
    f"{name}.{method}": function
    for name, thing in LISTED.items()
    if inspect.isclass(thing)
    for method, function in methods(thing)
}
CLASSES = {name: thing for name, thing in LISTED.items() if is_dataclass(thing)}


def sections(text: str) -> dict[str, str]:
    """Title -> indented text of each section of a docstring."""
    parts = re.split(r"^([A-Z]\w+):\n(?=    )", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entries(section: str) -> set[str]:
    """The names that a section documents: `x:`, `x (type):` or `x, y:` at its margin."""
    heads = re.findall(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?:", section, re.MULTILINE)
    return {name.strip("* ") for head in heads for name in head.split(",")}


def names_the_result(text: str | None) -> bool:
    """Whether the first line is a noun phrase, such as "The norm of a gradient.", and so describes the result."""
    return (text or "").partition(" ")[0] in {"The", "A", "An", "All", "Each", "Whether"}


def raised(function: object) -> set[str]:
    """The exceptions that a function raises by itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_documents_its_arguments_its_result_and_its_errors(name):
    function = FUNCTIONS[name]
    parts = sections(inspect.getdoc(function) or "")
    signature = inspect.signature(function)
    parameters = {parameter for parameter in signature.parameters if parameter != "self"}
    assert parameters - entries(parts.get("Args", "")) == set()
    if parameters and signature.return_annotation not in (None, "None"):
        assert parts.keys() & {"Returns", "Yields"} or names_the_result(inspect.getdoc(function))
    assert raised(function) - entries(parts.get("Raises", "")) == set()


@pytest.mark.parametrize("name", CLASSES)
def test_a_public_dataclass_documents_the_fields_that_it_adds(name):
    text = inspect.getdoc(CLASSES[name]) or ""
    parts = sections(text)
    public = {field for field in vars(CLASSES[name]).get("__annotations__", {}) if not field.startswith("_")}
    documented = entries(parts.get("Attributes", "") + parts.get("Args", ""))
    assert public - documented - set(re.findall(r"\w+", text)) == set()  # `out = φ(argument).` documents two fields


@pytest.mark.parametrize("name", LISTED)
def test_no_section_is_written_as_prose(name):
    text = inspect.getdoc(LISTED[name]) or ""
    assert text.partition("\n")[0].endswith(".")
    assert not re.search(r"\b[Rr]aises \w+(Error|Exception)\b", text)


def test_the_first_line_of_a_docstring_is_a_line():
    """A summary of two lines is cut off in lists and tables."""
    for path in (*ROOT.glob("engine/**/*.py"), *ROOT.glob("explorer/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first, *rest = (ast.get_docstring(node) or "").split("\n")
                assert not rest or not rest[0], (path, first)
