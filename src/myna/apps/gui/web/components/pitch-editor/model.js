// State of the pitch editor: the edits, what is chosen, and the requests that sing the changes.

import {computed, signal} from "../../vendor/preact.js";
import {get, put} from "../../lib/api.js";
import {wholeView} from "../../lib/timeline.js";
import {landing, marked, moved, restored, snapped, withVibrato} from "./edits.js";
import {begun, changed, redone, undone} from "./history.js";
import {rangeAround} from "./roll.js";
import {EditorSound} from "./sound.js";
import {Spectrum} from "./spectrum.js";

/** @typedef {import("../../lib/types.js").PitchView} PitchView */
/** @typedef {import("./edits.js").Edit} Edit */
/** @typedef {import("./edits.js").Key} Key */
/** @typedef {{start: number, end: number}} Stretch */
/** @template T @typedef {import("../../vendor/preact.js").Signal<T>} Signal */

const FIRST_VIEW_SECONDS = 12;
const AROUND_SECONDS = 0.25; // played before and after a change
const FINE_SEMITONES = 0.1;

export class Editor {
  /** @param {number} number of the result @param {PitchView} data */
  constructor(number, data) {
    this.number = number;
    this.data = signal(data);
    this.sound = new EditorSound(data);
    this.spectrum = new Spectrum(data.spectrum, this.sound.seconds, () => this.drawn.value++);
    /** Grows when a part of the spectrogram has been loaded. */
    this.drawn = signal(0);
    this.view = signal({...wholeView(this.sound.seconds), seconds: Math.min(FIRST_VIEW_SECONDS, this.sound.seconds)});
    this.range = signal(rangeAround(data.notes));
    /** @type {Signal<"move" | "draw" | "select">} */
    this.tool = signal("move");
    /** @type {Signal<string>} */
    this.keyName = signal(data.key ?? "chromatic");
    this.key = computed(() => /** @type {Key} */ (data.keys.find(({name}) => name === this.keyName.value)));
    this.history = signal(begun(data.edits));
    this.edits = computed(() => this.history.value.now);
    /** The chosen stretch. @type {Signal<Stretch | null>} */
    this.selected = signal(null);
    /** Index of the chosen note, -1 if none or a stretch is chosen. */
    this.note = signal(-1);
    /** Semitones by which the chosen note is being dragged. */
    this.by = signal(0);
    /** The line that is being drawn. @type {Signal<[number, number][]>} */
    this.line = signal([]);
    /** @type {Signal<"sung" | "singing" | "failed">} */
    this.state = signal("sung");
    /** @type {Signal<Error | null>} */
    this.error = signal(null);
    /** True if a change is played as soon as it has been sung. */
    this.plays = signal(true);
    this.closed = false;
  }

  // ---- Choosing

  /** @param {number} index */
  chooseNote(index) {
    this.by.value = 0;
    const note = this.data.value.notes[index];
    this.note.value = note ? index : -1;
    this.selected.value = note ? {start: note.start, end: note.end} : null;
  }

  /** @param {Stretch | null} stretch */
  chooseStretch(stretch) {
    this.by.value = 0;
    this.note.value = -1;
    this.selected.value = stretch;
  }

  /** Choose the next or the previous note; if none is chosen, the one after or before the position. @param {1 | -1} step */
  step(step) {
    const {notes} = this.data.value;
    const from = this.note.value;
    const place = this.sound.place.value;
    const next = from >= 0 ? from + step : step > 0 ? notes.findIndex(({end}) => end > place) : notes.findLastIndex(({start}) => start < place);
    this.chooseNote(Math.max(0, Math.min(next < 0 ? notes.length - 1 : next, notes.length - 1)));
  }

  // ---- Editing

  /** @param {Edit[]} edits */
  apply(edits) {
    if (edits === this.edits.value) return;
    this.history.value = changed(this.history.value, edits);
    this.save();
  }

  /** Semitones by which the chosen note moves if it is dragged. @param {number} by semitones @param {boolean} free */
  landing(by, free) {
    const note = this.data.value.notes[this.note.value];
    return note ? landing(note.pitch, by, free ? null : this.key.value) : 0;
  }

  /** Move what is chosen. @param {number} semitones */
  move(semitones) {
    if (this.selected.value && semitones) this.apply(moved(this.edits.value, this.selected.value, semitones));
  }

  /** Move what is chosen to the next note up or down, or finely. @param {1 | -1} direction @param {boolean} fine */
  nudge(direction, fine) {
    this.move(direction * (fine ? FINE_SEMITONES : 1));
  }

  snap() {
    if (this.selected.value) this.apply(snapped(this.edits.value, this.selected.value, this.keyName.value));
  }

  /** @param {number} factor */
  vibrato(factor) {
    if (this.selected.value) this.apply(withVibrato(this.edits.value, this.selected.value, factor));
  }

  /** @param {"unvoiced" | "silent"} kind */
  mark(kind) {
    if (this.selected.value) this.apply(marked(this.edits.value, this.selected.value, kind));
  }

  restore() {
    if (this.selected.value) this.apply(restored(this.edits.value, this.selected.value));
  }

  undo() {
    this.turn(undone(this.history.value));
  }

  redo() {
    this.turn(redone(this.history.value));
  }

  /** @param {import("./history.js").History<Edit[]>} history */
  turn(history) {
    if (history === this.history.value) return;
    this.history.value = history;
    this.save();
  }

  // ---- Singing

  /** Request that the changes are sung; changes that are made meanwhile follow in the next request. */
  async save() {
    if (this.state.value === "singing") return;
    this.state.value = "singing";
    this.error.value = null;
    try {
      for (let sent = null; sent !== this.edits.value && !this.closed;) {
        sent = this.edits.value;
        this.show(await put(`results/${this.number}/pitch`, {format: 1, edits: sent}));
      }
      this.state.value = "sung";
    } catch (error) {
      this.error.value = /** @type {Error} */ (error);
      this.state.value = "failed";
    }
  }

  /** Show and play what has been sung. @param {PitchView} data */
  show(data) {
    if (this.closed) return;
    const {changed: stretches} = data;
    this.data.value = data;
    this.by.value = 0;
    this.line.value = [];
    this.sound.renew(data);
    this.spectrum.renew(data.spectrum, stretches);
    if (!this.plays.value || !stretches.length || this.sound.state.value !== "paused") return;
    this.sound.hear("edited");
    this.play(this.selected.value ?? {start: stretches[0][0], end: stretches[0][1]});
  }

  playChosen() {
    if (this.selected.value) this.play(this.selected.value);
  }

  /** @param {Stretch} stretch */
  play({start, end}) {
    this.sound.audition(start - AROUND_SECONDS, end + AROUND_SECONDS);
  }

  close() {
    this.closed = true;
    this.sound.close();
  }
}

/** Load the editor of a result. @param {number} number */
export async function openEditor(number) {
  return new Editor(number, await get(`results/${number}/pitch`));
}

