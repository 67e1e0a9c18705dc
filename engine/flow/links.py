"""The backward pass of a run as a linear system: its links carry gradients from name to name, with known coefficients.

The gradients of a run obey ∇p(t) = Σ (∂u(t + lag)/∂p(t))ᵀ ∇u(t + lag), and after the forward pass every coefficient is known. The
coefficients follow from the instructions of the schedule, for any cell. Values in between, which only multiply a gradient by a
factor and pass it on, are eliminated: the factors of all steps are multiplied at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from engine.execute.run import Run
from engine.execute.schedule import (
    Affine,
    Cost,
    Elementwise,
    Instruction,
    Normalise,
    Operand,
    Schedule,
    counted,
    schedule,
)
from engine.flow import wide
from engine.flow.wide import Wide
from engine.language import operations
from engine.language.operations import FUNCTIONS, SOFTMAX, Array

FAR = 2.0**-150  # slopes below it get an exponent of their own

#: The name under which the wanted gradient arrives.
WANTED = ":wanted"


@dataclass(frozen=True, eq=False)
class Link:
    """From ∇head(t) to ∇tail(t − lag): (scale ∘ ∇head), then through the softmax or times the matrix, if there is one.

    Attributes:
        head: the name whose gradient is sent.
        tail: the name that receives.
        lag: the steps between them.
        scale: a number, or (T, B, n) in floats or Wide.
        matrix: (n_head, n_tail), or None.
        softmax: (T, B, n), the value of the softmax, or None.
    """

    head: str
    tail: str
    lag: int
    scale: Any = 1.0
    matrix: Array | None = None
    softmax: Any = None

    @property
    def is_diagonal(self) -> bool:
        """Whether the link multiplies entry by entry."""
        return self.matrix is None and self.softmax is None

    @property
    def width(self) -> int | None:
        """The numbers of a scaled row, None if as many as of the head; a loss may have several arguments."""
        if self.matrix is not None:
            return len(self.matrix)
        return None if isinstance(self.scale, float) else int(self.scale[0].shape[-1])

    @property
    def is_identity(self) -> bool:
        """Whether the link leaves gradients as they are."""
        return self.is_diagonal and isinstance(self.scale, float) and self.scale == 1.0


@dataclass(frozen=True)
class System:
    """The links between the names that could not be eliminated, in the order of the sweep back.

    Attributes:
        links: head -> its links, the heads in the order in which the sweep reaches them within a step.
        lags: name that later steps read -> its largest lag.
        units: name -> its units.
        far: (T,), the steps at which a slope or value has left the comfortable range of floats.
    """

    links: dict[str, tuple[Link, ...]]
    lags: dict[str, int]
    units: dict[str, int]
    far: Array

    @property
    def carried(self) -> tuple[Link, ...]:
        """The links along which a gradient from a later step can be sent."""
        reached = set(self.lags)
        for head, links in self.links.items():
            if head in reached:
                reached |= {link.tail for link in links if not link.lag}
        return tuple(link for head, links in self.links.items() if head in reached for link in links)


def system(
    run: Run,
    sources: Iterable[str],
    wanted: str,
    *,
    far: bool = False,
    flat: bool = False,
    start: Mapping[str, Array] | None = None,
) -> System:
    """Make the system that leads from the gradients at some names to the gradient at another.

    Args:
        run: the run.
        sources: the names at which gradients start.
        wanted: the name whose gradient is wanted; it arrives under the name WANTED.
        far: whether the coefficients are Wide, right however small.
        flat: whether every slope φ' is taken as 1, which leaves the part of the weights and of the values of gates.
        start: source -> (T, B), whether its gradient is not 0; everywhere if missing. Where no such gradient arrives, an
            infinite coefficient becomes 0, so that 0 times infinity makes no nan.

    Returns:
        The system, with all values in between eliminated.
    """
    plan = schedule(run.cell)
    maker = _Far(run, plan) if far else _Coefficients(run, plan, flat)
    sources = tuple(sources)
    edges = [edge for i in plan.instructions for edge in _edges(i, maker, run)]
    edges += [
        _Edge(i.out, WANTED, 0, partial(maker.pull, i, joint=False))
        for i in plan.instructions
        if isinstance(i, Cost) and i.logits is not None and i.p.name == wanted
    ]
    edges.append(_Edge(wanted, WANTED, 0, partial(float, 1)))
    edges = _between(edges, set(sources), WANTED)
    reached = lru_cache(lambda: counted(plan, start or dict.fromkeys(sources, np.ones((run.T, run.B), bool))))

    def kept(scale: Any, head: str) -> Any:
        if isinstance(scale, float) or np.isfinite(scale.m if isinstance(scale, Wide) else scale).all():
            return scale
        return _where(reached()[head], scale)

    links = [
        Link(
            e.head, e.tail, e.lag, kept(e.scale(), e.head), e.matrix,
            None if e.softmax is None else kept(e.softmax(), e.head),
        )
        for e in edges
    ]  # fmt: skip
    lags: dict[str, int] = {}
    for link in links:
        if link.lag:
            lags[link.tail] = max(lags.get(link.tail, 0), link.lag)
    order = [i.out for i in reversed(plan.instructions)] + ["x"]
    links = _reduced(links, [name for name in order if name not in {*sources, *lags}])
    by_head = {name: tuple(link for link in links if link.head == name) for name in order}
    names = {name for link in links for name in (link.head, link.tail)} | {*sources, wanted}
    units = {name: maker.units(wanted if name == WANTED else name) for name in names | {WANTED}}
    return System({name: own for name, own in by_head.items() if own}, lags, units, maker.far)


def _where(reached: Array, scale: Any) -> Any:
    """A coefficient, with 0 where only gradients that are 0 can arrive."""
    if isinstance(scale, Wide):
        zero = wide.wide(0.0)
        return Wide(np.where(reached[..., None], scale.m, zero.m), np.where(reached[..., None], scale.e, zero.e))
    return np.where(reached[..., None], scale, 0)


@dataclass(frozen=True)
class _Edge:
    """A link before its coefficients are computed."""

    head: str
    tail: str
    lag: int
    scale: Callable[[], Any]
    matrix: Array | None = None
    softmax: Callable[[], Any] | None = None


def _edges(i: Instruction, maker: _Coefficients, run: Run) -> Iterator[_Edge]:
    if isinstance(i, Affine):
        for term in i.terms:
            if term.matrix is not None:
                factor = term.factors[0]
                matrix = np.asarray(run.parameters[term.matrix], np.float64)
                yield _Edge(i.out, factor.name, factor.lag, partial(float, term.coefficient), matrix)
                continue
            for k, factor in enumerate(term.factors):
                if not factor.is_parameter:
                    product = partial(maker.product, term.coefficient, term.others(k))
                    yield _Edge(i.out, factor.name, factor.lag, product)
    elif isinstance(i, Elementwise):
        yield _Edge(i.out, i.argument.name, i.argument.lag, partial(maker.slope, i))
    elif isinstance(i, Normalise):
        yield _Edge(i.out, i.argument.name, i.argument.lag, partial(float, 1), softmax=partial(maker.softmax, i))
    else:
        p = i.argument
        yield _Edge(i.out, p.name, p.lag, partial(maker.pull, i, joint=i.logits is not None))


def _between(edges: list[_Edge], sources: set[str], wanted: str) -> list[_Edge]:
    """The edges on a path from a source to the wanted name."""
    down, up = set(sources), {wanted}
    while more := {e.tail for e in edges if e.head in down} - down:
        down |= more
    while more := {e.head for e in edges if e.tail in up} - up:
        up |= more
    return [e for e in edges if e.head in down and e.tail in up]


def _reduced(links: list[Link], candidates: list[str]) -> list[Link]:
    """The links without those candidates whose gradient is a diagonal factor times one other, or that save links."""
    for name in candidates:
        links = _merged(links)
        into = [link for link in links if link.tail == name]
        out = [link for link in links if link.head == name]
        if not all(link.is_diagonal for link in into):
            continue
        diagonal = all(link.is_diagonal for link in out)
        if len(into) == 1 or (diagonal and len(into) * len(out) <= len(into) + len(out)):
            links = [link for link in links if link.head != name and link.tail != name]
            links += [replace(b, head=a.head, scale=_times(a.scale, b.scale)) for a in into for b in out]
    return _merged(links)


def _merged(links: list[Link]) -> list[Link]:
    """Diagonal links between the same two become one."""
    merged: dict[Any, Link] = {}
    for link in links:
        key = (link.head, link.tail, link.lag) if link.is_diagonal else id(link)
        merged[key] = replace(link, scale=merged[key].scale + link.scale) if key in merged else link
    return list(merged.values())


def _times(a: Any, b: Any) -> Any:
    if isinstance(a, float) and a == 1.0:
        return b
    return a if isinstance(b, float) and b == 1.0 else a * b


class _Coefficients:
    """The coefficients of a run's links, for all steps at once, in float64."""

    def __init__(self, run: Run, plan: Schedule, flat: bool = False) -> None:
        self.run, self.plan, self.flat = run, plan, flat
        self.by_name = {i.out: i for i in plan.instructions}
        self.far = np.zeros(run.T, bool)
        self.hidden: dict[str, Array] = {}

    def units(self, name: str) -> int:
        while name in self.plan.size_of:
            name = self.plan.size_of[name]
        if name.endswith(":column"):
            return int(self.run.parameters[name.removesuffix(":column")].shape[1])
        return self.run.sizes[name]

    def value(self, operand: Operand) -> Array:
        """The value that an instruction reads, (T, B, n), or (n,) for a parameter."""
        name = operand.name
        if name not in self.by_name or name in self.run.value:
            return np.asarray(self.run.read(name, operand.lag), np.float64)
        if name not in self.hidden:
            made = self.by_name[name]
            assert isinstance(made, Affine)
            total = np.zeros((self.run.T, self.run.B, self.units(name)))
            for term in made.terms:
                if term.matrix is not None:
                    total += term.coefficient * (self.value(term.factors[0]) @ self.run.parameters[term.matrix].T)
                else:
                    product = np.asarray(term.coefficient)
                    for factor in term.factors:
                        product = product * self.value(factor)
                    total += product
            self.hidden[name] = total
        return self.hidden[name]

    def factor(self, operand: Operand) -> Any:
        """A value as a factor of a gradient, (T, B, n)."""
        value = self.value(operand)
        if self.is_small(operand):
            self.far |= (value < FAR).any(axis=(1, 2))
        return np.broadcast_to(value, (self.run.T, self.run.B, value.shape[-1]))

    def product(self, coefficient: float, operands: Sequence[Operand]) -> Any:
        total: Any = coefficient
        for operand in operands:
            total = _times(total, self.factor(operand))
        return total

    def slope(self, i: Elementwise) -> Any:
        if self.flat:
            return 1.0
        slope = operations.slope(i.function, np.ascontiguousarray(self.value(i.argument)))
        if i.function.name in wide.SLOPES:
            self.far |= (slope < FAR).any(axis=(1, 2))
        return slope

    def softmax(self, i: Normalise) -> Any:
        return SOFTMAX.value(self.value(i.argument), np.empty((self.run.T, self.run.B, self.units(i.out))))

    def pull(self, i: Cost, joint: bool) -> Any:
        """∂L(t)/∂p(t), or ∂L(t)/∂a(t) where p is computed from a."""
        run, y = self.run, self.run.y if self.run.y.dtype.kind in "iu" else np.asarray(self.run.y, np.float64)
        if not joint:
            p = self.value(i.p)
            pulled = np.asarray(i.loss.pull(p, y, np.ones((run.T, run.B, 1))), np.float64)
            if self.is_small(i.p):  # where a small p matters in p − y, or in 1/p
                self.far |= ((p < FAR) | ~np.isfinite(pulled)).any(axis=(1, 2))
            return pulled
        assert i.logits is not None
        assert i.loss.joint is not None
        a = np.ascontiguousarray(self.value(i.logits))
        rows = a.reshape(-1, a.shape[-1])
        pull = np.empty_like(rows)
        i.loss.joint(rows, y.reshape(len(rows), *y.shape[2:]), np.empty_like(rows), np.empty(len(rows)), pull)
        pulled = pull.reshape(a.shape)
        self.far |= (np.abs(pulled) < FAR).any(axis=(1, 2))
        return pulled

    def is_small(self, operand: Operand) -> bool:
        """Whether a value is a softmax, or of a function that may fall below every float."""
        instruction = self.by_name.get(operand.name)
        is_small_function = isinstance(instruction, Elementwise) and instruction.function.name in wide.VALUES
        return is_small_function or isinstance(instruction, Normalise)


class _Far(_Coefficients):
    """The coefficients as Wide; slopes and values beyond the range of floats are computed from their arguments."""

    def factor(self, operand: Operand) -> Any:
        instruction, whole = self.by_name.get(operand.name), wide.wide(super().factor(operand))
        if not self.is_small(operand):
            return whole
        if isinstance(instruction, Normalise):
            return self.late(whole, wide.softmax(self.value(instruction.argument)), operand.lag)
        assert isinstance(instruction, Elementwise)
        return self.late(whole, wide.VALUES[instruction.function.name](self.value(instruction.argument)), operand.lag)

    def rest(self, operand: Operand) -> Wide:
        """1 − p for a value p of a softmax, of a sigmoid, or any other."""
        instruction, whole = self.by_name.get(operand.name), wide.wide(1 - super().factor(operand))
        if isinstance(instruction, Normalise):
            return self.late(whole, wide.others(wide.softmax(self.value(instruction.argument))), operand.lag)
        if isinstance(instruction, Elementwise):
            return self.late(
                whole, wide.complement(instruction.function, self.value(instruction.argument)), operand.lag
            )
        return whole

    def late(self, early: Wide, values: Wide, lag: int) -> Wide:
        """Values as they are read `lag` steps later; the first rows are those of the initial values."""
        T, lag = self.run.T, min(lag, self.run.T)
        return Wide(*(np.concatenate([a[:lag], b[: T - lag]]) for a, b in ((early.m, values.m), (early.e, values.e))))

    def slope(self, i: Elementwise) -> Any:
        return wide.slope(FUNCTIONS[i.function.name], self.value(i.argument))

    def softmax(self, i: Normalise) -> Any:
        return wide.softmax(self.value(i.argument))

    def pull(self, i: Cost, joint: bool) -> Any:
        name, n = i.loss.name, self.units(i.p.name)
        y = operations.one_hot(self.run.y, n).astype(np.float64)
        if joint:
            assert i.logits is not None
            a = self.value(i.logits)
            p = wide.softmax(a) if name == "nll" else wide.VALUES["sigmoid"](a)
            if name == "nll":  # p_i Σ_j y_j − y_i, with Σ_j p_j = 1 put in for the 1 of y_i
                return p * wide.others(wide.wide(y)) + wide.others(p) * -y
            return (p * (1 - y) + wide.VALUES["sigmoid"](-a) * -y) * (1 / n)
        if not self.is_small(i.p):
            return wide.wide(super().pull(i, joint))
        p = self.factor(i.p)
        if name == "nll":
            return wide.over(-y, p)
        if name == "bce":
            return (wide.over(1 - y, self.rest(i.p)) + wide.over(-y, p)) * (1 / n)
        near = wide.wide(1 - y) + self.rest(i.p) * -1.0  # p − y, from the side where less cancels
        below = p + wide.wide(-y)
        return Wide(*(np.where(y >= 0.5, one, other) for one, other in ((near.m, below.m), (near.e, below.e)))) * (
            2 / n
        )
