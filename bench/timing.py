"""How the benchmarks time: one thread, interleaved. Import it before numpy; it also lets `import engine` find the package."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # all three are read when numpy and PyTorch are imported
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import gc
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

_SLOW = 1.0  # seconds above which a call needs no other before it, for its own caches and those of the machine


def timed(runs: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, np.ndarray]:
    """Seconds a call, interleaved: one entry a round for each; at least 5 rounds, or 3 if a call is slow."""
    loops, cost, slow = {}, 0.0, set()
    for name, run in runs.items():
        once = _seconds(run)
        if once > _SLOW:
            slow.add(name)
        else:
            once = _seconds(run)
        loops[name] = max(1, int(0.02 / once))
        cost += once * (loops[name] + (name not in slow))
    rounds = int(min(60, max(3 if slow else 5, seconds / cost)))
    gc.collect()
    gc.freeze()  # PyTorch's modules would take a fifth of a second to be looked through, each time
    found: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for i in range(rounds):
        for name in names if i % 2 == 0 else reversed(names):
            gc.collect()
            gc.disable()
            if name not in slow:
                runs[name]()  # not timed: pays for the caches that the runner before took
            start = time.perf_counter()
            for _ in range(loops[name]):
                runs[name]()
            found[name].append((time.perf_counter() - start) / loops[name])
            gc.enable()
    gc.unfreeze()
    return {name: np.array(times) for name, times in found.items()}


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
