"""Rows of gradients that are carried back step by step: their memory, and a program of the calls of one step.

Each link of the system (`links`) becomes a function that sends rows from its head to its tail. Links whose products can be
one are sent together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.flow.links import WANTED, Link, System
from engine.language.operations import SOFTMAX, Array

_CHUNK = 1 << 16  # numbers of a step's matrices that are made at a time: they stay in the cache


class Rows:
    """Memory for rows (rows, B, m, n), also seen as a table (rows · B · m, n)."""

    def __init__(self, rows: int, B: int, m: int, n: int, copies: int = 1) -> None:
        """Allocate rows of m vectors of n numbers for each sample, side by side in `copies`."""
        self.each = B * m
        self.table = np.zeros((rows * B * m, copies * n))
        self.whole = self.table.reshape(rows, B, m, copies * n)
        # the view for elementwise work: with one sample all rows are alike
        shape = (rows * m,) if B == 1 else (rows, B, m)
        self.entries = self.table.reshape(*shape, *((n,) if copies == 1 else (copies, n)))
        self.step = m if B == 1 else 1

    def flat(self, lo: int) -> Array:
        """The rows from lo on as a table, (rows · B · m, n)."""
        return self.table[lo * self.each :]

    def by_entry(self, lo: int) -> Array:
        """The rows from lo on as elementwise work takes them."""
        return self.entries[lo * self.step :]


class Carrier:
    """Rows that go back step by step; waiting[name][k] is the gradient that name(t − k) has from steps after t."""

    def __init__(self, links: System, T: int, B: int, m: int, rows: int) -> None:
        """Allocate the rows, and write the program of a step."""
        self.links, self.B, self.m, self.rows = links, B, m, rows

        def memory(name: str, copies: int = 1) -> Rows:
            return Rows(rows, B, m, links.units[name], copies)

        self.waiting = {name: deque(memory(name) for _ in range(lag)) for name, lag in links.lags.items()}
        self.spare = {name: memory(name) for name in links.lags}
        carried = links.carried
        arriving = [link for link in carried if link.tail == WANTED]
        self.wanted_is: str | None = None  # the name whose rows are the wanted ones as they are
        if len(arriving) == 1 and arriving[0].is_identity:
            self.wanted_is = arriving[0].head
            carried = tuple(link for link in carried if link is not arriving[0])
        self.reaches = bool(arriving)
        self.inner = {link.tail: memory(link.tail) for link in carried if not link.lag and link.tail not in links.lags}
        self.extra = {link.tail: memory(link.tail) for link in carried}
        self.written: set[Any] = set()
        self.dense = B == 1 and rows * m > 2 * max(links.units[link.head] for link in carried) if carried else False
        self.program = [self.sender(group) for group in _groups(carried, links.units, self.dense)]
        self.blank = [name for name, lag in links.lags.items() if (name, lag) not in self.written]

    def sender(self, group: list[Link]) -> Callable[[int, int], None]:
        """Make a function (t, lo) that sends the rows from lo on along a group of links with one head and one tail."""
        link = group[0]
        head, tail, lag = link.head, link.tail, link.lag
        longest = lag == self.links.lags.get(tail)
        key = (tail, lag)
        adds = key in self.written or (lag > 0 and not longest) or (not lag and tail in self.links.lags)
        self.written.add(key)
        extra = self.extra[tail]
        along = self.along(group)

        def send(t: int, lo: int) -> None:
            rows = self.waiting[head][0] if head in self.waiting else self.inner[head]
            if lag:
                into = self.spare[tail] if longest else self.waiting[tail][lag]
            else:
                into = self.waiting[tail][0] if tail in self.waiting else self.inner[tail]
            if adds:
                along(t, lo, rows, extra)
                np.add(into.flat(lo), extra.flat(lo), into.flat(lo))
            else:
                along(t, lo, rows, into)

        return send

    def along(self, group: list[Link]) -> Callable[[int, int, Rows, Rows], Any]:
        """Make a function (t, lo, rows, out) that writes to `out` the rows as they arrive along a group of links."""
        link = group[0]
        if link.softmax is not None:

            def by_softmax(t: int, lo: int, rows: Rows, out: Rows) -> None:
                g, S = rows.whole[lo:], link.softmax[t][:, None]
                out.whole[lo:] = SOFTMAX.pull(g * self.at(link, t), S)

            return by_softmax
        if link.matrix is None and len(group) == 1:
            if isinstance(link.scale, float):
                return lambda t, lo, rows, out: np.multiply(rows.flat(lo), link.scale, out.flat(lo))
            scale = list(link.scale[:, 0] if self.B == 1 else link.scale[:, :, None])
            return lambda t, lo, rows, out: np.multiply(rows.by_entry(lo), scale[t], out.by_entry(lo))
        parts = [other for other in group if other.matrix is not None]
        if all(isinstance(other.scale, float) for other in group):
            total = sum(other.scale * other.matrix for other in parts)
            total = total + np.eye(*total.shape) * sum(other.scale for other in group if other.matrix is None)
            return lambda t, lo, rows, out: rows.flat(lo).dot(total, out.flat(lo))
        if self.dense and link.width in (None, self.links.units[link.head]):
            products = _Products(group, self.links)
            return lambda t, lo, rows, out: rows.flat(lo).dot(products[t], out.flat(lo))
        matrix = np.concatenate([other.matrix for other in parts])
        n = len(matrix) // len(parts)
        work = Rows(self.rows, self.B, self.m, n, len(parts))
        shape = (self.links.far.size, self.B, n)
        stacked = np.stack([np.broadcast_to(other.scale, shape) for other in parts], axis=2)  # (T, B, copies, n)
        if len(parts) == 1:
            stacked = stacked[:, :, 0]
        scales = list(stacked[:, 0] if self.B == 1 else stacked[:, :, None])

        def by_matrices(t: int, lo: int, rows: Rows, out: Rows) -> None:
            entries = rows.by_entry(lo)
            np.multiply(entries if len(parts) == 1 else entries[..., None, :], scales[t], work.by_entry(lo))
            work.flat(lo).dot(matrix, out.flat(lo))

        return by_matrices

    @staticmethod
    def at(link: Link, t: int) -> Any:
        """The scale of a link at a step, for rows (…, B, m, n)."""
        return link.scale if isinstance(link.scale, float) else link.scale[t][:, None]

    def wanted(self, t: int, lo: int) -> Array | None:
        """Send the rows from lo on one step back; gives those at WANTED, (rows − lo, B, m, n), a view."""
        for send in self.program:
            send(t, lo)
        for name in self.blank:
            self.spare[name].table.fill(0)
        if not self.reaches:
            return None
        name = self.wanted_is or WANTED
        return (self.waiting[name][0] if name in self.waiting else self.inner[name]).whole[lo:]

    def turn(self) -> None:
        """Move the rows that wait one step nearer."""
        for name, rows in self.waiting.items():
            rows.append(self.spare[name])
            self.spare[name] = rows.popleft()


class _Products:
    """A group of links as one matrix per step, Σ diag(scale) M: for one sample and more rows than units."""

    def __init__(self, group: list[Link], links: System) -> None:
        self.group = group
        n, m = (next(np.shape(link.matrix)[i] for link in group if link.matrix is not None) for i in (0, 1))
        self.first = links.far.size
        self.chunk = max(1, _CHUNK // (n * m))
        self.single = links.units[group[0].head] == 1  # as a loss, of which a link's scale may make several
        self.made = np.empty((self.chunk, 1 if self.single else n, m))
        self.diagonal = np.arange(n)

    def __getitem__(self, t: int) -> Array:
        """The matrix of step t; the steps come in order from the last to the first."""
        if t < self.first:
            self.first, stop = max(0, t + 1 - self.chunk), t + 1
            made = self.made[: stop - self.first]
            made[...] = 0
            for link in self.group:
                scale = link.scale if isinstance(link.scale, float) else link.scale[self.first : stop, 0]
                if self.single:
                    row = scale if isinstance(scale, float) else scale[:, None, :]
                    made += (
                        row
                        if link.matrix is None
                        else row * link.matrix
                        if isinstance(row, float)
                        else row @ link.matrix
                    )
                elif link.matrix is None:
                    made[:, self.diagonal, self.diagonal] += scale
                else:
                    made += (scale if isinstance(scale, float) else scale[:, :, None]) * link.matrix
        return np.asarray(self.made[t - self.first])


def _groups(links: Sequence[Link], units: Mapping[str, int], dense: bool) -> list[list[Link]]:
    """Links that can be one product: those by matrices from one head to one tail; if `dense`, diagonal ones with them."""
    alike_links: dict[Any, list[Link]] = {}
    for link in links:
        alike = link.matrix is not None or (dense and link.softmax is None and link.tail != WANTED)
        if link.width not in (None, units[link.head]):  # from a loss, whose one unit becomes several
            alike = False
        alike_links.setdefault((link.head, link.tail, link.lag) if alike else id(link), []).append(link)
    result = []
    for group in alike_links.values():
        together = any(link.matrix is not None for link in group)
        result += [group] if together else [[link] for link in group]
    return result
