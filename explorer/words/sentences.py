"""The claims about the gradient of a run as sentences, with the numbers of the run.

The package `facts` measures; here claims become words, and nothing is computed. Each kind of claim has one function, listed in
`_WRITERS`. The order is that of the claims: exact zeros, the loss before the last state, the share that a step leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from engine import Run
from engine.language import names
from explorer.facts import KEEPS, WHOLE, Claim, Facts, about, claims
from explorer.words.causes import because
from explorer.words.phrases import at, compared_to, listed, percent, r_squared, rounded, short, size

_LISTED: Final = 4  # names that are listed
_LITTLE: Final = 0.05  # a share of the rate below which a way carries next to nothing
_ACCURACY: Final = "a quarter"  # of an outlook, measured on longer runs of the catalogue's cells
_WORDS: Final = {"keeps": "keeps its size", "ends": "ends"}


def sentences(run: Run, sample: int = 0, name: str | None = None, cut: int = 0) -> tuple[str, ...]:
    """The sentences, in plain text; every number in them is a claim about the run. Arguments as for `facts.about`."""
    return written(about(run, sample, name, cut))


def written(facts: Facts) -> tuple[str, ...]:
    """Claims in words. **Holds:** every_number_is_a_fact."""
    texts = [*_without_curve(facts)]
    for claim in facts.claims:
        if type(claim) in _WRITERS:
            texts += _WRITERS[type(claim)](facts, claim)
    whole = facts.verdict in ("no loss", "no path", "undefined", "flat")
    return tuple(texts) if whole else (_lead(facts, texts[0]), *texts[1:])


def _without_curve(facts: Facts) -> Iterator[str]:
    """The sentence about a run that has no curve."""
    scope = facts.scope
    match facts.verdict:
        case "no loss":
            whose = f" for sample {scope.sample}" if scope.sample and scope.of > 1 else ""
            weights = f"the weights of all {scope.steps:,} steps are" if scope.steps > 1 else "the weight of step 1 is"
            yield f"No loss counts{whose}: {weights} zero, so every gradient is exactly zero."
        case "one step":
            if scope.steps == 1:
                yield f"There is one step only: the gradient at {at(facts.name, 1)} has no way back through time."
            else:
                yield f"The loss of step 1 is followed: before {at(facts.name, 1)} there is no step to go back to."
        case _:
            return


def _lead(facts: Facts, text: str) -> str:
    """The first sentence, after the sample and the loss about which it is."""
    subjects, scope = [], facts.scope
    layers = facts.left is not None and bool(facts.left.upper)
    if scope.sample and scope.of > 1:
        subjects.append(f"sample {scope.sample}")
    elif scope.samples < scope.of:
        subjects.append(f"the first {scope.samples:,} of {scope.of:,} samples")
    if scope.losses > 1 and not layers and facts.verdict != "zero":
        subjects.append(f"the loss of step {scope.loss} alone" if scope.loss else "all losses together")
    return f"For {listed(subjects)}: {text[0].lower()}{text[1:]}" if subjects else text


# --- exactly zero ----------------------------------------------------------------------------------------------------


def _zeros(facts: Facts, zeros: claims.Zeros) -> Iterator[str]:
    name, why = names.written(zeros.name), because(zeros.causes)
    steps = f"{zeros.count:,} steps" if zeros.count > 1 else "step"
    if facts.verdict == "no path":
        every = f"all {steps}" if zeros.count > 1 else "step 1"
        yield (
            f"The loss does not depend on {name} in any way: no path leads there, so at {every} its gradient is exactly zero."
        )
        return
    match zeros.place:
        case "all":
            every = f"all {steps}" if zeros.count > 1 else "step 1"
            why = why or ": what leads from there to the loss is zero, or shut"
            yield f"At {every} the gradient at {name} is exactly zero{why}."
        case "before":
            where = _span(zeros.name, zeros.first, zeros.last)
            yield f"The gradient is exactly zero at {where}{why}."
        case "after":
            where, loss = _span(zeros.name, zeros.first, zeros.last), facts.scope.loss
            them = "it" if zeros.first == zeros.last else "them"
            if loss is None:
                why = f"no loss that counts depends on {them}"
            else:
                why = f"the loss of step {loss} {'comes before' if zeros.first > loss else 'does not depend on'} {them}"
            yield f"At {where} the gradient is exactly zero, because {why}."
        case "between":
            low, high = at(zeros.name, zeros.first), at(zeros.name, zeros.last)
            steps = f"{zeros.last - zeros.first + 1:,} steps"
            yield f"Between {low} and {high} it is exactly zero at {zeros.count:,} of {steps}."
        case "layers":
            below = (
                ""
                if zeros.count == 1
                else f", and at {zeros.count - 1:,} more below"
                if zeros.count == zeros.last
                else ""
            )
            yield f"The gradient is exactly zero at {name}{below}{why}."


def _span(name: str, first: int, last: int) -> str:
    return at(name, first) if first == last else f"{at(name, first)} to {at(name, last)}"


# --- from the loss to the last state ---------------------------------------------------------------------------------


def _entry(facts: Facts, entry: claims.Entry) -> Iterator[str]:
    head, place = at(entry.head, entry.at), at(entry.name, entry.step)
    fall = entry.log_name < entry.log_head
    within = "within the last step" if entry.at == entry.step else f"between steps {entry.step} and {entry.at}"
    node = names.written(entry.within or entry.node)
    if entry.function:
        by = f"the {entry.function} {'in' if entry.within else 'of'} {node}"
    else:
        by = names.written(entry.matrix) if entry.matrix else f"the edge from {names.written(entry.below)} to {node}"
    text = (
        f"Before it goes back through time, {within}, the gradient {'falls' if fall else 'rises'} from "
        f"{size(entry.log_head)} at {head} to {size(entry.log_name)} at {place}: {by} multiplies it by {size(entry.log_edge)}"
    )
    if entry.function and entry.flat and fall:
        text += f" ({percent(entry.flat)} of its units {_shut(entry.function)})"
    yield f"{text}."


def _shut(function: str) -> str:
    return {"relu": "are shut", "leaky_relu": "are shut but for the leak"}.get(function, "are saturated")


# --- the share that a step leaves ------------------------------------------------------------------------------------


def _norm(facts: Facts, norm: claims.Norm) -> Iterator[str]:
    if not norm.step:
        yield f"The gradient at {names.written(norm.name)} is {size(norm.log)}, over all steps."
    elif facts.verdict == "ends":
        yield f"At {at(norm.name, norm.step)} alone there is a gradient, of {size(norm.log)}."
    else:
        yield f"The gradient at {at(norm.name, norm.step)} is {size(norm.log)}."


def _left(facts: Facts, left: claims.Left) -> Iterator[str]:
    layers = bool(left.upper)
    low, high = (names.written(left.name), names.written(left.upper)) if layers else (
        at(left.name, left.first), at(left.name, left.last))  # fmt: skip
    step = "layer" if layers else "step"
    word = "" if left.verdict == "ends" else f": it {_WORDS.get(left.verdict, left.verdict)}"
    if left.verdict in ("vanishes", "grows") and abs(left.log_ratio) <= WHOLE:
        word += (
            f", at {f'less than {KEEPS[0]:g}' if left.verdict == 'vanishes' else f'more than {KEEPS[1]:g}'} a {step}"
        )
    yield f"The gradient at {low} is {compared_to(left.log_ratio, high)}{word}."
    each = f"Each of the {left.steps:,} {step}s" if left.steps > 1 else f"The {step}"
    text = f"{each} multiplies it by {short(left.rate)}" + " on average" * (left.steps > 1)
    spread = facts.one(claims.Range)
    if spread is not None:
        least, largest = (
            f"{size(log, 3)} (back to {at(left.name, t)})"
            for log, t in ((spread.least, spread.at_least), (spread.largest, spread.at_largest))
        )
        text += f", single ones by {least} up to {largest}"
    yield f"{text}{_shares(facts)}{_ways(facts)}."
    for turn in facts.all(claims.Turn):
        way = "falls to" if turn.log < 0 else "rises to"
        yield f"On the way it {way} {compared_to(turn.log, high)}, at {at(turn.name, turn.step)}."


def _shares(facts: Facts) -> str:
    shares = facts.one(claims.Shares)
    if shares is None:
        return ""
    matrices = [names.written(name) for name in shares.matrices]
    if not shares.parts:
        return f", which is all due to {listed(matrices or ['the weights'])}"
    whose = matrices[0] if len(matrices) == 1 else "the weights"
    parts = [f"{part.function} by {short(part.factor)}{_saturation(part)}" for part in shares.parts]
    return f": {listed([f'{whose} by {short(shares.weights)}', *parts])}"


def _saturation(part: claims.Part) -> str:
    return f" ({percent(part.flat)} of its units {_shut(part.function)})"


def _ways(facts: Facts) -> str:
    """The share that comes through each way, with a remark where it is next to nothing, or negative."""
    claim = facts.one(claims.Ways)
    if claim is None:
        return ""
    if len(claim.ways) == 1:
        return f": all of it comes through {_edge(facts, claim.ways[0]).removesuffix(',')}"
    direct, indirect = [w for w in claim.ways if w.direct], [w for w in claim.ways if not w.direct]
    total = sum(way.passes for way in claim.ways)
    shares = []
    for w in direct:
        text = _edge(facts, w)
        comma = "," * text.endswith(",")  # behind the remark
        shares.append(
            f"{short(w.passes)} of that comes through {text.removesuffix(',')}{_remark(w.passes, total)}{comma}"
        )
    if len(indirect) > 2 or (direct and indirect):
        through = listed(list(dict.fromkeys(map(_target, indirect))), _LISTED)
        passes = sum(way.passes for way in indirect)
        shares.append(f"{short(passes)} through {through}{' together' * (len(indirect) > 1)}{_remark(passes, total)}")
    else:
        shares += [f"{short(way.passes)} comes through {_target(way)}{_remark(way.passes, total)}" for way in indirect]
    shares[-1] = shares[-1].removesuffix(",")
    return f": {listed(shares)}"


def _remark(passes: float, total: float) -> str:
    """A remark on a share that is next to nothing, or negative."""
    if passes == 0:
        return ""
    if abs(passes) < _LITTLE * abs(total):
        return " (next to nothing" + ", and against the rest)" * (passes < 0) + ")" * (passes > 0)
    return " (it works against the rest)" if passes < 0 else ""


def _edge(facts: Facts, way: claims.BackEdge) -> str:
    if not way.direct:
        return _target(way)
    text = f"{names.written(facts.name)} directly" + _later(way)
    if way.quartiles is None:
        return text
    gates = " · ".join(map(names.written, way.gates))
    low, middle, high = map(short, way.quartiles)
    if low == high:
        return f"{text}, whose factor {gates + ' ' if gates else ''}is {middle},"
    text += f", whose factor {gates + ' ' if gates else ''}has the quartiles {low}, {middle} and {high}"
    if way.open > 0.1 and way.shut > 0.1:
        text += f": above ¾ in {percent(way.open)}, below ¼ in {percent(way.shut)} of all cases"
    return f"{text},"


def _target(way: claims.BackEdge) -> str:
    place = f"the {way.call} in {names.written(way.within)}" if way.call else names.written(way.target)
    return place + _later(way)


def _later(way: claims.BackEdge) -> str:
    return f" {way.lag} steps later" if way.lag > 1 else ""


# --- samples, losses, theory -----------------------------------------------------------------------------------------


def _gone(facts: Facts, gone: claims.Gone) -> Iterator[str]:
    yield f"In {gone.count:,} of {gone.of:,} samples it is exactly zero at {at(gone.name, gone.step)}."


def _spread(facts: Facts, spread: claims.Spread) -> Iterator[str]:
    low, high = size(spread.low), size(spread.high)
    if low != high:
        whose = "From one sample to another" if facts.one(claims.Gone) is None else "In the others"
        yield f"{whose} what is left is between {low} and {high}."


def _felt(facts: Facts, felt: claims.Felt) -> Iterator[str]:
    text = (
        f"Of the {felt.losses:,} losses that count, the one of step {felt.strongest} gives most to the gradient at "
        f"{at(felt.name, felt.step)}"
    )
    if felt.strongest == facts.scope.loss:
        yield f"{text}."  # it is the last that counts
    elif felt.last == felt.strongest:
        yield f"{text}; none after it gives a hundredth of that."
    else:
        yield f"{text}; the last that gives at least a hundredth of that is the one of step {felt.last}."


def _theory(facts: Facts, theory: claims.Theory) -> Iterator[str]:
    """The bound, and whether it decides."""
    if not theory.single and facts.verdict != "undefined":
        return  # it bounds one of several ways
    product = (
        " · ".join(f"σ_max({names.written(s.name)})" for s in theory.stretches) or "The largest factor of the weights"
    )
    text = f"{product} · max |φ′| is {short(theory.rate)}{_decided(facts, theory)}"
    radii = [s for s in theory.stretches if s.radius is not None]
    if len(theory.stretches) == len(radii) == 1:
        text += f". The spectral radius of {names.written(radii[0].name)} is {short(radii[0].radius or 0.0)}"
    yield f"{text}."


def _decided(facts: Facts, theory: claims.Theory) -> str:
    """The consequence of the bound for this run."""
    near = abs(theory.rate - 1) < 1e-9
    if near:
        return "" if facts.verdict == "undefined" else ": the gradient cannot grow"
    if theory.rate < 1:
        return ", which is below 1: the gradient must vanish in the long run"
    match facts.verdict:
        case "undefined":
            return ", which is above 1, so growth is possible"
        case "grows":
            return ", which is above 1: the gradient may grow, and here it does"
        case "vanishes" | "ends":
            return (
                ", which is above 1: the gradient may grow, but here it does not; a bound below 1 is sufficient for vanishing, "
                "not necessary"
            )
    return ", which is above 1: by that alone the gradient may grow or vanish"


# --- where floats end ------------------------------------------------------------------------------------------------


def _held(facts: Facts, held: claims.Held) -> Iterator[str]:
    place = at(held.name, held.last)
    beyond = "too small to keep its digits in" if held.end == "below" else "too large for"
    if held.steps < 0:
        yield f"At {place} it is already {beyond} {held.float_kind}."
    elif held.steps == 0:
        yield f"One step before {place} it is already {beyond} {held.float_kind}."
    else:
        yield f"After {held.steps:,} steps back from {place} it is {beyond} {held.float_kind}."


def _straight(facts: Facts, straight: claims.Straight) -> Iterator[str]:
    how = f"R² = {r_squared(straight.r2)}, at most {short(straight.off)} powers of ten off"
    ends = facts.all(claims.Outlook)
    if not ends:
        if not straight.is_straight:
            yield f"log₁₀ ‖∇‖ is no straight line along time ({how}), so this says nothing of longer sequences."
        return
    steps = listed([f"{rounded(end.steps)} steps in {end.float_kind}" for end in ends])
    below = facts.left is not None and facts.left.log_rate < 0
    yield (
        f"log₁₀ ‖∇‖ is nearly straight along time ({how}): if it goes on so, it is too {'small' if below else 'large'} for "
        f"floats after about {steps}, give or take {_ACCURACY}."
    )


def _other(facts: Facts, other: claims.OtherState) -> Iterator[str]:
    yield f"At {at(other.name, other.first)} it is {compared_to(other.log_ratio, at(other.name, other.last))}."


# --- numbers that are not finite, and cells without recurrence -------------------------------------------------------


def _beyond(facts: Facts, beyond: claims.Beyond) -> Iterator[str]:
    if not beyond.node:
        yield f"The gradient at {at(beyond.name, beyond.step)} leaves the range of floating point, so nothing can be said of it."
        return
    what = "not a number" if beyond.nan else "infinite"
    text = (
        f"The values leave the range of floating point, {at(beyond.node, beyond.t)} being the first that is {what}, and the "
        "gradient with them"
    )
    if beyond.growth is not None and beyond.growth > 1:
        text += f": before that each step multiplies the largest entry of {names.written(beyond.name)} by {short(beyond.growth)}"
    yield f"{text}."


def _dependent(facts: Facts, reach: claims.Dependent) -> Iterator[str]:
    layers = f"{reach.layers} layer{'s' * (reach.layers != 1)}"
    yield (
        f"No step reads another, so there is no way back through time; and with {layers} there is none in depth either."
    )


#: Kind of claim -> the function that puts it into words; kinds that are missing here are worked into other sentences.
_WRITERS: Final[dict[type[Claim], Callable[[Facts, Any], Iterator[str]]]] = {
    claims.Zeros: _zeros,
    claims.Entry: _entry,
    claims.Norm: _norm,
    claims.Left: _left,
    claims.Gone: _gone,
    claims.Spread: _spread,
    claims.Felt: _felt,
    claims.Theory: _theory,
    claims.Held: _held,
    claims.Straight: _straight,
    claims.OtherState: _other,
    claims.Beyond: _beyond,
    claims.Dependent: _dependent,
}
