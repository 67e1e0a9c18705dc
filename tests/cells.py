"""Random cells, and runs of them, for hypothesis.

`texts` gives any text of the language's grammar; `cases` adds sizes, steps, samples, weights, initial values, targets
and precision. A `Case` prints as the call that makes it again, and shrinks to a short text, one step and one unit.
`FEATURES` are texts that have, each, one thing that a schedule could get wrong; `HARD` are cases for the linear system of links.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from hypothesis import example
from hypothesis import strategies as st

from engine import parse, run
from engine.execute import interpreter
from engine.execute.run import Run
from engine.language.cell import Cell

_SOFTMAX = "o = c + V @ h\ny_hat = softmax(o)\nL = nll(y_hat, y)"

FEATURES = {
    "the book's network": f"a = b + W @ h[t-1] + U @ x\nh = tanh(a)\n{_SOFTMAX}",
    "an LSTM": "f = sigmoid(b_f + W_f @ h[t-1] + U_f @ x)\ng = sigmoid(b_g + W_g @ h[t-1] + U_g @ x)\n"
    "s = f * s[t-1] + g * tanh(b + W @ h[t-1] + U @ x)\nq = sigmoid(b_q + W_q @ h[t-1] + U_q @ x)\nh = tanh(s) * q\n"
    f"{_SOFTMAX}",
    "a gate that mixes": "z = sigmoid(W @ h[t-1] + U @ x)\nr = sigmoid(R @ h[t-1])\nm = d + M @ h[t-1]\n"
    f"h = (1 - z) * tanh(b + r * m) + z * h[t-1]\n{_SOFTMAX}",
    "lags of one, two and three": f"h = tanh(b + W @ h[t-1] + R @ h[t-2] - S @ h[t-3] + U @ x)\n{_SOFTMAX}",
    "a lag of three alone": f"h = tanh(W @ h[t-3] + U @ x)\n{_SOFTMAX}",
    "two recurrent layers": "h_1 = tanh(W_1 @ h_1[t-1] + U @ x)\nh = tanh(W_2 @ h[t-1] + R @ h_1 + b * h_1[t-2])\n"
    f"{_SOFTMAX}",
    "two recurrences that read each other": "h = tanh(W @ k[t-1] + U @ x)\nk = sigmoid(R @ h + S @ k[t-2] - h[t-1] * b)\n"
    f"{_SOFTMAX}",
    "two recurrences that know nothing of each other": "k = tanh(R @ k[t-1] + b)\nh = tanh(W @ h[t-1] + U @ x)\n"
    "o = V @ h + T @ k\nL = mse(o, y)",
    "elementwise parameters": f"h = tanh(alpha * h[t-1] + (1 - alpha) * (U @ x) - b * b)\n{_SOFTMAX}",
    "a parameter times a product": f"h = tanh(alpha * (W @ h[t-1]) + beta * (U @ x))\n{_SOFTMAX}",
    "constants": "k = 2\nj = k * 0.5 - 3\nh = tanh(k * (U @ x) + 0.25 * h[t-1] - 1 + j[t-1])\nL = 3 * mse(V @ h, y) - 2",
    "minus signs": "h = -tanh(-b - -(W @ h[t-1]) - (U @ x - h[t-1]))\nL = -mse(-(V @ h), y)",
    "calls in calls": "h = tanh(sigmoid(softplus(U @ x) - W @ h[t-1]) * tanh(h[t-1]))\nL = nll(softmax(V @ tanh(h)), y)",
    "softmax in the recurrence": f"h = softmax(b + W @ h[t-1] + U @ x)\n{_SOFTMAX}",
    "softmax of a sum of softmaxes": "h = softmax(softmax(W @ h[t-1]) + softmax(U @ x))\nL = mse(V @ h, y)",
    "the output comes back": "h = tanh(b + W @ y_hat[t-1] + R @ o[t-2] + U @ x)\no = c + V @ h\ny_hat = softmax(o)\n"
    "L = nll(y_hat, y)",
    "a loss is read by a later step": f"h = tanh(W @ h[t-1] + U @ x + M @ L[t-1])\n{_SOFTMAX}",
    "a loss is read in its step": f"h = tanh(W @ h[t-1] + N @ k[t-1] + U @ x)\n{_SOFTMAX}\nk = tanh(M @ L)",
    "a loss is read again, and counts in a total": f"h = tanh(W @ h[t-1] + M @ L[t-1] + U @ x)\n{_SOFTMAX}\nJ = 0.5 * L",
    "two losses in a circle": "h = tanh(W @ h[t-1] + M @ L2[t-1] + U @ x)\no = V @ h\nL1 = nll(softmax(o), y)\n"
    "L2 = mse(o, y) + 0.5 * L1",
    "a loss of the loss": "h = tanh(W @ h[t-1] + U @ x)\nL = mse(V @ h, y)\nM = softplus(L * L[t-1] - mse(h, y))",
    "a total of two losses": "h = tanh(W @ h[t-1] + U @ x)\no = V @ h\np = softmax(o)\nL1 = nll(p, y)\nL2 = mse(o, y)\n"
    "L = L1 + 0.1 * L2",
    "half a loss": "h = tanh(W @ h[t-1] + U @ x)\nJ = mse(V @ h, y)\nL = 0.5 * J",
    "a total of totals": "h = tanh(W @ h[t-1] + U @ x)\no = V @ h\nL1 = nll(softmax(o), y)\nL2 = bce(sigmoid(o), y)\n"
    "R = alpha * L2 - L2[t-1]\nL = L1 * L1 + tanh(R) + mse(o, y)\nM = 0.5 * mse(h, y)",
    "a running loss": f"h = tanh(W @ h[t-1] + U @ x)\n{_SOFTMAX}\ns = 0.9 * s[t-1] + 0.1 * L",
    "the last loss": f"h = tanh(W @ h[t-1] + U @ x)\n{_SOFTMAX}\nJ = 2 * L[t-1]",
    "a loss that only a later loss feels": "k = tanh(M @ L1[t-1])\nh = tanh(W @ h[t-1] + N @ k + U @ x)\no = V @ h\n"
    "L1 = nll(softmax(o), y)\nL2 = mse(o, y)",
    "a loss inside a line": "s = 0.5 * s[t-1] + mse(x, y)\nh = tanh(W @ h[t-1] + U @ x + M @ s)\nL = mse(V @ h, y)",
    "one name twice": "h = tanh(W @ h[t-1] + W @ (W @ k[t-1]))\nk = h * h * tanh(h[t-1] + h[t-1]) + U @ x\nL = mse(V @ k, y)",
    "a square in the recurrence": "s = 0.5 * s[t-1] * s[t-1] - s[t-1] * s[t-2] + U @ x\nL = mse(V @ tanh(s), y)",
    "one matrix at two vectors": f"h = tanh(W @ h[t-1] + W @ h[t-2] + W @ tanh(U @ x))\n{_SOFTMAX}",
    "an elementwise term beside products": f"h = tanh(W @ h[t-1] + alpha * (U @ x) + b)\n{_SOFTMAX}",
    "two matrices at one input, and two biases": f"h = tanh(b + d + W @ h[t-1] + U @ x - R @ x)\n{_SOFTMAX}",
    "a function of a parameter": f"h = tanh(sigmoid(alpha) * h[t-1] + U @ x)\n{_SOFTMAX}",
    "an output that reads the state twice": "h = tanh(W @ h[t-1] + U @ x)\no = c + V @ h + R @ h\ny_hat = softmax(o)\n"
    "L = nll(y_hat, y)",
    "a factor of zero": "z = U @ x\nh = W @ h[t-1] + 0 * z\nk = 0 * h\no = V @ h + R @ k\nL = mse(o, y)",
    "nodes that nobody reads": f"d = tanh(R @ h[t-1])\nh = tanh(W @ h[t-1] + U @ x)\ne = h * d[t-1]\n{_SOFTMAX}",
    "a state that starts nothing": "h = tanh(W @ h[t-1])\nk = U @ x\nL = mse(V @ k, y)",
    "several losses": "h = tanh(W @ h[t-1] + U @ x)\no = V @ h\ny_hat = softmax(o)\nL = 0.5 * nll(y_hat, y) + mse(o, y)\n"
    "M = bce(sigmoid(o), y)",
    "one softmax, two losses": "h = tanh(W @ h[t-1] + U @ x)\ny_hat = softmax(V @ h)\nL = nll(y_hat, y)\n"
    "M = nll(y_hat, y) * nll(y_hat, y)\nN = mse(y_hat, y)",
    "a softmax that is read by more than its loss": "h = tanh(W @ h[t-1] + R @ y_hat[t-1] + U @ x)\n"
    "y_hat = softmax(V @ h)\nk = tanh(y_hat * y_hat)\nL = nll(y_hat, y)\nM = mse(k, y)",
    "a softmax that reads itself": "y_hat = softmax(W @ y_hat[t-1] + U @ x)\nL = nll(y_hat, y)",
    "a sigmoid and a softmax that read each other": "p = sigmoid(W @ y_hat[t-1] + b * p[t-1])\nL = bce(p, y)\n"
    "y_hat = softmax(R @ p + U @ x)\nM = nll(y_hat, y)",
    "nll of more than a softmax": "h = tanh(W @ h[t-1] + U @ x)\nL = nll(0.5 * softmax(V @ h) + 0.5 * softmax(h), y)",
    "nll of a sigmoid, bce of a softmax": "o = W @ o[t-1] + U @ x\nL = nll(sigmoid(o), y)\nM = bce(0.9 * softmax(o), y)",
    "nll of what is one step old": "h = tanh(W @ h[t-1] + U @ x)\np = softplus(V @ h)\nL = nll(p[t-1] + 1, y)",
    "a loss without logits": "p = softmax(x * b)\nL = nll(p, y)",
    "the input is the output": "L = mse(x, y)",
    "no parameter": "h = 0.5 * h[t-1] + x\nL = mse(tanh(h), y)",
    "no input": f"h = tanh(b + W @ h[t-1])\n{_SOFTMAX}",
    "nothing but a start": "h = 0.9 * h[t-1] - 0.5 * h[t-2]\nL = mse(h, y)",
    "a product of inputs": "h = x * x + U @ (x * x)\nL = mse(V @ tanh(h) + V @ h[t-1], y)",
    "a parameter as a node": "h = b\nk = tanh(W @ c) * (R @ h)\nL = mse(k + k[t-1], y)",
    "an identity and a chain of sums": "h = identity(h[t-1] + x)\nk = h\nl = k\nL = mse(V @ l + V @ k, y)",
    "a linear recurrence": "s = W @ s[t-1] + U @ x\nL = mse(V @ s, y)",
    "nothing but a parameter": "L = nll(softmax(b), y)",
    "nothing but parameters": "L = nll(softmax(b), y)\nM = bce(sigmoid(c * c), y)\nN = mse(tanh(W @ b), y)",
    "a product behind a product": "s = W @ (R @ (W @ s[t-1]) + U @ x)\nL = mse(V @ s, y)",
    "many readers of one state": "f = sigmoid(W_f @ h[t-1])\ng = sigmoid(W_g @ h[t-1] + U @ x)\nk = tanh(W_k @ h[t-1] + f)\n"
    f"h = f * k + g * h[t-1] - k * h[t-2]\n{_SOFTMAX}",
    "relu and leaky relu": f"h = relu(b + W @ h[t-1] + U @ x) - leaky_relu(R @ h[t-1])\n{_SOFTMAX}",
}

# The grammar ------------------------------------------------------------------------------------------------------

CLASSES = ("h", "k", "x", "y")  # of sizes: two hidden ones, the input's and the output's
_LETTER = {"h": "h", "k": "k", "x": "u", "y": "v"}
_SMOOTH = ("tanh", "sigmoid", "softplus", "identity", "softmax")
_KINKED = ("relu", "leaky_relu")
_NUMBERS = ("0.5", "2", "1", "0", "0.1", "-0.7", "3e-3")


@st.composite
def texts(draw: Any, kinks: bool = True) -> str:
    """A text of the language of cells: nodes of four classes of sizes that read whatever the language lets them."""
    functions = _SMOOTH + _KINKED * kinks
    kinds = draw(st.lists(st.sampled_from(["h", "h", "h", "k", "x", "y"]), max_size=5))
    plan = [(f"{_LETTER[kind]}{i}", kind) for i, kind in enumerate(kinds, 1)]
    ends = draw(st.lists(st.sampled_from(["mse", "nll", "bce", "nll_of_node", "bce_of_node"]), min_size=1, max_size=3))
    heads = [(f"p{i}", "y") for i, end in enumerate(ends, 1) if end.endswith("node")]
    losses = [f"L{i}" for i in range(1, len(ends) + 1)]
    later = plan + heads
    done: list[tuple[str, str]] = []
    seen: list[str] = []  # losses of this step

    def number() -> str:
        return draw(st.sampled_from(_NUMBERS))

    def leaf(kind: str) -> str:
        now = [name for name, other in done if other == kind] + ["x"] * (kind == "x")
        before = [name for name, other in later if other == kind]
        match draw(st.sampled_from(["parameter"] + ["now"] * 3 * bool(now) + ["before"] * 3 * bool(before))):
            case "now":
                return draw(st.sampled_from(now))
            case "before":
                return f"{draw(st.sampled_from(before))}[t-{draw(st.sampled_from([1, 1, 2, 3]))}]"
        return f"b_{kind}{draw(st.sampled_from(['', '_2']))}"

    def product(kind: str, depth: int) -> str:
        other = draw(st.sampled_from(["x", *kinds * 2, *CLASSES, "1"]))
        again = draw(st.sampled_from(["", "_2"]))
        if other == "1":
            loss = draw(st.sampled_from(seen + [f"{name}[t-1]" for name in losses]))
            return f"M_{kind}{again} @ {loss}"
        return f"W_{kind}{other}{again} @ {atom(other, depth - 1)}"

    def atom(kind: str, depth: int) -> str:
        return f"({expression(kind, depth)})" if depth > 0 and draw(st.booleans()) else leaf(kind)

    def expression(kind: str, depth: int) -> str:
        if depth <= 0:
            return leaf(kind)
        match draw(
            st.sampled_from(["leaf", "product", "sum", "difference", "times", "call", "scaled", "minus", "shifted"])
        ):
            case "product":
                return product(kind, depth)
            case "sum":
                return f"{expression(kind, depth - 1)} + {expression(kind, depth - 1)}"
            case "difference":
                return f"{expression(kind, depth - 1)} - {atom(kind, depth - 1)}"
            case "times":
                return f"{atom(kind, depth - 1)} * {atom(kind, depth - 1)}"
            case "call":
                return f"{draw(st.sampled_from(functions))}({expression(kind, depth - 1)})"
            case "scaled":
                return draw(st.sampled_from(["{n} * {a}", "{a} * {n}"])).format(n=number(), a=atom(kind, depth - 1))
            case "minus":
                return f"-{atom(kind, depth - 1)}"
            case "shifted":
                return draw(st.sampled_from(["{n} + {a}", "{n} - {a}", "{a} - {n}"])).format(
                    n=number(), a=atom(kind, depth - 1)
                )
        return leaf(kind)

    def head() -> str:
        """What the loss looks at: any expression, but mostly one that sees the nodes."""
        text = expression("y", 1)
        for name, kind in done[-draw(st.integers(0, 3)) :] if done else []:
            text += draw(st.sampled_from([" + {}", " - {}"])).format(f"W_y{kind} @ {name}")
        return text

    lines = []
    for name, kind in plan:
        squash = draw(st.sampled_from(["{}", *(f"{function}({{}})" for function in functions)]))
        lines.append(f"{name} = {squash.format(expression(kind, 3))}")
        done.append((name, kind))
    for i, (name, end) in enumerate(zip(losses, ends, strict=True), 1):
        loss, _, of_node = end.partition("_of_")
        p = head()
        if loss != "mse":  # what has a logarithm taken is positive
            p = f"{draw(st.sampled_from({'nll': ['softmax', 'sigmoid', 'softplus'], 'bce': ['sigmoid']}[loss]))}({p})"
        if of_node:
            lines.append(f"p{i} = {p}")
            done.append((f"p{i}", "y"))
            p = draw(st.sampled_from([f"p{i}", f"p{i}", f"0.3 + 0.5 * p{i}"]))
        form = draw(st.sampled_from(["{}", "{}", "0.5 * {}", "-{}", "{} * {}", "{0} + tanh({0})"]))
        lines.append(f"{name} = {form.format(*[f'{loss}({p}, y)'] * 2)}")
        seen.append(name)
    if draw(st.booleans()):
        lines.append(f"z = {product('h', 1)}")
    read = re.search(r" L\d", "\n".join(lines))
    if read or draw(st.sampled_from([False, False, True])):  # a loss that is read is part of a total
        form = draw(
            st.sampled_from(["{}", "0.5 * {}", "{0} * {0}", "softplus({})", "{0} - 0.5 * {0}[t-1]", "c_1 * {}"])
        )
        lines.append("R = " + " + ".join(form.format(name) for name in seen))
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["J = 0.1 * R", "J = R - 0.5 * L1", "J = 0.9 * J[t-1] + R"])))
    return "\n".join(lines)


# Runs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A run of a cell on data that follow from a seed: the same case gives the same run."""

    text: str
    T: int = 3
    B: int = 2
    n_x: int = 2
    n_y: int = 3
    n_h: int = 4
    n_k: int = 5
    seed: int = 0
    scale: float = 1.0
    soft: bool = False
    weights: str = "ones"
    initial: str = "zero"
    reduction: str = "mean"
    dtype: str = "float64"
    cell: Cell = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cell", parse(self.text))

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """What `engine.execute.run` is called with."""
        cell, rng = self.cell, np.random.default_rng(self.seed)
        parameters = {
            name: self.scale * rng.normal(size=shape) / np.sqrt(shape[-1])
            for name, shape in cell.shapes(self.sizes).items()
        }
        x = rng.normal(size=(self.T, self.B, self.sizes["x"])) if cell.reads_x else None
        if cell.takes_classes and not self.soft:
            y = rng.integers(self.sizes["y"], size=(self.T, self.B))
        else:  # exact zeros and ones among them
            y = np.clip(rng.uniform(-0.3, 1.3, (self.T, self.B, self.sizes["y"])), 0, 1)
        units, start = cell.sizes(self.sizes), {}
        fixed = {cell.dimensions[name] for name in ("x", "y")} if cell.reads_x else {cell.dimensions["y"]}
        fixed |= {(axis,) for name in cell.parameters for axis in cell.dimensions[name]}
        for name in cell.states:
            K, n = cell.lags[name], units[name]
            shape = {"n": (n,), "Bn": (self.B, n), "KBn": (K, self.B, n)}.get(self.initial, (n,))
            if self.initial != "zero":
                start[name] = rng.normal(size=shape)
            elif cell.dimensions[name] not in fixed:  # nothing else says how many units it has
                start[name] = np.zeros(n)
        weights = {
            "ones": None,
            "last": (np.arange(self.T) == self.T - 1).astype(float),
            "steps": rng.normal(size=self.T) * rng.integers(2, size=self.T),
            "samples": rng.normal(size=(self.T, self.B)),
        }[self.weights]
        arrays = dict(params=parameters, x=x, y=y, initial=start, weights=weights)
        return arrays | dict(reduction=self.reduction, dtype=np.dtype(self.dtype))

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of units, by names of the cell, that contradict nothing."""
        sizes: dict[str, int] = {}
        dimensions, letters = self.cell.dimensions, {"x": self.n_x, "y": self.n_y, "h": self.n_h, "k": self.n_k}
        one = [name for name in ("x", "y") if dimensions.get(name) == ("1",)]
        for name in ("y", *["x"] * self.cell.reads_x, *(members[0] for members in self.cell.hidden)):
            known = [other for other in sizes if dimensions[other] == dimensions.get(name)]
            sizes[name] = 1 if name in one else sizes[known[0]] if known else letters.get(name[0], self.n_h)
        return sizes

    def run(self) -> Run:
        """The run of the case."""
        return run(self.cell, **self.arguments)

    def other(self) -> Case:
        """Another run of the same cell and the same shapes, with no number the same."""
        return replace(self, seed=self.seed + 1, scale=1.5, weights="samples", initial="KBn")

    def run_again(self) -> Run:
        """The run of the case, in memory that another run has left."""
        self.other().run()
        return self.run()


def exact(made: Run) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Values, gradients, parameters' and initial gradients by the interpreter, in float64 and knowing no schedule."""
    wide = {name: array.astype(np.float64) for name, array in made.parameters.items()}
    early = {name: array.astype(np.float64) for name, array in made.initial.items()}
    x = None if made.x is None else made.x.astype(np.float64)
    seed = made.weights.astype(np.float64) / (made.B if made.reduction == "mean" else 1)
    with np.errstate(all="ignore"):
        return interpreter.backpropagate(made.cell, made.sizes, wide, x, made.y, early, seed)


def largest(arrays: Iterable[np.ndarray], floor: float = 1e-6) -> float:
    """The largest finite magnitude, at least `floor`."""
    return max([floor, *(float(np.abs(a[np.isfinite(a)]).max(initial=0)) for a in arrays)])


def agree(found: np.ndarray, expected: np.ndarray, margin: float) -> bool:
    """Whether arrays are finite at the same entries, and differ by no more than `margin` there."""
    assert found.shape == expected.shape
    finite = np.isfinite(expected)
    same = np.array_equal(np.isfinite(found), finite)
    return same and bool((np.abs(found[finite] - expected[finite]) <= margin).all())


@st.composite
def cases(draw: Any, kinks: bool = True, large: bool = False) -> Case:
    """Any case; `large` adds sizes at which a run goes other ways: many samples, many steps, wide vectors."""
    shapes = [(1, 1), (2, 1), (1, 2), (3, 1), (2, 3), (5, 1), (4, 2), (7, 1)]
    T, B = draw(st.sampled_from(shapes + [(40, 200), (90, 1), (3, 400)] * large))
    unit = st.integers(1, 4)
    sizes = dict(n_x=draw(unit), n_y=draw(unit), n_h=draw(unit), n_k=draw(unit))
    if large and B == 1 and draw(st.booleans()):
        sizes["n_h"] = 70
    return Case(
        draw(texts(kinks)),
        T,
        B,
        **sizes,
        seed=draw(st.integers(0, 99)),
        scale=draw(st.sampled_from([1.0, 0.3])),
        soft=draw(st.booleans()),
        weights=draw(st.sampled_from(["ones", "last", "steps", "samples"])),
        initial=draw(st.sampled_from(["zero", "n", "Bn", "KBn"])),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        dtype=draw(st.sampled_from(["float64", "float64", "float32"])),
    )


_P = "softmax(b + V @ c + W @ h)"
#: Cases in which links have once been joined wrongly, or in which a gradient is no finite number though every value is.
HARD = (
    Case(
        "k = -(k[t-3] + k[t-1]) * k[t-2]\nL = bce(sigmoid(b + W @ k), y)", 7, 1, initial="KBn", weights="last", seed=7
    ),
    Case("k = 1e3 * k[t-1]\np = sigmoid(b + W @ k)\nL = bce(p, y)\nd = 0.5 * p[t-1]", 4, 2, initial="KBn"),
    Case(f"h = b_h\np = {_P}\nL = nll(p, y)\nM = mse(p[t-1] + V @ p, y)", 5, 1, n_y=2, n_h=1),
    Case(f"h = b_h\np = {_P}\nL = nll(p, y)\nM = mse(p[t-2] * p, y) + L[t-1]", 7, 1, n_y=2, n_h=1),
    Case("v = p[t-1] + b\np = softmax(v + W @ v)\nL = nll(p, y)", 5, 1, n_y=2),  # a sum and a product along one edge
    Case("h = M @ L[t-1]\nL = mse(b + W @ h, y)", 5, 1, n_y=2, n_h=1),  # one unit becomes many
    Case("h = M @ L[t-1] + N @ L[t-2]\nL = mse(b + W @ h + W @ k[t-1], y)\nk = N_2 @ L", 5, 1, n_y=2, n_h=1),
    Case("h = tanh(W @ h[t-3] + U @ x)\nk = h[t-3]\nL = mse(V @ h + k, y)", 2, 1, initial="KBn"),
)


def hard(test: Callable[..., None]) -> Callable[..., None]:
    """A test of `cases` that is made of HARD first."""
    for case in HARD:
        test = example(case)(test)
    return test
