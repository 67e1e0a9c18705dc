"""Every cell that the engine runs is drawn and explained by every page.

Cells are made by a grammar of features, so chosen that each two values of two features meet in one of them; some more are
drawn at random with the language's own grammar (`cells.texts`).
"""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace

import pytest
from cells import texts
from hypothesis import HealthCheck, Phase, given, seed, settings
from pages import app_at
from streamlit.testing.v1 import AppTest

from engine.working.derivation import SECTIONS, derive
from explorer import compare
from explorer import model as models
from explorer.experiments.slips import SLIPS
from explorer.model import OWN, Model
from explorer.picture.scene import scene
from explorer.state import State, View, from_query, packed, session, to_query
from explorer.teach import export, handout

#: What a cell and its data can have. Of the first value of each there is the simplest.
FEATURES = {
    "parameters": (True, False),
    "x": (True, False),
    "same": (False, True),  # x, h and y are of one size
    "states": (1, 0, 2),
    "losses": ("nll", "mse", "several", "total", "read again"),
    "steps": (3, 1),
    "samples": (1, 3),
    "units": (3, 1),
    "count": ("every", "last"),
    "names": ("plain", "long"),
}
LONG = {"h": "hidden_state_1", "k": "v_2", "W": "W_a_b", "U": "gate_in_x", "V": "V_out_y", "o": "out_put"}


def made(f: dict) -> tuple[str, dict[str, str]] | None:
    """The text of a cell with these features, and its data as the query of a link; None where they contradict each other."""
    if not (f["x"] or f["states"] or f["parameters"]) or (not f["parameters"] and not f["same"]):
        return None
    matrix = "W @ " if f["parameters"] else ""
    terms = [f"{matrix}h[t-1]"] * bool(f["states"])
    terms += [("U @ " if f["parameters"] and not f["same"] else "") + "x"] * f["x"]
    lines = [f"h = tanh({' + '.join(terms or ['b'])})"]
    lines += [f"k = sigmoid({'R @ ' if f['parameters'] else ''}k[t-2] + h)"] * (f["states"] == 2)
    last = "k" if f["states"] == 2 else "h"
    lines.append(f"o = {last}" if f["same"] else f"o = c + V @ {last}")
    lines += {
        "nll": ["L = nll(softmax(o), y)"],
        "mse": ["L = mse(o, y)"],
        "several": ["L = mse(o, y)", "M = 0.5 * mse(tanh(o), y)"],
        "total": ["L1 = mse(o, y)", "L2 = mse(tanh(o), y)", "L = L1 + 0.1 * L2"],
        "read again": ["L = mse(o, y)", "M = softplus(L)"],
    }[f["losses"]]
    text = "\n".join(lines)
    if f["names"] == "long":
        text = re.sub(r"\b[A-Za-z]\b(?!\()", lambda found: LONG.get(found[0], found[0]), text)
    data = {
        "task": "noise", "steps": str(f["steps"]), "samples": str(f["samples"]), "loss": f["count"],
        "inputs": str(f["units"]), "outputs": str(f["units"]), "targets": "classes" if f["losses"] == "nll" else "real",
    }  # fmt: skip
    return text, {"eq": packed(text)} | data


def covering() -> list[dict]:
    """Few sets of features in which each two values of two of them meet, where there is such a cell at all."""
    every = [dict(zip(FEATURES, values, strict=True)) for values in itertools.product(*FEATURES.values())]
    possible = [(f, set(itertools.combinations(f.items(), 2))) for f in every if made(f)]
    random.Random(5).shuffle(possible)
    left, chosen = set().union(*(pairs for _, pairs in possible)), []
    while left:
        some = possible[:300] if len(left) > 40 else [one for one in possible if one[1] & left]
        f, pairs = max(some, key=lambda one: len(one[1] & left))
        chosen.append(f)
        left -= pairs
    return chosen


def opened(name: str, query: dict[str, str], *open_: str) -> AppTest:
    """A page at a link, which owes nobody an error."""
    app = app_at(name, **({"picture": "live"} | query))
    for key in open_:
        app.session_state[key] = True
    app.run()
    assert not app.exception, (name, [e.value for e in app.exception])
    assert not app.error, (name, [e.value for e in app.error])
    assert not [warning.value for warning in app.warning if "link could not be read" in warning.value]
    return app


def said(app: AppTest) -> str:
    """What a page says in words: no formulas and no code, and of a table its cells."""
    found = [element.value for kind in (app.markdown, app.caption, app.info) for element in kind]
    found += [option for box in app.selectbox for option in box.options]
    found += [str(table.value.to_dict()) for table in app.dataframe]
    return re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\$.*?(?<!\\)\$|`[^`]*`", " ", "\n".join(found)))


def looked_at(text: str, query: dict[str, str], number: int) -> str:
    """All pages with a cell, each part of them open; what they say."""
    state, problems = from_query(query)
    assert problems == [], (text, problems)
    assert state.model.cell == OWN
    run = models.run(state.model)
    names = [*run.cell.nodes, *["x"] * run.cell.reads_x, "y", *run.cell.parameters]
    node, other, t = names[number % len(names)], names[(3 * number + 1) % len(names)], 1 + number % run.T
    kinds = ("hidden", "shared", "copies")
    words = [
        opened("network", query | {"node": f"{node},{t}", "parameters": kinds[number % 3], "edges": "backward"},
               "table", "checks", "edit.open", "cell.open", "home"),
        opened("network", query | {"graph": "rolled", "node": f"{other},{t}", "show": "slope"}, "table"),
        opened("network", query | {"graph": "neurons", "node": f"{node},{t}", "unit": "1", "sample": str(number % (run.B + 1))},
               "table"),
        opened("network", query | {"picture": "plotly", "node": f"{other},{t}", "path": "0,1"}),
        *(opened("vanish", query | {"tab": tab, "node": f"{(run.cell.states or run.cell.nodes)[-1]},{t}", "path": f"{run.T},1"})
          for tab in ("losses", "jacobians", "shares", "matrices", "remedies")),
        opened("derive", query | {"sections": ",".join(SECTIONS), "detail": "elements", "step": str(t)}),
        opened("compare", query | {"compare": "|cut=1|init=orthogonal"}),
        opened("cliff", query),
        opened("slips", query | {"slip": list(SLIPS)[number % len(SLIPS)], "ask": f"gradient,{other},{t}"}),
        opened("lessons", query | {"lesson": "why-gradients-vanish,2"}),
    ]  # fmt: skip
    name = list(compare.READY)[number % len(compare.READY)]
    model, columns = compare.prepare(name, state.model)
    opened("compare", to_query(compare.with_columns(State(model), columns)))
    exported(state, run)
    return "\n".join(map(said, words))


def exported(state: State, run) -> None:
    """Everything that can be taken home."""
    for graph in ("unrolled", "rolled", "neurons"):
        shown = replace(state, view=View(graph=graph))
        assert handout.handout(handout.screen(shown, run, scene(run, shown.view), "http://localhost/"))
    for file in (export.npz, export.table, export.graphml, export.node_link, export.latex):
        assert file(run)
    assert session.load(session.save(state)) == state
    compile(export.snippet(state), "snippet", "exec")
    sections = [derive(run, key, 1, 0, 2) for key, row in SECTIONS.items() if not row.obstacle(run)]
    for detail in ("symbols", "numbers", "elements"):
        assert export.derived_latex(sections, detail, "title")
        assert export.derived_markdown(sections, detail, "title")


CHOSEN = covering()


def test_each_two_features_meet_in_a_cell() -> None:
    assert len(CHOSEN) < 40
    met = set().union(*(set(itertools.combinations(f.items(), 2)) for f in CHOSEN))
    for (one, left), (other, right) in itertools.combinations(FEATURES.items(), 2):
        for pair in itertools.product(left, right):
            here = {one: pair[0], other: pair[1]}
            if any(made(f) for f in _with(here)):
                assert ((one, pair[0]), (other, pair[1])) in met


def _with(fixed: dict) -> list[dict]:
    free = {name: (fixed[name],) if name in fixed else values for name, values in FEATURES.items()}
    return [dict(zip(free, values, strict=True)) for values in itertools.product(*free.values())]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_every_cell_is_drawn_and_explained_by_every_page(number) -> None:
    text, query = made(CHOSEN[number])
    words = looked_at(text, query, number)
    for name in (*LONG.values(), "v_2"):
        assert name.replace("_", ",") not in words
        assert ",".join(name.rsplit("_", 1)) not in words
    assert "v_2" not in words  # which is written v₂


@pytest.mark.slow
@seed(3)
@settings(
    max_examples=3, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None
)
@given(texts())
def test_a_random_cell_is_drawn_and_explained_by_every_page(text) -> None:
    query = {"eq": packed(text), "task": "noise", "steps": "3", "inputs": "2", "outputs": "2", "targets": "real"}
    state, problems = from_query(query)
    if not problems and state.model != Model():
        looked_at(text, query, len(text))
