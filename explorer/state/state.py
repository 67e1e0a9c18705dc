"""The whole screen as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field

from explorer.model import Model
from explorer.state.view import View


@dataclass(frozen=True)
class State:
    """The whole screen: the model that is computed, and the view of its run. **Holds:** a_link_gives_the_state_back."""

    model: Model = field(default_factory=Model)
    view: View = field(default_factory=View)
