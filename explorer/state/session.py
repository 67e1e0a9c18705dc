"""A session as a file: one JSON text with the state, the equations and the numbers, exact to the bit.

A file may come from anywhere: its size is bounded before it is parsed, and all of its entries are checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from engine.language import MAX_TEXT
from engine.support import shown
from explorer import model as models
from explorer.model import Array, Model, Place
from explorer.state.link import from_query, to_query
from explorer.state.state import State

VERSION: Final = 1
MAX_BYTES: Final = 5_000_000
MAX_NUMBERS: Final = 150_000  # of all arrays; a session with more is saved without them, and its state makes them again
_MAX_DIGITS: Final = 20  # of a whole number; none in a session has more
_ENTRIES: Final = ("unrolled", "state", "equations", "arrays")
_ARRAYS: Final = ("x", "y", "weights", "parameters", "initial")


def save(state: State) -> bytes:
    """The file of a session. **Holds:** a_file_gives_the_state_back.

    unrolled    the version of the format
    state       the query of the link, values that are too long for a link included
    equations   the text of the cell that is run, with its loss
    arrays      x, y, weights (T,), and by name parameters and initial values (K, B, n), up to `MAX_NUMBERS` numbers
    """
    model = state.model
    arrays = {
        **_data(model),
        "weights": models.factors(model),
        "parameters": models.parameters(model),
        "initial": models.initial(model),
    }
    file = {
        "unrolled": VERSION,
        "state": to_query(state, MAX_BYTES),
        "equations": models.cell(model).text,
        "arrays": _listed(arrays),
    }
    numbers = sum(array.size for array in models.arrays(model).values())
    if numbers > MAX_NUMBERS:
        del file["arrays"]
    return json.dumps(file, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def brief(state: State) -> dict[str, Any]:
    """The entries of a session without the numbers, which its state makes again. **Holds:** entries_give_the_state_back."""
    return {"unrolled": VERSION, "state": to_query(state, MAX_BYTES)}


def _data(model: Model) -> dict[str, Array]:
    return {name: array for name, array in models.arrays(model).items() if name in ("x", "y")}


def _listed(value: Mapping[str, Any] | Array) -> Any:
    """Arrays as nested lists; Python writes a float so that it is read back to the bit."""
    return {name: _listed(part) for name, part in value.items()} if isinstance(value, Mapping) else value.tolist()


def load(content: bytes) -> State:
    """The state that a file holds. Numbers that differ from those of the state become changes by hand.

    Raises:
        ValueError: for a file that `save` has not written, or whose model cannot be run; the message names the entry.
    """
    return restored(parsed(content, MAX_BYTES))


def restored(file: Mapping[str, Any]) -> State:
    """The state that the entries of a session hold. Raises ValueError as `load` does."""
    _known(file, _ENTRIES, "the file")
    if file.get("unrolled") != VERSION or isinstance(file["unrolled"], bool):
        raise ValueError(f"the file is no session of version {VERSION} of this page: its entry 'unrolled' has another")
    query = _mapping(file.get("state", {}), "state")
    if wrong := [key for key, value in query.items() if not isinstance(value, str)]:
        raise ValueError(f"state: {shown(wrong[0])} is no text")
    state, problems = from_query(query, MAX_BYTES, "the file")
    if problems:
        raise ValueError(problems[0])
    model = _with_equations(state.model, file.get("equations", models.cell(state.model).text))
    return replace(state, model=_with_arrays(model, _mapping(file.get("arrays", {}), "arrays")))


def parsed(content: bytes, most: int) -> dict[str, Any]:
    """The entries of a JSON text of at most `most` bytes, none of them checked; raises ValueError for any other text."""
    if len(content) > most:
        raise ValueError(f"the file has {len(content):,} bytes; at most {most:,} are read")
    try:
        file = json.loads(
            content.decode("utf-8-sig"), parse_constant=_refused, parse_int=_whole, object_pairs_hook=_once
        )
    except UnicodeDecodeError:
        raise ValueError("the file is no text in UTF-8, so it is no session") from None
    except RecursionError:
        raise ValueError("the file is nested too deeply to be a session") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the file is no complete JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    return _mapping(file, "the file")


def _refused(name: str) -> float:
    raise ValueError(f"the file has {name} in it; every number must be finite")


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"the file has a whole number of {len(digits):,} digits; at most {_MAX_DIGITS} are read")
    return int(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("the file has an entry twice")
    return entries


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object with named entries")
    return value


def _known(entries: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    if unknown := [key for key in entries if key not in known]:
        raise ValueError(
            f"{what} has an entry {shown(unknown[0])} that means nothing here; there are {', '.join(known)}"
        )


def _with_equations(model: Model, text: object) -> Model:
    """The model; if this version of the page has other equations under the name of its cell, with those of the file."""
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        raise ValueError(f"equations must be a text of at most {MAX_TEXT:,} characters")
    return model if text == models.cell(model).text else models.with_text(model, text)


def _with_arrays(model: Model, saved: dict[str, Any]) -> Model:
    """The model with the numbers of a file: those that differ become changes by hand."""
    _known(saved, _ARRAYS, "arrays")
    present = models.arrays(model)
    values: dict[Place, float | None] = {}
    parts = {
        "parameters": models.structure(model).parameters,
        "initial": models.structure(model).states,
        "": tuple(name for name in ("x", "y") if name in present),
    }
    for part, names in parts.items():
        group = _mapping(saved.get(part, {}), f"arrays: {part}") if part else {k: saved[k] for k in "xy" if k in saved}
        _known(group, names, f"arrays: {part}" if part else "arrays")
        for name, nested in group.items():
            array = _array(nested, present[name].shape, present[name].dtype.kind == "i", f"arrays: {name}")
            changed = np.argwhere(array != present[name])
            values |= {(name, tuple(map(int, i))): array.item(*i) for i in changed}
    if values:
        model = models.with_edits(model, values)
    if "weights" in saved:
        factors = models.factors(model)
        weights = _array(saved["weights"], factors.shape, False, "arrays: weights")
        if (weights != factors).any():
            model = models.changed(model, count="hand", weights=tuple(weights.tolist()))
    return model


def _array(nested: object, shape: tuple[int, ...], whole: bool, what: str) -> Array:
    """Nested lists as an array of exactly this shape, of finite floats or of whole numbers."""
    level: list[Any] = [nested]
    for n in shape:
        if not all(isinstance(part, list) and len(part) == n for part in level):
            raise ValueError(f"{what} must be lists of the shape {shape}")
        level = [entry for part in level for entry in part]
    kinds = (int,) if whole else (int, float)
    if not all(type(entry) in kinds for entry in level):
        raise ValueError(f"{what} must have {'whole numbers' if whole else 'numbers'} in it and nothing else")
    array = np.array([int(n) if whole else float(n) for n in level], dtype=object if whole else float)
    if not whole and not np.isfinite(array).all():
        raise ValueError(f"{what} has a number that is not finite")
    return array.reshape(shape)
