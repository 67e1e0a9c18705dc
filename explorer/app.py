"""Page set-up and navigation."""

import sys
from pathlib import Path

# `streamlit run explorer/app.py` puts this folder on the path, not the root.
sys.path[:0] = [root] if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path else []

import streamlit as st  # noqa: E402

from explorer.views import network  # noqa: E402


def main() -> None:
    """The explorer: set-up, navigation, and the page that is asked for."""
    st.set_page_config(page_title="Unrolled", page_icon="🔁", layout="wide")
    st.navigation([st.Page(network.page, title="Network", url_path="network", default=True)], position="top").run()


if __name__ == "__main__":
    main()
