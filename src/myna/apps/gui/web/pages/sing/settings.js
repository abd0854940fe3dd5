// The voice of Sing and its parameters.

import {computed, effect, signal} from "../../vendor/preact.js";
import {voices} from "../../lib/store.js";

/** @typedef {import("../../lib/types.js").Values} Values */
/** @typedef {import("../../lib/types.js").Voice} Voice */
/** @template T @typedef {import("../../vendor/preact.js").Signal<T>} Signal */

const STORED = "myna-sing";
/** @type {{voice?: string, unlisted?: Voice | null, values?: Values, format?: string}} */
const stored = JSON.parse(localStorage.getItem(STORED) ?? "{}");

/** Name of the chosen voice; null for the first one. @type {Signal<string | null>} */
export const voiceName = signal(stored.voice ?? null);

/** A voice that is not in the list, but can be chosen: a checkpoint of a voice in training. @type {Signal<Voice | null>} */
export const unlisted = signal(stored.unlisted ?? null);

/** The chosen voice, null if there is none yet. @type {import("../../vendor/preact.js").ReadonlySignal<Voice | null>} */
export const voice = computed(() => {
  const all = voices.value && unlisted.value ? [...voices.value, unlisted.value] : (voices.value ?? []);
  return all.find(({name}) => name === voiceName.value) ?? all[0] ?? null;
});

/** Parameters that differ from the defaults of the voice; the speaker is one of them. @type {Signal<Values>} */
export const values = signal(stored.values ?? {});

/** Name of the speaker, null for the first one. */
export const speaker = computed(() => /** @type {string | null} */ (values.value.speaker ?? null));

/** Format of downloads. */
export const FORMATS = ["wav", "flac", "mp3"];
export const format = signal(stored.format ?? "wav");

/** Choose a voice that may be missing in the list. @param {Voice} chosen */
export function chooseUnlisted(chosen) {
  unlisted.value = voices.value?.some(({name}) => name === chosen.name) ? null : chosen;
  chooseVoice(chosen.name);
}

/** @param {string} name */
export function chooseVoice(name) {
  if (name === voice.value?.name) return;
  voiceName.value = name;
  const {speaker: _, ...rest} = values.value; // speakers belong to a voice
  values.value = rest;
}

effect(() => {
  localStorage.setItem(STORED, JSON.stringify({voice: voiceName.value, unlisted: unlisted.value, values: values.value, format: format.value}));
});
