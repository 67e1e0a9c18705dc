"""What a page computes and what it does not: a picture that is not drawn is not made, a change of view computes no run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from unittest.mock import Mock, patch

import numpy as np
import pytest
from pages import fine, opened

from explorer import cache
from explorer import model as models
from explorer.page.change import of_view
from explorer.page.colour import fitted, with_ends
from explorer.state import GRAPHS, State, View

#: What a page may make -> where it is called.
MADE = {
    "scene": "explorer.views.network.picture.scene",
    "neurons": "explorer.picture.neurons.neurons",
    "run": "explorer.model.run",
    "weights": "explorer.model.parts.initialise",
}


@contextmanager
def counted() -> Iterator[dict[str, Mock]]:
    """Count the calls of what a page may make."""
    with ExitStack() as stack:
        mocks = {}
        for name, place in MADE.items():
            module, _, function = place.rpartition(".")
            original = getattr(import_module(module), function)
            mocks[name] = stack.enter_context(patch(place, side_effect=original))
        yield mocks


def calls(mocks: dict[str, Mock]) -> dict[str, int]:
    found = {name: mock.call_count for name, mock in mocks.items()}
    for mock in mocks.values():
        mock.reset_mock()
    return found


@pytest.mark.parametrize("graph", GRAPHS)
def test_only_the_graph_that_is_drawn_is_made(graph) -> None:
    cache.clear()
    with counted() as mocks:
        opened(graph=graph)
    made = calls(mocks)
    assert made["scene"] == (graph == "unrolled")
    assert made["neurons"] == (graph == "neurons")
    assert made["run"] == made["weights"] == 1


def test_a_change_of_the_view_draws_one_picture_and_computes_nothing() -> None:
    cache.clear()
    with counted() as mocks:
        app = opened()
        calls(mocks)
        fine(app.button_group(key="lens").set_value("value").run())
        assert calls(mocks) == {"scene": 1, "neurons": 0, "run": 0, "weights": 0}
        fine(app.selectbox(key="measure").set_value("largest").run())
        assert calls(mocks) == {"scene": 1, "neurons": 0, "run": 0, "weights": 0}


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
