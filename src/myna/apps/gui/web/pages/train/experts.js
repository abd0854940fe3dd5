// For experts: curves, losses, settings, and where the files are.

import {html} from "../../vendor/preact.js";
import {number} from "../../lib/format.js";
import {jobOf, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Fold, Problem} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {Parameters} from "../../components/parameters.js";
import {CurveList} from "./curves.js";
import {change} from "./draft.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").Curves} Curves */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */

/** @param {{project: Project, draft: DraftSignal}} props */
export function Experts({project, draft}) {
  const open = draft.value.experts;
  return html`<details class="fold experts" open=${open} onToggle=${(/** @type {any} */ event) => change(draft, {experts: event.currentTarget.open})}>
    <summary><${Icon} name="chevron" size=${16} /><h2>${t("frame.expert")}</h2></summary>
    ${open && html`<div class="fold-body">
      <${Progress} project=${project} />
      <${CurvesPart} name=${project.name} />
      <${Settings} project=${project} draft=${draft} />
      ${project.folder && html`<section aria-label=${t("train.files")}><h3>${t("train.files")}</h3><p>${t("train.folder_is", {folder: project.folder})}</p></section>`}
    </div>`}
  </details>`;
}

/** Device, step and losses of the training run. @param {{project: Project}} props */
function Progress({project}) {
  const {plan, step} = jobOf(project.steps.train.job)?.facts ?? {};
  const losses = Object.entries(/** @type {Record<string, number>} */ (step?.losses ?? {}));
  if (!plan) return null;
  const facts = [
    [t("train.fact_device"), plan.device],
    [t("train.fact_clips"), t("train.fact_clips_value", {n: plan.n_clips, minutes: number(plan.minutes, 1), batch: plan.batch_size})],
    step && [t("train.fact_step"), t("train.fact_step_value", {step: number(step.step), last: number(plan.last_step), epoch: number(step.epoch)})],
    ...losses.map(([name, value]) => [t("train.fact_loss", {name: name.replaceAll("_", " ")}), Number(value.toPrecision(3))]),
  ].filter(Boolean);
  return html`<section aria-label=${t("train.progress")}>
    <h3>${t("train.progress")}</h3>
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

/** @param {{name: string}} props */
function CurvesPart({name}) {
  const {data, error, reload} = useResource("project/curves", {name}, ["projects"]);
  const found = /** @type {Curves | null} */ (data);
  const main = (found?.curves ?? []).filter((one) => one.main && one.points.length);
  const more = (found?.curves ?? []).filter((one) => !one.main && one.points.length);
  return html`<section aria-label=${t("train.curves")}>
    <h3>${t("train.curves")}</h3>
    ${error && !found && html`<${Problem} error=${error} retry=${reload} />`}
    ${found && !main.length && !more.length && html`<p class="quiet">${t("train.no_curves")}</p>`}
    ${main.length > 0 && html`<${CurveList} curves=${main} /><p class="quiet">${found?.help}</p>`}
    ${more.length > 0 && html`<${Fold} title=${t("train.more_curves")} note=${more.length}><${CurveList} curves=${more} /></${Fold}>`}
  </section>`;
}

/** A form without groups: here, all fields are for experts. @param {import("../../lib/types.js").Form | null} form */
function unfolded(form) {
  return form && {fields: form.fields.map((field) => ({...field, group: /** @type {const} */ ("main")}))};
}

/** The keys of the configuration and the options of `svc train`. @param {{project: Project, draft: DraftSignal}} props */
function Settings({project, draft}) {
  const {template, settings, options} = draft.value;
  const {data: keys} = useResource("forms/training_keys", {project: project.name, template}, ["projects"]);
  const {data: more} = useResource("forms/training", {project: project.name});
  return html`<section class="training-settings" aria-label=${t("train.settings")}>
    <h3>${t("train.settings")}</h3>
    <p class="quiet">${t("train.settings_what")}</p>
    <${Parameters} form=${unfolded(keys)} values=${settings} onChange=${(/** @type {any} */ to) => change(draft, {settings: to})} />
    <${Parameters} form=${unfolded(more)} values=${options} onChange=${(/** @type {any} */ to) => change(draft, {options: to})} />
    ${project.schedule?.text.map((line) => html`<p class="quiet">${line}</p>`)}
  </section>`;
}
