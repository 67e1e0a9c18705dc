"""Figures of a run: pure functions that give plotly figures, for the page and for notebooks.

explorer.figures.graph(run).show()
"""

from explorer.figures.copies import copies
from explorer.figures.gradients import gradients
from explorer.figures.graph import graph
from explorer.figures.neurons import neurons
from explorer.figures.rolled import rolled
from explorer.figures.surface import cut, surface

__all__ = ["copies", "cut", "gradients", "graph", "neurons", "rolled", "surface"]
