"""Whether numbers are right: the laws that a run keeps, and the verdict on a formula."""

from engine.verify.asked import Asked, truth
from engine.verify.checks import check
from engine.verify.law import Check
from engine.verify.measured import Measured, measured
from engine.verify.tolerance import OF_A_FORMULA
from engine.verify.verdict import Kind, Verdict, judge

__all__ = [
    "OF_A_FORMULA",
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
