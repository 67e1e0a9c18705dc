"""The page of lessons."""

from explorer.views.lessons.layout import page, reminder

__all__ = ["page", "reminder"]
