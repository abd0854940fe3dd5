// Geometry of the piano roll: times and notes as places on a canvas. Notes are MIDI numbers, which may be fractional.

import {placeOf, timeAt} from "../../lib/timeline.js";

/** @typedef {import("../../lib/timeline.js").View} View */
/** @typedef {{top: number, notes: number}} Range the highest shown note, and how many are shown */
/** @typedef {{view: View, range: Range, width: number, height: number}} Roll in pixels */
/** @typedef {{start: number, end: number, pitch: number}} Note times in seconds */

export const LOWEST = 24; // C1
export const HIGHEST = 96; // C7
const FEWEST_NOTES = 6;
const MOST_NOTES = HIGHEST - LOWEST;
const MARGIN_NOTES = 4; // above and below what is sung
const LEAST_RANGE = 16;
const OUTLYING_SHARE = 0.03;
const LEAST_BOX_PIXELS = 8;
const NEAR_PIXELS = 6; // a press this close to a note hits it

/** @param {Roll} roll @param {number} time */
export function xOf({view, width}, time) {
  return placeOf(view, time) * width;
}

/** @param {Roll} roll @param {number} x */
export function timeOf({view, width}, x) {
  return timeAt(view, x / width);
}

/** The middle of a note's row. @param {Roll} roll @param {number} note */
export function yOf({range, height}, note) {
  return ((range.top - note) / range.notes) * height;
}

/** @param {Roll} roll @param {number} y */
export function noteOf({range, height}, y) {
  return range.top - (y / height) * range.notes;
}

/** A range within that of the editor. @param {number} top @param {number} notes @returns {Range} */
export function rangeOf(top, notes) {
  const count = Math.max(FEWEST_NOTES, Math.min(notes, MOST_NOTES));
  return {top: Math.max(LOWEST + count, Math.min(top, HIGHEST)), notes: count};
}

/** The range that shows all notes except short ones that lie far away, most of which are octave errors. @param {Note[]} notes */
export function rangeAround(notes) {
  if (!notes.length) return rangeOf(72, 24);
  const rising = [...notes].sort((one, other) => one.pitch - other.pitch);
  const [low, high] = [pitchAfter(rising), pitchAfter(rising.reverse())];
  const margin = Math.max(MARGIN_NOTES, (LEAST_RANGE - (high - low)) / 2);
  return rangeOf(high + margin, high - low + 2 * margin);
}

/** Pitch of the first note, after leaving out notes with a small share of the total duration. @param {Note[]} notes */
function pitchAfter(notes) {
  const seconds = notes.map(({start, end}) => end - start);
  let left = OUTLYING_SHARE * seconds.reduce((sum, one) => sum + one, 0);
  const first = seconds.findIndex((one) => (left -= one) < 0);
  return notes[Math.max(0, first)].pitch;
}

/** Show fewer notes by `factor`; `note` keeps its place. @param {Range} range @param {number} factor @param {number} note */
export function rangeZoomed(range, factor, note) {
  const {notes} = rangeOf(range.top, range.notes / factor);
  return rangeOf(note + (range.top - note) * (notes / range.notes), notes);
}

/**
 * The rectangle of a note: one semitone high, and high enough to be seen and pressed.
 * @param {Roll} roll
 * @param {Note} note
 */
export function boxOf(roll, {start, end, pitch}) {
  const height = Math.max(LEAST_BOX_PIXELS, roll.height / roll.range.notes);
  const x = xOf(roll, start);
  return {x, y: yOf(roll, pitch) - height / 2, width: Math.max(2, xOf(roll, end) - x), height};
}

/**
 * Index of the note at a point, or close to it; -1 if there is none. Of several, it is the one whose pitch is closest.
 * @param {Roll} roll
 * @param {Note[]} notes
 * @param {number} x
 * @param {number} y
 */
export function noteAt(roll, notes, x, y) {
  let found = -1;
  let closest = Infinity;
  notes.forEach((note, index) => {
    const box = boxOf(roll, note);
    const near = x >= box.x - NEAR_PIXELS && x <= box.x + box.width + NEAR_PIXELS && y >= box.y - NEAR_PIXELS && y <= box.y + box.height + NEAR_PIXELS;
    const inside = x >= box.x && x <= box.x + box.width;
    const distance = Math.abs(y - yOf(roll, note.pitch)) + (inside ? 0 : 2 * NEAR_PIXELS);
    if (near && distance < closest) [found, closest] = [index, distance];
  });
  return found;
}
