"""The server that `python -m explorer` starts: the page with headers that protect it.

`streamlit run explorer/app.py` serves the same page without these headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import cli_util, config
from streamlit.starlette import App
from streamlit.web.server import server_util

#: No other site may show the page in a frame or get its address, which has the network in it; no browser guesses file types.
HEADERS: Final = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

_LISTENS: Final = 0.5  # seconds after the start


class Guarded:
    """Middleware that adds the `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the `HEADERS`."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)


@asynccontextmanager
async def opened(_: App) -> AsyncIterator[dict[str, Any] | None]:
    """Open the page in the browser once the server listens; Streamlit does so only for a script."""
    if not config.get_option("server.headless"):
        url = server_util.get_url(config.get_option("browser.serverAddress"))
        asyncio.get_running_loop().call_later(_LISTENS, cli_util.open_browser, url)
    yield None


app = App(Path(__file__).with_name("app.py"), lifespan=opened, middleware=[Middleware(Guarded)])
