// Announcement for screen readers that a job has ended. The progress of jobs is not announced, because it changes several times a second.

import {effect, html, signal} from "../vendor/preact.js";
import {jobs} from "../lib/store.js";
import {t} from "../lib/texts.js";

const ENDS = new Set(["done", "failed", "cancelled", "interrupted", "gone"]);

const said = signal("");

/** State of each known job. @type {Map<number, string> | null} */
let known = null;

effect(() => {
  if (!jobs.value) return;
  const before = known;
  known = new Map(jobs.value.map(({id, state}) => [id, state]));
  // Jobs that had ended before the page was opened are not announced.
  const ended = jobs.value.filter(({id, state}) => before && ENDS.has(state) && before.get(id) !== state);
  if (ended.length) said.value = ended.map(({title, state, error}) => `${title}: ${error ?? t(`jobs.${state}`)}`).join(". ");
});

/** The place of the announcements; once on the page. */
export function Announcer() {
  return html`<div class="unseen" role="status" aria-live="polite">${said.value}</div>`;
}
