"""The path of the gradient from a loss to the selected node, walked edge by edge."""

from __future__ import annotations

import streamlit as st

from engine import Run
from engine.language import notation
from engine.working import messages as explain
from explorer.page.change import Change, apply, of_view, put
from explorer.page.selection import Node
from explorer.page.widget_delivery import show
from explorer.page.widgets import side_by_side
from explorer.picture.scene import path
from explorer.state import State
from explorer.words.numbers import number


def walk(state: State, run: Run, node: Node) -> None:
    """Choose the loss at which the path begins, and walk it edge by edge; the picture shows where it runs."""
    walked = state.view.path
    losses = [0, *range(max(node[1], 1), run.T + 1)]
    row = side_by_side()
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
        row.caption("No gradient of that loss arrives here.")
        return
    k = min(walked[1], len(edges))
    for key, icon, by, hint in (
        ("path.back", "◀", -1, "One edge back, towards the loss"),
        ("path.on", "▶", 1, "One edge on, towards this node"),
    ):
        row.button(
            icon, key=key, on_click=put, args=(key, to_path((walked[0], k + by))), help=hint,
            disabled=not 1 <= k + by <= len(edges),
        )  # fmt: skip
    edge = edges[k - 1]
    row.markdown(f"Edge **{k}** of {len(edges)}")
    source, target = (notation.nabla(name, str(t)) for name, t in (edge.source, edge.target))
    st.latex(rf"{target} \;\longrightarrow\; {source}: \qquad {edge.symbols} = {notation.matrix(edge.vector)}")
    previous = edges[k - 2].norm if k > 1 else None
    caption = f"Norm {number(edge.norm)}"
    if previous:
        first = number(edge.norm / edges[0].norm)
        caption += f", {number(edge.norm / previous)} of that of the edge before and {first} of the first"
    is_long = len(edges) == explain.MAX_PATH
    st.caption(f"{caption}.{f' The walk has only the {len(edges)} edges next to the node.' * is_long}")


def to_path(walked: tuple[int, int] | None) -> Change:
    """The change to another path and edge (see `View.path`), or to none."""
    return lambda state, _: of_view(state, path=walked)
