"""What is computed: cell, sizes, task and parameters, the run of them, and its samples."""

from explorer.model.model import Model, run

__all__ = ["Model", "run"]
