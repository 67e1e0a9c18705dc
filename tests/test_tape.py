"""Memory is used again, and never while somebody looks at it."""

import gc
import threading

import numpy as np
import pytest

import engine
from engine import tape


def inputs(cell, T=6, B=1, seed=0):
    random = np.random.default_rng(seed)
    sizes = {"x": 3, "y": 3} | {members[0]: 4 for members in cell.hidden}
    params = {name: random.standard_normal(shape) for name, shape in cell.shapes(sizes).items()}
    return params, random.standard_normal((T, B, 3)), random.integers(0, 3, (T, B))


def owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn_deep"])
@pytest.mark.parametrize("B", [1, 3])
def test_memory_is_used_again_when_nobody_looks_at_it(name, B):
    cell = engine.CATALOGUE[name]
    given = inputs(cell, B=B)
    first = id(owner(engine.run(cell, *given).grad["o"]))
    gc.collect()  # what goes with the rubbish must not change what counts as idle
    assert id(owner(engine.run(cell, *given).grad["o"])) == first


@pytest.mark.parametrize("hold", ["run", "array", "view"])
def test_a_result_that_is_held_is_never_overwritten(hold):
    cell = engine.CATALOGUE["lstm"]
    run = engine.run(cell, *inputs(cell))
    held = {"run": run, "array": run.grad["h"], "view": run.grad["h"][2:, 0]}[hold]
    expected = {name: array.copy() for name, array in (run.grad.items() if hold == "run" else [("h", held)])}
    del run
    for seed in range(1, 8):
        engine.run(cell, *inputs(cell, seed=seed))
    got = held.grad if hold == "run" else {"h": held}
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)


def test_results_are_read_only():
    cell = engine.CATALOGUE["gru"]
    run = engine.run(cell, *inputs(cell))
    for group in (run.value, run.grad, run.param_grad, run.initial_grad):
        for array in group.values():
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0


def test_threads_do_not_share_memory():
    cell = engine.CATALOGUE["rnn"]
    expected = {seed: engine.run(cell, *inputs(cell, T=30, seed=seed)).loss for seed in range(4)}
    wrong = []

    def work(seed):
        given = inputs(cell, T=30, seed=seed)
        for _ in range(50):
            if engine.run(cell, *given).loss != expected[seed]:
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_idle_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(tape, "_KEEP_BYTES", 200_000)
    cell = engine.CATALOGUE["rnn"]
    for T in range(10, 60):
        engine.run(cell, *inputs(cell, T=T, B=8))
    assert tape._pool.nbytes <= 200_000
    assert tape._pool.nbytes == sum(kept.nbytes for group in tape._pool.tapes.values() for kept in group)


def test_a_run_keeps_what_it_was_given():
    """Whoever changes his arrays in place afterwards, as a step of gradient descent does, changes no run."""
    cell = engine.CATALOGUE["rnn"]
    params, x, y = inputs(cell)
    run = engine.run(cell, params, x, y)
    expected = run.message("h", "a").copy(), run.step_grad("W").copy()
    for array in (*params.values(), x):
        array += 1
    y[...] = 0
    np.testing.assert_array_equal(run.message("h", "a"), expected[0])
    np.testing.assert_array_equal(run.step_grad("W"), expected[1])
    assert not np.array_equal(run.y, y)


def test_the_mappings_of_results_are_read_only():
    run = engine.run(engine.CATALOGUE["rnn"], *inputs(engine.CATALOGUE["rnn"]))
    for change in (
        lambda d: d.__setitem__("h", 0), lambda d: d.pop("h"), lambda d: d.clear(), lambda d: d.update(h=0),
        lambda d: d.setdefault("q", 0), lambda d: d.popitem(), lambda d: d.__delitem__("h"), lambda d: d.__ior__({"h": 0}),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="read-only"):
            change(run.grad)
    assert {**run.grad}.keys() == {"x", "a", "h", "o", "y_hat", "L"}
