from __future__ import annotations
from dataclasses import dataclass
@dataclass(frozen=True)
class View:
    lens: str = "gradient"
    measure: str = "norm"
    low: int = -6
    high: int = 0
    sample: int = 0
    window: tuple[int,int] | None = None
    selected: tuple[str,int] | None = None
