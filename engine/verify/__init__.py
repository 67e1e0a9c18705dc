"""Whether numbers are right: the laws that a run keeps, and the verdict on a formula."""

from engine.verify.checks import Check, Measured, check, measured
from engine.verify.verdict import TOLERANCES, Asked, Kind, Verdict, judge, truth

__all__ = [
    "TOLERANCES",
    "Asked",
    "Check",
    "Kind",
    "Measured",
    "Verdict",
    "check",
    "judge",
    "measured",
    "truth",
]
