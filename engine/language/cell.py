"""A cell: the equations of one step of a network, with what follows from them (roles, parameters, sizes, LaTeX)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from engine.language import notation
from engine.language.equations import Equation, equations, lifted
from engine.language.expressions import Apply, EquationError, Expression, Name, Note, Place, walk
from engine.language.notes import notes
from engine.language.operations import CALLS, LOSSES, Loss
from engine.language.printer import LATEX, write
from engine.language.shapes import ONE, Classes, Key, infer
from engine.language.totals import totals
from engine.support.arguments import mapping, one_of, texts, whole
from engine.support.lazy import lazy_property

Role: TypeAlias = Literal["input", "parameter", "state", "inner", "output", "loss", "target"]
Sizes: TypeAlias = Mapping[str, int]
MAX_SIZE = 4096  # units of one vector


@dataclass(frozen=True)
class Read:
    """One reading of a name by an equation: the name, how many steps back, and its place among the equation's arguments."""

    name: str
    lag: int
    argument: int


@dataclass(frozen=True, eq=False)
class Cell:
    """The equations of one step of a recurrent (or feed-forward) network.

    text, name       the source, and what the cell is called
    title, source, about   for the reader: a heading, where it is from, what it shows
    start            values that vector parameters start from unless asked otherwise (α of leaky units, say)
    nodes            the names that have an equation, in the order of the flow
    states           the names that a later step reads
    parameters       the names that are read and never assigned, in the order of the text
    losses           the nodes that the total loss sums: lines made from losses that no other line reads
    notes            what is probably a slip: each with .line, .column, .message
    probabilities    nodes whose entries lie from 0 to 1 though their equations do not say so

    Two cells with the same text and name are equal. Raises EquationError (at `parse`).
    """

    text: str
    name: str = "cell"
    title: str = ""
    source: str = ""
    about: str = ""
    start: Mapping[str, float] = field(default_factory=dict)
    probabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        texts(name=self.name, title=self.title, source=self.source, about=self.about)
        mapping("start", self.start, "{parameter: number}")
        _ = self.equations, self._classes, self.losses  # an error in the text belongs here, not at the first use

    @lazy_property
    def equations(self) -> Mapping[str, Equation]:
        """Name of the node -> its equation, in the order of the flow; calls inside larger expressions are nodes too."""
        return MappingProxyType({equation.name: equation for equation in equations(self.text)})

    @lazy_property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes of a step, in the order in which they are computed."""
        return tuple(self.equations)

    @lazy_property
    def reads(self) -> Mapping[str, tuple[Read, ...]]:
        """Name of the node -> what its equation reads, from left to right."""
        return MappingProxyType(
            {
                name: tuple(
                    Read(part.name, part.lag, i)
                    for i, part in enumerate(p for p in walk(equation.expression) if isinstance(p, Name))
                )
                for name, equation in self.equations.items()
            }
        )

    @lazy_property
    def lags(self) -> Mapping[str, int]:
        """Name of the node -> how many steps back it is read at most (0: only in its own step)."""
        reads = [read for reads in self.reads.values() for read in reads]
        return MappingProxyType(
            {name: max((read.lag for read in reads if read.name == name), default=0) for name in self.nodes}
        )

    @lazy_property
    def states(self) -> tuple[str, ...]:
        """The nodes that a later step reads; they have an initial value."""
        return tuple(name for name in self.nodes if self.lags[name])

    @lazy_property
    def parameters(self) -> tuple[str, ...]:
        """The names that are never assigned, in the order of the text."""
        read = (read.name for reads in self.reads.values() for read in reads)
        return tuple(dict.fromkeys(name for name in read if name not in self.equations and name not in ("x", "y")))

    @lazy_property
    def losses(self) -> tuple[str, ...]:
        """The numbers that are made from losses and that no other line reads; the total loss is their sum.

        A line that calls a loss, or reads what is made from one, is made from losses: of L1 = nll(p, y), L2 = mse(q, y) and
        L = L1 + 0.1 * L2 the last one counts alone. A loss that the network is fed with again, as in h = tanh(M @ L[t-1]),
        counts where nothing else is made from it.
        **Holds:** a_loss_that_is_read_is_part_of_what_reads_it.
        """
        numbers = [name for name in self.nodes if self.is_number(name)]
        return totals(self.equations, numbers, ("x", "y", *self.nodes, *self.parameters))

    @lazy_property
    def notes(self) -> tuple[Note, ...]:
        """What is probably a slip: names that mean another step or x, nodes that nothing reads, logarithms of no probability.

        **Holds:** a_cell_of_the_catalogue_has_no_note, each_slip_has_its_note.
        """
        return notes(self.text, self.equations, self.losses, self.probabilities)

    @lazy_property
    def _parts(self) -> frozenset[str]:
        """The nodes that call a loss, and the numbers that read no other nodes than such."""
        found = {name for name in self.nodes if self.loss(name) is not None}
        numbers = {name for name in self.nodes if self.is_number(name)}
        reads = {name: {read.name for read in self.reads[name]} & self.equations.keys() for name in self.nodes}
        while more := {name for name in numbers if reads[name] and reads[name] <= found} - found:
            found |= more
        return frozenset(found)

    def is_number(self, name: str) -> bool:
        """Whether a name is a node that is a number, as a loss is, not a vector; False for any other name."""
        texts(name=name)
        return name in self.equations and self._classes.same(("unit", name), ONE)

    @lazy_property
    def reads_x(self) -> bool:
        """Whether the cell has an input."""
        return any(read.name == "x" for reads in self.reads.values() for read in reads)

    @lazy_property
    def takes_classes(self) -> bool:
        """Whether every loss can take its target as a class: integers y (T, B) counted from 0."""
        rows = [row for row in (self.loss(name) for name in self.nodes) if row is not None]
        return all(row.classes for row in rows)

    @lazy_property
    def only_classes_fix_y(self) -> bool:
        """Whether nothing but the largest class says how many there are: no parameter and no x has the size of y."""
        axis = self.dimensions["y"][0]
        return axis == "y" and not any(axis in self.dimensions[name] for name in self.parameters)

    @lazy_property
    def _hash(self) -> int:
        return hash((self.text, self.name))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        more = (self.title, self.source, self.about, dict(self.start), self.probabilities)
        return _again, (self.text, self.name, *more)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Cell) and (self.text, self.name) == (other.text, other.name))

    def loss(self, name: str) -> Loss | None:
        """The loss that the node's equation calls, or None; raises ValueError for what is no node."""
        one_of("name", name, self.equations)
        called = _called(self.equations[name], LOSSES)
        return None if called is None else LOSSES[called]

    def operation(self, name: str) -> str | None:
        """The row of the table that the node's equation calls; None for sums and products, and for what has no equation."""
        texts(name=name)
        return _called(self.equations[name], CALLS) if name in self.equations else None

    def logits(self, name: str) -> Expression | None:
        """For a loss of softmax(a) or sigmoid(a) that is computed from a (see `Loss.after`): the expression a, else None."""
        row, expression = self.loss(name), self.equations[name].expression
        if row is None or row.after is None or not isinstance(expression, Apply):
            return None
        p = expression.arguments[0]
        if not isinstance(p, Name) or p.lag or p.name not in self.equations or self.operation(p.name) != row.after:
            return None
        inner = self.equations[p.name].expression
        assert isinstance(inner, Apply)
        return inner.arguments[0]

    @lazy_property
    def joint(self) -> Mapping[str, tuple[str, ...]]:
        """Softmax or sigmoid node -> the losses of it that are computed from its argument (see `logits`), if any are."""
        found: dict[str, tuple[str, ...]] = {}
        for loss in self.nodes:
            if self.logits(loss) is not None:
                node = self.reads[loss][0].name
                found[node] = (*found.get(node, ()), loss)
        return MappingProxyType(found)

    def role(self, name: str) -> Role:
        """What a name is: input, parameter, state, inner, output, loss or target.

        An output is a node of the target's size that no later step reads; an inner node is any other.
        """
        texts(name=name)
        if name == "x":
            return "input"
        if name == "y":
            return "target"
        if name not in self.equations:
            if name not in self.parameters:
                raise ValueError(
                    f"{self.name} has no {name!r}; it has {', '.join(('x', *self.nodes, *self.parameters))}"
                )
            return "parameter"
        if name in self.losses or name in self._parts:
            return "loss"
        if self.lags[name]:
            return "state"
        return "output" if self._classes.same(("unit", name), ("unit", "y")) else "inner"

    @lazy_property
    def hidden(self) -> tuple[tuple[str, ...], ...]:
        """The classes of nodes and vector parameters whose size neither x nor y fixes: the user gives one number for each.

        Each class is named by any of its members; the first is its state, if it has one, else its first node. Between two
        matrices, W @ (U @ x), stands a vector without a name; W, whose columns it is as many as, names its size.
        """
        result = []
        for members in self._classes.groups():
            kinds = {kind for kind, _ in members}
            units = [name for kind, name in members if kind == "unit"]
            if "one" in kinds or "x" in units or "y" in units:
                continue
            nodes = [name for name in units if name in self.equations]
            units.sort(key=lambda name: (name not in self.states, name not in nodes))
            result.append(tuple(units or (name for kind, name in members if kind == "column")))
        return tuple(result)

    def sizes(self, sizes: Sizes) -> dict[str, int]:
        """Units of x, y and of every node, from the numbers that the user gives: {"x": 4, "h": 5, "y": 3}.

        Any member's name names its class. Raises ValueError for a size that is missing, unknown, contradicted or not a
        whole number from 1 to MAX_SIZE.
        """
        found = self._solve(sizes)
        return {
            name: found[self._classes.root(("unit", name))]
            for name in ("x", "y", *self.nodes)
            if ("unit", name) in self._classes and (name != "x" or self.reads_x or "x" in sizes)
        }

    def shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """Name of the parameter -> its shape, for sizes such as {"x": 4, "h": 5, "y": 3}; raises as `sizes` does."""
        found = self._solve(sizes)
        return {
            name: (found[self._classes.root(("row", name))], found[self._classes.root(("column", name))])
            if ("row", name) in self._classes
            else (found[self._classes.root(("unit", name))],)
            for name in self.parameters
        }

    def _solve(self, sizes: Sizes) -> dict[Key, int]:
        mapping("sizes", sizes, "{name: number of units}")
        classes, found = self._classes, {}
        given: dict[Key, tuple[str, int]] = {}
        for name, size in sizes.items():
            size = whole(f"sizes[{name!r}]", size, 1, MAX_SIZE, f"a size is a whole number from 1 to {MAX_SIZE}")
            if name == "x" and not self.reads_x:
                continue
            key = self._size_key(name)
            if key not in classes:
                known = ", ".join(["x", "y", *(members[0] for members in self.hidden)])
                raise ValueError(f"sizes has {name!r}, which is no node of {self.name}; give sizes for {known}")
            root = classes.root(key)
            if root in given and given[root][1] != size:
                other, before = given[root]
                place = classes.place(root)
                message = f"sizes that contradict each other: {other!r} has {before}, {name!r} has {size}, and they share a size"
                raise place.error(message) if place else ValueError(message)
            given[root] = (name, size)
            found[root] = size
        one = classes.root(ONE)
        if found.get(one, 1) != 1:
            place = classes.place(one) or Place(1, 1)
            raise place.error(
                f"sizes that contradict each other: {given[one][0]!r} shares a size with a loss, which has 1 unit"
            )
        found[one] = 1
        missing = [members[0] for members in self.hidden if classes.root(self._size_key(members[0])) not in found]
        missing += [n for n in ("x", "y") if (n != "x" or self.reads_x) and classes.root(("unit", n)) not in found]
        if missing:
            raise ValueError(f"sizes has no number for {', '.join(map(repr, missing))}; given: {dict(sizes)}")
        return found

    def _size_key(self, name: str) -> Key:
        """The class that a user's name for a size means: that of the vector, or that of a matrix's unnamed right side."""
        unnamed = ("unit", name) not in self._classes and any(name in members for members in self.hidden)
        return ("column" if unnamed else "unit", name)

    @lazy_property
    def _classes(self) -> Classes:
        return infer(self.equations, self.parameters)

    @lazy_property
    def dimensions(self) -> Mapping[str, tuple[str, ...]]:
        """Name of a node, of x, y or a parameter -> the class of each of its axes; equal classes have equal sizes.

        A class is named by a member that a reader knows ("h", "x", "y"; "1" for the loss).
        """
        classes = self._classes
        label = {classes.root(ONE): "1"}
        label |= {classes.root(("unit", n)): n for n in ("x", "y") if ("unit", n) in classes}
        for members in self.hidden:
            label[classes.root(self._size_key(members[0]))] = members[0]
        found: dict[str, tuple[str, ...]] = {
            name: (label[classes.root(("unit", name))],)
            for name in ("x", "y", *self.nodes, *self.parameters)
            if ("unit", name) in classes
        }
        for name in self.parameters:
            if ("row", name) in classes:
                found[name] = (label[classes.root(("row", name))], label[classes.root(("column", name))])
        return MappingProxyType(found)

    def latex(self) -> str:
        """The equations of a step, aligned, in LaTeX: h^{(t)} &= \\tanh\\left(a^{(t)}\\right) …"""
        lines = [
            f"{self.latex_of(Name(equation.name, 0, equation.place))} &= {self.latex_of(equation.expression, inline=True)}"
            for equation in self.equations.values()
            if equation.within is None
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def latex_of(self, expression: Expression, shift: int = 0, inline: bool = False) -> str:
        """An expression of this cell in LaTeX, at step t + shift; with `inline`, lifted calls are written where they stood."""

        def show(read: Name) -> str | Expression:
            call = lifted(self.equations, read) if inline else None
            return call or notation.at_step(read.name, self.parameters, notation.step(shift - read.lag))

        return write(expression, LATEX, show)


def parse(
    text: str,
    name: str = "cell",
    *,
    title: str = "",
    source: str = "",
    about: str = "",
    start: Mapping[str, float] | None = None,
    probabilities: Iterable[str] = (),
) -> Cell:
    """The cell of a text in the language of cells; raises EquationError (a ValueError with .line and .column).

    What runs but is probably a slip is in the cell's `notes`.
    """
    texts(title=title)
    if start is not None:
        mapping("start", start, "{parameter: number}")
    begin = MappingProxyType(dict(start or {}))
    return Cell(text, name, title or name, source, about, begin, tuple(probabilities))


def _again(
    text: str,
    name: str,
    title: str,
    source: str,
    about: str,
    start: dict[str, float],
    probabilities: tuple[str, ...],
) -> Cell:
    """The cell of a pickle."""
    return parse(text, name, title=title, source=source, about=about, start=start, probabilities=probabilities)


def _called(equation: Equation, table: Mapping[str, Any]) -> str | None:
    expression = equation.expression
    return expression.operation if isinstance(expression, Apply) and expression.operation in table else None


def sources(cell: Cell) -> Iterator[tuple[str, Read]]:
    """Every (node, reading) of a cell: the edges of its graph."""
    for name, reads in cell.reads.items():
        for read in reads:
            yield name, read


__all__ = ["Cell", "EquationError", "Read", "Role", "Sizes", "parse", "sources"]
