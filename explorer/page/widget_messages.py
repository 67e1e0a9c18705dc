"""Checks of the messages in which a browser sends the values of widgets, before any code reads them.

Streamlit does not check a message: a text for a number box raises an exception, in this run of the script and, since the value
is kept, in every later one. `guard` puts one check where all values are read. A value of the wrong type, a value that cannot
be read, and a value that is none of the widget's options are ignored, as if they had not been sent. The page says so, except
for an option: when the options change with the network, a browser goes on sending the text that it has.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.session_state import Serialized, Value, WStates

from explorer.page.session import session

_LOG: Final = logging.getLogger(__name__)
#: Types that stand for others: from a widget declared to give floats the browser sends whole numbers as integers.
_ALIKE: Final[Mapping[str, str]] = {"int_value": "double_value"}


def guard() -> None:
    """Check all values from now on; a second call changes nothing. **Holds:** no_forged_value_ends_the_session."""
    if WStates.__getitem__ is not _checked:
        WStates.__getitem__ = _checked  # type: ignore[method-assign]


_read: Final = WStates.__getitem__


def _checked(states: WStates, widget: str) -> Any:
    """The value of a widget; if the message has no possible value, the widget's old value, or KeyError if it had none."""
    sent, metadata = states.states.get(widget), states.widget_metadata.get(widget)
    if not isinstance(sent, Serialized) or metadata is None:
        return _read(states, widget)
    kind = sent.value.WhichOneof("value")
    if kind is not None and _ALIKE.get(kind, kind) != _ALIKE.get(metadata.value_type, metadata.value_type):
        return _passed_over(states, widget, f"{kind} in place of {metadata.value_type}")
    if not _is_offered(metadata.deserializer, sent.value):
        return _passed_over(states, widget, "none of the options", reported=False)
    try:
        if kind == "json_value" and not isinstance(json.loads(sent.value.json_value), Mapping | None):
            return _passed_over(states, widget, "no fields with names")
        value = _read(states, widget)
    except Exception as error:  # of whatever kind: a deserializer expects the messages of its own widget
        return _passed_over(states, widget, type(error).__name__)
    if kind == "json_trigger_value" and not _has_names(value):
        return _passed_over(states, widget, "an event without a name")
    return value


def _passed_over(states: WStates, widget: str, why: str, reported: bool = True) -> Any:
    """The old value of a widget in place of an ignored one; with `reported` the page names it."""
    key = (widget.removeprefix("$$ID-").partition("-")[2] or widget)[:80]
    _LOG.info("A value of %r was passed over: %s", key, why[:80])
    context = get_script_run_ctx()
    before: Mapping[str, Any] = {}
    if context is not None:
        if reported:
            session.passed_over = key
        before = context.session_state._state._old_state
    states.states[widget] = Value(before[widget])  # KeyError if it had none
    return before[widget]


def _has_names(events: Any) -> bool:
    """Whether every event of a component has a name."""
    return all(isinstance(event, Mapping) and isinstance(event.get("event"), str) for event in events or ())


def _is_offered(deserializer: Callable[..., Any], sent: Any) -> bool:
    """Whether the choice is among the options of the widget; of several choices, those that are not are left out."""
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
    """The texts from which a widget's value is chosen; None for a widget that takes other values."""
    for name in ("formatted_option_to_option_index", "formatted_options"):
        if (options := getattr(serde, name, None)) is not None:
            return options  # type: ignore[no-any-return]
    return None


def passed_over() -> str:
    """The key of a field whose value was ignored since the last call; "" if none was."""
    key, session.passed_over = session.passed_over, ""
    return key
