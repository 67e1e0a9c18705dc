// What the data say: nodes by name and step, the frames of the sweep, and the kin of the selected node.

const ANCESTOR = 1, DESCENDANT = 2, SELF = 3;

/** The data with the numbers that follow from them: extents, frames, nodes per row. */
function read(data) {
  const graph = unpack(data);
  graph.n = graph.x.length;
  [graph.x0, graph.x1] = extent(graph.x);
  [graph.y0, graph.y1] = extent(graph.y);
  graph.begin = extent(graph.t.filter((_, i) => !isShared(graph, i)))[0];
  graph.forwards = extent(graph.order_forward)[1] + 1;
  graph.frames = graph.forwards + extent(graph.order_backward)[1] + 2; // the last frame computes nothing
  graph.crowd = graph.rows.map((row) => graph.rows.filter((other) => other === row).length);
  return graph;
}

// --- nodes ----------------------------------------------------------------------------------------------------------

/** The index of the node of a name, as an index into names, at a step; −1 if it does not exist. */
function nodeAt(graph, name, t) {
  const key = (i) => graph.name[i] * 1e6 + graph.t[i];
  graph.index ??= new Map(Array.from(graph.x, (_, i) => [key(i), i])); // made at the first call
  return graph.index.get(name * 1e6 + (graph.shared[name] ? 0 : t)) ?? -1;
}

/** Whether a node stands once for all steps, at t = 0. */
const isShared = (graph, i) => graph.shared[graph.name[i]];
const isInitial = (graph, i) => graph.t[i] < 1 && !isShared(graph, i);

/** Name and step of a node, which outlive its index. */
const identity = (graph, i) => (i < 0 ? null : [graph.names[graph.name[i]], graph.t[i]]);
const indexOf = (graph, node) => (node ? nodeAt(graph, graph.names.indexOf(node[0]), node[1]) : -1);

/** The symbol of a node and its step, or null for a node that all steps share. */
const symbolAt = (graph, i) => [graph.symbols[graph.name[i]], isShared(graph, i) ? null : graph.t[i]];

/** Marks the ancestors and the descendants of the selected node in `live.kin`. */
function findKin(live) {
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

/** The value of a key, made if it is missing. */
const entry = (map, key, make) => map.get(key) ?? map.set(key, make()).get(key);

// --- frames of the sweep --------------------------------------------------------------------------------------------

/** Whether the sweep is under way; in its last frame the picture is complete. */
const isSweeping = ({ frame, graph }) => frame < graph.frames;

/** Whether this frame computes a node. */
function isComputed({ graph, frame }, i) {
  if (!frame || frame >= graph.frames) return false;
  if (frame <= graph.forwards) return graph.order_forward[i] === frame - 1;
  return graph.order_backward[i] === frame - graph.forwards - 1 && graph.roles[graph.name[i]] !== "target";
}

/** The looks of all nodes at the position of the knob; without a knob, those of the scene. */
const nodeLooks = ({ graph, at }) => (graph.knob ? graph.knob_look.subarray(at * graph.n, (at + 1) * graph.n) : graph.look);

/** The look of a node in this frame: not yet computed, its value known, its gradient known. */
function lookOf({ graph, frame }, looks, i) {
  if (frame < graph.frames) {
    if (graph.order_forward[i] >= frame) return BLANK;
    if (graph.order_backward[i] >= frame - graph.forwards) return NONE;
  }
  return looks[i];
}
