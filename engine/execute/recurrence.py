"""A recurrence: what of a run goes step by step, and how little of it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from engine.execute.memory import Bound, Buffer, Call, Product, Slot, Steps, fused
from engine.execute.memory import Operand as Place
from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand, Stage, Term
from engine.execute.schedule import operands as reads
from engine.execute.writer import Writer, is_bias, kept_registers, plain_cost, product, softmax_back
from engine.language.operations import SOFTMAX, Array, Loss

_ELIMINATE_UP_TO = 768  # units · samples of a recurrence: below, a call costs more than its arithmetic
_AUGMENT_UP_TO = 4096  # entries of a matrix: below, one longer product is cheaper than a product and a sum


class Recurrence:
    """A recurrence: what of it is core, how it lies in memory, and its calls."""

    def __init__(self, writer: Writer, stage: Stage) -> None:
        self.writer, self.stage = writer, stage
        self.inside = {i.out: i for i in stage.instructions}
        self.order = {name: i for i, name in enumerate(self.inside)}
        self.inner = {
            i.out: [t for t in i.terms if any(f.name in self.inside and not f.is_parameter for f in t.factors)]
            for i in stage.instructions
            if isinstance(i, Affine)
        }
        self.outer = {
            i.out: [t for t in i.terms if t not in self.inner[i.out]]
            for i in stage.instructions
            if isinstance(i, Affine)
        }
        self.stacks = self.find_stacks()
        self.core = self.find_core()

    # What there is -----------------------------------------------------------------------------------------------

    def find_stacks(self) -> list[tuple[Operand, list[tuple[str, Term]]]]:
        """Products in the recurrence by right-hand vector; each sum at most once in a stack."""
        stacks: list[tuple[Operand, list[tuple[str, Term]]]] = []
        for name, terms in self.inner.items():
            for term in terms:
                if term.matrix is None:
                    continue
                for operand, members in stacks:
                    if operand == term.factors[0] and all(other != name for other, _ in members):
                        members.append((name, term))
                        break
                else:
                    stacks.append((term.factors[0], [(name, term)]))
        rank = self.rank()
        for _, members in stacks:
            members.sort(key=lambda member: rank[member[0]])
        return stacks

    def rank(self) -> dict[str, tuple[int, int, int]]:
        """An order of sums in which those lie together that the same function takes and the same value reads."""
        functions: list[str] = []
        found = {}
        for name in self.inner:
            reader = next(
                (i for i in self.inside.values() if isinstance(i, Elementwise) and i.argument == Operand(name)), None
            )
            kind = reader.function.name if reader else ""
            if kind not in functions:
                functions.append(kind)
            consumers = [
                self.order[i.out]
                for i in self.inside.values()
                if reader is not None and any(o.name == reader.out and not o.lag for o in reads(i))
            ]
            found[name] = (functions.index(kind), -max(consumers, default=0), self.order[name])
        return found

    def find_core(self) -> set[str]:
        """The values whose gradients run step by step; the others are eliminated, where that pays."""
        units = max(self.writer.units(name) for name in self.inside) * self.writer.B
        special = any(isinstance(i, Normalise | Cost) for i in self.inside.values())
        if units > _ELIMINATE_UP_TO or special:
            return set(self.inside)
        core = {name for _, members in self.stacks for name, _ in members}
        for i in (i for stage in self.writer.plan.stages for i in stage.instructions):
            for operand in reads(i):
                if operand.name in self.inside and (operand.lag or i.out not in self.inside):
                    core.add(operand.name)
        core |= {operand.name for operand, _ in self.stacks}
        return core | {name for name in self.writer.plan.cell.losses if name in self.inside}

    # Memory ------------------------------------------------------------------------------------------------------

    def lay_out(self) -> None:
        w = self.writer
        self.augmented = self.find_augmented()
        self.blocks: list[list[str]] = []
        placed: set[str] = set()
        for _, members in self.stacks:
            names = [name for name, _ in members if name not in placed]
            placed |= set(names)
            if names:
                self.blocks.append(names)
        if self.augmented is not None:
            self.augmented.lay_out()
        for names in self.blocks:
            lead = max(w.plan.lags.get(name, 0) for name in names)
            values, grads = w.buffer(lead=lead), w.buffer(lead=lead)
            for name in names:
                w.value.setdefault(name, values.take(w.units(name)))
                if name not in w.adjoint:
                    w.adjoint[name] = grads.take(w.units(name))
            self.lay_out_functions(names)

    def lay_out_functions(self, names: list[str]) -> None:
        """The functions of a block's sums lie side by side as the sums do."""
        w = self.writer
        found = []
        for name in names:
            for i in self.inside.values():
                if isinstance(i, Elementwise) and i.argument == Operand(name) and i.out not in w.value:
                    found.append(i)
                    break
        if not found:
            return
        lead = max(w.plan.lags.get(i.out, 0) for i in found)
        buffers: dict[str, Buffer] = {}
        for i in found:
            n = w.units(i.out)
            w.value[i.out] = buffers.setdefault("", w.buffer(lead=lead)).take(n)
            w.adjoint[i.out] = buffers.setdefault("∇", w.buffer(lead=lead)).take(n)
            for register in kept_registers(i):
                w.kept[i.out, register] = buffers.setdefault(register, w.buffer()).take(n)

    def find_augmented(self) -> Augmented | None:
        w = self.writer
        if not w.flat() or len(self.stacks) != 1:
            return None
        operand, members = self.stacks[0]
        rows = sum(w.units(name) for name, _ in members)
        if not operand.lag or w.plan.lags[operand.name] != operand.lag:
            return None
        if any(name == operand.name for name, _ in members):
            return None  # its memory would lie in two places
        outer = [t for name, _ in members for t in self.outer[name]]
        if any(not (t.matrix is not None or is_bias(t)) for t in outer):
            return None
        if any(sum(is_bias(t) for t in self.outer[name]) > 1 for name, _ in members):
            return None
        by_operand: dict[tuple[str, Operand], int] = {}
        for name, _ in members:
            for t in self.outer[name]:
                if t.matrix is not None:
                    key = (name, t.factors[0])
                    if key in by_operand:
                        return None
                    by_operand[key] = 1
        columns = list(dict.fromkeys(t.factors[0] for t in outer if t.matrix is not None))
        n = w.units(operand.name)
        if any(n * w.units(c.name) > _AUGMENT_UP_TO for c in columns) or n * n > _AUGMENT_UP_TO:
            return None
        heads = self.find_heads(operand)
        return Augmented(self, operand, members, columns, heads, rows)

    def find_heads(self, operand: Operand) -> list[tuple[str, Term]] | None:
        """The sums outside that read the state, if they do it by one product each and nothing else outside does."""
        w = self.writer
        heads: list[tuple[str, Term]] = []
        for i in (i for stage in w.plan.stages for i in stage.instructions):
            if i.out in self.inside or all(o.name != operand.name or o.is_parameter for o in reads(i)):
                continue
            if not isinstance(i, Affine) or w.plan.lags.get(i.out):
                return None
            terms = [t for t in i.terms if any(f.name == operand.name and not f.is_parameter for f in t.factors)]
            if len(terms) != 1 or terms[0].matrix is None or terms[0].factors[0].lag:
                return None
            if i.out in w.recurrent or i.out in w.adjoint:
                return None
            if w.units(i.out) * w.units(operand.name) > _AUGMENT_UP_TO:
                return None
            heads.append((i.out, terms[0]))
        return heads

    # Forward -----------------------------------------------------------------------------------------------------

    def step_scratch(self) -> Callable[[int], Slot]:
        return self.writer.buffer("step").take

    def write_forward(self) -> None:
        w = self.writer
        scratch = self.step_scratch()
        written: set[str] = set()
        augmented = self.augmented
        in_block = {name for names in self.blocks for name in names}
        if augmented is not None:
            augmented.write_load()
            written |= {name for name, _ in augmented.members}
        else:
            for names in self.blocks:
                outer = {name: self.outer[name] for name in names if self.outer[name]}
                w.forward += w.affine([self.inside[name] for name in names], outer)  # type: ignore[misc]
                written |= outer.keys()
        for name, terms in self.outer.items():
            if name not in in_block and terms:
                w.forward += w.affine([self.inside[name]], {name: terms})  # type: ignore[list-item]
                written.add(name)
        calls: list[Call] = []
        done: set[int] = set()
        for name, i in self.inside.items():
            if isinstance(i, Affine):
                for k, (operand, members) in enumerate(self.stacks):
                    if k not in done and any(name == other for other, _ in members):
                        done.add(k)
                        if augmented is not None:
                            calls.append(augmented.product())
                        else:
                            calls += self.stack_product(operand, members, written, scratch)
                for term in sorted(self.inner[name], key=lambda t: -len(t.factors)):
                    if term.matrix is None:
                        places = [w.place(f) for f in term.factors]
                        calls += w.accumulate(w.value[name], term.coefficient, places, name not in written, scratch)
                        written.add(name)
            elif isinstance(i, Elementwise):
                calls += w.recipe(i, i.function.value, scratch)
            elif isinstance(i, Normalise):
                calls.append(Call(SOFTMAX.value, (w.value_at(i.argument),), w.value[name]))
            else:
                calls.append(self.cost_call(i))
        w.forward += w.space.each_step(fused(calls), range(w.T))

    def cost_call(self, cost: Cost) -> Call:
        """A loss that a later step reads; its y is that of the step, so it is read from a buffer of steps as well."""
        w = self.writer
        p = cost.p if cost.logits is None else cost.logits
        return Call(
            partial(_cost_with_pull, cost.loss, cost.logits is not None),
            (Steps(w.y), w.value_at(p), w.pull[cost.out]),
            w.value[cost.out],
        )

    def stack_product(
        self, operand: Operand, members: list[tuple[str, Term]], written: set[str], scratch: Callable[[int], Slot]
    ) -> list[Call]:
        w = self.writer
        matrix = w.stacked(members)
        slots = [w.value[name] for name, _ in members]
        whole = Slot(slots[0].buffer, slots[0].lo, slots[-1].hi)
        right = w.value_at(operand)
        fresh = not any(name in written for name, _ in members)
        if side_by_side(slots) and fresh and (w.space.flat or whole.buffer.width == whole.hi - whole.lo):
            written |= {name for name, _ in members}
            return [Product(np.dot, (right,), whole, matrix)]
        product = w.buffer("step").take(len(matrix))
        calls: list[Call] = [Product(np.dot, (right,), product, matrix)]
        top = 0
        for (name, _), slot in zip(members, slots, strict=True):
            n = slot.hi - slot.lo
            part = Slot(product.buffer, top, top + n)
            calls += w.accumulate(slot, 1.0, [part], name not in written, scratch)
            written.add(name)
            top += n
        return calls

    # Backward ----------------------------------------------------------------------------------------------------

    def write_backward(self) -> None:
        """The sweep back: coefficients for a chunk of steps, then its steps one by one, from the last chunk to the first."""
        w = self.writer
        coefficients: list[Call] = []
        chunk, scratch = w.buffer("chunk").take, self.step_scratch()
        edges = {u: self.edges(u, coefficients, chunk) for u in self.inside if u in self.core}
        reached = self.reached(edges)
        edges = {u: own if u in reached else [] for u, own in edges.items()}
        stacks = [(operand, members) for operand, members in self.stacks if any(name in reached for name, _ in members)]
        first = self.first_additions(edges, stacks)
        self.zero_ends(first)
        calls: list[Call] = []
        late: list[Call] = []  # additions to what the augmented product writes
        for u in reversed(edges):
            for operand, coefficient, factor in edges[u]:
                waits = self.augmented is not None and operand == self.augmented.operand
                write = not waits and self.is_first(operand, u, first)
                (late if waits else calls).extend(self.edge_calls(u, operand, coefficient, factor, write, scratch))
            for operand, members in stacks:
                if self.earliest(members) == u:
                    calls += self.stack_back(operand, members, self.is_first(operand, u, first), scratch)
        coefficients, calls = fused(coefficients), fused(calls + late)
        if self.augmented is not None:
            w.backward += self.augmented.prologue(self.augmented.operand.name in w.started)
        for stop in range(w.T, 0, -w.space.chunk):
            start = max(0, stop - w.space.chunk)
            w.backward += w.space.at_once(coefficients, start, stop)
            w.backward += w.space.each_step(calls, range(stop - 1, start - 1, -1), start)
        w.started |= reached
        self.write_rest()

    def reached(self, edges: Mapping[str, Sequence[tuple[Operand, float, Place | None]]]) -> set[str]:
        """The core values to which a gradient comes at all; the others have nothing to send on."""
        found = {u for u in edges if u in self.writer.started}
        if self.augmented is not None and any(name in self.writer.started for name, _ in self.augmented.heads or ()):
            found.add(self.augmented.operand.name)
        while True:
            more = {operand.name for u in found for operand, _, _ in edges[u]}
            more |= {operand.name for operand, members in self.stacks if any(name in found for name, _ in members)}
            if more <= found:
                return found
            found |= more

    def earliest(self, members: Sequence[tuple[str, Term]]) -> str:
        """The member that a sweep back reaches last: then the gradients of all are complete."""
        return min((name for name, _ in members), key=self.order.__getitem__)

    def first_additions(
        self,
        edges: Mapping[str, Sequence[tuple[Operand, float, Place | None]]],
        stacks: Sequence[tuple[Operand, list[tuple[str, Term]]]],
    ) -> dict[str, tuple[int, int]]:
        """Value -> (−lag, place in the sweep) of what is added to its gradient first, if nothing outside has added to it:
        that addition writes. What comes from more steps ahead comes earlier."""
        found: dict[str, tuple[int, int]] = {}
        arrivals = [(operand, u) for u, own in edges.items() for operand, _, _ in own]
        arrivals += [(operand, self.earliest(members)) for operand, members in stacks]
        for operand, u in arrivals:
            if operand.name not in self.writer.started:
                arrival = (-operand.lag, -self.order[u])
                found[operand.name] = min(arrival, found.get(operand.name, arrival))
        return found

    def is_first(self, operand: Operand, u: str, first: dict[str, tuple[int, int]]) -> bool:
        """Whether this is the addition that writes; asked once for each in the order of the sweep."""
        if first.get(operand.name) != (-operand.lag, -self.order[u]):
            return False
        del first[operand.name]
        return True

    def zero_ends(self, first: Mapping[str, tuple[int, int]]) -> None:
        """Rows of a gradient that its first addition does not reach start as zero: from `lag` steps ahead it does not reach
        the last steps, from the same step not those before the first."""
        w = self.writer
        for name, (minus_lag, _) in first.items():
            if self.augmented is not None and self.augmented.operand.name == name:
                continue
            slot, early = w.adjoint[name], w.plan.lags.get(name, 0)
            rows = slot.buffer.allocate(w.space)[
                slot.buffer.lead - early : slot.buffer.lead + w.T, :, slot.lo : slot.hi
            ]
            w.backward.append(partial((rows[max(0, len(rows) + minus_lag) :] if minus_lag else rows[:early]).fill, 0))

    def edges(
        self, u: str, coefficients: list[Call], chunk: Callable[[int], Slot]
    ) -> list[tuple[Operand, float, Place | None]]:
        """From a core value back to the core values that it is made of: (operand, constant, factor) with
        ∇operand += constant · factor ∘ ∇u. Values in between are eliminated; the factors' calls go to `coefficients`."""
        found: list[tuple[Operand, float, Place | None]] = []
        waiting: dict[str, list[tuple[float, list[Place]]]] = {}

        def arrive(operand: Operand, constant: float, factors: list[Place]) -> None:
            if operand.is_parameter or operand.name not in self.inside:
                return
            if operand.name in self.core:
                found.append((operand, *self.single(operand, constant, factors, coefficients, chunk)))
            else:
                waiting.setdefault(operand.name, []).append((constant, factors))

        self.local(self.inside[u], 1.0, [], coefficients, chunk, arrive)
        for name in reversed(self.inside):
            if name in waiting:
                constant, factors = self.sum_of(name, waiting.pop(name), coefficients, chunk)
                self.local(self.inside[name], constant, factors, coefficients, chunk, arrive)
        return found

    def local(
        self,
        instruction: Instruction,
        constant: float,
        factors: list[Place],
        coefficients: list[Call],
        chunk: Callable[[int], Slot],
        arrive: Callable[[Operand, float, list[Place]], None],
    ) -> None:
        """One step further back: to what the instruction reads, except by a matrix."""
        w = self.writer
        if isinstance(instruction, Affine):
            for term in self.inner[instruction.out]:
                if term.matrix is None:
                    for i, operand in enumerate(term.factors):
                        others = [w.place(o) for j, o in enumerate(term.factors) if j != i]
                        arrive(operand, constant * term.coefficient, [*factors, *others])
        elif isinstance(instruction, Elementwise):
            arrive(instruction.argument, constant, [*factors, self.slope(instruction, coefficients, chunk)])
        elif isinstance(instruction, Normalise):
            arrive(instruction.argument, constant, [])  # its Jacobian is applied in the step itself
        else:
            p = instruction.p if instruction.logits is None else instruction.logits
            arrive(p, constant, [w.pull[instruction.out]])

    def slope(self, instruction: Elementwise, coefficients: list[Call], chunk: Callable[[int], Slot]) -> Slot:
        """φ' of the chunk's steps; made once for each function, side by side as the functions' arguments are."""
        w = self.writer
        if not hasattr(self, "slopes"):
            self.slopes: dict[str, Slot] = {}
            ranked = sorted(
                (i for i in self.inside.values() if isinstance(i, Elementwise)),
                key=lambda i: (id(w.value_at(i.argument).buffer), w.value_at(i.argument).lo),
            )
            for i in ranked:
                n = w.units(i.out)
                self.slopes[i.out] = chunk(n)
            own = w.buffer("chunk")
            calls = []
            for i in ranked:
                calls += w.recipe(i, i.function.slope, own.take, self.slopes[i.out])
            coefficients[:0] = calls
        return self.slopes[instruction.out]

    def single(
        self,
        operand: Operand,
        constant: float,
        factors: list[Place],
        coefficients: list[Call],
        chunk: Callable[[int], Slot],
    ) -> tuple[float, Place | None]:
        """Several factors as one."""
        if not factors:
            return constant, None
        if len(factors) == 1:
            return constant, factors[0]
        slot = chunk(self.writer.units(operand.name))
        coefficients.append(Call(np.multiply, (factors[0], factors[1]), slot))
        for factor in factors[2:]:
            coefficients.append(Call(np.multiply, (slot, factor), slot))
        return constant, slot

    def sum_of(
        self, name: str, paths: list[tuple[float, list[Place]]], coefficients: list[Call], chunk: Callable[[int], Slot]
    ) -> tuple[float, list[Place]]:
        """The coefficient of an eliminated value: the sum over the paths that lead to it."""
        if len(paths) == 1:
            constant, factors = paths[0]
            return constant, factors
        w = self.writer
        total = chunk(w.units(name))
        for k, (constant, factors) in enumerate(paths):
            if len(factors) > 1:
                constant, factor = self.single(Operand(name), constant, factors, coefficients, chunk)
                factors = [] if factor is None else [factor]
            coefficients += w.accumulate(total, constant, factors, k == 0, chunk)
        return 1.0, [total]

    def edge_calls(
        self,
        u: str,
        operand: Operand,
        coefficient: float,
        factor: Place | None,
        write: bool,
        scratch: Callable[[int], Slot],
    ) -> list[Call]:
        """∇operand(t − lag) += coefficient · factor ∘ ∇u(t)."""
        w = self.writer
        out = w.adjoint[operand.name].back(operand.lag)
        if isinstance(self.inside[u], Normalise):
            return [Call(partial(softmax_back, write), (w.adjoint[u], w.value[u]), out)]
        return w.accumulate(out, coefficient, [w.adjoint[u], *([] if factor is None else [factor])], write, scratch)

    def stack_back(
        self, operand: Operand, members: list[tuple[str, Term]], write: bool, scratch: Callable[[int], Slot]
    ) -> list[Call]:
        """∇operand(t − lag) += Mᵀ ∇(stacked sums)(t)."""
        w = self.writer
        if self.augmented is not None:
            return self.augmented.product_back(scratch)
        out = w.adjoint[operand.name].back(operand.lag)
        slots = [w.adjoint[name] for name, _ in members]
        if side_by_side(slots):
            parts = [(Slot(slots[0].buffer, slots[0].lo, slots[-1].hi), w.stacked(members))]
        else:
            parts = [(slot, w.stacked([member])) for slot, member in zip(slots, members, strict=True)]
        calls: list[Call] = []
        for grad, matrix in parts:
            if write and (w.space.flat or out.buffer.width == out.hi - out.lo):
                calls.append(Product(np.dot, (grad,), out, matrix.T))
            else:
                part = w.buffer("step").take(out.hi - out.lo)
                calls.append(Product(np.dot, (grad,), part, matrix.T))
                calls += w.accumulate(out, 1.0, [part], write, scratch)
            write = False
        return calls

    def write_rest(self) -> None:
        """Gradients of the eliminated values, of the parameters, and of what lies outside, for all steps at once."""
        w = self.writer
        for name in reversed(self.inside):
            if name not in self.core:
                for u in self.inside.values():
                    self.send_to(name, u)
        for names in self.blocks:
            terms = {name: self.inside[name].terms for name in names}  # type: ignore[union-attr]
            self.parameters_and_outside(names, terms)
        in_block = {name for names in self.blocks for name in names}
        for name in self.inner:
            if name not in in_block:
                self.parameters_and_outside([name], {name: self.inside[name].terms})  # type: ignore[union-attr]
        for name in self.inside:
            w.show_joint(name)

    def send_to(self, name: str, u: Instruction) -> None:
        """What an eliminated value receives from one that reads it in the same step."""
        w = self.writer
        if isinstance(u, Affine):
            for term in self.inner[u.out]:
                if term.matrix is not None:
                    continue
                for i, factor in enumerate(term.factors):
                    if factor == Operand(name):
                        others = [w.place(o) for j, o in enumerate(term.factors) if j != i]
                        w.add(factor, term.coefficient, [w.adjoint[u.out], *others])
        elif isinstance(u, Elementwise) and u.argument == Operand(name):
            w.add(u.argument, 1.0, [w.adjoint[u.out], w.slope_over(u)])

    def parameters_and_outside(self, names: Sequence[str], terms: Mapping[str, Sequence[Term]]) -> None:
        w = self.writer
        members: list[Affine] = [self.inside[name] for name in names]  # type: ignore[misc]
        if self.augmented is not None and [name for name, _ in self.augmented.members] == list(names):
            self.augmented.write_parameters()
        else:
            products = {name: [t for t in own if t.matrix is not None or is_bias(t)] for name, own in terms.items()}
            w.affine_backward(members, products, skip=frozenset(self.inside))
        for name, own in terms.items():
            for term in own:
                if term.matrix is not None or is_bias(term):
                    continue
                for i, factor in enumerate(term.factors):
                    others = [w.place(o) for j, o in enumerate(term.factors) if j != i]
                    if factor.is_parameter:
                        w.elementwise_parameter(factor.name, term.coefficient, w.adjoint[name], others)
                    elif factor.name not in self.inside:
                        w.add(factor, term.coefficient, [w.adjoint[name], *others])


class Augmented:
    """A recurrence whose whole affine part is one product a step each way (B = 1, few units).

    Forward the state's row goes on with what else the sums read and a 1: [h(t−1) | x(t) | 1] times [W | U | b]. Backward
    the sums' gradients go on with those of the outputs: [∇a(t) | ∇o(t−1)] times [W; V] is the whole ∇h(t−1).
    """

    def __init__(
        self,
        loop: Recurrence,
        operand: Operand,
        members: list[tuple[str, Term]],
        columns: list[Operand],
        heads: list[tuple[str, Term]] | None,
        rows: int,
    ) -> None:
        self.writer, self.outer = loop.writer, loop.outer
        self.operand, self.members, self.columns, self.heads, self.rows = operand, members, columns, heads, rows

    def lay_out(self) -> None:
        w, lag = self.writer, self.operand.lag
        row = w.buffer(lead=lag)
        w.value[self.operand.name] = row.take(w.units(self.operand.name))
        self.column_slots = [row.take(w.units(column.name)) for column in self.columns]
        self.one = row.take(1)
        self.row = Slot(row, 0, row.width)
        # the gradients: a tail of `lag` rows, where the sums' columns stay zero and the outputs' last ones stand
        lead = max(w.plan.lags.get(name, 0) for name, _ in self.members)
        grads = w.buffer(lead=lead, tail=lag)
        for name, _ in self.members:
            w.adjoint[name] = grads.take(w.units(name))
        self.sums = Slot(grads, 0, grads.width)
        for name, _ in self.heads or []:
            slot = grads.take(w.units(name))
            w.adjoint[name] = Slot(grads, slot.lo, slot.hi, -lag)
            w.sent_with_the_recurrence.add((name, self.operand.name))
        self.grads = Slot(grads, 0, grads.width)
        self.values = w.buffer(lead=lead)
        for name, _ in self.members:
            w.value[name] = self.values.take(w.units(name))

    def write_load(self) -> None:
        """Matrices, and the columns beside the state."""
        w, lag = self.writer, self.operand.lag
        self.matrix = np.zeros((self.rows, self.row.hi), w.dtype)
        n = w.units(self.operand.name)
        back = np.zeros((self.grads.hi, n), w.dtype)
        top = 0
        for name, term in self.members:
            m = w.units(name)
            rows = slice(top, top + m)
            w.fill(self.matrix[rows, :n], term.matrix or "", term.coefficient)
            w.fill(back[rows], term.matrix or "", term.coefficient)
            for outer in self.outer[name]:
                if outer.matrix is None:
                    w.fill(self.matrix[rows, self.one.lo], outer.factors[0].name, outer.coefficient)
                else:
                    slot = self.column_slots[self.columns.index(outer.factors[0])]
                    w.fill(self.matrix[rows, slot.lo : slot.hi], outer.matrix, outer.coefficient)
            top += m
        for name, term in self.heads or []:
            w.fill(back[top : top + w.units(name)], term.matrix or "", term.coefficient)
            top += w.units(name)
        self.back = back.T
        for slot, column in zip(self.column_slots, self.columns, strict=True):
            w.forward.append(partial(np.copyto, w.space.over(slot.back(lag)), w.space.over(w.value_at(column))))
            w.copies.append((slot.back(lag), tuple(name for name, _ in self.members)))
        w.space.over(self.one.back(lag))[...] = 1

    def product(self) -> Call:
        return Product(np.dot, (self.row.back(self.operand.lag),), Slot(self.values, 0, self.values.width), self.matrix)

    def product_back(self, scratch: Callable[[int], Slot]) -> list[Call]:
        """The whole gradient of the state one step of the recurrence earlier; added, if something else outside reads it."""
        out = self.writer.adjoint[self.operand.name].back(self.operand.lag)
        if self.heads is not None:
            return [Product(np.dot, (self.grads,), out, self.back)]
        part = scratch(out.hi - out.lo)
        return [Product(np.dot, (self.grads,), part, self.back), Call(np.add, (out, part), out)]

    def prologue(self, started: bool) -> list[Bound]:
        """The rows of the last steps, which no later step of the recurrence reaches."""
        w, lag = self.writer, self.operand.lag
        out = w.adjoint[self.operand.name]
        if self.heads is None:
            whole = out.buffer.allocate(w.space)[:, :, out.lo : out.hi]
            return [] if started else [partial(whole.fill, 0)]
        array, grads = out.buffer.allocate(w.space), self.grads.buffer.allocate(w.space)
        first, ahead = out.buffer.lead - lag, self.grads.buffer.lead
        return [
            partial(self.back.dot, grads[ahead + t, 0], array[first + t, 0, out.lo : out.hi])
            for t in range(w.T + lag - 1, w.T - 1, -1)
        ]

    def write_parameters(self) -> None:
        """One product of all steps gives the gradients of every parameter of the sums."""
        w = self.writer
        grads = w.space.table(self.sums)
        outer_product = w.space.zeros((self.rows, self.row.hi))
        w.backward.append(product(grads.T, w.space.table(self.row.back(self.operand.lag)), outer_product))
        n = w.units(self.operand.name)
        top = 0
        for name, term in self.members:
            rows = slice(top, top + w.units(name))
            w.pieces[term.matrix or ""].append((term.coefficient, outer_product[rows, :n]))
            for outer in self.outer[name]:
                if outer.matrix is None:
                    w.pieces[outer.factors[0].name].append((outer.coefficient, outer_product[rows, self.one.lo]))
                else:
                    slot = self.column_slots[self.columns.index(outer.factors[0])]
                    w.pieces[outer.matrix].append((outer.coefficient, outer_product[rows, slot.lo : slot.hi]))
            top += w.units(name)
        for column, slot in zip(self.columns, self.column_slots, strict=True):
            w.add_product(column, self.sums, self.matrix[:, slot.lo : slot.hi])


def side_by_side(slots: Sequence[Slot]) -> bool:
    """Whether the slots lie in one buffer, each right after the one before."""
    return all(later.follows(earlier) for earlier, later in pairwise(slots))


def _cost_with_pull(loss: Loss, joint: bool, y: Array, p: Array, pull: Array, out: Array) -> None:
    if joint:
        assert loss.joint is not None
        loss.joint(p, y, np.empty_like(p), out[:, 0], pull)
    else:
        plain_cost(loss, p, y, out, pull)
