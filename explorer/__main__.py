"""Start the explorer: `python -m explorer` passes its arguments on to `streamlit run`."""

import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from streamlit.web import cli

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Start the server, reachable from this machine alone unless `--server.address` names another address."""
    # Sessions share the machine: a product on several cores would hold up the others, and networks here are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Streamlit finds the file only from the root. As defaults, its settings yield to the environment and the command line.
    settings = dict(flat(tomllib.loads(config().read_text(encoding="utf-8"))))
    # Not in the file: Community Cloud and containers read that too, and there the server must listen to others.
    settings["server_address"] = "localhost"
    cli.main(["run", str(HERE / "server.py"), *sys.argv[1:]], prog_name="streamlit", default_map={"run": settings})


def config() -> Path:
    """The settings: at the root of a checkout, or where pyproject.toml has an installation put them."""
    installed = (parent / "share" / "unrolled" / "config.toml" for parent in HERE.parents)
    return next(path for path in (HERE.parent / ".streamlit" / "config.toml", *installed) if path.is_file())


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The entries of nested TOML tables under the names of Streamlit's parameters, `theme_dark_textColor`."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}_")
        else:
            yield prefix + key, value


if __name__ == "__main__":
    main()
