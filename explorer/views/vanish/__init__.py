"""The page on vanishing gradients: measured, compared with theory, and put into sentences."""

from explorer.views.vanish.layout import figure, page

__all__ = ["figure", "page"]
