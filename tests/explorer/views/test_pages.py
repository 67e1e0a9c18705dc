"""Every page opens, with whatever versions of the packages are installed."""

import pytest
from pages import opened

from explorer.app import VIEWS
from explorer.teach.lesson import STAGES
from explorer.views.network import welcome
from explorer.words.pages import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_opens(name):
    app = opened(name)
    assert not app.error
    assert app.metric or name == "lessons"


def test_every_page_has_a_title_and_a_place_in_the_navigation():
    assert list(VIEWS) == list(PAGES)
    assert set(STAGES) <= set(PAGES)
    assert set(welcome.PAGES) <= set(PAGES)
