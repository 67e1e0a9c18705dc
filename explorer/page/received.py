"""What a browser sends as the value of a widget, checked before anything reads it.

Streamlit takes a message at its word: a text for a number box ends in an exception, in this run of the script and in each one
after it, since the value is kept. `guard` puts one check where all values are read: one of another type than the widget's, one
that cannot be read, and one that is none of the widget's options is passed over, as if it had not been sent. The page says so,
but not of an option: a browser goes on sending the text that it has, when the options have changed with the network.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.session_state import Serialized, Value, WStates

_LOG: Final = logging.getLogger(__name__)
#: What stands for another type: the browser sends whole numbers as such, from a widget that is declared to give floats.
_ALIKE: Final[Mapping[str, str]] = {"int_value": "double_value"}
_KEY: Final = "refused"  # in the session: the field whose value was passed over


def guard() -> None:
    """Check all values from now on; more than once is as good as once. **Holds:** no_forged_value_ends_the_session."""
    if WStates.__getitem__ is not _checked:
        WStates.__getitem__ = _checked  # type: ignore[method-assign]


_read: Final = WStates.__getitem__


def _checked(states: WStates, widget: str) -> Any:
    """The value of a widget. Where what was sent is no value of it: the one that it had, or KeyError, as if none was sent."""
    sent, metadata = states.states.get(widget), states.widget_metadata.get(widget)
    if not isinstance(sent, Serialized) or metadata is None:
        return _read(states, widget)
    kind = sent.value.WhichOneof("value")
    if kind is not None and _ALIKE.get(kind, kind) != _ALIKE.get(metadata.value_type, metadata.value_type):
        return _passed_over(states, widget, f"{kind} in place of {metadata.value_type}")
    if not _is_offered(metadata.deserializer, sent.value):
        return _passed_over(states, widget, "none of the options", told=False)
    try:
        if kind == "json_value" and not isinstance(json.loads(sent.value.json_value), Mapping | None):
            return _passed_over(states, widget, "no fields with names")
        value = _read(states, widget)
    except Exception as error:  # of whatever kind: a deserializer expects what its own widget sends
        return _passed_over(states, widget, type(error).__name__)
    if kind == "json_trigger_value" and not _has_names(value):
        return _passed_over(states, widget, "an event without a name")
    return value


def _passed_over(states: WStates, widget: str, why: str, told: bool = True) -> Any:
    """The value that a widget had; notes for the page that another was passed over, where it is to be told."""
    key = (widget.removeprefix("$$ID-").partition("-")[2] or widget)[:80]
    _LOG.info("A value of %r was passed over: %s", key, why[:80])
    context = get_script_run_ctx()
    before: Mapping[str, Any] = {}
    if context is not None:
        if told:
            st.session_state[_KEY] = key
        before = context.session_state._state._old_state
    states.states[widget] = Value(before[widget])  # KeyError if it had none
    return before[widget]


def _has_names(events: Any) -> bool:
    """Whether each event of a component has a name."""
    return all(isinstance(event, Mapping) and isinstance(event.get("event"), str) for event in events or ())


def _is_offered(deserializer: Callable[..., Any], sent: Any) -> bool:
    """Whether what was chosen is among the options of the widget; of several, those that are not are left out."""
    options = _options(getattr(deserializer, "__self__", None))
    if options is None:
        return True
    if sent.WhichOneof("value") == "string_value":
        return sent.string_value in options
    chosen = sent.string_array_value.data
    offered = [text for text in chosen if text in options]
    if chosen and not offered:
        return False
    if len(offered) < len(chosen):
        chosen[:] = offered
    return True


def _options(serde: object) -> Collection[str] | None:
    """The texts of which one or more can be chosen; None for a widget that takes others as well."""
    for name in ("formatted_option_to_option_index", "formatted_options"):
        if (found := getattr(serde, name, None)) is not None:
            return found  # type: ignore[no-any-return]
    return None


def refused() -> str:
    """The key of the field whose value was passed over since this was last asked; "" if none was."""
    return str(st.session_state.pop(_KEY, ""))
