// Jobs: all long-running work that was started on the page or in a terminal.

import {computed, html, signal} from "../vendor/preact.js";
import {del} from "../lib/api.js";
import {when} from "../lib/format.js";
import {announce, go, href, jobs, projects, results, voices} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Button, Chip, Empty, Segmented, Spinner} from "../components/basics.js";
import {JobCard, JobFiles, isActive} from "../components/job-card.js";
import {Page} from "../components/page.js";
import {failed, toast} from "../components/toast.js";
import {listen} from "./sing/result-list.js";

/** @typedef {import("../lib/types.js").Job} Job */

const FILTERS = /** @type {Record<string, (job: Job) => boolean>} */ ({
  all: () => true,
  active: isActive,
  done: ({state}) => state === "done",
  failed: ({state}) => ["failed", "cancelled", "interrupted", "gone"].includes(state),
});

const filter = signal("all");
const shown = computed(() => (jobs.value ?? []).filter(FILTERS[filter.value]));

export default function Jobs() {
  const all = jobs.value;
  const active = shown.value.filter(isActive).reverse(); // in the order in which they will be done
  const ended = shown.value.filter((job) => !isActive(job));
  return html`<${Page}
    class="jobs" title=${t("frame.jobs")} lead=${t("jobs.lead")}
    aside=${html`<${Button} kind="quiet" icon="trash" disabled=${!all?.some((job) => !isActive(job))} act=${clear}>${t("jobs.clear")}</${Button}>`}
  >
    ${all === null ? html`<${Spinner} label=${t("frame.jobs")} />` : all.length === 0 ? html`<${Empty} icon="jobs" title=${t("jobs.none")}>${t("jobs.none_hint")}</${Empty}>` : html`
      <${Segmented}
        class="job-filter" label=${t("jobs.filter")} value=${filter.value} onChange=${(/** @type {string} */ to) => (filter.value = to)}
        choices=${Object.entries(FILTERS).map(([value, fits]) => ({value, title: html`${t(`jobs.filter_${value}`)} <span class="filter-count">${all.filter(fits).length}</span>`}))}
      />
      ${shown.value.length === 0 && html`<${Empty} icon="jobs" title=${t(`jobs.none_${filter.value}`)} />`}
      <${Section} title=${t("jobs.filter_active")} list=${active} />
      <${Section} title=${t("jobs.ended")} list=${ended} />
    `}
  </${Page}>`;
}

/** Remove the jobs that have ended from the list. */
async function clear() {
  try {
    await del("jobs");
    announce("jobs");
    toast(t("jobs.cleared"));
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** @param {{title: string, list: Job[]}} props */
function Section({title, list}) {
  if (!list.length) return null;
  return html`<section class="job-section" aria-label=${title}>
    <h2>${title}</h2>
    <ul class="job-list">${list.map((job) => html`<li key=${job.id}><${Row} job=${job} /></li>`)}</ul>
  </section>`;
}

/** @param {{job: Job}} props */
function Row({job}) {
  const {where, created_at: created} = job;
  return html`<${JobCard}
    job=${job} level=${3} log links=${html`<${Links} job=${job} />`}
    status=${html`${" · "}<time datetime=${created}>${when(created)}</time>${where === "terminal" && html` <${Chip} icon="terminal">${t("jobs.terminal")}</${Chip}>`}`}
  >
    ${where === "terminal" && isActive(job) && html`<p class="job-reason quiet">${t("jobs.stop_there")}</p>`}
    <${JobFiles} job=${job} />
  </${JobCard}>`;
}

/** Links to the items that a job is about, if they still exist. @param {{job: Job}} props */
function Links({job}) {
  const {result, voice, project} = job.about;
  const known = {
    result: job.state === "done" && results.value?.some(({number}) => number === result),
    voice: voices.value?.some(({name}) => name === voice),
    project: projects.value?.some(({name}) => name === project),
  };
  if (!known.result && !known.voice && !known.project) return null;
  return html`
    ${known.result && html`<button type="button" class="link" onClick=${() => {
      go("sing");
      listen(/** @type {number} */ (result));
    }}>${t("jobs.listen")}</button>`}
    ${known.project && html`<a href=${href("train", /** @type {string} */ (project))}>${t("jobs.open_training")}</a>`}
    ${known.voice && html`<a href=${href("voices", /** @type {string} */ (voice))}>${t("jobs.open_voice", {name: voice})}</a>`}`;
}
