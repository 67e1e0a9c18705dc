"""Interleaved timing on one thread. Import this module before numpy; it also puts the root on the path, for `import engine`."""

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

_SLOW = 1.0  # seconds; a longer call fills the caches itself, so that no call before it has to


def timed(runs: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, np.ndarray]:
    """Seconds per call of each function, one entry per round, interleaved; at least 5 rounds, or 3 if a call is slow."""
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
    gc.freeze()  # a collection over PyTorch's modules takes a fifth of a second
    times: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for i in range(rounds):
        for name in names if i % 2 == 0 else reversed(names):
            gc.collect()
            gc.disable()
            if name not in slow:
                runs[name]()  # not timed: fills the caches again after the previous function
            start = time.perf_counter()
            for _ in range(loops[name]):
                runs[name]()
            times[name].append((time.perf_counter() - start) / loops[name])
            gc.enable()
    gc.unfreeze()
    return {name: np.array(rounds_of) for name, rounds_of in times.items()}


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
