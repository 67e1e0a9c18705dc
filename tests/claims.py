"""A second measurement of every claim about a gradient: `checked` gives the facts of a run once each has been measured again.

The other route knows neither `course` nor `log_grad_norm`: gradients are those of `by_loss`, or of the same run with its
weights scaled by a power of two, so that 10⁻⁵⁰⁰ is a float; matrices are looked at with plain numpy.
"""

from __future__ import annotations

from functools import cached_property

import networkx as nx
import numpy as np
import pytest

import engine
from engine import Run
from engine.execute import interpreter
from engine.language import FUNCTIONS
from explorer.facts import about
from explorer.facts import claims as say
from explorer.words.sentences import written

TINY = {"float32": np.log10(2.0**-126), "float64": np.log10(2.0**-1022)}
LARGEST = {"float32": np.log10(np.finfo(np.float32).max), "float64": np.log10(np.finfo(np.float64).max)}
WIDE = np.finfo(np.longdouble).maxexp > 10_000  # whether there are numbers beyond those of a double
_UP = 900  # powers of two by which the second run is scaled


# --- the other route -------------------------------------------------------------------------------------------------------


class Route:
    """Gradients of the followed loss by `by_loss` and by a scaled run; what neither holds is nan."""

    def __init__(self, run: Run, scope: say.Scope) -> None:
        self.run, self.scope = run, scope
        self.chosen = [scope.sample - 1] if scope.sample else list(range(scope.samples))
        self.known: dict[str, np.ndarray] = {}

    @cached_property
    def alone(self) -> Run:
        """The run with that loss alone, all its steps."""
        return self.weighted(1.0)

    @cached_property
    def up(self) -> Run:
        """The same, scaled up."""
        return self.weighted(2.0**_UP)

    def weighted(self, factor: float) -> Run:
        run, weights = self.run, np.array(self.run.weights, float)[:, self.chosen]
        if self.scope.loss:
            weights[np.arange(run.T) != self.scope.loss - 1] = 0
        weights = weights * factor / (run.B if run.reduction == "mean" else 1)
        x = None if run.x is None else run.x[:, self.chosen]
        initial = {name: own[:, self.chosen] for name, own in run.initial.items()}
        return engine.run(run.cell, run.parameters, x, run.y[:, self.chosen], initial, weights, "sum", np.float64)

    def gradients(self, name: str) -> np.ndarray:
        """(T, B, n), by loss."""
        if name not in self.known:
            own = engine.by_loss(self.run, name)[:, :, self.chosen]
            self.known[name] = np.asarray(own[self.scope.loss - 1] if self.scope.loss else own.sum(axis=0), float)
        return self.known[name]

    @cached_property
    def literal(self) -> dict[str, np.ndarray]:
        """Gradients by the interpreter, which reads the equations literally, in numbers down to 10⁻⁴⁹³²."""
        run, wide = self.alone, np.longdouble
        given = ({name: np.asarray(own, wide) for name, own in each.items()} for each in (run.parameters, run.initial))
        x = None if run.x is None else np.asarray(run.x, wide)
        y = run.y if run.y.dtype.kind in "iu" else np.asarray(run.y, wide)
        parameters, initial = given
        with np.errstate(all="ignore"):
            seed = np.asarray(run.weights, wide)
            return interpreter.backpropagate(run.cell, run.sizes, parameters, x, y, initial, seed)[1]

    def each(self, name: str) -> np.ndarray:
        """log10 of the norms, (T, B)."""
        with np.errstate(all="ignore"):
            near = norms(self.gradients(name))
            far = norms(self.up.grad[name]) - _UP * np.log10(2.0)
            near, far = (np.where(own == np.inf, np.nan, own) for own in (near, far))  # too large for this route
            result = np.where(near > -140, near, np.where(far > -560, far, np.nan))
            if not np.isnan(result).any():
                return result
            told = engine.log_grad_norm(self.alone, name)
            beyond = np.isfinite(told) & (told < -4800)  # a zero there may be what none of these routes can hold
            if (
                np.isfinite(result).any() and (result[np.isfinite(result)] > -400).all()
            ):  # nothing comes near the end of what the two can hold
                result = np.where(np.isneginf(near) & np.isneginf(far) & ~beyond, -np.inf, result)
            oracle = norms(self.literal[name])
            both = np.isfinite(oracle) & np.isfinite(result)
            trusted = (
                WIDE and not np.isnan(oracle).any() and np.allclose(oracle[both], result[both], rtol=1e-9, atol=1e-7)
            )
            trusted &= both[np.isfinite(result)].all() and bool(both.any() or not np.isfinite(oracle).any())
            oracle[beyond] = np.nan
            return np.where(
                np.isnan(result) & trusted & (oracle > -4900) | (oracle == -np.inf) & trusted, oracle, result
            )

    def logs(self, name: str) -> np.ndarray:
        """log10 of the norm over the samples, (T,)."""
        with np.errstate(all="ignore"):
            own = self.each(name)
            top = own.max(axis=1)
            unit = np.where(np.isfinite(top), top, 0)
            return unit + np.log10(np.sum(10 ** (2 * (own - unit[:, None])), axis=1)) / 2

    def whole(self, name: str) -> float:
        """log10 of the norm over all steps and samples."""
        with np.errstate(all="ignore"):
            return float(np.log10(np.linalg.norm(self.gradients(name))))


def norms(arrays: np.ndarray) -> np.ndarray:
    """log10 of the norms over the last axis, right also where squares underflow."""
    largest = np.abs(arrays).max(axis=-1)
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1)
    near = np.linalg.norm(np.asarray(arrays / unit[..., None], float), axis=-1)
    return np.asarray(np.log10(near) + np.log10(unit), float)


def same(found: float, expected: float, tolerance: float) -> None:
    """Whether two numbers agree, if the other route knows one."""
    if np.isnan(expected):
        return
    if np.isinf(expected) or np.isinf(found):
        assert found == expected
    else:
        assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)


def verdict_of(back: np.ndarray, steps: int) -> str:
    """The word, by what the glossary says: `back` are logs from the last on back, in units of the last."""
    rate, whole, own = 10 ** (back[-1] / steps), 10 ** back[-1], back[np.isfinite(back)]
    if rate < 0.95 or whole < 0.1:
        return "vanishes"
    if rate > 1.05 or whole > 10:
        return "grows"
    return "falls and returns" if own.min() < -1 else "rises and returns" if own.max() > 1 else "keeps"


# --- a check for each kind of claim ----------------------------------------------------------------------------------------


def scope(route: Route, found: say.Facts, claim: say.Scope) -> None:
    weights = route.run.weights[:, route.chosen]
    counting = [t + 1 for t in range(route.run.T) if weights[t].any()]
    assert (claim.losses, claim.steps, claim.of) == (len(counting), route.run.T, route.run.B)
    if claim.loss and found.verdict != "undefined":  # the last that gives anything at all to the state
        assert claim.loss in counting
        for later in counting[counting.index(claim.loss) + 1 :]:
            assert not engine.by_loss(route.run, found.name)[later - 1][:, route.chosen].any()


def zeros(route: Route, found: say.Facts, claim: say.Zeros) -> None:
    if claim.place == "layers":
        assert route.whole(claim.name) == -np.inf
        assert claim.count <= claim.last
    elif claim.place == "between":
        own = route.logs(claim.name)[claim.first - 1 : claim.last]
        if not np.isnan(own).any():
            assert int((own == -np.inf).sum()) == claim.count
            assert own[0] > -np.inf < own[-1]
    else:
        own = route.logs(claim.name)
        known = own[claim.first - 1 : claim.last]
        if np.isfinite(own).any() and WIDE:  # else the loss itself gives less than this route can hold
            assert (known == -np.inf).all()
        assert ((known == -np.inf) | np.isnan(known)).all()
        assert claim.count == claim.last - claim.first + 1
        assert claim.place != "all" or claim.count == route.run.T
        assert claim.place != "before" or own[claim.last] != -np.inf
        assert claim.place != "after" or (claim.last == route.run.T and own[claim.first - 2] != -np.inf)
    for cause in claim.causes:
        because(route, claim, cause)


def because(route: Route, claim: say.Zeros, cause: say.Cause) -> None:
    run, t = route.alone, cause.step
    W = np.asarray(run.parameters[cause.name], float) if cause.name in run.parameters else np.zeros((0, 0))
    if cause.why != "unread":
        assert run.grad[cause.node][t - 1].any() or route.up.grad[cause.node][t - 1].any() or cause.why == "cancels"
    match cause.why:
        case "shut":
            assert run.cell.operation(cause.node) == cause.name
            assert not (run.slope(cause.node)[t - 1] * route.up.grad[cause.node][t - 1]).any()
            if cause.always:
                assert not run.slope(cause.node)[: route.scope.loss].any()
        case "zero":
            assert not W.any()
        case "nilpotent":
            assert W.any()
            assert not np.linalg.matrix_power(W / np.abs(W).max(), cause.power).any()
            assert np.linalg.matrix_power(W / np.abs(W).max(), cause.power - 1).any()
        case "factor":
            given = route.up.grad[cause.node][t - 1]
            lags = {read.lag for read in run.cell.reads[cause.node] if read.name == cause.name}
            if cause.name in run.value and lags:
                assert any(not (run.read(cause.name, lag)[t - 1] * given).any() for lag in lags)
        case "unread":
            graph = nx.DiGraph()
            for step in range(1, run.T + 1):
                for node, reads in run.cell.reads.items():
                    graph.add_edges_from(((r.name, step - r.lag), (node, step)) for r in reads)
            ends = [(loss, s) for loss in run.cell.losses for s in range(1, run.T + 1) if run.weights[s - 1].any()]
            start = (cause.node, t)
            assert not any(start in graph and end in graph and nx.has_path(graph, start, end) for end in ends)
        case "right":
            assert not any(
                run.messages(cause.node)[k][1][t - 1].any()
                for k, read in enumerate(run.cell.reads[cause.node])
                if read.name in run.cell.nodes
            )
        case _:
            assert cause.why in ("kernel", "product", "softmax", "cancels")


def norm(route: Route, found: say.Facts, claim: say.Norm) -> None:
    same(claim.log, route.logs(claim.name)[claim.step - 1] if claim.step else route.whole(claim.name), claim.tolerance)


def entry(route: Route, found: say.Facts, claim: say.Entry) -> None:
    high, low = route.logs(claim.head)[claim.at - 1], route.logs(claim.name)[claim.step - 1]
    same(claim.log_head, high, claim.tolerance)
    same(claim.log_name, low, claim.tolerance)
    assert abs(claim.log_head - claim.log_name) > 1
    assert (claim.log_edge < 0) == (claim.log_name < claim.log_head)  # what is named is what does it
    steps = range(claim.step, claim.at + 1)
    nodes = [route.logs(claim.node)[t - 1] for t in steps]
    below = [route.logs(claim.below)[t - 1] for t in steps]
    known = [b - n for n in nodes for b in below if np.isfinite(n) and np.isfinite(b)]
    if known and not np.isnan([*nodes, *below]).any():
        assert min(abs(claim.log_edge - other) for other in known) < 1e-5
    if claim.matrix:
        assert claim.log_edge <= np.log10(np.linalg.norm(route.run.parameters[claim.matrix], 2)) + 1e-6 or (
            len([r for r in route.run.cell.reads.values() for read in r if read.name == claim.below]) > 1
        )
    if claim.function:
        assert route.run.cell.operation(claim.node) == claim.function
        slopes = [route.alone.slope(claim.node)[t - 1] for t in steps]
        limit = 0.1 * (0.25 if claim.function == "sigmoid" else 1.0)
        assert any(claim.flat == pytest.approx((np.abs(slope) < limit).mean()) for slope in slopes)


def left(route: Route, found: say.Facts, claim: say.Left) -> None:
    if claim.upper:
        layers = [n for n in route.run.cell.nodes if route.run.cell.operation(n) in FUNCTIONS]
        layers = layers[layers.index(claim.name) : layers.index(claim.upper) + 1]
        own = np.array([route.whole(name) for name in layers])
        same(claim.log_first, own[0], claim.tolerance)
        same(claim.log_last, own[-1], claim.tolerance)
        return
    own = route.logs(claim.name)
    same(claim.log_first, own[claim.first - 1], claim.tolerance)
    same(claim.log_last, own[claim.last - 1], claim.tolerance)
    if not np.isnan(own).any():
        there = np.flatnonzero(own > -np.inf) + 1
        assert (claim.first, claim.last) == (there[0], there[-1])
        assert claim.rate == pytest.approx(
            (10 ** (own[there[0] - 1] - own[there[-1] - 1])) ** (1 / (there[-1] - there[0]))
        )
        back = (own - own[claim.last - 1])[claim.first - 1 : claim.last][::-1]
        ended = claim.first - 1 > np.diff(there).max() - 1
        assert claim.verdict == ("ends" if ended else verdict_of(back, claim.steps))
    assert found.verdict == claim.verdict


def single_steps(route: Route, found: say.Facts) -> tuple[np.ndarray, np.ndarray]:
    own = route.logs(found.left.name)
    there = np.flatnonzero(own > -np.inf)
    return -np.diff(own[there]) / np.diff(there), there


def range_(route: Route, found: say.Facts, claim: say.Range) -> None:
    factors, there = single_steps(route, found)
    if np.isnan(route.logs(found.left.name)).any():
        return
    for value, at, extreme in (
        (claim.least, claim.at_least, factors.min()),
        (claim.largest, claim.at_largest, factors.max()),
    ):
        same(value, extreme, 1e-5)
        same(value, factors[list(there + 1).index(at)], 1e-5)


def turn(route: Route, found: say.Facts, claim: say.Turn) -> None:
    own, last = route.logs(claim.name), found.left.last
    if np.isnan(own).any():
        return
    back = own[found.left.first - 1 : last] - own[last - 1]
    back = back[back > -np.inf]
    same(claim.log, own[claim.step - 1] - own[last - 1], claim.tolerance)
    same(claim.log, back.min() if claim.log < 0 else back.max(), claim.tolerance)
    assert claim.log < min(0, back[0]) - 1 or claim.log > max(0, back[0]) + 1


def shares(route: Route, found: say.Facts, claim: say.Shares) -> None:
    product = claim.weights * np.prod([part.factor for part in claim.parts])
    assert product == pytest.approx(found.left.rate, rel=1e-6)
    for part in claim.parts:
        if part.node:
            steps = slice(found.left.first, found.left.last)
            slopes, grad = route.alone.slope(part.node)[steps], route.up.grad[part.node][steps]
            limit = 0.1 * (0.25 if part.function == "sigmoid" else 1.0)
            assert part.flat == pytest.approx((np.abs(slopes) < limit).mean())
            unit = np.abs(grad).max(axis=(1, 2), keepdims=True)
            if (unit > 1e-200).all():
                grad = grad / unit
                lost = np.linalg.norm(slopes * grad, axis=(1, 2)) / np.linalg.norm(grad, axis=(1, 2))
                if (lost > 1e-100).all():
                    assert part.factor == pytest.approx(np.exp(np.log(lost).mean()), rel=1e-5)


def ways(route: Route, found: say.Facts, claim: say.Ways) -> None:
    run, own = route.alone, found.left
    steps = np.arange(own.first - 1, own.last - 1)
    grad = run.grad[own.name][steps]
    usable = np.abs(grad).max(axis=(1, 2)) > 1e-250
    if not usable.all():
        return
    assert sum(way.passes for way in claim.ways) == pytest.approx(own.rate, rel=1e-5, abs=1e-9)
    unit = np.abs(grad).max(axis=(1, 2), keepdims=True)
    for way in claim.ways:
        if way.direct:
            sent = run.message(own.name, way.target, way.lag)[steps] / unit
            along = (sent * grad / unit).sum(axis=(1, 2)) / ((grad / unit) ** 2).sum(axis=(1, 2))
            reads = [r for r in run.cell.reads[way.target] if (r.name, r.lag) == (own.name, way.lag)]
            if len(reads) == 1:
                assert way.passes == pytest.approx(own.rate * along.mean(), rel=1e-5, abs=1e-9)
            later = run.grad[way.target][steps + way.lag] if own.last + way.lag <= run.T + 1 else np.zeros(0)
            if (
                len(way.gates) == 1
                and way.gates[0] in run.value
                and len(reads) == 1
                and later.size
                and (later != 0).all()
            ):
                (lag,) = {r.lag for r in run.cell.reads[way.target] if r.name == way.gates[0]} or {0}
                gate = run.read(way.gates[0], lag)[steps + way.lag]
                assert way.quartiles == pytest.approx(np.quantile(gate, (0.25, 0.5, 0.75)), rel=1e-6, abs=1e-12)
                assert way.open == pytest.approx((gate > 0.75).mean(), abs=1e-3)
                assert way.shut == pytest.approx((gate < 0.25).mean(), abs=1e-3)


def spread(route: Route, found: say.Facts, claim: say.Spread) -> None:
    own = route.each(found.left.name)
    if not np.isnan(own).any():
        with np.errstate(all="ignore"):
            ratios = own[found.left.first - 1] - own[found.left.last - 1]
        ratios = ratios[np.isfinite(ratios)]
        same(claim.low, ratios.min(), 1e-5)
        same(claim.high, ratios.max(), 1e-5)


def gone(route: Route, found: say.Facts, claim: say.Gone) -> None:
    own = route.each(claim.name)[claim.step - 1]
    assert (claim.count, claim.of) == (int((own == -np.inf).sum()), len(own))
    assert 0 < claim.count < claim.of


def felt(route: Route, found: say.Facts, claim: say.Felt) -> None:
    norms = np.linalg.norm(engine.by_loss(route.run, claim.name)[:, claim.step - 1, route.chosen], axis=(1, 2))
    if norms.max() > 1e-140:
        assert norms[claim.strongest - 1] == pytest.approx(norms.max())
        edge = norms / norms.max()
        assert edge[claim.last - 1] >= 0.01 * (1 - 1e-6)
        assert (edge[claim.last :] < 0.01 * (1 + 1e-6)).all()


def theory(route: Route, found: say.Facts, claim: say.Theory) -> None:
    for stretch in claim.stretches:
        W = np.asarray(route.run.parameters[stretch.name], float)
        assert stretch.largest == pytest.approx(np.linalg.norm(W, 2), rel=1e-9)
        if stretch.radius is not None:
            assert stretch.radius <= stretch.largest * (1 + 1e-9)
            assert stretch.radius == pytest.approx(
                np.abs(np.linalg.eigvals(W)).max(), rel=1e-6, abs=1e-2 * stretch.largest
            )
    if claim.single and found.left is not None:
        factors, _ = single_steps(route, found)
        if not np.isnan(factors).any() and not (route.logs(found.left.name) == -np.inf).any():
            assert (factors <= np.log10(claim.rate) + 1e-6).all()


def held(route: Route, found: say.Facts, claim: say.Held) -> None:
    own = route.logs(claim.name)[: claim.last][::-1]
    own = own[: (found.left.steps if found.left else 0) + 1]
    if np.isnan(own).any():
        return
    low, high = TINY[claim.float_kind], LARGEST[claim.float_kind]
    fits = ((own >= low) & (own <= high)) | (own == -np.inf)
    assert fits[: claim.steps + 1].all()
    beyond = own[np.flatnonzero(~fits)[0]]
    assert beyond < low if claim.end == "below" else beyond > high


def straight(route: Route, found: say.Facts, claim: say.Straight) -> None:
    own = route.logs(found.left.name)[found.left.first - 1 : found.left.last]
    k = np.flatnonzero(own > -np.inf)
    if np.isnan(own).any():
        return
    assert claim.r2 == pytest.approx(np.corrcoef(k, own[k])[0, 1] ** 2, abs=1e-6)
    slope = np.cov(k, own[k])[0, 1] / np.var(k, ddof=1)
    rest = own[k] - own[k].mean() - slope * (k - k.mean())
    assert claim.off == pytest.approx(np.abs(rest).max(), rel=1e-5, abs=1e-6)
    assert abs(claim.slope) == pytest.approx(abs(slope), rel=1e-6, abs=1e-9)
    assert claim.is_straight == (claim.r2 >= 0.99 and claim.off <= 0.1 * abs(slope) * (k[-1] - k[0]))
    assert claim.is_straight or not found.all(say.Outlook)


def outlook(route: Route, found: say.Facts, claim: say.Outlook) -> None:
    end = TINY[claim.float_kind] if found.left.log_rate < 0 else LARGEST[claim.float_kind]
    assert claim.steps == pytest.approx((end - found.left.log_last) / found.left.log_rate)
    assert claim.steps >= found.left.steps
    assert found.verdict in ("vanishes", "grows")
    assert not any(zero.place == "before" for zero in found.all(say.Zeros))


def other(route: Route, found: say.Facts, claim: say.OtherState) -> None:
    own = route.logs(claim.name)
    same(claim.log_ratio, own[claim.first - 1] - own[claim.last - 1], 1e-5)


def beyond(route: Route, found: say.Facts, claim: say.Beyond) -> None:
    if claim.node:
        value = route.run.value[claim.node][claim.t - 1, route.chosen]
        assert not np.isfinite(value).all()
        assert all(
            np.isfinite(route.run.value[name][: claim.t - 1, route.chosen]).all() for name in route.run.cell.nodes
        )


def dependent(route: Route, found: say.Facts, claim: say.Dependent) -> None:
    assert not route.run.cell.states
    assert claim.steps == route.run.T
    assert claim.layers < 2


CHECKS = {
    say.Scope: scope, say.Zeros: zeros, say.Norm: norm, say.Entry: entry, say.Left: left, say.Range: range_, say.Turn: turn,
    say.Shares: shares, say.Ways: ways, say.Spread: spread, say.Gone: gone, say.Felt: felt, say.Theory: theory,
    say.Held: held, say.Straight: straight, say.Outlook: outlook, say.OtherState: other, say.Beyond: beyond,
    say.Dependent: dependent,
}  # fmt: skip


def checked(run: Run, sample: int = 0, name: str | None = None) -> say.Facts:
    """The facts, each measured again (where the run has the digits for it); and the words that they are put into."""
    found = about(run, sample, name)
    route = Route(run, found.scope)
    with np.errstate(all="ignore"):
        for claim in found.claims * (run.dtype == np.float64):
            CHECKS[type(claim)](route, found, claim)
    text = " ".join(written(found))
    assert "nan" not in text
    assert any(character.isdigit() for character in text.replace("float32", "").replace("float64", ""))
    return found
