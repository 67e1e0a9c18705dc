"""The plan of a recurrence: which of its values run step by step on the way back, and which products are done together.

A recurrence is a stage of the schedule whose instructions depend on themselves at earlier steps. The plan follows from the
schedule and the sizes; `layout` assigns the memory, and `stepwise` and `augmented` write the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand, Schedule, Stage, Term
from engine.execute.schedule import operands as reads
from engine.support.lazy import lazy_property

_ELIMINATE_UP_TO = 768  # units · samples of a recurrence: below, a call costs more than its arithmetic
_AUGMENT_UP_TO = 4096  # entries of a matrix: below, one longer product is cheaper than a product and a sum


@dataclass(frozen=True)
class Stack:
    """Products with one right-hand vector, done as one product with the matrices one above the other.

    Attributes:
        operand: the right-hand vector.
        members: (sum, its term), from the top to the bottom of the stack.
    """

    operand: Operand
    members: tuple[tuple[str, Term], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The sums to which the products belong."""
        return tuple(name for name, _ in self.members)


@dataclass(frozen=True)
class Augmentation:
    """How the whole affine part of a recurrence becomes one product per step and direction: see `augmented`.

    Attributes:
        stack: the only stack of the recurrence; its operand is the state.
        columns: the other vectors that the sums multiply by a matrix.
        heads: the sums outside the recurrence that read the state, if each does so by one product and nothing else
            outside reads it; else None.
    """

    stack: Stack
    columns: tuple[Operand, ...]
    heads: tuple[tuple[str, Term], ...] | None


@dataclass(frozen=True, eq=False)
class Recurrence:
    """The plan of a recurrent stage.

    Attributes:
        inside: name -> instruction, in the order of the flow.
        inner: sum -> its terms that read the recurrence itself.
        outer: sum -> its other terms, which are computed for all steps at once.
        stacks: the products among the inner terms.
        core: the values whose gradients run step by step; the others are eliminated.
        augmentation: None where the stacks are products of their own.
    """

    inside: dict[str, Instruction]
    inner: dict[str, tuple[Term, ...]]
    outer: dict[str, tuple[Term, ...]]
    stacks: tuple[Stack, ...]
    core: frozenset[str]
    augmentation: Augmentation | None = None

    @lazy_property
    def order(self) -> dict[str, int]:
        """Name -> its place in the flow."""
        return {name: place for place, name in enumerate(self.inside)}

    @lazy_property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """Sums that lie side by side in memory: those of a stack, without those of an earlier one."""
        placed: set[str] = set()
        blocks = []
        for stack in self.stacks:
            names = tuple(name for name in stack.names if name not in placed)
            placed |= set(names)
            blocks += [names] if names else []
        return tuple(blocks)

    def sums(self, names: Iterable[str]) -> list[Affine]:
        """The instructions of some of the sums."""
        return [i for i in map(self.inside.__getitem__, names) if isinstance(i, Affine)]

    def functions_of(self, name: str) -> list[Elementwise]:
        """The functions that take a sum as their argument."""
        return [i for i in self.inside.values() if isinstance(i, Elementwise) and i.argument == Operand(name)]


def recurrences(plan: Schedule, units: Callable[[str], int], samples: int, augment: bool) -> dict[int, Recurrence]:
    """The plans of the recurrent stages of a schedule, by the place of the stage.

    Args:
        plan: the schedule of a cell.
        units: name of a value -> its units.
        samples: B.
        augment: whether the values of a step are vectors, which an augmentation requires.
    """
    plans: dict[int, Recurrence] = {}
    heads: set[str] = set()  # heads so far: each belongs to one augmentation
    for place, stage in enumerate(plan.stages):
        if stage.recurrent:
            recurrence = _recurrence(plan, stage, units, samples)
            if augment:
                augmentation = _augmentation(plan, recurrence, units, heads)
                heads |= {name for name, _ in (augmentation and augmentation.heads) or ()}
                recurrence = replace(recurrence, augmentation=augmentation)
            plans[place] = recurrence
    return plans


def _recurrence(plan: Schedule, stage: Stage, units: Callable[[str], int], samples: int) -> Recurrence:
    inside = {i.out: i for i in stage.instructions}
    sums = [i for i in stage.instructions if isinstance(i, Affine)]
    inner = {i.out: tuple(term for term in i.terms if _reads(term, inside)) for i in sums}
    outer = {i.out: tuple(term for term in i.terms if not _reads(term, inside)) for i in sums}
    stacks = _stacks(inside, inner)
    core = _core(plan, inside, stacks, max(map(units, inside)) * samples)
    return Recurrence(inside, inner, outer, stacks, core)


def _reads(term: Term, inside: dict[str, Instruction]) -> bool:
    """Whether a term has a value of the recurrence in it."""
    return any(factor.name in inside and not factor.is_parameter for factor in term.factors)


def _stacks(inside: dict[str, Instruction], inner: dict[str, tuple[Term, ...]]) -> tuple[Stack, ...]:
    """Products in the recurrence by right-hand vector; each sum at most once in a stack."""
    stacks: list[tuple[Operand, dict[str, Term]]] = []
    for name, terms in inner.items():
        for term in terms:
            if term.matrix is None:
                continue
            for operand, members in stacks:
                if operand == term.factors[0] and name not in members:
                    members[name] = term
                    break
            else:
                stacks.append((term.factors[0], {name: term}))
    rank = _rank(inside, inner)
    return tuple(
        Stack(operand, tuple(sorted(members.items(), key=lambda member: rank[member[0]])))
        for operand, members in stacks
    )


def _rank(inside: dict[str, Instruction], inner: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """Rank the sums so that those with the same function and the same reader lie together."""
    order = {name: place for place, name in enumerate(inside)}
    readers: dict[str, Elementwise] = {}
    for i in inside.values():
        if isinstance(i, Elementwise) and not i.argument.lag:
            readers.setdefault(i.argument.name, i)
    functions: list[str] = []
    rank = {}
    for name in inner:
        reader = readers.get(name)
        function = reader.function.name if reader else ""
        if function not in functions:
            functions.append(function)
        consumers = [
            order[i.out]
            for i in inside.values()
            if reader is not None and any(o.name == reader.out and not o.lag for o in reads(i))
        ]
        rank[name] = (functions.index(function), -max(consumers, default=0), order[name])
    return rank


def _core(plan: Schedule, inside: dict[str, Instruction], stacks: Sequence[Stack], numbers: int) -> frozenset[str]:
    """The values whose gradients run step by step: all of them if a step has many numbers.

    Else they are the operands and sums of products, the values that a later step or an instruction outside reads, and losses.
    """
    if numbers > _ELIMINATE_UP_TO or any(isinstance(i, Normalise | Cost) for i in inside.values()):
        return frozenset(inside)
    core = {name for stack in stacks for name in (*stack.names, stack.operand.name)}
    for i in plan.instructions:
        core |= {o.name for o in reads(i) if o.name in inside and (o.lag or i.out not in inside)}
    return frozenset(core | {name for name in plan.cell.losses if name in inside})


def _augmentation(
    plan: Schedule, recurrence: Recurrence, units: Callable[[str], int], taken: set[str]
) -> Augmentation | None:
    """One product per step for a recurrence with one stack, of a state, if its matrices are small."""
    if len(recurrence.stacks) != 1:
        return None
    (stack,) = recurrence.stacks
    state = stack.operand
    if not state.lag or plan.lags[state.name] != state.lag or state.name in stack.names:
        return None
    outer = [recurrence.outer[name] for name in stack.names]
    if any(term.matrix is None and not term.is_bias for terms in outer for term in terms):
        return None
    for terms in outer:
        products = [term.factors[0] for term in terms if term.matrix is not None]
        if len(terms) - len(products) > 1 or len(set(products)) < len(products):
            return None
    columns = tuple(dict.fromkeys(term.factors[0] for terms in outer for term in terms if term.matrix is not None))
    n = units(state.name)
    if any(n * m > _AUGMENT_UP_TO for m in (n, *(units(column.name) for column in columns))):
        return None
    return Augmentation(stack, columns, _heads(plan, recurrence, state.name, units, taken))


def _heads(
    plan: Schedule, recurrence: Recurrence, state: str, units: Callable[[str], int], taken: set[str]
) -> tuple[tuple[str, Term], ...] | None:
    """The sums outside that read the state, if each does so by one product and nothing else outside reads it."""
    recurrent = {i.out for stage in plan.stages if stage.recurrent for i in stage.instructions}
    heads: list[tuple[str, Term]] = []
    for i in plan.instructions:
        if i.out in recurrence.inside or all(o.name != state or o.is_parameter for o in reads(i)):
            continue
        if not isinstance(i, Affine) or plan.lags.get(i.out) or i.out in recurrent or i.out in taken:
            return None
        terms = [t for t in i.terms if any(f.name == state and not f.is_parameter for f in t.factors)]
        if len(terms) != 1 or terms[0].matrix is None or terms[0].factors[0].lag:
            return None
        if units(i.out) * units(state) > _AUGMENT_UP_TO:
            return None
        heads.append((i.out, terms[0]))
    return tuple(heads)
