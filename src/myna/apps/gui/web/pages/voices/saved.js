// Values that are edited in place and saved without a button.

import {html, useEffect, useRef, useState} from "../../vendor/preact.js";
import {t} from "../../lib/texts.js";
import {Icon} from "../../components/icons.js";

const PAUSE_MS = 600; // after the last change

/** @typedef {"" | "saving" | "saved" | Error} SavedState */

/**
 * A value of the server that is changed here: shown at once, saved after a short pause, and when the component is unmounted.
 * @template T
 * @param {T} value
 * @param {(value: T) => Promise<any>} save
 * @returns {[T, (value: T) => void, SavedState]}
 */
export function useSaved(value, save) {
  const [draft, setDraft] = useState(value);
  const [state, setState] = useState(/** @type {SavedState} */ (""));
  const pending = useRef(/** @type {{value: T, timer: number} | null} */ (null));
  const running = useRef(0);

  useEffect(() => {
    if (!pending.current && !running.current) setDraft(value); // changed elsewhere
  }, [JSON.stringify(value)]);
  useEffect(() => () => void flush(), []);

  async function flush() {
    if (!pending.current) return;
    const {value: next, timer} = pending.current;
    clearTimeout(timer);
    pending.current = null;
    running.current++;
    try {
      await save(next);
      if (!pending.current) setState("saved");
    } catch (error) {
      setState(/** @type {Error} */ (error));
    }
    running.current--;
  }

  /** @param {T} next */
  function change(next) {
    if (pending.current) clearTimeout(pending.current.timer);
    setDraft(next);
    setState("saving");
    pending.current = {value: next, timer: setTimeout(flush, PAUSE_MS)};
  }
  return [draft, change, state];
}

/** The state of a value, beside its title. @param {{state: SavedState}} props */
export function SavedNote({state}) {
  if (state instanceof Error) return html`<p class="help bad" role="alert">${state.message}</p>`;
  return html`<span class="saved-note quiet" role="status">${state === "saved" && html`<${Icon} name="check" size=${14} />`}${state && t(`voices.${state}`)}</span>`;
}
