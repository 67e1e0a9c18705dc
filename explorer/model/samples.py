"""Which sample of a run is shown: the one reading of `View.sample` that every page, picture and caption has.

A sample is counted from 1; 0 stands for all of them together. A number that a run has no sample for stands for all as
well: it is kept until there is such a sample again. What can only be shown of one sample is then shown of the first.
"""

from __future__ import annotations

from engine import Run


def shown(run: Run, sample: int) -> int:
    """The sample that is shown, or 0: all of them."""
    return sample if 1 <= sample <= run.B else 0


def span(run: Run, sample: int) -> slice:
    """The places of the samples that are shown, in an axis of all samples."""
    return slice(sample - 1, sample) if shown(run, sample) else slice(None)


def one(run: Run, sample: int) -> int:
    """The place, counted from 0, of the one sample that numbers are of: the one that is shown, or the first."""
    return max(shown(run, sample), 1) - 1


def told(run: Run, sample: int, what: str = "The picture") -> str:
    """Whose the numbers of one sample are where `what` shows all samples together; "" where there is no other sample."""
    if run.B == 1 or shown(run, sample):
        return ""
    return f"{what} shows all {run.B} samples together; the numbers here are those of sample 1."


def missing(run: Run, sample: int) -> str:
    """That there is no sample of this number, and what is shown instead; "" if there is one, or only one at all."""
    if run.B == 1 or sample <= run.B:
        return ""
    return f"There is no sample {sample} here: the network has {run.B}, and all of them are shown together."
