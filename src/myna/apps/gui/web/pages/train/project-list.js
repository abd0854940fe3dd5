// The list of voices in training, and the form for a new one.

import {html, signal, useRef, useState} from "../../vendor/preact.js";
import {post} from "../../lib/api.js";
import {bytes, when} from "../../lib/format.js";
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

  const field = useRef(/** @type {HTMLElement | null} */ (null));
  // Without a name, the button leads to its field.
  const bar = html`<${ActionBar}
    icon="add" label=${t(name ? "train.create" : "train.new")} busy=${busy} act=${name ? create : () => field.current?.querySelector("input")?.focus()}
  />`;
  return html`<${Page} class="train" title=${t("frame.train")} lead=${t("train.lead")} bar=${bar}>
    ${all?.length === 0 && html`<${Way} />`}
    ${all && all.length > 0 && html`<ul class="project-list">${all.map((row) => html`<li key=${row.name}><${ProjectRow} row=${row} /></li>`)}</ul>`}
    <${Card} class="new-project" title=${t("train.new")}>
      <form ref=${field} onSubmit=${(/** @type {Event} */ event) => {
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

const WAY = /** @type {const} */ ([["record", "sing"], ["train", "train"], ["disk", "folder"]]);

/** Advice for a first voice: what to record, how long it takes, and how much disk it needs. */
function Way() {
  const {data} = /** @type {{data: string[] | null}} */ (useResource("projects/advice"));
  return html`<ol class="way">${WAY.map(([part, icon], index) => html`<li>
    <span class="way-sign"><${Icon} name=${icon} size=${24} /></span>
    <h2>${t(`train.way_${part}`)}</h2>
    <p>${data?.[index] ?? "…"}</p>
  </li>`)}</ol>`;
}

/** @param {{row: Row}} props */
function ProjectRow({row}) {
  const {name, steps, updated_at: updated, bytes: size} = row;
  const next = nextStep(row);
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
