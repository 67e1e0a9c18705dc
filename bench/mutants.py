"""Mutation testing of the engine: small faults are put into its modules, one at a time; do the tests notice?

    python bench/mutants.py [--each 4] [--seed 0] [--minutes 30] [module …]

Of each module a sample of its mutants is drawn by a seed, and each is run against the tests that are quickest to notice
(`TESTS`): a survivor may still be caught by the rest of the suite, and is a question, not a verdict. All of it happens in a
copy of the tree. Needs the extra `mutation` (cosmic-ray); `make mutants` installs it.
"""

from __future__ import annotations

import argparse
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_CORE = "tests/test_run.py tests/test_tape.py tests/test_schedule.py -k 'reference or weight or tape or schedule'"
_FORMULA = "tests/test_formula.py tests/test_given.py"
_FLOW = "tests/test_counted.py tests/test_spectra.py -k 'not any_cell and not catalogue'"
#: Module -> the tests that look at it; of a module that is not here, the tests of its own name.
TESTS = {
    "verdict": _FORMULA, "formula": _FORMULA, "given": "tests/test_given.py", "data": "tests/test_given.py tests/test_counted.py",
    "run": _CORE, "tape": _CORE, "writer": _CORE, "recurrence": _CORE, "memory": _CORE, "schedule": _CORE,
    "interpreter": _CORE, "links": _FLOW, "flow": _FLOW, "spectra": _FLOW, "truncation": _FLOW, "expansion": _FLOW,
    "magnitude": "tests/test_far.py tests/test_counted.py", "wide": "tests/test_far.py tests/test_operations.py",
    "checks": "tests/test_checks.py -k 'not any and not catalogue'", "names": "tests/test_names.py",
    "notation": "tests/test_names.py tests/test_explain.py", "cell": "tests/test_cell.py tests/test_equations.py",
    "equations": "tests/test_equations.py", "operations": "tests/test_operations.py tests/test_counted.py",
}  # fmt: skip
_TIME_LIMIT = 120  # seconds of a mutant, after which it counts as killed


def main() -> None:
    """Runs the mutants and prints what survived."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "modules", nargs="*", help="modules of the engine, such as verdict; all of them if none is named"
    )
    parser.add_argument("--each", type=int, default=4, help="mutants of each module (default: 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of mutants (default: 0)")
    parser.add_argument("--minutes", type=float, default=30, help="after which no other module is begun (default: 30)")
    given = parser.parse_args()
    known = sorted(path.stem for path in (ROOT / "engine").glob("*.py") if path.stem != "__init__")
    unknown = set(given.modules) - set(known)
    if unknown:
        parser.error(f"no module {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    end = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "tree"
        skip = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, copy, ignore=skip)
        rows = [
            (module, *mutated(copy, module, given.each, given.seed))
            for module in given.modules or known
            if time.monotonic() < end
        ]
    print(f"\n{'module':14}{'possible':>10}{'run':>6}{'killed':>8}{'survived':>10}")
    for module, possible, ran, survivors in rows:
        print(f"{module:14}{possible:>10}{ran:>6}{ran - len(survivors):>8}{len(survivors):>10}")
    ran, survived = sum(row[2] for row in rows), sum(len(row[3]) for row in rows)
    print(f"{'all':14}{sum(row[1] for row in rows):>10}{ran:>6}{ran - survived:>8}{survived:>10}")
    left = [module for module in given.modules or known if module not in {row[0] for row in rows}]
    if left:
        print(f"Not begun within {given.minutes:g} minutes: {', '.join(left)}")


def mutated(copy: Path, module: str, each: int, seed: int) -> tuple[int, int, list[str]]:
    """How many mutants a module can have, how many were run, and the survivors as differences."""
    default = f"tests/test_{module}.py"
    tests = TESTS.get(module, default if (copy / default).exists() else "tests/test_hand.py")
    command = f"{sys.executable} -m pytest -x -q --no-browser -p no:cacheprovider {tests}"
    session, config = copy / f"{module}.sqlite", copy / f"{module}.toml"
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "engine/{module}.py"\ntimeout = {_TIME_LIMIT}\nexcluded-modules = []\n'
        f'test-command = "{command}"\n\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    if subprocess.run(shlex.split(command), cwd=copy, stdout=subprocess.DEVNULL, check=False).returncode:
        print(f"{module}: its tests fail without a mutant; none was run", flush=True)
        return 0, 0, []
    _cosmic_ray(copy, "init", config, session)
    with sqlite3.connect(session) as database:
        jobs = sorted(
            database.execute("SELECT job_id, operator_name, occurrence FROM mutation_specs"), key=lambda row: row[1:]
        )
        chosen = {row[0] for row in random.Random(f"{seed} {module}").sample(jobs, min(each, len(jobs)))}
        for table in ("mutation_specs", "work_items"):
            database.executemany(
                f"DELETE FROM {table} WHERE job_id = ?", [(row[0],) for row in jobs if row[0] not in chosen]
            )
    _cosmic_ray(copy, "exec", config, session)
    with sqlite3.connect(session) as database:
        found = list(database.execute("SELECT test_outcome, diff FROM work_results"))
    survivors = [diff for outcome, diff in found if "SURVIVED" in str(outcome).upper()]
    print(f"{module}: {len(found)} of {len(jobs)}, {len(survivors)} survived", flush=True)
    for diff in survivors:
        print("\n".join(line for line in diff.splitlines() if line[:1] in "+-@"), flush=True)
    return len(jobs), len(found), survivors


def _cosmic_ray(copy: Path, command: str, config: Path, session: Path) -> None:
    program = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run([program, command, config.name, session.name], cwd=copy, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
