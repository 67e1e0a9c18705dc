// The knob: one number of the model, with the picture at each of its values; and the curve above it.

function turnKnob(live, at) {
  live.at = at;
  updateLegend(live);
  updateKnob(live);
  requestDraw(live, true);
  updateTooltip(live);
}

/** Sends the value to the server; answers to earlier values do not turn the knob back. */
function releaseKnob(live) {
  live.turning = false;
  live.turned = Date.now();
  live.send("knob", { at: live.at, event: live.turned });
}

function updateKnob(live) {
  const { graph, at, part } = live, slider = part(".at");
  part(".knob").hidden = !graph.knob;
  if (!graph.knob) return;
  const { title, labels, curve_title } = graph.knob;
  part(".turn .what").textContent = title;
  part(".turn output").textContent = labels[at];
  part(".reads").replaceChildren(curve_title, element("b", number(graph.knob_curve[at])));
  part(".ends").replaceChildren(element("span", labels[0]), element("span", labels.at(-1)));
  slider.max = labels.length - 1;
  slider.value = at;
  slider.setAttribute("aria-label", title);
  slider.setAttribute("aria-valuetext", labels[at]);
  drawCurve(live, graph.knob_curve);
}

/** Draws the curve above the slider, each point above its place on the slider; with a gap where it is not finite. */
function drawCurve({ part, at }, values) {
  const left = 52, width = part(".curve").clientWidth - left - 8, high = 68; // left as the slider's margin in live.css
  const [low, top] = extent(values.filter(Number.isFinite));
  const x = (k) => (left + (k * width) / Math.max(values.length - 1, 1)).toFixed(1);
  const y = (k) => (8 + high * (1 - (values[k] - low) / (top - low || 1))).toFixed(1);
  const pen = (k) => (k && Number.isFinite(values[k - 1]) ? "L" : "M");
  const path = Array.from(values, (value, k) => (Number.isFinite(value) ? `${pen(k)}${x(k)} ${y(k)}` : ""));
  part(".curve .line").setAttribute("d", path.join(""));
  part(".curve .top").textContent = top > low ? signed(top.toFixed(1)) : "";
  part(".curve .low").textContent = low <= top ? signed(low.toFixed(1)) : "";
  part(".curve .now").setAttribute("d", `M${x(at)} 0v${high + 16}`);
  part(".curve circle").setAttribute("transform", `translate(${x(at)} ${Number.isFinite(values[at]) ? y(at) : -1e4})`);
}
