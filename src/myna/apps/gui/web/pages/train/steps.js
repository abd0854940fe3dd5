// The steps from recordings to a packed voice: their order, their states, and the component of a step.

import {html, useRef} from "../../vendor/preact.js";
import {jobOf, jobs} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Problem, Spinner, useId} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {isActive} from "../../components/job-card.js";
import {change} from "./draft.js";

/** @typedef {import("./types.js").StepName} StepName */
/** @typedef {import("./types.js").StepView} StepView */
/** @typedef {import("./types.js").Steps} Steps */
/** @typedef {import("./types.js").Project} Project */
/** @typedef {import("../../vendor/preact.js").ComponentChildren} Children */
/** @typedef {import("../../vendor/preact.js").Signal<import("./draft.js").Draft>} DraftSignal */

/** @type {StepName[]} */
export const STEPS = ["recordings", "prepare", "train", "compare", "pack"];

/**
 * Return the step to take next: the one that runs, an interrupted training, or the first one that can be done; null if all are done.
 * @param {{name: string, steps: Steps}} project
 * @returns {StepName | null}
 */
export function nextStep({name, steps}) {
  const open = ["failed", "todo", "stale"];
  const running = STEPS.find((step) => steps[step].state === "running");
  if (running) return running;
  const first = STEPS.find((step) => open.includes(steps[step].state)) ?? null;
  const before = first === "recordings" || first === "prepare";
  return wasInterrupted(name) && !before && steps.train.state !== "blocked" ? "train" : first;
}

/** True if the last training run of a voice ended because the studio was closed. It has saved a checkpoint, so its files look done. @param {string} name */
export function wasInterrupted(name) {
  const last = jobs.value?.find(({kind, about}) => kind === "train" && about.project === name);
  return last?.state === "interrupted";
}

/** Return the running or waiting job of a step; null if there is none, or another process does the work. @param {StepView} step */
export function activeJob({job: id}) {
  const job = jobOf(id);
  return job && isActive(job) ? job : null;
}

/** The id of the element of a step. @param {StepName} step */
export const stepId = (step) => `train-step-${step}`;

/** Unfold a step, fold the others, and bring it into view. @param {DraftSignal} draft @param {StepName} step */
export function showStep(draft, step) {
  change(draft, {open: [step]});
  requestAnimationFrame(() => document.getElementById(stepId(step))?.scrollIntoView({block: "start"}));
}

/**
 * A step that can be folded away. Its content is rendered when it is first unfolded, and then stays mounted, so that playback continues.
 * @param {{step: StepName, project: Project, draft: DraftSignal, facts?: Children, children?: Children}} props
 *   facts: summary of a step that is done
 */
export function Step({step, project, draft, facts, children}) {
  const {state, reason} = project.steps[step];
  const open = draft.value.open.includes(step);
  const drawn = useRef(false);
  drawn.current ||= open;
  const id = useId();
  const toggle = () => change(draft, {open: open ? draft.value.open.filter((one) => one !== step) : [...draft.value.open, step]});
  return html`<section class=${`card step ${state} ${open ? "open" : ""}`} id=${stepId(step)} aria-labelledby=${`${id}-title`}>
    <h2>
      <button type="button" class="step-head" aria-expanded=${String(open)} aria-controls=${id} onClick=${toggle}>
        <${Mark} step=${step} state=${state} />
        <span class="step-title" id=${`${id}-title`}>${t(`train.step_${step}`)}</span>
        <span class="step-facts">
          <span class="step-state">${t(`train.state_${state}`)}</span>
          <span class="quiet">${[state === "done" && facts, (state !== "failed" || !open) && reason].filter(Boolean).join(" · ")}</span>
        </span>
        <${Icon} name="chevron" size=${18} />
      </button>
    </h2>
    <div class="step-body" id=${id} hidden=${!open}>${drawn.current && html`
      ${state === "failed" && reason && html`<${Problem} error=${reason} />`}
      ${children}
    `}</div>
  </section>`;
}

/** The number of a step, or an icon for its state. @param {{step: StepName, state: import("./types.js").StepState}} props */
function Mark({step, state}) {
  if (state === "running") return html`<span class="step-mark"><${Spinner} /></span>`;
  /** @type {Record<string, import("../../components/icons.js").IconName>} */
  const icons = {done: "check", failed: "warning", stale: "retry"};
  return html`<span class="step-mark" aria-hidden="true">
    ${icons[state] ? html`<${Icon} name=${icons[state]} size=${16} />` : STEPS.indexOf(step) + 1}
  </span>`;
}
