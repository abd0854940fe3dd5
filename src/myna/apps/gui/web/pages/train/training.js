// Step 3: train for some minutes, and listen to each checkpoint.

import {html} from "../../vendor/preact.js";
import {post} from "../../lib/api.js";
import {bytes, duration, when} from "../../lib/format.js";
import {keep} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Chip, Field, Progress, Segmented, Spinner} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {Needs} from "../../components/needs.js";
import {PlayButton} from "../../components/play-button.js";
import {failed} from "../../components/toast.js";
import {change} from "./draft.js";
import {singWith} from "./singing.js";
import {Step, activeJob, showStep, wasInterrupted} from "./steps.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").Length} Length */
/** @typedef {import("./types.js").Checkpoint} Checkpoint */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */
/** @typedef {import("../../lib/types.js").Job} Job */

const MOST_MINUTES = 100000;

/** Begin or continue to train. @param {Project} project @param {DraftSignal} draft */
export async function train(project, draft) {
  const {settings, options} = draft.value;
  const {minutes} = lengthOf(project, draft.value);
  try {
    keep(await post("project/train", {minutes, settings, options}, {name: project.name}));
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** Stop a training run after it has saved a checkpoint, or remove it from the queue. @param {Job} job */
export function stopTraining(job) {
  return post(`jobs/${job.id}/cancel`).then(keep, failed);
}

/** True if this page can stop a training run; one in a terminal is stopped there. @param {Job} job */
export function canStop({can, state}) {
  return can.includes("cancel") || state === "stopping";
}

/** Text of the button that begins to train. @param {Project} project */
export function trainLabel({checkpoints}) {
  return t(checkpoints.length ? "train.continue" : "train.start");
}

/**
 * The chosen length: the person's current choice, or that of the last training run.
 * @param {Project} project
 * @param {import("./draft.js").Draft} draft
 * @returns {{kind: Length, minutes: number | null, disk: number | null, checkpoints: number | null}}
 *   minutes: null trains until the limits in the settings are reached
 */
function lengthOf({plan}, {length, minutes}) {
  const kind = length ?? plan.kind;
  const choice = plan.choices.find((one) => one.kind === kind);
  if (choice) return {kind, minutes: choice.minutes, disk: choice.disk_bytes, checkpoints: choice.checkpoints};
  return length ? {kind, minutes, disk: null, checkpoints: null} : {kind, minutes: plan.minutes, disk: plan.disk_bytes, checkpoints: null};
}

/** @param {{project: Project, draft: DraftSignal}} props */
export function TrainStep({project, draft}) {
  const {steps, checkpoints, resume} = project;
  const {state, reason} = steps.train;
  const job = activeJob(steps.train);
  const needs = project.needs.filter(({here}) => !here);
  return html`<${Step} step="train" project=${project} draft=${draft}>
    ${job ? html`<div class="training">
      <${TrainingLine} job=${job} step=${steps.train} />
      ${canStop(job) ? html`<${Button} icon="stop" busy=${job.state === "stopping"} act=${() => stopTraining(job)}>${t(job.state === "waiting" ? "frame.cancel" : "train.stop")}</${Button}>` : html`<span class="quiet">${reason}</span>`}
    </div>` : state === "running" ? html`<p>${reason}</p>` : html`
      ${wasInterrupted(project.name) && state !== "failed" && html`<p class="interrupted"><${Icon} name="info" size=${18} /><span>${t("train.interrupted")}</span></p>`}
      <${Question} project=${project} draft=${draft} />
      ${needs.length > 0 ? html`<${Needs} assets=${needs} />` : html`<div class="step-actions">
        <${Button} icon="train" disabled=${state === "blocked"} act=${() => train(project, draft)}>${trainLabel(project)}</${Button}>
        <span class="quiet">${state === "blocked" ? reason : resume}</span>
      </div>`}`}
    ${checkpoints.length > 0 && html`<${Checkpoints} project=${project} draft=${draft} />`}
  </${Step}>`;
}

/** Choice of the length of a training run. @param {{project: Project, draft: DraftSignal}} props */
function Question({project, draft}) {
  const {plan} = project;
  const {kind, minutes, disk, checkpoints} = lengthOf(project, draft.value);
  const about = [
    checkpoints && t("train.leaves", {n: checkpoints}), disk && t("train.takes_disk", {size: bytes(disk)}),
    plan.free_bytes !== null && t("train.free_disk", {size: bytes(plan.free_bytes)}),
  ].filter(Boolean).join(" ");
  return html`<div class="question">
    <h3>${t("train.how_long")}</h3>
    <${Segmented}
      label=${t("train.how_long")} value=${kind} onChange=${(/** @type {Length} */ to) => change(draft, {length: to})}
      choices=${[...plan.choices.map((one) => ({value: one.kind, title: one.title})), {value: "custom", title: t("train.custom")}]}
    />
    ${kind === "custom" && html`<${Field} class="minutes" label=${t("train.minutes")} help=${t("train.minutes_help")}>${(/** @type {any} */ {id, describedBy}) => html`<input
      id=${id} aria-describedby=${describedBy} class="input" type="number" min="0.1" max=${MOST_MINUTES} step="any" value=${minutes ?? ""}
      onChange=${(/** @type {any} */ event) => {
        const typed = Number(event.currentTarget.value);
        change(draft, {length: "custom", minutes: typed > 0 ? Math.min(typed, MOST_MINUTES) : null});
      }}
    />`}</${Field}>`}
    <p class="quiet">${[t(`train.length_${kind}`), about].filter(Boolean).join(" ")}</p>
  </div>`;
}

/**
 * The training run in progress, in minutes; the time left is shown once it can be estimated.
 * @param {{job: Job, step: import("./types.js").StepView}} props
 */
export function TrainingLine({job, step}) {
  const {seconds: done, of_seconds: whole} = job.facts.time ?? {};
  const begun = done !== undefined;
  const fraction = begun && whole ? Math.min(1, done / whole) : job.fraction;
  const text = job.state === "waiting" ? (step.reason ?? t("jobs.waiting"))
    : job.state === "stopping" ? t("train.stopping")
      : !begun ? (job.stage ?? t("train.starting"))
        : whole ? t("train.minutes_of", {done: duration(done), whole: duration(whole)}) : t("train.minutes_done", {done: duration(done)});
  const left = job.state === "running" && job.seconds_left !== null ? t("frame.left", {time: duration(job.seconds_left)}) : "";
  return html`<div class="training-line">
    <p><span class="job-title">${text}</span> <span class="quiet">${left}</span></p>
    <${Progress} fraction=${job.state === "waiting" ? 0 : fraction} label=${t("train.step_train")} />
  </div>`;
}

/** The checkpoints with their samples, newest first. @param {{project: Project, draft: DraftSignal}} props */
function Checkpoints({project, draft}) {
  const {checkpoints, clips, best} = project;
  return html`<div class="checkpoints">
    <h3>${t("train.checkpoints")}</h3>
    <p class="quiet">${best ? best.text : t("train.checkpoints_what")}</p>
    ${clips.length > 0 && html`<div class="clips">
      <span class="quiet">${t("train.recorded")}</span>
      ${clips.map(({index, title, url}) => html`<span class="clip" key=${index}><${PlayButton} url=${url} label=${`${t("train.recorded")}: ${title}`} /><span>${title}</span></span>`)}
    </div>`}
    <ul class="checkpoint-list">${checkpoints.map((checkpoint) => html`<li key=${checkpoint.number}>
      <${CheckpointCard} checkpoint=${checkpoint} project=${project} draft=${draft} />
    </li>`)}</ul>
  </div>`;
}

/** @param {{checkpoint: Checkpoint, project: Project, draft: DraftSignal}} props */
function CheckpointCard({checkpoint, project, draft}) {
  const {number, title, made_at: made, best, measures, sample_urls: urls, voice, bytes: size} = checkpoint;
  const samples = urls.flatMap((url, index) => (url ? [{url, index}] : []));
  return html`<article class=${`checkpoint ${best ? "best" : ""}`} aria-label=${title}>
    <div class="checkpoint-head">
      <h4>${title}</h4>
      ${best && html`<${Chip} kind="accent" icon="star">${t("train.best")}</${Chip}>`}
    </div>
    <p class="quiet">${when(made)} · ${bytes(size)}</p>
    <div class="samples">
      ${samples.map(({url, index}) => html`<span class="clip" key=${index}>
        <${PlayButton} url=${url} label=${`${title}, ${project.clips[index]?.title ?? index + 1}`} /><span>${project.clips[index]?.title ?? index + 1}</span>
      </span>`)}
      ${!samples.length && html`<span class="quiet">${project.steps.train.state === "running" ? html`<${Spinner} /> ${t("train.sample_soon")}` : t("train.no_sample")}</span>`}
    </div>
    ${Object.keys(measures).length > 0 && html`<dl class="measures">${Object.entries(measures).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
    <div class="checkpoint-actions">
      <${Button} icon="sing" act=${() => singWith(voice)}>${t("train.sing_with_it")}</${Button}>
      <${Button} kind="quiet" icon="pack" act=${() => {
        change(draft, {number});
        showStep(draft, "pack");
      }}>${t("train.pack")}</${Button}>
    </div>
  </article>`;
}
