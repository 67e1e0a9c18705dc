"""From one model to the next: a change of some fields keeps the values of the others that still fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import engine
from engine import Cell
from engine.inputs import TASKS, Scheme
from engine.support import shown
from explorer.model.bounds import HIDDEN, MAX_EDITS, OWN, Value, bounded, chosen_settings
from explorer.model.fields import Edits, Place
from explorer.model.model import Model
from explorer.model.parts import (
    arrays,
    classes,
    factors,
    form,
    has_place,
    made_cell,
    settings,
    shapes,
    sizes,
    structure,
    task_form,
)


def changed(model: Model, **fields: Any) -> Model:
    """A model with some fields changed; the others keep the values that still fit. Raises ValueError as `Model` does."""
    wanted = {name: getattr(model, name) for name in Model.__dataclass_fields__} | fields
    if wanted["task"] != model.task and "settings" not in fields:
        wanted["settings"] = _kept_settings(model, wanted["task"])
    if "text" in fields and "cell" not in fields:
        wanted["cell"] = OWN
    if wanted["cell"] != OWN:
        wanted["text"] = ""
    before = structure(model)
    after = made_cell(wanted["cell"], wanted["activation"], wanted["layers"], "nll", wanted["text"])
    if after.hidden != before.hidden and "sizes" not in fields:
        wanted["sizes"] = _kept_sizes(model, after)
    if "overrides" not in fields:
        wanted["overrides"] = tuple((name, scheme) for name, scheme in model.overrides if name in after.parameters)
    if "weights" not in fields:
        wanted["weights"] = ()
    if wanted["count"] == "hand" and "weights" not in fields:
        steps = task_form(wanted["task"], wanted["settings"]).steps
        wanted["weights"] = (*map(float, factors(model)), *[1.0] * steps)[:steps]
    if "scaled" not in fields:
        same = wanted["task"] == model.task
        wanted["scaled"] = tuple(row for row in model.scaled if _still_scaled(after, same, *row))
    if "edits" not in fields and model.edits:
        unedited = Model(**wanted | {"edits": ()})
        return replace(unedited, edits=kept) if (kept := _kept_edits(model, unedited)) else unedited
    return Model(**wanted)


def _still_scaled(after: Cell, same_task: bool, name: str, _: float, added: float) -> bool:
    """Whether an array that is turned as a whole exists in another cell, and can be turned there."""
    if name == "x":
        return after.reads_x and same_task
    return name in after.parameters and (not added or len(after.dimensions[name]) == 1)


def _kept_edits(before: Model, after: Model) -> Edits:
    """The numbers changed by hand in one model that have a place in another."""
    dimensions, count, same = shapes(after), classes(after), before.task == after.task
    shares = form(after).kind == "shares"
    return tuple(
        (place, value)
        for place, value in before.edits
        if has_place(dimensions, place)
        and (place[0] not in ("x", "y") or same)
        and (place[0] != "y" or not count or (isinstance(value, int) and value < count))
        and (place[0] != "y" or not shares or 0 <= value <= 1)
    )


def with_edits(model: Model, values: Mapping[Place, float | None]) -> Model:
    """A model with more numbers changed by hand.

    An array that was turned as a whole is from then on changed by hand in all its entries.

    Args:
        model: the model that is changed.
        values: place -> number; None, or the number before all changes, takes a change back.

    Raises:
        ValueError: for a place that does not exist, or a number that is not allowed there.
    """
    still_turned = tuple(row for row in model.scaled if row[0] not in {name for name, _ in values})
    if still_turned != model.scaled:
        values = _written_out(model, [row[0] for row in model.scaled if row not in still_turned]) | dict(values)
    unedited = replace(model, edits=(), scaled=still_turned)
    dimensions, before, edits = shapes(unedited), arrays(unedited), dict(model.edits)
    for place, value in values.items():
        if not has_place(dimensions, place):
            raise ValueError(f"there is no entry {list(place[1])} of {shown(place[0])}")
        if value is None or before[place[0]][place[1]] == value:
            edits.pop(place, None)
        else:
            edits[place] = value + 0 if isinstance(value, int) and place[0] == "y" else float(value) + 0.0  # no −0
    return replace(unedited, edits=tuple(sorted(edits.items())))


def _written_out(model: Model, names: list[str]) -> dict[Place, float | None]:
    """Every entry of some arrays, with its present number."""
    numbers = arrays(model)
    if (count := sum(numbers[name].size for name in names)) > MAX_EDITS:
        raise ValueError(
            f"{', '.join(names)} is turned as a whole, so each of its {count:,} numbers would be one changed by hand; at most"
            f" {MAX_EDITS:,} are kept: turn it back first"
        )
    return {(name, index): float(numbers[name][index]) for name in names for index in np.ndindex(numbers[name].shape)}


def turned(model: Model, name: str) -> tuple[float, float]:
    """The factor of an array as a whole, and the number added to each of its entries."""
    return next(((factor, added) for of, factor, added in model.scaled if of == name), (1.0, 0.0))


def with_turn(model: Model, name: str, factor: float, added: float = 0.0) -> Model:
    """A model with one array turned as a whole, after the edits: factor · array + added. Raises ValueError as `Model` does."""
    rows = {of: (f, a) for of, f, a in model.scaled} | {name: (float(factor), float(added))}
    return replace(model, scaled=tuple((of, *row) for of, row in sorted(rows.items()) if row != (1, 0)))


def dropped(before: Model, after: Model) -> list[str]:
    """The arrays in which a change of sizes, cell or task has dropped numbers changed by hand."""
    if not before.edits:
        return []
    kept = dict(_kept_edits(before, after))
    return sorted({place[0] for place, _ in before.edits if place not in kept})


def with_text(model: Model, text: str) -> Model:
    """A model with a cell of the user's own; the start values of the cell before become schemes of single parameters."""
    cell = engine.parse(text, OWN)
    starts = {name: Scheme("constant", value=value) for name, value in structure(model).start.items()}
    schemes = starts | dict(model.overrides)
    kept = tuple((name, schemes[name]) for name in cell.parameters if name in schemes)
    return changed(model, text=text, cell=OWN, overrides=kept)


def with_setting(model: Model, name: str, value: Value) -> Model:
    """A model with one setting of its task changed."""
    return changed(model, settings=chosen_settings(model.task, settings(model) | {name: value}))


def with_size(model: Model, name: str, units: int) -> Model:
    """A model with one hidden size changed: that of the class to which the name belongs."""
    return changed(
        model, sizes=chosen_sizes(structure(model), dict(model.sizes) | {sized(structure(model), name): units})
    )


def sized(cell: Cell, name: str) -> str:
    """The name under which a hidden size is kept, the first of its class. Raises ValueError for a name without such a size."""
    for members in cell.hidden:
        if name in members:
            return members[0]
    known = ", ".join(members[0] for members in cell.hidden) or "none"
    raise ValueError(f"{shown(name)} has no size of its own; sizes that can be chosen: {known}")


def with_override(model: Model, name: str, scheme: Scheme | None) -> Model:
    """A model with the scheme of one parameter changed, or with None removed."""
    if name not in structure(model).parameters:
        raise ValueError(f"there is no parameter {shown(name)}; there are {', '.join(structure(model).parameters)}")
    schemes = dict(model.overrides) | ({} if scheme is None else {name: scheme})
    return changed(
        model,
        overrides=tuple(
            (p, schemes[p]) for p in structure(model).parameters if p in schemes and (p, scheme) != (name, None)
        ),
    )


def chosen_sizes(cell: Cell, values: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The hidden sizes that differ from the default, in the order of the cell."""
    return tuple(
        (members[0], units)
        for members in cell.hidden
        if (units := values.get(members[0], HIDDEN.default)) != HIDDEN.default
    )


def _kept_sizes(model: Model, after: Cell) -> tuple[tuple[str, int], ...]:
    """Hidden sizes by any name that both cells have; for a class without such a name, the size that all had before, if one."""
    before = {member: sizes(model)[members[0]] for members in structure(model).hidden for member in members}
    only = next(iter(before.values())) if len(set(before.values())) == 1 else HIDDEN.default
    return chosen_sizes(
        after, {members[0]: next((before[m] for m in members if m in before), only) for members in after.hidden}
    )


def _kept_settings(model: Model, task: str) -> tuple[tuple[str, Value], ...]:
    """The settings that mean the same in both tasks and are allowed in the new one."""
    before = {setting.name: setting for setting in TASKS[model.task].settings}
    kept: dict[str, Value] = {}
    for setting in TASKS[task].settings if task in TASKS else ():
        if setting.name in dict(model.settings) and setting.kind == before[setting.name].kind in ("int", "float"):
            try:
                kept[setting.name] = bounded(setting, task).checked(dict(model.settings)[setting.name])
            except ValueError:
                continue
    return chosen_settings(task, kept)
