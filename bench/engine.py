"""Time the full pass (values and gradients of all nodes and parameters) against a pass written by hand and PyTorch.

    make bench                                     all sizes, both cells
    python bench/engine.py --cells rnn --sizes 0,3 --seconds 4
    python bench/engine.py --against hand          without PyTorch

Everything runs in one process on one thread, interleaved: each round times the engine and each peer once. The table has the
median over the rounds of the ratio peer / engine (> 1: the engine is faster), with its quartiles. The gradients are compared
before any timing (1e-9, relative to the largest entry of each array); the exit status is 1 if one disagrees. A size is
T, B, n_x, n_h, n_y.

    hand       the same work for this one network, written by hand in numpy (`by_hand.py`)
    unrolled   the same work in PyTorch: a loop over the steps, retain_grad() on every node
    fused      LESS work: torch.nn.RNN / nn.LSTM, parameter and x gradients only; nn.LSTM has a tanh candidate, so its row
               compares with `lstm_tanh`
"""

from __future__ import annotations

from timing import timed  # before numpy: it sets one thread

# isort: split
import argparse
import platform
import sys
from collections.abc import Callable, Mapping
from typing import Any

import by_hand
import numpy as np
import pytorch

import engine

SIZES = (
    (10, 1, 4, 5, 3),
    (50, 1, 8, 16, 8),
    (200, 1, 32, 64, 32),
    (1000, 1, 16, 32, 16),
    (200, 32, 64, 128, 64),
    (100, 64, 128, 512, 128),
    (2000, 1, 64, 256, 64),
)
PEERS: dict[str, Callable[..., Callable[[], Mapping[str, Any]] | None]] = {
    "hand": by_hand.maker,
    "unrolled": pytorch.unrolled,
    "fused": pytorch.fused,
}
TOLERANCE = 1e-9


def problem(cell: engine.Cell, size: tuple[int, ...]) -> dict[str, Any]:
    """Random parameters, input, classes and weights of the steps."""
    T, B, n_x, n_h, n_y = size
    random = np.random.default_rng(0)
    shapes = cell.shapes({"x": n_x, "h": n_h, "y": n_y})
    scales = {name: 0.1 if len(shape) == 1 else shape[1] ** -0.5 for name, shape in shapes.items()}
    params = {name: random.standard_normal(shape) * scales[name] for name, shape in shapes.items()}
    return {
        "params": params,
        "x": random.standard_normal((T, B, n_x)),
        "y": random.integers(0, n_y, (T, B)),
        "weights": random.uniform(0.5, 1.5, T),
    }


def of_engine(cell: engine.Cell, params: Any, x: Any, y: Any, weights: Any) -> Callable[[], Mapping[str, Any]]:
    """The engine's pass in the form of a peer: a function without arguments that returns gradients by name."""

    def run() -> Mapping[str, Any]:
        result = engine.run(cell, params, x, y, weights=weights, reduction="sum")
        return {**result.grad, **result.param_grad}

    return run


def largest_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[float, str]:
    """The largest difference over the peer's arrays, relative to each one's largest entry, and its name; NaN counts as ∞."""
    worst, where = 0.0, "-"
    for name, array in theirs.items():
        expected = np.asarray(ours[name])
        actual = np.asarray(array).reshape(expected.shape)
        scale = max(np.max(np.abs(expected)), np.max(np.abs(actual)))
        difference = float(np.max(np.abs(expected - actual)) / scale) if scale else 0.0  # W at T = 1: both are zero
        if not np.isfinite(difference):
            difference = np.inf
        if difference > worst:
            worst, where = difference, name
    return worst, where


def main() -> int:
    """Print the table; return 1 if a gradient disagrees."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default="rnn,lstm")
    parser.add_argument("--sizes", default=",".join(map(str, range(len(SIZES)))), help="indices, or T:B:n_x:n_h:n_y")
    parser.add_argument("--against", default=",".join(PEERS))
    parser.add_argument("--seconds", type=float, default=15.0, help="for each size and cell")
    options = parser.parse_args()
    sizes = [tuple(map(int, s.split(":"))) if ":" in s else SIZES[int(s)] for s in options.sizes.split(",")]
    print(f"python {platform.python_version()}, numpy {np.__version__}, {pytorch.version()}, one thread, float64")
    print(
        f"{'cell':10}{'T, B, n_x, n_h, n_y':26}{'peer':10}{'engine ms':>11}{'peer ms':>11}{'ratio':>8}{'quartiles':>16}"
    )
    wrong = 0
    for name in options.cells.split(","):
        for size in sizes:
            wrong += compare(name, size, options.against.split(","), options.seconds)
    return int(wrong > 0)


def compare(name: str, size: tuple[int, ...], against: list[str], seconds: float) -> int:
    """Print the rows of one cell and size; return the number of peers that disagree."""
    runs: dict[str, Callable[[], Mapping[str, Any]]] = {}
    ours_of: dict[str, str] = {}  # peer -> the run of the engine with the same network
    wrong = 0
    for peer in against:
        cell = engine.CATALOGUE["lstm_tanh" if (name, peer) == ("lstm", "fused") else name]
        arrays = problem(cell, size)
        run = PEERS[peer](cell.name, **arrays)
        if run is None:
            print(f"{name:10}{size!s:26}{peer:10} not installed")
            continue
        ours_of[peer] = f"engine {cell.name}"
        runs.setdefault(ours_of[peer], of_engine(cell, **arrays))
        runs[peer] = run
        difference, where = largest_difference(runs[ours_of[peer]](), run())
        if difference > TOLERANCE:
            wrong += 1
            print(f"{name:10}{size!s:26}{peer:10} disagrees by {difference:.1e} at {where}")
    times = timed(runs, seconds)
    for peer, ours in ours_of.items():
        low, middle, high = np.percentile(times[peer] / times[ours], (25, 50, 75))
        print(
            f"{name:10}{size!s:26}{peer:10}{np.median(times[ours]) * 1e3:11.3f}{np.median(times[peer]) * 1e3:11.3f}"
            f"{middle:8.2f}{f'{low:.2f} – {high:.2f}':>16}",
            flush=True,
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
