"""Memory is used again, and never while somebody looks at it."""

import functools
import gc
import inspect
import itertools
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from root import ROOT

import engine
from engine.execute import memory, tape
from engine.support.lazy import lazy_property


def inputs(cell, T=6, B=1, seed=0):
    random = np.random.default_rng(seed)
    sizes = {"x": 3, "y": 3} | {members[0]: 4 for members in cell.hidden}
    params = {name: random.standard_normal(shape) for name, shape in cell.shapes(sizes).items()}
    return params, random.standard_normal((T, B, 3)), random.integers(0, 3, (T, B))


def place(array):
    """Where the array lies in memory."""
    return array.__array_interface__["data"][0]


def ended(child):
    """Waits for a child, which ends well."""
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child waits for a lock that nobody in it holds")
    assert status == 0


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "rnn_deep"])
@pytest.mark.parametrize("B", [1, 3])
def test_memory_is_used_again_when_nobody_looks_at_it(name, B):
    cell = engine.CATALOGUE[name]
    given = inputs(cell, B=B)
    first = place(engine.run(cell, *given).grad["o"])
    gc.collect()  # what goes with the rubbish must not change who owns a tape
    assert place(engine.run(cell, *given).grad["o"]) == first


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


def test_columns_of_a_buffer_overlap_where_they_share_one_and_follow_where_they_touch():
    one, other = memory.Buffer(), memory.Buffer()
    ranges = [(lo, hi) for lo in range(5) for hi in range(lo + 1, 6)]
    for (a, b), (c, d) in itertools.product(ranges, ranges):
        first, second = memory.Slot(one, a, b), memory.Slot(one, c, d)
        assert first.overlaps(second) == bool(set(range(a, b)) & set(range(c, d)))
        assert first.back(2).overlaps(second) == first.overlaps(second)  # in some step
        assert not first.overlaps(memory.Slot(other, c, d))
        assert second.follows(first) == (b == c)
        assert not second.follows(first.back(1))


def results(run):
    """All that a run has computed, copied."""
    groups = (run.value, run.grad, run.param_grad, run.initial_grad)
    return [array.copy() for group in groups for array in group.values()]


def same(found, expected):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_a_switch_of_threads_at_any_line_gives_no_memory_away(name):
    """Another thread runs the same shape, and keeps its results, at each line of the code that hands out memory."""
    cell = engine.CATALOGUE[name]
    mine, others = inputs(cell, T=3, seed=0), inputs(cell, T=3, seed=1)
    expected, expected_other = results(engine.run(cell, *mine)), results(engine.run(cell, *others))
    kept, place_of_switch, count = [], 0, 1

    def switch():
        thread = threading.Thread(target=lambda: kept.append(engine.run(cell, *others)))
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "the other thread waits for a lock that this one holds"

    def tracer(frame, event, _):
        nonlocal count
        code = frame.f_code
        if code.co_filename != tape.__file__ or (event == "call" and tape._pool.lock.locked()):
            return None
        if event == "line" and not tape._pool.lock.locked():
            count += 1
            if count == place_of_switch:
                switch()
        return tracer

    while place_of_switch < count:
        place_of_switch, count = place_of_switch + 1, 0
        kept.clear()
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            run = engine.run(cell, *mine)
        finally:
            sys.settrace(before)
        assert same(results(run), expected), f"overwritten by a switch at line event {place_of_switch}"
        for other in kept:
            assert same(results(other), expected_other), f"overwrote another run at line event {place_of_switch}"
    assert place_of_switch > 10


@pytest.mark.parametrize("equal", [True, False], ids=["equal shapes", "different shapes"])
def test_eight_threads_compute_what_each_computes_alone(equal):
    cell = engine.CATALOGUE["rnn"]
    given = [inputs(cell, T=8 if equal else 5 + seed, seed=seed) for seed in range(8)]
    expected = [results(engine.run(cell, *arguments)) for arguments in given]
    wrong = []

    def work(seed):
        held = []
        for i in range(60):
            held = [*held[-2:], engine.run(cell, *given[seed])]  # some are kept, and are still right later
            if not all(same(results(run), expected[seed]) for run in held):
                wrong.append((seed, i))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []


def test_a_run_that_outlives_the_pool_ends_in_silence():
    source = (
        "import numpy as np, engine, sys\ncell = engine.CATALOGUE['rnn']\n"
        "params = engine.initialise(cell, {'x': 2, 'h': 3, 'y': 2})\n"
        "sys.modules['numpy'].held = engine.run(cell, params, np.ones((4, 2)), np.zeros(4, int))\n"
        "engine.execute.tape._pool = None  # as Python leaves it when it ends\ndel np.held"
    )
    ended = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_lease_that_ends_inside_the_pool_waits_for_no_lock():
    """Python may collect a run at any place, also while this thread is in the pool."""
    cell = engine.CATALOGUE["rnn"]
    run = engine.run(cell, *inputs(cell))
    with tape._pool.lock:
        del run
        gc.collect()
    engine.run(cell, *inputs(cell))
    assert not tape._pool.returned


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_runs_although_the_parent_held_the_lock():
    cell = engine.CATALOGUE["rnn"]
    given = inputs(cell)
    expected = engine.run(cell, *given).loss
    with tape._pool.lock:
        child = os.fork()
        if not child:
            os._exit(0 if engine.run(cell, *given).loss == expected else 1)
    ended(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_finds_nothing_locked():
    """The parent is in the middle of a property when it forks; the child reads the same of another object."""

    class Slow:
        @lazy_property
        def value(self):
            inside.set()
            assert go_on.wait(60)
            return threading.get_ident()

    inside, go_on = threading.Event(), threading.Event()
    slow, other = Slow(), Slow()
    reader = threading.Thread(target=lambda: slow.value)
    reader.start()
    assert inside.wait(60)
    child = os.fork()
    if not child:
        go_on.set()
        os._exit(0 if other.value == other.value == threading.get_ident() else 1)
    ended(child)
    go_on.set()
    reader.join()
    assert slow.value == reader.ident


def test_no_property_of_the_engine_has_a_lock():
    for module in {name: module for name, module in sys.modules.items() if name.startswith("engine")}.values():
        for kind in filter(inspect.isclass, vars(module).values()):
            assert not any(isinstance(entry, functools.cached_property) for entry in vars(kind).values()), kind


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
