// Dialogs that make something from a voice: a packed file, a blend with another voice, a new name.

import {html, useState} from "../../vendor/preact.js";
import {patch, post} from "../../lib/api.js";
import {percent} from "../../lib/format.js";
import {go, jobs, keep, voices} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Field, Problem, Select, Switch, TextInput} from "../../components/basics.js";
import {Dialog} from "../../components/dialog.js";
import {JobFiles, JobLine, isActive} from "../../components/job-card.js";
import {awaitVoice} from "./actions.js";

/** @typedef {import("../../lib/types.js").Voice} Voice */

/**
 * A dialog with a form, which shows the error of its request and closes after it.
 * @param {{title: string, yes: string, reason?: string | null, submit: () => Promise<any>, onClose: () => void, stays?: boolean,
 *   children?: import("../../vendor/preact.js").ComponentChildren}} props
 *   reason: why it cannot be submitted; stays: the dialog stays open after the request
 */
function FormDialog({title, yes, reason = null, submit, onClose, stays = false, children}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));

  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    if (busy || reason) return;
    setBusy(true);
    setError(null);
    try {
      await submit();
      if (!stays) return onClose();
    } catch (caught) {
      setError(/** @type {Error} */ (caught));
    }
    setBusy(false);
  }

  return html`<${Dialog} title=${title} onClose=${onClose}>
    <form class="dialog-form" onSubmit=${send}>
      ${children}
      ${error && html`<${Problem} error=${error} />`}
      <div class="dialog-actions">
        ${reason && html`<p class="quiet dialog-reason">${reason}</p>`}
        <${Button} act=${onClose}>${t("frame.cancel")}</${Button}>
        <${Button} kind="main" type="submit" busy=${busy} disabled=${reason !== null}>${yes}</${Button}>
      </div>
    </form>
  </${Dialog}>`;
}

/**
 * Pack a voice into one file.
 * @param {{voice: Voice, onClose: () => void}} props
 */
export function Pack({voice, onClose}) {
  const {name, title} = voice;
  const [text, setText] = useState({author: voice.author ?? "", licence: voice.licence ?? "", cover: voice.cover ?? ""});
  const [switches, setSwitches] = useState({half: false, release: false, index: voice.retrieval});
  const [number, setNumber] = useState(/** @type {number | null} */ (null));
  const job = (jobs.value ?? []).find(({id}) => id === number);
  const field = (/** @type {"author" | "licence" | "cover"} */ key, rows = 1) => html`<${Field} label=${t(`voices.${key}`)} help=${t(`voices.${key}_help`)}>${(/** @type {any} */ ids) => html`<${TextInput}
    ...${ids} rows=${rows} value=${text[key]} onChange=${(/** @type {string} */ value) => setText({...text, [key]: value})}
  />`}</${Field}>`;
  const choice = (/** @type {"half" | "release" | "index"} */ key) => html`<${Switch} value=${switches[key]} onChange=${(/** @type {boolean} */ value) => setSwitches({...switches, [key]: value})}>${t(`voices.${key}`)}</${Switch}>`;

  if (job && !["failed", "cancelled", "interrupted", "gone"].includes(job.state)) {
    return html`<${Dialog} title=${t("voices.pack_title", {name: title})} onClose=${onClose}>
      ${isActive(job) ? html`<${JobLine} job=${job} />` : html`<p>${t("voices.packed")}</p><${JobFiles} job=${job} />`}
    </${Dialog}>`;
  }
  return html`<${FormDialog}
    title=${t("voices.pack_title", {name: title})} yes=${t("voices.pack_yes")} stays onClose=${onClose}
    submit=${async () => {
      const started = await post("voice/pack", {...text, ...switches}, {name});
      keep(started);
      setNumber(started.id);
    }}
  >
    <p>${t("voices.pack_what")}</p>
    ${field("author")}${field("licence")}${field("cover", 3)}
    <div class="pack-switches">${choice("half")}${choice("release")}${voice.retrieval && choice("index")}</div>
    ${job?.error && html`<${Problem} error=${job.error} />`}
  </${FormDialog}>`;
}

/**
 * Blend a voice with another of its kind.
 * @param {{voice: Voice, onClose: () => void}} props
 */
export function Blend({voice, onClose}) {
  const others = (voices.value ?? []).filter(({name, family, problem}) => name !== voice.name && family === voice.family && !problem);
  const [other, setOther] = useState(others[0]?.name ?? null);
  const [share, setShare] = useState(0.5);
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const second = others.find(({name}) => name === other);
  const name = typed ?? (second ? `${voice.title} + ${second.title}` : "");

  if (!second) {
    return html`<${Dialog} title=${t("voices.blend_title", {name: voice.title})} onClose=${onClose}><p>${t("voices.no_others", {kind: voice.kind})}</p></${Dialog}>`;
  }
  const reason = name.trim() ? null : t("voices.no_name");
  return html`<${FormDialog}
    title=${t("voices.blend_title", {name: voice.title})} yes=${t("voices.blend_yes")} reason=${reason} onClose=${onClose}
    submit=${async () => awaitVoice(await post("voices/blend", {one: voice.name, other, share, name}))}
  >
    <p>${t("voices.blend_what")}</p>
    <${Field} label=${t("voices.blend_with")}>${(/** @type {any} */ ids) => html`<${Select} ...${ids} value=${other} choices=${others.map((one) => ({value: one.name, title: one.title}))} onChange=${setOther} />`}</${Field}>
    <${Field} label=${t("voices.share")}>${(/** @type {any} */ ids) => html`<div class="blend-share">
      <input
        ...${{id: ids.id}} type="range" min="0.05" max="0.95" step="0.05" value=${share} style=${{"--share": String((share - 0.05) / 0.9)}}
        aria-valuetext=${t("voices.share_value", {one: voice.title, share_one: percent(1 - share), other: second.title, share_other: percent(share)})}
        onInput=${(/** @type {any} */ event) => setShare(Number(event.currentTarget.value))}
      />
      <span dir="auto"><b>${percent(1 - share)}</b> ${voice.title}</span><span dir="auto"><b>${percent(share)}</b> ${second.title}</span>
    </div>`}</${Field}>
    <${Field} label=${t("voices.name")}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} value=${name} onChange=${setTyped} />`}</${Field}>
  </${FormDialog}>`;
}

/**
 * Give a voice another name.
 * @param {{voice: Voice, onClose: () => void}} props
 */
export function Rename({voice, onClose}) {
  const [name, setName] = useState(voice.name);
  return html`<${FormDialog}
    title=${t("voices.rename_title", {name: voice.title})} yes=${t("voices.rename")} reason=${name.trim() ? null : t("voices.no_name")} onClose=${onClose}
    submit=${async () => {
      const renamed = await patch("voice", {name: name.trim()}, {name: voice.name});
      go("voices", renamed.name);
    }}
  >
    <${Field} label=${t("voices.name")}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} value=${name} onChange=${setName} autofocus />`}</${Field}>
  </${FormDialog}>`;
}
