// A job: its state, its progress and its actions.

import {html} from "../vendor/preact.js";
import {address, del, post} from "../lib/api.js";
import {duration, percent} from "../lib/format.js";
import {jobs} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button, ButtonLink, IconButton, Progress, Spinner} from "./basics.js";
import {Icon} from "./icons.js";
import {JobLog} from "./job-log.js";
import {failed} from "./toast.js";

/** @typedef {import("../lib/types.js").Job} Job */
/** @typedef {import("../vendor/preact.js").ComponentChildren} Children */

/** Return true while a job may still change by itself. @param {Job} job */
export function isActive({state}) {
  return state === "waiting" || state === "running" || state === "stopping";
}

/** The state of a job in words, for example "Singing · 40 % · 2 min left". @param {Job} job */
export function jobStatus(job) {
  const {state, stage, fraction, seconds_left: left, seconds, facts} = job;
  if (state === "running") {
    const step = facts.step?.name && t(`jobs.step_${facts.step.name}`, {n: facts.step.number, of: facts.step.of});
    return [
      step || stage || t("jobs.running"), fraction !== null && percent(fraction), left !== null && t("frame.left", {time: duration(left)}),
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

/** Buttons for the actions that a job allows. @param {{job: Job}} props */
export function JobButtons({job}) {
  return html`<span class="job-buttons">
    ${job.can.includes("cancel") && html`<${IconButton} icon="stop" label=${t("frame.stop")} disabled=${job.state === "stopping"} act=${() => act.cancel(job)} />`}
    ${job.can.includes("retry") && html`<${Button} kind="quiet" icon="retry" act=${() => act.retry(job)}>${t("frame.retry")}</${Button}>`}
    ${job.can.includes("remove") && html`<${IconButton} icon="close" label=${t("frame.remove")} act=${() => act.remove(job)} />`}
  </span>`;
}

/** A job in one line, for the action bar. @param {{job: Job}} props */
export function JobLine({job}) {
  return html`<div class=${`job-line ${job.state}`}>
    <div class="job-line-text"><span class="job-title" dir="auto">${job.title}</span> <span class="quiet">${[jobKind(job), jobStatus(job)].filter(Boolean).join(" · ")}</span></div>
    ${isActive(job) && html`<${Progress} fraction=${job.state === "waiting" ? 0 : job.fraction} label=${job.title} />`}
    <${JobButtons} job=${job} />
  </div>`;
}

/** Kind of a job in words, for example "Training". @param {Job} job */
export function jobKind({kind}) {
  const key = `jobs.kind_${kind}`;
  const text = t(key);
  return text === key ? "" : text; // of a newer program in the terminal
}

/** One sentence with the reason why a job ended early; null if it did not. @param {Job} job */
export function jobReason({state, kind, error, where}) {
  if (error) return error;
  if (state === "gone") return t("jobs.why_gone");
  if (state !== "interrupted") return null;
  return t(where === "page" && kind === "train" ? "jobs.why_interrupted_training" : "jobs.why_interrupted");
}

/** Links to the files that a job has made. @param {{job: Job}} props */
export function JobFiles({job}) {
  const files = job.state === "done" ? job.about.files ?? [] : [];
  if (!files.length) return null;
  return html`<div class="job-files">${files.map((path, index) => html`<${ButtonLink} key=${path} icon="download" download href=${address(`jobs/${job.id}/files/${index}`)}>${path.split(/[\\/]/).at(-1)}</${ButtonLink}>`)}</div>`;
}

/**
 * A job as a card, with the reason of its end and, on request, its log.
 * @param {{job: Job, status?: Children, links?: Children, log?: boolean, level?: 3, children?: Children}} props
 *   status: further facts beside the state; links: ways to what the job is about; log: whether the log is offered, by default only after an end before its time;
 *   level: level of the title as a heading, for a page that lists jobs; children: further content
 */
export function JobCard({job, status, links, log, level, children}) {
  const reason = jobReason(job);
  const title = level ? html`<h3 class="job-title" dir="auto" title=${job.title}>${job.title}</h3>` : html`<p class="job-title" dir="auto" title=${job.title}>${job.title}</p>`;
  return html`<article class=${`job-card ${job.state}`} aria-label=${job.title}>
    <div class="job-head">
      <span class="job-sign"><${JobSign} job=${job} /></span>
      <div class="job-text">
        ${title}
        <p class="quiet">${[jobKind(job), jobStatus(job)].filter(Boolean).join(" · ")}${status}</p>
      </div>
      <${JobButtons} job=${job} />
    </div>
    ${isActive(job) && html`<${Progress} fraction=${job.state === "waiting" ? 0 : job.fraction} label=${job.title} />`}
    ${reason && html`<p class=${job.error ? "job-error" : "job-reason"} dir="auto">${reason}</p>`}
    ${children}
    <div class="job-foot">${links}${(log ?? reason !== null) && html`<${JobLog} job=${job} />`}</div>
  </article>`;
}

/** An icon for the state of a job. @param {{job: Job}} props */
export function JobSign({job: {state}}) {
  if (state === "running" || state === "stopping") return html`<${Spinner} />`;
  /** @type {Record<string, import("./icons.js").IconName>} */
  const icons = {done: "check", failed: "warning", gone: "warning", interrupted: "warning", cancelled: "close"};
  return html`<${Icon} name=${icons[state] ?? "jobs"} />`;
}
