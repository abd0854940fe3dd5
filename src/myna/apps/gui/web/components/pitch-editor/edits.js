// Pitch edits as data: the same JSON that `svc infer --pitch` reads. The server applies them; this module only creates them.

/**
 * @typedef {{start: number, end: number}} Stretch in seconds
 * @typedef {{kind: "shift", start: number, end: number, semitones: number}} Shift
 * @typedef {{kind: "draw", points: [number, number][], voiced: boolean}} Draw points are (seconds, note)
 * @typedef {{kind: "snap", start: number, end: number, key: string, strength: number}} Snap
 * @typedef {{kind: "vibrato", start: number, end: number, factor: number}} Vibrato
 * @typedef {{kind: "unvoiced" | "silent", start: number, end: number}} Mark
 * @typedef {Shift | Draw | Snap | Vibrato | Mark} Edit
 * @typedef {{name: string, title: string, pitch_classes: number[]}} Key
 */

const DEAD_SEMITONES = 0.3; // a note that is moved by less stays where it is
const LEAST_SECONDS = 0.02; // a part of an edit that is shorter is dropped
const FINEST_SECONDS = 0.005; // between drawn points

/** The stretch that an edit changes. @param {Edit} edit @returns {Stretch} */
export function stretchOf(edit) {
  if (edit.kind !== "draw") return edit;
  return {start: edit.points[0][0], end: /** @type {[number, number]} */ (edit.points.at(-1))[0]};
}

/** The note of a key that is nearest to a pitch; of two, the lower one. @param {Key} key @param {number} pitch */
export function nearest({pitch_classes: classes}, pitch) {
  let found = Math.round(pitch);
  let closest = Infinity;
  for (let note = Math.floor(pitch) - 6; note <= pitch + 7; note++) {
    if (!classes.includes(((note % 12) + 12) % 12) || Math.abs(note - pitch) >= closest) continue;
    [found, closest] = [note, Math.abs(note - pitch)];
  }
  return found;
}

/**
 * Semitones by which a dragged note moves: onto the nearest note of the key, or freely.
 * @param {number} pitch of the note
 * @param {number} by semitones that it was dragged
 * @param {Key | null} key null moves freely
 */
export function landing(pitch, by, key) {
  if (!key) return by;
  return Math.abs(by) < DEAD_SEMITONES ? 0 : nearest(key, pitch + by) - pitch;
}

/**
 * Move a stretch. A second move of the same stretch adds to the first, so that the list stays short.
 * @param {Edit[]} edits
 * @param {Stretch} stretch
 * @param {number} semitones
 * @returns {Edit[]}
 */
export function moved(edits, {start, end}, semitones) {
  const last = edits.at(-1);
  const again = last?.kind === "shift" && last.start === start && last.end === end;
  const total = rounded(semitones + (again ? last.semitones : 0), 4);
  const before = again ? edits.slice(0, -1) : edits;
  return total ? [...before, {kind: "shift", start, end, semitones: total}] : before;
}

/**
 * Draw a line. Points may come in any direction; of those at one time, the last one stays.
 * @param {Edit[]} edits
 * @param {[number, number][]} points (seconds, note)
 * @returns {Edit[]} unchanged if the line has no length
 */
export function drawn(edits, points) {
  /** @type {Map<number, number>} */
  const byTime = new Map();
  for (const [time, note] of points) byTime.set(Math.round(time / FINEST_SECONDS), note);
  const line = [...byTime].sort(([one], [other]) => one - other).map(
    ([step, note]) => /** @type {[number, number]} */ ([rounded(step * FINEST_SECONDS, 3), rounded(note, 2)]),
  );
  return line.length < 2 ? edits : [...edits, {kind: "draw", points: line, voiced: true}];
}

/** @param {Edit[]} edits @param {Stretch} stretch @param {string} key @returns {Edit[]} */
export function snapped(edits, {start, end}, key) {
  return [...edits, {kind: "snap", start, end, key, strength: 1}];
}

/** @param {Edit[]} edits @param {Stretch} stretch @param {number} factor 0 to 4 @returns {Edit[]} */
export function withVibrato(edits, {start, end}, factor) {
  return [...edits, {kind: "vibrato", start, end, factor}];
}

/** @param {Edit[]} edits @param {Stretch} stretch @param {"unvoiced" | "silent"} kind @returns {Edit[]} */
export function marked(edits, {start, end}, kind) {
  return [...edits, {kind, start, end}];
}

/**
 * Remove the edits within a stretch. The parts of edits outside the stretch stay.
 * @param {Edit[]} edits
 * @param {Stretch} stretch
 * @returns {Edit[]}
 */
export function restored(edits, {start, end}) {
  return edits.flatMap((edit) => {
    const own = stretchOf(edit);
    if (own.end <= start || own.start >= end) return [edit];
    return [cut(edit, own.start, start), cut(edit, end, own.end)].filter((part) => part !== null);
  });
}

/** The part of an edit between two times, null if it is too short. @param {Edit} edit @param {number} start @param {number} end @returns {Edit | null} */
function cut(edit, start, end) {
  if (end - start < LEAST_SECONDS) return null;
  if (edit.kind !== "draw") return {...edit, start, end};
  const inner = edit.points.filter(([time]) => time > start && time < end);
  return {...edit, points: [[start, noteAtTime(edit.points, start)], ...inner, [end, noteAtTime(edit.points, end)]]};
}

/** @param {[number, number][]} points @param {number} time */
function noteAtTime(points, time) {
  const after = points.findIndex(([one]) => one >= time);
  if (after <= 0) return after < 0 ? /** @type {[number, number]} */ (points.at(-1))[1] : points[0][1];
  const [[left, low], [right, high]] = [points[after - 1], points[after]];
  return low + ((high - low) * (time - left)) / (right - left);
}

/** @param {number} value @param {number} digits */
function rounded(value, digits) {
  return Number(value.toFixed(digits));
}
