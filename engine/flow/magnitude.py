"""The magnitude of a gradient beyond the range of floats.

The sweep back runs in blocks of steps. Gradients that are carried into a block or join in it are scaled to about 1 by a common
power of two per sample, which is exact; a block ends before its coefficients could lead out of the range of floats. Where
slopes themselves leave that range (φ'(a) = 10⁻³⁴⁷ for tanh at a = 400), or the entries of one row lie too far apart, each number
has an exponent of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.execute.memory import Buffer, Call, Loop, Product, Slot, Space, Steps
from engine.execute.run import Run
from engine.execute.schedule import Elementwise, schedule
from engine.flow import wide
from engine.flow.links import WANTED, Link, System, system
from engine.flow.sweep import blocks, check_name, of_losses, scaled, started
from engine.flow.wide import Wide
from engine.language.operations import SOFTMAX, Array, locked
from engine.support.arguments import one_of
from engine.support.pause import pause

_ROOM = 600  # powers of two by which a row may grow or shrink within a block
_SPREAD = 300  # powers of two between the entries of a row, above which each has an exponent of its own
_NOTHING = np.int64(-(1 << 60))  # the exponent of zero
_JOINING = 100  # powers of two by which the gradient of a loss may exceed the one from later steps, within a block
_FAR_STEPS = 16  # steps with an exponent for each number, before floats are tried again
_LONGEST = 256  # steps of a block


def log_grad_norm(run: Run, name: str) -> Array:
    """Compute log10 of the L2 norm of a gradient, right far outside the range of floats.

    Args:
        run: the run.
        name: a node, or "x".

    Returns:
        (T, B), float64; −∞ for a gradient that is 0.

    Raises:
        ValueError: for an unknown name.

    **Holds:** log_grad_norm_is_right_where_floats_end (against mpmath).
    """
    check_name(run, name)
    return _log10_norm(run, name, run.grad[name])


def log_argument_grad_norm(run: Run, name: str) -> Array:
    """Compute log10 of the L2 norm of the gradient at the argument a of a node h = φ(a), also where a has no name of its own.

    If other nodes read the argument as well, its gradient includes their messages.

    Args:
        run: the run.
        name: a node whose equation is one call of an elementwise function.

    Returns:
        (T, B), float64; row t is for the argument that h(t) reads. Where that is an initial value, the row is −∞.

    Raises:
        ValueError: for any other node.

    **Holds:** log_argument_grad_norm_matches_the_gradient_of_the_argument.
    """
    one_of("name", name, run.cell.nodes)
    function = next((i for i in schedule(run.cell).instructions if i.out == name), None)
    if not isinstance(function, Elementwise):
        raise ValueError(f"{name!r} is no elementwise function of its argument; its gradient has no part by a slope")
    argument, lag = function.argument.name, min(function.argument.lag, run.T)
    grad = run.grad[argument] if argument in run.grad else run.argument_grad(name)
    norms = _log10_norm(run, argument, grad)
    return locked(np.concatenate([np.full((lag, run.B), -np.inf), norms[: run.T - lag]]))


def _log10_norm(run: Run, name: str, grad: Array) -> Array:
    """Log10 of the norm of the gradient of any name of the schedule; `grad` is the gradient in floats."""
    with np.errstate(all="ignore"):
        links = system(run, run.cell.losses, name, start=started(of_losses(run)))
        if not links.far.any() and all(_in_range(own) for own in (grad, *(run.grad[other] for other in links.lags))):
            return locked(np.asarray(np.log10(np.linalg.norm(np.asarray(grad, np.float64), axis=-1))))
        return locked(_Sweep(run, links, name).log10_norm())


def _in_range(grad: Array) -> bool:
    """Whether no number has come near the ends of the range of floats."""
    size = np.abs(grad)
    smallest, largest = (2.0**-500, 2.0**500) if grad.dtype == np.float64 else (2.0**-60, 2.0**60)
    return bool(((size == 0) | ((size > smallest) & (size < largest))).all())


def joined(run: Run, links: System) -> dict[str, Any]:
    """The gradients that every name gets from the losses without passing a later step, (T, B, n), in floats or Wide."""
    joining: dict[str, Any] = {name: seed[:, :, 0] for name, seed in of_losses(run).items()}
    carried = {link.head for link in links.carried} | set(links.lags)
    for head, own_links in links.links.items():
        if head in joining and head not in carried:
            for link in own_links:
                sent = _shifted(scaled(joining[head][..., None, :], link)[..., 0, :], link.lag)
                joining[link.tail] = joining[link.tail] + sent if link.tail in joining else sent
    return joining


def _shifted(g: Any, lag: int) -> Any:
    """Move rows `lag` steps back; those before the first step are dropped."""
    if not lag:
        return g
    if isinstance(g, Wide):
        zero = wide.wide(0.0)
        return Wide(_up(g.m, lag, zero.m), _up(g.e, lag, zero.e))
    return _up(g, lag, 0.0)


def _up(array: Array, lag: int, fill: Any) -> Array:
    result, kept = np.full_like(array, fill), max(0, len(array) - lag)
    result[:kept] = array[lag:]
    return result


class _Sweep:
    """A sweep back for the sum of all losses. Row t of the memory of a name is its gradient divided by 2^exponent[t]."""

    def __init__(self, run: Run, links: System, name: str) -> None:
        self.run, self.links, self.name = run, links, name
        self.T, self.B = run.T, run.B
        self.here = joined(run, links)
        self.lead = max(links.lags.values(), default=0)
        self.space = Space(run.T, run.B, np.dtype(np.float64), run.T, run.B == 1)
        self.carried = [link for link in links.carried if link.tail != WANTED]
        names = dict.fromkeys([*links.lags, *(link.tail for link in self.carried)])
        self.slots = {other: Buffer(lead=self.lead).take(links.units[other]) for other in names}
        self.rows = {other: slot.buffer.allocate(self.space) for other, slot in self.slots.items()}
        self.joins: dict[str, Array] = {}  # name -> the steps at which a gradient joins
        self.joining = np.full((self.T, self.B), _NOTHING)  # the largest exponents of the gradients that join
        for other, g in self.here.items():
            m, e = np.frexp(np.abs(g).max(axis=2))
            self.joins[other] = (m != 0).any(axis=1) | links.far
            if other in self.rows:
                self.joining = np.maximum(self.joining, np.where(m == 0, _NOTHING, e))
                self.rows[other][self.lead :] = g
                self.rows[other][self.lead :][links.far] = 0  # there it joins as Wide
        self.joins_anywhere = (self.joining != _NOTHING).any(axis=1) | links.far
        self.exponent = np.zeros((self.lead + self.T, self.B), np.int64)
        groups = self._groups()
        self.first = self._first(groups)
        self.groups = groups
        self.programs: dict[bool, Loop] = {}
        self.inner = {link.tail for link in self.carried} - set(links.lags)
        self.far: System | None = None
        self.far_here: dict[str, Any] = {}
        self.far_norms: dict[int, Array] = {}  # step -> log10 of the norm
        self.late = set(np.flatnonzero(links.far).tolist())  # steps whose joining gradients are not in memory yet
        #: After steps with an exponent for each number: name -> the gradients that wait, by steps.
        self.window: dict[str, list[Wide]] | None = None

    def _groups(self) -> list[list[Link]]:
        """Links that are sent as one product: those by matrices from one head to one tail."""
        groups: dict[Any, list[Link]] = {}
        for link in self.carried:
            key = (link.head, link.tail, link.lag, link.width) if link.matrix is not None else id(link)
            groups.setdefault(key, []).append(link)
        return list(groups.values())

    def _program(self, write: bool) -> Loop:
        """The loop from the last step to the first; with `write`, the first arrival at the rows of a name overwrites them."""
        if write not in self.programs:
            calls = [call for i, own in enumerate(self.groups) for call in self._calls(own, write and i in self.first)]
            self.programs[write] = self.space.loop(calls, range(self.T - 1, -1, -1))
        return self.programs[write]

    def _first(self, groups: list[list[Link]]) -> dict[int, tuple[str, int]]:
        """The groups that arrive first at the rows of a name, each with its tail and lag: they may write where nothing joins."""
        arrivals: dict[str, tuple[int, int]] = {}
        for i, (link, *_) in enumerate(groups):
            arrivals[link.tail] = min(arrivals.get(link.tail, (1, 0)), (-link.lag, i))
        return {i: (tail, -minus_lag) for tail, (minus_lag, i) in arrivals.items()}

    def _calls(self, group: list[Link], write: bool) -> list[Call]:
        """Calls that send along the links of a group, and add to the rows of the tail or overwrite them."""
        link = group[0]
        head, out = self.slots[link.head], self.slots[link.tail].back(link.lag)
        n = out.hi - out.lo
        extra = out if write else Buffer("step").take(n)
        if link.softmax is not None:
            inputs = (head, self._steps(link.scale, n), self._steps(link.softmax, n))
            calls = [Call(_through_softmax, inputs, extra)]
        elif link.matrix is None:
            calls = [Call(np.multiply, (head, self._steps(link.scale, n)), extra)]
        else:
            matrix = np.concatenate([other.matrix for other in group if other.matrix is not None])
            if len(group) == 1 and isinstance(link.scale, float):
                calls = [Product(np.dot, (head,), extra, np.ascontiguousarray((matrix * link.scale).T))]
            else:
                work, width = Buffer("step"), len(matrix) // len(group)
                parts = [work.take(width) for _ in group]
                calls = [
                    Call(np.multiply, (head, self._steps(other.scale, width)), part)
                    for other, part in zip(group, parts, strict=True)
                ]
                calls.append(Product(np.dot, (Slot(work, 0, work.width),), extra, np.ascontiguousarray(matrix.T)))
        return calls if write else [*calls, Call(np.add, (out, extra), out)]

    def _steps(self, scale: Any, n: int) -> Steps | Array:
        if isinstance(scale, float):
            return np.full(n, scale)
        return Steps(scale[:, 0] if self.space.flat else scale)

    def log10_norm(self) -> Array:
        stop = self.T
        for start in blocks(self.links, self.T, _LONGEST, _ROOM) if self.links.lags else []:
            while stop > start:
                pause()
                if self.links.far[start:stop].any() or self._spread(stop):
                    stop = self._far_steps(max(start, stop - _FAR_STEPS), stop)
                    continue
                if self.window is not None:
                    self._lower(stop)
                row = self._obstacle(start, stop)
                if row is None:
                    stop = self._block(start, stop)
                else:  # the steps that send something small to this row
                    stop = self._block(row + self.lead + 1, stop)
                    stop = self._far_steps(max(start, row + 1), stop)
        sent: Array | None = None
        for head, own_links in self.links.links.items():
            for link in own_links:
                if link.tail == WANTED and head in self.rows:
                    part = scaled(self.rows[head][self.lead :, :, None], link)[:, :, 0]
                    sent = part if sent is None else sent + part
        if sent is None:
            sent = np.zeros((self.T, self.B, 1))
        top = np.abs(sent).max(axis=-1)
        unit = np.where((top > 0) & np.isfinite(top), top, 1)
        near = sent / unit[..., None]
        result = 0.5 * np.log10(np.einsum("tbi,tbi->tb", near, near)) + np.log10(unit)
        result += self.exponent[self.lead :] * wide.LOG10_2
        if WANTED in self.here:
            steps = self.joins[WANTED]
            carried = _lifted(sent[steps], self.exponent[self.lead :][steps])
            result[steps] = (carried + self.here[WANTED][steps]).log10_norm()
        if not self.links.lags and self.links.far.any():  # no step is carried to another
            self._go_far()
            norms_here = wide.wide(self.far_here[WANTED]).log10_norm() if WANTED in self.far_here else -np.inf
            result = np.where(self.links.far[:, None], norms_here, result)
        for t, norms in self.far_norms.items():
            result[t] = norms
        return np.asarray(result)

    def _obstacle(self, start: int, stop: int) -> int | None:
        """The last row at which a gradient joins that is far larger than those from later steps; None if there is none."""
        top, low = stop + self.lead, max(self.lead, start)
        if stop <= low or not self.joins_anywhere[low - self.lead : stop - self.lead].any():
            return None
        carried = np.full(self.B, _NOTHING)
        for rows in self.rows.values():
            m, e = np.frexp(np.abs(rows[stop:top]).max(axis=2))
            carried = np.maximum(carried, np.where(m == 0, _NOTHING, e + self.exponent[stop:top]).max(axis=0))
        joining = self.joining[low - self.lead : stop - self.lead][::-1]
        before = np.maximum.accumulate(np.concatenate([carried[None], joining]), axis=0)[:-1]
        places = np.flatnonzero(((before != _NOTHING) & (joining > before + _JOINING)).any(axis=1))
        return stop - self.lead - 1 - int(places[0]) if len(places) else None

    def _block(self, start: int, stop: int) -> int:
        """Sweep the steps stop − 1 … start with one exponent for all; gives `start`."""
        if start == stop:
            return start
        window = slice(start, stop + self.lead)  # the rows of the block, and those before it that it writes to
        joins = self.joins_anywhere[max(0, start - self.lead) : max(0, stop - self.lead)].any()
        filled = window if joins else slice(stop, stop + self.lead)  # the others are zero
        before = self.exponent[filled]
        e = np.full(self.B, _NOTHING)
        for rows in self.rows.values():
            m, top = np.frexp(np.abs(rows[filled]).max(axis=2))
            e = np.maximum(e, np.where(m == 0, _NOTHING, top + before).max(axis=0))
        e = np.where(e == _NOTHING, before[-1], e)
        change = _bits(before - e)[:, :, None]
        for rows in self.rows.values():
            np.ldexp(rows[filled], change, rows[filled])
        self.exponent[window] = e
        writes = all(
            tail not in self.joins or not self.joins[tail][max(0, start - lag) : max(0, stop - lag)].any()
            for tail, lag in self.first.values()
        )
        if self.carried:
            loop, lists, constants = self._program(writes)
            loop([own[self.T - stop : self.T - start] for own in lists], constants)
        return start

    def _spread(self, stop: int) -> bool:
        """Whether the waiting gradients have numbers so far apart that the next block might lose the smaller ones."""
        if self.window is None:
            rows = [own[stop : stop + self.lead] for own in self.rows.values()]
            sizes = np.abs(np.concatenate(rows, axis=2))
            largest = sizes.max(axis=(0, 2), keepdims=True)  # a block has left them at one exponent
            return bool(((sizes > 0) & (sizes < largest * 2.0**-_SPREAD)).any())
        e = np.concatenate([g.e for own in self.window.values() for g in own], axis=-1)
        return bool(((e > _NOTHING) & (e < e.max(axis=-1, keepdims=True) - _SPREAD)).any())

    def _far_steps(self, start: int, stop: int) -> int:
        """Sweep the steps stop − 1 … start with an exponent for each number, in `window`; gives `start`."""
        far = self._go_far()
        if self.window is None:
            self.window = {
                name: [self._lifted_row(name, stop - 1 - k) for k in range(lag)]
                for name, lag in self.links.lags.items()
            }
        for t in range(stop - 1, start - 1, -1):
            pause()
            for name, lag in self.links.lags.items():
                self.window[name].append(self._joining(name, t - lag))
            grads = {name: own_links[0] for name, own_links in self.window.items()}
            for name in (*self.inner, WANTED):
                if name in self.far_here:
                    grads[name] = self._joining(name, t)
            for head, own_links in far.links.items():
                if head not in grads or (head not in self.window and head not in self.inner):
                    continue
                for link in own_links:
                    sent = scaled(grads[head][:, None], link, t)[:, 0]
                    if link.lag:
                        self.window[link.tail][link.lag] += sent
                    else:
                        grads[link.tail] = grads[link.tail] + sent if link.tail in grads else sent
                        if link.tail in self.window:
                            self.window[link.tail][0] = grads[link.tail]
            self.far_norms[t] = grads[WANTED].log10_norm() if WANTED in grads else np.full(self.B, -np.inf)
            for waiting in self.window.values():
                waiting.pop(0)
        return start

    def _go_far(self) -> System:
        """The system with an exponent for each coefficient; its joining gradients are made with it."""
        if self.far is None:
            self.far = system(self.run, self.run.cell.losses, self.name, far=True, start=started(of_losses(self.run)))
            self.far_here = joined(self.run, self.far)
        return self.far

    def _joining(self, name: str, t: int) -> Wide:
        """The gradient that a name gets at step index t without passing a later step."""
        if t < 0 or name not in self.far_here:
            return wide.wide(np.zeros((self.B, self.links.units[name])))
        return wide.wide(self.far_here[name])[t]

    def _lifted_row(self, name: str, t: int) -> Wide:
        if t < 0:
            return self._joining(name, t)
        row = _lifted(self.rows[name][self.lead + t], self.exponent[self.lead + t])
        return row + self._joining(name, t) if t in self.late else row

    def _lower(self, stop: int) -> None:
        """Return the waiting gradients to the memory of the blocks."""
        assert self.window is not None
        for k in range(min(self.lead, stop)):
            row = self.lead + stop - 1 - k
            waiting = {
                name: self.window[name][k] if k < self.links.lags.get(name, 0) else self._lifted_row(name, stop - 1 - k)
                for name in self.rows
            }
            top = np.max([g.e.max(axis=-1) for g in waiting.values()], axis=0)
            self.exponent[row] = top = np.where(top == _NOTHING, 0, top)
            self.late.discard(stop - 1 - k)
            for name, g in waiting.items():
                self.rows[name][row] = np.ldexp(g.m, _bits(g.e - top[:, None]))
        self.window = None


def _lifted(rows: Array, exponent: Array) -> Wide:
    lifted = wide.wide(rows)
    return Wide(lifted.m, np.where(lifted.m == 0, lifted.e, lifted.e + exponent[..., None]))


def _bits(e: Array) -> Array:
    """Exponents as ldexp wants them."""
    return np.clip(e, -4000, 4000).astype(np.intc)


def _through_softmax(g: Array, scale: Array, S: Array, out: Array) -> None:
    out[...] = SOFTMAX.pull(g * scale, S)


__all__ = ["log_argument_grad_norm", "log_grad_norm"]
