// The songs, and for the open one its waveform, its warnings and its key.

import {html, signal} from "../../vendor/preact.js";
import {address} from "../../lib/api.js";
import {clock, duration, noteName, percent, shift} from "../../lib/format.js";
import {t} from "../../lib/texts.js";
import {Card, IconButton, Progress, Segmented, Spinner, Switch, useId} from "../../components/basics.js";
import {DropZone, SOUND} from "../../components/drop-zone.js";
import {Icon} from "../../components/icons.js";
import {Waveform} from "../../components/waveform.js";
import {RecordButton, Recording, recording} from "./recording.js";
import {voice} from "./settings.js";
import {addFiles, openSong, removeSong, showSong, songs} from "./song.js";

/** @typedef {import("./song.js").Song} Song */
/** @typedef {import("../../lib/types.js").Warning} Warning */

const MOST_TIMES = 8; // of one warning
const PREVIEW_SECONDS = 15;
const SHORTEST_MARK_SECONDS = 1;

/** Where to move the position, as a new object each time. @type {import("../../vendor/preact.js").Signal<{song: Song, time: number} | null>} */
const sought = signal(null);

export function SongList() {
  const all = songs.value;
  const several = all.length > 1;
  return html`<${Card} class="songs" title=${t(several ? "sing.songs" : "sing.song")}>
    ${recording.value && html`<${Recording} />`}
    ${all.length > 0 && html`<ul class="song-list">${all.map((song) => html`<${SongRow} key=${song.key} song=${song} open=${song === openSong.value} several=${several} />`)}</ul>`}
    ${!recording.value && html`<div class=${all.length ? "song-sources in-line" : "song-sources"}>
      <${DropZone}
        label=${t(all.length ? "sing.add_more" : "sing.drop")} hint=${all.length ? null : t("sing.drop_hint")} accept=${SOUND} small=${all.length > 0}
        onFiles=${addFiles}
      />
      <${RecordButton} />
    </div>`}
  </${Card}>`;
}

/** @param {{song: Song, open: boolean, several: boolean}} props */
function SongRow({song, open, several}) {
  const upload = song.upload.value;
  const facts = song.facts.value;
  const error = song.error.value;
  const busy = !error && !facts;
  const what = error ? null : !upload ? t("sing.uploading", {share: percent(song.progress.value)}) : !facts ? t("sing.reading") : summary(song);
  const name = html`
    <span class="song-sign">${busy ? html`<${Spinner} />` : html`<${Icon} name=${error ? "warning" : "file"} />`}</span>
    <span class="song-text"><span class="song-name" dir="auto">${song.name}</span>
      ${error ? html`<span class="help bad" role="alert" dir="auto">${error.message}</span>` : html`<span class="quiet">${what}</span>`}
    </span>`;
  return html`<li class=${`song ${error ? "broken" : ""}`}>
    <div class="song-head">
      ${several && !error
        ? html`<button type="button" class="song-open" aria-expanded=${String(open)} onClick=${() => showSong(song)}>${name}</button>`
        : html`<div class="song-open">${name}</div>`}
      <${IconButton} icon="close" label=${t("sing.remove_song", {name: song.name})} act=${() => removeSong(song)} />
    </div>
    ${busy && !upload && html`<${Progress} fraction=${song.progress.value} label=${song.name} />`}
    ${open && !error && html`<${SongBody} song=${song} />`}
  </li>`;
}

/** @param {Song} song */
function summary(song) {
  const facts = /** @type {import("../../lib/types.js").SongFacts} */ (song.facts.value);
  const {seconds, low_hz: low, high_hz: high} = facts;
  const warnings = song.warnings.value;
  const range = low && high ? `${noteName(low)} – ${noteName(high)}` : null;
  const semitones = song.shift.value;
  return [
    duration(seconds), range, semitones && t("sing.shifted", {n: shift(semitones)}), warnings.length > 0 && t("sing.n_warnings", {n: warnings.length}),
  ].filter(Boolean).join(" · ");
}

/** @param {{song: Song}} props */
function SongBody({song}) {
  const facts = song.facts.value;
  const upload = song.upload.value;
  // While the facts are loaded, space is reserved for the waveform, so that nothing moves.
  if (!facts || !upload) return html`<div class="song-body waiting" aria-hidden="true"></div>`;
  const outside = song.keyFacts.value?.choices.find(({transpose}) => transpose === song.shift.value)?.out_of_range;
  const warnings = [...song.warnings.value, ...(outside ? [outside] : [])];
  return html`<div class="song-body">
    <${Waveform}
      url=${address(`uploads/${upload.id}/audio`)} peaks=${facts.peaks} seconds=${facts.seconds} label=${song.name} mark=${song.stretch.value}
      onMark=${(/** @type {any} */ mark) => (song.mark.value = mark)} onPlace=${(/** @type {number} */ place) => (song.place.value = place)} spans=${warnings.flatMap(({spans}) => spans)}
      seek=${sought.value?.song === song ? sought.value : null}
    />
    <${Mark} song=${song} />
    <${ContentChoice} song=${song} />
    ${warnings.length > 0 && html`<ul class="warnings">${warnings.map((warning) => html`<li>
      <${Icon} name="warning" size=${16} /><span>${warning.text} <${Times} song=${song} warning=${warning} /></span>
    </li>`)}</ul>`}
    <${Key} song=${song} />
  </div>`;
}

/** The stretch for a preview in words, with buttons for those who do not drag. @param {{song: Song}} props */
function Mark({song}) {
  const stretch = song.stretch.value;
  const whole = song.facts.value?.seconds ?? 0;
  if (!stretch) return html`<p class="quiet mark-text"></p>`;
  const {start, seconds} = stretch;
  const place = Math.min(song.place.value, whole - SHORTEST_MARK_SECONDS);
  const here = () => (song.mark.value = {start: place, seconds: Math.min(PREVIEW_SECONDS, whole - place)});
  return html`<p class="quiet mark-text">
    ${t("sing.marked", {from: clock(start), to: clock(start + seconds)})}${" "}
    ${place > 0 && Math.abs(place - start) > 0.5 && html`<button type="button" class="link" onClick=${here}>${t("sing.mark_here", {time: clock(place)})}</button>${" "}`}
    ${song.mark.value
      ? html`<button type="button" class="link" onClick=${() => (song.mark.value = null)}>${t("sing.loudest")}</button>`
      : place <= 0 && html`<span class="mark-help">${t("sing.mark_help")}</span>`}
  </p>`;
}

/** Choice between a song with music and a voice alone; the measured answer is the default. @param {{song: Song}} props */
function ContentChoice({song}) {
  const heard = song.heard.value;
  const content = song.content.value;
  const said = !heard ? t("sing.content_listening") : song.chosen.value === null ? heard.text : t(content === "song" ? "sing.content_song_help" : "sing.content_voice_help");
  return html`<div class="content-choice">
    <${Segmented}
      label=${t("sing.content")} value=${content} choices=${["song", "voice"].map((value) => ({value, title: t(`sing.content_${value}`)}))}
      onChange=${(/** @type {import("./song.js").Content} */ to) => (song.chosen.value = to === heard?.content ? null : to)}
    />
    <p class="help" aria-live="polite">${said}</p>
  </div>`;
}

/** The times of a warning; pressing one moves the position there. @param {{song: Song, warning: Warning}} props */
function Times({song, warning: {spans}}) {
  return html`${spans.slice(0, MOST_TIMES).map(([from]) => html`<button
    type="button" class="link time-link" aria-label=${t("sing.go_to", {time: clock(from)})} onClick=${() => (sought.value = {song, time: from})}
  >${clock(from)}</button> `)}${spans.length > MOST_TIMES && t("sing.more_times", {n: spans.length - MOST_TIMES})}`;
}

/** Pitch of the song and of the voice as notes, and the choice of a key. @param {{song: Song}} props */
function Key({song}) {
  const facts = song.keyFacts.value;
  const id = useId();
  const semitones = song.shift.value;
  const names = {voice: voice.value?.title, voice_note: facts?.voice_note, song_note: facts?.source_note};
  const said = !voice.value ? "" : !facts ? t("sing.key_reading")
    : t(!facts.source_note ? "sing.key_no_notes" : !facts.voice_note ? "sing.key_unknown_voice" : "sing.key_notes", names);
  const choices = (facts?.choices ?? []).map(({transpose, title}) => ({
    value: transpose, title: html`${title}${transpose ? html` <span class="semitones">${shift(transpose)}</span>` : null}`,
  }));
  return html`<div class="key">
    <p class="key-text" aria-live="polite">${said}</p>
    <${Segmented} label=${t("sing.key")} value=${semitones} choices=${choices} onChange=${(/** @type {number} */ to) => song.setShift(to)} />
    <div class="shift"><label for=${id} class="quiet">${t("sing.shift")}</label>
      <input
        id=${id} class="input" type="number" min="-36" max="36" step="1" value=${semitones} aria-label=${t("sing.shift_label")}
        onChange=${(/** @type {any} */ event) => song.setShift(Math.max(-36, Math.min(36, Number(event.currentTarget.value) || 0)))}
      />
    </div>
    ${song.leavesKey.value && html`<div class="move-music"><${Switch} value=${song.movesMusic.value} onChange=${(/** @type {boolean} */ on) => (song.movesMusic.value = on)}>${t("sing.move_music")}</${Switch}></div>`}
  </div>`;
}
