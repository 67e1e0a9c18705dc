"""Expressions: the way from the outermost operation to each name that is read."""

from __future__ import annotations

import pytest
from cells import FEATURES

import engine
from engine.language.expressions import Apply, names, path


@pytest.mark.parametrize("text", FEATURES.values(), ids=FEATURES)
def test_the_path_leads_to_each_name_in_turn(text: str) -> None:
    for equation in engine.parse(text).equations.values():
        for place, name in enumerate(names(equation.expression)):
            part = equation.expression
            for operation, index in path(equation.expression, place):
                assert operation is part
                part = operation.arguments[index]
            assert part is name


def test_there_is_no_path_to_a_name_that_is_not_read() -> None:
    expression = engine.CATALOGUE["rnn"].equations["a"].expression
    assert isinstance(expression, Apply)
    for place in (-1, len(names(expression))):
        with pytest.raises(ValueError, match="has no name"):
            list(path(expression, place))
