// One voice in training: its steps, of which the next one is unfolded.

import {computed, html, useEffect, useMemo} from "../../vendor/preact.js";
import {ApiError} from "../../lib/api.js";
import {bytes} from "../../lib/format.js";
import {href, jobs, useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ButtonLink, Empty, Problem} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {Menu} from "../../components/menu.js";
import {Page} from "../../components/page.js";
import {Bar} from "./bar.js";
import {CompareStep} from "./comparing.js";
import {deleteProject} from "./deleting.js";
import {change, draftOf} from "./draft.js";
import {Experts} from "./experts.js";
import {PackStep} from "./packing.js";
import {PrepareStep} from "./preparing.js";
import {RecordingsStep} from "./recordings.js";
import {sendingOf} from "./sending.js";
import {nextStep} from "./steps.js";
import {TrainStep} from "./training.js";

/** @typedef {import("./types.js").Project} Project */

/** @param {{name: string}} props */
export function ProjectPage({name}) {
  const {data, error, reload} = useResource("project", {name}, ["projects", "assets", "jobs"]);
  const project = /** @type {Project | null} */ (data);
  const draft = draftOf(name);

  // A step changes when one of its jobs begins or ends; the list of jobs shows this before the voice is loaded again.
  const courses = useMemo(() => computed(() => coursesOf(name)), [name]);
  useEffect(() => {
    if (project) reload();
  }, [courses.value]);

  const next = project ? nextStep(project) : undefined;
  useEffect(() => {
    // The next step unfolds by itself; the ones before stay as they are, so that nothing moves away.
    if (next && next !== draft.peek().opened) change(draft, {opened: next, open: [...new Set([...draft.peek().open, next])]});
  }, [next]);

  const title = html`<a class="up" href=${href("train")} aria-label=${t("train.back_to_list")}><${Icon} name="chevron" /></a><span dir="auto">${name}</span>`;
  const gone = error instanceof ApiError && error.status === 404;
  if (!project || gone) {
    return html`<${Page} class="train" title=${title}>
      ${gone && html`<${Empty} icon="train" title=${t("train.gone", {name})} action=${html`<${ButtonLink} href=${href("train")}>${t("train.back_to_list")}</${ButtonLink}>`} />`}
      ${error && !gone && html`<${Problem} error=${error} retry=${reload} />`}
    </${Page}>`;
  }
  const {disk_bytes: size, problem} = project;
  return html`<${Page}
    class="train" title=${title} lead=${size > 0 && t("train.size", {size: bytes(size)})}
    aside=${html`<${Menu} label=${t("train.more_with", {name})} items=${[
      {title: t("train.delete"), icon: "trash", danger: true, act: () => deleteProject(name, size)},
    ]} />`}
    onFiles=${(/** @type {File[]} */ files) => sendingOf(name).add(files)}
    bar=${html`<${Bar} project=${project} draft=${draft} />`}
  >
    ${problem && html`<${Problem} error=${problem} />`}
    <div class="steps">
      <${RecordingsStep} project=${project} draft=${draft} />
      <${PrepareStep} project=${project} draft=${draft} />
      <${TrainStep} project=${project} draft=${draft} />
      <${CompareStep} project=${project} draft=${draft} />
      <${PackStep} project=${project} draft=${draft} />
    </div>
    <${Experts} project=${project} draft=${draft} />
  </${Page}>`;
}

/** The states of all jobs of a voice, as one text. @param {string} name */
function coursesOf(name) {
  return (jobs.value ?? []).filter(({about}) => about.project === name).map(({id, state}) => `${id} ${state}`).join();
}
