// Step 1: the recordings, from files or from the booth; their problems, and the amounts that are still missing.

import {html, useState} from "../../vendor/preact.js";
import {del, post} from "../../lib/api.js";
import {duration, noteName} from "../../lib/format.js";
import {announce} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, IconButton, Progress, Spinner, Switch} from "../../components/basics.js";
import {DropZone, SOUND} from "../../components/drop-zone.js";
import {Icon} from "../../components/icons.js";
import {PlayButton} from "../../components/play-button.js";
import {failed, toast} from "../../components/toast.js";
import {change} from "./draft.js";
import {RecordingBooth} from "./recording-booth.js";
import {sendingOf} from "./sending.js";
import {Step, showStep, stepId} from "./steps.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").Recording} Recording */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */

/** Open the dialog of the system to choose files. @param {DraftSignal} draft */
export function chooseFiles(draft) {
  showStep(draft, "recordings");
  /** @type {HTMLInputElement | null | undefined} */ (document.getElementById(stepId("recordings"))?.querySelector("input[type=file]"))?.click();
}

/** @param {{project: Project, draft: DraftSignal}} props */
export function RecordingsStep({project, draft}) {
  const {recordings, summary} = project;
  const {booth} = draft.value;
  const facts = t("train.recordings_facts", {n: recordings.length, time: duration(summary.seconds)});
  const sending = sendingOf(project.name);
  const empty = !recordings.length;
  return html`<${Step} step="recordings" project=${project} draft=${draft} facts=${facts}>
    ${empty && html`<ul class="advice">${project.advice.map((text) => html`<li>${text}</li>`)}</ul>`}
    <div class=${empty && !booth ? "sources first" : "sources"}>
      <${DropZone} label=${t("train.drop")} hint=${empty && !booth ? t("train.drop_hint") : null} accept=${SOUND} small=${!empty || booth} onFiles=${(/** @type {File[]} */ files) => sending.add(files)} />
      <${DropZone} label=${t("train.folder")} folder small onFiles=${(/** @type {File[]} */ files) => sending.add(files.filter(isSound))} />
      ${!booth && html`<${Button} icon="sing" act=${() => change(draft, {booth: true})}>${t("train.booth_open")}</${Button}>`}
    </div>
    <${SendingLine} sending=${sending} />
    ${booth && html`<${RecordingBooth} project=${project} draft=${draft} />`}
    ${!empty && html`<${Amounts} summary=${summary} /><${RecordingList} project=${project} />`}
  </${Step}>`;
}

/** True if a file of a folder may be a recording. @param {File} file */
function isSound({name, type}) {
  return type.startsWith("audio/") || type.startsWith("video/") || SOUND.split(",").some((suffix) => suffix.startsWith(".") && name.toLowerCase().endsWith(suffix));
}

/** @param {{sending: ReturnType<typeof sendingOf>}} props */
function SendingLine({sending}) {
  const lost = sending.lost.value;
  return html`
    ${sending.active.value && html`<div class="sending">
      <span>${t("train.sending", {n: Math.min(sending.done.value + 1, sending.total.value), total: sending.total.value})}</span>
      <${Progress} fraction=${sending.fraction.value} label=${t("train.step_recordings")} />
      <${IconButton} icon="stop" label=${t("frame.stop")} act=${() => sending.cancel()} />
    </div>`}
    ${lost.length > 0 && html`<div class="problem" role="alert">
      <${Icon} name="warning" />
      <p dir="auto">${t("train.not_sent", {n: lost.length, names: lost.slice(0, 3).map(({file}) => file.name).join(", "), error: lost[0].error.message})}</p>
      <${Button} kind="quiet" icon="retry" act=${() => sending.again()}>${t("frame.retry")}</${Button}>
      <${IconButton} icon="close" label=${t("frame.close")} act=${() => (sending.lost.value = [])} />
    </div>`}`;
}

/** One sentence about what is missing for a good voice; null if there is enough. @param {string[]} missing */
export function missingText(missing) {
  return missing.length ? t("train.missing", {what: missing.join(", ")}) : null;
}

/** The sums, compared with what a good voice needs. @param {{summary: import("./types.js").Summary}} props */
function Amounts({summary: {amounts, missing, pitch}}) {
  const range = Object.values(pitch)[0];
  return html`<div class="amounts">
    ${(/** @type {const} */ (["seconds", "spoken", "sung"])).map((name) => {
      const {title, amount, aim} = amounts[name];
      const text = name === "seconds" ? duration : String;
      return html`<div class="amount" key=${name}>
        <span class="amount-title">${title}</span>
        <span class="amount-value">${text(amount)} <span class="quiet">${t("train.of_aim", {aim: text(aim)})}</span></span>
        <${Progress} fraction=${aim ? amount / aim : 1} label=${title} />
      </div>`;
    })}
    <p class="missing">${missingText(missing) ?? t("train.nothing_missing")}${range ? ` ${t("train.range_found", {low: noteName(range[0]), high: noteName(range[1])})}` : ""}</p>
  </div>`;
}

const ORDER = {bad: 0, fair: 1, checking: 2, good: 2};

/** All recordings; those with problems come first. @param {{project: Project}} props */
function RecordingList({project}) {
  const [onlyBad, setOnlyBad] = useState(false);
  const {recordings} = project;
  const bad = recordings.filter(({state}) => state === "bad").length;
  const checking = recordings.filter(({state}) => state === "checking").length;
  const shown = recordings.filter(({state}) => !onlyBad || !bad || state === "bad").sort((one, other) => ORDER[one.state] - ORDER[other.state]);
  return html`<div class="recordings">
    <div class="recordings-head">
      <h3>${t("train.recordings")}</h3>
      <p class="quiet" aria-live="polite">${checking > 0 && t("train.checking", {n: checking})} ${bad > 0 && t("train.with_problems", {n: bad})}</p>
      ${bad > 0 && html`<${Switch} value=${onlyBad} onChange=${setOnlyBad}>${t("train.only_bad")}</${Switch}>`}
    </div>
    <ul class="recording-list" tabindex="0" aria-label=${t("train.recordings")}>
      ${shown.map((recording) => html`<${RecordingRow} key=${recording.file} recording=${recording} name=${project.name} />`)}
    </ul>
  </div>`;
}

/** @param {{recording: Recording, name: string}} props name: of the voice */
function RecordingRow({recording, name}) {
  const {file, title, seconds, kind, state, problems, url} = recording;
  const [gone, setGone] = useState(false);

  async function remove() {
    setGone(true);
    try {
      const {trash_id: id} = await del("project/recordings", {name, file});
      announce("projects", name);
      toast(t("train.removed", {name: title}), {undo: () => post(`trash/${id}/restore`).then(() => {
        setGone(false);
        announce("projects", name);
      }, failed)});
    } catch (error) {
      setGone(false);
      failed(/** @type {Error} */ (error));
    }
  }

  if (gone) return null;
  const facts = [kind && t(`train.kind_${kind}`), seconds !== null && duration(seconds)].filter(Boolean).join(" · ");
  return html`<li class=${`recording-row ${state}`}>
    <${PlayButton} url=${url} label=${title} />
    <div class="recording-text">
      <span class="recording-title" dir="auto">${title}</span>
      <span class="quiet">${state === "checking" ? html`<${Spinner} /> ${t("train.being_checked")}` : facts}</span>
      ${problems.map((text) => html`<span class=${state === "bad" ? "help bad" : "help"} dir="auto">${text}</span>`)}
    </div>
    <${IconButton} icon="trash" label=${t("train.remove", {name: title})} act=${remove} />
  </li>`;
}
