"""A slip tested on a run: the statement of the text and the right one, each with its verdict.

A slip is tested on the user's network if the right formula holds there and the stated one does not hold for every network of
the same cell; else on a small network of its kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from engine import EquationError, Run
from engine import formula as formulas
from engine.formula import Formula, parse
from engine.verify import OF_A_FORMULA, Asked, Verdict, judge
from explorer import model as models
from explorer.experiments.slips.asked import left_side
from explorer.experiments.slips.catalogue import SLIPS
from explorer.experiments.slips.claim import Form, Slip
from explorer.experiments.slips.trials import refuted
from explorer.model import Model


@dataclass(frozen=True)
class Case:
    """A tested slip: the run, the question, both formulas in LaTeX and their verdicts.

    why_not            the reason why the run is not the user's; "" if it is
    text, right_text   the formulas as they are typed; "" where the claim is no formula
    left               the left side of both formulas, in LaTeX
    route              the way to the numbers with which both are compared
    """

    run: Run
    why_not: str
    asked: Asked
    sample: int
    text: str
    right_text: str
    left: str
    stated: str
    right: str
    stated_verdict: Verdict
    right_verdict: Verdict
    remark: str
    route: str

    @property
    def own(self) -> bool:
        """Whether the run is the user's."""
        return not self.why_not


@lru_cache(maxsize=2)
def small(layers: bool) -> Run:
    """The small network on which a slip is tested where the user's is of another kind."""
    return models.run(models.changed(Model(task="worked"), cell="feedforward") if layers else Model(task="worked"))


_OTHER_RIGHT: Final = "since its right form does not hold for yours"
_NO_HARM: Final = "since what is stated does no harm in yours"


def case(key: str, run: Run, sample: int = 0) -> Case:
    """Test a slip on the user's run, or on a small network if the right formula does not hold there or the stated one does.

    **Holds:** every_slip_is_judged_wrong_and_its_right_form_right.
    """
    slip, why_not = SLIPS[key], _OTHER_RIGHT
    for tested in filter(None, _tested_all(slip, run, sample, "")):
        if tested.stated_verdict.kind != "right":
            return tested
        why_not = _NO_HARM
    return next(filter(None, _tested_all(slip, small(slip.layers), 0, why_not)))


def _tested_all(slip: Slip, run: Run, sample: int, why_not: str) -> Iterator[Case | None]:
    """The slip in each of its forms."""
    if slip.trial is not None:
        yield _tried(slip, run, sample, why_not)
    for form in slip.forms:
        yield _tested(slip, form, run, sample, why_not)


def _tried(slip: Slip, run: Run, sample: int, why_not: str) -> Case | None:
    """The trial of a slip on a run, or None where the run has no numbers for it, or the wrong ones agree."""
    assert slip.trial is not None
    trial = slip.trial(run, sample)
    if trial is None:
        return None
    room = OF_A_FORMULA[run.dtype.name] * float(np.abs(trial.true).max(initial=0.0))
    right = replace(refuted(trial.held, trial.true), kind="right", allowed=room)
    stated = replace(refuted(trial.given, trial.true), allowed=room)
    if stated.difference <= room:
        stated = replace(stated, kind="right")
    remark = slip.remark(run, trial.asked, sample, stated)
    left = left_side(run, trial.asked)
    return Case(
        run, why_not, trial.asked, sample, "", "", left, trial.stated, trial.right, stated, right, remark, trial.route
    )


def _tested(slip: Slip, form: Form, run: Run, sample: int, why_not: str) -> Case | None:
    """The slip in one of its forms, or None where the right formula cannot be read or does not hold."""
    cell, t = run.cell, run.T - form.back
    name = form.name.replace("{loss}", _loss(run))
    known = {name, form.of or name} <= set(cell.nodes)
    if t < 1 or not known or ("{phi}" in form.stated + form.right and cell.operation(form.function) is None):
        return None
    asked = Asked(form.kind, name, t, form.of)
    right = _parsed(form.right, form, run, t, sample)
    stated = _parsed(form.stated, form, run, t, sample) if form.tried is None else None
    if right is None or (form.tried is None and stated is None):
        return None
    right_verdict = judge(right, run, asked, sample, numeric=False)
    if right_verdict.kind != "right":
        return None
    if stated is not None:
        latex, verdict = formulas.latex(stated), judge(stated, run, asked, sample)
    else:
        assert form.tried is not None
        attempt = form.tried(run, asked, sample)
        if attempt is None:
            return None
        latex, verdict = attempt
    right_verdict = replace(right_verdict, measured=verdict.measured)  # the same, and it may take a while
    remark = "" if verdict.value is None else slip.remark(run, asked, sample, verdict)
    text, left = "" if stated is None else stated.text, left_side(run, asked)
    route = "the network's value" if asked.kind == "value" else "numerical derivative"
    return Case(
        run,
        why_not,
        asked,
        sample,
        text,
        right.text,
        left,
        latex,
        formulas.latex(right),
        verdict,
        right_verdict,
        remark,
        route,
    )


def _loss(run: Run) -> str:
    """The first node that calls a loss."""
    return next(name for name in run.cell.nodes if run.cell.loss(name) is not None)


def _parsed(template: str, form: Form, run: Run, t: int, sample: int) -> Formula | None:
    loss = _loss(run)
    counts_once = bool((run.weights == 1).all()) and run.grad[loss][t - 1, sample, 0] == 1
    factor = "" if counts_once else f"g_{loss} * "
    text = template.replace("{phi}", run.cell.operation(form.function) or "").replace("{g}", factor)
    try:
        return parse(text, run.cell)
    except EquationError:
        return None
