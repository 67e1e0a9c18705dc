"""The page that sets two or three networks side by side."""

from explorer.views.compare.layout import page

__all__ = ["page"]
