"""Every sentence, number and letter that a page shows."""
