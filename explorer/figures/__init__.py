"""Figures of a run: pure functions that return plotly figures, for the pages and for notebooks.

explorer.figures.graph(run).show()
"""

from explorer.figures.compared import curves, strip
from explorer.figures.copies import copies
from explorer.figures.decay import decay
from explorer.figures.eigenvalues import eigenvalues
from explorer.figures.gradients import gradients
from explorer.figures.graph import graph
from explorer.figures.large import enlarged
from explorer.figures.neurons import neurons
from explorer.figures.rolled import rolled
from explorer.figures.routes import routes
from explorer.figures.shares import shares
from explorer.figures.singular import singular
from explorer.figures.slopes import slopes
from explorer.figures.surface import cut, surface
from explorer.figures.triangle import triangle

__all__ = [
    "copies",
    "curves",
    "cut",
    "decay",
    "eigenvalues",
    "enlarged",
    "gradients",
    "graph",
    "neurons",
    "rolled",
    "routes",
    "shares",
    "singular",
    "slopes",
    "strip",
    "surface",
    "triangle",
]
