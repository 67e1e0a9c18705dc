"""Where the project lies."""

from pathlib import Path

#: The folder of the project.
ROOT = Path(__file__).resolve().parent.parent
