"""Networks side by side: what differs, what is the same, and how much is left of the gradient in each.

A column is a text, a query as that of the link: `cell=lstm&steps=50` is the network of the side bar with these changes, so
in all else it follows the side bar. With `whole=1` it is all of a network, and follows nothing. `cut=10` cuts the recurrence
after each 10 steps: that is no property of a network, but of the column. The empty text is the network of the side bar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlencode

import numpy as np

import engine
from engine import CATALOGUE, Run
from engine.flow import Matrix, Truncated
from engine.inputs import SCHEMES, TASKS, Scheme, Setting
from engine.language import ACTIVATIONS, written
from engine.support import shown
from explorer import model as models
from explorer.cache import INPUTS
from explorer.model import OWN, Array, Model, Value, samples
from explorer.state import MAX_COLUMN, State, View, from_query, to_query
from explorer.words.course import Course, Reach, course
from explorer.words.vanishing import earliest, functions, threshold, together

MOST: Final = 3  # columns
_MOST_CHANGES: Final = 60  # of a column
_WHOLE, _CUT = "whole", "cut"


# --- columns -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """One network of a comparison.

    text    what it is made from
    model   what is run; None if it cannot be
    cut     after how many steps the recurrence is cut for the gradient; 0 is never
    whole   whether the text is all of a network, which does not follow the side bar
    fault   why there is no model
    """

    text: str
    model: Model | None
    cut: int = 0
    whole: bool = False
    fault: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two or three columns, or the network of the side bar alone."""

    columns: tuple[Column, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """Of each column what it has that not all have; of one that cannot be run, what was asked for."""
        runnable = [column for column in self.columns if column.model is not None]
        found = dict(
            zip(map(id, runnable), differences([c.model for c in runnable if c.model is not None]), strict=True)
        )
        cut = len({column.cut for column in self.columns}) > 1
        headings: list[str] = []
        for column in self.columns:
            parts = found.get(id(column)) or (() if column.model else _asked(column.text))
            said = f"cut every {_counted(column.cut, 'step')}" if column.cut else "whole gradient"
            headings.append(", ".join([*parts, *[said] * cut]))
        return tuple(headings)


def changes(text: str) -> dict[str, str]:
    """The entries of a column's text. Raises ValueError for what is no query, or has too many entries."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict",
                          max_num_fields=_MOST_CHANGES)  # fmt: skip
    except ValueError:
        raise ValueError(
            f"{shown(text)} is no query of at most {_MOST_CHANGES} entries, such as cell=lstm&steps=50"
        ) from None
    if len(dict(pairs)) < len(pairs):
        raise ValueError("an entry stands there twice")
    return dict(pairs)


def text(entries: Mapping[str, str]) -> str:
    """The text of a column with these entries."""
    return urlencode(entries)


@INPUTS.keeps(key=tuple)
def column(model: Model, text: str) -> Column:
    """The column of a text beside the network of the side bar; it never raises."""
    try:
        entries = changes(text)
        whole, cut = entries.pop(_WHOLE, "0"), entries.pop(_CUT, "0")
        if whole not in ("0", "1"):
            raise ValueError("whole is 0 or 1")
        if not re.fullmatch(r"\d{1,4}", cut, re.ASCII) or int(cut) > models.MAX_STEPS:
            raise ValueError(f"cut is a whole number of steps up to {models.MAX_STEPS:,}")
        start = State() if whole == "1" else State(model)
        state, problems = from_query(entries, MAX_COLUMN, "this column", start)
        if problems:
            raise ValueError(" ".join(problems))
        if state.view != View():
            raise ValueError("how a run is looked at is the same in all columns")
    except ValueError as error:
        return Column(text, None, fault=str(error))
    return Column(text, state.model, int(cut), whole == "1")


def comparison(state: State) -> Comparison:
    """The comparison that the screen shows."""
    return Comparison(tuple(column(state.model, text) for text in state.view.columns or ("",)))


def kept(model: Model) -> str:
    """The text of a column that is all of a network."""
    return text({_WHOLE: "1"} | to_query(State(model), MAX_COLUMN))


def _asked(text: str) -> tuple[str, ...]:
    try:
        return tuple(f"{key} = {value}" for key, value in list(changes(text).items())[:4] if key != _WHOLE)
    except ValueError:
        return ("a column that cannot be read",)


# --- from one comparison to the next -----------------------------------------------------------------------------


def present(columns: Sequence[str]) -> int:
    """Which column is the network of the side bar itself, counted from 0; −1 if none is."""
    return columns.index("") if "" in columns else -1


def with_columns(state: State, columns: Iterable[str]) -> State:
    """The state with other columns; the network of the side bar alone is no comparison. Raises ValueError for too many."""
    chosen = tuple(columns)
    if len(chosen) == 1:
        chosen = ("", *chosen) if chosen[0] else ()
    if len(chosen) > MOST:
        raise ValueError(f"at most {MOST} columns are compared; take one away first")
    return replace(state, view=replace(state.view, columns=chosen))


def added(state: State, text: str) -> State:
    """The state with one more column."""
    return with_columns(state, [*(state.view.columns or ("",)), text])


def removed(state: State, place: int) -> State:
    """The state without a column."""
    return with_columns(state, [text for i, text in enumerate(state.view.columns) if i != place])


def moved(state: State, place: int) -> State:
    """The state with a column one place further to the left."""
    columns = list(state.view.columns)
    columns[place - 1 : place + 1] = columns[place - 1 : place + 1][::-1]
    return with_columns(state, columns)


def edited(state: State, place: int, entries: Mapping[str, str], without: Iterable[str] = ()) -> State:
    """The state with entries of a column set, and others taken away; other changes that do not fit to these are dropped.

    Raises ValueError, saying why, if there is no such network.
    """
    old = changes(state.view.columns[place])
    rest = {key: value for key, value in old.items() if key not in {*entries, *without}}
    new = rest | dict(entries)
    if column(state.model, text(new)).model is None:
        base = {key: rest.pop(key) for key in (_WHOLE, _CUT) if key in rest} | dict(entries)
        fitting = (key for key in rest if column(state.model, text(base | {key: rest[key]})).model is not None)
        new = base | {key: rest[key] for key in fitting}
    made = column(state.model, text(new))
    if made.model is None:
        raise ValueError(made.fault)
    columns = list(state.view.columns)
    columns[place] = text(new)
    return with_columns(state, columns)


# --- what may differ ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Aspect:
    """Something that a column may have and the others not.

    keys      the keys of its entries, as a regular expression
    setting   of a column, its kind and its bounds; None where there is no such thing
    value     of a column, as it is;  other  another one, to begin with
    entries   of a column and a value
    """

    title: str
    keys: str
    setting: Callable[[Column], Setting | None]
    value: Callable[[Column], Value]
    other: Callable[[Column], Value]
    entries: Callable[[Column, Value], dict[str, str]]

    def of(self, text: str) -> list[str]:
        """The keys of those entries of a column that are of this aspect."""
        try:
            return [key for key in changes(text) if re.fullmatch(self.keys, key)]
        except ValueError:
            return []


def recurrent(model: Model) -> tuple[str, ...]:
    """The matrices that are square whatever the sizes: those of a recurrence."""
    shape = models.structure(model)
    pairs = ((name, shape.dimensions[name]) for name in shape.parameters)
    return tuple(name for name, classes in pairs if len(classes) == 2 and classes[0] == classes[1])


def varied(column: Column, base: Column) -> list[str]:
    """The aspects that the entries of a column are of; of one that follows nothing, those in which it is not as `base`."""
    if not column.whole:
        return [name for name, aspect in ASPECTS.items() if aspect.of(column.text)]
    both = {name: row for name, row in ASPECTS.items() if row.setting(column) and row.setting(base)}
    return [name for name, aspect in both.items() if aspect.value(column) != aspect.value(base)]


def _model(column: Column) -> Model:
    assert column.model is not None
    return column.model


def _steps(column: Column) -> Setting | None:
    return next((s for s in models.entry(_model(column)).settings if s.name == "steps"), None)


def _forget(column: Column) -> float:
    bias = models.parameters(_model(column))["b_f"]
    return float(bias[0])


def _spanned(setting: Setting, value: float) -> Setting:
    """A setting whose bounds take the value in, which a link may have set beyond them."""
    return replace(setting, lower=min(setting.lower, value), upper=max(setting.upper, value))


def _named(names: Iterable[str]) -> str:
    return ", ".join(map(written, names))


def _has(column: Column, name: str, dimensions: int) -> bool:
    shape = models.structure(_model(column))
    return name in shape.parameters and len(shape.dimensions[name]) == dimensions


def _own_off(column: Column) -> dict[str, str]:
    return {"own": "0"} if models.brought(_model(column)) is not None else {}


def _choices(titles: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(titles.items())


_CELLS: Final = Setting("Cell", "choice", "cell", choices=_choices({name: models.title(name) for name in CATALOGUE}))
_OWN_CELL: Final = replace(_CELLS, choices=(*_CELLS.choices, (OWN, models.title(OWN))))
_ACTIVATION: Final = Setting("Activation φ", "choice", "activation", choices=_choices({a: a for a in ACTIVATIONS}))
_SCHEME: Final = Setting("Scheme", "choice", "scheme", choices=_choices({n: s.title for n, s in SCHEMES.items()}))
_BIAS: Final = Setting("Forget bias", "float", "bias", 0.0, -20, 20, help="Every entry of b_f at first.")
_GAIN: Final = Setting("Gain", "float", "gain", 1.0, -100, 100, help="Each matrix of the recurrence, times this.")
_EVERY: Final = Setting(
    "Cut every … steps", "int", "cut", 0, 0, models.MAX_STEPS,
    help="Truncated back-propagation: after each so many steps no gradient goes further back. 0 is never.",
)  # fmt: skip

ASPECTS: Final[Mapping[str, Aspect]] = {
    "cell": Aspect(
        "cell", "cell",
        lambda column: _OWN_CELL if _model(column).cell == OWN else _CELLS,
        lambda column: _model(column).cell,
        lambda column: next(name for name in ("lstm", "gru") if name != _model(column).cell),
        lambda column, value: {"cell": str(value)},
    ),
    "activation": Aspect(
        "activation", "activation",
        lambda column: _ACTIVATION if "activation" in models.choices(_model(column).cell) else None,
        lambda column: _model(column).activation,
        lambda column: "tanh" if _model(column).activation == "relu" else "relu",
        lambda column, value: {"activation": str(value)},
    ),
    "gain": Aspect(
        "gain of the recurrence", r"turn\.\w+",
        lambda column: _gain(column),
        lambda column: models.turned(_model(column), recurrent(_model(column))[0])[0],
        lambda column: 2 * models.turned(_model(column), recurrent(_model(column))[0])[0],
        lambda column, value: {f"turn.{name}": _short(value) for name in recurrent(_model(column))},
    ),
    "scheme": Aspect(
        "scheme of the weights", "init|own",
        lambda column: _SCHEME,
        lambda column: _model(column).scheme.name,
        lambda column: "normal" if _model(column).scheme.name == "orthogonal" else "orthogonal",
        lambda column, value: {"init": str(value)} | _own_off(column),
    ),
    "forget": Aspect(
        "forget bias", r"init\.b_f",
        lambda column: _spanned(_BIAS, _forget(column)) if _has(column, "b_f", 1) else None,
        lambda column: _forget(column),
        lambda column: 1.0 if _forget(column) != 1 else 3.0,
        lambda column, value: {"init.b_f": f"constant,value:{_short(value)}"},
    ),
    "units": Aspect(
        "units", r"n\.\w+",
        lambda column: models.HIDDEN if _class(column) and not models.uses_own(_model(column)) else None,
        lambda column: models.sizes(_model(column))[_class(column)],
        lambda column: min(2 * models.sizes(_model(column))[_class(column)], models.MAX_UNITS),
        lambda column, value: {f"n.{_class(column)}": str(value)},
    ),
    "length": Aspect(
        "length", "steps",
        lambda column: _steps(column),
        lambda column: models.settings(_model(column))["steps"],
        lambda column: min(2 * int(models.settings(_model(column))["steps"]), models.MAX_STEPS),
        lambda column, value: {"steps": str(value)},
    ),
    "seed": Aspect(
        "seed of the weights", "init_seed|own",
        lambda column: models.SEED,
        lambda column: _model(column).seed,
        lambda column: (_model(column).seed + 1) % 2**32,
        lambda column, value: {"init_seed": str(value)} | _own_off(column),
    ),
    "cut": Aspect(
        "truncation", "cut",
        lambda column: _EVERY,
        lambda column: column.cut,
        lambda column: min(10, max(1, len(models.factors(_model(column))) // 2)),
        lambda column, value: {_CUT: str(value)},
    ),
}  # fmt: skip


def _gain(column: Column) -> Setting | None:
    names = recurrent(_model(column))
    if not names:
        return None
    now = models.turned(_model(column), names[0])[0]
    return _spanned(replace(_GAIN, label=f"Gain of {_named(names)}"), now)


def _class(column: Column) -> str:
    """The name of the only hidden size; empty if there are several."""
    hidden = models.structure(_model(column)).hidden
    return hidden[0][0] if len(hidden) == 1 else ""


def _short(value: object) -> str:
    return repr(value).removesuffix(".0")


# --- ready comparisons -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """A comparison to start from: the network of the side bar for it, and the columns beside it."""

    title: str
    help: str
    make: Callable[[Model], tuple[Model, tuple[str, ...]]]


_LONG_ENOUGH: Final = 12  # steps from which on a comparison shows something
_STEPS: Final = 30  # else


def _noise(model: Model, steps: int) -> Model:
    """The network on random numbers of the sizes and the kind that it has, with the loss at the end."""
    given = models.task(model)
    values = {"steps": steps, "inputs": given.sizes["x"], "outputs": given.sizes["y"], "targets": given.kind}
    bounds = {setting.name: setting.upper for setting in TASKS["noise"].settings if setting.kind == "int"}
    fitting = {name: min(value, bounds[name]) if isinstance(value, int) else value for name, value in values.items()}
    return models.changed(model, task="noise", settings=models.chosen_settings("noise", fitting), count="last")


def _lasting(model: Model, steps: int) -> Model:
    """The network on its task for so many steps; if that has no such length, on random numbers."""
    try:
        return models.with_setting(model, "steps", steps) if "steps" in models.settings(model) else _noise(model, steps)
    except ValueError:
        return _noise(model, steps)


def _prepared(model: Model, cell: str, fits: Callable[[Model], object]) -> Model:
    """The model, with another cell if its own has not what is varied, and with more steps if they are few."""
    if models.task(model).params:  # weights that only some cells can have
        model = models.changed(model, own=False)
    if not fits(model):
        model = models.changed(model, cell=cell)
    return _lasting(model, _STEPS) if len(models.factors(model)) < _LONG_ENOUGH else model


def _cells(model: Model) -> tuple[Model, tuple[str, ...]]:
    return models.changed(_prepared(model, "rnn", lambda _: True), cell="rnn"), ("", "cell=lstm", "cell=gru")


def _activations(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "rnn", lambda model: "activation" in models.choices(model.cell))
    return models.changed(model, activation="tanh"), ("", "activation=relu")


def _gains(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "rnn", recurrent)
    names = recurrent(model)
    for name in names:
        model = models.with_turn(model, name, 0.5)
    return model, ("", *(text({f"turn.{name}": factor for name in names}) for factor in ("1", "2")))


def _forgets(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "lstm", lambda model: _has(Column("", model), "b_f", 1))
    model = models.with_override(model, "b_f", Scheme("constant", value=0.0))
    return model, ("", *(text({"init.b_f": f"constant,value:{bias}"}) for bias in (1, 3)))


def _lengths(model: Model) -> tuple[Model, tuple[str, ...]]:
    columns = ("", "steps=50", "steps=200")
    short = _lasting(model, 10)
    fine = all(column(short, other).model for other in columns)
    return short if fine else _noise(model, 10), columns


def _schemes(model: Model) -> tuple[Model, tuple[str, ...]]:
    model = _prepared(model, "rnn", recurrent)
    return models.changed(model, scheme=Scheme("orthogonal")), ("", "init=normal", "init=identity")


def _cuts(model: Model) -> tuple[Model, tuple[str, ...]]:
    return _prepared(model, "rnn", lambda model: models.structure(model).states), ("", "cut=10")


READY: Final[Mapping[str, Ready]] = {
    "cells": Ready("RNN | LSTM | GRU", "What gates are for.", _cells),
    "activations": Ready("tanh | ReLU", "A slope that saturates, and one that is 0 or 1.", _activations),
    "gains": Ready("gain ½ | 1 | 2", "The recurrent matrices at half, one and two times their size.", _gains),
    "forgets": Ready("forget bias 0 | 1 | 3", "How far the forget gate is open at first.", _forgets),
    "lengths": Ready("T 10 | 50 | 200", "The same network, on longer and longer sequences.", _lengths),
    "schemes": Ready("orthogonal | normal | identity", "Where the weights begin.", _schemes),
    "cuts": Ready("whole | cut every 10", "What truncated back-propagation leaves out.", _cuts),
}


@INPUTS.keeps(key=tuple)
def ready(name: str, model: Model) -> tuple[Model, tuple[str, ...]]:
    """The network of the side bar and the columns of a ready comparison, from the present network: what can stay stays.

    A cell of the user's own that cannot have what is compared gives way to the book's network.
    """
    try:
        return READY[name].make(model)
    except ValueError:
        return READY[name].make(models.changed(model, cell="rnn"))


# --- what differs ------------------------------------------------------------------------------------------------


def differences(compared: Sequence[Model]) -> tuple[tuple[str, ...], ...]:
    """Of each model, in words, what it has that not all have; from the models' fields alone. Empty where all agree.

    **Holds:** equal_models_do_not_differ, models_that_run_differently_differ.
    """
    listed = [_facts(model, compared) for model in compared]
    names = list(dict.fromkeys(name for facts in listed for name in facts))
    told = [name for name in names if len({facts[name][0] for facts in listed if name in facts}) > 1]
    told += [
        name for name in names if name.startswith(("init.", "turn.")) and not all(name in facts for facts in listed)
    ]
    return tuple(tuple(words for name, (_, words) in facts.items() if name in told and words) or () for facts in listed)


def _facts(model: Model, compared: Sequence[Model]) -> dict[str, tuple[Hashable, str]]:
    """What can be told of a model: name -> what is compared, and the words for it."""
    shape, sizes, chosen = models.structure(model), models.sizes(model), models.settings(model)
    facts: dict[str, tuple[Hashable, str]] = {"cell": ((model.cell, model.text), _cell(model, compared))}
    options = models.choices(model.cell)
    if "activation" in options:
        facts["activation"] = (model.activation, model.activation)
    if "layers" in options:
        facts["layers"] = (model.layers, _counted(model.layers, "layer"))
    hidden = {name: n for name, n in sizes.items() if name not in "xy"}
    if hidden:
        alike = len(set(hidden.values())) == 1
        said = _counted(next(iter(hidden.values())), "unit") if alike else _listed(hidden)
        facts["units"] = (tuple(sorted(set(hidden.values()))) if alike else tuple(hidden.items()), said)
    facts["x"], facts["y"] = (sizes["x"], _counted(sizes["x"], "input")), (sizes["y"], _counted(sizes["y"], "output"))
    facts["task"] = (model.task, models.entry(model).title)
    steps, samples = models.task(model).x.shape[:2]
    facts["steps"] = (steps, f"{_counted(steps, 'step')}")
    for setting in models.entry(model).settings:
        if setting.name not in ("steps", "inputs", "outputs"):
            facts[f"task.{model.task}.{setting.name}"] = (chosen[setting.name], _set(setting, chosen[setting.name]))
    few = 0 < len(model.weights) <= _FEW
    counts = "weights " + ", ".join(f"{weight:g}" for weight in model.weights) if few else models.COUNTS[model.count]
    facts["count"] = ((model.count, model.weights), f"loss: {counts}")
    if samples > 1:
        facts["reduction"] = (model.reduction, f"{model.reduction} over the samples")
    if models.uses_own(model):
        facts["scheme"] = ("own", "weights of the worked network")
    else:
        facts["scheme"] = (model.scheme, _scheme(model.scheme))
        facts["seed"] = (model.seed, f"seed {model.seed}")
        chosen_by_name = {name for other in compared for name, _ in other.overrides}
        for name in shape.parameters:
            if name in chosen_by_name:
                own = _of_parameter(model, name)
                facts[f"init.{name}"] = (own, f"{written(name)} {_scheme(own)}")
    for name in dict.fromkeys(name for other in compared for name, _, _ in other.scaled):
        if name in shape.parameters or name == "x":
            factor, more = models.turned(model, name)
            facts[f"turn.{name}"] = ((factor, more), f"{written(name)} × {factor:g}" + (f" {more:+g}" if more else ""))
    facts["edits"] = (model.edits, _edits(model, compared))
    return facts


def _edits(model: Model, compared: Sequence[Model]) -> str:
    """The numbers changed by hand that not all have: a few as they are, places counted from 1; else how many."""
    own = [edit for edit in model.edits if not all(edit in other.edits for other in compared)]
    if not 0 < len(own) <= 2:
        return _counted(len(own), "number") + " changed by hand"
    return ", ".join(
        f"{written(name)}[{','.join(str(i + 1) for i in index)}] = {value:g}" for (name, index), value in own
    )


def _cell(model: Model, compared: Sequence[Model]) -> str:
    """The title of the cell; of one of several of the user's own, with the first line that the others have not."""
    if model.cell != OWN:
        return models.title(model.cell)
    others = {line.strip() for other in compared if other.text != model.text for line in other.text.splitlines()}
    lines = (line.partition("#")[0].strip() for line in model.text.splitlines() if line.strip() not in others)
    own = next(filter(None, lines), "") if any(other.cell == OWN for other in compared if other != model) else ""
    return models.title(OWN) + f": {own[:60]}" * bool(own)


def _of_parameter(model: Model, name: str) -> Scheme:
    """How a parameter begins: by its own scheme, by the start that the cell gives it, or as the rest."""
    shape = models.structure(model)
    if name in dict(model.overrides):
        return dict(model.overrides)[name]
    if name in shape.start:
        return Scheme("constant", value=shape.start[name])
    filled = len(shape.dimensions[name]) == 2 or SCHEMES[model.scheme.name].vectors
    return model.scheme if filled else Scheme("constant", value=0.0)


def _scheme(scheme: Scheme) -> str:
    if scheme.name == "constant":
        return f"= {scheme.value:g}"
    numbers = [(s.name, getattr(scheme, s.name), s.default) for s in SCHEMES[scheme.name].settings]
    own = [
        f"{_WORDS.get(name, name)} {value:g}" for name, value, usual in numbers if value is not None and value != usual
    ]
    return ", ".join([SCHEMES[scheme.name].title.lower(), *own])


_FEW: Final = 6  # weights of losses that are all said
_WORDS: Final = {"radius": "spectral radius", "norm": "largest singular value"}


def _set(setting: Setting, value: Value) -> str:
    if setting.kind == "choice":
        return dict(setting.choices)[str(value)]
    if setting.kind == "text":
        return f"“{value}”" if len(str(value)) <= 30 else f"a text of {len(str(value)):,} characters"
    number = f"{value:g}" if isinstance(value, float) else f"{value}"
    return f"{setting.label[:1].lower()}{setting.label[1:]} {number}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _listed(units: Mapping[str, int]) -> str:
    return ", ".join(f"{n} units of {written(name)}" for name, n in units.items())


@dataclass(frozen=True)
class Shared:
    """What is the same to the bit in all networks of a comparison.

    data      inputs, targets and the losses' factors;  steps  else, how many of the first steps have the same inputs
    parameters, others   names of the parameters that all have with the same numbers, and of the rest
    """

    data: bool
    steps: int
    parameters: tuple[str, ...]
    others: tuple[str, ...]


@INPUTS.keeps(key=tuple)
def shared(compared: tuple[Model, ...]) -> Shared:
    """What is the same to the bit in all of them."""
    tasks, weights = [models.task(model) for model in compared], [models.parameters(model) for model in compared]
    inputs = [task.x for task in tasks]
    same = all(_equal(a, b) for task in tasks[1:] for a, b in ((task.x, tasks[0].x), (task.y, tasks[0].y)))
    factors = [models.factors(model) for model in compared]
    names = dict.fromkeys(name for given in weights for name in given)
    alike = tuple(n for n in names if all(n in given and _equal(given[n], weights[0][n]) for given in weights))
    return Shared(
        same and all(_equal(own, factors[0]) for own in factors),
        _together(inputs),
        alike,
        tuple(name for name in names if name not in alike),
    )


def _equal(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def _together(inputs: Sequence[Array]) -> int:
    """How many of the first steps have the same inputs everywhere."""
    if len({x.shape[1:] for x in inputs}) > 1:
        return 0
    steps = min(map(len, inputs))
    alike = np.all([(x[:steps] == inputs[0][:steps]).all(axis=(1, 2)) for x in inputs], axis=0)
    return steps if alike.all() else int(np.argmin(alike))


# --- what is measured --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What is left of the gradient of a run on its way back.

    loss        the loss
    state       the name whose gradient the numbers below are of: `vanishing.earliest`
    curves      of each state log₁₀ ‖∇‖ of all losses at every step, (T,), right far outside the range of floats; −∞ for zero.
                Of a cell without memory of the last step at each node of the flow, under an empty name
    first       log₁₀ ‖∇‖ of all losses at the first step
    alone       how the gradient of the last loss that counts goes back by itself; None if none counts, or without memory
    reach       how far float32 holds that
    matrices    those of the recurrence
    saturated   share of the slopes φ' below a tenth of the largest that the function can have; nan without such functions
    error       name of a parameter -> ‖cut − whole‖ / ‖whole‖ of its gradient; empty if nothing is cut
    """

    loss: float
    state: str
    curves: Mapping[str, Array]
    first: float
    alone: Course | None
    reach: Reach | None
    matrices: tuple[Matrix, ...]
    saturated: float
    error: Mapping[str, float]


def truncated(run: Run, found: Truncated) -> Run:
    """The run with the gradients of the cut recurrence in place of the whole ones; values and loss are the same."""
    result = copy(run)
    result.grad, result.param_grad, result.initial_grad = found.grad, found.param_grad, found.initial_grad
    return result


def measured(run: Run, sample: int = 0, found: Truncated | None = None, every: int = 0) -> Measured:
    """The numbers of a run; of one that is cut, give the whole run, what the cut leaves, and after how many steps it cuts.

    sample   counted from 1; 0 is all of them together
    **Holds:** the_table_says_what_the_sentence_says.
    """
    state = earliest(run.cell)
    of_state = _exponents(run, state, sample, found)
    curves = {name: _exponents(run, name, sample, found) for name in run.cell.states}
    if not curves:
        flow = [*["x"] * run.cell.reads_x, *run.cell.nodes]
        curves = {"": np.array([_exponents(run, name, sample, found)[-1] for name in flow])}
    alone = course(run, state, sample, every if found is not None else 0) if run.cell.states else None
    if alone is not None and not (alone.finite and alone.first):
        alone = None
    return Measured(
        loss=run.loss,
        state=state,
        curves=curves,
        first=float(of_state[0]),
        alone=alone,
        reach=alone.reach("float32") if alone is not None else None,
        matrices=engine.recurrent_matrices(run) if run.cell.states else (),
        saturated=_saturated(run),
        error={} if found is None else found.error,
    )


def _exponents(run: Run, name: str, sample: int, found: Truncated | None) -> Array:
    """log₁₀ ‖∇name(t)‖, (T,), of one sample or of all together."""
    if found is None:
        log = engine.log_grad_norm(run, name)
    else:
        with np.errstate(divide="ignore"):
            log = np.log10(np.linalg.norm(found.grad[name], axis=-1))
    return together(log[:, samples.span(run, sample)])


def _saturated(run: Run) -> float:
    """The share of all units of all functions, over all steps, that are saturated; nan if there is no function."""
    flat = [(np.abs(run.slope(name)) < threshold(run, name)).ravel() for name in functions(run)]
    return float(np.concatenate(flat).mean()) if flat else float("nan")
