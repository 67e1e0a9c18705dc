"""What a caller of the engine gives: integers of any type, masks, classes in the wrong type; each taken or told."""

from __future__ import annotations

import inspect
import re

import networkx as nx
import numpy as np
import pytest

import engine
from engine import CATALOGUE, TASKS
from engine import formula as language
from engine.support.arguments import whole
from engine.verify.asked import Asked, by_disturbance, truth
from engine.verify.measured import measured
from engine.verify.other_networks import other_network
from engine.verify.verdict import judge
from engine.working import derivation
from engine.working import messages as explain
from engine.working.entries import explained

RNN = CATALOGUE["rnn"]
SIZES = {"x": 2, "h": 3, "y": 4}
PARAMS = engine.initialise(RNN, SIZES, seed=0)
X = np.random.default_rng(0).normal(size=(5, 2, 2))
Y = np.array([[1, 2], [0, 3], [2, 2], [3, 0], [1, 1]])


@pytest.fixture(scope="module")
def run():
    return engine.run(RNN, PARAMS, X, Y)


#: What takes whole numbers -> its call, and numbers that are right.
CALLS = {
    "unroll": (lambda run, T: engine.unroll(RNN, T), (3,)),
    "feedforward": (lambda run, layers: engine.feedforward(layers), (3,)),
    "check": (lambda run, limit: engine.check(run, limit), (20,)),
    "cut": (lambda run, every: engine.cut(run, every), (2,)),
    "window": (lambda run, steps: engine.window(run, steps), (2,)),
    "initialise": (
        lambda run, x, h, y, seed: engine.initialise(RNN, {"x": x, "h": h, "y": y}, seed=seed),
        (2, 3, 4, 1),
    ),
    "shapes": (lambda run, x, h, y: RNN.shapes({"x": x, "h": h, "y": y}), (2, 3, 4)),
    "sizes": (lambda run, x, h, y: RNN.sizes({"x": x, "h": h, "y": y}), (2, 3, 4)),
    "neurons": (lambda run, first, last, sample: engine.neurons(run, first, last, sample), (1, 2, 1)),
    "explained": (lambda run, t, i, sample: explained(run, ("h", t, i), sample), (1, 1, 1)),
    "expand": (lambda run, t, sample: engine.expand(run, "h", t, sample), (1, 1)),
    "jacobian_at": (lambda run, t, s: engine.jacobian_at(run, "h", "h", t, s), (3, 1)),
    "derive": (lambda run, t, sample, levels: derivation.derive(run, "recursion", t, sample, levels), (1, 1, 2)),
    "forward": (lambda run, t, sample: explain.forward(run, "h", t, sample), (1, 1)),
    "backward": (lambda run, t, sample: explain.backward(run, "h", t, sample), (1, 1)),
    "path": (lambda run, t, sample, loss: explain.strongest_path(run, "h", t, sample, loss), (1, 1, 3)),
    "jacobian_of_softmax": (lambda run, t, sample: explain.jacobian_of_softmax(run, "y_hat", t, sample), (1, 1)),
    "measured": (lambda run, t, sample: measured(run, "h", t, sample), (1, 1)),
    "judge": (
        lambda run, t, sample: judge(language.parse("g_h", RNN), run, Asked("gradient", "h", t), sample),
        (2, 1),
    ),
    "truth": (lambda run, t, sample: truth(run, Asked("gradient", "h", t), sample), (2, 1)),
    "by_disturbance": (lambda run, t, sample: by_disturbance(run, Asked("gradient", "h", t), sample), (2, 1)),
    "other_network": (lambda run, t, seed: other_network(run, Asked("gradient", "h", t), seed), (2, 1)),
    **{
        f"task {name}": (
            lambda run, *given, entry=entry: entry.function(
                **dict(zip((row.name for row in entry.settings if row.kind == "int"), given, strict=True))
            ),
            tuple(row.default for row in entry.settings if row.kind == "int"),
        )
        for name, entry in TASKS.items()
        if any(row.kind == "int" for row in entry.settings)
    },
}


def plainly(value, depth=0):
    """A value as something that compares: arrays as their bytes, graphs as their nodes and edges."""
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, nx.Graph):
        return sorted(map(str, value.nodes(data=True))), sorted(map(str, value.edges(data=True)))
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plainly(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plainly(item, depth + 1) for item in value]
    if isinstance(value, engine.Run):
        return plainly(value.grad), plainly(value.parameters)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, engine.Cell) and depth < 6:
        return {key: plainly(getattr(value, key), depth + 1) for key in value.__dataclass_fields__}
    return value.text if isinstance(value, engine.Cell) else repr(value)


@pytest.mark.parametrize("what", list(CALLS))
def test_every_integer_type_is_taken_where_int_is(what, run) -> None:
    call, given = CALLS[what]
    expected = plainly(call(run, *given))
    for kind in (np.int64, np.int8, np.uint8, np.uint64, np.array):
        if max(given) < 128 or kind not in (np.int8, np.uint8):
            assert plainly(call(run, *map(kind, given))) == expected, kind
    for i in range(len(given)):
        too_large = () if what in ("check", "cut", "window") else (10**30,)
        for wrong in (
            True,
            np.True_,
            float(given[i]),
            str(given[i]),
            np.array([given[i], 1]),
            -7,
            float("nan"),
            *too_large,
        ):
            with pytest.raises(ValueError, match=r" is | = |gives about"):
                call(run, *given[:i], wrong, *given[i + 1 :])


def test_every_public_function_with_a_whole_number_is_tried_here() -> None:
    public = [getattr(engine, name) for name in engine.__all__]
    taking = {
        function.__name__
        for function in public
        if inspect.isfunction(function)
        and any(
            re.search(r"(?<![\[\w])int\b", str(row.annotation))
            for row in inspect.signature(function).parameters.values()
        )
    }
    assert taking <= set(CALLS)


def test_a_whole_number_out_of_bounds_is_told_with_its_bounds() -> None:
    assert whole("n", np.uint8(3), 1, 3, "1 to 3") == 3
    assert type(whole("n", np.uint8(3), 1, 3, "1 to 3")) is int
    with pytest.raises(ValueError, match="n is 4; 1 to 3"):
        whole("n", 4, 1, 3, "1 to 3")


def test_a_step_or_sample_that_there_is_not_is_told_with_those_that_there_are(run) -> None:
    for sample in (-1, 2):
        with pytest.raises(ValueError, match=f"^sample is {sample}; samples are counted from 0 to 1$"):
            engine.expand(run, "h", 1, sample)
    for t in (0, 6):
        with pytest.raises(ValueError, match=f"^t is {t}; steps are 1 to 5$"):
            engine.expand(run, "h", t)
    with pytest.raises(ValueError, match=r"^t is -1; h has steps 0 to 5$"):
        explain.backward(run, "h", -1)


def test_a_boolean_mask_is_taken_as_weights(run) -> None:
    mask = np.array([[1, 0], [0, 0], [1, 1], [0, 1], [1, 1]], bool)
    for given, numbers in (
        (mask, mask.astype(float)),
        (mask[:, 0], mask[:, 0].astype(float)),
        (mask.tolist(), mask * 1.0),
    ):
        found, expected = (engine.run(RNN, PARAMS, X, Y, weights=weights) for weights in (given, numbers))
        np.testing.assert_array_equal(found.weights, expected.weights)
        assert found.loss == expected.loss
        np.testing.assert_array_equal(found.grad["h"], expected.grad["h"])


@pytest.mark.parametrize("hidden", [True, False])
def test_masked_arrays_are_refused_where_they_are_given(hidden, run) -> None:
    def masked(array):
        return np.ma.array(array, mask=np.full(np.shape(array), hidden))

    for arguments, what in (
        ({"x": masked(X)}, "x"),
        ({"x": [masked(row) for row in X]}, "x"),
        ({"y": masked(Y)}, "y"),
        ({"y": masked(np.ones((5, 2, 4)))}, "y"),
        ({"weights": masked(np.ones(5))}, "weights"),
        ({"params": PARAMS | {"W": masked(PARAMS["W"])}}, r"params\['W'\]"),
        ({"initial": {"h": masked(np.ones(3))}}, r"initial\['h'\]"),
    ):
        with pytest.raises(ValueError, match=rf"^{what} is a masked array, .*\.filled\(0\)"):
            engine.run(**{"cell": RNN, "params": PARAMS, "x": X, "y": Y} | arguments)
    with pytest.raises(ValueError, match="masked"):
        engine.clip_by_norm({"W": masked(PARAMS["W"])}, 1.0)
    with pytest.raises(ValueError, match="masked"):
        engine.clip_by_value({"W": masked(PARAMS["W"])}, 1.0)
    with pytest.raises(ValueError, match="masked"):
        engine.plane(run, [{"W": masked(PARAMS["W"])}], [[0.0]])


def test_classes_given_as_floats_are_told_with_the_remedy() -> None:
    remedy = r"if they are classes, give y\.astype\(int\)"
    for y, x in ((Y[:, 0].astype(float), X[:, 0]), (Y.astype(float), X), (Y[:, :1].astype(float), X[:, 0])):
        with pytest.raises(ValueError, match=rf"y has the floats 1, \d.*{remedy}"):
            engine.run(RNN, PARAMS, x, y)
        assert engine.run(RNN, PARAMS, x, y.astype(int)).T == 5
    for y in (Y[:, 0] + 0.5, np.eye(4)[Y[:, 0]][:, :3], np.full(5, np.inf)):  # these are no classes
        with pytest.raises(ValueError, match="y ") as caught:
            engine.run(RNN, PARAMS, X[:, 0], y)
        assert "astype" not in str(caught.value)


def test_unsigned_classes_are_taken_and_told_by_their_own_numbers() -> None:
    assert engine.run(RNN, PARAMS, X, Y.astype(np.uint64)).loss == engine.run(RNN, PARAMS, X, Y).loss
    for most in (2**63, 2**64 - 1, 2**40, 4):
        y = Y.astype(np.uint64)
        y[2, 1] = most
        with pytest.raises(ValueError, match=f"y has classes from 0 to {most}; they are counted from 0"):
            engine.run(RNN, PARAMS, X, y)
    linear = engine.parse("h = W @ h[t-1] + U @ x\nL = mse(V @ h, y)")
    params = engine.initialise(linear, {"x": 2, "h": 3, "y": 2})
    with pytest.raises(ValueError, match=r"y has integers .* convert with numpy\.asarray\(y, float\)"):
        engine.run(linear, params, X, Y.astype(np.uint64)[..., None])
    with pytest.raises(ValueError, match=r"x has uint64 .* convert with numpy\.asarray"):
        engine.run(linear, params, X.astype(np.uint64), X)


@pytest.mark.parametrize(
    "value", [None, 1, [], np.zeros((0, 2)), np.array(["mean", "sum"]), np.array("mean"), "means", {}]
)
def test_a_choice_takes_its_names_and_nothing_else(value):
    """With numpy 2.0 a comparison of an array with a text warns, or has no truth value."""
    cell = engine.CATALOGUE["rnn"]
    params = engine.initialise(cell, {"x": 2, "h": 2, "y": 2})
    run = engine.run(cell, params, np.ones((3, 2)), np.zeros(3, int))
    for ask, what in (
        (lambda: engine.run(cell, params, np.ones((3, 2)), np.zeros(3, int), reduction=value), "reduction"),
        (lambda: engine.jacobian_norm(run, "h", "h", kind=value), "kind"),
        (lambda: engine.unroll(cell, 3, parameters=value), "parameters"),
        (lambda: engine.neuron_network(nx.DiGraph([("a", "b")]), value), "loss"),
    ):
        with pytest.raises(ValueError, match=f"^{what} is "):
            ask()


#: Arguments of the public functions, of which each needs some: what stands in for them while another is tried.
STANDS_IN = {
    "cell": RNN, "text": RNN.text, "params": PARAMS, "x": X, "y": Y, "sizes": SIZES, "graph": nx.DiGraph([("a", "b")]),
    "directions": [PARAMS], "points": np.zeros((1, 1)), "grads": PARAMS, "limit": 1.0, "name": "h", "of": "h", "wrt": "h",
    "loss": "L", "target": "a", "source": "h", "names": ["b"], "t": 1, "s": 1, "every": 2, "steps": 2,
}  # fmt: skip
_TEXT = re.compile(r"\bstr\b|Literal|Reduction|Parameters|Schemes|Direction")


def asking(run):
    """Name of a public function or method, and of its argument that takes a text or names -> how it is called with one."""
    functions = {name: getattr(engine, name) for name in engine.__all__ if inspect.isfunction(getattr(engine, name))}
    functions |= {f"TASKS[{name!r}]": entry.function for name, entry in TASKS.items()}
    for thing in (run, RNN):
        kind = type(thing)
        names = [name for name, entry in vars(kind).items() if inspect.isfunction(entry) and name[0] != "_"]
        functions |= {f"{kind.__name__}.{name}": getattr(thing, name) for name in names}
    functions["Cell"] = engine.Cell
    for called, function in functions.items():
        rows = inspect.signature(function).parameters
        needed = {
            name: {"run": run, **STANDS_IN}[name]
            for name, row in rows.items()
            if row.default is row.empty and name != "expression"
        }
        if called == "unroll":
            needed["source"] = run
        for name, row in rows.items():
            if _TEXT.search(str(row.annotation)):
                yield (
                    called,
                    name,
                    str(row.annotation),
                    lambda value, f=function, n=name, g=needed: f(**{**g, n: value}),
                )


def refusal(ask, value):
    """What a call with the value says if it refuses it; None if it takes it."""
    try:
        ask(value)
    except (ValueError, TypeError) as error:
        return str(error)


@pytest.mark.parametrize("value", [["h"], [["h"]], np.array(["h", "a"]), {"h": ["a"]}, {"h"}, None], ids=repr)
def test_what_is_no_text_is_told_with_the_argument(value, run) -> None:
    """Each text is looked up somewhere, and what cannot be hashed or compared is refused before, by the name of the argument."""
    tried = 0
    for called, name, annotation, ask in asking(run):
        many = any(word in annotation for word in ("Iterable", "Collection", "Sequence", "Mapping", "tuple", "Schemes"))
        if (value is None and ("None" in annotation or many)) or (isinstance(value, dict) and "Mapping" in annotation):
            continue
        tried += 1
        message = refusal(ask, value)
        if message is None:
            assert many, f"{called} takes {value!r} for {name}"
        else:
            assert name.removesuffix("s") in message, (called, name, message)
            assert "unhashable" not in message
            assert "truth value" not in message
    assert tried > 35
