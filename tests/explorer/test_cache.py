"""What is kept is bounded in bytes, is computed once, and is never mistaken for something else."""

import ast
import threading
import time
from collections.abc import Mapping
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest
from pages import app_at
from root import ROOT

import engine
from engine import Run
from explorer import cache, views
from explorer import model as models
from explorer.cache import Store, size_of
from explorer.model import Model
from explorer.state import from_query, packed


def test_entries_give_way_when_their_bytes_are_too_many():
    store, made = Store(10_000), []

    @store.keeps()
    def array(n):
        made.append(n)
        return np.zeros(n)

    for n in range(100, 200):
        assert array(n).shape == (n,)
        assert array(n) is array(n)
        assert store.nbytes <= 10_000
    assert made == list(range(100, 200))
    array(100)
    assert made[-1] == 100, "the oldest had to give way"
    array(100_000)
    assert len(store._entries) == 1, "the newest is kept alone, even if it is larger than the bound"


def test_what_grows_is_measured_again():
    store = Store(10_000)

    @store.keeps(grows=True)
    def place(name):
        return {}

    place("a")["array"] = np.zeros(1_000)
    place("b")
    assert store.nbytes < 10_000
    place("a")["more"] = np.zeros(1_000)
    place("a")
    place("c")
    assert store.nbytes < 10_000
    assert "array" not in place("a")


def test_arguments_are_told_apart_and_followers_do_not_count():
    @Store(10_000).keeps()
    def given(a, _b=None, c=1):
        return (a, _b, c)

    assert [given(0.0), given(-0.0), given(0), given(False)] == [
        (0.0, None, 1),
        (-0.0, None, 1),
        (0, None, 1),
        (False, None, 1),
    ]
    assert given(1, "first") is given(1, "second") is given(a=1, c=1)
    assert given(1, c=2) == (1, None, 2)


def test_what_two_threads_ask_for_at_once_is_computed_once():
    count, entered = [], []

    @contextmanager
    def spinner():
        entered.append(1)
        yield

    @Store(10_000).keeps(spinner)
    def slow(n):
        count.append(n)
        time.sleep(0.2)
        return n

    threads = [threading.Thread(target=slow, args=(3,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [3]
    assert entered == [1]


def test_a_computation_that_fails_is_tried_again():
    calls = []

    @Store(10_000).keeps()
    def sometimes(n):
        calls.append(n)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return n

    with pytest.raises(KeyboardInterrupt):
        sometimes(1)
    assert sometimes(1) == 1


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_a_run_is_measured_with_its_memory(name):
    model = models.changed(Model(task="noise"), cell=name)
    run = models.run(model)
    arrays = [*run.value.values(), *run.grad.values(), *run.param_grad.values(), run.x, run.y]
    assert size_of(run) >= sum(array.nbytes for array in arrays)
    assert size_of(run) == pytest.approx(run.nbytes, rel=0.1)
    owner = np.zeros(1_000)
    assert size_of([owner[:10], owner[5:], owner]) == pytest.approx(owner.nbytes, rel=0.1)
    assert size_of({"task": models.task(model)}) >= models.task(model).x.nbytes


def test_refused_links_leave_little_behind():
    """Each asks for 5,000,000 numbers, is refused, and is forgotten."""
    cache.clear()
    for seed in range(4):
        query = {"task": "noise", "steps": "1000", "samples": "100", "inputs": "49", "outputs": "49", "targets": "real",
                 "data": str(seed), "seed": str(seed)}  # fmt: skip
        _, problems = from_query(query)
        assert problems
    assert cache.INPUTS.nbytes <= cache.INPUTS.most


def test_every_cache_of_the_pages_is_bounded():
    """No page keeps results by anything but the stores."""
    for path in sorted(views.__path__):
        for module in sorted(__import__("pathlib").Path(path).rglob("*.py")):
            assert "cache_resource" not in module.read_text(encoding="utf-8"), module.name
            assert "cache_data" not in module.read_text(encoding="utf-8"), module.name


def test_what_is_kept_for_all_is_read_only():
    model = Model(task="noise")
    task, run = models.task(model), models.run(model)
    for array in (task.x, task.y, *models.parameters(model).values(), run.x, run.y, run.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    weights = engine.initialise(engine.CATALOGUE["rnn"], {"x": 1, "h": 2, "y": 2})
    weights["W"][...] = 0  # what a user of the engine has drawn is his own


# --- what is shared is read-only ---------------------------------------------------------------------------------

#: Screens that together ask for everything that is kept: page, query, and what is opened on it.
SCREENS = (
    ("network", {"graph": "neurons", "node": "h,2"}, {"checks": True}),
    ("network", {"knob": "gain,W,1.0", "edit": "W[0,0]=0.5;x[0,0,0]=0.5"}, {}),
    ("vanish", {"tab": "losses", "sample": "1", "task": "noise", "samples": "2"}, {}),
    *(("vanish", {"tab": tab}, {}) for tab in ("jacobians", "shares", "remedies")),
    ("derive", {"detail": "elements", "sections": "softmax,outputs,recursion"}, {}),
    ("compare", {"compare": "cell=rnn&cut=2|cell=lstm"}, {}),
    ("cliff", {"cut": "across"}, {}),
    ("slips", {"formula": packed("V.T @ g_o"), "ask": "gradient,h,2"}, {}),
)
#: What the code that asks fills: it is the same for all, whoever has come further with it.
GROWING = {"_surface.loss", "_surface.steep", "_surface.done"}


def writable(value, path):
    """Where arrays lie that can be written, in a value and in all that it holds, private or not."""
    seen, left = set(), [(value, path)]
    while left:
        thing, path = left.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | float | type | ModuleType) or callable(thing):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            if thing.flags.writeable and thing.size:
                yield path
        elif isinstance(thing, Mapping):
            left += [(part, f"{path}[{key!r}]") for key, part in thing.items()]
        elif isinstance(thing, tuple | list | set | frozenset):
            left += [(part, f"{path}[]") for part in thing]
        elif not isinstance(thing, Run):  # which has its own memory behind what it hands out
            left += [(part, f"{path}.{key}") for key, part in getattr(thing, "__dict__", {}).items()]


def test_no_session_can_change_what_others_are_shown():
    cache.clear()
    for page, query, opened in SCREENS:
        app = app_at(page, picture="live", **query)
        for key, value in opened.items():
            app.session_state[key] = value
        app.run()
        assert not app.exception, (page, query, [error.value for error in app.exception])
    reached, found = set(), set()
    for store in (cache.INPUTS, cache.RESULTS):
        for (name, _), (value, _) in store._entries.items():
            reached.add(name.removeprefix("explorer."))
            found |= set(writable(value, name.rpartition(".")[2]))
            for run in [value] if isinstance(value, Run) else []:
                given = [run.x, run.y, run.weights, run.losses, *run.value.values(), *run.grad.values()]
                found |= set(writable([given, run.param_grad, run.initial, run.initial_grad], name))
    assert found <= GROWING
    kept = {
        ".".join(path.relative_to(ROOT / "explorer").with_suffix("").parts) + f".{node.name}"
        for path in sorted((ROOT / "explorer").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and any(".keeps(" in ast.unparse(line) for line in node.decorator_list)
    }
    assert kept - reached == set(), "no screen of this test asks for it"
