"""A run as arrays that say what its picture looks like; no figure yet."""
