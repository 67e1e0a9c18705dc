"""A run, and what it is made of, can be copied and sent to another process."""

import copy
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType

import numpy as np
import pytest

import engine
from explorer.model import Model
from explorer.state import State

CELLS = ["rnn", "lstm", "gru", "feedforward"]


def made(name="lstm", seed=0):
    cell = engine.CATALOGUE[name]
    sizes = {"x": 3, "y": 3} | {members[0]: 4 for members in cell.hidden}
    random = np.random.default_rng(seed)
    return engine.run(
        cell,
        engine.initialise(cell, sizes, seed=seed),
        random.standard_normal((6, 2, 3)),
        random.integers(0, 3, (6, 2)),
    )


def same(a, b):
    for one, other in (
        (getattr(a, group), getattr(b, group)) for group in ("value", "grad", "param_grad", "initial_grad")
    ):
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
            assert not other[name].flags.writeable
    for name in ("x", "y", "weights"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert not getattr(b, name).flags.writeable
    assert a.loss == b.loss
    np.testing.assert_array_equal(engine.by_loss(a, "y_hat"), engine.by_loss(b, "y_hat"))
    np.testing.assert_array_equal(a.message("y_hat", "L"), b.message("y_hat", "L"))


COPIES = {"pickle": lambda thing: pickle.loads(pickle.dumps(thing)), "copy": copy.copy, "deepcopy": copy.deepcopy}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", CELLS)
def test_a_copied_run_is_the_run(name, how):
    run = made(name)
    same(run, COPIES[how](run))


@pytest.mark.parametrize("how", COPIES)
def test_what_a_run_is_made_of_can_be_copied(how):
    run, task = made(), engine.TASKS["worked"].function()
    for thing in (run.cell, Model(), State()):
        assert COPIES[how](thing) == thing
    copied = COPIES[how](task)
    np.testing.assert_array_equal(copied.x, task.x)
    assert dict(copied.hidden) == dict(task.hidden)
    assert not copied.params["W"].flags.writeable
    for group in (run.value, run.grad, run.param_grad, run.initial_grad):
        again = COPIES[how](group)
        assert list(again) == list(group)
        assert all(np.array_equal(again[name], group[name]) for name in group)
        with pytest.raises(TypeError, match="read-only"):
            again["h"] = 0
    for made_of_it in (engine.expand(run, "h", 3), engine.cut(run, 2), engine.check(run), engine.unroll(run)):
        COPIES[how](made_of_it)


def remade(run):
    """In a worker: the run as it came, and the same computed there."""
    again = engine.run(run.cell, run.parameters, run.x, run.y, weights=run.weights, reduction=run.reduction)
    return run.value, again


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_run_goes_to_another_process_and_back(method, monkeypatch):
    # A test of a page leaves its script as the main module, and a new process would run that.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    run = made()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as executor:
        value, again = executor.submit(remade, run).result(120)
    np.testing.assert_array_equal(value["h"], run.value["h"])
    same(run, again)


def test_the_arguments_of_a_run_are_read_only():
    run = made()
    for array in (run.x, run.y, run.weights, *run.parameters.values(), *run.initial.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
