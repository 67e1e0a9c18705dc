"""From the schedule of a cell to two flat lists of calls, one for each direction, with the memory that they work on.

The layout of the memory comes first. Then the calls are written, stage after stage forward and in the opposite order back. A
stage outside recurrences is done for all steps at once (`forward`, `backward`), a recurrence step by step (`stepwise`, or
`augmented` where its sums are one product).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.execute.augmented import Augmented
from engine.execute.backward import Backward
from engine.execute.data import Data
from engine.execute.forward import forward
from engine.execute.layout import Layout, lay_out
from engine.execute.memory import Bound
from engine.execute.schedule import Schedule
from engine.execute.stepwise import Stepwise
from engine.execute.writer import Loads, Writer
from engine.language.operations import Array


@dataclass(frozen=True, eq=False)
class Program:
    """The work of a run of one shape, in order: copy the loads, make the calls forward, make the calls back.

    Attributes:
        layout: the memory.
        loads: the copies from the data of a run.
        forward: the calls of the forward pass.
        backward: the calls of the way back.
        results: group -> name -> the memory of the result; the groups are those of `tape.Results`.
    """

    layout: Layout
    loads: Loads
    forward: list[Bound]
    backward: list[Bound]
    results: Mapping[str, Mapping[str, Array]]


def program(plan: Schedule, data: Data) -> Program:
    """Write the program for runs with the shape of `data`."""
    layout = lay_out(plan, data)
    writer = Writer(layout)
    writer.load_data()
    loops = {place: _loop(writer, place) for place in layout.recurrences}
    calls: list[Bound] = []
    for place, stage in enumerate(plan.stages):
        calls += loops[place].forward() if place in loops else forward(writer, stage.instructions[0])
    back = Backward(writer)
    back.seeds()
    for place, stage in reversed(list(enumerate(plan.stages))):
        if place in loops:
            loops[place].backward(back)
        else:
            back.instruction(stage.instructions[0])
    parameters = back.parameter_grads()
    names = [*(["x"] if data.x is not None else []), *plan.cell.nodes]
    results = {
        "value": {name: layout.space.over(layout.value[name]) for name in names},
        "grad": {name: layout.space.over(layout.adjoint[name]) for name in names},
        "param_grad": {name: array[:] for name, array in parameters.items()},
        "initial_grad": {
            name: layout.space.rows(layout.adjoint[name], -layout.initials(name), 0) for name in plan.cell.states
        },
        "sent": back.sent,
    }
    return Program(layout, writer.loads, calls, back.calls, results)


def _loop(writer: Writer, place: int) -> Stepwise:
    """The writer of the recurrence at a place of the schedule."""
    loop, rows = writer.layout.recurrences[place], writer.layout.rows
    return Augmented(writer, loop, loop.augmentation, rows[place]) if loop.augmentation else Stepwise(writer, loop)
