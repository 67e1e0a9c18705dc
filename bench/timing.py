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

_SLOW = 1.0  # seconds above which a call does not notice whose numbers the caches hold


def timed(runs: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, np.ndarray]:
    """Seconds a call, interleaved: one entry a round for each."""
    loops, cost, slow = {}, 0.0, set()
    for name, run in runs.items():
        run()
        start = time.perf_counter()
        run()
        once = time.perf_counter() - start
        loops[name] = max(1, int(0.02 / once))
        if once > _SLOW:
            slow.add(name)
        cost += once * (loops[name] + (name not in slow))
    rounds = int(min(60, max(5, seconds / cost)))
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
    return {name: np.array(times) for name, times in found.items()}
