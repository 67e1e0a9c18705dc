"""What runs step by step, and what does not."""

import time

import pytest

import engine
from engine.execute.schedule import schedule


def recurrent(cell: engine.Cell) -> list[set[str]]:
    return [{i.out for i in stage.instructions} & set(cell.nodes) for stage in schedule(cell).stages if stage.recurrent]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rnn", [{"a", "h"}]),
        ("lstm", [{"f", "g", "s_sigmoid", "s", "q", "h_tanh", "h"}]),
        ("gru", [{"z", "r", "m", "k", "h"}]),
        ("rnn_output", [{"a", "h", "o"}]),
        ("rnn_skip", [{"a", "h"}]),
        ("rnn_deep", [{"a_1", "h_1"}, {"a_2", "h_2"}]),
        ("feedforward", []),
    ],
)
def test_only_the_recurrence_runs_step_by_step(name, expected):
    assert recurrent(engine.CATALOGUE[name]) == expected


def test_reading_an_earlier_step_alone_is_no_recurrence():
    cell = engine.parse("a = U @ x\nb = tanh(a[t-1] + a)\nL = mse(V @ b, y)")
    assert recurrent(cell) == []


def test_stages_come_after_what_they_read():
    for cell in engine.CATALOGUE.values():
        seen: set[str] = set()
        for stage in schedule(cell).stages:
            seen |= {i.out for i in stage.instructions}
            for i in stage.instructions:
                for read in cell.reads.get(i.out, ()):
                    assert read.name in seen or read.lag or cell.role(read.name) in ("input", "target", "parameter")


def test_a_schedule_is_made_once_and_kept():
    cell = engine.CATALOGUE["lstm_peephole"]
    assert schedule(cell) is schedule(engine.parse(cell.text, cell.name))


def test_compiling_a_schedule_is_bounded_work():
    """The longest cell that the language allows is scheduled in a time that does not explode with its length."""
    lines = [f"a{i} = tanh(W @ a{(i * 7) % 198}[t-1] + b)" for i in range(198)]
    cell = engine.parse("\n".join([*lines, "L = mse(V @ a0, y)"]))
    start = time.process_time()
    schedule(cell)
    assert (
        time.process_time() - start < 5
    )  # not a benchmark: a guard against a quadratic step becoming an exponential one
