// Check-up: findings on this computer, each with a remedy, then all facts about it.

import {html, useEffect, useRef, useState} from "../vendor/preact.js";
import {get, post} from "../lib/api.js";
import {bytes, percent} from "../lib/format.js";
import {problemOf} from "../lib/microphone.js";
import {jobs, keep, session, useResource} from "../lib/store.js";
import {t} from "../lib/texts.js";
import {ActionBar} from "../components/action-bar.js";
import {Button, Card, Fold, IconButton, Problem, Progress, Spinner} from "../components/basics.js";
import {copyText} from "../components/copy.js";
import {Icon} from "../components/icons.js";
import {isActive} from "../components/job-card.js";
import {Page} from "../components/page.js";
import {failed} from "../components/toast.js";

/** @typedef {import("../lib/types.js").Asset} Asset */
/** @typedef {{name: string, title: string, state: "good" | "absent" | "note" | "bad", text: string, remedy: string,
 *   facts: Record<string, any>}} Check */
/** @typedef {{findings: Check[], checks: Check[], seconds: number}} Diagnosis */

// Other remedies are steps for a person, for example to plug in a microphone.
const COMMAND = /^(pip|uv|svc|svcg|nvidia-smi|mkdir|unset|set|delete)\b/;

/** Parts of the page, in order, with the checks that belong to them; a check goes to the first that fits. */
const PARTS = /** @type {[string, (check: Check) => boolean][]} */ ([
  ["extras", ({name}) => name.startsWith("extra_")],
  ["sound", ({name}) => ["sound", "portaudio", "microphone"].includes(name)],
  ["folders", ({name}) => ["workspace", "cache", "assets_folder", "offline", "bundled"].includes(name)],
  ["files", ({facts}) => "paths" in facts || "url" in facts],
  ["computer", () => true],
]);
const SHOWN = ["computer", "sound", "folders", "files", "extras"];

/** Return the diagnosis, whether it is being made, its error, and a function that makes it again. */
function useDiagnosis() {
  const [found, setFound] = useState(/** @type {Diagnosis | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [busy, setBusy] = useState(true);
  const last = useRef(0);
  async function examine() {
    const number = ++last.current;
    setBusy(true);
    setError(null);
    try {
      const diagnosis = await get("doctor");
      if (number === last.current) setFound(diagnosis);
    } catch (caught) {
      if (number === last.current) setError(/** @type {Error} */ (caught));
    }
    if (number === last.current) setBusy(false);
  }
  return {found, error, busy, examine};
}

export default function Doctor() {
  const {found, error, busy, examine} = useDiagnosis();
  const {data} = useResource("assets", {}, ["assets"]);
  const assets = /** @type {Asset[]} */ (data ?? []);
  const microphone = useMicrophone();
  const here = assets.filter((asset) => asset.here).map(({name}) => name).join();
  useEffect(() => void examine(), [here]); // repeated when a file has been downloaded
  return html`<${Page}
    class="doctor" title=${t("frame.doctor")} lead=${t("doctor.lead")}
    aside=${html`<${Button} kind="quiet" icon="retry" busy=${busy && found !== null} act=${examine}>${t("doctor.again")}</${Button}>`}
    bar=${html`<${ActionBar} label=${t("doctor.copy")} icon="copy" reason=${found ? null : t("doctor.wait")} act=${() => found && copyText(report(found, microphone))} note=${html`<p class="quiet">${t("doctor.copy_hint")}</p>`} />`}
  >
    ${error && html`<${Problem} error=${error} retry=${examine} />`}
    ${!found && !error && html`<p class="examining" role="status"><${Spinner} />${t("doctor.looking")}</p>`}
    ${found && html`
      <${Findings} findings=${found.findings} assets=${assets} />
      <div class="doctor-grid">${SHOWN.map((part) => {
        const checks = found.checks.filter((check) => partOf(check) === part);
        return html`<${Part} key=${part} part=${part} checks=${checks} assets=${assets}>
          ${part === "sound" && html`<${CheckRow} check=${microphone} assets=${[]} />`}
        </${Part}>`;
      })}</div>
    `}
  </${Page}>`;
}

/** @param {Check} check */
function partOf(check) {
  return PARTS.find(([, fits]) => fits(check))?.[0];
}

/** Problems, then findings that are worth knowing, each with its remedy. @param {{findings: Check[], assets: Asset[]}} props */
function Findings({findings, assets}) {
  if (!findings.length) return html`<p class="all-well" role="status"><${Icon} name="check" size=${24} /><span>${t("doctor.all_well")}</span></p>`;
  return html`<section class="findings" aria-labelledby="findings-title">
    <h2 id="findings-title">${t("doctor.findings")}</h2>
    <ul>${findings.map((check) => html`<li key=${check.name} class=${`finding finding-${check.state}`}>
      <${Sign} state=${check.state} />
      <div class="finding-text"><h3 class=${check.name}>${check.title}</h3><p dir="auto">${check.text}</p></div>
      <${Remedy} check=${check} assets=${assets} />
    </li>`)}</ul>
  </section>`;
}

/** @param {{check: Check, assets: Asset[]}} props */
function Remedy({check, assets}) {
  const {remedy} = check;
  const asset = assetOf(check, assets);
  if (asset && !asset.here && check.state !== "bad") return html`<${Download} asset=${asset} />`;
  if (!remedy) return null;
  if (!COMMAND.test(remedy)) return html`<p class="remedy-step">${remedy}</p>`;
  return html`<div class="remedy"><code dir="ltr">${remedy}</code><${IconButton} icon="copy" size=${18} label=${t("doctor.copy_command", {command: remedy})} act=${() => copyText(remedy)} /></div>`;
}

/** @param {Check} check @param {Asset[]} assets */
function assetOf({name}, assets) {
  return assets.find((asset) => name === asset.name || name === `base ${asset.name}`);
}

/** A button that downloads a file, and the progress of that. @param {{asset: Asset}} props */
function Download({asset}) {
  const {name, title} = asset;
  const job = (jobs.value ?? []).find((one) => one.kind === "fetch" && one.about.asset === name && isActive(one));
  const fetch = () => post("assets/fetch", {name}).then(keep, failed);
  if (job) {
    return html`<div class="fetching">
      <${Progress} fraction=${job.fraction} label=${title} /><span class="quiet">${percent(job.fraction ?? 0)}</span>
      <${IconButton} icon="stop" size=${18} label=${t("frame.stop")} act=${() => post(`jobs/${job.id}/cancel`).catch(failed)} />
    </div>`;
  }
  return html`<${Button} kind="quiet" icon="download" act=${fetch}>${t("frame.download")} <span class="unseen">${title}</span>${asset.bytes > 0 && html` <span class="quiet">${bytes(asset.bytes)}</span>`}</${Button}>`;
}

/** @param {{state: Check["state"]}} props */
function Sign({state}) {
  const icons = /** @type {const} */ ({good: "check", absent: "minus", note: "info", bad: "warning"});
  return html`<span class=${`check-sign ${state}`} role="img" aria-label=${t(`doctor.state_${state}`)}><${Icon} name=${icons[state]} size=${18} /></span>`;
}

/**
 * @param {{part: string, checks: Check[], assets: Asset[], children?: import("../vendor/preact.js").ComponentChildren}} props
 */
function Part({part, checks, assets, children}) {
  if (!checks.length) return null;
  const rows = (/** @type {Check[]} */ list) => html`<ul class="checks">${list.map((check) => html`<${CheckRow} key=${check.name} check=${check} assets=${assets} />`)}</ul>`;
  if (part !== "files") return html`<${Card} class=${`part-${part}`} title=${t(`doctor.part_${part}`)}>${rows(checks)}${children && html`<ul class="checks">${children}</ul>`}</${Card}>`;
  // Most files are for kinds of voices that a person does not have.
  const absent = checks.filter(({state}) => state === "absent");
  return html`<${Card} class="part-files" title=${t("doctor.part_files")}>
    ${rows(checks.filter(({state}) => state !== "absent"))}
    ${absent.length > 0 && html`<${Fold} title=${t("doctor.absent_files")} note=${String(absent.length)}>${rows(absent)}</${Fold}>`}
  </${Card}>`;
}

/** A fact; the remedy of a finding is shown above. @param {{check: Check, assets: Asset[]}} props */
function CheckRow({check, assets}) {
  const {title, state, text} = check;
  return html`<li class="check-row">
    <${Sign} state=${state} />
    <div class="check-text"><p class=${`check-title ${check.name}`}>${title}</p><p class="quiet" dir="auto">${text}</p></div>
    ${state === "absent" && html`<${Remedy} check=${check} assets=${assets} />`}
  </li>`;
}

/** The microphone of this browser, which may be on another computer than the studio. @returns {Check} */
function useMicrophone() {
  const [text, setText] = useState({state: /** @type {Check["state"]} */ ("absent"), text: "…"});
  useEffect(() => {
    if (!isSecureContext) return setText({state: "note", text: problemOf(null)});
    const devices = navigator.mediaDevices;
    if (!devices) return setText({state: "note", text: t("doctor.no_microphone")});
    const look = async () => {
      const inputs = (await devices.enumerateDevices()).filter(({kind}) => kind === "audioinput");
      const names = inputs.map(({label}) => label).filter(Boolean);
      // Without a permission, browsers give no names.
      const found = names[0] ?? t("doctor.microphone_unnamed");
      setText(inputs.length ? {state: "good", text: found} : {state: "absent", text: t("doctor.no_microphone")});
    };
    look().catch(() => setText({state: "note", text: t("doctor.no_microphone")}));
    devices.addEventListener("devicechange", look);
    return () => devices.removeEventListener("devicechange", look);
  }, []);
  return {name: "browser_microphone", title: t("doctor.browser_microphone"), remedy: "", facts: {}, ...text};
}

/** The diagnosis as text, in the format of `svc doctor`. @param {Diagnosis} found @param {Check} microphone */
function report(found, microphone) {
  const lines = [...found.checks, microphone].map(({state, title, text, remedy}) => `${state.padEnd(6)} ${title}: ${text}${remedy && state !== "good" ? `\n       -> ${remedy}` : ""}`);
  const studio = session.value ? `myna ${session.value.version}` : "myna";
  return [studio, ...lines, `browser: ${navigator.userAgent}`].join("\n");
}
