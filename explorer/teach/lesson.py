"""Lessons: text files in the folder lessons/, each a walk of 5 to 8 steps through the explorer.

    ---
    title: One step back through time
    about: How the gradient comes from h(t+1) to h(t).
    minutes: 10
    ---

    # Title of the first step
    screen: task=noise&steps=6&loss=last&node=h,5
    page: network
    look: One line: what to look at.
    holds: norm(grad("h", 1)) < norm(grad("h", 6))

    Paragraphs, with $mathematics$, numbers of the step's run such as {norm(grad("h", 5))}, and links that change the
    screen: [h at step 5](select:h,5) selects a node, [its values](set:show=value) sets keys of the screen's link.

    question: By what factor does the gradient shrink from step 5 to step 4?
    answer: norm(grad("h", 4)) / norm(grad("h", 5))
    within: 5%
    because: It is {norm(grad("h", 4)) / norm(grad("h", 5))}.

A line `holds` states a condition that words of the step rely on; a step may have several. The tests check each on the step's
run. They refuse a number in a text unless it is a setting of the step's screen or stands in one of these conditions.

In place of `answer` and `within` there may be choices, of which exactly one is right: `- it shrinks :: rate("h") < 0.9`.
Expressions are those of `answers`; a brace within mathematics is LaTeX. The file 03-one-step-back.md is the third lesson, and
its name in a link is one-step-back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl

from engine import Run
from engine.support import shown
from explorer.state import LESSON_NAME, State, from_query
from explorer.teach.answers import amount, answer, said, truth
from explorer.words.pages import PAGES

FOLDER: Final = Path(__file__).parent / "lessons"
#: The pages to which a step may belong.
STAGES: Final = tuple(name for name in PAGES if name not in ("slips", "lessons"))
WITHIN: Final = "1%"

#: Mathematics, which stays unchanged, an expression in braces, or a link that changes the screen. No alternative reads past
#: the first character of another of its kind, so any text is read in linear time.
_PIECES: Final = re.compile(
    r"(?P<math>\$\$.+?\$\$|\$[^$\n]+\$)|\{(?P<expression>[^{}]+)\}|"
    r"\[(?P<text>[^\[\]]+)\]\((?P<kind>select|set):(?P<to>[^()]+)\)",
    re.DOTALL,
)
_KEY: Final = re.compile(r"([a-z]+):(?!\S)(.*)")


class LessonError(ValueError):
    """A lesson that cannot be read; the message names the file, the line and the fault."""


@dataclass(frozen=True)
class Link:
    """A link of the prose that changes the screen: it selects a node, or sets keys of the screen's link (`query`)."""

    text: str
    kind: Literal["select", "set"]
    to: str

    @property
    def query(self) -> dict[str, str]:
        """The entries that it changes, as the query of a link."""
        return {"node": self.to} if self.kind == "select" else dict(parse_qsl(self.to, keep_blank_values=True))


@dataclass(frozen=True)
class Choice:
    """One of the answers to choose from, and the condition under which it is the right one."""

    text: str
    condition: str


@dataclass(frozen=True)
class Question:
    """A question about the run, whose answer is a number or one of several choices.

    Attributes:
        text: the question.
        answer: an expression for the number, or empty.
        within: the allowed difference from the number: "5%" of it, or an absolute one.
        choices: from which one is chosen, or none.
        because: the explanation, shown once the question is answered.
    """

    text: str
    answer: str = ""
    within: str = WITHIN
    choices: tuple[Choice, ...] = ()
    because: str = ""

    def right(self, run: Run) -> int:
        """The place of the right choice. Raises ValueError unless exactly one choice is right."""
        holds = [i for i, choice in enumerate(self.choices) if truth(choice.condition, run)]
        if len(holds) != 1:
            raise ValueError(f"{len(holds)} choices of {shown(self.text)} are right; it must be exactly one")
        return holds[0]

    def is_near(self, value: float, run: Run) -> bool:
        """Whether a number is near enough to the answer."""
        exact = amount(self.answer, run)
        number = float(self.within.rstrip("%"))
        tolerance = abs(exact) * number / 100 if self.within.endswith("%") else number
        return abs(value - exact) <= tolerance * (1 + 1e-9) + 1e-12 * abs(exact)


@dataclass(frozen=True)
class UserAnswer:
    """The user's answer to a question: the place of a choice or the text of a number; `was_shown`: the page gave the answer."""

    choice: int | None = None
    text: str = ""
    was_shown: bool = False


@dataclass(frozen=True)
class Step:
    """A step of a lesson.

    Attributes:
        title: of the step.
        screen: that it sets, as the query of a link.
        page: that shows it.
        look: a line about what to look at.
        prose: the text.
        holds: conditions that words of the step rely on.
        question: to the reader, or None.
    """

    title: str
    screen: str
    page: str
    look: str
    prose: str
    holds: tuple[str, ...]
    question: Question | None

    @property
    def query(self) -> dict[str, str]:
        """The screen as the query of a link."""
        return dict(parse_qsl(self.screen, keep_blank_values=True))

    @property
    def state(self) -> State:
        """The screen that it sets."""
        return from_query(self.query)[0]

    @property
    def links(self) -> tuple[Link, ...]:
        """The links of its text, in order."""
        return tuple(piece for piece in pieces(self.prose) if isinstance(piece, Link))

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts of the step in which an expression may stand."""
        asked = self.question
        return (
            self.look,
            self.prose,
            *((asked.text, asked.because, *(c.text for c in asked.choices)) if asked else ()),
        )


@dataclass(frozen=True)
class Lesson:
    """A lesson: its name in a link, place in the order, title, subject, duration in minutes, and steps."""

    name: str
    place: int
    title: str
    about: str
    minutes: int
    steps: tuple[Step, ...]


# --- text --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expression:
    """An expression in braces."""

    text: str


Piece: TypeAlias = str | Expression | Link


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a text in order: Markdown, expressions, and links that change the screen."""
    at = 0
    for match in _PIECES.finditer(text):
        if match["math"]:
            continue
        yield text[at : match.start()]
        if match["expression"]:
            yield Expression(match["expression"])
        else:
            yield Link(match["text"], "select" if match["kind"] == "select" else "set", match["to"])
        at = match.end()
    yield text[at:]


def _strong(link: Link) -> str:
    return f"**{link.text}**"


def rendered(text: str, run: Run, link: Callable[[Link], str] = _strong) -> str:
    """The text as Markdown, with the numbers of the run in it; `link` writes its links.

    Raises:
        AnswerError: if an expression has no meaning for the run.
    """
    return "".join(
        piece.replace("$$\\", "$$\\displaystyle\\")
        if isinstance(piece, str)
        else link(piece)
        if isinstance(piece, Link)
        else said(answer(piece.text, run))
        for piece in pieces(text)
    )


# --- files -------------------------------------------------------------------------------------------------------


@cache
def lessons() -> tuple[Lesson, ...]:
    """All lessons in their order. Raises LessonError if a file cannot be read."""
    return tuple(parse(file.name, file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.md")))


def lesson(name: str) -> Lesson | None:
    """The lesson of a name, or None if it does not exist."""
    return next((entry for entry in lessons() if entry.name == name), None)


def parse(file: str, text: str) -> Lesson:
    """Read a lesson from the name of its file and its text. Raises LessonError if that is impossible."""
    named = re.fullmatch(rf"(\d{{2}})-({LESSON_NAME})\.md", file)
    if named is None:
        raise LessonError(f"{file}: a lesson's file has a name such as 03-one-step-back.md")
    lines = text.splitlines()
    ends = [i for i, line in enumerate(lines) if line == "---"][:2]
    if len(ends) != 2 or ends[0] != 0:
        raise LessonError(f"{file}, line 1: a lesson begins with a header between two lines ---")
    header = dict(_pair(file, i + 1, lines[i]) for i in range(1, ends[1]) if lines[i].strip())
    if header.keys() != {"title", "about", "minutes"} or not header["minutes"].isdecimal():
        raise LessonError(f"{file}: the header has title, about and minutes, not {', '.join(header)}")
    starts = [i for i in range(ends[1] + 1, len(lines)) if lines[i].startswith("# ")]
    if not starts or any(line.strip() for line in lines[ends[1] + 1 : starts[0]]):
        raise LessonError(f"{file}, line {ends[1] + 2}: a step begins with a line '# Title'")
    parts = zip(starts, [*starts[1:], len(lines)], strict=True)
    steps = tuple(_step(file, start, lines[start:end]) for start, end in parts)
    return Lesson(named[2], int(named[1]), header["title"], header["about"], int(header["minutes"]), steps)


def _pair(file: str, line: int, text: str) -> tuple[str, str]:
    match = _KEY.fullmatch(text)
    if match is None:
        raise LessonError(f"{file}, line {line}: 'key: value' is needed, not {shown(text)}")
    return match[1], match[2].strip()


def _step(file: str, start: int, lines: list[str]) -> Step:
    """Read a step from its lines; the first of them is line `start` + 1 of the file."""
    head, holds = {"screen": "", "page": STAGES[0], "look": ""}, list[str]()
    at = 1
    while at < len(lines) and (match := _KEY.fullmatch(lines[at])) and match[1] in (*head, "holds"):
        if match[1] == "holds":
            holds.append(match[2].strip())
        else:
            head[match[1]] = match[2].strip()
        at += 1
    asked = next((i for i in range(at, len(lines)) if lines[i].startswith("question:")), len(lines))
    prose = "\n".join(lines[at:asked]).strip()
    title = lines[0].removeprefix("# ").strip()
    if head["page"] not in STAGES:
        raise LessonError(f"{file}, line {start + 1}: page is {head['page']}; one of {', '.join(STAGES)}")
    if not (title and head["look"] and prose):
        raise LessonError(f"{file}, line {start + 1}: a step has a title, a line look: and a text")
    question = _question(file, start + asked, lines[asked:]) if asked < len(lines) else None
    return Step(title, head["screen"], head["page"], head["look"], prose, tuple(holds), question)


def _question(file: str, start: int, lines: list[str]) -> Question:
    """Read a question from its lines; a line without a key that is no choice continues the line before."""
    read: list[tuple[str, list[str]]] = []
    for line in lines:
        match = _KEY.fullmatch(line)
        if match is not None and match[1] in ("question", "answer", "within", "because"):
            read.append((match[1], [match[2]]))
        elif line.startswith("- "):
            read.append(("choice", [line.removeprefix("- ")]))
        else:
            read[-1][1].append(line)
    entries = [(key, "\n".join(text)) for key, text in read]
    fields = {key: text.strip() for key, text in entries if key != "choice"}
    choices = [text.strip().partition("::") for key, text in entries if key == "choice"]
    if len(fields) + len(choices) != len(entries):
        raise LessonError(f"{file}, line {start + 1}: each key of a question may occur once")
    if bool(fields.get("answer")) == bool(choices) or len(choices) == 1 or not fields.get("because"):
        raise LessonError(
            f"{file}, line {start + 1}: a question has an answer or at least two choices, and a line because:"
        )
    if not all(text.strip() and condition.strip() for text, _, condition in choices):
        raise LessonError(f"{file}, line {start + 1}: a choice is '- text :: condition'")
    if not re.fullmatch(r"\d+(\.\d+)?(e-\d+)?%?", within := fields.get("within", WITHIN)):
        raise LessonError(f"{file}, line {start + 1}: within is {within}; 5% or an absolute difference such as 0.01")
    made = tuple(Choice(text.strip(), condition.strip()) for text, _, condition in choices)
    return Question(fields["question"], fields.get("answer", ""), within, made, fields["because"])
