// The tracks of a result. A download has the levels that the person has set here.

import {html} from "../../vendor/preact.js";
import {put} from "../../lib/api.js";
import {useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Problem} from "../../components/basics.js";
import {MixNote} from "../../components/mix-note.js";
import {failed} from "../../components/toast.js";
import {Tracks} from "../../components/tracks.js";

/** @typedef {import("../../lib/mixer.js").Levels} Levels */

/** Levels that are on their way to the server, by the number of their result. @type {Map<number, Promise<any>>} */
const sending = new Map();

/**
 * Let a download wait until the server knows the levels of its result.
 * @param {MouseEvent} event click on the link
 * @param {number} number of the result
 */
export function downloadWithLevels(event, number) {
  const sent = sending.get(number);
  if (!sent) return;
  event.preventDefault();
  const link = /** @type {HTMLElement} */ (event.currentTarget);
  sent.then(() => link.click());
}

/** @param {number} number @param {Levels} levels */
function send(number, levels) {
  // Requests are sent one after the other, so that the last levels are the ones that stay.
  const sent = (sending.get(number) ?? Promise.resolve()).then(() => put(`results/${number}/mix`, {levels})).catch(failed);
  sending.set(number, sent);
  sent.then(() => sending.get(number) === sent && sending.delete(number));
}

/** @param {{result: import("../../lib/types.js").Result}} props */
export function ResultTracks({result}) {
  const {number} = result;
  const {data, error, reload} = useResource(`results/${number}/tracks`, {}, ["results"]);
  if (error) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!data) return html`<div class="tracks-waiting" role="status" aria-label=${t("player.loading")}></div>`;
  return html`<${MixNote} result=${result} />
    <${Tracks} set=${data} onLevels=${(/** @type {Levels} */ levels) => send(number, levels)} />`;
}
