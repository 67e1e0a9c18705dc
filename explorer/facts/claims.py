"""What can be said of a gradient on its way back: each claim a frozen value with its numbers and its tolerance.

A claim has no words (those are made in `sentence`) and can be measured again from the run by another route. Sizes are log10,
steps count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar

from explorer.facts.way_back import Verdict as InTime

Verdict: TypeAlias = InTime | Literal["zero", "one step", "no loss", "no path", "flat"]
Why: TypeAlias = Literal[
    "shut", "zero", "nilpotent", "kernel", "factor", "product", "softmax", "cancels", "right", "unread", "cut"
]


@dataclass(frozen=True)
class Claim:
    """A claim; of a second measurement each of its numbers differs by no more than `tolerance`, sizes in powers of ten."""

    tolerance: ClassVar[float] = 1e-6

    @property
    def kind(self) -> str:
        """Its kind in a word."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Scope(Claim):
    """Of what is spoken.

    loss      the step of the loss that is followed; None: all of them together
    losses    how many steps count
    steps     how many steps there are
    sample, samples, of   which sample (0: several), and how many are looked at, of how many
    """

    loss: int | None
    losses: int
    steps: int
    sample: int
    samples: int
    of: int


@dataclass(frozen=True)
class Cause:
    """Why nothing is passed on to a place whose gradient is exactly zero, though something arrives one node later.

    why     "shut": every slope φ' there is 0 where a gradient arrives; "zero": a matrix of zeros; "nilpotent": a power of the
            matrix is zero; "kernel": the matrix, transposed, takes this gradient to zero; "factor": it is multiplied by a value
            that is 0; "product": by a product that is; "softmax": through a softmax; "cancels": the parts of several edges sum
            to zero; "right": the output is exactly the target; "unread": no edge leads there; "cut": the recurrence is
            cut there, after each `power` steps
    name    of the function, matrix or factor
    node, step   what the gradient arrives at
    power   of a nilpotent matrix, the smallest that is zero
    always  whether all slopes of the node are 0, at every step
    """

    why: Why
    name: str = ""
    node: str = ""
    step: int = 0
    power: int = 0
    always: bool = False


@dataclass(frozen=True)
class Zeros(Claim):
    """Steps `first` to `last` at which the gradient at `name` is exactly zero, `count` of them.

    place   "all"; "before" the first gradient; "after" the last loss; "between"; "layers": at that many of the lowest layers
    """

    name: str
    place: Literal["all", "before", "after", "between", "layers"]
    first: int
    last: int
    count: int
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Norm(Claim):
    """log10 ‖∇name(step)‖; step 0: over all steps."""

    name: str
    step: int
    log: float


@dataclass(frozen=True)
class Entry(Claim):
    """What becomes of the gradient between the loss and the last state that it reaches.

    head, at      what the loss is computed from, and its step;  name, step  the state
    log_head, log_name   log10 of the two norms
    node, below   of all edges on the way, from the node to the one below it, the one that changes the gradient most, by
                  log_edge powers of ten;  within  the line of which the node is a call, else empty
    function      if that is a function, with the share `flat` of its units that are saturated at that step
    matrix        if that is a product with a matrix
    """

    name: str
    step: int
    head: str
    at: int
    log_head: float
    log_name: float
    node: str
    below: str
    log_edge: float
    within: str = ""
    function: str = ""
    flat: float = 0.0
    matrix: str = ""


@dataclass(frozen=True)
class Left(Claim):
    """What is left of the gradient at the first step (or layer) of what there was at the last.

    upper     without recurrence the layer nearest to the loss; `first` and `last` then count layers
    verdict   as `way_back.verdict` decides
    """

    name: str
    first: int
    last: int
    log_first: float
    log_last: float
    verdict: InTime
    upper: str = ""

    @property
    def steps(self) -> int:
        """The steps, or layers, between the two."""
        return self.last - self.first

    @property
    def log_ratio(self) -> float:
        """log10 of the one in units of the other."""
        return self.log_first - self.log_last

    @property
    def log_rate(self) -> float:
        """log10 of what a step leaves on average."""
        return self.log_ratio / max(self.steps, 1)

    @property
    def rate(self) -> float:
        """What a step leaves on average (geometric mean)."""
        return float(10**self.log_rate)


@dataclass(frozen=True)
class Range(Claim):
    """log10 of the least and of the largest that a single step leaves, and the steps at which that is."""

    least: float
    at_least: int
    largest: float
    at_largest: int


@dataclass(frozen=True)
class Turn(Claim):
    """The lowest or the highest gradient on the way, beyond both ends: log10 in units of the one at the last step."""

    name: str
    step: int
    log: float


@dataclass(frozen=True)
class Part:
    """What one function of the recurrence does to the gradient in a step.

    factor  the geometric mean over the steps of ‖φ'(a) ∘ ∇h‖ / ‖∇h‖
    flat    the share of its units and steps that are saturated, as `saturation.threshold` has it
    node    its name; empty where several layers are taken together
    """

    function: str
    factor: float
    flat: float
    node: str = ""


@dataclass(frozen=True)
class Shares(Claim):
    """The weights' and the functions' shares of the rate, whose product it is; where there is a single way back."""

    weights: float
    parts: tuple[Part, ...]
    matrices: tuple[str, ...]


@dataclass(frozen=True)
class BackEdge:
    """One of the edges by which the gradient comes from a later step.

    target, lag  the node that reads, and how many steps later
    call, within the function that the node calls inside the line of another, and that line; empty if it has one of its own
    direct       whether it reads by a product entry by entry, straight into the same name
    gates        the names that it is multiplied by there
    quartiles    of that factor, over steps, samples and units
    open, shut   the shares of that factor above ¾ and below ¼
    passes       rate · the mean over the steps of its component along the gradient
    """

    target: str
    lag: int
    call: str
    within: str
    direct: bool
    gates: tuple[str, ...]
    quartiles: tuple[float, float, float] | None
    open: float
    shut: float
    passes: float


@dataclass(frozen=True)
class Ways(Claim):
    """Where there is more than one way back, each of them, the strongest first; what they pass sums to the rate."""

    ways: tuple[BackEdge, ...]


@dataclass(frozen=True)
class Spread(Claim):
    """The least and the largest log10 ratio of a sample by itself."""

    low: float
    high: float


@dataclass(frozen=True)
class Gone(Claim):
    """In how many samples the gradient at the first step is exactly zero, though in others it is not."""

    name: str
    step: int
    count: int
    of: int


@dataclass(frozen=True)
class Felt(Claim):
    """The loss that gives most to the gradient at a step, and the last that gives a hundredth of that; by step."""

    name: str
    step: int
    losses: int
    strongest: int
    last: int


@dataclass(frozen=True)
class MatrixNorms:
    """A matrix of the recurrence: its largest singular value, and its spectral radius if it is square."""

    name: str
    largest: float
    radius: float | None


@dataclass(frozen=True)
class Theory(Claim):
    """No step back multiplies by more than `rate` = σ_max · the largest slope; single: if there is no other way back."""

    rate: float
    slope: float
    stretches: tuple[MatrixNorms, ...]
    single: bool


@dataclass(frozen=True)
class Held(Claim):
    """Up to how many steps back from `last` a kind of float holds the gradient (−1: not even there), and what comes then."""

    name: str
    last: int
    float_kind: str
    steps: int
    end: Literal["below", "above"]


@dataclass(frozen=True)
class Straight(Claim):
    """How straight log10 ‖∇‖ is along time: R², the most by which a line misses it, and whether that is straight enough."""

    r2: float
    off: float
    enough: bool


@dataclass(frozen=True)
class Outlook(Claim):
    """After how many steps floats of a kind would end if the gradient went on at its rate."""

    float_kind: str
    steps: float


@dataclass(frozen=True)
class OtherState(Claim):
    """The same at another state: log10 of the ratio between the steps `first` and `last`."""

    name: str
    first: int
    last: int
    log_ratio: float


@dataclass(frozen=True)
class Beyond(Claim):
    """The gradient is no finite number.

    step, of      the last step of the state at which it is not, of how many
    node, t, nan  the first value that is not finite, if one is, and whether it is not a number
    growth        by how much the largest entry of the state grows in a step before that
    """

    name: str
    step: int
    of: int
    node: str = ""
    t: int = 0
    nan: bool = False
    growth: float | None = None


@dataclass(frozen=True)
class Dependent(Claim):
    """How far a loss reaches where nothing is carried on: its own step of so many; layers that it passes."""

    steps: int
    layers: int


C = TypeVar("C", bound=Claim)


@dataclass(frozen=True)
class Facts:
    """What happens to the gradient at a state, or without recurrence along the layers.

    verdict   in a word
    name      the state; "" where there is none
    claims    all that is said, in the order in which it is
    """

    verdict: Verdict
    name: str
    claims: tuple[Claim, ...]

    def one(self, kind: type[C]) -> C | None:
        """The first claim of a kind, or None."""
        return next(iter(self.all(kind)), None)

    def all(self, kind: type[C]) -> tuple[C, ...]:
        """The claims of a kind."""
        return tuple(claim for claim in self.claims if isinstance(claim, kind))

    @property
    def scope(self) -> Scope:
        """Of what is spoken."""
        return self.all(Scope)[0]

    @property
    def left(self) -> Left | None:
        """What is left at the first step."""
        return self.one(Left)
