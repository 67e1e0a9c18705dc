// Where things lie on the canvas: the fitted page, the zoomed and panned view of it, and the sizes of nodes and symbols.

const AROUND = 260; // pixels of an enlarged page for all that stands above and below the canvas
const ROOMY = 46; // pixels per column or row: zooming in first gives this to the axis that lacks it, then enlarges both

/**
 * Fits the whole graph to the present width. A zoomed view keeps its size and its place. An enlarged picture is that of a
 * narrower page, each of whose pixels is larger, and is as high as the window.
 */
function fitPage(live) {
  const { graph, canvas, page: before } = live, { large } = graph, width = canvas.clientWidth / large;
  live.stale = true;
  live.hidden = !width;
  if (!width) return; // in a tab that is not open
  const left = graph.upwards ? GUTTER : SIDE, top = 2, bottom = graph.upwards ? 34 : 10;
  const inner = Math.max(width - left - SIDE, 50), across = graph.x1 - graph.x0, rows = graph.y1 - graph.y0 + 2 * MARGIN_ROWS;
  const border = Math.max(MARGIN_COLUMNS, (MARGIN * across) / Math.max(inner - 2 * MARGIN, 10)); // columns beside the outermost nodes
  const usual = clamp(rows * ROW, ...HEIGHTS), available = (innerHeight - AROUND * large) / large;
  const tall = large > 1 ? Math.max(available, 0.6 * usual) : usual;
  const fx = inner / (across + 2 * border), fy = tall / rows;
  const full = Math.max(1, ROOMY / fx, ROOMY / fy); // the zoom from which neither axis lacks room
  live.page = { width, height: top + tall + bottom, left, top, inner, tall, fx, fy, border, full };
  if (before && live.view.zoom > 1) live.view.zoom *= before.fx / fx;
  live.ratio = (devicePixelRatio || 1) * large;
  const [wide, high] = [width, live.page.height].map((pixels) => Math.round(pixels * live.ratio));
  if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high]; // empties it
  canvas.style.height = `${live.page.height * large}px`;
  boundView(live);
}

/** Brings the view into its bounds and computes the scale: pixels per column and row, and where the origin lies. */
function boundView(live) {
  const { graph, page, view } = live;
  view.zoom = clamp(view.zoom, 1, 6 * page.full);
  const enlarged = Math.max(1, view.zoom / page.full);
  const along = (fitted) => fitted * Math.min(view.zoom, Math.max(1, ROOMY / fitted)) * enlarged;
  const within = (centre, low, high, half) =>
    high - low <= 2 * half ? (low + high) / 2 : clamp(centre, low + half, high - half);
  const kx = along(page.fx), ky = along(page.fy), halfx = page.inner / 2, halfy = page.tall / 2;
  view.x = within(view.x, graph.x0 - page.border, graph.x1 + page.border, halfx / kx);
  view.y = within(view.y, graph.y0 - MARGIN_ROWS, graph.y1 + MARGIN_ROWS, halfy / ky);
  live.scale = { kx, ky, enlarged, ox: page.left + halfx - view.x * kx, oy: page.top + halfy + view.y * ky };
  // A finger scrolls the page up and down, unless the graph itself is higher than its canvas.
  live.canvas.style.touchAction = ky > page.fy * 1.001 ? "none" : "pan-y";
}

const screenX = ({ scale }, x) => scale.ox + x * scale.kx;
const screenY = ({ scale }, y) => scale.oy - y * scale.ky;

// --- pan and zoom ---------------------------------------------------------------------------------------------------

function pan(live, dx, dy) {
  live.view.x -= dx / live.scale.kx;
  live.view.y += dy / live.scale.ky;
  boundView(live);
  requestDraw(live);
}

/** Zooms by a factor; the point `about` stays where it is on the canvas. */
function zoom(live, factor, about = focus(live)) {
  const under = ({ scale }) => [(about.x - scale.ox) / scale.kx, (scale.oy - about.y) / scale.ky];
  const before = under(live);
  live.view.zoom *= factor;
  boundView(live);
  const after = under(live);
  live.view.x += before[0] - after[0];
  live.view.y += before[1] - after[1];
  boundView(live);
  requestDraw(live, true);
}

/** The centre of a zoom without a pointer: the cursor or the selected node if it is in sight, else the middle. */
function focus(live) {
  const { page, graph } = live, i = live.cursor >= 0 ? live.cursor : live.selected, x = screenX(live, graph.x[i]);
  if (x > page.left && x < page.width) return { x, y: screenY(live, graph.y[i]) };
  return { x: page.left + page.inner / 2, y: page.top + page.tall / 2 };
}

/** Shows the whole graph. */
function zoomOut(live) {
  live.view.zoom = 1;
  boundView(live);
  requestDraw(live, true);
}

/** Pans as little as brings a node into sight. */
function reveal(live, i) {
  const { page, graph } = live, off = (at, low, high) => (at < low ? low - at : at > high ? high - at : 0);
  pan(live, off(screenX(live, graph.x[i]), page.left + 40, page.width - 40),
    off(screenY(live, graph.y[i]), page.top + 30, page.top + page.tall - 30));
}

// --- sizes ----------------------------------------------------------------------------------------------------------

/** Pixels across the nodes of each name: larger where fewer stand in a row of a step, but not by far. */
function nodeSizes({ graph, scale: { kx, ky, enlarged } }) {
  const [along, between] = graph.upwards ? [kx, ky] : [ky, kx], least = clamp(0.9 * along * graph.pitch, 2, SIZES[0]);
  const room = graph.crowd.map((crowd) => FILLED * Math.min(crowd > 1 ? along : along * graph.pitch, between));
  const size = room.map((pixels) => clamp(pixels, least, SIZES[1] * enlarged));
  const most = UNEVEN * Math.min(...size.filter((_, k) => !graph.shared[k])); // shared nodes have room beside the steps
  return size.map((pixels, k) => (graph.shared[k] ? pixels : Math.min(pixels, most)) * graph.smaller[k]);
}

const shrink = (graph, i) => (isInitial(graph, i) ? INITIAL : 1);
const sizeOf = ({ graph, sheet }, i) => sheet.size[graph.name[i]] * shrink(graph, i);

const font = (graph, pixels, italic) => `${italic ? "italic " : ""}${pixels.toFixed(2)}px ${graph.font}`;

/** Measures the symbol of each name, in units of its font; anew when another face has been loaded. */
function measureSymbols(live) {
  const { graph, ruler } = live;
  live.widths = graph.symbols.map(([letter, italic, index]) => {
    ruler.font = font(graph, 100, italic);
    const width = ruler.measureText(letter).width / 100;
    ruler.font = font(graph, 68, false);
    return { letter: width, all: width + (index ? ruler.measureText(index).width / 100 + 0.03 : 0) };
  });
}
