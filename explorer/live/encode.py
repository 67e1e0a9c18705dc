"""The scene as bytes for the live picture: a header in JSON, then the arrays that it lists. Nothing here knows Streamlit.

    uint32   length of the header, little-endian
    header   JSON, UTF-8; filled up with spaces so that what follows begins at a multiple of eight bytes
    arrays   one after the other as `header["arrays"]` has them, [name, type, length], each filled up to eight bytes

Whatever is not the same for every picture is in here, colours and texts too: the script is a constant. What a node looks
like is one byte: a shade of the scale, or one of the marks; so a knob's picture is a byte for each node.
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
from explorer.live.captions import Captions, captions, drawn, plain
from explorer.picture.marks import Mark, marks, tint
from explorer.picture.scene import Scene
from explorer.picture.window import room
from explorer.state import LENSES

Array = NDArray[Any]

#: Shades of the scale, four from each of its colours to the next. Behind them come the looks of the marks from ZERO to
#: NONE, and then that of a node which the sweep has not yet reached.
SHADES: Final = 4 * (len(theme.SCALES[theme.USUAL]) - 1) + 1
BLANK: Final = SHADES - 1 + len(Mark)

#: With more nodes than this a node says its norms only; the first numbers of all vectors would outweigh the picture.
NUMBERS: Final = 2_500


@dataclass(frozen=True)
class Knob:
    """One number of the model that can be turned, with the picture at each of its K values.

    title            what is turned;  labels (K,)  its values as they are written
    at               which of them the scene shows
    magnitude (K, N) what the colour shows at each, nodes in the order of the scene; negative where there is none
    curve (K,)       a number of each run, drawn above the slider;  curve_title  what it is: log₁₀ ‖∇h⁽¹⁾‖
    """

    title: str
    labels: tuple[str, ...]
    at: int
    magnitude: Array
    curve: Array
    curve_title: str

    def __post_init__(self) -> None:
        many = len(self.labels)
        if not (self.magnitude.ndim == 2 and len(self.magnitude) == len(self.curve) == many and 0 <= self.at < many):
            shapes = f"magnitude {self.magnitude.shape}, curve {self.curve.shape}, at {self.at}"
            raise ValueError(f"{many} values of the knob, but {shapes}; each must have one for every value")


def orders(scene: Scene) -> tuple[Array, Array]:
    """When each node becomes known: the rank of its value and of its gradient, both (N,); equal ranks together.

    Forward by step, and within it by row, since a row reads lower ones only; backward the other way round. The target,
    whose row is the highest, is given, and has no gradient: it goes with the first row, and backward with the losses
    below it. Parameters are given as well, and get their gradients when all of the step have theirs; those that the steps
    share come before the first, and backward after it. Without memory the steps are samples, and all go together.

    **Holds:** no_node_before_what_it_reads, no_gradient_before_those_it_sums.
    """
    place, rows = scene.grid.row, scene.grid.rows
    roles = np.array(scene.roles)
    target, given = roles == "target", roles == "parameter"
    row = np.where(given, 0, [place[name] for name in scene.names]).astype(int)
    before = scene.t.astype(int) * rows if scene.upwards else np.where(scene.shared, -1, 0)
    upwards = before + np.where(target, 0, row)[scene.name]
    downwards = before + np.where(target, rows - 2, row)[scene.name]
    return _ranks(upwards), _ranks(-downwards)


def _ranks(values: Array) -> Array:
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def encode(
    scene: Scene,
    *,
    said: Captions | None = None,
    knob: Knob | None = None,
    strength: str = "norm",
    label: str = "",
    pace: float | None = None,
    large: float = 1.0,
    event: int = 0,
    turned: int = 0,
) -> bytes:
    """The bytes of a scene.

    said      what the sweep says; `captions(scene)` if none is given
    knob      the number that can be turned in the picture
    strength  what `scene.strength` is, if it is there: ‖message‖
    label     the picture in a sentence, for those who do not see it
    pace      milliseconds from one picture of the sweep to the next; if None, what suits their number
    large     how many times all is enlarged, for a class; the picture is then as high as the window
    event     the number of the last selection that `scene.selected` already knows of
    turned    the same of the last turn of the knob, for `knob.at`
    """
    arrays = dict(_arrays(scene, knob))
    header = _header(scene, said or captions(scene), knob) | {
        "strength_title": strength,
        "label": label,
        "pace": pace,
        "large": large,
        "event": event,
        "turned": turned,
    }
    return _packed(header, arrays)


def encode_strip(scene: Scene, magnitude: Array, event: int = 0) -> bytes:
    """The bytes of the strip of a scene's run: what the colour shows of each name at every step, (names, T).

    event   the number of the last window that `scene.first` and `scene.last` already know of
    """
    ends = scene.low, scene.high
    node = scene.view.selected
    there = node is not None and node[0] in scene.names and 1 <= node[1] <= scene.T
    header = {
        "names": scene.names,
        "symbols": [drawn(parts) for parts in scene.symbols],
        "written": [plain(parts) for parts in scene.symbols],
        "steps": scene.T,
        "first": scene.first,
        "last": scene.last,
        "most": room(len(scene.names)),
        "selected": [scene.names.index(node[0]), node[1]] if node is not None and there else None,
        "quantity": scene.view.quantity,
        "palettes": {name: palette(name, scene.view.scale) for name in theme.PALETTES},
        "font": theme.FONT,
        "event": event,
    }
    looked = looks(magnitude, marks(magnitude, *ends), *ends)
    return _packed(header, {"look": looked.reshape(-1), "magnitude": _read(magnitude)})


def _packed(header: dict[str, Any], arrays: Mapping[str, Array]) -> bytes:
    header["arrays"] = [[name, array.dtype.str[1:], array.size] for name, array in arrays.items()]
    body = b"".join(_filled(array.tobytes()) for array in arrays.values())
    header["token"] = f"{zlib.crc32(body, zlib.crc32(_json(header))):08x}"
    text = _json(header)
    text += b" " * (-(4 + len(text)) % 8)
    return struct.pack("<I", len(text)) + text + body


def _header(scene: Scene, said: Captions, knob: Knob | None) -> dict[str, Any]:
    return {
        "names": scene.names,
        "roles": scene.roles,
        "shapes": [theme.SHAPES[role] for role in scene.roles],
        "symbols": [drawn(parts) for parts in scene.symbols],
        "written": [plain(parts) for parts in scene.symbols],
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
        "forward": [said.forward.get(name, "") for name in scene.names],
        "backward": [said.backward.get(name, ("", ())) for name in scene.names],
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
        "value": _read(scene.value),
        "gradient": _read(scene.gradient),
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
            "value_head": _read(scene.value_head),
            "gradient_head": _read(scene.gradient_head),
        }
    if scene.strength is not None:
        arrays |= {
            "strength": _read(scene.strength),
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
    """What is to be seen of magnitudes, as bytes: 0 to SHADES − 1 along the scale, or SHADES − 1 + `Mark`; of any shape."""
    usable = np.isfinite(magnitude) & (magnitude > 0)
    share = (np.log10(np.where(usable, magnitude, 1.0)) - low) / (high - low)
    shade = np.rint(np.clip(share, 0, 1) * (SHADES - 1))
    return np.where(mark == Mark.WITHIN, shade, SHADES - 1 + mark).astype("u1")


@lru_cache
def palette(name: str, scale: str) -> dict[str, Any]:
    """The colours of a light or dark page: both are sent, since Python does not hear when the browser changes over."""
    colours = asdict(theme.PALETTES[name])
    return colours | {
        "alarm": theme.ALARM,
        "faint": _mixed(colours["line"], colours["paper"], 0.75),
        "thin": _mixed(colours["line"], colours["paper"], 0.25),
        "tints": tints(name, scale),
    }


def tints(name: str, scale: str) -> tuple[tuple[str, str, str], ...]:
    """Fill, outline and text of every look, each followed by the same faded; so look k has the places 2k and 2k + 1."""
    colours = theme.PALETTES[name]
    plain: list[tuple[str, str, str]] = [
        (_between(share, scale), colours.ink, theme.on(share, scale)) for share in np.linspace(0, 1, SHADES).tolist()
    ]
    plain += [
        *(tint(mark, colours, scale) for mark in list(Mark)[1:]),
        (colours.paper, _mixed(colours.line, colours.paper, 0.35), _mixed(colours.muted, colours.paper, 0.35)),
    ]
    pale = [
        (
            _mixed(fill, colours.paper, 0.82),
            _mixed(outline, colours.paper, 0.78),
            _mixed(colours.ink, colours.paper, 0.6),
        )
        for fill, outline, _ in plain
    ]
    return tuple(tint for pair in zip(plain, pale, strict=True) for tint in pair)


def _between(share: float, scale: str) -> str:
    """The colour of a scale at a share of its length, 0 to 1."""
    colours = theme.SCALES[scale]
    place = share * (len(colours) - 1)
    k = min(int(place), len(colours) - 2)
    return _mixed(colours[k], colours[k + 1], place - k)


def _mixed(one: str, other: str, share: float) -> str:
    channels = ([int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in (one, other))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(*channels, strict=True))


def _small(array: Array) -> Array:
    """The same whole numbers in the fewest bytes."""
    kind = np.result_type(*(np.min_scalar_type(int(end)) for end in (array.min(initial=0), array.max(initial=0))))
    return array.astype(kind.newbyteorder("<"))


def _read(array: Array) -> Array:
    """Numbers that are read in the picture, to the bit: rounded once more they could read otherwise than on the page."""
    return array.astype("<f8")


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _json(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
