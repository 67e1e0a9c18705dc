"""The whole screen as one frozen value, and the same as the query of a link.

In the link stands what differs from the default, under short names: `?cell=lstm&task=adding&steps=50&n.h=16&loss=last`.
Each value is checked; one that is not allowed gives way to the default, with a message.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import engine
from engine.execute import Parameters
from engine.formula import MAX_FORMULA
from engine.inputs import SCHEMES, Scheme, Setting
from engine.language import MAX_SIZE, MAX_TEXT
from engine.support import shown
from engine.verify import Asked
from engine.working import MAX_LEVELS, MAX_PATH, SECTIONS
from explorer import theme
from explorer.experiments.cliff import Cliff
from explorer.experiments.knob import Turn
from explorer.experiments.slips import SLIPS
from explorer.model import model as models
from explorer.model.model import OWN, Edits, Model, Value

LONGEST_VALUE: Final = 2_000  # characters of one value in a link; longer texts and tables stay out of it
MAX_COLUMN: Final = 200_000  # characters of a column of the comparison
_MOST_KEYS: Final = 100


# --- the view ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lens:
    """What the colour shows: its title, what it is in words, how it is written, and the scale's ends at first."""

    title: str
    words: str
    symbol: str
    low: int
    high: int


LENSES: Final[Mapping[str, Lens]] = {
    "gradient": Lens("Gradient", "gradient of the loss at the node", "∇L", -5, 1),
    "value": Lens("Value", "value of the node", "v", -3, 1),
    "slope": Lens("Slope φ′", "local derivative φ′(a) of the node's function", "φ′", -3, 0),
}

#: How a vector becomes one magnitude -> title and how it is written around the symbol.
MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    "norm": ("L2 norm", "‖{}‖"),
    "largest": ("largest entry", "max |{}|"),
    "mean": ("mean of entries", "mean |{}|"),
}

#: What the edges show -> its title, and how its magnitude is written.
EDGES: Final[Mapping[str, tuple[str, str]]] = {
    "nothing": ("nothing", ""),
    "forward": ("forward signal", "‖signal‖"),
    "backward": ("backward message", "‖message‖"),
}

#: Which graph is drawn -> its title.
GRAPHS: Final[Mapping[str, str]] = {"unrolled": "Unrolled", "rolled": "Rolled", "neurons": "Neurons"}

#: How the parameters stand in the graph, as `engine.unroll` has it -> title.
PARAMETERS: Final[Mapping[Parameters, str]] = {
    "hidden": "hidden",
    "shared": "shared",
    "copies": "a copy a step",
}

#: How the samples stand in the curve of the decay -> title.
SPREADS: Final[Mapping[str, str]] = {"none": "as one line", "lines": "a line each", "band": "a band"}

#: The parts of the page on vanishing gradients -> title.
TABS: Final[Mapping[str, str]] = {
    "losses": "Which loss reaches which step",
    "jacobians": "Jacobians",
    "shares": "Shares",
    "matrices": "Matrices and derivatives",
    "remedies": "Truncation and clipping",
}

#: How closely the derivation is written -> title.
DETAILS: Final[Mapping[str, str]] = {"symbols": "Symbols", "numbers": "and numbers", "elements": "and each entry"}

#: How the unrolled graph is drawn -> its title.
PICTURES: Final[Mapping[str, str]] = {"live": "Live", "plotly": "Plotly"}

#: The parts of a page that a link can leave out -> title.
PARTS: Final[Mapping[str, str]] = {
    "sidebar": "Side bar",
    "lenses": "Colour and scale",
    "knob": "Choice of a knob",
    "inspector": "Selected node",
    "table": "Picture as a table",
    "equations": "Gradient, equations, checks",
    "edit": "Edit the numbers",
    "cell": "Own cell",
    "files": "Take it home",
}
#: Those that a presentation leaves out by itself.
_TOOLS: Final = ("sidebar", "lenses", "knob", "table", "edit", "cell", "files")

EXPONENT: Final = Setting("Power of ten", "int", "exponent", 0, -320, 308)
CUT: Final = Setting("Steps k", "int", "cut", 5, 1, models.MAX_STEPS)
LEVELS: Final = Setting("Levels", "int", "levels", 3, 1, MAX_LEVELS, help="How often the recursion is put into itself.")
CLIP: Final = Setting("Limit", "float", "clip", 1.0, 1e-12, 1e12)


@dataclass(frozen=True)
class View:
    """How a run is looked at; nothing in it changes a number.

    lens, measure   keys of `LENSES` and `MEASURES`
    ranges          of each lens whose scale was changed: (lens, low, high), powers of ten
    sample          which sample is shown, counted from 1; 0 is all of them together
    window          the first and last step that are drawn, or None: all of them, or of many the last ones
    selected        the node that stands out: (name, t), or None; one that is not there is kept until it is there again
    path            the gradient's path to the selected node that is walked: the step of the loss that it begins at, 0 for
                    wherever it is strongest, and which of its edges is looked at, counted from 1; or None
    unit            which neuron of the selected node stands out, counted from 1; 0 is none of them by itself
    graph           key of `GRAPHS`
    parameters      key of `PARAMETERS`
    knob            the number that is turned in the live picture, or None
    edges, picture  keys of `EDGES` and `PICTURES`
    scale           key of `theme.SCALES`
    columns         of a comparison: two or three texts, as `comparison.column` reads them; else empty
    cliff           the surface of the loss over two numbers, and the descent on it
    hidden          the parts of the page that are left out: keys of `PARTS`
    present         a presentation: large type, no tools

    Of the page on vanishing gradients:
    state, parameter  the name of the state and of the parameter that are looked at; "" or one that is not there: the first
    spread, tab     keys of `SPREADS` and `TABS`
    pair            the later and the earlier step of the Jacobian that is taken apart, or None: the last and the first
    cut             k of the truncations, steps
    clip            the limit of the clippings

    Of the page on slips:
    slip            key of `SLIPS`
    formula         what was typed as a formula of the reader's own, right or wrong, and what it is for; None: the first

    Of the derivation:
    sections        keys of `SECTIONS`: those that are open
    detail          key of `DETAILS`
    step            the step that is looked at; 0, or one that is not there, is the one in the middle
    levels          how often the recursion is put into itself

    Of the page of lessons:
    lesson          the lesson that is taken and its step, counted from 1; or None
    """

    lens: str = "gradient"
    measure: str = "norm"
    ranges: tuple[tuple[str, int, int], ...] = ()
    sample: int = 0
    window: tuple[int, int] | None = None
    selected: tuple[str, int] | None = None
    path: tuple[int, int] | None = None
    unit: int = 0
    graph: str = "unrolled"
    parameters: Parameters = "hidden"
    knob: Turn | None = None
    edges: str = "nothing"
    picture: str = "live"
    scale: str = theme.USUAL
    state: str = ""
    parameter: str = ""
    spread: str = "none"
    tab: str = "losses"
    pair: tuple[int, int] | None = None
    cut: int = 5
    clip: float = 1.0
    columns: tuple[str, ...] = ()
    cliff: Cliff = field(default_factory=Cliff)
    slip: str = "E1"
    formula: str = ""
    asked: Asked | None = None
    sections: tuple[str, ...] = ("softmax",)
    detail: str = "numbers"
    step: int = 0
    levels: int = LEVELS.default
    lesson: tuple[str, int] | None = None
    hidden: tuple[str, ...] = ()
    present: bool = False

    def __post_init__(self) -> None:
        keys: tuple[tuple[str, Collection[str]], ...] = (
            (self.lens, LENSES),
            (self.measure, MEASURES),
            (self.graph, GRAPHS),
            (self.parameters, PARAMETERS),
            (self.edges, EDGES),
            (self.picture, PICTURES),
            (self.scale, theme.SCALES),
            (self.spread, SPREADS),
            (self.tab, TABS),
            (self.slip, SLIPS),
            (self.detail, DETAILS),
            *((section, SECTIONS) for section in self.sections),
            *((part, PARTS) for part in self.hidden),
        )
        for value, known in keys:
            if value not in known:
                raise ValueError(f"{shown(value)} is not known; one of {', '.join(known)}")
        for lens, low, high in self.ranges:
            if lens not in LENSES or EXPONENT.checked(low) >= EXPONENT.checked(high):
                raise ValueError(f"a scale from 10^{low} to 10^{high}; the first must be the smaller")
        if not 0 <= self.sample <= 100_000:
            raise ValueError(f"sample {self.sample}; counted from 1")
        if not 0 <= self.unit <= MAX_SIZE:
            raise ValueError(f"unit {self.unit}; counted from 1")
        if self.window is not None and not 1 <= self.window[0] <= self.window[1] <= models.MAX_STEPS:
            raise ValueError(
                f"steps {self.window[0]} to {self.window[1]}; the first is at least 1 and not after the last"
            )
        if self.selected is not None and not (self.selected[0].isidentifier() and len(self.selected[0]) <= 60):
            raise ValueError(f"{shown(self.selected[0])} is no name of a node")
        if self.selected is not None and abs(self.selected[1]) > models.MAX_STEPS:
            raise ValueError(f"there is no step {self.selected[1]:,}; at most {models.MAX_STEPS:,} are computed here")
        if self.path is not None and not (0 <= self.path[0] <= models.MAX_STEPS and 1 <= self.path[1] <= MAX_PATH):
            raise ValueError(f"edge {self.path[1]} of the path from the loss at step {self.path[0]}; both count from 1")
        if len(set(self.hidden)) < len(self.hidden):
            raise ValueError("a part is named twice")
        if len(self.columns) not in (0, 2, 3):
            raise ValueError("two or three columns are compared")
        for column in self.columns:
            if len(column) > MAX_COLUMN:
                raise ValueError(f"a column of {len(column):,} characters; at most {MAX_COLUMN:,} are kept")
            if not re.fullmatch(r"[\w.%=&+~*-]*", column, re.ASCII):
                raise ValueError(f"{shown(column)} is no query, such as cell=lstm&steps=50")

        for name in (self.state, self.parameter):
            if name and not (name.isidentifier() and len(name) <= 60):
                raise ValueError(f"{shown(name)} is no name")
        if self.pair is not None and not 1 <= self.pair[1] <= self.pair[0] <= models.MAX_STEPS:
            raise ValueError(f"steps {self.pair[0]} and {self.pair[1]}; the later comes first, and both count from 1")
        if not 0 <= self.step <= models.MAX_STEPS:
            raise ValueError(f"step {self.step}; counted from 1 to {models.MAX_STEPS}")
        LEVELS.checked(self.levels)
        if self.lesson is not None and not (
            re.fullmatch(r"[a-z0-9-]{1,40}", self.lesson[0]) and 1 <= self.lesson[1] <= 99
        ):
            raise ValueError(
                f"{shown(self.lesson[0])} is no lesson's name, or {self.lesson[1]} no step, counted from 1"
            )
        CUT.checked(self.cut)
        CLIP.checked(self.clip)
        if len(self.formula) > MAX_FORMULA or any(0xD800 <= ord(character) <= 0xDFFF for character in self.formula):
            raise ValueError(f"a formula is a text of at most {MAX_FORMULA:,} characters")
        if self.asked is not None:
            _check_asked(self.asked)

    @property
    def low(self) -> int:
        """The power of ten at the lower end of the scale."""
        return self._range[0]

    @property
    def high(self) -> int:
        """The power of ten at the upper end of the scale."""
        return self._range[1]

    @property
    def _range(self) -> tuple[int, int]:
        return next(((low, high) for lens, low, high in self.ranges if lens == self.lens), _usual(self.lens))

    @property
    def quantity(self) -> str:
        """What the colour shows, as it is written: ‖∇L‖."""
        return MEASURES[self.measure][1].format(LENSES[self.lens].symbol)

    def shows(self, part: str) -> bool:
        """Whether a part of the page is there."""
        return part not in self.hidden and not (self.present and part in _TOOLS)

    def usual_range(self) -> View:
        """The view with the scale of its lens as it was at first."""
        return self.with_range(*_usual(self.lens))

    def with_range(self, low: int, high: int) -> View:
        """The view with another scale for its lens; that of other lenses is kept."""
        others = {lens: (low, high) for lens, low, high in self.ranges} | {self.lens: (low, high)}
        return replace(
            self,
            ranges=tuple((lens, *others[lens]) for lens in LENSES if others.get(lens, _usual(lens)) != _usual(lens)),
        )


def _check_asked(asked: Asked) -> None:
    """Raises ValueError for what no formula is for; whether the network has it is seen there."""
    if asked.kind not in ("gradient", "value", "jacobian"):
        raise ValueError(f"{shown(asked.kind)} is not known; one of gradient, value, jacobian")
    for name in (asked.name, *([asked.of] if asked.of or asked.kind == "jacobian" else [])):
        if not (name.isidentifier() and len(name) <= 60):
            raise ValueError(f"{shown(name)} is no name")
    if asked.t is not None and abs(asked.t) > models.MAX_STEPS:
        raise ValueError(f"step {asked.t}; there are at most {models.MAX_STEPS:,}")


def _usual(lens: str) -> tuple[int, int]:
    return LENSES[lens].low, LENSES[lens].high


# --- the state ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """The whole screen: what is computed, and how it is looked at. **Holds:** a_link_gives_the_state_back."""

    model: Model = field(default_factory=Model)
    view: View = field(default_factory=View)


@dataclass(frozen=True)
class Preset:
    """A screen to start from.

    source  of a published result that it shows, else empty
    """

    title: str
    help: str
    state: State
    source: str = ""


PRESETS: Final[Mapping[str, Preset]] = {
    "hello": Preset("hello", "The letters of hello, one a step; at each the network predicts the next.", State()),
    "worked": Preset(
        "Worked network",
        "x in R⁴, h in R⁵, o in R³, with weights that can be followed by hand.",
        State(Model(task="worked")),
    ),
    "rnn_last": Preset(
        "One output at the end",
        "The book's network with a single output at the end (figure 10.5): only the last loss counts.",
        State(Model(task="noise", count="last", settings=(("steps", 12),))),
    ),
    "vanishing": Preset(
        "Vanishing gradient",
        "Fifty steps, a loss at the last one: watch the gradient fade on its way back.",
        State(Model(task="noise", count="last", settings=(("steps", 50),))),
    ),
    "lstm": Preset(
        "LSTM",
        "The gates of the LSTM, with a forget gate that is nearly open.",
        State(Model(cell="lstm_tanh", task="noise", count="last", settings=(("steps", 8),),
                    overrides=(("b_f", Scheme("constant", value=3.0)),))),
    ),
    "latch": Preset(
        "A bit that is held",
        "Eight units with a weight of 1.25 onto themselves: each falls into one of two states and holds that bit. The same"
        " slope that makes it robust, below 1 once multiplied by the weight, takes the gradient away.",
        State(Model(task="noise", count="last", settings=(("steps", 50),),
                    overrides=(("W", Scheme("identity", gain=1.25)), ("U", Scheme("normal", gain=0.05))))),
        "Bengio, Simard & Frasconi (1994), Learning long-term dependencies with gradient descent is difficult;"
        " Hochreiter (1991), Untersuchungen zu dynamischen neuronalen Netzen",
    ),
    "must_vanish": Preset(
        "Bound below 1",
        "The largest singular value of W is 0.9 and no slope of tanh is above 1: after k steps at most 0.9^k of the gradient"
        " can be left, whatever the inputs.",
        State(Model(task="noise", count="last", settings=(("steps", 50),), scheme=Scheme("normal", norm=0.9))),
        "Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, 2.1",
    ),
    "not_necessary": Preset(
        "PyTorch's initial weights",
        "Uniform weights between ±1/√64: the largest singular value is above 1, so the bound allows the gradient to grow. It"
        " vanishes all the same: a bound below 1 is sufficient, not necessary.",
        State(Model(sizes=(("h", 64),), task="noise", count="last", settings=(("steps", 50),), scheme=Scheme("pytorch"))),
        "Pascanu, Mikolov & Bengio (2013), 2.1; PyTorch, torch.nn.RNN, default initialisation",
    ),
    "explodes": Preset(
        "Explosion",
        "No activation, and a spectral radius of 1.3: above 1 a linear network multiplies the gradient by about that at each"
        " step. With an activation a bound above 1 is necessary for that, not sufficient. Small inputs keep the output in"
        " range.",
        State(Model(activation="identity", task="noise", count="last", settings=(("steps", 50),),
                    scheme=Scheme("normal", radius=1.3), overrides=(("U", Scheme("normal", gain=1e-6)),))),
        "Pascanu, Mikolov & Bengio (2013), 2.1",
    ),
    "orthogonal": Preset(
        "Orthogonal weights",
        "No activation, and W orthogonal: the gradient is turned at each step and keeps its norm, however many there are.",
        State(Model(activation="identity", task="noise", count="last", settings=(("steps", 100),),
                    scheme=Scheme("orthogonal"))),
        "Saxe, McClelland & Ganguli (2013), Exact solutions to the nonlinear dynamics of learning in deep linear neural"
        " networks",
    ),
    "irnn": Preset(
        "Identity with relu",
        "W is the identity, all other weights are small: a unit that is on passes its gradient on as it is, one that is shut"
        " loses it there.",
        State(Model(activation="relu", task="adding", settings=(("steps", 50),), scheme=Scheme("normal", gain=0.001),
                    overrides=(("W", Scheme("identity")),))),
        "Le, Jaitly & Hinton (2015), A simple way to initialize recurrent networks of rectified linear units",
    ),
    **{
        f"forget_{bias}": Preset(
            f"Forget bias {bias}",
            "Small weights, so the forget gate is near the sigmoid of its bias, and that is left of the gradient at s at each"
            " step: σ(0) = 0.5 or σ(1) = 0.73, which over 49 steps back makes a factor of about 10⁸ between the two.",
            State(Model(cell="lstm_tanh", task="noise", count="last", settings=(("steps", 50),),
                        scheme=Scheme("normal", gain=0.1),
                        overrides=(("b_f", Scheme("constant", value=float(bias))),))),
            "Jozefowicz, Zaremba & Sutskever (2015), An empirical exploration of recurrent network architectures;"
            " Gers, Schmidhuber & Cummins (2000), Learning to forget",
        )
        for bias in (0, 1)
    },
    "cliff": Preset(
        "The cliff",
        "One unit, h(t) = w σ(h(t−1)) + b, over 50 steps, at the upper edge of a wall of its loss: a little more b, and the loss"
        " falls to less than a tenth. The page The cliff draws it.",
        State(
            Model(cell="one_unit", task="reach",
                  edits=((("W", (0, 0)), 5.0), (("b", (0,)), -2.6125), (("h", (0, 0, 0)), 0.5))),
            View(cliff=Cliff(Turn("entry", "W", 1.0, (0, 0)), Turn("entry", "b", 1.0, (0,)), (4.0, 6.5), (-3.5, -1.0),
                             rate=0.001, limit=100.0)),
        ),
        "Pascanu, Mikolov & Bengio (2013), 2.3 and figure 6",
    ),
}  # fmt: skip


# --- the link ----------------------------------------------------------------------------------------------------


def to_query(state: State, longest: int = LONGEST_VALUE) -> dict[str, str]:
    """The state as the query of a link: what differs from the default, but for what `left_out` tells."""
    return {key: value for key, value in _written(state) if len(value) <= longest}


def left_out(state: State) -> list[str]:
    """The entries that are too long for a link."""
    return [key for key, value in _written(state) if len(value) > LONGEST_VALUE]


def from_query(
    query: Mapping[str, str],
    longest: int = LONGEST_VALUE,
    origin: str = "the link",
    start: State = State(),
) -> tuple[State, list[str]]:
    """The state that a link describes, and what is wrong with the link, in words; it never raises.

    start   the state that the link changes; as the widgets do, a change of it keeps what still fits
    """
    reading = _Reading(query, longest, origin, start)
    return reading.state, reading.problems


@dataclass(frozen=True)
class _Field:
    """A field of the model or the view under its key in the link."""

    name: str
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,12}", text, re.ASCII):
        raise ValueError("a whole number is needed")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,3})?", text, re.ASCII):
        raise ValueError("a number is needed")
    return float(text)


def _truth(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("0 or 1 is needed")
    return text == "1"


def _pair(text: str) -> tuple[int, int]:
    if text.count(",") != 1:
        raise ValueError("two whole numbers with a comma are needed")
    first, last = text.split(",")
    return _whole(first), _whole(last)


def _factor(text: str) -> tuple[float, float]:
    factor, comma, added = text.partition(",")
    return _number(factor), _number(added) if comma else 0.0


def _node(text: str) -> tuple[str, int]:
    name, comma, step = text.rpartition(",")
    if not comma:
        raise ValueError("a name and a step with a comma are needed")
    return name, _whole(step)


def _knob(text: str) -> Turn:
    kind, of, centre, *index = [*text.split(","), "", ""][: max(text.count(",") + 1, 3)]
    return Turn(kind, of, _number(centre), tuple(map(_whole, index)))


def _knob_written(turn: Turn | None) -> str:
    return ",".join([turn.kind, turn.of, _short(turn.centre), *map(str, turn.index)]) if turn else ""


def _side(text: str) -> Turn:
    kind, of, *index = [*text.split(","), ""][: max(text.count(",") + 1, 2)]
    return Turn(kind, of, 1.0, tuple(map(_whole, index)))


def _side_written(turn: Turn | None) -> str:
    return ",".join([turn.kind, turn.of, *map(str, turn.index)]) if turn else ""


def _ends(text: str) -> tuple[float, float]:
    if text.count(",") != 1:
        raise ValueError("two numbers with a comma are needed")
    low, high = map(_number, text.split(","))
    return low, high


def _asked(text: str) -> Asked:
    kind, name, step, of = [*text.split(","), "", ""][:4] if 2 <= text.count(",") <= 3 else ["", "", "", ""]
    return Asked(kind, name, _whole(step) if step else None, of)  # type: ignore[arg-type]  # checked by the view


def _asked_written(asked: Asked | None) -> str:
    if asked is None:
        return ""
    parts = [asked.kind, asked.name, "" if asked.t is None else str(asked.t), *([asked.of] if asked.of else [])]
    return ",".join(parts)


def packed(text: str) -> str:
    """A text, compressed, in characters that a link carries as they are."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpacked(code: str) -> str:
    """What `packed` was given. Raises ValueError for anything else, and never makes more than a cell may have."""
    if len(code) > 2 * MAX_TEXT or not re.fullmatch(r"[\w-]+", code, re.ASCII):
        raise ValueError("it is no packed text")
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)), 4 * MAX_TEXT)
        text = raw.decode()
    except (zlib.error, binascii.Error, UnicodeDecodeError):
        raise ValueError("it is no packed text") from None
    if not reader.eof or reader.unused_data or len(text) > MAX_TEXT:
        raise ValueError(f"it is cut off, or more than a text of at most {MAX_TEXT:,} characters")
    return text


def _edits_written(edits: Edits) -> str:
    return ";".join(f"{name}{list(index)}={value!r}".replace(" ", "") for (name, index), value in edits)


def _edits(text: str) -> Edits:
    found = []
    for part in text.split(";"):
        entry = re.fullmatch(r"(\w{1,60})\[(\d{1,7}(?:,\d{1,7}){0,2})\]=(.{1,40})", part, re.ASCII)
        if entry is None:
            raise ValueError("entries such as W[0,1]=0.5 with semicolons between are needed")
        name, index, value = entry.groups()
        number = int(value) if re.fullmatch(r"\d{1,9}", value, re.ASCII) else _number(value)
        found.append(((name, tuple(map(int, index.split(",")))), number))
    return tuple(found)


def _scheme(text: str) -> Scheme:
    name, *parts = text.split(",")
    numbers = {key: _number(value) for key, _, value in (part.partition(":") for part in parts)}
    known = {setting.name for setting in SCHEMES[name].settings} if name in SCHEMES else set()
    if name in SCHEMES and not numbers.keys() <= known:
        raise ValueError(f"{SCHEMES[name].title} has {', '.join(sorted(known)) or 'no number'}")
    return Scheme(name, **numbers) if name in SCHEMES else Scheme(name)


def _scheme_written(scheme: Scheme) -> str:
    numbers = [
        (setting.name, getattr(scheme, setting.name), setting.default) for setting in SCHEMES[scheme.name].settings
    ]
    return ",".join([scheme.name, *(f"{name}:{_short(value)}" for name, value, usual in numbers if value != usual)])


def _short(value: object) -> str:
    return repr(value).removesuffix(".0")


def _listed(values: Iterable[object]) -> str:
    return ",".join(map(_short, values))


_READ: Final[Mapping[str, Callable[[str], Value]]] = {
    "int": _whole, "float": _number, "bool": _truth, "choice": str, "text": str,
}  # fmt: skip
_NETWORK: Final = {
    "cell": _Field("cell"),
    "activation": _Field("activation"),
    "layers": _Field("layers", _whole),
}
_TASK: Final = {"task": _Field("task")}
_RUN: Final = {
    "loss": _Field("count"),
    "w": _Field("weights", lambda text: tuple(map(_number, text.split(","))), _listed),
    "reduction": _Field("reduction"),
    "own": _Field("own", _truth, lambda own: str(int(own))),
    "init": _Field("scheme", _scheme, _scheme_written),
    "init_seed": _Field("seed", _whole),
}
_OWN: Final = {"eq": _Field("text", unpacked, packed)}
_EDITS: Final = {"edit": _Field("edits", _edits, _edits_written)}
_VIEW: Final = {
    "show": _Field("lens"),
    "as": _Field("measure"),
    "sample": _Field("sample", _whole),
    "window": _Field("window", _pair, lambda window: _listed(window or ())),
    "node": _Field("selected", _node, lambda node: "{},{}".format(*node) if node else ""),
    "path": _Field("path", _pair, lambda path: _listed(path or ())),
    "unit": _Field("unit", _whole),
    "graph": _Field("graph"),
    "parameters": _Field("parameters"),
    "knob": _Field("knob", _knob, _knob_written),
    "edges": _Field("edges"),
    "picture": _Field("picture"),
    "scale": _Field("scale"),
    "state": _Field("state"),
    "of": _Field("parameter"),
    "spread": _Field("spread"),
    "tab": _Field("tab"),
    "pair": _Field("pair", _pair, lambda pair: _listed(pair or ())),
    "every": _Field("cut", _whole),
    "clip": _Field("clip", _number, _short),
    "sections": _Field("sections", lambda text: tuple(filter(None, dict.fromkeys(text.split(",")))), ",".join),
    "detail": _Field("detail"),
    "step": _Field("step", _whole),
    "levels": _Field("levels", _whole),
    "compare": _Field("columns", lambda text: tuple(text.split("|")), "|".join),
    "slip": _Field("slip"),
    "formula": _Field("formula", unpacked, packed),
    "ask": _Field("asked", _asked, _asked_written),
    "lesson": _Field("lesson", _node, lambda lesson: "{},{}".format(*lesson) if lesson else ""),
    "hide": _Field("hidden", lambda text: tuple(text.split(",")), ",".join),
    "present": _Field("present", _truth, lambda present: str(int(present))),
}
_CLIFF: Final = {
    "across": _Field("across", _side, _side_written),
    "up": _Field("up", _side, _side_written),
    "across_range": _Field("across_range", _ends, lambda ends: _listed(ends or ())),
    "up_range": _Field("up_range", _ends, lambda ends: _listed(ends or ())),
    "rate": _Field("rate", _number, _short),
    "limit": _Field("limit", _number, _short),
    "norm": _Field("norm"),
    "surface": _Field("picture"),
    "cut": _Field("cut"),
}


def _written(state: State) -> Iterator[tuple[str, str]]:
    model, view, usual = state.model, state.view, State()

    def fields(table: Mapping[str, _Field], value: object, default: object) -> Iterator[tuple[str, str]]:
        for key, row in table.items():
            if getattr(value, row.name) != getattr(default, row.name):
                yield key, row.write(getattr(value, row.name))

    yield from fields(_NETWORK, model, usual.model)
    yield from fields(_OWN, model, usual.model)
    yield from ((f"n.{name}", str(units)) for name, units in model.sizes)
    yield from fields(_TASK, model, usual.model)
    for name, value in model.settings:
        yield name, str(int(value)) if isinstance(value, bool) else value if isinstance(value, str) else _short(value)
    yield from fields(_RUN, model, usual.model)
    yield from ((f"init.{name}", _scheme_written(scheme)) for name, scheme in model.overrides)
    yield from fields(_EDITS, model, usual.model)
    yield from ((f"turn.{name}", _listed(row if row[1] else row[:1])) for name, *row in model.scaled)
    yield from fields(_VIEW, view, usual.view)
    yield from fields(_CLIFF, view.cliff, usual.view.cliff)
    yield from ((f"range.{lens}", f"{low},{high}") for lens, low, high in view.ranges)


class _Reading:
    """A link on its way to a state: each change is made where it is allowed, and told where it is not."""

    def __init__(self, query: Mapping[str, str], longest: int, origin: str, start: State) -> None:
        self.state, self.problems, self.origin = start, list[str](), origin
        self.left = dict(query)
        for key in [k for k, value in query.items() if not _carried(k, longest) or not _carried(value, longest)][
            :_MOST_KEYS
        ]:
            self.tell(key, self.left.pop(key), f"it is no text of at most {longest:,} characters")
        own = self.left.pop("eq", None)
        self.fields({key: row for key, row in _NETWORK.items() if own is None or key != "cell"}, self.model)
        if own is None:
            self.group("n.", lambda name, text: models.with_size(self.state.model, name, _whole(text)))
        self.fields(_TASK, self.model)
        self.settings()
        if own is not None:
            self.own(own)
        self.fields(_RUN, self.model)
        self.group("init.", lambda name, text: models.with_override(self.state.model, name, _scheme(text)))
        self.fields(_EDITS, self.model)
        self.group("turn.", lambda name, text: models.with_turn(self.state.model, name, *_factor(text)))
        self.fields(_VIEW, lambda **change: replace(self.state, view=replace(self.state.view, **change)))
        self.fields(_CLIFF, self.cliff)
        self.group("range.", lambda lens, text: _with_range_of(self.state.view, lens, *_pair(text)))
        if self.left:
            names = ", ".join(shown(key) for key in list(self.left)[:5])
            self.problems.append(f"{self.origin.capitalize()} has entries that mean nothing here: {names}.")

    def model(self, **change: Any) -> State:
        return replace(self.state, model=models.changed(self.state.model, **change))

    def cliff(self, **change: Any) -> State:
        view = self.state.view
        return replace(self.state, view=replace(view, cliff=replace(view.cliff, **change)))

    def fields(self, table: Mapping[str, _Field], change: Callable[..., State]) -> None:
        for key, row in table.items():
            if key in self.left:
                self.attempt(key, lambda text, row=row: change(**{row.name: row.read(text)}))  # type: ignore[misc]

    def group(self, prefix: str, change: Callable[[str, str], Model | View]) -> None:
        for key in [key for key in self.left if key.startswith(prefix)][:_MOST_KEYS]:
            name = key.removeprefix(prefix)
            self.attempt(key, lambda text, name=name: self.with_part(change(name, text)))  # type: ignore[misc]

    def own(self, packed_text: str) -> None:
        """A cell of the user's own with its sizes: it may be allowed only beside its task, and in its size."""
        self.left.pop("cell", None)
        sizes = {key: self.left.pop(key) for key in [key for key in self.left if key.startswith("n.")][:_MOST_KEYS]}
        try:
            made = engine.parse(unpacked(packed_text), OWN)
            numbers = {models.sized(made, key.removeprefix("n.")): _whole(text) for key, text in sizes.items()}
            self.state = self.model(text=made.text, sizes=models.chosen_sizes(made, numbers))
        except ValueError as error:
            self.tell("eq", packed_text, error)

    def settings(self) -> None:
        """The settings of the task: all together, since one may be allowed only beside another."""
        values: dict[str, Value] = {}
        for setting in models.entry(self.state.model).settings:
            if setting.name in self.left:
                text = self.left.pop(setting.name)
                try:
                    values[setting.name] = setting.checked(_READ[setting.kind](text))
                except ValueError as error:
                    self.tell(setting.name, text, error)
        try:
            chosen = models.chosen_settings(self.state.model.task, dict(self.state.model.settings) | values)
            self.state = self.model(settings=chosen)
        except ValueError as error:
            given = ", ".join(f"{name} = {shown(value)}" for name, value in values.items())
            self.problems.append(
                f"{given} in {self.origin} {'was' if len(values) == 1 else 'were'} passed over: {error}"
            )

    def attempt(self, key: str, change: Callable[[str], State]) -> None:
        text = self.left.pop(key)
        try:
            self.state = change(text)
        except ValueError as error:
            self.tell(key, text, error)

    def with_part(self, part: Model | View) -> State:
        return replace(self.state, model=part) if isinstance(part, Model) else replace(self.state, view=part)

    def tell(self, key: str, text: str, error: object) -> None:
        self.problems.append(f"{shown(key)} = {shown(text)} in {self.origin} was passed over: {error}")


def _with_range_of(view: View, lens: str, low: int, high: int) -> View:
    return replace(replace(view, lens=lens).with_range(low, high), lens=view.lens)


def _carried(text: str, longest: int) -> bool:
    """Whether a link carries a text: not too long, and no lone surrogates, which cannot be encoded."""
    return len(text) <= longest and not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
