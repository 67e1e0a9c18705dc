// The strip: every node at every step as a field of colours, and on it the window of steps that are drawn in detail.
//
// `strip` is one mount, `graph` what its last bytes say, `page` how it fits its width. The window is dragged, resized at
// its ends, or moved by keys; it moves here at once, and goes to the server when it is let go. shared.js stands before this.

const LEFT = 64, RIGHT = 16; // pixels, as in live.js, so that names stand below names
const ROW = [1.5, 13], TALL = 132, AXIS = 18; // pixels of a row; of the field, about; of the steps below it
const PAUSE = 350; // milliseconds after the last key until the window counts as let go
const WORDS = { [ZERO]: "exactly 0", [BELOW]: "below the scale", [ABOVE]: "above the scale", [NONE]: "none" };

export default staying(".strip", mount, (strip, data) => show(strip, unpack(data)));

/** New data. The window that Python says counts, unless it is held, or one that Python has not heard of is on its way. */
function show(strip, graph) {
  const page = pageIs(strip);
  if (strip.graph?.token === graph.token && strip.palette === page) return; // called for another reason
  Object.assign(strip, { graph, palette: page, colours: graph.palettes[page] });
  if (!strip.held && !strip.waiting && graph.event >= strip.event) strip.window = [graph.first, graph.last];
  strip.window = within(graph, ...strip.window);
  const style = { ...strip.colours, font: graph.font };
  for (const name of ["paper", "ink", "muted", "line", "font"]) strip.host.style.setProperty(`--${name}`, style[name]);
  draw(strip);
  strip.host.dataset.token = graph.token;
}

function mount(host) {
  const part = (css) => host.querySelector(css), canvas = part("canvas");
  const strip = {
    host, part, canvas, brush: canvas.getContext("2d"), ruler: document.createElement("canvas").getContext("2d"),
    ended: new AbortController(), calls: 0, event: 0, waiting: 0, graph: null, page: null, window: [1, 1], held: null,
  };
  const { signal } = strip.ended, field = part(".field");
  const on = (target, type, act) => target.addEventListener(type, act, { signal });
  on(field, "pointerdown", (event) => press(strip, event));
  on(field, "pointermove", (event) => (strip.held ? drag(strip, event) : point(strip, event)));
  on(field, "pointerup", () => release(strip));
  on(field, "pointercancel", () => release(strip));
  on(field, "pointerleave", () => (part(".tip").hidden = true));
  on(field, "keydown", (event) => type(strip, event));
  on(field, "focusout", () => strip.waiting && letGo(strip));
  const refit = () => strip.graph && draw(strip);
  const observer = new ResizeObserver(refit);
  observer.observe(field);
  signal.addEventListener("abort", () => (observer.disconnect(), clearTimeout(strip.waiting)));
  on(document.fonts, "loadingdone", refit);
  return strip;
}

// --- the window -----------------------------------------------------------------------------------------------------

/** A window of the same length, as far as there is room for it, inside the sequence. */
function within({ steps, most }, first, last) {
  const length = clamp(last - first + 1, 1, Math.min(most, steps));
  const begin = clamp(first, 1, steps - length + 1);
  return [begin, begin + length - 1];
}

/** The window with one of its ends at a step; the other end stays. */
function resized({ graph: { steps, most }, window: [first, last] }, end, step) {
  if (end === "first") return [clamp(step, Math.max(1, last - most + 1), last), last];
  return [first, clamp(step, first, Math.min(steps, first + most - 1))];
}

function move(strip, window) {
  if (window.join() === strip.window.join()) return;
  strip.window = window;
  place(strip);
}

/** The window goes to Python, if it is another one; answers to what was before it do not take it back. */
function letGo(strip) {
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
  if (!part) { // beside the window: it comes
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
  letGo(strip);
}

function type(strip, event) {
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
  strip.waiting = setTimeout(() => letGo(strip), PAUSE);
}

// --- what is under the pointer --------------------------------------------------------------------------------------

function stepAt({ canvas, page, graph }, event) {
  const x = event.clientX - canvas.getBoundingClientRect().left - LEFT;
  return Math.floor((x / page.across) * graph.steps) + 1;
}

function point(strip, event) {
  const { canvas, page, graph, part } = strip, tip = part(".tip"), box = canvas.getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top, step = stepAt(strip, event);
  const k = graph.names.length - 1 - Math.floor(y / page.row);
  tip.hidden = step < 1 || step > graph.steps || k < 0 || k >= graph.names.length;
  if (tip.hidden) return;
  const cell = k * graph.steps + step - 1, look = graph.look[cell], name = element("b");
  name.append(...symbolNodes(graph.symbols[k], step));
  const size = look === NONE || look === ZERO ? "" : number(graph.magnitude[cell]);
  tip.replaceChildren(name, `${graph.quantity}: ${[size, WORDS[look]].filter(Boolean).join(", ")}`);
  const left = clamp(x + 14 + tip.offsetWidth > page.width ? x - 14 - tip.offsetWidth : x + 14, 0, page.width);
  tip.style.transform = `translate(${left}px, ${y - tip.offsetHeight - 8}px)`;
}

// --- drawing --------------------------------------------------------------------------------------------------------

function draw(strip) {
  const { graph, canvas, brush, colours } = strip, width = canvas.clientWidth, rows = graph.names.length;
  if (!width) return; // in a tab that is not open
  const row = clamp(TALL / rows, ...ROW), tall = row * rows, across = Math.max(width - LEFT - RIGHT, 50);
  const ratio = devicePixelRatio || 1, columns = Math.round(across * ratio);
  strip.page = { width, row, tall, across };
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round((tall + AXIS) * ratio)];
  canvas.style.height = `${tall + AXIS}px`;
  brush.imageSmoothingEnabled = false;
  brush.drawImage(field(strip, columns), 0, 0, columns, rows, LEFT * ratio, 0, columns, tall * ratio);
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  brush.strokeStyle = colours.line;
  brush.strokeRect(LEFT - 0.5, 0.5, across + 1, tall - 1);
  drawTexts(strip);
  drawSelected(strip);
  place(strip);
}

/** The field, a pixel for each row and column; of the steps that share a column one that is not finite, or the middle one. */
function field({ graph: { look, steps, names }, colours }, columns) {
  const sheet = document.createElement("canvas"), rows = names.length;
  Object.assign(sheet, { width: columns, height: rows });
  const brush = sheet.getContext("2d"), image = brush.createImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
  const tints = colours.tints.filter((_, k) => k % 2 === 0).map(([fill]) => pixel(fill));
  for (let x = 0; x < columns; x++) {
    const from = Math.floor((x * steps) / columns), to = Math.max(Math.floor(((x + 1) * steps) / columns), from + 1);
    for (let k = 0; k < rows; k++) {
      let seen = look[k * steps + ((from + to - 1) >> 1)];
      for (let t = from; t < to; t++) {
        const other = look[k * steps + t];
        if (other === INFINITE || other === NAN) seen = other;
      }
      pixels[(rows - 1 - k) * columns + x] = tints[seen];
    }
  }
  brush.putImageData(image, 0, 0);
  return sheet;
}

/** #rrggbb as the number that stands for it in an image, whichever way round this machine has its bytes. */
function pixel(colour) {
  const channels = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  return new Uint32Array(new Uint8Array([...channels, 255]).buffer)[0];
}

/** The names at the left, as many as there is room for, and the steps below. */
function drawTexts({ brush, graph, page: { row, tall, across }, colours }) {
  const skip = Math.ceil(11 / row), pixels = Math.min(row + 1, 12.5), rows = graph.names.length;
  Object.assign(brush, { fillStyle: colours.muted, textAlign: "right" });
  for (let k = 0; k < rows; k += skip) {
    brush.font = `${graph.symbols[k][1] ? "italic " : ""}${skip > 1 ? 11 : pixels}px ${graph.font}`;
    brush.fillText(graph.written[k], LEFT - 10, (rows - k - 0.5) * row + 4, LEFT - 14);
  }
  Object.assign(brush, { textAlign: "center", font: `12px ${graph.font}` });
  const step = every(across / graph.steps, 44);
  for (let t = 1; t <= graph.steps; t += t === 1 && step > 1 ? step - 1 : step) {
    brush.fillText(t, LEFT + ((t - 0.5) * across) / graph.steps, tall + 14);
  }
}

/** The selected node, where it is in the whole. */
function drawSelected({ brush, graph, page: { row, across }, colours }) {
  if (!graph.selected) return;
  const [k, t] = graph.selected, x = LEFT + ((t - 0.5) * across) / graph.steps, y = (graph.names.length - k - 0.5) * row;
  for (const [r, colour] of [[5.5, colours.paper], [4.5, colours.ink], [2.5, colours.paper]]) {
    brush.beginPath();
    brush.arc(x, y, r, 0, 2 * Math.PI);
    brush.fillStyle = colour;
    brush.fill();
  }
}

/** Puts the window where it is, and says so. */
function place({ host, part, graph, page, window: [first, last] }) {
  const x = (step) => LEFT + ((step - 1) * page.across) / graph.steps, a = x(first), b = x(last + 1);
  const put = (css, left, right) => {
    Object.assign(part(css).style, { left: `${left}px`, width: `${right - left}px`, top: "0", height: `${page.tall}px` });
  };
  put(".early", LEFT, a);
  put(".late", b, x(graph.steps + 1));
  put(".frame", a - 1, Math.max(b + 1, a + 5));
  put("[data-part=first]", a - 14, a + 2);
  put("[data-part=last]", b - 2, b + 14);
  const written = (step) => step.toLocaleString("en"), all = `of ${written(graph.steps)}`;
  const says = { frame: [first, `steps ${written(first)} to ${written(last)} ${all}`], first: [first, `step ${written(first)} ${all}`],
    last: [last, `step ${written(last)} ${all}`] };
  for (const [name, [value, text]] of Object.entries(says)) {
    const slider = part(`[data-part=${name}]`);
    const values = { "aria-valuemin": 1, "aria-valuemax": graph.steps, "aria-valuenow": value, "aria-valuetext": text };
    for (const [key, each] of Object.entries(values)) slider.setAttribute(key, each);
  }
  const full = last - first + 1 === Math.min(graph.most, graph.steps) ? ", as many as there is room for" : "";
  part(".said").textContent = `Drawn in detail: ${says.frame[1]}${full}. Drag the frame, or its ends.`;
  Object.assign(host.dataset, { first, last, steps: graph.steps });
}
