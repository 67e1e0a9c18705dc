"""The aspects in which columns may differ: each with its setting, its value, and the entries of a column that set it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from engine import CATALOGUE
from engine.inputs import SCHEMES, Setting
from engine.language import ACTIVATIONS, written
from explorer import model as models
from explorer.compare.columns import CUT, Column, changes
from explorer.fields import joined
from explorer.model import OWN, Model, Value


@dataclass(frozen=True)
class Aspect:
    """An aspect in which columns may differ.

    keys      a regular expression for the keys of its entries
    setting   of a column: kind and bounds of the value; None if the column has no such aspect
    value     of a column: the present value;  other  another value, for a new column
    entries   of a column and a value: the entries that set the value
    """

    title: str
    keys: str
    setting: Callable[[Column], Setting | None]
    value: Callable[[Column], Value]
    other: Callable[[Column], Value]
    entries: Callable[[Column, Value], dict[str, str]]

    def of(self, text: str) -> list[str]:
        """The keys of the entries of a column that belong to this aspect."""
        try:
            return [key for key in changes(text) if re.fullmatch(self.keys, key)]
        except ValueError:
            return []


def recurrent(model: Model) -> tuple[str, ...]:
    """Find the matrices of the recurrence: those that are square whatever the sizes.

    Args:
        model: the network

    Returns:
        Their names.
    """
    shape = models.structure(model)
    pairs = ((name, shape.dimensions[name]) for name in shape.parameters)
    return tuple(name for name, classes in pairs if len(classes) == 2 and classes[0] == classes[1])


def varied(column: Column, base: Column) -> list[str]:
    """Find the aspects in which a column differs from the network of the side bar.

    Args:
        column: the column; of one that follows the side bar, the aspects of its entries
        base: the network of the side bar as a column

    Returns:
        Keys of `ASPECTS`.
    """
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
    """A setting whose bounds contain the value, which a link may have set beyond them."""
    return replace(setting, lower=min(setting.lower, value), upper=max(setting.upper, value))


def _named(names: Iterable[str]) -> str:
    return ", ".join(map(written, names))


def has(column: Column, name: str, dimensions: int) -> bool:
    """Whether a column has a parameter of this name with this number of dimensions."""
    shape = models.structure(_model(column))
    return name in shape.parameters and len(shape.dimensions[name]) == dimensions


def without_task_weights(column: Column) -> dict[str, str]:
    """The entries that turn off the weights that a task brings."""
    return {"own": "0"} if models.brings_weights(_model(column)) else {}


def _choices(titles: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(titles.items())


_CELLS: Final = Setting("Cell", "choice", "cell", choices=_choices({name: models.title(name) for name in CATALOGUE}))
_OWN_CELL: Final = replace(_CELLS, choices=(*_CELLS.choices, (OWN, models.title(OWN))))
_ACTIVATION: Final = Setting("Activation φ", "choice", "activation", choices=_choices({a: a for a in ACTIVATIONS}))
_SCHEME: Final = Setting("Scheme", "choice", "scheme", choices=_choices({n: s.title for n, s in SCHEMES.items()}))
_BIAS: Final = Setting("Forget bias", "float", "bias", 0.0, -20, 20, help="The initial value of every entry of b_f.")
_GAIN: Final = Setting("Gain", "float", "gain", 1.0, -100, 100, help="The factor of each matrix of the recurrence.")
_EVERY: Final = Setting(
    "Cut every … steps", "int", "cut", 0, 0, models.MAX_STEPS,
    help="Truncated back-propagation: after this number of steps no gradient goes further back. 0 is never.",
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
        lambda column, value: {f"turn.{name}": joined([value]) for name in recurrent(_model(column))},
    ),
    "scheme": Aspect(
        "scheme of the weights", "init|own",
        lambda column: _SCHEME,
        lambda column: _model(column).scheme.name,
        lambda column: "normal" if _model(column).scheme.name == "orthogonal" else "orthogonal",
        lambda column, value: {"init": str(value)} | without_task_weights(column),
    ),
    "forget": Aspect(
        "forget bias", r"init\.b_f",
        lambda column: _spanned(_BIAS, _forget(column)) if has(column, "b_f", 1) else None,
        lambda column: _forget(column),
        lambda column: 1.0 if _forget(column) != 1 else 3.0,
        lambda column, value: {"init.b_f": f"constant,value:{joined([value])}"},
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
        lambda column: (_model(column).seed + 1) % (int(models.SEED.upper) + 1),
        lambda column, value: {"init_seed": str(value)} | without_task_weights(column),
    ),
    "cut": Aspect(
        "truncation", "cut",
        lambda column: _EVERY,
        lambda column: column.cut,
        lambda column: min(10, max(1, len(models.factors(_model(column))) // 2)),
        lambda column, value: {CUT: str(value)},
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
