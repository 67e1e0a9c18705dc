"""The initial weights of all schemes as one number, to compare processors: `python tests/digest.py` prints it."""

import hashlib

from engine.inputs import SCHEMES, Scheme, initialise
from engine.language.catalogue import CATALOGUE


def digest() -> str:
    """All schemes, all parameters of an LSTM, as one number; another processor must agree on it."""
    found = hashlib.sha256()
    for name, kind in SCHEMES.items():
        for rescale in ({}, {"radius": 0.9}, {"norm": 1.1}) if kind.settings else ({},):
            weights = initialise(CATALOGUE["lstm"], {"x": 7, "h": 24, "y": 3}, Scheme(name, **rescale), seed=11)
            for value in weights.values():
                found.update(value.tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    print(digest())
