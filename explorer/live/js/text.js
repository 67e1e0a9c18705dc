// Numbers and symbols as text. Names are the user's: they become text nodes, never HTML.

/** The smallest n of 1, 2, 5, 10 … such that n steps of `pixels` each have room for a text of `needed` pixels. */
const every = (pixels, needed) => [1, 2, 5, 10, 20, 50, 100, 200].find((n) => n * pixels >= needed) ?? 500;

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const superscript = (text) => `${text}`.replace(/\d/g, (digit) => SUPERSCRIPTS[digit]).replace(/[-−]/g, "⁻");
const signed = (value) => `${value}`.replace("-", "−");
const power = (exponent) => (exponent === 0 ? "1" : exponent === 1 ? "10" : `10${superscript(exponent)}`);

/** A number to four digits: 0.05126, 3.2·10⁻⁹; the same text as explorer/words/numbers.py gives. */
function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const [digits, exponent] = rounded(value, 3);
  if (exponent < 4 && Math.abs(value) >= 1e-4) return signed(Number(`${digits}e${exponent}`));
  const [short, exponent2] = rounded(value, 2);
  return signed(`${short}·${power(exponent2)}`);
}

/** Mantissa, with this number of decimals, and exponent; a tie goes to the even digit, as in Python. 60 digits suffice for any double. */
function rounded(value, decimals) {
  const [digits, exponent] = value.toExponential(decimals).split("e"), exact = value.toExponential(60);
  const kept = exact.slice(0, exact.indexOf(".") + 1 + decimals), dropped = exact.slice(kept.length, exact.indexOf("e"));
  return [/^50*$/.test(dropped) && /[02468]$/.test(kept) ? kept : digits, Number(exponent)];
}

function element(tag, text = "", style = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className: style });
}

/** A symbol in mathematical notation; `t` is its step, or null without one. */
function symbolNodes([letter, italic, index], t) {
  const nodes = [element(italic ? "i" : "span", letter)];
  if (index) nodes.push(element("sub", index));
  return t === null ? nodes : [...nodes, element("sup", `(${signed(t)})`)];
}
