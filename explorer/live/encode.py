"""The scene as bytes for the live picture: a header in JSON, then the arrays that the header lists.

    uint32   length of the header, little-endian
    header   JSON, UTF-8; padded with spaces so that the arrays begin at a multiple of eight bytes
    arrays   one after the other in the order of `header["arrays"]`, [name, type, length], each padded to eight bytes

The bytes hold all that differs from picture to picture, colours and texts too: the script is constant. The look of a node is
one byte: a shade of the scale, or one of the marks; so a position of the knob needs one byte for each node.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from explorer import theme
from explorer.live.captions import Captions, captions, symbol_parts, symbol_text
from explorer.picture.marks import Mark, marks, tint
from explorer.picture.scene import Scene
from explorer.picture.window import room
from explorer.state import LENSES

Array = NDArray[Any]

#: Shades of the scale, four from each of its colours to the next. After them come the looks of the marks from ZERO to
#: NONE, and then the look of a node that the sweep has not yet reached.
SHADES: Final = 4 * (len(theme.SCALES[theme.USUAL]) - 1) + 1
BLANK: Final = SHADES - 1 + len(Mark)

#: With more nodes than this only norms are sent: the first numbers of all vectors would outweigh the picture.
NUMBERS: Final = 2_500


@dataclass(frozen=True)
class Knob:
    """One number of the model that can be turned in the picture, with K values.

    title            the name of the number;  labels (K,)  its values as text
    at               the index of the value that the scene shows
    magnitude (K, N) what the colour shows at each value, nodes in the order of the scene; negative where nothing is shown
    curve (K,)       a number of each run, drawn above the slider;  curve_title  its name: log₁₀ ‖∇h⁽¹⁾‖

    Raises:
        ValueError: if the lengths do not agree
    """

    title: str
    labels: tuple[str, ...]
    at: int
    magnitude: Array
    curve: Array
    curve_title: str

    def __post_init__(self) -> None:
        """Check the lengths."""
        many = len(self.labels)
        if not (self.magnitude.ndim == 2 and len(self.magnitude) == len(self.curve) == many and 0 <= self.at < many):
            shapes = f"magnitude {self.magnitude.shape}, curve {self.curve.shape}, at {self.at}"
            raise ValueError(f"{many} values of the knob, but {shapes}; each must have one for every value")


def orders(scene: Scene) -> tuple[Array, Array]:
    """The order of the sweep: the rank of each node's value and of its gradient, both (N,); equal ranks come together.

    Forward by step, and within a step by row, since a row reads only lower rows; backward the other way round. The target,
    whose row is the highest, is given, and has no gradient: forward it comes with the first row, backward with the losses
    below it. Parameters are given as well, and get their gradients after all other nodes of the step; parameters that the
    steps share come before the first step, and backward after it. Without memory the steps are samples, and come together.

    Args:
        scene: the picture

    Returns:
        The ranks forward and the ranks backward.

    **Holds:** no_node_before_what_it_reads, no_gradient_before_those_it_sums.
    """
    place, rows = scene.grid.row, scene.grid.rows
    roles = np.array(scene.roles)
    target = roles == "target"
    row = np.where(roles == "parameter", 0, [place[name] for name in scene.names]).astype(int)
    before = scene.t.astype(int) * rows if scene.upwards else np.where(scene.shared, -1, 0)
    upwards = before + np.where(target, 0, row)[scene.name]
    downwards = before + np.where(target, rows - 2, row)[scene.name]
    return _ranks(upwards), _ranks(-downwards)


def _ranks(values: Array) -> Array:
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def encode(
    scene: Scene,
    *,
    texts: Captions | None = None,
    knob: Knob | None = None,
    strength: str = "norm",
    label: str = "",
    pace: float | None = None,
    large: float = 1.0,
    event: int = 0,
    turned: int = 0,
) -> bytes:
    """Encode a scene.

    Args:
        scene: the picture
        texts: the captions of the sweep; None for `captions(scene)`
        knob: the number that can be turned in the picture
        strength: the name of `scene.strength`: ‖message‖
        label: the picture in a sentence, for screen readers
        pace: milliseconds from one frame of the sweep to the next; None for a pace that suits their number
        large: the enlargement for a class; an enlarged picture is as high as the window
        event: the number of the last selection that `scene.selected` contains
        turned: the number of the last turn of the knob that `knob.at` contains

    Returns:
        The bytes, which the scripts decode.

    Raises:
        ValueError: if the knob has another number of nodes than the scene
    """
    arrays = dict(_arrays(scene, knob))
    header = _header(scene, texts or captions(scene), knob) | {
        "strength_title": strength,
        "label": label,
        "pace": pace,
        "large": large,
        "event": event,
        "turned": turned,
    }
    return _packed(header, arrays)


def encode_strip(scene: Scene, magnitude: Array, event: int = 0) -> bytes:
    """Encode the strip of all steps.

    Args:
        scene: the picture of some of the steps
        magnitude: what the colour shows of each name at every step, (names, T)
        event: the number of the last window that `scene.first` and `scene.last` contain

    Returns:
        The bytes, which the scripts decode.
    """
    ends = scene.low, scene.high
    node = scene.view.selected if scene.view.selected and scene.view.selected[0] in scene.names else None
    header = {
        "names": scene.names,
        "symbols": [symbol_parts(parts) for parts in scene.symbols],
        "written": [symbol_text(parts) for parts in scene.symbols],
        "steps": scene.T,
        "first": scene.first,
        "last": scene.last,
        "most": room(len(scene.names)),
        "selected": [scene.names.index(node[0]), node[1]] if node and 1 <= node[1] <= scene.T else None,
        "quantity": scene.view.quantity,
        "palettes": {name: palette(name, scene.view.scale) for name in theme.PALETTES},
        "font": theme.FONT,
        "event": event,
    }
    look = looks(magnitude, marks(magnitude, *ends), *ends)
    return _packed(header, {"look": look.reshape(-1), "magnitude": _exact(magnitude)})


def _packed(header: dict[str, Any], arrays: Mapping[str, Array]) -> bytes:
    header["arrays"] = [[name, array.dtype.str[1:], array.size] for name, array in arrays.items()]
    body = b"".join(_padded(array.tobytes()) for array in arrays.values())
    header["token"] = f"{zlib.crc32(body, zlib.crc32(_json(header))):08x}"
    text = _json(header)
    text += b" " * (-(4 + len(text)) % 8)
    return struct.pack("<I", len(text)) + text + body


def _header(scene: Scene, texts: Captions, knob: Knob | None) -> dict[str, Any]:
    return {
        "names": scene.names,
        "roles": scene.roles,
        "shapes": [theme.SHAPES[role] for role in scene.roles],
        "symbols": [symbol_parts(parts) for parts in scene.symbols],
        "written": [symbol_text(parts) for parts in scene.symbols],
        "smaller": [theme.SMALLER.get(role, 1) for role in scene.roles],
        "shared": [name in scene.grid.shared for name in scene.names],
        "rows": [scene.grid.row[name] for name in scene.names],
        "pitch": scene.grid.pitch,
        "bends": np.unique(scene.bend).tolist(),
        "turns": np.unique(scene.turn).tolist(),
        "upwards": scene.upwards,
        "first": scene.first,
        "last": scene.last,
        "labels": scene.labels,
        "targets": scene.targets,
        "low": scene.low,
        "high": scene.high,
        "title": f"{LENSES[scene.view.lens].title}, {scene.view.quantity}",
        "selected": scene.selected,
        "walked": scene.walked,
        "T": scene.T,
        "forward": [texts.forward.get(name, "") for name in scene.names],
        "backward": [texts.backward.get(name, ("", ())) for name in scene.names],
        "knob": knob and {"title": knob.title, "labels": knob.labels, "at": knob.at, "curve_title": knob.curve_title},
        "palettes": {name: palette(name, scene.view.scale) for name in theme.PALETTES},
        "scale": theme.SCALES[scene.view.scale],
        "font": theme.FONT,
    }


def _arrays(scene: Scene, knob: Knob | None) -> dict[str, Array]:
    forward, backward = orders(scene)
    ends = scene.low, scene.high
    arrays = {
        "x": scene.x.astype("<f4"),
        "y": scene.y.astype("<f4"),
        "name": _small(scene.name),
        "t": _small(scene.t),
        "units": _small(scene.units),
        "look": looks(scene.magnitude, scene.mark, scene.low, scene.high),
        "value": _exact(scene.value),
        "gradient": _exact(scene.gradient),
        "source": _small(scene.source),
        "target": _small(scene.target),
        "bend": _small(np.searchsorted(np.unique(scene.bend), scene.bend)),
        "turn": _small(np.searchsorted(np.unique(scene.turn), scene.turn)),
        "path": _small(scene.path),
        "order_forward": _small(forward),
        "order_backward": _small(backward),
    }
    if len(scene.name) <= NUMBERS:
        arrays |= {
            "value_head": _exact(scene.value_head),
            "gradient_head": _exact(scene.gradient_head),
        }
    if scene.strength is not None:
        arrays |= {
            "strength": _exact(scene.strength),
            "strength_look": looks(scene.strength, marks(scene.strength, *ends), *ends),
        }
    if knob is not None:
        if knob.magnitude.shape[1] != len(scene.name):
            raise ValueError(f"the knob has {knob.magnitude.shape[1]} nodes, the scene {len(scene.name)}")
        arrays |= {
            "knob_look": looks(knob.magnitude, marks(knob.magnitude, *ends), *ends),
            "knob_curve": knob.curve.astype("<f8"),
        }
    return arrays


def looks(magnitude: Array, mark: Array, low: float, high: float) -> Array:
    """The look of each magnitude as a byte: 0 to SHADES − 1 along the scale, or SHADES − 1 + its `Mark`; of any shape."""
    usable = np.isfinite(magnitude) & (magnitude > 0)
    share = (np.log10(np.where(usable, magnitude, 1.0)) - low) / (high - low)
    shade = np.rint(np.clip(share, 0, 1) * (SHADES - 1))
    return np.where(mark == Mark.WITHIN, shade, SHADES - 1 + mark).astype("u1")


@lru_cache
def palette(name: str, scale: str) -> dict[str, Any]:
    """The colours of a light or dark page. Both are sent, since the browser changes from one to the other by itself."""
    colours = asdict(theme.PALETTES[name])
    return colours | {
        "alarm": theme.ALARM,
        "faint": _mixed(colours["line"], colours["paper"], 0.75),
        "thin": _mixed(colours["line"], colours["paper"], 0.25),
        "tints": tints(name, scale),
    }


def tints(name: str, scale: str) -> tuple[tuple[str, str, str], ...]:
    """Fill, outline and text of every look k at place 2k, and the same faded at 2k + 1."""
    colours = theme.PALETTES[name]
    full: list[tuple[str, str, str]] = [
        (_between(share, scale), colours.ink, theme.on(share, scale)) for share in np.linspace(0, 1, SHADES).tolist()
    ]
    full += [
        *(tint(mark, colours, scale) for mark in list(Mark)[1:]),
        (colours.paper, _mixed(colours.line, colours.paper, 0.35), _mixed(colours.muted, colours.paper, 0.35)),
    ]
    pale = [
        (
            _mixed(fill, colours.paper, 0.82),
            _mixed(outline, colours.paper, 0.78),
            _mixed(colours.ink, colours.paper, 0.6),
        )
        for fill, outline, _ in full
    ]
    return tuple(tint for pair in zip(full, pale, strict=True) for tint in pair)


def _between(share: float, scale: str) -> str:
    """The colour of a scale at a share of its length, 0 to 1."""
    colours = theme.SCALES[scale]
    place = share * (len(colours) - 1)
    k = min(int(place), len(colours) - 2)
    return _mixed(colours[k], colours[k + 1], place - k)


def _mixed(begin: str, end: str, share: float) -> str:
    channels = ([int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in (begin, end))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(*channels, strict=True))


def _small(array: Array) -> Array:
    """The same whole numbers in the fewest bytes."""
    kind = np.result_type(*(np.min_scalar_type(int(end)) for end in (array.min(initial=0), array.max(initial=0))))
    return array.astype(kind.newbyteorder("<"))


def _exact(array: Array) -> Array:
    """Numbers that can be read in the picture, unrounded: rounded twice they could differ from those on the page."""
    return array.astype("<f8")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _json(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
