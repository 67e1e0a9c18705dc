// What the page asks of the browser: its width, and to keep the session (kept.py) for a reload and for a closed tab.
//
// In sessionStorage, which is of this tab alone and lasts through a reload, stands the record of the tab; in localStorage,
// which all tabs share, one record for each of the last sessions. Of what is kept only the draft is known here.

const PREFIX = "unrolled.1.", ID = PREFIX + "id", DONE = PREFIX + "done", TAB = PREFIX + "tab", SLOT = PREFIX + "session.";
const SLOTS = 4, STEP = 40; // sessions that are kept; pixels, so that a window that is dragged does not start a run at each
const PAUSE = 500; // milliseconds without a key after which a draft is sent
// Of this page: the last order done, the record's id, what an order has found, and whether the page fits its width. Under
// a symbol, since under a text the window also has the element with that id, such as the heading "Unrolled".
const here = (window[Symbol.for("unrolled")] ??= {});

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
    drop(store, key); // an older value would come back in place of this one
    return false;
  }
};

/** The records of all sessions, the last one first. */
const slots = () => keys("localStorage").filter((key) => key.startsWith(SLOT)).map((key) => get("localStorage", key))
  .filter((record) => record?.kept).sort((a, b) => b.when - a.when);

const named = (name) => put("sessionStorage", ID, (here.id = name ?? Math.random().toString(36).slice(2)));

/** The record for an address: the tab's own; else of the last sessions the one that had it, or any for a bare address. */
function choose({ query, skip }) {
  const tab = get("sessionStorage", TAB), all = slots().filter((slot) => query === "" || slot.query === query);
  const own = !skip && tab?.kept && tab.query === query;
  const record = own ? tab : all[skip] ?? (query === "" && !skip && tab?.kept ? tab : null);
  named(record?.id); // what another record holds is not written over
  return record && { text: JSON.stringify(record.kept), reload: Boolean(own), more: !own && all.length > skip + 1 };
}

function keep({ session, serial, query, keep, lasting }) {
  const last = get("sessionStorage", TAB);
  if (last?.session === session && last.serial >= serial) return last.refused;
  here.id ??= get("sessionStorage", ID);
  if (!here.id) named();
  const record = { id: here.id, session, serial, query, when: Date.now(), kept: keep, refused: "" };
  const slot = SLOT + here.id, lasts = () => put("localStorage", slot, record);
  if (keep && lasting) {
    let done = lasts();
    for (const { id } of slots().reverse()) done ||= (drop("localStorage", SLOT + id), lasts()); // the oldest gives way
    if (!done) record.refused = "closing";
    for (const { id } of slots().slice(SLOTS)) drop("localStorage", SLOT + id);
  } else drop("localStorage", slot);
  return put("sessionStorage", TAB, record) || !record.refused ? record.refused : "reload";
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const told = JSON.parse(new TextDecoder().decode(data)), order = told.order;
  let known = told.pixels, refused = told.refused, waiting, tries = 0;
  if (order && order.name !== here.done && order.name !== get("sessionStorage", DONE)) {
    if (order.what === "ask") {
      if (here.found?.name !== order.name) here.found = { ...choose(order), name: order.name };
    } else {
      for (const key of order.what === "forget" ? keys("localStorage") : []) drop("localStorage", key);
      for (const key of keys("sessionStorage")) drop("sessionStorage", key);
      named();
      here.found = null;
    }
    if (!here.found?.text) put("sessionStorage", DONE, (here.done = order.name));
  }
  if (told.changed) refused = keep(told);

  // It waits until the script of the page has ended and its widgets are loaded, but at most ten seconds: Streamlit tells a
  // widget its value once only, and one that another run overtakes before it is loaded would answer with the least that it
  // allows.
  const running = () => {
    const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
    return (state !== undefined && state !== "notRunning") || document.querySelector("[data-testid=stSkeleton]");
  };
  const tell = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (running() && ++tries < 150) return tell();
      if (order && here.found?.text) {
        setTriggerValue("found", here.found);
        put("sessionStorage", DONE, (here.done = here.found.name));
        here.found = null;
      }
      if (refused !== told.refused) setStateValue("refused", (told.refused = refused));
      const width = Math.floor(parentElement.getBoundingClientRect().width / STEP) * STEP;
      if (known && width > 0 && width !== known) setStateValue("pixels", (known = width));
      here.fits = width === told.pixels; // which tests may look at
    }, 60);
  };
  // What is typed is kept before it is sent: a reload comes without a word.
  const typed = ({ target }) => {
    if (!told.keep || !target.matches(told.editor)) return;
    told.serial += 1e-6; // the server's next is a whole one more
    refused = keep({ ...told, keep: { ...told.keep, draft: target.value }, lasting: true });
    tell();
    // Streamlit sends a text on Ctrl+Enter or when its field is left; here it is sent when no key has come for a while.
    clearTimeout(here.pause);
    here.pause = setTimeout(() => {
      const enter = { key: "Enter", code: "Enter", ctrlKey: true, bubbles: true, cancelable: true };
      if (target.isConnected) target.dispatchEvent(new KeyboardEvent("keydown", enter));
    }, PAUSE);
  };
  if (told.editor) document.addEventListener("input", typed);
  const observer = new ResizeObserver(tell);
  observer.observe(parentElement); // it calls at once, too
  return () => (clearTimeout(waiting), observer.disconnect(), document.removeEventListener("input", typed));
}
