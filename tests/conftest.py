"""Fixtures for all tests: `server`, `browser`, `page`, `new_page`. What they are made of is in browser.py."""

import os
import sys

if "PYTEST_XDIST_WORKER" in os.environ:  # before numpy is loaded: each process has a core to itself
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from browser import CONSOLE, FLAGS, MISSING, fit, serve, settle, system_chromium, watch
from hypothesis import settings

# Times on a shared machine say nothing; under CI hypothesis has a profile of its own, which repeats the same examples.
settings.register_profile("local", deadline=None, print_blob=True)
if not os.environ.get("CI"):
    settings.load_profile("local")


def pytest_addoption(parser):
    parser.addoption("--no-browser", action="store_true", help="leave out the tests that need a Chromium")


def pytest_configure(config):
    if os.environ.get("CI") and (config.getoption("--no-browser") or config.getoption("markexpr")):
        raise pytest.UsageError("--no-browser and -m are not for CI, where every test counts")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if {"browser", "page", "new_page"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
    if config.getoption("--no-browser"):
        left_out = [item for item in items if item.get_closest_marker("browser")]
        items[:] = [item for item in items if not item.get_closest_marker("browser")]
        config.hook.pytest_deselected(items=left_out)
        config.stash[LEFT_OUT] = len(left_out)


LEFT_OUT = pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter, config):
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.line(f"--no-browser: {count} browser tests were left out", yellow=True)


@pytest.fixture(autouse=True)
def _results_are_forgotten():
    """Each test computes its own results, whatever tests ran before it; a test of the engine alone loads no explorer."""
    if "explorer.cache" in sys.modules:
        sys.modules["explorer.cache"].clear()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The explorer, started once by the console form; `.url`, `.log()`."""
    with serve(*CONSOLE, "--server.headless=true", home=tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    """Playwright's `Browser`, a headless Chromium. Without one the test fails; it is never skipped."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            chromium, fault = playwright.chromium.launch(executable_path=system_chromium(), args=FLAGS), ""
        except Error as error:
            chromium, fault = None, f"{MISSING}\n{error}"
        if chromium is None:
            pytest.fail(fault, pytrace=False)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser, server):
    """A function that opens another browser (nothing in common with the others) on the explorer, settled, at its width.

    `new_page("?query", **options)`: the options are those of Playwright's `new_context`, such as `color_scheme`,
    `viewport`, `has_touch`; `url=` looks at another server. At the end the test fails on a console error, a page error,
    a request to another host, or a traceback in the server's log.
    """
    faults, contexts, before = [], [], len(server.log())

    def open_page(query="", url=server.url, **options):
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}} | options)
        context.set_default_timeout(120_000)  # milliseconds; a busy machine takes its time over a page
        contexts.append(context)
        watch(context, url, faults)
        page = context.new_page()
        page.goto(f"{url}/{query}")
        settle(page)
        if url == server.url:
            fit(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    written = server.log()[before:]
    if "Traceback" in written:
        faults.append(f"the server's log:\n{written}")
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


@pytest.fixture
def page(new_page):
    """The explorer's first page in a browser of its own, 1400 × 900, settled."""
    return new_page()
