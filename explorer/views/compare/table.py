"""All columns together: their gradients along time, their numbers in a table, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from engine.language import latex, written
from explorer import compare
from explorer.compare import Column, Measured
from explorer.facts import Course, FloatLimit
from explorer.figures import curves
from explorer.page.chart import chart
from explorer.page.heading import meanings
from explorer.words.markdown import plain
from explorer.words.numbers import from_exponent, number


def along_time(columns: Sequence[tuple[str, Measured]], palette: str) -> None:
    """Draw the curves of all columns on one pair of axes."""
    lasting = [(title, one.curves) for title, one in columns if "" not in one.curves]
    still = [(title, one.curves) for title, one in columns if "" in one.curves]
    st.markdown(
        r"##### Gradient over time, of all losses, $\log_{10} \Vert \nabla \Vert$"
        if lasting
        else "##### Gradient along the flow"
    )
    alt = "The norm of the gradient of every column against time, on one logarithmic scale."
    chart(curves(lasting or still, palette), "compare.curves", alt)
    if lasting and still:
        st.caption(plain(f"Without memory, so without a line: {'; '.join(title for title, _ in still)}."))


def in_numbers(columns: Sequence[tuple[str, Measured]]) -> None:
    """The numbers of all columns as a table."""
    st.markdown("##### In numbers", help=meanings())
    rows = [(label, cells) for label, cells in measures([one for _, one in columns]) if any(cells)]
    st.markdown(
        "\n".join(
            [
                "| | " + " | ".join(plain(title) for title, _ in columns) + " |",
                "|---" * (len(columns) + 1) + "|",
                *(f"| {label} | {' | '.join(cell or '–' for cell in cells)} |" for label, cells in rows),
            ]
        )
    )


def measures(columns: Sequence[Measured]) -> list[tuple[str, list[str]]]:
    """The rows of the table: a label and a text for each column, empty if the column has no such number."""
    several = len({one.state for one in columns}) > 1
    state = f"of ${latex(columns[0].state)}$" if not several else "of the state"

    def listed(numbers: Iterable[tuple[str, float | None]]) -> str:
        return ", ".join(
            f"${latex(name)}$ {number(float(f'{value:.3g}'))}" for name, value in numbers if value is not None
        )

    return [
        ("Loss", [number(one.loss) for one in columns]),
        (f"Gradient {state} at the first step, of all losses",
         [from_exponent(one.first) + f" (${latex(one.state)}$)" * several for one in columns]),
        (f"What a step back leaves of it, on average, for {_followed(columns)}", [_left(one.alone) for one in columns]),
        ("Spectral radius of the recurrent matrices", [listed((m.name, m.radius) for m in one.matrices) for one in columns]),
        ("Their largest singular value", [listed((m.name, m.largest) for m in one.matrices) for one in columns]),
        ("Slopes below a tenth of the largest possible",
         [f"{100 * one.saturated:.3g} %" * (one.saturated == one.saturated) for one in columns]),
        ("Steps back that float32 holds of that", [_held(one.reach, one.alone) for one in columns]),
        ("Error of the gradients by the cut, as a share of the whole",
         [listed((name, share) for name, share in one.error.items() if share != 0)
          or "nothing" * bool(one.error) for one in columns]),
    ]  # fmt: skip


def _followed(columns: Sequence[Measured]) -> str:
    """The loss whose gradient the numbers are about."""
    losses = {one.alone.loss for one in columns if one.alone is not None}
    (only,) = losses if len(losses) == 1 else (None,)
    return f"the loss of step {only:,} alone" if only else "the last loss that counts alone"


def _left(alone: Course | None) -> str:
    """The share of the gradient that a step leaves, and whether the gradient ends."""
    if alone is None:
        return ""
    if not alone.steps:
        return f"nothing: exactly 0 at step {alone.last - 1:,}" if alone.last > 1 else ""
    return from_exponent(alone.log_rate) + f", then exactly 0 from step {alone.first - 1:,} on back" * alone.ends


def _held(reach: FloatLimit | None, alone: Course | None) -> str:
    """The number of steps back over which float32 holds the gradient, and its fate beyond."""
    if reach is None or alone is None:
        return ""
    steps = alone.last - 1
    if reach.steps < 0:
        return f"none of {steps:,}"
    then = {"zero": ", then exactly 0", "below": "", "above": ", then it is too large", "all": ""}[reach.end]
    return f"all {steps:,}" if reach.steps == steps else f"{reach.steps:,} of {steps:,}{then}"


def in_common(columns: Sequence[Column]) -> None:
    """Name the parameters and data that are equal in all columns, to the bit."""
    models = tuple(column.model for column in columns if column.model is not None)
    if len(models) < 2:
        return
    common = compare.shared(models)
    data = (
        "inputs, targets and which losses count"
        if common.data
        else f"the inputs of the first {common.steps:,} steps"
        if common.steps > 1
        else ""
    )
    equal = ", ".join(map(written, common.parameters))
    parts = [part for part in (data, equal and f"the parameters {equal}") if part]
    others = ", ".join(map(written, common.others))
    st.caption(
        plain(
            f"The same in all columns, to the bit: {'; '.join(parts) or 'nothing'}."
            + f" Not the same, or not in all: {others}." * bool(others)
            + " The numbers of a parameter come from the seed, its name, its shape and its scheme."
        )
    )
