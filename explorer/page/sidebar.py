"""The side bar: all controls of the model. Ready screens, network, task, losses, initial weights."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import streamlit as st

from engine import CATALOGUE
from engine.inputs import MAX_TABLE_BYTES, SCHEMES, TASKS, Scheme, numbers
from engine.language import ACTIVATIONS, latex, written
from explorer import model as models
from explorer.model import Model
from explorer.page.change import Change, apply, current, of_model, put, tell_faults
from explorer.page.widget_delivery import show
from explorer.page.widgets import choice, entered, fixed, places
from explorer.state import PRESETS, State
from explorer.words.markdown import plain

_REST: Final = "as the others"


def controls(results: bool = False) -> None:
    """All controls of the model; `results` opens the known results."""
    model = current().model
    start_from(model, results)
    network(model)
    data(model)
    losses(model)
    weights(model)


def _same(value: Any) -> Any:
    return value


def start_from(model: Model, results: bool = False) -> None:
    """The ready screens: simple ones, and known results with their sources; `results` opens the latter."""
    chosen = next((name for name, preset in PRESETS.items() if preset.state.model == model), None)
    _ready("Start from", "preset", [name for name, preset in PRESETS.items() if not preset.source], chosen)
    known = [name for name, preset in PRESETS.items() if preset.source]
    with st.expander("Known results", expanded=results or chosen in known):
        _ready("Known results", "result", known, chosen)
        if chosen in known:
            preset = PRESETS[chosen]
            st.caption(f"{plain(preset.help)}\n\n*{plain(preset.source)}*")


def _ready(label: str, key: str, names: list[str], chosen: str | None) -> None:
    """A row of ready screens to start from."""
    show(key, chosen if chosen in names else None)
    st.pills(
        label,
        names,
        default=st.session_state[key],
        format_func=lambda name: PRESETS[name].title,
        key=key,
        on_change=apply,
        args=(key, with_preset),
        label_visibility="visible" if key == "preset" else "collapsed",
    )


def with_preset(state: State, name: str | None) -> State:
    """The state with the network of a ready screen; of the view only the surface of the loss changes."""
    if not name:
        return state
    preset = PRESETS[name].state
    return replace(preset, view=replace(state.view, cliff=preset.view.cliff))


def network(model: Model) -> None:
    """The cell, its options, its sizes."""
    st.markdown("##### Network")
    cells = [*CATALOGUE, *([models.OWN] if model.cell == models.OWN else [])]
    choice("Cell", cells, models.title, "cell", model.cell, of_model(cell=_same))
    options = models.choices(model.cell)
    for place, option in zip(places(max(len(options), 1), len(options)), options, strict=True):
        with place:
            if option == "activation":
                choice("Activation φ", ACTIVATIONS, _same, "activation", model.activation, of_model(activation=_same))
            else:
                entered(models.LAYERS, "layers", model.layers, of_model(layers=_same))
    chosen = models.settings(model)
    settings = {setting.name: setting for setting in models.entry(model).settings}
    sizes = models.sizes(model)
    names = ["x", *(name for name in sizes if name not in "xy"), "y"]
    for place, name in zip(places(3, len(names)), names, strict=True):
        label = f"$n_{{{latex(name)}}}$"
        setting = {"x": "inputs", "y": "outputs"}.get(name, "")
        with place:
            if setting in settings:
                entered(settings[setting], f"task.{setting}", chosen[setting], _setting(setting), label)
            elif name in "xy":
                fixed(label, sizes[name], f"n.{name}", "Follows from the task.")
            elif models.uses_own(model):
                fixed(label, sizes[name], f"n.{name}", "Follows from the weights that the task brings.")
            else:
                entered(models.HIDDEN, f"n.{name}", sizes[name], _size(name), label)


def data(model: Model) -> None:
    """The task and its settings."""
    st.markdown("##### Task")
    row, chosen, made = models.entry(model), models.settings(model), models.task(model)
    choice("Inputs and targets", list(TASKS), lambda name: TASKS[name].title, "task", model.task, of_model(task=_same),
           help="\n\n".join(f"**{entry.title}**: {plain(entry.summary)}" for entry in TASKS.values()))  # fmt: skip
    if model.task == "table":
        table(str(chosen["text"]))
    rest = [
        s for s in row.settings if s.name not in ("inputs", "outputs") and (s.kind != "text" or model.task != "table")
    ]
    for setting in (s for s in rest if s.kind in ("text", "choice")):
        entered(setting, f"task.{setting.name}", chosen[setting.name], _setting(setting.name))
    for note in made.notes:
        st.caption(plain(note))
    counted = [s for s in rest if s.kind not in ("text", "choice")]
    rows = places(2, len(counted) + ("steps" not in chosen))
    if "steps" not in chosen:
        with rows.pop(0):
            fixed("Steps", len(made.x), "steps", "Follows from the task.")
    for place, number in zip(rows, counted, strict=True):
        with place:
            entered(number, f"task.{number.name}", chosen[number.name], _setting(number.name))
    st.caption(plain(made.sentence))


def table(text: str) -> None:
    """A table that the user pastes or uploads."""
    key = "task.text"
    show(key, text)
    st.text_area(
        "Table (CSV)", st.session_state[key], key=key, on_change=apply, args=(key, _setting("text")), height=130,
        help="The first line names the columns: x1, x2, … and y, or y1, y2, … for several targets. Then follows one row per step."
        " Targets are numbers, words that name classes, or shares. A column weight gives the weight of each step's loss.",
    )  # fmt: skip
    tell_faults(key)
    st.file_uploader("or from a file", type=["csv", "txt", "tsv"], key="file", on_change=apply, args=("file", _uploaded),
                     max_upload_size=1)  # fmt: skip
    tell_faults("file")


def content_of(file: Any) -> bytes | None:
    """The bytes of an uploaded file, or None without a file. Raises ValueError if it has not arrived, or is gone by now."""
    if file is None:
        return None
    if not hasattr(file, "getvalue"):
        raise ValueError("the file has not arrived, or the server no longer has it; choose it again")
    return bytes(file.getvalue())


def _uploaded(state: State, file: Any) -> State:
    if (content := content_of(file)) is None:
        return state
    if len(content) > MAX_TABLE_BYTES:
        raise ValueError(f"the file has {len(content):,} bytes; at most {MAX_TABLE_BYTES:,} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the file is not a text in UTF-8; save it as CSV in UTF-8") from None
    return _setting("text")(state, text)


def losses(model: Model) -> None:
    """Choose which losses count, with which weights."""
    st.markdown("##### Loss")
    choice(
        "Which losses count",
        list(models.COUNTS),
        models.COUNTS.__getitem__,
        "count",
        model.count,
        of_model(count=_same),
    )
    if model.count == "hand":
        key = "weights"
        show(
            key,
            ", ".join(f"{weight:g}" if float(f"{weight:g}") == weight else repr(weight) for weight in model.weights),
        )
        st.text_input("Weight of each step", st.session_state[key], key=key, on_change=apply,
                      args=(key, of_model(weights=_numbers)),
                      help="One number per step, separated by commas: 0, 0, 1 counts only the third loss.")  # fmt: skip
        tell_faults(key)
    if models.task(model).x.shape[1] > 1 or not models.structure(model).states:
        choice(
            "Over the samples", list(models.REDUCTIONS), _same, "reduction", model.reduction, of_model(reduction=_same)
        )


def _numbers(text: str) -> tuple[float, ...]:
    table = numbers.read(f"[{text}]")  # in brackets a comma separates numbers unless another sign does
    if table.complaints or not table.rows:
        reason = "; ".join(map(str, table.complaints[:3])) or "the text has none"
        raise ValueError(f"weights are numbers separated by commas, one for each step: {reason}")
    return tuple(number for number in table.flat if number is not None)


def weights(model: Model) -> None:
    """Choose the initial weights."""
    st.markdown("##### Initial weights")
    if not models.structure(model).parameters:
        st.caption("This cell has no parameters, so there are no weights to choose.")
        return
    if models.brings_weights(model):
        show("own", model.own)
        st.toggle(
            "The weights of the worked network",
            model.own,
            key="own",
            on_change=apply,
            args=("own", of_model(own=_same)),
        )
        if model.own:
            return
    scheme("init", "Scheme", list(SCHEMES), model.scheme, of_model(scheme=_same))
    number, again = st.columns(2, vertical_alignment="bottom")
    with number:
        entered(models.SEED, "seed", model.seed, of_model(seed=_same))
    again.button("New seed", key="again", on_click=put, args=("again", _reseeded), width="stretch")
    with st.expander("Single parameters"):  # another label would close it
        single(model)


def _reseeded(state: State, _: None) -> State:
    return replace(state, model=models.changed(state.model, seed=random.randrange(10_000)))


def single(model: Model) -> None:
    """Choose another scheme for a single parameter."""
    parameters, overrides = models.structure(model).parameters, dict(model.overrides)
    if st.session_state.get("parameter") not in parameters:
        st.session_state["parameter"] = next(iter(overrides), "b_f" if "b_f" in parameters else parameters[0])
    name = st.selectbox(
        "Parameter", parameters, key="parameter",
        format_func=lambda p: written(p) + (f" ({overrides[p].name})" if p in overrides else ""),
        help="For example the constant 3 for the bias b_f of a forget gate: the gate is open at first, and the state lasts.",
    )  # fmt: skip

    def change(state: State, chosen: Scheme | None) -> State:
        return replace(state, model=models.with_override(state.model, name, chosen))

    vector = len(models.parameters(model)[name].shape) == 1
    kinds = [kind.name for kind in SCHEMES.values() if kind.for_vectors or not vector]
    scheme(f"init.{name}", "Its scheme", [_REST, *kinds], overrides.get(name), change)


def scheme(key: str, label: str, names: Sequence[str], value: Scheme | None, change: Change) -> None:
    """Choose a scheme and its numbers."""

    def renamed(state: State, name: str) -> State:
        if name == _REST:
            return change(state, None)
        has = {setting.name for setting in SCHEMES[name].settings}
        kept = {} if value is None else {n: getattr(value, n) for n in ("gain", "radius", "norm") if n in has}
        return change(state, Scheme(name, **kept))

    title = lambda name: SCHEMES[name].title if name in SCHEMES else name  # noqa: E731
    about = "\n\n".join(f"**{SCHEMES[n].title}**: {plain(SCHEMES[n].sentence)}" for n in names if n in SCHEMES)
    choice(label, names, title, key, _REST if value is None else value.name, renamed, help=about)
    if value is None:
        return
    settings = SCHEMES[value.name].settings
    for place, setting in zip(places(2, len(settings)), settings, strict=True):
        with place:
            entered(
                setting, f"{key}.{setting.name}", getattr(value, setting.name), _renumbered(value, setting.name, change)
            )


def _renumbered(scheme: Scheme, name: str, change: Change) -> Change:
    return lambda state, number: change(state, replace(scheme, **{name: number}))


def _setting(name: str) -> Change:
    return lambda state, value: replace(state, model=models.with_setting(state.model, name, value))


def _size(name: str) -> Change:
    return lambda state, value: replace(state, model=models.with_size(state.model, name, value))
