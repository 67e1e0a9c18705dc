"""What happens to the gradient of a run on its way back through time, and why, in plain words with the run's own numbers."""

from __future__ import annotations

from engine import Run


def sentences(run: Run, sample: int = 0) -> tuple[str, ...]:
    """The sentences, in plain text; every number in them is computed from the run.

    sample   counted from 1; 0 is all of them together
    """
    return (f"The loss is {run.loss:.4g}.",)
