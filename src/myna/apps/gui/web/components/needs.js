// Files that are not on this machine yet, offered in place of the button that needs them.

import {html} from "../vendor/preact.js";
import {post} from "../lib/api.js";
import {bytes, duration} from "../lib/format.js";
import {jobs} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button, Progress} from "./basics.js";
import {isActive} from "./job-card.js";
import {failed} from "./toast.js";

/**
 * @param {{assets: import("../lib/types.js").Asset[]}} props those that are here are left out
 */
export function Needs({assets}) {
  return html`<ul class="needs">${assets.filter(({here}) => !here).map((asset) => html`<${Need} key=${asset.name} asset=${asset} />`)}</ul>`;
}

/** @param {{asset: import("../lib/types.js").Asset}} props */
function Need({asset}) {
  const job = (jobs.value ?? []).find((one) => one.kind === "fetch" && one.about.asset === asset.name);
  const title = asset.bytes ? t("frame.needs", {name: asset.title, size: bytes(asset.bytes)}) : t("frame.needs_unsized", {name: asset.title});
  if (job && isActive(job)) {
    const {bytes: got = 0, speed} = job.facts;
    const total = job.facts.total ?? asset.bytes;
    const progress = [
      total ? t("frame.bytes_of", {got: bytes(got), total: bytes(total)}) : bytes(got), speed && `${bytes(speed)}/s`,
      job.seconds_left !== null && t("frame.left", {time: duration(job.seconds_left)}),
    ];
    return html`<li>
      <span>${asset.title}</span><${Progress} fraction=${job.fraction} label=${asset.title} />
      <span class="quiet" aria-live="polite">${progress.filter(Boolean).join(" · ")}</span>
      <${Button} kind="quiet" icon="stop" act=${() => post(`jobs/${job.id}/cancel`).catch(failed)}>${t("frame.stop")}</${Button}>
    </li>`;
  }
  const lost = job?.state === "failed";
  return html`<li title=${asset.why}>
    <span>${title}</span>
    <${Button} kind="main" icon="download" act=${() => post("assets/fetch", {name: asset.name}).catch(failed)}>
      ${t(lost ? "frame.retry" : "frame.download")}
    </${Button}>
    ${lost && html`<p class="help bad" role="alert">${job.error} ${t("frame.by_hand", {url: asset.url, folder: asset.folder})}</p>`}
  </li>`;
}
