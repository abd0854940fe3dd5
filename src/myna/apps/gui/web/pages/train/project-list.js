// The list of voices in training, and the way to a new one.

import {html, signal, useState} from "../../vendor/preact.js";
import {post} from "../../lib/api.js";
import {bytes, duration, when} from "../../lib/format.js";
import {announce, go, href, projects, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ActionBar} from "../../components/action-bar.js";
import {Card, Field, TextInput} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {Menu} from "../../components/menu.js";
import {Page} from "../../components/page.js";
import {failed} from "../../components/toast.js";
import {deleteProject} from "./deleting.js";
import {STEPS, nextStep} from "./steps.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Advice} Advice */

/** Name of the new voice, as it is being typed. */
const typed = signal("");

export function ProjectList() {
  const [busy, setBusy] = useState(false);
  const all = projects.value;
  const name = typed.value.trim();

  async function create() {
    if (!name || busy) return;
    setBusy(true);
    try {
      const made = await post("projects", {name});
      typed.value = "";
      announce("projects");
      go("train", made.name);
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    setBusy(false);
  }

  const bar = html`<${ActionBar} icon="add" label=${t("train.create")} reason=${name ? null : t("train.name_first")} busy=${busy} act=${create} />`;
  return html`<${Page} class="train" title=${t("frame.train")} lead=${t("train.lead")} bar=${bar}>
    ${all?.length === 0 && html`<${Way} />`}
    ${all && all.length > 0 && html`<ul class="project-list">${all.map((row) => html`<li key=${row.name}><${ProjectRow} row=${row} /></li>`)}</ul>`}
    <${Card} class="new-project" title=${t("train.new")}>
      <form onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        create();
      }}>
        <${Field} label=${t("train.name")} help=${t("train.name_help")}>${(/** @type {any} */ ids) => html`<${TextInput}
          ...${ids} value=${typed.value} maxlength="80" autocomplete="off" onChange=${(/** @type {string} */ to) => (typed.value = to)}
        />`}</${Field}>
      </form>
    </${Card}>
  </${Page}>`;
}

/** The way to a voice: what to record, how long it takes, and how much disk it needs. */
function Way() {
  const {data} = /** @type {{data: Advice | null}} */ (useResource("projects/advice"));
  const [quick, half, overnight] = ["quick", "half_hour", "overnight"].map((kind) => data?.plan.choices.find((one) => one.kind === kind));
  const free = data?.plan.free_bytes;
  return html`<ol class="way">
    <li>
      <span class="way-sign"><${Icon} name="sing" size=${24} /></span>
      <h2>${t("train.way_record", {time: duration(data?.recording_seconds ?? 300)})}</h2>
      <p>${t("train.way_record_what")}</p>
      ${data && html`<p class="quiet">${t("train.way_record_best", {spoken: data.spoken_clips, sung: data.sung_clips})}</p>`}
    </li>
    <li>
      <span class="way-sign"><${Icon} name="train" size=${24} /></span>
      <h2>${t("train.way_train", {time: duration(60 * (half?.minutes ?? 30))})}</h2>
      <p>${t("train.way_train_what", {quick: duration(60 * (quick?.minutes ?? 5)), half: duration(60 * (half?.minutes ?? 30))})}</p>
      ${data && html`<p class="quiet">${t("train.way_train_kind", {kind: data.template})}</p>`}
    </li>
    <li>
      <span class="way-sign"><${Icon} name="folder" size=${24} /></span>
      <h2>${half?.disk_bytes ? t("train.way_disk", {size: bytes(half.disk_bytes)}) : t("train.way_disk_unknown")}</h2>
      <p>${t("train.way_disk_what")}</p>
      <p class="quiet">${[
        overnight?.disk_bytes && t("train.way_disk_overnight", {size: bytes(overnight.disk_bytes)}), free && t("train.way_disk_free", {size: bytes(free)}),
      ].filter(Boolean).join(" ")}</p>
    </li>
  </ol>`;
}

/** @param {{row: Row}} props */
function ProjectRow({row}) {
  const {name, steps, updated_at: updated, bytes: size} = row;
  const next = nextStep(steps);
  const said = next ? `${t(`train.step_${next}`)}: ${t(`train.state_${steps[next].state}`)}` : t("train.all_done");
  return html`<article class="project-row" aria-label=${name}>
    <a class="project-open" href=${href("train", name)}>
      <span class="portrait" aria-hidden="true">${[...name][0]?.toLocaleUpperCase()}</span>
      <span class="project-text">
        <span class="project-name" dir="auto">${name}</span>
        <span class="quiet">${said}</span>
      </span>
      <span class="project-steps" aria-hidden="true">${STEPS.map((step) => html`<span class=${`step-dot ${steps[step].state}`} title=${t(`train.step_${step}`)}></span>`)}</span>
      <span class="quiet project-facts"><span>${when(updated)}</span><span>${bytes(size)}</span></span>
    </a>
    <${Menu} label=${t("train.more_with", {name})} items=${[
      {title: t("train.delete"), icon: "trash", danger: true, act: () => deleteProject(name, size)},
    ]} />
  </article>`;
}
