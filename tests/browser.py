"""The explorer as a server, and the Chromium that looks at it. `python tests/browser.py` installs one if need be."""

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from root import ROOT

STREAMLIT = str(Path(sys.executable).with_name("streamlit"))  # of this environment, activated or not
CONSOLE = (STREAMLIT, "run", "explorer/app.py")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",  # root, as CI is, cannot have one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
MISSING = "no Chromium: `make test` or `python tests/browser.py` installs one; --no-browser leaves these tests out"


# --- Chromium ---


def system_chromium() -> str | None:
    """The path of the system's Chromium or Chrome; None if there is none, and then Playwright's own is used."""
    for path in filter(None, map(shutil.which, NAMES)):
        # Ubuntu has a script of this name that only says how to get the browser.
        if subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0:
            return path
    return None


def install() -> None:
    """Sees to it that there is a Chromium: the system's, else Debian's if we may, else Playwright's own."""
    if system_chromium():
        return
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and sys.platform == "linux" and platform.freedesktop_os_release().get("ID") == "debian":
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
        print("Installing Chromium by apt-get, for the browser tests", flush=True)
        subprocess.run([*apt, "update"], env=environment)  # one dead source of several must not end it
        # A font, because without recommended packages there may be none, and text would have no size.
        packages = ["chromium", "fonts-dejavu-core"]
        subprocess.run(
            [*apt, "install", "-y", "--no-install-recommends", *packages], env=environment, stdout=subprocess.DEVNULL
        )
        if system_chromium():
            return
    # At once if it is there already.
    libraries = ["--with-deps"] if root and sys.platform == "linux" else []
    if subprocess.run([sys.executable, "-m", "playwright", "install", *libraries, "chromium"]).returncode:
        sys.exit(
            "No Chromium could be installed. Install Chromium or Chrome by hand so that it is on PATH,\n"
            "or leave the browser tests out: make test ARGS=--no-browser"
        )


# --- the server ---


@dataclass(frozen=True)
class Server:
    """A running explorer: where it is, and where it writes."""

    url: str
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serve(
    *command: str, home: Path, environment: dict[str, str] | None = None, cwd: Path = ROOT,
    address: str | None = "localhost", port: int = 0,
) -> Iterator[Server]:  # fmt: skip
    """The explorer as `command` starts it on a port, or on a free one; ended on leaving.

    It listens at `address`; None leaves that to the command.

    `home` is an empty folder, the server's $HOME and the place of its log: no user's settings or credentials play a
    part. A server that ends or does not answer within a minute raises a `RuntimeError` with its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = port or free.getsockname()[1]
    server = Server(f"http://localhost:{port}", home / "server.log")
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("STREAMLIT_")}
    clean |= {"HOME": str(home), "PYTHONUNBUFFERED": "1"} | (environment or {})
    with server.log_file.open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--server.port={port}", *([f"--server.address={address}"] if address else [])],
            cwd=cwd, env=clean, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not healthy(server.url):
            if process.poll() is not None or time.monotonic() > deadline:
                state = "did not answer" if process.poll() is None else f"ended with code {process.returncode}"
                raise RuntimeError(f"{' '.join(command)} {state}. Its log:\n{server.log()}")
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def healthy(url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


# --- the page ---


def watch(context, url, faults):
    """Adds to the list `faults` what no page may do: console and page errors, requests to hosts other than `url`."""

    def request(address):
        if re.match("(http|ws)s?:", address) and urlsplit(address).netloc != urlsplit(url).netloc:
            faults.append(f"request to another host: {address}")

    def complained(message):
        # Below the address of a page Streamlit looks for its server first, and then where it is.
        where = message.location.get("url", "")
        if message.type == "error" and not re.search(r"/\w+/_stcore/(health|host-config)$", where):
            faults.append(f"console: {message.text} ({where})")

    context.on("console", complained)
    context.on("weberror", lambda e: faults.append(f"page error: {e.error}"))
    context.on("request", lambda r: request(r.url))
    context.on("page", lambda page: page.on("websocket", lambda socket: request(socket.url)))


def settle(page):
    """Waits until the script has run to its end, and fails if that was an exception (the server's log has it)."""
    page.wait_for_selector(
        "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
        ":not(:has([data-testid=stAppSkeleton])):has([data-testid=stElementContainer])"
    )
    exceptions = page.locator("[data-testid=stException]")
    assert exceptions.count() == 0, exceptions.all_inner_texts()


def fit(page):
    """Waits until the page has been told how wide it is, is made for that width, and has come to rest."""
    page.wait_for_function("window[Symbol.for('unrolled')]?.fits")
    settle(page)


def until(page, act, happened, tries=10):
    """Does what a user does who sees that nothing happened: acts again, until the JavaScript `happened` is true.

    What is acted upon may be gone by then, since the act before has only been slow.
    """
    from playwright.sync_api import TimeoutError

    fault = None
    for _ in range(tries):
        try:
            act()
        except TimeoutError as error:
            fault = error
        try:
            return page.wait_for_function(happened, timeout=4_000)
        except TimeoutError:
            continue
    raise AssertionError(f"not in {tries} tries: {happened}") from fault


#: Where a point of the graph, in columns and rows, is in the window: all read at one moment, since any of it may change.
_PLACE = """(live, [column, row]) => {
  const [kx, ky, ox, oy] = live.dataset.view.split(" ").map(Number), large = +live.style.getPropertyValue("--large");
  const box = live.querySelector("canvas").getBoundingClientRect();
  return [box.left + large * (ox + kx * column), box.top + large * (oy - ky * row)];
}"""


def place(page, column, row):
    """Where a point of the graph, in columns and rows of the grid, is on the live picture now, however large it is drawn."""
    return page.locator(".live").evaluate(_PLACE, [float(column), float(row)])


#: Each node of the plotly figures: its custom data, and where its middle is in the window.
_POINTS = """() => [...document.querySelectorAll(".js-plotly-plot")].filter((figure) => figure._fullData).flatMap((figure) => {
  const { xaxis, yaxis } = figure._fullLayout, frame = figure.getBoundingClientRect();
  return figure._fullData.filter((trace) => trace.name === "nodes" && trace.customdata).flatMap((trace) =>
    [...trace.customdata].map((node, i) => [[...node].map(String), frame.left + xaxis._offset + xaxis.l2p(trace.x[i]),
      frame.top + yaxis._offset + yaxis.l2p(trace.y[i])]));
})"""


def enter(page, label, value):
    """Fills a field and commits it, as its kind asks for."""
    field = page.get_by_label(label, exact=True)
    field.fill(str(value))
    field.press("Control+Enter" if field.evaluate("field => field.tagName") == "TEXTAREA" else "Enter")
    settle(page)


def click_point(page, *node):
    """Clicks the node of a plotly figure that has this custom data, where it is now, if it is there; for `until`.

    Plotly hears a click only where it has drawn its hover before, and on a busy machine that comes later.
    """
    wanted = [*map(str, node)]
    for x, y in [(x, y) for found, x, y in page.evaluate(_POINTS) if found == wanted][:1]:
        page.mouse.click(x, y)


if __name__ == "__main__":
    install()
