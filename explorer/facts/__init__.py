"""The gradient of a run on its way back through time: numbers and claims, without words.

Every number in a sentence is a claim here, measured on the run; each claim can be measured again by another route.
"""

from explorer.facts.claims import Claim, Facts
from explorer.facts.clipping import Clipped, angle, clipped
from explorer.facts.dependence import earliest
from explorer.facts.measure import about
from explorer.facts.norms import LIMITS, alone, log_bound, log_norm, norm, together
from explorer.facts.saturation import QUANTILES, SATURATED, Slopes, functions, saturated, slopes, threshold
from explorer.facts.triangle import MAX_CELLS, MOST, Blocks, blocks, loss_norms, triangular
from explorer.facts.way_back import KEEPS, WHOLE, Course, FloatLimit, course, line, verdict

__all__ = [
    "KEEPS",
    "LIMITS",
    "MAX_CELLS",
    "MOST",
    "QUANTILES",
    "SATURATED",
    "WHOLE",
    "Blocks",
    "Claim",
    "Clipped",
    "Course",
    "Facts",
    "FloatLimit",
    "Slopes",
    "about",
    "alone",
    "angle",
    "blocks",
    "clipped",
    "course",
    "earliest",
    "functions",
    "line",
    "log_bound",
    "log_norm",
    "loss_norms",
    "norm",
    "saturated",
    "slopes",
    "threshold",
    "together",
    "triangular",
    "verdict",
]
