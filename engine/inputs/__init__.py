"""What a run starts from: initial parameters, entries typed by hand, and tasks with their sequences."""

from engine.inputs import numbers
from engine.inputs.draw import REST, Plan, initialise, plans
from engine.inputs.schemes import SCHEMES, Scheme
from engine.inputs.setting import SEED, Setting
from engine.inputs.tasks import MAX_TABLE_BYTES, TASKS, Entry, Form, Task, visible

__all__ = [
    "MAX_TABLE_BYTES",
    "REST",
    "SCHEMES",
    "SEED",
    "TASKS",
    "Entry",
    "Form",
    "Plan",
    "Scheme",
    "Setting",
    "Task",
    "initialise",
    "numbers",
    "plans",
    "visible",
]
