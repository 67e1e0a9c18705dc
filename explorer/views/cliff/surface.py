"""The surface of the loss, drawn in stages: the points known already, then a coarse grid, then a fine one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine import Run
from explorer import figures
from explorer import model as models
from explorer.cache import RESULTS
from explorer.experiments import cliff, knob
from explorer.experiments.cliff import COARSE, FINE, Cliff, Descent, Surface
from explorer.model import Model
from explorer.page.chart import chart
from explorer.page.session import session
from explorer.state import State
from explorer.words.markdown import plain


class Places(NamedTuple):
    """Where the surface is drawn: the picture, below it the progress of its computation, and its caption."""

    picture: DeltaGenerator
    progress: DeltaGenerator
    caption: DeltaGenerator


@RESULTS.keeps(grows=True)
def _surface(model: Model, chosen: Cliff, many: int) -> Surface:
    """The surface with `many` points along a side, as far as it is computed: a stopped computation goes on from there."""
    return cliff.surface(chosen, many)


def fill(state: State, chosen: Cliff, run: Run, steps: Descent | None, palette: str, places: Places) -> None:
    """Draw the surface: at once the points known already, then a coarse and a fine grid, in portions if they take long."""
    model = state.model
    titles = (knob.title(model, cliff.sides(chosen)[0]), knob.title(model, cliff.sides(chosen)[1]))
    fine = cliff.fits(model)
    grids = [FINE] if fine and cliff.portion(model) >= FINE**2 else [COARSE, FINE] if fine else [COARSE]
    drawn: Surface | None = None
    try:
        place, common, plane = cliff.here(model, chosen), cliff.same(model, chosen), cliff.span(model, chosen)
        is_coarse_enough = session.coarse_surface == common
        if _surface(*common, grids[-1]).done.all():
            grids = grids[-1:]
        for many in grids:
            if is_coarse_enough and drawn is not None:
                break
            drawn = _surface(*common, many)
            _grow(drawn, run, plane, cliff.portion(model), places.progress, common)
            chart(
                figures.surface(drawn, titles, place, steps, palette, state.view.scale, chosen.picture), f"surface.{many}",
                f"The loss over {titles[0]} and {titles[1]}; the numbers of the place and of the two steps stand below.",
                places.picture,
            )  # fmt: skip
    except ValueError as error:
        places.picture.info(plain(f"The surface cannot be drawn: {error}."))
        return
    places.progress.empty()
    with places.caption.container():
        if is_coarse_enough and drawn is not None and len(drawn.up) < FINE and fine:
            st.button("Go on, finer", key="cliff.finer", on_click=_stop, args=(None,))
        caption(model, drawn, fine)


def _grow(
    surface: Surface, run: Run, plane: cliff.Span, portion: int, progress: DeltaGenerator, common: object
) -> None:
    """Compute the missing points of a surface; if that takes several portions, with a bar and a button to end it."""
    bar, side = None, len(surface.up)
    while surface.grow(run, plane, portion):
        share = float(surface.done.mean())
        if bar is None:
            with progress.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(share)
                if side == FINE:
                    st.button("Coarse is enough", key="cliff.stop", on_click=_stop, args=(common,))
        bar.progress(share, f"{side} × {side} points, {share:.0%}")


def _stop(common: object) -> None:
    session.coarse_surface = common


def caption(model: Model, surface: Surface | None, fine: bool) -> None:
    """Say below the surface how many points it has, and why not more."""
    if surface is None:
        return
    side = len(surface.up)
    words = [
        f"{side} × {side} points, each computed exactly. ∇ points uphill; the length of the arrow does not show its norm."
    ]
    if wrong := int((surface.done & ~np.isfinite(surface.loss)).sum()):
        words.append(f"Red: the loss is not finite there ({wrong} points).")
    if not fine:
        each = cliff.cost(model)
        places = models.task(model).x.shape[0] * models.task(model).x.shape[1]
        words.append(
            f"{FINE} × {FINE} points would take about {each * FINE**2:,} numbers; at most {cliff.MAX_NUMBERS:,} are computed: "
            f"{cliff.MAX_NUMBERS * places // (each * FINE**2):,} steps times samples would fit; or choose smaller sizes."
        )
    st.caption(plain(" ".join(words)))
