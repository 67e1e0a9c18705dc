"""The page of the network: its picture, and what is changed beside it."""
