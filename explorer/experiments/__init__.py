"""What is done to a model: a number is turned, the loss over two numbers, the slips of texts."""
