"""The page of the loss as a surface over two numbers of the network."""

from explorer.views.cliff.layout import figure, page

__all__ = ["figure", "page"]
