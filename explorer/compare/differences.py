"""What differs between networks, in words, and what is the same to the bit."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.inputs import SCHEMES, Scheme, Setting
from engine.language import written
from explorer import model as models
from explorer.cache import INPUTS
from explorer.model import OWN, Array, Model, Value


def distinctions(compared: Sequence[Model]) -> tuple[tuple[str, ...], ...]:
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
        facts["layers"] = (model.layers, counted(model.layers, "layer"))
    hidden = {name: n for name, n in sizes.items() if name not in "xy"}
    if hidden:
        alike = len(set(hidden.values())) == 1
        said = counted(next(iter(hidden.values())), "unit") if alike else _listed(hidden)
        facts["units"] = (tuple(sorted(set(hidden.values()))) if alike else tuple(hidden.items()), said)
    facts["x"], facts["y"] = (sizes["x"], counted(sizes["x"], "input")), (sizes["y"], counted(sizes["y"], "output"))
    facts["task"] = (model.task, models.entry(model).title)
    steps, samples = models.task(model).x.shape[:2]
    facts["steps"] = (steps, f"{counted(steps, 'step')}")
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
        return counted(len(own), "number") + " changed by hand"
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


def counted(count: int, what: str) -> str:
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
