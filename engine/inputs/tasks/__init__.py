"""Tasks by kind of data: the worked network, a text, series, the classic tests of memory, a table of the user's own."""

from engine.inputs.tasks.by_hand import worked
from engine.inputs.tasks.characters import text, visible
from engine.inputs.tasks.memory import adding, copy, order
from engine.inputs.tasks.series import noise, parity, reach, sine
from engine.inputs.tasks.tables import table
from engine.inputs.tasks.task import MAX_NUMBERS, MAX_STEPS, MAX_TABLE_BYTES, Entry, Form, Task, entries

#: The tasks by name, in the order in which a page offers them.
TASKS = entries(worked, text, noise, parity, sine, reach, adding, order, copy, table)

__all__ = [
    "MAX_NUMBERS",
    "MAX_STEPS",
    "MAX_TABLE_BYTES",
    "TASKS",
    "Entry",
    "Form",
    "Task",
    "adding",
    "copy",
    "noise",
    "order",
    "parity",
    "reach",
    "sine",
    "table",
    "text",
    "visible",
    "worked",
]
