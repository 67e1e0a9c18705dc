"""The small language in which a lesson asks about a run: `norm(grad("h", 4)) / norm(grad("h", 5))`, `rate("h") < 0.9`.

An expression is parsed with Python's own `ast` and walked against a white list; nothing of it is ever evaluated by Python.
It has numbers, texts in quotes, + − * / ** and @, comparisons (also chained), and, or, not, and the functions of the table
`FUNCTIONS`, which know the run. A name is that of a node, of x, of y or of a parameter; t counts from 1, and initial values
stand at 0 and below. Of several samples the first is meant. Calculations are those of floats: nothing overflows but to ∞.
"""

from explorer.teach.answers import as_text, of_arrays, of_network, of_other_runs, of_run  # noqa: F401, they fill the table
from explorer.teach.answers.as_text import WORDS
from explorer.teach.answers.expression import LONGEST, Answer, amount, answer, said, truth
from explorer.teach.answers.table import FUNCTIONS, AnswerError
from explorer.teach.answers.typed_number import typed

__all__ = [
    "FUNCTIONS",
    "LONGEST",
    "WORDS",
    "Answer",
    "AnswerError",
    "amount",
    "answer",
    "said",
    "truth",
    "typed",
]
