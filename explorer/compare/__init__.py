"""Networks side by side: what is varied, what differs, what is measured."""
