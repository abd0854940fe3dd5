// Short messages at the bottom of the page, which disappear by themselves.

import {html, signal} from "../vendor/preact.js";
import {t} from "../lib/texts.js";
import {Button, IconButton} from "./basics.js";
import {Icon} from "./icons.js";

const SHORT_MS = 5000;
const UNDO_MS = 10000; // time to think again
const MOST = 3;

/** @typedef {{id: number, text: string, undo?: () => void, kind: "" | "bad", until: number}} Shown */
/** @type {import("../vendor/preact.js").Signal<Shown[]>} */
const shown = signal([]);
let last = 0;

/**
 * Show a message.
 * @param {string} text
 * @param {{undo?: () => void, kind?: "" | "bad"}} [options] undo: function that undoes the action, offered as a button
 */
export function toast(text, {undo, kind = ""} = {}) {
  const id = ++last;
  const life = undo || kind === "bad" ? UNDO_MS : SHORT_MS;
  shown.value = [...shown.value.slice(1 - MOST), {id, text, undo, kind, until: Date.now() + life}];
  setTimeout(() => remove(id), life);
}

/** Show an error as a message; for `.catch(failed)`. @param {Error} error */
export function failed(error) {
  toast(error.message, {kind: "bad"});
}

/** @param {number} id */
function remove(id) {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/** The place of the messages; once on the page. */
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.value.map(({id, text, undo, kind}) => html`<div key=${id} class=${`toast ${kind}`}>
      ${kind === "bad" && html`<${Icon} name="warning" />`}
      <p dir="auto">${text}</p>
      ${undo && html`<${Button} kind="quiet" act=${() => {
        remove(id);
        undo();
      }}>${t("frame.undo")}</${Button}>`}
      <${IconButton} icon="close" label=${t("frame.close")} size=${16} act=${() => remove(id)} />
    </div>`)}
  </div>`;
}
