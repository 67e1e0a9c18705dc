"""The claims about a run: exact zeros and their causes, the loss before the last state, the share that a step leaves.

The order is that of the sentences: a gradient of exactly zero decides more than one that falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

import engine
from engine import Run
from engine.execute import Affine
from engine.language import FUNCTIONS
from explorer.facts import claims
from explorer.facts.cause import causes, instruction
from explorer.facts.claims import Claim, Facts, Scope
from explorer.facts.dependence import earliest, to_loss
from explorer.facts.depth import in_depth
from explorer.facts.norms import LIMITS, together
from explorer.facts.saturation import saturated
from explorer.facts.way_back import WHOLE, Course, course, part, samples_of
from explorer.facts.ways import shares, theory, ways
from explorer.model import samples

FELT: Final = 0.01  # a loss is felt where it gives at least this share of the gradient of the strongest
VARIES: Final = 0.05  # powers of ten between single steps, from which on their range is a claim
_WORK: Final = 20_000_000  # multiplications up to which all losses are compared
_FAR: Final = 1_000_000  # steps beyond which there is no outlook
_NORMAL: Final = 280.0  # powers of ten within which a float holds a norm and its square root


def about(run: Run, sample: int = 0, name: str | None = None, cut: int = 0) -> Facts:
    """Measure what happens to the gradient of a run.

    Args:
        run: the run.
        sample: counted from 1; 0 is all of them together, and norms are then over all samples.
        name: the state at which the gradient is followed; `earliest` if missing.
        cut: the steps after which the recurrence is cut, again and again; 0 is never.

    Returns:
        The verdict and the claims.

    Raises:
        ValueError: for a name that is no state of the cell.

    **Holds:** every_claim_is_that_of_another_route.
    """
    if name is not None and name not in run.cell.states:
        raise ValueError(f"{name!r} is no state of {run.cell.name}; states: {', '.join(run.cell.states) or 'none'}")
    chosen = samples_of(run, sample)
    only = samples.shown(run, sample)
    counting = int((run.weights[:, chosen] != 0).any(axis=1).sum())
    scope = Scope(None, counting, run.T, only, len(chosen), run.B)
    if not counting:
        return Facts("no loss", "", (scope,))
    with np.errstate(all="ignore"):
        if not run.cell.states:
            return in_depth(part(run, chosen), scope)
        name = name or earliest(run.cell)
        if name not in to_loss(run.cell):
            return Facts("no path", name, (scope, claims.Zeros(name, "all", 1, run.T, run.T)))
        way = course(run, name, sample, cut)
        assert way is not None
        scope = Scope(way.loss, counting, run.T, only, len(chosen), run.B)
        return _in_time(run, way, scope, cut if way.is_cut else 0)


def _in_time(run: Run, way: Course, scope: Scope, cut: int) -> Facts:
    name = way.name
    if not way.finite:
        return Facts("undefined", name, tuple(filter(None, (scope, _beyond(way), theory(way.run, name)))))
    if not way.first:
        last = way.counting[-1]
        why = (claims.Cause("cut", step=(last - 1) // cut * cut, power=cut),) if cut else causes(way, name, last, 0.0)
        zeros = claims.Zeros(name, "all", 1, run.T, run.T, why)
        return Facts("zero", name, (scope, zeros))
    if way.last == 1:
        after = () if run.T == 1 else (claims.Zeros(name, "after", 2, run.T, run.T - 1),)
        at_one_step: tuple[Claim | None, ...] = (scope, *after, entry(way), claims.Norm(name, 1, float(way.logs[0])))
        return Facts("one step", name, tuple(filter(None, at_one_step)))
    return Facts(way.verdict, name, (scope, *_claims(run, way, scope, cut)))


def _claims(run: Run, way: Course, scope: Scope, cut: int) -> Iterator[Claim]:
    """All claims about a gradient that is somewhere finite and not zero."""
    yield from _zeros(run, way, cut)
    yield from _any(entry(way))
    if not way.steps:
        yield claims.Norm(way.name, way.last, float(way.logs[way.last - 1]))
        return
    yield left(way)
    yield from _varies(way)
    yield from _any(shares(way) or ways(way))
    yield from _samples(way)
    yield from _any(None if cut else _felt(run, way, scope))
    yield from _any(theory(way.run, way.name))
    yield from _ends(way)
    if not cut:
        yield from _others(way)


def _any(claim: Claim | None) -> Iterator[Claim]:
    """The claim, if it can be made."""
    if claim is not None:
        yield claim


def left(way: Course) -> claims.Left:
    """The share of the last gradient that is left at the first step with a gradient."""
    word = way.verdict if way.verdict != "undefined" else "ends"
    first, last = (float(way.logs[t - 1]) for t in (way.first, way.last))
    return claims.Left(way.name, way.first, way.last, first, last, word)


# --- exactly zero ------------------------------------------------------------------------------------------------


def _zeros(run: Run, way: Course, cut: int) -> Iterator[claims.Zeros]:
    """The steps at which the gradient is exactly zero."""
    name, first, last = way.name, way.first, way.last
    if way.ends:
        why: tuple[claims.Cause, ...] = (claims.Cause("cut", step=first - 1, power=cut),)
        if not cut or (first - 1) % cut:
            why = causes(way, name, first - 1, float(way.logs[first - 1]))
        yield claims.Zeros(name, "before", 1, first - 1, first - 1, why)
    holes = way.steps + 1 - len(way.there)
    if holes:
        yield claims.Zeros(name, "between", first, last, holes)
    if last < run.T:
        yield claims.Zeros(name, "after", last + 1, run.T, run.T - last)


# --- from the loss to the last state -----------------------------------------------------------------------------


def entry(way: Course) -> claims.Entry | None:
    """The change of the gradient between the loss and the last state, if it is to less than a tenth or more than ten times."""
    run, path = way.run, _path(way)
    head, at = path[-1]
    if len(path) < 2:
        return None
    logs = [_log(run, node, t) for node, t in path]
    if not np.isfinite(logs).all() or abs(logs[0] - logs[-1]) <= WHOLE:
        return None
    edges = np.diff(logs)  # from a node to its reader: what is lost on the way back
    worst = int(np.argmax(edges) if logs[-1] > logs[0] else np.argmin(edges))
    (below, _), (node, t) = path[worst : worst + 2]
    operation, within = str(run.cell.operation(node)), run.cell.equations[node].within or ""
    function = operation if operation in FUNCTIONS and run.cell.reads[node][0].name == below else ""
    share = saturated(run, node, steps=slice(t - 1, t)) if function else 0.0
    return claims.Entry(
        way.name, way.last, head, at, logs[-1], logs[0], node, below, -float(edges[worst]), within, function, share,
        "" if function else _matrix(run, node, below),
    )  # fmt: skip


def _matrix(run: Run, node: str, below: str) -> str:
    """The matrix by which a node's line multiplies another node; empty without one, or with more than one."""
    step = instruction(run, node)
    terms = step.terms if isinstance(step, Affine) else ()
    matrices = {term.matrix for term in terms if below in {factor.name for factor in term.factors}}
    return next(iter(matrices)) or "" if len(matrices) == 1 else ""


def _path(way: Course) -> list[tuple[str, int]]:
    """The path from the last state to the argument of the loss, along the edge with the largest message at each node."""
    run, above = way.run, to_loss(way.run.cell)
    heads = set()
    for loss in filter(run.cell.loss, run.cell.nodes):
        p = run.cell.reads[loss][0].name
        heads.add(run.cell.reads[p][0].name if loss in run.cell.joint.get(p, ()) and run.cell.reads[p] else p)
    path = [(way.name, way.last)]
    while path[-1][0] not in heads and len(path) <= len(run.cell.nodes):
        node, t = path[-1]
        best: tuple[float, str, int] | None = None
        for reader in run.cell.nodes:
            for read in run.cell.reads[reader]:
                if read.name == node and reader in above and t + read.lag <= run.T and run.cell.loss(reader) is None:
                    size = float(np.linalg.norm(run.message(node, reader, read.lag)[t - 1]))
                    if size > 0 and (best is None or size > best[0]):
                        best = (size, reader, t + read.lag)
        if best is None:
            return path[:1]
        path.append(best[1:])
    return path


def _log(run: Run, name: str, t: int) -> float:
    """log10 ‖∇name(t)‖; by a sweep of its own only where floats do not hold the norm."""
    log = float(np.log10(np.linalg.norm(run.grad[name][t - 1])))
    if abs(log) < _NORMAL / 2 and run.dtype == np.float64:
        return log
    return float(together(engine.log_grad_norm(run, name))[t - 1])


# --- along time --------------------------------------------------------------------------------------------------


def _varies(way: Course) -> Iterator[Claim]:
    """The range of the shares that single steps leave; and the turns of a curve beyond both of its ends."""
    places = np.flatnonzero(way.back > -np.inf)
    low, high = int(np.argmin(way.factors)), int(np.argmax(way.factors))
    if way.factors[high] - way.factors[low] > VARIES:
        at = [way.last - int(places[k + 1]) for k in (low, high)]
        yield claims.Range(float(way.factors[low]), at[0], float(way.factors[high]), at[1])
    logs = way.back[places]
    for place, beyond in (
        (int(np.argmin(logs)), logs.min() < min(0.0, way.log_ratio) - WHOLE),
        (int(np.argmax(logs)), logs.max() > max(0.0, way.log_ratio) + WHOLE),
    ):
        if beyond:
            yield claims.Turn(way.name, way.last - int(places[place]), float(logs[place]))


def _samples(way: Course) -> Iterator[Claim]:
    """The differences between samples."""
    with np.errstate(all="ignore"):
        ratios = way.each[way.first - 1] - way.each[way.last - 1]
    gone = int((way.each[way.first - 1] == -np.inf).sum())
    if gone:
        yield claims.Gone(way.name, way.first, gone, len(ratios))
    ratios = ratios[np.isfinite(ratios)]
    if len(ratios) > 1:
        yield claims.Spread(float(ratios.min()), float(ratios.max()))


def _felt(run: Run, way: Course, scope: Scope) -> claims.Felt | None:
    """The losses that reach the first step, if more than one counts."""
    units = sum(run.sizes[state] for state in run.cell.states)
    if scope.losses < 2 or run.T**2 * len(way.chosen) * units**2 // 64 > _WORK:
        return None
    whole = part(run, way.chosen)
    norms = together(np.log10(np.asarray(engine.by_loss_norm(whole, way.name)[:, way.first - 1], np.float64)))
    if np.isnan(norms).any() or not np.isfinite(norms.max()):
        return None
    felt = np.flatnonzero(norms >= norms.max() + np.log10(FELT))
    return claims.Felt(way.name, way.first, scope.losses, int(np.argmax(norms)) + 1, int(felt[-1]) + 1)


def _ends(way: Course) -> Iterator[Claim]:
    """The steps up to which floats hold the gradient; and where the curve is straight, an outlook on longer runs."""
    held_all = []
    for kind in LIMITS:
        reach = way.reach(kind)
        if reach.end == "below" or reach.end == "above":
            yield claims.Held(way.name, way.last, kind, reach.steps, reach.end)
        elif reach.end == "all":
            held_all.append(kind)
    line = way.line
    if not held_all or line is None or way.verdict not in ("vanishes", "grows"):
        return
    yield claims.Straight(**vars(line))
    if not line.is_straight:
        return
    for kind in held_all:
        limit = LIMITS[kind][way.log_rate > 0]
        steps = (limit - float(way.logs[way.last - 1])) / way.log_rate
        if way.steps <= steps <= _FAR:
            yield claims.Outlook(kind, float(steps))


def _others(way: Course) -> Iterator[claims.OtherState]:
    """The same ratio at the other states on which the loss depends."""
    above = to_loss(way.run.cell)
    for name in way.run.cell.states:
        if name != way.name and name in above:
            logs = together(engine.log_grad_norm(way.run, name))
            steps = np.flatnonzero(logs > -np.inf)
            if len(steps) > 1 and (logs < np.inf).all():
                first, last = int(steps[0]), int(steps[-1])
                yield claims.OtherState(name, first + 1, last + 1, float(logs[first] - logs[last]))


# --- what is not finite ------------------------------------------------------------------------------------------


def _beyond(way: Course) -> claims.Beyond:
    run, bad = way.run, np.flatnonzero(~(way.logs < np.inf))
    over = run.overflow
    node, t, nan = (over.name, over.t, bool(np.isnan(over.value))) if over is not None else ("", 0, False)
    return claims.Beyond(
        way.name, int(bad[-1]) + 1, len(way.logs), node, t, nan, _growth(run, way.name) if over else None
    )


def _growth(run: Run, name: str) -> float | None:
    """The factor by which the largest entry of a state grows per step, until it is not finite."""
    size = np.abs(np.asarray(run.value[name], np.float64)).max(axis=(1, 2))
    bad = np.flatnonzero(~np.isfinite(size))
    steps = np.flatnonzero(size[: bad[0] if len(bad) else len(size)] > 0)
    if len(steps) < 2:
        return None
    growth = (np.log10(size[steps[-1]]) - np.log10(size[steps[0]])) / (steps[-1] - steps[0])
    return float(10**growth)
