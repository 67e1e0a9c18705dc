"""The ready screens: some to start from, and known results with their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.inputs import Scheme
from explorer.experiments.cliff import Cliff
from explorer.experiments.knob import Turn
from explorer.model import Model
from explorer.state.state import State
from explorer.state.view import View


@dataclass(frozen=True)
class Preset:
    """A screen to start from; `source` is that of the published result that it shows, else empty."""

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
