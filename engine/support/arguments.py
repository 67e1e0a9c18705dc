"""Checks of a caller's arguments. Each error names the argument, shows its value, and says what is allowed."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

import numpy as np


def shown(value: object) -> str:
    """A value as a message shows it, on one line.

    Args:
        value: anything that has a repr.

    Returns:
        The repr, cut off after 60 characters; of a text of more than 40 characters its length.
    """
    if isinstance(value, str) and len(value) > 40:
        return f"a text of {len(value):,} characters"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def index(value: Any) -> int | None:
    """A whole number of any type as a plain int; None for any other value, also for True and 2.0."""
    if isinstance(value, bool | np.bool_):  # a number to Python, but True steps are a mistake of the caller
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def whole(what: str, value: Any, lower: int, upper: int | None, allowed: str) -> int:
    """A whole number within bounds, as a plain int.

    Args:
        what: the name of the argument.
        value: an int, an integer of numpy, or an array of one without axes.
        lower: the least number that is allowed.
        upper: the largest, None for no bound.
        allowed: the end of the message: what is allowed.

    Raises:
        ValueError: "{what} is {value}; {allowed}", for any other value; True and 2.0 are no whole numbers.

    **Holds:** every_integer_type_is_taken_where_int_is.
    """
    number = index(value)
    if number is None or number < lower or (upper is not None and number > upper):
        raise ValueError(f"{what} is {shown(value) if number is None else number}; {allowed}")
    return number


def texts(**arguments: Any) -> None:
    """Raise ValueError, "{name of the argument} is {value}; a text is needed", for anything but texts."""
    for what, value in arguments.items():
        if not isinstance(value, str):
            raise ValueError(f"{what} is {shown(value)}; a text is needed")


def one_of(what: str, value: Any, names: Collection[str], allowed: str = "") -> None:
    """Raise ValueError, "{what} is {value}; {allowed}", for anything but one of the names.

    Without `allowed` the message lists the names.
    """
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{what} is {shown(value)}; {allowed or 'known: ' + ', '.join(names)}")


def mapping(what: str, value: Any, allowed: str) -> None:
    """Raise ValueError, "{what} is a {type}; a mapping {allowed} is needed", for anything but a mapping."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is a {type(value).__name__}; a mapping {allowed} is needed")


def sample_of(sample: Any, B: int) -> int:
    """A sample, counted from 0, as a plain int; raises ValueError if it does not exist."""
    return whole("sample", sample, 0, B - 1, f"samples are counted from 0 to {B - 1}")


def step_of(t: Any, T: int, first: int = 1, of: str = "", what: str = "t") -> int:
    """A step from `first` to T as a plain int; raises ValueError if it does not exist. `of` names what has these steps."""
    return whole(what, t, first, T, f"{of} has steps {first} to {T}" if of else f"steps are {first} to {T}")


def unmasked(what: str, value: Any) -> None:
    """Raise ValueError for a masked array, or a list of them: numpy would drop the mask silently."""
    if isinstance(value, np.ma.MaskedArray):
        _refuse_mask(what)
    if isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, np.ma.MaskedArray):
                _refuse_mask(what)
            if isinstance(item, list | tuple):
                unmasked(what, item)


def _refuse_mask(what: str) -> NoReturn:
    raise ValueError(
        f"{what} is a masked array, and its masked entries have no value to compute with; give plain numbers, such as"
        f" {what}.filled(0), and leave steps out of the loss by weights of 0 there"
    )
