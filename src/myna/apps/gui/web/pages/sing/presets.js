// Presets: parameters kept under a name.

import {html, useState} from "../../vendor/preact.js";
import {del, get, put} from "../../lib/api.js";
import {useResource} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Field, TextInput} from "../../components/basics.js";
import {Dialog, ask} from "../../components/dialog.js";
import {Menu} from "../../components/menu.js";
import {failed, toast} from "../../components/toast.js";
import {values} from "./settings.js";

/** Parameters that belong to a song or a voice, not to a preset. */
const NOT_KEPT = new Set(["transpose", "speaker"]);

/** The menu of presets. */
export function Presets() {
  const {data} = useResource("presets", {}, ["presets"]);
  const [saving, setSaving] = useState(false);
  const names = /** @type {{name: string}[]} */ (data ?? []).map(({name}) => name);
  const changed = Object.keys(values.value).some((name) => !NOT_KEPT.has(name));
  return html`
    <${Menu} label=${t("sing.presets")} items=${[
      ...names.map((name) => ({title: name, icon: /** @type {const} */ ("star"), act: () => load(name)})),
      {title: t("sing.save_preset"), icon: "add", disabled: !changed, act: () => setSaving(true)},
      changed && {title: t("sing.reset_all"), icon: "reset", act: () => (values.value = kept(values.value, (name) => NOT_KEPT.has(name)))},
      ...names.map((name) => ({title: t("sing.delete_preset", {name}), icon: /** @type {const} */ ("trash"), danger: true, act: () => remove(name)})),
    ]}>${t("sing.presets")}</${Menu}>
    ${saving && html`<${SaveDialog} names=${names} onClose=${() => setSaving(false)} />`}`;
}

/** @param {string} name */
async function load(name) {
  try {
    const preset = await get("preset", {name});
    const own = kept(values.value, (one) => NOT_KEPT.has(one));
    values.value = {...own, ...kept(preset.values, (one) => !NOT_KEPT.has(one))};
    toast(t("sing.preset_loaded", {name}));
  } catch (error) {
    failed(/** @type {Error} */ (error));
  }
}

/** @param {string} name */
async function remove(name) {
  if (await ask({title: t("sing.delete_preset", {name}), yes: t("frame.delete"), danger: true})) del("preset", {name}).catch(failed);
}

/** @param {Record<string, any>} all @param {(name: string) => boolean} which */
function kept(all, which) {
  return Object.fromEntries(Object.entries(all).filter(([name]) => which(name)));
}

/** @param {{names: string[], onClose: () => void}} props */
function SaveDialog({names, onClose}) {
  const [name, setName] = useState("");
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const taken = names.includes(name.trim());

  async function save() {
    try {
      await put("preset", {values: kept(values.value, (one) => !NOT_KEPT.has(one))}, {name: name.trim()});
      onClose();
    } catch (caught) {
      setError(/** @type {Error} */ (caught).message);
    }
  }

  return html`<${Dialog} title=${t("sing.save_preset")} onClose=${onClose} actions=${html`
    <${Button} act=${onClose}>${t("frame.cancel")}</${Button}>
    <${Button} kind="main" disabled=${!name.trim()} act=${save}>${t(taken ? "frame.replace" : "frame.save")}</${Button}>
  `}><form onSubmit=${(/** @type {Event} */ event) => {
    event.preventDefault();
    if (name.trim()) save();
  }}><${Field} label=${t("frame.name")} error=${error}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} value=${name} onChange=${setName} autofocus />`}</${Field}></form></${Dialog}>`;
}
