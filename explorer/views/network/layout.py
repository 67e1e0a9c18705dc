"""The page of the network, from top to bottom."""

from __future__ import annotations

from explorer.page.heading import begin
from explorer.page.inspector import inspector
from explorer.page.notices import tell_overflow, write_link
from explorer.page.selection import walker
from explorer.views.network import (
    appearance,
    details,
    edit_cell,
    edit_numbers,
    neurons,
    picture,
    take_home,
    welcome,
)


def page() -> None:
    """Draw the page of the network."""
    state, run, palette, pixels = begin("Unrolled", welcome.WORDS)
    welcome.first_steps()
    shows = state.view.shows
    if shows("lenses"):
        appearance.choose(state, run)
    tell_overflow(run)
    drawn = picture.figure(state, run, palette, pixels)
    if shows("inspector"):
        walker(state, run)
        if state.view.graph == "neurons":
            neurons.neuron(state, run, pixels)
        inspector(state, run, palette, pixels)
    if shows("table"):
        details.as_table(state, run, drawn)
    if shows("equations"):
        details.equations(state, run, palette, pixels)
    if shows("edit"):
        edit_numbers.editing(state)
    if shows("cell"):
        edit_cell.editor(state, palette, pixels)
    if shows("files"):
        take_home.files(state, run, palette)
    write_link(state)
