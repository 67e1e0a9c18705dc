"""The scene: places, edges, marks; for every cell of the catalogue, and for cells that nobody has drawn before."""

from __future__ import annotations

import time

import networkx as nx
import numpy as np
import pytest

import engine
from engine import CATALOGUE
from explorer import model as models
from explorer.grid import curve, grid
from explorer.model import Model
from explorer.scene import MAX_NODES, Mark, drawn, magnitudes, marks, scene
from explorer.state import View

DIAMOND = nx.DiGraph()
DIAMOND.add_weighted_edges_from(
    [(1, 3, 0.5), (2, 3, -1.0), (1, 4, 0.3), (2, 4, 1.0), (3, 5, 0.7), (4, 5, 1.0), (1, 5, 2.0)]
)

OWN = {
    "two losses": "a = W @ h[t-1] + U @ x\nh = tanh(a)\no = V @ h\nL1 = mse(o, y)\np = softmax(o)\nL2 = nll(p, y)",
    "no input": "h = tanh(b + W @ h[t-1])\no = V @ h\nL = mse(o, y)",
    "far back": "h = tanh(U @ x + 0.5 * h[t-1] * h[t-3] + h[t-3])\no = V @ h\nL = mse(o, y)",
    "squares": "a = U @ x\nh = a * a * a + h[t-1]\nL = mse(V @ h, y)",
    "state beside others": "g = sigmoid(U @ x)\ns = r * s[t-1] + U @ x\nk = tanh(W @ x)\nL = mse(V @ (s * g * k), y)",
}


def cells():
    yield from CATALOGUE.items()
    yield "neurons", engine.neuron_network(DIAMOND)[0]
    yield from ((name, engine.parse(text)) for name, text in OWN.items())


CELLS = dict(cells())


def run_of(cell: engine.Cell, T: int = 4, **options) -> engine.Run:
    sizes = {"x": 3, "y": 1 if cell.name == "neurons" else 3, **{members[0]: 3 for members in cell.hidden}}
    random = np.random.default_rng(0)
    if cell.name == "neurons":
        params = {name: np.array(value) for name, value in engine.neuron_network(DIAMOND)[1].items()}
        sizes["x"] = 2
    else:
        params = {name: random.normal(size=shape) * 0.5 for name, shape in cell.shapes(sizes).items()}
    y = random.random((T, 1, sizes["y"]))
    return engine.run(cell, params, random.normal(size=(T, 1, sizes["x"])) if cell.reads_x else None, y, **options)


def simple(name: str = "rnn", steps: int = 5, **fields) -> engine.Run:
    return models.run(models.changed(Model(), cell=name, task="noise", settings=(("steps", steps),), **fields))


each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)


# --- places ---------------------------------------------------------------------------------------------------------


@each_cell
def test_no_two_nodes_share_a_place(cell) -> None:
    picture = scene(run_of(cell))
    places = np.stack([picture.x, picture.y], axis=1)
    assert len(np.unique(places, axis=0)) == len(places)
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(len(places))
    assert distance.min() >= 0.99


@each_cell
def test_no_edge_runs_through_a_node(cell) -> None:
    picture = scene(run_of(cell))
    nodes = np.stack([picture.x, picture.y], axis=1)
    for line, source, target in zip(picture.curves(40), picture.source, picture.target, strict=True):
        others = np.delete(nodes, [source, target], axis=0)
        assert np.linalg.norm(line[:, None] - others[None], axis=-1).min() > 0.3


@each_cell
def test_the_flow_runs_upwards_and_time_to_the_right(cell) -> None:
    picture = scene(run_of(cell))
    flow = picture.y if picture.upwards else picture.x
    forward = np.array(picture.roles)[picture.name[picture.source]] != "target"
    same_step = picture.lag == 0
    assert (flow[picture.source] < flow[picture.target])[same_step & forward].all()
    assert (flow[picture.source] > flow[picture.target])[same_step & ~forward].all()
    for name in range(len(picture.names)):
        of = picture.name == name
        along = picture.x[of] if picture.upwards else -picture.y[of]
        assert (np.diff(along[np.argsort(picture.t[of])]) > 0).all()
    if cell.reads_x:
        assert flow[picture.name == picture.names.index("x")].max() == flow.min()
    assert flow[picture.name == picture.names.index("y")].min() == flow.max()


@each_cell
def test_the_line_of_a_state_that_reads_itself_is_straight_and_free(cell) -> None:
    place = grid(cell)
    for state in cell.states:
        if any(read.name == state and read.lag == 1 for read in cell.reads[state]):
            assert [name for name in place.names if place.row[name] == place.row[state]] == [state]


@each_cell
def test_every_edge_of_the_graph_once(cell) -> None:
    run = run_of(cell)
    picture = scene(run)
    names = np.array(picture.names)
    nodes = list(zip(names[picture.name].tolist(), picture.t.tolist(), strict=True))
    drawn_edges = [
        (nodes[s], nodes[t], k, lag)
        for s, t, k, lag in zip(picture.source, picture.target, picture.argument, picture.lag, strict=True)
    ]
    graph = engine.unroll(run)
    assert len(set(drawn_edges)) == len(drawn_edges)
    assert set(drawn_edges) == {(s, t, k, data["lag"]) for s, t, k, data in graph.edges(keys=True, data=True)}
    assert set(graph) == {node for edge in drawn_edges for node in edge[:2]}


@each_cell
def test_edges_between_the_same_nodes_do_not_cover_each_other(cell) -> None:
    picture = scene(run_of(cell))
    edges = list(zip(picture.source.tolist(), picture.target.tolist(), picture.bend.tolist(), strict=True))
    assert len(set(edges)) == len(edges)


def test_the_lstm_shows_its_gates_side_by_side_and_its_states_as_lines() -> None:
    place = grid(CATALOGUE["lstm"])
    assert len({place.row[name] for name in ("f", "g", "s_sigmoid", "q")}) == 1
    assert place.column["f"] < place.column["g"] < place.column["s_sigmoid"] < place.column["q"]
    assert (
        place.row["x"]
        < place.row["f"]
        < place.row["s"]
        < place.row["h"]
        < place.row["o"]
        < place.row["L"]
        < place.row["y"]
    )
    straight = [w for w in place.wires if (w.source, w.target, w.lag) == ("s", "s", 1)]
    assert [w.bend for w in straight] == [0]


def test_a_curve_begins_and_ends_at_its_nodes() -> None:
    line = curve(np.array([0.0, 0]), np.array([2.0, 0]), 1.0, 5)
    assert line[0].tolist() == [0, 0]
    assert line[-1].tolist() == [2, 0]
    assert line[2].tolist() == [1, 0.5]


# --- magnitudes -----------------------------------------------------------------------------------------------------


def test_magnitudes_are_right_where_squares_are_not() -> None:
    array = np.array([[[3.0, -4.0]], [[3e-200, 4e-200]], [[3e200, 4e200]], [[0.0, 0.0]], [[5e-324, 0.0]]])
    np.testing.assert_allclose(magnitudes(array), [5, 5e-200, 5e200, 0, 5e-324], rtol=1e-12)
    np.testing.assert_allclose(magnitudes(array, "largest"), [4, 4e-200, 4e200, 0, 5e-324])
    np.testing.assert_allclose(magnitudes(array, "mean")[:3], [3.5, 3.5e-200, 3.5e200])


@pytest.mark.parametrize("measure", ["norm", "largest", "mean"])
def test_what_is_not_finite_stays_so(measure) -> None:
    array = np.array([[[np.inf, 1.0]], [[-np.inf, 1.0]], [[np.nan, 1.0]], [[np.nan, np.inf]]])
    assert magnitudes(array, measure)[:2].tolist() == [np.inf, np.inf]
    assert np.isnan(magnitudes(array, measure)[2:]).all()


def test_every_kind_of_magnitude_has_its_mark() -> None:
    given = np.array([1e-3, 0.0, 1e-9, 100.0, np.inf, np.nan, -1.0, 1e-5, 10.0])
    wanted = [
        Mark.WITHIN,
        Mark.ZERO,
        Mark.BELOW,
        Mark.ABOVE,
        Mark.INFINITE,
        Mark.NAN,
        Mark.NONE,
        Mark.WITHIN,
        Mark.WITHIN,
    ]
    assert marks(given, -5, 1).tolist() == wanted


def test_the_scene_shows_the_numbers_of_the_run() -> None:
    run = simple()
    picture = scene(run)
    for i in range(len(picture.name)):
        name, t = picture.names[picture.name[i]], picture.t[i]
        if name == "y":
            assert picture.mark[i] == Mark.NONE
            continue
        grad = run.grad[name][t - 1] if t > 0 else run.initial_grad[name][t - 1]
        assert picture.magnitude[i] == picture.gradient[i] == pytest.approx(np.linalg.norm(grad), rel=1e-12)
        head = grad[0][:4]
        np.testing.assert_array_equal(picture.gradient_head[i][: len(head)], head)


def test_lenses_show_value_and_slope() -> None:
    run = simple()
    values, slopes = scene(run, View(lens="value")), scene(run, View(lens="slope", measure="largest"))
    h = values.name == values.names.index("h")
    np.testing.assert_allclose(values.magnitude[h & (values.t > 0)], np.linalg.norm(run.value["h"][:, 0], axis=1))
    assert (values.mark[h & (values.t == 0)] == Mark.ZERO).all()
    np.testing.assert_allclose(slopes.magnitude[h & (slopes.t > 0)], run.slope("h").max(axis=(1, 2)))
    assert (slopes.mark[~h] == Mark.NONE).all()


def test_no_loss_that_does_not_count_has_a_gradient() -> None:
    picture = scene(simple(count="last"))
    loss = picture.name == picture.names.index("L")
    assert (picture.mark[loss & (picture.t < 5)] == Mark.ZERO).all()
    assert (picture.mark[loss & (picture.t == 5)] == Mark.WITHIN).all()


def test_overflow_is_marked_and_not_hidden() -> None:
    run = models.run(
        models.changed(
            Model(),
            activation="identity",
            task="noise",
            settings=(("steps", 300),),
            scheme=models.Scheme("normal", gain=50.0),
        )
    )
    assert run.overflow is not None
    picture = scene(run, View(lens="value"))
    assert {Mark.INFINITE, Mark.NAN} & {Mark(m) for m in picture.mark}


def test_one_sample_or_all() -> None:
    run = models.run(Model(task="noise", settings=(("samples", 3),)))
    h = [scene(run, View(sample=s)).gradient[scene(run).name == 2] for s in range(4)]
    np.testing.assert_allclose(h[0], np.sqrt(np.square(h[1:]).sum(axis=0)))
    assert scene(run, View(sample=99)).gradient.tolist() == scene(run).gradient.tolist()


# --- large graphs ---------------------------------------------------------------------------------------------------


def test_no_more_is_drawn_than_there_is_room_for() -> None:
    picture = scene(simple(steps=1000), View(window=(1, 1000)))
    assert len(picture.name) <= MAX_NODES
    assert (picture.first, picture.last, picture.T) == (644, 1000, 1000)
    assert (picture.t > 0).all()
    early = scene(simple(steps=1000), View(window=(1, 100)))
    assert (early.first, early.last) == (1, 100)


def test_of_many_steps_the_last_are_drawn_and_a_window_is_moved_back_to_them() -> None:
    assert drawn(60, 7, None) == (1, 60)
    assert drawn(61, 7, None) == drawn(61, 7, (12, 61)) == (12, 61)
    assert drawn(1000, 7, None) == (951, 1000)
    assert drawn(1000, 120, None) == (981, 1000)
    assert drawn(10, 7, (3, 5)) == (3, 5)
    assert drawn(10, 7, (500, 504)) == (6, 10)
    assert drawn(10, 7, (500, 900)) == (1, 10)


def test_two_thousand_nodes_are_quick() -> None:
    run, view = simple(steps=285), View(window=(1, 285))
    scene(run, view)
    begun = time.perf_counter()
    assert len(scene(run, view).name) > 1_990
    assert time.perf_counter() - begun < 0.5


def test_the_selected_node_is_found() -> None:
    picture = scene(simple(), View(selected=("h", 3)))
    assert (picture.names[picture.name[picture.selected]], picture.t[picture.selected]) == ("h", 3)
    assert scene(simple(), View(selected=("h", 99))).selected is None
    assert scene(simple(), View(selected=("zz", 1))).selected is None
