"""A cell is its equations: nodes, roles, sizes and LaTeX all follow from the text."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError

import pytest
from cells import FEATURES, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import CATALOGUE, EquationError, feedforward, parse
from engine.language.cell import Cell, Read, sources
from engine.language.names import latex
from engine.language.shapes import MAX_SIZE

RNN = CATALOGUE["rnn"]
SIZES = {"x": 4, "h": 5, "y": 3}


# --- what follows from the text -------------------------------------------------------------------------------------


def test_the_worked_network() -> None:
    assert RNN.nodes == ("a", "h", "o", "y_hat", "L")
    assert RNN.states == ("h",)
    assert RNN.parameters == ("b", "W", "U", "c", "V")
    assert RNN.losses == ("L",)
    assert RNN.reads_x
    assert RNN.takes_classes
    assert dict(RNN.lags) == {"a": 0, "h": 1, "o": 0, "y_hat": 0, "L": 0}
    assert RNN.reads["a"] == (Read("b", 0, 0), Read("W", 0, 1), Read("h", 1, 2), Read("U", 0, 3), Read("x", 0, 4))
    assert RNN.reads["L"] == (Read("y_hat", 0, 0), Read("y", 0, 1))
    assert RNN.hidden == (("h", "a", "b"),)
    assert RNN.sizes(SIZES) == {"x": 4, "y": 3, "a": 5, "h": 5, "o": 3, "y_hat": 3, "L": 1}
    assert RNN.shapes(SIZES) == {"b": (5,), "W": (5, 5), "U": (5, 4), "c": (3,), "V": (3, 5)}
    assert list(RNN.shapes(SIZES)) == list(RNN.parameters)
    assert RNN.dimensions["W"] == ("h", "h")
    assert RNN.dimensions["V"] == ("y", "h")
    assert RNN.dimensions["L"] == ("1",)


_NET = "h = tanh(W @ h[t-1] + U @ x)\no = V @ h\np = softmax(o)\n"


@pytest.mark.parametrize(
    ("ends", "losses"),
    [
        ("L1 = nll(p, y)\nL2 = mse(o, y)\nL = L1 + 0.1 * L2", "L"),
        ("J = mse(o, y)\nL = 0.5 * J", "L"),
        ("L1 = nll(p, y)\nL2 = mse(o, y)", "L1 L2"),  # nothing reads either
        ("L1 = nll(p, y)\nL2 = mse(o, y)\nL = 0.5 * L1", "L2 L"),
        ("L1 = nll(p, y)\nL = L1 + nll(p, y)", "L"),
        ("L1 = nll(p, y)\nA = 2 * L1\nB = 3 * L1", "A B"),
        ("L = nll(p, y)\ns = 0.9 * s[t-1] + L", "s"),  # its own line is no other
        ("L = nll(p, y)\nk = tanh(M @ L)\ne = N @ k\nJ = mse(o + e, y)", "J"),
        ("L = nll(p, y)\nk = tanh(M @ L)\nh_2 = h_2[t-1] * k\nJ = mse(o + N @ h_2, y)\nz = h_2 * h_2", "J"),
        ("L = nll(p, y)\nk = M @ k[t-1] + N @ L[t-1]\nJ = L", "J"),
        ("L = Q @ nll(p, y)", "L"),
    ],
)
def test_a_loss_that_is_read_is_part_of_what_reads_it(ends, losses) -> None:
    cell = parse(_NET + ends)
    assert cell.losses == tuple(losses.split())
    assert {cell.dimensions[name] for name in cell.losses} == {("1",)}
    assert {cell.role(name) for name in cell.losses} == {"loss"}


@pytest.mark.parametrize(
    ("again", "losses"),
    [
        ("h = tanh(M @ L[t-1] + U @ x)\nL = nll(softmax(V @ h), y)", "L"),
        ("h = tanh(M @ k[t-1] + U @ x)\nL = nll(softmax(V @ h), y)\nk = tanh(N @ L)", "L"),
        ("h = tanh(M @ L2[t-1] + U @ x)\nL1 = mse(V @ h, y)\nL2 = 0.5 * L1 + mse(V @ h, y)", "L2"),
        ("h = tanh(M @ L[t-1] + U @ x)\nL = nll(softmax(V @ h), y)\nJ = 0.5 * L", "J"),
        ("h = tanh(M @ L1[t-1] + U @ x)\nL1 = mse(V @ h, y)\nL2 = nll(softmax(V @ h), y)", "L2"),
    ],
)
def test_a_loss_that_the_network_is_fed_with_counts_where_nothing_is_made_of_it(again, losses) -> None:
    assert parse(again).losses == tuple(losses.split())


@pytest.mark.parametrize(
    ("ends", "line", "readers"),
    [
        ("L = nll(p, y)\nk = M @ L", 4, "'k'"),
        ("L1 = nll(p, y)\nL2 = mse(o, y)\nk = M @ L2\nz = k * k", 5, "'k'"),
        ("  L = 2 * nll(p, y)\nk = M @ L\nz = N @ L[t-1]", 4, "'k', 'z'"),
    ],
)
def test_a_loss_that_is_read_and_reaches_no_total_is_refused_at_its_line(ends, line, readers) -> None:
    with pytest.raises(
        EquationError, match=f"is read by {readers} and is part of no total.* add the line J = L"
    ) as found:
        parse(_NET + ends)
    assert (found.value.line, found.value.column) == (line, 1 + ends.startswith(" ") * 2)
    assert parse(_NET + ends + f"\nJ = {found.value.message.rpartition('= ')[2]}").losses[-1] == "J"


def test_nodes_from_calls_are_part_of_their_lines_loss() -> None:
    cell = parse("h = tanh(W @ x)\nL = 0.5 * nll(softmax(h), y) + mse(h, y)\nM = mse(h, y)")
    assert cell.nodes == ("h", "L_softmax", "L_nll", "L_mse", "L", "M")
    assert cell.losses == ("L", "M")
    assert [cell.role(name) for name in cell.nodes] == ["output", "output", "loss", "loss", "loss", "loss"]
    assert not cell.takes_classes
    assert cell.loss("L_nll").name == "nll"
    assert cell.loss("h") is None
    assert [cell.operation(name) for name in ("h", "L_softmax", "L_nll", "L", "W", "x")] == [
        "tanh",
        "softmax",
        "nll",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "loss", "logits"),
    [
        ("o = x\np = softmax(o)\nL = nll(p, y)", "L", "o"),
        ("L = nll(softmax(W @ x), y)", "L", "W x"),
        ("L = 2 * bce(sigmoid(x), y)", "L_bce", "x"),
        ("p = softmax(x)\nL = nll(p[t-1], y)", "L", None),
        ("p = softmax(x)\nL = nll(2 * p, y)", "L", None),
        ("p = sigmoid(x)\nL = nll(p, y)", "L", None),
        ("p = softmax(x)\nL = bce(p, y)", "L", None),
        ("p = softmax(x)\nL = mse(p, y)", "L", None),
        ("L = nll(x, y)", "L", None),
        ("L = nll(b, y)", "L", None),
    ],
)
def test_a_loss_of_a_softmax_or_sigmoid_is_computed_from_what_is_inside(text, loss, logits) -> None:
    cell = parse(text)
    found = cell.logits(loss)
    assert (None if found is None else cell.latex_of(found).replace("^{(t)}", "")) == logits
    of = cell.reads[loss][0].name
    assert cell.joint == ({} if logits is None else {of: (loss,)})


def test_two_losses_of_one_node_are_both_joint() -> None:
    cell = parse("p = softmax(W @ x)\nL1 = nll(p, y)\nL2 = 2 * nll(p, y)\nL3 = mse(p, y)")
    assert cell.joint == {"p": ("L1", "L2_nll")}
    assert {name for name in cell.nodes if cell.is_number(name)} == {"L1", "L2_nll", "L2", "L3"}
    assert not cell.is_number("W")
    assert not cell.is_number("x")


ROLES = {
    "rnn": {
        "input": "x",
        "target": "y",
        "parameter": "b W U c V",
        "state": "h",
        "inner": "a",
        "output": "o y_hat",
        "loss": "L",
    },
    "lstm": {"state": "s h", "inner": "f g q s_sigmoid h_tanh", "output": "o y_hat", "loss": "L"},
    "gru": {"state": "h", "inner": "z r m k", "output": "o y_hat"},
    "rnn_output": {"state": "o", "inner": "a h", "output": "y_hat"},
    "rnn_deep": {"state": "h_1 h_2", "inner": "a_1 a_2", "output": "o y_hat"},
    "feedforward": {"inner": "a_2 phi_2 a_3 phi_3", "output": "a_4 y_hat", "loss": "L"},
}


@pytest.mark.parametrize(("name", "roles"), ROLES.items(), ids=ROLES)
def test_every_name_has_its_role(name, roles) -> None:
    cell = CATALOGUE[name]
    for role, names in roles.items():
        assert [cell.role(one) for one in names.split()] == [role] * len(names.split())


def test_a_loss_that_is_read_later_is_still_a_loss() -> None:
    cell = parse(FEATURES["a loss is read by a later step"])
    assert cell.role("L") == "loss"
    assert cell.states == ("h", "L")


def test_an_unknown_name_has_no_role() -> None:
    with pytest.raises(ValueError, match="rnn has no 'k'; it has x, a, h, o, y_hat, L, b, W, U, c, V"):
        RNN.role("k")


def test_edges_are_the_readings_in_order() -> None:
    assert [(target, read.name, read.lag) for target, read in sources(parse("h = x * x - h[t-2]\nL = mse(h, y)"))] == [
        ("h", "x", 0),
        ("h", "x", 0),
        ("h", "h", 2),
        ("L", "h", 0),
        ("L", "y", 0),
    ]


# --- a cell is a value ----------------------------------------------------------------------------------------------


def test_cells_of_one_text_and_name_are_equal() -> None:
    one, same = (
        parse("L = mse(x, y)", "one"),
        parse("L = mse(x, y)", "one", title="Another", about="…", start={"b": 1.0}),
    )
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, parse("L = mse(x, y)", "two"), parse("L = mse(x,  y)", "one")}) == 3
    assert one != "one"
    with pytest.raises(FrozenInstanceError):
        one.text = ""  # type: ignore[misc]
    with pytest.raises(TypeError):
        one.equations["L"] = None  # type: ignore[index]


def test_a_cell_has_defaults_for_the_reader() -> None:
    cell = parse("L = mse(x, y)")
    assert (cell.name, cell.title, cell.source, cell.about, dict(cell.start)) == ("cell", "cell", "", "", {})
    assert parse("L = mse(x, y)", "mine").title == "mine"


# --- sizes ----------------------------------------------------------------------------------------------------------


def test_any_member_names_its_class() -> None:
    for name in ("h", "a", "b"):
        assert RNN.shapes({"x": 4, name: 5, "y": 3}) == RNN.shapes(SIZES)
    for name in ("y", "o", "y_hat", "c"):
        assert RNN.shapes({"x": 4, "h": 5, name: 3}) == RNN.shapes(SIZES)
    assert RNN.shapes({**SIZES, "a": 5, "o": 3}) == RNN.shapes(SIZES)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("L = mse(x, y)", ()),
        ("h = W @ x\nL = mse(h, y)", ()),
        ("h = W @ x\nk = R @ h\nL = mse(V @ k, y)", (("h",), ("k",))),
        ("h = W @ x\nk = h * p\nL = mse(V @ k, y)", (("h", "k", "p"),)),
        ("k = W @ x\nh = k + h[t-1]\nL = mse(V @ h, y)", (("h", "k"),)),  # the state first
        ("h = W @ (R @ x)\nL = mse(V @ h, y)", (("h",), ("W",))),  # what has no name is called after its matrix
        ("h = 2\nL = mse(x, y)", (("h",),)),
        ("s = M @ L[t-1]\nL = mse(V @ s, y)", (("s",),)),
    ],
)
def test_what_neither_x_nor_y_fixes_is_hidden(text, hidden) -> None:
    cell = parse(text)
    assert {frozenset(members) for members in cell.hidden} == {frozenset(members) for members in hidden}
    assert {members[0] for members in cell.hidden} == {members[0] for members in hidden}
    sizes = {"x": 2, "y": 2} | {members[0]: i for i, members in enumerate(hidden, 5)}
    shapes = cell.shapes(sizes)
    assert shapes.keys() == set(cell.parameters)
    for members in hidden:
        for member in members[1:]:
            renamed = {(member if name == members[0] else name): size for name, size in sizes.items()}
            assert cell.shapes(renamed) == shapes


def test_sizes_between_two_matrices_are_told_apart() -> None:
    cell = parse("h = P @ (Q @ (R @ (S @ x)))\nL = mse(V @ h, y)")
    sizes = {"x": 2, "y": 3, "h": 4, "P": 5, "Q": 6, "R": 7}
    assert cell.shapes(sizes) == {"P": (4, 5), "Q": (5, 6), "R": (6, 7), "S": (7, 2), "V": (3, 4)}


def test_a_loss_has_one_unit_and_so_has_what_shares_its_size() -> None:
    cell = parse("e = b * L[t-1]\nh = tanh(M @ e + U @ x)\nL = mse(V @ h, y)")
    assert cell.shapes({"x": 2, "h": 3, "y": 2}) == {"b": (1,), "M": (3, 1), "U": (3, 2), "V": (2, 3)}
    assert cell.dimensions["e"] == ("1",)


@pytest.mark.parametrize(
    ("text", "sizes", "message"),
    [
        (RNN.text, {"x": 4, "y": 3}, r"sizes has no number for 'h'; given: {'x': 4, 'y': 3}"),
        (RNN.text, {}, r"sizes has no number for 'h', 'x', 'y'"),
        (RNN.text, {**SIZES, "hh": 2}, r"sizes has 'hh', which is no node of cell; give sizes for x, y, h"),
        (RNN.text, {**SIZES, "W": 2}, r"sizes has 'W', which is no node"),
        (RNN.text, {**SIZES, "h": 0}, rf"sizes\['h'\] is 0; a size is a whole number from 1 to {MAX_SIZE}"),
        (RNN.text, {**SIZES, "h": MAX_SIZE + 1}, r"sizes\['h'\] is 4097"),
        (RNN.text, {**SIZES, "h": -1}, r"sizes\['h'\] is -1"),
        (RNN.text, {**SIZES, "h": 5.0}, r"sizes\['h'\] is 5.0; a size is a whole number"),
        (RNN.text, {**SIZES, "h": True}, r"sizes\['h'\] is True"),
        (RNN.text, {**SIZES, "h": "5"}, r"sizes\['h'\] is '5'"),
        (RNN.text, {**SIZES, "h": None}, r"sizes\['h'\] is None"),
        (RNN.text, {**SIZES, "a": 6}, r"contradict each other: 'h' has 5, 'a' has 6, and they share a size"),
        (
            "h = x\nL = mse(h, y)",
            {"x": 4, "y": 3},
            r"line 2, column 5: sizes that contradict each other: 'x' has 4, 'y' has 3",
        ),
        (
            "h = x\nL = mse(h, y) * h",
            {"x": 4, "y": 4},
            r"line 2, column \d+: sizes that contradict each other: '[xy]' shares a size with a loss",
        ),
    ],
)
def test_sizes_that_are_wrong_say_so(text, sizes, message) -> None:
    for ask in (parse(text).sizes, parse(text).shapes):
        with pytest.raises(ValueError, match=message):
            ask(sizes)


def test_a_contradiction_in_the_text_points_at_its_place() -> None:
    with pytest.raises(EquationError) as caught:
        parse("h = W @ x\nk = h + x\nL = mse(k, y)").sizes({"x": 2, "y": 3})
    assert (caught.value.line, caught.value.column) == (3, 5)


def test_a_cell_without_x_needs_no_size_for_it() -> None:
    cell = parse(FEATURES["no input"])
    assert not cell.reads_x
    assert cell.sizes({"h": 2, "y": 3}) == cell.sizes({"h": 2, "y": 3, "x": 9})
    assert "x" not in cell.sizes({"h": 2, "y": 3})


@settings(max_examples=50)
@given(texts(), st.data())
def test_shapes_follow_from_a_number_for_each_class(text, data) -> None:
    """Any numbers for x, y and the hidden classes give shapes, the same for all members of a class."""
    cell = parse(text)
    number = st.integers(1, 9)
    sizes = {members[data.draw(st.integers(0, len(members) - 1))]: data.draw(number) for members in cell.hidden}
    for name in ("x", "y"):
        sizes[name] = 1 if cell.dimensions.get(name) == ("1",) else data.draw(number)
    if cell.dimensions.get("x") == cell.dimensions["y"]:
        sizes["x"] = sizes["y"]
    shapes, units = cell.shapes(sizes), cell.sizes(sizes)
    axes: dict[str, int] = {"1": 1}
    for name, dimensions in cell.dimensions.items():
        shape = shapes[name] if name in shapes else (units[name],) if name in units else (sizes[name],)
        assert len(shape) == len(dimensions)
        for axis, size in zip(dimensions, shape, strict=True):
            assert axes.setdefault(axis, size) == size
    assert units | sizes == {**units, **sizes}
    assert all(units.get(name, size) == size for name, size in sizes.items())


# --- LaTeX ----------------------------------------------------------------------------------------------------------


def test_latex_of_the_worked_network_is_the_books() -> None:
    assert RNN.latex() == "\n".join(
        [
            r"\begin{aligned}",
            r"a^{(t)} &= b + W h^{(t-1)} + U x^{(t)} \\",
            r"h^{(t)} &= \tanh\left(a^{(t)}\right) \\",
            r"o^{(t)} &= c + V h^{(t)} \\",
            r"\hat{y}^{(t)} &= \operatorname{softmax}\left(o^{(t)}\right) \\",
            r"L^{(t)} &= -\textstyle\sum_i {y^{(t)}}_i \log {\hat{y}^{(t)}}_i",
            r"\end{aligned}",
        ]
    )


def test_an_index_of_a_loss_does_not_meet_that_of_a_name() -> None:
    """p_{1}_i would be an error of LaTeX, and {p_{1}}_i is set as p_{1i}; (p_{1})_i is an entry of p₁."""
    for name, own in (("p_1", "p_{1}"), ("p_main", r"p_{\mathit{main}}")):
        for text in (f"{name} = softmax(x)\nL = nll({name}, y)", f"{name} = sigmoid(x)\nL = bce({name}, y)"):
            written = parse(text).latex()
            assert rf"{{\left({own}^{{(t)}}\right)}}_i" in written
            assert not re.search(r"_\{?\w+\}?(\^\{[^}]*\})?_", written)


def test_calls_are_written_where_they_stood() -> None:
    cell = parse("s = f * s[t-1] - (1 - f) * tanh(b - W @ x)\nL = 0.5 * mse(sigmoid(s), y)")
    assert r"s^{(t)} &= f \odot s^{(t-1)} - \left(1 - f\right) \odot \tanh\left(b - W x^{(t)}\right)" in cell.latex()
    assert "s_{\\tanh}" not in cell.latex()
    assert cell.latex_of(cell.equations["s"].expression).endswith(r"\odot s_{\tanh}^{(t)}")
    assert (
        r"0.5\,\left(\tfrac{1}{n}\left\lVert \sigma\left(s^{(t)}\right) - y^{(t)} \right\rVert^2\right)" in cell.latex()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("a - b - c", "a - b - c"),
        ("-(a + b)", r"-\left(a + b\right)"),
        ("a - -b", r"a - \left(-b\right)"),
        ("-a * b", r"\left(-a\right) \odot b"),
        ("(a + b) * c", r"\left(a + b\right) \odot c"),
        ("a * b * c", r"a \odot b \odot c"),
        ("2 * a", r"2\,a"),
        ("W @ (a + b)", r"W \left(a + b\right)"),
        ("W @ (U @ a)", r"W \left(U a\right)"),
        ("W @ a * b", r"W a \odot b"),
        ("b * (W @ a)", r"b \odot W a"),
        ("alpha * h[t-3]", r"\alpha \odot h^{(t-3)}"),
    ],
)
def test_latex_has_the_parentheses_that_are_needed(text, expected) -> None:
    cell = parse(f"h = {text}\nL = mse(h, y)")
    assert cell.latex().splitlines()[1] == rf"h^{{(t)}} &= {expected} \\"


@pytest.mark.parametrize("cell", [*CATALOGUE.values(), feedforward(5, "relu", "bce")], ids=lambda cell: cell.name)
def test_latex_of_every_cell_has_each_line_and_each_name(cell: Cell) -> None:
    text = cell.latex()
    lines = [line for line in cell.text.splitlines() if line and not line.startswith("#")]
    assert text.count(r" \\" + "\n") == len(lines) - 1
    assert text.count("&=") == len(lines)
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")
    for name in (*cell.parameters, *(name for name in cell.nodes if cell.equations[name].within is None)):
        assert latex(name) in text, name
    assert not re.search(r"[@*#_]\s|__|None|\bt-1\b(?!\))", text)
    for function in ("tanh", "sigmoid", "softmax"):
        assert (f"{function}(" in cell.text) == (
            {"sigmoid": r"\sigma", "softmax": "{softmax}"}.get(function, r"\tanh") + r"\left" in text
        )
