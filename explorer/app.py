"""Page set-up and navigation."""

import importlib
import sys
from pathlib import Path

# `streamlit run explorer/app.py` puts this folder on the path, not the root.
sys.path[:0] = [root] if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path else []

import streamlit as st  # noqa: E402

from explorer.views import cliff, compare, network, vanish  # noqa: E402

#: The picture belongs on the first screen: less room above it than Streamlit leaves, and closer controls.
_STYLE = """<style>
[data-testid=stMainBlockContainer] { padding: 2.6rem 2rem 3rem; }
[data-testid=stSidebarUserContent] [data-testid=stVerticalBlock] { gap: 0.6rem; }
.st-key-messages .katex { font-size: 1.02em; }
[data-testid=stSidebarHeader] { height: 2.4rem; margin-bottom: 0; }
</style>"""


def main() -> None:
    """The explorer: set-up, navigation, and the page that is asked for."""
    st.set_page_config(page_title="Unrolled", page_icon="🔁", layout="wide")
    st.html(_STYLE)
    load_tables()
    pages = [
        st.Page(network.page, title="Network", url_path="network", default=True),
        st.Page(vanish.page, title="Why gradients vanish", url_path="vanish"),
        st.Page(compare.page, title="Compare", url_path="compare"),
        st.Page(cliff.page, title="The cliff", url_path="cliff"),
    ]
    page = st.navigation(pages, position="top")
    st.session_state.page = page.url_path  # of which widgets must know, see controls.show
    st.session_state.pages = {other.url_path: other for other in pages}
    if page is not pages[0]:
        st.session_state.welcome = False  # whoever has found another page is no longer new
    page.run()


@st.cache_resource(show_spinner=False)
def load_tables() -> None:
    """Import pandas, which Streamlit does at its first table: plotly in another session would meet it half imported."""
    importlib.import_module("pandas")


if __name__ == "__main__":
    main()
