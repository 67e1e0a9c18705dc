"""The small language of a lesson's questions about a run: `norm(grad("h", 4)) / norm(grad("h", 5))`, `rate("h") < 0.9`.

Python's `ast` parses an expression, which is then walked against a white list; Python never evaluates any part of it. An
expression has numbers, texts in quotes, + − * / ** and @, comparisons (also chained), and, or, not, and calls of the table
`FUNCTIONS`, whose functions read the run. Names are those of nodes, of x, of y or of parameters. Steps count from 1, and initial
values have step 0 and below. Of several samples the first counts. Arithmetic is that of floats: an overflow gives ∞.
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
