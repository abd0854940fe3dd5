// Texts of the page in the chosen language. A component that calls `t` is rendered again when the language changes.

import {computed, signal} from "../vendor/preact.js";
import {get, settings} from "./api.js";

const STORED = "myna-language";

/** Code of the chosen language, for example "en". */
export const language = signal(wanted());

/** @type {import("../vendor/preact.js").Signal<Record<string, string>>} */
const texts = signal({});

/** True once there are texts to show. */
export const ready = computed(() => Object.keys(texts.value).length > 0);

/** Names of the languages in themselves. */
export const LANGUAGE_NAMES = /** @type {Record<string, string>} */ ({en: "English", ko: "한국어", zh: "中文"});

/** Language that the person chose before, or the first one of the browser that the page has. */
function wanted() {
  const codes = [localStorage.getItem(STORED) ?? "", ...navigator.languages].map((code) => code.slice(0, 2));
  return codes.find((code) => ["en", "ko", "zh"].includes(code)) ?? "en";
}

/**
 * Load the texts of a language and show them.
 * @param {string} code
 * @param {{keep?: boolean}} [options] keep: remember the choice
 */
export async function setLanguage(code, {keep = true} = {}) {
  const loaded = await get(`texts/${code}`);
  if (keep) localStorage.setItem(STORED, code);
  settings.language = code;
  settings.offline = loaded["frame.offline"] ?? settings.offline;
  document.documentElement.lang = code;
  texts.value = loaded;
  language.value = code;
}

/**
 * Return a text with its {placeholders} filled in, or the key if there is no such text.
 * @param {string} key
 * @param {Record<string, any>} [values]
 */
export function t(key, values = {}) {
  return (texts.value[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
