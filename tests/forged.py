"""A user of the explorer who speaks Streamlit's protocol over its websocket, and may say anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect


class User:
    """One browser tab, which begins with the values `sent`.

    ids   every element with an id that the page has sent, and of which kind it is
    exceptions, alerts, metrics   what the page has shown: the first since the beginning, the others in the last run
    """

    def __init__(self, url: str, query: str = "", page: str = "", sent: Sequence[WidgetState] = ()) -> None:
        self.url, self.query, self.page, self.hash, self.first = url, query, page, "", sent
        self.ids: dict[str, str] = {}
        self.exceptions: list[str] = []
        self.alerts: list[str] = []
        self.metrics: list[str] = []

    def __enter__(self) -> User:
        address = f"{self.url.replace('http', 'ws')}/_stcore/stream"
        self.ending = ExitStack()
        options = {"subprotocols": ["streamlit"], "origin": self.url, "max_size": None, "open_timeout": 60}
        self.socket = self.ending.enter_context(connect(address, **options))
        self.run(*self.first)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.ending.close()

    def run(self, *sent: WidgetState, fragment: str = "") -> None:
        """Ask for a run with these values of widgets, and wait until it has ended."""
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash, rerun.fragment_id = self.query, self.hash, fragment
        if self.page and not self.hash:
            rerun.page_name = self.page
        rerun.widget_states.widgets.extend(sent)
        self.alerts, self.metrics = [], []
        self.socket.send(message.SerializeToString())
        while not self._ended(ForwardMsg.FromString(self.socket.recv(timeout=120))):
            pass

    def _ended(self, answer: ForwardMsg) -> bool:
        kind = answer.WhichOneof("type")
        if kind == "new_session":
            self.hash = answer.new_session.page_script_hash or self.hash
        elif kind == "page_info_changed":
            self.query = answer.page_info_changed.query_string
        elif kind == "delta" and (part := answer.delta.WhichOneof("type")) in ("new_element", "add_block"):
            made = getattr(answer.delta, part)
            if (type_of := made.WhichOneof("type")) is not None:
                self._take(type_of, getattr(made, type_of))
        return kind == "script_finished" and answer.script_finished in (
            ForwardMsg.FINISHED_SUCCESSFULLY,
            ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
            ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
        )

    def _take(self, kind: str, made: Any) -> None:
        if kind == "exception":
            self.exceptions.append(f"{made.type}: {made.message}")
        elif kind == "alert":
            self.alerts.append(made.body)
        elif kind == "metric":
            self.metrics.append(made.body)
        if isinstance(name := getattr(made, "id", None), str) and name:
            self.ids[name] = kind

    def named(self, key: str) -> str:
        """The id of the widget with a key."""
        (found,) = [name for name in self.ids if name.endswith(f"-{key}")]
        return found


def state(widget: str, kind: str, value: object) -> WidgetState:
    """The message that a widget has a value of some kind, whatever kind is its own."""
    made = WidgetState(id=widget)
    match kind:
        case "string_array_value" | "int_array_value" | "double_array_value":
            getattr(made, kind).data.extend(value)
            getattr(made, kind).SetInParent()
        case "string_trigger_value":
            made.string_trigger_value.data = value
        case _:
            setattr(made, kind, value)
    return made


def forgeries(widget: str) -> Iterable[WidgetState]:
    """Values that no browser sends: of each type, and in each the odd ones."""
    texts = ["", "no such thing", "\x00", "[]", "{", "null", "1e999", "NaN", '{"edited_rows": {"99999": {"0": 1}}}',
             '{"edited_rows": {"0": {"0": "abc", "7": []}}}', '{"edited_rows": []}', '{"selection": 5}',
             '{"selection": {"points": 5}}',
             '{"selection": {"points": [{"customdata": ["h", 1e300]}]}}',
             '{"selection": {"points": [{"customdata": ["h", 10000000000000000000000]}]}}', "x" * 200_000]  # fmt: skip
    yield from (state(widget, "string_value", text) for text in texts)
    yield from (state(widget, "double_value", value) for value in (float("nan"), float("inf"), -1e308, 0.5, 3.0))
    yield from (state(widget, "int_value", value) for value in (2**62, -(2**62), 0))
    yield from (state(widget, "bool_value", value) for value in (True, False))
    yield state(widget, "trigger_value", True)
    yield state(widget, "string_trigger_value", "x")
    yield from (state(widget, "string_array_value", value) for value in ([], ["no such thing"], ["a"] * 1000))
    yield state(widget, "int_array_value", [2**40, -1])
    yield state(widget, "double_array_value", [float("nan")])
    yield state(widget, "bytes_value", b"\xff\x00")
    loads = ["5", "[]", "{}", "null", "{", '"x"', '{"pixels": "wide"}', '{"pixels": [1]}', '{"pixels": -1e999}',
             '{"selected": {"node": ["h", 1e30], "event": 1}}']  # fmt: skip
    yield from (state(widget, "json_value", load) for load in loads)
    events = ['{"event": [], "value": 1}', "[5]", '{"value": 1}', "{", "null"]
    for name in ("selected", "knob", "window", "followed"):
        for value in ('"x"', "null", '{"node": ["h", 100000000000000000000000], "event": 1}', '{"node": [1, 2], "event": []}',
                      '{"node": ["h", true], "event": 1e400}', '{"at": 1e9, "event": 1}', "99999999999",
                      '{"first": -5, "last": 1e30, "event": 1}'):  # fmt: skip
            events.append(f'{{"event": "{name}", "value": {value}}}')
            events.append(f'[{{"event": "{name}", "value": {value}}}]')
    yield from (state(widget, "json_trigger_value", event) for event in events)
    empty = WidgetState(id=widget)
    empty.file_uploader_state_value.uploaded_file_info.add(file_id="no such file", name="../x", size=2**40)
    yield empty
    yield WidgetState(id=widget)
