"""Which steps of a run the unrolled picture shows."""

from __future__ import annotations

from typing import Final

from engine import Cell

MAX_NODES: Final = 2_500  # of a picture
LONG: Final = 60  # steps beyond which only some of them are drawn, unless a window is asked for
USUAL: Final = 50  # steps that are then drawn, so that they can be read


def room(nodes: int) -> int:
    """The number of steps that have room in a picture, with this number of nodes each."""
    return max(1, MAX_NODES // nodes)


def drawn(steps: int, nodes: int, window: tuple[int, int] | None) -> tuple[int, int]:
    """The first and the last step that are drawn.

    Those of the window; a window that reaches beyond the last step is moved back to it. Without a window all steps, but of
    more than `LONG` the last `USUAL`; and never more than have room.

    Args:
        steps: of the run
        nodes: of a step
        window: the first and the last step that the view asks for
    """
    first, last = window or (1 if steps <= LONG else steps - USUAL + 1, steps)
    beyond = max(last - steps, 0)
    first, last = max(first - beyond, 1), last - beyond
    return max(first, last - room(nodes) + 1), last


def initial(cell: Cell, first: int) -> list[tuple[str, int]]:
    """The initial values that are drawn, (state, t), where `first` is the first step: those right before step 1."""
    return [(name, t) for name in cell.states for t in range(1 - cell.lags[name], 1)] if first == 1 else []
