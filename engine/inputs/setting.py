"""Settings, with label, kind, default and bounds; and the random numbers of a seed and a name."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from engine.support.arguments import index, shown

MAX_SEED: Final = 2**32 - 1


@dataclass(frozen=True)
class Setting:
    """A value that a user can set.

    Attributes:
        label: its label on the page.
        kind: "int", "float", "bool", "choice" or "text".
        name: the name of the argument or field.
        default: the value if the user sets none.
        lower: the smallest number, or the smallest length of a text.
        upper: the largest number, or the largest length of a text.
        choices: (value, label) for each value of a choice.
        help: a sentence for the page.

    **Holds:** defaults_are_allowed, a_setting_says_what_is_allowed.
    """

    label: str
    kind: Literal["int", "float", "bool", "choice", "text"]
    name: str = ""
    default: Any = None
    lower: float = -math.inf
    upper: float = math.inf
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""

    def checked(self, value: object) -> Any:
        """Convert a value to a plain int, float, bool or str.

        Args:
            value: such as a user gives it.

        Returns:
            The value in the type of the setting's kind.

        Raises:
            ValueError: if the value is not allowed.
        """
        kind = self.kind
        if kind == "bool" and isinstance(value, bool | np.bool_):
            return bool(value)
        if kind == "choice" and isinstance(value, str) and value in dict(self.choices):
            return value
        if kind == "text" and isinstance(value, str) and self._within(len(value)):
            return value
        if kind == "int" and (whole := index(value)) is not None and self._within(whole):
            return whole
        if kind == "float" and isinstance(value, numbers.Real) and not isinstance(value, bool) and self._within(value):
            return float(value)
        raise ValueError(f"{self.name} = {shown(value)} is not allowed: {self.allowed}")

    def _within(self, size: Any) -> bool:
        return bool(self.lower <= size <= self.upper)  # False for nan

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        if self.kind == "bool":
            return "give True or False"
        if self.kind == "choice":
            return "give one of " + ", ".join(repr(choice) for choice, _ in self.choices)
        span = f"{self.lower:,.12g} to {self.upper:,.12g}"
        if self.kind == "text":
            return f"give a text of {span} characters"
        return f"give {'an integer' if self.kind == 'int' else 'a number'} from {span}"


SEED: Final = Setting(
    "Seed", "int", "seed", 0, 0, MAX_SEED, help="The same seed gives the same weights on every machine."
)


def stream(seed: int, name: str) -> np.random.Generator:
    """Make the random numbers of a seed and a name, independent of those of any other name.

    Args:
        seed: 0 to `MAX_SEED`.
        name: any text.

    Returns:
        A generator at its beginning.

    Raises:
        ValueError: for any other seed.

    **Holds:** streams_are_locked.
    """
    key = tuple(name.encode("utf-8", "surrogatepass"))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(SEED.checked(seed), spawn_key=key)))
