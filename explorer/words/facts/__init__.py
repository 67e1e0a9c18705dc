"""What happens to the gradient of a run on its way back through time, and why: claims with numbers, no words.

Everything that the sentences say is a claim here, measured on the run; each claim can be measured again by another route.
"""

from explorer.words.facts.claims import Claim, Facts
from explorer.words.facts.measure import facts

__all__ = ["Claim", "Facts", "facts"]
