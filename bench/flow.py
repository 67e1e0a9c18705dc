"""Time gradients by loss, Jacobians, and the logarithms of norms against PyTorch.

    make bench-flow                                  all sizes, some minutes
    python bench/flow.py --sizes 50:16,200:16 --seconds 2

The network is the catalogue's `rnn` (n_x = n_y = 8, one sample, a loss at every step); a size is T:n. Everything runs in one
process on one thread, interleaved. The table has the median over the rounds of the ratio peer / engine (> 1: the engine is
faster), with its quartiles. No time includes the forward pass. The numbers are compared before any timing (1e-9, relative to the
largest); the exit status is 1 if they disagree.

    by_loss    `by_loss_norm` against a loop of torch.autograd.grad over the losses
    jacobian   `jacobian_norm`, Frobenius, against torch.func.jacrev with respect to a disturbance of each h(s), indexed in the
               loop (disturbance[t]); up to T · n = 3,200 and T = 50, since it takes 19 s at T = 200
    unbound    the same, but PyTorch takes the disturbance apart once, which is several times faster
    log        `log_grad_norm` against the engine's own full pass; the ratio is log_grad_norm / pass (< 1: cheaper)
    vanishing  the same with a loss at the last step only, so that the norm leaves the range of floats (from T of about 700)

The last lines have the powers of T and n that best fit the engine's shortest times (other work on the machine only adds to a
time), and the power of T between sizes of equal n.
"""

from __future__ import annotations

from timing import timed  # before numpy: it sets one thread

# isort: split
import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytorch

import engine

SIZES = ((50, 16), (50, 64), (200, 16), (200, 64), (1000, 16), (1000, 64))
TOLERANCE = 1e-9
JACREV = 3_200  # T · n up to which PyTorch's Jacobian is taken


def problem(T: int, n: int, last: bool = False) -> dict[str, Any]:
    """Random parameters, input and classes, with a loss at every step or at the last step only."""
    random = np.random.default_rng(0)
    shapes = engine.CATALOGUE["rnn"].shapes({"x": 8, "h": n, "y": 8})
    params = {
        name: random.standard_normal(shape) * (0.1 if len(shape) == 1 else shape[1] ** -0.5)
        for name, shape in shapes.items()
    }
    weights = (np.arange(T) == T - 1).astype(float) if last else np.ones(T)
    return {
        "params": params,
        "x": random.standard_normal((T, 1, 8)),
        "y": random.integers(0, 8, (T, 1)),
        "weights": weights,
    }


def pairs(T: int, n: int) -> dict[str, tuple[Callable[[], Any], Callable[[], Any] | None, bool]]:
    """Map each row to the engine's function, that of the peer (None: not installed), and whether the numbers are comparable."""
    every, last = problem(T, n), problem(T, n, last=True)
    cell = engine.CATALOGUE["rnn"]
    run, only = engine.run(cell, **every), engine.run(cell, **last)
    arrays = {key: every[key] for key in ("params", "x", "y")}
    rows: dict[str, tuple[Callable[[], Any], Callable[[], Any] | None, bool]] = {
        "by_loss": (lambda: engine.by_loss_norm(run, "h")[..., 0], pytorch.by_loss_norms(**arrays), True),
        "log": (lambda: engine.log_grad_norm(run, "h"), lambda: engine.run(cell, **every), False),
        "vanishing": (lambda: engine.log_grad_norm(only, "h"), lambda: engine.run(cell, **last), False),
    }
    for row, unbind in (("jacobian", False), ("unbound", True)):
        if T * n <= JACREV and (unbind or T <= 50):
            peer = pytorch.jacobian_norms(**arrays, unbind=unbind)
            rows[row] = (lambda: engine.jacobian_norm(run, "h", "h", kind="fro")[..., 0], peer, True)
    return rows


def powers(times: dict[tuple[int, int], float]) -> str:
    """The best exponents of T and n, and the exponent of T between neighbouring sizes of equal n, as text."""
    sizes = np.log(np.array(list(times)))
    if len(times) < 3:
        return "too few sizes"
    table = np.column_stack([np.ones(len(times)), sizes])
    if np.linalg.matrix_rank(table) < 3:
        return "too few sizes"
    _, of_T, of_n = np.linalg.lstsq(table, np.log(list(times.values())), rcond=None)[0]
    between = [
        f"T = {T} to {more}, n = {n}: {np.log(times[more, n] / times[T, n]) / np.log(more / T):.2f}"
        for T, n in times
        for more in [min((other for other, m in times if m == n and other > T), default=0)]
        if more
    ]
    return f"T^{of_T:.2f} n^{of_n:.2f}; {', '.join(between)}"


def main() -> int:
    """Print the table; return 1 if numbers disagree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(f"{T}:{n}" for T, n in SIZES), help="T:n, with commas between")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each row")
    options = parser.parse_args()
    print(f"numpy {np.__version__}, {pytorch.version()}, one thread, float64")
    print(f"{'row':12}{'T, n':12}{'engine ms':>11}{'other ms':>11}{'ratio':>8}{'quartiles':>16}")
    wrong, spent = 0, dict[str, dict[tuple[int, int], float]]()
    for size in options.sizes.split(","):
        T, n = map(int, size.split(":"))
        for row, (ours, theirs, comparable) in pairs(T, n).items():
            if theirs is None:
                print(f"{row:12}{size:12} not installed")
                continue
            if comparable:
                expected, actual = theirs(), ours()
                difference = float(np.abs(actual - expected).max() / np.abs(expected).max())
                if not difference <= TOLERANCE:
                    wrong += 1
                    print(f"{row:12}{size:12} disagrees by {difference:.1e}")
            times = timed({"engine": ours, "other": theirs}, options.seconds)
            ratios = times["other"] / times["engine"] if comparable else times["engine"] / times["other"]
            low, middle, high = np.percentile(ratios, (25, 50, 75))
            spent.setdefault(row, {})[T, n] = float(times["engine"].min())
            print(
                f"{row:12}{size:12}{np.median(times['engine']) * 1e3:11.3f}{np.median(times['other']) * 1e3:11.3f}"
                f"{middle:8.2f}{f'{low:.2f} – {high:.2f}':>16}",
                flush=True,
            )
    for row, shortest in spent.items():
        print(f"{row:12}{powers(shortest)}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
