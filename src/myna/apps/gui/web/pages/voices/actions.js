// Actions on a voice, from its card and from its own view.

import {computed, effect, signal} from "../../vendor/preact.js";
import {del, post} from "../../lib/api.js";
import {go, jobs, keep, route, voices} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {isActive} from "../../components/job-card.js";
import {failed, toast} from "../../components/toast.js";
import {chooseVoice} from "../sing/settings.js";

/** @typedef {import("../../lib/types.js").Job} Job */
/** @typedef {import("../../lib/types.js").Voice} Voice */
/** @template T @typedef {import("../../vendor/preact.js").Signal<T>} Signal */

// Kinds of jobs that add a voice.
const ADDING = ["add", "download", "blend"];

/** Names of the voices that this page has added since it was opened. @type {Signal<string[]>} */
export const added = signal([]);

/** Names of deleted voices, until the list of the server no longer has them. @type {Signal<string[]>} */
export const deleted = signal([]);

/** Unfinished jobs that add a voice, newest first. */
export const addingJobs = computed(
  () => (jobs.value ?? []).filter(({kind, where, state}) => where === "page" && ADDING.includes(kind) && state !== "done"),
);

/** The active job that works on a voice, if any. @param {string} name @returns {Job | undefined} */
export function jobOfVoice(name) {
  return (jobs.value ?? []).find((job) => job.about.voice === name && isActive(job));
}

/** Numbers of the jobs whose new voice is awaited. @type {Set<number>} */
const awaited = new Set();

/** List a job that adds a voice, and show a message when it is done. @param {Job} job */
export function awaitVoice(job) {
  awaited.add(job.id);
  keep(job);
}

effect(() => {
  for (const {id, state, about} of jobs.value ?? []) {
    if (!awaited.has(id) || state !== "done") continue;
    awaited.delete(id);
    welcome(about.voices ?? (about.voice ? [about.voice] : []));
  }
});

/** Mark voices as new, and show a message that they were added. @param {string[]} names */
export function welcome(names) {
  added.value = [...added.peek(), ...names];
  if (names.length) toast(t("voices.added", {names: names.join(", ")}));
}

/** @param {Voice} voice */
export function singWith({name}) {
  chooseVoice(name);
  go("sing");
}

/** @param {Voice} voice */
export const showFolder = ({name}) => post("voice/show", {}, {name}).catch(failed);

/** Move a voice to the trash, and offer to undo it. @param {Voice} voice */
export async function remove({name, title}) {
  deleted.value = [...deleted.value, name];
  const back = () => (deleted.value = deleted.value.filter((one) => one !== name));
  try {
    const {trash_id: id} = await del("voice", {name});
    if (route.value.page === "voices" && route.value.rest.join("/") === name) go("voices");
    toast(t("voices.deleted", {name: title}), {undo: () => post(`trash/${id}/restore`).then(back, failed)});
  } catch (error) {
    back();
    failed(/** @type {Error} */ (error));
  }
}

// A voice that was restored or added again under a deleted name is shown.
effect(() => {
  const names = (voices.value ?? []).map(({name}) => name);
  const gone = deleted.peek().filter((name) => names.includes(name));
  if (gone.length < deleted.peek().length) deleted.value = gone;
});
