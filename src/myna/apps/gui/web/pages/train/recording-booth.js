// The booth of step 1: sentences to read and melodies to sing, one take of each.

import {html, useEffect, useState} from "../../vendor/preact.js";
import {get, post} from "../../lib/api.js";
import {announce, connection} from "../../lib/store.js";
import {language, t} from "../../lib/texts.js";
import {Field, IconButton, Problem, Segmented, Select} from "../../components/basics.js";
import {Booth} from "../../components/booth.js";
import {failed} from "../../components/toast.js";
import {change} from "./draft.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */
/** @typedef {import("../../components/booth.js").Prompt & {recorded: number, done: boolean}} Prompt */
/** @typedef {import("../../lib/types.js").Upload} Upload */

const RANGES = ["bass", "baritone", "tenor", "alto", "mezzo", "soprano"];

/** @param {{project: Project, draft: DraftSignal}} props */
export function RecordingBooth({project: {name}, draft}) {
  const {kind, range} = draft.value;
  const [prompt, setPrompt] = useState(/** @type {Prompt | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));

  /** @param {number | null} [number] null for the first prompt without a take */
  function load(number = null) {
    get("booth/prompt", {name, kind, range, number}).then((found) => {
      setPrompt(found);
      setError(null);
    }, setError);
  }
  useEffect(() => load(), [name, kind, range]);
  useEffect(() => {
    if (prompt) load(prompt.number); // its texts are in another language now
  }, [language.value]);
  useEffect(() => {
    if (error && connection.value === "open") load();
  }, [connection.value]);

  /** @param {Upload} upload @param {import("../../components/booth.js").Prompt} from */
  const check = ({id}, {number}) => post("booth/take", {upload: id, number, kind}, {name});

  /** @param {Upload} upload @param {import("../../components/booth.js").Prompt} from */
  async function keep({id}, {number}) {
    setPrompt((await post("booth/keep", {upload: id, number, kind, range}, {name})).next);
    announce("projects", name);
  }

  /** @param {1 | -1} step */
  function turn(step) {
    if (!prompt) return;
    const {number, total} = prompt;
    get("booth/prompt", {name, kind, range, number: ((number - 1 + step + total) % total) + 1}).then(setPrompt, failed);
  }

  return html`<section class="booth-card" aria-label=${t("train.booth")}>
    <div class="booth-tools">
      <${Segmented} label=${t("train.booth_kind")} value=${kind} onChange=${(/** @type {"spoken" | "sung"} */ to) => change(draft, {kind: to})} choices=${[
        {value: "spoken", title: t("train.read_sentences")}, {value: "sung", title: t("train.sing_melodies")},
      ]} />
      ${kind === "sung" && html`<${Field} class="booth-range" label=${t("train.range")}>${(/** @type {any} */ ids) => html`<${Select}
        ...${ids} value=${range} choices=${RANGES.map((value) => ({value, title: t(`train.range_${value}`)}))}
        onChange=${(/** @type {string} */ to) => change(draft, {range: to})}
      />`}</${Field}>`}
      <span class="quiet">${prompt && t("train.booth_taken", {n: prompt.recorded, total: prompt.total})}</span>
      <${IconButton} icon="close" label=${t("train.booth_close")} act=${() => change(draft, {booth: false})} />
    </div>
    ${error && html`<${Problem} error=${error} retry=${() => load()} />`}
    ${prompt && html`<${Booth} prompt=${prompt} check=${check} keep=${keep} turn=${turn} />`}
  </section>`;
}
