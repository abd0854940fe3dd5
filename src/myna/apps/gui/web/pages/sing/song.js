// The songs to sing: files that are uploaded, their facts, and the key chosen for each.

import {computed, effect, signal} from "../../vendor/preact.js";
import {ApiError, del, get, upload as send} from "../../lib/api.js";
import {bytes} from "../../lib/format.js";
import {session} from "../../lib/store.js";
import {t} from "../../lib/texts.js";
import {speaker, voice} from "./settings.js";

/** @typedef {import("../../lib/types.js").Upload} Upload */
/** @typedef {import("../../lib/types.js").SongFacts} SongFacts */
/** @typedef {import("../../lib/types.js").KeyFacts} KeyFacts */
/** @typedef {import("../../lib/types.js").SongContent} SongContent */
/** @template T @typedef {import("../../vendor/preact.js").Signal<T>} Signal */
/** @typedef {{start: number, seconds: number}} Stretch */
/** @typedef {"song" | "voice"} Content a song with music, or a voice alone */
/** @typedef {{id: string, name: string, bytes: number, mark: Stretch | null, shifts: Record<string, number>, chosen?: Content | null,
 *   movesMusic?: boolean}} Stored */

const STORED = "myna-songs";
const OCTAVE = 12;
let last = 0;

/** A song of the page. */
export class Song {
  /** @param {string} name file name */
  constructor(name) {
    this.key = `song-${++last}`;
    this.name = name;
    /** @type {Signal<Upload | null>} */
    this.upload = signal(null);
    /** Share that is uploaded, 0 to 1. */
    this.progress = signal(0);
    /** @type {Signal<Error | null>} */
    this.error = signal(null);
    /** @type {Signal<SongFacts | null>} */
    this.facts = signal(null);
    /** Position in the waveform, in seconds. */
    this.place = signal(0);
    /** The stretch for a preview, null for the loudest. @type {Signal<Stretch | null>} */
    this.mark = signal(null);
    /** Facts about the key by voice and speaker. @type {Signal<Record<string, KeyFacts>>} */
    this.keys = signal({});
    /** Shifts in semitones that the person chose, by voice and speaker. @type {Signal<Record<string, number>>} */
    this.shifts = signal({});
    /** Measured content of the song; null until it is measured. @type {Signal<SongContent | null>} */
    this.heard = signal(null);
    /** Content that the person chose; null to use the measured one. @type {Signal<Content | null>} */
    this.chosen = signal(null);
    /** True if a shift that changes the key of the voice also moves the music. */
    this.movesMusic = signal(true);
    /** @type {Map<string, Promise<void>>} */
    this.asked = new Map();
    this.aborted = new AbortController();

    this.stretch = computed(() => this.mark.value ?? this.facts.value?.loudest ?? null);
    /** Content as which the song is sung; null while it is unknown. @type {import("../../vendor/preact.js").ReadonlySignal<Content | null>} */
    this.content = computed(() => this.chosen.value ?? this.heard.value?.content ?? null);
    this.keyFacts = computed(() => this.keys.value[singer.value] ?? null);
    this.shift = computed(() => {
      const facts = this.keyFacts.value;
      return this.shifts.value[singer.value] ?? facts?.choices[facts.best]?.transpose ?? 0;
    });
    /** Warnings about the song; the one about music is shown only if the song is converted as a voice alone. */
    this.warnings = computed(() => (
      (this.facts.value?.warnings ?? []).filter(({kind}) => kind !== "music" || this.content.value === "voice")
    ));
    /** True if the voice would be in another key than the music unless the music is moved. */
    this.leavesKey = computed(() => this.content.value === "song" && this.shift.value % OCTAVE !== 0);
  }

  /** @param {File} file */
  async send(file) {
    const most = session.value?.limits.file_bytes;
    if (most && file.size > most) {
      this.error.value = new Error(t("sing.too_large", {size: bytes(file.size), most: bytes(most)}));
      return;
    }
    try {
      const options = {onProgress: (/** @type {number} */ share) => (this.progress.value = share), signal: this.aborted.signal};
      this.upload.value = await send(file, options);
      await this.read();
    } catch (error) {
      if (!this.aborted.signal.aborted) this.error.value = /** @type {Error} */ (error);
    }
  }

  /** Load the facts of the uploaded song. */
  async read() {
    try {
      this.facts.value = await get(`songs/${this.upload.value?.id}/facts`);
      this.error.value = null;
      this.listen();
    } catch (error) {
      this.error.value = /** @type {Error} */ (error);
    }
  }

  /** Request the measured content of the song; if this fails, the person is asked. */
  async listen() {
    const unknown = {content: null, text: t("sing.content_unknown")};
    this.heard.value = await get(`songs/${this.upload.value?.id}/content`).catch(() => unknown);
  }

  /** Load the facts about the key for the chosen voice; errors leave the song as it is. */
  readKey() {
    const upload = this.upload.peek();
    const name = voice.peek()?.name;
    if (!upload || !name) return Promise.resolve();
    const who = singer.peek();
    let asked = this.asked.get(who);
    if (!asked) {
      asked = get(`songs/${upload.id}/key`, {voice: name, speaker: speaker.peek()}).then(
        (facts) => void (this.keys.value = {...this.keys.peek(), [who]: facts}),
        () => void this.asked.delete(who),
      );
      this.asked.set(who, asked);
    }
    return asked;
  }

  /** @param {number} semitones */
  setShift(semitones) {
    this.shifts.value = {...this.shifts.peek(), [singer.peek()]: semitones};
  }
}

/** Voice and speaker, as a key for what depends on both. */
const singer = computed(() => JSON.stringify([voice.value?.name ?? null, speaker.value]));

/** @type {Signal<Song[]>} */
export const songs = signal([]);

/** The song whose waveform is shown. @type {Signal<string | null>} */
const opened = signal(null);
export const openSong = computed(() => songs.value.find(({key}) => key === opened.value) ?? songs.value[0] ?? null);

/** @param {Song} song */
export function showSong(song) {
  opened.value = song.key;
}

/** Add files as songs. @param {File[]} files */
export function addFiles(files) {
  const added = files.map((file) => new Song(file.name));
  songs.value = [...songs.value, ...added];
  if (added.length) showSong(added[0]);
  added.forEach((song, index) => song.send(files[index]));
}

/**
 * Add what is uploaded already, for example a result as a new song.
 * @param {Upload} upload
 * @param {number} [semitones] shift for the chosen voice; default: the fitting one
 */
export function addUpload(upload, semitones) {
  const song = new Song(upload.name);
  song.upload.value = upload;
  if (semitones !== undefined) song.setShift(semitones);
  songs.value = [...songs.value, song];
  showSong(song);
  song.read();
  return song;
}

/** @param {Song} song */
export function removeSong(song) {
  song.aborted.abort();
  songs.value = songs.value.filter((one) => one !== song);
  const upload = song.upload.value;
  if (upload) del(`uploads/${upload.id}`).catch(() => {}); // the server deletes what is unused by itself
}

// A song asks for its key once it is read, and again when the voice changes.
effect(() => {
  void singer.value;
  for (const song of songs.value) if (song.facts.value) song.readKey();
});

// ---- A reloaded page has the same songs.

/** @type {Stored[]} */
const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
songs.value = stored.map(({mark, shifts, chosen = null, movesMusic = true, ...upload}) => {
  const song = new Song(upload.name);
  song.upload.value = upload;
  song.mark.value = mark;
  song.shifts.value = shifts;
  song.chosen.value = chosen;
  song.movesMusic.value = movesMusic;
  song.read().then(() => {
    const {error} = song;
    if (error.value instanceof ApiError && error.value.status === 404) removeSong(song); // it was too old
  });
  return song;
});

effect(() => {
  const kept = songs.value.flatMap(({upload, mark, shifts, chosen, movesMusic, error}) => (
    upload.value && !error.value
      ? [{...upload.value, mark: mark.value, shifts: shifts.value, chosen: chosen.value, movesMusic: movesMusic.value}]
      : []
  ));
  sessionStorage.setItem(STORED, JSON.stringify(kept));
});
