// The jobs in the top bar: the number of active jobs and, on request, their progress and the outcomes of the latest ones.

import {html, useEffect, useRef, useState} from "../vendor/preact.js";
import {activeJobs, href, jobs, route} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {Spinner} from "./basics.js";
import {Icon} from "./icons.js";
import {JobLine, isActive} from "./job-card.js";

const ENDED = 3; // most recent jobs that have ended

export function JobsMenu() {
  const [open, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const count = activeJobs.value.length;
  const page = route.value.page;

  useEffect(() => setOpen(false), [page]);
  useEffect(() => {
    if (!open) return;
    const outside = (/** @type {Event} */ event) => {
      if (!root.current?.contains(/** @type {Node} */ (event.target))) setOpen(false);
    };
    for (const name of ["pointerdown", "focusin"]) document.addEventListener(name, outside);
    return () => {
      for (const name of ["pointerdown", "focusin"]) document.removeEventListener(name, outside);
    };
  }, [open]);

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (!open || event.key !== "Escape") return;
    setOpen(false);
    /** @type {HTMLElement | null | undefined} */ (root.current?.querySelector("[aria-expanded]"))?.focus();
  }

  return html`<span class="menu jobs-menu" ref=${root} onKeyDown=${onKeyDown}>
    <button
      type="button" class="button quiet" aria-expanded=${String(open)} aria-current=${page === "jobs" ? "page" : undefined}
      title=${t("frame.jobs")} onClick=${() => setOpen(!open)}
    >
      ${count ? html`<${Spinner} />` : html`<${Icon} name="jobs" size=${18} />`}
      <span class="wide-only" aria-hidden="true">${t("frame.jobs")}</span>${count > 0 && html`<span class="count" aria-hidden="true">${count}</span>`}
      <span class="unseen">${count ? `${t("frame.jobs")}: ${t("frame.active_jobs", {n: count})}` : t("frame.jobs")}</span>
    </button>
    ${open && html`<section class="jobs-list" aria-label=${t("frame.jobs")}><${Latest} close=${() => setOpen(false)} /></section>`}
  </span>`;
}

/** @param {{close: () => void}} props */
function Latest({close}) {
  const all = jobs.value ?? [];
  const list = [...all.filter(isActive).reverse(), ...all.filter((job) => !isActive(job)).slice(0, ENDED)];
  return html`
    ${list.length === 0 ? html`<p class="quiet none">${t("jobs.none")}</p>` : html`<ul>${list.map((job) => html`<li key=${job.id}><${JobLine} job=${job} /></li>`)}</ul>`}
    <a class="button quiet" href=${href("jobs")} onClick=${close}>${t("jobs.all")}</a>`;
}
