"""The page of slips: what the texts state and does not hold, tested; and formulas of the reader's own, tested the
same way."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import streamlit as st

from engine import EquationError, Run
from engine import formula as formulas
from engine.formula import MAX_FORMULA, Formula
from engine.language import Array, notation, written
from engine.verify import OF_A_FORMULA, Asked, Kind, Verdict, judge
from explorer.cache import RESULTS
from explorer.experiments import slips
from explorer.experiments.slips import SLIPS, SOURCES, Case
from explorer.model import Model, samples
from explorer.page.controls import Change, apply, choice, put, write_link
from explorer.page.delivery import show
from explorer.page.frame import begin, computed, overflow
from explorer.state import State
from explorer.views.network.cell import pointed
from explorer.words.markdown import plain

_LIST: Final = 1000  # pixels from which the list stands beside the slip
_KEY: Final = "formula.text"
_SHORT: Final = 40  # characters up to which two formulas have room side by side
_LONG: Final = 230  # characters of LaTeX from which it is written smaller
_WIDE: Final = 3  # columns up to which three arrays have room side by side

#: What came of a formula -> in a word, its colour and its sign.
_WORDS: Final[dict[Kind, tuple[str, str, str]]] = {
    "right": ("right", "green", ":material/check:"),
    "here only": ("right at these numbers only", "orange", ":material/rule:"),
    "wrong": ("wrong", "red", ":material/close:"),
    "cannot be told": ("cannot be told", "grey", ":material/question_mark:"),
    "misfit": ("the shapes do not fit", "red", ":material/close:"),
    "not finite": ("not a finite number", "red", ":material/close:"),
    "unknown": ("cannot be tested here", "grey", ":material/question_mark:"),
}

#: What a formula can be for -> title.
_KINDS: Final = {
    "node": "the gradient at a node",
    "parameter": "the gradient of a parameter",
    "copy": "the gradient at one step's copy of a parameter",
    "value": "the value of a node",
    "jacobian": "the Jacobian of a node",
}
_LANGUAGE: Final = """
| | |
|---|---|
| `h`, `h[t-1]`, `h[t+1]` | the value of a node at this step, one earlier, one later; `x` the input, `y` the target, of a class the vector with one 1 |
| `g_h`, `g_o[t+1]` | the gradient of the total loss at a node; beyond either end of the sequence all is zero |
| `W`, `V.T` | a parameter; transposed |
| `W @ v`, `outer(u, v)` | products of matrices and vectors, which are columns; `outer(u, v)` is `u @ v.T` |
| `+` `-` `*` `/` | entry by entry; one side may be a number, such as `2`, `sum(v)` or a loss |
| `slope(tanh, a)` | the derivative of a function; the functions are those of the cells, with `exp` and `log` |
| `diag(v)`, `one(v)` | a diagonal matrix; a vector of ones, as long as v |
| `sum_t(…)` | the sum over all steps, for the gradient of a parameter: `sum_t(outer(g_a, h[t-1]))` |
"""  # noqa: E501


def page() -> None:
    """The page."""
    state, run, _, pixels = begin(
        "Slips",
        "Where texts about this network go wrong, each tested on numbers; and a formula of your own, tested the same"
        " way.",
    )
    overflow(run)
    wide = pixels >= _LIST
    if wide:
        beside, place = st.columns([1, 3], gap="medium")
        with beside:
            listed(state, st.radio, "slip.list")
    else:
        listed(state, st.selectbox, "slip.box")
        place = st.container()
    with place:
        slip(state, _case(state.model, state.view.slip, samples.one(run, state.view.sample)), wide)
    st.divider()
    with st.container(key="formula.own"):
        own(state, run, wide)
    write_link(state)


def _viewed(**field: Any) -> Change:
    """The change of fields of the view."""
    return lambda state, _: replace(state, view=replace(state.view, **field))


@RESULTS.keeps(partial(st.spinner, "Testing …"))
def _case(model: Model, key: str, sample: int) -> Case:
    return slips.case(key, computed(model), sample)


# --- the slips ---------------------------------------------------------------------------------------------------


def listed(state: State, widget: Any, key: str) -> None:
    """The list of the slips, in one of two widgets."""
    show(key, state.view.slip)
    widget(
        "A slip", list(SLIPS), format_func=lambda key: f"{key}  {SLIPS[key].title}", key=key, on_change=apply,
        args=(key, lambda state, slip: replace(state, view=replace(state.view, slip=slip))),
    )  # fmt: skip


def slip(state: State, found: Case, wide: bool) -> None:
    """One slip: what is stated, the numbers, what holds, and why."""
    shown = SLIPS[state.view.slip]
    st.markdown(f"#### {shown.title}")
    st.caption(f"{SOURCES[shown.source]}; {shown.place}")
    st.markdown(f"> {shown.quote}")
    network = (
        f"your network, {plain(found.run.cell.title)}"
        if found.own
        else f"a small network, {plain(found.run.cell.title)}, {found.why_not}"
    )
    sample = f", sample {found.sample + 1}" if found.run.B > 1 else ""
    st.caption(f"Tested on {network}, at $t = {found.asked.t}${sample}.")
    stated, right = found.stated_verdict, found.right_verdict
    beside = wide and max(len(found.text), len(found.right_text)) <= _SHORT
    places = st.columns(2) if beside else [st.container(), st.container()]
    for place, title, latex, verdict in zip(
        places, ("Stated", "Holds"), (found.stated, found.right), (stated, right), strict=True
    ):
        with place:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{title}**", width="content")
                badge(verdict.kind)
            equation(found.left, latex, wide)
    true = right.truth if found.asked.kind == "value" else stated.measured
    arrays({"stated": stated.value, found.route: true, "what holds gives": right.value})
    unmeasured(found.run, found.asked, stated)
    outcome(stated)
    st.markdown(shown.why)
    if found.remark:
        st.markdown(found.remark)
    if found.own and found.text:
        row = st.container(horizontal=True)
        for key, label, text in (
            ("stated", "Take what is stated", found.text),
            ("right", "Take what holds", found.right_text),
        ):
            row.button(
                f"{label} as my formula", key=f"slip.{key}", on_click=put,
                args=(f"slip.{key}", _viewed(formula=text, asked=found.asked)),
            )  # fmt: skip


def equation(left: str, right: str, wide: bool) -> None:
    """An equation; a long one in smaller letters."""
    length = len(right) * (1 if wide else 2)
    size = r"\scriptsize " if length > 2 * _LONG else r"\footnotesize " if length > _LONG else ""
    st.latex(f"{size}{left} = {right}", width="stretch")


def badge(kind: Kind) -> None:
    """What came of a formula, in a word."""
    word, colour, icon = _WORDS[kind]
    st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]


def arrays(given: dict[str, Array | None]) -> None:
    """Those arrays that there are, under their titles, side by side where they are narrow."""
    found = {title: array for title, array in given.items() if array is not None}
    narrow = all(array.ndim < 2 or array.shape[1] <= _WIDE for array in found.values())
    places = st.columns(len(found)) if narrow else [st.container() for _ in found]
    for place, (title, array) in zip(places, found.items(), strict=True):
        with place:
            st.caption(title)
            st.latex(notation.matrix(array), width="stretch")


def unmeasured(run: Run, asked: Asked, verdict: Verdict) -> None:
    """Why there is no numerical derivative, where there is none."""
    if verdict.measured is None and asked.kind != "value":
        copy = _kind(run, asked) == "copy"
        why = "one step's copy of a parameter is not disturbed alone here" if copy else "it would take too long"
        st.caption(f"No numerical derivative: {why}.")


def outcome(verdict: Verdict) -> None:
    """What came of a formula, in a sentence with its numbers."""
    st.markdown(_outcome(verdict))


def _outcome(verdict: Verdict) -> str:
    kind = verdict.kind
    if kind in ("misfit", "unknown"):
        text = plain(verdict.message)
        return f"{text[:1].upper()}{text[1:]}."
    entry = f", at entry {', '.join(str(i + 1) for i in verdict.where)}" if verdict.where else ""
    if kind == "not finite":
        return f"It gives no finite number{entry}."
    difference = notation.number(verdict.difference)
    if kind == "wrong":
        given = np.asarray(verdict.value).reshape(verdict.truth.shape)[verdict.where]
        right = verdict.truth[verdict.where]
        numbers = f"${notation.number(float(given), 4)}$ where it should be ${notation.number(float(right), 4)}$"
        return f"It is off by up to ${difference}${entry}: {numbers}."
    tried = len(verdict.others)
    numbers_of = "weights and numbers of steps" if verdict.one_sample else "weights, numbers of steps and of samples"
    same = f"of the same cell, with other sizes, {numbers_of}"
    if kind == "cannot be told":
        rounding = notation.number(verdict.allowed) if np.isfinite(verdict.allowed) else r"\infty"
        right = notation.number(float(verdict.truth[verdict.where]), 4)
        text = (
            f"The numbers cannot tell: rounding within the formula may amount to ${rounding}${entry}, where ${right}$ is"
            " right."
        )
        if not tried:
            return f"{text} Nor can random networks {same}."
        if all(row.agrees for row in verdict.others):
            return f"{text} On {tried} random networks {same}, where it is small, the formula agrees{_alone(verdict)}."
        return f"{text} Elsewhere they can: {_failures(verdict)}"
    if kind == "right":
        return (
            f"It agrees on the network, and on {tried} random ones {same}; the largest difference here is ${difference}$"
            f"{_alone(verdict)}."
        )
    return f"It agrees at these numbers, by accident: {_failures(verdict)}"


def _alone(verdict: Verdict) -> str:
    """What a formula for one sample lacks for several, to end a sentence."""
    if not verdict.one_sample:
        return ""
    return (
        ". It is right for one sample: over $B$ samples the loss is a mean, and the factor"
        r" $\partial L / \partial L^{(t)} = 1/B$ is missing"
    )


def _failures(verdict: Verdict) -> str:
    """On how many random networks a formula fails, and where it fails most."""
    failed = [row for row in verdict.others if not row.agrees]
    worst = max(failed, key=lambda row: np.nan_to_num(row.difference, nan=np.inf))
    sizes = ", ".join(f"{plain(written(name))} {size}" for name, size in worst.sizes.items())
    off = {np.inf: "the shapes do not fit"}.get(worst.difference, f"it is off by ${notation.number(worst.difference)}$")
    if np.isnan(worst.difference):
        off = "it gives no finite number"
    samples = f"{worst.B} samples and " if worst.B > 1 else ""
    return (
        f"on {len(failed)} of {len(verdict.others)} random networks of the same cell it does not agree. With {samples}sizes"
        f" {sizes} over {worst.T} steps, {off}."
    )


# --- a formula of one's own --------------------------------------------------------------------------------------


def own(state: State, run: Run, wide: bool) -> None:
    """Type a formula and have it tested."""
    st.markdown("#### Your own formula")
    asked = slips.answerable(run, state.view.asked)
    question(state, run, asked)
    show(_KEY, state.view.formula)
    example = "V.T @ g_o + W.T @ (slope(tanh, a[t+1]) * g_h[t+1])"
    st.text_area(
        "Formula", st.session_state[_KEY], key=_KEY, on_change=apply, height=90, max_chars=MAX_FORMULA, placeholder=example,
        args=(_KEY, lambda state, text: replace(state, view=replace(state.view, formula=text or ""))),
        help="The right side alone. What is not a name of your cell or of this language is pointed at.",
    )  # fmt: skip
    st.button(
        "Test",
        key="formula.test",
        type="primary",
        help="Against back-propagation, a numerical derivative, and other networks.",
    )
    text = state.view.formula
    if text.strip():
        tested(state, run, asked, text, wide)
    with st.expander("The language of formulas"):
        st.markdown(_LANGUAGE)
        st.caption(
            f"Two numbers agree if they differ by at most {OF_A_FORMULA['float64']:g} of the largest entry, or by what rounding"
            " can have done to the formula's own operations. Where rounding is not small beside the largest entry, the"
            " numbers cannot tell. Nothing of the text is ever evaluated by Python."
        )


def question(state: State, run: Run, asked: Asked) -> None:
    """What the formula is for: what kind of thing, of which node, at which step, for which sample."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    kind = _kind(run, asked)
    with row.container(width=330):
        choice("It is the formula of", list(_KINDS), _KINDS.__getitem__, "formula.kind", kind,
               lambda state, kind: _asking(state, _of_kind(run, asked, kind)))  # fmt: skip
    if asked.kind == "jacobian":
        with row.container(width=110):
            choice("of", list(run.cell.nodes), written, "formula.of", asked.of,
                   lambda state, of: _asking(state, replace(asked, of=of)))  # fmt: skip
    with row.container(width=130):
        known = [
            name for name in slips.names(run, asked.kind) if (name in run.parameters) == (kind in ("parameter", "copy"))
        ]
        label = {"parameter": "parameter", "copy": "parameter", "jacobian": "with respect to"}.get(kind, "node")
        choice(label, known, written, "formula.name", asked.name,
               lambda state, name: _asking(state, slips.answerable(run, replace(asked, name=name))))  # fmt: skip
    if asked.t is not None:
        first = 1 - run.cell.lags.get(asked.name, 0) if asked.kind != "jacobian" else 1
        show("formula.t", asked.t)
        row.number_input(
            "at step t", first, run.T, st.session_state["formula.t"], step=1, key="formula.t", on_change=apply, width=110,
            args=("formula.t", lambda state, t: _asking(state, replace(asked, t=t))),
            help="0 and below are the initial values.",
        )  # fmt: skip
    if run.B > 1 and kind not in ("parameter", "copy"):
        show("formula.sample", samples.one(run, state.view.sample) + 1)
        row.number_input(
            "sample", 1, run.B, st.session_state["formula.sample"], step=1, key="formula.sample", on_change=apply, width=100,
            args=("formula.sample", lambda state, sample: _viewed(sample=sample)(state, None)),
        )  # fmt: skip


def _kind(run: Run, asked: Asked) -> str:
    if asked.kind != "gradient":
        return asked.kind
    return "node" if asked.name not in run.parameters else "parameter" if asked.t is None else "copy"


def _of_kind(run: Run, asked: Asked, kind: str) -> Asked:
    """What is asked, as another kind of thing: of the same node or parameter, if it can be."""
    node = asked.name if asked.name not in run.parameters else slips.answerable(run, None).name
    parameter = asked.name if asked.name in run.parameters else next(iter(run.parameters))
    t = run.T if asked.t is None else asked.t
    if kind in ("parameter", "copy"):
        return slips.answerable(run, Asked("gradient", parameter, None if kind == "parameter" else t))
    if kind == "node":
        return slips.answerable(run, Asked("gradient", node, t))
    return slips.answerable(run, Asked("value" if kind == "value" else "jacobian", node, t, asked.of))


def _asking(state: State, asked: Asked) -> State:
    return replace(state, view=replace(state.view, asked=asked))


def tested(state: State, run: Run, asked: Asked, text: str, wide: bool) -> None:
    """The formula in LaTeX, what came of it, and its numbers beside the right ones."""
    try:
        found = formulas.parse(text, run.cell)
    except EquationError as error:
        fault(text, error.message, error.line, error.column)
        return
    left = slips.left_side(run, asked)
    equation(left, formulas.latex(found), wide)
    verdict = _judged(state.model, text, asked, samples.one(run, state.view.sample), found)
    badge(verdict.kind)
    if verdict.place is not None:
        fault(text, verdict.message, *verdict.place)
    else:
        outcome(verdict)
    if verdict.circular:
        st.markdown("It reads the very thing that it is to give, so that it agrees says little.")
    if verdict.kind == "here only" and not (run.weights == 1).all():
        st.markdown(
            "The losses of your network have factors, and those of the other networks have others: it may be"
            " $\\partial L / \\partial"
            " L^{(t)}$ that is missing."
        )
    given = {"yours": verdict.value, "numerical derivative": verdict.measured, "back-propagation": verdict.truth}
    if asked.kind == "value":
        given = {"yours": verdict.value, "the network's value": verdict.truth}
    arrays(given)
    unmeasured(run, asked, verdict)


@RESULTS.keeps(partial(st.spinner, "Testing …"))
def _judged(model: Model, text: str, asked: Asked, sample: int, _formula: Formula) -> Verdict:
    return judge(_formula, computed(model), asked, sample)


def fault(text: str, message: str, line: int, column: int) -> None:
    """What is wrong with a formula, and where."""
    st.error(f"Line {line}, column {column}: {plain(message)}")
    st.code(pointed("\n".join(text.splitlines()), line, column), language=None)
