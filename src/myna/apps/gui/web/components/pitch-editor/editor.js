// The pitch editor: the piano roll, with its tools above it and the actions for the chosen notes below it.

import {html, useEffect, useRef} from "../../vendor/preact.js";
import {clock, noteName, number, shift} from "../../lib/format.js";
import {t} from "../../lib/texts.js";
import {Button, IconButton, Segmented, Select, Spinner, Switch, useId} from "../basics.js";
import {Menu} from "../menu.js";
import {ZoomButtons, onTimelineKey, usePosition} from "../timeline.js";
import {PlayPause, Time} from "../tracks.js";
import {PianoRoll} from "./piano-roll.js";

/** @typedef {import("./model.js").Editor} Editor */

const VIBRATO = /** @type {[string, number][]} */ ([["none", 0], ["half", 0.5], ["deeper", 1.5], ["double", 2]]);

/** @param {{editor: Editor}} props */
export function PitchEditor({editor}) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  const chosen = useId();
  usePosition(root, editor.sound, editor.view);
  useEffect(() => () => editor.close(), [editor]);
  return html`<div class="pitch-editor" ref=${root} role="group" aria-label=${t("pitch.editor")} onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKey(event, editor)}>
    <${Bar} editor=${editor} />
    <${PianoRoll} editor=${editor} describedBy=${chosen} />
    <p class="keys">${t("pitch.keys")}</p>
    <${Chosen} editor=${editor} id=${chosen} />
  </div>`;
}

/** @param {KeyboardEvent} event @param {Editor} editor */
function onKey(event, editor) {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(/** @type {HTMLElement} */ (event.target).tagName);
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !typing) {
    // The physical key: with a layout that is not Latin, it types another letter than Z.
    const letter = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
    if (letter === "y" || (letter === "z" && event.shiftKey)) editor.redo();
    else if (letter === "z") editor.undo();
    else return;
    event.preventDefault();
  } else onTimelineKey(event, editor.sound, editor.view);
}

/** @param {{editor: Editor}} props */
function Bar({editor}) {
  const {sound} = editor;
  const {past, future} = editor.history.value;
  const {keys} = editor.data.value;
  return html`<div class="pitch-bar">
    <${PlayPause} transport=${sound} />
    <${Time} transport=${sound} />
    <${Segmented}
      class="heard" label=${t("tracks.heard")} value=${sound.heard.value} onChange=${(/** @type {"edited" | "unedited"} */ to) => sound.hear(to)}
      choices=${[{value: "edited", title: t("pitch.edited")}, {value: "unedited", title: t("pitch.unedited")}]}
    />
    <div class="pitch-switches">
      ${sound.hasMusic && html`<${Switch} value=${sound.music.value} onChange=${(/** @type {boolean} */ on) => sound.setMusic(on)}>${t("pitch.with_music")}</${Switch}>`}
      <${Switch} value=${editor.plays.value} onChange=${(/** @type {boolean} */ on) => (editor.plays.value = on)}>${t("pitch.play_changes")}</${Switch}>
    </div>
    <${State} editor=${editor} />
    <div class="pitch-break"></div>
    <${Segmented}
      class="heard pitch-tool" label=${t("pitch.tool")} value=${editor.tool.value} onChange=${(/** @type {any} */ to) => (editor.tool.value = to)}
      choices=${["move", "draw", "select"].map((value) => ({value, title: t(`pitch.tool_${value}`)}))}
    />
    <${Select}
      label=${t("pitch.key")} value=${editor.keyName.value} choices=${keys.map(({name, title}) => ({value: name, title}))}
      onChange=${(/** @type {string} */ name) => (editor.keyName.value = name)}
    />
    <div class="pitch-undo">
      <${IconButton} icon="undo" label=${t("pitch.undo")} disabled=${!past.length} act=${() => editor.undo()} />
      <${IconButton} icon="redo" label=${t("pitch.redo")} disabled=${!future.length} act=${() => editor.redo()} />
    </div>
    <${ZoomButtons} transport=${sound} view=${editor.view} />
  </div>`;
}

/** State of the changes: sung, being sung or failed. @param {{editor: Editor}} props */
function State({editor}) {
  const state = editor.state.value;
  return html`<div class="pitch-state" role="status">
    ${state === "singing" && html`<span class="quiet"><${Spinner} /> ${t("pitch.singing")}</span>`}
    ${state === "failed" && html`<span class="help bad" dir="auto">${editor.error.value?.message}</span>
      <${Button} kind="quiet" icon="retry" act=${() => editor.save()}>${t("frame.retry")}</${Button}>`}
  </div>`;
}

/** Description of the selection, and the actions for it. @param {{editor: Editor, id: string}} props */
function Chosen({editor, id}) {
  const off = !editor.selected.value;
  const rest = [
    {title: t("pitch.unvoiced"), act: () => editor.mark("unvoiced")}, {title: t("pitch.silent"), act: () => editor.mark("silent")},
    {title: t("pitch.restore"), act: () => editor.restore()},
  ];
  return html`<div class="pitch-chosen">
    <p id=${id} class="chosen-text" aria-live="polite">${description(editor)}</p>
    <div class="chosen-actions" role="group" aria-label=${t("pitch.chosen_actions")}>
      <${IconButton} icon="down" kind="plain" label=${t("pitch.down")} disabled=${off} act=${() => editor.nudge(-1, false)} />
      <${IconButton} icon="up" kind="plain" label=${t("pitch.up")} disabled=${off} act=${() => editor.nudge(1, false)} />
      <${Button} disabled=${off} act=${() => editor.snap()}>${t("pitch.snap")}</${Button}>
      <${Menu} label=${t("pitch.vibrato")} disabled=${off} items=${VIBRATO.map(([name, factor]) => ({title: t(`pitch.vibrato_${name}`), act: () => editor.vibrato(factor)}))}>${t("pitch.vibrato")}</${Menu}>
      <span class="wide-actions">${rest.map(({title, act}) => html`<${Button} disabled=${off} act=${act}>${title}</${Button}>`)}</span>
      <span class="narrow-actions"><${Menu} label=${t("pitch.more")} disabled=${off} items=${rest} /></span>
    </div>
  </div>`;
}

/** @param {Editor} editor */
function description(editor) {
  const {notes} = editor.data.value;
  const stretch = editor.selected.value;
  const note = notes[editor.note.value];
  if (!stretch && !notes.length) return t("pitch.no_notes");
  if (!stretch) return t(`pitch.hint_${editor.tool.value}`);
  const when = {time: clock(stretch.start, {tenths: true}), seconds: number(stretch.end - stretch.start, 2)};
  if (!note) return t("pitch.stretch_said", when);
  const pitch = note.pitch + editor.by.value;
  const cents = Math.round(100 * (pitch - Math.round(pitch)));
  return t("pitch.note_said", {
    ...when, n: editor.note.value + 1, count: notes.length, note: noteName(440 * 2 ** ((pitch - 69) / 12)), cents: cents ? ` ${shift(cents)} ¢` : "",
  });
}
