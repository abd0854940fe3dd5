// Numbers, times and notes as people write them.

import {language, t} from "./texts.js";

const NOTES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
const A4_HZ = 440;
const A4_NUMBER = 69; // MIDI number

/**
 * A length of time in words: "12 s", "3 min", "1 h 20 min".
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return t("frame.seconds", {n: seconds < 10 && whole !== seconds ? number(seconds, 1) : whole});
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return t("frame.minutes", {n: minutes});
  const rest = minutes % 60;
  const hours = t("frame.hours", {n: (minutes - rest) / 60});
  return rest ? `${hours} ${t("frame.minutes", {n: rest})}` : hours;
}

/**
 * A position in a recording: "1:05", with tenths "1:05.3".
 * @param {number} seconds
 * @param {{tenths?: boolean}} [options]
 */
export function clock(seconds, {tenths = false} = {}) {
  const units = tenths ? Math.floor(seconds * 10) / 10 : Math.floor(seconds);
  const minutes = Math.floor(units / 60);
  return `${minutes}:${(units - 60 * minutes).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0")}`;
}

/**
 * A size: "361 MB" (decimal units, as systems and hubs show them).
 * @param {number} n
 */
export function bytes(n) {
  const units = ["byte", "kB", "MB", "GB", "TB"];
  let index = 0;
  for (; n >= 999.5 && index < units.length - 1; index++) n /= 1000;
  return `${number(n, n < 10 && index > 1 ? 1 : 0)} ${units[index]}`;
}

/**
 * The nearest note to a pitch: "A4".
 * @param {number} hz
 */
export function noteName(hz) {
  const midi = Math.round(A4_NUMBER + 12 * Math.log2(hz / A4_HZ));
  return `${NOTES[((midi % 12) + 12) % 12]}${Math.floor(midi / 12) - 1}`;
}

/**
 * A shift in semitones with its sign: "+12", "−5", "0".
 * @param {number} semitones
 */
export function shift(semitones) {
  if (!semitones) return "0";
  return `${semitones > 0 ? "+" : "−"}${number(Math.abs(semitones), 2)}`;
}

/**
 * A moment: the time if it is today, and the date otherwise.
 * @param {string} iso
 */
export function when(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString(language.value, today ? {timeStyle: "short"} : {dateStyle: "medium", timeStyle: "short"});
}

/** @param {number} fraction 0 to 1 */
export function percent(fraction) {
  return `${Math.round(100 * fraction)} %`;
}

/**
 * @param {number} value
 * @param {number} digits most digits after the point
 */
export function number(value, digits = 2) {
  return value.toLocaleString(language.value, {maximumFractionDigits: digits});
}
