"""The causes of a gradient of exactly zero, in words."""

from __future__ import annotations

from collections.abc import Sequence

from engine.language import names
from explorer.facts.claims import Cause
from explorer.words.phrases import at, listed, ordinal


def because(causes: Sequence[Cause]) -> str:
    """The causes as the end of a sentence, after a colon; "" without any."""
    reasons = [text for cause in causes if (text := _cause(cause))]
    return f": {listed(list(dict.fromkeys(reasons)))}" if reasons else ""


def _cause(cause: Cause) -> str:
    """The reason why nothing is passed on."""
    name, node = names.written(cause.name), at(cause.node, cause.step)
    match cause.why:
        case "shut":
            if cause.always:
                return f"the {cause.name} of {names.written(cause.node)} is shut in all units at every step"
            return f"the {cause.name} of {node} is shut in every unit that a gradient reaches"
        case "zero":
            return f"{name} is zero"
        case "nilpotent":
            return (
                f"{name} is nilpotent, its {ordinal(cause.power)} power is zero, so nothing passes it {cause.power:,} times"
                if cause.power > 1
                else f"{name} is zero"
            )
        case "kernel":
            return f"the transpose of {name} takes the gradient at {node} to zero"
        case "factor":
            return f"it is multiplied by {name}, which is zero wherever {node} has a gradient"
        case "product":
            return f"it is multiplied by zero in {node}"
        case "softmax":
            return f"the softmax of {node} passes nothing on"
        case "cancels":
            return f"what arrives at {node} along its edges cancels"
        case "right":
            return f"the output of step {cause.step} is exactly what is wanted"
        case "cut":
            return f"the recurrence is cut after step {cause.step}, as after each {cause.power} steps"
        case "unread":
            return f"no edge leads from {node} to that loss"
    return ""
