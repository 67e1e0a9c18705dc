"""The page, without a browser: every cell and task, the widgets, bad input, the link, what is computed again."""

from __future__ import annotations

import json
import re
from unittest.mock import patch

import numpy as np
import pytest
from pages import errors, fine, opened, query
from streamlit.testing.v1 import AppTest

import engine
from engine import CATALOGUE
from engine.inputs.tasks import TASKS
from explorer import model as models
from explorer.model import Model
from explorer.page.selection import pick
from explorer.state import PRESETS, State, View, from_query, packed
from explorer.state.session import load, save


def figure(app: AppTest, key: str = "graph") -> dict:
    charts = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return charts[0 if key == "graph" else 1]


def nodes(app: AppTest) -> int:
    """How many nodes the picture has."""
    return sum(len(trace["hovertext"]) for trace in figure(app)["data"] if trace.get("name") == "nodes")


def test_the_first_screen_is_hello() -> None:
    app = opened()
    assert query(app) == {}
    assert nodes(app) == 4 * 7 + 1
    assert not app.warning
    assert not app.error
    assert app.metric[0].value.startswith("4.")


@pytest.mark.slow
@pytest.mark.parametrize("cell", CATALOGUE)
@pytest.mark.parametrize("task", TASKS)
def test_every_cell_runs_every_task(cell, task) -> None:
    app = opened(cell=cell, task=task)
    assert not app.error
    assert not app.warning
    assert nodes(app) > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_opens(preset) -> None:
    app = opened()
    app.button_group(key="result" if PRESETS[preset].source else "preset").set_value(preset).run()
    assert from_query(query(fine(app)))[0].model == PRESETS[preset].state.model


def test_the_picture_follows_steps_cell_and_sizes() -> None:
    app = opened(task="noise")
    assert nodes(app) == 10 * 7 + 1
    fine(app.number_input(key="task.steps").set_value(13).run())
    assert nodes(app) == 13 * 7 + 1
    fine(app.selectbox(key="cell").set_value("lstm").run())
    assert nodes(app) == 13 * 12 + 2
    fine(app.number_input(key="n.h").set_value(3).run())
    assert query(app) == {"cell": "lstm", "n.h": "3", "task": "noise", "steps": "13"}
    fine(app.selectbox(key="task").set_value("text").run())
    fine(app.text_area(key="task.text").set_value("abcd").run())
    assert nodes(app) == 3 * 12 + 2
    assert app.number_input(key="steps").value == 3
    assert app.number_input(key="n.x").value == 4


def test_a_link_and_the_widgets_work_together() -> None:
    app = opened(cell="gru", task="noise", steps="7", loss="last", init="orthogonal,gain:2")
    assert app.selectbox(key="cell").value == "gru"
    assert app.number_input(key="init.gain").value == 2
    assert app.selectbox(key="count").value == "last"
    fine(app.selectbox(key="count").set_value("every").run())
    assert query(app) == {"cell": "gru", "task": "noise", "steps": "7", "loss": "every", "init": "orthogonal,gain:2"}
    again = opened(**query(app))
    assert figure(again) == figure(app)
    assert again.metric[0].value == app.metric[0].value


def test_a_bad_link_is_told_and_the_page_works() -> None:
    app = opened(cell="foo **bold** $x$ <img>", steps="x")
    (warning,) = app.warning
    assert "foo" in warning.value
    assert "`foo **bold** $x$ <img>`" in warning.value  # as code, in which nothing is markup
    assert nodes(app) == 4 * 7 + 1
    fine(app.selectbox(key="cell").set_value("lstm").run())
    assert not app.warning
    assert query(app) == {"cell": "lstm"}


def test_another_colour_computes_nothing_again() -> None:
    app = opened(cell="lstm")
    before = figure(app)
    with patch.object(engine, "run", side_effect=AssertionError("computed again")):
        fine(app.button_group(key="lens").set_value("value").run())
        fine(app.selectbox(key="measure").set_value("largest").run())
        fine(app.number_input(key="low").set_value(-9).run())
        fine(app.button(key="fit").click().run())
        fine(app.button(key="usual").click().run())
        assert query(app) == {"cell": "lstm", "show": "value", "as": "largest"}
        assert figure(app) != before
    assert engine.run is not None


def test_the_scale_stays_until_it_is_fitted() -> None:
    app = opened(task="noise")

    def scale() -> tuple[float, float]:
        marker = next(trace["marker"] for trace in figure(app)["data"] if trace.get("name") == "nodes")
        return marker["cmin"], marker["cmax"]

    assert scale() == (-5, 1)
    fine(app.selectbox(key="count").set_value("last").run())
    fine(app.number_input(key="init.gain").set_value(0.1).run())
    assert scale() == (-5, 1)
    fine(app.button(key="fit").click().run())
    fitted = scale()
    assert fitted[0] < -5
    fine(app.number_input(key="task.steps").set_value(4).run())
    assert scale() == fitted
    assert "range.gradient" in query(app)
    fine(app.button(key="usual").click().run())
    assert scale() == (-5, 1)


def test_refused_input_is_told_at_its_place_and_the_picture_stays() -> None:
    app = opened()
    before = figure(app)
    fine(app.text_area(key="task.text").set_value("").run())
    assert "a text of 2 to" in errors(app)[0]
    assert app.text_area(key="task.text").value == ""
    assert figure(app) == before
    fine(app.text_area(key="task.text").set_value("hella").run())
    assert not app.error
    fine(app.selectbox(key="count").set_value("hand").run())
    assert app.text_input(key="weights").value == "1, 1, 1, 1"
    for bad, message in (
        ("1, 2", "2 weights for 4 steps"),
        ("a", "weights are numbers"),
        ("1,2,3,nan", "`nan` is no finite number"),
        ("", "numbers"),
    ):
        fine(app.text_input(key="weights").set_value(bad).run())
        assert message in errors(app)[0]
    fine(app.text_input(key="weights").set_value("0 0; 0, 1").run())
    assert not app.error
    assert query(app)["w"] == "0,0,0,1"


def test_a_bad_table_is_told() -> None:
    app = opened(task="table")
    before = figure(app)
    fine(app.text_area(key="task.text").set_value("x1,y1\n1,<b>\n2,3").run())
    assert "line 2, column y1" in errors(app)[0]
    assert "`<b>`" in errors(app)[0]
    assert figure(app) == before
    fine(app.selectbox(key="cell").set_value("gru").run())  # what was typed is not thrown away
    assert app.text_area(key="task.text").value == "x1,y1\n1,<b>\n2,3"
    fine(app.text_area(key="task.text").set_value("x1,y\n1,0\n2,1").run())
    assert not app.error
    assert nodes(app) == 2 * 10 + 1


def notes(app: AppTest) -> list[str]:
    """What the page says that columns were taken for."""
    return [c.value.replace("\\", "") for c in app.caption if c.value.startswith("The column")]


def losses(app: AppTest) -> set[str]:
    cell = models.cell(app.session_state["state"].model)
    return {row.name for node in cell.nodes if (row := cell.loss(node))}


def test_the_page_says_what_a_column_was_taken_for_and_lets_one_choose() -> None:
    app = opened(task="table")
    fine(app.text_area(key="task.text").set_value("x1,y\n112,118\n118,132\n132,129").run())
    assert notes(app) == ["The column y was taken for real numbers, since its whole numbers run from 118 to 132, and those"
                          " of classes begin at 0 or 1."]  # fmt: skip
    assert losses(app) == {"mse"}
    fine(app.selectbox(key="task.targets").set_value("classes").run())
    assert notes(app) == ["The column y was taken for 3 classes, as asked: `118`, `129`, `132`."]
    assert losses(app) == {"nll"}
    assert [s for s in figure_texts(app) if s in ("118", "129", "132")] == ["118", "132", "129"]
    again = opened(**query(app))
    assert again.session_state["state"] == app.session_state["state"]
    before = app.session_state["state"]
    fine(app.selectbox(key="task.targets").set_value("shares").run())
    assert "shares need two columns or more" in errors(app)[0].replace("\\", "")
    assert app.session_state["state"] == before
    fine(app.selectbox(key="task.targets").set_value("auto").run())
    fine(app.text_area(key="task.text").set_value("x,y1,y2,y3\n1,1,0,0\n2,0.5,0.3,0.2").run())
    assert notes(app)[0].startswith("The columns y1 to y3 were taken for shares, since each row sums to 1")
    assert losses(app) == {"nll"}
    assert [s for s in figure_texts(app) if s[0] == "y"] == ["y1", "y1 0.50"]
    run = models.run(app.session_state["state"].model)
    p = run.value["y_hat"][:, 0]
    assert run.loss == pytest.approx(-(run.y[:, 0] * np.log(p)).sum())


def figure_texts(app: AppTest) -> list[str]:
    """What the picture writes at its inputs and targets."""
    return [
        text for trace in figure(app)["data"] if trace.get("name") in ("inputs", "targets") for text in trace["text"]
    ]


def test_words_are_classes_and_shown_wherever_classes_are() -> None:
    app = opened(task="table", text="x,y\n1,sun\n2,rain\n3,sun", node="y,2")
    assert notes(app)[0].endswith("2 classes, since it has words, in the order in which they appear: `sun`, `rain`.")
    assert figure_texts(app) == ["sun", "rain", "sun"]
    assert any("the class `rain`" in c.value for c in app.caption)


@pytest.mark.parametrize("loss", ["bce(p, y)", "mse(p, y)"])
def test_zeros_and_ones_suit_a_cell_that_compares_with_numbers(loss) -> None:
    text = f"a = W @ h[t-1] + U @ x\nh = sigmoid(a)\no = V @ h\np = sigmoid(o)\nL = {loss}"
    table = "x1,x2,y\n1,0,1\n0,1,1\n1,1,0\n0,0,1"
    state, problems = from_query({"task": "table", "text": table, "eq": packed(text)})
    assert problems == []
    run = models.run(state.model)
    assert run.y.tolist() == [[[1.0]], [[1.0]], [[0.0]], [[1.0]]]
    assert models.task(state.model).notes[0].endswith("real numbers, as asked. The loss of your cell asks for them.")
    words = "x1,x2,y\n1,0,yes\n0,1,no"
    assert "compares with real numbers" in from_query({"task": "table", "text": words, "eq": packed(text)})[1][0]
    nll = packed(text.replace("sigmoid(o)", "softmax(o)").replace(loss, "nll(p, y)"))
    assert models.task(from_query({"task": "table", "text": table, "eq": nll})[0].model).kind == "classes"
    numbers = from_query({"task": "table", "text": "x,y\n1,118\n2,132", "eq": nll})[0].model
    assert models.task(numbers).classes == ("118", "132")


def test_targets_that_are_shares_are_edited_as_shares() -> None:
    model = from_query({"task": "table", "text": "x,y1,y2\n1,0.5,0.5\n2,0,1"})[0].model
    edited = models.with_edits(model, {("y", (0, 0, 0)): 0.75})
    assert models.task(edited).y[0, 0].tolist() == [0.75, 0.5]
    assert models.task(edited).kind == "shares"
    with pytest.raises(ValueError, match="a share is a number from 0 to 1"):
        models.with_edits(model, {("y", (0, 0, 0)): -0.5})
    real = models.with_edits(
        models.with_setting(model, "targets", "real"), {("y", (0, 0, 0)): -3.0, ("y", (1, 0, 0)): 0.25}
    )
    assert [value for _, value in models.with_setting(real, "targets", "shares").edits] == [0.25]


def test_a_text_of_several_lines_is_taken_as_it_is() -> None:
    text = "First line of a letter:\nand a second one.\n"
    app = opened()
    fine(app.text_area(key="task.text").set_value(text).run())
    model = app.session_state["state"].model
    task = models.task(model)
    assert task.labels[len("First line of a letter:")] == "↵"
    assert [task.classes[c] for c in task.y[:, 0]] == [{" ": "␣", "\n": "↵"}.get(c, c) for c in text[1:]]
    assert query(app)["text"] == text
    assert opened(**query(app)).session_state["state"] == app.session_state["state"]
    assert load(save(app.session_state["state"])) == app.session_state["state"]
    fine(app.number_input(key="n.h").set_value(3).run())
    assert app.text_area(key="task.text").value == text


def test_radius_and_norm_exclude_each_other() -> None:
    app = opened()
    fine(app.number_input(key="init.radius").set_value(0.9).run())
    assert query(app) == {"init": "normal,radius:0.9"}
    fine(app.number_input(key="init.norm").set_value(1.5).run())
    assert "scaled to one of them" in errors(app)[0]
    assert query(app) == {"init": "normal,radius:0.9"}


def test_the_bias_of_the_forget_gate() -> None:
    app = opened(cell="lstm")
    assert app.selectbox(key="parameter").value == "b_f"
    fine(app.selectbox(key="init.b_f").set_value("constant").run())
    fine(app.number_input(key="init.b_f.value").set_value(3.0).run())
    assert query(app) == {"cell": "lstm", "init.b_f": "constant,value:3"}
    fine(app.selectbox(key="cell").set_value("rnn").run())
    assert query(app) == {}


def test_a_new_seed_is_another_network() -> None:
    app = opened()
    before = app.metric[0].value
    fine(app.button(key="again").click().run())
    assert app.metric[0].value != before
    assert set(query(app)) == {"init_seed"}


def test_the_worked_network_begins_with_its_own_weights() -> None:
    app = opened(task="worked")
    assert app.number_input(key="n.h").disabled
    before = app.metric[0].value
    fine(app.toggle(key="own").set_value(False).run())
    assert app.metric[0].value != before
    assert not app.number_input(key="n.h").disabled


def test_an_overflow_is_said() -> None:
    app = opened(activation="identity", task="noise", steps="400", init="normal,gain:50")
    assert "range of floating point" in app.warning[0].value


def test_of_a_long_run_the_window_is_drawn() -> None:
    assert nodes(opened(task="noise", steps="1000")) == 50 * 7
    assert nodes(opened(task="noise", steps="1000", window="1,100")) == 100 * 7 + 1
    assert nodes(opened(task="noise", steps="1000", window="1,1000")) == 2_500 // 7 * 7
    assert nodes(opened(task="noise", steps="10", window="400,500")) == 10 * 7 + 1


def test_a_knob_is_chosen_and_kept_in_the_link() -> None:
    app = opened(task="noise", picture="live")
    fine(app.selectbox(key="knob.of").set_value("W").run())
    assert query(app)["knob"] == "gain,W,1"
    fine(app.selectbox(key="knob.kind").set_value("radius").run())
    assert query(app)["knob"] == "radius,W,1"
    fine(app.selectbox(key="knob.kind").set_value("entry").run())
    fine(app.number_input(key="knob.column").set_value(3).run())
    assert re.fullmatch(r"entry,W,[-\d.e]+,0,2", query(app)["knob"])
    fine(app.selectbox(key="cell").set_value("lstm").run())
    fine(app.selectbox(key="knob.of").set_value("b_f").run())
    assert query(app)["knob"] == "added,b_f,0"
    fine(app.selectbox(key="knob.of").set_value("").run())
    assert (query(app)["knob"], query(app)["loss"]) == ("step,,10", "last")
    fine(app.selectbox(key="count").set_value("every").run())
    assert "several steps count" in app.info[0].value
    fine(app.selectbox(key="count").set_value("last").run())
    assert not app.info
    fine(app.selectbox(key="knob.of").set_value(None).run())
    assert "knob" not in query(app)


def test_a_knob_is_centred_about_where_it_stands() -> None:
    app = opened(picture="live", knob="gain,W,1", turn__W="4")
    fine(app.button(key="knob.centre").click().run())
    assert query(app)["knob"] == "gain,W,4"
    assert not [button for button in app.button if button.key == "knob.centre"]
    aside = opened(picture="live", knob="gain,W,1", turn__W="1.23")  # not in the range, which then is about it anyway
    assert not [button for button in aside.button if button.key == "knob.centre"]


def test_a_knob_of_too_large_a_run_is_told_and_the_page_works() -> None:
    app = opened(cell="lstm", task="noise", steps="1000", samples="10", picture="live", knob="gain,W,1")
    assert "steps times samples would fit" in app.info[0].value
    fine(app.number_input(key="task.samples").set_value(1).run())
    assert not app.info


def test_a_knob_that_the_cell_does_not_have_waits_for_it() -> None:
    app = opened(picture="live", knob="gain,U_f,1")
    assert app.selectbox(key="knob.of").value is None
    assert "there is no" in app.info[0].value
    fine(app.selectbox(key="cell").set_value("lstm").run())
    assert app.selectbox(key="knob.of").value == "U_f"
    assert not app.info
    plotly = opened(knob="gain,W,1")
    assert any("live picture only" in caption.value for caption in plotly.caption)


def test_checks_are_made_when_they_are_asked_for() -> None:
    with patch("explorer.page.results.check", side_effect=AssertionError("too early")):
        app = opened()
    app.session_state["checks"] = True
    fine(app.run())
    tables = [m.value for m in app.markdown if "| Law |" in m.value]
    assert len(tables) == 1
    assert "✓" in tables[0]
    assert "✗" not in tables[0]


def test_samples() -> None:
    app = opened(task="noise", samples="3")
    before = figure(app)
    fine(app.selectbox(key="sample").set_value(2).run())
    assert figure(app) != before
    assert query(app)["sample"] == "2"
    fine(app.selectbox(key="reduction").set_value("sum").run())
    fine(app.number_input(key="task.samples").set_value(1).run())
    assert nodes(app) == 10 * 7 + 1


def test_user_text_is_shown_as_it_stands() -> None:
    app = opened(text="a<b>*_$`\\|")
    said = json.dumps(figure(app), ensure_ascii=False)
    assert "&lt;" in said
    assert not app.warning


def test_one_character_over_and_over() -> None:
    assert nodes(opened(text="aaaa")) == 3 * 7 + 1


# --- parameters and the rolled graph ---


def test_parameters_are_hidden_shared_or_copied() -> None:
    app = opened()
    fine(app.selectbox(key="parameters").set_value("copies").run())
    assert query(app) == {"parameters": "copies"}
    assert nodes(app) == 4 * (7 + 5) + 1
    fine(app.selectbox(key="parameters").set_value("shared").run())
    assert nodes(app) == 4 * 7 + 1 + 5
    fine(app.selectbox(key="edges").set_value("backward").run())
    fine(app.selectbox(key="node").set_value("W").run())
    assert query(app) == {"parameters": "shared", "edges": "backward", "node": "W,4"}


@pytest.mark.parametrize("parameters", ["shared", "copies"])
@pytest.mark.parametrize("cell", CATALOGUE)
def test_every_cell_shows_its_parameters(cell, parameters) -> None:
    app = opened(cell=cell, parameters=parameters, edges="backward", picture="live")
    assert not app.error
    assert not app.warning
    fine(app.button_group(key="graph").set_value("rolled").run())
    assert nodes(app) == len(CATALOGUE[cell].nodes) + len(CATALOGUE[cell].parameters) + 1 + CATALOGUE[cell].reads_x


def test_the_rolled_graph_can_be_fitted() -> None:
    app = opened(graph="rolled", task="noise", steps="900")
    assert nodes(app) == 7
    assert not [slider for slider in app.slider if slider.key == "last"]
    fine(app.button(key="fit").click().run())
    assert any(key.startswith("range") for key in query(app))


def test_a_click_on_what_stands_once_selects_the_copy_of_the_step_in_question() -> None:
    run = models.run(Model())
    for selected, step in ((None, 4), (("h", 2), 2), (("h", 0), 1), (("h", 99), 4)):
        state = State(Model(), View(selected=selected))
        assert pick(run, ("W", 0))(state, None).view.selected == ("W", step)
        assert pick(run, ("W", 3))(state, None).view.selected == ("W", 3)
        assert pick(run, ("h", 0))(state, None).view.selected == ("h", 0)
        assert pick(run, None)(state, None).view.selected is None
