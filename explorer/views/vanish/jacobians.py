"""The tab "Jacobians": how strongly the state of each step depends on that of each earlier one, and one pair taken apart."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import streamlit as st

import engine
from engine import Run
from engine.flow import Stretches, stretches
from engine.language import latex, notation, written
from explorer import figures
from explorer.cache import RESULTS, lock
from explorer.figures.triangle import jacobian_norms
from explorer.model import Array, Model, samples
from explorer.page.change import Change, of_view
from explorer.page.chart import chart
from explorer.page.colour import ends
from explorer.page.notices import tell_no_memory
from explorer.page.results import computed, one_sample
from explorer.page.vectors import columns
from explorer.page.widgets import counted, side_by_side
from explorer.state import State
from explorer.views.vanish.triangle import cell_caption, on_triangle_click
from explorer.words.markdown import plain
from explorer.words.numbers import from_exponent

_PATIENCE: Final = 0.7  # seconds of work that need no click


@RESULTS.keeps(grows=True)
def _norms(model: Model, name: str, sample: int) -> dict[str, Array]:
    """A place for the norms once they are computed: the computation draws its progress, so it cannot be cached itself."""
    return {}


def tab(state: State, run: Run, palette: str, name: str, pixels: int) -> None:
    """Draw the triangle of the Jacobians, and one Jacobian taken apart."""
    if not name:
        tell_no_memory("no step depends on an earlier one, so every Jacobian between two steps is 0.")
        return
    t, s = state.view.pair or (run.T, 1)
    t, s = min(t, run.T), min(s, run.T)
    row = side_by_side()
    counted(
        row, "Later step t", 1, run.T, "vanish.later", t,
        lambda state, step: decompose(step, min(s, step))(state, None), width=120,
    )  # fmt: skip
    counted(
        row, "Earlier step s", 1, run.T, "vanish.earlier", s,
        lambda state, step: decompose(max(t, step), step)(state, None), width=120,
    )  # fmt: skip
    of_pairs = st.container()
    alone = one_sample(state.model, samples.shown(run, state.view.sample))
    _decomposed(alone, palette, name, t, s)
    with of_pairs:  # above, but last: it may wait for a click, and take long
        _triangle(state, alone, palette, name, (t, s), pixels, run.B)


def _decomposed(run: Run, palette: str, name: str, t: int, s: int) -> None:
    """One Jacobian: its largest and smallest stretch, its singular values, its entries."""
    symbol = latex(name)
    matrix = engine.jacobian_at(run, name, name, t, s)[0]
    extremes = _extremes(stretches(run, name, name, t, s))
    st.markdown(
        rf"$\partial {symbol}^{{({t})}} / \partial {symbol}^{{({s})}}$ stretches no direction by more than {extremes}"
    )
    chart(
        figures.singular(run, name, name, t, s, palette), "vanish.singular",
        "The singular values of the Jacobian, the largest first, on a logarithmic scale.",
    )  # fmt: skip
    if max(matrix.shape) <= notation.WIDE:
        quotient = rf"\frac{{\partial {symbol}^{{({t})}}}}{{\partial {symbol}^{{({s})}}}}"
        st.latex(f"{quotient} = {notation.matrix(matrix)}")
    else:
        st.dataframe(matrix, height=260, column_config=columns(matrix))


def _extremes(jacobian: Stretches) -> str:
    """The largest and the smallest singular value of a Jacobian, or a bound of the smallest."""
    logs, is_known = jacobian.log10[0], jacobian.known[0]
    largest = rf"$\sigma_{{\max}}$ = **{from_exponent(float(logs[0]))}**"
    if is_known[-1]:
        least = " (0 may also be a number too small for a float)" * bool(logs[-1] == -np.inf)
        return rf"{largest} and none by less than $\sigma_{{\min}}$ = **{from_exponent(float(logs[-1]))}**{least}"
    hidden = int((~is_known).sum())
    count = "The smallest value" if hidden == 1 else f"The {hidden} smallest values"
    return (
        rf"{largest}. {count} cannot be told: of values below "
        rf"$n\,\varepsilon\,\sigma_{{\max}}$ = {from_exponent(float(jacobian.floor[0]))} only rounding may be left"
    )


def decompose(t: int, s: int) -> Change:
    """The change that takes another Jacobian apart."""
    return lambda state, _: of_view(state, pair=(t, s))


def _triangle(state: State, run: Run, palette: str, name: str, pair: tuple[int, int], pixels: int, B: int) -> None:
    """Draw the triangle of the norms, of the sample `run`, one of B."""
    kept = _norms(state.model, name, samples.shown(run, state.view.sample))
    if "norms" not in kept and not _compute(run, name, kept):
        return
    at, span = latex(name), ends(state.view, "gradient")
    st.markdown(rf"$\Vert \partial {at}^{{(t)}} / \partial {at}^{{(s)}} \Vert$, the largest singular value")
    chart(
        figures.triangle(run, name, name, kept["norms"], palette, 0, span, state.view.scale, pair, pixels),
        "vanish.jacobians",
        f"The largest singular value of the Jacobian between {written(name)} of any two steps, as a heat map.",
        on_click=partial(on_triangle_click, "vanish.jacobians", decompose),
    )  # fmt: skip
    words = "On the scale of the gradients. Click a cell to take its Jacobian apart below."
    first = f" Of {B} samples the first." * (B > 1 and not samples.shown(computed(state.model), state.view.sample))
    cell_caption(run, 0, words + first)


def _compute(run: Run, name: str, kept: dict[str, Array]) -> bool:
    """Compute the norms into `kept`, with a progress bar if that takes time; long computations wait for a click.

    Returns:
        Whether they are there.
    """
    n = run.sizes[name]
    seconds = run.T**2 / 2 * (4e-6 + 1.5e-9 * n**3)
    if seconds > _PATIENCE and not st.button(
        f"Compute the Jacobians of all pairs of steps (about {max(1, round(seconds)):,} s)", key="vanish.compute"
    ):
        st.caption(f"There are {run.T * (run.T + 1) // 2:,} pairs of steps, each with a matrix of {n} × {n}. "
                   "You can stop it; the pair below is shown in any case.")  # fmt: skip
        return False
    progress = None
    if seconds > _PATIENCE:
        place = side_by_side("center")
        bar = place.progress(0.0, "Jacobians …")
        place.button("Stop", key="vanish.stop")  # any click ends this run of the script at the bar's next update
        every = max(1, run.T // 100)

        def progress(t: int) -> None:
            if t % every == 0:  # the later half of the way back is the longer one
                bar.progress((run.T**2 - t**2) / run.T**2 if t else 1.0, f"Jacobians … from step {t + 1}")

    try:
        kept["norms"] = lock(jacobian_norms(run, name, name, progress=progress))
    except ValueError as error:
        st.info(plain(str(error)))
        return False
    if progress is not None:
        st.rerun()
    return True
