"""The selected node: which nodes there are, which one is selected, how to walk from it, and the widgets that do so."""

from __future__ import annotations

from typing import TypeAlias

from engine import Run
from engine.language import written
from explorer.page.change import Change, apply, of_view, put
from explorer.page.chart import clicked_data
from explorer.page.widget_delivery import show
from explorer.page.widgets import counted, side_by_side
from explorer.picture.grid import grid
from explorer.state import State, View

Node: TypeAlias = tuple[str, int]


# --- which node --------------------------------------------------------------------------------------------------


def names(run: Run) -> tuple[str, ...]:
    """All that can be selected: the nodes in the order of the flow, then the parameters."""
    return (*grid(run.cell).names, *run.cell.parameters)


def steps(run: Run, name: str) -> range:
    """The steps at which a node of this name exists; initial values have step 0 and below."""
    return range(1 - (len(run.initial[name]) if name in run.initial else 0), run.T + 1)


def chosen(run: Run, view: View) -> Node | None:
    """The selected node, if it exists in this run."""
    node = view.selected
    return node if node is not None and node[0] in names(run) and node[1] in steps(run, node[0]) else None


def in_time(run: Run, node: Node, by: int) -> Node | None:
    """The same node `by` steps later, or None beyond the ends."""
    name, t = node
    return (name, t + by) if t + by in steps(run, name) else None


def in_flow(run: Run, node: Node, by: int) -> Node | None:
    """The node `by` places further in the flow of its step, or None beyond the ends."""
    name, t = node
    order = [node_name for node_name in grid(run.cell).names if t in steps(run, node_name)]
    if name not in order:
        return None
    place = order.index(name) + by
    return (order[place], t) if 0 <= place < len(order) else None


def select(node: Node | None) -> Change:
    """The change that selects a node, or nothing."""
    return lambda state, _: of_view(state, selected=node)


def pick(run: Run, node: Node | None) -> Change:
    """The change by a click in a picture; of a parameter that stands once for all steps, the copy at the selected step."""

    def change(state: State, _: object) -> State:
        if node is None or node[0] not in run.parameters or node[1] > 0:
            return select(node)(state, None)
        t = state.view.selected[1] if state.view.selected else run.T
        return select((node[0], min(max(t, 1), run.T)))(state, None)

    return change


def clicked(key: str, run: Run) -> None:
    """Callback of a plotly figure: select the clicked node; a click beside the nodes does nothing."""
    match clicked_data(key):
        case [str(name), int(t)]:
            put(key, pick(run, (name, int(t))))


# --- the widgets ------------------------------------------------------------------------------------------------


def walker(state: State, run: Run) -> None:
    """Choose the selected node in a row of widgets: by name and step, by a step in time or in the flow, or none."""
    node = chosen(run, state.view)
    known = names(run)
    row = side_by_side()

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

    def moved(state: State, step: int) -> State:
        return select((name, step))(state, None)

    counted(row, "at step", within[0], within[-1], "node.step", t, moved, width=120)
    for key, icon, neighbour, hint in (
        ("earlier", "◀", in_time(run, node, -1), "One step earlier"),
        ("later", "▶", in_time(run, node, 1), "One step later"),
        ("before", "▼", in_flow(run, node, -1), "Against the flow, in the same step"),
        ("after", "▲", in_flow(run, node, 1), "With the flow, in the same step"),
    ):
        row.button(icon, key=key, on_click=put, args=(key, select(neighbour)), disabled=neighbour is None, help=hint)
    row.button("Clear", key="clear", on_click=put, args=("clear", select(None)), help="Select nothing")


def _titled(run: Run, name: str) -> str:
    return f"{written(name)}   {run.cell.role(name)}"
