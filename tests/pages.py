"""The explorer's pages without a browser, by Streamlit's AppTest."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence

from root import ROOT
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

# Each AppTest searches the metadata of every installed package for components: most of the time of a small page.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


def app_at(page: str = "", /, picture: str = "plotly", **query: str) -> AppTest:
    """The explorer at a link, or one page by itself; not run yet.

    Args:
        page: a package of `explorer.views`, or "" for the whole explorer.
        picture: plotly figures can be read from here; what is on the canvas of the live picture cannot.
        query: the link; `__` in a key is a dot.
    """
    if page:
        app = AppTest.from_string(f"import explorer.views.{page} as shown\nshown.page()", default_timeout=60)
    else:
        app = AppTest.from_file(ROOT / "explorer/app.py", default_timeout=60)
    link = query if picture == "live" else {"picture": picture} | query
    for key, value in link.items():
        app.query_params[key.replace("__", ".")] = value
    return app


def opened(page: str = "", /, picture: str = "plotly", **query: str) -> AppTest:
    """The explorer at a link, or one page by itself, run once without an exception; arguments as of `app_at`."""
    return fine(app_at(page, picture, **query).run())


def with_open(app: AppTest, *places: str) -> AppTest:
    """The page with some of its parts opened, by the keys of their expanders."""
    for place in places:
        app.session_state[place] = True
    return fine(app.run())


def fine(app: AppTest) -> AppTest:
    """The page, if it has no exception."""
    assert not app.exception, [e.value for e in app.exception]
    return app


def query(app: AppTest) -> dict[str, str]:
    """The link, without the kind of picture."""
    values = {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
    return {key: value for key, value in values.items() if key != "picture"}


def words(app: AppTest, kinds: Sequence[str] = ("markdown", "caption", "info")) -> str:
    """The texts of some kinds of elements, kind by kind."""
    return "\n".join(element.value for kind in kinds for element in getattr(app, kind))


def errors(app: AppTest) -> list[str]:
    """The messages of errors."""
    return [error.value for error in app.error]


def charts(app: AppTest, name: str = "") -> list[dict]:
    """The plotly figures, as JSON; those whose key ends with `name`."""
    protos = [chart.proto for chart in app.get("plotly_chart")]
    return [json.loads(proto.spec) for proto in protos if proto.id.endswith(name)]
