// The live picture: draws the bytes of explorer/live/encode.py on a canvas that stays mounted while they change.
//
// `live` is one mount, `graph` its last data, `page` how the whole graph fits the canvas, `scale` the zoom in pixels, and
// `sheet` all nodes and edges as paths at that scale, so that panning only moves them. The server receives a selection, and
// the position of the knob when it is released; nothing else.

export default component(".live", mount, (live, data) => show(live, read(data)));

function mount(host) {
  const live = {
    ...mountedAt(host), sheet: null, view: { zoom: 1, x: 0, y: 0 }, selected: -1, cursor: -1, hover: -1, edge: -1,
    kin: null, now: [], frame: 0, playing: false, speed: 1, at: 0, turning: false, turned: 0, pointers: new Map(),
    pointer: null, dragged: false,
  };
  listen(live);
  return live;
}

/** Shows new data. View, selection, frame and knob stay as far as they still have a meaning. Draws before it returns. */
function show(live, graph) {
  const before = live.graph;
  if (!accept(live, graph)) return;
  const same = before?.names.join() === graph.names.join();
  const [picked, cursor] = before ? [live.selected, live.cursor].map((i) => identity(before, i)) : [];
  // The selection of the server counts, unless a later one is still on its way to the server.
  live.selected = graph.event >= live.event ? graph.selected ?? -1 : indexOf(graph, picked);
  live.cursor = same ? indexOf(graph, cursor) : -1;
  live.hover = live.edge = -1;
  if (!same || before.frames !== graph.frames) {
    live.frame = graph.frames;
    setPlaying(live, false);
  }
  if (before?.knob?.title !== graph.knob?.title) live.turning = false;
  if (!live.turning && graph.turned >= live.turned) live.at = graph.knob?.at ?? 0;
  live.at = clamp(live.at, 0, (graph.knob?.labels.length ?? 1) - 1);
  if (!same) live.view = { zoom: 1, x: 0, y: 0 };
  measureSymbols(live);
  findKin(live);
  fitPage(live);
  setupControls(live);
  draw(live);
  updateTooltip(live);
  live.host.dataset.token = graph.token;
}

/** Selects a node, or none with −1: here at once, and then on the server. */
function select(live, i) {
  if (i < 0 && live.selected < 0) return;
  live.selected = i;
  live.event = Date.now();
  findKin(live);
  announce(live, i);
  requestDraw(live);
  live.send("selected", { node: identity(live.graph, i), event: live.event });
}

/** Attributes of the component for tests and styles. */
function publish({ host, graph, scale, view, frame, at, selected, cursor }, cost) {
  Object.assign(host.dataset, {
    nodes: graph.n, frame, frames: graph.frames, knob: at, zoom: view.zoom.toFixed(4), cost: cost.toFixed(2),
    view: [scale.kx, scale.ky, scale.ox, scale.oy].map((value) => value.toFixed(3)).join(" "),
    selected: identity(graph, selected)?.join(" ") ?? "", cursor: identity(graph, cursor)?.join(" ") ?? "",
    drawn: +(host.dataset.drawn ?? 0) + 1,
  });
}
