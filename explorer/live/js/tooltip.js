// The texts of nodes and edges: under the pointer, at the cursor of the keyboard, and for screen readers.

/** What can be read of a node: its role, and rows of [symbol, text of the value]. */
function readingOf({ graph, at }, i) {
  const k = graph.name[i], units = graph.units[i], role = isInitial(graph, i) ? "initial value" : graph.roles[k];
  const { value, gradient, value_head: head, gradient_head } = graph, symbol = graph.written[k], rows = [];
  for (const [name, norms, heads] of [[symbol, value, head], [`∇${symbol}`, gradient, gradient_head]]) {
    if (norms[i] < 0 || (graph.knob && at !== graph.knob.at)) continue; // the numbers are of another position of the knob
    rows.push([`‖${name}‖`, number(norms[i])]);
    if (heads) rows.push([name, vector(heads.subarray(4 * i, 4 * i + Math.min(units, 4)), units)]);
  }
  if (role === "target" && value[i] < 0 && head) rows.push(["class", `${head[4 * i]}, counted from 0`]);
  return { role: `${role}, ${units} ${role === "parameter" ? "number" : "unit"}${units === 1 ? "" : "s"}`, rows };
}

const vector = (head, units) => `(${Array.from(head, number).join(", ")}${units > head.length ? ", …" : ""})`;

/** Gives the reading of a node to screen readers. */
function announce(live, i) {
  const { graph, selected, part } = live;
  if (i < 0) return part(".spoken").replaceChildren();
  const { role, rows } = readingOf(live, i), name = graph.written[graph.name[i]];
  const numbers = rows.map(([symbol, value]) => `${symbol} = ${value}`).join("; "), state = i === selected ? ", selected" : "";
  const step = isShared(graph, i) ? "of every step" : `at step ${graph.t[i]}`;
  part(".spoken").textContent = `${name} ${step}${state}: ${role}. ${numbers}`;
}

// --- what is under the pointer --------------------------------------------------------------------------------------

/** The node at a place on the canvas, or −1. */
function nearestNode(live, { x, y, touch }) {
  const { graph, page, scale } = live;
  let best = -1, least = Infinity;
  if (!live.sheet || x < page.left - 4 || y > page.top + page.tall) return best;
  for (let i = 0; i < graph.n; i++) {
    const distance = Math.hypot(graph.x[i] * scale.kx + scale.ox - x, scale.oy - graph.y[i] * scale.ky - y);
    if (distance < least) [least, best] = [distance, i];
  }
  return least <= Math.max(sizeOf(live, best) / 2 + 3, touch ? 22 : 7) ? best : -1;
}

/** The edge at a place on the canvas, or −1; edges can be read where they show a strength. */
function nearestEdge(live, { x, y }) {
  const { graph, page, scale } = live, px = (x - scale.ox) / scale.kx, slack = 3 + 5 / scale.kx;
  let best = -1, least = 5;
  if (!graph.strength || x < page.left) return best;
  for (let e = 0; e < graph.source.length; e++) {
    const { ax, ay, cx, cy, bx, by } = curveOf(graph, e);
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

// --- the tooltip ----------------------------------------------------------------------------------------------------

/** Shows the node or edge under the pointer; without a pointer, the node at the cursor of the keyboard. */
function updateTooltip(live) {
  const { graph, canvas, cursor } = live, tip = live.part(".tip"), pointer = live.pointer && onCanvas(live, live.pointer);
  if (live.hidden) return;
  const hover = pointer ? nearestNode(live, pointer) : -1, edge = pointer && hover < 0 ? nearestEdge(live, pointer) : -1;
  if (hover !== live.hover) requestDraw(live);
  Object.assign(live, { hover, edge });
  canvas.classList.toggle("node", hover >= 0);
  const i = pointer ? hover : cursor;
  tip.hidden = i < 0 && edge < 0;
  if (tip.hidden) return;
  tip.replaceChildren(...(i >= 0 ? nodeTooltip(live, i) : edgeTooltip(graph, edge)));
  if (i < 0) placeTooltip(live, tip, pointer.x, pointer.y, 14);
  else placeTooltip(live, tip, screenX(live, graph.x[i]), screenY(live, graph.y[i]), sizeOf(live, i) / 2 + 10);
}

/** Puts the tooltip beside a place, on the side that has room. */
function placeTooltip({ page, graph: { large } }, tip, x, y, gap) {
  const wide = tip.offsetWidth, left = x + gap + wide > page.width ? x - gap - wide : x + gap;
  const top = clamp(y - tip.offsetHeight / 2, 0, page.height - tip.offsetHeight);
  tip.style.transform = `scale(${large}) translate(${Math.max(left, 0)}px, ${top}px)`;
}

function nodeTooltip(live, i) {
  const { role, rows } = readingOf(live, i), head = element("div"), name = element("b");
  name.append(...symbolNodes(...symbolAt(live.graph, i)));
  head.append(name, element("span", role, "dim"));
  return [head, ...rows.map(tooltipRow)];
}

function edgeTooltip(graph, e) {
  const name = element("b"), strength = graph.strength[e];
  name.append(...symbolNodes(...symbolAt(graph, graph.source[e])), " → ", ...symbolNodes(...symbolAt(graph, graph.target[e])));
  return [name, tooltipRow([graph.strength_title, strength < 0 ? WORDS[NONE] : number(strength)])];
}

function tooltipRow([symbol, value]) {
  const row = element("div");
  row.append(element("span", `${symbol} = `, "dim"), value);
  return row;
}
