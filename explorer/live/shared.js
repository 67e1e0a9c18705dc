// What the scripts of this folder have in common; it stands before each of them, since they have no build step.

const TYPES = {
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i1: Int8Array, i2: Int16Array, i4: Int32Array,
  f4: Float32Array, f8: Float64Array,
};
const SHADES = 57, [ZERO, BELOW, ABOVE, INFINITE, NAN, NONE, BLANK] = [57, 58, 59, 60, 61, 62, 63]; // encode.looks

/**
 * What Streamlit calls at every change. What stands at `css` is mounted once, by `mount(host)`, for as long as its
 * parentElement lives, and then shown all that comes by `show(mounted, data)`; `send` reports to the server.
 */
function staying(css, mount, show) {
  const mounts = new WeakMap(); // by parentElement, the one thing that lives as long as the mount
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

/** The bytes of encode.py: the header, and in it the arrays. */
function unpack(data) {
  const bytes = data.slice(); // in the message they need not begin where an array may
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const found = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let from = 4 + length;
  for (const [name, type, size] of found.arrays) {
    found[name] = new TYPES[type](bytes.buffer, from, size);
    from += Math.ceil(found[name].byteLength / 8) * 8;
  }
  return found;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** "light" or "dark", as Streamlit's theme now is; this alone knows, when the system's setting changes. */
function pageIs({ host, ruler }) {
  ruler.fillStyle = "#ffffff";
  ruler.fillStyle = getComputedStyle(host).getPropertyValue("--st-background-color"); // comes back as #rrggbb
  const [red, green, blue] = [1, 3, 5].map((k) => parseInt(ruler.fillStyle.slice(k, k + 2), 16));
  return red + green + blue < 382 ? "dark" : "light";
}

/** One in how many steps can have a text that needs so many pixels. */
const every = (pixels, needed) => [1, 2, 5, 10, 20, 50, 100, 200].find((many) => many * pixels >= needed) ?? 500;

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const superscript = (text) => `${text}`.replace(/\d/g, (digit) => SUPERSCRIPTS[digit]).replace(/[-−]/g, "⁻");
const signed = (value) => `${value}`.replace("-", "−");
const power = (exponent) => (exponent === 0 ? "1" : exponent === 1 ? "10" : `10${superscript(exponent)}`);

/** A number to four digits: 0.05126, 3.2·10⁻⁹; as numbers.py writes it. */
function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const [digits, exponent] = rounded(value, 3);
  if (exponent < 4 && Math.abs(value) >= 1e-4) return signed(Number(`${digits}e${exponent}`));
  const [few, power10] = rounded(value, 2);
  return signed(`${few}·${power(power10)}`);
}

/** Mantissa and exponent with so many decimals; a tie goes to the even digit, as in Python. Of no double are 60 digits too few. */
function rounded(value, decimals) {
  const [digits, exponent] = value.toExponential(decimals).split("e"), exact = value.toExponential(60);
  const kept = exact.slice(0, exact.indexOf(".") + 1 + decimals), rest = exact.slice(kept.length, exact.indexOf("e"));
  return [/^50*$/.test(rest) && /[02468]$/.test(kept) ? kept : digits, Number(exponent)];
}

function element(tag, text = "", style = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className: style });
}

/** A symbol with its step, if it has one, in mathematical notation. */
function symbolNodes([letter, italic, index], t) {
  const nodes = [element(italic ? "i" : "span", letter)];
  if (index) nodes.push(element("sub", index));
  return t === null ? nodes : [...nodes, element("sup", `(${signed(t)})`)];
}
