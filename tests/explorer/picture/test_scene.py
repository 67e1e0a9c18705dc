"""The scene: places, edges, marks; for every cell of the catalogue, and for cells that nobody has drawn before."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from networks import CELLS, run_of

import engine
from engine import CATALOGUE
from engine.inputs import Scheme
from engine.working import messages as explain
from explorer import figures
from explorer import model as models
from explorer.model import Model
from explorer.picture.grid import curve, grid
from explorer.picture.marks import Mark, marks
from explorer.picture.readings import magnitudes
from explorer.picture.scene import folded, scene
from explorer.picture.table import table
from explorer.picture.window import MAX_NODES, drawn
from explorer.state import PARAMETERS, View


def simple(name: str = "rnn", steps: int = 5, **fields) -> engine.Run:
    return models.run(models.changed(Model(), cell=name, task="noise", settings=(("steps", steps),), **fields))


each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
each_way = pytest.mark.parametrize("parameters", PARAMETERS)


# --- places ---------------------------------------------------------------------------------------------------------


@each_way
@each_cell
def test_no_two_nodes_share_a_place(cell, parameters) -> None:
    picture = scene(run_of(cell), View(parameters=parameters))
    places = np.stack([picture.x, picture.y], axis=1)
    assert len(np.unique(places, axis=0)) == len(places)
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(len(places))
    assert distance.min() >= 0.99


@each_way
@each_cell
def test_no_edge_runs_through_a_node(cell, parameters) -> None:
    picture = scene(run_of(cell), View(parameters=parameters))
    nodes = np.stack([picture.x, picture.y], axis=1)
    for line, source, target in zip(picture.curves(40), picture.source, picture.target, strict=True):
        others = np.delete(nodes, [source, target], axis=0)
        assert np.linalg.norm(line[:, None] - others[None], axis=-1).min() > 0.3


@each_way
@each_cell
def test_the_flow_runs_upwards_and_time_to_the_right(cell, parameters) -> None:
    picture = scene(run_of(cell), View(parameters=parameters))
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


@each_way
@each_cell
def test_every_edge_of_the_graph_once(cell, parameters) -> None:
    run = run_of(cell)
    picture = scene(run, View(parameters=parameters))
    names = np.array(picture.names)
    steps = [None if once else t for t, once in zip(picture.t.tolist(), picture.shared, strict=True)]
    nodes = list(zip(names[picture.name].tolist(), steps, strict=True))
    drawn_edges = [
        (nodes[s], nodes[t], k, lag)
        for s, t, k, lag in zip(picture.source, picture.target, picture.argument, picture.lag, strict=True)
    ]
    graph = engine.unroll(run, parameters=parameters)
    assert len(set(drawn_edges)) == len(drawn_edges)
    assert set(drawn_edges) == {(s, t, k, data["lag"]) for s, t, k, data in graph.edges(keys=True, data=True)}
    assert set(graph) == {node for edge in drawn_edges for node in edge[:2]}


@each_way
@each_cell
def test_edges_between_the_same_nodes_do_not_cover_each_other(cell, parameters) -> None:
    picture = scene(run_of(cell), View(parameters=parameters))
    ways = (picture.bend + picture.turn).tolist()
    edges = list(zip(picture.source.tolist(), picture.target.tolist(), ways, strict=True))
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


def test_a_name_that_is_read_often_has_an_edge_for_each_reading() -> None:
    cell = engine.parse(f"h = {'r * ' * 20}tanh(U @ x) + h[t-1]\nL = mse(h, y)")
    for parameters in PARAMETERS:
        place = grid(cell, parameters)
        ways = [(w.bend, w.turn) for w in place.wires if w.source == "r"]
        assert len(set(ways)) == len(ways) == (0 if parameters == "hidden" else 20)


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
            scheme=Scheme("normal", gain=50.0),
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


# --- parameters -----------------------------------------------------------------------------------------------------

TWICE = engine.parse("a = W @ h[t-1] + U @ x\nh = tanh(a + W @ a)\nL = mse(c + V @ h, y)")


def at(picture, name: str, t: int) -> int:
    (found,) = np.flatnonzero((picture.name == picture.names.index(name)) & (picture.t == t))
    return int(found)


@pytest.mark.parametrize("cell", [*CATALOGUE.values(), TWICE], ids=[*CATALOGUE, "twice"])
@pytest.mark.parametrize("measure", ["norm", "largest"])
def test_a_copy_has_the_gradient_of_its_step(cell, measure, monkeypatch) -> None:
    run = run_of(cell)
    whole = scene(run, View(parameters="copies", measure=measure))
    for name, value in run.parameters.items():
        for t in range(1, run.T + 1):
            i, grad = at(whole, name, t), run.step_grad(name)[t - 1]
            largest = np.abs(grad).max()
            assert whole.magnitude[i] == pytest.approx(largest if measure == "largest" else np.linalg.norm(grad))
            assert whole.gradient[i] == pytest.approx(np.linalg.norm(grad))
            assert whole.value[i] == pytest.approx(np.linalg.norm(value))
            head = grad.reshape(-1)[:4]
            np.testing.assert_allclose(whole.gradient_head[i][: len(head)], head)
            assert whole.units[i] == value.size
    monkeypatch.setattr(sys.modules["engine.execute.run"], "_PORTION", 1)  # a step at a time
    np.testing.assert_allclose(scene(run, whole.view).magnitude, whole.magnitude, rtol=1e-12)


@pytest.mark.parametrize("cell", [*CATALOGUE.values(), TWICE], ids=[*CATALOGUE, "twice"])
def test_a_shared_parameter_has_the_gradient_of_the_whole(cell) -> None:
    run = run_of(cell)
    picture = scene(run, View(parameters="shared"))
    for name, value in run.parameters.items():
        i = at(picture, name, 0)
        assert picture.magnitude[i] == pytest.approx(np.linalg.norm(run.param_grad[name]))
        assert picture.value[i] == pytest.approx(np.linalg.norm(value))
        assert not picture.initial[i]
    assert picture.shared.sum() == len(run.parameters)


def test_lenses_of_a_parameter() -> None:
    run = simple()
    for parameters, t in (("copies", 3), ("shared", 0)):
        value = scene(run, View(parameters=parameters, lens="value"))
        assert value.magnitude[at(value, "W", t)] == pytest.approx(np.linalg.norm(run.parameters["W"]))
        slope = scene(run, View(parameters=parameters, lens="slope"))
        assert slope.mark[at(slope, "W", t)] == Mark.NONE


@pytest.mark.parametrize("parameters", ["copies", "shared"])
@pytest.mark.parametrize("cell", [CATALOGUE["rnn"], CATALOGUE["rnn_leaky"], TWICE], ids=["rnn", "leaky", "twice"])
def test_what_goes_along_the_edges_of_parameters(cell, parameters) -> None:
    run = run_of(cell)
    forward = scene(run, View(parameters=parameters, edges="forward"))
    backward = scene(run, View(parameters=parameters, edges="backward"))
    total = dict.fromkeys(run.parameters, 0)
    for e, (source, target) in enumerate(zip(backward.source, backward.target, strict=True)):
        name = backward.names[backward.name[source]]
        if name in run.parameters:
            message = run.message(name, backward.names[backward.name[target]], argument=backward.argument[e])
            assert backward.strength[e] == pytest.approx(np.linalg.norm(message[backward.t[target] - 1]))
            assert forward.strength[e] == pytest.approx(np.linalg.norm(run.parameters[name]))
            total[name] += 1
    assert min(total.values()) >= run.T


def test_a_selected_parameter_is_found_in_every_way() -> None:
    chosen = {way: scene(simple(), View(parameters=way, selected=("W", 3))) for way in ("hidden", "copies", "shared")}
    assert chosen["hidden"].selected is None
    assert chosen["copies"].selected == at(chosen["copies"], "W", 3)
    assert chosen["shared"].selected == at(chosen["shared"], "W", 0)


def test_a_window_of_copies() -> None:
    picture = scene(simple(steps=400), View(parameters="copies"))
    assert len(picture.name) <= MAX_NODES
    assert picture.last == 400
    shared = scene(simple(steps=400), View(parameters="shared"))
    assert (shared.t[shared.shared] == 0).all()
    assert shared.x[shared.shared].max() <= shared.x[~shared.shared].min() - 1


def test_the_table_says_what_is_shared() -> None:
    rows = table(scene(simple(steps=2), View(parameters="shared")))
    steps = {name: rows["step"][i] for i, name in enumerate(rows["node"]) if rows["role"][i] == "parameter"}
    assert steps == dict.fromkeys(["b", "W", "U", "c", "V"])
    assert "initial value" in rows["role"]


# --- folded ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", ["hidden", "copies"])
@each_cell
def test_the_folded_scene_is_the_rolled_graph(cell, parameters) -> None:
    graph = engine.roll(cell, parameters=parameters != "hidden")
    for source in (cell, run_of(cell)):
        picture = folded(source, View(parameters=parameters))
        assert set(picture.names) == set(graph)
        names = np.array(picture.names)
        ends = zip(names[picture.source], names[picture.target], picture.argument, picture.lag, strict=True)
        assert sorted(ends) == sorted((a, b, key, data["lag"]) for a, b, key, data in graph.edges(keys=True, data=True))


@pytest.mark.parametrize(("measure", "of"), [("norm", np.linalg.norm), ("largest", np.max), ("mean", np.mean)])
def test_a_folded_node_has_the_magnitude_of_all_steps(measure, of) -> None:
    run = simple()
    picture = folded(run, View(parameters="shared", measure=measure, edges="backward"))
    for i, name in enumerate(picture.names):
        grad = run.param_grad.get(name) if name in run.parameters else run.grad.get(name)
        if grad is not None:
            assert picture.magnitude[i] == pytest.approx(of(np.abs(grad.reshape(-1))))
            assert picture.gradient[i] == pytest.approx(np.linalg.norm(grad))
    (e,) = np.flatnonzero(picture.lag)
    a, h = (picture.names.index(name) for name in "ah")
    assert (picture.source[e], picture.target[e]) == (h, a)
    everything = [message for read, message in run.messages("a") if read.name == "h"]
    assert picture.strength[e] == pytest.approx(np.linalg.norm(everything[0]))


def test_a_folded_cell_has_no_numbers() -> None:
    picture = folded(CATALOGUE["lstm"], View(parameters="shared", edges="backward", selected=("s", 9)))
    assert set(picture.mark) == {Mark.NONE}
    assert picture.strength is None
    assert picture.names[picture.selected] == "s"


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


def test_two_thousand_nodes_take_no_more_calls_than_two_hundred() -> None:
    """The arrays of a scene are made by numpy for all steps at once: no function is called for each node."""
    calls = []
    for steps in (30, 285):
        run, view = simple(steps=steps), View(window=(1, steps))
        scene(run, view)
        calls.append(0)

        def count(frame, event, arg) -> None:
            calls[-1] += event == "call"

        sys.setprofile(count)
        try:
            drawn = scene(run, view)
        finally:
            sys.setprofile(None)
        assert len(drawn.name) >= 7 * steps
    assert calls[1] < 2 * calls[0]


def test_the_selected_node_is_found() -> None:
    picture = scene(simple(), View(selected=("h", 3)))
    assert (picture.names[picture.name[picture.selected]], picture.t[picture.selected]) == ("h", 3)
    assert scene(simple(), View(selected=("h", 99))).selected is None
    assert scene(simple(), View(selected=("zz", 1))).selected is None


def test_the_path_that_is_walked_is_drawn() -> None:
    run = models.run(Model(task="noise", settings=(("steps", 6),)))
    picture = scene(run, View(selected=("h", 1), path=(5, 3)))
    edges = explain.strongest_path(run, "h", 1, 0, 5)
    drawn = [
        tuple((picture.names[picture.name[i]], int(picture.t[i])) for i in (picture.source[e], picture.target[e]))
        for e in picture.path
    ]
    assert drawn == [(edge.source, edge.target) for edge in edges]
    assert picture.walked == 2
    part = scene(run, View(selected=("h", 1), path=(5, 1), window=(1, 3)))
    assert part.walked is None  # it lies outside
    assert 0 < len(part.path) < len(edges)
    for view in (
        View(),
        View(selected=("h", 1)),
        View(selected=("W", 1), path=(5, 1)),
        View(selected=("h", 9), path=(0, 1)),
    ):
        assert scene(run, view).path.size == 0
    figure = figures.graph(picture)
    assert [trace.line.width for trace in figure.data if trace.name == "edges"][-2:] == [2.2, 5.0]
