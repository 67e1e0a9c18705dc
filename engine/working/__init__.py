"""The working shown to a reader: messages along the edges, single neurons, derivations."""

from engine.working import messages
from engine.working.derivation import MAX_LEVELS, SECTIONS, Line, Section, derive
from engine.working.entries import Explanation, Term, explained
from engine.working.messages import MAX_PATH, Message
from engine.working.neurons import MAX_NEURONS, Neuron, count, forms, neuron_of

__all__ = [
    "MAX_LEVELS",
    "MAX_NEURONS",
    "MAX_PATH",
    "SECTIONS",
    "Explanation",
    "Line",
    "Message",
    "Neuron",
    "Section",
    "Term",
    "count",
    "derive",
    "explained",
    "forms",
    "messages",
    "neuron_of",
]
