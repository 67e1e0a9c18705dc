"""The differences between networks, in words, and what all of them have in common to the bit."""

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
    """Describe what each model has that not all have, from the fields of the models alone.

    Args:
        compared: the models

    Returns:
        Of each model its differences in words; empty where all agree.

    **Holds:** equal_models_do_not_differ, models_that_run_differently_differ.
    """
    listed = [_facts(model, compared) for model in compared]
    names = list(dict.fromkeys(name for facts in listed for name in facts))
    differing = [name for name in names if len({facts[name][0] for facts in listed if name in facts}) > 1]
    differing += [
        name for name in names if name.startswith(("init.", "turn.")) and not all(name in facts for facts in listed)
    ]
    return tuple(
        tuple(words for name, (_, words) in facts.items() if name in differing and words) or () for facts in listed
    )


def _facts(model: Model, compared: Sequence[Model]) -> dict[str, tuple[Hashable, str]]:
    """The facts of a model: name -> the value that is compared, and the words for it."""
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
        words = counted(next(iter(hidden.values())), "unit") if alike else _listed(hidden)
        facts["units"] = (tuple(sorted(set(hidden.values()))) if alike else tuple(hidden.items()), words)
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
                scheme = _of_parameter(model, name)
                facts[f"init.{name}"] = (scheme, f"{written(name)} {_scheme(scheme)}")
    for name in dict.fromkeys(name for other in compared for name, _, _ in other.scaled):
        if name in shape.parameters or name == "x":
            factor, added = models.turned(model, name)
            facts[f"turn.{name}"] = (
                (factor, added),
                f"{written(name)} × {factor:g}" + (f" {added:+g}" if added else ""),
            )
    facts["edits"] = (model.edits, _edits(model, compared))
    return facts


def _edits(model: Model, compared: Sequence[Model]) -> str:
    """The numbers changed by hand that not all models have: one or two by place, counted from 1, and value; else their count."""
    edits = [edit for edit in model.edits if not all(edit in other.edits for other in compared)]
    if not 0 < len(edits) <= 2:
        return counted(len(edits), "number") + " changed by hand"
    return ", ".join(
        f"{written(name)}[{','.join(str(i + 1) for i in index)}] = {value:g}" for (name, index), value in edits
    )


def _cell(model: Model, compared: Sequence[Model]) -> str:
    """The title of the cell; if several are the user's own, with its first line that no other has."""
    if model.cell != OWN:
        return models.title(model.cell)
    others = {line.strip() for other in compared if other.text != model.text for line in other.text.splitlines()}
    lines = (text.partition("#")[0].strip() for text in model.text.splitlines() if text.strip() not in others)
    line = next(filter(None, lines), "") if any(other.cell == OWN for other in compared if other != model) else ""
    return models.title(OWN) + f": {line[:60]}" * bool(line)


def _of_parameter(model: Model, name: str) -> Scheme:
    """The scheme of a parameter: its own, the start that the cell gives it, or the scheme of the model."""
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
    chosen = [
        f"{_WORDS.get(name, name)} {value:g}" for name, value, usual in numbers if value is not None and value != usual
    ]
    return ", ".join([SCHEMES[scheme.name].title.lower(), *chosen])


_FEW: Final = 6  # weights of losses that are listed
_WORDS: Final = {"radius": "spectral radius", "norm": "largest singular value"}


def _set(setting: Setting, value: Value) -> str:
    if setting.kind == "choice":
        return dict(setting.choices)[str(value)]
    if setting.kind == "text":
        return f"“{value}”" if len(str(value)) <= 30 else f"a text of {len(str(value)):,} characters"
    number = f"{value:g}" if isinstance(value, float) else f"{value}"
    return f"{setting.label[:1].lower()}{setting.label[1:]} {number}"


def counted(count: int, what: str) -> str:
    """A count with its noun: 1 step, 2 steps."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def _listed(units: Mapping[str, int]) -> str:
    return ", ".join(f"{n} units of {written(name)}" for name, n in units.items())


@dataclass(frozen=True)
class Shared:
    """What all networks of a comparison have in common to the bit.

    data        whether inputs, targets and the losses' factors are the same
    steps       the number of first steps that have the same inputs
    parameters  names of the parameters that all have with the same numbers;  others  names of the other parameters
    """

    data: bool
    steps: int
    parameters: tuple[str, ...]
    others: tuple[str, ...]


@INPUTS.keeps(key=tuple)
def shared(compared: tuple[Model, ...]) -> Shared:
    """Find what all models have in common to the bit.

    Args:
        compared: the models

    Returns:
        Data, steps and parameters that are the same.
    """
    tasks, weights = [models.task(model) for model in compared], [models.parameters(model) for model in compared]
    inputs = [task.x for task in tasks]
    same = all(_equal(a, b) for task in tasks[1:] for a, b in ((task.x, tasks[0].x), (task.y, tasks[0].y)))
    factors = [models.factors(model) for model in compared]
    names = dict.fromkeys(name for each in weights for name in each)
    alike = tuple(n for n in names if all(n in each and _equal(each[n], weights[0][n]) for each in weights))
    return Shared(
        same and all(_equal(each, factors[0]) for each in factors),
        _together(inputs),
        alike,
        tuple(name for name in names if name not in alike),
    )


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool((a == b).all())


def _together(inputs: Sequence[Array]) -> int:
    """The number of first steps that have the same inputs everywhere."""
    if len({x.shape[1:] for x in inputs}) > 1:
        return 0
    steps = min(map(len, inputs))
    alike = np.all([(x[:steps] == inputs[0][:steps]).all(axis=(1, 2)) for x in inputs], axis=0)
    return steps if alike.all() else int(np.argmin(alike))
