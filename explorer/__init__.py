"""The explorer of Unrolled: the page in the browser, and its figures for notebooks (`explorer.figures`)."""
