// Pointers, wheel and keys: what the user does in the picture, as changes of the mount.

function listen(live) {
  const { canvas, part } = live, on = listener(live);
  on(canvas, "pointerdown", (event) => press(live, event));
  on(canvas, "pointermove", (event) => move(live, event));
  on(canvas, "pointerup", (event) => release(live, event));
  on(canvas, "pointercancel", (event) => release(live, event, true));
  on(canvas, "pointerleave", (event) => event.pointerType === "mouse" && leave(live));
  on(canvas, "dblclick", () => (clearTimeout(live.clearing), zoomOut(live)));
  on(canvas, "wheel", (event) => turnWheel(live, event), { passive: false });
  on(canvas, "keydown", (event) => pressKey(live, event));
  on(canvas, "blur", () => ((live.cursor = -1), updateTooltip(live), requestDraw(live)));
  on(part(".controls"), "click", (event) => COMMANDS[event.target.closest("button")?.dataset.do]?.(live));
  on(part(".frame"), "input", (event) => stepTo(live, +event.target.value));
  on(part(".speed"), "change", (event) => (live.speed = +event.target.value));
  on(part(".at"), "input", (event) => ((live.turning = true), turnKnob(live, +event.target.value)));
  on(part(".at"), "change", () => releaseKnob(live));

  const refit = () => live.graph && (fitPage(live), updateKnob(live), draw(live));
  watchWidth(live, part(".stage"), refit);
  const watchScreen = () => { // the window may go to a screen of another resolution
    const changed = () => (refit(), watchScreen());
    on(matchMedia(`(resolution: ${devicePixelRatio}dppx)`), "change", changed, { once: true });
  };
  watchScreen();
  on(window, "resize", () => live.graph?.large > 1 && refit()); // an enlarged picture is as high as the window
  on(document.fonts, "loadingdone", () => live.graph && (measureSymbols(live), requestDraw(live, true)));
}

const COMMANDS = {
  play,
  back: (live) => stepTo(live, live.frame - 1),
  forth: (live) => stepTo(live, live.frame + 1),
  in: (live) => zoom(live, 1.4),
  out: (live) => zoom(live, 1 / 1.4),
  fit: zoomOut,
};

// --- pointers -------------------------------------------------------------------------------------------------------

/** A pointer in the window, where it stays while the canvas moves below it or is drawn anew. */
const inWindow = ({ clientX: x, clientY: y, pointerType }) => ({ x, y, touch: pointerType === "touch" });

/** Where on the canvas, as it lies now, a pointer is. */
function onCanvas({ canvas, graph: { large } }, { x, y, touch }) {
  const box = canvas.getBoundingClientRect();
  return { x: (x - box.left) / large, y: (y - box.top) / large, touch };
}

/** Remembers the pressed node, which is selected on release even if other data arrive in between. */
function press(live, event) {
  if (event.button) return;
  live.canvas.setPointerCapture(event.pointerId);
  const start = inWindow(event), node = identity(live.graph, nearestNode(live, onCanvas(live, start)));
  live.pointers.set(event.pointerId, { start, now: start, node });
  live.dragged = live.pointers.size > 1;
}

function move(live, event) {
  const now = inWindow(event), held = live.pointers.get(event.pointerId), { large } = live.graph;
  if (!held) {
    live.pointer = now;
    return updateTooltip(live);
  }
  const before = held.now, other = [...live.pointers.values()].find((pointer) => pointer !== held)?.now;
  held.now = now;
  live.dragged ||= Math.hypot(now.x - held.start.x, now.y - held.start.y) > (now.touch ? 10 : 4) * large;
  if (!live.dragged) return;
  live.canvas.classList.add("drag");
  if (other) {
    const distance = (pointer) => Math.hypot(pointer.x - other.x, pointer.y - other.y) / large;
    const middle = onCanvas(live, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    zoom(live, distance(now) / Math.max(distance(before), 1), middle);
  }
  const share = (other ? 0.5 : 1) / large; // two fingers that move alike pan as one does
  pan(live, (now.x - before.x) * share, (now.y - before.y) * share);
  leave(live);
}

function release(live, event, cancelled = false) {
  const held = live.pointers.get(event.pointerId), pointer = inWindow(event);
  live.pointers.delete(event.pointerId);
  live.canvas.classList.remove("drag");
  clearTimeout(live.clearing);
  if (!held || cancelled || live.dragged) return;
  const i = indexOf(live.graph, held.node);
  if (i >= 0) select(live, i);
  else if (!held.node) live.clearing = setTimeout(() => select(live, -1), 250); // unless it becomes a double click
  live.pointer = pointer.touch ? pointer : null; // a mouse has shown the tooltip before, which would now hide the selection
  updateTooltip(live);
}

function leave(live) {
  live.pointer = null;
  updateTooltip(live);
}

/** Zooms with Ctrl, which a pinched trackpad sends too; pans sideways; any other turn of the wheel scrolls the page. */
function turnWheel(live, event) {
  const unit = event.deltaMode ? 30 : 1;
  if (event.ctrlKey || event.metaKey) {
    zoom(live, Math.exp(clamp(-event.deltaY * unit, -120, 120) / 300), onCanvas(live, inWindow(event)));
  } else if (live.view.zoom > 1 && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
    pan(live, -(event.deltaX || event.deltaY) * unit, 0);
  } else return;
  event.preventDefault();
  live.pointer = inWindow(event);
  updateTooltip(live);
}

// --- keys -----------------------------------------------------------------------------------------------------------

function pressKey(live, event) {
  const [right, up] = live.graph.upwards ? [[1, 0], [0, 1]] : [[0, 1], [-1, 0]]; // as the graph lies on the page
  const keys = {
    ArrowRight: () => walk(live, ...right),
    ArrowLeft: () => walk(live, -right[0], -right[1]),
    ArrowUp: () => walk(live, ...up),
    ArrowDown: () => walk(live, -up[0], -up[1]),
    Enter: () => live.cursor >= 0 && select(live, live.cursor),
    Escape: () => ((live.cursor = -1), select(live, -1)),
    " ": () => play(live),
    "+": () => zoom(live, 1.4),
    "=": () => zoom(live, 1.4),
    "-": () => zoom(live, 1 / 1.4),
    0: () => zoomOut(live),
  };
  if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
  leave(live);
}

/** Moves the cursor by one node: along time with the same name, or along the flow within the step. */
function walk(live, time, flow) {
  const { graph } = live, from = live.cursor >= 0 ? live.cursor : live.selected;
  let to = -1;
  if (from < 0) to = nodeAt(graph, Math.max(graph.roles.indexOf("state"), 0), graph.last);
  else if (time) to = nodeAt(graph, graph.name[from], graph.t[from] + time);
  else {
    const t = isShared(graph, from) ? live.cursorStep ?? graph.last : graph.t[from]; // back to the step it came from
    let k = graph.name[from];
    while (to < 0 && graph.names[(k += flow)] !== undefined) to = nodeAt(graph, k, t);
    live.cursorStep = t;
  }
  live.cursor = to >= 0 ? to : from;
  reveal(live, live.cursor);
  announce(live, live.cursor);
  requestDraw(live);
}
