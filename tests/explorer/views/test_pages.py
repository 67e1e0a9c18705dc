"""Every page opens, with whatever versions of the packages are installed."""

import pytest
from pages import PAGES
from streamlit.testing.v1 import AppTest


def _page(name):
    from importlib import import_module

    from pages import PAGES

    import_module(f"explorer.views.{PAGES[name]}").page()


@pytest.mark.parametrize("name", PAGES)
def test_the_page_opens(name):
    app = AppTest.from_function(_page, default_timeout=120, args=(name,)).run()
    assert not app.exception, [e.value for e in app.exception]
    assert not app.error
    assert app.metric or name == "lessons"
