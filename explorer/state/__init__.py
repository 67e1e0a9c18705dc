"""The whole screen as one frozen value, read from a link or a file and written to it."""
