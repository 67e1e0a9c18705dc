"""Every number explained: symbols from the equations, numbers from the run."""

import itertools

import numpy as np
import pytest
from cells import FEATURES, Case

import engine
from engine.working import messages as explain

CELLS = list(engine.CATALOGUE)


def made(name, T=5, B=2):
    cell = engine.CATALOGUE[name]
    T, B = (1, T) if name == "feedforward" else (T, B)
    sizes = {"x": 3, "y": 4} | {members[0]: 3 for members in cell.hidden}
    random = np.random.default_rng(0)
    params = {key: random.standard_normal(shape) for key, shape in cell.shapes(sizes).items()}
    return engine.run(cell, params, random.standard_normal((T, B, 3)), random.integers(0, 4, (T, B)))


@pytest.mark.parametrize("name", CELLS)
def test_the_rows_add_up_to_the_gradient(name):
    run = made(name)
    for node in run.grad:
        for t in range(1 - run.cell.lags.get(node, 0), run.T + 1):
            for sample in range(run.B):
                found = explain.backward(run, node, t, sample)
                expected = run.grad[node][t - 1, sample] if t > 0 else run.initial_grad[node][t - 1, sample]
                total = sum((message.vector for message in found.messages), np.zeros_like(expected)) + (found.seed or 0)
                np.testing.assert_allclose(total, expected, rtol=1e-12, atol=1e-14)
                if found.messages and np.any(expected):
                    assert sum(message.share for message in found.messages) == pytest.approx(1)


@pytest.mark.parametrize("name", CELLS)
def test_the_path_leads_from_a_loss_to_the_node(name):
    run = made(name)
    for node in run.grad:
        for t in {1 - run.cell.lags.get(node, 0), run.T}:
            walked = explain.strongest_path(run, node, t, 1)
            at = (node, t)
            for edge in reversed(walked):
                messages = explain.backward(run, *at, 1).messages
                assert edge.source == at
                assert edge.norm == max(message.norm for message in messages)
                at = edge.target
            assert at[0] in run.cell.losses or not np.any(run.grad[node][t - 1, 1])


@pytest.mark.parametrize("name", ["rnn", "lstm", "rnn_skip", "rnn_output"])
def test_a_path_from_one_loss_begins_there(name):
    run = made(name)
    state = run.cell.states[0]
    for loss in range(1, run.T + 1):
        walked = explain.strongest_path(run, state, 1, 0, loss)
        assert walked[0].target in {(each, loss) for each in run.cell.losses}
        assert walked[-1].source == (state, 1)
        assert all(below.target == above.source for above, below in itertools.pairwise(walked))
    assert explain.strongest_path(run, state, 3, 0, 2) == ()
    with pytest.raises(ValueError, match="steps 1 to 5"):
        explain.strongest_path(run, state, 1, 0, 6)


def test_a_long_path_has_an_end():
    walked = explain.strongest_path(made("rnn", T=1000, B=1), "h", 1, 0, 1000)
    assert len(walked) == explain.MAX_PATH
    assert walked[-1].source == ("h", 1)


def test_the_book_has_it_so():
    """(10.21): ∇h(t) = Wᵀ diag(1 − h(t+1)²) ∇h(t+1) + Vᵀ ∇o(t), with a in between as the cell has it."""
    run = made("rnn")
    assert explain.backward(run, "h", 2).symbols == (
        r"\nabla_{h^{(t)}} L = W^\top \nabla_{a^{(t+1)}} L + V^\top \nabla_{o^{(t)}} L"
    )
    assert explain.backward(run, "a", 2).symbols == (
        r"\nabla_{a^{(t)}} L = \operatorname{diag}\left(1 - h^{(t)} \odot h^{(t)}\right) \nabla_{h^{(t)}} L"
    )
    cell = engine.parse("h = tanh(b + W @ h[t-1] + U @ x)\nL = mse(V @ h, y)")
    (read,) = [read for read in cell.reads["h"] if read.name == "h"]
    assert explain.flow(cell, "h", read) == (
        r"W^\top\,\operatorname{diag}\left(1 - h^{(t+1)} \odot h^{(t+1)}\right) \nabla_{h^{(t+1)}} L"
    )


@pytest.mark.parametrize("name", CELLS)
def test_every_reading_of_every_equation_can_be_written(name):
    cell = engine.CATALOGUE[name]
    for target in cell.nodes:
        for read in cell.reads[target]:
            if read.name not in (*cell.parameters, "y"):
                text = explain.flow(cell, target, read)
                assert text.count("{") == text.count("}")
                assert r"\nabla" in text


def test_forward_numbers_are_those_of_the_run():
    run = made("rnn")
    found = explain.forward(run, "a", 3, 1)
    assert found.symbols == "a^{(t)} = b + W h^{(t-1)} + U x^{(t)}"
    np.testing.assert_array_equal(found.reads["h", 2], run.value["h"][1, 1])
    np.testing.assert_array_equal(found.value, run.value["a"][2, 1])
    np.testing.assert_array_equal(explain.forward(run, "a", 1).reads["h", 0], [0, 0, 0])


@pytest.mark.parametrize(
    "text", [FEATURES["lags of one, two and three"], FEATURES["two recurrent layers"]], ids=["lags", "layers"]
)
def test_forward_reads_are_those_of_the_run_and_before_it(text):
    run = Case(text, T=4, B=2, seed=1, initial="KBn").run()
    for node in run.cell.nodes:
        for t, sample in itertools.product(range(1, run.T + 1), range(run.B)):
            for (name, step), found in explain.forward(run, node, t, sample).reads.items():
                if step is None:
                    expected = run.parameters[name]
                elif name in ("x", "y"):
                    expected = getattr(run, name)[step - 1, sample]
                else:  # before the run: row K − 1 is t = 0
                    expected = run.value[name][step - 1, sample] if step > 0 else run.initial[name][step - 1, sample]
                np.testing.assert_array_equal(found, expected)


def test_factors_stand_in_the_order_in_which_the_gradient_meets_them_from_the_right():
    cell = engine.parse("h = tanh(b + W @ (M @ h[t-1]) + U @ (k * x))\nL = mse(V @ h, y)")
    slope = r"\operatorname{diag}\left(1 - h^{(t)} \odot h^{(t)}\right)"
    at = {read.name: read for read in cell.reads["h"]}
    assert explain.chain(cell, "h", at["h"], 0) == rf"M^\top\,W^\top\,{slope}"
    assert explain.chain(cell, "h", at["x"], 0) == rf"\operatorname{{diag}}\left(k\right)\,U^\top\,{slope}"
    gradient = rf"{slope} \nabla_{{h^{{(t)}}}} L"
    for name, expected in {
        "b": gradient,
        "W": rf"{gradient}\,\left(M h^{{(t-1)}}\right)^\top",  # the vector right of the matrix, not the matrix
        "M": rf"W^\top\,{gradient}\,{{h^{{(t-1)}}}}^\top",
        "U": rf"{gradient}\,\left(k \odot x^{{(t)}}\right)^\top",
    }.items():
        assert explain.flow_to_parameter(cell, "h", at[name]) == expected


def test_the_softmax_jacobian():
    run = made("rnn")
    S = run.value["y_hat"][0, 0]
    J = explain.jacobian_of_softmax(run, "y_hat", 1)
    for i in range(4):
        for j in range(4):
            assert J[i, j] == pytest.approx(S[i] * ((i == j) - S[j]))
    with pytest.raises(ValueError, match="no softmax"):
        explain.jacobian_of_softmax(run, "h", 1)


@pytest.mark.parametrize(("node", "t", "sample"), [("W", 1, 0), ("h", 6, 0), ("h", -1, 0), ("a", 0, 0), ("h", 1, 2)])
def test_what_is_not_there_is_refused(node, t, sample):
    with pytest.raises(ValueError, match=r"no node|steps|samples"):
        explain.backward(made("rnn"), node, t, sample)


def test_wide_matrices_are_abridged():
    from engine.language.notation import matrix

    text = matrix(np.arange(100.0).reshape(10, 10))
    assert text.count(r"\\") == 5
    assert r"\cdots" in text
    assert r"\ddots" in text
    assert matrix(np.array([1e-9, np.inf, np.nan])) == (
        r"\begin{pmatrix} 1 \cdot 10^{-9} \\ \infty \\ \mathrm{nan} \end{pmatrix}"
    )
