"""Section: the recursion put into itself, A8."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.flow.expansion import expand
from engine.language import notation
from engine.language.cell import Cell
from engine.language.operations import Array
from engine.working.derivation.line import Line
from engine.working.derivation.node import backward_line
from engine.working.derivation.recursion import factor_tex, needs_states, only_state, own_symbols
from engine.working.derivation.step import BY_SIDES, StepContext
from engine.working.derivation.writing import aligned, matrix_tex, plus, shifted, with_result, with_step_number

MAX_UNITS = 256  # of what is carried from step to step, to be taken apart


@dataclass(frozen=True)
class NestedSum:
    """own[k] + factors[k]ᵀ (own[k+1] + factors[k+1]ᵀ (… last)); left, owns, heads, end are the same in LaTeX.

    names   what the sum is called after each bracket, from the outermost; the last is `end`
    """

    own: list[Array]
    factors: list[Array]
    last: Array | None
    owns: list[str]
    heads: list[str]
    names: list[str]

    @property
    def nested(self) -> list[Array]:
        """The value of each bracket, from the outermost to the innermost."""
        inner = self.last
        found = [] if inner is None else [inner]
        for k in range(len(self.own) - 1, -1, -1):
            inner = self.own[k] if inner is None else self.own[k] + self.factors[k].T @ inner
            found.append(inner)
        return found[::-1]

    @property
    def terms(self) -> list[tuple[str, Array]]:
        """Multiplied out: a term for each own, and one for the last."""
        found, product, heads = list[tuple[str, Array]](), np.eye(len(self.own[0])), list[str]()
        ends = [
            *zip(self.own, self.owns, strict=True),
            *([(self.last, self.names[-1])] if self.last is not None else []),
        ]
        for k, (vector, text) in enumerate(ends):
            found.append((r"\,".join([*heads, text]), product @ vector))
            if k < len(self.factors):
                product, heads = product @ self.factors[k].T, [*heads, self.heads[k]]
        return found


def needs_few_units(run: Run) -> str:
    if reason := needs_states(run):
        return reason
    units = sum(lag * run.sizes[name] for name, lag in run.cell.lags.items())
    return f"{units} units are carried from step to step; up to {MAX_UNITS} are taken apart." * (units > MAX_UNITS)


def expansion_lines(at: StepContext, levels: int) -> Iterator[Line]:
    run, name = at.run, only_state(at.cell)
    if at.t == run.T:
        state = name or at.cell.states[0]
        yield backward_line(at, state, "A8", "At the last step there is nothing to put in: choose an earlier one.")
        return
    m = min(levels, run.T - at.t)
    if name:
        yield from _book_expansion(at, name, m)
    else:
        yield from _joint_expansion(at, m)


def _book_expansion(at: StepContext, name: str, m: int) -> Iterator[Line]:
    ends = at.t + m == at.run.T
    own = [at.moved(k).own(name) for k in range(m + ends)]
    symbols = own_symbols(at.cell, name)
    recursion = NestedSum(
        own, [at.moved(k).step_jacobian(name, name) for k in range(1, m + 1)],
        None if ends else at.grad(name, at.t + m), [shifted(symbols, k) for k in range(m + ends)],
        [factor_tex(name, k) for k in range(1, m + 1)], [notation.nabla(name, notation.step(k)) for k in range(m + 1)],
    )  # fmt: skip
    gradient, by, near = at.by_disturbance(name, at.t)
    yield from _both_forms(at, recursion, gradient, by, near, "the outputs")
    parts = expand(at.run, name, at.t, at.sample).terms
    own_terms = [vector for _, vector in recursion.terms[: len(own)]]
    yield at.line(
        "A8", "Each term is what the loss of one step gives, by way of the states between: the same as the gradient of that"
        " loss alone.",
        rf"{notation.nabla(name, 't')} = \sum_{{s=t}}^{{\tau}} \nabla_{{{notation.at_step(name, (), 't')}}} L^{{(s)}}",
        aligned([
            rf"\nabla_{{{at.now(name)}}} L^{{({part.s})}} &= {matrix_tex(part.vector)}"
            for part in parts[: len(own)]
        ]),
        np.array(own_terms), np.array([part.vector for part in parts[: len(own)]]),
        "the gradient of each step's loss, carried back by itself",
    )  # fmt: skip


def _both_forms(
    at: StepContext, recursion: NestedSum, gradient: Array, by: str, near: float, said: str, left: str = ""
) -> Iterator[Line]:
    nested, terms = recursion.nested, recursion.terms
    left = left or recursion.names[0]
    depth = len(recursion.heads)
    rows, open_ = list[str](), ""
    for k, own in enumerate(recursion.owns):
        text = f"{left} &= {own}" if not k else r"&\quad" + r"\quad" * (k - 1) + f" {open_} {own}"
        rows.append(text)
        open_ = rf"+ {recursion.heads[k]} \Bigl[" if k < depth else ""
    if recursion.last is not None:
        rows.append(r"&\quad" + r"\quad" * (depth - 1) + f" {open_} {recursion.names[-1]}")
    rows[-1] += r"\Bigr]" * depth
    values = list(zip(recursion.names, nested, strict=False))
    steps = [
        f"{with_step_number(text, at.t)} &= {matrix_tex(value)}" if k == len(values) - 1 else
        f"{with_step_number(text, at.t)} &= {matrix_tex(recursion.own[k])}"
        f" + {matrix_tex(recursion.factors[k].T)} {matrix_tex(nested[k + 1])} = {matrix_tex(value)}"
        for k, (text, value) in enumerate(values)
    ]  # fmt: skip
    yield at.line(
        "A8", f"The recursion put into itself {depth} time{'s' * (depth > 1)}, as the text nests it. In numbers, from the"
        " innermost bracket out.", aligned(rows), aligned(steps[::-1]), nested[0], gradient, by, tolerance=near,
    )  # fmt: skip
    total = np.sum([vector for _, vector in terms], axis=0)
    yield at.line(
        "A8", f"Multiplied out: a sum over {said}, with a factor more for each step further on.",
        aligned([f"{left} &= {terms[0][0]}", *(rf"&\quad + {text}" for text, _ in terms[1:])]),
        with_result(with_step_number(left, at.t), plus([matrix_tex(vector) for _, vector in terms]), total),
        total, nested[0], BY_SIDES, tuple(f"{with_step_number(text, at.t)} = {matrix_tex(vector)}" for text, vector in terms),
    )  # fmt: skip


def _joint_expansion(at: StepContext, m: int) -> Iterator[Line]:
    """For cells that carry several states, or one for several steps: z holds all that is carried, c what comes back to it."""
    cell, run = at.cell, at.run
    states = [(name, j) for name in cell.states for j in range(cell.lags[name])]
    first = cell.states[0]

    def stacked(carried: Mapping[str, Array]) -> Array:
        return np.concatenate([carried[name][-1 - j] for name, j in states])

    def z(k: int) -> str:
        return rf"z^{{({notation.step(k)})}}"

    def c(k: int) -> str:
        return rf"c^{{({notation.step(k)})}}"

    parts = [notation.at_step(name, (), notation.step(-j)) for name, j in states]
    n, size = run.sizes[first], sum(run.sizes[name] for name, _ in states)
    into = _transposed(at.disturbed(n, {first: np.eye(n)}), cell, at, n, first)
    carried = stacked(at.carried())
    gradient, by, near = at.by_disturbance(first, at.t)
    own = at.own(first)
    z_by = rf"\left(\frac{{d {z(0)}}}{{d {notation.at_step(first, (), 't')}}}\right)^\top"
    yield at.line(
        "A8", "This cell carries more than one vector on. Take them as one, $z$, and call what comes back to it from all later"
        " steps $c$.",
        rf"\begin{{aligned}} {z(0)} &= \left({', '.join(parts)}\right) \\ {notation.nabla(first, 't')} &="
        rf" \nabla_{{{notation.at_step(first, (), 't')}}} L^{{(t)}} + {z_by} {c(0)} \end{{aligned}}",
        with_result(notation.nabla(first, str(at.t)), f"{matrix_tex(own)} + {matrix_tex(into)} {matrix_tex(carried)}",
        own + into @ carried),
        own + into @ carried, gradient, by, tolerance=near,
    )  # fmt: skip
    ends = at.t + m == run.T
    owns, factors = [], []
    for k in range(1, m + 1):
        after = at.moved(k)
        directions, row = {}, 0
        for name in cell.states:
            direction = np.zeros((cell.lags[name], size, run.sizes[name]))
            for j in range(cell.lags[name]):
                direction[-1 - j, row : row + run.sizes[name]] = np.eye(run.sizes[name])
                row += run.sizes[name]
            directions[name] = direction
        changes = after.disturbed(size, before=directions)
        owns.append(after.losses(changes))
        factors.append(
            np.concatenate([changes[name] if not j else directions[name][-j] for name, j in states], axis=1).T
        )
    recursion = NestedSum(
        owns, factors[: m - ends], None if ends else stacked(at.moved(m).carried()),
        [rf"\nabla_{{{z(k - 1)}}} L^{{({notation.step(k)})}}" for k in range(1, m + 1)],
        [rf"\left(\frac{{\partial {z(k)}}}{{\partial {z(k - 1)}}}\right)^\top" for k in range(1, m + 1 - ends)],
        [c(k) for k in range(m + 1 - ends)],
    )  # fmt: skip
    yield from _both_forms(
        at, recursion, carried, "what the run's edges carry back", at.tolerance, "the losses of later steps"
    )


def _transposed(changes: Mapping[str, Array], cell: Cell, at: StepContext, n: int, first: str) -> Array:
    """(dz(t)/dh(t))ᵀ from the changes of a step's nodes: what was carried longer does not change."""
    return np.concatenate([
        changes[name] if not j else np.zeros((n, at.run.sizes[name])) for name in cell.states for j in range(cell.lags[name])
    ], axis=1)  # fmt: skip
