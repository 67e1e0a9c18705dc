"""Changes to a network: the knob turns one number, the cliff draws the loss over two, the slips test what texts state."""
