"""Captions of the sweep in plain text: of each node its equation, and its gradient as a sum over the edges that leave it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from engine.language import Cell, Expression, Name, Symbol, index_text, lifted, printer, written
from explorer import theme
from explorer.picture.scene import Scene

_At: TypeAlias = Callable[..., str]

#: A gradient: how its equation begins, and the summands, each with the number of steps by which its node comes later.
Sum: TypeAlias = tuple[str, tuple[tuple[int, str], ...]]


@dataclass(frozen=True)
class Captions:
    """The captions of each name, forward and backward.

    {t} stands for the step, {t-1} and {t+2} for steps before and after it; between ⁽ and ⁾ they are written as superscripts.
    A summand whose node would come after the last step is left out.
    """

    forward: Mapping[str, str]
    backward: Mapping[str, Sum]


def captions(scene: Scene) -> Captions:
    """Write the equations: h⁽³⁾ = tanh(a⁽³⁾); ∇h⁽³⁾ = (∂a⁽⁴⁾/∂h⁽³⁾)ᵀ ∇a⁽⁴⁾ + (∂o⁽³⁾/∂h⁽³⁾)ᵀ ∇o⁽³⁾.

    Args:
        scene: the picture whose nodes are computed

    Returns:
        The captions of every name of the scene.
    """
    cell, shared = scene.cell, scene.grid.shared
    symbols = {name: symbol_text(parts) for name, parts in zip(scene.names, scene.symbols, strict=True)}

    def at(name: str, lag: int = 0) -> str:
        has_step = name not in cell.parameters or (name in symbols and name not in shared)
        symbol = symbols.get(name) or written(name)
        return symbol + (f"⁽{{t{lag:+d}}}⁾" if lag else "⁽{t}⁾") * has_step

    def show(read: Name) -> str | Expression:
        return lifted(cell.equations, read) or at(read.name, -read.lag)

    forward: dict[str, str] = {}
    backward: dict[str, Sum] = {}
    for name, role in zip(scene.names, scene.roles, strict=True):
        if name in cell.equations:
            left = "" if cell.equations[name].within is not None else f"{at(name)} = "
            forward[name] = left + printer.write(cell.equations[name].expression, printer.PLAIN, show)
        else:
            forward[name] = f"{at(name)} is given"
        backward[name] = ("", ()) if role == "target" else _gradient(cell, scene, name, at)
    return Captions(forward, backward)


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


def symbol_parts(parts: Symbol) -> tuple[str, bool, str]:
    """The letter of a symbol with its accent, whether the letter is in italics, and the index."""
    function = theme.FUNCTIONS.get(parts.letter)
    letter = function or written(f"{parts.letter}_{parts.accent}" if parts.accent else parts.letter)
    return (
        letter,
        function is None,
        index_text(parts.index or "", lambda word: theme.FUNCTIONS.get(word) or written(word)),
    )


def symbol_text(parts: Symbol) -> str:
    """A symbol as plain text: ŷ, σ, W_f, h₁."""
    letter, _, index = symbol_parts(parts)
    return letter + (written(f"x_{index}")[1:] if index.isdigit() else f"_{index}" if index else "")
