"""The selected node: which one it is, how to walk from it to others, and its numbers in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine import Run
from engine.language import SOFTMAX, Array, latex, notation, written
from engine.verify import Measured, measured
from engine.working import messages as explain
from explorer import model as models
from explorer import theme
from explorer.cache import RESULTS
from explorer.figures import copies
from explorer.model import Model, samples
from explorer.page.chart import chart, clicked_data
from explorer.page.controls import Change, apply, put
from explorer.page.delivery import show
from explorer.picture.grid import grid
from explorer.picture.scene import path
from explorer.state import LENSES, State, View
from explorer.teach import export
from explorer.words.markdown import code, plain
from explorer.words.numbers import number

Node: TypeAlias = tuple[str, int]

_TWO_COLUMNS: Final = 900  # pixels from which a message has its row
_ROW: Final = (1.05, 3.7, 3.6, 0.8, 0.8)  # from, through, vector, norm, share
_LONG: Final = 160  # characters of LaTeX from which a sum has a line for each of its terms
_STRIP: Final = 200  # cells of a strip, at most


# --- which node --------------------------------------------------------------------------------------------------


def names(run: Run) -> tuple[str, ...]:
    """What can be selected: every node in the order of the flow, and then the parameters."""
    return (*grid(run.cell).names, *run.cell.parameters)


def steps(run: Run, name: str) -> range:
    """The steps at which there is a node of this name; initial values stand at 0 and below."""
    return range(1 - (len(run.initial[name]) if name in run.initial else 0), run.T + 1)


def chosen(run: Run, view: View) -> Node | None:
    """The selected node, if there is such a node in this run."""
    node = view.selected
    return node if node is not None and node[0] in names(run) and node[1] in steps(run, node[0]) else None


def in_time(run: Run, node: Node, by: int) -> Node | None:
    """The same node so many steps later, or None beyond the ends."""
    name, t = node
    return (name, t + by) if t + by in steps(run, name) else None


def in_flow(run: Run, node: Node, by: int) -> Node | None:
    """The node so many places further in the flow of its step, or None beyond the ends."""
    name, t = node
    order = [other for other in grid(run.cell).names if t in steps(run, other)]
    if name not in order:
        return None
    place = order.index(name) + by
    return (order[place], t) if 0 <= place < len(order) else None


def select(node: Node | None) -> Change:
    """The change that selects a node, or nothing."""
    return lambda state, _: replace(state, view=replace(state.view, selected=node))


def pick(run: Run, node: Node | None) -> Change:
    """The change by a click in a picture: where a parameter stands once for all steps, its copy at the step in question."""

    def change(state: State, _: object) -> State:
        if node is None or node[0] not in run.parameters or node[1] > 0:
            return select(node)(state, None)
        now = state.view.selected[1] if state.view.selected else run.T
        return select((node[0], min(max(now, 1), run.T)))(state, None)

    return change


def clicked(key: str, run: Run) -> None:
    """What a click in a plotly figure does: it selects the node; beside the nodes it does nothing."""
    match clicked_data(key):
        case [str(name), int(t)]:
            put(key, pick(run, (name, int(t))))


# --- the view ----------------------------------------------------------------------------------------------------


def walker(state: State, run: Run) -> None:
    """The selected node in a row of widgets: name, step, one further in time or in the flow, none."""
    node = chosen(run, state.view)
    known = names(run)
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")

    def renamed(state: State, name: str | None) -> State:
        if name is None:
            return select(None)(state, None)
        within = steps(run, name)
        t = node[1] if node else within[-1]
        return select((name, min(max(t, within[0]), within[-1])))(state, None)

    show("node", node and node[0], has_default=False)
    row.selectbox(
        "Selected node", known, format_func=lambda name: _titled(run, name), key="node", on_change=apply,
        args=("node", renamed), index=None, placeholder="none; click one in the picture", width=260,
    )  # fmt: skip
    if node is None:
        return
    name, t = node
    within = steps(run, name)
    show("node.step", t)
    row.number_input(
        "at step", within[0], within[-1], st.session_state["node.step"], step=1, key="node.step", on_change=apply, width=120,
        args=("node.step", lambda state, t: select((name, t))(state, None)),
    )  # fmt: skip
    for key, icon, there, hint in (
        ("earlier", "◀", in_time(run, node, -1), "One step earlier"),
        ("later", "▶", in_time(run, node, 1), "One step later"),
        ("before", "▼", in_flow(run, node, -1), "Against the flow, in the same step"),
        ("after", "▲", in_flow(run, node, 1), "With the flow, in the same step"),
    ):
        row.button(icon, key=key, on_click=put, args=(key, select(there)), disabled=there is None, help=hint)
    row.button("Clear", key="clear", on_click=put, args=("clear", select(None)), help="Select nothing")


def _titled(run: Run, name: str) -> str:
    return f"{written(name)}   {run.cell.role(name)}"


def inspector(state: State, run: Run, palette: str, pixels: int) -> None:
    """The numbers of the selected node, in both directions; nothing is computed when none is selected."""
    node = chosen(run, state.view)
    if node is None:
        st.caption(
            "Click a node in the picture, or choose one above: its equation and its gradient are then shown with "
            "the numbers in."
        )
        return
    name, t = node
    sample = samples.one(run, state.view.sample)
    with st.container(border=True, key="inspector"):
        st.markdown(f"##### {_headed(run, name, t)}")
        if words := samples.told(run, state.view.sample):
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
    own = notation.at_step(name, (), str(t))
    value = forth.value if forth else (run.value[name] if t > 0 else run.initial[name])[t - 1, sample]
    filled = f"{own} = {forth.numbers} = {notation.matrix(value)}" if forth else f"{own} = {notation.matrix(value)}"

    st.markdown("**Forward**: how it is computed")
    if forth:
        st.latex(forth.symbols)
    else:
        st.caption("It is given, not computed.")
    st.latex(filled)
    _strip(value, "value", state.view)
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
        _messages(run, back, own, pixels)
    _strip(back.gradient, "gradient", state.view)
    _path(state, run, (name, t))

    _measured(state.model, run, name, t, sample)
    _latex(run, name, t, sample, ([forth.symbols] if forth else []) + [filled, back.symbols])


def _jacobian(run: Run, name: str, t: int, sample: int) -> None:
    jacobian = explain.jacobian_of_softmax(run, name, t, sample)
    st.markdown(r"Its Jacobian, $J_{ij} = S_i\,(\delta_{ij} - S_j)$:")
    if len(jacobian) <= notation.WIDE:
        st.latex(f"J = {notation.matrix(jacobian)}")
    else:
        st.dataframe(jacobian, height=260, column_config=columns(jacobian))


def columns(matrix: Array) -> dict[str, Any]:
    """How the columns of a matrix are written in a table: counted from 1, three digits."""
    return {str(j): st.column_config.NumberColumn(str(j + 1), format="%.3g") for j in range(matrix.shape[1])}


def _messages(run: Run, back: explain.Backward, own: str, pixels: int) -> None:
    """A row for each summand, and below them what they add up to."""
    rows: list[tuple[str, Array, str]] = []
    if back.seed is not None:
        rows.append((f"${back.factor}$ = {number(back.seed)}", np.array([back.seed]), ""))
    heads = ("from", "through", "what arrives", "norm", "share")
    if pixels >= _TWO_COLUMNS and (back.messages or rows):
        for place, head in zip(st.columns(_ROW), heads, strict=True):
            place.caption(head)
    for said, vector, share in rows:
        _row(pixels, "the loss itself", said, vector, number(float(np.linalg.norm(vector))), share)
    for i, message in enumerate(back.messages):
        target, step = message.target
        places = _places(pixels)
        places[0].button(
            rf"$\nabla_{{{notation.at_step(target, (), str(step))}}}$", key=f"from.{i}", on_click=put,
            args=(f"from.{i}", select(message.target)), help=f"Select {plain(written(target))} at step {step}",
        )  # fmt: skip
        _fill(places[1:], f"${message.symbols}$", message.vector, _named(pixels, "norm", number(message.norm)),
              _named(pixels, "share", f"{round(100 * message.share, 1) + 0.0:.1f} %".replace("-", "−")))  # fmt: skip
    if not back.messages and back.seed is None:
        st.caption("Nothing that the loss depends on reads it, so its gradient is 0.")
    vectors = [message.vector for message in back.messages] + [vector for _, vector, _ in rows]
    total = np.sum(vectors, axis=0) if vectors else np.zeros_like(back.gradient)
    _row(pixels, "**sum of rows**", "", total, number(float(np.linalg.norm(total))), "")
    norm = number(float(np.linalg.norm(back.gradient)))
    _row(pixels, "**gradient**", rf"$\nabla_{{{own}}} L$ of the run", back.gradient, norm, "")
    st.caption(f"They differ by at most {number(back.error)}.")


def _path(state: State, run: Run, node: Node) -> None:
    """The path of the gradient from a loss to the node, an edge at a time; the picture shows where it runs."""
    walked = state.view.path
    losses = [0, *range(max(node[1], 1), run.T + 1)]
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    if walked is not None and walked[0] not in losses:
        walked = (0, walked[1])
    show("path.loss", None if walked is None else walked[0], has_default=False)
    row.selectbox(
        "Walk the path of the gradient, from the loss at", losses, key="path.loss", index=None, placeholder="no path",
        format_func=lambda loss: f"step {loss}" if loss else "where it is strongest", width=300, on_change=apply,
        args=("path.loss", lambda state, loss: to_path(None if loss is None else (loss, 1))(state, None)),
    )  # fmt: skip
    if walked is None:
        return
    edges = path(run, state.view)
    if not edges:
        row.caption("Nothing of that loss arrives here.")
        return
    k = min(walked[1], len(edges))
    for key, icon, by, hint in (
        ("path.back", "◀", -1, "One edge back, towards the loss"),
        ("path.on", "▶", 1, "One edge on, towards this node"),
    ):
        there = to_path((walked[0], k + by))
        row.button(icon, key=key, on_click=put, args=(key, there), help=hint, disabled=not 1 <= k + by <= len(edges))
    edge = edges[k - 1]
    row.markdown(f"Edge **{k}** of {len(edges)}")
    to, come = (notation.nabla(name, str(t)) for name, t in (edge.source, edge.target))
    st.latex(rf"{come} \;\longrightarrow\; {to}: \qquad {edge.symbols} = {notation.matrix(edge.vector)}")
    before = edges[k - 2].norm if k > 1 else None
    said = f"Norm {number(edge.norm)}"
    if before:
        said += f", {number(edge.norm / before)} of that of the edge before and {number(edge.norm / edges[0].norm)} of the first"
    long = len(edges) == explain.MAX_PATH
    st.caption(f"{said}.{f' Only the {len(edges)} edges next to the node are walked.' * long}")


def to_path(path: tuple[int, int] | None) -> Change:
    """The change that walks a path (see `View.path`), or none."""
    return lambda state, _: replace(state, view=replace(state.view, path=path))


def _row(pixels: int, name: str, through: str, vector: Array, norm: str, share: str) -> None:
    places = _places(pixels)
    places[0].markdown(name)
    _fill(places[1:], through, vector, norm and _named(pixels, "norm", norm), share)


def _named(pixels: int, name: str, said: str) -> str:
    """A number with its name, where no head of a column says it."""
    return said if pixels >= _TWO_COLUMNS else f"{name} {said}"


def _places(pixels: int) -> Sequence[DeltaGenerator]:
    if pixels >= _TWO_COLUMNS:
        return st.columns(_ROW, vertical_alignment="center")
    return [st.container(horizontal=True, vertical_alignment="center", gap="small")] * len(_ROW)


def _fill(places: Sequence[DeltaGenerator], through: str, vector: Array, norm: str, share: str) -> None:
    for place, said in zip(places, (through, lying(vector), norm, share), strict=True):
        if said:
            place.markdown(said)


def _measured(model: Model, run: Run, name: str, t: int | None, sample: int = 0) -> None:
    st.markdown("**Measured**: the same gradient without any backward pass")
    found = _disturbed(model, name, t, sample, run)
    if found is None:
        st.caption("Not measured: with a network of this size it would take too long.")
        return
    how = (
        r"By an imaginary step, $\operatorname{Im} L(v + \mathrm{i}h) / h$"
        if found.exact
        else "By difference quotients, since a function with a kink follows, where an imaginary step says nothing"
    )
    said = "no entry could be measured" if np.isnan(found.error) else f"largest difference **{number(found.error)}**"
    if found.gradient.ndim == 1:
        st.markdown(f"{how}: {lying(found.gradient)}, {said}.")
    else:
        st.markdown(f"{how}: {said}.")
        st.latex(notation.matrix(found.gradient))


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
    chart(
        copies(run, name, palette, t), theme=None, key="copies", config={"displayModeBar": False},
        alt="The norm of the gradient at the copy of the parameter that each step uses.",
    )  # fmt: skip
    here = rf"\nabla_{{{at}}} L = {notation.matrix(gradient)}"
    everything = rf"\nabla_{{{latex(name)}}} L = {notation.matrix(whole)}"
    st.latex(here)
    st.latex(everything)
    error = float(np.max(np.abs(run.step_grad(name).sum(axis=0) - whole)))
    st.caption(f"The copies' sum and the gradient of the run differ by at most {number(error)}.")
    _measured(model, run, name, None)
    _latex(run, name, t, 0, [here, everything])


def _latex(run: Run, name: str, t: int, sample: int, parts: Sequence[str]) -> None:
    """The formulas to copy, and all of it as a document."""
    with st.expander("LaTeX to copy"):
        for part in parts:
            st.code(part, language="latex", wrap_lines=True)
        st.download_button(
            "Derivation (LaTeX)", lambda: export.derivation(run, name, t, sample), f"{name}-{t}.tex", "text/plain",
            key="save.derivation", on_click="ignore", help="A document that compiles as it is.",
        )  # fmt: skip


def broken(back: explain.Backward) -> str:
    """The sum in symbols, on a line for each term where it would be too long for one."""
    if len(back.symbols) < _LONG or len(back.messages) < 2:
        return back.symbols
    left = back.symbols.partition(" = ")[0]
    lines = r" \\ &\quad + ".join(message.symbols for message in back.messages)
    return rf"\begin{{aligned}} {left} &= {lines} \end{{aligned}}"


# --- vectors -----------------------------------------------------------------------------------------------------


def lying(vector: Array) -> str:
    """A vector in a line of markdown, its first numbers where it is long; a power of ten stands before small or large ones."""
    if len(vector) == 1:
        return f"${notation.number(float(vector[0]))}$"
    largest = float(np.max(np.abs(vector)))
    power = int(np.floor(np.log10(largest))) if 1e-300 < largest < 1e-2 or 1e4 <= largest < np.inf else 0
    shown = vector if len(vector) <= notation.WIDE else vector[: notation.WIDE - 1]
    head = [notation.number(value) for value in (shown / 10.0**power).tolist()]
    dots = [r"\dots"] if len(shown) < len(vector) else []
    return f"${rf'10^{{{power}}}' if power else ''}({', '.join(head + dots)})$"


def strip(vector: Array, low: int, high: int, scale: str) -> str:
    """A long vector as a strip in HTML, a cell for each number: its size on a logarithmic scale from 10^low to 10^high."""
    cells = []
    for i, value in enumerate(vector[:_STRIP].tolist(), 1):
        if not np.isfinite(value):
            colour = theme.ALARM
        elif value == 0:
            colour = "transparent"
        else:
            colour = theme.colour_at((np.log10(abs(value)) - low) / (high - low), scale)
        cells.append(f'<span title="{i}: {number(value)}" style="flex:1;background:{colour}"></span>')
    style = "display:flex;height:14px;border:1px solid #8888;border-radius:3px;overflow:hidden"
    return f'<div style="{style}">{"".join(cells)}</div>'


def _strip(vector: Array, lens: str, view: View) -> None:
    if len(vector) > notation.WIDE:
        there = replace(view, lens=lens)
        st.html(strip(vector, there.low, there.high, view.scale))
        more = f", the first {_STRIP}" if len(vector) > _STRIP else ""
        st.caption(
            f"All {len(vector)} numbers of the {LENSES[lens].title.lower()}{more}: colour says how large each is."
        )
