"""The numbers of the selected node, in both directions, and its gradient measured without a backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine import Run
from engine.language import SOFTMAX, Array, latex, notation, written
from engine.verify import Measured, measured
from engine.working import messages as explain
from explorer import model as models
from explorer.cache import RESULTS
from explorer.figures import copies
from explorer.model import Model, samples
from explorer.page.change import put
from explorer.page.chart import chart
from explorer.page.gradient_path import walk
from explorer.page.selection import chosen, select
from explorer.page.vectors import as_strip, columns, lying
from explorer.page.widgets import cells
from explorer.state import State
from explorer.teach import export
from explorer.words.markdown import code, plain
from explorer.words.numbers import number

_TWO_COLUMNS: Final = 900  # pixels from which a message has its row
_ROW: Final = (1.05, 3.7, 3.6, 0.8, 0.8)  # from, through, vector, norm, share
_LONG: Final = 160  # characters of LaTeX from which a sum has a line for each of its terms


def inspector(state: State, run: Run, palette: str, pixels: int) -> None:
    """Show the numbers of the selected node, in both directions; without one nothing is computed."""
    node = chosen(run, state.view)
    if node is None:
        st.caption(
            "Click a node in the picture, or choose one above. Its equation and its gradient then stand here, in symbols and "
            "in numbers."
        )
        return
    name, t = node
    sample = samples.one(run, state.view.sample)
    with st.container(border=True, key="inspector"):
        st.markdown(f"##### {_headed(run, name, t)}")
        if words := samples.caption(run, state.view.sample):
            st.caption(words)
        if name in run.parameters:
            _parameter(state.model, run, name, t, palette)
        elif name == "y":
            st.latex(f"{notation.at_step(name, (), str(t))} = {notation.matrix(np.asarray(run.y[t - 1, sample]))}")
            classes = models.task(state.model).classes
            named = f", the class {code(classes[int(run.y[t - 1, sample])])}" if classes else ""
            st.caption(f"The target is given{named}. It has no gradient here: it is not computed from anything.")
        else:
            _node(state, run, name, t, sample, pixels)


def _headed(run: Run, name: str, t: int) -> str:
    if name in run.parameters:
        shape = " × ".join(map(str, run.parameters[name].shape))
        return f"${latex(name)}$ · parameter, {shape}; the copy that step {t} uses"
    units = run.sizes[name]
    role = run.cell.role(name) if t > 0 else "initial value"
    return f"${notation.at_step(name, (), str(t))}$ · {role}, {units} {'unit' if units == 1 else 'units'}"


@np.errstate(all="ignore")
def _node(state: State, run: Run, name: str, t: int, sample: int, pixels: int) -> None:
    back = explain.backward(run, name, t, sample)
    forth = explain.forward(run, name, t, sample) if name in run.cell.nodes and t > 0 else None
    node = notation.at_step(name, (), str(t))
    value = forth.value if forth else run.at(name, t)[sample]
    filled = f"{node} = {forth.numbers} = {notation.matrix(value)}" if forth else f"{node} = {notation.matrix(value)}"

    st.markdown("**Forward**: how it is computed")
    if forth:
        st.latex(forth.symbols)
    else:
        st.caption("It is given, not computed.")
    st.latex(filled)
    as_strip(value, "value", state.view)
    if name in run.cell.losses:
        weight = float(run.weights[t - 1, sample])
        share = f" / {run.B} samples" if run.reduction == "mean" and run.B > 1 else ""
        st.markdown(f"Its weight is {number(weight)}: to the total loss it adds {number(weight)} · "
                    f"{number(float(value[0]))}{share} = **{number(float((back.seed or 0) * value[0]))}**.")  # fmt: skip
    if run.cell.operation(name) == SOFTMAX.name and t > 0:
        _jacobian(run, name, t, sample)

    st.markdown("**Backward**: the loss reaches it along every edge that leaves it")
    st.latex(broken(back))
    with st.container(key="messages", gap="small"):
        _messages(back, node, pixels)
    as_strip(back.gradient, "gradient", state.view)
    walk(state, run, (name, t))

    _measured(state.model, run, name, t, sample)
    _latex(run, name, t, sample, ([forth.symbols] if forth else []) + [filled, back.symbols])


def _jacobian(run: Run, name: str, t: int, sample: int) -> None:
    jacobian = explain.jacobian_of_softmax(run, name, t, sample)
    st.markdown(r"Its Jacobian, $J_{ij} = S_i\,(\delta_{ij} - S_j)$:")
    if len(jacobian) <= notation.WIDE:
        st.latex(f"J = {notation.matrix(jacobian)}")
    else:
        st.dataframe(jacobian, height=260, column_config=columns(jacobian))


def _messages(back: explain.Backward, node: str, pixels: int) -> None:
    """A row for each summand of the gradient, and below them their sum."""
    vectors = [message.vector for message in back.messages]
    if pixels >= _TWO_COLUMNS and (back.messages or back.seed is not None):
        for place, head in zip(st.columns(_ROW), ("from", "through", "what arrives", "norm", "share"), strict=True):
            place.caption(head)
    if back.seed is not None:
        vectors.append(seed := np.array([back.seed]))
        _row(pixels, "the loss itself", f"${back.factor}$ = {number(back.seed)}", seed, number(abs(back.seed)), "")
    for i, message in enumerate(back.messages):
        target, step = message.target
        places = cells(_ROW, pixels >= _TWO_COLUMNS)
        places[0].button(
            rf"$\nabla_{{{notation.at_step(target, (), str(step))}}}$", key=f"from.{i}", on_click=put,
            args=(f"from.{i}", select(message.target)), help=f"Select {plain(written(target))} at step {step}",
        )  # fmt: skip
        _fill(places[1:], f"${message.symbols}$", message.vector, _named(pixels, "norm", number(message.norm)),
              _named(pixels, "share", f"{round(100 * message.share, 1) + 0.0:.1f} %".replace("-", "−")))  # fmt: skip
    if not back.messages and back.seed is None:
        st.caption("The loss depends on nothing that reads this node, so its gradient is 0.")
    total = np.sum(vectors, axis=0) if vectors else np.zeros_like(back.gradient)
    _row(pixels, "**sum of rows**", "", total, number(float(np.linalg.norm(total))), "")
    norm = number(float(np.linalg.norm(back.gradient)))
    _row(pixels, "**gradient**", rf"$\nabla_{{{node}}} L$ of the run", back.gradient, norm, "")
    st.caption(f"They differ by at most {number(back.error)}.")


def _row(pixels: int, name: str, through: str, vector: Array, norm: str, share: str) -> None:
    places = cells(_ROW, pixels >= _TWO_COLUMNS)
    places[0].markdown(name)
    _fill(places[1:], through, vector, norm and _named(pixels, "norm", norm), share)


def _named(pixels: int, name: str, amount: str) -> str:
    """A number with its name, unless the head of a column has the name."""
    return amount if pixels >= _TWO_COLUMNS else f"{name} {amount}"


def _fill(places: Sequence[DeltaGenerator], through: str, vector: Array, norm: str, share: str) -> None:
    for place, text in zip(places, (through, lying(vector), norm, share), strict=True):
        if text:
            place.markdown(text)


def _measured(model: Model, run: Run, name: str, t: int | None, sample: int = 0) -> None:
    st.markdown("**Measured**: the same gradient without any backward pass")
    disturbed = _disturbed(model, name, t, sample, run)
    if disturbed is None:
        st.caption("Not measured: it would take too long for a network of this size.")
        return
    how = (
        r"By an imaginary step, $\operatorname{Im} L(v + \mathrm{i}h) / h$"
        if disturbed.exact
        else "By difference quotients, since an imaginary step gives no derivative where a function with a kink follows"
    )
    largest = f"largest difference **{number(disturbed.error)}**"
    difference = "no entry could be measured" if np.isnan(disturbed.error) else largest
    if disturbed.gradient.ndim == 1:
        st.markdown(f"{how}: {lying(disturbed.gradient)}, {difference}.")
    else:
        st.markdown(f"{how}: {difference}.")
        st.latex(notation.matrix(disturbed.gradient))


@RESULTS.keeps()
def _disturbed(model: Model, name: str, t: int | None, sample: int, _run: Run) -> Measured | None:
    return measured(_run, name, t, sample)


def _parameter(model: Model, run: Run, name: str, t: int, palette: str) -> None:
    at = notation.at_step(name, (), str(t))
    gradient, whole = run.step_grad(name, slice(t - 1, t))[0], run.param_grad[name]
    st.markdown("**Forward**: the same numbers at every step")
    st.latex(f"{latex(name)} = {notation.matrix(run.parameters[name])}")
    st.markdown("**Backward**: every step uses a copy; the gradient of the whole is the sum of theirs")
    st.latex(rf"\nabla_{{{latex(name)}}} L = \sum_{{t=1}}^{{{run.T}}} \nabla_{{{latex(name)}^{{(t)}}}} L")
    alt = "The norm of the gradient at the copy of the parameter that each step uses."
    chart(copies(run, name, palette, t), "copies", alt)
    at_copy = rf"\nabla_{{{at}}} L = {notation.matrix(gradient)}"
    in_all = rf"\nabla_{{{latex(name)}}} L = {notation.matrix(whole)}"
    st.latex(at_copy)
    st.latex(in_all)
    error = float(np.max(np.abs(run.step_grad(name).sum(axis=0) - whole)))
    st.caption(f"The sum of the copies' gradients and the gradient of the run differ by at most {number(error)}.")
    _measured(model, run, name, None)
    _latex(run, name, t, 0, [at_copy, in_all])


def _latex(run: Run, name: str, t: int, sample: int, parts: Sequence[str]) -> None:
    """The formulas to copy, and all of them as a document."""
    with st.expander("LaTeX to copy"):
        for part in parts:
            st.code(part, language="latex", wrap_lines=True)
        st.download_button(
            "Derivation (LaTeX)", lambda: export.derivation(run, name, t, sample), f"{name}-{t}.tex", "text/plain",
            key="save.derivation", on_click="ignore", help="A complete document, ready to compile.",
        )  # fmt: skip


def broken(back: explain.Backward) -> str:
    """The sum in symbols; a long one with each term on a line of its own."""
    if len(back.symbols) < _LONG or len(back.messages) < 2:
        return back.symbols
    left = back.symbols.partition(" = ")[0]
    lines = r" \\ &\quad + ".join(message.symbols for message in back.messages)
    return rf"\begin{{aligned}} {left} &= {lines} \end{{aligned}}"
