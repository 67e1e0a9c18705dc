"""The pass written by hand in numpy for three cells of the catalogue: the yardstick of the engine, which takes any cell.

It computes the same results as the engine: values and gradients of all nodes and parameters. Its speed has these reasons:

    only the recurrence in the loop    nodes that no later step reads (U x, V h, the softmax, the loss, and on the way back
                                       the gradients of o, x and the parameters) are computed for all steps in one call
    augmented rows at B = 1            [h(t−1) | x(t) | 1] times [W | U | b], and back [∇o(t−1) | ∇a(t)] times [V; W]: one
                                       product per step each way; for matrices of more than 4096 entries, separate products
    stacked gates                      four gates are one product and one call of each function, and they lie so that products
                                       with their neighbours are one call too
    1 − h², σ(1 − σ)                   slopes from the values, at B = 1 for all steps before the way back begins; at B > 1
                                       step by step, while the step is in the cache
    −a for the gates at B = 1          the matrices are negated, not each step: σ = 1 / (1 + exp(−a))
    softmax without its shift          unless a logit beyond ±300 needs it
    memory used again                  once reference counts show that nobody holds a result any more, with the views of each
                                       step made once: saves about 0.09 µs per view, and the page faults of new arrays, which
                                       cost between nothing and a quarter of a pass, depending on the heap

A letter stands for a node or a parameter of the catalogue, and `grad_` before it for its gradient. Arrays are float64; gradients
are (T, B, n), as in the engine. The rows of a `table` are the T · B pairs of a step and a sample.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Classes: TypeAlias = NDArray[np.int64]
Results: TypeAlias = tuple[dict[str, Array], dict[str, Array]]  # values, gradients

_AUGMENT_UP_TO = 4096  # entries of a matrix; beyond them the longer product costs more than the call that it saves
_UNSHIFTED_UP_TO = 300  # logits whose exp needs no shift
_KEEP = 4  # plans whose results somebody may hold at the same time


def maker(
    cell: str, params: Mapping[str, Array], x: Array, y: Classes, weights: Array
) -> Callable[[], Mapping[str, Array]]:
    """The pass as a function without arguments that returns the gradients by name. The loss is Σ_t weights(t) Σ_b L(t, b).

    cell "rnn", "lstm" or "lstm_tanh"; x (T, B, n_x); y (T, B), classes; weights (T,).
    """
    if cell not in ("rnn", "lstm", "lstm_tanh"):
        raise ValueError(f"cell is {cell!r}; written by hand: rnn, lstm, lstm_tanh")
    T, B, n_x = x.shape
    n_y, n_h = params["V"].shape
    kind: type[_Plan]
    if cell == "rnn":
        kind = _RnnBatch if B > 1 else _RnnRows if _is_small(n_x, n_h, n_y) else _RnnVector
    else:
        kind = _LstmBatch if B > 1 else _LstmVector
    plans: list[_Plan] = []

    def run() -> Mapping[str, Array]:
        for plan in plans:
            if plan.is_idle():
                break
        else:
            plan = kind(cell, T, B, n_x, n_h, n_y)
            plans.append(plan)
            del plans[:-_KEEP]
        _, grads = plan.run(params, x, y, weights)
        return grads

    return run


def _is_small(n_x: int, n_h: int, n_y: int) -> bool:
    """Whether augmented rows are faster."""
    return n_h * max(n_x, n_y) <= _AUGMENT_UP_TO


class _Plan:
    """Memory for a problem of one shape, and the views of its steps. The results of `run` are views of that memory."""

    def __init__(self, cell: str, T: int, B: int, n_x: int, n_h: int, n_y: int) -> None:
        self.cell = cell
        self.sizes = T, B, n_x, n_h, n_y
        self.held: list[Array] = []
        self.starts = np.arange(0, T * B * n_y, n_y)  # of the rows of a table of o
        self.ones_y, self.ones = np.ones(n_y), np.ones(T * B)
        self.o, self.y_hat, self.L = self.new(T * B, n_y), self.new(T * B, n_y), self.new(T * B)
        self.grad_y_hat, self.grad_x = self.new(T, B, n_y), self.new(T, B, n_x)
        self.lay_out(*self.sizes)
        self.at_rest = self.references()

    def new(self, *shape: int, make: Callable[[tuple[int, ...]], Array] = np.empty) -> Array:
        """An array whose views are results; made by np.zeros if its first or last row is read and never written."""
        array = make(shape)
        self.held.append(array)
        return array

    def references(self) -> list[int]:
        return [sys.getrefcount(array) for array in self.held]

    def is_idle(self) -> bool:
        """Whether nobody holds a result any more."""
        return self.references() == self.at_rest

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        raise NotImplementedError

    def run(self, params: Mapping[str, Array], x: Array, y: Classes, weights: Array) -> Results:
        raise NotImplementedError

    def top(self, y: Classes, weights: Array, grad_o: Array, memory: Array, starts: Classes) -> None:
        """Compute y_hat, L, the total loss, and the gradients of y_hat and o, from the logits of all steps.

        grad_o is an output, a view of `memory` whose rows start at `starts`.
        """
        B = self.sizes[1]
        o, y_hat, L = self.o, self.y_hat, self.L
        y = y.reshape(-1)
        at = self.starts + y
        low, high = np.minimum.reduce(o, None), np.maximum.reduce(o, None)
        if max(-low, high) < _UNSHIFTED_UP_TO:
            chosen = o.take(at)
            np.exp(o, y_hat)
        else:
            np.subtract(o, np.maximum.reduce(o, 1, keepdims=True), y_hat)
            chosen = y_hat.take(at)
            np.exp(y_hat, y_hat)
        total = y_hat.dot(self.ones_y)
        np.log(total, L)
        np.subtract(L, chosen, L)
        np.divide(y_hat, total[:, None], y_hat)
        p = y_hat.take(at)
        each = np.repeat(weights, B) if B > 1 else weights
        factor = weights[:, None, None] if grad_o.ndim == 3 else each[:, None]
        np.multiply(y_hat.reshape(grad_o.shape), factor, grad_o)
        memory.put(starts + y, each * (p - 1))
        self.grad_y_hat.fill(0)
        self.grad_y_hat.put(at, -each / p)
        self.loss = float(each.dot(L))

    def values(self, **others: Array) -> dict[str, Array]:
        T, B, _, _, n_y = self.sizes
        return others | {
            "o": self.o.reshape(T, B, n_y),
            "y_hat": self.y_hat.reshape(T, B, n_y),
            "L": self.L.reshape(T, B, 1),
        }

    def gradients(self, weights: Array, **others: Array) -> dict[str, Array]:
        T, B, _, _, _ = self.sizes
        return others | {
            "x": self.grad_x,
            "y_hat": self.grad_y_hat,
            "L": np.broadcast_to(weights[:, None, None], (T, B, 1)),
        }


class _RnnRows(_Plan):
    """B = 1, few units: rows [h(t−1) | x(t) | 1] and [∇a(t) | ∇o(t−1)]; two numpy calls per step forward, two back."""

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        width = n + n_x + 1
        self.rows, self.grads = self.new(T + 1, width, make=np.zeros), self.new(T + 1, n + n_y, make=np.zeros)
        self.rows[:, -1] = 1
        self.a, self.grad_h, self.slope = self.new(T, n), self.new(T, n), np.empty((T, n))
        self.WUb, self.WV, self.Vc = np.empty((n, width)), np.empty((n, n + n_y)), np.zeros((n_y, width))
        self.grad_WUb, self.grad_Vc = self.new(n, width), self.new(n_y, width)
        self.grad_starts = np.arange(n + n_y + n, (T + 1) * (n + n_y), n + n_y)
        h = self.rows[1:, :n]
        self.steps = list(zip(self.rows[:T], self.a, h, strict=True))
        back = (self.grads[:0:-1], self.grad_h[::-1], self.slope[::-1], self.grads[T - 1 :: -1, :n])
        self.steps_back = list(zip(*back, strict=True))

    def run(self, params: Mapping[str, Array], x: Array, y: Classes, weights: Array) -> Results:
        T, _, _, n, _ = self.sizes
        multiply, tanh = np.multiply, np.tanh
        U, W, V, b, c = (params[name] for name in "UWVbc")
        rows, WUb, WV, Vc = self.rows, self.WUb, self.WV, self.Vc
        rows[:T, n:-1] = x[:, 0]
        WUb[:, :n], WUb[:, n:-1], WUb[:, -1] = W, U, b
        Vc[:, :n], Vc[:, -1] = V, c
        WV[:, :n], WV[:, n:] = W.T, V.T

        dot = WUb.dot
        for row, a, h in self.steps:
            dot(row, a)
            tanh(a, h)
        h, grad_a, grad_o = rows[1:, :n], self.grads[:T, :n], self.grads[1:, n:]
        rows[1:].dot(Vc.T, self.o)
        self.top(y, weights, grad_o, self.grads, self.grad_starts)

        multiply(h, h, self.slope)
        np.subtract(1, self.slope, self.slope)
        dot = WV.dot
        for row, grad_h, slope, to in self.steps_back:
            dot(row, grad_h)
            multiply(grad_h, slope, to)
        grad_WUb, grad_Vc = grad_a.T.dot(rows[:T], self.grad_WUb), grad_o.T.dot(rows[1:], self.grad_Vc)
        grad_a.dot(U, self.grad_x[:, 0])
        values = self.values(a=self.a[:, None], h=h[:, None])
        grads = self.gradients(
            weights,
            a=grad_a[:, None],
            h=self.grad_h[:, None],
            o=grad_o[:, None],
            W=grad_WUb[:, :n],
            U=grad_WUb[:, n:-1],
            b=grad_WUb[:, -1],
            V=grad_Vc[:, :n],
            c=grad_Vc[:, -1],
        )
        return values, grads


class _Rnn(_Plan):
    """The parts outside the loops; the loops differ between B = 1 and B > 1."""

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        self.a, self.grad_a, self.grad_h = self.new(T, B, n), self.new(T, B, n), self.new(T, B, n)
        self.h, self.grad_o = self.new(T + 1, B, n, make=np.zeros), self.new(T, B, n_y)
        self.grad_W, self.grad_U, self.grad_V = self.new(n, n), self.new(n, n_x), self.new(n_y, n)

    def loop_forward(self, W: Array) -> None:
        """Compute a, which contains b + U x at first, and h."""
        raise NotImplementedError

    def loop_back(self, W: Array) -> None:
        """Compute the gradient of h, which contains Vᵀ ∇o at first, and that of a."""
        raise NotImplementedError

    def run(self, params: Mapping[str, Array], x: Array, y: Classes, weights: Array) -> Results:
        T, B, n_x, n, n_y = self.sizes
        U, W, V, b, c = (params[name] for name in "UWVbc")
        x_table, a_table, h_table = x.reshape(T * B, n_x), self.a.reshape(T * B, n), self.h[1:].reshape(T * B, n)
        grad_o_table, grad_a_table = self.grad_o.reshape(T * B, n_y), self.grad_a.reshape(T * B, n)

        np.add(x_table.dot(U.T, a_table), b, a_table)
        self.loop_forward(W)
        np.add(h_table.dot(V.T, self.o), c, self.o)
        self.top(y, weights, self.grad_o, self.grad_o, self.starts)

        grad_o_table.dot(V, self.grad_h.reshape(T * B, n))
        self.loop_back(W)
        grad_a_table.dot(U, self.grad_x.reshape(T * B, n_x))
        values = self.values(a=self.a, h=self.h[1:])
        grads = self.gradients(
            weights,
            a=self.grad_a,
            h=self.grad_h,
            o=self.grad_o,
            W=grad_a_table.T.dot(self.h[:T].reshape(T * B, n), self.grad_W),
            U=grad_a_table.T.dot(x_table, self.grad_U),
            b=self.ones.dot(grad_a_table),
            V=grad_o_table.T.dot(h_table, self.grad_V),
            c=self.ones.dot(grad_o_table),
        )
        return values, grads


class _RnnVector(_Rnn):
    """B = 1, many units: a step is a vector."""

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        super().lay_out(T, B, n_x, n, n_y)
        self.slope, self.product, self.transposed = np.empty((T, n)), np.empty(n), np.empty((n, n))
        h = self.h[:, 0]
        self.steps = list(zip(h[:T], self.a[:, 0], h[1:], strict=True))
        back = (self.grad_h[::-1, 0], self.slope[::-1], self.grad_a[::-1, 0])
        self.steps_back = list(zip(*back, strict=True))

    def loop_forward(self, W: Array) -> None:
        add, tanh = np.add, np.tanh
        dot, product = W.dot, self.product
        for before, a, h in self.steps:
            dot(before, product)
            add(a, product, a)
            tanh(a, h)

    def loop_back(self, W: Array) -> None:
        add, multiply = np.add, np.multiply
        h, slope = self.h[1:, 0], self.slope
        multiply(h, h, slope)
        np.subtract(1, slope, slope)
        self.transposed[...] = W.T
        dot, product = self.transposed.dot, self.product
        product[...] = 0
        for grad_h, slope, grad_a in self.steps_back:
            add(grad_h, product, grad_h)
            multiply(grad_h, slope, grad_a)
            dot(grad_a, product)


class _RnnBatch(_Rnn):
    """B > 1: a step is a matrix (B, n)."""

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        super().lay_out(T, B, n_x, n, n_y)
        self.slope, self.product = np.empty((B, n)), np.empty((B, n))
        self.steps = list(zip(self.h[:T], self.a, self.h[1:], strict=True))
        self.steps_back = list(zip(self.grad_h[::-1], self.h[:0:-1], self.grad_a[::-1], strict=True))

    def loop_forward(self, W: Array) -> None:
        add, tanh = np.add, np.tanh
        transposed, product = W.T, self.product
        for before, a, h in self.steps:
            before.dot(transposed, product)
            add(a, product, a)
            tanh(a, h)

    def loop_back(self, W: Array) -> None:
        add, multiply, subtract = np.add, np.multiply, np.subtract
        slope, product = self.slope, self.product
        product[...] = 0
        for grad_h, h, grad_a in self.steps_back:
            add(grad_h, product, grad_h)
            multiply(h, h, slope)
            subtract(1, slope, slope)
            multiply(grad_h, slope, grad_a)
            grad_a.dot(W, product)


class _LstmVector(_Plan):
    """B = 1. k is the candidate, and a_q, a_g, a_f, a_k are the arguments of the four functions.

    rows    [h(t−1) | x(t) | 1] with few units, else h(t−1)
    a       [−a_q | −a_g | −a_f | −a_k], but a_k itself where its function is tanh
    gates   [q | g | f | k | s(t−1)], so that [g | f] ∘ [k | s(t−1)] is one call
    slopes  [∂h/∂a_q | ∂h/∂s | ∂s/∂a_g | ∂s/∂a_f | ∂s/∂a_k | f], known before the way back begins
    grads   [∇o(t−1) | ∇a_q | ∇a_g | ∇a_f | ∇a_k | f ∘ ∇s]; the last four are one call, slopes times ∇s, and the first
            exists only with few units
    """

    order = ("_q", "_g", "_f", "")

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        self.augmented = _is_small(n_x, n, n_y)
        self.sigmoids = sigmoids = 4 * n if self.cell == "lstm" else 3 * n
        width = n + n_x + 1 if self.augmented else n
        left = self.left = n_y if self.augmented else 0  # columns of ∇o in `grads`
        # values
        self.rows = rows = self.new(T + 1, width, make=np.zeros)
        if self.augmented:
            rows[:, -1] = 1
        self.a, self.gates, self.h_tanh = self.new(T, 4 * n), self.new(T + 1, 5 * n, make=np.zeros), self.new(T, n)
        # gradients
        self.grads = grads = self.new(T + 1, left + 5 * n, make=np.zeros)
        self.grad_o = grads[1:, :left] if self.augmented else self.new(T, n_y)
        self.grad_starts = np.arange(left + 5 * n, (T + 1) * (left + 5 * n), left + 5 * n)
        self.grad_h, self.grad_s, self.slopes = self.new(T, n), self.new(T, n), np.empty((T, 6 * n))
        self.grad_h_tanh, self.grad_q, self.grad_gf, self.grad_k = (self.new(T, m) for m in (n, n, 2 * n, n))
        self.grad_WUb, self.grad_U, self.grad_Vc = self.new(4 * n, width), self.new(4 * n, n_x), self.new(n_y, width)
        # matrices and scratch
        self.U, self.own, self.square = np.empty((4 * n, n_x)), np.empty((T, 4 * n)), np.empty((T, n))
        self.WUb, self.VW, self.Vc = np.empty((4 * n, width)), np.empty((n, left + 4 * n)), np.zeros((n_y, width))
        self.one, self.e = np.ones(sigmoids), np.empty(sigmoids)
        self.product, self.pair, self.product_back = np.empty(4 * n), np.empty(2 * n), np.empty(n)

        a, gates, slopes = self.a, self.gates[:T], self.slopes
        steps = (
            rows[:T],
            a,
            a[:, :sigmoids],
            a[:, 3 * n :],
            gates[:, :sigmoids],
            gates[:, 3 * n : 4 * n],
            gates[:, n : 3 * n],
            gates[:, 3 * n :],
            self.gates[1:, 4 * n :],
            gates[:, :n],
            self.h_tanh,
            rows[1:, :n],
        )
        self.steps = list(zip(*steps, strict=True))
        back = (
            grads[:0:-1, : left + 4 * n],
            self.grad_h[::-1],
            slopes[::-1, :n],
            slopes[::-1, n : 2 * n],
            slopes[:, 2 * n :].reshape(T, 4, n)[::-1],
            grads[T - 1 :: -1, left : left + n],
            self.grad_s[::-1],
            grads[:0:-1, left + 4 * n :],
            grads[:T, left + n :].reshape(T, 4, n)[::-1],
        )
        self.steps_back = list(zip(*back, strict=True))

    def load(self, params: Mapping[str, Array], x: Array, U: Array) -> None:
        """Fill the memory before the loop: the stacked matrices, and x in the rows or U x + b in a."""
        T, _, _, n, _ = self.sizes
        left, sigmoids = self.left, self.sigmoids
        self.Vc[:, :n] = params["V"]
        if self.augmented:
            self.VW[:, :left] = params["V"].T
            self.rows[:T, n:-1], self.Vc[:, -1] = x, params["c"]
        for i, gate in enumerate(self.order):
            own, W = self.WUb[i * n : (i + 1) * n], params["W" + gate]
            negated = i * n < sigmoids
            if negated:
                np.negative(W, own[:, :n])
            else:
                own[:, :n] = W
            if self.augmented:
                own[:, n:-1], own[:, -1] = params["U" + gate], params["b" + gate]
                if negated:
                    np.negative(own[:, n:], own[:, n:])
            self.VW[:, left + i * n : left + (i + 1) * n] = W.T
        if not self.augmented:
            a = self.a
            np.add(x.dot(U.T, a), np.concatenate([params["b" + gate] for gate in self.order]), a)
            np.negative(a[:, :sigmoids], a[:, :sigmoids])

    def loop_forward(self) -> None:
        add, exp, multiply, reciprocal, tanh = np.add, np.exp, np.multiply, np.reciprocal, np.tanh
        augmented, tanh_candidate = self.augmented, self.cell == "lstm_tanh"
        n = self.sizes[3]
        dot, product, e, one = self.WUb.dot, self.product, self.e, self.one
        pair, gk, fs = self.pair, self.pair[:n], self.pair[n:]
        with np.errstate(over="ignore"):  # exp(−a) = inf gives σ = 0
            for row, a, a_sigmoid, a_k, sigmoid, k, gf, k_before, s, q, h_tanh, h in self.steps:
                if augmented:
                    dot(row, a)
                else:
                    dot(row, product)
                    add(a, product, a)
                exp(a_sigmoid, e)
                add(e, one, e)
                reciprocal(e, sigmoid)
                if tanh_candidate:
                    tanh(a_k, k)
                multiply(gf, k_before, pair)
                add(gk, fs, s)
                tanh(s, h_tanh)
                multiply(q, h_tanh, h)

    def find_slopes(self) -> None:
        T, _, _, n, _ = self.sizes
        multiply, subtract = np.multiply, np.subtract
        gates, h_tanh, slopes, sigmoids = self.gates[:T], self.h_tanh, self.slopes, self.sigmoids
        of_s = slopes[:, n : 2 * n]
        multiply(h_tanh, h_tanh, of_s)
        subtract(1, of_s, of_s)
        multiply(of_s, gates[:, :n], of_s)
        own = subtract(1, gates[:, : 4 * n], self.own)  # σ' or tanh' of each gate
        multiply(own[:, :sigmoids], gates[:, :sigmoids], own[:, :sigmoids])
        if self.cell == "lstm_tanh":
            k = gates[:, 3 * n : 4 * n]
            subtract(1, multiply(k, k, self.square), own[:, 3 * n :])
        multiply(own[:, :n], h_tanh, slopes[:, :n])
        multiply(own[:, n : 3 * n], gates[:, 3 * n :], slopes[:, 2 * n : 4 * n])
        multiply(own[:, 3 * n :], gates[:, n : 2 * n], slopes[:, 4 * n : 5 * n])
        slopes[:, 5 * n :] = gates[:, 2 * n : 3 * n]

    def loop_back(self) -> None:
        add, multiply = np.add, np.multiply
        augmented, dot, product = self.augmented, self.VW.dot, self.product_back
        for row, grad_h, of_q, of_s, slopes, grad_a_q, grad_s, carry, to in self.steps_back:
            if augmented:
                dot(row, grad_h)
            else:
                dot(row, product)
                add(grad_h, product, grad_h)
            multiply(grad_h, of_q, grad_a_q)
            multiply(grad_h, of_s, grad_s)
            add(grad_s, carry, grad_s)
            multiply(slopes, grad_s, to)

    def run(self, params: Mapping[str, Array], x: Array, y: Classes, weights: Array) -> Results:
        T, _, _, n, _ = self.sizes
        x = x[:, 0]
        U = np.concatenate([params["U" + gate] for gate in self.order], out=self.U)
        rows, grad_o = self.rows, self.grad_o
        self.load(params, x, U)
        self.loop_forward()
        rows[1:].dot(self.Vc.T, self.o)
        if self.augmented:
            self.top(y, weights, grad_o, self.grads, self.grad_starts)
        else:
            np.add(self.o, params["c"], self.o)
            self.top(y, weights, grad_o, grad_o, self.starts)
            grad_o.dot(params["V"], self.grad_h)

        self.find_slopes()
        self.loop_back()
        gates, grad_h, grad_s, grad_gf = self.gates[:T], self.grad_h, self.grad_s, self.grad_gf
        np.multiply(grad_s, gates[:, 3 * n : 4 * n], grad_gf[:, :n])
        np.multiply(grad_s, gates[:, 4 * n :], grad_gf[:, n:])
        np.multiply(grad_h, gates[:, :n], self.grad_h_tanh)
        np.multiply(grad_h, self.h_tanh, self.grad_q)
        np.multiply(grad_s, gates[:, n : 2 * n], self.grad_k)
        grad_a = self.grads[:T, self.left : self.left + 4 * n]
        grad_WUb, grad_Vc = grad_a.T.dot(rows[:T], self.grad_WUb), grad_o.T.dot(rows[1:], self.grad_Vc)
        grad_a.dot(U, self.grad_x[:, 0])
        if self.augmented:
            grad_U, grad_b, grad_c = grad_WUb[:, n:-1], grad_WUb[:, -1], grad_Vc[:, -1]
        else:
            grad_U, grad_b, grad_c = grad_a.T.dot(x, self.grad_U), self.ones.dot(grad_a), self.ones.dot(grad_o)

        k = "s_sigmoid" if self.cell == "lstm" else "s_tanh"
        by_gate = {name: gates[:, None, i * n : (i + 1) * n] for i, name in enumerate(("q", "g", "f", k))}
        values = self.values(
            s=self.gates[1:, None, 4 * n :], h_tanh=self.h_tanh[:, None], h=rows[1:, None, :n], **by_gate
        )
        grads = self.gradients(
            weights,
            f=grad_gf[:, None, n:],
            g=grad_gf[:, None, :n],
            q=self.grad_q[:, None],
            s=grad_s[:, None],
            h_tanh=self.grad_h_tanh[:, None],
            h=grad_h[:, None],
            o=grad_o[:, None],
            V=grad_Vc[:, :n],
            c=grad_c,
        )
        grads[k] = self.grad_k[:, None]
        for i, gate in enumerate(self.order):
            own = slice(i * n, (i + 1) * n)
            grads["U" + gate], grads["W" + gate], grads["b" + gate] = grad_U[own], grad_WUb[own, :n], grad_b[own]
        return values, grads


class _LstmBatch(_Plan):
    """B > 1. Rows [f | g | q | k], k the candidate: one product per step, then elementwise work with the step in the cache."""

    order = ("_f", "_g", "_q", "")

    def lay_out(self, T: int, B: int, n_x: int, n: int, n_y: int) -> None:
        self.a, self.gates, self.grad_a, self.grad_gates = (self.new(T, B, 4 * n) for _ in range(4))
        self.s, self.h = (self.new(T + 1, B, n, make=np.zeros) for _ in range(2))
        self.h_tanh, self.grad_h_tanh, self.grad_h, self.grad_s = (self.new(T, B, n) for _ in range(4))
        self.grad_o = self.new(T, B, n_y)
        self.grad_W, self.grad_U, self.grad_V = self.new(4 * n, n), self.new(4 * n, n_x), self.new(n_y, n)
        self.W, self.U = np.empty((4 * n, n)), np.empty((4 * n, n_x))
        self.wide, self.narrow, self.product, self.carry = (np.empty((B, m)) for m in (4 * n, n, n, n))

    def loop_forward(self, W: Array) -> None:
        """Compute a, which contains U x + b at first, and all nodes from there up to h."""
        n = self.sizes[3]
        add, exp, multiply = np.add, np.exp, np.multiply
        negative, reciprocal, tanh = np.negative, np.reciprocal, np.tanh
        f, g, q, k = (slice(i * n, (i + 1) * n) for i in range(4))
        tanh_candidate = self.cell == "lstm_tanh"
        sigmoids = slice(0, 3 * n if tanh_candidate else 4 * n)
        transposed, wide, gk, e = W.T, self.wide, self.narrow, self.wide[:, sigmoids]
        steps = (self.h[:-1], self.s[:-1], self.a, self.gates, self.s[1:], self.h_tanh, self.h[1:])
        with np.errstate(over="ignore"):  # exp(−a) = inf gives σ = 0
            for h_before, s_before, a, gates, s, h_tanh, h in zip(*steps, strict=True):
                h_before.dot(transposed, wide)
                add(a, wide, a)
                negative(a, wide)
                exp(e, e)
                add(e, 1, e)
                reciprocal(e, gates[:, sigmoids])
                if tanh_candidate:
                    tanh(a[:, k], gates[:, k])
                multiply(gates[:, g], gates[:, k], gk)
                multiply(gates[:, f], s_before, s)
                add(s, gk, s)
                tanh(s, h_tanh)
                multiply(gates[:, q], h_tanh, h)

    def loop_back(self, W: Array) -> None:
        """Compute the gradient of h, which contains Vᵀ ∇o at first, and those of all nodes below it."""
        n = self.sizes[3]
        add, multiply, subtract = np.add, np.multiply, np.subtract
        f, g, q, k = (slice(i * n, (i + 1) * n) for i in range(4))
        tanh_candidate = self.cell == "lstm_tanh"
        wide, narrow, product, carry = self.wide, self.narrow, self.product, self.carry
        product[...] = carry[...] = 0
        values = (self.h_tanh, self.s[:-1], self.gates)
        grads = (self.grad_h, self.grad_h_tanh, self.grad_s, self.grad_gates, self.grad_a)
        steps_back = zip(*(array[::-1] for array in (*values, *grads)), strict=True)
        for h_tanh, s_before, gates, grad_h, grad_h_tanh, grad_s, grad_gates, grad_a in steps_back:
            add(grad_h, product, grad_h)
            multiply(grad_h, h_tanh, grad_gates[:, q])
            multiply(grad_h, gates[:, q], grad_h_tanh)
            multiply(h_tanh, h_tanh, narrow)
            subtract(1, narrow, narrow)
            multiply(narrow, grad_h_tanh, narrow)
            add(narrow, carry, grad_s)
            multiply(grad_s, s_before, grad_gates[:, f])
            multiply(grad_s, gates[:, k], grad_gates[:, g])
            multiply(grad_s, gates[:, g], grad_gates[:, k])
            multiply(grad_s, gates[:, f], carry)
            subtract(1, gates, wide)
            multiply(wide, gates, wide)
            if tanh_candidate:
                multiply(gates[:, k], gates[:, k], narrow)
                subtract(1, narrow, wide[:, k])
            multiply(wide, grad_gates, grad_a)
            grad_a.dot(W, product)

    def run(self, params: Mapping[str, Array], x: Array, y: Classes, weights: Array) -> Results:
        T, B, n_x, n, n_y = self.sizes
        W = np.concatenate([params["W" + gate] for gate in self.order], out=self.W)
        U = np.concatenate([params["U" + gate] for gate in self.order], out=self.U)
        b = np.concatenate([params["b" + gate] for gate in self.order])
        V, c = params["V"], params["c"]
        x_table, a_table, h_table = x.reshape(T * B, n_x), self.a.reshape(T * B, 4 * n), self.h[1:].reshape(T * B, n)
        grad_o_table, grad_a_table = self.grad_o.reshape(T * B, n_y), self.grad_a.reshape(T * B, 4 * n)

        np.add(x_table.dot(U.T, a_table), b, a_table)
        self.loop_forward(W)
        np.add(h_table.dot(V.T, self.o), c, self.o)
        self.top(y, weights, self.grad_o, self.grad_o, self.starts)

        grad_o_table.dot(V, self.grad_h.reshape(T * B, n))
        self.loop_back(W)
        grad_W = grad_a_table.T.dot(self.h[:T].reshape(T * B, n), self.grad_W)
        grad_U, grad_b = grad_a_table.T.dot(x_table, self.grad_U), self.ones.dot(grad_a_table)
        grad_a_table.dot(U, self.grad_x.reshape(T * B, n_x))
        values = self.values(s=self.s[1:], h_tanh=self.h_tanh, h=self.h[1:])
        grads = self.gradients(
            weights,
            s=self.grad_s,
            h_tanh=self.grad_h_tanh,
            h=self.grad_h,
            o=self.grad_o,
            V=grad_o_table.T.dot(h_table, self.grad_V),
            c=self.ones.dot(grad_o_table),
        )
        nodes = ("f", "g", "q", "s_sigmoid" if self.cell == "lstm" else "s_tanh")
        for i, (node, gate) in enumerate(zip(nodes, self.order, strict=True)):
            own = slice(i * n, (i + 1) * n)
            values[node], grads[node] = self.gates[..., own], self.grad_gates[..., own]
            grads["U" + gate], grads["W" + gate], grads["b" + gate] = grad_U[own], grad_W[own], grad_b[own]
        return values, grads
