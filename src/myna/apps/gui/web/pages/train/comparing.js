// Step 4: convert one recording with several checkpoints, and compare them by ear and by measures.

import {html, useEffect, useState} from "../../vendor/preact.js";
import {ApiError, post, upload} from "../../lib/api.js";
import {percent} from "../../lib/format.js";
import {playing} from "../../lib/playing.js";
import {keep, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Field, Fold, IconButton, Problem, Select, Switch} from "../../components/basics.js";
import {DropZone, SOUND} from "../../components/drop-zone.js";
import {Icon} from "../../components/icons.js";
import {JobLine} from "../../components/job-card.js";
import {Parameters} from "../../components/parameters.js";
import {Player} from "../../components/player.js";
import {failed} from "../../components/toast.js";
import {change} from "./draft.js";
import {Lines} from "./preparing.js";
import {Step, activeJob} from "./steps.js";

/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("./types.js").Compared} Compared */
/** @typedef {import("./draft.js").Draft} Draft */
/** @typedef {import("./steps.js").DraftSignal} DraftSignal */

const FEWEST = 2;
const MOST = 8; // the player has nine tracks, one for the recording
const OWN = "upload"; // the choice of an own recording
const ELSEWHERE = ["transpose"]; // each conversion shows its shift

/** The chosen checkpoints that still exist: at first the best and the newest. @param {Project} project @param {Draft} draft */
function numbersOf({checkpoints, best}, {numbers}) {
  const here = checkpoints.map(({number}) => number);
  if (numbers) return numbers.filter((number) => here.includes(number));
  const first = [...(best && here.includes(best.number) ? [best.number] : []), ...here];
  return [...new Set(first)].slice(0, FEWEST);
}

/** The chosen recording. @param {Project} project @param {Draft} draft */
function phraseOf({phrases}, {phrase}) {
  return phrase === OWN || phrases.some(({id}) => id === phrase) ? phrase : (phrases[0]?.id ?? OWN);
}

/** Reason why nothing can be compared now; null if something can. @param {Project} project @param {Draft} draft */
export function compareReason(project, draft) {
  const {state, reason} = project.steps.compare;
  if (state === "blocked") return reason;
  const n = numbersOf(project, draft).length;
  if (n < FEWEST || n > MOST) return t("train.choose_checkpoints", {fewest: FEWEST, most: MOST});
  return phraseOf(project, draft) === OWN && !draft.upload ? t("train.choose_phrase") : null;
}

/** Begin to compare. @param {Project} project @param {DraftSignal} draft */
export async function compare(project, draft) {
  const {upload: own, measure, measures} = draft.value;
  const phrase = phraseOf(project, draft.value);
  const numbers = numbersOf(project, draft.value).sort((one, other) => one - other);
  const body = {numbers, phrase: phrase === OWN ? own?.id : phrase, measure: measure && measures};
  try {
    keep(await post("project/compare", body, {name: project.name}));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404 && phrase === OWN) change(draft, {upload: null}); // it was too old
    failed(/** @type {Error} */ (error));
  }
}

/** @param {{project: Project, draft: DraftSignal}} props */
export function CompareStep({project, draft}) {
  const {steps, checkpoints, phrases} = project;
  const numbers = numbersOf(project, draft.value);
  const phrase = phraseOf(project, draft.value);
  const job = activeJob(steps.compare);
  const reason = compareReason(project, draft.value);
  const {data: form} = useResource("forms/evaluation");
  return html`<${Step} step="compare" project=${project} draft=${draft}>
    <p>${t("train.compare_what")}</p>
    ${checkpoints.length > 0 && html`
      <fieldset class="choices">
        <legend>${t("train.checkpoints")}</legend>
        ${checkpoints.map(({number, title, best}) => html`<label class="choice" key=${number}>
          <input
            type="checkbox" checked=${numbers.includes(number)} disabled=${!numbers.includes(number) && numbers.length >= MOST}
            onChange=${() => change(draft, {numbers: numbers.includes(number) ? numbers.filter((one) => one !== number) : [...numbers, number]})}
          /><span>${title}</span>${best && html`<${Icon} name="star" size=${14} />`}
        </label>`)}
      </fieldset>
      <${Field} class="phrase" label=${t("train.phrase")}>${(/** @type {any} */ ids) => html`<${Select}
        ...${ids} value=${phrase} choices=${[...phrases.map(({id, title}) => ({value: id, title})), {value: OWN, title: t("train.phrase_own")}]}
        onChange=${(/** @type {string} */ to) => change(draft, {phrase: to})}
      />`}</${Field}>
      ${phrase === OWN && html`<${OwnPhrase} draft=${draft} />`}
      <${Switch} value=${draft.value.measure} onChange=${(/** @type {boolean} */ to) => change(draft, {measure: to})}>${t("train.measure")}</${Switch}>
      ${draft.value.measure && html`<${Fold} title=${t("train.measures")}>
        <${Parameters} form=${form} values=${draft.value.measures} hide=${ELSEWHERE} onChange=${(/** @type {any} */ to) => change(draft, {measures: to})} />
      </${Fold}>`}`}
    ${job ? html`<${JobLine} job=${job} />` : html`<div class="step-actions">
      <${Button} icon="play" disabled=${Boolean(reason)} act=${() => compare(project, draft)}>${t("train.compare")}</${Button}>
      ${reason && html`<span class="quiet">${reason}</span>`}
    </div>`}
    ${project.compared && html`<${Comparison} name=${project.name} />`}
  </${Step}>`;
}

/** The upload of a recording of one's own. @param {{draft: DraftSignal}} props */
function OwnPhrase({draft}) {
  const [share, setShare] = useState(/** @type {number | null} */ (null));
  const own = draft.value.upload;

  /** @param {File[]} files */
  async function send([file]) {
    setShare(0);
    try {
      change(draft, {upload: await upload(file, {onProgress: setShare})});
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    setShare(null);
  }

  if (!own) return html`<${DropZone} small multiple=${false} accept=${SOUND} label=${share === null ? t("train.phrase_drop") : percent(share)} disabled=${share !== null} onFiles=${send} />`;
  return html`<p class="own-phrase"><${Icon} name="file" size=${18} /><span dir="auto">${own.name}</span>
    <${IconButton} icon="close" label=${t("frame.remove")} act=${() => change(draft, {upload: null})} /></p>`;
}

/** The last comparison. A new one replaces it at once, unless something is playing. @param {{name: string}} props */
function Comparison({name}) {
  const {data, error, reload} = useResource("project/comparison", {name}, ["projects"]);
  const [shown, setShown] = useState(/** @type {Compared | null} */ (null));
  const newest = /** @type {Compared | null} */ (data);
  const held = shown && newest && addresses(shown) !== addresses(newest) && playing.value !== null;
  useEffect(() => {
    if (newest && !(shown && addresses(shown) !== addresses(newest) && playing.peek() !== null)) setShown(newest);
  }, [newest]);
  if (!shown) return error ? html`<${Problem} error=${error} retry=${reload} />` : null;
  return html`<div class="comparison">
    ${held && html`<p class="new-comparison" role="status"><span>${t("train.new_comparison")}</span><${Button} act=${() => setShown(newest)}>${t("train.show_it")}</${Button}></p>`}
    <${Player} comparison=${shown.comparison} />
    <${Measures} compared=${shown} />
    <${Lines} title=${t("train.not_measured")} lines=${shown.notes} />
  </div>`;
}

/** @param {Compared} compared */
const addresses = ({comparison}) => comparison.tracks.map(({url}) => url).join("\n");

/** The measures, one row each; the best value of a row is marked. @param {{compared: Compared}} props */
function Measures({compared: {rows, comparison: {tracks: [, ...converted]}}}) {
  if (!rows.length) return null;
  return html`<div class="table" tabindex="0" role="region" aria-label=${t("train.measures")}>
    <table>
      <thead><tr><th scope="col">${t("train.measure_name")}</th>${converted.map(({name}) => html`<th scope="col">${name}</th>`)}<th scope="col">${t("train.recorded")}</th></tr></thead>
      <tbody>${rows.map(({title, values, best, target}) => html`<tr>
        <th scope="row">${title}</th>
        ${values.map((value, index) => html`<td class=${best[index] ? "best" : ""}>${best[index] && html`<${Icon} name="star" size=${14} /><span class="unseen">${t("train.best_value")} </span>`}${value}</td>`)}
        <td class="quiet">${target}</td>
      </tr>`)}</tbody>
    </table>
  </div>`;
}
