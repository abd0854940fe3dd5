// Choices and texts for a voice in training that have not been sent yet. They survive a reload of the page.

import {effect, signal} from "../../vendor/preact.js";

/** @typedef {import("./types.js").StepName} StepName */
/** @typedef {import("../../lib/types.js").Values} Values */
/** @template T @typedef {import("../../vendor/preact.js").Signal<T>} Signal */

/**
 * @typedef {{
 *   open: StepName[], opened: StepName | null, experts: boolean, booth: boolean, kind: "spoken" | "sung", range: string,
 *   template: string | null, settings: Values, options: Values, length: import("./types.js").Length | null, minutes: number | null,
 *   numbers: number[] | null, phrase: string | null, upload: import("../../lib/types.js").Upload | null, measure: boolean, measures: Values,
 *   number: number | null, title: string | null, licence: string, author: string, cover: string, half: boolean, release: boolean,
 * }} Draft
 *   open: steps that are unfolded; opened: the step that was unfolded last automatically; template: kind of voice;
 *   settings: keys of the configuration; options: options of `svc train`; numbers: checkpoints to compare;
 *   phrase: recording to convert with them; upload: the recording, if it is one's own; measures: options of the measures;
 *   number, title: checkpoint to pack, and the name of the packed voice. Null: not chosen.
 */

/** @type {Draft} */
const EMPTY = {
  open: [], opened: null, experts: false, booth: false, kind: "spoken", range: "alto", template: null, settings: {}, options: {},
  length: null, minutes: 60, numbers: null, phrase: null, upload: null, measure: true, measures: {}, number: null, title: null, licence: "", author: "",
  cover: "", half: false, release: false,
};

const stored = (/** @type {string} */ name) => `myna-training:${name}`;

/** @type {Map<string, Signal<Draft>>} */
const drafts = new Map();

/** Return the draft of a voice in training. @param {string} name */
export function draftOf(name) {
  let draft = drafts.get(name);
  if (!draft) {
    const made = signal({...EMPTY, ...JSON.parse(sessionStorage.getItem(stored(name)) ?? "{}")});
    effect(() => sessionStorage.setItem(stored(name), JSON.stringify(made.value)));
    drafts.set(name, made);
    draft = made;
  }
  return draft;
}

/** Change some values of a draft. @param {Signal<Draft>} draft @param {Partial<Draft>} to */
export function change(draft, to) {
  draft.value = {...draft.peek(), ...to};
}

/** Delete the draft of a deleted voice. @param {string} name */
export function forgetDraft(name) {
  const draft = drafts.get(name);
  if (draft) draft.value = {...EMPTY};
}
