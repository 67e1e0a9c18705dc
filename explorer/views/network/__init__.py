"""The page of the network: its picture, and the editors and files below it."""

from explorer.views.network.layout import page
from explorer.views.network.neurons import neuron
from explorer.views.network.picture import figure, task_captions, with_window

__all__ = ["figure", "neuron", "page", "task_captions", "with_window"]
