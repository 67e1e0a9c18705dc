"""A cell: the equations of one step of a network, and the roles, parameters, sizes and LaTeX that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from engine.language import notation
from engine.language.equations import Equation, equations, lifted
from engine.language.expressions import Apply, EquationError, Expression, Name, Note, walk
from engine.language.notes import notes
from engine.language.operations import CALLS, LOSSES, Loss
from engine.language.printer import LATEX, write
from engine.language.shapes import ONE, Classes, Key, Sizes, axes, infer, solve
from engine.language.totals import totals
from engine.support.arguments import mapping, one_of, texts
from engine.support.lazy import lazy_property

Role: TypeAlias = Literal["input", "parameter", "state", "inner", "output", "loss", "target"]


@dataclass(frozen=True)
class Read:
    """One reading of a name by an equation.

    Attributes:
        name: a node, x, y or a parameter.
        lag: the number of steps back.
        argument: its place among the names that the equation reads, from left to right, counted from 0.
    """

    name: str
    lag: int
    argument: int


@dataclass(frozen=True, eq=False)
class Cell:
    """The equations of one step of a recurrent (or feed-forward) network.

    Two cells with the same text and name are equal.

    Attributes:
        text: the source, in the language of cells.
        name: of the cell, for messages and links.
        title: a heading.
        source: the literature that it is from.
        about: what it shows, in a few sentences.
        start: initial values of vector parameters that do not start as the scheme has it, such as α of leaky units.
        probabilities: nodes whose entries lie from 0 to 1 for a reason that no equation shows.

    Raises:
        EquationError: for an error in the text.
    """

    text: str
    name: str = "cell"
    title: str = ""
    source: str = ""
    about: str = ""
    start: Mapping[str, float] = field(default_factory=dict)
    probabilities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the arguments and the text."""
        texts(name=self.name, title=self.title, source=self.source, about=self.about)
        mapping("start", self.start, "{parameter: number}")
        _ = self.equations, self._classes, self.losses  # raises an error in the text here, not at the first use

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
        """Name of the node -> the readings of its equation, from left to right."""
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
        """Name of the node -> the largest number of steps back at which it is read (0: only in its own step)."""
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
        """The names that have no equation, x and y aside, in the order of the text."""
        read = (read.name for reads in self.reads.values() for read in reads)
        return tuple(dict.fromkeys(name for name in read if name not in self.equations and name not in ("x", "y")))

    @lazy_property
    def losses(self) -> tuple[str, ...]:
        """The nodes that the total loss sums: numbers that are made from losses and that no other line reads.

        A line is made from losses if it calls a loss or reads such a line: of L1 = nll(p, y), L2 = mse(q, y) and
        L = L1 + 0.1 * L2 the last one counts alone. A loss that is fed back, as in h = tanh(M @ L[t-1]), counts if no other
        number is made from it.

        **Holds:** a_loss_that_is_read_is_part_of_what_reads_it.
        """
        numbers = [name for name in self.nodes if self.is_number(name)]
        return totals(self.equations, numbers, ("x", "y", *self.nodes, *self.parameters))

    @lazy_property
    def notes(self) -> tuple[Note, ...]:
        """Probable slips: names that seem to mean another step or x, nodes that nothing reads, logarithms of no probability.

        **Holds:** a_cell_of_the_catalogue_has_no_note, each_slip_has_its_note.
        """
        return notes(self.text, self.equations, self.losses, self.probabilities)

    @lazy_property
    def _parts(self) -> frozenset[str]:
        """The nodes that call a loss, and the numbers that read only such nodes."""
        parts = {name for name in self.nodes if self.loss(name) is not None}
        numbers = {name for name in self.nodes if self.is_number(name)}
        reads = {name: {read.name for read in self.reads[name]} & self.equations.keys() for name in self.nodes}
        while new := {name for name in numbers if reads[name] and reads[name] <= parts} - parts:
            parts |= new
        return frozenset(parts)

    def is_number(self, name: str) -> bool:
        """Whether a node is a number, as a loss is, and not a vector.

        Args:
            name: of a node; the result is False for any other name.
        """
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
        """Whether only the largest class in the data fixes the number of classes: no parameter and no x has the size of y."""
        axis = self.dimensions["y"][0]
        return axis == "y" and not any(axis in self.dimensions[name] for name in self.parameters)

    @lazy_property
    def _hash(self) -> int:
        return hash((self.text, self.name))

    def __hash__(self) -> int:
        """The hash of text and name."""
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """The arguments from which a pickle parses the cell again."""
        details = (self.title, self.source, self.about, dict(self.start), self.probabilities)
        return _again, (self.text, self.name, *details)

    def __eq__(self, other: object) -> bool:
        """Whether the other is a cell with the same text and name."""
        return self is other or (isinstance(other, Cell) and (self.text, self.name) == (other.text, other.name))

    def loss(self, name: str) -> Loss | None:
        """The row of the loss that a node's equation calls, or None.

        Args:
            name: of a node.

        Raises:
            ValueError: if the node does not exist.
        """
        one_of("name", name, self.equations)
        called = _called(self.equations[name], LOSSES)
        return None if called is None else LOSSES[called]

    def operation(self, name: str) -> str | None:
        """The name of the function or loss that a node's equation calls; None for a sum or product.

        Args:
            name: of a node; the result is None for any other name.
        """
        texts(name=name)
        return _called(self.equations[name], CALLS) if name in self.equations else None

    def logits(self, name: str) -> Expression | None:
        """The expression a, for a loss of softmax(a) or sigmoid(a) that is computed from a (see `Loss.after`); else None.

        Args:
            name: of a node.

        Raises:
            ValueError: if the node does not exist.
        """
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
        losses: dict[str, tuple[str, ...]] = {}
        for loss in self.nodes:
            if self.logits(loss) is not None:
                node = self.reads[loss][0].name
                losses[node] = (*losses.get(node, ()), loss)
        return MappingProxyType(losses)

    def role(self, name: str) -> Role:
        """The role of a name: input, parameter, state, inner, output, loss or target.

        An output is a node of the target's size that no later step reads; any other node that is neither a state nor part
        of the loss is inner.

        Args:
            name: of a node or a parameter, or "x" or "y".

        Raises:
            ValueError: if the cell has no such name.
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

        Any member names its class; the first is a state, if the class has one, else its first node. The vector between two
        matrices, W @ (U @ x), has no name: W, which has a column for each of its units, names its size.
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
        """The units of x, y and of every node.

        Args:
            sizes: a number for each class of sizes, by the name of any member: {"x": 4, "h": 5, "y": 3}.

        Raises:
            ValueError: for a size that is missing, unknown, contradicted or not a whole number from 1 to MAX_SIZE.
        """
        units = self._solve(sizes)
        return {
            name: units[self._classes.root(("unit", name))]
            for name in ("x", "y", *self.nodes)
            if ("unit", name) in self._classes and (name != "x" or self.reads_x or "x" in sizes)
        }

    def shapes(self, sizes: Sizes) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter, (n,) or (rows, columns), by its name.

        Args:
            sizes: as for `sizes`, with the same errors.
        """
        units = self._solve(sizes)
        return {
            name: (units[self._classes.root(("row", name))], units[self._classes.root(("column", name))])
            if ("row", name) in self._classes
            else (units[self._classes.root(("unit", name))],)
            for name in self.parameters
        }

    def _solve(self, sizes: Sizes) -> dict[Key, int]:
        """The size of every class, by its root."""
        return solve(self._classes, self.hidden, sizes, self.reads_x, self.name)

    @lazy_property
    def _classes(self) -> Classes:
        return infer(self.equations, self.parameters)

    @lazy_property
    def dimensions(self) -> Mapping[str, tuple[str, ...]]:
        """Name of a node, of x, y or a parameter -> the class of each of its axes; equal classes have equal sizes.

        The label of a class is a familiar member ("h", "x", "y"; "1" for the loss).
        """
        return MappingProxyType(axes(self._classes, self.hidden, ("x", "y", *self.nodes, *self.parameters)))

    def latex(self) -> str:
        r"""The equations of a step, aligned, in LaTeX.

        Returns:
            Lines such as h^{(t)} &= \tanh\left(a^{(t)}\right), in an `aligned` environment.
        """
        lines = [
            f"{self.latex_of(Name(equation.name, 0, equation.place))} &= {self.latex_of(equation.expression, inline=True)}"
            for equation in self.equations.values()
            if equation.within is None
        ]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def latex_of(self, expression: Expression, shift: int = 0, inline: bool = False) -> str:
        """An expression of this cell in LaTeX, at step t + shift.

        Args:
            expression: of one of its equations.
            shift: of the step, 0 for t itself.
            inline: whether calls that were lifted from a line are written where they stood.
        """

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
    """Read the cell of a text.

    Args:
        text: equations, one per line, in the language of cells.
        name: of the cell, for messages and links.
        title: a heading; the name if missing.
        source: the literature that it is from.
        about: what it shows, in a few sentences.
        start: initial values of vector parameters, by name.
        probabilities: nodes whose entries lie from 0 to 1 for a reason that no equation shows.

    Returns:
        The cell. Its `notes` point to probable slips.

    Raises:
        EquationError: a ValueError with .line and .column, for an error in the text.
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
    """Read the cell of a pickle again."""
    return parse(text, name, title=title, source=source, about=about, start=start, probabilities=probabilities)


def _called(equation: Equation, table: Mapping[str, Any]) -> str | None:
    expression = equation.expression
    return expression.operation if isinstance(expression, Apply) and expression.operation in table else None


def sources(cell: Cell) -> Iterator[tuple[str, Read]]:
    """Yield every (node, reading) of a cell: the edges of its graph."""
    for name, reads in cell.reads.items():
        for read in reads:
            yield name, read


__all__ = ["Cell", "EquationError", "Read", "Role", "parse", "sources"]
