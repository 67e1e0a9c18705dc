"""Series with a target at each step, random or periodic, and one number to be reached."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from engine.inputs.setting import Setting
from engine.inputs.tasks.task import (
    MAX_STEPS,
    MAX_UNITS,
    Form,
    Samples,
    Seed,
    Steps,
    Task,
    bounded,
    decimals,
    every_step,
    last_step,
    numbered,
    random,
    step_numbers,
    task,
)


@task(
    "Random numbers",
    form=lambda steps, inputs, outputs, targets, samples, **_: bounded(
        Form(steps, samples, inputs, outputs, targets), max(inputs, outputs), "noise"
    ),
)
def noise(
    steps: Steps = 10,
    inputs: Annotated[int, Setting("Inputs", "int", lower=1, upper=MAX_UNITS, help="Size of x.")] = 4,
    outputs: Annotated[int, Setting("Outputs", "int", lower=1, upper=MAX_UNITS, help="Classes, or size of y.")] = 3,
    targets: Annotated[
        str, Setting("Targets", "choice", choices=(("classes", "Classes"), ("real", "Real numbers")))
    ] = "classes",
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Random inputs and random targets: nothing can be learned, so the gradients show the network alone.

    x (T, B, inputs) standard normal; y (T, B), each class as likely, or (T, B, outputs) standard normal.
    Raises ValueError if x or y would have more than `MAX_NUMBERS` numbers. **Holds:** longer_begins_with_shorter.
    """
    classes = targets == "classes"
    y = random(seed, "noise", "y")
    return Task(
        x=random(seed, "noise", "x").standard_normal((steps, samples, inputs)),
        y=y.integers(outputs, size=(steps, samples)) if classes else y.standard_normal((steps, samples, outputs)),
        weights=every_step(steps),
        labels=step_numbers(steps),
        sentence=(
            f"Guess one of {outputs} random classes at each of {steps} steps from random inputs."
            if classes
            else f"Guess {outputs} random real numbers at each of {steps} steps from random inputs."
        ),
        source="Independent standard normal inputs; targets drawn apart from them",
        inputs=numbered("x", inputs),
        classes=tuple(map(str, range(outputs))) if classes else (),
    )


@task("Running parity", form=lambda steps, samples, **_: Form(steps, samples, 1, 2, "classes"))
def parity(steps: Steps = 12, samples: Samples = 1, seed: Seed = 0) -> Task:
    """Tell at each step whether the number of ones so far is odd: one wrong bit makes all later answers wrong.

    x (T, B, 1) of 0 and 1, y (T, B): 0 even, 1 odd, the running exclusive or of x. **Holds:** parity_counts_the_ones,
    longer_begins_with_shorter. Source: Hochreiter & Schmidhuber (1996), on parity and latch problems.
    """
    bits = random(seed, "parity", "bits").integers(2, size=(steps, samples))
    return Task(
        x=bits[..., None].astype(np.float64),
        y=np.cumsum(bits, axis=0) % 2,
        weights=every_step(steps),
        labels=tuple(map(str, bits[:, 0])),
        sentence=f"Say at each of {steps} steps whether the number of ones so far is even or odd.",
        source="Running exclusive or; Hochreiter & Schmidhuber (1996), Bridging long time lags by weight guessing",
        inputs=("bit",),
        classes=("even", "odd"),
    )


@task("Next value of a sine", form=lambda steps, samples, **_: Form(steps, samples, 1, 1, "real"))
def sine(
    steps: Steps = 20,
    period: Annotated[float, Setting("Period", "float", lower=2, upper=MAX_STEPS, help="Steps per period.")] = 10.0,
    noise: Annotated[
        float, Setting("Noise", "float", lower=0, upper=10, help="Standard deviation added to the inputs.")
    ] = 0.0,
    samples: Samples = 1,
    seed: Seed = 0,
) -> Task:
    """Predict the next value of a sine from its values so far, which may be noisy.

    x (T, B, 1), y (T, B, 1): x(t) = sin(2π (t − 1)/period + φ) + noise·ε(t), y(t) the sine at t + 1, without noise.
    The samples' phases φ = 0, 2π/B, … are spread evenly; ε is standard normal.
    **Holds:** sine_targets_are_the_next_inputs.
    """
    phase = 2 * np.pi * np.arange(samples) / samples
    wave = np.sin(2 * np.pi / period * np.arange(steps + 1)[:, None] + phase)[..., None]
    x = wave[:-1] + noise * random(seed, "sine", "noise").standard_normal((steps, samples, 1))
    return Task(
        x=x,
        y=wave[1:],
        weights=every_step(steps),
        labels=tuple(map(decimals, x[:, 0, 0])),
        sentence=f"Predict the next value of a sine with a period of {period:g} steps, at each of {steps} steps"
        + (f", from values with noise of standard deviation {noise:g}." if noise else "."),
        source="One step ahead prediction of a sine",
        inputs=("value",),
    )


@task("A number to be reached", form=lambda steps, **_: Form(steps, 1, 1, 1, "real"))
def reach(
    steps: Steps = 50,
    target: Annotated[
        float, Setting("Target", "float", lower=-1e6, upper=1e6, help="The value to reach at the last step.")
    ] = 0.7,
) -> Task:
    """Reach a target value at the last step with zero input, from the weights and the initial state alone.

    x (T, 1, 1) of zeros, y (T, 1, 1) the same target at each step; weights 0, …, 0, 1.
    Source: Pascanu, Mikolov & Bengio (2013), 50 steps and 0.7. **Holds:** longer_begins_with_shorter.
    """
    return Task(
        x=np.zeros((steps, 1, 1)),
        y=np.full((steps, 1, 1), float(target)),
        weights=last_step(steps),
        labels=step_numbers(steps),
        sentence=f"Be at {target:g} after step {steps}, with zero input.",
        source="Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks",
        inputs=("nothing",),
    )
