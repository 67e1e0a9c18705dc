"""The explorer of Unrolled: the pages in the browser, and the figures for notebooks (`explorer.figures`)."""
