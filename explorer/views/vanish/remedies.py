"""The tab "Truncation and clipping": the error of truncated gradients, and the effect of clipping."""

from __future__ import annotations

from typing import Final

import numpy as np
import streamlit as st

import engine
from engine import Run
from engine.flow import Truncated
from engine.language import latex
from explorer import facts
from explorer.cache import RESULTS
from explorer.model import Model
from explorer.page.change import viewed
from explorer.page.notices import tell_no_memory
from explorer.page.results import computed
from explorer.page.widgets import entered
from explorer.state import CLIP, CUT, State
from explorer.words.markdown import plain
from explorer.words.numbers import number

_MOST_PATIENCE: Final = 3.0  # seconds of work that cannot be stopped


@RESULTS.keeps()
def _truncated(model: Model, kind: str, steps: int) -> Truncated:
    return {"cut": engine.cut, "window": engine.window}[kind](computed(model), steps)


def tab(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """Show the error of truncated gradients, and the effect of clipping."""
    st.markdown("##### Truncated back-propagation")
    if name:
        _truncation(state, run)
    else:
        tell_no_memory("no gradient goes back in time, and there is nothing to truncate.")
    st.markdown("##### Clipping")
    _clipping(state, run)


def _truncation(state: State, run: Run) -> None:
    with st.container(width=140):
        entered(CUT, "vanish.cut", state.view.cut, viewed("cut"))
    k = min(state.view.cut, run.T)
    numbers = sum(parameter.size for parameter in run.parameters.values())
    seconds = (run.T - k + 1) * k * run.B * numbers * 4e-9
    if run.overflow is not None:
        st.info("The values leave the range of floating point, so there is no gradient for a comparison.")
        return
    truncated = {"cut": _truncated(state.model, "cut", k)}
    if seconds <= _MOST_PATIENCE:
        truncated["window"] = _truncated(state.model, "window", k)
    heads = {"cut": f"cut every {k} steps", "window": f"each loss back {k} steps"}
    lines = [
        f"| | ‖∇‖ of the whole | {' | '.join(f'{heads[kind]}: error | cosine' for kind in truncated)} |",
        f"|---|---|{'---|---|' * len(truncated)}",
    ]
    for parameter in run.cell.parameters:
        cells = [f"{_percent(part.error[parameter])} | {number(part.cosine[parameter])}" for part in truncated.values()]
        whole = float(np.linalg.norm(run.param_grad[parameter]))
        lines.append(f"| ${latex(parameter)}$ | {number(whole)} | {' | '.join(cells)} |")
    st.markdown("\n".join(lines))
    st.caption(
        "The error is ‖truncated − whole‖ / ‖whole‖, and the cosine is that of the angle between the two. **Cut**: the "
        "sequence is cut into pieces, and no gradient crosses a cut. **Back k steps**: the gradient of each loss stops after k "
        "steps, its own included. Both keep the values of the whole run. An error of 0 is no difference, or rounding only."
    )
    if "window" not in truncated:
        st.info(
            f"Going back {k} steps from each loss would take about {seconds:.0f} s, which is too long here; choose fewer steps k."
        )


def _percent(share: float) -> str:
    return "0" if share == 0 else f"{number(100 * share)} %"


def _clipping(state: State, run: Run) -> None:
    with st.container(width=140):
        entered(CLIP, "vanish.clip", state.view.clip, viewed("clip"))
    grads, limit = run.param_grad, state.view.clip
    if not grads:
        st.caption("This network has no parameters.")
        return
    try:
        factor = engine.clip_by_norm(grads, limit)[1]
    except ValueError as error:
        st.info(plain(f"Clipping by norm cannot help here: {error}."))
        return
    bounded, beyond = engine.clip_by_value(grads, limit)
    lines = ["| | ‖∇‖ | clipped by norm | clipped by value | entries beyond |", "|---|---|---|---|---|"]
    for row in facts.clipped(run, limit):
        norms = [number(size) for size in (row.whole, row.by_norm, row.by_value)]
        cells = [f"${latex(row.name)}$", *norms] if row.name else ["**all**", *(f"**{size}**" for size in norms)]
        lines.append(f"| {' | '.join(cells)} | {row.beyond:,} of {row.size:,} |")
    st.markdown("\n".join(lines))
    if factor == 1.0:
        by_norm = f"their common norm is within {number(limit)}, so nothing changes"
    else:
        by_norm = f"all gradients are multiplied by {number(factor)}, and keep their direction"
    if beyond:
        angle = facts.angle(grads, bounded)
        by_value = f"{beyond:,} entries are set to ±{number(limit)}, which turns the gradient by {number(angle)}°"
    else:
        by_value = f"no entry is beyond ±{number(limit)}, so nothing changes"
    st.caption(f"**By norm**: {by_norm}. **By value**: {by_value}.")
