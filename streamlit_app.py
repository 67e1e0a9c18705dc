"""The entry that Streamlit Community Cloud looks for at the root of a repository."""

from explorer.app import main

main()
