// Step 5: pack a checkpoint into one file, which becomes one of the voices.

import {html} from "../../vendor/preact.js";
import {post} from "../../lib/api.js";
import {keep} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Field, Select, Switch, TextInput} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {JobLine} from "../../components/job-card.js";
import {failed} from "../../components/toast.js";
import {change} from "./draft.js";
import {singWith} from "./singing.js";
import {Step, activeJob} from "./steps.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./draft.js").Draft} Draft */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */

/** The checkpoint to pack: the chosen one, the best, or the newest. @param {Project} project @param {Draft} draft */
function numberOf({checkpoints, best}, {number}) {
  const here = checkpoints.map((one) => one.number);
  return [number, best?.number, here[0]].find((one) => typeof one === "number" && here.includes(one)) ?? null;
}

/** The name of the packed voice. @param {Project} project @param {Draft} draft */
const titleOf = ({name}, {title}) => title ?? name;

/** Reason why nothing can be packed now; null if something can. @param {Project} project @param {Draft} draft */
export function packReason(project, draft) {
  const {state, reason} = project.steps.pack;
  if (state === "blocked") return reason;
  return titleOf(project, draft).trim() ? null : t("train.name_first");
}

/** Begin to pack. @param {Project} project @param {DraftSignal} draft */
export async function pack(project, draft) {
  const {licence, author, cover, half, release} = draft.value;
  const body = {number: numberOf(project, draft.value), name: titleOf(project, draft.value).trim(), licence, author, cover, half, release};
  try {
    keep(await post("project/pack", body, {name: project.name}));
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** @param {{project: Project, draft: DraftSignal}} props */
export function PackStep({project, draft}) {
  const {steps, checkpoints, packed} = project;
  const job = activeJob(steps.pack);
  const reason = packReason(project, draft.value);
  const texts = (/** @type {"licence" | "author" | "cover"} */ name, rows = 1) => html`<${Field} label=${t(`train.${name}`)} help=${t(`train.${name}_help`)}>${(/** @type {any} */ ids) => html`<${TextInput}
    ...${ids} rows=${rows} value=${draft.value[name]} onChange=${(/** @type {string} */ to) => change(draft, {[name]: to})}
  />`}</${Field}>`;
  return html`<${Step} step="pack" project=${project} draft=${draft}>
    <p>${t("train.pack_what")}</p>
    ${packed && !job && html`<p class="packed"><${Icon} name="check" /><span>${packed.text}</span>
      <${Button} icon="sing" act=${() => singWith(packed.name)}>${t("train.sing_with_it")}</${Button}></p>`}
    ${checkpoints.length > 0 && html`<div class="pack-grid">
      <${Field} label=${t("train.pack_name")} help=${t("train.pack_name_help")}>${(/** @type {any} */ ids) => html`<${TextInput}
        ...${ids} maxlength="80" value=${titleOf(project, draft.value)} onChange=${(/** @type {string} */ to) => change(draft, {title: to})}
      />`}</${Field}>
      <${Field} label=${t("train.pack_checkpoint")}>${(/** @type {any} */ ids) => html`<${Select}
        ...${ids} value=${numberOf(project, draft.value)} onChange=${(/** @type {number} */ to) => change(draft, {number: to})}
        choices=${checkpoints.map(({number, title, best}) => ({value: number, title: best ? `${title} (${t("train.best")})` : title}))}
      />`}</${Field}>
      ${texts("licence")}
      ${texts("author")}
      <div class="pack-wide">${texts("cover", 3)}</div>
      ${(/** @type {const} */ (["half", "release"])).map((name) => html`<div class="pack-switch">
        <${Switch} value=${draft.value[name]} onChange=${(/** @type {boolean} */ to) => change(draft, {[name]: to})}>${t(`train.${name}`)}</${Switch}>
        <p class="help">${t(`train.${name}_help`)}</p>
      </div>`)}
    </div>`}
    ${job ? html`<${JobLine} job=${job} />` : html`<div class="step-actions">
      <${Button} icon="pack" disabled=${Boolean(reason)} act=${() => pack(project, draft)}>${t("train.pack")}</${Button}>
      ${reason && html`<span class="quiet">${reason}</span>`}
    </div>`}
  </${Step}>`;
}
