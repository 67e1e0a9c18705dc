"""A run is right: values and gradients at every node, whatever the cell, the sizes and the data.

The law of `Run` that the interpreter (one equation after the other, no schedule) agrees is the safety net of the schedule;
the reference cases were made by an automatic differentiation that shares nothing with this project.
"""

from __future__ import annotations

import gc
import pickle
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pytest
from cells import FEATURES, Case, cases, exact
from hypothesis import assume, given, settings

import engine
from engine import CATALOGUE, Overflow, parse
from engine.operations import FUNCTIONS
from engine.run import Run, run

REFERENCE = sorted((Path(__file__).parent / "reference").glob("*.npz"))
SHAPES = [(1, 1), (1, 3), (2, 1), (2, 3), (6, 1), (6, 3)]
LINEAR = "h = W @ h[t-1] + U @ x\nL = mse(h, y)"


def results(made: Run) -> dict[tuple[str, str], np.ndarray]:
    """Every array of a run that its user sees."""
    groups = {
        "value": made.value,
        "grad": made.grad,
        "param_grad": made.param_grad,
        "initial_grad": made.initial_grad,
        "step_grad": {name: made.step_grad(name) for name in made.cell.parameters},
        "losses": {"": made.losses},
    }
    return {(group, name): array for group, arrays in groups.items() for name, array in arrays.items()}


def kinks_apart(made: Run, values: dict[str, np.ndarray]) -> bool:
    """Whether no kinked function stands so near its kink that rounding decides on which side."""
    kinked = [name for name in made.cell.nodes if made.cell.operation(name) in ("relu", "leaky_relu")]
    return all(((made.value[name] > 0) == (values[name] > 0)).all() for name in kinked)


def disagreement(made: Run) -> float:
    """The largest difference to the interpreter, relative to the largest entry of the same name.

    Where that is what rounding left of much larger gradients, relative to 1e-4 of these.
    """
    values, grads, param_grads, initial_grads = exact(made)
    largest = max([np.abs(array).max() for group in (values, grads) for array in group.values()])
    assume(largest < (1e6 if made.dtype == np.float64 else 1e3))  # roundings would have grown into errors
    assume(kinks_apart(made, values))
    worst = 0.0
    for found, expected in zip(
        (made.value, made.grad, made.param_grad, made.initial_grad), (values, grads, param_grads, initial_grads), strict=True
    ):
        floor = 1e-4 * max([np.abs(array).max() for array in expected.values()], default=0)
        for name, array in expected.items():
            assert found[name].shape == array.shape, name
            assert found[name].dtype == made.dtype, name
            scale = max(np.abs(array).max(), floor)
            difference = np.abs(found[name] - array).max()
            worst = max(worst, difference / scale if difference else 0.0)
    return float(worst)


def allowed(made: Run) -> float:
    return 1e-9 if made.dtype == np.float64 else 1e-2


# --- reference cases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_gradients_match_the_reference_cases(path) -> None:
    with np.load(path) as data:
        stored = {key: data[key] for key in data.files}

    def of(prefix: str) -> dict[str, np.ndarray]:
        return {key.removeprefix(prefix): array for key, array in stored.items() if key.startswith(prefix)}

    made = run(
        parse(str(stored["text"])),
        of("P."),
        stored.get("x"),
        stored["y"],
        initial=of("I."),
        weights=stored.get("weights"),
        reduction=str(stored["reduction"]),
    )
    groups = {
        "value.": made.value,
        "grad.": made.grad,
        "param.": made.param_grad,
        "init.": made.initial_grad,
        "step.": {name: made.step_grad(name) for name in made.cell.parameters},
    }
    compared = {"loss": (made.loss, stored["loss"]), "losses": (made.losses, stored["losses"])}
    for prefix, group in groups.items():
        compared |= {prefix + name: (group[name], array) for name, array in of(prefix).items()}
    assert len(compared) >= 2 + 2 * len(made.cell.nodes) + 2 * len(made.cell.parameters)
    for key, (found, expected) in compared.items():
        assert np.shape(found) == expected.shape, key
        assert np.abs(found - expected).max() <= 1e-11 * np.abs(expected).max(), key


def test_there_are_reference_cases() -> None:
    assert len(REFERENCE) == 5


# --- against the interpreter ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_each_feature_of_the_language_is_differentiated(text) -> None:
    for i, (T, B) in enumerate(SHAPES):
        start = ("zero", "n", "Bn", "KBn")[i % 4]
        weights = ("ones", "samples", "steps", "last")[i % 4]
        case = Case(text, T, B, seed=i, soft=i % 2 == 0, initial=start, weights=weights, reduction=("mean", "sum")[i % 2])
        for dtype in ("float64", "float32"):
            made = replace(case, dtype=dtype).run()
            assert disagreement(made) <= allowed(made), made


@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_each_cell_of_the_catalogue_is_differentiated(cell) -> None:
    for T, B in [*SHAPES, (30, 1), (30, 40)]:
        made = Case(cell.text, T, B, seed=T, initial="KBn").run()
        assert disagreement(made) <= allowed(made), (T, B)


@settings(max_examples=250)
@given(cases())
def test_gradients_match_the_interpreter(case) -> None:
    made = case.run()
    assert disagreement(made) <= allowed(made)


@settings(max_examples=40)
@given(cases(large=True))
def test_gradients_match_the_interpreter_at_sizes_of_every_kind(case) -> None:
    made = case.run()
    assert disagreement(made) <= allowed(made)


# --- results stay what they are -------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(cases())
def test_results_stay_what_they_are(case) -> None:
    first = case.run()
    before = {key: array.copy() for key, array in results(first).items()}
    other, again = case.other().run(), case.run()
    for key, array in results(first).items():
        assert np.array_equal(array, before[key], equal_nan=True), key
    for key, array in results(again).items():  # whatever memory it was made in
        np.testing.assert_allclose(array, before[key], rtol=1e-5, atol=1e-6 * np.abs(before[key]).max(initial=0), err_msg=key)
    assert not any(
        np.shares_memory(mine, theirs) for mine, theirs in zip(results(first).values(), results(other).values(), strict=True)
    )


@settings(max_examples=50)
@given(cases())
def test_results_are_read_only(case) -> None:
    made = case.run()
    for key, array in results(made).items():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.flags.writeable = True
        assert isinstance(array, np.ndarray), key
    message = made.message(made.cell.losses[0], made.cell.losses[0]) if False else made.losses
    assert not message.flags.writeable


HOLDERS = {
    "the run": (lambda made: made, lambda held: held.grad["h"]),
    "the mapping": (lambda made: made.grad, lambda held: held["h"]),
    "a copy of the mapping": (lambda made: dict(made.grad), lambda held: held["h"]),
    "an array": (lambda made: made.grad["h"], lambda held: held),
    "a slice": (lambda made: made.grad["h"][1:], lambda held: held),
    "a row": (lambda made: made.grad["h"][0], lambda held: held),
    "a transposed view": (lambda made: made.grad["h"].T, lambda held: held),
    "a memoryview": (lambda made: memoryview(made.grad["h"]), np.asarray),
    "an iterator": (lambda made: made.grad["h"].flat, lambda held: held[:]),
    "the values' view": (lambda made: made.value.values(), lambda held: np.concatenate([a.ravel() for a in held])),
    "what a function closes over": (lambda made: lambda: made.value["h"], lambda held: held()),
    "an initial gradient": (lambda made: made.initial_grad["h"], lambda held: held),
    "a parameter's gradient": (lambda made: made.param_grad["W"], lambda held: held),
}


@pytest.mark.parametrize(("hold", "look"), HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("B", [1, 3])
def test_what_is_held_of_a_run_is_not_overwritten(hold, look, B) -> None:
    case = Case(FEATURES["the book's network"], T=4, B=B)
    held = hold(case.run())
    gc.collect()
    before = np.array(look(held))
    for seed in range(1, 8):
        replace(case, seed=seed).run()
    assert np.array_equal(look(held), before)


def test_runs_of_many_threads_do_not_mix() -> None:
    case = Case(FEATURES["an LSTM"], T=8, B=2)
    expected = {seed: case_of.run().grad["x"].copy() for seed in range(4) for case_of in [replace(case, seed=seed)]}
    wrong: list[int] = []

    def work(seed: int) -> None:
        for _ in range(60):
            made = replace(case, seed=seed).run()
            if not np.allclose(made.grad["x"], expected[seed], rtol=1e-12, atol=1e-15):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_went_in_may_change_afterwards() -> None:
    arguments = Case(FEATURES["the book's network"], soft=True, initial="KBn", weights="samples").arguments
    cell = parse(FEATURES["the book's network"])
    made = run(cell, **arguments)
    before = {key: array.copy() for key, array in results(run(cell, **arguments)).items()}
    for array in (*arguments["params"].values(), arguments["x"], arguments["y"], *arguments["initial"].values()):
        array *= 2
    for key, array in results(made).items():
        assert np.array_equal(array, before[key]), key


def test_a_run_leaves_its_arguments_alone() -> None:
    arguments = Case(FEATURES["an LSTM"], soft=True, initial="KBn", weights="samples").arguments
    before = pickle.dumps(arguments)
    run(parse(FEATURES["an LSTM"]), **arguments)
    assert pickle.dumps(arguments) == before
    arguments["x"][...] = 1  # not locked either


# --- what a run is, from what goes in --------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(cases())
def test_a_batch_is_its_samples(case) -> None:
    """Sample b of a batch is what it is alone; the mean's gradients are those of the sum over B."""
    case = replace(case, dtype="float64")
    arguments = case.arguments
    whole = run(case.cell, **(arguments | {"reduction": "sum"}))
    mean = run(case.cell, **(arguments | {"reduction": "mean"}))
    assert np.isclose(mean.loss * case.B, whole.loss, rtol=1e-9, atol=1e-9)
    loss = 0.0
    for b in range(case.B):
        mine = dict(arguments, reduction="sum", y=arguments["y"][:, b], weights=whole.weights[:, b])
        mine["initial"] = {name: array[:, b : b + 1] for name, array in whole.initial.items()}
        mine["x"] = None if arguments["x"] is None else arguments["x"][:, b]
        mine["y"] = np.append(mine["y"], whole.sizes["y"] - 1) if False else mine["y"]
        assume(mine["y"].ndim == 2 or alone_has_all_classes(case, mine["y"], whole))
        alone = run(case.cell, **mine)
        loss += alone.loss
        assert kinks_apart(alone, {name: array[:, b : b + 1] for name, array in whole.value.items()}) or assume(False)
        for name, grad in alone.grad.items():
            scale = max([1e-4 * np.abs(other).max() for other in whole.grad.values()])
            np.testing.assert_allclose(alone.value[name][:, 0], whole.value[name][:, b], rtol=1e-8, atol=1e-10)
            np.testing.assert_allclose(grad[:, 0], whole.grad[name][:, b], rtol=1e-8, atol=1e-8 * scale)
            np.testing.assert_allclose(mean.grad[name] * case.B, whole.grad[name], rtol=1e-8, atol=1e-8 * scale)
    assert np.isclose(loss, whole.loss, rtol=1e-9, atol=1e-9)
