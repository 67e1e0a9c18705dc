"""How far two ways to the same number may lie apart, and how far a disturbance goes.

All tolerances and step sizes of the checks, the derivation and the verdict stand here. A tolerance is relative to the largest
entry of the numbers compared. Rounding makes even right numbers differ, so a difference is never divided by less than
`rounding_floor`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import numpy as np

from engine.execute.run import Run

#: Of a law, of a line of the derivation and of a formula, by the precision of the run.
OF_A_LAW: Final = MappingProxyType({"float64": 1e-10, "float32": 1e-4})
OF_A_LINE: Final = MappingProxyType({"float64": 1e-9, "float32": 1e-3})
OF_A_FORMULA: Final = MappingProxyType({"float64": 1e-9, "float32": 1e-4})

#: The same where a difference quotient is one of the two ways: its own error is larger than rounding.
OF_A_LAW_BY_QUOTIENT: Final = 1e-6
OF_A_LINE_BY_QUOTIENT: Final = 1e-5

#: No error is relative to less than this; a product of probabilities below the second has lost digits.
SMALLEST_SCALE: Final = 1e-300
SMALLEST_PRODUCT: Final = 1e-290

#: Units in the last place of the largest gradient by which a sum of gradients may be wrong.
ROUNDINGS: Final = 64

#: A formula may differ from the truth by this many times the bound on the rounding of its own operations …
FORMULA_ROUNDINGS: Final = 16
#: … but where the result exceeds this part of the largest true entry, agreement proves nothing.
FORMULA_ROUGHNESS: Final = MappingProxyType({"float64": 1e-6, "float32": 1e-2})

#: The imaginary step: so small that its square is lost. Where entries differ much in size, it is relative to the entry.
IMAGINARY_STEP: Final = 1e-30
RELATIVE_IMAGINARY_STEP: Final = 1e-20
SMALLEST_IMAGINARY_STEP: Final = 1e-300

#: The steps of the difference quotients, relative to the entry, of which the most consistent one is taken; entries below the
#: last number count as that.
QUOTIENT_STEPS: Final = 10.0 ** -np.arange(3, 9)
SMALLEST_ENTRY: Final = 1e-2


def rounding_floor(run: Run, largest: float, tolerance: float) -> float:
    """The size to which an error is relative at least, so that the rounding of gradients up to `largest` passes."""
    return largest * ROUNDINGS * float(np.finfo(run.dtype).eps) / tolerance
