// The tracks of a result. A download has the levels that the person has set here.

import {html, useEffect} from "../../vendor/preact.js";
import {put} from "../../lib/api.js";
import {isHeard} from "../../lib/mixer.js";
import {useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Problem} from "../../components/basics.js";
import {MixNote} from "../../components/mix-note.js";
import {failed, toast} from "../../components/toast.js";
import {Tracks} from "../../components/tracks.js";

/** @typedef {import("../../lib/mixer.js").Levels} Levels */
/** @typedef {import("../../lib/types.js").StemTrack} StemTrack */

/** Levels that are on their way to the server, by the number of their result. @type {Map<number, Promise<any>>} */
const sending = new Map();

/** Numbers of the results whose tracks are all muted. @type {Set<number>} */
const silent = new Set();

/**
 * Let a download wait until the server knows the levels of its result; refuse it if all tracks are muted.
 * @param {MouseEvent} event click on the link
 * @param {number} number of the result
 */
export function downloadWithLevels(event, number) {
  if (silent.has(number)) {
    event.preventDefault();
    toast(t("tracks.all_muted"), {kind: "bad"});
    return;
  }
  const sent = sending.get(number);
  if (!sent) return;
  event.preventDefault();
  const link = /** @type {HTMLElement} */ (event.currentTarget);
  sent.then(() => link.click());
}

/** @param {number} number @param {Levels} levels */
function noteSilence(number, levels) {
  if (Object.keys(levels).some((name) => isHeard(levels, name))) silent.delete(number);
  else silent.add(number);
}

/** @param {number} number @param {Levels} levels */
function send(number, levels) {
  noteSilence(number, levels);
  // Requests are sent one after the other, so that the last levels are the ones that stay.
  const sent = (sending.get(number) ?? Promise.resolve()).then(() => put(`results/${number}/mix`, {levels})).catch(failed);
  sending.set(number, sent);
  sent.then(() => sending.get(number) === sent && sending.delete(number));
}

/** @param {{result: import("../../lib/types.js").Result}} props */
export function ResultTracks({result}) {
  const {number} = result;
  const {data, error, reload} = useResource(`results/${number}/tracks`, {}, ["results"]);
  useEffect(() => {
    if (data) noteSilence(number, Object.fromEntries(data.tracks.map((/** @type {StemTrack} */ {name, level}) => [name, level])));
  }, [data]);
  if (error) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!data) return html`<div class="tracks-waiting" role="status" aria-label=${t("player.loading")}></div>`;
  return html`<${MixNote} result=${result} />
    <${Tracks} set=${data} onLevels=${(/** @type {Levels} */ levels) => send(number, levels)} />`;
}
