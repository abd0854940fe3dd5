// Bar that stays visible at the bottom of a page: the next action, the reason if it is disabled, and the running job.

import {t} from "../lib/texts.js";
import {html} from "../vendor/preact.js";
import {Button} from "./basics.js";
import {JobLine} from "./job-card.js";

/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */

/**
 * @param {{label: Children, act: () => void, reason?: Children, job?: import("../lib/types.js").Job | null, secondary?: Children,
 *   note?: Children, icon?: import("./icons.js").IconName, busy?: boolean, instead?: Children}} props
 *   reason: why the button is off, null if it is on; note: shown while there is neither job nor reason; secondary: further buttons; instead: in place of all buttons,
 *   for example Needs
 */
export function ActionBar({label, act, reason = null, job = null, note, secondary, icon, busy = false, instead}) {
  return html`<div class="action-bar" role="region" aria-label=${t("frame.actions")}>
    <div class="action-bar-body">
      <div class="action-state">
        ${job ? html`<${JobLine} job=${job} />` : reason && html`<p class="quiet" id="action-reason">${reason}</p>`}
        ${!job && !reason && note}
      </div>
      ${instead || html`<div class="action-buttons">
        ${secondary}
        <${Button} kind="main" icon=${icon} act=${act} disabled=${Boolean(reason)} busy=${busy}>${label}</${Button}>
      </div>`}
    </div>
  </div>`;
}
