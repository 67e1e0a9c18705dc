// The live picture: draws the bytes of explorer/live/encode.py on a canvas that stays mounted while they change.
//
// `live` is one mount, `graph` what its last bytes say, `page` how it fits the canvas, `scale` the zoom in pixels, and the
// `sheet` everything as paths at that scale, so that panning only moves it. Names are the user's: they are drawn or set as
// text, never as HTML. Nothing goes to the server but a pick and the knob when it is let go.

const ROW = 64, HEIGHTS = [150, 600], GUTTER = 64, SIDE = 16; // pixels, as in figures/graph.py
const SIZES = [5, 34], READABLE = 8.5, OUTLINED = 7, HEADED = 7; // pixels across a node; of a font
const ROOMY = 46; // pixels a column or a row; zooming in first gives this to the axis that lacks it, then enlarges all
const SHADES = 64, ZERO = 64, ALARM = 65, NEUTRAL = 66, BLANK = 67; // how a node is filled
const MARK = { ZERO: 1, BELOW: 2, ABOVE: 3, INFINITE: 4, NAN: 5, NONE: 6 }; // scene.Mark
const FADED = 1, STRONG = 2, BACK = 4, CARRIES = 8, LEVELS = 16; // how an edge is drawn
const ANCESTOR = 1, DESCENDANT = 2, SELF = 3;
const TURN = 2 * Math.PI;
const TYPES = {
  i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array,
  i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array,
};

const mounts = new WeakMap(); // by parentElement, the one thing that lives as long as the mount

export default function ({ data, parentElement, setTriggerValue }) {
  let live = mounts.get(parentElement);
  if (!live) mounts.set(parentElement, (live = mount(parentElement.querySelector(".live"))));
  live.send = setTriggerValue;
  show(live, read(data));
  const call = ++live.calls;
  return () => {
    if (call !== live.calls) return; // Streamlit also cleans up after a call that another overtook
    live.ended.abort();
    mounts.delete(parentElement);
  };
}

// --- data ------------------------------------------------------------------------------------------------------------

function read(data) {
  const bytes = data.slice(); // the message's own bytes need not begin where an array may
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const graph = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let at = 4 + length;
  for (const [name, type, size] of graph.arrays) {
    graph[name] = new TYPES[type](bytes.buffer, at, size);
    at += Math.ceil(graph[name].byteLength / 8) * 8;
  }
  graph.n = graph.x.length;
  graph.m = graph.source.length;
  [graph.x0, graph.x1] = extent(graph.x);
  [graph.y0, graph.y1] = extent(graph.y);
  graph.forwards = extent(graph.order_forward)[1] + 1;
  graph.frames = graph.forwards + extent(graph.order_backward)[1] + 1;
  graph.crowd = graph.rows.map((row) => graph.rows.filter((other) => other === row).length);
  graph.place = new Map();
  for (let i = 0; i < graph.n; i++) graph.place.set(key(graph.name[i], graph.t[i]), i);
  return graph;
}

const key = (name, t) => name * 1e6 + t;
const at = (graph, name, t) => graph.place.get(key(name, t)) ?? -1;
const identity = (graph, i) => (i < 0 ? null : [graph.names[graph.name[i]], graph.t[i]]);
const found = (graph, node) => (node ? at(graph, graph.names.indexOf(node[0]), node[1]) : -1);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** New data: view, selection, frame and knob stay as far as they still have a meaning; drawn before this returns. */
function show(live, graph) {
  const before = live.graph;
  if (before?.token === graph.token) return; // called for another reason, a theme or a rerun
  const same = before && before.names.join() === graph.names.join() && before.upwards === graph.upwards;
  const [picked, cursor] = before ? [identity(before, live.selected), identity(before, live.cursor)] : [null, null];
  live.graph = graph;
  // What Python says counts, unless a pick that it has not yet heard of is on its way.
  live.selected = graph.event >= live.event ? graph.selected ?? -1 : found(graph, picked);
  live.cursor = same ? found(graph, cursor) : -1;
  live.hover = live.edge = -1;
  if (!(same && before.frames === graph.frames)) {
    live.frame = graph.frames;
    setPlaying(live, false);
  }
  if (!live.turning) live.at = graph.knob?.at ?? 0;
  if (!same) live.view = { zoom: 1, x: 0, y: 0 };
  dress(live);
  shade(live);
  relate(live);
  arrange(live);
  furnish(live);
  draw(live);
  point(live);
  live.host.dataset.token = graph.token;
}

// --- mount and input -------------------------------------------------------------------------------------------------

function mount(host) {
  const part = (css) => host.querySelector(css);
  const canvas = part("canvas");
  const live = {
    host, part, canvas, brush: canvas.getContext("2d"), ruler: document.createElement("canvas").getContext("2d"), stage: part(".stage"), tip: part(".tip"), ended: new AbortController(),
    calls: 0, graph: null, page: null, sheet: null, view: { zoom: 1, x: 0, y: 0 }, waiting: 0, event: 0,
    selected: -1, cursor: -1, hover: -1, edge: -1, frame: 0, playing: false, speed: 1, at: 0, turning: false,
    pointers: new Map(), pointer: null,
  };
  listen(live);
  return live;
}

function listen(live) {
  const { canvas, ended } = live, signal = ended.signal;
  const on = (target, type, act, options = {}) => target.addEventListener(type, act, { signal, ...options });
  on(canvas, "pointerdown", (event) => press(live, event));
  on(canvas, "pointermove", (event) => move(live, event));
  on(canvas, "pointerup", (event) => release(live, event));
  on(canvas, "pointercancel", (event) => release(live, event, true));
  on(canvas, "pointerleave", (event) => event.pointerType === "mouse" && (live.pointer = null, point(live)));
  on(canvas, "dblclick", () => { clearTimeout(live.clearing); fit(live); });
  on(canvas, "wheel", (event) => roll(live, event), { passive: false });
  on(canvas, "keydown", (event) => press_key(live, event));
  on(canvas, "blur", () => { live.cursor = -1; point(live); ask(live); });
  on(live.part(".controls"), "click", (event) => command(live, event.target.closest("button")?.dataset.do));
  on(live.part(".frame"), "input", (event) => { setPlaying(live, false); setFrame(live, +event.target.value); });
  on(live.part(".speed"), "change", (event) => (live.speed = +event.target.value));
  on(live.part(".at"), "input", (event) => { live.turning = true; turn(live, +event.target.value); });
  on(live.part(".at"), "change", () => { live.turning = false; live.send("knob", live.at); });

  // Streamlit does not call when the width changes or a hidden tab opens, nor when the window moves to another screen.
  const observer = new ResizeObserver(() => live.graph && (arrange(live), draw(live)));
  observer.observe(live.stage);
  signal.addEventListener("abort", () => observer.disconnect());
  const density = () => {
    if (live.graph) arrange(live), draw(live);
    if (!signal.aborted) on(matchMedia(`(resolution: ${devicePixelRatio}dppx)`), "change", density, { once: true });
  };
  density();
  on(document.fonts, "loadingdone", () => live.graph && (dress(live), ask(live, true)));
}

const COMMANDS = {
  play: toggle,
  back: (live) => stepTo(live, live.frame - 1),
  forth: (live) => stepTo(live, live.frame + 1),
  in: (live) => zoom(live, 1.4),
  out: (live) => zoom(live, 1 / 1.4),
  fit,
};

function command(live, name) {
  if (name) COMMANDS[name](live);
}

function position(live, event) {
  const box = live.canvas.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top, touch: event.pointerType === "touch" };
}

function press(live, event) {
  if (event.button) return;
  live.canvas.setPointerCapture(event.pointerId);
  live.pointers.set(event.pointerId, { start: position(live, event), now: position(live, event) });
  live.dragged = live.pointers.size > 1;
}

function move(live, event) {
  const now = position(live, event), held = live.pointers.get(event.pointerId);
  if (!held) {
    live.pointer = now;
    return point(live);
  }
  const before = held.now, others = [...live.pointers.values()].filter((other) => other !== held);
  if (Math.hypot(now.x - held.start.x, now.y - held.start.y) > (now.touch ? 10 : 4)) live.dragged = true;
  held.now = now;
  if (!live.dragged) return;
  live.canvas.classList.add("drag");
  if (others.length) {
    const other = others[0].now, apart = (one) => Math.hypot(one.x - other.x, one.y - other.y);
    zoom(live, apart(now) / Math.max(apart(before), 1), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
  }
  const share = 1 / live.pointers.size; // two fingers that move alike pan as one does
  pan(live, (now.x - before.x) * share, (now.y - before.y) * share);
  live.pointer = null;
  point(live);
}

function release(live, event, cancelled = false) {
  const held = live.pointers.get(event.pointerId);
  live.pointers.delete(event.pointerId);
  live.canvas.classList.remove("drag");
  if (!held || cancelled || live.dragged) return;
  live.pointer = position(live, event);
  const i = nearest(live, live.pointer);
  clearTimeout(live.clearing);
  if (i >= 0) pick(live, i);
  else if (live.selected >= 0) live.clearing = setTimeout(() => pick(live, -1), 250); // unless it becomes a double click
  point(live);
}

/** Plain wheels scroll the page; with Ctrl (which a pinched trackpad sends too) they zoom, sideways they pan. */
function roll(live, event) {
  const unit = event.deltaMode ? 30 : 1;
  if (event.ctrlKey || event.metaKey) {
    zoom(live, Math.exp(clamp(-event.deltaY * unit, -120, 120) / 300), position(live, event));
  } else if (live.view.zoom > 1 && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
    pan(live, -(event.deltaX || event.deltaY) * unit, 0);
  } else return;
  event.preventDefault();
  live.pointer = position(live, event);
  point(live);
}

function press_key(live, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { upwards } = live.graph, time = (by) => walk(live, by, 0), flow = (by) => walk(live, 0, by);
  const keys = {
    ArrowRight: () => (upwards ? time : flow)(1),
    ArrowLeft: () => (upwards ? time : flow)(-1),
    ArrowUp: () => (upwards ? flow(1) : time(-1)),
    ArrowDown: () => (upwards ? flow(-1) : time(1)),
    Enter: () => live.cursor >= 0 && pick(live, live.cursor),
    Escape: () => { live.cursor = -1; pick(live, -1); },
    " ": () => toggle(live),
    "+": () => COMMANDS.in(live),
    "=": () => COMMANDS.in(live),
    "-": () => COMMANDS.out(live),
    0: () => fit(live),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
  live.pointer = null;
  point(live);
}

/** One node on: along time with the same name, or along the flow within the step. */
function walk(live, time, flow) {
  const { graph } = live, from = live.cursor >= 0 ? live.cursor : live.selected;
  let to = from;
  if (from < 0) {
    const state = Math.max(graph.roles.indexOf("state"), 0);
    to = at(graph, state, graph.last);
  } else if (time) {
    to = at(graph, graph.name[from], graph.t[from] + time);
  } else {
    for (let name = graph.name[from] + flow; graph.names[name] !== undefined; name += flow) {
      if ((to = at(graph, name, graph.t[from])) >= 0) break;
    }
  }
  live.cursor = to >= 0 ? to : from;
  reveal(live, live.cursor);
  say(live, live.cursor);
  ask(live);
}

// --- where things are ------------------------------------------------------------------------------------------------

/** How all of the graph fits the width that there is now. What was zoomed to keeps its size and its place. */
function arrange(live) {
  const { graph, canvas, page: before } = live, width = live.stage.clientWidth;
  const left = graph.upwards ? GUTTER : SIDE, top = 2, bottom = graph.upwards ? 34 : 10;
  const inner = Math.max(width - left - SIDE, 50), across = graph.x1 - graph.x0, rows = graph.y1 - graph.y0 + 1.5;
  const border = Math.max(0.6, (20 * across) / Math.max(inner - 40, 10)); // columns beside the outermost nodes
  const tall = clamp(rows * ROW, ...HEIGHTS), fx = inner / (across + 2 * border), fy = tall / rows;
  const page = (live.page = { width, height: top + tall + bottom, left, top, inner, tall, fx, fy, border });
  const full = (page.full = Math.max(1, ROOMY / fx, ROOMY / fy)); // the zoom at which neither axis lacks room
  page.most = 6 * full;
  if (before && live.view.zoom > 1) live.view.zoom *= before.fx / fx;
  const ratio = devicePixelRatio || 1, wide = Math.round(width * ratio), high = Math.round(page.height * ratio);
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
  canvas.style.height = `${page.height}px`;
  live.ratio = ratio;
  live.stale = true;
  settle(live);
}

/** Brings the view into its bounds and gives the scale: pixels a column and a row, and where the origin lies. */
function settle(live) {
  const { graph, page, view } = live;
  view.zoom = clamp(view.zoom, 1, page.most);
  const more = Math.max(1, view.zoom / page.full);
  const along = (fitted) => fitted * Math.min(view.zoom, Math.max(1, ROOMY / fitted)) * more;
  const kx = along(page.fx), ky = along(page.fy);
  const within = (centre, low, high, half) => (high - low <= 2 * half ? (low + high) / 2 : clamp(centre, low + half, high - half));
  view.x = within(view.x, graph.x0 - page.border, graph.x1 + page.border, page.inner / 2 / kx);
  view.y = within(view.y, graph.y0 - 0.75, graph.y1 + 0.75, page.tall / 2 / ky);
  live.scale = { kx, ky, more, ox: page.left + page.inner / 2 - view.x * kx, oy: page.top + page.tall / 2 + view.y * ky };
  // A finger scrolls the page up and down, unless the graph itself is higher than its canvas.
  live.canvas.style.touchAction = ky > page.fy * 1.001 ? "none" : "pan-y";
}

const screenX = (live, x) => live.scale.ox + x * live.scale.kx;
const screenY = (live, y) => live.scale.oy - y * live.scale.ky;

function pan(live, dx, dy) {
  live.view.x -= dx / live.scale.kx;
  live.view.y += dy / live.scale.ky;
  settle(live);
  ask(live);
}

function zoom(live, factor, about = middle(live)) {
  const { view, scale } = live, x = (about.x - scale.ox) / scale.kx, y = (scale.oy - about.y) / scale.ky;
  view.zoom *= factor;
  settle(live);
  view.x += x - (about.x - live.scale.ox) / live.scale.kx; // what was under the pointer stays there
  view.y += y - (live.scale.oy - about.y) / live.scale.ky;
  settle(live);
  ask(live, true);
}

function middle(live) {
  const i = live.cursor >= 0 ? live.cursor : live.selected, { page, graph } = live;
  const x = i < 0 ? -1 : screenX(live, graph.x[i]), inside = x > page.left && x < page.width;
  return inside
    ? { x, y: screenY(live, graph.y[i]) }
    : { x: page.left + page.inner / 2, y: page.top + page.tall / 2 };
}

function fit(live) {
  live.view.zoom = 1;
  settle(live);
  ask(live, true);
}

function reveal(live, i) {
  if (i < 0) return;
  const { page, graph } = live, x = screenX(live, graph.x[i]), y = screenY(live, graph.y[i]);
  const off = (at, low, high) => (at < low ? low - at : at > high ? high - at : 0);
  pan(live, off(x, page.left + 40, page.width - 40), off(y, page.top + 30, page.top + page.tall - 30));
}

/** Pixels across the nodes of each name: larger where fewer stand in a row of a step, but not by far. */
function sizes(live) {
  const { graph, scale: { kx, ky, more } } = live;
  const [along, between] = graph.upwards ? [kx, ky] : [ky, kx];
  const least = clamp(0.9 * along * graph.pitch, 2, SIZES[0]);
  const size = graph.crowd.map((crowd) =>
    clamp(0.8 * Math.min(crowd > 1 ? along : along * graph.pitch, between), least, SIZES[1] * more));
  const most = 2.4 * Math.min(...size);
  return size.map((pixels, k) => Math.min(pixels, most) * (graph.roles[k] === "loss" ? 0.9 : 1));
}

function sizeOf(live, i) {
  return live.sheet.size[live.graph.name[i]] * (live.graph.t[i] < 1 ? 0.75 : 1);
}

// --- colours and widths that follow from the data ----------------------------------------------------------------------

const channels = (colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
const hex = (rgb) => "#" + rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("");
const mix = (one, other, share) => {
  const [a, b] = [channels(one), channels(other)];
  return hex(a.map((value, k) => value + share * (b[k] - value)));
};

function scaleColour(scale, share) {
  const place = clamp(share, 0, 1) * (scale.length - 1), k = Math.min(Math.floor(place), scale.length - 2);
  return mix(scale[k], scale[k + 1], place - k);
}

/** Black or white, whichever is read better on a colour; as theme.on has it. */
function inkOn(colour) {
  const [red, green, blue] = channels(colour).map((value) => (value / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000000" : "#ffffff";
}

/** What depends on palette and font: the tint of every look, plain and faded, and the widths of the symbols. */
function dress(live) {
  const { graph, ruler } = live, { scale, alarm, paper, ink, muted, line, neutral } = graph.colours;
  const tints = Array.from({ length: SHADES }, (_, k) => scaleColour(scale, (k + 0.5) / SHADES))
    .map((fill) => ({ fill, outline: ink, text: inkOn(fill) }));
  tints[ZERO] = { fill: paper, outline: muted, text: ink };
  tints[ALARM] = { fill: alarm, outline: ink, text: "#ffffff" };
  tints[NEUTRAL] = { fill: neutral, outline: ink, text: ink };
  tints[BLANK] = { fill: paper, outline: mix(line, paper, 0.35), text: mix(muted, paper, 0.35) };
  const fade = ({ fill, outline, text }) =>
    ({ fill: mix(fill, paper, 0.82), outline: mix(outline, paper, 0.78), text: mix(text === "#ffffff" ? ink : text, paper, 0.6) });
  live.tints = tints.flatMap((tint) => [tint, fade(tint)]); // faded ones have the odd places
  live.levels = Array.from({ length: LEVELS }, (_, k) => scaleColour(scale, k / (LEVELS - 1)));
  live.widths = graph.symbols.map(([letter, italic, index]) => {
    ruler.font = font(graph, 100, italic);
    const width = ruler.measureText(letter).width / 100;
    ruler.font = font(graph, 68, false);
    return { letter: width, all: width + (index ? ruler.measureText(index).width / 100 + 0.03 : 0) };
  });
}

const font = (graph, pixels, italic) => `${italic ? "italic " : ""}${pixels.toFixed(2)}px ${graph.font}`;

/** The fill of every node at the knob's place; where there is no knob, that of the scene. */
function shade(live) {
  const { graph } = live, [exponent, mark, from] = shown(live), span = graph.high - graph.low;
  const shades = (live.shades = new Uint8Array(graph.n)), marks = (live.marks = new Set());
  live.mark = mark.subarray(from, from + graph.n);
  for (let i = 0; i < graph.n; i++) {
    const kind = mark[from + i], share = (exponent[from + i] - graph.low) / span;
    marks.add(kind);
    shades[i] = kind === MARK.ZERO ? ZERO : kind === MARK.NONE ? NEUTRAL : kind === MARK.INFINITE || kind === MARK.NAN ? ALARM
      : clamp(Math.floor(share * SHADES), 0, SHADES - 1);
  }
}

const turned = (live) => live.graph.knob && live.at !== live.graph.knob.at;
const shown = ({ graph, at }) =>
  graph.knob ? [graph.knob_exponent, graph.knob_mark, at * graph.n] : [graph.exponent, graph.mark, 0];

/** Who the selected node's ancestors and descendants are, along the edges. */
function relate(live) {
  const { graph, selected } = live;
  live.kin = null;
  live.stale = true;
  if (selected < 0) return;
  const kin = (live.kin = new Uint8Array(graph.n));
  const spread = (from, to, sign) => {
    const next = new Map();
    for (let e = 0; e < graph.m; e++) (next.get(from[e]) ?? next.set(from[e], []).get(from[e])).push(to[e]);
    for (const queue = [selected]; queue.length; ) {
      for (const i of next.get(queue.pop()) ?? []) if (!kin[i]) kin[i] = sign, queue.push(i);
    }
  };
  kin[selected] = SELF;
  spread(graph.target, graph.source, ANCESTOR);
  spread(graph.source, graph.target, DESCENDANT);
}

const sweeping = (live) => live.frame < live.graph.frames;
const faded = (live, i) => live.kin && !sweeping(live) && !live.kin[i];

/** How a node is filled in this frame: not yet computed, its value known, its gradient known. */
function look(live, i) {
  const { graph, frame } = live;
  if (frame < graph.frames) {
    if (graph.order_forward[i] >= frame) return BLANK;
    if (graph.order_backward[i] >= frame - graph.forwards) return NEUTRAL;
  }
  return live.shades[i];
}

/** Whether a node is what this frame computes. */
function current(live, i) {
  const { graph, frame } = live;
  if (!frame || frame >= graph.frames) return false;
  return frame <= graph.forwards
    ? graph.order_forward[i] === frame - 1
    : graph.order_backward[i] === frame - graph.forwards - 1 && live.mark[i] !== MARK.NONE;
}

/** How an edge is drawn, as a number: flags, and above them the level of its strength. */
function edgeLook(live, e) {
  const { graph, kin, frame } = live, source = graph.source[e], target = graph.target[e];
  let flags = 0;
  if (sweeping(live)) {
    if (frame <= graph.forwards) flags = graph.order_forward[target] >= frame ? FADED : current(live, target) ? STRONG : 0;
    else flags = current(live, source) ? STRONG | BACK : 0;
  } else if (kin) {
    const a = kin[source], b = kin[target];
    if (a === SELF) flags = STRONG | BACK; // along these the gradient comes back to the selected node
    else if (a === DESCENDANT && b === DESCENDANT) flags = CARRIES;
    else if (!(a === ANCESTOR && (b === ANCESTOR || b === SELF))) flags = FADED;
  }
  return flags + 16 * strengthLevel(graph, e);
}

function strengthLevel(graph, e) {
  if (!graph.strength) return 0;
  const mark = graph.strength_mark[e], share = (graph.strength_exponent[e] - graph.low) / (graph.high - graph.low);
  if (mark === MARK.ZERO || mark === MARK.NONE) return LEVELS + 1;
  if (mark === MARK.INFINITE || mark === MARK.NAN) return LEVELS + 2;
  return 1 + clamp(Math.round(share * (LEVELS - 1)), 0, LEVELS - 1);
}

function edgeStyle(live, code, size) {
  const { paper, ink, muted, line, alarm } = live.graph.colours, level = code >> 4;
  const base = size >= 14 ? 1.2 : size >= 7 ? 0.8 : 0.45;
  let colour = code & STRONG ? ink : code & CARRIES ? muted : line;
  let width = code & STRONG ? Math.max(1.9, 1.6 * base) : code & CARRIES ? 1.35 * base : base;
  if (level > LEVELS) colour = level === LEVELS + 1 ? line : alarm;
  else if (level) {
    colour = live.levels[level - 1];
    width = base * (0.7 + 3.3 * ((level - 1) / (LEVELS - 1))) * (code & STRONG ? 1.4 : 1);
  }
  if (code & FADED) colour = mix(colour, paper, 0.75);
  return { colour, width, dashed: level === LEVELS + 1 };
}

// --- the sheet: everything as paths ------------------------------------------------------------------------------------

const SHAPES = {
  circle(path, x, y, r) { path.moveTo(x + r, y); path.arc(x, y, r, 0, TURN); },
  square(path, x, y, r) { path.rect(x - r, y - r, 2 * r, 2 * r); },
  diamond(path, x, y, r) { polygon(path, x, y, 1.3 * r, 4, 0); },
  hexagon(path, x, y, r) { polygon(path, x, y, r, 6, TURN / 12); },
};

function polygon(path, x, y, r, corners, turn) {
  for (let k = 0; k < corners; k++) {
    const angle = turn + (k * TURN) / corners;
    path[k ? "lineTo" : "moveTo"](x + r * Math.cos(angle), y + r * Math.sin(angle));
  }
  path.closePath();
}

/** How far from its centre a shape ends in the direction (u, v). */
function reach(shape, r, u, v) {
  if (shape === "square") return r / Math.max(Math.abs(u), Math.abs(v));
  if (shape === "diamond") return (1.3 * r) / (Math.abs(u) + Math.abs(v));
  return r;
}

/** Paths in pixels from the origin of the graph, of all that is on the canvas and a canvas's width to either side. */
function makeSheet(live) {
  const { graph, page, scale } = live;
  const sheet = (live.sheet = { size: sizes(live), edges: new Map(), nodes: new Map(), glyphs: new Map(), texts: new Map() });
  const { kx, ky } = scale, spare = page.width / kx, from = (page.left - scale.ox) / kx - spare;
  sheet.from = from;
  sheet.to = from + 3 * spare;
  sheet.font = sheet.size.map((size, k) => size * Math.min(0.48, 0.78 / live.widths[k].all));
  const largest = Math.max(...sheet.size);
  for (let e = 0; e < graph.m; e++) {
    const a = graph.x[graph.source[e]], b = graph.x[graph.target[e]];
    if (Math.max(a, b) >= sheet.from && Math.min(a, b) <= sheet.to) addEdge(live, e, kx, ky, largest);
  }
  for (let i = 0; i < graph.n; i++) {
    if (graph.x[i] >= sheet.from && graph.x[i] <= sheet.to) addNode(live, i, graph.x[i] * kx, -graph.y[i] * ky);
  }
  live.stale = false;
}

const entry = (map, code, make) => map.get(code) ?? map.set(code, make()).get(code);

function addNode(live, i, x, y) {
  const { graph, sheet } = live, k = graph.name[i], size = sizeOf(live, i), pale = faded(live, i) ? 1 : 0, fill = look(live, i);
  const state = graph.roles[k] === "state" ? 1 : 0;
  const group = entry(sheet.nodes, fill * 4 + state * 2 + pale, () => new Path2D());
  SHAPES[graph.shapes[k]](group, x, y, size / 2);
  const readable = sheet.font[k] * (size / sheet.size[k]) >= READABLE, tint = live.tints[2 * fill + pale];
  if (readable) {
    const text = entry(sheet.texts, `${tint.text} ${k} ${graph.t[i] < 1}`, () => ({ k, colour: tint.text, pixels: sheet.font[k] * (size / sheet.size[k]), at: [] }));
    text.at.push(x, y);
  }
  if (fill < SHADES || fill === ALARM) addGlyph(live, i, x, y, size, readable, tint);
}

/** What the colour cannot say. */
function addGlyph(live, i, x, y, size, readable, tint) {
  const mark = live.mark[i], up = mark === MARK.ABOVE ? -1 : 1;
  if (mark !== MARK.BELOW && mark !== MARK.ABOVE && mark !== MARK.INFINITE && mark !== MARK.NAN) return;
  if (size < 4) return;
  const r = Math.max(size * (readable ? 0.11 : 0.19), 1.5), cy = y + (readable ? 0.34 * size * up : 0);
  const thick = mark === MARK.INFINITE || mark === MARK.NAN;
  const path = entry(live.sheet.glyphs, tint.text + thick, () => ({ colour: tint.text, thick, path: new Path2D() })).path;
  if (thick) {
    for (let k = 0, arms = mark === MARK.NAN ? 2 : 4; k < arms; k++) {
      const angle = TURN / 8 + (k * TURN) / 2 / arms, dx = 1.2 * r * Math.cos(angle), dy = 1.2 * r * Math.sin(angle);
      path.moveTo(x - dx, cy - dy);
      path.lineTo(x + dx, cy + dy);
    }
  } else polygon(path, x, cy, 1.25 * r, 3, (up * TURN) / 4);
}

/** A line from node to node, with its head where the target's outline is; with BACK the other way round. */
function addEdge(live, e, kx, ky, largest) {
  const { graph, sheet } = live, code = edgeLook(live, e), bend = graph.bend[e];
  const group = entry(sheet.edges, code, () => ({ ...edgeStyle(live, code, largest), code, lines: new Path2D(), heads: new Path2D() }));
  const [source, target] = code & BACK ? [graph.target[e], graph.source[e]] : [graph.source[e], graph.target[e]];
  const ax = graph.x[source], ay = graph.y[source], bx = graph.x[target], by = graph.y[target];
  const x0 = ax * kx, y0 = -ay * ky, x1 = bx * kx, y1 = -by * ky;
  let cx = (x0 + x1) / 2, cy = (y0 + y1) / 2;
  if (bend) { // to the left of the way from source to target, as grid.curve has it
    const side = ((code & BACK ? -1 : 1) * bend) / Math.hypot(bx - ax, by - ay);
    cx -= side * (by - ay) * kx;
    cy -= side * (bx - ax) * ky;
  }
  const length = Math.hypot(x1 - cx, y1 - cy) || 1, u = (x1 - cx) / length, v = (y1 - cy) / length;
  const k = graph.name[target], size = sizeOf(live, target), gap = reach(graph.shapes[k], size / 2, u, v) + 1.5;
  const head = size >= HEADED && 2 * length > gap + 8 ? clamp(0.3 * size, 4, 8 * live.scale.more) + 1.4 * group.width : 0;
  const tx = x1 - gap * u, ty = y1 - gap * v, hx = tx - head * u, hy = ty - head * v, half = 0.36 * head;
  group.lines.moveTo(x0, y0);
  const [ex, ey] = head ? [tx - 0.7 * head * u, ty - 0.7 * head * v] : [x1, y1]; // a thick line must not stick out of its head
  if (bend) group.lines.quadraticCurveTo(cx, cy, ex, ey);
  else group.lines.lineTo(ex, ey);
  if (!head) return;
  group.heads.moveTo(tx, ty);
  group.heads.lineTo(hx - half * v, hy + half * u);
  group.heads.lineTo(hx + half * v, hy - half * u);
  group.heads.closePath();
}

// --- drawing -----------------------------------------------------------------------------------------------------------

/** Asks for a drawing with the next picture of the screen; `stale` if paths must be made anew. */
function ask(live, stale = false) {
  live.stale ||= stale;
  live.waiting ||= requestAnimationFrame(() => draw(live));
}

function draw(live) {
  const { graph, page, brush, host, view, scale, ratio } = live;
  cancelAnimationFrame(live.waiting);
  live.waiting = 0;
  if (!page?.width) return; // in a hidden tab
  const start = performance.now(), left = (page.left - scale.ox) / scale.kx, right = left + page.inner / scale.kx;
  if (live.stale || left < live.sheet.from || right > live.sheet.to) makeSheet(live);
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.clearRect(0, 0, page.width, page.height);
  brush.wanted = ""; // a new size of the canvas resets its font
  brush.save();
  brush.beginPath();
  brush.rect(page.left - 4, 0, page.width, page.top + page.tall);
  brush.clip();
  brush.translate(scale.ox, scale.oy);
  drawEdges(live);
  drawNodes(live);
  drawRings(live);
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawTask(live);
  drawEnds(live);
  brush.restore();
  brush.wanted = "";
  if (graph.upwards) drawAxes(live);
  Object.assign(host.dataset, {
    nodes: graph.n, frame: live.frame, frames: graph.frames, knob: live.at, zoom: view.zoom.toFixed(4),
    view: [scale.kx, scale.ky, scale.ox, scale.oy].map((value) => value.toFixed(3)).join(" "),
    selected: (identity(graph, live.selected) ?? []).join(" "), cursor: (identity(graph, live.cursor) ?? []).join(" "),
    drawn: +(host.dataset.drawn ?? 0) + 1, cost: (performance.now() - start).toFixed(2),
  });
}

function drawEdges({ brush, sheet }) {
  const groups = [...sheet.edges.values()].sort((one, other) => rank(one.code) - rank(other.code));
  for (const { colour, width, dashed, lines, heads } of groups) {
    brush.strokeStyle = brush.fillStyle = colour;
    brush.lineWidth = width;
    brush.setLineDash(dashed ? [2, 3] : []);
    brush.stroke(lines);
    brush.fill(heads);
  }
  brush.setLineDash([]);
}

const rank = (code) => (code & FADED ? 0 : code & STRONG ? 3 : code & CARRIES ? 2 : 1) * 100 + (code >> 4);

function drawNodes(live) {
  const { brush, sheet, tints, graph } = live, outlined = Math.max(...sheet.size) >= OUTLINED;
  for (const [code, path] of sheet.nodes) {
    const fill = code >> 2, tint = tints[2 * fill + (code & 1)];
    brush.fillStyle = tint.fill;
    brush.fill(path);
    if (!outlined && fill !== ZERO && fill !== BLANK) continue; // a small node would be all outline and no colour
    brush.strokeStyle = tint.outline;
    brush.lineWidth = code & 2 && outlined ? 1.9 : 0.8;
    brush.stroke(path);
  }
  for (const { colour, thick, path } of sheet.glyphs.values()) {
    brush.fillStyle = brush.strokeStyle = colour;
    brush.lineWidth = 1.6;
    brush[thick ? "stroke" : "fill"](path);
  }
  const { from, to } = window_(live);
  for (const { k, colour, pixels, at } of sheet.texts.values()) {
    brush.fillStyle = colour;
    for (let j = 0; j < at.length; j += 2) {
      if (at[j] >= from && at[j] <= to) drawSymbol(live, k, at[j], at[j + 1] + 0.31 * pixels, pixels);
    }
  }
}

/** Which places of the sheet are on the canvas. */
function window_({ page, scale }) {
  return { from: page.left - scale.ox - 40, to: page.width - scale.ox + 40 };
}

/** A name in mathematical notation, centred on x, standing on y. */
function drawSymbol({ brush, graph, widths }, k, x, y, pixels) {
  const [letter, italic, index] = graph.symbols[k], begin = x - (widths[k].all * pixels) / 2;
  setFont(brush, font(graph, pixels, italic));
  brush.fillText(letter, begin, y);
  if (!index) return;
  setFont(brush, font(graph, 0.68 * pixels, false));
  brush.fillText(index, begin + (widths[k].letter + 0.03) * pixels, y + 0.2 * pixels);
}

function setFont(brush, text) {
  if (brush.wanted !== text) brush.font = brush.wanted = text; // setting a font is dear, even the same one
}

function drawRings(live) {
  const { brush, graph, scale } = live, { ink, muted, paper } = graph.colours;
  const ring = (i, gap, width, colour, dash = []) => {
    if (i < 0) return;
    const path = new Path2D(), x = graph.x[i] * scale.kx, y = -graph.y[i] * scale.ky;
    SHAPES[graph.shapes[graph.name[i]]](path, x, y, sizeOf(live, i) / 2 + gap);
    brush.setLineDash(dash);
    brush.strokeStyle = colour;
    brush.lineWidth = width;
    brush.stroke(path);
    brush.setLineDash([]);
  };
  if (sweeping(live) && live.frame) for (const i of live.now) ring(i, 3.5, 2, ink);
  ring(live.hover, 2.5, 1.5, muted);
  ring(live.selected, 2, 3, paper);
  ring(live.selected, 4, 2.5, ink);
  ring(live.cursor, 7.5, 1.8, muted, [4, 3]);
}

/** What comes in, below each x; what is asked for, above each y. */
function drawTask(live) {
  const { brush, graph, scale, sheet } = live;
  if (!graph.upwards) return;
  brush.fillStyle = graph.colours.ink;
  brush.textAlign = "center";
  for (const [texts, name, side] of [[graph.labels, "x", 1], [graph.targets, "y", -1]]) {
    const k = graph.names.indexOf(name);
    if (!texts.length || k < 0) continue;
    const longest = Math.max(...texts.map((text) => text.length));
    const step = every(scale.kx * graph.pitch, 6 + 8 * longest), away = sheet.size[k] / 2 + (side < 0 ? 6 : 16);
    setFont(brush, font(graph, 15, false));
    texts.forEach((text, j) => {
      const i = at(graph, k, graph.first + j), x = i < 0 ? NaN : screenX(live, graph.x[i]);
      if ((graph.first + j) % step === 0 && x > -50 && x < live.page.width + 50) brush.fillText(text, x, screenY(live, graph.y[i]) + side * away);
    });
  }
  brush.textAlign = "start";
}

/** The ends of the canvas are veiled where the graph goes on. */
function drawEnds(live) {
  const { brush, graph, page, scale } = live, { paper } = graph.colours;
  const veil = (x, inwards) => {
    const shade = brush.createLinearGradient(x, 0, x + inwards * 22, 0);
    shade.addColorStop(0, paper);
    shade.addColorStop(1, `${paper}00`);
    brush.fillStyle = shade;
    brush.fillRect(Math.min(x, x + inwards * 22), 0, 22, page.top + page.tall);
  };
  if (screenX(live, graph.x0) < page.left) veil(page.left - 4, 1);
  if (screenX(live, graph.x1) > page.width - 8) veil(page.width, -1);
}

/** The names of the rows at the left and the steps below: they stay while the graph moves. */
function drawAxes(live) {
  const { brush, graph, page, scale } = live;
  brush.fillStyle = graph.colours.muted;
  const base = page.height - 12;
  brush.textAlign = "center";
  setFont(brush, font(graph, 13.5, false));
  const step = every(scale.kx * graph.pitch, 26), begin = Math.min(graph.first, ...graph.t.subarray(0));
  for (let t = Math.min(begin, extent(graph.t)[0]); t <= graph.last; t++) {
    const x = screenX(live, (t - 1) * graph.pitch);
    if (x < page.left + 4 || x > page.width - 4 || !(t % step === 0 || (t === 1 && step >= 5))) continue;
    brush.fillText(String(t).replace("-", "−"), x, base);
  }
  brush.textAlign = "right";
  brush.fillText("t", page.left - 14, base);
  brush.textAlign = "start";
  for (let row = 0; row < Math.max(...graph.rows) + 1; row++) {
    const here = graph.names.map((_, k) => k).filter((k) => graph.rows[k] === row), y = screenY(live, row);
    if (y < page.top + 6 || y > page.top + page.tall - 6) continue;
    const width = here.reduce((sum, k) => sum + live.widths[k].all, 0) + 0.55 * (here.length - 1);
    const pixels = Math.min(14, (page.left - 18) / width, Math.max(9, 0.8 * scale.ky));
    let x = page.left - 10 - width * pixels;
    for (const k of here) {
      drawSymbol(live, k, x + (live.widths[k].all * pixels) / 2, y + 0.31 * pixels, pixels);
      x += (live.widths[k].all + 0.55) * pixels;
    }
  }
}

const every = (pixels, needed) => [1, 2, 5, 10, 20, 50, 100, 200].find((many) => many * pixels >= needed) ?? 500;

// --- text --------------------------------------------------------------------------------------------------------------

const SUPERSCRIPTS = { "-": "⁻", "−": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const superscript = (text) => [...String(text)].map((letter) => SUPERSCRIPTS[letter] ?? letter).join("");
const power = (exponent) => (exponent === 0 ? "1" : exponent === 1 ? "10" : `10${superscript(exponent)}`);

/** A number to four digits: 0.05126, 3.2·10⁻⁹; as figures/text.py writes it. */
function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e5) return String(Number(value.toPrecision(4))).replace("-", "−");
  const [digits, exponent] = value.toExponential(2).split("e");
  return `${digits}·${power(Number(exponent))}`.replace("-", "−");
}

/** A caption with its steps filled in: {t} and {t+1} give way to numbers, raised between ⁽ and ⁾. */
function filled(template, t) {
  return template
    .replace(/\{t([+-]\d+)?\}/g, (_, by) => String(t + Number(by ?? 0)))
    .replace(/⁽[^⁾]*⁾/g, superscript);
}

function element(tag, text = "", style = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = style;
  return made;
}

function symbolNodes({ symbols }, k, t) {
  const [letter, italic, index] = symbols[k];
  const nodes = [element(italic ? "i" : "span", letter)];
  if (index) nodes.push(element("sub", index));
  if (t !== undefined) nodes.push(element("sup", `(${String(t).replace("-", "−")})`));
  return nodes;
}

/** What can be read of a node: its role, and rows [what, number]. */
function reading(live, i) {
  const { graph } = live, k = graph.name[i], t = graph.t[i], units = graph.units[i], sign = graph.written[k];
  const role = t < 1 ? "initial value" : graph.roles[k], rows = [];
  if (turned(live)) {
    const [exponent, , from] = shown(live), mark = live.mark[i];
    const said = { [MARK.ZERO]: "0", [MARK.INFINITE]: "∞", [MARK.NAN]: "nan" }[mark] ?? number(10 ** exponent[from + i]);
    if (mark !== MARK.NONE) rows.push([graph.quantity, `${said} at ${graph.knob.labels[live.at]}`]);
  } else {
    for (const [name, norms, heads] of [[sign, graph.value, graph.value_head], [`∇${sign}`, graph.gradient, graph.gradient_head]]) {
      if (norms[i] < 0) continue;
      rows.push([`‖${name}‖`, number(norms[i])]);
      if (heads && units > 1) rows.push([name, vector(heads, i, units)]);
    }
    if (role === "target" && graph.value[i] < 0 && graph.value_head) rows.push(["class", `${graph.value_head[4 * i]}, counted from 0`]);
  }
  return { role: `${role}, ${units} ${units === 1 ? "unit" : "units"}`, rows };
}

function vector(heads, i, units) {
  const many = Math.min(units, 4), numbers = Array.from(heads.subarray(4 * i, 4 * i + many), number);
  return `(${numbers.join(", ")}${units > many ? ", …" : ""})`;
}

function say(live, i) {
  const { graph } = live;
  if (i < 0) return (live.part(".spoken").textContent = "");
  const { role, rows } = reading(live, i), picked = i === live.selected ? ", selected" : "";
  const numbers = rows.map(([what, value]) => `${what} = ${value}`).join("; ");
  live.part(".spoken").textContent = `${graph.written[graph.name[i]]} at step ${graph.t[i]}${picked}: ${role}. ${numbers}`;
}

// --- hover, pick -------------------------------------------------------------------------------------------------------

function nearest(live, { x, y, touch }) {
  const { graph, page, scale } = live;
  if (!live.sheet || x < page.left - 4 || y > page.top + page.tall) return -1;
  let best = -1, least = Infinity;
  for (let i = 0; i < graph.n; i++) {
    const dx = graph.x[i] * scale.kx + scale.ox - x, dy = scale.oy - graph.y[i] * scale.ky - y, distance = dx * dx + dy * dy;
    if (distance < least) [least, best] = [distance, i];
  }
  return best >= 0 && Math.sqrt(least) <= Math.max(sizeOf(live, best) / 2 + 3, touch ? 22 : 7) ? best : -1;
}

function nearestEdge(live, { x, y }) {
  const { graph, page, scale } = live;
  if (!graph.strength || x < page.left) return -1;
  const px = (x - scale.ox) / scale.kx, slack = 60 / scale.kx + 3;
  let best = -1, least = 5;
  for (let e = 0; e < graph.m; e++) {
    const a = graph.source[e], b = graph.target[e], ax = graph.x[a], ay = graph.y[a], bx = graph.x[b], by = graph.y[b];
    if (px < Math.min(ax, bx) - slack || px > Math.max(ax, bx) + slack) continue;
    const side = graph.bend[e] / (Math.hypot(bx - ax, by - ay) || 1);
    const cx = (ax + bx) / 2 - side * (by - ay), cy = (ay + by) / 2 + side * (bx - ax);
    for (let s = 0.04; s < 1; s += 0.04) {
      const p = (1 - s) * (1 - s), q = 2 * s * (1 - s), r = s * s;
      const distance = Math.hypot(screenX(live, p * ax + q * cx + r * bx) - x, screenY(live, p * ay + q * cy + r * by) - y);
      if (distance < least) [least, best] = [distance, e];
    }
  }
  return best;
}

/** Shows what is under the pointer, or at the cursor of the keyboard. */
function point(live) {
  const { pointer, tip, cursor } = live;
  const hover = pointer ? nearest(live, pointer) : -1, edge = pointer && hover < 0 ? nearestEdge(live, pointer) : -1;
  if (hover !== live.hover) ask(live);
  Object.assign(live, { hover, edge });
  live.canvas.classList.toggle("node", hover >= 0);
  const i = hover >= 0 ? hover : pointer ? -1 : cursor;
  tip.hidden = i < 0 && edge < 0;
  if (tip.hidden) return;
  tip.replaceChildren(...(i >= 0 ? nodeTip(live, i) : edgeTip(live, edge)));
  const { graph, page } = live;
  const [x, y, gap] = i >= 0
    ? [screenX(live, graph.x[i]), screenY(live, graph.y[i]), sizeOf(live, i) / 2 + 10]
    : [pointer.x, pointer.y, 14];
  const wide = tip.offsetWidth, high = tip.offsetHeight;
  const left = x + gap + wide > page.width ? x - gap - wide : x + gap;
  tip.style.transform = `translate(${Math.max(left, 0)}px, ${clamp(y - high / 2, 0, Math.max(page.height - high, 0))}px)`;
}

function nodeTip(live, i) {
  const { graph } = live, { role, rows } = reading(live, i), head = element("div", "", "head"), name = element("b");
  name.append(...symbolNodes(graph, graph.name[i], graph.t[i]));
  head.append(name, element("span", role, "role"));
  return [head, ...rows.map(tipRow)];
}

function edgeTip(live, e) {
  const { graph } = live, head = element("div", "", "head"), name = element("b");
  const ends = [graph.source[e], graph.target[e]].map((i) => symbolNodes(graph, graph.name[i], graph.t[i]));
  name.append(...ends[0], " → ", ...ends[1]);
  head.append(name);
  return [head, tipRow([graph.strength_title, graph.strength[e] < 0 ? "none" : number(graph.strength[e])])];
}

function tipRow([what, value]) {
  const row = element("div");
  row.append(element("span", `${what} = `, "of"), value);
  return row;
}

/** Selects a node, or none with −1: at once here, and then in Python. */
function pick(live, i) {
  if (i < 0 && live.selected < 0) return;
  live.selected = i;
  live.event = Date.now();
  relate(live);
  say(live, i);
  ask(live, true);
  live.send("selected", { node: identity(live.graph, i), event: live.event });
}

// --- the sweep ---------------------------------------------------------------------------------------------------------

function setPlaying(live, playing) {
  live.playing = playing;
  live.host.classList.toggle("playing", playing);
  live.part("[data-do=play]").setAttribute("aria-label", playing ? "Pause the sweep" : "Play the sweep");
  live.part(".caption").setAttribute("aria-live", playing ? "off" : "polite"); // nobody can listen that fast
}

function toggle(live) {
  const { graph } = live;
  if (live.playing) return setPlaying(live, false);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const begin = live.frame >= graph.frames ? 0 : live.frame;
  if (still) return stepTo(live, begin + 1); // nothing moves by itself
  setFrame(live, begin);
  setPlaying(live, true);
  live.since = performance.now();
  requestAnimationFrame((now) => tick(live, now));
}

/** Shows as many frames as are due, but never leaps over more than the screen cannot show anyway. */
function tick(live, now) {
  if (!live.playing || live.ended.signal.aborted) return;
  const { frames, pace } = live.graph, wait = (pace ?? clamp(12_000 / frames, 25, 200)) / live.speed;
  const due = Math.min(Math.floor((now - live.since) / wait), Math.ceil(17 / wait));
  if (due > 0) {
    live.since = Math.max(live.since + due * wait, now - wait);
    setFrame(live, live.frame + due);
  }
  if (sweeping(live)) requestAnimationFrame((next) => tick(live, next));
  else setPlaying(live, false);
}

function stepTo(live, frame) {
  setPlaying(live, false);
  setFrame(live, frame);
}

function setFrame(live, frame) {
  live.frame = clamp(frame, 0, live.graph.frames);
  live.part(".frame").value = live.frame;
  caption(live);
  ask(live, true);
}

function caption(live) {
  const { graph, frame } = live, forward = frame <= graph.forwards, part = live.part(".caption");
  live.now = [];
  for (let i = 0; i < graph.n && live.now.length < 200; i++) if (current(live, i)) live.now.push(i);
  track(live.part(".frame"), graph, frame);
  if (!sweeping(live)) return part.replaceChildren("Play to watch how values are computed forward, and gradients backward.");
  if (!frame) return part.replaceChildren("Nothing is computed yet.");
  const said = live.now.slice(0, 4).map((i) => filled(graph[forward ? "forward" : "backward"][graph.name[i]], graph.t[i])).filter(Boolean);
  if (live.now.length > 4) said.push("…");
  const [done, all] = forward ? [frame, graph.forwards] : [frame - graph.forwards, graph.frames - graph.forwards];
  part.replaceChildren(element("b", `${forward ? "Forward" : "Backward"} ${done}/${all}`), element("span", said.join("; "), "what"));
}

/** The slider's track: forward in grey, backward in the colours of the scale, up to where it stands. */
function track(slider, { colours, forwards, frames }, frame) {
  slider.max = frames;
  slider.value = frame;
  const at = (100 * frame) / frames, middle = (100 * forwards) / frames, to = Math.min(at, middle);
  slider.style.setProperty("--track", `linear-gradient(90deg, ${colours.muted} ${to}%, ${colours.scale[8]} ${to}% ${at}%, ${colours.neutral} ${at}%)`);
  slider.setAttribute("aria-valuetext", frame >= frames ? "complete" : `${frame} of ${frames}`);
}

// --- the knob ----------------------------------------------------------------------------------------------------------

function turn(live, at) {
  live.at = at;
  shade(live);
  legend(live);
  knob(live);
  ask(live, true);
  point(live);
}

function knob(live) {
  const { graph, at, part } = live, box = part(".knob");
  box.hidden = !graph.knob;
  if (!graph.knob) return;
  const { title, labels, curve_title } = graph.knob, many = labels.length, slider = part(".at");
  part(".turn .what").textContent = title;
  part(".turn output").textContent = labels[at];
  Object.assign(slider, { max: many - 1, value: at });
  slider.setAttribute("aria-label", title);
  slider.setAttribute("aria-valuetext", labels[at]);
  part(".reads").replaceChildren(curve_title, element("b", number(graph.knob_curve[at])));
  drawCurve(live, part(".curve"), many);
}

/** The curve above the slider, each point above its place on it. */
function drawCurve({ graph, at, part }, svg, many) {
  const width = svg.clientWidth || 300, high = 84, values = Array.from(graph.knob_curve);
  const [low, top] = extent(values.filter(Number.isFinite)), span = top - low || 1;
  const x = (k) => 8 + (k / Math.max(many - 1, 1)) * (width - 16), y = (value) => 8 + (1 - (value - low) / span) * (high - 16);
  let pen = "M";
  const path = values.map((value, k) => {
    if (!Number.isFinite(value)) return (pen = "M"), "";
    const piece = `${pen}${x(k).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return piece;
  });
  const here = Number.isFinite(values[at]);
  part(".curve .line").setAttribute("d", path.join(""));
  part(".curve .now").setAttribute("d", `M${x(at)} 0V${high}`);
  part(".curve circle").setAttribute("visibility", here ? "visible" : "hidden");
  if (here) part(".curve circle").setAttribute("transform", `translate(${x(at)} ${y(values[at])})`);
}

// --- around the canvas ---------------------------------------------------------------------------------------------------

function furnish(live) {
  const { graph, host, part, canvas } = live;
  for (const name of ["paper", "ink", "muted", "line", "grid", "neutral"]) host.style.setProperty(`--${name}`, graph.colours[name]);
  host.style.setProperty("--font", graph.font);
  canvas.setAttribute("aria-label", graph.label || "Computational graph");
  part(".bar .title").textContent = graph.title;
  part(".bar .scale").style.background = `linear-gradient(90deg, ${graph.colours.scale.join(", ")})`;
  const step = every(8, graph.high - graph.low), ticks = [];
  for (let exponent = graph.low; exponent <= graph.high; exponent += step) {
    const tick = element("span", power(exponent));
    tick.style.left = `${(100 * (exponent - graph.low)) / (graph.high - graph.low)}%`;
    ticks.push(tick);
  }
  part(".bar .ticks").replaceChildren(...ticks);
  legend(live);
  knob(live);
  caption(live);
}

/** A sign for each mark that is there. */
function legend(live) {
  const { graph, marks } = live, { muted, alarm } = graph.colours;
  const signs = [
    [MARK.ZERO, "M6 1.5a4.5 4.5 0 1 0 .01 0z", muted, false, "exactly 0"],
    [MARK.BELOW, "M1 2.5h10L6 10z", muted, true, `below ${power(graph.low)}`],
    [MARK.ABOVE, "M1 9.5h10L6 2z", muted, true, `above ${power(graph.high)}`],
    [MARK.INFINITE, "M6 1v10M1 6h10M2.5 2.5l7 7M9.5 2.5l-7 7", alarm, false, "infinite"],
    [MARK.NAN, "M2 2l8 8M10 2l-8 8", alarm, false, "not a number"],
  ];
  const shownSigns = signs.filter(([mark]) => marks.has(mark)).map(([, d, colour, solid, words]) => {
    const item = element("span"), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS(svg.namespaceURI, "path");
    for (const [name, value] of Object.entries({ width: 12, height: 12, "aria-hidden": true })) svg.setAttribute(name, value);
    const style = { d, fill: solid ? colour : "none", stroke: solid ? "none" : colour, "stroke-width": colour === alarm ? 1.8 : 1.2 };
    for (const [name, value] of Object.entries(style)) path.setAttribute(name, value);
    svg.append(path);
    item.append(svg, words);
    return item;
  });
  live.part(".legend").replaceChildren(...shownSigns);
}
