"""Every number explained: an equation with the numbers in, and a gradient as the sum of what flows back along each edge.

Nothing here knows a cell or an operation: symbols come from the equations and from the operations' own rows, numbers from
the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.execute.run import Run
from engine.language import notation
from engine.language.cell import Cell, Read
from engine.language.expressions import Apply, Expression, Name, Number
from engine.language.operations import FUNCTIONS, LOSSES, SOFTMAX, Array
from engine.language.printer import LATEX, write
from engine.support.arguments import sample_of, step_of

MAX_PATH = 400  # edges


@dataclass(frozen=True)
class Forward:
    """A node's equation at a step, for one sample.

    symbols   the equation in LaTeX
    numbers   its right-hand side with the numbers in place of the names
    value     (n,), what comes out
    reads     what it reads: (name, step) -> its value; a step of 0 and below is an initial value, None a parameter's
    """

    symbols: str
    numbers: str
    value: Array
    reads: dict[tuple[str, int | None], Array]


@dataclass(frozen=True)
class Message:
    """One summand of a gradient: what flows back along one edge.

    target     the node that it comes from, (name, step)
    read       the reading of the target's equation that it goes along
    symbols    the summand in LaTeX: the Jacobian, transposed, times the target's gradient
    vector     (n,), its numbers
    norm       its L2 norm
    share      how much of the gradient it gives: its component along the sum, as a fraction of the sum's norm
    """

    target: tuple[str, int]
    read: Read
    symbols: str
    vector: Array
    norm: float
    share: float

    @property
    def source(self) -> tuple[str, int]:
        """The node that it goes to, (name, step); at a step of 0 or below an initial value."""
        return self.read.name, self.target[1] - self.read.lag


@dataclass(frozen=True)
class Backward:
    """A node's gradient at a step, for one sample, as a sum over its outgoing edges.

    symbols    the whole sum in LaTeX
    messages   the summands; there is none where nothing later reads the node
    seed       for a loss: the factor of L(t) in the total loss, which is the gradient's first summand; else None
    factor     the same in LaTeX; else empty
    gradient   (n,), from the run
    error      the largest |Σ messages − gradient|

    **Holds:** the_rows_add_up_to_the_gradient.
    """

    symbols: str
    messages: tuple[Message, ...]
    seed: float | None
    factor: str
    gradient: Array
    error: float


def forward(run: Run, name: str, t: int, sample: int = 0) -> Forward:
    """The equation of a node at step t (from 1) with its numbers; raises ValueError for what there is not."""
    t, sample = _there(run, name, t, sample)
    cell = run.cell
    if name not in cell.equations:
        raise ValueError(f"{name!r} has no equation; nodes: {', '.join(cell.nodes)}")
    expression = cell.equations[name].expression
    reads: dict[tuple[str, int | None], Array] = {}

    def show(read: Name) -> str:
        value = _value(run, read.name, t - read.lag, sample)
        step = None if read.name in run.parameters else t - read.lag
        reads[read.name, step] = value
        # The equation of a loss sums over the entries of y: a class stands there as the vector with one 1.
        return notation.matrix(np.eye(run.sizes["y"])[value] if read.name == "y" and value.ndim == 0 else value)

    numbers = write(expression, LATEX, show)
    left = notation.at_step(name, (), "t")
    return Forward(f"{left} = {cell.latex_of(expression)}", numbers, run.value[name][t - 1, sample], reads)


def backward(run: Run, name: str, t: int, sample: int = 0) -> Backward:
    """The gradient at a node, at x or at an initial value (t ≤ 0) as the sum of its messages; raises as `forward`."""
    t, sample = _there(run, name, t, sample)
    gradient = run.grad[name][t - 1, sample] if t > 0 else run.initial_grad[name][t - 1, sample]
    window = slice(max(t - 1, 0), t + run.cell.lags.get(name, 0))  # the steps of what reads the node
    found = _messages(run, t, sample, gradient, _edges(run, name, window), window.start)
    seed, factor = None, ""
    if name in run.cell.losses and t > 0:
        seed = float(run.weights[t - 1, sample]) / (run.B if run.reduction == "mean" else 1)
        factor = r"\tfrac{w^{(t)}}{B}" if run.reduction == "mean" else "w^{(t)}"
    total = np.sum([message.vector for message in found], axis=0) if found else np.zeros_like(gradient)
    error = float(np.max(np.abs(total + (seed or 0.0) - gradient)))
    terms = [factor] * bool(factor) + [message.symbols for message in found]
    symbols = f"{notation.nabla(name, 't')} = {' + '.join(terms) or '0'}"
    return Backward(symbols, tuple(found), seed, factor, gradient, error)


def path(run: Run, name: str, t: int, sample: int = 0, loss: int | None = None) -> tuple[Message, ...]:
    """The strongest path that the gradient takes back to a node: its edges from a loss down to the node.

    loss   the step of the loss that it begins at; wherever the strongest messages come from, if None

    At each node it is the message with the largest norm that is followed up, of those that come from that loss. There are
    at most MAX_PATH edges, those next to the node; there is none where no loss reaches it. Raises as `forward`, and for a
    step of the loss that there is not.
    **Holds:** the_path_leads_from_a_loss_to_the_node.
    """
    t, sample = _there(run, name, t, sample)
    if loss is not None:
        loss = step_of(loss, run.T, of="a loss", what="loss")
    open_to = None if loss is None else _before(run, loss, t)
    edges: dict[str, list[tuple[str, Read, Array]]] = {}
    walked: list[Message] = []
    while len(walked) < MAX_PATH:
        if name not in edges:
            edges[name] = _edges(run, name)
        gradient = run.grad[name][t - 1, sample] if t > 0 else run.initial_grad[name][t - 1, sample]
        found = _messages(run, t, sample, gradient, edges[name])
        found = [message for message in found if open_to is None or message.target in open_to]
        strongest = max(found, key=lambda message: (not np.isnan(message.norm), message.norm), default=None)
        if strongest is None or strongest.norm == 0:
            break
        walked.append(strongest)
        name, t = strongest.target
    arrived = name in run.cell.losses or len(walked) == MAX_PATH
    return tuple(reversed(walked)) if arrived else ()


def _before(run: Run, loss: int, first: int) -> set[tuple[str, int]]:
    """The nodes from step `first` on that the losses of a step depend on, these among them."""
    left = [(name, loss) for name in run.cell.losses]
    found = set(left)
    while left:
        name, t = left.pop()
        new = {(read.name, t - read.lag) for read in run.cell.reads.get(name, ()) if t - read.lag >= first} - found
        found |= new
        left += new
    return found


def _edges(run: Run, name: str, steps: slice = slice(None)) -> list[tuple[str, Read, Array]]:
    """What flows back to a name: along each edge that leaves it, the target, the reading, and the message at its steps."""
    return [
        (target, read, message)
        for target in run.cell.nodes
        if any(read.name == name for read in run.cell.reads[target])
        for read, message in run.messages(target, steps, (name,))
    ]


def _messages(
    run: Run, t: int, sample: int, gradient: Array, edges: list[tuple[str, Read, Array]], first: int = 0
) -> list[Message]:
    """The summands of a gradient at one step; the messages of the edges begin with row `first` of the run's."""
    norm = float(np.linalg.norm(gradient))
    with np.errstate(invalid="ignore"):  # a gradient that is infinite has no direction, and no shares
        direction = gradient / norm if norm else gradient
    found = []
    for target, read, message in edges:
        step = t + read.lag
        if 1 <= step <= run.T:
            vector = message[step - 1 - first, sample]
            share = float(direction @ vector / norm) if norm else 0.0
            symbols = flow(run.cell, target, read)
            found.append(Message((target, step), read, symbols, vector, float(np.linalg.norm(vector)), share))
    return found


def jacobian_of_softmax(run: Run, name: str, t: int, sample: int = 0) -> Array:
    """S_i (δ_ij − S_j), (n, n), for a node that is a softmax."""
    t, sample = _there(run, name, t, sample)
    if run.cell.operation(name) != SOFTMAX.name:
        raise ValueError(f"{name!r} is no softmax")
    S = run.value[name][t - 1, sample]
    return np.diag(S) - np.outer(S, S)


def flow(cell: Cell, target: str, read: Read) -> str:
    r"""One message in symbols, at the step t of what is read: W^\top \operatorname{diag}(…) \nabla_{a^{(t+1)}} L."""
    joint = [name for name in cell.nodes if cell.logits(name) is not None and cell.reads[name][0].name == target]
    shift = read.lag
    at = notation.step(shift)
    factors = chain(cell, target, read, shift)
    if joint and cell.reads[target][0] == read and len(cell.reads[target]) == 1:
        parts = []
        for name in joint:
            row = cell.loss(name)
            assert row is not None
            cancelled = (row.latex_joint or "").format(
                p=notation.at_step(target, (), at), y=notation.at_step("y", (), at)
            )
            parts.append(rf"\left({cancelled}\right) {notation.nabla(name, at)}")
        others = [n for n in cell.nodes if n not in joint and any(r.name == target for r in cell.reads[n])]
        if others:
            parts.append(f"{factors} \\left[{notation.nabla(target, at)}\\right]_{{\\text{{others}}}}")
        return " + ".join(parts)
    return f"{factors} {notation.nabla(target, at)}".strip()


def flow_to_parameter(cell: Cell, target: str, read: Read) -> str:
    r"""What a reading of a parameter gets at the step t of the target: \nabla_{a^{(t)}} L\, {h^{(t-1)}}^\top for a matrix."""
    gradient = f"{chain(cell, target, read, 0)} {notation.nabla(target, 't')}".strip()
    vector = _vector(cell.equations[target].expression, read.argument)
    if vector is None:
        return gradient
    text = cell.latex_of(vector)
    text = f"{{{text}}}" if isinstance(vector, Name) else rf"\left({text}\right)"
    return rf"{gradient}\,{text}^\top"


def _vector(expression: Expression, place: int) -> Expression | None:
    """What stands right of the matrix that is read at this place; None if it is no matrix that stands there."""
    while isinstance(expression, Apply):
        index, place = _branch(expression.arguments, place)
        if expression.operation == "@" and index == 0:
            return expression.arguments[1]
        expression = expression.arguments[index]
    return None


def chain(cell: Cell, target: str, read: Read, shift: int) -> str:
    """The transposed Jacobian of the target's equation, at step t + shift, with respect to one reading, as a product.

    For a matrix that is read it ends at the product with its vector.
    """
    factors: list[str] = []
    sign = 1
    expression: Expression = cell.equations[target].expression
    place = read.argument

    def latex(part: Expression) -> str:
        return cell.latex_of(part, shift)

    def diagonal(inside: str) -> str:
        return rf"\operatorname{{diag}}\left({inside}\right)"

    outermost = True
    while isinstance(expression, Apply):
        operation, arguments = expression.operation, expression.arguments
        index, place = _branch(arguments, place)
        if (operation == "-" and index == 1) or operation == "neg":
            sign = -sign
        elif operation == "*":
            other = arguments[1 - index]
            factors.insert(0, notation.number(other.value, 6) if isinstance(other, Number) else diagonal(latex(other)))
        elif operation == "@":
            if index == 1:
                factors.insert(0, rf"{latex(arguments[0])}^\top")
        elif operation in FUNCTIONS or operation == SOFTMAX.name:
            argument = arguments[0]
            a = latex(argument) if isinstance(argument, Name) else rf"\left({latex(argument)}\right)"
            h = notation.at_step(target, (), notation.step(shift)) if outermost else latex(expression)
            if operation in FUNCTIONS:
                if operation != "identity":
                    factors.insert(0, diagonal(FUNCTIONS[operation].latex_slope.format(a=a, h=h)))
            else:
                factors.insert(0, SOFTMAX.latex_jacobian.format(h=h))
        elif operation in LOSSES:
            p, y = (
                latex(argument) if isinstance(argument, Name) else rf"\left({latex(argument)}\right)"
                for argument in arguments
            )
            factors.insert(0, rf"\left({LOSSES[operation].latex_pull.format(p=p, y=y)}\right)")
        expression = arguments[index]
        outermost = False
    return ("-" if sign < 0 else "") + r"\,".join(factors)


def _branch(arguments: tuple[Expression, ...], place: int) -> tuple[int, int]:
    """Which argument holds the reading at this place, and its place in there."""
    for index, argument in enumerate(arguments):
        count = len(_names(argument))
        if place < count:
            return index, place
        place -= count
    raise ValueError(f"no reading {place} here")


def _names(expression: Expression) -> list[Name]:
    if isinstance(expression, Name):
        return [expression]
    return (
        [name for argument in expression.arguments for name in _names(argument)]
        if isinstance(expression, Apply)
        else []
    )


def _value(run: Run, name: str, t: int, sample: int) -> Array:
    """What a name has at step t (at t ≤ 0 its initial value)."""
    if name in run.parameters:
        return run.parameters[name]
    if name == "y":
        return np.asarray(run.y[t - 1, sample])
    return np.asarray(run.value[name][t - 1, sample] if t > 0 else run.initial[name][t - 1, sample])


def _there(run: Run, name: str, t: int, sample: int) -> tuple[int, int]:
    """The step and the sample, if the name has them."""
    if name not in run.grad:
        raise ValueError(f"{name!r} is no node of {run.cell.name}; nodes: {', '.join(run.grad)}")
    return step_of(t, run.T, 1 - run.cell.lags.get(name, 0), name), sample_of(sample, run.B)


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
    "path",
]
