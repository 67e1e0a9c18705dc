"""Notes on probable slips: the cell runs, but it is another network than its author meant.

A name without an equation is a parameter, so a mistyped state or input is no error. This module finds names that probably mean
something else, and nodes that nothing reads; `logarithms` finds losses of values that are no probabilities. Each note has the
remedy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

import networkx as nx

from engine.language.equations import Equation
from engine.language.expressions import Apply, Name, Note, Place, names, walk
from engine.language.logarithms import logarithms
from engine.language.names import free
from engine.language.operations import LOSSES


def notes(
    text: str,
    equations: Mapping[str, Equation],
    losses: Collection[str],
    probabilities: Collection[str] = (),
) -> tuple[Note, ...]:
    """The notes on a cell, in the order of its text.

    Args:
        text: the source.
        equations: by name, the calls that were lifted from a line included.
        losses: the lines that the total loss sums.
        probabilities: nodes whose entries lie from 0 to 1 for a reason that no equation shows.

    **Holds:** a_cell_of_the_catalogue_has_no_note, each_slip_has_its_note.
    """
    slips = _Slips(text, equations)
    every = (
        slips.names(), slips.unread(losses), slips.no_step_back(), slips.no_input(), logarithms(equations, probabilities),
    )  # fmt: skip
    return tuple(sorted(dict.fromkeys(chain(*every)), key=lambda note: (note.line, note.column)))


# Names ------------------------------------------------------------------------------------------------------------------

#: What is put behind or before a name to mean another step, underscores and case aside; a number is how many steps back.
_NOW: Final = re.compile(r"t|now|curr?|current")
_EARLIER: Final = re.compile(
    r"t?(?:prev|previous|last|prior|old|before|past|back|lag|lagged)t?|tminus|t?(?:m|minus|lag|back|prev)(?P<a>\d)|t(?P<b>\d)"
)
#: Those that need no underscore, since with it they are no word of their own: hprev, ht, ht_1, but not flag, hold or blast.
_JOINED: Final = re.compile(r"t|t?prev(?:ious)?|tm\d|t\d|tminus\d?|m1|minus1|last|prior")
_BEFORE: Final = re.compile(r"(prev|previous|last|old|prior|past|before)(_?)(.+)", re.IGNORECASE)
#: A node that is named after its own step: h_t, ht, h_new. Its past is called by the rest of the name.
_THIS_STEP: Final = re.compile(r"(.+)_(?:t|new|next|now|curr?|current)|(.)(?:t|new|next)")
#: A comment that says that no step is meant to read another.
_FEEDFORWARD: Final = re.compile(r"#.*(feed-? ?forward|without recurrence)", re.IGNORECASE)
_INPUTS: Final = frozenset({"in_", "inp", "input", "inputs", "u", "xs", "xx", "data", "signal"})
_MANY: Final = 100  # parameters among which a mistyped name is looked for


@dataclass(frozen=True)
class _Meant:
    """The probable meaning of a parameter's name: a node or x, `lag` steps back."""

    name: str
    lag: int
    by_case: bool = False


class _Slips:
    """Parameters whose names probably mean something else, and nodes that nothing reads."""

    def __init__(self, text: str, equations: Mapping[str, Equation]) -> None:
        self.lines, self.equations = text.splitlines(), equations
        self.nodes = [
            name for name, equation in equations.items() if equation.within is None
        ]  # nodes that the text names
        self.first: dict[str, Place] = {}  # parameter -> where it is read first
        self.matrices: set[str] = set()
        self.multiplied: set[str] = set()  # what a matrix stands before
        self.reads: list[Name] = []
        for equation in equations.values():
            for part in walk(equation.expression):
                if isinstance(part, Name):
                    self.reads.append(part)
                elif isinstance(part, Apply) and part.operation == "@":
                    matrix, vector = part.arguments
                    self.matrices |= {matrix.name} if isinstance(matrix, Name) else set()
                    self.multiplied |= {vector.name} if isinstance(vector, Name) else set()
        for read in sorted(self.reads, key=lambda read: (read.place.line, read.place.column)):
            if read.name not in equations and read.name not in ("x", "y"):
                self.first.setdefault(read.name, read.place)
        self.bases: dict[str, list[str]] = {}
        for name in [*self.nodes, "x", "y"]:
            self.bases.setdefault(name.lower(), []).append(name)
        stems = ((name, _THIS_STEP.fullmatch(name)) for name in self.nodes)
        self.stems = {stem[1] or stem[2]: name for name, stem in stems if stem is not None}
        self.meant = {name: meaning for name in self.first if (meaning := self._meant(name)) is not None}

    # What a name means ----------------------------------------------------------------------------------------------

    def _meant(self, name: str) -> _Meant | None:
        """The meaning of a parameter's name with a mark of time behind or before it, or in another case; None if it has none."""
        marked = [(name[:size], self._steps_behind(name[size:])) for size in range(len(name) - 1, 0, -1)]
        before = _BEFORE.fullmatch(name)
        marked += [(before[3], 1)] if before is not None else []
        for part, lag in marked:
            if lag is not None and (base := self._known(part, name)) is not None:
                return _Meant(base, lag)
            if lag is not None and part in self.stems:  # h_prev beside a node h_t
                return _Meant(self.stems[part], max(lag, 1))
        base = None if name in self.matrices else self._known(name, name)
        return None if base is None else _Meant(base, 0, by_case=True)

    def _known(self, part: str, name: str) -> str | None:
        """The node, x or y that a part of a name stands for; the name of a vector may differ in case."""
        same = self.bases.get(part.lower(), ())
        return part if part in same else next(iter(same), None) if name not in self.matrices else None

    @staticmethod
    def _steps_behind(mark: str) -> int | None:
        """The number of steps back that the end of a name stands for; None if it is no mark of time."""
        word = mark.replace("_", "").lower()
        if not (mark.startswith("_") or mark[0].isupper() or _JOINED.fullmatch(word)):
            return None
        if _NOW.fullmatch(word):
            return 0
        earlier = _EARLIER.fullmatch(word)
        return int(earlier["a"] or earlier["b"] or 1) or None if earlier is not None else None

    def names(self) -> Iterator[Note]:
        """Notes on parameters named as a node or x with a mark of time, or in another case."""
        for name, meant in self.meant.items():
            place = self.first[name]
            minus = re.match(r"\s*[-−]\s*([1-9])(?![\w.])", self._after(name, place)) if not meant.lag else None
            message = f"{name!r} has no equation, so it is a parameter"
            if minus is not None:
                message += f", and {name + minus[0]!r} is that less {minus[1]}"
                meant = _Meant(meant.name, int(minus[1]))
            elif meant.by_case:
                message += ", since names are told apart by case"
            yield place.note(f"{message}; {self._remedy(name, meant, place)}")

    def _remedy(self, name: str, meant: _Meant, place: Place) -> str:
        base, lag = meant.name, meant.lag
        if base == "y":
            message = "the target is 'y', and it stands only as the second argument of a loss"
            return message + "; that of an earlier step is read only if it is among the inputs 'x'" * bool(lag)
        if base == "x":
            if not lag:
                return "for the input of this step write 'x'"
            unused = free([*self.equations, *self.first, "x", "y"], "u")
            return f"for the input of an earlier step add the line '{unused} = x' and read '{unused}[t-{lag}]'"
        above = self.equations[base].place.line < place.line
        earlier = f"for {base!r} {'one step' if lag < 2 else f'{lag} steps'} earlier write '{base}[t-{max(lag, 1)}]'"
        if name in self.matrices:
            return f"{earlier}, right of its matrix: 'W @ {base}[t-{max(lag, 1)}]'"
        return f"for {base!r} of this step write {base!r}, and {earlier}" if not lag and above else earlier

    def _after(self, name: str, place: Place) -> str:
        """The text behind a name in its line."""
        line = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        return line[place.column - 1 + len(name) :]

    # Nodes that nothing reads, and steps that read nothing ---------------------------------------------------------------------

    def unread(self, losses: Collection[str]) -> Iterator[Note]:
        """Notes on lines on which no loss depends."""
        line = {name: equation.within or name for name, equation in self.equations.items()}
        graph = nx.DiGraph()
        graph.add_nodes_from(line.values())
        graph.add_edges_from(
            (line[read.name], line[name])
            for name, equation in self.equations.items()
            for read in names(equation.expression)
            if read.name in line
        )
        used = set(losses).union(*(nx.ancestors(graph, loss) for loss in losses))
        whole = nx.condensation(graph.subgraph(set(graph) - used))
        for end in whole:
            if whole.out_degree(end):
                continue  # the line that reads it has a note
            members = [name for name in self.nodes if name in whole.nodes[end]["members"]]
            if any(meant.name in members for meant in self.meant.values()):
                continue  # its mistyped name has a note
            name, several = members[-1], len(members) > 1
            near = "" if several else self._near(name)
            message = (
                f"{', '.join(map(repr, members))} are read by no other line"
                if several
                else f"no other line reads {name!r}"
            )
            yield self.equations[name].place.note(
                f"{message}, so the loss does not depend on {'them' if several else 'it'}; "
                + (
                    f"{near!r} is a parameter: write {name!r} there if it is meant"
                    if near
                    else "read it, or leave it out"
                ),
            )

    def _near(self, name: str) -> str:
        """A vector parameter that may be the name mistyped; "" if none is."""
        vectors = [other for other in self.first if other not in self.matrices | self.meant.keys()][:_MANY]
        close = difflib.get_close_matches(name, vectors, n=1, cutoff=0.6)
        begun = [other for other in vectors if len(name) > 1 and (other.startswith(name) or name.startswith(other))]
        return (close or begun or [""])[0]

    def no_step_back(self) -> Iterator[Note]:
        """A note on a cell whose steps do not read one another, unless a mistyped name, which has its note, is the reason."""
        if _FEEDFORWARD.search("\n".join(self.lines)) or any(read.lag for read in self.reads):
            return
        if any(meant.name not in ("x", "y") for meant in self.meant.values()):
            return
        node = next((name for name in self.nodes if not self._calls_loss(name)), self.nodes[0])
        remedy = f"for {node!r} one step earlier write '{node}[t-1]'"
        could = self._could_be_meant()
        if could:
            yield self.first[could[0]].note(
                f"no step reads another: {could[0]!r} has no equation, so it is a parameter; {remedy}",
            )
        else:
            yield self.equations[node].place.note(
                f"no step reads another, so nothing is remembered; {remedy}, or the comment '# feed-forward' if this is meant",
            )

    def _calls_loss(self, name: str) -> bool:
        expression = self.equations[name].expression
        return isinstance(expression, Apply) and expression.operation in LOSSES

    def no_input(self) -> Iterator[Note]:
        """A note on a parameter that could be the input, if no line reads x."""
        if any(read.name == "x" for read in self.reads) or any(m.name == "x" for m in self.meant.values()):
            return
        could = [
            name for name in self.first if name.lower() in _INPUTS and name not in self.matrices | self.meant.keys()
        ]
        for name in [*could, *self._could_be_meant()][:1]:
            yield self.first[name].note(
                f"no line reads the input 'x': {name!r} has no equation, so it is a parameter; write 'x' if the input is meant",
            )

    def _could_be_meant(self) -> list[str]:
        """Parameters that a matrix multiplies: the product would be just another parameter, so a node was probably meant."""
        return [
            name for name in self.first if name in self.multiplied and name not in self.matrices | self.meant.keys()
        ]
