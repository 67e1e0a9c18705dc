"""The sample of a run that is shown: every page, picture and caption reads `View.sample` by these functions.

A sample is counted from 1; 0 stands for all of them together. So does a number without a sample in the run: it is kept until
the run has such a sample again. A number of a single sample is then taken from the first.
"""

from __future__ import annotations

from engine import Run


def shown(run: Run, sample: int) -> int:
    """The sample that is shown, or 0: all of them."""
    return sample if 1 <= sample <= run.B else 0


def span(run: Run, sample: int) -> slice:
    """The samples that are shown, as a slice of an axis of all samples."""
    return slice(sample - 1, sample) if shown(run, sample) else slice(None)


def one(run: Run, sample: int) -> int:
    """The sample, counted from 0, from which single numbers are taken: the one that is shown, or the first."""
    return max(shown(run, sample), 1) - 1


def caption(run: Run, sample: int, what: str = "The picture") -> str:
    """The caption that the numbers are those of sample 1 where `what` shows all samples; "" where it shows one."""
    if run.B == 1 or shown(run, sample):
        return ""
    return f"{what} shows all {run.B} samples together; the numbers here are those of sample 1."


def missing(run: Run, sample: int) -> str:
    """The message that the run has no sample of this number; "" if it has, or has only one."""
    if run.B == 1 or sample <= run.B:
        return ""
    return f"There is no sample {sample} here: the network has {run.B}, and all of them are shown together."
