"""A run is right: values and gradients at every node, whatever the cell, the sizes and the data.

That the interpreter agrees, which knows no schedule, is the safety net of the schedule; the reference cases were made
by an automatic differentiation that shares nothing with this project.
"""

from __future__ import annotations

import gc
import pickle
import re
import threading
import tracemalloc
import warnings
from dataclasses import replace

import mpmath
import numpy as np
import pytest
from cells import FEATURES, Case, agree, cases, exact, largest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from root import ROOT

import engine
from engine import CATALOGUE, Overflow, parse
from engine.execute.run import Run, run
from engine.language.operations import FUNCTIONS
from engine.support import budget

REFERENCE = sorted((ROOT / "tests/reference").glob("*.npz"))
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


def is_moderate(made: Run) -> bool:
    """Whether roundings stay roundings: no number is large, and none stands at a kink."""
    values, grads, *_ = exact(made)
    most = 1e6 if made.dtype == np.float64 else 1e3
    arrays = [*values.values(), *grads.values()]
    return all(np.abs(array).max() < most for array in arrays) and kinks_apart(made, values)


def disagreement(made: Run) -> float:
    """The largest difference to the interpreter, relative to the largest entry of the same name.

    Where that is what rounding left of much larger gradients, relative to 1e-4 of these.
    """
    worst = 0.0
    values, *grads = exact(made)
    for found, expected, alike in (
        (made.value, values, [values]),
        *zip((made.grad, made.param_grad, made.initial_grad), grads, [grads] * 3, strict=True),
    ):
        floor = 1e-4 * max(np.abs(array).max() for group in alike for array in group.values())
        for name, array in expected.items():
            assert found[name].shape == array.shape, name
            assert found[name].dtype == made.dtype, name
            difference = np.abs(found[name] - array).max()
            worst = max(worst, difference / max(np.abs(array).max(), floor) if difference else 0.0)
    return float(worst)


def allowed(made: Run) -> float:
    return 1e-9 if made.dtype == np.float64 else 1e-2


# --- reference cases ------------------------------------------------------------------------------------------------


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


# --- against the interpreter ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_each_feature_of_the_language_is_differentiated(text) -> None:
    for i, (T, B) in enumerate(SHAPES):
        start = ("zero", "n", "Bn", "KBn")[i % 4]
        weights = ("ones", "samples", "steps", "last")[i % 4]
        case = Case(
            text, T, B, seed=i, soft=i % 2 == 0, initial=start, weights=weights, reduction=("mean", "sum")[i % 2]
        )
        for dtype in ("float64", "float32"):
            made = replace(case, dtype=dtype).run_again()
            assert disagreement(made) <= allowed(made), made


@pytest.mark.parametrize("cell", CATALOGUE.values(), ids=CATALOGUE)
def test_each_cell_of_the_catalogue_is_differentiated(cell) -> None:
    for T, B in [*SHAPES, (30, 1), (30, 40)]:
        made = Case(cell.text, T, B, seed=T, initial="KBn").run_again()
        assert disagreement(made) <= allowed(made), (T, B)


@settings(max_examples=150)
@given(cases())
def test_gradients_match_the_interpreter(case) -> None:
    made = case.run_again()
    assume(is_moderate(made))
    assert disagreement(made) <= allowed(made)


@settings(max_examples=30)
@given(cases(large=True))
def test_gradients_match_the_interpreter_at_sizes_of_every_kind(case) -> None:
    made = case.run_again()
    assume(is_moderate(made))
    assert disagreement(made) <= allowed(made)


@pytest.mark.parametrize("sizes", [dict(n_h=20, n_y=300), dict(n_h=5, n_x=900), dict(n_h=70)], ids=str)
@pytest.mark.parametrize("feature", ["the book's network", "an LSTM", "the output comes back"])
def test_gradients_match_the_interpreter_where_a_matrix_is_large(feature, sizes) -> None:
    made = Case(FEATURES[feature], T=4, B=1, initial="KBn", **sizes).run_again()
    assert disagreement(made) <= allowed(made)


# --- results stay what they are -------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(cases())
def test_results_stay_what_they_are(case) -> None:
    first = case.run()
    assume(is_moderate(first))
    before = {key: array.copy() for key, array in results(first).items()}
    other, again = case.other().run(), case.run()
    for key, array in results(first).items():
        assert np.array_equal(array, before[key], equal_nan=True), key
    for key, array in results(again).items():  # whatever memory it was made in
        np.testing.assert_allclose(
            array, before[key], rtol=1e-5, atol=1e-6 * np.abs(before[key]).max(initial=0), err_msg=key
        )
    assert not any(
        np.shares_memory(mine, theirs)
        for mine, theirs in zip(results(first).values(), results(other).values(), strict=True)
    )


@settings(max_examples=25)
@given(cases())
def test_results_are_read_only(case) -> None:
    made = case.run()
    for key, array in results(made).items():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        assert isinstance(array, np.ndarray), key


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


# --- what a run is, from what goes in -------------------------------------------------------------------------------


@settings(max_examples=25)
@given(cases())
def test_a_batch_is_its_samples(case) -> None:
    """Sample b of a batch is what it is alone; the gradients of the mean are those of the sum over B."""
    case = replace(case, dtype="float64", soft=True)
    arguments = case.arguments
    whole = run(case.cell, **(arguments | {"reduction": "sum"}))
    mean = run(case.cell, **(arguments | {"reduction": "mean"}))
    assume(is_moderate(whole))
    assert np.isclose(mean.loss * case.B, whole.loss, rtol=1e-9, atol=1e-9)
    floor = 1e-9 * max(np.abs(grad).max() for grad in whole.grad.values())
    for name, grad in whole.grad.items():
        np.testing.assert_allclose(mean.grad[name] * case.B, grad, rtol=1e-9, atol=floor, err_msg=name)
    loss = 0.0
    for b in range(case.B):
        x = None if whole.x is None else whole.x[:, b]
        initial = {name: array[:, b : b + 1] for name, array in whole.initial.items()}
        alone = run(case.cell, arguments["params"], x, whole.y[:, b], initial, whole.weights[:, b], "sum")
        assume(kinks_apart(alone, {name: array[:, b : b + 1] for name, array in whole.value.items()}))
        loss += alone.loss
        for name, grad in alone.grad.items():
            np.testing.assert_allclose(alone.value[name][:, 0], whole.value[name][:, b], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(grad[:, 0], whole.grad[name][:, b], rtol=1e-9, atol=floor, err_msg=name)
    assert np.isclose(loss, whole.loss, rtol=1e-9, atol=1e-9)


def test_the_total_is_the_weighted_sum_of_the_losses() -> None:
    case = Case(FEATURES["several losses"], T=4, B=3, weights="samples")
    for reduction, factor in (("mean", 1 / 3), ("sum", 1)):
        made = replace(case, reduction=reduction).run()
        assert np.allclose(made.losses, made.value["L"][..., 0] + made.value["M"][..., 0], rtol=1e-15)
        assert np.isclose(made.loss, factor * np.sum(made.weights * made.losses), rtol=1e-14)
        assert np.array_equal(made.grad["L"][..., 0], made.grad["M"][..., 0])
        np.testing.assert_allclose(made.grad["L"][..., 0], factor * made.weights, rtol=1e-15)
        assert type(made.loss) is float


def test_a_loss_that_is_read_is_part_of_what_reads_it() -> None:
    made = Case(FEATURES["a total of two losses"], T=4, B=3, soft=True, weights="samples").run()
    seed = made.weights / 3
    L1 = -np.sum(made.y * np.log(made.value["p"]), axis=-1)
    L2 = np.mean((made.value["o"] - made.y) ** 2, axis=-1)
    np.testing.assert_allclose(made.losses, L1 + 0.1 * L2, rtol=1e-13)
    assert made.loss == pytest.approx(float(np.sum(seed * (L1 + 0.1 * L2))), rel=1e-13)
    for name, factor in (("L", 1.0), ("L1", 1.0), ("L2", 0.1)):
        np.testing.assert_allclose(made.grad[name][..., 0], factor * seed, rtol=1e-14)
    np.testing.assert_allclose(
        made.grad["o"],
        seed[..., None] * (made.value["p"] * made.y.sum(-1, keepdims=True) - made.y)
        + 0.1 * seed[..., None] * 2 / 3 * (made.value["o"] - made.y),
        rtol=1e-12,
    )


@settings(max_examples=60)
@given(cases(), st.lists(st.sampled_from([0.0, 1.0, -0.5, 0.1]), min_size=1, max_size=2))
def test_a_total_has_the_gradients_of_its_parts(case, factors) -> None:
    """A line more, with a factor: every gradient is that factor times what it was, and the loss too."""
    assume(case.dtype == "float64")
    made = case.run()
    assume(is_moderate(made))
    lines = [f"T{i} = {factors[i % len(factors)]} * {name}" for i, name in enumerate(made.cell.losses)]
    whole = replace(case, text="\n".join([case.text, *lines])).run()
    alone = []
    for name in made.cell.losses:
        others = [f"N{other} = 0 * {other}" for other in made.cell.losses if other != name]
        alone.append(replace(case, text="\n".join([case.text, *others])).run())
    assert whole.cell.losses == tuple(f"T{i}" for i in range(len(lines)))
    scale = largest([*made.grad.values(), *made.param_grad.values(), made.losses], 1.0)
    for kind in ("param_grad", "grad"):
        for name in getattr(made, kind):
            parts = [factors[i % len(factors)] * getattr(one, kind)[name] for i, one in enumerate(alone)]
            if name not in made.cell.losses:
                assert agree(getattr(whole, kind)[name], np.sum(parts, axis=0), 1e-9 * scale), name
    parts = [factors[i % len(factors)] * one.loss for i, one in enumerate(alone)]
    assert whole.loss == pytest.approx(sum(parts), rel=1e-9, abs=1e-9 * scale)


def test_what_is_missing_has_its_default() -> None:
    case = Case(FEATURES["lags of one, two and three"], T=5, B=2)
    made = case.run()
    assert np.array_equal(made.weights, np.ones((5, 2)))
    assert np.array_equal(made.initial["h"], np.zeros((3, 2, 4)))
    zeros = {"h": np.zeros((3, 2, 4))}
    same = run(case.cell, **(case.arguments | {"weights": np.ones(5), "initial": zeros, "reduction": "mean"}))
    for key, array in results(same).items():
        assert np.array_equal(array, results(made)[key]), key


def test_a_single_sample_needs_no_axis_of_samples() -> None:
    case = Case(FEATURES["an LSTM"], T=4, B=1, initial="n", weights="steps")
    short = dict(case.arguments)
    short["x"], short["y"] = short["x"][:, 0], short["y"][:, 0]
    assert short["x"].shape == (4, 2)
    assert short["y"].shape == (4,)
    for (key, array), other in zip(results(run(case.cell, **short)).items(), results(case.run()).values(), strict=True):
        assert np.array_equal(array, other), key


def test_an_initial_state_may_have_three_shapes() -> None:
    case = Case(FEATURES["lags of one, two and three"], T=3, B=2)
    h = np.random.default_rng(0).normal(size=(3, 2, 4))
    h[:2] = 0
    h[2, 1] = h[2, 0]  # t = 0, the same for both samples
    for given_h in (h, h[2], h[2, 0]):
        made = run(case.cell, **(case.arguments | {"initial": {"h": given_h}}))
        assert np.array_equal(made.initial["h"], h)
        assert made.initial_grad["h"].shape == (3, 2, 4)


def test_one_hot_targets_are_classes() -> None:
    case = Case(FEATURES["the book's network"], T=4, B=3)
    classes = case.run()
    soft = run(case.cell, **(case.arguments | {"y": np.eye(3)[case.arguments["y"]]}))
    for key, array in results(soft).items():
        np.testing.assert_allclose(array, results(classes)[key], rtol=1e-12, atol=1e-15, err_msg=str(key))


def test_values_of_a_run_include_the_input() -> None:
    made = Case(FEATURES["the book's network"]).run()
    assert list(made.value) == ["x", *made.cell.nodes]
    assert list(made.grad) == ["x", *made.cell.nodes]
    assert np.array_equal(made.value["x"], made.x)
    assert made.value["L"].shape == made.grad["L"].shape == (3, 2, 1)
    assert repr(made) == f"Run('cell', T=3, B=2, loss={made.loss:.6g})"


# --- messages, copies, slopes ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(cases())
def test_messages_along_each_edge_sum_to_the_gradient(case) -> None:
    """Over the targets of a node `message` sums to its gradient; at a loss, together with its weight."""
    made = replace(case, dtype="float64").run_again()
    assume(is_moderate(made))
    floor = max(np.abs(grad).max() for grad in made.grad.values())
    for name, grad in made.grad.items():
        total = np.zeros(grad.shape)
        if name in made.cell.losses:
            total[..., 0] += made.weights / (made.B if made.reduction == "mean" else 1)
        for target in made.cell.nodes:
            edges = [read for read in made.cell.reads[target] if read.name == name]
            if edges:
                by_edge = [made.message(name, target, lag=read.lag, argument=read.argument) for read in edges]
                assert all(message.shape == grad.shape for message in by_edge)
                np.testing.assert_allclose(sum(by_edge), made.message(name, target), rtol=1e-12, atol=1e-12 * floor)
                total += sum(by_edge)
        np.testing.assert_allclose(total, grad, rtol=1e-9, atol=1e-10 * floor, err_msg=name)


@settings(max_examples=30)
@given(cases())
def test_copies_sum_to_the_parameters_gradient_whoever_reads_it(case) -> None:
    made = replace(case, dtype="float64").run_again()
    assume(is_moderate(made))
    floor = max(np.abs(grad).max() for grad in made.grad.values())
    for name, grad in made.param_grad.items():
        copies = made.step_grad(name)
        assert copies.shape == (made.T, *grad.shape)
        np.testing.assert_allclose(copies.sum(axis=0), grad, rtol=1e-9, atol=1e-10 * floor, err_msg=name)


@pytest.mark.parametrize("name", ["rnn", "lstm_peephole", "feedforward"])
@pytest.mark.parametrize("steps", [slice(0, 1), slice(1, 4), slice(3, None)])
def test_messages_of_some_steps_are_rows_of_all(name, steps) -> None:
    made = Case(CATALOGUE[name].text, T=6, B=2).run()
    for target in made.cell.nodes:
        for (read, part), (same, whole) in zip(made.messages(target, steps), made.messages(target), strict=True):
            assert read == same
            np.testing.assert_allclose(part, whole[steps], rtol=1e-12, atol=1e-15)
    for parameter, part in made.step_grads(made.parameters, steps).items():
        np.testing.assert_allclose(part, made.step_grad(parameter)[steps], rtol=1e-12, atol=1e-15)
        assert not part.flags.writeable


def test_the_last_message_of_a_delayed_edge_is_nothing() -> None:
    made = Case(FEATURES["lags of one, two and three"], T=5).run()
    for lag, last in ((1, 4), (2, 3), (3, 2)):
        message = made.message("h", "h_tanh" if "h_tanh" in made.cell.nodes else "h", lag=lag)
        assert np.all(message[last:] == 0)
        assert np.all(message[:last] != 0)


def test_the_joint_gradient_and_that_of_y_hat_are_both_there() -> None:
    """∇o is ŷ − y, ∇ŷ is −y/ŷ, and the message from ŷ to o is the first."""
    made = Case(FEATURES["the book's network"], T=3, B=1).run()
    y_hat, one_hot = made.value["y_hat"], np.eye(3)[made.y]
    np.testing.assert_allclose(made.grad["o"], y_hat - one_hot, rtol=1e-13)
    np.testing.assert_allclose(made.grad["y_hat"], -one_hot / y_hat, rtol=1e-13)
    np.testing.assert_allclose(made.message("o", "y_hat"), made.grad["o"], rtol=1e-13)
    np.testing.assert_allclose(made.message("y_hat", "L"), made.grad["y_hat"], rtol=1e-13)


def test_there_is_no_message_without_an_edge() -> None:
    made = Case(FEATURES["the book's network"]).run()
    with pytest.raises(ValueError, match=r"no such edge from 'x' to 'h'; h reads a"):
        made.message("x", "h")
    with pytest.raises(ValueError, match=r"from 'h' to 'a'; a reads b, W, h\[t-1\], U, x"):
        made.message("h", "a", lag=2)
    with pytest.raises(ValueError, match=r"target is 'W'; nodes: a, h, o, y_hat, L"):
        made.message("h", "W")
    with pytest.raises(ValueError, match=r"name is 'h'; parameters: b, W, U, c, V"):
        made.step_grad("h")


def test_the_slope_of_a_function_is_read_off_the_run() -> None:
    made = Case("h = tanh(x)\nL = mse(h + b, y)", soft=True).run()
    np.testing.assert_allclose(made.slope("h"), 1 / np.cosh(made.x) ** 2, rtol=1e-14)
    np.testing.assert_allclose(made.grad["x"], made.slope("h") * made.grad["h"], rtol=1e-14)
    refusals = dict.fromkeys("Lxb", "is no elementwise function") | {"nobody": "name is 'nobody'; known: x, h"}
    for name, said in refusals.items():
        with pytest.raises(ValueError, match=said):
            made.slope(name)


# --- extremes -------------------------------------------------------------------------------------------------------

TINY = {"float64": 5e-324 * 4, "float32": 1.5e-45 * 4}  # where numbers end
PATTERNS = ((1, -1, 0), (1, 1, 0), (-1, -1, -1), (0, 0, 1), (0.5, 1, -1), (-1, 1, 1))


@pytest.fixture(autouse=True)
def _digits():
    with mpmath.workdps(700):  # e^-700 beside 1 is still there
        yield


def exact_nll(logits, y) -> tuple[mpmath.mpf, list[mpmath.mpf]]:
    """−Σ y log softmax(logits), and its gradient."""
    a, y = [mpmath.mpf(float(v)) for v in logits], [mpmath.mpf(float(v)) for v in y]
    powers = [mpmath.exp(v - max(a)) for v in a]
    loss = -sum(w * (v - max(a) - mpmath.log(sum(powers))) for v, w in zip(a, y, strict=True))
    return loss, [power / sum(powers) * sum(y) - w for power, w in zip(powers, y, strict=True)]


@pytest.mark.parametrize("size", [30, 700, 1e4])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("recurrent", [False, True])
def test_extreme_logits_give_right_losses_and_gradients(size, dtype, recurrent) -> None:
    text = (
        "o = x + b * o[t-1]\ny_hat = softmax(o)\nL = nll(y_hat, y)"
        if recurrent
        else "o = x\ny_hat = softmax(o)\nL = nll(y_hat, y)"
    )
    parameters = {"b": np.zeros(3)} if recurrent else {}
    logits = np.repeat(size * np.array(PATTERNS, float), 3, axis=0)
    classes = np.tile([0, 1, 2], len(PATTERNS))
    eps = float(np.finfo(dtype).eps)
    made = run(parse(text), parameters, logits, classes, dtype=dtype)
    assert made.overflow is None
    assert np.isfinite(made.loss)
    for t, c in enumerate(classes):
        loss, grad = exact_nll(logits[t], np.eye(3)[c])
        assert abs(made.losses[t, 0] - loss) <= 4 * eps * loss + TINY[dtype]
        for i in range(3):  # where the answer is sure and right, ŷ − 1 keeps all its digits too
            assert abs(made.grad["o"][t, 0, i] - grad[i]) <= 8 * eps * abs(grad[i]) + TINY[dtype], (t, i)
    soft = np.tile([[0.2, 0.3, 0.5], [0.0, 0.25, 0.5], [1.0, 0.0, 0.0]], (len(PATTERNS), 1))
    made = run(parse(text), parameters, logits, soft, dtype=dtype)
    for t, y in enumerate(soft.astype(dtype)):
        loss, grad = exact_nll(logits[t], y)
        assert abs(made.losses[t, 0] - loss) <= 4 * eps * (loss + 1)
        for i in range(3):
            assert abs(made.grad["o"][t, 0, i] - grad[i]) <= 4 * eps


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_extreme_logits_of_sigmoids_give_right_losses_and_gradients(dtype) -> None:
    a = np.array([[s * v for v in (0.5, 30, 700, 1e4)] for s in (1, -1)]).reshape(-1, 1).astype(dtype)
    for target in (0.0, 1.0, 0.25):
        made = run(parse("p = sigmoid(x)\nL = bce(p, y)"), {}, a, np.full_like(a, target), dtype=dtype)
        for t, value in enumerate(a[:, 0]):
            v = mpmath.mpf(float(value))
            zeta, sigma = lambda z: mpmath.log1p(mpmath.exp(z)), lambda z: 1 / (1 + mpmath.exp(-z))
            loss = target * zeta(-v) + (1 - target) * zeta(v)
            grad = (1 - target) * sigma(v) - target * sigma(-v)
            eps = float(np.finfo(dtype).eps)
            assert abs(made.losses[t, 0] - loss) <= 8 * eps * loss + TINY[dtype]
            assert abs(made.grad["x"][t, 0, 0] - grad) <= 8 * eps * abs(grad) + TINY[dtype]


def test_a_network_with_extreme_logits_is_finite_but_for_y_hat() -> None:
    arguments = Case(CATALOGUE["rnn"].text, T=20, B=2).arguments
    arguments["params"]["V"] *= 1e4
    made = run(CATALOGUE["rnn"], **arguments)
    assert made.overflow is None
    assert made.losses.max() > 1e4 / 2
    for key, array in results(made).items():
        if key != ("grad", "y_hat"):  # −1/ŷ, where ŷ is nothing but 0 in floats
            assert np.isfinite(array).all(), key


@pytest.mark.parametrize("function", ["tanh", "sigmoid", "softplus"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", ["h = {}(x)\nL = mse(h, y)", "h = {}(x + b * h[t-1])\nL = mse(h, y)"])
@pytest.mark.parametrize("B", [1, 3])
def test_gradients_of_saturated_units_are_right_in_every_digit(function, dtype, text, B) -> None:
    """∇x / ∇h is φ'(x), outside the recurrence and in it."""
    exact_slope = {
        "tanh": lambda a: mpmath.sech(a) ** 2,
        "sigmoid": lambda a: mpmath.exp(-a) / (1 + mpmath.exp(-a)) ** 2,
        "softplus": lambda a: 1 / (1 + mpmath.exp(-a)),
    }[function]
    a = np.array([s * v for v in (0.0, 1e-8, 0.5, 1, 5, 12, 18, 20, 40) for s in (1, -1)], dtype)
    x = np.repeat(a[:, None, None], B, axis=1)
    parameters = {"b": np.zeros(1)} if "b *" in text else {}
    made = run(parse(text.format(function)), parameters, x, np.full_like(x, 2), dtype=dtype, reduction="sum")
    for t, value in enumerate(a):
        slope = exact_slope(mpmath.mpf(float(value)))
        for b in range(B):
            expected = slope * float(made.grad["h"][t, b, 0])
            assert abs(made.grad["x"][t, b, 0] - expected) <= 6 * np.finfo(dtype).eps * abs(expected), (value, b)


@pytest.mark.parametrize("B", [1, 2])
@pytest.mark.parametrize(("dtype", "first"), [("float64", 309), ("float32", 39)])
def test_a_network_that_explodes_says_where(B, dtype, first) -> None:
    """h(t) = 10^t is inf from 10^309 on (10^39 in float32), and is said to be; what comes before is right."""
    T = first + 20
    x = np.zeros((T, B, 1))
    x[0] = 10
    made = run(parse(LINEAR), {"W": np.array([[10.0]]), "U": np.ones((1, 1))}, x, np.zeros((T, B, 1)), dtype=dtype)
    assert made.overflow == Overflow("L", first // 2 + 1, np.inf)  # its square is over earlier
    h = made.value["h"][:, :, 0]
    assert np.all(h[first - 1 :] == np.inf)
    np.testing.assert_allclose(
        h[: first - 1, 0].astype(float), 10.0 ** np.arange(1, first), rtol=1e-3 if dtype == "float32" else 1e-12
    )
    assert made.loss == np.inf
    assert np.all(made.losses[first:] == np.inf)


@pytest.mark.parametrize("B", [1, 2])
def test_an_overflow_stays_where_it_is(B) -> None:
    """What does not depend on the node that explodes is what it is without it."""
    tame = "k = tanh(R @ k[t-1] + P @ x)\nL = mse(Q @ k, y)"
    wild = f"s = W @ s[t-1] + U @ x\n{tame}\ne = softmax(s)"
    arguments = Case(wild, T=400, B=B, n_h=3, soft=True).arguments
    arguments["params"]["W"] = np.full((3, 3), 10.0)
    arguments["params"]["U"] = np.full((3, 2), 1.0)
    arguments["x"] = np.abs(arguments["x"])
    made = run(parse(wild), **arguments)
    alone = run(parse(tame), **(arguments | {"params": {name: arguments["params"][name] for name in "RPQ"}}))
    assert made.overflow is not None
    assert made.overflow.name == "s"
    assert made.value["s"][-1, 0, 0] == np.inf
    assert np.isclose(made.loss, alone.loss, rtol=1e-12)
    for name in ("k", "L"):
        np.testing.assert_allclose(made.value[name], alone.value[name], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(made.grad[name], alone.grad[name], rtol=1e-10, atol=1e-14)
    for name in "RPQ":
        np.testing.assert_allclose(made.param_grad[name], alone.param_grad[name], rtol=1e-10)


@pytest.mark.parametrize("B", [1, 2])
def test_a_step_of_weight_zero_does_not_count_whatever_its_loss(B) -> None:
    """inf times 0 is not nan in the total, and the gradients of the other steps are what they are without it."""
    x = np.full((3, B, 2), 0.5)
    x[1] = 0  # nll(0) = inf
    made = run(parse("L = nll(x, y)"), {}, x, np.zeros((3, B), int), weights=[1.0, 0.0, 1.0])
    assert made.losses[1, 0] == np.inf
    assert np.isclose(made.loss, 2 * np.log(2))
    assert made.overflow == Overflow("L", 2, np.inf)
    without = run(parse("L = nll(x, y)"), {}, x[[0, 2]], np.zeros((2, B), int))
    assert np.array_equal(made.grad["x"][[0, 2]], without.grad["x"])


def test_a_nan_is_reported_as_one() -> None:
    made = run(parse("a = x - 2\nL = nll(a, y)"), {}, np.ones((3, 2)), [0, 1, 0])
    assert made.overflow is not None
    assert (made.overflow.name, made.overflow.t) == ("L", 1)
    assert np.isnan(made.overflow.value)
    assert np.isnan(made.loss)


def test_extremes_give_no_warning_outside_the_tests_either() -> None:
    """Even where numpy is told to raise."""
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.full((400, 1), 1e3)
        parameters = {"W": np.array([[10.0]]), "U": np.ones((1, 1))}
        made = run(parse(LINEAR), parameters, x, np.zeros((400, 1)))
        assert made.overflow is not None
        assert made.loss == np.inf
        for name in FUNCTIONS:
            other = run(parse(f"h = {name}(x * x - x)\nL = bce(sigmoid(h), y)"), {}, 1e3 * x, np.ones((400, 1)))
            assert np.isfinite(other.loss)
            other.slope("h")
            engine.unroll(other)


def test_the_gradient_reaches_the_start_of_a_thousand_steps() -> None:
    """∇h(0) of a linear network with the loss at the end alone is (Wᵀ)^T ∇h(T), here rotations and a known decay."""
    T, angle, rate = 1000, 0.3, 0.999
    W = rate * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    text = "h = W @ h[t-1]\nL = mse(h, y)"
    y = np.ones((T, 1, 2))
    weights = (np.arange(T) == T - 1).astype(float)
    made = run(parse(text), {"W": W}, None, y, {"h": np.array([1.0, 2.0])}, weights)
    expected = np.linalg.matrix_power(W.T, T) @ made.grad["h"][-1, 0]
    np.testing.assert_allclose(made.initial_grad["h"][0, 0], expected, rtol=1e-10)
    assert isinstance(made, Run)


# --- memory is bounded before it is taken -----------------------------------------------------------------------------


def test_nothing_that_a_run_gives_takes_more_memory_than_the_bound(monkeypatch):
    """step_grad, message and messages refuse before they allocate, with the number of steps that would fit."""
    cell = engine.CATALOGUE["rnn"]
    sizes = {"x": 2, "h": 40, "y": 2}
    run = engine.run(cell, engine.initialise(cell, sizes), np.ones((50, 2)), np.zeros(50, int))
    monkeypatch.setattr(budget, "MAX_BYTES", 300_000)
    tracemalloc.start()
    try:
        for ask in (
            lambda: run.step_grad("W"), lambda: run.step_grads(run.parameters), lambda: run.messages("a"),
            lambda: run.message("W", "a"),
        ):  # fmt: skip
            with pytest.raises(
                ValueError, match=r"bytes for T = 50, B = 1; at most 300,000 are taken: T up to \d+ would fit"
            ):
                ask()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000
    assert run.step_grad("W", slice(0, 5)).shape == (5, 40, 40)
    assert run.message("h", "a").shape == (50, 1, 40)  # what W gets along the way is not computed
    assert all(row.passed for row in engine.check(run))


@pytest.mark.parametrize(
    "ask", [lambda run: run.step_grad("W"), lambda run: run.message("h", "a")], ids=["copies", "message"]
)
def test_the_memory_that_a_result_is_told_to_need_is_about_what_it_takes(ask, monkeypatch):
    cell, sizes = engine.CATALOGUE["rnn"], {"x": 2, "h": 40, "y": 2}
    run = engine.run(cell, engine.initialise(cell, sizes), np.ones((200, 6, 2)), np.zeros((200, 6), int))
    with monkeypatch.context() as patch:
        patch.setattr(budget, "MAX_BYTES", 1)
        with pytest.raises(ValueError, match="bytes") as caught:
            ask(run)
    told = int(re.search(r"needs? about ([\d,]+) bytes", str(caught.value))[1].replace(",", ""))
    tracemalloc.start()
    try:
        ask(run)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert told / 4 < peak < 3 * told


@pytest.mark.parametrize("kind", [np.intp, np.int8, np.uint64, np.dtype(">i4")])
def test_classes_and_factors_are_not_copied_before_the_run_is_known_to_fit(kind):
    cell, many = engine.CATALOGUE["rnn"], (100_000, 100)
    parameters = engine.initialise(cell, {"x": 1, "h": 100, "y": 2})
    x, y = np.broadcast_to(0.0, (*many, 1)), np.broadcast_to(np.ones((), kind), many)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a run with .* units a step needs about"):
            engine.run(cell, parameters, x, y)
        with pytest.raises(ValueError, match=r"weights has shape"):
            engine.run(cell, parameters, x[:5, :2], y[:5, :2], weights=y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5e6
    negative = np.array([0, 1, -1, 0]).astype(kind)
    with pytest.raises(ValueError, match=r"y has classes from"):
        engine.run(cell, parameters, np.zeros((4, 1, 1)), negative)


def test_arguments_are_not_copied_before_the_run_is_known_to_fit():
    cell = engine.parse("h = tanh(W @ h[t-1] + U @ x)\nL = mse(h, y)")
    n = 4000
    x = np.broadcast_to(0.0, (60_000, 1, 1))
    parameters = {"W": np.broadcast_to(0.0, (n, n)), "U": np.broadcast_to(0.0, (n, 1))}
    y = np.broadcast_to(0.0, (60_000, 1, n))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"a run with .* units a step needs about"):
            engine.run(cell, parameters, x, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1e6


@pytest.mark.parametrize("name", ["lstm", "rnn_skip", "feedforward", "rnn"])
def test_some_steps_are_rows_of_all_steps(name: str) -> None:
    """What a run gives for a slice of the steps is what it gives for all of them, cut."""
    cell = engine.CATALOGUE[name]
    rng = np.random.default_rng(3)
    sizes = {"x": 3, "y": 3, **{members[0]: 4 for members in cell.hidden}}
    x, y = rng.normal(size=(7, 2, 3)), rng.integers(0, 3, (7, 2))
    run = engine.run(cell, engine.initialise(cell, sizes, seed=1), x, y)
    lags = {(read.name, read.lag) for reads in cell.reads.values() for read in reads}
    for steps in (slice(None), slice(0, 2), slice(2, 5), slice(6, 7), slice(1, 7, 2), slice(3, 3), slice(5, 90)):
        for read, lag in lags:
            whole = run.read(read, lag)
            np.testing.assert_array_equal(run.read(read, lag, steps), whole if read in run.parameters else whole[steps])
        for node in cell.nodes:
            if (operation := cell.operation(node)) in FUNCTIONS or operation == "softmax":
                for of in (run.argument, run.argument_grad, *[run.slope] * (operation in FUNCTIONS)):
                    np.testing.assert_array_equal(of(node, steps), of(node)[steps])
            if cell.logits(node) is not None:
                np.testing.assert_array_equal(run.joint_slope(node, steps), run.joint_slope(node)[steps])
            for (read, some), (other, message) in zip(run.messages(node, steps), run.messages(node), strict=True):
                assert read == other
                np.testing.assert_array_equal(some, message[steps])
                ((only, alone),) = [
                    found for found in run.messages(node, steps, (read.name,)) if found[0].argument == read.argument
                ]
                assert only == read
                np.testing.assert_array_equal(alone, some)


def skipping(T: int = 6, B: int = 3, **changes):
    """A run of a network with lags of one and two, whose initial values are none of them zero."""
    cell = engine.parse("h = tanh(W @ h[t-1] + R @ h[t-2] + U @ x)\no = V @ h\nL = nll(softmax(o), y)", "skip")
    rng = np.random.default_rng(5)
    arguments = {
        "params": engine.initialise(cell, {"x": 2, "h": 4, "y": 3}, seed=2), "x": rng.normal(size=(T, B, 2)),
        "y": rng.integers(0, 3, (T, B)), "initial": {"h": rng.normal(size=(2, B, 4))},
        "weights": rng.uniform(0.5, 2, (T, B)),
    }  # fmt: skip
    return engine.run(cell, **arguments | changes)


def test_a_value_at_a_step_is_the_initial_one_up_to_step_0():
    run = skipping()
    for t in range(-1, 7):
        np.testing.assert_array_equal(run.at("h", t), run.value["h"][t - 1] if t > 0 else run.initial["h"][t - 1])
        np.testing.assert_array_equal(
            run.grad_at("h", np.int64(t)), run.grad["h"][t - 1] if t > 0 else run.initial_grad["h"][t - 1]
        )
    np.testing.assert_array_equal(run.at("x", 1), run.x[0])
    for name, t in (("h", -2), ("h", 7), ("o", 0), ("x", 0), ("h", True)):
        with pytest.raises(ValueError, match=f"^t is .*; {name} has steps "):
            run.at(name, t)
    with pytest.raises(ValueError, match=r"^name is 'W'; known: "):
        run.grad_at("W", 1)


def test_the_values_before_a_step_are_those_that_it_reads():
    run = skipping()
    for t in range(1, 8):
        np.testing.assert_array_equal(run.before("h", t), [run.at("h", t - 2), run.at("h", t - 1)])


def test_a_place_is_checked_and_given_as_plain_integers():
    run = skipping()
    assert run.check_place(np.int64(2), np.array(6)) == (2, 6)
    assert run.check_place(0, -1, "h") == (0, -1)
    assert all(type(number) is int for number in run.check_place(np.int64(2), np.array(6)))
    for place, message in {
        (3, 1): "sample is 3; samples are counted from 0 to 2", (0, 0): "t is 0; steps are 1 to 6",
        (0, 7): "t is 7; steps are 1 to 6", (0, 0, "o"): "t is 0; o has steps 1 to 6",
        (0, -2, "h"): "t is -2; h has steps -1 to 6", (0.0, 1): "sample is 0.0",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(message)):
            run.check_place(*place)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_seed_is_the_gradient_of_the_losses(reduction: str):
    run = skipping(reduction=reduction)
    np.testing.assert_array_equal(run.seed, run.weights / (3 if reduction == "mean" else 1))
    np.testing.assert_array_equal(run.seed, run.grad["L"][..., 0])
    assert run.loss == pytest.approx((run.seed * run.losses).sum(), rel=1e-14)


def test_a_loss_that_does_not_count_adds_nothing_though_it_is_infinite():
    cell = engine.parse("h = W @ h[t-1]\nL = mse(h, y)", "grows")
    run = engine.run(
        cell, {"W": np.full((1, 1), 1e200)}, None, np.zeros((3, 1, 1)), {"h": np.ones(1)}, [1, 0, 0], dtype=float
    )
    assert run.losses[1:].tolist() == [[np.inf], [np.inf]]
    assert run.weighted_losses[1:].tolist() == [[0], [0]]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_part_of_a_run_is_its_samples_and_steps(reduction: str):
    """Values are those of the whole; gradients are those of the losses that are in the part."""
    whole = skipping(reduction=reduction)
    again = whole.part()
    for name in whole.grad:
        np.testing.assert_allclose(again.grad[name], whole.grad[name], rtol=1e-12, atol=1e-15)
    samples, first = [2, 0, 2], [1, 3, 4]
    part = whole.part(samples, first, 3)
    for i, (sample, t) in enumerate(zip(samples, first, strict=True)):
        rows = slice(t - 1, t + 2)
        for name in whole.value:
            np.testing.assert_allclose(part.value[name][:, i], whole.value[name][rows, sample], rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(part.seed[:, i], whole.seed[rows, sample])
        np.testing.assert_array_equal(part.initial["h"][:, i], whole.before("h", t)[:, sample])
        kept = np.zeros_like(whole.seed)
        kept[rows, sample] = whole.seed[rows, sample]
        alone = skipping(reduction="sum", weights=kept)
        for name in ("o", "L"):
            np.testing.assert_allclose(part.grad[name][:, i], alone.grad[name][rows, sample], rtol=1e-9, atol=1e-15)
    last = whole.part([1], 5, seed=np.array([[0.0], [3.0]]))
    assert (last.T, last.B, last.reduction) == (2, 1, "sum")
    assert last.weights.tolist() == [[0], [3]]


def test_a_part_that_a_run_does_not_have_is_refused():
    run = skipping()
    for part, message in {
        ((3,), 1, None): "sample is 3", ((0,), 7, None): "first is 7", ((0, 1), (1, 4), 4): "steps is 4; 3 can be taken",
        ((0,), 1, 0): "steps is 0",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=re.escape(message)):
            run.part(*part)
