"""The live picture in a browser: its attributes, its pixels, and what a user does with it."""

from __future__ import annotations

from browser import place, settle
from live_app import ODD

import engine
from engine import CATALOGUE
from explorer.picture.grid import grid

LOADED = '.live[data-token]:not([data-token=""])'

#: A number for what is on the canvas, and how many pixels are painted; a canvas without any is blank.
PIXELS = """live => {
  const canvas = live.querySelector("canvas");
  const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let hash = 0, painted = 0;
  for (let i = 0; i < bytes.length; i += 4) {
    hash = (31 * hash + bytes[i] + 7 * bytes[i + 1] + 13 * bytes[i + 2] + bytes[i + 3]) | 0;
    painted += bytes[i + 3] > 0;
  }
  return [hash, painted];
}"""

#: From here on every new value of an attribute is noted, or what else there is to say of the picture at that moment.
NOTE = f"""(live, attribute) => {{
  live.noted = [];
  const note = () => live.noted.push(attribute === "data-token" ? ({PIXELS})(live)[1] : live.getAttribute(attribute));
  new MutationObserver(note).observe(live, {{ attributeFilter: [attribute] }});
}}"""


class Picture:
    """The live picture on an opened page."""

    def __init__(self, page):
        self.page, self.live = page, page.locator(".live")
        page.wait_for_selector(LOADED, state="attached")
        page.evaluate("document.fonts.ready")
        page.evaluate(
            """() => { window.said = 0; const send = WebSocket.prototype.send;
               WebSocket.prototype.send = function (...words) { window.said++; return send.apply(this, words); }; }"""
        )

    def __getattr__(self, name):
        return self.live.get_attribute(f"data-{name}")

    def note(self, attribute: str):
        self.live.evaluate(NOTE, attribute)

    @property
    def noted(self) -> list:
        return self.live.evaluate("live => live.noted")

    @property
    def said(self) -> int:
        """How many messages have gone to the server."""
        return self.page.evaluate("window.said")

    def until(self, condition: str):
        """Waits for a condition on `data`, the attributes."""
        self.page.wait_for_function(
            f"live => {{ const data = live.dataset; return {condition}; }}", arg=self.live.element_handle()
        )

    def place(self, name: str, t: int, cell="rnn") -> tuple[float, float]:
        """Where a node is on the page."""
        made = engine.parse(ODD) if cell == "odd" else CATALOGUE[cell]
        where = grid(made)
        return tuple(place(self.page, where.column[name] + (t - 1) * where.pitch, where.row[name]))

    def click(self, *node, **options):
        self.page.mouse.click(*self.place(*node, **options))

    def pixels(self) -> int:
        return self.live.evaluate(PIXELS)[0]

    def answer(self, words: str):
        """Waits until Python has said something."""
        self.page.get_by_text(words).wait_for()

    def change(self):
        """Other weights, by the slider of the page; until they are drawn."""
        before = self.token
        self.page.get_by_role("slider", name="gain").press("ArrowRight")
        self.until(f"data.token !== '{before}'")
        settle(self.page)
