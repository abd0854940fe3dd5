// The bar of a voice in training: the button of the next step, with the reason when it is off.

import {html, useState} from "../../vendor/preact.js";
import {connection} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ActionBar} from "../../components/action-bar.js";
import {Button} from "../../components/basics.js";
import {Needs} from "../../components/needs.js";
import {compare, compareReason} from "./comparing.js";
import {change} from "./draft.js";
import {pack, packReason} from "./packing.js";
import {prepare} from "./preparing.js";
import {chooseFiles, missingText} from "./recordings.js";
import {sendingOf} from "./sending.js";
import {singWith} from "./singing.js";
import {activeJob, nextStep, showStep} from "./steps.js";
import {TrainingLine, canStop, stopTraining, train, trainLabel} from "./training.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").StepName} StepName */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */
/** @typedef {import("../../lib/types.js").Job} Job */
/** @typedef {import("../../components/icons.js").IconName} IconName */
/** @typedef {import("../../vendor/preact.js").ComponentChildren} Children */

/**
 * @typedef {{label: string, icon: IconName, act: () => unknown, reason?: string | null, secondary?: Children, note?: string | null}} Action
 *   what a step offers; note: shown beside its button
 */

/** @param {{project: Project, draft: DraftSignal}} props */
export function Bar({project, draft}) {
  const {steps, packed} = project;
  const next = nextStep(project);
  if (next === null) {
    return html`<${ActionBar}
      icon="sing" label=${t("train.sing_with_it")} act=${() => singWith(/** @type {string} */ (singer(project)))} note=${html`<p class="quiet">${packed?.text}</p>`}
    />`;
  }
  const job = activeJob(steps[next]);
  if (next === "train" && job) return html`<${TrainingBar} project=${project} job=${job} />`;
  return html`<${StepBar} project=${project} draft=${draft} step=${next} job=${job} />`;
}

/** The voice that "Sing with it" chooses: the packed one if it is up to date, or the best checkpoint. @param {Project} project */
function singer({steps, checkpoints, best, packed}) {
  if (packed && steps.pack.state === "done") return packed.name;
  return (checkpoints.find(({number}) => number === best?.number) ?? checkpoints[0])?.voice ?? null;
}

/** Reason why nothing can be done now, if the server does not answer. */
function lostReason() {
  return connection.value === "lost" ? t("frame.lost") : null;
}

/** The training run in progress. @param {{project: Project, job: Job}} props */
function TrainingBar({project: {steps}, job}) {
  const reason = lostReason() ?? (canStop(job) ? null : (steps.train.reason ?? t("train.at_work")));
  return html`<${ActionBar}
    icon="stop" label=${t(job.state === "waiting" ? "frame.cancel" : "train.stop")} busy=${job.state === "stopping"} reason=${reason}
    act=${() => stopTraining(job)} note=${html`<${TrainingLine} job=${job} step=${steps.train} />`}
  />`;
}

/** The next step, or one that is running. @param {{project: Project, draft: DraftSignal, step: StepName, job: Job | null}} props */
function StepBar({project, draft, step, job}) {
  const [busy, setBusy] = useState(false);
  const {steps, needs} = project;
  const {label, icon, act, reason, secondary, note} = actionOf(project, draft, step);
  const running = steps[step].state === "running" ? (steps[step].reason ?? t("train.at_work")) : null;
  const missing = needs.filter(({here}) => !here);
  const instead = missing.length > 0 && ["prepare", "train"].includes(step) && !job ? html`<${Needs} assets=${missing} />` : null;
  return html`<${ActionBar}
    icon=${icon} label=${label} secondary=${secondary} job=${job} instead=${instead} busy=${busy} reason=${lostReason() ?? running ?? reason}
    note=${note && html`<p class="quiet">${note}</p>`}
    act=${async () => {
      setBusy(true);
      showStep(draft, step);
      await act();
      setBusy(false);
    }}
  />`;
}

/**
 * Return the label and the action of a step's button.
 * @param {Project} project
 * @param {DraftSignal} draft
 * @param {StepName} step
 * @returns {Action}
 */
function actionOf(project, draft, step) {
  const voice = singer(project);
  const sing = voice && html`<${Button} icon="sing" act=${() => singWith(voice)}>${t("train.sing_with_it")}</${Button}>`;
  switch (step) {
    case "recordings": return {
      label: t("train.add"), icon: "upload", act: () => chooseFiles(draft),
      secondary: html`<${Button} icon="sing" act=${() => {
        change(draft, {booth: true});
        showStep(draft, "recordings");
      }}>${t("train.booth_open")}</${Button}>`,
    };
    case "prepare": return {
      label: t(project.steps.prepare.state === "stale" ? "train.prepare_again" : "train.prepare"), icon: "check",
      act: () => prepare(project, draft), note: missingText(project.summary.missing),
      reason: sendingOf(project.name).active.value ? t("train.sending_first") : null,
    };
    case "train": return {label: trainLabel(project), icon: "train", act: () => train(project, draft), secondary: sing};
    case "compare": return {
      label: t("train.compare"), icon: "play", act: () => compare(project, draft), reason: compareReason(project, draft.value), secondary: sing,
    };
    case "pack": return {
      label: t("train.pack"), icon: "pack", act: () => pack(project, draft), reason: packReason(project, draft.value), secondary: sing,
    };
  }
}
