// The sweep: forward and then backward through the graph, frame by frame, with a caption of what each frame computes.

function setPlaying(live, playing) {
  live.playing = playing;
  live.host.classList.toggle("playing", playing);
  live.part("[data-do=play]").setAttribute("aria-label", playing ? "Pause the sweep" : "Play the sweep");
  live.part(".caption").setAttribute("aria-live", playing ? "off" : "polite"); // too fast for a screen reader
}

function play(live) {
  if (live.playing) return setPlaying(live, false);
  const begin = isSweeping(live) ? live.frame : 0;
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return stepTo(live, begin + 1); // nothing moves by itself
  setFrame(live, begin);
  setPlaying(live, true);
  live.since = performance.now();
  requestAnimationFrame((now) => tick(live, now));
}

/** Advances by the frames that are due, but skips none that the screen could show. */
function tick(live, now) {
  if (!live.playing || live.ended.signal.aborted) return;
  const wait = (live.graph.pace ?? clamp(12_000 / live.graph.frames, 25, 200)) / live.speed;
  const due = Math.min(Math.floor((now - live.since) / wait), Math.ceil(17 / wait));
  if (due > 0) {
    live.since = Math.max(live.since + due * wait, now - wait);
    setFrame(live, live.frame + due);
  }
  if (isSweeping(live)) requestAnimationFrame((next) => tick(live, next));
  else setPlaying(live, false);
}

function stepTo(live, frame) {
  setPlaying(live, false);
  setFrame(live, frame);
}

function setFrame(live, frame) {
  live.frame = clamp(frame, 0, live.graph.frames);
  updateCaption(live);
  requestDraw(live, true);
}

/** Shows what this frame computes; remembers its nodes in `live.now`. */
function updateCaption(live) {
  const { graph, frame, part } = live, { forwards, frames } = graph, forward = frame <= forwards;
  const template = forward ? (k) => graph.forward[k] : (k, t) => gradientSum(graph, k, t);
  live.now = [];
  for (let i = 0; i < graph.n && isSweeping(live); i++) if (isComputed(live, i)) live.now.push(i);
  updateTrack(live);
  const show = (...parts) => part(".caption").replaceChildren(...parts);
  if (!isSweeping(live)) return show("Play to watch values go forward and gradients come back.");
  if (!frame) return show("Nothing is computed yet.");
  const equations = live.now.map((i) => filled(template(graph.name[i], graph.t[i]), graph.t[i])).filter(Boolean);
  const [done, all] = forward ? [frame, forwards] : [frame - forwards, frames - forwards - 1];
  const listed = equations.slice(0, 4).join("; ") + (equations.length > 4 ? "; …" : "");
  show(element("b", `${forward ? "Forward" : "Backward"} ${done}/${all}`), element("span", listed));
}

/** The sum that is a gradient at a step, without the terms that would come from beyond the last step. */
function gradientSum({ backward, T }, k, t) {
  const [begin, terms] = backward[k], present = terms.filter(([lag]) => t + lag <= T).map(([, term]) => term);
  return begin + (terms.length ? present.join(" + ") || "0" : "");
}

/** A caption with its steps filled in: {t} and {t+1} give way to numbers, raised between ⁽ and ⁾. */
function filled(template, t) {
  return template.replace(/\{t([+-]\d+)?\}/g, (_, by) => t + Number(by ?? 0)).replace(/⁽[^⁾]*⁾/g, superscript);
}

/** Colours the slider up to the frame: forward in grey, backward in colour. */
function updateTrack(live) {
  const { graph: { frames, forwards, colours, scale }, frame } = live, slider = live.part(".frame");
  const [middle, end] = [Math.min(frame, forwards), frame].map((count) => `${(100 * count) / frames}%`);
  const stops = `${colours.muted} ${middle}, ${scale[8]} ${middle} ${end}, ${colours.neutral} ${end}`;
  slider.max = frames;
  slider.value = frame;
  slider.style.setProperty("--track", `linear-gradient(90deg, ${stops})`);
  slider.setAttribute("aria-valuetext", isSweeping(live) ? `${frame} of ${frames}` : "complete");
}
