// Step 2: cut the recordings into clips and compute the features of the clips.

import {html} from "../../vendor/preact.js";
import {post} from "../../lib/api.js";
import {keep} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Field, Fold, Select} from "../../components/basics.js";
import {JobLine} from "../../components/job-card.js";
import {Needs} from "../../components/needs.js";
import {failed} from "../../components/toast.js";
import {change} from "./draft.js";
import {Step, activeJob} from "./steps.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */

/** Begin to prepare. @param {Project} project @param {DraftSignal} draft */
export async function prepare({name}, draft) {
  const {template, settings} = draft.value;
  try {
    keep(await post("project/prepare", {template, settings}, {name}));
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** @param {{project: Project, draft: DraftSignal}} props */
export function PrepareStep({project, draft}) {
  const {steps, prepared, templates} = project;
  const {state} = steps.prepare;
  const job = activeJob(steps.prepare);
  const value = draft.value.template ?? templates.find(({chosen}) => chosen)?.name ?? null;
  const chosen = templates.find(({name}) => name === value);
  const needs = project.needs.filter(({here}) => !here);
  return html`<${Step} step="prepare" project=${project} draft=${draft}>
    <p>${t("train.prepare_what")}</p>
    <${Field} class="template" label=${t("train.template")} help=${chosen?.what}>${(/** @type {any} */ ids) => html`<${Select}
      ...${ids} value=${value} disabled=${state === "running"} onChange=${(/** @type {string} */ to) => change(draft, {template: to})}
      choices=${[...(value ? [] : [{value: null, title: t("train.template_own")}]), ...templates.map(({name, title, available}) => ({value: name, title, disabled: !available}))]}
    />`}</${Field}>
    ${job ? html`<${JobLine} job=${job} />` : needs.length > 0 ? html`<${Needs} assets=${needs} />` : html`<div class="step-actions">
      <${Button} disabled=${state === "blocked" || state === "running"} act=${() => prepare(project, draft)}>${t(state === "todo" || state === "blocked" ? "train.prepare" : "train.prepare_again")}</${Button}>
      ${state === "blocked" && html`<span class="quiet">${steps.prepare.reason}</span>`}
    </div>`}
    ${prepared && !job && html`<p>${prepared.text}</p>
      <${Lines} title=${t("train.left_out")} lines=${prepared.left_out} />
      <${Lines} title=${t("train.notes")} lines=${prepared.notes} />`}
  </${Step}>`;
}

/** A list that is folded away. @param {{title: string, lines: string[]}} props */
export function Lines({title, lines}) {
  if (!lines.length) return null;
  return html`<${Fold} title=${title} note=${lines.length}><ul class="lines">${lines.map((line) => html`<li dir="auto">${line}</li>`)}</ul></${Fold}>`;
}
