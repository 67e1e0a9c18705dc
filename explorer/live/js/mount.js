// The life of a component: mounted once, shown new data at each run of the page's script, ended with its element.

/**
 * The function that Streamlit calls at every run. `mount(host)` makes the component from the element that matches `css`,
 * once for as long as its parentElement lives; `show(mounted, data)` draws the bytes; `mounted.send` reports to the server.
 */
function component(css, mount, show) {
  const mounts = new WeakMap(); // by parentElement, the only object that lives as long as the mount
  return ({ data, parentElement, setTriggerValue }) => {
    let mounted = mounts.get(parentElement);
    if (!mounted) mounts.set(parentElement, (mounted = mount(parentElement.querySelector(css))));
    mounted.send = setTriggerValue;
    show(mounted, data);
    const call = ++mounted.calls;
    return () => {
      if (call !== mounted.calls) return; // Streamlit also cleans up after a call that another has overtaken
      mounted.ended.abort();
      mounts.delete(parentElement);
    };
  };
}

/** The fields of every mount; `ruler` measures text and colours, `event` numbers the last event that was sent. */
function mountedAt(host) {
  const part = (css) => host.querySelector(css), canvas = part("canvas");
  return {
    host, part, canvas, brush: canvas.getContext("2d"), ruler: document.createElement("canvas").getContext("2d"),
    ended: new AbortController(), calls: 0, event: 0, waiting: 0, graph: null, page: null,
  };
}

/** Adds listeners that end with the mount: on(target, type, act). */
const listener = ({ ended: { signal } }) =>
  (target, type, act, options = {}) => target.addEventListener(type, act, { signal, ...options });

/** Calls `refit` when the width of an element changes or its hidden tab opens, of which Streamlit does not report. */
function watchWidth({ ended: { signal } }, target, refit) {
  const observer = new ResizeObserver(refit);
  observer.observe(target);
  signal.addEventListener("abort", () => observer.disconnect());
}

/** Takes a new graph and the colours of the page, light or dark; false if both are drawn already. */
function accept(mounted, graph) {
  const page = pageTheme(mounted);
  if (mounted.graph?.token === graph.token && mounted.palette === page) return false; // the call had another reason
  Object.assign(mounted, { graph, palette: page });
  graph.colours = graph.palettes[page];
  return true;
}

/** "light" or "dark", as Streamlit's theme is now; only the browser notices when the system's setting changes. */
function pageTheme({ host, ruler }) {
  ruler.fillStyle = "#ffffff";
  ruler.fillStyle = getComputedStyle(host).getPropertyValue("--st-background-color"); // comes back as #rrggbb
  const [red, green, blue] = [1, 3, 5].map((k) => parseInt(ruler.fillStyle.slice(k, k + 2), 16));
  return red + green + blue < 382 ? "dark" : "light";
}

/** Gives the style sheet its variables: --paper, --ink … */
function setVariables(host, values, names) {
  for (const name of names) host.style.setProperty(`--${name}`, values[name]);
}
