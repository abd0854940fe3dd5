// Sing: songs, a voice and a key; below them, running conversions and results.

import {html, signal, useState} from "../vendor/preact.js";
import {post} from "../lib/api.js";
import {keep, useResource} from "../lib/store.js";
import {duration} from "../lib/format.js";
import {t} from "../lib/texts.js";
import {ActionBar} from "../components/action-bar.js";
import {Button, Card, Field, Fold, Select} from "../components/basics.js";
import {isActive} from "../components/job-card.js";
import {Needs} from "../components/needs.js";
import {Page} from "../components/page.js";
import {Parameters} from "../components/parameters.js";
import {failed} from "../components/toast.js";
import {VoicePicker} from "../components/voice-picker.js";
import {Presets} from "./sing/presets.js";
import {ResultList, listen, singingJobs, useFirstResult} from "./sing/result-list.js";
import {chooseVoice, speaker, unlisted, values, voice} from "./sing/settings.js";
import {SongList} from "./sing/song-list.js";
import {addFiles, openSong, songs} from "./sing/song.js";

/** @typedef {import("./sing/song.js").Song} Song */

// Fields that the page shows elsewhere: the key belongs to each song, the speaker to the voice.
const ELSEWHERE = ["transpose", "auto_transpose", "transpose_step", "speaker"];
const WIDE = matchMedia("(min-width: 700px)");

/** Jobs that this page has started since it was opened. @type {import("../vendor/preact.js").Signal<number[]>} */
const started = signal([]);

export default function Sing() {
  return html`<${Page} title=${t("frame.sing")} class="sing" onFiles=${addFiles} bar=${html`<${Bar} />`}>
    <div class="sing-grid">
      <${SongList} />
      <${VoiceCard} />
      <${ResultList} />
    </div>
  </${Page}>`;
}

function VoiceCard() {
  const chosen = voice.value;
  const {data} = useResource(chosen ? "forms/conversion" : null, {voice: chosen?.name}, ["voices"]);
  const form = data && withDefaults(data, chosen?.defaults ?? {});
  const [open, setOpen] = useState(WIDE.matches);
  const speakers = chosen?.speakers ?? [];
  const changed = Object.keys(values.value).filter((name) => !ELSEWHERE.includes(name)).length;
  return html`<${Card} class="voice-card" title=${t("frame.voice")}>
    <${VoicePicker} value=${chosen?.name ?? null} onChange=${chooseVoice} unlisted=${unlisted.value} />
    ${speakers.length > 1 && html`<${Field} label=${t("sing.speaker")}>${(/** @type {any} */ ids) => html`<${Select}
      ...${ids} value=${speaker.value ?? speakers[0]} choices=${speakers.map((value) => ({value, title: value}))}
      onChange=${(/** @type {string} */ name) => (values.value = {...values.value, speaker: name})}
    />`}</${Field}>`}
    <${Fold} class="settings" title=${t("sing.settings")} open=${open} onToggle=${setOpen} note=${changed ? t("frame.changed", {n: changed}) : ""}>
      <div class="presets"><${Presets} /></div>
      <${Parameters} form=${form} values=${values.value} hide=${ELSEWHERE} onChange=${(/** @type {any} */ to) => (values.value = to)} />
    </${Fold}>
  </${Card}>`;
}

/**
 * A form with the defaults of a voice in place of the general ones.
 * @param {import("../lib/types.js").Form} form
 * @param {import("../lib/types.js").Values} defaults
 * @returns {import("../lib/types.js").Form}
 */
function withDefaults({fields}, defaults) {
  return {fields: fields.map((field) => (field.name in defaults ? {...field, default: defaults[field.name]} : field))};
}

/** The bar with Sing, Preview, the reason why not, and the job. */
function Bar() {
  const [busy, setBusy] = useState(false);
  const chosen = voice.value;
  const needs = (chosen?.needs ?? []).filter(({here}) => !here);
  const ready = songs.value.filter(({upload, error}) => upload.value && !error.value);
  const reason = reasonNot();
  const own = singingJobs.value.filter(({id}) => started.value.includes(id));
  const running = own.filter(isActive).at(-1);
  const newest = own[0];
  const done = !running && newest?.state === "done" ? newest : null;
  useFirstResult(newest);

  /** @param {Song[]} which @param {boolean} preview */
  async function sing(which, preview) {
    setBusy(true);
    try {
      for (const song of which) await submit(song, preview);
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    setBusy(false);
  }

  const stretch = openSong.value?.stretch.value;
  const previewable = !reason && ready.includes(/** @type {Song} */ (openSong.value)) && stretch;
  return html`<${ActionBar}
    icon="sing" label=${ready.length > 1 ? t("sing.sing_n", {n: ready.length}) : t("frame.sing")} reason=${reason} busy=${busy} job=${running}
    note=${done && html`<span class="done-note"><span class="quiet">${t("sing.done", {name: done.title})}</span>
      <button type="button" class="link" onClick=${() => listen(/** @type {number} */ (done.about.result))}>${t("sing.listen")}</button></span>`}
    act=${() => sing(ready, false)} instead=${needs.length > 0 && html`<${Needs} assets=${needs} />`}
    secondary=${html`<${Button} disabled=${!previewable || busy} act=${() => sing([/** @type {Song} */ (openSong.value)], true)}>
      ${t("sing.preview", {time: duration(Math.round(stretch?.seconds ?? 15))})}
    </${Button}>`}
  />`;
}

/** Reason why nothing can be converted now; null if something can. */
function reasonNot() {
  const all = songs.value;
  const chosen = voice.value;
  if (!all.length) return t("sing.no_song");
  if (all.some(({upload, error}) => !upload.value && !error.value)) return t("sing.wait_upload");
  if (all.every(({error}) => error.value)) return t("sing.no_readable");
  if (!chosen) return t("sing.no_voice");
  const unclear = all.filter(({content, error}) => !content.value && !error.value);
  if (unclear.some(({heard}) => !heard.value)) return t("sing.content_listening");
  if (unclear.length) return t("sing.content_first", {name: unclear[0].name});
  return chosen.problem;
}

/** @param {Song} song @param {boolean} preview */
async function submit(song, preview) {
  await song.readKey(); // so that the key is the one that the page will show
  const hasMusic = song.content.value === "song";
  const withMusic = song.leavesKey.value && song.movesMusic.value ? song.shift.value : 0;
  const job = await post(hasMusic ? "cover" : "convert", {
    upload: song.upload.value?.id,
    voice: voice.value?.name,
    options: {...values.value, transpose: song.shift.value - withMusic},
    preview: preview ? song.stretch.value : null,
    ...(hasMusic && {transpose_all: withMusic}),
  });
  started.value = [job.id, ...started.value];
  keep(job);
}
