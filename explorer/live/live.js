// The live picture: draws the bytes of explorer/live/encode.py on a canvas that stays mounted while they change.
//
// `live` is one mount, `graph` what its last bytes say, `page` how all of it fits the canvas, `scale` the zoom in
// pixels, and `sheet` everything as paths at that scale, so that panning only moves them. Names are the user's: they
// are drawn, or set as text, never as HTML. Nothing goes to the server but a pick, and the knob when it is let go.
// What strip.js needs too is in shared.js, which stands before this.

const ROW = 64, HEIGHTS = [150, 600], GUTTER = 64, SIDE = 16; // pixels, as in figures/graph.py
const AROUND = 260; // pixels of an enlarged page for what stands above and below the canvas
const SIZES = [5, 34], READABLE = 8.5, OUTLINED = 7; // pixels across a node; of a font
const ROOMY = 46; // pixels a column or a row: zooming in first gives this to the axis that lacks it, then enlarges all
const FADED = 1, STRONG = 2, BACK = 4, CARRIES = 8, THIN = 16, NOW = 32; // how an edge is drawn
const LOOK = 64, CORNER = 0.4; // of an edge's code, from where on its look is; grid.CORNER
const ANCESTOR = 1, DESCENDANT = 2, SELF = 3;
const TURN = 2 * Math.PI;

export default staying(".live", mount, (live, data) => show(live, read(data)));

// --- data -----------------------------------------------------------------------------------------------------------

function read(data) {
  const graph = unpack(data);
  graph.n = graph.x.length;
  [graph.x0, graph.x1] = extent(graph.x);
  [graph.y0, graph.y1] = extent(graph.y);
  graph.begin = extent(graph.t.filter((_, i) => !standing(graph, i)))[0];
  graph.forwards = extent(graph.order_forward)[1] + 1;
  graph.frames = graph.forwards + extent(graph.order_backward)[1] + 2; // in the last, nothing is being computed
  graph.crowd = graph.rows.map((row) => graph.rows.filter((other) => other === row).length);
  return graph;
}

function nodeAt(graph, name, t) {
  const key = (i) => graph.name[i] * 1e6 + graph.t[i];
  graph.index ??= new Map(Array.from(graph.x, (_, i) => [key(i), i])); // made when first asked for
  return graph.index.get(name * 1e6 + (graph.shared[name] ? 0 : t)) ?? -1;
}

/** Whether a node stands once for all steps, at t = 0. */
const standing = (graph, i) => graph.shared[graph.name[i]];

const identity = (graph, i) => (i < 0 ? null : [graph.names[graph.name[i]], graph.t[i]]);
const found = (graph, node) => (node ? nodeAt(graph, graph.names.indexOf(node[0]), node[1]) : -1);
/** New data: view, selection, frame and knob stay as far as they still mean something. Drawn before this returns. */
function show(live, graph) {
  const before = live.graph;
  const page = pageIs(live);
  if (before?.token === graph.token && live.palette === page) return; // called for another reason
  const same = before?.names.join() === graph.names.join();
  const [picked, cursor] = before ? [live.selected, live.cursor].map((i) => identity(before, i)) : [];
  live.graph = graph;
  live.palette = page;
  graph.colours = graph.palettes[page];
  // What Python says counts, unless a pick that it has not heard of is still on its way.
  live.selected = graph.event >= live.event ? graph.selected ?? -1 : found(graph, picked);
  live.cursor = same ? found(graph, cursor) : -1;
  live.hover = live.edge = -1;
  if (!same || before.frames !== graph.frames) {
    live.frame = graph.frames;
    setPlaying(live, false);
  }
  if (before?.knob?.title !== graph.knob?.title) live.turning = false;
  if (!live.turning && graph.turned >= live.turned) live.at = graph.knob?.at ?? 0;
  live.at = clamp(live.at, 0, (graph.knob?.labels.length ?? 1) - 1);
  if (!same) live.view = { zoom: 1, x: 0, y: 0 };
  measure(live);
  relate(live);
  arrange(live);
  furnish(live);
  draw(live);
  point(live);
  live.host.dataset.token = graph.token;
}

// --- mount and input ------------------------------------------------------------------------------------------------

function mount(host) {
  const part = (css) => host.querySelector(css), canvas = part("canvas");
  const live = {
    host, part, canvas, brush: canvas.getContext("2d"), ruler: document.createElement("canvas").getContext("2d"),
    ended: new AbortController(), calls: 0, event: 0, waiting: 0, graph: null, page: null, sheet: null,
    view: { zoom: 1, x: 0, y: 0 }, selected: -1, cursor: -1, hover: -1, edge: -1, kin: null, now: [],
    frame: 0, playing: false, speed: 1, at: 0, turning: false, turned: 0, pointers: new Map(), pointer: null, dragged: false,
  };
  listen(live);
  return live;
}

function listen(live) {
  const { canvas, part, ended: { signal } } = live;
  const on = (target, type, act, options = {}) => target.addEventListener(type, act, { signal, ...options });
  on(canvas, "pointerdown", (event) => press(live, event));
  on(canvas, "pointermove", (event) => move(live, event));
  on(canvas, "pointerup", (event) => release(live, event));
  on(canvas, "pointercancel", (event) => release(live, event, true));
  on(canvas, "pointerleave", (event) => event.pointerType === "mouse" && leave(live));
  on(canvas, "dblclick", () => (clearTimeout(live.clearing), fit(live)));
  on(canvas, "wheel", (event) => roll(live, event), { passive: false });
  on(canvas, "keydown", (event) => type(live, event));
  on(canvas, "blur", () => ((live.cursor = -1), point(live), ask(live)));
  on(part(".controls"), "click", (event) => COMMANDS[event.target.closest("button")?.dataset.do]?.(live));
  on(part(".frame"), "input", (event) => stepTo(live, +event.target.value));
  on(part(".speed"), "change", (event) => (live.speed = +event.target.value));
  on(part(".at"), "input", (event) => ((live.turning = true), turn(live, +event.target.value)));
  on(part(".at"), "change", () => letGo(live));

  // Streamlit does not call when the width changes or a hidden tab opens, nor when the window goes to another screen.
  const refit = () => live.graph && (arrange(live), knob(live), draw(live));
  const observer = new ResizeObserver(refit);
  observer.observe(part(".stage"));
  signal.addEventListener("abort", () => observer.disconnect());
  const screen = () => {
    const changed = () => (refit(), screen());
    on(matchMedia(`(resolution: ${devicePixelRatio}dppx)`), "change", changed, { once: true });
  };
  screen();
  on(window, "resize", () => live.graph?.large > 1 && refit()); // its height counts then
  on(document.fonts, "loadingdone", () => live.graph && (measure(live), ask(live, true)));
}

const COMMANDS = {
  play,
  back: (live) => stepTo(live, live.frame - 1),
  forth: (live) => stepTo(live, live.frame + 1),
  in: (live) => zoom(live, 1.4),
  out: (live) => zoom(live, 1 / 1.4),
  fit,
};

/** A pointer in the window, where it stays while the canvas moves below it or is drawn anew. */
const pointing = ({ clientX: x, clientY: y, pointerType }) => ({ x, y, touch: pointerType === "touch" });

/** Where on the canvas, as it lies now, a pointer is. */
function position({ canvas, graph: { large } }, { x, y, touch }) {
  const box = canvas.getBoundingClientRect();
  return { x: (x - box.left) / large, y: (y - box.top) / large, touch };
}

/** What is pressed is what is picked, also if other data come before it is let go. */
function press(live, event) {
  if (event.button) return;
  live.canvas.setPointerCapture(event.pointerId);
  const start = pointing(event), node = identity(live.graph, nearest(live, position(live, start)));
  live.pointers.set(event.pointerId, { start, now: start, node });
  live.dragged = live.pointers.size > 1;
}

function move(live, event) {
  const now = pointing(event), held = live.pointers.get(event.pointerId), { large } = live.graph;
  if (!held) {
    live.pointer = now;
    return point(live);
  }
  const before = held.now, other = [...live.pointers.values()].find((one) => one !== held)?.now;
  held.now = now;
  live.dragged ||= Math.hypot(now.x - held.start.x, now.y - held.start.y) > (now.touch ? 10 : 4) * large;
  if (!live.dragged) return;
  live.canvas.classList.add("drag");
  if (other) {
    const apart = (one) => Math.hypot(one.x - other.x, one.y - other.y) / large;
    const middle = position(live, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    zoom(live, apart(now) / Math.max(apart(before), 1), middle);
  }
  const share = (other ? 0.5 : 1) / large; // two fingers that move alike pan as one does
  pan(live, (now.x - before.x) * share, (now.y - before.y) * share);
  leave(live);
}

function release(live, event, cancelled = false) {
  const held = live.pointers.get(event.pointerId), here = pointing(event);
  live.pointers.delete(event.pointerId);
  live.canvas.classList.remove("drag");
  clearTimeout(live.clearing);
  if (!held || cancelled || live.dragged) return;
  const i = found(live.graph, held.node);
  if (i >= 0) pick(live, i);
  else if (!held.node) live.clearing = setTimeout(() => pick(live, -1), 250); // unless it becomes a double click
  live.pointer = here.touch ? here : null; // under a mouse the numbers have been read, and would hide what is picked
  point(live);
}

function leave(live) {
  live.pointer = null;
  point(live);
}

/** Plain wheels scroll the page; with Ctrl, which a pinched trackpad sends too, they zoom; sideways they pan. */
function roll(live, event) {
  const unit = event.deltaMode ? 30 : 1;
  if (event.ctrlKey || event.metaKey) {
    zoom(live, Math.exp(clamp(-event.deltaY * unit, -120, 120) / 300), position(live, pointing(event)));
  } else if (live.view.zoom > 1 && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
    pan(live, -(event.deltaX || event.deltaY) * unit, 0);
  } else return;
  event.preventDefault();
  live.pointer = pointing(event);
  point(live);
}

function type(live, event) {
  const [right, up] = live.graph.upwards ? [[1, 0], [0, 1]] : [[0, 1], [-1, 0]]; // as the graph lies on the page
  const keys = {
    ArrowRight: () => walk(live, ...right),
    ArrowLeft: () => walk(live, -right[0], -right[1]),
    ArrowUp: () => walk(live, ...up),
    ArrowDown: () => walk(live, -up[0], -up[1]),
    Enter: () => live.cursor >= 0 && pick(live, live.cursor),
    Escape: () => ((live.cursor = -1), pick(live, -1)),
    " ": () => play(live),
    "+": () => zoom(live, 1.4),
    "=": () => zoom(live, 1.4),
    "-": () => zoom(live, 1 / 1.4),
    0: () => fit(live),
  };
  if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
  leave(live);
}

/** One node on: along time with the same name, or along the flow within the step. */
function walk(live, time, flow) {
  const { graph } = live, from = live.cursor >= 0 ? live.cursor : live.selected;
  let to = -1;
  if (from < 0) to = nodeAt(graph, Math.max(graph.roles.indexOf("state"), 0), graph.last);
  else if (time) to = nodeAt(graph, graph.name[from], graph.t[from] + time);
  else {
    const t = standing(graph, from) ? live.walked ?? graph.last : graph.t[from]; // back to the step that it came from
    let k = graph.name[from];
    while (to < 0 && graph.names[(k += flow)] !== undefined) to = nodeAt(graph, k, t);
    live.walked = t;
  }
  live.cursor = to >= 0 ? to : from;
  reveal(live, live.cursor);
  say(live, live.cursor);
  ask(live);
}

// --- where things are -----------------------------------------------------------------------------------------------

/**
 * How all of the graph fits the width that there is now. What was zoomed keeps its size and its place. An enlarged
 * picture is that of a narrower page, each of whose pixels is larger, and is as high as the window.
 */
function arrange(live) {
  const { graph, canvas, page: before } = live, { large } = graph, width = canvas.clientWidth / large;
  live.stale = true;
  live.hidden = !width;
  if (!width) return; // in a tab that is not open
  const left = graph.upwards ? GUTTER : SIDE, top = 2, bottom = graph.upwards ? 34 : 10;
  const inner = Math.max(width - left - SIDE, 50), across = graph.x1 - graph.x0, rows = graph.y1 - graph.y0 + 1.5;
  const border = Math.max(0.6, (20 * across) / Math.max(inner - 40, 10)); // columns beside the outermost nodes
  const usual = clamp(rows * ROW, ...HEIGHTS);
  const tall = large > 1 ? Math.max((innerHeight - AROUND * large) / large, 0.6 * usual) : usual, fx = inner / (across + 2 * border), fy = tall / rows;
  const full = Math.max(1, ROOMY / fx, ROOMY / fy); // the zoom from which neither axis lacks room
  live.page = { width, height: top + tall + bottom, left, top, inner, tall, fx, fy, border, full };
  if (before && live.view.zoom > 1) live.view.zoom *= before.fx / fx;
  live.ratio = (devicePixelRatio || 1) * large;
  const [wide, high] = [width, live.page.height].map((pixels) => Math.round(pixels * live.ratio));
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high]; // empties it
  canvas.style.height = `${live.page.height * large}px`;
  settle(live);
}

/** Brings the view into its bounds and gives the scale: pixels a column and a row, and where the origin lies. */
function settle(live) {
  const { graph, page, view } = live;
  view.zoom = clamp(view.zoom, 1, 6 * page.full);
  const more = Math.max(1, view.zoom / page.full);
  const along = (fitted) => fitted * Math.min(view.zoom, Math.max(1, ROOMY / fitted)) * more;
  const within = (centre, low, high, half) =>
    high - low <= 2 * half ? (low + high) / 2 : clamp(centre, low + half, high - half);
  const kx = along(page.fx), ky = along(page.fy), halfx = page.inner / 2, halfy = page.tall / 2;
  view.x = within(view.x, graph.x0 - page.border, graph.x1 + page.border, halfx / kx);
  view.y = within(view.y, graph.y0 - 0.75, graph.y1 + 0.75, halfy / ky);
  live.scale = { kx, ky, more, ox: page.left + halfx - view.x * kx, oy: page.top + halfy + view.y * ky };
  // A finger scrolls the page up and down, unless the graph itself is higher than its canvas.
  live.canvas.style.touchAction = ky > page.fy * 1.001 ? "none" : "pan-y";
}

const screenX = ({ scale }, x) => scale.ox + x * scale.kx;
const screenY = ({ scale }, y) => scale.oy - y * scale.ky;

function pan(live, dx, dy) {
  live.view.x -= dx / live.scale.kx;
  live.view.y += dy / live.scale.ky;
  settle(live);
  ask(live);
}

function zoom(live, factor, about = focus(live)) {
  const under = ({ scale }) => [(about.x - scale.ox) / scale.kx, (scale.oy - about.y) / scale.ky];
  const before = under(live);
  live.view.zoom *= factor;
  settle(live);
  const after = under(live);
  live.view.x += before[0] - after[0]; // what was under the pointer stays there
  live.view.y += before[1] - after[1];
  settle(live);
  ask(live, true);
}

/** What is zoomed about without a pointer: the node in question if it is to be seen, else the middle. */
function focus(live) {
  const { page, graph } = live, i = live.cursor >= 0 ? live.cursor : live.selected, x = screenX(live, graph.x[i]);
  if (x > page.left && x < page.width) return { x, y: screenY(live, graph.y[i]) };
  return { x: page.left + page.inner / 2, y: page.top + page.tall / 2 };
}

function fit(live) {
  live.view.zoom = 1;
  settle(live);
  ask(live, true);
}

function reveal(live, i) {
  const { page, graph } = live, off = (at, low, high) => (at < low ? low - at : at > high ? high - at : 0);
  pan(live, off(screenX(live, graph.x[i]), page.left + 40, page.width - 40),
    off(screenY(live, graph.y[i]), page.top + 30, page.top + page.tall - 30));
}

/** Pixels across the nodes of each name: larger where fewer stand in a row of a step, but not by far. */
function sizes({ graph, scale: { kx, ky, more } }) {
  const [along, between] = graph.upwards ? [kx, ky] : [ky, kx], least = clamp(0.9 * along * graph.pitch, 2, SIZES[0]);
  const room = graph.crowd.map((crowd) => 0.8 * Math.min(crowd > 1 ? along : along * graph.pitch, between));
  const size = room.map((pixels) => clamp(pixels, least, SIZES[1] * more));
  const most = 2.4 * Math.min(...size.filter((_, k) => !graph.shared[k])); // what stands once has room beside the steps
  return size.map((pixels, k) => (graph.shared[k] ? pixels : Math.min(pixels, most)) * graph.smaller[k]);
}

const initial = (graph, i) => graph.t[i] < 1 && !standing(graph, i);
const shrink = (graph, i) => (initial(graph, i) ? 0.75 : 1); // initial values are smaller
const sizeOf = ({ graph, sheet }, i) => sheet.size[graph.name[i]] * shrink(graph, i);

const font = (graph, pixels, italic) => `${italic ? "italic " : ""}${pixels.toFixed(2)}px ${graph.font}`;

/** How wide the symbol of each name is, in units of its font; anew when another face has been loaded. */
function measure(live) {
  const { graph, ruler } = live;
  live.widths = graph.symbols.map(([letter, italic, index]) => {
    ruler.font = font(graph, 100, italic);
    const width = ruler.measureText(letter).width / 100;
    ruler.font = font(graph, 68, false);
    return { letter: width, all: width + (index ? ruler.measureText(index).width / 100 + 0.03 : 0) };
  });
}

// --- what nodes and edges look like ---------------------------------------------------------------------------------

/** Who the selected node's ancestors and descendants are. */
function relate(live) {
  const { graph, selected } = live, kin = new Uint8Array(graph.n);
  live.kin = selected < 0 ? null : kin;
  live.stale = true;
  if (selected < 0) return;
  const spread = (from, to, sign) => {
    const next = new Map();
    for (let e = 0; e < from.length; e++) entry(next, from[e], () => []).push(to[e]);
    for (const queue = [selected]; queue.length; )
      for (const i of next.get(queue.pop()) ?? []) if (!kin[i]) kin[i] = sign, queue.push(i);
  };
  kin[selected] = SELF;
  spread(graph.target, graph.source, ANCESTOR);
  spread(graph.source, graph.target, DESCENDANT);
}

const entry = (map, key, make) => map.get(key) ?? map.set(key, make()).get(key);
const sweeping = ({ frame, graph }) => frame < graph.frames;

/** The looks of all nodes where the knob stands; without one, those of the scene. */
const shown = ({ graph, at }) => (graph.knob ? graph.knob_look.subarray(at * graph.n, (at + 1) * graph.n) : graph.look);

/** The look of a node in this frame: not yet computed, its value known, its gradient known. */
function lookOf({ graph, frame }, looks, i) {
  if (frame < graph.frames) {
    if (graph.order_forward[i] >= frame) return BLANK;
    if (graph.order_backward[i] >= frame - graph.forwards) return NONE;
  }
  return looks[i];
}

/** Whether a node is what this frame computes. */
function current({ graph, frame }, i) {
  if (!frame || frame >= graph.frames) return false;
  if (frame <= graph.forwards) return graph.order_forward[i] === frame - 1;
  return graph.order_backward[i] === frame - graph.forwards - 1 && graph.roles[graph.name[i]] !== "target";
}

/** How an edge is drawn, as a number: flags, and above them one more than its look if it shows a strength. */
function edgeCode(live, e) {
  const { graph, kin, frame } = live, source = graph.source[e], target = graph.target[e];
  let flags = 0;
  if (sweeping(live)) {
    if (frame > graph.forwards) flags = current(live, source) ? STRONG | BACK : 0;
    else flags = current(live, target) ? STRONG : graph.order_forward[target] >= frame ? FADED : 0;
  } else if (kin) {
    const a = kin[source], b = kin[target], walked = live.selected === graph.selected ? graph.path.indexOf(e) : -1;
    if (walked >= 0) flags = STRONG | BACK | (walked === graph.walked ? NOW : 0);
    else if (a === SELF && !graph.path.length) flags = STRONG | BACK; // along these the gradient comes back to the node
    else if (a === DESCENDANT || a === SELF) flags = CARRIES;
    else if (a !== ANCESTOR || (b !== ANCESTOR && b !== SELF)) flags = FADED;
  }
  if (graph.roles[graph.name[source]] === "parameter" && !(flags & (FADED | STRONG))) flags |= THIN;
  return flags + (graph.strength_look ? LOOK * (1 + graph.strength_look[e]) : 0);
}

function edgeStyle({ graph }, code, size) {
  const { ink, muted, line, faint, thin, tints } = graph.colours, look = Math.floor(code / LOOK) - 1, strong = code & STRONG;
  const base = size >= 14 ? 1.2 : size >= 7 ? 0.8 : 0.45;
  if (code & NOW) return { colour: ink, width: Math.max(4.5, 3.6 * base), dash: [] };
  if (look < 0 || look === ZERO || look === NONE) {
    const colour = strong ? ink : code & CARRIES ? muted : code & FADED ? faint : code & THIN ? thin : line;
    const width = strong ? Math.max(1.9, 1.6 * base) : code & CARRIES ? 1.35 * base : code & THIN ? 0.7 * base : base;
    return { colour, width, dash: look < 0 ? [] : [2, 3] };
  }
  const share = look < SHADES ? look / (SHADES - 1) : look === BELOW ? 0 : 1;
  const width = base * (0.7 + 3.3 * share) * (strong ? 1.4 : 1);
  return { colour: tints[2 * look + (code & FADED)][0], width, dash: [] };
}

const SHAPES = {
  circle: (path, x, y, r) => (path.moveTo(x + r, y), path.arc(x, y, r, 0, TURN)),
  square: (path, x, y, r) => path.rect(x - r, y - r, 2 * r, 2 * r),
  diamond: (path, x, y, r) => polygon(path, x, y, 1.3 * r, 4, 0),
  hexagon: (path, x, y, r) => polygon(path, x, y, r, 6, TURN / 12), // stands on a corner, as in plotly
};

/** Two corners more than there are, in place of closePath, which takes the longer the longer the path is. */
function polygon(path, x, y, r, corners, turn) {
  for (let k = 0; k < corners + 2; k++) {
    const angle = turn + (k * TURN) / corners, px = x + r * Math.cos(angle), py = y + r * Math.sin(angle);
    if (k) path.lineTo(px, py);
    else path.moveTo(px, py);
  }
}

/** How far from its centre a shape ends in the direction (u, v). */
function reach(shape, r, u, v) {
  if (shape === "square") return r / Math.max(Math.abs(u), Math.abs(v));
  return shape === "diamond" ? (1.3 * r) / (Math.abs(u) + Math.abs(v)) : r;
}

// --- the sheet: everything as paths ---------------------------------------------------------------------------------

/** Paths in pixels from the graph's origin, of all that is on the canvas and a canvas's width to either side. */
function makeSheet(live) {
  const { graph, page, scale } = live, spare = page.width / scale.kx, size = sizes(live);
  const from = (page.left - scale.ox) / scale.kx - spare, to = from + 3 * spare;
  const font = size.map((pixels, k) => pixels * Math.min(0.48, 0.78 / live.widths[k].all)), largest = Math.max(...size);
  const groups = { edges: new Map(), nodes: new Map(), glyphs: new Map(), texts: new Map() };
  live.sheet = { from, to, size, font, largest, ...groups };
  const dense = every(scale.kx * graph.pitch, 3); // closer than that edges would be one grey; those that stand out stay
  for (let e = 0; e < graph.source.length; e++) {
    const a = graph.x[graph.source[e]], b = graph.x[graph.target[e]], code = edgeCode(live, e);
    if (Math.max(a, b) < from || Math.min(a, b) > to) continue;
    if (code & STRONG || !graph.upwards || graph.t[graph.target[e]] % dense === 0) addEdge(live, e, code);
  }
  const looks = shown(live);
  for (let i = 0; i < graph.n; i++) if (graph.x[i] >= from && graph.x[i] <= to) addNode(live, looks, i);
  live.stale = false;
}

function addNode(live, looks, i) {
  const { graph, sheet, scale, kin } = live, x = graph.x[i] * scale.kx, y = -graph.y[i] * scale.ky, k = graph.name[i];
  const size = sizeOf(live, i), look = lookOf(live, looks, i), pale = kin && !kin[i] && !sweeping(live) ? 1 : 0;
  const state = graph.roles[k] === "state" ? 2 : 0;
  const pixels = sheet.font[k] * shrink(graph, i), readable = pixels >= READABLE;
  const shape = size < SIZES[0] ? "square" : graph.shapes[k]; // of a few pixels, which is quickest
  SHAPES[shape](entry(sheet.nodes, look * 4 + state + pale, () => new Path2D()), x, y, size / 2);
  const colour = graph.colours.tints[2 * look + pale][2];
  if (readable) entry(sheet.texts, colour + k + initial(graph, i), () => ({ k, colour, pixels, at: [] })).at.push(x, y);
  if (look >= BELOW && look <= NAN && size >= 4) addGlyph(sheet, look, x, y, size, readable, colour);
}

/** What the colour cannot say: a triangle beyond the ends of the scale, a star or a cross for what is not finite. */
function addGlyph(sheet, look, x, y, size, readable, colour) {
  const drawn = look >= INFINITE, sign = look === ABOVE ? -1 : 1; // above is up
  const r = Math.max(size * (readable ? 0.1 : 0.19), 1.5);
  const cy = y + (readable ? 0.385 * size * sign : 0); // leaves the symbol free
  const { path } = entry(sheet.glyphs, colour + drawn, () => ({ colour, drawn, path: new Path2D() }));
  if (!drawn) return polygon(path, x, cy, 1.25 * r, 3, (sign * TURN) / 4);
  const arms = look === NAN ? 2 : 4;
  for (let k = 0; k < arms; k++) {
    const angle = TURN / 8 + (k * TURN) / 2 / arms, dx = 1.2 * r * Math.cos(angle), dy = 1.2 * r * Math.sin(angle);
    path.moveTo(x - dx, cy - dy);
    path.lineTo(x + dx, cy + dy);
  }
}

/** The curve of an edge, or its last part if it first runs along the row of its source: begin, corner and end. */
function bow(graph, e) {
  const a = graph.source[e], b = graph.target[e], ax = graph.x[a], ay = graph.y[a], bx = graph.x[b], by = graph.y[b];
  const turn = graph.turns[graph.turn[e]];
  if (turn && graph.upwards) return { ax: bx - turn, ay, cx: bx - CORNER * turn, cy: ay, bx, by };
  if (turn) return { ax, ay: by + turn, cx: ax, cy: by + CORNER * turn, bx, by };
  const bend = graph.bends[graph.bend[e]], side = bend && bend / Math.hypot(bx - ax, by - ay); // to the left of the way
  return { ax, ay, cx: (ax + bx) / 2 - side * (by - ay), cy: (ay + by) / 2 + side * (bx - ax), bx, by };
}

/** A line from node to node, with its head where the target's outline is; with BACK the other way round. */
function addEdge(live, e, code) {
  const { graph, sheet, scale: { kx, ky, more } } = live, { ax, ay, cx, cy, bx, by } = bow(graph, e);
  const made = () => ({ code, ...edgeStyle(live, code, sheet.largest), lines: new Path2D(), heads: new Path2D() });
  const group = entry(sheet.edges, code, made), back = code & BACK, turn = graph.turns[graph.turn[e]];
  const straight = !turn && !graph.bends[graph.bend[e]];
  const target = back ? graph.source[e] : graph.target[e];
  const at = (x, y) => [x * kx, -y * ky], middle = at(cx, cy), far = at(graph.x[graph.source[e]], graph.y[graph.source[e]]);
  const [begin, end] = back ? [at(bx, by), turn ? far : at(ax, ay)] : [at(ax, ay), at(bx, by)];
  const from = turn && back ? at(ax, ay) : straight ? begin : middle; // what the head points away from
  const length = Math.hypot(end[0] - from[0], end[1] - from[1]) || 1;
  const u = (end[0] - from[0]) / length, v = (end[1] - from[1]) / length;
  const size = sizeOf(live, target), gap = reach(graph.shapes[graph.name[target]], size / 2, u, v) + 1.5;
  const head = size >= OUTLINED && (straight ? 1 : 2) * length > gap + 8 ? clamp(0.3 * size, 4, 8 * more) + 1.4 * group.width : 0;
  const tx = end[0] - gap * u, ty = end[1] - gap * v, hx = tx - head * u, hy = ty - head * v, half = 0.36 * head;
  const [ex, ey] = head ? [tx - 0.7 * head * u, ty - 0.7 * head * v] : end; // thick lines end within their heads
  if (turn && !back) {
    group.lines.moveTo(...far);
    group.lines.lineTo(...begin);
  } else group.lines.moveTo(...begin);
  if (turn && back) {
    group.lines.quadraticCurveTo(...middle, ...from);
    group.lines.lineTo(ex, ey);
  } else if (straight) group.lines.lineTo(ex, ey);
  else group.lines.quadraticCurveTo(...middle, ex, ey);
  if (!head) return;
  group.heads.moveTo(tx, ty);
  group.heads.lineTo(hx - half * v, hy + half * u);
  group.heads.lineTo(hx + half * v, hy - half * u);
}

// --- drawing --------------------------------------------------------------------------------------------------------

/** Asks for a drawing with the screen's next picture; `stale` if the paths are no longer right. */
function ask(live, stale = false) {
  live.stale ||= stale;
  live.waiting ||= requestAnimationFrame(() => draw(live));
}

function draw(live) {
  const { graph, page, brush, scale, ratio } = live, start = performance.now();
  cancelAnimationFrame(live.waiting);
  live.waiting = 0;
  if (live.hidden) return;
  const left = (page.left - scale.ox) / scale.kx;
  if (live.stale || left < live.sheet.from || left + page.inner / scale.kx > live.sheet.to) makeSheet(live);
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.clearRect(0, 0, page.width, page.height);
  brush.save();
  brush.beginPath();
  brush.rect(page.left - 4, 0, page.width, page.top + page.tall);
  brush.clip();
  brush.translate(scale.ox, scale.oy);
  live.font = ""; // a canvas of a new size has lost it
  drawEdges(live);
  drawNodes(live);
  drawRings(live);
  brush.translate(-scale.ox, -scale.oy);
  if (graph.upwards) drawTask(live);
  drawEnds(live);
  brush.restore();
  live.font = "";
  if (graph.upwards) drawAxes(live);
  tell(live, performance.now() - start);
}

/** What tests and styles may look at. */
function tell({ host, graph, scale, view, frame, at, selected, cursor }, cost) {
  Object.assign(host.dataset, {
    nodes: graph.n, frame, frames: graph.frames, knob: at, zoom: view.zoom.toFixed(4), cost: cost.toFixed(2),
    view: [scale.kx, scale.ky, scale.ox, scale.oy].map((value) => value.toFixed(3)).join(" "),
    selected: identity(graph, selected)?.join(" ") ?? "", cursor: identity(graph, cursor)?.join(" ") ?? "",
    drawn: +(host.dataset.drawn ?? 0) + 1,
  });
}

function drawEdges({ brush, sheet }) {
  const rank = ({ code }) => (code & FADED ? 0 : code & STRONG ? 3 : code & CARRIES ? 2 : 1) * 100 + Math.floor(code / LOOK);
  const groups = [...sheet.edges.values()].sort((one, other) => rank(one) - rank(other));
  for (const { colour, width, dash, lines, heads } of groups) {
    brush.strokeStyle = brush.fillStyle = colour;
    brush.lineWidth = width;
    brush.setLineDash(dash);
    brush.stroke(lines);
    brush.fill(heads);
  }
  brush.setLineDash([]);
}

function drawNodes(live) {
  const { brush, sheet, graph, page, scale } = live, outlined = sheet.largest >= OUTLINED;
  for (const [code, path] of sheet.nodes) {
    const look = code >> 2, [fill, outline] = graph.colours.tints[2 * look + (code & 1)];
    brush.fillStyle = fill;
    brush.fill(path);
    if (!outlined && look !== ZERO && look !== BLANK) continue; // a small node would be all outline and no colour
    brush.strokeStyle = outline;
    brush.lineWidth = code & 2 && outlined ? 1.9 : 0.8;
    brush.stroke(path);
  }
  for (const { colour, drawn, path } of sheet.glyphs.values()) {
    brush.fillStyle = brush.strokeStyle = colour;
    brush.lineWidth = 1.6;
    brush[drawn ? "stroke" : "fill"](path);
  }
  const from = page.left - scale.ox - 40, to = page.width - scale.ox + 40;
  for (const { k, colour, pixels, at } of sheet.texts.values()) {
    brush.fillStyle = colour;
    for (let j = 0; j < at.length; j += 2) {
      if (at[j] >= from && at[j] <= to) drawSymbol(live, k, at[j], at[j + 1] + 0.31 * pixels, pixels);
    }
  }
}

/** A name in mathematical notation, centred on x, standing on y. */
function drawSymbol(live, k, x, y, pixels) {
  const { brush, graph, widths } = live, [letter, italic, index] = graph.symbols[k];
  const begin = x - (widths[k].all * pixels) / 2;
  setFont(live, pixels, italic);
  brush.fillText(letter, begin, y);
  if (!index) return;
  setFont(live, 0.68 * pixels);
  brush.fillText(index, begin + (widths[k].letter + 0.03) * pixels, y + 0.2 * pixels);
}

/** Setting a font is dear, even the same one. */
function setFont(live, pixels, italic = false) {
  const wanted = font(live.graph, pixels, italic);
  if (live.font !== wanted) live.brush.font = live.font = wanted;
}

function drawRings(live) {
  const { brush, graph, scale } = live, { ink, muted, paper } = graph.colours;
  const ring = (i, gap, width, colour, dash = []) => {
    if (i < 0) return;
    const shape = SHAPES[graph.shapes[graph.name[i]]];
    brush.beginPath();
    shape(brush, graph.x[i] * scale.kx, -graph.y[i] * scale.ky, sizeOf(live, i) / 2 + gap);
    Object.assign(brush, { strokeStyle: colour, lineWidth: width });
    brush.setLineDash(dash);
    brush.stroke();
  };
  for (const i of live.now) ring(i, 3.5, 2, ink);
  ring(live.hover, 2.5, 1.5, muted);
  ring(live.selected, 2, 3, paper);
  ring(live.selected, 4, 2.5, ink);
  ring(live.cursor, 7.5, 1.8, muted, [4, 3]);
  brush.setLineDash([]);
}

/** What comes in, below each x; what is asked for, above each y. */
function drawTask(live) {
  const { brush, graph, scale, sheet, page } = live;
  Object.assign(brush, { fillStyle: graph.colours.ink, textAlign: "center" });
  setFont(live, 15);
  for (const [texts, name, side] of [[graph.labels, "x", 1], [graph.targets, "y", -1]]) {
    const k = graph.names.indexOf(name), away = sheet.size[k] / 2 + (side < 0 ? 6 : 16);
    const step = every(scale.kx * graph.pitch, 6 + 8 * Math.max(...texts.map((text) => text.length)));
    texts.forEach((text, j) => {
      const t = graph.first + j, i = nodeAt(graph, k, t), x = screenX(live, graph.x[i]);
      if (t % step || !(x > -50 && x < page.width + 50)) return;
      brush.fillText(text, x, screenY(live, graph.y[i]) + side * away);
    });
  }
  brush.textAlign = "start";
}

/** The ends of the canvas are veiled where the graph goes on. */
function drawEnds(live) {
  const { brush, graph, page } = live, { paper } = graph.colours;
  const veil = (x, inwards) => {
    brush.fillStyle = brush.createLinearGradient(x, 0, x + inwards, 0);
    brush.fillStyle.addColorStop(0, paper);
    brush.fillStyle.addColorStop(1, `${paper}00`);
    brush.fillRect(x, 0, inwards, page.top + page.tall);
  };
  if (screenX(live, graph.x0) < page.left) veil(page.left - 4, 22);
  if (screenX(live, graph.x1) > page.width - 8) veil(page.width, -22);
}

/** The names of the rows at the left and the steps below; they stay while the graph moves. */
function drawAxes(live) {
  const { brush, graph, page, scale, widths } = live, base = page.height - 12, step = every(scale.kx * graph.pitch, 26);
  Object.assign(brush, { fillStyle: graph.colours.muted, textAlign: "center" });
  setFont(live, 13.5);
  for (let t = graph.begin; t <= graph.last; t++) {
    const x = screenX(live, (t - 1) * graph.pitch);
    const due = step < 5 ? t % step === 0 : t === 1 || (t > 0 && t % step === 0);
    if (due && x > page.left + 4 && x < page.width - 4) brush.fillText(signed(t), x, base);
  }
  brush.textAlign = "right";
  brush.fillText("step", page.left - 20, base);
  setFont(live, 13.5, true);
  brush.fillText("t", page.left - 12, base);
  brush.textAlign = "start";
  for (let row = 0; row <= Math.max(...graph.rows); row++) {
    const here = [...graph.names.keys()].filter((k) => graph.rows[k] === row && !graph.shared[k]), y = screenY(live, row);
    if (y < page.top + 6 || y > page.top + page.tall - 6) continue;
    const width = here.reduce((sum, k) => sum + widths[k].all, 0.55 * (here.length - 1));
    const pixels = Math.min(14, (page.left - 18) / width, Math.max(9, 0.8 * scale.ky));
    let x = page.left - 10 - width * pixels;
    for (const k of here) {
      drawSymbol(live, k, x + (widths[k].all * pixels) / 2, y + 0.31 * pixels, pixels);
      x += (widths[k].all + 0.55) * pixels;
    }
  }
}

// --- text -----------------------------------------------------------------------------------------------------------

/** A caption with its steps filled in: {t} and {t+1} give way to numbers, raised between ⁽ and ⁾. */
function filled(template, t) {
  return template.replace(/\{t([+-]\d+)?\}/g, (_, by) => t + Number(by ?? 0)).replace(/⁽[^⁾]*⁾/g, superscript);
}

const symbolAt = (graph, i) => [graph.symbols[graph.name[i]], standing(graph, i) ? null : graph.t[i]];

/** What can be read of a node: its role, and rows of what and how much. */
function reading({ graph, at }, i) {
  const k = graph.name[i], units = graph.units[i], role = initial(graph, i) ? "initial value" : graph.roles[k];
  const { value, gradient, value_head: head, gradient_head } = graph, sign = graph.written[k], rows = [];
  for (const [name, norms, heads] of [[sign, value, head], [`∇${sign}`, gradient, gradient_head]]) {
    if (norms[i] < 0 || (graph.knob && at !== graph.knob.at)) continue; // the numbers are not those of this picture
    rows.push([`‖${name}‖`, number(norms[i])]);
    if (heads) rows.push([name, vector(heads.subarray(4 * i, 4 * i + Math.min(units, 4)), units)]);
  }
  if (role === "target" && value[i] < 0 && head) rows.push(["class", `${head[4 * i]}, counted from 0`]);
  return { role: `${role}, ${units} ${role === "parameter" ? "number" : "unit"}${units === 1 ? "" : "s"}`, rows };
}

const vector = (head, units) => `(${Array.from(head, number).join(", ")}${units > head.length ? ", …" : ""})`;

/** The same for those who do not see the picture. */
function say(live, i) {
  const { graph, selected, part } = live;
  if (i < 0) return part(".spoken").replaceChildren();
  const { role, rows } = reading(live, i), name = graph.written[graph.name[i]];
  const numbers = rows.map(([what, value]) => `${what} = ${value}`).join("; "), state = i === selected ? ", selected" : "";
  const where = standing(graph, i) ? "of every step" : `at step ${graph.t[i]}`;
  part(".spoken").textContent = `${name} ${where}${state}: ${role}. ${numbers}`;
}

// --- hover and pick -------------------------------------------------------------------------------------------------

function nearest(live, { x, y, touch }) {
  const { graph, page, scale } = live;
  let best = -1, least = Infinity;
  if (!live.sheet || x < page.left - 4 || y > page.top + page.tall) return best;
  for (let i = 0; i < graph.n; i++) {
    const distance = Math.hypot(graph.x[i] * scale.kx + scale.ox - x, scale.oy - graph.y[i] * scale.ky - y);
    if (distance < least) [least, best] = [distance, i];
  }
  return least <= Math.max(sizeOf(live, best) / 2 + 3, touch ? 22 : 7) ? best : -1;
}

function nearestEdge(live, { x, y }) {
  const { graph, page, scale } = live, px = (x - scale.ox) / scale.kx, slack = 3 + 5 / scale.kx;
  let best = -1, least = 5;
  if (!graph.strength || x < page.left) return best;
  for (let e = 0; e < graph.source.length; e++) {
    const { ax, ay, cx, cy, bx, by } = bow(graph, e);
    if (px < Math.min(ax, bx) - slack || px > Math.max(ax, bx) + slack) continue;
    for (let s = 0.02; s < 1; s += 0.02) {
      const p = (1 - s) ** 2, q = 2 * s * (1 - s), r = s * s;
      const dx = screenX(live, p * ax + q * cx + r * bx) - x, dy = screenY(live, p * ay + q * cy + r * by) - y;
      const distance = Math.hypot(dx, dy);
      if (distance < least) [least, best] = [distance, e];
    }
  }
  return best;
}

/** Shows what is under the pointer; without one, at the cursor of the keyboard. */
function point(live) {
  const { graph, canvas, cursor } = live, tip = live.part(".tip"), pointer = live.pointer && position(live, live.pointer);
  if (live.hidden) return;
  const hover = pointer ? nearest(live, pointer) : -1, edge = pointer && hover < 0 ? nearestEdge(live, pointer) : -1;
  if (hover !== live.hover) ask(live);
  Object.assign(live, { hover, edge });
  canvas.classList.toggle("node", hover >= 0);
  const i = pointer ? hover : cursor;
  tip.hidden = i < 0 && edge < 0;
  if (tip.hidden) return;
  tip.replaceChildren(...(i >= 0 ? nodeTip(live, i) : edgeTip(graph, edge)));
  if (i < 0) lay(live, tip, pointer.x, pointer.y, 14);
  else lay(live, tip, screenX(live, graph.x[i]), screenY(live, graph.y[i]), sizeOf(live, i) / 2 + 10);
}

/** Puts the tip beside a place, on the side where there is room. */
function lay({ page, graph: { large } }, tip, x, y, gap) {
  const wide = tip.offsetWidth, left = x + gap + wide > page.width ? x - gap - wide : x + gap;
  const top = clamp(y - tip.offsetHeight / 2, 0, page.height - tip.offsetHeight);
  tip.style.transform = `scale(${large}) translate(${Math.max(left, 0)}px, ${top}px)`;
}

function nodeTip(live, i) {
  const { role, rows } = reading(live, i), head = element("div"), name = element("b");
  name.append(...symbolNodes(...symbolAt(live.graph, i)));
  head.append(name, element("span", role, "dim"));
  return [head, ...rows.map(tipRow)];
}

function edgeTip(graph, e) {
  const name = element("b"), strength = graph.strength[e];
  name.append(...symbolNodes(...symbolAt(graph, graph.source[e])), " → ", ...symbolNodes(...symbolAt(graph, graph.target[e])));
  return [name, tipRow([graph.strength_title, strength < 0 ? "none" : number(strength)])];
}

function tipRow([what, value]) {
  const row = element("div");
  row.append(element("span", `${what} = `, "dim"), value);
  return row;
}

/** Selects a node, or none with −1: here at once, and then in Python. */
function pick(live, i) {
  if (i < 0 && live.selected < 0) return;
  live.selected = i;
  live.event = Date.now();
  relate(live);
  say(live, i);
  ask(live);
  live.send("selected", { node: identity(live.graph, i), event: live.event });
}

// --- the sweep ------------------------------------------------------------------------------------------------------

function setPlaying(live, playing) {
  live.playing = playing;
  live.host.classList.toggle("playing", playing);
  live.part("[data-do=play]").setAttribute("aria-label", playing ? "Pause the sweep" : "Play the sweep");
  live.part(".caption").setAttribute("aria-live", playing ? "off" : "polite"); // nobody can listen that fast
}

function play(live) {
  if (live.playing) return setPlaying(live, false);
  const begin = sweeping(live) ? live.frame : 0;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return stepTo(live, begin + 1); // nothing moves by itself
  setFrame(live, begin);
  setPlaying(live, true);
  live.since = performance.now();
  requestAnimationFrame((now) => tick(live, now));
}

/** Goes on by the frames that are due, but leaps over none that the screen could show. */
function tick(live, now) {
  if (!live.playing || live.ended.signal.aborted) return;
  const wait = (live.graph.pace ?? clamp(12_000 / live.graph.frames, 25, 200)) / live.speed;
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
  caption(live);
  ask(live, true);
}

/** A gradient's sum at a step, without what would come from beyond the last one. */
function summed({ backward, T }, k, t) {
  const [begin, terms] = backward[k], there = terms.filter(([lag]) => t + lag <= T).map(([, term]) => term);
  return begin + (terms.length ? there.join(" + ") || "0" : "");
}

/** What this frame computes, in words. */
function caption(live) {
  const { graph, frame, part } = live, { forwards, frames } = graph, forward = frame <= forwards;
  const words = forward ? (k) => graph.forward[k] : (k, t) => summed(graph, k, t);
  live.now = [];
  for (let i = 0; i < graph.n && sweeping(live); i++) if (current(live, i)) live.now.push(i);
  track(live);
  const say = (...what) => part(".caption").replaceChildren(...what);
  if (!sweeping(live)) return say("Play to watch values go forward and gradients come back.");
  if (!frame) return say("Nothing is computed yet.");
  const said = live.now.map((i) => filled(words(graph.name[i], graph.t[i]), graph.t[i])).filter(Boolean);
  const [done, all] = forward ? [frame, forwards] : [frame - forwards, frames - forwards - 1];
  const listed = said.slice(0, 4).join("; ") + (said.length > 4 ? "; …" : "");
  say(element("b", `${forward ? "Forward" : "Backward"} ${done}/${all}`), element("span", listed));
}

/** The slider: forward in grey, backward in colour, as far as it has come. */
function track(live) {
  const { graph: { frames, forwards, colours, scale }, frame } = live, slider = live.part(".frame");
  const [middle, end] = [Math.min(frame, forwards), frame].map((count) => `${(100 * count) / frames}%`);
  const stops = `${colours.muted} ${middle}, ${scale[8]} ${middle} ${end}, ${colours.neutral} ${end}`;
  slider.max = frames;
  slider.value = frame;
  slider.style.setProperty("--track", `linear-gradient(90deg, ${stops})`);
  slider.setAttribute("aria-valuetext", sweeping(live) ? `${frame} of ${frames}` : "complete");
}

// --- the knob -------------------------------------------------------------------------------------------------------

function turn(live, at) {
  live.at = at;
  legend(live);
  knob(live);
  ask(live, true);
  point(live);
}

/** The value goes to Python; answers to what was before it do not take it back. */
function letGo(live) {
  live.turning = false;
  live.turned = Date.now();
  live.send("knob", { at: live.at, event: live.turned });
}

function knob(live) {
  const { graph, at, part } = live, slider = part(".at");
  part(".knob").hidden = !graph.knob;
  if (!graph.knob) return;
  const { title, labels, curve_title } = graph.knob;
  part(".turn .what").textContent = title;
  part(".turn output").textContent = labels[at];
  part(".reads").replaceChildren(curve_title, element("b", number(graph.knob_curve[at])));
  part(".ends").replaceChildren(element("span", labels[0]), element("span", labels.at(-1)));
  slider.max = labels.length - 1;
  slider.value = at;
  slider.setAttribute("aria-label", title);
  slider.setAttribute("aria-valuetext", labels[at]);
  drawCurve(live, graph.knob_curve);
}

/** The curve above the slider, each point above its place on it; a gap where it is not finite. */
function drawCurve({ part, at }, values) {
  const left = 52, width = part(".curve").clientWidth - left - 8, high = 68; // left as the slider's margin has it
  const [low, top] = extent(values.filter(Number.isFinite));
  const x = (k) => (left + (k * width) / Math.max(values.length - 1, 1)).toFixed(1);
  const y = (k) => (8 + high * (1 - (values[k] - low) / (top - low || 1))).toFixed(1);
  const pen = (k) => (k && Number.isFinite(values[k - 1]) ? "L" : "M");
  const path = Array.from(values, (value, k) => (Number.isFinite(value) ? `${pen(k)}${x(k)} ${y(k)}` : ""));
  part(".curve .line").setAttribute("d", path.join(""));
  part(".curve .top").textContent = top > low ? signed(top.toFixed(1)) : "";
  part(".curve .low").textContent = low <= top ? signed(low.toFixed(1)) : "";
  part(".curve .now").setAttribute("d", `M${x(at)} 0v${high + 16}`);
  part(".curve circle").setAttribute("transform", `translate(${x(at)} ${Number.isFinite(values[at]) ? y(at) : -1e4})`);
}

// --- around the canvas ----------------------------------------------------------------------------------------------

function furnish(live) {
  const { graph, host, part, canvas } = live, { low, high, colours, scale } = graph;
  const style = { ...colours, font: graph.font, large: graph.large };
  for (const name of ["paper", "ink", "muted", "line", "grid", "neutral", "alarm", "font", "large"]) {
    host.style.setProperty(`--${name}`, style[name]);
  }
  canvas.setAttribute("aria-label", graph.label || "Computational graph");
  part(".bar .title").textContent = graph.title;
  part(".bar .scale").style.background = `linear-gradient(90deg, ${scale.join(", ")})`;
  part(".bar .ticks").replaceChildren();
  for (let exponent = low; exponent <= high; exponent += every(8, high - low)) {
    const tick = element("span", power(exponent));
    tick.style.left = `${(100 * (exponent - low)) / (high - low)}%`;
    part(".bar .ticks").append(tick);
  }
  part(".legend .low").textContent = power(low);
  part(".legend .high").textContent = power(high);
  legend(live);
  knob(live);
  caption(live);
}

/** Of the marks, those that are there. */
function legend(live) {
  const there = new Set(shown(live));
  for (const sign of live.part(".legend").children) sign.hidden = !there.has(+sign.dataset.look);
}
