// The bytes of explorer/live/encode.py: a header in JSON, and behind it the arrays that the header lists.

const TYPES = {
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i1: Int8Array, i2: Int16Array, i4: Int32Array,
  f4: Float32Array, f8: Float64Array,
};

/** The header as an object, with each array under its name. */
function unpack(data) {
  const bytes = data.slice(); // in the message they need not begin where an array may
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const graph = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let from = 4 + length;
  for (const [name, type, size] of graph.arrays) {
    graph[name] = new TYPES[type](bytes.buffer, from, size);
    from += Math.ceil(graph[name].byteLength / 8) * 8;
  }
  return graph;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The smallest and the largest value. */
function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
