"""What is taken home can be opened elsewhere, and has the numbers of the run in it."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess

import networkx as nx
import numpy as np
import pytest

from engine import CATALOGUE, unroll
from engine.language import notation
from engine.working import messages as explain
from explorer import model as models
from explorer.figures import graph
from explorer.model import Model
from explorer.picture.scene import scene
from explorer.state import PRESETS, State
from explorer.teach import export

STATES = {
    **{name: preset.state for name, preset in PRESETS.items()},
    "samples": State(Model(task="noise", settings=(("samples", 3),))),
    "two steps back": State(models.with_text(Model(), "h = tanh(W @ h[t-2] + U @ x)\nL = nll(softmax(V @ h), y)")),
    "edited": State(models.with_edits(Model(), {("W", (0, 0)): 0.1, ("x", (0, 0, 0)): -3.0})),
    "quotes": State(models.with_setting(Model(), "text", "\"'\\n\\''''{x}\n</script>\u2028#")),
    "overflow": State(models.with_edits(Model(activation="identity"), {("W", (0, 0)): 1e200, ("b", (0,)): 1e200})),
    "layers": State(Model(cell="feedforward")),
    "shares": State(Model(task="table", settings=(("text", "x,y1,y2\n1,0.25,0.75\n2,1,0"),))),
    "words": State(Model(task="table", settings=(("text", "x;y\n0,5;sun\n2;rain"),))),
}
each = pytest.mark.parametrize("state", STATES.values(), ids=STATES)


@each
def test_the_archive_has_every_number(state) -> None:
    run = models.run(state.model)
    with np.load(io.BytesIO(export.npz(run)), allow_pickle=False) as file:
        assert str(file["text"]) == run.cell.text
        for name, group in {"value": run.value, "grad": run.grad, "param": run.parameters,
                            "param_grad": run.param_grad, "initial": run.initial}.items():  # fmt: skip
            for key, array in group.items():
                assert file[f"{name}.{key}"].tobytes() == np.ascontiguousarray(array).tobytes()
        np.testing.assert_equal(float(file["loss"]), run.loss)


@each
def test_the_table_has_every_number(state) -> None:
    run = models.run(state.model)
    head, *rows = csv.reader(io.StringIO(export.table(run)))
    assert head == ["name", "step", "sample", "unit", "value", "gradient"]
    assert len(rows) == sum(a.size for a in (*run.value.values(), *run.initial.values()))
    for name, t, b, i, value, gradient in rows[:: max(1, len(rows) // 200)]:
        source, slope, t = run.value, run.grad, int(t) - 1
        if t < 0:
            source, slope, t = run.initial, run.initial_grad, t + len(run.initial[name])
        np.testing.assert_equal(float(value), source[name][t, int(b) - 1, int(i) - 1])
        np.testing.assert_equal(float(gradient), slope[name][t, int(b) - 1, int(i) - 1])


@each
def test_the_graph_opens_again(state) -> None:
    run = models.run(state.model)
    source = unroll(run)
    read = nx.read_graphml(io.BytesIO(export.graphml(run)), force_multigraph=True)
    linked = nx.node_link_graph(json.loads(export.node_link(run)))
    for again in (read, linked):
        assert set(again) == {f"{name}({t})" for name, t in source}
        ends = sorted((f"{n}({s})", f"{m}({t})", k) for (n, s), (m, t), k in source.edges(keys=True))
        assert sorted((a, b, row["argument"]) for a, b, row in again.edges(data=True)) == ends
    name = run.cell.nodes[0]
    node = read.nodes[f"{name}(1)"]
    assert (node["name"], node["step"], node["role"]) == (name, 1, run.cell.role(name))
    np.testing.assert_allclose(node["gradient_norm"], np.linalg.norm(run.grad[name][0]))


def test_messages_are_on_the_edges() -> None:
    run = models.run(Model(task="worked"))
    edges = export.network(run).edges
    assert edges["h(2)", "a(3)", 2 if ("h(2)", "a(3)", 2) in edges else 1]["message_norm"] == pytest.approx(
        float(np.linalg.norm(run.message("h", "a")[1]))
    )


@pytest.mark.parametrize("cell", CATALOGUE)
def test_every_cell_can_be_taken_home(cell) -> None:
    run = models.run(models.changed(Model(), cell=cell))
    assert len(nx.read_graphml(io.BytesIO(export.graphml(run)))) == len(unroll(run))
    assert export.latex(run).startswith("\\begin{aligned}")


def test_the_picture_is_a_page_that_needs_no_network() -> None:
    state = STATES["quotes"]
    page = export.page(graph(scene(models.run(state.model)), "light", 1200))
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)\s*=", page.partition("<body>")[0] + page[-20_000:])
    assert not re.search(r"<script[^>]*src=", page)
    assert "Plotly.newPlot" in page
    assert len(page) > 1_000_000  # plotly.js is in it
    assert page.count("</script>") == page.count("<script")  # nothing typed closes one


@each
def test_the_snippet_makes_the_same_run(state, capsys) -> None:
    text = export.snippet(state)
    assert len(text.splitlines()) < 10
    found: dict = {}
    exec(text, found)
    assert found["problems"] == []
    assert found["state"] == state
    np.testing.assert_equal(found["run"].loss, models.run(state.model).loss)
    assert capsys.readouterr().out


def test_what_is_too_large_is_refused_in_words() -> None:
    run = models.run(Model(task="noise", settings=(("steps", 1000), ("samples", 30))))
    with pytest.raises(ValueError, match="at most 500,000 are written"):
        export.table(run)
    run = models.run(models.changed(Model(task="noise", settings=(("steps", 1000),)), cell="lstm_peephole"))
    export.check_table(run)


@each
def test_a_derivation_has_the_value_and_the_gradient_of_its_node(state) -> None:
    run = models.run(state.model)
    for name in (*run.grad, *run.parameters):
        text = export.derivation(run, name, run.T)
        whole = run.param_grad[name] if name in run.parameters else run.grad[name][-1, 0]
        assert f"= {notation.matrix(whole)}" in text
        assert text.count("{") == text.count("}")
        assert text.count("\\begin{") == text.count("\\end{")
        if name in run.cell.nodes:
            back = explain.backward(run, name, run.T)
            assert back.symbols in text
            assert all(f"{message.symbols} &= {notation.matrix(message.vector)}" in text for message in back.messages)
    for name in run.initial:
        assert notation.matrix(run.initial[name][-1, 0]) in export.derivation(run, name, 0)
    with pytest.raises(ValueError, match="steps"):
        export.derivation(run, next(iter(run.parameters)), run.T + 1)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="there is no LaTeX here")
@pytest.mark.parametrize("name", ["L", "h", "x", "W"])
def test_a_derivation_compiles(name, tmp_path) -> None:
    (tmp_path / "made.tex").write_text(export.derivation(models.run(Model()), name, 2))
    subprocess.run(["pdflatex", "-interaction=batchmode", "-halt-on-error", "made.tex"], cwd=tmp_path, check=True)
