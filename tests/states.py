"""States of the explorer for hypothesis, and keys and values from which links are made."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from hypothesis import strategies as st

from engine import CATALOGUE
from engine.inputs import SCHEMES, Scheme
from engine.inputs.tasks import TASKS
from engine.language.catalogue import ACTIVATIONS
from engine.verify.asked import Asked
from explorer import model as models
from explorer.experiments import cliff
from explorer.experiments.cliff import Cliff
from explorer.experiments.knob import Turn
from explorer.experiments.slips import SLIPS
from explorer.model import COUNTS, MAX_STEPS, Model
from explorer.state import (
    EDGES,
    GRAPHS,
    LENSES,
    MEASURES,
    PARAMETERS,
    PARTS,
    PICTURES,
    SPREADS,
    TABS,
    State,
    View,
    packed,
)
from explorer.theme import SCALES

FACTORS = st.floats(-1e3, 1e3).filter(lambda factor: abs(factor) > 1e-3)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=2, max_size=30)

TABLES = [
    {},
    {"text": "x,y1,y2\n1,0.25,0.75\n2,1,0"},
    {"text": "x,y1,y2\n1,0.25,0.75\n2,1,0", "targets": "real"},
    {"text": "x,y1,y2\n1,0,1\n2,1,0", "targets": "classes"},
    {"text": "x;y\n0,5;sun\n2;<b>rain</b>"},
    {"text": "x,y\n1,118\n2,132"},
    {"text": "x,y\n1,118\n2,132", "targets": "classes"},
    {"targets": "real"},
]


@st.composite
def settings(draw, task):
    """Some settings of a task, small enough to be quick."""
    if task == "table":
        return dict(draw(st.sampled_from(TABLES)))
    values = {}
    for setting in models.entry(Model(task=task)).settings:
        if draw(st.booleans()):
            continue
        if setting.kind == "choice":
            values[setting.name] = draw(st.sampled_from([value for value, _ in setting.choices]))
        elif setting.kind == "text":
            values[setting.name] = draw(TEXT)
        elif setting.kind == "int":
            values[setting.name] = draw(
                st.integers(int(setting.lower), min(int(setting.upper), int(setting.lower) + 12))
            )
        else:
            values[setting.name] = draw(st.floats(setting.lower, setting.upper))
    return values


@st.composite
def schemes(draw, vector=False):
    kind = draw(st.sampled_from([kind for kind in SCHEMES.values() if kind.for_vectors or not vector]))
    numbers = {
        s.name: draw(st.floats(0.01, 100)) for s in kind.settings if s.default is not None and draw(st.booleans())
    }
    return Scheme(kind.name, **numbers)


@st.composite
def changes(draw, model):
    """Some numbers changed by hand."""
    given, values = models.arrays(model), {}
    for name in draw(st.lists(st.sampled_from(list(given)), max_size=4)):
        index = tuple(draw(st.integers(0, n - 1)) for n in given[name].shape)
        classes = len(models.task(model).classes) if name == "y" else 0
        shares = name == "y" and models.task(model).shares
        number = st.floats(0, 1) if shares else st.floats(allow_nan=False, allow_infinity=False)
        values[name, index] = draw(st.integers(0, classes - 1) if classes else number)
    return values


@st.composite
def cliffs(draw, name):
    """Any surface of the loss, over numbers of the parameter and of x."""
    ends = st.none() | st.tuples(st.floats(-1e9, -1e-9), st.floats(0, 1e9))
    return Cliff(
        across=draw(st.none() | st.builds(Turn, st.sampled_from(["gain", "norm"]), st.just(name))),
        up=draw(
            st.none() | st.sampled_from([Turn("gain", "x"), Turn("added", name), Turn("entry", "zz", 1.0, (3, 4))])
        ),
        across_range=draw(ends),
        up_range=draw(ends),
        rate=draw(st.floats(1e-12, 1e12)),
        limit=draw(st.floats(1e-12, 1e12)),
        norm=draw(st.sampled_from(list(cliff.NORMS))),
        picture=draw(st.sampled_from(list(cliff.PICTURES))),
        cut=draw(st.sampled_from(list(cliff.CUTS))),
    )


@st.composite
def states(draw):
    """Any state that the page can reach by its widgets."""
    model = models.changed(
        Model(),
        cell=draw(st.sampled_from(list(CATALOGUE))),
        activation=draw(st.sampled_from(ACTIVATIONS)),
        layers=draw(st.integers(1, 5)),
    )
    task = draw(st.sampled_from(list(TASKS)))
    model = models.changed(model, task=task)
    model = models.changed(model, settings=models.chosen_settings(task, draw(settings(task))))
    for members in models.structure(model).hidden:
        model = models.with_size(model, members[0], draw(st.integers(1, 12)))
    steps = len(models.task(model).x)
    count = draw(st.sampled_from(list(COUNTS)))
    model = models.changed(model, count=count)
    if count == "hand":
        number = st.floats(-1e9, 1e9)
        model = models.changed(model, weights=tuple(draw(st.lists(number, min_size=steps, max_size=steps))))
    name = draw(st.sampled_from(models.structure(model).parameters))
    vector = models.parameters(model)[name].ndim == 1
    model = models.with_override(model, name, draw(st.none() | schemes(vector)))
    model = models.changed(
        model,
        scheme=draw(schemes()),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        own=draw(st.booleans()),
        seed=draw(st.integers(0, 2**32 - 1)),
    )
    if draw(st.booleans()):  # the same as text, which anyone may change
        model = models.with_text(model, models.cell(model).text + draw(st.sampled_from(["", "# mine: ∇ <b>", "\n\n"])))
    model = models.with_edits(model, draw(changes(model)))
    with contextlib.suppress(ValueError):  # an entry near the end of the range cannot be turned further
        model = models.with_turn(model, name, draw(FACTORS), draw(st.floats(-1e3, 1e3)) if vector else 0)
    view = View(
        lens=draw(st.sampled_from(list(LENSES))),
        measure=draw(st.sampled_from(list(MEASURES))),
        sample=draw(st.integers(0, 5)),
        window=draw(st.none() | st.tuples(st.integers(1, 9), st.integers(9, MAX_STEPS))),
        selected=draw(st.none() | st.tuples(st.sampled_from(["h", "y_hat", "a_1"]), st.integers(-2, 50))),
        unit=draw(st.integers(0, 9)),
        graph=draw(st.sampled_from(list(GRAPHS))),
        parameters=draw(st.sampled_from(list(PARAMETERS))),
        knob=draw(st.none() | st.builds(Turn, st.sampled_from(["gain", "radius", "norm"]), st.just(name), FACTORS)),
        edges=draw(st.sampled_from(list(EDGES))),
        picture=draw(st.sampled_from(list(PICTURES))),
        scale=draw(st.sampled_from(list(SCALES))),
        state=draw(st.sampled_from(["", "h", "s", "ŷ"])),
        parameter=draw(st.sampled_from(["", "W", "U_f"])),
        spread=draw(st.sampled_from(list(SPREADS))),
        tab=draw(st.sampled_from(list(TABS))),
        pair=draw(st.none() | st.tuples(st.integers(9, MAX_STEPS), st.integers(1, 9))),
        cut=draw(st.integers(1, MAX_STEPS)),
        clip=draw(st.floats(1e-12, 1e12)),
        columns=draw(
            st.sampled_from([(), ("", "cell=lstm"), ("cut=10", "", "whole=1&text=a+%7C%26"), ("zz", "=%", "")])
        ),
        cliff=draw(cliffs(name)),
        slip=draw(st.sampled_from(list(SLIPS))),
        formula=draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
        asked=draw(
            st.sampled_from(
                [None, Asked("gradient", "W", None), Asked("value", "h", -2), Asked("jacobian", "a", 3, "ŷ")]
            )
        ),
        hidden=tuple(draw(st.lists(st.sampled_from(list(PARTS)), unique=True))),
        present=draw(st.booleans()),
    ).with_range(draw(st.integers(-300, 0)), draw(st.integers(1, 300)))
    return State(model, replace(view, lens=draw(st.sampled_from(list(LENSES)))))


OWN_CELL = packed("h = tanh(W @ h[t-1] + U @ x)\ny_hat = softmax(V @ h)\nL = nll(y_hat, y)")
KEYS = ["eq", "edit", "cell", "activation", "layers", "n.h", "n.s", "task", "steps", "text", "seed", "period",
        "samples", "loss", "w", "reduction", "own", "init", "init.W", "init.b_f", "init_seed", "show", "as",
        "across", "up", "across_range", "up_range", "rate", "limit", "norm", "surface", "cut",
        "slip", "formula", "ask", "sections", "detail", "step", "levels", "lesson", "hide", "present",
        "sample", "window", "node", "path", "unit", "graph", "parameters", "edges", "picture", "scale", "range.value",
        "state", "of", "spread", "tab", "pair", "every", "clip",
        "range.", "n.", "<b>", "", "knob", "compare", "turn.W", "turn.b", "turn.x", "turn.",
        "__class__"]  # fmt: skip
WORDS = ["rnn", "lstm", "feedforward", "text", "table", "noise", "hand", "last", "3", "-1", "1e999", "nan", "999999999999",
         "1,2", "h,3", "normal,gain:2", "normal,gain:", "orthogonal,radius:1,norm:1", "constant,value:nan", "identity",
         "<script>alert(1)</script>", "x1,y\n1,0", "", ",", ":", "\ud800", "0" * 5000, "٣", "1_0", "value",
         "gain,W,1", "entry,W,0.5,0,0", "step,,3", "gain,W", "-1.5", "0", "1e99,1e99", "1,0.5",
         "|cell=lstm", "|", "||", "|||", "|<b>", "|cut=10|whole=1&cell=gru",
         "entry,W,0,0", "gain,W,1e9", "added,b", "step,", "-2,3", "3,-2", "nan,1", "all", "relief",
         "W[0,1]=0.5", "y[0,0]=1;W[0,0]=2", "W[0]=nan", "b[9]=1", "gradient,W,", "value,h,3",
         "jacobian,h,2,", "E5", OWN_CELL]  # fmt: skip
