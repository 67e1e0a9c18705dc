"""The page of slips: statements of texts that do not hold, and formulas of the reader's own."""

from explorer.views.slips.layout import page

__all__ = ["page"]
