// What edges and nodes look like: the flags of an edge, its style, the shapes of nodes.

const FADED = 1, STRONG = 2, BACK = 4, CARRIES = 8, THIN = 16, NOW = 32; // the flags in an edge's code
const LOOK = 64; // an edge's code from here on is one more than its look
const TURN = 2 * Math.PI;

/** The code of an edge: flags, and above them one more than its look if it shows a strength. */
function edgeCode(live, e) {
  const { graph, kin, frame } = live, source = graph.source[e], target = graph.target[e];
  let flags = 0;
  if (isSweeping(live)) {
    if (frame > graph.forwards) flags = isComputed(live, source) ? STRONG | BACK : 0;
    else flags = isComputed(live, target) ? STRONG : graph.order_forward[target] >= frame ? FADED : 0;
  } else if (kin) {
    const a = kin[source], b = kin[target], place = live.selected === graph.selected ? graph.path.indexOf(e) : -1;
    if (place >= 0) flags = STRONG | BACK | (place === graph.walked ? NOW : 0);
    else if (a === SELF && !graph.path.length) flags = STRONG | BACK; // along these the gradient comes back to the node
    else if (a === DESCENDANT || a === SELF) flags = CARRIES;
    else if (a !== ANCESTOR || (b !== ANCESTOR && b !== SELF)) flags = FADED;
  }
  if (graph.roles[graph.name[source]] === "parameter" && !(flags & (FADED | STRONG))) flags |= THIN;
  return flags + (graph.strength_look ? LOOK * (1 + graph.strength_look[e]) : 0);
}

/** Colour, width and dashes of an edge; `size` is that of the largest node, in pixels. */
function edgeStyle({ graph }, code, size) {
  const { ink, muted, line, faint, thin, tints } = graph.colours, look = Math.floor(code / LOOK) - 1, strong = code & STRONG;
  const base = size >= 14 ? 1.2 : size >= OUTLINED ? 0.8 : 0.45;
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

/** The outline of each shape, as a function that adds it to a path. */
const SHAPES = {
  circle: (path, x, y, r) => (path.moveTo(x + r, y), path.arc(x, y, r, 0, TURN)),
  square: (path, x, y, r) => path.rect(x - r, y - r, 2 * r, 2 * r),
  diamond: (path, x, y, r) => polygon(path, x, y, POINTED * r, 4, 0),
  hexagon: (path, x, y, r) => polygon(path, x, y, r, 6, TURN / 12), // stands on a corner, as in plotly
};

/** Adds a polygon. Draws two corners twice in place of closePath, whose time grows with the length of the path. */
function polygon(path, x, y, r, corners, turn) {
  for (let k = 0; k < corners + 2; k++) {
    const angle = turn + (k * TURN) / corners, px = x + r * Math.cos(angle), py = y + r * Math.sin(angle);
    if (k) path.lineTo(px, py);
    else path.moveTo(px, py);
  }
}

/** The distance from a shape's centre to its outline in the direction (u, v). */
function radiusAlong(shape, r, u, v) {
  if (shape === "square") return r / Math.max(Math.abs(u), Math.abs(v));
  return shape === "diamond" ? (POINTED * r) / (Math.abs(u) + Math.abs(v)) : r;
}
