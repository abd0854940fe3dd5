// One voice in training: its steps, and the bar with what to do next.

import {computed, html, useEffect, useMemo, useState} from "../../vendor/preact.js";
import {ApiError} from "../../lib/api.js";
import {bytes} from "../../lib/format.js";
import {connection, go, href, jobs, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ActionBar} from "../../components/action-bar.js";
import {Button, ButtonLink, Empty, Problem} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {Menu} from "../../components/menu.js";
import {Needs} from "../../components/needs.js";
import {Page} from "../../components/page.js";
import {CompareStep, compare, compareReason} from "./comparing.js";
import {deleteProject} from "./deleting.js";
import {change, draftOf} from "./draft.js";
import {Experts} from "./experts.js";
import {PackStep, pack, packReason} from "./packing.js";
import {PrepareStep, prepare} from "./preparing.js";
import {RecordingsStep, chooseFiles, missingText} from "./recordings.js";
import {sendingOf} from "./sending.js";
import {singWith} from "./singing.js";
import {TrainStep, TrainingLine, canStop, stopTraining, train, trainLabel} from "./training.js";
import {activeJob, nextStep, showStep} from "./steps.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */

/** @param {{name: string}} props */
export function ProjectPage({name}) {
  const {data, error, reload} = useResource("project", {name}, ["projects", "assets", "jobs"]);
  const project = /** @type {Project | null} */ (data);
  const draft = draftOf(name);

  // A step changes when one of its jobs begins or ends; the list of jobs says so before the voice is loaded again.
  const courses = useMemo(() => computed(() => coursesOf(name)), [name]);
  useEffect(() => {
    if (project) reload();
  }, [courses.value]);

  const next = project ? nextStep(project.steps) : undefined;
  useEffect(() => {
    // The next step unfolds by itself; the ones before stay as they are, so that nothing moves away.
    if (next && next !== draft.peek().opened) change(draft, {opened: next, open: [...new Set([...draft.peek().open, next])]});
  }, [next]);

  const title = html`<a class="up" href=${href("train")} aria-label=${t("train.back_to_list")}><${Icon} name="chevron" /></a><span dir="auto">${name}</span>`;
  if (!project) {
    const gone = error instanceof ApiError && error.status === 404;
    return html`<${Page} class="train" title=${title}>
      ${gone && html`<${Empty} icon="train" title=${t("train.gone", {name})} action=${html`<${ButtonLink} href=${href("train")}>${t("train.back_to_list")}</${ButtonLink}>`} />`}
      ${error && !gone && html`<${Problem} error=${error} retry=${reload} />`}
    </${Page}>`;
  }
  const {disk_bytes: size, problem} = project;
  return html`<${Page}
    class="train" title=${title} lead=${size > 0 && t("train.size", {size: bytes(size)})}
    aside=${html`<${Menu} label=${t("train.more_with", {name})} items=${[
      {title: t("train.delete"), icon: "trash", danger: true, act: () => deleteProject(name, size)},
    ]} />`}
    onFiles=${(/** @type {File[]} */ files) => sendingOf(name).add(files)}
    bar=${html`<${Bar} project=${project} draft=${draft} />`}
  >
    ${problem && html`<${Problem} error=${problem} />`}
    <div class="steps">
      <${RecordingsStep} project=${project} draft=${draft} />
      <${PrepareStep} project=${project} draft=${draft} />
      <${TrainStep} project=${project} draft=${draft} />
      <${CompareStep} project=${project} draft=${draft} />
      <${PackStep} project=${project} draft=${draft} />
    </div>
    <${Experts} project=${project} draft=${draft} />
  </${Page}>`;
}

/** The states of all jobs of a voice, as one text. @param {string} name */
function coursesOf(name) {
  return (jobs.value ?? []).filter(({about}) => about.project === name).map(({id, state}) => `${id} ${state}`).join();
}

/** The bar with the button of the next step. @param {{project: Project, draft: DraftSignal}} props */
function Bar({project, draft}) {
  const {steps, checkpoints, best, packed} = project;
  const [busy, setBusy] = useState(false);
  const next = nextStep(steps);
  const lost = connection.value === "lost" ? t("frame.lost") : null;
  const sings = checkpoints.find(({number}) => number === best?.number) ?? checkpoints[0];
  const sing = sings && html`<${Button} icon="sing" act=${() => singWith(packed?.name ?? sings.voice)}>${t("train.sing_with_it")}</${Button}>`;

  if (next === null) {
    return html`<${ActionBar} icon="sing" label=${t("train.sing_with_it")} act=${() => singWith(packed?.name ?? sings.voice)} note=${html`<p class="quiet">${packed?.text}</p>`} />`;
  }
  const job = activeJob(steps[next]);
  if (next === "train" && job) {
    const stopping = job.state === "stopping";
    const label = t(job.state === "waiting" ? "frame.cancel" : "train.stop");
    const reason = lost ?? (canStop(job) ? null : (steps.train.reason ?? t("train.at_work")));
    return html`<${ActionBar} icon="stop" label=${label} busy=${stopping} reason=${reason} act=${() => stopTraining(job)} note=${html`<${TrainingLine} job=${job} step=${steps.train} />`} />`;
  }
  const sending = sendingOf(project.name).active.value;
  const missing = missingText(project.summary.missing);
  /** @type {Record<import("./types.js").StepName, {label: string, icon: import("../../components/icons.js").IconName, act: () => unknown, reason?: string | null, secondary?: any, note?: string | null, instead?: any}>} */
  const bars = {
    recordings: {
      label: t("train.add"), icon: "upload", act: () => chooseFiles(draft),
      secondary: html`<${Button} icon="sing" act=${() => {
        change(draft, {booth: true});
        showStep(draft, "recordings");
      }}>${t("train.booth_open")}</${Button}>`,
    },
    prepare: {
      label: t(steps.prepare.state === "stale" ? "train.prepare_again" : "train.prepare"), icon: "check", note: missing,
      reason: sending ? t("train.sending_first") : null, act: () => prepare(project, draft),
    },
    train: {label: trainLabel(project), icon: "train", act: () => train(project, draft), secondary: sing},
    compare: {label: t("train.compare"), icon: "play", act: () => compare(project, draft), reason: compareReason(project, draft.value), secondary: sing},
    pack: {label: t("train.pack"), icon: "pack", act: () => pack(project, draft), reason: packReason(project, draft.value), secondary: sing},
  };
  const bar = bars[next];
  const running = steps[next].state === "running" ? (steps[next].reason ?? t("train.at_work")) : null;
  const needs = project.needs.filter(({here}) => !here);
  const instead = needs.length > 0 && ["prepare", "train"].includes(next) && !job ? html`<${Needs} assets=${needs} />` : null;
  return html`<${ActionBar}
    icon=${bar.icon} label=${bar.label} secondary=${bar.secondary} job=${job} instead=${instead} busy=${busy}
    reason=${lost ?? running ?? bar.reason} note=${bar.note && html`<p class="quiet">${bar.note}</p>`}
    act=${async () => {
      setBusy(true);
      showStep(draft, next);
      await bar.act();
      setBusy(false);
    }}
  />`;
}
