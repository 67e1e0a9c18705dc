"""Notes: what is probably a slip in a cell that runs is told at its place with the remedy, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Mapping

import networkx as nx
import numpy as np
import pytest
from cells import Case, texts
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from root import ROOT

import engine
from engine import CATALOGUE, feedforward, neuron_network, parse, rnn
from engine.execute import interpreter
from engine.language.catalogue import ACTIVATIONS, with_squared_error
from engine.language.equations import equations
from engine.language.expressions import Apply
from engine.language.operations import FUNCTIONS
from engine.language.printer import code
from explorer import model as models
from explorer.state import PRESETS, State, from_query
from explorer.teach.lesson import lessons

_END = "o = c + V @ h\ny_hat = softmax(o)\nL = nll(y_hat, y)"


def _state(query: Mapping[str, str]) -> State:
    state, problems = from_query(dict(query))
    assert problems == []
    return state


def told(text: str) -> list[str]:
    return [note.message for note in parse(text).notes]


# --- no false alarm ---------------------------------------------------------------------------------------------------


def test_a_cell_of_the_catalogue_has_no_note() -> None:
    ready = [*CATALOGUE.values(), *map(rnn, ACTIVATIONS)]
    ready += [
        feedforward(layers, activation, loss)
        for layers in (1, 3)
        for activation in ACTIVATIONS
        for loss in ("nll", "mse", "bce")
    ]
    ready += [with_squared_error(cell) for cell in CATALOGUE.values() if cell.name != "feedforward"]
    ready += [models.cell(preset.state.model) for preset in PRESETS.values()]
    ready += [models.cell(_state(step.query).model) for lesson in lessons() for step in lesson.steps]
    assert {cell.name: cell.notes for cell in ready if cell.notes} == {}


def test_the_cells_of_the_texts_have_no_note() -> None:
    root = ROOT
    found = 0
    for path in (*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("explorer/teach/lessons/*.md")):
        for block in re.findall(r'(?s)parse\("""(.*?)"""', path.read_text(encoding="utf-8")):
            assert told(block) == []
            found += 1
    assert found


@pytest.mark.parametrize(
    "name",
    [
        "W_h",
        "U_f",
        "b_h",
        "h_0",
        "h0",
        "h_1",
        "h1",
        "hh",
        "hat",
        "theta",
        "tau",
        "W_t",
        "b_last",
        "hold",
        "flag",
        "old",
        "prev",
        "t_1",
        "last",
        "past",
        "alpha_t",
        "wt",
        "x_1",
        "b2",
        "hx",
    ],
)
def test_an_ordinary_name_is_no_slip(name) -> None:
    assert told(f"k = {name} + W @ h[t-1] + U @ x\nh = tanh(k)\n{_END}") == []


@settings(max_examples=100)
@given(texts())
def test_random_cells_have_no_note_about_a_name(text) -> None:
    for note in parse(text).notes:
        assert (
            "has no equation" not in note.message
            or "no step reads another" in note.message
            or "no line reads" in note.message
        )


# --- slips --------------------------------------------------------------------------------------------------------------

_PAST = """h_prev hprev prev_h h_last h_old h_t ht h_tm1 h_t1 h_t_1 ht_1 htm1 h_tminus1 h_t_minus_1 h_minus_1 hPrev prevh
H_prev old_h h_previous last_h h_lag h_before H h_m1 h_prior h_past hlast h_t_prev h_prev_t H_T"""


@pytest.mark.parametrize("name", _PAST.split())
def test_a_name_that_means_a_step_back_is_told_with_the_remedy(name) -> None:
    (note,) = parse(f"h = tanh(b + W @ {name} + U @ x)\n{_END}").notes
    assert (note.line, note.column) == (1, 18)
    assert note.message.startswith(f"{name!r} has no equation, so it is a parameter")
    assert note.message.endswith("for 'h' one step earlier write 'h[t-1]'")


@pytest.mark.parametrize("name", ["X", "x_t", "xt", "Xt", "X_t", "x_now", "XT"])
def test_a_name_that_means_the_input_is_told(name) -> None:
    (note,) = parse(f"h = tanh(b + W @ h[t-1] + U @ {name})\n{_END}").notes
    assert (note.line, note.column) == (1, 31)
    assert note.message.endswith("for the input of this step write 'x'")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (f"h = tanh(b + W @ h_t-1 + U @ x_t)\n{_END}", {(1, 18): "'h_t-1' is that less 1; .*'h\\[t-1\\]'$", (1, 30): "'x'$"}),
        (f"h = tanh(W @ h_t2 + U @ x)\n{_END}", {(1, 14): "2 steps earlier write 'h\\[t-2\\]'"}),
        (f"h = tanh(W @ h_t - 3 + U @ x)\n{_END}", {(1, 14): "write 'h\\[t-3\\]'"}),
        ("h_t = tanh(W @ h_prev + U @ x)\nL = mse(V @ h_t, y)", {(1, 16): "'h_t\\[t-1\\]'"}),
        ("ht = tanh(W @ h_tm1 + U @ x)\nL = mse(V @ ht, y)", {(1, 15): "'ht\\[t-1\\]'"}),
        ("h_new = tanh(W @ h + U @ x)\nL = mse(V @ h_new, y)", {(1, 18): "no step reads another: 'h' .*'h_new\\[t-1\\]'"}),
        (f"h = tanh(W @ h[t-1] + U @ x_prev)\n{_END}", {(1, 27): "add the line 'u = x' and read 'u\\[t-1\\]'"}),
        (f"h = tanh(W @ h[t-1] + R @ y_prev + U @ x)\n{_END}", {(1, 27): "the target is 'y'.*among the inputs"}),
        ("h = tanh(W @ h[t-1] + U @ x)\nL = mse(V @ H, y)", {(2, 13): "of this step write 'h', and"}),
        (f"h = tanh(h_prev @ W + U @ x)\n{_END}", {(1, 10): "right of its matrix: 'W @ h\\[t-1\\]'"}),
        (
            f"g = sigmoid(W_g @ h[t-1] + U_g @ x)\nh = gh * tanh(W @ h[t-1] + U @ x)\n{_END}",
            {(1, 1): "no other line reads 'g'.*'gh' is a parameter: write 'g'"},
        ),
        (f"s = 0.5 * s[t-1] + x\nh = tanh(W @ h[t-1] + U @ x)\n{_END}", {(1, 1): "no other line reads 's'"}),
        (f"k = R @ m[t-1]\nm = tanh(k)\nh = tanh(W @ h[t-1] + U @ x)\n{_END}", {(2, 1): "'k', 'm' are read by no other line"}),
        (f"d = R @ x\ne = 2 * d\nh = tanh(W @ h[t-1] + U @ x)\n{_END}", {(2, 1): "no other line reads 'e'"}),
        (f"h = tanh(b + U @ x)\n{_END}", {(1, 1): "no step reads another, so nothing is remembered; .*'h\\[t-1\\]'"}),
        (f"h = tanh(b + W @ m + U @ x)\n{_END}", {(1, 18): "no step reads another: 'm'"}),
        (f"h = tanh(W @ h[t-1] + U @ inp)\n{_END}", {(1, 27): "no line reads the input 'x': 'inp'"}),
        (f"h = tanh(W @ h[t-1] + input)\n{_END}", {(1, 23): "no line reads the input 'x': 'input'"}),
    ],
)  # fmt: skip
def test_each_slip_has_its_note(text, places) -> None:
    found = parse(text).notes
    assert {(note.line, note.column) for note in found} == set(places), found
    for note in found:
        assert re.search(places[note.line, note.column], note.message)


@settings(max_examples=150)
@given(st.sampled_from(sorted(CATALOGUE)), st.data())
def test_a_state_of_any_cell_that_is_mistyped_is_told(name, data) -> None:
    """Every reading of a node one step earlier is written as a name: each has its note, at its place."""
    text = "\n".join(line for line in CATALOGUE[name].text.splitlines() if not line.startswith("#"))
    spelling = data.draw(
        st.sampled_from(["{}_prev", "{}prev", "prev_{}", "{}_old", "{}_t", "{}_tm1", "last_{}", "{}_t_1"])
    )
    places = [(found.start(), found[1]) for found in re.finditer(r"(\w+)\[t-[12]\]", text)]
    assume(places)
    at, node = data.draw(st.sampled_from(places))
    mistyped = text[:at] + spelling.format(node) + re.sub(r"^\w+\[t-[12]\]", "", text[at:])
    line, column = text[:at].count("\n") + 1, at - text.rfind("\n", 0, at)
    found = [note for note in parse(mistyped).notes if (note.line, note.column) == (line, column)]
    assert len(found) == 1
    assert f"{node}[t-1]" in found[0].message


# --- logarithms -----------------------------------------------------------------------------------------------------------


@st.composite
def shares(draw, depth: int = 3) -> str:
    """An expression that is a probability by construction."""
    if depth == 0:
        return draw(st.sampled_from(["softmax(V @ h)", "sigmoid(V @ h)", "sigmoid(b)", "q", "z", "0.25 * q", "q[t-1]"]))

    def part() -> str:
        return draw(shares(depth - 1))

    match draw(st.sampled_from(["one", "not", "times", "mixed", "weighed", "other"])):
        case "one":
            return part()
        case "not":
            return draw(st.sampled_from(["(1 - {})", "(1 + -{})", "(-{} + 1)", "-({} - 1)"])).format(part())
        case "times":
            return f"({part()} * {part()})"
        case "mixed":
            return f"({(z := draw(st.sampled_from(['z', 'q', 'q[t-1]'])))} * {part()} + (1 - {z}) * {part()})"
        case "weighed":
            share = draw(st.sampled_from([0.1, 0.25, 0.3, 0.5]))
            return f"({share} * {part()} + {1 - share} * {part()})"
    return f"{draw(st.sampled_from(['sigmoid', 'softmax', 'identity']))}({part()})"


_GATES = "z = sigmoid(V @ h)\nq = softmax(S @ h)\n"
_SHARES = "h = tanh(W @ h[t-1] + U @ x)\nq = softmax(R @ h)\nz = sigmoid(S @ h)\n"


@settings(max_examples=80)
@given(shares(), st.sampled_from(["nll", "bce"]))
def test_what_is_a_probability_by_construction_has_no_note(p, loss) -> None:
    for text in (f"L = {loss}({p}, y)", f"p = {p}\nL = 0.5 * {loss}(p, y)"):
        cell = parse(_SHARES + text)
        assert not [note for note in cell.notes if "logarithm" in note.message], p


@pytest.mark.parametrize(
    "p",
    [
        "p = z * q + (1 - z) * p[t-1]\nL = nll(p, y)",
        "n = 1 - z\na = z * q\np = a + n * p[t-1]\nL = nll(p, y)",
        "p = 0.9 * p[t-1] + 0.1 * q\nL = nll(p, y)",
        "k = q * q[t-1] - 0\np = k\nL = nll(p, y)",
        "L = nll((z * q + (1 - z) * softmax(V @ h)) * identity(z * q + (1 - z) * softmax(V @ h)), y)",
        "p = 0.5 * tanh(o) + 0.5\no = V @ h\nL = bce(p, y)",
        "L = bce(1 - sigmoid(V @ h), y)",
    ],
)
def test_mixtures_and_what_carries_them_on_are_probabilities(p) -> None:
    lines = p.split("\n")
    text = _SHARES + "\n".join(sorted(lines, key=lambda line: not line.startswith("o =")))
    assert not [note for note in parse(text).notes if "logarithm" in note.message]


@settings(max_examples=80)
@given(texts(), st.integers(0, 50))
def test_without_a_note_nothing_but_probabilities_has_its_logarithm_taken(text, seed) -> None:
    case = Case(text, T=4, seed=seed, scale=3.0)
    made, noted = case.run(), {(note.line, note.column) for note in case.cell.notes}
    assume(made.overflow is None)
    for name, equation in case.cell.equations.items():
        call = equation.expression
        if (
            isinstance(call, Apply)
            and call.operation in ("nll", "bce")
            and (call.place.line, call.place.column) not in noted
        ):
            p = interpreter.value(case.cell, call.arguments[0], made.read)
            assert (p >= -1e-12).all(), name
            assert (p <= 1 + 1e-12).all(), name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_of_the_table_falls(function) -> None:
    a = np.sort(np.random.default_rng(0).normal(0, 20, 2000))
    assert (np.diff(FUNCTIONS[function].definition(a)) >= 0).all()
    assert not np.isnan(FUNCTIONS[function].definition(np.array([-np.inf, np.inf]))).any()


@pytest.mark.parametrize(
    ("end", "place", "remedy"),
    [
        ("o = V @ h\np = softmax(o)\nM = nll(p, y)\nL = nll(o, y)", (5, 5), "are the logits, write 'L = nll(p, y)'"),
        ("o = V @ h\nL = nll(o, y)", (3, 5), "write 'y_hat = softmax(o)' and 'L = nll(y_hat, y)'"),
        ("o = tanh(V @ h)\nL = bce(o, y)", (3, 5), "write 'y_hat = sigmoid(o)' and 'L = bce(y_hat, y)'"),
        ("L = 0.5 * nll(V @ h, y)", (2, 11), "write 'y_hat = softmax(V @ h)' and 'nll(y_hat, y)'"),
        ("y_hat = relu(V @ h)\nL = nll(y_hat, y)", (3, 5), "write 'p = softmax(y_hat)' and 'L = nll(p, y)'"),
        ("L = nll(relu(V @ h), y)", (2, 5), "write 'y_hat = softmax(relu(V @ h))' and 'L = nll(y_hat, y)'"),
        ("p = 2 * softmax(V @ h)\nL = nll(p, y)", (3, 5), "'p' need not lie from 0 to 1"),
        (f"{_GATES}p = z * q + (1 - z) * (3 * q)\nL = nll(p, y)", (5, 5), "'p' need not lie from 0 to 1"),
        (f"{_GATES}p = z * (3 * q) + (1 - z) * q\nL = nll(p, y)", (5, 5), "'p' need not lie from 0 to 1"),
        (f"{_GATES}p = z * q + (1 - q) * z\nL = bce(p - 0.5, y)", (5, 5), "'p - 0.5' need not lie from 0 to 1"),
        (f"{_GATES}p = z * q + (1 - z) * q[t-1] + q\nL = nll(p, y)", (5, 5), "'p' need not lie from 0 to 1"),
        ("L = nll(V @ h + V @ (h - 1) * c, y)", (2, 5), "'y_hat = softmax((V @ h) + ((V @ (h - 1)) * c))'"),
    ],
)
def test_the_logarithm_of_what_need_be_no_probability_is_told(end, place, remedy) -> None:
    (note,) = parse(f"h = tanh(W @ h[t-1] + U @ x)\n{end}").notes
    assert (note.line, note.column) == place
    assert remedy.replace("(", "").replace(")", "") in note.message.replace("(", "").replace(")", "")
    lines = re.findall(r"write '(\w+ = .*?)' and '(\w+ = .*?)'", note.message)
    if lines:  # the remedy is a cell, without a note
        kept = [line for line in end.split("\n") if not line.startswith("L =")]
        assert told("\n".join(["h = tanh(W @ h[t-1] + U @ x)", *kept, *lines[0]])) == []


@settings(max_examples=100)
@given(texts())
def test_what_is_written_is_read_again(text) -> None:
    def bare(expression):
        return re.sub(r"place=Place\(line=\d+, column=\d+\)", "", repr(expression))

    for equation in equations(text):
        before = "\n".join(f"{name} = b" for name in parse(text).nodes if name != equation.name)
        whole = f"{before}\n{equation.name} = {code(equation.expression)}\nLL = mse(b, y)"
        (again,) = [e for e in equations(whole) if e.name == equation.name]
        assert bare(again.expression) == bare(equation.expression)


def test_neurons_whose_output_is_no_probability_are_told() -> None:
    graph = nx.DiGraph([(0, 2), (1, 2), (1, 3)])
    (note,) = neuron_network(graph, "bce")[0].notes
    assert "'y_hat = sigmoid(o)'" in note.message
    assert neuron_network(graph, "mse")[0].notes == ()
    assert neuron_network(graph, "nll")[0].notes == ()
    nx.set_node_attributes(graph, "sigmoid", "activation")
    assert neuron_network(graph, "bce")[0].notes == ()
    graph.nodes[3]["activation"] = "relu"
    assert len(neuron_network(graph, "bce")[0].notes) == 1


@pytest.mark.parametrize(
    ("p", "y", "cause"),
    [
        ("x", [[0]], "log of a negative number"),
        ("x", [[1]], "log of zero"),
        ("x", [[2]], None),
        ("1e200 * (1e200 * x)", [[2]], "range"),
        ("-x", [[[0.0, 0.5, 0.5]]], "log of zero"),
        ("x", [[[0.0, 0.0, 1.0]]], None),
        ("x", [[[0.1, 0.0, 0.9]]], "log of a negative number"),
    ],
)
def test_an_overflow_that_is_the_log_of_a_negative_number_is_called_so(p, y, cause) -> None:
    run = engine.run(parse(f"p = {p}\nL = nll(p, y)"), {}, [[[-1.0, 0.0, 0.5]]], y)
    assert (None if run.overflow is None else run.overflow.cause) == (
        cause if p != "-x" else "log of a negative number"
    )


@pytest.mark.parametrize(
    ("p", "cause"), [(2.0, "log of a negative number"), (-1.0, "log of a negative number"), (0.0, "log of zero")]
)
def test_the_same_of_bce(p, cause) -> None:
    run = engine.run(parse("L = bce(identity(x), y)"), {}, [[[p]]], [[[0.5]]])
    assert run.overflow.cause == cause
    assert run.overflow.name == "L"


# --- bounds ---------------------------------------------------------------------------------------------------------------


def test_notes_of_the_longest_cells_are_made() -> None:
    """Texts at the limits of the language: many names, many lines, long mixtures."""
    names = "\n".join(f"a{i} = " + " + ".join(f"h{i}_{j}" for j in range(90)) for i in range(24))
    mixed = "z = sigmoid(x)\np0 = z\n" + "\n".join(
        f"p{i} = " + " + ".join([f"z * p{i}[t-1]", *[f"(1 - z) * p{j}" for j in range(i)][-30:]]) for i in range(1, 100)
    )
    assert parse(f"{names}\nL = mse(x, y)").notes
    assert parse(f"{mixed}\nL = nll(x * p99, y)").notes
