"""The page of the loss as a surface over two numbers of the network: its cliffs, and the steps that descent takes there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine import Run
from engine.language import written
from explorer import figures
from explorer import model as models
from explorer.cache import RESULTS
from explorer.experiments import cliff, knob
from explorer.experiments.cliff import COARSE, CUTS, FINE, NORMS, PICTURES, Cliff, Cut, Descent, Pair, Step, Surface
from explorer.experiments.knob import KINDS, Turn
from explorer.model import Model
from explorer.page.chart import chart
from explorer.page.controls import Change, apply, choice, entered, put, started, write_link
from explorer.page.delivery import show
from explorer.page.frame import begin, overflow
from explorer.state import PRESETS, State
from explorer.words.markdown import plain
from explorer.words.numbers import number

_CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}
_PRESET: Final = "cliff"
_TWO_COLUMNS: Final = 720  # pixels from which two pictures have room side by side


def page() -> None:
    """The page."""
    state, run, palette, pixels = begin(
        "The cliff",
        "The loss over two numbers of the network, where you stand on it, and where gradient descent would go.",
    )
    overflow(run)
    ready(state)
    figure(state, run, palette, pixels)


def figure(state: State, run: Run, palette: str, pixels: int) -> None:
    """The surface, where one stands on it, and descent from there."""
    model = state.model
    try:
        chosen = cliff.completed(model, state.view.cliff)
    except ValueError as error:
        st.info(plain(f"{str(error)[0].upper()}{str(error)[1:]}."))
        write_link(state)
        return
    sides(state, chosen)
    place, steps = cliff.here(model, chosen), None
    descend(state, chosen)
    try:
        steps = cliff.descent(model, chosen, run)
    except ValueError as error:
        st.info(plain(f"{str(error)[0].upper()}{str(error)[1:]}."))
    left, right = st.columns([3, 2]) if pixels >= _TWO_COLUMNS else (st.container(), st.container())
    with left:
        picture = st.empty()
        progress = st.empty()
        said = st.empty()
    if steps is not None:
        outcome(model, chosen, steps)
    with right:
        across(state, chosen, run, palette)
    write_link(state)
    # Last, since it may take a while: what is above can be used meanwhile, and any change there ends it.
    fill(state, chosen, run, place, steps, palette, (picture, progress, said))


def ready(state: State) -> None:
    """The ready cliff on one click, and what it is."""
    preset = PRESETS[_PRESET]
    if replace(state.model, edits=()) == replace(preset.state.model, edits=()):
        st.caption(
            "One unit, $x^{(t)} = w\\,\\sigma(x^{(t-1)}) + b$ from $x^{(0)} = 0.5$, and the loss $(x^{(50)} - 0.7)^2$: the "
            "smallest network with a cliff (Pascanu, Mikolov & Bengio 2013; its $x$ is $h$ here). At $w = 5$ the wall stands "
            "near $b = -2.61$: on either side of it the state ends at another attractor."
        )
    if state.model != preset.state.model:
        st.button(
            "The cliff of Pascanu et al. (2013)", key="cliff.ready", on_click=put,
            args=("cliff.ready", lambda state, _: started(state, _PRESET)), help=preset.help,
        )  # fmt: skip


# --- what is drawn -----------------------------------------------------------------------------------------------


def _with(state: State, chosen: Cliff) -> State:
    return replace(state, view=replace(state.view, cliff=chosen))


def _entered(name: str) -> Change:
    return lambda state, value: _with(state, replace(state.view.cliff, **{name: value}))


def sides(state: State, chosen: Cliff) -> None:
    """Which two numbers, and from where to where."""
    model, keys = state.model, list[str]()
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    for name, label, turn, ends in zip(
        ("across", "up"), ("Across", "Upwards"), cliff.sides(chosen), cliff.ranges(chosen), strict=True
    ):
        first = replace(turn, index=(0,) * len(turn.index))
        with row.container(width=190):
            choice(
                label, cliff.numbers(model), partial(_titled, model), f"cliff.{name}", first, partial(_turned, name),
                help="A number of the weights, or of the inputs, along this side of the picture.",
            )  # fmt: skip
        for axis, many in enumerate(knob.base(model, turn.of).shape[: len(turn.index)]):
            if many > 1:
                keys.append(_index(row, name, turn, axis, many))
        for end, word in enumerate(("from", "to")):
            keys.append(key := f"cliff.{name}.{word}")
            show(key, ends[end])
            row.number_input(
                word,
                value=st.session_state[key],
                step=None,
                format="%g",
                key=key,
                on_change=apply,
                args=(key, _end(name, end)),
                width=95,
            )
    for key in keys:
        if key in st.session_state.faults:
            st.error(plain(st.session_state.faults[key]))


def _titled(model: Model, turn: Turn) -> str:
    words = knob.title(model, turn)
    if turn.kind == "entry":
        return words if knob.base(model, turn.of).size == 1 else f"{KINDS[turn.kind]} of {written(turn.of)}"
    return words[0].lower() + words[1:]


def _turned(name: str, state: State, turn: Turn) -> State:
    """The state with another number along one side; the other side gives way if it was not chosen."""
    fields: dict[str, Any] = {name: turn, f"{name}_range": None}
    return _with(state, replace(state.view.cliff, **fields))


def _index(row: DeltaGenerator, name: str, turn: Turn, axis: int, many: int) -> str:
    """One index of an entry; gives the widget's key."""
    key = f"cliff.{name}.{axis}"

    def moved(state: State, place: int) -> State:
        index = tuple(place - 1 if k == axis else i for k, i in enumerate(turn.index))
        return _turned(name, state, replace(turn, index=index))

    show(key, turn.index[axis] + 1)
    row.number_input(
        ("row", "column")[axis],
        1,
        many,
        st.session_state[key],
        step=1,
        key=key,
        on_change=apply,
        args=(key, moved),
        width=95,
    )
    return key


def _end(name: str, end: int) -> Change:
    """The change of one end of a range."""

    def change(state: State, value: float | None) -> State:
        chosen = cliff.completed(state.model, state.view.cliff)
        ends = list(cliff.ranges(chosen)[("across", "up").index(name)])
        if value is None:
            raise ValueError("a side goes from a number to a number")
        ends[end] = value
        side = getattr(chosen, name)
        return _with(state, replace(state.view.cliff, **{name: side, f"{name}_range": tuple(ends)}))

    return change


def descend(state: State, chosen: Cliff) -> None:
    """Rate, threshold, and how the surface is drawn."""
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row.container(width=130):
        entered(cliff.RATE, "cliff.rate", chosen.rate, _entered("rate"))
    with row.container(width=130):
        entered(cliff.LIMIT, "cliff.limit", chosen.limit, _entered("limit"))
    with row.container(width=170):
        choice("the norm over", list(NORMS), NORMS.__getitem__, "cliff.norm", chosen.norm, _entered("norm"),
               help="Whose gradient has that norm: of the two numbers alone, or of all weights, as in training.")  # fmt: skip
    with row:
        for key, label, options, value in (
            ("picture", "Surface", PICTURES, chosen.picture),
            ("cut", "Cut", CUTS, chosen.cut),
        ):
            show(f"cliff.{key}", value)
            st.segmented_control(
                label, list(options), format_func=options.__getitem__, key=f"cliff.{key}", default=value, required=True,
                on_change=apply, args=(f"cliff.{key}", _entered(key)),
            )  # fmt: skip
    if state.view.cliff.across_range or state.view.cliff.up_range:
        about = replace(state.view.cliff, across_range=None, up_range=None)
        row.button(
            "About here", key="cliff.about", on_click=put, args=("cliff.about", lambda state, _: _with(state, about)),
            help="Both ranges about the place where the network stands.",
        )  # fmt: skip


# --- where descent goes ------------------------------------------------------------------------------------------


def outcome(model: Model, chosen: Cliff, steps: Descent) -> None:
    """The loss here and after either step, and the steps to be taken."""
    names = [knob.title(model, turn) for turn in cliff.sides(chosen)]
    here, after, clipped = st.columns(3)
    here.metric("Loss here", number(steps.loss), border=True)
    here.caption(
        f"{_placed(names, steps.place)}  \ngradient {_placed(names, steps.gradient)}, norm {number(steps.norm)}"
    )
    for place, key, word, step in (
        (after, "plain", "After the step −η∇", steps.plain),
        (clipped, "clipped", "After the clipped step", steps.clipped),
    ):
        place.metric(
            word, number(step.loss), number(step.loss - steps.loss).replace("−", "-"), delta_color="inverse", border=True,
        )  # fmt: skip
        beyond = "" if cliff.inside(chosen, step.to) else ", beyond the picture"
        factor = f"; the gradient is scaled by {number(steps.factor)}" if key == "clipped" and steps.factor < 1 else ""
        place.caption(f"{_placed(names, step.to)}{beyond}  \nlength {number(step.length)}{factor}")
        key = f"cliff.go.{key}"
        place.button("Go there", key=key, on_click=put, args=(key, _gone(chosen, step)))
        if key in st.session_state.faults:
            place.error(plain(st.session_state.faults[key]))


def _placed(names: list[str], place: Pair) -> str:
    return ", ".join(f"{plain(name)} = {number(value)}" for name, value in zip(names, place, strict=True))


def _gone(chosen: Cliff, step: Step) -> Change:
    """The change to the place where a step leads; the picture stays, unless the step leaves it."""

    def change(state: State, _: None) -> State:
        across_range, up_range = cliff.ranges(chosen) if cliff.inside(chosen, step.to) else (None, None)
        kept = replace(chosen, across_range=across_range, up_range=up_range)
        return _with(replace(state, model=cliff.at(state.model, chosen, step.to)), kept)

    return change


# --- the cut -----------------------------------------------------------------------------------------------------


def across(state: State, chosen: Cliff, run: Run, palette: str) -> None:
    """The cut through the surface where the network stands."""
    side = list(CUTS)[::-1].index(chosen.cut)
    turns, place = cliff.sides(chosen), cliff.here(state.model, chosen)
    names = [knob.title(state.model, turn) for turn in turns]
    try:
        found = _cut(state.model, Cliff(*turns, *cliff.ranges(chosen), cut=chosen.cut), run)
    except ValueError as error:
        st.info(plain(f"The cut cannot be drawn: {error}."))
        return
    chart(
        figures.cut(found, names[side], place[side], palette), theme=None, key="cut", config=_CONFIG,
        alt=f"The loss along {names[side]}, and the size of its derivative on a logarithmic scale.",
    )  # fmt: skip
    st.caption(f"Cut at {plain(names[1 - side])} = {number(place[1 - side])}; the dotted line is where you are.")


@RESULTS.keeps()
def _cut(model: Model, chosen: Cliff, _run: Run) -> Cut:
    return cliff.cut(model, chosen, _run)


# --- the surface -------------------------------------------------------------------------------------------------


@RESULTS.keeps(grows=True)
def _surface(model: Model, chosen: Cliff, many: int) -> Surface:
    """The surface as far as it was computed: what was ended is gone on with."""
    return cliff.surface(chosen, many)


def fill(
    state: State, chosen: Cliff, run: Run, place: Pair, steps: Descent | None, palette: str,
    places: tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator],
) -> None:  # fmt: skip
    """The surface: what there is of it at once; then, where that takes longer, coarse and then fine, in portions."""
    picture, progress, said = places
    model = state.model
    titles = (knob.title(model, cliff.sides(chosen)[0]), knob.title(model, cliff.sides(chosen)[1]))
    fine = cliff.fits(model)
    grids = [FINE] if fine and cliff.portion(model) >= FINE**2 else [COARSE, FINE] if fine else [COARSE]

    def draw(found: Surface) -> None:
        chart(
            figures.surface(found, titles, place, steps, palette, state.view.scale, chosen.picture), picture,
            theme=None, key=f"surface.{len(found.up)}", config=_CONFIG,
            alt=f"The loss over {titles[0]} and {titles[1]}; the numbers of the place and of the two steps stand below.",
        )  # fmt: skip

    try:
        common, plane, drawn = cliff.same(model, chosen), cliff.span(model, chosen), None
        stopped = st.session_state.get("cliff.stopped") == common
        found = _surface(*common, grids[-1])
        if found.done.all():
            grids = grids[-1:]
        for many in grids:
            found = _surface(*common, many)
            if stopped and drawn is not None:
                break
            _grow(found, run, plane, cliff.portion(model), progress, many, common)
            draw(found)
            drawn = found
    except ValueError as error:
        picture.info(plain(f"The surface cannot be drawn: {error}."))
        return
    progress.empty()
    with said.container():
        if stopped and drawn is not None and len(drawn.up) < FINE and fine:
            st.button("Go on, finer", key="cliff.finer", on_click=_stop, args=(None,))
        caption(model, drawn, fine)


def _grow(
    found: Surface, run: Run, plane: cliff.Span, many: int, progress: DeltaGenerator, side: int, common: object
) -> None:
    """Compute what is missing of a surface, with a bar and a button to end it where it takes more than one portion."""
    bar = None
    while found.grow(run, plane, many):
        share = float(found.done.mean())
        if bar is None:
            with progress.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(share)
                if side == FINE:
                    st.button("Coarse is enough", key="cliff.stop", on_click=_stop, args=(common,))
        bar.progress(share, f"{side} × {side} points, {share:.0%}")


def _stop(common: object) -> None:
    st.session_state["cliff.stopped"] = common


def caption(model: Model, found: Surface | None, fine: bool) -> None:
    """Below the surface: what it shows."""
    if found is None:
        return
    side = len(found.up)
    words = [f"{side} × {side} points, each computed exactly. ∇ points uphill; its length does not show its norm."]
    if wrong := int((found.done & ~np.isfinite(found.loss)).sum()):
        words.append(f"Red: the loss is not finite there ({wrong} points).")
    if not fine:
        each = cliff.cost(model)
        places = models.task(model).x.shape[0] * models.task(model).x.shape[1]
        words.append(
            f"{FINE} × {FINE} points would be about {each * FINE**2:,} numbers; at most {cliff.MAX_NUMBERS:,} are computed: "
            f"{cliff.MAX_NUMBERS * places // (each * FINE**2):,} steps times samples would fit, or take smaller sizes."
        )
    st.caption(plain(" ".join(words)))
