// Drawing: the sheet, the rings around nodes, the axes, onto the canvas.

/** Draws with the screen's next frame; `stale` if the sheet has to be made anew. */
function requestDraw(live, stale = false) {
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
  live.font = ""; // a canvas of a new size has lost its font
  drawEdges(live);
  drawNodes(live);
  drawRings(live);
  brush.translate(-scale.ox, -scale.oy);
  if (graph.upwards) drawTask(live);
  drawEnds(live);
  brush.restore();
  live.font = "";
  if (graph.upwards) drawAxes(live);
  publish(live, performance.now() - start);
}

function drawEdges({ brush, sheet }) {
  const rank = ({ code }) => (code & FADED ? 0 : code & STRONG ? 3 : code & CARRIES ? 2 : 1) * 100 + Math.floor(code / LOOK);
  const groups = [...sheet.edges.values()].sort((a, b) => rank(a) - rank(b));
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
    if (!outlined && look !== ZERO && look !== BLANK) continue; // an outline would cover a small node
    brush.strokeStyle = outline;
    brush.lineWidth = code & 2 && outlined ? 1.9 : 0.8;
    brush.stroke(path);
  }
  for (const { colour, arms, path } of sheet.glyphs.values()) {
    brush.fillStyle = brush.strokeStyle = colour;
    brush.lineWidth = 1.6;
    brush[arms ? "stroke" : "fill"](path);
  }
  const from = page.left - scale.ox - 40, to = page.width - scale.ox + 40;
  for (const { k, colour, pixels, at } of sheet.texts.values()) {
    brush.fillStyle = colour;
    for (let j = 0; j < at.length; j += 2) {
      if (at[j] >= from && at[j] <= to) drawSymbol(live, k, at[j], at[j + 1] + 0.31 * pixels, pixels);
    }
  }
}

/** Writes a name in mathematical notation, centred on x, standing on y. */
function drawSymbol(live, k, x, y, pixels) {
  const { brush, graph, widths } = live, [letter, italic, index] = graph.symbols[k];
  const begin = x - (widths[k].all * pixels) / 2;
  setFont(live, pixels, italic);
  brush.fillText(letter, begin, y);
  if (!index) return;
  setFont(live, 0.68 * pixels);
  brush.fillText(index, begin + (widths[k].letter + 0.03) * pixels, y + 0.2 * pixels);
}

/** Sets the font, unless it is set already: setting is slow. */
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

/** Writes the task: the input below each x, the target above each y. */
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

/** Veils the ends of the canvas where the graph goes on. */
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

/** Writes the names of the rows at the left and the steps below; they stay while the graph moves. */
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
    const members = [...graph.names.keys()].filter((k) => graph.rows[k] === row && !graph.shared[k]), y = screenY(live, row);
    if (y < page.top + 6 || y > page.top + page.tall - 6) continue;
    const width = members.reduce((sum, k) => sum + widths[k].all, 0.55 * (members.length - 1));
    const pixels = Math.min(14, (page.left - 18) / width, Math.max(9, 0.8 * scale.ky));
    let x = page.left - 10 - width * pixels;
    for (const k of members) {
      drawSymbol(live, k, x + (widths[k].all * pixels) / 2, y + 0.31 * pixels, pixels);
      x += (widths[k].all + 0.55) * pixels;
    }
  }
}
