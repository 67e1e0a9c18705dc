"""What happens to the gradient of a run on its way back through time, and why, in plain words with the run's own numbers.

`facts` measures, `written` puts it into words: nothing that is said is computed anywhere else. What is followed is the loss
of one step alone, the last that counts, for the sum over many losses hides how far each of them reaches. All magnitudes are
logarithms, so a gradient of 10^-5000 is told as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

import networkx as nx
import numpy as np
from numpy.typing import NDArray

import engine
from engine import Run, names
from engine.operations import FUNCTIONS
from engine.run import Overflow
from engine.schedule import Affine, Elementwise, Operand, schedule
from explorer import samples
from explorer.numbers import power
from explorer.vanishing import threshold

Array: TypeAlias = NDArray[np.float64]

FELT: Final = 0.01  # a loss is felt where it gives at least this share of what the strongest gives
_GONE: Final = -3.0  # log10 of the ratio from which a gradient has vanished; its negative: exploded
_LESS: Final = -1.0  # the same for a gradient that shrinks or grows
_NUMBERS: Final = 400_000  # values of a run; of one with more, fewer samples are looked at
_WORK: Final = 20_000_000  # multiplications up to which all losses are compared
_FAR: Final = 1_000_000  # steps beyond which nobody asks what arrives
_TRIES: Final = 8  # losses that are tried, from the last: one that is exactly right has no gradient
_LISTED: Final = 4  # names that are listed
#: log10 of the ends of the floats: half the smallest positive one, below which all rounds to zero, and the first beyond.
_ENDS: Final = {
    kind: (-smallest * np.log10(2.0), largest * np.log10(2.0))
    for kind, smallest, largest in (("float32", 150, 128), ("float64", 1075, 1024))
}

Verdict: TypeAlias = Literal[
    "vanishes", "shrinks", "lasts", "grows", "explodes",
    "stops", "one step", "no loss", "no path", "zero", "flat", "undefined",
]  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What one function of the recurrence does to the gradient in a step.

    factor  the geometric mean over the steps of ‖φ'(a) ∘ ∇h‖ / ‖∇h‖
    flat    the share of its units and steps that are saturated, as `vanishing.threshold` has it
    """

    function: str
    factor: float
    flat: float


@dataclass(frozen=True)
class Way:
    """One of the edges by which the gradient comes from a later step.

    target, lag  the node that reads, and how many steps later
    call, within the function that the node calls inside the line of another, and that line; empty if it has one of its own
    direct       whether it reads by a product entry by entry, straight into the same name
    gates        the names that it is multiplied by there
    median       the median of that factor, over steps, samples and units
    passes       rate · the mean over the steps of its component along the gradient; over all ways these sum to the rate
    """

    target: str
    lag: int
    call: str
    within: str
    direct: bool
    gates: tuple[str, ...]
    median: float | None
    passes: float


@dataclass(frozen=True)
class Reach:
    """After how many steps a gradient has left the range of a kind of float; not `seen`: if it goes on at its rate."""

    kind: str
    steps: int
    seen: bool


@dataclass(frozen=True)
class Stretch:
    """A matrix of the recurrence: its largest singular value, and its spectral radius if it is square."""

    name: str
    largest: float
    radius: float | None


@dataclass(frozen=True)
class Other:
    """The same measured at another state: log10 of the ratio, between the steps `first` and `last`."""

    name: str
    first: int
    last: int
    log_ratio: float


@dataclass(frozen=True)
class Facts:
    """What happens to the gradient at one state, from the loss of one step.

    verdict     in a word; "stops": it is exactly zero from some step on; "zero": at every step; "flat": no recurrence, and
                fewer than two layers; "undefined": not a number
    name        the state; without recurrence the layer nearest to the input, and `upper` the one nearest to the loss
    layers      whether `first` and `last` count layers and not steps
    loss        the step of the loss that is followed; None: all of them together
    losses      how many steps count
    first, last the first and last step at which the gradient is not zero
    log_first, log_last   log10 of its L2 norm there, over all samples that are looked at
    weights     what the weights do in a step: rate / Π parts; None where there is more than one way back
    parts       what each function does; weights · Π parts is the rate
    ways        where there is more than one way back, each of them
    stretches, bound, slope   of the recurrence's matrices; σ_max · max |φ'| and the largest slope alone, if that is a bound
    reach       float32, float64
    samples, of, sample   how many samples are looked at, of how many, and which one (0: several)
    spread      the least and the largest log10 ratio of a sample by itself
    strongest, felt   the loss that gives most to the gradient at `first`, and the last that gives FELT of it; by step
    others      other states on a way to the loss
    dead        matrices of the recurrence that are zero
    overflow    the first value that is not finite
    growth      the geometric mean by which the largest entry of the state grows in a step before that
    """

    verdict: Verdict
    name: str = ""
    upper: str = ""
    layers: bool = False
    loss: int | None = None
    losses: int = 0
    first: int = 0
    last: int = 0
    log_first: float = 0.0
    log_last: float = 0.0
    weights: float | None = None
    parts: tuple[Part, ...] = ()
    ways: tuple[Way, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    bound: float | None = None
    slope: float | None = None
    reach: tuple[Reach, ...] = ()
    samples: int = 1
    of: int = 1
    sample: int = 0
    spread: tuple[float, float] | None = None
    strongest: int | None = None
    felt: int | None = None
    others: tuple[Other, ...] = ()
    dead: tuple[str, ...] = ()
    overflow: Overflow | None = None
    growth: float | None = None

    @property
    def steps(self) -> int:
        """The steps (or layers) between the two ends."""
        return self.last - self.first

    @property
    def log_ratio(self) -> float:
        """log10 of the gradient's norm at `first` in units of that at `last`."""
        return self.log_first - self.log_last

    @property
    def rate(self) -> float:
        """The geometric mean of what a step multiplies the norm by."""
        return float(10 ** (self.log_ratio / self.steps)) if self.steps else 1.0


# --- what is measured --------------------------------------------------------------------------------------------


def facts(run: Run, sample: int = 0, name: str | None = None) -> Facts:
    """What happens to the gradient.

    sample  counted from 1; 0 is all of them together: norms are then over all samples
    name    the state that is looked at, else the one that carries itself on, as s of the LSTM does, or the last
    Raises ValueError for a name that is no state of the cell.
    **Holds:** the_parts_multiply_to_the_rate, the_ways_sum_to_the_rate, the_facts_are_those_of_plain_numpy.
    """
    if name is not None and name not in run.cell.states:
        raise ValueError(f"{name!r} is no state of {run.cell.name}; states: {', '.join(run.cell.states) or 'none'}")
    chosen = _samples(run, sample)
    only = samples.shown(run, sample)
    found = Facts("zero", samples=len(chosen), of=run.B, sample=only)
    counting = np.flatnonzero((run.weights[:, chosen] != 0).any(axis=1)) + 1
    found = replace(found, losses=len(counting))
    if not len(counting):
        return replace(found, verdict="no loss")
    with np.errstate(all="ignore"):
        if not run.cell.states:
            return _in_depth(_part(run, chosen), found)
        states = _on_the_way(run)
        if name is None and not states:
            return replace(found, verdict="no path", name=run.cell.states[-1])
        name = name or _main(run, states)
        found = replace(found, name=name)
        if name not in states:
            return replace(found, verdict="no path")
        if run.T == 1:
            return replace(found, verdict="one step")
        return _in_time(run, chosen, [int(t) for t in counting], found)


def _samples(run: Run, sample: int) -> list[int]:
    """Which samples are looked at: one, or as many of the first as do not take too long."""
    if samples.shown(run, sample):
        return [sample - 1]
    most = max(1, _NUMBERS // (run.T * sum(run.sizes.values())))
    return list(range(min(run.B, most)))


def _part(run: Run, samples: list[int], loss: int | None = None) -> Run:
    """The run of some of its samples, with the loss of one step alone, which is then the last."""
    if len(samples) == run.B and loss is None:
        return run
    stop = run.T if loss is None else loss
    weights = run.weights[:stop, samples] / (run.B if run.reduction == "mean" else 1)
    if loss is not None:
        weights = np.where(np.arange(stop)[:, None] == stop - 1, weights, 0)
    return engine.run(
        run.cell,
        run.parameters,
        None if run.x is None else run.x[:stop, samples],
        run.y[:stop, samples],
        {state: values[:, samples] for state, values in run.initial.items()},
        weights,
        "sum",
        run.dtype,
    )


def _reads(run: Run) -> nx.DiGraph:
    """Who is read by whom, whatever the step."""
    graph = nx.DiGraph()
    graph.add_nodes_from(run.cell.nodes)
    graph.add_edges_from((read.name, node) for node, reads in run.cell.reads.items() for read in reads)
    return graph


def _on_the_way(run: Run) -> list[str]:
    """The states from which a way leads to a loss."""
    graph = _reads(run)
    above = set(run.cell.losses).union(*(nx.ancestors(graph, loss) for loss in run.cell.losses))
    return [state for state in run.cell.states if state in above]


def _main(run: Run, states: list[str]) -> str:
    """The state that carries itself on entry by entry, or the last that a way leads back to, or the last."""
    direct = [
        state for state in states if any(_is_direct(run, state, Operand(state, lag)) for lag in _lags(run, state))
    ]
    graph = _reads(run)
    again = [state for state in states if any(nx.has_path(graph, node, state) for node in graph[state])]
    return (direct[:1] or again[-1:] or states[-1:])[0]


def _lags(run: Run, state: str) -> range:
    return range(1, run.cell.lags[state] + 1)


def _made(run: Run, name: str) -> Affine | Elementwise | object:
    """The instruction that computes a name."""
    return next((i for stage in schedule(run.cell).stages for i in stage.instructions if i.out == name), None)


def _is_direct(run: Run, target: str, read: Operand) -> bool:
    made = _made(run, target)
    return isinstance(made, Affine) and any(term.matrix is None and read in term.factors for term in made.terms)


def _together(logs: Array) -> Array:
    """log10 of the norm over all samples, from those of each: (T, B) -> (T,)."""
    top = logs.max(axis=1, keepdims=True)
    unit = np.where(np.isfinite(top), top, 0)
    return np.asarray(unit[:, 0] + np.log10(np.sum(10 ** (2 * (logs - unit)), axis=1)) / 2)


def _in_time(run: Run, chosen: list[int], counting: list[int], found: Facts) -> Facts:
    name = found.name
    for loss in counting[: -_TRIES - 1 : -1]:
        alone = _part(run, chosen, loss)
        each = engine.log_grad_norm(alone, name)
        if not (each == -np.inf).all():
            found = replace(found, loss=loss)
            break
    else:  # each of these losses may be exactly right, so all are taken together
        alone = _part(run, chosen)
        each = engine.log_grad_norm(alone, name)
    logs = _together(each)
    if not (logs < np.inf).all():  # inf or nan
        return replace(
            found, verdict="undefined", overflow=alone.overflow, growth=_growth(alone, name), **_theory(alone, name)
        )
    there = np.flatnonzero(logs > -np.inf)
    if not len(there):
        return found
    first, last = int(there[0]), int(there[-1])
    found = replace(found, first=first + 1, last=last + 1, log_first=float(logs[first]), log_last=float(logs[last]))
    ratios = each[first] - each[last]
    ratios = ratios[np.isfinite(ratios)]
    if first == last:
        return replace(found, verdict="stops", dead=_dead(alone))
    found = replace(
        found,
        verdict=_verdict(found.log_ratio),
        dead=_dead(alone) if first else (),
        spread=(float(ratios.min()), float(ratios.max())) if len(ratios) > 1 else None,
        reach=_reach(logs[first : last + 1][::-1], found),
        others=tuple(_others(alone, found)),
        **_theory(alone, name),
    )
    found = replace(found, **_shares(alone, found, logs))
    if found.weights is None:
        found = replace(found, ways=_ways(alone, found))
    return replace(found, **_compared(run, chosen, found))


def _verdict(log_ratio: float) -> Verdict:
    for end, word in ((_GONE, "vanishes"), (_LESS, "shrinks")):
        if log_ratio < end:
            return word  # type: ignore[return-value]
    for end, word in ((-_GONE, "explodes"), (-_LESS, "grows")):
        if log_ratio > end:
            return word  # type: ignore[return-value]
    return "lasts"


def _growth(run: Run, name: str) -> float | None:
    """By how much the largest entry of a state grows in a step, until it is not finite."""
    size = np.abs(np.asarray(run.value[name], np.float64)).max(axis=(1, 2))
    bad = np.flatnonzero(~np.isfinite(size))
    steps = np.flatnonzero(size[: bad[0] if len(bad) else len(size)] > 0)
    if len(steps) < 2:
        return None
    growth = (np.log10(size[steps[-1]]) - np.log10(size[steps[0]])) / (steps[-1] - steps[0])
    return float(10**growth)


def _theory(run: Run, name: str) -> dict[str, Any]:
    """The matrices of the recurrence and the bound, if that recurrence is one cycle without gates."""
    bound = engine.bound(run, name)
    if bound is None or not np.isfinite(bound.rate):
        return {}
    stage = _stage(run, name)
    matrices = {term.matrix for i in stage if isinstance(i, Affine) for term in i.terms}
    stretches = tuple(
        Stretch(m.name, m.largest, m.radius) for m in engine.recurrent_matrices(run) if m.name in matrices
    )
    return {"bound": bound.rate, "slope": bound.slope, "stretches": stretches}


def _stage(run: Run, name: str) -> Sequence[object]:
    """The instructions of the recurrence that a name belongs to."""
    stages = (stage for stage in schedule(run.cell).stages if stage.recurrent)
    return next((s.instructions for s in stages if name in {i.out for i in s.instructions}), ())


def _dead(run: Run) -> tuple[str, ...]:
    """The matrices of recurrences that are zero."""
    return tuple(matrix.name for matrix in engine.recurrent_matrices(run) if not matrix.largest)


def _reach(back: Array, found: Facts) -> tuple[Reach, ...]:
    """The last step at which floats still hold the gradient, for the logarithms of its norm from the loss back."""
    per_step = found.log_ratio / found.steps
    reach = []
    for kind, (low, high) in _ENDS.items():
        beyond = np.flatnonzero(((back < low) | (back >= high)) & (back > -np.inf))
        if len(beyond):
            reach.append(Reach(kind, max(0, int(beyond[0]) - 1), True))
        elif per_step:
            steps = ((low if per_step < 0 else high) - back[0]) / per_step
            if steps <= _FAR:
                reach.append(Reach(kind, max(found.steps, int(steps)), False))
    return tuple(reach)


def _others(run: Run, found: Facts) -> Iterable[Other]:
    for name in _on_the_way(run):
        if name != found.name:
            logs = _together(engine.log_grad_norm(run, name))
            there = np.flatnonzero(logs > -np.inf)
            if len(there) > 1 and (logs < np.inf).all():
                first, last = int(there[0]), int(there[-1])
                yield Other(name, first + 1, last + 1, float(logs[first] - logs[last]))


def _shares(run: Run, found: Facts, logs: Array) -> dict[str, Any]:
    """What weights and functions do, where the gradient has a single cycle to come back by; nothing where it has not."""
    if found.bound is None or len(_edges_back(run, found.name)) != 1:
        return {}
    cycle, readers = _stage(run, found.name), _readers(run)
    inside = {node for node in run.value if node in {i.out for i in cycle if isinstance(i, Affine | Elementwise)}}
    if any(len(readers[node]) != 1 for node in inside - {found.name}):
        return {}
    steps, total, parts = slice(found.first, found.last), found.log_ratio / found.steps, []
    for i in cycle:
        if isinstance(i, Elementwise):
            out = logs if i.out == found.name else _together(engine.log_grad_norm(run, i.out))
            argument = _together(engine.log_argument_grad_norm(run, i.out))
            lost = (argument - out)[steps]
            if not np.isfinite(lost).all():
                return {}
            parts.append(Part(i.function.name, float(10 ** lost.mean()), _flat(run, i.out, steps)))
            total -= lost.mean()
    return {"weights": float(10**total), "parts": tuple(parts)}


def _edges_back(run: Run, name: str) -> list[tuple[str, str, int]]:
    """The edges (reader, state, lag) from a step to a later one by which the gradient of a state can come back."""
    within, whole = nx.DiGraph(), _reads(run)
    within.add_nodes_from(whole)
    within.add_edges_from((r.name, node) for node, reads in run.cell.reads.items() for r in reads if not r.lag)
    to_loss = set(run.cell.losses).union(*(nx.ancestors(whole, loss) for loss in run.cell.losses))
    from_name = {name} | nx.descendants(within, name)
    edges = [(node, r) for node, reads in run.cell.reads.items() for r in reads if r.lag and node in to_loss]
    back = [(node, r.name, r.lag) for node, r in edges if r.name in from_name]
    return back if name in {state for _, state, _ in back} else []


def _readers(run: Run) -> dict[str, set[str]]:
    return {name: {node for node in run.cell.nodes if any(r.name == name for r in run.cell.reads[node])}
            for name in run.cell.nodes}  # fmt: skip


def _flat(run: Run, name: str, steps: slice) -> float:
    return float((np.abs(run.slope(name)[steps]) < threshold(run, name)).mean())


def _ways(run: Run, found: Facts) -> tuple[Way, ...]:
    """The edges that the gradient of a state comes back by, the strongest first."""
    name, steps = found.name, slice(found.first - 1, found.last - 1)
    grad = np.asarray(run.grad[name], np.float64)[steps]
    unit = np.abs(grad).max(axis=(1, 2), keepdims=True)
    usable = ((unit > 0) & np.isfinite(unit))[:, 0, 0]
    grad = grad[usable] / unit[usable]
    square = (grad**2).sum(axis=(1, 2))
    ways = []
    for route in engine.routes(run, name):
        if route.target is None or route.read is None:
            continue
        vector = np.asarray(route.vector, np.float64)[steps][usable] / unit[usable]
        if not vector.any():
            continue
        share = float(((vector * grad).sum(axis=(1, 2)) / square).mean()) if len(square) else 0.0
        read = Operand(name, route.read.lag)
        direct = route.target == name == route.read.name and _is_direct(run, name, read)
        gates, median = _gate(run, name, read, vector, unit[usable], usable, steps) if direct else ((), None)
        within = run.cell.equations[route.target].within or ""
        call = (run.cell.operation(route.target) or "") if within else ""
        ways.append(Way(route.target, route.read.lag, call, within, direct, gates, median, found.rate * share))
    return tuple(sorted(ways, key=lambda way: -abs(way.passes)))


def _gate(
    run: Run, name: str, read: Operand, sent: Array, unit: Array, usable: NDArray[np.bool_], steps: slice
) -> tuple[tuple[str, ...], float | None]:
    """What a state is multiplied by on its direct way, and the median: what is sent, in units of what it was made from."""
    made = _made(run, name)
    terms = [t for t in made.terms if t.matrix is None and read in t.factors] if isinstance(made, Affine) else []
    gates = tuple(factor.name for term in terms for factor in term.factors if factor != read)
    later = np.zeros(run.grad[name].shape)
    later[: run.T - read.lag] = run.grad[name][read.lag :]
    later = later[steps][usable] / unit
    known = (later != 0) & np.isfinite(later)
    factor = (sent / np.where(known, later, 1))[known]
    median = float(np.median(factor)) if len(factor) else None
    return (gates if all(":" not in gate for gate in gates) else ()), median


def _compared(run: Run, chosen: list[int], found: Facts) -> dict[str, Any]:
    """Which losses reach the first step, if more than one counts."""
    units = sum(run.sizes[state] for state in run.cell.states)
    if found.losses < 2 or run.T**2 * len(chosen) * units**2 // 64 > _WORK:
        return {}
    logs = np.log10(np.asarray(engine.by_loss_norm(_part(run, chosen), found.name)[:, found.first - 1], np.float64))
    if np.isnan(logs).any():
        return {}
    norms = _together(logs)
    if not np.isfinite(norms.max()):
        return {}
    felt = np.flatnonzero(norms >= norms.max() + np.log10(FELT))
    return {"strongest": int(np.argmax(norms)) + 1, "felt": int(felt[-1]) + 1}


# --- without recurrence ------------------------------------------------------------------------------------------


def _in_depth(run: Run, found: Facts) -> Facts:
    """The same from layer to layer: nodes that are functions of a sum, on a way to the loss."""
    graph = _reads(run)
    above = set().union(*(nx.ancestors(graph, loss) for loss in run.cell.losses))
    ends = {run.cell.reads[loss][0].name for loss in run.cell.nodes if _has_logits(run, loss)}
    layers = [name for name in run.cell.nodes if run.cell.operation(name) in FUNCTIONS and name in above - ends]
    logs = np.array([float(_together(engine.log_grad_norm(run, name).reshape(1, -1))[0]) for name in layers])
    found = replace(found, layers=True)
    if len(layers) < 2:
        return replace(found, verdict="flat")
    if not (logs < np.inf).all():
        return replace(found, verdict="undefined", overflow=run.overflow)
    if not np.isfinite(logs[[0, -1]]).all():
        return replace(found, name=layers[0])
    found = replace(found, name=layers[0], upper=layers[-1], first=1, last=len(layers), log_first=float(logs[0]),
                    log_last=float(logs[-1]))  # fmt: skip
    found = replace(found, verdict=_verdict(found.log_ratio))
    readers = _readers(run)
    if any(not _leads(readers, below, above) for below, above in pairwise(layers)):
        return found
    lost: dict[str, float] = {}
    flat: dict[str, list[float]] = {}
    for name, own in zip(layers[1:], logs[1:], strict=True):
        function = str(run.cell.operation(name))
        if function == "identity":
            continue
        argument = float(_together(engine.log_argument_grad_norm(run, name).reshape(1, -1))[0])
        lost[function] = lost.get(function, 0.0) + (argument - own) / found.steps
        flat.setdefault(function, []).append(_flat(run, name, slice(None)))
    parts = tuple(Part(function, float(10**own), float(np.mean(flat[function]))) for function, own in lost.items())
    if not all(np.isfinite(own) for own in lost.values()):
        return found
    weights = float(10 ** (found.log_ratio / found.steps - sum(lost.values())))
    return replace(found, weights=weights, parts=parts)


def _has_logits(run: Run, loss: str) -> bool:
    """Whether a loss is computed from the argument of its softmax or sigmoid, which is then no layer."""
    row = run.cell.loss(loss)
    return row is not None and row.joint is not None and run.cell.logits(loss) is not None


def _leads(readers: dict[str, set[str]], below: str, above: str) -> bool:
    """Whether a node is read on the way to another only, each node on the way by one."""
    while below != above:
        if len(readers[below]) != 1:
            return False
        (below,) = readers[below]
    return True


# --- the words ---------------------------------------------------------------------------------------------------


def sentences(run: Run, sample: int = 0, name: str | None = None) -> tuple[str, ...]:
    """The sentences, in plain text; every number in them is computed from the run. Arguments as for `facts`."""
    return written(facts(run, sample, name))


def written(found: Facts) -> tuple[str, ...]:
    """Facts in words. **Holds:** every_number_is_a_fact."""
    name = names.written(found.name)
    match found.verdict:
        case "no loss":
            return ("No loss counts: the weight of every step is zero, so every gradient is exactly zero.",)
        case "no path":
            return (
                f"The loss does not depend on {name} in any way: no path leads there, so its gradient is exactly zero.",
            )
        case "one step":
            return (f"There is one step only: the gradient at {name} has no way back through time.",)
        case "flat":
            return (
                "No step reads another, so there is no way back through time; and with fewer than two layers there is none in"
                " depth either.",
            )
        case "zero":
            where = f"at {name}" + (" at every step" if not found.layers else "")
            return (f"The gradient {where} is exactly zero: what leads from there to the loss is zero, or shut.",)
        case "undefined":
            return tuple(_undefined(found))
        case "stops":
            here = f"The gradient at {name}({found.last}) is the only one that is not exactly zero"
            return (_lead(found, f"{here}, for nothing passes from a step to the one before{_because(found)}."),)
    said = [_lead(found, _first(found)), *_how(found)]
    said += [*_samples_said(found), *_losses_said(found), *_theory_said(found), *_reach_said(found)]
    return tuple([*said, *(_other_said(other) for other in found.others)])


def _lead(found: Facts, text: str) -> str:
    """Which sample and which loss is spoken of, before what is said."""
    about = []
    if found.sample and found.of > 1:
        about.append(f"sample {found.sample}")
    elif found.samples < found.of:
        about.append(f"the first {found.samples:,} of {found.of:,} samples")
    if found.losses > 1 and not found.layers:
        about.append(f"the loss of step {found.loss} alone" if found.loss else "all losses together")
    return f"For {' and '.join(about)}: {text[0].lower()}{text[1:]}" if about else text


def _first(found: Facts) -> str:
    name, upper = names.written(found.name), names.written(found.upper)
    low, high = (name, upper) if found.layers else (f"{name}({found.first})", f"{name}({found.last})")
    word = {"lasts": "keeps about its size"}.get(found.verdict, found.verdict)
    text = f"The gradient at {low} is {_compared_to(found.log_ratio, high)}: it {word}."
    if found.first > 1 and not found.layers:
        text += f" Before {name}({found.first}) it is exactly zero{_because(found)}."
    return text


def _because(found: Facts) -> str:
    if not found.dead:
        return ""
    return f": {_list([names.written(name) for name in found.dead])} {'is' if len(found.dead) == 1 else 'are'} zero"


def _how(found: Facts) -> list[str]:
    """What a step does, and what of it is due to what."""
    step = "layer" if found.layers else "step"
    each = f"Each of the {found.steps:,} {step}s" if found.steps > 1 else f"The {step}"
    text = f"{each} multiplies it by {_short(found.rate)}" + " on average" * (found.steps > 1)
    if found.weights is not None and found.parts:
        whose = names.written(found.stretches[0].name) if len(found.stretches) == 1 else "the weights"
        parts = [f"{part.function} by {_short(part.factor)}{_flat_said(part)}" for part in found.parts]
        text += f": {_list([f'{whose} by {_short(found.weights)}', *parts])}"
    elif found.weights is not None:
        whose = _list([names.written(stretch.name) for stretch in found.stretches] or ["the weights"])
        text += f", which is all due to {whose}"
    elif len(found.ways) == 1:
        text += f": all of it comes through {_way_said(found, found.ways[0]).removesuffix(',')}"
    elif found.ways:
        direct = [way for way in found.ways if way.direct]
        rest = [way for way in found.ways if not way.direct]
        said = [f"{_short(way.passes)} comes through {_way_said(found, way)}" for way in direct]
        if len(rest) > 2 or (direct and rest):
            through = _list(list(dict.fromkeys(_target(way) for way in rest)), _LISTED)
            said.append(f"{_short(sum(way.passes for way in rest))} through {through}{' together' * (len(rest) > 1)}")
        else:
            said += [f"{_short(way.passes)} comes through {_target(way)}" for way in rest]
        said[-1] = said[-1].removesuffix(",")
        text += f": {_list(said)}"
    return [f"{text}."]


def _flat_said(part: Part) -> str:
    what = {"relu": "shut", "leaky_relu": "shut but for the leak"}.get(part.function, "saturated")
    return f" ({_percent(part.flat)} of its units are {what})"


def _way_said(found: Facts, way: Way) -> str:
    if not way.direct:
        return _target(way)
    text = f"{names.written(found.name)} directly" + _later(way)
    if way.median is None:
        return text
    gates = " · ".join(map(names.written, way.gates))
    return f"{text}, whose factor {gates + ' ' if gates else ''}has a median of {_short(way.median)},"


def _target(way: Way) -> str:
    place = f"the {way.call} in {names.written(way.within)}" if way.call else names.written(way.target)
    return place + _later(way)


def _later(way: Way) -> str:
    return f" {way.lag} steps later" if way.lag > 1 else ""


def _samples_said(found: Facts) -> list[str]:
    if found.spread is None:
        return []
    low, high = map(_size, found.spread)
    if low == high:
        return []
    return [f"From sample to sample it is between {low} and {high}."]


def _losses_said(found: Facts) -> list[str]:
    if found.strongest is None:
        return []
    place = f"{names.written(found.name)}({found.first})"
    text = f"Of the {found.losses:,} losses that count, the one of step {found.strongest} gives most to the gradient at {place}"
    if found.felt == found.strongest:
        return [f"{text}; none after it gives a hundredth of that."]
    return [f"{text}; the last that gives at least a hundredth of that is the one of step {found.felt}."]


def _theory_said(found: Facts) -> list[str]:
    """The bound, and whether it decides."""
    if found.bound is None:
        return []
    product = (
        " · ".join(f"σ_max({names.written(s.name)})" for s in found.stretches) or "The largest factor of the weights"
    )
    text = f"{product} · max |φ′| is {_short(found.bound)}"
    near = abs(found.bound - 1) < 1e-9
    if found.weights is None and found.verdict != "undefined":
        return []  # it bounds one of several ways
    if found.verdict == "undefined":
        text += ", which is above 1, so growth is possible" if found.bound > 1 and not near else ""
    elif near:
        text += ": the gradient cannot grow"
    elif found.bound < 1:
        text += ", which is below 1: the gradient must vanish in the long run"
    elif found.verdict == "lasts":
        text += ", which is above 1: by that alone the gradient may grow or vanish"
    elif found.log_ratio > 0:
        text += ", which is above 1: the gradient may grow, and here it does"
    else:
        text += (
            ", which is above 1: the gradient may grow, but here it does not; a bound below 1 is sufficient for vanishing, not"
            " necessary"
        )
    radii = [s for s in found.stretches if s.radius is not None]
    if len(found.stretches) == len(radii) == 1:
        text += f". The spectral radius of {names.written(radii[0].name)} is {_short(radii[0].radius or 0.0)}"
    return [f"{text}."]


def _reach_said(found: Facts) -> list[str]:
    if found.verdict == "lasts":
        return []
    gone, said = found.log_ratio < 0, []
    for seen in (True, False):
        ends = [f"{reach.steps:,} steps in {reach.kind}" for reach in found.reach if reach.seen == seen]
        if ends:
            would = "" if seen else "would "
            what = (
                f"nothing {would}arrive{'s' * seen}"
                if gone
                else f"it {'is' if seen else 'would be'} beyond every float"
            )
            text = f"{what} after more than {_list(ends)}"
            said.append(f"{text[0].upper()}{text[1:]}." if seen else f"At this rate {text}.")
    return said


def _other_said(other: Other) -> str:
    name = names.written(other.name)
    return f"At {name}({other.first}) it is {_compared_to(other.log_ratio, f'{name}({other.last})')}."


def _compared_to(log_ratio: float, place: str) -> str:
    size = _size(log_ratio)
    return (
        f"as large as at {place}" if size == "1" else f"{size} {'of' if log_ratio < 0 else 'times'} the one at {place}"
    )


def _undefined(found: Facts) -> Iterable[str]:
    if found.overflow is None:
        yield "The gradient leaves the range of floating point, so nothing can be said of it."
        return
    what = "not a number" if np.isnan(found.overflow.value) else "infinite"
    node = f"{names.written(found.overflow.name)}({found.overflow.t})"
    text = f"The values leave the range of floating point, {node} being the first that is {what}, and the gradient with them"
    if found.growth is not None and found.growth > 1:
        text += f": before that each step multiplies the largest entry of {names.written(found.name)} by {_short(found.growth)}"
    yield f"{text}."
    yield from _theory_said(found)


def _list(parts: list[str], most: int = 9) -> str:
    """a, b and c; of many the first, and how many more."""
    if len(parts) > most:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _short(value: float) -> str:
    """A number to three digits."""
    if value == 0:
        return "0"
    return ("−" if value < 0 else "") + _size(float(np.log10(abs(value))), 3)


def _size(log: float, digits: int = 2) -> str:
    """A size from its log10: 0.031, 3.1·10⁻⁹, 1.2·10⁵⁰⁰⁰."""
    if -3 <= log < 4:
        text = f"{10**log:.{max(digits, 3)}g}"
        return f"{float(text):,.0f}" if "e" in text else text
    exponent = int(np.floor(log))
    mantissa = float(f"{10 ** (log - exponent):.{digits}g}")
    if mantissa >= 10:
        mantissa, exponent = 1.0, exponent + 1
    return f"{mantissa:.{digits}g}·{power(exponent)}"


def _percent(share: float) -> str:
    percent = 100 * share
    return (
        "none" if share == 0 else "all" if share == 1 else f"{percent:.2g} %" if percent < 99.5 else f"{percent:.4g} %"
    )
