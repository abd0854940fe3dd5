// A job: its state, how far it is, and what can be done about it.

import {html, useState} from "../vendor/preact.js";
import {del, get, post} from "../lib/api.js";
import {duration, percent} from "../lib/format.js";
import {jobs} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button, IconButton, Progress, Spinner} from "./basics.js";
import {Icon} from "./icons.js";
import {failed} from "./toast.js";

/** @typedef {import("../lib/types.js").Job} Job */

/** Return true while a job may still change by itself. @param {Job} job */
export function isActive({state}) {
  return state === "waiting" || state === "running" || state === "stopping";
}

/** The state of a job in words, for example "Singing · 40 % · 2 min left". @param {Job} job */
export function jobStatus(job) {
  const {state, stage, fraction, seconds_left: left, seconds} = job;
  if (state === "running") {
    return [
      stage ?? t("jobs.running"), fraction !== null && percent(fraction), left !== null && t("frame.left", {time: duration(left)}),
    ].filter(Boolean).join(" · ");
  }
  if (state === "done" && seconds !== null) return t("frame.done_in", {time: duration(seconds)});
  return t(`jobs.${state}`);
}

/** @param {Job} job */
const act = {
  cancel: (/** @type {Job} */ job) => post(`jobs/${job.id}/cancel`).catch(failed),
  retry: (/** @type {Job} */ job) => post(`jobs/${job.id}/retry`).catch(failed),
  remove: (/** @type {Job} */ job) => del(`jobs/${job.id}`).then(
    () => (jobs.value = (jobs.value ?? []).filter(({id}) => id !== job.id)), failed,
  ),
};

/** The buttons of what a job says it can do. @param {{job: Job}} props */
export function JobButtons({job}) {
  return html`
    ${job.can.includes("cancel") && html`<${IconButton} icon="stop" label=${t("frame.stop")} disabled=${job.state === "stopping"} act=${() => act.cancel(job)} />`}
    ${job.can.includes("retry") && html`<${Button} kind="quiet" icon="retry" act=${() => act.retry(job)}>${t("frame.retry")}</${Button}>`}
    ${job.can.includes("remove") && html`<${IconButton} icon="close" label=${t("frame.remove")} act=${() => act.remove(job)} />`}`;
}

/** A job in one line, for the action bar. @param {{job: Job}} props */
export function JobLine({job}) {
  return html`<div class=${`job-line ${job.state}`}>
    <div class="job-line-text"><span class="job-title" dir="auto">${job.title}</span> <span class="quiet">${jobStatus(job)}</span></div>
    ${isActive(job) && html`<${Progress} fraction=${job.state === "waiting" ? 0 : job.fraction} label=${job.title} />`}
    <${JobButtons} job=${job} />
  </div>`;
}

/**
 * A job as a card, with its error and, on request, its log.
 * @param {{job: Job, children?: import("../vendor/preact.js").ComponentChildren}} props children: further content, for example files
 */
export function JobCard({job, children}) {
  const [log, setLog] = useState(/** @type {string | null} */ (null));
  const ended = ["failed", "gone", "interrupted"].includes(job.state);
  return html`<article class=${`job-card ${job.state}`} aria-label=${job.title}>
    <div class="job-head">
      <span class="job-sign">${sign(job)}</span>
      <div class="job-text">
        <p class="job-title" dir="auto">${job.title}</p>
        <p class="quiet">${jobStatus(job)}</p>
      </div>
      <${JobButtons} job=${job} />
    </div>
    ${isActive(job) && html`<${Progress} fraction=${job.state === "waiting" ? 0 : job.fraction} label=${job.title} />`}
    ${job.error && html`<p class="job-error" dir="auto">${job.error}</p>`}
    ${ended && log === null && html`<button type="button" class="link" onClick=${() => get(`jobs/${job.id}/log`).then((text) => setLog(String(text ?? "")), failed)}>${t("frame.show_log")}</button>`}
    ${log !== null && html`<pre class="log" tabindex="0">${log || t("frame.empty_log")}</pre>`}
    ${children}
  </article>`;
}

/** @param {Job} job */
function sign({state}) {
  if (state === "running" || state === "stopping") return html`<${Spinner} />`;
  /** @type {Record<string, import("./icons.js").IconName>} */
  const icons = {done: "check", failed: "warning", gone: "warning", interrupted: "warning", cancelled: "close"};
  return html`<${Icon} name=${icons[state] ?? "jobs"} />`;
}
