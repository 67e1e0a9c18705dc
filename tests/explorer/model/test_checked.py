"""A model is checked from its sizes: the check draws no weights and makes no task."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from engine import CATALOGUE
from engine.inputs import TASKS, Scheme
from engine.inputs.draw import Plan
from engine.inputs.tasks import Task
from explorer import cache
from explorer import model as models
from explorer.model import Model


@pytest.fixture
def work(monkeypatch) -> Counter:
    """How many tasks are made and how many parameters are drawn, from now on."""
    cache.clear()
    counts: Counter = Counter()
    make, draw = Task.__post_init__, Plan.drawn

    def counted_task(task) -> None:
        counts["tasks"] += 1
        make(task)

    def counted_draw(plan, seed):
        counts["parameters"] += 1
        return draw(plan, seed)

    monkeypatch.setattr(Task, "__post_init__", counted_task)
    monkeypatch.setattr(Plan, "drawn", counted_draw)
    return counts


CHECKED = {name: {"task": name} for name in TASKS if name != "table"} | {
    f"cell {name}": {"cell": name, "task": "noise"} for name in CATALOGUE
} | {
    "weights by hand": {"task": "noise", "count": "hand", "weights": (1.0,) * 10},
    "a radius": {"task": "noise", "scheme": Scheme("normal", radius=0.9)},
    "numbers by hand": {"edits": ((("W", (0, 1)), 0.5), (("x", (1, 0, 0)), 2.0), (("y", (0, 0)), 1))},
    "a cell of one's own": {"cell": "own", "text": CATALOGUE["gru"].text, "task": "noise"},
}  # fmt: skip


@pytest.mark.parametrize("fields", CHECKED.values(), ids=CHECKED)
def test_a_model_that_is_only_validated_draws_no_weights_and_makes_no_task(work, fields) -> None:
    model = Model(**fields)
    replace(model, seed=7)
    assert not work
    models.run(model)
    assert work["tasks"]  # the counting works


def test_only_the_data_say_how_large_a_table_is(work) -> None:
    Model(task="table")
    assert work == {"tasks": 1}


def test_only_its_numbers_say_whether_a_matrix_of_next_to_nothing_can_be_rescaled(work) -> None:
    with pytest.raises(ValueError, match="can not be reached"):
        Model(scheme=Scheme("normal", gain=0.0, radius=0.9))
    assert work["parameters"]


@pytest.mark.parametrize("fields", CHECKED.values(), ids=CHECKED)
def test_the_shapes_that_are_checked_are_those_of_the_arrays(fields) -> None:
    model = Model(**fields)
    arrays = models.arrays(model)
    assert models.shapes(model) == {name: array.shape for name, array in arrays.items()}
    assert all(np.isfinite(array).all() for array in arrays.values())
