"""Section: the recursion put into itself, A8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.execute.run import Run
from engine.flow.expansion import expand
from engine.language import notation
from engine.language.operations import Array
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line
from engine.working.derivation.recursion import factor_tex, needs_states, only_state, own_symbols
from engine.working.derivation.step import BY_SIDES, StepContext
from engine.working.derivation.writing import (
    aligned,
    matrix_tex,
    partial_tex,
    plus,
    shifted,
    with_result,
    with_step_number,
)

MAX_UNITS: Final = 256  # units carried from step to step that are taken apart


def needs_few_units(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    if reason := needs_states(run):
        return reason
    units = sum(lag * run.sizes[name] for name, lag in run.cell.lags.items())
    return f"{units} units are carried from step to step; up to {MAX_UNITS} are taken apart." * (units > MAX_UNITS)


def expansion_lines(at: StepContext, levels: int) -> Iterator[Line]:
    """The recursion put into itself up to `levels` times, nested and multiplied out."""
    run, state = at.run, only_state(at.cell)
    if at.t == run.T:
        explanation = "At the last step there is nothing to put in: choose an earlier one."
        yield backward_line(at, state or at.cell.states[0], "A8", explanation)
        return
    depth = min(levels, run.T - at.t)
    if state:
        yield from _of_one_state(at, state, depth)
    else:
        yield from _of_all_carried(at, depth)


# --- a sum whose last factor is a sum ------------------------------------------------------------------------------


@dataclass(frozen=True)
class NestedSum:
    """own[0] + factors[0]ᵀ (own[1] + factors[1]ᵀ (… + last)), in numbers and in LaTeX.

    Attributes:
        own: The first summand of each bracket.
        factors: The Jacobians whose transposes stand in front of the brackets.
        last: The innermost summand; None if the last bracket holds only its own.
        own_symbols: `own` in LaTeX.
        factor_symbols: The transposed Jacobians in LaTeX.
        names: The name of the sum from each bracket on, in LaTeX; the last is that of `last`.
    """

    own: list[Array]
    factors: list[Array]
    last: Array | None
    own_symbols: list[str]
    factor_symbols: list[str]
    names: list[str]

    @property
    def brackets(self) -> list[Array]:
        """The value of each bracket, from the outermost to the innermost."""
        inner = self.last
        values = [] if inner is None else [inner]
        for k in range(len(self.own) - 1, -1, -1):
            inner = self.own[k] if inner is None else self.own[k] + self.factors[k].T @ inner
            values.append(inner)
        return values[::-1]

    @property
    def terms(self) -> list[tuple[str, Array]]:
        """The terms of the sum multiplied out, in LaTeX and in numbers."""
        terms, product, factors = list[tuple[str, Array]](), np.eye(len(self.own[0])), list[str]()
        summands = [*zip(self.own, self.own_symbols, strict=True)]
        if self.last is not None:
            summands.append((self.last, self.names[-1]))
        for k, (vector, symbols) in enumerate(summands):
            terms.append((r"\,".join([*factors, symbols]), product @ vector))
            if k < len(self.factors):
                product, factors = product @ self.factors[k].T, [*factors, self.factor_symbols[k]]
        return terms

    def nested_symbols(self) -> str:
        """The sum in LaTeX, with a line for each bracket."""
        depth, opening, rows = len(self.factor_symbols), "", list[str]()
        for k, own in enumerate(self.own_symbols):
            indent = r"&\quad" + r"\quad" * (k - 1)
            rows.append(f"{indent} {opening} {own}" if k else f"{self.names[0]} &= {own}")
            opening = rf"+ {self.factor_symbols[k]} \Bigl[" if k < depth else ""
        if self.last is not None:
            rows.append(r"&\quad" + r"\quad" * (depth - 1) + f" {opening} {self.names[-1]}")
        rows[-1] += r"\Bigr]" * depth
        return aligned(rows)

    def nested_numbers(self, t: int) -> str:
        """The values of the brackets in LaTeX, from the innermost to the outermost."""
        values, rows = self.brackets, list[str]()
        last = min(len(self.names), len(values)) - 1
        for k in range(last + 1):
            left, value = f"{with_step_number(self.names[k], t)} &= ", matrix_tex(values[k])
            if k < last:
                product = f"{matrix_tex(self.factors[k].T)} {matrix_tex(values[k + 1])}"
                value = f"{matrix_tex(self.own[k])} + {product} = {value}"
            rows.append(left + value)
        return aligned(rows[::-1])


def _nested_explanation(depth: int) -> str:
    times = f"{depth} time{'s' * (depth > 1)}"
    return f"The recursion put into itself {times}, as the text nests it. In numbers, from the innermost bracket out."


def _multiplied_out(at: StepContext, nested: NestedSum, summands: str) -> Line:
    terms, left = nested.terms, nested.names[0]
    total = np.sum([vector for _, vector in terms], axis=0)
    numbers = plus([matrix_tex(vector) for _, vector in terms])
    return at.line(
        "A8", f"Multiplied out: a sum over {summands}, with one more factor for each further step.",
        aligned([f"{left} &= {terms[0][0]}", *(rf"&\quad + {symbols}" for symbols, _ in terms[1:])]),
        with_result(with_step_number(left, at.t), numbers, total), total, nested.brackets[0], BY_SIDES,
        tuple(f"{with_step_number(symbols, at.t)} = {matrix_tex(vector)}" for symbols, vector in terms),
    )  # fmt: skip


# --- a cell that carries one vector --------------------------------------------------------------------------------


def _of_one_state(at: StepContext, name: str, depth: int) -> Iterator[Line]:
    reaches_end = at.t + depth == at.run.T
    own = [at.moved(k).own_grad(name) for k in range(depth + reaches_end)]
    symbols = own_symbols(at.cell, name)
    nested = NestedSum(
        own, [at.moved(k).step_jacobian(name, name) for k in range(1, depth + 1)],
        None if reaches_end else at.grad(name, at.t + depth), [shifted(symbols, k) for k in range(len(own))],
        [factor_tex(name, k) for k in range(1, depth + 1)], [notation.nabla(name, notation.step(k)) for k in range(depth + 1)],
    )  # fmt: skip
    yield at.line_by_disturbance(
        "A8", _nested_explanation(depth), nested.nested_symbols(), nested.nested_numbers(at.t), nested.brackets[0], name, at.t,
    )  # fmt: skip
    yield _multiplied_out(at, nested, "the outputs")
    yield _by_loss(at, name, [vector for _, vector in nested.terms[: len(own)]])


def _by_loss(at: StepContext, name: str, terms: list[Array]) -> Line:
    by_loss = expand(at.run, name, at.t, at.sample).terms[: len(terms)]
    return at.line(
        "A8", "Each term is the contribution of one step's loss, through the states between: the gradient of that loss alone.",
        rf"{notation.nabla(name, 't')} = \sum_{{s=t}}^{{\tau}} \nabla_{{{notation.at_step(name, (), 't')}}} L^{{(s)}}",
        aligned([rf"\nabla_{{{at.now(name)}}} L^{{({term.s})}} &= {matrix_tex(term.vector)}" for term in by_loss]),
        np.array(terms), np.array([term.vector for term in by_loss]),
        "the gradient of each step's loss, carried back by itself",
    )  # fmt: skip


# --- a cell that carries several vectors, or one for several steps -------------------------------------------------


def _z(k: int) -> str:
    """The symbol of all that is carried out of step t + k, as one vector."""
    return rf"z^{{({notation.step(k)})}}"


def _c(k: int) -> str:
    """The symbol of the gradient that comes back to it from later steps."""
    return rf"c^{{({notation.step(k)})}}"


@dataclass(frozen=True)
class _Carried:
    """All that a cell carries from step to step, as one vector z: each state, and its earlier values up to its lag."""

    run: Run

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Each state with how many steps back its value is."""
        return [(name, j) for name in self.run.cell.states for j in range(self.run.cell.lags[name])]

    def stacked(self, arrays: Mapping[str, Array]) -> Array:
        """State -> (K, n), the last row being this step's, as one vector."""
        return np.concatenate([arrays[name][-1 - j] for name, j in self.parts])

    def directions(self) -> dict[str, Array]:
        """A unit vector for each entry of z, by state: (K, size of z, n)."""
        sizes, lags = self.run.sizes, self.run.cell.lags
        size = sum(sizes[name] for name, _ in self.parts)
        directions = {name: np.zeros((lags[name], size, sizes[name])) for name in self.run.cell.states}
        row = 0
        for name, j in self.parts:
            directions[name][-1 - j, row : row + sizes[name]] = np.eye(sizes[name])
            row += sizes[name]
        return directions

    def by_state(self, at: StepContext, name: str) -> Array:
        """(dz(t)/dh(t))ᵀ for a state h; its earlier values do not change."""
        n = self.run.sizes[name]
        changes = at.disturbed(n, {name: np.eye(n)})
        return np.concatenate(
            [changes[state] if not j else np.zeros((n, self.run.sizes[state])) for state, j in self.parts], axis=1
        )

    def step(self, at: StepContext) -> tuple[Array, Array]:
        """∇_z(t−1) of this step's losses, and ∂z(t)/∂z(t−1)."""
        directions = self.directions()
        size = sum(self.run.sizes[name] for name, _ in self.parts)
        changes = at.disturbed(size, before=directions)
        jacobian = [changes[name] if not j else directions[name][-j] for name, j in self.parts]
        return at.losses(changes), np.concatenate(jacobian, axis=1).T


def _of_all_carried(at: StepContext, depth: int) -> Iterator[Line]:
    carried = _Carried(at.run)
    yield _by_carried(at, carried, at.cell.states[0])
    reaches_end = at.t + depth == at.run.T
    steps = [carried.step(at.moved(k)) for k in range(1, depth + 1)]
    factors = depth - reaches_end
    nested = NestedSum(
        [own for own, _ in steps], [jacobian for _, jacobian in steps[:factors]],
        None if reaches_end else carried.stacked(at.moved(depth).carried_back()),
        [rf"\nabla_{{{_z(k - 1)}}} L^{{({notation.step(k)})}}" for k in range(1, depth + 1)],
        [rf"\left({partial_tex(_z(k), _z(k - 1))}\right)^\top" for k in range(1, factors + 1)],
        [_c(k) for k in range(factors + 1)],
    )  # fmt: skip
    yield at.line(
        "A8", _nested_explanation(factors), nested.nested_symbols(), nested.nested_numbers(at.t), nested.brackets[0],
        carried.stacked(at.carried_back()), "what the run's edges carry back",
    )  # fmt: skip
    yield _multiplied_out(at, nested, "the losses of later steps")


def _by_carried(at: StepContext, carried: _Carried, name: str) -> Line:
    """The gradient at a state from that of its step's own loss and from what comes back to z."""
    own, jacobian, back = at.own_grad(name), carried.by_state(at, name), carried.stacked(at.carried_back())
    total, state = own + jacobian @ back, notation.at_step(name, (), "t")
    parts = ", ".join(notation.at_step(part, (), notation.step(-j)) for part, j in carried.parts)
    z_by = rf"\left(\frac{{d {_z(0)}}}{{d {state}}}\right)^\top"
    return at.line_by_disturbance(
        "A8", "This cell carries more than one vector on. Take them as one vector $z$, and let $c$ be the gradient that comes"
        " back to it from all later steps.",
        rf"\begin{{aligned}} {_z(0)} &= \left({parts}\right) \\ {notation.nabla(name, 't')} &="
        rf" \nabla_{{{state}}} L^{{(t)}} + {z_by} {_c(0)} \end{{aligned}}",
        with_result(notation.nabla(name, str(at.t)), f"{matrix_tex(own)} + {matrix_tex(jacobian)} {matrix_tex(back)}", total),
        total, name, at.t,
    )  # fmt: skip
