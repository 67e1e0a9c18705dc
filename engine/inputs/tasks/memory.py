"""The classic tests of memory: the answer at the end depends on inputs long before."""

from __future__ import annotations

import math
from typing import Annotated, Final

import numpy as np

from engine.inputs.setting import Setting
from engine.inputs.tasks.task import (
    MAX_STEPS,
    Array,
    Form,
    Samples,
    Seed,
    Task,
    bounded,
    decimals,
    last_step,
    random,
    same_target,
    steps_from,
    task,
)
from engine.language.operations import one_hot


@task("Adding problem", form=lambda steps, samples, **_: bounded(Form(steps, samples, 2, 1, "real"), 2, "adding"))
def adding(
    steps: Annotated[int, steps_from(6)] = 20,
    form: Annotated[
        str,
        Setting(
            "Form",
            "choice",
            choices=(("2016", "Arjovsky et al. (2016)"), ("1997", "Hochreiter & Schmidhuber (1997)")),
        ),
    ] = "2016",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Add the two marked numbers of a long sequence; only the answer after the last step counts.

    x (T, B, 2): a number and its mark; y (T, B, 1) the same target at each step; weights 0, …, 0, 1.

    form "2016"  numbers uniform in [0, 1]; one mark 1 in each half, else 0; target the sum. To answer 1 always gives a
                 mean squared error of 1/6. Arjovsky, Shah & Bengio (2016), 5.2.
    form "1997"  numbers uniform in [−1, 1]; one mark 1 in the first 10 pairs and another in the first T/2 − 1 (both
                 there if T/2 − 1 < 10), the first and the last mark −1, else 0; target 0.5 + (X₁ + X₂)/4; if the first
                 pair is a chosen one, its mark stays −1 and its number is 0. Correct if the error is below 0.04. All
                 samples have T steps, where the paper draws lengths from T to 1.1 T.
                 Hochreiter & Schmidhuber (1997), 5.4.

    **Holds:** adding_targets_follow_from_x, adding_marks_lie_where_the_form_says.
    """
    value, mark, target = (_adding_2016 if form == "2016" else _adding_1997)(steps, samples, seed)
    return Task(
        x=np.stack([value, mark], axis=-1),
        y=same_target(target[:, None], steps),
        weights=last_step(steps),
        labels=tuple(decimals(v) + ("*" if m == 1 else "") for v, m in zip(value[:, 0], mark[:, 0], strict=True)),
        sentence=f"Add the two marked numbers (*) out of {steps} and give "
        + (
            "their sum after the last step; to answer 1 always has a mean squared error of 1/6."
            if form == "2016"
            else "0.5 + (X₁ + X₂)/4 after the last step; an error below 0.04 is right."
        ),
        source="Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, 5.2"
        if form == "2016"
        else "Hochreiter & Schmidhuber (1997), Long short-term memory, 5.4",
        inputs=("value", "mark"),
    )


def _adding_2016(steps: int, samples: int, seed: int) -> tuple[Array, Array, Array]:
    """Numbers and marks (T, B), and targets (B,): one mark in each half."""
    values, places = random(seed, "adding", "values"), random(seed, "adding", "places")
    sample, half = np.arange(samples), steps // 2
    value, mark = values.random((steps, samples)), np.zeros((steps, samples))
    mark[places.integers(half, size=samples), sample] = 1
    mark[places.integers(half, steps, size=samples), sample] = 1
    return value, mark, (value * mark).sum(axis=0)


def _adding_1997(steps: int, samples: int, seed: int) -> tuple[Array, Array, Array]:
    """Numbers and marks (T, B), and targets (B,): both marks in the first half, the ends marked −1."""
    values, places = random(seed, "adding", "values"), random(seed, "adding", "places")
    sample, half = np.arange(samples), steps // 2
    value, mark = 2 * values.random((steps, samples)) - 1, np.zeros((steps, samples))
    first = places.integers(min(10, half - 1), size=samples)
    second = places.integers(half - 2, size=samples)
    second += second >= first  # one of the first T/2 − 1 that is not marked yet
    mark[first, sample] = mark[second, sample] = 1
    value[0, (first == 0) | (second == 0)] = 0
    mark[[0, -1]] = -1
    return value, mark, 0.5 + (value * (mark == 1)).sum(axis=0) / 4


_SYMBOLS: Final = {"1997": "XYabcdEB", "2013": "XYabcd"}
_ORDERS: Final = ("XX", "XY", "YX", "YY")


@task(
    "Temporal order",
    form=lambda steps, form, samples, **_: bounded(
        Form(steps, samples, len(_SYMBOLS[form]), len(_ORDERS), "classes"), len(_SYMBOLS[form]), "order"
    ),
)
def order(
    steps: Annotated[int, steps_from(10)] = 20,
    form: Annotated[
        str,
        Setting(
            "Form",
            "choice",
            choices=(("1997", "Hochreiter & Schmidhuber (1997), 6a"), ("2013", "Pascanu et al. (2013)")),
        ),
    ] = "1997",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Tell in which order two signals, each X or Y, came in a long sequence of distracting symbols.

    x (T, B, n) one-hot, y (T, B) the same class at each step: XX, XY, YX, YY; weights 0, …, 0, 1.

    form "1997"  8 symbols: E first, B last, else distractors a–d; the signals at t₁ in [10, 20], t₂ in [50, 60], as in
                 the paper's sequences of 100 to 110 steps; in proportion in shorter ones, [T/10, T/5], [T/2, 3T/5].
                 Hochreiter & Schmidhuber (1997), 5.6, task 6a.
    form "2013"  6 symbols X Y a b c d; counted from 0, the signals in [0.1 T, 0.2 T) and [0.5 T, 0.6 T). Code of
                 Pascanu, Mikolov & Bengio (2013), with the classes in the order of 1997.

    **Holds:** order_classes_follow_from_x, order_signals_lie_where_the_form_says.
    """
    symbols = _SYMBOLS[form]
    signals, places = random(seed, "order", "signals"), random(seed, "order", "places")
    code = random(seed, "order", "distractors").integers(2, 6, size=(steps, samples))
    if form == "1997":
        # Counted from 1, as the paper does, both ends included; step 1 is E's.
        span = min(steps, 100)
        t1 = places.integers(max(2, span // 10), span // 5, size=samples, endpoint=True) - 1
        t2 = places.integers(span // 2, 3 * span // 5, size=samples, endpoint=True) - 1
        code[0], code[-1] = symbols.index("E"), symbols.index("B")
    else:
        t1 = places.integers(steps // 10, size=samples) + steps // 10
        t2 = places.integers(steps // 10, size=samples) + steps // 2
    first, second = signals.integers(2, size=(2, samples))
    code[t1, np.arange(samples)] = first
    code[t2, np.arange(samples)] = second
    return Task(
        x=one_hot(code, len(symbols)),
        y=same_target(2 * first + second, steps),
        weights=last_step(steps),
        labels=tuple(symbols[c] for c in code[:, 0]),
        sentence=f"Two of {steps} symbols are X or Y, all others distract:"
        " say after the last step which two they were, and in which order.",
        source="Hochreiter & Schmidhuber (1997), Long short-term memory, 5.6, task 6a"
        if form == "1997"
        else "Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, code",
        inputs=tuple(symbols),
        classes=_ORDERS,
    )


_CODES: Final = ("blank", *"12345678", "delimiter")


@task(
    "Copy",
    form=lambda delay, length, samples, **_: bounded(
        Form(delay + 2 * length, samples, len(_CODES), len(_CODES) - 1, "classes"), len(_CODES), "copy"
    ),
)
def copy(
    delay: Annotated[
        int, Setting("Delay", "int", lower=1, upper=MAX_STEPS // 2, help="T: steps between symbols and their recall.")
    ] = 10,
    length: Annotated[
        int, Setting("Symbols", "int", lower=1, upper=MAX_STEPS // 4, help="The number of symbols to keep.")
    ] = 10,
    form: Annotated[
        str,
        Setting(
            "Form",
            "choice",
            choices=(
                ("2018", "Bai et al. (2018), delimiters to the end"),
                ("2016", "Arjovsky et al. (2016), one delimiter"),
            ),
        ),
    ] = "2018",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Keep a few symbols over a long blank, then give them back in order.

    With n symbols (`length`) and the delay D there are T = D + 2n steps. x (T, B, 10) is one-hot of blank, 1–8,
    delimiter: n symbols out of 1–8, D − 1 blanks, then n + 1 delimiters (form "2018") or one and n blanks ("2016").
    y (T, B), of the classes blank, 1–8: D + n blanks, then the symbols. Each step counts 1/T, so that the total is the
    mean over the steps as in the papers; without memory it is n·ln 8/T at best, 0.1733 for n = 10 and D = 100.
    Source: Arjovsky, Shah & Bengio (2016), 5.1; Bai, Kolter & Koltun (2018), code of the TCN.
    **Holds:** copy_gives_back_what_it_took, copy_baseline.
    """
    steps = delay + 2 * length
    kept = random(seed, "copy", "symbols").integers(1, 9, size=(length, samples))
    x, y = np.zeros((2, steps, samples), dtype=np.int64)
    x[:length] = kept
    x[steps - length - 1 : (steps - length if form == "2016" else steps)] = 9
    y[steps - length :] = kept
    signs = "_12345678|"
    return Task(
        x=one_hot(x, len(_CODES)),
        y=y,
        weights=np.full(steps, 1 / steps),
        labels=tuple(signs[code] for code in x[:, 0]),
        sentence=f"Keep {length} symbols over {delay} steps and give them back in order; without memory the mean loss"
        f" is {length * math.log(8) / steps:.4f} at best.",
        source="Arjovsky, Shah & Bengio (2016), Unitary evolution recurrent neural networks, 5.1"
        + ("" if form == "2016" else ", in the form of Bai, Kolter & Koltun (2018), code of the TCN"),
        inputs=_CODES,
        classes=_CODES[:-1],
    )
