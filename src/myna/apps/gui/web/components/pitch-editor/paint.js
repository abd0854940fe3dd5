// Drawing of the piano roll: rows of notes, the spectrogram, the notes and the curves of the pitch.

import {colour} from "../../lib/theme.js";
import {noteName} from "../../lib/format.js";
import {boxOf, xOf, yOf} from "./roll.js";
import {stretchOf} from "./edits.js";

/** @typedef {import("./roll.js").Roll} Roll */
/** @typedef {import("./roll.js").Note} Note */
/** @typedef {{start: number, end: number}} Stretch */
/**
 * @typedef {{cents: number[], frame: number}} Curve pitch in hundredths of a MIDI note, 0 where unvoiced; frame: seconds per value
 * @typedef {{notes: Note[], before: Curve, after: Curve, spectrum: import("./spectrum.js").Spectrum, key: import("./edits.js").Key,
 *   edits: import("./edits.js").Edit[], selected: Stretch | null, note: number, by: number, line: [number, number][]}} Shown
 *   selected: the chosen stretch; note: index of the chosen note, -1 if there is none; by: semitones by which it is dragged; line: the one that
 *   is being drawn
 */

const LABEL_PIXELS = 36; // width of a name, for example A♯3, with its margins
const LEAST_LABEL_PIXELS = 13; // height of a row that has a name
const JUMP_CENTS = 300; // between frames that are not joined: no voice glides so fast
const BLACK = [1, 3, 6, 8, 10];

/** Colours of the roll in the theme in use. */
export function palette() {
  const names = ["surface", "raised", "line", "control", "quiet", "text", "accent", "accent-soft", "mark"];
  return Object.fromEntries(names.map((name) => [name, colour(`--${name}`)]));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Roll} roll
 * @param {Shown} shown
 */
export function paintRoll(context, roll, shown) {
  const colours = palette();
  paintRows(context, roll, shown.key, colours);
  shown.spectrum.draw(context, roll, colours.text);
  paintMarks(context, roll, shown, colours);
  shown.notes.forEach((note, index) => paintNote(context, roll, shown, note, index, colours));
  paintCurve(context, roll, shown.before, {colour: colours.quiet, width: 1});
  paintCurve(context, roll, shown.after, {colour: colours.accent, width: 2, ...dragged(shown)});
  if (shown.line.length > 1) paintLine(context, roll, shown.line, colours.accent);
}

/** @param {Shown} shown */
function dragged({notes, note, by}) {
  return by && note >= 0 ? {moved: notes[note], by} : {};
}

/** @param {CanvasRenderingContext2D} context @param {Roll} roll @param {import("./edits.js").Key} key @param {Record<string, string>} colours */
function paintRows(context, roll, key, colours) {
  const {width, height, range} = roll;
  context.fillStyle = colours.surface;
  context.fillRect(0, 0, width, height);
  const row = height / range.notes;
  const shaded = key.pitch_classes.length === 12 ? (/** @type {number} */ one) => BLACK.includes(one) : (/** @type {number} */ one) => !key.pitch_classes.includes(one);
  for (let note = Math.floor(range.top - range.notes) - 1; note <= range.top + 1; note++) {
    const y = yOf(roll, note);
    if (shaded(((note % 12) + 12) % 12)) {
      context.fillStyle = colours.raised;
      context.fillRect(0, y - row / 2, width, row);
    }
    if (note % 12 === 0) {
      context.fillStyle = colours.line;
      context.fillRect(0, Math.round(y + row / 2), width, 1);
    }
  }
}

/** The chosen stretch, and stretches that are silent. @param {CanvasRenderingContext2D} context @param {Roll} roll @param {Shown} shown @param {Record<string, string>} colours */
function paintMarks(context, roll, {edits, selected, note}, colours) {
  for (const edit of edits) {
    if (edit.kind !== "silent") continue;
    const {start, end} = stretchOf(edit);
    hatch(context, xOf(roll, start), xOf(roll, end), roll.height, colours.control);
  }
  if (!selected || note >= 0) return;
  const [x, end] = [xOf(roll, selected.start), xOf(roll, selected.end)];
  context.fillStyle = colours.mark;
  context.fillRect(x, 0, end - x, roll.height);
  context.fillStyle = colours.accent;
  context.fillRect(x, 0, 1, roll.height);
  context.fillRect(end - 1, 0, 1, roll.height);
}

/** @param {CanvasRenderingContext2D} context @param {number} left @param {number} right @param {number} height @param {string} colour */
function hatch(context, left, right, height, colour) {
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, height);
  context.clip();
  context.beginPath();
  for (let x = left - height; x < right; x += 8) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.strokeStyle = colour;
  context.globalAlpha = 0.5;
  context.stroke();
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {Roll} roll @param {Shown} shown @param {Note} note @param {number} index @param {Record<string, string>} colours */
function paintNote(context, roll, shown, note, index, colours) {
  const chosen = index === shown.note;
  const within = !chosen && shown.selected && shown.note < 0 && note.start < shown.selected.end && note.end > shown.selected.start;
  const box = boxOf(roll, chosen ? {...note, pitch: note.pitch + shown.by} : note);
  if (box.x > roll.width || box.x + box.width < 0) return;
  context.beginPath();
  context.roundRect(box.x + 0.5, box.y, Math.max(2, box.width - 1), box.height, Math.min(6, box.height / 2));
  context.globalAlpha = chosen ? 0.4 : 0.2;
  context.fillStyle = colours.accent;
  context.fill();
  context.globalAlpha = chosen || within ? 1 : 0.45;
  context.lineWidth = chosen ? 2 : 1;
  context.strokeStyle = colours.accent;
  context.stroke();
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Roll} roll
 * @param {Curve} curve
 * @param {{colour: string, width: number, moved?: Stretch, by?: number}} style moved: a stretch that is drawn `by` semitones higher
 */
function paintCurve(context, roll, {cents, frame}, {colour, width, moved, by = 0}) {
  const {start, seconds} = roll.view;
  const first = Math.max(0, Math.floor(start / frame) - 1);
  const last = Math.min(cents.length, Math.ceil((start + seconds) / frame) + 1);
  context.beginPath();
  for (let index = first; index < last; index++) {
    if (!cents[index]) continue;
    const joined = index > first && cents[index - 1] && Math.abs(cents[index] - cents[index - 1]) < JUMP_CENTS;
    const time = (index + 0.5) * frame;
    const up = moved && time >= moved.start && time < moved.end ? by : 0;
    const [x, y] = [xOf(roll, time), yOf(roll, cents[index] / 100 + up)];
    if (joined) context.lineTo(x, y);
    else context.moveTo(x, y);
  }
  context.lineWidth = width;
  context.lineJoin = "round";
  context.lineCap = "round";
  context.strokeStyle = colour;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Roll} roll @param {[number, number][]} line @param {string} colour */
function paintLine(context, roll, line, colour) {
  context.beginPath();
  line.forEach(([time, note], index) => (index ? context.lineTo(xOf(roll, time), yOf(roll, note)) : context.moveTo(xOf(roll, time), yOf(roll, note))));
  context.lineWidth = 3;
  context.strokeStyle = colour;
  context.stroke();
}

/**
 * The keys of a piano at the left of the roll.
 * @param {CanvasRenderingContext2D} context
 * @param {Roll} roll
 * @param {import("./edits.js").Key} key
 */
export function paintKeys(context, roll, key) {
  const colours = palette();
  const {width, height, range} = roll;
  const row = height / range.notes;
  context.fillStyle = colours.surface;
  context.fillRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let note = Math.floor(range.top - range.notes) - 1; note <= range.top + 1; note++) {
    const kind = ((note % 12) + 12) % 12;
    const y = yOf(roll, note);
    if (BLACK.includes(kind)) {
      context.fillStyle = colours.control;
      context.fillRect(0, y - row / 2 + 0.5, width - LABEL_PIXELS, row - 1);
    } else if (kind === 0 || kind === 5) {
      context.fillStyle = colours.line;
      context.fillRect(0, Math.round(y + row / 2), width, 1);
    }
    const within = key.pitch_classes.includes(kind);
    if (kind === 0 || (row >= LEAST_LABEL_PIXELS && within && (key.pitch_classes.length < 12 || !BLACK.includes(kind)))) {
      context.fillStyle = kind === 0 ? colours.text : colours.quiet;
      context.fillText(noteName(440 * 2 ** ((note - 69) / 12)), width - 6, y + 0.5);
    }
  }
}
