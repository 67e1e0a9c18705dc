"""The page that sets two or three networks side by side, on the same input and the same scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import engine
from engine import Run
from engine.flow import Truncated
from engine.language import latex, written
from explorer import compare, live, theme
from explorer import model as models
from explorer.cache import RESULTS
from explorer.compare import ASPECTS, MOST, READY, Column, Measured
from explorer.facts import Course, FloatLimit, earliest
from explorer.figures import curves, graph, strip
from explorer.model import Model, samples
from explorer.page.chart import chart, large
from explorer.page.controls import Change, apply, entered, put, tell_notes, write_link
from explorer.page.delivery import show
from explorer.page.frame import begin, computed, meanings, overflow, sentences
from explorer.page.inspector import pick
from explorer.picture.readings import overview
from explorer.picture.scene import Scene, scene
from explorer.picture.window import LONG
from explorer.state import EXPONENT, LENSES, State, View
from explorer.views.network.page import of_range, of_view, said, windowed
from explorer.words.markdown import plain
from explorer.words.numbers import from_exponent, number

_CONFIG: Final = {"displayModeBar": False, "scrollZoom": False}
_COLUMN: Final = 260  # pixels from which a column has room beside others
_STEP: Final = 12  # pixels that a step of the graph needs, at least


def page() -> None:
    """The page."""
    state, _, palette, pixels = begin(
        "Compare", "Two or three networks on the same input, from the same seed, on the same scale of colour."
    )
    ready(state)
    tools(state)
    compared = compare.comparison(state)
    columns, headings = compared.columns, compared.headings
    runs = [ran(column) for column in columns]
    beside = pixels >= _COLUMN * len(columns)
    stacked = None if beside else [st.container() for _ in columns]
    across = pixels // len(columns) - 16 if beside else pixels

    def places() -> Sequence[DeltaGenerator]:
        return stacked or st.columns(len(columns), gap="medium")

    first = compare.present(state.view.columns or ("",))
    for i, place in enumerate(places()):
        with place:
            heading(state, i, columns[i], headings[i], i == first)
    for i, place in enumerate(places()):
        with place:
            picture(state, i, columns[i], headings[i], runs[i], palette, across)
    for i, place in enumerate(places()):
        with place:
            words(state, columns[i], runs[i])
    together = [
        (_titled(i, headings[i], len(columns)), numbers(column.model, every(column), state.view.sample))
        for i, column in enumerate(columns)
        if column.model is not None and runs[i] is not None
    ]
    if together:
        along_time(together, palette)
        table(together)
    same(columns)
    write_link(state)


def _titled(i: int, words: str, columns: int) -> str:
    """What a column is called below the pictures."""
    return " · ".join([f"{i + 1}", *[words] * bool(words)]) if columns > 1 else "this network"


# --- runs --------------------------------------------------------------------------------------------------------


@RESULTS.keeps()
def cut(model: Model, every: int) -> Truncated:
    """What the cut recurrence leaves of the gradients."""
    return engine.cut(computed(model), every)


@RESULTS.keeps()
def numbers(model: Model, every: int, sample: int) -> Measured:
    """The numbers of a column."""
    return compare.measure(computed(model), sample, cut(model, every) if every else None, every)


def ran(column: Column) -> Run | None:
    """The run of a column, with the gradients that it has; None if it cannot be run."""
    if column.model is None:
        return None
    run = computed(column.model)
    return compare.truncated(run, cut(column.model, every(column))) if every(column) else run


def every(column: Column) -> int:
    """After how many steps the recurrence of a column is cut; 0 is never, as where there are no gradients to be cut."""
    return column.cut if column.model is not None and computed(column.model).overflow is None else 0


# --- what is compared --------------------------------------------------------------------------------------------


def ready(state: State) -> None:
    """Comparisons on one click."""
    now = (state.model, state.view.columns)
    chosen = next((name for name in READY if compare.prepare(name, state.model) == now), None)
    show("compare.ready", chosen)

    def change(state: State, name: str | None) -> State:
        model, columns = compare.prepare(name, state.model) if name else (state.model, ())
        return compare.with_columns(replace(state, model=model), columns)

    st.pills(
        "Ready comparisons", list(READY), format_func=lambda name: READY[name].title, key="compare.ready",
        default=chosen, on_change=apply, args=("compare.ready", change),
        help="\n\n".join(f"**{plain(row.title)}**: {row.help}" for row in READY.values())
        + "\n\nWhat can stay of the present network stays; a task of few steps gives way to random numbers.",
    )  # fmt: skip


def tools(state: State) -> None:
    """More columns, and what the colour shows."""
    full = len(state.view.columns) >= MOST
    base = compare.column(state.model, "")
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row.container(width=230):
        options = [name for name, aspect in ASPECTS.items() if aspect.setting(base) is not None]
        show("compare.add", None)
        st.selectbox(
            "Add a column that differs in", options, index=None, format_func=lambda name: ASPECTS[name].title,
            key="compare.add", placeholder=f"at most {MOST} columns" if full else "choose", disabled=full,
            on_change=apply, args=("compare.add", _added),
        )  # fmt: skip
    row.button(
        "Keep this network", key="compare.keep", disabled=full, on_click=put,
        args=("compare.keep", lambda state, _: compare.added(state, compare.kept(state.model))),
        help="The network of the side bar as a column that stays as it is when the side bar is changed.",
    )  # fmt: skip
    if state.view.columns:
        row.button("Clear", key="compare.clear", on_click=put,
                   args=("compare.clear", lambda state, _: compare.with_columns(state, ())))  # fmt: skip
    with row:
        show("lens", state.view.lens)
        st.segmented_control(
            "Colour shows", list(LENSES), format_func=lambda lens: LENSES[lens].title, key="lens", required=True,
            default=state.view.lens, on_change=apply, args=("lens", lambda state, lens: of_view(state, lens=lens)),
        )  # fmt: skip
    view = state.view
    with row.container(width=105):
        entered(EXPONENT, "low", view.low, lambda state, low: of_range(state, low, state.view.high), "Lowest, 10ⁿ")
    with row.container(width=105):
        entered(EXPONENT, "high", view.high, lambda state, high: of_range(state, state.view.low, high), "Highest, 10ⁿ")
    row.button(
        "Fit", key="fit", on_click=put, args=("fit", fitted), help="Fit the scale to all columns; it then stays."
    )
    for key in ("compare.keep", "compare.add"):
        if key in st.session_state.faults:
            st.error(plain(st.session_state.faults[key]))


def fitted(state: State, _: None) -> State:
    """The state with the scale fitted to all columns."""
    runs = [run for column in compare.comparison(state).columns if (run := ran(column)) is not None]
    found = np.concatenate([overview(run, state.view).ravel() for run in runs] or [np.zeros(0)])
    usable = np.log10(found[np.isfinite(found) & (found > 0)])
    if not len(usable):
        return state
    low, high = math.floor(usable.min()), math.ceil(usable.max())
    return of_range(state, low, max(high, low + 1))


def _added(state: State, name: str | None) -> State:
    """The state with a column that differs in one thing, at a value to begin with."""
    if name is None:
        return state
    aspect, base = ASPECTS[name], compare.column(state.model, "")
    return compare.added(state, compare.text(aspect.entries(base, aspect.other(base))))


def heading(state: State, i: int, column: Column, words: str, present: bool) -> None:
    """What the column has that the others have not, and the controls for it."""
    alone = not state.view.columns
    title = words or ("The present network" if alone else "The same as the others")
    row = st.container(horizontal=True, vertical_alignment="top", gap="small")
    with row.container():
        st.markdown(f"##### {i + 1} · {plain(title)}" if not alone else f"##### {plain(title)}")
    if alone:
        return
    if i:
        row.button("←", key=f"compare.{i}.move", type="tertiary", help="One place to the left", on_click=put,
                   args=(f"compare.{i}.move", lambda state, _: compare.moved(state, i)))  # fmt: skip
    if not present:
        row.button("✕", key=f"compare.{i}.remove", type="tertiary", help="Remove this column", on_click=put,
                   args=(f"compare.{i}.remove", lambda state, _: compare.removed(state, i)))  # fmt: skip
    if present:
        st.caption("The network of the side bar: change it there, and the others follow in all that they share.")
    else:
        editor(state, i, column)


def editor(state: State, i: int, column: Column) -> None:
    """The settings in which a column differs; and which these are."""
    if column.model is None:
        return
    chosen = compare.varied(column, compare.column(state.model, ""))
    if column.whole:
        st.caption("A network that was kept: it does not follow the side bar.")
    else:
        differs(i, column, chosen)
    for name in chosen:
        aspect = ASPECTS[name]
        if (setting := aspect.setting(column)) is not None:
            entered(setting, f"compare.{i}.{name}", aspect.value(column), _edited(i, name))


def differs(i: int, column: Column, chosen: list[str]) -> None:
    """Which settings of a column are its own."""
    key = f"compare.{i}.differs"
    options = [name for name, aspect in ASPECTS.items() if name in chosen or aspect.setting(column) is not None]

    def change(state: State, names: list[str]) -> State:
        text = state.view.columns[i]
        made = compare.column(state.model, text)
        entries: dict[str, str] = {}
        for name in names:
            if not ASPECTS[name].of(text):
                entries |= ASPECTS[name].entries(made, ASPECTS[name].other(made))
        gone = [key for name, aspect in ASPECTS.items() if name not in names for key in aspect.of(text)]
        return compare.edited(state, i, entries, [key for key in gone if key not in entries])

    show(key, chosen)
    st.multiselect("Differs in", options, chosen, format_func=lambda name: ASPECTS[name].title, key=key, on_change=apply,
                   args=(key, change), placeholder="nothing yet")  # fmt: skip
    if key in st.session_state.faults:
        st.error(plain(st.session_state.faults[key]))


def _edited(i: int, name: str) -> Change:
    def change(state: State, value: Any) -> State:
        if value is None:
            raise ValueError("a number is needed")
        made = compare.column(state.model, state.view.columns[i])
        return compare.edited(state, i, ASPECTS[name].entries(made, value))

    return change


# --- pictures and words ------------------------------------------------------------------------------------------


def shown(view: View, run: Run, pixels: int) -> View:
    """How the graph of a column is looked at: as on the page of the network, but for what has no room here."""
    fit = min(LONG, max(pixels // _STEP, 8))
    window = view.window or ((run.T - fit + 1, run.T) if fit < run.T else None)
    return replace(
        view, graph="unrolled", parameters="hidden", edges="nothing", knob=None, path=None, unit=0, window=window
    )


def picture(state: State, i: int, column: Column, title: str, run: Run | None, palette: str, pixels: int) -> None:
    """The unrolled graph of a column; of a long run the last steps, and all of them as a strip."""
    if column.model is None or run is None:
        st.error(plain(f"This column cannot be run: {column.fault}"))
        return
    if column.model.text != state.model.text:  # else the page has told them
        tell_notes(models.cell(column.model).notes)
    overflow(run)
    view = shown(state.view, run, pixels)
    drawn = scene(run, view, *said(replace(state, model=column.model), run))
    alt = (
        f"The unrolled graph of column {i + 1}, {title or 'the present network'}: steps {drawn.first} to {drawn.last}."
    )
    on_canvas = view.picture == "live"
    if on_canvas:
        chosen = lambda node: put("live", pick(run, node))  # noqa: E731
        live.live(drawn, key=f"compare.{i}.live", label=alt, large=large(), on_pick=chosen)
    else:
        figure = graph(drawn, palette, pixels)
        if drawn.upwards:
            for t in cuts(column, run, drawn):
                ink = theme.PALETTES[palette].ink
                figure.add_vline(x=(t - 0.5) * drawn.grid.pitch, line={"color": ink, "width": 1, "dash": "dot"})
        chart(figure, theme=None, key=f"compare.{i}.graph", config=_CONFIG, alt=alt)
    if (drawn.first, drawn.last) == (1, run.T):
        return
    if on_canvas:
        moved = lambda steps: put("strip", windowed, steps)  # noqa: E731
        live.strip(drawn, overview(run, drawn.view), key=f"compare.{i}.strip", on_window=moved)
    else:
        st.caption(f"Steps {drawn.first} to {drawn.last}; below all {run.T:,} of them, on the same scale.")
        chart(strip(run, view, palette), theme=None, key=f"compare.{i}.all", config=_CONFIG, alt=alt)


def cuts(column: Column, run: Run, drawn: Scene) -> list[int]:
    """The drawn steps after which the recurrence is cut."""
    k = every(column)
    return [t for t in range(k, run.T, k) if drawn.first <= t < drawn.last] if k else []


def words(state: State, column: Column, run: Run | None) -> None:
    """What happens to the gradient of a column, in sentences."""
    if column.model is None or run is None:
        return
    if k := every(column):
        cuts = (run.T - 1) // k
        st.markdown(
            f"The recurrence is cut after each {k} steps, {cuts} times in all: no gradient goes past a cut."
            if cuts
            else f"All {run.T} steps lie before the first cut: the gradient is whole."
        )
    chosen = samples.shown(run, state.view.sample)
    for part in sentences(column.model, chosen, earliest(run.cell) if run.cell.states else "", k):
        st.markdown(plain(part))


def along_time(found: Sequence[tuple[str, Measured]], palette: str) -> None:
    """The curves of all columns on one pair of axes."""
    lasting = [(title, one.curves) for title, one in found if "" not in one.curves]
    still = [(title, one.curves) for title, one in found if "" in one.curves]
    st.markdown(
        r"##### Gradient over time, of all losses, $\log_{10} \Vert \nabla \Vert$"
        if lasting
        else "##### Gradient along the flow"
    )
    chart(
        curves(lasting or still, palette), theme=None, key="compare.curves", config=_CONFIG,
        alt="The norm of the gradient of every column against time, on one logarithmic scale.",
    )  # fmt: skip
    if lasting and still:
        st.caption(plain(f"Without memory, so without a line: {'; '.join(title for title, _ in still)}."))


def table(found: Sequence[tuple[str, Measured]]) -> None:
    """The numbers of all columns."""
    st.markdown("##### In numbers", help=meanings())
    rows = [(label, cells) for label, cells in measures([one for _, one in found]) if any(cells)]
    st.markdown(
        "\n".join(
            [
                "| | " + " | ".join(plain(title) for title, _ in found) + " |",
                "|---" * (len(found) + 1) + "|",
                *(f"| {label} | {' | '.join(cell or '–' for cell in cells)} |" for label, cells in rows),
            ]
        )
    )


def measures(found: Sequence[Measured]) -> list[tuple[str, list[str]]]:
    """The rows of the table: a label and a text for each column, empty where there is no such number."""

    several = len({one.state for one in found}) > 1
    state = f"of ${latex(found[0].state)}$" if not several else "of the state"

    def listed(numbers: Iterable[tuple[str, float | None]]) -> str:
        return ", ".join(
            f"${latex(name)}$ {number(float(f'{value:.3g}'))}" for name, value in numbers if value is not None
        )

    return [
        ("Loss", [number(one.loss) for one in found]),
        (f"Gradient {state} at the first step, of all losses",
         [from_exponent(one.first) + f" (${latex(one.state)}$)" * several for one in found]),
        (f"What a step back leaves of it, on average, for {_followed(found)}", [_left(one.alone) for one in found]),
        ("Spectral radius of the recurrent matrices", [listed((m.name, m.radius) for m in one.matrices) for one in found]),
        ("Their largest singular value", [listed((m.name, m.largest) for m in one.matrices) for one in found]),
        ("Slopes below a tenth of the largest possible",
         [f"{100 * one.saturated:.3g} %" * (one.saturated == one.saturated) for one in found]),
        ("Steps back that float32 holds of that", [_held(one.reach, one.alone) for one in found]),
        ("What the cut leaves out of the gradients, as a share",
         [listed((name, share) for name, share in one.error.items() if share != 0)
          or "nothing" * bool(one.error) for one in found]),
    ]  # fmt: skip


def _followed(found: Sequence[Measured]) -> str:
    """Whose gradient the numbers are of."""
    losses = {one.alone.loss for one in found if one.alone is not None}
    (only,) = losses if len(losses) == 1 else (None,)
    return f"the loss of step {only:,} alone" if only else "the last loss that counts alone"


def _left(alone: Course | None) -> str:
    """What a step leaves, and whether the gradient ends."""
    if alone is None:
        return ""
    if not alone.steps:
        return f"nothing: exactly 0 at step {alone.last - 1:,}" if alone.last > 1 else ""
    return from_exponent(alone.log_rate) + f", then exactly 0 from step {alone.first - 1:,} on back" * alone.ends


def _held(reach: FloatLimit | None, alone: Course | None) -> str:
    """How far float32 holds the gradient, and what comes then."""
    if reach is None or alone is None:
        return ""
    steps = alone.last - 1
    if reach.steps < 0:
        return f"none of {steps:,}"
    then = {"zero": ", then exactly 0", "below": "", "above": ", then it is too large", "all": ""}[reach.end]
    return f"all {steps:,}" if reach.steps == steps else f"{reach.steps:,} of {steps:,}{then}"


def same(columns: Sequence[Column]) -> None:
    """What is the same in all columns, to the bit."""
    made = tuple(column.model for column in columns if column.model is not None)
    if len(made) < 2:
        return
    found = compare.shared(made)
    data = (
        "inputs, targets and which losses count"
        if found.data
        else f"the inputs of the first {found.steps:,} steps"
        if found.steps > 1
        else ""
    )
    equal = ", ".join(map(written, found.parameters))
    parts = [part for part in (data, equal and f"the parameters {equal}") if part]
    others = ", ".join(map(written, found.others))
    st.caption(
        plain(
            f"The same in all columns, to the bit: {'; '.join(parts) or 'nothing'}."
            + f" Not the same, or not in all: {others}." * bool(others)
            + " The numbers of a parameter come from the seed, its name, its shape and its scheme."
        )
    )
