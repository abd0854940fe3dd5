// One voice: its properties, the person's notes about it, and actions.

import {html, useEffect, useState} from "../../vendor/preact.js";
import {post} from "../../lib/api.js";
import {bytes, noteName} from "../../lib/format.js";
import {href, jobs, keep, session, useResource, voices} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {ActionBar} from "../../components/action-bar.js";
import {Button, Card, Chip, Empty, IconButton, Problem, Spinner} from "../../components/basics.js";
import {Icon} from "../../components/icons.js";
import {JobCard, JobFiles, isActive} from "../../components/job-card.js";
import {Needs} from "../../components/needs.js";
import {Page} from "../../components/page.js";
import {TestClip} from "../../components/test-clip.js";
import {failed} from "../../components/toast.js";
import {jobOfVoice, remove, showFolder, singWith} from "./actions.js";
import {Blend, Pack, Rename} from "./making.js";
import {Defaults, Notes} from "./notes.js";

/** @typedef {import("../../lib/types.js").Voice} Voice */

/** @param {{name: string}} props */
export function VoiceView({name}) {
  const {data, error, reload} = useResource("voice", {name}, ["voices"]);
  const voice = /** @type {Voice | null} */ (data ?? voices.value?.find((one) => one.name === name) ?? null);
  const back = {href: href("voices"), title: t("frame.voices")};

  useEffect(() => scrollTo({top: 0, behavior: "instant"}), []);

  if (!voice) {
    const status = /** @type {any} */ (error)?.status;
    return html`<${Page} title=${name} back=${back} class="voice-view">
      ${status === 404 ? html`<${Empty} icon="voices" title=${t("voices.not_here")} action=${html`<a class="button plain" href=${href("voices")}>${t("voices.all")}</a>`}>${error?.message}</${Empty}>`
        : error ? html`<${Problem} error=${error} retry=${reload} />` : html`<${Spinner} label=${name} />`}
    </${Page}>`;
  }
  const {title, kind, origin, problem} = voice;
  const missing = voice.needs.filter(({here}) => !here);
  return html`<${Page}
    class="voice-view" title=${title} back=${back} lead=${[kind, t(`voices.origin_${origin}`)].filter(Boolean).join(" · ")}
    aside=${html`<${TestClip} voice=${voice} again />`}
    bar=${html`<${ActionBar}
      label=${t("voices.sing_with_it")} icon="sing" act=${() => singWith(voice)} reason=${problem ? t("voices.broken") : null} job=${jobOfVoice(name) ?? null}
      instead=${!problem && missing.length > 0 && html`<${Needs} assets=${missing} />`}
    />`}
  >
    ${problem && html`<${Problem} error=${problem} />`}
    <div class="voice-grid">
      <div class="voice-column">
        <${About} voice=${voice} />
        <${Notes} voice=${voice} />
        <${Making} voice=${voice} />
      </div>
      <${Defaults} voice=${voice} />
    </div>
  </${Page}>`;
}

/** @param {{voice: Voice}} props */
function About({voice}) {
  const {speakers, pitch, sample_rate: rate, author, licence, cover, retrieval, folder, version, remarks} = voice;
  const facts = /** @type {[string, any][]} */ ([
    [t("voices.kind"), voice.kind && version && !voice.kind.includes(version) ? `${voice.kind}, ${version}` : voice.kind],
    [t(speakers.length > 1 ? "voices.speakers" : "voices.pitch"), speakerList(speakers, pitch)],
    [t("voices.rate"), rate && t("voices.khz", {n: rate / 1000})],
    [t("voices.retrieval"), t(retrieval ? "voices.retrieval_yes" : "voices.retrieval_no")],
    [t("voices.author"), author],
    [t("voices.licence"), licence],
    [t("voices.size"), bytes(voice.bytes)],
    [t("voices.folder"), session.value?.local && folder && html`<span class="voice-folder"><code dir="ltr">${folder}</code><${IconButton} icon="folder" label=${t("voices.show_folder")} act=${() => showFolder(voice)} /></span>`],
  ]);
  return html`<${Card} title=${t("voices.about")}>
    ${cover && html`<p class="cover" dir="auto">${cover}</p>`}
    ${remarks.length > 0 && html`<ul class="voice-warnings" aria-label=${t("voices.warnings")}>${remarks.map((text) => html`<li><${Icon} name="warning" size=${16} /><span dir="auto">${text}</span></li>`)}</ul>`}
    <dl class="voice-facts">${facts.filter(([, value]) => value).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd dir="auto">${value}</dd></div>`)}</dl>
  </${Card}>`;
}

/** @param {string[]} speakers @param {Record<string, number>} pitch Hz */
function speakerList(speakers, pitch) {
  if (speakers.length < 2) {
    const [hz] = Object.values(pitch);
    return hz ? t("voices.around_hz", {note: noteName(hz), hz: Math.round(hz)}) : "";
  }
  return html`<span class="chips">${speakers.map((name) => html`<${Chip} key=${name}><span dir="auto">${name}</span>${pitch[name] && html` <span>${noteName(pitch[name])}</span>`}</${Chip}>`)}</span>`;
}

/** Files and voices that can be made from a voice. @param {{voice: Voice}} props */
function Making({voice}) {
  const {name} = voice;
  const [dialog, setDialog] = useState("");
  const close = () => setDialog("");
  const made = (jobs.value ?? []).filter(({kind, about, state}) => ["pack", "export"].includes(kind) && about.voice === name && state !== "cancelled").slice(0, 3);
  const exporting = made.some((job) => job.kind === "export" && isActive(job));
  const whole = !voice.problem;
  return html`<${Card} title=${t("voices.make")}>
    <ul class="makings">
      ${voice.renamable && making("edit", "rename", () => setDialog("rename"))}
      ${whole && making("pack", "pack", () => setDialog("pack"))}
      ${whole && making("file", "export", () => post("voice/export", {}, {name}).then(keep, failed), exporting)}
      ${whole && making("blend", "blend", () => setDialog("blend"))}
      ${voice.deletable && making("trash", "delete", () => remove(voice))}
    </ul>
    ${made.length > 0 && html`<ul class="voice-made" aria-label=${t("voices.made")}>${made.map((job) => html`<li key=${job.id}><${JobCard} job=${job}><${JobFiles} job=${job} /></${JobCard}></li>`)}</ul>`}
    ${dialog === "rename" && html`<${Rename} voice=${voice} onClose=${close} />`}
    ${dialog === "pack" && html`<${Pack} voice=${voice} onClose=${close} />`}
    ${dialog === "blend" && html`<${Blend} voice=${voice} onClose=${close} />`}
  </${Card}>`;
}

/**
 * An action with its explanation.
 * @param {import("../../components/icons.js").IconName} icon
 * @param {string} key part of the key of its texts
 * @param {() => void} act
 */
function making(icon, key, act, busy = false) {
  return html`<li key=${key}>
    <${Button} icon=${icon} busy=${busy} kind=${key === "delete" ? "danger" : "plain"} act=${act}>${t(`voices.${key}`)}</${Button}>
    <p class="quiet">${t(`voices.${key}_short`)}</p>
  </li>`;
}
