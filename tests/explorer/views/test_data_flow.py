"""What a page computes and what it does not: a picture that is not drawn is not made, a change of view computes no run."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from unittest.mock import patch

import numpy as np
import pytest
from pages import fine, opened

from engine.inputs.draw import Plan
from engine.inputs.tasks import Task
from explorer import cache
from explorer import model as models
from explorer.page.change import of_view
from explorer.page.colour import fitted, with_ends
from explorer.picture import neurons
from explorer.state import GRAPHS, State, View
from explorer.views.network import picture


@pytest.fixture
def work(monkeypatch) -> Counter:
    """The pictures, runs, tasks and parameters that are made from now on."""
    cache.clear()
    counts: Counter = Counter()

    def count(place, function: str, name: str) -> None:
        original = getattr(place, function)

        def counted(*args, **kwargs):
            counts[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(place, function, counted)

    count(picture, "scene", "scenes")
    count(neurons, "neurons", "neurons")
    count(models, "run", "runs")
    count(Task, "__post_init__", "tasks")
    count(Plan, "drawn", "parameters")
    return counts


@pytest.mark.parametrize("graph", GRAPHS)
def test_only_the_graph_that_is_drawn_is_made(work, graph) -> None:
    opened(graph=graph)
    assert work["scenes"] == (graph == "unrolled")
    assert work["neurons"] == (graph == "neurons")
    assert (work["runs"], work["tasks"], work["parameters"]) == (1, 1, 5)


def test_a_change_of_the_view_draws_one_picture_and_computes_nothing(work) -> None:
    app = opened()
    for change in (
        lambda: app.button_group(key="lens").set_value("value"),
        lambda: app.selectbox(key="measure").set_value("largest"),
        lambda: app.selectbox(key="node").set_value("h"),
    ):
        work.clear()
        fine(change().run())
        assert work == {"scenes": 1}


def test_a_field_of_the_view_is_checked_once_and_the_model_not_again() -> None:
    state = State()
    checks = {View: View.__post_init__, models.Model: models.Model.__post_init__}
    counts = dict.fromkeys(checks, 0)

    def counting(kind):
        def check(self) -> None:
            counts[kind] += 1
            checks[kind](self)

        return check

    with ExitStack() as stack:
        for kind in checks:
            stack.enter_context(patch.object(kind, "__post_init__", counting(kind)))
        changed = of_view(state, lens="value")
    assert changed.view.lens == "value"
    assert changed.model is state.model
    assert counts == {View: 1, models.Model: 0}


def test_the_scale_is_fitted_to_what_is_finite_and_positive() -> None:
    state = State()
    assert fitted(state, np.array([0.0, np.inf, np.nan])) is state
    assert (
        fitted(state, np.array([0.02, 3.0, 0.0, np.inf])).view.low,
        fitted(state, np.array([0.02, 3.0])).view.high,
    ) == (-2, 1)
    for lone in (5e-324, 1.0, 1.7e308):  # a range has two ends, and both are within those of a scale
        view = fitted(state, np.array([lone])).view
        assert view.low < view.high
    other = with_ends(state, -9, 0, "value")
    assert (other.view.low, other.view.high) == (state.view.low, state.view.high)
    assert View(lens="value", ranges=other.view.ranges).low == -9
