"""Slips of the texts from which the project was made: what each states, as a claim that can be tested, and what holds."""

from explorer.experiments.slips.asked import answerable, left_side, names
from explorer.experiments.slips.catalogue import SLIPS, SOURCES
from explorer.experiments.slips.claim import Form, Slip
from explorer.experiments.slips.tested import Case, case, small

__all__ = ["SLIPS", "SOURCES", "Case", "Form", "Slip", "answerable", "case", "left_side", "names", "small"]
