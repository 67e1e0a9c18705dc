"""Section: the parameters and their copies, A12."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.execute.run import Run
from engine.language.names import latex
from engine.verify.tolerance import rounding_floor
from engine.working.derivation.line import Line
from engine.working.derivation.parameter import copy_line
from engine.working.derivation.step import StepContext
from engine.working.derivation.writing import first_and_last, matrix_tex, number_tex


def needs_parameters(run: Run) -> str:
    """The obstacle to the section in a run, or ""."""
    return "" if run.parameters else "This network has no parameter."


def copies_lines(at: StepContext, _: int) -> Iterator[Line]:
    """For each parameter the gradient at the copy that the step uses, and the sum over all copies."""
    at.disturb(at.cell.parameters, None)
    for name in at.cell.parameters:
        yield copy_line(at, name, "A12")
        yield _sum_of_copies(at, name)


def _sum_of_copies(at: StepContext, name: str) -> Line:
    run, symbol = at.run, latex(name)
    norms, total, largest = list[str](), np.zeros(run.parameters[name].shape), 0.0
    for steps in run.portions():
        copies = run.step_grad(name, steps).astype(np.float64)
        norms += [number_tex(float(np.linalg.norm(copy))) for copy in copies]
        total += copies.sum(axis=0)
        largest = max(largest, float(np.abs(copies).max()))
    left = rf"\nabla_{{{symbol}}} L"
    samples = "" if run.B == 1 else f" of all {run.B} samples"
    return at.line_by_disturbance(
        "A12", f"All steps use the same ${symbol}$, so its gradient is the sum over the copies{samples}. The copies'"
        rf" norms are, from step 1, ${', '.join(first_and_last(norms))}$.",
        rf"{left} = \sum_{{t=1}}^{{\tau}} \nabla_{{{symbol}^{{(t)}}}} L", f"{left} = {matrix_tex(total)}", total, name, None,
        floor=max(rounding_floor(run, largest, at.tolerance), at.floor),
    )  # fmt: skip
