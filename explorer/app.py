"""Page set-up and navigation."""

import importlib
import sys
from pathlib import Path
from typing import Final

# `streamlit run explorer/app.py` puts this folder on the path, not the root.
sys.path[:0] = [root] if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path else []

import streamlit as st  # noqa: E402

from explorer.page import long_work, widget_delivery  # noqa: E402
from explorer.page.session import session  # noqa: E402
from explorer.page.time_sharing import SWITCH  # noqa: E402
from explorer.page.widget_messages import guard  # noqa: E402
from explorer.views import cliff, compare, derive, lessons, network, slips, vanish  # noqa: E402
from explorer.words.pages import PAGES  # noqa: E402

#: Address of a page -> the function that draws it.
VIEWS: Final = {
    "network": network.page,
    "vanish": vanish.page,
    "derive": derive.page,
    "compare": compare.page,
    "cliff": cliff.page,
    "slips": slips.page,
    "lessons": lessons.page,
}

#: The picture belongs on the first screen: less space above it than Streamlit leaves, and closer controls.
_STYLE = """<style>
[data-testid=stMainBlockContainer] { padding: 2.6rem 2rem 3rem; }
[data-testid=stSidebarUserContent] [data-testid=stVerticalBlock] { gap: 0.6rem; }
[class*=st-key-derive-] .katex-display { overflow-x: auto; overflow-y: hidden; padding: 2px 0; }
[class*=st-key-derive-] .katex-display > .katex { font-size: 1.1em; }
.st-key-lesson-reminder { padding-top: 0.9rem; }
.st-key-messages .katex { font-size: 1.02em; }
[data-testid=stSidebarHeader] { height: 2.4rem; margin-bottom: 0; }
"""


def main() -> None:
    """Set up the explorer, and draw the page that the address names."""
    st.set_page_config(page_title="Unrolled", page_icon="🔁", layout="wide")
    st.html(f"{_STYLE}{long_work.STYLE}{widget_delivery.STYLE}</style>")
    load_tables()
    guard()
    widget_delivery.begin()
    pages = {
        name: st.Page(VIEWS[name], title=title, url_path=name, default=name == "network")
        for name, title in PAGES.items()
    }
    page = st.navigation(list(pages.values()), position="top")
    session.page, session.pages = page.url_path, pages
    if page is not pages["network"]:
        session.welcome = False  # whoever has found another page is no longer new
    if page is not pages["lessons"]:
        lessons.reminder()
    with long_work.sliced():
        page.run()
    widget_delivery.end()


@st.cache_resource(show_spinner=False)
def load_tables() -> None:
    """Prepare the server, once: let its threads switch quickly, and import pandas.

    Streamlit imports pandas at its first table: plotly, in another session, would then find it half imported.
    """
    sys.setswitchinterval(SWITCH)
    importlib.import_module("pandas")


if __name__ == "__main__":
    main()
