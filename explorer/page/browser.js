// The page's script in the browser: it reports the width, and keeps the session (memory.py) for a reload and a closed tab.
//
// sessionStorage belongs to this tab alone and survives a reload: it has the record of the tab. localStorage, which all tabs
// share, has one record for each of the last sessions. Of a session this script reads the draft alone.

const PREFIX = "unrolled.1.", ID = PREFIX + "id", DONE = PREFIX + "done", TAB = PREFIX + "tab", SLOT = PREFIX + "session.";
const SLOTS = 4, STEP = 40; // kept sessions; pixels between two reports of the width
const PAUSE = 500; // milliseconds without a key after which a draft is sent
// Of this page: the last order done, the record's id, the session that an order found, and whether the page fits its width.
// Its key is a symbol, since under a text the window also has the element with that id, such as the heading "Unrolled".
const thisPage = (window[Symbol.for("unrolled")] ??= {});

// A browser may refuse its storages, at all or for lack of room.
const area = (name) => { try { return window[name]; } catch { return null; } };
const get = (store, key) => { try { return JSON.parse(area(store).getItem(key)); } catch { return null; } };
const drop = (store, key) => { try { area(store).removeItem(key); } catch {} };
const keys = (store) => { try { return Object.keys(area(store)).filter((key) => key.startsWith(PREFIX)); } catch { return []; } };
const put = (store, key, value) => {
  try {
    area(store).setItem(key, JSON.stringify(value));
    return true;
  } catch {
    drop(store, key); // else an older value would come back in place of this one
    return false;
  }
};

/** The records of all sessions, the last one first. */
const slots = () => keys("localStorage").filter((key) => key.startsWith(SLOT)).map((key) => get("localStorage", key))
  .filter((record) => record?.kept).sort((a, b) => b.when - a.when);

const named = (name) => put("sessionStorage", ID, (thisPage.id = name ?? Math.random().toString(36).slice(2)));

/** The record for an address: the tab's own; else of the last sessions the one that had it, or any for a bare address. */
function choose({ query, skip }) {
  const tab = get("sessionStorage", TAB), all = slots().filter((slot) => query === "" || slot.query === query);
  const isOwn = !skip && tab?.kept && tab.query === query;
  const record = isOwn ? tab : all[skip] ?? (query === "" && !skip && tab?.kept ? tab : null);
  named(record?.id); // no other record is overwritten
  return record && { text: JSON.stringify(record.kept), reload: Boolean(isOwn), more: !isOwn && all.length > skip + 1 };
}

function keep({ session, serial, query, keep, lasting }) {
  const last = get("sessionStorage", TAB);
  if (last?.session === session && last.serial >= serial) return last.refused;
  thisPage.id ??= get("sessionStorage", ID);
  if (!thisPage.id) named();
  const record = { id: thisPage.id, session, serial, query, when: Date.now(), kept: keep, refused: "" };
  const slot = SLOT + thisPage.id, lasts = () => put("localStorage", slot, record);
  if (keep && lasting) {
    let done = lasts();
    for (const { id } of slots().reverse()) done ||= (drop("localStorage", SLOT + id), lasts()); // the oldest gives way
    if (!done) record.refused = "closing";
    for (const { id } of slots().slice(SLOTS)) drop("localStorage", SLOT + id);
  } else drop("localStorage", slot);
  return put("sessionStorage", TAB, record) || !record.refused ? record.refused : "reload";
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const message = JSON.parse(new TextDecoder().decode(data)), order = message.order;
  let known = message.pixels, refused = message.refused, waiting, tries = 0;
  if (order && order.name !== thisPage.done && order.name !== get("sessionStorage", DONE)) {
    if (order.what === "ask") {
      if (thisPage.found?.name !== order.name) thisPage.found = { ...choose(order), name: order.name };
    } else {
      for (const key of order.what === "forget" ? keys("localStorage") : []) drop("localStorage", key);
      for (const key of keys("sessionStorage")) drop("sessionStorage", key);
      named();
      thisPage.found = null;
    }
    if (!thisPage.found?.text) put("sessionStorage", DONE, (thisPage.done = order.name));
  }
  if (message.changed) refused = keep(message);

  // The report waits until the script of the page has ended and its widgets are loaded, at most ten seconds: Streamlit sends a
  // widget its value only once, and a widget that a later run overtakes before it is loaded would send back its lowest value.
  const running = () => {
    const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
    return (state !== undefined && state !== "notRunning") || document.querySelector("[data-testid=stSkeleton]");
  };
  const report = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (running() && ++tries < 150) return report();
      if (order && thisPage.found?.text) {
        setTriggerValue("found", thisPage.found);
        put("sessionStorage", DONE, (thisPage.done = thisPage.found.name));
        thisPage.found = null;
      }
      if (refused !== message.refused) setStateValue("refused", (message.refused = refused));
      const width = Math.floor(parentElement.getBoundingClientRect().width / STEP) * STEP;
      if (known && width > 0 && width !== known) setStateValue("pixels", (known = width));
      thisPage.fits = width === message.pixels; // for tests
    }, 60);
  };
  // A draft is kept before it is sent: a reload comes without notice.
  const typed = ({ target }) => {
    if (!message.keep || !target.matches(message.editor)) return;
    message.serial += 1e-6; // the next number of the server is an integer
    refused = keep({ ...message, keep: { ...message.keep, draft: target.value }, lasting: true });
    report();
    // Streamlit sends a text on Ctrl+Enter or when its field is left; this script sends it after a pause in typing.
    clearTimeout(thisPage.pause);
    thisPage.pause = setTimeout(() => {
      const enter = { key: "Enter", code: "Enter", ctrlKey: true, bubbles: true, cancelable: true };
      if (target.isConnected) target.dispatchEvent(new KeyboardEvent("keydown", enter));
    }, PAUSE);
  };
  if (message.editor) document.addEventListener("input", typed);
  const observer = new ResizeObserver(report);
  observer.observe(parentElement); // its first call comes at once
  return () => (clearTimeout(waiting), observer.disconnect(), document.removeEventListener("input", typed));
}
