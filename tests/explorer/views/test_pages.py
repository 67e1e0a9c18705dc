"""Every page opens, with whatever versions of the packages are installed."""

import pytest
from pages import opened

from explorer.words.pages import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_opens(name):
    app = opened(name)
    assert not app.error
    assert app.metric or name == "lessons"
