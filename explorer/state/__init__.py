"""The whole screen as one frozen value, read from a link or a file and written to it."""

from explorer.state.state import State, View, from_query, to_query

__all__ = ["State", "View", "from_query", "to_query"]
