"""Which loss reaches which node, what a node does to a later one, and gradients where floats end."""

from __future__ import annotations

import itertools
import re
import tracemalloc

import mpmath
import numpy as np
import pytest
from cells import FEATURES, Case, agree, cases, hard, largest
from hypothesis import given, settings
from root import ROOT

import engine
from engine import CATALOGUE
from engine.execute import interpreter
from engine.execute.run import Run
from engine.flow import wide
from engine.flow.links import system
from engine.flow.magnitude import _Sweep
from engine.language.operations import FUNCTIONS
from engine.support import budget

REFERENCE = sorted((ROOT / "tests/reference").glob("*.npz"))


def made(name: str, T: int = 5, B: int = 2, n: int = 3, scale: float = 1.0, **options) -> Run:
    cell = CATALOGUE[name]
    sizes = {"x": 2, "y": 3} | {members[0]: n for members in cell.hidden}
    random = np.random.default_rng(1)
    params = {key: scale * random.standard_normal(shape) for key, shape in cell.shapes(sizes).items()}
    return engine.run(cell, params, random.standard_normal((T, B, 2)), random.integers(0, 3, (T, B)), **options)


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-10, floor: float = 1e-6) -> bool:
    """Whether arrays are equal, relative to the largest entry; `floor` of that is what rounding may have left of more."""
    assert found.shape == expected.shape
    scale = max(np.abs(expected).max(initial=0), floor)
    return bool(np.abs(found - expected).max(initial=0) <= tolerance * scale)


# --- by loss, Jacobians -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", REFERENCE, ids=lambda path: path.stem)
def test_flow_matches_the_reference_cases(path) -> None:
    with np.load(path) as data:
        stored = {key: data[key] for key in data.files}

    def of(prefix: str) -> dict[str, np.ndarray]:
        return {key.removeprefix(prefix): array for key, array in stored.items() if key.startswith(prefix)}

    run = engine.run(
        engine.parse(str(stored["text"])),
        of("P."),
        stored["x"],
        stored["y"],
        initial=of("I."),
        weights=stored.get("weights"),
        reduction=str(stored["reduction"]),
    )
    assert bool(of("byloss.")) == bool(run.cell.states)
    for name, expected in of("byloss.").items():
        np.testing.assert_allclose(engine.by_loss(run, name), expected, rtol=0, atol=1e-10)
        norms = np.linalg.norm(expected, axis=-1)
        np.testing.assert_allclose(engine.by_loss_norm(run, name), norms, rtol=1e-10, atol=1e-12)
    for name, expected in of("jac.").items():
        np.testing.assert_allclose(engine.jacobian(run, name, name), expected, rtol=0, atol=1e-10)
        for kind, order in (("spectral", 2), ("fro", "fro")):
            norms = np.linalg.norm(expected, order, axis=(-2, -1))
            found = engine.jacobian_norm(run, name, name, kind=kind)  # type: ignore[arg-type]
            np.testing.assert_allclose(found, norms, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_by_loss_sums_to_the_gradient_and_its_norms_are_right(text) -> None:
    for T, B, weights in ((1, 1, "ones"), (14, 1, "steps"), (4, 3, "samples")):
        run = Case(text, T, B, seed=T, initial="KBn", weights=weights).run()
        for name in run.grad if run.overflow is None else ():
            parts = engine.by_loss(run, name)
            assert close(parts.sum(axis=0), run.grad[name]), name
            assert not parts[~np.tri(T, dtype=bool)].any(), name  # no loss reaches a later node
            np.testing.assert_allclose(engine.by_loss_norm(run, name), np.linalg.norm(parts, axis=-1), rtol=1e-9)


@hard
@given(cases())
@settings(max_examples=25)
def test_by_loss_sums_to_the_gradient_of_any_cell(case) -> None:
    run = case.run()
    size, rounding = largest(run.grad.values()), 1e-10 if run.dtype == np.float64 else 1e-3
    if run.overflow is not None or size > 1e6:
        return
    for name, grad in run.grad.items():
        with np.errstate(all="ignore"):
            parts = engine.by_loss(run, name)
            assert agree(parts.sum(axis=0), grad, rounding * size), name
            assert not parts[~np.tri(run.T, dtype=bool)].any(), name  # no loss reaches a later node
            norms = np.linalg.norm(np.float64(parts), axis=-1)
            assert agree(engine.by_loss_norm(run, name), norms, rounding * size), name
            links = system(run, run.cell.losses, name)
            norms = np.linalg.norm(np.float64(grad), axis=-1)
            assert agree(_linear(engine.log_grad_norm(run, name)), norms, rounding * size), name
            for far in (False, True):
                links.far[:] = far
                assert agree(_linear(_Sweep(run, links, name).log10_norm()), norms, rounding * size), (name, far)


def _linear(log10: np.ndarray) -> np.ndarray:
    return np.where(np.isneginf(log10), 0, 10**log10)


def stepped(run: Run, wrt: str, s: int, unit: int) -> dict[str, np.ndarray]:
    """∂(every node)/∂(a unit of wrt at step index s), (T, B, n), by an imaginary step."""

    def disturb(name: str, t: int, value: np.ndarray) -> np.ndarray:
        if (name, t) != (wrt, s):
            return value
        moved = value.astype(complex)
        moved[..., unit] += 1e-30j
        return moved

    values = interpreter.evaluate(run.cell, run.sizes, run.parameters, run.x, run.y, run.initial, disturb, joint=False)
    return {name: value.imag / 1e-30 for name, value in values.items()}


def assert_jacobians_match(run: Run) -> None:
    for wrt in run.cell.nodes:
        found = {of: engine.jacobian(run, of, wrt) for of in (*run.cell.states, *run.cell.losses, wrt)}
        for s in {0, run.T // 2}:
            for unit in {0, run.sizes[wrt] - 1}:
                moved = stepped(run, wrt, s, unit)
                for of, jacobian in found.items():
                    assert close(jacobian[:, s, ..., unit], moved[of], 1e-9, 1e-3), (of, wrt)


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_jacobians_match_the_complex_step(text) -> None:
    for B in (1, 2):  # with one sample a step's links become one matrix
        assert_jacobians_match(Case(text, 4, B, seed=2, initial="KBn").run())


@hard
@given(cases(kinks=False))
@settings(max_examples=15)
def test_jacobians_of_any_cell_match_the_complex_step(case) -> None:
    run = case.run()
    if run.overflow is None and run.dtype == np.float64 and largest((*run.grad.values(), *run.value.values())) < 1e4:
        assert_jacobians_match(run)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn_skip", "rnn_output"])
@pytest.mark.parametrize("B", [1, 2])
def test_the_chain_rule_holds_at_every_step(name, B) -> None:
    run = made(name, B=B)
    of, wrt = run.cell.losses[0], run.cell.states[0]
    by_hand = engine.jacobian(run, of, wrt)[..., 0, :] * run.weights[:, None, :, None] / B
    assert close(by_hand, np.array(engine.by_loss(run, wrt)))
    if len(run.cell.states) == 1 and run.cell.lags[wrt] == 1:  # then it is all of the state
        jacobian = engine.jacobian(run, wrt, wrt)
        product = np.einsum("bij,bjk->bik", jacobian[4, 3], jacobian[3, 1])
        assert close(jacobian[4, 1], product)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn_skip"])
@pytest.mark.parametrize("B", [1, 3])
def test_jacobian_norm_is_the_norm_of_the_jacobian(name, B) -> None:
    run = made(name, T=12, B=B, n=2)  # with more rows than units, and fewer
    for wrt in ("x", *run.cell.states, "o"):
        jacobian = engine.jacobian(run, "h", wrt)
        for kind, order in (("spectral", 2), ("fro", "fro")):
            found = engine.jacobian_norm(run, "h", wrt, kind=kind)  # type: ignore[arg-type]
            np.testing.assert_allclose(found, np.linalg.norm(jacobian, order, axis=(-2, -1)), rtol=1e-10, atol=1e-15)
    for wrt in run.cell.states:
        parts = engine.by_loss(run, wrt)
        np.testing.assert_allclose(engine.by_loss_norm(run, wrt), np.linalg.norm(parts, axis=-1), rtol=1e-10)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn_skip", "rnn_deep"])
@pytest.mark.parametrize("B", [1, 3])
def test_one_jacobian_is_that_of_all(name, B) -> None:
    run = made(name, T=6, B=B, n=2)
    for of, wrt in itertools.product(("x", *run.cell.states, "o"), repeat=2):
        whole = engine.jacobian(run, of, wrt)
        for t, s in itertools.product(range(1, 7), repeat=2):
            np.testing.assert_allclose(
                engine.jacobian_at(run, of, wrt, t, s), whole[t - 1, s - 1], rtol=1e-10, atol=1e-15
            )
    with pytest.raises(ValueError, match="steps are 1 to 6"):
        engine.jacobian_at(run, "o", "o", 7, 1)


def test_a_long_sweep_tells_where_it_is_and_can_be_ended() -> None:
    run, told = made("rnn", T=6, B=1, n=2), []
    engine.jacobian_norm(run, "h", "h", progress=told.append)
    assert told == [4, 3, 2, 1, 0]

    def ended(t: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.jacobian_norm(run, "h", "h", progress=ended)


def test_norms_whose_squares_are_no_floats_are_right() -> None:
    cell = engine.parse("h = 0.01 * h[t-1] + x\nL = mse(h, y)")
    run = engine.run(cell, {}, np.ones((140, 1, 1)), np.zeros((140, 1, 1)))
    expected = 0.01 ** np.arange(140)
    found = engine.jacobian_norm(run, "h", "h")
    assert found.shape == (140, 140, 1)
    np.testing.assert_allclose(found[139, ::-1, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(engine.jacobian_norm(run, "h", "h", "fro")[139, ::-1, 0], expected, rtol=1e-12)


def test_results_are_read_only_and_of_the_run_s_type() -> None:
    run = made("rnn", dtype=np.float32)
    for array in (
        engine.by_loss(run, "h"),
        engine.by_loss_norm(run, "h"),
        engine.jacobian(run, "h", "h"),
        engine.jacobian_norm(run, "h", "h"),
    ):
        assert array.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert engine.log_grad_norm(run, "h").dtype == np.float64


def test_what_is_asked_for_must_be_there(monkeypatch) -> None:
    run = made("rnn")
    for ask in (engine.by_loss, engine.by_loss_norm, engine.log_grad_norm):
        with pytest.raises(ValueError, match=r"name is 'W'; nodes: .*h"):
            ask(run, "W")
    with pytest.raises(ValueError, match="wrt is 'y'; nodes: "):
        engine.jacobian(run, "h", "y")
    with pytest.raises(ValueError, match="'spectral' or 'fro'"):
        engine.jacobian_norm(run, "h", "h", kind="nuclear")  # type: ignore[arg-type]
    monkeypatch.setattr(budget, "MAX_BYTES", 20_000)
    large = made("rnn", T=40)
    for call in (
        lambda: engine.by_loss(large, "h"),
        lambda: engine.jacobian(large, "h", "h"),
        lambda: engine.by_loss_norm(large, "h"),
        lambda: engine.jacobian_norm(large, "h", "h"),
    ):
        with pytest.raises(
            ValueError, match=r"needs? about [\d,]+ bytes for T = 40, B = 2; at most 20,000 .* T up to \d+ would"
        ):
            call()


@pytest.mark.parametrize("name", ["rnn", "lstm"])
@pytest.mark.parametrize(("T", "B", "n"), [(40, 8, 12), (20, 30, 6), (12, 12, 24)])
def test_the_memory_that_is_told_is_about_what_is_taken(name, T, B, n, monkeypatch) -> None:
    run = made(name, T=T, B=B, n=n, scale=0.1)
    links = 3 * sum(array.nbytes for array in run.value.values())  # the slopes of the nodes
    for ask in (
        lambda: engine.by_loss(run, "h"),
        lambda: engine.by_loss_norm(run, "h"),
        lambda: engine.jacobian(run, "h", "h"),
        lambda: engine.jacobian_norm(run, "h", "h"),
        lambda: engine.jacobian_norm(run, "h", "h", kind="fro"),
        lambda: engine.jacobian_norm(run, "h", "x"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(budget, "MAX_BYTES", 1)
            with pytest.raises(ValueError, match="bytes") as caught:
                ask()
        told = int(re.search(r"needs? about ([\d,]+) bytes", str(caught.value))[1].replace(",", ""))
        tracemalloc.start()
        try:
            ask()
            taken = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert told / 3 < taken < 1.5 * told + links


@pytest.mark.slow
def test_a_thousand_losses_at_64_units_stay_under_a_gigabyte() -> None:
    run = made("rnn", T=1000, B=1, n=64, scale=0.1)
    tracemalloc.start()
    engine.by_loss_norm(run, "h")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 28


# --- where floats end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_are_right_however_small(name) -> None:
    function = FUNCTIONS[name]
    exact = {
        "tanh": lambda a: mpmath.sech(a) ** 2,
        "sigmoid": lambda a: mpmath.exp(-abs(a)) / (1 + mpmath.exp(-abs(a))) ** 2,
        "softplus": lambda a: 1 / (1 + mpmath.exp(-a)),
    }
    a = np.array([-1e4, -800.3, -372.7, -40.0, -1.0, 0.5, 3.0, 30.0, 400.1, 2e4])
    found = wide.slope(function, a)
    with mpmath.workdps(40):
        for i, argument in enumerate(a):
            if name in exact:
                expected = exact[name](mpmath.mpf(float(argument)))
                assert abs(mpmath.ldexp(mpmath.mpf(float(found.m[i])), int(found.e[i])) / expected - 1) < 1e-14
                if name != "tanh":
                    value = wide.VALUES[name](a)
                    true = 1 / (1 + mpmath.exp(-argument)) if name == "sigmoid" else mpmath.log1p(mpmath.exp(argument))
                    assert abs(mpmath.ldexp(mpmath.mpf(float(value.m[i])), int(value.e[i])) / true - 1) < 1e-14
            else:
                assert (
                    found.floats()[i]
                    == wide.wide(
                        np.array([1.0 if argument > 0 or name == "identity" else 0.01 * (name == "leaky_relu")])
                    ).floats()[0]
                )


def by_mpmath(run: Run, sample: int = 0) -> np.ndarray:
    """log10‖∇h(t)‖ of an Elman network in 50 digits, from the a(t) of the run."""
    with mpmath.workdps(50):
        W, V = (mpmath.matrix(run.parameters[name].tolist()) for name in "WV")
        found = np.zeros(run.T)
        grad = mpmath.zeros(W.rows, 1)
        for t in range(run.T - 1, -1, -1):
            grad += V.T * mpmath.matrix(run.grad["o"][t, sample].tolist())
            norm = mpmath.norm(grad)
            found[t] = float(mpmath.log10(norm)) if norm else -np.inf
            slopes = [mpmath.sech(mpmath.mpf(float(a))) ** 2 for a in run.value["a"][t, sample]]
            grad = W.T * mpmath.matrix([s * g for s, g in zip(slopes, grad, strict=True)])
    return found


def elman(T: int, n: int, W: np.ndarray, b: np.ndarray, weights: np.ndarray, x: float = 0.0, B: int = 1) -> Run:
    random = np.random.default_rng(3)
    params = {
        "W": W,
        "b": b,
        "U": random.standard_normal((n, 2)),
        "V": random.standard_normal((3, n)),
        "c": np.zeros(3),
    }
    return engine.run(
        CATALOGUE["rnn"], params, x * random.standard_normal((T, B, 2)), np.zeros((T, B), int), weights=weights
    )


def only(T: int, *steps: int) -> np.ndarray:
    weights = np.zeros(T)
    weights[list(steps)] = 1
    return weights


RANDOM = np.random.default_rng(0).standard_normal((4, 4))
BEYOND = {
    "vanishing, from the last loss": elman(1500, 4, 0.25 * RANDOM, np.zeros(4), only(1500, -1), 1.0),
    "vanishing, two losses": elman(1500, 4, 0.25 * RANDOM, np.zeros(4), only(1500, 499, -1), 1.0),
    "vanishing, several samples": elman(700, 4, 0.1 * RANDOM, np.zeros(4), only(700, 300, -1), 1.0, B=3),
    "exploding": elman(1000, 4, 2.5 * RANDOM, np.zeros(4), np.ones(1000)),
    "saturated, a near 12": elman(500, 4, 0.1 * RANDOM, np.full(4, 12.0), only(500, -1)),
    "slopes below every float": elman(300, 4, 0.1 * RANDOM, np.full(4, 400.0), only(300, -1)),
    "some slopes below every float": elman(
        300, 4, 0.5 * RANDOM, np.array([400.0, 0, -900, 1]), only(300, 100, -1), 1.0
    ),
    "slopes of all sizes": elman(600, 4, 40 * RANDOM, np.zeros(4), only(600, -1), 3.0),
    "weights so small that each step takes two digits": elman(400, 4, 0.01 * RANDOM, np.zeros(4), only(400, -1), 0.1),
    "units that know nothing of each other": elman(
        900, 4, np.diag([0.9, 0.5, 1e-3, 0.2]), np.array([0.1, 0, 0, 30.0]), only(900, -1), 0.1
    ),
}


@pytest.mark.parametrize("run", BEYOND.values(), ids=BEYOND)
def test_log_grad_norm_is_right_where_floats_end(run) -> None:
    found = engine.log_grad_norm(run, "h")
    for sample in range(run.B):
        expected = by_mpmath(run, sample)
        np.testing.assert_allclose(found[:, sample], expected, rtol=0, atol=1e-9)
    assert found.min() < -100 or found.max() > 300


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_log_argument_grad_norm_matches_the_gradient_of_the_argument(scale) -> None:
    random, texts = np.random.default_rng(0), ("h = tanh(b + W @ h[t-1])", "a = b + W @ h[t-1]\nh = tanh(a)")
    W, b, V = scale * random.normal(size=(3, 3)), random.normal(size=3), random.normal(size=(1, 3))
    y, start = np.zeros((300, 2, 1)), {"h": random.normal(size=(2, 3))}
    hidden, named = (
        engine.run(engine.parse(f"{text}\nL = mse(V @ h, y)"), {"W": W, "b": b, "V": V}, None, y, start, only(300, -1))
        for text in texts
    )
    found = engine.log_argument_grad_norm(hidden, "h")  # the argument has no name there
    assert found.min() < -40
    np.testing.assert_allclose(found, engine.log_grad_norm(named, "a"), atol=1e-9)
    np.testing.assert_allclose(engine.log_argument_grad_norm(named, "h"), found, atol=1e-9)
    direct = np.log10(np.linalg.norm(hidden.argument_grad("h")[-5:], axis=-1))
    np.testing.assert_allclose(found[-5:], direct, atol=1e-9)
    with pytest.raises(ValueError, match="no elementwise function"):
        engine.log_argument_grad_norm(named, "a")


@pytest.mark.parametrize(
    "text", ["k = M @ L[t-1]\nL = mse(b + W @ k, y)", "h = tanh(U @ x + M @ L[t-1])\nL = mse(V @ h, y)"]
)
def test_a_loss_that_later_steps_read_sends_its_gradient_on(text) -> None:
    """A single number becomes several on its way back, also where a step's links are one matrix: one sample, many steps."""
    run = Case(text, 20, 1, n_h=2, seed=1).run()
    found = engine.by_loss(run, run.cell.nodes[0])
    for s in range(run.T):
        arguments = dict(x=run.x, y=run.y, initial=run.initial, weights=only(run.T, s))
        alone = engine.run(run.cell, run.parameters, **arguments)
        np.testing.assert_allclose(found[s], alone.grad[run.cell.nodes[0]], rtol=1e-9, atol=1e-14)


def test_log_grad_norm_of_fewer_steps_than_a_loss_reads_back() -> None:
    cell = engine.parse("h = W @ h[t-1] + x\nL = mse(h[t-3], y)\nM = mse(1e-200 * h, y)")
    x = np.ones((2, 1, 1))
    run = engine.run(cell, {"W": np.full((1, 1), 1e-100)}, x, x)
    found = engine.log_grad_norm(run, "h")[:, 0]
    np.testing.assert_allclose(found, np.log10(2) - 200 + np.array([0, 0]), atol=1e-9)


def test_log_grad_norm_at_ten_to_the_plus_and_minus_5000_and_46613() -> None:
    cell = engine.parse("a = b + W @ h[t-1]\nh = tanh(a)\nL = mse(h, y)")
    zero = np.zeros((5000, 1, 1))
    for W, b, expected in (
        ([[0.1]], [0.0], -5000),  # at h = 0 the slope is 1
        ([[10.0]], [0.0], 5000),
        ([[12.0]], [0.0], None),  # a = ±12 at every step but the first
    ):
        start = {"h": np.ones(1)} if expected is None else None
        y = zero - 1
        run = engine.run(cell, {"W": np.array(W), "b": np.array(b)}, None, y, initial=start, weights=only(5000, -1))
        found = engine.log_grad_norm(run, "h")[:, 0]
        at_end = np.log10(np.abs(run.grad["h"][-1, 0, 0]))
        with mpmath.workdps(40):
            per_step = [
                mpmath.log10(W[0][0] * mpmath.sech(mpmath.mpf(float(a))) ** 2) for a in run.value["a"][1:, 0, 0]
            ]
            exact = float(mpmath.log10(mpmath.mpf(float(abs(run.grad["h"][-1, 0, 0])))) + mpmath.fsum(per_step))
        assert abs(found[0] - exact) < 1e-9
        assert abs(found[0] - at_end - (expected * 4999 / 5000 if expected else -46613 + 5400)) < 6000


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_skip", "rnn_output", "lstm_peephole"])
def test_every_cell_vanishes_as_the_exact_sweep_says(name) -> None:
    T = 400
    run = made(name, T=T, B=2, n=2, scale=0.3, weights=only(T, T // 2, -1))
    fast = engine.log_grad_norm(run, "h")
    with np.errstate(all="ignore"):
        links = system(run, run.cell.losses, "h")
        links.far[::2] = True
        exact = _Sweep(run, links, "h").log10_norm()
    np.testing.assert_allclose(fast, exact, rtol=0, atol=1e-9)


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_log_grad_norm_is_the_logarithm_where_floats_do_not_end(text) -> None:
    run = Case(text, 5, 2, seed=3, initial="KBn", weights="samples").run()
    for name in run.grad:
        with np.errstate(all="ignore"):
            expected = np.log10(np.linalg.norm(run.grad[name], axis=-1))
            for far in ((), (0, 2, 3), range(5)):
                links = system(run, run.cell.losses, name)
                links.far[list(far)] = True
                found = _Sweep(run, links, name).log10_norm()
                there = expected > -13  # what is smaller is what rounding left of zero
                np.testing.assert_allclose(found[there], expected[there], rtol=0, atol=1e-9)
                assert (found[~there] < -12).all()


def test_closed_gates_are_exact_too() -> None:
    # f = σ(−800) is 0 as a float, and so is the gradient that goes through it
    cell = engine.parse("f = sigmoid(b)\ns = f * s[t-1] + x\nL = mse(s, y)")
    run = engine.run(cell, {"b": np.array([-800.0])}, np.ones((20, 1, 1)), np.zeros((20, 1, 1)), weights=only(20, -1))
    found = engine.log_grad_norm(run, "s")[:, 0]
    expected = np.log10(abs(run.grad["s"][-1, 0, 0])) - 800 / np.log(10) * np.arange(19, -1, -1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_what_was_forgotten_may_be_the_larger_in_the_end() -> None:
    # Two units: in the later half of the steps one gate is nearly shut, in the earlier half the other one.
    cell = engine.parse("f = sigmoid(x)\ns = f * s[t-1]\nL = mse(s, y)")
    T = 1000
    x = np.full((T, 1, 2), 4.0)
    x[T // 2 :, 0, 0] = x[: T // 2, 0, 1] = -8.0
    run = engine.run(cell, {}, x, np.ones((T, 1, 2)), weights=only(T, -1))
    logs = np.log10(1 / (1 + np.exp(-x[:, 0])))
    units = np.cumsum(np.vstack([logs[1:], [0, 0]])[::-1], axis=0)[::-1]  # log10 of ∂s(T)/∂s(t)
    largest = units.max(axis=1)
    expected = largest + 0.5 * np.log10((10 ** (2 * (units - largest[:, None]))).sum(axis=1))
    found = engine.log_grad_norm(run, "s")[:, 0]
    np.testing.assert_allclose(found - found[-1], expected - expected[-1], rtol=0, atol=1e-9)
    assert found[0] < -1700


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_run_that_overflows_is_answered(value) -> None:
    cell = engine.parse("h = h[t-1] * h[t-1] + W @ x\nL = mse(h, y)")
    big = np.array([[1e200, 0.0], [0.0, 1.0]]) * (1 if value == np.inf else -1)
    run = engine.run(cell, {"W": big}, np.ones((6, 1, 2)), np.zeros((6, 1, 2)))
    assert run.overflow is not None
    for array in (engine.by_loss_norm(run, "h"), engine.jacobian_norm(run, "h", "h"), engine.log_grad_norm(run, "h")):
        assert not np.isfinite(array).all()
    assert not np.isfinite(engine.factors(run, "h").largest).all()
    assert engine.growth(run, "h") is not None


def test_a_lag_may_be_longer_than_the_run() -> None:
    run = Case("h = tanh(W @ h[t-3] + U @ x)\nk = h[t-3]\nL = mse(V @ h + k, y)", 2, 1, initial="KBn").run()
    for name in run.grad:
        with np.errstate(all="ignore"):
            expected = np.log10(np.linalg.norm(run.grad[name], axis=-1))
            for far in ((), (0,), (0, 1)):
                links = system(run, run.cell.losses, name)
                links.far[list(far)] = True
                np.testing.assert_allclose(_Sweep(run, links, name).log10_norm(), expected, atol=1e-12)
        assert close(engine.by_loss(run, name).sum(axis=0), run.grad[name])
