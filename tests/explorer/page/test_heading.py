"""The head of a page: its title and the words about it, beside the loss or, on a narrow page, below it."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from pages import opened

WORDS = "on its way back through time"


@pytest.mark.parametrize("pixels", [390, 1000])
def test_the_words_about_a_page_stand_once_however_narrow_it_is(pixels) -> None:
    with patch("explorer.page.browser.known", return_value=pixels):
        captions = [caption.value for caption in opened("vanish").main.caption]
    assert sum(WORDS in caption for caption in captions) == 1
    assert "" not in captions
