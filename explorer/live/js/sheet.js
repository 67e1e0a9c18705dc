// The sheet: nodes and edges as paths in pixels from the graph's origin, grouped by what they look like.

/** Makes the sheet of all that is on the canvas and a canvas's width to either side. */
function makeSheet(live) {
  const { graph, page, scale } = live, spare = page.width / scale.kx, size = nodeSizes(live);
  const from = (page.left - scale.ox) / scale.kx - spare, to = from + 3 * spare;
  const font = size.map((pixels, k) => pixels * Math.min(...fontShares(live.widths[k].all))), largest = Math.max(...size);
  const groups = { edges: new Map(), nodes: new Map(), glyphs: new Map(), texts: new Map() };
  live.sheet = { from, to, size, font, largest, ...groups };
  const dense = every(scale.kx * graph.pitch, 3); // closer edges would merge into grey; those that stand out stay
  for (let e = 0; e < graph.source.length; e++) {
    const a = graph.x[graph.source[e]], b = graph.x[graph.target[e]], code = edgeCode(live, e);
    if (Math.max(a, b) < from || Math.min(a, b) > to) continue;
    if (code & STRONG || !graph.upwards || graph.t[graph.target[e]] % dense === 0) addEdge(live, e, code);
  }
  const looks = nodeLooks(live);
  for (let i = 0; i < graph.n; i++) if (graph.x[i] >= from && graph.x[i] <= to) addNode(live, looks, i);
  live.stale = false;
}

// --- nodes ----------------------------------------------------------------------------------------------------------

const fontShares = (width) => [SYMBOL[0], SYMBOL[1] / width]; // of a node's size: by its height, by its width

function addNode(live, looks, i) {
  const { graph, sheet, scale, kin } = live, x = graph.x[i] * scale.kx, y = -graph.y[i] * scale.ky, k = graph.name[i];
  const size = sizeOf(live, i), look = lookOf(live, looks, i), pale = kin && !kin[i] && !isSweeping(live) ? 1 : 0;
  const state = graph.roles[k] === "state" ? 2 : 0;
  const pixels = sheet.font[k] * shrink(graph, i), readable = pixels >= READABLE;
  const shape = size < SIZES[0] ? "square" : graph.shapes[k]; // the quickest for nodes of a few pixels
  SHAPES[shape](entry(sheet.nodes, look * 4 + state + pale, () => new Path2D()), x, y, size / 2);
  const colour = graph.colours.tints[2 * look + pale][2];
  if (readable) entry(sheet.texts, colour + k + isInitial(graph, i), () => ({ k, colour, pixels, at: [] })).at.push(x, y);
  if (GLYPHS[look] && size >= 4) addGlyph(sheet, GLYPHS[look], x, y, size, readable, colour);
}

/** Adds the sign of a mark, above the middle or below it: a filled triangle that points there, or a star of lines. */
function addGlyph(sheet, { arms, up }, x, y, size, readable, colour) {
  const r = Math.max(size * (readable ? 0.1 : 0.19), 1.5);
  const cy = y - (readable ? 0.385 * size * up : 0); // leaves the symbol free
  const { path } = entry(sheet.glyphs, colour + arms, () => ({ colour, arms, path: new Path2D() }));
  if (!arms) return polygon(path, x, cy, 1.25 * r, 3, (-up * TURN) / 4);
  for (let k = 0; k < arms; k++) {
    const angle = TURN / 8 + (k * TURN) / 2 / arms, dx = 1.2 * r * Math.cos(angle), dy = 1.2 * r * Math.sin(angle);
    path.moveTo(x - dx, cy - dy);
    path.lineTo(x + dx, cy + dy);
  }
}

// --- edges ----------------------------------------------------------------------------------------------------------

/** The curve of an edge, or its last part if it first runs along the row of its source: begin, corner and end. */
function curveOf(graph, e) {
  const a = graph.source[e], b = graph.target[e], ax = graph.x[a], ay = graph.y[a], bx = graph.x[b], by = graph.y[b];
  const turn = graph.turns[graph.turn[e]];
  if (turn && graph.upwards) return { ax: bx - turn, ay, cx: bx - CORNER * turn, cy: ay, bx, by };
  if (turn) return { ax, ay: by + turn, cx: ax, cy: by + CORNER * turn, bx, by };
  const bend = graph.bends[graph.bend[e]], side = bend && bend / Math.hypot(bx - ax, by - ay); // to the left of the way
  return { ax, ay, cx: (ax + bx) / 2 - side * (by - ay), cy: (ay + by) / 2 + side * (bx - ax), bx, by };
}

/** Adds a line from node to node and its head at the target's outline; with BACK, from the target to the source. */
function addEdge(live, e, code) {
  const { graph, sheet, scale: { kx, ky, enlarged } } = live, { ax, ay, cx, cy, bx, by } = curveOf(graph, e);
  const made = () => ({ code, ...edgeStyle(live, code, sheet.largest), lines: new Path2D(), heads: new Path2D() });
  const group = entry(sheet.edges, code, made), back = code & BACK, turn = graph.turns[graph.turn[e]];
  const straight = !turn && !graph.bends[graph.bend[e]];
  const target = back ? graph.source[e] : graph.target[e];
  const at = (x, y) => [x * kx, -y * ky], middle = at(cx, cy), far = at(graph.x[graph.source[e]], graph.y[graph.source[e]]);
  const [begin, end] = back ? [at(bx, by), turn ? far : at(ax, ay)] : [at(ax, ay), at(bx, by)];
  const from = turn && back ? at(ax, ay) : straight ? begin : middle; // the head points away from here
  const length = Math.hypot(end[0] - from[0], end[1] - from[1]) || 1;
  const u = (end[0] - from[0]) / length, v = (end[1] - from[1]) / length;
  const size = sizeOf(live, target), gap = radiusAlong(graph.shapes[graph.name[target]], size / 2, u, v) + 1.5;
  const roomy = size >= OUTLINED && (straight ? 1 : 2) * length > gap + 8;
  const head = roomy ? clamp(0.3 * size, 4, 8 * enlarged) + 1.4 * group.width : 0;
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
