"""The derivation: every line is right for every cell, a wrong one is found, and the lines state what the sources state."""

from __future__ import annotations

import gc
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
from cells import FEATURES

import engine
from engine import Run
from engine.execute import interpreter
from engine.language.names import latex
from engine.support.pause import pausing
from engine.working import messages as explain
from engine.working.derivation import MAX_LEVELS, SECTIONS, Section, derive
from engine.working.derivation.step import BY_RUN, BY_STEP
from explorer import model as models
from explorer.model import Model


def made(cell: engine.Cell | str, T: int = 4, B: int = 1, dtype: type = np.float64) -> Run:
    cell = engine.CATALOGUE[cell] if isinstance(cell, str) else cell
    same = cell.dimensions["y"] == cell.dimensions.get("x")
    sizes = {"x": 3 if same else 4, "y": 3} | {members[0]: 5 for members in cell.hidden}
    rng = np.random.default_rng(7)
    units = cell.sizes(sizes)
    x = rng.normal(size=(T, B, units["x"])) if cell.reads_x else None
    y = rng.integers(0, units["y"], (T, B)) if cell.takes_classes else rng.random((T, B, units["y"]))
    initial = {name: rng.normal(size=(cell.lags[name], B, units[name])) for name in cell.states}
    return engine.run(cell, engine.initialise(cell, sizes, seed=3), x, y, initial, dtype=dtype)


@pytest.fixture(scope="module")
def worked() -> Run:
    return models.run(Model(task="worked"))


def written(section: Section) -> list[str]:
    return [text for line in section.lines for text in (line.symbols, line.numbers, *line.elements)]


def right(section: Section) -> None:
    assert section.lines or section.obstacle
    assert [(line.explanation, line.error, line.checked_by) for line in section.lines if not line.passed] == []
    for text in written(section):
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        assert text.count(r"\Bigl") == text.count(r"\Bigr")
        assert text.count(r"\begin") == text.count(r"\end")
        assert "\n" not in text


@pytest.mark.parametrize("name", engine.CATALOGUE)
@pytest.mark.parametrize("B", [1, 2])
def test_every_line_is_right_for_every_cell(name: str, B: int) -> None:
    run = made(name, B=B)
    for key in SECTIONS:
        for t in {1, run.T} if B == 1 else {2}:
            right(derive(run, key, t, B - 1, 2))


@pytest.mark.parametrize("title", FEATURES)
def test_every_line_is_right_for_a_cell_of_ones_own(title: str) -> None:
    run = made(engine.parse(FEATURES[title]), T=3, B=2)
    for key in SECTIONS:
        right(derive(run, key, 1, 1, 2))


@pytest.mark.parametrize(
    ("cell", "missing"),
    [
        ("rnn", {"lstm", "layers", "samples"}),
        ("lstm", {"layers", "samples"}),
        ("gru", {"lstm", "layers", "samples"}),
        ("feedforward", {"lstm", "recursion", "expanded", "samples"}),
    ],
)
def test_sections_that_do_not_apply_say_why(cell: str, missing: set[str]) -> None:
    run = made(cell)
    found = {key: derive(run, key, 1).obstacle for key in SECTIONS}
    assert {key for key, reason in found.items() if reason} == missing
    assert all(reason.endswith(".") for reason in found.values() if reason)


def test_every_row_of_the_sources_has_its_lines() -> None:
    runs = [made("rnn", B=2), made("lstm"), made("feedforward")]
    rows = {
        row for run in runs for key in SECTIONS for line in derive(run, key, 1).lines for row in line.row.split(", ")
    }
    assert rows == {f"A{i}" for i in range(1, 18)}


@pytest.mark.parametrize("name", list(engine.CATALOGUE))
def test_a_step_s_jacobian_is_a_sum_of_products_between_two_steps(name: str) -> None:
    run = made(name)
    lines = [line for line in derive(run, "recursion", 2).lines if "does to itself one step later" in line.explanation]
    assert lines or name not in ("rnn", "gru")
    for line in lines:
        paths = line.symbols.partition(" = ")[2]
        assert r"\,-" not in paths  # the sign of a product stands in front of it
        assert "+ -" not in paths
        assert set(re.findall(r"\(t([+-]\d+)?\)", paths)) <= {"", "+1"}


@pytest.mark.parametrize("T", [1, 2, 7, 8, 9, 30])
def test_of_a_long_sum_the_first_and_the_last_are_shown(T: int) -> None:
    run = made("rnn", T=T)
    (line,) = (
        line for line in derive(run, "loss", 1).lines if line.explanation.startswith("The total loss is the sum")
    )
    shown = line.numbers.removeprefix("L = ").partition(" = ")[0].split(" + ")
    expected = [*range(T)] if T <= 8 else [*range(6), T - 1]
    norms = np.linalg.norm(run.step_grad("W"), axis=(1, 2))
    (copies,) = (
        re.search(r"from step 1, \$(.*)\$", line.explanation)
        for line in derive(run, "copies", 1).lines
        if "$W$, so" in line.explanation
    )
    for terms, values in ((shown, run.losses[:, 0]), (copies[1].split(", "), norms)):
        found = [_read(text) for text in terms if text != r"\cdots"]
        np.testing.assert_allclose(found, values[expected], rtol=1e-2)
        assert (terms[6:7] == [r"\cdots"]) == (T > 8)


def _read(latex: str) -> float:
    mantissa, _, power = latex.partition(r" \cdot 10^{")
    return float(mantissa) * 10.0 ** int(power.rstrip("}") or 0)


# --- a wrong formula is seen -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "h", "o"])
def test_a_wrong_gradient_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("rnn")
    grad = dict(run.grad)
    grad[name] = grad[name] * 1.001
    monkeypatch.setattr(run, "grad", grad)
    failed = {key for key in SECTIONS for line in derive(run, key, 2).lines if not line.passed}
    assert {"recursion", "nodes"} - ({"recursion"} if name == "o" else set()) <= failed
    assert ("copies" in failed) == (name != "h")  # no parameter's gradient is made from that of h


def test_a_wrong_value_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("lstm")
    value = dict(run.value)
    value["s"] = value["s"] + 1e-3
    monkeypatch.setattr(run, "value", value)
    assert not all(line.passed for line in derive(run, "equations", 2).lines)


def test_a_wrong_rule_of_an_operation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    run = made("rnn")
    pull = interpreter.pull
    monkeypatch.setattr(interpreter, "pull", lambda *a, **k: [(r, 1.01 * m) for r, m in pull(*a, **k)])
    assert not any(line.passed for line in derive(run, "copies", 2).lines if "copy of" in line.explanation)


@pytest.mark.parametrize("entry", [0, 7, -1])
def test_a_wrong_entry_of_a_copy_is_seen(entry: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disturbances of a small parameter reach each of its entries, the first and the last among them."""
    run, pull = made("rnn"), interpreter.pull

    def wrong(*arguments: Any, **options: Any) -> Any:
        messages = pull(*arguments, **options)
        for read, message in messages:
            if read.name == "W":
                message.flat[entry] += 1e-3
        return messages

    monkeypatch.setattr(interpreter, "pull", wrong)
    failed = [
        line.symbols for line in derive(run, "copies", 2).lines if "copy of" in line.explanation and not line.passed
    ]
    assert len(failed) == 1
    assert r"\nabla_{W^{(t)}}" in failed[0]


def test_numbers_that_are_not_finite_pass_no_line() -> None:
    model = models.changed(Model(activation="identity", task="noise", settings=(("steps", 300),)), scheme=BIG)
    run = models.run(model)
    assert run.overflow is not None
    for key in ("equations", "recursion", "expanded", "copies", "nodes", "neurons"):
        assert not all(line.passed for line in derive(run, key, 299).lines)


BIG = engine.Scheme("normal", gain=50.0)


def test_what_is_not_there_is_refused(worked: Run) -> None:
    for arguments in (
        ("nothing", 1),
        ("loss", 0),
        ("loss", 7),
        ("loss", 1, 1),
        ("loss", 1, 0, 0),
        ("loss", 1, 0, MAX_LEVELS + 1),
    ):
        with pytest.raises(ValueError, match=r"there are|steps are|samples are|can be written"):
            derive(worked, *arguments)  # type: ignore[arg-type]


def test_single_precision_and_kinks_have_their_own_tolerance() -> None:
    for key in SECTIONS:
        right(derive(made("rnn", dtype=np.float32), key, 2))
        right(derive(made(engine.rnn("relu")), key, 2))
    assert any("kink" in line.checked_by for line in derive(made(engine.rnn("relu")), "nodes", 2).lines)


# --- what the lines say ---------------------------------------------------------------------------------------------

BACK = ("(10.19)", "(10.20)", "(10.21)")
BOOK = engine.CATALOGUE["rnn"].text


@pytest.mark.parametrize("name", [*engine.CATALOGUE, *FEATURES])
def test_the_words_of_the_recursion_name_the_nodes_that_read_a_state(name: str) -> None:
    run = made(name if name in engine.CATALOGUE else engine.parse(FEATURES[name]))
    lines = [
        line for line in derive(run, "recursion", 2).lines if line.explanation.startswith(("At the last", "At step"))
    ]
    at = [(state, t) for state in run.cell.states for t in (run.T, 2)]
    assert len(lines) == len(at)
    for line, (state, t) in zip(lines, at, strict=True):
        messages = explain.backward(run, state, t, 0).messages
        said = re.findall(r"\$([^$]*)\$", line.explanation.partition("step" if t < run.T else "in the same step")[2])
        named = [word for word in said if word != latex(state)] if t < run.T else said
        assert {latex(message.target[0]) for message in messages} - {latex(state)} == set(named) - {latex(state)}


@pytest.mark.parametrize(
    "text",
    [BOOK, *(BOOK.replace("tanh", name) for name in ("sigmoid", "relu", "identity")), BOOK.replace("U @ x", "U @ tanh(x)"),
     BOOK.replace("W @ h[t-1]", "W @ h[t-1] + R @ h[t-2]"), *(engine.CATALOGUE[name].text for name in ("gru", "rnn_deep"))],
)  # fmt: skip
def test_the_book_is_cited_for_its_own_network_alone(text: str) -> None:
    run = made(engine.parse(text))
    sections = {key: derive(run, key, 2) for key in ("equations", "recursion", "copies")}
    cited = {place for place in BACK for line in sections["recursion"].lines if place in line.explanation}
    assert cited == (set(BACK) if text == BOOK else set())
    assert {"(10." in section.source for section in sections.values()} == {text == BOOK}
    assert any("of the book" in line.explanation for line in sections["copies"].lines) == (text == BOOK)
    if text == BOOK:  # (10.21), with this run's numbers
        h, grad, W, V = run.value["h"][2, 0], run.grad["h"][:, 0], run.parameters["W"], run.parameters["V"]
        np.testing.assert_allclose(grad[1], W.T @ ((1 - h**2) * grad[2]) + V.T @ run.grad["o"][1, 0], rtol=1e-10)


def test_the_likelihood_is_cited_for_classes_alone() -> None:
    classes, shares = made("rnn"), made(engine.parse("h = tanh(W @ h[t-1] + U @ x)\nL = mse(V @ h, y)"))
    assert "(10.14)" in derive(classes, "loss", 2).source
    assert not any("(10.1" in text for line in derive(shares, "loss", 2).lines for text in (line.explanation,))
    assert "(10.1" not in derive(shares, "loss", 2).source
    assert "(10.18)" in derive(classes, "softmax", 2).source
    distribution = engine.run(classes.cell, classes.parameters, classes.x, np.full((4, 1, 3), 1 / 3))
    assert "(10.18)" not in derive(distribution, "softmax", 2).source


# --- what the sources state ------------------------------------------------------------------------------------------


def numbers_of(run: Run, t: int) -> tuple[np.ndarray, ...]:
    at = (t - 1, 0)
    return run.parameters["V"], run.value["h"][at], run.value["y_hat"][at], np.eye(3)[run.y[at]]


def test_the_worked_network_is_written_out_with_its_matrices(worked: Run) -> None:
    """A9: x in R⁴, h in R⁵, o in R³; a_1 = b_1 + Σ w_1i h_i + Σ u_1j x_j, five of them."""
    a, h, o, *_ = derive(worked, "equations", 3).lines
    assert a.numbers.count(r"\begin{pmatrix}") == 6
    assert [text.count(" & ") for text in a.numbers.split(r"\begin{pmatrix}")] == [0, 0, 20, 0, 15, 0, 0]
    assert next(text for text in a.elements if r"\sum" in text).count(r"\sum") == 2
    assert sum(r"\sum" in text for text in a.elements) == 5
    assert len(h.elements) == 5  # E10 has four
    assert sum(r"\sum" in text for text in o.elements) == 3


def test_the_gradient_at_o_in_matrix_form(worked: Run) -> None:
    """A10: (ŷ 1ᵀ − I) y, the rows of the source's matrix."""
    _, _, p, y = numbers_of(worked, 3)
    (line,) = [line for line in derive(worked, "softmax", 3).lines if line.row == "A10"]
    from engine.language.notation import matrix

    rows = np.array([[p[0] - 1, p[0], p[0]], [p[1], p[1] - 1, p[1]], [p[2], p[2], p[2] - 1]])
    assert line.numbers == f"{matrix(rows)} {matrix(y)} = {matrix(p - y)}"


def test_the_long_way_has_the_numbers_of_the_source(worked: Run) -> None:
    """A11: ∂ŷ_1/∂h_1 = −ŷ_1 [v_11 (ŷ_1 − 1) + v_21 ŷ_2 + v_31 ŷ_3]; then the ŷ_i cancel and Vᵀ(ŷ − y) is left."""
    from engine.language.notation import matrix, number

    V, _, p, y = numbers_of(worked, 6)
    lines = derive(worked, "long", 6).lines
    for j in range(5):
        stated = -p[0] * (V[0, j] * (p[0] - 1) + V[1, j] * p[1] + V[2, j] * p[2])
        assert lines[0].elements[j].endswith(rf"\right] = {number(stated)}")
    assert lines[1].numbers.endswith(matrix((np.diag(p) - np.outer(p, p)) @ V))
    assert r"\cancel" in lines[2].symbols
    assert all(text.count(r"\cancel") == 6 for text in lines[2].elements)
    assert lines[3].numbers.endswith(matrix(V.T @ (p - y)))
    # at the last step this is the whole gradient
    np.testing.assert_allclose(V.T @ (p - y), worked.grad["h"][5, 0], rtol=1e-12)


def test_the_three_questions_are_answered(worked: Run) -> None:
    said = [line.explanation for line in derive(worked, "softmax", 2).lines]
    for question in (1, 2, 3):
        assert any(text.startswith(f"Question {question}") for text in said)
    symbols = " ".join(line.symbols for line in derive(worked, "softmax", 2).lines)
    assert r"\delta_{ij}" in symbols
    assert r"\cancel" in symbols


@pytest.mark.parametrize("name", ["rnn", "gru", "rnn_output", "lstm", "rnn_skip", "rnn_deep"])
def test_nested_and_multiplied_out_are_equal_at_every_depth(name: str) -> None:
    run = made(name, T=6)
    for levels in range(1, 6):
        section = derive(run, "expanded", 1, 0, levels)
        right(section)
        nested = next(line for line in section.lines if "put into itself" in line.explanation)
        flat = next(line for line in section.lines if line.explanation.startswith("Multiplied out"))
        assert nested.symbols.count(r"\Bigl[") == flat.symbols.count(r"\quad +") >= levels - 1


def test_the_recursion_ends_in_the_outputs(worked: Run) -> None:
    """A8: put into itself down to the last step, the innermost terms are all outputs from t to τ."""
    nested, flat, _ = derive(worked, "expanded", 3, 0, 20).lines
    for line in (nested, flat):
        assert [rf"\nabla_{{o^{{({at})}}}} L" in line.symbols for at in ("t", "t+1", "t+2", "t+3")] == [True] * 4
    assert r"\nabla_{h^{(t+3)}} L" not in nested.symbols
    assert len(flat.elements) == 4


def test_the_lstm_has_every_gate_both_routes_and_every_parameter() -> None:
    run = made("lstm")
    section = derive(run, "lstm", 2)
    said = " ".join(line.explanation for line in section.lines)
    for gate in "fgq":
        assert f"Back to the gate ${gate}$" in said
        for parameter in (f"b_{{{gate}}}", f"U_{{{gate}}}", f"W_{{{gate}}}"):
            assert f"copy of ${parameter}$" in said
    (routes,) = [line for line in section.lines if line.explanation.startswith("The routes into")]
    assert r"\operatorname{diag}\left(f^{(t)}\right) \nabla_{s^{(t)}} L" in routes.symbols
    assert routes.symbols.endswith(r"\nabla_{h^{(t-1)}} L") or r"^{(t-1)}} L" in routes.symbols


def test_the_initial_gradient_of_a_loss_that_is_read_later_has_no_seed() -> None:
    run = made(engine.parse(FEATURES["a loss is read by a later step"]))
    back = explain.backward(run, "L", 0)
    assert back.seed is None
    assert back.error < 1e-12


@pytest.mark.slow
def test_a_large_network_is_told_how_it_was_checked() -> None:
    model = Model(task="noise", settings=(("steps", 1000), ("samples", 10)), sizes=(("h", 64),))
    run = models.run(model)
    lines = derive(run, "nodes", 5).lines
    ways = (BY_RUN, BY_STEP)
    assert all(line.checked_by.startswith(ways) for line in lines)
    assert any(re.search(r"at \d+ of its 64 entries", line.checked_by) for line in lines)
    assert all(line.passed for line in lines)


@pytest.mark.slow
def test_a_section_of_a_long_run_takes_little_memory_and_leaves_nothing_to_be_collected() -> None:
    """The messages to the parameters at all steps take 1.1 GB here; a section reads those of one step."""
    model = models.changed(
        Model(),
        cell="lstm",
        task="noise",
        sizes=(("h", 64),),
        settings=(("steps", 1000), ("inputs", 64), ("outputs", 64)),
    )
    run = models.run(model)
    for key in ("recursion", "copies"):
        gc.collect()
        tracemalloc.start()
        gc.disable()
        try:
            assert all(line.passed for line in derive(run, key, 500).lines)
            left, peak = tracemalloc.get_traced_memory()
        finally:
            gc.enable()
            tracemalloc.stop()
        assert peak < 100e6
        assert left < 10e6


def test_work_ends_where_the_function_raises() -> None:
    run, called = models.run(Model(task="worked")), []

    class Enough(Exception):
        pass

    def told() -> None:
        called.append(1)
        if len(called) == 3:
            raise Enough

    with pytest.raises(Enough), pausing(told):
        derive(run, "nodes", 3)
    assert len(called) == 3
    assert derive(run, "nodes", 3).lines
    assert len(called) == 3  # outside, it is not called
