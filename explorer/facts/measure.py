"""The claims about a run: what is exactly zero and why, what is lost before the last state, what a step leaves, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

import engine
from engine import Run
from engine.execute import Affine
from engine.language import FUNCTIONS
from explorer.facts import claims as say
from explorer.facts.cause import causes, instruction
from explorer.facts.claims import Claim, Facts, Scope
from explorer.facts.dependence import earliest, to_loss
from explorer.facts.depth import in_depth
from explorer.facts.norms import LIMITS, together
from explorer.facts.saturation import saturated
from explorer.facts.way_back import WHOLE, Course, course, part, samples_of
from explorer.facts.ways import shares, theory, ways
from explorer.model import samples

FELT: Final = 0.01  # a loss is felt where it gives at least this share of what the strongest gives
VARIES: Final = 0.05  # powers of ten between what single steps leave, from which on the range is told
_WORK: Final = 20_000_000  # multiplications up to which all losses are compared
_FAR: Final = 1_000_000  # steps beyond which nobody asks what arrives
_NORMAL: Final = 280.0  # powers of ten within which a float holds a norm and its square root


def about(run: Run, sample: int = 0, name: str | None = None, cut: int = 0) -> Facts:
    """What happens to the gradient.

    sample  counted from 1; 0 is all of them together: norms are then over all samples
    name    the state that is looked at, else `earliest`
    cut     after how many steps each the recurrence is cut; 0 is never
    Raises ValueError for a name that is no state of the cell.
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
            return Facts("no path", name, (scope, say.Zeros(name, "all", 1, run.T, run.T)))
        found = course(run, name, sample, cut)
        assert found is not None
        scope = Scope(found.loss, counting, run.T, only, len(chosen), run.B)
        return _in_time(run, found, scope, cut if found.is_cut else 0)


def _in_time(run: Run, found: Course, scope: Scope, cut: int) -> Facts:
    name = found.name
    if not found.finite:
        return Facts("undefined", name, tuple(filter(None, (scope, _beyond(found), theory(found.run, name)))))
    if not found.first:
        last = found.counting[-1]
        why = (say.Cause("cut", step=(last - 1) // cut * cut, power=cut),) if cut else causes(found, name, last, 0.0)
        zeros = say.Zeros(name, "all", 1, run.T, run.T, why)
        return Facts("zero", name, (scope, zeros))
    if found.last == 1:
        after = () if run.T == 1 else (say.Zeros(name, "after", 2, run.T, run.T - 1),)
        claims: tuple[Claim | None, ...] = (scope, *after, entry(found), say.Norm(name, 1, float(found.logs[0])))
        return Facts("one step", name, tuple(filter(None, claims)))
    return Facts(found.verdict, name, (scope, *_claims(run, found, scope, cut)))


def _claims(run: Run, found: Course, scope: Scope, cut: int) -> Iterator[Claim]:
    """All that is said of a gradient that is somewhere finite and not zero."""
    yield from _zeros(run, found, cut)
    made: Claim | None = entry(found)
    if made is not None:
        yield made
    if not found.steps:
        yield say.Norm(found.name, found.last, float(found.logs[found.last - 1]))
        return
    yield left(found)
    yield from _varies(found)
    own = shares(found)
    made = own if own is not None else ways(found)
    if made is not None:
        yield made
    yield from _samples(found)
    made = None if cut else _felt(run, found, scope)
    if made is not None:
        yield made
    made = theory(found.run, found.name)
    if made is not None:
        yield made
    yield from _ends(found)
    if not cut:
        yield from _others(found)


def left(found: Course) -> say.Left:
    """What is left at the first step that has a gradient."""
    word = found.verdict if found.verdict != "undefined" else "ends"
    first, last = (float(found.logs[t - 1]) for t in (found.first, found.last))
    return say.Left(found.name, found.first, found.last, first, last, word)


# --- exactly zero ------------------------------------------------------------------------------------------------


def _zeros(run: Run, found: Course, cut: int) -> Iterator[say.Zeros]:
    """Where the gradient is exactly zero."""
    name, first, last = found.name, found.first, found.last
    if found.ends:
        why: tuple[say.Cause, ...] = (say.Cause("cut", step=first - 1, power=cut),)
        if not cut or (first - 1) % cut:
            why = causes(found, name, first - 1, float(found.logs[first - 1]))
        yield say.Zeros(name, "before", 1, first - 1, first - 1, why)
    holes = found.steps + 1 - len(found.there)
    if holes:
        yield say.Zeros(name, "between", first, last, holes)
    if last < run.T:
        yield say.Zeros(name, "after", last + 1, run.T, run.T - last)


# --- from the loss to the last state -----------------------------------------------------------------------------


def entry(found: Course) -> say.Entry | None:
    """What becomes of the gradient between the loss and the last state, if it is less than a tenth or more than ten times."""
    run, path = found.run, _path(found)
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
    return say.Entry(
        found.name, found.last, head, at, logs[-1], logs[0], node, below, -float(edges[worst]), within, function, share,
        "" if function else _matrix(run, node, below),
    )  # fmt: skip


def _matrix(run: Run, node: str, below: str) -> str:
    """The matrix by which a node's line multiplies another node; empty if there is none, or more than one."""
    made = instruction(run, node)
    terms = made.terms if isinstance(made, Affine) else ()
    found = {term.matrix for term in terms if below in {factor.name for factor in term.factors}}
    return next(iter(found)) or "" if len(found) == 1 else ""


def _path(found: Course) -> list[tuple[str, int]]:
    """From the last state up to what the loss is computed from, along the edge that brings most at each node."""
    run, above = found.run, to_loss(found.run.cell)
    heads = set()
    for loss in filter(run.cell.loss, run.cell.nodes):
        p = run.cell.reads[loss][0].name
        heads.add(run.cell.reads[p][0].name if loss in run.cell.joint.get(p, ()) and run.cell.reads[p] else p)
    path = [(found.name, found.last)]
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
    """log10 ‖∇name(t)‖; a sweep of its own only where floats do not do."""
    log = float(np.log10(np.linalg.norm(run.grad[name][t - 1])))
    if abs(log) < _NORMAL / 2 and run.dtype == np.float64:
        return log
    return float(together(engine.log_grad_norm(run, name))[t - 1])


# --- along time --------------------------------------------------------------------------------------------------


def _varies(found: Course) -> Iterator[Claim]:
    """Where steps leave different shares: the range of them; and the turns of a curve that goes beyond both its ends."""
    places = np.flatnonzero(found.back > -np.inf)
    low, high = int(np.argmin(found.factors)), int(np.argmax(found.factors))
    if found.factors[high] - found.factors[low] > VARIES:
        at = [found.last - int(places[k + 1]) for k in (low, high)]
        yield say.Range(float(found.factors[low]), at[0], float(found.factors[high]), at[1])
    own = found.back[places]
    for place, beyond in (
        (int(np.argmin(own)), own.min() < min(0.0, found.log_ratio) - WHOLE),
        (int(np.argmax(own)), own.max() > max(0.0, found.log_ratio) + WHOLE),
    ):
        if beyond:
            yield say.Turn(found.name, found.last - int(places[place]), float(own[place]))


def _samples(found: Course) -> Iterator[Claim]:
    """How the samples differ."""
    with np.errstate(all="ignore"):
        ratios = found.each[found.first - 1] - found.each[found.last - 1]
    gone = int((found.each[found.first - 1] == -np.inf).sum())
    if gone:
        yield say.Gone(found.name, found.first, gone, len(ratios))
    ratios = ratios[np.isfinite(ratios)]
    if len(ratios) > 1:
        yield say.Spread(float(ratios.min()), float(ratios.max()))


def _felt(run: Run, found: Course, scope: Scope) -> say.Felt | None:
    """Which losses reach the first step, if more than one counts."""
    units = sum(run.sizes[state] for state in run.cell.states)
    if scope.losses < 2 or run.T**2 * len(found.chosen) * units**2 // 64 > _WORK:
        return None
    whole = part(run, found.chosen)
    norms = together(np.log10(np.asarray(engine.by_loss_norm(whole, found.name)[:, found.first - 1], np.float64)))
    if np.isnan(norms).any() or not np.isfinite(norms.max()):
        return None
    felt = np.flatnonzero(norms >= norms.max() + np.log10(FELT))
    return say.Felt(found.name, found.first, scope.losses, int(np.argmax(norms)) + 1, int(felt[-1]) + 1)


def _ends(found: Course) -> Iterator[Claim]:
    """How far floats hold it; and, where the curve is straight, how far they would."""
    left_over = []
    for kind in LIMITS:
        reach = found.reach(kind)
        if reach.end == "below" or reach.end == "above":
            yield say.Held(found.name, found.last, kind, reach.steps, reach.end)
        elif reach.end == "all":
            left_over.append(kind)
    line = found.line
    if not left_over or line is None or found.verdict not in ("vanishes", "grows"):
        return
    yield say.Straight(line.r2, line.off, line.is_straight)
    if not line.is_straight:
        return
    for kind in left_over:
        limit = LIMITS[kind][found.log_rate > 0]
        steps = (limit - float(found.logs[found.last - 1])) / found.log_rate
        if found.steps <= steps <= _FAR:
            yield say.Outlook(kind, float(steps))


def _others(found: Course) -> Iterator[say.OtherState]:
    """The other states that the loss depends on."""
    above = to_loss(found.run.cell)
    for name in found.run.cell.states:
        if name != found.name and name in above:
            logs = together(engine.log_grad_norm(found.run, name))
            there = np.flatnonzero(logs > -np.inf)
            if len(there) > 1 and (logs < np.inf).all():
                first, last = int(there[0]), int(there[-1])
                yield say.OtherState(name, first + 1, last + 1, float(logs[first] - logs[last]))


# --- what is not finite ------------------------------------------------------------------------------------------


def _beyond(found: Course) -> say.Beyond:
    run, bad = found.run, np.flatnonzero(~(found.logs < np.inf))
    over = run.overflow
    node, t, nan = (over.name, over.t, bool(np.isnan(over.value))) if over is not None else ("", 0, False)
    return say.Beyond(
        found.name, int(bad[-1]) + 1, len(found.logs), node, t, nan, _growth(run, found.name) if over else None
    )


def _growth(run: Run, name: str) -> float | None:
    """By how much the largest entry of a state grows in a step, until it is not finite."""
    size = np.abs(np.asarray(run.value[name], np.float64)).max(axis=(1, 2))
    bad = np.flatnonzero(~np.isfinite(size))
    steps = np.flatnonzero(size[: bad[0] if len(bad) else len(size)] > 0)
    if len(steps) < 2:
        return None
    growth = (np.log10(size[steps[-1]]) - np.log10(size[steps[0]])) / (steps[-1] - steps[0])
    return float(10**growth)
