// The strip: every node at every step as a field of colours, and on it the window of steps that are drawn in detail.
//
// `strip` is one mount, `graph` its last data, `page` how it fits its width. The window is dragged, resized at its ends, or
// moved by keys; it moves here at once, and goes to the server when it is released. Gutters are those of the live picture,
// so that names stand below names.

const HIGH = [1.5, 13], TALL = 132, AXIS = 18; // pixels of a row; of the field, about; of the steps below it
const PAUSE = 350; // milliseconds after the last key until the window counts as released

export default component(".strip", mount, (strip, data) => show(strip, unpack(data)));

/** Shows new data. The server's window counts, unless the present one is held or still on its way to the server. */
function show(strip, graph) {
  if (!accept(strip, graph)) return;
  if (!strip.held && !strip.waiting && graph.event >= strip.event) strip.window = [graph.first, graph.last];
  strip.window = within(graph, ...strip.window);
  setVariables(strip.host, { ...graph.colours, font: graph.font }, ["paper", "ink", "muted", "line", "font"]);
  draw(strip);
  strip.host.dataset.token = graph.token;
}

function mount(host) {
  const strip = { ...mountedAt(host), window: [1, 1], held: null };
  const { part } = strip, field = part(".field"), on = listener(strip), refit = () => strip.graph && draw(strip);
  on(field, "pointerdown", (event) => press(strip, event));
  on(field, "pointermove", (event) => (strip.held ? drag(strip, event) : updateTooltip(strip, event)));
  on(field, "pointerup", () => release(strip));
  on(field, "pointercancel", () => release(strip));
  on(field, "pointerleave", () => (part(".tip").hidden = true));
  on(field, "keydown", (event) => pressKey(strip, event));
  on(field, "focusout", () => strip.waiting && sendWindow(strip));
  watchWidth(strip, field, refit);
  strip.ended.signal.addEventListener("abort", () => clearTimeout(strip.waiting));
  on(document.fonts, "loadingdone", refit);
  return strip;
}

// --- the window -----------------------------------------------------------------------------------------------------

/** A window of the same length, or of the most steps that have room, moved into the sequence. */
function within({ steps, most }, first, last) {
  const length = clamp(last - first + 1, 1, Math.min(most, steps));
  const begin = clamp(first, 1, steps - length + 1);
  return [begin, begin + length - 1];
}

/** The window with one end moved to a step. */
function resized({ graph: { steps, most }, window: [first, last] }, end, step) {
  if (end === "first") return [clamp(step, Math.max(1, last - most + 1), last), last];
  return [first, clamp(step, first, Math.min(steps, first + most - 1))];
}

function move(strip, window) {
  if (window.join() === strip.window.join()) return;
  strip.window = window;
  placeWindow(strip);
}

/** Sends the window to the server, if it has changed; answers to earlier windows do not take it back. */
function sendWindow(strip) {
  clearTimeout(strip.waiting);
  strip.waiting = 0;
  const [first, last] = strip.window, { graph } = strip;
  if (first === graph.first && last === graph.last) return;
  strip.event = Date.now();
  strip.send("window", { first, last, event: strip.event });
}

function press(strip, event) {
  if (event.button) return;
  const part = event.target.dataset.part, step = stepAt(strip, event), [first, last] = strip.window;
  event.preventDefault();
  strip.part(`[data-part=${part ?? "frame"}]`).focus({ preventScroll: true });
  strip.part(".field").setPointerCapture(event.pointerId);
  if (!part) { // a press beside the window moves its middle there
    const half = Math.floor((last - first) / 2);
    move(strip, within(strip.graph, step - half, step - half + last - first));
  }
  strip.held = { part: part ?? "frame", step, window: strip.window };
  strip.part(".tip").hidden = true;
  strip.host.classList.toggle("held", strip.held.part === "frame");
}

function drag(strip, event) {
  const { part, step, window: [first, last] } = strip.held, by = stepAt(strip, event) - step;
  if (part === "frame") move(strip, within(strip.graph, first + by, last + by));
  else move(strip, resized(strip, part, (part === "first" ? first : last) + by));
}

function release(strip) {
  if (!strip.held) return;
  strip.held = null;
  strip.host.classList.remove("held");
  sendWindow(strip);
}

function pressKey(strip, event) {
  const part = event.target.dataset.part, { graph, window: [first, last] } = strip, length = last - first + 1;
  const leap = part === "frame" ? length : 10;
  const by = {
    ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: leap, PageDown: -leap, Home: -Infinity, End: Infinity,
  }[event.key];
  if (!part || !by || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (part === "frame") {
    const begin = clamp(first + by, 1, graph.steps - length + 1);
    move(strip, within(graph, begin, begin + length - 1));
  } else move(strip, resized(strip, part, (part === "first" ? first : last) + by));
  clearTimeout(strip.waiting);
  strip.waiting = setTimeout(() => sendWindow(strip), PAUSE);
}

// --- the tooltip ----------------------------------------------------------------------------------------------------

/** The step below an event. */
function stepAt({ canvas, page, graph }, event) {
  const x = event.clientX - canvas.getBoundingClientRect().left - GUTTER;
  return Math.floor((x / page.across) * graph.steps) + 1;
}

/** Shows the name, the step and the value below the pointer. */
function updateTooltip(strip, event) {
  const { canvas, page, graph, part } = strip, tip = part(".tip"), box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top, step = stepAt(strip, event);
  const k = graph.names.length - 1 - Math.floor(y / page.row);
  tip.hidden = step < 1 || step > graph.steps || k < 0 || k >= graph.names.length;
  if (tip.hidden) return;
  const cell = k * graph.steps + step - 1, look = graph.look[cell], name = element("b");
  name.append(...symbolNodes(graph.symbols[k], step));
  const size = look < SHADES || look === BELOW || look === ABOVE ? number(graph.magnitude[cell]) : "";
  tip.replaceChildren(name, `${graph.quantity}: ${[size, WORDS[look]].filter(Boolean).join(", ")}`);
  const left = clamp(x + 14 + tip.offsetWidth > page.width ? x - 14 - tip.offsetWidth : x + 14, 0, page.width);
  tip.style.transform = `translate(${left}px, ${y - tip.offsetHeight - 8}px)`;
}

// --- drawing --------------------------------------------------------------------------------------------------------

function draw(strip) {
  const { graph, canvas, brush } = strip, width = canvas.clientWidth, rows = graph.names.length;
  if (!width) return; // in a tab that is not open
  const row = clamp(TALL / rows, ...HIGH), tall = row * rows, across = Math.max(width - GUTTER - SIDE, 50);
  const ratio = devicePixelRatio || 1, columns = Math.round(across * ratio);
  strip.page = { width, row, tall, across };
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round((tall + AXIS) * ratio)];
  canvas.style.height = `${tall + AXIS}px`;
  brush.imageSmoothingEnabled = false;
  brush.drawImage(fieldImage(strip, columns), 0, 0, columns, rows, GUTTER * ratio, 0, columns, tall * ratio);
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.strokeStyle = graph.colours.line;
  brush.strokeRect(GUTTER - 0.5, 0.5, across + 1, tall - 1);
  drawTexts(strip);
  drawSelected(strip);
  placeWindow(strip);
}

/** An image with a pixel for each row and column; a column of several steps shows one that is not finite, or the middle one. */
function fieldImage({ graph: { look, steps, names, colours } }, columns) {
  const sheet = document.createElement("canvas"), rows = names.length;
  Object.assign(sheet, { width: columns, height: rows });
  const brush = sheet.getContext("2d"), image = brush.createImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
  const tints = colours.tints.filter((_, k) => k % 2 === 0).map(([fill]) => pixel(fill));
  for (let x = 0; x < columns; x++) {
    const from = Math.floor((x * steps) / columns), to = Math.max(Math.floor(((x + 1) * steps) / columns), from + 1);
    for (let k = 0; k < rows; k++) {
      let best = look[k * steps + ((from + to - 1) >> 1)];
      for (let t = from; t < to; t++) {
        const other = look[k * steps + t];
        if (other === INFINITE || other === NAN) best = other;
      }
      pixels[(rows - 1 - k) * columns + x] = tints[best];
    }
  }
  brush.putImageData(image, 0, 0);
  return sheet;
}

/** The number of a colour #rrggbb in an image, in the byte order of this machine. */
function pixel(colour) {
  const channels = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  return new Uint32Array(new Uint8Array([...channels, 255]).buffer)[0];
}

/** Writes the names at the left, as many as have room, and the steps below. */
function drawTexts({ brush, graph, page: { row, tall, across } }) {
  const skip = Math.ceil(11 / row), pixels = Math.min(row + 1, 12.5), rows = graph.names.length;
  Object.assign(brush, { fillStyle: graph.colours.muted, textAlign: "right" });
  for (let k = 0; k < rows; k += skip) {
    brush.font = `${graph.symbols[k][1] ? "italic " : ""}${skip > 1 ? 11 : pixels}px ${graph.font}`;
    brush.fillText(graph.written[k], GUTTER - 10, (rows - k - 0.5) * row + 4, GUTTER - 14);
  }
  Object.assign(brush, { textAlign: "center", font: `12px ${graph.font}` });
  const step = every(across / graph.steps, 44);
  for (let t = 1; t <= graph.steps; t += t === 1 && step > 1 ? step - 1 : step) {
    brush.fillText(t, GUTTER + ((t - 0.5) * across) / graph.steps, tall + 14);
  }
}

/** Marks the place of the selected node. */
function drawSelected({ brush, graph, page: { row, across } }) {
  if (!graph.selected) return;
  const { paper, ink } = graph.colours, [k, t] = graph.selected, x = GUTTER + ((t - 0.5) * across) / graph.steps, y = (graph.names.length - k - 0.5) * row;
  for (const [r, colour] of [[5.5, paper], [4.5, ink], [2.5, paper]]) {
    brush.beginPath();
    brush.arc(x, y, r, 0, 2 * Math.PI);
    brush.fillStyle = colour;
    brush.fill();
  }
}

/** Puts the frame around the window, and describes the window in words. */
function placeWindow({ host, part, graph, page, window: [first, last] }) {
  const x = (step) => GUTTER + ((step - 1) * page.across) / graph.steps, a = x(first), b = x(last + 1);
  const put = (css, left, right) => {
    Object.assign(part(css).style, { left: `${left}px`, width: `${right - left}px`, top: "0", height: `${page.tall}px` });
  };
  put(".early", GUTTER, a);
  put(".late", b, x(graph.steps + 1));
  put(".frame", a - 1, Math.max(b + 1, a + 5));
  put("[data-part=first]", a - 14, a + 2);
  put("[data-part=last]", b - 2, b + 14);
  const written = (step) => step.toLocaleString("en"), all = `of ${written(graph.steps)}`;
  const texts = { frame: [first, `steps ${written(first)} to ${written(last)} ${all}`], first: [first, `step ${written(first)} ${all}`],
    last: [last, `step ${written(last)} ${all}`] };
  for (const [name, [value, text]] of Object.entries(texts)) {
    const slider = part(`[data-part=${name}]`);
    const values = { "aria-valuemin": 1, "aria-valuemax": graph.steps, "aria-valuenow": value, "aria-valuetext": text };
    for (const [key, each] of Object.entries(values)) slider.setAttribute(key, each);
  }
  const full = last - first + 1 === Math.min(graph.most, graph.steps) ? ", as many as have room" : "";
  part(".described").textContent = `Drawn in detail: ${texts.frame[1]}${full}. Drag the frame, or its ends.`;
  Object.assign(host.dataset, { first, last, steps: graph.steps });
}
