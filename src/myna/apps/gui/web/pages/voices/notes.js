// Notes of a person about a voice, edited in place: tags, notes and default settings.

import {html, useMemo, useState} from "../../vendor/preact.js";
import {patch} from "../../lib/api.js";
import {useResource, voices} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {Button, Card, Field, IconButton, TextInput, useId} from "../../components/basics.js";
import {Parameters} from "../../components/parameters.js";
import {SavedNote, useSaved} from "./saved.js";

/** @typedef {import("../../lib/types.js").Voice} Voice */
/** @typedef {import("../../lib/types.js").Form} Form */

// Options that are not defaults of a voice: the key depends on the song, the others on the computer or the conversion.
const NOT_OF_A_VOICE = ["transpose", "auto_transpose", "transpose_step", "cluster_model_path", "max_chunk_seconds", "precision", "seed", "mark"];

/** @param {{voice: Voice}} props */
export function Notes({voice}) {
  const [tags, setTags, tagsState] = useSaved(voice.tags, (value) => patch("voice", {tags: value}, {name: voice.name}));
  const [notes, setNotes, notesState] = useSaved(voice.notes, (value) => patch("voice", {notes: value}, {name: voice.name}));
  return html`<${Card} title=${t("voices.notes_title")} aside=${html`<${SavedNote} state=${notesState || tagsState} />`}>
    <div class="voice-notes">
      <${Tags} tags=${tags} onChange=${setTags} />
      <${Field} label=${t("voices.notes")}>${(/** @type {any} */ ids) => html`<${TextInput} ...${ids} rows=${4} value=${notes} onChange=${setNotes} placeholder=${t("voices.notes_placeholder")} />`}</${Field}>
    </div>
  </${Card}>`;
}

/** @param {{tags: string[], onChange: (tags: string[]) => void}} props */
function Tags({tags, onChange}) {
  const [typed, setTyped] = useState("");
  const list = useId();
  const known = [...new Set((voices.value ?? []).flatMap((voice) => voice.tags))].filter((tag) => !tags.includes(tag));

  function add() {
    const wanted = typed.split(",").map((tag) => tag.trim()).filter((tag) => tag && !tags.includes(tag));
    if (wanted.length) onChange([...tags, ...new Set(wanted)]);
    setTyped("");
  }

  return html`<${Field} label=${t("voices.tags")} help=${t("voices.tags_help")}>${(/** @type {any} */ ids) => html`<div class="tags-edit">
    ${tags.map((tag) => html`<span key=${tag} class="chip accent"><span dir="auto">${tag}</span><${IconButton} icon="close" size=${14} label=${t("voices.remove_tag", {tag})} act=${() => onChange(tags.filter((one) => one !== tag))} /></span>`)}
    <input
      ...${{id: ids.id, "aria-describedby": ids.describedBy}} class="input" dir="auto" list=${list} value=${typed} placeholder=${t("voices.add_tag")} enterkeyhint="done"
      onInput=${(/** @type {any} */ event) => setTyped(event.currentTarget.value)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.isComposing) return;
        if (event.key === "Enter" || event.key === ",") {
          event.preventDefault();
          add();
        } else if (event.key === "Backspace" && !typed && tags.length) onChange(tags.slice(0, -1));
      }}
      onBlur=${add}
    />
    <datalist id=${list}>${known.map((tag) => html`<option value=${tag}></option>`)}</datalist>
  </div>`}</${Field}>`;
}

/** @param {{voice: Voice}} props */
export function Defaults({voice}) {
  const {name} = voice;
  const {data: fitting} = useResource("forms/conversion", {voice: name}); // marks the fields that do nothing for this voice
  const {data: usual} = useResource("forms/conversion");
  const [values, setValues, state] = useSaved(voice.defaults, (value) => patch("voice", {defaults: value}, {name}));
  const form = useMemo(() => fitting && usual && withDefaults(fitting, usual), [fitting, usual]);
  return html`<${Card} class="voice-defaults" title=${t("voices.defaults")} aside=${html`<${SavedNote} state=${state} />`}>
    <p class="quiet">${t("voices.defaults_help")}</p>
    <${Parameters} form=${form} values=${values} onChange=${setValues} hide=${voice.speakers.length > 1 ? NOT_OF_A_VOICE : [...NOT_OF_A_VOICE, "speaker", "speaker_mix"]} />
    ${Object.keys(values).length > 0 && html`<${Button} kind="quiet" icon="reset" act=${() => setValues({})}>${t("voices.reset_all")}</${Button}>`}
  </${Card}>`;
}

/**
 * Return the form for a voice with the usual defaults, instead of the voice's own defaults.
 * @param {Form} fitting
 * @param {Form} usual
 * @returns {Form}
 */
function withDefaults(fitting, usual) {
  const defaults = new Map(usual.fields.map((field) => [field.name, field.default]));
  return {fields: fitting.fields.map((field) => ({...field, default: defaults.get(field.name) ?? null}))};
}
