"""What the sweep says of each node, in plain text: its equation, and its gradient as a sum over the edges that leave it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.language import Cell, Expression, Name, Symbol, index_text, lifted, printer, written
from explorer import theme
from explorer.picture.scene import Scene

_At: TypeAlias = Callable[..., str]

#: What is said of a gradient: its begin, and the summands, each with the number of steps by which its node comes later.
Sum: TypeAlias = tuple[str, tuple[tuple[int, str], ...]]


@dataclass(frozen=True)
class Captions:
    """What the sweep says at each name, forward and backward.

    {t} gives way to the step, {t-1} and {t+2} to others; between ⁽ and ⁾ they are written as superscripts. A summand whose
    node would come after the last step is left out.
    """

    forward: Mapping[str, str]
    backward: Mapping[str, Sum]


def captions(scene: Scene) -> Captions:
    """The equations: h⁽³⁾ = tanh(a⁽³⁾); ∇h⁽³⁾ = (∂a⁽⁴⁾/∂h⁽³⁾)ᵀ ∇a⁽⁴⁾ + (∂o⁽³⁾/∂h⁽³⁾)ᵀ ∇o⁽³⁾."""
    cell, shared = scene.cell, scene.grid.shared
    signs = {name: plain(parts) for name, parts in zip(scene.names, scene.symbols, strict=True)}

    def at(name: str, lag: int = 0) -> str:
        copied = name not in cell.parameters or (name in signs and name not in shared)
        sign = signs.get(name) or written(name)
        return sign + (f"⁽{{t{lag:+d}}}⁾" if lag else "⁽{t}⁾") * copied

    def show(read: Name) -> str | Expression:
        return lifted(cell.equations, read) or at(read.name, -read.lag)

    made: dict[str, str] = {}
    known: dict[str, Sum] = {}
    for name, role in zip(scene.names, scene.roles, strict=True):
        if name in cell.equations:
            left = "" if cell.equations[name].within is not None else f"{at(name)} = "
            made[name] = left + printer.write(cell.equations[name].expression, printer.PLAIN, show)
        else:
            made[name] = f"{at(name)} is given"
        known[name] = ("", ()) if role == "target" else _gradient(cell, scene, name, at)
    return Captions(made, known)


def _gradient(cell: Cell, scene: Scene, name: str, at: _At) -> Sum:
    wires = [
        wire
        for wire in scene.grid.wires
        if wire.source == name and scene.roles[scene.names.index(wire.target)] != "target"
    ]
    if not wires:
        return f"∇{at(name)} is the weight of this loss" if name in cell.losses else f"∇{at(name)} = 0", ()
    terms = tuple((wire.lag, _term(at(wire.target, wire.lag), at(name))) for wire in wires)
    if name not in scene.grid.shared:
        return f"∇{at(name)} = ", terms
    return f"∇{at(name)} = Σₜ " + " + ".join(term for _, term in terms).replace("{t}", "ᵗ"), ()


def _term(target: str, source: str) -> str:
    return f"(∂{target}/∂{source})ᵀ ∇{target}"


def drawn(parts: Symbol) -> tuple[str, bool, str]:
    """A symbol as it is drawn: its letter with the accent, whether that is in italics, and its index."""
    function = theme.FUNCTIONS.get(parts.letter)
    letter = function or written(f"{parts.letter}_{parts.accent}" if parts.accent else parts.letter)
    return (
        letter,
        function is None,
        index_text(parts.index or "", lambda word: theme.FUNCTIONS.get(word) or written(word)),
    )


def plain(parts: Symbol) -> str:
    """A symbol as plain text: ŷ, σ, W_f, h₁."""
    letter, _, index = drawn(parts)
    return letter + (written(f"x_{index}")[1:] if index.isdigit() else f"_{index}" if index else "")
