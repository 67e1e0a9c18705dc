"""The forward pass and back-propagation through time: from a cell and its data to a run, and the graph of a run."""

from engine.execute.data import checked
from engine.execute.graph import Parameters
from engine.execute.schedule import Affine, Elementwise, Instruction, Operand, schedule

__all__ = [
    "Affine",
    "Elementwise",
    "Instruction",
    "Operand",
    "Parameters",
    "checked",
    "schedule",
]
