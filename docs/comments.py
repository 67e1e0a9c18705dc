"""An extension of griffe, which reads the docstrings: `#:` comments document constants; lazy properties are properties."""

from __future__ import annotations

import ast
from typing import Any

import griffe


class Comments(griffe.Extension):
    """The hooks that griffe calls while it reads a module."""

    def on_attribute_instance(self, *, node: Any, attr: griffe.Attribute, agent: Any, **_: Any) -> None:
        """Take the `#:` lines above a constant as its docstring."""
        if attr.docstring or not isinstance(node, ast.Assign | ast.AnnAssign):
            return
        above = agent.code.splitlines()[: node.lineno - 1]
        lines: list[str] = []
        while above and (line := above.pop().strip()).startswith("#:"):
            lines.insert(0, line.removeprefix("#:").strip())
        if lines:
            attr.docstring = griffe.Docstring("\n".join(lines), lineno=node.lineno - len(lines), parent=attr)

    def on_function_instance(self, *, node: Any, func: griffe.Function, agent: Any, **_: Any) -> None:
        """Turn a method under `lazy_property` into a property."""
        if any(decorator.callable_path.endswith(".lazy_property") for decorator in func.decorators):
            attr = griffe.Attribute(
                func.name,
                lineno=func.lineno,
                endlineno=func.endlineno,
                annotation=func.returns,
                docstring=func.docstring,
            )
            attr.labels.add("property")
            agent.current.set_member(func.name, attr)
