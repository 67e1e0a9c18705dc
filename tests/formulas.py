"""Runs of small networks for the tests of formulas, and the verdict on a formula in one call."""

from __future__ import annotations

import numpy as np

import engine
from engine import CATALOGUE
from engine.formula import parse
from engine.verify.asked import Asked
from engine.verify.verdict import judge


def run_of(cell="rnn", T=5, seed=0, B=1, weights=None, **sizes):
    cell = CATALOGUE[cell] if isinstance(cell, str) else cell
    random = np.random.default_rng(seed)
    sizes = {"x": 4, "y": 3} | {members[0]: 5 for members in cell.hidden} | sizes
    params = {name: random.normal(0, 0.6, shape) for name, shape in cell.shapes(sizes).items()}
    x = random.normal(size=(T, B, sizes["x"])) if cell.reads_x else None
    return engine.run(cell, params, x, random.integers(0, sizes["y"], (T, B)), weights=weights)


def verdict(text, run, name, t, kind="gradient", of="", sample=0):
    return judge(parse(text, run.cell), run, Asked(kind, name, t, of), sample)
