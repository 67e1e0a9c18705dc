// Around the canvas: style, colour bar, legend.

/** Sets up all that stands around the canvas for new data. */
function setupControls(live) {
  const { graph, host, part, canvas } = live, { low, high, colours, scale } = graph;
  const style = { ...colours, font: graph.font, large: graph.large };
  setVariables(host, style, ["paper", "ink", "muted", "line", "grid", "neutral", "alarm", "font", "large"]);
  canvas.setAttribute("aria-label", graph.label || "Computational graph");
  part(".bar .title").textContent = graph.title;
  part(".bar .scale").style.background = `linear-gradient(90deg, ${scale.join(", ")})`;
  part(".bar .ticks").replaceChildren();
  for (let exponent = low; exponent <= high; exponent += every(8, high - low)) {
    const tick = element("span", power(exponent));
    tick.style.left = `${(100 * (exponent - low)) / (high - low)}%`;
    part(".bar .ticks").append(tick);
  }
  part(".legend .low").textContent = power(low);
  part(".legend .high").textContent = power(high);
  updateLegend(live);
  updateKnob(live);
  updateCaption(live);
}

/** Shows those entries of the legend whose marks occur. */
function updateLegend(live) {
  const present = new Set(nodeLooks(live));
  for (const item of live.part(".legend").children) item.hidden = !present.has(+item.dataset.look);
}
