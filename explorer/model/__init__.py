"""What is computed: cell, sizes, task and parameters, the run of them, and its samples."""
