// Queue and results as one list: jobs that are waiting, running or failed, and results.

import {computed, html, signal, useEffect, useRef} from "../../vendor/preact.js";
import {address, del, post} from "../../lib/api.js";
import {duration, shift, when} from "../../lib/format.js";
import {playing} from "../../lib/playing.js";
import {href, jobs, results, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ButtonLink, Chip, Empty, IconButton, Problem, Select} from "../../components/basics.js";
import {copyText} from "../../components/copy.js";
import {Icon} from "../../components/icons.js";
import {JobCard, isActive} from "../../components/job-card.js";
import {Menu} from "../../components/menu.js";
import {Player} from "../../components/player.js";
import {failed, toast} from "../../components/toast.js";
import {ResultTracks, downloadWithLevels} from "./result-tracks.js";
import {FORMATS, chooseVoice, format, values} from "./settings.js";
import {addUpload} from "./song.js";

/** @typedef {import("../../lib/types.js").Job} Job */
/** @typedef {import("../../lib/types.js").Result} Result */

const KINDS = ["convert", "preview", "cover", "cover_preview"];

/** Conversion jobs of this page, newest first. */
export const singingJobs = computed(() => (jobs.value ?? []).filter(({kind, where}) => where === "page" && KINDS.includes(kind)));

/** Number of the result whose player is open. @type {import("../../vendor/preact.js").Signal<number | null>} */
export const openResult = signal(null);

/** Results whose deletion can still be undone; the list hides them at once. @type {import("../../vendor/preact.js").Signal<number[]>} */
const deleted = signal([]);

export function ResultList() {
  const shown = useShown();
  const pending = singingJobs.value.filter(({state}) => state !== "done");
  // Active jobs come first, in the order of the queue; the rest is sorted by time.
  const active = pending.filter(isActive).reverse();
  const ended = [...pending.filter((job) => !isActive(job)).map((job) => ({job, at: job.created_at})), ...shown.map((result) => ({result, at: result.made_at}))]
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
  const items = [...active.map((job) => ({job})), ...ended];
  return html`<section class="results" aria-labelledby="results-title">
    <div class="card-head">
      <h2 id="results-title">${t("sing.results")}</h2>
      ${shown.length > 0 && html`<div class="result-tools">
        <${Select} label=${t("sing.format")} value=${format.value} choices=${FORMATS.map((value) => ({value, title: value.toUpperCase()}))} onChange=${(/** @type {string} */ to) => (format.value = to)} />
        ${shown.length > 1 && html`<${ButtonLink} icon="download" download href=${address("results/archive", {format: format.value})}>${t("sing.download_all")}</${ButtonLink}>`}
      </div>`}
    </div>
    ${results.value && !items.length && html`<${Empty} icon="sing" title=${t("sing.no_results")}>${t("sing.no_results_hint")}</${Empty}>`}
    <ul class="result-list">${items.map((item) => ("result" in item
      ? html`<li key=${`result-${item.result.number}`}><${ResultRow} result=${item.result} /></li>`
      : html`<li key=${`job-${item.job.id}`}><${JobCard} job=${item.job} /></li>`))}</ul>
  </section>`;
}

/**
 * The results to show. A new preview replaces the one before; the open one stays until it is closed, because it may be playing.
 * @returns {Result[]}
 */
function useShown() {
  const open = useRef(/** @type {Result | null} */ (null));
  const listed = (results.value ?? []).filter(({number}) => !deleted.value.includes(number));
  const found = listed.find(({number}) => number === openResult.value);
  if (found || openResult.value === null || deleted.value.includes(openResult.value)) open.current = found ?? null;
  return found || !open.current ? listed : [...listed, open.current];
}

/** @param {{result: Result}} props */
function ResultRow({result}) {
  const {number, song, voice, seconds, transpose, made_at: made, preview} = result;
  const open = openResult.value === number;
  const id = `result-${number}`;
  return html`<article class=${`result ${open ? "open" : ""}`} id=${id} aria-labelledby=${`${id}-title`}>
    <div class="result-head">
      <button
        type="button" class="result-open" aria-expanded=${String(open)} aria-controls=${`${id}-body`}
        onClick=${() => (openResult.value = open ? null : number)}
      >
        <${Icon} name="chevron" size=${18} />
        <span class="result-text">
          <span class="result-title" id=${`${id}-title`} dir="auto">${song} <span class="result-voice">${voice}</span></span>
          <span class="quiet">${[duration(seconds), transpose && t("sing.shifted", {n: shift(transpose)}), when(made)].filter(Boolean).join(" · ")}</span>
        </span>
        ${preview && html`<${Chip}>${t("sing.preview_chip")}</${Chip}>`}
      </button>
      <a class="icon-button" href=${address(`results/${number}/audio`, {format: format.value, download: 1})} download onClick=${(/** @type {MouseEvent} */ event) => downloadWithLevels(event, number)} title=${t("sing.download_as", {format: format.value.toUpperCase()})} aria-label=${t("sing.download_as", {format: format.value.toUpperCase()})}><${Icon} name="download" /></a>
      <${Menu} label=${t("sing.more_with", {name: song})} items=${[
        {title: t("sing.again"), icon: "reset", act: () => again(result)},
        {title: t("sing.as_input"), icon: "input", act: () => asInput(result)},
        {title: t("sing.copy_command"), icon: "terminal", act: () => copyText(result.command)},
        ...FORMATS.filter((one) => one !== format.value).map((one) => ({
          title: t("sing.download_as", {format: one.toUpperCase()}), icon: /** @type {const} */ ("download"), download: true,
          href: address(`results/${number}/audio`, {format: one, download: 1}),
        })),
        {title: t("frame.delete"), icon: "trash", danger: true, act: () => remove(result)},
      ]} />
    </div>
    ${open && html`<div id=${`${id}-body`} class="result-body"><${ResultBody} result=${result} /></div>`}
  </article>`;
}

/** @param {{result: Result}} props */
function ResultBody({result}) {
  return html`
    ${result.remarks.length > 0 && html`<ul class="warnings">${result.remarks.map((text) => html`<li><${Icon} name="info" size=${16} /><span>${text}</span></li>`)}</ul>`}
    ${result.has_tracks ? html`<${ResultTracks} result=${result} />` : html`<${ResultPlayer} result=${result} />`}
    <div class="result-actions"><${ButtonLink} icon="edit" href=${href("pitch", String(result.number))}>${t("sing.edit_pitch")}</${ButtonLink}></div>
    <div class="command">
      <code dir="ltr">${result.command}</code>
      <${IconButton} icon="copy" label=${t("sing.copy_command")} act=${() => copyText(result.command)} />
    </div>`;
}

/** @param {{result: Result}} props */
export function ResultPlayer({result}) {
  const {data, error, reload} = useResource(`results/${result.number}/comparison`);
  if (error) return html`<${Problem} error=${error} retry=${reload} />`;
  return data ? html`<${Player} comparison=${data} />` : html`<div class="player-waiting" role="status" aria-label=${t("player.loading")}></div>`;
}

/** Load the song and the settings of a result into the page. @param {Result} result */
async function again(result) {
  try {
    const upload = await post(`results/${result.number}/reuse`, {}, {source: 1});
    chooseVoice(result.voice);
    const {transpose, ...options} = result.options;
    // Defaults of the voice are the defaults of the panel, too.
    values.value = Object.fromEntries(Object.entries(options).filter(([name, value]) => result.defaults[name] !== value));
    const song = addUpload(upload, (transpose ?? 0) + result.transpose_all);
    song.movesMusic.value = !transpose;
    scrollTo({top: 0});
    toast(t("sing.again_ready"));
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** @param {Result} result */
async function asInput(result) {
  try {
    addUpload(await post(`results/${result.number}/reuse`));
    scrollTo({top: 0});
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** @param {Result} result */
async function remove({number, song, voice}) {
  deleted.value = [...deleted.value, number];
  const back = () => (deleted.value = deleted.value.filter((one) => one !== number));
  try {
    const {trash_id: id} = await del(`results/${number}`);
    toast(t("sing.deleted", {name: `${song} · ${voice}`}), {
      undo: () => post(`trash/${id}/restore`).then(back, failed),
    });
  } catch (error) {
    back();
    failed(/** @type {Error} */ (error));
  }
}

/** Open a result and show it. @param {number} number */
export function listen(number) {
  openResult.value = number;
  requestAnimationFrame(() => {
    const shown = document.getElementById(`result-${number}`);
    shown?.scrollIntoView({block: "start", behavior: "smooth"});
    /** @type {HTMLElement | null | undefined} */ (shown?.querySelector(".result-open"))?.focus({preventScroll: true});
  });
}

/** Open the result of a job when it arrives, unless another one is open. @param {Job | undefined} job the newest of this page */
export function useFirstResult(job) {
  const number = job?.state === "done" ? job.about.result : undefined;
  useEffect(() => {
    if (number === undefined) return;
    const listed = (results.value ?? []).some((result) => result.number === openResult.value);
    if (!listed && !playing.value) openResult.value = number;
  }, [number]);
}
