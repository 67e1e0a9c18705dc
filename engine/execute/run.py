"""A run: the forward pass and back-propagation through time, local derivatives, and what flows along each edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine.execute import interpreter
from engine.execute.data import checked
from engine.execute.record import Record, Reduction
from engine.execute.tape import played
from engine.language import operations
from engine.language.cell import Cell, Read
from engine.language.expressions import Apply
from engine.language.operations import FUNCTIONS, SOFTMAX, Array, locked
from engine.support import budget
from engine.support.arguments import one_of, sample_of, step_of, whole
from engine.support.pause import pause

_PORTION = 1 << 21  # numbers of the copies of all parameters in a portion of the steps
_FEWER = "ask for some of the steps by `steps`"


class Run(Record):
    """The values and exact gradients of one forward and backward pass, made by `run`. All arrays are read-only.

    Index 0 of an array with an axis of steps is the step t = 1.

    Attributes:
        cell, parameters, x, y, weights, initial, reduction, dtype: the arguments, checked.
        sizes: the units of x, y and every node.
        T, B: the numbers of steps and samples.
        value: name -> (T, B, n), for every node and for x.
        grad: name -> ∂(total loss)/∂node, (T, B, n), for every node and for x; n = 1 for a loss.
        param_grad: parameter -> its gradient, in its shape.
        initial_grad: state -> the gradient of its initial values, (K, B, n); the last row is t = 0.

    **Holds:** messages_sum_to_the_gradient, copies_sum_to_the_parameters_gradient, no_loss_reaches_a_later_node,
    gradients_match_the_complex_step, gradients_match_the_reference_cases.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments and the results."""
        return Run, (self._data, self._results)

    def __repr__(self) -> str:
        """Name the cell, the steps, the samples and the loss."""
        return f"Run({self.cell.name!r}, T={self.T}, B={self.B}, loss={self.loss:.6g})"

    def part(
        self,
        samples: Sequence[int] | Array | None = None,
        first: int | Sequence[int] | Array = 1,
        steps: int | None = None,
        seed: Array | None = None,
    ) -> Run:
        """Run some of the samples and steps again, as a run of their own whose losses have the same seed.

        Args:
            samples: the samples, from 0, in any order, repetitions allowed; all if missing.
            first: the step at which the part begins, one for all of its samples or one for each. The states start from
                the values that they have in this run.
            steps: the length of the part; up to step T if missing.
            seed: ∂(total loss)/∂L(t) in the part, (steps, samples), if it differs from that of this run.

        Returns:
            A run whose reduction is "sum" and whose weights are the seed.

        Raises:
            ValueError: if the run does not have these samples or steps.

        **Holds:** a_part_of_a_run_is_its_samples_and_steps.
        """
        B, T = self.B, self.T
        chosen = np.arange(B) if samples is None else _checked(samples, 0, B - 1, lambda sample: sample_of(sample, B))
        starts = [first] if np.ndim(first) == 0 else first
        begin = _checked(starts, 1, T, lambda t: step_of(t, T, what="first"))
        longest = T + 1 - int(begin.max(initial=1))
        length = (
            longest
            if steps is None
            else whole("steps", steps, 1, longest, f"{longest} can be taken from the last first step")
        )
        rows = begin - 1 + np.arange(length)[:, None]
        initial = {}
        for name, early in self.initial.items():
            values = np.concatenate([early, self.value[name]])
            initial[name] = values[begin - 1 + np.arange(len(early))[:, None], chosen]
        x = None if self.x is None else self.x[rows, chosen]
        weights = self.seed[rows, chosen] if seed is None else seed
        return run(self.cell, self.parameters, x, self.y[rows, chosen], initial, weights, "sum", self.dtype)

    def slope(self, name: str, steps: slice = slice(None)) -> Array:
        """Compute φ'(a(t)) for a node h = φ(a).

        Args:
            name: a node whose equation is one call of an elementwise function.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            (T, B, n), or its rows `steps`.

        Raises:
            ValueError: for any other node.
        """
        one_of("name", name, self._names)
        expression = self.cell.equations[name].expression if name in self.cell.equations else None
        if not isinstance(expression, Apply) or expression.operation not in FUNCTIONS:
            raise ValueError(f"{name!r} is no elementwise function of its argument; it has no local derivative φ'(a)")
        with np.errstate(all="ignore"):
            return operations.slope(FUNCTIONS[expression.operation], self.argument(name, steps))

    def joint_slope(self, loss: str, steps: slice = slice(None)) -> Array:
        """Compute ∂L(t)/∂a(t) for a loss that is computed from the argument a of its softmax or sigmoid, such as ŷ Σy − y.

        Args:
            loss: such a loss.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            (T, B, n), or its rows `steps`.

        Raises:
            ValueError: for any other node.
        """
        one_of("loss", loss, self._names)
        row = self.cell.loss(loss) if loss in self.cell.equations else None
        if row is None or row.joint is None or self.cell.logits(loss) is None:
            raise ValueError(f"{loss!r} is not computed from the argument of a softmax or a sigmoid")
        (p, *_) = self.cell.reads[loss]
        a = self.argument(p.name, steps)
        rows = np.array(a, self.dtype, order="C").reshape(-1, a.shape[-1])  # contiguous, as `joint` wants it
        y = self.y[steps].reshape(len(rows), *self.y.shape[2:])
        pulled = np.empty_like(rows)
        with np.errstate(all="ignore"):
            row.joint(rows, y, np.empty_like(rows), np.empty(len(rows), self.dtype), pulled)
        return pulled.reshape(a.shape)

    def argument_grad(self, name: str, steps: slice = slice(None)) -> Array:
        """Compute ∂(total loss)/∂a(t) for a node φ(a), also where a has no name of its own.

        Args:
            name: a node whose equation is one call of an elementwise function or of softmax.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            (T, B, n), or its rows `steps`.

        Raises:
            ValueError: for any other node.

        **Holds:** what_a_function_passes_on_is_the_gradient_of_its_argument.
        """
        operation = self.cell.operation(name)
        if operation not in FUNCTIONS and operation != SOFTMAX.name:
            raise ValueError(f"{name!r} is no function of an argument")
        joint = self.cell.joint.get(name, ())
        with np.errstate(all="ignore"):
            grad = self._sent(name, steps) if joint else self.grad[name][steps]
            own = (
                self.slope(name, steps) * grad
                if operation in FUNCTIONS
                else SOFTMAX.pull(grad, self.value[name][steps])
            )
            total = np.sum([own, *(self._joint_pull(loss, steps) for loss in joint)], axis=0)
            if np.isfinite(total).all():
                return np.asarray(total)
            return np.asarray(np.where(self.counted[name][steps][..., None], total, 0))

    def portions(self, first: int = 1, last: int | None = None) -> Iterator[slice]:
        """Cut a range of steps into slices for which the copies of all parameters take little memory.

        Args:
            first: the first step, from 1.
            last: the last step; T if missing.

        Yields:
            Slices of rows, from the first step to the last.
        """
        numbers = max(1, sum(array.size for array in self.parameters.values()))
        many = max(1, min(_PORTION, budget.MAX_BYTES // (8 * self.dtype.itemsize)) // numbers)
        last = self.T if last is None else last
        yield from (slice(begin, min(begin + many, last)) for begin in range(first - 1, last, many))

    def _width(self, name: str) -> int:
        """The numbers in a step of x, y or a node, over all samples."""
        return self.B * self.sizes[name]

    def _joint_pull(self, loss: str, steps: slice = slice(None)) -> Array:
        """The message of a loss to the argument of its softmax or sigmoid, (T, B, n); 0 where the gradient of the loss is 0."""
        grad = self.grad[loss][steps]
        return np.where(grad == 0, 0, self.joint_slope(loss, steps) * grad)

    def _sent(self, name: str, steps: slice) -> Array:
        """The gradient of a node without the part from losses that are computed from its argument."""
        sent = self._results["sent"].get(name)
        return np.zeros_like(self.grad[name][steps]) if sent is None else sent[steps]

    def argument(self, name: str, steps: slice = slice(None)) -> Array:
        """Compute the argument a(t) of a node whose equation is one call: φ(a), or a loss of a.

        Args:
            name: such a node.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            (T, B, n), or its rows `steps`.
        """
        one_of("name", name, self.cell.equations)
        expression = self.cell.equations[name].expression
        assert isinstance(expression, Apply)
        with np.errstate(all="ignore"):
            argument = interpreter.value(
                self.cell, expression.arguments[0], lambda name, lag: self.read(name, lag, steps)
            )
        shape = self.value[name][steps].shape
        return np.array(np.broadcast_to(argument, np.broadcast_shapes(shape, np.shape(argument))))

    def messages(
        self, target: str, steps: slice = slice(None), names: Collection[str] | None = None
    ) -> list[tuple[Read, Array]]:
        """Compute the messages that flow back from a node along each of its incoming edges.

        Where nll(softmax(a)) is computed from a, the message from ŷ to a is the cancelled one, ŷ Σy − y; it equals the softmax
        Jacobian times ∇ŷ where that is finite.

        Args:
            target: a node.
            steps: some of the T rows; nothing is computed for the others.
            names: the names whose edges are wanted; all if missing. A message to a matrix is as large as the matrix at
                each step.

        Returns:
            (reading, message) for each edge. The message to a node or to x is (T, B, n), row t being that from target(t) to
            name(t − lag); that to a parameter is (T, *shape).

        Raises:
            ValueError: for an unknown node, or for more than `budget.MAX_BYTES`, with the number of steps that would fit.
        """
        pause()
        cell = self.cell
        one_of("target", target, cell.equations, f"nodes: {', '.join(cell.nodes)}")
        reads = [read.name for read in cell.reads[target] if names is None or read.name in names]
        width = sum(self.parameters[name].size if name in self.parameters else self._width(name) for name in reads)
        count = len(range(*steps.indices(self.T)))
        budget.fits(f"what {target} sends back", lambda T: 2 * T * width * self.dtype.itemsize, count, self.B, _FEWER)

        def look(name: str, lag: int) -> Array:
            array = self.read(name, lag, steps)
            if name in self.parameters or name == "y" or math.isfinite(np.add.reduce(array, None)):
                return array
            # a value on which no counted loss depends sends 0 back, not 0 times infinity
            return np.where(self.counted[target][steps][..., None], array, array.dtype.type(0))

        with np.errstate(all="ignore"):
            grad = self.grad[target][steps]
            joint = self.cell.joint.get(target, ())
            if not joint:
                return interpreter.pull(cell, target, grad, look, names=names)
            sent = interpreter.pull(cell, target, self._sent(target, steps), look, names=names)
            # the joint gradient of the losses at the argument of softmax or sigmoid, pulled through that argument alone
            total = np.sum([self._joint_pull(name, steps) for name in joint], axis=0)
            through = interpreter.pull(cell, target, total, look, inside=True, names=names)
            return [(read, message + more) for (read, message), (_, more) in zip(sent, through, strict=True)]

    def message(self, source: str, target: str, lag: int | None = None, argument: int | None = None) -> Array:
        """Compute the message that flows back along the edge source → target.

        Args:
            source: a node, "x" or a parameter.
            target: a node that reads it.
            lag: the lag of the edge; if missing, all edges from source to target are summed.
            argument: the place of the edge among the names that the equation of the target reads; if missing, as `lag`.

        Returns:
            (T, B, n) of the source, row t being the message from target(t + lag) to source(t), 0 where t + lag > T; or
            (T, *shape) for a parameter. Messages to initial values (t ≤ 0) are not among the rows: see `initial_grad`.

        Raises:
            ValueError: if there is no such edge.

        **Holds:** messages_sum_to_the_gradient: over all targets they sum to grad[source].
        """
        one_of("source", source, self._names)
        parts = [
            _shifted(message, read.lag)
            for read, message in self.messages(target, names=(source,))
            if lag in (None, read.lag) and argument in (None, read.argument)
        ]
        if not parts:
            reads = ", ".join(
                f"{read.name}[t-{read.lag}]" if read.lag else read.name for read in self.cell.reads[target]
            )
            raise ValueError(f"there is no such edge from {source!r} to {target!r}; {target} reads {reads}")
        with np.errstate(all="ignore"):
            return locked(np.sum(parts, axis=0))

    def step_grad(self, name: str, steps: slice = slice(None)) -> Array:
        """Compute the gradient at the copy of a parameter that each step uses.

        Args:
            name: a parameter.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            (T, *shape), or its rows `steps`.

        Raises:
            ValueError: for an unknown parameter, or for more than `budget.MAX_BYTES`, with the number of steps that would fit.

        Source: Goodfellow et al. (2016), (10.22)–(10.28). **Holds:** copies_sum_to_the_parameters_gradient.
        """
        return self.step_grads((name,), steps)[name]

    def step_grads(self, names: Iterable[str], steps: slice = slice(None)) -> dict[str, Array]:
        """Compute `step_grad` for several parameters, with the messages of each node computed once.

        The backward pass makes `param_grad` by one product over all steps, and never holds the gradient at a single copy, which
        would take T times the memory. The copies come from the messages instead, by `interpreter.pull`, for the steps asked
        for. So the law that they sum to `param_grad` compares two routes.

        Args:
            names: parameters.
            steps: some of the T rows; nothing is computed for the others.

        Returns:
            {name: (T, *shape), or its rows `steps`}.
        """
        count, names = len(range(*steps.indices(self.T))), tuple(names)
        for name in names:
            one_of("name", name, self.parameters, f"parameters: {', '.join(self.parameters)}")
        width = sum(self.parameters[name].size for name in names)
        what = f"the gradient at each copy of {', '.join(names)}"
        budget.fits(what, lambda T: T * width * self.dtype.itemsize, count, self.B, _FEWER)
        total = {name: np.zeros((count, *self.parameters[name].shape), self.dtype) for name in names}
        for target in self.cell.nodes:
            if any(read.name in total for read in self.cell.reads[target]):
                for read, message in self.messages(target, steps, total):
                    with np.errstate(all="ignore"):
                        total[read.name] += message
        return {name: locked(array) for name, array in total.items()}


def _checked(numbers: Any, low: int, high: int, check: Callable[[Any], int]) -> Array:
    """Whole numbers as an array; `check` is called for each if they are of another type or out of bounds, and may raise."""
    array = np.asarray(numbers)
    if array.dtype.kind not in "iu" or not array.size or array.min() < low or array.max() > high:
        array = np.array([check(number) for number in numbers], int)
    return array


def _shifted(message: Array, lag: int) -> Array:
    """A message with its rows by the step of the source; 0 where the target lies beyond the end."""
    if not lag:
        return message
    result = np.zeros_like(message)
    result[: -lag or None] = message[lag:]
    return result


def run(
    cell: Cell,
    params: Mapping[str, Any],
    x: Any,
    y: Any,
    initial: Mapping[str, Any] | None = None,
    weights: Any = None,
    reduction: Reduction = "mean",
    dtype: Any = np.float64,
) -> Run:
    """Run a cell on a sequence: the forward pass and back-propagation through time.

    Args:
        cell: the cell.
        params: {name: array}, every parameter of the cell in its shape.
        x: floats (T, B, n_x), or (T, n_x) for one sample; None for a cell that does not read x.
        y: integers (T, B) or (T,), the classes counted from 0; or floats (T, B, n_y) or (T, n_y).
        initial: {state: array} of shape (n,), (B, n) or (K, B, n), whose last row is t = 0; a missing state starts from 0.
        weights: (T,) or (T, B), the factor of each L(t), as numbers or as a boolean mask; all ones if missing.
        reduction: "mean" or "sum" over the samples.
        dtype: float64 or float32.

    Returns:
        The run, with the value and the gradient of every node at every step.

    Raises:
        ValueError: for an argument that does not fit; the message names it, its value and the values that are allowed.
    """
    pause()
    with np.errstate(all="ignore"):  # run.overflow reports an overflow
        data = checked(cell, params, x, y, initial, weights, reduction, dtype)
        return Run(data, played(data))
