"""Mutation tests: put small faults into the engine's modules, one at a time, and see whether the tests notice.

    python bench/mutants.py [--each 20] [--seed 0] [--minutes 30] [--reach DIRECTORY] [module …]

The engine's tests run once with coverage, which records the lines that each test reaches and the time that it takes; `--reach`
keeps the record for the next call. A seed draws, for each module, a sample of the mutants that cosmic-ray can make, and the
modules take turns. A mutant runs in a fork of this process, which has loaded pytest and numpy: the fork imports the engine with
the fault in it and runs the tests that reach the faulty line until one fails. Nothing is written into the tree.

Survivors, and faults in lines that no test reaches, are printed as differences. A survivor is a question, not a verdict: tests
of the pages do not run, nor do tests beyond the limits below. The script needs Linux or macOS, and the extra `mutation`, which
`make mutants` installs.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import itertools
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

_PLACE = tempfile.TemporaryDirectory()
TEMPORARY = _PLACE.name
# Before numpy is loaded, since a fork has one thread. The caches of Python and hypothesis stay out of the tree.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "HYPOTHESIS_STORAGE_DIRECTORY": TEMPORARY}
os.environ.pop("CI", None)  # with it, tests/conftest.py refuses --no-browser
sys.pycache_prefix, sys.dont_write_bytecode = TEMPORARY, False

import networkx  # noqa: E402, F401
import numpy  # noqa: E402, F401
import pytest  # noqa: E402
from cosmic_ray.ast import ast_nodes, get_ast  # noqa: E402
from cosmic_ray.mutating import mutate_code  # noqa: E402
from cosmic_ray.plugins import get_operator, operator_names  # noqa: E402
from coverage import CoverageData  # noqa: E402
from hypothesis import Phase, settings  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
#: Files that test the engine although they, or some of their tests, need the explorer.
ALSO = ("counted", "derivation", "notes", "pickle", "verdict")
SLOW = 10.0  # seconds of a test, under coverage, above which it does not run for a mutant
MOST = 20.0  # seconds of all tests of a mutant, under coverage
MANY = 400  # tests of a mutant
SECONDS, BYTES = 30, 8 << 30  # limits of a mutant; beyond them it is taken to hang
KINDS = ("killed", "timed out", "survived", "not reached")
_PYTEST = ["-q", "-p", "no:cacheprovider", "--no-browser", "-p", "no:anyio", "--hypothesis-seed=0", "-o", "timeout=100"]
_IN_A_FORK = [*_PYTEST, "-x", "--tb=no", "--hypothesis-profile=mutant", "-W", "ignore:Module already imported"]


@dataclass(frozen=True)
class Mutant:
    """A fault: the occurrence of an operator of cosmic-ray in a module, and the lines that it touches."""

    module: str
    operator: str
    occurrence: int
    place: tuple[int, int]  # line and column
    last: int  # line


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module, except those of annotations, which nothing evaluates."""
    source = (ROOT / "engine" / f"{module}.py").read_text(encoding="utf-8")
    annotations = list(_annotations(source))
    nodes = list(ast_nodes(get_ast(source)))
    found = []
    for name in sorted(operator_names()):
        operator = get_operator(name)
        if operator.arguments():
            continue
        places = [place for node in nodes for place in operator().mutation_positions(node)]
        for occurrence, (start, end) in enumerate(places):
            if not any(low <= start and end <= high for low, high in annotations):
                found.append(Mutant(module, name, occurrence, start, end[0]))
    return found


def _annotations(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """The start and end of each annotation: line, and column in characters."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                low = len(lines[part.lineno - 1].encode()[: part.col_offset].decode())
                high = len(lines[part.end_lineno - 1].encode()[: part.end_col_offset].decode())
                yield (part.lineno, low), (part.end_lineno, high)


def drawn(possible: list[Mutant], each: int, seed: int) -> list[Mutant]:
    """A sample of the mutants, in which each place occurs once before any occurs twice."""
    mixed = list(possible)
    random.Random(seed).shuffle(mixed)
    times: Counter[tuple[int, int]] = Counter()
    rank = {}
    for mutant in mixed:
        rank[mutant] = times[mutant.place]
        times[mutant.place] += 1
    return sorted(mixed, key=lambda mutant: rank[mutant])[:each]


class Reach:
    """The tests that reach each line, and the time of each test; measured if the directory does not contain them yet."""

    def __init__(self, directory: Path) -> None:
        """Read the record, measured first if the directory has none."""
        data, log = directory / "coverage", directory / "durations.txt"
        if not log.exists():
            _measure(data, log)
        self.data = CoverageData(str(data))
        self.data.read()
        self.seconds: Counter[str] = Counter()
        for seconds, test in re.findall(r"^ *([\d.]+)s (?:call|setup|teardown) +(.+)$", log.read_text(), re.MULTILINE):
            self.seconds[test] += float(seconds)
        self._files: dict[str, Any] = {}

    def tests(self, mutant: Mutant) -> list[list[str]]:
        """The tests for a mutant in two parts, of which the first is likely to suffice; empty if no test reaches its lines."""
        path = ROOT / "engine" / f"{mutant.module}.py"
        if mutant.module not in self._files:
            self._files[mutant.module] = self.data.contexts_by_lineno(str(path)), ast.parse(path.read_bytes())
        contexts, tree = self._files[mutant.module]
        reached = {context for line in _own_lines(mutant, tree, contexts) for context in contexts.get(line, ())}
        if reached == {""}:  # run at import, for every test
            reached = {context for reaching in contexts.values() for context in reaching}
        tests = {context.rpartition("|")[0] for context in reached} - {""}
        quick = [test for test in tests if self.seconds[test] <= SLOW]
        package, name, *_ = mutant.module.split("/")  # the modules of working/derivation share test_derivation.py
        namesake = f"tests/engine/{package}/test_{name}.py"
        quick.sort(key=lambda test: (_file(test) != namesake, self.seconds[test], test))
        until = itertools.accumulate(self.seconds[test] for test in quick[:MANY])
        chosen = [test for test, seconds in zip(quick, until, strict=False) if seconds <= MOST]
        files = Counter(_file(test) for test in chosen)
        first = namesake if namesake in files else max(files, key=lambda file: files[file], default="")
        chosen.sort(key=lambda test: _file(test) != first)
        return [list(part) for _, part in itertools.groupby(chosen, lambda test: _file(test) == first)]


def _file(test: str) -> str:
    return test.partition("::")[0]


def _own_lines(mutant: Mutant, tree: ast.Module, contexts: dict[int, list[str]]) -> list[int]:
    """The lines of a mutant, or those of its statement where coverage records statements only."""
    own = list(range(mutant.place[0], mutant.last + 1))
    if any(contexts.get(line) for line in own):
        return own
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= mutant.place[0] <= node.end_lineno
    ]
    inner = max(around, key=lambda node: node.lineno)
    body = getattr(inner, "body", None)
    return list(range(inner.lineno, (body[0].lineno if body else inner.end_lineno + 1)))


def _measure(data: Path, log: Path) -> None:
    quick = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if _tests_the_engine(path)]
    print(f"The tests of {len(quick)} files run once with coverage …", flush=True)
    config = data.with_name("coverage.ini")
    config.write_text("[run]\nsource = engine\ncore = ctrace\n")
    options = ["--cov", f"--cov-config={config}", "--cov-context=test", "--cov-report=", "--durations=0", "-vv"]
    with tempfile.TemporaryFile("w+") as output:
        subprocess.run(
            [sys.executable, "-m", "pytest", *_PYTEST, *options, "--durations-min=0", *map(str, quick)],
            cwd=ROOT, stdout=output, env=os.environ | {"COVERAGE_FILE": str(data)}, check=False,
        )  # fmt: skip
        output.seek(0)
        report = output.read()
    if not data.exists():
        sys.exit(f"{report}\nThe tests did not run")
    log.write_text(report)


def _tests_the_engine(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    return path.stem.removeprefix("test_") in ALSO or not re.search("explorer|browser|subprocess", text)


def outcome(mutant: Mutant, parts: list[list[str]], sound: bool = False) -> tuple[str, str]:
    """Test a mutant, or the sound module; return "killed", "timed out" or "survived", and the difference of the texts."""
    path = ROOT / "engine" / f"{mutant.module}.py"
    source = path.read_text(encoding="utf-8")
    text = source if sound else mutate_code(source, get_operator(mutant.operator)(), mutant.occurrence)
    lines = difflib.unified_diff(source.splitlines(), text.splitlines(), lineterm="", n=0)
    difference = "\n".join(line for line in lines if line[:3] not in ("---", "+++"))
    child = os.fork()
    if not child:
        os._exit(_run(mutant.module, path, text, parts))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "timed out", difference
    return ("killed" if os.WEXITSTATUS(status) else "survived"), difference


def _warm() -> None:
    """Load pytest and its plugins for all forks, and nothing of the engine."""
    os.chdir(ROOT)
    settings.register_profile("mutant", deadline=None, database=None, phases=[Phase.explicit, Phase.generate])
    pytest.main([*_IN_A_FORK, "-q", "--collect-only", "tests/conftest.py"])
    assert not any(name.partition(".")[0] == "engine" for name in sys.modules)
    gc.freeze()


def _run(module: str, path: Path, text: str, parts: list[list[str]]) -> int:
    """Run the tests in a fork; return the exit code of the first run of pytest that fails, or 0."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    usual = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        return (
            compile(text, path, "exec", dont_inherit=True)
            if name == "engine." + module.replace("/", ".")
            else usual(loader, name)
        )

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return next((int(code) for part in parts if (code := pytest.main([*_IN_A_FORK, *part]))), 0)


def main() -> None:
    """Run the mutants and print the survivors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "modules", nargs="*", help="modules of the engine, such as verify/verdict; all of them if none is named"
    )
    parser.add_argument("--each", type=int, default=20, help="mutants of each module (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of mutants (default: 0)")
    parser.add_argument(
        "--minutes", type=float, default=30, help="time after which no new mutant is started (default: 30)"
    )
    parser.add_argument("--reach", type=Path, help="directory that keeps the coverage for the next call")
    options = parser.parse_args()
    known = sorted(
        path.relative_to(ROOT / "engine").with_suffix("").as_posix()
        for path in (ROOT / "engine").glob("*/**/*.py")
        if path.stem != "__init__"
    )
    unknown = set(options.modules) - set(known)
    if unknown:
        parser.error(f"no module {', '.join(sorted(unknown))}; the modules are {', '.join(known)}")
    directory = options.reach or Path(TEMPORARY)
    directory.mkdir(parents=True, exist_ok=True)
    reach = Reach(directory)
    _warm()
    end = time.monotonic() + 60 * options.minutes
    possible = {module: mutants(module) for module in options.modules or known}
    sample = {module: drawn(mutants_of, options.each, options.seed) for module, mutants_of in possible.items()}
    results: dict[str, Counter[str]] = defaultdict(Counter)
    for module, mutant in (
        (module, drawn_of[turn])
        for turn in range(options.each)
        for module, drawn_of in sample.items()
        if drawn_of[turn:]
    ):
        if time.monotonic() > end:
            break
        parts = reach.tests(mutant)
        if not results[module] and outcome(mutant, [part[:5] for part in parts[:1]], sound=True)[0] != "survived":
            sys.exit(f"Tests fail without a fault: {' '.join(parts[0][:5])}")
        kind, difference = outcome(mutant, parts)
        kind = kind if parts else "not reached"
        results[module][kind] += 1
        if kind in ("survived", "not reached"):
            print(f"engine/{module}.py, {kind}: {difference}", flush=True)
    print(f"\n{'module':14}{'possible':>10}" + "".join(f"{kind:>13}" for kind in KINDS))
    for module, all_of in possible.items():
        print(f"{module:14}{len(all_of):>10}" + "".join(f"{results[module][kind]:>13}" for kind in KINDS))
    total = sum(results.values(), Counter())
    print(f"{'all':14}{sum(map(len, possible.values())):>10}" + "".join(f"{total[kind]:>13}" for kind in KINDS))


if __name__ == "__main__":
    main()
