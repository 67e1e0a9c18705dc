"""The claims about a gradient on its way back: each a frozen value with its numbers and its tolerance.

A claim has no words (`words.sentences` has them) and can be measured again from the run by another route. Sizes are log10,
steps count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar

from explorer.facts.way_back import Line
from explorer.facts.way_back import Verdict as InTime

Verdict: TypeAlias = InTime | Literal["zero", "one step", "no loss", "no path", "flat"]
Why: TypeAlias = Literal[
    "shut", "zero", "nilpotent", "kernel", "factor", "product", "softmax", "cancels", "right", "unread", "cut"
]


@dataclass(frozen=True)
class Claim:
    """A claim, from which a second measurement differs by no more than `tolerance`; sizes in powers of ten."""

    tolerance: ClassVar[float] = 1e-6

    @property
    def kind(self) -> str:
        """The kind in a word."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Scope(Claim):
    """The part of a run about which the claims are.

    loss      the step of the loss that is followed; None: all of them together
    losses    number of steps whose losses count
    steps     number of all steps
    sample    the sample, or 0 for several
    samples, of   number of samples that are measured, and of all
    """

    loss: int | None
    losses: int
    steps: int
    sample: int
    samples: int
    of: int


@dataclass(frozen=True)
class Cause:
    """The reason why a place has a gradient of exactly zero, though a node that reads it has one.

    why     "shut": every slope φ' there is 0 where a gradient arrives; "zero": a matrix of zeros; "nilpotent": a power of the
            matrix is zero; "kernel": the matrix, transposed, takes this gradient to zero; "factor": it is multiplied by a value
            that is 0; "product": by a product that is; "softmax": through a softmax; "cancels": the parts of several edges sum
            to zero; "right": the output is exactly the target; "unread": no edge leads there; "cut": the recurrence is
            cut there, after each `power` steps
    name    of the function, matrix or factor
    node, step   the reading node, and its step
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
    """The change of the gradient between the loss and the last state that it reaches.

    head, at      the argument of the loss, and its step;  name, step  the state
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
    """The gradient at the first step (or layer), in units of the gradient at the last.

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
        """log10 of the first gradient in units of the last."""
        return self.log_first - self.log_last

    @property
    def log_rate(self) -> float:
        """log10 of the share that a step leaves on average."""
        return self.log_ratio / max(self.steps, 1)

    @property
    def rate(self) -> float:
        """The share that a step leaves on average (geometric mean)."""
        return float(10**self.log_rate)


@dataclass(frozen=True)
class Range(Claim):
    """log10 of the least and of the largest share that a single step leaves, and these steps."""

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
    """The factor of one function of the recurrence per step.

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
    """The factors of weights and functions, whose product is the rate; of a recurrence with a single way back."""

    weights: float
    parts: tuple[Part, ...]
    matrices: tuple[str, ...]


@dataclass(frozen=True)
class BackEdge:
    """An edge by which the gradient comes from a later step.

    target, lag  the node that reads, and the number of steps by which it is later
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
    """The edges by which the gradient comes back, the strongest first; what they pass sums to the rate."""

    ways: tuple[BackEdge, ...]


@dataclass(frozen=True)
class Spread(Claim):
    """The least and the largest log10 ratio of a sample by itself."""

    low: float
    high: float


@dataclass(frozen=True)
class Gone(Claim):
    """The number of samples in which the gradient at the first step is exactly zero, though in others it is not."""

    name: str
    step: int
    count: int
    of: int


@dataclass(frozen=True)
class Felt(Claim):
    """The step of the loss that gives most to a gradient, and of the last loss that gives a hundredth of that."""

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
    """The steps back from `last` up to which floats of a kind hold the gradient (−1: not even at `last`), and the end there."""

    name: str
    last: int
    float_kind: str
    steps: int
    end: Literal["below", "above"]


@dataclass(frozen=True)
class Straight(Claim, Line):
    """The line through log10 ‖∇‖ along time, and how far the curve is from it."""


@dataclass(frozen=True)
class Outlook(Claim):
    """The number of steps after which floats of a kind would end if the gradient went on at its rate."""

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
    """A gradient that is not finite.

    step, of      the last step at which it is not, and the number of steps
    node, t, nan  the first value that is not finite, if there is one, and whether it is not a number
    growth        factor per step of the largest entry of the state before that
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
    """The reach of a loss without recurrence: its own step, of `steps`, and the number of layers that it passes."""

    steps: int
    layers: int


C = TypeVar("C", bound=Claim)


@dataclass(frozen=True)
class Facts:
    """The claims about the gradient at a state, or without recurrence along the layers.

    verdict   in a word
    name      the state; "" without one
    claims    in the order of the sentences
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
        """The part of the run about which the claims are."""
        return self.all(Scope)[0]

    @property
    def left(self) -> Left | None:
        """The claim about the first step."""
        return self.one(Left)
