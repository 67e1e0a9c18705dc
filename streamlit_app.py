"""The entry for Streamlit Community Cloud, which looks for it at the root of a repository."""

from explorer.app import main

main()
