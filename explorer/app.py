"""Page set-up and navigation."""

import importlib
import sys
from pathlib import Path

# `streamlit run explorer/app.py` puts this folder on the path, not the root.
sys.path[:0] = [root] if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path else []

import streamlit as st  # noqa: E402

from explorer.page import delivery, work  # noqa: E402
from explorer.page.received import guard  # noqa: E402
from explorer.page.slices import SWITCH  # noqa: E402
from explorer.views import cliff, compare, derive, lessons, slips  # noqa: E402
from explorer.views.network import page as network  # noqa: E402
from explorer.views.vanish import page as vanish  # noqa: E402

#: The picture belongs on the first screen: less room above it than Streamlit leaves, and closer controls.
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
    """The explorer: set-up, navigation, and the page that is asked for."""
    st.set_page_config(page_title="Unrolled", page_icon="🔁", layout="wide")
    st.html(f"{_STYLE}{work.STYLE}{delivery.STYLE}</style>")
    load_tables()
    guard()
    delivery.begin()
    pages = [
        st.Page(network.page, title="Network", url_path="network", default=True),
        st.Page(vanish.page, title="Why gradients vanish", url_path="vanish"),
        st.Page(derive.page, title="Derivation", url_path="derive"),
        st.Page(compare.page, title="Compare", url_path="compare"),
        st.Page(cliff.page, title="The cliff", url_path="cliff"),
        st.Page(slips.page, title="Slips", url_path="slips"),
        st.Page(lessons.page, title="Lessons", url_path="lessons"),
    ]
    page = st.navigation(pages, position="top")
    session = st.session_state
    session.page = page.url_path
    session.pages = {other.url_path or "network": other for other in pages}  # to which a page may link
    if page is not pages[0]:
        session.welcome = False  # whoever has found another page is no longer new
    if page.url_path != "lessons":
        lessons.reminder()
    with work.sliced():
        page.run()
    delivery.end()


@st.cache_resource(show_spinner=False)
def load_tables() -> None:
    """Once for a server: let threads switch quickly, and import pandas.

    Streamlit imports it at its first table: plotly in another session would meet it half imported.
    """
    sys.setswitchinterval(SWITCH)
    importlib.import_module("pandas")


if __name__ == "__main__":
    main()
