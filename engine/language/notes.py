"""What is probably a slip in a cell: it runs, but it is another network than its reader meant.

A name that nothing defines is a parameter, so that a mistyped state or input is no error. And a loss that takes logarithms is
computed of whatever it is given. What is likely to be meant otherwise is told as a note, with the remedy.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import networkx as nx
import numpy as np

from engine.language.equations import Equation
from engine.language.expressions import Apply, Expression, Name, Number, Place, names, walk
from engine.language.names import free
from engine.language.operations import FUNCTIONS, LOSSES, SOFTMAX
from engine.language.printer import code


@dataclass(frozen=True)
class Note:
    """What is probably a slip, and the remedy, at a place of the text; line and column are counted from 1."""

    line: int
    column: int
    message: str


def notes(
    text: str,
    equations: Mapping[str, Equation],
    losses: Collection[str],
    probabilities: Collection[str] = (),
) -> tuple[Note, ...]:
    """The notes of a cell, in the order of its text.

    text, equations  the source, and its equations by name, calls that were lifted from a line included
    losses           the lines that the total loss sums
    probabilities    nodes whose entries lie from 0 to 1 because of what the parameters are

    **Holds:** a_cell_of_the_catalogue_has_no_note, each_slip_has_its_note.
    """
    found = _Slips(text, equations)
    told = [*found.names(), *found.unread(losses)]
    told += [*found.no_step_back(), *found.no_input(), *_logarithms(equations, probabilities)]
    return tuple(sorted(dict.fromkeys(told), key=lambda note: (note.line, note.column)))


def _note(place: Place, message: str) -> Note:
    return Note(place.line, place.column, message)


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
    """What a parameter's name probably means: a node or x, so many steps back."""

    name: str
    lag: int
    by_case: bool = False


class _Slips:
    """Names that probably mean something else than a parameter, and nodes that nothing reads."""

    def __init__(self, text: str, equations: Mapping[str, Equation]) -> None:
        self.lines, self.equations = text.splitlines(), equations
        self.own = [
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
        for name in [*self.own, "x", "y"]:
            self.bases.setdefault(name.lower(), []).append(name)
        stems = ((name, _THIS_STEP.fullmatch(name)) for name in self.own)
        self.stems = {stem[1] or stem[2]: name for name, stem in stems if stem is not None}
        self.meant = {name: found for name in self.first if (found := self._meant(name)) is not None}

    # What a name means ----------------------------------------------------------------------------------------------

    def _meant(self, name: str) -> _Meant | None:
        """What a parameter's name says with a mark of time behind or before it, or in another case; None if nothing."""
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
        """The node, x or y that a part of a name is; for a vector in any case."""
        same = self.bases.get(part.lower(), ())
        return part if part in same else next(iter(same), None) if name not in self.matrices else None

    @staticmethod
    def _steps_behind(mark: str) -> int | None:
        """How many steps back the end of a name means; None if it means none."""
        word = mark.replace("_", "").lower()
        if not (mark.startswith("_") or mark[0].isupper() or _JOINED.fullmatch(word)):
            return None
        if _NOW.fullmatch(word):
            return 0
        found = _EARLIER.fullmatch(word)
        return int(found["a"] or found["b"] or 1) or None if found is not None else None

    def names(self) -> Iterator[Note]:
        """A parameter whose name is that of a node or of x with a mark of time, or in another case."""
        for name, meant in self.meant.items():
            place = self.first[name]
            minus = re.match(r"\s*[-−]\s*([1-9])(?![\w.])", self._after(name, place)) if not meant.lag else None
            said = f"{name!r} has no equation, so it is a parameter"
            if minus is not None:
                said += f", and {name + minus[0]!r} is that less {minus[1]}"
                meant = _Meant(meant.name, int(minus[1]))
            elif meant.by_case:
                said += ", since names are told apart by case"
            yield _note(place, f"{said}; {self._remedy(name, meant, place)}")

    def _remedy(self, name: str, meant: _Meant, place: Place) -> str:
        base, lag = meant.name, meant.lag
        if base == "y":
            said = "the target is 'y', and it stands only as the second argument of a loss"
            return said + "; that of an earlier step is read only if it is among the inputs 'x'" * bool(lag)
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
        """What stands behind a name in its line."""
        line = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        return line[place.column - 1 + len(name) :]

    # What nothing reads, and what reads nothing ------------------------------------------------------------------------

    def unread(self, losses: Collection[str]) -> Iterator[Note]:
        """A line that no other reads, or no other but those that are read by none, and that is no loss."""
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
                continue  # what reads it is told
            members = [name for name in self.own if name in whole.nodes[end]["members"]]
            if any(meant.name in members for meant in self.meant.values()):
                continue  # its mistyped name is told
            name, several = members[-1], len(members) > 1
            near = "" if several else self._near(name)
            said = (
                f"{', '.join(map(repr, members))} are read by no other line"
                if several
                else f"no other line reads {name!r}"
            )
            yield _note(
                self.equations[name].place,
                f"{said}, so the loss does not depend on {'them' if several else 'it'}; "
                + (
                    f"{near!r} is a parameter: write {name!r} there if it is meant"
                    if near
                    else "read it, or leave it out"
                ),
            )

    def _near(self, name: str) -> str:
        """A vector parameter that may be a name mistyped; "" if there is none."""
        vectors = [other for other in self.first if other not in self.matrices | self.meant.keys()][:_MANY]
        close = difflib.get_close_matches(name, vectors, n=1, cutoff=0.6)
        begun = [other for other in vectors if len(name) > 1 and (other.startswith(name) or name.startswith(other))]
        return (close or begun or [""])[0]

    def no_step_back(self) -> Iterator[Note]:
        """Steps of which none reads another; where a mistyped name is the reason, that is told already."""
        if _FEEDFORWARD.search("\n".join(self.lines)) or any(read.lag for read in self.reads):
            return
        if any(meant.name not in ("x", "y") for meant in self.meant.values()):
            return
        node = next((name for name in self.own if not self._calls_loss(name)), self.own[0])
        remedy = f"for {node!r} one step earlier write '{node}[t-1]'"
        could = self._could_be_meant()
        if could:
            yield _note(
                self.first[could[0]],
                f"no step reads another: {could[0]!r} has no equation, so it is a parameter; {remedy}",
            )
        else:
            yield _note(
                self.equations[node].place,
                f"no step reads another, so nothing is remembered; {remedy}, or the comment '# feed-forward' if this is meant",
            )

    def _calls_loss(self, name: str) -> bool:
        expression = self.equations[name].expression
        return isinstance(expression, Apply) and expression.operation in LOSSES

    def no_input(self) -> Iterator[Note]:
        """An input that no line reads, beside a parameter that it could be."""
        if any(read.name == "x" for read in self.reads) or any(m.name == "x" for m in self.meant.values()):
            return
        could = [
            name for name in self.first if name.lower() in _INPUTS and name not in self.matrices | self.meant.keys()
        ]
        for name in [*could, *self._could_be_meant()][:1]:
            yield _note(
                self.first[name],
                f"no line reads the input 'x': {name!r} has no equation, so it is a parameter; write 'x' if the input is meant",
            )

    def _could_be_meant(self) -> list[str]:
        """Vectors that a matrix stands before though they are parameters: their product is but one more parameter."""
        return [
            name for name in self.first if name in self.multiplied and name not in self.matrices | self.meant.keys()
        ]


# Logarithms of what is no probability -----------------------------------------------------------------------------------

#: The least and the largest that an entry can be.
_Range: TypeAlias = tuple[float, float]
_ANY: Final[_Range] = (-math.inf, math.inf)
_THRESHOLDS: Final = (-math.inf, -1.0, 0.0, 1.0, math.inf)
_ROUNDS: Final = 8  # of the iteration, before a value that is read later is taken to be anything
_WIDE: Final = 100  # parts of an expression that is searched for mixtures
_MIXED: Final = 20  # terms of a sum that is searched for mixtures
_ROUNDING: Final = 1e-9


def _logarithms(equations: Mapping[str, Equation], probabilities: Collection[str]) -> Iterator[Note]:
    """A loss that takes logarithms, of what is no probability by construction."""
    calls = [
        (name, equation)
        for name, equation in equations.items()
        if isinstance(equation.expression, Apply)
        and equation.expression.operation in LOSSES
        and LOSSES[equation.expression.operation].after is not None
        and not _squashed(equations, equation.expression.arguments[0])
    ]
    if not calls:
        return
    known = _Ranges(equations, probabilities)
    for name, equation in calls:
        call = equation.expression
        assert isinstance(call, Apply)
        p, row = call.arguments[0], LOSSES[call.operation]
        low, high = known.of(p)
        if low >= -_ROUNDING and high <= 1 + _ROUNDING:
            continue

        def show(read: Name) -> Expression | None:
            made = equations.get(read.name)
            return made.expression if made is not None and made.within is not None and not read.lag else None

        argument, added = code(p, show), ""
        p_name = _made_of(equations, str(row.after), p, equation.place)
        if not p_name:  # no line computes it yet
            p_name = free([*equations, *known.parameters, "x", "y"], "y_hat", "p")
            added = f"'{p_name} = {row.after}({_short(argument)})' and "
        own = f"{row.name}({p_name}, y)"
        own = own if equation.within else f"{name} = {own}"
        yield _note(
            call.place,
            f"{row.name} takes the logarithm of probabilities, and {_short(argument)!r} need not lie from 0 to 1; if these"
            f" are the logits, write {added}'{own}'",
        )


def _squashed(equations: Mapping[str, Equation], p: Expression) -> bool:
    """Whether an expression is the value of a softmax or a sigmoid, without looking further."""
    made = equations[p.name].expression if isinstance(p, Name) and p.name in equations else None
    return isinstance(made, Apply) and made.operation in (SOFTMAX.name, "sigmoid")


def _made_of(equations: Mapping[str, Equation], function: str, argument: Expression, before: Place) -> str:
    """The node that a line above a place defines as a function of a node or x; "" if there is none."""
    if not isinstance(argument, Name) or argument.lag:
        return ""
    for name, equation in equations.items():
        match equation.expression:
            case Apply(operation, (Name(read, 0),)) if (operation, read) == (function, argument.name):
                if equation.within is None and equation.place.line < before.line:
                    return name
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else "…"


class _Ranges:
    """The range of every node, by its equation: parameters and x are any numbers, initial values are 0.

    What is read later is found by iteration from 0, with bounds that go out to the next threshold where they do not settle.
    """

    def __init__(self, equations: Mapping[str, Equation], probabilities: Collection[str]) -> None:
        self.equations = equations
        self.found: dict[str, _Range] = {}
        self.parameters = {
            read.name for equation in equations.values() for read in names(equation.expression)
        } - equations.keys()
        states = {read.name for equation in equations.values() for read in names(equation.expression) if read.lag}
        for rounds in range(_ROUNDS):
            before = dict(self.found)
            for name, equation in equations.items():
                new = (0.0, 1.0) if name in probabilities else self.of(equation.expression)
                self.found[name] = _hull(new, before.get(name, new)) if name in states else new
            if self.found == before:
                return
            if rounds:
                for name in states & before.keys():
                    self.found[name] = _widened(before[name], self.found[name])
        for name, equation in equations.items():
            self.found[name] = _ANY if name in states else self.of(equation.expression)

    def of(self, expression: Expression) -> _Range:
        """The range of an expression."""
        found = self._of(expression)
        return found if found[0] >= 0 and found[1] <= 1 else self._mixed(self._inlined(expression))

    def _mixed(self, expression: Expression) -> _Range:
        """The range of an expression in which mixtures are recognised."""
        found, terms = self._of(expression), list(_terms(expression))
        low, high = self._sum(terms) if len(terms) <= _MIXED else found
        return max(low, found[0]), min(high, found[1])

    def _sum(self, terms: list[list[Expression]]) -> _Range:
        """The range of a sum of products; that of a ∘ u + (1 − a) ∘ v, with a from 0 to 1, is that of u and v together."""
        if not terms:
            return 0.0, 0.0
        keys = [[code(factor) for factor in factors] for factors in terms]
        rests = {code(rest): share for factors in terms for factor in factors if (share := _rest_of(factor)) is not None
                 for rest in [factor]}  # fmt: skip
        for rest, share in rests.items():
            low, high = self._of(share)
            own = code(share)
            with_share, with_rest = ({i for i, found in enumerate(keys) if key in found} for key in (own, rest))
            some = sorted(with_share - with_rest or with_share)
            others = sorted(with_rest.difference(some))
            if some and others and low >= 0 and high <= 1:
                u, v = (
                    self._sum([_without(terms[i], keys[i].index(key)) for i in mine])
                    for mine, key in ((some, own), (others, rest))
                )
                left = self._sum([terms[i] for i in range(len(terms)) if i not in some and i not in others])
                both = _hull(u, v)
                return _ordered(both[0] + left[0], both[1] + left[1])
        ranges = [self._product(factors) for factors in terms]
        return _ordered(sum(low for low, _ in ranges), sum(high for _, high in ranges))

    def _product(self, factors: list[Expression]) -> _Range:
        found = 1.0, 1.0
        for factor in factors:
            arithmetic = isinstance(factor, Apply) and factor.operation in ("+", "-", "neg", "identity")
            found = _times(found, self._mixed(factor) if arithmetic else self._of(factor))
        return found

    def _read(self, name: str, lag: int) -> _Range:
        if name not in self.equations:
            return _ANY
        return _hull(self.found.get(name, (0.0, 0.0)), (0.0, 0.0)) if lag else self.found[name]

    def _inlined(self, expression: Expression) -> Expression:
        """The expression with sums and products written where their names stood, while it does not get too long."""
        room = _WIDE

        def write(part: Expression) -> Expression:
            nonlocal room
            room -= 1
            if isinstance(part, Name) and not part.lag and part.name in self.equations and room > 0:
                made = self.equations[part.name].expression
                if not isinstance(made, Apply) or made.operation in ("+", "-", "*", "neg", "identity"):
                    return write(made)
            if isinstance(part, Apply):
                return Apply(part.operation, tuple(map(write, part.arguments)), part.place)
            return part

        return write(expression)

    def _of(self, expression: Expression) -> _Range:
        """The range of an expression whose parts have nothing to do with one another."""
        if isinstance(expression, Number):
            return expression.value, expression.value
        if isinstance(expression, Name):
            return self._read(expression.name, expression.lag)
        operation = expression.operation
        if operation == SOFTMAX.name:
            return 0.0, 1.0
        if operation == "@" or operation in LOSSES:
            return _ANY
        parts = [self._of(argument) for argument in expression.arguments]
        (low, high), (least, most) = parts[0], parts[-1]
        if operation == "+":
            return _ordered(low + least, high + most)
        if operation == "-":
            return _ordered(low - most, high - least)
        if operation == "neg":
            return -high, -low
        if operation == "*":
            return _times(*parts)
        with np.errstate(all="ignore"):  # a function of the table nowhere falls
            ends = FUNCTIONS[operation].definition(np.array([low, high]))
        return _ordered(float(ends[0]), float(ends[1]))


def _ordered(low: float, high: float) -> _Range:
    return _ANY if math.isnan(low) or math.isnan(high) else (low, high)


def _hull(a: _Range, b: _Range) -> _Range:
    return min(a[0], b[0]), max(a[1], b[1])


def _widened(before: _Range, after: _Range) -> _Range:
    """Bounds that have moved, out to the next threshold."""
    low = after[0] if after[0] == before[0] else max(own for own in _THRESHOLDS if own <= after[0])
    high = after[1] if after[1] == before[1] else min(own for own in _THRESHOLDS if own >= after[1])
    return low, high


def _times(a: _Range, b: _Range) -> _Range:
    ends = [p * q if p and q else 0.0 for p in a for q in b]
    return _ordered(min(ends), max(ends))


def _terms(expression: Expression, sign: float = 1.0) -> Iterator[list[Expression]]:
    """The terms of a sum, each as the factors of a product; products of sums stay as they are."""
    operation = expression.operation if isinstance(expression, Apply) else ""
    if isinstance(expression, Apply) and operation in ("+", "-", "neg", "identity"):
        yield from _terms(expression.arguments[0], -sign if operation == "neg" else sign)
        for second in expression.arguments[1:]:
            yield from _terms(second, -sign if operation == "-" else sign)
    else:
        yield [Number(sign, expression.place)] * (sign < 0) + _factors(expression)


def _factors(expression: Expression) -> list[Expression]:
    """The factors of a product."""
    if isinstance(expression, Apply) and expression.operation == "*":
        return [factor for part in expression.arguments for factor in _factors(part)]
    return [expression]


def _rest_of(expression: Expression) -> Expression | None:
    """The a of 1 − a; None of all else."""
    if isinstance(expression, Apply) and expression.operation == "-":
        first, second = expression.arguments
        if isinstance(first, Number) and first.value == 1:
            return second
    return None


def _without(factors: list[Expression], place: int) -> list[Expression]:
    return factors[:place] + factors[place + 1 :]


__all__ = ["Note", "notes"]
