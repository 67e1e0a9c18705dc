"""Measure how much longer a user waits for a change while another user makes the most expensive request of a page.

    python bench/second_user.py [URL of a running explorer] [PAGE …]

Both users speak Streamlit's websocket protocol, as a browser does. The second user changes the seed of a small network: first
alone, then while the first user opens the page with a large network and changes its seed after each answer. The output has one
line per page: median and largest time of the second user, relative to the median alone, the time that the first user waits, and
the longest time without a message. The exit status is 1 if a median is at least twice the usual time, or if an answer was an
exception. The script needs `pip install websockets`.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

sys.path.insert(0, str(Path(__file__).parents[1]))

from explorer.state import packed

_LARGE = "task=noise&steps=1000&cell=lstm&n.h=64&inputs=64&outputs=64"
_LONG = "\n".join(
    ["h0 = tanh(W0 @ h110[t-1] + U @ x)", *[f"h{i} = tanh(W{i} @ h{i - 1} + b{i})" for i in range(1, 111)],
     "o = V @ h110", "y_hat = softmax(o)", "L = nll(y_hat, y)"]
)  # fmt: skip
_SECTIONS = "equations,loss,softmax,long,recursion,expanded,copies,lstm,nodes,neurons"
_SUMS = "+".join(["sum_t(outer(g_a,h[t-1]))"] * 46)

#: Page -> its path and the link with the most expensive request.
PAGES = {
    "network": ("", f"{_LARGE}&parameters=copies&edges=backward"),
    "knob": ("", f"{_LARGE}&knob=gain,W_f,1"),
    "vanish losses": ("vanish", f"{_LARGE}&tab=losses"),
    "vanish jacobians": ("vanish", f"{_LARGE}&tab=jacobians"),
    "vanish shares": ("vanish", f"{_LARGE}&tab=shares"),
    "vanish remedies": ("vanish", f"{_LARGE}&tab=remedies"),
    "vanish, 114 lines": ("vanish", f"task=noise&steps=300&eq={packed(_LONG)}"),
    "derive": ("derive", f"{_LARGE}&detail=elements&levels=50&step=500&sections={_SECTIONS}"),
    "derive, 114 lines": ("derive", f"task=noise&steps=60&eq={packed(_LONG)}&sections={_SECTIONS}"),
    "compare": ("compare", f"{_LARGE}&compare=|cell%3Dgru|cell%3Drnn"),
    "cliff": ("cliff", _LARGE),
    "slips": ("slips", f"task=noise&steps=300&n.h=32&ask=gradient,W&formula={packed(_SUMS)}"),
}


class User:
    """One browser tab."""

    def __init__(self, url: str, path: str, query: str) -> None:
        """Take the address of the server, the page and its query."""
        self.url, self.path, self.query, self.hash = url, path, query, ""
        self.widgets: dict[str, str] = {}
        self.faults: list[str] = []
        self.silence = 0.0

    async def open(self) -> None:
        """Connect to the server."""
        self.socket = await websockets.connect(
            self.url.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"], max_size=None, origin=self.url,
            ping_interval=None,
        )  # fmt: skip

    async def run(self, *widgets: WidgetState) -> float:
        """Request a run of the script and wait until it has finished; return the seconds."""
        message = BackMsg()
        rerun = message.rerun_script
        rerun.query_string, rerun.page_script_hash = self.query, self.hash
        if self.path and not self.hash:
            rerun.page_name = self.path
        rerun.context_info.url, rerun.context_info.timezone = f"{self.url}/{self.path}", "UTC"
        rerun.context_info.color_scheme, rerun.context_info.locale = "light", "en"
        for widget in widgets:
            rerun.widget_states.widgets.add().CopyFrom(widget)
        begun = last = time.monotonic()
        await self.socket.send(message.SerializeToString())
        while True:
            forward = ForwardMsg()
            forward.ParseFromString(await asyncio.wait_for(self.socket.recv(), 180))
            self.silence, last = max(self.silence, time.monotonic() - last), time.monotonic()
            kind = forward.WhichOneof("type")
            if kind == "new_session":
                self.hash = forward.new_session.page_script_hash or self.hash
            elif kind == "delta" and forward.delta.WhichOneof("type") == "new_element":
                element = forward.delta.new_element
                if element.WhichOneof("type") == "exception":
                    self.faults.append(f"{element.exception.type}: {element.exception.message[:200]}")
                elif element.WhichOneof("type") == "number_input":
                    self.widgets[element.number_input.label] = element.number_input.id
            elif kind == "page_info_changed":
                self.query = forward.page_info_changed.query_string
            elif kind == "script_finished" and forward.script_finished in (0, 1, 3):
                return time.monotonic() - begun

    def seed(self, value: int) -> WidgetState:
        """The message that sets the seed of the weights."""
        widget = WidgetState()
        widget.id, widget.int_value = self.widgets["Seed"], value
        return widget


async def changes(user: User, many: int, first: int) -> list[float]:
    """The times of several changes, one after the other, each after a pause such as a user makes."""
    times = []
    for i in range(many):
        await asyncio.sleep(0.3)
        times.append(await user.run(user.seed(first + i)))
    return times


async def beside(url: str, page: str, second: User, usual: float, at: int) -> bool:
    """Measure one page; return whether it is fast enough and without faults."""
    user = User(url, *PAGES[page])
    await user.open()
    times: list[float] = []

    async def work() -> None:
        times.append(await user.run())
        while "Seed" in user.widgets:
            times.append(await user.run(user.seed(at + len(times))))

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    found = await changes(second, 15, at)
    task.cancel()
    await user.socket.close()
    await asyncio.gather(task, return_exceptions=True)
    ratio = statistics.median(found) / usual
    print(
        f"{page:20s} second user {ratio:.2f} (at most {max(found) / usual:.2f}) of {usual:.2f} s; first user"
        f" {max(times, default=float('nan')):.1f} s, silent for {user.silence:.1f} s {' '.join(user.faults)}",
        flush=True,
    )
    await asyncio.sleep(1)
    return ratio < 2 and not user.faults


async def main(url: str, pages: list[str]) -> int:
    """Measure with two users; return the exit status."""
    second = User(url, "", "task=noise&steps=20")
    await second.open()
    await second.run()
    await changes(second, 3, 1)
    fine, at = True, 1000
    for page in pages:
        usual = statistics.median(await changes(second, 9, at))
        fine &= await beside(url, page, second, usual, at + 100)
        at += 1000
    return 0 if fine and not second.faults else 1


if __name__ == "__main__":
    sys.exit(
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8501", sys.argv[2:] or list(PAGES)))
    )
