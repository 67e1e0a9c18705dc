"""The pages of the explorer: the address of each, and its title in the navigation, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: The first is the page that opens by itself.
PAGES: Final[Mapping[str, str]] = {
    "network": "Network",
    "vanish": "Why gradients vanish",
    "derive": "Derivation",
    "compare": "Compare",
    "cliff": "The cliff",
    "slips": "Slips",
    "lessons": "Lessons",
}
