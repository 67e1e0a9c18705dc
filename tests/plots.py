"""Runs to draw, and what a plotly figure of them has."""

from __future__ import annotations

from explorer import model as models
from explorer.model import Model


def task_run(cell="rnn", task="noise", steps=5, **fields):
    """The run of a cell of the catalogue on a task, with further fields of the model."""
    return models.run(models.changed(Model(), cell=cell, task=task, settings=(("steps", steps),), **fields))


def traces(figure, name):
    """The traces of a name."""
    return [trace for trace in figure.data if trace.name == name]


def points(figure, name):
    """The points of all traces of a name, without the gaps."""
    return [(x, y) for trace in traces(figure, name) for x, y in zip(trace.x, trace.y, strict=True) if x is not None]
