"""Every number explained: an equation with its numbers, and a gradient as the sum of the messages along its edges.

Nothing in this module is particular to a cell or an operation: symbols come from the equations and the table of operations,
numbers from the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name, Number, path
from engine.language.operations import ARITHMETIC, FUNCTIONS, LOSSES, SOFTMAX, Array
from engine.language.printer import LATEX, write
from engine.support.arguments import step_of

MAX_PATH: Final = 400  # edges


@dataclass(frozen=True)
class Forward:
    """The equation of a node at a step, for one sample.

    Attributes:
        symbols: The equation in LaTeX.
        numbers: Its right-hand side in LaTeX, with numbers in place of the names.
        value: The value of the node, (n,).
        reads: The values that the equation reads, by (name, step). A step of 0 or below is that of an initial value; the
            step of a parameter is None.
    """

    symbols: str
    numbers: str
    value: Array
    reads: dict[tuple[str, int | None], Array]


@dataclass(frozen=True)
class Message:
    """One summand of a gradient: what flows back along one edge.

    Attributes:
        target: The node that the message comes from, (name, step).
        read: The reading of the target's equation that is the edge.
        symbols: The summand in LaTeX: the transposed Jacobian times the target's gradient.
        vector: Its numbers, (n,).
        norm: Its L2 norm.
        share: Its component along the gradient, as a fraction of the gradient's norm.
    """

    target: tuple[str, int]
    read: Read
    symbols: str
    vector: Array
    norm: float
    share: float

    @property
    def source(self) -> tuple[str, int]:
        """The node that the message goes to, (name, step); an initial value if the step is 0 or below."""
        return self.read.name, self.target[1] - self.read.lag


@dataclass(frozen=True)
class Backward:
    """The gradient of a node at a step, for one sample, as a sum over its outgoing edges.

    Attributes:
        symbols: The whole sum in LaTeX.
        messages: The summands; empty if no later node reads the node.
        seed: For a loss the factor of L(t) in the total loss, which is the first summand; else None.
        factor: The same in LaTeX; else empty.
        gradient: The gradient, (n,), from the run.
        error: The largest entry of |Σ messages + seed − gradient|.

    **Holds:** the_rows_add_up_to_the_gradient.
    """

    symbols: str
    messages: tuple[Message, ...]
    seed: float | None
    factor: str
    gradient: Array
    error: float

    @property
    def total(self) -> Array:
        """Σ messages + seed, (n,)."""
        return _total([message.vector for message in self.messages], self.seed, self.gradient)


def forward(run: Run, name: str, t: int, sample: int = 0) -> Forward:
    """Write the equation of a node with its numbers.

    Args:
        run: The run.
        name: The node.
        t: The step, from 1.
        sample: The sample, from 0.

    Returns:
        The equation.

    Raises:
        ValueError: If the run has no such node, step or sample.
    """
    t, sample = _check(run, name, t, sample)
    cell = run.cell
    if name not in cell.equations:
        raise ValueError(f"{name!r} has no equation; nodes: {', '.join(cell.nodes)}")
    expression = cell.equations[name].expression
    reads: dict[tuple[str, int | None], Array] = {}

    def show(read: Name) -> str:
        value = _value(run, read.name, t - read.lag, sample)
        step = None if read.name in run.parameters else t - read.lag
        reads[read.name, step] = value
        # The equation of a loss sums over the entries of y, so a class is shown as the vector with a single 1.
        return notation.matrix(np.eye(run.sizes["y"])[value] if read.name == "y" and value.ndim == 0 else value)

    numbers = write(expression, LATEX, show)
    left = notation.at_step(name, (), "t")
    return Forward(f"{left} = {cell.latex_of(expression)}", numbers, run.value[name][t - 1, sample], reads)


def backward(run: Run, name: str, t: int, sample: int = 0) -> Backward:
    """Write the gradient at a node as the sum of its messages.

    Args:
        run: The run.
        name: The node; x or a state too.
        t: The step, from 1; 0 and below for an initial value of a state.
        sample: The sample, from 0.

    Returns:
        The sum.

    Raises:
        ValueError: If the run has no such node, step or sample.
    """
    t, sample = _check(run, name, t, sample)
    gradient = run.grad_at(name, t)[sample]
    window = slice(max(t - 1, 0), t + run.cell.lags.get(name, 0))  # the steps of the nodes that read this one
    messages = _messages(run, t, sample, gradient, _edges(run, name, window), window.start)
    seed, factor = None, ""
    if name in run.cell.losses and t > 0:
        seed = float(run.seed[t - 1, sample])
        factor = seed_symbol(run, "t")
    error = float(np.max(np.abs(_total([message.vector for message in messages], seed, gradient) - gradient)))
    terms = [factor] * bool(factor) + [message.symbols for message in messages]
    symbols = f"{notation.nabla(name, 't')} = {' + '.join(terms) or '0'}"
    return Backward(symbols, tuple(messages), seed, factor, gradient, error)


def seed_symbol(run: Run, step: str) -> str:
    """The factor of the loss of a step in the total loss, in LaTeX."""
    weight = f"w^{{({step})}}"
    return rf"\tfrac{{{weight}}}{{B}}" if run.reduction == "mean" else weight


def _total(vectors: list[Array], seed: float | None, gradient: Array) -> Array:
    return np.asarray((np.sum(vectors, axis=0) if vectors else np.zeros_like(gradient)) + (seed or 0.0))


def strongest_path(run: Run, name: str, t: int, sample: int = 0, loss: int | None = None) -> tuple[Message, ...]:
    """Follow the largest message, by its norm, from a node back to a loss.

    Args:
        run: The run.
        name: The node; x or a state too.
        t: The step, from 1; 0 and below for an initial value of a state.
        sample: The sample, from 0.
        loss: The step of the loss at which the path begins; any step if missing.

    Returns:
        The edges from the loss to the node, at most MAX_PATH, the ones next to the node; none if no loss reaches the node.

    Raises:
        ValueError: If the run has no such node, step, sample or loss.

    **Holds:** the_path_leads_from_a_loss_to_the_node.
    """
    t, sample = _check(run, name, t, sample)
    allowed = None if loss is None else _upstream(run, step_of(loss, run.T, of="a loss", what="loss"), t)
    edges: dict[str, list[tuple[str, Read, Array]]] = {}
    walked: list[Message] = []
    while len(walked) < MAX_PATH:
        if name not in edges:
            edges[name] = _edges(run, name)
        messages = _messages(run, t, sample, run.grad_at(name, t)[sample], edges[name])
        messages = [message for message in messages if allowed is None or message.target in allowed]
        strongest = max(messages, key=lambda message: (not np.isnan(message.norm), message.norm), default=None)
        if strongest is None or strongest.norm == 0:
            break
        walked.append(strongest)
        name, t = strongest.target
    complete = name in run.cell.losses or len(walked) == MAX_PATH
    return tuple(reversed(walked)) if complete else ()


def _upstream(run: Run, loss: int, first: int) -> set[tuple[str, int]]:
    """The losses of a step, and the nodes from step `first` on that they depend on."""
    left = [(name, loss) for name in run.cell.losses]
    upstream = set(left)
    while left:  # four times as fast as networkx, which needs the graph of all steps first
        name, t = left.pop()
        new = {(read.name, t - read.lag) for read in run.cell.reads.get(name, ()) if t - read.lag >= first} - upstream
        upstream |= new
        left += new
    return upstream


def _edges(run: Run, name: str, steps: slice = slice(None)) -> list[tuple[str, Read, Array]]:
    """Target, reading and message, at some steps of the target, of each edge that leaves a name."""
    return [
        (target, read, message)
        for target in run.cell.nodes
        if any(read.name == name for read in run.cell.reads[target])
        for read, message in run.messages(target, steps, (name,))
    ]


def _messages(
    run: Run, t: int, sample: int, gradient: Array, edges: list[tuple[str, Read, Array]], first: int = 0
) -> list[Message]:
    """The summands of a gradient at one step; row 0 of the messages of the edges is row `first` of the run."""
    norm = float(np.linalg.norm(gradient))
    with np.errstate(invalid="ignore"):  # a gradient that is infinite has no direction, and no shares
        direction = gradient / norm if norm else gradient
    messages = []
    for target, read, rows in edges:
        step = t + read.lag
        if 1 <= step <= run.T:
            vector = rows[step - 1 - first, sample]
            share = float(direction @ vector / norm) if norm else 0.0
            symbols = flow(run.cell, target, read)
            messages.append(Message((target, step), read, symbols, vector, float(np.linalg.norm(vector)), share))
    return messages


def jacobian_of_softmax(run: Run, name: str, t: int, sample: int = 0) -> Array:
    """The Jacobian S_i (δ_ij − S_j), (n, n), of a softmax node at step t for one sample.

    Raises ValueError if the run has no such node, step or sample, or if the node is no softmax.
    """
    t, sample = _check(run, name, t, sample)
    if run.cell.operation(name) != SOFTMAX.name:
        raise ValueError(f"{name!r} is no softmax")
    return SOFTMAX.jacobian(run.at(name, t)[sample])


# --- in symbols ---------------------------------------------------------------------------------------------------


def flow(cell: Cell, target: str, read: Read) -> str:
    r"""One message, at the step t of the node read: W^\top \operatorname{diag}(…) \nabla_{a^{(t+1)}} L."""
    at = notation.step(read.lag)
    factors = chain(cell, target, read, read.lag)
    joint = cell.joint.get(target, ())
    if not joint or cell.reads[target] != (read,):
        return f"{factors} {notation.nabla(target, at)}".strip()
    terms = []
    for loss in joint:
        row = cell.loss(loss)
        assert row is not None
        p, y = notation.at_step(target, (), at), notation.at_step("y", (), at)
        terms.append(rf"\left({(row.latex_joint or '').format(p=p, y=y)}\right) {notation.nabla(loss, at)}")
    if any(node not in joint and any(r.name == target for r in cell.reads[node]) for node in cell.nodes):
        terms.append(f"{factors} \\left[{notation.nabla(target, at)}\\right]_{{\\text{{others}}}}")
    return " + ".join(terms)


def flow_to_parameter(cell: Cell, target: str, read: Read) -> str:
    r"""The message to a parameter, at the step t of the target: \nabla_{a^{(t)}} L\, {h^{(t-1)}}^\top for a matrix."""
    gradient = f"{chain(cell, target, read, 0)} {notation.nabla(target, 't')}".strip()
    vector = vector_beside(cell, target, read)
    if vector is None:
        return gradient
    text = cell.latex_of(vector)
    text = f"{{{text}}}" if isinstance(vector, Name) else rf"\left({text}\right)"
    return rf"{gradient}\,{text}^\top"


def vector_beside(cell: Cell, target: str, read: Read) -> Expression | None:
    """The vector that a matrix is multiplied with where an equation reads it; None if the name read is no matrix."""
    operations = path(cell.equations[target].expression, read.argument)
    return next((part.arguments[1] for part, index in operations if (part.operation, index) == ("@", 0)), None)


def chain(cell: Cell, target: str, read: Read, shift: int) -> str:
    """The transposed Jacobian of a target's equation with respect to one reading, as a product, at step t + shift.

    For a matrix it is the Jacobian with respect to the product of the matrix and its vector.
    """
    sign, factors = 1, list[str]()
    for depth, (part, index) in enumerate(path(cell.equations[target].expression, read.argument)):
        row = ARITHMETIC.get(part.operation)
        if row is None:
            value = cell.latex_of(part, shift) if depth else notation.at_step(target, (), notation.step(shift))
            factors.append(_factor_of_call(cell, part, value, shift))
        else:
            sign *= row.signs[index]
            factors.append(_factor_of_product(cell, part, index, shift) if row.is_product else "")
    return ("-" if sign < 0 else "") + r"\,".join(filter(None, reversed(factors)))


def _factor_of_product(cell: Cell, part: Apply, index: int, shift: int) -> str:
    """The transposed Jacobian of a product with respect to one argument."""
    other = part.arguments[1 - index]
    if isinstance(other, Number):
        return notation.number(other.value, 6)
    return ARITHMETIC[part.operation].latex_vjp[index].format(other=cell.latex_of(other, shift))


def _factor_of_call(cell: Cell, part: Apply, value: str, shift: int) -> str:
    """The transposed Jacobian of a function, softmax or loss with respect to its first argument; `value` is its own LaTeX."""
    first, *_ = arguments = [
        cell.latex_of(argument, shift)
        if isinstance(argument, Name)
        else rf"\left({cell.latex_of(argument, shift)}\right)"
        for argument in part.arguments
    ]
    if part.operation in LOSSES:
        p, y = arguments
        return rf"\left({LOSSES[part.operation].latex_pull.format(p=p, y=y)}\right)"
    if part.operation == SOFTMAX.name:
        return SOFTMAX.latex_jacobian.format(h=value)
    if part.operation == "identity":
        return ""
    return rf"\operatorname{{diag}}\left({FUNCTIONS[part.operation].latex_slope.format(a=first, h=value)}\right)"


def _value(run: Run, name: str, t: int, sample: int) -> Array:
    """The value of a name at step t (an initial value at t ≤ 0), for one sample."""
    if name in run.parameters:
        return run.parameters[name]
    return np.asarray(run.y[t - 1, sample] if name == "y" else run.at(name, t)[sample])


def _check(run: Run, name: str, t: int, sample: int) -> tuple[int, int]:
    """The step and the sample; raises ValueError if the run has no such node, step or sample."""
    if name not in run.grad:
        raise ValueError(f"{name!r} is no node of {run.cell.name}; nodes: {', '.join(run.grad)}")
    sample, t = run.check_place(sample, t, name)
    return t, sample


__all__ = [
    "MAX_PATH",
    "Backward",
    "Forward",
    "Message",
    "backward",
    "chain",
    "flow",
    "flow_to_parameter",
    "forward",
    "jacobian_of_softmax",
    "seed_symbol",
    "strongest_path",
    "vector_beside",
]
