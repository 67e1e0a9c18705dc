"""The forward pass and back-propagation through time: from a cell and its data to a run, and the graph of a run."""

from engine.execute.data import checked
from engine.execute.graph import Parameters
from engine.execute.schedule import Affine, Cost, Elementwise, Instruction, Normalise, Operand, schedule

__all__ = [
    "Affine",
    "Cost",
    "Elementwise",
    "Instruction",
    "Normalise",
    "Operand",
    "Parameters",
    "checked",
    "schedule",
]
