"""The widgets: each shows a part of the state and, when it is changed, puts a new state in its place.

The state is the truth and lies in the session; a widget's own value is set from it before the widget is made. A change
that is refused leaves the state as it was: the widget keeps what was typed, and below it stands what is wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine import CATALOGUE, Note
from engine.inputs import MAX_TABLE_BYTES, SCHEMES, TASKS, Scheme, Setting, numbers
from engine.language import ACTIVATIONS, latex, written
from explorer import model as models
from explorer.model import Model
from explorer.page.delivery import is_changed, position, show
from explorer.page.received import refused
from explorer.state import PRESETS, State, from_query, left_out, to_query, words
from explorer.words.markdown import code, plain

#: From a state and a widget's new value to the next state; raises ValueError if that is not allowed.
Change: TypeAlias = Callable[[State, Any], State]

_REST: Final = "as the others"
_NOTES: Final = 5  # that are told at once
_TEXT_HEIGHT: Final = 82  # pixels: two lines
_MOST_STEPS: Final = 100  # that can be undone


# --- the session -------------------------------------------------------------------------------------------------


def current() -> State:
    """The state of this session; at its start that of the link."""
    if "state" not in st.session_state:
        st.session_state.arrived_at = st.query_params.to_dict()
        st.session_state.state, st.session_state.problems = from_query(st.session_state.arrived_at)
        st.session_state.update(faults={}, past=[], future=[], notice="")
        st.session_state.setdefault("welcome", not st.query_params)
    state: State = st.session_state.state
    return state


def write_link(state: State) -> None:
    """Put the state into the address of the page, and say what does not fit there."""
    query = to_query(state)
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)
    if missing := left_out(state):
        st.caption(
            f"Too long for the link, so a shared link does not carry it: {plain(', '.join(map(words, missing)))}."
        )


def tell_problems() -> None:
    """What was wrong with the link, and what the last change had to drop, until the next change."""
    if key := refused():
        st.warning(
            f"The browser sent a value that the field {code(key)} cannot have. It was passed over, and nothing was changed."
        )
    if notice := st.session_state.get("notice"):
        st.info(plain(notice))
    if problems := st.session_state.get("problems"):
        st.warning(
            "\n".join(["The link was read with exceptions:", "", *(f"- {plain(p)}" for p in problems)]), icon="⚠️"
        )


def tell_notes(notes: Sequence[Note]) -> None:
    """What is probably a slip in a cell that runs, the first `_NOTES` of it."""
    if not notes:
        return
    told = [f"- Line {note.line}, column {note.column}: {plain(note.message)}." for note in notes[:_NOTES]]
    more = len(notes) - len(told)
    told += [f"- and {more} more."] * bool(more)
    st.warning("\n".join(["The cell runs, but this may not be meant:", "", *told]), icon="⚠️")


def apply(key: str, change: Change) -> None:
    """What a widget does when it is changed."""
    if is_changed(key):
        put(key, change, st.session_state[key])


def put(key: str, change: Change, value: Any = None) -> None:
    """Replace the state, or keep it and note for the widget `key` what is wrong."""
    session = st.session_state
    before: State = session.state
    try:
        session.state = change(before, value)
    except ValueError as error:
        session.faults[key] = str(error)
        return
    after: State = session.state
    if after.model != before.model:
        session.past = [*session.past, before.model][-_MOST_STEPS:]
        session.future = []
        lost = models.dropped(before.model, after.model)
        session.notice = (
            f"Numbers changed by hand that have no place any more were dropped: in {', '.join(lost)}." * bool(lost)
        )
    session.problems = []
    # What was typed and refused elsewhere may be right by now, or not there any more; a text is not thrown away so easily.
    session.faults = {
        other: fault for other, fault in session.faults.items() if other != key and other.endswith(".text")
    }


def whole_page_if_changed(state: State) -> None:
    """In a fragment that was made for `state`: run the page anew if there is another state by now."""
    if st.session_state.state is not state:
        st.rerun()


def undo(back: bool = True) -> None:
    """Take back the last change of what is computed, or make it again; how it is looked at stays."""
    session = st.session_state
    there, here = (session.past, session.future) if back else (session.future, session.past)
    if there:
        here.append(session.state.model)
        session.state = replace(session.state, model=there.pop())
        session.faults, session.notice = {}, ""


def _fault(key: str) -> None:
    if key in st.session_state.faults:
        st.error(plain(st.session_state.faults[key]))


# --- one widget for each kind of setting -------------------------------------------------------------------------


def choice(
    label: str, options: Sequence[Any], title: Callable[[Any], str], key: str, value: Any, change: Change, **more: Any
) -> None:
    """A select box."""
    show(key, value)
    more.setdefault("index", position(key, options))
    st.selectbox(label, options, format_func=title, key=key, on_change=apply, args=(key, change), **more)
    _fault(key)


def entered(setting: Setting, key: str, value: Any, change: Change, label: str = "", **more: Any) -> None:
    """The widget that suits a setting: its kind, its bounds, its help."""
    show(key, value, has_default=setting.default is not None)
    label = label or setting.label
    common: dict[str, Any] = {
        "key": key,
        "on_change": apply,
        "args": (key, change),
        "help": setting.help or None,
        **more,
    }
    if setting.kind == "choice":
        titles = dict(setting.choices)
        st.selectbox(label, list(titles), format_func=titles.__getitem__, index=position(key, list(titles)), **common)
    elif setting.kind == "bool":
        st.checkbox(label, value=st.session_state[key], **common)
    elif setting.kind == "text":
        # A text is taken as it is, of several lines too, which a line of input cannot hold.
        st.text_area(label, value=st.session_state[key], height=_TEXT_HEIGHT, **common)
    else:
        # One that may be empty can be emptied only if that is its default.
        common["value"] = None if setting.default is None else st.session_state[key]
        if setting.default is None:
            common["placeholder"] = "not set"
        if setting.kind == "int":
            st.number_input(label, int(setting.lower), int(setting.upper), step=1, **common)
        else:
            st.number_input(label, float(setting.lower), float(setting.upper), step=0.1, format="%g", **common)
    _fault(key)


def fixed(label: str, value: int, key: str, hint: str) -> None:
    """A number that follows from something else."""
    st.session_state[key] = value
    st.number_input(label, min_value=0, step=1, key=key, disabled=True, help=hint)


# --- the side bar ------------------------------------------------------------------------------------------------


def controls(results: bool = False) -> None:
    """All controls of what is computed; `results` shows the known results at once."""
    model = current().model
    start_from(model, results)
    network(model)
    data(model)
    losses(model)
    weights(model)


def of_model(**field: Callable[[Any], Any]) -> Change:
    """The change of one field of the model, made from the widget's value by the function given."""
    ((name, made),) = field.items()
    return lambda state, value: replace(state, model=models.changed(state.model, **{name: made(value)}))


def _same(value: Any) -> Any:
    return value


def start_from(model: Model, results: bool = False) -> None:
    """The ready screens: plain ones, and known results with their sources; `results` opens these at first."""
    chosen = next((name for name, preset in PRESETS.items() if preset.state.model == model), None)
    _ready("Start from", "preset", [name for name, preset in PRESETS.items() if not preset.source], chosen)
    known = [name for name, preset in PRESETS.items() if preset.source]
    with st.expander("Known results", expanded=results or chosen in known):
        _ready("Known results", "result", known, chosen)
        if chosen in known:
            preset = PRESETS[chosen]
            st.caption(f"{plain(preset.help)}\n\n*{plain(preset.source)}*")


def _ready(label: str, key: str, names: list[str], chosen: str | None) -> None:
    """Some of the ready screens."""
    show(key, chosen if chosen in names else None)
    st.pills(
        label,
        names,
        default=st.session_state[key],
        format_func=lambda name: PRESETS[name].title,
        key=key,
        on_change=apply,
        args=(key, started),
        label_visibility="visible" if key == "preset" else "collapsed",
    )


def started(state: State, name: str | None) -> State:
    """The state with the network of a ready screen; it is looked at as before, but for the surface of its loss."""
    if not name:
        return state
    preset = PRESETS[name].state
    return replace(preset, view=replace(state.view, cliff=preset.view.cliff))


def network(model: Model) -> None:
    """Cell, its choices, its sizes."""
    st.markdown("##### Network")
    cells = [*CATALOGUE, *([models.OWN] if model.cell == models.OWN else [])]
    choice("Cell", cells, models.title, "cell", model.cell, of_model(cell=_same))
    options = models.choices(model.cell)
    for place, option in zip(_places(max(len(options), 1), len(options)), options, strict=True):
        with place:
            if option == "activation":
                choice("Activation φ", ACTIVATIONS, _same, "activation", model.activation, of_model(activation=_same))
            else:
                entered(models.LAYERS, "layers", model.layers, of_model(layers=_same))
    chosen = models.settings(model)
    settings = {setting.name: setting for setting in models.entry(model).settings}
    sizes = models.sizes(model)
    names = ["x", *(name for name in sizes if name not in "xy"), "y"]
    for place, name in zip(_places(3, len(names)), names, strict=True):
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
    """Task and its settings."""
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
    places = _places(2, len(counted) + ("steps" not in chosen))
    if "steps" not in chosen:
        with places.pop(0):
            fixed("Steps", len(made.x), "steps", "Follows from the task.")
    for place, number in zip(places, counted, strict=True):
        with place:
            entered(number, f"task.{number.name}", chosen[number.name], _setting(number.name))
    st.caption(plain(made.sentence))


def table(text: str) -> None:
    """A table of the user's own: pasted, or from a file."""
    key = "task.text"
    show(key, text)
    st.text_area(
        "Table (CSV)", st.session_state[key], key=key, on_change=apply, args=(key, _setting("text")), height=130,
        help="A first line that names the columns x1, x2, … and y, or y1, y2, … for several targets; then a row a step."
        " Targets are numbers, words that name classes, or shares. A column weight says how much each loss counts.",
    )  # fmt: skip
    _fault(key)
    st.file_uploader("or from a file", type=["csv", "txt", "tsv"], key="file", on_change=apply, args=("file", _uploaded),
                     max_upload_size=1)  # fmt: skip
    _fault("file")


def content_of(file: Any) -> bytes | None:
    """The bytes of an uploaded file; None without one. Raises ValueError for one that has not arrived, or is gone by now."""
    if file is None:
        return None
    if not hasattr(file, "getvalue"):
        raise ValueError("the file has not arrived, or is no longer there; choose it again")
    return bytes(file.getvalue())


def _uploaded(state: State, file: Any) -> State:
    if (content := content_of(file)) is None:
        return state
    if len(content) > MAX_TABLE_BYTES:
        raise ValueError(f"the file has {len(content):,} bytes; at most {MAX_TABLE_BYTES:,} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the file is no text in UTF-8; save it as CSV in UTF-8") from None
    return _setting("text")(state, text)


def losses(model: Model) -> None:
    """Which losses count."""
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
                      help="One number a step, with commas between: 0, 0, 1 counts the third loss of three only.")  # fmt: skip
        _fault(key)
    if models.task(model).x.shape[1] > 1 or not models.structure(model).states:
        choice(
            "Over the samples", list(models.REDUCTIONS), _same, "reduction", model.reduction, of_model(reduction=_same)
        )


def _numbers(text: str) -> tuple[float, ...]:
    found = numbers.read(f"[{text}]")  # in brackets a comma stands between two numbers, if anything else does not
    if found.complaints or not found.rows:
        told = "; ".join(map(str, found.complaints[:3])) or "there is none"
        raise ValueError(f"weights are numbers with commas between, one for each step: {told}")
    return tuple(number for number in found.flat if number is not None)


def weights(model: Model) -> None:
    """How the weights begin."""
    st.markdown("##### Initial weights")
    if not models.structure(model).parameters:
        st.caption("This cell has no parameters, so there are no weights to choose.")
        return
    if models.brings_weights(model):
        show("own", model.own)
        st.toggle(
            "Those of the worked network", model.own, key="own", on_change=apply, args=("own", of_model(own=_same))
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
    """Schemes for single parameters."""
    parameters, own = models.structure(model).parameters, dict(model.overrides)
    if st.session_state.get("parameter") not in parameters:
        st.session_state.parameter = next(iter(own), "b_f" if "b_f" in parameters else parameters[0])
    name = st.selectbox(
        "Parameter", parameters, key="parameter", format_func=lambda p: written(p) + (f" ({own[p].name})" if p in own else ""),
        help="For instance 3 for the bias b_f of a forget gate: it is then open at first, and the state lasts.",
    )  # fmt: skip

    def change(state: State, chosen: Scheme | None) -> State:
        return replace(state, model=models.with_override(state.model, name, chosen))

    vector = len(models.parameters(model)[name].shape) == 1
    kinds = [kind.name for kind in SCHEMES.values() if kind.for_vectors or not vector]
    scheme(f"init.{name}", "Its scheme", [_REST, *kinds], own.get(name), change)


def scheme(key: str, label: str, names: Sequence[str], value: Scheme | None, change: Change) -> None:
    """The name of a scheme and its numbers."""

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
    for place, setting in zip(_places(2, len(settings)), settings, strict=True):
        with place:
            entered(
                setting, f"{key}.{setting.name}", getattr(value, setting.name), _renumbered(value, setting.name, change)
            )


def _renumbered(scheme: Scheme, name: str, change: Change) -> Change:
    return lambda state, number: change(state, replace(scheme, **{name: number}))


def _places(across: int, count: int) -> list[DeltaGenerator]:
    """Places for a number of widgets, so many in a row."""
    rows = [st.columns(across, vertical_alignment="bottom") for _ in range(0, count, across)]
    return [place for row in rows for place in row][:count]


def _setting(name: str) -> Change:
    return lambda state, value: replace(state, model=models.with_setting(state.model, name, value))


def _size(name: str) -> Change:
    return lambda state, value: replace(state, model=models.with_size(state.model, name, value))
