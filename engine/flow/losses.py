"""Which loss reaches which node, and what a node does to a later one: gradients by loss, Jacobians, norms.

All of it is one sweep back over the linear system of a run (`links`): cotangents of all losses, or of all units of all
steps, are carried at once as rows, each joining at its own step, so that a step costs a few products of matrices and no
loss needs a sweep of its own. Norms are taken as the sweep passes; only the rows of the step at hand are kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from engine.execute.run import Run
from engine.flow import wide
from engine.flow.links import WANTED, Link, System, system
from engine.flow.wide import Wide
from engine.language.operations import SOFTMAX, Array, locked
from engine.support.arguments import one_of, step_of
from engine.support.budget import fits
from engine.support.pause import pause

_COMFORT = 300.0  # powers of two by which rows may grow or shrink before they are looked at
_LONGEST = 32  # steps between two looks
_CHUNK = 1 << 16  # numbers of a step's matrices that are made at a time: they stay in the cache


def by_loss(run: Run, name: str) -> Array:
    """The gradient at a node, or at x, of each step's loss alone: (T, T, B, n), [t of the loss, t of the node].

    Zero where the node comes after the loss. The loss of step t is its weight in the total times L(t).
    **Holds:** by_loss_sums_to_the_gradient: over the first axis, to run.grad[name] wherever that is finite. Where it is not
    (∇ŷ = −y/ŷ at ŷ = 0) the sum is not finite either.
    Raises ValueError for an unknown name, or for more than `budget.MAX_BYTES`, with the T that would fit.
    """
    known(run, name)
    n = run.sizes[name]
    fits(f"by_loss of {name!r}", lambda T: 8 * T * run.B * n * (T + 8), run.T, run.B, "by_loss_norm needs less")
    result = np.zeros((run.T, run.T, run.B, n), run.dtype)

    def visit(t: int, rows: Array) -> None:
        result[t + 1 :, t] = rows[:, :, 0]

    with np.errstate(all="ignore"):
        own = each_row(run, of_losses(run), name, visit)
    steps = np.arange(run.T)
    result[steps, steps] = own[:, :, 0]
    result.swapaxes(1, 2)[run.seed == 0] = 0  # whatever such a loss is: 0 times infinity is not asked for
    return locked(result)


def by_loss_norm(run: Run, name: str) -> Array:
    """The L2 norms of `by_loss`, (T, T, B), without the large array: rows stay scaled, so that squares do not underflow.

    **Holds:** by_loss_norm_is_the_norm_of_by_loss.
    Raises ValueError as `by_loss`.
    """
    known(run, name)
    kept = _carried_units(run, name)
    fits(f"by_loss_norm of {name!r}", lambda T: 8 * T * run.B * (T + kept), run.T, run.B)
    with np.errstate(all="ignore"):
        return _norms(run, of_losses(run), name, spectral=False)


def jacobian(run: Run, of: str, wrt: str) -> Array:
    """∂of(t)/∂wrt(s) by all paths: (T, T, B, n_of, n_wrt), [t, s]; zero for s > t.

    A loss as `of` is L(t) before its weight.
    **Holds:** jacobians_match_the_complex_step, the_chain_rule_holds_at_every_step.
    Raises ValueError for an unknown name, or for more than `budget.MAX_BYTES`, with the T that would fit.
    """
    known(run, of, "of")
    known(run, wrt, "wrt")
    m, n = run.sizes[of], run.sizes[wrt]
    kept = _carried_units(run, wrt)
    remedy = "jacobian_norm needs less"
    fits(f"the Jacobian of {of!r} by {wrt!r}", lambda T: 8 * T * run.B * m * (T * n + kept), run.T, run.B, remedy)
    result = np.zeros((run.T, run.T, run.B, m, n), run.dtype)

    def visit(t: int, rows: Array) -> None:
        result[t + 1 :, t] = rows

    with np.errstate(all="ignore"):
        own = each_row(run, _of_units(run, of), wrt, visit)
    steps = np.arange(run.T)
    result[steps, steps] = own
    return locked(result)


def jacobian_at(run: Run, of: str, wrt: str, t: int, s: int) -> Array:
    """∂of(t)/∂wrt(s) by all paths, for one pair of steps (from 1): (B, n_of, n_wrt), without the large array.

    **Holds:** one_jacobian_is_that_of_all.
    Raises ValueError for an unknown name or step.
    """
    known(run, of, "of")
    known(run, wrt, "wrt")
    t, s = step_of(t, run.T), step_of(s, run.T, what="s")
    m, n = run.sizes[of], run.sizes[wrt]
    found: Array | None = np.zeros((run.B, m, n))
    with np.errstate(all="ignore"):
        links = system(run, [of], wrt)
        left, own = within_step(links, {of: np.broadcast_to(np.eye(m), (1, run.B, m, m))}, slice(t - 1, t))
        if s == t and own is not None:
            found = np.array(own[0], np.float64)
        elif s < t and links.lags:
            carrier = _Carrier(links, run.T, run.B, m, 1)
            for (tail, lag), joining in left.items():
                carrier.waiting[tail][lag - 1].whole[0] = joining[0]
            for step in range(t - 2, s - 2, -1):
                rows = carrier.wanted(step, 0)
                found = None if rows is None else np.array(rows[0])
                carrier.turn()
    return locked(np.zeros((run.B, m, n)) if found is None else found)


def jacobian_norm(
    run: Run,
    of: str,
    wrt: str,
    kind: Literal["spectral", "fro"] = "spectral",
    told: Callable[[int], None] | None = None,
) -> Array:
    """The norms of `jacobian`, (T, T, B): the largest singular value ("spectral"), or the root of the sum of squares ("fro").

    told   called with the index of each step that is reached, from T − 2 to 0; it may raise, and so end the work
    **Holds:** jacobian_norm_is_the_norm_of_the_jacobian.
    Raises ValueError for an unknown name or kind, or for more than `budget.MAX_BYTES`, with the T that would fit.
    """
    known(run, of, "of")
    known(run, wrt, "wrt")
    one_of("kind", kind, ("spectral", "fro"), "'spectral' or 'fro'")
    m = run.sizes[of]
    kept = _carried_units(run, wrt)
    if kind == "spectral":
        kept += run.sizes[wrt] + min(m, run.sizes[wrt])
    fits(f"the norms of the Jacobian of {of!r} by {wrt!r}", lambda T: 8 * T * run.B * (T + m * kept), run.T, run.B)
    with np.errstate(all="ignore"):
        return _norms(run, _of_units(run, of), wrt, spectral=kind == "spectral", told=told)


# What is asked for ---------------------------------------------------------------------------------------------------


def known(run: Run, name: str, what: str = "name") -> None:
    """Raises ValueError unless the name, which the caller gave as the argument `what`, has a gradient."""
    one_of(what, name, run.grad, f"nodes: {', '.join(run.grad)}")


def _carried_units(run: Run, name: str) -> int:
    """Numbers that a sweep keeps for each row and sample, about."""
    states = sum((run.cell.lags[state] + 1) * run.sizes[state] for state in run.cell.states)
    return states + 2 * sum(run.sizes[other] for other in run.cell.nodes) + run.sizes[name]


def of_losses(run: Run) -> dict[str, Array]:
    """One row a step: the weights at the losses."""
    seed = run.seed.astype(np.float64)[:, :, None, None]
    return dict.fromkeys(run.cell.losses, seed)


def started(given: Mapping[str, Array]) -> dict[str, Array]:
    """Where the gradients (T, B, m, n) that start at each step are not all 0: (T, B) each."""
    return {name: (rows != 0).any(axis=(2, 3)) for name, rows in given.items()}


def _of_units(run: Run, of: str) -> dict[str, Array]:
    """One row for each unit of a step."""
    n = run.sizes[of]
    return {of: np.broadcast_to(np.eye(n), (run.T, run.B, n, n))}


# The sweep -----------------------------------------------------------------------------------------------------------


def scaled(g: Any, link: Link, steps: Any = slice(None)) -> Any:
    """What goes along a link for the gradients g (…, B, m, n) at its head at these steps; floats or Wide."""
    if not isinstance(link.scale, float):
        g = g * link.scale[steps][..., None, :]
    elif link.scale != 1.0:
        g = g * link.scale
    if link.softmax is not None:
        S = link.softmax[steps][..., None, :]
        if isinstance(g, Wide):
            return S * (g * wide.others(S) + wide.others(S * g) * -1.0)  # S_i Σ_j S_j (g_i − g_j), with 1 − S_i in full
        return SOFTMAX.pull(g, S)
    return g if link.matrix is None else g @ link.matrix


def within_step(
    links: System, given: Mapping[str, Any], steps: Any = slice(None)
) -> tuple[dict[tuple[str, int], Any], Any]:
    """Gradients (…, B, m, n) at names of a step, sent back within the step.

    Gives what leaves the step, (name, lag) -> gradient, and what arrives at WANTED (None if nothing does).
    """
    here: dict[str, Any] = dict(given)
    left: dict[tuple[str, int], Any] = {}
    for head, own in links.links.items():
        if head not in here:
            continue
        for link in own:
            sent = scaled(here[head], link, steps)
            if link.lag:
                key = (link.tail, link.lag)
                left[key] = left[key] + sent if key in left else sent
            else:
                here[link.tail] = here[link.tail] + sent if link.tail in here else sent
    return left, here.get(WANTED)


class _Rows:
    """Memory for rows (rows, B, m, n), and the same as a table (rows · B · m, n)."""

    def __init__(self, rows: int, B: int, m: int, n: int, copies: int = 1) -> None:
        self.each = B * m
        self.table = np.zeros((rows * B * m, copies * n))
        self.whole = self.table.reshape(rows, B, m, copies * n)
        # what elementwise work goes over: with one sample all rows are alike
        shape = (rows * m,) if B == 1 else (rows, B, m)
        self.entries = self.table.reshape(*shape, *((n,) if copies == 1 else (copies, n)))
        self.step = m if B == 1 else 1

    def flat(self, lo: int) -> Array:
        return self.table[lo * self.each :]

    def by_entry(self, lo: int) -> Array:
        return self.entries[lo * self.step :]


class _Carrier:
    """Rows that go back step by step. waiting[name][k] is what name(t − k) has got from steps after t."""

    def __init__(self, links: System, T: int, B: int, m: int, rows: int) -> None:
        self.links, self.B, self.m, self.rows = links, B, m, rows

        def memory(name: str, copies: int = 1) -> _Rows:
            return _Rows(rows, B, m, links.units[name], copies)

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
        """A function (t, lo) that sends rows lo: of step t along the links of a group, all of one head and tail."""
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

    def along(self, group: list[Link]) -> Callable[[int, int, _Rows, _Rows], Any]:
        """A function (t, lo, rows, out) that writes to `out` what goes along a group of links for `rows`."""
        link = group[0]
        if link.softmax is not None:

            def by_softmax(t: int, lo: int, rows: _Rows, out: _Rows) -> None:
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
        work = _Rows(self.rows, self.B, self.m, n, len(parts))
        shape = (self.links.far.size, self.B, n)
        stacked = np.stack([np.broadcast_to(other.scale, shape) for other in parts], axis=2)  # (T, B, copies, n)
        if len(parts) == 1:
            stacked = stacked[:, :, 0]
        scales = list(stacked[:, 0] if self.B == 1 else stacked[:, :, None])

        def by_matrices(t: int, lo: int, rows: _Rows, out: _Rows) -> None:
            entries = rows.by_entry(lo)
            np.multiply(entries if len(parts) == 1 else entries[..., None, :], scales[t], work.by_entry(lo))
            work.flat(lo).dot(matrix, out.flat(lo))

        return by_matrices

    @staticmethod
    def at(link: Link, t: int) -> Any:
        """A link's scale at a step, for rows (…, B, m, n)."""
        return link.scale if isinstance(link.scale, float) else link.scale[t][:, None]

    def wanted(self, t: int, lo: int) -> Array | None:
        """One step back: sends rows lo: of step t on, and gives those at WANTED, (rows − lo, B, m, n); a view."""
        for send in self.program:
            send(t, lo)
        for name in self.blank:
            self.spare[name].table.fill(0)
        if not self.reaches:
            return None
        name = self.wanted_is or WANTED
        return (self.waiting[name][0] if name in self.waiting else self.inner[name]).whole[lo:]

    def turn(self) -> None:
        """What waited for a step more waits for one less."""
        for name, own in self.waiting.items():
            own.append(self.spare[name])
            self.spare[name] = own.popleft()


class _Products:
    """What a group of links does in a step as one matrix, Σ diag(scale) M: for one sample and more rows than units."""

    def __init__(self, group: list[Link], links: System) -> None:
        self.group = group
        n, m = (next(np.shape(link.matrix)[i] for link in group if link.matrix is not None) for i in (0, 1))
        self.first = links.far.size
        self.chunk = max(1, _CHUNK // (n * m))
        self.single = links.units[group[0].head] == 1  # as a loss, of which a link's scale may make several
        self.made = np.empty((self.chunk, 1 if self.single else n, m))
        self.diagonal = np.arange(n)

    def __getitem__(self, t: int) -> Array:
        """The matrix of step t; steps are asked for from the last to the first."""
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
    """Links whose products can be one: of one head and tail, by matrices; if `dense`, diagonal ones with them."""
    found: dict[Any, list[Link]] = {}
    for link in links:
        alike = link.matrix is not None or (dense and link.softmax is None and link.tail != WANTED)
        if link.width not in (None, units[link.head]):  # of a loss, whose one unit becomes many
            alike = False
        found.setdefault((link.head, link.tail, link.lag) if alike else id(link), []).append(link)
    result = []
    for group in found.values():
        together = any(link.matrix is not None for link in group)
        result += [group] if together else [[link] for link in group]
    return result


def each_row(
    run: Run,
    given: Mapping[str, Array],
    name: str,
    visit: Callable[[int, Array], None],
    exponents: Array | None = None,
    look: Callable[[int, int], None] | None = None,
    until: int = 0,
) -> Array:
    """One sweep with the rows of all steps: row s joins at step s. Gives what each step's own row has at `name`.

    given      name -> (T, B, m, n), the gradients that start at each step
    visit      called for t = T − 2 … until with the rows of later steps at `name`, (T − 1 − t, B, m, n); a view
    exponents  (T, B) integers, if rows may be rescaled: a row's numbers are 2^exponent times what is given to `visit`;
               `look` is called with the first and last step (exclusive) of what was visited before they change
    """
    links = system(run, given, name, start=started(given))
    m = next(iter(given.values())).shape[2]
    left, own = within_step(links, given)
    carrier = _Carrier(links, run.T, run.B, m, run.T)
    looks = set(blocks(links, run.T, _LONGEST, _COMFORT)) if exponents is not None else set()
    stop = run.T
    for t in range(run.T - 1, until - 1, -1):
        pause()
        if t + 1 < run.T:
            rows = carrier.wanted(t, t + 1)
            if rows is not None:
                visit(t, rows)
            carrier.turn()
        for (tail, lag), joining in left.items():
            carrier.waiting[tail][lag - 1].whole[t] = joining[t]
        if t in looks and exponents is not None and look is not None:
            look(t, stop)
            _rescale(carrier, t, exponents)
            stop = t
    return np.zeros((run.T, run.B, m, run.sizes[name])) if own is None else np.asarray(own)


def blocks(links: System, T: int, longest: int, room: float) -> list[int]:
    """First steps of blocks, the last block first: in one a row cannot grow or shrink by more than 2^room.

    (But for what cancels, or for units that are shut, which no scaling keeps.)
    """
    worst = np.zeros(T)
    for link in links.carried:
        bits = np.zeros(T)
        if not isinstance(link.scale, float):
            size = np.abs(link.scale).reshape(T, -1)
            smallest = size.min(axis=1)
            if not smallest.all():
                smallest = np.where(size == 0, np.inf, size).min(axis=1)
            for extreme in (size.max(axis=1), smallest):
                usable = (extreme > 0) & np.isfinite(extreme)
                bits = np.maximum(bits, np.abs(np.log2(extreme, where=usable, out=np.zeros(T))))
        if link.matrix is not None:
            entries = np.abs(link.matrix)
            grows, shrinks = entries.sum(axis=0).max(), entries.max(axis=1)
            least = shrinks.min(where=shrinks > 0, initial=np.inf)
            usable = (0 < grows < np.inf) and np.isfinite(least)
            bits += max(0.0, float(np.log2(grows)), -float(np.log2(least))) if usable else 0.0
        worst = np.maximum(worst, bits)
    depth: dict[str, int] = {}  # links one after the other within a step, at most
    for link in links.carried:
        if not link.lag and link.tail != WANTED:
            depth[link.tail] = max(depth.get(link.tail, 0), depth.get(link.head, 0) + 1)
    worst = np.minimum(worst * (1 + max(depth.values(), default=0)), room)
    total = np.cumsum(worst[::-1])  # from the last step back
    starts, done = [], 0
    while done < T:
        fits = int(np.searchsorted(total, (total[done - 1] if done else 0) + room, "right")) - done
        done += min(max(fits, 1), longest, T - done)
        starts.append(T - done)
    return starts


def _rescale(carrier: _Carrier, lo: int, exponents: Array) -> None:
    """Brings rows lo: near 1 by powers of two, which is exact."""
    buffers = [rows.whole[lo:] for own in carrier.waiting.values() for rows in own]
    if not buffers:
        return
    largest = np.max([np.abs(rows).max(axis=(2, 3)) for rows in buffers], axis=0)
    _, shift = np.frexp(largest)
    shift = np.where(np.abs(shift) > 100, shift, 0)
    if shift.any():
        factor = np.ldexp(1.0, -shift)[:, :, None, None]
        for rows in buffers:
            rows *= factor
        exponents[lo:] += shift


# Norms ---------------------------------------------------------------------------------------------------------------


def _squares(rows: Array) -> Array:
    """The sums of squares, (R · B,), of (R, B, m, n)."""
    flat = rows.reshape(rows.shape[0] * rows.shape[1], -1)
    return np.asarray(np.einsum("ij,ij->i", flat, flat))


def spectral_norm(blocks: Array) -> Array:
    """The largest singular value of matrices (…, m, n); 0 for a zero matrix, nan for one that is not finite.

    From the eigenvalues of P Pᵀ, once P is divided by its largest entry, which is quicker than a decomposition.
    """
    largest = np.abs(blocks).max(axis=(-2, -1), keepdims=True)
    good = (largest > 0) & np.isfinite(largest)
    P = np.where(good, blocks / np.where(good, largest, 1), 0)
    across = np.swapaxes(P, -1, -2)
    gram = P @ across if P.shape[-2] <= P.shape[-1] else across @ P
    values = np.linalg.eigvalsh(gram)[..., -1] if gram.shape[-1] > 1 else gram[..., 0, 0]
    found = largest[..., 0, 0] * np.sqrt(np.maximum(values, 0))
    return np.asarray(np.where(good[..., 0, 0], found, largest[..., 0, 0] * 0))


def _norms(
    run: Run, given: Mapping[str, Array], name: str, spectral: bool, told: Callable[[int], None] | None = None
) -> Array:
    """(T, T, B): norms of each step's row at `name` at each step; the node's step comes first in memory."""
    found = np.zeros((run.T, run.T, run.B))
    exponents = np.zeros((run.T, run.B), np.intc)

    def visit(t: int, rows: Array) -> None:
        if told is not None:
            told(t)
        found[t, t + 1 :].reshape(-1)[...] = spectral_norm(rows).reshape(-1) if spectral else _squares(rows)

    def look(start: int, stop: int) -> None:
        part = found[start:stop, start:]
        if not spectral:
            np.sqrt(part, part)
        if exponents[start:].any():
            np.ldexp(part, exponents[start:], part)

    own = each_row(run, given, name, visit, exponents, look)
    size = np.abs(own).max(axis=(2, 3))  # these have not been brought near 1
    unit = np.where((size > 0) & np.isfinite(size), size, 1)
    steps = np.arange(run.T)
    if spectral:
        found[steps, steps] = spectral_norm(own)
    else:
        found[steps, steps] = unit * np.sqrt(_squares(own / unit[:, :, None, None])).reshape(unit.shape)
    found[:, ~np.logical_or.reduce(list(started(given).values()))] = 0
    return locked(np.swapaxes(locked(found.astype(run.dtype, copy=False)), 0, 1))
