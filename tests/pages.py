"""Pages without a browser, by Streamlit's AppTest."""

from __future__ import annotations

import pytest
from root import ROOT
from streamlit.testing.v1 import AppTest

from explorer import cache

APP = "explorer/app.py"

#: The pages, and their modules in `explorer.views`.
PAGES = {"network": "network.page", "vanish": "vanish.page"} | {
    name: name for name in ("derive", "compare", "cliff", "slips", "lessons")
}


@pytest.fixture(autouse=True)
def _nothing_is_left_from_other_tests():
    cache.clear()


def opened(**query: str) -> AppTest:
    """The page at a link; with the plotly figure, since what is on a canvas cannot be seen from here."""
    app = AppTest.from_file(ROOT / APP, default_timeout=60)
    for key, value in ({"picture": "plotly"} | query).items():
        app.query_params[key.replace("__", ".")] = value
    return fine(app.run())


def fine(app: AppTest) -> AppTest:
    assert not app.exception, [e.value for e in app.exception]
    return app


def query(app: AppTest) -> dict[str, str]:
    """What the link has, but for the kind of picture."""
    found = {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
    return {key: value for key, value in found.items() if key != "picture"}


def errors(app: AppTest) -> list[str]:
    return [error.value for error in app.error]
