// A note that states if the mix of a cover has the last pitch edits, with a button that mixes it again.

import {html} from "../vendor/preact.js";
import {post} from "../lib/api.js";
import {jobs, keep} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button} from "./basics.js";
import {JobLine, isActive} from "./job-card.js";
import {failed} from "./toast.js";

/**
 * @param {{result: import("../lib/types.js").Result, always?: boolean}} props
 *   always: show the note even if the mix has all edits, so that the layout does not change after an edit
 */
export function MixNote({result: {number, needs_mix: needed}, always = false}) {
  const job = jobs.value?.find(({kind, about}) => kind === "remake" && about.result === number);
  const running = job && isActive(job) ? job : null;
  if (!running && !needed && !always) return null;
  return html`<div class="mix-note" role="status">
    ${running ? html`<${JobLine} job=${running} />` : html`
      <span>${needed ? job?.error ?? t("tracks.mix_lacks") : t("tracks.mix_complete")}</span>
      <${Button} icon="reset" disabled=${!needed} act=${() => post(`results/${number}/remake`).then(keep, failed)}>${t("tracks.mix_again")}</${Button}>`}
  </div>`;
}
